"""Rows of a table as data of a model, with weights, with missing cells."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.models.labels import Labels
from emkit.numerics.bounds import CellBounds
from emkit.numerics.gaussian import Scaling, tile_rows
from emkit.numerics.patterns import Group, group_bounded_rows, group_rows

__all__ = [
    "BLOCK_ROWS",
    "RowBlocks",
    "Rows",
    "Summary",
    "measure_scaling",
    "pool",
    "summarise",
]

#: Rows of a block: many tiles, and few beside large data.
BLOCK_ROWS = 65_536


class Rows(NamedTuple):
    """A block of data: rows (n, d) as the user holds them, NaN where a cell is missing."""

    X: Array
    sample_weight: Array | None = None
    groups: tuple[Group, ...] | None = None  #: rows by what they miss; None for complete data
    labels: Labels | None = None  #: classes of the rows, where some are known
    bounds: CellBounds | None = None  #: of cells known to an interval, which are NaN in X

    @classmethod
    def of(
        cls, X: Array, sample_weight: Array | None = None, bounds: CellBounds | None = None
    ) -> "Rows":
        """Rows with their groups, where anything is missing."""
        return cls(X, sample_weight, _groups_of(X, bounds), bounds=bounds)

    @property
    def shape(self) -> tuple[int, int]:
        n, d = self.X.shape
        return n, d

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.X.dtype

    @property
    def incomplete(self) -> bool:
        return self.groups is not None

    @property
    def total_weight(self) -> float:
        return float(len(self.X) if self.sample_weight is None else self.sample_weight.sum())

    @property
    def start_data(self) -> "Rows":
        """The rows that starts are drawn from."""
        return self

    def scaling(self) -> Scaling:
        """Mean and standard deviation of every column."""
        return measure_scaling(self)

    def sum(self, step: Callable[["Rows"], tuple[Any, float]]) -> tuple[Any, float]:
        """What a step gives for the rows, as `Blocks.sum` does for many blocks."""
        return step(self)

    def map(self, function: Callable[["Rows"], Any]) -> list[Any]:
        """What a function gives for the rows, as `Blocks.map` does for many blocks."""
        return [function(self)]

    def blocks(self) -> "RowBlocks | None":
        """The rows in blocks for processes to share; None where that is not worth it."""
        return RowBlocks(self, BLOCK_ROWS) if len(self.X) >= 2 * BLOCK_ROWS else None

    def take(self, rows: slice | NDArray[np.intp]) -> "Rows":
        """Some of the rows, in tiles; a group is worked on by what is NaN in it."""
        weights = self.sample_weight
        X = self.X[rows] if isinstance(rows, slice) else np.take(self.X, rows, axis=0)
        labels = None if self.labels is None else self.labels[rows]
        bounds = None if self.bounds is None else self.bounds.take(rows)
        return Rows(X, None if weights is None else weights[rows], labels=labels, bounds=bounds)

    def select(self, rows: NDArray[np.intp]) -> "Rows":
        """Some of the rows as data of their own, with their groups."""
        some = self.take(rows)
        return some._replace(groups=_groups_of(some.X, some.bounds))

    def unlabelled(self) -> "Rows":
        """The same rows, of whose labels nothing is known."""
        return self._replace(labels=None)

    def weighing(self, weights: Array) -> "Rows":
        """The same rows of other weights."""
        return self._replace(sample_weight=weights)

    def sample(self, size: int, rng: np.random.Generator) -> "Rows":
        """Rows drawn in proportion to weight, which they then have no more; all where few."""
        if len(self.X) <= size:
            return self
        some = self.take(self.draw(size, rng))
        return Rows.of(some.X, bounds=some.bounds) if self.incomplete else Rows(some.X)

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Ascending numbers of rows: different ones, or, where they have weights, in proportion."""
        n = len(self.X)
        if self.sample_weight is None:
            return draw_numbers(n, size, rng)
        cumulative = np.cumsum(self.sample_weight)
        draws = rng.uniform(0.0, cumulative[-1], size)
        rows = np.minimum(np.searchsorted(cumulative, draws, side="right"), n - 1)
        rows.sort()
        return rows


