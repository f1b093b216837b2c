"""The data of a mixture: the rows that count, in the columns that vary in their own right."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from emkit.base.names import column_names, listed
from emkit.data.checks import has_missing, refuse_empty_columns, rows_that_count
from emkit.data.coded_stream import CodedStream, coded
from emkit.data.limited_table import limited_table
from emkit.data.limits_by_column import has_limits
from emkit.data.opened import Opened, open_data, place_of
from emkit.data.reader import tells_of_few_rows, too_few_rows
from emkit.mixture.coded_columns import CodedColumns
from emkit.mixture.coding import (
    Numbered,
    coder_of,
    coding_of,
    container_of,
    encode,
    learn,
    listed_by_types,
    numbers_of,
    with_seen_levels,
)
from emkit.mixture.degenerate import warn_of_no_number
from emkit.mixture.flat import Flat
from emkit.mixture.initial import InitialValues, check_initial_values
from emkit.mixture.labels import labels_that_count
from emkit.mixture.limits import first_look, refuse_beside_limits, refuse_blocks_of_limits
from emkit.mixture.noise_arguments import refuse_flat, refuse_without_volume
from emkit.mixture.prior import check_prior
from emkit.mixture.reader import MixtureReader
from emkit.mixture.redundant import find_flat
from emkit.models.labels import Labels
from emkit.models.mixed.rows import CodedRows
from emkit.models.mixture.starts import sample_size
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Scaling

__all__ = ["Table", "apart", "kept_columns", "load_table", "open_table", "which_count"]


#: Part of a weight that other weights are at least, that sums of squares are doubles.
LEAST_WEIGHT_PART = 1e-100


class Table(NamedTuple):
    """The data of a fit, and what was found of its columns."""

    data: Any  #: `Rows`, `CodedRows` where there are categories, or `Blocks` of them
    scaling: Scaling  #: mean and standard deviation of the columns that are kept
    flat: Flat | None  #: where not all columns are kept
    filled: bool = False  #: whether cells may have been filled by what the flat says
    start: Any = None  #: the data as starts take them, where cells have bounds

    @property
    def limited(self) -> bool:
        """Whether cells have bounds."""
        return self.start is not None

    @property
    def start_data(self) -> Any:
        """The data, with numbers in cells that have bounds."""
        return self.data if self.start is None else self.start

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which cells (n, d) have a value, of rows in memory; categories come last."""
        observed = ~np.isnan(self.data.X)
        return np.hstack([observed, self.data.codes >= 0]) if self.is_coded else observed

    @property
    def is_coded(self) -> bool:
        """Whether there are categories."""
        return isinstance(self.data, CodedRows | CodedStream)

    @property
    def of_numbers(self) -> "Table":
        """The same of the columns of numbers."""
        return self._replace(data=self.data.numbers) if self.is_coded else self


def open_table(
    mixture: Any,
    X: Any,
    sample_weight: Any = None,
    *,
    reset: bool = False,
    whole: bool = False,
    batch: bool = False,
) -> Opened[Rows]:
    """Rows of X, all of their columns in a fit or if ``whole``, else those that the fit kept.

    The types of a ``batch`` of a stream must list the levels of its categories.
    """
    numbered = isinstance(X, Numbered)
    limited = None if numbered else limited_table(mixture, X, fitting=reset)
    own, X = (None, X) if limited is None else (limited.bounds, limited.X)
    in_memory = numbered or place_of(X).in_memory
    if reset and numbered:
        mixture._coding = X.coding
    elif reset:
        refuse_blocks_of_limits(mixture, X)
        mixture._coding = learn(mixture, X) if in_memory else None
        mixture._container = container_of(X)
    coding, listed = coding_of(mixture), None
    refuse_beside_limits(mixture, own, coding)
    if batch and coding is not None:
        listed = listed_by_types(mixture)
    coder = coder_of(mixture, X, fitting=reset, listed=listed)
    if numbered:
        X = X.cells
    elif in_memory and coding is not None:
        X = encode(mixture, X, coding, fitting=reset, listed=listed)
    kept = None if reset or whole else kept_columns(mixture)
    reader = MixtureReader(own, n_components=mixture.n_components, flat=kept)
    if has_limits(mixture) and not (reset or in_memory):
        check_is_fitted(mixture, reader.fitted)
        reader = reader.of_columns_of(mixture, mixture.n_features_in_, reset=False)
    return open_data(mixture, X, reader, sample_weight=sample_weight, reset=reset, coder=coder)


