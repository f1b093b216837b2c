"""A basis of the directions in which parameters are free, in units of the objective's curvature."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.inference.surface import FIRST_STEP, Chord, Surface
from emkit.engine.inference.tangent import tangent

__all__ = ["Frame", "names_of"]

#: Fall of the objective (nats) at the ends of a chord: about 2e-4 standard errors; more
#: where the objective is rounded too much for that, up to a tenth.
FALL, COARSE = 3e-8, 5e-3
#: Names that a message has room for.
MOST_NAMES = 8


class Frame(NamedTuple):
    """Directions one for each parameter that is free, each as long as lets the objective fall by
    half a nat, were it quadratic: a standard error where the others are known."""

    basis: Array  #: (P, q) directions
    pivots: NDArray[np.intp]  #: (q,) parameter that each direction is named after
    lengths: Array  #: (q,) what of each direction makes one unit of its parameter
    chords: list[Chord]  #: along the directions, their steps in units of these
    flat: NDArray[np.bool_]  #: (P,) parameters along which nothing is known
    edge: NDArray[np.bool_]  #: (P,) parameters held at a boundary

    @classmethod
    def of(cls, surface: Surface) -> "Frame":
        directions, pivots, edge = tangent(surface)
        target = min(max(FALL, 1e3 * surface.noise), COARSE)
        sizes, step = surface.sizes, 0.0
        flat = np.zeros(len(sizes), dtype=bool)
        kept, lengths, chords = [], [], []
        for i, direction in enumerate(directions.T):
            size = sizes[pivots[i]]
            # The last step of an array is a good guess for its next parameter.
            guess = step if i and size == sizes[pivots[i - 1]] else FIRST_STEP * size
            chord = surface.chord(direction, guess, target, slack=30.0)
            step = FIRST_STEP * size
            if chord is None:
                edge[pivots[i]] = True
            elif abs(chord.fall) < target / 30.0:
                flat |= direction != 0.0
            else:
                step = chord.step
                length = 1.0 / np.sqrt(abs(chord.curvature))
                kept.append(i)
                lengths.append(length)
                chords.append(chord._replace(step=step / length))
        basis = directions[:, kept] * np.array(lengths)
        # Held at a boundary too: what could only move with a parameter that is.
        edge |= directions.any(axis=1) & ~basis.any(axis=1) & ~flat
        return cls(basis, pivots[kept], np.array(lengths), chords, flat, edge)


def names_of(where: NDArray[np.bool_], like: Any) -> str:
    """Names of the parameters in a mask, a whole array or row of one where all of it is meant."""
    names: list[str] = []
    for name, mask in tree.named_leaves(tree.restore(np.asarray(where), like)).items():
        if np.all(mask):
            names.append(name)
        elif np.ndim(mask):
            names += _entries(name, mask)
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _entries(name: str, mask: NDArray[np.bool_]) -> list[str]:
    rows = {(i,) for i in range(len(mask)) if mask.ndim > 1 and np.all(mask[i])}
    entries = sorted(rows | {tuple(i) for i in np.argwhere(mask).tolist() if (i[0],) not in rows})
    return [f"{name}[{', '.join(map(str, entry))}]" for entry in entries]
