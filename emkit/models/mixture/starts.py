"""Random starts of a mixture: each draws a partition or means, in internal units."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.agglomeration import Merges, agglomerate, half_sphered, sphered
from emkit.models.kmeans import distant_rows
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.partitions import interval_partitions, kmeans_partitions, views_of
from emkit.models.mixture.short_runs import best_partition
from emkit.models.mixture.single_normal import complete_rows
from emkit.models.rows import Rows

__all__ = ["LABELLINGS", "STARTS", "Hierarchy", "draw", "override", "sample_rows", "sample_size"]

Start = Callable[[GaussianMixtureModel, Rows, int, np.random.Generator], MixtureParams]
Labelling = Callable[[Rows, int, np.random.Generator], NDArray[np.intp] | None]

#: Shortest half of a normal distribution, in standard deviations.
NORMAL_HALF = 1.349
#: Rows at least that a start looks at; of longer data it takes a random sample.
SAMPLE_ROWS = 25_000
#: Rows at least of which k-means takes a sample, where there are more, and steps of EM at most by
#: which the best of its partitions is chosen: few without a prior, where the likelihood has no
#: maximum and what climbs longest is what collapses.
KMEANS_ROWS, KMEANS_STEPS, KMEANS_STEPS_WITHOUT_PRIOR = 1_000, 30, 3
#: Variances of a start at random rows, in those of the rows about the nearest of them.
NARROW = 0.1
#: Ridge, in variances of a column, in which these cannot be seen.
HIDDEN = 1.0
#: EM on the sample costs at most so many E-steps on the data.
REFINE = 5
#: Rows at most that are agglomerated, and cells; time goes with the square of the rows.
HIERARCHY_ROWS, HIERARCHY_CELLS = 2_000, 40_000


def sample_size(n_components: int, d: int, least: int = SAMPLE_ROWS) -> int:
    """Rows in which every component can show its covariance; data twice as long are sampled."""
    return max(least, 10 * n_components * (d + 1))


def sample_rows(data: Any, n_components: int, rng: np.random.Generator) -> Rows:
    """A sample of the rows, or all where there are few."""
    n, d = data.shape
    size = sample_size(n_components, d)
    sample: Rows = data.sample(n if n <= 2 * size else size, rng)
    return sample


def from_kmeans(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """The best, by some EM steps, of k-means in columns seen several ways and of intervals.

    K-means in raw units, as scikit-learn starts, finds what the largest columns hold; here each of
    some columns is divided alone, whatever its unit, and the likelihood says which one is right.
    """
    if n_components == 1:
        return model.from_partition(data, 1, one_hot(np.zeros(len(data.X), dtype=np.intp), 1))
    rows = data.sample(sample_size(n_components, data.shape[1], KMEANS_ROWS), rng)
    x, weights = _standardised(model, rows), rows.sample_weight
    partitions = np.concatenate(
        [
            kmeans_partitions(views_of(x, rng, weights), n_components, rng, weights),
            interval_partitions(x, n_components, rng, weights),
        ]
    )
    steps = KMEANS_STEPS_WITHOUT_PRIOR if model.prior.is_flat else KMEANS_STEPS
    best = best_partition(model, rows, n_components, partitions, steps)
    if best is None:
        best = model.from_partition(rows, n_components, one_hot(partitions[0], n_components))
    return best


def from_sphered_kmeans(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """The partition of one run of k-means in sphered columns, which sees oblique clusters."""
    labels = sphered_labels(data, n_components, rng)
    return model.from_partition(data, n_components, one_hot(labels, n_components))


def sphered_labels(data: Rows, n_components: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels of the rows by one run of k-means in sphered columns."""
    view = sphered(data.X, data.sample_weight)
    labels: NDArray[np.intp] = kmeans_partitions([view], n_components, rng, data.sample_weight)[0]
    return labels


