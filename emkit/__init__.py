"""Maximum likelihood with incomplete data, for people who work in scikit-learn."""

from emkit._censored_regressor import EMCensoredRegressor
from emkit._censored_target import censored_target
from emkit._gaussian_mixture import EMGaussianMixture
from emkit._imputer import EMImputer
from emkit._pooling import PooledEstimate, pool_estimates

__version__ = "0.1.0"

__all__ = [
    "EMCensoredRegressor",
    "EMGaussianMixture",
    "EMImputer",
    "PooledEstimate",
    "__version__",
    "censored_target",
    "pool_estimates",
]
