"""What a fit returns."""

from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist
from typing import Any, NamedTuple

from emkit._typing import Array

__all__ = ["EMResult", "RunSummary", "State", "StopReason"]


class StopReason(Enum):
    """Why a run ended. Only ``TOLERANCE`` and ``SCHEDULE`` are convergence."""

    TOLERANCE = "tolerance"  #: one plain EM step gained less than tol
    MAX_ITER = "max_iter"  #: max_iter points were tried
    INFEASIBLE = "infeasible"  #: the M-step led where the model is not defined
    DECREASE = "decrease"  #: a plain EM step lowered the objective beyond rounding
    SCHEDULE = "schedule"  #: the iterations of a stochastic algorithm are done
    CALLBACK = "callback"  #: the callback asked to stop
    INTERRUPT = "interrupt"  #: the user did, from the keyboard


class State(NamedTuple):
    """What a callback sees, at the start and after every accepted iterate."""

    run: int  #: index of the start
    n_iter: int  #: points tried after the start
    objective: float  #: log-likelihood plus log prior at ``params``
    gain: float  #: rise of the objective in this step; inf at the start
    params: Any
    reason: StopReason | None  #: set in the last call of a run
    log_likelihood: float  #: at ``params``


class RunSummary(NamedTuple):
    """How one start fared."""

    objective: float  #: nan when the start failed
    log_likelihood: float
    n_iter: int
    n_evaluations: int
    converged: bool
    reason: StopReason
    message: str  #: why it failed, or empty
    history: tuple[float, ...] = ()  #: objective at the start and every accepted iterate


@dataclass(frozen=True)
class EMResult:
    """The best run of a fit.

    Attributes
    ----------
    params : NamedTuple
        Parameters of the best run.
    objective : float
        Log-likelihood plus log prior at ``params``, in nats.
    log_likelihood : float
        Log-likelihood at ``params``, in nats.
    n_iter : int
        Points tried after the start, rejected proposals included.
    n_evaluations : int
        E-steps of the run over the whole data.
    converged : bool
        Whether one plain EM step gained less than ``tol``; of a stochastic algorithm, whether its
        own rule or schedule was fulfilled.
    reason : StopReason
        Why the run ended.
    history : ndarray of shape (n_accepted + 1,)
        Objective at the start and at every accepted iterate; never falls for an exact model.
    log_likelihoods : ndarray of shape (n_iter,)
        Log-likelihood of the current iterate after each point tried; NaN in the stages of an
        annealed run before its last.
    runs : tuple of RunSummary
        One summary for each start, in the order drawn.
    monte_carlo_error : NamedTuple or None
        Standard errors of ``params`` as an estimate of what endless sampling would give, of the
        shapes of ``params``; None for algorithms without sampling.
    """

    params: Any
    objective: float
    log_likelihood: float
    n_iter: int
    n_evaluations: int
    converged: bool
    reason: StopReason
    history: Array
    log_likelihoods: Array
    runs: tuple[RunSummary, ...] = ()
    monte_carlo_error: Any = None

    def interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """Limits between which endless sampling would lie, by the Monte Carlo error.

        That is not the uncertainty from the data: `standard_errors` gives that.
        """
        if self.monte_carlo_error is None:
            return self.params, self.params
        z = NormalDist().inv_cdf(0.5 + 0.5 * level)
        pairs = list(zip(self.params, self.monte_carlo_error, strict=True))
        kind = type(self.params)
        return kind(*(p - z * e for p, e in pairs)), kind(*(p + z * e for p, e in pairs))

    def summary(self) -> RunSummary:
        """The run in one line, as it stands in ``runs``."""
        return RunSummary(
            self.objective,
            self.log_likelihood,
            self.n_iter,
            self.n_evaluations,
            self.converged,
            self.reason,
            "",
            tuple(self.history.tolist()),
        )
