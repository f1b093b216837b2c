"""What the estimators share; the only file that touches scikit-learn's private API."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from numbers import Integral, Real
from types import NoneType
from typing import Any

import numpy as np
import sklearn.base
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils._mask import _get_mask as mask_of
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils._param_validation import (
    Interval,
    MissingValues,
    StrOptions,
    make_constraint,
)
from sklearn.utils._set_output import _get_output_config
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as n_samples_of

from emkit.engine import Acceleration, EMResult, StopReason
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.search import SEARCHES
from emkit.exceptions import warn

__all__ = [
    "EM_CONSTRAINTS",
    "FLOATS",
    "MissingValues",
    "NameIn",
    "OneNumber",
    "Parameters",
    "StrOptions",
    "above",
    "at_least",
    "between",
    "check_arguments",
    "check_feature_names",
    "check_n_features",
    "check_sample_weight",
    "feature_names_in",
    "fit_context",
    "is_pandas_na",
    "is_scalar_nan",
    "mask_of",
    "n_samples_of",
    "output_container",
    "refuse_weights_alone",
    "require_fit",
    "require_same",
    "restores",
    "warn_unconverged",
]


#: Floating types that stay as they are; everything else becomes the first.
FLOATS = [np.float64, np.float32]


class _Range(Interval):
    """Interval of numbers that NumPy knows: no `fractions.Fraction`, no int beyond all doubles,
    and no duration, which calls itself an integer.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        if not isinstance(val, Integral | float | np.floating) or isinstance(val, np.timedelta64):
            return False
        return (self.type is Integral or _is_double(val)) and bool(super().is_satisfied_by(val))


def _is_double(number: Any) -> bool:
    try:
        float(number)
    except OverflowError:
        return False
    return True


def at_least(kind: type, low: float) -> Any:
    """Constraint on a number: an Integral or a Real not below ``low``."""
    return _Range(kind, low, None, closed="left")


def above(kind: type, low: float) -> Any:
    """Constraint on a number: larger than ``low``, and finite."""
    return _Range(kind, low, None, closed="neither")


def between(kind: type, low: float, high: float) -> Any:
    """Constraint on a number: from ``low`` to ``high``, both included."""
    return _Range(kind, low, high, closed="both")


class NameIn(StrOptions):
    """Constraint: a name that a registry knows, in any spelling that it takes.

    Parameters
    ----------
    registry : Mapping
        Of names, those that the message lists.
    *others : str
        Names beside them.
    """

    def __init__(self, registry: Mapping[str, Any], *others: str):
        super().__init__({*registry, *others})
        self.registry, self.others = registry, others

    def __str__(self) -> str:
        names = ", ".join(map(repr, (*self.others, *self.registry)))
        return f"a str among {{{names}}}"

    def is_satisfied_by(self, val: Any) -> bool:
        return isinstance(val, str) and (val in self.options or val in self.registry)


class OneNumber(_Range):
    """Constraint: a number, where an array might be meant.

    Parameters
    ----------
    elsewhere : str
        What takes an array.
    """

    def __init__(self, elsewhere: str):
        super().__init__(Real, None, None, closed="both")
        self.elsewhere = elsewhere

    def __str__(self) -> str:
        return f"one number for all rows ({self.elsewhere} takes one for each)"


#: Constraints of the arguments that every estimator has.
EM_CONSTRAINTS = {
    "tol": [at_least(Real, 0.0)],
    "max_iter": [at_least(Integral, 0)],
    "n_init": [at_least(Integral, 1)],
    "n_jobs": [Integral, None],
    "search": [StrOptions(set(SEARCHES)), callable],
    "acceleration": [StrOptions(set(ACCELERATIONS)), Acceleration, None],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
}


