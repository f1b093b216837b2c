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
from emkit.models.censored.line import LineParams, PenalisedLine
from emkit.models.censored.row_terms import RowTerms, row_terms
from emkit.models.laws.intervals import ErrorLaw

__all__ = ["LocationScale"]

#: Curvatures below this part of the largest are raised to it: a step is then long, not endless.
MIN_CURVATURE = 1e-10
#: Longest step of the log scale.
MAX_STEP = 2.0
#: Promised gain in nats a row that says that rows lie many scales off the line.
FAR_OFF_GAIN = 10.0


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

    def __init__(
        self, law: ErrorLaw, line: Array, gram: Array, alpha: float | Array, intercept: bool
    ):
        super().__init__(line, gram, alpha, intercept)
        self.law = law
        # In these coordinates the information of least squares is the identity.
        directions = whitening(gram + np.diag(self.penalty))
        self.directions = np.zeros((len(line) + 1, directions.shape[1] + 1))
        self.directions[:-1, :-1] = directions
        self.directions[-1, -1] = self.weight**-0.5

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
        return self._newton_step(stats, params)[0]

    def polish(self, stats: Slopes, params: LineParams, rounding: float) -> LineParams:
        image, gain = self._newton_step(stats, params)
        return image if gain <= rounding else params

    def _newton_step(self, stats: Slopes, params: LineParams) -> tuple[LineParams, float]:
        """Its end, and the gain that the quadratic model promises.

        It leads uphill even where the objective is not concave.
        """
        scale, directions = float(np.exp(params.log_scale)), self.directions
        unit = np.append(np.full(len(self.line), scale), 1.0)  # derivatives are in units of it
        gradient = directions.T @ (unit * self.information_score(stats, params))
        information = stats.information + np.outer(unit, unit) * self.prior_information(params)
        values, vectors = np.linalg.eigh(directions.T @ information @ directions)
        values = np.abs(values)
        least = MIN_CURVATURE * max(float(values.max()), MIN_CURVATURE)
        inverse = (vectors / np.maximum(values, least)) @ vectors.T
        step = inverse @ gradient
        gain = 0.5 * float(gradient @ step)
        if gain > FAR_OFF_GAIN * self.weight and gradient[-1] > 0.0:
            # Far out in an exponential tail Newton's steps are short: first a larger scale.
            step = np.zeros_like(step)
            step[-1] = MAX_STEP / directions[-1, -1]
        # Where the log scale would go too far, it goes as far as it may, and the line best with it.
        shortest = (
            max(-MAX_STEP, float(np.log(self.least_scale(params)) - params.log_scale))
            / directions[-1, -1]
        )
        excess = step[-1] - np.clip(step[-1], shortest, MAX_STEP / directions[-1, -1])
        step -= inverse[-1] * (excess / inverse[-1, -1])
        change = unit * (directions @ step)
        return LineParams(params.coef + change[:-1], params.log_scale + change[-1]), gain

    def information_score(self, stats: Slopes, params: LineParams) -> Array:
        penalised, squares = self.penalised(params)
        scale = float(np.exp(params.log_scale))
        gradient: Array = stats.gradient + np.append(-penalised / scale, squares / scale**2)
        gradient[:-1] /= scale
        return gradient

    def information(self, stats: Slopes, params: LineParams) -> Array:
        unit = np.append(np.full(len(self.line), np.exp(-params.log_scale)), 1.0)
        return np.outer(unit, unit) * stats.information + self.prior_information(params)


def _weighted_gram(design: Array, weight: Array) -> Array:
    """Sum of w x x' over rows; weights may be negative."""
    if weight.min() < 0.0:
        return (design * weight[:, None]).T @ design
    root = design * np.sqrt(weight)[:, None]
    return root.T @ root
