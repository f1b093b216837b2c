"""Covariance structures by definition, for tests that hold for every one in the registry."""

import numpy as np

from emkit.numerics.covariance import NAMES, STRUCTURES


def one_of_each_layout():
    """A structure of each layout, and one of those that common axes are searched for.

    For laws of starts, weights and input, to which a structure is no more than its layout.
    """
    found = {}
    for name in NAMES:
        layout = STRUCTURES[name].layout
        found.setdefault((type(layout), layout.shared), name)
    return [*found.values(), "VVE"]


OF_EACH_LAYOUT = one_of_each_layout()


def dense(name, covariances, n_components, d):
    """Covariance matrices (K, d, d) from covariances in the structure's own shape."""
    layout, covariances = STRUCTURES[name].layout, np.asarray(covariances)
    one = {0: lambda c: c * np.eye(d), 1: np.diag, 2: np.array}[layout.ndim]
    each = [covariances] * n_components if layout.shared else covariances
    return np.array([one(c) for c in each])


def in_shape(name, scatter):
    """Sums of matrices (K, d, d) in the shape of the structure's covariances."""
    layout = STRUCTURES[name].layout
    total = scatter.sum(axis=0) if layout.shared else scatter
    if layout.ndim == 2:
        return total.copy()
    variances = np.diagonal(total, axis1=-2, axis2=-1)
    return variances.sum(axis=-1) if layout.ndim == 0 else variances.copy()


def nearest(name, matrices):
    """Covariances of the structure that a component each of equal weight has beside matrices."""
    structure, (k, d, _) = STRUCTURES[name], matrices.shape
    scatter = in_shape(name, matrices)
    return structure.estimate(scatter, structure.layout.counts(np.ones(k), d), scatter)


def random_covariances(name, n_components, d, rng):
    """Covariances of the structure, in its own shape."""
    root = rng.normal(size=(n_components, d, d))
    return nearest(name, root @ np.swapaxes(root, 1, 2) + 0.5 * np.eye(d))


def unit(name, n_components, d):
    """Unit covariances, and so unit precisions."""
    return STRUCTURES[name].layout.identity(n_components, d).copy()
