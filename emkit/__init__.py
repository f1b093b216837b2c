"""Maximum likelihood with incomplete data, for people who work in scikit-learn."""

from emkit._gaussian_mixture import EMGaussianMixture
from emkit._imputer import EMImputer
from emkit._pooling import PooledEstimate, pool_estimates

__version__ = "0.1.0"

__all__ = ["EMGaussianMixture", "EMImputer", "PooledEstimate", "__version__", "pool_estimates"]
