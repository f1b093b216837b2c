"""A mixture with the mean and covariance of the whole distribution among its parameters.

They follow from the others, so nothing changes for EM; but `standard_errors` then tells theirs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.model import EMModel
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Scaling

__all__ = ["MixtureMoments", "WholeParams", "mixture_std"]


class WholeParams(NamedTuple):
    """Parameters of the mixture, and mean (d,) and covariance (d, d) of the whole."""

    mixture: Any  #: `MixtureParams`
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
        within = np.tensordot(weights, self.model.covariances_of(params), 1)
        return WholeParams(params, location, covariance + within)

    def initialize(self, data: Rows, rng: np.random.Generator) -> WholeParams:
        return self.extend(self.model.initialize(data, rng))

    @property
    def backtracks(self) -> bool:  # type: ignore[override]
        return self.model.backtracks

    def e_step(self, data: Rows, params: WholeParams) -> tuple[Any, float]:
        return self.model.e_step(data, params.mixture)

    def m_step(self, stats: Any, params: WholeParams) -> WholeParams:
        return self.extend(self.model.m_step(stats, params.mixture))

    def log_prior(self, params: WholeParams) -> float:
        return self.model.log_prior(params.mixture)

    def retract(self, params: WholeParams) -> WholeParams:
        return params._replace(mixture=self.model.retract(params.mixture))

    def is_feasible(self, params: WholeParams) -> bool:
        return self.model.is_feasible(params.mixture)

    def objective_rounding(self, params: WholeParams, objective: float) -> float:
        return self.model.objective_rounding(params.mixture, objective)

    @property
    def complete_score(self) -> Callable[..., WholeParams] | None:  # type: ignore[override]
        return None if self.model.complete_score is None else self._complete_score

    def _complete_score(self, stats: Any, params: WholeParams) -> WholeParams:
        assert self.model.complete_score is not None
        score = self.model.complete_score(stats, params.mixture)
        return WholeParams(score, np.zeros_like(params.location), np.zeros_like(params.covariance))


def mixture_std(weights: Array, means: Array, variances: Array) -> Scaling:
    """Mean and standard deviation of the columns under a mixture; variances (K, d)."""
    shares = weights / weights.sum()
    shift = shares @ means
    return Scaling(shift, np.sqrt(shares @ (variances + (means - shift) ** 2)))
