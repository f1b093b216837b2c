r"""Linear regression with responses known only to an interval, for any law of the errors.

The response of row i, with weight w_i, is y = x'b + s e. With density f, distribution function F
and :math:`S = 1 - F` of e, and :math:`z_i = (y_i - x_i^\top b) / s`, the objective is

.. math:: \sum_{\text{exact}} w_i \log \tfrac1s f(z_i) + \sum_{\text{right}} w_i \log S(a_i)
          + \sum_{\text{left}} w_i \log F(b_i)
          + \sum_{\text{interval}} w_i \log\bigl(F(b_i) - F(a_i)\bigr)
          - \sum_{\text{entered}} w_i \log S(c_i)
          - \frac{\alpha}{2 s^2} \sum_j \beta_j^2,

:math:`a_i` and :math:`b_i` being :math:`z_i` at the bounds, :math:`c_i` at the entry of a row that
came under observation late. Each stratum of rows may have a scale s of its own. An E-step sums its
first and second derivatives in coefficients and log scales, an M-step is the Newton step, which the
engine halves where it is too long.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.design import by_tile
from emkit.models.censored.gram import whitening
from emkit.models.censored.line import LOG_FLOOR, LineParams, PenalisedLine
from emkit.models.censored.memoryless import rows_with_memory, smallest_memory
from emkit.models.censored.residuals import BETWEEN, EXACT, Residuals, Tile
from emkit.models.censored.row_terms import RowTerms, terms_of_kind
from emkit.models.censored.standardised import in_columns
from emkit.models.laws.intervals import ErrorLaw
from emkit.numerics.gaussian import tile_rows

__all__ = ["LocationScale"]

#: Curvatures below this part of the largest are raised to it: a step is then long, not endless.
MIN_CURVATURE = 1e-10
#: Longest step of the log scale.
MAX_STEP = 2.0
#: Longest step of a line whose scale is fixed, in scales: root of the mean of squares over rows.
LONGEST = 30.0
#: Promised gain in nats a row that says that rows lie many scales off the line.
FAR_OFF_GAIN = 10.0
#: The same of a unit of one of several log scales. If one goes to infinity, the whole promise is as
#: large without it.
STEEP_SCALE = 1.0
#: Quartiles, and how far apart they are under the normal law.
QUARTILES, NORMAL_QUARTILES = np.array([0.25, 0.75]), 1.349


class Slopes(NamedTuple):
    """Derivatives of the log-likelihood in coefficients, in their unit, and log scales."""

    gradient: Array  #: (q + m,)
    information: Array  #: (q + m, q + m) minus the second derivatives
    memory: float  #: rows whose errors do not lie in a tail without memory


class LocationScale(PenalisedLine):
    """Newton steps of censored regression with errors of a law; exact rows in the data.

    Parameters
    ----------
    law : Law
        Of the errors.
    line, gram, alpha, intercept, shares
        As of `PenalisedLine`.
    fixed : bool, default=False
        Whether the scale stays as it is at the start.
    """

    backtracks = True
    #: Statistics and params of the last Newton step, and that step.
    _stepped: tuple[Slopes, LineParams, tuple[LineParams, float]] | None = None

    def __init__(
        self,
        law: ErrorLaw,
        line: Array,
        gram: Array,
        alpha: float | Array,
        intercept: bool,
        shares: Array | None = None,
        fixed: bool = False,
    ):
        super().__init__(line, gram, alpha, intercept, shares)
        self.law = law
        # In these coordinates the information of least squares is the identity.
        directions = self.shrinkage[:, None] * whitening(self.penalised_gram)
        (q, r), m = directions.shape, 0 if fixed else self.shares.size
        self.free = slice(q + m)  #: parameters
        self.directions = np.zeros((q + m, r + m))
        self.directions[:q, :r] = directions
        self.of_scales = slice(r, r + m)  #: their place among the directions
        self.steep = STEEP_SCALE if m > 1 else 0.0
        #: Length (m,) of a direction of a log scale.
        self.lengths = (self.weight * np.atleast_1d(self.shares)[:m]) ** -0.5
        self.directions[range(q, q + m), range(r, r + m)] = self.lengths

    def of_moments(self, mean: LineParams) -> LineParams:
        if self.is_penalised:  # the scale is then to cover the penalty
            return mean
        scale = np.exp(mean.log_scale) * (NORMAL_QUARTILES / np.ptp(self.law.quantile(QUARTILES)))
        coef = mean.coef.copy()
        if self.intercept:
            coef[0] -= float((self.shares * scale).sum()) * self.law.mean()
        return LineParams(coef, np.log(scale))

    def acceleration_threshold(self, data: Residuals) -> float:
        return -np.inf  # there is nothing to extrapolate where steps are Newton's

    def e_step(self, data: Residuals, params: LineParams) -> tuple[Slopes, float]:
        stats, log_likelihood = self._summed(data, params)
        self._keep(data, params, stats)
        return stats, log_likelihood

    def gradient_step(self, data: Residuals, params: LineParams) -> tuple[Slopes, float]:
        """As `e_step`, in half the time and less: its second derivatives are 0."""
        return self._summed(data, params, curved=False)

    def _summed(
        self, data: Residuals, params: LineParams, curved: bool = True
    ) -> tuple[Slopes, float]:
        coef, log_scales = params.coef, np.atleast_1d(params.log_scale)
        q, m, log_likelihood, memory = len(coef), len(log_scales), 0.0, 0.0
        gradient, information = np.zeros(q + m), np.zeros((q + m, q + m))
        unit = float(np.exp(log_scales.mean()))
        # One for all tiles: large arrays that come and go cost more than what is done with them.
        work = in_columns(min(len(data.design), tile_rows(q)), q)
        columns = by_tile(data.design)
        for tile in data.tiles():
            k, design = tile.stratum, columns(tile.rows)
            scale = float(np.exp(log_scales[k]))
            terms, exact, remembering = self._tile(data, tile, design @ coef, scale)
            memory += remembering
            log_likelihood += float(terms.value.sum()) - exact * float(log_scales[k])
            ratio = unit / scale
            gradient[:q] += ratio * (terms.location @ design)
            gradient[q + k] += terms.log_scale.sum() - exact
            if not curved:
                continue
            information[q + k, :q] += ratio * (terms.mixed @ design)
            information[q + k, q + k] += terms.log_scale2.sum()
            information[:q, :q] += ratio**2 * _weighted_gram(design, terms.location2, work)
        information[:q, q:] = information[q:, :q].T
        return Slopes(gradient, information, memory), log_likelihood

    def _tile(
        self, data: Residuals, tile: Tile, fitted: Array, scale: float
    ) -> tuple[RowTerms, float, int]:
        """Weighted terms of some rows, their weight if they are exact, and `rows_with_memory`."""
        rows, kind = tile.rows, tile.kind
        point, upper, width, entry = data.point[rows] - fitted, None, None, None
        point /= scale
        if kind == BETWEEN and data.upper is not None and data.width is not None:
            upper, width = (data.upper[rows] - fitted) / scale, data.width[rows] / scale
        if tile.entered and data.entry is not None:
            entry = (data.entry[rows] - fitted) / scale
        terms, memory = terms_of_kind(self.law, kind, point, upper, width, entry), len(fitted)
        if data.entry is not None:
            end, smallest = point if upper is None else upper, smallest_memory(self.weight)
            memory = rows_with_memory(self.law, kind, end, entry, smallest)
        weight = None if data.weight is None else data.weight[rows]
        if weight is not None:
            terms = RowTerms(*(weight * term for term in terms))
        exact = 0.0 if kind != EXACT else len(fitted) if weight is None else float(weight.sum())
        return terms, exact, memory

    def m_step(self, stats: Slopes, params: LineParams) -> LineParams:
        if stats.memory == 0.0:
            raise np.linalg.LinAlgError("There is no maximum: errors have lost their memory.")
        return self._newton_step(stats, params)[0]

    def remaining_gain(self, stats: Slopes, params: LineParams) -> float:
        if stats.memory == 0.0:
            return np.inf
        return self._newton_step(stats, params)[1]

    def polish(self, stats: Slopes, params: LineParams, rounding: float) -> LineParams:
        image, gain = self._newton_step(stats, params)
        return image if gain <= rounding else params

    def _newton_step(self, stats: Slopes, params: LineParams) -> tuple[LineParams, float]:
        """Its end, and the gain that the quadratic model promises; worked out once."""
        last = self._stepped  # another thread may put its own there
        if last is None or last[0] is not stats or last[1] is not params:
            last = self._stepped = stats, params, self._worked_out_step(stats, params)
        return last[2]

    def _worked_out_step(self, stats: Slopes, params: LineParams) -> tuple[LineParams, float]:
        """It leads uphill even where the objective is not concave."""
        directions, unit = self.directions, params.unit[self.free]
        gradient, information = stats.gradient[self.free], stats.information[self.free, self.free]
        if self.is_penalised:
            gradient = unit * self.information_score(stats, params)
            information = np.outer(unit, unit) * self.information(stats, params)
        gradient = directions.T @ gradient
        values, vectors = np.linalg.eigh(directions.T @ information @ directions)
        values = np.abs(values)
        least = MIN_CURVATURE * max(float(values.max(initial=0.0)), MIN_CURVATURE)
        inverse = (vectors / np.maximum(values, least)) @ vectors.T
        step = inverse @ gradient
        gain = 0.5 * float(gradient @ step)
        if not len(self.lengths):  # rows on the flat side of a tail hardly bend the likelihood
            moved = directions @ step
            far = float(moved @ self.gram @ moved / self.weight) ** 0.5
            step /= max(1.0, far / LONGEST)
        larger = gradient[self.of_scales] * self.lengths > self.steep
        if gain > FAR_OFF_GAIN * self.weight and larger.any():
            # Far out in an exponential tail Newton's steps are short: first a larger scale.
            step = np.zeros_like(step)
            step[self.of_scales] = larger * MAX_STEP / self.lengths
        step = self._shortened(step, inverse, params)
        return params.moved(unit * (directions @ step)), gain

    def _shortened(self, step: Array, inverse: Array, params: LineParams) -> Array:
        """Where a log scale goes too far, it goes as far as it may, and the rest best with it."""
        place, log_scales = self.of_scales, np.atleast_1d(params.log_scale)[: len(self.lengths)]
        shortest = np.maximum(-MAX_STEP, np.minimum(LOG_FLOOR - log_scales, 0.0))
        scales = step[place] * self.lengths
        bounded = np.minimum(np.maximum(scales, shortest), MAX_STEP)
        far = np.flatnonzero(bounded != scales)
        if len(far):
            excess, far = ((scales - bounded) / self.lengths)[far], place.start + far
            step = step - inverse[:, far] @ np.linalg.solve(inverse[np.ix_(far, far)], excess)
            step[place] = np.clip(step[place] * self.lengths, shortest, MAX_STEP) / self.lengths
        return step

    def information_score(self, stats: Slopes, params: LineParams) -> Array:
        gradient: Array = stats.gradient / params.unit
        if self.is_penalised:
            penalised, squares = self.penalised(params)
            precisions, q = self.precisions(params), len(penalised)
            gradient[:q] -= penalised * precisions.sum()
            gradient[q:] += squares * precisions
        return gradient[self.free]

    def information(self, stats: Slopes, params: LineParams) -> Array:
        unit, free = params.unit, (self.free, self.free)
        information = stats.information / np.outer(unit, unit) + self.prior_information(params)
        return information[free]


def _weighted_gram(design: Array, weight: Array, work: Array) -> Array:
    """Sum of w x x' over rows; weights may be negative, and ``work`` is overwritten."""
    work = work[: len(design)]
    if weight.min() < 0.0:
        return np.multiply(design, weight[:, None], out=work).T @ design
    root = np.multiply(design, np.sqrt(weight)[:, None], out=work)
    return root.T @ root
