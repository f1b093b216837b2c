"""How a mixture of regressions is fitted: units, the climb, which runs count, what is told."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emkit.base.estimator import warn_unconverged
from emkit.base.names import column_names, listed
from emkit.base.progress import Progress, n_starts
from emkit.data.category_columns import positions
from emkit.data.checks import part_of
from emkit.data.opened import Opened
from emkit.engine import Climber, EMResult, Search, Start, StopReason
from emkit.engine.blocks import e_step
from emkit.engine.fit import best_run
from emkit.engine.search import resolve_search
from emkit.engine.starts import Outcome
from emkit.exceptions import DataWarning, InfeasibleError, warn
from emkit.mixture.regression_fitted import last_fit, model_in, publish
from emkit.mixture.regression_rows import open_rows, require_y
from emkit.models.concomitant import Logit
from emkit.models.regression_mixture import (
    RegressionMixtureModel,
    RegressionMixtureParams,
    RegressionRows,
    Standards,
)
from emkit.models.rows import Rows, Summary, summarise
from emkit.numerics.gaussian import Scaling

__all__ = ["fit_regressions", "open_fit_data"]

#: Rows from which starts are drawn, where they lie in blocks.
START_ROWS = 20_000


@dataclass(frozen=True)
class SoundRuns(Search):
    """A search, without those of its runs in which a component holds to no data.

    The likelihood has no maximum there: a line through as many rows as it has coefficients has no
    scatter. Where all runs end so, they all stay.
    """

    search: Any

    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        outcomes: list[Outcome] = self.search(climber, starts)
        judged = [_judged(climber, outcome) for outcome in outcomes]
        collapsed = StopReason.INFEASIBLE
        return judged if any(one.reason != collapsed for one in judged) else outcomes


def _judged(climber: Climber, outcome: Outcome) -> Outcome:
    if not isinstance(outcome, EMResult) or outcome.reason == StopReason.INFEASIBLE:
        return outcome
    model: Any = climber.model
    n = e_step(model, climber.data, outcome.params)[0].n
    if not model.collapsed(outcome.params, n).any():
        return outcome
    return replace(outcome, converged=False, reason=StopReason.INFEASIBLE)


def fit_regressions(regressor: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Fit an `EMRegressionMixture`, whose arguments are checked."""
    require_y(regressor, y)
    opened = open_rows(regressor, X, y, sample_weight, reset=True)
    columns = _concomitant_columns(regressor, opened.n_features)
    data, summary = open_fit_data(opened, regressor.n_components)
    standards = _standards(summary, regressor.fit_intercept)
    model = model_in(
        standards,
        regressor.n_components,
        columns,
        regressor.reg_variance,
        summary.total_weight,
        summary.n,
    )
    start = last_fit(regressor, standards, columns)
    progress = Progress(
        regressor,
        X,
        y,
        sample_weight,
        publish=partial(publish, standards=standards, columns=columns),
        n_starts=n_starts(regressor, start),
        in_memory=opened.in_memory,
    )
    del opened
    with progress:
        result = _climb(regressor, model, data, start, progress, summary)
    _conclude(regressor, model, data, result, progress.publish)
    progress.done()


def open_fit_data(opened: Opened[RegressionRows], n_components: int) -> tuple[Any, Summary]:
    """Rows that count, and what there is to know of columns and response together."""
    blocks, looks = opened.blocks(_summary)
    of_blocks = tuple(looks)
    summary = summarise(list(of_blocks) or [_nothing(opened.n_features)])
    opened.reader.require(summary.n, max(n_components, 2), whole=opened.in_memory)
    if opened.in_memory and len(blocks) == 1:
        return blocks[0], summary
    parts = list(blocks.map(partial(_thinned, share=START_ROWS / summary.n)))
    blocks.start_data = _together(parts)
    # Blocks need not lie here, and what they weigh is known.
    blocks.summaries = partial(iter, of_blocks)  # type: ignore[method-assign]
    return blocks, summary


def _thinned(rows: RegressionRows, share: float) -> RegressionRows:
    """About a share of the rows, at least one, from which starts are drawn."""
    chosen = np.random.default_rng(0).random(len(rows.X)) < share
    chosen[0] = True
    return part_of(rows, chosen)


