"""The fitted imputer: its attributes, in the user's units, and the model that they stand for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import EMResult
from emkit.imputation.columns import Columns
from emkit.imputation.latent import is_latent, latent_cells
from emkit.imputation.mixed import mixed_cells
from emkit.imputation.prior import Prepared
from emkit.mixture.streaming import Stream
from emkit.mixture.student_t import (
    is_student_t,
    model_kind,
    publish_tails,
    require_fitted_distribution,
)
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.interval_cells import IntervalMixtureModel
from emkit.models.mixture.missing_cells import Cells, NormalCells
from emkit.numerics.covariance import STRUCTURES

__all__ = ["fitted_cells", "publish", "publish_constants", "publish_params"]


def fitted_cells(imputer: Any) -> Cells | None:
    """The fitted distribution of the columns that vary; None where none does."""
    if imputer._fitted is None:
        return None
    if is_latent(imputer):
        return latent_cells(imputer)
    if imputer._shares is not None:
        return mixed_cells(imputer)
    (name, *_), units, params = imputer._fitted
    require_fitted_distribution(imputer)
    return NormalCells(model_kind(imputer)(STRUCTURES[name], units, incomplete=True), params)


def publish(
    imputer: Any,
    result: EMResult,
    model: GaussianMixtureModel,
    shrinkage: float,
    prepared: Prepared,
) -> None:
    """Set the fitted attributes."""
    result = prepared.columns.of_numbers(result, prepared.data)
    publish_params(imputer, result.params, model, prepared.columns)
    imputer._stream = None
    limited = getattr(prepared.data, "bounds", None) is not None
    if not (limited or is_student_t(imputer)):  # of which there are no streams
        kept = imputer._fitted[-1], prepared.data, prepared.pairwise
        imputer._stream = Stream.after_fit(model.mixture, *kept)
    imputer.shrinkage_ = float(shrinkage)
    imputer.log_likelihood_ = result.log_likelihood
    if isinstance(
        model, IntervalMixtureModel
    ):  # the run goes by masses of boxes that are near, not exact
        exact = model.log_likelihood(prepared.data, result.params)
        imputer.log_likelihood_ = exact - prepared.columns.log_volume(prepared.data)
    imputer.n_iter_ = result.n_iter
    imputer.converged_ = result.converged
    imputer.history_ = result.history
    imputer.runs_ = result.runs


def publish_params(
    imputer: Any, params: MixtureParams, model: GaussianMixtureModel, columns: Columns
) -> None:
    """Set those of the attributes that are parameters."""
    layout, (shift, scale) = model.layout, model.units
    params = params._replace(weights=params.weights / params.weights.sum())
    key = (model.structure.name, imputer.n_components, columns.modelled.tolist())
    imputer._fitted = key, model.units, params
    imputer._columns = columns
    imputer.weights_ = params.weights
    imputer.means_ = columns.spread_means(params.means * scale + shift)
    covariances = layout.rescale(params.covariances, scale)
    where = columns.modelled_in_output
    imputer.covariances_ = layout.embed(covariances, where, len(columns.kept))
    publish_tails(imputer, params, float)
    in_units = np.outer(scale, scale) if layout.ndim else scale[0] ** 2
    _set_moments(imputer, model.covariances_of(params) * in_units, where)


def publish_constants(imputer: Any, columns: Columns) -> None:
    """Nothing to fit: every feature is constant or empty."""
    k, d = imputer.n_components, len(columns.kept)
    imputer._fitted = imputer._stream = None
    imputer._columns = columns
    imputer.weights_ = np.full(k, 1.0 / k)
    imputer.means_ = columns.spread_means(np.empty((k, 0)))
    imputer.covariances_ = np.zeros(STRUCTURES[imputer.covariance_type].layout.shape(k, d))
    _set_moments(imputer, np.empty((k, 0, 0)), np.arange(0))
    imputer.shrinkage_ = 0.0
    imputer.log_likelihood_ = 0.0
    imputer.n_iter_ = 0
    imputer.converged_ = True
    imputer.history_ = np.zeros(1)
    imputer.runs_ = ()


def _set_moments(imputer: Any, covariances: Array, where: NDArray[np.intp]) -> None:
    """Mean and covariance of the whole distribution, from the components'."""
    weights, means = imputer.weights_, imputer.means_
    # Of constants not even rounding: they have the same mean in every component.
    location = means[0].copy()
    location[where] = weights @ means[:, where]
    apart = (means - location)[:, where]
    within = (weights * apart.T) @ apart + np.tensordot(weights, covariances, 1)
    imputer.location_, imputer.covariance_ = location, np.zeros(2 * location.shape)
    imputer.covariance_[np.ix_(where, where)] = within
