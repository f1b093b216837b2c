"""From the joint of rows and classes to the assignment of rows to classes.

Each takes ``log p(x_i, z_i = k)``, shape (n_classes, n), overwrites it, and returns the
responsibilities with what each row adds to the objective.
"""

from dataclasses import dataclass

import numpy as np

from emkit._typing import Array

__all__ = ["Stochastic", "Tempered", "hard", "soft"]


def soft(log_joint: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
    """Posterior probabilities of the classes, and the log-likelihood of each row."""
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
    resp = np.exp(log_joint, out=log_joint)
    total = np.ones(len(resp)) @ resp  # a product with ones is faster than a sum over rows
    resp *= 1.0 / total
    return resp, top + np.log(total)


def hard(log_joint: Array, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
    """The most probable class alone, and its joint: the classification likelihood."""
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
    """

    beta: float

    def __post_init__(self) -> None:
        if not 0.0 < self.beta < np.inf:
            raise ValueError(f"beta must be above 0 and finite. Got {self.beta!r}.")

    def __call__(
        self, log_joint: Array, rng: np.random.Generator | None = None
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
        Draws to average for each row.
    share : float, default=1.0
        Weight of the draws beside the posterior probabilities themselves, from 0 to 1.
    """

    size: int = 1
    share: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1. Got {self.size!r}.")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share must be from 0 to 1. Got {self.share!r}.")

    def __call__(self, log_joint: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        resp, values = soft(log_joint)
        drawn = self._frequencies(resp, rng)
        drawn *= self.share
        resp *= 1.0 - self.share
        resp += drawn
        return resp, values

    def _frequencies(self, resp: Array, rng: np.random.Generator) -> Array:
        """How often each class was drawn for each row, as a part of all draws."""
        left, rest = np.full(resp.shape[1], self.size), np.ones(resp.shape[1])
        drawn = np.empty_like(resp)
        # A multinomial draw is binomial draws of class after class among those left.
        for k, p in enumerate(resp[:-1]):
            chance = np.divide(p, rest, out=np.zeros_like(p), where=rest > 0.0)
            drawn[k] = rng.binomial(left, np.clip(chance, 0.0, 1.0))
            left = left - drawn[k].astype(left.dtype)
            rest -= p
        drawn[-1] = left
        drawn /= self.size
        return drawn
