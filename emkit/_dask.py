"""Data on a cluster: rows in a Dask collection, E-steps on the workers that hold them.

A fit keeps the chunks on the workers. In every iteration the parameters go out, each chunk gives
its statistics, they are summed as a tree, and one sum comes back. Nothing else imports dask.
"""

import math
from copy import copy
from functools import cached_property, partial
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from emkit._estimator import FLOATS, refuse_empty_columns
from emkit._sources import check_block, counted_block
from emkit.engine import Blocks, SimulatedAnnealing, SimulatedAnnealingEM, StochasticEM, _tree
from emkit.exceptions import ClusterError
from emkit.models.mixture_starts import sample_size
from emkit.models.rows import Rows, Summary, Table, summarise
from emkit.numerics.gaussian import Units

__all__ = [
    "Chunks",
    "DaskBlocks",
    "as_dask_array",
    "check_options",
    "is_dask",
    "load_chunks",
    "load_dask",
    "map_rows",
    "score_rows",
]

#: Statistics that one task adds up.
FAN = 8


def is_dask(X):
    """Whether X is a Dask array or DataFrame, told without importing dask."""
    package = type(X).__module__.partition(".")[0]
    return package in {"dask", "dask_expr"} and hasattr(X, "to_delayed") and hasattr(X, "shape")


class Chunk(NamedTuple):
    """One chunk, as it is known from afar."""

    rows: Any  #: future of `Rows`
    n: int
    total_weight: float


class DaskBlocks(Blocks):
    """Rows on the workers of a cluster, to a model what `Rows` are.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    futures, summaries : list
        Of the chunks.
    dtype : dtype
        Floating type of all rows.
    weighted : bool
        Whether the rows have weights.
    size : int
        Rows that starts are drawn from, where there are more than twice as many.
    random_state : int, RandomState instance or None
        Source of that sample.
    """

    stays = True

    def __init__(self, client, futures, summaries, dtype, *, weighted, size, random_state):
        pairs = [(f, s) for f, s in zip(futures, summaries, strict=True) if s.n]
        super().__init__([Chunk(future, s.n, s.total_weight) for future, s in pairs])
        del self.whole  # gathered when it is asked for
        self.client = client
        self.summary = summarise([s for _, s in pairs])
        self.X = Table((self.summary.n, len(self.summary.mean)), dtype)
        self.size, self.random_state = size, random_state
        self.incomplete = self.summary.incomplete
        self.weighted = weighted
        self.total_weight = self.summary.total_weight

    def spread(self):
        """Mean and standard deviation of every column, from those of the chunks."""
        return Units(self.summary.mean, self.summary.spread)

    @cached_property
    def whole(self):
        """The rows that starts are drawn from: a sample, or all where they are few."""
        counts = np.array([chunk.n for chunk in self])
        futures = [chunk.rows for chunk in self]
        weighted = self.weighted
        if counts.sum() > 2 * self.size:
            seed = check_random_state(self.random_state).randint(2**31)
            rng = np.random.default_rng(seed)
            if weighted:
                shares = [chunk.total_weight / self.total_weight for chunk in self]
                sizes = rng.multinomial(self.size, shares)
            else:
                sizes = rng.multivariate_hypergeometric(counts, self.size, method="marginals")
            seeds = rng.integers(2**32, size=len(sizes))
            futures = [
                self.client.submit(_draw, rows, int(size), int(seed), pure=False)
                for rows, size, seed in zip(futures, sizes, seeds, strict=True)
                if size
            ]
            weighted = False
        parts = _gather(self.client, futures)
        weights = [np.ones(len(p.X)) if p.sample_weight is None else p.sample_weight for p in parts]
        X = np.concatenate([part.X for part in parts])
        rows = Rows.of if self.incomplete else Rows
        return rows(X, np.concatenate(weights) if weighted else None)

    def sum(self, step, together=True):
        """Sum over the chunks, each worked on where it lies; always in the same order."""
        if not together:
            raise ClusterError(
                "Draws that follow each other cannot be made on many workers at once: "
                "algorithm='em' or 'cem', and a search that does not draw labels, run on Dask "
                "collections. Gather the data with X.compute() for others."
            )
        from dask import delayed

        try:
            # A task's result is made again where a worker is lost; scattered data are gone.
            shipped = delayed(_same, pure=False)(step)
            apply, add = delayed(_apply, pure=False), delayed(_add, pure=False)
            parts = [apply(shipped, chunk.rows) for chunk in self]
            while len(parts) > 1:
                parts = [add(*parts[i : i + FAN]) for i in range(0, len(parts), FAN)]
            total = self.client.compute(parts[0])
        except Exception as error:
            raise ClusterError(_lost(self.client, error)) from error
        return _gather(self.client, total, (np.linalg.LinAlgError, ArithmeticError))


