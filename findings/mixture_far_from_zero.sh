#!/usr/bin/env bash
# One Gaussian has two variances, if it stands far enough from the origin.
#
# Versions: scikit-learn 1.9.1, NumPy 2.4.6.
#
# Guess: a mixture of one component is the sample's mean and covariance, whatever covariance_type:
#   "full" and "tied" are one model then, and "diag" has the diagonal of both. A constant added to
#   the columns changes nothing but the mean. Coordinates of a survey (UTM: an easting near 580
#   km, a northing near 5 800 km, in metres) are ordinary numbers for double precision.
# Seen: for points that lie 0.3 m about one place "full" gives the variance to ten digits, "tied"
#   and "diag" one that is over 1.5 times as large, "spherical" 1.3 times, without a warning. At 3
#   m the fourth digit is wrong, at 0.05 m it is six times too large or more. Those three subtract
#   the square of the mean from the mean square, "full" centres first.
# Why it matters: geodetic coordinates, times in seconds since 1970 and calendar dates are such
#   columns; and a comparison of covariance types by BIC compares rounding.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

OMP_NUM_THREADS=1 "$work/venv/bin/python" -W error - <<'EOF'
import sys

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture

print("scikit-learn", sklearn.__version__)
noise = np.random.default_rng(0).normal(size=(1000, 2))
ratios = {}
for spread in (3.0, 0.3, 0.05):
    X = np.array([5.8e5, 5.8e6]) + spread * noise
    for kind in ("full", "tied", "diag", "spherical"):
        fit = GaussianMixture(1, covariance_type=kind, reg_covar=0.0).fit(X)
        variance = np.ravel(fit.covariances_)[-1]  # of the northing; of both for "spherical"
        right = X.var(axis=0).mean() if kind == "spherical" else X.var(axis=0)[1]
        ratios[spread, kind] = variance / right
        print(f"spread {spread:5} m  {kind:9}  variance / right variance {variance / right:.6f}")
seen = all(abs(ratios[spread, "full"] - 1) < 1e-6 for spread in (3.0, 0.3, 0.05))
seen &= all(ratios[0.3, kind] > 1.5 for kind in ("tied", "diag"))
seen &= ratios[0.3, "spherical"] > 1.25
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