def from_hierarchy(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """The partition of model-based agglomeration; nothing of it is random where rows are few."""
    return Hierarchy.of(data, rng).start(model, n_components)


class Hierarchy(NamedTuple):
    """Rows and their tree: one start for every number of components, of any structure.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.mixture.starts import Hierarchy
    >>> from emkit.models.rows import Rows
    >>> x = np.array([[0.0, 0.1], [0.1, 0.0], [0.2, 0.2], [8.0, 8.1], [8.2, 8.0], [8.0, 8.4]])
    >>> hierarchy = Hierarchy.of(Rows(x), np.random.default_rng(0))
    >>> [hierarchy.merges.labels(k).tolist() for k in (1, 2)]
    [[0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]]
    """

    rows: Rows
    merges: Merges

    @classmethod
    def of(cls, data: Rows, rng: np.random.Generator) -> "Hierarchy":
        """Of complete rows, or of a random sample of them where there are many."""
        size = min(HIERARCHY_ROWS, max(HIERARCHY_CELLS // data.shape[1], 200))
        rows = data.sample(size, rng)
        weights = rows.sample_weight
        scaled = np.ascontiguousarray(half_sphered(rows.X, weights))
        kept = None if weights is None else np.asarray(weights, dtype=float).tobytes()
        return cls(rows, _agglomerated(scaled.tobytes(), len(scaled), kept))

    def start(self, model: GaussianMixtureModel, n_components: int) -> MixtureParams:
        """The M-step from the partition into so many clusters; what is not there is empty."""
        resp = one_hot(self.merges.labels(n_components), n_components)
        return model.from_partition(self.rows, n_components, resp)


def hierarchical_labels(
    data: Rows, n_components: int, rng: np.random.Generator
) -> NDArray[np.intp] | None:
    """Labels of the rows by model-based agglomeration; None of more than it takes."""
    hierarchy = Hierarchy.of(data, rng)
    return hierarchy.merges.labels(n_components) if hierarchy.rows is data else None


def from_quantiles(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """Parts of equal weight along the first principal axis; nothing of it is random.

    In one column it is what mclust starts from, and the only start here that divides a long tail.
    """
    labels = quantile_labels(data, n_components, rng)
    return model.from_partition(data, n_components, one_hot(labels, n_components))


def quantile_labels(data: Rows, n_components: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Labels of the rows by parts of equal weight along the first principal axis."""
    along = half_sphered(data.X, data.sample_weight)[:, 0]
    weights = np.ones(len(along)) if data.sample_weight is None else data.sample_weight
    order = np.argsort(along, kind="stable")
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    labels = np.empty(len(order), dtype=np.intp)
    labels[order] = (n_components * below / weights.sum()).astype(np.intp)
    return labels


@lru_cache(maxsize=2)
def _agglomerated(x: bytes, n_rows: int, weights: bytes | None) -> Merges:
    """The tree of rows that are scaled; kept, as one serves all fits of a grid to the same rows."""
    table = np.frombuffer(x).reshape(n_rows, -1)
    return agglomerate(table, None if weights is None else np.frombuffer(weights))


def from_kmeans_plusplus(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """Rows far from each other as means."""
    x = _standardised(model, data)
    scaled = np.ascontiguousarray((x / _clustering_scale(x)).T)
    rows = distant_rows(scaled, n_components, rng, data.sample_weight)
    return _at_rows(model, data, x[rows])


def from_rows(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """Random rows as means."""
    weights = data.sample_weight
    rows = rng.choice(
        len(data.X),
        n_components,
        replace=False,
        p=None if weights is None else weights / weights.sum(),
    )
    return _at_rows(model, data, _standardised(model, Rows(data.X[rows])))


def _at_rows(model: GaussianMixtureModel, data: Rows, means: Array) -> MixtureParams:
    """Round components at the means, so narrow that every row belongs to the nearest.

    As wide as rows are about two means in one cluster they would be one and the same, from where
    EM is slow to leave. A column that the ridge hides has the ridge's variance, and no other has.
    """
    layout, ridge = model.layout, model.prior.ridge
    params = model.from_means(data, means)
    variances = layout.diagonals(params.covariances, means.shape)
    hidden = (ridge if ridge.ndim == 1 else ridge.diagonal()) > HIDDEN
    if layout.ndim == 0 or not hidden.any():
        return params._replace(covariances=_narrow(variances) * layout.identity(*means.shape))
    covariances = _narrow(variances[:, ~hidden]) * layout.identity(*means.shape)
    alone = layout.prior_from_diagonal(np.where(hidden, variances.max(axis=0), 0.0))
    return params._replace(covariances=covariances + alone)


def _narrow(variances: Array) -> float:
    return NARROW * float(variances.mean()) if variances.size else 0.0


def from_random(
    model: GaussianMixtureModel, data: Rows, n_components: int, rng: np.random.Generator
) -> MixtureParams:
    """Means by random responsibilities, as far apart as rows are.

    As they come they all but agree, the nearer the more rows there are, and EM is slow to leave
    the saddle at which components are one and the same; in one column it hardly ever does.
    """
    resp = rng.random((n_components, len(data.X)))
    resp /= resp.sum(axis=0)
    means = model.from_partition(data, n_components, lambda rows: resp[:, rows]).means
    x, weights = _standardised(model, data), data.sample_weight
    centre = np.average(x, axis=0, weights=weights)
    spread = np.average(((x - centre) ** 2).mean(axis=1), weights=weights)
    drawn = means - centre
    closer = (drawn**2).mean()
    return _at_rows(model, data, centre + drawn * np.sqrt(spread / closer if closer else 1.0))


#: Starts by scikit-learn's names for ``init_params``.
STARTS: dict[str, Start] = {
    "kmeans": from_kmeans,
    "k-means++": from_kmeans_plusplus,
    "random": from_random,
    "random_from_data": from_rows,
    "sphered_kmeans": from_sphered_kmeans,
    "hierarchical": from_hierarchy,
    "quantiles": from_quantiles,
}


#: Labels (n,) of the rows, of those starts that are partitions; None where they are not of all.
LABELLINGS: dict[str, Labelling] = {
    "hierarchical": hierarchical_labels,
    "sphered_kmeans": sphered_labels,
    "quantiles": quantile_labels,
}

#: Those that are near a maximum already, so that EM on a sample leads to that of all rows.
PARTITIONS = {"kmeans", "sphered_kmeans", "hierarchical", "quantiles"}


def _standardised(model: GaussianMixtureModel, data: Rows) -> Array:
    return (data.X - model.units.shift) / model.units.scale


def _clustering_scale(x: Array) -> Array:
    """Scale of the columns in which k-means sees clusters: two thirds to one standard deviation.

    A column that falls into clusters is spread by the distance between them; standardising it
    would hide them. Its shortest half (the interval that holds half of the rows) is not.
    """
    x = np.sort(x[:: max(len(x) // 4096, 1)], axis=0)
    half = (len(x) + 1) // 2
    shortest = (x[half - 1 :] - x[: len(x) - half + 1]).min(axis=0)
    spread = x.std(axis=0)
    spread[spread == 0.0] = 1.0
    return np.clip(shortest / NORMAL_HALF, spread / 1.5, spread)


def _refined(
    model: GaussianMixtureModel, sample: Rows, params: MixtureParams, steps: int
) -> MixtureParams:
    """Parameters after some EM steps on the sample, or before one that collapses."""
    for _ in range(min(steps, 100)):
        try:
            stats, _ = model.e_step(sample, params)
            image = model.m_step(stats, params)
            model.components(image)
        except np.linalg.LinAlgError:
            break
        params = image
    return params


def draw(
    model: GaussianMixtureModel,
    data: Any,
    rng: np.random.Generator,
    *,
    method: str,
    n_components: int,
    parts: MixtureParams,
    n_rows: int | None = None,
) -> MixtureParams:
    """One random start, with the ``parts`` that are given in place of the random ones.

    Of long data it looks at a sample; where cells are missing, at rows completed by draws.
    ``n_rows`` is how many rows there are where ``data`` are a sample already.
    """
    sample = sample_rows(data, n_components, rng)
    complete = complete_rows(model, sample, rng) if sample.incomplete else sample
    params = STARTS[method](model, complete, n_components, rng)
    times = (n_rows or data.shape[0]) / len(sample.X)
    if method in PARTITIONS and times > 1.0:
        params = _refined(model, sample, params, steps=int(times) * REFINE)
    return model.retract(override(params, parts))


def override(params: MixtureParams, parts: MixtureParams) -> MixtureParams:
    """Parameters with those parts replaced that are not None."""
    return MixtureParams(*(p if q is None else q for p, q in zip(params, parts, strict=True)))
