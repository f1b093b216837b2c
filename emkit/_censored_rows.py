"""Rows of a censored regression, in memory or read block by block, and what the engine gets."""

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from emkit._censored_target import load_target
from emkit._estimator import FLOATS, check_weights, is_private
from emkit._sources import Source, check_block, is_source, telling
from emkit.engine import Blocks
from emkit.models.censored_data import ResidualBlocks, Responses, thinned
from emkit.models.rows import BLOCK_ROWS

__all__ = ["data_of", "each_block", "load_rows", "sample_of"]

#: Rows that a start looks at: a tenth of them, within this range.
THIN = 2000, 4000


def load_rows(estimator, X, y, sample_weight):
    """Rows that count, in blocks that can be read as often as needed, checked."""
    if is_source(X):
        _require_target(estimator, y)
        source = _source_of(estimator, X, y, sample_weight, reset=True)
        rows = ResponseStream(source, lambda block: _counted(_load_block(estimator, block)))
    else:
        X = validate_data(estimator, X, dtype=FLOATS)
        X = X.copy() if is_private(X) else X
        low, high = _bounds(estimator, X, y)
        rows = _in_views(_counted(Responses(X, low, high, check_weights(sample_weight, X))))
    _refuse_one_sided(rows)
    return rows


def each_block(estimator, X, *target):
    """Blocks of new rows, checked; one of X in memory.

    ``target`` is y and perhaps weights; without it there are no bounds.
    """
    y, sample_weight = (*target, None, None)[:2]
    if is_source(X):
        if target:
            _require_target(estimator, y)
        for block in _source_of(estimator, X, y, sample_weight, reset=False):
            yield _load_block(estimator, block, bool(target))
        return
    X = validate_data(estimator, X, dtype=FLOATS, reset=False)
    low, high = _bounds(estimator, X, y) if target else (None, None)
    yield Responses(X, low, high, check_weights(sample_weight, X))


def _require_target(estimator, y):
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )


def _bounds(estimator, X, y):
    """Bounds of the responses on the scale of the line, one for each row of X."""
    _require_target(estimator, y)
    low, high = load_target(y, estimator.left, estimator.right)
    check_consistent_length(X, low)
    return estimator._distribution.to_line(low, high)


def _source_of(estimator, X, y, sample_weight, *, reset):
    source = Source(X, sample_weight, y)
    source.check(estimator, reset=reset)
    return source


def _load_block(estimator, block, with_y=True):
    X, weight = check_block(block.X, block.sample_weight, block.where, ensure_all_finite=True)
    low = high = np.empty(0) if with_y else None
    if with_y and len(X):
        with telling(f"That is in block {block.number} of y, whose row 0 is row {block.start}."):
            low, high = _bounds(estimator, X, block.y)
    return Responses(X, low, high, weight)


def _counted(rows):
    """The rows of positive weight with a response that may not lie anywhere."""
    X, low, high, weight = rows
    counted = np.isfinite(low) | np.isfinite(high)
    if weight is not None:
        counted &= weight > 0.0
    if counted.all():
        return rows
    return Responses(*(None if part is None else part[counted] for part in rows))


def _in_views(rows):
    """Rows in memory in blocks, where there are enough of them."""
    n = len(rows.X)
    if n < 2 * BLOCK_ROWS:
        return [rows]
    blocks = (slice(start, start + BLOCK_ROWS) for start in range(0, n, BLOCK_ROWS))
    return [Responses(*(None if part is None else part[b] for part in rows)) for b in blocks]


def _refuse_one_sided(rows):
    """ValueError where there are no rows, or all are open on one side."""
    n, sides = 0, ["left", "right"]
    for block in rows:
        n += len(block.X)
        bounds = {"left": block.low, "right": block.high}
        sides = [side for side in sides if np.isinf(bounds[side]).all()]
        if n and not sides:
            return
    if n == 0:
        raise ValueError(
            "Found array with 0 sample(s) (of positive weight, with a bound on the response) while "
            "a minimum of 1 is required."
        )
    raise ValueError(
        f"Every response is censored on the {sides[0]}: the likelihood grows without bound as the "
        "line moves away. There must be exact responses, or bounds on the other side."
    )


class ResponseStream:
    """Rows of a source that count, read whenever they are iterated.

    Parameters
    ----------
    source : Source
        What is read.
    load : callable
        From a `Block` to the `Responses` of it that count, checked.
    """

    def __init__(self, source, load):
        self.source, self.load = source, load
        self._n = None

    def __iter__(self):
        n = 0
        for block in self.source:
            rows = self.load(block)
            if len(rows.X):
                n += len(rows.X)
                yield rows
        if self._n is None:
            self._n = n
        if n != self._n:
            raise ValueError(
                f"X gave {n} rows that count, and {self._n} when it was first read. X, y and "
                "sample_weight must be the same at every pass."
            )


class WorkedOut(Blocks):
    """Residuals that are worked out for every E-step."""

    def outlines(self):
        # What the engine asks of them does not depend on the rows: no pass is spent on it.
        return iter((self.whole,))


class ResidualStream(WorkedOut):
    """Residuals of the rows of a source, read for every E-step too."""

    stays = True

    def __init__(self, rows, prepared):
        super().__init__(rows)
        self._prepared = prepared

    def __iter__(self):
        for i, rows in enumerate(self._blocks):
            yield self._prepared.residuals(rows, with_sums=i == 0)


def data_of(rows, prepared):
    """What the engine works on: one block of residuals or several, kept or worked out anew."""
    if isinstance(rows, ResponseStream):
        return ResidualStream(rows, prepared)
    if len(rows) == 1:
        return prepared.residuals(rows[0])
    # Kept, those of rows in single precision would take twice the memory of X.
    kept = rows[0].X.dtype == np.float64
    blocks = ResidualBlocks(rows, prepared)
    return Blocks(list(blocks)) if kept else WorkedOut(blocks)


def sample_of(data, n_rows):
    """Some rows of the data, and how many of them all each stands for."""
    every = max(n_rows // int(np.clip(n_rows // 10, *THIN)), 1)
    sample = thinned(data if isinstance(data, Blocks) else [data], every)
    if isinstance(data, Blocks):
        data.whole = sample  # where a search draws starts
    return sample, every
