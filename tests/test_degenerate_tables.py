"""Mixtures of degenerate tables: flat ones, collapsed components, units at the ends of doubles."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from emkit import EMGaussianMixture, EMGaussianMixtureIC, EMImputer, MixturePrior
from emkit.engine import Blocks
from emkit.exceptions import DataWarning
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.numerics.covariance import NAMES, STRUCTURES

IRIS = load_iris().data
PUBLISHED = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]


def blobs(seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, (150, 2)), rng.normal(6, 1, (100, 2))])


def told(mixture, X, **arguments):
    """The mixture fitted, and what it warned of the data."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture.fit(X, **arguments)
    assert {w.category for w in caught} <= {DataWarning, ConvergenceWarning}
    return mixture, [str(w.message) for w in caught if w.category is DataWarning]


def assert_finite(mixture, X):
    for name in [*PUBLISHED, "lower_bound_", "history_"]:
        assert np.isfinite(getattr(mixture, name)).all(), name
    for values in [
        mixture.score_samples(X),
        mixture.predict_proba(X),
        mixture.impute(X),
        mixture.sample(5, random_state=0)[0],
    ]:
        assert np.isfinite(values).all()
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-9, abs=1e-9)


# Columns without a variance of their own

FOLLOWING = {
    "sum": lambda X: X[:, 0] + X[:, 1],
    "copy": lambda X: X[:, 2],
    "difference of parts": lambda X: 100.0 - 2.0 * X[:, 1] + 0.5 * X[:, 3],
    "constant": lambda X: np.full(len(X), 7.3),
    "far constant": lambda X: np.full(len(X), -1e9),
}
each_following = pytest.mark.parametrize("follow", FOLLOWING.values(), ids=FOLLOWING)


@each_following
@pytest.mark.parametrize("kind", NAMES)
def test_what_follows_from_other_columns_is_left_out(kind, follow):
    options = {"covariance_type": kind, "random_state": 0}
    X = np.column_stack([IRIS, follow(IRIS)])
    plain = EMGaussianMixture(2, **options).fit(IRIS)
    mixture, messages = told(EMGaussianMixture(2, **options), X)
    assert len(messages) == 1 and messages[0].startswith("Column(s) 4 ")
    for criterion in ["bic", "aic", "icl"]:
        expected = getattr(plain, criterion)(IRIS)
        assert getattr(mixture, criterion)(X) == pytest.approx(expected, rel=1e-6)
    assert_array_equal(mixture.predict(X), plain.predict(IRIS))
    assert_allclose(mixture.means_[:, :4], plain.means_, rtol=1e-5)
    assert_allclose(mixture.means_[:, 4], follow(mixture.means_), rtol=1e-9)
    rows = mixture.sample(10, random_state=1)[0]
    assert_allclose(rows[:, 4], follow(rows), rtol=1e-9)
    assert_finite(mixture, X)


@pytest.mark.parametrize("place", [0, 2, 4])
def test_where_the_column_stands_does_not_matter(place):
    order = np.insert(np.arange(4), place, 4)
    X = np.column_stack([IRIS, IRIS[:, 0] + IRIS[:, 1]])[:, order]
    mixture, messages = told(EMGaussianMixture(2, random_state=0, tol=1e-8), X)
    assert "follow from others" in messages[0]
    # The density of the sum in place of one of its parts is that of a map of determinant 1.
    expected = EMGaussianMixture(2, random_state=0, tol=1e-8).fit(IRIS).bic(IRIS)
    assert mixture.bic(X) == pytest.approx(expected, rel=1e-5)


def test_names_of_columns_are_given():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(IRIS, columns=list("abcd")).assign(e=1.0, f=lambda x: x.a + x.b)
    with pytest.warns(DataWarning, match=r"Column\(s\) e are constant and column\(s\) f follow"):
        EMGaussianMixture(2, random_state=0).fit(frame)


def test_the_selection_is_that_of_the_table_without_the_sum():
    """mclust and every criterion choose 2 components for iris."""
    X = np.column_stack([IRIS, IRIS[:, 0] + IRIS[:, 1]])
    grid = EMGaussianMixtureIC(max_components=3, covariance_type=["full", "tied"], random_state=0)
    with pytest.warns(DataWarning, match="follow from others"):
        assert grid.fit(X).best_params_ == {"n_components": 2, "covariance_type": "full"}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("prior", [None, "mclust", MixturePrior(mean=IRIS[0, [0, 1, 2, 3, 0]])])
