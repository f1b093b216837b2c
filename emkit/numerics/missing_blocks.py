"""Missing cells of many rows: which they are, and the blocks of a precision that belong to them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics import triangular
from emkit.numerics.gaussian import rows_that_count
from emkit.numerics.patterns import columns_of

__all__ = [
    "Completed",
    "Missing",
    "block_factors",
    "block_inverses",
    "expected_spread",
    "find_missing",
    "gather",
    "log_det_of",
    "sum_of_blocks",
]

#: Columns that are missing in each row, as in `Completed`, and how many there are with padding.
Missing = tuple[NDArray[np.intp], int]


class Completed(NamedTuple):
    """A tile of rows completed under each component."""

    #: (m, n) columns that are missing, ascending, or (m, 1) where all rows miss the same. Padding
    #: columns d, d + 1, ... fill up rows that miss fewer than m.
    missing: NDArray[np.intp]
    centred: list[Array]  #: for each component (d, n), x - mean with conditional means filled in
    factors: list[Array]  #: Cholesky factors of P_mm (m, m, n or 1); one if components share P
    copies: int = 1  #: times that what is missing stands there: once more for so many rows each

    def factor(self, k: int) -> Array:
        """That of component k."""
        return self.factors[min(k, len(self.factors) - 1)]


def find_missing(rows: Array) -> Missing:
    """What is missing in each of the rows (n, d), as in `Completed`, and d with what makes up."""
    missing, width = columns_of(np.isnan(rows))
    return missing[:, :1] if (missing == missing[:, :1]).all() else missing, width


def log_det_of(factor: Array) -> Array:
    """log|L| of Cholesky factors L (m, m, n)."""
    pivots = np.einsum("iin->in", factor)
    # Logarithms of products of eight, which do not overflow: a logarithm is dear.
    eights = np.multiply.reduceat(pivots, np.arange(0, len(pivots), 8), axis=0)
    return np.log(eights).sum(axis=0)


def gather(precision: Array, missing: NDArray[np.intp], out: Array | None = None) -> Array:
    """Lower triangles of P_mm, (m, m, n)."""
    m, n = missing.shape
    out = np.empty((m, m, n)) if out is None else out
    flat = precision.ravel()
    starts = missing * len(precision)
    for i in range(m):
        np.take(flat, starts[i] + missing[: i + 1], out=out[i, : i + 1], mode="clip")
    return out


def block_factors(
    precision: Array, root: Array, missing: NDArray[np.intp], out: Array | None = None
) -> Array:
    """Cholesky factors (m, m, n) of P_mm, of a precision P = W'W with a root W.

    LinAlgError where P itself is singular. Where rounding hides that a block is positive definite,
    its factor is that of the columns of W, whose condition is the root of the block's.
    """
    try:
        return triangular.cholesky(gather(precision, missing, out))
    except np.linalg.LinAlgError:
        upper = np.linalg.qr(np.moveaxis(root[:, missing], 2, 0), mode="r")
    pivots = np.einsum("nii->ni", upper)
    if not np.abs(pivots).min() > 0.0:
        raise np.linalg.LinAlgError("a matrix is not positive definite")
    return np.ascontiguousarray((upper * np.sign(pivots)[:, :, None]).transpose(2, 1, 0))


def block_inverses(
    precision: Array, root: Array, missing: NDArray[np.intp], out: Array | None = None
) -> tuple[Array, Array]:
    """Inverses (m, m, n) of P_mm as in `block_factors`, and half the logarithms of |P_mm| (n,)."""
    factor = block_factors(precision, root, missing, out)
    log_dets = log_det_of(factor)
    return triangular.symmetric(triangular.inverse(factor, overwrite=True)), log_dets


def expected_spread(
    missing: NDArray[np.intp], factor: Array, r: Array, floor: float, d: int
) -> Array:
    """Sum (d, d) of the conditional covariances of rows with weights r."""
    if missing.shape[1] == 1:
        r = r.sum(keepdims=True)
    else:
        mine = rows_that_count(r, floor)
        if mine is not None:
            missing, factor, r = missing[:, mine], factor[:, :, mine], r[mine]
    return sum_of_blocks(missing, triangular.inverse(factor), r, d)


def sum_of_blocks(missing: NDArray[np.intp], blocks: Array, weights: Array, d: int) -> Array:
    """Weighted sum (d, d) of symmetric blocks (m, m, n), each at the columns that are missing."""
    width = max(int(missing.max(initial=0)) + 1, d)
    total = np.zeros(width * width)
    starts = missing * width
    for i in range(len(missing)):
        cells = (starts[i] + missing[: i + 1]).ravel()
        values = (blocks[i, : i + 1] * weights).ravel()
        total += np.bincount(cells, values, minlength=width * width)
    lower = total.reshape(width, width)[:d, :d]
    return lower + np.tril(lower, -1).T