def kept_columns(mixture: Any) -> CodedColumns | Flat | None:
    """What a fit kept of its columns; None where that is all of a table of numbers."""
    flat: Flat | None = getattr(mixture, "_flat", None)
    return CodedColumns.of(mixture, flat) or flat


def load_table(
    mixture: Any, opened: Opened[Rows], labels: Labels | None = None
) -> tuple[Table, InitialValues]:
    """The data for a fit, and what is given of its start, both checked."""
    n_numbers = len(numbers_of(mixture, opened.n_features))
    given = check_initial_values(mixture, opened.n_samples, n_numbers)
    check_prior(mixture.prior, mixture.covariance_type, n_numbers)
    columns = CodedColumns.of(mixture)
    if columns is not None:
        return _load_coded(mixture, opened, columns, labels, given)
    data = opened.fit_data(mixture.n_components)
    refuse_empty_columns(data, column_names(mixture))
    _refuse_lone_weight(data)
    refuse_without_volume(mixture, data)
    look = first_look(data)
    warn_of_no_number(column_names(mixture), look.unseen)
    flat = find_flat(data, look.scaling, mixture.reg_covar)
    filled = flat is not None and data.incomplete
    if flat is not None:
        with _of_kept_columns(column_names(mixture)[flat.kept]):
            data = opened.fit_data(mixture.n_components, flat.counted)
        look = first_look(data)
    refuse_flat(mixture, flat, column_names(mixture))
    count = which_count if flat is None else flat.which_count
    if not (labels is None and given.resp is None and given.noise is None):
        (kept,) = opened.survey(count)  # in memory: elsewhere they are refused
        data, given = data._replace(labels=labels_that_count(labels, kept)), given.take(kept)
    return Table(data, look.scaling, flat, filled, look.start), given


def _refuse_lone_weight(data: Any) -> None:
    """ValueError for a weight beside which no other row is there in doubles."""
    weights = data.sample_weight if isinstance(data, Rows) else None
    if weights is None:
        return
    top = weights.argmax()
    others = np.delete(weights, top).sum()
    if 0.0 < others < LEAST_WEIGHT_PART * weights[top]:
        raise ValueError(
            f"sample_weight holds {weights[top]:g}, and all other rows together weigh {others:g}, "
            "which is nothing beside it: one row has no covariance. Weights count rows; likely "
            "this one is a mistake."
        )


@contextmanager
def _of_kept_columns(names: Any) -> Iterator[None]:
    """An error for too few rows says that others are known in columns without variance alone."""
    try:
        yield
    except ValueError as error:
        if not tells_of_few_rows(error):
            raise
        raise too_few_rows(
            f"{str(error).rstrip('.')}. Rows count by column(s) {listed(names)}: the others are "
            "constant or follow from these, and a row with constants alone tells nothing."
        ) from error


def _load_coded(
    mixture: Any,
    opened: Opened[Rows],
    columns: CodedColumns,
    labels: Labels | None,
    given: InitialValues,
) -> tuple[Table, InitialValues]:
    """As `load_table`, where there are categories."""
    names, K = column_names(mixture), mixture.n_components
    rows = opened.fit_data(K, columns.counted)
    refuse_empty_columns(rows, names[columns.order])
    data, flat = apart(rows, columns, K), None
    if columns.n_numbers:
        flat = find_flat(data.numbers, data.scaling(), mixture.reg_covar, alone=False)
    if flat is not None:
        columns = columns._replace(flat=flat)
        with _of_kept_columns(names[columns.order_of_kept]):
            data = apart(opened.fit_data(K, columns.counted), columns, K)
    if not getattr(mixture, "_of_stream", False):  # to which other levels may come
        mixture._coding, data = with_seen_levels(mixture._coding, data)
    if not (labels is None and given.resp is None):
        (kept,) = opened.survey(columns.which_count)
        data = replace(data, labels=labels_that_count(labels, kept))
        given = given.take(kept)
    return Table(data, data.scaling(), flat), given


def apart(rows: Any, columns: CodedColumns, n_components: int) -> Any:
    """Rows of kept columns, in memory or blocks, as data of numbers and categories."""
    d = rows.shape[1]
    numbers, categories = np.split(np.arange(d), [columns.n_numbers])
    return coded(rows, numbers, categories, sample_size(n_components, d))


def which_count(rows: Rows) -> Any:
    """Rows of positive weight that have a value, as a mask; None for all."""
    return rows_that_count(rows.X, rows.sample_weight, has_missing(rows.X), rows.bounds)
