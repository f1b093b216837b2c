"""Rows of numbers and categories, and the tiles in which they are worked on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.labels import Labels
from emkit.models.mixed.completions import Codes, Levels, Slots, group_slots
from emkit.models.rows import BLOCK_ROWS, Rows
from emkit.numerics.gaussian import Scaling
from emkit.numerics.patterns import Group, group_rows

__all__ = ["CodedBlocks", "CodedRows", "Codes", "Levels", "Tile"]


class Tile(NamedTuple):
    """Some rows whose missing categories have about as many combinations."""

    X: Array  #: (n, p) numbers, NaN where missing
    codes: Codes  #: (n, q) levels, -1 where missing
    sample_weight: Array | None
    slots: Slots
    labels: Labels | None = None  #: classes of the rows, where some are known


class TileGroup(NamedTuple):
    """Rows that tiles are cut from, as they lie in these."""

    n_missing: int  #: numbers, at most
    rows: Codes  #: (n,)
    X: Array  #: (p, n)
    codes: Codes  #: (q, n)
    slots: Slots


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
    labels : Labels, default=None
        Classes of the rows, where some are known.
    """

    X: Array
    codes: Codes
    sample_weight: Array | None = None
    labels: Labels | None = None
    _groups: list[Any] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def of(cls, rows: Rows, numbers: NDArray[np.intp], categories: NDArray[np.intp]) -> "CodedRows":
        """From a table in which categories are numbered, NaN where missing."""
        cells = rows.X[:, categories]
        codes = np.where(np.isnan(cells), -1, cells).astype(np.intp)
        return cls(rows.X[:, numbers].astype(float), codes, rows.sample_weight, rows.labels)

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
        weights, labels = self.sample_weight, self.labels
        return CodedRows(
            self.X[rows],
            self.codes[rows],
            None if weights is None else weights[rows],
            None if labels is None else labels[rows],
        )

    def select(self, rows: NDArray[np.intp]) -> "CodedRows":
        """Some of the rows as data of their own, as of `Rows`."""
        return self.take(rows)

    def unlabelled(self) -> "CodedRows":
        """As of `Rows`."""
        return replace(self, labels=None)

    def recoded(self, maps: Sequence[Codes]) -> "CodedRows":
        """The rows with other codes, by column."""
        codes = np.empty_like(self.codes)
        for j, new in enumerate(maps):
            codes[:, j] = np.append(new, -1)[self.codes[:, j]]
        return replace(self, codes=codes)

    def weighing(self, weights: Array) -> "CodedRows":
        """The same rows of other weights, in the same groups."""
        other = replace(self, sample_weight=weights)
        object.__setattr__(other, "_groups", self._groups)
        return other

    def draw(self, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Ascending numbers of rows, as of `Rows`."""
        return Rows(self.X, self.sample_weight).draw(size, rng)

    def groups(self, levels: Levels) -> list["TileGroup"]:
        """Rows that miss about as many numbers, and have as many combinations; found once."""
        for known, groups in self._groups:
            if known == levels:
                return groups
        # Levels as small numbers: they are kept a second time, as the numbers are.
        most = max([0, *levels.n_levels])
        codes = self.codes.astype(np.int16 if most < 2**15 - 2 else np.intp)
        groups = [
            TileGroup(
                n_missing,
                rows[part],
                np.ascontiguousarray(self.X[rows[part]].T),
                np.ascontiguousarray(codes[rows[part]].T),
                slots,
            )
            for n_missing, rows, *_ in (_by_missing(self.X) if len(self) else [])
            for part, slots in group_slots(self.codes[rows], levels)
        ]
        self._groups.append((levels, groups))
        return groups

    def tiles(
        self, levels: Levels, size: Callable[[int, int], int]
    ) -> Iterator[tuple[Codes, Tile]]:
        """The rows of the tiles of an E-step.

        Parameters
        ----------
        levels : Levels
            What is known of the columns.
        size : callable(n_missing, n_combinations) -> int
            Rows of a tile.

        Yields
        ------
        rows : ndarray
            Which rows.
        tile : Tile
            They.
        """
        for n_missing, rows, X, codes, slots in self.groups(levels):
            parts = -(-len(rows) // size(n_missing, slots.n_combinations))
            ends = np.linspace(0, len(rows), parts + 1).astype(int).tolist()
            for some in map(slice, ends[:-1], ends[1:]):
                part = rows[some]
                weights = None if self.sample_weight is None else self.sample_weight[part]
                labels = None if self.labels is None else self.labels[part]
                yield part, Tile(X[:, some].T, codes[:, some].T, weights, slots.take(some), labels)


def _by_missing(X: Array) -> Sequence[Group]:
    """Groups of rows that miss about the same of X."""
    return group_rows(X) if X.shape[1] else [Group(0, np.arange(len(X)))]


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
