"""Estimators that others delegate to: what is said of them names the class that was called."""

from functools import lru_cache
from typing import Any

__all__ = ["in_name_of"]


def in_name_of(caller: Any, estimator: Any) -> Any:
    """A copy of an estimator of which messages, scikit-learn's too, name the caller's class.

    What is kept or given to the user is to be of its own class again.
    """
    return _renamed(estimator, type(caller).__name__)


def _renamed(estimator: Any, name: str) -> Any:
    kind: Any = type(estimator)
    return _with_class(estimator, _class_called(name, kind))


def _with_class(estimator: Any, kind: Any) -> Any:
    other = object.__new__(kind)
    vars(other).update(vars(estimator))
    return other


@lru_cache
def _class_called(name: str, kind: Any) -> Any:
    """A class that is another but for its name, by which no pickle would find it."""

    def reduce(self: Any, protocol: Any) -> Any:
        return _renamed, (_with_class(self, kind), name)

    return type(name, (kind,), {"__reduce_ex__": reduce})