class Chunks(NamedTuple):
    """What there is of every chunk of a collection, on the workers."""

    client: Any
    futures: list[Any]
    dtype: np.dtype  #: floating type of the rows
    weighted: bool

    def tell(self, function):
        """What a function gives for every chunk, as a list here."""
        return _gather(self.client, self.client.map(function, self.futures, pure=False))

    def map(self, function):
        """What a function makes of every chunk, kept there."""
        return self._replace(futures=self.client.map(function, self.futures, pure=False))

    def blocks(self, min_samples, size, random_state):
        """Chunks of `Rows` as data of a model; see `DaskBlocks`."""
        summaries = self.tell(Summary.of)
        n = sum(s.n for s in summaries)
        if n < min_samples:
            raise ValueError(
                f"Found array with {n} sample(s) (of positive weight, with a value) while a "
                f"minimum of {min_samples} is required."
            )
        client, futures, dtype, weighted = self
        return DaskBlocks(
            client,
            futures,
            summaries,
            dtype,
            weighted=weighted,
            size=size,
            random_state=random_state,
        )


def check_options(estimator):
    """ValueError for what a fit of a Dask collection does not offer."""
    drawing = (StochasticEM, SimulatedAnnealingEM)
    algorithm, search = getattr(estimator, "algorithm", "em"), estimator.search
    if getattr(estimator, "resp_init", None) is not None:
        what = "resp_init, which has a row for each of X. Give means_init instead"
    elif algorithm == "sem" or isinstance(algorithm, drawing):
        what = f"algorithm={algorithm!r}, which draws labels. Take 'em' or 'cem'"
    elif search == "simulated_annealing" or isinstance(search, SimulatedAnnealing):
        what = f"search={search!r}, which draws labels. Take 'annealing'"
    else:
        return
    raise ValueError(f"A Dask collection is not fitted with {what}, or gather X with X.compute().")


def as_dask_array(estimator, X, *, reset):
    """X as a Dask array of one chunk of columns, names and number of its features checked.

    Of floats, unless the estimator's ``missing_values`` may be objects or words among the cells.
    """
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got a Dask collection of {X.ndim} dimension(s).")
    if hasattr(X, "dtypes"):
        validate_data(estimator, X._meta, skip_check_array=True, reset=reset)
        return _as_floats(estimator, X, X.dtypes).to_dask_array()
    if X.dtype.kind == "c":
        raise ValueError(f"Complex data not supported. Got X of dtype {X.dtype}.")
    if math.isnan(X.shape[1]):
        raise ValueError(
            "The number of columns of X is not known. Call X.compute_chunk_sizes() first."
        )
    validate_data(estimator, np.empty((0, X.shape[1])), skip_check_array=True, reset=reset)
    X = _as_floats(estimator, X, [X.dtype])
    return X.rechunk({1: -1}) if X.numblocks[1] > 1 else X


def _as_floats(estimator, X, dtypes):
    marks = getattr(estimator, "missing_values", np.nan)
    if not isinstance(marks, Real) and any(dtype.kind not in "buif" for dtype in dtypes):
        return X
    single = all(dtype == np.float32 for dtype in dtypes)
    return X.astype(np.float32 if single else np.float64)


def _float_of(X):
    return X.dtype if X.dtype in FLOATS else np.dtype(np.float64)


def load_chunks(X, sample_weight, load):
    """What ``load(rows, weights, where)`` makes of every chunk of a Dask array, on the workers.

    ``where`` names the chunk in an error.
    """
    from dask import delayed

    client = _get_client()
    load = delayed(load, pure=False)
    # They keep their graph, so that what a lost worker held is loaded again.
    futures = client.compute(
        [
            load(rows, weights, f"That is in chunk {number} of X.")
            for number, (rows, weights) in enumerate(_chunks(X, sample_weight))
        ]
    )
    return Chunks(client, futures, _float_of(X), sample_weight is not None)


def load_dask(estimator, X, sample_weight, *, min_samples):
    """Rows of a Dask array persisted on the workers, every chunk checked; an error names it.

    Rows of weight 0 and rows without a value are left out.
    """
    chunks = load_chunks(X, sample_weight, partial(_load, X.dtype))
    size = sample_size(estimator.n_components, X.shape[1])
    data = chunks.blocks(min_samples, size, estimator.random_state)
    refuse_empty_columns(estimator, data.summary.observed == 0.0)
    return data


def map_rows(estimator, method, X, dtype=None, width=None, numbered=False):
    """What a method gives for the rows of X, lazily, chunk by chunk: a Dask array.

    The method is one of the estimator, by its name, or any function of a chunk, and of its number
    where it is ``numbered``. ``dtype`` is that of X by default; ``width`` the number of columns,
    None for a vector.
    """
    check_is_fitted(estimator, "weights_")
    X = as_dask_array(estimator, X, reset=False)
    dtype = np.dtype(_float_of(X) if dtype is None else dtype)
    shape = () if width is None else (width,)
    compute = getattr(_nameless(estimator), method) if isinstance(method, str) else method
    return X.map_blocks(
        partial(_call_numbered if numbered else _call, compute, np.empty((0, *shape), dtype)),
        meta=np.empty((0, *shape), dtype),
        **({"drop_axis": 1} if width is None else {"chunks": (X.chunks[0], shape)}),
    )


