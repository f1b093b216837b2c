"""Categories whose types list their levels, in blocks, batches and Dask collections."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tables import Parts, Slices

from emkit import EMGaussianMixture, EMGaussianMixtureIC, EMImputer, EMMixtureClassifier
from emkit.engine import Blocks
from emkit.exceptions import DataReadError, DataWarning

COLOURS = pd.CategoricalDtype(["red", "green", "blue", "black"])
SIZES = pd.CategoricalDtype(["small", "large"], ordered=True)
CUTS = (0, 100, 100, 230, 300)


def table(seed=0, n=300):
    """Two groups in numbers, categories and truth values, with holes; nothing is black."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    colours = np.where(
        rng.random(n) < 0.2, "blue", np.where(rng.random(n) < 0.15 + 0.7 * z, "red", "green")
    )
    frame = pd.DataFrame(
        {
            "colour": colours.astype(object),
            "x": rng.normal(size=n) + 4 * z,
            "size": np.where(rng.random(n) < 0.1 + 0.8 * z, "small", "large").astype(object),
            "count": rng.integers(0, 9, n).astype(float),
            "flag": rng.random(n) < 0.3 + 0.4 * z,
        }
    )
    holes = rng.random(frame.shape) < 0.15
    holes[:, -1] = False
    return frame.mask(holes).astype({"colour": COLOURS, "size": SIZES, "flag": bool})


def of_polars(frame):
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame}
    return pl.DataFrame({name: column.tolist() for name, column in columns.items()}).with_columns(
        pl.col("colour").cast(pl.Enum(list(COLOURS.categories))),
        pl.col("size").cast(pl.Enum(list(SIZES.categories))),
    )


def cut(X):
    """One of the blocks has no row."""
    return Parts(*(X[start:stop] for start, stop in zip(CUTS[:-1], CUTS[1:], strict=True)))


def together(parts):
    parts = list(parts)
    return pd.concat(parts) if isinstance(parts[0], pd.DataFrame) else pl.concat(parts)


def same(one, two):
    """Tables of the same types and categories, of numbers that are the same but for rounding."""
    assert list(one.columns) == list(two.columns)
    for name in one.columns:
        assert one[name].dtype == two[name].dtype
        a, b = (np.asarray(X[name].to_list(), dtype=object) for X in (one, two))
        if isinstance(a[0], float):
            assert_allclose(a.astype(float), b.astype(float), rtol=1e-9)
        else:
            assert_array_equal(a, b)


STEPS = {"tol": 0.0, "max_iter": 5, "random_state": 0}
WEIGHTS = np.random.default_rng(1).integers(0, 3, CUTS[-1]).astype(float)
CASES = {
    "one component": lambda: EMGaussianMixture(1, random_state=0),
    "mixture": lambda: EMGaussianMixture(2, **STEPS),
    "prior": lambda: EMGaussianMixture(2, prior="mclust", covariance_type="VEI", **STEPS),
    "imputer": lambda: EMImputer(random_state=0),
    "classes": lambda: EMImputer(2, covariance_type="tied", **STEPS),
    "no prior": lambda: EMImputer(2, shrinkage=0.0, min_frequency=0.25, **STEPS),
    "named": lambda: EMImputer(categorical_features=["size"], ordinal_features=["size"]),
}
LEARNED = ("weights_", "means_", "covariances_", "location_", "covariance_", "missing_fraction_",
           "history_", "n_samples_seen_", "shrinkage_")  # fmt: skip
quiet = pytest.mark.filterwarnings("ignore:Best performing:sklearn.exceptions.ConvergenceWarning")


def agree(read, whole, tol=1e-9):
    for name in LEARNED:
        if hasattr(whole, name):
            expected = getattr(whole, name)
            assert_allclose(getattr(read, name), expected, rtol=tol, atol=tol, err_msg=name)
    for name in ("tables_", "effects_"):
        for column, expected in getattr(whole, name, {}).items():
            assert_allclose(getattr(read, name)[column], expected, rtol=tol, atol=tol)
    assert_array_equal(read.is_categorical_, whole.is_categorical_)
    for one, two in zip(read.categories_, whole.categories_, strict=True):
        assert_array_equal(one, two)


def without(case, X):
    return X[["x", "size", "count"]] if case == "named" else X


@quiet
@pytest.mark.parametrize(("package", "weights"), [("pandas", WEIGHTS), ("polars", None)])
@pytest.mark.parametrize("case", CASES)
def test_a_fit_to_blocks_is_that_to_the_table(case, weights, package):
    """Fits, criteria, scores and what is filled in."""
    X = without(case, table() if package == "pandas" else of_polars(table()))
    whole = CASES[case]().fit(X, sample_weight=weights)
    read = CASES[case]().fit(cut(X), sample_weight=weights)
    agree(read, whole)
    assert read.score(cut(X), sample_weight=weights) == pytest.approx(whole.score(X, None, weights))
    assert_allclose(read.score_samples(cut(X)), whole.score_samples(X), rtol=1e-9, atol=1e-12)
    if isinstance(whole, EMImputer):
        same(together(read.transform(cut(X))), whole.transform(X))
        return
    same(together(read.impute(cut(X))), whole.impute(X))
    assert_array_equal(read.predict(cut(X)), whole.predict(X))
    assert read.bic(cut(X)) == pytest.approx(whole.bic(X))
    assert isinstance(read.sample(3)[0], type(X))


