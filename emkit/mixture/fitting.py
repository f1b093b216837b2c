"""How a mixture is fitted: the model of the data, a start, the climb, what is said of the end."""

from collections.abc import Callable
from copy import copy
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from emkit.base.estimator import warn_unconverged
from emkit.base.progress import Progress, n_starts
from emkit.data.checks import in_blocks, warn_of_small_weights
from emkit.data.coded import publish_levels
from emkit.engine import EMResult, StopReason
from emkit.engine.fit import best_run
from emkit.exceptions import DataWarning, InfeasibleError, warn
from emkit.mixture.coding import number_names, refuse_categories
from emkit.mixture.degenerate import (
    check_one_unit,
    of_collapsed,
    of_ill_defined,
    warn_of_columns,
    warn_of_components,
    warn_of_flat,
    warn_of_idle,
)
from emkit.mixture.fitted import last_fit, publish
from emkit.mixture.initial import InitialValues, RandomStart, Start, given_start
from emkit.mixture.labels import refuse_beside_labels, warn_of_unobserved
from emkit.mixture.mixed import (
    divergences_of,
    given_partition,
    joined,
    last_tables,
    mixed_model,
    numbers_alone,
)
from emkit.mixture.noise_arguments import check_noise, wants_noise
from emkit.mixture.noise_fitted import warn_of_noise
from emkit.mixture.noise_start import NoisyStart, given_noisy_start, with_noise
from emkit.mixture.prior import MixturePrior, internal_prior
from emkit.mixture.redundant import units_of
from emkit.mixture.student_t import check_distribution, model_kind
from emkit.mixture.table import Table, load_table, open_table
from emkit.models.labels import Labels
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixture.collapse import MostlyRidge, mostly_ridge
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.interval_cells import IntervalMixtureModel
from emkit.models.mixture.labelled_starts import LabelledStart
from emkit.models.mixture.noise import NoisyMixture, NoisyParams, clusters_of
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

__all__ = ["fit_mixture", "model_of"]

#: Where a fit starts; None for random starts.
Begun = MixtureParams | NoisyParams | LocalParams | None
#: Ridge, in variances of the columns, by which no covariance is singular to double precision.
RESOLVED = 1e-10
#: Rows in single precision from which on a run begins in it: of fewer nobody waits.
SINGLE_ROWS = 10_000
#: Smallest unit of a column, in square roots of reg_covar.
LEAST_SCALE = 1e-20


def fit_mixture(
    mixture: Any, X: Any, y: Any, sample_weight: Any, labels: Labels | None = None
) -> None:
    """Fit an `EMGaussianMixture`, whose arguments are checked; labels are for all rows of X."""
    check_noise(mixture)
    opened = open_table(mixture, X, sample_weight, reset=True)
    check_distribution(mixture)
    if mixture._coding is not None:
        _refuse_starts(mixture)
    if labels is not None:
        refuse_beside_labels(mixture)
    table, given = load_table(mixture, opened, labels)
    model = model_of(mixture, table)
    if len(table.scaling.scale):
        warn_of_columns(_kept_names(mixture, table), table.scaling.scale, mixture.reg_covar)
    publish_levels(mixture, mixture._coding, mixture.n_features_in_)
    begin = partial(_start, mixture, table, given)
    start = begin(model)
    progress = Progress(
        mixture,
        X,
        y,
        sample_weight,
        n_starts=n_starts(mixture, start),
        per=table.data.total_weight,
        interval=mixture.verbose_interval,
        in_memory=opened.in_memory,
    )
    if mixture.prior is not None:
        warn_of_small_weights(opened, "A prior stands for rows. It takes")
    mixture._labelled = labels is not None
    del opened  # what is not fitted need not be held
    with progress:
        result, model = _climb(mixture, model, table, begin, progress)
    _conclude(mixture, result, model, table)
    progress.done()


def _refuse_starts(mixture: Any) -> None:
    """ValueError for starts that say nothing of categories."""
    remedy = "Give resp_init, a partition of the rows, or name the columns that are numbers."
    for name in ("weights_init", "means_init", "precisions_init"):
        if getattr(mixture, name) is not None:
            refuse_categories(mixture, mixture._coding, name, remedy)
    if wants_noise(mixture):
        what = f"noise={mixture.noise!r}, which is of a volume of numbers"
        refuse_categories(mixture, mixture._coding, what, "Set noise=False, or leave them out.")
    if mixture.init_params != "kmeans":
        what = f"init_params={mixture.init_params!r}"
        refuse_categories(mixture, mixture._coding, what, "Leave it at 'kmeans', or raise n_init.")


