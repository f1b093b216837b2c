"""The contract where what is missing is a class label: a joint density, the E-step is provided."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.contract import Breach, blame, require_joint, require_named, require_weights
from emkit.engine.model import EMModel
from emkit.engine.posterior import Stochastic, soft
from emkit.engine.recombination import mutate, recombine

__all__ = ["LatentClassModel", "unbuffered"]

#: Numbers in NumPy's buffers, few enough for a row of a tile not to be copied into them.
BUFFER = 512


@contextmanager
def unbuffered() -> Iterator[None]:
    """Arithmetic on tiles as they lie: NumPy copies rows shorter than half a buffer through it.

    That took three times as long for a product with a column, a fifth of an E-step. A buffer is
    still there to convert single precision.
    """
    with np.errstate():  # which puts the size back
        np.setbufsize(BUFFER)
        yield


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

    #: Names of the parameters with a row for each class, dotted where parameters nest
    #: (``emission.rates``); None: those as long as the first.
    class_fields: tuple[str, ...] | None = None
    #: Names of those that say where a class is, by which classes are matched; None: all of them.
    place_fields: tuple[str, ...] | None = None
    #: Whether E-steps are in single precision, and sums over their tiles in double.
    single: bool = False

    def bind(self, params: Any) -> Any:
        """What an E-step works out once from the parameters. Default: the parameters.

        Parameters
        ----------
        params : Params
            Where the E-step is taken.

        Returns
        -------
        object
            Such as Cholesky factors; the ``bound`` of the methods below.
        """
        return params

    def tiles(self, data: Any, bound: Any) -> Iterable[Any]:
        """Pieces of the data that fit the cache. Default: the whole block.

        Parameters
        ----------
        data : object
            One block of data.
        bound : object
            What `bind` returned.

        Returns
        -------
        iterable
            Tiles, each what `log_joint` and `weights` take.
        """
        return (data,)

    def weights(self, tile: Any) -> Array | None:
        """Sample weights of a tile, applied by the engine. Default: None.

        Parameters
        ----------
        tile : object
            One of `tiles`.

        Returns
        -------
        ndarray of shape (n,) or None
            None is a weight of 1 for every row.
        """
        return None

    @abstractmethod
    def log_joint(self, tile: Any, bound: Any) -> tuple[Array, Any]:
        """Log density of every row together with every class.

        Parameters
        ----------
        tile : object
            One of `tiles`.
        bound : object
            What `bind` returned.

        Returns
        -------
        log_joint : ndarray of shape (n_classes, n)
            The logarithm of p(x_i, z_i = k). The engine overwrites it.
        work : object
            What `statistics` can use again, or None.
        """

    @abstractmethod
    def statistics(self, tile: Any, resp: Array, work: Any, bound: Any) -> Any:
        """Expected statistics of a tile.

        Parameters
        ----------
        tile : object
            One of `tiles`.
        resp : ndarray of shape (n_classes, n)
            Responsibilities, times the weights of the rows.
        work : object
            What `log_joint` kept.
        bound : object
            What `bind` returned.

        Returns
        -------
        Stats
            Sums over the rows.
        """

    def from_tile_sums(self, stats: Any, bound: Any) -> Any:
        """Last touch on the sum over the tiles of a block. Default: none.

        Parameters
        ----------
        stats : Stats
            The sum.
        bound : object
            What `bind` returned.

        Returns
        -------
        Stats
            Additive over blocks.
        """
        return stats

    def recombine(self, mother: Any, father: Any, rng: np.random.Generator) -> Any:
        """A child of two parameter sets, for the genetic search.

        Default: some classes of the father in the place of those of the mother that match them.

        Parameters
        ----------
        mother, father : Params
            The parents.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        Params
            The child.
        """
        return recombine(mother, father, rng, self.class_fields, self.place_fields)

    def mutate(self, params: Any, rng: np.random.Generator) -> Any:
        """The parameters a little changed, for the genetic search.

        Default: one of two classes close to each other goes to beside a third.

        Parameters
        ----------
        params : Params
            What to change.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        Params
            The mutant.
        """
        return mutate(params, rng, self.class_fields, self.place_fields)

    @unbuffered()
    def e_step(
        self,
        data: Any,
        params: Any,
        posterior: Callable[..., tuple[Array, Array]] = soft,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, float]:
        """Sum over the tiles of the statistics and of the objective.

        Parameters
        ----------
        data : object
            One block of data.
        params : Params
            Where to take the expectation.
        posterior : callable, default=soft
            Assignment of rows to classes, such as `soft`, `hard`, `Tempered` or `Stochastic`.
        rng : numpy.random.Generator, default=None
            Source of randomness of an assignment that draws.

        Returns
        -------
        stats : Stats
            Expected statistics under the assignment.
        objective : float
            What its rows add to the objective; for `soft` the log-likelihood.
        """
        total, objective, method, given = None, 0.0, "bind", ""
        try:
            bound = self.bind(params)
            method = "tiles"
            for tile in self.tiles(data, bound):
                method = "log_joint"
                log_joint, work = require_joint(
                    self.log_joint(tile, bound), tile, params, self.single
                )
                method = "weights"
                weights = require_weights(self.weights(tile), tile, log_joint)
                method = "log_joint"
                resp, values = posterior(log_joint, rng, weights)
                if weights is None:
                    objective += float(values.sum(dtype=float))
                else:
                    objective += float(weights @ values)
                    # Weights may be such as single precision cannot hold.
                    resp = np.multiply(resp, weights, out=None if self.single else resp)
                method, given = "statistics", f"resp of shape {resp.shape}"
                stats = require_named(self.statistics(tile, resp, work, bound), method)
                total = stats if total is None else tree.add(total, stats)
                method, given = "tiles", ""
            if total is None:
                raise Breach("tiles", "returned no tile")
            method = "from_tile_sums"
            return require_named(self.from_tile_sums(total, bound), method), objective
        except Exception as error:
            blame(error, method, given)
            raise

    def sampled_statistics(
        self, data: Any, params: Any, rng: np.random.Generator, size: int
    ) -> Any:
        return self.e_step(data, params, Stochastic(size), rng)[0]
