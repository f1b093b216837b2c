#!/usr/bin/env bash
# A fit that was cut off after one step has converged.
#
# Versions: hmmlearn 0.3.3, NumPy 2.4.6.
#
# Guess: `monitor_.converged` is True where a step gained less than `tol`, and False where
#   `n_iter`, the largest number of steps, ended the fit.
# Seen: it is True in both cases, so that it is True of every fit that is over: here after 1, 2, 3
#   and 5 steps, of which the last still gained 7 nats and more for a tol of 1e-2.
# Why it matters: it is the one flag that tells whether n_iter (10 by default) was enough, and
#   loops that refit until it is True, or tables of which fits converged, take every fit for a
#   maximum.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q hmmlearn==0.3.3 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys

import hmmlearn
import numpy as np
from hmmlearn.hmm import GaussianHMM

print("hmmlearn", hmmlearn.__version__)
rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(0.0, 1.0, (200, 1)), rng.normal(2.5, 1.0, (200, 1))])
seen = True
for n_iter in (1, 2, 3, 5):
    monitor = GaussianHMM(2, n_iter=n_iter, tol=1e-2, random_state=0).fit(X).monitor_
    gain = np.diff(monitor.history)[-1] if n_iter > 1 else np.inf
    print(f"n_iter={n_iter}: converged {monitor.converged}, last gain {gain:.3f}, tol 0.01")
    seen &= monitor.converged and gain > 100 * monitor.tol
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
