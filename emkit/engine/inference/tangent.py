"""The directions in which an M-step can move the parameters: one for each that is free."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.inference.surface import EPS, FIRST_STEP, Surface, sizes_of

__all__ = ["tangent"]

#: How far the M-step's image should move when a statistic is perturbed, beside its size.
LEAST_MOVE, MOST_MOVE = 1e-7, 1e-4
#: Steps to try for that, each a hundred times longer or shorter.
ATTEMPTS = 12
#: Moves below that part of the largest are rounding.
NOISE = 1e-8
#: A parameter is free that others leave undetermined by more than that part.
FREE = 1e-5
#: How far to go from the result, relative, to see whether a statistic is symmetric there too.
NEARBY = 1e-2
#: The same to see whether a parameter moves at all: the size of some statistics may be rounding.
FURTHER = (1.0, 1e4, 1e8, 1e12)


def tangent(surface: Surface) -> tuple[Array, NDArray[np.intp], NDArray[np.bool_]]:
    """Directions (P, q) in which the M-step moves parameters, the parameter of each, and which
    parameters it only moves by leaps, such as those of an empty class.

    Each direction moves its own parameter by one, none of the other directions' parameters, and
    of the rest what the constraints ask. Small parameters come first, so that it is the largest
    weight that makes room, and one at a boundary has a direction of its own.
    """
    mirror = _mirror(surface)
    moves = _moves(surface, mirror)
    norms = np.linalg.norm(moves, axis=0)
    sizes = surface.sizes
    pivots: list[int] = []
    span = np.empty((0, len(moves)))
    for p in np.argsort(np.abs(surface.centre) / sizes, kind="stable"):
        if norms[p] == 0.0:
            continue
        rest = moves[:, p] / norms[p]
        for _ in range(2):
            rest = rest - (span @ rest) @ span
        length = np.linalg.norm(rest)
        if length > FREE:
            span = np.vstack([span, rest / length])
            pivots.append(int(p))
    chosen = np.array(sorted(pivots), dtype=np.intp)
    norms = np.where(norms > 0.0, norms, 1.0)
    shares = np.linalg.lstsq(moves[:, chosen] / norms[chosen], moves / norms, rcond=None)[0]
    shares[np.abs(shares) < NOISE] = 0.0
    scale = norms * sizes
    directions = shares.T * scale[:, None] / scale[chosen]
    still = (moves == 0.0).all(axis=0)
    alone = np.flatnonzero(still & _conditional(surface))
    directions = np.hstack([directions, np.eye(len(sizes))[:, alone]])
    leaps = still & _leaps(surface, mirror)
    leaps[alone] = False
    return directions, np.append(chosen, alone), leaps


def _conditional(surface: Surface) -> NDArray[np.bool_]:
    """Parameters that the conditional step finds again when they are moved alone."""
    steps = NEARBY * surface.sizes
    found = np.zeros(len(steps), dtype=bool)
    if not surface.is_ecme:
        return found
    for p, step in enumerate(steps):
        moved = surface.centre.copy()
        moved[p] += step
        found[p] = abs(surface.conditional(moved)[p] - moved[p]) > NOISE * step
    return found


def _moves(surface: Surface, mirror: NDArray[np.intp]) -> Array:
    """How far the M-step moves each parameter with each statistic, (S, P), beside its size."""
    point = surface.here
    vector, sizes = tree.flatten(point.stats), surface.sizes
    still = surface.image(point.stats, point.params)
    moves = np.zeros((len(vector), len(sizes)))
    for j, size in enumerate(sizes_of(point.stats)):
        step = FIRST_STEP * size if mirror[j] >= j else 0.0
        for _ in range(ATTEMPTS if step else 0):
            ends = []
            for sign in (-1.0, 1.0):
                stats = vector.copy()
                stats[[j, mirror[j]]] += sign * step
                image = surface.image(tree.restore(stats, point.stats), point.params)
                ends.append(image if np.isfinite(image).all() else still)
            move = (ends[1] - ends[0]) / sizes
            largest = np.abs(move).max()
            if largest < LEAST_MOVE:
                step *= 100.0
            elif largest > MOST_MOVE:
                step /= 100.0
            else:
                moves[j] = np.where(np.abs(move) > NOISE * largest, move / largest, 0.0)
                break
    return moves


def _mirror(surface: Surface) -> NDArray[np.intp]:
    """The statistic that is always equal to each: that across the diagonal of a symmetric matrix.

    A table may be symmetric by chance at the result, but hardly beside it too.
    """
    mirror = _symmetric(surface.here.stats)
    vector = tree.flatten(surface.here.stats)
    nearby = surface.at(_shifted(surface, vector, NEARBY * vector, mirror))
    if nearby is None:
        return mirror
    return np.where(_symmetric(nearby.stats) == mirror, mirror, np.arange(len(mirror)))


def _leaps(surface: Surface, mirror: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Parameters that the M-step moves when all statistics grow, one array further than others."""
    stats = surface.here.stats
    vector, sizes = tree.flatten(stats), sizes_of(stats)
    lengths = [np.size(leaf) for leaf in tree.leaves(stats)]
    array = np.repeat(np.arange(len(lengths)), lengths)
    before = surface.image(stats, surface.params)
    moved = np.zeros(len(before), dtype=bool)
    for i, far in product(range(len(lengths)), FURTHER):
        after = _shifted(surface, vector, np.where(array == i, far, NEARBY) * sizes, mirror)
        with np.errstate(invalid="ignore"):
            moved |= np.abs(after - before) > 4.0 * EPS * np.maximum(np.abs(after), np.abs(before))
    return moved


def _shifted(surface: Surface, vector: Array, by: Array, mirror: NDArray[np.intp]) -> Array:
    """Image of statistics that are larger by random parts of ``by``."""
    noise = np.random.default_rng(0).uniform(size=len(vector))
    stats = vector + 0.5 * (noise + noise[mirror]) * by
    return surface.image(tree.restore(stats, surface.here.stats), surface.params)


def _symmetric(stats: Any) -> NDArray[np.intp]:
    """For every number of a tree the place across the diagonal, where its array is symmetric."""
    places, start = [], 0
    for leaf in map(np.asarray, tree.leaves(stats)):
        place = np.arange(start, start + leaf.size).reshape(leaf.shape)
        start += leaf.size
        if leaf.ndim > 1 and leaf.shape[-1] == leaf.shape[-2]:
            across = np.swapaxes(leaf, -1, -2)
            if np.abs(leaf - across).max(initial=0.0) <= NOISE * np.abs(leaf).max(initial=0.0):
                place = np.swapaxes(place, -1, -2)
        places.append(place.ravel())
    return np.concatenate(places)
