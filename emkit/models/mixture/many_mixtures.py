r"""The steps of EM of many small mixtures of the same rows at once.

A table of a few hundred rows gives a step of one mixture hardly any work beside the calls that it
takes. Here the components of all mixtures, of any number and any structure, are one product of
coefficients and features, one exponential, and one product of responsibilities and features.

The features of a row are (1, x, products of two columns), and the statistics of a component are
their sums, weighted by responsibilities, about zero. The columns are in units of their own; those
structures that tie the units of columns together see them in a common one.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.rows import Rows
from emkit.numerics.constants import EPS, LOG_ROOT_2PI
from emkit.numerics.covariance import Layout, Structure
from emkit.numerics.covariance.layout import COLLAPSED
from emkit.numerics.covariance.matrices import SINGULAR
from emkit.numerics.covariance.side_by_side import SideBySide
from emkit.numerics.gaussian import Scaling

__all__ = ["Features", "Heights", "ManyMixtures", "ManyParams"]

#: Numbers of a tile of log-densities, which stay in the cache.
TILE = 2**18
#: Error of a row's log-density, in nats, from which on features are too coarse.
ROUGH = 1e-6


class Features:
    """Features of rows, (n_features, n), and the same times the weights of the rows."""

    def __init__(self, rows: Rows, units: Scaling):
        n, d = rows.X.shape
        self.n_columns, self.total_weight = d, rows.total_weight
        self.units = units
        i, j = self.pairs = np.triu_indices(d)
        x = np.ascontiguousarray(((rows.X - units.shift) / units.scale).T)
        self.table = np.concatenate([np.ones((1, n)), x, x[i] * x[j]])
        self.weights = np.ones(n) if rows.sample_weight is None else rows.sample_weight
        self.weighted = self.table if rows.sample_weight is None else self.table * self.weights

    def statistics(self, resp: Array) -> Array:
        """Sums (K, n_features) of the features by responsibilities (K, n)."""
        sums: Array = resp @ self.weighted.T
        return sums

    def moments(self, statistics: Array) -> tuple[Array, Array, Array]:
        """Counts (K,), means (K, d) and scatters (K, d, d) about them."""
        d, (i, j) = self.n_columns, self.pairs
        n = statistics[:, 0]
        means = statistics[:, 1 : 1 + d] / n[:, None]
        products = statistics[:, 1 + d :] - n[:, None] * means[:, i] * means[:, j]
        scatter = np.empty((len(n), d, d))
        scatter[:, i, j] = scatter[:, j, i] = products
        return n, means, scatter

    def of_unit_covariance(self) -> Array:
        """Statistics (n_features,) of one row's weight about 0 with unit variances."""
        i, j = self.pairs
        return np.concatenate([[1.0], np.zeros(self.n_columns), i == j])

    def coefficients(self, constants: Array, means: Array, precisions: Array) -> Array:
        """Those of the features in log-densities: constants less half the squared distances."""
        i, j = self.pairs
        linear = (precisions @ means[:, :, None])[:, :, 0]
        constants = constants - 0.5 * (means * linear).sum(axis=1)
        halves = np.where(i == j, -0.5, -1.0) * precisions[:, i, j]
        return np.concatenate([constants[:, None], linear, halves], axis=1)


class ManyParams(NamedTuple):
    """Parameters of all components, in the units of the features."""

    weights: Array  #: (K,)
    means: Array  #: (K, d)
    covariances: Array  #: (K, d, d)


class Heights(NamedTuple):
    """What an E-step tells of each mixture."""

    log_likelihoods: Array  #: (m,), -inf where a covariance is singular, or too narrow for features
    log_largest: Array  #: (m,) sum of the logarithms of the largest responsibilities


