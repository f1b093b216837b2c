"""`EMGaussianMixture` of numbers and categories: golden answers, and laws over random tables."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from tables import Slices

from emkit import EMGaussianMixture, EMGaussianMixtureIC
from emkit.exceptions import DataWarning

#: Maximum likelihood, to the end.
EXACT = {"reg_covar": 0.0, "tol": 1e-12, "max_iter": 5000, "random_state": 0}
few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10_000)


@pytest.fixture(scope="module")
def cases(golden):
    return golden("mixed_tables.json")["golden"]


def table(seed=0, n=240, holes=0.15):
    """Three groups apart in numbers, of which categories tell something; cells missing."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 3, n)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n) + 4 * z,
            "f": np.where(rng.random(n) < np.array([0.9, 0.5, 0.1])[z], "yes", "no"),
            "y": rng.normal(size=n) - 3 * z,
            "g": np.array(["a", "b", "c"])[np.where(rng.random(n) < 0.7, z, 0)],
        }
    ).astype({"f": object, "g": object})
    return frame.mask(rng.random(frame.shape) < holes)


def by_hand(mixture, frame):
    """Log-joint (n, K) of complete rows by the formula."""
    from scipy.stats import multivariate_normal

    out = np.log(mixture.weights_) + np.zeros((len(frame), 1))
    for k, (mean, covariance) in enumerate(zip(mixture.means_, mixture.covariances_, strict=True)):
        out[:, k] += multivariate_normal(mean, covariance).logpdf(frame[["x", "y"]])
        for name, levels in zip(mixture.tables_, mixture.categories_, strict=True):
            probability = dict(zip(levels, mixture.tables_[name][k], strict=True))
            out[:, k] += np.log(frame[name].map(probability).to_numpy(float))
    return out


# Golden answers


def test_two_classes_of_numbers_and_categories(cases):
    case = cases["two_classes"]
    frame = pd.DataFrame(case["rows"], columns=list("xyab"), dtype=float)
    frame = frame.astype({"a": "category", "b": "category"})
    mixture = EMGaussianMixture(2, n_init=5, **EXACT).fit(frame)
    assert_allclose(mixture.score(frame) * len(frame), case["log_likelihood"], atol=1e-5)
    order = np.argsort(-mixture.weights_)
    assert_allclose(mixture.weights_[order], case["weights"], atol=1e-3)
    assert_allclose(mixture.means_[order], case["means"], atol=1e-3)
    for name, expected in zip("ab", case["tables"], strict=True):
        assert_allclose(mixture.tables_[name][order], np.asarray(expected), atol=1e-3, err_msg=name)
    assert mixture.bic(frame) == pytest.approx(
        -2 * case["log_likelihood"] + 17 * np.log(len(frame)), abs=1e-4
    )


@pytest.mark.parametrize("case", [0, 1])
def test_latent_classes(cases, case):
    known = cases["lca"]
    columns = zip(*known["rows"], strict=True)
    frame = pd.DataFrame({f"c{j}": list(column) for j, column in enumerate(columns)})
    frame, case = frame.replace(".", None).astype("category"), known["cases"][case]
    mixture = EMGaussianMixture(case["K"], n_init=20, **EXACT).fit(frame)
    total = mixture.score(frame) * len(frame)
    assert_allclose(total, case["log_likelihood"], atol=known["tolerance"])
    free = case["K"] - 1 + case["K"] * sum(n - 1 for n in known["levels"])
    assert_allclose(mixture.aic(frame), -2 * total + 2 * free)


# Laws


@few
@given(seed=seeds)
def test_rows_have_the_density_of_the_formula(seed):
    frame = table(seed, holes=0.0)
    mixture = EMGaussianMixture(2, random_state=seed).fit(frame)
    joint = by_hand(mixture, frame)
    total = np.logaddexp.reduce(joint, axis=1)
    assert_allclose(mixture.score_samples(frame), total)
    assert_allclose(mixture.predict_proba(frame), np.exp(joint - total[:, None]), atol=1e-12)
    assert_array_equal(mixture.predict(frame), joint.argmax(axis=1))


