"""Starts of many small mixtures: some iterations from each, and to the end from the best.

Mixtures of as many components have the same starts, whatever their structures. Of each the first
start and the best of the others are climbed to the end. One that ends in no model (a singular
covariance, two components that are one, rows that agree in some direction) makes room for the next;
one that falls behind another of its mixture is left where it is. Where components become too narrow
for features, or stay beside the saddle at which two of them are one, others have to go on.

At last every mixture is climbed on from where others ended: from the rows as the best of another
structure assigns them, with two components of one more as one, and with one of one fewer as two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.many_climbs import Climbs, Place
from emkit.models.mixture.many_mixtures import Features, ManyParams
from emkit.models.mixture.neighbours import merged, parted
from emkit.models.mixture.overlap import ALIKE, ONE, least_divergences
from emkit.models.mixture.resolution import are_resolved
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Structure
from emkit.numerics.covariance.side_by_side import SideBySide

__all__ = ["Contest", "Rules", "race", "race_from_each_other"]

#: Iterations between two looks at which climbs have fallen behind.
LOOK = 5
#: A climb is left if so many steps, each of its last gain, would not take it to the highest.
PATIENCE = 50
#: Variances less than so many times the rounding of the squares of a column are not seen.
ROUGH = 64.0


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
    n_rounds: int = 0  #: how often climbs have gone to the end
    unsettled: list[Place] = field(default_factory=list)  #: from which others have to go on

    @property
    def best(self) -> Place | None:
        """The highest that ended; the first of those that are as high."""
        return max(self.ended, key=lambda place: place.log_likelihood, default=None)

    @property
    def higher(self) -> list[Place]:
        """The first two of the unsettled places that may lead higher than the best.

        How high those are that are too narrow for features is not known.
        """
        best = -np.inf if self.best is None else self.best.log_likelihood
        heights = [place.log_likelihood for place in self.unsettled]
        may = [height == -np.inf or height > best for height in heights]
        return list(compress(self.unsettled, may))[:2]

    def bic(self, features: Features) -> float:
        """BIC of the best."""
        k, d = self.n_components, features.n_columns
        free = k * (1 + d) - 1 + self.structure.n_parameters(k, d)
        height = self.best.log_likelihood if self.best else -np.inf
        return free * log(features.total_weight) - 2.0 * height

    def enter(self, places: Sequence[Place], first: bool) -> None:
        """Climbs that have begun wait, the highest before others; but the first, where that goes on
        in any case."""
        kept, others = list(places[:first]), list(places[first:])
        others.sort(key=lambda place: -place.log_likelihood)
        self.waiting = [place for place in kept + others if place.log_likelihood > -np.inf]

    def next(self, finalists: int) -> list[Place]:
        """The climbs that go on next, where so many are to end; all, where none of those did."""
        if not self.ended:
            self.waiting, self.left = self.left + self.waiting, []
        n = finalists - len(self.ended) - len(self.left)
        if self.in_vain:
            n = len(self.waiting)
        chosen, self.waiting = self.waiting[: max(n, 0)], self.waiting[max(n, 0) :]
        self.n_rounds += 1
        return chosen

    @property
    def in_vain(self) -> bool:
        """Whether none of those that went to the end led to a model."""
        return self.n_rounds > 0 and not self.ended


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
    own = [starts[contest.n_components] for contest in contests]
    _begin(features, contests, own, rules, first=True)
    while finals := [(c, place) for c in contests for place in c.next(rules.finalists)]:
        _to_the_end(features, finals, rules)


def race_from_each_other(features: Features, contests: Sequence[Contest], rules: Rules) -> None:
    """Climb each mixture on from where others ended, the best of these starts to the end."""
    ended = {(c.structure, c.n_components): c.best for c in contests if c.best is not None}
    best: dict[int, Contest] = {}  # by BIC, of each number of components
    for contest in contests:
        k = contest.n_components
        if k not in best or contest.bic(features) < best[k].bic(features):
            best[k] = contest
    starts = []
    for contest in contests:
        structure, k = contest.structure, contest.n_components
        own = []
        if best[k] is not contest and (donor := best[k].best) is not None:
            own.append(donor.image)
        if (larger := ended.get((structure, k + 1))) is not None:
            own.append(merged(features, larger.image))
        if (smaller := ended.get((structure, k - 1))) is not None:
            own.append(parted(features, smaller.image))
        starts.append(own)
    _begin(features, contests, starts, rules, first=False)
    finals = [(contest, place) for contest in contests for place in contest.waiting[:1]]
    _to_the_end(features, finals, rules)


def _begin(
    features: Features,
    contests: Sequence[Contest],
    starts: Sequence[Sequence[Array]],
    rules: Rules,
    *,
    first: bool,
) -> None:
    """Some iterations from every start of each mixture."""
    entered = [c for c, own in zip(contests, starts, strict=True) for _ in own]
    if not entered:
        return
    structures = [contest.structure for contest in entered]
    climbs = Climbs(features, structures, [start for own in starts for start in own])
    climbs.climb(rules.tol, rules.n_iter)
    places = climbs.stop_all()
    _book_narrow(entered, features, places, rules.resolved)
    begun = iter(places)
    for contest, own in zip(contests, starts, strict=True):
        contest.enter(list(islice(begun, len(own))), first)


def _to_the_end(features: Features, finals: list[tuple[Contest, Place]], rules: Rules) -> None:
    """Climb on from some places, and book where that ends."""
    if not finals:
        return
    entered = [contest for contest, _ in finals]
    structures = [contest.structure for contest in entered]
    climbs = Climbs(features, structures, [place.image for _, place in finals])
    numbers: dict[int, int] = {}
    groups = np.array([numbers.setdefault(id(c), len(numbers)) for c in entered])
    floor = np.full(len(numbers), -np.inf)
    floor[groups] = [c.best.log_likelihood if c.best else -np.inf for c in entered]
    # Those that are highest may be about to collapse, where others have.
    all_go_on = np.array([c.n_rounds > 1 and not c.ended for c in entered])
    behind = np.zeros(len(finals), dtype=bool)
    for _ in range(0, rules.max_iter - rules.n_iter, LOOK):
        if not climbs.state.going_on.any():
            break
        behind |= _stop_those_behind(climbs, groups, floor, all_go_on)
        climbs.climb(rules.tol, LOOK)
    places = climbs.stop_all()
    _book_narrow(entered, features, places, rules.resolved)
    apart = _divergences(structures, places, rules.resolved)
    for i, (contest, before) in enumerate(finals):
        place = places[i]._replace(n_iter=places[i].n_iter + before.n_iter)
        if behind[i]:
            contest.left.append(place)
        elif apart[i] >= ONE:
            contest.ended.append(place)
        elif apart[i] >= ALIKE:
            contest.unsettled.append(place)


def _stop_those_behind(
    climbs: Climbs, groups: NDArray[np.intp], floor: Array, exempt: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Stop those that cannot be expected to reach the highest of their group; which they are."""
    heights, reach = climbs.heights(PATIENCE)
    best = floor.copy()
    np.maximum.at(best, groups, heights)
    return climbs.stop((reach < best[groups]) & ~exempt)


