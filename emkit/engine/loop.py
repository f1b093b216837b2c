"""One run of EM: E,(M,E)*, proposals under a safeguard, the end by a stop rule."""

from typing import Any

import numpy as np

from emkit.engine import tree
from emkit.engine.model import EMModel
from emkit.engine.options import RunOptions
from emkit.engine.proposals import Proposals
from emkit.engine.result import EMResult, StopReason
from emkit.engine.steps import Point, evaluate, fallen, remaining_gain, require_finite
from emkit.engine.trace import Trace
from emkit.exceptions import InfeasibleError

__all__ = ["climb"]

#: A fall of the objective by this many times its rounding is an error of the model.
GROSS_FALL = 1e6
#: Most halvings of a step that the model lets backtrack.
MOST_HALVINGS = 30


def climb(
    model: EMModel, data: Any, start: Any, options: RunOptions, rough: EMModel | None = None
) -> EMResult:
    """Climb from one start to a stationary point of the objective.

    The order E,(M,E)* makes every reported objective that of the parameters beside it. E-steps are
    those of a rougher model as long as plain steps gain more than these round.
    """
    by = model if rough is None else rough
    point = evaluate(by, data, start, 0)
    if point is None:
        raise InfeasibleError("The model is not defined at the start (singular or infeasible).")
    require_finite(by, point, 0)
    trace = Trace(by, data, point, options)
    proposals = Proposals(model, data, options.acceleration)
    try:
        trace.report()
        while trace.reason is None:
            if not proposals.went(trace):
                plain_step(trace)
                proposals.after_plain_step(trace)
            # Extrapolation multiplies rounding, and small gains drown in it.
            if trace.model is not model and (
                proposals.allowed or trace.gain < trace.noise_of(trace.point)
            ):
                trace.refine(model)
            trace.report()
    except KeyboardInterrupt as interrupt:
        trace.reason = StopReason.INTERRUPT
        interrupt.result = trace.result()  # type: ignore[attr-defined]
        raise
    return trace.result()


def plain_step(trace: Trace) -> None:
    """Go to the EM image of the point, or end the run."""
    trace.retreated = False
    if at_rest(trace):
        trace.reason = StopReason.TOLERANCE
        return
    there = step_of_model(trace)
    if trace.reason is not None:
        return
    if there is None:
        trace.book(None)
        trace.reason = StopReason.INFEASIBLE
        return
    require_finite(trace.model, there, trace.n_iter + 1)
    here, noise = trace.here, trace.noise_of(there)
    verdict = trace.rules.at(noise).plain_step(here, there, noise)
    if verdict.fell and trace.point is not trace.proven:
        trace.retreat()
        trace.retreated = not trace.try_proposal(there)
        return
    trace.book(there, verdict, from_em=True)
    confirmed, trace.small = verdict.final or trace.small, verdict.small
    if verdict.fell:
        trace.reason = StopReason.DECREASE
        if there.objective < here.objective - GROSS_FALL * noise:
            raise fallen(trace.model, trace.data, here, there, noise, trace.n_iter)
    elif verdict.small and (confirmed or trace.reason is StopReason.MAX_ITER):
        trace.reason = StopReason.TOLERANCE


def at_rest(trace: Trace) -> bool:
    """Whether the model tells that no more than rounding is left, or confirms a small gain."""
    if trace.model.remaining_gain is None or not np.isfinite(trace.point.objective):
        return False
    left = remaining_gain(trace.model, trace.point, trace.n_iter)
    return left < trace.options.tol and (trace.small or left <= trace.noise_of(trace.point))


def fell(trace: Trace, there: Point) -> bool:
    """Whether the objective at a point is lower than where the run is, by more than rounding."""
    if not np.isfinite(there.objective):
        return there.objective == -np.inf
    return there.objective < trace.point.objective - trace.noise_of(there)


def step_of_model(trace: Trace) -> Point | None:
    """The EM image of the point; for a model that backtracks, as far as that does not fall."""
    here, image = trace.point, trace.image(trace.point)
    if image is None:
        return None
    there = trace.evaluate(image)
    n_allowed = MOST_HALVINGS if trace.model.backtracks and trace.model.exact else 0
    for n_halvings in range(1, n_allowed + 1):
        if there is not None and not fell(trace, there):
            break
        trace.book(there)
        if trace.reason is not None:
            break
        part = 0.5**n_halvings
        shorter = tree.add(tree.scale(here.params, 1.0 - part), tree.scale(image, part))
        there = trace.evaluate(shorter, proposed=True)
    return there
