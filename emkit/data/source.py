"""Data larger than memory: read block by block, at every pass anew."""

import mmap
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from emkit.data.checks import in_context, is_private, map_of
from emkit.data.checksum import Checksums
from emkit.data.containers import array_of
from emkit.data.lazy import LazyBlocks, LazyRows
from emkit.data.numbers import refuse_date_types
from emkit.data.reading import place, read_blocks, reading
from emkit.data.responses import check_responses
from emkit.exceptions import DataReadError
from emkit.models.rows import BLOCK_ROWS

__all__ = ["Block", "Source", "is_source"]

#: Bytes from which a memory map is read block by block: a smaller one may as well be an array.
LARGE_FILE = 2**28


def is_source(X: Any) -> bool:
    """Whether X is read in blocks: a memory map, what has slices of rows, what iterates blocks."""
    if isinstance(X, np.ndarray):
        return X.nbytes >= LARGE_FILE and isinstance(X, np.memmap) and map_of(X) is not None
    containers = list | tuple | str | bytes | dict | set
    if isinstance(X, containers) or issparse(X) or hasattr(X, "__dask_graph__"):
        return False
    with reading(X, "X"):  # as a file that was closed
        return is_sliceable(X) or _gives_blocks(X)


def is_sliceable(X: Any) -> bool:
    """Whether X, in memory or not, has a shape, a dtype and slices of rows."""
    if isinstance(X, np.ndarray):
        return True
    foreign = any(hasattr(X, name) for name in ("__array_interface__", "__dlpack__", "iloc"))
    sliceable = all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
    return sliceable and not foreign and isinstance(X.dtype, np.dtype)


def _gives_blocks(X: Any) -> bool:
    arrays = ("shape", "__array__", "__array_interface__", "__dataframe__", "__dlpack__", "iloc")
    blocks = hasattr(X, "__iter__") and not any(hasattr(X, name) for name in arrays)
    return blocks or (isinstance(X, LazyBlocks) and not isinstance(X, LazyRows))


class Block(NamedTuple):
    """Some rows of a source, and what belongs to them."""

    number: int
    start: int  #: row that is its first
    X: Any
    sample_weight: Any = None
    y: Any = None

    @property
    def context(self) -> str:
        """Where an error in X or the weights lies."""
        return f"That is in block {self.number} of X, from row {self.start}."

    @property
    def context_of_y(self) -> str:
        """Where an error in y lies."""
        return f"That is in block {self.number} of y, whose row 0 is row {self.start}."


