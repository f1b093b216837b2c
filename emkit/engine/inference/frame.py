"""A basis of the directions in which parameters are free, in units of the objective's curvature."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.inference.surface import EPS, FIRST_STEP, Chord, Status, Surface
from emkit.engine.inference.tangent import tangent
from emkit.engine.steps import Point

__all__ = ["Frame", "names_of"]

#: Fall of the objective (nats) at the ends of a chord: about 2e-4 standard errors; more
#: where the objective is rounded too much for that, up to a tenth.
FALL, COARSE = 3e-8, 5e-3
#: Fall in a curved family, some thousandths of a standard error away: a retraction that iterates
#: may end several digits before rounding does.
CURVED_FALL = 1e-5
#: How far the fall at the ends of a chord may be from that, as a factor.
SLACK = 30.0
#: Steps that tell whether a family is curved: how many, how long, and how far from the family they
#: may end if it is straight, relative to the size of the parameters.
N_MIXED, AWAY, STRAIGHT = 5, 1e-3, 1e-11
#: Step along a direction by which its turned image is measured, in standard errors.
TURN = 1e-2
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
    curved: bool  #: whether affine combinations leave the model

    @classmethod
    def of(cls, surface: Surface) -> "Frame":
        directions, pivots, edge = tangent(surface)
        curved = _is_curved(surface, directions)
        target = CURVED_FALL if curved else min(max(FALL, 1e3 * surface.noise), COARSE)
        sizes, step = surface.sizes, 0.0
        flat = np.zeros(len(sizes), dtype=bool)
        kept, lengths, chords = [], [], []
        for i, direction in enumerate(directions.T):
            size = sizes[pivots[i]]
            # The last step of an array is a good guess for its next parameter.
            guess = step if i and size == sizes[pivots[i - 1]] else FIRST_STEP * size
            found = surface.chord(direction, guess, target, SLACK)
            step = FIRST_STEP * size
            if found.chord is not None:
                step = found.chord.step
                length = found.chord.unit
                kept.append(i)
                lengths.append(length)
                chords.append(found.chord._replace(step=step / length))
            elif found.status is Status.EDGE:
                edge[pivots[i]] = True
            else:
                flat |= direction != 0.0
        basis = directions[:, kept] * np.array(lengths)
        # Held at a boundary too: what could only move with a parameter that is.
        edge |= directions.any(axis=1) & ~basis.any(axis=1) & ~flat
        return cls(basis, pivots[kept], np.array(lengths), chords, flat, edge, curved)

    def slopes(self, surface: Surface, point: Point) -> Array:
        """Slopes of the objective at a point along the directions, by the complete-data score.

        In a curved family the directions turn on the way to the point, as retraction says; the
        score there is not of the family, and what of it is across must not be counted.
        """
        score, used = surface.score(point), self.basis.any(axis=1)
        assert score is not None
        turned = self.basis.T
        if self.curved:
            here, ways = tree.flatten(point.params), TURN * self.basis.T
            turned = (surface.retracted(here + ways) - surface.retracted(here - ways)) / (2 * TURN)
        slopes: Array = turned[:, used] @ score[used]
        return slopes


def _is_curved(surface: Surface, directions: Array) -> bool:
    """Whether steps that mix all directions leave the model."""
    mixed = directions @ np.random.default_rng(2).standard_normal((directions.shape[1], N_MIXED))
    longest = np.abs(mixed / surface.sizes[:, None]).max(axis=0, initial=EPS)
    there = surface.centre + (AWAY * mixed / longest).T
    apart = np.abs(surface.retracted(there) - there)
    return not bool((apart <= STRAIGHT * surface.sizes).all())


def names_of(where: NDArray[np.bool_], like: Any) -> str:
    """Names of the parameters in a mask, a whole array or row of one where all of it is meant."""
    names: list[str] = []
    for name, mask in tree.named_leaves(tree.restore(np.asarray(where), like)).items():
        if not np.size(mask):
            continue  # a model without such parameters, as effects of no category
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
