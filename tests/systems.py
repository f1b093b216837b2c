"""Small models that several files of tests climb."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from emkit.engine import EMModel, LatentClassModel

#: For a test that cuts its runs short on purpose.
cut_short = pytest.mark.filterwarnings("ignore::emkit.exceptions.NotConvergedWarning")


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
        return self.split(counts, params.t), float(counts @ np.log(self.cells(params.t)))

    def m_step(self, stats, params):
        return Theta(stats.toward / (stats.toward + stats.away))

    def is_feasible(self, params):
        return 0 < params.t < 1


class Rates(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Counts(NamedTuple):
    n: np.ndarray
    events: np.ndarray


class Poisson(LatentClassModel):
    """Poisson mixture of a table of counts: columns value and frequency."""

    #: Rates that starts are drawn below.
    highest = 4.0

    def initialize(self, table, rng):
        return Rates(np.array([0.5, 0.5]), rng.uniform(0.5, self.highest, 2))

    def weights(self, table):
        return table[:, 1]

    def log_joint(self, table, bound):
        return np.log(bound.weights)[:, None] + stats.poisson.logpmf(
            table[:, 0], bound.rates[:, None]
        ), 0

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
