"""The one place that asks where rows lie: in memory, in a source read block by block, on a cluster.

An estimator says in a `Reader` how its rows are checked and which of them count. `open_data` gives
it an `Opened`, of one kind for every place, which reads with it what a fit works on and what is
computed for rows, whether they were fitted or not.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from math import fsum
from types import MethodType
from typing import Any, ClassVar, Generic, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.data.blocks import DataBlocks
from emkit.data.reader import R, Reader
from emkit.data.rounding import warn_of_rounding
from emkit.data.source import is_source
from emkit.models.rows import Rows, Summary

__all__ = ["Coder", "Opened", "Task", "is_dask", "open_data", "place_of"]


#: From the first rows of data in blocks to what makes numbers of the categories of every block;
#: None where all columns are numbers.
Coder = Callable[[Any], Callable[[Any], Any] | None]


class Task(NamedTuple):
    """What is to be computed for every row, as `Opened.map` is told."""

    compute: Callable[..., Array]
    width: int | tuple[int, ...] | None
    dtype: Any
    lazy: bool
    numbered: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what there is for one row."""
        if self.width is None:
            return ()
        return self.width if isinstance(self.width, tuple) else (self.width,)

    def __call__(self, rows: Any, number: int | None = None) -> Array:
        return self.compute(rows, number) if self.numbered else self.compute(rows)


class Opened(ABC, Generic[R]):
    """Rows wherever they lie, with their weights and y, as an estimator's `Reader` reads them."""

    #: Whether all rows are in memory, and there are as many as ``n_samples``.
    in_memory: ClassVar[bool] = False
    n_samples: int = 0
    n_features: int
    #: Floating type of the rows.
    dtype: Any
    #: Whether X, as it was given, can go to other processes.
    picklable: bool = False

    def __init__(
        self,
        estimator: Any,
        X: Any,
        reader: Reader[R],
        y: Any,
        sample_weight: Any,
        reset: bool,
        coder: Coder | None = None,
    ):
        self.estimator, self.reader, self.reset = estimator, reader, reset
        self.X, self.y, self.sample_weight, self.coder = X, y, sample_weight, coder
        self._open()

    @abstractmethod
    def _open(self) -> None:
        """Check what shows at once, and set what is above."""

    @abstractmethod
    def survey(
        self, look: Callable[[R], Any], counted: Callable[[R], R] | None = None
    ) -> list[Any]:
        """What ``look`` gives for the rows of every block, those that do not count among them.

        Where ``fit_data`` may be asked with the same ``counted``, it takes no further reading.
        """

    @abstractmethod
    def fit_data(self, min_samples: int = 1, counted: Callable[[R], R] | None = None) -> Any:
        """The rows that count, as data of a model: `Rows`, or `Blocks` of them with a summary.

        Parameters
        ----------
        min_samples : int, default=1
            Rows that must count, or there is a ValueError; at 0 an empty `Rows` may come back.
        counted : callable, optional
            From rows to those of them that count, as the reader says by default.
        """

    @abstractmethod
    def blocks(self, look: Callable[[R], Any]) -> tuple[DataBlocks, Iterable[Any]]:
        """The rows that count, in blocks, none empty, and what ``look`` gives for each of these."""

    def map(
        self,
        compute: Callable[..., Array],
        *,
        width: int | tuple[int, ...] | None = None,
        dtype: Any = None,
        lazy: bool = False,
        numbered: bool = False,
    ) -> Any:
        """What is computed for every row: an array, rows computed when they are read, a Dask array.

        Parameters
        ----------
        compute : callable
            From rows to an array with an entry for each. A method of an estimator is called as the
            estimator is now.
        width : int or tuple of int, default=None
            Columns of the result, or shape of what there is for one row; None for a vector.
        dtype : dtype, default=None
            Type of the result; by default that of the rows.
        lazy : bool, default=False
            Whether the result may be as large as X, so that of a source it is computed when it is
            read.
        numbered : bool, default=False
            Whether ``compute`` takes the number of the block too, None for blocks that are worked
            on one after the other.
        """
        if isinstance(compute, MethodType) and not self.in_memory:
            # The estimator may be fitted again before it is called.
            compute = MethodType(compute.__func__, copy(compute.__self__))
        return self._map(Task(compute, width, np.dtype(dtype or self.dtype), lazy, numbered))

    def sum(self, compute: Callable[[R], Array]) -> tuple[float, float]:
        """Weighted sum of what is computed for every row, and the total weight of the rows."""
        sums = list(self._sums(compute))
        total = fsum(n for _, n in sums)
        if total == 0.0:
            raise ValueError(f"X has no rows {self.reader.scored}: there is no score.")
        return fsum(value for value, _ in sums), total

    @abstractmethod
    def _map(self, task: Task) -> Any:
        """As `map`."""

    @abstractmethod
    def _sums(self, compute: Callable[[R], Array]) -> Iterable[tuple[float, float]]:
        """`Reader.weighted_sum` of every block."""

    @property
    def _is_first(self) -> bool:
        """Whether it is a fit, and none that goes on from another, which told of the columns."""
        goes_on = getattr(self.estimator, "warm_start", False)
        return self.reset and not (goes_on and hasattr(self.estimator, self.reader.fitted))

    def _warn_of_rounding(self, given: Any, summary: Summary) -> None:
        """Of the columns of a block or collection, where the summary is of all of them."""
        if self._is_first and len(summary.mean) == self.n_features:
            warn_of_rounding(given, summary.mean, summary.spread)

    def _nothing(self, summaries: Sequence[Summary], min_samples: int) -> Rows | None:
        """Rows, if none count; ValueError where fewer do than there must be."""
        n = sum(summary.n for summary in summaries)
        self.reader.require(n, max(min_samples, self.reader.min_samples if self.reset else 0))
        if n:
            return None
        d = len(summaries[0].mean) if summaries else self.n_features
        return Rows(np.empty((0, d), self.dtype))


def open_data(
    estimator: Any,
    X: Any,
    reader: Reader[R],
    *,
    y: Any = None,
    sample_weight: Any = None,
    reset: bool,
    coder: Coder | None = None,
) -> Opened[R]:
    """Rows that were given to a method, wherever they lie.

    Parameters
    ----------
    estimator : object
        Its number and names of features are set or checked.
    X : array-like, memory map, object with slices of rows, iterable of blocks or Dask collection
        Rows (n_samples, n_features).
    reader : Reader
        What the estimator says of its rows.
    y, sample_weight : object, default=None
        What goes with the rows.
    reset : bool
        Whether the estimator is to be fitted; otherwise it must be fitted already.
    coder : callable, optional
        What is made of columns of categories, where rows come in blocks: see `Coder`.

    Raises
    ------
    NotFittedError
        For an estimator that should be fitted.
    ValueError
        For what is no table; of rows in memory for all that can be wrong with them, elsewhere for
        what shows before they are read.
    """
    if not reset:
        check_is_fitted(estimator, reader.fitted)
    return place_of(X)(estimator, X, reader, y, sample_weight, reset, coder)


def place_of(X: Any) -> type[Opened[Any]]:
    """Where rows lie; the modules of the other places are not imported."""
    if is_dask(X):
        from emkit.data.dask_collections import Clustered

        return Clustered
    if is_source(X):
        from emkit.data.stream import Streamed

        return Streamed
    from emkit.data.memory import InMemory

    return InMemory


def is_dask(X: Any) -> bool:
    """Whether X is a Dask array or DataFrame, told without importing dask."""
    package = type(X).__module__.partition(".")[0]
    return package in {"dask", "dask_expr"} and hasattr(X, "to_delayed") and hasattr(X, "shape")
