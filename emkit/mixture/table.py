"""The data of a mixture: the rows that count, in the columns that vary in their own right."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit.base.names import column_names, listed
from emkit.data.checks import has_missing, refuse_empty_columns, rows_that_count
from emkit.data.opened import Opened, open_data
from emkit.data.reader import tells_of_few_rows, too_few_rows
from emkit.mixture.coding import (
    coding_of,
    container_of,
    encode,
    learn,
    numbers_of,
    refuse_in_blocks,
    with_seen_levels,
)
from emkit.mixture.flat import Flat
from emkit.mixture.initial import InitialValues, check_initial_values
from emkit.mixture.labels import labels_that_count
from emkit.mixture.mixed import coded_rows
from emkit.mixture.noise_arguments import refuse_flat, refuse_without_volume
from emkit.mixture.prior import check_prior
from emkit.mixture.reader import MixtureReader
from emkit.mixture.redundant import find_flat
from emkit.models.labels import Labels
from emkit.models.mixed.rows import CodedRows
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Scaling

__all__ = ["Table", "coded_that_tell", "load_table", "open_table", "which_count"]


#: Part of a weight that other weights are at least, that sums of squares are doubles.
LEAST_WEIGHT_PART = 1e-100


class Table(NamedTuple):
    """The data of a fit, and what was found of its columns."""

    data: Any  #: `Rows`, or `Blocks` of them; `CodedRows` where there are categories
    scaling: Scaling  #: mean and standard deviation of the columns that are kept
    flat: Flat | None  #: where not all columns are kept
    filled: bool = False  #: whether cells may have been filled by what the flat says

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which cells (n, d) have a value, of rows in memory; categories come last."""
        observed = ~np.isnan(self.data.X)
        coded = isinstance(self.data, CodedRows)
        return np.hstack([observed, self.data.codes >= 0]) if coded else observed

    @property
    def of_numbers(self) -> "Table":
        """The same of the columns of numbers."""
        coded = isinstance(self.data, CodedRows)
        return self._replace(data=self.data.numbers) if coded else self


def open_table(
    mixture: Any, X: Any, sample_weight: Any = None, *, reset: bool = False, whole: bool = False
) -> Opened[Rows]:
    """Rows of X, all of their columns in a fit or if ``whole``, else those that the fit kept."""
    if reset:
        mixture._coding, mixture._container = learn(mixture, X), container_of(X)
    coding = coding_of(mixture)
    if coding is not None:
        # All columns, of which `coded_rows` takes what it needs.
        X, whole = encode(mixture, X, coding, fitting=reset), True
    flat = None if reset or whole else getattr(mixture, "_flat", None)
    reader = MixtureReader(mixture.n_components, flat)
    opened = open_data(mixture, X, reader, sample_weight=sample_weight, reset=reset)
    if reset and hasattr(opened, "source"):
        refuse_in_blocks(mixture, X, opened.source.first)
    return opened


def load_table(
    mixture: Any, opened: Opened[Rows], labels: Labels | None = None
) -> tuple[Table, InitialValues]:
    """The data for a fit, and what is given of its start, both checked."""
    n_numbers = len(numbers_of(mixture, opened.n_features))
    given = check_initial_values(mixture, opened.n_samples, n_numbers)
    check_prior(mixture.prior, mixture.covariance_type, n_numbers)
    data = opened.fit_data(mixture.n_components)
    refuse_empty_columns(mixture, data)
    if mixture._coding is not None:
        return _load_coded(mixture, opened, data, labels, given)
    _refuse_lone_weight(data)
    refuse_without_volume(mixture, data)
    scaling = data.scaling()
    flat = find_flat(data, scaling, mixture.reg_covar)
    filled = flat is not None and data.incomplete
    if flat is not None:
        with _of_kept_columns(column_names(mixture)[flat.kept]):
            data = opened.fit_data(mixture.n_components, flat.counted)
        scaling = data.scaling()
    refuse_flat(mixture, flat, column_names(mixture))
    count = which_count if flat is None else flat.which_count
    if not (labels is None and given.resp is None and given.noise is None):
        (kept,) = opened.survey(count)  # in memory: elsewhere they are refused
        data, given = data._replace(labels=labels_that_count(labels, kept)), given.take(kept)
    return Table(data, scaling, flat, filled), given


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
    data: Rows,
    labels: Labels | None,
    given: InitialValues,
) -> tuple[Table, InitialValues]:
    """As `load_table`, where there are categories."""
    coded, flat = coded_rows(mixture, data, None), None
    if coded.X.shape[1]:
        flat = find_flat(coded.numbers, coded.scaling(), mixture.reg_covar, alone=False)
    if flat is not None:
        coded = coded_rows(mixture, data, flat)
    scaling = coded.scaling()
    coded, kept = coded_that_tell(opened, coded)
    opened.reader.require(len(coded), mixture.n_components, whole=True)
    mixture._coding, codes = with_seen_levels(mixture._coding, coded.codes)
    coded = replace(coded, codes=codes, labels=labels_that_count(labels, kept))
    return Table(coded, scaling, flat), given.take(kept)


def coded_that_tell(opened: Opened[Rows], coded: CodedRows) -> tuple[CodedRows, NDArray[np.intp]]:
    """Those of the rows that count that have a value in a column that is kept.

    With them which rows of all that were opened they are.
    """
    tells = np.flatnonzero(~(np.isnan(coded.X).all(axis=1) & (coded.codes < 0).all(axis=1)))
    (counted,) = opened.survey(which_count)
    kept = tells if counted is None else np.flatnonzero(counted)[tells]
    return coded.take(tells), kept


def which_count(rows: Rows) -> Any:
    """Rows of positive weight that have a value, as a mask; None for all."""
    return rows_that_count(rows.X, rows.sample_weight, has_missing(rows.X))
