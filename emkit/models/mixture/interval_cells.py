r"""The Gaussian mixture of rows of which some cells are known to an interval alone.

The objective is that of `gaussian`, where a row with observed cells o and a box B of others has the
density

.. math:: \sum_k w_k\, N(x_o; m_{k,o}, C_{k,oo})\, P_k(x_i \in B \mid x_o).

The E-step is exact where at most two cells of a row are known to an interval, or columns are
independent within a component. Else moments and log-mass are those of expectation propagation
(`emkit.numerics.boxes`), by which the run is steered; `score_samples` has masses to about 1e-4.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.bounds import keep_within
from emkit.numerics.interval_kernels import IntervalKernel, MaskedIntervalKernel, interval_kernel
from emkit.numerics.truncated_normal import truncated_normal

__all__ = ["IntervalMixtureModel", "draw_bounded", "filled_by_columns", "impute_bounded"]

#: Steps of EM for a normal of one column: a start needs no more.
COLUMN_STEPS = 50
#: Sweeps of Gibbs sampling for a draw, where several cells of a row have bounds.
SWEEPS = 20


class IntervalMixtureModel(GaussianMixtureModel):
    """E-step, M-step and prior of a Gaussian mixture whose rows may have bounds."""

    #: Whether all that is asked of rows goes by exact masses of boxes, as `score_samples` does.
    exact_masses = False

    @classmethod
    def of(cls, model: GaussianMixtureModel) -> "IntervalMixtureModel":
        """A model to be evaluated, as the one for rows with bounds."""
        bounded = cls(model.structure, model.units, incomplete=True)
        bounded._last = model._last
        return bounded

    def initialize(self, data: Rows, rng: np.random.Generator) -> MixtureParams:
        return super().initialize(filled_by_columns(data), rng)

    def bind(self, params: MixtureParams) -> IntervalKernel | MaskedIntervalKernel:
        return interval_kernel(self.layout, self.components(params), self.units)

    def log_joint(self, tile: Rows, kernel: Any) -> tuple[Array, Any]:
        return self._log_joint(tile, kernel, exact=self.exact_masses)

    def _log_joint(self, tile: Rows, kernel: Any, *, exact: bool) -> tuple[Array, Any]:
        if tile.bounds is None or not len(tile.bounds.columns):
            return super().log_joint(tile, kernel)
        log_joint, work = kernel.log_joint_within(tile.X, tile.bounds, exact=exact)
        if tile.labels is not None:
            log_joint = tile.labels.restrict(log_joint)
        return log_joint, work

    def score_samples(self, data: Rows, params: MixtureParams) -> Array:
        """Log-density of what is observed, times the mass of the box, of each row."""
        return self._scores(data._replace(labels=None), params)

    def log_likelihood(self, data: Rows, params: MixtureParams) -> float:
        """Sum over the weights of the rows of the same, labels being observed where there are."""
        weights = np.ones(len(data.X)) if data.sample_weight is None else data.sample_weight
        return float(weights @ self._scores(data, params))

    @unbuffered()
    def _scores(self, data: Rows, params: MixtureParams) -> Array:
        def scores(tile: Rows, kernel: Any, _: Any) -> Array:
            return soft(self._log_joint(tile, kernel, exact=True)[0])[1]

        return self.by_tiles(data, params, scores, np.empty(len(data.X)))

    def by_tiles(
        self, data: Rows, params: MixtureParams, of_tile: Callable[..., Array], out: Array
    ) -> Array:
        """What ``of_tile(tile, kernel, rows)`` gives for the rows, in ``out``."""
        kernel = self.bind(params)
        for rows in kernel.pieces(len(data.X), data.groups):
            out[rows] = of_tile(data.take(rows), kernel, rows)
        return out


@unbuffered()
def impute_bounded(model: IntervalMixtureModel, data: Rows, params: MixtureParams) -> Array:
    """Rows with missing cells, and those with bounds, at their conditional means."""
    shift, scale = model.units

    def means(tile: Rows, kernel: Any, _: Any) -> Array:
        if not np.isnan(tile.X).any():
            return tile.X
        log_joint, work = model.log_joint(tile, kernel)
        filled = kernel.completed(work, soft(log_joint)[0]).T * scale + shift
        return np.where(np.isnan(tile.X), filled, tile.X)

    out = model.by_tiles(data, params, means, np.empty(data.shape))
    keep_within(out, data.bounds)  # out of which rounding may have taken them
    return out


@unbuffered()
def draw_bounded(
    model: IntervalMixtureModel, data: Rows, params: MixtureParams, rng: np.random.Generator
) -> Array:
    """Rows whose cells with bounds are drawn given the others; what is missing stays so.

    A draw of a row depends on its place in the rows alone.
    """
    n, d = data.shape
    several = data.bounds is not None and data.bounds.counts.max() > 1
    choice, chance = rng.random(n), rng.random((SWEEPS if several else 1, n, d))

    def draws(tile: Rows, kernel: Any, rows: Any) -> Array:
        if tile.bounds is None or not len(tile.bounds.columns):
            return tile.X
        share = soft(model.log_joint(tile, kernel)[0])[0].cumsum(axis=0)
        which = np.minimum((share < choice[rows]).sum(axis=0), len(share) - 1)
        drawn: Array = kernel.draw_within(tile.X, tile.bounds, which, chance[:, rows])
        return drawn

    out = model.by_tiles(data, params, draws, np.empty(data.shape))
    keep_within(out, data.bounds)
    return out


# Starts


def filled_by_columns(data: Rows) -> Rows:
    """Rows whose cells with bounds are at their conditional means in a normal of their column."""
    if data.bounds is None:
        return data
    X = data.X.astype(float)
    weights = np.ones(len(X)) if data.sample_weight is None else data.sample_weight
    row = data.bounds.rows
    for j in np.unique(data.bounds.columns):
        mine, seen = data.bounds.columns == j, ~np.isnan(X[:, j])
        cut, (low, high) = row[mine], data.bounds.ends[:, mine]
        X[cut, j] = _column_means(X[seen, j], weights[seen], low, high, weights[cut])
    return Rows.of(X, data.sample_weight)._replace(labels=data.labels)


def _column_means(x: Array, of_x: Array, low: Array, high: Array, of_cells: Array) -> Array:
    """Conditional means of cells in (low, high), by EM, of a normal column with numbers x.

    ``of_x`` and ``of_cells`` are weights.
    """
    ends = np.concatenate([x, low[np.isfinite(low)], high[np.isfinite(high)]])
    unit = np.ptp(ends) or 1.0
    # A start a quarter of the range beyond an end that is alone.
    left = np.where(np.isfinite(low), low, high - 0.5 * unit)
    right = np.where(np.isfinite(high), high, low + 0.5 * unit)
    filled, variance = 0.5 * (left + right), np.zeros(len(low))
    total = of_x.sum() + of_cells.sum()
    for _ in range(COLUMN_STEPS):
        mean = (of_x @ x + of_cells @ filled) / total
        square = of_x @ (x - mean) ** 2 + of_cells @ ((filled - mean) ** 2 + variance)
        scale = max(np.sqrt(square / total), 1e-3 * unit)
        z = truncated_normal((low - mean) / scale, (high - mean) / scale, (high - low) / scale)
        filled, variance = mean + scale * z.mean, scale**2 * z.variance
    means: Array = np.clip(filled, low, high)
    return means
