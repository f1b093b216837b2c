"""The directions in which an M-step can move the parameters: one for each that is free."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.inference.surface import EPS, FIRST_STEP, Surface, sizes_of

__all__ = ["tangent"]

#: A statistic is perturbed so that the M-step's image moves by that part of its size: above its
#: rounding, and so little that the map is straight.
LEAST_MOVE, MOST_MOVE = 1e-7, 1e-4
#: Perturbations to try for that, each so many times longer or shorter than the last.
ATTEMPTS, CHANGE = 12, 100.0
#: What moves by less than that part of what moves most is taken to stand still.
STILL_PART = 1e-8
#: A parameter follows from others if these say what it does to that part.
FOLLOWS = 1e-5
#: Of equal choices, the free parameter is one at 0 rather than one as large as its array, by far.
LARGE_PENALTY = 1e-2
#: Relative change of all statistics by which two of them that are equal by chance part.
STATISTICS_APART = 1e-2
#: Parts of the size of all parameters by which they move, each by itself, to see which tables of
#: statistics stay symmetric; shorter where the model is not defined.
STEPS_BESIDE = (1e-2, 1e-4, 1e-6)
#: Relative changes of one array of statistics that move whatever the M-step can move at all. Sizes
#: may be rounding, as those of an empty class: hence the large ones.
GROWTH = (1.0, 1e4, 1e8, 1e12)


def tangent(surface: Surface) -> tuple[Array, NDArray[np.intp], NDArray[np.bool_]]:
    """Directions (P, q) in which the M-step moves parameters, the parameter of each, and which
    parameters it only moves by leaps, such as those of an empty class.

    Each direction moves its own parameter by one, none of the other directions' parameters, and
    of the rest what the constraints ask.
    """
    mirror = _mirror(surface)
    moves = _moves(surface, mirror)
    chosen = _free(moves, np.abs(surface.centre) / surface.sizes)
    directions = _directions(moves, chosen, surface.sizes)
    still = (moves == 0.0).all(axis=0)
    alone = np.flatnonzero(still & _conditional(surface))
    directions = np.hstack([directions, np.eye(len(still))[:, alone]])
    leaps = still & _leaps(surface, mirror)
    leaps[alone] = False
    return directions, np.append(chosen, alone), leaps


# Perturb the statistics


def _moves(surface: Surface, mirror: NDArray[np.intp]) -> Array:
    """How far the M-step moves each parameter with each statistic, (S, P), relative to its size;
    the largest move of a statistic is 1."""
    sizes = sizes_of(surface.here.stats)
    moves = np.zeros((len(sizes), len(surface.sizes)))
    for j, size in enumerate(sizes):
        if mirror[j] >= j:  # the other of a pair moves with this one
            moves[j] = _move(surface, [j, mirror[j]], FIRST_STEP * size)
    return moves


def _move(surface: Surface, numbers: list[Any], step: float) -> Array:
    """Move of the parameters with some statistics; 0 where no step gives one that can be told."""
    point = surface.here
    vector, none = tree.flatten(point.stats), np.zeros(len(surface.sizes))
    still = surface.image(point.stats, point.params)
    for _ in range(ATTEMPTS):
        ends = []
        for end in (-step, step):
            stats = vector.copy()
            stats[numbers] += end
            image = surface.image(tree.restore(stats, point.stats), point.params)
            ends.append(image if np.isfinite(image).all() else still)
        move = (ends[1] - ends[0]) / surface.sizes
        largest = np.abs(move).max()
        if LEAST_MOVE <= largest <= MOST_MOVE:
            return np.where(np.abs(move) > STILL_PART * largest, move / largest, 0.0)
        step = step * CHANGE if largest < LEAST_MOVE else step / CHANGE
    return none


# Choose the parameters that are free, and express the others by them


def _free(moves: Array, heights: Array) -> NDArray[np.intp]:
    """Parameters that all others follow from, as many as the moves have dimensions.

    ``heights`` are relative to the largest of an array: small parameters are chosen rather, so that
    it is the largest weight that makes room, and one at a boundary has a direction of its own.
    """
    moving = np.flatnonzero(moves.any(axis=0))
    if not len(moving):
        return moving
    columns = moves[:, moving] / np.linalg.norm(moves[:, moving], axis=0)
    _, upper, order = qr(columns, mode="economic", pivoting=True)
    rank = np.count_nonzero(np.abs(np.diag(upper)) > FOLLOWS)
    # The columns again, in so many coordinates and without what is rounding.
    known = np.empty((rank, len(moving)))
    known[:, order] = upper[:rank]
    order = qr(known / (heights[moving] + LARGE_PENALTY), mode="r", pivoting=True)[-1]
    return np.sort(moving[order[:rank]])


def _directions(moves: Array, chosen: NDArray[np.intp], sizes: Array) -> Array:
    """What all parameters do when each of the chosen ones moves by one, (P, q)."""
    norms = np.linalg.norm(moves, axis=0)
    norms[norms == 0.0] = 1.0
    shares = np.linalg.lstsq(moves[:, chosen] / norms[chosen], moves / norms, rcond=None)[0]
    shares[np.abs(shares) < STILL_PART] = 0.0
    scale = norms * sizes
    directions: Array = shares.T * scale[:, None] / scale[chosen]
    return directions


# What does not move with the statistics


def _conditional(surface: Surface) -> NDArray[np.bool_]:
    """Parameters that the conditional step finds again when they are moved alone."""
    steps = STATISTICS_APART * surface.sizes
    found = np.zeros(len(steps), dtype=bool)
    if not surface.is_ecme:
        return found
    for p, step in enumerate(steps):
        moved = surface.centre.copy()
        moved[p] += step
        found[p] = abs(surface.conditional(moved)[p] - moved[p]) > STILL_PART * step
    return found


def _leaps(surface: Surface, mirror: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Parameters that the M-step moves when all statistics grow, one array further than others."""
    stats = surface.here.stats
    vector, sizes = tree.flatten(stats), sizes_of(stats)
    lengths = [np.size(leaf) for leaf in tree.leaves(stats)]
    array = np.repeat(np.arange(len(lengths)), lengths)
    before = surface.image(stats, surface.params)
    moved = np.zeros(len(before), dtype=bool)
    for i, far in product(range(len(lengths)), GROWTH):
        # So far from large statistics may be beyond what doubles hold: nothing is told there.
        with np.errstate(over="ignore", invalid="ignore"):
            after = _shifted(
                surface, vector, np.where(array == i, far, STATISTICS_APART) * sizes, mirror
            )
            moved |= np.abs(after - before) > 4.0 * EPS * np.maximum(np.abs(after), np.abs(before))
    return moved


# Statistics


def _mirror(surface: Surface) -> NDArray[np.intp]:
    """The statistic that is always equal to each: that across the diagonal of a symmetric matrix.

    A table may be symmetric by chance at the result, as sums about means that are zero there, but
    hardly beside it too, where every parameter has moved by itself.
    """
    mirror = _symmetric(surface.here.stats)
    away = np.random.default_rng(0).uniform(-1.0, 1.0, len(surface.centre)) * surface.sizes
    points = (surface.at(surface.centre + part * away) for part in STEPS_BESIDE)
    nearby = next((point for point in points if point is not None), surface.here)
    return np.where(_symmetric(nearby.stats) == mirror, mirror, np.arange(len(mirror)))


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
            if np.abs(leaf - across).max(initial=0.0) <= STILL_PART * np.abs(leaf).max(initial=0.0):
                place = np.swapaxes(place, -1, -2)
        places.append(place.ravel())
    return np.concatenate(places)
