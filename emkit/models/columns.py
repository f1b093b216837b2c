"""Rows of a table whose columns come in groups of different kinds, as data of latent classes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics.patterns import Group, group_rows

__all__ = ["Columns", "arrays", "as_table", "n_rows", "take"]


@dataclass(frozen=True, eq=False)
class Columns:
    """Rows of a table, their columns in groups; data of `LatentClasses`.

    Parameters
    ----------
    groups : ndarray or tuple
        Columns of one kind, shape (n,) or (n, d), or a tuple of such: what the emission takes. NaN
        is a missing cell, and so is one that is masked.
    sample_weight : ndarray of shape (n,), default=None
        Weights as frequencies: a row of weight 2 counts as two equal rows, one of weight 0 as none,
        whatever is in it.

    Raises
    ------
    ValueError
        Where lengths differ, for arrays without or of more than two dimensions, and for weights
        that are below 0 or not finite.
    TypeError
        For a group that is neither an array nor a tuple, and for weights that are no numbers.

    See Also
    --------
    LatentClasses : The model.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models import Columns
    >>> heights, visits = np.array([1.7, np.nan, 1.8]), np.array([0, 2, 1])
    >>> data = Columns((heights, visits), sample_weight=np.array([1.0, 2.0, 1.0]))
    >>> len(data), data.total_weight
    (3, 4.0)
    """

    groups: Any
    sample_weight: Array | None = None
    _patterns: list[tuple[tuple[Array, ...], tuple[Group, ...] | None]] = field(
        default_factory=list, init=False, repr=False
    )
    _accepted: list[Callable[[Any], None]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        for x in arrays(self.groups):
            if x.ndim not in (1, 2):
                raise ValueError(
                    "A group of columns must be an array of shape (n,) or (n, d). "
                    f"Got shape {x.shape}."
                )
        object.__setattr__(self, "groups", _unmasked(self.groups))  # the class is frozen
        lengths = {len(x) for x in arrays(self.groups)}
        if not lengths:
            raise ValueError("groups must be an array, or a tuple of one at least. Got ().")
        if self.sample_weight is not None:
            object.__setattr__(self, "sample_weight", _as_weights(self.sample_weight))
            lengths.add(len(self.sample_weight))
        if len(lengths) != 1:
            raise ValueError(
                "The groups of columns and sample_weight must have the same number of rows. "
                f"Got {sorted(lengths)}."
            )

    def __len__(self) -> int:
        return n_rows(self.groups)

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""
        return float(len(self) if self.sample_weight is None else self.sample_weight.sum())

    @cached_property
    def counted(self) -> "Columns":
        """Those rows that have a weight; all where none has."""
        weights = self.sample_weight
        if weights is None or weights.all() or not weights.any():
            return self
        return self.take(np.flatnonzero(weights))

    def require(self, check: Callable[[Any], None]) -> None:
        """Check the groups of columns, unless the check has passed before.

        Parameters
        ----------
        check : callable
            Raises for groups that an emission does not take.
        """
        if check not in self._accepted:
            check(self.groups)
            self._accepted.append(check)

    def take(self, rows: slice | NDArray[np.intp]) -> "Columns":
        """Some of the rows.

        Parameters
        ----------
        rows : slice or ndarray
            Which.

        Returns
        -------
        Columns
            Views, for a slice.
        """
        weights = self.sample_weight
        return Columns(take(self.groups, rows), None if weights is None else weights[rows])

    def pieces(
        self, most: Callable[[int], int], tables: tuple[Array, ...] = ()
    ) -> Iterator[slice | NDArray[np.intp]]:
        """Rows of the tiles of an E-step.

        Parameters
        ----------
        most : callable
            Rows of a tile, at most, from the number of cells that each misses in ``tables``.
        tables : tuple of ndarray, default=()
            Those of the groups in which it matters which cells a row misses.

        Yields
        ------
        slice or ndarray
            Rows; where cells are missing such as miss about the same.
        """
        patterns = self._patterns_of(tables)
        if patterns is None:
            size = most(0)
            yield from (slice(start, start + size) for start in range(0, len(self), size))
            return
        for n_missing, rows, *_ in patterns:
            yield from np.array_split(rows, -(-len(rows) // most(n_missing)))

    def _patterns_of(self, tables: tuple[Array, ...]) -> tuple[Group, ...] | None:
        """Rows by what they miss in each table, found once; None where nothing is missing."""
        for known, patterns in self._patterns:
            if list(map(id, known)) == list(map(id, tables)):
                return patterns
        incomplete = {id(x): x for x in tables if np.isnan(x.min(initial=0.0))}
        patterns = _common(map(group_rows, incomplete.values()), len(self))
        self._patterns.append((tables, patterns))
        return patterns


def arrays(groups: Any) -> Iterator[Array]:
    """All arrays of some groups of columns."""
    if isinstance(groups, tuple):
        for group in groups:
            yield from arrays(group)
    elif isinstance(groups, np.ndarray):
        yield groups
    else:
        raise TypeError(
            "Columns are an ndarray, or a tuple of ndarrays, one for each part of a product. "
            f"Got {type(groups).__name__}."
        )


def _unmasked(groups: Any) -> Any:
    """The groups, NaN where they are masked."""
    if isinstance(groups, tuple):
        return tuple(map(_unmasked, groups))
    if not isinstance(groups, np.ma.MaskedArray):
        return groups
    if groups.dtype.kind not in "biuf":
        raise TypeError(
            f"A masked array must hold numbers. Got dtype {groups.dtype}. Convert it, or fill what "
            "is masked: x.filled(value)."
        )
    values = groups.data if groups.dtype.kind == "f" else groups.data.astype(float)
    return np.where(np.ma.getmaskarray(groups), np.nan, values)


def _as_weights(sample_weight: Any) -> Array:
    """Weights (n,) as floats."""
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "biuf":
        raise TypeError(
            f"sample_weight must be an array of numbers. Got {sample_weight!r}, of dtype "
            f"{weights.dtype}."
        )
    if weights.ndim != 1:
        raise ValueError(
            f"sample_weight must have shape (n,), a weight for each row. Got shape {weights.shape}."
        )
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(
            f"sample_weight must be 0 or more, and finite. Got {weights[i]} for row {i}. A row of "
            "weight 0 does not count."
        )
    return weights if weights.dtype.kind == "f" else weights.astype(float)


def n_rows(groups: Any) -> int:
    """How many rows the columns have."""
    return len(next(arrays(groups)))


def take(groups: Any, rows: slice | NDArray[np.intp]) -> Any:
    """Some of the rows of every group."""
    if isinstance(groups, tuple):
        return tuple(take(group, rows) for group in groups)
    return groups[rows] if isinstance(rows, slice) else np.take(groups, rows, axis=0)


def as_table(columns: Array) -> Array:
    """Columns (n, d); a single one may be (n,)."""
    columns = np.asarray(columns)
    return columns[:, None] if columns.ndim == 1 else columns


def _common(groupings: Iterable[tuple[Group, ...]], n: int) -> tuple[Group, ...] | None:
    """Rows that are together in every grouping of n rows."""
    labels, n_missing = np.zeros(n, dtype=np.intp), np.zeros(1, dtype=np.intp)
    for groups in groupings:
        labels *= len(groups)
        for i, group in enumerate(groups):
            labels[group.rows] += i
        n_missing = np.add.outer(n_missing, [group.n_missing for group in groups]).ravel()
    if len(n_missing) == 1:
        return None
    return tuple(
        Group(int(n_missing[label]), np.flatnonzero(labels == label)) for label in np.unique(labels)
    )
