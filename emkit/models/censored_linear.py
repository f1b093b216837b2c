r"""Linear regression with responses known only to an interval: y = x'b + s e, e normal.

The complete response of row i, with weight w_i, lies in [l_i, u_i] (equal where it is exact). The
objective is

.. math:: \sum_{\text{exact}} w_i \log \tfrac1s \varphi(z_i)
          + \sum_{\text{censored}} w_i \log\bigl(\Phi(b_i) - \Phi(a_i)\bigr)
          - \frac{\alpha}{2 s^2} \sum_j \beta_j^2,
          \qquad z_i = \frac{y_i - x_i^\top b}{s},

:math:`a_i` and :math:`b_i` the same of :math:`l_i` and :math:`u_i`,
with :math:`\beta_j` the coefficients of standardised columns. The M-step is ridge regression of the
expected responses. It moves from the current line by the gradient, so that nothing cancels near
the maximum; exact rows enter an E-step through their sums alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.model import EMModel
from emkit.numerics.truncated_normal import curvature, truncated_normal

__all__ = [
    "CensoredNormal",
    "LineParams",
    "Residuals",
    "Standardised",
    "prepare",
    "pseudo_inverse",
    "steps",
]

EPS = float(np.finfo(float).eps)
LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))
#: Eigenvalues of the Gram matrix this small beside the largest are rounding: the column is a
#: combination of others.
RANK = 1e-13
#: The scale may not fall below this part of the spread of the responses about the first line.
FLOOR = 1e-7
#: Spread about the first line, beside that of the responses, that is nothing but rounding.
EXACT_FIT = 1e-13
#: Rows worked on at a time, so that the arrays of a step stay in the cache.
STEP = 4096


class LineParams(NamedTuple):
    """Coefficients (q,), the intercept first if there is one, and the log of the scale."""

    coef: Array
    log_scale: Array  #: ()


class Standardised(NamedTuple):
    """Units of the fit: columns centred and scaled, responses about a first line."""

    shift: Array  #: (p,) of the columns
    scale: Array  #: (p,)
    line: Array  #: (q,) first coefficients, of standardised columns, in units of ``spread``
    centre: float  #: of the responses
    spread: float  #: of the responses about the first line
    intercept: bool

    def design(self, X: Array) -> Array:
        """Standardised columns (n, q), with ones in front if there is an intercept."""
        out = np.empty((len(X), len(self.line)))
        lead = int(self.intercept)
        out[:, :lead] = 1.0
        np.subtract(X, self.shift, out=out[:, lead:])
        out[:, lead:] /= self.scale
        return out

    def to_user(self, params: LineParams) -> tuple[Array, float, float]:
        """Coefficients (p,), intercept and scale in the user's units."""
        lead = int(self.intercept)
        coef = self.spread * (self.line + params.coef)
        slopes = coef[lead:] / self.scale
        intercept = self.centre - float(slopes @ self.shift)
        if lead:
            intercept += float(coef[0])
        return slopes, intercept, self.spread * float(np.exp(params.log_scale))


