"""A move of the Gibbs chain of latent cells given what rows tell of them.

First the cells that are known up to an interval, one after the other given all others, then those
that are missing, all of a row at once. The order is that of the contract: what comes back holds
the expectations of the missing cells given the rest, and draws of them.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from emkit._typing import Array
from emkit.models.latent_normal.rows import Chosen, LatentRows
from emkit.numerics.incomplete_rows import Factored
from emkit.numerics.truncated_normal import draw_between

__all__ = ["Chances", "LatentParams", "Normal", "Swept", "sweep"]

#: Steps by the golden section are spread evenly over the unit interval, however many they are.
GOLDEN = 0.5 * (5.0**0.5 - 1.0)


class LatentParams(NamedTuple):
    """The latent normal; variances are 1, but for those of numbers."""

    mean: Array  #: (d,)
    covariance: Array  #: (d, d)


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
        np.linalg.cholesky(params.covariance)  # a LinAlgError unless positive definite
        precision = np.linalg.inv(params.covariance)
        precision = 0.5 * (precision + precision.T)
        return cls(params.mean, precision, [p.at(precision) for p in data.patterns])


class Swept(NamedTuple):
    """What a move led to, (d, n)."""

    expected: Array  #: missing cells at their conditional means
    drawn: Array


def sweep(
    data: LatentRows, normal: Normal, z: Array, chances: Chances, *, balanced: bool = False
) -> Swept:
    """One move from latent cells z (d, n), in which missing ones are drawn too.

    With ``balanced`` the draws of a column go evenly through the rows (`spread_out`).
    """
    away = z - normal.mean[:, None]
    uniform = chances(z.shape)
    for at, rows, low, high in data.intervals:
        shift = normal.mean[at]
        site = _Site(normal, away, at, rows)
        chance = site.chances(uniform, low if balanced else None)
        site.draw(low - shift, high - shift, chance)
    for chosen in data.chosen:
        _draw_utilities(normal, away, chosen, uniform, balanced)
    if not data.patterns:
        drawn = away + normal.mean[:, None]
        return Swept(drawn, drawn)
    expected, noise = away.copy(), ndtri(chances(z.shape))
    for factored in normal.factored:
        part = factored.pattern.part
        expected[:, part] = factored.expect(away[:, part])
        away[:, part] = factored.add_noise(expected[:, part], noise[:, part])
    return Swept(expected + normal.mean[:, None], away + normal.mean[:, None])


class _Site:
    """One latent cell of some rows, given all others."""

    def __init__(self, normal: Normal, away: Array, at: int, rows: NDArray[np.intp]):
        precision = normal.precision[at]
        self.away, self.at, self.rows = away, at, rows
        self.root = np.sqrt(precision[at])
        self.centre = away[at, rows] - (precision @ away)[rows] / precision[at]

    def chances(self, uniform: Array, group: NDArray[Any] | None) -> Array:
        """Uniform numbers of the rows; even through those of a group, where there are groups."""
        own: Array = uniform[self.at, self.rows]
        if group is not None:
            own[np.lexsort((self.centre, group))] = (own[0] + GOLDEN * np.arange(len(own))) % 1.0
        return own

    def draw(self, low: Array, high: Array, chance: Array) -> None:
        """Within bounds that are deviations from the mean, as the cells are."""
        low, high = (low - self.centre) * self.root, (high - self.centre) * self.root
        self.away[self.at, self.rows] = self.centre + draw_between(low, high, chance)[0] / self.root


def _draw_utilities(
    normal: Normal, away: Array, chosen: Chosen, uniform: Array, balanced: bool
) -> None:
    """The utilities of a nominal column, one given the others: that of the level is largest."""
    places, rows, level = chosen
    mean, each = normal.mean[places], np.arange(len(rows))
    for i, at in enumerate(places):
        utilities = np.vstack([away[np.ix_(places, rows)] + mean[:, None], np.zeros(len(rows))])
        utilities[i] = -np.inf
        mine = level == i
        low = np.where(mine, utilities.max(axis=0), -np.inf) - mean[i]
        high = np.where(mine, np.inf, utilities[np.where(mine, -1, level), each]) - mean[i]
        site = _Site(normal, away, int(at), rows)
        site.draw(low, high, site.chances(uniform, level if balanced else None))
