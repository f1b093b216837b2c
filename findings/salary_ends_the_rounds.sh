#!/usr/bin/env bash
# Three blood pressures are filled in worse if a complete column of salaries is in dollars.
#
# Versions: scikit-learn 1.9.1, NumPy 2.4.6.
#
# Guess: IterativeImputer goes round its columns until a round changes the filled-in cells by less
#   than `tol`, 1e-3, of what they are. The unit of another column, complete and unrelated, changes
#   neither the number of rounds nor the result.
# Seen: with salaries in millions it takes 16 rounds, in thousands 12, in dollars 1, and the error
#   of the filled-in pressures is 0.13, 0.13 and 0.40 of their standard deviation. The change is
#   compared with tol times the largest number of the whole table. There is no warning: by that
#   rule the fit has converged.
# Why it matters: columns in dollars, grams or seconds since 1970 beside small ones are ordinary,
#   the regressions inside are indifferent to units, and nobody scales a table for them. Columns
#   that tell much about each other need the most rounds, and lose most.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

OMP_NUM_THREADS=1 "$work/venv/bin/python" -W error - <<'EOF'
import sys

import numpy as np
import sklearn
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

print("scikit-learn", sklearn.__version__)
rng = np.random.default_rng(0)
n = 300
person = rng.normal(size=n)
pressures = person[:, None] + 0.1 * rng.normal(size=(n, 3))  # standardised, three visits
hidden = rng.random(pressures.shape) < 0.4
hidden[hidden.all(axis=1), 0] = False
dollars = 50_000.0 + 15_000.0 * rng.normal(size=n)
rounds, errors = [], []
for unit, size in (("millions", 1e6), ("thousands", 1e3), ("dollars", 1.0)):
    table = np.column_stack([np.where(hidden, np.nan, pressures), dollars / size])
    imputer = IterativeImputer(max_iter=100, random_state=0)
    filled = imputer.fit_transform(table)[:, :3]
    rounds.append(imputer.n_iter_)
    errors.append(np.sqrt(np.mean((filled - pressures)[hidden] ** 2)))
    print(f"salaries in {unit:9}: {rounds[-1]:2d} rounds, error {errors[-1]:.3f}")
seen = rounds[0] > rounds[1] > 5 and rounds[2] == 1
seen &= errors[0] < 0.15 and errors[2] > 2.5 * errors[0]
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
