"""When a run ends, and which points it goes to: a rule for each thing that ``tol`` may ask for.

A plain EM step that gains less than ``tol`` is not yet the end: one more has to confirm it. Where
the objective is flat to rounding it cannot judge a step, but the EM map is exact there: progress is
then the length of the map's own step.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.model import EMModel
from emkit.engine.steps import Point

__all__ = ["GainRule", "OwnUnitsRule", "StandstillRule", "StopRule", "StopRules", "Verdict"]

#: A fall by less than this part of tol is no news: the run has converged as well as was asked.
SLIGHT_FALL = 1e-4


class Verdict(NamedTuple):
    """What becomes of a point that was tried."""

    accept: bool  #: the run goes there
    sure: bool = True  #: and it is higher beyond rounding, or EM led to it
    small: bool = False  #: the step was within the tolerance
    final: bool = False  #: and no other one has to confirm it
    fell: bool = False  #: the objective is lower beyond rounding


class StopRule(ABC):
    """Judges what a run tries from the point where it is; ``noise`` is that of the objective."""

    @abstractmethod
    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        """Judge a plain EM step."""

    @abstractmethod
    def proposal(
        self, here: Point, there: Point, noise: float, floor: float, newton: bool
    ) -> Verdict:
        """Judge a proposal.

        The objective was ``floor`` where EM led last. A Newton step that changes nothing says as
        much as one that gains nothing.
        """


class GainRule(StopRule):
    """``tol`` is compared with the gain in the objective."""

    def __init__(self, model: EMModel, tol: float):
        self.exact, self.tol = model.exact, tol

    def progress(self, here: Point, there: Point) -> float:
        return there.objective - here.objective

    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        fall = here.objective - there.objective if self.exact else 0.0
        small = self.progress(here, there) < self.tol
        return Verdict(fall <= 0.0, small=small, fell=fall > max(noise, SLIGHT_FALL * self.tol))

    def proposal(
        self, here: Point, there: Point, noise: float, floor: float, newton: bool
    ) -> Verdict:
        gain = there.objective - here.objective
        # Strict: a proposal that is not higher is worth less than the EM image.
        better = gain > 0.0
        conclusive = better or (newton and gain > -self.tol)
        return Verdict(better, small=conclusive and self.progress(here, there) < self.tol)


class OwnUnitsRule(GainRule):
    """``tol`` is compared with the model's own measure of progress: it says nothing of the gain."""

    def __init__(self, model: EMModel, tol: float):
        super().__init__(model, tol)
        self.measure = model.progress

    def progress(self, here: Point, there: Point) -> float:
        assert self.measure is not None
        return self.measure(here, there)

    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        fell = self.exact and there.objective < here.objective - noise
        return Verdict(not fell, small=self.progress(here, there) < self.tol, fell=fell)


class StandstillRule(StopRule):
    """``tol`` is below the rounding of the objective: the run ends where the EM map stands still.

    Of points whose objectives are equal to rounding, the better one is that which EM moves less.
    """

    def __init__(self, model: EMModel, tol: float, image_of: Callable[[Point], Any]):
        self.exact, self.tol, self.image_of = model.exact, tol, image_of
        self.steps = FlatSteps()
        self.deceived = False  # whether rounding has made a proposal look higher
        self.settled = False  # whether the model's own Newton step changed nothing

    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        gain = there.objective - here.objective
        still = gain <= noise and (self.steps.stand_still(here, there) or self.settled)
        fell = self.exact and gain < -noise
        self.deceived |= fell
        return Verdict(not fell, small=still, final=True, fell=fell)

    def proposal(
        self, here: Point, there: Point, noise: float, floor: float, newton: bool
    ) -> Verdict:
        gain, lengths = there.objective - here.objective, self._to_image(here)
        self.steps.extrapolated = True
        self.settled = newton and self.tol > 0.0 and abs(gain) <= noise
        # An extrapolation multiplies rounding by as much as it is longer than EM's own step.
        reach = self.steps.longest(relative_lengths(here.params, there.params))
        slack = noise * max(reach / (self.steps.longest(lengths) or np.inf), 1.0)
        if gain > (slack if self.deceived else noise):
            return Verdict(True, sure=gain > slack)
        level = there.objective >= floor - slack
        shorter = self.steps.longest(self._to_image(there)) < self.steps.longest(lengths)
        return Verdict(level and shorter, sure=False)

    def _to_image(self, point: Point) -> Array:
        """Lengths of the step from a point to its EM image."""
        image = self.image_of(point)
        if image is None or not tree.all_finite(image):
            return np.full(len(list(tree.leaves(point.params))), np.inf)
        return relative_lengths(point.params, image)


class StopRules:
    """The rules of one run; which of them judges is for the rounding of the objective to say."""

    def __init__(self, model: EMModel, tol: float, image_of: Callable[[Point], Any]):
        self.tol, self.own_units = tol, model.progress is not None
        self.standstill = StandstillRule(model, tol, image_of)
        self.usual = OwnUnitsRule(model, tol) if self.own_units else GainRule(model, tol)

    def at(self, noise: float) -> StopRule:
        """The rule for a point whose objective is rounded that much."""
        unseen = self.tol == 0.0 or (self.tol <= noise and not self.own_units)
        return self.standstill if unseen else self.usual


EPS = float(np.finfo(float).eps)
#: A step is rounding if it is that small beside the parameters,
NEGLIGIBLE = 4.0 * EPS
#: or if so many were not shorter than the one before by that factor, and pointed elsewhere by that
#: cosine: near a fixed point, EM goes on ahead in shorter and shorter steps;
ENOUGH, SHORTER, AHEAD = 3, 0.97, 0.5
#: or if so many in a row, of a run that extrapolates, differed from the one before by no more than
#: that: nothing can be made of such differences;
SAME = 16.0 * EPS
#: or if none among so many was shorter than all before by the same factor.
PATIENCE = 100
#: A step is more than rounding again when it is so many times longer.
WORSE = 2.0


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
        self._shortest, self._patience = np.inf, PATIENCE

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
        if length < SHORTER * self._shortest:
            self._shortest, self._patience = length, PATIENCE
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
        known = max(self.n_turns, self.n_repeats) >= ENOUGH
        return not known or length > WORSE * self.rounding

    def take(self, step: Array, last: Array | None, extrapolated: bool) -> None:
        """Learn from a step, and from the one before where it followed at once."""
        length = np.max(np.abs(step), initial=0.0)
        turned = last is not None and _is_turn(last, step)
        repeated = last is not None and extrapolated and _differ_by_rounding(last, step)
        if length < SHORTER * self.shortest:
            self.shortest, self.rounding, self.n_turns = length, 0.0, 0
        else:
            self.n_turns += turned
        self.n_repeats = self.n_repeats + 1 if repeated else 0
        if turned or repeated:
            self.rounding = max(self.rounding, length)


def _is_turn(last: Array, step: Array) -> bool:
    long, short = np.linalg.norm(last), np.linalg.norm(step)
    return bool(short > SHORTER * long and step @ last < AHEAD * long * short)


def _differ_by_rounding(last: Array, step: Array) -> bool:
    return bool(np.max(np.abs(step - last), initial=0.0) <= SAME)


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
