"""What a survival curve is drawn with: steps, boxes, marks and numbers at risk."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.censored.survival_curve import EMSurvivalCurve
from emkit.plotting.common import told_apart

__all__ = ["boxes_of", "draw_at_risk", "draw_boxes", "steps_of"]

#: Heights of a line of text, and of what is below the axis before the first, in font sizes.
LINE, BELOW = 1.35, 3.9


def steps_of(curve: EMSurvivalCurve, start: float, end: float) -> tuple[Array, Array]:
    """Where the curve falls up to an end, which is added, and what it is from there on."""
    times = curve.times_[curve.times_ <= end]
    survival = curve.predict_survival_function([[0.0]], times)[0]
    stop = max(_last_known(curve, end), times[-1] if len(times) else start)
    last = survival[-1] if len(times) else 1.0
    return np.r_[start, times, stop], np.r_[1.0, survival, last]


def _last_known(curve: EMSurvivalCurve, end: float) -> float:
    """The time from which on the curve is not known: it may be anything below its last value."""
    open_above = np.isinf(curve.intervals_[:, 1]) & (curve.masses_ > 0.0)
    return float(curve.intervals_[open_above, 0][0]) if open_above.any() else end


def boxes_of(curve: EMSurvivalCurve, start: float) -> Array:
    """Left, right, bottom and top (m, 4) of where the curve may fall in any way."""
    masses, (left, right) = curve.masses_, curve.intervals_.T
    top = 1.0 - np.append(0.0, np.cumsum(masses)[:-1])
    inside = (left < right) & np.isfinite(right) & (masses > 0.0)
    corners = np.column_stack([np.maximum(left, start), right, top - masses, top])
    return corners[inside]


def draw_boxes(ax: Any, boxes: Array, colour: Any) -> Any:
    """Boxes (m, 4) of left, right, and two heights."""
    from matplotlib.collections import PolyCollection

    left, right, low, high = boxes.T
    corners = np.stack([[left, low], [left, high], [right, high], [right, low]])
    each: Any = np.moveaxis(corners, -1, 0)
    drawn = PolyCollection(each, facecolors=[colour], alpha=0.3, linewidths=0)
    return ax.add_collection(drawn, autolim=False)


def draw_at_risk(
    ax: Any, ticks: Array, numbers: Sequence[Array], names: Sequence[str], colours: Sequence[Any]
) -> list[Any]:
    """Numbers below the axis and its label, a line for each group."""
    size = 0.85 * _points(ax)
    at = {"textcoords": "offset points", "va": "top", "fontsize": size, "annotation_clip": False}
    below = -BELOW * _points(ax)
    drawn = [ax.annotate("at risk", (0.0, 0.0), (-6.0, below), "axes fraction", ha="right", **at)]
    for k, (row, name, colour) in enumerate(zip(numbers, told_apart(names), colours, strict=True)):
        y = below - LINE * size * (k + bool(name))
        if name:
            drawn.append(
                ax.annotate(
                    name,
                    (0.0, 0.0),
                    (-6.0, y),
                    "axes fraction",
                    ha="right",
                    color=colour,
                    **at,
                )
            )
        for tick, number in zip(ticks, row, strict=True):
            drawn.append(
                ax.annotate(
                    f"{number:.4g}" if number < 1e4 else f"{number:.0f}",
                    (tick, 0.0),
                    (0.0, y),
                    ("data", "axes fraction"),
                    ha="center",
                    color=colour,
                    **at,
                )
            )
    return drawn


def _points(ax: Any) -> float:
    """Size of the font of the axis."""
    return float(ax.xaxis.label.get_size())
