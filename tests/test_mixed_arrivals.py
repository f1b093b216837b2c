"""Tables that arrive otherwise than that of the fit: in other types, containers, orders, names."""

from decimal import Decimal
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from emkit import EMGaussianMixture, EMImputer
from emkit.exceptions import DataWarning

N = 60
RNG = np.random.default_rng(0)
Z = RNG.normal(size=N)
HOLES = RNG.random(N) < 0.3
WORDS = np.where(Z > 0.0, "hi", "lo").astype(object)
TRUTHS = Z > 0.0


def holed(values, absent=None):
    cells = np.array(values, dtype=object)
    cells[HOLES] = absent
    return cells


def arrow(values, kind):
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


NOTHING = np.full(N, None)
#: The same column of words in all types that pandas has for it.
TEXT = {
    "object": pd.Series(holed(WORDS), dtype=object),
    "object with NaN": pd.Series(holed(WORDS, np.nan), dtype=object),
    "object with NA": pd.Series(holed(WORDS, pd.NA), dtype=object),
    "str": pd.Series(holed(WORDS)).astype("str").where(~HOLES, None),
    "string": pd.Series(holed(WORDS, pd.NA), dtype="string"),
    "category": pd.Series(pd.Categorical(holed(WORDS))),
    "category of more": pd.Series(pd.Categorical(holed(WORDS), ["x", "hi", "lo"])),
    "ordered category": pd.Series(pd.Categorical(holed(WORDS), ["lo", "hi"], ordered=True)),
    "arrow string": arrow(holed(WORDS), pa.string()),
    "arrow dictionary": pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(holed(WORDS)).dictionary_encode())
    ),
}
ONES = holed(TRUTHS.astype(int))
#: The same column of truth values.
FLAGS = {
    "object": pd.Series(holed(TRUTHS), dtype=object),
    "object of integers": pd.Series(ONES, dtype=object),
    "bool": pd.Series(TRUTHS),
    "int8": pd.Series(TRUTHS.astype("int8")),
    "boolean": pd.Series(holed(TRUTHS), dtype="boolean"),
    "category": pd.Series(pd.Categorical(holed(TRUTHS))),
    "float32": pd.Series(np.where(HOLES, np.nan, TRUTHS).astype("float32")),
    "Float64": pd.Series(ONES, dtype="Float64"),
    "Int64": pd.Series(ONES, dtype="Int64"),
    "UInt8": pd.Series(ONES, dtype="UInt8"),
    "arrow bool": arrow(holed(TRUTHS), pa.bool_()),
    "arrow int8": arrow(ONES, pa.int8()),
    "arrow double": arrow(ONES, pa.float64()),
}
#: Columns without a cell, in types of other things, as a reader of files guesses them.
EMPTY = {
    "float64": pd.Series(np.full(N, np.nan)),
    "None": pd.Series(NOTHING, dtype=object),
    "Int64": pd.Series(NOTHING, dtype="Int64"),
    "Float64": pd.Series(NOTHING, dtype="Float64"),
    "boolean": pd.Series(NOTHING, dtype="boolean"),
    "category": pd.Series(pd.Categorical(NOTHING)),
    "arrow null": arrow(NOTHING, pa.null()),
    "arrow int32": arrow(NOTHING, pa.int32()),
}
PAIRS = [
    *product(TEXT.items(), {**TEXT, **{f"empty {k}": v for k, v in EMPTY.items()}}.items()),
    *product(FLAGS.items(), {**FLAGS, **{f"empty {k}": v for k, v in EMPTY.items()}}.items()),
]


def table(column):
    return pd.DataFrame({"x": Z + RNG.normal(size=N), "it": column})


def complete(filled, given):
    """No cell is missing, and those that were observed are as they were."""
    assert not any(cell is None or cell is pd.NA or cell != cell for cell in filled)
    pairs = zip(filled, given, strict=True)
    assert all(a == b for a, b in pairs if not (b is None or b is pd.NA or b != b))