@few
@given(seed=seeds)
def test_the_objective_never_falls_and_weights_are_rows_repeated(seed):
    frame, rng = table(seed), np.random.default_rng(seed)
    weights = rng.integers(0, 3, len(frame)).astype(float)
    start = rng.integers(0, 2, len(frame))
    repeated = frame.loc[np.repeat(frame.index, weights.astype(int))].reset_index(drop=True)
    complete = frame.fillna({"x": 0.0, "y": 0.0})  # so that no start completes rows at random
    again = repeated.fillna({"x": 0.0, "y": 0.0})
    weighted = EMGaussianMixture(2, resp_init=start, **EXACT).fit(complete, sample_weight=weights)
    counted = EMGaussianMixture(2, resp_init=np.repeat(start, weights.astype(int)), **EXACT)
    counted.fit(again)
    history = weighted.history_
    assert (np.diff(history) > -1e-9).all()
    assert_allclose(weighted.lower_bound_, counted.lower_bound_, rtol=1e-6)
    assert_allclose(weighted.bic(complete, weights), counted.bic(again), rtol=1e-6)


@few
@given(seed=seeds)
def test_the_order_of_rows_columns_and_levels_means_nothing(seed):
    frame, rng = table(seed, holes=0.0), np.random.default_rng(seed)
    start, rows = rng.integers(0, 2, len(frame)), rng.permutation(len(frame))
    columns = list(rng.permutation(frame.columns))
    other = frame.iloc[rows][columns].replace({"g": {"a": "z"}})
    one = EMGaussianMixture(2, resp_init=start, **EXACT).fit(frame)
    two = EMGaussianMixture(2, resp_init=start[rows], **EXACT).fit(other)
    assert_allclose(two.score(other), one.score(frame), rtol=1e-7)
    assert_allclose(two.tables_["g"][:, [2, 0, 1]], one.tables_["g"], atol=1e-4)


def test_one_component_has_the_shares_and_the_moments_of_the_table():
    frame = table(holes=0.0)
    mixture = EMGaussianMixture(**EXACT).fit(frame)
    numbers = frame[["x", "y"]]
    assert_allclose(mixture.means_[0], numbers.mean())
    assert_allclose(mixture.covariances_[0], numbers.cov(ddof=0))
    for name in "fg":
        shares = frame[name].value_counts(normalize=True).sort_index()
        assert_allclose(mixture.tables_[name][0], shares)
    errors, n = mixture.standard_errors(frame), len(frame)
    for name, p in mixture.tables_.items():
        assert_allclose(errors.tables[name], np.sqrt(p * (1 - p) / n), rtol=1e-4)
    of_numbers = EMGaussianMixture(**EXACT).fit(numbers).standard_errors(numbers)
    assert_allclose(errors.means, of_numbers.means, rtol=1e-6)
    assert mixture.summary(frame).filter(like="share_g").shape == (1, 6)


def test_one_component_of_categories_alone_is_independence():
    frame = table(holes=0.2)[["f", "g"]]
    mixture = EMGaussianMixture(**EXACT).fit(frame)
    parts = [EMGaussianMixture(**EXACT).fit(frame[[name]].dropna()) for name in frame]
    for part, name in zip(parts, frame, strict=True):
        assert_allclose(mixture.tables_[name], part.tables_[name])
    assert mixture.means_.shape == (1, 0)
    assert mixture.sample(3)[0].shape == (3, 2)


@pytest.mark.parametrize("holes", [0.0, 0.2])
@pytest.mark.parametrize("n_components", [1, 3])
def test_numbers_are_fitted_as_without_the_argument(n_components, holes):
    frame = table(holes=holes)[["x", "y"]]
    if n_components == 1:  # several would collapse on a column of two values
        frame["b"] = np.random.default_rng(1).random(len(frame)) < 0.4
    one = EMGaussianMixture(n_components, random_state=0)
    two = clone(one).set_params(categorical_features=None).fit(frame.astype(float).to_numpy())
    one.fit(frame)
    assert_array_equal(one.means_, two.means_)
    assert_array_equal(one.covariances_, two.covariances_)
    assert one.tables_ == {}
    assert not one.is_categorical_.any()


def test_booleans_and_columns_of_arrays_are_categories_where_they_are_named():
    frame = table(holes=0.0)[["x", "y"]].assign(b=table().x.fillna(0.0) > 4.0)
    named = EMGaussianMixture(2, random_state=0, categorical_features=["b"]).fit(frame)
    assert list(named.tables_) == ["b"]
    array = frame.astype(float).to_numpy()
    for given_ in ([2], [False, False, True]):
        mixture = EMGaussianMixture(2, random_state=0, categorical_features=given_).fit(array)
        assert_allclose(mixture.lower_bound_, named.lower_bound_)


