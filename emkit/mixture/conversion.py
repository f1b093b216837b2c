"""A fitted mixture as scikit-learn's own, for whatever knows only that."""

from copy import copy
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.mixture.coding import coding_of, refuse_categories
from emkit.mixture.flat import Flat
from emkit.mixture.noise_fitted import has_noise
from emkit.mixture.student_t import refuse_student_t
from emkit.numerics.covariance import SCIKIT_LEARN, STRUCTURES, Layout

__all__ = ["to_sklearn"]

#: scikit-learn's type by the axes of one covariance.
_TYPES = ("spherical", "diag", "full")
#: Arguments that mean in both what they say, and take the same values.
_ARGUMENTS = ("n_components", "tol", "reg_covar", "max_iter", "n_init", "random_state")
#: What comes over as it is, where the fit has it.
_ATTRIBUTES = (
    "n_features_in_",
    "feature_names_in_",
    "converged_",
    "n_iter_",
    "lower_bound_",
    "lower_bounds_",
)
_COVARIANCES = ("covariances_", "precisions_", "precisions_cholesky_")
#: A weight of 0, of which scikit-learn takes the logarithm.
_NO_WEIGHT = float(np.finfo(float).tiny)


def to_sklearn(mixture: Any) -> GaussianMixture:
    """scikit-learn's mixture of the same distribution, in double precision."""
    check_is_fitted(mixture, "weights_")
    refuse_student_t(mixture, "scikit-learn", "its components are normal.")
    remedy = "It has no counterpart in scikit-learn."
    refuse_categories(mixture, coding_of(mixture), "to_sklearn", remedy)
    if has_noise(mixture):
        raise ValueError(
            "to_sklearn has no counterpart of noise: scikit-learn's mixture has components alone. "
            "Convert a fit with noise=False."
        )
    structure, flat = STRUCTURES[mixture.covariance_type], getattr(mixture, "_flat", None)
    layout, name = structure.layout, structure.name
    covariances: list[Array] = [np.array(getattr(mixture, one), float) for one in _COVARIANCES]
    weights = np.array(mixture.weights_, dtype=np.float64)
    if flat is not None and layout.independent:
        # A column that follows from others would count as one of its own.
        name, covariances = "full", _dense(layout, flat, covariances[0], len(weights))
    elif name not in SCIKIT_LEARN:
        name = _TYPES[layout.ndim]
        if layout.shared:  # scikit-learn shares none but a whole matrix
            covariances = [np.repeat(one[None], len(weights), axis=0) for one in covariances]
    arguments = {argument: getattr(mixture, argument) for argument in _ARGUMENTS}
    converted = GaussianMixture(covariance_type=name, **arguments)
    converted.weights_ = np.maximum(weights, _NO_WEIGHT)
    converted.means_ = np.array(mixture.means_, dtype=np.float64)
    for attribute, values in zip(_COVARIANCES, covariances, strict=True):
        setattr(converted, attribute, values)
    for attribute in _ATTRIBUTES:
        if hasattr(mixture, attribute):
            setattr(converted, attribute, copy(getattr(mixture, attribute)))
    return converted


def _dense(layout: Layout, flat: Flat, variances: Array, n_components: int) -> list[Array]:
    """Matrices in which the columns that were left out follow from those that were kept."""
    kept, full = layout.marginal(variances, flat.kept), STRUCTURES["full"].layout
    covariances = layout.dense(kept, n_components, len(flat.kept))
    scale = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2).max(axis=0))
    covariances = full.rescale(covariances, 1.0 / scale)
    lifted, factor, units = flat.lift(full, covariances, full.whitening(covariances), scale, 0.0)
    factor = full.rescale_factor(factor, units)
    return [full.rescale(lifted, units), full.precisions(factor), full.transpose(factor)]
