"""How uncertain it is which component a row is of: one less its largest responsibility."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit._typing import Array

__all__ = [
    "draw_uncertain_points",
    "draw_uncertainties",
    "shades_of_doubt",
    "uncertainty",
    "uncertainty_key",
]

#: Area of a point of a row that is certain, and what is added to it at an uncertainty of 1.
LEAST_AREA, MORE_AREA = 7.0, 180.0
#: Uncertainties that a legend shows.
SHOWN = (0.01, 0.1, 0.5)
#: Greys of rows in cells: certain, and as uncertain as can be.
PALE, DARK = 0.85, 0.0


def uncertainty(responsibilities: Array) -> Array:
    """1 - max_k r_ik of each row (n,)."""
    out: Array = np.clip(1.0 - responsibilities.max(axis=1), 0.0, 1.0)
    return out


def shades_of_doubt(responsibilities: Array) -> Array:
    """Grey (n, 3) of each row, the darker the less certain it is."""
    k = responsibilities.shape[1]
    part = np.clip(uncertainty(responsibilities) / (1.0 - 1.0 / max(k, 2)), 0.0, 1.0)
    return np.repeat((PALE + (DARK - PALE) * part)[:, None], 3, axis=1)


def draw_uncertain_points(
    ax: Any, x: Array, y: Array, resp: Array, own: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """Rows in the colour of their component, the larger the less certain it is."""
    from matplotlib.colors import to_rgb

    u = uncertainty(resp)
    order = u.argsort(kind="stable")  # the uncertain ones on top
    colour = np.array([to_rgb(c) for c in own])[resp.argmax(axis=1)]
    look = {"s": _areas(u[order]), "alpha": 0.7, "linewidths": 0.5, "edgecolors": "white"}
    return ax.scatter(x[order], y[order], c=colour[order], **{**look, **kwargs})


def draw_uncertainties(
    ax: Any, x: Array, resp: Array, own: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """The same rows against one feature, at the height of their uncertainty."""
    has = ~np.isnan(x)
    u = uncertainty(resp[has])
    top = 1.1 * max(u.max(initial=0.0), 0.1)
    ax.set(ylim=(-0.04 * top, top), ylabel="uncertainty")
    return draw_uncertain_points(ax, x[has], u, resp[has], own, kwargs)


def uncertainty_key() -> list[Any]:
    """What the size of a point means."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="none",
            color="0.5",
            markersize=np.sqrt(_areas(u)),
            label=f"uncertainty {u:g}",
        )
        for u in SHOWN
    ]


def _areas(u: Any) -> Any:
    return LEAST_AREA + MORE_AREA * u