@quiet
@pytest.mark.parametrize("case", ["mixture", "prior", "imputer", "no prior"])
def test_and_to_a_dask_collection(client, case):
    X = table()
    given = pytest.importorskip("dask.dataframe").from_pandas(X, npartitions=3)
    whole, read = CASES[case]().fit(X), CASES[case]().fit(given)
    agree(read, whole)
    assert_allclose(read.score_samples(given).compute(), whole.score_samples(X), rtol=1e-9)
    fill = "transform" if case in ("imputer", "no prior") else "impute"
    filled = getattr(read, fill)(given)
    same(filled.compute(), getattr(whole, fill)(X))
    assert filled.dtypes.equals(filled.compute().dtypes)


def test_constants_weights_of_zero_and_standard_errors_are_those_of_the_table():
    X = table()[["colour", "x", "count"]].assign(c=3.0, double=lambda X: 2.0 * X["x"])
    weights = (X["colour"] != "blue").astype(float).to_numpy()
    fits = []
    for given in (X, cut(X)):
        with pytest.warns(DataWarning, match=r"Column\(s\) c are constant and .* double follow"):
            fits.append(EMGaussianMixture(2, random_state=0).fit(given, sample_weight=weights))
    agree(*fits)
    assert "blue" not in fits[1].categories_[0]
    kept = X[X["colour"] != "blue"]
    errors = [mixture.standard_errors(kept) for mixture in fits]
    assert_allclose(errors[0].tables["colour"], errors[1].tables["colour"], rtol=1e-4)
    with pytest.warns(DataWarning, match="colour of X hold levels that no row of the fit had"):
        assert len(fits[1].predict(cut(X))) == len(X)


def test_a_grid_and_a_classifier_read_blocks():
    X = table()[["colour", "x", "flag"]]
    grid = EMGaussianMixtureIC(max_components=1, covariance_type="diag")
    one, two = (grid.fit(given).results_["bic"] for given in (X, cut(X)))
    assert_allclose(one, two, rtol=1e-9)
    classifier = EMMixtureClassifier(covariance_type="tied").fit(X, X["flag"].to_numpy())
    assert_array_equal(classifier.predict(cut(X)), classifier.predict(X))


def test_arrays_that_are_sliced_are_read_in_the_codes_of_the_fit():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=90), rng.integers(3, 6, 90)])
    X[::7, 1] = X[3::7, 0] = np.nan
    for estimator in (EMGaussianMixture(random_state=0), EMImputer()):
        estimator.set_params(categorical_features=[1]).fit(X)
        assert_array_equal(estimator.score_samples(Slices(X)), estimator.score_samples(X))
        fill = estimator.transform if hasattr(estimator, "transform") else estimator.impute
        assert_array_equal(np.concatenate(list(fill(Slices(X)))), fill(X))
        with pytest.raises(ValueError, match="X has 1 features, but EM.* is expecting 2"):
            estimator.score_samples(Slices(X[:, :1]))


def test_draws_differ_from_block_to_block_and_not_from_call_to_call():
    X = table()[["colour", "x"]].iloc[:100]
    imputer = EMImputer(sample_posterior=True, random_state=0).fit(X)
    filled = imputer.transform(Blocks([X, X]))
    (first, second), again = filled, list(filled)
    pd.testing.assert_frame_equal(first, again[0])
    assert not first.equals(second)


def test_blocks_that_change_are_noticed():
    class Changing:
        passes = 0

        def __iter__(self):
            self.passes += 1
            yield table(self.passes)

    with pytest.raises(DataReadError, match="gave other values than when it was first read"):
        EMGaussianMixture(2).fit(Changing())


OTHERS = {
    "more": (
        lambda X: X.assign(colour=X["colour"].cat.add_categories("white")),
        r"column 'colour' of X lists 'white' here, where the first rows had the levels 'red'",
    ),
    "fewer": (
        lambda X: X.assign(colour=X["colour"].cat.remove_unused_categories()),
        "column 'colour' of X does not list 'black' here",
    ),
    "text": (
        lambda X: X.assign(size=X["size"].astype(object)),
        r"Column 'size' of X is of type object here, which does not list its levels\. Give",
    ),
    "text among numbers": (
        lambda X: X.assign(count="many"),
        r"categories in column\(s\) 'count' \(\w+\), whose type does not list their levels",
    ),
}


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("make", [lambda: EMGaussianMixture(2), EMImputer], ids=["mix", "imputer"])
def test_other_levels_are_told_by_column_level_and_block(make, change, message):
    X = table().astype({"count": object if "many" in message else float})
    with pytest.raises(ValueError, match=rf"{message}(.|\n)*That is in block 1 of X"):
        make().fit(Parts(X[:200], change(X[200:])))
    stream = make().partial_fit(X[:200])
    before = stream.score(X)
    with pytest.raises(ValueError, match=message):
        stream.partial_fit(change(X[200:]))
    assert stream.score(X) == before


