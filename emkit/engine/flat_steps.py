"""How long the EM map's own steps are, and when their length is nothing but rounding."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.steps import Point

__all__ = ["FlatSteps", "relative_lengths"]

EPS = float(np.finfo(float).eps)
# A step of EM on a flat objective is rounding, not progress, in each of four cases.
#: It is at most this long, relative to the parameters.
NEGLIGIBLE = 4.0 * EPS
#: Near a fixed point EM goes straight on, in shorter and shorter steps. This many steps did not:
MIN_TURNS = 3
#: their length was no less than this part of the last one's,
SHORTER_RATIO = 0.97
#: and the cosine between the two was below this.
MIN_COSINE = 0.5
#: In a run that extrapolates, `MIN_TURNS` steps in a row differ from the last by at most this.
MAX_REPEAT = 16.0 * EPS
#: None of this many steps was shorter than all before, by `SHORTER_RATIO`.
MAX_STEPS_WITHOUT_RECORD = 100
#: A step is progress again once it is this many times longer than any that was rounding.
MIN_GROWTH = 2.0


class FlatSteps:
    """Plain steps on a flat objective: how long they are, and whether that is rounding.

    Every array is measured by its largest number, and by itself: one whose steps are rounding, such
    as a mean that is zero, no longer counts.
    """

    def __init__(self) -> None:
        self.extrapolated = False  # whether the run extrapolates
        self._end: Point | None = None  # of the last step
        self._last: list[Array] = []
        self._arrays: list[_Array] = []
        self._shortest, self._patience = np.inf, MAX_STEPS_WITHOUT_RECORD

    def longest(self, lengths: Array) -> float:
        """Length of a step: the longest of the arrays that count."""
        if not self._arrays:
            return float(lengths.max(initial=0.0))
        pairs = zip(self._arrays, lengths, strict=True)
        return max((length for array, length in pairs if array.counts(length)), default=0.0)

    def stand_still(self, here: Point, there: Point) -> bool:
        """Whether one more step is rounding."""
        steps = relative_steps(here.params, there.params)
        self._arrays = self._arrays or [_Array() for _ in steps]
        for i, (array, step) in enumerate(zip(self._arrays, steps, strict=True)):
            array.take(step, self._last[i] if here is self._end else None, self.extrapolated)
        self._end, self._last = there, steps
        length = self.longest(_lengths(steps))
        if length < SHORTER_RATIO * self._shortest:
            self._shortest, self._patience = length, MAX_STEPS_WITHOUT_RECORD
        self._patience -= 1
        return length <= NEGLIGIBLE or self._patience <= 0


class _Array:
    """The steps of one array of the parameters."""

    def __init__(self) -> None:
        self.shortest = np.inf
        self.rounding = 0.0  # longest step that looked like rounding since the shortest one
        self.n_turns = self.n_repeats = 0

    def counts(self, length: float) -> bool:
        """Whether a step of that length is more than rounding."""
        known = max(self.n_turns, self.n_repeats) >= MIN_TURNS
        return not known or length > MIN_GROWTH * self.rounding

    def take(self, step: Array, last: Array | None, extrapolated: bool) -> None:
        """Learn from a step, and from the one before where it followed at once."""
        length = np.max(np.abs(step), initial=0.0)
        turned = last is not None and _is_turn(last, step)
        repeated = last is not None and extrapolated and _differ_by_rounding(last, step)
        if length < SHORTER_RATIO * self.shortest:
            self.shortest, self.rounding, self.n_turns = length, 0.0, 0
        else:
            self.n_turns += turned
        self.n_repeats = self.n_repeats + 1 if repeated else 0
        if turned or repeated:
            self.rounding = max(self.rounding, length)


def _is_turn(last: Array, step: Array) -> bool:
    long, short = np.linalg.norm(last), np.linalg.norm(step)
    return bool(short > SHORTER_RATIO * long and step @ last < MIN_COSINE * long * short)


def _differ_by_rounding(last: Array, step: Array) -> bool:
    return bool(np.max(np.abs(step - last), initial=0.0) <= MAX_REPEAT)


def relative_steps(here: Any, there: Any) -> list[Array]:
    """Differences of the arrays of two trees, each relative to its largest number."""
    steps = []
    for a, b in zip(tree.leaves(here), tree.leaves(there), strict=True):
        size = max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
        steps.append(np.ravel(np.subtract(b, a)) / (size or 1.0))
    return steps


def relative_lengths(here: Any, there: Any) -> Array:
    return _lengths(relative_steps(here, there))


def _lengths(steps: list[Array]) -> Array:
    return np.array([np.max(np.abs(step), initial=0.0) for step in steps])
