"""fit_em: the front door of the engine."""

from dataclasses import replace
from typing import Any

import numpy as np

from emkit.engine.acceleration import resolve as resolve_acceleration
from emkit.engine.algorithms import EM, Algorithm, ClassificationEM
from emkit.engine.model import EMModel
from emkit.engine.monte_carlo import MonteCarloEM
from emkit.engine.options import Callback, RunOptions
from emkit.engine.result import EMResult
from emkit.engine.search import resolve_search
from emkit.engine.starts import Climber, Start, best_of
from emkit.engine.stochastic import StochasticEM
from emkit.exceptions import InfeasibleError

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
    algorithm : {"em", "cem", "sem", "mcem"} or Algorithm, default="em"
        Form of the E-step: exact; classification EM and stochastic EM, for latent classes;
        Monte Carlo EM. See `EM`, `ClassificationEM`, `StochasticEM`, `MonteCarloEM`.
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
        When the model lacks a method that the algorithm needs.
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
    scheme = resolve_acceleration(acceleration)
    form = _resolve_algorithm(algorithm)
    form.check(model, scheme)
    search = resolve_search(search)
    options = RunOptions(scheme, tol, max_iter, callback)
    climber = Climber(model, data, form, options, _seed_sequence(random_state), n_jobs)
    try:
        outcomes = search(climber, _starts(climber, start, n_init))
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
    given = list(start) if isinstance(start, list) else [start]
    if not given:
        raise ValueError("start must be Params or a list of at least one. Got an empty list.")
    for params in given:
        if not (isinstance(params, tuple) and hasattr(params, "_fields")):
            raise TypeError(
                "start must be Params (a NamedTuple of float arrays) or a list of them. "
                f"Got {type(params).__name__}."
            )
    return [climber.draw(1, params)[0] for params in given]


def _seed_sequence(random_state: Any) -> np.random.SeedSequence:
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**32, size=4, dtype=np.uint32))
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**32, size=4, dtype=np.uint32))
    return np.random.SeedSequence(random_state)


#: Forms of EM by the names that `fit_em` takes.
ALGORITHMS: dict[str, Algorithm] = {
    "em": EM(),
    "cem": ClassificationEM(),
    "sem": StochasticEM(),
    "mcem": MonteCarloEM(),
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


def _check_arguments(n_init: int, tol: float, max_iter: int) -> None:
    if n_init < 1:
        raise ValueError(f"n_init must be at least 1. Got {n_init!r}.")
    if not tol >= 0.0:
        raise ValueError(f"tol must be a number of nats, 0 or more. Got {tol!r}.")
    if max_iter < 0:
        raise ValueError(f"max_iter must be 0 or more. Got {max_iter!r}.")
