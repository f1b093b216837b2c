"""The contract between a model and the engine: an E-step and an M-step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import _tree
from emkit.engine.posterior import Stochastic, soft
from emkit.engine.recombination import mutate, recombine

__all__ = ["EMModel", "LatentClassModel", "MonteCarloModel"]


class EMModel(ABC):
    """A model with incomplete data: two steps that meet at expected sufficient statistics.

    ``Params`` and ``Stats`` are NamedTuples of float arrays (scalars allowed), immutable in use;
    the engine adds, flattens and restores them and never looks inside. The statistics are
    additive: those of two blocks of data at the same parameters are the sum of the statistics of
    each, so chunks, threads and machines are all the same sum.

    A step that finds its parameters singular raises `numpy.linalg.LinAlgError`; the engine then
    treats the point as infeasible.

    See Also
    --------
    LatentClassModel : The E-step comes for free when what is missing is a class label.
    """

    #: False for a noisy E-step: the objective may then fall.
    exact = True

    @abstractmethod
    def initialize(self, data: Any, rng: np.random.Generator) -> Any:
        """Draw one random start, as Params."""

    @abstractmethod
    def e_step(self, data: Any, params: Any) -> tuple[Any, float]:
        """Expected sufficient statistics, and the log-likelihood of the data, at ``params``."""

    @abstractmethod
    def m_step(self, stats: Any, params: Any) -> Any:
        """Params that maximise the expected complete-data objective, or at least raise it.

        ``params`` are those at which ``stats`` were taken.
        """

    def log_prior(self, params: Any) -> float:
        """Log prior density (or minus a penalty), part of the objective. Default: 0."""
        return 0.0

    def is_feasible(self, params: Any) -> bool:
        """Whether the model is defined at ``params``. Default: every number is finite."""
        return _tree.all_finite(params)

    def rounding(self, params: Any, objective: float) -> float:
        """Error of the objective at ``params``: a smaller change is neither a decrease nor a
        reason to go on. Default: 1e-14 of it, relative."""
        return 1e-14 * abs(objective)

    def progress(self, before: Any, after: Any) -> float:
        """What ``tol`` is compared with after a step. Default: the gain in the objective.

        Both points have ``params``, ``stats`` and ``objective``.
        """
        return float(after.objective - before.objective)

    def conditional_step(self, data: Any, params: Any) -> Any:
        """What the M-step leaves: raise the observed objective itself over some parameters (ECME).

        Called with all the data after every M-step. Default: nothing is left.

        References
        ----------
        Liu, C. & Rubin, D. B. (1994). The ECME algorithm: a simple extension of EM and ECM with
        faster monotone convergence. Biometrika 81, 633-648. doi:10.1093/biomet/81.4.633
        """
        return params

    def sample_latent(self, data: Any, params: Any, rng: np.random.Generator, size: int) -> Any:
        """Draw ``size`` times what is missing, given the data: for Monte Carlo EM."""
        raise NotImplementedError

    def complete_statistics(self, data: Any, latent: Any) -> Any:
        """Statistics of the data completed by draws of `sample_latent`, averaged over the draws."""
        raise NotImplementedError

    def sampled_statistics(
        self, data: Any, params: Any, rng: np.random.Generator, size: int
    ) -> Any:
        """Expected statistics by ``size`` draws of what is missing."""
        return self.complete_statistics(data, self.sample_latent(data, params, rng, size))

    def propose(self, stats: Any, params: Any) -> Any:
        """A point that may be better than the EM image, such as a Newton step, or None.

        An accelerated run tries it under the same safeguard as an extrapolation. Default: None.
        """
        return None

    def complete_score(self, stats: Any, params: Any) -> Any:
        """Gradient of the expected complete-data objective, prior included, at ``params``, or None.

        Shaped as Params, from statistics taken anywhere. Taken at ``params`` too, it is the
        gradient of the objective itself (Fisher's identity), which `standard_errors` and the
        Louis acceleration differentiate. Default: None.
        """
        return None

    def acceleration_threshold(self, data: Any) -> float:
        """Gain of a plain step (nats) below which extrapolation may begin. Default: at once.

        Far from a maximum, EM climbs fast and an extrapolation can lead to a worse basin.
        """
        return np.inf


class MonteCarloModel(EMModel):
    """A model whose E-step has no closed form: draw what is missing instead.

    Write `initialize`, `sample_latent`, `complete_statistics` and `m_step`, and climb with
    ``algorithm="mcem"``. The objective is not known unless `log_likelihood` says it.
    """

    def e_step(self, data: Any, params: Any) -> tuple[Any, float]:
        raise NotImplementedError(
            f"{type(self).__name__} has no exact E-step: fit it with algorithm='mcem'."
        )

    @abstractmethod
    def sample_latent(self, data: Any, params: Any, rng: np.random.Generator, size: int) -> Any:
        """Draw ``size`` times what is missing, given the data."""

    @abstractmethod
    def complete_statistics(self, data: Any, latent: Any) -> Any:
        """Statistics of the data completed by the draws, averaged over the draws."""

    def log_likelihood(self, data: Any, params: Any) -> float:
        """Log-likelihood of the data, where it can be told. Default: nan."""
        return np.nan


class LatentClassModel(EMModel):
    r"""A model whose missing datum is a class label: give the joint, the E-step is provided.

    .. math:: r_{ki} = p(z_i = k \mid x_i) = p(x_i, z_i = k) \big/ \sum_l p(x_i, z_i = l),
              \qquad \ell = \sum_i w_i \log \sum_k p(x_i, z_i = k).

    The data are taken tile by tile, so no array of all rows by all classes is ever made.

    Examples
    --------
    A Poisson mixture of counts; `rows` are the data, a vector.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from scipy.stats import poisson
    >>> from emkit.engine import LatentClassModel, fit_em
    >>> class Params(NamedTuple):
    ...     weights: np.ndarray
    ...     rates: np.ndarray
    >>> class Stats(NamedTuple):
    ...     n: np.ndarray
    ...     events: np.ndarray
    >>> class PoissonMixture(LatentClassModel):
    ...     def initialize(self, rows, rng):
    ...         return Params(np.array([0.5, 0.5]), rng.choice(rows, 2) + 0.5)
    ...     def log_joint(self, rows, params):
    ...         log_p = poisson.logpmf(rows, params.rates[:, None])
    ...         return np.log(params.weights)[:, None] + log_p, None
    ...     def statistics(self, rows, resp, work, params):
    ...         return Stats(resp.sum(axis=1), resp @ rows)
    ...     def m_step(self, stats, params):
    ...         return Params(stats.n / stats.n.sum(), stats.events / stats.n)
    ...     def is_feasible(self, params):
    ...         return (params.weights > 0).all() and (params.rates > 0).all()
    >>> rows = np.repeat([0, 1, 2, 9, 10, 11], [20, 25, 15, 10, 20, 10])
    >>> result = fit_em(PoissonMixture(), rows, n_init=3, random_state=0)
    >>> np.sort(result.params.rates).round(2)
    array([0.91, 9.97])
    """

    #: Names of the parameters with a row for each class; None: those as long as the first.
    class_fields: tuple[str, ...] | None = None
    #: Names of those that say where a class is, by which classes are matched; None: all of them.
    place_fields: tuple[str, ...] | None = None

    def bind(self, params: Any) -> Any:
        """What an E-step works out once from the parameters. Default: the parameters."""
        return params

    def tiles(self, data: Any, at: Any) -> Iterable[Any]:
        """Pieces of the data that fit the cache. Default: the whole block."""
        return (data,)

    def weights(self, tile: Any) -> Array | None:
        """Sample weights of a tile, shape (n,), applied by the engine. Default: None."""
        return None

    @abstractmethod
    def log_joint(self, tile: Any, at: Any) -> tuple[Array, Any]:
        """``log p(x_i, z_i = k)``, shape (n_classes, n), and what `statistics` can reuse.

        The engine overwrites the array.
        """

    @abstractmethod
    def statistics(self, tile: Any, resp: Array, work: Any, at: Any) -> Any:
        """Expected statistics of a tile under the weighted responsibilities (n_classes, n)."""

    def finish(self, stats: Any, at: Any) -> Any:
        """Last touch on the sum over the tiles of a block. Default: none."""
        return stats

    def recombine(self, mother: Any, father: Any, rng: np.random.Generator) -> Any:
        """A child of two parameter sets, for the genetic search.

        Default: some classes of the father in the place of those of the mother that match them.
        """
        return recombine(mother, father, rng, self.class_fields, self.place_fields)

    def mutate(self, params: Any, rng: np.random.Generator) -> Any:
        """The parameters a little changed, for the genetic search.

        Default: one of two classes close to each other goes to beside a third.
        """
        return mutate(params, rng, self.class_fields, self.place_fields)

    def e_step(
        self,
        data: Any,
        params: Any,
        posterior: Callable[..., tuple[Array, Array]] = soft,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, float]:
        """Sum over the tiles of the statistics and of the objective under ``posterior``."""
        at = self.bind(params)
        total, objective = None, 0.0
        for tile in self.tiles(data, at):
            log_joint, work = self.log_joint(tile, at)
            resp, values = posterior(log_joint, rng)
            weights = self.weights(tile)
            if weights is None:
                objective += float(values.sum())
            else:
                objective += float(weights @ values)
                resp *= weights
            stats = self.statistics(tile, resp, work, at)
            total = stats if total is None else _tree.add(total, stats)
        return self.finish(total, at), objective

    def sampled_statistics(
        self, data: Any, params: Any, rng: np.random.Generator, size: int
    ) -> Any:
        """Expected statistics by ``size`` draws of the labels."""
        return self.e_step(data, params, Stochastic(size), rng)[0]
