"""One test of several pooled estimates together."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, fdtrc

from emkit._typing import Array

__all__ = ["WaldTest", "wald_test"]

#: Smallest eigenvalue of correlations that are no longer taken for singular.
SINGULAR = 1e-12


class WaldTest(NamedTuple):
    """A joint test of estimates that were pooled.

    Attributes
    ----------
    statistic : float
        D, of an F distribution under the hypothesis.
    df_num : int
        Estimates that are tested.
    df_denom : float
        Degrees of freedom of the denominator.
    p_value : float
        Probability of a statistic as large under the hypothesis.
    relative_increase : float
        That of the variance through missing data, on average over the estimates.

    Examples
    --------
    >>> from emkit import pool_estimates
    >>> pooled = pool_estimates([[1.0], [1.2]], [[[0.1]], [[0.2]]])
    >>> pooled.wald_test(value=1.1).p_value
    1.0
    """

    statistic: float
    df_num: int
    df_denom: float
    p_value: float
    relative_increase: float


def wald_test(
    apart: Array, within: Array, between: Array, n_tables: int, df_complete: float
) -> WaldTest:
    """Test of estimates that lie ``apart`` from the hypothesis; W and B are matrices."""
    k, deviations = len(apart), np.sqrt(np.diag(within))
    scale = np.where(deviations > 0.0, deviations, 1.0)
    unit = np.outer(scale, scale)
    correlation = within / unit
    if np.linalg.eigvalsh(correlation)[0] < SINGULAR:
        raise ValueError(
            "The covariance of the estimates is singular: some combination of them has no "
            "variance. Test fewer of them, without those that follow from the others."
        )
    z = apart / scale
    ratio = float(np.trace(np.linalg.solve(correlation, between / unit)))
    increase = (1.0 + 1.0 / n_tables) * ratio / k
    statistic = float(z @ np.linalg.solve(correlation, z)) / (k * (1.0 + increase))
    df = _df(increase, k, n_tables, df_complete)
    p = fdtrc(k, df, statistic) if np.isfinite(df) else chdtrc(k, k * statistic)
    return WaldTest(statistic, k, df, float(p), increase)


def _df(r: float, k: int, n_tables: int, df_complete: float) -> float:
    """Degrees of freedom of the denominator, at an average relative increase r."""
    t = k * (n_tables - 1)
    large = _df_of_li(r, k, t) if r > 0.0 else np.inf
    if not np.isfinite(df_complete):
        return large
    complete = (df_complete + 1.0) / (df_complete + 3.0) * df_complete
    if t <= 4:
        return min(large, complete)
    a = r * t / (t - 2.0)
    # Where these few rows leave no finite moments, that of Reiter has come down to 4.
    return _df_of_reiter(a, t, complete) if complete > 4.0 * (1.0 + a) else min(4.0, complete)


def _df_of_li(r: float, k: int, t: int) -> float:
    """Degrees of freedom of Li, Raghunathan & Rubin (1991), for large samples."""
    if t > 4:
        return 4.0 + (t - 4.0) * (1.0 + (1.0 - 2.0 / t) / r) ** 2
    return 0.5 * t * (1.0 + 1.0 / k) * (1.0 + 1.0 / r) ** 2


def _df_of_reiter(a: float, t: int, complete: float) -> float:
    """Degrees of freedom of Reiter (2007), for small samples."""
    e, c1, c2 = 1.0 + a, complete - 2.0 * (1.0 + a), complete - 4.0 * (1.0 + a)
    z = a**2 * c1 / (e**2 * c2) + 8.0 * a**2 * c1 / (e * c2**2) + 4.0 * a**2 / (e * c2)
    z += 4.0 * a**2 / (c2 * c1) + 16.0 * a**2 * c1 / c2**3 + 8.0 * a**2 / c2**2
    return 4.0 + 1.0 / (1.0 / c2 + z / (t - 4.0))
