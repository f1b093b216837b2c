"""Online EM: the engine's `OnlineEM`, and `partial_fit` of the mixture and the imputer."""

import copy
import pickle
import warnings
from itertools import cycle
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import poisson
from sklearn.base import clone
from structures import nearest, random_covariances, unit

from emkit import EMGaussianMixture, EMImputer, MixturePrior
from emkit.engine import Blocks, EMModel, LatentClassModel, OnlineEM, fit_em
from emkit.exceptions import DataWarning, InfeasibleError
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.prior import Prior
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling

FITTED = ("weights_", "means_", "covariances_")


def clusters(n, d=3, k=2, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    centres = 3.0 * np.random.default_rng(1).normal(size=(k, d))
    X = centres[rng.integers(0, k, n)] + rng.normal(size=(n, d)) * np.linspace(0.5, 1.5, d)
    X[rng.random(X.shape) < missing] = np.nan
    return X


def batches(X, *sizes):
    return np.split(X, np.cumsum(sizes)[:-1])


def learn(estimator, stream):
    for batch in stream:
        estimator.partial_fit(batch)
    return estimator


def random_params(structure, k, d, rng):
    covariances = random_covariances(structure.name, k, d, rng)
    return MixtureParams(rng.dirichlet(np.full(k, 5.0)), rng.normal(size=(k, d)), covariances)


def mixture_model(structure, d, **arguments):
    return GaussianMixtureModel(structure, Scaling(np.zeros(d), np.ones(d)), **arguments)


def close(one, two, tol=1e-10):
    for a, b in zip(one, two, strict=True):
        assert_allclose(a, b, rtol=tol, atol=tol)


# The mean of the statistics


class Wanderer(GaussianMixtureModel):
    """Takes every batch at the same parameters, while those of the stream go anywhere."""

    home: MixtureParams
    rng = np.random.default_rng(0)

    def e_step(self, data, params, **options):
        stats, log_likelihood = super().e_step(data, self.home)
        return self.recentre(stats, self.home, params), log_likelihood

    def m_step(self, stats, params):
        return random_params(self.structure, *params.means.shape, self.rng)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    missing=st.sampled_from([0.0, 0.3]),
    weighted=st.booleans(),
)
def test_the_mean_is_that_of_all_rows_together(name, seed, sizes, missing, weighted):
    rng = np.random.default_rng(seed)
    X = clusters(sum(sizes), seed=seed, missing=missing)
    weights = rng.uniform(0.5, 2.0, len(X)) if weighted else np.ones(len(X))
    model = Wanderer(STRUCTURES[name], Scaling(np.zeros(3), np.ones(3)), incomplete=missing > 0.0)
    model.home = random_params(model.structure, 2, 3, rng)
    online, state = OnlineEM(decay=1.0, offset=0.0), OnlineEM.start(model.home)
    log_likelihood = 0.0
    for x, w in zip(batches(X, *sizes), batches(weights, *sizes), strict=True):
        state = online.update(model, state, Rows.of(x, w))
        log_likelihood += state.log_likelihood * w.sum()
    whole, objective = GaussianMixtureModel.e_step(model, Rows.of(X, weights), model.home)
    mean = model.recentre(state.stats, state.params, model.home)
    close(mean, [x / weights.sum() for x in whole])
    assert_allclose([state.weight, state.n_batches], [weights.sum(), len(sizes)])
    assert_allclose(log_likelihood, objective)


