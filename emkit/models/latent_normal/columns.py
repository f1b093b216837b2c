"""What stands for each column of a table in the latent normal vector."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from emkit._typing import Array
from emkit.models.latent_normal.margins import Margin

__all__ = ["LatentColumns", "Nominal", "Number", "Ordinal", "Table"]

#: Weight of a level that no row has, so that its probability is no 0.
UNSEEN_WEIGHT = 0.1


class Number(NamedTuple):
    """One score."""

    column: int  #: of the table
    at: int  #: place in the latent vector
    margin: Margin


class Ordinal(NamedTuple):
    """Ordered levels, or two: the intervals between cuts on one score."""

    column: int
    at: int
    cuts: Array  #: (L + 1,) from -inf to inf

    @classmethod
    def of(cls, column: int, at: int, shares: Array) -> "Ordinal":
        """With cuts at the shares of the levels."""
        inner = ndtri(np.clip(shares.cumsum()[:-1], 1e-15, 1.0 - 1e-15))
        return cls(column, at, np.concatenate([[-np.inf], inner, [np.inf]]))


class Nominal(NamedTuple):
    """Levels without order: one utility for each but the last, whose is 0. The largest is taken."""

    column: int
    at: int
    shares: Array  #: (L,) of the levels

    @property
    def places(self) -> NDArray[np.intp]:
        """Those of the utilities in the latent vector."""
        return np.arange(self.at, self.at + len(self.shares) - 1)


class Table(NamedTuple):
    """Levels without order that are too many for utilities: their shares."""

    column: int
    shares: Array


class LatentColumns(NamedTuple):
    """The columns of a table, by what stands for them."""

    numbers: tuple[Number, ...]
    ordinals: tuple[Ordinal, ...]
    nominals: tuple[Nominal, ...]
    tables: tuple[Table, ...]

    @classmethod
    def of(
        cls, X: Array, weights: Array, n_levels: list[int], ordered: list[bool], most: int
    ) -> "LatentColumns":
        """From a table (n, d) in which categories are numbered, NaN where missing.

        ``n_levels`` is 0 for numbers; a column of more than ``most`` levels without order is left
        to its shares.
        """
        numbers, ordinals, nominals, tables, at = [], [], [], [], 0
        for j, (n, in_order) in enumerate(zip(n_levels, ordered, strict=True)):
            seen = ~np.isnan(X[:, j]) & (weights > 0.0)
            if n == 0:
                numbers.append(Number(j, at, Margin.of(X[seen, j], weights[seen])))
                at += 1
                continue
            counts = np.bincount(X[seen, j].astype(np.intp), weights[seen], n)
            shares = np.maximum(counts, UNSEEN_WEIGHT)
            shares /= shares.sum()
            if in_order or n <= 2:
                ordinals.append(Ordinal.of(j, at, shares))
                at += 1
            elif n <= most:
                nominals.append(Nominal(j, at, shares))
                at += n - 1
            else:
                tables.append(Table(j, shares))
        return cls(tuple(numbers), tuple(ordinals), tuple(nominals), tuple(tables))

    @property
    def latent(self) -> list[Number | Ordinal | Nominal]:
        """The columns that latent cells stand for."""
        return [*self.numbers, *self.ordinals, *self.nominals]

    @property
    def size(self) -> int:
        """Length of the latent vector."""
        utilities = sum(len(nominal.shares) - 1 for nominal in self.nominals)
        return len(self.numbers) + len(self.ordinals) + utilities

    @property
    def known_scale(self) -> NDArray[np.bool_]:
        """Which of the latent cells are seen themselves: scores of numbers."""
        out = np.zeros(self.size, dtype=bool)
        out[[number.at for number in self.numbers]] = True
        return out

    def shares(self) -> list[tuple[int, Array]]:
        """Every column of levels with the shares of these."""
        ordinals = [(o.column, np.diff(ndtr(o.cuts))) for o in self.ordinals]
        nominals = [(c.column, c.shares) for c in self.nominals]
        return ordinals + nominals + [(c.column, c.shares) for c in self.tables]

    def means(self) -> Array:
        """About where the means of the utilities lie."""
        out = np.zeros(self.size)
        for nominal in self.nominals:
            out[nominal.places] = 0.5 * np.log(nominal.shares[:-1] / nominal.shares[-1])
        return out
