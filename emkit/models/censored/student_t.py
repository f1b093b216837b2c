r"""Censored linear regression with Student t errors: y = x'b + s e, e of t with df degrees.

A t variate is a normal one of random precision: :math:`e \mid u \sim N(0, 1/u)` with
:math:`u \sim \chi^2_\nu / \nu`. Given :math:`a < e < b`, with F the distribution function,

.. math:: E[u] = \frac{P(a' < t_{\nu+2} < b')}{P(a < t_\nu < b)},\quad
          E[u e] = \frac{f_\nu(a) - f_\nu(b)}{P(a < t_\nu < b)},\quad
          E[u e^2] = 1 + \frac{a f_\nu(a) - b f_\nu(b)}{P(a < t_\nu < b)},\quad
          a' = a \sqrt{(\nu+2)/\nu},

and the M-step is weighted ridge regression.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.design import by_tile, steps
from emkit.models.censored.line import LineParams, PenalisedLine
from emkit.models.censored.residuals import Residuals
from emkit.numerics.student_t import LARGEST, log_density, log_mass

__all__ = ["CensoredStudentT"]

#: Step of the differences of the score, in units of the scale.
SCORE_STEP = 1e-3
#: Gain in nats of a last step of Newton, which is taken at its word.
LAST_GAIN = 1e-6
#: Eigenvalues of the information this small beside the largest may be the error of differences.
UNSEEN = 1e-8
#: Width of an interval that is as good as exact.
NARROW_WIDTH = 1e-5


class WeightedMoments(NamedTuple):
    """Expected sufficient statistics, about the current line."""

    n: Array  #: ()
    gram: Array  #: (q, q) sum of w E[u] x x'
    gradient: Array  #: (q,) sum of w x E[u residual]
    squares: Array  #: () sum of w E[u residual^2]


class CensoredStudentT(PenalisedLine):
    """E-step, M-step and penalty of censored regression with t errors; exact rows in the data."""

    polish_gains = True

    def __init__(self, line: Array, gram: Array, alpha: float | Array, intercept: bool, df: float):
        super().__init__(line, gram, alpha, intercept)
        self.df = df

    def e_step(self, data: Residuals, params: LineParams) -> tuple[WeightedMoments, float]:
        q, scale = len(params.coef), float(np.exp(params.log_scale))
        n, log_likelihood, squares = 0.0, 0.0, 0.0
        gram, gradient = np.zeros((q, q)), np.zeros(q)
        columns = by_tile(data.design)
        for rows in steps(len(data.design)):
            design = columns(rows)
            weight = np.ones(len(design)) if data.weight is None else data.weight[rows]
            fitted = design @ params.coef
            low, high, width = data.bounds(rows)
            exact = width == 0.0
            low, high = (low - fitted) / scale, (high - fitted) / scale
            values, u, ue, second = self._moments(low, high, width / scale)
            n += float(weight.sum())
            log_likelihood += float(weight @ values)
            log_likelihood -= float(weight[exact].sum()) * float(params.log_scale)
            gram += (design * (weight * u)[:, None]).T @ design
            gradient += scale * ((weight * ue) @ design)
            squares += scale**2 * float(weight @ second)
        return WeightedMoments(np.array(n), gram, gradient, np.array(squares)), log_likelihood

    def m_step(self, stats: WeightedMoments, params: LineParams) -> LineParams:
        gradient = stats.gradient - self.penalty * (self.line + params.coef)
        unit = self.shrinkage
        whole = np.outer(unit, unit) * (stats.gram + np.diag(self.penalty))
        step = unit * np.linalg.lstsq(whole, unit * gradient, rcond=1e-13)[0]
        coef = params.coef + step
        squares = float(stats.squares - step @ (2.0 * stats.gradient - stats.gram @ step))
        squares += float(self.penalty @ (self.line + coef) ** 2)
        least = float(self.least_scale(params))
        return LineParams(coef, 0.5 * np.log(max(squares / float(stats.n), least**2)))

    def score(self, stats: WeightedMoments, params: LineParams) -> Array:
        """Gradient of the objective in coefficients and log scale (Fisher's identity)."""
        penalised, squares = self.penalised(params)
        total = float(stats.squares) + squares
        scale2 = float(np.exp(2.0 * params.log_scale))
        return np.append((stats.gradient - penalised) / scale2, total / scale2 - float(stats.n))

    def information_step(
        self, data: Residuals, params: LineParams
    ) -> tuple[WeightedMoments, float]:
        """Statistics about the result, stacked: all are had in one pass over the data."""
        about = (self.e_step(data, location)[0] for location in self._about(params))
        return WeightedMoments(*map(np.stack, zip(*about, strict=True))), 0.0

    def information_score(self, stats: WeightedMoments, params: LineParams) -> Array:
        return self.score(WeightedMoments(*(values[-1] for values in stats)), params)

    def information(self, stats: WeightedMoments, params: LineParams) -> Array:
        """Observed information, by differences of the score (Richardson)."""
        about = zip(*stats, strict=True)
        scores = [
            self.score(WeightedMoments(*values), location)
            for values, location in zip(about, self._about(params), strict=True)
        ]
        plus, minus, far_plus, far_minus = np.reshape(scores[:-1], (4, len(scores) // 4, -1))
        slopes = (plus - minus) / (2.0 * SCORE_STEP), (far_plus - far_minus) / (4.0 * SCORE_STEP)
        information = (slopes[1] - 4.0 * slopes[0]) / 3.0 / self._unit(params)[:, None]
        return 0.5 * (information + information.T)

    def polish(self, stats: WeightedMoments, params: LineParams, rounding: float) -> LineParams:
        """A last step of Newton: EM ends short of the maximum by more than its last step gains."""
        unit = self._unit(params)
        score = unit * self.information_score(stats, params)
        values, vectors = np.linalg.eigh(np.outer(unit, unit) * self.information(stats, params))
        if not values[0] > UNSEEN * values[-1]:
            return params
        step = vectors @ ((vectors.T @ score) / values)
        return params if 0.5 * float(score @ step) > LAST_GAIN else params.moved(unit * step)

    def _about(self, params: LineParams) -> list[LineParams]:
        """Every parameter moved by a step, back, by two and by two back; and as they are."""
        theta = np.append(params.coef, params.log_scale)
        moved = [
            theta + step * axis
            for step in (SCORE_STEP, -SCORE_STEP, 2.0 * SCORE_STEP, -2.0 * SCORE_STEP)
            for axis in np.diag(self._unit(params))
        ]
        return [*(LineParams(location[:-1], location[-1]) for location in moved), params]

    @staticmethod
    def _unit(params: LineParams) -> Array:
        """What a parameter is counted in: coefficients in scales."""
        return np.append(np.full(len(params.coef), np.exp(params.log_scale)), 1.0)

    def _moments(self, low: Array, high: Array, width: Array) -> tuple[Array, Array, Array, Array]:
        """Log-density or log-mass of each row, E[u], E[u e] and E[u e^2]."""
        df, exact = self.df, width == 0.0
        z = np.where(exact, low, 0.0)
        values, some = log_density(z, df), ~exact
        u, ue, second = self._at_point(z)
        if some.any():
            a, b, width = low[some], high[some], width[some]
            mass = log_mass(a, b, df, width)
            stretch = np.sqrt((df + 2.0) / df)
            values[some] = mass
            wider = log_mass(a * stretch, b * stretch, df + 2.0, width * stretch)
            u[some] = np.exp(wider - mass)
            at_a, at_b = np.exp(log_density(a, df) - mass), np.exp(log_density(b, df) - mass)
            ue[some] = at_a - at_b
            a, b = (np.where(np.isinf(end), 0.0, end) for end in (a, b))
            second[some] = 1.0 + a * at_a - b * at_b
            narrow = some.copy()
            narrow[some] = width < NARROW_WIDTH  # where that difference would cancel: as if exact
            middle = low[narrow] + 0.5 * (high - low)[narrow]
            u[narrow], ue[narrow], second[narrow] = self._at_point(middle)
        return values, u, ue, second

    def _at_point(self, z: Array) -> tuple[Array, Array, Array]:
        """E[u], E[u e] and E[u e^2] given e = z."""
        z = np.clip(z, -LARGEST, LARGEST)
        u = (self.df + 1.0) / (self.df + z * z)
        return u, u * z, u * z * z
