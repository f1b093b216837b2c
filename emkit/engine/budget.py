"""What searches share: short runs, the best one to its end, a budget of E-steps for all of them."""

from dataclasses import replace
from numbers import Real

from emkit.engine.algorithms import Algorithm
from emkit.engine.arguments import require_integer
from emkit.engine.options import RunOptions
from emkit.engine.result import EMResult, StopReason
from emkit.engine.starts import Climber, Outcome, Start, best_of, joined

__all__ = [
    "best_to_the_end",
    "check_budget",
    "check_steps",
    "climb_on_budget",
    "few_steps",
    "spent",
]


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


def check_budget(budget: int | None) -> None:
    if budget is None:
        return
    if isinstance(budget, Real) and not budget >= 1:
        raise ValueError(f"budget must be a number of E-steps, at least 1. Got {budget!r}.")
    require_integer("budget", budget, " or None")


def check_steps(n_iter: int) -> None:
    require_integer("n_iter", n_iter)
    if n_iter < 1:
        raise ValueError(f"n_iter must be at least 1. Got {n_iter!r}.")
