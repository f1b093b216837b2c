"""Data larger than memory: read block by block, at every pass anew, and checked on the way."""

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_array, validate_data

from emkit.base.estimator import (
    FLOATS,
    check_weights,
    has_missing,
    is_private,
    map_of,
    rows_that_count,
)
from emkit.engine import Blocks
from emkit.engine.blocks import read
from emkit.models.rows import BLOCK_ROWS, Rows, Summary, Table, draw_numbers, summarise
from emkit.numerics.gaussian import Scaling

__all__ = [
    "Block",
    "EmptySourceError",
    "Loaded",
    "RowStream",
    "Source",
    "check_block",
    "check_block_weights",
    "block_that_counts",
    "is_source",
    "joined",
    "lazy",
    "in_context",
]

#: Bytes from which a memory map is read block by block: a smaller one may as well be an array.
LARGE = 2**28


def is_source(X):
    """Whether X is read in blocks: a memory map, what has slices of rows, what iterates blocks."""
    if isinstance(X, np.ndarray):
        return X.nbytes >= LARGE and isinstance(X, np.memmap) and map_of(X) is not None
    containers = list | tuple | str | bytes | dict | set
    if isinstance(X, containers) or issparse(X) or hasattr(X, "__dask_graph__"):
        return False
    return is_sliceable(X) or _gives_blocks(X)


def is_sliceable(X):
    """Whether X, in memory or not, has a shape, a dtype and slices of rows."""
    if isinstance(X, np.ndarray):
        return True
    foreign = any(hasattr(X, name) for name in ("__array_interface__", "__dlpack__", "iloc"))
    sliceable = all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
    return sliceable and not foreign and isinstance(X.dtype, np.dtype)


def _gives_blocks(X):
    arrays = ("shape", "__array__", "__array_interface__", "__dataframe__", "__dlpack__", "iloc")
    blocks = hasattr(X, "__iter__") and not any(hasattr(X, name) for name in arrays)
    return blocks or type(X) is LazyBlocks


class EmptySourceError(ValueError):
    """A source has too few rows that count."""


class Block(NamedTuple):
    """Some rows of a source, and what belongs to them."""

    number: int
    start: int  #: row that is its first
    X: Any
    sample_weight: Any = None
    y: Any = None

    @property
    def where(self) -> str:
        return f"That is in block {self.number} of X, from row {self.start}."


def check_block(X, sample_weight, where, dtype=FLOATS, ensure_all_finite="allow-nan"):
    """Rows and weights of a block, checked; an error says ``where``."""
    with in_context(where):
        X = check_array(X, dtype=dtype, ensure_all_finite=ensure_all_finite, ensure_min_samples=0)
        return X, check_block_weights(sample_weight, X)


@contextmanager
def in_context(where):
    """A ValueError says ``where`` too."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{error}\n{where}") from error


def check_block_weights(sample_weight, X):
    """As `check_weights`, but all may be zero in a block."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (len(X),):
        raise ValueError(
            f"sample_weight must have shape ({len(X)},), one number a row. Got {weights.shape}."
        )
    return check_weights(weights, X) if weights.any() else weights


def block_that_counts(X, sample_weight):
    """The rows of a block that count: of positive weight, with a value."""
    kept = rows_that_count(X, sample_weight, has_missing(X))
    if kept is not None:
        X, sample_weight = X[kept], None if sample_weight is None else sample_weight[kept]
    return Rows.of(X, sample_weight)


