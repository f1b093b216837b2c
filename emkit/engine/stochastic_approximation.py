"""Stochastic approximation EM: one draw an iteration, and a memory of those before."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from emkit.engine import blocks, tree
from emkit.engine.acceleration import Acceleration
from emkit.engine.algorithms import Algorithm
from emkit.engine.arguments import require_integer, require_number
from emkit.engine.contract import require_tree
from emkit.engine.model import EMModel
from emkit.engine.monte_carlo import bare_point, need_draws
from emkit.engine.options import RunOptions
from emkit.engine.result import EMResult, StopReason
from emkit.engine.steps import Point, called, m_step, retracted, sampled_statistics
from emkit.engine.stochastic import batch_means_error, chain_result, report
from emkit.exceptions import InfeasibleError

__all__ = ["StochasticApproximationEM"]


@dataclass(frozen=True)
class StochasticApproximationEM(Algorithm):
    r"""Stochastic approximation EM: what is missing is drawn once, statistics are averaged.

    With :math:`z_t` drawn given the data at :math:`\theta_{t-1}`, by one move of a Markov chain
    where the model offers `EMModel.continue_latent`,

    .. math:: s_t = s_{t-1} + \gamma_t \bigl(S(x, z_t) - s_{t-1}\bigr), \qquad
              \theta_t = M(s_t), \qquad
              \gamma_t = \begin{cases} 1 & t \le t_0 \\ (t - t_0)^{-a} & t > t_0 \end{cases}

    so that no draw is wasted: in the ``burn_in`` of :math:`t_0` iterations it is stochastic EM and
    comes near the maximum, then the noise dies out. It converges to a stationary point of the
    likelihood, also with a chain (Kuhn & Lavielle 2004). The run ends by its schedule; how far its
    parameters still wander is told by ``result.monte_carlo_error``, the spread of the means of ten
    batches of the iterates after the burn-in: too small for a chain that mixes slowly.

    Parameters
    ----------
    burn_in : int, default=20
        Iterations :math:`t_0` of step 1.
    n_iter : int, default=100
        Iterations in all; no more than ``max_iter`` are made.
    decay : float in (0.5, 1], default=0.7
        The exponent a. Close to 1/2 it forgets fast and is noisy, close to 1 slow and steady.
    average : bool, default=True
        Whether the mean of the parameters after the burn-in comes back (Polyak & Juditsky 1992),
        which makes up for steps that are too long; else the last ones.

    Raises
    ------
    TypeError, ValueError
        For an argument of another type, and one out of range.

    See Also
    --------
    MonteCarloEM : Many draws an iteration, of a number that grows, and a rule to end.
    StochasticEM : Drawn labels of a latent class, without memory.

    References
    ----------
    Delyon, B., Lavielle, M. & Moulines, E. (1999). Convergence of a stochastic approximation
    version of the EM algorithm. Annals of Statistics 27, 94-128. doi:10.1214/aos/1018031103

    Kuhn, E. & Lavielle, M. (2004). Coupling a stochastic approximation version of EM with an MCMC
    procedure. ESAIM: Probability and Statistics 8, 115-131. doi:10.1051/ps:2004007

    Polyak, B. T. & Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging.
    SIAM Journal on Control and Optimization 30, 838-855. doi:10.1137/0330046

    Examples
    --------
    The location of Student's t with 3 degrees of freedom, by draws of each row's precision.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import MonteCarloModel, StochasticApproximationEM, fit_em
    >>> class Params(NamedTuple):
    ...     mean: float
    >>> class Stats(NamedTuple):
    ...     precision: float
    ...     total: float
    >>> class Location(MonteCarloModel):
    ...     def initialize(self, rows, rng):
    ...         return Params(float(np.median(rows)))
    ...     def sample_latent(self, rows, params, rng, size):
    ...         scale = 2.0 / (3.0 + (rows - params.mean) ** 2)
    ...         return rng.gamma(2.0, scale, (size, len(rows)))
    ...     def complete_statistics(self, rows, precisions):
    ...         precision = precisions.mean(axis=0)
    ...         return Stats(precision.sum(), precision @ rows)
    ...     def m_step(self, stats, params):
    ...         return Params(stats.total / stats.precision)
    >>> rows = np.array([1.0, 2.0, 3.0, 100.0])
    >>> form = StochasticApproximationEM(n_iter=1000)  # or "saem", of 100 iterations
    >>> result = fit_em(Location(), rows, algorithm=form, random_state=0)
    >>> bool(abs(result.params.mean - 2.017) < 0.1)
    True
    """

    burn_in: int = 20
    n_iter: int = 100
    decay: float = 0.7
    average: bool = True

    def __post_init__(self) -> None:
        for name in ("burn_in", "n_iter"):
            require_integer(name, getattr(self, name))
        require_number("decay", self.decay)
        if not 0 <= self.burn_in < self.n_iter:
            raise ValueError(
                f"burn_in must be from 0 to below n_iter={self.n_iter!r}. Got {self.burn_in!r}."
            )
        if not 0.5 < self.decay <= 1.0:
            raise ValueError(
                "decay must be above 0.5, or the noise of the draws does not die out, and at most "
                f"1, or the run comes to rest before it has converged. Got {self.decay!r}."
            )

    def check(self, model: EMModel, acceleration: Acceleration | None) -> None:
        need_draws(self, model)

    def step(self, t: int) -> float:
        """Step of an iteration.

        Parameters
        ----------
        t : int
            Its number, from 1.

        Returns
        -------
        float
            How far the mean of the statistics moves towards those of the draw.
        """
        return 1.0 if t <= self.burn_in else float((t - self.burn_in) ** -self.decay)

    def run(
        self,
        model: EMModel,
        data: Any,
        start: Any,
        rng: np.random.Generator,
        options: RunOptions,
    ) -> EMResult:
        first = bare_point(model, data, start, 0)
        if first is None:
            raise InfeasibleError("The model is not defined at the start (singular or infeasible).")
        points, n_iter = [first], min(self.n_iter, options.max_iter)
        reason = report(options, points, None if n_iter else StopReason.MAX_ITER)
        climb = self._climb(model, data, first, rng) if reason is None else iter(())
        for point in climb:
            if point is None:
                reason = StopReason.INFEASIBLE
                report(options, points, reason)
                break
            points.append(point)
            reason = report(options, points, None)
            if reason is None and len(points) > n_iter:
                reason = StopReason.SCHEDULE if n_iter == self.n_iter else StopReason.MAX_ITER
            if reason is not None:
                break
        assert reason is not None  # the climb has no other end
        kept = points[min(self.burn_in + 1, len(points) - 1) :]
        chain = np.array([tree.flatten(point.params) for point in kept])
        if self.average and len(chain) > 1 and reason is not StopReason.INFEASIBLE:
            mean = retracted(model, tree.restore(chain.mean(axis=0), start))
            average = bare_point(model, data, mean, len(points))
            points += [] if average is None else [average]
        error = tree.restore(batch_means_error(chain), start)
        return chain_result(points, reason, n_evaluations=len(points), error=error)

    def _climb(
        self, model: EMModel, data: Any, point: Point, rng: np.random.Generator
    ) -> Iterator[Point | None]:
        """The points of a run without end; None where the model is not defined."""
        chain, mean, t = _Chain(model, data, rng), None, 0
        while True:
            t += 1
            try:
                drawn = chain.statistics(point.params, t)
            except np.linalg.LinAlgError:
                yield None
                return
            step = self.step(t)
            if mean is None or step == 1.0:
                mean = drawn
            else:
                mean = tree.add(tree.scale(mean, 1.0 - step), tree.scale(drawn, step))
            image = m_step(model, data, point._replace(stats=mean), t)
            after = bare_point(model, data, image, t)
            if after is None:
                yield None
                return
            mean = model.recentre(mean, point.params, after.params)
            point = after
            yield point


class _Chain:
    """Draws of what is missing in every block, each from the one before where the model can."""

    def __init__(self, model: EMModel, data: Any, rng: np.random.Generator):
        self.model, self.data, self.rng = model, data, rng
        self.latent: list[Any] = []

    def statistics(self, params: Any, t: int) -> Any:
        """Statistics of all the data by one more draw."""
        if self.model.sample_latent is None:
            return sampled_statistics(self.model, self.data, params, self.rng, 1, t)
        before, self.latent, stats = self.latent, [], []
        for i, block in enumerate(blocks.iterate(self.data)):
            self.latent.append(self._draw(block, params, before[i] if before else None, t))
            method, function = "complete_statistics", self.model.complete_statistics
            assert function is not None
            of_block = called(method, t, function, block, self.latent[-1])
            stats.append(called(method, t, require_tree, of_block, method))
        return reduce(tree.add, stats)

    def _draw(self, block: Any, params: Any, before: Any, t: int) -> Any:
        move, sample = self.model.continue_latent, self.model.sample_latent
        if move is None or before is None:
            assert sample is not None
            return called("sample_latent", t, sample, block, params, self.rng, 1)
        return called("continue_latent", t, move, block, params, self.rng, before)
