r"""The latent normal: a table of numbers, ordered and unordered levels as one normal vector.

.. math:: z \sim N(\mu, S),

of which a number tells its cell (its normal score), an ordered level or a repeated number an
interval, an unordered level which of its utilities is the largest, and a missing cell nothing.
Cells tell no scale of intervals and utilities: their variances are 1. Those of scores and all means
are free, for where cells are missing at random, the observed ones are not as all would be.

What is missing is drawn (`gibbs`). With T the scatter about the mean, in units in which the
variances of intervals and utilities are 1, the M-step is

.. math:: S = (1 - \lambda) T + \lambda I.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.model import MonteCarloModel
from emkit.models.latent_normal.columns import LatentColumns
from emkit.models.latent_normal.gibbs import Chances, LatentParams, Normal, sweep
from emkit.models.latent_normal.rows import LatentRows

__all__ = ["LatentNormal", "LatentStats"]


class LatentStats(NamedTuple):
    """Sums over the rows."""

    n: float
    first: Array  #: (d,)
    second: Array  #: (d, d)


class Draws(NamedTuple):
    """The end of a chain, and the statistics of its moves."""

    z: Array
    stats: LatentStats


class LatentNormal(MonteCarloModel):
    r"""Draws, M-step and prior of the latent normal.

    Parameters
    ----------
    columns : LatentColumns
        What stands for each column.
    shrinkage : float
        The part :math:`\lambda` of the way to no correlation.
    n_moves : int, default=1
        Moves of a chain from one draw to the next: several where rows are few, and draws noisy.
    """

    def __init__(self, columns: LatentColumns, shrinkage: float, n_moves: int = 1):
        self.columns, self.shrinkage, self.n_moves = columns, shrinkage, n_moves
        self.known_scale = columns.known_scale

    def initialize(self, data: LatentRows, rng: np.random.Generator) -> LatentParams:
        return LatentParams(self.columns.means(), np.eye(self.columns.size))

    def sample_latent(
        self, data: LatentRows, params: LatentParams, rng: np.random.Generator, size: int
    ) -> Draws:
        """So many moves of a chain, from where it begins; the statistics are averages."""
        return self._moved(data, params, rng, data.z, size)

    def continue_latent(
        self, data: LatentRows, params: LatentParams, rng: np.random.Generator, latent: Draws
    ) -> Draws:
        """The next moves, of which the statistics are averages."""
        return self._moved(data, params, rng, latent.z, self.n_moves)

    def _moved(
        self,
        data: LatentRows,
        params: LatentParams,
        rng: np.random.Generator,
        z: Array,
        size: int,
    ) -> Draws:
        normal, chances, d = Normal.of(params, data), as_chances(rng), len(z)
        first, second = np.zeros(d), np.zeros((d, d))
        for _ in range(size):
            expected, z = sweep(data, normal, z, chances, balanced=True)
            weighted = expected * data.weights
            first += weighted.sum(axis=1)
            second += weighted @ expected.T
        for factored in normal.factored:
            second += size * factored.spread(data.weights[factored.pattern.part])
        return Draws(z, LatentStats(data.weights.sum(), first / size, second / size))

    def complete_statistics(self, data: LatentRows, latent: Draws) -> LatentStats:
        return latent.stats

    def m_step(self, stats: LatentStats, params: LatentParams) -> LatentParams:
        mean, second = stats.first / stats.n, stats.second / stats.n
        scatter = second - np.outer(mean, mean)
        unit = np.where(self.known_scale, 1.0, np.sqrt(np.diag(scatter)))
        covariance = (1.0 - self.shrinkage) * scatter / np.outer(unit, unit)
        covariance[np.diag_indices_from(covariance)] += self.shrinkage
        return LatentParams(mean / unit, covariance)


def as_chances(rng: np.random.Generator) -> Chances:
    """Uniform numbers of a generator, row after row."""
    return lambda shape: rng.random(shape[::-1]).T
