#!/usr/bin/env bash
# Monthly visits: nobody has failed before the second month, though 32 of 200 were seen to.
#
# Versions: lifelines 0.30.3, NumPy 2.4.6.
#
# Guess: 200 patients are seen at months 0, 1, ... 6, and each failure is known to lie between two
#   visits, (k, k + 1]. These intervals do not overlap, so the maximum likelihood estimate of the
#   survival function needs no algorithm: at month m it is the share that had not failed by then.
# Seen: `KaplanMeierFitter.fit_interval_censoring` gives 1.00 at month 1, where 84 % are left, and
#   up to 0.16 off elsewhere. It reads intervals as closed, [k, k + 1]: neighbours share the month
#   between them, and one mass there serves both. The likelihood of the closed intervals is
#   higher, and it is that of another observation.
# Why it matters: interval censoring is what visits make, and visits fall on the same months for
#   all. With times to the day the effect is small, with months it moves whole intervals. R's
#   survival 3.5-3 reads (k, k + 1] and gives the shares.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q lifelines==0.30.3 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys

import lifelines
import numpy as np

print("lifelines", lifelines.__version__)
time = np.random.default_rng(0).exponential(4.0, 200)
lower = np.minimum(np.floor(time), 6.0)
upper = np.where(time > 6.0, np.inf, lower + 1.0)
fit = lifelines.KaplanMeierFitter().fit_interval_censoring(lower, upper)
months = np.arange(1, 7)
table = fit.survival_function_.loc[months].to_numpy()
share = np.array([(time > month).mean() for month in months])
for month, left, (high, low) in zip(months, share, table):
    print(f"month {month}: {left:.3f} have not failed, estimate {low:.3f} to {high:.3f}")
seen = table[0].min() > 0.99 and share[0] == 0.84
seen &= abs(table - share[:, None]).max() < 0.17
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