def test_priors_and_weights_are_those_of_the_other_columns(prior, weighted):
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(IRIS)) if weighted else None
    X = IRIS[:, [0, 1, 2, 3, 0]]
    of_plain = MixturePrior(mean=IRIS[0]) if isinstance(prior, MixturePrior) else prior
    plain = EMGaussianMixture(2, prior=of_plain, random_state=0).fit(IRIS, sample_weight=weights)
    ours, _ = told(EMGaussianMixture(2, prior=prior, random_state=0), X, sample_weight=weights)
    assert ours.lower_bound_ == pytest.approx(plain.lower_bound_, rel=1e-6)


def test_given_starts_and_warm_starts_are_of_all_columns():
    X = IRIS[:, [0, 1, 1, 2, 3]]
    precisions = np.tile(np.eye(5), (2, 1, 1))
    given = {"means_init": X[[0, -1]], "precisions_init": precisions, "weights_init": [0.5, 0.5]}
    kept = {
        "means_init": IRIS[[0, -1]],
        "precisions_init": precisions[:, 1:, 1:],
        "weights_init": [0.5, 0.5],
    }
    ours, _ = told(EMGaussianMixture(2, tol=1e-8, max_iter=1000, **given), X)
    plain = EMGaussianMixture(2, tol=1e-8, max_iter=1000, **kept).fit(IRIS)
    assert ours.lower_bound_ == pytest.approx(plain.lower_bound_, rel=1e-7)
    again, _ = told(ours.set_params(warm_start=True), X)
    assert again.n_iter_ <= 3


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("hole", [(2, 0), (2, 1), (0, 1)])
def test_one_constant_column_and_one_missing_cell(kind, hole):
    X = np.array([[1.0, 2], [2, 2], [3, 2], [4, 2], [5, 2], [7, 2]])
    X[hole] = np.nan
    mixture, _ = told(EMGaussianMixture(1, covariance_type=kind), X)
    assert_array_equal(mixture.means_[:, 1], 2.0)
    assert mixture.means_[0, 0] == pytest.approx(np.nanmean(X[:, 0]))
    assert_finite(mixture, X)


def test_missing_cells_that_other_columns_determine_are_known():
    rng = np.random.default_rng(0)
    X = 100.0 * rng.dirichlet([2.0, 3.0, 4.0], 300)
    X[:, 2] = 100.0 - X[:, 0] - X[:, 1]
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    mixture, messages = told(EMGaussianMixture(2, random_state=0), holes)
    assert messages[0].startswith("Column(s) 2 follow")
    one = np.isnan(holes).sum(axis=1) == 1
    assert_allclose(mixture.impute(holes)[one], X[one], rtol=1e-9)
    assert_allclose(mixture.impute(holes).sum(axis=1), 100.0, rtol=1e-6)
    assert_finite(mixture, holes)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    kind=st.sampled_from([kind for kind in NAMES if STRUCTURES[kind].scale_invariant]),
    rank=st.integers(1, 2),
    scale=st.lists(st.integers(-30, 30), min_size=4, max_size=4),
    missing=st.sampled_from([0.0, 0.1, 0.3]),
    reg_covar=st.sampled_from([0.0, 1e-6]),
)
def test_tables_of_low_rank_fit(seed, kind, rank, scale, missing, reg_covar):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, rank)) @ rng.normal(size=(rank, 4)) * 10.0 ** np.array(scale)
    X[rng.random(X.shape) < missing] = np.nan
    mixture = EMGaussianMixture(1, covariance_type=kind, reg_covar=reg_covar, random_state=0)
    mixture, messages = told(mixture, X)
    assert messages
    assert_finite(mixture, X)
    assert (np.diff(mixture.history_) >= -1e-9 * np.abs(mixture.history_[1:])).all()


def test_a_stream_tells_of_columns_that_vary_later():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(200, 2)), np.zeros(200)])
    with pytest.warns(DataWarning, match="are constant"):
        mixture = EMGaussianMixture(1).partial_fit(X)
    mixture.partial_fit(X)
    assert_finite_stream = np.isfinite(mixture.score_samples(X)).all()
    assert assert_finite_stream and mixture.means_.shape == (1, 3)
    X[:, 2] = rng.normal(size=200)
    with pytest.warns(DataWarning, match=r"Column\(s\) 2 were constant or followed from others"):
        mixture.partial_fit(X)


