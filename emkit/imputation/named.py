"""Numbers from analyses of several tables, put in one order by the names that they carry."""

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.data.numbers import argument_of

__all__ = ["Names", "as_array", "by_name", "stacked"]


class Names(NamedTuple):
    """What the numbers of one table are called, and what they came in."""

    axes: tuple[list, ...]  #: the names along every axis; of none where they had no names
    same_order: bool  #: whether they stood in this order in every table
    kind: Any = None  #: type of what was given, where it has names; dict for a record or row
    index: Any = ()  #: the names as pandas has them

    def wrap(self, values: Array) -> Any:
        """Numbers of the shape of one estimate, with their names."""
        if self.kind is dict:
            return dict(zip(*self.axes, values.tolist(), strict=True))
        if hasattr(self.kind, "_fields"):
            return self.kind(*values.tolist())
        return values if self.kind is None else self.kind(values, *self.index)

    def wrap_matrix(self, values: Array) -> Any:
        """A matrix over the names; as a frame where they came in a series."""
        if self.kind in {None, dict} or hasattr(self.kind, "_fields"):
            return values
        return sys.modules["pandas"].DataFrame(values, *2 * self.index)


def stacked(given: Any, argument: str, names: Names | None = None) -> tuple[Array, Names]:
    """The numbers of all tables, (m, ...), in the order of the first table or of ``names``."""
    tables = _tables(given, argument)
    labels = [_labels(table) for table in tables]
    axes = labels[0] if labels else ()
    if any(len(own) != len(axes) for own in labels):
        raise ValueError(
            f"{argument} have names in some tables and not in others, or frames stand beside "
            "series. Give every table's in the same form."
        )
    same_order = all(own == axes for own in labels)
    if names is not None:
        axes = _axes_under(names, axes, argument, same_order)
    arrays = [
        _in_order(_numbers(table, argument), own, axes, f"{argument} of table {t}")
        for t, (table, own) in enumerate(zip(tables, labels, strict=True))
    ]
    try:
        values = np.array(arrays, dtype=float)
    except ValueError as error:
        shapes = sorted({array.shape for array in arrays})
        raise ValueError(f"{argument} differ in shape between the tables: {shapes}.") from error
    return values, Names(axes, same_order, *_kind(tables[0] if axes else None))


def _axes_under(
    names: Names, axes: tuple[list, ...], argument: str, same_order: bool
) -> tuple[list, ...]:
    """Names along every axis of variances, in the order of those of their estimates."""
    if bool(names.axes) != bool(axes):
        if same_order and names.same_order:
            return axes
        raise ValueError(
            "estimates and variances stand in different orders in different tables, and only one "
            "of them has names. Name both, as pandas Series or dicts."
        )
    if not axes or len(axes) == len(names.axes):
        return names.axes
    if len(axes) != 2 * len(names.axes):
        raise ValueError(
            f"{argument} should have the same shape as the estimates, or be their covariance "
            f"matrices. Got names along {len(axes)} axes for {len(names.axes)}."
        )
    return 2 * names.axes


def by_name(given: Any, labels: list, argument: str) -> Array:
    """A number for each label: one for all, by name where they have names, or in this order."""
    table = _table(given, argument)
    own = _labels(table)
    values = _numbers(table, argument)
    if own and values.ndim == 1:
        lacking = [label for label in labels if label not in own[0]]
        if lacking:
            raise ValueError(f"{argument} lacks {lacking}. It has {own[0]}.")
        values = values[[own[0].index(label) for label in labels]]
    if values.shape not in {(), (len(labels),)} or not np.isfinite(values).all():
        raise ValueError(
            f"{argument} should be a finite number, or one for each of {labels}. Got {given!r}."
        )
    return np.broadcast_to(values, len(labels))


def as_array(values: Any) -> Array:
    """Numbers without their names."""
    return np.asarray(list(values.values()) if isinstance(values, Mapping) else values, dtype=float)


def _pandas(value: Any, kind: str) -> bool:
    # Who has such an object has imported pandas.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, kind))


def _tables(given: Any, argument: str) -> list:
    """One entry for each table; rows of a frame are tables."""
    if isinstance(given, Mapping):
        raise TypeError(
            f"{argument} should hold one entry for each table, in a list. Got a "
            f"{type(given).__name__} with keys {list(given)[:5]}. If these are the tables, give "
            "list(d.values()); if they are names, give one such dict for each table."
        )
    if _pandas(given, "DataFrame"):
        return [row for _, row in given.iterrows()]
    rows = _rows(given)
    try:
        tables = list(given) if rows is None else rows
    except TypeError:
        return []
    return [_table(table, argument) for table in tables]


def _table(table: Any, argument: str) -> Any:
    """The numbers of one table, as a dict where they are a record, or the row of a frame."""
    fields = getattr(getattr(table, "dtype", None), "names", None)
    if fields and np.ndim(table) == 0:
        return dict(zip(fields, table.item(), strict=True))
    rows = _rows(table)
    if rows is None:
        return table
    if len(rows) != 1:
        raise TypeError(
            f"{argument} hold a {type(table).__name__} of {len(rows)} rows for one table, which "
            "have no names. Give a pandas.DataFrame with names along both axes, or arrays."
        )
    return rows[0]


def _rows(frame: Any) -> list[dict] | None:
    """The rows of a frame of polars or Arrow, by the names of its columns; None of all else."""
    if hasattr(frame, "to_dicts"):
        return list(frame.to_dicts())
    return list(frame.to_pylist()) if hasattr(frame, "column_names") else None


def _labels(table: Any) -> tuple[list, ...]:
    if isinstance(table, Mapping):
        return (list(table),)
    if hasattr(table, "_fields"):
        return (list(table._fields),)
    if _pandas(table, "Series"):
        return (list(table.index),)
    if _pandas(table, "DataFrame"):
        return list(table.index), list(table.columns)
    return ()


def _kind(table: Any) -> tuple[Any, Any]:
    if isinstance(table, Mapping):
        return dict, ()
    if hasattr(table, "_fields"):
        return type(table), ()
    for kind in ("Series", "DataFrame"):
        if _pandas(table, kind):
            return getattr(sys.modules["pandas"], kind), tuple(table.axes)
    return None, ()


def _numbers(table: Any, argument: str) -> Array:
    values = list(table.values()) if isinstance(table, Mapping) else table
    try:
        array = np.asarray(argument_of(values, argument))
        if array.dtype.kind == "c":
            raise TypeError("they are complex")
        return array.astype(float)
    except (TypeError, ValueError) as error:
        told = str(error).removesuffix(".")
        raise ValueError(f"{argument} should hold numbers for each table: {told}.") from error


def _in_order(values: Array, own: tuple[list, ...], axes: tuple[list, ...], what: str) -> Array:
    """Values whose axes have names of their own, in the order of others."""
    for axis, (labels, wanted) in enumerate(zip(own, axes, strict=True)):
        if labels == wanted:
            continue
        place = {label: i for i, label in enumerate(labels)}
        lacking = [label for label in wanted if label not in place]
        more = [label for label in place if label not in wanted]
        if lacking or more:
            raise ValueError(
                f"Names should be the same in every table. The {what} lack {lacking} and have "
                f"{more} besides. Give every analysis the same terms."
            )
        if len(place) < len(labels):
            raise ValueError(f"The {what} have a name twice: {labels}. Names tell them apart.")
        values = values.take([place[label] for label in wanted], axis=axis)
    return values
