"""Which columns of a table have no variance of their own: constants, sums, copies, shares."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf

from emkit._typing import Array
from emkit.mixture.flat import Flat
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Scaling

__all__ = ["find_flat", "is_steered", "refuse_far_values", "units_of"]

#: Part of a column's variance from which on reg_covar steers the fit; what is equal but for
#: rounding is not more.
STEERING_PART = 0.01 * (1.0 + 1e-6)
#: What a column varies by beyond others, as part of its standard deviation, that is nothing:
#: covariances in doubles do not resolve its square. The rounding of the table itself may be
#: coarser, up to a part that is no longer nothing.
NOTHING, COARSEST = 1e-7, 1e-4
#: A pivot of a correlation matrix, itself rounded, above which nobody need look closer.
CLEAR_PIVOT = 1e-6
#: Most columns that are looked through for relations, which takes d^2 numbers and n d^2 products.
MOST_COLUMNS = 300
#: What half of the values of a column differ by, in standard deviations, below which these are
#: of a few values far away; and below which the column gets the unit of that half.
NARROW_HALF, TINY_HALF = 1e-3, 1e-6
#: Deviations of that half to the farthest value that fit into the digits of a double.
DIGITS_OF_DOUBLE = 1e15
#: Shortest half of a normal distribution, in standard deviations.
NORMAL_HALF = 1.349
#: Rows that show that there is no relation, for every column and beside; and that show one.
ROWS_PER_COLUMN, MORE_ROWS, MOST_ROWS = 4, 20, 50_000
#: A slope this small, in units of the columns, is rounding.
NO_SLOPE = 1e-9


def is_steered(spread: Array, reg_covar: float) -> NDArray[np.bool_]:
    """Whether columns have so small a spread that reg_covar decides on it."""
    # A root, as squares of the spread may underflow.
    return spread < (reg_covar / STEERING_PART) ** 0.5


def find_flat(data: Any, scaling: Scaling, reg_covar: float, *, alone: bool = True) -> Flat | None:
    """The flat that the rows lie in; None where every column varies in its own right.

    Relations between columns are told by complete rows, of which there must be more than columns:
    fewer rows always lie in a flat. Of related columns the first are kept; but first of all those
    that reg_covar does not steer, which would hide what it steers in all that follows from it.

    Parameters
    ----------
    data : Rows or blocks of them
        The rows that count, a value in every column.
    scaling : Scaling
        Mean and standard deviation of the columns.
    reg_covar : float
        What is added to every variance.
    alone : bool, default=True
        Whether there is nothing else to fit, so that one column is kept though none varies.
    """
    varies = scaling.scale > 0.0
    free: Any = np.flatnonzero(varies)
    if alone and not len(free):  # but for one of them: the one that is known best
        free = data.sum(_known)[0].n.argmax(keepdims=True)
        varies[free] = True
    # Those that are steered come last, the largest of them first; those with bounds come first.
    steered = is_steered(scaling.scale[free], reg_covar)
    bounds = getattr(data, "bounds", None)
    unlimited = np.ones(len(free)) if bounds is None else ~np.isin(free, bounds.columns)
    order: Any = np.lexsort([-1.0 * steered * scaling.scale[free], unlimited, steered])
    related = _related(data, scaling, free[order]) if 1 < len(free) <= MOST_COLUMNS else None
    if related is None and varies.all():
        return None
    constant = np.flatnonzero(~varies)
    if related is None:
        related = _Related(free, free[:0], np.empty((0, len(free))), np.empty(0))
    return Flat(related.kept, constant, scaling.shift[constant], *related[1:], scaling.scale)


def units_of(data: Any, scaling: Scaling, names: Any, flat: Flat | None = None) -> Scaling:
    """Shift and scale of the columns, of most rows where a few values lie far from all others.

    By mean and standard deviation, these would leave no digit of what they are beside. ValueError
    for a value so far away that no unit leaves any. ``flat`` tells which cells may have been
    filled by those of other columns, if any may, and so are rounded.
    """
    rows = _some_rows(data, MOST_ROWS)
    few = ROWS_PER_COLUMN * len(scaling.shift) + MORE_ROWS
    half = _shortest_half(rows[:: max(len(rows) // few, 1)])[1]
    if (NORMAL_HALF * half >= NARROW_HALF * scaling.scale).all():
        return scaling
    centre, half = _shortest_half(rows)
    same = np.abs(centre)
    if flat is not None:
        same = np.maximum(same, flat.terms(_largest(data)))
    rounding = 64.0 * np.finfo(data.dtype).eps * same  # of values that are the same
    far = (half > rounding) & (half < TINY_HALF * scaling.scale)
    if far.any():
        _refuse_beyond(data, centre, np.where(far, half, np.inf), names)
    return Scaling(np.where(far, centre, scaling.shift), np.where(far, half, scaling.scale))


def refuse_far_values(data: Any, scaling: Scaling, names: Any) -> None:
    """ValueError for a value so far away that no unit leaves digits to the others of its column."""
    units_of(data, scaling, names)


def _refuse_beyond(data: Any, centre: Array, half: Array, names: Any) -> None:
    """ValueError for a value that is farther from the others than doubles have digits."""
    low, high = _range(data)
    extreme = np.where(high - centre > centre - low, high, low).astype(float)
    beyond = np.flatnonzero(np.abs(extreme - centre) > DIGITS_OF_DOUBLE * half)
    if len(beyond):
        j = beyond[0]
        raise ValueError(
            f"Column {names[j]} of X holds {extreme[j]:g}, and half of its values lie within "
            f"{2.0 * NORMAL_HALF * half[j]:.2g} of {centre[j]:g}: of these nothing would be left "
            "beside it in doubles. If it stands for a missing value, put NaN in its place; "
            "otherwise drop its row, or take logarithms of the column."
        )


def _range(data: Any) -> tuple[Array, Array]:
    """Smallest and largest value of each column."""
    if isinstance(data, Rows):
        return np.fmin.reduce(data.X, axis=0), np.fmax.reduce(data.X, axis=0)
    return data.summary.low, data.summary.high


def _largest(data: Any) -> Array:
    """Largest size of the values of each column."""
    return np.abs(np.asarray(_range(data), dtype=float)).max(axis=0)


def _some_rows(data: Any, most: int) -> Array:
    """About so many rows, or all where they are fewer; of blocks, of the first one."""
    start = data.start_data
    X = start.X if isinstance(start, Rows) else next(iter(start)).X
    return np.asarray(X[:: max(len(X) // most, 1)])


def _shortest_half(rows: Array) -> tuple[Array, Array]:
    """Middle of the shortest interval that holds half of each column, and its deviation; 0 where
    half of the values are the same, unless a few others are near them. NaN in an empty column."""
    middle, deviation = np.full((2, rows.shape[1]), np.nan)
    for j, column in enumerate(rows.T):
        x = column.astype(float)  # one column at a time needs little memory
        x = np.sort(x[x == x])
        if len(x):
            h = (len(x) + 1) // 2
            lengths = x[h - 1 :] - x[: len(x) - h + 1]
            first = lengths.argmin()
            middle[j] = 0.5 * x[first] + 0.5 * x[first + h - 1]
            deviation[j] = lengths[first] / NORMAL_HALF
    return middle, deviation


class _Related(NamedTuple):
    kept: NDArray[np.intp]
    related: NDArray[np.intp]
    slopes: Array
    offsets: Array


def _related(data: Any, scaling: Scaling, free: NDArray[np.intp]) -> _Related | None:
    """Columns among the free ones that follow from those before them; None if there are none."""
    units, d = Scaling(scaling.shift[free], scaling.scale[free]), len(free)
    few = _complete_rows(data, free, ROWS_PER_COLUMN * d + MORE_ROWS)
    if len(few) <= d or _is_regular(_internal(few, units)):
        return None
    rows = _complete_rows(data, free, MOST_ROWS)
    z = _internal(rows, units)
    triangle = np.abs(np.linalg.qr(z, mode="r"))
    own = np.diagonal(triangle) <= COARSEST * np.sqrt((z**2).sum(axis=0))
    if not own.any():
        return None
    return _verified(data, free, units, rows, own)


def _complete_rows(data: Any, columns: NDArray[np.intp], most: int) -> Array:
    """About so many rows that have all of the columns, or all such rows where they are fewer."""
    start = data.start_data
    found: list[Array] = []
    for rows in (start,) if isinstance(start, Rows) else start:
        X = rows.X
        if rows.incomplete:
            X = X[~np.isnan(X[:, columns]).any(axis=1)]
        found.append(X[:: max(len(X) // most, 1)][:, columns])
        if sum(map(len, found)) >= most:
            break
    return found[0] if len(found) == 1 else np.concatenate(found)


def _internal(rows: Array, units: Scaling) -> Array:
    """Rows in units of the columns, about their mean."""
    z = (rows - units.shift) / units.scale
    z -= np.add.reduce(z) / len(z)
    return z


def _is_regular(z: Array) -> bool:
    """Whether every column clearly varies beyond those before it."""
    root, info = dpotrf(z.T @ z, lower=1)
    return info == 0 and bool(root.diagonal().min() ** 2 > CLEAR_PIVOT * len(z))


def _verified(
    data: Any, free: NDArray[np.intp], units: Scaling, rows: Array, own: NDArray[np.bool_]
) -> _Related | None:
    """The candidates that follow from the other columns to rounding, in all rows."""
    kept, related = np.flatnonzero(~own), np.flatnonzero(own)
    z = _internal(rows, units)
    slopes = np.linalg.lstsq(z[:, kept], z[:, related], rcond=None)[0].T
    slopes[np.abs(slopes) < NO_SLOPE] = 0.0
    # In the user's units; ratios, as their products may overflow.
    slopes = slopes * (units.scale[related][:, None] / units.scale[kept])
    mean = units.shift + (rows - units.shift).mean(axis=0)  # of these rows, not of all
    offsets = mean[related] - slopes @ mean[kept]
    eps = float(np.finfo(data.dtype).eps)
    size = np.abs(rows).max(axis=0).astype(float)
    rounding = eps * (size[related] + np.abs(slopes) @ size[kept]) / units.scale[related]
    allowed = np.clip(rounding, NOTHING, COARSEST)
    step = partial(_residuals, free[kept], free[related], slopes, offsets, units.scale[related])
    (n, squares), _ = data.sum(step)
    good = squares <= n * allowed**2
    if not good.any():
        return None
    if not good.all():  # those that vary beyond the rows that were looked at are kept
        slopes, offsets, kept = slopes[good], offsets[good], np.flatnonzero(~own | _at(own, ~good))
        whole = np.zeros((len(slopes), len(free)))
        whole[:, ~own] = slopes
        slopes = whole[:, kept]
    of_kept, of_related = np.argsort(free[kept]), np.argsort(free[related[good]])
    return _Related(
        free[kept][of_kept],
        free[related[good]][of_related],
        slopes[np.ix_(of_related, of_kept)],
        offsets[of_related],
    )


def _at(mask: NDArray[np.bool_], values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Values where the mask is true, False elsewhere."""
    out = np.zeros_like(mask)
    out[mask] = values
    return out


