"""The objective about a result: what it is along directions of the parameters."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.model import EMModel
from emkit.engine.steps import Point, complete_score, evaluate, retracted, rounding

__all__ = ["EPS", "FIRST_STEP", "Bracket", "Chord", "Status", "Surface", "sizes_of"]

#: First step along a direction, relative to the size of the parameters.
FIRST_STEP = 1e-5
#: Steps to try for a chord, and by how much the next may be longer or shorter than the last.
ATTEMPTS, MOST_CHANGE = 12, 1e3
#: How much shorter a step is that follows one to where the model is not defined.
FURTHER_IN = 30.0
#: A parameter this close to where the model ends, relative to its size, is at the boundary.
EDGE = 1e-4
#: Relative change of the statistics by which the size of the parameters is found.
JITTER = 1e-2
EPS = float(np.finfo(float).eps)


class Chord(NamedTuple):
    """The ends of a line through the result, and the mean fall of the objective to them."""

    minus: Point
    plus: Point
    step: float
    fall: float

    @property
    def slope(self) -> float:
        return (self.plus.objective - self.minus.objective) / (2.0 * self.step)

    @property
    def curvature(self) -> float:
        return 2.0 * self.fall / self.step**2

    @property
    def unit(self) -> float:
        """How far the objective falls by half a nat, were it quadratic."""
        return self.step / float(np.sqrt(2.0 * abs(self.fall)))


class Status(Enum):
    """How the search for a chord ended."""

    FOUND = "found"
    FLAT = "flat"  #: the objective hardly falls, however long the step
    EDGE = "edge"  #: the model ends so close by that nothing can be told


class Bracket(NamedTuple):
    """How the search for a chord ended, and the chord where it was found."""

    status: Status
    chord: Chord | None = None


class Surface:
    """The objective about a result, the parameters laid out in a vector."""

    def __init__(self, model: EMModel, data: Any, params: Any):
        self.model, self.data, self.params = model, data, params
        self.centre = tree.flatten(params)
        here = self._at_result()
        if here is None or not np.isfinite(here.objective):
            raise ValueError(
                "The model is not defined at the result, or its objective is not finite there. "
                f"Got {params!r}."
            )
        self.here = here
        self.noise = max(rounding(model, params, here.objective), EPS)
        self.sizes = self._sizes()

    def _at_result(self) -> Point | None:
        """E-step at the result, which is no extrapolation: what fails there is not its fault."""
        try:
            with np.errstate(all="ignore"):
                params = retracted(self.model, tree.restore(self.centre, self.params))
                return evaluate(self.model, self.data, params, 0)
        except np.linalg.LinAlgError:
            return None

    def _sizes(self) -> Array:
        """For every parameter the size of its array: its largest number, or how far the M-step
        moves it when the statistics change, relative, by as much as there is."""
        stats = tree.flatten(self.here.stats)
        noise = np.random.default_rng(1).uniform(-JITTER, JITTER, len(stats))
        stats = tree.restore(stats * (1.0 + noise), self.here.stats)
        moves = (self.image(stats, self.params) - self.centre) / JITTER
        moves[~np.isfinite(moves)] = 0.0
        largest = np.maximum(
            sizes_of(self.params, empty=0.0), sizes_of(tree.restore(moves, self.params), empty=0.0)
        )
        return np.where(largest > 0.0, largest, 1.0)

    @property
    def is_ecme(self) -> bool:
        """Whether the M-step leaves something to a conditional step."""
        return self.model.conditional_step is not None

    def at(self, vector: Array) -> Point | None:
        """E-step at a vector of parameters; None where the model is not defined."""
        params = tree.restore(vector, self.params)
        point = evaluate(self.model, self.data, params, 0, proposed=True)
        return point if point is not None and np.isfinite(point.objective) else None

    def conditional(self, vector: Array) -> Array:
        """The conditional step after an M-step, as a vector."""
        assert self.model.conditional_step is not None
        with np.errstate(all="ignore"):
            params = retracted(self.model, tree.restore(vector, self.params))
            return tree.flatten(self.model.conditional_step(self.data, params))

    def image(self, stats: Any, params: Any) -> Array:
        """The M-step as a vector; NaN where it has no maximiser."""
        try:
            with np.errstate(all="ignore"):
                return tree.flatten(self.model.m_step(stats, params))
        except (np.linalg.LinAlgError, ArithmeticError):
            return np.full_like(self.centre, np.nan)

    def score(self, point: Point) -> Array | None:
        """Gradient of the objective, None unless the model offers the complete-data score."""
        if self.model.complete_score is None:
            return None
        with np.errstate(all="ignore"):
            score = complete_score(self.model, point)
        return None if score is None else tree.flatten(score)

    def retracted(self, vectors: Array) -> Array:
        """Vectors of parameters, one a row, back in the model; NaN where that is not defined."""
        out = np.full_like(vectors, np.nan)
        for i, vector in enumerate(vectors):
            try:
                with np.errstate(all="ignore"):
                    out[i] = tree.flatten(self.model.retract(tree.restore(vector, self.params)))
            except (np.linalg.LinAlgError, ArithmeticError):
                continue
        return out

    def chord(self, direction: Array, step: float, target: float, slack: float) -> Bracket:
        """A chord at whose ends the objective falls by ``target``, within a factor ``slack``."""
        size = 1.0 / (np.abs(direction) / self.sizes).max()
        return bracket(partial(self._chord, direction), step, target, slack, EDGE * size)

    def _chord(self, direction: Array, step: float) -> Chord | None:
        minus = self.at(self.centre - step * direction)
        plus = None if minus is None else self.at(self.centre + step * direction)
        if minus is None or plus is None:
            return None
        fall = self.here.objective - 0.5 * (minus.objective + plus.objective)
        return Chord(minus, plus, step, fall)


def bracket(
    chord_of: Callable[[float], Chord | None],
    step: float,
    target: float,
    slack: float,
    edge: float,
) -> Bracket:
    """The step whose chord falls by ``target``, within a factor ``slack``.

    A fall grows as the square of the step, which says where to look next; between the longest step
    that fell too little and the shortest that fell too much, or had no chord, their middle.
    """
    low, high = 0.0, np.inf
    for _ in range(ATTEMPTS):
        chord = chord_of(step)
        if chord is None:
            high, guess = step, step / FURTHER_IN
        else:
            size = abs(chord.fall)
            if target / slack <= size <= target * slack:
                return Bracket(Status.FOUND, chord)
            change = np.sqrt(target / max(size, EPS))
            guess = step * float(np.clip(change, 1.0 / MOST_CHANGE, MOST_CHANGE))
            if size > target:
                high = step
            else:
                low = step
        if not low < guess < high:
            guess = np.sqrt(low * high) if low > 0.0 else high / FURTHER_IN
        step = guess
    return Bracket(Status.EDGE if np.isfinite(high) and low < edge else Status.FLAT)


def sizes_of(values: Any, empty: float = 1.0) -> Array:
    """For every number of a tree the largest of its array; ``empty`` for an array of zeros."""
    leaves = list(tree.leaves(values))
    largest = [np.max(np.abs(leaf), initial=0.0) for leaf in leaves]
    return np.concatenate(
        [np.full(np.size(leaf), size or empty) for leaf, size in zip(leaves, largest, strict=True)]
    )
