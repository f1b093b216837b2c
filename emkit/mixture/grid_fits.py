"""The fits of a grid: one mixture for each model, why it does not count, what it measures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from typing import Any, NamedTuple

import joblib
import numpy as np

from emkit.data.reader import tells_of_few_rows
from emkit.engine import StopReason
from emkit.engine.processes import as_worker_errors
from emkit.exceptions import DataWarning, InfeasibleError, recorded, warn
from emkit.mixture.candidates import Candidate
from emkit.mixture.criteria import Measures, measures
from emkit.mixture.degenerate import firmer_prior
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.mixture.grid_together import Ended

__all__ = [
    "CRITERIA",
    "GridFit",
    "fit_all",
    "fit_best",
    "pass_on",
    "warn_of_failures",
    "warn_of_few_rows",
]

CRITERIA = ("bic", "aic", "icl")
#: Why nothing came of a mixture without reg_covar.
COLLAPSED = (
    "The covariance of a component is singular but for rounding, where the likelihood has no "
    "maximum, or a component has no rows, or two are one and the same, from every start: in some "
    "direction the rows of a component agree (ties, copies of a row, a row alone), or they are "
    "too few for the columns. Take fewer components or a simpler covariance_type, or {prior}."
)


class GridFit(NamedTuple):
    """A mixture, what it measures, what it warned of, why it does not count (or empty)."""

    mixture: EMGaussianMixture
    numbers: dict[str, Any]
    warned: list[Warning]
    failure: str
    ended: Ended | None = None  #: where it is to be fitted on from, if it is not fitted yet

    @classmethod
    def of(cls, mixture: EMGaussianMixture, ended: Ended, X: Any, sample_weight: Any) -> "GridFit":
        """Of a mixture whose climbs have ended, which is not fitted yet."""
        if ended.best is None:
            return cls(mixture, _numbers(None, X, sample_weight), [], of_no_maximum(mixture))
        numbers = _line(ended.measures(ended.best), ended.best.n_iter, ended.best.converged)
        found = cls(mixture, numbers, [], "", ended)
        for place in ended.unsettled:
            try:
                other = _fit_from(mixture, ended.initial_values(place), X, sample_weight)
            except ValueError:  # so singular, or so narrow, that no fit can begin there
                continue
            higher = other.numbers["log_likelihood"] > found.numbers["log_likelihood"]
            if higher and not other.failure:
                found = other._replace(mixture=copy(mixture))
        return found

    def fitted(self, X: Any, sample_weight: Any) -> "GridFit":
        """The same with a mixture that is fitted."""
        if self.ended is None or self.ended.best is None:
            return self
        best = self.ended.best
        begin: dict[str, Any] = {}
        if best.converged:
            with suppress(np.linalg.LinAlgError):  # else from starts of its own
                begin = self.ended.initial_values(best)
        return _fit_from(self.mixture, begin, X, sample_weight)


def _fit_from(
    mixture: EMGaussianMixture, begin: dict[str, Any], X: Any, sample_weight: Any
) -> GridFit:
    """A mixture fitted from initial values, which its arguments do not tell afterwards."""
    try:
        return _fit(mixture.set_params(**begin), X, sample_weight, None)
    finally:
        mixture.set_params(**dict.fromkeys(begin))


def fit_all(
    caller: Any, mixtures: Sequence[EMGaussianMixture], X: Any, sample_weight: Any, n_jobs: Any
) -> list[GridFit]:
    """Fit mixtures, each as a task of the callbacks of the ``caller``, if it has any."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    given = {"estimator": caller, "X": X, "y": None, "metadata": metadata}
    tasks: list[Any] = [None] * len(mixtures)
    context: Any = None
    if getattr(caller, "_skl_callbacks", None):
        context = caller._init_callback_context(max_subtasks=len(mixtures))
        context.call_on_fit_task_begin(**given)
        tasks = [_Task(context.subcontext("candidate"), given) for _ in mixtures]
    with as_worker_errors():
        fits: list[GridFit] = joblib.Parallel(n_jobs, verbose=caller.verbose)(
            joblib.delayed(_fit)(mixture, X, sample_weight, task)
            for mixture, task in zip(mixtures, tasks, strict=True)
        )
    if context is not None:
        context.call_on_fit_task_end(**given)
    return fits


