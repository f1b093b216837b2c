"""Starts of a mixture of which the classes of some rows are known.

Rows without a label are shared out evenly, as R's mclust does, or by the means of the classes, or
by k-means that keeps to the labels; EM tells which is best. Where rows are to be classified, that
is not the likelihood alone, of which the few labels are a small part and clusters may be more:
starts are judged, too, by how likely the labels are given their rows. Where each class has one
component and all rows have a label, the start is the maximum.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.posterior import soft
from emkit.models.agglomeration import sphered
from emkit.models.kmeans import squared_distances
from emkit.models.labels import Labels
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.partitions import views_of
from emkit.models.mixture.single_normal import complete_rows
from emkit.models.mixture.starts import override, sample_size
from emkit.models.rows import Rows

__all__ = ["LabelledStart", "with_all_labels"]

Components = NDArray[np.intp]

#: Most rounds of k-means, and EM steps by which the best start is chosen.
ROUNDS, STEPS = 30, 10
#: What a row with a label weighs in the first of these, in rows without; at the end they weigh
#: alike. Of ten handwritten digits, 5 % with a label, 0.2 to 1 % more are put right so.
FIRST_WEIGHT = 10.0
#: Nats a row by which starts differ that are equally good.
EQUAL_HEIGHT = 1e-7


@dataclass(frozen=True)
class LabelledStart:
    """Draws one start, as ``draw_start`` of a model; its data are `Rows` with labels."""

    n_components: int
    parts: MixtureParams  #: what is given, in the model's units; None for what is drawn

    def __call__(
        self, model: GaussianMixtureModel, data: Rows, rng: np.random.Generator
    ) -> MixtureParams:
        rows = with_all_labels(data, sample_size(self.n_components, data.shape[1]), rng)
        if rows.incomplete:
            rows = complete_rows(model, rows, rng)
        assert rows.labels is not None
        weights = np.ones(len(rows.X)) if rows.sample_weight is None else rows.sample_weight
        candidates = _candidates(rows.X, weights, rows.labels, rng)
        return model.retract(override(_best(model, rows, candidates), self.parts))


def with_all_labels(data: Rows, size: int, rng: np.random.Generator) -> Rows:
    """The rows with a label and a sample of the others, which weighs what all of them do."""
    assert data.labels is not None
    known = data.labels.known
    unknown = np.flatnonzero(~known)
    if len(unknown) <= 2 * size:
        return data
    others = data.take(unknown)
    drawn, times = np.unique(unknown[others.draw(size, rng)], return_counts=True)
    weights = np.ones(len(data.X)) if data.sample_weight is None else data.sample_weight.copy()
    weights[drawn] = times * (others.total_weight / size)
    kept = data._replace(sample_weight=weights).take(np.union1d(np.flatnonzero(known), drawn))
    return kept._replace(groups=Rows.of(kept.X).groups)


def _candidates(X: Array, weights: Array, labels: Labels, rng: np.random.Generator) -> list[Array]:
    """Responsibilities (K, n) of complete rows that EM may start from."""
    n_components, allowed = len(labels.of_components), labels.allow()
    if (allowed.sum(axis=0) == 1).all():  # labels say it all
        return [allowed.astype(float)]
    # Where each class has one component, labels say all that the first two ask k-means for.
    drawn = len(labels.several_or_unseen()) > 0
    views = [np.ascontiguousarray(view.T) for view in views_of(X, rng, weights)]
    if not (drawn or labels.clusters):
        views = views[-2:]  # nothing random is in these, and one start is as good as many
    partitions = [_kmeans(view, weights, labels, rng) for view in views]
    told = partitions if drawn else partitions[:1]
    found = [_shared_evenly(labels, components) for components in told]
    axes = np.ascontiguousarray(sphered(X, weights).T)
    found += [_by_means(axes, weights, labels, components) for components in told]
    return found + [one_hot(components, n_components)(slice(None)) for components in partitions]


def _shared_evenly(labels: Labels, components: Components) -> Array:
    """Rows without a label belong to all components alike, but for those nearest to an unseen one.

    An unseen class would else be every row, and two of them one.
    """
    resp = one_hot(components, len(labels.of_components))(slice(None))
    seen = np.isin(labels.of_components, labels.of_rows)
    open_ = ~labels.known & seen[components]
    resp[:, open_] = (seen / seen.sum())[:, None]
    return resp


def _by_means(x: Array, weights: Array, labels: Labels, components: Components) -> Array:
    """Rows x (d, n) without a label by normals about means of rows with one, as wide as all rows.

    An unseen class has the mean of the rows that are nearest to it.
    """
    of, n_components = labels.of_components, len(labels.of_components)
    seen = np.isin(of, labels.of_rows)
    told = np.where(labels.known | ~seen[components], weights, 0.0)
    resp = one_hot(components, n_components)(slice(None)) * told
    n = resp.sum(axis=1)[:, None]
    means = resp @ x.T / np.where(n > 0.0, n, 1.0)
    return soft(labels.restrict(-0.5 * squared_distances(x, means)))[0]


def _kmeans(x: Array, weights: Array, labels: Labels, rng: np.random.Generator) -> Components:
    """Components of rows x (d, n) by k-means, each row to the nearest that its label allows."""
    forbidden, centers = ~labels.allow(), _seeds(x, weights, labels, rng)
    nearest = np.full(x.shape[1], -1)
    for _ in range(ROUNDS):
        before, away = nearest, squared_distances(x, centers)
        away[forbidden] = np.inf
        nearest = away.argmin(axis=0)
        if np.array_equal(before, nearest):
            break
        resp = one_hot(nearest, len(centers))(slice(None)) * weights
        n = resp.sum(axis=1)[:, None]
        centers = np.where(n > 0.0, resp @ x.T / np.where(n > 0.0, n, 1.0), centers)
    return nearest


def _seeds(x: Array, weights: Array, labels: Labels, rng: np.random.Generator) -> Array:
    """First centres (K, d): the mean of a class, or rows of it far from each other (k-means++)."""
    of = labels.of_components
    members = [labels.of_rows == c for c in of]
    seen = np.array([some.any() for some in members])
    centers = np.full((len(of), len(x)), np.nan)
    for k in np.argsort(~seen, kind="stable"):
        if seen[k] and (of == of[k]).sum() == 1:
            centers[k] = x[:, members[k]] @ weights[members[k]] / weights[members[k]].sum()
            continue
        # Of a class that nobody has seen any row without a label may be one.
        rows = np.flatnonzero(members[k] if seen[k] else ~labels.known)
        rivals = centers[(of == of[k]) | ~seen[k]]
        rivals = rivals[~np.isnan(rivals).any(axis=1)]
        apart = squared_distances(x[:, rows], rivals).min(axis=0) if len(rivals) else 1.0
        mass = weights[rows] * apart
        if not mass.any():  # all rows equal centres
            mass = weights[rows]
        centers[k] = x[:, rng.choice(rows, p=mass / mass.sum())]
    return centers


def _best(model: GaussianMixtureModel, data: Rows, candidates: list[Array]) -> MixtureParams:
    """The M-step from the best of the candidates, and some EM steps where there are several.

    The best by the objective after these, and of those that end in one place the first.
    """
    first = _m_step(model, data, candidates[0])
    if len(candidates) == 1:
        return first
    best, height = first, -np.inf
    for resp in candidates:
        with suppress(np.linalg.LinAlgError):  # one that collapses
            params = _m_step(model, data, resp)
            for weight in np.linspace(FIRST_WEIGHT, 1.0, STEPS):
                weighed = _with_weight_of_labels(data, weight)
                params = model.m_step(model.e_step(weighed, params)[0], params)
            reached = model.e_step(data, params)[1] + model.log_prior(params)
            reached += _told(model, data, params)
            if reached > height + EQUAL_HEIGHT * data.total_weight:
                best, height = params, reached
    return best


def _told(model: GaussianMixtureModel, data: Rows, params: MixtureParams) -> float:
    """Log-probability of the labels given their rows, counted as if all rows had one.

    0 for clusters, and where a class has no labelled rows, of which these would not tell.
    """
    assert data.labels is not None
    if data.labels.clusters or not data.labels.all_seen():
        return 0.0
    known = data.take(np.flatnonzero(data.labels.known))
    of_both = model.e_step(known, params)[1]
    of_rows = model.e_step(known.unlabelled(), params)[1]
    return float(of_both - of_rows) * data.total_weight / known.total_weight


def _with_weight_of_labels(data: Rows, times: float) -> Rows:
    """The rows, of which those with a label weigh so many times as much."""
    assert data.labels is not None
    weights = np.where(data.labels.known, times, 1.0)
    return data._replace(
        sample_weight=weights if data.sample_weight is None else weights * data.sample_weight
    )


def _m_step(model: GaussianMixtureModel, data: Rows, resp: Array) -> MixtureParams:
    return model.from_partition(data, len(resp), lambda rows: resp[:, rows])
