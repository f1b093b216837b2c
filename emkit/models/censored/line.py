"""What the models of a censored regression share: parameters, ridge penalty, standard errors."""

from abc import abstractmethod
from typing import Any, NamedTuple
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.model import EMModel
from emkit.models.censored.residuals import Residuals
from emkit.models.censored.units import NEAR_BOUNDS, stand_in
from emkit.numerics.constants import EPS

__all__ = ["FLOOR", "LOG_FLOOR", "LineParams", "PenalisedLine"]

#: The scale may not fall below this part of the spread of the responses about the first line:
#: residuals then have few digits left.
FLOOR = 1e-12
LOG_FLOOR = float(np.log(FLOOR))
#: Logarithm of the largest scale: the square of a larger one is no double.
LOG_LARGEST = 350.0
#: Passes whose statistics are kept for the standard errors: params of the result are among those
#: of the last three, even where rounding refused two steps from there. Of blocks so many that
#: their statistics take little memory.
KEPT_PASSES, KEPT_BLOCKS = 3, 1024


class LineParams(NamedTuple):
    """Coefficients (q,), the intercept first if there is one, and the logs of m scales."""

    coef: Array  #: about the first line
    log_scale: Array  #: (), or (m,) of strata

    def moved(self, step: Array) -> "LineParams":
        """Moved by a step (q + m,), or by one of the coefficients alone (q,)."""
        q = len(self.coef)
        if len(step) == q:
            return LineParams(self.coef + step, self.log_scale)
        by = step[q:].reshape(self.log_scale.shape)
        return LineParams(self.coef + step[:q], self.log_scale + by)

    @property
    def unit(self) -> Array:
        """What a parameter is counted in (q + m,): coefficients in the scale, in a mean of many."""
        unit = np.ones(self.coef.size + self.log_scale.size)
        unit[: self.coef.size] = np.exp(self.log_scale.sum() / self.log_scale.size)
        return unit


