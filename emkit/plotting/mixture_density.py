"""The density of a mixture along two features, as regions that hold given probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.plotting.common import BLUE

__all__ = ["draw_density", "log_density", "region_heights"]

#: Points along an axis, evenly over its range, and about the components together.
EVEN_POINTS, OWN_POINTS = 129, 264
#: Draws that say how high the density is at the edge of a region.
DRAWS = 20_000


def draw_density(
    ax: Any,
    mixture: tuple[Array, Array, Array, Array],
    limits: Sequence[Any],
    levels: Array,
    of_what: str,
) -> tuple[Any, list[Any]]:
    """Regions of highest density; the contours, and what stands for them in a legend.

    ``mixture`` is weights (K,), means (K, 2), scale matrices (K, 2, 2), degrees of freedom (K,).
    """
    from matplotlib.patches import Patch

    x, y = (_points(limits[j], mixture[1][:, j], mixture[2][:, j, j]) for j in (0, 1))
    at = np.stack(np.meshgrid(x, y), axis=-1)
    logs = log_density(at, *mixture)
    levels = np.sort(levels)[::-1]
    heights = region_heights(mixture, levels)  # ascending: the widest region is the lowest
    shades = [0.12 + 0.6 * (i + 1) / len(levels) for i in range(len(levels))]
    for height, shade in zip(heights, shades, strict=True):
        if logs.max() > height:
            ax.contourf(x, y, logs, [height, np.inf], colors=[_tint(shade)], zorder=0.5)
    contours = ax.contour(
        x, y, logs, np.unique(heights), colors=BLUE, linewidths=0.9, linestyles="-", zorder=2.5
    )
    key = [
        Patch(facecolor=_tint(shade), edgecolor=BLUE, label=f"{100.0 * level:.3g} % of {of_what}")
        for level, shade in zip(levels, shades, strict=True)
    ]
    return contours, key[::-1]


def log_density(at: Array, weights: Array, means: Array, scales: Array, df: Array) -> Array:
    """Log-density (...) of a mixture of normals or Student's t at points (..., 2)."""
    logs = np.full((len(weights), *at.shape[:-1]), -np.inf)
    for k in np.flatnonzero(weights > 0.0):
        factor = np.linalg.cholesky(scales[k])
        z = np.linalg.solve(factor, (at - means[k]).reshape(-1, 2).T)
        distance = np.einsum("in,in->n", z, z).reshape(at.shape[:-1])
        # In two dimensions the constant is that of the normal, whatever the degrees of freedom.
        constant = np.log(weights[k] / (2.0 * np.pi)) - np.log(np.diag(factor)).sum()
        if df[k] == np.inf:
            logs[k] = constant - 0.5 * distance
        else:
            logs[k] = constant - (0.5 * df[k] + 1.0) * np.log1p(distance / df[k])
    return np.logaddexp.reduce(logs, axis=0)


def region_heights(mixture: tuple[Array, Array, Array, Array], levels: Array) -> Array:
    """Log-density above which the mixture has probabilities of ``levels``, from draws of it."""
    weights, means, scales, df = mixture
    rng = np.random.default_rng(0)  # so that a picture is always the same
    component = rng.choice(len(weights), DRAWS, p=weights / weights.sum())
    z = rng.standard_normal((DRAWS, 2))
    for k in np.flatnonzero(np.isfinite(df)):
        own = component == k
        z[own] /= np.sqrt(rng.chisquare(df[k], (own.sum(), 1)) / df[k])
    factors = np.linalg.cholesky(scales)[component]
    draws = means[component] + np.einsum("nij,nj->ni", factors, z)
    heights: Array = np.quantile(log_density(draws, *mixture), 1.0 - levels)
    return heights


def _points(limits: Any, means: Array, variances: Array) -> Array:
    """Along an axis, with steps that show the narrowest component as well as the widest."""
    low, high = limits
    n_own = max(OWN_POINTS // len(means), 9)
    own = means[:, None] + np.sqrt(variances)[:, None] * np.linspace(-4.0, 4.0, n_own)
    points = np.unique(np.concatenate([np.linspace(low, high, EVEN_POINTS), own.ravel()]))
    return points[(points >= low) & (points <= high)]


def _tint(shade: float) -> Any:
    """Blue on white paper, 0 to 1."""
    from matplotlib.colors import to_rgb

    return tuple(1.0 - shade * (1.0 - np.array(to_rgb(BLUE))))