class _Known(NamedTuple):
    n: Array  #: (d,)


def _known(rows: Rows) -> tuple[_Known, float]:
    """How many cells of each column are not missing."""
    return _Known(np.count_nonzero(~np.isnan(rows.X), axis=0)), 0.0


class _Squares(NamedTuple):
    n: Array
    squares: Array


def _residuals(
    kept: NDArray[np.intp],
    related: NDArray[np.intp],
    slopes: Array,
    offsets: Array,
    scale: Array,
    rows: Rows,
) -> tuple[_Squares, float]:
    """Weighted squares, in units of the columns, of what the related ones differ by."""
    weights = np.ones(len(rows.X)) if rows.sample_weight is None else rows.sample_weight
    n, squares = np.zeros((2, len(related)))
    for i, j in enumerate(related):
        uses = slopes[i] != 0.0
        away = _away(rows, j, kept[uses], slopes[i][uses], offsets[i]) / scale[i]
        seen = ~np.isnan(away)
        n[i], squares[i] = weights[seen].sum(), weights[seen] @ np.square(away[seen])
    return _Squares(n, squares), 0.0


def _away(
    rows: Rows, column: np.intp, uses: NDArray[np.intp], slopes: Array, offset: float
) -> Array:
    """How far cells (n,) of a column are from what follows from others; NaN where one is missing.

    Of cells with bounds, how far from all that these allow.
    """
    if rows.bounds is None:
        return np.asarray(rows.X[:, column] - (rows.X[:, uses] @ slopes + offset))
    low, high = np.where(np.isnan(rows.X), rows.bounds.table(rows.X.shape[1]), rows.X)
    rises = slopes > 0.0
    with np.errstate(invalid="ignore"):  # ends at both infinities, which rule nothing out
        least = np.where(rises, low[:, uses], high[:, uses]) @ slopes + offset
        most = np.where(rises, high[:, uses], low[:, uses]) @ slopes + offset
    apart = np.maximum(least - high[:, column], low[:, column] - most)
    return np.asarray(np.maximum(apart, 0.0))
