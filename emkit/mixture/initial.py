"""Where a mixture starts: what the user gives, checked before any work, in the model's units."""

from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array

from emkit._typing import Array
from emkit.models.mixture.gaussian import MixtureParams, one_hot
from emkit.models.mixture.single_normal import complete_rows
from emkit.models.mixture.starts import draw, override, sample_rows
from emkit.numerics.covariance import STRUCTURES

__all__ = ["InitialValues", "check_given", "given_start", "last_fit"]


class InitialValues(NamedTuple):
    """Parts of a start in the user's units; None where nothing was given."""

    weights: Array | None
    means: Array | None
    precisions: Array | None
    resp: np.ndarray | None  #: labels (n,) or responsibilities (n, K)


def check_given(mixture, n_samples, n_features):
    """The ``*_init`` arguments of a mixture; ValueError where they make no sense."""
    k, covariance_type = mixture.n_components, mixture.covariance_type
    layout = STRUCTURES[covariance_type].layout
    precisions = _check(
        mixture.precisions_init,
        "precisions_init",
        f"{covariance_type} precision",
        layout.shape(k, n_features),
    )
    if precisions is not None:
        layout.check_precisions(precisions, covariance_type)
    return InitialValues(
        _check_weights(mixture.weights_init, k),
        _check(mixture.means_init, "means_init", "means", (k, n_features)),
        precisions,
        _check_resp(mixture.resp_init, n_samples, k),
    )


def given_start(mixture, model, data, given):
    """Where to start; None, with the model told how to draw, when that is random."""
    layout, (shift, scale) = model.layout, model.units
    parts = MixtureParams(given.weights, None, None)
    if given.means is not None:
        parts = parts._replace(means=(given.means - shift) / scale)
    if given.precisions is not None:
        precisions = layout.rescale(given.precisions, scale)
        factor = layout.whitening_from_precisions(precisions)
        parts = parts._replace(covariances=layout.covariances(factor))
    if all(part is not None for part in parts):
        return parts
    k, resp, n_rows = mixture.n_components, given.resp, data.X.shape[0]
    if data.incomplete and (resp is not None or parts.means is not None):
        # What is given decides the start, so the draws that complete the rows are always the same.
        rng = np.random.default_rng(0)
        rows = data if resp is not None else sample_rows(data.start_data, k, rng)
        data = complete_rows(model, rows, rng)
    if resp is not None:
        assign = one_hot(resp, k) if resp.ndim == 1 else (lambda rows: resp[rows].T)
        return override(model.from_partition(data, k, assign), parts)
    if parts.means is not None:
        return override(model.from_means(data, parts.means), parts)
    model.draw_start = partial(
        draw, method=mixture.init_params, n_components=k, parts=parts, n_rows=n_rows
    )
    return None


def last_fit(mixture, model):
    """The parameters of the last fit, for a warm start."""
    shift, scale = model.units
    now = (model.structure.name, mixture.n_components, len(shift))
    before = (mixture._fitted_type, *mixture.means_.shape)
    if now != before:
        raise ValueError(
            "warm_start goes on from the last fit, which had (covariance_type, n_components, "
            f"n_features) = {before}; now they are {now}. Refit with warm_start=False or clone "
            "the estimator."
        )
    weights = np.asarray(mixture.weights_, dtype=float)
    return MixtureParams(
        weights / weights.sum(),
        (np.asarray(mixture.means_, dtype=float) - shift) / scale,
        model.layout.rescale(np.asarray(mixture.covariances_, dtype=float), 1.0 / scale),
    )


def _check(value, argument, label, shape):
    """An initial parameter as float64 of the shape given, or None."""
    if value is None:
        return None
    value = check_array(
        value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=argument
    )
    if value.shape != shape:
        raise ValueError(
            f"The parameter '{label}' should have the shape of {shape}, but got {value.shape}"
        )
    return value


def _check_weights(value, n_components):
    weights = _check(value, "weights_init", "weights", (n_components,))
    if weights is None:
        return None
    if (weights < 0.0).any() or (weights > 1.0).any():
        # Minimum and maximum stand in the order of scikit-learn, whose tests ask for it.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.min():.5f}, min value {weights.max():.5f}"
        )
    atol = 1e-6 if getattr(value, "dtype", None) == np.float32 else 1e-8
    if not np.isclose(weights.sum(), 1.0, rtol=0.0, atol=atol):
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{weights.sum():.5f}"
        )
    return weights / weights.sum()


def _check_resp(value, n_samples, n_components):
    if value is None:
        return None
    resp = check_array(value, ensure_2d=False, input_name="resp_init")
    if resp.shape not in {(n_samples,), (n_samples, n_components)}:
        raise ValueError(
            f"resp_init should have the shape of ({n_samples},) (labels) or ({n_samples}, "
            f"{n_components}) (responsibilities), but got {resp.shape}"
        )
    if resp.ndim == 1:
        if not np.isin(resp, np.arange(n_components)).all():
            raise ValueError(
                f"resp_init as labels should hold integers from 0 to {n_components - 1}, but got "
                f"values from {resp.min()} to {resp.max()}. Count labels from 0."
            )
        return resp.astype(np.intp)
    sums = resp.sum(axis=1)
    if (resp < 0.0).any() or not np.allclose(sums, 1.0, rtol=0.0, atol=1e-6):
        raise ValueError(
            "resp_init as responsibilities should be nonnegative with rows that sum to 1, but got "
            f"a minimum of {resp.min():.5f} and sums from {sums.min():.5f} to {sums.max():.5f}. "
            "Divide each row by its sum."
        )
    return resp
