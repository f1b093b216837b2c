"""fit_em: the front door of the engine."""

from dataclasses import replace
from typing import Any

from emkit.engine.acceleration import resolve as resolve_acceleration
from emkit.engine.algorithms import EM, Algorithm, ClassificationEM
from emkit.engine.arguments import check_options, given_starts, require_model, seed_sequence
from emkit.engine.model import EMModel
from emkit.engine.monte_carlo import MonteCarloEM
from emkit.engine.options import Callback, RunOptions
from emkit.engine.result import EMResult, StopReason
from emkit.engine.search import resolve_search
from emkit.engine.starts import Climber, Start, best_of, require_outcomes
from emkit.engine.stochastic import StochasticEM
from emkit.engine.stochastic_approximation import StochasticApproximationEM
from emkit.exceptions import InfeasibleError, NotConvergedWarning, warn

__all__ = ["ALGORITHMS", "fit_em"]


def fit_em(
    model: EMModel,
    data: Any,
    *,
    start: Any = None,
    n_init: int = 1,
    n_jobs: int | None = None,
    search: Any = "restarts",
    algorithm: Any = "em",
    acceleration: Any = "anderson",
    tol: float = 1e-8,
    max_iter: int = 1000,
    random_state: Any = None,
    callback: Callback | None = None,
) -> EMResult:
    r"""Maximise the objective of a model by EM, from one start or many.

    .. math:: \max_\theta\; \ell(\theta; \text{data}) + \log p(\theta)

    The objective never falls from one accepted iterate to the next, and what comes back is a
    stationary point of it when ``converged``; that it is the highest one, only many starts can
    make likely.

    Parameters
    ----------
    model : EMModel
        E-step and M-step.
    data : object or Blocks
        What the model's ``e_step`` takes; of `Blocks` the statistics are summed.
    start : Params or list of Params, default=None
        Where to begin, one run each; drawn by ``model.initialize`` when None.
    n_init : int, default=1
        Starts to draw when ``start`` is None. A start that is drawn does not depend on how many
        others are.
    n_jobs : int, default=None
        Processes for the runs, as in joblib; of those, where there are two or more for a run, and
        the data are a sequence of `Blocks`, for the blocks of a run that takes long. It changes a
        result by rounding at most.
    search : str or search object, default="restarts"
        "restarts" climbs from every start to the end; "short_runs" takes a few iterations from
        each and goes on with the best; "annealing" and "simulated_annealing" lead every start
        past shallow maxima; "genetic" recombines classes. See `Restarts`, `ShortRuns`,
        `Annealing`, `SimulatedAnnealing`, `Genetic`, and `Search` for one of your own.
    algorithm : {"em", "cem", "sem", "mcem", "saem"} or Algorithm, default="em"
        Form of the E-step: exact; classification EM and stochastic EM, for latent classes;
        Monte Carlo EM and stochastic approximation EM, by draws of what is missing. See `EM`,
        `ClassificationEM`, `StochasticEM`, `MonteCarloEM`, `StochasticApproximationEM`.
    acceleration : {"anderson", "louis", "squarem"}, Acceleration or None, default="anderson"
        Extrapolation of the EM map; None is plain EM. The forms that assign or draw labels do
        without; Monte Carlo EM takes "louis".
    tol : float, default=1e-8
        Gain of one plain EM step, in nats of the whole objective, below which a run has
        converged; one more plain step confirms it. Below the rounding of the objective, such as
        0, it has when EM's own steps are nothing but rounding.
    max_iter : int, default=1000
        Most points to try after a start; 0 evaluates the start.
    random_state : None, int, numpy Generator or RandomState, default=None
        Source of the starts.
    callback : callable, default=None
        Called with a `State` at each start and after every accepted iterate, in the process of the
        run; ends its run by returning True.

    Returns
    -------
    EMResult
        The best run. A later start wins only by more than ``tol`` (at most 1e-7 of the
        objective), so that equal optima with permuted classes do not race; a run that ended where
        the model is not defined wins only when all did.

    Raises
    ------
    ValueError
        For an argument out of range.
    TypeError
        For an argument of the wrong type, and when the model lacks a method that the algorithm
        needs.
    InfeasibleError
        When no start is feasible (a ValueError).
    ModelError
        When the model breaks its contract; names the method and the iteration.

    Warns
    -----
    NotConvergedWarning
        When the best run did not converge, and was not told to end by ``max_iter=0``, its callback
        or the schedule of a stochastic algorithm.

    References
    ----------
    Dempster, A. P., Laird, N. M. & Rubin, D. B. (1977). Maximum likelihood from incomplete data
    via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Examples
    --------
    Genetic linkage (Dempster, Laird & Rubin 1977): 197 animals in four cells with probabilities
    (1/2 + t/4, (1-t)/4, (1-t)/4, t/4); what is missing is the split of the first cell.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import EMModel, fit_em
    >>> class Params(NamedTuple):
    ...     t: float
    >>> class Stats(NamedTuple):
    ...     recombinant: float
    ...     parental: float
    >>> class Linkage(EMModel):
    ...     def initialize(self, counts, rng):
    ...         return Params(rng.uniform())
    ...     def e_step(self, counts, params):
    ...         t = params.t
    ...         cells = np.array([2 + t, 1 - t, 1 - t, t]) / 4
    ...         split = counts[0] * t / (2 + t)
    ...         stats = Stats(counts[1] + counts[2], split + counts[3])
    ...         return stats, counts @ np.log(cells)
    ...     def m_step(self, stats, params):
    ...         return Params(stats.parental / (stats.parental + stats.recombinant))
    ...     def is_feasible(self, params):
    ...         return 0 < params.t < 1
    >>> counts = np.array([125, 18, 20, 34])
    >>> result = fit_em(Linkage(), counts, start=Params(0.5), tol=1e-14)
    >>> round(float(result.params.t), 10), result.converged
    (0.6268214979, True)
    """
    require_model(model)
    check_options(n_init, n_jobs, tol, max_iter, callback)
    result = best_run(
        model,
        data,
        start=start,
        n_init=n_init,
        n_jobs=n_jobs,
        search=search,
        algorithm=algorithm,
        acceleration=acceleration,
        tol=tol,
        max_iter=max_iter,
        random_state=random_state,
        callback=callback,
    )
    warn_unconverged(result, tol=tol, max_iter=max_iter, backtracks=model.backtracks)
    return result


