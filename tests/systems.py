"""Small models that several files of tests climb.

Worker processes import this file, so it imports little: no scikit-learn, no scipy.stats.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from emkit.engine import EMModel, LatentClassModel


class Theta(NamedTuple):
    t: float


class Split(NamedTuple):
    away: float
    toward: float


class Linkage(EMModel):
    """Four cells (1/2 + t/4, (1-t)/4, (1-t)/4, t/4), the split of the first one missing."""

    def initialize(self, counts, rng):
        return Theta(rng.uniform(0.1, 0.9))

    def cells(self, t):
        return np.array([2 + t, 1 - t, 1 - t, t]) / 4

    def split(self, counts, t):
        return Split(counts[1] + counts[2], counts[0] * t / (2 + t) + counts[3])

    def e_step(self, counts, params):
        value = special.xlogy(counts, self.cells(params.t)).sum()
        return self.split(counts, params.t), float(value)

    def m_step(self, stats, params):
        return Theta(stats.toward / (stats.toward + stats.away))

    def complete_score(self, stats, params):
        return Theta(stats.toward / params.t - stats.away / (1 - params.t))

    def is_feasible(self, params):
        return 0 < params.t < 1


class LinkageVariant(Linkage):
    """Cells ((2-t)/4, (1-t)/4, (1+t)/4, t/4), the first and the third of them split."""

    def cells(self, t):
        return np.array([2 - t, 1 - t, 1 + t, t]) / 4

    def split(self, counts, t):
        away = counts[0] * (1 - t) / (2 - t) + counts[1]
        return Split(away, counts[2] * t / (1 + t) + counts[3])


#: Offspring that `Linkage` is fitted to (Rao 1965).
OFFSPRING = np.array([125, 18, 20, 34])


class Rates(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Counts(NamedTuple):
    n: np.ndarray
    events: np.ndarray


class Poisson(LatentClassModel):
    """Poisson mixture of a table of counts: columns value and frequency."""

    def __init__(self, n_classes=2, highest=4.0):
        self.n_classes = n_classes
        self.highest = highest  #: of the rates that starts are drawn from

    def initialize(self, table, rng):
        weights = np.full(self.n_classes, 1 / self.n_classes)
        return Rates(weights, rng.uniform(0.5, self.highest, self.n_classes))

    def weights(self, table):
        return table[:, 1]

    def log_joint(self, table, bound):
        rates, events = bound.rates[:, None], table[:, 0]
        log_p = special.xlogy(events, rates) - special.gammaln(events + 1) - rates
        return np.log(bound.weights)[:, None] + log_p, 0

    def statistics(self, table, resp, work, bound):
        return Counts(resp.sum(axis=1), resp @ table[:, 0])

    def m_step(self, stats, params):
        return Rates(stats.n / stats.n.sum(), stats.events / stats.n)

    def complete_score(self, stats, params):
        # Less what keeps the weights on the simplex, so that it is zero at a maximum.
        weights = stats.n / params.weights - stats.n.sum()
        return Rates(weights, stats.events / params.rates - stats.n)

    def is_feasible(self, params):
        return bool((params.weights > 0).all() and (params.rates > 0).all())


def death_notices():
    """The table of them that `Poisson` takes: number of notices, days with so many."""
    from emkit.datasets import load_death_notices

    return np.column_stack(load_death_notices(return_X_y=True))
