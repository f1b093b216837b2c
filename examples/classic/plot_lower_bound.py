"""
The lower bound: what an EM step climbs
=======================================

The E-step at t_j puts under the log-likelihood a bound that touches it, Q(t | t_j) plus the entropy
of what is missing; the M-step goes to its top. Data: the linkage variant, six parts in four cells.
"""

from collections import namedtuple

import numpy as np

from emkit.engine import EMModel, fit_em
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None
Params, Stats = namedtuple("Params", "t"), namedtuple("Stats", "animals")
CELL = np.array([0, 0, 1, 2, 2, 3])  # in which each of the six parts lies


class Linkage(EMModel):
    def initialize(self, counts, rng):
        return Params(rng.uniform())

    def parts(self, t):
        return np.array([1 + 0 * t, 1 - t, 1 - t, 1 + 0 * t, t, t]) / 4

    def e_step(self, counts, params):
        cells = np.bincount(CELL, self.parts(params.t))
        return Stats((counts / cells)[CELL] * self.parts(params.t)), counts @ np.log(cells)

    def m_step(self, stats, params):
        return Params(stats.animals[4:].sum() / stats.animals[[1, 2, 4, 5]].sum())

    def bound(self, t, counts, at):
        animals = self.e_step(counts, Params(at))[0].animals
        return np.log(self.parts(t).T * counts[CELL] / animals) @ animals


model, counts, states = Linkage(), np.array([75, 18, 70, 34]), []
fit_em(model, counts, start=Params(0.05), acceleration=None, callback=states.append)
grid = np.linspace(0.01, 0.97, 400)
curve = [model.e_step(counts, Params(t))[1] for t in grid]
axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True, layout="tight")[1] if plt else [None] * 3
print("   t_j  log-likelihood  bound there  top of the bound  log-likelihood at its t")
for now, then, ax in zip(states[:3], states[1:4], axes, strict=True):
    t, image = now.params.t, then.params.t
    touch, top = model.bound(np.array([t, image]), counts, t)
    print(f"{t:.4f}{now.objective:16.4f}{touch:13.4f}{top:18.4f}{then.objective:25.4f}")
    if ax is not None:
        ax.plot(grid, curve, color="black", label="log-likelihood")
        ax.plot(grid, model.bound(grid, counts, t), "--", color="#D55E00", label="bound")
        ax.plot(t, touch, "o", color="#D55E00", label=f"they touch, t = {t:.3f}")
        ax.vlines(image, top, then.objective, "#0072B2", lw=3, label=f"above the top, {image:.3f}")
        ax.set(xlabel="t", ylim=(-345, -240)), ax.legend(frameon=False, loc="lower center")
if plt is not None:
    show(__file__)
