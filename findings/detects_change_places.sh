#!/usr/bin/env bash
# Filling in the values below the detection limit moves the values above it to other rows.
#
# Versions: statsmodels 0.15.0, pandas 2.3.3.
#
# Guess: `impute_ros` (regression on order statistics) takes a column of concentrations and one of
#   "below the limit" flags, and returns the column with estimates in the flagged rows. Detected
#   concentrations come back as they were, where they were.
# Seen: what comes back is sorted, first the estimates, then the detects. Of 10 wells with a
#   detected concentration none still has its own, and the correlation of concentration and depth,
#   0.93 in the detected rows, is 0.01 in all rows afterwards. `as_array=False`
#   gives a table with an index of 0, 1, 2, ... in place of the wells' names.
# Why it matters: the answer has the length of the column and is meant for it, so `table["filled"] =
#   impute_ros(...)` runs. Mean and standard deviation are right, so a summary shows nothing; every
#   regression, map or trend on the filled column is about concentrations of other places.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

OMP_NUM_THREADS=1 "$work/venv/bin/python" -W error - <<'EOF'
import sys

import numpy as np
import pandas as pd
import statsmodels
from statsmodels.imputation.ros import impute_ros

print("statsmodels", statsmodels.__version__)
rng = np.random.default_rng(0)
wells = pd.DataFrame({"depth": rng.permutation(np.arange(10, 25))})
wells.index = [f"well {letter}" for letter in "ABCDEFGHIJKLMNO"]
level = np.exp(0.2 * (wells["depth"] - 15) + 0.1 * rng.normal(size=len(wells)))
wells["below"] = level < 0.9
wells["level"] = level.where(~wells["below"], 0.9)
wells["filled"] = impute_ros("level", "below", df=wells)
print(wells.round(2))

detected = ~wells["below"]
kept = int((wells["filled"] == wells["level"])[detected].sum())
before = wells.loc[detected, ["depth", "level"]].corr().iloc[0, 1]
after = wells[["depth", "filled"]].corr().iloc[0, 1]
index = list(impute_ros("level", "below", df=wells, as_array=False).index)
print(f"{kept} of {detected.sum()} detects in their own row")
print(f"correlation with depth: {before:.2f} in the detected rows, {after:.2f} once filled")
print("index of the table that as_array=False gives:", index)
seen = wells["filled"].is_monotonic_increasing and kept < detected.sum() / 2
seen &= before > 0.9 and abs(after) < 0.3 and index == list(range(len(wells)))
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