def score_rows(estimator, X, sample_weight, *of):
    """What the estimator's ``_sums`` gives, the total weight second, summed over the chunks."""
    import dask

    check_is_fitted(estimator, "weights_")
    X = as_dask_array(estimator, X, reset=False)
    score = dask.delayed(partial(_score, _nameless(estimator), of), pure=False)
    (parts,) = dask.compute([score(rows, weights) for rows, weights in _chunks(X, sample_weight)])
    value, total = (math.fsum(column) for column in zip(*parts, strict=True))
    if total == 0.0:
        raise ValueError("X has no rows of positive weight with a value: there is no score.")
    return value, total


# The client's side


def _get_client():
    try:
        from distributed import get_client
    except ImportError as error:
        raise ImportError(
            "To fit a Dask collection takes dask.distributed, which is not installed. "
            'Install it with: pip install "emkit[dask]"'
        ) from error
    try:
        return get_client()
    except ValueError as error:
        raise ValueError(
            "X is a Dask collection, which is fitted on a cluster, and there is no client of one. "
            "Make one first, as with `client = distributed.Client()` for this machine."
        ) from error


def _chunks(X, sample_weight):
    """Chunks of rows, each with its weights or None, not computed yet."""
    import dask

    rows = X.to_delayed().ravel()
    if sample_weight is None:
        return [(chunk, None) for chunk in rows]
    lengths = X.chunks[0]
    if not is_dask(sample_weight):
        if np.isnan(lengths).any():
            (lengths,) = dask.compute([dask.delayed(len)(chunk) for chunk in rows])
        weights = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
        )
        _check_length(weights.shape, sum(lengths))
        return list(zip(rows, np.split(weights, np.cumsum(lengths)[:-1]), strict=True))
    frame = hasattr(sample_weight, "to_dask_array")
    weights = sample_weight.to_dask_array() if frame else sample_weight
    if not np.isnan(lengths + weights.chunks[0]).any():
        _check_length(weights.shape, sum(lengths))
        weights = weights.rechunk((lengths,))
    if weights.ndim != 1 or len(weights.chunks[0]) != len(lengths):
        raise ValueError(
            "sample_weight must be a vector in the same chunks as X, where chunk sizes are not "
            f"known. Got {weights.numblocks} chunks for {len(lengths)} chunks of X. Call "
            "compute_chunk_sizes() on both."
        )
    return list(zip(rows, weights.to_delayed().ravel(), strict=True))


def _check_length(shape, n):
    if shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), one number a row. Got {shape}.")


def _nameless(estimator):
    """The estimator without names of features, which the chunks of an array do not have."""
    estimator = copy(estimator)
    vars(estimator).pop("feature_names_in_", None)
    return estimator


def _gather(client, futures, expected=(ValueError, TypeError)):
    """Results of futures; what is expected is raised as it is, all else is the cluster's."""
    try:
        return client.gather(futures)
    except expected:
        raise
    except Exception as error:
        raise ClusterError(_lost(client, error)) from error


def _lost(client, error):
    """What a failure means and what to do."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    told = f"{type(error).__name__}: {error}"
    if isinstance(error, KilledWorker):
        return (
            "Workers died again and again of the same chunk, likely for want of memory. Make the "
            f"chunks smaller (X.rechunk) or give the workers more memory. ({told})"
        )
    if client.status != "running" or isinstance(error, CancelledError | CommClosedError):
        return (
            "The client or its cluster was lost in the middle of a fit. Make a new "
            f"distributed.Client and fit again. ({told})"
        )
    return f"A worker failed with {told}. Its traceback stands above."


# The workers' side


def _load(dtype, X, weights, where):
    """A chunk as rows that count, checked."""
    return counted_block(*check_block(X, weights, where, dtype))


def _draw(rows, size, seed):
    return rows.sample(size, np.random.default_rng(seed))


def _same(step):
    return step


def _apply(step, rows):
    with np.errstate(all="ignore"):  # what is not finite is judged by the client
        return step(rows)


def _add(*parts):
    stats, number = parts[0]
    for more, gain in parts[1:]:
        stats, number = _tree.add(stats, more), number + gain
    return stats, number


def _call(compute, nothing, X):
    return compute(X) if len(X) else nothing


def _call_numbered(compute, nothing, X, block_id=None):
    return compute(X, block_id[0]) if len(X) else nothing


def _score(estimator, of, X, weights):
    if not len(X) or (weights is not None and not np.any(weights)):
        return 0.0, 0.0
    return estimator._sums(X, weights, *of)
