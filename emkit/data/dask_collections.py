"""Dask collections: what goes with their rows, their chunks on a cluster, lazy results.

A fit keeps the chunks on the workers. In every iteration the parameters go out, each chunk gives
its statistics, they are summed as a tree, and one sum comes back. Nothing that is not named for
it imports dask.
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from emkit._typing import Array
from emkit.base.estimator import FLOATS
from emkit.data.checks import in_context
from emkit.data.containers import columns_of
from emkit.data.dask_blocks import Chunks, DaskRows, get_client
from emkit.data.numbers import NUMERIC, numbers_of, refuse_date_types
from emkit.data.opened import Coder, Opened, Task, is_dask
from emkit.data.reader import OF_ROWS, R, Reader
from emkit.data.responses import check_responses
from emkit.engine import SimulatedAnnealing, SimulatedAnnealingEM, StochasticEM
from emkit.models.mixture.starts import sample_size
from emkit.models.rows import Summary

__all__ = ["Clustered"]


class Clustered(Opened[R]):
    """Rows of a Dask collection, worked on where its chunks lie."""

    #: What was read of the chunks for the last survey, on the workers.
    _surveyed: Chunks | None = None

    def _open(self) -> None:
        self.y = check_responses(self.y, self.reader.beside)
        if self.coder is not None and self.X.ndim == 2:
            self.X = _encoded(self.X, self.coder)
        self.given = self.X  # the types and names of its columns
        self.reader = self.reader.of_columns(columns_of(self.X))
        self.X = as_dask_array(self.estimator, self.X, reset=self.reset)
        self.n_features = self.X.shape[1]
        self.dtype = self.X.dtype if self.X.dtype in FLOATS else np.dtype(np.float64)
        if self.reset and self.reader.n_components:
            check_options(self.estimator)

    def survey(
        self, look: Callable[[R], Any], counted: Callable[[R], R] | None = None
    ) -> list[Any]:
        self._surveyed = self._load(partial(_read, self.reader))
        return self._surveyed.map(look)

    def fit_data(self, min_samples: int = 1, counted: Callable[[R], R] | None = None) -> Any:
        count = counted or self.reader.counted
        if self._surveyed is None:
            chunks = self._load(partial(_load_chunk, self.reader, count))
        else:
            chunks = self._surveyed.convert(count)
            self._surveyed = None  # the rows as they were read need not lie there too
        summaries = chunks.map(Summary.of)
        nothing = self._nothing(summaries, min_samples)
        if nothing is not None:
            return nothing
        size = sample_size(self.estimator.n_components, len(summaries[0].mean))
        rows = DaskRows(chunks, summaries, size=size, random_state=self.estimator.random_state)
        self._warn_of_rounding(self.given, rows.summary)
        return rows

    def blocks(self, look: Callable[[R], Any]) -> tuple[Chunks, Iterable[Any]]:
        chunks = self._load(partial(_load_chunk, self.reader, self.reader.counted))
        seen = chunks.map(partial(_look, look))
        kept = chunks.take([has_rows for has_rows, _ in seen])
        return kept, [found for has_rows, found in seen if has_rows]

    def _load(self, load: Callable[..., R]) -> Chunks:
        """What ``load(*chunk)`` makes of every chunk, on the workers."""
        from dask import delayed

        client = get_client()
        load = delayed(load, pure=False)
        # They keep their graph, so that what a lost worker held is loaded again.
        futures = client.compute([load(*chunk) for chunk in self._chunks()])
        return Chunks(client, futures, self.dtype, self.sample_weight is not None)

    def _map(self, task: Task) -> Any:
        shape = task.shape
        nothing: Any = np.empty((0, *shape), task.dtype)
        axes: dict[str, Any] = {"chunks": (self.X.chunks[0], *((size,) for size in shape))}
        if len(shape) > 1:
            axes["new_axis"] = list(range(2, 1 + len(shape)))
        y = () if self.y is None else (_as_columns(_beside(self.X, self.y, self.reader.beside)),)
        return self.X.map_blocks(
            partial(_compute, self.reader, task, nothing),
            *y,
            meta=nothing,
            **(axes if shape else {"drop_axis": 1}),
        )

    def _sums(self, compute: Callable[[R], Array]) -> Iterable[tuple[float, float]]:
        import dask

        score = dask.delayed(partial(_score, self.reader, compute), pure=False)
        (sums,) = dask.compute([score(*chunk) for chunk in self._chunks()])
        return list(sums)

    def _chunks(self) -> Iterable[tuple[Any, ...]]:
        """Number, rows, weights and y of every chunk, the latter None if none; not computed yet."""
        rows = self.X.to_delayed().ravel()
        weights = y = [None] * len(rows)
        if self.sample_weight is not None:
            values = self.sample_weight
            if not is_dask(values):
                values = numbers_of(values, "sample_weight").values
            weights = _beside(self.X, values, "sample_weight").to_delayed().ravel()
        if self.y is not None:
            y = _beside(self.X, self.y, self.reader.beside).to_delayed().ravel()
        return zip(range(len(rows)), rows, weights, y, strict=True)


# What is asked of a collection


def check_options(estimator: Any) -> None:
    """ValueError for what a fit of a Dask collection does not offer."""
    drawing = (StochasticEM, SimulatedAnnealingEM)
    algorithm = getattr(estimator, "algorithm", "em")
    search = getattr(estimator, "search", "restarts")
    of_rows = [name for name in OF_ROWS if getattr(estimator, name, None) is not None]
    if of_rows:
        what = f"{of_rows[0]}, which has a row for each of X. {OF_ROWS[of_rows[0]]}"
    elif algorithm == "sem" or isinstance(algorithm, drawing):
        what = f"algorithm={algorithm!r}, which draws labels. Take 'em' or 'cem'"
    elif search == "simulated_annealing" or isinstance(search, SimulatedAnnealing):
        what = f"search={search!r}, which draws labels. Take 'annealing'"
    else:
        return
    raise ValueError(f"A Dask collection is not fitted with {what}, or gather X with X.compute().")


def as_dask_array(estimator: Any, X: Any, *, reset: bool) -> Any:
    """X as a Dask array of one chunk of columns, names and number of its features checked.

    What is not of numbers yet becomes so where it lies, when a chunk is read.
    """
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got a Dask collection of {X.ndim} dimension(s).")
    if hasattr(X, "dtypes"):
        refuse_date_types(X, "X")
        validate_data(estimator, X._meta, skip_check_array=True, reset=reset)
        if all(column.kind in NUMERIC for column in columns_of(X) or ()):
            single = all(dtype == np.float32 for dtype in X.dtypes)
            X = X.astype(np.float32 if single else np.float64)
        return X.to_dask_array()
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported. Got X of dtype {X.dtype}.")
    if math.isnan(X.shape[1]):
        raise ValueError(
            "The number of columns of X is not known. Call X.compute_chunk_sizes() first."
        )
    refuse_date_types(X, "X")
    validate_data(estimator, np.empty((0, X.shape[1])), skip_check_array=True, reset=reset)
    return _one_wide(X)


def _encoded(X: Any, coder: Coder) -> Any:
    """A collection with numbers in place of categories, if there are such."""
    if hasattr(X, "dtypes"):
        encode = coder(X._meta)
        if encode is None:
            return X
        return X.map_partitions(partial(_encode, encode), meta=encode(X._meta))
    if math.isnan(X.shape[1]):
        return X
    encode = coder(np.empty((0, X.shape[1]), X.dtype))
    return X if encode is None else _one_wide(X).map_blocks(encode, dtype=float)


def _one_wide(X: Any) -> Any:
    return X.rechunk({1: -1}) if X.numblocks[1] > 1 else X


# What goes with the rows


def _beside(X: Any, values: Any, name: str) -> Any:
    """Numbers that go with the rows of X, as a Dask array in the same chunks of rows."""
    import dask
    import dask.array as da

    lengths = X.chunks[0]
    if not is_dask(values):
        values = np.asarray(values)
        if np.isnan(lengths).any():
            counts = [dask.delayed(len)(chunk) for chunk in X.to_delayed().ravel()]
            (lengths,) = dask.compute(counts)
        _check_shape(values.shape, sum(lengths), name)
        return da.from_array(values, chunks=(tuple(lengths), *values.shape[1:]))
    values = values.to_dask_array() if hasattr(values, "to_dask_array") else values
    known = not np.isnan(sum(values.chunks[:1], lengths)).any()
    _check_shape(values.shape, sum(lengths) if known else values.shape[0], name)
    if known:
        values = values.rechunk({0: lengths})
    if len(values.chunks[0]) != len(lengths):
        raise ValueError(
            f"{name} must be in the same chunks as X, where chunk sizes are not known. Got "
            f"{len(values.chunks[0])} chunks for {len(lengths)} chunks of X. Call "
            "compute_chunk_sizes() on both."
        )
    return _one_wide(values) if values.ndim == 2 else values


def _check_shape(shape: tuple[int, ...], n: int, name: str) -> None:
    forms = [(n,), (n, 2), (n, 3)] if name == "y" else [(n,)]
    if shape not in forms:
        told = " or ".join(map(str, forms))
        raise ValueError(f"{name} must have shape {told}, with a row for each of X. Got {shape}.")


def _as_columns(y: Any) -> Any:
    return y[:, None] if y.ndim == 1 else y


# The workers' side


def _read(reader: Reader[R], number: int, X: Any, weights: Any = None, y: Any = None) -> R:
    """A chunk as rows, checked; an error names it."""
    context = f"That is in chunk {number} of X."
    return reader.read_block(X, weights, y, context, f"{context} Its first row is row 0 of y.")


def _encode(encode: Callable[[Any], Any], X: Any, partition_info: Any = None) -> Any:
    number = "" if partition_info is None else f" {partition_info['number']}"
    with in_context(f"That is in chunk{number} of X."):
        return encode(X)


def _load_chunk(
    reader: Reader[R], counted: Callable[[R], R], number: int, X: Any, weights: Any, y: Any
) -> R:
    return counted(_read(reader, number, X, weights, y))


def _look(look: Callable[[R], Any], rows: R) -> tuple[bool, Any]:
    return len(rows.X) > 0, look(rows) if len(rows.X) else None


def _compute(
    reader: Reader[R], task: Task, nothing: Array, X: Any, y: Any = None, *, block_id: Any = None
) -> Array:
    if not len(X):
        return nothing
    if y is not None and y.shape[1:] == (1,):  # a vector, which was made a column to go with X
        y = y[:, 0]
    number = block_id[0]
    return task(_read(reader, number, X, None, y), number)


def _score(
    reader: Reader[R], compute: Callable[[R], Array], number: int, X: Any, weights: Any, y: Any
) -> tuple[float, float]:
    rows = _read(reader, number, X, weights, y)
    return reader.weighted_sum(compute, rows)
