r"""Confidence limits of quantiles, survival functions and hazards, by the delta method.

At a fixed probability, a quantile :math:`x^\top\beta + \sigma z` on the scale of the line has the
gradient :math:`g(z) = (1, x, \sigma z, \sigma z')` in intercept, coefficients, log scale and shape,
:math:`z'` being the derivative of z in the shape. The error :math:`z` at a fixed response
has :math:`-g(z) / \sigma`, counted as the change of z that makes the same change of probability.
The log of the hazard there, :math:`\lambda(z) - \log\sigma` but for a constant, has
:math:`-(\lambda'(z) / \sigma)\,(1, x, \sigma z, 0)`, less 1 in the log scale, and the derivative of
:math:`\lambda` in the shape.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.censored.uncertainty import check_uncertainty
from emkit.exceptions import DataWarning, warn
from emkit.models.censored.data import Responses
from emkit.models.laws.beyond import Beyond, column
from emkit.models.laws.distribution import LARGEST, TINY

__all__ = [
    "Root",
    "check_limits",
    "cumulative_hazard_with_limits",
    "hazard_with_limits",
    "quantile_error",
    "quantile_with_limits",
    "survival_with_limits",
]

#: Step of a shape: of differences to the fourth order.
STEP = 0.01


class Root(NamedTuple):
    """Root R of the covariance RR' of the parameters that the data determine, in parts."""

    means: Array  #: (p,) of the columns
    line: Array  #: (1 + p, r) of the line at the means, and of coefficients; (p, r) without a 1
    scales: Array  #: (m, r) of log scales, of which there may be none
    shape: Array  #: (r,) 0 where no shape has a standard error

    @classmethod
    def of(cls, root: Array, means: Array, n_line: int, n_scales: int) -> "Root":
        scales, shapes = root[n_line : n_line + n_scales], root[n_line + n_scales :]
        return cls(means, root[:n_line], scales, shapes.sum(axis=0))

    def of_line(self, columns: Array) -> Array:
        """(n, r) of the line at rows of its columns."""
        lead = len(self.line) - len(self.means)
        return (columns - self.means) @ self.line[lead:] + self.line[:lead].sum(axis=0)


class Gradient(NamedTuple):
    """Weighted sums (n, ...) of gradients g(z): their parts in line, log scale and shape."""

    line: Array
    scale: Array
    shape: Array

    @classmethod
    def of(cls, model: Any, *terms: tuple[Array, Array]) -> "Gradient":
        """Of weights and errors z, of one number of axes."""
        law, names = model._distribution.law, model._shapes_with_errors()
        line = scale = shape = np.zeros(())
        for weight, z in terms:
            line = line + weight
            scale = scale + weight * z
            if names:
                shape = shape + weight * _slope_in_shape(law, names[0], z)
        return cls(line, model.scale_ * scale, model.scale_ * shape)

    def error(self, model: Any, rows: Responses) -> Array:
        """Standard errors (n, ...) of what has these gradients."""
        root: Root = model._root
        strata = model.__dict__.get("_strata")
        of_line = root.of_line(rows.X if strata is None else rows.X[:, strata.line])
        of_scale = root.scales[model.__dict__.get("_stratum", 0)] if len(root.scales) else None
        error = np.zeros(np.shape(self.line))
        for j in range(of_line.shape[1]):
            column = of_line[:, j].reshape((-1,) + (1,) * (error.ndim - 1))
            part = self.line * column + self.shape * root.shape[j]
            if of_scale is not None:
                part = part + self.scale * of_scale[j]
            error = np.hypot(error, part)  # no square overflows
        return error


def check_limits(model: Any) -> None:
    """A warning where limits are not of all parameters; NotFittedError where there are none."""
    check_uncertainty(model)
    model._require_fitted_law()
    open_ = model._undetermined
    if model._root is None:
        warn(
            "The likelihood has no finite maximum, and the estimates no standard errors: "
            "confidence limits are NaN.",
            DataWarning,
        )
    elif open_:
        warn(
            f"The data do not determine {_told(open_)}: confidence limits are of what they "
            "determine, and hold for rows in which columns depend on each other as in the fit.",
            DataWarning,
        )