def model_of(mixture: Any, table: Table) -> Any:
    """The model in units of the data: of numbers, of categories or of both."""
    if not table.is_coded:
        return with_noise(mixture, _model_of_numbers(mixture, table), table.data)
    normal = None
    if len(table.scaling.scale):
        normal = _model_of_numbers(mixture, table.of_numbers)
    return mixed_model(normal, mixture, table.data)


def _model_of_numbers(mixture: Any, table: Table) -> GaussianMixtureModel:
    """The model of columns of numbers."""
    data, flat, k = table.start_data, table.flat, mixture.n_components
    structure, least = STRUCTURES[mixture.covariance_type], mixture.reg_covar**0.5
    labelled = getattr(data, "labels", None) is not None
    filling = flat if table.filled else None
    shift, unit = units_of(data, table.scaling, _kept_names(mixture, table), filling)
    stand_in = least if least > 0.0 else 1.0
    scale = np.where(table.scaling.scale > 0.0, unit, stand_in)
    # Far below reg_covar a column is in the units of that, or its share would overflow.
    scale = structure.common_scale(np.maximum(scale, LEAST_SCALE * least))
    units, prior = Scaling(shift, scale), mixture.prior
    if flat is not None and isinstance(prior, MixturePrior):
        prior = prior._of_columns(structure.layout, flat.kept)
    kind = IntervalMixtureModel if table.limited else model_kind(mixture)
    return kind(
        structure,
        units,
        total_weight=data.total_weight,
        prior=internal_prior(
            prior, structure.layout, units, table.scaling, data, k, (least / scale) ** 2
        ),
        incomplete=table.data.incomplete,
        # Classes with labels are not to part: they may be alike.
        to_part=not labelled,
        single=data.dtype == np.float32 and not labelled and data.shape[0] >= SINGLE_ROWS,
    )


def _kept_names(mixture: Any, table: Table) -> Any:
    names = number_names(mixture)
    return names if table.flat is None else names[table.flat.kept]


def _column_names(mixture: Any, table: Table) -> Any:
    """Names of the columns that are kept, those of numbers before those of categories."""
    coding, names = mixture._coding, _kept_names(mixture, table)
    if coding is None:
        return names
    return np.array([*names, *(coding.names[j] for j in coding.categories)], dtype=object)


def _start(mixture: Any, table: Table, given: InitialValues, model: Any) -> Begun:
    """Where to start; None for random starts, which the model then draws."""
    if isinstance(model, LocalDependence):
        return _start_of_mixed(mixture, model, table, given)
    kept = None if table.flat is None else table.flat.kept
    clusters, k = clusters_of(model), mixture.n_components
    parts = given.parts(clusters.layout, clusters.units, kept)
    draws: Start = RandomStart(mixture.init_params, k, parts, table.data.shape[0])
    if getattr(table.data, "labels", None) is not None:
        draws = LabelledStart(k, parts)
    if isinstance(model, NoisyMixture):
        draws = NoisyStart.of(draws, given)
    model.draw_start = draws
    if mixture.warm_start and hasattr(mixture, "converged_"):
        return last_fit(mixture, model, table.flat)
    if isinstance(draws, NoisyStart):
        return given_noisy_start(model, table.data, draws, given.resp)
    start = given_start(model.normal, table.start_data, draws, given.resp)
    return None if start is None else model.from_normal(start)


def _start_of_mixed(
    mixture: Any, model: LocalDependence, table: Table, given: InitialValues
) -> LocalParams | None:
    """The same where there are categories."""
    if mixture.warm_start and hasattr(mixture, "converged_"):
        return last_mixed(mixture, model, table)
    return None if given.resp is None else given_partition(model, table.data, given.resp)


def last_mixed(mixture: Any, model: LocalDependence, table: Table) -> LocalParams:
    """The parameters of the last fit to numbers and categories, for one that goes on from it."""
    tables, nothing = last_tables(mixture), np.zeros((model.n_classes, 0))
    of_numbers = MixtureParams(mixture.weights_, nothing, nothing)
    if model.normal is not None:
        of_numbers = last_fit(mixture, model.normal, table.flat)
    return joined(of_numbers, tables)


