"""Strata of a censored regression: by which columns, which there are, and rows by them."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import wraps
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.data.category_columns import positions
from emkit.data.checks import part_of
from emkit.exceptions import DataWarning, warn
from emkit.models.censored.data import Responses
from emkit.models.censored.strata import Strata

__all__ = ["by_stratum", "labels_of", "strata_columns", "strata_of"]

#: Rows that there must be for each scale, and below which they are few.
LEAST, FEW = 2, 5


def strata_columns(regressor: Any, n_features: int) -> list[int]:
    """Columns of X that tell a stratum, ascending: none where there are no strata."""
    if regressor.strata is None:
        return []
    names = list(getattr(regressor, "feature_names_in_", range(n_features)))
    return sorted(set(positions(regressor.strata, names, "strata")))


def strata_of(regressor: Any, columns: Sequence[int], n: int, values: Iterable[Array]) -> Strata:
    """Those of n rows of a fit, of which each block has some values (m, k) of the columns."""
    n_features = regressor.n_features_in_
    names = getattr(regressor, "feature_names_in_", [f"x{j}" for j in range(n_features)])
    line = tuple(j for j in range(n_features) if j not in columns)
    labels = np.unique(np.concatenate(list(values)), axis=0)
    strata = Strata(labels, tuple(columns), line, tuple(str(names[j]) for j in columns))
    m, told = len(labels), ", ".join(map(repr, strata.names))
    found = (
        f"strata={told} has {m} different values in {n} rows, and each is to have a scale of its "
        "own. Choose columns with few values, such as groups or sites"
    )
    if LEAST * m > n and m > 1:
        raise ValueError(f"{found}; cut a number into ranges by numpy.digitize.")
    if FEW * m > n and m > 1:
        warn(f"{found}: scales told by so few rows are hardly estimates.", DataWarning)
    return strata


def labels_of(strata: Strata) -> Array:
    """Values of the strata (m,), of several columns (m, k)."""
    return strata.labels[:, 0] if len(strata.columns) == 1 else strata.labels


def by_stratum(compute: Callable[..., Array]) -> Callable[..., Array]:
    """A function of a regressor and rows that is asked for the rows of each scale by themselves."""

    @wraps(compute)
    def of_rows(model: Any, rows: Responses, *more: Any) -> Array:
        strata: Strata | None = model.__dict__.get("_strata")
        if strata is None:
            return compute(model, rows, *more)
        codes, parts = strata.codes(rows.X), {}
        for k in np.unique(codes) if len(codes) else [0]:
            one = copy(model)
            one.scale_, one._stratum = float(model.scale_[k]), int(k)
            parts[k] = compute(one, part_of(rows, codes == k), *more)
        out = np.empty((len(codes), *next(iter(parts.values())).shape[1:]))
        for k, part in parts.items():
            out[codes == k] = part
        return out

    return of_rows
