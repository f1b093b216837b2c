"""How the lines of a `SelectionDisplay` are told apart, and what it says in words."""

from collections.abc import Iterable, Sequence
from itertools import cycle, product
from textwrap import fill
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.plotting.common import OKABE_ITO, legend_above

__all__ = [
    "LOOKS",
    "labels_of",
    "limits_near_best",
    "place_legend",
    "runs_of_models",
    "write_below",
]

#: Lines of a legend that fits above the axes; a longer one stands beside them.
SHORT_LEGEND = 6
#: Line styles by mclust's letter of the orientation: own axes, common axes, the columns.
STYLES: dict[str, Any] = {"V": "-", "E": "--", "I": "-."}
#: Markers, filled and then hollow: as many as mclust has structures.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Letters of a small font along an inch.
LETTERS_PER_INCH = 13
#: How many times as far behind as the better half of the lines the others may be.
FAR_BEHIND = 2.0


def _looks() -> dict[str, dict[str, Any]]:
    """Colour, marker and line style of each covariance type, in every picture.

    Each has a marker of its own, those of one line style differ in colour, and the four of
    scikit-learn in all three colours, markers and, but for two, styles.
    """
    found, markers = {}, cycle(product([{}, {"markerfacecolor": "white"}], MARKERS))
    colours = {
        letter: cycle(np.roll(OKABE_ITO, -shift).tolist()) for shift, letter in enumerate("VEI")
    }
    for name in NAMES:
        letter = STRUCTURES[name].letters[-1]
        letter = letter if letter in STYLES else "V"  # of a structure that mclust does not have
        filling, marker = next(markers)
        line = {"color": next(colours[letter]), "linestyle": STYLES[letter]}
        found[name] = {**line, "marker": marker, **filling}
    return found


LOOKS = _looks()


def labels_of(kinds: Sequence[str]) -> dict[str, str]:
    """What a legend calls covariance types: as the user spells them, with letters if some are."""
    letters = {kind: STRUCTURES[kind].letters for kind in kinds}
    if not any(kind.upper() == letters[kind] for kind in kinds):
        return {kind: kind for kind in kinds}
    return {
        kind: kind if kind.upper() == letters[kind] else f"{letters[kind]} ({kind})"
        for kind in kinds
    }


def limits_near_best(lines: Sequence[Array], higher_is_better: bool) -> tuple[float, float] | None:
    """Limits of an axis without lines so far behind that they would flatten the others.

    Of those every value is more than twice as far from the best of all as any of the better half
    of the lines. None where there are no such lines.
    """
    sign = -1.0 if higher_is_better else 1.0
    lines = sorted((sign * line for line in lines), key=np.min)
    low = lines[0].min()
    half = np.concatenate(lines[: (len(lines) + 1) // 2])
    fence = low + FAR_BEHIND * (half.max() - low)
    near = [line for line in lines if line.min() <= fence]
    if len(near) == len(lines) or fence == low:
        return None
    high = np.concatenate(near).max()
    margin = 0.1 * (high - low)
    bottom, top = sorted([sign * (low - margin), sign * (high + margin)])
    return bottom, top


def runs_of_models(models: Iterable[tuple[str, int]]) -> str:
    """Covariance types with their numbers of components, such as 'EEV, VVV: 2, 7-9'."""
    sizes: dict[str, list[int]] = {}
    for kind, k in models:
        sizes.setdefault(STRUCTURES[kind].letters, []).append(k)
    kinds: dict[str, list[str]] = {}
    for letters, own in sizes.items():
        kinds.setdefault(_runs(sorted(own)), []).append(letters)
    return "; ".join(f"{', '.join(own)}: {run}" for run, own in kinds.items())


def _runs(numbers: Sequence[int]) -> str:
    """Ascending numbers, those that follow each other from the first to the last."""
    breaks = np.flatnonzero(np.diff(numbers) > 1) + 1
    runs = np.split(np.asarray(numbers), breaks)
    dash = "\N{EN DASH}"
    return ", ".join(f"{r[0]}{dash}{r[-1]}" if len(r) > 1 else str(r[0]) for r in runs)


def place_legend(ax: Any, handles: Sequence[Any], title: str | None) -> None:
    """A legend where it hides no data: above the axes, or beside them if it is long.

    Beside them there is room only in a figure that lays out its axes itself.
    """
    is_short = len(handles) <= SHORT_LEGEND
    if is_short or ax.figure.get_layout_engine() is None:
        legend = legend_above(ax, handles, ncols=3 if is_short else 5)
    else:
        legend = ax.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            fontsize="small",
            borderaxespad=0.2,
            handlelength=2.6,
            labelspacing=0.35,
        )
    legend.set_title(title, prop={"size": "small"})


def write_below(ax: Any, notes: Sequence[str]) -> Any:
    """Notes under the label of the x axis, a line each or more, about as wide as the axes."""
    inches = ax.get_position().width * ax.figure.get_figwidth()
    width = max(30, int(LETTERS_PER_INCH * inches))
    return ax.annotate(
        "\n".join(fill(note, width) for note in notes),
        xy=(0.5, 0.0),
        xycoords=ax.xaxis.label,
        xytext=(0.0, -4.0),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize="small",
        color="0.3",
    )