# Components that are nothing but prior


def small_clusters(sd):
    centres = np.array([[0, 0], [0.09, 0.01], [0.02, 0.08], [0.07, 0.07], [0.05, 0.03]])
    rows = np.repeat(centres + [52.4, 4.8], 60, axis=0)
    return rows + np.random.default_rng(1).normal(0, sd, rows.shape)


RNG = np.random.default_rng(0)
COLLAPSED = {
    "ties": (2, np.r_[RNG.normal(size=100), np.full(10, 10.0)][:, None], 1),
    "few rows": (10, RNG.normal(300, 80, (20, 10)), 10),
    "more columns than rows": (1, RNG.normal(size=(60, 300)), 1),
    "fewer distinct rows": (5, np.repeat([[0.0, 0.0], [1.0, 1.0]], 500, axis=0), 2),
    "zero-inflated": (
        2,
        np.c_[np.where(RNG.random(300) < 0.5, 0, RNG.exponential(size=300)), RNG.normal(size=300)],
        1,
    ),
    "a row alone": (2, np.r_[RNG.normal(size=(50, 2)), [[40.0, 40.0]]], 1),
}


@pytest.mark.parametrize("unit", [1.0, 1e3])
@pytest.mark.parametrize(("k", "X", "n_collapsed"), COLLAPSED.values(), ids=COLLAPSED)
def test_collapsed_components_are_named(k, X, n_collapsed, unit):
    mixture, messages = told(EMGaussianMixture(k, n_init=3, random_state=0), unit * X)
    (message,) = (text for text in messages if "singular but for reg_covar=1e-06" in text)
    which = eval(message.partition("component(s) ")[2].partition("]")[0] + "]")
    assert len(which) >= n_collapsed and set(which) <= set(range(k))


def test_collapse_is_judged_in_as_few_steps_as_suspects_last(monkeypatch):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(60, 2)), np.tile([9.0, 9.0], (10, 1))])
    n_steps, m_step = 0, GaussianMixtureModel.m_step

    def counted(self, *args):
        nonlocal n_steps
        n_steps += not self.prior.ridge.any()
        return m_step(self, *args)

    monkeypatch.setattr(GaussianMixtureModel, "m_step", counted)
    with pytest.warns(DataWarning, match="singular but for reg_covar"):
        EMGaussianMixture(2, random_state=0).fit(X)
    assert 1 <= n_steps <= 2


@pytest.mark.parametrize("sd", [1e-4, 1e-5, 1e-6])
def test_components_that_are_small_in_the_units_are_told_apart(sd):
    X = small_clusters(sd)
    _, messages = told(EMGaussianMixture(5, n_init=5, random_state=0), X)
    (message,) = messages
    assert "small in the units of X" in message and "[0, 1, 2, 3, 4]" in message
    # The advice is true: with the number that it names nothing is left to warn of.
    advised = float(message.partition("here to ")[2].split()[0])
    better, messages = told(EMGaussianMixture(5, n_init=5, reg_covar=advised, random_state=0), X)
    assert not messages
    spread = np.sqrt(np.linalg.eigvalsh(better.covariances_))
    assert_allclose(spread, sd, rtol=0.35)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_ordinary_fits_are_not_warned_of(kind, k):
    X = np.random.default_rng(k).normal(size=(400, 3)) + 3.0 * (np.arange(400) % 2)[:, None]
    _, messages = told(EMGaussianMixture(k, covariance_type=kind, random_state=0), X)
    assert not messages


# Units


@settings(max_examples=40, deadline=None)
@given(
    powers=st.lists(st.integers(-100, 100), min_size=2, max_size=2),
    kind=st.sampled_from(["full", "tied", "diag", "EEI"]),
    missing=st.booleans(),
)
def test_the_units_of_a_column_do_not_matter(powers, kind, missing):
    X = blobs()
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X) if missing else X
    scale = 10.0 ** np.array(powers)
    options = {"covariance_type": kind, "reg_covar": 0.0, "random_state": 0}
    plain = EMGaussianMixture(2, **options).fit(X)
    ours = EMGaussianMixture(2, **options).fit(X * scale)
    # A start in other units may number the clusters otherwise.
    assert len(set(zip(ours.predict(X * scale), plain.predict(X), strict=True))) == 2
    seen = np.isfinite(X)
    jacobian = (seen @ np.log(scale))[seen.any(axis=1)].mean()
    assert ours.score(X * scale) == pytest.approx(plain.score(X) - jacobian, rel=1e-9, abs=1e-9)
    assert_finite(ours, X * scale)


