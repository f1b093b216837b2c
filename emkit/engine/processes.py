"""Worker processes: what goes wrong with them is said of them, not of the model that they ran."""

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pickle import PicklingError

from emkit.exceptions import WorkerError

__all__ = ["as_worker_errors"]


@contextmanager
def as_worker_errors() -> Iterator[None]:
    """About a call of joblib: WorkerError where a worker died, or could not be given its task."""
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerError(
            "A worker process died, likely killed for want of memory. Set a smaller n_jobs, or "
            f"n_jobs=1 for none. ({last_line(str(error))})"
        ) from error
    except PicklingError as error:
        reason = last_line(str(error.__cause__)) or str(error)
        raise WorkerError(
            f"What was to be done cannot be sent to other processes: {reason}. Where that is a "
            "file, make room in the temporary folder, or name another in the environment variable "
            "JOBLIB_TEMP_FOLDER; where it is the model or its data, make them picklable; or set "
            "n_jobs=1."
        ) from error


def last_line(text: str) -> str:
    """Of a traceback, which joblib gives as text, the error itself."""
    return (text.strip().strip('"').strip().splitlines() or [""])[-1]