@pytest.mark.parametrize("name", NAMES)
def test_recentring_does_not_change_the_m_step(name):
    rng = np.random.default_rng(0)
    structure = STRUCTURES[name]
    model = mixture_model(structure, 3, ridge=np.full(3, 0.1))
    here, there = (random_params(structure, 2, 3, rng) for _ in range(2))
    stats, _ = model.e_step(Rows(clusters(50)), here)
    moved = model.recentre(stats, here, there)
    close(model.m_step(moved, there), model.m_step(stats, here))
    assert not np.allclose(moved.first, stats.first)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_batch_is_one_em_step(name):
    X = clusters(60, missing=0.2)
    structure = STRUCTURES[name]
    start = random_params(structure, 2, 3, np.random.default_rng(2))
    model = mixture_model(structure, 3, ridge=np.full(3, 0.1), incomplete=True)
    stats, log_likelihood = model.e_step(Rows.of(X), start)
    state = OnlineEM().update(model, OnlineEM.start(start), Rows.of(X))
    close(state.params, model.m_step(stats, start), 1e-12)
    assert_allclose(state.log_likelihood, log_likelihood / len(X))
    halves = Blocks([Rows.of(X[:31]), Rows.of(X[31:])])
    close(OnlineEM().update(model, OnlineEM.start(start), halves).params, state.params)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strength", [0.0, 0.2])
@pytest.mark.parametrize("informative", [False, True])
def test_implied_statistics_have_the_parameters_as_their_m_step(name, strength, informative):
    structure, rng = STRUCTURES[name], np.random.default_rng(3)
    scatter = structure.layout.prior_from_diagonal(np.array([0.3, 0.1, 0.2]))
    more = {"scatter": scatter, "rows": 5.0, "mean": np.full(3, 0.4), "mean_precision": 2.0}
    prior = Prior(np.full(3, 0.01), strength, **(more if informative else {}))
    if informative:
        prior = prior._replace(concentration=1.5)
    model = mixture_model(structure, 3, prior=prior)
    params = random_params(structure, 2, 3, rng)
    close(model.m_step(model.implied_statistics(params, 70.0), params), params, 1e-12)


def test_implied_statistics_are_those_of_the_data_at_a_maximum():
    data = Rows(clusters(200))
    model = mixture_model(STRUCTURES["full"], 3, total_weight=200.0, ridge=np.full(3, 1e-3))
    start = random_params(model.structure, 2, 3, np.random.default_rng(0))
    params = fit_em(model, data, start=start, tol=0.0).params
    close(model.implied_statistics(params, 200.0), model.e_step(data, params)[0], 1e-7)


def test_step_sizes():
    online = OnlineEM(decay=0.6, offset=3.0)
    assert_allclose([online.step(t) for t in (1, 2, 10)], np.array([4.0, 5.0, 13.0]) ** -0.6)


class Means(NamedTuple):
    mean: float


class Sums(NamedTuple):
    n: float
    total: float


class Mean(EMModel):
    """Nothing is missing: the statistics are raw."""

    def initialize(self, rows, rng):
        return Means(0.0)

    def e_step(self, rows, params):
        return Sums(len(rows), rows.sum()), float(-0.5 * ((rows - params.mean) ** 2).sum())

    def m_step(self, stats, params):
        return Means(stats.total / stats.n)


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=8),
    decay=st.floats(0.51, 1.0),
    offset=st.floats(0.0, 20.0),
)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_the_moving_mean_is_the_recursion(sizes, decay, offset):
    stream = batches(np.random.default_rng(0).normal(size=sum(sizes)), *sizes)
    state, seen, mean = OnlineEM.start(Means(0.0)), 0, 0.0
    for number, batch in enumerate(stream):
        state = OnlineEM(decay, offset).update(Mean(), state, batch)
        seen += len(batch)
        step = (seen / len(batch) + offset) ** -decay if number else 1.0
        mean = (1.0 - step) * mean + step * batch.mean()
        assert_allclose(state.params.mean, mean)


