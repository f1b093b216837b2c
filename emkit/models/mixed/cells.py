"""A fitted model of numbers and categories, as it takes a table in which these are numbered."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixed.answers import draw, expect, score_samples
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.rows import CodedRows
from emkit.models.rows import Rows

__all__ = ["MixedCells", "Members"]


class Members(NamedTuple):
    """Levels of a column of categories: the code that each shares with others, and its part."""

    group: NDArray[np.intp]  #: (L,)
    share: Array  #: (L,)

    def spread(self, of_groups: Array) -> Array:
        """Probabilities of the levels (n, L) from those of the codes."""
        result: Array = of_groups[:, self.group] * self.share
        return result

    def draw(self, codes: Array, chance: Array) -> NDArray[np.intp]:
        """Places of levels (n,) that share these codes, by uniform numbers."""
        cumulated = np.where(self.group == codes[:, None], self.share, 0.0).cumsum(axis=1)
        place = (cumulated <= (chance * cumulated[:, -1])[:, None]).sum(axis=1)
        result: NDArray[np.intp] = np.minimum(place, len(self.group) - 1)
        return result


class MixedCells(NamedTuple):
    """The missing cells of a table of codes and numbers under a fitted `LocalDependence`.

    What comes back has the places of levels, not codes, in cells that were missing.
    """

    model: LocalDependence
    params: LocalParams
    numbers: NDArray[np.intp]  #: columns of the table
    categories: NDArray[np.intp]
    members: Sequence[Members]

    def rows(self, X: Array) -> CodedRows:
        """The rows of a table."""
        return CodedRows.of(Rows(X), self.numbers, self.categories)

    def score_samples(self, X: Array) -> Array:
        """Log-likelihood of the observed cells of each row."""
        return score_samples(self.model, self.rows(X), self.params)

    def expect(self, X: Array) -> tuple[Array, list[Array]]:
        """Conditional means of the numbers, and probabilities of the levels of each column."""
        numbers, proba = expect(self.model, self.rows(X), self.params)
        return numbers, [of.spread(p) for of, p in zip(self.members, proba, strict=True)]

    def impute(self, X: Array) -> Array:
        """Missing numbers at their conditional means, missing categories at the likeliest level."""
        numbers, proba = self.expect(X)
        out = X.copy()
        out[:, self.numbers] = numbers
        for j, p in zip(self.categories, proba, strict=True):
            missing = np.isnan(X[:, j])
            out[missing, j] = p[missing].argmax(axis=1)
        return out

    def draw(
        self,
        X: Array,
        rng: np.random.Generator,
        limits: Array | None = None,
        candidates: int = 1,
    ) -> Array:
        """X with its missing cells drawn given the observed ones, jointly in a row."""
        within = None if limits is None else limits[:, self.numbers]
        numbers, codes = draw(self.model, self.rows(X), self.params, rng, within, candidates)
        out = X.copy()
        out[:, self.numbers] = numbers
        chance = rng.random(codes.shape)
        for at, (j, of) in enumerate(zip(self.categories, self.members, strict=True)):
            missing = np.isnan(X[:, j])
            out[missing, j] = of.draw(codes[missing, at], chance[missing, at])
        return out