@pytest.mark.parametrize(("fitted", "arrives"), PAIRS, ids=[f"{a[0]} -> {b[0]}" for a, b in PAIRS])
def test_a_column_may_arrive_in_another_type(fitted, arrives):
    """What its type cannot hold widens it; it was an error of pandas or of NumPy."""
    imputer = EMImputer(categorical_features=["it"]).fit(table(fitted[1]))
    given = table(arrives[1])
    filled = imputer.transform(given)
    complete(filled["it"].tolist(), given["it"].tolist())
    assert filled.index.equals(given.index)
    levels = set(imputer.categories_[0].tolist())
    missing = given["it"].isna().to_numpy()
    assert set(filled["it"][missing]) <= levels
    if given["it"].notna().any():  # types of the same levels hold what is filled in
        assert filled["it"].dtype == given["it"].dtype
        as_in_fit = fitted[1].where(~missing, None)
        if not as_in_fit[~missing].isna().any():
            expected = imputer.transform(given.assign(it=as_in_fit))["it"]
            assert filled["it"].tolist() == expected.tolist()


OF_POLARS = {
    "String": pl.Series(holed(WORDS).tolist(), dtype=pl.String),
    "Categorical": pl.Series(holed(WORDS).tolist(), dtype=pl.Categorical),
    "Enum": pl.Series(holed(WORDS).tolist(), dtype=pl.Enum(["lo", "x", "hi"])),
    "Boolean": pl.Series(holed(TRUTHS).tolist(), dtype=pl.Boolean),
    "UInt8": pl.Series(ONES.tolist(), dtype=pl.UInt8),
    "Float32": pl.Series(ONES.tolist(), dtype=pl.Float32),
}
EMPTY_OF_POLARS = {
    kind: pl.Series([None] * N, dtype=getattr(pl, kind))
    for kind in ("Null", "Float64", "Int8", "Boolean", "Categorical", "String", "UInt16")
} | {
    "Enum": pl.Series([None] * N, dtype=pl.Enum(["x"])),
    "Decimal": pl.Series([None] * N, dtype=pl.Decimal(8, 2)),
}


@pytest.mark.parametrize("arrives", {**OF_POLARS, **EMPTY_OF_POLARS}, ids=str)
@pytest.mark.parametrize("fitted", OF_POLARS)
def test_so_may_one_of_polars(fitted, arrives):
    imputer = EMImputer(categorical_features=["it"])
    imputer.fit(pl.DataFrame({"x": Z, "it": OF_POLARS[fitted]}))
    words = fitted in ("String", "Categorical", "Enum")
    if arrives in OF_POLARS and words != (arrives in ("String", "Categorical", "Enum")):
        pytest.skip("levels of another kind")
    given = pl.DataFrame({"x": Z, "it": {**EMPTY_OF_POLARS, **OF_POLARS}[arrives]})
    filled = imputer.transform(given)
    complete(filled["it"].to_list(), given["it"].to_list())
    levels = imputer.categories_[0].tolist()
    assert {str(cell) for cell in filled["it"]} <= {str(v) for v in levels} | {
        str(kind(v)) for v in levels if not words for kind in (int, float, bool, Decimal, cents)
    }


def cents(value):
    return Decimal(int(value)).quantize(Decimal("0.01"))


@pytest.mark.parametrize("kind", ["Int8", "UInt8", "int8[pyarrow]"])
def test_integers_beyond_their_type_widen_it(kind):
    whole = pd.DataFrame({"x": Z, "word": WORDS, "n": np.round(300 * Z).astype(int)})
    imputer = EMImputer().fit(whole)
    new = pd.DataFrame({"x": [-2.0, 2.0], "word": ["lo", "hi"], "n": pd.array([None, 5], kind)})
    filled = imputer.transform(new)["n"]
    assert filled[0] < -128
    assert filled[1] == 5
    assert str(filled.dtype).lower().startswith("int64")
    frame = pl.DataFrame({**new[["x", "word"]].to_dict("list"), "n": [None, 5]})
    narrow = frame.with_columns(pl.col("n").cast(pl.Int8))
    assert imputer.transform(narrow)["n"].to_list() == [int(filled[0]), 5]


def test_words_go_into_an_array_of_numbers_as_objects():
    imputer = EMImputer().fit(np.array([[1.0, "a"], [2.0, "b"], [3.0, "b"]], dtype=object))
    filled = imputer.transform(np.array([[1.0, np.nan], [3.0, np.nan]]))
    assert filled.dtype == object
    assert set(filled[:, 1]) <= {"a", "b"}


# Columns


