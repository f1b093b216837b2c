r"""Linear regression with responses known only to an interval, for any law of the errors.

The response of row i, with weight w_i, is y = x'b + s e. With density f, distribution function F
and :math:`S = 1 - F` of e, and :math:`z_i = (y_i - x_i^\top b) / s`, the objective is

.. math:: \sum_{\text{exact}} w_i \log \tfrac1s f(z_i) + \sum_{\text{right}} w_i \log S(a_i)
          + \sum_{\text{left}} w_i \log F(b_i)
          + \sum_{\text{interval}} w_i \log\bigl(F(b_i) - F(a_i)\bigr)
          - \frac{\alpha}{2 s^2} \sum_j \beta_j^2,

:math:`a_i` and :math:`b_i` being :math:`z_i` at the bounds. An E-step sums its first and second
derivatives in coefficients and log scale, an M-step is the Newton step, which the engine halves
where it is too long.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Residuals, steps, whitening
from emkit.models.censored.line import FLOOR, LineParams, PenalisedLine
from emkit.models.censored.row_terms import RowTerms, row_terms
from emkit.models.laws.intervals import ErrorLaw

__all__ = ["LocationScale"]

#: Curvatures below this part of the largest are raised to it: a step is then long, not endless.
MIN_CURVATURE = 1e-10
#: Longest step of the log scale.
MAX_STEP = 2.0


class Slopes(NamedTuple):
    """Derivatives of the log-likelihood in coefficients, in units of the scale, and log scale."""

    gradient: Array  #: (q + 1,)
    information: Array  #: (q + 1, q + 1) minus the second derivatives


class LocationScale(PenalisedLine):
    """Newton steps of censored regression with errors of a law; exact rows in the data.

    Parameters
    ----------
    law : Law
        Of the errors.
    line, gram, alpha, intercept
        As of `PenalisedLine`.
    """

    backtracks = True

    def __init__(self, law: ErrorLaw, line: Array, gram: Array, alpha: float, intercept: bool):
        super().__init__(line, gram, alpha, intercept)
        self.law = law
        # In these coordinates the information of least squares is the identity.
        weight = max(float(gram.diagonal().max()), np.finfo(float).tiny)  # columns have variance 1
        directions = whitening(gram + np.diag(self.penalty))
        self.directions = np.zeros((len(line) + 1, directions.shape[1] + 1))
        self.directions[:-1, :-1] = directions
        self.directions[-1, -1] = weight**-0.5

    def acceleration_threshold(self, data: Residuals) -> float:
        return -np.inf  # there is nothing to extrapolate where steps are Newton's

    def e_step(self, data: Residuals, params: LineParams) -> tuple[Slopes, float]:
        coef, scale = params.coef, float(np.exp(params.log_scale))
        q, log_likelihood = len(coef), 0.0
        gradient, information = np.zeros(q + 1), np.zeros((q + 1, q + 1))
        for rows in steps(len(data.design)):
            design, width = data.design[rows], data.width[rows]
            fitted = design @ coef
            low, high = (data.low[rows] - fitted) / scale, (data.high[rows] - fitted) / scale
            terms = row_terms(self.law, low, high, width / scale)
            exact = float(np.count_nonzero(width == 0.0))
            if data.weight is not None:
                weight = data.weight[rows]
                terms = RowTerms(*(weight * term for term in terms))
                exact = float(weight @ (width == 0.0))
            log_likelihood += float(terms.value.sum()) - exact * float(params.log_scale)
            first = np.stack([terms.location, terms.mixed]) @ design
            gradient += np.append(first[0], terms.log_scale.sum() - exact)
            information[q] += np.append(first[1], terms.log_scale2.sum())
            information[:q, :q] += _weighted_gram(design, terms.location2)
        information[:q, q] = information[q, :q]
        stats = Slopes(gradient, information)
        self._keep(data, params, stats)
        return stats, log_likelihood

    def m_step(self, stats: Slopes, params: LineParams) -> LineParams:
        """The Newton step; uphill even where the objective is not concave."""
        scale, directions = float(np.exp(params.log_scale)), self.directions
        unit = np.append(np.full(len(self.line), scale), 1.0)  # of parameters in units of the scale
        penalised, squares = self.penalised(params)
        prior = np.append(-penalised / scale, squares / scale**2)
        gradient = directions.T @ (stats.gradient + prior)
        information = stats.information + np.outer(unit, unit) * self.prior_information(params)
        values, vectors = np.linalg.eigh(directions.T @ information @ directions)
        values = np.maximum(np.abs(values), MIN_CURVATURE * np.abs(values).max())
        step = vectors @ ((vectors.T @ gradient) / values)
        # Where the log scale would go too far, the best step of the line beside what it may.
        least = max(-MAX_STEP, float(np.log(FLOOR) - params.log_scale)) / directions[-1, -1]
        allowed = np.clip(step[-1], least, MAX_STEP / directions[-1, -1])
        if allowed != step[-1]:
            curvature = (vectors * values) @ vectors.T
            pull = gradient[:-1] - curvature[:-1, -1] * allowed
            step = np.append(np.linalg.solve(curvature[:-1, :-1], pull), allowed)
        change = unit * (directions @ step)
        return LineParams(params.coef + change[:-1], params.log_scale + change[-1])

    def information(self, stats: Slopes, params: LineParams) -> Array:
        unit = np.append(np.full(len(self.line), np.exp(-params.log_scale)), 1.0)
        return np.outer(unit, unit) * stats.information + self.prior_information(params)


def _weighted_gram(design: Array, weight: Array) -> Array:
    """Sum of w x x' over rows; weights may be negative."""
    if weight.min() < 0.0:
        return (design * weight[:, None]).T @ design
    root = design * np.sqrt(weight)[:, None]
    return root.T @ root
