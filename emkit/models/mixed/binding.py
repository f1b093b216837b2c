"""The model at some parameters: what an E-step works out once, and of every tile."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.emissions.categorical import CategoricalParams
from emkit.models.mixed.completions import Slots
from emkit.models.mixed.parameters import LocalParams, normals
from emkit.models.mixed.rows import Tile
from emkit.numerics.complete import CompleteKernel, choose_complete
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import FEATURE_ERROR, Components, Scaling, tile_rows

__all__ = ["NEVER", "Bound", "expanded"]

#: Stands in for the logarithm of 0: so low that it never counts, and a number.
NEVER = -1e300
#: Rows of a tile, classes and combinations, at most: as many numbers stay in the cache.
MOST_NUMBERS = 2**19
#: Rows of a tile at least, and at most where numbers are missing.
LEAST_ROWS, MOST_ROWS = 64, 4096


class Bound:
    """A `LocalDependence` at some parameters."""

    def __init__(self, model: Any, params: LocalParams):
        self.params, self.design = params, model.design
        logs = model.tables.bind(CategoricalParams(params.tables))
        self.log_tables = [np.maximum(table, NEVER) for table in logs]
        with np.errstate(divide="ignore"):
            log_weights = np.log(params.weights / params.weights.sum())
        self.log_weights = np.maximum(log_weights, NEVER)
        self.rows = tile_rows(sum(model.levels.n_levels) + len(log_weights))
        self.by_terms, self.n_class_levels = True, 0
        if model.normal is None:
            return
        self.units, self.layout = model.normal.units, model.normal.layout
        self._bind_levels(model)
        self._bind_classes()
        self._bind_terms()
        # Rows come centred: beside a large shift the effects would be lost in rounding.
        scale = self.units.scale
        self._of_rows = Scaling(np.zeros_like(scale), scale)
        self.complete: CompleteKernel = choose_complete(self.layout, self.components, self._of_rows)
        self.rows, self._n_reserved = self.complete.rows, 0
        self._incomplete: ConditionalKernel | MaskedKernel | None = None

    def _bind_levels(self, model: Any) -> None:
        """Effects (T, p) of the levels, and whether combinations need not be rows.

        They are differences from the first level of the column, whose effect is in the means.
        """
        self.of_levels = self.design.of_levels(self.params.effects)
        means = self.params.means.copy()
        for place in self.design.places.values():
            reference = self.of_levels[place.start].copy()
            self.of_levels[place] -= reference
            means += reference
        self.components = model.normal.components(normals(self.params._replace(means=means)))
        self.of_shares = self.design.shares.T @ self.of_levels  # (columns, p)
        self._widest: Array = np.zeros(self.of_levels.shape[1])
        for place in self.design.places.values():
            self._widest += np.abs(self.of_levels[place]).max(axis=0)
        self.by_terms = self._error_of_terms(self._widest) <= FEATURE_ERROR

    def _bind_classes(self) -> None:
        """Classes that share a covariance become levels, after all others: C of them, or none."""
        K = len(self.params.means)
        if not (self.layout.shared and K > 1):
            return
        share = np.exp(self.log_weights)
        centre = share @ self.components.means
        apart = self.components.means - centre
        if self._error_of_terms(self._widest + np.abs(apart).max(axis=0)) > FEATURE_ERROR:
            return
        self.n_class_levels, of = K, self.components
        self.of_levels = np.vstack([self.of_levels, apart])  # (T + C, p)
        self.components = Components.of(
            self.layout, np.zeros(1), centre[None], of.covariances, of.factor
        )

    def _bind_terms(self) -> None:
        """What levels, alone and by two, do to the log-density of each normal, see `Terms`."""
        shape, T = self.components.means.shape, self.design.n_levels
        precisions = self.layout.dense(self.components.precisions, *shape)
        self.precisions = precisions  # (P, p, p)
        self.weighted = self.of_levels @ self.precisions  # (P, T + C, p)
        self.of_pair = -(self.weighted @ self.of_levels.T)  # (P, T + C, T + C)
        self.of_single = 0.5 * np.einsum("kll->kl", self.of_pair)  # (P, T + C)
        logs = [self.log_tables[j][:, 1:] for j in self.design.columns]
        self.logs = np.hstack([np.empty((len(self.log_weights), 0)), *logs])  # (K, T)
        if self.n_class_levels:
            self.of_pair[0, T:, :T] += self.logs
            self.of_single[0, T:] += self.log_weights
        else:
            self.of_single += self.logs

    def _error_of_terms(self, widest: Array) -> float:
        """Error of a log-density whose square is completed, as `Components.raw_error`."""
        shape = self.params.means.shape
        precision = self.layout.diagonals(self.components.precisions, shape)
        variance = self.layout.diagonals(self.components.covariances, shape)
        return EPS * float((precision * (widest**2 + variance)).sum(axis=1).max())

    def log_density(self, x: Array) -> tuple[Array, Any, Any]:
        """Of rows (n, p) of residuals, with the weights; with it the kernel and its work."""
        if np.isnan(x.min(initial=0.0)):
            if self._incomplete is None:
                kind = MaskedKernel if self.layout.independent else ConditionalKernel
                self._incomplete = kind(self.layout, self.components, self._of_rows)
            kernel: Any = self._incomplete
            log_joint, work = kernel.log_joint_incomplete(x)
        else:
            kernel = self.complete
            if len(x) > self._n_reserved:
                kernel.reserve(len(x))
                self._n_reserved = len(x)
            log_joint, work = kernel.log_joint(x)
        return log_joint, kernel, work

    def residuals(self, tile: Tile, moved: Array) -> Array:
        """Numbers (n, p) less the shift and what moves their means (p, n)."""
        centred: Array = tile.X - self.units.shift
        if len(self.of_levels):
            centred -= moved.T * self.units.scale
        return centred

    def moved(self, tile: Tile, known: Array) -> Array:
        """What categories that are not summed over do to the means (p, n), in internal units."""
        moved: Array = self.of_levels[: len(known)].T @ known
        left_out = tile.slots.left_out
        return moved if left_out is None else moved + self.of_shares.T @ left_out.T

    def log_of_known(self, tile: Tile, known: Array | None = None) -> Array:
        """Log-probability of the observed categories (K, n)."""
        K, n = len(self.log_weights), len(tile.codes)
        total = np.zeros((K, n)) if known is None else self.logs @ known
        for j, (table, column) in enumerate(zip(self.log_tables, tile.codes.T, strict=True)):
            if known is None or j not in self.design.places:
                total += np.take(table, column + 1, axis=1)  # 0 is a missing cell
        return total

    def tile_rows(self, n_missing: int, n_combinations: int) -> int:
        """Rows of a tile, which miss so many numbers."""
        rows, (K, p) = self.rows, self.params.means.shape
        if n_missing:
            rows = min(tile_rows(max(n_missing**2, 2 * p), least=256), MOST_ROWS)
        if not self.by_terms:  # every combination is a row
            return max(rows // n_combinations, 1)
        return min(rows, max(MOST_NUMBERS // (K * n_combinations), LEAST_ROWS))


def expanded(tile: Tile, n_levels: tuple[int, ...]) -> tuple[Tile, Array]:
    """A tile with a row for every combination, and which (M, n) of them there are not."""
    (sizes, columns, *_, left_out), n, M = tile.slots, len(tile.codes), tile.slots.n_combinations
    codes, never = np.tile(tile.codes, (M, 1, 1)), np.zeros((M, n), dtype=bool)
    each = np.arange(n)
    for of_slot, level in zip(columns, np.unravel_index(np.arange(M), sizes), strict=True):
        room = np.append(n_levels, 1)[of_slot]
        never |= level[:, None] >= room
        rows = each[of_slot >= 0]
        codes[:, rows, of_slot[rows]] = np.minimum(level[:, None], room[rows] - 1)
    X = np.broadcast_to(tile.X, (M, *tile.X.shape)).reshape(M * n, -1)
    left_out = None if left_out is None else np.tile(left_out, (M, 1))
    return Tile(X, codes.reshape(M * n, -1), None, Slots.none(M * n, left_out)), never