class PoissonParams(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray


class Counts(NamedTuple):
    n: np.ndarray
    events: np.ndarray


class PoissonMixture(LatentClassModel):
    def initialize(self, rows, rng):
        return PoissonParams(np.array([0.5, 0.5]), np.sort(rng.choice(rows, 2)) + 0.5)

    def log_joint(self, rows, params):
        return np.log(params.weights)[:, None] + poisson.logpmf(rows, params.rates[:, None]), None

    def statistics(self, rows, resp, work, params):
        return Counts(resp.sum(axis=1), resp @ rows)

    def m_step(self, stats, params):
        return PoissonParams(stats.n / stats.n.sum(), stats.events / stats.n)


def test_a_model_of_ones_own_comes_close_to_its_maximum():
    rng = np.random.default_rng(0)
    rows = rng.poisson(np.where(rng.random(20_000) < 0.3, 2.0, 6.0)).astype(float)
    start = PoissonParams(np.array([0.5, 0.5]), np.array([1.0, 9.0]))
    best = fit_em(PoissonMixture(), rows, start=start, tol=1e-6)
    state = OnlineEM.start(start)
    for batch in np.split(rows, 200):
        state = OnlineEM().update(PoissonMixture(), state, batch)
    reached = PoissonMixture().e_step(rows, state.estimate)[1]
    begun = PoissonMixture().e_step(rows, start)[1]
    assert begun < best.log_likelihood - 1000.0
    assert best.log_likelihood - reached < 10.0  # 5e-4 nats a row


# Averaging


def test_the_average_is_the_weighted_mean_of_the_parameters():
    X = clusters(400, seed=2)
    stream = batches(X, 100, 100, 40, 100, 60)
    running = EMGaussianMixture(2, random_state=0)
    for begins in (True, 230):
        averaged = clone(running).set_params(average=begins)
        path, weights = [], []
        plain = clone(running)
        for batch in stream:
            averaged.partial_fit(batch)
            plain.partial_fit(batch)
            if plain.n_batches_ > 1 and plain.n_samples_seen_ >= begins:
                path.append([getattr(plain, name) for name in FITTED])
                weights.append(len(batch))
            expected = [
                np.average(values, axis=0, weights=weights) for values in zip(*path, strict=True)
            ] or [getattr(plain, name) for name in FITTED]
            close([getattr(averaged, name) for name in FITTED], expected)
        assert len(path) == (4 if begins is True else 3)
        assert_allclose(averaged.lower_bound_, plain.lower_bound_)


def test_the_average_is_given_up_when_it_is_not_asked_for():
    stream = np.split(clusters(300), 3)
    plain, switched = EMGaussianMixture(2, random_state=0), EMGaussianMixture(2, random_state=0)
    learn(switched.set_params(average=True), stream[:2]).set_params(average=False)
    learn(switched, stream[2:])
    learn(plain, stream)
    close([getattr(switched, name) for name in FITTED], [getattr(plain, name) for name in FITTED])


# partial_fit


@pytest.mark.parametrize("name", NAMES)
def test_one_component_is_the_sample_mean_and_covariance(name):
    X = clusters(120, seed=4) + 1e5
    plain = {"reg_covar": 0.0, "learning_decay": 1.0, "learning_offset": 0.0}
    mixture = EMGaussianMixture(1, covariance_type=name, **plain)
    learn(mixture, batches(X, 30, 1, 59, 30))
    covariance = nearest(name, np.cov(X.T, ddof=0)[None])
    assert_allclose(mixture.means_[0], X.mean(axis=0), rtol=1e-13)
    assert_allclose(mixture.covariances_, covariance, rtol=1e-9)
    assert (mixture.n_batches_, mixture.n_samples_seen_) == (4, 120.0)


def test_a_prior_counts_as_in_a_fit_to_all_rows():
    X = clusters(90, seed=4)
    prior = MixturePrior(mean=[5.0, 0.0, 0.0], mean_precision=20.0, covariance=np.eye(3))
    mixture = EMGaussianMixture(1, prior=prior, reg_covar=1e-3, learning_decay=1.0)
    whole = clone(mixture).fit(X)
    learn(mixture, batches(X, 20, 10, 60))
    close([getattr(mixture, name) for name in FITTED], [getattr(whole, name) for name in FITTED])
    assert np.abs(mixture.means_[0] - X.mean(axis=0)).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_goes_on_from_a_fit(name):
    X, more = clusters(150, seed=5), clusters(20, seed=6)
    mixture = EMGaussianMixture(
        2, covariance_type=name, tol=1e-13, max_iter=1000, random_state=0, learning_decay=1.0
    )
    mixture.fit(X)
    assert (mixture.n_batches_, mixture.n_samples_seen_) == (0, 150.0)
    before = copy.deepcopy(mixture).fit(X)
    model, state = before._stream.model, before._stream.state
    both = Blocks([Rows(X), Rows(more)])
    stats, _ = both.sum(lambda block: model.e_step(block, state.params))
    image = model.m_step(stats, state.params)
    mixture.partial_fit(more)
    assert_allclose(mixture.weights_, image.weights, rtol=1e-5)
    assert_allclose(mixture.means_, image.means * model.units.scale + model.units.shift, rtol=1e-5)
    assert_allclose(mixture.lower_bound_, before.score(more))
    assert (mixture.n_batches_, mixture.n_samples_seen_) == (1, 170.0)
    mixture.fit(X)
    assert_array_equal(mixture.means_, before.means_)
    assert mixture.n_batches_ == 0


def test_the_first_batch_is_a_fit():
    X = clusters(200, seed=7)
    fit = EMGaussianMixture(2, random_state=0, tol=1e-9, max_iter=1000).fit(X)
    stream = EMGaussianMixture(2, random_state=0).partial_fit(X)
    assert_allclose(stream.means_, fit.means_, rtol=1e-3)
    assert_allclose(stream.lower_bound_, stream.score(X))
    assert fit.lower_bound_ - stream.lower_bound_ < 1e-4
    loose = EMGaussianMixture(3, random_state=0, tol=1.0, init_params="random_from_data")
    # However loosely a fit may end, the first batch is fitted well.
    settled, left = clone(loose).partial_fit(X), clone(loose).fit(X)
    assert settled.lower_bound_ > left.lower_bound_ + 1e-3
    X[::7, 1] = np.nan
    fit, stream = EMImputer(random_state=0).fit(X), EMImputer(random_state=0).partial_fit(X)
    assert_array_equal(stream.location_, fit.location_)
    assert_array_equal(stream.covariance_, fit.covariance_)
    assert stream.n_batches_ == 1


MANY = [
    EMGaussianMixture(2, covariance_type=name, random_state=0, average=average)
    for name, average in zip(NAMES, cycle([False, True, 200]), strict=False)
] + [
    EMGaussianMixture(2, prior="mclust", random_state=0),
    EMImputer(),
    EMImputer(2, shrinkage=0.1, average=True, random_state=0),
]


@pytest.mark.parametrize("estimator", MANY, ids=str)
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_pickling_between_batches_changes_nothing(estimator, missing):
    stream = np.split(clusters(400, seed=8, missing=missing), 8)
    through, parcelled = clone(estimator), clone(estimator)
    for batch in stream:
        through.partial_fit(batch)
        parcelled = pickle.loads(pickle.dumps(parcelled.partial_fit(batch)))
    again = learn(clone(estimator), stream)
    names = [name for name in vars(through) if name.endswith("_") and name != "runs_"]
    assert {*FITTED, "n_batches_"} <= set(names)
    for name in names:
        assert_array_equal(getattr(parcelled, name), getattr(through, name), strict=True)
        assert_array_equal(getattr(again, name), getattr(through, name), strict=True)
    backwards = learn(clone(estimator), stream[:1] + stream[:0:-1])
    assert np.abs(backwards.means_ - through.means_).max() > 1e-6


@pytest.mark.parametrize("estimator", MANY[:2] + MANY[-2:], ids=str)
def test_what_is_kept_does_not_grow(estimator):
    stream = np.split(clusters(3000, seed=9, missing=0.1), 60)
    estimator = learn(clone(estimator), stream[:5])
    before = len(pickle.dumps(estimator))
    learn(estimator, stream[5:])
    assert len(pickle.dumps(estimator)) < before + 64  # numbers of more digits


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_weights_are_repetitions(name, missing):
    X = clusters(240, seed=10, missing=missing)
    X[:, 0] = np.where(np.isnan(X).all(axis=1), 0.0, X[:, 0])
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    start = {
        "weights_init": [0.5, 0.5],
        "means_init": 3.0 * np.random.default_rng(1).normal(size=(2, 3)),
    }
    start["precisions_init"] = unit(name, 2, 3)
    # An accelerated step that gains no more than rounding is taken or not by chance: plain ones.
    weighted = EMGaussianMixture(
        2, covariance_type=name, tol=1e-10, max_iter=1000, acceleration=None, **start
    )
    repeated = clone(weighted)
    for x, w in zip(np.split(X, 4), np.split(weights, 4), strict=True):
        weighted.partial_fit(x, sample_weight=w)
        repeated.partial_fit(np.repeat(x, w, axis=0))
    for attribute in FITTED:
        a, b = getattr(weighted, attribute), getattr(repeated, attribute)
        assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_)
    assert weighted.n_samples_seen_ == repeated.n_samples_seen_ == weights.sum()


