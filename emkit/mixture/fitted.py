"""A fitted mixture: its attributes, in the user's units, and the model that they stand for.

The fit is kept in the model's units too, in double precision, and methods go by it as long as the
attributes are those that it published. Attributes that were set by hand are taken as they are.
"""

from copy import copy
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.engine import EMResult
from emkit.mixture.flat import Flat
from emkit.mixture.limits import exact_log_likelihood
from emkit.mixture.noise_fitted import has_noise, last_noise, noise_weight_of, publish_noise
from emkit.mixture.streaming import Stream
from emkit.mixture.student_t import (
    is_student_t,
    model_kind,
    publish_tails,
    require_fitted_distribution,
    same_tails,
    with_tails,
)
from emkit.mixture.table import Table
from emkit.models.mixed.local_dependence import LocalDependence, normals
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.moments import mixture_std
from emkit.models.mixture.noise import clusters_of
from emkit.numerics.covariance import STRUCTURES, Layout, Structure
from emkit.numerics.gaussian import Scaling

__all__ = [
    "fitted_structure",
    "last_fit",
    "model_as_set",
    "model_of_fit",
    "publish",
    "publish_params",
    "with_prior_of_fit",
]


def publish(mixture: Any, result: EMResult, model: Any, table: Table) -> None:
    """Set the fitted attributes, in the user's units and floating type."""
    data, n = table.data, table.data.total_weight
    mixture._flat, mixture._held = table.flat, None
    mixture._prior_of_fit = mixture.reg_covar, mixture.prior
    mixture.tables_, mixture._levels_of_tables, mixture._stream = {}, [], None
    publish_params(mixture, result.params, model, data.dtype)
    if not (table.limited or is_student_t(mixture)):  # of which there are no streams
        mixture._stream = Stream.after_fit(model, result.params, data)
    mixture.n_samples_seen_, mixture.n_batches_ = n, 0
    mixture.converged_ = result.converged
    mixture.n_iter_ = result.n_iter
    mixture._limited = table.limited
    mixture.lower_bound_ = exact_log_likelihood(mixture, model, result, data) / n
    per_row = result.rescaled(per=n)
    mixture.lower_bounds_ = per_row.log_likelihoods.tolist()
    mixture.history_, mixture.runs_ = per_row.history, per_row.runs


def _publish_mixed(mixture: Any, params: Any, model: LocalDependence) -> None:
    """Set those of the attributes that are parameters of numbers and of categories."""
    tables = np.split(params.tables, np.cumsum(model.levels.n_levels)[:-1], axis=1)
    categories = mixture._coding.categories
    names = mixture._coding.names
    mixture.tables_ = {names[j]: t for j, t in zip(categories, tables, strict=True)}
    mixture._levels_of_tables = [[j, *category.levels] for j, category in categories.items()]
    if model.normal is not None:
        _publish_normals(mixture, normals(params), model.normal, float)
        return
    publish_noise(mixture, model, params)  # there is none
    structure, flat = STRUCTURES[mixture.covariance_type], mixture._flat
    layout, shape = structure.layout, (model.n_classes, 0)
    mixture._fitted_type, mixture.covariance_type_ = structure.name, structure.letters
    mixture._internal = None
    mixture.weights_ = params.weights / params.weights.sum()
    means = params.means
    covariances: Array = np.zeros(layout.shape(*shape))
    precisions = factor = covariances
    if flat is not None:  # of constants alone
        unit, scale = layout.identity(*shape), np.ones(0)
        parts = unit, unit, scale, flat, mixture.reg_covar
        means, factor, covariances = _of_all_columns(layout, means, *parts)
        precisions = layout.precisions(factor)
    mixture.means_, mixture.covariances_, mixture.precisions_ = means, covariances, precisions
    mixture.precisions_cholesky_ = layout.transpose(factor)


def publish_params(mixture: Any, params: Any, model: Any, dtype: Any) -> None:
    """Set those of the attributes that are parameters."""
    if isinstance(model, LocalDependence):
        _publish_mixed(mixture, params, model)
    else:
        _publish_normals(mixture, params, model, dtype)


