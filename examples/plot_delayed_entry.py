"""
Age as the time scale: residents who entered at ages of their own
=================================================================

Who moves into a retirement home at 80 can be seen to die at 85, but not at 75: entry is delayed.
Those who died young are missing, and a fit that does not know takes everybody for long-lived.
"""

import warnings

import numpy as np

from emkit import EMCensoredRegressor, EMSurvivalCurve
from emkit.datasets import load_channing
from emkit.exceptions import DataWarning
from emkit.plotting import ResidualDisplay, SurvivalCurveDisplay, show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# 96 men and 362 women of Channing House (Hyde 1980), with their ages at death, or when last seen,
# and at entry. The entry stands in y beside the bounds, so that no split or search can lose it.

X, y = load_channing(return_X_y=True)
print("Ages of the first three: lower, upper, entry\n", (y[:3] / 12.0).round(1))

print("\nMedian age        men   women")
for known, target in [("entries known", y), ("ignored", y[:, :2])]:
    model = EMCensoredRegressor(distribution="weibull").fit(X, target)
    men, women = model.predict_quantile([[0.0], [1.0]]) / 12.0
    print(f"{known:14}{men:7.1f}{women:8.1f}")

# %%
# Without entries, everybody would be under observation from birth, and nobody die before 64. How
# probable is it for a woman of 80 to reach 90?

model = EMCensoredRegressor(distribution="weibull").fit(X, y)
at_80, at_90 = model.predict_survival_function([[1.0]], [960.0, 1080.0])[0]
print(f"\nOf women of 80, {at_90 / at_80:.0%} reach 90 (Weibull)")

# %%
# The curve without a law needs care where few are at risk: the only man there at 65 died, so that
# the curve of men falls to 0 at once. What the data do tell is how long those live who live past
# 800 months (66 years and 8 months).

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always", DataWarning)
    EMSurvivalCurve().fit(None, y[X[:, 0] == 0])
print("\nMen:", str(told[0].message).split(":")[0])

late = y[:, 0] > 800.0
X, y = X[late], y[late]
y[:, 2] = np.maximum(y[:, 2], 800.0)
for who, rows in [("men", X[:, 0] == 0), ("women", X[:, 0] == 1)]:
    curve = EMSurvivalCurve(random_state=0).fit(None, y[rows])
    median, limits = curve.predict_quantile([[0.0]], return_ci=True, n_resamples=200)
    low, high = limits[0] / 12.0
    print(f"Past 66.7, half of the {who:5} reach {median[0] / 12.0:.1f} ({low:.1f} to {high:.1f})")

if plt is not None:
    model = EMCensoredRegressor(distribution="weibull").fit(X, y / 12.0)
    SurvivalCurveDisplay.from_estimator(
        model,
        X,
        y / 12.0,
        groups=np.where(X[:, 0] == 1, "women", "men"),
        target_name="age",
    )
    display = ResidualDisplay.from_estimator(model, X, y / 12.0, feature=0)
    display.ax_[1].set_xlabel("0 men, 1 women")
    show(__file__)
