"""Noise of a fitted mixture: its attributes, the model that they stand for, what is warned of."""

from typing import Any

import numpy as np

from emkit.base.estimator import require_same
from emkit.exceptions import DataWarning, warn
from emkit.mixture.noise_arguments import MISSING, has_volume, wants_noise
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.noise import NoisyMixture, NoisyParams, shared_out
from emkit.numerics.constants import EPS

__all__ = [
    "has_noise",
    "last_noise",
    "log_volume_of",
    "noise_weight_of",
    "publish_noise",
    "warn_of_noise",
    "with_fitted_noise",
]

#: Expected rows below which a class has none.
NO_ROWS = 0.5


def publish_noise(mixture: Any, model: Any, params: Any) -> tuple[Any, Any]:
    """Set the attributes of the noise; model and parameters of the components."""
    if not isinstance(model, NoisyMixture):
        for name in ("noise_weight_", "noise_volume_", "_log_volume"):  # of an earlier fit
            mixture.__dict__.pop(name, None)
        return model, params
    mixture.noise_weight_ = model.shares(params)[1]
    mixture._log_volume = model.log_volume
    mixture.noise_volume_ = _volume(model.log_volume)
    if wants_noise(mixture) and has_volume(mixture) and np.log(mixture.noise) == model.log_volume:
        mixture.noise_volume_ = float(mixture.noise)  # to the last digit
    return model.clusters, params.clusters


def _volume(log_volume: float) -> float:
    """A volume as a double, or the next that doubles hold."""
    if log_volume == np.inf:
        return np.inf
    kind = np.finfo(float)
    with np.errstate(over="ignore", under="ignore"):
        return float(np.clip(np.exp(log_volume), kind.tiny, kind.max))


def has_noise(mixture: Any) -> bool:
    """Whether a fitted mixture has noise."""
    return hasattr(mixture, "noise_volume_")


def noise_weight_of(mixture: Any) -> float:
    """Weight of the noise of a fitted mixture, 0 if it has none."""
    return float(mixture.noise_weight_) if has_noise(mixture) else 0.0


def log_volume_of(mixture: Any) -> float:
    """Logarithm of the volume of a fitted mixture, as exact as the fit."""
    kept, volume = getattr(mixture, "_log_volume", np.inf), mixture.noise_volume_
    return float(kept if _volume(kept) == volume else np.log(volume))


def with_fitted_noise(
    mixture: Any, model: GaussianMixtureModel, params: MixtureParams
) -> tuple[Any, Any]:
    """A fitted model and its parameters, with the noise that it has."""
    if not has_noise(mixture):
        return model, params
    if model.incomplete:
        raise ValueError(MISSING)
    share = noise_weight_of(mixture)
    # The components' parameters as they are, of which the model may know more.
    noise = share / max(1.0 - share, EPS) * float(params.weights.sum())
    return NoisyMixture(model, log_volume_of(mixture)), NoisyParams(params, noise)


def last_noise(mixture: Any, model: Any, params: MixtureParams, caller: str) -> Any:
    """Parameters of the last fit, with its noise, from which the caller goes on."""
    noisy = isinstance(model, NoisyMixture)
    require_same(caller, "noise", before=has_noise(mixture), now=noisy)
    return shared_out(params, noise_weight_of(mixture)) if noisy else params


def warn_of_noise(params: Any, total: float) -> None:
    """Warn of noise that has no rows, or leaves none."""
    if not isinstance(params, NoisyParams):
        return
    of_clusters = float(params.clusters.weights.sum())
    share = params.noise / (of_clusters + params.noise)
    if share * total < NO_ROWS:
        warn(
            f"No row is noise: its weight is {share:.2g}, that of {share * total:.2g} rows. The "
            "fit is that without noise, which counts two parameters less. Set noise=False, or a "
            "smaller volume if there are outliers.",
            DataWarning,
        )
    if (1.0 - share) * total < NO_ROWS * len(params.clusters.weights):
        warn(
            f"Noise takes all rows: its weight is {share:.6g}, and hardly any is left to the "
            "components. Either rows lie as evenly as noise does, and show no clusters. Or its "
            "density is too high: check that the volume is in the units of X, the ranges of all "
            "columns multiplied, or take noise=True.",
            DataWarning,
        )