def _publish_normals(mixture: Any, params: Any, model: Any, dtype: Any) -> None:
    """Those of components of numbers, with noise or without."""
    model, params = publish_noise(mixture, model, params)
    layout, units = model.layout, model.units
    mixture._fitted_type = model.structure.name  # what a warm start can go on from
    mixture.covariance_type_ = model.structure.letters
    weights = params.weights / params.weights.sum()
    means, factor, covariances = _in_users_units(model, params, mixture._flat, mixture.reg_covar)
    # As exact as the fit, whatever the attributes can hold.
    mixture._internal = units, params._replace(weights=weights), mixture.reg_covar
    with np.errstate(over="ignore"):  # clipped
        precisions = layout.precisions(factor)
    mixture.weights_ = _shared(mixture, weights).astype(dtype)
    mixture.means_ = held(means, dtype, beside=_largest(means))
    mixture.covariances_ = held(covariances, dtype)
    mixture.precisions_cholesky_ = held(layout.transpose(factor), dtype)
    mixture.precisions_ = held(precisions, dtype)
    publish_tails(mixture, params, dtype)


def _shared(mixture: Any, weights: Array) -> Array:
    """Weights among the components as those in the whole, which noise has a part of."""
    return (1.0 - noise_weight_of(mixture)) * weights


def _in_users_units(
    model: GaussianMixtureModel, params: MixtureParams, flat: Flat | None, reg_covar: float
) -> tuple[Array, Array, Array]:
    """Means, whitening factor and covariances of all columns."""
    means: Array = params.means * model.units.scale + model.units.shift
    factor = model.components(params).factor
    parts = params.covariances, factor, model.units.scale
    return _of_all_columns(model.layout, means, *parts, flat, reg_covar)


def _of_all_columns(
    layout: Layout,
    means: Array,
    covariances: Array,
    factor: Array,
    scale: Array,
    flat: Flat | None,
    reg_covar: float,
) -> tuple[Array, Array, Array]:
    """The same from means of the kept columns, and what is in their units."""
    if flat is not None:
        means = flat.expand(means)
        covariances, factor, scale = flat.lift(layout, covariances, factor, scale, reg_covar)
    with np.errstate(over="ignore"):  # clipped where they are published
        covariances = layout.rescale(covariances, scale)
    return means, layout.rescale_factor(factor, scale), _positive(covariances, layout)


def _positive(covariances: Array, layout: Any) -> Array:
    """Covariances of which no variance is 0: the least full double stands for smaller ones."""
    covariances = np.array(covariances)
    variances = covariances if layout.independent else np.einsum("...ii->...i", covariances)
    np.maximum(variances, np.finfo(float).tiny, out=variances)
    return covariances


def held(values: Array, dtype: Any, beside: Array | None = None) -> Array:
    """Values in a floating type, or in doubles where it holds them not; finite in any case.

    What is rounding ``beside`` other numbers may be lost: by default those of the same covariance,
    where columns may be in units far apart, so that it is small beside its own variances.
    """
    if not np.isfinite(values).all():
        largest = np.finfo(float).max
        values = np.clip(values, -largest, largest)
    if dtype == values.dtype:
        return values
    with np.errstate(over="ignore", under="ignore"):
        cast = values.astype(dtype)
    kind, size = np.finfo(dtype), np.abs(values)
    if beside is None and values.ndim > 1 and values.shape[-1] == values.shape[-2]:
        roots = np.sqrt(np.diagonal(size, axis1=-2, axis2=-1))
        beside = roots[..., :, None] * roots[..., None, :]
    elif beside is None:
        beside = size  # variances
    lost = (np.abs(cast) < kind.tiny) & (size > kind.eps * beside)
    return values if lost.any() or size.max(initial=0.0) > kind.max else cast


def _largest(values: Array) -> Array:
    """Largest size in each column."""
    largest: Array = np.abs(values).max(axis=0, initial=0.0)
    return largest


def fitted_structure(mixture: Any) -> Structure:
    """That of the fit; ValueError where the argument has another by now."""
    structure = STRUCTURES.get(mixture.covariance_type)
    fitted = getattr(mixture, "_fitted_type", None)
    if structure is None or fitted not in {None, structure.name}:
        raise ValueError(
            f"covariance_type was {fitted!r} in the fit, and is {mixture.covariance_type!r} now. "
            "Fit again, or set it back."
        )
    require_fitted_distribution(mixture)
    return structure