def test_weights_are_repetitions_for_the_imputer():
    X = clusters(240, seed=10, missing=0.2)
    weights = np.random.default_rng(0).integers(0, 4, len(X))
    weighted, repeated = EMImputer(tol=1e-10), EMImputer(tol=1e-10)
    for x, w in zip(np.split(X, 4), np.split(weights, 4), strict=True):
        weighted.partial_fit(x, sample_weight=w)
        repeated.partial_fit(np.repeat(x, w, axis=0))
    for name in ("location_", "covariance_", "missing_fraction_", "shrinkage_", "log_likelihood_"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-6)
    assert weighted.n_samples_seen_ == weights.sum()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_a_long_stream_comes_close_to_the_maximum(name, missing):
    X = clusters(10_000, seed=11, missing=missing)
    mixture = EMGaussianMixture(2, covariance_type=name, random_state=0)
    mixture.partial_fit(X[:250])
    begun = mixture.score(X)
    learn(mixture, np.split(X[250:], 39))
    again = clone(mixture).set_params(tol=1e-7, max_iter=1000, means_init=mixture.means_)
    best = again.fit(X).score(X)
    gap = best - mixture.score(X)
    assert gap < 3e-3
    assert gap < 0.3 * (best - begun)


def test_a_long_stream_of_the_imputer_comes_close_to_its_fit():
    X = clusters(8_000, seed=12, missing=0.2)
    fit = EMImputer().fit(X)
    stream = learn(EMImputer(), np.split(X, 80))
    assert fit.score(X) - stream.score(X) < 2e-3
    assert_allclose(stream.missing_fraction_, np.isnan(X).mean(axis=0))
    assert stream.n_samples_seen_ == len(X)
    deviation = np.sqrt(np.diag(fit.covariance_))
    assert_allclose(stream.location_ / deviation, fit.location_ / deviation, atol=0.05)
    off = (stream.transform(X) - fit.transform(X)) / deviation
    assert np.sqrt(np.mean(off**2)) < 0.05