def quantile_error(model: Any, X: Array, q: Array) -> Array:
    """Standard errors (n, ...) of quantiles at rows of X, on the scale of the line.

    NaN where the likelihood has no finite maximum.
    """
    check_uncertainty(model)
    z = np.broadcast_to(model._distribution.law.quantile(q), X.shape[:1] + q.shape)
    if model._root is None:
        return np.full(z.shape, np.nan)
    rows = Responses(X, None, None)  # type: ignore[arg-type]
    return Gradient.of(model, (np.ones_like(z), z)).error(model, rows)


def quantile_with_limits(model: Any, rows: Responses, q: Array, half: float) -> Array:
    """Quantiles of responses with limits ``half`` standard errors away (n, ..., 3)."""
    beyond: Beyond = model._beyond(rows)
    law, some = beyond.distribution.law, beyond.conditional
    quantile, z = beyond.quantile(q), beyond.errors_of_quantile(q)
    if model._root is None:
        return _with_nan(quantile)
    start = column(np.where(some, beyond.start, 0.0), q)
    with np.errstate(over="ignore"):
        ratio = np.exp(law.log_hazard(start) - law.log_hazard(z))
    ratio = np.where(column(some, q), ratio, 0.0)
    gradient = Gradient.of(model, (np.ones_like(z), z), (-ratio, np.broadcast_to(start, z.shape)))
    away = half * gradient.error(model, rows)
    link = beyond.distribution.link
    line = column(beyond.location, q) + beyond.scale * z
    with np.errstate(over="ignore"):
        out = np.stack([quantile, *map(link.to_response, (line - away, line + away))], axis=-1)
        if some.any():  # limits of what is left
            left = beyond.left(q)[some]
            away = away[some] * np.exp(-link.log_jacobian(line[some])) / np.where(left, left, 1.0)
            for k, sign in ((1, -1.0), (2, 1.0)):
                given = column(np.asarray(rows.entry)[some], q)
                out[some, ..., k] = given + left * np.exp(sign * away)
    return out


def survival_with_limits(model: Any, rows: Responses, times: Array, half: float) -> Array:
    """Survival functions with limits ``half`` standard errors away (n, ..., 3)."""
    beyond: Beyond = model._beyond(rows)
    survival = beyond.survival(times)
    if model._root is None:
        return _with_nan(survival)
    known, ends = _errors_with_limits(model, rows, times, half)
    with np.errstate(all="ignore"):  # where the survival function is 0 or 1
        limits = (np.where(known, beyond.distribution.law.sf(end), survival) for end in ends)
        return np.stack([survival, *limits], axis=-1)


def cumulative_hazard_with_limits(model: Any, rows: Responses, times: Array, half: float) -> Array:
    """Minus the logarithms of survival functions and of their limits (n, ..., 3)."""
    beyond: Beyond = model._beyond(rows)
    hazard = -beyond.log_survival(times)
    if model._root is None:
        return _with_nan(hazard)
    known, ends = _errors_with_limits(model, rows, times, half)
    with np.errstate(all="ignore"):
        limits = (np.where(known, -beyond.distribution.law.log_sf(end), hazard) for end in ends)
        return np.stack([hazard, *reversed(list(limits))], axis=-1)


