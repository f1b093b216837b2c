r"""The hazards of cells by maximum likelihood: EM, the convex minorant, Newton, a certificate.

The log-likelihood of the cumulative hazards :math:`\lambda_k \ge 0` of the cells,

.. math:: \ell(\lambda) = \sum_i w_i \log(1 - e^{-x_i}) - \sum_k c_k \lambda_k, \qquad
          x_i = \sum_{k \in \text{run } i} \lambda_k,

:math:`c_k` being the weight of the rows that live through cell k, is concave, with delayed entries
too, where the likelihood of the masses is not. What is missing are the cells in which rows failed:
an E-step gives the expected events and survivors of each cell, and an M-step is the product limit
of them (without entries: Turnbull's self-consistency).

Far from the maximum every step to the EM image is followed by one of the iterative convex minorant
(Wellner & Zhan 1997); close to it Newton steps on the support take over.

With :math:`u_i = 1 / (e^{x_i} - 1)` and :math:`g_k` the sum of :math:`w_i u_i` over the runs that
cover k, so that the gradient is g - c, every :math:`\theta \le 1` with :math:`\theta g \le c` gives
by duality

.. math:: \max \ell - \ell(\lambda) \le \sum_k \lambda_k (c_k - g_k)
          + (1 - \theta) \Bigl(\sum_k \lambda_k g_k
          + \frac{1 - \theta}{\theta} \sum_i w_i e^{-x_i}\Bigr).

References
----------
Wellner, J. A. & Zhan, Y. (1997). A hybrid algorithm for computation of the nonparametric maximum
likelihood estimator from censored data. Journal of the American Statistical Association 92,
945-959. doi:10.1080/01621459.1997.10474049
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from emkit._typing import Array
from emkit.engine.model import EMModel
from emkit.models.survival.likelihood import Likelihood, Point
from emkit.models.survival.rows import Rows
from emkit.models.survival.support import newton_on_support
from emkit.numerics.runs import covering, decaying_sums

__all__ = ["HazardModel", "HazardParams", "HazardStats", "first_hazards"]

#: Gap, a unit of weight, below which Newton's steps take over.
NEAR = 0.1
#: Least curvature at the end of a run, relative to the largest.
FLAT = 1e-12
#: Most steps to the maximum after the objective has stopped to tell them.
MOST_POLISHING = 20


class HazardParams(NamedTuple):
    """Cumulative hazard of each cell."""

    hazard: Array  #: (k,) 0 or more


class HazardStats(NamedTuple):
    """What is expected of the rows that failed within runs, given the hazards."""

    events: Array  #: (k,) failures in a cell
    survivors: Array  #: (k,) weight of the rows that failed after a cell, within their run
    slope: Array  #: (k,) derivative of their log-likelihood in the hazard of a cell
    passed: Array  #: () weighted sum of the probabilities to live through a run


class HazardModel(EMModel):
    """Hazards of the cells of one data set, which is what the steps are taken on.

    Parameters
    ----------
    rows : Rows
        What is known of the cells.
    """

    #: The last point of a proposal, and the last E-step: neither is worked out again.
    _proposed: Point | None = None
    _last: tuple[HazardParams, HazardStats, float] | None = None

    def __init__(self, rows: Rows):
        self.total, self.likelihood = rows.total, rows.likelihood
        self.begun = self.likelihood.runs.beginning(self.likelihood.weight)

    def initialize(self, data: Likelihood, rng: np.random.Generator) -> HazardParams:
        return first_hazards(data)

    def is_feasible(self, params: HazardParams) -> bool:
        return super().is_feasible(params) and bool(params.hazard.min(initial=0.0) >= 0.0)

    def e_step(self, data: Likelihood, params: HazardParams) -> tuple[HazardStats, float]:
        if self._last is not None and self._last[0] is params:
            return self._last[1:]
        point, hazard = self._point(params), params.hazard
        weighted = data.weight * point.odds
        opened, closed = data.runs.beginning(weighted), data.runs.ending(weighted)
        slope = covering(opened, closed, data.turn)
        # Weight at risk in a cell of its run, given that the row failed within the run.
        at_risk = decaying_sums((self.begun + opened - closed)[:-1], hazard)
        events = -np.expm1(-hazard) * np.maximum(at_risk, 0.0)
        survivors = np.maximum(at_risk - events - slope, 0.0)
        passed = np.array(weighted @ (1.0 / (1.0 + point.odds)))
        stats = HazardStats(events, survivors, slope, passed)
        self._last = params, stats, point.value
        return stats, point.value

    def m_step(self, stats: HazardStats, params: HazardParams) -> HazardParams:
        at_risk_after = stats.survivors + self.likelihood.survived
        return HazardParams(np.log1p(stats.events / at_risk_after))

    def propose(self, stats: HazardStats, params: HazardParams) -> HazardParams | None:
        """Newton's step on the support; far from the maximum the minorant's after EM's."""
        step = self._newton(stats, params) if self.gap(stats, params) <= NEAR else None
        return self._minorant_step(self.m_step(stats, params)) if step is None else step

    def gap(self, stats: HazardStats, params: HazardParams) -> float:
        """Bound on what the log-likelihood falls short of its maximum, a unit of weight."""
        survived, slope, hazard = self.likelihood.survived, stats.slope, params.hazard
        if not len(survived):
            return 0.0
        excess = max(0.0, float((slope / survived).max()) - 1.0)  # 1 / theta - 1
        spent = excess / (1.0 + excess) * (hazard @ slope + excess * stats.passed)
        return max(0.0, float(hazard @ (survived - slope) + spent)) / self.total

    def progress(self, before: Any, after: Any) -> float:
        """The gap, or 0 where the objective does not show any more what is gained."""
        gain = after.objective - before.objective
        if gain <= self.objective_rounding(after.params, after.objective):
            return 0.0
        return self.gap(after.stats, after.params)

    def polished(
        self, params: HazardParams, tol: float, max_steps: int = MOST_POLISHING
    ) -> tuple[HazardParams, float, float]:
        """Hazards with a gap of at most ``tol`` if Newton's steps lead there; value and gap.

        The objective is level to rounding here, and the gap still tells one point from another.
        """
        stats, value = self.e_step(self.likelihood, params)
        gap = self.gap(stats, params)
        for _ in range(max_steps):
            step = self._newton(stats, params) if gap > tol else None
            if step is None:
                break
            new_stats, new_value = self.e_step(self.likelihood, step)
            new_gap = self.gap(new_stats, step)
            if not new_gap < gap:
                break
            params, stats, value, gap = step, new_stats, new_value, new_gap
        return params, value, gap

    def _point(self, params: HazardParams) -> Point:
        if self._proposed is not None and self._proposed.hazard is params.hazard:
            return self._proposed
        point = self.likelihood.at(params.hazard)
        if point is None:
            raise np.linalg.LinAlgError("A row has no hazard where it failed.")
        return point

    def _newton(self, stats: HazardStats, params: HazardParams) -> HazardParams | None:
        try:
            step = newton_on_support(self.likelihood, stats.slope, params.hazard)
        except np.linalg.LinAlgError:
            return None
        return None if step is None else HazardParams(step)

    def _minorant_step(self, params: HazardParams) -> HazardParams:
        """Newton's step with the diagonal of the Hessian in cumulative hazards, kept monotone."""
        point, runs = self._point(params), self.likelihood.runs
        curvature = self.likelihood.curvature(point)
        curvature = (runs.beginning(curvature) + runs.ending(curvature))[1:]
        curvature = np.maximum(curvature, FLAT * curvature.max())
        slope = self.likelihood.slope(point) - self.likelihood.survived
        slope[:-1] -= slope[1:].copy()
        level = np.cumsum(params.hazard) + slope / curvature
        level = np.maximum(isotonic_regression(level, weights=curvature).x, 0.0)
        self._proposed = self.likelihood.toward(point, np.diff(level, prepend=0.0)) or point
        return HazardParams(self._proposed.hazard)


def first_hazards(rows: Likelihood) -> HazardParams:
    """The product limit of rows spread evenly over their runs: the maximum if none has two."""
    length = rows.runs.stop - rows.runs.first
    events = rows.runs.covering(rows.weight / length)
    return HazardParams(np.log1p(np.maximum(events, 0.0) / rows.survived))