def test_automatic_shrinkage_fades_as_rows_come_in():
    X = clusters(400, d=5, seed=13, missing=0.2)
    stream = EMImputer().partial_fit(X[:25])
    path = [stream.shrinkage_]
    for batch in np.split(X[25:], 15):
        path.append(stream.partial_fit(batch).shrinkage_)
    assert path[0] > 0.05 and path[-1] <= 1e-6
    assert (np.diff(path) <= 0.0).all()
    twice = learn(EMImputer(), [X[:50], X[:50]])
    assert_allclose(twice.shrinkage_, EMImputer().fit(np.tile(X[:50], (2, 1))).shrinkage_)
    explicit = learn(EMImputer(shrinkage=0.3), [X[:25], X[25:]])
    assert explicit.shrinkage_ == 0.3


def test_collinear_columns_stay_finite():
    X = clusters(2000, seed=13)
    X = np.column_stack([X, X.sum(axis=1)])
    X[::5, 0] = X[1::5, 3] = np.nan
    first, *others = np.split(X, 10)
    with pytest.warns(DataWarning, match="no finite maximum at shrinkage=0"):
        stream = EMImputer().partial_fit(first)
    learn(stream, others)
    assert stream.shrinkage_ == 1e-6
    assert_allclose(stream.transform(X)[::5, 0], X[::5, 3] - X[::5, 1:3].sum(axis=1), atol=0.05)


