"""Genetic search among latent classes of several kinds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.models.emissions.combined import Classes, Parts
from emkit.models.emissions.emission import Emission

__all__ = ["by_kind"]


def by_kind(emission: Emission, change: Callable[..., Any], *parents: Any) -> Any:
    """A child of parents, classes exchanged with others of their kind only."""
    if not isinstance(emission, Classes):
        shared = {f"emission.{name}" for name in emission.shared_fields}
        rows = {
            name: np.shape(leaf)[:1] == (emission.n_classes,)
            for name, leaf in tree.named_leaves(parents[0]).items()
        }
        fields = tuple(name for name, by_class in rows.items() if by_class and name not in shared)
        return change(*parents, fields=fields)
    weights, parts = [], []
    for i, (part, rows_of_part) in enumerate(emission.slices()):
        share = parents[0].weights[rows_of_part].sum()
        inside = [
            p._replace(weights=_shares(p.weights[rows_of_part]), emission=p.emission[i])
            for p in parents
        ]
        child = by_kind(part, change, *inside)
        weights.append(share * child.weights)
        parts.append(child.emission)
    return parents[0]._replace(weights=np.concatenate(weights), emission=Parts(*parts))


def _shares(weights: Array) -> Array:
    total = weights.sum()
    return weights / total if total > 0.0 else np.full(len(weights), 1.0 / len(weights))
