"""Categories: a table of probabilities for each column and class."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import tree
from emkit.exceptions import DataError
from emkit.models.columns import as_table
from emkit.models.emissions.checks import refuse, require_table
from emkit.models.emissions.emission import Emission
from emkit.numerics.constants import EPS

__all__ = ["Categorical", "CategoricalParams"]


class CategoricalParams(NamedTuple):
    """Parameters of `Categorical`.

    Attributes
    ----------
    probabilities : ndarray of shape (n_classes, sum of n_levels)
        The tables of all columns, side by side.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.emissions.categorical import CategoricalParams
    >>> CategoricalParams(np.array([[0.1, 0.9], [0.5, 0.5]])).probabilities.shape
    (2, 2)
    """

    probabilities: Array


class CategoricalStats(NamedTuple):
    """Weight of each level of each column, side by side, in each class: (K, T)."""

    counts: Array


class Categorical(Emission):
    r"""Columns of categories, independent of each other within a class.

    .. math:: \log p_k(x) = \sum_j \log t_{kj}[x_j], \qquad
              \log p(t) = \sum_k \sum_j \sum_l a_{jl} \log t_{kj}[l]

    over the cells that are observed; the prior is a Dirichlet with parameters :math:`a + 1`. A
    mixture of such classes alone is latent class analysis.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    n_levels : int or sequence of int
        Levels of each column, coded 0, 1, ...; a missing cell is NaN or -1.
    pseudo_counts : float or array-like of shape (sum of n_levels,), default=0.0
        The prior's :math:`a`, 0 or more: draws of each level that a class has besides its rows.

    Raises
    ------
    ValueError
        For an argument out of range.

    References
    ----------
    Lazarsfeld, P. F. & Henry, N. W. (1968). Latent structure analysis. Houghton Mifflin.

    Examples
    --------
    Answers yes (1) or no (0) to three questions; one was not given.

    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models import Categorical, Columns, LatentClasses
    >>> answers = np.repeat([[1.0, 1, 1], [0, 0, 0], [1, 1, 0], [0, np.nan, 1]], [40, 50, 6, 4], 0)
    >>> emission = Categorical(2, [2, 2, 2], pseudo_counts=0.5)
    >>> result = fit_em(LatentClasses(emission), Columns(answers), random_state=0)
    >>> [table.round(2)[:, 1] for table in emission.tables(result.params.emission)][0]
    array([0.96, 0.01])
    """

    def __init__(
        self,
        n_classes: int,
        n_levels: int | Sequence[int],
        *,
        pseudo_counts: float | Sequence[float] | Array = 0.0,
    ):
        super().__init__(n_classes)
        self.n_levels = np.atleast_1d(np.asarray(n_levels))
        whole = self.n_levels.dtype.kind in "iu" and self.n_levels.ndim == 1
        if not whole or (self.n_levels < 1).any():
            raise ValueError(
                f"n_levels must be ints, 1 or more, one for each column. Got {n_levels!r}."
            )
        self.pseudo_counts = np.asarray(pseudo_counts, dtype=float)
        if not ((self.pseudo_counts >= 0.0) & np.isfinite(self.pseudo_counts)).all():
            raise ValueError(f"pseudo_counts must be 0 or more, and finite. Got {pseudo_counts!r}.")
        if self.pseudo_counts.shape not in ((), (self.n_levels.sum(),)):
            raise ValueError(
                "pseudo_counts must be one number, or one for each level of each column, "
                f"{self.n_levels.sum()} in all. Got {pseudo_counts!r}."
            )
        self._offsets = np.cumsum(self.n_levels) - self.n_levels

    def tables(self, params: CategoricalParams) -> list[Array]:
        """The table of each column.

        Parameters
        ----------
        params : CategoricalParams
            The parameters.

        Returns
        -------
        list of ndarray of shape (n_classes, n_levels)
            Probabilities, which sum to 1 over the levels.
        """
        return np.split(params.probabilities, self._offsets[1:], axis=1)

    def check(self, columns: Array) -> None:
        x = require_table(columns)
        if x.shape[1] != len(self.n_levels):
            raise DataError(
                f"n_levels is of {len(self.n_levels)} columns. Got {x.shape[1]}. Give the levels "
                "of each column."
            )
        for j, (column, n_levels) in enumerate(zip(x.T, self.n_levels, strict=True)):
            seen = ~np.isnan(column)
            wrong = np.zeros(x.shape, dtype=bool)
            wrong[:, j] = seen & ((column < -1) | (column >= n_levels) | (column % 1 != 0))
            rule = (
                f"has {n_levels} levels, coded 0 to {n_levels - 1}, and -1 or NaN where it is "
                "missing"
            )
            remedy = "Number the levels: np.unique(column, return_inverse=True)[1]."
            refuse(x, wrong, rule, remedy)

    def bind(self, params: CategoricalParams) -> list[Array]:
        with np.errstate(divide="ignore"):
            logs = [np.log(table) for table in self.tables(params)]
        unknown = np.zeros((self.n_classes, 1))  # log-probability of a missing cell
        return [np.hstack([unknown, table]) for table in logs]

    def log_density(self, columns: Array, bound: list[Array]) -> Array:
        codes = self._codes(columns)
        log_density = np.zeros((self.n_classes, codes.shape[1]))
        for table, column in zip(bound, codes, strict=True):
            log_density += np.take(table, column, axis=1)
        return log_density

    def statistics(self, columns: Any, resp: Array, bound: list[Array]) -> CategoricalStats:
        counts = [
            [np.bincount(column, r, n_levels + 1)[1:] for r in resp]
            for column, n_levels in zip(self._codes(columns), self.n_levels, strict=True)
        ]
        return CategoricalStats(np.hstack(counts))

    def m_step(self, stats: CategoricalStats, params: CategoricalParams) -> CategoricalParams:
        counts = stats.counts + self.pseudo_counts
        total = self._totals(counts)
        seen = total > EPS * total.sum(axis=0)
        shares = counts / np.where(seen, total, 1.0)
        return CategoricalParams(np.where(seen, shares, params.probabilities))

    def start(self, columns: Array, resp: Array) -> CategoricalParams:
        even = np.repeat(1.0 / self.n_levels, self.n_levels)
        everywhere = CategoricalParams(np.repeat(even[None], self.n_classes, axis=0))
        return self.m_step(self.statistics(columns, resp, []), everywhere)

    def embed(self, columns: Any) -> Array:
        # Indicators of the levels about their shares, with variance 1 for each column.
        parts = []
        for column, n_levels in zip(self._codes(columns), self.n_levels, strict=True):
            indicators = (column[:, None] == np.arange(1, n_levels + 1)).astype(float)
            shares = indicators.sum(axis=0) / max(indicators.sum(), 1.0)
            variance = (shares * (1.0 - shares)).sum()
            centred = np.where(column[:, None] > 0, indicators - shares, 0.0)
            parts.append(centred / np.sqrt(variance if variance > 0.0 else 1.0))
        return np.hstack(parts)

    def rounding(self, params: CategoricalParams) -> float:
        # Also of a row that is certain, whose logarithm is all but 0.
        return EPS * (1 + len(self.n_levels))

    def log_prior(self, params: CategoricalParams) -> float:
        weights = np.broadcast_to(self.pseudo_counts, params.probabilities.shape)
        with np.errstate(divide="ignore"):
            logs = np.log(params.probabilities)
        return float((weights[weights > 0.0] * logs[weights > 0.0]).sum())

    def is_feasible(self, params: CategoricalParams) -> bool:
        return tree.all_finite(params) and bool((params.probabilities >= 0.0).all())

    def complete_score(
        self, stats: CategoricalStats, params: CategoricalParams
    ) -> CategoricalParams:
        # Less what keeps each table's sum at 1, so that it is 0 at a maximum.
        counts = stats.counts + self.pseudo_counts
        t = params.probabilities
        score = np.divide(counts, t, out=np.zeros_like(t), where=counts > 0.0)
        return CategoricalParams(score - self._totals(counts))

    def n_parameters(self, params: CategoricalParams) -> int:
        return self.n_classes * int((self.n_levels - 1).sum())

    def _codes(self, columns: Any) -> NDArray[np.intp]:
        """Codes (q, n) of columns that `check` takes, plus 1; 0 for a missing cell."""
        x = np.ascontiguousarray(as_table(columns).T)
        codes = (np.where(np.isnan(x), -1.0, x) if x.dtype.kind == "f" else x).astype(np.intp)
        codes += 1
        return codes

    def _totals(self, counts: Array) -> Array:
        """Sum of each column's table, for every level."""
        return np.repeat(np.add.reduceat(counts, self._offsets, axis=1), self.n_levels, axis=1)