def test_a_batch_may_miss_a_column_and_be_of_one_row():
    X = clusters(300, seed=14)
    mixture = EMGaussianMixture(2, random_state=0).partial_fit(X)
    means = mixture.means_.copy()
    batch = X[:50].copy()
    batch[:, 2] = np.nan
    mixture.partial_fit(batch).partial_fit(X[:1])
    # The column is completed by what the others tell of it: its mean hardly moves.
    assert 0.0 < np.abs(mixture.means_[:, 2] - means[:, 2]).max() < 0.3
    assert mixture.n_samples_seen_ == 351.0


def test_rows_read_from_elsewhere_are_a_batch_too():
    class Table:
        """An array-like that is read by slices."""

        def __init__(self, rows):
            self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            return self.rows[index]

    X = clusters(400, seed=15)
    array, table = EMGaussianMixture(2, random_state=0), EMGaussianMixture(2, random_state=0)
    learn(array, np.split(X, 4))
    learn(table, [X[:100], *map(Table, np.split(X[100:], 3))])
    assert_allclose(table.means_, array.means_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attributes_keep_the_floating_type(dtype):
    mixture = learn(EMGaussianMixture(2, random_state=0), np.split(clusters(200).astype(dtype), 4))
    assert mixture.means_.dtype == mixture.precisions_.dtype == dtype
    inverse = np.linalg.inv(mixture.covariances_)
    assert_allclose(mixture.precisions_, inverse, rtol=2e-4, atol=1e-5)


# Bad input


STREAMS = [EMGaussianMixture(2, random_state=0), EMImputer()]


@pytest.mark.parametrize("estimator", STREAMS, ids=str)
@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
def test_a_batch_that_does_not_go_with_the_others_is_refused(estimator, begin):
    X = clusters(100)
    estimator = clone(estimator)
    getattr(estimator, begin)(X)
    before = copy.deepcopy(vars(estimator))
    infinite = np.where(X > X.max() - 1e-9, np.inf, X)
    for batch, message in (
        (X[:, :2], "X has 2 features, but .* is expecting 3 features"),
        (X.astype(np.float32), "same dtype. Got float32 after float64. Convert"),
        (X[:0], "0 sample"),
        (infinite, "infinity"),
        (X[0], "Expected 2D array"),
    ):
        with pytest.raises(ValueError, match=message):
            estimator.partial_fit(batch)
    with pytest.raises(ValueError, match="Sample weights must contain"):
        estimator.partial_fit(X, sample_weight=np.zeros(100))
    with pytest.raises(ValueError, match="inconsistent|shape"):
        estimator.partial_fit(X, sample_weight=np.ones(99))
    with pytest.raises(ValueError, match=r"goes on from batches or a fit.*now they are.*Clone"):
        estimator.set_params(n_components=3).partial_fit(X)
    estimator.set_params(n_components=before["n_components"])
    assert_array_equal(estimator.means_, before["means_"])
    assert estimator.n_batches_ == before["n_batches_"]
    estimator.partial_fit(X)
    assert estimator.n_batches_ == before["n_batches_"] + 1


@pytest.mark.parametrize("estimator", STREAMS, ids=str)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_decay": 0.5}, "decay must be above 0.5.*Got 0.5"),
        ({"learning_decay": 1.01}, "learning_decay|decay must be above"),
        ({"learning_offset": -1.0}, "learning_offset|offset must be a finite number"),
        ({"average": -2}, "average"),
        ({"average": "yes"}, "average"),
    ],
)
def test_bad_arguments(estimator, arguments, message):
    X = clusters(50)
    fresh = clone(estimator).set_params(**arguments)
    with pytest.raises((ValueError, TypeError), match=message):
        fresh.partial_fit(X)
    assert not hasattr(fresh, "n_features_in_")
    begun = clone(estimator).partial_fit(X).set_params(**arguments)
    with pytest.raises((ValueError, TypeError), match=message):
        begun.partial_fit(X)


