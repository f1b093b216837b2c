"""Forms of EM that draw labels: stochastic EM and simulated annealing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.acceleration import Acceleration
from emkit.engine.algorithms import Algorithm, need_classes, with_earlier_cost, with_posterior
from emkit.engine.arguments import require_integer, require_number
from emkit.engine.contract import is_true
from emkit.engine.loop import climb
from emkit.engine.model import EMModel
from emkit.engine.options import RunOptions
from emkit.engine.posterior import Stochastic
from emkit.engine.result import EMResult, State, StopReason
from emkit.engine.steps import Point, evaluate, m_step
from emkit.exceptions import InfeasibleError

__all__ = ["SimulatedAnnealingEM", "StochasticEM", "batch_means_error", "chain_result", "report"]


def chain_points(
    model: EMModel, data: Any, start: Any, shares: Iterable[float], rng: np.random.Generator
) -> Iterator[Point]:
    """Points of a chain in which that share of the responsibilities is drawn labels."""
    params = last = start
    for n_iter, share in enumerate(shares):
        noisy = with_posterior(model, Stochastic(share=share), rng)
        point = evaluate(noisy, data, params, n_iter)
        if point is None and n_iter:
            # The draws led where the model is not defined, such as to a class of one row: again.
            point = evaluate(noisy, data, last, n_iter)
        if point is None:
            raise InfeasibleError("The model is not defined at the start (singular or infeasible).")
        yield point
        last = point.params
        with np.errstate(divide="ignore", invalid="ignore"):  # a class that no row was drawn to
            image = m_step(model, data, point, n_iter)
        params = last if image is None else image


@dataclass(frozen=True)
class StochasticEM(Algorithm):
    r"""Stochastic EM: labels drawn from their posterior, parameters averaged after a burn-in.

    The chain of ``max_iter`` points wanders about the maximum, by about the standard errors of
    the missing information, and out of shallow ones. What comes back is the average of its
    second part, or the highest point there where that is higher (labels may switch on the way).
    ``history`` holds the objective along the chain, which does fall, and of what comes back.

    Parameters
    ----------
    burn_in : float, default=0.5
        Part of the chain to leave out of the average, from 0 to below 1.

    References
    ----------
    Celeux, G. & Diebolt, J. (1985). The SEM algorithm: a probabilistic teacher algorithm derived
    from the EM algorithm for the mixture problem. Computational Statistics Quarterly 2, 73-82.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import StochasticEM
    >>> X = load_iris().data
    >>> chain = EMGaussianMixture(2, algorithm=StochasticEM(), max_iter=50, random_state=0)
    >>> exact = EMGaussianMixture(2, random_state=0)
    >>> bool(abs(chain.fit(X).score(X) - exact.fit(X).score(X)) < 0.01)
    True
    """

    burn_in: float = 0.5

    def __post_init__(self) -> None:
        require_number("burn_in", self.burn_in)
        if not 0.0 <= self.burn_in < 1.0:
            raise ValueError(f"burn_in must be a part from 0 to below 1. Got {self.burn_in!r}.")

    def check(self, model: EMModel, acceleration: Acceleration | None) -> None:
        need_classes(self, model)

    def run(
        self,
        model: EMModel,
        data: Any,
        start: Any,
        rng: np.random.Generator,
        options: RunOptions,
    ) -> EMResult:
        if options.max_iter == 0:
            return climb(model, data, start, options)
        points: list[Point] = []
        shares = repeat(1.0, options.max_iter)  # the average is the last point tried
        reason = None
        for point in chain_points(model, data, start, shares, rng):
            points.append(point._replace(stats=None))
            reason = report(options, points, None)
            if reason is not None:
                break
        kept = points[min(int(self.burn_in * len(points)) + 1, len(points) - 1) :]
        chain = np.array([tree.flatten(point.params) for point in kept])
        best = max(kept, key=lambda point: point.objective)
        mean = tree.restore(chain.mean(axis=0), start)
        average = evaluate(model, data, mean, len(points), proposed=True)
        n_evaluations = len(points) + (average is not None)
        if average is not None and average.objective > best.objective:
            best = average._replace(stats=None)
        points.append(best)
        reason = reason or StopReason.SCHEDULE
        report(options, points, reason)
        error = tree.restore(batch_means_error(chain), start)
        return chain_result(points, reason, n_evaluations=n_evaluations, error=error)


@dataclass(frozen=True)
class SimulatedAnnealingEM(Algorithm):
    r"""Stochastic labels at a falling temperature, then EM.

    The E-step takes :math:`(1 - \gamma_t)` times the posterior probabilities and
    :math:`\gamma_t` times labels drawn from them, :math:`\gamma_t` falling from 1 to 0 along half
    a cosine: stochastic EM at first, EM at last. The noise leads out of shallow maxima.

    Parameters
    ----------
    n_iter : int, default=40
        Iterations until the temperature is 0.

    References
    ----------
    Celeux, G. & Diebolt, J. (1992). A stochastic approximation type EM algorithm for the mixture
    problem. Stochastics and Stochastics Reports 41, 119-134. doi:10.1080/17442509208833797

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import SimulatedAnnealingEM
    >>> algorithm = SimulatedAnnealingEM(n_iter=20)
    >>> mixture = EMGaussianMixture(2, algorithm=algorithm, random_state=0)
    >>> mixture.fit(load_iris().data).converged_
    True
    """

    n_iter: int = 40

    def __post_init__(self) -> None:
        require_integer("n_iter", self.n_iter)
        if self.n_iter < 1:
            raise ValueError(f"n_iter must be at least 1. Got {self.n_iter!r}.")

    def check(self, model: EMModel, acceleration: Acceleration | None) -> None:
        need_classes(self, model)

    def run(
        self,
        model: EMModel,
        data: Any,
        start: Any,
        rng: np.random.Generator,
        options: RunOptions,
    ) -> EMResult:
        n_visits = min(self.n_iter + 1, options.max_iter)
        cooling = (0.5 + 0.5 * np.cos(np.pi * i / self.n_iter) for i in range(n_visits))
        params, log_likelihoods = start, []
        for point in chain_points(model, data, start, cooling, rng):
            params = point.params
            log_likelihoods.append(point.log_likelihood)
        left = options.max_iter - n_visits
        last = climb(model, data, params, replace(options, max_iter=left))
        whole = with_earlier_cost(last, len(log_likelihoods[1:]), n_visits)
        visited = np.concatenate([log_likelihoods[1:], last.log_likelihoods])
        return replace(whole, log_likelihoods=visited)


def report(
    options: RunOptions, points: list[Point], reason: StopReason | None
) -> StopReason | None:
    """Report the last point to the callback; the reason to end, which may be the callback's."""
    if options.callback is None:
        return reason
    now, n_iter = points[-1], len(points) - 1
    gain = now.objective - points[-2].objective if n_iter else np.inf
    state = State.of(now, run=options.run, n_iter=n_iter, gain=gain, reason=reason)
    asked = is_true(options.callback(state)) and reason is None
    return StopReason.CALLBACK if asked else reason


def batch_means_error(chain: Array, n_batches: int = 10) -> Array:
    """Standard errors of the mean of a chain, by the means of batches of it."""
    if len(chain) < 2 * n_batches:
        return np.full(chain.shape[1], np.inf)
    means = np.array([batch.mean(axis=0) for batch in np.array_split(chain, n_batches)])
    return tree.spread(means, ddof=1) / np.sqrt(n_batches)


def chain_result(
    points: list[Point], reason: StopReason, *, n_evaluations: int, error: Any
) -> EMResult:
    return EMResult.of(
        points[-1],
        reason,
        n_iter=len(points) - 1,
        n_evaluations=n_evaluations,
        history=np.array([point.objective for point in points]),
        evaluations=np.arange(1, len(points) + 1),
        log_likelihoods=np.array([point.log_likelihood for point in points[1:]]),
        monte_carlo_error=error,
    )
