"""Runs of EM from several partitions of the same complete rows, side by side.

On a table of some hundred rows a step of one mixture costs calls rather than arithmetic. Here the
components of all runs are one product of coefficients and features, as in `FeatureKernel`, one
factorisation and one M-step; features of the rows are held from step to step, and moments are taken
about zero. Where a component is too narrow for features, the kernels of a single mixture take over.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.assignment import assigned_moments
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.complete import choose_complete, takes_features
from emkit.numerics.constants import EPS, LOG_ROOT_2PI
from emkit.numerics.covariance.side_by_side import SideBySide
from emkit.numerics.gaussian import Components, Moments, tile_rows

__all__ = ["Runs"]

#: Error of a row's log-density, in nats, that decides nothing here: features may have it.
ROUGH = 1e-6
#: Log-densities of a run from which on single precision, twice as fast, may have a larger one.
LONG, ROUGH_OF_LONG, EPS_OF_SINGLE = 2**20, 1e-2, float(np.finfo(np.float32).eps)
#: Logarithms of the least numbers: exponentials of lower ones take many times as long.
FLOORS = {np.dtype(kind): float(np.log(np.finfo(kind).tiny)) for kind in (np.float32, np.float64)}
#: Numbers of features that are held from step to step; more are made again, tile by tile.
HELD = 2**21
#: Logarithm of a weight of 0: so low that the component never counts, but a number.
NEVER = -1e300


class _State(NamedTuple):
    """What there is of every component, those of a run one after the other."""

    log_weights: Array
    means: Array
    covariances: Array  #: one each, also where components share it
    factor: Array
    precisions: Array
    coefficients: Array  #: of the features in log-densities


class Runs:
    """Runs of EM that have densities.

    Parameters
    ----------
    model : GaussianMixtureModel
        What is climbed.
    data : Rows
        Complete rows.
    n_components : int
        Of each run.
    partitions : ndarray of shape (n_runs, n_samples)
        Labels of the rows, from 0, that each run starts from.

    Attributes
    ----------
    heights, before : list of float
        Objectives that the last step began from and the one before, in nats a row; -inf where there
        was none yet.
    """

    _state: _State

    def __init__(
        self,
        model: GaussianMixtureModel,
        data: Rows,
        n_components: int,
        partitions: NDArray[np.intp],
    ):
        self.model, self.data, self.k = model, data, n_components
        self.layout = replace(model.layout, shared=False)
        self.total = data.total_weight
        self.heights = self.before = [-np.inf] * len(partitions)
        (n, d), shared = data.X.shape, model.layout.shared
        self._n_features = 1 + d + self.layout.n_quadratic(d)
        unit = self.layout.identity(self._n_all, d)
        about = np.zeros((self._n_all, d))
        exact = Components(about[:, 0], about, unit, unit, unit, raw_error=0.0, centred_error=0.0)
        # So many columns that the kernels of a single mixture are faster than features.
        self._wide = not takes_features(self.layout, exact)
        self._held: Array | None = None
        if n * self._n_features <= HELD and not self._wide:
            self._held = self._features(slice(0, n))
        self._largest = float(np.abs((data.X - model.units.shift) / model.units.scale).max())
        self._long = n * n_components > LONG
        self._constant = model.units.log_jacobian - d * LOG_ROOT_2PI
        # What the prior adds to each component; where they share a covariance, its part.
        parts = n_components if shared else 1
        rows = model.prior.rows_of(model.layout, n_components, self.total)
        self._prior_count = rows * model.layout.columns(d) / parts
        self._prior_scatter = model.prior.scatter_of(model.layout, n_components, self.total) / parts
        self._halves_of_prior = 0.5 * np.ravel(self._prior_scatter + 0.0 * unit[:n_components])
        self._go_to(*self._moments_of(partitions), unit)

    @property
    def _n_all(self) -> int:
        return len(self.heights) * self.k

    def step(self) -> None:
        """One step of EM of each run; those that it leads to a singular covariance are out."""
        state, d = self._state, self.data.X.shape[1]
        # At least the error from features (see `Components.raw_error`), as no mean is farther away.
        error = 2.0 * d * float(state.precisions.max()) * self._largest**2
        if error * EPS <= ROUGH and not self._wide:
            single = self._long and error * EPS_OF_SINGLE <= ROUGH_OF_LONG
            moments, about, sums = self._by_features(np.float32 if single else np.float64)
        else:
            moments, about, sums = self._by_kernel()
        heights = (sums + self._log_priors()) / self.total
        self.before, self.heights = self.heights, heights.tolist()
        self._go_to(moments, about, state.covariances)

    def keep(self, which: list[bool]) -> None:
        """Go on with some of the runs only."""
        if not all(which):
            each = self._select(which)
            self._state = _State(*(part[each] for part in self._state))

    def _select(self, which: list[bool]) -> NDArray[np.bool_]:
        """Forget the other runs; which components are those of some runs."""
        self.before, self.heights = (
            list(compress(part, which)) for part in (self.before, self.heights)
        )
        return np.repeat(which, self.k)

    def one(self, m: int) -> MixtureParams:
        """Parameters of one run."""
        of = slice(m * self.k, (m + 1) * self.k)
        log_weights, means, covariances = (part[of] for part in self._state[:3])
        return self._of_one(np.exp(log_weights), means, covariances)

    def _of_one(self, weights: Array, means: Array, covariances: Array) -> MixtureParams:
        own = covariances[0] if self.model.layout.shared else covariances
        return MixtureParams(weights / weights.sum(), means, own)

    # E-step

    def _features(self, rows: slice) -> Array:
        """1, x and products of columns, (n_features, n), of some rows in internal units."""
        X = self.data.X[rows]
        features = np.ones((self._n_features, len(X)))
        x = self.model.units.load(X, features[1 : 1 + X.shape[1]])
        self.layout.quadratic(x, np.empty(0), features[1 + X.shape[1] :])
        return features

    def _tiles(self) -> Iterator[tuple[slice, Array, Array | None]]:
        """Rows, their features and their weights."""
        weights, n = self.data.sample_weight, len(self.data.X)
        step = tile_rows(self._n_features + self._n_all)
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            features = self._features(rows) if self._held is None else self._held[:, rows]
            yield rows, features, None if weights is None else weights[rows]

    def _moments_of(self, partitions: NDArray[np.intp]) -> tuple[Moments, Array]:
        """Moments of the parts of each partition, about zero."""
        labels, about = np.arange(self.k)[:, None], np.zeros((self._n_all, self.data.X.shape[1]))

        def assign(rows: slice) -> Array:
            marks = partitions[:, None, rows] == labels
            return marks.reshape(len(about), -1).astype(float)

        if self._wide:
            moments = assigned_moments(self.layout, self.model.units, self.data, assign, about)
            return moments, about
        sums = np.zeros((self._n_all, self._n_features))
        for rows, features, weights in self._tiles():
            resp = assign(rows)
            sums += (resp if weights is None else resp * weights) @ features.T
        return self._about_zero(sums)

    def _by_features(self, precision: type[np.floating]) -> tuple[Moments, Array, Array]:
        """Moments, what they are about, and the log-likelihood of each run."""
        log_likelihoods = np.zeros(len(self.heights))
        sums = np.zeros((self._n_all, self._n_features))
        coefficients = self._state.coefficients.astype(precision, copy=False)
        for _, features, weights in self._tiles():
            features = features.astype(precision, copy=False)
            resp = coefficients @ features
            log_likelihoods += self._assign(resp, weights)
            sums += resp @ features.T
        return *self._about_zero(sums), log_likelihoods

    def _by_kernel(self) -> tuple[Moments, Array, Array]:
        """The same, right for any components."""
        log_weights, means, covariances, factor, *_ = self._state
        components = Components.of(self.layout, log_weights, means, covariances, factor)
        if components.raw_error <= ROUGH:
            components = components._replace(raw_error=0.0)
        kernel = choose_complete(self.layout, components, self.model.units)
        log_likelihoods, total = np.zeros(len(self.heights)), None
        for rows in kernel.pieces(len(self.data.X), None):
            tile = self.data.take(rows)
            resp, work = kernel.log_joint(tile.X)
            log_likelihoods += self._assign(resp, tile.sample_weight)
            moments = kernel.moments(work, resp)
            total = moments if total is None else Moments(*map(np.add, total, moments))
        assert total is not None  # there are rows
        return kernel.from_tile_sums(total), means, log_likelihoods

    def _assign(self, log_joint: Array, weights: Array | None) -> Array:
        """Log-joints (n_all, n) become weighted responsibilities; log-likelihoods of the runs."""
        resp = log_joint.reshape(-1, self.k, log_joint.shape[1])
        top = resp.max(axis=1)
        resp -= top[:, None]
        if resp.min() < FLOORS[resp.dtype]:
            floor = np.full(resp.shape[2], FLOORS[resp.dtype], resp.dtype)
            np.maximum(resp, floor, out=resp)  # beside one number it takes twice as long
        np.exp(resp, out=resp)
        total = np.ones(self.k, resp.dtype) @ resp
        resp *= (1.0 / total)[:, None]
        values = np.log(total, out=total)
        values += top
        if weights is None:
            return np.asarray(values.sum(axis=1, dtype=float))
        resp *= weights
        return values @ weights

    def _about_zero(self, sums: Array) -> tuple[Moments, Array]:
        """Moments from sums of features, and the zeros that they are about."""
        d = self.data.X.shape[1]
        scatter = self.layout.unpack(sums[:, 1 + d :].T, d)
        return Moments(sums[:, 0], sums[:, 1 : 1 + d], scatter), np.zeros((len(sums), d))

    def _log_priors(self) -> Array | float:
        """Log-density of the prior at each run, up to a constant."""
        prior, n_runs = self.model.prior, len(self.heights)
        if prior.is_flat:
            return 0.0
        if prior.is_informative or prior.strength > 0.0:
            return np.array([self._log_prior(m) for m in range(n_runs)])
        traces: Array = self._state.precisions.reshape(n_runs, -1) @ self._halves_of_prior
        return -traces

    def _log_prior(self, m: int) -> float:
        """Log-density of the prior at one run."""
        model, of = self.model, slice(m * self.k, (m + 1) * self.k)
        own = m * self.k if model.layout.shared else of
        log_weights, means, covariances, factor, precisions, _ = self._state
        components = Components(
            log_weights[of], means[of], covariances[own], factor[own], precisions[own], 0.0, 0.0
        )
        weights = np.exp(components.log_weights)
        return model.prior.log_density(model.layout, weights, components, self.total)

    # M-step

    def _go_to(self, stats: Moments, about: Array, previous: Array) -> None:
        """To the parameters that moments about some points give; runs without densities are out."""
        params = self._m_step(stats, about, previous)
        try:
            self._state = self._bound(params)
        except np.linalg.LinAlgError:
            n_runs = len(self.heights)
            each = self._select([self._is_regular(params, m) for m in range(n_runs)])
            self._state = self._bound(MixtureParams(*(part[each] for part in params)))

    def _m_step(self, stats: Moments, about: Array, previous: Array) -> MixtureParams:
        """Parameters of all components, with a covariance each."""
        model, prior, layout = self.model, self.model.prior, self.layout
        if type(model) is not GaussianMixtureModel:  # an M-step of its own
            return self._m_steps(stats, about, previous)
        n = np.where(stats.n <= EPS * self.total, 0.0, stats.n)
        weights = prior.weights(n.reshape(-1, self.k).T, self.total).T.ravel()
        counts = layout.counts(n, about.shape[1]) + self._prior_count
        if prior.mean_precision > 0.0:
            stats = prior.observe(layout, stats, about)
            n = stats.n
        delta = stats.first / np.where(n == 0.0, np.inf, n)[:, None]
        scatter = stats.scatter - layout.outer(n[:, None] * delta, delta)
        scatter += self._prior_scatter
        mixtures = _side_by_side(len(self.heights), self.k)
        covariances = model.structure.estimate_each(scatter, counts, previous, mixtures)
        return MixtureParams(weights, about + delta, covariances)

    def _m_steps(self, stats: Moments, about: Array, previous: Array) -> MixtureParams:
        """The same by the M-step of one run after the other."""
        images = []
        for first in range(0, len(about), self.k):
            of = slice(first, first + self.k)
            n, sums, scatter = (part[of] for part in stats)
            before = self._of_one(n, about[of], previous[of])
            if self.model.layout.shared:
                scatter = scatter.sum(axis=0)
            weights, means, own = self.model.m_step(Moments(n, sums, scatter), before)
            images.append((weights, means, np.broadcast_to(own, previous[of].shape)))
        return MixtureParams(*map(np.concatenate, zip(*images, strict=True)))

    def _is_regular(self, params: MixtureParams, m: int) -> bool:
        of = slice(m * self.k, (m + 1) * self.k)
        try:
            self.layout.whitening(params.covariances[of])
        except np.linalg.LinAlgError:
            return False
        return True

    def _bound(self, params: MixtureParams) -> _State:
        """Parameters with what their densities need; LinAlgError where there is none."""
        layout, (weights, means, covariances) = self.layout, params
        if self.model.layout.shared:
            factor = np.repeat(layout.whitening(covariances[:: self.k]), self.k, axis=0)
        else:
            factor = layout.whitening(covariances)
        n_all, d = means.shape
        precisions = layout.precisions(factor)
        with np.errstate(divide="ignore"):
            log_weights = np.maximum(np.log(weights), NEVER)
        linear = layout.apply(precisions, means)
        constants = log_weights + layout.log_det(factor, d) + self._constant
        coefficients = np.empty((n_all, self._n_features))
        coefficients[:, 0] = constants - 0.5 * (means * linear).sum(axis=1)
        coefficients[:, 1 : 1 + d] = linear
        coefficients[:, 1 + d :] = layout.coefficients(precisions, n_all)
        return _State(log_weights, means, covariances, factor, precisions, coefficients)


@lru_cache(maxsize=16)
def _side_by_side(n_runs: int, n_components: int) -> SideBySide:
    mixtures = SideBySide(np.full(n_runs, n_components))
    mixtures.thorough = True  # as the M-step of one run
    return mixtures
