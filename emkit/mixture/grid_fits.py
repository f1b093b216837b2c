"""The fits of a grid: one mixture for each model, why it does not count, what it measures."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from emkit.engine import StopReason
from emkit.exceptions import DataWarning, InfeasibleError, warn
from emkit.mixture.candidates import Candidate
from emkit.mixture.criteria import measures
from emkit.mixture.degenerate import of_collapsed
from emkit.mixture.gaussian_mixture import EMGaussianMixture

__all__ = ["CRITERIA", "GridFit", "fit_mixture", "pass_on", "warn_of_failures"]

CRITERIA = ("bic", "aic", "icl")
#: Why nothing came of a mixture without reg_covar.
COLLAPSED = (
    "The covariance of a component is singular but for rounding, where the likelihood has no "
    "maximum, or two components are one and the same, from every start: in some direction the rows "
    "of a component agree (ties, copies of a row, a row alone), or they are too few for the "
    "columns. Take fewer components or a simpler covariance_type, or set prior='mclust'."
)


class GridFit(NamedTuple):
    """A fitted mixture, what it measures, what it warned of, why it does not count (or empty)."""

    mixture: EMGaussianMixture
    numbers: dict[str, Any]
    warned: list[Warning]
    failure: str


def fit_mixture(
    mixture: EMGaussianMixture, X: Any, sample_weight: Any, caller: Any, context: Any
) -> GridFit:
    """Fit one mixture of a grid, as a task of the callbacks of the ``caller``, if it has any."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with _as_task(mixture, X, sample_weight, caller, context):
            try:
                failure = _why_not(mixture.fit(X, sample_weight=sample_weight))
            except ValueError as error:
                # Without reg_covar there is none to increase.
                collapsed = isinstance(error.__cause__, InfeasibleError) and not mixture.reg_covar
                failure = COLLAPSED if collapsed else str(error)
        numbers = _numbers(None if failure else mixture, X, sample_weight)
    told: list[Any] = [warning.message for warning in warned]
    return GridFit(mixture, numbers, told, failure)


@contextmanager
def _as_task(
    mixture: EMGaussianMixture, X: Any, sample_weight: Any, caller: Any, context: Any
) -> Iterator[None]:
    """Within it callbacks of the caller follow the mixture."""
    if context is None:
        yield
        return
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    given = {"estimator": caller, "X": X, "y": None, "metadata": metadata}
    with context.propagate_callback_context(mixture):
        context.call_on_fit_task_begin(**given)
        yield
        context.call_on_fit_task_end(**given)


def _why_not(mixture: EMGaussianMixture) -> str:
    """Why a fitted mixture is no maximum of the likelihood, or empty."""
    if mixture._mostly_ridge.collapsed:
        return of_collapsed(mixture._mostly_ridge, mixture.reg_covar)
    ended = all(run.reason is StopReason.INFEASIBLE for run in mixture.runs_)
    return COLLAPSED if ended else ""


def _numbers(mixture: EMGaussianMixture | None, X: Any, sample_weight: Any) -> dict[str, Any]:
    """The numbers of a line of the table; NaN where there is no fit."""
    if mixture is None:
        missing = dict.fromkeys(("log_likelihood", "n_parameters", *CRITERIA), np.nan)
        return {**missing, "n_iter": 0, "converged": False}
    found = measures(mixture, X, sample_weight, entropy=True)
    return {
        "log_likelihood": found.log_likelihood,
        "n_parameters": found.n_parameters,
        **{name: getattr(found, name) for name in CRITERIA},
        "n_iter": mixture.n_iter_,
        "converged": mixture.converged_,
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


def pass_on(warned: Sequence[Warning]) -> None:
    """Warn of what a fit warned of, of each once, at the user's line."""
    for message in {(type(one), str(one)): one for one in warned}.values():
        warn(message)
