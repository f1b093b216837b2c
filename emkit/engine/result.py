"""What a fit returns."""

from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import tree

__all__ = ["EMResult", "RunSummary", "State", "StopReason"]


class StopReason(StrEnum):
    """Why a run ended. Only ``TOLERANCE`` and ``SCHEDULE`` are convergence.

    A member equals its text: ``StopReason.TOLERANCE == "tolerance"``.

    Attributes
    ----------
    TOLERANCE : StopReason
        One plain EM step gained less than ``tol``.
    MAX_ITER : StopReason
        ``max_iter`` points were tried.
    INFEASIBLE : StopReason
        The M-step led where the model is not defined.
    DECREASE : StopReason
        A plain EM step lowered the objective beyond rounding.
    SCHEDULE : StopReason
        The iterations of a stochastic algorithm are done.
    CALLBACK : StopReason
        The callback asked to stop.
    INTERRUPT : StopReason
        The user did, from the keyboard.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import StopReason
    >>> mixture = EMGaussianMixture(3, n_init=5, random_state=0).fit(load_iris().data)
    >>> {run.reason for run in mixture.runs_} == {StopReason.TOLERANCE}
    True
    """

    TOLERANCE = "tolerance"
    MAX_ITER = "max_iter"
    INFEASIBLE = "infeasible"
    DECREASE = "decrease"
    SCHEDULE = "schedule"
    CALLBACK = "callback"
    INTERRUPT = "interrupt"

    @property
    def converged(self) -> bool:
        """Whether the run ended by its own rule or schedule."""
        return self in (StopReason.TOLERANCE, StopReason.SCHEDULE)


class State(NamedTuple):
    """What a callback sees, at the start and after every accepted iterate.

    Attributes
    ----------
    run : int
        Index of the start.
    n_iter : int
        Points tried after the start.
    objective : float
        Log-likelihood plus log prior at ``params``, in nats.
    gain : float
        Rise of the objective in this step; inf at the start.
    params : NamedTuple
        Parameters of the iterate.
    reason : StopReason or None
        Why the run ended, in its last call.
    log_likelihood : float
        Log-likelihood at ``params``, in nats.

    Examples
    --------
    A run of one step.

    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models.kmeans import KMeans, KMeansParams, Points
    >>> data = Points(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> start = KMeansParams(np.array([[0.0], [1.0]]))
    >>> stop = lambda state: state.n_iter == 1
    >>> fit_em(KMeans(2), data, start=start, algorithm="cem", callback=stop).reason
    <StopReason.CALLBACK: 'callback'>
    """

    run: int
    n_iter: int
    objective: float
    gain: float
    params: Any
    reason: StopReason | None
    log_likelihood: float

    @classmethod
    def of(
        cls, point: Any, *, run: int, n_iter: int, gain: float, reason: StopReason | None
    ) -> "State":
        """The state of a run at a point.

        Parameters
        ----------
        point : Point
            With ``params``, ``objective`` and ``log_likelihood``.
        run, n_iter, gain, reason : object
            As in the state.

        Returns
        -------
        State
            What the callback sees.
        """
        params, log_likelihood = point.params, point.log_likelihood
        return cls(run, n_iter, point.objective, gain, params, reason, log_likelihood)


