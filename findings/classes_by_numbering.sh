#!/usr/bin/env bash
# Two latent classes if "often" is numbered 0, one class if "never" is.
#
# Versions: stepmix 3.0.0, NumPy 2.4.6.
#
# Guess: the numbers of the answers in a latent class analysis are names. Turning the numbering
#   round (0 never, 1 seldom, 2 often; or 0 often, 1 seldom, 2 never) changes no likelihood, no
#   `n_parameters` and no `bic`.
# Seen: 200 people, five questions, nobody answers "never". The log-likelihoods are the same to
#   eight digits; the parameters of two classes are 21 and 11, and BIC finds one class with the
#   first numbering and two, as drawn, with the second. An answer that nobody gives costs a
#   parameter for each class and question where its number is low, and none where it is the last.
# Why it matters: the number of classes is what the analysis is for, and it is chosen by BIC. A
#   group in which the lowest answer is absent is common, and so are answers numbered from 1 on,
#   as in R's poLCA: the docstring asks for numbers from 0, but those from 1 are taken without a
#   word, with a right fit and a zero that nobody answered in every count.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q stepmix==3.0.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3 \
    scikit-learn==1.9.1

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
from stepmix.stepmix import StepMix

print("stepmix", version("stepmix"))
rng = np.random.default_rng(1)
n, questions = 200, 5
classes = rng.integers(0, 2, n)
often = rng.random((n, questions)) < np.where(classes == 1, 0.7, 0.3)[:, None]
from_never = np.where(often, 2, 1)  # 0 never, 1 seldom, 2 often
numberings = {"0 never .. 2 often": from_never, "0 often .. 2 never": 2 - from_never}

options = {"measurement": "categorical", "n_init": 10, "max_iter": 5000, "random_state": 0}
likelihoods, parameters, chosen = [], [], []
for name, answers in numberings.items():
    fits = [StepMix(k, progress_bar=0, **options).fit(answers) for k in (1, 2, 3)]
    bic = [fit.bic(answers) for fit in fits]
    likelihoods.append([n * fit.score(answers) for fit in fits])
    parameters.append([fit.n_parameters for fit in fits])
    chosen.append(int(np.argmin(bic)) + 1)
    print(f"{name}, 1 to 3 classes:")
    print("  log-likelihood", *(f"{value:9.3f}" for value in likelihoods[-1]))
    print("  parameters    ", *(f"{value:9d}" for value in parameters[-1]))
    print("  BIC           ", *(f"{value:9.1f}" for value in bic), " least:", chosen[-1])
seen = np.allclose(likelihoods[0], likelihoods[1], rtol=1e-8)
seen &= parameters == [[10, 21, 32], [5, 11, 17]] and chosen == [1, 2]
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
