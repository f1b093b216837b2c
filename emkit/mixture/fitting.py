"""How a mixture is fitted: the model of the data, a start, the climb, what is said of the end."""

from collections.abc import Callable
from copy import copy
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from emkit.base.estimator import warn_unconverged
from emkit.base.names import column_names
from emkit.base.progress import Progress, n_starts
from emkit.data.checks import in_blocks, warn_of_small_weights
from emkit.engine import EMResult
from emkit.engine.fit import best_run
from emkit.exceptions import DataWarning, InfeasibleError, warn
from emkit.mixture.degenerate import (
    of_collapsed,
    too_far_apart,
    warn_of_columns,
    warn_of_components,
    warn_of_flat,
    warn_of_idle,
)
from emkit.mixture.fitted import last_fit, publish
from emkit.mixture.initial import InitialValues, RandomStart, given_start
from emkit.mixture.prior import MixturePrior, internal_prior
from emkit.mixture.redundant import units_of
from emkit.mixture.table import Table, load_table, open_table
from emkit.models.mixture.collapse import mostly_ridge
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

__all__ = ["fit_mixture", "model_of"]

ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical "
    "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
    "number of components, increase reg_covar, or scale the input data."
)
FLOAT32_HINT = (
    " The numerical accuracy can also be improved by passing float64 data instead of float32."
)
#: Ridge, in variances of the columns, by which no covariance is singular to double precision.
RESOLVED = 1e-10
#: Smallest unit of a column, in square roots of reg_covar.
LEAST_SCALE = 1e-20


def fit_mixture(mixture: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Fit an `EMGaussianMixture`, whose arguments are checked."""
    opened = open_table(mixture, X, sample_weight, reset=True)
    table, given = load_table(mixture, opened)
    model = model_of(mixture, table)
    warn_of_columns(_kept_names(mixture, table), table.scaling.scale, mixture.reg_covar)
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
    del opened  # what is not fitted need not be held
    with progress:
        result, model = _climb(mixture, model, table, begin, progress)
    _conclude(mixture, result, model, table)
    progress.done()


def model_of(mixture: Any, table: Table) -> GaussianMixtureModel:
    """The model in units of the data."""
    data, flat, k = table.data, table.flat, mixture.n_components
    structure, least = STRUCTURES[mixture.covariance_type], mixture.reg_covar**0.5
    shift, unit = units_of(data, table.scaling, _kept_names(mixture, table))
    stand_in = least if least > 0.0 else 1.0
    scale = np.where(table.scaling.scale > 0.0, unit, stand_in)
    # Far below reg_covar a column is in the units of that, or its share would overflow.
    scale = structure.common_scale(np.maximum(scale, LEAST_SCALE * least))
    units, prior = Scaling(shift, scale), mixture.prior
    if flat is not None and isinstance(prior, MixturePrior):
        prior = prior._of_columns(structure.layout, flat.kept)
    return GaussianMixtureModel(
        structure,
        units,
        total_weight=data.total_weight,
        prior=internal_prior(
            prior, structure.layout, units, table.scaling, data, k, (least / scale) ** 2
        ),
        incomplete=data.incomplete,
    )


def _kept_names(mixture: Any, table: Table) -> Any:
    names = column_names(mixture)
    return names if table.flat is None else names[table.flat.kept]


def _start(
    mixture: Any, table: Table, given: InitialValues, model: GaussianMixtureModel
) -> MixtureParams | None:
    """Where to start; None for random starts, which the model then draws."""
    kept = None if table.flat is None else table.flat.kept
    draws = RandomStart(
        mixture.init_params,
        mixture.n_components,
        given.parts(model.layout, model.units, kept),
        table.data.shape[0],
    )
    model.draw_start = draws
    if mixture.warm_start and hasattr(mixture, "converged_"):
        return last_fit(mixture, model, table.flat)
    return given_start(model, table.data, draws, given.resp)


def _climb(
    mixture: Any,
    model: GaussianMixtureModel,
    table: Table,
    begin: Callable[[GaussianMixtureModel], MixtureParams | None],
    progress: Progress,
) -> tuple[EMResult, GaussianMixtureModel]:
    """The best run, and the model that it climbed."""
    seed = mixture.random_state  # an int as it is: making a RandomState of it takes time
    if not isinstance(seed, Integral):
        seed = check_random_state(seed)
    data = in_blocks(table.data)

    def climb(model: GaussianMixtureModel, start: MixtureParams | None) -> EMResult:
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
        raise ValueError(_ill_defined(table)) from error


def _ill_defined(table: Table) -> str:
    """Words for a fit that had a singular covariance from its start."""
    return ILL_DEFINED + (FLOAT32_HINT if table.data.dtype == np.float32 else "")


def _resolved(
    mixture: Any, model: GaussianMixtureModel, table: Table, error: InfeasibleError
) -> GaussianMixtureModel:
    """The model with a ridge that doubles resolve; ValueError if it cannot have one."""
    scale = table.scaling.scale
    apart = model.structure.too_far_apart(scale)
    if apart is not None:
        names = _kept_names(mixture, table)
        raise ValueError(too_far_apart(mixture.covariance_type, names, scale, apart)) from error
    ridge = np.maximum(model.prior.ridge, RESOLVED)
    none = mixture.reg_covar == 0.0 and mixture.prior is None
    if none or np.array_equal(ridge, model.prior.ridge):
        raise ValueError(_ill_defined(table)) from error
    warn(
        f"Covariances with reg_covar={mixture.reg_covar:g} are singular to double precision: it "
        f"is nothing beside the spread of the columns. {RESOLVED:g} times the variance of each "
        "is used in its place. Scale the columns, or increase reg_covar.",
        DataWarning,
    )
    resolved = copy(model)
    resolved.prior = model.prior._replace(ridge=ridge)
    return resolved


def _conclude(mixture: Any, result: EMResult, model: GaussianMixtureModel, table: Table) -> None:
    """Publish a fit, and warn of what is wrong with it."""
    several = mixture.n_components > 1
    warn_unconverged(result, mixture.max_iter, "Increase reg_covar", starts=several)
    publish(mixture, result, model, table)
    if table.flat is not None:
        warn_of_flat(column_names(mixture), table.flat)
    found = mostly_ridge(model, table.data, result.params)
    mixture._why_collapsed = of_collapsed(found, mixture.reg_covar) if found.collapsed else ""
    warn_of_components(found, mixture.reg_covar)
    if mixture.prior is None and mixture.max_iter > 0:  # a prior says where empty ones are
        warn_of_idle(model, result.params)
