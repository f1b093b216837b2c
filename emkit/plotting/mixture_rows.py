"""Rows against two features, in the colour of their component: points, counts in cells, ticks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.plotting.common import GREY

__all__ = [
    "NOISE",
    "draw_counts",
    "draw_margins",
    "draw_points",
    "noise_key",
    "row_colours",
    "write_number",
]

#: Colour of noise, darker than the grey of rows in doubt.
NOISE = "0.45"

#: Cells along an axis in which rows are counted.
CELLS = 120
#: Where ticks are, from the edge of the axes: within the part of the limits that no datum reaches.
EDGE = 0.02


def row_colours(responsibilities: Array, own: Sequence[Any]) -> Array:
    """Colour (n, 3) of each row's component, faded to grey as far as it is in doubt.

    Noise is a component to this, the last, with a colour of its own.
    """
    from matplotlib.colors import to_rgb

    k = len(own)
    best = responsibilities.max(axis=1, keepdims=True)
    certain = (best - 1.0 / k) / (1.0 - 1.0 / k) if k > 1 else np.ones_like(best)
    certain = np.clip(certain, 0.0, 1.0)
    colour = np.array([to_rgb(c) for c in own])[responsibilities.argmax(axis=1)]
    out: Array = certain * colour + (1.0 - certain) * np.array(to_rgb(GREY))
    return out


def noise_key() -> list[Any]:
    """What stands for rows of noise in a legend."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=NOISE, marker="o", linestyle="none", markersize=4, label="noise")]


def draw_points(ax: Any, x: Array, y: Array, colour: Array, kwargs: dict[str, Any]) -> Any:
    """Rows one by one."""
    n = max(len(x), 1)
    # As much ink for many points as for a few hundred.
    look = {"s": np.clip(2e4 / n, 3.0, 16.0), "alpha": np.clip(30.0 / np.sqrt(n), 0.15, 1.0)}
    return ax.scatter(x, y, c=colour, **{**look, "linewidths": 0, **kwargs})


def draw_counts(
    ax: Any, x: Array, y: Array, colour: Array, limits: Sequence[Any]
) -> tuple[Any, Any]:
    """Rows counted in cells: their mean colour, as opaque as there are many of them.

    Returns the image and what stands for it in a legend.
    """
    from matplotlib.patches import Patch

    count, *edges = np.histogram2d(x, y, CELLS, limits)
    sums = [np.histogram2d(x, y, CELLS, limits, weights=part)[0] for part in colour.T]
    mean = np.stack(sums, axis=-1) / np.maximum(count, 1.0)[..., None]
    alpha = 0.75 * np.log1p(count) / np.log1p(count.max(initial=1.0))
    cells = np.concatenate([np.clip(mean, 0.0, 1.0), alpha[..., None]], axis=-1)
    image = ax.pcolormesh(*edges, cells.swapaxes(0, 1), rasterized=True)
    return image, Patch(color="0.4")


def draw_margins(ax: Any, x: Array, y: Array, colour: Array) -> list[Any]:
    """Rows that have one of the features: ticks below those of x, beside those of y."""
    only_x, only_y = ~np.isnan(x) & np.isnan(y), ~np.isnan(y) & np.isnan(x)
    tick = {"s": 30.0, "linewidths": 1.0}
    below = ax.scatter(
        x[only_x],
        np.full(only_x.sum(), EDGE),
        c=colour[only_x],
        marker="|",
        transform=ax.get_xaxis_transform(),
        **tick,
    )
    beside = ax.scatter(
        np.full(only_y.sum(), EDGE),
        y[only_y],
        c=colour[only_y],
        marker="_",
        transform=ax.get_yaxis_transform(),
        **tick,
    )
    below.set_label("rows without the other feature")
    return [below, beside]


def write_number(ax: Any, k: int, grid: Any, **look: Any) -> None:
    """The number of a component, legible on any ground."""
    from matplotlib.patheffects import withStroke

    ax.annotate(
        str(k),
        grid,
        ha="center",
        fontsize="small",
        fontweight="bold",
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        clip_on=True,
        zorder=5,
        **look,
    )
