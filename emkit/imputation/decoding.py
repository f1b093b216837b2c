"""Tables with categories as they came, missing cells filled; probabilities of their levels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import feature_names_in
from emkit.base.names import column_names
from emkit.data.categories import Coding
from emkit.data.frames import Filling, in_container
from emkit.imputation.fitted import fitted_cells
from emkit.imputation.table import open_table
from emkit.models.latent_normal.cells import LatentCells
from emkit.models.mixed.cells import MixedCells

__all__ = ["as_it_came", "probabilities"]


def as_it_came(imputer: Any, X: Any, filled: Array, container: str) -> Any:
    """X with its missing cells filled, in a table of its own kind, or the one asked for.

    ``filled`` has the columns that are kept, categories as places of levels, then the indicator.
    """
    coding, columns = imputer._coding, imputer._columns
    table = coding.table(X)
    missing = np.isnan(np.asarray(coding.encode(X, told=True).X))
    missing_cells = coding.missing(table)
    fillings = {}
    for at, j in enumerate(columns.kept.tolist()):
        where = missing_cells[:, j] if j in coding.categories else missing[:, j]
        values = filled[where, at]
        if j not in coding.categories:
            whole = j in imputer._integers
            fillings[j] = Filling(where, [int(v) if whole else float(v) for v in values])
            continue
        category = coding.categories[j]
        if not category.levels:
            continue  # nothing is known of it: it stays as it is
        if j not in columns.modelled:  # the code of the only group
            values = category.representative(values)
        fillings[j] = Filling(where, [category.levels[int(v)] for v in values])
    indicators: dict[str, NDArray[np.bool_]] = {}
    if imputer.indicator_ is not None:
        names = imputer.indicator_.get_feature_names_out(feature_names_in(imputer, None))
        flags = filled[:, len(columns.kept) :].astype(bool)
        indicators = dict(zip(names, flags.T, strict=True))
    out = table.filled(columns.kept.tolist(), fillings, indicators)
    return in_container(out, container)


def probabilities(imputer: Any, X: Any) -> dict[Any, Array]:
    """Probabilities of the levels of every column of categories; see `EMImputer`."""
    coding: Coding | None = imputer._coding
    if coding is None:
        raise ValueError(
            "impute_proba tells probabilities of levels, and the imputer was fitted to numbers "
            "alone. Columns of categories are found by their type, or named by "
            "categorical_features."
        )
    rows = open_table(imputer, X).survey(lambda rows: rows.X)
    cells, table, columns = np.concatenate(rows), coding.table(X), imputer._columns
    fitted = fitted_cells(imputer)
    modelled: dict[int, Array] = {}
    if isinstance(fitted, MixedCells | LatentCells):
        _, proba = fitted.expect(columns.take_modelled(cells))
        modelled = dict(zip(columns.modelled[fitted.categories].tolist(), proba, strict=True))
    names, out = column_names(imputer), {}
    for j, category in coding.categories.items():
        places = category.positions(coding.cells(table, j))
        p = modelled.get(j)
        if p is None:
            p = np.zeros((len(cells), len(category.levels)))
            constant = columns.constants[j]
            if category.levels and not np.isnan(constant):
                p[:, category.representative(np.array([constant]))] = 1.0
        seen = ~np.isnan(places)
        p[seen] = 0.0
        p[seen, places[seen].astype(np.intp)] = 1.0
        out[names[j]] = p
    return out
