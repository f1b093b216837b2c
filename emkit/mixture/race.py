"""Race: starts of several kinds, a few iterations from each, and to the end from the best."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

import numpy as np

from emkit.engine import Climber, EMResult, Search, Start, StopReason
from emkit.engine.blocks import Blocks
from emkit.engine.budget import check_steps, few_steps
from emkit.engine.starts import Outcome, joined
from emkit.mixture.initial import RandomStart
from emkit.mixture.mixed import divergences_of, numbers_alone
from emkit.models.mixed.local_dependence import LocalDependence
from emkit.models.mixed.rows import CodedRows
from emkit.models.mixture.collapse import mostly_ridge
from emkit.models.mixture.interval_cells import filled_by_columns
from emkit.models.mixture.noise import NoisyParams, clusters_of
from emkit.models.mixture.overlap import ALIKE, least_divergences
from emkit.models.mixture.resolution import is_resolved, resolved_variances
from emkit.models.mixture.starts import STARTS
from emkit.models.rows import Rows
from emkit.numerics.covariance.side_by_side import SideBySide

__all__ = ["KINDS", "Race", "kinds_of"]

#: Kinds of starts in the order in which they are drawn. The partitions see clusters that are
#: apart, in columns as they are and turned; random rows get into places that partitions never do.
KINDS = ("hierarchical", "kmeans", "random_from_data", "sphered_kmeans", "k-means++")
#: In one column nothing is turned, and equal parts divide a long tail.
KINDS_OF_ONE_COLUMN = ("quantiles", "hierarchical", "kmeans", "random_from_data", "k-means++")
#: The kind that is tried where the components collapse from all others, and how often.
LAST_KIND, LAST_TRIES = "random_from_data", 10
#: Part of the mean covariance in that of a component whose own is singular at the start.
POOLED = 0.1


@dataclass(frozen=True)
class Race(Search):
    """Starts of several kinds, a few iterations from each, then the first and the best to the end.

    A run in which a component collapses (its rows agree in some direction, and the likelihood has
    no maximum there) is out, however high it climbs, and so is one that ends with two components
    that are one and the same, or with one that has no rows; the next one goes on. Where all are
    out, random rows are tried ten times more.

    Parameters
    ----------
    kinds : tuple of str, default=None
        Kinds of starts, as ``init_params`` of `EMGaussianMixture`, in turn: ``n_init`` of them.
        None is 'hierarchical', 'kmeans', 'random_from_data', 'sphered_kmeans', 'k-means++'; of
        one column 'quantiles', 'hierarchical', 'kmeans', 'random_from_data', 'k-means++'.
    n_iter : int, default=10
        Plain EM iterations of a short run.
    finalists : int, default=2
        How many are climbed to the end: the first start, so that more starts are never worse than
        one, and the best of the others.

    References
    ----------
    Biernacki, C., Celeux, G. & Govaert, G. (2003). Choosing starting values for the EM algorithm
    for getting the highest likelihood in multivariate Gaussian mixture models. Computational
    Statistics & Data Analysis 41, 561-575. doi:10.1016/S0167-9473(02)00163-9

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.mixture import Race
    >>> mixture = EMGaussianMixture(3, n_init=5, search=Race(), random_state=0)
    >>> len(mixture.fit(load_iris().data).runs_)
    5
    """

    kinds: tuple[str, ...] | None = None
    n_iter: int = 10
    finalists: int = 2

    def __post_init__(self) -> None:
        if self.kinds is not None and not (self.kinds and set(self.kinds) <= set(STARTS)):
            raise ValueError(f"kinds must hold at least one of {list(STARTS)}. Got {self.kinds!r}.")
        check_steps(self.n_iter)
        if self.finalists < 1:
            raise ValueError(f"finalists must be at least 1. Got {self.finalists!r}.")

    def __call__(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for wave in self._waves(climber, starts):
            outcomes += self._run(climber, wave)
            if any(_is_sound(outcome) for outcome in outcomes):
                break
        return outcomes

    def _waves(self, climber: Climber, starts: list[Start]) -> Iterator[list[Start]]:
        """The starts, each drawn by its kind; others where none of them led anywhere."""
        model: Any = climber.model
        draws = model.draw_start
        if not isinstance(draws, RandomStart) or starts[0].params is not None:
            yield starts
            if isinstance(model, LocalDependence) and starts[0].params is None:
                yield list(climber.draw(LAST_TRIES))
            return
        if draws.n_components == 1:  # wherever it begins, its M-step is the maximum
            starts = starts[:1]
        n_columns = len(clusters_of(model).units.shift)
        kinds = islice(cycle(self.kinds or kinds_of(n_columns)), len(starts))
        yield [_drawn(climber, *pair) for pair in zip(starts, kinds, strict=True)]
        if self.kinds is None and draws.n_components > 1:
            yield [_drawn(climber, start, LAST_KIND) for start in climber.draw(LAST_TRIES)]

    def _run(self, climber: Climber, starts: list[Start]) -> list[Outcome]:
        """Outcomes of a short run from each start, of the best ones of a long run."""
        outcomes = climber(starts, few_steps(climber, self.n_iter, None))
        left = self.finalists
        others = sorted(range(1, len(starts)), key=lambda i: -_height(outcomes[i]))
        for i in (0, *others):
            if left == 0 or not _is_sound(outcomes[i]):
                continue
            outcomes[i] = _judged(climber, _to_the_end(climber, starts[i], outcomes[i]))
            left -= _is_sound(outcomes[i])
        return outcomes


def kinds_of(n_columns: int) -> tuple[str, ...]:
    """The usual kinds of starts in tables of so many columns."""
    return KINDS if n_columns > 1 else KINDS_OF_ONE_COLUMN


def _drawn(climber: Climber, start: Start, kind: str) -> Start:
    """A start with the parameters that one kind of draw gives it."""
    model: Any = climber.model
    data, rng = climber.data, np.random.default_rng(start.seed)
    params = replace(model.draw_start, method=kind)(model, _some_rows(data, rng), rng)
    return start._replace(params=_defined(model, params))


def _some_rows(data: Any, rng: np.random.Generator) -> Any:
    """All rows, or, where they lie in blocks that are not in memory, those of one.

    Cells that are known to an interval are filled.
    """
    rows = data.start_block(rng) if isinstance(data, Blocks) else data
    return filled_by_columns(rows) if isinstance(rows, Rows) else rows


def _defined(model: Any, params: Any) -> Any:
    """Parameters with something of the mean covariance in each, where one is singular."""
    if isinstance(params, NoisyParams):
        return params._replace(clusters=_defined(model.clusters, params.clusters))
    try:
        model.components(params)
    except np.linalg.LinAlgError:
        covariances = params.covariances
        mixed = (1.0 - POOLED) * covariances + POOLED * model.layout.pool(covariances)
        return model.retract(params._replace(covariances=mixed))
    return params


def _to_the_end(climber: Climber, start: Start, short: Outcome) -> Outcome:
    """A run that was cut short, gone on with."""
    assert isinstance(short, EMResult)
    most = climber.options.max_iter - short.n_iter
    if most <= 0 or short.reason != StopReason.MAX_ITER:
        return short
    (long,) = climber([climber.again(start, short.params)], replace(climber.options, max_iter=most))
    return joined(short, long)


def _judged(climber: Climber, outcome: Outcome) -> Outcome:
    """An outcome; if it shows fewer components than asked for, as one that ended in no model."""
    model: Any = climber.model
    if not isinstance(outcome, EMResult) or not _is_sound(outcome):
        return outcome
    params = clusters_of(outcome.params)
    empty = bool((params.weights == 0.0).any())
    if isinstance(model, LocalDependence):
        alike = bool((divergences_of(model, outcome.params) < ALIKE).any())
    else:
        covariances = clusters_of(model).covariances_of(params)
        one = SideBySide(np.array([len(covariances)]))
        alike = bool(least_divergences(params.means, covariances, one)[0] < ALIKE)
    if not (empty or alike or _collapsed(climber, outcome.params)):
        return outcome
    return replace(outcome, converged=False, reason=StopReason.INFEASIBLE)


def _collapsed(climber: Climber, params: Any) -> bool:
    """Whether a component has no variance of its own in some direction."""
    model, params = numbers_alone(climber.model, params)
    if model is None:
        return False
    if model.prior.ridge.any():
        return bool(mostly_ridge(model, climber.data, params).collapsed)
    rows = _some_rows(climber.data, np.random.default_rng(0))
    if isinstance(rows, CodedRows):
        rows = rows.numbers
    return not is_resolved(model, params, resolved_variances(model, rows))


def _is_sound(outcome: Outcome) -> bool:
    return outcome.reason != StopReason.INFEASIBLE


def _height(outcome: Outcome) -> float:
    return outcome.objective if _is_sound(outcome) else -np.inf