def best_run(
    model: EMModel,
    data: Any,
    *,
    start: Any = None,
    n_init: int = 1,
    n_jobs: int | None = None,
    search: Any = "restarts",
    algorithm: Any = "em",
    acceleration: Any = "anderson",
    tol: float = 1e-8,
    max_iter: int = 1000,
    random_state: Any = None,
    callback: Callback | None = None,
) -> EMResult:
    """As `fit_em`, for estimators, which check arguments and warn in words of their own."""
    scheme = resolve_acceleration(acceleration)
    form = _resolve_algorithm(algorithm)
    form.check(model, scheme)
    search = resolve_search(search)
    options = RunOptions(scheme, tol, max_iter, callback)
    climber = Climber(model, data, form, options, seed_sequence(random_state), n_jobs)
    try:
        outcomes = require_outcomes(search(climber, _starts(climber, start, n_init)), search)
    except KeyboardInterrupt as interrupt:
        # The caller may want what was reached.
        interrupt.result = climber.best_so_far(getattr(interrupt, "result", None))  # type: ignore[attr-defined]
        raise
    best = best_of(outcomes, tol)
    runs = tuple(o.summary() if isinstance(o, EMResult) else o for o in outcomes)
    if best is None:
        raise InfeasibleError(f"All {len(runs)} starts failed. The first: {runs[0].message}", runs)
    result = outcomes[best]
    assert isinstance(result, EMResult)
    return replace(result, runs=runs)


def _starts(climber: Climber, start: Any, n_init: int) -> list[Start]:
    """Every start with its own seed, before any run begins."""
    if start is None:
        return climber.draw(n_init)
    return [climber.draw(1, params)[0] for params in given_starts(start)]


#: Forms of EM by the names that `fit_em` takes.
ALGORITHMS: dict[str, Algorithm] = {
    "em": EM(),
    "cem": ClassificationEM(),
    "sem": StochasticEM(),
    "mcem": MonteCarloEM(),
    "saem": StochasticApproximationEM(),
}


def _resolve_algorithm(algorithm: Any) -> Algorithm:
    """The form of EM meant by a name or an object."""
    if isinstance(algorithm, Algorithm):
        return algorithm
    if isinstance(algorithm, str) and algorithm in ALGORITHMS:
        return ALGORITHMS[algorithm]
    raise ValueError(
        f"algorithm must be one of {sorted(ALGORITHMS)} or an Algorithm object. Got {algorithm!r}."
    )


#: Why a run did not converge, and what helps.
UNCONVERGED = {
    StopReason.MAX_ITER: "it reached {limit} before {rule}. Allow more steps, ask for less, or "
    "start elsewhere.",
    StopReason.INFEASIBLE: "after {n_iter} step(s) the M-step led where the model is not defined "
    "(is_feasible says no, or a LinAlgError), and the last point before is returned. Likely the "
    "maximum lies on a boundary that is_feasible excludes, or a class collapsed: let is_feasible "
    "accept the boundary, add a prior (log_prior), or start elsewhere.",
    StopReason.DECREASE: "a plain EM step lowered the objective by more than its rounding. "
    "Likely the data are ill-conditioned: center and scale them, or say in objective_rounding how "
    "exact the objective is.",
}


#: Instead, where even a small part of a step does.
NOT_UPHILL = (
    "no part of the M-step's step, however short, kept the objective from falling by more than its "
    "rounding. Likely m_step does not lead uphill: check its direction by differences of the "
    "objective, or say in objective_rounding how exact that is."
)


def warn_unconverged(
    result: EMResult, *, tol: float, max_iter: int, backtracks: bool = False
) -> None:
    """Warn of a best run that failed to converge; not of one that was told to end."""
    if result.reason not in UNCONVERGED or max_iter == 0:
        return
    within = max(result.n_iter, result.n_evaluations - 1) < max_iter
    limit = "the budget of its search" if within else f"max_iter={max_iter}"
    rule = f"a step gained less than tol={tol:g}" if tol > 0.0 else "it stood still (tol=0)"
    if result.monte_carlo_error is not None:
        rule = "it was as precise as asked"
    why = UNCONVERGED[result.reason]
    if backtracks and result.reason is StopReason.DECREASE:
        why = NOT_UPHILL
    why = why.format(limit=limit, rule=rule, n_iter=result.n_iter)
    warn(f"The best run did not converge: {why}", NotConvergedWarning)
