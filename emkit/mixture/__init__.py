"""Labels are missing: Gaussian mixtures, and the choice among them."""

from typing import TYPE_CHECKING

from emkit.base.lazy import lazy

if TYPE_CHECKING:
    from emkit.mixture.classifier import EMMixtureClassifier as EMMixtureClassifier
    from emkit.mixture.gaussian_mixture import EMGaussianMixture as EMGaussianMixture
    from emkit.mixture.prior import MixturePrior as MixturePrior
    from emkit.mixture.race import Race as Race
    from emkit.mixture.regression_mixture import EMRegressionMixture as EMRegressionMixture
    from emkit.mixture.regressor import EMMixtureRegressor as EMMixtureRegressor
    from emkit.mixture.selection import EMGaussianMixtureIC as EMGaussianMixtureIC

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "EMGaussianMixture": "gaussian_mixture",
        "EMGaussianMixtureIC": "selection",
        "EMMixtureClassifier": "classifier",
        "EMMixtureRegressor": "regressor",
        "EMRegressionMixture": "regression_mixture",
        "MixturePrior": "prior",
        "Race": "race",
    },
)
