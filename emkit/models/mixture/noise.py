r"""Noise beside the components of a mixture: one class of constant density.

.. math:: p(x) = \frac{w_0}{V} + \sum_{k=1}^{K} w_k \, p_k(x), \qquad w_0 + \sum_k w_k = 1

The volume V is given, not estimated. A row outside it has the same density, so that p is improper:
it is a likelihood of the rows at hand, and no distribution to draw from.

References
----------
Banfield, J. D. & Raftery, A. E. (1993). Model-based Gaussian and non-Gaussian clustering.
Biometrics 49, 803-821. doi:10.2307/2532201
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import LatentClassModel
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.prior import TINY
from emkit.models.rows import Rows
from emkit.numerics.constants import EPS

__all__ = [
    "NoisyMixture",
    "NoisyMoments",
    "NoisyParams",
    "clusters_of",
    "kernel_of",
    "normalised",
    "shared_out",
]

#: Stands in for the logarithm of a weight of 0: so low that it never counts, and no -inf.
NEVER = -1e300


class NoisyParams(NamedTuple):
    """Parameters of the components, and the weight of the noise.

    The components' weights are those in the whole: with the noise's they sum to 1.
    """

    clusters: Any  #: `MixtureParams`
    noise: float


class NoisyMoments(NamedTuple):
    """Statistics of the components, and the sum of responsibilities of the noise."""

    clusters: Any  #: `Moments`
    noise: float


class Bound(NamedTuple):
    """What is made of the parameters for an E-step."""

    kernel: Any  #: of the components, whose weights sum to 1 in it
    log_share: float  #: logarithm of the weight of all components together
    log_density: float  #: of the noise with its weight, at any row


def clusters_of(value: Any) -> Any:
    """The components' part of a model, of parameters or of statistics: all, if there is no noise.

    Parameters
    ----------
    value : object
        With a field or attribute ``clusters`` where there is noise.
    """
    return getattr(value, "clusters", value)


def kernel_of(bound: Any) -> Any:
    """The components' kernel, of what `bind` made of a model with noise or without.

    Parameters
    ----------
    bound : object
        What `bind` returned.
    """
    return getattr(bound, "kernel", bound)


class NoisyMixture(LatentClassModel):
    """A mixture with one more class, the last, of the same density everywhere.

    All that is said of the components is said by the model of the components alone.

    Parameters
    ----------
    clusters : GaussianMixtureModel
        The model of the components; its ``total_weight`` is that of all rows.
    log_volume : float
        Logarithm of V, in units of the rows as they are given.
    draw_start : callable(model, data, rng) -> NoisyParams
        One random start.
    """

    visible_fall = GaussianMixtureModel.visible_fall

    def __init__(
        self,
        clusters: GaussianMixtureModel,
        log_volume: float,
        draw_start: Callable[..., NoisyParams] | None = None,
    ):
        self.clusters, self.log_volume, self.draw_start = clusters, log_volume, draw_start

    def initialize(self, data: Rows, rng: np.random.Generator) -> NoisyParams:
        if self.draw_start is None:
            raise NotImplementedError("this mixture was made to be evaluated, not fitted")
        return self.draw_start(self, data, rng)

    # E-step

    def bind(self, params: NoisyParams) -> Bound:
        share, noise = self.shares(params)
        log_noise = np.log(noise) if noise > 0.0 else NEVER
        kernel = self.clusters.bind(params.clusters)
        return Bound(kernel, float(np.log(share)), float(log_noise) - self.log_volume)

    @staticmethod
    def shares(params: NoisyParams) -> tuple[float, float]:
        """Weight of all components together and of the noise; extrapolated ones need no sum of 1.

        Parameters
        ----------
        params : NoisyParams
            The parameters.
        """
        of_clusters = float(params.clusters.weights.sum())
        total = of_clusters + float(params.noise)
        return of_clusters / total, float(params.noise) / total

    def tiles(self, data: Rows, bound: Bound) -> Iterable[Rows]:
        return self.clusters.tiles(data, bound.kernel)

    def weights(self, tile: Rows) -> Array | None:
        return self.clusters.weights(tile)

    def log_joint(self, tile: Rows, bound: Bound) -> tuple[Array, Any]:
        of_clusters, work = self.clusters.log_joint(tile, bound.kernel)
        n_components, n = of_clusters.shape
        log_joint = np.empty((n_components + 1, n))
        np.add(of_clusters, bound.log_share, out=log_joint[:-1])
        log_joint[-1] = bound.log_density
        if tile.labels is not None:  # what has a label is no noise
            log_joint = tile.labels.restrict(log_joint)
        return log_joint, work

    def statistics(self, tile: Rows, resp: Array, work: Any, bound: Bound) -> NoisyMoments:
        moments = self.clusters.statistics(tile, resp[:-1], work, bound.kernel)
        return NoisyMoments(moments, float(resp[-1].sum()))

    def from_tile_sums(self, stats: NoisyMoments, bound: Bound) -> NoisyMoments:
        moments = self.clusters.from_tile_sums(stats.clusters, bound.kernel)
        return stats._replace(clusters=moments)

    # M-step

    def m_step(self, stats: NoisyMoments, params: NoisyParams) -> NoisyParams:
        total = float(stats.clusters.n.sum()) + stats.noise
        clusters = self.clusters.m_step(stats.clusters, params.clusters, total)
        if not clusters.weights.any():  # noise takes all rows: the components stay where they are
            clusters = params.clusters._replace(weights=EPS * _shares(params.clusters))
        return NoisyParams(clusters, stats.noise / (total + self._draws(params)))

    def _draws(self, params: NoisyParams) -> float:
        """Draws of labels that the prior on the weights stands for; none of them is noise."""
        return len(params.clusters.weights) * (self.clusters.prior.concentration - 1.0)

    def log_prior(self, params: NoisyParams) -> float:
        value = self.clusters.log_prior(params.clusters)
        if draws := self._draws(params):  # there the weights of the components sum to 1
            value += draws * float(np.log(self.shares(params)[0]))
        return value

    def is_feasible(self, params: NoisyParams) -> bool:
        return 0.0 <= params.noise < np.inf and self.clusters.is_feasible(params.clusters)

    def retract(self, params: NoisyParams) -> NoisyParams:
        return params._replace(clusters=self.clusters.retract(params.clusters))

    def separation(self, params: NoisyParams) -> float:
        return self.clusters.separation(params.clusters)

    def objective_rounding(self, params: NoisyParams, objective: float) -> float:
        return self.clusters.objective_rounding(params.clusters, objective)

    def acceleration_threshold(self, data: Rows) -> float:
        return self.clusters.acceleration_threshold(data)

    @property
    def complete_score(self) -> Callable[..., NoisyParams] | None:  # type: ignore[override]
        return None if self.clusters.complete_score is None else self._complete_score

    def _complete_score(self, stats: NoisyMoments, params: NoisyParams) -> NoisyParams:
        assert self.clusters.complete_score is not None
        score = self.clusters.complete_score(stats.clusters, params.clusters)
        weights = params.clusters.weights
        # What all weights are divided by is the sum of the components' alone, in that score.
        draws = float(stats.clusters.n.sum()) + self._draws(params)
        of_sum = (draws + stats.noise) / (weights.sum() + params.noise)
        clusters = score._replace(weights=score.weights + draws / weights.sum() - of_sum)
        return NoisyParams(clusters, stats.noise / max(float(params.noise), TINY) - of_sum)

    # Streams

    def weight_of(self, data: Rows) -> float:
        return self.clusters.weight_of(data)

    def recentre(
        self, stats: NoisyMoments, before: NoisyParams, after: NoisyParams
    ) -> NoisyMoments:
        moments = self.clusters.recentre(stats.clusters, before.clusters, after.clusters)
        return stats._replace(clusters=moments)

    def implied_statistics(self, params: NoisyParams, total: float) -> NoisyMoments:
        """Statistics of data of a total weight whose M-step is ``params``.

        Parameters
        ----------
        params : NoisyParams
            Whose weights sum to 1.
        total : float
            Weight of all rows, noise among them.
        """
        moments = self.clusters.implied_statistics(params.clusters, total)
        return NoisyMoments(moments, params.noise * (total + self._draws(params)))

    # Search

    def recombine(
        self, mother: NoisyParams, father: NoisyParams, rng: np.random.Generator
    ) -> NoisyParams:
        one, other = normalised(mother.clusters), normalised(father.clusters)
        child = self.clusters.recombine(one, other, rng)
        share, noise = self.shares(mother)
        return NoisyParams(child._replace(weights=share * child.weights), noise)

    def mutate(self, params: NoisyParams, rng: np.random.Generator) -> NoisyParams:
        return params._replace(clusters=self.clusters.mutate(params.clusters, rng))


def _shares(clusters: Any) -> Array:
    """Weights of the components among themselves."""
    shares: Array = clusters.weights / clusters.weights.sum()
    return shares


def normalised(params: Any) -> Any:
    """Parameters whose weights sum to 1, with that of the noise if there is any.

    Parameters
    ----------
    params : MixtureParams or NoisyParams
        Whose weights may be extrapolated.
    """
    if not isinstance(params, NoisyParams):
        return params._replace(weights=_shares(params))
    return shared_out(params.clusters, NoisyMixture.shares(params)[1])


def shared_out(clusters: Any, noise: float) -> NoisyParams:
    """Parameters with a weight of noise, the components sharing the rest.

    Parameters
    ----------
    clusters : MixtureParams
        Components, whose weights need not sum to 1.
    noise : float
        Weight of the noise.
    """
    return NoisyParams(clusters._replace(weights=(1.0 - noise) * _shares(clusters)), noise)
