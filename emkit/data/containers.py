"""What a container holds: names and types of its columns, masks, arrays of other libraries."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Column",
    "array_of",
    "columns_of",
    "has_masked",
    "narrow_floats",
    "split_mask",
]

#: How the types of frames begin that NumPy has no letter for: those of polars and pyarrow.
NUMBERS = ("int", "uint", "float", "double", "halffloat", "bool", "null")
DURATIONS = ("timedelta", "duration")
DATES = ("date", "timestamp", "time", "period")
#: Dimensions of what in a list is no row, but a block of rows.
OF_A_BLOCK = {"X": 2, "y": 2, "sample_weight": 1}


class Column(NamedTuple):
    """A column of a frame, as far as its type tells."""

    name: Any
    dtype: Any

    @property
    def kind(self) -> str:
        """One letter as of a NumPy type: "M" for dates, "O" where only the cells can tell."""
        kind = getattr(self.dtype, "kind", None)
        told = str(self.dtype).lower()
        if kind is None:
            kind = "f" if told.startswith(NUMBERS) else "O"
        if kind == "O" and told.startswith(DURATIONS):
            return "m"
        return "M" if kind == "O" and told.startswith(DATES) else str(kind)

    @property
    def narrow(self) -> Any:
        """float16 or float32 where its numbers are such; None otherwise."""
        name = str(getattr(self.dtype, "numpy_dtype", self.dtype)).lower().rpartition(".")[2]
        name = {"float": "float32", "halffloat": "float16"}.get(name, name)
        return np.dtype(name) if name in {"float16", "float32"} else None


def columns_of(X: Any) -> list[Column] | None:
    """The columns of a frame of pandas, polars, pyarrow or dask; None for what is none.

    TypeError for a query of polars, whose cells are not there yet.
    """
    if isinstance(X, np.ndarray):
        return None
    if hasattr(X, "collect_schema") and hasattr(X, "collect"):
        raise TypeError(
            f"A {type(X).__name__} is a query whose rows are not read yet. Pass what its collect() "
            "gives."
        )
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return list(map(Column, X.columns, X.dtypes))
    if hasattr(X, "column_names") and hasattr(X, "schema"):
        return list(map(Column, X.column_names, X.schema.types))
    return None


def narrow_floats(
    X: Any, columns: Sequence[Column] | None = None
) -> list[tuple[np.dtype[Any], Any]]:
    """Floating types below double in which the numbers are, each with its columns."""
    if columns is None:
        narrow = Column(None, getattr(X, "dtype", None)).narrow
        return [] if narrow is None else [(narrow, slice(None))]
    types = [column.narrow for column in columns]
    found = sorted({dtype for dtype in types if dtype is not None}, key=str)
    return [(dtype, np.flatnonzero([of == dtype for of in types])) for dtype in found]


# Arrays


def array_of(given: Any, name: str) -> NDArray[Any]:
    """The cells in their own type, masked where they are; TypeError where NumPy reads none.

    Lists of masked arrays, or with ``numpy.ma.masked`` among their cells, become arrays of objects.
    """
    if isinstance(given, np.ndarray):
        return given
    if isinstance(given, list | tuple):
        _refuse_blocks(given, name)
        return _of_rows(given)
    try:
        return np.asarray(given)
    except Exception as error:
        kind = f"{type(given).__module__.partition('.')[0]}.{type(given).__name__}"
        raise TypeError(
            f"{name} is a {kind}, which NumPy cannot read: {error} Pass an array of NumPy; of a "
            "tensor it is tensor.detach().cpu().numpy()."
        ) from error


def _refuse_blocks(given: Sequence[Any], name: str) -> None:
    """ValueError for a list of blocks, which as a list is one of rows."""
    if any(getattr(part, "ndim", 0) == OF_A_BLOCK.get(name) for part in given):
        raise ValueError(
            f"{name} is a {type(given).__name__} of arrays or frames, in which each part is read "
            "as one row. Put them together, as by numpy.concatenate or pandas.concat; if they are "
            f"not to be in memory at once, give emkit.engine.Blocks({name})."
        )


def _of_rows(given: Sequence[Any]) -> NDArray[Any]:
    if not any(map(has_masked, given)):
        return np.array(given)
    return np.array([_plain(row) for row in given], dtype=object)


def _plain(row: Any) -> Any:
    """A row with its masked cells as objects; one may be an array of no dimension."""
    if isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim):
        return [_plain(cell) for cell in row]
    return row[()] if isinstance(row, np.ma.MaskedArray) else row


def has_masked(row: Any) -> bool:
    """Whether a row of a list, or a number in its place, is masked or has a cell that is."""
    if isinstance(row, list | tuple):
        return any(isinstance(cell, np.ma.MaskedArray) and np.ma.is_masked(cell) for cell in row)
    return isinstance(row, np.ma.MaskedArray) and np.ma.is_masked(row)


def split_mask(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The cells of an array, 0 where they are masked, and the mask; None where none is."""
    if not isinstance(array, np.ma.MaskedArray):
        return array, None
    mask: NDArray[np.bool_] = np.ma.getmaskarray(array)
    if not mask.any():
        return array.data, None
    if array.dtype.kind in "biuf":
        return array.filled(0), mask
    cells = array.data.astype(object)
    cells[mask] = 0
    return cells, mask
