#!/usr/bin/env bash
# The same density in grams and in tonnes: SciPy's multivariate normal is off by 3e-7.
#
# Versions: SciPy 1.17.1, NumPy 2.4.6.
#
# Guess: `scipy.stats.multivariate_normal(mean, cov).logpdf(x)` is exact to about 1e-15 relative for
#   a well-conditioned correlation, whatever units the columns are in: a change of units adds a
#   constant, the logarithms of the units.
# Seen: with one column in units 1e4 times as large as another's, and a modest correlation, the
#   log-density is off by 3e-7. It goes by the eigenvalues of the covariance, of which
#   the small ones are known only beside the largest; a Cholesky factor does not mind.
# Why it matters: it is the reference that other implementations are tested against. A right
#   log-likelihood then fails at tight tolerances, on tables with columns in different units.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q scipy==1.17.1 numpy==2.4.6

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PY'
import sys

import numpy as np
import scipy
from scipy.stats import multivariate_normal

print("SciPy", scipy.__version__)
rng = np.random.default_rng(0)
d = 4
root = rng.normal(size=(d, d))
correlation = root @ root.T
sd = np.sqrt(np.diag(correlation))
correlation /= np.outer(sd, sd)
z = rng.normal(size=(50, d))
expected = multivariate_normal(cov=correlation).logpdf(z)
print(f"condition of the correlation: {np.linalg.cond(correlation):.0f}")
units = np.array([1.0, 1e-2, 1e2, 10.0])
found = multivariate_normal(cov=correlation * np.outer(units, units)).logpdf(z * units)
error = np.abs(found + np.log(units).sum() - expected).max()
lower = np.linalg.cholesky(correlation * np.outer(units, units))
white = np.linalg.solve(lower, (z * units).T)
by_hand = -0.5 * (white**2).sum(axis=0) - np.log(np.diag(lower)).sum() - 0.5 * d * np.log(2 * np.pi)
other = np.abs(by_hand + np.log(units).sum() - expected).max()
print(f"largest error of logpdf in other units: {error:.1e}; by a Cholesky factor: {other:.1e}")
sys.exit(not (error > 1e-9 and other < 1e-12))
PY
