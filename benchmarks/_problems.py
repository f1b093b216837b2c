"""What `steps_acceleration.py` climbs: six standard problems, and random mixtures."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from _common import Array
from scipy.special import gammaln

from emkit.datasets import load_death_notices
from emkit.engine import EMModel, LatentClassModel
from emkit.models.censored.first_line import prepare
from emkit.models.censored.line import LineParams
from emkit.models.censored.normal import CensoredNormal
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams, Rows
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling


class Theta(NamedTuple):
    t: float


class Split(NamedTuple):
    away: float
    toward: float


class Linkage(EMModel):
    """Four cells (1/2 + t/4, (1-t)/4, (1-t)/4, t/4), the split of the first one missing."""

    def initialize(self, counts: Array, rng: np.random.Generator) -> Theta:
        return Theta(rng.uniform())

    def e_step(self, counts: Array, params: Theta) -> tuple[Split, float]:
        t = params.t
        split = Split(counts[1] + counts[2], counts[0] * t / (2 + t) + counts[3])
        return split, float(counts @ np.log(np.array([2 + t, 1 - t, 1 - t, t]) / 4))

    def m_step(self, stats: Split, params: Theta) -> Theta:
        return Theta(stats.toward / (stats.away + stats.toward))

    def is_feasible(self, params: Theta) -> bool:
        return 0 < params.t < 1


class Rates(NamedTuple):
    share: Array  #: () of the first class
    rates: Array  #: (2,)


class Counts(NamedTuple):
    n: Array
    events: Array


class PoissonMixture(LatentClassModel):
    """Two Poisson laws; the data are values and their frequencies, (2, n)."""

    def initialize(self, table: Array, rng: np.random.Generator) -> Rates:
        return Rates(np.array(0.5), rng.choice(table[0], 2, replace=False) + 0.5)

    def weights(self, table: Array) -> Array:
        return table[1]

    def log_joint(self, table: Array, bound: Rates) -> tuple[Array, None]:
        rates, values = bound.rates[:, None], table[0]
        shares = np.array([bound.share, 1.0 - bound.share])[:, None]
        return np.log(shares) + values * np.log(rates) - rates - gammaln(values + 1), None

    def statistics(self, table: Array, resp: Array, work: None, bound: Rates) -> Counts:
        return Counts(resp.sum(axis=1), resp @ table[0])

    def m_step(self, stats: Counts, params: Rates) -> Rates:
        return Rates(stats.n[0] / stats.n.sum(), stats.events / stats.n)

    def is_feasible(self, params: Rates) -> bool:
        return bool(0 < params.share < 1 and (params.rates > 0).all())


class PlainCensored(CensoredNormal):
    """Without its own Newton step."""

    def propose(self, stats: Any, params: LineParams) -> None:
        return None


class Problem(NamedTuple):
    model: EMModel
    data: Any
    start: Any
    newton: EMModel | None = None  #: the model with its own proposals


def linkage() -> Problem:
    return Problem(Linkage(), np.array([125, 18, 20, 34]), Theta(0.5))


def death_notices() -> Problem:
    """Days with so many notices of women of 80 and over (Hasselblad 1969)."""
    start = Rates(np.array(0.5), np.array([1.0, 3.0]))
    return Problem(PoissonMixture(), np.column_stack(load_death_notices(return_X_y=True)).T, start)


def normals(X: Array, means: Array) -> Problem:
    """Normals with full covariances, from these means, equal weights and unit covariances."""
    k, d = means.shape
    data = Rows.of(X)
    model = GaussianMixtureModel(
        STRUCTURES["full"],
        Scaling(np.zeros(d), np.ones(d)),
        total_weight=data.total_weight,
        incomplete=data.incomplete,
        # It is the schemes that say here when they begin.
        accelerate_below=np.inf,
    )
    start = MixtureParams(np.full(k, 1.0 / k), means, np.tile(np.eye(d), (k, 1, 1)))
    return Problem(model, data, start)


def overlapping() -> Problem:
    """1000 rows of two normals 1.5 standard deviations apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000) + np.where(rng.uniform(size=1000) < 0.5, -0.75, 0.75)
    return normals(x[:, None], np.array([[-1.0], [1.0]]))


def three_normals() -> Problem:
    """900 rows of three normals 2 standard deviations apart in the plane."""
    rng = np.random.default_rng(0)
    centres = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, np.sqrt(3.0)]])
    X = centres[rng.integers(3, size=900)] + rng.normal(size=(900, 2))
    return normals(X, centres + rng.normal(scale=0.3, size=(3, 2)))


def censored_line() -> Problem:
    """500 rows, 5 columns, 60 % of the responses censored on the right."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 5))
    y = X.sum(axis=1) + rng.normal(size=500)
    limit = np.quantile(y, 0.4)
    low, high = np.minimum(y, limit), np.where(y > limit, np.inf, y)
    data, units, gram = prepare(X, low, high, None, True)
    arguments = units.line, gram, 0.0, True
    start = LineParams(np.zeros(6), np.array(0.0))
    return Problem(PlainCensored(*arguments), data, start, CensoredNormal(*arguments))


def missing_cells() -> Problem:
    """500 rows of a normal with 8 dependent columns, 40 % of the cells missing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 8)) @ rng.normal(size=(8, 8)) / np.sqrt(8.0)
    X[rng.uniform(size=X.shape) < 0.4] = np.nan
    return normals(X[~np.isnan(X).all(axis=1)], np.zeros((1, 8)))


class Mixture(NamedTuple):
    """Rows, and the mixture to be fitted to them."""

    X: Array
    n_components: int
    covariance_type: str


def random_mixtures(n_cases: int) -> list[Mixture]:
    """Data of many sizes, dimensions, numbers of components and separations."""
    rng = np.random.default_rng(20261121)
    cases = []
    for case in range(n_cases):
        n = int(rng.choice([300, 1000, 3000]))
        d = int(rng.choice([1, 2, 3, 5, 8]))
        k = int(rng.choice([2, 3, 4, 6, 8]))
        separation = rng.choice([1.0, 1.5, 2.5, 4.0])
        means = separation * rng.normal(size=(k, d))
        shapes = rng.normal(size=(k, d, d)) / np.sqrt(d) + np.eye(d)
        labels = rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0)))
        X = means[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.normal(size=(n, d)))
        cases.append(Mixture(X, k, ("full", "tied", "diag", "spherical")[case % 4]))
    return cases


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "linkage": linkage,
    "death notices": death_notices,
    "1-D, overlapping": overlapping,
    "2-D, K=3": three_normals,
    "60 % censored": censored_line,
    "40 % missing": missing_cells,
}
