"""The penalty at which a lasso of censored responses comes to have coefficients at all."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.censored.regressor import EMCensoredRegressor
from emkit.censored.rows import open_rows, read_predictors, require_y
from emkit.censored.stratification import strata_columns
from emkit.censored.target import load_target
from emkit.data.checks import check_weights
from emkit.models.censored.row_terms import row_terms

__all__ = ["alpha_max"]

#: Gain of a step at which the fit without columns ends; part by which the penalty is rounded up.
TOL, ROUNDING = 1e-13, 1e-7


def alpha_max(X: Any, y: Any, sample_weight: Any = None, **params: Any) -> float:
    r"""Least ``alpha`` at which `EMCensoredRegressor` with an ``l1_ratio`` leaves out all columns.

    At it every coefficient is 0, exactly, and a little below one is not: it is where a path, or a
    grid of `sklearn.model_selection.GridSearchCV`, begins.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Predictors, in memory.
    y : array-like
        Responses in any form of `emkit.censored_target`, with delayed entries if there are any.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights as frequencies.
    **params
        Arguments of `EMCensoredRegressor`: ``distribution``, ``l1_ratio`` (1, the lasso, unless
        given), ``strata`` and so on.

    Returns
    -------
    alpha : float
        In the unit of the line, as ``alpha`` is with an ``l1_ratio``; 0 where no column varies.

    Raises
    ------
    ValueError
        For an ``l1_ratio`` of 0, at which no ``alpha`` makes a coefficient 0, and bad data.

    See Also
    --------
    sklearn.linear_model.lasso_path : Has the same of complete responses, over the sample size.

    Notes
    -----
    With the fit without columns, of intercept, scale and shape, and :math:`g_j` the slope of its
    log-likelihood in the coefficient of the standardised column j, 0 is a maximum as long as

    .. math:: |g_j| \le \alpha \rho / \sigma^2 \quad \text{for all } j,

    :math:`\rho` being the ``l1_ratio``. Where the likelihood can have several maxima ('student_t',
    a shape that is estimated, delayed entries), there may be a higher one with coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from emkit import EMCensoredRegressor, alpha_max
    >>> from emkit.datasets import load_lung
    >>> X, y = load_lung(return_X_y=True)
    >>> X = X[:, :2]  # age and sex
    >>> largest = alpha_max(X, y, distribution="weibull")
    >>> model = EMCensoredRegressor(distribution="weibull", l1_ratio=1.0)
    >>> model.set_params(alpha=largest).fit(X, y).coef_
    array([0., 0.])
    >>> model.set_params(alpha=0.9 * largest).fit(X, y).coef_.round(3)
    array([0.   , 0.039])
    >>> grid = {"alpha": np.geomspace(largest, 1e-3 * largest, 7)}
    >>> search = GridSearchCV(model, grid, cv=5).fit(X, y)
    >>> bool(search.best_params_["alpha"] < largest)
    True
    """
    params = {"l1_ratio": 1.0} | params
    regressor = EMCensoredRegressor(**params)
    regressor._validate_params()
    if params["l1_ratio"] == 0.0:
        raise ValueError(
            "l1_ratio is 0: at no alpha does a ridge penalty make coefficients 0. Give an l1_ratio "
            "above 0, 1 for the lasso."
        )
    require_y(regressor, y)
    low, high, entry = load_target(y, regressor.left, regressor.right)
    weight = check_weights(sample_weight, low)
    weight = np.ones(len(low)) if weight is None else weight
    open_rows(regressor, X, y, sample_weight, reset=True)
    table = read_predictors(regressor, X)
    columns = strata_columns(regressor, table.shape[1])
    target = np.column_stack([low, high, np.full(len(low), -np.inf) if entry is None else entry])
    counted = (weight > 0.0) & (np.isfinite(low) | np.isfinite(high))
    table, target, weight = table[counted], target[counted], weight[counted]
    options: dict[str, Any] = {
        "alpha": 0.0,
        "l1_ratio": 0.0,
        "left": None,
        "right": None,
        "tol": TOL,
    }
    options["strata"] = list(range(len(columns))) or None
    null = EMCensoredRegressor(**{**params, **options}).fit(table[:, columns], target, weight)
    scale = np.asarray(null.scale_)
    if columns:
        scale = scale[null._strata.codes(table[:, columns])]
    scale = np.broadcast_to(scale, len(table))
    slopes = weight * _slopes(null, target, scale)
    line = np.delete(table, columns, axis=1)
    gradient = _gradient(line, weight, slopes, null.fit_intercept)
    allowed = params["l1_ratio"] * np.average(scale**-2.0, weights=weight)
    return float(np.abs(gradient).max(initial=0.0) / allowed) * (1.0 + ROUNDING)


def _slopes(null: EMCensoredRegressor, target: Array, scale: Array) -> Array:
    """Derivatives (n,) of log-likelihoods of rows in their line, at a fit without columns."""
    distribution = null._distribution
    low, high, entry = distribution.bounds_to_line(*target.T)
    assert entry is not None  # the target has one in every row
    a, b, c = ((end - null.intercept_) / scale for end in (low, high, entry))
    with np.errstate(invalid="ignore"):
        width = np.where(low == high, 0.0, (high - low) / scale)
    return row_terms(distribution.law, a, b, width, c).location / scale


def _gradient(line: Array, weight: Array, slopes: Array, intercept: bool) -> Array:
    """Slopes in the coefficients of standardised columns, 0 of those that do not vary."""
    if not line.shape[1]:
        return np.zeros(0)
    centre = np.average(line, axis=0, weights=weight) if intercept else np.zeros(line.shape[1])
    columns = line - centre
    deviation = np.sqrt(np.average(columns**2, axis=0, weights=weight))
    rounding = 1e-12 * np.abs(line).max(axis=0)
    sums: Array = slopes @ columns
    return np.divide(sums, deviation, out=np.zeros(len(sums)), where=deviation > rounding)
