"""What check_model holds every method to: arguments left alone, numbers in double precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from emkit.engine import tree
from emkit.engine.blocks import Blocks
from emkit.exceptions import ModelError

__all__ = ["DOUBLE", "IMPRECISE", "require_double", "untouched"]

#: Bytes of a number in double precision, and what is said of one with fewer.
DOUBLE = 8
IMPRECISE = (
    "{}, whose rounding hides the last steps of a fit and may look like a fall of the objective. "
    "Return float64, as by astype(np.float64)."
)


@contextmanager
def untouched(method: str, *trees: Any, data: Any = None) -> Iterator[None]:
    """ModelError where a method changes its arguments, which the engine uses again."""
    kept = [tree.flatten(each) for each in trees]
    rows = [(array, array.copy()) for array in _arrays(data)]
    yield
    for array, before in rows:
        if not np.array_equal(array, before, equal_nan=array.dtype.kind in "fc"):
            raise ModelError(f"{method} changed its data in place. Copy them first.")
    for values, each in zip(kept, trees, strict=True):
        if not np.array_equal(values, tree.flatten(each), equal_nan=True):
            raise ModelError(f"{method} changed its {type(each).__name__} in place. Copy it first.")


def require_double(method: str, values: Any) -> None:
    """ModelError for parameters or statistics in less than double precision."""
    for name, leaf in tree.named_leaves(values).items():
        kind = getattr(leaf, "dtype", np.dtype(float))
        if kind.kind == "f" and kind.itemsize < DOUBLE:
            raise ModelError(IMPRECISE.format(f"{method} returned {name} in {kind}"))


def _arrays(data: Any) -> Iterator[Any]:
    """Arrays of numbers in the data: themselves, or in tuples, lists, dataclasses and blocks."""
    if isinstance(data, np.ndarray) and data.dtype != object:
        yield data
    elif isinstance(data, tuple | list) or (isinstance(data, Blocks) and not data.pinned):
        for part in data:
            yield from _arrays(part)
    elif is_dataclass(data) and not isinstance(data, type):
        for field in fields(data):
            yield from _arrays(getattr(data, field.name))
