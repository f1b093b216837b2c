"""
Genetic linkage: four counts and one parameter
==============================================

Of 197 animals only the numbers in four cells are known (Dempster, Laird & Rubin 1977). Had the
first cell, (2 + t) / 4, been counted in two parts, t would be a simple share: the split is missing.
"""

from typing import NamedTuple

import numpy as np

from emkit.engine import EMModel, MonteCarloEM, fit_em, standard_errors


class Params(NamedTuple):
    t: float


class Stats(NamedTuple):
    away: float  # animals of the parts 1 - t
    toward: float  # and of the parts t


class Linkage(EMModel):
    def __init__(self, fixed, away, toward):  # cells (fixed + away (1 - t) + toward t) / 4
        self.fixed, self.away, self.toward = map(np.array, (fixed, away, toward))

    def initialize(self, counts, rng):
        return Params(rng.uniform())

    def e_step(self, counts, params):
        away, toward = self.away * (1 - params.t), self.toward * params.t
        cells = self.fixed + away + toward
        return Stats(counts @ (away / cells), counts @ (toward / cells)), counts @ np.log(cells / 4)

    def m_step(self, stats, params):
        return Params(stats.toward / (stats.away + stats.toward))

    def is_feasible(self, params):
        return 0 < params.t < 1

    def sample_latent(self, counts, params, rng, size):
        parts = np.array([self.fixed, self.away * (1 - params.t), self.toward * params.t])
        return rng.multinomial(counts, (parts / parts.sum(axis=0)).T, (size, len(counts)))

    def complete_statistics(self, counts, drawn):
        return Stats(*drawn[:, :, 1:].sum(axis=1).mean(axis=0))


classic = Linkage([2, 0, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]), np.array([125, 18, 20, 34])
variant = Linkage([1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]), np.array([75, 18, 70, 34])
for model, counts in (classic, variant):
    states, plain = [], {"acceleration": None, "tol": 1e-12}
    fit = fit_em(model, counts, start=Params(0.5), callback=states.append, **plain)
    print("iterates", *(f"{state.params.t:.6f}" for state in states[:5]), "...")
    error = standard_errors(model, counts, fit).t
    print(f"maximum  {fit.params.t:.6f} +- {error:.6f}")
    drawn = fit_em(model, counts, start=Params(0.5), algorithm=MonteCarloEM(), random_state=0)
    print(f"by draws {drawn.params.t:.6f} +- {drawn.monte_carlo_error.t:.6f} (of the draws)")
