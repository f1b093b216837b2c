"""The data of an imputer, wherever they lie: in memory, in a source, on a cluster."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from emkit.base.estimator import check_weights, load_with_missing, mark_missing
from emkit.data.dask_collections import as_dask_array, check_options, is_dask, load_chunks
from emkit.data.source import Block, RowStream, Source, check_block_weights, in_context, is_source
from emkit.imputation.columns import Cells, Columns, check_limits
from emkit.models.mixture.starts import sample_size
from emkit.models.rows import Rows, Summary

__all__ = ["Loaded", "each_block", "load_table", "read_block"]


class Loaded(NamedTuple):
    """A table as data of a model, and what was found of its columns."""

    data: Any  #: `Rows`, or `Blocks` of them: with a value in a modelled column; None without such
    columns: Columns
    cells: Cells


def load_table(imputer: Any, X: Any, sample_weight: Any, columns: Columns | None = None) -> Loaded:
    """The data in X for a fit, or for what follows one, in the columns of which it was."""
    load = _load_chunks if is_dask(X) else _load_source if is_source(X) else _load_array
    return load(imputer, X, sample_weight, columns)


def each_block(imputer: Any, X: Any, sample_weight: Any = None) -> Iterator[Rows]:
    """X with its weights, checked: one block, or those of a source."""
    if not is_source(X):
        X = load_with_missing(imputer, X, imputer.missing_values, reset=False)
        yield Rows(X, check_weights(sample_weight, X))
        return
    source = Source(X, sample_weight)
    source.check(imputer, reset=False)
    for block in source:
        yield read_block(block.X, block.sample_weight, block.where, imputer.missing_values)


def read_block(X: Any, sample_weight: Any, where: str, missing_values: Any) -> Rows:
    """Some rows with their weights, checked; an error says ``where``."""
    with in_context(where):
        X = mark_missing(X, missing_values, partial(check_array, ensure_min_samples=0))
        return Rows(X, check_block_weights(sample_weight, X))


def _load_array(imputer: Any, X: Any, sample_weight: Any, columns: Columns | None) -> Loaded:
    X = load_with_missing(imputer, X, imputer.missing_values, reset=columns is None)
    rows = Rows(X, check_weights(sample_weight, X))
    check_limits(imputer, X.shape[1])
    cells = Cells.of(rows)
    if columns is None:
        columns = Columns.of(cells, imputer.keep_empty_features)
    return Loaded(columns.rows(rows) if len(columns.modelled) else None, columns, cells)


def _load_source(imputer: Any, X: Any, sample_weight: Any, columns: Columns | None) -> Loaded:
    source = Source(X, sample_weight)
    source.check(imputer, reset=columns is None)
    check_limits(imputer, source.n_features)
    # Mostly all columns are modelled; the first reading then tells all that is to be known.
    guess = Columns.all(source.n_features) if columns is None else columns

    def read(block: Block) -> Rows:
        X, sample_weight, where = block.X, block.sample_weight, block.where
        return read_block(X, sample_weight, where, imputer.missing_values)

    parts, summaries = [], []
    for block in source:
        rows = read(block)
        parts.append(Cells.of(rows))
        summaries.append(Summary.of(guess.rows(rows)))
    cells, columns = _columns_of(imputer, parts, columns)
    data: Any = _nothing(cells, columns, source.dtype)
    if data is None and len(columns.modelled):
        right = len(columns.modelled) == len(guess.modelled)
        take = columns.rows
        data = RowStream(
            source, lambda block: take(read(block)), summaries=summaries if right else None
        )
    return Loaded(data, columns, cells)


def _load_chunks(imputer: Any, X: Any, sample_weight: Any, columns: Columns | None) -> Loaded:
    X = as_dask_array(imputer, X, reset=columns is None)
    check_options(imputer)
    check_limits(imputer, X.shape[1])
    read = partial(read_block, missing_values=imputer.missing_values)
    chunks = load_chunks(X, sample_weight, read)
    cells, columns = _columns_of(imputer, chunks.gather(Cells.of), columns)
    data: Any = _nothing(cells, columns, chunks.dtype)
    if data is None and len(columns.modelled):
        size = sample_size(imputer.n_components, len(columns.modelled))
        data = chunks.map(columns.rows).blocks(1, size, imputer.random_state)
    return Loaded(data, columns, cells)


def _columns_of(imputer: Any, parts: list[Cells], columns: Columns | None) -> tuple[Cells, Columns]:
    n = sum(part.n for part in parts)
    if n == 0:
        raise ValueError(
            "Found array with 0 sample(s) (of positive weight) while a minimum of 1 is required."
        )
    cells = Cells.total(parts)
    return cells, Columns.of(cells, imputer.keep_empty_features) if columns is None else columns


def _nothing(cells: Cells, columns: Columns, dtype: Any) -> Rows | None:
    """No rows, where the modelled columns are empty, as those of a batch may be."""
    modelled = columns.modelled
    if not len(modelled) or not np.isnan(cells.low[modelled]).all():
        return None
    return Rows(np.empty((0, len(modelled)), dtype))
