"""Which kernel works on rows without missing cells: the fastest that is accurate."""

import numpy as np

from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import (
    FEATURE_ERROR,
    Components,
    FeatureKernel,
    Scaling,
    WhiteningKernel,
)
from emkit.numerics.single import SingleFeatureKernel, single_error
from emkit.numerics.stacked import StackedKernel

__all__ = ["CompleteKernel", "choose_complete", "takes_features", "takes_single"]

CompleteKernel = FeatureKernel | StackedKernel | WhiteningKernel


def _is_wide(layout: Layout, components: Components) -> bool:
    """Whether factors beat the long vector of features; measured on two generations of BLAS."""
    n_components, d = components.means.shape
    return layout.n_quadratic(d) > d and 72 * n_components <= d * d


def takes_features(layout: Layout, components: Components) -> bool:
    """Whether features are the faster kernel, and accurate, at these components."""
    return components.raw_error <= FEATURE_ERROR and not _is_wide(layout, components)


def takes_single(layout: Layout, components: Components) -> bool:
    """Whether features in single precision are accurate enough for what is to be no more."""
    return takes_features(layout, components) and single_error(layout, components) < np.inf


def choose_complete(
    layout: Layout, components: Components, units: Scaling, single: bool = False
) -> CompleteKernel:
    """The fastest kernel among those that are accurate at these components.

    That may be one in single precision where it is to do.
    """
    if single and takes_single(layout, components):
        return SingleFeatureKernel(layout, components, units)
    if takes_features(layout, components):
        return FeatureKernel(layout, components, units)
    # The factor of a single component is one product already.
    stacked = components.raw_error <= FEATURE_ERROR and len(components.means) > 1
    return (StackedKernel if stacked else WhiteningKernel)(layout, components, units)
