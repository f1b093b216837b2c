"""What a search has to work with: starts, and climbs from them in parallel."""

from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import joblib
import numpy as np

from emkit.engine.algorithms import Algorithm
from emkit.engine.blocks import Blocks
from emkit.engine.contract import describe
from emkit.engine.many_starts import ManyStarts, Start
from emkit.engine.model import EMModel
from emkit.engine.options import RunOptions
from emkit.engine.processes import as_worker_errors, side_by_side
from emkit.engine.result import EMResult, RunSummary, StopReason
from emkit.engine.steps import initialize, retracted
from emkit.exceptions import InfeasibleError

__all__ = ["Climber", "Outcome", "Search", "Start", "best_of", "joined"]

#: Objectives closer than this part of themselves, or than tol, are taken for the same optimum.
TIED_OBJECTIVES = 1e-7

#: Starts from which on they are made one by one, as they are climbed from.
MANY_STARTS = 10_000

#: Outcome of one start: the climb, or the summary of why it failed.
Outcome = EMResult | RunSummary


class Climber:
    """Climbs from starts, in parallel: what a search has to work with. See `Search`.

    Parameters
    ----------
    model : EMModel
        What is fitted.
    data : object or Blocks
        What it is fitted to.
    algorithm : Algorithm
        The form of EM that the fit was asked for.
    options : RunOptions
        What the fit tells every run.
    seeds : numpy.random.SeedSequence
        Source of the starts.
    n_jobs : int, default=None
        Processes, as in joblib.

    Examples
    --------
    `fit_em` makes one; a search calls it.

    >>> import numpy as np
    >>> from emkit.engine import EM, Climber, RunOptions
    >>> from emkit.models.kmeans import KMeans, Points
    >>> data = Points(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> seeds = np.random.SeedSequence(0)
    >>> climber = Climber(KMeans(2), data, EM(), RunOptions(tol=0.0), seeds)
    >>> outcomes = climber(climber.draw(3))
    >>> [outcome.converged for outcome in outcomes]
    [True, True, True]
    """

    def __init__(
        self,
        model: EMModel,
        data: Any,
        algorithm: Algorithm,
        options: RunOptions,
        seeds: np.random.SeedSequence,
        n_jobs: int | None = None,
    ):
        self.model, self.data = model, data
        self.algorithm, self.options = algorithm, options
        self.n_jobs = n_jobs
        self._seeds = seeds
        self._n_drawn = 0
        self._n_seeds = seeds.n_children_spawned
        self._outcomes: list[Outcome] = []

    def __call__(
        self,
        starts: list[Start],
        options: RunOptions | None = None,
        algorithm: Algorithm | None = None,
    ) -> list[Outcome]:
        """Climb from each start.

        Parameters
        ----------
        starts : list of Start
            Where from.
        options : RunOptions, default=None
            None is what the fit was asked for; a search may ``replace`` some of it.
        algorithm : Algorithm, default=None
            None is what the fit was asked for.

        Returns
        -------
        list of EMResult or RunSummary
            How each run ended; of one that failed, where the model is not defined at its start, a
            `RunSummary` that has no ``params`` and whose objective is nan.
        """
        require_starts(starts)
        blocks = self.data if isinstance(self.data, Blocks) else None
        # With two workers or more for a start, each run in turn has them all for its blocks.
        several = len(starts) > 1 and self.n_workers > 1
        if blocks is not None and (blocks.pinned or 2 * len(starts) <= self.n_free):
            several = False
        told = algorithm or self.algorithm, options or self.options
        if several:
            outcomes = self._side_by_side(starts, *told)
            self._outcomes += outcomes
            return outcomes
        outcomes = []
        share = nullcontext(self.data) if blocks is None else blocks.shared(self.n_free)
        with share as data:
            for start in starts:
                outcomes.append(_run(self.model, data, *told, start))
                self._outcomes.append(outcomes[-1])
        return outcomes

    def _side_by_side(
        self, starts: list[Start], algorithm: Algorithm, options: RunOptions
    ) -> list[Outcome]:
        run = partial(_run, self.model, self.data, algorithm, options)
        # What a callback keeps is to be in the workers, of all runs alike.
        if self.n_free > 1 and options.callback is None:
            return side_by_side(run, starts, self.n_workers)
        with as_worker_errors():
            return list(joblib.Parallel(self.n_jobs)(joblib.delayed(run)(s) for s in starts))

    @property
    def n_workers(self) -> int:
        """Runs that go on side by side."""
        return int(joblib.effective_n_jobs(self.n_jobs))

    @property
    def n_free(self) -> int:
        """Workers for the blocks of one run; one inside a worker, and one on a cluster."""
        backend, _ = joblib.parallel.get_active_backend()
        here = isinstance(backend, joblib.parallel.LokyBackend) and not backend.nesting_level
        return self.n_workers if here else 1

    def best_so_far(self, running: Outcome | None) -> EMResult | None:
        """The best of all runs that have ended and of the one that is running.

        Parameters
        ----------
        running : EMResult, RunSummary or None
            Where the one that is running is.

        Returns
        -------
        EMResult or None
            None where all have failed.
        """
        outcomes = self._outcomes + ([] if running is None else [running])
        best = best_of(outcomes, tol=0.0)
        return None if best is None else outcomes[best]  # type: ignore[return-value]

    def draw(self, n: int, params: Any = None) -> list[Start]:
        """More starts, each with a seed of its own, whatever others there are.

        Parameters
        ----------
        n : int
            How many.
        params : Params, default=None
            Where they begin; None is drawn by the model, each by a seed of its own.

        Returns
        -------
        list of Start
            The next n starts; of very many a sequence that makes each when it is asked for.
        """
        first, self._n_drawn = self._n_drawn, self._n_drawn + n
        child, self._n_seeds = self._n_seeds, self._n_seeds + n
        starts = ManyStarts(self._seeds, range(first, first + n), range(child, child + n))
        if n >= MANY_STARTS and params is None:
            return starts  # type: ignore[return-value]
        return [start._replace(params=params) for start in starts]

    def again(self, start: Start, params: Any = None) -> Start:
        """A start under a new number: to climb on from where a run of it ended.

        Parameters
        ----------
        start : Start
            To climb from once more.
        params : Params, default=None
            Where to begin instead, such as the end of a short run.

        Returns
        -------
        Start
            With the seed of the other one.
        """
        self._n_drawn += 1
        return Start(self._n_drawn - 1, start.seed, start.params if params is None else params)

    def generator(self) -> np.random.Generator:
        """A random stream of the search's own, whatever starts were drawn.

        Returns
        -------
        numpy.random.Generator
            The same stream each time.
        """
        return np.random.default_rng([*self._seeds.generate_state(4), 1])


