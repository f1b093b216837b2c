"""
Failure times: those still running
==================================

Weeks to relapse of 21 children with leukaemia, treated with 6-MP (Freireich et al. 1963,
doi:10.1182/blood.V21.6.699.699). Twelve were well when last seen: under an exponential law they
have a whole mean lifetime still to come. The E-step adds it; Monte Carlo EM draws it.
"""

from typing import NamedTuple

import numpy as np

from emkit.engine import EMModel, MonteCarloEM, fit_em


class Params(NamedTuple):
    mean: float


class Stats(NamedTuple):
    n: float
    time: float


class Lifetimes(EMModel):
    def initialize(self, data, rng):
        return Params(rng.choice(data[0]))

    def e_step(self, data, params):
        time, running = data
        log_p = -time / params.mean - np.where(running, 0.0, np.log(params.mean))
        return Stats(len(time), np.sum(time + running * params.mean)), log_p.sum()

    def m_step(self, stats, params):
        return Params(stats.time / stats.n)

    def is_feasible(self, params):
        return params.mean > 0

    def sample_latent(self, data, params, rng, size):
        return rng.exponential(params.mean, (size, data[1].sum()))

    def complete_statistics(self, data, still_to_come):
        return Stats(len(data[0]), data[0].sum() + still_to_come.sum(axis=1).mean())


ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
well = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
data = np.array(ended + well), np.repeat([False, True], [len(ended), len(well)])
states = []
fit = fit_em(Lifetimes(), data, start=Params(10.0), acceleration=None, callback=states.append)
exact = data[0].sum() / len(ended)  # weeks by relapses: the one maximum, known without EM
errors = [state.params.mean - exact for state in states]
print(f"mean {fit.params.mean:.4f} weeks after {fit.n_iter} steps, exactly {exact:.4f}")
print(f"a step leaves {errors[1] / errors[0]:.6f} of the error; missing are", end=" ")
print(f"{len(well) / len(data[0]):.6f} of the times")
form = MonteCarloEM(precision=0.01)
drawn = fit_em(Lifetimes(), data, start=Params(10.0), algorithm=form, random_state=0)
print(f"by draws {drawn.params.mean:.4f} +- {drawn.monte_carlo_error.mean:.4f} (of the draws)")