class ManyMixtures:
    """E-step and M-step of mixtures whose components follow each other.

    Parameters
    ----------
    features : Features
        The rows.
    structures : list of Structure
        That of each mixture; equal ones follow each other.
    sizes : ndarray of shape (n_mixtures,)
        How many components each has.
    """

    def __init__(self, features: Features, structures: list[Structure], sizes: NDArray[np.intp]):
        self.features, self.structures = features, structures
        self.mixtures = SideBySide(sizes)
        self._kinds = list(_kinds(structures, sizes, features.units))
        # The k-th components of all mixtures that have one, largest mixtures first: then maxima and
        # sums over the components of each are taken over neighbouring blocks.
        rank = np.argsort(-sizes, kind="stable")
        number = self.mixtures.number
        place = np.empty_like(rank)
        place[rank] = np.arange(len(rank))
        self._order = np.lexsort([self.mixtures.spread(place), number])
        self._place = place
        self._blocks = np.bincount(number)

    def m_step(self, statistics: Array, before: ManyParams) -> ManyParams:
        """Parameters from statistics with a count above 0 in every component."""
        n, means, scatter = self.features.moments(statistics)
        covariances = np.empty_like(scatter)
        for kind in self._kinds:
            of = kind.components
            covariances[of] = kind.estimate(scatter[of], n[of], before.covariances[of])
        weights = n / self.mixtures.spread(self.mixtures.sum(n))
        return ManyParams(weights, means, covariances)

    def e_step(self, params: ManyParams) -> tuple[Array, Heights]:
        """Statistics at the parameters, and the heights of the mixtures there."""
        precisions, log_dets, regular = _inverted(params.covariances)
        d = self.features.n_columns
        precision, variance = (
            part.diagonal(axis1=1, axis2=2) for part in (precisions, params.covariances)
        )
        error = EPS * (precision * (params.means**2 + variance)).sum(axis=1)
        regular &= error <= ROUGH
        with np.errstate(divide="ignore"):  # a number so low that it never counts, not -inf
            log_weights = np.maximum(np.log(params.weights), -1e300)
        constants = log_weights - 0.5 * log_dets - d * LOG_ROOT_2PI
        constants += self.features.units.log_jacobian
        coefficients = self.features.coefficients(constants, params.means, precisions)
        statistics, heights = self._expected(coefficients[self._order])
        singular = self.mixtures.sum(~regular) > 0
        heights = heights._replace(
            log_likelihoods=np.where(singular, -np.inf, heights.log_likelihoods)
        )
        return statistics, heights

    def _expected(self, coefficients: Array) -> tuple[Array, Heights]:
        """As `e_step`, from coefficients in the order of the blocks."""
        table, n = self.features.table, self.features.table.shape[1]
        sums = np.zeros_like(coefficients)
        heights = np.zeros((2, len(self._place)))
        step = max(TILE // len(coefficients), 64)
        for start in range(0, n, step):
            rows = slice(start, start + step)
            resp = coefficients @ table[:, rows]
            values = self._softmax(resp)
            heights += values @ self.features.weights[rows]
            sums += resp @ self.features.weighted[:, rows].T
        statistics = np.empty_like(sums)
        statistics[self._order] = sums
        values = heights[:, self._place]
        return statistics, Heights(values[0] + values[1], -values[1])

    def _softmax(self, log_joint: Array) -> Array:
        """Log-densities (K, n) become responsibilities; the largest of each mixture (m, n), and
        the logarithms of the sums beside these."""
        ends = np.cumsum(self._blocks)
        blocks = [log_joint[end - size : end] for end, size in zip(ends, self._blocks, strict=True)]
        values = np.empty((2, self._blocks[0], log_joint.shape[1]))
        largest, sums = values
        largest[...] = blocks[0]
        for block in blocks[1:]:
            np.maximum(largest[: len(block)], block, out=largest[: len(block)])
        for block in blocks:
            block -= largest[: len(block)]
        np.exp(log_joint, out=log_joint)
        sums[...] = blocks[0]
        for block in blocks[1:]:
            sums[: len(block)] += block
        parts = 1.0 / sums
        for block in blocks:
            block *= parts[: len(block)]
        np.log(sums, out=sums)
        return values


class _Kind(NamedTuple):
    """Mixtures of one structure."""

    structure: Structure
    components: slice
    mixtures: SideBySide
    units: Array | None  #: of the columns, in those that the structure has in common

    def estimate(self, scatter: Array, n: Array, before: Array) -> Array:
        """Covariances (K, d, d) from scatters."""
        layout, d = self.structure.layout, scatter.shape[-1]
        if self.units is not None:
            between = self.units * self.units[:, None]
            scatter, before = scatter * between, before * between
        covariances = layout.dense(
            self.structure.estimate_each(
                _in_layout(layout, scatter),
                n * layout.columns(d),
                _means_in(layout, before),
                self.mixtures,
            ),
            len(n),
            d,
        )
        return covariances if self.units is None else covariances / between


def _in_layout(layout: Layout, scatter: Array) -> Array:
    """Scatters (K, d, d) as the layout has them."""
    if layout.ndim == 2:
        return scatter
    diagonals = scatter.diagonal(axis1=1, axis2=2)
    return diagonals if layout.ndim else diagonals.sum(axis=1)


def _means_in(layout: Layout, covariances: Array) -> Array:
    """Covariances (K, d, d) as the layout has them."""
    inside = _in_layout(layout, covariances)
    return inside if layout.ndim else inside / covariances.shape[-1]


def _kinds(structures: list[Structure], sizes: NDArray[np.intp], units: Scaling) -> Iterator[_Kind]:
    """Neighbours of one structure."""
    start = begun = 0
    for i in range(1, len(structures) + 1):
        if i < len(structures) and structures[i] is structures[begun]:
            continue
        end = start + int(sizes[begun:i].sum())
        structure, scale = structures[begun], units.scale
        common = None if structure.scale_invariant else scale / structure.common_scale(scale)
        yield _Kind(structure, slice(start, end), SideBySide(sizes[begun:i]), common)
        start, begun = end, i


def _inverted(covariances: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Inverses, logarithms of determinants, and which are not singular; the others stand for 1."""
    variances = covariances.diagonal(axis1=1, axis2=2)
    regular: Any = (variances > COLLAPSED).all(axis=1)
    regular &= np.isfinite(covariances).all(axis=(1, 2))
    one = np.eye(covariances.shape[-1])
    covariances = np.where(regular[:, None, None], covariances, one)
    lower = _roots(covariances)
    pivots = lower.diagonal(axis1=1, axis2=2)
    regular &= (pivots**2 > SINGULAR * covariances.diagonal(axis1=1, axis2=2)).all(axis=1)
    roots = np.linalg.inv(np.where(regular[:, None, None], lower, one))
    pivots = np.where(regular[:, None], pivots, 1.0)
    return roots.mT @ roots, 2.0 * np.log(pivots).sum(axis=1), regular


def _roots(covariances: Array) -> Array:
    """Cholesky factors; zeros where there is none."""
    try:
        return np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        if len(covariances) == 1:
            return np.zeros_like(covariances)
        half = len(covariances) // 2
        return np.concatenate([_roots(part) for part in (covariances[:half], covariances[half:])])
