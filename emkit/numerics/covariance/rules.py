r"""What components may have in common in their variances, along axes that are given.

A rule maximises :math:`-\sum_{kj} (n_k \log c_{kj} + w_{kj} / c_{kj}) / 2` over the variances c
that it allows, for the scatter w of every component along its axes. The five of Celeux, G. &
Govaert, G. (1995). Gaussian parsimonious clustering models. Pattern Recognition 28, 781-793.
doi:10.1016/0031-3203(94)00125-6 are a layout of one variance, and these four. The components may
be those of several mixtures, each of which has its own maximum.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.side_by_side import ONE, SideBySide

__all__ = [
    "EQUAL_VOLUME",
    "OWN",
    "POOLED",
    "PROPORTIONAL",
    "Rule",
    "damped",
    "proportions",
    "small_gain",
]

#: A scatter so small stands in for 0, whose logarithm is no number.
TINY = 1e-200
#: Variances that are no larger come of it, and are 0.
NO_VARIANCE = 1e-150
#: Part of its share of the standardised scatter with less of which in a column a start is bad.
FAR = 0.5
#: What a Newton step may promise in nats per row to be the last, also where it need not be to the
#: last digit, and steps at most.
SMALL_GAIN, ROUGH_GAIN, STEPS = 1e-16, 1e-9, 100
#: Slope in nats per row that no minimum has which these steps find.
STEEP = 1e-3


Estimate = Callable[[Array, Array, Array, SideBySide], Array]
Curvature = Callable[[Array, Array, Array, Array, Array, SideBySide], Array]


class Rule(NamedTuple):
    """A rule for variances, and how many free numbers it leaves."""

    #: (scatter (K, d), counts (K,), variances before (K, d), mixtures) -> variances (K, d), 0 where
    #: singular
    estimate: Estimate
    n_parameters: Callable[[int, int], int]  #: of K and d
    #: (scatter w, counts, precisions 1 / c, moves (K, d, p), slope (m, p), mixtures) -> (m, p, p):
    #: second derivatives of what the estimate minimises, where w moves, and it by the slope
    curvature: Curvature | None = None


def own(scatter: Array, counts: Array, previous: Array, mixtures: SideBySide = ONE) -> Array:
    """Every component its own variances; those before where it has no rows."""
    empty = (counts <= 0.0)[:, None]
    variances: Array = np.where(empty, previous, scatter / np.where(empty, 1.0, counts[:, None]))
    return variances


def curvature_of_own(
    scatter: Array,
    counts: Array,
    precisions: Array,
    moves: Array,
    slope: Array,
    mixtures: SideBySide = ONE,
) -> Array:
    r"""That of :math:`\sum_{kj} n_k \log w_{kj}`."""
    return -mixtures.sum_of_products((precisions / scatter)[:, :, None] * moves, moves)


def pooled(scatter: Array, counts: Array, previous: Array, mixtures: SideBySide = ONE) -> Array:
    """All components the same variances."""
    total = mixtures.sum(counts)[:, None]
    variances = mixtures.spread(mixtures.sum(scatter) / np.where(total > 0.0, total, 1.0))
    return np.where(mixtures.spread(total) > 0.0, variances, previous)


def equal_volume(
    scatter: Array, counts: Array, previous: Array, mixtures: SideBySide = ONE
) -> Array:
    r"""Variances of one product: w over its own geometric mean, times :math:`\lambda`.

    :math:`\lambda = \sum_k (\prod_j w_{kj})^{1/d} / \sum_k n_k`.
    """
    blank = ((counts <= 0.0) & (scatter.sum(axis=1) <= 0.0))[:, None]  # not even a penalty
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(blank, np.maximum(previous, 0.0), scatter))
        means = logs.mean(axis=1, keepdims=True)
        sums = mixtures.sum(np.where(blank, 0.0, np.exp(means)))
        total = mixtures.sum(counts)[:, None]
        volumes = mixtures.spread(np.log(sums / np.where(total > 0.0, total, 1.0)))
        volumes = np.where(mixtures.spread(total) > 0.0, volumes, means)  # without any rows
    singular = means == -np.inf
    shapes = np.exp(volumes + logs - np.where(singular, 0.0, means))
    return np.where(singular, scatter / np.maximum(counts, TINY)[:, None], shapes)


def curvature_of_equal_volume(
    scatter: Array,
    counts: Array,
    precisions: Array,
    moves: Array,
    slope: Array,
    mixtures: SideBySide = ONE,
) -> Array:
    r"""That of :math:`n d \log \sum_k (\prod_j w_{kj})^{1/d}`."""
    d = scatter.shape[1]
    volumes = (moves / scatter[:, :, None]).sum(axis=1)[:, None]
    shares = (precisions * scatter).mean(axis=1)[:, None, None] / d
    curvature = curvature_of_own(scatter, counts, precisions, moves, slope, mixtures)
    curvature += mixtures.sum_of_products(shares * volumes, volumes)
    total = mixtures.sum(counts)[:, None, None]
    return curvature - slope[:, :, None] * slope[:, None] / (total * d)


def proportional(
    scatter: Array, counts: Array, previous: Array, mixtures: SideBySide = ONE
) -> Array:
    """Variances of the same proportions in every component; 0 where there is no maximum.

    So it is where a column has scatter only in components of fewer than n / d counts.
    """
    d, total = scatter.shape[1], mixtures.sum(counts)[:, None]
    scatter = np.maximum(scatter, TINY)
    logs = mixtures.sum(counts[:, None] * np.log(np.maximum(previous, TINY)))
    before = logs / np.maximum(total, TINY)  # without any rows, too
    shape = mixtures.spread(proportions(scatter, counts, before, mixtures))
    with np.errstate(over="ignore", invalid="ignore"):  # where there is no maximum
        along = (scatter * np.exp(-shape)).sum(axis=1)
        sizes = along / (d * np.maximum(counts, TINY))
        empty = counts <= 0.0
        if empty.any():  # so that the penalty stays as it is
            before = (scatter / np.maximum(previous, TINY)).sum(axis=1)
            sizes = np.where(empty, along / before, sizes)
        variances: Array = sizes[:, None] * np.exp(shape)
    return np.where((variances > NO_VARIANCE) & (variances < np.inf), variances, 0.0)


def proportions(scatter: Array, counts: Array, shape: Array, mixtures: SideBySide = ONE) -> Array:
    r"""The b of :math:`c_{kj} = \exp(a_k + b_j)`, from another b (m, d); NaN where there is none.

    By Newton's method: with the best a for every b, the function of b is convex,
    :math:`d \sum_k n_k \log \sum_j w_{kj} e^{-b_j} + \sum_k n_k \sum_j b_j`.
    """
    d, total = scatter.shape[1], mixtures.sum(counts)[:, None]
    shape = _balanced(scatter, counts, shape, mixtures)
    going_on = np.ones(len(shape), dtype=bool)
    for i in range(STEPS):
        shares = scatter * np.exp(-mixtures.spread(shape))
        shares /= shares.sum(axis=1, keepdims=True)
        weighted = counts[:, None] * shares
        sums = mixtures.sum(weighted)
        if i == 0:
            far = d * sums.min(axis=1) < FAR * total[:, 0]
            if far.any():
                again = _balanced(scatter, counts, np.zeros_like(shape), mixtures)
                shape = np.where(far[:, None], again, shape)
                continue
        slope = total / d - sums
        # The first for the sum of b, which is free.
        curvature = (total / d)[:, None] - mixtures.sum_of_products(
            shares[:, None], weighted[:, None]
        )
        curvature[:, np.arange(d), np.arange(d)] += sums
        step = _solved(curvature, slope)
        gain = (slope * step).sum(axis=1)
        step *= damped(step)[:, None]
        shape = shape - np.where((going_on & (gain > 0.0))[:, None], step, 0.0)
        going_on &= gain > small_gain(mixtures) * total[:, 0]
        if not going_on.any():
            break
    endless = (np.abs(slope) > STEEP * total).any(axis=1, keepdims=True)
    return np.where(endless, np.nan, shape - shape.mean(axis=1, keepdims=True))


def small_gain(mixtures: SideBySide) -> float:
    """What a Newton step may promise in nats per row to be the last."""
    return SMALL_GAIN if mixtures.thorough else ROUGH_GAIN


def _balanced(scatter: Array, counts: Array, shape: Array, mixtures: SideBySide) -> Array:
    """The best b for the a that are best for some b; so that they sum to 0."""
    level = shape.mean(axis=1, keepdims=True)
    sizes = (scatter * np.exp(mixtures.spread(level - shape))).sum(axis=1)
    balanced = np.log(np.maximum(mixtures.sum((counts / sizes)[:, None] * scatter), TINY))
    return balanced - balanced.mean(axis=1, keepdims=True)


def damped(step: Array, degree: float = 1.0) -> Array:
    r"""The part of Newton's step that is sure to descend a sum of :math:`\log\sum e^{l(b)}`, (m,).

    For linear l that differ by R along the step, the second derivative grows by :math:`e^{Rt}` at
    most: the bound is least at :math:`t = \log(1 + R) / R`, and the whole step descends for R up to
    1 (Bach, F. (2010). Self-concordant analysis for logistic regression. Electronic Journal of
    Statistics 4, 384-414. doi:10.1214/09-EJS521). ``degree`` is that of the l in the
    steps (m, p).
    """
    apart = np.maximum(degree * (step.max(axis=1) - step.min(axis=1)), 1e-3)
    return np.where(apart <= 1.0, 1.0, np.log1p(apart) / apart)


def _solved(curvature: Array, slope: Array) -> Array:
    """Newton's steps (m, d); those of the diagonal where no number is left of a curvature."""
    try:
        step: Array = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        if len(slope) == 1:
            return slope / np.maximum(curvature.diagonal(axis1=1, axis2=2), TINY)
        each = zip(curvature[:, None], slope[:, None], strict=True)
        return np.concatenate([_solved(*one) for one in each])
    return step


OWN = Rule(own, lambda k, d: k * d, curvature_of_own)
POOLED = Rule(pooled, lambda k, d: d)
EQUAL_VOLUME = Rule(equal_volume, lambda k, d: 1 + k * (d - 1), curvature_of_equal_volume)
PROPORTIONAL = Rule(proportional, lambda k, d: k + d - 1)