FRAME = pd.DataFrame({"x": Z, "y": Z + RNG.normal(size=N), "word": holed(WORDS), "flag": TRUTHS})
ASK = {
    "imputer": (lambda X: EMImputer().fit(X), lambda fitted, X: fitted.transform(X)),
    "imputer, levels": (lambda X: EMImputer().fit(X), lambda fitted, X: fitted.impute_proba(X)),
    "latent": (
        lambda X: EMImputer(method="latent_normal", random_state=0).fit(X),
        lambda fitted, X: fitted.transform(X),
    ),
    "mixture": (
        lambda X: EMGaussianMixture(2, random_state=0).fit(X),
        lambda fitted, X: fitted.predict(X),
    ),
    "mixture, cells": (
        lambda X: EMGaussianMixture(2, random_state=0).fit(X),
        lambda fitted, X: fitted.impute(X),
    ),
}
each_question = pytest.mark.parametrize(("fit", "ask"), ASK.values(), ids=ASK)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame])
@each_question
def test_other_columns_are_told_by_name(fit, ask, container):
    """It was told of text among numbers, and to encode it."""
    X = FRAME if container is pd.DataFrame else pl.from_pandas(FRAME)
    fitted = fit(X)
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        ask(fitted, X[["word", "x", "flag", "y"]])
    with pytest.raises(ValueError, match="now missing:\n- y"):
        ask(fitted, X[["x", "word", "flag"]])
    more = container({"z": Z})
    wide = pd.concat([X, more], axis=1) if container is pd.DataFrame else X.hstack(more)
    with pytest.raises(ValueError, match="unseen at fit time:\n- z"):
        ask(fitted, wide)
    name = type(fitted).__name__
    with pytest.raises(ValueError, match=f"X has 3 features, but {name} is expecting 4 features"):
        ask(fit(FRAME.to_numpy(object)) if "Imputer" in name else fitted, unnamed(FRAME))


def unnamed(frame):
    return frame.iloc[:, :3].set_axis([0, 1, 2], axis=1)


@each_question
def test_text_where_the_fit_has_numbers_is_told_so(fit, ask):
    with pytest.raises(ValueError, match="text in column 'y' .'many'., which the fit has as num"):
        ask(fit(FRAME), FRAME.assign(y="many"))


@pytest.mark.parametrize(
    "names",
    [[5, 4, 3, 2], pd.MultiIndex.from_product([["a"], FRAME.columns]), list(FRAME.columns)],
    ids=["numbers", "tuples", "words"],
)
def test_answers_go_by_the_names_that_the_table_has(names):
    """Column 3 was answered for as 2, its place."""
    X = FRAME.set_axis(names, axis=1)
    _, _, word, flag = X.columns
    imputer = EMImputer().fit(X)
    assert list(imputer.impute_proba(X)) == [word, flag]
    assert list(imputer.tables_) == list(imputer.effects_) == [word, flag]
    assert list(EMGaussianMixture(2, random_state=0).fit(X).tables_) == [word, flag]
    latent = EMImputer(method="latent_normal", random_state=0).fit(X)
    assert latent.latent_names_[0] == str(X.columns[0])
    assert list(latent.tables_) == [word, flag]
    limited = EMImputer(max_value={X.columns[0]: -7.0}).fit_transform(X.mask(X.isna() | (X == 0)))
    assert limited.columns.equals(X.columns)


def test_limits_go_by_them_too():
    X = FRAME[["word", "x", "y"]].set_axis([2, 1, 0], axis=1)
    X.loc[:4, 0] = np.nan
    assert (EMImputer(min_value={0: 9.0}).fit_transform(X)[0][:5] == 9.0).all()
    X.loc[:4, 1] = np.nan
    assert (EMImputer(min_value=pd.Series({1: 9.0})).fit_transform(X)[1][:5] == 9.0).all()


def test_names_that_do_not_tell_columns_apart_are_refused():
    X = FRAME.set_axis(["x", "y", "same", "same"], axis=1)
    for estimator in (EMImputer(), EMGaussianMixture(2)):
        with pytest.raises(ValueError, match="several columns of the name.s. 'same'"):
            estimator.fit(X)


@pytest.mark.parametrize("given", [{"word", "flag"}, ("word", "flag"), np.array(["word", "flag"])])
def test_names_may_come_in_any_collection(given):
    imputer = EMImputer(categorical_features=given).fit(FRAME)
    assert imputer.is_categorical_.tolist() == [False, False, True, True]


# Objects


