"""How an imputer is fitted: to a maximum at some shrinkage, or at the least one that has it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from emkit.base.estimator import require_same, warn_unconverged
from emkit.base.progress import Progress
from emkit.data.checks import in_blocks
from emkit.engine import EMResult, StopReason
from emkit.engine.fit import best_run
from emkit.engine.search import resolve_search
from emkit.exceptions import InfeasibleError
from emkit.imputation.auto import AUTO, as_chosen, choose, take_fit
from emkit.imputation.columns import Columns
from emkit.imputation.fitted import publish, publish_constants
from emkit.imputation.latent import LATENT, LatentTable, begin, latent_table
from emkit.imputation.messages import (
    advice,
    warn_of_collapse,
    warn_of_empty,
    warn_of_lost_digits,
    warn_of_no_number,
    warn_of_pairs,
    warn_of_weights,
)
from emkit.imputation.mixed import MixedTable, mixed_table
from emkit.imputation.prior import Prepared, prepare, prior_model
from emkit.imputation.table import Table
from emkit.mixture.student_t import (
    check_distribution,
    refuse_student_t,
    require_fitted_distribution,
)
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.single_normal import MIN_SHRINKAGE, auto_shrinkage, normal_start
from emkit.numerics.covariance import STRUCTURES

__all__ = ["METHODS", "fit_table"]

#: Distributions by the names that ``method`` takes.
METHODS = ("classes", LATENT, AUTO)

#: Part of tol to which one normal goes on.
OF_ONE_NORMAL = 0.01
#: Rounding of a log-density that only a covariance on its way to a singular one has.
COLLAPSING = 1e-8
#: The same where a prior keeps it from getting there, too weak to leave digits to climb by.
LOST = 1e-6


class Reached(NamedTuple):
    """Where a climb ended, and the model of a shrinkage that it was of."""

    result: EMResult
    model: Any
    shrinkage: float


class NumberTable(NamedTuple):
    """A table of numbers, and what a fit asks of it: as `MixedTable`."""

    imputer: Any
    prepared: Prepared
    form: str = "em"

    @property
    def data(self) -> Any:
        return self.prepared.data

    def auto_shrinkage(self) -> float:
        """What ``shrinkage="auto"`` is here."""
        return auto_shrinkage(self.prepared.pairwise, self.imputer.n_components)

    def model(self, shrinkage: float) -> GaussianMixtureModel:
        """The model with the prior that a shrinkage stands for."""
        return prior_model(self.imputer, self.prepared, shrinkage)

    def start(self, model: GaussianMixtureModel) -> MixtureParams | None:
        """The last fit, or what pairs of columns show of one normal; None for random starts."""
        imputer, (shift, scale) = self.imputer, model.units
        if imputer.warm_start and getattr(imputer, "_fitted", None) is not None:
            before, (old_shift, old_scale), params = imputer._fitted
            modelled = self.prepared.columns.modelled.tolist()
            require_same(
                "warm_start",
                "(covariance_type, n_components, columns)",
                before,
                now=(model.structure.name, imputer.n_components, modelled),
            )
            logs, before = self.prepared.columns.logs.tolist(), imputer._columns.logs.tolist()
            require_same("warm_start", "log (columns)", before, now=logs)
            require_fitted_distribution(imputer, "warm_start")
            return params._replace(
                means=(params.means * old_scale + old_shift - shift) / scale,
                covariances=model.layout.rescale(params.covariances, old_scale / scale),
            )
        if imputer.n_components > 1:
            return None
        return model.from_normal(normal_start(model.normal, self.prepared.pairwise))

    def normal(self, model: GaussianMixtureModel) -> GaussianMixtureModel:
        """What the model says of the numbers."""
        return model

    def publish(self, result: EMResult, model: GaussianMixtureModel, shrinkage: float) -> None:
        """Set the fitted attributes."""
        publish(self.imputer, result, model, shrinkage, self.prepared)


def check_method(imputer: Any) -> None:
    """ValueError for a method that has no Student's t."""
    if imputer.method != "classes":
        refuse_student_t(imputer, f"method={imputer.method!r}", "its distributions are others.")


Problem = NumberTable | MixedTable | LatentTable


