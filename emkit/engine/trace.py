"""The books of one run: where it is, how it came there, why it ends."""

from typing import Any

import numpy as np

from emkit.engine.contract import is_true
from emkit.engine.model import EMModel
from emkit.engine.options import RunOptions
from emkit.engine.result import EMResult, State, StopReason
from emkit.engine.steps import Point, evaluate, m_step, progress, rounding
from emkit.engine.stopping import StopRules, Verdict

__all__ = ["Trace"]

#: What becomes of a point where the model is not defined.
REFUSED = Verdict(False)


class Trace:
    """The state of a run.

    Proposals that it went to since its last plain step count for as long as EM does not fall from
    them: an extrapolation multiplies rounding, such as that of weights that sum to 1, and what is
    off the model by that much may be higher than any point of it.
    """

    def __init__(self, model: EMModel, data: Any, start: Point, options: RunOptions):
        self.model, self.data, self.options = model, data, options
        self.rules = StopRules(model, options.tol, self.image, self.progress)
        self.point = start
        self.proven = start  # the last point that EM led to
        self.reported = start  # that of the last entry of the history
        self.history = [start.objective]
        self.evaluations = [1]
        self.log_likelihoods: list[float] = []
        self.n_iter, self.n_evaluations = 0, 1
        self.gain = np.inf  # of the last step
        self.small = False  # whether that was within tol
        self.retreated = False  # whether it led back to the proven point
        self.reason: StopReason | None = None if options.max_iter else StopReason.MAX_ITER
        self._n_proven = 1  # entries of the history up to the proven one
        self._news = True  # since the callback was called
        self._images: list[tuple[Point, Any]] = []

    @property
    def n_left(self) -> int:
        """E-steps left."""
        return self.options.max_iter - self.n_evaluations

    @property
    def here(self) -> Point:
        """Where the run is, with the objective from which gains count."""
        if self.point is self.reported:
            return self.point
        return self.point._replace(objective=self.reported.objective)

    def image(self, point: Point) -> Any:
        """EM image of a point, worked out once; None where there is none."""
        for known, image in self._images:
            if known is point:
                return image
        image = m_step(self.model, self.data, point, self.n_iter + 1)
        self._images = [*self._images[-1:], (point, image)]
        return image

    def evaluate(self, params: Any, proposed: bool = False) -> Point | None:
        """E-step at a point to try; None where the model is not defined."""
        return evaluate(self.model, self.data, params, self.n_iter + 1, proposed)

    def noise_of(self, point: Point) -> float:
        """How much the objective is rounded at a point."""
        return rounding(self.model, point.params, point.objective, self.n_iter + 1)

    def progress(self, before: Point, after: Point) -> float:
        """The model's own measure of a step."""
        return progress(self.model, before, after, self.n_iter + 1)

    def try_proposal(self, there: Point | None, newton: bool = False) -> bool:
        """Whether the run goes to a point that is not the EM image of where it is."""
        verdict = REFUSED
        if there is not None and np.isfinite(there.objective):
            noise, floor = self.noise_of(there), self.reported.objective
            verdict = self.rules.at(noise).proposal(self.point, there, noise, floor, newton)
        self.small = verdict.small
        self.book(there, verdict)
        return verdict.accept

    def book(self, there: Point | None, verdict: Verdict = REFUSED, from_em: bool = False) -> None:
        """Book one point tried (None: infeasible), and go there if that is the verdict."""
        self.n_iter += 1
        self.gain = 0.0
        if there is not None:
            self.n_evaluations += 1
            if verdict.accept or from_em:
                self.gain = there.objective - self.reported.objective
            if verdict.accept:
                self._go(there, verdict.sure, from_em)
        self.log_likelihoods.append(self.reported.log_likelihood)
        # E-steps of an acceleration's own count as points tried, so that a budget holds.
        if max(self.n_iter, self.n_evaluations - 1) >= self.options.max_iter:
            self.reason = StopReason.MAX_ITER

    def _go(self, there: Point, sure: bool, from_em: bool) -> None:
        self.point = there
        if from_em or (sure and there.objective > self.reported.objective):
            self.history.append(there.objective)
            self.evaluations.append(self.n_evaluations)
            self.reported, self._news = there, True
        if from_em:
            self.proven, self._n_proven = there, len(self.history)

    def refine(self, model: EMModel) -> None:
        """Go on with a model that rounds less, from a point that the history has."""
        if self.reason is not None or self.point is not self.reported:
            return
        point = evaluate(model, self.data, self.point.params, self.n_iter)
        if point is None:
            return
        self.model, self._images = model, []
        self.point = self.reported = self.proven = point
        self.n_evaluations += 1
        self._n_proven = len(self.history)
        self.history[-1], self.evaluations[-1] = point.objective, self.n_evaluations

    def retreat(self) -> None:
        """Back to the proven point, when EM falls from what was proposed since."""
        del self.history[self._n_proven :], self.evaluations[self._n_proven :]
        self.point = self.reported = self.proven

    def report(self) -> None:
        """Report what is new to the callback, which may end the run by returning True."""
        callback, run = self.options.callback, self.options.run
        if callback is None or not (self._news or self.reason):
            return
        state = State.of(
            self.reported, run=run, n_iter=self.n_iter, gain=self.gain, reason=self.reason
        )
        self._news = False
        if is_true(callback(state)) and self.reason is None:
            self.reason = StopReason.CALLBACK

    def result(self) -> EMResult:
        assert self.reason is not None
        return EMResult.of(
            self.reported,
            self.reason,
            n_iter=self.n_iter,
            n_evaluations=self.n_evaluations,
            history=np.array(self.history),
            evaluations=np.array(self.evaluations),
            log_likelihoods=np.array(self.log_likelihoods),
        )
