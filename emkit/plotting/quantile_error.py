"""Standard errors of the quantiles of a censored regression, by the delta method."""

from dataclasses import replace
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.censored.uncertainty import check_uncertainty
from emkit.models.laws.law import Law
from emkit.models.laws.registry import LAWS

__all__ = ["quantile_error"]

#: Step of a difference quotient in a shape parameter.
STEP = 1e-5


def quantile_error(regressor: Any, design: Array, q: float | Array) -> Array | None:
    """Of quantiles (n,) at rows of covariates (n, p), on the scale of the line.

    Shape parameters that have no standard error count as known. None with strata, whose scales
    differ, and where the data do not determine a coefficient.
    """
    check_uncertainty(regressor)
    if np.ndim(regressor.scale_):
        return None
    law = regressor._distribution.law
    rates = []  # of the quantile in standard units, in log scale and shapes
    if LAWS[regressor.distribution].scale is None:
        rates.append(law.quantile(np.asarray(q)))
    rates += [_in_shape(law, name, q) for name in regressor._shapes_with_errors()]
    n = len(design)
    moved = [np.broadcast_to(regressor.scale_ * rate, n) for rate in rates]
    slopes = np.column_stack([np.ones(n), design, *moved])[:, 0 if regressor.fit_intercept else 1 :]
    used = (slopes != 0.0).any(axis=0)
    slopes, covariance = slopes[:, used], regressor.cov_params_[np.ix_(used, used)]
    if np.isnan(covariance).any():
        return None
    variance = np.einsum("ij,jk,ik->i", slopes, covariance, slopes)
    error: Array = np.sqrt(np.maximum(variance, 0.0))
    return error


def _in_shape(law: Law, name: str, q: float | Array) -> Array:
    """Derivative of the standard quantile in a shape parameter."""
    value = getattr(law, name)
    up, down = (replace(law, **{name: value + step}) for step in (STEP, -STEP))
    return (up.quantile(np.asarray(q)) - down.quantile(np.asarray(q))) / (2.0 * STEP)
