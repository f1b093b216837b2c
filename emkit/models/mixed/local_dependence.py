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
from emkit.models.mixed.batches import implied_statistics, recentred
from emkit.models.mixed.binding import NEVER, Bound, expanded
from emkit.models.mixed.completions import Codes, Levels, sum_levels
from emkit.models.mixed.design import Design
from emkit.models.mixed.effects import Curvature, move
from emkit.models.mixed.parameters import LocalParams, LocalStats, normals
from emkit.models.mixed.rows import CodedRows, Tile
from emkit.models.mixed.sums import LevelSums
from emkit.models.mixed.terms import Terms
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import Moments

__all__ = ["LocalDependence", "LocalParams", "LocalStats", "Work"]


class Work(NamedTuple):
    """What the statistics of a tile are taken from."""

    tile: Tile  #: the rows that the kernel was given
    kernel: Any
    work: Any
    z: list[Array]  #: for each normal (p, n) residuals without levels that are summed over
    known: Array  #: (T, n) indicators of known levels
    terms: Terms | None  #: levels and classes summed over; None if there are none


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
    pseudo_counts : float or ndarray of shape (T,), default=0.0
        Rows of that prior, for every table of every class; or those of each level.
    ridge : float, default=0.0
        The prior precision of an effect.
    draw_start : callable(model, data, rng) -> LocalParams, optional
        One random start.
    total_weight : float, default=0.0
        Sum of the sample weights; that of the normal model, where there is one.
    """

    place_fields = ("means", "tables")

    def __init__(
        self,
        normal: GaussianMixtureModel | None,
        n_classes: int,
        levels: Levels,
        shares: list[Array],
        *,
        pseudo_counts: float | Array = 0.0,
        ridge: float = 0.0,
        draw_start: Callable[..., LocalParams] | None = None,
        total_weight: float = 0.0,
    ):
        self.normal, self.levels, self.shares, self.ridge = normal, levels, shares, ridge
        self.n_classes = n_classes
        if np.ndim(pseudo_counts) == 0:
            pseudo_counts = pseudo_counts * np.concatenate(shares)
        self.tables = Categorical(n_classes, levels.n_levels, pseudo_counts=pseudo_counts)
        self.design = Design(levels, shares)
        self.draw_start = draw_start
        self.total_weight = total_weight if normal is None else normal.total_weight

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

    def tiles(self, data: CodedRows, bound: Bound) -> Iterator[Tile]:
        return (tile for _, tile in data.tiles(self.levels, bound.tile_rows))

    def weights(self, tile: Tile) -> Array | None:
        return tile.sample_weight

    def log_joint(self, tile: Tile, bound: Bound) -> tuple[Array, Work | None]:
        """Log-density of each row with every class and combination (K M, n)."""
        n, M, K = len(tile.codes), tile.slots.n_combinations, self.n_classes
        work = None
        if self.normal is None:
            log_joint = np.tile(bound.log_weights[:, None], n)
            log_joint += bound.log_of_known(tile)
        elif M > 1 and not bound.by_terms:
            rows, never = expanded(tile, self.levels.n_levels)
            log_joint, work = self._log_joint(rows, bound)
            log_joint = log_joint.reshape(K, M, n)
            log_joint[:, never] = NEVER
        else:
            log_joint, work = self._log_joint(tile, bound)
        if tile.labels is not None:
            log_joint = log_joint.reshape(K, M, n)
            for of_combination in log_joint.swapaxes(0, 1):
                tile.labels.restrict(of_combination)
        return log_joint.reshape(K * M, n), work

    def _log_joint(self, tile: Tile, bound: Bound) -> tuple[Array, Work]:
        known = self.design.indicators(tile.codes)
        x = bound.residuals(tile, bound.moved(tile, known))
        log_joint, kernel, of_kernel = bound.log_density(x)
        of_known = bound.log_of_known(tile, known)
        z = [kernel.residuals(of_kernel, k) for k in range(len(log_joint))]
        if not (tile.slots.sizes or bound.n_class_levels):
            log_joint += of_known
            return log_joint, Work(tile, kernel, of_kernel, z, known, None)
        terms = Terms.of(tile.slots, x, of_kernel, bound)
        log_joint = terms.log_joint(log_joint, of_known, z, bound)
        return log_joint, Work(tile, kernel, of_kernel, z, known, terms)

    def statistics(self, tile: Tile, resp: Array, work: Work | None, bound: Bound) -> LocalStats:
        if work is None:
            counts = self.tables.statistics(tile.codes, resp, []).counts
            nothing, none = np.zeros((self.n_classes, 0)), np.zeros((1, 0, 0))
            return LocalStats(resp.sum(axis=1), nothing, nothing, counts, nothing, none, none)
        rows, known, C, U = work.tile, work.known, bound.n_class_levels, self.design.size
        # of every combination where the kernel was given each as a row, else of the rows
        resp = resp.reshape(len(work.z), -1, len(rows.codes))
        of_normal = of_class = resp[:, 0]
        if work.terms is not None:
            single, pairs = sum_levels(work.terms.sizes, resp)
            of_normal = single[:, : work.terms.sizes[0]].sum(axis=1)
            of_class = single[0, :C] if C else of_normal
        counts = self._known_counts(rows.codes, of_class, known)
        left_out = rows.slots.left_out
        if left_out is not None:
            known = known + self.design.shares @ left_out.T
        moments = work.kernel.moments(work.work, of_normal)
        sums = LevelSums(bound, work.z, self.design.regressors(known), of_normal)
        if work.terms is not None:
            sums.add(work.terms, single, pairs)
        # one variance for all is a number, which is added to
        scatter = np.asarray(work.kernel.from_tile_sums(moments).scatter)
        for k, change in enumerate(sums.scatter):
            bound.layout.add_conditional_covariance(
                scatter, k, np.diag(change) if bound.layout.independent else change
            )
        gram, cross = sums.gram[:, : U + 1, : U + 1], sums.cross
        # the constant's are those of each class
        design = sums.gram[0, U + 1 :, : U + 1] if C else gram[:, U]
        first = cross[0, U + 1 :] if C else cross[:, U]
        if bound.layout.shared:
            gram, cross = gram.sum(axis=0)[None], cross.sum(axis=0)[None]
        counts[:, self.design.of_tables] += sums.counts
        n = of_class.sum(axis=1)
        return LocalStats(n, first, scatter, counts, design, gram, cross[:, : U + 1])

    def _known_counts(self, codes: Codes, resp: Array, known: Array) -> Array:
        """Expected counts (K, T) of the levels that rows are known to have."""
        of_tables, columns = self.design.of_tables, self.design.columns
        if len(columns) == codes.shape[1]:
            return resp @ known.T
        counts = self.tables.statistics(codes, resp, []).counts
        counts[:, of_tables] = resp @ known.T
        return counts

    def from_tile_sums(self, stats: LocalStats, bound: Bound) -> LocalStats:
        if self.normal is None:
            return stats
        contrasts = self.design.contrasts_of_others
        return stats._replace(
            design=stats.design @ contrasts,
            gram=contrasts.T @ stats.gram @ contrasts,
            cross=contrasts.T @ stats.cross,
        )

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

    @property
    def visible_fall(self) -> float:
        """As of the normals: where rounding hides falls that anyone would see, a run ends at them.

        Of tables alone it hides none, and an objective of 0, of rows that are certain, has no part.
        """
        return np.inf if self.normal is None else self.normal.visible_fall

    def objective_rounding(self, params: LocalParams, objective: float) -> float:
        of_tables = 4.0 * self.total_weight * self.tables.rounding(CategoricalParams(params.tables))
        if self.normal is None:
            return max(super().objective_rounding(params, objective), of_tables)
        of_numbers = self.normal.objective_rounding(normals(params), objective)
        # Scatters about means that moved are differences of squares as large as the effects, and
        # where classes share a covariance as the distances of the classes.
        largest = sum(abs(of).max(axis=0) for of in self.design.effects(params.effects).values())
        if self.normal.layout.shared:
            largest = largest + np.ptp(params.means, axis=0)
        precisions = self.normal.components(normals(params)).precisions
        precision = self.normal.layout.diagonals(precisions, params.means.shape)
        moved = float((precision * largest**2).sum(axis=1).max())
        return max(of_numbers, of_tables, 4.0 * EPS * self.total_weight * moved)

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

    # Streams

    def weight_of(self, data: CodedRows) -> float:
        return data.total_weight

    def recentre(self, stats: LocalStats, before: LocalParams, after: LocalParams) -> LocalStats:
        return recentred(self, stats, before, after)

    def implied_statistics(self, params: LocalParams, total: float) -> LocalStats:
        """Statistics of data of a total weight whose M-step is ``params``."""
        return implied_statistics(self, params, total)
