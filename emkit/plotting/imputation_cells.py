"""Cells of a table and what an estimator fills in, as numbers: categories by place of the level."""

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.frames import table_of
from emkit.data.numbers import read_table, takes_nan
from emkit.imputation.imputer import EMImputer
from emkit.imputation.table import open_table
from emkit.mixture.table import open_table as of_mixture
from emkit.models.rows import Rows

__all__ = ["FilledCells", "filled_cells"]


class FilledCells(NamedTuple):
    """What `ImputationDisplay` shows of a table."""

    X: Array  #: (n_samples, n_features), NaN where a cell is missing
    imputed: Array  #: the same, filled; NaN in features that are not imputed
    levels: Mapping[int, tuple[Any, ...]]  #: of each feature of categories, by its index
    limited: NDArray[np.bool_] | None = None  #: cells that are known to an interval, NaN in X


def filled_cells(estimator: Any, X: Any) -> FilledCells:
    """The cells of X, before and after a fitted estimator fills them."""
    is_imputer = isinstance(estimator, EMImputer)
    if is_imputer and not estimator.impute_limits:  # what is not filled in is shown all the same
        estimator = copy(estimator).set_params(impute_limits=True)
    filled = estimator.transform(X) if is_imputer else estimator.impute(X)
    coding = getattr(estimator, "_coding", None)
    kept = estimator._columns.kept if is_imputer else np.arange(estimator.n_features_in_)
    if coding is not None:
        return _of_categories(coding, X, filled, kept)
    opened = open_table(estimator, X) if is_imputer else of_mixture(estimator, X, whole=True)
    blocks = opened.survey(lambda rows: (rows.X, limited_in(rows)))
    cells, limited = map(np.concatenate, zip(*blocks, strict=True))
    imputed = np.full(cells.shape, np.nan)
    imputed[:, kept] = np.asarray(filled)[:, : len(kept)]
    return FilledCells(cells, imputed, {}, limited)


def limited_in(rows: Rows) -> NDArray[np.bool_]:
    """Which cells (n, d) are known to an interval alone."""
    if rows.bounds is None:
        return np.zeros(rows.X.shape, dtype=bool)
    return rows.bounds.mask(rows.X.shape[1])


def _of_categories(coding: Any, X: Any, filled: Any, kept: NDArray[np.intp]) -> FilledCells:
    """Of a table some columns of which are categories; one of another kind came back as it was."""
    before, after = coding.table(X), table_of(filled)
    at = {int(j): i for i, j in enumerate(kept)}
    cells = np.full((before.n_rows, len(coding.names)), np.nan)
    imputed, levels = cells.copy(), {}
    numbers = [j for j in range(cells.shape[1]) if j not in coding.categories]
    if numbers:
        cells[:, numbers] = read_table(before.select(numbers), coding.missing_values)
    for j in at.keys() & set(numbers):
        column = filled[:, [at[j]]] if after is None else after.select([at[j]])
        imputed[:, j] = read_table(column)[:, 0]
    for j, category in coding.categories.items():
        seen = _marked(before.cells(j).tolist(), coding.missing_values)
        # Levels that fit has not seen stay as they are, and so are shown.
        known = dict.fromkeys([*category.levels, *(cell for cell in seen if cell is not None)])
        levels[j] = tuple(known)
        cells[:, j] = _places(seen, levels[j])
        if j in at:
            values = filled[:, at[j]] if after is None else after.cells(at[j])
            imputed[:, j] = _places(values.tolist(), levels[j])
    return FilledCells(cells, imputed, levels)


def _marked(cells: list[Any], mark: Any) -> list[Any]:
    """Cells, None where they are missing, by themselves or by a mark."""
    absent = [cell is None or cell != cell for cell in cells]
    if not takes_nan(mark):  # True is no 1 that marks a missing cell
        same = [not isinstance(cell, bool) and cell == mark for cell in cells]
        absent = np.logical_or(absent, same).tolist()
    return [None if gone else cell for cell, gone in zip(cells, absent, strict=True)]


def _places(cells: Iterable[Any], levels: tuple[Any, ...]) -> Array:
    """Place of the level of each cell; NaN where it is missing."""
    place = {level: float(i) for i, level in enumerate(levels)}
    return np.array([place.get(cell, np.nan) for cell in cells], dtype=float)
