"""Tables with categories as they came, missing cells filled; probabilities of their levels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import feature_names_in
from emkit.data.categories import Category, Encoded
from emkit.data.category_columns import is_text
from emkit.data.frames import in_container, table_of
from emkit.data.limited_table import limited_table
from emkit.data.numbers import read_table
from emkit.data.tables import Filling, Table
from emkit.imputation.coding import encoded_table
from emkit.imputation.filling import missing_in
from emkit.imputation.fitted import fitted_cells
from emkit.imputation.table import open_table
from emkit.models.latent_normal.cells import LatentCells
from emkit.models.mixed.cells import MixedCells
from emkit.models.rows import Rows

__all__ = ["as_it_came", "as_it_was", "probabilities"]


def as_it_came(imputer: Any, given: Encoded, filled: Array, container: str) -> Any:
    """A table with its missing cells filled, in one of its own kind, or of the one asked for.

    ``filled`` has the columns that are kept, categories as places of levels, then the indicator.
    """
    coding, columns = imputer._coding, imputer._columns
    fillings = {}
    for at, j in enumerate(columns.kept.tolist()):
        where = given.missing[:, j]
        values = filled[where, at]
        if j not in coding.categories:
            new: Any = map(int if j in imputer._integers else float, values)
            if is_text(given.table, j, imputer.missing_values):
                new = map(str, new)
            fillings[j] = Filling(where, list(new))
            continue
        category = coding.categories[j]
        if not category.levels:
            continue  # nothing is known of it: it stays as it is
        if j not in columns.modelled:  # the code of the only group
            values = category.representative(values)
        fillings[j] = Filling(where, [category.levels[int(v)] for v in values])
    return _filled(imputer, given.table, fillings, filled, container)


def _filled(
    imputer: Any, table: Table, fillings: dict[int, Filling], filled: Array, container: str
) -> Any:
    """A table with cells filled, and with the indicator if there is one."""
    kept = imputer._columns.kept.tolist()
    indicators: dict[str, NDArray[np.bool_]] = {}
    if imputer.indicator_ is not None:
        names = imputer.indicator_.get_feature_names_out(feature_names_in(imputer, None))
        flags = filled[:, len(kept) :].astype(bool)
        indicators = dict(zip(names, flags.T, strict=True))
    return in_container(table.filled(kept, fillings, indicators), container)


def with_limits_left(imputer: Any, X: Any, opened: Any, filled: Array, container: str) -> Any:
    """What was filled, with cells that are known to an interval as they were in X.

    It is a table as X where such cells are not numbers in it, or were not in the fit.
    """
    if not opened.in_memory:
        raise ValueError(
            "impute_limits=False gives cells back as they were, for which X must be in memory. Got "
            f"{type(X).__name__}. Give block by block, or leave impute_limits=True."
        )
    (rows,) = opened.survey(lambda rows: rows)
    kept, missing = imputer._columns.kept, missing_in(rows)
    limited, table = limited_table(imputer, X), table_of(X)
    if table is None or not (limited is not None or imputer._limited):
        numbers = read_table(X, imputer.missing_values)[:, kept]
        out = filled.copy()
        out[:, : len(kept)] = np.where(missing[:, kept], out[:, : len(kept)], numbers)
        return out
    fillings = {}
    for at, j in enumerate(kept.tolist()):
        where = missing[:, j]
        new: Any = map(int if j in imputer._integers else float, filled[where, at])
        if is_text(table, j, imputer.missing_values):
            new = map(str, new)
        fillings[j] = Filling(where, list(new))
    return _filled(imputer, table, fillings, filled, container)


def as_it_was(imputer: Any, X: Any) -> Any:
    """A frame that was filled, with its indicator, as it was before."""
    kept, features = imputer._columns.kept.tolist(), imputer.indicator_.features_.tolist()
    table = table_of(X)
    assert table is not None  # a frame
    where = {j: np.zeros(table.n_rows, dtype=bool) for j in kept}
    for at, j in enumerate(features, start=len(kept)):
        if j in where:
            where[j] = table.cells(at).astype(bool)
    absent = sorted(set(range(imputer.n_features_in_)).difference(kept))
    return table.emptied(where, absent, imputer._coding.names)


def probabilities(imputer: Any, X: Any) -> dict[Any, Array]:
    """Probabilities of the levels of every column of categories; see `EMImputer`."""
    given = encoded_table(imputer, X)
    if given is None and imputer._coding is not None:
        raise ValueError(
            f"impute_proba takes tables in memory, and X ({type(X).__name__}) is read block by "
            "block. Give its frames one by one."
        )
    if given is None:
        raise ValueError(
            "impute_proba tells probabilities of levels, and the imputer was fitted to numbers "
            "alone. Columns of categories are found by their type, or named by "
            "categorical_features."
        )
    cells = np.concatenate(open_table(imputer, given).survey(lambda rows: rows.X))
    columns = imputer._columns
    fitted = fitted_cells(imputer)
    modelled: dict[int, Array] = {}
    if isinstance(fitted, MixedCells | LatentCells):
        _, proba = fitted.expect(columns.as_modelled(Rows(cells)).X)
        modelled = dict(zip(columns.modelled[fitted.categories].tolist(), proba, strict=True))
    names, out = imputer._coding.names, {}
    for j, category in imputer._coding.categories.items():
        places = given.positions[j]
        p = modelled.get(j)
        if p is None:
            p = _without_model(category, columns.constants[j], j in columns.empty, len(cells))
        seen = places >= 0
        p[seen] = 0.0
        p[seen, places[seen]] = 1.0
        out[names[j]] = p
    return out


def _without_model(category: Category, constant: float, empty: bool, n: int) -> Array:
    """Probabilities (n, L) in a column that does not vary: of its level, or all alike."""
    n_levels = len(category.levels)
    if empty:
        return np.full((n, n_levels), 1.0 / max(n_levels, 1))
    p = np.zeros((n, n_levels))
    p[:, category.representative(np.array([constant]))] = 1.0
    return p
