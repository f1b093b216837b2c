"""Forms of EM: how a run climbs from one start.

Each is a small object that knows what it needs of a model. The exact forms change the posterior
and leave the rest to the loop (`climb`); those that sample are in `stochastic` and
`monte_carlo`.
"""

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emkit.engine.acceleration import Acceleration
from emkit.engine.arguments import require_integer
from emkit.engine.blocks import require_e_step
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.loop import climb
from emkit.engine.model import EMModel
from emkit.engine.options import RunOptions
from emkit.engine.posterior import Tempered, hard
from emkit.engine.result import EMResult, StopReason

__all__ = [
    "EM",
    "Algorithm",
    "AnnealedEM",
    "ClassificationEM",
    "with_earlier_cost",
    "need_classes",
    "with_posterior",
]


class Algorithm(ABC):
    """How a run climbs from one start.

    Examples
    --------
    Another form made of one that is there: EM that stops ten times later.

    >>> from dataclasses import replace
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import EM, Algorithm
    >>> class Patient(Algorithm):
    ...     def run(self, model, data, start, rng, options):
    ...         return EM().run(model, data, start, rng, replace(options, tol=options.tol / 10.0))
    >>> X = load_iris().data
    >>> lengths = []
    >>> for algorithm in (EM(), Patient()):
    ...     mixture = EMGaussianMixture(4, algorithm=algorithm, random_state=0)
    ...     lengths.append(mixture.fit(X).n_iter_)
    >>> lengths[0] < lengths[1]
    True
    """

    def check(self, model: EMModel, acceleration: Acceleration | None) -> None:  # noqa: B027
        """Whether the form goes with a model, told before any run. Default: with any.

        Parameters
        ----------
        model : EMModel
            What is to be fitted.
        acceleration : Acceleration or None
            What the user asked for.

        Raises
        ------
        TypeError
            When the model lacks a method that the form needs.
        """

    @abstractmethod
    def run(
        self,
        model: EMModel,
        data: Any,
        start: Any,
        rng: np.random.Generator,
        options: RunOptions,
    ) -> EMResult:
        """Climb from one start.

        Parameters
        ----------
        model : EMModel
            E-step and M-step.
        data : object or Blocks
            What the model's ``e_step`` takes.
        start : Params
            Where to begin.
        rng : numpy.random.Generator
            The run's own source of randomness.
        options : RunOptions
            Acceleration, tolerance, budget and callback.

        Returns
        -------
        EMResult
            Where the run ended.
        """


@dataclass(frozen=True)
class EM(Algorithm):
    """Exact E-steps to a stationary point of the objective.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import EM
    >>> mixture = EMGaussianMixture(3, algorithm=EM(), random_state=0)  # or "em", the default
    >>> mixture.fit(load_iris().data).converged_
    True
    """

    def check(self, model: EMModel, acceleration: Acceleration | None) -> None:
        require_e_step(model)

    def run(
        self,
        model: EMModel,
        data: Any,
        start: Any,
        rng: np.random.Generator,
        options: RunOptions,
    ) -> EMResult:
        rough = None if model.rough is None else model.rough()
        return climb(model, data, start, options, rough)


@dataclass(frozen=True)
class ClassificationEM(Algorithm):
    r"""Classification EM: every row belongs to its most probable class.

    .. math:: \max_{\theta, z}\; \sum_i s_i \log p(x_i, z_i; \theta) + \log p(\theta)

    It climbs in this classification likelihood, which is the objective then reported, in few
    steps: a stationary partition ends it. Estimates are biased where classes overlap.

    References
    ----------
    Celeux, G. & Govaert, G. (1992). A classification EM algorithm for clustering and two
    stochastic versions. Computational Statistics & Data Analysis 14, 315-332.
    doi:10.1016/0167-9473(92)90042-E

    Examples
    --------
    K-means is classification EM of a mixture of equal spheres.

    >>> import numpy as np
    >>> from emkit.engine import ClassificationEM, fit_em
    >>> from emkit.models.kmeans import KMeans, Points
    >>> data = Points(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> result = fit_em(KMeans(2), data, algorithm=ClassificationEM(), random_state=0)
    >>> np.sort(result.params.centers.ravel())
    array([ 0.5, 10.5])
    """

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
        # The EM map is piecewise constant: there is nothing to extrapolate.
        options = replace(options, acceleration=None)
        # A class that loses its last row is no news: the model is not defined there, or it is.
        with np.errstate(divide="ignore", invalid="ignore"):
            return climb(with_posterior(model, hard), data, start, options)