class Residuals(NamedTuple):
    """Data of a fit, about the first line and in units of the spread about it."""

    design: Array  #: (m, q) of the censored rows
    low: Array  #: (m,)
    high: Array  #: (m,)
    width: Array  #: (m,) high - low, where these two would cancel
    weight: Array | None  #: (m,)
    n_exact: float  #: total weight of the exact rows
    gram: Array  #: (q, q) of the exact rows
    cross: Array  #: (q,) design' response of the exact rows
    squares: float  #: sum of squares of the exact responses

    def thinned(self, every: int) -> "Residuals":
        """One censored row of so many, with as large a part of the exact rows' sums."""
        rows = slice(every // 2, None, every)
        return Residuals(
            self.design[rows],
            self.low[rows],
            self.high[rows],
            self.width[rows],
            None if self.weight is None else self.weight[rows],
            self.n_exact / every,
            self.gram / every,
            self.cross / every,
            self.squares / every,
        )


class Moments(NamedTuple):
    """Expected sufficient statistics, about the current line."""

    n: Array  #: () total weight
    gradient: Array  #: (q,) sum of w x E[residual]
    squares: Array  #: () sum of w E[residual^2]
    information: Array  #: (q + 1, q + 1) observed information of coefficients and log scale


class PenalisedLine(EMModel):
    """What censored regressions share: a line about a first one, a ridge penalty, a floor.

    Parameters
    ----------
    line : ndarray of shape (q,)
        The first line, which the penalty counts from.
    gram : ndarray of shape (q, q)
        Gram matrix of all rows.
    alpha : float
        Ridge penalty on standardised coefficients.
    intercept : bool
        Whether the first coefficient is one, and free of the penalty.
    """

    def __init__(self, line: Array, gram: Array, alpha: float, intercept: bool):
        self.line = line
        self.gram = gram
        self.penalty = np.full(len(line), alpha)
        self.penalty[: int(intercept)] = 0.0
        # Made once: the rows do not change. Least squares of least norm where columns repeat.
        self.solver, self.rank = pseudo_inverse(gram + np.diag(self.penalty))

    def is_feasible(self, params: LineParams) -> bool:
        return super().is_feasible(params) and bool(params.log_scale > np.log(0.99 * FLOOR))

    def log_prior(self, params: LineParams) -> float:
        total = float(self.penalty @ (self.line + params.coef) ** 2)
        return -0.5 * total * float(np.exp(-2.0 * params.log_scale))


class CensoredNormal(PenalisedLine):
    """E-step, M-step and Newton steps of normal censored regression."""

    _last: tuple[LineParams, Moments] | None = None  # of the last E-step

    def initialize(self, data: Residuals, rng: np.random.Generator) -> LineParams:
        return LineParams(np.zeros(len(self.line)), np.array(0.0))

    def rounding(self, params: LineParams, objective: float) -> float:
        # Sums are taken tile by tile and pairwise within: less is lost than the default says. But
        # squares are small differences where the scale is.
        squares = 4.0 * EPS * float(self.gram.diagonal().max())
        return 0.2 * super().rounding(params, objective) + squares * float(
            np.exp(-2.0 * params.log_scale)
        )

    def e_step(self, data: Residuals, params: LineParams) -> tuple[Moments, float]:
        coef, scale = params.coef, float(np.exp(params.log_scale))
        gradient = data.cross - data.gram @ coef
        squares = max(data.squares - float(coef @ (data.cross + gradient)), 0.0)
        n = data.n_exact
        log_likelihood = -n * (LOG_ROOT_2PI + float(params.log_scale)) - 0.5 * squares / scale**2
        # In units of the scale: of (coefficients, log scale) the curvature about this line.
        location, mixed = data.gram, 2.0 * gradient / scale
        both = 2.0 * squares / scale**2
        for rows in steps(len(data.design)):
            design = data.design[rows]
            fitted = design @ coef
            low, high = (data.low[rows] - fitted) / scale, (data.high[rows] - fitted) / scale
            z = truncated_normal(low, high, data.width[rows] / scale)
            second = z.variance + z.mean**2
            curves = curvature(low, high, z, data.width[rows] / scale)
            weight = np.ones(len(design)) if data.weight is None else data.weight[rows]
            n += float(weight.sum())
            log_likelihood += float(weight @ z.log_mass)
            sums = np.stack([weight * z.mean, weight * curves[1]]) @ design
            gradient += scale * sums[0]
            mixed += sums[1]
            squares += scale**2 * float(weight @ second)
            root = design * np.sqrt(weight * np.maximum(curves[0], 0.0))[:, None]
            location = location + root.T @ root
            both += float(weight @ curves[2])
        information = np.block(
            [[location / scale**2, mixed[:, None] / scale], [mixed[None] / scale, both]]
        )
        stats = Moments(np.array(n), gradient, np.array(squares), information)
        self._last = params, stats
        return stats, log_likelihood

    def propose(self, stats: Moments, params: LineParams) -> LineParams | None:
        """The Newton step, where the objective is concave."""
        information = self.information(stats, params)
        values, vectors = np.linalg.eigh(information)
        seen = np.abs(values) > RANK * np.abs(values).max()
        if (values[seen] <= 0.0).any():
            return None
        scale2 = float(np.exp(2.0 * params.log_scale))
        penalised = self.penalty * (self.line + params.coef)
        weight = float(penalised @ (self.line + params.coef))
        score = np.append(
            (stats.gradient - penalised) / scale2,
            (float(stats.squares) + weight) / scale2 - float(stats.n),
        )
        vectors = vectors[:, seen]
        step = vectors @ ((vectors.T @ score) / values[seen])
        return LineParams(params.coef + step[:-1], params.log_scale + step[-1])

    def observed_information(self, data: Residuals, params: LineParams) -> Array:
        """Observed information (q + 1, q + 1) of coefficients and log scale."""
        if self._last is None or self._last[0] is not params:
            self.e_step(data, params)
        assert self._last is not None
        return self.information(self._last[1], params)

    def information(self, stats: Moments, params: LineParams) -> Array:
        """Observed information of coefficients and log scale, the penalty's included."""
        information = stats.information.copy()
        scale2 = float(np.exp(2.0 * params.log_scale))
        penalised = self.penalty * (self.line + params.coef)
        q = len(penalised)
        information[range(q), range(q)] += self.penalty / scale2
        information[:q, q] -= 2.0 * penalised / scale2
        information[q, :q] -= 2.0 * penalised / scale2
        information[q, q] += 2.0 * float(penalised @ (self.line + params.coef)) / scale2
        return information

    def m_step(self, stats: Moments, params: LineParams) -> LineParams:
        penalised = self.penalty * (self.line + params.coef)
        step = self.solver @ (stats.gradient - penalised)
        coef = params.coef + step
        squares = float(stats.squares - step @ (2.0 * stats.gradient - self.gram @ step))
        squares += float(self.penalty @ (self.line + coef) ** 2)
        scale = np.sqrt(max(squares / float(stats.n), FLOOR**2))
        return LineParams(coef, np.log(scale))


def prepare(
    X: Array,
    low: Array,
    high: Array,
    weight: Array | None,
    intercept: bool,
    *,
    summarise: bool = True,
) -> tuple[Residuals, Standardised, Array]:
    """Data and units of a fit, and the Gram matrix (q, q) of all rows.

    The first line is least squares with each censored response at its finite bound, or in the
    middle of its two. Exact rows are summed up, or, where ``summarise`` is False, kept.
    """
    n, q = len(X), X.shape[1] + int(intercept)
    total = float(n if weight is None else weight.sum())
    stand_in = np.where(np.isinf(low), high, np.where(np.isinf(high), low, 0.5 * (low + high)))
    units, gram = _first_line(X, stand_in, weight, total, intercept)
    centre, line = units.centre, units.line

    # About that line, the sums over the exact rows are of small numbers.
    exact = (low == high) & summarise
    gram_exact, cross, squares = np.zeros((q, q)), np.zeros(q), 0.0
    spread, n_exact = 0.0, 0.0
    residual = np.empty(n)
    # Censored rows lie sorted by kind: a tile of one kind goes the shorter way.
    censored = np.flatnonzero(~exact)
    kind = 1 + np.isinf(low[censored]) - np.isinf(high[censored]).astype(int)
    censored = censored[np.argsort(kind, kind="stable")]
    place = np.empty(n, dtype=np.intp)
    place[censored] = np.arange(len(censored))
    design_censored = np.empty((len(censored), q))
    for rows in steps(n):
        design = units.design(X[rows])
        residual[rows] = (stand_in[rows] - centre) / units.spread - design @ line
        w = np.ones(len(design)) if weight is None else weight[rows]
        spread += float(w @ residual[rows] ** 2)
        sure = exact[rows]
        design_censored[place[rows][~sure]] = design[~sure]
        if sure.any():
            design, r, w = design[sure], residual[rows][sure], w[sure]
            weighted = design * w[:, None]
            gram_exact += weighted.T @ design
            cross += r @ weighted
            squares += float(w @ r**2)
            n_exact += float(w.sum())
    # A line through every response leaves no spread: their own takes its place.
    root = np.sqrt(spread / total)
    root = root if root > EXACT_FIT else 1.0
    away = residual * units.spread - stand_in  # responses about the line: response + away
    away = away[censored]
    width = (high - low)[censored] / (root * units.spread)
    low, high = ((bound[censored] + away) / (root * units.spread) for bound in (low, high))
    data = Residuals(
        design_censored,
        low,
        high,
        width,
        None if weight is None else weight[censored],
        n_exact,
        gram_exact,
        cross / root,
        squares / root**2,
    )
    return data, units._replace(line=line / root, spread=units.spread * root), gram


def _first_line(
    X: Array, response: Array, weight: Array | None, total: float, intercept: bool
) -> tuple[Standardised, Array]:
    """Units with the least-squares line of a response, and the Gram matrix of the rows."""
    shift, scale = _column_units(X, weight, total, intercept)
    centre = _mean(response, weight, total) if intercept else 0.0
    peak = float(np.abs(response - centre).max())
    q = X.shape[1] + int(intercept)
    units = Standardised(shift, scale, np.zeros(q), centre, peak or 1.0, intercept)
    gram, cross = np.zeros((q, q)), np.zeros(q)
    for rows in steps(len(X)):
        design = units.design(X[rows])
        weighted = design if weight is None else design * weight[rows, None]
        gram += weighted.T @ design
        cross += ((response[rows] - centre) / units.spread) @ weighted
    return units._replace(line=pseudo_inverse(gram)[0] @ cross), gram


def _column_units(
    X: Array, weight: Array | None, total: float, intercept: bool
) -> tuple[Array, Array]:
    """Mean and standard deviation of the columns; about 0 without an intercept."""
    p = X.shape[1]
    origin = X[0].astype(float) if intercept else np.zeros(p)
    peak = np.zeros(p)
    for rows in steps(len(X)):
        np.maximum(peak, np.abs(X[rows] - origin).max(axis=0), out=peak)
    unit = np.where(peak > 0.0, peak, 1.0)
    first, second = np.zeros(p), np.zeros(p)
    for rows in steps(len(X)):
        deviation = (X[rows] - origin) / unit
        w = np.ones(len(deviation)) if weight is None else weight[rows]
        first += w @ deviation
        second += w @ deviation**2
    mean = first / total if intercept else np.zeros(p)
    spread = unit * np.sqrt(np.maximum(second / total - mean**2, 0.0))
    return origin + mean * unit, np.where(spread > 0.0, spread, 1.0)


def _mean(values: Array, weight: Array | None, total: float) -> float:
    return float(values.mean()) if weight is None else float(weight @ values / total)


def steps(n: int) -> Iterator[slice]:
    return (slice(start, min(start + STEP, n)) for start in range(0, n, STEP))


def pseudo_inverse(gram: Array) -> tuple[Array, int]:
    """Inverse of a Gram matrix over the directions that it sees, and their number."""
    values, vectors = np.linalg.eigh(gram)
    seen = values > RANK * max(values[-1], np.finfo(float).tiny)
    vectors = vectors[:, seen]
    return (vectors / values[seen]) @ vectors.T, int(seen.sum())
