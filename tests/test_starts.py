"""Where mixtures start, and that no run is called converged before its components part."""

import tracemalloc
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.mixture import GaussianMixture

from emkit import EMGaussianMixture
from emkit.engine import (
    Annealing,
    Genetic,
    Restarts,
    ShortRuns,
    SimulatedAnnealing,
    StochasticEM,
)
from emkit.engine.many_starts import ManyStarts, Start
from emkit.exceptions import DataWarning
from emkit.models.mixture import partitions, short_runs, side_by_side
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.given_covariances import GivenCovariances
from emkit.models.mixture.overlap import least_divergence
from emkit.models.mixture.partitions import interval_partitions, kmeans_partitions, views_of
from emkit.models.mixture.short_runs import best_partition
from emkit.models.mixture.starts import STARTS
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Components, Scaling

SEEDS = st.integers(0, 2**32 - 1)


def two_groups(distance=6.0, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, (n, 2)), rng.normal(distance, 1, (n, 2))])


# No run is converged before the components part


@pytest.mark.parametrize("init_params", STARTS)
def test_no_start_stops_before_two_groups_part(init_params):
    X = two_groups()
    best = EMGaussianMixture(2, resp_init=np.repeat([0, 1], 200)).fit(X).lower_bound_
    for seed in range(12):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            mixture = EMGaussianMixture(2, init_params=init_params, random_state=seed).fit(X)
        assert mixture.lower_bound_ > best - 1e-3 or not mixture.converged_


def from_near_the_middle(X, apart, **options):
    middle = X.mean(axis=0)
    near = np.array([middle - apart, middle + apart])
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        return EMGaussianMixture(2, means_init=near, **options).fit(X)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, distance=st.floats(5.0, 20.0), power=st.floats(-4.0, -0.5))
@example(seed=74233, distance=5.0, power=np.log10(0.25))  # a local maximum of two that overlap
@example(seed=752767291, distance=18.69, power=-4.0)  # ended at once: gains within rounding
@example(seed=2163061375, distance=15.94, power=-3.0)
@example(seed=2883053998, distance=7.254192003422586, power=-1.0)  # ended at a second saddle
def test_a_run_from_nearly_equal_means_is_not_converged_at_the_saddle(seed, distance, power):
    X = two_groups(distance, seed=seed)
    mixture = from_near_the_middle(X, 10.0**power)
    if mixture.converged_:
        # Where it ended is a maximum: from either side of it EM comes back, or at least no higher.
        resp = mixture.predict_proba(X)
        for seed_of_noise in range(3):
            noise = np.random.default_rng(seed_of_noise).normal(0.0, 0.03, (len(X), 1))
            around = np.clip(resp + noise * [1.0, -1.0], 1e-3, 1.0)
            around /= around.sum(axis=1, keepdims=True)
            again = EMGaussianMixture(2, resp_init=around, max_iter=1000).fit(X)
            assert again.lower_bound_ < mixture.lower_bound_ + 0.01


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_iris_from_random_rows_is_no_worse_than_one_component_fewer():
    X = load_iris().data
    two = EMGaussianMixture(2, random_state=0).fit(X).score(X)
    for seed in range(20):
        mixture = EMGaussianMixture(3, init_params="random_from_data", random_state=seed).fit(X)
        assert mixture.score(X) > two - 0.01


#: Structures in which one column has one variance for all components.
SHARED = [name for name in NAMES if STRUCTURES[name].n_parameters(2, 1) == 1]


