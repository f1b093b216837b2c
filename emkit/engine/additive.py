"""Whether the statistics of a model add up over the rows of its data."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit.engine import tree
from emkit.engine.blocks import iterate
from emkit.engine.contract import describe
from emkit.engine.model import EMModel
from emkit.engine.steps import Point, evaluate, written
from emkit.exceptions import ModelError

__all__ = ["Split", "check_halves"]

#: From data to two halves of them.
Split = Callable[[Any], tuple[Any, Any]]

#: Sums over two halves and over all rows agree to that part of the largest number of an array.
SUM_TOLERANCE = 1e-6
#: What to do where halves are no data.
NO_HALVES = (
    "If the data are no rows that can be cut in two, pass split=None, or a callable that returns "
    "two halves."
)


def check_halves(model: EMModel, data: Any, params: Any, split: Split | str | None) -> None:
    """Statistics and log-likelihood of all rows are the sums of those of two halves."""
    block = next(iterate(data))
    if split is None or not model.exact:
        return
    points = [_of_part(model, part, params) for part in (block, *_halves(block, split))]
    method = written(model, "statistics")
    for half in points[1:]:
        if wrong := tree.mismatch(half.stats, points[0].stats):
            raise ModelError(f"{method} {wrong}, on half of the data. {NO_HALVES}")
    leaves = [tree.named_leaves(point.stats) for point in points]
    for name in leaves[0]:
        _require_sum(method, name, *(leaf[name] for leaf in leaves))
    method = written(model, "log_joint")
    _require_sum(method, "log_likelihood", *(point.log_likelihood for point in points))


def _of_part(model: EMModel, part: Any, params: Any) -> Point:
    try:
        point = evaluate(model, part, params, 0)
    except ModelError as error:
        raise ModelError(f"On half of the data, {error} {NO_HALVES}") from error
    if point is None:
        method = written(model, "log_joint")
        raise ModelError(
            f"{method} raised LinAlgError on half of the data, not on all. {NO_HALVES}"
        )
    return point


def _require_sum(method: str, name: str, whole: Any, first: Any, second: Any) -> None:
    total = np.add(first, second)
    size = max(np.max(np.abs(value), initial=0.0) for value in (whole, first, second))
    if not np.max(np.abs(total - whole), initial=0.0) <= SUM_TOLERANCE * size:
        raise ModelError(
            f"{method} is not additive: {name} of all rows is {whole}, of two halves together "
            f"{total}. Make it a sum over rows, neither a mean nor a share. {NO_HALVES}"
        )


def _halves(data: Any, split: Split | str) -> tuple[Any, Any]:
    if callable(split):
        return split(data)
    if split != "rows":
        raise ValueError(f"split must be 'rows', a callable or None. Got {split!r}.")
    n = _length(data)
    if n is None or n < 2:
        raise TypeError(
            "split='rows' cuts arrays, objects with the methods take and __len__, and tuples of "
            "such of one length, of two rows at least. "
            f"Got {describe(data)}. Pass a callable that returns two halves, or split=None."
        )
    return _cut(data, slice(n // 2)), _cut(data, slice(n // 2, None))


def _length(data: Any) -> int | None:
    """Rows of an array, or of each array of a tuple; None of data that have none."""
    if _takes(data):
        return len(data)
    if isinstance(data, tuple):
        lengths = {_length(part) for part in data if part is not None}
        return lengths.pop() if len(lengths) == 1 else None
    if isinstance(data, str | dict) or not hasattr(data, "__getitem__") or np.shape(data) == ():
        return None
    return len(data)


def _takes(data: Any) -> bool:
    """Whether data are an object of rows with a method ``take``, such as `Columns`."""
    return all(hasattr(data, name) for name in ("take", "__len__")) and not hasattr(
        data, "__getitem__"
    )


def _cut(data: Any, rows: slice) -> Any:
    if _takes(data):
        return data.take(rows)
    if data is None or not isinstance(data, tuple):
        return None if data is None else data[rows]
    parts = [_cut(part, rows) for part in data]
    return type(data)(*parts) if tree.is_tree(data) else tuple(parts)
