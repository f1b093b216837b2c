"""Tables with categories: every type comes back as it came, whichever way it went."""

import io
import pickle
from decimal import Decimal

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from emkit import EMImputer

N = 90
RNG = np.random.default_rng(0)
CLASS = RNG.integers(0, 3, N)
NUMBER = 2.0 * CLASS + RNG.normal(size=N)
HOLES = RNG.random(N) < 0.2
WORDS = np.array(["hi", "lo", "mid"], dtype=object)
INTERVALS = pd.interval_range(0, 3)


def holed(values, absent=None):
    cells = np.array(values, dtype=object)
    cells[HOLES] = absent
    return cells


def arrow(values, kind):
    return pd.array(holed(values), dtype=pd.ArrowDtype(kind))


WORD, FLAG, COUNT = WORDS[CLASS], CLASS > 0, CLASS + 1
CENTS = [Decimal(f"{x:.2f}") for x in NUMBER]
INTEGERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")

#: Columns of pandas, by what is special about them.
PANDAS = {
    "category": pd.Categorical(holed(WORD)),
    "category, unused level": pd.Categorical(holed(WORD), ["mid", "none", "lo", "hi"]),
    "ordered category": pd.Categorical(holed(WORD), ["lo", "mid", "hi"], ordered=True),
    "category of integers": pd.Categorical(holed(10 * CLASS)),
    "category of floats": pd.Categorical(holed(0.5 * CLASS)),
    "category of intervals": pd.Categorical(holed(INTERVALS[CLASS]), INTERVALS),
    "intervals": pd.Series(holed(INTERVALS[CLASS])).astype("interval"),
    "boolean": pd.array(holed(FLAG, pd.NA), dtype="boolean"),
    "bool": FLAG,
    "truth values as objects, None": pd.Series(holed(FLAG), dtype=object),
    "truth values as objects, NaN": pd.Series(holed(FLAG, np.nan), dtype=object),
    "text as objects, None": pd.Series(holed(WORD), dtype=object),
    "text as objects, NaN": pd.Series(holed(WORD, np.nan), dtype=object),
    "text as objects, NA": pd.Series(holed(WORD, pd.NA), dtype=object),
    "str": pd.Series(holed(WORD)).astype("str").where(~HOLES, None),
    "string": pd.array(holed(WORD, pd.NA), dtype="string"),
    "string of arrow": pd.array(holed(WORD, pd.NA), dtype="string[pyarrow]"),
    "arrow string": arrow(WORD, pa.string()),
    "arrow large string": arrow(WORD, pa.large_string()),
    "arrow bool": arrow(FLAG, pa.bool_()),
    "arrow dictionary": pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(holed(WORD)).dictionary_encode())
    ),
    "arrow int16": arrow(COUNT, pa.int16()),
    "arrow uint64": arrow(COUNT, pa.uint64()),
    "arrow double": arrow(NUMBER, pa.float64()),
    "arrow decimal": arrow(CENTS, pa.decimal128(8, 2)),
    "int16": COUNT.astype("int16"),
    "float32": np.where(HOLES, np.nan, NUMBER).astype("float32"),
    "Float64": pd.Series(np.where(HOLES, np.nan, NUMBER)).astype("Float64"),
    **{name: pd.array(holed(COUNT, pd.NA), dtype=name) for name in INTEGERS},
}
POLARS = {
    "Categorical": pl.Series(holed(WORD).tolist(), dtype=pl.Categorical),
    "Enum": pl.Series(holed(WORD).tolist(), dtype=pl.Enum(["lo", "none", "mid", "hi"])),
    "String": pl.Series(holed(WORD).tolist(), dtype=pl.String),
    "Boolean": pl.Series(holed(FLAG).tolist(), dtype=pl.Boolean),
    "Float32": pl.Series(holed(NUMBER).tolist(), dtype=pl.Float32),
    "Decimal": pl.Series(holed(CENTS).tolist(), dtype=pl.Decimal(8, 2)),
    **{name: pl.Series(holed(COUNT).tolist(), dtype=getattr(pl, name)) for name in INTEGERS},
}
INDICES = {
    "words": [f"r{i}" for i in range(N)],
    "labels twice": np.arange(N) // 2,
    "two levels": pd.MultiIndex.from_arrays([np.arange(N) // 2, np.arange(N) % 2]),
}
#: Ways to a filled table.
WAYS = {
    "transform": lambda imputer, X: imputer.fit(X).transform(X),
    "fit_transform": lambda imputer, X: imputer.fit_transform(X),
    "draws": lambda imputer, X: imputer.set_params(sample_posterior=True).fit_transform(X),
    "two classes": lambda imputer, X: imputer.set_params(n_components=2).fit_transform(X),
    "clone": lambda imputer, X: clone(imputer.fit(X)).fit_transform(X),
    "pickle": lambda imputer, X: pickle.loads(pickle.dumps(imputer.fit(X))).transform(X),
    "multiple": lambda imputer, X: imputer.multiple_impute(X, 2)[1],
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
each_column = pytest.mark.parametrize("column", PANDAS.values(), ids=PANDAS)


def frame(column, index=None):
    out = pd.DataFrame({"x": NUMBER + 1.0, "it": column, "word": WORD})
    return out if index is None else out.set_axis(index, axis=0)


def polars_frame(column):
    return pl.DataFrame({"x": NUMBER + 1.0, "it": column, "word": WORD.tolist()})


def as_it_came(filled, given):
    """Of the same types and labels, observed cells untouched, none missing any more."""
    assert filled.dtypes.equals(given.dtypes)
    assert filled.index.equals(given.index)
    assert filled.columns.equals(given.columns)
    for j in range(given.shape[1]):
        observed = given.iloc[:, j].notna().to_numpy()
        before, after = (np.array(of.iloc[:, j], dtype=object)[observed] for of in (given, filled))
        assert list(before) == list(after)
    assert not filled.isna().to_numpy().any()


@each_column
@each_way
def test_a_frame_of_pandas_comes_back_as_it_came(column, way):
    X = frame(column)
    before = X.copy(deep=True)
    as_it_came(way(EMImputer(random_state=0), X), X)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
@each_column
def test_so_does_its_index(column, index):
    X = frame(column, index)
    as_it_came(EMImputer().fit_transform(X), X)
    as_it_came(EMImputer().set_output(transform="pandas").fit_transform(X), X)


@pytest.mark.parametrize("column", POLARS.values(), ids=POLARS)
@each_way
def test_a_frame_of_polars_comes_back_as_it_came(column, way):
    X = polars_frame(column)
    filled = way(EMImputer(random_state=0), X)
    assert filled.schema == X.schema
    assert sum(filled.null_count().row(0)) == 0
    observed = pl.Series(~HOLES)
    assert filled.filter(observed).equals(X.filter(observed))


@each_column
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_the_indicator_is_of_truth_values_in_every_container(column, container):
    X = frame(column)
    imputer = EMImputer(add_indicator=True).set_output(transform=container)
    filled = imputer.fit_transform(X)
    assert list(filled.columns) == list(imputer.get_feature_names_out())
    if container == "pandas":
        as_it_came(filled[X.columns], X)
        kinds = [dtype == "bool" for dtype in filled.dtypes[3:]]
    else:
        kinds = [dtype == pl.Boolean for dtype in filled.dtypes[3:]]
    assert all(kinds)
    if X["it"].isna().any():
        assert np.array_equal(filled["missingindicator_it"].to_numpy(), HOLES)


@pytest.mark.parametrize("column", POLARS.values(), ids=POLARS)
def test_polars_becomes_pandas_column_by_column(column):
    filled = EMImputer().set_output(transform="pandas").fit_transform(polars_frame(column))
    assert list(filled.columns) == ["x", "it", "word"]
    kind = str(column.dtype)
    expected = {"Categorical": "category", "Boolean": "bool", "String": "str"}.get(kind)
    if kind.startswith("Enum"):
        assert filled["it"].cat.ordered
        assert list(filled["it"].cat.categories) == ["lo", "none", "mid", "hi"]
    elif "Int" in kind or kind == "Float32":
        assert filled["it"].dtype == kind.lower()
    elif expected and (expected != "str" or pd.__version__ >= "3"):
        assert filled["it"].dtype == expected


def test_columns_may_have_numbers_or_tuples_for_names():
    X = frame(PANDAS["category"])
    for names in ([3, 1, 2], pd.MultiIndex.from_product([["a"], ["x", "it", "word"]])):
        named = X.set_axis(names, axis=1)
        as_it_came(EMImputer().fit_transform(named), named)
    imputer = EMImputer(categorical_features=[("a", "it"), ("a", "word")]).fit(named)
    assert imputer.is_categorical_.tolist() == [False, True, True]


ROWS = [["lo", 1.0, True], ["hi", 2, None], [None, 4, False], ["lo", None, True], ["hi", 3.5, True]]
OBJECTS = {
    "array": np.array(ROWS, dtype=object),
    "list": ROWS,
    "tuples": [tuple(row) for row in ROWS],
    "mask": np.ma.array(
        [[0 if cell is None else cell for cell in row] for row in ROWS],
        dtype=object,
        mask=[[cell is None for cell in row] for row in ROWS],
    ),
}


@pytest.mark.parametrize("X", OBJECTS.values(), ids=OBJECTS)
def test_objects_come_back_as_an_array_of_objects(X):
    imputer = EMImputer()
    filled = imputer.fit_transform(X)
    assert type(filled) is np.ndarray
    assert filled.dtype == object
    assert imputer.is_categorical_.tolist() == [True, False, True]
    for row, given in zip(filled, ROWS, strict=True):
        for cell, before in zip(row, given, strict=True):
            assert cell == before if before is not None else cell is not None
    named = EMImputer().set_output(transform="pandas").fit_transform(X)
    assert named["x1"].dtype == float
    assert named["x2"].dtype == bool


def test_text_of_an_array_of_text_is_numbers_where_it_reads_as_such():
    X = np.array([["lo", "1"], ["hi", "2.5"], ["", "3"], ["lo", ""]])
    filled = EMImputer(missing_values="").fit_transform(X)
    assert filled[:, 0].tolist()[:2] == ["lo", "hi"]
    assert np.isfinite(filled[:, 1].astype(float)).all()


def test_a_code_with_a_leading_zero_is_no_number():
    X = pd.DataFrame({"x": NUMBER, "zip": holed(np.array(["01067", "10115", "80331"])[CLASS])})
    imputer = EMImputer().fit(X)
    assert imputer.is_categorical_.tolist() == [False, True]
    assert set(imputer.transform(X)["zip"]) == {"01067", "10115", "80331"}


# In the company of scikit-learn


TABLE = pd.DataFrame(
    {
        "x": np.where(RNG.random(N) < 0.2, np.nan, NUMBER),
        "word": PANDAS["category"],
        "flag": PANDAS["boolean"],
        "count": PANDAS["Int64"],
    }
)
ENCODER = ColumnTransformer(
    [("levels", OneHotEncoder(handle_unknown="ignore"), ["word", "flag"])], remainder="passthrough"
)


def classifier():
    return make_pipeline(EMImputer(random_state=0), ENCODER, LogisticRegression(max_iter=1000))


def test_it_goes_before_an_encoder_and_a_classifier():
    y = CLASS > 1
    assert classifier().fit(TABLE, y).score(TABLE, y) > 0.8
    assert cross_val_score(classifier(), TABLE, y, cv=3).mean() > 0.7
    grid = GridSearchCV(classifier(), {"emimputer__n_components": [1, 2]}, cv=3)
    assert grid.fit(TABLE, y).best_score_ > 0.7


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_components_are_chosen_by_score(n_jobs):
    grid = GridSearchCV(
        EMImputer(random_state=0), {"n_components": [1, 2, 3]}, cv=3, n_jobs=n_jobs
    ).fit(TABLE)
    scores = grid.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert grid.best_params_["n_components"] == 1 + scores.argmax()


def test_it_is_a_part_of_a_column_transformer():
    both = ColumnTransformer(
        [("a", EMImputer(), ["x", "word"]), ("b", EMImputer(), ["flag", "count"])],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    as_it_came(both.fit_transform(TABLE), TABLE)


@pytest.mark.parametrize("X", [TABLE, polars_frame(POLARS["Enum"])], ids=["pandas", "polars"])
def test_processes_draw_the_same_tables(X):
    alone = EMImputer(random_state=0).multiple_impute(X, 3)
    shared = EMImputer(random_state=0, n_jobs=2).multiple_impute(X, 3)
    assert all(a.equals(b) for a, b in zip(alone, shared, strict=True))
    assert not alone[0].equals(alone[1])


def with_joblib(imputer):
    file = io.BytesIO()
    joblib.dump(imputer, file)
    return joblib.load(file)


def with_skops(imputer):
    kept = skops.io.dumps(imputer)
    types = skops.io.get_untrusted_types(data=kept)
    assert len(types) <= 6
    assert not [name for name in types if "coding" in name.lower()]
    return skops.io.loads(kept, trusted=types)


@pytest.mark.parametrize("keep", [with_joblib, with_skops])
@pytest.mark.parametrize("min_frequency", [None, 40])
def test_what_is_kept_imputes_the_same(keep, min_frequency):
    imputer = EMImputer(2, random_state=0, min_frequency=min_frequency).fit(TABLE)
    kept = keep(imputer)
    pd.testing.assert_frame_equal(kept.transform(TABLE), imputer.transform(TABLE))
    for name, expected in imputer.impute_proba(TABLE).items():
        np.testing.assert_array_equal(kept.impute_proba(TABLE)[name], expected)


def test_inverse_transform_gives_the_frame_back():
    imputer = EMImputer(add_indicator=True)
    pd.testing.assert_frame_equal(imputer.inverse_transform(imputer.fit_transform(TABLE)), TABLE)
    X = polars_frame(POLARS["Enum"])
    assert imputer.inverse_transform(imputer.fit_transform(X)).equals(X)


def test_a_frame_without_categories_gives_an_array_as_before():
    numbers = TABLE[["x"]].assign(y=NUMBER**2)
    imputer = EMImputer().fit(numbers)
    assert type(imputer.transform(numbers)) is np.ndarray
    assert imputer.categories_ == []
    assert not imputer.is_categorical_.any()