def _book_narrow(
    contests: list[Contest], features: Features, places: list[Place], least: Array
) -> None:
    """Note the places that may be lost because features are too coarse for them.

    Not so are those with a component of its own variances and fewer rows than columns, or of rows
    that agree to rounding.
    """
    lost = [i for i, place in enumerate(places) if place.log_likelihood == -np.inf]
    if not lost:
        return
    contests, places = [contests[i] for i in lost], [places[i] for i in lost]
    enough = (1.0 + features.n_columns) / features.table.shape[1]
    resolved = _resolved([contest.structure for contest in contests], places, least)
    visible = (
        least > ROUGH * EPS * np.square(features.table).max(axis=1)[1 : 1 + len(least)]
    ).all()
    for contest, place, varies in zip(contests, places, resolved, strict=True):
        filled = contest.structure.pools_variances or (place.params.weights >= enough).all()
        if (varies or not visible) and filled:
            contest.unsettled.append(place)


def _divergences(structures: list[Structure], places: list[Place], least: Array) -> Array:
    """Least divergence of two components of each place; -inf where it is no model."""
    apart = np.full(len(places), -np.inf)
    some = [i for i, place in enumerate(places) if place.log_likelihood > -np.inf]
    if some:
        structures, places = [structures[i] for i in some], [places[i] for i in some]
        _, means, covariances = _joined(places)
        divergences = least_divergences(means, covariances, _side_by_side(places))
        apart[some] = np.where(_resolved(structures, places, least), divergences, -np.inf)
    return apart


def _resolved(structures: list[Structure], places: list[Place], least: Array) -> NDArray[np.bool_]:
    """In which of some places the rows of every component vary."""
    n_axes = np.array([structure.layout.ndim for structure in structures])
    weights, means, covariances = _joined(places)
    defined: Any = np.isfinite(covariances).all(axis=(1, 2)) & np.isfinite(means).all(axis=1)
    means = np.where(defined[:, None], means, 0.0)
    covariances = np.where(defined[:, None, None], covariances, 0.0)
    mixtures = _side_by_side(places)
    return are_resolved(n_axes, weights, means, covariances, least, mixtures)


def _side_by_side(places: list[Place]) -> SideBySide:
    return SideBySide(np.array([len(place.params.weights) for place in places]))


def _joined(places: list[Place]) -> ManyParams:
    parts = zip(*(place.params for place in places), strict=True)
    return ManyParams(*(np.concatenate(part) for part in parts))
