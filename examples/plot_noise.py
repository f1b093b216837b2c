"""
Clusters among rows that lie anywhere: noise beside the components
==================================================================

The eruptions of Old Faithful fall into two clusters. Add rows that are spread evenly over a box
about them, and a mixture of normals alone spends components on what is no cluster. With
``noise=True`` one more class takes such rows, of a density that is the same everywhere.
"""

import numpy as np
from sklearn.metrics import adjusted_rand_score

from emkit import EMGaussianMixture, EMGaussianMixtureIC
from emkit.datasets import load_faithful
from emkit.plotting import MixtureDisplay, show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# 272 eruptions, and 136 rows that are none: a third of the table.

eruptions = load_faithful()
low, high = eruptions.data.min(axis=0), eruptions.data.max(axis=0)
margin = 0.3 * (high - low)
rng = np.random.default_rng(0)
anywhere = rng.uniform(low - margin, high + margin, (136, 2))
X = np.concatenate([eruptions.data, anywhere])
is_noise = np.arange(len(X)) >= len(eruptions.data)

# %%
# What the two clusters are is known from the eruptions alone. Nothing tells a fit to all rows
# which of these are noise: it starts from those whose tenth neighbour is far.

options = {"tol": 1e-6, "max_iter": 500, "random_state": 0}
alone = EMGaussianMixture(2, **options).fit(eruptions.data)
without = EMGaussianMixture(2, **options).fit(X)
mixture = EMGaussianMixture(2, noise=True, **options).fit(X)
for name, fit in [("no noise added", alone), ("without noise", without), ("with noise", mixture)]:
    order = fit.means_[:, 0].argsort()
    minutes = ", ".join(f"{mean[0]:.2f} and {mean[1]:.1f}" for mean in fit.means_[order])
    spread = np.sqrt(fit.covariances_[order, 0, 0])
    print(f"{name:15}: means {minutes}; deviations of eruptions {spread.round(2).tolist()}")

# %%
# A third of the rows is noise, and most of it is found. What lies within a cluster no method can
# tell from it.

labels = mixture.predict(X)
print(f"Weight of the noise: {mixture.noise_weight_:.2f}, volume {mixture.noise_volume_:.0f}")
found = (labels[is_noise] == -1).mean()
lost = (labels[~is_noise] == -1).mean()
print(f"Found: {found:.0%} of the noise, and {lost:.0%} of the eruptions are taken for it")
truth = alone.predict(eruptions.data)
agree = adjusted_rand_score(truth, labels[~is_noise])
print(f"Adjusted Rand index of the eruptions with the clusters that are known: {agree:.2f}")

# %%
# The number of components follows. The criteria count two parameters for the noise, weight and
# volume, as mclust does; by BIC noise wins, and the components are those of the eruptions.

grids = {
    noise: EMGaussianMixtureIC(max_components=6, noise=noise, random_state=0).fit(X)
    for noise in (False, True)
}
for noise, grid in grids.items():
    k = grid.best_params_["n_components"]
    print(f"noise={noise!s:5}: {k} components, BIC {grid.best_criterion_:.1f}")

if plt is not None:
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True)
    for ax, fit in zip(axes, [without, mixture], strict=True):
        MixtureDisplay.from_estimator(fit, X, ax=ax, levels=0.95)
        ax.set(xlabel="eruption (minutes)", ylabel="waiting (minutes)")
    show(__file__)
