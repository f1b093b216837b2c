"""Genetic search: classes of good runs recombined, because every start has some of them right."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.engine.arguments import require_integer
from emkit.engine.budget import best_to_the_end, check_budget, check_steps, few_steps, spent
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.result import EMResult, StopReason
from emkit.engine.starts import Climber, Outcome, Search, Start
from emkit.engine.steps import recombined

__all__ = ["Genetic"]

#: Part of a genetic search's budget for its last climb.
LAST_CLIMB = 0.1


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
    >>> mixture = EMGaussianMixture(2, search=Genetic(budget=200), random_state=0)
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
        check_budget(self.budget)
        check_steps(self.n_iter)
        require_integer("population", self.population)
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
        n = min(self.population, max(int((1.0 - LAST_CLIMB) * self.budget) // (self.n_iter + 1), 1))
        starts = (starts + climber.draw(max(n - len(starts), 0)))[:n]
        outcomes = climber(starts, few)
        while (
            spent(outcomes) + self.population // 2 * (self.n_iter + 1)
            <= (1.0 - LAST_CLIMB) * self.budget
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
            return recombined("mutate", model.mutate, alive[rng.integers(len(alive))], rng)
        if len(alive) < 2:
            return None
        mother, father = rng.choice(len(alive), 2, replace=False)
        return recombined("recombine", model.recombine, alive[mother], alive[father], rng)


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
