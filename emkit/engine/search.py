"""Search: where runs start and which go on, because EM finds the nearest maximum only.

A ``budget`` counts E-steps over all the data, of all runs together, so that searches compare; with
None the starts are ``n_init``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.engine.algorithms import EM, Algorithm, AnnealedEM
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.options import RunOptions
from emkit.engine.result import EMResult, StopReason
from emkit.engine.starts import Climber, Outcome, Start, best_of, joined
from emkit.engine.stochastic import SimulatedAnnealingEM

__all__ = [
    "SEARCHES",
    "Annealing",
    "Genetic",
    "Restarts",
    "Search",
    "ShortRuns",
    "SimulatedAnnealing",
    "resolve_search",
]


#: Part of a genetic search's budget for its last climb.
LAST = 0.1


class Search(ABC):
    """Where runs start and which go on: a callable of a `Climber` and its first starts.

    Examples
    --------
    Of many starts, the better half after ten plain steps goes on to the end.

    >>> from dataclasses import replace
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Search
    >>> class Halving(Search):
    ...     def __call__(self, climber, starts):
    ...         few = replace(climber.options, max_iter=10, acceleration=None)
    ...         short = sorted(climber(starts, few), key=lambda run: -run.objective)
    ...         half = short[: (len(short) + 1) // 2]
    ...         return climber([climber.draw(1, run.params)[0] for run in half])
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
            The outcomes, of which `fit_em` keeps the best.
        """


class EveryStart(Search):
    """Climb from every start, or from as many as a budget allows, by a form of EM."""

    budget: int | None
    #: Form of EM that the search brings along; None is what the fit was asked for.
    algorithm: Algorithm | None = None

    def __post_init__(self) -> None:
        _check_budget(self.budget)
        _ = self.algorithm  # which checks its own arguments

    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        if self.algorithm is not None:
            require_plain_em(climber, self.algorithm)
        if self.budget is None:
            return climber(starts, algorithm=self.algorithm)
        return climb_on_budget(self.budget, climber, starts, self.algorithm)


@dataclass(frozen=True)
class Restarts(EveryStart):
    """Climb from every start to the end.

    Parameters
    ----------
    budget : int, default=None
        E-steps to spend: starts are drawn until they are, whatever ``n_init``, and the last run
        ends where they do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Restarts
    >>> mixture = EMGaussianMixture(3, search=Restarts(budget=200), random_state=0)
    >>> sum(run.n_evaluations for run in mixture.fit(load_iris().data).runs_)
    200
    """

    budget: int | None = None


@dataclass(frozen=True)
class ShortRuns(Search):
    """A few iterations from every start, then the best one to the end (em-EM).

    Parameters
    ----------
    n_iter : int, default=5
        Plain EM iterations of a short run.
    budget : int, default=None
        E-steps to spend, half of them at most on short runs: as many are drawn, whatever
        ``n_init``.

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
    budget: int | None = None

    def __post_init__(self) -> None:
        _check_budget(self.budget)
        _check_steps(self.n_iter)

    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        if self.budget is not None:
            n = max(self.budget // (2 * (self.n_iter + 1)), 1)
            starts = (starts + climber.draw(max(n - len(starts), 0)))[:n]
        outcomes = climber(starts, few_steps(climber, self.n_iter, self.budget))
        return best_to_the_end(climber, starts, outcomes, self.budget)


@dataclass(frozen=True)
class Annealing(EveryStart):
    r"""Deterministic annealing EM from every start: the objective is flattened, then restored.

    For mixtures whose components overlap or share clusters in many ways; a start then matters
    little, and a few are enough. See `AnnealedEM`.

    Parameters
    ----------
    betas : tuple of float
        Inverse temperatures, above 0, rising to 1.
    n_iter : int
        Most iterations at a temperature before the last.
    budget : int, default=None
        E-steps to spend; None takes ``n_init`` starts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Annealing
    >>> search = Annealing(betas=(0.7, 0.9, 1.0))
    >>> mixture = EMGaussianMixture(3, n_init=3, search=search, random_state=0)
    >>> len(mixture.fit(load_iris().data).runs_)
    3
    """

    betas: tuple[float, ...] = AnnealedEM.betas
    n_iter: int = AnnealedEM.n_iter
    budget: int | None = None

    @property
    def algorithm(self) -> AnnealedEM:  # type: ignore[override]
        return AnnealedEM(self.betas, self.n_iter)


@dataclass(frozen=True)
class SimulatedAnnealing(EveryStart):
    """Stochastic labels at a falling temperature from every start, then EM.

    For starts near a maximum that is not the highest: the noise leads on. See
    `SimulatedAnnealingEM`.

    Parameters
    ----------
    n_iter : int
        Iterations until the temperature is 0.
    budget : int, default=None
        E-steps to spend; None takes ``n_init`` starts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import SimulatedAnnealing
    >>> mixture = EMGaussianMixture(3, search=SimulatedAnnealing(budget=200), random_state=0)
    >>> sum(run.n_evaluations for run in mixture.fit(load_iris().data).runs_)
    200
    """

    n_iter: int = SimulatedAnnealingEM.n_iter
    budget: int | None = None

    @property
    def algorithm(self) -> SimulatedAnnealingEM:  # type: ignore[override]
        return SimulatedAnnealingEM(self.n_iter)


@dataclass(frozen=True)
class Genetic(Search):
    """An evolving population: recombined components, a few EM steps, selection by the objective.

    Two parents are matched class by class; a child takes one parent's classes in a part of the
    space and the other's in the rest (`LatentClassModel.recombine`). For many components, where
    every start has some of them right: a child can have them all.

    Parameters
    ----------
    budget : int, default=1000
        E-steps to spend, of which a tenth is kept for the last climb, from the best.
    population : int, default=8
        Parameter sets kept.
    n_iter : int, default=5
        Plain EM iterations of every new one.

    References
    ----------
    Pernkopf, F. & Bouchaffra, D. (2005). Genetic-based EM algorithm for learning Gaussian mixture
    models. IEEE Transactions on Pattern Analysis and Machine Intelligence 27, 1344-1348.
    doi:10.1109/TPAMI.2005.162

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Genetic
    >>> mixture = EMGaussianMixture(3, search=Genetic(budget=200), random_state=0)
    >>> sum(run.n_evaluations for run in mixture.fit(load_iris().data).runs_) <= 200
    True
    """

    budget: int = 1000
    population: int = 8
    n_iter: int = 5

    def __post_init__(self) -> None:
        if self.budget is None:
            raise ValueError(
                "budget must be a number of E-steps: a population has no end. Got None."
            )
        _check_budget(self.budget)
        _check_steps(self.n_iter)
        if self.population < 2:
            raise ValueError(f"population must be at least 2. Got {self.population!r}.")

    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        model = climber.model
        if not isinstance(model, LatentClassModel):
            raise TypeError(
                f"A genetic search recombines classes, and {type(model).__name__} has none: it "
                "must be a LatentClassModel, with the methods log_joint and statistics."
            )
        rng, few = climber.generator(), few_steps(climber, self.n_iter, self.budget)
        n = min(self.population, max(int((1.0 - LAST) * self.budget) // (self.n_iter + 1), 1))
        starts = (starts + climber.draw(max(n - len(starts), 0)))[:n]
        outcomes = climber(starts, few)
        while (
            spent(outcomes) + self.population // 2 * (self.n_iter + 1) <= (1.0 - LAST) * self.budget
        ):
            alive = fittest(outcomes, self.population)
            children = []
            for i in range(self.population // 2):
                child = self._child(model, [run.params for run in alive], i % 2 == 0, rng)
                children += climber.draw(1, child)
            starts = starts + children
            outcomes = outcomes + climber(children, few)
        return best_to_the_end(climber, starts, outcomes, self.budget)

    def _child(
        self, model: LatentClassModel, alive: list[Any], mutant: bool, rng: np.random.Generator
    ) -> Any:
        """New parameters out of those alive, or None for a fresh start."""
        if mutant and alive:
            return model.mutate(alive[rng.integers(len(alive))], rng)
        if len(alive) < 2:
            return None
        mother, father = rng.choice(len(alive), 2, replace=False)
        return model.recombine(alive[mother], alive[father], rng)


def fittest(outcomes: list[Outcome], n: int) -> list[EMResult]:
    """The n best outcomes that differ."""
    runs = [
        o for o in outcomes if isinstance(o, EMResult) and o.reason is not StopReason.INFEASIBLE
    ]
    kept: list[EMResult] = []
    for run in sorted(runs, key=lambda o: -o.objective):
        last = kept[-1] if kept else None
        if last is None or last.objective - run.objective > 1e-6 * abs(run.objective):
            kept.append(run)
        if len(kept) == n:
            break
    return kept


def few_steps(climber: Climber, n_iter: int, budget: int | None) -> RunOptions:
    """Options of a short run: some plain steps, no more than the fit allows and a budget holds."""
    most = climber.options.max_iter if budget is None else budget - 1
    most = min(n_iter, most, climber.options.max_iter)
    return replace(climber.options, max_iter=most, acceleration=None)


def best_to_the_end(
    climber: Climber, starts: list[Start], outcomes: list[Outcome], budget: int | None
) -> list[Outcome]:
    """The outcomes with the best one, cut short so far, climbed to its end."""
    best = best_of(outcomes, tol=0.0)
    if best is None:
        return outcomes
    short = outcomes[best]
    assert isinstance(short, EMResult)
    most = climber.options.max_iter - short.n_iter
    if budget is not None:
        most = min(most, budget - spent(outcomes) - 1)
    if most <= 0 or short.reason not in (StopReason.MAX_ITER, StopReason.SCHEDULE):
        return outcomes
    start = climber.again(starts[best], short.params)
    (long,) = climber([start], replace(climber.options, max_iter=most))
    return [*outcomes[:best], joined(short, long), *outcomes[best + 1 :]]


def require_plain_em(climber: Climber, form: Algorithm) -> None:
    """ValueError where a search brings a form of EM along and another one was asked for."""
    if not isinstance(climber.algorithm, EM):
        raise ValueError(
            f"The search climbs by {type(form).__name__}, which does not go with another "
            "algorithm: leave it 'em', or take search='restarts'. "
            f"Got {climber.algorithm!r}."
        )
    form.check(climber.model, None)


def climb_on_budget(
    budget: int, climber: Climber, starts: list[Start], algorithm: Algorithm | None
) -> list[Outcome]:
    """Climb from the starts, and from new ones, until so many E-steps are spent.

    A wave of runs goes on in parallel, each with all that is left; one that overspends is climbed
    again with what is left then.
    """
    outcomes: list[Outcome] = []
    options, left = climber.options, budget
    while left > 0:
        wave, starts = starts[: climber.n_workers], starts[climber.n_workers :]
        wave += climber.draw(climber.n_workers - len(wave))
        within = replace(options, max_iter=min(options.max_iter, left - 1))
        tried = climber(wave, within, algorithm)
        for start, outcome in zip(wave, tried, strict=True):
            if outcome.n_evaluations > left:
                rest = replace(options, max_iter=left - 1)
                (outcome,) = climber([climber.again(start)], rest, algorithm)
            outcomes.append(outcome)
            left -= max(outcome.n_evaluations, 1)
            if left <= 0:
                break
    return outcomes


def spent(outcomes: list[Outcome]) -> int:
    """E-steps of all runs; a start that failed has cost one."""
    return sum(max(outcome.n_evaluations, 1) for outcome in outcomes)


def _check_budget(budget: int | None) -> None:
    if budget is not None and not budget >= 1:
        raise ValueError(f"budget must be a number of E-steps, at least 1. Got {budget!r}.")


def _check_steps(n_iter: int) -> None:
    if n_iter < 1:
        raise ValueError(f"n_iter must be at least 1. Got {n_iter!r}.")


#: Searches by the names that `fit_em` takes.
SEARCHES: dict[str, Search] = {
    "restarts": Restarts(),
    "short_runs": ShortRuns(),
    "annealing": Annealing(),
    "simulated_annealing": SimulatedAnnealing(),
    "genetic": Genetic(),
}


def resolve_search(search: Any) -> Callable[[Climber, list[Start]], list[Outcome]]:
    """The search meant by a name or an object."""
    if isinstance(search, str) and search in SEARCHES:
        return SEARCHES[search]
    if callable(search) and not isinstance(search, type):
        return search
    raise ValueError(
        f"search must be one of {sorted(SEARCHES)} or a search object. Got {search!r}."
    )
