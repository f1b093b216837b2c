"""Maximum likelihood with incomplete data, for people who work in scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emkit._censored_regressor import EMCensoredRegressor
    from emkit._censored_target import censored_target
    from emkit._gaussian_mixture import EMGaussianMixture
    from emkit._gaussian_mixture_ic import EMGaussianMixtureIC
    from emkit._imputer import EMImputer
    from emkit._mixture_prior import MixturePrior
    from emkit._pooling import PooledEstimate, pool_estimates

__version__ = "0.1.0"

__all__ = [
    "EMCensoredRegressor",
    "EMGaussianMixture",
    "EMGaussianMixtureIC",
    "EMImputer",
    "MixturePrior",
    "PooledEstimate",
    "__version__",
    "censored_target",
    "pool_estimates",
]

# The estimators bring in scikit-learn, which takes a second. The processes that climb from the
# starts of a fit need the engine and the models alone, and they need them soon.
_HOMES = {
    "EMCensoredRegressor": "_censored_regressor",
    "EMGaussianMixture": "_gaussian_mixture",
    "EMGaussianMixtureIC": "_gaussian_mixture_ic",
    "EMImputer": "_imputer",
    "MixturePrior": "_mixture_prior",
    "PooledEstimate": "_pooling",
    "censored_target": "_censored_target",
    "pool_estimates": "_pooling",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
