"""Responses are known to lie in an interval: failure times, detection limits, tobit."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.censored.regressor import EMCensoredRegressor as EMCensoredRegressor
    from emkit.censored.survival_curve import EMSurvivalCurve as EMSurvivalCurve
    from emkit.censored.target import censored_target as censored_target

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "EMCensoredRegressor": "regressor",
        "EMSurvivalCurve": "survival_curve",
        "censored_target": "target",
    },
)
