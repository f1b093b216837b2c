"""
Known to lie between two visits: a curve without a law, and Weibull's
=====================================================================

The retraction of a treated breast is seen at a visit, and happened at some time since the last one.
Turnbull's curve is of the largest likelihood among all; a law needs far fewer numbers.
"""

import numpy as np

from emkit import EMCensoredRegressor, EMSurvivalCurve, censored_target
from emkit.datasets import load_cosmesis
from emkit.plotting import ProbabilityPlotDisplay, SurvivalCurveDisplay, show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# 95 women (Finkelstein & Wolfe 1985), 49 of them with chemotherapy beside radiotherapy. Rows of y
# are the months of the last visit without and the first with a retraction.

X, y = load_cosmesis(return_X_y=True)
groups = np.where(X[:, 0] == 1, "with chemotherapy", "radiotherapy only")
for name in np.unique(groups):
    curve = EMSurvivalCurve().fit(None, y[groups == name])
    print(f"\n{name}: log-likelihood {curve.log_likelihood_:.3f}, short of the maximum by at most")
    print(f"{len(y[groups == name]) * curve.gap_:.0e}. Share of retractions between two months:")
    masses = curve.masses_ > 1e-9
    for (left, right), mass in zip(curve.intervals_[masses], curve.masses_[masses], strict=True):
        print(f"  {left:3.0f} to {right:3.0f}  {mass:.3f}")

# %%
# Only in such intervals is mass of use, and where in one it lies has no part in the likelihood: the
# boxes in the picture. The Weibull law agrees but for chance, and gives an effect with limits.

models = {}
for name in ["weibull", "loglogistic", "lognormal", "exponential"]:
    models[name] = EMCensoredRegressor(distribution=name).fit(X, y)
    print(f"\n{name:12} AIC {models[name].aic(X, y):.1f}", end="")

weibull = models["weibull"]
effect, error = weibull.coef_[0], weibull.standard_errors_[1]
low, middle, high = np.exp(effect + 1.96 * error * np.array([-1.0, 0.0, 1.0]))
print(f"\n\nChemotherapy: times are {middle:.2f} as long ({low:.2f} to {high:.2f})")

# %%
# As if every retraction had come in the middle of its interval, standard errors are a little
# smaller than the data warrant.

middle = np.where(np.isinf(y[:, 1]), y[:, 0], y.mean(axis=1))
as_exact = censored_target(middle, event=np.isfinite(y[:, 1]))
guessed = EMCensoredRegressor(distribution="weibull").fit(X, as_exact)
print("\nlog scale and standard error:")
for name, model in [("intervals", weibull), ("midpoints", guessed)]:
    print(f"  {name} {np.log(model.scale_):.3f} {model.standard_errors_[2]:.3f}")

if plt is not None:
    SurvivalCurveDisplay.from_estimator(
        weibull, X, y, groups=groups, target_name="months since treatment"
    )
    ProbabilityPlotDisplay.from_estimators(list(models.values()), X, y, target_name="months")
    show(__file__)
