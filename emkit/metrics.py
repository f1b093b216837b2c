"""Scores of predictions when responses are only known to lie in an interval."""

import numpy as np
from sklearn.metrics import make_scorer, r2_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from emkit._censored_target import load_target
from emkit._estimator import check_weights

__all__ = ["concordance_index", "concordance_scorer", "r2_exact", "r2_exact_scorer"]

#: Pairs that are compared at a time.
PAIRS = 2**20


def concordance_index(y_true, y_pred, sample_weight=None):
    """Share of comparable pairs whose predictions are in the order of the responses: Harrell's C.

    A pair is comparable when one response is known to be the larger: its lower bound is above the
    other's upper bound, or equal to it where not both are exact. Equal predictions count one half.
    1 is the right order, 0 the reverse, and 0.5 what a constant gets.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, 2), or structured
        Responses in any form that `EMCensoredRegressor` takes; a one-dimensional one is exact (for
        limits, see `censored_target`).
    y_pred : array-like of shape (n_samples,)
        Predictions, or anything else that should be larger where responses are.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights as frequencies; a pair weighs the product of its two.

    Returns
    -------
    concordance : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        For bad data, and where no pair is comparable.

    Notes
    -----
    Time grows as the square of n_samples, memory does not.

    References
    ----------
    Harrell, F. E., Lee, K. L. & Mark, D. B. (1996). Multivariable prognostic models: issues in
    developing models, evaluating assumptions and adequacy, and measuring and reducing errors.
    Statistics in Medicine 15, 361-387.
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4

    Examples
    --------
    >>> from emkit import censored_target
    >>> from emkit.metrics import concordance_index
    >>> y = censored_target([1.0, 2.0, 3.0, 4.0], event=[True, True, False, True])
    >>> concordance_index(y, [0.1, 0.3, 0.2, 0.4])  # the last two are not comparable
    0.8
    """
    low, high, y_pred, weights = _validate(y_true, y_pred, sample_weight)
    exact = low == high
    # Only these can be the larger one of a pair, and only those the smaller one.
    over, under = np.flatnonzero(low > -np.inf), np.flatnonzero(high < np.inf)
    ordered = total = 0.0
    step = max(1, PAIRS // max(1, len(over)))
    for start in range(0, len(under), step):
        block = under[start : start + step, None]
        known = low[over] > high[block]
        known |= (low[over] == high[block]) & ~(exact[over] & exact[block])
        credit = (y_pred[over] > y_pred[block]) + 0.5 * (y_pred[over] == y_pred[block])
        weight = weights[block[:, 0]]
        total += weight @ (known @ weights[over])
        ordered += weight @ ((known * credit) @ weights[over])
    if total == 0.0:
        raise ValueError(
            "No pair of responses is comparable: of no two is it known which is the larger. The "
            "concordance index needs responses that differ by more than their bounds leave open."
        )
    return float(ordered / total)


def r2_exact(y_true, y_pred, sample_weight=None):
    """R squared on the rows whose response is exact.

    Which rows are exact depends on the response wherever long times are the censored ones: this is
    a measure of fit to the exact rows, not to all. `EMCensoredRegressor.score` uses every row.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, 2), or structured
        Responses in any form that `EMCensoredRegressor` takes; a one-dimensional one is exact (for
        limits, see `censored_target`).
    y_pred : array-like of shape (n_samples,)
        Predictions.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights as frequencies.

    Returns
    -------
    r2 : float
        At most 1; see `sklearn.metrics.r2_score`.

    Raises
    ------
    ValueError
        For bad data, and where no response is exact.

    Examples
    --------
    >>> from emkit import censored_target
    >>> from emkit.metrics import r2_exact
    >>> y = censored_target([1.0, 2.0, 3.0, 4.0], event=[True, True, True, False])
    >>> r2_exact(y, [1.5, 2.0, 3.0, 9.0])
    0.875
    """
    low, high, y_pred, weights = _validate(y_true, y_pred, sample_weight)
    exact = (low == high) & (weights > 0.0)
    if not exact.any():
        raise ValueError("No response is exact: R squared has nothing to compare predictions with.")
    return float(r2_score(low[exact], y_pred[exact], sample_weight=weights[exact]))


#: `concordance_index` of what ``predict`` returns, for ``scoring=``.
concordance_scorer = make_scorer(concordance_index)

#: `r2_exact` of what ``predict`` returns, for ``scoring=``.
r2_exact_scorer = make_scorer(r2_exact)


def _validate(y_true, y_pred, sample_weight):
    low, high = load_target(y_true)
    y_pred = check_array(y_pred, ensure_2d=False, dtype=np.float64, input_name="y_pred")
    y_pred = column_or_1d(y_pred)
    check_consistent_length(low, y_pred)
    weights = check_weights(sample_weight, y_pred)
    return low, high, y_pred, np.ones(len(low)) if weights is None else weights