def _together(parts: list[RegressionRows]) -> RegressionRows:
    X, y, weights = zip(*parts, strict=True)
    weighted = None if weights[0] is None else np.concatenate(weights)
    return RegressionRows(np.concatenate(X), np.concatenate(y), weighted)


def _summary(rows: RegressionRows) -> Summary:
    table = np.column_stack([rows.X.astype(np.float64, copy=False), rows.y])
    return Summary.of(Rows(table, rows.sample_weight))


def _nothing(n_features: int) -> Summary:
    return Summary.of(Rows(np.empty((0, n_features + 1))))


def _standards(summary: Summary, intercept: bool) -> Standards:
    """Means and standard deviations; without an intercept roots of mean squares."""
    mean, spread = summary.mean, summary.spread
    if not intercept:
        mean, spread = np.zeros_like(mean), np.hypot(mean, spread)
    # What does not vary is in units of its size, by which differences of it are rounding.
    spread = np.where(spread > 0.0, spread, np.where(mean != 0.0, np.abs(mean), 1.0))
    return Standards(Scaling(mean[:-1], spread[:-1]), Scaling(mean[-1], spread[-1]), intercept)


def _concomitant_columns(regressor: Any, n_features: int) -> tuple[int, ...] | None:
    """Columns of X that the weights depend on, ascending; None where they are constant."""
    given = regressor.concomitant
    if given is None:
        return None
    if isinstance(given, str) and given == "all":
        return tuple(range(n_features))
    names = list(getattr(regressor, "feature_names_in_", range(n_features)))
    return tuple(sorted(set(positions(given, names, "concomitant"))))


def _climb(
    regressor: Any,
    model: RegressionMixtureModel,
    data: Any,
    start: RegressionMixtureParams | None,
    progress: Progress,
    summary: Summary,
) -> EMResult:
    several = regressor.n_components > 1  # else wherever it begins, its M-step is the maximum
    try:
        return best_run(
            model,
            data,
            start=start,
            n_init=regressor.n_init if several else 1,
            n_jobs=regressor.n_jobs,
            search=SoundRuns(resolve_search(regressor.search)),
            acceleration=regressor.acceleration,
            # It is in nats of the whole sample, of less than its rows where weights are small.
            tol=regressor.tol * min(1.0, summary.total_weight / summary.n),
            max_iter=regressor.max_iter,
            random_state=regressor.random_state,
            callback=progress.callback,
        )
    except InfeasibleError as error:
        raise ValueError(
            "A component has no scatter about its line from the start, and the likelihood grows "
            "without bound. Likely responses follow from X, or reg_variance=0 with too few rows: "
            "lower n_components, or leave reg_variance at its default."
        ) from error


def _conclude(
    regressor: Any,
    model: RegressionMixtureModel,
    data: Any,
    result: EMResult,
    publish: Callable[..., None] | None,
) -> None:
    """Publish a fit, and warn of what is wrong with it."""
    assert publish is not None
    warn_unconverged(
        result, regressor.max_iter, "Increase reg_variance", starts=regressor.n_components > 1
    )
    publish(regressor, result)
    stats, _ = e_step(model, data, result.params)
    if isinstance(model.gate, Logit):
        regressor.weights_ = stats.n / stats.n.sum()
    regressor.rank_ = int(np.linalg.matrix_rank(stats.gram.sum(axis=0), hermitian=True))
    if regressor.rank_ < stats.gram.shape[-1]:
        warn(
            f"The columns of X are collinear, or some constant: {stats.gram.shape[-1]} "
            f"coefficients of a line, and the data determine {regressor.rank_}. Of the lines that "
            "fit equally well the coefficients are the smallest, in standard units.",
            DataWarning,
        )
    _warn_of_components(regressor, model.collapsed(result.params, stats.n))


def _warn_of_components(regressor: Any, collapsed: Any) -> None:
    if not collapsed.any() or regressor.max_iter == 0:
        return
    which = np.flatnonzero(collapsed)
    n_coefficients = len(column_names(regressor)) + int(regressor.fit_intercept)
    warn(
        f"Component(s) {listed(which)} hold to no data: fewer rows than {n_coefficients} "
        "coefficients and a scale need, or rows that lie on their line exactly, and the likelihood "
        f"has no maximum there (scale_ is what reg_variance={regressor.reg_variance:g} makes it). "
        "Take fewer components, or raise n_init or reg_variance.",
        DataWarning,
    )
