"""The grid of a small table, all of whose mixtures are climbed together.

What fits to a few hundred rows take is not arithmetic but what stands around it. Here the mixtures
of all candidates share the rows, the starts of each number of components, and every step (see
`many_mixtures`); starts are those of `Race`, as is the tolerance. Only the best of the mixtures
becomes an `EMGaussianMixture`, which goes on from where it ended.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.exceptions import recorded
from emkit.mixture.candidates import Candidate
from emkit.mixture.criteria import Measures
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.mixture.noise_arguments import wants_noise
from emkit.mixture.race import LAST_KIND, LAST_TRIES, Race, kinds_of
from emkit.mixture.redundant import units_of
from emkit.mixture.table import Table, load_table, open_table
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.many_climbs import Place
from emkit.models.mixture.many_mixtures import Features, ManyMixtures, ManyParams
from emkit.models.mixture.many_races import Contest, Rules, race, race_from_each_other
from emkit.models.mixture.resolution import resolved_variances
from emkit.models.mixture.starts import LABELLINGS, STARTS
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

__all__ = ["Ended", "climb_together"]

#: Numbers of features of all rows up to which sharing steps saves time.
SMALL = 100_000
#: Units of columns whose squares are doubles by far.
LEAST_UNIT, LARGEST_UNIT = 1e-100, 1e100
#: An eigenvalue of a correlation matrix that leaves no digits to its inverse.
SINGULAR = 1e-13
#: Structure by whose densities starts that are no partition assign rows.
OF_STARTS = STRUCTURES["diag"]


class Ended(NamedTuple):
    """Where the climbs of a candidate ended."""

    candidate: Candidate
    best: Place | None  #: None where there is no model from any start
    unsettled: list[Place]  #: from which it has to be fitted on to tell
    units: Scaling
    total_weight: float
    columns: NDArray[np.intp]  #: those of the table that vary in their own right
    n_features: int

    def measures(self, place: Place) -> Measures:
        """What criteria are made of."""
        k, d = place.params.means.shape
        structure = STRUCTURES[self.candidate.covariance_type]
        n_parameters = k * d + k - 1 + structure.n_parameters(k, d)
        return Measures(place.log_likelihood, n_parameters, self.total_weight, place.log_largest)

    def initial_values(self, place: Place) -> dict[str, Array]:
        """Arguments of a mixture that begins there, in units of the data.

        LinAlgError for a covariance that is singular to double precision.
        """
        weights, means, covariances = place.params
        layout, scale = STRUCTURES[self.candidate.covariance_type].layout, self.units.scale
        k, d, columns = len(means), self.n_features, self.columns
        roots = np.linalg.inv(np.linalg.cholesky(covariances))
        deviations = np.sqrt(covariances.diagonal(axis1=1, axis2=2))
        correlations = covariances / deviations[:, :, None] / deviations[:, None]
        if not (np.linalg.eigvalsh(correlations) > SINGULAR).all():
            raise np.linalg.LinAlgError("singular but for rounding")
        roots = roots / scale
        of_columns = roots.mT @ roots
        precisions = np.broadcast_to(np.eye(d), (k, d, d)).copy()
        precisions[:, columns[:, None], columns] = of_columns
        if layout.ndim < 2:
            precisions = precisions.diagonal(axis1=1, axis2=2)
        if layout.ndim < 1:
            precisions = precisions[:, columns[0]]
        means_init = np.zeros((k, d))
        means_init[:, columns] = means * scale + self.units.shift
        return {
            "weights_init": weights,
            "means_init": means_init,
            "precisions_init": precisions[0] if layout.shared else precisions,
        }


def climb_together(
    grid: Any, candidates: Sequence[Candidate], X: Any, sample_weight: Any, seed: int
) -> dict[Candidate, Ended]:
    """Where candidates ended; those that are missing have to be fitted one by one."""
    table, n_features = _small_table(grid, X, sample_weight)
    if table is None:
        return {}
    contests = {c: _contest(c) for c in candidates if _is_possible(c, table)}
    if not contests:
        return {}
    _settle(grid, list(contests.values()), table, seed)
    found = partial(
        Ended,
        units=table.scaling,
        total_weight=table.data.total_weight,
        columns=np.arange(n_features) if table.flat is None else table.flat.kept,
        n_features=n_features,
    )
    return {
        candidate: found(candidate, contest.best, contest.higher)
        for candidate, contest in contests.items()
        if contest.best is not None
        or not contest.unsettled  # else it is not for these steps to tell
    }


def _small_table(grid: Any, X: Any, sample_weight: Any) -> tuple[Table | None, int]:
    """The table, if the fits of the grid to it are such as take these steps; all its columns."""
    if not _takes(grid):
        return None, 0
    probe = EMGaussianMixture(1, covariance_type=OF_STARTS.name, reg_covar=0.0)
    for name in ("categorical_features", "lower_limits", "upper_limits"):
        setattr(probe, name, getattr(grid, name))
    with recorded():  # the fit of the best says it again
        opened = open_table(probe, X, sample_weight, reset=True)
        if not opened.in_memory or probe._coding is not None:
            return None, 0
        table, _ = load_table(probe, opened)
    return (table if _is_small(table) else None), opened.n_features


def _settle(grid: Any, contests: list[Contest], table: Table, seed: int) -> None:
    """Climb all mixtures, from starts of several kinds and from each other."""
    data: Rows = table.data
    features = Features(data, table.scaling)
    model = GaussianMixtureModel(OF_STARTS, table.scaling, total_weight=data.total_weight)
    rules = Rules(
        n_iter=Race.n_iter,
        finalists=Race.finalists,
        tol=grid.tol * data.total_weight,
        max_iter=grid.max_iter,
        resolved=resolved_variances(model, data),
    )

    def climb(these: list[Contest], kinds: list[str], seed: int) -> None:
        sizes = {contest.n_components for contest in these}
        starts = {k: list(_starts(model, data, features, k, kinds, seed)) for k in sizes}
        race(features, these, starts, rules)

    mixed = grid.init_params == "mixed"
    usual = kinds_of(data.shape[1]) if mixed else (grid.init_params,)
    climb(contests, list(islice(cycle(usual), grid.n_init)), seed)
    again = [contest for contest in contests if contest.best is None]
    if again and mixed:
        climb(again, [LAST_KIND] * LAST_TRIES, seed + 1)
    race_from_each_other(features, contests, rules)


def _takes(grid: Any) -> bool:
    """Whether the fits of a grid are plain ones of maximum likelihood that nobody listens to."""
    plain = not grid.reg_covar and grid.prior is None and grid.distribution == "normal"
    usual = grid.search == "restarts" and grid.acceleration == "anderson"
    alone = not getattr(grid, "_skl_callbacks", None)
    return plain and usual and alone and not wants_noise(grid) and grid.max_iter > Race.n_iter


def _is_small(table: Table) -> bool:
    """Whether a table is small, complete, and of columns none of whose values lie far away."""
    data, scale = table.data, table.scaling.scale
    if not isinstance(data, Rows) or data.incomplete:
        return False
    n, d = data.shape
    usual = ((scale > LEAST_UNIT) & (scale < LARGEST_UNIT)).all()
    if n * (1 + d + d * (d + 1) // 2) > SMALL or not usual:
        return False
    return np.array_equal(units_of(data, table.scaling, np.arange(d)).scale, scale)


def _is_possible(candidate: Candidate, table: Table) -> bool:
    """Whether there are rows enough, and one unit for all columns where it takes that."""
    structure = STRUCTURES[candidate.covariance_type]
    apart = structure.too_far_apart(table.scaling.scale)
    return candidate.n_components <= len(table.data.X) and apart is None


def _contest(candidate: Candidate) -> Contest:
    return Contest(STRUCTURES[candidate.covariance_type], candidate.n_components)


def _starts(
    model: GaussianMixtureModel,
    data: Rows,
    features: Features,
    k: int,
    kinds: Sequence[str],
    seed: int,
) -> Iterator[Array]:
    """Statistics of a start of each kind with so many components."""
    many = ManyMixtures(features, [OF_STARTS], np.array([k]))
    for i, kind in enumerate(kinds if k > 1 else kinds[:1]):
        rng = np.random.default_rng([seed, k, i])
        labels = LABELLINGS[kind](data, k, rng) if kind in LABELLINGS else None
        if labels is not None:
            yield features.statistics((labels == np.arange(k)[:, None]).astype(float))
        else:
            weights, means, variances = STARTS[kind](model, data, k, rng)
            dense = OF_STARTS.layout.dense(variances, *means.shape)
            yield many.e_step(ManyParams(weights, means, dense))[0]
