"""Classes of a classifier: how many components each has, and names of those nobody has seen."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit.base.names import listed

__all__ = ["per_class", "with_new"]


def per_class(given: int | Mapping[Any, int], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Components of each class; ValueError for a dict of something else."""
    if not isinstance(given, Mapping):
        return np.full(len(classes), given, dtype=np.intp)
    names = classes.tolist()
    for name, count in given.items():
        if name not in names:
            raise ValueError(
                f"components_per_class names {name!r}, which is no class in y ({listed(names)})."
            )
        if not isinstance(count, Integral) or count < 1:
            raise ValueError(
                f"components_per_class should have a number of components, 1 or more, for class "
                f"{name!r}. Got {count!r}."
            )
    return np.array([given.get(name, 1) for name in names], dtype=np.intp)


def with_new(classes: NDArray[Any], n_new: int) -> NDArray[Any]:
    """The classes with names for those that nobody has seen."""
    if not n_new:
        return classes
    if classes.dtype.kind in "OUS":
        taken, number = set(classes.tolist()), 1
        names: list[str] = []
        while len(names) < n_new:
            if (name := f"new_{number}") not in taken:
                names.append(name)
            number += 1
        return np.concatenate([classes, np.array(names, dtype=classes.dtype.kind)])
    if classes.dtype.kind in "mM":  # the next days, or what their unit is
        return np.concatenate([classes, classes.max() + np.arange(1, n_new + 1)])
    top = int(classes.max())  # as a number without bounds, and so in a type that holds it
    return np.array([*classes.tolist(), *range(top + 1, top + 1 + n_new)])
