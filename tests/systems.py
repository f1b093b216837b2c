"""Small models that several files of tests climb."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from emkit.datasets import load_death_notices
from emkit.engine import LatentClassModel


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

    def log_joint(self, table, at):
        return np.log(at.weights)[:, None] + stats.poisson.logpmf(table[:, 0], at.rates[:, None]), 0

    def statistics(self, table, resp, work, at):
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
    return np.column_stack(load_death_notices(return_X_y=True))
