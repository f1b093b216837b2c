r"""How categories move numbers: the mean of x is :math:`m_k + B^\top u(c)`.

The effects of a column's levels sum to 0, so that they are determined beside the means of the
classes: they are coordinates in an orthonormal basis of such contrasts, whose squares add up to
those of the effects.
"""

import numpy as np
from scipy.linalg import helmert

from emkit._typing import Array
from emkit.models.mixed.rows import Expanded, Levels

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
        self.levels = levels
        self.parts: dict[int, slice] = {}
        self.tables: dict[int, Array] = {}
        at = 0
        for j, n_levels in enumerate(levels.n_levels):
            if not levels.moves[j]:
                continue
            contrasts = helmert(n_levels).T  # (L, L - 1)
            # A row of zeros stands in where the cell is summed over, one of shares where it is not.
            self.tables[j] = np.vstack(
                [contrasts, shares[j] @ contrasts, np.zeros((1, n_levels - 1))]
            )
            self.parts[j] = slice(at, at + n_levels - 1)
            at += n_levels - 1
        self.size = at

    def rows(self, tile: Expanded) -> Array:
        """u (M, n, U) of every combination."""
        M, n = tile.n_combinations, len(tile.codes)
        out = np.empty((M, n, self.size))
        for j, part in self.parts.items():
            code, n_levels = tile.codes[:, j], self.levels.n_levels[j]
            # numbered from the end of the table: shares, then zeros
            code = np.where(tile.left_out[:, j], n_levels, np.where(code < 0, n_levels + 1, code))
            out[:, :, part] = self.tables[j][code]
        for cell in tile.tried:
            out[:, cell.rows, self.parts[cell.column]] = self.tables[cell.column][cell.levels]
        return out

    def effects(self, coordinates: Array) -> dict[int, Array]:
        """Effects (L, p) of the levels of each column, which sum to 0."""
        return {j: self.tables[j][:-2] @ coordinates[part] for j, part in self.parts.items()}