@pytest.mark.parametrize("init_params", ["random", "random_from_data"])
@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize("d", [1, 2, 5])
def test_no_start_stops_where_components_are_one_and_the_same(covariance_type, init_params, d):
    """In one column EM does not leave the saddle that random responsibilities are beside; where
    components share a covariance it may be led there, which is told."""
    model = EMGaussianMixture(2, covariance_type=covariance_type, init_params=init_params)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X = np.concatenate([rng.normal(0, 1, (200, d)), rng.normal(6, 1, (200, d))])
        one = EMGaussianMixture(1, covariance_type=covariance_type).fit(X).lower_bound_
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            mixture = clone(model).set_params(random_state=seed).fit(X)
        stuck = init_params != "random" and covariance_type in SHARED
        is_told = any("all but one" in str(warning.message) for warning in told)
        left = stuck and (is_told or not mixture.converged_)
        assert mixture.lower_bound_ > one + 0.1 or left


#: Starts from which EM does not tell components apart: what is given, and those that stay alike.
NEVER_APART = {
    "responsibilities": (
        {"resp_init": np.full((400, 2), 0.5)},
        "0, 1 are all but one and the same",
    ),
    "means": ({"means_init": [[0, 0], [0, 0]]}, "0, 1 are all but one and the same"),
    "labels": ({"resp_init": np.zeros(400, dtype=int)}, "1 have no rows"),
    "weights": ({"weights_init": [0, 1]}, "0 have no rows"),
    "far": ({"means_init": [[1e9, 1e9], [0, 0]]}, "0 have no rows"),
}


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize("start", NEVER_APART)
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_components_that_add_nothing_are_told(start, covariance_type, share):
    given, message = NEVER_APART[start]
    X = two_groups()
    X[np.random.default_rng(0).random(X.shape) < share] = np.nan
    X[np.isnan(X).all(axis=1), 0] = 0.0
    with pytest.warns(DataWarning, match=message) as told:
        mixture = EMGaussianMixture(2, covariance_type=covariance_type, **given).fit(X)
    assert len(told) == 1
    assert "fewer clusters than n_components=2" in str(told[0].message)
    one = EMGaussianMixture(1, covariance_type=covariance_type).fit(X)
    assert_allclose(mixture.lower_bound_, one.lower_bound_, atol=1e-5)


def test_components_beside_those_that_are_one_are_not_named():
    X = two_groups()
    with pytest.warns(DataWarning, match="Components 0, 2 are all but one and the same"):
        mixture = EMGaussianMixture(3, means_init=[[0, 0], [6, 6], [0, 0]]).fit(X)
    assert_allclose(mixture.means_[0], mixture.means_[2])


@pytest.mark.parametrize("kind", NAMES)
def test_least_divergence_is_the_symmetric_kullback_leibler_divergence(kind):
    layout = STRUCTURES[kind].layout
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 2))
    covariances = layout.identity(3, 2) * 1.7
    factor = layout.whitening(covariances)
    components = Components.of(layout, np.log(np.full(3, 1 / 3)), means, covariances, factor)
    apart = ((means[:, None] - means) ** 2).sum(axis=2) / 1.7
    assert_allclose(least_divergence(layout, components), apart[np.triu_indices(3, 1)].min())


def test_components_of_weight_0_are_no_pair():
    layout = STRUCTURES["full"].layout
    unit = layout.identity(2, 2)
    log_weights = np.array([0.0, -np.inf])
    parts = Components.of(layout, log_weights, np.zeros((2, 2)), unit, layout.whitening(unit))
    assert least_divergence(layout, parts) == np.inf


# Partitions


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, d=st.integers(1, 5), k=st.integers(2, 6))
def test_partitions_do_not_depend_on_units_and_find_what_is_far_apart(seed, d, k):
    rng = np.random.default_rng(seed)
    labels = np.arange(40 * k) % k
    x = 100.0 * np.arange(k)[labels, None] * np.ones(d) + rng.normal(size=(len(labels), d))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    views = views_of(x, np.random.default_rng(0))
    for partition in kmeans_partitions(views[:1], k, np.random.default_rng(1)):
        pairs = set(zip(labels, partition, strict=True))
        assert len(pairs) == k
    scaled = views_of(x * 2.0 ** rng.integers(-9, 9, d), np.random.default_rng(0))
    if d > 1:  # the principal axes of the others have no sign
        for ours, theirs in zip(views[:2], scaled[:2], strict=True):
            assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
        for ours, theirs in zip(views[2:], scaled[2:], strict=True):
            assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-6, atol=1e-6)


