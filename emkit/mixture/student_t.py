"""What a mixture of Student's t has besides one of normals: its model, attributes and refusals."""

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import StrOptions, between, require_same
from emkit.mixture.coding import coding_of, refuse_categories
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.student_t import StudentTMixtureModel, StudentTParams
from emkit.numerics.covariance import STRUCTURES

__all__ = [
    "DISTRIBUTION_CONSTRAINTS",
    "NO_STUDENT_T",
    "StudentTErrors",
    "check_distribution",
    "df_column",
    "is_student_t",
    "model_kind",
    "n_df",
    "of_normals_alone",
    "publish_tails",
    "refuse_student_t",
    "require_fitted_distribution",
    "row_scales",
    "same_tails",
    "with_df_errors",
    "with_tails",
]

#: Constraints of the arguments that say which distribution a component has.
DISTRIBUTION_CONSTRAINTS: dict[str, list[Any]] = {
    "distribution": [StrOptions({"normal", "student_t"})],
    "df": [between(Real, 1e-3, np.inf), StrOptions({"free", "common"})],
}
#: Why there are no streams of Student's t.
NO_STUDENT_T = (
    "what a row counts for depends on how far it is from the means, which move from batch to "
    "batch, and what was summed of earlier rows would be of other weights. Fit all rows, which may "
    "be read block by block."
)
#: What to do where there are normals alone.
REMEDY = "Take distribution='normal'."


class Refused(ValueError, AttributeError):
    """For what is not there with Student's t, so that it is seen not to be there too."""


class StudentTErrors(NamedTuple):
    """Standard errors of the parameters of a mixture of Student's t, in the shapes of its
    attributes; that of an infinite ``df_`` is NaN."""

    weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    df: np.ndarray


def is_student_t(mixture: Any) -> bool:
    """Whether the components of an estimator are Student's t."""
    return bool(getattr(mixture, "distribution", "normal") == "student_t")


def check_distribution(mixture: Any) -> None:
    """ValueError for columns of categories beside Student's t."""
    if is_student_t(mixture):
        remedy = f"{REMEDY[:-1]}, or leave these columns out."
        refuse_categories(mixture, coding_of(mixture), "distribution='student_t'", remedy)


def refuse_student_t(mixture: Any, what: str, why: str) -> None:
    """ValueError for what normals alone have."""
    if is_student_t(mixture):
        raise Refused(f"{what} has no distribution='student_t': {why} {REMEDY}")


class of_normals_alone:  # noqa: N801
    """Decorator of `partial_fit`, which an estimator of Student's t does not have."""

    def __init__(self, method: Callable[..., Any]):
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        if estimator is not None:
            refuse_student_t(estimator, "partial_fit", NO_STUDENT_T)
        return self.method.__get__(estimator, owner)


def model_kind(mixture: Any) -> Callable[..., GaussianMixtureModel]:
    """The class of the model, with the degrees of freedom that are asked for."""
    if not is_student_t(mixture):
        return GaussianMixtureModel
    df = mixture.df
    return partial(StudentTMixtureModel, df=df if isinstance(df, str) else float(df))


def n_df(mixture: Any) -> int:
    """Degrees of freedom that are estimated: parameters to count."""
    if not is_student_t(mixture):
        return 0
    return {"free": len(mixture.means_), "common": 1}.get(mixture.df, 0)


# Attributes


def publish_tails(mixture: Any, params: Any, dtype: Any) -> None:
    """Set the attributes that come with Student's t, after those of normals with its scales."""
    mixture._fitted_distribution = _distribution(mixture)
    for name in ("df_", "scales_"):
        mixture.__dict__.pop(name, None)
    if not isinstance(params, StudentTParams):
        return
    mixture.df_ = _df(params).astype(dtype)
    mixture.scales_ = mixture.covariances_
    df = mixture.df_.reshape(-1, *[1] * STRUCTURES[mixture.covariance_type].layout.ndim)
    finite = df > 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(np.isinf(df), 1.0, df / (df - 2.0))
    mixture.covariances_ = np.where(finite, mixture.scales_ * np.where(finite, ratio, 1.0), np.inf)


def _distribution(mixture: Any) -> tuple[Any, ...]:
    """What is asked for, as far as it is read."""
    return ("student_t", mixture.df) if is_student_t(mixture) else ("normal",)


def _df(params: StudentTParams) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / params.inverse_df)


def same_tails(mixture: Any, params: Any) -> bool:
    """Whether the degrees of freedom that are published are those of the parameters."""
    if not isinstance(params, StudentTParams):
        return True
    return np.array_equal(_df(params).astype(mixture.df_.dtype), mixture.df_)


def with_tails(mixture: Any, model: GaussianMixtureModel, params: MixtureParams) -> Any:
    """Parameters of the attributes with their degrees of freedom, if they have any."""
    if not isinstance(model, StudentTMixtureModel):
        return params
    of_t = StudentTParams(*params, 1.0 / np.asarray(mixture.df_, dtype=float))
    if model._last is not None and model._last[0] is params:
        model._last = of_t, model._last[1]  # type: ignore[assignment]
    return of_t


def require_fitted_distribution(mixture: Any, caller: str = "") -> None:
    """ValueError where the arguments have another distribution by now than the fit, from which
    the caller, if there is one, would go on."""
    fitted = getattr(mixture, "_fitted_distribution", None)
    now = _distribution(mixture)
    if fitted not in {None, now}:
        if caller:
            require_same(caller, "(distribution, df)", fitted, now)
        raise ValueError(
            f"(distribution, df) were {fitted} in the fit, and are {now} now. Fit again, or set "
            "them back."
        )


def row_scales(mixture: Any, k: int, n_rows: int, rng: Any) -> Any:
    """By what rows of normals are multiplied to be rows of component k; (n_rows, 1)."""
    if not is_student_t(mixture) or np.isinf(mixture.df_[k]):
        return 1.0
    df = float(mixture.df_[k])
    return 1.0 / np.sqrt(rng.chisquare(df, (n_rows, 1)) / df)


def df_column(name: str, df: Any) -> dict[str, Array]:
    """A column of a table by its name; none where there are no degrees of freedom."""
    return {} if df is None else {name: np.asarray(df)}


def with_df_errors(mixture: Any, errors: Any, of_normals: Any) -> Any:
    """Standard errors with those of the degrees of freedom, from errors in internal units."""
    if not isinstance(errors, StudentTParams):
        return of_normals
    df = np.asarray(mixture.df_, dtype=float)
    finite = np.isfinite(df)
    of_df = np.where(finite, errors.inverse_df * np.where(finite, df, 0.0) ** 2, np.nan)
    if not n_df(mixture):
        of_df = np.zeros_like(df)
    weights, means, scales = of_normals
    return StudentTErrors(weights, means, scales, of_df)