@pytest.mark.parametrize("scale", [1e200, 1e150, 1e-150, 1e-200])
@pytest.mark.parametrize("kind", NAMES)
def test_what_is_finite_stays_finite(kind, scale):
    mixture = EMGaussianMixture(2, covariance_type=kind, reg_covar=0.0, random_state=0)
    X = blobs() * scale
    assert_finite(mixture.fit(X), X)
    assert_finite(pickle.loads(pickle.dumps(mixture)), X)
    assert mixture.set_params(warm_start=True).fit(X).n_iter_ <= 3


def test_attributes_that_single_precision_cannot_hold_are_doubles():
    X = (blobs() * 1e-27).astype(np.float32)
    mixture = EMGaussianMixture(2, reg_covar=0.0, random_state=0).fit(X)
    assert mixture.means_.dtype == np.float32 and mixture.covariances_.dtype == np.float64
    assert (mixture.covariances_[:, 0, 0] > 0.0).all()
    assert_finite(mixture, X)
    assert mixture.set_params(warm_start=True).fit(X).n_iter_ <= 3


@pytest.mark.parametrize("share", [0.004, 0.2])
@pytest.mark.parametrize("value", [1e20, -1e30, 1e200])
def test_a_fill_value_is_named(value, share):
    X = blobs()
    X[: int(share * len(X)), 1] = value
    with pytest.raises(ValueError, match=rf"Column 1 of X holds {value:g}".replace("+", r"\+")):
        EMGaussianMixture(2, random_state=0).fit(X)


def test_components_that_collapse_beyond_doubles_get_a_ridge_that_they_resolve():
    X = np.r_[blobs(), [[60.0, 60.0]]] * 1e60
    mixture, messages = told(EMGaussianMixture(3, covariance_type="spherical", random_state=0), X)
    assert_finite(mixture, X)
    assert not messages or "singular to double precision" in messages[0]


@pytest.mark.parametrize("seed", range(24, 30))
@pytest.mark.parametrize("acceleration", ["anderson", None])
def test_the_history_never_falls_on_the_way_to_a_singular_covariance(seed, acceleration):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, 8))
    X[rng.random(X.shape) < 0.08] = np.nan
    mixture = EMGaussianMixture(1, reg_covar=0.0, max_iter=300, acceleration=acceleration)
    try:
        mixture, messages = told(mixture, X)
    except ValueError as error:
        assert "ill-defined" in str(error)
    else:
        assert (np.diff(mixture.history_) >= -1e-9 * np.abs(mixture.history_[1:])).all()
        # Where rounding ends the way to a singular covariance, that is told.
        variances = np.linalg.eigvalsh(mixture.covariances_[0])
        singular = variances[0] < 1e-13 * variances[-1]
        assert messages or not mixture.converged_ or not singular


# Parameters, weights and streams


@pytest.mark.parametrize(("total", "warned"), [(250.0, False), (125.0, True)])
def test_a_prior_tells_of_weights_that_are_no_counts(total, warned):
    weights = np.full(250, total / 250.0)
    mixture = EMGaussianMixture(2, prior="mclust", random_state=0)
    _, messages = told(mixture, blobs(), sample_weight=weights)
    assert any("sum to 125" in message for message in messages) == warned == bool(messages)


@pytest.mark.parametrize(("fitted", "now"), [("diag", "tied"), ("tied", "diag"), ("full", "EEV")])
def test_another_covariance_type_than_that_of_the_fit_is_refused(fitted, now):
    X = blobs()
    mixture = EMGaussianMixture(2, covariance_type=fitted, random_state=0).fit(X)
    score = mixture.score(X)
    mixture.set_params(covariance_type=now)
    for use in ["score", "score_samples", "predict", "predict_proba", "impute", "bic", "icl"]:
        with pytest.raises(ValueError, match=f"covariance_type was .* and is '{now}' now"):
            getattr(mixture, use)(X)
    with pytest.raises(ValueError, match="covariance_type was"):
        mixture.sample(3)
    with pytest.raises(ValueError, match="covariance_type was"):
        mixture.standard_errors(X)
    assert mixture.set_params(covariance_type=fitted).score(X) == score


