"""Standard errors of a fitted mixture of regressions."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.engine import standard_errors
from emkit.engine.fit import best_run
from emkit.mixture.regression_fitted import Fitted, in_units, logit_to_user, model_in
from emkit.mixture.regression_fitting import open_fit_data
from emkit.mixture.regression_rows import open_rows, require_y
from emkit.models.concomitant import LogitParams
from emkit.models.regression_mixture import RegressionMixtureParams, Standards
from emkit.numerics.gaussian import Scaling

__all__ = ["RegressionMixtureErrors", "RegressionMixtureInference"]

#: Gain of a step, in nats, at which a fit is at its maximum for all that a standard error shows.
ERRORS_TOL = 1e-10
MOST_STEPS = 1000


class RegressionMixtureErrors(NamedTuple):
    """Standard errors in the shapes of the attributes; None of those that there are not."""

    weights: Array | None
    coef: Array
    intercept: Array
    scale: Array
    concomitant_coef: Array | None = None
    concomitant_intercept: Array | None = None


class RegressionMixtureInference:
    """What says how certain the parameters of an `EMRegressionMixture` are."""

    _fitted: Fitted
    reg_variance: float

    def standard_errors(self, X: Any, y: Any, sample_weight: Any = None) -> RegressionMixtureErrors:
        """Standard errors of the fitted parameters, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of fit.
        y : array-like of shape (n_samples,)
            The responses of fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        errors : NamedTuple of weights, coef, intercept, scale
            In the shapes of the attributes; with a concomitant model ``concomitant_coef`` and
            ``concomitant_intercept``, and no ``weights``. NaN, with a DataWarning, where a
            parameter is not determined.

        Notes
        -----
        They hold for one labelling of the components, and take that as given.
        """
        require_y(self, y)
        opened = open_rows(self, X, y, sample_weight)
        fitted, k = self._fitted, len(self._fitted.params.variances)
        require_same("standard_errors", "reg_variance", self._fitted.reg, self.reg_variance)
        data, summary = open_fit_data(opened, k)
        raw = _not_centred(fitted.standards)
        model = model_in(raw, k, fitted.concomitant, fitted.reg, summary.total_weight)
        start = RegressionMixtureParams(
            _gate_in(fitted, raw),
            raw.from_user(*fitted.standards.to_user(fitted.params.coef)),
            fitted.params.variances,
        )
        result = best_run(model, data, start=start, tol=ERRORS_TOL, max_iter=MOST_STEPS)
        errors = standard_errors(model, data, result.params)
        return _in_users_units(errors, result.params, raw, fitted)


def _not_centred(standards: Standards) -> Standards:
    """Units in which an intercept is that of the data, but for the unit of the response."""
    columns = Scaling(np.zeros_like(standards.columns.shift), standards.columns.scale)
    return Standards(
        columns,
        Scaling(0.0 * standards.response.shift, standards.response.scale),
        standards.intercept,
    )


def _gate_in(fitted: Fitted, raw: Standards) -> Any:
    gate = fitted.params.gate
    return in_units(gate, fitted, raw) if isinstance(gate, LogitParams) else gate


def _in_users_units(
    errors: RegressionMixtureParams,
    params: RegressionMixtureParams,
    raw: Standards,
    fitted: Fitted,
) -> RegressionMixtureErrors:
    coef, intercept = raw.to_user(errors.coef)
    scale = 0.5 * errors.variances / np.sqrt(params.variances) * raw.response.scale
    if isinstance(errors.gate, LogitParams):
        of_logit = logit_to_user(errors.gate, fitted._replace(standards=raw))
        return RegressionMixtureErrors(None, coef, intercept, scale, *of_logit)
    return RegressionMixtureErrors(errors.gate.weights, coef, intercept, scale)