def test_kmeans_of_a_view_ends_where_no_row_is_nearer_to_another_centre():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    weights = rng.integers(0, 3, 200).astype(float)
    for labels in kmeans_partitions([x, x[:, :2]], 3, rng, weights):
        assert set(labels) == {0, 1, 2}
    view = x / np.sqrt(x.var(axis=0).mean())
    (labels,) = kmeans_partitions([x], 3, rng, weights)
    centers = np.array(
        [np.average(view[labels == k], axis=0, weights=weights[labels == k]) for k in range(3)]
    )
    squares = ((view[:, None] - centers) ** 2).sum(axis=2)
    # Within what the last round, shorter than is worth another, moves the borders.
    assert (squares[np.arange(200), labels] < squares.min(axis=1) + 0.1).all()


def test_equal_centres_and_equal_rows_keep_every_row_in_one_cluster():
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0)
    (labels,) = kmeans_partitions([x], 4, np.random.default_rng(0))
    assert len(set(labels[:20])) == len(set(labels[20:])) == 1
    assert labels[0] != labels[-1]


def test_rows_find_the_nearest_of_many_centres_as_of_few(monkeypatch):
    """By labels and in single precision, instead of by marks."""
    rng = np.random.default_rng(0)
    x = 10.0 * rng.normal(size=(40, 3))[np.arange(800) % 40] + rng.normal(size=(800, 3))
    weights = rng.integers(1, 4, 800).astype(float)
    found = []
    for few in (40, 39):
        monkeypatch.setattr(partitions, "FEW", few)
        found.append(kmeans_partitions([x, x[:, :2]], 40, np.random.default_rng(1), weights))
    assert (found[0] == found[1]).mean() > 0.99


def test_more_clusters_than_groups_of_rows_are_no_intervals():
    x = np.random.default_rng(0).normal(size=(500, 3))
    assert len(interval_partitions(x, partitions.GROUPS + 1, np.random.default_rng(0))) == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", NAMES)
def test_short_runs_side_by_side_are_those_one_by_one(kind, weighted):
    rng = np.random.default_rng(1)
    X = two_groups(3.0, n=40)
    data = Rows(X, rng.integers(1, 4, 80).astype(float) if weighted else None)
    model = GaussianMixtureModel(
        STRUCTURES[kind],
        Scaling(X.mean(axis=0), X.std() * np.ones(2)),
        np.full(2, 1e-3),
        data.total_weight,
    )
    mixed = rng.permutation(np.arange(80) % 2)
    labels_of = np.array([mixed, np.repeat([0, 1], 40), mixed])
    best = best_partition(model, data, 2, labels_of, 1)
    paths = [after_steps(model, data, labels, 1) for labels in labels_of]
    heights = [
        model.e_step(data, start)[1] + model.log_prior(start)
        for start in (after_steps(model, data, labels, 0) for labels in labels_of)
    ]
    for part, of_best in zip(paths[int(np.argmax(heights))], best, strict=True):
        assert_allclose(of_best, part, rtol=1e-7, atol=1e-9)
    # Of several steps, as many as the best one took when it was the last, or all of them.
    best = best_partition(model, data, 2, labels_of, 6)
    path = [after_steps(model, data, labels_of[1], steps).means for steps in range(1, 7)]
    assert min(np.abs(best.means - means).max() for means in path) < 1e-9


def of_two_groups(kind, distance, n=60):
    X = two_groups(distance, n)
    scaling = Scaling(X.mean(axis=0), X.std() * np.ones(2))
    ridge = np.full(2, 1e-3)
    return GaussianMixtureModel(STRUCTURES[kind], scaling, ridge, 2.0 * n), Rows(X)


