"""Parameters and statistics of classes with local dependence."""

from typing import NamedTuple

from emkit._typing import Array
from emkit.models.mixture.gaussian import MixtureParams

__all__ = ["LocalParams", "LocalStats", "normals"]


class LocalParams(NamedTuple):
    """Parameters of `LocalDependence`, those of the numbers in internal units."""

    weights: Array  #: (K,)
    means: Array  #: (K, p)
    covariances: Array  #: of the structure
    effects: Array  #: (U, p) coordinates of B in the contrasts of `Design`
    tables: Array  #: (K, T) probabilities of the levels of all columns, side by side


class LocalStats(NamedTuple):
    """Expected statistics, those of the numbers about the means of their row.

    Of a tile u are `Design.regressors`, of a block the contrasts of `Design`.
    """

    n: Array  #: (K,)
    first: Array  #: (K, p)
    scatter: Array  #: in the shape of the covariances
    counts: Array  #: (K, T) of the levels
    design: Array  #: (K, U) sum of r u
    gram: Array  #: (K or 1, U, U) sum of r u u'; one where the classes share a covariance
    cross: Array  #: (K or 1, U, p) sum of r u (x - its mean)'


def normals(params: LocalParams) -> MixtureParams:
    """Parameters of the numbers, less the effects."""
    return MixtureParams(params.weights, params.means, params.covariances)