class RunSummary(NamedTuple):
    """How one start fared.

    Attributes
    ----------
    objective : float
        Log-likelihood plus log prior where it ended, in nats; NaN when the start failed.
    log_likelihood : float
        Log-likelihood there, in nats.
    n_iter : int
        Points tried after the start.
    n_evaluations : int
        E-steps over the whole data.
    converged : bool
        As in `EMResult`.
    reason : str
        Why the run ended: the text of a `StopReason`.
    message : str
        Why the start failed, or empty.
    history : tuple of float
        Objective at the start and at every accepted iterate.
    evaluations : tuple of int
        E-steps made when each of them was reached.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> mixture = EMGaussianMixture(3, n_init=5, random_state=0).fit(load_iris().data)
    >>> best = max(run.objective for run in mixture.runs_)
    >>> bool(abs(best - mixture.history_[-1]) < mixture.tol)
    True
    """

    objective: float
    log_likelihood: float
    n_iter: int
    n_evaluations: int
    converged: bool
    reason: str
    message: str
    history: tuple[float, ...] = ()
    evaluations: tuple[int, ...] = ()

    def rescaled(self, per: float = 1.0, plus: float = 0.0) -> "RunSummary":
        """The same run in other units: see `EMResult.rescaled`.

        Parameters
        ----------
        per, plus : float
            What every objective is divided by, and what is then added.

        Returns
        -------
        RunSummary
            The rest as it was.
        """
        return self._replace(
            objective=self.objective / per + plus,
            log_likelihood=self.log_likelihood / per + plus,
            history=tuple(value / per + plus for value in self.history),
        )


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
    evaluations : ndarray of shape (n_accepted + 1,)
        E-steps made when each entry of ``history`` was reached, 1 at the start of a plain run.
    log_likelihoods : ndarray of shape (n_iter,)
        Log-likelihood of the current iterate after each point tried; of an annealed run, which
        climbs another objective before, in its last stage alone.
    runs : tuple of RunSummary
        One summary for each start, in the order drawn.
    monte_carlo_error : NamedTuple or None
        Standard errors of ``params`` as an estimate of what endless sampling would give, of the
        shapes of ``params``; None for algorithms without sampling.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models.kmeans import KMeans, KMeansParams, Points
    >>> data = Points(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> start = KMeansParams(np.array([[0.0], [1.0]]))
    >>> result = fit_em(KMeans(2), data, start=start, algorithm="cem")
    >>> result.params.centers.ravel(), result.objective, result.converged
    (array([ 0.5, 10.5]), -1.0, True)
    """

    params: Any
    objective: float
    log_likelihood: float
    n_iter: int
    n_evaluations: int
    converged: bool
    reason: StopReason
    history: Array
    evaluations: NDArray[np.intp]
    log_likelihoods: Array
    runs: tuple[RunSummary, ...] = ()
    monte_carlo_error: Any = None

    @classmethod
    def of(cls, point: Any, reason: StopReason, **rest: Any) -> "EMResult":
        """The result of a run that ended at a point.

        Parameters
        ----------
        point : Point or State
            With ``params``, ``objective`` and ``log_likelihood``.
        reason : StopReason
            Why it ended there.
        **rest : object
            All other attributes but ``converged``.

        Returns
        -------
        EMResult
            Without ``runs``.
        """
        return cls(
            params=point.params,
            objective=point.objective,
            log_likelihood=point.log_likelihood,
            converged=reason.converged,
            reason=reason,
            **rest,
        )

    def rescaled(self, per: float = 1.0, plus: float = 0.0) -> "EMResult":
        """The same result in other units, such as nats per row, or of other responses.

        Parameters
        ----------
        per : float, default=1.0
            What every objective and log-likelihood is divided by.
        plus : float, default=0.0
            What is then added to each.

        Returns
        -------
        EMResult
            The rest as it was.
        """
        return replace(
            self,
            objective=self.objective / per + plus,
            log_likelihood=self.log_likelihood / per + plus,
            history=self.history / per + plus,
            log_likelihoods=self.log_likelihoods / per + plus,
            runs=tuple(run.rescaled(per, plus) for run in self.runs),
        )

    def interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """Limits between which endless sampling would lie, by the Monte Carlo error.

        That is not the uncertainty from the data: `standard_errors` gives that.

        Parameters
        ----------
        level : float, default=0.95
            Probability of lying there, in (0, 1).

        Returns
        -------
        lower, upper : NamedTuple
            Limits, of the shapes of ``params``; both are ``params`` without sampling.
        """
        if self.monte_carlo_error is None:
            return self.params, self.params
        z = NormalDist().inv_cdf(0.5 + 0.5 * level)
        error = tree.scale(self.monte_carlo_error, z)
        return tree.add(self.params, tree.scale(error, -1.0)), tree.add(self.params, error)

    def summary(self) -> RunSummary:
        """The run in one line, as it stands in ``runs``.

        Returns
        -------
        RunSummary
            What fits a line of it.
        """
        return RunSummary(
            self.objective,
            self.log_likelihood,
            self.n_iter,
            self.n_evaluations,
            self.converged,
            self.reason.value,
            "",
            tuple(self.history.tolist()),
            tuple(self.evaluations.tolist()),
        )