def _errors_with_limits(
    model: Any, rows: Responses, times: Array, half: float
) -> tuple[NDArray[np.bool_], tuple[Array, Array]]:
    """Errors that have the probability of lower and upper limits, and where they are known."""
    beyond: Beyond = model._beyond(rows)
    law, some = beyond.distribution.law, column(beyond.conditional, times)
    z = beyond.errors(times)
    start = column(np.where(beyond.conditional, beyond.start, 0.0), times)
    with np.errstate(all="ignore"):
        u = np.where(some, law.inverse_log_sf(beyond.log_survival(times)), z)
        inside = np.isfinite(u) & np.isfinite(z)
        u, z = np.where(inside, u, 0.0), np.where(inside, z, 0.0)
        hazard, given = law.log_hazard(u), some & inside
        later = np.where(given, np.exp(law.log_hazard(z) - hazard), 1.0)
        earlier = np.where(given, np.exp(law.log_hazard(start) - hazard), 0.0)
        terms = (later, z), (-earlier, np.broadcast_to(start, z.shape))
        away = half * Gradient.of(model, *terms).error(model, rows) / beyond.scale
        return inside & np.isfinite(away), (u + away, u - away)


def hazard_with_limits(model: Any, rows: Responses, times: Array, half: float) -> Array:
    """Hazards with limits ``half`` standard errors of their logarithms away (n, ..., 3)."""
    distribution, scale = model._distribution, model.scale_
    law, location = distribution.law, model._location(rows.X)
    hazard = distribution.hazard(location, scale, times)
    if model._root is None:
        return _with_nan(hazard)
    # At 0 limits are those of the smallest number: there they are near 0, or very large.
    at = np.maximum(times, TINY) if distribution.link.positive else times
    z = np.clip(distribution.errors(location, scale, at), -LARGEST, LARGEST)
    slope = -_slope_of_log_hazard(law, z)
    free = float(len(model._root.scales) > 0)
    in_shape: Array = np.zeros(())
    if names := model._shapes_with_errors():
        in_shape = _in_shape(law, names[0], lambda other: other.log_hazard(z))
    error = Gradient(slope / scale, slope * z - free, in_shape).error(model, rows)
    log_hazard = (
        law.log_hazard(z)
        + distribution.link.log_jacobian(distribution.link.to_line(at))
        - np.log(scale)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        lower, upper = (np.exp(log_hazard + sign * half * error) for sign in (-1.0, 1.0))
    known = ~np.isnan(lower) & ~np.isnan(upper)
    if distribution.link.positive:
        known &= times >= 0.0
    lower = np.where(known, np.minimum(lower, hazard), hazard)
    upper = np.where(known, np.maximum(upper, hazard), hazard)
    return np.stack([hazard, lower, upper], axis=-1)


def _slope_of_log_hazard(law: Any, z: Array) -> Array:
    """Derivative of the log of the hazard, of terms that do not cancel."""
    flat = z.ravel()
    score, (_, first, second) = law.score(flat), law.log_sf_derivatives(flat)
    far = (score < 0.0) & (first != 0.0)
    slope = np.where(far, second / np.where(far, first, 1.0), score - first)
    return slope.reshape(z.shape)


def _slope_in_shape(law: Any, name: str, z: Array) -> Array:
    """Derivative in a shape of the z that has a given probability, by differences."""
    shape, z = z.shape, z.ravel()
    upper = z > 0.0
    in_shape = _in_shape(
        law, name, lambda other: np.where(upper, other.log_sf(z), other.log_cdf(z))
    )
    in_z = np.where(upper, law.log_sf_derivatives(z).first, law.log_cdf_derivatives(z).first)
    slope = np.divide(-in_shape, in_z, out=np.zeros_like(in_z), where=in_z != 0.0)
    return slope.reshape(shape)


def _in_shape(law: Any, name: str, value: Callable[[Any], Array]) -> Array:
    """Derivative in a shape of what is worked out from a law, by differences."""

    def moved(steps: int) -> Array:
        return value(replace(law, **{name: getattr(law, name) + steps * STEP}))

    difference: Array = moved(-2) - 8.0 * moved(-1) + 8.0 * moved(1) - moved(2)
    return difference / (12 * STEP)


def _with_nan(values: Array) -> Array:
    return np.stack([values, np.full_like(values, np.nan), np.full_like(values, np.nan)], axis=-1)


def _told(names: Sequence[str]) -> str:
    return ", ".join(names)