@pytest.mark.parametrize("kind", ["full", "tied", "spherical"])
def test_short_runs_of_long_data_in_single_precision_are_those_in_double(kind, monkeypatch):
    model, data = of_two_groups(kind, 3.0)
    labels = np.random.default_rng(0).permutation(np.arange(120) % 2)[None]
    in_double = best_partition(model, data, 2, labels, 3)
    monkeypatch.setattr(side_by_side, "LONG", 0)
    for ours, theirs in zip(best_partition(model, data, 2, labels, 3), in_double, strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
        assert (np.asarray(ours) != theirs).any()


def test_short_runs_of_many_columns_are_those_of_the_model():
    X = np.random.default_rng(0).normal(size=(90, 20)) + 2.0 * (np.arange(90) % 2)[:, None]
    scaling = Scaling(X.mean(axis=0), X.std(axis=0))
    model = GaussianMixtureModel(STRUCTURES["full"], scaling, np.full(20, 1e-3), 90.0)
    labels = (np.arange(90) < 50).astype(int)
    best = best_partition(model, Rows(X), 2, labels[None], 3)
    for ours, theirs in zip(best, after_steps(model, Rows(X), labels, 3), strict=True):
        assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_short_runs_of_a_model_with_its_own_m_step_take_that(kind):
    model, data = of_two_groups(kind, 3.0)
    unit = model.layout.identity(2, 2)
    model = GivenCovariances(model.structure, model.units, 0.3 * unit, model.total_weight)
    labels = np.random.default_rng(0).permutation(np.arange(120) % 2)
    best = best_partition(model, data, 2, np.array([labels, 1 - labels]), 3)
    for ours, theirs in zip(best, after_steps(model, data, labels, 3), strict=True):
        assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


def test_on_long_data_the_best_run_goes_on_alone_for_all_steps(monkeypatch):
    monkeypatch.setattr(short_runs, "MOST_NUMBERS", 0)
    model, data = of_two_groups("full", 4.0)
    mixed = np.random.default_rng(0).permutation(np.arange(120) % 2)
    nearly = np.where(np.arange(120) < 40, 1, np.repeat([0, 1], 60))
    best = best_partition(model, data, 2, np.array([mixed, nearly]), 7)
    for ours, theirs in zip(best, after_steps(model, data, nearly, 7), strict=True):
        assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


def after_steps(model, data, labels, n_steps):
    params = model.from_partition(data, 2, one_hot(labels, 2))
    for _ in range(n_steps):
        params = model.m_step(model.e_step(data, params)[0], params)
    return params


@pytest.mark.parametrize("kind", NAMES)
def test_a_run_that_is_behind_goes_on_while_it_gains(kind):
    """What is slow at first but ends higher is chosen, once the steps suffice to show it."""
    X = two_groups(4.0, n=60)
    data = Rows(X)
    model = GaussianMixtureModel(
        STRUCTURES[kind], Scaling(X.mean(axis=0), X.std(axis=0)), np.full(2, 1e-3), 120.0
    )
    behind = (X[:, 0] > 5.0).astype(int)  # leads to the two groups
    ahead = (np.abs(X - X.mean(axis=0)).max(axis=1) > 3.0).astype(int)  # leads to none
    best = best_partition(model, data, 2, np.array([ahead, behind]), 100)
    ends = [after_steps(model, data, labels, 100) for labels in (ahead, behind)]
    heights = [model.e_step(data, end)[1] + model.log_prior(end) for end in ends]
    for _ in range(100):
        best = model.m_step(model.e_step(data, best)[0], best)
    height = model.e_step(data, best)[1] + model.log_prior(best)
    assert height > max(heights) - 0.01 * len(X)


# Intervals of one column


def least_squares(column, weights, cuts):
    parts = np.searchsorted(cuts, column)
    means = [np.average(column[parts == k], weights=weights[parts == k]) for k in set(parts)]
    return weights @ (column - np.array(means)[parts]) ** 2


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, n=st.integers(8, 24), k=st.integers(2, 4), weighted=st.booleans())
def test_intervals_have_the_least_sum_of_squares_of_all(seed, n, k, weighted):
    rng = np.random.default_rng(seed)
    x = rng.standard_t(2, (n, 1))
    weights = rng.integers(1, 4, n).astype(float) if weighted else np.ones(n)
    (labels,) = interval_partitions(x, k, rng, weights if weighted else None)
    column = x[:, 0]
    ordered = np.sort(column)
    middles = 0.5 * (ordered[1:] + ordered[:-1])
    least = min(least_squares(column, weights, cuts) for cuts in combinations(middles, k - 1))
    means = [np.average(column[labels == j], weights=weights[labels == j]) for j in range(k)]
    assert np.diff(means).min() > 0.0
    assert_allclose(weights @ (column - np.array(means)[labels]) ** 2, least, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, d=st.integers(1, 8), k=st.integers(2, 5), n=st.integers(6, 200))
