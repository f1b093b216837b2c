"""The objective about a result: what it is along directions of the parameters."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.model import EMModel
from emkit.engine.steps import Point, evaluate, retracted
from emkit.exceptions import ModelError

__all__ = ["EPS", "FIRST_STEP", "Chord", "Surface", "sizes_of"]

#: First step along a direction, beside the size of the parameters.
FIRST_STEP = 1e-5
#: Steps to try, each up to a thousand times longer or shorter.
ATTEMPTS = 12
#: A parameter this close to where the model ends, beside its size, is at the boundary.
EDGE = 1e-4
#: Relative change of the statistics that tells the size of parameters.
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


class Surface:
    """The objective about a result, the parameters laid out in a vector."""

    def __init__(self, model: EMModel, data: Any, params: Any):
        self.model, self.data, self.params = model, data, params
        self.centre = tree.flatten(params)
        here = self.at(self.centre)
        if here is None:
            raise ValueError(
                "The model is not defined at the result, or its objective is not finite there. "
                f"Got {params!r}."
            )
        self.here = here
        self.noise = max(model.objective_rounding(params, here.objective), EPS)
        self.sizes = self._sizes()

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
            score = self.model.complete_score(point.stats, point.params)
        if score is None:
            return None
        wrong = tree.mismatch(score, self.params)
        if wrong:
            raise ModelError(f"complete_score {wrong}. It must have the shapes of the parameters.")
        return tree.flatten(score)

    def chord(self, direction: Array, step: float, target: float, slack: float) -> Chord | None:
        """A chord at whose ends the objective falls by ``target``, within a factor ``slack``.

        Where it is flat the longest that was found; None where one end is not defined however
        short the step, or only for steps so short that nothing can be told.
        """
        low, high, flat = 0.0, np.inf, None
        for _ in range(ATTEMPTS):
            minus = self.at(self.centre - step * direction)
            plus = None if minus is None else self.at(self.centre + step * direction)
            guess = step / 30.0
            if minus is None or plus is None:
                high = step
            else:
                fall = self.here.objective - 0.5 * (minus.objective + plus.objective)
                chord = Chord(minus, plus, step, fall)
                size = abs(fall)
                if target / slack <= size <= target * slack:
                    return chord
                guess = step * float(np.clip(np.sqrt(target / max(size, EPS)), 1e-3, 1e3))
                if size > target:
                    high = step
                else:
                    low, flat = step, chord
            if not low < guess < high:
                guess = np.sqrt(low * high) if low > 0.0 else high / 30.0
            step = guess
        size = 1.0 / (np.abs(direction) / self.sizes).max()
        edge = np.isfinite(high) and low < EDGE * size
        return None if edge else flat


def sizes_of(values: Any, empty: float = 1.0) -> Array:
    """For every number of a tree the largest of its array; ``empty`` for an array of zeros."""
    leaves = list(tree.leaves(values))
    largest = [np.max(np.abs(leaf), initial=0.0) for leaf in leaves]
    return np.concatenate(
        [np.full(np.size(leaf), size or empty) for leaf, size in zip(leaves, largest, strict=True)]
    )
