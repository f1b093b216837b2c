r"""How categories move numbers: the mean of x is :math:`m_k + B^\top u(c)`.

The effects of a column's levels sum to 0, so that they are determined beside the means of the
classes: they are coordinates in an orthonormal basis of such contrasts, whose squares add up to
those of the effects. The levels of all columns that move the numbers are numbered side by side:
as indicators of these, u(c) is of zeros and ones.

The first level of each column is its reference: the sums of an E-step are over the indicators of
the others and a constant, of which those of all levels are linear functions.
"""

import numpy as np
from scipy.linalg import block_diag, helmert

from emkit._typing import Array
from emkit.models.mixed.completions import Codes, Levels

__all__ = ["Design"]


class Design:
    """The vectors u(c) of the columns that the numbers depend on.

    Parameters
    ----------
    levels : Levels
        What is known of the columns.
    shares : list of ndarray
        Shares of the levels of each column, by which cells that are not summed over enter.
    """

    def __init__(self, levels: Levels, shares: list[Array]):
        self.columns = [j for j, moves in enumerate(levels.moves) if moves]
        n_levels = [levels.n_levels[j] for j in self.columns]
        ends = np.cumsum(n_levels, dtype=np.intp)
        self.starts = ends - np.array(n_levels, dtype=np.intp)
        self.n_levels = sum(n_levels)  # T
        self.places = {
            j: slice(int(end) - n, int(end))
            for j, n, end in zip(self.columns, n_levels, ends, strict=True)
        }
        of_all = np.cumsum(levels.n_levels, dtype=np.intp) - np.array(levels.n_levels, np.intp)
        #: where their levels are among those of all columns
        self.of_tables = np.concatenate(
            [np.arange(levels.n_levels[j]) + of_all[j] for j in self.columns] or [self.starts]
        )
        #: (T, columns) shares of the levels of each
        self.shares = np.zeros((0, 0))
        if self.columns:
            self.shares = block_diag(*(shares[j][:, None] for j in self.columns))
        blocks = [helmert(n).T if n > 1 else np.empty((1, 0)) for n in n_levels]
        self.contrasts = block_diag(*blocks) if blocks else np.empty((0, 0))  # (T, U)
        self.size = self.contrasts.shape[1]
        self.others = np.delete(np.arange(self.n_levels), self.starts)  # all but references
        #: (T,) place of each level among these; -1 for a reference
        self.place_of = np.full(self.n_levels, -1)
        self.place_of[self.others] = np.arange(self.size)
        #: (U + 1, U) the contrasts of u(c) as functions of others and a constant
        self.contrasts_of_others = np.vstack([self.contrasts, np.zeros(self.size)])[
            [*self.others, -1]
        ]
        for place in self.places.values():
            reference = self.contrasts[place.start]
            self.contrasts_of_others[self.place_of[place][1:]] -= reference
            self.contrasts_of_others[-1] += reference
        self._sizes = np.array(n_levels, dtype=np.intp)
        ranges = [np.arange(n, dtype=np.int16 if n < 2**15 else np.intp) for n in n_levels]
        self._levels = np.concatenate([*ranges, np.empty(0, dtype=np.int16)])

    def indicators(self, codes: Codes) -> Array:
        """Which levels (T, n) rows are known to have."""
        of_columns = np.repeat(codes.T[self.columns], self._sizes, axis=0)
        result: Array = (of_columns == self._levels[:, None]).astype(float)
        return result

    def regressors(self, indicators: Array) -> Array:
        """Those of the levels other than references, and a constant (U + 1, n)."""
        out = np.ones((self.size + 1, indicators.shape[1]))
        np.take(indicators, self.others, axis=0, out=out[:-1], mode="clip")
        return out

    def of_levels(self, coordinates: Array) -> Array:
        """Effects (T, p) of all levels."""
        result: Array = self.contrasts @ coordinates
        return result

    def effects(self, coordinates: Array) -> dict[int, Array]:
        """Effects (L, p) of the levels of each column, which sum to 0."""
        effects = self.of_levels(coordinates)
        return {j: effects[place] for j, place in self.places.items()}
