"""
K-means: hard EM, and what EM adds
==================================

Lloyd's algorithm is EM that gives each row to one class of a mixture of equal spheres of equal
weight. Clusters that are long, or of different size, are no such spheres: k-means cuts them.
"""

from collections import namedtuple

import numpy as np
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.metrics import adjusted_rand_score

from emkit import EMGaussianMixture
from emkit.engine import LatentClassModel, fit_em
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None
Params, Stats = namedtuple("Params", "centers"), namedtuple("Stats", "n sums")


class KMeans(LatentClassModel):
    def initialize(self, X, rng):
        return Params(rng.choice(X, 3, replace=False))

    def log_joint(self, X, bound):  # up to constants
        return -((bound.centers[:, None] - X) ** 2).sum(axis=2), None

    def statistics(self, X, resp, work, bound):
        return Stats(resp.sum(axis=1), resp @ X)

    def m_step(self, stats, params):
        return Params(stats.sums / stats.n[:, None])


rng = np.random.default_rng(0)
places, spreads = [(0, 0), (0, 4), (8, 2)], [(3.0, 0.4), (3.0, 0.4), (0.3, 0.3)]
truth = np.repeat([0, 1, 2], (200, 200, 50))
X = np.array(places)[truth] + rng.normal(size=(450, 2)) * np.array(spreads)[truth]
start = np.array([(-2.0, 1.0), (2.0, 3.0), (5.0, 2.0)])
fit = fit_em(KMeans(), X, start=Params(start), algorithm="cem", tol=0.0)
oracle = SklearnKMeans(3, init=start, n_init=1, tol=0).fit(X)
same = np.allclose(fit.params.centers, oracle.cluster_centers_)
print("sum of squares", *(f"{-value:.1f}" for value in fit.history))
print(f"scikit-learn's {oracle.inertia_:.1f}, of the same centres: {same}")
mixture = EMGaussianMixture(3, means_init=start, tol=1e-6, max_iter=500).fit(X)
found = {"k-means": oracle.labels_, "EM": mixture.predict(X)}
for name, labels in found.items():
    print(f"agreement with the clusters, {name}: {adjusted_rand_score(truth, labels):.3f}")
if plt is not None:
    axes = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="tight")[1]
    for ax, (name, labels) in zip(axes, found.items(), strict=True):
        ax.scatter(*X.T, s=8, c=np.array(["#0072B2", "#D55E00", "#009E73"])[labels])
        ax.set(title=name, aspect="equal")
    show(__file__)
