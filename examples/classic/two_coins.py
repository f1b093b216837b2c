"""
Two coins: whose tosses are these?
==================================

Five times one of two coins is drawn and tossed ten times; which one is not written down. The
E-step shares each set of tosses between the coins, the M-step takes each coin's share of heads.
The numbers are those of Do & Batzoglou (2008), doi:10.1038/nbt1406.
"""

from typing import NamedTuple

import numpy as np

from emkit.engine import LatentClassModel, fit_em, standard_errors


class Params(NamedTuple):
    heads: np.ndarray  # probability of heads, one for each coin


class Stats(NamedTuple):
    heads: np.ndarray
    tails: np.ndarray


class TwoCoins(LatentClassModel):
    def initialize(self, tosses, rng):
        return Params(rng.uniform(size=2))

    def log_joint(self, tosses, params):
        p = np.column_stack([params.heads, 1 - params.heads])
        return np.log(0.5) + np.log(p) @ tosses, None

    def statistics(self, tosses, resp, work, params):
        return Stats(*(tosses @ resp.T))

    def m_step(self, stats, params):
        return Params(stats.heads / (stats.heads + stats.tails))

    def is_feasible(self, params):
        return np.all((params.heads > 0) & (params.heads < 1))


heads = np.array([5, 9, 8, 4, 7])
tosses = np.array([heads, 10 - heads])
states = []
start = Params(np.array([0.6, 0.5]))
fit = fit_em(TwoCoins(), tosses, start=start, acceleration=None, callback=states.append)
for state in states[:11]:
    print(f"{state.n_iter:2}  A {state.params.heads[0]:.4f}  B {state.params.heads[1]:.4f}")

# %%
# Coins that start alike share every set in halves and stay alike: a saddle of the likelihood.

saddle = fit_em(TwoCoins(), tosses, start=Params(np.array([0.5, 0.5])))
errors = standard_errors(TwoCoins(), tosses, fit).heads
print(f"maximum {fit.log_likelihood:.4f} at", fit.params.heads.round(4), "+-", errors.round(4))
print(f"saddle  {saddle.log_likelihood:.4f} at", saddle.params.heads.round(4))
