"""A fitted mixture as scikit-learn's own, for whatever knows only that."""

from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import check_is_fitted

from emkit.numerics.covariance import SCIKIT_LEARN, STRUCTURES

__all__ = ["to_sklearn"]

#: scikit-learn's type by the axes of one covariance.
_TYPES = ("spherical", "diag", "full")
#: Arguments that mean in both what they say, and take the same values.
_ARGUMENTS = ("n_components", "tol", "reg_covar", "max_iter", "n_init", "random_state")
#: What comes over as it is, where the fit has it.
_ATTRIBUTES = ("n_features_in_", "feature_names_in_", "converged_", "n_iter_", "lower_bound_")
_COVARIANCES = ("covariances_", "precisions_", "precisions_cholesky_")


def to_sklearn(mixture: Any) -> GaussianMixture:
    """scikit-learn's mixture of the same distribution, in double precision."""
    check_is_fitted(mixture, "weights_")
    structure = STRUCTURES[mixture.covariance_type]
    layout, known = structure.layout, structure.name in SCIKIT_LEARN
    name = structure.name if known else _TYPES[layout.ndim]
    arguments = {argument: getattr(mixture, argument) for argument in _ARGUMENTS}
    converted = GaussianMixture(covariance_type=name, **arguments)
    converted.weights_ = np.array(mixture.weights_, dtype=np.float64)
    converted.means_ = np.array(mixture.means_, dtype=np.float64)
    for attribute in _COVARIANCES:
        values = np.array(getattr(mixture, attribute), dtype=np.float64)
        if layout.shared and not known:  # scikit-learn shares none but a whole matrix
            values = np.repeat(values[None], len(converted.weights_), axis=0)
        setattr(converted, attribute, values)
    for attribute in _ATTRIBUTES:
        if hasattr(mixture, attribute):
            setattr(converted, attribute, getattr(mixture, attribute))
    converted.lower_bounds_ = list(mixture.lower_bounds_)
    return converted
