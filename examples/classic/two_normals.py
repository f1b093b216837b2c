"""
Two normals: the maximum, and the peak to refuse
================================================

The first mixture of all: 1000 crabs of Naples, breadth of the forehead by length of the body, in
which Pearson (1894, doi:10.1098/rsta.1894.0003) saw two kinds. EM finds two normals. Yet the
likelihood has no highest point: a normal that shrinks onto one number raises it without end.
"""

import warnings
from typing import NamedTuple

import numpy as np

from emkit.engine import LatentClassModel, fit_em


class Params(NamedTuple):
    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray


class Stats(NamedTuple):
    n: np.ndarray
    x: np.ndarray
    xx: np.ndarray


class TwoNormals(LatentClassModel):
    def initialize(self, data, rng):
        return Params(np.full(2, 0.5), rng.choice(data[0], 2), np.full(2, 1e-4))

    def weights(self, data):
        return data[1]

    def log_joint(self, data, params):
        weights, means, variances = (p[:, None] for p in params)
        log_p = -0.5 * (np.log(2 * np.pi * variances) + (data[0] - means) ** 2 / variances)
        return np.log(weights) + log_p, None

    def statistics(self, data, resp, work, params):
        return Stats(resp.sum(axis=1), resp @ data[0], resp @ data[0] ** 2)

    def m_step(self, stats, params):
        means = stats.x / stats.n
        return Params(stats.n / stats.n.sum(), means, stats.xx / stats.n - means**2)

    def is_feasible(self, params):
        return np.all(params.weights > 0) and np.all(params.variances > 1e-9)


crabs = [1, 3, 5, 2, 7, 10, 13, 19, 20, 25, 40, 31, 60, 62, 54, 74, 84, 86, 96, 85, 75, 47, 43]
data = 0.5815 + 0.004 * np.arange(29), np.array([*crabs, 24, 19, 9, 5, 0, 1])  # midpoint, crabs
fit = fit_em(TwoNormals(), data, n_init=5, random_state=0)
narrow = Params(np.array([0.05, 0.95]), np.array([0.6535, 0.645]), np.array([1e-6, 4e-4]))
with warnings.catch_warnings(action="ignore"):  # it tells that a class collapsed
    collapse = fit_em(TwoNormals(), data, start=narrow)
for run in (fit, collapse):
    print(f"log-likelihood {run.log_likelihood:.3f}: {run.reason}", *run.params, sep="\n    ")
