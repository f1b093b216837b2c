"""Points that a run tries instead of the EM image: of the model's own, or extrapolations."""

import copy
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.acceleration import Acceleration
from emkit.engine.model import EMModel
from emkit.engine.steps import beyond, evaluate, m_step, own_proposal, threshold
from emkit.engine.trace import Trace

__all__ = ["Extrapolation", "OwnStep", "Proposals", "Proposer"]


class Proposer(ABC):
    """A source of points to try."""

    #: Whether a point that changes nothing means that the run has converged.
    newton = False
    #: E-steps of its own, for its last proposal.
    spent = 0

    @abstractmethod
    def propose(self, trace: Trace, image: Any) -> Any:
        """Params to try from where the run is, whose EM image is known; or None."""

    def feedback(self, better: bool) -> None:  # noqa: B027
        """Hear whether the run went to the last proposal."""


class OwnStep(Proposer):
    """The model's own proposal."""

    newton = True

    def propose(self, trace: Trace, image: Any) -> Any:
        return own_proposal(trace.model, trace.point, trace.n_iter + 1)


class Extrapolation(Proposer):
    """What an acceleration makes of points and their images, on flat parameters."""

    def __init__(self, model: EMModel, data: Any, acceleration: Acceleration):
        self.model, self.data = model, data
        self.scheme = copy.deepcopy(acceleration)
        self.scheme.attach(self.em_map)
        self.like: Any = None  # parameters to restore flat ones by
        self.left = 0

    def propose(self, trace: Trace, image: Any) -> Any:
        self.like, self.left, self.spent = image, trace.n_left, 0
        point = tree.flatten(trace.point.params)
        try:
            # A square may overflow: a proposal that is not finite is refused like any other.
            with np.errstate(all="ignore"):
                further = beyond(self.model, trace.point, image, trace.n_iter + 1)
                vector = self.scheme.propose(point, tree.flatten(further))
        except np.linalg.LinAlgError:
            return None
        # Where the scheme has none, the step beyond is as a Newton step of the model's own.
        self.newton = vector is None
        if vector is None:
            return None if further is image else further
        return tree.restore(vector, image)

    def em_map(self, vector: Array) -> Array | None:
        """EM image of flat parameters, for a scheme that differentiates the map."""
        # A derivative takes one a parameter: it is not begun where fewer are left.
        if self.left - self.spent < (1 if self.spent else len(vector)):
            return None
        params = tree.restore(vector, self.like)
        point = evaluate(self.model, self.data, params, 0, proposed=True)
        if point is None:
            return None
        self.spent += 1
        image = m_step(self.model, self.data, point, 0)
        return None if image is None else tree.flatten(beyond(self.model, point, image, 0))

    def feedback(self, better: bool) -> None:
        if not self.newton:
            self.scheme.feedback(better)


class Proposals:
    """When a run tries a proposal instead of the EM image."""

    def __init__(self, model: EMModel, data: Any, acceleration: Acceleration | None):
        self.proposers: list[Proposer] = []
        #: Gain of a plain step below which they begin; once begun they go on.
        self.threshold = -np.inf
        if acceleration is not None:
            own: list[Proposer] = [] if model.propose is None else [OwnStep()]
            self.proposers = [*own, Extrapolation(model, data, acceleration)]
            self.threshold = min(threshold(model, data), acceleration.below)
        self.allowed = self.threshold == np.inf

    def went(self, trace: Trace) -> bool:
        """Whether the run went to a proposal, or ended at it; if not it takes a plain step."""
        image = trace.image(trace.point) if self.allowed else None
        if image is None or not tree.all_finite(image):
            return False
        for proposer in self.proposers:
            params = proposer.propose(trace, image)
            trace.n_evaluations += proposer.spent
            if params is not None:
                return self._try(trace, proposer, params)
        return False

    def _try(self, trace: Trace, proposer: Proposer, params: Any) -> bool:
        accepted = trace.try_proposal(trace.evaluate(params, proposed=True), proposer.newton)
        proposer.feedback(accepted)
        self.threshold = np.inf
        self.allowed = not trace.small
        return accepted or trace.reason is not None

    def after_plain_step(self, trace: Trace) -> None:
        """No proposal far from a maximum, to confirm convergence, or after one that led nowhere."""
        self.allowed = trace.gain < self.threshold and not (trace.small or trace.retreated)
