"""The arguments of a fit: what makes no sense is refused by name and value before any run."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from emkit.engine.contract import describe, fault
from emkit.engine.model import EMModel

__all__ = [
    "check_options",
    "given_starts",
    "require_integer",
    "require_model",
    "require_number",
    "require_params",
    "seed_sequence",
]


def require_model(model: Any) -> None:
    """TypeError for what is no model, above all for the class of one."""
    if isinstance(model, type):
        name = model.__name__
        raise TypeError(f"model must be an instance: write {name}(...). Got the class {name}.")
    if not isinstance(model, EMModel):
        raise TypeError(f"model must be an EMModel or LatentClassModel. Got {describe(model)}.")


def check_options(n_init: Any, n_jobs: Any, tol: Any, max_iter: Any, callback: Any) -> None:
    """TypeError or ValueError for the first option that is of no use."""
    require_integer("n_init", n_init)
    if n_init < 1:
        raise ValueError(f"n_init must be at least 1. Got {n_init!r}.")
    require_integer("max_iter", max_iter)
    if max_iter < 0:
        raise ValueError(f"max_iter must be 0 or more. Got {max_iter!r}.")
    if n_jobs is not None:
        require_integer("n_jobs", n_jobs, " or None")
        if n_jobs == 0:
            raise ValueError("n_jobs must not be 0: -1 is all cores, None is one. Got 0.")
    number = isinstance(tol, Real) and not isinstance(tol, bool)
    if not (number and tol >= 0.0):
        kind = ValueError if number else TypeError
        raise kind(f"tol must be a number of nats, 0 or more. Got {tol!r}.")
    if not (callback is None or callable(callback)):
        raise TypeError(
            f"callback must be None or a callable that takes a State. Got {describe(callback)}."
        )


def require_integer(name: str, value: Any, or_else: str = "") -> None:
    """TypeError for what is no integer."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer{or_else}. Got {value!r}.")


def require_number(name: str, value: Any) -> None:
    """TypeError for what is no real number."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number. Got {value!r}.")


def require_params(name: str, params: Any, or_else: str = "") -> None:
    """TypeError for what is no Params."""
    wrong = fault(params)
    if wrong:
        what = f"the class {params.__name__}" if isinstance(params, type) else wrong
        raise TypeError(
            f"{name} must be Params, a NamedTuple of float arrays or of such NamedTuples{or_else}. "
            f"Got {what}."
        )


def given_starts(start: Any) -> list[Any]:
    """The Params that a user gave, one or a list of them."""
    given = start if isinstance(start, list) else [start]
    if not given:
        raise ValueError("start must be Params or a list of at least one. Got an empty list.")
    for params in given:
        require_params("start", params, ", or a list of them")
    return given


def seed_sequence(random_state: Any) -> np.random.SeedSequence:
    """The root of all that a fit draws."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.SeedSequence(random_state.randint(2**32, size=4, dtype=np.uint32))
    if isinstance(random_state, np.random.Generator):
        return np.random.SeedSequence(random_state.integers(2**32, size=4, dtype=np.uint32))
    try:
        return np.random.SeedSequence(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "random_state must be None, an integer, 0 or more, a Generator or a RandomState. "
            f"Got {random_state!r}."
        ) from None
