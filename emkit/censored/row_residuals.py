"""Residuals of the rows of a fitted censored regression, by their cumulative hazards."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel

from emkit._typing import Array
from emkit.censored.rows import require_y
from emkit.censored.stratification import by_stratum
from emkit.models.censored.data import Responses

__all__ = ["RowResiduals"]

TINY = float(np.finfo(float).tiny)


class RowResiduals:
    """Residuals of `EMCensoredRegressor`."""

    _each: Callable[..., Any]

    def residuals(self, X: Any, y: Any, kind: str = "deviance") -> Any:
        r"""Residuals of rows, by the cumulative hazard that the fit gives them.

        With :math:`H(t) = -\log P(y > t)` of a row, a response within :math:`(l, u]` that came
        under observation at an entry v has :math:`a = H(l) - H(v)` and :math:`b = H(u) - H(v)`:
        equal where it is exact, b infinite where it is censored on the right. If the model is
        right, :math:`H(y)` is a draw of the standard exponential law.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in any form that `fit` takes.
        y : array-like
            Responses in any form of `emkit.censored_target`, with the limits of the regressor.
        kind : {'cox-snell', 'martingale', 'deviance'}, default='deviance'
            - 'cox-snell': rows ``[H(l), H(u), H(v)]``, censored as y is, in the form of
              `emkit.censored_target`: -inf is no entry. Fit `EMSurvivalCurve` to them.
            - 'martingale': one less the expected cumulative hazard, which is
              :math:`1 - a` of an exact and :math:`-a` of a right-censored response. In between it
              is :math:`w / (e^w - 1) - a` with :math:`w = b - a`. Positive where a response came
              earlier than expected; their sum is 0 in a Weibull fit with an intercept.
            - 'deviance': the root, with the sign of the martingale residual, of twice the
              log-likelihood that a row would gain if all its hazards changed by the best factor:
              more symmetric. :math:`2 (a - 1 - \log a)` is its square where exact, 2a where
              right-censored.

        Returns
        -------
        residuals : ndarray of shape (n_samples,), of 'cox-snell' (n_samples, 3)
            Numbers without a unit.

        Raises
        ------
        ValueError
            For another kind, and bad data.

        Notes
        -----
        For Weibull, exponential, Rayleigh and extreme laws the deviance residuals are, but for
        signs, those of R's ``survreg``, which moves the line and not the hazards. Signs are as in
        Therneau et al.: what is censored on the right has not come early, and is negative.

        References
        ----------
        Cox, D. R. & Snell, E. J. (1968). A general definition of residuals. Journal of the Royal
        Statistical Society B 30, 248-275.

        Therneau, T. M., Grambsch, P. M. & Fleming, T. R. (1990). Martingale-based residuals for
        survival models. Biometrika 77, 147-160. doi:10.1093/biomet/77.1.147

        Farrington, C. P. (2000). Residuals for proportional hazards models with interval-censored
        survival data. Biometrics 56, 473-482. doi:10.1111/j.0006-341X.2000.00473.x

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_motorettes
        >>> X, y = load_motorettes(return_X_y=True)
        >>> regressor = EMCensoredRegressor(distribution="weibull").fit(X, y)
        >>> bool(abs(regressor.residuals(X, y, kind="martingale").sum()) < 1e-6)
        True
        >>> regressor.residuals(X[10:12], y[10:12], kind="cox-snell").round(3)
        array([[0.033, 0.033,  -inf],
               [0.127, 0.127,  -inf]])
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}. Got {kind!r}.")
        require_y(self, y)
        compute = partial(_residuals, of_hazards=KINDS[kind])
        return self._each(X, compute, y, width=3 if kind == "cox-snell" else None)


class _Hazards(NamedTuple):
    """Cumulative hazards (n,) of rows at both bounds, and at their entries, 0 where none."""

    low: Array
    high: Array
    entry: Array
    entered: NDArray[np.bool_]  #: whether there is an entry


def _residuals(model: Any, rows: Responses, of_hazards: Callable[[_Hazards], Array]) -> Array:
    @by_stratum
    def compute(model: Any, rows: Responses) -> Array:
        location, law = model._location(rows.X), model._distribution.law
        entry = np.full(len(location), -np.inf) if rows.entry is None else rows.entry

        def hazard(bound: Array) -> Array:
            with np.errstate(over="ignore"):
                z = (bound - location) / model.scale_
            inside = np.isfinite(z)
            out = np.where(z > 0.0, np.inf, 0.0)
            out[inside] = -law.log_sf(z[inside])
            return out

        low, high, at_entry = hazard(rows.low), hazard(rows.high), hazard(entry)
        return of_hazards(_Hazards(low, high, at_entry, entry > -np.inf))

    return compute(model, rows)


def _cox_snell(hazards: _Hazards) -> Array:
    entry = np.where(hazards.entered, hazards.entry, -np.inf)
    return np.column_stack([hazards.low, hazards.high, entry])


def _martingale(hazards: _Hazards) -> Array:
    low, width = _under_observation(hazards)
    return 1.0 / exprel(width) - low


def _deviance(hazards: _Hazards) -> Array:
    low, width = _under_observation(hazards)
    out = np.zeros_like(low)
    open_above = np.isinf(width)
    out[open_above] = low[open_above]
    exact = width == 0.0
    out[exact] = low[exact] - 1.0 - np.log(np.maximum(low[exact], TINY))
    between = ~(exact | open_above)
    a, w = low[between], width[between]
    with np.errstate(divide="ignore"):
        factor = np.log1p(w / a) / w  # by which the hazards would have to change
    gain = (1.0 - np.where(a > 0.0, factor, 1.0)) * a
    out[between] = gain + np.log(np.expm1(-factor * w) / np.expm1(-w))
    early = 1.0 / exprel(width) >= low
    return np.where(early, 1.0, -1.0) * np.sqrt(2.0 * np.maximum(out, 0.0))


def _under_observation(hazards: _Hazards) -> tuple[Array, Array]:
    """Hazards from the entry to the lower bound, and from there to the upper one."""
    exact = hazards.high == hazards.low
    with np.errstate(invalid="ignore"):
        width = np.where(exact, 0.0, hazards.high - hazards.low)
    return np.maximum(hazards.low - hazards.entry, 0.0), width


KINDS: dict[str, Callable[[_Hazards], Array]] = {
    "cox-snell": _cox_snell,
    "martingale": _martingale,
    "deviance": _deviance,
}