# Batches


def learned(estimator, batches):
    for batch in batches:
        estimator.partial_fit(batch)
    return estimator


STREAMS = {
    "mixture": lambda: EMGaussianMixture(2, random_state=0, tol=1e-8, max_iter=1000),
    "prior": lambda: EMGaussianMixture(2, prior="mclust", random_state=0, tol=1e-8, max_iter=1000),
    "imputer": lambda: EMImputer(random_state=0),
    "classes": lambda: EMImputer(2, random_state=0, tol=1e-8, max_iter=1000),
}


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_begins_with_the_fit_and_comes_to_that_of_all(case):
    batches = [table(seed) for seed in range(12)]
    first = batches[0].assign(colour=batches[0]["colour"].cat.remove_unused_categories())
    stream, one = STREAMS[case]().partial_fit(first), STREAMS[case]().fit(first)
    assert stream.score(first) == pytest.approx(one.score(first), abs=1e-5)
    stream = learned(STREAMS[case](), batches)
    everything = pd.concat(batches, ignore_index=True)
    whole = STREAMS[case]().fit(everything)
    assert stream.score(everything) == pytest.approx(whole.score(everything), abs=0.02)
    assert stream.n_batches_ == 12 and stream.n_samples_seen_ == pytest.approx(3600, abs=3)
    colours = [of.tables_["colour"][np.argsort(of.means_[:, 0]), :3] for of in (stream, whole)]
    assert_allclose(*colours, atol=0.04)


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_is_kept_and_goes_on(case):
    stream = learned(STREAMS[case](), [table(0), table(1)])
    kept = pickle.loads(pickle.dumps(stream))
    for of in (stream, kept):
        of.partial_fit(cut(table(2)))
    agree(kept, stream, tol=0.0)
    of_categories = table()[["colour", "size"]]
    alone = learned(STREAMS[case]().set_params(tol=1e-3), [of_categories, of_categories[:50]])
    assert np.isfinite(alone.score(of_categories))


@pytest.mark.parametrize("case", STREAMS)
def test_a_level_may_come_after_the_first_batch(case):
    """The mixture gives it half a row, without a prior too; the imputer has its prior."""
    stream = learned(STREAMS[case](), [table(0)])
    assert (stream.tables_["colour"][:, 3] > 0.0).all()
    assert stream.tables_["colour"][:, 3].max() < 0.02
    black = table(1)
    black["colour"] = black["colour"].where(black["colour"] != "blue", "black")
    assert np.isfinite(stream.score(black))
    learned(stream, [black] * 3)
    assert (stream.tables_["colour"][:, 3] > 0.1).all()


@pytest.mark.parametrize("share", [1e-8, 1e-2])
def test_weights_that_are_shares_do_not_make_it_likely(share):
    """Half a row of a level that no row had was most of a batch whose weights sum to little."""
    X, weights = table()[["colour", "x"]], np.full(CUTS[-1], share)
    one, two = EMGaussianMixture(random_state=0), EMGaussianMixture(random_state=0)
    one.partial_fit(X), two.partial_fit(X, sample_weight=weights)
    assert_allclose(two.tables_["colour"], one.tables_["colour"], rtol=1e-9)
    in_blocks = EMGaussianMixture(random_state=0).partial_fit(cut(X), sample_weight=weights)
    assert_allclose(in_blocks.tables_["colour"], one.tables_["colour"], rtol=1e-9)
    assert two.score(X) == pytest.approx(one.score(X))


def test_without_a_prior_an_imputer_learns_nothing_of_it_and_says_so():
    imputer, black = EMImputer(shrinkage=0.0).partial_fit(table()), table(1)
    black["colour"] = black["colour"].where(black["colour"] != "blue", "black")
    for batch in (black, cut(black)):
        with pytest.warns(DataWarning, match="colour of X hold levels that no row of the first b"):
            imputer.partial_fit(batch)
    assert not imputer.tables_["colour"][:, 3].any()
    assert not imputer.transform(black).isna().any(axis=None)


def test_after_a_fit_levels_that_it_had_not_count_as_missing():
    X = table()
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    black = X.assign(colour=X["colour"].where(X["colour"] != "blue", "black"))
    with pytest.warns(DataWarning, match="hold levels that no row of the fit had"):
        mixture.partial_fit(black)
    assert mixture.n_batches_ == 1
    assert mixture.tables_["colour"].shape == (2, 3)


def test_small_first_batches_are_held_back():
    X = table()[["colour", "x"]]
    mixture = EMGaussianMixture(2, random_state=0, tol=1e-8, max_iter=1000)
    with pytest.warns(DataWarning):  # of fits to a few rows
        learned(mixture, [X[:8], X[8:13]])
    assert mixture._held is not None
    mixture.partial_fit(X[13:])
    assert mixture._held is None and mixture.n_batches_ == 3
    whole = EMGaussianMixture(2, random_state=0, tol=1e-8, max_iter=1000).partial_fit(X)
    assert_allclose(mixture.score(X), whole.score(X), atol=1e-5)
    assert list(mixture.feature_names_in_) == ["colour", "x"]
