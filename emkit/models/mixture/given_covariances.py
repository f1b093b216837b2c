"""A Gaussian mixture whose covariances are known, so that weights and means alone are estimated."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Structure
from emkit.numerics.gaussian import Moments, Scaling

__all__ = ["GivenCovariances"]


class GivenCovariances(GaussianMixtureModel):
    """The limit of an ever stronger prior on the covariances.

    Parameters
    ----------
    structure : Structure
        What the components have in common in their covariances.
    units : Scaling
        Shift and scale of the columns.
    covariances : ndarray
        The covariances, in internal units and the structure's layout.
    total_weight : float
        Sum of the sample weights.
    **options
        As of `GaussianMixtureModel`.
    """

    def __init__(
        self,
        structure: Structure,
        units: Scaling,
        covariances: Array,
        total_weight: float,
        **options: Any,
    ):
        super().__init__(structure, units, total_weight=total_weight, **options)
        self.covariances = covariances

    def m_step(
        self, stats: Moments, params: MixtureParams, total: float | None = None
    ) -> MixtureParams:
        total = stats.n.sum() if total is None else total
        n = np.where(stats.n <= EPS * total, 0.0, stats.n)
        delta = stats.first / np.where(n == 0.0, np.inf, n)[:, None]
        return MixtureParams(n / total, params.means + delta, self.covariances)

    def retract(self, params: MixtureParams) -> MixtureParams:
        return params._replace(covariances=self.covariances)

    @property
    def class_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("weights", "means")

    @property
    def complete_score(self) -> Callable[..., MixtureParams]:  # type: ignore[override]
        return self._score_of_the_rest

    def _score_of_the_rest(self, stats: Moments, params: MixtureParams) -> MixtureParams:
        score = super()._complete_score(stats, params)
        return score._replace(covariances=np.zeros_like(params.covariances))
