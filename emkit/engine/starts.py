"""One start and what becomes of it; many starts in parallel."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import joblib
import numpy as np

from emkit.engine.algorithms import Algorithm
from emkit.engine.blocks import Blocks
from emkit.engine.model import EMModel
from emkit.engine.result import EMResult, RunSummary, StopReason
from emkit.engine.steps import initialize, retracted
from emkit.exceptions import InfeasibleError

__all__ = ["Climber", "Outcome", "Start", "best_of", "joined"]

#: Objectives closer than this part of themselves, or than tol, are taken for the same optimum.
TIE = 1e-7

#: Outcome of one start: the climb, or the summary of why it failed.
Outcome = EMResult | RunSummary


class Start(NamedTuple):
    """One start of a search: given parameters, or drawn; and the seed of all that is random."""

    number: int
    seed: np.random.SeedSequence
    params: Any = None


class Climber:
    """Climbs from starts, in parallel: what a search has to work with.

    ``climber(starts, **options)`` gives an outcome for each start; the options replace those of
    the fit (``algorithm``, ``acceleration``, ``tol``, ``max_iter``). ``climber.draw(n)`` makes more
    starts, which do not depend on how many others there are.
    """

    def __init__(
        self,
        model: EMModel,
        data: Any,
        seeds: np.random.SeedSequence,
        n_jobs: int | None,
        **options: Any,
    ):
        self.model = model
        self.options = options
        self.n_jobs = n_jobs
        self.data = data
        self._seeds = seeds
        self._n_drawn = 0
        self._outcomes: list[Outcome] = []

    def __call__(self, starts: list[Start], **options: Any) -> list[Outcome]:
        blocks = self.data if isinstance(self.data, Blocks) else None
        # With two workers or more for a start, each run in turn has them all for its blocks.
        side_by_side = len(starts) > 1 and self.n_workers > 1
        if blocks is not None and (blocks.pinned or 2 * len(starts) <= self.n_free):
            side_by_side = False
        options = {**self.options, **options}
        if side_by_side:
            run = joblib.delayed(partial(_run, self.model, self.data, **options))
            outcomes = list(joblib.Parallel(self.n_jobs)(run(start) for start in starts))
            self._outcomes += outcomes
            return outcomes
        outcomes = []
        share = nullcontext(self.data) if blocks is None else blocks.shared(self.n_free)
        with share as data:
            for start in starts:
                outcomes.append(_run(self.model, data, start, **options))
                self._outcomes.append(outcomes[-1])
        return outcomes

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
        """The best of all runs that have ended and of the one that is running."""
        outcomes = self._outcomes + ([] if running is None else [running])
        best = best_of(outcomes, tol=0.0)
        return None if best is None else outcomes[best]  # type: ignore[return-value]

    def draw(self, n: int, params: Any = None) -> list[Start]:
        """The next n starts, with seeds of their own; with ``params`` they are not random."""
        first, self._n_drawn = self._n_drawn, self._n_drawn + n
        seeds = self._seeds.spawn(n)
        return [Start(first + i, seed, params) for i, seed in enumerate(seeds)]

    def again(self, start: Start, params: Any = None) -> Start:
        """The start under a new number, to climb from it once more or to go on from ``params``."""
        self._n_drawn += 1
        return Start(self._n_drawn - 1, start.seed, start.params if params is None else params)

    def generator(self) -> np.random.Generator:
        """A random stream of the search's own, whatever starts were drawn."""
        return np.random.default_rng([*self._seeds.generate_state(4), 1])


def _run(
    model: EMModel, data: Any, start: Start, *, algorithm: Algorithm, **options: Any
) -> Outcome:
    """Climb from one start; a start where the model is not defined is summed up, not raised."""
    rng = np.random.default_rng(start.seed)
    try:
        given = start.params
        params = initialize(model, data, rng) if given is None else retracted(model, given)
        return algorithm.run(model, data, params, rng, run=start.number, **options)
    except (InfeasibleError, np.linalg.LinAlgError) as error:
        return RunSummary(np.nan, np.nan, 0, 0, False, StopReason.INFEASIBLE, str(error))


def best_of(outcomes: list[Outcome], tol: float) -> int | None:
    """Index of the run to keep: the highest; of ties one that converged, then an earlier one."""
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
            # A short run may have come within a tie of the long one that it led to.
            ahead = 0.0 if outcome.converged and not leader.converged else margin
            if outcome.objective > leader.objective + ahead:
                best = i
        elif leader_collapsed:
            best = i
    return best


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