def fit_table(imputer: Any, table: Table, warn: Callable[[str], None], progress: Progress) -> None:
    """Fit an `EMImputer`, whose arguments are checked; what the data force is told to ``warn``."""
    data, columns = table.data, table.columns
    check_method(imputer)
    if imputer.method == AUTO:
        if not (imputer.warm_start and hasattr(imputer, "chosen_")):
            imputer.chosen_ = {} if data is None else choose(imputer, table, fit_table)
        chosen = as_chosen(imputer).set_params(method=imputer.chosen_.get("method", "classes"))
        fit_table(chosen, table, warn, progress)
        take_fit(imputer, chosen, imputer.chosen_)
        return
    warn_of_empty(imputer, columns, warn)
    warn_of_no_number(imputer, table.cells, warn)
    imputer._shares = None
    imputer.covariance_type_ = STRUCTURES[imputer.covariance_type].letters
    begin(imputer)
    if data is None:
        publish_constants(imputer, columns)
        return
    problem = _problem(imputer, data, columns)
    if problem.prepared is not None:
        warn_of_pairs(imputer, problem.prepared, warn)
    if imputer.shrinkage == "auto":
        shrinkage = problem.auto_shrinkage()
        if problem.prepared is not None:
            warn_of_weights(imputer, problem.prepared, shrinkage, warn)
    else:
        shrinkage = float(imputer.shrinkage)
    climb = partial(_climb, imputer, problem, progress)
    try:
        with progress:
            reached = climb(shrinkage) or climb(MIN_SHRINKAGE)
    except InfeasibleError as error:
        remedy = advice(imputer.covariance_type)
        raise InfeasibleError(f"{error} {remedy}", error.runs) from error
    assert reached is not None  # an InfeasibleError otherwise
    _warn_of_singular(reached, problem.normal(reached.model), shrinkage, warn)
    several = imputer.n_components > 1
    warn_unconverged(reached.result, imputer.max_iter, "Increase shrinkage", starts=several)
    problem.publish(*reached)


def _warn_of_singular(
    reached: Reached,
    normal: GaussianMixtureModel | None,
    shrinkage: float,
    warn: Callable[..., None],
) -> None:
    """Tell of a shrinkage at which a covariance is singular, or all but that."""
    if reached.shrinkage != shrinkage:
        warn_of_collapse(shrinkage, warn)
    elif normal is not None:
        error = normal.components(reached.result.params).centred_error
        if error > LOST:
            warn_of_lost_digits(error, shrinkage, warn)


def _problem(imputer: Any, data: Any, columns: Columns) -> Problem:
    """The table of a fit: of numbers, or with categories among the columns that vary."""
    coding = imputer._coding
    if imputer.method == LATENT:
        return latent_table(imputer, data, columns, coding)
    if coding is not None and np.isin(columns.modelled, coding.columns).any():
        check_distribution(imputer)
        return mixed_table(imputer, data, columns, coding)
    return NumberTable(imputer, prepare(imputer, data, columns))


def _climb(imputer: Any, problem: Problem, progress: Progress, shrinkage: float) -> Reached | None:
    """To a maximum at a shrinkage; None where there is none, and a larger one has it."""
    model: Any = problem.model(shrinkage)
    progress.publish = partial(_publish, problem=problem, model=model, shrinkage=shrinkage)
    one, form = imputer.n_components == 1, problem.form
    start = problem.start(model)
    resolve_search(imputer.search)  # which refuses what is none
    try:
        result = best_run(
            model,
            problem.data if isinstance(problem, LatentTable) else in_blocks(problem.data),
            start=start,
            n_init=imputer.n_init,
            n_jobs=imputer.n_jobs,
            # One normal has one start, and nothing to search for.
            search="restarts" if one else imputer.search,
            algorithm=form,
            acceleration=imputer.acceleration,
            tol=imputer.tol * problem.data.total_weight * (OF_ONE_NORMAL if one else 1.0),
            max_iter=imputer.max_iter,
            random_state=check_random_state(imputer.random_state),
            callback=progress.callback,
        )
    except InfeasibleError:
        if shrinkage >= MIN_SHRINKAGE:
            raise
        return None
    normal = problem.normal(model)
    if shrinkage < MIN_SHRINKAGE and normal and _collapsed(normal, result, shrinkage):
        return None
    return Reached(result, model, shrinkage)


def _publish(
    imputer: Any,
    result: EMResult,
    problem: Problem,
    model: Any,
    shrinkage: float,
) -> None:
    """Set the attributes of a copy of the imputer, in the middle of a climb."""
    fitted = as_chosen(imputer)
    problem._replace(imputer=fitted).publish(result, model, shrinkage)
    if fitted is not imputer:
        take_fit(imputer, fitted, imputer.chosen_)


def _collapsed(model: GaussianMixtureModel, result: EMResult, shrinkage: float) -> bool:
    """Whether a run was on its way to a singular covariance, got there or not."""
    error = model.components(result.params).centred_error
    return (
        result.reason is StopReason.INFEASIBLE
        or (not result.converged and error > COLLAPSING)
        or (shrinkage > 0.0 and error > LOST)
    )