def _groups_of(X: Array, bounds: CellBounds | None) -> tuple[Group, ...] | None:
    """Groups of rows in which anything is missing; None for complete ones.

    Of many rows each group is in one block, and no work array is as long as they are.
    """
    if not np.isnan(X.min(initial=0.0)):
        return None
    if len(X) < 2 * BLOCK_ROWS:
        return _groups_of_block(Rows(X, bounds=bounds))
    rows, starts = Rows(X, bounds=bounds), range(0, len(X), BLOCK_ROWS)
    return tuple(
        group._replace(rows=group.rows + start)
        for start in starts
        for group in _groups_of_block(rows.take(slice(start, start + BLOCK_ROWS)))
    )


def _groups_of_block(rows: Rows) -> tuple[Group, ...]:
    X, bounds = rows.X, rows.bounds
    return group_rows(X) if bounds is None else group_bounded_rows(X, bounds.mask(X.shape[1]))


def draw_numbers(n: int, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Ascending numbers of so many different rows out of n."""
    rows = rng.choice(n, size, replace=False, shuffle=False)
    rows.sort()
    return rows


class RowBlocks(Sequence[Rows]):
    """Rows in blocks of a size: views of an array, which is not held twice."""

    def __init__(self, rows: Rows, size: int):
        self.rows, self.size = rows, size

    def __len__(self) -> int:
        return -(-len(self.rows.X) // self.size)

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        start, stop = i * self.size, (i + 1) * self.size
        block = self.rows.take(slice(start, stop))
        if self.rows.groups is None:
            return block
        groups = (group for group in self.rows.groups if start <= group.rows[0] < stop)
        return block._replace(
            groups=tuple(group._replace(rows=group.rows - start) for group in groups)
        )


class Summary(NamedTuple):
    """What there is to know of a block of rows from afar."""

    n: int
    total_weight: float
    incomplete: bool
    observed: Array  #: weight observed in every column
    mean: Array
    spread: Array  #: standard deviations
    low: Array  #: smallest value of every column, NaN where it has none
    high: Array

    @classmethod
    def of(cls, rows: Rows) -> "Summary":
        n, d = rows.X.shape
        if n == 0 or rows.total_weight == 0.0:
            return cls(n, 0.0, False, *np.zeros((3, d)), *np.full((2, d), np.nan))
        weights = np.ones(n) if rows.sample_weight is None else rows.sample_weight
        with np.errstate(all="ignore"):  # a column may have no value
            mean, spread = measure_scaling(rows)
            low, high = np.fmin.reduce(rows.X, axis=0), np.fmax.reduce(rows.X, axis=0)
        observed = weights @ ~np.isnan(rows.X) if rows.incomplete else np.full(d, weights.sum())
        return cls(n, rows.total_weight, rows.incomplete, observed, mean, spread, low, high)

    def of_columns(self, columns: NDArray[np.intp]) -> "Summary":
        """Of some of the columns; whether these miss cells is not told from the others."""
        arrays = (part[columns] for part in self[3:])
        return Summary(*self[:3], *arrays)


def summarise(summaries: Sequence[Summary]) -> Summary:
    """Of many blocks together: mean and standard deviation of the columns to rounding."""
    observed = np.array([s.observed for s in summaries])
    mean, spread = (np.array([getattr(s, name) for s in summaries]) for name in ("mean", "spread"))
    pooled = pool(observed, mean, spread)
    return Summary(
        sum(s.n for s in summaries),
        float(np.sum([s.total_weight for s in summaries])),
        any(s.incomplete for s in summaries),
        observed.sum(axis=0),
        pooled.shift,
        pooled.scale,
        np.fmin.reduce([s.low for s in summaries]),
        np.fmax.reduce([s.high for s in summaries]),
    )


def pool(observed: Array, mean: Array, spread: Array) -> Scaling:
    """Mean and standard deviation of the columns of all blocks, from those of each (b, d)."""
    total = observed.sum(axis=0)
    share = observed / np.where(total > 0.0, total, 1.0)
    seen = observed > 0.0
    mean, spread = (np.where(seen, values, 0.0) for values in (mean, spread))
    # About a mean of one block, so that a constant column has no spread.
    origin = mean[seen.argmax(axis=0), np.arange(mean.shape[1])]
    away = np.where(seen, mean - origin, 0.0)
    unit = np.maximum(np.abs(away).max(axis=0), spread.max(axis=0))
    unit[unit == 0.0] = 1.0
    away, spread = away / unit, spread / unit
    shift = (share * away).sum(axis=0)
    variance = (share * (spread**2 + (away - shift) ** 2)).sum(axis=0)
    return Scaling(origin + shift * unit, np.sqrt(variance) * unit)


@unbuffered()
def measure_scaling(data: Rows) -> Scaling:
    """Mean and standard deviation of every column, to rounding; 0 for a constant column.

    Spread is measured relative to the largest deviation from the heaviest value, so that no square
    overflows, and none drowns: at least 1 / n of the weight lies there.
    """
    d, origin = data.X.shape[1], _heaviest_values(data)
    tiles: Any = _tiles_about(origin, data)
    if len(data.X) <= tile_rows(d):  # one, which need not be made again
        tiles = list(tiles)
    peak = np.zeros(d)
    for x, _ in tiles:
        # fmax: a cell that is missing does not count
        np.fmax(peak, np.fmax.reduce(np.abs(x), axis=1), out=peak)
    unit = np.where(peak > 0.0, peak, 1.0)
    total, first, second = np.zeros(d), np.zeros(d), np.zeros(d)
    for x, weights in tiles if isinstance(tiles, list) else _tiles_about(origin, data):
        x /= unit[:, None]
        if data.incomplete:
            missing = np.isnan(x)
            x[missing] = 0.0
            total += ~missing @ weights
        else:
            total += weights.sum()
        first += x @ weights
        second += np.square(x, out=x) @ weights
    first /= total
    scale = unit * np.sqrt(np.maximum(second / total - first**2, 0.0))
    return Scaling(origin + first * unit, scale)


def _tiles_about(origin: Array, data: Rows) -> Iterator[tuple[Array, Array]]:
    """Tiles (d, n) less the origin, in a buffer, with the weights of their rows."""
    (n, d), step = data.X.shape, tile_rows(data.X.shape[1])
    buffer, ones = np.empty((d, min(step, n))), np.ones(min(step, n))
    for start in range(0, n, step):
        X, weights, *_ = data.take(slice(start, start + step))
        x = np.subtract(X.T, origin[:, None], out=buffer[:, : len(X)])
        yield x, ones[: len(X)] if weights is None else weights


def _heaviest_values(data: Rows) -> Array:
    """The value of largest weight in every column, the first of such; NaN where it has none."""
    weights = data.sample_weight
    if not data.incomplete:
        row = 0 if weights is None else int(np.argmax(weights))
        return data.X[row].astype(float)
    columns = np.arange(data.X.shape[1])
    values, largest = np.full(len(columns), np.nan), np.full(len(columns), -1.0)
    step = tile_rows(len(columns))  # so that no mask is as long as the data
    for start in range(0, len(data.X), step):
        X = data.X[start : start + step]
        weight = 1.0 if weights is None else weights[start : start + step, None]
        counted = np.where(np.isnan(X), -1.0, weight)
        rows = counted.argmax(axis=0)
        found = counted[rows, columns]
        values = np.where(found > largest, X[rows, columns], values)
        largest = np.maximum(found, largest)
        if weights is None and (largest > 0.0).all():
            break
    return values