class Source:
    """Rows that need not fit in memory, in blocks that can be read as often as needed.

    Parameters
    ----------
    X : object
        Two-dimensional with shape, dtype and slices of rows; or an iterable of such blocks.
    sample_weight, y : object, default=None
        What goes with the rows: as long as X with slices of rows, or an iterable of blocks as
        long as those of X.
    """

    def __init__(self, X: Any, sample_weight: Any = None, y: Any = None):
        for name, given in (("X", X), ("y", y), ("sample_weight", sample_weight)):
            if isinstance(given, Iterator):
                raise TypeError(
                    f"{name} must be an iterable of blocks that can be read again, because every "
                    f"iteration of EM reads them all. Got {type(given).__name__}, which can be "
                    "read once. Give an object whose __iter__ starts anew, or "
                    "emkit.engine.Blocks([...])."
                )
        self.sliceable, self.array = is_sliceable(X), X
        self.sample_weight, self.y = map(_as_array, (sample_weight, y))
        if self.sliceable:
            _require_rows(X.shape)
            self.first = X[:1]
        else:
            self.first = next(iter(X), None)
            if self.first is None:
                raise ValueError("X is an iterable without blocks. Got none; give at least one.")
        if issparse(self.first):
            raise TypeError("Sparse data are not supported. Use toarray() on each block of X.")
        shape, self._dtype = np.shape(self.first), _dtype(self.first)
        _require_rows(shape, least=0)
        if self._dtype.kind == "c":
            raise ValueError(f"Complex data not supported. Got X of dtype {self._dtype}.")
        self.n_features = shape[1]
        self._names = _names(self.first)
        single = self._dtype == np.float32
        self.dtype = np.dtype(np.float32 if single else np.float64)
        # Objects and words may be marks of missing cells.
        self._read_as = None if self._dtype.kind in "OUST" else self.dtype

    def __iter__(self) -> Iterator[Block]:
        start = 0
        beside = [_Beside(name, getattr(self, name)) for name in ("sample_weight", "y")]
        for number, X in enumerate(self._read()):
            stop = start + len(X)
            weights, y = (values.take(number, start, stop) for values in beside)
            yield Block(number, start, X, weights, y)
            start = stop
        for values in beside:
            values.end(start)

    def _read(self) -> Iterator[Any]:
        """Blocks of X, all of one width and dtype."""
        if self.sliceable:
            for start in range(0, int(self.array.shape[0]), BLOCK_ROWS):
                yield self._slice(start)
            return
        for number, block in enumerate(self.array):
            shape, dtype = np.shape(block), _dtype(block)
            if len(shape) != 2 or shape[1] != self.n_features:
                raise ValueError(
                    f"Block {number} of X has shape {shape}, and block 0 has {self.n_features} "
                    "columns. All blocks must have the same columns."
                )
            if dtype != self._dtype:
                raise ValueError(
                    f"Block {number} of X has dtype {dtype}, and block 0 has {self._dtype}. All "
                    "blocks must have the same dtype. Convert them, as with block.astype(float)."
                )
            names = _names(block)
            if self._names is not None and names is not None and names != self._names:
                raise ValueError(
                    f"Block {number} of X has the columns {names}, and block 0 {self._names}. All "
                    "blocks must have the same columns in the same order."
                )
            # A frame may hold pandas.NA, which NumPy makes no number of.
            yield block if hasattr(block, "iloc") else np.asarray(block, dtype=self._read_as)

    def _slice(self, start: int) -> Any:
        stop = min(start + BLOCK_ROWS, int(self.array.shape[0]))
        return _copy(self.array, start, stop, self._read_as)

    def block(self, number: int) -> Block:
        """One block of rows that can be sliced, with what belongs to them."""
        start = number * BLOCK_ROWS
        X = self._slice(start)
        beside = (
            _Beside(name, getattr(self, name)).take(number, start, start + len(X))
            for name in ("sample_weight", "y")
        )
        return Block(number, start, X, *beside)

    @property
    def picklable(self) -> bool:
        """Whether other processes can read it: a memory map with no more than arrays beside it."""
        beside = [values for values in (self.sample_weight, self.y) if values is not None]
        held = isinstance(self.array, np.memmap) and all(isinstance(v, np.ndarray) for v in beside)
        return held and not any(is_private(values) for values in (self.array, *beside))

    def check(self, estimator: Any, *, reset: bool) -> None:
        """Set or check number and names of the features."""
        validate_data(estimator, self.first, skip_check_array=True, reset=reset)


