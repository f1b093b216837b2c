"""Mean and covariance of the numbers of a mixed table, over classes and categories."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.model import EMModel
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams, LocalStats
from emkit.models.mixed.rows import CodedRows

__all__ = ["LocalMoments", "NumberMoments", "WholeParams", "number_moments"]


class NumberMoments(NamedTuple):
    """Moments of the numbers, in internal units."""

    means: Array  #: (K, p) of the classes
    location: Array  #: (p,) of all
    covariance: Array  #: (p, p) of all


def number_moments(model: LocalDependence, params: LocalParams) -> NumberMoments:
    """What classes, and categories within them, make of the mean and covariance of the numbers."""
    weights, means = params.weights / params.weights.sum(), params.means.copy()
    assert model.normal is not None
    within: Array = np.array(model.normal.layout.dense(params.covariances, *means.shape))
    tables = np.split(params.tables, np.cumsum(model.levels.n_levels)[:-1], axis=1)
    for j, effects in model.design.effects(params.effects).items():
        moved = tables[j] @ effects
        means += moved
        within += np.einsum("kl,lp,lr->kpr", tables[j], effects, effects)
        within -= np.einsum("kp,kr->kpr", moved, moved)
    location = weights @ means
    apart = means - location
    covariance = (weights * apart.T) @ apart + np.tensordot(weights, within, 1)
    return NumberMoments(means, location, covariance)


class WholeParams(NamedTuple):
    """`LocalParams`, and mean (p,) and covariance (p, p) of the numbers."""

    weights: Array
    means: Array
    covariances: Array
    effects: Array
    tables: Array
    location: Array
    covariance: Array


class LocalMoments(EMModel):
    """A `LocalDependence` with the moments of the numbers among its parameters.

    They follow from the others, so nothing changes for EM; but `standard_errors` then tells theirs.

    Parameters
    ----------
    model : LocalDependence
        The model.
    """

    def __init__(self, model: LocalDependence):
        self.model = model

    def extend(self, params: LocalParams) -> WholeParams:
        """Parameters of the model with the moments that follow from them."""
        _, location, covariance = number_moments(self.model, params)
        return WholeParams(*params, location, covariance)

    def initialize(self, data: CodedRows, rng: np.random.Generator) -> WholeParams:
        return self.extend(self.model.initialize(data, rng))

    def e_step(self, data: CodedRows, params: WholeParams) -> tuple[LocalStats, float]:
        stats: tuple[LocalStats, float] = self.model.e_step(data, _without(params))
        return stats

    def m_step(self, stats: LocalStats, params: WholeParams) -> WholeParams:
        return self.extend(self.model.m_step(stats, _without(params)))

    def log_prior(self, params: WholeParams) -> float:
        return self.model.log_prior(_without(params))

    def retract(self, params: WholeParams) -> WholeParams:
        return params._replace(**self.model.retract(_without(params))._asdict())

    def is_feasible(self, params: WholeParams) -> bool:
        return self.model.is_feasible(_without(params))

    def objective_rounding(self, params: WholeParams, objective: float) -> float:
        return self.model.objective_rounding(_without(params), objective)

    @property
    def complete_score(self) -> Callable[..., Any] | None:  # type: ignore[override]
        return None if self.model.complete_score is None else self._complete_score

    def _complete_score(self, stats: LocalStats, params: WholeParams) -> WholeParams:
        assert self.model.complete_score is not None
        score = self.model.complete_score(stats, _without(params))
        return WholeParams(*score, np.zeros_like(params.location), np.zeros_like(params.covariance))


def _without(params: WholeParams) -> LocalParams:
    return LocalParams(*params[:5])
