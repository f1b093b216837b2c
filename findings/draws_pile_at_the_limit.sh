#!/usr/bin/env bash
# Draws within limits are no draws: nearly all are the limit itself.
#
# Versions: scikit-learn 1.9.1, NumPy 2.4.6.
#
# Guess: a column is missing wherever it is below a limit of detection, and a complete one of
#   correlation 0.6 stands beside it. IterativeImputer(sample_posterior=True, max_value=limit)
#   draws from a normal that is truncated at the limit, as its documentation of the draws lets one
#   expect: spread below it, few cells near it, none at it.
# Seen: 98 % of the cells are the limit, to the last digit. Cells whose conditional mean lies beyond
#   the limit, as it does where only the others were observed, are set to it and not drawn; the
#   truncated normal is for those whose mean is within. The draws are those of the means.
# Why it matters: multiple imputation of non-detects by max_value is the advice that one finds. All
#   imputed tables agree, so Rubin's rules see no uncertainty, and the column has 0.69 of its spread.
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
warnings.simplefilter("ignore", ConvergenceWarning)
rng = np.random.default_rng(0)
whole = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.6], [0.6, 1.0]], 5000)
limit = -0.3
below = whole[:, 0] < limit
table = whole.copy()
table[below, 0] = np.nan
draws = []
for seed in range(3):
    imputer = IterativeImputer(
        sample_posterior=True, max_value=[limit, np.inf], max_iter=20, random_state=seed
    )
    draws.append(imputer.fit_transform(table)[:, 0])
at_limit = [np.mean(draw[below] == limit) for draw in draws]
spread = [draw.std() for draw in draws]
same = np.mean((draws[0] == draws[1])[below])
print(f"{below.sum()} of 5000 cells are below {limit}; the mean of what is there {whole[below, 0].mean():.2f}")
print("share of the drawn cells that are the limit:", np.round(at_limit, 3))
print("deviation of the column:", np.round(spread, 2), f"where it was {whole[:, 0].std():.2f}")
print(f"cells that are the same in two draws: {same:.3f}")
seen = min(at_limit) > 0.95 and max(spread) < 0.72 and same > 0.95
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
