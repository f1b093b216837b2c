#!/usr/bin/env bash
# A category that its neighbour tells exactly is imputed as the most frequent one, for ever.
#
# Versions: scikit-learn 1.9.1, NumPy 2.4.6.
#
# Guess: a category c of {0, 1, 2} in one-hot columns beside a number x = c + small noise. A fifth
#   of the categories is missing. IterativeImputer starts with the shares and regresses each
#   column on all others, round after round; x tells c, so after some rounds the largest indicator
#   is the right one for most rows.
# Seen: every missing category is the most frequent one, after 1 round and after 40: each
#   indicator is exactly 1 minus the others, also where the shares were filled in, so the
#   regression on the other indicators fits without a residual and x gets no weight. The start is
#   a fixed point. Without the last column of the three a third is wrong in place of over a half.
# Why it matters: one-hot columns before an imputer are the usual advice for mixed tables. Nothing
#   warns, and the result is the mode at the price of an iterative imputer.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys
import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

print("scikit-learn", sklearn.__version__)
warnings.simplefilter("ignore", ConvergenceWarning)  # tol=0 asks for every round
rng = np.random.default_rng(0)
c = rng.integers(0, 3, 300)
x = c + 0.1 * rng.normal(size=300)
hidden = rng.random(300) < 0.2
onehot = np.where(hidden[:, None], np.nan, np.eye(3)[c])
mode = np.bincount(c[~hidden]).argmax()


def imputed(columns, rounds):
    """Categories of the hidden rows, by the largest indicator."""
    imputer = IterativeImputer(max_iter=rounds, tol=0.0, random_state=0)
    filled = imputer.fit_transform(np.column_stack([x, onehot[:, :columns]]))[:, 1:]
    return np.column_stack([filled, 1.0 - filled[:, :2].sum(axis=1)])[hidden, :3].argmax(axis=1)


print(f"{hidden.sum()} hidden; always the mode is wrong in {np.mean(c[hidden] != mode):.2f}")
all_modes = True
for rounds in (1, 10, 40):
    guesses = imputed(3, rounds)
    all_modes &= bool((guesses == mode).all())
    wrong = np.mean(guesses != c[hidden])
    print(f"three indicators, {rounds:2d} rounds: wrong {wrong:.2f}, imputed", np.unique(guesses))
two = np.mean(imputed(2, 40) != c[hidden])
print(f"two indicators,   40 rounds: wrong {two:.2f}")
seen = all_modes and two < 0.4 < np.mean(c[hidden] != mode)
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
