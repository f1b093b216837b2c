"""Rows that are among their like, from which a start of heavy-tailed components is drawn.

A start that sees outliers spends a component on them, and EM does not give it back.
"""

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["typical_rows"]

#: How far off a row is tells the neighbour of that number.
NEIGHBOUR = 8
#: A row is an outlier where that one is so many times as far off as is usual: of all rows, or of
#: its neighbours.
FARTHER, FARTHER_THAN_NEAR = 3.0, 2.0
#: Rows whose distances to all others are looked at together.
STEP = 256


def typical_rows(x: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of complete rows (n, d) are about as far from their neighbours as is usual.

    By the first answer as usual among all rows, which tells scattered outliers, but also a wide
    cluster beside narrow ones (Byers, S. & Raftery, A. E. (1998). Nearest-neighbor clutter removal
    for estimating features in spatial point processes. Journal of the American Statistical
    Association 93, 577-584); by the second among their neighbours, which knows clusters of any
    width, but not outliers beside outliers (Breunig, M. M., Kriegel, H.-P., Ng, R. T. & Sander, J.
    (2000). LOF: identifying density-based local outliers. ACM SIGMOD Record 29, 93-104). Equal rows
    count once.
    """
    rows, which = np.unique(x, axis=0, return_inverse=True)
    if len(rows) <= 2 * NEIGHBOUR:
        return np.ones(len(x), dtype=bool), np.ones(len(x), dtype=bool)
    low, middle, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, high - low, rows.std(axis=0))
    rows = (rows - middle) / np.where(spread > 0.0, spread, 1.0)
    near, reach = _neighbours(rows)
    among_all = reach <= FARTHER * np.median(reach)
    among_near = reach <= FARTHER_THAN_NEAR * np.median(reach[near], axis=1)
    return among_all[which.ravel()], among_near[which.ravel()]


def _neighbours(rows: Array) -> tuple[NDArray[np.intp], Array]:
    """Numbers of the nearest rows (n, NEIGHBOUR), and the distance of the farthest of them (n,)."""
    near = np.empty((len(rows), NEIGHBOUR), dtype=np.intp)
    reach = np.empty(len(rows))
    half = 0.5 * (rows**2).sum(axis=1)
    for start in range(0, len(rows), STEP):
        some = slice(start, start + STEP)
        squares = half - rows[some] @ rows.T  # half of the squared distance, but for a constant
        mine = np.arange(len(squares))
        squares[mine, mine + start] = np.inf
        near[some] = np.argpartition(squares, NEIGHBOUR - 1, axis=1)[:, :NEIGHBOUR]
        apart = rows[near[some]] - rows[some][:, None]
        reach[some] = np.sqrt((apart**2).sum(axis=2).max(axis=1))
    return near, reach
