"""What emkit raises and warns of, beyond the built-in errors."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import parent_process
from threading import RLock, current_thread, main_thread
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

__all__ = [
    "ClusterError",
    "DataError",
    "DataReadError",
    "DataWarning",
    "InfeasibleError",
    "ModelError",
    "NotConvergedWarning",
    "VersionWarning",
    "WorkerError",
]

#: Packages whose frames stand between a user's line and the place where emkit warns.
_BETWEEN = {"emkit", "sklearn", "joblib", "contextlib"}
#: Where scikit-learn calls joblib.Parallel, and its tasks.
_TASKS = "sklearn.utils.parallel"


def __dir__() -> list[str]:
    return __all__


class ClusterError(RuntimeError):
    """The cluster that holds the data failed, or cannot do what is asked; not the model.

    What a worker raised is its cause.

    Examples
    --------
    >>> from emkit.exceptions import ClusterError
    >>> try:
    ...     raise ClusterError("A worker failed.") from MemoryError("of a worker")
    ... except ClusterError as error:
    ...     print(error, repr(error.__cause__))
    A worker failed. MemoryError('of a worker')
    """


class DataError(ValueError):
    """The data are none that the model takes; the message names the column and what it holds.

    A model raises it from any step, and `emkit.engine.fit_em` passes it on as it is: the fault is
    not the model's.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.exceptions import DataError
    >>> from emkit.models import Columns, LatentClasses, Poisson
    >>> try:
    ...     fit_em(LatentClasses(Poisson(2)), Columns(np.array([3, 1, -1, 4])))
    ... except DataError as error:
    ...     print(error)
    Column 0 must be counts, 0 or more. Got -1 in row 2. ...
    """


class DataReadError(RuntimeError):
    """Data that are read block by block could not be read; the block and its rows are named.

    The cause is the error of whoever reads them, such as an OSError.

    Examples
    --------
    >>> from emkit.engine import Blocks
    >>> from emkit.exceptions import DataReadError
    >>> class Gone:
    ...     def __iter__(self):
    ...         raise OSError("the disk is gone")
    >>> try:
    ...     Blocks(Gone()).sum(len)
    ... except DataReadError as error:
    ...     print(error)
    The blocks of data could not be read: OSError: the disk is gone
    """


class DataWarning(UserWarning):
    """What the data force on a fit: constant columns, rank deficiency, no finite maximum.

    Examples
    --------
    >>> import warnings
    >>> from emkit.exceptions import DataWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", DataWarning)  # a fit that the data spoil raises
    """


class ModelError(RuntimeError):
    """A step of an `EMModel` broke its contract; the message names the method and the iteration.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.exceptions import ModelError
    >>> from emkit.models.kmeans import KMeans, Points
    >>> try:
    ...     fit_em(KMeans(2), "no points", algorithm="cem")
    ... except ModelError as error:
    ...     print(error)
    initialize failed at iteration 0 with AttributeError: ...
    """


class InfeasibleError(ValueError):
    """No start has parameters at which the model is defined.

    Parameters
    ----------
    message : str
        What failed.
    runs : tuple of RunSummary, default=()
        Why, start by start.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.exceptions import InfeasibleError
    >>> from emkit.models.kmeans import KMeans, KMeansParams, Points
    >>> start = KMeansParams(np.full((2, 1), np.nan))
    >>> try:
    ...     fit_em(KMeans(2), Points(np.eye(2)[:, :1]), start=start, algorithm="cem")
    ... except InfeasibleError as error:
    ...     print(error.runs[0].message)
    The model is not defined at the start (singular or infeasible).
    """

    def __init__(self, message: str, runs: tuple = ()):
        super().__init__(message, runs)
        self.message = message
        self.runs = runs

    def __str__(self) -> str:
        return self.message


class NotConvergedWarning(UserWarning):
    """The best run of `emkit.engine.fit_em` ended before it converged; its reason is named.

    Estimators warn with scikit-learn's ``ConvergenceWarning`` instead.

    Examples
    --------
    >>> import warnings
    >>> from emkit.exceptions import NotConvergedWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", NotConvergedWarning)  # a fit that stops short raises
    """


class VersionWarning(UserWarning):
    """A kept estimator is opened by another version of emkit than wrote it.

    Examples
    --------
    >>> import warnings
    >>> from emkit.exceptions import VersionWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", VersionWarning)  # a model of another version raises
    """


class WorkerError(RuntimeError):
    """A process that worked for this one died, or could not be given its task.

    Examples
    --------
    >>> from emkit.exceptions import WorkerError
    >>> try:
    ...     raise WorkerError("A worker process died.")
    ... except WorkerError as error:
    ...     print(error)
    A worker process died.
    """


Said = set[tuple[type[Warning], str]]
#: What was said in each search of scikit-learn's that is under way, by what is its own alone.
_SAID: WeakKeyDictionary[Any, Said] = WeakKeyDictionary()
#: What was said in this process, where it works for another one and knows of no search.
_SAID_IN_WORKER: Said = set()
_LOCK = RLock()
#: Where warnings are only written down, and so are not said yet.
_RECORD: ContextVar[list[Warning] | None] = ContextVar("record", default=None)


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's line: that of the nearest frame which is not of emkit or between.

    In one search of scikit-learn's, which forgets between its fits what Python has shown, a text
    is said once, also from several threads. Worker processes do not know of each other, nor which
    search they work for: each says a text once.
    """
    warning = message if isinstance(message, Warning) else category(message)
    record = _RECORD.get()
    if record is not None:
        record.append(warning)
        return
    level, frame, said = 2, sys._getframe(1), None
    while frame.f_back is not None and _is_between(frame.f_globals.get("__name__", "")):
        said = _said_in_search(frame, said)
        level, frame = level + 1, frame.f_back
    if said is None:
        warnings.warn(warning, stacklevel=level)
        return
    text = type(warning), str(warning)
    with _LOCK:
        if text not in said:
            warnings.warn(warning, stacklevel=level)
            said.add(text)  # not where it is an error, which each fit raises