class Search(ABC):
    """Where runs start and which go on: a callable of a `Climber` and its first starts.

    ``climber(starts)`` gives an outcome for each start: an `EMResult`, or a `RunSummary` for one
    where the model is not defined, which has no ``params`` and an objective of nan. To go on from
    where a run ended, ``climber.again(start, params)`` keeps the seed of its start, and
    ``climber.draw(1, params)`` gives a new one, for parameters that no start led to.

    Examples
    --------
    Of many starts, the better half after ten plain steps goes on to the end.

    >>> from dataclasses import replace
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import EMResult, Search
    >>> class Halving(Search):
    ...     def __call__(self, climber, starts):
    ...         few = replace(climber.options, max_iter=10, acceleration=None)
    ...         short = climber(starts, few)
    ...         pairs = [(s, r) for s, r in zip(starts, short) if isinstance(r, EMResult)]
    ...         pairs.sort(key=lambda pair: -pair[1].objective)
    ...         half = pairs[: (len(pairs) + 1) // 2]
    ...         return climber([climber.again(s, r.params) for s, r in half]) or short
    >>> mixture = EMGaussianMixture(3, n_init=10, search=Halving(), random_state=0)
    >>> len(mixture.fit(load_iris().data).runs_)
    5
    """

    @abstractmethod
    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        """Climb.

        Parameters
        ----------
        climber : Climber
            Climbs from starts and draws new ones.
        starts : list of Start
            Those given, or ``n_init`` that are drawn.

        Returns
        -------
        list of EMResult or RunSummary
            The outcomes, one at least, of which `fit_em` keeps the best.
        """


