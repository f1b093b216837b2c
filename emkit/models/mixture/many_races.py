"""Starts of many small mixtures: some iterations from each, and to the end from the best.

Mixtures of as many components have the same starts, whatever their structures. Of each the first
start and the best of the others are climbed to the end. One that ends in no model (a singular
covariance, two components that are one, rows that agree in some direction) makes room for the next;
one that falls behind another of its mixture is left where it is. Where it ends because components
are too narrow for features, but such that there may be a maximum, this is no place to tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.many_climbs import Climbs, Place
from emkit.models.mixture.many_mixtures import Features, ManyParams
from emkit.models.mixture.overlap import any_alike
from emkit.models.mixture.resolution import are_resolved
from emkit.numerics.covariance import Structure
from emkit.numerics.covariance.side_by_side import SideBySide

__all__ = ["Contest", "Rules", "race"]

#: Iterations between two looks at which climbs have fallen behind.
LOOK = 5
#: A climb is left if so many steps, each of its last gain, would not take it to the highest.
PATIENCE = 50


class Rules(NamedTuple):
    """How starts are raced."""

    n_iter: int  #: iterations from every start
    finalists: int  #: how many of each mixture are climbed to the end
    tol: float  #: gain of a step, in nats, below which a climb has converged
    max_iter: int
    resolved: Array  #: (d,) smallest variance that is not that of equal rows


@dataclass
class Contest:
    """A mixture, and how its climbs stand."""

    structure: Structure
    n_components: int
    waiting: list[Place] = field(default_factory=list)  #: from which climbs may go on
    left: list[Place] = field(default_factory=list)  #: behind one that has not ended yet
    ended: list[Place] = field(default_factory=list)
    unclear: bool = False  #: whether a climb ended for another reason than that there is no model

    @property
    def best(self) -> Place | None:
        """The highest that ended; the first of those that are as high."""
        return max(self.ended, key=lambda place: place.log_likelihood, default=None)

    def next(self, finalists: int) -> list[Place]:
        """The climbs that go on next."""
        if not self.ended:
            self.waiting, self.left = self.left + self.waiting, []
        n = max(finalists - len(self.ended) - len(self.left), 0)
        chosen, self.waiting = self.waiting[:n], self.waiting[n:]
        return chosen


def race(
    features: Features,
    contests: Sequence[Contest],
    starts: Mapping[int, Sequence[Array]],
    rules: Rules,
) -> None:
    """Climb each mixture from the starts of its number of components.

    Parameters
    ----------
    features : Features
        The rows.
    contests : sequence of Contest
        Mixtures, those of one structure one after the other; what comes of them is put into them.
    starts : mapping from int to sequence of ndarray of shape (n_components, n_features)
        Statistics, by the number of components.
    rules : Rules
    """
    entries = [(contest, start) for contest in contests for start in starts[contest.n_components]]
    climbs = Climbs(features, [entry[0].structure for entry in entries], [e[1] for e in entries])
    climbs.climb(rules.tol, rules.n_iter)
    places = climbs.stop_all()
    _book_unclear([entry[0] for entry in entries], features, places, rules.resolved)
    for (contest, _), place in zip(entries, places, strict=True):
        contest.waiting.append(place)
    for contest in contests:
        first, *others = contest.waiting
        others.sort(key=lambda place: -place.log_likelihood)
        contest.waiting = [p for p in (first, *others) if p.log_likelihood > -np.inf]
    while True:
        finals = [(c, place) for c in contests for place in c.next(rules.finalists)]
        if not finals:
            break
        _to_the_end(features, finals, rules)


def _to_the_end(features: Features, finals: list[tuple[Contest, Place]], rules: Rules) -> None:
    """Climb on from some places, and book where that ends."""
    structures = [contest.structure for contest, _ in finals]
    climbs = Climbs(features, structures, [place.image for _, place in finals])
    numbers: dict[int, int] = {}
    groups = np.array([numbers.setdefault(id(c), len(numbers)) for c, _ in finals])
    behind = np.zeros(len(finals), dtype=bool)
    for _ in range(0, rules.max_iter - rules.n_iter, LOOK):
        if not climbs.state.going_on.any():
            break
        climbs.climb(rules.tol, LOOK)
        behind |= _stop_those_behind(climbs, groups)
    places = climbs.stop_all()
    entered = [contest for contest, _ in finals]
    _book_unclear(entered, features, places, rules.resolved)
    sound = _are_sound(structures, places, rules.resolved)
    for i, (contest, before) in enumerate(finals):
        place = places[i]._replace(n_iter=places[i].n_iter + before.n_iter)
        if behind[i]:
            contest.left.append(place)
        elif sound[i]:
            contest.ended.append(place)


def _stop_those_behind(climbs: Climbs, groups: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Stop those that cannot be expected to reach the highest of their group; which they are."""
    heights, reach = climbs.heights(PATIENCE)
    best = np.full(groups.max() + 1, -np.inf)
    np.maximum.at(best, groups, heights)
    return climbs.stop(reach < best[groups])


def _book_unclear(
    contests: list[Contest], features: Features, places: list[Place], least: Array
) -> None:
    """Note which contests have a climb that ended beyond what features tell."""
    lost = [i for i, place in enumerate(places) if place.log_likelihood == -np.inf]
    if not lost:
        return
    contests, places = [contests[i] for i in lost], [places[i] for i in lost]
    enough = (1.0 + features.n_columns) / features.total_weight
    resolved = _resolved([contest.structure for contest in contests], places, least)
    for contest, place, varies in zip(contests, places, resolved, strict=True):
        contest.unclear |= bool(varies and (place.params.weights >= enough).all())


def _are_sound(structures: list[Structure], places: list[Place], least: Array) -> NDArray[np.bool_]:
    """Which of some places are mixtures of components that differ, each of rows that do."""
    sound = np.array([place.log_likelihood > -np.inf for place in places])
    if not sound.any():
        return sound
    some = np.flatnonzero(sound)
    structures, places = [structures[i] for i in some], [places[i] for i in some]
    _, means, covariances = _joined(places)
    mixtures = _side_by_side(places)
    sound[some] = _resolved(structures, places, least) & ~any_alike(means, covariances, mixtures)
    return sound


def _resolved(structures: list[Structure], places: list[Place], least: Array) -> NDArray[np.bool_]:
    """In which of some places the rows of every component vary."""
    n_axes = np.array([structure.layout.ndim for structure in structures])
    weights, means, covariances = _joined(places)
    broken = ~(np.isfinite(covariances).all(axis=(1, 2)) & np.isfinite(means).all(axis=1))
    means = np.where(broken[:, None], 0.0, means)
    covariances = np.where(broken[:, None, None], 0.0, covariances)
    mixtures = _side_by_side(places)
    return are_resolved(n_axes, weights, means, covariances, least, mixtures)


def _side_by_side(places: list[Place]) -> SideBySide:
    return SideBySide(np.array([len(place.params.weights) for place in places]))


def _joined(places: list[Place]) -> ManyParams:
    parts = zip(*(place.params for place in places), strict=True)
    return ManyParams(*(np.concatenate(part) for part in parts))
