"""Dask collections: what goes with their rows, their chunks on a cluster, lazy results.

A fit keeps the chunks on the workers. In every iteration the parameters go out, each chunk gives
its statistics, they are summed as a tree, and one sum comes back. Nothing that is not named for
it imports dask.
"""

import math
from copy import copy
from functools import partial
from numbers import Real

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from emkit.base.estimator import FLOATS, refuse_empty_columns
from emkit.data.dask_blocks import FAN, Chunks, get_client
from emkit.data.source import block_that_counts, check_block, in_context
from emkit.engine import SimulatedAnnealing, SimulatedAnnealingEM, StochasticEM
from emkit.models.mixture.starts import sample_size

__all__ = [
    "FAN",
    "as_dask_array",
    "check_options",
    "is_dask",
    "load_chunks",
    "load_dask",
    "map_rows",
    "score_rows",
]


def is_dask(X):
    """Whether X is a Dask array or DataFrame, told without importing dask."""
    package = type(X).__module__.partition(".")[0]
    return package in {"dask", "dask_expr"} and hasattr(X, "to_delayed") and hasattr(X, "shape")


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
    return _one_wide(_as_floats(estimator, X, [X.dtype]))


def _one_wide(X):
    return X.rechunk({1: -1}) if X.numblocks[1] > 1 else X


def _as_floats(estimator, X, dtypes):
    marks = getattr(estimator, "missing_values", np.nan)
    if not isinstance(marks, Real) and any(dtype.kind not in "buif" for dtype in dtypes):
        return X
    single = all(dtype == np.float32 for dtype in dtypes)
    return X.astype(np.float32 if single else np.float64)


def _float_of(X):
    return X.dtype if X.dtype in FLOATS else np.dtype(np.float64)


# What a fit works on


def load_chunks(X, sample_weight, load, *y):
    """What ``load(rows, weights, where, *y)`` makes of every chunk of a Dask array, on the workers.

    ``where`` names the chunk in an error.
    """
    from dask import delayed

    client = get_client()
    load = delayed(load, pure=False)
    # They keep their graph, so that what a lost worker held is loaded again.
    futures = client.compute(
        [
            load(rows, weights, _where(number), *beside)
            for number, (rows, weights, *beside) in enumerate(_chunks(X, sample_weight, *y))
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


# What is told of rows


def map_rows(estimator, method, X, *y, dtype=None, width=None, numbered=False):
    """What a method gives for the rows of X, lazily, chunk by chunk: a Dask array.

    The method is one of the estimator, by its name, or any function of a chunk, of its number
    where it is ``numbered``, and of the chunk of y where there is one. ``dtype`` is that of X by
    default; ``width`` the number of columns, None for a vector.
    """
    check_is_fitted(estimator, ["weights_", "coef_"], all_or_any=any)
    X = as_dask_array(estimator, X, reset=False)
    dtype = np.dtype(_float_of(X) if dtype is None else dtype)
    shape = () if width is None else (width,)
    compute = getattr(_nameless(estimator), method) if isinstance(method, str) else method
    return X.map_blocks(
        partial(_call_numbered if numbered else _call, compute, np.empty((0, *shape), dtype)),
        *(_as_columns(_beside(X, values, "y")) for values in y),
        meta=np.empty((0, *shape), dtype),
        **({"drop_axis": 1} if width is None else {"chunks": (X.chunks[0], shape)}),
    )


def score_rows(estimator, X, sample_weight, *of, y=None):
    """What the estimator's ``_sums`` gives, the total weight second, summed over the chunks."""
    import dask

    check_is_fitted(estimator, ["weights_", "coef_"], all_or_any=any)
    X = as_dask_array(estimator, X, reset=False)
    score = dask.delayed(partial(_score, _nameless(estimator), of), pure=False)
    chunks = _chunks(X, sample_weight, *(() if y is None else (y,)))
    (parts,) = dask.compute([score(*chunk, where=_where(i)) for i, chunk in enumerate(chunks)])
    value, total = (math.fsum(column) for column in zip(*parts, strict=True))
    if total == 0.0:
        raise ValueError("X has no rows of positive weight with a value: there is no score.")
    return value, total


# What goes with the rows


def _where(number):
    return f"That is in chunk {number} of X."


def _chunks(X, sample_weight, *y):
    """Chunks of rows, each with its weights or None, and with that of y; not computed yet."""
    rows = X.to_delayed().ravel()
    if sample_weight is None:
        weights = [None] * len(rows)
    else:
        if not is_dask(sample_weight):
            sample_weight = check_array(
                sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
            )
        weights = _beside(X, sample_weight, "sample_weight").to_delayed().ravel()
    targets = (_beside(X, values, "y").to_delayed().ravel() for values in y)
    return list(zip(rows, weights, *targets, strict=True))


def _beside(X, values, name):
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


def _check_shape(shape, n, name):
    forms = [(n,), (n, 2)] if name == "y" else [(n,)]
    if shape not in forms:
        forms = " or ".join(map(str, forms))
        raise ValueError(f"{name} must have shape {forms}, with a row for each of X. Got {shape}.")


def _as_columns(y):
    return y[:, None] if y.ndim == 1 else y


def _nameless(estimator):
    """The estimator without names of features, which the chunks of an array do not have."""
    estimator = copy(estimator)
    vars(estimator).pop("feature_names_in_", None)
    return estimator


# The workers' side


def _load(dtype, X, weights, where):
    """A chunk as rows that count, checked."""
    return block_that_counts(*check_block(X, weights, where, dtype))


def _call(compute, nothing, X):
    return compute(X) if len(X) else nothing


def _call_numbered(compute, nothing, X, *y, block_id=None):
    return compute(X, block_id[0], *y) if len(X) else nothing


def _score(estimator, of, X, weights, *y, where):
    if not len(X) or (weights is not None and not np.any(weights)):
        return 0.0, 0.0
    with in_context(where):
        return estimator._sums(X, weights, *of, *y)
