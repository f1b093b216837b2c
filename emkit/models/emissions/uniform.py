"""Noise: a uniform density for one class."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from emkit._typing import Array
from emkit.exceptions import DataError
from emkit.models.columns import arrays, as_table, n_rows
from emkit.models.emissions.checks import require_table
from emkit.models.emissions.emission import Emission
from emkit.numerics.gaussian import tile_rows

__all__ = ["Uniform"]

#: Logarithm of the largest density.
LOG_LARGEST = float(np.log(1e300))


class UniformParams(NamedTuple):
    """The density (1,) of a complete row, which is given, not estimated."""

    density: Array


class UniformStats(NamedTuple):
    """Weight of the class."""

    n: float


class Uniform(Emission):
    r"""One class of noise: the same density everywhere.

    .. math:: \log p(x) = -\log V = -\sum_j \log v_j

    The volume is a number that is given, not estimated, and a row outside it has that density too.
    With a width for each column, the sum is over the cells that are observed.

    Parameters
    ----------
    volume : float or array-like of shape (n_columns,)
        The volume V that the noise fills, or its width :math:`v_j` in each column.

    Raises
    ------
    ValueError
        For a volume that is not above 0 and finite, or of which the density is not.

    References
    ----------
    Banfield, J. D. & Raftery, A. E. (1993). Model-based Gaussian and non-Gaussian clustering.
    Biometrics 49, 803-821. doi:10.2307/2532201

    Examples
    --------
    Two clusters, and one row in six anywhere.

    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models import Classes, Columns, Gaussian, LatentClasses, Uniform
    >>> rng = np.random.default_rng(0)
    >>> clusters = rng.normal([[0.0, 0.0]] * 250 + [[5.0, 5.0]] * 250)
    >>> X = np.concatenate([clusters, rng.uniform(-20.0, 20.0, (100, 2))])
    >>> model = LatentClasses(Classes([Gaussian(2), Uniform(np.ptp(X, axis=0))]))
    >>> result = fit_em(model, Columns(X), n_init=5, random_state=0)
    >>> result.params.weights[-1].round(2)
    np.float64(0.17)
    """

    def __init__(self, volume: ArrayLike):
        super().__init__(1)
        self.volume = np.asarray(volume, dtype=float)
        bounded = self.volume.ndim < 2 and self.volume.size > 0
        if not bounded or not (self.volume > 0.0).all() or np.isinf(self.volume).any():
            raise ValueError(
                f"volume must be above 0 and finite: one number or one a column. Got {volume!r}."
            )
        if abs(np.log(self.volume).sum()) > LOG_LARGEST:
            raise ValueError(
                "volume must give a density that a double can hold, from 1e-300 to 1e300. Got "
                f"{volume!r}. Give the columns other units."
            )

    def check(self, columns: Any) -> None:
        if self.volume.ndim:
            d = require_table(columns).shape[1]
            if d != len(self.volume):
                raise DataError(
                    f"volume has a width for each of {len(self.volume)} columns. Got {d} columns."
                )
            return
        super().check(columns)
        if any(np.isnan(x.min(initial=0.0)) for x in arrays(columns)):
            raise DataError(
                "The volume alone does not give the density of rows with missing cells. Give the "
                "width of each column as volume."
            )

    def log_density(self, columns: Any, bound: UniformParams) -> Array:
        if self.volume.ndim:
            return -(np.log(self.volume) @ ~np.isnan(as_table(columns)).T)[None]
        return np.full((1, n_rows(columns)), -np.log(self.volume))

    def statistics(self, columns: Any, resp: Array, bound: UniformParams) -> UniformStats:
        return UniformStats(float(resp.sum()))

    def m_step(self, stats: UniformStats, params: UniformParams) -> UniformParams:
        return UniformParams(np.array([1.0 / self.volume.prod()]))

    def complete_score(self, stats: UniformStats, params: UniformParams) -> UniformParams:
        return UniformParams(np.zeros(1))

    def n_parameters(self, params: UniformParams) -> int:
        return 0

    def tile_rows(self, columns: Any, bound: UniformParams, n_missing: int) -> int:
        return tile_rows(1)
