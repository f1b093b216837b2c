"""Bars of a feature of categories: shares of its levels where observed and where imputed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.plotting.common import BLUE, ORANGE, told_apart

__all__ = ["draw_shares"]

#: Levels that have a bar of their own, where there are more than one bar beyond these.
MOST_BARS = 12
#: Letters of all names together that stand beside one another; more are turned.
MOST_LETTERS = 36


def draw_shares(
    ax: Any, observed: Array, imputed: Array, levels: Sequence[Any], name: str, looks: dict
) -> tuple[Any, Any]:
    """Draw shares of levels, given by their places, on an axis; the two groups of bars or None.

    Where there are many levels, the rarest share the last bar, which says how many they are.
    """
    counts = [
        np.bincount(part.astype(np.intp), minlength=len(levels)) for part in (observed, imputed)
    ]
    kept = np.arange(len(levels))
    names = told_apart(levels)
    if len(levels) > MOST_BARS + 1:
        order = np.argsort(-(counts[0] + counts[1]), kind="stable")
        kept, rest = np.sort(order[:MOST_BARS]), order[MOST_BARS:]
        counts = [np.append(count[kept], count[rest].sum()) for count in counts]
        names = [names[i] for i in kept] + [f"{len(rest)} others"]
    drawn = []
    for count, look, label in [
        (counts[0], {"color": BLUE, "alpha": 0.35}, "observed"),
        (counts[1], {"fill": False, "edgecolor": ORANGE, "linewidth": 1.8}, name),
    ]:
        n = int(count.sum())
        look = {"label": f"{label}, {n}", **look, **looks}
        drawn.append(ax.bar(np.arange(len(count)), count / n, **look) if n else None)
    turned = sum(map(len, names)) > MOST_LETTERS
    ax.set_xticks(np.arange(len(names)), names, fontsize="small")
    if turned:
        ax.tick_params(axis="x", rotation=40)
        for label in ax.get_xticklabels():
            label.set(ha="right", va="center", rotation_mode="anchor")
    ax.set_ylabel("share")
    return drawn[0], drawn[1]
