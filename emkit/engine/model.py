"""The contract between a model and the engine: an E-step and an M-step."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from emkit.engine import tree

__all__ = ["EMModel", "MonteCarloModel"]


class EMModel(ABC):
    """A model with incomplete data: two steps that meet at expected sufficient statistics.

    ``Params`` and ``Stats`` are NamedTuples of float arrays (scalars allowed), or of such
    NamedTuples, immutable in use; the engine adds, flattens and restores them and never looks
    inside. The statistics are additive: those of two blocks of data at the same parameters are the
    sum of the statistics of each, so chunks, processes and machines are all the same sum.

    A step that finds its parameters singular raises `numpy.linalg.LinAlgError`; the engine then
    treats the point as infeasible.

    Attributes
    ----------
    exact : bool
        Whether the E-step is; False for a noisy one, with which the objective may fall.
    backtracks : bool
        Whether the M-step may step too far, as Newton and gradient steps do: a step at whose end
        the objective is lower is then halved, and is no error.

    Methods
    -------
    progress(before, after)
        What ``tol`` is compared with after a step, in units of the model's own; 0 where it stands
        still. Each end has ``params``, ``stats`` and ``objective``. Else the gain in the objective.
    remaining_gain(stats, params)
        Nats by which the objective is yet to rise, as far as the M-step can tell, such as half the
        squared Newton decrement; inf where it cannot. A run ends where that is below both ``tol``
        and the rounding of the objective, or confirms a gain below ``tol``: no E-step is spent on a
        step of no account.
    conditional_step(data, params)
        ECME: Params at which the observed objective of all the data is no lower than at the image
        of the M-step, which left some parameters to be raised here (Liu & Rubin 1994).
    rough()
        A model of the same parameters whose E-steps cost less and round more, or None: a run begins
        with it, and goes on with this one once a step gains less than its ``objective_rounding``.
    propose(stats, params)
        Params that may be better than the EM image, such as a Newton step, or None. An accelerated
        run tries them under the same safeguard as an extrapolation.
    beyond(stats, params, image)
        Params that lie further on than the EM image, on the way to the same fixed point, such as
        EM's step over the share of information that is observed: an acceleration takes them in its
        place, under its safeguard.
    complete_score(stats, params)
        Gradient of the expected complete-data objective, prior included, as Params; the statistics
        may come from other parameters. With those taken at ``params`` it is the gradient of the
        objective itself (Fisher's identity), which `standard_errors` differentiates.
    sample_latent(data, params, rng, size)
        So many draws of what is missing in a block of data, given the rest, for Monte Carlo EM.
    complete_statistics(data, latent)
        Stats of a block completed by these draws, averaged over them.
    sampled_statistics(data, params, rng, size)
        The two in one, where that is cheaper.
    continue_latent(data, params, rng, latent)
        Draws after those of `sample_latent` or of itself, by a move of a Markov chain that leaves
        their distribution as it is at ``params``, for `StochasticApproximationEM`.

    See Also
    --------
    LatentClassModel : The E-step comes for free when what is missing is a class label.
    MonteCarloModel : Draws take the place of an E-step without a formula.

    Notes
    -----
    The methods of the list above are optional, and None where a model does not offer them.

    References
    ----------
    Liu, C. & Rubin, D. B. (1994). The ECME algorithm: a simple extension of EM and ECM with
    faster monotone convergence. Biometrika 81, 633-648. doi:10.1093/biomet/81.4.633

    Examples
    --------
    The location of Student's t with 3 degrees of freedom, a mean that outliers do not move: a row
    is normal with a variance of its own, which is what is missing.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from scipy.stats import t
    >>> from emkit.engine import EMModel, fit_em
    >>> class Params(NamedTuple):
    ...     mean: float
    >>> class Stats(NamedTuple):
    ...     precision: float
    ...     total: float
    >>> class Location(EMModel):
    ...     def initialize(self, rows, rng):
    ...         return Params(rng.choice(rows))
    ...     def e_step(self, rows, params):
    ...         precision = 4.0 / (3.0 + (rows - params.mean) ** 2)
    ...         log_likelihood = t.logpdf(rows, 3, params.mean).sum()
    ...         return Stats(precision.sum(), precision @ rows), log_likelihood
    ...     def m_step(self, stats, params):
    ...         return Params(stats.total / stats.precision)
    >>> rows = np.array([1.0, 2.0, 3.0, 100.0])
    >>> result = fit_em(Location(), rows, n_init=3, random_state=0)
    >>> round(float(result.params.mean), 3)
    2.017
    """

    exact = True
    backtracks = False

    # Optional methods, described above.
    progress: Callable[..., float] | None = None
    remaining_gain: Callable[..., float] | None = None
    rough: "Callable[[], EMModel | None] | None" = None
    conditional_step: Callable[..., Any] | None = None
    propose: Callable[..., Any] | None = None
    beyond: Callable[..., Any] | None = None
    complete_score: Callable[..., Any] | None = None
    sample_latent: Callable[..., Any] | None = None
    complete_statistics: Callable[..., Any] | None = None
    sampled_statistics: Callable[..., Any] | None = None
    continue_latent: Callable[..., Any] | None = None

    @abstractmethod
    def initialize(self, data: Any, rng: np.random.Generator) -> Any:
        """Draw one random start.

        Parameters
        ----------
        data : object
            The data; of `Blocks` the ``start_data``, or one block drawn at random.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        Params
            Parameters at which the model is defined.
        """

    @abstractmethod
    def e_step(self, data: Any, params: Any) -> tuple[Any, float]:
        """Expected sufficient statistics, and the log-likelihood of the data, at ``params``.

        It leaves nothing in the model for a later step: blocks may be worked on in other processes.

        Parameters
        ----------
        data : object
            One block of data.
        params : Params
            Where to take the expectation.

        Returns
        -------
        stats : Stats
            Expected statistics of the complete data, additive over blocks.
        log_likelihood : float
            Log-likelihood of the block, in nats.
        """

    @abstractmethod
    def m_step(self, stats: Any, params: Any) -> Any:
        """Params that maximise the expected complete-data objective, or at least raise it.

        Parameters
        ----------
        stats : Stats
            Expected statistics of all the data.
        params : Params
            Where they were taken.

        Returns
        -------
        Params
            The image of the EM map.
        """

    def log_prior(self, params: Any) -> float:
        """Log prior density (or minus a penalty), part of the objective. Default: 0.

        Parameters
        ----------
        params : Params
            Where to take it.

        Returns
        -------
        float
            In nats, up to a constant.
        """
        return 0.0

    def retract(self, params: Any) -> Any:
        """Params of the model close to some that need not be in it. Default: they are in it.

        A family that affine combinations leave, such as covariances with a common orientation,
        says here how to come back. Called on whatever did not come from the M-step: extrapolations,
        proposals, averages, recombinations and given starts.

        Parameters
        ----------
        params : Params
            In the model or beside it.

        Returns
        -------
        Params
            In the model; those of the model itself unchanged, up to rounding.
        """
        return params

    def separation(self, params: Any) -> float:
        """How far classes have parted, from 0, where two are one, to 1. Default: 1.

        Beside a saddle at which two classes are one, gains are small before they grow: below 1 a
        step has to gain less than 1e-4 of it times ``tol`` to end a run.

        Parameters
        ----------
        params : Params
            Where a step led that gains less than ``tol``.

        Returns
        -------
        float
            1 where a run may end as usual.
        """
        return 1.0

    def is_feasible(self, params: Any) -> bool:
        """Whether the model is defined at ``params``. Default: every number is finite.

        Parameters
        ----------
        params : Params
            An extrapolation, the image of an M-step or a start.

        Returns
        -------
        bool
            False keeps a run from going there.
        """
        return tree.all_finite(params)

    def objective_rounding(self, params: Any, objective: float) -> float:
        """How exact the objective is at ``params``. Default: 1e-14 of it, relative.

        A smaller change is neither a decrease nor a reason to go on.

        Parameters
        ----------
        params : Params
            Where the objective was taken.
        objective : float
            Its value there, in nats.

        Returns
        -------
        float
            Most error of it, in nats.
        """
        return 1e-14 * abs(objective)

    def weight_of(self, data: Any) -> float:
        """Rows in the data, or the sum of their weights: what a batch counts for in `OnlineEM`.

        Default: ``len(data)``.

        Parameters
        ----------
        data : object
            One block of data.

        Returns
        -------
        float
            Above 0 where there are data.
        """
        return float(len(data))

    def recentre(self, stats: Any, before: Any, after: Any) -> Any:
        """The statistics in terms of other parameters, without the data they came from.

        Online EM adds statistics across parameters. Default: unchanged, right for raw ones;
        moments about the current means become moments about the new ones.

        Parameters
        ----------
        stats : Stats
            Taken in terms of ``before``.
        before, after : Params
            The parameters then, and those of the next batch.

        Returns
        -------
        Stats
            The same expectations in terms of ``after``.
        """
        return stats

    def acceleration_threshold(self, data: Any) -> float:
        """Gain of a plain step (nats) below which extrapolation may begin. Default: at once.

        Far from a maximum, EM climbs fast and an extrapolation can lead to a worse basin.

        Parameters
        ----------
        data : object
            One block of data; thresholds of blocks add.

        Returns
        -------
        float
            In nats; inf is at once.
        """
        return np.inf


class MonteCarloModel(EMModel):
    """A model whose E-step has no closed form: draw what is missing instead.

    Write `initialize`, `sample_latent`, `complete_statistics` and `m_step`, and climb with
    ``algorithm="mcem"``. The objective is not known unless `log_likelihood` says it.

    Examples
    --------
    The location of Student's t with 3 degrees of freedom, by draws of each row's precision.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import MonteCarloEM, MonteCarloModel, fit_em
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
    >>> rough = MonteCarloEM(precision=0.03)
    >>> result = fit_em(Location(), rows, algorithm=rough, random_state=0)
    >>> bool(abs(result.params.mean / 2.017 - 1.0) < 0.03)
    True
    """

    e_step = None  # type: ignore[assignment]

    @abstractmethod
    def sample_latent(self, data: Any, params: Any, rng: np.random.Generator, size: int) -> Any: ...

    @abstractmethod
    def complete_statistics(self, data: Any, latent: Any) -> Any: ...

    def log_likelihood(self, data: Any, params: Any) -> float:
        """Log-likelihood of the data, where it can be told. Default: nan.

        Parameters
        ----------
        data : object
            One block of data.
        params : Params
            Where to take it.

        Returns
        -------
        float
            In nats.
        """
        return np.nan