def test_levels_without_a_row_are_no_parameters_and_count_as_missing_later():
    frame = table(holes=0.0).astype({"g": pd.CategoricalDtype(list("abcd"))})
    mixture = EMGaussianMixture(2, random_state=0).fit(frame)
    assert mixture._n_parameters() == 1 + 2 * (2 + 3) + 2 * (1 + 2)
    new, missing = frame.head(4).copy(), frame.head(4).copy()
    new.loc[0, "g"], missing.loc[0, "g"] = "d", None
    with pytest.warns(DataWarning, match=r"Column\(s\) g of X hold levels that no row"):
        proba = mixture.predict_proba(new)
    assert_allclose(proba, mixture.predict_proba(missing))
    weights = (frame["g"] != "c").astype(float)
    left_out = EMGaussianMixture(2, random_state=0).fit(frame, sample_weight=weights)
    assert left_out.categories_[1].tolist() == ["a", "b"]


def test_a_missing_cell_is_one_that_is_summed_over():
    frame = table(holes=0.0)
    mixture = EMGaussianMixture(2, random_state=0).fit(frame)
    row = frame.head(1)
    of_levels = [mixture.score_samples(row.assign(g=level)) for level in mixture.categories_[1]]
    without = row.assign(g=pd.Series([None], dtype=object))
    total = np.logaddexp.reduce(of_levels)
    assert_allclose(mixture.score_samples(without), total)
    shares = mixture.predict_proba(without) @ mixture.tables_["g"]
    assert mixture.impute(without)["g"].item() == mixture.categories_[1][shares.argmax()]


@pytest.mark.parametrize("package", ["pandas", "polars", "objects"])
def test_tables_come_back_as_they_came(package):
    frame, more = table(), {}
    if package == "polars":
        pl = pytest.importorskip("polars")
        columns = {c: [None if v != v else v for v in frame[c].tolist()] for c in frame}
        frame = pl.DataFrame(columns)
    if package == "objects":
        frame, more = frame.to_numpy(dtype=object), {"categorical_features": [1, 3]}
    mixture = EMGaussianMixture(3, random_state=0, **more).fit(frame)
    filled = mixture.impute(frame)
    drawn, labels = mixture.sample(500, random_state=1)
    assert type(filled) is type(drawn) is type(frame)
    cells, was = (pd.DataFrame(np.asarray(t, dtype=object)) for t in (filled, frame))
    assert not cells.isna().any(axis=None)
    assert (cells == was).where(was.notna(), True).all(axis=None)
    assert np.mean(mixture.predict(drawn) == labels) > 0.85
    share = np.mean(np.asarray(drawn, dtype=object)[:, 1] == "yes")
    expected = mixture.weights_ @ list(mixture.tables_.values())[0][:, 1]
    assert abs(share - expected) < 0.09  # four standard errors


def test_pickles_clones_and_warm_starts_go_on():
    frame = table()
    mixture = EMGaussianMixture(3, tol=1e-9, max_iter=2000, random_state=0, warm_start=True)
    mixture.fit(frame)
    again = pickle.loads(pickle.dumps(mixture))
    assert_array_equal(again.predict_proba(frame), mixture.predict_proba(frame))
    assert again.fit(frame).n_iter_ < 5
    assert_allclose(again.lower_bound_, mixture.lower_bound_, atol=1e-8)
    with pytest.raises(ValueError, match="warm_start goes on"):
        again.fit(frame.replace({"g": {"c": "other"}}))
    numbers = clone(mixture).fit(frame[["x", "y"]])
    assert numbers.tables_ == {}
    with pytest.raises(ValueError, match="warm_start goes on"):
        numbers.fit(frame)


def test_the_grid_finds_the_groups():
    frame = table()
    grid = EMGaussianMixtureIC(max_components=4, n_init=3, random_state=0).fit(frame)
    assert grid.best_params_["n_components"] == 3
    assert set(grid.tables_) == {"f", "g"}
    best = grid.best_estimator_
    assert_allclose(best.bic(frame), grid.best_criterion_)
    alone = EMGaussianMixtureIC(max_components=2, n_init=3, random_state=0).fit(frame[["f", "g"]])
    assert len(set(alone.results_["bic"])) == 2  # whatever the covariance type


