"""Exact marginals of a mixture as they are drawn: curves of density, and ellipses.

Of components that are normal, or Student's t with so many degrees of freedom.
"""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.base.names import listed
from emkit.numerics.student_t import log_density

__all__ = [
    "axis_range",
    "densities",
    "draw_ellipses",
    "level_key",
    "noise_density",
    "refuse_beyond_squares",
]

#: Size of values whose squares, and sums of these, are doubles.
LARGEST = 1e153
#: Line styles of ellipses of one component.
STYLES: tuple[Any, ...] = ("-", "--", ":", "-.")


def axis_range(x: Array, weights: Array, mean: Array, variance: Array, level: float) -> Any:
    """Limits of an axis that hold the data and the ellipses."""
    used = weights > 0.0
    half = _radius(level) * np.sqrt(variance[used])
    all_of_it = np.concatenate([x, mean[used] - half, mean[used] + half])
    low, high = np.nanmin(all_of_it), np.nanmax(all_of_it)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def densities(
    weights: Array, mean: Array, variance: Array, limits: Any, df: Array
) -> tuple[Array, Array]:
    """Points along a feature and the weighted density of each component (K, m) there."""
    mean, scale = mean[:, None], np.sqrt(variance)[:, None]
    low, high = limits
    # Steps that show the narrowest component as well as the widest.
    own = (mean + scale * np.linspace(-4.0, 4.0, 65)).ravel()
    grid = np.unique(np.concatenate([np.linspace(low, high, 257), own]))
    grid = grid[(grid >= low) & (grid <= high)]
    z = (grid - mean) / scale
    each = [np.exp(log_density(one, nu)) for one, nu in zip(z, df, strict=True)]
    return grid, weights[:, None] * np.array(each) / scale


def _ellipses(mean: Array, covariance: Array, levels: Array, df: float) -> list[Array]:
    """Outlines (2, m) within which a component has probabilities of ``levels``."""
    angle = np.linspace(0.0, 2.0 * np.pi, 121)
    scale = np.sqrt(np.diag(covariance))
    rho = np.clip(covariance[0, 1] / scale.prod(), -1.0, 1.0)
    circle = (np.cos(angle), rho * np.cos(angle) + np.sqrt(1.0 - rho**2) * np.sin(angle))
    return [mean[:, None] + _radius(level, df) * scale[:, None] * circle for level in levels]


def _radius(level: float, df: float = np.inf) -> float:
    """Mahalanobis radius of the ellipse that holds a probability in two dimensions."""
    tail = -2.0 * np.log1p(-level)
    return np.sqrt(tail if df == np.inf else df * np.expm1(tail / df))


def draw_ellipses(
    ax: Any, mean: Array, covariance: Array, levels: Array, df: float, colour: Any
) -> list[Any]:
    """Outlines within which a component has probabilities of ``levels``, as lines."""
    from matplotlib.patheffects import Normal, withStroke

    halo = [withStroke(linewidth=2.8, foreground="white"), Normal()]  # over their own points
    look = {"color": colour, "linewidth": 1.3, "path_effects": halo}
    outlines = enumerate(_ellipses(mean, covariance, levels, df))
    return [ax.plot(*line, STYLES[n % len(STYLES)], **look)[0] for n, line in outlines]


def level_key(levels: Any) -> list[Any]:
    """What the line styles of the ellipses mean."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color="black", linestyle=STYLES[n % len(STYLES)], label=label)
        for n, label in enumerate(f"{100.0 * level:.3g} % of a component" for level in levels)
    ]


def noise_density(estimator: Any) -> float:
    """Density of the noise of a fit to one feature, with its weight; 0 of others."""
    if estimator.n_features_in_ > 1:
        return 0.0
    weight, volume = (getattr(estimator, f"noise_{of}_", 0.0) for of in ("weight", "volume"))
    return float(weight / volume) if weight else 0.0


def refuse_beyond_squares(names: Any, means: Array, variances: Array) -> None:
    """ValueError for features whose squares are beyond doubles, and with them the variances."""
    within = (variances > LARGEST**-2) & (variances < LARGEST**2) & (np.abs(means) < LARGEST)
    if beyond := np.flatnonzero(~within.all(axis=0)).tolist():
        j = beyond[0]
        k = int((~within[:, j]).argmax())
        raise ValueError(
            f"Feature(s) {listed(names[beyond])} cannot be drawn: with a mean of {means[k, j]:.3g} "
            f"and a variance of {variances[k, j]:.3g} in component {k}, squares leave the range of "
            "floating-point numbers. Fit X in other units."
        )
