"""
Displays: a picture of each thing that can be seen
==================================================

A mixture over its data, how its fit climbed, which mixture to choose, what an imputer filled in,
and a line through censored responses: one call each, in scikit-learn's Display convention.
"""

import warnings

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold

import emkit.plotting as displays
from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.datasets import load_airquality, load_motorettes
from emkit.exceptions import DataWarning
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:
    print('This script does nothing but draw, and needs matplotlib: pip install "emkit[plot]"')
    raise SystemExit(0) from None

warnings.simplefilter("ignore", DataWarning)  # what collapses is told, and loses

# %%
# Three components for 150 irises, a tenth of whose cells are removed. Below the diagonal each
# flower has the colour of its most probable component; one that lacks one of two lengths is a tick
# at the margin of the other. Every panel shows an exact marginal of the mixture of all four.
iris = load_iris(as_frame=True).data
pierced = iris.mask(np.random.default_rng(0).random(iris.shape) < 0.1)
mixture = EMGaussianMixture(3, random_state=0).fit(pierced)
display = displays.MixtureDisplay.from_estimator(mixture, pierced)
print(f"Mixture: {len(display.points_)} pairs of features, {len(display.weights)} components")

# %%
# Six random starts, with and without acceleration: three end at a lower maximum, the level line.
settings = {"n_init": 6, "init_params": "random", "tol": 1e-9, "max_iter": 5000, "random_state": 0}
fits = {
    name: EMGaussianMixture(3, acceleration=scheme, **settings).fit(iris)
    for name, scheme in [("Anderson", "anderson"), ("SQUAREM", "squarem"), ("plain EM", None)]
}
display = displays.ConvergenceDisplay.from_estimators(fits, gap=True)
for name, paths in display.paths.items():
    print(f"{name}: {sum(path.e_steps[-1] for path in paths):.0f} E-steps in all")

# %%
# Which mixture: the log-likelihood of flowers left out, and the BIC. ``reg_covar`` keeps
# components from collapsing on a few flowers with equal petals.
regularised = EMGaussianMixture(reg_covar=1e-4, random_state=0)
grid = {"n_components": range(1, 6), "covariance_type": ["full", "tied", "diag", "spherical"]}
folds = KFold(5, shuffle=True, random_state=0)
search = GridSearchCV(regularised, grid, cv=folds).fit(iris)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
display = displays.SelectionDisplay.from_search(search, ax=left)
i = display.best_index_
print(f"Cross-validation takes {display.covariance_types[i]}, {display.n_components[i]} components")
mixtures = [EMGaussianMixture(k, reg_covar=1e-4, random_state=0).fit(iris) for k in range(1, 6)]
display = displays.SelectionDisplay.from_estimators(mixtures, iris, ax=right)
print(f"BIC takes {display.n_components[display.best_index_]} of those with full covariances")

# %%
# Air in New York, May to September 1973 (Chambers et al. 1983): on which days what was not
# measured, and values that stand for it, drawn given the others.

X = load_airquality().data
imputer = EMImputer(sample_posterior=True, min_value=0.0, random_state=0).fit(X)
display = displays.ImputationDisplay.from_estimator(imputer, X)
display.ax_[0].set_xticklabels(["ozone", "sun", "wind", "temperature"])
display.ax_[1].set_xlabel("ozone (ppb)")
display.ax_[2].set_xlabel("sun (langley)")
print(f"Imputation: {display.counts_.tolist()} days have each pattern of missing cells")

# %%
# Motor insulation at four temperatures (Schmee & Hahn 1979): an arrow is a motor that still ran.
# At the right, the survival function of a motor of each temperature.

celsius, hours = load_motorettes(return_X_y=True)
regressor = EMCensoredRegressor(distribution="lognormal").fit(celsius, hours)
display = displays.CensoredRegressionDisplay.from_estimator(
    regressor, celsius, hours, rows=[0, 10, 20, 30], target_name="life (hours)"
)
display.ax_[0].set_xlabel("temperature (C); rows 0, 10, 20, 30 at 150, 170, 190, 220")
running = len(display.right_censored_.get_xdata())
print(f"Regression: {len(display.exact_.get_xdata())} motors failed, {running} still ran")

show(__file__)