class _Beside:
    """What goes with the rows of X, taken block by block."""

    def __init__(self, name: str, values: Any):
        self.name, self.values = name, values
        self.blocks = iter(values) if values is not None and _gives_blocks(values) else None

    def take(self, number: int, start: int, stop: int) -> Any:
        if self.values is None:
            return None
        if self.blocks is not None:
            part = next(self.blocks, None)
        elif len(self.values.shape):
            part = _copy(self.values, start, stop)
        else:  # one number for all rows
            part = np.full(stop - start, self.values)
        if part is None or len(part) != stop - start:
            raise ValueError(
                f"{self.name} and X must have the same rows. Block {number} of X has "
                f"{stop - start} rows, and {self.name} {0 if part is None else len(part)} for them."
            )
        return part

    def end(self, n: int) -> None:
        if self.values is None:
            return
        if self.blocks is not None:
            longer = next(self.blocks, None) is not None
        else:
            longer = self.values.shape[:1] > (n,)
        if longer:
            raise ValueError(
                f"{self.name} and X must have the same rows. X has {n}, and {self.name} has more."
            )


def _as_array(values: Any) -> Any:
    """What goes with X, as something with slices of rows; None and blocks as they are."""
    if values is None or is_sliceable(values):
        return values
    if _gives_blocks(values) and not isinstance(values, list | tuple):
        return values
    return np.asarray(values)


def _require_rows(shape: tuple[int, ...], least: int = 1) -> None:
    shape = tuple(shape)
    if len(shape) != 2:
        raise ValueError(
            f"Expected 2D array, got an array of shape {shape} instead. X must have two "
            "dimensions, rows and columns, and so must every block of it."
        )
    if shape[0] < least:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required."
        )


def _names(block: Any) -> list[str] | None:
    """Names of the columns of a frame."""
    return list(map(str, block.columns)) if hasattr(block, "columns") else None


def _copy(array: Any, start: int, stop: int, dtype: Any = None) -> Any:
    """Rows as an array of their own, and the pages of a memory map given back.

    They would else count as memory of the process. What was written into a private map would be
    lost with them.
    """
    block = array[start:stop]
    if isinstance(block, np.ma.MaskedArray):
        block = np.ma.filled(block.astype(np.result_type(block.dtype, np.float32)), np.nan)
    block = np.array(block, dtype=dtype)
    source = map_of(array)
    if source is not None and source.mode != "c" and hasattr(source.base, "madvise"):
        source.base.madvise(mmap.MADV_DONTNEED)
    return block


def _dtype(block: Any) -> np.dtype:
    """Of an array, or the common one of a frame's columns."""
    if hasattr(block, "dtype"):
        return np.dtype(block.dtype)
    if hasattr(block, "dtypes"):
        kinds = [getattr(dtype, "numpy_dtype", dtype) for dtype in block.dtypes]
        plain = all(isinstance(kind, np.dtype) for kind in kinds)
        return np.result_type(*kinds) if plain else np.dtype(object)
    return np.asarray(block).dtype


class Loaded(Sequence[Any]):
    """Rows of a source that can be sliced, by the number of their block."""

    def __init__(self, source: Source, load: Callable[[Block], Any], numbers: Sequence[int]):
        self.source, self.load, self.numbers = source, load, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i: Any) -> Any:
        return self.load(self.source.block(self.numbers[i]))


