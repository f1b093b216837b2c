r"""Latent classes: a mixture of classes with any emission.

.. math:: p(x) = \sum_k w_k \, p_k(x)
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import LatentClassModel, unbuffered
from emkit.engine.posterior import soft
from emkit.engine.recombination import mutate, recombine
from emkit.exceptions import DataError, InfeasibleError
from emkit.models.columns import Columns, take
from emkit.models.emissions.emission import Emission
from emkit.models.latent_class_search import by_kind

__all__ = ["LatentClassParams", "LatentClasses"]

#: Part of every row that a start shares out among all classes, so that none is without spread.
SHARED_PART = 0.1
#: A weight this small stands in for 0, by which nothing can be divided.
TINY = 1e-300


class LatentClassParams(NamedTuple):
    """Parameters of `LatentClasses`.

    Attributes
    ----------
    weights : ndarray of shape (n_classes,)
        Shares of the classes, which sum to 1.
    emission : NamedTuple
        Parameters of the emission; a tuple of those of its parts for `Product` and `Classes`.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models import LatentClassParams
    >>> from emkit.models.emissions.counts import PoissonParams
    >>> start = LatentClassParams(np.array([0.5, 0.5]), PoissonParams(np.array([[1.0], [3.0]])))
    """

    weights: Array
    emission: Any


class LatentClassStats(NamedTuple):
    """Weight of every class (K,), and the emission's statistics."""

    n: Array
    emission: Any


class _Tile(NamedTuple):
    """Some rows, and their weights."""

    groups: Any
    sample_weight: Array | None


