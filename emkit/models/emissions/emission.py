"""The contract of an emission: what the classes of a mixture say of some columns."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.models.columns import as_table, n_rows
from emkit.models.emissions.checks import require_numbers
from emkit.models.emissions.partition import kmeans_partition, standardise
from emkit.numerics.gaussian import tile_rows

__all__ = ["Emission"]


class Emission(ABC):
    r"""What the classes of a mixture say of some columns: a density :math:`p_k(x)` for each class.

    An emission of your own is a file with three methods: the logarithm of the densities, the
    expected statistics that they need, and the parameters that maximise

    .. math:: \sum_k \sum_i r_{ki} \log p_k(x_i) + \log p(\theta)

    given those statistics. ``Params`` and ``Stats`` are NamedTuples of float arrays, as those of an
    `EMModel`. It then goes into a `Product` with other columns, beside other classes in `Classes`,
    and into `LatentClasses`, the model that `fit_em` climbs.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    Attributes
    ----------
    shared_fields : tuple of str
        Names of the parameters that the classes share. All others have a row for each class.

    Methods
    -------
    complete_score(stats, params)
        Gradient of the above by the parameters, as Params; None where it is not offered. With it,
        standard errors take two E-steps for each parameter.

    See Also
    --------
    LatentClasses : Mixture of classes with an emission.

    Examples
    --------
    Exponential durations, beside a Poisson count in a class of its own.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models import Columns, Emission, LatentClasses, Poisson, Product
    >>> class Rates(NamedTuple):
    ...     rates: np.ndarray
    >>> class Sums(NamedTuple):
    ...     n: np.ndarray
    ...     total: np.ndarray
    >>> class Exponential(Emission):
    ...     def log_density(self, times, params):
    ...         density = np.log(params.rates)[:, None] - params.rates[:, None] * times
    ...         return np.where(np.isnan(times), 0.0, density)  # a missing cell adds nothing
    ...     def statistics(self, times, resp, params):
    ...         return Sums(resp @ ~np.isnan(times), resp @ np.nan_to_num(times))
    ...     def m_step(self, sums, params):
    ...         seen = sums.total > 0.0  # a class without rows keeps its rate
    ...         old = np.ones(len(seen)) if params is None else params.rates  # None at a start
    ...         return Rates(np.where(seen, sums.n / np.where(seen, sums.total, 1.0), old))
    >>> rng = np.random.default_rng(0)
    >>> slow = rng.random(400) < 0.5
    >>> times, calls = rng.exponential(np.where(slow, 5.0, 1.0)), rng.poisson(np.where(slow, 1, 9))
    >>> model = LatentClasses(Product([Exponential(2), Poisson(2)]))
    >>> result = fit_em(model, Columns((times, calls)), random_state=0)
    >>> durations, counts = result.params.emission
    >>> np.sort(1.0 / durations.rates).round(1), np.sort(counts.rates.ravel()).round(1)
    (array([0.9, 5.3]), array([1. , 8.7]))
    """

    shared_fields: tuple[str, ...] = ()
    complete_score: Callable[..., Any] | None = None

    def __init__(self, n_classes: int):
        whole = isinstance(n_classes, int | np.integer) and not isinstance(n_classes, bool)
        if not (whole and n_classes >= 1):
            raise ValueError(f"n_classes must be an int, 1 or more. Got {n_classes!r}.")
        self.n_classes = int(n_classes)

    @abstractmethod
    def log_density(self, columns: Any, bound: Any) -> Array:
        """Log-density of each row under each class.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            The emission's columns of some rows.
        bound : object
            What `bind` returned: the parameters, by default.

        Returns
        -------
        ndarray of shape (n_classes, n)
            The caller may overwrite it. A missing cell adds nothing.
        """

    @abstractmethod
    def statistics(self, columns: Any, resp: Array, bound: Any) -> Any:
        """Expected statistics of some rows.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            Those whose `log_density` was asked for last with this ``bound``.
        resp : ndarray of shape (n_classes, n)
            Responsibilities, times the weights of the rows. Other emissions read them too.
        bound : object
            What `bind` returned; None at a start, unless `start` was written.

        Returns
        -------
        Stats
            Sums over the rows.
        """

    @abstractmethod
    def m_step(self, stats: Any, params: Any) -> Any:
        """Params that maximise the expected log-density and `log_prior`.

        Parameters
        ----------
        stats : Stats
            Expected statistics.
        params : Params
            Where they were taken; None at a start, unless `start` was written.

        Returns
        -------
        Params
            Those of a class without rows should stay as they are.
        """

    def check(self, columns: Any) -> None:
        """Refuse columns that the densities are not of; called once, before any work on them.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            The emission's columns of a block of rows, those of weight 0 left out.

        Raises
        ------
        DataError
            Default: where a cell is neither a finite number nor NaN.
        """
        require_numbers(columns)

    def start(self, columns: Any, resp: Array) -> Any:
        """Params of a given assignment of rows to classes. Default: the M-step from its statistics.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            The emission's columns.
        resp : ndarray of shape (n_classes, n)
            Responsibilities, times the weights of the rows.

        Returns
        -------
        Params
            Where to begin.
        """
        return self.m_step(self.statistics(columns, resp, None), None)

    def embed(self, columns: Any) -> Array:
        """Coordinates in which the distance of two rows says how different they are, for starts.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            The emission's columns.

        Returns
        -------
        ndarray of shape (n, p)
            Default: the columns with mean 0 and variance 1, missing cells at the mean.
        """
        return standardise(as_table(columns))

    def draw_partition(
        self, columns: Any, rng: np.random.Generator, sample_weight: Array | None = None
    ) -> Array:
        """A random assignment of rows to classes. Default: that of k-means in `embed`.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            The emission's columns.
        rng : numpy.random.Generator
            Source of randomness.
        sample_weight : ndarray of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n_classes, n)
            Responsibilities.
        """
        if self.n_classes == 1:
            return np.ones((1, n_rows(columns)))
        return kmeans_partition(self.embed(columns), self.n_classes, rng, sample_weight)

    def bind(self, params: Any) -> Any:
        """What an E-step works out once from the parameters. Default: the parameters.

        Parameters
        ----------
        params : Params
            Where the E-step is taken.

        Returns
        -------
        object
            The ``bound`` of other methods.
        """
        return params

    def tile_rows(self, columns: Any, bound: Any, n_missing: int) -> int:
        """Rows that `log_density` and `statistics` can work on within the cache.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            All rows of a block.
        bound : object
            What `bind` returned.
        n_missing : int
            How many cells each row misses in `joint_tables`, at most.

        Returns
        -------
        int
            Default: by the number of columns and classes.
        """
        return tile_rows(2 * as_table(columns).shape[1] + self.n_classes)

    def joint_tables(self, columns: Any) -> tuple[Array, ...]:
        """Tables in which it matters which cells a row misses, so that rows are grouped by it.

        Parameters
        ----------
        columns : ndarray or tuple of ndarray
            All rows of a block.

        Returns
        -------
        tuple of ndarray
            Some of the columns. Default: none.
        """
        return ()

    def log_prior(self, params: Any) -> float:
        """Log-density of a prior on the parameters, up to a constant. Default: 0.

        Parameters
        ----------
        params : Params
            Where to take it.

        Returns
        -------
        float
            In nats.
        """
        return 0.0

    def is_feasible(self, params: Any) -> bool:
        """Whether the densities are defined. Default: every number is finite.

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

    def retract(self, params: Any, weights: Array) -> Any:
        """Params of the family close to some that need not be in it. Default: they are.

        Parameters
        ----------
        params : Params
            Such as an extrapolation.
        weights : ndarray of shape (n_classes,)
            Shares of the classes, by which closeness may be measured.

        Returns
        -------
        Params
            In the family.
        """
        return params

    def recentre(self, stats: Any, before: Any, after: Any) -> Any:
        """The statistics in terms of other parameters, for online EM. Default: unchanged.

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

    def rounding(self, params: Any) -> float:
        """How exact the log-density of a row is. Default: as exact as can be.

        Parameters
        ----------
        params : Params
            Where it is taken.

        Returns
        -------
        float
            Most error of it, in nats, where rows are far from zero beside their spread.
        """
        return 0.0

    def n_parameters(self, params: Any) -> int:
        """Number of free parameters. Default: as many as there are numbers in them.

        Parameters
        ----------
        params : Params
            For their shapes.

        Returns
        -------
        int
            What information criteria count.
        """
        return sum(np.size(leaf) for leaf in tree.leaves(params))
