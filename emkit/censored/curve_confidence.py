"""Which confidence limits of a survival curve are asked for."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.censored.curve_limits import Observed, bootstrap_limits
from emkit.censored.curve_profile import Profile, profile_limits
from emkit.censored.prediction import check_level
from emkit.models.survival.curve import Curve

__all__ = ["Limits"]

#: How limits can be had.
METHODS = "bootstrap", "profile"


class Limits:
    """Limits of some level by some method; ValueError where there are no such."""

    def __init__(self, level: Any, method: Any, n_resamples: Any, is_given: bool):
        self.level = check_level(level)
        if method not in METHODS:
            told = ", ".join(map(repr, METHODS))
            raise ValueError(f"method must be one of {told}. Got {method!r}.")
        if not isinstance(n_resamples, Integral) or n_resamples < 2:
            raise ValueError(f"n_resamples must be an int, at least 2. Got {n_resamples!r}.")
        if method == "profile" and is_given:
            raise ValueError(
                "method='profile' has no limits with given: its likelihood ratio is that of the "
                "curve from its beginning. Take method='bootstrap'; or, of times that are exact or "
                "right-censored, fit the curve to the rows that live past given: its limits are "
                "those given survival to it."
            )
        self.method, self.n_resamples = method, n_resamples

    def of(
        self, model: Any, statistic: Callable[..., Array], at: Array
    ) -> Callable[[Array | None], Array]:
        """What gives limits (..., 2) for what is given of rows.

        Of `Curve.survival` or `Curve.quantile` of a fitted `EMSurvivalCurve`, at times or
        probabilities.
        """
        if self.method == "profile":
            profile = Profile(model._rows, model._curve, model.log_likelihood_, self.level)
            quantiles = statistic is Curve.quantile
            return lambda given: profile_limits(profile, at, quantiles, model.n_jobs)
        seeds = check_random_state(model.random_state).randint(2**31, size=self.n_resamples)
        places, weight = model._observed
        observed = Observed(places, weight, model._curve)
        return lambda given: bootstrap_limits(
            observed, partial(_of_curve, statistic, at, given), self.level, seeds, model.n_jobs
        )


def _of_curve(statistic: Callable[..., Array], at: Array, given: Array | None, of: Curve) -> Array:
    """The statistic of a replicate."""
    return statistic(of, at, given)
