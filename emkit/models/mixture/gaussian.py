r"""The Gaussian mixture: p(x) = sum_k w_k N(x; m_k, C_k).

The objective is the weighted log-likelihood of the observed cells plus the log-density of a
conjugate `Prior`; with the one of ``ridge`` and ``strength`` alone it is

.. math:: \sum_i s_i \log \sum_k w_k N(x_{i,o_i}; m_{k,o_i}, C_{k,o_i o_i})
          \;-\; \frac{n}{2K} \sum_k \bigl( \operatorname{tr}(R\, C_k^{-1}) + \tau \log|C_k| \bigr),
          \qquad n = \sum_i s_i,\; R = \operatorname{diag}(\text{ridge}),

with the M-step :math:`C_k = (S_k + \tfrac{n}{K} R) / (n_k + \tfrac{n}{K} \tau)`. Complete data are
the case with nothing missing. Parameters are in internal units: columns shifted and scaled one by
one (`Scaling`), so that the answer does not depend on the user's.
"""

from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import LatentClassModel, unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.assignment import assigned_moments, nearest_moments, shares_and_means
from emkit.models.mixture.overlap import least_divergence
from emkit.models.mixture.prior import Prior
from emkit.models.mixture.split_merge import split_merge
from emkit.models.rows import Rows
from emkit.numerics.complete import CompleteKernel, takes_features, takes_single
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel, choose_kernel
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Structure
from emkit.numerics.gaussian import Components, Moments, Scaling
from emkit.numerics.single import single_error

__all__ = [
    "GaussianMixtureModel",
    "MixtureParams",
]

Kernel = CompleteKernel | ConditionalKernel | MaskedKernel

#: Divergence, in nats, up to which two components are about to part, if they ever do: of one normal
#: cluster, maxima have components further apart than that.
SAME = 2.0


class MixtureParams(NamedTuple):
    """Weights (K,), means (K, d) and covariances of the structure, in internal units."""

    weights: Array
    means: Array
    covariances: Array