class Parameters(sklearn.base.BaseEstimator):
    """What is known of the parameters of a class: scikit-learn finds it out in every call anew,
    which took longer than the fit of a small table."""

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return list(_names_of(cls))  # type: ignore[arg-type]

    def _validate_params(self) -> None:
        for name, default, constraints in _constraints_of(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if value is default or any(of.is_satisfied_by(value) for of in constraints):
                continue
            super()._validate_params()  # in whose words it is refused


@lru_cache
def _names_of(estimator: Any) -> tuple[str, ...]:
    return tuple(super(Parameters, estimator)._get_param_names())


@lru_cache
def _constraints_of(estimator: Any) -> list[tuple[str, Any, list[Any]]]:
    """Names, defaults that need no check, and constraints."""
    signature, found = inspect.signature(estimator), []
    for name in set(_names_of(estimator)) & set(estimator._parameter_constraints):
        constraints = list(map(make_constraint, estimator._parameter_constraints[name]))
        default = signature.parameters[name].default
        sound = any(of.is_satisfied_by(default) for of in constraints)
        found.append((name, default if sound else constraints, constraints))
    return found


def restores(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a method that fits: where it fails, the estimator is what it was before.

    Where it is interrupted from the keyboard after it has published the best point so far, nothing
    of an earlier fit stands beside that.
    """

    @wraps(fit)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        attributes, before = vars(self), dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException as error:
            kept = before
            if isinstance(error, KeyboardInterrupt) and _has_published(attributes, before):
                kept = {k: v for k, v in attributes.items() if not _is_left_over(k, v, before)}
            attributes.clear()
            attributes.update(kept)
            raise

    return whole


def _has_published(attributes: dict[str, Any], before: dict[str, Any]) -> bool:
    return attributes.get("history_") is not before.get("history_")


def _is_left_over(name: str, value: Any, before: dict[str, Any]) -> bool:
    """Whether an attribute is a result of an earlier fit that the last one has not set.

    A count or a name may be the same object because it is the same.
    """
    result = name.endswith("_") and not isinstance(value, int | str | NoneType)
    return result and name in before and before[name] is value


def fit_context(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of ``fit``: checks the constructor's arguments before any work; see `restores`."""
    return restores(_fit_context(prefer_skip_nested_validation=True)(fit))


def check_arguments(estimator: Any) -> None:
    """As `fit_context` checks the constructor's arguments, which may have changed since a fit."""
    estimator._validate_params()


def feature_names_in(estimator: Any, input_features: Any) -> Any:
    """Names of the features of X, those given or those seen in fit."""
    return _check_feature_names_in(estimator, input_features)


def refuse_weights_alone(X: Any, sample_weight: Any) -> None:
    """ValueError for weights where X may be left out, and is."""
    if X is None and sample_weight is not None:
        raise ValueError("sample_weight weighs the rows of X, and X is not given. Give both.")


def output_container(estimator: Any) -> Any:
    """What `set_output` asked for: "default" or a kind of frame."""
    return _get_output_config("transform", estimator)["dense"]


def warn_unconverged(result: EMResult, max_iter: int, remedy: str, *, starts: bool = True) -> None:
    """Warn when the best run did not converge, unless no iteration was asked for.

    ``starts`` says that there were others, or could have been.
    """
    if result.converged or max_iter == 0:
        return
    message = (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase"
        if starts
        else "The fit did not converge. Increase"
    )
    message += " max_iter, tol, or check for degenerate data."
    if result.reason is StopReason.INFEASIBLE:
        message += (
            f" {'Every start' if starts else 'It'} collapsed on a singular covariance; the last "
            f"point before is kept. {remedy}{' or decrease n_components' if starts else ''}."
        )
    elif result.reason is StopReason.DECREASE:
        message += (
            " The objective fell beyond rounding: the data are too ill-conditioned for double "
            f"precision. Scale the columns or {remedy[0].lower()}{remedy[1:]}."
        )
    warn(message, ConvergenceWarning)


#: What goes on, from what, and what to do where it cannot.
_GOING_ON = {
    "warm_start": (
        "the last fit, which",
        "Refit with warm_start=False or clone the estimator.",
    ),
    "partial_fit": ("batches or a fit that", "Clone the estimator to begin anew."),
    "standard_errors": ("a fit that", "Set them back, or fit again."),
}


def require_fit(estimator: Any, what: str, attributes: Sequence[str]) -> None:
    """NotFittedError before a fit, also where parameters were set by hand instead.

    ``attributes`` are those that a fit leaves, and ``what`` goes by them, in words with their verb.
    """
    check_is_fitted(estimator)
    if not all(hasattr(estimator, name) for name in attributes):
        raise NotFittedError(
            f"{what} a fit, and this {type(estimator).__name__} had none: what it has was set by "
            "hand. Call fit first."
        )


def require_same(caller: str, names: str, before: Any, now: Any) -> None:
    """ValueError where "warm_start" or "partial_fit" cannot go on from a fit, which was not alike.

    ``names`` says what ``before`` and ``now`` are.
    """
    if now != before:
        last, remedy = _GOING_ON[caller]
        raise ValueError(
            f"{caller} goes on from {last} had {names} = {before}; now they are {now}. {remedy}"
        )
