"""
Factor analysis: what the columns have in common
================================================

Columns are mixed from a few factors, normal and missing, and noise of each column's own. The E-step
is a regression of factors on columns, the M-step one of columns on factors (Rubin & Thayer 1982,
doi:10.1007/BF02293851). It crawls, and acceleration does not, to the maximum of scikit-learn. Data:
178 wines.
"""

from collections import namedtuple

import numpy as np
from sklearn.datasets import load_wine
from sklearn.decomposition import FactorAnalysis
from sklearn.preprocessing import scale

from emkit.engine import EMModel, fit_em

# Loadings (columns, factors), variances of the noise; sums of squares and products.
Params, Stats = namedtuple("Params", "loadings noise"), namedtuple("Stats", "n xx xz zz")


class Factors(EMModel):
    def __init__(self, n_factors):
        self.n_factors = n_factors

    def initialize(self, X, rng):
        return Params(rng.normal(size=(X.shape[1], self.n_factors)), np.ones(X.shape[1]))

    def e_step(self, X, params):  # columns of mean 0
        loadings, noise = params
        weighted = loadings.T / noise
        spread = np.linalg.inv(np.eye(self.n_factors) + weighted @ loadings)
        z = X @ weighted.T @ spread
        stats = Stats(len(X), (X**2).sum(axis=0), X.T @ z, len(X) * spread + z.T @ z)
        covariance = loadings @ loadings.T + np.diag(noise)
        squares = np.sum(X.T * np.linalg.solve(covariance, X.T))
        log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
        return stats, -0.5 * (len(X) * log_det + squares)

    def m_step(self, stats, params):
        loadings = np.linalg.solve(stats.zz, stats.xz.T).T
        return Params(loadings, (stats.xx - (loadings * stats.xz).sum(axis=1)) / stats.n)

    def is_feasible(self, params):
        return np.all(params.noise > 0)


X, options = scale(load_wine().data), {"random_state": 0, "tol": 1e-11, "max_iter": 20000}
for k in (1, 2, 3):
    plain, fit = (fit_em(Factors(k), X, acceleration=a, **options) for a in (None, "anderson"))
    oracle = FactorAnalysis(k, tol=1e-12, max_iter=10000, svd_method="lapack").fit(X)
    print(f"factors: {k}, E-steps: {plain.n_evaluations} plain, {fit.n_evaluations} accelerated")
    print(f"   log-likelihood {fit.log_likelihood:.8f}")
    print(f"   scikit-learn's {oracle.score(X) * len(X):.8f}")
