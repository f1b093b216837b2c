"""pool_estimates: one answer from analyses of multiply imputed tables."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

__all__ = ["PooledEstimate", "pool_estimates"]

#: Share of the variance through missing data below which, as in R's mice, it counts as so much.
LEAST_SHARE = 1e-4


class PooledEstimate(NamedTuple):
    """Estimates combined by Rubin's rules; every field has the shape of one estimate.

    Attributes
    ----------
    estimate : ndarray
        Mean of the estimates.
    std_error : ndarray
        Square root of ``variance``.
    df : ndarray
        Degrees of freedom of the t distribution.
    variance : ndarray
        Total variance, W + (1 + 1/m) B.
    within : ndarray
        Mean W of the variances.
    between : ndarray
        Variance B of the estimates.
    relative_increase : ndarray
        That of the variance through missing data, (1 + 1/m) B / W.
    fraction_missing : ndarray
        Share of the information that is missing.

    Examples
    --------
    >>> from emkit import pool_estimates
    >>> pooled = pool_estimates([1.0, 1.2, 1.1], [0.04, 0.05, 0.03])
    >>> pooled.estimate.round(2), pooled.variance.round(3)
    (np.float64(1.1), np.float64(0.053))
    """

    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    variance: np.ndarray
    within: np.ndarray
    between: np.ndarray
    relative_increase: np.ndarray
    fraction_missing: np.ndarray

    def confidence_interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds, from the t distribution with ``df`` degrees of freedom.

        Parameters
        ----------
        level : float, default=0.95
            Probability of covering, in (0, 1).

        Returns
        -------
        lower, upper : ndarray
            Bounds, of the shape of ``estimate``.

        Raises
        ------
        ValueError
            For a level that is none.
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must lie between 0 and 1. Got {level!r}.")
        # With no degree of freedom anything may be true.
        some = np.where(self.df > 0.0, self.df, 1.0)
        half = np.where(self.df > 0.0, stdtrit(some, 0.5 + 0.5 * level), np.inf) * self.std_error
        return self.estimate - half, self.estimate + half


def pool_estimates(
    estimates: Any, variances: Any, *, df_complete: float | None = None
) -> PooledEstimate:
    r"""Combine estimates from m completed tables by Rubin's rules.

    .. math:: \bar q = \frac1m \sum_l q_l, \qquad
              T = \frac1m \sum_l u_l + \Bigl(1 + \frac1m\Bigr) \frac1{m-1} \sum_l (q_l - \bar q)^2.

    Parameters
    ----------
    estimates : array-like of shape (m,) or (m, ...)
        The estimate q of each table, a number or an array of them.
    variances : array-like, same shape
        Their squared standard errors u.
    df_complete : float, default=None
        Degrees of freedom that the analysis would have were nothing missing (rows less
        coefficients in a regression), for the small-sample degrees of freedom of Barnard & Rubin.
        None means infinitely many.

    Returns
    -------
    pooled : PooledEstimate
        ``estimate``, ``std_error``, ``df`` and what they are made of.

    Raises
    ------
    ValueError
        For fewer than two tables, shapes that differ, variances that are negative, values that
        are not finite, or ``df_complete`` that is not positive.

    References
    ----------
    Rubin, D. B. (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.
    doi:10.1002/9780470316696

    Barnard, J. & Rubin, D. B. (1999). Small-sample degrees of freedom with multiple imputation.
    Biometrika 86, 948-955. doi:10.1093/biomet/86.4.948

    Examples
    --------
    >>> from emkit import pool_estimates
    >>> pooled = pool_estimates([0.51, 0.73, 0.62], [0.04, 0.05, 0.045], df_complete=23)
    >>> round(float(pooled.estimate), 3), round(float(pooled.std_error), 3)
    (0.62, 0.247)
    >>> round(float(pooled.df), 2)
    10.12
    """
    estimates, variances = _check(estimates, "estimates"), _check(variances, "variances")
    if estimates.shape != variances.shape:
        raise ValueError(
            "estimates and variances should have the same shape. Got "
            f"{estimates.shape} and {variances.shape}."
        )
    if (variances < 0.0).any():
        raise ValueError(
            f"variances should not be negative. Got {variances.min()!r}. They are squared "
            "standard errors."
        )
    if df_complete is not None and not df_complete > 0.0:
        raise ValueError(f"df_complete should be positive. Got {df_complete!r}.")
    m = len(estimates)
    estimate, within = estimates.mean(axis=0), variances.mean(axis=0)
    between = estimates.var(axis=0, ddof=1)
    added = (1.0 + 1.0 / m) * between
    total = within + added
    with np.errstate(divide="ignore", invalid="ignore"):
        increase = np.where(added > 0.0, added / within, 0.0)
        share = np.where(added > 0.0, added / total, 0.0)
        counted = np.maximum(share, LEAST_SHARE)
        df = (m - 1.0) / counted**2
        if df_complete is not None and np.isfinite(df_complete):
            observed = (df_complete + 1.0) / (df_complete + 3.0) * df_complete * (1.0 - counted)
            df = 1.0 / (1.0 / df + 1.0 / observed)
        # (r + 2 / (df + 3)) / (r + 1) for the relative increase r, which may be infinite
        fraction = share + 2.0 / (df + 3.0) * (1.0 - share)
    return PooledEstimate(estimate, np.sqrt(total), df, total, within, between, increase, fraction)


def _check(values: Any, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(
            f"{name} should hold one entry for each of two or more tables. Got shape "
            f"{values.shape}: the spread between tables cannot be told from fewer."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{name} should be finite. Some analysis of a table has failed.")
    return values
