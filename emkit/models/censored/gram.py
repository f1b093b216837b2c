"""Gram matrices of columns some of which may depend on the others."""

import numpy as np

from emkit._typing import Array
from emkit.numerics.constants import TINY

__all__ = ["pseudo_inverse", "whitening"]

#: Eigenvalues of a Gram matrix this small beside the largest are rounding: the column is a
#: combination of others.
RANK_EIGENVALUE = 1e-13


def pseudo_inverse(gram: Array) -> tuple[Array, int]:
    """Inverse of a Gram matrix over the directions that it sees, and their number."""
    values, vectors = _seen(gram)
    return (vectors / values) @ vectors.T, len(values)


def whitening(gram: Array) -> Array:
    """W (q, rank) that makes W' gram W the identity, over the directions that the matrix sees."""
    values, vectors = _seen(gram)
    return vectors / np.sqrt(values)


def _seen(gram: Array) -> tuple[Array, Array]:
    """Eigenvalues that are more than rounding, and their vectors."""
    values, vectors = np.linalg.eigh(gram)
    seen = values > RANK_EIGENVALUE * max(values.max(initial=0.0), TINY)
    return values[seen], vectors[:, seen]
