"""A fitted mixture of regressions: its attributes in the units of the data, and their model."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.engine import EMResult
from emkit.models.concomitant import Constant, Logit, LogitParams
from emkit.models.regression_mixture import (
    RegressionMixtureModel,
    RegressionMixtureParams,
    Standards,
)

__all__ = ["Fitted", "last_fit", "logit_to_user", "model_in", "publish"]


class Fitted(NamedTuple):
    """What predictions go by: units, how weights depend on a row, parameters in these units."""

    standards: Standards
    concomitant: tuple[int, ...] | None  #: columns of X, None where weights are constant
    params: RegressionMixtureParams
    reg: float  #: part of the variance of y that the prior has

    @property
    def model(self) -> RegressionMixtureModel:
        n_components = len(self.params.variances)
        return model_in(self.standards, n_components, self.concomitant)


def model_in(
    standards: Standards,
    n_components: int,
    columns: tuple[int, ...] | None,
    reg_variance: float = 0.0,
    total_weight: float = 0.0,
    n_rows: int = 0,
) -> RegressionMixtureModel:
    """The model in some units, of data of a total weight, which the prior is a part of."""
    gate: Constant | Logit = Constant()
    if columns is not None:
        gate = Logit(np.array(columns, dtype=np.intp) + int(standards.intercept))
    ridge = reg_variance * total_weight / n_components
    return RegressionMixtureModel(n_components, standards, gate, ridge, total_weight, n_rows)


def last_fit(
    regressor: Any, standards: Standards, columns: tuple[int, ...] | None
) -> RegressionMixtureParams | None:
    """The parameters of the last fit in new units, if the fit goes on from it."""
    if not (regressor.warm_start and hasattr(regressor, "_fitted")):
        return None
    last: Fitted = regressor._fitted
    before = (*regressor.coef_.shape, last.standards.intercept, last.concomitant)
    now = (regressor.n_components, len(standards.columns.scale), standards.intercept, columns)
    names = "(n_components, n_features, fit_intercept, concomitant columns)"
    require_same("warm_start", names, before, now)
    coef = standards.from_user(*last.standards.to_user(last.params.coef))
    ratio = last.standards.response.scale / standards.response.scale
    gate = last.params.gate
    if isinstance(gate, LogitParams):
        gate = _in_units(gate, last, standards)
    return RegressionMixtureParams(gate, coef, last.params.variances * ratio**2)


def _in_units(gate: LogitParams, last: Fitted, standards: Standards) -> LogitParams:
    slopes, intercepts = logit_to_user(gate, last)
    chosen = list(last.concomitant or ())
    shift, scale = (part[chosen] for part in standards.columns)
    first = intercepts + slopes @ shift
    return LogitParams(np.column_stack([first, slopes * scale]))


def logit_to_user(gate: LogitParams, fitted: Fitted) -> tuple[Array, Array]:
    """Coefficients (K, g) and intercepts (K,) of the logit on the scale of X."""
    chosen = list(fitted.concomitant or ())
    shift, scale = (part[chosen] for part in fitted.standards.columns)
    slopes = gate.gamma[:, 1:] / scale
    return slopes, gate.gamma[:, 0] - slopes @ shift


def publish(
    regressor: Any, result: EMResult, *, standards: Standards, columns: tuple[int, ...] | None
) -> None:
    """Set the fitted attributes, in the units of the data."""
    params = result.params
    fitted = Fitted(standards, columns, params, regressor.reg_variance)
    regressor._fitted = fitted
    regressor.coef_, regressor.intercept_ = standards.to_user(params.coef)
    regressor.scale_ = np.sqrt(params.variances) * standards.response.scale
    for name in ("weights_", "concomitant_coef_", "concomitant_intercept_"):
        regressor.__dict__.pop(name, None)
    if columns is None:
        regressor.weights_ = params.gate.weights / params.gate.weights.sum()
    else:
        regressor.concomitant_coef_, regressor.concomitant_intercept_ = logit_to_user(
            params.gate, fitted
        )
        gamma = params.gate.gamma[:, 0]
        shares = np.exp(gamma - gamma.max())
        regressor.weights_ = shares / shares.sum()
    regressor.log_likelihood_ = result.log_likelihood
    regressor.n_iter_, regressor.converged_ = result.n_iter, result.converged
    regressor.history_, regressor.runs_ = result.history, result.runs