@pytest.mark.parametrize("search", ["short_runs", "annealing", "genetic"])
def test_searches_and_algorithms(search):
    frame = table()
    plain = EMGaussianMixture(3, n_init=3, random_state=0, tol=1e-8, max_iter=1000)
    best = plain.fit(frame).lower_bound_
    other = clone(plain).set_params(search=search).fit(frame)
    assert_allclose(other.lower_bound_, best, atol=1e-3)
    for algorithm in ("cem", "sem"):
        found = clone(plain).set_params(algorithm=algorithm, max_iter=50).fit(frame)
        assert abs(found.score(frame) - best) < 0.3


def test_a_prior_keeps_tables_from_zeros():
    frame = pd.DataFrame({"x": [0.0, 0.1, 0.2, 9.0, 9.1, 9.3], "f": list("aaabbb")})
    bare = EMGaussianMixture(2, random_state=0).fit(frame)
    kept = EMGaussianMixture(2, random_state=0, prior="mclust").fit(frame)
    assert bare.tables_["f"].min() < 1e-12
    # One row at the shares of the column beside three: (0 + 1/2) / (3 + 1).
    assert_allclose(kept.tables_["f"].min(), 0.125, atol=0.01)


def test_what_takes_numbers_alone_says_so():
    frame = table()
    mixture = EMGaussianMixture(2, random_state=0).fit(frame)
    for call in (
        mixture.to_sklearn,
        lambda: EMGaussianMixture(2, means_init=np.zeros((2, 2))).fit(frame),
        lambda: EMGaussianMixture(2, init_params="random").fit(frame),
    ):
        with pytest.raises(ValueError, match=r"column\(s\) f, g are categories"):
            call()
    with pytest.raises(ValueError, match="now missing:\n- g\n- y"):
        mixture.predict(frame[["x", "f"]])
    blocks = Slices(frame[["x", "y"]].to_numpy())
    with pytest.raises(ValueError, match="block by block"):
        EMGaussianMixture(2, categorical_features=[0]).fit(blocks)


@pytest.mark.filterwarnings("ignore:No standard errors for tables")  # of shares that are 0
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical", "EEI"])
@pytest.mark.parametrize("options", [{}, {"reg_covar": 0.0}, {"prior": "mclust"}])
def test_numbers_that_are_constant_are_left_out_beside_categories(covariance_type, options):
    """Their density was in the likelihood, and without reg_covar there was none to be had."""
    whole, rng = table(n=400), np.random.default_rng(0)
    guess = whole["x"] + rng.normal(size=len(whole)) * 3.0 > 4.0
    alone = whole[["f", "g"]].assign(h=np.where(guess, "hi", "lo"))
    frame = alone.assign(c=7.0, d=0.0)
    frame.loc[:5, "c"] = np.nan
    new = {"covariance_type": covariance_type, "random_state": 0, "warm_start": True, **options}
    without = EMGaussianMixture(2, **new).fit(alone)
    with pytest.warns(DataWarning, match=r"Column\(s\) c, d are constant") as told:
        mixture = EMGaussianMixture(2, **new).fit(frame)
    assert len(told) == 1
    assert_allclose(mixture.score_samples(frame), without.score_samples(alone))
    assert mixture.bic(frame) == without.bic(alone)
    assert (mixture.means_ == [7.0, 0.0]).all()
    assert np.isfinite(mixture.precisions_).all()
    assert (mixture.impute(frame)["c"] == 7.0).all()
    assert (mixture.sample(9)[0][["c", "d"]] == [7.0, 0.0]).all(axis=None)
    errors = mixture.standard_errors(frame)
    assert not errors.means.any()
    assert_allclose(errors.weights, without.standard_errors(alone).weights)
    again = pickle.loads(pickle.dumps(mixture))
    with pytest.warns(DataWarning, match="are constant"):
        assert again.fit(frame).n_iter_ < 5


@pytest.mark.parametrize("n_components", [2, 3])
def test_rows_that_are_all_certain_are_no_fall(n_components):
    """Their log-likelihood is 0, of which rounding is no share; it was a ModelError."""
    X = pd.DataFrame({name: np.repeat(["a"], 86) for name in "fgh"}).astype("category")
    for seed in range(5):
        mixture = EMGaussianMixture(n_components, tol=0.0, max_iter=4, random_state=seed)
        with pytest.warns(UserWarning, match="all but one"):
            mixture.fit(X)
        assert abs(mixture.lower_bound_) < 1e-12
