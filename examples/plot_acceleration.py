"""
Acceleration: the same maximum in a fraction of the E-steps
===========================================================

EM is slow where most of the information is missing. An acceleration extrapolates the steps, and the
engine takes what it proposes only when the objective rises: all that is risked is an E-step.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import poisson

from emkit.datasets import load_death_notices
from emkit.engine import EMModel, fit_em
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# Days with so many death notices in The Times (Hasselblad 1969): two Poisson laws that overlap.

X, days = load_death_notices(return_X_y=True)
notices = X[:, 0]


class Params(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Stats(NamedTuple):
    days: np.ndarray
    notices: np.ndarray


class PoissonMixture(EMModel):
    n_e_steps = 0

    def initialize(self, notices, rng):
        return Params(np.array([0.5, 0.5]), rng.choice(notices, 2, replace=False) + 0.5)

    def e_step(self, notices, params):
        self.n_e_steps += 1
        joint = params.weights[:, None] * poisson.pmf(notices, params.rates[:, None])
        p = joint.sum(axis=0)
        n = days * joint / p
        return Stats(n.sum(axis=1), n @ notices), days @ np.log(p)

    def m_step(self, stats, params):
        return Params(stats.days / stats.days.sum(), stats.notices / stats.days)

    def is_feasible(self, params):
        return np.all(params.weights > 0) and np.all(params.rates > 0)


# %%
# All from the same start, with ``tol=0`` until nothing more is to be gained. Louis' scheme pays for
# its derivative with an E-step a parameter: it is for small models. Anderson's is the default.

start = Params(np.array([0.3, 0.7]), np.array([1.0, 2.5]))


def climb(**options):
    """E-steps so far and log-likelihood, at every iterate."""
    model, path = PoissonMixture(), []

    def callback(state):
        path.append((model.n_e_steps, state.objective))

    fit_em(model, notices, start=start, tol=0.0, max_iter=10_000, callback=callback, **options)
    return np.array(path).T


names = {"plain EM": None, "SQUAREM": "squarem", "Anderson": "anderson", "Louis": "louis"}
paths = {name: climb(acceleration=scheme) for name, scheme in names.items()}
top = max(values.max() for _, values in paths.values())
for name, (e_steps, values) in paths.items():
    print(f"{name:9}{e_steps[top - values < 1e-8][0]:6.0f} E-steps to within 1e-8 of {top:.6f}")

if plt is not None:
    fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for (name, (e_steps, values)), style in zip(paths.items(), ["-", "--", "-.", ":"], strict=True):
        ax.plot(e_steps, top - values, style, label=name)
    ax.set(xscale="log", yscale="log", ylim=(1e-9, 10), xlabel="E-steps", ylabel="nats to go")
    ax.legend(frameon=False)
    show(__file__)