class RowStream(Blocks):
    """Rows of a source, to a model what `Rows` are.

    Parameters
    ----------
    source : Source
        What is read.
    load : callable
        From a `Block` to the `Rows` of it that count, checked.
    min_samples : int
        Rows that there must be.
    summaries : sequence of Summary, optional
        Of the rows of every block, where they are known; by default all are read for them.
    """

    def __init__(
        self,
        source: Source,
        load: Callable[[Block], Rows],
        min_samples: int = 1,
        summaries: Sequence[Summary] | None = None,
    ):
        if summaries is None:
            summaries = [Summary.of(load(block)) for block in source]
        n = sum(s.n for s in summaries)
        if n < max(min_samples, 1):
            raise EmptySourceError(
                f"Found array with {n} sample(s) (of positive weight, with a value) while a "
                f"minimum of {min_samples} is required."
            )
        super().__init__(Loaded(source, load, [i for i, s in enumerate(summaries) if s.n]))
        self.source, self.load = source, load
        self.pinned = not source.picklable
        self._summaries = [s for s in summaries if s.n]
        self.summary = summarise(self._summaries)
        self.X = Table((n, len(self.summary.mean)), source.dtype)
        self.weighted = source.sample_weight is not None
        self.incomplete = self.summary.incomplete
        self.total_weight = self.summary.total_weight
        self.start_data = self

    def __iter__(self) -> Iterator[Rows]:
        return read(self._rows())

    def _rows(self) -> Iterator[Rows]:
        n = 0
        for block in self.source:
            rows = self.load(block)
            if len(rows.X):
                n += len(rows.X)
                yield rows
        if n != self.X.shape[0]:
            raise ValueError(
                f"X gave {n} rows, and {self.X.shape[0]} when it was first read. It must give the "
                "same rows at every pass."
            )

    def __len__(self) -> int:
        return len(self._summaries)

    def summaries(self) -> Iterator[Summary]:
        return iter(self._summaries)

    def spread(self) -> Scaling:
        """Mean and standard deviation of every column."""
        return Scaling(self.summary.mean, self.summary.spread)

    def sample(self, size: int, rng: np.random.Generator) -> Rows:
        """As `Rows.sample`; the same rows where none has a weight."""
        n, make = self.X.shape[0], Rows.of if self.incomplete else Rows
        if n <= size:
            X, weights, _ = zip(*self, strict=True)
            return make(np.concatenate(X), np.concatenate(weights) if self.weighted else None)
        if self.weighted:
            shares = np.array([s.total_weight for s in self._summaries]) / self.total_weight
            drawn: Any = rng.multinomial(size, shares)
        else:
            counts = np.cumsum([s.n for s in self._summaries])
            numbers = draw_numbers(n, size, rng)
            drawn = np.split(numbers, np.searchsorted(numbers, counts[:-1]))
        parts, start = [], 0
        for rows, some in zip(self, drawn, strict=True):
            here = rows.draw(some, rng) if self.weighted else some - start
            parts.append(np.take(rows.X, here, axis=0))
            start += len(rows.X)
        return make(np.concatenate(parts))


def joined(parts: Iterable[Any]) -> Any:
    """Parts one after the other in one array; a single one as it is."""
    parts = list(parts)
    if not parts:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def lazy(
    source: Source, compute: Callable[[Block], Any], n_features: int, dtype: Any
) -> "LazyBlocks":
    """What is computed of the rows of a source, when it is read."""
    return (LazyRows if source.sliceable else LazyBlocks)(source, compute, n_features, dtype)


class LazyBlocks:
    """Rows computed of those of an iterable of blocks whenever it is iterated.

    Parameters
    ----------
    source : Source
        What is read.
    compute : callable
        From a `Block` to the rows in its place.
    n_features : int
        Width of these.
    dtype : dtype
        Their floating type.
    """

    def __init__(
        self, source: Source, compute: Callable[[Block], Any], n_features: int, dtype: Any
    ):
        self._source, self._compute = source, compute
        self._width, self._dtype = n_features, np.dtype(dtype)

    def __iter__(self) -> Iterator[Any]:
        return map(self._compute, self._source)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "These rows come in blocks that are computed when they are iterated; they are no "
            "array. Take them block by block, or all at once: numpy.concatenate(list(rows))."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._width} columns, computed when read>"


class LazyRows(LazyBlocks):
    """Rows computed of those of a source whenever they are sliced, a block at a time.

    It has a shape, a dtype, a length and slices of rows; ``numpy.asarray`` computes all.
    """

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self._width

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    ndim = 2

    def __len__(self) -> int:
        return int(self._source.array.shape[0])

    def __getitem__(self, rows: slice) -> Any:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(
                f"Rows that are computed when read are taken by slices without a step. Got "
                f"{rows!r}. For others take numpy.asarray of a slice first."
            )
        start, stop, _ = rows.indices(len(self))
        parts = [np.empty((0, self._width), self._dtype)]
        for number in range(start // BLOCK_ROWS, -(-stop // BLOCK_ROWS)):
            at = number * BLOCK_ROWS
            block = self._compute(self._source.block(number))
            parts.append(block[max(start - at, 0) : stop - at])
        return np.concatenate(parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("These rows are computed when read: there is nothing to view.")
        return np.asarray(self[:], dtype=dtype)