def with_prior_of_fit(mixture: Any) -> Any:
    """The mixture with prior, reg_covar and noise of the fit, whatever was set since."""
    seen = copy(mixture)
    seen.noise = mixture.noise_volume_ if has_noise(mixture) else False
    if hasattr(mixture, "_prior_of_fit"):  # not where emkit was older
        seen.reg_covar, seen.prior = mixture._prior_of_fit
    return seen


def model_of_fit(
    mixture: Any, flat: Flat | None
) -> tuple[GaussianMixtureModel, MixtureParams] | None:
    """Model and parameters of the fit, if it kept the same columns; None where they are not
    those of the attributes, which were set by hand."""
    internal, before = getattr(mixture, "_internal", None), getattr(mixture, "_flat", None)
    kept = [None if some is None else some.kept.tolist() for some in (before, flat)]
    if internal is None or kept[0] != kept[1]:
        return None
    units, params, reg_covar = internal
    model = model_kind(mixture)(fitted_structure(mixture), units)
    return (model, params) if _is_published(mixture, model, params, reg_covar) else None


def _is_published(
    mixture: Any, model: GaussianMixtureModel, params: MixtureParams, reg_covar: float
) -> bool:
    """Whether the attributes are those of the fit, and were not set by hand."""
    means, factor, _ = _in_users_units(model, params, mixture._flat, reg_covar)
    weights, there, cholesky = mixture.weights_, mixture.means_, mixture.precisions_cholesky_
    return (
        np.array_equal(_shared(mixture, params.weights).astype(weights.dtype), weights)
        and np.array_equal(held(means, there.dtype, beside=_largest(means)), there)
        and np.array_equal(held(model.layout.transpose(factor), cholesky.dtype), cholesky)
        and same_tails(mixture, params)
    )


def model_as_set(
    mixture: Any, structure: Structure, flat: Flat | None
) -> tuple[GaussianMixtureModel, MixtureParams]:
    """The model of the attributes as they are, of the columns that are kept, or of all."""
    weights = np.asarray(mixture.weights_, dtype=float)
    means = np.asarray(mixture.means_, dtype=float)
    layout = structure.layout
    factor = layout.transpose(np.asarray(mixture.precisions_cholesky_, dtype=float))
    if flat is not None:
        means, factor = means[:, flat.kept], layout.marginal(factor, flat.kept)
    variances = layout.diagonals(layout.covariances(factor), means.shape)
    shift, scale = mixture_std(weights, means, variances)
    scale = structure.common_scale(scale)
    model = model_kind(mixture)(structure, Scaling(shift, scale))
    factor = layout.rescale_factor(factor, 1.0 / scale)
    params = model.given_factor(weights, (means - shift) / scale, factor)
    return model, with_tails(mixture, model, params)


def last_fit(mixture: Any, model: Any, flat: Flat | None = None, caller: str = "warm_start") -> Any:
    """The parameters of the last fit, from which the caller goes on by a model of kept columns."""
    params = _last_clusters(mixture, clusters_of(model), flat, caller)
    return last_noise(mixture, model, params, caller)


def _last_clusters(
    mixture: Any, model: GaussianMixtureModel, flat: Flat | None, caller: str
) -> MixtureParams:
    """Those of the components, whose weights sum to 1."""
    shift, scale = model.units
    require_same(
        caller,
        "(covariance_type, n_components, n_features)",
        before=(mixture._fitted_type, *mixture.means_.shape),
        now=(
            model.structure.name,
            mixture.n_components,
            len(shift) if flat is None else flat.n_features,
        ),
    )
    require_fitted_distribution(mixture, caller)
    internal = model_of_fit(mixture, flat)
    if internal is not None:
        of_fit, params = internal
        old_shift, old_scale = of_fit.units
        means = params.means * (old_scale / scale) + (old_shift - shift) / scale
        covariances = model.layout.rescale(params.covariances, old_scale / scale)
        return params._replace(means=means, covariances=covariances)
    weights, means, covariances = (
        np.asarray(part, dtype=float)
        for part in (
            mixture.weights_,
            mixture.means_,
            getattr(mixture, "scales_", mixture.covariances_),
        )
    )
    if flat is not None:
        means, covariances = means[:, flat.kept], model.layout.marginal(covariances, flat.kept)
    covariances = model.layout.rescale(covariances, 1.0 / scale)
    params = MixtureParams(weights / weights.sum(), (means - shift) / scale, covariances)
    return with_tails(mixture, model, params)