def test_integers_among_objects_are_filled_with_integers():
    rows = [[i % 4, word, i / 7] for i, word in enumerate(WORDS)]
    for i in np.flatnonzero(HOLES):
        rows[i][0] = None
    for X in (np.array(rows, dtype=object), rows, pd.DataFrame(rows, dtype=object)):
        filled = np.asarray(EMImputer().fit_transform(X), dtype=object)
        assert all(type(cell) is int for cell in filled[:, 0])
        assert all(0 <= cell <= 3 for cell in filled[:, 0])
    none = EMImputer(discrete_features=None).fit_transform(np.array(rows, dtype=object))
    assert any(isinstance(cell, float) for cell in none[:, 0])
    as_polars = EMImputer(discrete_features=None).set_output(transform="polars")
    kinds = as_polars.fit_transform(np.array(rows, dtype=object)).dtypes  # numbers became text
    assert kinds == [pl.Float64, pl.String, pl.Float64]


def test_a_table_of_arrow_is_to_become_a_frame():
    with pytest.raises(ValueError, match=r"pyarrow with categories in column\(s\) 'word'.*to_pan"):
        EMImputer().fit(pa.table({"x": Z, "word": WORDS}))
    assert EMImputer().fit_transform(pa.table({"x": Z, "y": Z**2})).shape == (N, 2)


# Levels that a type lists and no row has


LISTED = {
    "category": lambda cells: pd.Categorical(cells, ["a", "hi", "m", "lo", "z"]),
    "ordered": lambda cells: pd.Categorical(cells, ["a", "lo", "m", "hi", "z"], ordered=True),
}


@pytest.mark.parametrize("levels", LISTED.values(), ids=LISTED)
@pytest.mark.parametrize(
    "parameters", [{}, {"n_components": 2}, {"method": "latent_normal"}, {"min_frequency": 2}]
)
def test_without_a_prior_levels_without_a_row_are_no_matter(levels, parameters):
    """Their effects were any numbers, and standard errors of means half of what is right."""
    word = pd.Series(levels(holed(WORDS)))
    listed = FRAME.assign(word=word)
    seen = FRAME.assign(word=word.cat.remove_unused_categories())
    new = {"shrinkage": 0.0, "random_state": 0, **parameters}
    one, other = EMImputer(**new).fit(seen), EMImputer(**new).fit(listed)
    np.testing.assert_array_equal(other.location_, one.location_)
    kept = [level in ("hi", "lo") for level in other.categories_[0]]
    np.testing.assert_array_equal(other.tables_["word"][:, kept], one.tables_["word"])
    assert not other.tables_["word"][:, ~np.array(kept)].any()
    filled = other.transform(listed)
    assert filled["word"].dtype == listed["word"].dtype
    assert filled["word"].tolist() == one.transform(seen)["word"].tolist()
    if one.effects_:
        np.testing.assert_array_equal(other.effects_["word"][kept], one.effects_["word"])
        assert np.isnan(other.effects_["word"][~np.array(kept)]).all()
    rare = listed.assign(word=pd.Categorical(["m"] * N, word.cat.categories))
    assert set(other.transform(rare)["word"]) == {"m"}
    pd.testing.assert_frame_equal(
        other.transform(rare).drop(columns="word"),
        other.transform(rare.assign(word=levels(NOTHING))).drop(columns="word"),
    )


def test_nor_to_standard_errors():
    rng = np.random.default_rng(3)
    word = np.where(rng.random(300) < 0.4, "hi", "lo").astype(object)
    x = rng.normal(size=300) + (word == "hi")
    seen = pd.DataFrame({"x": x, "y": x + rng.normal(size=300), "word": pd.Categorical(word)})
    seen = seen.mask(rng.random(seen.shape) < 0.1)
    listed = seen.assign(word=seen["word"].cat.add_categories(["none"]))
    one, other = (EMImputer(shrinkage=0.0).fit(X).standard_errors(X) for X in (seen, listed))
    np.testing.assert_allclose(other.location, one.location, rtol=1e-6)
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-6)
    assert (one.location > 0.9 * seen[["x", "y"]].std() / np.sqrt(300)).all()


# Mixtures


def test_truth_values_beside_words_are_categories_of_a_mixture():
    """They were normal, with no variance in any cluster that they tell."""
    X = FRAME.assign(word=pd.Categorical(FRAME["word"], ["lo", "hi"], ordered=True))
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    assert mixture.is_categorical_.tolist() == [False, False, True, True]
    alone = EMGaussianMixture(1).fit(X[["x", "y", "flag"]])
    assert not alone.is_categorical_.any()


