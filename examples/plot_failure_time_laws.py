"""
Survival with lung cancer: five laws, and the plot that chooses one
===================================================================

A law of failure times is right where its probability plot is straight: shares that have died, on an
axis on which that law is a line. AIC says the same in a number, and residuals whether it is enough.
"""

import numpy as np

from emkit import EMCensoredRegressor
from emkit.datasets import load_lung
from emkit.metrics import concordance_index
from emkit.plotting import (
    ProbabilityPlotDisplay,
    ResidualDisplay,
    SurvivalCurveDisplay,
    show,
)

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# 227 patients (Loprinzi et al. 1994) whose rating by the physician (ECOG) is known, 63 of them
# alive when last seen.

lung = load_lung()
X, y = lung.data[:, :3], lung.target
rated = ~np.isnan(X).any(axis=1)
X, y = X[rated], y[rated]
names = ["weibull", "exponential", "loglogistic", "lognormal", "normal"]
laws = {name: EMCensoredRegressor(distribution=name).fit(X, y) for name in names}
print("law             AIC   scale  age/10y     sex    ECOG   concordance")
for name, model in laws.items():
    age, sex, ecog = model.coef_
    row = [model.aic(X, y), model.scale_, 10.0 * age, sex, ecog]
    print(f"{name:12}" + "".join(f"{value:8.2f}" for value in row), end="")
    print(f"{concordance_index(y, model.predict(X)):14.3f}")

# %%
# Ten points of AIC between the Weibull law and the next are decisive. All order the patients alike:
# concordance does not tell laws apart. A wider law that has Weibull (shape 1) and lognormal (shape
# 0) in it settles where between them the times lie.

wider = EMCensoredRegressor(distribution="generalized_gamma").fit(X, y)
error = wider.standard_errors_[-1]
print(f"\nShape of a generalised gamma: {wider.shape_:.2f}, standard error {error:.2f}")

# %%
# What it says of patients: the coefficients of the logarithm of time are factors of time.

ratios = np.exp(laws["weibull"].coef_)
print("\nTimes, by the Weibull law, are")
for factor, what in zip(ratios, ["a year older", "women", "a point of ECOG more"], strict=True):
    print(f"  {factor:.2f} times as long: {what}")

if plt is not None:
    ProbabilityPlotDisplay.from_estimators(list(laws.values()), X, y, target_name="days")
    SurvivalCurveDisplay.from_estimator(
        laws["weibull"],
        X,
        y,
        groups=np.where(X[:, 1] == 2, "women", "men"),
        laws=laws["lognormal"],
        target_name="days",
    )
    ResidualDisplay.from_estimator(laws["weibull"], X, y)
    show(__file__)
