"""
Lines that nobody told apart: a mixture of regressions
======================================================

Over all penguins a longer bill goes with one that is less deep; within each species it is deeper.
A mixture of regressions finds lines of its own without being told the species. Where a row's
components are likelier here than there, a concomitant model says so: their weights then are a
logit of columns.
"""

import numpy as np

from emkit import EMMixtureRegressor, EMRegressionMixture
from emkit.datasets import load_penguins
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# 342 penguins of which bills were measured, and their species for what comes after the fit.

penguins = load_penguins()
names = list(penguins.feature_names)
columns = [names.index(name) for name in ("bill_length_mm", "bill_depth_mm")]
bills = np.array(penguins.data[:, columns], dtype=float)
known = ~np.isnan(bills).any(axis=1)
X, depth = bills[known, :1], bills[known, 1]
species = np.asarray(penguins.target)[known]

# %%
# One line, two, three, with weights that are the same for all and such that depend on the length.
# BIC counts three more parameters for a line; weights that depend on a row earn theirs.

options = {"random_state": 0}
for k in (1, 2, 3, 4):
    same = EMRegressionMixture(k, **options).fit(X, depth)
    own = EMRegressionMixture(k, concomitant="all", **options).fit(X, depth)
    bic = f"{same.bic(X, depth):7.1f}, with a concomitant model {own.bic(X, depth):7.1f}"
    print(f"{k} lines: BIC {bic}; slopes {np.sort(own.coef_.ravel()).round(2).tolist()}")

# %%
# Three lines are the three species, more or less, and their slopes those within species.

mixture = EMRegressionMixture(3, concomitant="all", **options).fit(X, depth)
labels = mixture.predict_proba(X, depth).argmax(axis=1)
errors = mixture.standard_errors(X, depth)
for k in range(3):
    counts = {str(name): int((species[labels == k] == name).sum()) for name in np.unique(species)}
    print(
        f"line {k}: depth = {mixture.intercept_[k]:.1f} + {mixture.coef_[k, 0]:.2f} "
        f"(+- {errors.coef[k, 0]:.2f}) length, scale {mixture.scale_[k]:.2f}: {counts}"
    )

# %%
# The same by a joint mixture of length and depth, which gives one curve with a spread of its own.

joint = EMMixtureRegressor(3, n_init=5, tol=1e-8, max_iter=1000, **options).fit(X, depth)
grid = np.linspace(X.min(), X.max(), 200)[:, None]
mean, std = joint.predict(grid, return_std=True)
for name, regressor in [("mixture of regressions", mixture), ("joint mixture", joint)]:
    explained = 1.0 - np.var(depth - regressor.predict(X)) / np.var(depth)
    print(f"{name}: {explained:.0%} of the variance of the depth explained by the length")

# %%
# Lines, and the curve with one standard deviation.

if plt is not None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for k in range(3):
        axes[0].scatter(X[labels == k], depth[labels == k], s=8)
    axes[0].set_prop_cycle(None)
    axes[0].plot(grid, grid * mixture.coef_[:, 0] + mixture.intercept_)
    axes[0].set(xlabel="bill length (mm)", ylabel="bill depth (mm)", title="Lines", ylim=(12, 23))
    axes[1].scatter(X, depth, s=8, color="0.6")
    axes[1].plot(grid, mean)
    axes[1].fill_between(grid[:, 0], mean - std, mean + std, alpha=0.3)
    axes[1].set(xlabel="bill length (mm)", title="Joint mixture")
    show(__file__)