def test_parameters_that_a_mixture_has_not_are_not_named():
    """It was told of effects, of which there are none, and of means of no number."""
    for X in (FRAME, FRAME[["word", "flag"]]):
        mixture = EMGaussianMixture(2, random_state=0, n_init=3).fit(X)
        with pytest.warns(DataWarning, match="No standard errors for ") as told:
            mixture.standard_errors(X)
        assert not any(name in str(told[0].message) for name in ("effects", "means", "covar"))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_draws_of_a_mixture_have_the_types_of_the_fit(container):
    X = FRAME.assign(grade=pd.Categorical(WORDS, ["lo", "hi"], ordered=True))
    if container == "polars":
        word = pl.Series(holed(WORDS).tolist(), dtype=pl.Categorical)
        grade = pl.Series(WORDS.tolist(), dtype=pl.Enum(["lo", "hi"]))
        more = {"y": Z**2, "word": word, "flag": TRUTHS, "grade": grade}
        X = pl.DataFrame({"x": Z, **more})
    drawn, _ = EMGaussianMixture(2, random_state=0).fit(X).sample(20)
    assert list(drawn.columns) == list(X.columns)
    assert list(drawn.dtypes)[3:] == list(X.dtypes)[3:]
    if container == "polars":
        assert drawn["word"].dtype == X["word"].dtype


# Whole numbers within limits


@pytest.mark.parametrize("draws", [False, True])
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"min_value": {"n": 8.5}}, {9}),
        ({"max_value": {"n": -1.5}}, {-2}),
        ({"min_value": {"n": 0.5}, "max_value": {"n": 2.5}}, {1, 2}),
    ],
)
def test_whole_numbers_lie_within_limits_wherever_these_are(limits, expected, draws):
    """The range seen went before limits that somebody set."""
    n = pd.array(holed(np.arange(N) % 5, pd.NA), dtype="Int64")
    X = FRAME[["x", "word"]].assign(n=n)
    filled = EMImputer(sample_posterior=draws, random_state=0, **limits).fit_transform(X)["n"]
    assert filled.dtype == "Int64"
    assert set(filled[HOLES]) <= expected


def test_limits_that_leave_no_whole_number_are_refused():
    X = FRAME[["x", "word"]].assign(n=np.arange(N))
    with pytest.raises(ValueError, match="no whole number between them. Got 1.2 and 1.8 for fea"):
        EMImputer(min_value={"n": 1.2}, max_value={"n": 1.8}).fit(X)
    EMImputer(min_value={"x": 1.2}, max_value={"x": 1.8}).fit(X)


@pytest.mark.parametrize("fill_value", [np.nan, 0.0])
def test_sparse_columns_of_pandas_stay_sparse(fill_value):
    cells = np.where(HOLES, np.nan, np.where(Z > 0, 0.0, Z))
    sparse = pd.arrays.SparseArray(cells, fill_value=fill_value)
    X = FRAME[["x", "word"]].assign(sparse=sparse)
    filled = EMImputer().fit_transform(X)
    assert filled.dtypes.equals(X.dtypes)
    complete(filled["sparse"].tolist(), X["sparse"].tolist())


def test_objects_that_are_neither_say_what_to_do():
    with pytest.raises(TypeError, match=r"'it' \(object\).*Drop such columns, or make them num"):
        EMImputer().fit(FRAME.assign(it=[object() for _ in range(N)]))


# Rows in blocks


class Parts:
    """Blocks of rows."""

    def __init__(self, X):
        self.parts = [X[:30], X[30:]]

    def __iter__(self):
        return iter(self.parts)


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("estimator", [EMImputer(), EMGaussianMixture(2)], ids=["imputer", "mix"])
def test_categories_in_blocks_are_refused_alike(estimator, container):
    """A mixture advised to encode them."""
    X = FRAME[["x", "y"]].assign(grade=WORDS)
    given = Parts(X if container == "pandas" else pl.from_pandas(X))
    told = r"block by block .*'grade' \(.*\).*Give the column a type that lists its levels"
    with pytest.raises(ValueError, match=told):
        estimator.fit(given)
    named = type(estimator)(categorical_features=["grade"])
    with pytest.raises(ValueError, match=told):
        named.fit(given)
    arrays = Parts(X[["x", "y"]].to_numpy())
    with pytest.raises(ValueError, match="block by block .* has no types that list them"):
        type(estimator)(categorical_features=[0]).fit(arrays)
    fitted = type(estimator)(random_state=0).fit(X)  # all of it at once
    assert fitted.score(given) == pytest.approx(fitted.score(X))
