"""
Multiple imputation: standard errors that know what was missing
===============================================================

Filled once, a table passes for a measured one, and the standard errors of what is fitted to it come
out too small. `EMImputer` draws many tables, `pool_estimates` puts their answers together.
"""

import numpy as np
from scipy.stats import t as student

from emkit import EMImputer, pool_estimates
from emkit.datasets import load_airquality
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# Air in New York, May to September 1973 (Chambers et al. 1983; R's ``datasets::airquality``): ozone
# explained by sun, wind and temperature. 37 of 153 days lack ozone, 7 the sun. Ozone is imputed
# along with its predictors: to leave the response out of the model that fills them would weaken
# what ties them to it.

air = load_airquality()
X = air.data


def regress(table):
    """Coefficients of the first column on the others, and their variances."""
    design = np.column_stack([np.ones(len(table)), table[:, 1:]])
    inverse = np.linalg.inv(design.T @ design)
    coef = inverse @ design.T @ table[:, 0]
    residual = table[:, 0] - design @ coef
    return coef, residual @ residual / (len(table) - 4) * inverse.diagonal()


imputer, results = EMImputer(random_state=0), {}
days = X[~np.isnan(X).any(axis=1)]
for name, table in [("111 complete days", days), ("filled once", imputer.fit_transform(X))]:
    coef, variance = regress(table)
    half = student.ppf(0.975, len(table) - 4) * np.sqrt(variance)
    results[name] = coef, np.sqrt(variance), (coef - half, coef + half)
for m in [20, 200]:
    coefs, variances = zip(*map(regress, imputer.multiple_impute(X, m)), strict=True)
    pooled = pool_estimates(coefs, variances, df_complete=len(X) - 4)
    results[f"{m} tables pooled"] = pooled.estimate, pooled.std_error, pooled.confidence_interval()

print("Ozone on " + "".join(f"{name:>20}" for name in results))
for j, name in enumerate(["constant", *air.feature_names[1:]]):
    cells = (f"{coef[j]:.3f} ({error[j]:.3f})" for coef, error, _ in results.values())
    print(f"{name:9}" + "".join(f"{cell:>20}" for cell in cells))

# %%
# In brackets the standard errors. Drawn tables differ from one another, and the pooled errors add
# that spread. They also show how little is gained here over the complete days: a day without its
# ozone tells next to nothing of what ozone depends on, and only five days lack the sun alone.
# Twenty tables leave the standard errors somewhat to chance; two hundred take a second or two.

ratio = results["filled once"][1] / results["200 tables pooled"][1]
print("Standard errors, filled once as a part of pooled:", ratio.round(2))

if plt is not None:
    fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    looks = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "D"), ("black", "^")]
    sd = np.nanstd(X, axis=0)[1:]
    for i, (name, (coef, _, (low, high))) in enumerate(results.items()):
        at, half, (color, mark) = np.arange(3) + 0.15 * i, (high - low)[1:] / 2 * sd, looks[i]
        ax.errorbar(coef[1:] * sd, at, None, half, mark, color=color, capsize=3, label=name)
    ax.set(yticks=np.arange(3) + 0.225, yticklabels=air.feature_names[1:])
    ax.set(xlabel="ozone (ppb) per standard deviation, 95 % intervals")
    ax.axvline(0.0, color="0.5", linewidth=1)
    ax.invert_yaxis()
    ax.legend(frameon=False)
    show(__file__)
