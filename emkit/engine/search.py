"""Many runs: all starts drawn first, climbed in parallel, the best one kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import joblib
import numpy as np

from emkit.engine import acceleration as _acceleration
from emkit.engine.blocks import Blocks
from emkit.engine.loop import Callback, climb
from emkit.engine.model import EMModel
from emkit.engine.result import EMResult, RunSummary, StopReason
from emkit.exceptions import InfeasibleError, ModelError

__all__ = ["Restarts", "ShortRuns", "fit_em"]


class Start(NamedTuple):
    """One start of a search: given parameters, or the seed to draw them."""

    number: int
    params: Any = None
    seed: np.random.SeedSequence | None = None


#: Objectives closer than this part of themselves, or than tol, are taken for the same optimum.
TIE = 1e-7

#: Outcome of one start: the climb, or the summary of why it failed.
Outcome = EMResult | RunSummary


@dataclass(frozen=True)
class Restarts:
    """Climb from every start to the end."""

    def __call__(
        self, climb_all: Callable[..., list[Outcome]], starts: list[Start]
    ) -> list[Outcome]:
        return climb_all(starts)


@dataclass(frozen=True)
class ShortRuns:
    """em-EM: a few iterations from every start, then the best one to the end.

    Parameters
    ----------
    n_iter : int, default=5
        Plain EM iterations of a short run.

    References
    ----------
    Biernacki, C., Celeux, G. & Govaert, G. (2003). Choosing starting values for the EM algorithm
    for getting the highest likelihood in multivariate Gaussian mixture models. Computational
    Statistics & Data Analysis 41, 561-575. doi:10.1016/S0167-9473(02)00163-9

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import ShortRuns
    >>> mixture = EMGaussianMixture(3, n_init=20, search=ShortRuns(n_iter=3), random_state=0)
    >>> len(mixture.fit(load_iris().data).runs_)
    20
    """

    n_iter: int = 5

    def __call__(
        self, climb_all: Callable[..., list[Outcome]], starts: list[Start]
    ) -> list[Outcome]:
        outcomes = climb_all(starts, max_iter=self.n_iter, acceleration=None)
        best = _best(outcomes, tol=0.0)
        if best is None:
            return outcomes
        short = outcomes[best]
        assert isinstance(short, EMResult)
        if short.reason is StopReason.MAX_ITER:
            (long,) = climb_all([Start(starts[best].number, params=short.params)], after=short)
            outcomes[best] = _joined(short, long) if isinstance(long, EMResult) else long
        return outcomes


_BY_NAME: dict[str, Any] = {"restarts": Restarts(), "short_runs": ShortRuns()}


def fit_em(
    model: EMModel,
    data: Any,
    *,
    start: Any = None,
    n_init: int = 1,
    n_jobs: int | None = None,
    search: Any = "restarts",
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
        Processes for the runs, as in joblib. It changes a result by rounding at most.
    search : {"restarts", "short_runs"} or search object, default="restarts"
        "restarts" climbs from every start to the end; "short_runs" takes a few iterations from
        each and goes on with the best.
    acceleration : {"anderson", "squarem"}, Acceleration or None, default="anderson"
        Extrapolation of the EM map; None is plain EM.
    tol : float, default=1e-8
        Gain of one plain EM step, in nats of the whole objective, below which a run has
        converged; one more plain step confirms it.
    max_iter : int, default=1000
        Most points to try after a start; 0 evaluates the start.
    random_state : None, int, numpy Generator or RandomState, default=None
        Source of the starts.
    callback : callable, default=None
        Called with a `State` at each start and after every accepted iterate; ends its run by
        returning True.

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
    InfeasibleError
        When no start is feasible (a ValueError).
    ModelError
        When the model breaks its contract; names the method and the iteration.

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
    _check_arguments(n_init, tol, max_iter)
    run = partial(
        _run,
        model,
        data,
        acceleration=_acceleration.resolve(acceleration),
        tol=tol,
        max_iter=max_iter,
        callback=callback,
    )

    def climb_all(starts: list[Start], **options: Any) -> list[Outcome]:
        if len(starts) == 1:
            return [run(starts[0], **options)]
        return list(joblib.Parallel(n_jobs)(joblib.delayed(run)(s, **options) for s in starts))

    starts = _starts(start, n_init, random_state)
    outcomes = _resolve(search)(climb_all, starts)
    best = _best(outcomes, tol)
    runs = tuple(o.summary() if isinstance(o, EMResult) else o for o in outcomes)
    if best is None:
        raise InfeasibleError(f"All {len(runs)} starts failed. The first: {runs[0].message}", runs)
    result = outcomes[best]
    assert isinstance(result, EMResult)
    return replace(result, runs=runs)


def _run(
    model: EMModel, data: Any, start: Start, *, after: EMResult | None = None, **options: Any
) -> Outcome:
    """Climb from one start; a start where the model is not defined is summed up, not raised."""
    try:
        params = start.params
        if params is None:
            params = _initialize(model, data, np.random.default_rng(start.seed))
        return climb(model, data, params, run=start.number, **options)
    except (InfeasibleError, np.linalg.LinAlgError) as error:
        return RunSummary(np.nan, np.nan, 0, 0, False, StopReason.INFEASIBLE, str(error))


def _initialize(model: EMModel, data: Any, rng: np.random.Generator) -> Any:
    block = data[int(rng.integers(len(data)))] if isinstance(data, Blocks) else data
    try:
        return model.initialize(block, rng)
    except (InfeasibleError, np.linalg.LinAlgError):
        raise
    except Exception as error:
        raise ModelError(
            f"initialize failed at iteration 0 with {type(error).__name__}: {error}"
        ) from error


def _starts(start: Any, n_init: int, random_state: Any) -> list[Start]:
    """Every start with its own seed, drawn before any run begins."""
    if start is not None:
        given = list(start) if isinstance(start, list) else [start]
        if not given:
            raise ValueError("start must be Params or a list of at least one. Got an empty list.")
        for params in given:
            if not (isinstance(params, tuple) and hasattr(params, "_fields")):
                raise TypeError(
                    "start must be Params (a NamedTuple of float arrays) or a list of them. "
                    f"Got {type(params).__name__}."
                )
        return [Start(i, params=params) for i, params in enumerate(given)]
    seeds = _seed_sequence(random_state).spawn(n_init)
    return [Start(i, seed=seed) for i, seed in enumerate(seeds)]


def _seed_sequence(random_state: Any) -> np.random.SeedSequence:
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**32, size=4, dtype=np.uint32))
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**32, size=4, dtype=np.uint32))
    return np.random.SeedSequence(random_state)


def _best(outcomes: list[Outcome], tol: float) -> int | None:
    """Index of the run to keep: the highest, an earlier one where the difference is a tie."""
    best: int | None = None
    for i, outcome in enumerate(outcomes):
        if not isinstance(outcome, EMResult):
            continue
        if best is None:
            best = i
            continue
        leader = outcomes[best]
        assert isinstance(leader, EMResult)
        # A collapsing run climbs without bound, so its objective says nothing.
        collapsed = outcome.reason is StopReason.INFEASIBLE
        leader_collapsed = leader.reason is StopReason.INFEASIBLE
        size = abs(leader.objective)
        margin = max(min(tol, TIE * size), 1e-12 * size)
        if collapsed == leader_collapsed:
            if outcome.objective > leader.objective + margin:
                best = i
        elif leader_collapsed:
            best = i
    return best


def _joined(short: EMResult, long: EMResult) -> EMResult:
    """A long run with the short run that led to it in front."""
    return replace(
        long,
        n_iter=short.n_iter + long.n_iter,
        n_evaluations=short.n_evaluations + long.n_evaluations,
        history=np.concatenate([short.history, long.history[1:]]),
        log_likelihoods=np.concatenate([short.log_likelihoods, long.log_likelihoods]),
    )


def _resolve(search: Any) -> Any:
    if isinstance(search, str) and search in _BY_NAME:
        return _BY_NAME[search]
    if callable(search):
        return search
    raise ValueError(
        f"search must be one of {sorted(_BY_NAME)} or a search object. Got {search!r}."
    )


def _check_arguments(n_init: int, tol: float, max_iter: int) -> None:
    if n_init < 1:
        raise ValueError(f"n_init must be at least 1. Got {n_init!r}.")
    if not tol >= 0.0:
        raise ValueError(f"tol must be a number of nats, 0 or more. Got {tol!r}.")
    if max_iter < 0:
        raise ValueError(f"max_iter must be 0 or more. Got {max_iter!r}.")
