"""Rows of numbers and categories, those with missing categories expanded by what these may be."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.rows import BLOCK_ROWS, Rows
from emkit.numerics.gaussian import Scaling
from emkit.numerics.patterns import group_rows

__all__ = ["CodedBlocks", "CodedRows", "Expanded", "Levels"]

Codes = NDArray[np.intp]

#: Rows are worked on together that have about as many combinations: up to so many.
BANDS = (1, 4, 16)


@dataclass(frozen=True)
class Levels:
    """What is known of the columns of categories before any row is seen.

    Parameters
    ----------
    n_levels : tuple of int
        Levels of each column.
    moves : tuple of bool
        Whether the numbers depend on the column, so that its missing cells are summed over.
    most : int
        Combinations of the missing categories of a row, at most.
    """

    n_levels: tuple[int, ...]
    moves: tuple[bool, ...]
    most: int = 64

    @property
    def order(self) -> list[int]:
        """Columns whose missing cells are summed over, those of the fewest levels first."""
        moving = [j for j, moves in enumerate(self.moves) if moves]
        return sorted(moving, key=lambda j: self.n_levels[j])

    def n_combinations(self, codes: Codes) -> Codes:
        """Combinations that each row (n, q) is expanded by."""
        size = np.ones(len(codes), dtype=np.intp)
        for j in self.order:
            more = size * self.n_levels[j]
            size = np.where((codes[:, j] < 0) & (more <= self.most), more, size)
        return size


class Cell(NamedTuple):
    """The cells of a column that are missing in some rows, and summed over."""

    column: int
    rows: NDArray[np.intp]
    levels: Codes  #: (M, rows) in every combination


class Expanded(NamedTuple):
    """Some rows with the combinations of their missing categories."""

    X: Array  #: (n, p) numbers, NaN where missing
    codes: Codes  #: (n, q) levels, -1 where missing
    sample_weight: Array | None
    n_combinations: int  #: M
    tried: tuple[Cell, ...]
    absent: NDArray[np.bool_] | None  #: (M, n) combinations that a row does not have; None: none
    left_out: NDArray[np.bool_]  #: (n, q) missing cells that enter by the shares of the levels

    @classmethod
    def of(cls, X: Array, codes: Codes, sample_weight: Array | None, levels: Levels) -> "Expanded":
        n, missing = len(codes), codes < 0
        most = int(levels.n_combinations(codes).max(initial=1))
        number, size = np.arange(most)[:, None], np.ones(n, dtype=np.intp)
        tried, left_out = [], np.zeros(codes.shape, dtype=bool)
        for j in levels.order:
            n_levels = levels.n_levels[j]
            takes = missing[:, j] & (size * n_levels <= levels.most)
            left_out[:, j] = missing[:, j] & ~takes
            rows = np.flatnonzero(takes)
            if len(rows):
                tried.append(Cell(j, rows, number // size[rows] % n_levels))
                size[rows] *= n_levels
        absent = number >= size
        some = absent.any()
        return cls(X, codes, sample_weight, most, tuple(tried), absent if some else None, left_out)


@dataclass(frozen=True, eq=False)
class CodedRows:
    """A block of rows: numbers (n, p), NaN where missing; levels (n, q) from 0, -1 where missing.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Numbers.
    codes : ndarray of shape (n, q)
        Levels.
    sample_weight : ndarray of shape (n,), default=None
        Weights as frequencies.
    """

    X: Array
    codes: Codes
    sample_weight: Array | None = None
    _groups: list[Any] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def of(cls, rows: Rows, numbers: NDArray[np.intp], categories: NDArray[np.intp]) -> "CodedRows":
        """From a table in which categories are numbered, NaN where missing."""
        cells = rows.X[:, categories]
        codes = np.where(np.isnan(cells), -1, cells).astype(np.intp)
        return cls(rows.X[:, numbers].astype(float), codes, rows.sample_weight)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.codes), self.X.shape[1] + self.codes.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Floating type of the numbers."""
        return self.X.dtype

    @property
    def incomplete(self) -> bool:
        """Whether numbers are missing."""
        return bool(np.isnan(self.X).any())

    @property
    def total_weight(self) -> float:
        return float(len(self) if self.sample_weight is None else self.sample_weight.sum())

    @property
    def start_data(self) -> "CodedRows":
        """The rows that starts are drawn from."""
        return self

    @property
    def numbers(self) -> Rows:
        """The numbers alone."""
        return Rows.of(self.X, self.sample_weight)

    def scaling(self) -> Scaling:
        """Mean and standard deviation of the numbers."""
        return self.numbers.scaling()

    def sum(self, step: Callable[["CodedRows"], tuple[Any, float]]) -> tuple[Any, float]:
        """What a step gives for the rows, as `Blocks.sum` does for many blocks."""
        return step(self)

    def blocks(self) -> "CodedBlocks | None":
        """The rows in blocks for processes to share; None where that is not worth it."""
        return CodedBlocks(self, BLOCK_ROWS) if len(self) >= 2 * BLOCK_ROWS else None

    def take(self, rows: slice | NDArray[np.intp]) -> "CodedRows":
        """Some of the rows."""
        weights = self.sample_weight
        return CodedRows(self.X[rows], self.codes[rows], None if weights is None else weights[rows])

    def groups(self, levels: Levels) -> list[tuple[int, NDArray[np.intp]]]:
        """Rows with about as many combinations and missing numbers, and how many the former are."""
        for known, groups in self._groups:
            if known == levels:
                return groups
        n_combinations = levels.n_combinations(self.codes)
        band = np.searchsorted(BANDS, n_combinations)
        groups = []
        for b in np.unique(band):
            rows = np.flatnonzero(band == b)
            most = int(n_combinations[rows].max())
            groups += [(most, rows[group.rows]) for group in _by_missing(self.X[rows])]
        self._groups.append((levels, groups))
        return groups

    def tiles(
        self, levels: Levels, size: Callable[[bool], int]
    ) -> Iterator[tuple[NDArray[np.intp], Expanded]]:
        """The rows of the tiles of an E-step, expanded; ``size`` of a tile by whether it has holes.

        Yields
        ------
        rows : ndarray
            Which rows.
        tile : Expanded
            They.
        """
        for most, rows in self.groups(levels):
            holes = bool(np.isnan(self.X[rows[0]]).any()) if self.X.shape[1] else False
            parts = -(-len(rows) * most // size(holes))
            for part in np.array_split(rows, min(max(parts, 1), len(rows))):
                weights = None if self.sample_weight is None else self.sample_weight[part]
                yield part, Expanded.of(self.X[part], self.codes[part], weights, levels)


def _by_missing(X: Array) -> Sequence[Any]:
    """Groups of rows that miss about the same of X."""
    if X.shape[1]:
        return group_rows(X)
    from emkit.numerics.patterns import Group

    return [Group(0, np.arange(len(X)))]


class CodedBlocks(Sequence[CodedRows]):
    """Rows in blocks of a size."""

    def __init__(self, rows: CodedRows, size: int):
        self.rows, self.size = rows, size
        self._blocks: dict[int, CodedRows] = {}

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __getitem__(self, i: Any) -> Any:
        if not 0 <= i < len(self):
            raise IndexError(i)
        if i not in self._blocks:  # with its groups, which are found once
            self._blocks[i] = self.rows.take(slice(i * self.size, (i + 1) * self.size))
        return self._blocks[i]
