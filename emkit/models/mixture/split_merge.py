"""One component of a mixture moved from where it is double to where one covers too much."""

from typing import Any

import numpy as np

from emkit.numerics.covariance import Layout

__all__ = ["split_merge"]

#: Standard deviations along its longest axis that the halves of a component go apart.
HALVES_APART = 0.8


def split_merge(
    layout: Layout, params: Any, fields: tuple[str, ...], rng: np.random.Generator
) -> Any:
    """Two components that overlap become one, and one that is wide becomes two.

    Both are drawn: the one that leaves the more likely the closer another is in standard
    deviations of both, the one that is split in proportion to its part of the whole variance.

    References
    ----------
    Ueda, N., Nakano, R., Ghahramani, Z. & Hinton, G. E. (2000). SMEM algorithm for mixture models.
    Neural Computation 12, 2109-2128. doi:10.1162/089976600300015088
    """
    weights, means = params.weights, params.means
    n_components, d = means.shape
    if n_components < 2:
        return params
    covariances = layout.dense(params.covariances, n_components, d)
    apart = means[:, None] - means
    pooled = covariances[:, None] + covariances
    distances = np.einsum("kli,kli->kl", apart, np.linalg.solve(pooled, apart[..., None])[..., 0])
    distances[np.diag_indices(n_components)] = np.inf
    closeness = 1.0 / (distances.min(axis=1) + np.finfo(float).eps)
    leaving = rng.choice(n_components, p=closeness / closeness.sum())
    heir = distances[leaving].argmin()
    wide = weights * np.trace(covariances, axis1=1, axis2=2)
    wide[[leaving, heir]] = 0.0
    if not wide.any():
        return params
    split = rng.choice(n_components, p=wide / wide.sum())
    values, axes = np.linalg.eigh(covariances[split])
    shift = HALVES_APART * np.sqrt(max(values[-1], 0.0)) * axes[:, -1]
    child = {name: np.array(getattr(params, name)) for name in fields}
    child["weights"][heir] += weights[leaving]
    for name in fields:
        child[name][leaving] = child[name][split]
    child["weights"][[leaving, split]] *= 0.5
    child["means"][leaving] -= shift
    child["means"][split] += shift
    return params._replace(**child)
