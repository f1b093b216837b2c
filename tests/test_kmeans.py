"""K-means as hard EM: against scikit-learn's, its stop rules, its starts."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from marks import cut_short
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans as SklearnKMeans

from emkit import EMGaussianMixture
from emkit.engine import Blocks, StopReason, fit_em, soft
from emkit.models.kmeans import KMeans, KMeansParams, Points, distant_rows, squared_distances

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=40, deadline=None)


def clusters(seed, n=80, d=2, k=3, spread=3.0):
    """Rows about k centres, and k of the rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + rng.normal(0.0, spread, (k, d))[rng.integers(0, k, n)]
    return X, X[rng.choice(n, k, replace=False)], rng


def climb(X, start, *, sample_weight=None, stop="mse", **options):
    model, data = KMeans(len(start), stop=stop), Points(X, sample_weight)
    result = fit_em(model, data, start=KMeansParams(start), algorithm="cem", **options)
    return result, model.labels(data, result.params)


@given(
    seed=SEEDS,
    n=st.integers(6, 300),
    d=st.integers(1, 6),
    k=st.integers(1, 6),
    weighted=st.booleans(),
    shift=st.sampled_from([0.0, 1e3]),
)
@settings(max_examples=150, deadline=None)
def test_the_partition_is_that_of_scikit_learn(seed, n, d, k, weighted, shift):
    X, start, rng = clusters(seed, n, d, k)
    X, start = X + shift, start + shift
    weights = rng.uniform(0.1, 3.0, n) if weighted else None
    result, labels = climb(X, start, sample_weight=weights, tol=0.0)
    assume(len(np.unique(labels)) == k)  # an empty cluster is relocated there and waits here
    oracle = SklearnKMeans(k, init=start, n_init=1, algorithm="lloyd", tol=0.0, max_iter=1000)
    oracle.fit(X, sample_weight=weights)
    np.testing.assert_array_equal(labels, oracle.labels_)
    np.testing.assert_allclose(
        result.params.centers, oracle.cluster_centers_, rtol=1e-10, atol=1e-10
    )
    assert -result.objective == pytest.approx(oracle.inertia_, rel=1e-10)
    assert result.converged and result.reason is StopReason.TOLERANCE


@given(seed=SEEDS, k=st.integers(1, 5), weighted=st.booleans())
@FEW
def test_history_is_minus_the_sum_of_squares_and_rises_to_a_fixed_partition(seed, k, weighted):
    X, start, rng = clusters(seed, k=k)
    weights = rng.uniform(0.1, 3.0, len(X)) if weighted else np.ones(len(X))
    result, labels = climb(X, start, sample_weight=weights, tol=0.0)
    squares = weights * cdist(X, start, "sqeuclidean").min(axis=1)
    assert -result.history[0] == pytest.approx(squares.sum(), rel=1e-12)
    assert (np.diff(result.history) >= -1e-13 * np.abs(result.history[0])).all()
    centers = result.params.centers
    np.testing.assert_array_equal(labels, cdist(X, centers).argmin(axis=1))
    for j in np.unique(labels):
        mean = np.average(X[labels == j], axis=0, weights=weights[labels == j])
        np.testing.assert_allclose(centers[j], mean, atol=1e-12)


@given(seed=SEEDS)
@FEW
def test_weights_are_repeated_rows_and_blocks_are_their_sum(seed):
    X, start, rng = clusters(seed)
    counts = rng.integers(1, 4, len(X))
    weighted, _ = climb(X, start, sample_weight=counts.astype(float), tol=0.0)
    repeated, _ = climb(np.repeat(X, counts, axis=0), start, tol=0.0)
    np.testing.assert_allclose(weighted.params.centers, repeated.params.centers, atol=1e-10)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-12)
    parts = Blocks([Points(X[:10]), Points(X[10:])])
    options = {"start": KMeansParams(start), "algorithm": "cem", "tol": 0.0}
    whole, split = (fit_em(KMeans(3), data, **options) for data in (Points(X), parts))
    np.testing.assert_allclose(whole.params.centers, split.params.centers, atol=1e-10)


@given(seed=SEEDS)
@FEW
def test_k_means_is_hard_assignment_to_equal_spheres_of_equal_weight(seed):
    X, start, _ = clusters(seed)
    logs = [np.log(1 / 3) + stats.multivariate_normal.logpdf(X, c) for c in start]
    log_joint = KMeans(3).log_joint(Points(X.T), KMeansParams(start))[0]
    # Up to a constant, with a variance of one half in place of one.
    constant = np.log(1 / 3) - np.log(2 * np.pi)
    np.testing.assert_allclose(log_joint / 2 + constant, logs, rtol=1e-9)
    # A limit of the soft posterior in the cold, too: r of a mixture whose variance goes to 0.
    resp = soft(1e9 * log_joint)[0]
    np.testing.assert_allclose(resp, np.eye(3)[log_joint.argmax(axis=0)].T, atol=1e-6)


