"""The data of an imputer: marks of missing cells, the columns that are modelled, their rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import MissingIndicator

from emkit.base.names import column_labels
from emkit.data.bounded_reader import BoundedReader
from emkit.data.categories import Encoded
from emkit.data.cells import Cells
from emkit.data.limited_table import limited_table
from emkit.data.limits_by_column import has_limits, require_positive
from emkit.data.opened import Opened, open_data, place_of
from emkit.imputation.coding import (
    coder_of,
    coding_of,
    encode,
    learn,
    publish_kinds,
    regroup,
)
from emkit.imputation.columns import NONE, Columns, check_limits
from emkit.imputation.limits import check_limits_go, log_columns
from emkit.models.rows import Rows

__all__ = ["ImputerReader", "Table", "load_for_fit", "load_table", "open_table"]


@dataclass(frozen=True)
class ImputerReader(BoundedReader):
    """Reader of the rows of an imputer, all columns as they were given."""

    missing_values: Any = np.nan
    n_components: int = 0
    #: Columns that must have logarithms.
    logs: NDArray[np.intp] = field(default_factory=lambda: NONE)
    names: Sequence[Any] = ()

    def of_columns_of(self, estimator: Any, n_features: int, *, reset: bool) -> Self:
        reader = super().of_columns_of(estimator, n_features, reset=reset)
        logs = log_columns(estimator, n_features) if reset else estimator._columns.logs
        return replace(reader, logs=logs, names=column_labels(estimator) if len(logs) else ())

    def bounded(self, rows: Rows, given: Any = None) -> Rows:
        rows = super().bounded(rows, given)
        if len(self.logs):
            require_positive(rows.X, rows.bounds, self.logs, self.names)
        return rows


class Table(NamedTuple):
    """A table as data of a model, and what was found of its columns."""

    data: Any  #: `Rows`, or `Blocks` of them: with a value in a modelled column; None without such
    columns: Columns
    cells: Cells


def open_table(
    imputer: Any, X: Any, sample_weight: Any = None, *, reset: bool = False, batch: bool = False
) -> Opened[Rows]:
    """Rows that were given to a method of an imputer, wherever they lie, or an `Encoded` table.

    The types of a ``batch`` of a stream must list the levels of its categories.
    """
    coding = None if reset else coding_of(imputer)
    if not (isinstance(X, Encoded) or place_of(X).in_memory):
        return _open_blocks(imputer, X, sample_weight, reset=reset, batch=batch)
    limited = limited_table(imputer, X, fitting=reset)
    if limited is not None:
        X = limited.X
    missing_values, given = imputer.missing_values, X
    if not isinstance(X, Encoded):
        coding = learn(imputer, X, sample_weight) if reset else coding
        X = X if coding is None else encode(imputer, X, coding, fitting=reset, batch=batch)
    own = None if limited is None else limited.bounds
    if reset or own is not None or (coding is not None and has_limits(imputer)):
        check_limits_go(imputer, given, own, coding)
    if isinstance(X, Encoded):
        X, missing_values = X.X, np.nan
    reader = ImputerReader(own, missing_values=missing_values, n_components=imputer.n_components)
    opened = open_data(imputer, X, reader, sample_weight=sample_weight, reset=reset)
    if reset:
        imputer._limited = limited is not None
    if reset and not isinstance(given, Encoded):
        publish_kinds(imputer, given, opened.n_features)
    return opened


def _open_blocks(
    imputer: Any, X: Any, sample_weight: Any, *, reset: bool, batch: bool
) -> Opened[Rows]:
    """The same of rows that come in blocks."""
    reader = ImputerReader(missing_values=imputer.missing_values, n_components=imputer.n_components)
    if reset:
        check_limits_go(imputer, X, None, None)
        imputer._coding, imputer._limited = None, False
    else:
        reader = reader.of_columns_of(imputer, imputer.n_features_in_, reset=False)
    coder = coder_of(imputer, X, fitting=reset, batch=batch)

    def open_in_codes() -> Opened[Rows]:
        opened = open_data(
            imputer, X, reader, sample_weight=sample_weight, reset=reset, coder=coder
        )
        if imputer._coding is not None:
            opened.reader = replace(reader, missing_values=np.nan)
        return opened

    opened = open_in_codes()
    if not reset:
        return opened
    if imputer._coding is not None and regroup(imputer, opened):
        return open_in_codes()
    return opened


def load_table(imputer: Any, opened: Opened[Rows], columns: Columns | None = None) -> Table:
    """The data for a fit, or for what follows one, in the columns of which it was."""
    # Mostly all columns are modelled; the first reading then tells all that is to be known.
    logs = log_columns(imputer, opened.n_features) if columns is None else columns.logs
    check_limits(imputer, opened.n_features, logs)
    guess = Columns.all(opened.n_features, logs) if columns is None else columns
    counted = guess.rows
    cells = Cells.total(opened.survey(Cells.of, counted))
    opened.reader.require(cells.n, 1)
    min_samples = 0
    if columns is None:
        cells.require_squares(imputer)
        columns = Columns.of(cells, imputer.keep_empty_features, logs)
        min_samples = imputer.n_components
    if not len(columns.modelled):
        opened.reader.require(cells.n, min_samples)
        return Table(None, columns, cells)
    if len(columns.modelled) != len(guess.modelled):
        counted = columns.rows
    return Table(opened.fit_data(min_samples, counted), columns, cells)


def load_for_fit(imputer: Any, opened: Opened[Rows]) -> Table:
    """The data for a fit; what was missing is published, as attributes and in the indicator."""
    table = load_table(imputer, opened)
    cells = table.cells
    imputer.missing_fraction_ = cells.missing_fraction
    imputer.limited_fraction_ = cells.limited_fraction
    imputer._seen = np.stack([cells.low, cells.high])
    imputer.n_samples_seen_ = cells.weight
    imputer.n_batches_ = 0
    imputer.indicator_ = None
    if imputer.add_indicator:
        row = np.where(cells.missing > 0.0, np.nan, 0.0)
        imputer.indicator_ = MissingIndicator(error_on_new=False).fit(row[None])
    return table
