r"""A mixture of linear regressions: each row follows one of K lines, and which one is missing.

.. math:: p(y \mid x) = \sum_k \pi_k(x) \, N(y; x^\top\beta_k, \sigma_k^2)

Columns and response are in standard units, and the first column is one of ones where there is an
intercept. The M-step is the weighted least squares of each component, as a step from its current
line: rounding is then that of the step, not of the line.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.latent_class import LatentClassModel
from emkit.models.concomitant import Constant, Logit
from emkit.models.lines_by_rows import draw_lines
from emkit.numerics.constants import EPS, LOG_ROOT_2PI
from emkit.numerics.gaussian import Scaling, tile_rows
from emkit.numerics.pseudo_inverse import solve_symmetric

__all__ = [
    "RegressionMixtureModel",
    "RegressionMixtureParams",
    "RegressionRows",
    "Standards",
]

#: A component of less than this part of all rows keeps its line: nothing tells of it.
NOTHING = 1e-100
#: Rows beyond its coefficients below which a component is not told by data: its line passes
#: through nearly all of its rows, however they lie.
BEYOND_COEFFICIENTS = 2.0
#: Among many rows some lie near a line by chance. So do those of a component of fewer than so many
#: times that number of rows, with a scale below that part of the largest.
FEW, TIGHT = 2.0, 0.02


class RegressionRows(NamedTuple):
    """Rows as the user holds them, with responses and weights."""

    X: Array
    y: Array
    sample_weight: Array | None = None

    @property
    def total_weight(self) -> float:
        return float(len(self.X) if self.sample_weight is None else self.sample_weight.sum())


class Standards(NamedTuple):
    """Units of the model: of the columns and of the response, and whether there is an intercept."""

    columns: Scaling
    response: Scaling
    intercept: bool

    def load(self, X: Array) -> Array:
        """Rows (n, q) in standard units, a column of ones first if there is an intercept."""
        out = np.empty((len(X), X.shape[1] + self.intercept))
        if self.intercept:
            out[:, 0] = 1.0
        shift, scale = self.columns
        np.divide(X - shift, scale, out=out[:, int(self.intercept) :])
        return out

    def load_response(self, y: Array) -> Array:
        """Responses (n,) in standard units."""
        shift, scale = self.response
        return (y - shift) / scale

    def to_user(self, coef: Array) -> tuple[Array, Array]:
        """Coefficients (K, p) and intercepts (K,) on the scale of the data, of lines (K, q)."""
        (shift, scale), (of_y, unit) = self.columns, self.response
        slopes = coef[:, int(self.intercept) :] * (unit / scale)
        if not self.intercept:
            return slopes, np.zeros(len(coef))
        return slopes, coef[:, 0] * unit + of_y - slopes @ shift

    def from_user(self, slopes: Array, intercepts: Array) -> Array:
        """Lines (K, q) in standard units."""
        (shift, scale), (of_y, unit) = self.columns, self.response
        standard = slopes * (scale / unit)
        if not self.intercept:
            return standard
        first = (intercepts + slopes @ shift - of_y) / unit
        return np.concatenate([first[:, None], standard], axis=1)


class RegressionMixtureParams(NamedTuple):
    """Parameters in standard units.

    Attributes
    ----------
    gate : ConstantParams or LogitParams
        Those of the weights.
    coef : ndarray of shape (n_components, q)
        Lines, the intercept first if there is one.
    variances : ndarray of shape (n_components,)
        Variances about them.
    """

    gate: Any
    coef: Array
    variances: Array


class RegressionStats(NamedTuple):
    """Sums over rows, of residuals e about the current lines."""

    gate: Any
    n: Array  #: (K,) responsibilities r
    gram: Array  #: (K, q, q) of r z z'
    first: Array  #: (K, q) of r z e
    squares: Array  #: (K,) of r e^2


class _Tile(NamedTuple):
    """Some rows in standard units."""

    z: Array  #: (n, q)
    y: Array
    of_gate: Any  #: columns that the weights depend on
    sample_weight: Array | None


class RegressionMixtureModel(LatentClassModel):
    r"""A mixture of regressions, as a latent class model.

    The objective has a prior on the variances, which keeps it bounded:

    .. math:: \log p = -\frac{\lambda}{2} \sum_k \frac{1}{\sigma_k^2},
              \qquad \sigma_k^2 = \frac{\mathrm{RSS}_k + \lambda}{n_k}.

    Parameters
    ----------
    n_components : int
        Number of lines.
    standards : Standards
        Units of columns and response.
    gate : Constant or Logit
        How the weights depend on a row.
    ridge : float, default=0.0
        The sum of squares :math:`\lambda`, in standard units.
    total_weight : float, default=0.0
        Rows in all the data, or sum of their weights, by which a run knows to how many digits the
        objective is exact.
    n_rows : int, default=0
        Rows in all the data, where that is more than their weights say: these are then no counts.
    """

    place_fields = ("coef",)

    def __init__(
        self,
        n_components: int,
        standards: Standards,
        gate: Constant | Logit,
        ridge: float = 0.0,
        total_weight: float = 0.0,
        n_rows: int = 0,
    ):
        self.n_components, self.standards, self.n_rows = n_components, standards, n_rows
        self.gate, self.ridge, self.total_weight = gate, ridge, total_weight
        self.class_fields = (f"gate.{gate.field}", "coef", "variances")

    def initialize(self, data: RegressionRows, rng: np.random.Generator) -> RegressionMixtureParams:
        z, y = self.standards.load(data.X), self.standards.load_response(data.y)
        coef, shares, variance = draw_lines(z, y, data.sample_weight, self.n_components, rng)
        least = self.ridge / data.total_weight
        variances = np.full(self.n_components, max(variance, least, EPS**2))
        return RegressionMixtureParams(self.gate.start(shares), coef, variances)

    # E-step

    def tiles(self, data: RegressionRows, bound: Any) -> Iterator[_Tile]:
        size = tile_rows(2 * data.X.shape[1] + 3 * self.n_components)
        for start in range(0, len(data.X), size):
            yield self.tile(data, slice(start, start + size))

    def tile(self, data: RegressionRows, some: slice) -> _Tile:
        """Some rows in standard units; responses may be missing, and are then 0."""
        z, weights = self.standards.load(data.X[some]), data.sample_weight
        y = np.zeros(len(z)) if data.y is None else self.standards.load_response(data.y[some])
        return _Tile(z, y, self.gate.columns(z), None if weights is None else weights[some])

    def weights(self, tile: _Tile) -> Array | None:
        return tile.sample_weight

    def log_joint(self, tile: _Tile, bound: RegressionMixtureParams) -> tuple[Array, Array]:
        residuals = tile.y - bound.coef @ tile.z.T
        log_joint = residuals**2
        log_joint *= -0.5 / bound.variances[:, None]
        unit = np.log(self.standards.response.scale) + LOG_ROOT_2PI
        log_joint -= (0.5 * np.log(bound.variances) + unit)[:, None]
        log_joint += self.gate.log_weights(tile.of_gate, bound.gate)
        return log_joint, residuals

    def statistics(
        self, tile: _Tile, resp: Array, work: Array, bound: RegressionMixtureParams
    ) -> RegressionStats:
        z, of_residuals = tile.z, resp * work
        gram = np.stack([(z * r[:, None]).T @ z for r in resp])
        gate = self.gate.statistics(tile.of_gate, resp, tile.sample_weight, bound.gate)
        squares = np.einsum("ki,ki->k", of_residuals, work)
        return RegressionStats(gate, resp.sum(axis=1), gram, of_residuals @ z, squares)

    # M-step

    def m_step(
        self, stats: RegressionStats, params: RegressionMixtureParams
    ) -> RegressionMixtureParams:
        told = stats.n > NOTHING * stats.n.sum()
        step = solve_symmetric(stats.gram, stats.first[..., None])[..., 0]
        saved = np.einsum("kq,kq->k", stats.first, step)
        squares = np.maximum(stats.squares - saved, 0.0) + self.ridge
        variances = squares / np.where(told, stats.n, 1.0)
        return RegressionMixtureParams(
            self.gate.m_step(stats.gate, params.gate),
            params.coef + np.where(told[:, None], step, 0.0),
            np.where(told, variances, params.variances),
        )

    def log_prior(self, params: RegressionMixtureParams) -> float:
        return -0.5 * self.ridge * float((1.0 / params.variances).sum())

    def is_feasible(self, params: RegressionMixtureParams) -> bool:
        positive = bool((params.variances > 0.0).all())
        return positive and tree.all_finite(params) and self.gate.is_feasible(params.gate)

    def objective_rounding(self, params: RegressionMixtureParams, objective: float) -> float:
        # Residuals are exact to rounding of the responses, in units of the scales.
        noise = 4.0 * self.total_weight * EPS / float(np.sqrt(params.variances.min()))
        return max(super().objective_rounding(params, objective), noise)

    def complete_score(
        self, stats: RegressionStats, params: RegressionMixtureParams
    ) -> RegressionMixtureParams:
        """Gradient of the objective, from statistics taken at ``params``."""
        precision = 1.0 / params.variances
        squares = stats.squares + self.ridge
        return RegressionMixtureParams(
            self.gate.score(stats.gate, params.gate),
            stats.first * precision[:, None],
            0.5 * precision * (squares * precision - stats.n),
        )

    # Streams and acceleration

    def weight_of(self, data: RegressionRows) -> float:
        return data.total_weight

    def acceleration_threshold(self, data: RegressionRows) -> float:
        return 1e-3 * data.total_weight

    def recentre(
        self,
        stats: RegressionStats,
        before: RegressionMixtureParams,
        after: RegressionMixtureParams,
    ) -> RegressionStats:
        moved = after.coef - before.coef
        of_moved = np.einsum("kij,kj->ki", stats.gram, moved)
        squares = stats.squares - np.einsum("kq,kq->k", 2.0 * stats.first - of_moved, moved)
        return stats._replace(first=stats.first - of_moved, squares=squares)

    # What data say of components

    def collapsed(self, params: RegressionMixtureParams, n: Array) -> Array:
        """Which components (K,) no data tell of, given the weight that each has.

        They have too few rows for a line and a variance, or no scatter but that of the prior, or
        few rows that lie near a line by chance.
        """
        least, variances = params.coef.shape[1] + BEYOND_COEFFICIENTS, params.variances
        of_prior = variances * n < 2.0 * self.ridge
        n = n * max(1.0, self.n_rows / n.sum())
        by_chance = (n < FEW * least) & (variances < TIGHT**2 * variances.max())
        found: Array = (n < least) | of_prior | by_chance
        return found
