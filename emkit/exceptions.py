"""What emkit raises and warns of, beyond the built-in errors."""

import sys
import warnings

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


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's line: that of the nearest frame which is not of emkit or between."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_between(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_between(module: str) -> bool:
    return module.partition(".")[0] in _BETWEEN
