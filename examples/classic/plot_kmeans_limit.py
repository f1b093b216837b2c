"""
K-means, step by step: EM of spheres that shrink
================================================

A mixture of equal spheres of one known variance. As that falls to 0 the E-step gives every row to
the nearest centre, and a step of EM becomes one of k-means (Bishop 2006, Pattern Recognition and
Machine Learning, section 9.3.2); where it is large, centres meet. Data: petals of the irises.
"""

from collections import namedtuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

from emkit.engine import LatentClassModel, fit_em, soft
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None
Params, Stats = namedtuple("Params", "centers"), namedtuple("Stats", "n sums")


class Spheres(LatentClassModel):
    def __init__(self, variance):
        self.variance = variance

    def initialize(self, X, rng):
        return Params(rng.choice(X, 3, replace=False))

    def log_joint(self, X, params):  # up to constants
        return -((params.centers[:, None] - X) ** 2).sum(axis=2) / (2 * self.variance), None

    def statistics(self, X, resp, work, params):
        return Stats(resp.sum(axis=1), resp @ X)

    def m_step(self, stats, params):
        return Params(stats.sums / stats.n[:, None])


X, variances = load_iris().data[:, 2:], [4.0, 1.0, 0.1, 0.01, 0.0001]
start = np.array([(2.9, 0.47), (4.13, 1.22), (5.21, 1.09)])
lloyd = [KMeans(3, init=start, tol=0, max_iter=n).fit(X).cluster_centers_ for n in range(1, 6)]
print("variance  how far the centres are from k-means', after 1, 2, ... steps")
axes = plt.subplots(1, 5, figsize=(14, 4), sharey=True, layout="tight")[1] if plt else [None] * 5
for variance, ax in zip(variances, axes, strict=True):
    states, model = [], Spheres(variance)
    fit_em(model, X, start=Params(start), acceleration=None, callback=states.append)
    path = np.array([state.params.centers for state in states])
    print(f"{variance:8}", *(f"{far:.4f}" for far in np.abs(path[1:6] - lloyd).max(axis=(1, 2))))
    if ax is not None:
        resp = soft(model.log_joint(X, states[-1].params)[0])[0]
        ax.scatter(*X.T, s=12, c=resp.T @ [(0, 0.45, 0.7), (0.84, 0.37, 0), (0, 0.62, 0.45)])
        ax.plot(path[:, :, 0], path[:, :, 1], "k.-", lw=1)
        ax.set(title=f"variance {variance:g}: {len(path) - 1} steps", xlabel="petal length (cm)")
if plt is not None:
    axes[0].set(ylabel="petal width (cm)")
    show(__file__)
