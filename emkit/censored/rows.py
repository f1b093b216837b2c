"""Rows of a censored regression: in memory, read block by block, on a cluster."""

from copy import copy
from functools import partial

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from emkit.base.estimator import FLOATS, check_weights, is_private
from emkit.censored.target import load_target
from emkit.data.dask_collections import as_dask_array, is_dask, load_chunks, map_rows, score_rows
from emkit.data.source import Loaded, Source, check_block, in_context, is_source
from emkit.engine import Blocks
from emkit.models.censored.data import Responses
from emkit.models.rows import BLOCK_ROWS

__all__ = [
    "LocalBlocks",
    "ResponseStream",
    "each_block",
    "load_rows",
    "map_blocks",
    "score_blocks",
]


class LocalBlocks(Blocks):
    """Blocks that this process reads, asked one by one as those on a cluster are."""

    def gather(self, function, *values):
        """What a function gives for every block, and one of each of the values, in order."""
        return map(function, self, *values)


class ResponseStream(LocalBlocks):
    """Rows of a source that count, read whenever they are iterated.

    Parameters
    ----------
    source : Source
        What is read.
    load : callable
        From a `Block` to the `Responses` of it that count, checked.
    """

    def __init__(self, source, load):
        super().__init__(source)
        self.source, self.load = source, load
        self._n, self._numbers = None, []

    def __iter__(self):
        n, numbers = 0, []
        for block in self.source:
            rows = self.load(block)
            if len(rows.X):
                n += len(rows.X)
                numbers.append(block.number)
                yield rows
        if self._n is None:
            self._n, self._numbers = n, numbers
        if n != self._n:
            raise ValueError(
                f"X gave {n} rows that count, and {self._n} when it was first read. X, y and "
                "sample_weight must be the same at every pass."
            )

    def loaded(self):
        """The same by number, once they were read, for other processes; None if not for them."""
        picklable = self.source.picklable
        return Loaded(self.source, self.load, self._numbers) if picklable else None


def load_rows(estimator, X, y, sample_weight):
    """Rows that count, in blocks that can be asked as often as needed, checked."""
    load = _load_chunks if is_dask(X) else _load_source if is_source(X) else _load_array
    rows = load(estimator, X, y, sample_weight)
    sides = rows.gather(_sides)
    _refuse_one_sided(sides)
    return rows.take([n > 0 for n, *_ in sides]) if is_dask(X) else rows


def each_block(estimator, X, *target):
    """Blocks of new rows, checked; one of X in memory.

    ``target`` is y and perhaps weights; without it there are no bounds.
    """
    y, sample_weight = (*target, None, None)[:2]
    if is_source(X):
        source = Source(X, sample_weight, y)
        source.check(estimator, reset=False)
        bounds = _bounds_of(estimator, y) if target else None
        for block in source:
            yield _read_block(bounds, block)
        return
    X = validate_data(estimator, X, dtype=FLOATS, reset=False)
    low, high = _bounds_of(estimator, y)(X, y) if target else (None, None)
    yield Responses(X, low, high, check_weights(sample_weight, X))


def map_blocks(estimator, compute, X, *y, width=None, numbered=False):
    """What ``compute`` makes of the rows of a Dask collection, lazily.

    It takes the estimator, as it is now, `Responses`, and the chunk's number if ``numbered``.
    """
    bounds = _bounds_of_chunks(estimator, *y) if y else None
    chunk = partial(_compute_chunk, copy(estimator), compute, bounds, numbered)
    return map_rows(estimator, chunk, X, *y, dtype=np.float64, width=width, numbered=True)


def score_blocks(estimator, X, sample_weight, y):
    """`score_rows` of a Dask collection with its responses."""
    _bounds_of_chunks(estimator, y)
    return score_rows(estimator, X, sample_weight, y=y)


def _load_array(estimator, X, y, sample_weight):
    X = validate_data(estimator, X, dtype=FLOATS)
    X = X.copy() if is_private(X) else X
    low, high = _bounds_of(estimator, y)(X, y)
    rows = _counted(Responses(X, low, high, check_weights(sample_weight, X)))
    n = len(rows.X)
    if n < 2 * BLOCK_ROWS:
        return LocalBlocks([rows])
    views = (slice(start, start + BLOCK_ROWS) for start in range(0, n, BLOCK_ROWS))
    return LocalBlocks([_part(rows, view) for view in views])


