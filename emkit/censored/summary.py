"""What a fitted censored regression says of its parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from emkit._typing import Array
from emkit.base.optional import optional_import
from emkit.censored.prediction import check_level
from emkit.censored.uncertainty import check_uncertainty

__all__ = ["CensoredSummary"]


class CensoredSummary:
    """Estimates of `EMCensoredRegressor`, with their names and standard errors."""

    fit_intercept: bool
    coef_: Array
    intercept_: float
    scale_: Any
    standard_errors_: Array
    n_features_in_: int
    _require_fitted_law: Callable[[], None]

    @property
    def _parameter_names(self) -> list[str]:
        """Those of intercept (left out without one), coefficients and log scales."""
        n, strata = self.n_features_in_, self.__dict__.get("_strata")
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(n)])
        scales = ["log(scale)"]
        if strata is not None:
            names = [names[j] for j in strata.line]
            scales = [f"log(scale)[{stratum}]" for stratum in strata.told]
        return ["intercept"] * int(self.fit_intercept) + [*names, *scales]

    def summary(self, level: float = 0.95) -> Any:
        """Estimates with their uncertainty.

        Parameters
        ----------
        level : float, default=0.95
            Level of the confidence limits.

        Returns
        -------
        table : pandas.DataFrame
            A row for the intercept, every coefficient and every log scale; columns estimate,
            std_error, z, p_value, lower and upper. All but the estimate is NaN for a parameter that
            the data do not determine.

        Raises
        ------
        ImportError
            Without pandas.
        sklearn.exceptions.NotFittedError
            Without a fit, and after one that was interrupted.
        ValueError
            For a level that is not between 0 and 1, and where the law is set to another since.

        Examples
        --------
        >>> from emkit import EMCensoredRegressor
        >>> from emkit.datasets import load_motorettes
        >>> X, y = load_motorettes(return_X_y=True)
        >>> regressor = EMCensoredRegressor(distribution="lognormal").fit(X, y)
        >>> regressor.summary().round(2)
                    estimate  std_error      z  p_value  lower  upper
        intercept      16.49       0.93  17.75     0.00  14.67  18.31
        x0             -0.05       0.00  -9.59     0.00  -0.06  -0.04
        log(scale)     -0.47       0.18  -2.54     0.01  -0.83  -0.11
        """
        check_uncertainty(self)
        self._require_fitted_law()
        level = check_level(level)
        pd = optional_import("pandas", "pandas", "EMCensoredRegressor.summary")
        estimate = np.append(self.coef_, np.log(self.scale_))
        if self.fit_intercept:
            estimate = np.append(self.intercept_, estimate)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = estimate / self.standard_errors_
        half = ndtri(0.5 + 0.5 * level) * self.standard_errors_
        return pd.DataFrame(
            {
                "estimate": estimate,
                "std_error": self.standard_errors_,
                "z": z,
                "p_value": 2.0 * ndtr(-np.abs(z)),
                "lower": estimate - half,
                "upper": estimate + half,
            },
            index=self._parameter_names,
        )
