"""What a fitted censored regression says of its parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from emkit._typing import Array
from emkit.base.optional import optional_import
from emkit.censored.prediction import check_level
from emkit.censored.uncertainty import check_uncertainty
from emkit.models.laws.registry import LAWS

__all__ = ["CensoredSummary"]


class CensoredSummary:
    """Estimates of `EMCensoredRegressor`, with their names and standard errors."""

    fit_intercept: bool
    coef_: Array
    intercept_: float
    scale_: Any
    cov_params_: Array
    standard_errors_: Array
    n_features_in_: int
    _require_fitted_law: Callable[[], None]
    _shapes_with_errors: Callable[[], list[str]]
    distribution: str
    alpha: float
    l1_ratio: float

    @property
    def _parameter_names(self) -> list[str]:
        """Those of all parameters that have standard errors, as the user has them."""
        n, strata = self.n_features_in_, self.__dict__.get("_strata")
        fixed = LAWS[self.distribution].scale is not None
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(n)])
        scales = [] if fixed else ["log(scale)"]
        if strata is not None:
            names = [names[j] for j in strata.line]
            scales = [f"log(scale)[{stratum}]" for stratum in strata.told]
        lead = ["intercept"] * int(self.fit_intercept)
        return [*lead, *names, *scales, *self._shapes_with_errors()]

    @property
    def _selects(self) -> bool:
        """Whether the penalty sets coefficients to 0."""
        return self.alpha > 0.0 and self.l1_ratio > 0.0

    @property
    def _undetermined(self) -> list[str]:
        """Parameters without a standard error, but those that the penalty has set to 0."""
        unknown = np.isnan(self.standard_errors_)
        if self._selects:
            lead = int(self.fit_intercept)
            unknown[lead : lead + len(self.coef_)] &= self.coef_ != 0.0
        return [
            name
            for name, is_unknown in zip(self._parameter_names, unknown, strict=True)
            if is_unknown
        ]

    def summary(self, level: float = 0.95) -> Any:
        """Estimates with their uncertainty.

        Parameters
        ----------
        level : float, default=0.95
            Level of the confidence limits.

        Returns
        -------
        table : pandas.DataFrame
            A row for the intercept, every coefficient, every log scale, and the shape of
            'generalized_gamma' where it is estimated; columns estimate,
            std_error, z, p_value, lower and upper. All but the estimate is NaN for a parameter that
            the data do not determine, and for coefficients that ``l1_ratio`` has set to 0. Those
            of the others take the selection as given: they do not count that the data made it,
            nor that what is left is drawn towards 0.

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
        lead = [self.intercept_] * int(self.fit_intercept)
        fixed = LAWS[self.distribution].scale is not None
        scales = [] if fixed else np.log(np.atleast_1d(self.scale_))
        shapes = [getattr(self, f"{name}_") for name in self._shapes_with_errors()]
        estimate = np.concatenate([lead, self.coef_, scales, shapes])
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
