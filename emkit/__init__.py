"""Maximum likelihood with incomplete data, for people who work in scikit-learn."""

from emkit._gaussian_mixture import EMGaussianMixture

__version__ = "0.1.0"

__all__ = ["EMGaussianMixture", "__version__"]
