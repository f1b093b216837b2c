"""A move of the Gibbs chain of latent cells given what rows tell of them.

First the cells that are known up to an interval, one after the other given all others, then those
that are missing, all of a row at once. The order is that of the contract: what comes back holds
the expectations of the missing cells given the rest, and draws of them.
"""

from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import ndtri

from emkit._typing import Array
from emkit.models.latent_normal.rows import Chosen, LatentRows
from emkit.numerics.incomplete_rows import Factored
from emkit.numerics.truncated_normal import draw_between

__all__ = ["Chances", "LatentParams", "Normal", "Swept", "sweep"]


class LatentParams(NamedTuple):
    """The latent normal; variances are 1."""

    mean: Array  #: (d,), 0 but for utilities
    correlation: Array  #: (d, d)


class Chances(Protocol):
    """Where uniform numbers come from."""

    def __call__(self, shape: tuple[int, int]) -> Array:
        """Numbers (d, n) of the rows in the order of their data."""


class Normal(NamedTuple):
    """Parameters, and what is made of them once for all moves of a chain."""

    mean: Array
    precision: Array
    factored: list[Factored]  #: of the patterns

    @classmethod
    def of(cls, params: LatentParams, data: LatentRows) -> "Normal":
        np.linalg.cholesky(params.correlation)  # a LinAlgError unless positive definite
        precision = np.linalg.inv(params.correlation)
        precision = 0.5 * (precision + precision.T)
        return cls(params.mean, precision, [p.at(precision) for p in data.patterns])


class Swept(NamedTuple):
    """What a move led to, (d, n)."""

    expected: Array  #: missing cells at their conditional means
    drawn: Array


def sweep(data: LatentRows, normal: Normal, z: Array, chances: Chances) -> Swept:
    """One move from latent cells z (d, n), in which missing ones are drawn too."""
    away = z - normal.mean[:, None]
    uniform = chances(z.shape)
    for at, rows, low, high in data.intervals:
        _draw_cells(normal, away, at, rows, low - normal.mean[at], high - normal.mean[at], uniform)
    for chosen in data.chosen:
        _draw_utilities(normal, away, chosen, uniform)
    if not data.patterns:
        drawn = away + normal.mean[:, None]
        return Swept(drawn, drawn)
    expected, noise = away.copy(), ndtri(chances(z.shape))
    for factored in normal.factored:
        part = factored.pattern.part
        expected[:, part] = factored.expect(away[:, part])
        away[:, part] = factored.add_noise(expected[:, part], noise[:, part])
    return Swept(expected + normal.mean[:, None], away + normal.mean[:, None])


def _draw_cells(
    normal: Normal, away: Array, at: int, rows: Array, low: Array, high: Array, uniform: Array
) -> None:
    """One latent cell of some rows, within bounds that are deviations from the mean too."""
    precision = normal.precision[at]
    root = np.sqrt(precision[at])
    centre = away[at, rows] - (precision @ away)[rows] / precision[at]
    drawn, _ = draw_between((low - centre) * root, (high - centre) * root, uniform[at, rows])
    away[at, rows] = centre + drawn / root


def _draw_utilities(normal: Normal, away: Array, chosen: Chosen, uniform: Array) -> None:
    """The utilities of a nominal column, one given the others: that of the level is largest."""
    places, rows, level = chosen
    mean = normal.mean[places]
    each = np.arange(len(rows))
    for i, at in enumerate(places):
        utilities = np.vstack([away[np.ix_(places, rows)] + mean[:, None], np.zeros(len(rows))])
        utilities[i] = -np.inf
        mine = level == i
        low = np.where(mine, utilities.max(axis=0), -np.inf) - mean[i]
        high = np.where(mine, np.inf, utilities[np.where(mine, -1, level), each]) - mean[i]
        _draw_cells(normal, away, int(at), rows, low, high, uniform)
