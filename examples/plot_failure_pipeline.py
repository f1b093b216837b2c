"""
Failure times in a pipeline: missing cells, a search over laws, and concordance
===============================================================================

`EMCensoredRegressor` goes through scikit-learn's model selection like any other regressor: filled
by `EMImputer` before, its law and its penalty searched, scored by likelihood and by concordance.
"""

import numpy as np
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMCensoredRegressor, EMImputer, EMSurvivalCurve
from emkit.datasets import load_lung
from emkit.metrics import concordance_index, concordance_scorer, log_likelihood_scorer
from emkit.plotting import CoefficientDisplay, SurvivalCurveDisplay, show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# 228 patients (Loprinzi et al. 1994), 63 of them alive when last seen; of their seven predictors 66
# cells are missing. Two questions for each candidate: how likely are the days of patients that were
# left out, and how well are they in order? Both take the censored ones as they are.

X, y = load_lung(return_X_y=True)
folds = KFold(5, shuffle=True, random_state=0)
step = "emcensoredregressor"
laws, alphas = ["weibull", "loglogistic", "lognormal"], [0.0, 30.0, 300.0]
pipeline = make_pipeline(EMImputer(), StandardScaler(), EMCensoredRegressor())
grid = {f"{step}__alpha": alphas, f"{step}__distribution": laws}
scoring = {"likelihood": log_likelihood_scorer, "concordance": concordance_scorer}
search = GridSearchCV(pipeline, grid, cv=folds, scoring=scoring, refit="concordance").fit(X, y)
for score in scoring:
    table = search.cv_results_[f"mean_test_{score}"].reshape(len(alphas), len(laws))
    print(f"\n{score:11} alpha" + "".join(f"{name:>13}" for name in laws))
    for alpha, row in zip(alphas, table, strict=True):
        print(f"{alpha:17.0f}" + "".join(f"{value:13.3f}" for value in row))
print("\nBest order: alpha {:.0f}, {}".format(*search.best_params_.values()))

# %%
# The likelihood tells laws apart, and the Weibull law wins at every alpha; their orders differ by
# less than folds do. Does the search order patients better than the rating of the physician (ECOG)
# alone? Each fold searches anew, so that no patient has a say in what is picked for him.

scores = cross_val_score(search, X, y, cv=folds, scoring=concordance_scorer)
rated = [test[~np.isnan(X[test, 2])] for _, test in folds.split(X)]
by_ecog = np.array([concordance_index(y[test], -X[test, 2]) for test in rated])
print(f"\nConcordance {'each fold':>33}   mean")
for name, each in [("the search", scores), ("ECOG rating", by_ecog)]:
    print(f"{name:12}" + "".join(f"{value:7.3f}" for value in each) + f"{each.mean():7.3f}")

# %%
# Do those live longest of whom the model says so? Curves of thirds of the patients by what it
# predicts, each patient by a fit to others; and its coefficients, of standardised columns.

likely = {f"{step}__distribution": "weibull", f"{step}__alpha": 30.0}
medians = cross_val_predict(pipeline.set_params(**likely), X, y, cv=folds)
third = np.searchsorted(np.quantile(medians, [1 / 3, 2 / 3]), medians)
thirds = np.array(["shortest third", "middle third", "longest third"])[third]
print("\nOf each third by prediction, half live", end="")
for name in ["shortest third", "middle third", "longest third"]:
    (median,) = EMSurvivalCurve().fit(None, y[thirds == name]).predict([[0.0]])
    print(f" {median:.0f} days ({name})", end="")
print()

if plt is not None:
    pipeline.set_output(transform="pandas").fit(*load_lung(return_X_y=True, as_frame=True))
    CoefficientDisplay.from_estimator(pipeline)
    curve = EMSurvivalCurve(random_state=0).fit(None, y)
    SurvivalCurveDisplay.from_estimator(curve, X, y, groups=thirds, target_name="days")
    show(__file__)
