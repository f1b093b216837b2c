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
from emkit.engine.flat_steps import FlatSteps, relative_lengths
from emkit.engine.model import EMModel
from emkit.engine.steps import Point

__all__ = ["GainRule", "OwnUnitsRule", "StandstillRule", "StopRule", "StopRules", "Verdict"]

#: A fall by less than this part of tol is no news: the run has converged as well as was asked.
SLIGHT_FALL = 1e-4
#: Part of tol, times how far classes have parted, that a gain has to be below where two are all but
#: one: beside the saddle of one class fewer gains are small before they grow, and the smaller the
#: closer the two are. Those that grow are no end there.
UNSETTLED = 1e-6
#: Separation below which gains beside a saddle drown in rounding: a run ends there only if classes
#: come closer, or are equal to rounding, which no step of EM changes.
ALL_BUT_ONE, EQUAL = 0.05, 1e-7


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

        The objective of the last point beyond rounding is ``floor``. A Newton step that changes
        nothing says as much as one that gains nothing.
        """


class GainRule(StopRule):
    """``tol`` is compared with the gain in the objective."""

    def __init__(self, model: EMModel, tol: float):
        self.exact, self.tol, self.separation = model.exact, tol, model.separation
        self.last_gain = np.inf  # of a plain step

    def progress(self, here: Point, there: Point) -> float:
        return there.objective - here.objective

    def is_small(self, here: Point, there: Point, noise: float) -> bool:
        """Whether a step is within the tolerance."""
        gain = self.progress(here, there)
        if gain >= self.tol:
            return False
        separation = self.separation(there.params)
        if separation >= 1.0:
            return True
        if EQUAL < separation < ALL_BUT_ONE and separation >= self.separation(here.params):
            return False
        if gain <= noise:
            return True
        return gain < UNSETTLED * max(separation, 0.0) * self.tol and gain <= self.last_gain

    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        fall = here.objective - there.objective if self.exact else 0.0
        small = self.is_small(here, there, noise)
        self.last_gain = self.progress(here, there)
        return Verdict(fall <= 0.0, small=small, fell=fall > max(noise, SLIGHT_FALL * self.tol))

    def proposal(
        self, here: Point, there: Point, noise: float, floor: float, newton: bool
    ) -> Verdict:
        gain = there.objective - here.objective
        # Strict: a proposal that is not higher is worth less than the EM image.
        better = gain > 0.0
        conclusive = better or (newton and gain > -self.tol)
        return Verdict(better, small=conclusive and self.is_small(here, there, noise))


class OwnUnitsRule(GainRule):
    """``tol`` is compared with the model's own measure of progress: it says nothing of the gain."""

    def __init__(self, model: EMModel, tol: float, measure: Callable[[Point, Point], float]):
        super().__init__(model, tol)
        self.measure = measure

    def progress(self, here: Point, there: Point) -> float:
        return self.measure(here, there)

    def is_small(self, here: Point, there: Point, noise: float) -> bool:
        return self.progress(here, there) < self.tol

    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        fell = self.exact and there.objective < here.objective - noise
        return Verdict(not fell, small=self.progress(here, there) < self.tol, fell=fell)


class StandstillRule(StopRule):
    """``tol`` is below the rounding of the objective: the run ends where the EM map stands still.

    Of points whose objectives are equal to rounding, the better one is that which EM moves less.
    """

    def __init__(self, model: EMModel, tol: float, image_of: Callable[[Point], Any]):
        self.exact, self.tol, self.image_of = model.exact, tol, image_of
        # Of a model that says so, a fall by that part ends the run, however large the noise.
        self.visible = getattr(model, "visible_fall", np.inf)
        self.steps = FlatSteps()
        self.deceived = False  # whether rounding has made a proposal look higher
        self.settled = False  # whether the model's own Newton step changed nothing

    def plain_step(self, here: Point, there: Point, noise: float) -> Verdict:
        gain = there.objective - here.objective
        still = gain <= noise and (self.steps.stand_still(here, there) or self.settled)
        fell = self.exact and gain < -min(noise, self.visible * abs(here.objective))
        self.deceived |= fell
        return Verdict(not fell, small=still, final=True, fell=fell)

    def proposal(
        self, here: Point, there: Point, noise: float, floor: float, newton: bool
    ) -> Verdict:
        gain, lengths = there.objective - here.objective, self._to_image(here)
        self.steps.extrapolated = True
        self.settled = newton and self.tol > 0.0 and abs(gain) <= noise
        # An extrapolation so many times as long as EM's own step has second differences of points
        # in it, times the square: their rounding, such as that of weights that sum to 1, counts.
        reach = self.steps.longest(relative_lengths(here.params, there.params))
        slack = noise * max(reach / (self.steps.longest(lengths) or np.inf), 1.0) ** 2
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

    def __init__(
        self,
        model: EMModel,
        tol: float,
        image_of: Callable[[Point], Any],
        progress: Callable[[Point, Point], float],
    ):
        self.tol, self.own_units = tol, model.progress is not None
        self.standstill = StandstillRule(model, tol, image_of)
        self.usual = OwnUnitsRule(model, tol, progress) if self.own_units else GainRule(model, tol)

    def at(self, noise: float) -> StopRule:
        """The rule for a point whose objective is rounded that much."""
        unseen = self.tol == 0.0 or (self.tol <= noise and not self.own_units)
        return self.standstill if unseen else self.usual