def _climb(
    mixture: Any,
    model: Any,
    table: Table,
    begin: Callable[[Any], Begun],
    progress: Progress,
) -> tuple[EMResult, Any]:
    """The best run, and the model that it climbed."""
    seed = mixture.random_state  # an int as it is: making a RandomState of it takes time
    if not isinstance(seed, Integral):
        seed = check_random_state(seed)
    data = in_blocks(table.data)

    def climb(model: Any, start: Begun) -> EMResult:
        progress.publish = partial(publish, model=model, table=table)
        return best_run(
            model,
            data,
            start=start,
            n_init=mixture.n_init,
            n_jobs=mixture.n_jobs,
            search=mixture.search,
            algorithm=mixture.algorithm,
            acceleration=mixture.acceleration,
            tol=mixture.tol * table.data.total_weight,
            max_iter=mixture.max_iter,
            random_state=seed,
            callback=progress.callback,
        )

    try:
        return climb(model, begin(model)), model
    except InfeasibleError as error:
        model = _resolved(mixture, model, table, error)
    try:
        return climb(model, begin(model)), model
    except InfeasibleError as error:
        raise ValueError(_ill_defined(mixture, table)) from error


def _ill_defined(mixture: Any, table: Table) -> str:
    """Words for a fit that had a singular covariance from its start."""
    structure, k = STRUCTURES[mixture.covariance_type], mixture.n_components
    return of_ill_defined(mixture.covariance_type, structure.layout, k, table.data)


def _resolved(mixture: Any, model: Any, table: Table, error: InfeasibleError) -> Any:
    """The model with a ridge that doubles resolve; ValueError if it cannot have one."""
    if isinstance(model, LocalDependence):
        if model.normal is None:
            raise ValueError(_ill_defined(mixture, table)) from error
        resolved = copy(model)
        resolved.normal = _resolved(mixture, model.normal, table, error)
        return resolved
    if isinstance(model, NoisyMixture):
        clusters = _resolved(mixture, model.clusters, table, error)
        return NoisyMixture(clusters, model.log_volume)
    check_one_unit(
        mixture.covariance_type, _kept_names(mixture, table), model.structure, table.scaling.scale
    )
    # Of the variances of the columns, whose units may be those of most rows.
    spread = np.square(table.scaling.scale / model.units.scale)
    ridge = np.maximum(model.prior.ridge, RESOLVED * np.maximum(spread, 1.0))
    none = mixture.reg_covar == 0.0 and mixture.prior is None
    if none or np.array_equal(ridge, model.prior.ridge):
        raise ValueError(_ill_defined(mixture, table)) from error
    warn(
        f"Covariances with reg_covar={mixture.reg_covar:g} are singular to double precision: it "
        f"is nothing beside the spread of the columns. {RESOLVED:g} times the variance of each "
        "is used in its place. Scale the columns, or increase reg_covar.",
        DataWarning,
    )
    resolved = copy(model)
    resolved.prior = model.prior._replace(ridge=ridge)
    return resolved


def _conclude(mixture: Any, result: EMResult, model: Any, table: Table) -> None:
    """Publish a fit, and warn of what is wrong with it."""
    normal, params = numbers_alone(model, result.params)
    if normal is not None and result.reason is StopReason.INFEASIBLE:
        names, scale = _kept_names(mixture, table), table.scaling.scale
        check_one_unit(mixture.covariance_type, names, normal.structure, scale)
    several = mixture.n_components > 1
    warn_unconverged(result, mixture.max_iter, "Increase reg_covar", starts=several)
    publish(mixture, result, model, table)
    if table.flat is not None:
        warn_of_flat(number_names(mixture), table.flat)
    labels = getattr(table.data, "labels", None)
    if labels is not None:
        warn_of_unobserved(labels, table.seen, _column_names(mixture, table))
    found = MostlyRidge() if normal is None else mostly_ridge(normal, table.data, params)
    mixture._why_collapsed = of_collapsed(found, mixture.reg_covar, mixture.prior)
    warn_of_components(found, mixture.reg_covar, mixture.prior)
    if mixture.prior is None and mixture.max_iter > 0:  # a prior says where empty ones are
        apart = divergences_of(model, result.params)
        if labels is not None:
            apart = np.where(labels.between_classes(), np.inf, apart)
        warn_of_idle(params.weights, apart)
        warn_of_noise(result.params, table.data.total_weight)
