r"""Climbs of many small mixtures of the same rows at once.

A mixture is climbed in its statistics :math:`s = (n_k, \sum r x, \sum r x x^\top)`: EM leads from s
to the statistics :math:`G(s)` at the parameters that s gives. What Anderson's method makes of the
last points and images are statistics again, of which the M-step makes a mixture of any structure;
only counts must be positive and scatters positive definite. Where it fails the map is not close to
linear, as on the way from a saddle: then steps go beyond the image, twice as far after each success
and no farther after a failure. A point that is not higher is left for the image of the last one.

References
----------
Walker, H. F. & Ni, P. (2011). Anderson acceleration for fixed-point iterations. SIAM Journal on
Numerical Analysis 49, 1715-1735. doi:10.1137/10078356X

Salakhutdinov, R. & Roweis, S. (2003). Adaptive overrelaxed bound optimization methods. Proceedings
of the 20th International Conference on Machine Learning, 664-671.
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.many_mixtures import Features, ManyMixtures, ManyParams
from emkit.numerics.covariance import Structure

__all__ = ["Climbs", "Place"]

#: Differences that are kept, and the part of their squares by which the regression is shrunk.
ORDER, RIDGE = 5, 1e-10
#: Gain of a step in nats a row below which extrapolation begins.
BEGIN = 1e-3
#: A count of an extrapolation is at least that part of the EM image's.
LEAST_COUNT = 0.1
#: How far beyond the EM image the first step goes where Anderson's method failed, in EM steps, and
#: by how much farther each next one.
BEYOND, FARTHER = 1.0, 2.0
#: Part of the components in mixtures that have ended, from which on the others go on alone.
ENDED = 0.15
#: Part of the rows that is none.
EMPTY = 1e-12
#: Part of the mean covariance in that of a component whose own is singular at the start.
POOLED = 0.1


class Place(NamedTuple):
    """Where a climb has come to."""

    params: ManyParams  #: in the units of the features; also where they are of no mixture
    image: Array  #: (K, n_features) statistics of the next M-step
    log_likelihood: float  #: -inf where a covariance became singular or a component empty
    log_largest: float  #: sum of the logarithms of the largest responsibilities
    n_iter: int
    converged: bool


@dataclass
class _State:
    """Where the mixtures are; by component, then by mixture."""

    point: Array
    image: Array
    weights: Array
    means: Array
    covariances: Array

    height: Array  #: -inf where there is none
    log_largest: Array
    gain: Array
    small: NDArray[np.bool_]  #: whether the last step gained less than tol
    plain: NDArray[np.bool_]  #: whether the next step is that of EM
    beyond: Array  #: how far it goes beyond that; 0 for Anderson's method
    n_iter: NDArray[np.intp]
    converged: NDArray[np.bool_]
    going_on: NDArray[np.bool_]
    number: NDArray[np.intp]  #: of the start

    @property
    def params(self) -> ManyParams:
        return ManyParams(self.weights, self.means, self.covariances)


#: The fields of a state that are by component.
BY_COMPONENT = ("point", "image", *ManyParams._fields)


class Climbs:
    """Mixtures on their way.

    Parameters
    ----------
    features : Features
        The rows.
    structures : list of Structure
        That of each mixture; equal ones follow each other.
    starts : list of ndarray of shape (n_components, n_features)
        Statistics that each starts from.
    """

    def __init__(self, features: Features, structures: list[Structure], starts: list[Array]):
        self.features = features
        m = len(starts)
        self.many = ManyMixtures(features, structures, np.array([len(s) for s in starts]))
        self.places: list[Place | None] = [None] * m
        point = np.concatenate(starts)
        empty = self._has_empty(point)
        before = _unit(point, features.n_columns)
        with np.errstate(all="ignore"):  # some may be of no mixture
            params = self.many.m_step(self._defined(point, empty), before)
            image, heights = self.many.e_step(params)
            singular = heights.log_likelihoods == -np.inf
            if singular.any():
                params = self._pooled(params, singular)
                image, heights = self.many.e_step(params)
        height = np.where(empty, -np.inf, heights.log_likelihoods)
        false = np.zeros(m, dtype=bool)
        self.state = _State(
            point, image, *params, height, heights.log_largest, np.full(m, np.inf), false, ~false,
            np.zeros(m), np.zeros(m, dtype=np.intp), false, height > -np.inf, np.arange(m),
        )  # fmt: skip
        self._residuals: list[Array] = []
        self._images: list[Array] = []
        self._known: list[NDArray[np.bool_]] = []
        self._part(~self.state.going_on)

    def _pooled(self, params: ManyParams, these: NDArray[np.bool_]) -> ManyParams:
        """Parameters with something of the mean covariance in each component of some mixtures."""
        mixtures, covariances = self.many.mixtures, params.covariances
        mean = mixtures.spread(mixtures.sum(covariances) / mixtures.sizes[:, None, None])
        each = mixtures.spread(these)[:, None, None]
        mixed = (1.0 - POOLED) * covariances + POOLED * mean
        return params._replace(covariances=np.where(each, mixed, covariances))

    def climb(self, tol: float, max_iter: int) -> None:
        """At most so many iterations from here, to where steps gain less than tol."""
        for _ in range(max_iter):
            if not self.state.going_on.any():
                break
            self._step(tol)

    def heights(self, n_steps: int) -> tuple[Array, Array]:
        """How high each climb is, and would be after so many steps, each of its last gain."""
        state = self.state
        heights = np.full(len(self.places), -np.inf)
        for i, place in enumerate(self.places):
            if place is not None:
                heights[i] = place.log_likelihood
        reach = heights.copy()
        going_on = state.going_on
        heights[state.number[going_on]] = state.height[going_on]
        reach[state.number[going_on]] = state.height[going_on] + n_steps * state.gain[going_on]
        return heights, reach

    def stop(self, these: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """End some of the climbs, by their starts, where they are; those that had not ended."""
        stopped = these[self.state.number] & self.state.going_on
        out = np.zeros(len(these), dtype=bool)
        out[self.state.number[stopped]] = True
        self._part(stopped)
        return out

    def stop_all(self) -> list[Place]:
        """End all climbs; where each has come to."""
        self._part(self.state.going_on)
        return [place for place in self.places if place is not None]

    def _step(self, tol: float) -> None:
        state = self.state
        target, plain = self._target()
        out = ~state.going_on | self._has_empty(target)
        with np.errstate(all="ignore"):  # an extrapolation may lead anywhere
            params = self.many.m_step(self._defined(target, out), state.params)
            image, heights = self.many.e_step(params)
            height = np.where(out, -np.inf, heights.log_likelihoods)
            gain = height - state.height
        defined = height > -np.inf
        accepted = state.going_on & defined & (plain | (gain > 0.0))
        small = accepted & (gain < tol)
        converged = small & state.small & plain
        lost = state.going_on & plain & ~defined
        self._remember(accepted, target, image)
        self._go(accepted | lost, target, image, params)
        state.height = np.where(accepted | lost, height, state.height)
        state.log_largest = np.where(accepted, heights.log_largest, state.log_largest)
        state.gain = np.where(accepted, gain, state.gain)
        state.n_iter = state.n_iter + state.going_on
        state.beyond = np.where(
            plain,
            state.beyond,
            np.where(accepted, FARTHER * state.beyond, np.where(state.beyond > 0.0, 0.0, BEYOND)),
        )
        # A plain step confirms a small gain, and follows a proposal that was refused.
        far = ~(state.gain < BEGIN * self.features.total_weight)
        state.plain, state.small = far | small | ~accepted, small
        state.converged = converged
        self._part(converged | lost)

    def _target(self) -> tuple[Array, NDArray[np.bool_]]:
        """Statistics to go to, and for which mixtures they are the EM image."""
        state, mixtures = self.state, self.many.mixtures
        if state.plain.all() or not self._known:
            return state.image, np.ones_like(state.plain)
        beyond = mixtures.spread(state.beyond)[:, None]
        proposal = state.image + beyond * (state.image - state.point)
        if not state.beyond.all():
            proposal = np.where(beyond > 0.0, proposal, self._extrapolated())
        too_few = ~(proposal[:, 0] >= LEAST_COUNT * state.image[:, 0])
        plain = state.plain | (mixtures.sum(too_few) > 0)
        return np.where(mixtures.spread(plain)[:, None], state.image, proposal), plain

    def _extrapolated(self) -> Array:
        """Anderson's extrapolation of every mixture from the differences that it has."""
        state, mixtures, known = self.state, self.many.mixtures, np.array(self._known)
        differences = np.array(self._residuals) * known[:, mixtures.mixture, None]
        residual, order = state.image - state.point, np.arange(len(known))
        gram = mixtures.sum(np.einsum("acf,bcf->cab", differences, differences))
        slopes = mixtures.sum(np.einsum("acf,cf->ca", differences, residual))
        largest = gram.diagonal(axis1=1, axis2=2).max(axis=1)
        gram[:, order, order] += np.where(largest > 0.0, RIDGE * largest, 1.0)[:, None]
        gamma = np.linalg.solve(gram, slopes[:, :, None])[:, :, 0]
        steps = np.einsum("ca,acf->cf", mixtures.spread(gamma * known.T), np.array(self._images))
        return state.image - steps

    def _remember(self, accepted: NDArray[np.bool_], target: Array, image: Array) -> None:
        """Differences of the last two points; none of what lies before a refused one."""
        state = self.state
        if len(self._known) == ORDER:
            del self._residuals[0], self._images[0], self._known[0]
        self._known = [known & (accepted | ~state.going_on) for known in self._known]
        self._residuals.append((image - target) - (state.image - state.point))
        self._images.append(image - state.image)
        self._known.append(accepted)

    def _go(
        self, accepted: NDArray[np.bool_], target: Array, image: Array, params: ManyParams
    ) -> None:
        """Go to the points that are accepted."""
        state, each = self.state, self.many.mixtures.spread(accepted)
        for name, new in zip(BY_COMPONENT, (target, image, *params), strict=True):
            if not accepted.all():
                mask = each.reshape(each.shape + (1,) * (new.ndim - 1))
                new = np.where(mask, new, getattr(state, name))
            setattr(state, name, new)

    def _has_empty(self, statistics: Array) -> NDArray[np.bool_]:
        """Which mixtures have a component without rows."""
        filled = statistics[:, 0] > EMPTY * self.features.total_weight
        empty: NDArray[np.bool_] = self.many.mixtures.sum(~filled) > 0
        return empty

    def _defined(self, statistics: Array, out: NDArray[np.bool_]) -> Array:
        """Statistics, with some that any M-step takes in place of those of some mixtures."""
        if not out.any():
            return statistics
        any_step = self.features.of_unit_covariance()
        return np.where(self.many.mixtures.spread(out)[:, None], any_step, statistics)

    def _part(self, ended: NDArray[np.bool_]) -> None:
        """Write down where some climbs ended, and go on without them once they are many."""
        state, mixtures = self.state, self.many.mixtures
        for m in np.flatnonzero(ended):
            of = slice(mixtures.first[m], mixtures.first[m] + mixtures.sizes[m])
            self.places[state.number[m]] = Place(
                params=ManyParams(*(part[of] for part in state.params)),
                image=state.image[of],
                log_likelihood=float(state.height[m]),
                log_largest=float(state.log_largest[m]),
                n_iter=int(state.n_iter[m]),
                converged=bool(state.converged[m]),
            )
        if ended.any():
            state.going_on = state.going_on & ~ended
        left = mixtures.spread(state.going_on).mean()
        if 0.0 < left < 1.0 - ENDED:
            self._keep(state.going_on)

    def _keep(self, which: NDArray[np.bool_]) -> None:
        """Go on with some of the mixtures only."""
        state = self.state
        each = self.many.mixtures.spread(which)
        structures = [s for s, kept in zip(self.many.structures, which, strict=True) if kept]
        self.many = ManyMixtures(self.features, structures, self.many.mixtures.sizes[which])
        for field in fields(state):
            kept = each if field.name in BY_COMPONENT else which
            setattr(state, field.name, getattr(state, field.name)[kept])
        self._residuals = [part[each] for part in self._residuals]
        self._images = [part[each] for part in self._images]
        self._known = [part[which] for part in self._known]


def _unit(statistics: Array, d: int) -> ManyParams:
    """Parameters before the first ones, of which an M-step may take the covariances: unit ones."""
    n_components = len(statistics)
    unit: Any = np.broadcast_to(np.eye(d), (n_components, d, d))
    return ManyParams(np.ones(n_components), np.zeros((n_components, d)), unit)
