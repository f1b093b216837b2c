"""Distributions of a response beside each other, by information criteria."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from emkit.base.optional import optional_import
from emkit.censored.regressor import EMCensoredRegressor
from emkit.censored.target import censored_target
from emkit.exceptions import recorded
from emkit.models.laws.registry import LAWS

__all__ = ["compare_distributions"]


def compare_distributions(
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    distributions: Iterable[str] | None = None,
    **params: Any,
) -> Any:
    """Fit every distribution of `EMCensoredRegressor` to the same data, and compare them.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Predictors, in any form that `EMCensoredRegressor` takes; without columns, distributions
        alone are compared.
    y : array-like
        Responses in any form of `emkit.censored_target`, with delayed entries if there are any.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights as frequencies.
    distributions : str or iterable of str, default=None
        Names of those to fit; None is all.
    **params
        Other arguments of `EMCensoredRegressor`, the same in every fit: ``strata``, ``alpha``,
        ``left``, ``df`` and so on.

    Returns
    -------
    table : pandas.DataFrame
        A row for each distribution, by its name, in ascending order of AIC, after these what did
        not converge: where there is no maximum, the AIC is that of where the fit stopped.
        Log-likelihoods are on the scale of y, so that all can be compared. Columns:

        - ``log_likelihood``, in nats and without a penalty; ``n_parameters``, ``aic`` and ``bic``,
          as `EMCensoredRegressor.aic` and `EMCensoredRegressor.bic` have them;
        - ``converged``;
        - ``note``: what the fit warned of; where a distribution cannot be fitted, as one of
          positive responses to others, why. The other columns are then missing, and the row is at
          the end.

    Raises
    ------
    ImportError
        Without pandas.
    ValueError
        For a name that is none; and, as the first fit says it, where none can be fitted.

    Notes
    -----
    A difference in AIC of less than 2 says little. With ``alpha`` the criteria count every
    coefficient in full, and so favour none of the distributions.

    Examples
    --------
    >>> from emkit import EMCensoredRegressor, compare_distributions
    >>> from emkit.datasets import load_lung
    >>> X, y = load_lung(return_X_y=True)
    >>> X = X[:, :2]  # age and sex
    >>> laws = ["exponential", "lognormal", "loglogistic", "weibull"]
    >>> table = compare_distributions(X, y, distributions=laws)
    >>> table[["log_likelihood", "aic"]].round(1)  # doctest: +NORMALIZE_WHITESPACE
                  log_likelihood     aic
    distribution
    weibull              -1147.1  2302.1
    loglogistic          -1152.9  2313.8
    exponential          -1156.1  2318.2
    lognormal            -1158.8  2325.5
    >>> best = EMCensoredRegressor(distribution=table.index[0]).fit(X, y)
    """
    pd = optional_import("pandas", "pandas", "compare_distributions")
    if isinstance(distributions, str):
        distributions = [distributions]
    names = list(LAWS) if distributions is None else list(distributions)
    unknown = [name for name in names if name not in LAWS]
    if unknown or not names:
        raise ValueError(f"distributions must be among {list(LAWS)}. Got {unknown or names}.")
    if getattr(X, "shape", ())[1:] == (0,) and not {"left", "right"} & params.keys():
        y = censored_target(y)  # a regression of numbers, one a row, is asked for a column
    rows, errors = [], []
    for name in names:
        try:
            rows.append(
                _fitted(EMCensoredRegressor(**params, distribution=name), X, y, sample_weight)
            )
        except ValueError as error:
            rows.append({"note": str(error)})
            errors.append(error)
    if len(errors) == len(names):
        raise errors[0]
    columns = ["log_likelihood", "n_parameters", "aic", "bic", "converged", "note"]
    table = pd.DataFrame(rows, index=pd.Index(names, name="distribution"), columns=columns)
    types = {"n_parameters": "Int64", "converged": "boolean"}
    order = {"by": ["converged", "aic"], "ascending": [False, True], "kind": "stable"}
    return table.astype(types).sort_values(**order)


def _fitted(regressor: EMCensoredRegressor, X: Any, y: Any, sample_weight: Any) -> dict[str, Any]:
    """A row of the table."""
    with recorded() as said:
        regressor.fit(X, y, sample_weight)
        log_likelihood, n = regressor._total(X, y, sample_weight)
    p = regressor._n_parameters()
    return {
        "log_likelihood": log_likelihood,
        "n_parameters": p,
        "aic": -2.0 * log_likelihood + 2.0 * p,
        "bic": -2.0 * log_likelihood + p * np.log(n),
        "converged": regressor.converged_,
        "note": " ".join(map(str, said)),
    }