class PenalisedLine(EMModel):
    """A line about a first one, with a ridge penalty and a floor under the scale.

    Parameters
    ----------
    line : ndarray of shape (q,)
        The first line, which the penalty counts from.
    gram : ndarray of shape (q, q)
        Gram matrix of all rows.
    alpha : float or ndarray of shape (q,)
        Ridge penalty on every coefficient.
    intercept : bool
        Whether the first coefficient is one, and free of the penalty.
    shares : ndarray of shape (m,), default=None
        Part of the weight that each of several scales has; None for one scale. The penalty is then
        over the mean of their squares' reciprocals, by these.
    """

    #: Whether `polish` gains more than rounding.
    polish_gains = False
    #: Part of the objective by which no step may fall, however much residuals over a vanishing
    #: scale are rounded: a run ends there.
    visible_fall = 1e-10
    #: Params of the last passes, with the statistics of blocks by the identity of their design; of
    #: the data no more than a reference, so that blocks can go.
    _last: tuple[tuple[LineParams, dict[int, tuple[ref[Array], Any]]], ...] = ()

    def __init__(
        self,
        line: Array,
        gram: Array,
        alpha: float | Array,
        intercept: bool,
        shares: Array | None = None,
    ):
        self.shares = np.ones(()) if shares is None else shares
        self.line = line
        self.gram = gram
        self.penalty = np.full(len(line), alpha)
        self.penalty[: int(intercept)] = 0.0
        self.intercept = intercept
        self.is_penalised = bool(self.penalty.any())
        # Columns have variance 1, or a mean square of 1 where there is no intercept.
        self.weight = float(gram.diagonal().max(initial=0.0)) or 1.0
        #: Units (q,) in which penalised coefficients are as well determined as the others: beside a
        #: penalty of 1e20 a free intercept would be rounding.
        self.shrinkage = (1.0 + self.penalty / self.weight) ** -0.5
        units = np.outer(self.shrinkage, self.shrinkage)
        self.penalised_gram = units * (gram + np.diag(self.penalty))
        #: Squares of the exact rows about the first line: they are at most of this order.
        self.exact_squares = self.weight

    def __getstate__(self) -> dict[str, Any]:
        # Other processes have no use for the E-steps of this one.
        return {**self.__dict__, "_last": ()}

    def initialize(self, data: Residuals, rng: np.random.Generator) -> LineParams:
        """A line through a few of the rows, at their bounds."""
        n, q = data.design.shape
        rows = rng.choice(n, min(2 * q, n), replace=False)
        low, high, _ = data.bounds()
        response = stand_in(low[rows], high[rows], 0.0, NEAR_BOUNDS)
        coef = np.linalg.lstsq(data.design[rows], response, rcond=1e-6)[0]
        return LineParams(coef, np.zeros(np.shape(self.shares)))

    def is_feasible(self, params: LineParams) -> bool:
        least, largest = float(params.log_scale.min()), float(params.log_scale.max())
        within = LOG_FLOOR - 0.01 < least and largest < LOG_LARGEST
        return super().is_feasible(params) and within

    def objective_rounding(self, params: LineParams, objective: float) -> float:
        # Sums are taken tile by tile and pairwise within: less is lost than the default says. But
        # residuals are differences from the line, in units of the scale.
        in_scales = float(np.abs(params.coef).sum() * np.exp(-params.log_scale.min()))
        differences = 4.0 * EPS * self.weight * (1.0 + in_scales)
        return 0.2 * super().objective_rounding(params, objective) + differences

    def least_scale(self, params: LineParams) -> Any:
        """Where a scale may go from there: not below the floor, nor up to it."""
        return np.exp(np.minimum(LOG_FLOOR, params.log_scale))

    def of_moments(self, mean: LineParams) -> LineParams:
        """Line and scale of errors whose mean is a line and whose spread is a scale, roughly.

        Default: ``mean``.
        """
        return mean

    def drawn_in(self, params: LineParams) -> LineParams:
        """A start of a penalised run from a line that knows of no penalty.

        Coefficients are as the penalty would have those of uncorrelated columns, and the scale
        covers what they then miss, and the penalty: over the square of a small scale nothing else
        would count. From the line as it is, a large penalty would throw the first steps far out.
        """
        coef = self.line + params.coef
        shrunk = self.shrunk(coef)
        drawn = params._replace(coef=shrunk - self.line)
        added = self.weight * float(((coef - shrunk) ** 2).sum()) + self.penalised(drawn)[1]
        if added == 0.0:
            return params
        of_rows = np.log(added) - np.log(self.weight)
        return drawn._replace(log_scale=0.5 * np.logaddexp(2.0 * params.log_scale, of_rows))

    def shrunk(self, coef: Array) -> Array:
        """Penalised least squares of uncorrelated columns, from those without a penalty."""
        return coef * self.shrinkage**2

    def log_prior(self, params: LineParams) -> float:
        if not self.is_penalised:
            return 0.0
        total = float(self.penalty @ (self.line + params.coef) ** 2)
        return -0.5 * total * float(self.precisions(params).sum())

    def precisions(self, params: LineParams) -> Array:
        """Reciprocal square of the scale; of several, by their shares."""
        return self.shares * np.exp(-2.0 * params.log_scale)

    def left_out(self, params: LineParams) -> NDArray[np.bool_]:
        """Coefficients (q,) that the penalty has set to 0."""
        return np.zeros(len(self.line), dtype=bool)

    def penalised(self, params: LineParams) -> tuple[Array, float]:
        """Penalty times coefficients (q,), and times their squares summed up."""
        coef = self.line + params.coef
        penalised = self.penalty * coef
        return penalised, float(penalised @ coef)

    def prior_information(self, params: LineParams) -> Array:
        """Minus the second derivatives of `log_prior` in coefficients and log scale."""
        q, m = len(self.line), self.shares.size
        information = np.zeros((q + m, q + m))
        if not self.is_penalised:
            return information
        penalised, squares = self.penalised(params)
        precisions = np.atleast_1d(self.precisions(params))
        information[range(q), range(q)] = self.penalty * precisions.sum()
        information[:q, q:] = -2.0 * np.outer(penalised, precisions)
        information[q:, :q] = information[:q, q:].T
        information[range(q, q + m), range(q, q + m)] = 2.0 * squares * precisions
        return information

    def information_step(self, data: Residuals, params: LineParams) -> tuple[Any, float]:
        """What `information` asks of a block of data: statistics that add, and a number."""
        for location, blocks in self._last:
            if location is params and id(data.design) in blocks:
                design, stats = blocks[id(data.design)]
                if design() is data.design:
                    return stats, 0.0
        return self.e_step(data, params)

    @abstractmethod
    def information(self, stats: Any, params: LineParams) -> Array:
        """Observed information (q + m, q + m) of coefficients and log scales, if these are free."""

    @abstractmethod
    def information_score(self, stats: Any, params: LineParams) -> Array:
        """Gradient (q + m,) of the objective, from the statistics of `information_step`."""

    def polish(self, stats: Any, params: LineParams, rounding: float) -> LineParams:
        """Where a step leads that gains less than the rounding of the objective; or ``params``.

        Rounding can turn the gain of the last step of a run into a loss, and so refuse it. Default:
        ``params``.
        """
        return params

    def observed_information(self, data: Residuals, params: LineParams) -> Array:
        """Observed information of data in one block."""
        return self.information(self.information_step(data, params)[0], params)

    def _keep(self, data: Residuals, params: LineParams, stats: Any) -> None:
        if not self._last or self._last[-1][0] is not params:
            self._last = *self._last[1 - KEPT_PASSES :], (params, {})
        blocks = self._last[-1][1]
        if len(blocks) < KEPT_BLOCKS:
            blocks[id(data.design)] = ref(data.design), stats
