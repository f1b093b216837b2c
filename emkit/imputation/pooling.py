"""pool_estimates: one answer from analyses of multiply imputed tables."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from emkit._typing import Array
from emkit.data.numbers import argument_of
from emkit.imputation.named import Names, as_array, by_name, stacked
from emkit.imputation.wald import WaldTest, wald_test

__all__ = ["PooledEstimate", "pool_estimates"]

#: Share of the variance through missing data below which, as in R's mice, it counts as so much.
LEAST_SHARE = 1e-4
#: Rounding of a correlation, or of an eigenvalue of correlations.
ROUNDING = 1e-8


class _Fields(NamedTuple):
    estimate: Any
    std_error: Any
    df: Any
    variance: Any
    within: Any
    between: Any
    relative_increase: Any
    fraction_missing: Any


class PooledEstimate(_Fields):
    """Estimates combined by Rubin's rules; a named tuple.

    Every field has the shape, and the names, of one estimate; ``variance``, ``within`` and
    ``between`` are covariance matrices where such were given.

    Attributes
    ----------
    estimate : ndarray, Series, DataFrame or dict
        Mean of the estimates.
    std_error : ndarray, Series, DataFrame or dict
        Square root of the variances.
    df : ndarray, Series, DataFrame or dict
        Degrees of freedom of the t distribution.
    variance : ndarray, Series, DataFrame or dict
        Total variance, W + (1 + 1/m) B.
    within : ndarray, Series, DataFrame or dict
        Mean W of the variances.
    between : ndarray, Series, DataFrame or dict
        Variance B of the estimates.
    relative_increase : ndarray, Series, DataFrame or dict
        That of the variance through missing data, (1 + 1/m) B / W.
    fraction_missing : ndarray, Series, DataFrame or dict
        Share of the information that is missing.
    n_tables : int
        Tables m that were analysed; not in the tuple.
    df_complete : float
        Degrees of freedom were nothing missing; not in the tuple.

    Examples
    --------
    >>> from emkit import pool_estimates
    >>> pooled = pool_estimates([1.0, 1.2, 1.1], [0.04, 0.05, 0.03])
    >>> pooled.estimate.round(2), pooled.variance.round(3)
    (np.float64(1.1), np.float64(0.053))
    """

    n_tables: int
    df_complete: float
    _names: Names

    def confidence_interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """Lower and upper bounds, from the t distribution with ``df`` degrees of freedom.

        Parameters
        ----------
        level : float, default=0.95
            Probability of covering, in (0, 1).

        Returns
        -------
        lower, upper : ndarray, Series, DataFrame or dict
            Bounds, as ``estimate``.

        Raises
        ------
        ValueError
            For a level that is none.
        """
        if not isinstance(level, Real) or not 0.0 < level < 1.0:
            raise ValueError(f"level must lie between 0 and 1. Got {level!r}.")
        estimate, error, df = map(as_array, (self.estimate, self.std_error, self.df))
        # With no degree of freedom anything may be true.
        some = np.where(df > 0.0, df, 1.0)
        half = np.where(df > 0.0, stdtrit(some, 0.5 + 0.5 * level), np.inf) * error
        wrap = self._names.wrap
        return wrap(estimate - half), wrap(estimate + half)

    def wald_test(self, which: Any = None, value: Any = 0.0) -> WaldTest:
        r"""Test whether several estimates are ``value`` together (D1 of Li and others).

        .. math:: D = \frac{(\bar q - q_0)^\top W^{-1} (\bar q - q_0)}{k (1 + r)}, \qquad
                  r = \Bigl(1 + \frac1m\Bigr) \frac{\operatorname{tr}(B W^{-1})}{k},

        with F on k and :math:`\nu` degrees of freedom: those of Li, Raghunathan & Rubin, or, with
        ``df_complete`` and k (m - 1) above 4, of Reiter for small samples, as in R's mice.

        Parameters
        ----------
        which : list of names or of positions, or one of them, default=None
            The k estimates that are tested; None is all.
        value : float, array-like of shape (k,), Series or dict, default=0.0
            What they are under the hypothesis: by name, or in the order of ``which``.

        Returns
        -------
        test : WaldTest
            ``statistic``, ``df_num``, ``df_denom``, ``p_value``, ``relative_increase``.

        Raises
        ------
        ValueError
            Where variances were pooled and not covariance matrices, for names or positions that
            are none, and where the covariance of the estimates is singular.

        References
        ----------
        Li, K. H., Raghunathan, T. E. & Rubin, D. B. (1991). Large-sample significance levels from
        multiply imputed data using moment-based statistics and an F reference distribution.
        Journal of the American Statistical Association 86, 1065-1073. doi:10.2307/2290525

        Reiter, J. P. (2007). Small-sample degrees of freedom for multi-component significance
        tests with multiple imputation for missing data. Biometrika 94, 502-508.
        doi:10.1093/biomet/asm028

        Examples
        --------
        >>> from emkit import pool_estimates
        >>> slopes = [[1.0, 2.1], [1.2, 1.8], [0.9, 2.0]]
        >>> covariance = [[0.5, 0.1], [0.1, 0.4]]
        >>> test = pool_estimates(slopes, [covariance] * 3).wald_test()
        >>> round(float(test.statistic), 2), test.df_num, round(float(test.p_value), 4)
        (4.73, 2, 0.0092)
        """
        estimate, within, between = map(as_array, (self.estimate, self.within, self.between))
        if within.shape != 2 * estimate.shape or estimate.ndim != 1:
            raise ValueError(
                "A joint test needs covariances of the estimates, and variances were pooled alone. "
                "Give pool_estimates a covariance matrix of every table as variances."
            )
        axes = self._names.axes
        labels = axes[0] if axes else list(range(len(estimate)))
        chosen = _chosen(which, labels)
        at = [labels.index(label) for label in chosen]
        apart = estimate[at] - by_name(value, chosen, "value")
        block = np.ix_(at, at)
        return wald_test(apart, within[block], between[block], self.n_tables, self.df_complete)


def pool_estimates(
    estimates: Any, variances: Any, *, df_complete: float | None = None
) -> PooledEstimate:
    r"""Combine estimates from m completed tables by Rubin's rules.

    .. math:: \bar q = \frac1m \sum_l q_l, \qquad T = W + \Bigl(1 + \frac1m\Bigr) B, \qquad
              W = \frac1m \sum_l u_l, \qquad
              B = \frac1{m-1} \sum_l (q_l - \bar q)(q_l - \bar q)^\top,

    where B is of each number alone (squares in place of the product) if the u are variances.

    Parameters
    ----------
    estimates : array-like of shape (m,) or (m, ...), or list of m Series, DataFrames or dicts
        The estimate q of each table, a number or an array of them. What has names is put together
        by them, whatever their order, and keeps them. The rows of a DataFrame are tables.
    variances : the same, or array-like of shape (m, k, k), or list of m DataFrames
        Their squared standard errors u, as ``estimates``; or, for estimates of k numbers each,
        their covariance matrices.
    df_complete : float, default=None
        Degrees of freedom that the analysis would have were nothing missing (rows less
        coefficients in a regression), for the small-sample degrees of freedom of Barnard & Rubin.
        None means infinitely many.

    Returns
    -------
    pooled : PooledEstimate
        ``estimate``, ``std_error``, ``df`` and what they are made of; ``confidence_interval()``
        and, of covariance matrices, ``wald_test()``.

    Raises
    ------
    ValueError
        For fewer than two tables, shapes that differ, names that differ between the tables,
        variances that are negative, matrices that are no covariances, values that are not finite,
        or ``df_complete`` that is not positive.
    TypeError
        For a dict in place of a list of tables.

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

    By name:

    >>> variances = [{"x": 1.0, "y": 2.0}] * 2
    >>> pool_estimates([{"x": 1.0, "y": 10.0}, {"y": 11.0, "x": 2.0}], variances).estimate
    {'x': 1.5, 'y': 10.5}
    """
    q, names = _check(estimates, "estimates")
    u, _ = _check(variances, "variances", names)
    matrices = q.ndim == 2 and u.shape == (*q.shape, q.shape[1])
    if q.shape != u.shape and not matrices:
        raise ValueError(
            "variances should be covariance matrices of the estimates, or of the same shape. Got "
            f"{q.shape} and {u.shape}."
        )
    _check_variances(u, matrices)
    if isinstance(df_complete, np.ndarray):
        df_complete = argument_of(df_complete, "df_complete")[()]
    if df_complete is not None and not (_is_number(df_complete) and df_complete > 0.0):
        raise ValueError(f"df_complete should be positive. Got {df_complete!r}.")
    complete = np.inf if df_complete is None else float(df_complete)
    m = len(q)
    with np.errstate(over="ignore", invalid="ignore"):
        estimate, within = q.mean(axis=0), u.mean(axis=0)
        apart = q - estimate
        between = apart.T @ apart / (m - 1.0) if matrices else (apart**2).sum(axis=0) / (m - 1.0)
        total = within + (1.0 + 1.0 / m) * between
    if not np.isfinite(total).all():
        raise ValueError(
            "The variance of the pooled estimates leaves the range of doubles. Divide estimates by "
            "a unit, and their variances by its square."
        )
    u, b = (np.diag(within), np.diag(between)) if matrices else (within, between)
    variance, df, increase, fraction = _of_each(u, b, m, complete)
    spread = names.wrap_matrix if matrices else names.wrap
    pooled = PooledEstimate(
        *map(names.wrap, (estimate, np.sqrt(variance), df)),
        *map(spread, (total, within, between)),
        *map(names.wrap, (increase, fraction)),
    )
    pooled.n_tables, pooled.df_complete, pooled._names = m, complete, names
    return pooled


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _chosen(which: Any, labels: list) -> list:
    """Names, or positions, of the estimates to be tested."""
    if which is None:
        return list(labels)
    chosen: list[Any] = [which] if isinstance(which, str | Integral) else list(which)
    masks = [label for label in chosen if isinstance(label, bool | np.bool_)]
    strange = masks or [label for label in chosen if label not in labels]
    if strange or not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"which should be some of {labels}, each once. Got {chosen}"
            + (f": {strange} are none." if strange else ".")
        )
    return chosen


def _of_each(
    within: Array, between: Array, m: int, df_complete: float
) -> tuple[Array, Array, Array, Array]:
    """Total variance, degrees of freedom, relative increase, fraction missing; number by number."""
    added = (1.0 + 1.0 / m) * between
    total = within + added
    with np.errstate(divide="ignore", invalid="ignore"):
        increase = np.where(added > 0.0, added / within, 0.0)
        share = np.where(added > 0.0, added / total, 0.0)
        share_at_least = np.maximum(share, LEAST_SHARE)
        df = (m - 1.0) / share_at_least**2
        if np.isfinite(df_complete):
            complete = (df_complete + 1.0) / (df_complete + 3.0) * df_complete
            observed = complete * (1.0 - share_at_least)
            df = 1.0 / (1.0 / df + 1.0 / observed)
        # (r + 2 / (df + 3)) / (r + 1) for the relative increase r, which may be infinite
        fraction = share + 2.0 / (df + 3.0) * (1.0 - share)
    return total, df, increase, fraction


def _check(given: Any, argument: str, names: Names | None = None) -> tuple[Array, Names]:
    values, own = stacked(given, argument, names)
    if values.ndim == 0 or len(values) < 2:
        raise ValueError(
            f"{argument} should hold one entry for each of two or more tables. Got shape "
            f"{values.shape}: the spread between tables cannot be told from fewer."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{argument} should be finite. Some analysis of a table has failed.")
    return values, own


def _check_variances(u: Array, matrices: bool) -> None:
    """ValueError where variances are negative or matrices no covariances."""
    each = np.diagonal(u, axis1=1, axis2=2) if matrices else u
    if (each < 0.0).any():
        raise ValueError(
            f"variances should not be negative. Got {each.min()}. They are squared standard errors."
        )
    if not matrices:
        return
    deviations = np.sqrt(np.where(each > 0.0, each, 1.0))
    correlations = u / (deviations[:, :, None] * deviations[:, None, :])
    for t, correlation in enumerate(correlations):
        lopsided = np.abs(correlation - correlation.T).max(initial=0.0) > ROUNDING
        least = np.linalg.eigvalsh(correlation).min(initial=0.0)
        if lopsided or least < -ROUNDING * len(correlation):
            raise ValueError(
                f"variances of table {t} are no covariance matrix: "
                f"{'not symmetric' if lopsided else 'some combination has a negative variance'}. "
                "Give the covariances of the estimates, such as cov_params() of statsmodels."
            )