class LatentClasses(LatentClassModel):
    r"""Mixture of classes, each of which says what it says of its own columns.

    .. math:: \max_{w, \theta}\; \sum_i s_i \log \sum_k w_k \, p_k(x_i; \theta) + \log p(\theta)

    What the densities :math:`p_k` are, the emission says: `Gaussian`, `Poisson`, `Categorical`,
    `Uniform`, a `Product` of such over groups of columns, `Classes` of different kinds, or one of
    your own. Data are `Columns`. Every form of EM, search and acceleration of `fit_em` climbs it,
    and `standard_errors` reads it.

    Parameters
    ----------
    emission : Emission
        The densities of the classes.
    total_weight : float, default=0.0
        Rows in all the data, or sum of their weights, if known: a run then knows to how many digits
        the objective is exact, which matters where classes lie a million times further apart than
        they are wide.

    Raises
    ------
    TypeError
        For an emission that is none, and a total weight that is no number.
    ValueError
        For a total weight below 0 or infinite.

    See Also
    --------
    Emission : How to write one.

    References
    ----------
    McLachlan, G. J. & Peel, D. (2000). Finite mixture models. Wiley. doi:10.1002/0471721182

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import fit_em, standard_errors
    >>> from emkit.models import Columns, Gaussian, LatentClasses, Poisson, Product
    >>> rng = np.random.default_rng(0)
    >>> busy = rng.random(1000) < 0.3
    >>> minutes, calls = rng.normal(30.0 + 20.0 * busy, 10.0), rng.poisson(2 + 6 * busy)
    >>> data = Columns((minutes, calls))
    >>> model = LatentClasses(Product([Gaussian(2), Poisson(2)]))
    >>> result = fit_em(model, data, random_state=0)
    >>> errors = standard_errors(model, data, result)
    >>> result.params.weights.round(2), errors.weights.round(2)
    (array([0.27, 0.73]), array([0.02, 0.02]))
    >>> ((model.posterior(data, result.params)[0] > 0.5) == busy).mean().round(2)
    np.float64(0.97)
    """

    def __init__(self, emission: Emission, *, total_weight: float = 0.0):
        if not isinstance(emission, Emission):
            raise TypeError(f"emission must be an Emission. Got {emission!r}.")
        if not isinstance(total_weight, float | int | np.number) or isinstance(total_weight, bool):
            raise TypeError(f"total_weight must be a number. Got {total_weight!r}.")
        if not 0.0 <= total_weight < np.inf:
            raise ValueError(f"total_weight must be 0 or more, and finite. Got {total_weight!r}.")
        self.emission, self.total_weight = emission, float(total_weight)

    # Starts

    def initialize(self, data: Columns, rng: np.random.Generator) -> LatentClassParams:
        rows = self._rows(data)
        _require_weight(rows.total_weight)
        resp = self.emission.draw_partition(rows.groups, rng, rows.sample_weight)
        return self._start(rows, (1.0 - SHARED_PART) * resp + SHARED_PART / len(resp))

    def start(self, data: Columns, resp: Array) -> LatentClassParams:
        """Parameters of a given assignment of rows to classes: a start for `fit_em`.

        Parameters
        ----------
        data : Columns
            The rows.
        resp : ndarray of shape (n_classes, n)
            Responsibilities, which sum to 1 over the classes.

        Returns
        -------
        LatentClassParams
            What an M-step makes of it.

        Raises
        ------
        ValueError
            For another shape.
        DataError
            For columns that the emission does not take (a ValueError).
        InfeasibleError
            Where the emission is not defined at them, such as for a column that is constant (a
            ValueError).
        """
        rows = self._rows(data)
        _require_weight(rows.total_weight)
        shape = (self.emission.n_classes, len(data))
        if np.shape(resp) != shape:
            raise ValueError(f"resp must have shape {shape}, (n_classes, n). Got {np.shape(resp)}.")
        resp = np.asarray(resp, dtype=float)
        if data.sample_weight is not None and rows is not data:
            resp = resp[:, data.sample_weight > 0.0]
        return self._start(rows, resp)

    def _start(self, rows: Columns, resp: Array) -> LatentClassParams:
        weighted = resp if rows.sample_weight is None else resp * rows.sample_weight
        n = weighted.sum(axis=1)
        try:
            return LatentClassParams(n / n.sum(), self.emission.start(rows.groups, weighted))
        except np.linalg.LinAlgError as error:
            raise InfeasibleError(f"The emission is not defined at the start: {error}.") from error

    def _rows(self, data: Columns) -> Columns:
        """The rows that count; DataError where the emission does not take them."""
        if not isinstance(data, Columns):
            raise DataError(
                f"The data must be Columns. Got {type(data).__name__}. Wrap an array, or a tuple "
                "of arrays: Columns(data)."
            )
        if not len(data):
            raise DataError("The data must have rows. Got Columns of 0 rows.")
        rows = data.counted
        rows.require(self.emission.check)
        return rows

    # E-step

    def bind(self, params: LatentClassParams) -> tuple[Array, Any]:
        # Extrapolated weights sum to 1 only to rounding times the extrapolation.
        with np.errstate(divide="ignore"):
            log_weights = np.log(params.weights / params.weights.sum())
        # A class of weight 0 gets a number so low that it never counts, not -inf.
        return np.maximum(log_weights, -1e300)[:, None], self.emission.bind(params.emission)

    def tiles(self, data: Columns, bound: tuple[Array, Any]) -> Iterator[_Tile]:
        data = self._rows(data)
        weights = data.sample_weight
        for rows in self._pieces(data, bound):
            yield _Tile(take(data.groups, rows), None if weights is None else weights[rows])

    def _pieces(self, data: Columns, bound: tuple[Array, Any]) -> Iterator[Any]:
        size = partial(self.emission.tile_rows, data.groups, bound[1])
        return data.pieces(size, self.emission.joint_tables(data.groups))

    def weights(self, tile: _Tile) -> Array | None:
        return tile.sample_weight

    def log_joint(self, tile: _Tile, bound: tuple[Array, Any]) -> tuple[Array, None]:
        log_weights, emission = bound
        log_joint = self.emission.log_density(tile.groups, emission)
        log_joint += log_weights
        return log_joint, None

    def statistics(
        self, tile: _Tile, resp: Array, work: None, bound: tuple[Array, Any]
    ) -> LatentClassStats:
        stats = self.emission.statistics(tile.groups, resp, bound[1])
        return LatentClassStats(resp.sum(axis=1), stats)

    @unbuffered()
    def posterior(self, data: Columns, params: LatentClassParams) -> Array:
        """Probabilities of the classes, given what is observed of each row.

        Parameters
        ----------
        data : Columns
            The rows.
        params : LatentClassParams
            The parameters.

        Returns
        -------
        ndarray of shape (n_classes, n)
            They sum to 1 over the classes.

        Raises
        ------
        DataError
            For columns that the emission does not take, in rows of weight 0 too (a ValueError).
        """
        self._rows(data)
        data.require(self.emission.check)  # of rows that have no weight too
        bound = self.bind(params)
        resp = np.empty((self.emission.n_classes, len(data)))
        for rows in self._pieces(data, bound):
            tile = _Tile(take(data.groups, rows), None)
            resp[:, rows] = soft(self.log_joint(tile, bound)[0])[0]
        return resp

    # M-step

    def m_step(self, stats: LatentClassStats, params: LatentClassParams) -> LatentClassParams:
        _require_weight(stats.n.sum())
        emission = self.emission.m_step(stats.emission, params.emission)
        return LatentClassParams(stats.n / stats.n.sum(), emission)

    def log_prior(self, params: LatentClassParams) -> float:
        return self.emission.log_prior(params.emission)

    def is_feasible(self, params: LatentClassParams) -> bool:
        weights = params.weights
        shares = bool(np.isfinite(weights).all() and (weights >= 0.0).all() and weights.any())
        return shares and self.emission.is_feasible(params.emission)

    def retract(self, params: LatentClassParams) -> LatentClassParams:
        return params._replace(emission=self.emission.retract(params.emission, params.weights))

    def objective_rounding(self, params: LatentClassParams, objective: float) -> float:
        noise = 0.0
        if self.total_weight > 0.0:
            noise = 4.0 * self.total_weight * self.emission.rounding(params.emission)
        return max(super().objective_rounding(params, objective), noise)

    @property
    def complete_score(self) -> Callable[..., Any] | None:  # type: ignore[override]
        return None if self.emission.complete_score is None else self._complete_score

    def _complete_score(
        self, stats: LatentClassStats, params: LatentClassParams
    ) -> LatentClassParams:
        weights = stats.n / np.maximum(params.weights, TINY) - stats.n.sum() / params.weights.sum()
        score = self.emission.complete_score(stats.emission, params.emission)  # type: ignore[misc]
        return LatentClassParams(weights, score)

    def n_parameters(self, params: LatentClassParams) -> int:
        """Number of free parameters, which information criteria count.

        Parameters
        ----------
        params : LatentClassParams
            For their shapes.

        Returns
        -------
        int
            Those of the emission, and all weights but one.
        """
        return len(params.weights) - 1 + self.emission.n_parameters(params.emission)

    # Acceleration and streams

    def acceleration_threshold(self, data: Columns) -> float:
        return 1e-3 * data.total_weight

    def weight_of(self, data: Columns) -> float:
        return data.total_weight

    def recentre(
        self, stats: LatentClassStats, before: LatentClassParams, after: LatentClassParams
    ) -> LatentClassStats:
        emission = self.emission.recentre(stats.emission, before.emission, after.emission)
        return stats._replace(emission=emission)

    # Search

    def recombine(
        self, mother: LatentClassParams, father: LatentClassParams, rng: np.random.Generator
    ) -> LatentClassParams:
        return by_kind(self.emission, partial(recombine, rng=rng), mother, father)

    def mutate(self, params: LatentClassParams, rng: np.random.Generator) -> LatentClassParams:
        return by_kind(self.emission, partial(mutate, rng=rng), params)


def _require_weight(total: float) -> None:
    if total == 0.0:
        raise DataError(
            "All rows have weight 0, and do not count. Give some a sample_weight above 0."
        )