def test_equal_spheres_of_equal_weight_are_a_mixture_that_k_means_solves():
    """Three clusters of one size and shape: hard EM of a spherical mixture parts them likewise."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    X = np.repeat(centres, 50, axis=0) + rng.normal(size=(150, 2))
    _, labels = climb(X, X[[0, 50, 100]], tol=0.0)
    mixture = EMGaussianMixture(
        3, covariance_type="spherical", algorithm="cem", means_init=X[[0, 50, 100]]
    )
    np.testing.assert_array_equal(mixture.fit(X).predict(X), labels)


# Stop rules


def measured(stop, X, centers, before):
    """What a rule compares with tol, between two sets of centres."""
    if stop == "shift":
        return ((centers - before) ** 2).sum()
    power = {"mse": 2, "mae": 1}[stop]
    mean = [(cdist(X, c).min(axis=1) ** power).mean() for c in (before, centers)]
    return abs(mean[0] - mean[1])


@pytest.mark.parametrize("stop", ["mse", "mae", "shift"])
@pytest.mark.parametrize("scale", [1.0, 1e7])
def test_each_rule_stops_when_its_measure_is_below_tol_twice(stop, scale):
    X, start, _ = clusters(4, n=600, k=6, spread=1.0)
    X, start = X * scale, start * scale
    tol = {"mse": 2e-4 * scale**2, "mae": 2e-4 * scale, "shift": 2e-2 * scale**2}[stop]
    path = []
    result, _ = climb(
        X, start, stop=stop, tol=tol, callback=lambda state: path.append(state.params.centers)
    )
    steps = [measured(stop, X, b, a) for a, b in zip(path, path[1:], strict=False)]
    below = [step < tol for step in steps]
    assert result.converged and result.n_iter == len(steps)
    assert below[-2:] == [True, True]
    assert not any(a and b for a, b in zip(below[:-2], below[1:-1], strict=True))
    full, _ = climb(X, start, stop=stop, tol=0.0)
    assert result.n_iter < full.n_iter  # it is tol that stops
    assert full.objective >= result.objective


@cut_short
@pytest.mark.parametrize("stop", ["mse", "mae", "shift"])
@pytest.mark.parametrize("cap", [0, 1, 3])
def test_max_iter_caps_the_steps_of_every_rule(stop, cap):
    X, start, _ = clusters(4, n=300, k=6, spread=1.0)
    result, _ = climb(X, start, stop=stop, tol=0.0, max_iter=cap)
    assert result.n_iter == cap and result.reason is StopReason.MAX_ITER
    oracle = start
    for _ in range(cap):
        labels = cdist(X, oracle).argmin(axis=1)
        oracle = np.array([X[labels == j].mean(axis=0) for j in range(6)])
    np.testing.assert_allclose(result.params.centers, oracle, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "n_clusters must be at least 1. Got 0"), ((2, "sse"), "stop must be one of .* 'sse'")],
)
def test_bad_arguments(arguments, message):
    n_clusters, *stop = arguments
    with pytest.raises(ValueError, match=message):
        KMeans(n_clusters, **({"stop": stop[0]} if stop else {}))


# Degenerate data


def test_a_cluster_without_rows_keeps_its_centre():
    X = np.array([[0.0], [1.0], [2.0]])
    result, labels = climb(X, np.array([[1.0], [50.0]]), tol=0.0)
    np.testing.assert_array_equal(result.params.centers, [[1.0], [50.0]])
    np.testing.assert_array_equal(labels, 0)
    assert result.converged and result.objective == -2.0


@pytest.mark.parametrize("stop", ["mse", "mae", "shift"])
def test_as_many_clusters_as_distinct_rows_leave_nothing(stop):
    X = np.repeat(np.arange(4.0)[:, None], 3, axis=0)
    model = KMeans(4, stop=stop)
    for seed in range(10):
        result = fit_em(model, Points(X), algorithm="cem", random_state=seed)
        assert result.converged and result.objective == 0.0
        np.testing.assert_array_equal(np.sort(result.params.centers, axis=0).ravel(), np.arange(4))


# Starts


@given(seed=SEEDS, n=st.integers(1, 12), k=st.integers(1, 8), d=st.integers(1, 3))
@FEW
def test_distant_rows_are_distinct_while_there_are_any(seed, n, k, d):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, (n, d)).astype(float)
    weights = rng.integers(0, 2, n).astype(float)
    weights[rng.integers(n)] = 1.0
    for sample_weight in (None, weights):
        rows = distant_rows(X.T, k, rng, sample_weight)
        counted = np.ones(n, bool) if sample_weight is None else sample_weight > 0
        assert rows.shape == (k,) and counted[rows].all()
        n_distinct = len(np.unique(X[counted], axis=0))
        assert len(np.unique(X[rows], axis=0)) == min(k, n_distinct)


def test_rows_of_weight_zero_are_left_out():
    X = np.array([[0.0], [0.0], [100.0]])
    data = Points(X, np.array([1.0, 1.0, 0.0]))
    for seed in range(20):
        start = KMeans(2).initialize(data, np.random.default_rng(seed))
        np.testing.assert_array_equal(start.centers, 0.0)
    result = fit_em(KMeans(2), data, algorithm="cem", random_state=0)
    assert result.objective == 0.0


def test_distant_rows_are_one_of_each_cluster_and_drawn_by_weight():
    rng = np.random.default_rng(0)
    X = np.repeat(np.arange(5) * 1e4, 20)[:, None] + rng.normal(size=(100, 1))
    for _ in range(20):
        rows = distant_rows(X.T, 5, rng)
        np.testing.assert_array_equal(np.sort(rows // 20), np.arange(5))
    weights = np.ones(100)
    weights[7] = 99.0
    first = [distant_rows(X.T, 1, rng, weights)[0] == 7 for _ in range(400)]
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 400, 0.5)
    assert low <= sum(first) <= high


@given(seed=SEEDS, n=st.integers(1, 30), k=st.integers(1, 5))
@FEW
def test_squared_distances_do_not_cancel(seed, n, k):
    rng = np.random.default_rng(seed)
    X, centers = 1e8 + rng.normal(size=(n, 3)), 1e8 + rng.normal(size=(k, 3))
    np.testing.assert_allclose(
        squared_distances(X.T, centers), cdist(centers, X, "sqeuclidean"), rtol=1e-12
    )
