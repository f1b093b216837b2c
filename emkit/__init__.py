"""Maximum likelihood with incomplete data, for people who work in scikit-learn."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit import censored as censored
    from emkit import datasets as datasets
    from emkit import engine as engine
    from emkit import exceptions as exceptions
    from emkit import imputation as imputation
    from emkit import metrics as metrics
    from emkit import mixture as mixture
    from emkit import models as models
    from emkit import plotting as plotting
    from emkit.censored.alpha_max import alpha_max as alpha_max
    from emkit.censored.comparison import compare_distributions as compare_distributions
    from emkit.censored.regressor import EMCensoredRegressor as EMCensoredRegressor
    from emkit.censored.survival_curve import EMSurvivalCurve as EMSurvivalCurve
    from emkit.censored.target import censored_target as censored_target
    from emkit.imputation.imputer import EMImputer as EMImputer
    from emkit.imputation.pooling import PooledEstimate as PooledEstimate
    from emkit.imputation.pooling import pool_estimates as pool_estimates
    from emkit.mixture.classifier import EMMixtureClassifier as EMMixtureClassifier
    from emkit.mixture.gaussian_mixture import EMGaussianMixture as EMGaussianMixture
    from emkit.mixture.prior import MixturePrior as MixturePrior
    from emkit.mixture.regression_mixture import EMRegressionMixture as EMRegressionMixture
    from emkit.mixture.regressor import EMMixtureRegressor as EMMixtureRegressor
    from emkit.mixture.selection import EMGaussianMixtureIC as EMGaussianMixtureIC

__version__ = "0.1.0"

# The estimators bring in scikit-learn, which takes a second. The processes that climb from the
# starts of a fit need the engine and the models alone, and they need them soon.
__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "EMCensoredRegressor": "censored.regressor",
        "EMGaussianMixture": "mixture.gaussian_mixture",
        "EMGaussianMixtureIC": "mixture.selection",
        "EMImputer": "imputation.imputer",
        "EMMixtureClassifier": "mixture.classifier",
        "EMMixtureRegressor": "mixture.regressor",
        "EMRegressionMixture": "mixture.regression_mixture",
        "EMSurvivalCurve": "censored.survival_curve",
        "MixturePrior": "mixture.prior",
        "PooledEstimate": "imputation.pooling",
        "alpha_max": "censored.alpha_max",
        "censored_target": "censored.target",
        "compare_distributions": "censored.comparison",
        "pool_estimates": "imputation.pooling",
    },
    modules=(
        "censored",
        "datasets",
        "engine",
        "exceptions",
        "imputation",
        "metrics",
        "mixture",
        "models",
        "plotting",
    ),
)
__all__ += ["__version__"]
