"""A covariance structure: a layout that the kernels know, and the constraint on it."""

from dataclasses import dataclass

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.layout import COLLAPSED, Layout
from emkit.numerics.covariance.side_by_side import SideBySide

__all__ = ["Structure"]


@dataclass(frozen=True)
class Structure:
    """What components have in common in their covariances; by itself, no more than the layout says.

    A constraint within the layout overrides `n_parameters` and `estimate`, and says whether it is
    closed. A module of this package that assigns one to ``STRUCTURE`` registers it.

    Parameters
    ----------
    name : str
        The ``covariance_type`` of estimators.
    aliases : tuple of str
        Other names for it.
    description : str
        What a component's covariance is, for documentation.
    layout : Layout
        How the covariances lie in their array.
    closed : bool, default=True
        Whether affine combinations of covariances of the structure have it.
    scale_invariant : bool, default=True
        Whether covariances keep the structure when columns are multiplied by different numbers.
    """

    name: str
    aliases: tuple[str, ...]
    description: str
    layout: Layout
    closed: bool = True
    scale_invariant: bool = True

    @property
    def letters(self) -> str:
        """mclust's three letters for it; its name, if mclust does not have it."""
        return next((name for name in (self.name, *self.aliases) if name.isupper()), self.name)

    @property
    def pools_variances(self) -> bool:
        """Whether all components have the same variances along their axes, also those of few rows.

        Then none of them becomes singular by itself.
        """
        return self.layout.shared

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Free parameters of the covariances."""
        return self.layout.n_covariances(n_components) * self.layout.n_numbers(n_features)

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        """Covariances C of the structure that maximise -sum(n log|C| + tr(S C^-1)) / 2.

        Parameters
        ----------
        scatter : ndarray
            S about the means, a prior's included, in the shape of the covariances.
        counts : ndarray of shape (n_components,), or () where components share
            n, as `Layout.counts` gives it; 0 for a component without rows.
        previous : ndarray
            The covariances before. They stay those of a component without rows, and may be where a
            search begins.

        Returns
        -------
        covariances : ndarray
            Perhaps singular, where S is.
        """
        counts = self.layout.align(counts)
        empty = counts <= 0.0
        return np.where(empty, previous, scatter / np.where(empty, 1.0, counts))

    def estimate_each(
        self, scatter: Array, counts: Array, previous: Array, mixtures: SideBySide
    ) -> Array:
        """`estimate` of each of several mixtures, every component with an array of its own.

        Parameters
        ----------
        scatter, previous : ndarray
            As of `estimate`; also where the components of a mixture share: their scatter is summed.
        counts : ndarray of shape (n_components,)
            How many squares each scatter sums.
        mixtures : SideBySide
            Which components are those of one mixture.
        """
        if self.layout.shared:
            shared = mixtures.sum(scatter) / self.layout.align(mixtures.sum(counts))
            return mixtures.spread(shared)
        if type(self).estimate is Structure.estimate:
            return self.estimate(scatter, counts, previous)
        borders = mixtures.first[1:]
        parts = zip(*(np.split(part, borders) for part in (scatter, counts, previous)), strict=True)
        return np.concatenate([self.estimate(*part) for part in parts])

    def retract(self, covariances: Array, weights: Array) -> Array:
        """The covariances of the structure that are closest to some that need not have it.

        Closest in Kullback-Leibler divergence, summed over components by their weights (K,): the
        M-step of rows that have these covariances.
        """
        if self.closed:
            return covariances
        weights = self.layout.counts(np.maximum(weights, 0.0), 1)
        return self.estimate(self.layout.align(weights) * covariances, weights, covariances)

    def gradient(self, scatter: Array, counts: Array, precisions: Array) -> Array | None:
        """Derivative of what `estimate` maximises by the covariances; None if it is not offered.

        By all numbers of the layout: of a constraint within it, directions along the structure are
        taken by the caller.
        """
        return self.layout.gradient(scatter, counts, precisions)

    def too_far_apart(self, scale: Array) -> tuple[int, int] | None:
        """The columns of the least and of the most spread, where no common unit resolves both.

        One variance for all columns is that of the widest, and always resolved.
        """
        few, many = int(np.where(scale > 0.0, scale, np.inf).argmin()), int(scale.argmax())
        if self.scale_invariant or self.layout.ndim < 2 or not scale[many] > 0.0:
            return None
        least = scale[few] / self.common_scale(scale)[few]
        return (few, many) if least * least <= COLLAPSED else None

    def common_scale(self, scale: Array) -> Array:
        """Units of the columns that keep the structure."""
        if self.scale_invariant:
            return scale
        largest = scale.max()  # so that no square overflows
        return np.full_like(scale, largest * np.sqrt(np.mean((scale / largest) ** 2)))
