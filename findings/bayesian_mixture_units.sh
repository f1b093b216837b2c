#!/usr/bin/env bash
# Centimetres find five species of iris, millimetres two.
#
# Versions: scikit-learn 1.9.1, NumPy 2.4.6.
#
# Guess: `BayesianGaussianMixture.lower_bound_`, documented as a bound on the model evidence,
#   differs between two units of the data by one constant, n d log(10) for tenfold numbers,
#   whatever the number of components. So the number with the highest bound is the same in both.
#   With one component, where all is conjugate, the bound is the evidence itself.
# Seen: with iris in centimetres the bound rises up to 5 components, with iris in millimetres it
#   is highest at 2. Terms of the prior are left out as constants, but there is one set of them a
#   component and they hold the unit. With one component the bound is 565 nats above the evidence.
# Why it matters: the evidence is what a Bayesian mixture is for. Comparing fits of 1, 2, 3, ...
#   components, or of covariance types, by this attribute asks in which unit the table was kept.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import sklearn
from scipy.special import multigammaln
from sklearn.datasets import load_iris
from sklearn.mixture import BayesianGaussianMixture

print("scikit-learn", sklearn.__version__)
iris = load_iris().data
n, d = iris.shape


def bounds(X, unit):
    """Lower bounds of 1 to 5 components; all that has a unit goes along with it."""
    options = {"reg_covar": 1e-6 * unit**2, "tol": 1e-6, "max_iter": 2000, "n_init": 3}
    fits = (BayesianGaussianMixture(n_components=k, random_state=0, **options) for k in range(1, 6))
    return np.array([fit.fit(X).lower_bound_ for fit in fits])


def evidence(X):
    """Log marginal likelihood of one normal under the default prior (normal-Wishart)."""
    centred = X - X.mean(axis=0)
    scatter = centred.T @ centred
    prior = scatter / (n - 1)
    return (
        -n * d / 2 * np.log(np.pi)
        + multigammaln((n + d) / 2, d)
        - multigammaln(d / 2, d)
        + d / 2 * np.linalg.slogdet(prior)[1]
        - (n + d) / 2 * np.linalg.slogdet(prior + scatter)[1]
        - d / 2 * np.log(1 + n)
    )


cm, mm = bounds(iris, 1.0), bounds(10.0 * iris, 10.0)
print("components   ", *(f"{k:9d}" for k in range(1, 6)))
print("centimetres  ", *(f"{value:9.1f}" for value in cm), " most:", cm.argmax() + 1)
print("millimetres  ", *(f"{value:9.1f}" for value in mm), " most:", mm.argmax() + 1)
print("difference   ", *(f"{value:9.1f}" for value in cm - mm), f" guess: {n * d * np.log(10):.1f}")
print(f"one component: bound {cm[0]:.1f}, evidence {evidence(iris):.1f}")
seen = (cm.argmax() + 1, mm.argmax() + 1) == (5, 2) and 560 < cm[0] - evidence(iris) < 570
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
