"""
Zero-inflated Poisson regression: zeros of two kinds
====================================================

Roots of 270 apple shoots by hours of light and dose of a hormone (Ridout, Hinde & Demetrio 1998,
Proc. 19th Int. Biometric Conf., 179-192). Some shoots cannot root; which of those without roots
is missing (Lambert 1992, doi:10.2307/1269547). The M-step is a Poisson and a logistic regression,
of which one Newton step is enough: it need only raise what the E-step expects.
"""

from collections import namedtuple

import numpy as np
from scipy.special import expit, gammaln, log_expit

from emkit.engine import EMModel, fit_em, standard_errors

Params = namedtuple("Params", "log_mean logit")  # of roots where they can be; that they cannot
Stats = namedtuple("Stats", "score information logit_score logit_information")


class ZeroInflatedPoisson(EMModel):
    backtracks = True  # a Newton step may go too far, and is halved then

    def initialize(self, data, rng):
        shoots, roots, X, Z = data
        log_mean = np.log(shoots @ roots / shoots.sum())
        return Params(log_mean + rng.normal(size=X.shape[1]), rng.normal(size=Z.shape[1]))

    def e_step(self, data, params):
        shoots, roots, X, Z = data
        line, never = X @ params.log_mean, Z @ params.logit
        log_p = log_expit(-never) + roots * line - np.exp(line) - gammaln(roots + 1)
        log_p = np.where(roots == 0, np.logaddexp(log_expit(never), log_p), log_p)
        cannot = shoots * np.exp(np.where(roots == 0, log_expit(never) - log_p, -np.inf))
        can, mean, share = shoots - cannot, np.exp(line), expit(never)
        poisson = X.T @ (can * (roots - mean)), X.T * (can * mean) @ X
        logistic = Z.T @ (cannot - shoots * share), Z.T * (shoots * share * (1 - share)) @ Z
        return Stats(*poisson, *logistic), shoots @ log_p

    def m_step(self, stats, params):
        step = np.linalg.solve(stats.information, stats.score)
        logit_step = np.linalg.solve(stats.logit_information, stats.logit_score)
        return Params(params.log_mean + step, params.logit + logit_step)


# Shoots with 0, 1, 2, ... roots for each dose: under 8 hours of light, then under 16.
table = """0 3 2 3 6 3 2 2 3 1 2 1 0 1 0 0 0 1   0 0 3 0 1 0 3 7 3 5 3 4 0 1 0 0 0 0
           0 0 1 2 4 4 4 4 7 5 4 1 2 0 2 0 0 0   2 0 0 2 2 5 5 4 8 3 4 4 0 0 1 0 0 0
           15 0 2 2 1 2 1 0 1 3 1 1 1 0 0 0 0 0   16 2 1 1 2 1 2 0 1 0 3 0 1 0 0 0 0 0
           12 3 2 1 2 2 3 1 0 2 0 1 1 0 0 0 0 0   19 2 2 4 3 1 4 3 0 2 0 0 0 0 0 0 0 0"""
shoots, roots = np.array(table.split(), int), np.tile(range(18), 8)
X, Z = (np.repeat(np.eye(n), 144 // n, axis=0) for n in (8, 2))  # light by dose; light
data = shoots, roots, X, Z
fit = fit_em(ZeroInflatedPoisson(), data, random_state=0, tol=1e-10)
errors = standard_errors(ZeroInflatedPoisson(), data, fit).logit
print(f"log-likelihood {fit.log_likelihood:.4f} after {fit.n_evaluations} E-steps")
for hours, logit, error in zip((8, 16), fit.params.logit, errors, strict=True):
    low, high = expit(logit - 1.96 * error), expit(logit + 1.96 * error)
    print(f"{hours:2} hours: {expit(logit):.3f} cannot root (95 % from {low:.3f} to {high:.3f})")
