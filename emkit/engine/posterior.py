"""From the joint of rows and classes to the assignment of rows to classes.

Each takes ``log p(x_i, z_i = k)``, shape (n_classes, n), overwrites it, and returns the
responsibilities with what each row adds to the objective. The engine applies sample weights
itself; assignments that draw labels get them too, because a weight of 2 means two draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Stochastic", "Tempered", "hard", "soft"]

#: Logarithm of a probability below which there is none: not far above the least that doubles have.
LEAST_LOG = -700.0


def _exp(values: Array) -> Array:
    """The exponential of values of at most 0, in place; doubles are 0 below `LEAST_LOG`.

    NumPy's takes up to seventeen times as long where the result is 0 or not a normal double.
    """
    if values.dtype.itemsize < 8 or not values.min(initial=0.0) < LEAST_LOG:
        return np.exp(values, out=values)
    least = np.full(values.shape[1:], LEAST_LOG)  # beside one number it takes twice as long
    np.maximum(values, least, out=values)
    np.exp(values, out=values)
    values -= 2.0 * np.exp(LEAST_LOG)  # twice, so that rounding leaves nothing there
    return np.maximum(values, np.zeros_like(least), out=values)


def soft(
    log_joint: Array, rng: np.random.Generator | None = None, weights: Array | None = None
) -> tuple[Array, Array]:
    """Posterior probabilities of the classes, and the log-likelihood of each row.

    Parameters
    ----------
    log_joint : ndarray of shape (n_classes, n)
        The logarithm of p(x_i, z_i = k), overwritten.
    rng, weights : object, default=None
        Not used.

    Returns
    -------
    resp : ndarray of shape (n_classes, n)
        Responsibilities, which sum to 1 over the classes.
    values : ndarray of shape (n,)
        What each row adds to the objective.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import soft
    >>> resp, values = soft(np.log([[0.1], [0.3]]))
    >>> resp.ravel().round(2), np.exp(values).round(2)
    (array([0.25, 0.75]), array([0.4]))
    """
    if len(log_joint) == 1:  # one class: nothing to assign
        values = log_joint[0].copy()
        log_joint[...] = 1.0
        return log_joint, values
    top = log_joint.max(axis=0)
    if np.isfinite(top.sum()):
        log_joint -= top
    else:
        # A row that is impossible in every class keeps its log-likelihood of -inf, but gets
        # responsibilities that are finite.
        impossible = top == -np.inf
        log_joint[:, impossible] = 0.0
        log_joint -= np.where(impossible, 0.0, top)
    resp = _exp(log_joint)
    # A product with ones is faster than a sum over rows.
    total = np.ones(len(resp), resp.dtype) @ resp
    resp *= 1.0 / total
    return resp, top + np.log(total)


def hard(
    log_joint: Array, rng: np.random.Generator | None = None, weights: Array | None = None
) -> tuple[Array, Array]:
    """The most probable class alone, and its joint: the classification likelihood.

    Parameters
    ----------
    log_joint : ndarray of shape (n_classes, n)
        The logarithm of p(x_i, z_i = k), overwritten.
    rng, weights : object, default=None
        Not used.

    Returns
    -------
    resp : ndarray of shape (n_classes, n)
        1 for the most probable class, the first of equal ones, and 0 for the others.
    values : ndarray of shape (n,)
        What each row adds to the objective.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import hard
    >>> resp, values = hard(np.log([[0.1], [0.3]]))
    >>> resp.ravel(), np.exp(values).round(2)
    (array([0., 1.]), array([0.3]))
    """
    values = log_joint.max(axis=0)
    best = log_joint == values
    if np.count_nonzero(best) != len(values):  # a tie goes to the first class
        best = np.arange(len(best))[:, None] == log_joint.argmax(axis=0)
    log_joint[...] = best
    return log_joint, values


@dataclass(frozen=True)
class Tempered:
    r"""The posterior at an inverse temperature, proportional to :math:`p(x, z)^\beta`.

    A row adds :math:`\beta^{-1} \log \sum_z p(x, z)^\beta`, which EM with this posterior never
    lowers: 1 is the likelihood, infinity the classification likelihood.

    Parameters
    ----------
    beta : float
        Inverse temperature, above 0.

    References
    ----------
    Ueda, N. & Nakano, R. (1998). Deterministic annealing EM algorithm. Neural Networks 11,
    271-282. doi:10.1016/S0893-6080(97)00133-0

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import Tempered
    >>> resp, values = Tempered(beta=2.0)(np.log([[0.1], [0.3]]))
    >>> resp.ravel().round(2), np.exp(values).round(3)
    (array([0.1, 0.9]), array([0.316]))
    """

    beta: float

    def __post_init__(self) -> None:
        if not 0.0 < self.beta < np.inf:
            raise ValueError(f"beta must be above 0 and finite. Got {self.beta!r}.")

    def __call__(
        self,
        log_joint: Array,
        rng: np.random.Generator | None = None,
        weights: Array | None = None,
    ) -> tuple[Array, Array]:
        log_joint *= self.beta
        resp, values = soft(log_joint)
        return resp, values / self.beta


@dataclass(frozen=True)
class Stochastic:
    """Classes drawn from their posterior probabilities; a row adds its log-likelihood.

    Parameters
    ----------
    size : int, default=1
        Draws to average for each row, or for each unit of its weight.
    share : float, default=1.0
        Weight of the draws beside the posterior probabilities themselves, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import Stochastic
    >>> rng = np.random.default_rng(0)
    >>> resp, values = Stochastic(size=4)(np.log([[0.1], [0.3]]), rng)
    >>> (4.0 * resp).sum(axis=0), np.exp(values).round(2)  # four draws, the posterior's likelihood
    (array([4.]), array([0.4]))
    """

    size: int = 1
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1. Got {self.size!r}.")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share must be from 0 to 1. Got {self.share!r}.")

    def __call__(
        self, log_joint: Array, rng: np.random.Generator, weights: Array | None = None
    ) -> tuple[Array, Array]:
        resp, values = soft(log_joint)
        ones = np.ones(resp.shape[1]) if weights is None else weights
        draws = np.maximum(np.rint(self.size * ones), 1.0).astype(np.int64)
        drawn = _frequencies(resp, draws, rng)
        drawn *= self.share
        resp *= 1.0 - self.share
        resp += drawn
        return resp, values


def _frequencies(resp: Array, draws: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """How often each class was drawn for each row, as a part of all its draws."""
    if (draws == 1).all():
        # One draw of a row is one number between the running sums of its probabilities.
        below = np.cumsum(resp, axis=0)
        label = (below < rng.random(len(draws)) * below[-1]).sum(axis=0)
        return (np.arange(len(resp))[:, None] == label).astype(float)
    left, rest = draws, np.ones(resp.shape[1])
    drawn = np.empty_like(resp)
    # A multinomial draw is binomial draws of class after class among those left.
    for k, p in enumerate(resp[:-1]):
        chance = np.divide(p, rest, out=np.zeros_like(p), where=rest > 0.0)
        count = rng.binomial(left, np.clip(chance, 0.0, 1.0))
        drawn[k] = count
        left = left - count
        rest -= p
    drawn[-1] = left
    drawn /= draws
    return drawn
