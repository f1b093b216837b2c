"""Monte Carlo EM: an E-step by draws of what is missing, and what its noise leaves unknown."""

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np
from scipy.special import fdtr

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.acceleration import Acceleration, Louis
from emkit.engine.algorithms import Algorithm
from emkit.engine.arguments import require_integer, require_number
from emkit.engine.model import EMModel, MonteCarloModel
from emkit.engine.options import RunOptions
from emkit.engine.result import EMResult, StopReason
from emkit.engine.steps import (
    Point,
    evaluate,
    is_feasible,
    m_step,
    retracted,
    sampled_point,
    sampled_statistics,
)
from emkit.engine.stochastic import chain_result, report
from emkit.exceptions import InfeasibleError

__all__ = ["MonteCarloEM", "need_draws", "bare_point"]

#: Steps within the tolerance, one after the other, that end a run (Booth & Hobert 1999).
STEPS_WITHIN_TOL = 3
#: Standard errors of what a step may yet hide.
SIGMAS = 1.96
#: A parameter is measured relative to itself plus this.
SMALL_PARAMETER = 1e-3
#: Slowest contraction that steps of a noisy run are trusted to show, and the one taken for granted
#: until two steps stand out from the noise at that level: others shrink as the noise does.
SLOWEST, FIRST_RATE, CLEAR = 0.95, 0.5, 0.999


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

    Examples
    --------
    `MonteCarloModel` shows a whole model. One whose E-step has a formula serves too.

    >>> import numpy as np
    >>> from emkit.engine import MonteCarloEM, fit_em
    >>> from emkit.models.kmeans import KMeans, Points
    >>> data = Points(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> rough = MonteCarloEM(precision=0.1)
    >>> result = fit_em(KMeans(2), data, algorithm=rough, random_state=0)
    >>> np.sort(result.params.centers.ravel())
    array([ 0.5, 10.5])
    """

    size: int = 100
    growth: float = 1.0 / 3.0
    level: float = 0.75
    precision: float = 1e-3
    max_size: int = 100_000

    def __post_init__(self) -> None:
        for name in ("size", "max_size"):
            require_integer(name, getattr(self, name))
        for name in ("growth", "level", "precision"):
            require_number(name, getattr(self, name))
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
        need_draws(self, model)
        if isinstance(acceleration, Louis) and model.complete_score is None:
            raise TypeError(
                "The Louis step of Monte Carlo EM needs the score of the complete data, and "
                f"{type(model).__name__} has no method complete_score."
            )

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
        points, size, contraction = [first], self.size, _Contraction()
        n_still, error = 0, np.full(tree.flatten(start).shape, np.inf)
        reason = report(options, points, None if options.max_iter else StopReason.MAX_ITER)
        while reason is None:
            louis = isinstance(options.acceleration, Louis)
            step = _sampled_step(model, data, points, rng, size=size, louis=louis)
            image = None if step is None else step.image
            point = bare_point(model, data, image, len(points))
            if step is None or point is None:
                reason = StopReason.INFEASIBLE
                report(options, points, reason)
                break
            size, contraction = self._next_size(size, step), contraction.after(step)
            error = contraction.ahead * step.error
            reach = contraction.ahead * np.abs(step.move) + SIGMAS * error
            within = reach <= self.precision * (
                np.abs(tree.flatten(points[-1].params)) + SMALL_PARAMETER
            )
            n_still = n_still + 1 if within.all() else 0
            points.append(point)
            reason = StopReason.MAX_ITER if len(points) > options.max_iter else None
            reason = report(
                options, points, StopReason.TOLERANCE if n_still == STEPS_WITHIN_TOL else reason
            )
        return chain_result(
            points, reason, n_evaluations=len(points), error=tree.restore(error, start)
        )

    def _next_size(self, size: int, step: "_SampledStep") -> int:
        """Draws of the next E-step: more where noise hides the step."""
        if step.confidence > self.level:
            return size
        return min(int(np.ceil(size * (1.0 + self.growth))), self.max_size)


class _Contraction(NamedTuple):
    """How fast steps shrink, from those that stand out of the noise."""

    rates: tuple[float, ...] = ()
    last: float = np.inf  #: length of the last step
    ahead: float = 1.0  #: the way to the end of the run, in steps as long as the last one

    def after(self, step: "_SampledStep") -> "_Contraction":
        length = float(np.linalg.norm(step.move)) if step.confidence > CLEAR else np.inf
        rates = self.rates
        if max(length, self.last) < np.inf and not step.newton:
            rates = (*rates[-4:], min(length / self.last, SLOWEST))
        # EM has 1 / (1 - rate) of such steps before it; Newton's is the last.
        rate = float(np.median(rates or FIRST_RATE))
        return _Contraction(rates, length, 1.0 if step.newton else 1.0 / (1.0 - rate))


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

    @cached_property
    def confidence(self) -> float:
        """Level of the confidence region about the image that ends at the point (Hotelling)."""
        values, vectors = np.linalg.eigh(self.covariance)
        sure = values > 1e-10 * values[-1]
        rank, spare = int(sure.sum()), self.n_batches - int(sure.sum())
        if rank == 0:
            return float(self.move.any())
        along = (vectors.T @ self.move)[sure]
        t2 = float((along**2 / values[sure]).sum())
        return float(fdtr(rank, spare, t2 * spare / (rank * (self.n_batches - 1))))


def _sampled_step(
    model: EMModel,
    data: Any,
    points: list[Point],
    rng: np.random.Generator,
    *,
    size: int,
    louis: bool,
) -> _SampledStep | None:
    """The EM image of the last point by draws, in batches; None where there is none."""
    point, n_iter = points[-1], len(points)
    params, here = point.params, tree.flatten(point.params)
    n_batches = max(20, 2 * len(here) + 2)
    each = -(-size // n_batches)
    args = (params, rng, each, n_iter)
    try:
        batches = [sampled_statistics(model, data, *args) for _ in range(n_batches)]
    except np.linalg.LinAlgError:
        return None
    total = reduce(tree.add, batches)
    means = [tree.scale(total, 1.0 / n_batches)]
    for batch in batches:
        others = tree.add(total, tree.scale(batch, -1.0))
        means.append(tree.scale(others, 1.0 / (n_batches - 1)))
    images = [m_step(model, data, point._replace(stats=mean), n_iter) for mean in means]
    if any(image is None for image in images):
        return None
    left_out = np.array([tree.flatten(image) for image in images[1:]])
    spread = left_out - left_out.mean(axis=0)
    covariance = (n_batches - 1) / n_batches * spread.T @ spread
    move = tree.flatten(images[0]) - here
    plain = _SampledStep(images[0], move, covariance, n_batches)
    return (louis and _newton_step(model, params, batches, each, plain)) or plain


#: Part of the complete information that must be left for Newton's step to be sound.
MIN_SHARE_LEFT = 0.02


def _newton_step(
    model: EMModel, params: Any, batches: list[Any], each: int, plain: _SampledStep
) -> _SampledStep | None:
    r"""Newton's step where the draws make it sound, else None.

    By Louis (1982) the observed information is that of the complete data, here by differences of
    its score at fixed statistics, minus the variance of that score among the draws. It is taken
    along the directions in which the image moves among the batches, the plain step in all others.
    """
    here, mean = tree.flatten(params), tree.scale(reduce(tree.add, batches), 1 / len(batches))
    values, basis = np.linalg.eigh(plain.covariance)
    basis = basis[:, values > 1e-10 * values[-1]]
    complete_score = model.complete_score
    assert complete_score is not None

    def score(stats: Any, vector: Array) -> Array:
        gradient = complete_score(stats, tree.restore(vector, params))
        return basis.T @ tree.flatten(gradient)

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
    if shares[0] < MIN_SHARE_LEFT:
        return None
    inverse = basis @ root.T @ (vectors / shares) @ vectors.T @ root @ basis.T
    across = plain.move - basis @ (basis.T @ plain.move)
    move = across + inverse @ basis @ scores.mean(axis=0)
    further = inverse @ basis @ complete @ basis.T
    image = retracted(model, tree.restore(here + move, params))
    if not is_feasible(model, image):
        return None
    return _SampledStep(image, move, further @ plain.covariance @ further.T, plain.n_batches, True)


def need_draws(algorithm: Algorithm, model: EMModel) -> None:
    """TypeError unless the model says how to draw what is missing."""
    for method in ("sample_latent", "complete_statistics"):
        if model.sampled_statistics is None and getattr(model, method) is None:
            raise TypeError(
                f"{type(algorithm).__name__} draws what is missing, and {type(model).__name__} "
                f"does not say how: it has no method {method}."
            )


def bare_point(model: EMModel, data: Any, params: Any, n_iter: int) -> Point | None:
    """A point without statistics; None where the model is not defined, or without parameters."""
    if params is None:
        return None
    if isinstance(model, MonteCarloModel):
        return sampled_point(model, data, params, n_iter)
    point = evaluate(model, data, params, n_iter)
    return None if point is None else point._replace(stats=None)
