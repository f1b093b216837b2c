"""The volume that noise fills: that of a box about the rows."""

from functools import partial
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.mixture.single_normal import pairwise_moments
from emkit.models.rows import Rows
from emkit.numerics.constants import EPS
from emkit.numerics.gaussian import Scaling, tile_rows

__all__ = ["log_hypervolume"]

#: Smallest eigenvalue of the correlations, in units of rounding, at which rows fill a volume.
FLAT = 100.0


def log_hypervolume(data: Any) -> float:
    r"""Logarithm of the volume of the smaller of two boxes about complete rows.

    .. math:: V = \min \Bigl( \prod_j \operatorname{range}_i x_{ij}, \;
                  \prod_j \operatorname{range}_i (x_i^\top u_j) \Bigr)

    with :math:`u_j` the principal components of the columns as they are: ``hypvol`` of R's mclust.
    Weights count rows, so that they may turn the principal components; the box of the columns they
    leave as it is. That one scales as the columns do, and so does V where it is the smaller one, or
    where all columns have one factor.

    Parameters
    ----------
    data : Rows or Blocks of them
        Of positive weight, at least two.

    Returns
    -------
    float
        In units of the rows as they are given; -inf where a column is constant. The principal
        components of rows that lie in a plane, as rows fewer than columns do, have no volume: it is
        the box of the columns then.

    References
    ----------
    Fraley, C. & Raftery, A. E. (2002). Model-based clustering, discriminant analysis, and density
    estimation. Journal of the American Statistical Association 97, 611-631.
    doi:10.1198/016214502760047131

    Examples
    --------
    Of a strip along the diagonal that box is the smaller one which is turned.

    >>> import numpy as np
    >>> from emkit.models.mixture.hypervolume import log_hypervolume
    >>> from emkit.models.rows import Rows
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [9.0, 10.0], [10.0, 9.0]])
    >>> round(float(np.exp(log_hypervolume(Rows(x)))), 9)
    18.0
    """
    units = data.scaling()
    if not (units.scale > 0.0).all():
        return -np.inf
    of_columns = _log_widths(data, units, np.eye(len(units.scale))) + np.log(units.scale).sum()
    pairwise = pairwise_moments(data, units)
    if np.linalg.eigvalsh(pairwise.correlation)[0] <= FLAT * len(units.scale) * EPS:
        return float(of_columns)
    # Principal components of the columns in one unit, the largest of theirs.
    unit = units.scale.max()
    relative = units.scale / unit
    axes = np.linalg.eigh(relative[:, None] * pairwise.covariance * relative)[1]
    own_units = Scaling(units.shift, np.full(len(relative), unit))
    of_axes = _log_widths(data, own_units, axes) + len(relative) * np.log(unit)
    return float(min(of_columns, of_axes))


def _log_widths(data: Any, units: Scaling, axes: Array) -> float:
    """Sum of the logarithms of how wide the rows are along axes (columns), in ``units``."""
    low, high = zip(*data.map(partial(_extremes, units, axes)), strict=True)
    with np.errstate(divide="ignore"):
        widths = np.log(np.max(high, axis=0) - np.min(low, axis=0))
    return float(widths.sum())


def _extremes(units: Scaling, axes: Array, rows: Rows) -> tuple[Array, Array]:
    """Least and largest value of a block of rows along axes."""
    d = len(axes)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    step = tile_rows(2 * d)
    for start in range(0, len(rows.X), step):
        X = rows.X[start : start + step]
        along = axes.T @ units.load(X, np.empty(X.shape[::-1]))
        np.minimum(low, along.min(axis=1), out=low)
        np.maximum(high, along.max(axis=1), out=high)
    return low, high
