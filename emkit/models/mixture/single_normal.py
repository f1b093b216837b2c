"""A single normal from the cells at hand: where an imputer starts, and how a mixture's starts
complete their rows."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.missing_cells import draw
from emkit.models.mixture.relations import Relations
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Moments, Scaling, tile_rows

__all__ = [
    "MIN_SHRINKAGE",
    "Pairwise",
    "auto_shrinkage",
    "complete_rows",
    "normal_start",
    "pairwise_moments",
]

#: Shrinkage that keeps a covariance positive definite and changes nothing else.
MIN_SHRINKAGE = 1e-6
#: Rows that hold a pair of columns, for every column and component, at which shrinkage is gone.
ROWS_PER_PARAMETER = 20

#: Smallest eigenvalue that a correlation matrix starts from: EM leaves a variance that is too
#: small only slowly, one that is too large fast.
MIN_EIGENVALUE = 0.05
#: Part of a variance that is left at the start where a relation holds exactly.
NEARLY_EXACT = 1e-3
#: Variance of a column, in the model's units, that is nothing beside the others: columns may share
#: a unit, or have that of a ridge.
LEAST_VARIANCE = 1e-20
#: EM steps before rows are completed for a start.
STEPS = 5


class Pairwise(NamedTuple):
    """Covariances from the rows that hold both columns, in internal units, and their weight."""

    covariance: Array  #: (d, d), symmetric but perhaps not positive definite; 0 where no row does
    n: Array  #: (d, d)
    relations: Relations | None = None  #: that hold exactly, where they were looked for

    @property
    def correlation(self) -> Array:
        deviation = np.sqrt(np.diag(self.covariance))
        deviation[deviation == 0.0] = 1.0
        correlation: Array = self.covariance / np.outer(deviation, deviation)
        np.fill_diagonal(correlation, 1.0)
        return correlation


class PairSums(NamedTuple):
    """Sums over the rows that hold both of two columns."""

    n: Array  #: (d, d) weight
    first: Array  #: (d, d) of column i over the rows that hold column j
    cross: Array  #: (d, d) of products


def pairwise_moments(data: Any, units: Scaling) -> Pairwise:
    """Covariance of every pair of columns where both are observed, of rows or blocks of them."""
    (n, first, cross), _ = data.sum(partial(_pair_sums, units))
    shares = np.where(n > 0.0, n, np.inf)
    mean = first / shares
    return Pairwise(cross / shares - mean * mean.T, n)


def _pair_sums(units: Scaling, data: Rows) -> tuple[PairSums, float]:
    d = len(units.shift)
    n, first, cross = np.zeros((3, d, d))
    step = tile_rows(3 * d)
    for start in range(0, len(data.X), step):
        tile = data.take(slice(start, start + step))
        x = units.load(tile.X, np.empty(tile.X.shape[::-1]))
        observed = np.isfinite(x).astype(float)
        np.copyto(x, 0.0, where=observed == 0.0)
        weighted = x if tile.sample_weight is None else x * tile.sample_weight
        counted = observed if tile.sample_weight is None else observed * tile.sample_weight
        n += counted @ observed.T
        first += weighted @ observed.T
        cross += weighted @ x.T
    return PairSums(n, first, cross), 0.0


def normal_start(model: GaussianMixtureModel, pairwise: Pairwise) -> MixtureParams:
    """One component: the observed means, and pairwise covariances made positive definite."""
    variances = np.diag(pairwise.covariance)
    mean: Array = np.zeros(len(variances))
    if pairwise.relations is not None:
        # Off the plane EM would be slow to find it.
        covariance, mean = pairwise.relations
        covariance = covariance + NEARLY_EXACT * np.diag(variances)
    else:
        correlation = pairwise.correlation
        smallest = float(np.linalg.eigvalsh(correlation)[0])
        if smallest < MIN_EIGENVALUE:
            shrink = (MIN_EIGENVALUE - smallest) / (1.0 - smallest)
            correlation = (1.0 - shrink) * correlation + shrink * np.eye(len(correlation))
        deviation = np.sqrt(variances)
        covariance = correlation * np.outer(deviation, deviation)
    layout, d = model.layout, len(variances)
    weight = np.array([model.total_weight])
    scatter = np.zeros(layout.shape(1, d))
    conditional = variances if layout.independent else covariance
    layout.add_conditional_covariance(scatter, 0, weight * conditional)
    here = MixtureParams(np.ones(1), mean[None], layout.identity(1, d))
    return model.m_step(Moments(weight, np.zeros((1, d)), scatter), here)


def complete_rows(model: GaussianMixtureModel, data: Rows, rng: np.random.Generator) -> Rows:
    """The rows with missing cells drawn from a normal fitted to all of them.

    Draws, not means: means would lie in a plane, where a cluster that misses a column collapses.
    """
    # Units that keep a structure may be too far from those of some column.
    units = model.units if model.structure.scale_invariant else data.scaling()
    pairwise = pairwise_moments(data, units)
    total, d = data.total_weight, len(units.shift)
    strength = (d + 1.0) / total  # so many rows of prior keep any data positive definite
    variances = np.maximum(np.diag(pairwise.covariance), LEAST_VARIANCE)
    np.fill_diagonal(pairwise.covariance, variances)
    normal = GaussianMixtureModel(
        STRUCTURES["full"],
        units,
        strength * variances,
        total,
        strength=strength,
        incomplete=True,
    )
    params = normal_start(normal, pairwise)
    for _ in range(STEPS):
        params = normal.m_step(normal.e_step(data._replace(labels=None), params)[0], params)
    return data._replace(X=draw(normal, data.X, params, rng), groups=None)


def auto_shrinkage(pairwise: Pairwise, n_components: int) -> float:
    r"""Shrinkage that few rows need and many do without.

    .. math:: s = \frac12 \, \frac{Kd}{\bar n + Kd} \Bigl(1 - \frac{\bar n}{20 K d}\Bigr)_+,

    with :math:`\bar n` the rows that hold a pair of columns: a prior worth about d/2 rows a
    component, which over factor, Wishart, Toeplitz and equal correlations came within 4 % of the
    smallest error of imputed cells from n = 0.7 d to 7 d.
    """
    d = len(pairwise.n)
    pairs = np.triu_indices(d, 1) if d > 1 else ([0], [0])
    rows, needed = float(pairwise.n[pairs].mean()), float(n_components * d)
    fade = max(0.0, 1.0 - rows / (ROWS_PER_PARAMETER * needed))
    shrinkage = 0.5 * needed / (rows + needed) * fade
    singular = np.linalg.eigvalsh(pairwise.correlation)[0] < MIN_SHRINKAGE
    return max(shrinkage, MIN_SHRINKAGE) if n_components > 1 or singular else shrinkage
