"""Starts of a mixture of which the classes of some rows are known: k-means that respects them.

A row with a label belongs to the nearest centre among the components of its class, every other row
to the nearest of all. Where each class has one component and all rows have a label, the start is
the maximum.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.kmeans import squared_distances
from emkit.models.labels import Labels
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.partitions import views_of
from emkit.models.mixture.single_normal import complete_rows
from emkit.models.mixture.starts import override, sample_size
from emkit.models.rows import Rows

__all__ = ["LabelledStart"]

#: Most rounds of k-means, and EM steps by which the best of its partitions is chosen.
ROUNDS, STEPS = 30, 10
#: Nats a row by which partitions differ that are equally good.
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
        if (rows.labels.allow().sum(axis=0) == 1).all():  # nothing is left to draw
            best = _from_labels(model, rows, rows.labels.allow().argmax(axis=0))
        else:
            best = _best(model, rows, partitions(model, rows, rng))
        return model.retract(override(best, self.parts))


def with_all_labels(data: Rows, size: int, rng: np.random.Generator) -> Rows:
    """The rows with a label and a sample of the others, which weighs what all of them do."""
    assert data.labels is not None
    unknown = np.flatnonzero(~data.labels.known)
    if len(unknown) <= 2 * size:
        return data
    others = data.take(unknown)
    drawn = unknown[others.draw(size, rng)]
    weights = np.ones(len(data.X)) if data.sample_weight is None else data.sample_weight.copy()
    weights[drawn] = others.total_weight / size
    rows = np.union1d(np.flatnonzero(data.labels.known), drawn)
    kept = data._replace(sample_weight=weights).take(rows)
    return kept._replace(groups=Rows.of(kept.X).groups)


def partitions(
    model: GaussianMixtureModel, data: Rows, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Components (n,) of the rows, by k-means in columns seen several ways."""
    assert data.labels is not None
    weights = np.ones(len(data.X)) if data.sample_weight is None else data.sample_weight
    x = (data.X - model.units.shift) / model.units.scale
    views = views_of(x, rng, data.sample_weight)
    return [_kmeans(np.ascontiguousarray(view.T), weights, data.labels, rng) for view in views]


def _kmeans(
    x: Array, weights: Array, labels: Labels, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Components of the rows x (d, n), from seeds that the labels say as far as they do."""
    allowed = labels.allow()
    centers = _seeds(x, weights, labels, rng)
    nearest = np.full(x.shape[1], -1)
    for _ in range(ROUNDS):
        before, away = nearest, squared_distances(x, centers)
        away[~allowed] = np.inf
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


def _best(
    model: GaussianMixtureModel, data: Rows, candidates: list[NDArray[np.intp]]
) -> MixtureParams:
    """Where some EM steps lead from the best partition, by the objective there."""
    best, height = None, -np.inf
    for components in candidates:
        with suppress(np.linalg.LinAlgError):  # one that collapses
            params = _from_labels(model, data, components)
            for _ in range(STEPS):
                params = model.m_step(model.e_step(data, params)[0], params)
            reached = model.e_step(data, params)[1] + model.log_prior(params)
            # Of partitions that lead to one place the first, whatever the rounding.
            if best is None or reached > height + EQUAL_HEIGHT * data.total_weight:
                best, height = params, reached
    return _from_labels(model, data, candidates[0]) if best is None else best


def _from_labels(
    model: GaussianMixtureModel, data: Rows, components: NDArray[np.intp]
) -> MixtureParams:
    """The M-step from a partition."""
    assert data.labels is not None
    n_components = len(data.labels.of_components)
    return model.from_partition(data, n_components, one_hot(components, n_components))
