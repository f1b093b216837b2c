"""Monte Carlo EM: an E-step by draws of what is missing, and what its noise leaves unknown."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy.special import fdtri

from emkit._typing import Array
from emkit.engine import _tree, blocks
from emkit.engine.acceleration import Acceleration, Louis
from emkit.engine.algorithms import Algorithm
from emkit.engine.loop import Callback, Point, evaluate
from emkit.engine.model import EMModel, MonteCarloModel
from emkit.engine.result import EMResult, StopReason
from emkit.engine.stochastic import chain_result, told
from emkit.exceptions import InfeasibleError

__all__ = ["MonteCarloEM"]

#: Steps within the tolerance, one after the other, that end a run (Booth & Hobert 1999).
STILL = 3
#: Standard errors of what a step may yet hide.
SIGMAS = 1.96
#: A parameter is measured relative to itself plus this.
SMALL = 1e-3
#: Slowest contraction that steps of a noisy run are trusted to show.
SLOWEST = 0.95


@dataclass(frozen=True)
class MonteCarloEM(Algorithm):
    r"""Monte Carlo EM: an E-step by draws, of a number that grows where noise hides the step.

    The draws come in batches; leaving out one after the other (jackknife) gives the Monte Carlo
    covariance of the EM image. Where the current point lies within its confidence region, the
    step is noise and the next E-step gets more draws. The run has converged when, three times
    one after the other, every parameter is within ``precision`` of where endless sampling would
    take it: the step and its error, over one minus the rate at which steps shrink. What it is
    worth stands in ``result.monte_carlo_error`` and ``result.interval()``.

    With ``acceleration="louis"`` and a model that offers `complete_score`, the draws also give
    the observed information (Louis 1982), and Newton's step where that is sound.

    Parameters
    ----------
    size : int, default=100
        Draws of the first E-step.
    growth : float, default=1/3
        Part by which the number grows.
    level : float, default=0.75
        Level of the confidence region.
    precision : float, default=1e-3
        Relative precision of every parameter.
    max_size : int, default=100000
        Most draws of an E-step.

    References
    ----------
    Wei, G. C. G. & Tanner, M. A. (1990). A Monte Carlo implementation of the EM algorithm and the
    poor man's data augmentation algorithms. Journal of the American Statistical Association 85,
    699-704. doi:10.1080/01621459.1990.10474930

    Booth, J. G. & Hobert, J. P. (1999). Maximizing generalized linear mixed model likelihoods
    with an automated Monte Carlo EM algorithm. Journal of the Royal Statistical Society B 61,
    265-285. doi:10.1111/1467-9868.00176
    """

    size: int = 100
    growth: float = 1.0 / 3.0
    level: float = 0.75
    precision: float = 1e-3
    max_size: int = 100_000

    def __post_init__(self) -> None:
        if not 1 <= self.size <= self.max_size:
            raise ValueError(
                f"size must be from 1 to max_size={self.max_size!r}. Got {self.size!r}."
            )
        if not self.growth > 0.0:
            raise ValueError(f"growth must be above 0. Got {self.growth!r}.")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level must be between 0 and 1. Got {self.level!r}.")
        if not self.precision > 0.0:
            raise ValueError(f"precision must be above 0. Got {self.precision!r}.")

    def check(self, model: EMModel, acceleration: Acceleration | None) -> None:
        kind, name = type(model), type(model).__name__
        if kind.sampled_statistics is EMModel.sampled_statistics:
            for method in ("sample_latent", "complete_statistics"):
                if getattr(kind, method) is getattr(EMModel, method):
                    raise TypeError(
                        f"MonteCarloEM draws what is missing, and {name} does not say how: it has "
                        f"no method {method}."
                    )
        if isinstance(acceleration, Louis) and kind.complete_score is EMModel.complete_score:
            raise TypeError(
                "The Louis step of Monte Carlo EM needs the score of the complete data, and "
                f"{name} has no method complete_score."
            )

    def run(
        self,
        model: EMModel,
        data: Any,
        start: Any,
        rng: np.random.Generator,
        *,
        acceleration: Acceleration | None,
        tol: float,
        max_iter: int,
        callback: Callback | None = None,
        run: int = 0,
    ) -> EMResult:
        points = [_point(model, data, start)]
        louis = isinstance(acceleration, Louis)
        size, still, reason = self.size, 0, StopReason.MAX_ITER
        error, last, rates = np.full(_tree.flatten(start).shape, np.inf), np.inf, [0.0]
        told(callback, run, points, None)
        while len(points) <= max_iter:
            here = points[-1].params
            step = _sampled_step(model, data, here, rng, size, louis)
            if step is None or not model.is_feasible(step.image):
                reason = StopReason.INFEASIBLE
                break
            length = float(np.linalg.norm(step.move))
            hidden = step.hidden(self.level)
            if hidden:
                size = min(int(np.ceil(size * (1.0 + self.growth))), self.max_size)
            elif not step.newton:
                rates.append(min(length / last, SLOWEST))
            last = length
            # EM has 1 / (1 - rate) of such steps before it; Newton's is the last.
            ahead = 1.0 if step.newton else 1.0 / (1.0 - float(np.median(rates[-5:])))
            error = ahead * step.error
            reach = ahead * np.abs(step.move) + SIGMAS * error
            within = reach <= self.precision * (np.abs(_tree.flatten(here)) + SMALL)
            still = still + 1 if within.all() else 0
            points.append(_point(model, data, step.image))
            if still == STILL:
                reason = StopReason.TOLERANCE
                break
            if told(callback, run, points, None):
                reason = StopReason.CALLBACK
                break
        told(callback, run, points, reason)
        return chain_result(
            points[-1],
            points,
            reason,
            n_evaluations=len(points),
            error=_tree.restore(error, start),
        )


@dataclass(frozen=True)
class _SampledStep:
    """One Monte Carlo EM step with what its draws say of its error."""

    image: Any
    move: Array  #: from the point to its image, flat
    covariance: Array  #: of the image
    n_batches: int
    newton: bool = False

    @property
    def error(self) -> Array:
        return np.sqrt(np.diagonal(self.covariance))

    def hidden(self, level: float) -> bool:
        """Whether the point lies in the confidence region about its image (Hotelling)."""
        values, vectors = np.linalg.eigh(self.covariance)
        sure = values > 1e-10 * values[-1]
        rank, spare = int(sure.sum()), self.n_batches - int(sure.sum())
        if rank == 0:
            return not self.move.any()
        along = (vectors.T @ self.move)[sure]
        t2 = float((along**2 / values[sure]).sum())
        return bool(fdtri(rank, spare, t2 * spare / (rank * (self.n_batches - 1))) <= level)


def _sampled_step(
    model: EMModel, data: Any, params: Any, rng: np.random.Generator, size: int, louis: bool
) -> _SampledStep | None:
    """The EM image of a point by draws, in batches; None where the M-step has no maximiser."""
    here = _tree.flatten(params)
    n_batches = max(20, 2 * len(here) + 2)
    each = -(-size // n_batches)
    batches = [
        reduce(
            _tree.add,
            [model.sampled_statistics(part, params, rng, each) for part in blocks.iterate(data)],
        )
        for _ in range(n_batches)
    ]
    total = reduce(_tree.add, batches)
    try:
        image = model.m_step(_tree.scale(total, 1.0 / n_batches), params)
        left_out = np.array(
            [
                _tree.flatten(
                    model.m_step(
                        _tree.scale(_tree.add(total, _tree.scale(b, -1.0)), 1.0 / (n_batches - 1)),
                        params,
                    )
                )
                for b in batches
            ]
        )
    except np.linalg.LinAlgError:
        return None
    spread = left_out - left_out.mean(axis=0)
    covariance = (n_batches - 1) / n_batches * spread.T @ spread
    plain = _SampledStep(image, _tree.flatten(image) - here, covariance, n_batches)
    return (louis and _newton_step(model, params, batches, each, plain)) or plain


#: Part of the complete information that must be left for Newton's step to be sound.
SOUND = 0.02


def _newton_step(
    model: EMModel, params: Any, batches: list[Any], each: int, plain: _SampledStep
) -> _SampledStep | None:
    r"""Newton's step where the draws make it sound, else None.

    By Louis (1982) the observed information is that of the complete data, here by differences of
    its score at fixed statistics, minus the variance of that score among the draws. Everything
    happens along the directions in which the image moves among the batches.
    """
    here, mean = _tree.flatten(params), _tree.scale(reduce(_tree.add, batches), 1 / len(batches))
    values, basis = np.linalg.eigh(plain.covariance)
    basis = basis[:, values > 1e-10 * values[-1]]

    def score(stats: Any, at: Array) -> Array:
        gradient = model.complete_score(stats, _tree.restore(at, params))
        return basis.T @ _tree.flatten(gradient)

    h = 1e-5 * float(np.linalg.norm(plain.error) + 1e-3 * np.linalg.norm(here))
    complete = np.array(
        [(score(mean, here - h * b) - score(mean, here + h * b)) / (2.0 * h) for b in basis.T]
    )
    complete = 0.5 * (complete + complete.T)
    scores = np.array([score(stats, here) for stats in batches])
    missing = each * np.cov(scores, rowvar=False, ddof=1).reshape(complete.shape)
    try:
        root = np.linalg.inv(np.linalg.cholesky(complete))
    except np.linalg.LinAlgError:
        return None
    shares, vectors = np.linalg.eigh(root @ (complete - missing) @ root.T)
    if shares[0] < SOUND:
        return None
    inverse = basis @ root.T @ (vectors / shares) @ vectors.T @ root @ basis.T
    move = inverse @ basis @ scores.mean(axis=0)
    further = inverse @ basis @ complete @ basis.T
    image = _tree.restore(here + move, params)
    if not model.is_feasible(image):
        return None
    return _SampledStep(image, move, further @ plain.covariance @ further.T, plain.n_batches, True)


def _point(model: EMModel, data: Any, params: Any) -> Point:
    """A point without statistics, its objective where the model can tell it."""
    if not model.is_feasible(params):
        raise InfeasibleError("The model is not defined at the start (singular or infeasible).")
    if isinstance(model, MonteCarloModel):
        parts = blocks.iterate(data)
        log_likelihood = float(sum(model.log_likelihood(part, params) for part in parts))
        return Point(params, None, log_likelihood, log_likelihood + model.log_prior(params))
    point = evaluate(model, data, params, 0)
    if point is None:
        raise InfeasibleError("The model is not defined at the start (singular or infeasible).")
    return point._replace(stats=None)
