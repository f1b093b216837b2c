"""Small models that several files of tests climb."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from emkit.engine import EMModel, LatentClassModel

#: For a test that cuts its runs short on purpose.
cut_short = pytest.mark.filterwarnings("ignore::emkit.exceptions.NotConvergedWarning")


class Theta(NamedTuple):
    t: float


class Split(NamedTuple):
    away: float
    toward: float


class Linkage(EMModel):
    """Four cells (1/2 + t/4, (1-t)/4, (1-t)/4, t/4), the split of the first one missing."""

    def initialize(self, counts, rng):
        return Theta(rng.uniform(0.1, 0.9))

    def cells(self, t):
        return np.array([2 + t, 1 - t, 1 - t, t]) / 4

    def split(self, counts, t):
        return Split(counts[1] + counts[2], counts[0] * t / (2 + t) + counts[3])

    def e_step(self, counts, params):
        return self.split(counts, params.t), float(counts @ np.log(self.cells(params.t)))

    def m_step(self, stats, params):
        return Theta(stats.toward / (stats.toward + stats.away))

    def is_feasible(self, params):
        return 0 < params.t < 1


class Rates(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Counts(NamedTuple):
    n: np.ndarray
    events: np.ndarray


class Poisson(LatentClassModel):
    """Poisson mixture of a table of counts: columns value and frequency."""

    #: Rates that starts are drawn below.
    highest = 4.0

    def initialize(self, table, rng):
        return Rates(np.array([0.5, 0.5]), rng.uniform(0.5, self.highest, 2))

    def weights(self, table):
        return table[:, 1]

    def log_joint(self, table, bound):
        return np.log(bound.weights)[:, None] + stats.poisson.logpmf(
            table[:, 0], bound.rates[:, None]
        ), 0

    def statistics(self, table, resp, work, bound):
        return Counts(resp.sum(axis=1), resp @ table[:, 0])

    def m_step(self, stats, params):
        return Rates(stats.n / stats.n.sum(), stats.events / stats.n)

    def complete_score(self, stats, params):
        # Less what keeps the weights on the simplex, so that it is zero at a maximum.
        weights = stats.n / params.weights - stats.n.sum()
        return Rates(weights, stats.events / params.rates - stats.n)

    def is_feasible(self, params):
        return bool((params.weights > 0).all() and (params.rates > 0).all())


class Normals(NamedTuple):
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


class Scatter(NamedTuple):
    n: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Rotated(LatentClassModel):
    """Normals whose covariances differ by a rotation (EEV), which affine combinations leave."""

    def __init__(self, n_classes=2):
        self.n_classes = n_classes

    def initialize(self, X, rng):
        rows = X[rng.choice(len(X), self.n_classes, replace=False)]
        spread = np.tile(np.cov(X.T, bias=True), (self.n_classes, 1, 1))
        return Normals(np.full(self.n_classes, 1 / self.n_classes), rows, spread)

    def log_joint(self, X, params):
        parts = zip(*params, strict=True)
        return np.array(
            [np.log(w) + stats.multivariate_normal.logpdf(X, m, c) for w, m, c in parts]
        ), 0

    def statistics(self, X, resp, work, params):
        outer = np.einsum("ki,ip,iq->kpq", resp, X, X)
        return Scatter(resp.sum(axis=1), resp @ X, outer)

    def m_step(self, stats, params):
        means = stats.first / stats.n[:, None]
        covariances = stats.second / stats.n[:, None, None] - means[:, :, None] * means[:, None]
        return self.retract(Normals(stats.n / stats.n.sum(), means, covariances))

    def retract(self, params):
        """The nearest covariances (Kullback-Leibler) that share their eigenvalues."""
        values, axes = np.linalg.eigh(params.covariances)
        shared = params.weights @ values / params.weights.sum()
        return params._replace(covariances=(axes * shared) @ axes.swapaxes(1, 2))

    def is_feasible(self, params):
        positive = (np.linalg.eigvalsh(params.covariances) > 0).all()
        return bool(positive and (params.weights > 0).all())


class ScoredRotated(Rotated):
    """With the gradient in all numbers of the covariances, as if each could move by itself."""

    def complete_score(self, stats, params):
        n, means, inverse = stats.n[:, None, None], params.means, np.linalg.inv(params.covariances)
        cross = stats.first[:, :, None] * means[:, None]
        scatter = (
            stats.second - cross - cross.swapaxes(1, 2) + n * means[:, :, None] * means[:, None]
        )
        offsets = stats.first - stats.n[:, None] * means
        return Normals(
            stats.n / params.weights - stats.n.sum(),
            np.einsum("kpq,kq->kp", inverse, offsets),
            0.5 * (inverse @ scatter @ inverse - n * inverse),
        )
