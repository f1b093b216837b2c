"""Worker processes: jobs go to them, and what goes wrong is said of them, not of the model."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import PicklingError
from tempfile import TemporaryDirectory
from typing import Any

import joblib

from emkit.exceptions import WorkerError

__all__ = ["as_worker_errors", "few_threads", "side_by_side"]


#: Parts of a list at most for each process: of many short jobs, each takes several at a time.
MOST_PARTS = 64


@dataclass(frozen=True)
class Claims:
    """Parts of a list, each of which goes to the process that is first to leave a file for it."""

    folder: str
    parts: tuple[slice, ...]

    def __iter__(self) -> Iterator[slice]:
        for part in self.parts:
            try:
                os.close(os.open(Path(self.folder, str(part.start)), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            yield part


def side_by_side(function: Callable[[Any], Any], items: Sequence[Any], n: int) -> list[Any]:
    """What a function gives for every item, each in the process that is free first, of n.

    This is one of them: it works while the others start, for which they take a second.
    """
    step = -(-len(items) // (MOST_PARTS * n))
    parts = tuple(slice(start, start + step) for start in range(0, len(items), step))
    with TemporaryDirectory() as folder:
        claims = Claims(folder, parts)
        jobs = (joblib.delayed(_claimed)(function, items, claims) for _ in range(n - 1))
        with as_worker_errors():
            there = joblib.Parallel(n, return_as="generator")(jobs)
        try:
            with few_threads(n):
                results = _claimed(function, items, claims)
        except BaseException:  # what the others have begun is of no use
            with warnings.catch_warnings(action="ignore"):
                there.close()
            raise
        with as_worker_errors():
            for more in there:
                results.update(more)
    return [result for part in parts for result in results[part.start]]


def _claimed(
    function: Callable[[Any], Any], items: Sequence[Any], claims: Claims
) -> dict[int, list[Any]]:
    return {part.start: [function(item) for item in items[part]] for part in claims}


def few_threads(n: int) -> Any:
    """Context in which BLAS leaves their share of the cores to n - 1 other processes."""
    # It comes with scikit-learn.
    from threadpoolctl import ThreadpoolController

    limits = max(joblib.cpu_count() // n, 1)
    return ThreadpoolController().limit(limits=limits, user_api="blas")


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
