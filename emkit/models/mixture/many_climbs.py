r"""Climbs of many small mixtures of the same rows at once.

A mixture is climbed in its statistics :math:`s = (n_k, \sum r x, \sum r x x^\top)`: EM leads from s
to the statistics :math:`G(s)` at the parameters that s gives. What Anderson's method makes of the
last points and images are statistics again, of which the M-step makes a mixture of any structure
whatever; only counts must be positive and scatters positive definite. A point that is not higher is
left for the image of the last one.

References
----------
Walker, H. F. & Ni, P. (2011). Anderson acceleration for fixed-point iterations. SIAM Journal on
Numerical Analysis 49, 1715-1735. doi:10.1137/10078356X
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.many_mixtures import Features, Heights, ManyMixtures, ManyParams
from emkit.numerics.covariance import Structure
from emkit.numerics.covariance.side_by_side import SideBySide

__all__ = ["Climbs", "End"]

#: Differences kept, and the part of their squares by which the regression on them is shrunk.
ORDER, RIDGE = 5, 1e-10
#: Gain of a step in nats a row below which extrapolation begins.
BEGIN = 1e-3
#: A count of an extrapolation is at least that part of the EM image's.
LEAST_COUNT = 0.1
#: Part of the components that have ended, from which on the others go on without them.
ENDED = 0.15
#: A component of less than that part of the rows is empty.
EMPTY = 1e-12


class End(NamedTuple):
    """Where a climb ended."""

    weights: Array
    means: Array
    covariances: Array  #: (K, d, d)
    statistics: Array  #: (K, n_features), of which the parameters are the M-step
    log_likelihood: float  #: -inf where a covariance became singular
    log_largest: float
    n_iter: int
    converged: bool
    image: Array


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
        sizes = np.array([len(start) for start in starts])
        self.many = ManyMixtures(features, structures, sizes)
        self.numbers = np.arange(len(starts))
        self.ends: list[End | None] = [None] * len(starts)
        self.point = np.concatenate(starts)
        d = features.n_columns
        unit = np.broadcast_to(np.eye(d), (len(self.point), d, d))
        before = ManyParams(self.point[:, 0], self.point[:, 1 : 1 + d], unit)
        empty = self._has_empty(self.point)
        self.params, self.image, self.heights = self._evaluate(self.point, before, empty)
        self.n_iter = np.zeros(len(starts), dtype=int)
        self.gain = np.full(len(starts), np.inf)
        self.small = np.zeros(len(starts), dtype=bool)
        self.plain = np.ones(len(starts), dtype=bool)  # whether the next step is that of EM
        self.going_on = self.heights.log_likelihoods > -np.inf
        self._forget()
        self._end(~self.going_on, False)

    def _has_empty(self, statistics: Array) -> NDArray[np.bool_]:
        n = statistics[:, 0]
        total = self.features.total_weight
        return self.many.mixtures.sum(~(n > EMPTY * total)) > 0

    def _evaluate(
        self, statistics: Array, before: ManyParams, hopeless: NDArray[np.bool_]
    ) -> tuple[ManyParams, Array, Heights]:
        """Parameters that statistics give, their EM image, and how high they are.

        Those that are hopeless are not looked at.
        """
        mixtures = self.many.mixtures
        out = mixtures.spread(hopeless)
        if hopeless.any():
            statistics = statistics.copy()
            statistics[out] = 0.0
            statistics[out, 0] = 1.0
            statistics[out, 1 + self.features.n_columns :] = self.features.pairs[0] == self.features.pairs[1]
        with np.errstate(all="ignore"):
            params = self.many.m_step(statistics, before)
            image, heights = self.many.e_step(params)
        if hopeless.any():
            heights.log_likelihoods[hopeless] = -np.inf
        return params, image, heights

    def _forget(self) -> None:
        """Begin a new history."""
        self._residuals: list[Array] = []
        self._images: list[Array] = []
        self._known: list[NDArray[np.bool_]] = []

    def climb(self, tol: float, max_iter: int) -> None:
        """So many iterations at most from here, or until steps gain less than tol."""
        for _ in range(max_iter):
            if not self.going_on.any():
                break
            self._step(tol)

    def _step(self, tol: float) -> None:
        mixtures, plain = self.many.mixtures, self.plain
        target = self.image
        if not plain.all() and self._known:
            proposal = self._proposal()
            least = LEAST_COUNT * self.image[:, 0]
            plain = plain | (mixtures.sum(~(proposal[:, 0] >= least)) > 0)
            target = np.where(mixtures.spread(plain)[:, None], self.image, proposal)
        else:
            plain = np.ones_like(plain)
        hopeless = ~self.going_on | self._has_empty(target)
        params, image, heights = self._evaluate(target, self.params, hopeless)
        gain = heights.log_likelihoods - self.heights.log_likelihoods
        defined = heights.log_likelihoods > -np.inf
        accepted = self.going_on & defined & (plain | (gain > 0.0))
        singular = self.going_on & plain & ~defined
        small = accepted & (gain < tol)
        converged = small & self.small & plain
        self._remember(accepted, target, image)
        self._go(accepted, params, target, image, heights)
        self.n_iter += self.going_on
        self.gain = np.where(accepted, gain, self.gain)
        # A small gain has to be confirmed by a plain step, as has a proposal that was refused.
        begun = self.gain < BEGIN * self.features.total_weight
        self.plain = ~begun | small | (self.going_on & ~accepted)
        self.small = small
        if not accepted.all():
            for known in self._known:
                known &= accepted | ~self.going_on
        self._end(singular | converged, converged)

    def _go(self, accepted, params, target, image, heights) -> None:
        """Go to the points that are accepted."""
        if accepted.all():
            self.params, self.point, self.image, self.heights = params, target, image, heights
            return
        each = self.many.mixtures.spread(accepted)
        here = zip(params, self.params, strict=True)
        self.params = ManyParams(*(np.where(_as(each, new), new, old) for new, old in here))
        self.point = np.where(each[:, None], target, self.point)
        self.image = np.where(each[:, None], image, self.image)
        pairs = zip(heights, self.heights, strict=True)
        self.heights = Heights(*(np.where(accepted, new, old) for new, old in pairs))

    def _remember(self, accepted: NDArray[np.bool_], target: Array, image: Array) -> None:
        """Differences of images, and of what leads to them, of the last two points."""
        if len(self._known) == ORDER:
            del self._residuals[0], self._images[0], self._known[0]
        self._residuals.append((image - target) - (self.image - self.point))
        self._images.append(image - self.image)
        self._known.append(accepted.copy())

    def _proposal(self) -> Array:
        """Anderson's extrapolation of every mixture."""
        mixtures, known = self.many.mixtures, np.array(self._known)
        differences = np.array(self._residuals)
        differences *= known[:, mixtures.mixture, None]
        residual = self.image - self.point
        order = len(known)
        products = np.einsum("acf,bcf->cab", differences, differences)
        gram = mixtures.sum(products)
        slopes = mixtures.sum(np.einsum("acf,cf->ca", differences, residual))
        diagonal = gram.diagonal(axis1=1, axis2=2)
        ridge = RIDGE * diagonal.max(axis=1) + 1e-300
        gram[:, np.arange(order), np.arange(order)] += ridge[:, None]
        gamma = np.linalg.solve(gram, slopes[:, :, None])[:, :, 0]
        gamma = np.where(known.T, gamma, 0.0)
        steps = np.einsum("ca,acf->cf", mixtures.spread(gamma), np.array(self._images))
        return self.image - steps

    def _end(self, ended: NDArray[np.bool_], converged) -> None:
        """Write down where climbs ended, and go on without them."""
        if ended.any():
            self._write(np.flatnonzero(ended), converged)
            self.going_on = self.going_on & ~ended
        left = self.many.mixtures.spread(self.going_on)
        if left.mean() < 1.0 - ENDED and left.any():
            self.keep(self.going_on)

    def _write(self, which: NDArray[np.intp], converged) -> None:
        converged = np.broadcast_to(converged, self.going_on.shape)
        for m in which:
            first = self.many.mixtures.first[m]
            of = slice(first, first + self.many.mixtures.sizes[m])
            self.ends[self.numbers[m]] = End(
                *(part[of] for part in self.params),
                self.point[of],
                float(self.heights.log_likelihoods[m]) if self.going_on[m] and (converged[m] or not self.stopped) else -np.inf,
                float(self.heights.log_largest[m]),
                int(self.n_iter[m]),
                bool(converged[m]),
                self.image[of],
            )

    stopped = True

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Go on with some of the mixtures only."""
        each = self.many.mixtures.spread(which)
        structures = [s for s, kept in zip(self.many.structures, which, strict=True) if kept]
        self.many = ManyMixtures(self.features, structures, self.many.mixtures.sizes[which])
        self.params = ManyParams(*(part[each] for part in self.params))
        self.point, self.image = self.point[each], self.image[each]
        self._residuals = [part[each] for part in self._residuals]
        self._images = [part[each] for part in self._images]
        self._known = [part[which] for part in self._known]
        self.heights = Heights(*(part[which] for part in self.heights))
        self.numbers, self.n_iter = self.numbers[which], self.n_iter[which]
        self.gain, self.small, self.plain = self.gain[which], self.small[which], self.plain[which]
        self.going_on = self.going_on[which]


def _as(mask: NDArray[np.bool_], like: Array) -> NDArray[np.bool_]:
    return mask.reshape(mask.shape + (1,) * (like.ndim - 1))
