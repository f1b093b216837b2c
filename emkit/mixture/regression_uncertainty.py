"""Standard errors of a fitted mixture of regressions."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.engine.blocks import e_step
from emkit.engine.fit import best_run
from emkit.engine.inference.standard_errors import errors_of_image
from emkit.exceptions import DataWarning, ModelError, warn
from emkit.mixture.regression_fitted import Fitted, logit_to_user, model_in
from emkit.mixture.regression_fitting import open_fit_data
from emkit.mixture.regression_rows import open_rows, require_y
from emkit.models.concomitant import LogitParams
from emkit.models.regression_mixture import RegressionMixtureParams
from emkit.numerics.gaussian import Scaling

__all__ = ["RegressionMixtureErrors", "RegressionMixtureInference"]

#: Gain of a step, in nats, at which a fit is at its maximum for all that a standard error shows.
ERRORS_TOL = 1e-10
MOST_STEPS = 1000
NO_SCATTER = (
    "No standard errors: some component holds to no data, or rows lie on their line exactly. The "
    "likelihood has no maximum there. Take fewer components, or raise n_init or reg_variance."
)


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
        model = model_in(fitted.standards, k, fitted.concomitant, fitted.reg, summary.total_weight)
        result = best_run(model, data, start=fitted.params, tol=ERRORS_TOL, max_iter=MOST_STEPS)
        fixed = (summary.spread[:-1] == 0.0) & fitted.standards.intercept
        image = partial(_in_users_units, fitted, result.params.variances, fixed)
        try:
            errors = errors_of_image(model, data, result.params, image)
        except ModelError:
            if not model.collapsed(result.params, e_step(model, data, result.params)[0].n).any():
                raise
            warn(NO_SCATTER, DataWarning)
            errors = [np.full_like(part, np.nan) for part in image(result.params)]
        if fitted.concomitant is not None:
            return RegressionMixtureErrors(None, *errors)
        return RegressionMixtureErrors(errors[-1], *errors[:-1])


def _in_users_units(
    fitted: Fitted, variances: Array, fixed: NDArray[np.bool_], change: RegressionMixtureParams
) -> tuple[Array, ...]:
    """Changes of lines, scales and weights on the scale of the data, by those of parameters.

    Coefficients of ``fixed`` columns, which are constant, are 0 beside the intercept whatever the
    data: they have no standard error, and no part in its.
    """
    shift, unit = fitted.standards.response
    of_changes = fitted.standards._replace(response=Scaling(0.0 * shift, unit))
    coef, _ = of_changes.to_user(change.coef)
    _, intercept = of_changes.to_user(_without(change.coef, fixed))
    scale = 0.5 * change.variances / np.sqrt(variances) * unit
    if not isinstance(change.gate, LogitParams):
        return coef, intercept, scale, change.gate.weights
    slopes, _ = logit_to_user(change.gate, fitted)
    chosen = fixed[list(fitted.concomitant or ())]
    _, first = logit_to_user(LogitParams(_without(change.gate.gamma, chosen)), fitted)
    return coef, intercept, scale, slopes, first


def _without(lines: Array, fixed: NDArray[np.bool_]) -> Array:
    """Lines, of which the last columns are coefficients, with 0 for the fixed ones."""
    out = lines.copy()
    out[:, len(lines.T) - len(fixed) :][:, fixed] = 0.0
    return out