def test_only_plain_em_goes_by_batches():
    with pytest.raises(ValueError, match="algorithm='em' alone. Got algorithm='cem'"):
        EMGaussianMixture(2, algorithm="cem").partial_fit(clusters(50))


def test_a_first_batch_that_is_too_small():
    with pytest.raises(ValueError, match="n_samples >= n_components.*n_samples = 3") as caught:
        EMGaussianMixture(4).partial_fit(clusters(3))
    assert "gather more rows before the first call" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="constant or empty.*more rows in the first batch"):
        EMImputer().partial_fit(np.ones((5, 2)))
    with pytest.raises(ValueError, match="0 sample"):
        EMImputer().partial_fit(np.empty((0, 2)))


def test_nan_that_marks_nothing_is_refused():
    X = clusters(60)
    imputer = EMImputer(missing_values=-1.0).partial_fit(X)
    X[3, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        imputer.partial_fit(X)


@pytest.mark.parametrize("estimator", STREAMS, ids=str)
def test_a_batch_in_which_nothing_is_observed(estimator):
    estimator = clone(estimator).partial_fit(clusters(60))
    with pytest.warns(DataWarning, match="Nothing is observed in the batch"):
        estimator.partial_fit(np.full((4, 3), np.nan))
    assert (estimator.n_batches_, estimator.n_samples_seen_) == (1, 60.0)


def test_features_that_begin_to_vary():
    X = clusters(100, seed=16)
    first, second = X[:50].copy(), X[50:].copy()
    first[:, 0] = 2.0
    first[:, 1] = np.nan
    with pytest.warns(DataWarning, match="Nothing is observed"):
        imputer = EMImputer(keep_empty_features=True).partial_fit(first)
    with pytest.warns(DataWarning, match=r"Feature\(s\) 0, 1 had no value or one value only"):
        imputer.partial_fit(second)
    filled = imputer.transform([[np.nan, np.nan, 1.0]])
    assert_allclose(filled, [[2.0, 0.0, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        imputer.partial_fit(first)


def test_parameters_stay_where_new_ones_would_be_singular():
    X = clusters(100, seed=17)
    mixture = EMGaussianMixture(2, reg_covar=0.0, random_state=0).partial_fit(X)
    means = mixture.means_.copy()
    overwhelming = np.full(5, 1e40)  # beside them nothing else counts
    with pytest.warns(DataWarning, match="The batch leads to a singular covariance"):
        mixture.partial_fit(np.ones((5, 3)), sample_weight=overwhelming)
    assert_array_equal(mixture.means_, means)
    assert mixture.n_batches_ == 2
    mixture.partial_fit(X, sample_weight=np.full(100, 1e40))
    assert np.isfinite(mixture.score(X))
    assert np.abs(mixture.means_ - means).max() > 0.0


def test_rows_beyond_all_bounds_are_refused():
    X = clusters(100, seed=18)
    mixture = EMGaussianMixture(2, random_state=0).partial_fit(X)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="batch 2 are not finite"):
        mixture.partial_fit(np.full((2, 3), 1e200))
    mixture.partial_fit(X)
    assert np.isfinite(mixture.score(X))


def test_errors_of_the_engine():
    online, state = OnlineEM(), OnlineEM.start(Means(0.0))
    with pytest.raises(ValueError, match="rows of positive weight. Got weight 0.0"):
        online.update(Mean(), state, np.empty(0))
    with pytest.raises(InfeasibleError, match="not defined at the parameters of the stream"):
        online.update(Mean(), OnlineEM.start(Means(np.nan)), np.ones(3))
    with pytest.raises(ValueError, match="decay must be above 0.5"):
        OnlineEM(decay=0.5)
    with pytest.raises(ValueError, match="offset must be a finite number, 0 or more. Got -1"):
        OnlineEM(offset=-1)
    with pytest.raises(ValueError, match="average must be True, False"):
        OnlineEM(average=2.5)

    class WithConditionalStep(Mean):
        def conditional_step(self, data, params):
            return params

    with pytest.raises(TypeError, match="sees one batch at a time. Use fit_em"):
        online.update(WithConditionalStep(), state, np.ones(3))
