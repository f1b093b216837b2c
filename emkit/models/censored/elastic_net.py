r"""Censored regression with an elastic net: some coefficients are 0, and exactly so.

With :math:`b_j` the coefficients of standardised columns, the objective of `LocationScale` has the
penalty

.. math:: \frac{1}{s^2} \sum_j \Bigl(\lambda |b_j| + \frac{\alpha}{2} b_j^2\Bigr).

Proximal Newton steps (Lee, Sun & Saunders, 2014) keep the absolute values as they are and take the
quadratic model of the rest: `LassoQuadratic`. The engine halves them where they are too long.
"""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.lasso_quadratic import LassoQuadratic
from emkit.models.censored.line import LOG_FLOOR, LineParams
from emkit.models.censored.location_scale import (
    FAR_OFF_GAIN,
    MAX_STEP,
    MIN_CURVATURE,
    LocationScale,
    Slopes,
)
from emkit.models.laws.intervals import ErrorLaw
from emkit.numerics.constants import EPS

__all__ = ["ElasticNetLine"]


class ElasticNetLine(LocationScale):
    """Proximal Newton steps of censored regression; the design has the columns themselves.

    Parameters
    ----------
    law, line, gram, alpha, intercept, shares, fixed
        As of `LocationScale`; ``alpha`` is the penalty on squares.
    l1 : float
        Penalty on absolute values.
    """

    def __init__(
        self,
        law: ErrorLaw,
        line: Array,
        gram: Array,
        alpha: float | Array,
        intercept: bool,
        shares: Array | None = None,
        fixed: bool = False,
        *,
        l1: float,
    ):
        super().__init__(law, line, gram, alpha, intercept, shares, fixed)
        self.l1 = np.full(len(line), l1)
        self.l1[: int(intercept)] = 0.0
        self.is_penalised = bool(self.penalty.any() or self.l1.any())

    def left_out(self, params: LineParams) -> NDArray[np.bool_]:
        return (self.l1 > 0.0) & (self.line + params.coef == 0.0)

    def retract(self, params: LineParams) -> LineParams:
        # Between two lines that have a coefficient of 0 it is 0 but for rounding.
        rounding = 4.0 * EPS * np.abs(self.line)
        zero = (self.l1 > 0.0) & (np.abs(self.line + params.coef) <= rounding)
        return params._replace(coef=np.where(zero, -self.line, params.coef))

    def shrunk(self, coef: Array) -> Array:
        nearer = np.maximum(np.abs(coef) - self.l1 / self.weight, 0.0)
        return super().shrunk(np.copysign(nearer, coef))

    def log_prior(self, params: LineParams) -> float:
        _, squares = self.penalised(params)
        return -0.5 * squares * float(self.precisions(params).sum())

    def penalised(self, params: LineParams) -> tuple[Array, float]:
        """Slopes (q,) of the penalty at scale 1, none in coefficients of 0, and twice its value."""
        penalised, squares = super().penalised(params)
        coef = self.line + params.coef
        return penalised + self.l1 * np.sign(coef), squares + 2.0 * float(self.l1 @ np.abs(coef))

    def polish(self, stats: Slopes, params: LineParams, rounding: float) -> LineParams:
        image = super().polish(stats, params, rounding)
        same = np.array_equal(self.left_out(image), self.left_out(params))
        return image if same else params

    def information_score(self, stats: Slopes, params: LineParams) -> Array:
        """The gradient; 0 in coefficients of 0, where the objective has a peak."""
        score = super().information_score(stats, params)
        score[: len(self.line)][self.left_out(params)] = 0.0
        return score

    def information(self, stats: Slopes, params: LineParams) -> Array:
        """Observed information of what is not 0; rows and columns of 0 for the others."""
        information = super().information(stats, params)
        zero = np.flatnonzero(self.left_out(params))
        information[zero], information[:, zero] = 0.0, 0.0
        return information

    def remaining_gain(self, stats: Slopes, params: LineParams) -> float:
        # A coefficient may be yet to leave 0, or to come to it, for less than rounding.
        return np.inf

    def _worked_out_step(self, stats: Slopes, params: LineParams) -> tuple[LineParams, float]:
        q, unit = len(self.line), params.unit[self.free]
        model = self._quadratic(stats, params)
        end = model.best()
        gain = model.gain(end)
        larger = model.gradient[q:] * self.lengths**2 > self.steep
        if gain > FAR_OFF_GAIN * self.weight and larger.any():
            return params.moved(np.append(np.zeros(q), larger * MAX_STEP)), gain
        # Where a log scale goes too far, it goes as far as it may, and the rest best with it.
        log_scales = np.atleast_1d(params.log_scale)[: len(self.lengths)]
        shortest = np.maximum(-MAX_STEP, np.minimum(LOG_FLOOR - log_scales, 0.0))
        bounded = np.clip(end[q:], shortest, MAX_STEP)
        far = np.flatnonzero(bounded != end[q:])
        if len(far):
            end = model.best_with(q + far, bounded[far])
            end[q:] = np.clip(end[q:], shortest, MAX_STEP)
        moved = params.moved(unit * (end - model.start))
        # Not a sum of steps: a coefficient of 0 is to be 0.
        coef = np.where(self.l1 > 0.0, unit[:q] * end[:q] - self.line, moved.coef)
        return moved._replace(coef=coef), gain

    def _quadratic(self, stats: Slopes, params: LineParams) -> LassoQuadratic:
        """The objective near ``params``: coefficients in the scale, log scales from where they are.

        All but the absolute values at the present scale, which stay as they are, to second order.
        """
        q, unit = len(self.line), params.unit[self.free]
        start, weight = np.zeros((2, len(unit)))
        start[:q] = self.line + params.coef
        weight[:q] = self.l1 * float(self.precisions(params).sum())
        gradient = super().information_score(stats, params) + weight * np.sign(start)
        whole = np.outer(unit, unit) * super().information(stats, params)
        curvature = self._positive(whole, (start != 0.0) | (weight == 0.0))
        return LassoQuadratic(curvature, unit * gradient, start / unit, unit * weight)

    def _positive(self, curvature: Array, moving: NDArray[np.bool_]) -> Array:
        """The curvature, or where the objective is not concave one that leads uphill as well.

        Coefficients of 0 are then taken apart from those that are ``moving``, beside which they
        need not curve downwards: Newton's steps among the latter stay what they are.
        """
        size = np.sqrt(np.append(self.gram.diagonal() + self.penalty, self.lengths**-2.0))
        size = np.outer(size, size)
        curvature = curvature / size
        if not len(curvature):  # no columns, no intercept, and a scale that is given
            return curvature
        if np.linalg.eigvalsh(curvature)[0] < MIN_CURVATURE * curvature.diagonal().max():
            apart = curvature * np.equal.outer(moving, moving)
            values, vectors = np.linalg.eigh(apart)
            values = np.abs(values)
            least = MIN_CURVATURE * max(float(values.max()), MIN_CURVATURE)
            curvature = (vectors * np.maximum(values, least)) @ vectors.T
        positive: Array = curvature * size
        return positive