@pytest.mark.parametrize(("k", "d", "first"), [(2, 2, 5), (3, 4, 12), (2, 2, 14)])
def test_first_batches_are_held_until_they_are_enough(k, d, first):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(6 * j, 1, (1000, d)) for j in range(k)])
    X = X[np.random.default_rng(1).permutation(len(X))]
    mixture = EMGaussianMixture(k, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # a first batch has collapsed components
        mixture.partial_fit(X[:first])
    n_batches = 1
    for start in range(first, len(X), 100):
        mixture.partial_fit(X[start : start + 100])
        n_batches += 1
    assert mixture.n_batches_ == n_batches and mixture.n_samples_seen_ == len(X)
    best = EMGaussianMixture(k, n_init=3, random_state=0).fit(X).score(X)
    assert mixture.score(X) > best - 0.05


@pytest.mark.parametrize("n_held", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_first_batches_that_are_held_count_beside_a_source(n_held, weighted):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(6 * j, 1, (100, 2)) for j in range(2)])
    X, weights = rng.permutation(X), rng.integers(1, 3, 200).astype(float) if weighted else None
    few = [slice(2, 5), slice(0, 2)][:n_held]
    rest = Blocks(np.array_split(X[5:], 3))
    mixture = EMGaussianMixture(2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # a first batch has collapsed components
        for rows in few:
            mixture.partial_fit(X[rows], sample_weight=None if weights is None else weights[rows])
    mixture.partial_fit(rest, sample_weight=None if weights is None else weights[5:])
    seen = np.r_[X[2:5], X[:2] if n_held == 2 else X[:0], X[5:]]
    total = len(seen) if weights is None else weights[0 if n_held == 2 else 2 :].sum()
    assert mixture.n_batches_ == n_held + 1 and mixture.n_samples_seen_ == total
    best = EMGaussianMixture(2, random_state=0).fit(seen).score(seen)
    assert mixture.score(seen) > best - 0.05


def test_two_rows_of_many_columns_need_little_memory():
    """A tile for rows that are not there would take 6 GB."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, limits[1]))
    try:
        X = np.random.default_rng(0).normal(size=(2, 10**6))
        mixture, _ = told(EMGaussianMixture(1, covariance_type="diag"), X)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert np.isfinite(mixture.lower_bound_)


@pytest.mark.filterwarnings("ignore:.*never observed together:emkit.exceptions.DataWarning")
@pytest.mark.parametrize("rank", [1, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_half_of_a_table_of_low_rank_is_recovered_where_little_is_shrunk(rank, seed):
    """scikit-learn's test of new rows, within its 0.1; by default few rows shrink it further."""
    rng = np.random.RandomState(seed)
    X = rng.rand(70, rank) @ rng.rand(rank, 70)
    holes = np.where(rng.rand(70, 70) < 0.5, np.nan, X)
    imputer = EMImputer(shrinkage=1e-3, max_iter=5000).fit(holes[:35])
    np.testing.assert_allclose(imputer.transform(holes[35:]), X[35:], atol=0.1)


@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
@pytest.mark.parametrize("unit", [1.0, 0.1, 1e9, 1e-9])
@pytest.mark.parametrize("seed", range(6))
def test_rounding_of_cells_that_a_sum_determines_is_no_spread(seed, unit, reg_covar):
    """Half of the values were 0 but for it, and the others refused as far from these."""
    rng = np.random.default_rng(seed)
    parts = rng.choice([0.0, 0.0, 0.0, 1.0, 3.0], (60, 2))
    table = np.column_stack([parts, parts.sum(axis=1)])
    holes = rng.integers(3, size=50)  # one cell of a row is missing, which the others determine
    table[np.arange(50), holes] = np.nan
    mixture = EMGaussianMixture(2, prior="mclust", reg_covar=reg_covar * unit**2, random_state=0)
    with pytest.warns(DataWarning, match="follow from others"):
        fitted = mixture.fit(table * unit)
    with pytest.warns(DataWarning):
        whole = clone(mixture).fit(np.column_stack([parts, parts.sum(axis=1)]) * unit)
    np.testing.assert_allclose(fitted.lower_bound_, whole.lower_bound_, rtol=1e-6, atol=1e-6)


def test_too_few_rows_say_by_which_columns_they_count():
    table = np.column_stack([[1.0, 2.0, np.nan, np.nan], np.ones(4)])
    with pytest.raises(ValueError, match=r"n_samples = 2. Rows count by column\(s\) 0: the others"):
        EMGaussianMixture(3).fit(table)