class GaussianMixtureModel(LatentClassModel):
    """E-step, M-step and prior of a Gaussian mixture.

    Parameters
    ----------
    structure : Structure
        What the components have in common in their covariances.
    units : Scaling
        Shift and scale of the columns.
    ridge : ndarray of shape (d,)
        Scale R of the prior per unit of total weight, in internal units.
    total_weight : float
        Sum of the sample weights.
    strength : float
        The prior's :math:`\tau`, the rows that it stands for per unit of total weight.
    prior : Prior, optional
        The whole prior, in place of ``ridge`` and ``strength``.
    incomplete : bool
        Whether cells are missing.
    accelerate_below : float
        Gain of a plain step per unit of weight below which extrapolation may begin.
    draw_start : callable(model, data, rng) -> MixtureParams
        One random start.
    to_part : bool
        Whether components that are all but one are to part before a run ends.
    single : bool
        Whether rows are in single precision, so that a run may begin in it.
    """

    def __init__(
        self,
        structure: Structure,
        units: Scaling,
        ridge: Array | None = None,
        total_weight: float = 0.0,
        *,
        strength: float = 0.0,
        prior: Prior | None = None,
        incomplete: bool = False,
        accelerate_below: float = 1e-3,
        draw_start: Callable[..., MixtureParams] | None = None,
        to_part: bool = True,
        single: bool = False,
    ):
        self.structure, self.layout = structure, structure.layout
        self.units = units
        if prior is None:
            prior = Prior(np.zeros(len(units.shift)) if ridge is None else ridge, strength)
        self.prior = prior
        self.total_weight = total_weight
        self.incomplete = incomplete
        self.accelerate_below = accelerate_below
        self.draw_start = draw_start
        self.to_part = to_part
        self.single_rows = single
        self._last: tuple[MixtureParams, Components] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}  # it is larger than all else

    def initialize(self, data: Rows, rng: np.random.Generator) -> MixtureParams:
        if self.draw_start is None:
            raise NotImplementedError("this mixture was made to be evaluated, not fitted")
        return self.draw_start(self, data, rng)

    #: Numbers that are latent in a row besides its component and the cells that are missing.
    n_latent = 0

    @property
    def normal(self) -> "GaussianMixtureModel":
        """The mixture of normals whose starts are its own."""
        return self

    @property
    def mixture(self) -> "GaussianMixtureModel":
        """The same model with the statistics of any mixture, as of a stream."""
        return self

    def from_normal(self, params: MixtureParams) -> MixtureParams:
        """Parameters to start from, from those of `normal`."""
        return params

    def start_by(
        self, draw: Callable[..., MixtureParams], data: Any, rng: np.random.Generator
    ) -> MixtureParams:
        """A start by a function (model, data, rng) that draws one of normals."""
        return draw(self, data, rng)

    def rough(self) -> "GaussianMixtureModel | None":
        """E-steps in single precision; where that will not do, they are in double.

        Not along curved structures, whose M-steps are slow searches that lead apart.
        """
        if not (self.single_rows and self.structure.closed):
            return None
        rough = copy(self)
        rough.single = True
        return rough

    #: Near a singular covariance rounding hides falls that anyone would see: a run ends at them.
    visible_fall = 1e-10

    def objective_rounding(self, params: MixtureParams, objective: float) -> float:
        components = self.components(params)
        # Where cells are missing, complete rows still may go by features.
        masked = self.incomplete and self.layout.independent
        features = not masked and takes_features(self.layout, components)
        error = components.raw_error if features else components.centred_error
        if self.single and takes_single(self.layout, components):
            error = single_error(self.layout, components)
        n_components, d = params.means.shape
        rows = self.prior.rows_of(self.layout, n_components, self.total_weight)
        of_prior = EPS * rows * d * self.layout.n_covariances(n_components)
        noise = 4.0 * (error * self.total_weight + of_prior)
        if self.prior.is_informative:
            # The prior may all but cancel the log-likelihood.
            objective = abs(objective) + abs(self.log_prior(params))
        return max(super().objective_rounding(params, objective), noise)

    def acceleration_threshold(self, data: Rows) -> float:
        return self.accelerate_below * data.total_weight

    def is_feasible(self, params: MixtureParams) -> bool:
        weights = params.weights
        return super().is_feasible(params) and bool((weights >= 0.0).all() and weights.any())

    def separation(self, params: MixtureParams) -> float:
        """Root of the divergence of the two components that are closest, in units of `SAME`."""
        if not self.to_part:
            return 1.0
        divergence = max(least_divergence(self.layout, self.components(params)), 0.0)
        return float(min(divergence / SAME, 1.0)) ** 0.5

    def retract(self, params: MixtureParams) -> MixtureParams:
        covariances = self.structure.retract(params.covariances, params.weights)
        if covariances is params.covariances:
            return params
        return params._replace(covariances=covariances)

    def covariances_of(self, params: MixtureParams) -> Array:
        """Covariance matrix of each component, (K, d, d)."""
        return self.layout.dense(params.covariances, *params.means.shape)

    # E-step

    def components(self, params: MixtureParams) -> Components:
        """The components with their whitening factors, kept for the last parameters seen."""
        last = self._last
        if last is None or last[0] is not params:
            factor = self.layout.whitening(params.covariances)
            last = self._last = (params, self._components(params, factor))
        return last[1]

    def _components(self, params: MixtureParams, factor: Array) -> Components:
        # Extrapolated weights sum to 1 only to rounding times the extrapolation.
        with np.errstate(divide="ignore"):
            log_weights = np.log(params.weights / params.weights.sum())
        return Components.of(self.layout, log_weights, params.means, params.covariances, factor)

    def bind(self, params: MixtureParams) -> Kernel:
        components = self.components(params)
        return choose_kernel(self.layout, components, self.units, self.incomplete, self.single)

    def given_factor(self, weights: Array, means: Array, factor: Array) -> MixtureParams:
        """Parameters at a given whitening factor, which `bind` then takes as it is."""
        params = MixtureParams(weights, means, self.layout.covariances(factor))
        self._last = (params, self._components(params, factor))
        return params

    def tiles(self, data: Rows, kernel: Kernel) -> Iterator[Rows]:
        return (data.take(rows) for rows in kernel.pieces(len(data.X), data.groups))

    def weights(self, tile: Rows) -> Array | None:
        return tile.sample_weight

    def log_joint(self, tile: Rows, kernel: Kernel) -> tuple[Array, Any]:
        log_joint, work = kernel.log_joint(tile.X)
        if tile.labels is not None:
            log_joint = tile.labels.restrict(log_joint)
        return log_joint, work

    def statistics(self, tile: Rows, resp: Array, work: Any, kernel: Kernel) -> Moments:
        return kernel.moments(work, resp)

    def from_tile_sums(self, stats: Moments, kernel: Kernel) -> Moments:
        return kernel.from_tile_sums(stats)

    @unbuffered()
    def score_samples(self, data: Rows, params: MixtureParams) -> Array:
        """Log-likelihood of the observed cells of each row."""
        kernel = self.bind(params)
        out = np.empty(len(data.X))
        for rows in kernel.pieces(len(data.X), data.groups):
            out[rows] = soft(kernel.log_joint(data.take(rows).X)[0])[1]
        return out

    # M-step

    def m_step(
        self, stats: Moments, params: MixtureParams, total: float | None = None
    ) -> MixtureParams:
        """The maximum; ``total`` is the weight of all rows where some are of no component."""
        layout, prior, (n_components, d) = self.layout, self.prior, params.means.shape
        total = stats.n.sum() if total is None else total
        n = np.where(stats.n <= EPS * total, 0.0, stats.n)
        weights = prior.weights(n, total)
        counts = prior.counts(layout, n, total, d)
        if not np.any(counts):  # noise has taken every row
            return params._replace(weights=weights)
        if prior.mean_precision > 0.0:
            stats = prior.observe(layout, stats, params.means)
            n = stats.n
        delta = stats.first / np.where(n == 0.0, np.inf, n)[:, None]
        scatter = stats.scatter - layout.outer(n[:, None] * delta, delta)
        scatter += prior.scatter_of(layout, n_components, total)
        covariances = self.structure.estimate(scatter, counts, params.covariances)
        return MixtureParams(weights, params.means + delta, covariances)

    def log_prior(self, params: MixtureParams) -> float:
        """Log-density of the prior, up to a constant."""
        if self.prior.is_flat:
            return 0.0
        components, total = self.components(params), self.total_weight
        return self.prior.log_density(self.layout, params.weights, components, total)

    @property
    def complete_score(self) -> Callable[..., MixtureParams] | None:  # type: ignore[override]
        """The score; None on a curve, along which its differences are not the information."""
        return self._complete_score if self.structure.closed else None

    def _complete_score(self, stats: Moments, params: MixtureParams) -> MixtureParams:
        """Gradient of the objective, from moments about the means of ``params``."""
        layout, prior, components = self.layout, self.prior, self.components(params)
        n_components, d = params.means.shape
        draws = stats.n + prior.concentration - 1.0
        weights = draws / params.weights - draws.sum() / params.weights.sum()
        counts = prior.counts(layout, stats.n, self.total_weight, d)
        if prior.mean_precision > 0.0:
            stats = prior.observe(layout, stats, params.means)
        scatter = stats.scatter + prior.scatter_of(layout, n_components, self.total_weight)
        return MixtureParams(
            weights,
            layout.apply(components.precisions, stats.first),
            layout.gradient(scatter, counts, components.precisions),
        )

    # Streams

    def weight_of(self, data: Rows) -> float:
        return data.total_weight

    def recentre(self, stats: Moments, before: MixtureParams, after: MixtureParams) -> Moments:
        n, first, scatter = stats
        moved = after.means - before.means
        scatter = self.layout.centre(scatter, n, first, moved)
        return Moments(n, first - n[:, None] * moved, scatter)

    def implied_statistics(self, params: MixtureParams, total: float) -> Moments:
        """Moments of data of a total weight whose M-step is ``params``.

        At a stationary point they are those of the data, but for scatter that the structure's
        constraint takes away.
        """
        layout, prior, (n_components, d) = self.layout, self.prior, params.means.shape
        # The M-step backwards: what was observed is what the estimate needs less the prior's part.
        draws = prior.concentration - 1.0
        n = np.maximum(params.weights * (total + n_components * draws) - draws, 0.0)
        counts = prior.counts(layout, n, total, d)
        needed = layout.align(counts) * params.covariances
        nothing = Moments(np.zeros(n_components), np.zeros((n_components, d)), 0.0 * needed)
        of_prior = prior.observe(layout, nothing, params.means)
        scatter = needed - prior.scatter_of(layout, n_components, total) - of_prior.scatter
        return Moments(n, -of_prior.first, scatter)

    # Search

    place_fields = ("means",)

    @property
    def class_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        if self.layout.shared:
            return ("weights", "means")
        return ("weights", "means", "covariances")

    def mutate(self, params: MixtureParams, rng: np.random.Generator) -> MixtureParams:
        return split_merge(self.layout, params, self.class_fields, rng)

    # Starts

    def from_partition(
        self, data: Rows, n_components: int, assign: Callable[[slice], Array]
    ) -> MixtureParams:
        """M-step from responsibilities (K, n) that ``assign`` gives for a slice of the rows."""
        weights, means = shares_and_means(self.units, data, n_components, assign)
        unit = self.layout.identity(*means.shape)
        stats = assigned_moments(self.layout, self.units, data, assign, means)
        return self.m_step(stats, MixtureParams(weights, means, unit))

    def from_means(self, data: Any, means: Array) -> MixtureParams:
        """Equal weights, the means given, and the pooled covariance about the nearest of them.

        ``data`` are rows, or blocks of them.
        """
        stats, _ = data.sum(partial(nearest_moments, self.layout, self.units, means))
        even = np.full(len(means), stats.n.sum() / len(means))
        return self.m_step(
            Moments(even, np.zeros_like(means), self.layout.pool(stats.scatter)),
            MixtureParams(even, means, self.layout.identity(*means.shape)),
        )
