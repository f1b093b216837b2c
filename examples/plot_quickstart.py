"""
Quickstart: choose a mixture, check it, draw it
===============================================

`EMGaussianMixture` takes the place of `sklearn.mixture.GaussianMixture`. It first describes 178
Italian wines by 13 measurements each, then a thousand numbers that come from a known mixture.
"""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMGaussianMixture
from emkit.exceptions import DataWarning
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

warnings.simplefilter("ignore", DataWarning)  # what collapses is told, and loses

# %%
# A mixture goes into a pipeline and a grid search like any estimator. Its score is the
# log-likelihood per wine, here of wines that it has not seen. A fold fits some 142 wines, few for
# 13 x 13 matrices: ``reg_covar`` keeps a component from collapsing on a handful of them.
wine = load_wine()
mixture = EMGaussianMixture(reg_covar=1e-3, n_init=5, random_state=0)
types, sizes = ["full", "tied", "diag", "spherical"], [1, 2, 3, 4, 5]
search = GridSearchCV(
    Pipeline([("scale", StandardScaler()), ("mixture", mixture)]),
    {"mixture__covariance_type": types, "mixture__n_components": sizes},
    cv=KFold(5, shuffle=True, random_state=0),  # shuffled, as the rows are sorted by cultivar
).fit(wine.data)
print("Held-out log-likelihood per wine, the best four")
for i in search.cv_results_["rank_test_score"].argsort()[:4]:
    kind, k = search.cv_results_["params"][i].values()
    print(f"{kind:>10} {k} {search.cv_results_['mean_test_score'][i]:9.3f}")

# %%
# Two full components lead. The BIC asks the same of all rows at once; lower is better.
Z = StandardScaler().fit_transform(wine.data)
fits, bic = {}, {}
print("\nBIC       " + "".join(f"{k:9}" for k in sizes))
for kind in types:
    for k in sizes:
        new = clone(mixture).set_params(covariance_type=kind, n_components=k)
        fits[kind, k] = new.fit(Z)
        bic[kind, k] = new.bic(Z)
    print(f"{kind:10}" + "".join(f"{bic[kind, k]:9.1f}" for k in sizes))
best = min(bic, key=bic.get)

# %%
# It takes four diagonal components. The wines come from three cultivars, which no fit has seen: do
# the clusters find them? Told to use three, they put 173 of the 178 wines with their own cultivar.
for setting in [best, ("diag", 3)]:
    labels = fits[setting].predict(Z)
    rand = adjusted_rand_score(wine.target, labels)
    print(f"\nCultivars (rows) by components of {setting}; adjusted Rand index {rand:.3f}")
    print(contingency_matrix(wine.target, labels))

# %%
# Next, data from a known mixture. A small ``tol`` asks for the maximum itself. A thousand rows
# bring the estimates close to the truth, not onto it.
rng = np.random.RandomState(0)
x = np.concatenate([rng.normal(0, 1, 300), rng.normal(5, 1.5, 700)])[:, None]
fit = EMGaussianMixture(2, tol=1e-12, max_iter=1000, random_state=0).fit(x)
print("\nmeans             ", fit.means_.ravel().round(5), "from 0 and 5")
print("variances         ", fit.covariances_.ravel().round(5), "from 1 and 2.25")
print("mixing proportions", fit.weights_.round(5), "from 0.3 and 0.7, in no particular order")

if plt is not None:
    at = np.linspace(x.min() - 0.5, x.max() + 0.5, 400)[:, None]
    density = np.exp(fit.score_samples(at))
    fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    ax.hist(x[:, 0], bins=40, density=True, color="0.85", label="data")
    ax.plot(at, density, color="black", linewidth=1, label="mixture")
    parts = fit.predict_proba(at) * density[:, None]
    ax.plot(at, parts, "--", label=["first component", "second component"])
    ax.set(xlabel="x", ylabel="density", title="Two components fitted to 1000 numbers")
    ax.legend(frameon=False)
    show(__file__)