def require_starts(starts: Any) -> None:
    """TypeError for what a search wants to climb from and is no list of starts."""
    if isinstance(starts, ManyStarts):
        return
    if isinstance(starts, list | tuple) and not isinstance(starts, Start):
        others = [start for start in starts if not isinstance(start, Start)]
        if not others:
            return
        starts = others[0]
    raise TypeError(
        "climber(starts) takes a list of Start, such as climber.draw(n) or climber.draw(1, params) "
        f"gives. Got {describe(starts)}."
    )


def require_outcomes(outcomes: Any, search: Any) -> list[Outcome]:
    """What a search returned; TypeError for what is no list of outcomes, or is empty."""
    got = describe(outcomes)
    if isinstance(outcomes, list | tuple):
        others = [outcome for outcome in outcomes if not isinstance(outcome, EMResult | RunSummary)]
        if outcomes and not others:
            return list(outcomes)
        got = f"one with {describe(others[0])} in it" if others else "an empty one"
    name = getattr(search, "__name__", type(search).__name__)
    raise TypeError(
        f"The search {name} must return a list of EMResult or RunSummary, one at least, as "
        f"climber(starts) gives. Got {got}."
    )


def _run(
    model: EMModel, data: Any, algorithm: Algorithm, options: RunOptions, start: Start
) -> Outcome:
    """Climb from one start; a start where the model is not defined is summed up, not raised."""
    rng = np.random.default_rng(start.seed)
    try:
        given = start.params
        params = initialize(model, data, rng) if given is None else retracted(model, given)
        return algorithm.run(model, data, params, rng, replace(options, run=start.number))
    except (InfeasibleError, np.linalg.LinAlgError) as error:
        return RunSummary(np.nan, np.nan, 0, 0, False, StopReason.INFEASIBLE.value, str(error))


def best_of(outcomes: list[Outcome], tol: float) -> int | None:
    """Index of the run to keep: the highest; of ties one that converged, then an earlier one."""
    best: int | None = None
    for i, outcome in enumerate(outcomes):
        if best is None or _takes_the_lead(outcome, outcomes[best], tol):
            best = i if isinstance(outcome, EMResult) else best
    return best


def _takes_the_lead(later: Outcome, leader: Outcome, tol: float) -> bool:
    # A collapsing run climbs without bound, so its objective says nothing.
    sound, leader_sound = (run.reason != StopReason.INFEASIBLE for run in (later, leader))
    if sound != leader_sound:
        return sound
    size = abs(leader.objective)
    tie = max(min(tol, TIED_OBJECTIVES * size), 1e-12 * size)
    if later.converged and not leader.converged:
        tie = 0.0  # a short run may have come within a tie of the long one that it led to
    return later.objective > leader.objective + tie


def joined(short: EMResult, long: Outcome) -> Outcome:
    """A long run with the short run that led to it in front."""
    if not isinstance(long, EMResult):
        return long
    return replace(
        long,
        n_iter=short.n_iter + long.n_iter,
        n_evaluations=short.n_evaluations + long.n_evaluations,
        history=np.concatenate([short.history, long.history[1:]]),
        evaluations=np.concatenate([short.evaluations, long.evaluations[1:] + short.n_evaluations]),
        log_likelihoods=np.concatenate([short.log_likelihoods, long.log_likelihoods]),
    )
