"""One run of EM: E,(M,E)*, a safeguarded extrapolation, the stop rule."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import blocks, tree
from emkit.engine.acceleration import Acceleration
from emkit.engine.model import EMModel
from emkit.engine.result import EMResult, State, StopReason
from emkit.engine.steps import Point, evaluate, m_step, require_number
from emkit.exceptions import InfeasibleError, ModelError

__all__ = ["Callback", "climb"]

Callback = Callable[[State], Any]

#: A fall of the objective by this many times its rounding is an error of the model.
GROSS_FALL = 1e6
#: A fall by less than this part of tol is no news: the run has converged as well as was asked.
SLIGHT_FALL = 1e-4
#: Most halvings of a step that the model lets backtrack.
MOST_HALVINGS = 30
#: Steps on a flat objective without one shorter by that factor: their length is then rounding.
PATIENCE, SHORTER = 50, 0.97
EPS = float(np.finfo(float).eps)


def climb(
    model: EMModel,
    data: Any,
    start: Any,
    *,
    acceleration: Acceleration | None,
    tol: float,
    max_iter: int,
    callback: Callback | None = None,
    run: int = 0,
) -> EMResult:
    """Climb from one start to a stationary point of the objective.

    The order E,(M,E)* makes every reported objective that of the parameters beside it.
    """
    point = evaluate(model, data, start, 0)
    if point is None:
        raise InfeasibleError("The model is not defined at the start (singular or infeasible).")
    require_number(point, 0)
    trace = _Trace(model, point, run, callback)
    extrapolation = _Extrapolation(model, data, acceleration)
    if max_iter == 0:
        trace.reason = StopReason.MAX_ITER
    try:
        trace.report(np.inf)
        while trace.reason is None:
            image = m_step(model, data, trace.point, trace.n_iter + 1)
            if extrapolation.moved(trace, image, tol, max_iter):
                continue
            candidate = None if image is None else evaluate(model, data, image, trace.n_iter + 1)
            if model.backtracks and image is not None:
                candidate = _halved_until_no_lower(model, data, trace, image, candidate, max_iter)
                if trace.reason is not None:
                    trace.report(0.0)
                    break
            gain = trace.plain_step(candidate, tol, max_iter)
            extrapolation.after_plain_step(trace, gain)
            trace.report(gain)
    except KeyboardInterrupt as interrupt:
        trace.reason = StopReason.INTERRUPT
        interrupt.result = trace.result()  # type: ignore[attr-defined]
        raise
    return trace.result()


def _halved_until_no_lower(
    model: EMModel, data: Any, trace: "_Trace", image: Any, candidate: Point | None, max_iter: int
) -> Point | None:
    """The end of a step that may be too long, halved towards where it began."""
    params = trace.point.params
    for n_halvings in range(1, MOST_HALVINGS + 1):
        if candidate is not None:
            noise = model.objective_rounding(candidate.params, candidate.objective)
            if candidate.objective >= trace.point.objective - noise:
                break
        trace.tried(candidate, False, max_iter)
        if trace.reason is not None:
            break
        part = 0.5**n_halvings
        shorter = tree.add(tree.scale(params, 1.0 - part), tree.scale(image, part))
        candidate = evaluate(model, data, shorter, trace.n_iter + 1, proposed=True)
    return candidate


class _Extrapolation:
    """When a run tries a proposal instead of the EM image, and what becomes of it."""

    def __init__(self, model: EMModel, data: Any, acceleration: Acceleration | None):
        self.model, self.data = model, data
        self.acceleration = copy.deepcopy(acceleration)
        self.threshold = -np.inf
        self.like: Any = None  # parameters to restore flat ones by
        self.spent = 0  # E-steps of the scheme's own
        self.left = 0  # how many it may take
        if self.acceleration is not None:
            threshold = sum(map(model.acceleration_threshold, blocks.summaries(data)))
            self.threshold = min(threshold, self.acceleration.below)
            self.acceleration.attach(self.em_map)
        self.allowed = self.threshold == np.inf
        self.refused = False  # the model's own proposal, since the last plain step

    def em_map(self, vector: Array) -> Array | None:
        """EM image of flat parameters, for a scheme that differentiates it."""
        # A derivative takes one a parameter: it is not begun where fewer are left.
        if self.left - self.spent < (1 if self.spent else len(vector)):
            return None
        params = tree.restore(vector, self.like)
        point = evaluate(self.model, self.data, params, 0, proposed=True)
        if point is None:
            return None
        self.spent += 1
        image = m_step(self.model, self.data, point, 0)
        return None if image is None else tree.flatten(image)

    def moved(self, trace: "_Trace", image: Any, tol: float, max_iter: int) -> bool:
        """Try a proposal; True when the run has moved to it, or ended."""
        if self.acceleration is None or image is None or not self.allowed:
            return False
        if not tree.all_finite(image):  # the plain step ends the run
            return False
        propose = None if self.refused else self.model.propose
        params = None if propose is None else propose(trace.point.stats, trace.point.params)
        own = params is not None
        if not own:
            self.like, self.left = image, max_iter - trace.n_evaluations
            vectors = tree.flatten(trace.point.params), tree.flatten(image)
            proposal = self.acceleration.propose(*vectors)
            trace.n_evaluations, self.spent = trace.n_evaluations + self.spent, 0
            if proposal is None:
                return False
            params = tree.restore(proposal, image)
        candidate = evaluate(self.model, self.data, params, trace.n_iter + 1, proposed=True)
        # Strict: a proposal that is not higher is worth less than the EM image.
        better = candidate is not None and candidate.objective > trace.point.objective
        if own:
            self.refused = not better
        else:
            self.acceleration.feedback(better)
        change = np.inf if candidate is None else candidate.objective - trace.point.objective
        gain = trace.tried(candidate, better, max_iter)
        # A Newton step that changes nothing says as much as one that gains nothing.
        trace.small = change < tol and (better or (own and change > -tol))
        if own and candidate is not None:
            noise = self.model.objective_rounding(candidate.params, candidate.objective)
            trace.settled = abs(change) <= noise
        self.threshold = np.inf  # once it has begun it goes on
        self.allowed = not trace.small  # convergence is confirmed by a plain step
        if better or trace.reason is not None:
            trace.report(gain)
            return True
        return False

    def after_plain_step(self, trace: "_Trace", gain: float) -> None:
        """No proposal far from a maximum, to confirm convergence, or where the objective is flat
        to rounding and cannot judge it."""
        self.allowed = gain < self.threshold and not trace.small and not trace.flat
        self.refused = False


class _Trace:
    """The state of a run: where it is, how it came there, whether it ends."""

    def __init__(self, model: EMModel, start: Point, run: int, callback: Callback | None):
        self.model = model
        self.point = start
        self.run = run
        self.callback = callback
        self.n_iter = 0
        self.n_evaluations = 1
        self.history = [start.objective]
        self.evaluations = [1]
        self.log_likelihoods: list[float] = []
        self.small = False  # whether the last step gained less than tol
        self.flat = False  # whether it gained less than rounding
        self.settled = False  # whether the model's own step changed no more than rounding
        self.shortest = np.inf  # step so far where the objective is flat
        self.patience = PATIENCE  # steps to go without a shorter one
        self.reason: StopReason | None = None

    def tried(self, candidate: Point | None, accept: bool, max_iter: int) -> float:
        """Book one point tried (None: infeasible); returns the gain in the objective."""
        self.n_iter += 1
        gain = 0.0
        if candidate is not None:
            self.n_evaluations += 1
            if accept:
                gain = candidate.objective - self.point.objective
                self.point = candidate
                self.history.append(candidate.objective)
                self.evaluations.append(self.n_evaluations)
        self.log_likelihoods.append(self.point.log_likelihood)
        # E-steps of an acceleration's own count as points tried, so that a budget holds.
        if max(self.n_iter, self.n_evaluations - 1) >= max_iter:
            self.reason = StopReason.MAX_ITER
        return gain

    def plain_step(self, candidate: Point | None, tol: float, max_iter: int) -> float:
        """Take an EM image, or end the run; returns the gain in the objective.

        Converged is a step that gains less than ``tol``, confirmed by one more: with that, a run
        of plain EM takes the steps that scikit-learn's mixtures take.
        """
        if candidate is None:
            self.tried(None, False, max_iter)
            self.reason = StopReason.INFEASIBLE
            return 0.0
        require_number(candidate, self.n_iter + 1)
        before = self.point
        gain = candidate.objective - before.objective
        fell = self.model.exact and gain < 0.0
        measure = self.model.progress
        progress = gain if measure is None else measure(before, candidate)
        confirmed, self.small = self.small, progress < tol
        noise = self.model.objective_rounding(candidate.params, candidate.objective)
        self.flat = gain <= noise
        # A model that measures progress by its own units has a tol that says nothing of the gain.
        own_units = self.model.progress is not None
        if tol <= noise or own_units:
            fell = fell and gain < -noise
        if tol == 0.0 or (tol <= noise and not own_units):
            # The objective cannot tell what tol asks for, but the EM map is exact where it is
            # flat: go on until the parameters stand still.
            moved = tree.distance(candidate.params, before.params)
            still = self._stands_still(moved) or (self.settled and tol > 0.0)
            confirmed = self.small = self.flat and still
        self.tried(candidate, not fell, max_iter)
        if fell and gain < -max(noise, SLIGHT_FALL * tol):
            self._fallen(candidate.objective, noise)
        elif self.small and (confirmed or self.reason is StopReason.MAX_ITER):
            self.reason = StopReason.TOLERANCE
        return gain

    def _stands_still(self, moved: float) -> bool:
        """Whether a step so long is rounding, by its size or because steps get no shorter."""
        if moved < SHORTER * self.shortest:
            self.shortest, self.patience = moved, PATIENCE
        self.patience -= 1
        return moved <= 4.0 * EPS or self.patience <= 0

    def _fallen(self, objective: float, noise: float) -> None:
        """A plain step fell beyond rounding: the end of the run, or an error of the model."""
        before = self.point.objective
        if objective < before - GROSS_FALL * noise:
            raise ModelError(
                f"m_step lowered the objective from {before!r} to {objective!r} at iteration "
                f"{self.n_iter}. EM cannot do that: either m_step does not maximise what e_step "
                "expects, or e_step (or log_prior) does not return the objective at its "
                "parameters. Check them on a few rows by hand; set `exact = False` if the E-step "
                "is random."
            )
        self.reason = StopReason.DECREASE

    def report(self, gain: float) -> None:
        """Report to the callback, which may end the run by returning True."""
        if self.callback is None:
            return
        stop = self.callback(
            State(
                self.run,
                self.n_iter,
                self.point.objective,
                gain,
                self.point.params,
                self.reason,
                self.point.log_likelihood,
            )
        )
        if stop is True and self.reason is None:
            self.reason = StopReason.CALLBACK

    def result(self) -> EMResult:
        assert self.reason is not None
        return EMResult(
            params=self.point.params,
            objective=self.point.objective,
            log_likelihood=self.point.log_likelihood,
            n_iter=self.n_iter,
            n_evaluations=self.n_evaluations,
            converged=self.reason is StopReason.TOLERANCE,
            reason=self.reason,
            history=np.array(self.history),
            evaluations=np.array(self.evaluations),
            log_likelihoods=np.array(self.log_likelihoods),
        )
