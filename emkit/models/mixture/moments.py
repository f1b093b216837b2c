"""A mixture with the mean and covariance of the whole distribution among its parameters.

They follow from the others, so nothing changes for EM; but `standard_errors` then tells theirs.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.model import EMModel
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Moments

__all__ = ["MixtureMoments", "WholeParams"]


class WholeParams(NamedTuple):
    """`MixtureParams`, and mean (d,) and covariance (d, d) of the whole."""

    weights: Array
    means: Array
    covariances: Array
    location: Array
    covariance: Array


class MixtureMoments(EMModel):
    """A mixture model whose parameters are `WholeParams`.

    Parameters
    ----------
    model : GaussianMixtureModel
        The mixture.
    """

    def __init__(self, model: GaussianMixtureModel):
        self.model = model

    def extend(self, params: MixtureParams) -> WholeParams:
        """Parameters of the mixture with the moments that follow from them."""
        weights, means = params.weights / params.weights.sum(), params.means
        location = weights @ means
        apart = means - location
        covariance = (weights * apart.T) @ apart
        dense = self.model.layout.dense(params.covariances, *means.shape)
        return WholeParams(*params, location, covariance + np.tensordot(weights, dense, 1))

    def initialize(self, data: Rows, rng: np.random.Generator) -> WholeParams:
        return self.extend(self.model.initialize(data, rng))

    def e_step(self, data: Rows, params: WholeParams) -> tuple[Moments, float]:
        return self.model.e_step(data, _mixture(params))

    def m_step(self, stats: Moments, params: WholeParams) -> WholeParams:
        return self.extend(self.model.m_step(stats, _mixture(params)))

    def log_prior(self, params: WholeParams) -> float:
        return self.model.log_prior(_mixture(params))

    def retract(self, params: WholeParams) -> WholeParams:
        return params._replace(**self.model.retract(_mixture(params))._asdict())

    def is_feasible(self, params: WholeParams) -> bool:
        return self.model.is_feasible(_mixture(params))

    def objective_rounding(self, params: WholeParams, objective: float) -> float:
        return self.model.objective_rounding(_mixture(params), objective)

    @property
    def complete_score(self) -> Callable[..., WholeParams] | None:  # type: ignore[override]
        return None if self.model.complete_score is None else self._complete_score

    def _complete_score(self, stats: Moments, params: WholeParams) -> WholeParams:
        assert self.model.complete_score is not None
        score = self.model.complete_score(stats, _mixture(params))
        return WholeParams(*score, np.zeros_like(params.location), np.zeros_like(params.covariance))


def _mixture(params: WholeParams) -> MixtureParams:
    return MixtureParams(*params[:3])