class Source:
    """Rows that need not fit in memory, in blocks that can be read as often as needed.

    Parameters
    ----------
    X : object
        Two-dimensional with shape, dtype and slices of rows; or an iterable of such blocks.
    sample_weight, y : object, default=None
        What goes with the rows: as long as X with slices of rows, or an iterable of blocks as
        long as those of X.
    y_name : str, default="y"
        What y is called.
    coder : callable, optional
        From the first block to what makes numbers of the categories of every block, or None.
    """

    def __init__(
        self,
        X: Any,
        sample_weight: Any = None,
        y: Any = None,
        y_name: str = "y",
        coder: Callable[[Any], Any] | None = None,
    ):
        self._y_name = y_name
        for name, given in (("X", X), (y_name, y), ("sample_weight", sample_weight)):
            if isinstance(given, Iterator):
                raise TypeError(
                    f"{name} must be an iterable of blocks that can be read again, because every "
                    f"iteration of EM reads them all. Got {type(given).__name__}, which can be "
                    "read once. Give an object whose __iter__ starts anew, or "
                    "emkit.engine.Blocks([...])."
                )
        self.sliceable, self.array, self.block_rows = is_sliceable(X), X, BLOCK_ROWS
        self.sample_weight = _as_array(sample_weight, "sample_weight")
        self.y = _as_array(check_responses(y, y_name), y_name)
        if self.sliceable:
            _require_rows(X.shape)
            with reading(X, place("X", 0, 0, 1)):
                self.first = X[:1]
        else:
            self.first = next(map(_as_block, read_blocks("X", X)), None)
            if self.first is None:
                raise ValueError("X is an iterable without blocks. Got none; give at least one.")
        if issparse(self.first):
            raise TypeError("Sparse data are not supported. Use toarray() on each block of X.")
        refuse_date_types(self.first, "X")
        shape, self._dtype = np.shape(self.first), _dtype(self.first)
        _require_rows(shape, least=0)
        if self._dtype.kind == "c":
            raise ValueError(f"Complex data not supported. Got X of dtype {self._dtype}.")
        self.n_features = shape[1]
        self._names, self._checksums = _names(self.first), Checksums()
        self._encode = coder and coder(self.first)
        self.first = self._in_numbers(0, self.first)
        single = self._dtype == np.float32
        self.dtype = np.dtype(np.float32 if single else np.float64)

    @property
    def n_rows(self) -> int:
        """Rows, where they can be sliced."""
        return int(self.array.shape[0])

    def __iter__(self) -> Iterator[Block]:
        start = 0
        beside = [_Beside(name, values) for name, values in self._values_beside()]
        for number, X in enumerate(self._read()):
            stop = start + len(X)
            weights, y = (values.take(number, start, stop) for values in beside)
            yield self._checked(Block(number, start, X, weights, y))
            start = stop
        for values in beside:
            values.end(start)

    def _read(self) -> Iterator[Any]:
        """Blocks of X, all of one width and dtype."""
        if self.sliceable:
            for number in range(-(-self.n_rows // self.block_rows)):
                yield self._slice(number)
            return
        for number, block in enumerate(map(_as_block, read_blocks("X", self.array))):
            with in_context(f"That is in block {number} of X."):
                refuse_date_types(block, "X")
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
            yield self._in_numbers(number, block)

    def _in_numbers(self, number: int, block: Any) -> Any:
        """A block with numbers in place of categories."""
        if self._encode is None:
            return block
        with in_context(f"That is in block {number} of X."):
            return self._encode(block)

    def _slice(self, number: int) -> Any:
        start = number * self.block_rows
        stop = min(start + self.block_rows, self.n_rows)
        where = place("X", number, start, stop)
        block = _copy(self.array, start, stop, where)
        if len(block) != stop - start:
            raise DataReadError(
                f"{where} could not be read: the slice has {len(block)} rows, and the shape of X "
                f"says {self.n_rows} for all."
            )
        return self._in_numbers(number, block)

    def block(self, number: int) -> Block:
        """One block of rows that can be sliced, with what belongs to them."""
        start = number * self.block_rows
        X = self._slice(number)
        beside = (
            _Beside(name, values).take(number, start, start + len(X))
            for name, values in self._values_beside()
        )
        return self._checked(Block(number, start, X, *beside))

    def _values_beside(self) -> list[tuple[str, Any]]:
        return [("sample_weight", self.sample_weight), (self._y_name, self.y)]

    def _checked(self, block: Block) -> Block:
        """The same; DataReadError where it has other values than at first."""
        for name in ("X", "sample_weight", "y"):
            values = getattr(block, name)
            if values is not None:
                self._checksums.check(name, block.number, block.start, values)
        return block

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
        gives_blocks = values is not None and _gives_blocks(values)
        self.blocks = read_blocks(name, values) if gives_blocks else None

    def take(self, number: int, start: int, stop: int) -> Any:
        if self.values is None:
            return None
        if self.blocks is not None:
            part = next(self.blocks, None)
        elif len(self.values.shape):
            where = place(self.name, number, start, stop)
            part = _copy(self.values, start, stop, where)
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


def _as_block(block: Any) -> Any:
    return array_of(block, "X") if isinstance(block, list | tuple) else block


def _as_array(values: Any, name: str) -> Any:
    """What goes with X, as something with slices of rows; None and blocks as they are."""
    if values is None or is_sliceable(values):
        return values
    if _gives_blocks(values) and not isinstance(values, list | tuple):
        return values
    return array_of(values, name)


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


def _copy(array: Any, start: int, stop: int, where: str) -> Any:
    """Rows as an array of their own, and the pages of a memory map given back.

    They would else count as memory of the process. What was written into a private map would be
    lost with them.
    """
    with reading(array, where):
        block = array[start:stop]
        block = np.ma.array(block) if isinstance(block, np.ma.MaskedArray) else np.array(block)
    source = map_of(array)
    if source is not None and source.mode != "c" and hasattr(source.base, "madvise"):
        source.base.madvise(mmap.MADV_DONTNEED)
    return block


def _dtype(block: Any) -> np.dtype:
    """dtype of an array; for a frame the common dtype of its columns."""
    if hasattr(block, "dtype"):
        return np.dtype(block.dtype)
    if hasattr(block, "dtypes"):
        kinds = [getattr(dtype, "numpy_dtype", dtype) for dtype in block.dtypes]
        if all(isinstance(kind, np.dtype) for kind in kinds):
            with suppress(TypeError):  # NumPy has no type for words beside numbers
                return np.result_type(*kinds)
        return np.dtype(object)
    return np.asarray(block).dtype
