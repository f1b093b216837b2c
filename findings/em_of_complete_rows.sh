#!/usr/bin/env bash
# EM for missing cells learns a share of 25 % from a column of which 52 % are ones.
#
# Versions: pgmpy 1.1.2, pandas 3.1.1.
#
# Guess: a Bayesian network A -> B, A known in all rows, B missing more often where A is 1. EM
#   uses every row. As only the last column has holes, the maximum is in closed form: the share of
#   ones of A is that of all rows.
# Seen: `DiscreteEM` (and `ExpectationMaximization`, its older name, whose documentation asks for
#   NaN in missing cells) gives 0.248, the share among the complete rows, to all digits, where A
#   has 0.522. Rows with a hole are left out and nothing says so. Counting, `DiscreteMLE`, drops a
#   row only for the tables that need the missing cell, and is at the maximum.
# Why it matters: EM is chosen over counting for the sake of missing cells, and here it is the one
#   of the two that throws them away. With ten columns of which a tenth is missing two rows of
#   three go, and the answer is biased wherever holes depend on what is seen.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q pgmpy==1.1.2 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 \
    scikit-learn==1.9.1 scikit-base==1.2.0 networkx==3.6.1 statsmodels==0.15.0

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
from pgmpy.models import DiscreteBayesianNetwork
from pgmpy.parameter_estimator import DiscreteEM, DiscreteMLE

print("pgmpy", version("pgmpy"))
rng = np.random.default_rng(0)
n = 2000
a = rng.integers(0, 2, n)
b = np.where(rng.random(n) < 0.9, a, 1 - a)
hidden = (a == 1) & (rng.random(n) < 0.7)
table = pd.DataFrame({"A": a.astype(float), "B": np.where(hidden, np.nan, b)})


def share_of_ones(estimator):
    """Probability of A = 1 that the estimator learns."""
    estimator.fit(DiscreteBayesianNetwork([("A", "B")]), table)
    learned = next(cpd for cpd in estimator.parameters_ if cpd.variable == "A")
    return float(learned.get_value(A=1.0))


all_rows, complete = a.mean(), a[~hidden].mean()
counted, by_em = share_of_ones(DiscreteMLE()), share_of_ones(DiscreteEM(show_progress=False))
print(f"share of A = 1: {all_rows:.4f} of {n} rows, {complete:.4f} of {(~hidden).sum()} complete")
print(f"learned by counting {counted:.4f}, by EM {by_em:.4f}")
seen = abs(counted - all_rows) < 1e-9 and abs(by_em - complete) < 1e-9
seen &= complete < 0.3 < 0.5 < all_rows
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
