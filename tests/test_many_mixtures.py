"""Many small mixtures at once: steps are those of every mixture by itself, and so are the ends."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from emkit import EMGaussianMixture, EMGaussianMixtureIC
from emkit.exceptions import DataWarning
from emkit.mixture import Race
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.many_climbs import Climbs
from emkit.models.mixture.many_mixtures import Features, ManyMixtures, ManyParams
from emkit.models.mixture.neighbours import merged, parted
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.covariance.side_by_side import SideBySide

IRIS = load_iris().data
SIZES = (1, 4, 2)


def rows(n_features=3, weighted=False):
    rng = np.random.default_rng(0)
    return Rows(IRIS[:, :n_features], rng.uniform(0.5, 2.0, len(IRIS)) if weighted else None)


def partition(features, k, seed=0):
    """Statistics of rows assigned in part at random."""
    rng = np.random.default_rng([seed, k])
    resp = rng.dirichlet(np.ones(k), features.table.shape[1]).T
    return features.statistics(resp)


def unit(k, d):
    return ManyParams(np.ones(k), np.zeros((k, d)), np.broadcast_to(np.eye(d), (k, d, d)))


def model_of(structure, data, features):
    """The mixture by itself, in units of its own."""
    units = features.units._replace(scale=structure.common_scale(features.units.scale))
    return GaussianMixtureModel(structure, units, total_weight=data.total_weight)


# Sums


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
@settings(max_examples=30)
def test_sums_over_mixtures(sizes):
    mixtures = SideBySide(np.array(sizes))
    values = np.random.default_rng(0).normal(size=(sum(sizes), 2, 3))
    parts = np.split(values, np.cumsum(sizes)[:-1])
    assert_allclose(mixtures.sum(values), [part.sum(axis=0) for part in parts])
    products = [np.einsum("kqi,kqj->ij", part, part) for part in parts]
    assert_allclose(mixtures.sum_of_products(values, values), products)
    assert_array_equal(mixtures.unpadded(mixtures.padded(values)), values)
    assert_array_equal(mixtures.spread(np.arange(len(sizes))), np.repeat(range(len(sizes)), sizes))
    first, second = mixtures.pairs()
    assert len(first) == sum(k * (k - 1) // 2 for k in sizes)
    assert (mixtures.mixture[first] == mixtures.mixture[second]).all() and (first < second).all()


# Steps


@pytest.mark.parametrize("name", NAMES)
def test_estimates_side_by_side_are_those_of_each(name):
    structure, d = STRUCTURES[name], 3
    layout = structure.layout
    rng = np.random.default_rng(1)
    root = rng.normal(size=(sum(SIZES), d, d))
    dense = root @ root.mT + 0.1 * np.eye(d)
    counts = rng.uniform(1.0, 3.0, sum(SIZES))
    own = {0: np.trace(dense, axis1=1, axis2=2), 1: dense.diagonal(axis1=1, axis2=2), 2: dense}
    scatter = own[layout.ndim]
    previous = np.ones_like(scatter) if layout.ndim < 2 else np.broadcast_to(np.eye(d), dense.shape)
    mixtures = SideBySide(np.array(SIZES))
    together = structure.estimate_each(scatter, counts, previous, mixtures)
    for _ in range(20):  # where there is no formula, the next one goes on
        together = structure.estimate_each(scatter, counts, together, mixtures)
    start = 0
    for size in SIZES:
        of = slice(start, start + size)
        if layout.shared:
            one = np.asarray(scatter[of].sum(axis=0) / counts[of].sum())
        else:
            one = structure.estimate(scatter[of], counts[of], previous[of])
        assert_allclose(together[of], np.broadcast_to(one, together[of].shape), rtol=1e-6)
        start += size


@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_is_that_of_each_mixture(weighted):
    """Of every structure and several sizes, in one product."""
    data = rows(weighted=weighted)
    features = Features(data, data.scaling())
    cases = [(STRUCTURES[name], k) for name in NAMES for k in (2, 4, 3)]
    structures = [structure for structure, _ in cases]
    sizes = np.array([k for _, k in cases])
    many = ManyMixtures(features, structures, sizes)
    statistics = np.concatenate([partition(features, k) for k in sizes])
    params = many.m_step(statistics, unit(len(statistics), 3))
    after, heights = many.e_step(params)
    starts = np.cumsum(sizes) - sizes
    for (structure, k), start, height in zip(cases, starts, heights.log_likelihoods, strict=True):
        of, model = slice(start, start + k), model_of(structure, data, features)
        between = features.units.scale / model.units.scale
        dense = params.covariances[of] * between * between[:, None]
        forms = {0: dense[:, 0, 0], 1: dense.diagonal(axis1=1, axis2=2), 2: dense}
        covariances = forms[structure.layout.ndim]
        if structure.layout.shared:
            covariances = covariances[0]
        own = MixtureParams(params.weights[of], params.means[of] * between, covariances)
        stats, log_likelihood = model.e_step(data, own)
        assert height == pytest.approx(log_likelihood, rel=1e-12)
        assert_allclose(after[of, 0], stats.n, rtol=1e-9)
        means = features.moments(after[of])[1] * between
        assert_allclose(means, own.means + stats.first / stats.n[:, None], rtol=1e-9, atol=1e-9)


def test_a_singular_covariance_is_no_height():
    data = rows(1)
    features = Features(data, data.scaling())
    good = partition(features, 2)
    bad = features.statistics(np.array([data.X[:, 0] == data.X[0, 0], data.X[:, 0] != 0.0]) * 1.0)
    many = ManyMixtures(features, [STRUCTURES["full"]] * 2, np.array([2, 2]))
    params = many.m_step(np.concatenate([good, bad]), unit(4, 1))
    heights = many.e_step(params)[1].log_likelihoods
    assert np.isfinite(heights[0]) and heights[1] == -np.inf


# Climbs


@pytest.mark.parametrize("name", NAMES)
def test_climbs_never_fall_and_end_where_em_stands_still(name):
    data = rows()
    features = Features(data, data.scaling())
    starts = [partition(features, k, seed) for k in (2, 3) for seed in (0, 1)]
    climbs = Climbs(features, [STRUCTURES[name]] * len(starts), starts)
    heights = [climbs.heights(1)[0]]
    for _ in range(1000):
        if not climbs.state.going_on.any():
            break
        climbs.climb(1e-9, 1)
        heights.append(climbs.heights(1)[0])
    assert (np.diff(heights, axis=0) >= -1e-9).all()
    for place in climbs.stop_all():
        assert place.converged
        k = len(place.params.weights)
        many = ManyMixtures(features, [STRUCTURES[name]], np.array([k]))
        image = many.m_step(place.image, place.params)
        assert_allclose(image.means, place.params.means, atol=1e-3)
        assert many.e_step(image)[1].log_likelihoods[0] == pytest.approx(
            place.log_likelihood, abs=1e-7
        )


# Starts from neighbours


@pytest.mark.parametrize("change", [merged, parted])
def test_neighbours_have_the_mean_and_the_covariance_of_the_whole(change):
    data = rows(weighted=True)
    features = Features(data, data.scaling())
    statistics = partition(features, 4)
    changed = change(features, statistics)
    assert len(changed) == len(statistics) + (1 if change is parted else -1)
    assert_allclose(changed.sum(axis=0), statistics.sum(axis=0), rtol=1e-10, atol=1e-10)
    n, _, scatter = features.moments(changed)
    assert (n > 0.0).all() and np.linalg.eigvalsh(scatter).min() > 0.0


def test_two_parts_of_one_cluster_are_merged():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(9, 1, (40, 2))])
    features = Features(Rows(X), Rows(X).scaling())
    labels = np.repeat([0, 1, 2], [30, 30, 40])
    statistics = features.statistics((labels == np.arange(3)[:, None]) * 1.0)
    n = features.moments(merged(features, statistics))[0]
    assert_array_equal(np.sort(n), [40.0, 60.0])
    n = features.moments(parted(features, merged(features, statistics)))[0]
    assert_allclose(np.sort(n), [30.0, 30.0, 40.0])


# Grids


def grid(**options):
    return EMGaussianMixtureIC(**{"max_components": 4, "random_state": 0, **options})


def test_together_is_no_worse_than_one_by_one():
    """The choice is the same, and of all candidates the fits are no lower on the whole."""
    together = grid(covariance_type="all").fit(IRIS)
    alone = grid(covariance_type="all", search=Race()).fit(IRIS)
    assert together.best_params_ == alone.best_params_
    assert together.best_criterion_ == pytest.approx(alone.best_criterion_, abs=1e-3)
    gains = together.results_["log_likelihood"] - alone.results_["log_likelihood"]
    assert np.mean(gains) > -0.1


def test_results_are_those_of_the_places_reported():
    """What a table line says, a fit from there confirms."""
    ours = grid(covariance_type=["VEV", "EII", "tied", "diag"]).fit(IRIS)
    best = ours.best_estimator_
    assert ours.best_criterion_ == best.bic(IRIS)
    assert best.n_init == 5 and best.means_init is None and isinstance(best.search, Race)
    for i, name in enumerate(ours.results_["covariance_type"]):
        k = int(ours.results_["n_components"][i])
        if k > 1:
            continue
        own = EMGaussianMixture(k, covariance_type=str(name), reg_covar=0.0).fit(IRIS)
        assert_allclose(own.bic(IRIS), ours.results_["bic"][i], rtol=1e-9)
        assert_allclose(own.icl(IRIS), ours.results_["icl"][i], rtol=1e-9)


def test_weights_are_rows_that_stand_several_times():
    weights = 1.0 + np.arange(len(IRIS)) % 2
    options = {
        "covariance_type": ["VVE", "EEV", "full"],
        "init_params": "hierarchical",
        "n_init": 1,
    }
    weighed = grid(**options).fit(IRIS, sample_weight=weights)
    repeated = grid(**options).fit(np.repeat(IRIS, weights.astype(int), axis=0))
    assert_allclose(weighed.criterion_, repeated.criterion_, rtol=1e-5)


@given(st.permutations(range(3)), st.sampled_from([1e-6, 1.0, 1e5]))
@settings(max_examples=8, deadline=None)
def test_units_and_order_of_columns_change_nothing(order, scale):
    options = {"covariance_type": ["full", "EVI", "VEE"], "max_components": 3}
    options |= {"init_params": "hierarchical", "n_init": 1}
    X = IRIS[:, :3]
    plain = grid(**options).fit(X)
    units = np.array([scale, 1.0, 10.0])
    other = grid(**options).fit((X * units)[:, list(order)])
    moved = 2.0 * len(X) * np.log(units).sum()
    assert_allclose(other.criterion_ - moved, plain.criterion_, atol=0.05)
    assert other.best_params_ == plain.best_params_


def test_columns_that_follow_from_others_are_left_out():
    X = np.column_stack([IRIS[:, :2], IRIS[:, 0] + IRIS[:, 1], np.ones(len(IRIS))])
    options = {"covariance_type": ["full", "EII", "VEV"]}
    with pytest.warns(DataWarning, match="are constant"):
        ours = grid(**options).fit(X)
    plain = grid(**options).fit(IRIS[:, :2])
    assert_allclose(ours.criterion_, plain.criterion_, rtol=1e-6)
    assert_allclose(np.sort(ours.means_[:, 0]), np.sort(plain.means_[:, 0]), rtol=1e-4)


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-6])
def test_clusters_too_narrow_for_features_are_found(width):
    """They are climbed by themselves, from where the features of rows tell no more."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(at, width, (50, 2)) for at in (-1.0, 0.5, 3.0)])
    ours = grid(covariance_type=["EVI", "diag"]).fit(X)
    assert ours.best_params_["n_components"] == 3
    assert_allclose(np.sort(ours.means_[:, 0]), [-1.0, 0.5, 3.0], atol=5 * width)
    assert_allclose(ours.weights_, 1 / 3)


