"""Small models that several files of tests climb.

Worker processes import this file, so it imports little: no scikit-learn, no scipy.stats.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from emkit.engine import EMModel, LatentClassModel


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
        value = special.xlogy(counts, self.cells(params.t)).sum()
        return self.split(counts, params.t), float(value)

    def m_step(self, stats, params):
        return Theta(stats.toward / (stats.toward + stats.away))

    def complete_score(self, stats, params):
        return Theta(stats.toward / params.t - stats.away / (1 - params.t))

    def is_feasible(self, params):
        return 0 < params.t < 1


class LinkageVariant(Linkage):
    """Cells ((2-t)/4, (1-t)/4, (1+t)/4, t/4), the first and the third of them split."""

    def cells(self, t):
        return np.array([2 - t, 1 - t, 1 + t, t]) / 4

    def split(self, counts, t):
        away = counts[0] * (1 - t) / (2 - t) + counts[1]
        return Split(away, counts[2] * t / (1 + t) + counts[3])


#: Offspring that `Linkage` is fitted to (Rao 1965).
OFFSPRING = np.array([125, 18, 20, 34])


class Rates(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Counts(NamedTuple):
    n: np.ndarray
    events: np.ndarray


class Poisson(LatentClassModel):
    """Poisson mixture of a table of counts: columns value and frequency."""

    def __init__(self, n_classes=2, highest=4.0):
        self.n_classes = n_classes
        self.highest = highest  #: of the rates that starts are drawn from

    def initialize(self, table, rng):
        weights = np.full(self.n_classes, 1 / self.n_classes)
        return Rates(weights, rng.uniform(0.5, self.highest, self.n_classes))

    def weights(self, table):
        return table[:, 1]

    def log_joint(self, table, bound):
        rates, events = bound.rates[:, None], table[:, 0]
        log_p = special.xlogy(events, rates) - special.gammaln(events + 1) - rates
        return np.log(bound.weights)[:, None] + log_p, 0

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


def death_notices():
    """The table of them that `Poisson` takes: number of notices, days with so many."""
    from emkit.datasets import load_death_notices

    return np.column_stack(load_death_notices(return_X_y=True))


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
        from scipy.stats import multivariate_normal

        parts = zip(*params, strict=True)
        return np.array([np.log(w) + multivariate_normal.logpdf(X, m, c) for w, m, c in parts]), 0

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
