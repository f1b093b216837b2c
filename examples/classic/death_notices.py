"""
Death notices: a slow climb, and a short cut
============================================

How many death notices of women of 80 and over a day, The Times, 1910 to 1912 (Hasselblad 1969,
doi:10.1080/01621459.1969.10501071). They vary too much for one Poisson law. Two rates, perhaps
winter's and summer's, fit, but overlap so far that plain EM crawls, and stops before its time.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from emkit.datasets import load_death_notices
from emkit.engine import LatentClassModel, fit_em

X, days = load_death_notices(return_X_y=True)
notices = X[:, 0]


class Params(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Stats(NamedTuple):
    days: np.ndarray
    notices: np.ndarray


class PoissonMixture(LatentClassModel):
    def initialize(self, notices, rng):
        return Params(np.array([0.5, 0.5]), rng.choice(notices, 2, replace=False) + 0.5)

    def weights(self, notices):
        return days

    def log_joint(self, notices, params):
        rates = params.rates[:, None]
        log_p = notices * np.log(rates) - rates - gammaln(notices + 1)
        return np.log(params.weights)[:, None] + log_p, None

    def statistics(self, notices, resp, work, params):
        return Stats(resp.sum(axis=1), resp @ notices)

    def m_step(self, stats, params):
        return Params(stats.days / days.sum(), stats.notices / stats.days)

    def is_feasible(self, params):
        return np.all(params.weights > 0) and np.all(params.rates > 0)


one = fit_em(PoissonMixture(), notices, start=Params(np.ones(1), np.ones(1)))
print(f"one rate   log-likelihood {one.log_likelihood:.4f}")
start = Params(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
for acceleration in (None, "anderson"):
    fit = fit_em(PoissonMixture(), notices, start=start, acceleration=acceleration, max_iter=5000)
    print(f"two rates  log-likelihood {fit.log_likelihood:.4f} after {fit.n_evaluations} E-steps:")
    print("   weights", fit.params.weights.round(4), " rates", fit.params.rates.round(4))
