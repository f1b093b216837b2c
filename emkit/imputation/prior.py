"""The prior that ``shrinkage`` stands for, and the model that has it."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.base.names import column_names
from emkit.imputation.columns import Columns
from emkit.mixture.initial import NO_PARTS, RandomStart
from emkit.mixture.redundant import refuse_far_values
from emkit.mixture.streaming import Stream
from emkit.mixture.student_t import model_kind, refuse_student_t
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.given_covariances import GivenCovariances
from emkit.models.mixture.incomplete_normal import IncompleteNormalModel
from emkit.models.mixture.interval_cells import IntervalMixtureModel, filled_by_columns
from emkit.models.mixture.prior import Prior
from emkit.models.mixture.relations import exact_relations
from emkit.models.mixture.single_normal import (
    MIN_SHRINKAGE,
    Pairwise,
    auto_shrinkage,
    pairwise_moments,
)
from emkit.numerics.covariance import STRUCTURES, Structure
from emkit.numerics.gaussian import Scaling

__all__ = ["Prepared", "prepare", "prior_model", "shrinkage_at", "units_of"]

#: From here on covariances are what they are drawn to: s / (1 - s) rows leave nothing to estimate.
ALL_SHRINKAGE = 1.0 - 1e-6
#: Shrinkage across relations that hold exactly: cells are filled to so much of a variance.
ACROSS_RELATIONS = MIN_SHRINKAGE
#: Largest ratio of the deviations of two columns that one variance can be of, squared, in a double.
WIDEST_RATIO = 1e75


class Prepared(NamedTuple):
    """What is known of the data of a fit before the first step."""

    data: Any  #: `Rows` or blocks of them
    columns: Columns
    units: Scaling
    pairwise: Pairwise


def units_of(imputer: Any, data: Any, columns: Columns) -> Scaling:
    """Units of the columns that keep the structure.

    ValueError for a value that is so far from the others that it leaves them no digits.
    """
    shift, scale = scaling = data.scaling()
    refuse_far_values(data, scaling, column_names(imputer)[columns.modelled])
    structure = STRUCTURES[imputer.covariance_type]
    few, many = int(scale.argmin()), int(scale.argmax())
    too_far = not structure.scale_invariant and scale[many] > WIDEST_RATIO * scale[few]
    if too_far or structure.too_far_apart(scale):
        names = column_names(imputer)[columns.modelled]
        raise ValueError(
            f"covariance_type={imputer.covariance_type!r} has one scale for all features, and "
            f"those of feature {names[few]} (standard deviation {scale[few]:.3g}) and "
            f"{names[many]} ({scale[many]:.3g}) are too far apart for it. Scale the columns "
            "(StandardScaler), or take 'diag'."
        )
    return Scaling(shift, structure.common_scale(scale))


def prepare(imputer: Any, data: Any, columns: Columns, units: Scaling | None = None) -> Prepared:
    """What a prior is made of, and a start: of cells with bounds, as their column fills them.

    Units are by default those of the data.
    """
    filled = data if getattr(data, "bounds", None) is None else filled_by_columns(data)
    units = units_of(imputer, filled, columns) if units is None else units
    pairwise = pairwise_moments(filled, units)
    few_rows = imputer.shrinkage == "auto" and (
        auto_shrinkage(pairwise, imputer.n_components) > MIN_SHRINKAGE
    )
    if few_rows and not STRUCTURES[imputer.covariance_type].layout.independent:
        variances = np.diag(pairwise.covariance)
        pairwise = pairwise._replace(relations=exact_relations(filled, units, variances))
    return Prepared(data, columns, units, pairwise)


def prior_model(imputer: Any, prepared: Prepared, shrinkage: float) -> GaussianMixtureModel:
    """The model with the prior that a shrinkage stands for."""
    data, units, pairwise = prepared.data, prepared.units, prepared.pairwise
    structure, k = STRUCTURES[imputer.covariance_type], imputer.n_components
    options: dict[str, Any] = {
        "incomplete": data.incomplete,
        # One normal has one basin, as a rule: nothing to lose by extrapolating at once.
        "accelerate_below": np.inf if k == 1 else 1e-3,
        "draw_start": RandomStart("kmeans", k, NO_PARTS, data.shape[0]),
        # For what is filled in, two components that are all but one are as good as one.
        "to_part": False,
    }
    share = k ** (2.0 / len(units.scale))
    variances, total = np.diag(pairwise.covariance) / share, data.total_weight
    limited = getattr(data, "bounds", None) is not None
    if shrinkage > ALL_SHRINKAGE:
        refuse_student_t(imputer, "shrinkage=1", "it leaves no scale to estimate.")
        if limited:
            raise ValueError(
                "shrinkage=1 takes covariances from the cells that are observed, which cells with "
                "limits bias. Take a shrinkage below 1."
            )
        covariances = _mode(structure, variances, k)
        return GivenCovariances(structure, units, covariances, total, **options)
    strength = shrinkage / (1.0 - shrinkage)
    ridge = strength * variances
    if pairwise.relations is not None:
        # Across the plane a little is left, as anywhere.
        within = pairwise.relations.covariance / share
        ridge = strength * within + np.diag(ACROSS_RELATIONS * variances)
    kind = IntervalMixtureModel if limited else model_kind(imputer)
    if kind is GaussianMixtureModel and k == 1 and not structure.layout.independent:
        kind = IncompleteNormalModel
    return kind(structure, units, ridge, total, strength=strength, **options)


def _mode(structure: Structure, variances: Array, n_components: int) -> Array:
    """The covariances of K components where a prior of such variances has its mode."""
    layout, d, k = structure.layout, len(variances), n_components
    prior = Prior(variances, 1.0)
    counts = prior.counts(layout, np.zeros(k), float(k), d)
    scatter = np.zeros(layout.shape(k, d)) + prior.scatter_of(layout, k, float(k))
    return structure.estimate(scatter, counts, layout.identity(k, d))


def shrinkage_at(imputer: Any, stream: Stream, weight: float) -> float:
    """Shrinkage of a stream when so much was seen: what few rows needed fades."""
    if imputer.shrinkage != "auto":
        return float(imputer.shrinkage_)
    if stream.pairwise is None:  # of categories alone
        return MIN_SHRINKAGE
    rows = stream.pairwise.n * (weight / stream.weight)
    fading = auto_shrinkage(stream.pairwise._replace(n=rows), imputer.n_components)
    return float(max(fading, min(imputer.shrinkage_, MIN_SHRINKAGE)))
