"""Structures that are a rule for variances along axes: the columns, own axes, or common ones."""

from dataclasses import dataclass

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.axes import principal_axes, variances_along
from emkit.numerics.covariance.common import Orientation, nearest_orientation
from emkit.numerics.covariance.rotations import along, common_axes
from emkit.numerics.covariance.rules import NO_VARIANCE, POOLED, TINY, Rule
from emkit.numerics.covariance.side_by_side import ONE, SideBySide
from emkit.numerics.covariance.structure import Structure

__all__ = ["AlongColumns", "CommonAxes", "OwnAxes"]


@dataclass(frozen=True, kw_only=True)
class AlongColumns(Structure):
    """The columns are independent within a component.

    Parameters
    ----------
    rule : Rule
        What components have in common in the variances along the axes.
    """

    rule: Rule

    @property
    def pools_variances(self) -> bool:
        return self.rule is POOLED

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return self.rule.n_parameters(n_components, n_features)

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        return self.estimate_each(scatter, counts, previous, ONE)

    def estimate_each(
        self, scatter: Array, counts: Array, previous: Array, mixtures: SideBySide
    ) -> Array:
        return self.rule.estimate(np.maximum(scatter, 0.0), counts, previous, mixtures)


@dataclass(frozen=True, kw_only=True)
class OwnAxes(AlongColumns):
    """Every component is turned its own way: to the eigenvectors of its scatter, in order."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        turns = n_components * (n_features * (n_features - 1) // 2)
        return super().n_parameters(n_components, n_features) + turns

    def estimate_each(
        self, scatter: Array, counts: Array, previous: Array, mixtures: SideBySide
    ) -> Array:
        # A component without rows stays as it is turned.
        empty = self.layout.align(counts) <= 0.0
        axes = principal_axes(np.where(empty, previous, scatter) if empty.any() else scatter)
        spread, before = variances_along(axes, scatter), variances_along(axes, previous)
        return _matrices(axes, super().estimate_each(spread, counts, before, mixtures))


@dataclass(frozen=True, kw_only=True)
class CommonAxes(AlongColumns):
    """All components are turned the same way, which has no formula: by rotations of two axes.

    They begin at the axes before, and `estimate` is as high as those or higher.
    """

    def n_parameters(self, n_components: int, n_features: int) -> int:
        turns = n_features * (n_features - 1) // 2
        return super().n_parameters(n_components, n_features) + turns

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        if len(scatter) == 1:
            return Structure.estimate(self, scatter, counts, previous)
        return self.estimate_each(scatter, counts, previous, ONE)

    def estimate_each(
        self, scatter: Array, counts: Array, previous: Array, mixtures: SideBySide
    ) -> Array:
        def at(axes: Array) -> Orientation:
            turned = along(axes, scatter, mixtures)
            spread = np.maximum(turned.diagonal(axis1=1, axis2=2), 0.0)
            before = variances_along(mixtures.spread(axes), previous)
            variances = np.maximum(self.rule.estimate(spread, counts, before, mixtures), TINY)
            values = counts * np.log(variances).sum(axis=1) + (spread / variances).sum(axis=1)
            return Orientation(axes, turned, variances, mixtures.sum(values))

        # One component has the axes of its scatter.
        several = mixtures.spread(mixtures.sum(np.ones(len(counts))) > 1.0)
        begin = at(common_axes(np.where(several[:, None, None], previous, scatter), mixtures))
        found = nearest_orientation(begin, at, counts, self.rule, mixtures)
        return _matrices(mixtures.spread(found.axes), found.variances)


def _matrices(axes: Array, variances: Array) -> Array:
    """Covariances (K, d, d) with these axes and variances (K, d) along them."""
    root = axes * np.sqrt(np.where(variances > NO_VARIANCE, variances, 0.0))[:, None]
    return root @ root.mT
