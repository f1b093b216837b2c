"""Arithmetic on NamedTuples of float arrays (scalars allowed): parameters and statistics."""

from typing import Any

import numpy as np

from emkit._typing import Array

__all__ = ["add", "all_finite", "distance", "flatten", "mismatch", "restore", "scale"]


def add(a: Any, b: Any) -> Any:
    """Sum of two trees, field by field."""
    return type(a)(*(x + y for x, y in zip(a, b, strict=True)))


def scale(tree: Any, factor: float) -> Any:
    """Every number of a tree times ``factor``."""
    return type(tree)(*(factor * x for x in tree))


def flatten(tree: Any) -> Array:
    """All numbers of a tree as one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in tree]).astype(np.float64, copy=False)


def restore(vector: Array, like: Any) -> Any:
    """Tree of the type and shapes of ``like`` from the numbers in ``vector``."""
    leaves, start = [], 0
    for leaf in like:
        shape = np.shape(leaf)
        stop = start + int(np.prod(shape))
        leaves.append(vector[start:stop].reshape(shape)[()])
        start = stop
    return type(like)(*leaves)


def all_finite(tree: Any) -> bool:
    """Whether every number of a tree is finite."""
    return all(bool(np.isfinite(leaf).all()) for leaf in tree)


def mismatch(tree: Any, like: Any) -> str:
    """What differs in kind between a tree and the one expected; empty when nothing does."""
    if type(tree) is not type(like):
        return f"returned {type(tree).__name__}, not {type(like).__name__}"
    for name, leaf, expected in zip(tree._fields, tree, like, strict=True):
        if np.shape(leaf) != np.shape(expected):
            return f"returned {name} of shape {np.shape(leaf)}, not {np.shape(expected)}"
    return ""


def distance(tree: Any, other: Any) -> float:
    """Largest difference between two trees, each array relative to its largest number."""
    distances = [
        np.max(np.abs(np.subtract(a, b)), initial=0.0)
        / max(np.max(np.abs(a), initial=0.0), np.finfo(float).tiny)
        for a, b in zip(tree, other, strict=True)
    ]
    return float(max(distances, default=0.0))