def test_intervals_do_not_depend_on_units_and_leave_no_cluster_empty(seed, d, k, n):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).round(1)
    x[:, 0] = rng.integers(0, 2, n)  # too few values for three clusters
    found = interval_partitions(x, k, np.random.default_rng(0))
    assert all(set(labels) == set(range(k)) for labels in found)
    scaled = interval_partitions(x * 2.0 ** rng.integers(-9, 9, d), k, np.random.default_rng(0))
    assert (found == scaled).all()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_clusters_in_one_column_among_many_are_found(covariance_type):
    """As k-means in raw units finds them where that column's numbers are the largest."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y = np.repeat([0, 1], [260, 40])
        X = rng.standard_t(1.5, (300, 8))
        X[:, 0] = rng.normal(8.0 * y, 1.0)
        raw = X * np.array([100.0, *np.ones(7)])
        options = {"covariance_type": covariance_type, "random_state": seed}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of variances that are mostly prior
            ours = EMGaussianMixture(2, **options).fit(X).score(X)
            theirs = GaussianMixture(2, **options).fit(raw).score(raw) + np.log(100.0)
        assert ours > theirs - 0.01


@pytest.mark.parametrize(
    ("covariance_type", "n_components"), [("tied", 5), ("tied", 8), ("diag", 8), ("full", 5)]
)
def test_a_default_fit_is_as_good_as_one_from_raw_units(covariance_type, n_components):
    """Where scale carries meaning: areas of cells beside their fractal dimensions."""
    X = load_breast_cancer().data[:, :10]
    scores = []
    for make in (EMGaussianMixture, GaussianMixture):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models = [
                make(n_components, covariance_type=covariance_type, random_state=seed).fit(X)
                for seed in range(8)
            ]
        scores.append(np.median([model.score(X) for model in models]))
    assert scores[0] > scores[1] - 0.05


def test_oblique_clusters_are_found_by_default():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        y = np.repeat([0, 1], 200)
        x = np.c_[rng.normal(0, 10, 400), 5 * y + rng.normal(0, 1, 400)]
        x = x @ np.array([[0.825, 0.565], [-0.565, 0.825]])
        found = EMGaussianMixture(2, n_init=10, random_state=0).fit(x)
        assert found.lower_bound_ > EMGaussianMixture(2, resp_init=y).fit(x).lower_bound_ - 1e-3


# A given start


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, weighted=st.booleans(), given_means=st.booleans())
def test_a_given_start_does_not_depend_on_the_order_of_rows(seed, weighted, given_means):
    rng = np.random.default_rng(seed)
    X = two_groups(3.0, n=20, seed=seed)
    X[rng.random(X.shape) < 0.2] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    labels, order = np.arange(len(X)) % 2, rng.permutation(len(X))
    weights = rng.integers(1, 4, len(X)).astype(float) if weighted else None
    start = {"means_init": [[0.0, 0.0], [3.0, 3.0]]} if given_means else {"resp_init": labels}
    moved = start if given_means else {"resp_init": labels[order]}
    fits = [
        EMGaussianMixture(2, max_iter=0, **one).fit(rows, sample_weight=w)
        for one, rows, w in [
            (start, X, weights),
            (moved, X[order], None if weights is None else weights[order]),
        ]
    ]
    assert_allclose(fits[0].covariances_, fits[1].covariances_, rtol=1e-9)


# Searches


def test_annealing_ends_no_lower_than_plain_em():
    rng = np.random.default_rng(0)
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2.0)
    X = np.concatenate(
        [np.c_[rng.normal(0, 5, 300), rng.normal(6 * j, 1, 300)] for j in range(2)]
    ) @ (turn.T)
    options = {"random_state": 0, "tol": 1e-6, "max_iter": 1000}
    for init_params in STARTS:
        plain = EMGaussianMixture(2, init_params=init_params, **options).fit(X)
        for betas in [(0.8, 0.9, 1.0), (0.1, 1.0)]:
            annealed = EMGaussianMixture(
                2, init_params=init_params, search=Annealing(betas=betas), **options
            ).fit(X)
            assert annealed.lower_bound_ >= plain.lower_bound_ - 1e-6


def test_the_likelihood_of_a_simulated_chain_is_told():
    X = np.random.default_rng(0).normal(size=(60, 3))
    mixture = EMGaussianMixture(2, search="simulated_annealing", random_state=0).fit(X)
    assert len(mixture.lower_bounds_) == mixture.n_iter_
    assert np.isfinite(mixture.lower_bounds_).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_init": 10**9},
        {"n_init": 10**9, "search": "short_runs"},
        {"n_init": 10**9, "search": Restarts(budget=10**12)},
        {"n_init": 10**9, "search": Genetic(budget=10**12, population=10**9)},
        {"search": ShortRuns(budget=10**12)},
        {"search": SimulatedAnnealing(n_iter=10**12), "max_iter": 10**13},
        {"algorithm": StochasticEM(), "max_iter": 10**12},
    ],
    ids=str,
)
def test_a_search_of_any_size_starts_in_bounded_memory(arguments, monkeypatch):
    n_calls, m_step = 0, GaussianMixtureModel.m_step

    def counted(self, *args):
        nonlocal n_calls
        n_calls += 1
        if n_calls > 5:
            raise KeyboardInterrupt
        return m_step(self, *args)

    monkeypatch.setattr(GaussianMixtureModel, "m_step", counted)
    tracemalloc.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            mixture = EMGaussianMixture(2, init_params="random", random_state=0, **arguments)
            mixture.fit(two_groups(n=10))
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@given(seed=SEEDS, n=st.integers(1, 30), more=st.integers(0, 30), cut=st.integers(0, 70))
def test_many_starts_are_those_of_a_list(seed, n, more, cut):
    root = np.random.SeedSequence(seed)
    children = np.random.SeedSequence(seed).spawn(n + more)
    listed = [Start(i, child) for i, child in enumerate(children)]
    first = ManyStarts(root, range(n), range(n))
    starts = first + ManyStarts(root, range(n, n + more), range(n, n + more))
    assert len(starts) == len(listed)

    def state(some):
        return [(start.number, start.seed.generate_state(2).tolist()) for start in some]

    assert state(starts) == state(listed)
    assert state(starts[:cut]) == state(listed[:cut])
    assert state(starts[cut:]) == state(listed[cut:])
    assert state(listed[:2] + starts) == state(listed[:2] + listed)
    assert state((listed[:2] + starts)[1:cut]) == state((listed[:2] + listed)[1:cut])
    assert state(starts + listed[:1]) == state(listed + listed[:1])
    with pytest.raises(IndexError):
        starts[n + more]
