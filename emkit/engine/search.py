"""Search: where runs start and which go on, because EM finds the nearest maximum only.

A ``budget`` counts E-steps over all the data, of all runs together, so that searches compare; with
None the starts are ``n_init``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emkit.engine.algorithms import EM, Algorithm, AnnealedEM
from emkit.engine.budget import (
    best_to_the_end,
    check_budget,
    check_steps,
    climb_on_budget,
    few_steps,
)
from emkit.engine.genetic import Genetic
from emkit.engine.starts import Climber, Outcome, Search, Start
from emkit.engine.stochastic import SimulatedAnnealingEM

__all__ = [
    "SEARCHES",
    "Annealing",
    "Restarts",
    "ShortRuns",
    "SimulatedAnnealing",
    "resolve_search",
]


class EveryStart(Search):
    """Climb from every start, or from as many as a budget allows, by a form of EM."""

    budget: int | None
    #: Form of EM that the search brings along; None is what the fit was asked for.
    algorithm: Algorithm | None = None

    def __post_init__(self) -> None:
        check_budget(self.budget)
        _ = self.algorithm  # which checks its own arguments

    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        if self.algorithm is not None:
            require_plain_em(climber, self.algorithm)
        if self.budget is None:
            return climber(starts, algorithm=self.algorithm)
        return climb_on_budget(self.budget, climber, starts, self.algorithm)


def require_plain_em(climber: Climber, form: Algorithm) -> None:
    """ValueError where a search brings a form of EM along and another one was asked for."""
    if not isinstance(climber.algorithm, EM):
        raise ValueError(
            f"The search climbs by {type(form).__name__}, which does not go with another "
            "algorithm: leave it 'em', or take search='restarts'. "
            f"Got {climber.algorithm!r}."
        )
    form.check(climber.model, None)


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
        check_budget(self.budget)
        check_steps(self.n_iter)

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
        """The form of EM that every start climbs by."""
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
        """The form of EM that every start climbs by."""
        return SimulatedAnnealingEM(self.n_iter)


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