@contextmanager
def recorded() -> Iterator[list[Warning]]:
    """Within it all warnings are written down, in the list, for somebody to pass on.

    Those of other packages, which all threads share, in the main thread alone.
    """
    found: list[Warning] = []
    before = _RECORD.set(found)
    try:
        if current_thread() is main_thread():
            with warnings.catch_warnings(record=True) as others:
                warnings.simplefilter("always")
                yield found
            found += [other.message for other in others if isinstance(other.message, Warning)]
        else:
            yield found
    finally:
        _RECORD.reset(before)


def _is_between(module: str) -> bool:
    return module.partition(".")[0] in _BETWEEN


def _said_in_search(frame: FrameType, inner: Said | None) -> Said | None:
    """What was said in a search or cross-validation, if that is where the frame is; or ``inner``.

    What only this one has is its joblib.Parallel.
    """
    module = frame.f_globals.get("__name__", "")
    if not module.startswith("sklearn."):
        return inner
    search = frame.f_locals.get("parallel")
    config = getattr(frame.f_locals.get("self"), "config", None)
    if module == _TASKS and config is not None:
        if parent_process() is not None:
            return _SAID_IN_WORKER
        search = _parallel_with(config)
    return _SAID.setdefault(search, set()) if _is_parallel(search) else inner


def _parallel_with(config: Any) -> Any:
    """The joblib.Parallel that hands this very configuration to its tasks, in whatever thread."""
    for innermost in sys._current_frames().values():
        frame: FrameType | None = innermost
        while frame is not None:
            if frame.f_globals.get("__name__") == _TASKS:
                caller = frame.f_locals.get("self")
                if _is_parallel(caller) and frame.f_locals.get("config") is config:
                    return caller
            frame = frame.f_back
    return None


def _is_parallel(value: Any) -> bool:
    return type(value).__name__ == "Parallel"
