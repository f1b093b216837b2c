"""A fitted latent normal, as it takes a table in which categories are numbered."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.latent_normal.answers import draw, expect
from emkit.models.latent_normal.columns import LatentColumns
from emkit.models.latent_normal.gibbs import LatentParams
from emkit.models.mixed.cells import Members

__all__ = ["LatentCells"]


class LatentCells(NamedTuple):
    """The missing cells of a table of codes and numbers, as `MixedCells`.

    What comes back has the places of levels, not codes, in cells that were missing.
    """

    columns: LatentColumns
    params: LatentParams
    categories: NDArray[np.intp]  #: columns of the table
    members: Sequence[Members]

    def score_samples(self, X: Array) -> Array:
        """There is no formula."""
        raise ValueError(
            "The latent normal has no closed likelihood (method='latent_normal'): the probability "
            "of several intervals is an integral without a formula. Compare models by masked "
            "cells, or take method='classes', which has score and score_samples."
        )

    def expect(self, X: Array) -> tuple[Array, list[Array]]:
        """The table with means of the numbers, and probabilities of the levels of each column."""
        filled, proba = expect(self.columns, self.params, X.astype(float))
        return filled, [of.spread(p) for of, p in zip(self.members, proba, strict=True)]

    def impute(self, X: Array) -> Array:
        """Missing numbers at their conditional means, missing categories at the likeliest level."""
        filled, proba = self.expect(X)
        for j, p in zip(self.categories, proba, strict=True):
            missing = np.isnan(X[:, j])
            filled[missing, j] = p[missing].argmax(axis=1)
        return self._completed(X, filled)

    def draw(
        self,
        X: Array,
        rng: np.random.Generator,
        limits: Array | None = None,
        candidates: int = 1,
    ) -> Array:
        """X with its missing cells drawn given the observed ones and limits, jointly in a row."""
        drawn = draw(self.columns, self.params, X.astype(float), rng, limits)
        for j, of in zip(self.categories, self.members, strict=True):
            missing = np.isnan(X[:, j])
            drawn[missing, j] = of.draw(drawn[missing, j], rng.random(len(X))[missing])
        return self._completed(X, drawn)

    def _completed(self, X: Array, filled: Array) -> Array:
        """X, in its own precision, with what was filled in missing cells."""
        return np.where(np.isnan(X), filled.astype(X.dtype), X)