@dataclass(frozen=True)
class AnnealedEM(Algorithm):
    r"""Deterministic annealing EM: the posterior at an inverse temperature that rises to 1.

    At a low :math:`\beta` the objective :math:`\beta^{-1} \sum_i s_i \log \sum_z p(x_i, z)^\beta`
    has few maxima; each stage starts from the end of the one before, the last is EM itself. Too
    low a temperature merges classes that are apart, and EM does not part them again: so plain EM
    climbs from the start too, and the higher end is kept.

    Parameters
    ----------
    betas : tuple of float, default=(0.8, 0.9, 1.0)
        Inverse temperatures, above 0, rising to 1.
    n_iter : int, default=20
        Most iterations at a temperature before the last.

    References
    ----------
    Ueda, N. & Nakano, R. (1998). Deterministic annealing EM algorithm. Neural Networks 11,
    271-282. doi:10.1016/S0893-6080(97)00133-0

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import AnnealedEM
    >>> algorithm = AnnealedEM(betas=(0.7, 0.9, 1.0))
    >>> mixture = EMGaussianMixture(3, algorithm=algorithm, random_state=0)
    >>> mixture.fit(load_iris().data).converged_
    True
    """

    betas: tuple[float, ...] = (0.8, 0.9, 1.0)
    n_iter: int = 20

    def __post_init__(self) -> None:
        try:
            betas = np.asarray(self.betas, dtype=float)
        except (TypeError, ValueError):
            raise TypeError(f"betas must be a tuple of numbers. Got {self.betas!r}.") from None
        rising = betas.ndim == 1 and len(betas) and betas[0] > 0.0 and (np.diff(betas) > 0.0).all()
        if not (rising and betas[-1] == 1.0):
            raise ValueError(
                "betas must be above 0 and rise to 1, where the tempered objective is the "
                f"likelihood. Got {self.betas!r}."
            )
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
        begin, n_iter, n_evaluations = start, 0, 0
        for beta in self.betas[:-1]:
            left = options.max_iter - n_evaluations
            if left <= 0:
                break
            # The callback hears of the last stage alone, whose objective is the likelihood.
            few = RunOptions(tol=options.tol, max_iter=min(self.n_iter, left - 1))
            stage = climb(with_posterior(model, Tempered(beta)), data, start, few)
            start = stage.params
            n_iter += stage.n_iter
            n_evaluations += stage.n_evaluations
        left = max(options.max_iter - n_evaluations, 0)
        last = climb(model, data, start, replace(options, max_iter=left))
        last = with_earlier_cost(last, n_iter, n_evaluations)
        if len(self.betas) == 1:  # which is plain EM
            return last
        return self._or_plain(last, model, data, begin, options)

    def _or_plain(
        self, annealed: EMResult, model: EMModel, data: Any, start: Any, options: RunOptions
    ) -> EMResult:
        """The end of plain EM from the start, where that is higher and there are steps left."""
        left = options.max_iter - annealed.n_evaluations
        if left <= 0 or annealed.reason in (StopReason.CALLBACK, StopReason.INTERRUPT):
            return annealed
        plain = climb(model, data, start, replace(options, max_iter=left, callback=None))
        if plain.objective > annealed.objective + options.tol:
            return with_earlier_cost(plain, annealed.n_iter, annealed.n_evaluations)
        return replace(annealed, n_evaluations=annealed.n_evaluations + plain.n_evaluations)


def need_classes(algorithm: Algorithm, model: EMModel) -> None:
    """TypeError unless the model's missing datum is a class label."""
    if not isinstance(model, LatentClassModel):
        raise TypeError(
            f"{type(algorithm).__name__} assigns rows to classes, and {type(model).__name__} has "
            "none: it must be a LatentClassModel, with the methods log_joint and statistics."
        )


def with_posterior(model: Any, posterior: Any, rng: np.random.Generator | None = None) -> Any:
    """The model with another assignment of its rows to classes."""
    other = copy.copy(model)
    other.e_step = partial(model.e_step, posterior=posterior, rng=rng)
    other.exact = model.exact and rng is None
    return other


def with_earlier_cost(last: EMResult, n_iter: int, n_evaluations: int) -> EMResult:
    """The last stage of a run with the cost of the stages before it.

    Its history and log-likelihoods stay its own: those before are of another objective.
    """
    return replace(
        last,
        n_iter=last.n_iter + n_iter,
        n_evaluations=last.n_evaluations + n_evaluations,
        evaluations=last.evaluations + n_evaluations,
    )