def _load_source(estimator, X, y, sample_weight):
    bounds, source = _bounds_of(estimator, y), Source(X, sample_weight, y)
    source.check(estimator, reset=True)
    return ResponseStream(source, partial(_load_block, bounds))


def _load_chunks(estimator, X, y, sample_weight):
    bounds = _bounds_of_chunks(estimator, y)
    X = as_dask_array(estimator, X, reset=True)
    return load_chunks(X, sample_weight, partial(_load_chunk, bounds), y)


# Blocks with their responses, here and on workers


def _bounds_of(estimator, y):
    """What gives bounds of the responses to rows of X, on the scale of the line."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )
    return partial(_bounds, estimator._distribution, estimator.left, estimator.right)


def _bounds_of_chunks(estimator, y):
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "names", None):
        raise ValueError(
            f"y must hold numbers where X is a Dask collection. Got fields {dtype.names}: whether "
            "they are events or bounds shows in all rows alone. Make it [lower, upper], infinite "
            "where it is open, as `censored_target` does of an array."
        )
    return _bounds_of(estimator, y)


def _bounds(distribution, left, right, X, y):
    low, high = load_target(y, left, right)
    check_consistent_length(X, low)
    return distribution.to_line(low, high)


def _read_block(bounds, block):
    """A block of a source, checked; an error names it."""
    of_y = f"That is in block {block.number} of y, whose row 0 is row {block.start}."
    fields = getattr(getattr(block.y, "dtype", None), "fields", None) or {}
    kinds = [dtype.kind for dtype, *_ in fields.values()]
    if kinds and kinds[0] in "iu":
        raise ValueError(
            f"The first of the fields {tuple(fields)} of y holds integers, and whether they are "
            "events or bounds shows in all rows alone. Make events bool, or bounds float."
        )
    return _read(bounds, block.X, block.sample_weight, block.y, block.where, of_y)


def _read(bounds, X, weights, y, where, where_y):
    X, weights = check_block(X, weights, where, ensure_all_finite=True)
    low = high = None if bounds is None else np.empty(0)
    if bounds is not None and len(X):
        with in_context(where_y):
            low, high = bounds(X, y)
    return Responses(X, low, high, weights)


def _load_block(bounds, block):
    return _counted(_read_block(bounds, block))


def _read_chunk(bounds, X, weights, where, y=None):
    """A chunk of a Dask collection, checked; an error names it."""
    return _read(bounds, X, weights, y, where, f"{where} Its first row is row 0 of y.")


def _load_chunk(bounds, X, weights, where, y):
    return _counted(_read_chunk(bounds, X, weights, where, y))


def _compute_chunk(estimator, compute, bounds, numbered, X, number, *y):
    rows = _read_chunk(bounds, X, None, f"That is in chunk {number} of X.", *y)
    return compute(estimator, rows, number) if numbered else compute(estimator, rows)


def _counted(rows):
    """The rows of positive weight with a response that may not lie anywhere."""
    X, low, high, weight = rows
    kept = np.isfinite(low) | np.isfinite(high)
    if weight is not None:
        kept &= weight > 0.0
    return rows if kept.all() else _part(rows, kept)


def _part(rows, chosen):
    return Responses(*(None if part is None else part[chosen] for part in rows))


# What cannot be had


def _sides(rows):
    """Number of rows, and whether all are open on the left, on the right."""
    return len(rows.X), bool(np.isinf(rows.low).all()), bool(np.isinf(rows.high).all())


def _refuse_one_sided(sides):
    """ValueError where there are no rows, or all are open on one side."""
    n, left, right = 0, True, True
    for n_here, left_here, right_here in sides:
        n, left, right = n + n_here, left and left_here, right and right_here
        if n and not (left or right):
            return
    if n == 0:
        raise ValueError(
            "Found array with 0 sample(s) (of positive weight, with a bound on the response) while "
            "a minimum of 1 is required."
        )
    raise ValueError(
        f"Every response is censored on the {'left' if left else 'right'}: the likelihood grows "
        "without bound as the line moves away. There must be exact responses, or bounds on the "
        "other side."
    )
