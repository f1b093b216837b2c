#!/usr/bin/env bash
# The log-likelihood of a penalised fit has the penalty in it, and so has its AIC.
#
# Versions: lifelines 0.30.3, NumPy 2.4.6.
#
# Guess: `log_likelihood_` of a WeibullAFTFitter with a penalizer is the log-likelihood of the
#   data at the parameters found, and `AIC_` is -2 times it plus twice the number of parameters.
# Seen: on the recidivism data, penalizer 1: -696.49 where the log-likelihood at those very
#   parameters is -692.09; AIC 8.8 too high. The penalty is on the logarithm of the shape too, as
#   long as the shape has no covariates: 1.40 becomes 1.08, on the way to an exponential law.
# Why it matters: fits with several penalties are compared by these numbers, with unpenalised
#   fits, and with other packages that leave the penalty out. The comparison favours small
#   penalties by the penalty itself. A penalty meant for slopes also decides whether the hazard
#   rises.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install -q lifelines==0.30.3 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'EOF'
import sys

import lifelines
import numpy as np
from lifelines.datasets import load_rossi

print("lifelines", lifelines.__version__)
rossi = load_rossi()
event, log_time = rossi["arrest"].to_numpy(), np.log(rossi["week"].to_numpy())


def of_the_data(params):
    """Weibull log-likelihood at the parameters of a fit, on the scale of the times."""
    slopes = params["lambda_"].drop("Intercept")
    line = rossi[slopes.index].to_numpy() @ slopes.to_numpy() + params["lambda_"]["Intercept"]
    log_shape = params["rho_"]["Intercept"]
    z = (log_time - line) * np.exp(log_shape)
    return np.sum(event * (z + log_shape - log_time) - np.exp(z))


gaps, shapes = [], []
for penalizer in (0.0, 0.01, 0.1, 1.0):
    fit = lifelines.WeibullAFTFitter(penalizer=penalizer).fit(rossi, "week", "arrest")
    value = of_the_data(fit.params_)
    gaps.append(value - fit.log_likelihood_)
    shapes.append(np.exp(fit.params_["rho_"]["Intercept"]))
    excess = fit.AIC_ - (2 * len(fit.params_) - 2 * value)
    print(
        f"penalizer {penalizer:4}: log_likelihood_ {fit.log_likelihood_:.2f}, "
        f"of the data {value:.2f}, AIC_ {excess:.2f} too high, shape {shapes[-1]:.2f}"
    )
seen = abs(gaps[0]) < 1e-6 and 4.3 < gaps[3] < 4.5 and shapes[0] > 1.4 and shapes[3] < 1.1
print("as written above" if seen else "CHANGED")
sys.exit(not seen)
EOF
