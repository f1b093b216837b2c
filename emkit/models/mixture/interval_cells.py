r"""The Gaussian mixture of rows of which some cells are known to an interval alone.

The objective is that of `gaussian`, where a row with observed cells o and a box B of others has the
density

.. math:: \sum_k w_k\, N(x_o; m_{k,o}, C_{k,oo})\, P_k(x_i \in B \mid x_o).

The E-step is exact where at most two cells of a row are known to an interval, or columns are
independent within a component. Else moments and log-mass are those of expectation propagation
(`emkit.numerics.boxes`), by which the run is steered; `score_samples` has masses to about 1e-4.
"""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.interval_kernels import IntervalKernel, MaskedIntervalKernel, interval_kernel
from emkit.numerics.truncated_normal import truncated_normal

__all__ = ["IntervalMixtureModel", "filled_by_columns"]

#: Steps of EM for a normal of one column: a start needs no more.
COLUMN_STEPS = 50


class IntervalMixtureModel(GaussianMixtureModel):
    """E-step, M-step and prior of a Gaussian mixture whose rows may have bounds."""

    def initialize(self, data: Rows, rng: np.random.Generator) -> MixtureParams:
        return super().initialize(filled_by_columns(data), rng)

    def bind(self, params: MixtureParams) -> IntervalKernel | MaskedIntervalKernel:
        return interval_kernel(self.layout, self.components(params), self.units)

    def log_joint(self, tile: Rows, kernel: Any) -> tuple[Array, Any]:
        return self._log_joint(tile, kernel, exact=False)

    def _log_joint(self, tile: Rows, kernel: Any, *, exact: bool) -> tuple[Array, Any]:
        if tile.bounds is None or np.isnan(tile.bounds[0, 0]).all():
            return super().log_joint(tile, kernel)
        log_joint, work = kernel.log_joint_within(tile.X, tile.bounds, exact=exact)
        if tile.labels is not None:
            log_joint = tile.labels.restrict(log_joint)
        return log_joint, work

    @unbuffered()
    def score_samples(self, data: Rows, params: MixtureParams) -> Array:
        kernel, out = self.bind(params), np.empty(len(data.X))
        for rows in kernel.pieces(len(data.X), data.groups):
            tile = data.take(rows)._replace(labels=None)
            out[rows] = soft(self._log_joint(tile, kernel, exact=True)[0])[1]
        return out


def filled_by_columns(data: Rows) -> Rows:
    """Rows whose cells with bounds are at their conditional means in a normal of their column."""
    if data.bounds is None:
        return data
    X = data.X.astype(float)
    weights = np.ones(len(X)) if data.sample_weight is None else data.sample_weight
    for j in np.flatnonzero(~np.isnan(data.bounds[0]).all(axis=0)):
        low, high = data.bounds[:, :, j]
        cut = ~np.isnan(low)
        X[cut, j] = _column_means(X[:, j], low[cut], high[cut], cut, weights)
    return Rows.of(X, data.sample_weight)._replace(labels=data.labels)


def _column_means(x: Array, low: Array, high: Array, cut: Array, weights: Array) -> Array:
    """Conditional means of the cells of a column that lie in (low, high), by EM."""
    seen = ~np.isnan(x)
    ends = np.concatenate([x[seen], low[np.isfinite(low)], high[np.isfinite(high)]])
    unit = np.ptp(ends) or 1.0
    # From one of the unit beyond an end, or from the middle of both.
    filled = np.where(np.isneginf(low), high - unit / 4.0, np.where(np.isposinf(high), low + unit / 4.0, 0.5 * (low + high)))
    of_cells, of_seen = weights[cut], weights[seen]
    total = of_cells.sum() + of_seen.sum()
    spread = np.zeros(len(filled))
    for _ in range(COLUMN_STEPS):
        mean = (of_seen @ x[seen] + of_cells @ filled) / total
        about = of_seen @ (x[seen] - mean) ** 2 + of_cells @ ((filled - mean) ** 2 + spread)
        scale = max(np.sqrt(about / total), 1e-3 * unit)
        z = truncated_normal((low - mean) / scale, (high - mean) / scale)
        filled, spread = mean + scale * z.mean, scale**2 * z.variance
    return np.clip(filled, low, high)
