"""Counts: a Poisson law for each column and class."""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine import tree
from emkit.models.columns import as_table
from emkit.models.emissions.checks import refuse, require_table
from emkit.models.emissions.emission import Emission
from emkit.models.emissions.partition import standardise
from emkit.numerics import poisson
from emkit.numerics.constants import EPS

__all__ = ["Poisson", "PoissonParams"]

#: A number this small stands in for 0, by which nothing can be divided.
TINY = 1e-300


class PoissonParams(NamedTuple):
    """Parameters of `Poisson`.

    Attributes
    ----------
    rates : ndarray of shape (n_classes, n_columns)
        Means of the counts.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.emissions.counts import PoissonParams
    >>> PoissonParams(np.array([[1.0], [5.0]])).rates.shape
    (2, 1)
    """

    rates: Array


class PoissonStats(NamedTuple):
    """Weight of the rows observed, and sum of their counts, in each class and column (K, d)."""

    exposure: Array
    events: Array


class Poisson(Emission):
    r"""Columns of counts, Poisson and independent of each other within a class.

    .. math:: \log p_k(x) = \sum_j \bigl( x_j \log \lambda_{kj} - \lambda_{kj} - \log x_j! \bigr)

    over the cells that are observed (not NaN). It is worked out by the deviance of the counts from
    the rates, so that it has all its digits at counts of any size.

    Parameters
    ----------
    n_classes : int
        Number of classes.

    Raises
    ------
    ValueError
        For an n_classes below 1.

    Examples
    --------
    Two kinds of days in the number of deaths of women over 80 in a newspaper's notices (Hasselblad
    1969): counts from 0 to 9, and how many days had them.

    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models import Columns, LatentClasses, Poisson
    >>> days = np.array([162.0, 267, 271, 185, 111, 61, 27, 8, 3, 1])
    >>> data = Columns(np.arange(10), sample_weight=days)
    >>> result = fit_em(LatentClasses(Poisson(2)), data, random_state=0, tol=1e-10)
    >>> np.sort(result.params.emission.rates.ravel()).round(2)
    array([1.26, 2.66])
    """

    def check(self, columns: Array) -> None:
        x = require_table(columns)
        refuse(x, x < 0, "must be counts, 0 or more", "Set it to NaN if it is missing.")

    def log_density(self, columns: Array, bound: PoissonParams) -> Array:
        x, observed = _load(columns)
        log_density = np.zeros((self.n_classes, len(x)))
        for j, rates in enumerate(bound.rates.T):
            of_column = _log_density(x[:, j], rates[:, None])
            log_density += of_column if observed is None else of_column * observed[:, j]
        return log_density

    def statistics(self, columns: Array, resp: Array, bound: PoissonParams) -> PoissonStats:
        x, observed = _load(columns)
        n = np.repeat(resp.sum(axis=1)[:, None], x.shape[1], axis=1)
        return PoissonStats(n if observed is None else resp @ observed, resp @ x)

    def m_step(self, stats: PoissonStats, params: PoissonParams) -> PoissonParams:
        seen = stats.exposure > EPS * stats.exposure.sum(axis=0)
        rates = stats.events / np.where(seen, stats.exposure, 1.0)
        return PoissonParams(np.where(seen, rates, params.rates))

    def start(self, columns: Array, resp: Array) -> PoissonParams:
        exposure, events = self.statistics(columns, resp, None)  # type: ignore[arg-type]
        pooled = events.sum(axis=0) / np.maximum(exposure.sum(axis=0), TINY)
        everywhere = PoissonParams(np.repeat(pooled[None], self.n_classes, axis=0))
        return self.m_step(PoissonStats(exposure, events), everywhere)

    def embed(self, columns: Array) -> Array:
        return standardise(np.sqrt(as_table(columns)))  # with variance about 1/4 for any mean

    def is_feasible(self, params: PoissonParams) -> bool:
        return tree.all_finite(params) and bool((params.rates >= 0.0).all())

    def complete_score(self, stats: PoissonStats, params: PoissonParams) -> PoissonParams:
        return PoissonParams(stats.events / np.maximum(params.rates, TINY) - stats.exposure)


def _load(columns: Array) -> tuple[Array, Array | None]:
    """Counts (n, d), 0 where they are missing, and 1 where they are observed; None for all."""
    x = as_table(columns).astype(float, copy=False)
    missing = np.isnan(x)
    if not missing.any():
        return x, None
    return np.where(missing, 0.0, x), (~missing).astype(float)


def _log_density(x: Array, rates: Array) -> Array:
    """Log-probability of counts (n,) at each rate (K, 1)."""
    levels = int(x.max(initial=0.0)) + 1
    if levels < len(x):  # of each count once, rather than of each row
        whole = x.astype(np.intp)
        if (whole == x).all():
            return np.take(_log_density(np.arange(float(levels)), rates), whole, axis=1)
    return poisson.saturated(x) - poisson.deviance(x, rates)
