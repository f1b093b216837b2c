"""From the joint of rows and classes to the assignment of rows to classes.

Each function takes ``log p(x_i, z_i = k)``, shape (n_classes, n), overwrites it, and returns the
responsibilities with what each row adds to the objective.
"""

import numpy as np

from emkit._typing import Array

__all__ = ["hard", "soft"]


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
    best = log_joint.argmax(axis=0)
    rows = np.arange(log_joint.shape[1])
    values = log_joint[best, rows]
    log_joint[...] = 0.0
    log_joint[best, rows] = 1.0
    return log_joint, values