@pytest.mark.parametrize("weight", [1e-9, 1e9])
def test_the_size_of_weights_decides_nothing(weight):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(at, 1e-6, (50, 2)) for at in (-1.0, 0.5, 3.0)])
    one = grid(min_components=3, max_components=3, covariance_type="diag")
    plain = one.fit(X).results_["log_likelihood"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        ours = one.fit(X, sample_weight=np.full(150, weight)).results_["log_likelihood"]
    assert_allclose(ours / weight, plain, rtol=1e-6)


def test_no_unit_of_a_column_is_refused():
    """Where what goes on to the end begins in units of the data."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) + 6.0 * rng.integers(2, size=(60, 1))
    X[:, 1] = 1.0
    units = np.array([1e-12, 1.0, 1e12])
    with pytest.warns(DataWarning, match="constant"):
        plain = grid(covariance_type="full").fit(X)
        other = grid(covariance_type="full").fit(X * units)
    assert_allclose(other.criterion_, plain.criterion_, rtol=1e-4)


@pytest.mark.parametrize("far", [1e4, 1e5, 1e6])
def test_a_row_far_away_is_a_component_of_pooled_variances(far):
    """Features are too coarse for the others then, but no variance is that of a row alone."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 2)) + 9.0 * rng.integers(2, size=(60, 1))
    X[0, 0] = far
    options = {"covariance_type": ["EII", "EEI", "tied", "EEV"], "max_components": 3}
    ours, alone = grid(**options).fit(X), grid(**options, search=Race()).fit(X)
    assert ours.best_criterion_ < alone.best_criterion_ + 0.01


@given(st.integers(0, 10**6))
@settings(max_examples=3, deadline=None)
def test_ties_stop_no_grid(seed):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(60, 3)) + 3.0 * rng.integers(3, size=(60, 3)) ** 2)
    options = {"covariance_type": ["VEI", "VEV", "VEE"], "max_components": 4, "n_init": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        assert np.isfinite(grid(**options).fit(X // 2).best_criterion_)


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_of_equal_criteria_the_first_is_fitted():
    X = np.repeat([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0]], 5, axis=0)
    ours = grid(covariance_type=["VEI", "EVI"], min_components=2, max_components=2).fit(X)
    assert ours.best_estimator_.covariance_type == ours.best_params_["covariance_type"]
    assert ours.best_criterion_ == pytest.approx(ours.best_estimator_.bic(X))
