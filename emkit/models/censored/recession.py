r"""Directions in which a line can go for ever, and the likelihood never falls.

Along a direction d that is 0 in every row with a response known from both sides, and leads away
from every bound of the others, the likelihood rises for ever, if it does not stay as it is: it has
no finite maximum, as of a group whose responses are all censored. In light tails it soon is flat
there; in heavy ones it rises so slowly that neither its gain nor its curvature shows that.
"""

import numpy as np
from scipy.optimize import linprog

from emkit._typing import Array
from emkit.models.censored.data import Blockwise, Prepared
from emkit.models.censored.existence import FEASIBLE_VIOLATION
from emkit.models.censored.residuals import BETWEEN, EXACT, LEFT, RIGHT, Residuals

__all__ = ["without_recession"]

#: Part of the squares of a direction that the rows see, below which they do not.
UNSEEN_PART = 1e-12


def without_recession(data: Blockwise, prepared: Prepared, information: Array) -> Array:
    """The information (q + m, q + m), of which there is none in such a direction."""
    if not len(prepared.gram):
        return information
    both = sum(data.map(_gram_of_both), np.zeros_like(prepared.gram))
    values, vectors = np.linalg.eigh(both)
    free = vectors[
        :, values <= UNSEEN_PART * max(float(prepared.gram.diagonal().max(initial=0.0)), 1e-300)
    ]
    if not free.shape[1] or prepared.rank < len(prepared.gram):
        return information
    rows = np.concatenate(list(data.map(_away))) @ free
    k = free.shape[1]
    found = linprog(
        -rows.sum(axis=0),
        A_ub=np.concatenate([rows, -rows]),
        b_ub=np.concatenate([np.ones(len(rows)), np.zeros(len(rows))]),
        bounds=[(None, None)] * k,
    )
    if found.x is None or -found.fun <= FEASIBLE_VIOLATION * len(rows):
        return information
    direction = np.append(free @ found.x, np.zeros(len(information) - len(free)))
    direction /= np.linalg.norm(direction)
    across = np.eye(len(direction)) - np.outer(direction, direction)
    left: Array = across @ information @ across
    return left


def _gram_of_both(block: Residuals) -> Array:
    """Gram matrix of the rows whose responses are exact or between two bounds."""
    design = block.design[(block.kind == EXACT) | (block.kind == BETWEEN)]
    gram: Array = design.T @ design
    return gram


def _away(block: Residuals) -> Array:
    """Rows with one bound, of the sign with which a line leads away from it."""
    one = (block.kind == LEFT) | (block.kind == RIGHT)
    sign = np.where(block.kind[one] == RIGHT, 1.0, -1.0)
    away: Array = sign[:, None] * block.design[one]
    return away