def fit_best(fits: dict[Candidate, GridFit], criterion: str, X: Any, sample_weight: Any) -> None:
    """Fit the best of a grid, if that is to come; the next one, where nothing comes of it."""
    while usable := {c: fit for c, fit in fits.items() if not fit.failure}:
        best = min(usable, key=lambda c: usable[c].numbers[criterion])
        if usable[best].ended is None:
            return
        fits[best] = usable[best].fitted(X, sample_weight)


class _Task(NamedTuple):
    """The fit of one mixture, to the callbacks of the grid."""

    context: Any
    given: dict[str, Any]

    @contextmanager
    def follows(self, mixture: EMGaussianMixture) -> Iterator[None]:
        """Within it the callbacks follow the mixture."""
        with self.context.propagate_callback_context(mixture):
            self.context.call_on_fit_task_begin(**self.given)
            yield
            self.context.call_on_fit_task_end(**self.given)


def _fit(mixture: EMGaussianMixture, X: Any, sample_weight: Any, task: _Task | None) -> GridFit:
    with recorded() as warned:
        with task.follows(mixture) if task else nullcontext():
            failure = _why_not(mixture, X, sample_weight)
        numbers = _numbers(None if failure else mixture, X, sample_weight)
    return GridFit(mixture, numbers, warned, failure)


def _why_not(mixture: EMGaussianMixture, X: Any, sample_weight: Any) -> str:
    """Fit a mixture: why it is then no maximum of the likelihood, or empty."""
    try:
        mixture.fit(X, sample_weight=sample_weight)
    except ValueError as error:
        if tells_of_few_rows(error) and mixture.n_components > 1:
            return str(error)
        if not isinstance(error.__cause__, InfeasibleError):
            raise  # of the data or the place, which are the same for all candidates
        # Without reg_covar there is none to increase.
        return str(error) if mixture.reg_covar else of_no_maximum(mixture)
    if mixture._why_collapsed:
        return mixture._why_collapsed
    ended = all(run.reason == StopReason.INFEASIBLE for run in mixture.runs_)
    return of_no_maximum(mixture) if ended else ""


def of_no_maximum(mixture: EMGaussianMixture) -> str:
    """Words for a mixture of which every start ended at a singular covariance."""
    return COLLAPSED.format(prior=firmer_prior(mixture.prior))


def _numbers(mixture: EMGaussianMixture | None, X: Any, sample_weight: Any) -> dict[str, Any]:
    """The numbers of a line of the table; NaN where there is no fit."""
    if mixture is None:
        missing = dict.fromkeys(("log_likelihood", "n_parameters", *CRITERIA), np.nan)
        return {**missing, "n_iter": 0, "converged": False}
    found = measures(mixture, X, sample_weight, entropy=True)
    return _line(found, mixture.n_iter_, mixture.converged_)


def _line(found: Measures, n_iter: int, converged: bool) -> dict[str, Any]:
    return {
        "log_likelihood": found.log_likelihood,
        "n_parameters": found.n_parameters,
        **{name: getattr(found, name) for name in CRITERIA},
        "n_iter": n_iter,
        "converged": converged,
    }


def warn_of_failures(grid: Sequence[Candidate], failures: Sequence[str]) -> None:
    """A warning of those that failed; ValueError where all did."""
    failed = [i for i, failure in enumerate(failures) if failure]
    if not failed:
        return
    first = grid[failed[0]]._asdict()
    candidate = ", ".join(f"{name}={value!r}" for name, value in first.items())
    reason = f"{candidate}: {failures[failed[0]]}"
    if len(failed) == len(grid):
        raise ValueError(f"None of the {len(grid)} fits of the grid can be used. With {reason}")
    warn(
        f"{len(failed)} of the {len(grid)} fits of the grid are left out; results_['failure'] "
        f"says why, one by one. With {reason}",
        DataWarning,
    )


def warn_of_few_rows(chosen: EMGaussianMixture, n_parameters: int, n: float) -> None:
    """A warning where the model chosen has more parameters than there are rows."""
    if n_parameters <= n:
        return
    warn(
        f"The model chosen, {chosen.covariance_type_} with {len(chosen.means_)} components, has "
        f"{n_parameters} free parameters, and the rows are {n:g}: so few drive the likelihood of a "
        "large model up by chance, which no criterion makes good for. Take fewer components or "
        f"simpler covariance types, or {firmer_prior(chosen.prior)}.",
        DataWarning,
    )


def pass_on(warned: Sequence[Warning]) -> None:
    """Warn of what a fit warned of, of each once, at the user's line."""
    for message in {(type(one), str(one)): one for one in warned}.values():
        warn(message)
