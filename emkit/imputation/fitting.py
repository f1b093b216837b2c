"""How an imputer is fitted: to a maximum at some shrinkage, or at the least one that has it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from sklearn.utils import check_random_state

from emkit.base.estimator import require_same, warn_unconverged
from emkit.base.progress import Progress
from emkit.data.checks import in_blocks
from emkit.engine import EMResult, StopReason
from emkit.engine.fit import best_run
from emkit.engine.search import resolve_search
from emkit.exceptions import InfeasibleError
from emkit.imputation.fitted import publish, publish_constants
from emkit.imputation.messages import (
    advice,
    warn_of_collapse,
    warn_of_empty,
    warn_of_pairs,
    warn_of_weights,
)
from emkit.imputation.prior import Prepared, prepare, prior_model, units_of
from emkit.imputation.table import Table
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.single_normal import MIN_SHRINKAGE, auto_shrinkage, normal_start

__all__ = ["fit_table"]

#: Part of tol to which one normal goes on.
OF_ONE_NORMAL = 0.01
#: Rounding of a log-density that only a covariance on its way to a singular one has.
COLLAPSING = 1e-8
#: The same where a prior keeps it from getting there, too weak to leave digits to climb by.
LOST = 1e-6


class Reached(NamedTuple):
    """Where a climb ended, and the model of a shrinkage that it was of."""

    result: EMResult
    model: GaussianMixtureModel
    shrinkage: float


def fit_table(imputer: Any, table: Table, warn: Callable[[str], None], progress: Progress) -> None:
    """Fit an `EMImputer`, whose arguments are checked; what the data force is told to ``warn``."""
    data, columns = table.data, table.columns
    warn_of_empty(imputer, columns, warn)
    if data is None:
        publish_constants(imputer, columns)
        return
    prepared = prepare(imputer, data, columns, units_of(imputer, data.scaling(), columns))
    warn_of_pairs(imputer, prepared, warn)
    if imputer.shrinkage == "auto":
        shrinkage = auto_shrinkage(prepared.pairwise, imputer.n_components)
        warn_of_weights(imputer, prepared, shrinkage, warn)
    else:
        shrinkage = float(imputer.shrinkage)
    climb = partial(_climb, imputer, prepared, progress)
    try:
        with progress:
            reached = climb(shrinkage) or climb(MIN_SHRINKAGE)
    except InfeasibleError as error:
        remedy = advice(imputer.covariance_type)
        raise InfeasibleError(f"{error} {remedy}", error.runs) from error
    assert reached is not None  # an InfeasibleError otherwise
    if reached.shrinkage != shrinkage:
        warn_of_collapse(shrinkage, warn)
    several = imputer.n_components > 1
    warn_unconverged(reached.result, imputer.max_iter, "Increase shrinkage", starts=several)
    publish(imputer, *reached, prepared)


def _climb(
    imputer: Any, prepared: Prepared, progress: Progress, shrinkage: float
) -> Reached | None:
    """To a maximum at a shrinkage; None where there is none, and a larger one has it."""
    model = prior_model(imputer, prepared, shrinkage)
    progress.publish = partial(publish, model=model, shrinkage=shrinkage, prepared=prepared)
    one = imputer.n_components == 1
    start = _start(imputer, model, prepared)
    resolve_search(imputer.search)  # which refuses what is none
    try:
        result = best_run(
            model,
            in_blocks(prepared.data),
            start=start,
            n_init=imputer.n_init,
            n_jobs=imputer.n_jobs,
            # One normal has one start, and nothing to search for.
            search="restarts" if one else imputer.search,
            acceleration=imputer.acceleration,
            tol=imputer.tol * prepared.data.total_weight * (OF_ONE_NORMAL if one else 1.0),
            max_iter=imputer.max_iter,
            random_state=check_random_state(imputer.random_state),
            callback=progress.callback,
        )
    except InfeasibleError:
        if shrinkage >= MIN_SHRINKAGE:
            raise
        return None
    if shrinkage < MIN_SHRINKAGE and _collapsed(model, result, shrinkage):
        return None
    return Reached(result, model, shrinkage)


def _collapsed(model: GaussianMixtureModel, result: EMResult, shrinkage: float) -> bool:
    """Whether a run was on its way to a singular covariance, got there or not."""
    error = model.components(result.params).centred_error
    return (
        result.reason is StopReason.INFEASIBLE
        or (not result.converged and error > COLLAPSING)
        or (shrinkage > 0.0 and error > LOST)
    )


def _start(imputer: Any, model: GaussianMixtureModel, prepared: Prepared) -> MixtureParams | None:
    """The last fit, or what pairs of columns show of one normal; None for random starts."""
    shift, scale = model.units
    if imputer.warm_start and getattr(imputer, "_fitted", None) is not None:
        before, (old_shift, old_scale), params = imputer._fitted
        modelled = prepared.columns.modelled.tolist()
        require_same(
            "warm_start",
            "(covariance_type, n_components, columns)",
            before,
            now=(model.structure.name, imputer.n_components, modelled),
        )
        return MixtureParams(
            params.weights,
            (params.means * old_scale + old_shift - shift) / scale,
            model.layout.rescale(params.covariances, old_scale / scale),
        )
    return normal_start(model, prepared.pairwise) if imputer.n_components == 1 else None
