"""Censored responses as marks: dots, arrows and bars, with how many rows a mark stands for."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.plotting.common import ORANGE

__all__ = ["ResponseArtists", "draw_responses"]

#: Spots whose rows are counted, at most.
MOST_COUNTS = 40
EXACT = {"color": "black", "markersize": 4, "alpha": 0.6, "markeredgewidth": 0}
CENSORED = {"color": ORANGE, "markersize": 22, "alpha": 0.8, "markerfacecolor": "none"}


class ResponseArtists(NamedTuple):
    """What matplotlib drew."""

    exact: Any
    right_censored: Any
    left_censored: Any
    intervals: Any
    counts: list[Any]


def draw_responses(
    ax: Any, x: Array, low: Array, high: Array, positive: bool, kwargs: dict[str, Any]
) -> ResponseArtists:
    """Draw responses with bounds; ``positive`` says that none can be less than 0."""
    # A time that only may be positive is as open below as one that may be anything.
    open_below = low <= 0.0 if positive else np.isinf(low)
    exact, open_above = low == high, np.isinf(high)
    right, left = ~open_below & open_above, open_below & ~open_above
    between = ~(exact | open_below | open_above)
    up, down = _arrows()
    marks = [
        (exact, low, {**EXACT, "marker": "o", "label": "exact"}),
        (right, low, {**CENSORED, "marker": up, "label": "right-censored"}),
        (left, high, {**CENSORED, "marker": down, "label": "left-censored"}),
    ]
    drawn: list[Any] = []
    shared: list[Any] = []
    for which, y, look in marks:
        drawn += ax.plot(x[which], y[which], **{"linestyle": "none", **look, **kwargs})
        shared += _shared_spots(x[which], y[which])
    counts = [
        ax.annotate(str(n), spot, (5, -3), textcoords="offset points", fontsize="x-small")
        for *spot, n in shared
        if len(shared) <= MOST_COUNTS
    ]
    intervals = ax.vlines(
        x[between],
        low[between],
        high[between],
        color=ORANGE,
        alpha=0.8,
        label="interval-censored",
    )
    exact_dots, right_arrows, left_arrows = drawn
    return ResponseArtists(exact_dots, right_arrows, left_arrows, intervals, counts)


def _arrows() -> tuple[Any, Any]:
    """Arrows up and down; they start at the bound and are as long on any scale."""
    from matplotlib.path import Path

    head = np.array([[0, 0], [0, 1], [-0.22, 0.72], [0, 1], [0.22, 0.72]])
    codes = [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO]
    return Path(head, codes), Path(-head, codes)


def _shared_spots(x: Any, y: Any) -> list[Any]:
    """Where several responses are drawn on one spot: x, y and how many they are."""
    spots, n = np.unique(np.column_stack([x, y]), axis=0, return_counts=True)
    return [(*spot, count) for spot, count in zip(spots[n > 1], n[n > 1], strict=True)]
