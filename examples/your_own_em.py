"""
Your own EM in 30 lines
=======================

Write an E-step and an M-step; the engine climbs. Which form of the E-step to choose:

========== =========================================================================================
``"em"``   exact, the default: never falls, can be accelerated, gives standard errors
``"mcem"`` Monte Carlo, where no formula is known but what is missing can be drawn
``"cem"``  each row to one class, when the partition is wanted: quick, biased where classes overlap
``"sem"``  classes drawn: gets away from saddles; the mean of a chain, which never stands still
========== =========================================================================================

Cholera in an Indian village (McKendrick 1926, doi:10.1017/S0013091500034428): of 223 households 168
had no case, too many for a Poisson law. Some were never exposed; which ones is what is missing.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

from emkit.engine import Blocks, EMModel, MonteCarloEM, fit_em, standard_errors

cases = np.repeat([0, 1, 2, 3, 4], [168, 32, 16, 6, 1])


class Params(NamedTuple):
    share: float  #: of households exposed
    rate: float  #: cases in a household exposed


class Stats(NamedTuple):
    households: float
    exposed: float
    cases: float


class Cholera(EMModel):
    def initialize(self, cases, rng):
        return Params(*rng.uniform(0.1, 0.9, 2))

    def e_step(self, cases, params):
        log_poisson = cases * np.log(params.rate) - params.rate - gammaln(cases + 1)
        exposed = params.share * np.exp(log_poisson)
        p = exposed + (1 - params.share) * (cases == 0)
        return Stats(len(cases), np.sum(exposed / p), cases.sum()), np.log(p).sum()

    def m_step(self, stats, params):
        return Params(stats.exposed / stats.households, stats.cases / stats.exposed)

    def is_feasible(self, params):
        return 0 < params.share < 1 and params.rate > 0

    # That is all. With the complete data's score, standard errors cost two E-steps a parameter.
    def complete_score(self, stats, params):
        spared = stats.households - stats.exposed
        by_share = stats.exposed / params.share - spared / (1 - params.share)
        return Params(by_share, stats.cases / params.rate - stats.exposed)

    # With these two it needs no e_step: Monte Carlo EM draws which households were exposed.
    def sample_latent(self, cases, params, rng, size):
        odds = params.share * np.exp(-params.rate) / (1 - params.share)
        return (cases > 0) | (rng.random((size, len(cases))) < odds / (1 + odds))

    def complete_statistics(self, cases, exposed):
        return Stats(len(cases), exposed.sum() / len(exposed), cases.sum())


# %%
# Acceleration is on by default. Statistics add, so the rows may come in blocks.

model, start, parts = Cholera(), Params(0.5, 0.5), Blocks(np.array_split(cases, 4))
for data, acceleration in [(cases, None), (cases, "anderson"), (parts, "anderson")]:
    fit = fit_em(model, data, start=start, acceleration=acceleration)
    print(f"{fit.n_evaluations:3} E-steps, {fit.reason}: share {fit.params.share:.5f}")
errors = standard_errors(model, cases, fit)
print(f"share {fit.params.share:.3f} +- {errors.share:.3f}", end=", ")
print(f"rate {fit.params.rate:.3f} +- {errors.rate:.3f}")
drawn = fit_em(model, cases, start=start, algorithm=MonteCarloEM(precision=0.01), random_state=0)
low, high = drawn.interval()
print(f"Monte Carlo EM: share {low.share:.4f} to {high.share:.4f}, {drawn.n_evaluations} E-steps")

# %%
# Guaranteed: no step lowers the likelihood, and TOLERANCE means a stationary point. Not guaranteed:
# the highest. Here there is but one: 86 cases in 55 households, a Poisson law without its zeros.

exact = brentq(lambda rate: rate / -np.expm1(-rate) - 86 / 55, 0.1, 10, xtol=1e-12)
print(f"rate by EM {fit.params.rate:.6f}, exactly {exact:.6f}")
