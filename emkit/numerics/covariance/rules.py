r"""What components may have in common in their variances, along axes that are given.

A rule maximises :math:`-\sum_{kj} (n_k \log c_{kj} + w_{kj} / c_{kj}) / 2` over the variances c
that it allows, for the scatter w of every component along its axes. The five of Celeux, G. &
Govaert, G. (1995). Gaussian parsimonious clustering models. Pattern Recognition 28, 781-793.
doi:10.1016/0031-3203(94)00125-6 are a layout of one variance, and these four.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emkit._typing import Array

__all__ = ["EQUAL_VOLUME", "OWN", "POOLED", "PROPORTIONAL", "Rule", "damped", "proportions"]

#: A scatter so small stands in for 0, whose logarithm is no number.
TINY = 1e-200
#: Variances that are no larger come of it, and are 0.
NO_VARIANCE = 1e-150
#: Part of its share of the standardised scatter with less of which in a column a start is bad.
FAR = 0.5
#: What a Newton step may promise in nats per row to be the last, and steps at most.
SMALL_GAIN, STEPS = 1e-16, 100


Estimate = Callable[[Array, Array, Array], Array]
Curvature = Callable[[Array, Array, Array, Array, Array], Array]


class Rule(NamedTuple):
    """A rule for variances, and how many free numbers it leaves."""

    #: (scatter (K, d), counts (K,), variances before (K, d)) -> variances (K, d), 0 where singular
    estimate: Estimate
    n_parameters: Callable[[int, int], int]  #: of K and d
    #: (scatter w, counts, precisions 1 / c, moves m (K, d, p), slope (p,)) -> (p, p): second
    #: derivatives of what the estimate minimises, where w moves along m, and it by the slope
    curvature: Curvature | None = None


def own(scatter: Array, counts: Array, previous: Array) -> Array:
    """Every component its own variances; those before where it has no rows."""
    empty = (counts <= 0.0)[:, None]
    variances: Array = np.where(empty, previous, scatter / np.where(empty, 1.0, counts[:, None]))
    return variances


def curvature_of_own(
    scatter: Array, counts: Array, precisions: Array, moves: Array, slope: Array
) -> Array:
    r"""That of :math:`\sum_{kj} n_k \log w_{kj}`."""
    p = len(slope)
    bends = (precisions / scatter)[:, :, None] * moves
    product: Array = -(bends.reshape(-1, p).T @ moves.reshape(-1, p))
    return product


def pooled(scatter: Array, counts: Array, previous: Array) -> Array:
    """All components the same variances."""
    return np.broadcast_to(scatter.sum(axis=0) / counts.sum(), scatter.shape)


def equal_volume(scatter: Array, counts: Array, previous: Array) -> Array:
    r"""Variances of one product: w over its own geometric mean, times :math:`\lambda`.

    :math:`\lambda = \sum_k (\prod_j w_{kj})^{1/d} / \sum_k n_k`.
    """
    blank = ((counts <= 0.0) & (scatter.sum(axis=1) <= 0.0))[:, None]  # not even a penalty
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(blank, np.maximum(previous, 0.0), scatter))
        means = logs.mean(axis=1, keepdims=True)
        volume = np.log(np.exp(means[~blank]).sum() / counts.sum())
    singular = means == -np.inf
    shapes = np.exp(volume + logs - np.where(singular, 0.0, means))
    return np.where(singular, scatter / np.maximum(counts, TINY)[:, None], shapes)


def curvature_of_equal_volume(
    scatter: Array, counts: Array, precisions: Array, moves: Array, slope: Array
) -> Array:
    r"""That of :math:`n d \log \sum_k (\prod_j w_{kj})^{1/d}`."""
    d = scatter.shape[1]
    volumes = (moves / scatter[:, :, None]).sum(axis=1)
    shares = (precisions * scatter).mean(axis=1) / d
    own = curvature_of_own(scatter, counts, precisions, moves, slope)
    curvature: Array = own + (shares[:, None] * volumes).T @ volumes
    return curvature - np.outer(slope, slope) / (counts.sum() * d)


def proportional(scatter: Array, counts: Array, previous: Array) -> Array:
    """Variances of the same proportions in every component."""
    (d,), total = scatter.shape[1:], counts.sum()
    scatter = np.maximum(scatter, TINY)
    before = counts @ np.log(np.maximum(previous, TINY)) / total
    shape = proportions(scatter, counts, before)
    sizes = (scatter * np.exp(-shape)).sum(axis=1) / (d * np.maximum(counts, TINY))
    empty = counts <= 0.0
    if empty.any():  # so that the penalty stays as it is
        before = (scatter / np.maximum(previous, TINY)).sum(axis=1)
        sizes = np.where(empty, (scatter * np.exp(-shape)).sum(axis=1) / before, sizes)
    variances: Array = sizes[:, None] * np.exp(shape)
    return np.where(variances > NO_VARIANCE, variances, 0.0)


def proportions(scatter: Array, counts: Array, shape: Array) -> Array:
    r"""The b of :math:`c_{kj} = \exp(a_k + b_j)`, from another b (d,); Newton's method.

    With the best a for every b, the function of b is convex:
    :math:`d \sum_k n_k \log \sum_j w_{kj} e^{-b_j} + \sum_k n_k \sum_j b_j`.
    """
    d, total = len(shape), counts.sum()
    shape = _balanced(scatter, counts, shape)
    for i in range(STEPS):
        shares = scatter * np.exp(-shape)
        shares /= shares.sum(axis=1, keepdims=True)
        weighted = counts[:, None] * shares
        sums = weighted.sum(axis=0)
        if i == 0 and d * sums.min() < FAR * total:
            shape = _balanced(scatter, counts, np.zeros(d))
            continue
        slope = total / d - sums
        curvature = total / d - shares.T @ weighted  # the first for the sum of b, which is free
        curvature.flat[:: d + 1] += sums
        step = _solved(curvature, slope)
        gain = slope @ step
        if gain > 0.0:
            shape = shape - damped(step) * step
        if not gain > SMALL_GAIN * total:
            break
    return shape - shape.mean()


def _balanced(scatter: Array, counts: Array, shape: Array) -> Array:
    """The best b for the a that are best for some b; so that they sum to 0."""
    sizes = (scatter * np.exp(shape.mean() - shape)).sum(axis=1)
    balanced = np.log(np.maximum((counts / sizes) @ scatter, TINY))
    return balanced - balanced.mean()


def damped(step: Array, degree: float = 1.0) -> float:
    r"""The part of Newton's step that is sure to descend a sum of :math:`\log\sum e^{l(b)}`.

    For linear l that differ by R along the step, the second derivative grows by :math:`e^{Rt}` at
    most: the bound is least at :math:`t = \log(1 + R) / R`, and the whole step descends for R up to
    1 (Bach, F. (2010). Self-concordant analysis for logistic regression. Electronic Journal of
    Statistics 4, 384-414. doi:10.1214/09-EJS521). ``degree`` is that of the l in the steps.
    """
    apart = degree * float(step.max() - step.min())
    return 1.0 if apart <= 1.0 else float(np.log1p(apart)) / apart


def _solved(curvature: Array, slope: Array) -> Array:
    """Newton's step; that of the diagonal where no number is left of a curvature."""
    try:
        step: Array = np.linalg.solve(curvature, slope)
    except np.linalg.LinAlgError:
        return slope / np.maximum(curvature.diagonal(), TINY)
    return step


OWN = Rule(own, lambda k, d: k * d, curvature_of_own)
POOLED = Rule(pooled, lambda k, d: d)
EQUAL_VOLUME = Rule(equal_volume, lambda k, d: 1 + k * (d - 1), curvature_of_equal_volume)
PROPORTIONAL = Rule(proportional, lambda k, d: k + d - 1)
