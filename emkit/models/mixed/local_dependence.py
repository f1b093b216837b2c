r"""Classes with local dependence: numbers and categories of one table.

.. math:: p(c, x) = \sum_k w_k \prod_j t_{kj}[c_j]\; N\bigl(x; m_k + B^\top u(c), C_k\bigr)

Within a class categories are independent, and move the means of the numbers. One class without
categories is a normal, classes without numbers are latent class analysis, one class of both is the
general location model with main effects (Little & Schluchter 1985). A row whose categories are
missing is a row in every combination of them: what is unknown of it is a class and a combination.

The objective is the weighted log-likelihood of the observed cells plus that of the priors: those of
the tables (`Categorical`) and of the normals (`Prior`), and

.. math:: -\frac{\rho}{2} \lVert B \rVert^2

on the effects, in units in which columns of numbers have variance 1.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import LatentClassModel
from emkit.models.emissions.categorical import Categorical, CategoricalParams, CategoricalStats
from emkit.models.mixed.design import Design
from emkit.models.mixed.effects import Curvature, move
from emkit.models.mixed.rows import CodedRows, Expanded, Levels
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import CompleteKernel, Moments, Scaling, choose_complete, tile_rows

__all__ = ["LocalDependence", "LocalParams"]

#: Stands in for the logarithm of 0: so low that it never counts, and a number.
NEVER = -1e300


class LocalParams(NamedTuple):
    """Parameters of `LocalDependence`, those of the numbers in internal units."""

    weights: Array  #: (K,)
    means: Array  #: (K, p)
    covariances: Array  #: of the structure
    effects: Array  #: (U, p) coordinates of B in the contrasts of `Design`
    tables: Array  #: (K, T) probabilities of the levels of all columns, side by side


class LocalStats(NamedTuple):
    """Expected statistics, those of the numbers about the means of their row."""

    n: Array  #: (K,)
    first: Array  #: (K, p)
    scatter: Array  #: in the shape of the covariances
    counts: Array  #: (K, T) of the levels
    design: Array  #: (K, U) sum of r u
    gram: Array  #: (K or 1, U, U) sum of r u u'; one where the classes share a covariance
    cross: Array  #: (K or 1, U, p) sum of r u (x - its mean)'


class Work(NamedTuple):
    """What the statistics of a tile are taken from."""

    kernel: Any
    work: Any
    design: Array  #: (M n, U)


class Bound:
    """The model at some parameters."""

    def __init__(self, model: "LocalDependence", params: LocalParams):
        self.params = params
        logs = model.tables.bind(CategoricalParams(params.tables))
        self.log_tables = [np.maximum(table, NEVER) for table in logs]
        with np.errstate(divide="ignore"):
            log_weights = np.log(params.weights / params.weights.sum())
        self.log_weights = np.maximum(log_weights, NEVER)
        self.rows = tile_rows(sum(model.levels.n_levels) + len(log_weights))
        if model.normal is None:
            return
        self.scale = model.normal.units.scale
        self.layout = model.normal.layout
        self.components = model.normal.components(normals(params))
        self.units = model.normal.units
        # Rows come centred: beside a large shift the effects would be lost in rounding.
        self._of_rows = Scaling(np.zeros_like(self.scale), self.scale)
        self.complete: CompleteKernel = choose_complete(self.layout, self.components, self._of_rows)
        self.rows, self._n_reserved = self.complete.rows, 0
        self._incomplete: ConditionalKernel | MaskedKernel | None = None

    def log_density(self, x: Array, copies: int = 1) -> tuple[Array, Any, Any]:
        """Of rows (N, p) of `residuals`, with the weights; with it the kernel and its work.

        So many blocks of the rows miss the same.
        """
        if np.isnan(x.min(initial=0.0)):
            if self._incomplete is None:
                kind = MaskedKernel if self.layout.independent else ConditionalKernel
                self._incomplete = kind(self.layout, self.components, self._of_rows)
            kernel: Any = self._incomplete
            log_joint, work = kernel.log_joint_incomplete(x, copies)
        else:
            kernel = self.complete
            if len(x) > self._n_reserved:
                kernel.reserve(len(x))
                self._n_reserved = len(x)
            log_joint, work = kernel.log_joint(x)
        return log_joint, kernel, work

    def residuals(self, x: Array, design: Array) -> Array:
        """Numbers (N, p) less the shift and what the categories do to them."""
        centred: Array = x - self.units.shift
        if design.shape[1]:
            centred -= (design @ self.params.effects) * self.scale
        return centred

    def tile_rows(self, holes: bool) -> int:
        """Rows of a tile, a row counted once for each combination."""
        return max(self.rows // 4, 256) if holes else self.rows


class LocalDependence(LatentClassModel):
    """E-step, M-step and priors of classes with local dependence.

    Parameters
    ----------
    normal : GaussianMixtureModel or None
        What the classes say of the numbers, less what categories do to their means; None where
        there are no numbers.
    levels : Levels
        What is known of the columns of categories.
    shares : list of ndarray
        Shares of the levels of each column, about which the tables' prior lies.
    pseudo_counts : float, default=0.0
        Rows of that prior, for every table of every class.
    ridge : float, default=0.0
        The prior precision of an effect.
    draw_start : callable(model, data, rng) -> LocalParams, optional
        One random start.
    """

    place_fields = ("means", "tables")

    def __init__(
        self,
        normal: GaussianMixtureModel | None,
        n_classes: int,
        levels: Levels,
        shares: list[Array],
        *,
        pseudo_counts: float = 0.0,
        ridge: float = 0.0,
        draw_start: Callable[..., LocalParams] | None = None,
    ):
        self.normal, self.levels, self.shares, self.ridge = normal, levels, shares, ridge
        self.n_classes = n_classes
        self.tables = Categorical(
            n_classes, levels.n_levels, pseudo_counts=pseudo_counts * np.concatenate(shares)
        )
        self.design = Design(levels, shares)
        self.draw_start = draw_start

    @property
    def class_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        shared = self.normal is None or self.normal.layout.shared
        return ("weights", "means", "tables") + (() if shared else ("covariances",))

    def initialize(self, data: CodedRows, rng: np.random.Generator) -> LocalParams:
        if self.draw_start is None:
            raise NotImplementedError("this model was made to be evaluated, not fitted")
        return self.draw_start(self, data, rng)

    # E-step

    def bind(self, params: LocalParams) -> Bound:
        return Bound(self, params)

    def tiles(self, data: CodedRows, bound: Bound) -> Iterator[Expanded]:
        return (tile for _, tile in data.tiles(self.levels, bound.tile_rows))

    def weights(self, tile: Expanded) -> Array | None:
        return tile.sample_weight

    def log_joint(self, tile: Expanded, bound: Bound) -> tuple[Array, Work | None]:
        """Log-density of each row with every class and combination (K M, n)."""
        n, M, K = len(tile.codes), tile.n_combinations, self.n_classes
        work: Work | None
        if self.normal is None:
            work = None
            log_joint = np.tile(bound.log_weights[:, None, None], (1, M, n))
        else:
            design = self.design.rows(tile).reshape(M * n, -1)
            x = np.broadcast_to(tile.X, (M, *tile.X.shape)).reshape(M * n, -1)
            density, kernel, of_kernel = bound.log_density(bound.residuals(x, design), M)
            log_joint, work = density.reshape(K, M, n), Work(kernel, of_kernel, design)
        log_joint += self._log_tables(tile, bound)[:, None]
        for cell in tile.tried:
            table = bound.log_tables[cell.column][:, 1:]
            log_joint[:, :, cell.rows] += np.take(table, cell.levels, axis=1)
        if tile.absent is not None:
            log_joint[:, tile.absent] = NEVER
        return log_joint.reshape(K * M, n), work

    def _log_tables(self, tile: Expanded, bound: Bound) -> Array:
        """Log-probability of the observed categories (K, n)."""
        total = np.zeros((self.n_classes, len(tile.codes)))
        for table, codes in zip(bound.log_tables, tile.codes.T, strict=True):
            total += np.take(table, codes + 1, axis=1)  # 0 is a missing cell
        return total

    def statistics(
        self, tile: Expanded, resp: Array, work: Work | None, bound: Bound
    ) -> LocalStats:
        K, M, n = self.n_classes, tile.n_combinations, len(tile.codes)
        of_combination = resp.reshape(K, M, n)
        counts = self._counts(tile, of_combination)
        if work is None:
            nothing = np.zeros((K, 0))
            return LocalStats(
                of_combination.sum(axis=(1, 2)),
                nothing,
                nothing,
                counts,
                nothing,
                np.zeros((1, 0, 0)),
                np.zeros((1, 0, 0)),
            )
        r = of_combination.reshape(K, M * n)
        kernel, of_kernel, design = work
        gram, cross = _products(r, work, bound.layout.shared)
        n_k, first, scatter = kernel.from_tile_sums(kernel.moments(of_kernel, r))
        return LocalStats(n_k, first, scatter, counts, r @ design, gram, cross)

    def _counts(self, tile: Expanded, resp: Array) -> Array:
        """Expected counts of the levels (K, T)."""
        of_class = resp.sum(axis=1)
        counts = self.tables.statistics(tile.codes, of_class, []).counts
        starts = np.cumsum(self.levels.n_levels) - self.levels.n_levels
        for column, rows, levels in tile.tried:
            n_levels = self.levels.n_levels[column]
            for k, r in enumerate(resp):
                more = np.bincount(levels.ravel(), r[:, rows].ravel(), n_levels)
                counts[k, starts[column] : starts[column] + n_levels] += more
        return counts

    # M-step

    def m_step(self, stats: LocalStats, params: LocalParams) -> LocalParams:
        tables = self.tables.m_step(
            CategoricalStats(stats.counts), CategoricalParams(params.tables)
        ).probabilities
        if self.normal is None:
            return params._replace(weights=stats.n / stats.n.sum(), tables=tables)
        moments = Moments(stats.n, stats.first, stats.scatter)
        step: Array = np.zeros_like(params.effects)
        if self.design.size:
            layout = self.normal.layout
            precisions = self.normal.components(normals(params)).precisions
            precisions = layout.dense(precisions, *params.means.shape)
            curvature = Curvature(stats.n, stats.design, stats.gram, stats.first, stats.cross)
            step = curvature.step(precisions, self.ridge, params.effects)
            moments = move(layout, moments, curvature, step)
        weights, means, covariances = self.normal.m_step(moments, normals(params))
        return LocalParams(weights, means, covariances, params.effects + step, tables)

    def log_prior(self, params: LocalParams) -> float:
        value = self.tables.log_prior(CategoricalParams(params.tables))
        if self.normal is None:
            return value
        value -= 0.5 * self.ridge * float((params.effects**2).sum())
        return value + self.normal.log_prior(normals(params))

    def is_feasible(self, params: LocalParams) -> bool:
        weights = params.weights
        if not (np.isfinite(weights).all() and (weights >= 0.0).all() and weights.any()):
            return False
        if not self.tables.is_feasible(CategoricalParams(params.tables)):
            return False
        return self.normal is None or self.normal.is_feasible(normals(params))

    def retract(self, params: LocalParams) -> LocalParams:
        if self.normal is None:
            return params
        covariances = self.normal.retract(normals(params)).covariances
        return params._replace(covariances=covariances)

    #: As of the normals: where rounding hides falls that anyone would see, a run ends at them.
    visible_fall = GaussianMixtureModel.visible_fall

    def objective_rounding(self, params: LocalParams, objective: float) -> float:
        if self.normal is None:
            return super().objective_rounding(params, objective)
        of_numbers = self.normal.objective_rounding(normals(params), objective)
        # Scatters about means that moved are differences of squares as large as the effects.
        largest = sum(abs(of).max(axis=0) for of in self.design.effects(params.effects).values())
        precisions = self.normal.components(normals(params)).precisions
        precision = self.normal.layout.diagonals(precisions, params.means.shape)
        moved = float((precision * largest**2).sum(axis=1).max())
        return max(of_numbers, 4.0 * EPS * self.normal.total_weight * moved)

    def acceleration_threshold(self, data: CodedRows) -> float:
        return (1e-3 if self.n_classes > 1 else np.inf) * data.total_weight

    @property
    def complete_score(self) -> Callable[..., LocalParams] | None:  # type: ignore[override]
        offered = self.normal is None or self.normal.complete_score is not None
        return self._complete_score if offered else None

    def _complete_score(self, stats: LocalStats, params: LocalParams) -> LocalParams:
        tables = self.tables.complete_score(
            CategoricalStats(stats.counts), CategoricalParams(params.tables)
        ).probabilities
        if self.normal is None:
            weights = stats.n / params.weights - stats.n.sum() / params.weights.sum()
            return LocalParams(weights, params.means, params.covariances, params.effects, tables)
        moments = Moments(stats.n, stats.first, stats.scatter)
        score = self.normal.complete_score(moments, normals(params))  # type: ignore[misc]
        precisions = self.normal.components(normals(params)).precisions
        precisions = self.normal.layout.dense(precisions, *params.means.shape)
        effects = (stats.cross @ precisions[: len(stats.cross)]).sum(axis=0)
        return LocalParams(
            score.weights,
            score.means,
            score.covariances,
            effects - self.ridge * params.effects,
            tables,
        )

    def weight_of(self, data: CodedRows) -> float:
        return data.total_weight


def normals(params: LocalParams) -> MixtureParams:
    """Parameters of the numbers, less the effects."""
    return MixtureParams(params.weights, params.means, params.covariances)


def _products(r: Array, work: Work, shared: bool) -> tuple[Array, Array]:
    """Sums of r u u' and of r u (x - its mean)', for each class or for all."""
    kernel, of_kernel, u = work
    if shared:
        total = sum(r_k * kernel.residuals(of_kernel, k) for k, r_k in enumerate(r))
        return ((u.T * r.sum(axis=0)) @ u)[None], (total @ u).T[None]
    gram = np.array([(u.T * r_k) @ u for r_k in r])
    cross = [((r_k * kernel.residuals(of_kernel, k)) @ u).T for k, r_k in enumerate(r)]
    return gram, np.array(cross)
