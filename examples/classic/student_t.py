"""
Student's t: degrees of freedom by ECME
=======================================

A t is a normal whose precision, drawn for each row, is missing: its expectation is a weight, small
far out. Location and scale come from an M-step; the degrees of freedom climb in the likelihood
itself (Liu & Rubin 1994, doi:10.1093/biomet/81.4.633). Data: a length of 5 measured 200 times, ten
in a hundred grossly wrong.
"""

from collections import namedtuple

import numpy as np
from scipy import optimize, stats

from emkit.engine import EMModel, fit_em

Params = namedtuple("Params", "mean variance df")
Stats = namedtuple("Stats", "n weight first second")


class StudentT(EMModel):
    def initialize(self, x, rng):
        return Params(rng.choice(x), x.var(), 10.0)

    def e_step(self, x, params):
        mean, variance, df = params
        weight = (df + 1) / (df + (x - mean) ** 2 / variance)
        value = stats.t.logpdf(x, df, mean, np.sqrt(variance)).sum()
        return Stats(len(x), weight.sum(), weight @ x, weight @ x**2), value

    def m_step(self, stats, params):
        mean = stats.first / stats.weight
        return Params(mean, (stats.second - mean * stats.first) / stats.n, params.df)

    def conditional_step(self, x, params):
        def fall(log_df):
            return -self.e_step(x, params._replace(df=np.exp(log_df)))[1]

        best = optimize.minimize_scalar(fall, bounds=(-1, 5), method="bounded")
        return params if best.fun > fall(np.log(params.df)) else params._replace(df=np.exp(best.x))

    def is_feasible(self, params):
        return params.variance > 0 and params.df > 0


x = 5.0 + np.random.default_rng(1).normal(size=200) * np.repeat([1.0, 8.0], [180, 20])
fit = fit_em(StudentT(), x, random_state=0, tol=1e-10)
df, mean, scale = stats.t.fit(x)
print(f"normal  mean {x.mean():.4f}, sd {x.std():.4f}")
print("ECME    mean {:.4f}, variance {:.4f}, df {:.4f}".format(*fit.params), end="")
print(f", log-likelihood {fit.log_likelihood:.5f} after {fit.n_iter} steps")
print(f"scipy   mean {mean:.4f}, variance {scale**2:.4f}, df {df:.4f}", end="")
print(f", log-likelihood {stats.t.logpdf(x, df, mean, scale).sum():.5f}")
