"""Arithmetic on parameters and statistics: NamedTuples of float arrays, or of such NamedTuples.

The arrays (scalars allowed) are the leaves of the tree, ordered as its fields are, depth first. A
leaf is named by its path, with dots: ``weights`` or ``emission.rates``.
"""

from collections.abc import Callable, Iterator
from operator import add as _add
from typing import Any

import numpy as np

from emkit._typing import Array

DOUBLE = np.dtype(np.float64)

__all__ = [
    "add",
    "all_finite",
    "distance",
    "flatten",
    "is_numeric",
    "is_tree",
    "leaves",
    "map_leaves",
    "mismatch",
    "named_leaves",
    "replace",
    "restore",
    "scale",
    "spread",
]


def is_tree(value: Any) -> bool:
    """Whether a value is a NamedTuple; all else is a leaf."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


def is_numeric(leaf: Any) -> bool:
    """Whether a leaf is a real number or an array of such."""
    if isinstance(leaf, float | int):
        return not isinstance(leaf, bool)
    return getattr(getattr(leaf, "dtype", None), "kind", None) in ("f", "i", "u")


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Tree of what the function makes of each leaf, and of those of other trees of its form."""
    if not is_tree(tree):
        return function(tree, *others)
    parts = zip(tree, *others, strict=True)
    return type(tree)(*(map_leaves(function, *part) for part in parts))


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves of a tree, in order."""
    for value in tree:
        if is_tree(value):
            yield from leaves(value)
        else:
            yield value


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their names, in order."""
    named: dict[str, Any] = {}
    for field, value in zip(tree._fields, tree, strict=True):
        if is_tree(value):
            named |= {f"{field}.{name}": leaf for name, leaf in named_leaves(value).items()}
        else:
            named[field] = value
    return named


def replace(tree: Any, changes: dict[str, Any]) -> Any:
    """The tree with other leaves in the place of those named."""
    values = iter((named_leaves(tree) | changes).values())
    return map_leaves(lambda leaf: next(values), tree)


def add(tree: Any, other: Any) -> Any:
    """Sum of two trees, leaf by leaf."""
    return map_leaves(_add, tree, other)


def scale(tree: Any, factor: float) -> Any:
    """Every number of a tree times ``factor``."""
    return map_leaves(lambda leaf: factor * leaf, tree)


def flatten(tree: Any) -> Array:
    """All numbers of a tree as one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in leaves(tree)]).astype(np.float64, copy=False)


def restore(vector: Array, like: Any) -> Any:
    """Tree of the type and shapes of ``like`` from the numbers in ``vector``."""
    start = 0

    def take(leaf: Any) -> Any:
        nonlocal start
        shape = np.shape(leaf)
        stop = start + int(np.prod(shape))
        part = vector[start:stop].reshape(shape)[()]
        start = stop
        return part

    return map_leaves(take, like)


def all_finite(tree: Any) -> bool:
    """Whether every number of a tree is finite."""
    return all(bool(np.isfinite(leaf).all()) for leaf in leaves(tree))


def mismatch(tree: Any, like: Any) -> str:
    """What differs in kind between a tree and the one expected; empty when nothing does."""
    if type(tree) is not type(like):
        return f"returned {type(tree).__name__}, not {type(like).__name__}"
    if all(map(_is_alike, tree, like)):  # the usual case, in every step
        return ""
    return next(filter(None, _mismatches(tree, like, "")), "")


def _is_alike(value: Any, expected: Any) -> bool:
    """Whether a leaf is an array of doubles of the shape expected, without a look at more."""
    is_array = type(value) is type(expected) is np.ndarray
    return is_array and value.dtype is DOUBLE and value.shape == expected.shape


def _mismatches(tree: Any, like: Any, path: str) -> Iterator[str]:
    for field, value, expected in zip(like._fields, tree, like, strict=True):
        name = path + field
        if is_tree(value) or is_tree(expected):
            if type(value) is not type(expected):
                kinds = f"{type(value).__name__}, not {type(expected).__name__}"
                yield f"returned {name} of type {kinds}"
            else:
                yield from _mismatches(value, expected, f"{name}.")
        elif np.shape(value) != np.shape(expected):
            yield f"returned {name} of shape {np.shape(value)}, not {np.shape(expected)}"
        elif not is_numeric(value):
            kind = getattr(value, "dtype", type(value).__name__)
            yield f"returned {name} of type {kind}, which is neither a float array nor a number"


def distance(tree: Any, other: Any) -> float:
    """Largest difference between two trees, each array relative to its largest number."""
    distances = [
        np.max(np.abs(np.subtract(a, b)), initial=0.0)
        / max(np.max(np.abs(a), initial=0.0), np.finfo(float).tiny)
        for a, b in zip(leaves(tree), leaves(other), strict=True)
    ]
    return float(max(distances, default=0.0))


def spread(rows: Array, ddof: int = 0) -> Array:
    """Standard deviations of the columns, of flat parameters whose squares may overflow."""
    _, exponents = np.frexp(np.abs(rows).max(axis=0, initial=0.0))
    scaled = np.ldexp(rows, -exponents)  # by powers of 2, which rounds nothing
    deviations: Array = np.ldexp(scaled.std(axis=0, ddof=ddof), exponents)
    return deviations
