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


#: Probabilities that are held together, of rows and levels of all columns.
MOST_PROBABILITIES = 2**24


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
        """The table with means of the numbers, and probabilities of the levels of each column."""
        filled = X.copy()
        filled[:, self.numbers], proba = expect(self.model, self.rows(X), self.params)
        return filled, [of.spread(p) for of, p in zip(self.members, proba, strict=True)]

    def impute(self, X: Array) -> Array:
        """Missing numbers at their conditional means, missing categories at the likeliest level."""
        missing, out = np.isnan(X), X.copy()
        wanted: list[int] = np.flatnonzero(missing[:, self.categories].any(axis=0)).tolist()
        n_levels = sum(self.model.levels.n_levels[at] for at in wanted)
        step = max(MOST_PROBABILITIES // max(n_levels, 1), 1)
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            rows = self.rows(X[part])
            out[part, self.numbers], proba = expect(self.model, rows, self.params, wanted)
            for at in wanted:
                j, gaps = self.categories[at], missing[part, self.categories[at]]
                likeliest = self.members[at].spread(proba[at][gaps]).argmax(axis=1)
                out[start + np.flatnonzero(gaps), j] = likeliest
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
