r"""Linear regression with responses known only to an interval: y = x'b + s e, e normal.

The complete response of row i, with weight w_i, lies in [l_i, u_i] (equal where it is exact). The
objective is

.. math:: \sum_{\text{exact}} w_i \log \tfrac1s \varphi(z_i)
          + \sum_{\text{censored}} w_i \log\bigl(\Phi(b_i) - \Phi(a_i)\bigr)
          - \frac{\alpha}{2 s^2} \sum_j \beta_j^2,
          \qquad z_i = \frac{y_i - x_i^\top b}{s},

:math:`a_i` and :math:`b_i` being :math:`z_i` at :math:`l_i` and :math:`u_i`, and :math:`\beta_j`
the coefficients of standardised columns. The M-step is ridge regression of the expected responses.
It moves from the current line by the gradient, so that nothing cancels near the maximum; exact rows
enter an E-step through their sums alone.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.design import by_tile, steps
from emkit.models.censored.gram import pseudo_inverse
from emkit.models.censored.line import LineParams, PenalisedLine
from emkit.models.censored.residuals import Residuals
from emkit.numerics.constants import EPS
from emkit.numerics.truncated_normal import LOG_ROOT_2PI, curvature, truncated_normal

__all__ = ["CensoredNormal"]

#: Eigenvalues of the information this small beside the largest are rounding.
RANK_EIGENVALUE = 1e-13


class ExpectedResiduals(NamedTuple):
    """Expected sufficient statistics, about the current line."""

    n: Array  #: () total weight
    gradient: Array  #: (q,) sum of w x E[residual]
    squares: Array  #: () sum of w E[residual^2]
    information: Array  #: (q + 1, q + 1) observed information of coefficients and log scale


class CensoredNormal(PenalisedLine):
    """E-step, M-step and Newton steps of normal censored regression."""

    @cached_property
    def solver(self) -> Array:
        """Of least squares (q, q), of least norm where columns repeat: the rows do not change."""
        units = np.outer(self.shrinkage, self.shrinkage)
        return units * pseudo_inverse(self.penalised_gram)[0]

    def initialize(self, data: Residuals, rng: np.random.Generator) -> LineParams:
        return LineParams(np.zeros(len(self.line)), np.array(0.0))

    def objective_rounding(self, params: LineParams, objective: float) -> float:
        # Squares of the exact rows are differences of their sums about the first line.
        squares = self.exact_squares + self.weight * float(np.abs(params.coef).sum()) ** 2
        in_scales = squares * float(np.exp(-2.0 * params.log_scale))
        return super().objective_rounding(params, objective) + 4.0 * EPS * in_scales

    def e_step(self, data: Residuals, params: LineParams) -> tuple[ExpectedResiduals, float]:
        coef, scale = params.coef, float(np.exp(params.log_scale))
        exact = data.exact
        gradient = exact.cross - exact.gram @ coef
        squares = max(exact.squares - float(coef @ (exact.cross + gradient)), 0.0)
        n = exact.weight
        log_likelihood = -n * (LOG_ROOT_2PI + float(params.log_scale)) - 0.5 * squares / scale**2
        # In units of the scale: of (coefficients, log scale) the curvature about this line.
        location, mixed = exact.gram, 2.0 * gradient / scale
        both = 2.0 * squares / scale**2
        columns = by_tile(data.design)
        for rows in steps(len(data.design)):
            design = columns(rows)
            fitted = design @ coef
            low, high, width = data.bounds(rows)
            low, high, width = (low - fitted) / scale, (high - fitted) / scale, width / scale
            z = truncated_normal(low, high, width)
            second = z.variance + z.mean**2
            curves = curvature(low, high, z, width)
            weight = np.ones(len(design)) if data.weight is None else data.weight[rows]
            n += float(weight.sum())
            log_likelihood += float(weight @ z.log_mass)
            gradient += scale * ((weight * z.mean) @ design)
            mixed += (weight * curves[1]) @ design
            squares += scale**2 * float(weight @ second)
            root = design * np.sqrt(weight * np.maximum(curves[0], 0.0))[:, None]
            location = location + root.T @ root
            both += float(weight @ curves[2])
        information = np.block(
            [[location / scale**2, mixed[:, None] / scale], [mixed[None] / scale, both]]
        )
        stats = ExpectedResiduals(np.array(n), gradient, np.array(squares), information)
        self._keep(data, params, stats)
        return stats, log_likelihood

    def propose(self, stats: ExpectedResiduals, params: LineParams) -> LineParams | None:
        """The Newton step, where the objective is concave."""
        scale = float(np.exp(params.log_scale))
        unit = np.append(scale * self.shrinkage, 1.0)  # steps are taken in units of it
        values, vectors = np.linalg.eigh(np.outer(unit, unit) * self.information(stats, params))
        seen = np.abs(values) > RANK_EIGENVALUE * np.abs(values).max()
        if (values[seen] <= 0.0).any():
            return None
        vectors = vectors[:, seen]
        score = unit * self.information_score(stats, params)
        step = unit * (vectors @ ((vectors.T @ score) / values[seen]))
        return LineParams(params.coef + step[:-1], params.log_scale + step[-1])

    def polish(self, stats: ExpectedResiduals, params: LineParams, rounding: float) -> LineParams:
        image = self.propose(stats, params)
        if image is None or not self.is_feasible(image):
            return params
        step = np.append(image.coef - params.coef, image.log_scale - params.log_scale)
        gain = 0.5 * float(self.information_score(stats, params) @ step)
        return image if gain <= rounding else params

    def information_score(self, stats: ExpectedResiduals, params: LineParams) -> Array:
        penalised, squares = self.penalised(params)
        scale2 = float(np.exp(2.0 * params.log_scale))
        of_scale = (float(stats.squares) + squares) / scale2 - float(stats.n)
        return np.append((stats.gradient - penalised) / scale2, of_scale)

    def information(self, stats: ExpectedResiduals, params: LineParams) -> Array:
        return stats.information + self.prior_information(params)

    def m_step(self, stats: ExpectedResiduals, params: LineParams) -> LineParams:
        penalised = self.penalty * (self.line + params.coef)
        step = self.solver @ (stats.gradient - penalised)
        coef = params.coef + step
        squares = float(stats.squares - step @ (2.0 * stats.gradient - self.gram @ step))
        squares += float(self.penalty @ (self.line + coef) ** 2)
        scale = np.sqrt(max(squares / float(stats.n), float(self.least_scale(params)) ** 2))
        return LineParams(coef, np.log(scale))
