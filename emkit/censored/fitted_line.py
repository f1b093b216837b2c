"""The line and law of a fitted censored regression, and what is computed of them for rows."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.censored.given import open_given
from emkit.censored.rows import open_rows
from emkit.censored.stratification import by_stratum
from emkit.models.censored.data import Responses
from emkit.models.censored.design import steps
from emkit.models.laws.beyond import Beyond
from emkit.models.laws.distribution import Distribution
from emkit.models.laws.registry import LAWS
from emkit.numerics.constants import EPS

__all__ = ["FittedLine", "far_from_0"]

#: Rounding of the line, in units of the scale, from which on columns are far from 0.
FAR = 1e-10


class FittedLine:
    """What predictions and scores of `EMCensoredRegressor` are computed from."""

    distribution: str
    fit_intercept: bool
    coef_: Array
    intercept_: float
    scale_: Any
    strata: Any
    #: Where columns are far from 0: coefficients and intercept of the fit, means of the columns and
    #: the line there.
    _about_means: tuple[Array, float, Array, float] | None = None

    @property
    def _distribution(self) -> Distribution:
        """Distribution of the responses, with the shape parameters of the fit if there is one.

        ValueError where the arguments have become those of another.
        """
        self._require_fitted_law()
        return LAWS[self.distribution].with_shapes(vars(self))

    def _law_arguments(self) -> dict[str, Any]:
        """What says which law is fitted, and about what line."""
        shapes = LAWS[self.distribution].law.shapes if self.distribution in LAWS else ()
        names = "distribution", "fit_intercept", *shapes
        told = {name: getattr(self, name) for name in names}
        # As it was given, but never an array, which does not say whether it is the same.
        return told | {"strata": np.asarray(self.strata, dtype=object).tolist()}

    def _require_fitted_law(self) -> None:
        """ValueError where `set_params` has made of the fitted law another."""
        fitted = self.__dict__.get("_fitted_law", {})
        now = self._law_arguments()
        for name, value in fitted.items():
            if name in now and now[name] != value:
                raise ValueError(
                    f"{name} was {value!r} in the fit, and is {now[name]!r} now. Fit again, or set "
                    "it back."
                )

    @property
    def _free_shapes(self) -> list[str]:
        """Names of the law's shape parameters that are estimated."""
        shapes = LAWS[self.distribution].law.shapes
        return [name for name in shapes if getattr(self, name) == "estimate"]

    def _shapes_with_errors(self) -> list[str]:
        """Of these, those that have standard errors."""
        shapes = LAWS[self.distribution].law.shapes
        return [name for name in self._free_shapes if shapes[name].has_error]

    def _location(self, X: Any) -> Array:
        """The line at rows of X."""
        out, strata = np.empty(len(X)), self.__dict__.get("_strata")
        means, level = self._centre
        for rows in steps(len(X)):  # of single precision no copy in double as a whole
            columns = X[rows] if strata is None else X[rows][:, strata.line]
            columns = columns if np.ndim(means) == 0 else columns - means
            out[rows] = columns @ self.coef_ + level
        return out

    @property
    def _centre(self) -> tuple[Array | float, float]:
        """Values of the columns at which the line is known best, and the line there.

        From 0 that of the fit is if its terms would cancel, unless attributes were set by hand.
        """
        if self._about_means is not None:
            coef, intercept, means, level = self._about_means
            if intercept == self.intercept_ and np.array_equal(coef, self.coef_):
                return means, level
        return 0.0, self.intercept_

    def _each(
        self,
        X: Any,
        compute: Callable[..., Array],
        y: Any = None,
        as_given: bool = False,
        **options: Any,
    ) -> Any:
        """What ``compute`` gives for every row: an array, of a Dask collection a lazy one.

        It takes the regressor, which a lazy result holds as it is now, and `Responses`, with bounds
        on the scale of the line or ``as_given``. Options are those of `Opened.map`.
        """
        opened = open_rows(self, X, y, as_given=as_given)
        return opened.map(partial(compute, copy(self)), dtype=np.float64, **options)

    def _at_rows(
        self,
        X: Any,
        compute: Callable[[Any, Responses], Array],
        shape: tuple[int, ...] = (),
        given: Any = None,
    ) -> Any:
        """What ``compute(regressor, rows)`` gives for rows of X and what is given of them.

        ``shape`` is that of the result for one row.
        """
        opened = open_given(self, X, given)
        each = partial(by_stratum(compute), copy(self))
        return opened.map(each, dtype=np.float64, width=shape or None)

    def _beyond(self, rows: Responses) -> Beyond:
        """Responses of rows, given that they are larger than what stands for their entries."""
        return Beyond(self._distribution, self._location(rows.X), self.scale_, rows.entry)


def far_from_0(coef: Array, means: Array, scale: float) -> bool:
    """Whether the terms of a line at the means of the columns are rounded by more than errors."""
    with np.errstate(over="ignore"):
        return bool(EPS * (np.abs(coef) @ np.abs(means)) > FAR * scale)
