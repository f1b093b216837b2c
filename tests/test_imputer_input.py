"""EMImputer among scikit-learn's conventions: markers, names, containers, pipelines, searches."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from emkit import EMImputer
from emkit.exceptions import DataWarning

NAN = np.nan
# Whole numbers from 2 up: neither -1 nor 0 nor a word is among them.
TABLE = np.array(
    [
        [2, 5, NAN],
        [3, 6, 9],
        [NAN, 9, 4],
        [7, 8, 8],
        [5, NAN, 2],
        [9, 9, NAN],
        [4, 6, 7],
        [6, NAN, 3],
        [8, 7, 5],
    ]
)
MISSING = np.isnan(TABLE)
FILLED = EMImputer().fit_transform(TABLE)
NAMES = ["a", "b", "c"]
FRAME = pd.DataFrame(TABLE, columns=NAMES, index=[f"row {i}" for i in range(len(TABLE))])
#: Nothing is missing in "c", everything in "d".
WIDE = pd.DataFrame({"a": TABLE[:, 0], "d": NAN, "b": TABLE[:, 1], "c": np.arange(9.0) ** 2})

ignore_data_warnings = pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")


def marked(marker, dtype):
    return np.where(MISSING, marker, TABLE.astype(object)).astype(dtype)


MARKED = {
    "-1 in integers": (-1, marked(-1, int)),
    "-1 in floats": (-1, marked(-1, float)),
    "-1 in float32": (-1.0, marked(-1, np.float32)),
    "-1 in objects": (-1, marked(-1, object)),
    "0": (0, marked(0, int)),
    "None": (None, marked(None, object)),
    "nan in words": ("nan", marked("nan", object)),
    "? in objects": ("?", marked("?", object)),
    "? in words": ("?", marked("?", object).astype(str)),
    "nothing in words": ("", marked("", object)),
    "? in a frame": ("?", pd.DataFrame(marked("?", object), columns=NAMES)),
    "-1 in a frame": (-1, pd.DataFrame(marked(-1, int), columns=NAMES)),
    "-1 in a nullable frame": (-1, pd.DataFrame(marked(-1, int)).astype("Int64")),
    "None as NaN": (NAN, marked(None, object)),
    "Int64": (NAN, FRAME.astype("Int64")),
    "Float64": (NAN, FRAME.astype("Float64")),
    "Int64 beside float": (NAN, FRAME.astype({"a": "Int64"})),
    "pandas.NA in Int64": (pd.NA, FRAME.astype("Int64")),
    "pandas.NA in Float64": (pd.NA, FRAME.astype("Float64")),
    "pandas.NA beside float": (pd.NA, FRAME.astype({"a": "Int64"})),
    "pandas.NA in objects": (pd.NA, FRAME.astype("Int64").astype(object).to_numpy()),
}
each_marker = pytest.mark.parametrize(("marker", "data"), MARKED.values(), ids=MARKED)


@each_marker
def test_every_marker_of_a_missing_cell_is_understood(marker, data):
    imputer = EMImputer(missing_values=marker, discrete_features=None).fit(data)
    assert_allclose(imputer.transform(data), FILLED, rtol=1e-6)
    assert_allclose(imputer.score(data), EMImputer().fit(TABLE).score(TABLE), rtol=1e-6)
    assert_allclose(clone(imputer).fit_transform(data), FILLED, rtol=1e-6)


@pytest.mark.parametrize("marker", [-1, 0, None, "nan", "?"])
def test_nan_beside_another_marker_is_an_error(marker):
    data = marked(marker, object)
    data[0, 0] = NAN
    with pytest.raises(ValueError, match="contains NaN"):
        EMImputer(missing_values=marker).fit(data)
    imputer = EMImputer(missing_values=marker).fit(marked(marker, object))
    with pytest.raises(ValueError, match="contains NaN"):
        imputer.transform(data)


@pytest.mark.parametrize("marker", [NAN, None, -1, "?"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_an_error(marker, value):
    data = marked(marker, object)
    data[0, 0] = value
    with pytest.raises(ValueError, match="infinity"):
        EMImputer(missing_values=marker).fit(data)


def test_words_besides_the_marker_are_an_error():
    data = marked("?", object)
    data[1, 1] = "many"
    with pytest.raises(ValueError, match=r"X must hold numbers besides missing_values='\?'"):
        EMImputer(missing_values="?").fit(data)
    with pytest.raises(ValueError, match="could not convert string to float"):
        EMImputer().fit(data)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (TABLE[0], ValueError, "Expected 2D array"),
        (TABLE[None], ValueError, "dim 3"),
        (TABLE[:0], ValueError, "0 sample"),
        (TABLE[:, :0], ValueError, "0 feature"),
        (TABLE + 1j, ValueError, "Complex data not supported"),
        (sparse.csr_array(FILLED), TypeError, "dense data is required"),
    ],
)
def test_what_is_no_table_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        EMImputer().fit(data)
    with pytest.raises(error, match=message):
        EMImputer().fit(TABLE).transform(data)


@pytest.mark.parametrize("method", ["transform", "score", "score_samples"])
def test_the_columns_are_those_of_fit(method):
    imputer = EMImputer().fit(FRAME)
    with pytest.raises(ValueError, match="X has 2 features, but EMImputer is expecting 3"):
        getattr(EMImputer().fit(TABLE), method)(TABLE[:, :2])
    with pytest.raises(ValueError, match="feature names should match"):
        getattr(imputer, method)(FRAME[["b", "a", "c"]])


@pytest.mark.parametrize(
    "method", ["transform", "score", "score_samples", "inverse_transform", "get_feature_names_out"]
)
def test_nothing_goes_without_fit(method):
    with pytest.raises(NotFittedError):
        getattr(EMImputer(add_indicator=True), method)(TABLE)


# Parameters


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, r"'n_components' parameter of EMImputer must be an int in the range"),
        ({"n_components": 1.5}, "'n_components' parameter of EMImputer must be an int"),
        ({"missing_values": [1]}, "'missing_values' parameter of EMImputer must be"),
        ({"covariance_type": "round"}, "'covariance_type' parameter of EMImputer must be a str"),
        ({"shrinkage": 1.5}, r"'shrinkage' parameter of EMImputer must be a float in the range"),
        ({"shrinkage": -0.1}, "'shrinkage' parameter of EMImputer must be a float"),
        ({"shrinkage": NAN}, "'shrinkage' parameter of EMImputer must be a float"),
        ({"shrinkage": "Auto"}, r"a str among \{'auto'\}. Got 'Auto' instead"),
        ({"tol": -1.0}, "'tol' parameter of EMImputer must be a float in the range"),
        ({"max_iter": -1}, "'max_iter' parameter of EMImputer must be an int in the range"),
        ({"n_init": 0}, "'n_init' parameter of EMImputer must be an int in the range"),
        ({"search": "luck"}, "'search' parameter of EMImputer must be"),
        ({"acceleration": "more"}, "'acceleration' parameter of EMImputer must be"),
        ({"sample_posterior": "yes"}, "'sample_posterior' parameter of EMImputer must be"),
        ({"add_indicator": "yes"}, "'add_indicator' parameter of EMImputer must be"),
        ({"keep_empty_features": "yes"}, "'keep_empty_features' parameter of EMImputer must be"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        EMImputer(**arguments).fit(TABLE)
    with pytest.raises(ValueError, match=message):
        EMImputer(**arguments).multiple_impute(TABLE)


def test_bad_seeds():
    with pytest.raises(ValueError, match="'random_state' parameter of EMImputer must be"):
        EMImputer(random_state="any").fit(TABLE)
    with pytest.raises(ValueError, match="'any' cannot be used to seed"):
        EMImputer().multiple_impute(TABLE, random_state="any")


@pytest.mark.parametrize(
    ("sample_weight", "message"),
    [
        (np.zeros(9), "Sample weights must contain at least one"),
        (-np.ones(9), "Negative values in data passed to `sample_weight`"),
        (np.ones(8), r"sample_weight.shape == \(8,\), expected \(9,\)"),
        (np.full(9, NAN), "sample_weight contains NaN"),
    ],
)
def test_bad_weights(sample_weight, message):
    with pytest.raises(ValueError, match=message):
        EMImputer().fit(TABLE, sample_weight=sample_weight)
    with pytest.raises(ValueError, match=message):
        EMImputer().fit(TABLE).score(TABLE, sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("marker", "allowed"), [(NAN, True), (pd.NA, True), (-1, False), (None, False), ("?", False)]
)
def test_nan_is_allowed_where_it_is_the_marker(marker, allowed):
    assert get_tags(EMImputer(missing_values=marker)).input_tags.allow_nan is allowed


# Copies


def test_a_pickle_fills_and_scores_alike():
    imputer = EMImputer(2, random_state=0, add_indicator=True).fit(FRAME)
    copy = pickle.loads(pickle.dumps(imputer))
    assert_array_equal(copy.transform(FRAME), imputer.transform(FRAME))
    assert_array_equal(copy.inverse_transform(copy.transform(FRAME)), TABLE)
    assert copy.score(FRAME) == imputer.score(FRAME)


def test_a_clone_has_the_parameters_and_nothing_fitted():
    imputer = EMImputer(2, shrinkage=0.3, min_value=[0.0, 1.0, 2.0], random_state=1).fit(TABLE)
    copy = clone(imputer)
    assert copy.get_params() == imputer.get_params()
    assert not hasattr(copy, "location_")
    assert_array_equal(copy.fit_transform(TABLE), imputer.transform(TABLE))


def test_fit_leaves_data_and_parameters_alone():
    data, limits = TABLE.copy(), np.array([0.0, 1.0, 2.0])
    imputer = EMImputer(min_value=limits)
    before = imputer.get_params()
    imputer.fit_transform(data)
    assert_array_equal(data, TABLE)
    assert imputer.get_params() == before
    assert imputer.min_value is limits


# Names and containers


@ignore_data_warnings
@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("keep_empty_features", [False, True])
def test_frames_go_in_and_come_out(keep_empty_features, add_indicator):
    imputer = EMImputer(add_indicator=add_indicator, keep_empty_features=keep_empty_features)
    wide = WIDE.set_index(FRAME.index)
    out = imputer.set_output(transform="pandas").fit_transform(wide)
    names = ["a", "d", "b", "c"] if keep_empty_features else ["a", "b", "c"]
    marks = ["missingindicator_a", "missingindicator_d", "missingindicator_b"]
    assert list(out.columns) == names + marks * add_indicator
    assert list(out.columns) == list(imputer.get_feature_names_out())
    assert out.index.equals(wide.index)
    seen = wide[names].notna()
    pd.testing.assert_frame_equal(out[names].where(seen), wide[names].where(seen))
    if add_indicator:
        marked = wide[["a", "d", "b"]].isna().to_numpy()
        assert_array_equal(out[marks].to_numpy(), marked)
    numbers = clone(imputer).set_output(transform="default").fit_transform(wide)
    assert_array_equal(out.to_numpy(), numbers)
    assert imputer.location_.shape == (len(names),)


def test_polars_frames_come_out():
    polars = pytest.importorskip("polars")
    frame = polars.from_dict(dict(zip(NAMES, TABLE.T, strict=True)))
    out = EMImputer().set_output(transform="polars").fit_transform(frame)
    assert isinstance(out, polars.DataFrame)
    assert out.columns == NAMES
    assert_allclose(out.to_numpy(), FILLED, rtol=1e-12)


def test_features_without_names_are_numbered():
    imputer = EMImputer(add_indicator=True).fit(np.c_[TABLE, np.arange(9)])
    marks = [f"missingindicator_x{j}" for j in range(3)]
    assert list(imputer.get_feature_names_out()) == ["x0", "x1", "x2", "x3", *marks]
    given = imputer.get_feature_names_out(["p", "q", "r", "s"])
    assert list(given[:5]) == ["p", "q", "r", "s", "missingindicator_p"]
    with pytest.raises(ValueError, match="input_features should have length equal"):
        imputer.get_feature_names_out(["p"])


def test_empty_features_are_named_in_the_warning():
    with pytest.warns(DataWarning, match=r"Nothing is observed in feature\(s\) d: they are"):
        EMImputer().fit(WIDE)


@ignore_data_warnings
def test_the_indicator_is_that_of_fit():
    imputer = EMImputer(add_indicator=True).fit(WIDE)
    assert_array_equal(imputer.indicator_.features_, [0, 1, 2])
    other = WIDE.copy()
    other.iloc[0] = [NAN, 1.0, NAN, NAN]
    out = imputer.transform(other)
    assert_array_equal(out[0, 3:], [1.0, 0.0, 1.0])
    assert np.isfinite(out).all()


@ignore_data_warnings
@pytest.mark.parametrize("set_output", ["default", "pandas"])
@pytest.mark.parametrize("keep_empty_features", [False, True])
def test_multiple_imputations_come_as_transform_would_return_them(keep_empty_features, set_output):
    imputer = EMImputer(
        add_indicator=True, keep_empty_features=keep_empty_features, random_state=0
    ).set_output(transform=set_output)
    wide = WIDE.set_index(FRAME.index)
    single = clone(imputer).fit_transform(wide)
    for table in imputer.multiple_impute(wide, 2):
        assert type(table) is type(single)
        assert table.shape == single.shape
        if set_output == "pandas":
            assert table.columns.equals(single.columns)
            assert table.index.equals(single.index)
            marks = single.columns[-3:]
            pd.testing.assert_frame_equal(table[marks], single[marks])


# The way back


@each_marker
def test_the_way_back_restores_the_marks(marker, data):
    imputer = EMImputer(missing_values=marker, add_indicator=True).fit(data)
    back = imputer.inverse_transform(imputer.transform(data))
    assert_array_equal(back[~MISSING].astype(float), TABLE[~MISSING])
    mark = float(marker) if isinstance(marker, int) else marker
    assert {str(cell) for cell in back[MISSING]} == {str(mark)}


@ignore_data_warnings
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values:UserWarning")
def test_the_way_back_is_that_of_simple_imputer():
    data = WIDE.to_numpy()
    for imputer in (EMImputer(add_indicator=True), SimpleImputer(add_indicator=True)):
        back = imputer.inverse_transform(imputer.fit_transform(data))
        assert_array_equal(back, data)


@ignore_data_warnings
def test_the_way_back_begins_at_a_frame_too():
    imputer = EMImputer(add_indicator=True).set_output(transform="pandas")
    assert_array_equal(imputer.inverse_transform(imputer.fit_transform(WIDE)), WIDE)


@ignore_data_warnings
def test_the_way_back_from_empty_features_that_were_kept():
    imputer = EMImputer(add_indicator=True, keep_empty_features=True)
    out = imputer.fit_transform(WIDE)
    assert_array_equal(imputer.inverse_transform(out), WIDE)


def test_there_is_no_way_back_without_the_indicator():
    imputer = EMImputer().fit(TABLE)
    with pytest.raises(ValueError, match="works only when EMImputer is fitted with add_indicator"):
        imputer.inverse_transform(FILLED)
    imputer = EMImputer(add_indicator=True).fit(TABLE)
    with pytest.raises(ValueError, match="X should have the 6 columns of transform"):
        imputer.inverse_transform(FILLED)


# In company


def clusters(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 2
    data = rng.normal(size=(120, 3)) + 6.0 * labels[:, None] * [1.0, -1.0, 1.0]
    data[rng.random(data.shape) < 0.2] = NAN
    return data, labels


def test_a_search_finds_the_number_of_components_by_the_likelihood():
    data, _ = clusters()
    grid = {"n_components": [1, 2], "shrinkage": [0.05, 0.9]}
    search = GridSearchCV(EMImputer(random_state=0), grid, cv=3).fit(data)
    assert search.best_params_ == {"n_components": 2, "shrinkage": 0.05}
    assert_allclose(search.score(data), search.best_estimator_.score(data), rtol=1e-12)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_pipeline_predicts_from_rows_with_holes():
    data, labels = clusters()
    model = make_pipeline(EMImputer(), StandardScaler(), LogisticRegression())
    assert cross_val_score(model, data, labels).mean() > 0.9
    names = make_pipeline(EMImputer(), StandardScaler()).fit(FRAME).get_feature_names_out()
    assert list(names) == NAMES


def test_some_columns_of_a_frame_are_imputed():
    transformer = make_column_transformer(
        (EMImputer(add_indicator=True), ["a", "b"]),
        ("passthrough", ["c"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    out = transformer.fit_transform(FRAME)
    assert list(out.columns) == ["a", "b", "missingindicator_a", "missingindicator_b", "c"]
    assert_array_equal(out[["a", "b"]], EMImputer().fit_transform(FRAME[["a", "b"]]))


def test_weights_are_routed_to_the_imputer():
    data, labels = clusters()
    weights = np.arange(len(data)) % 3
    alone = EMImputer().fit(data, sample_weight=weights)
    assert not np.allclose(alone.location_, EMImputer().fit(data).location_)
    with sklearn.config_context(enable_metadata_routing=True):
        imputer = EMImputer().set_fit_request(sample_weight=True)
        model = make_pipeline(imputer, LinearRegression().set_fit_request(sample_weight=False))
        model.fit(data, labels, sample_weight=weights)
        assert_array_equal(model[0].location_, alone.location_)

        imputer = EMImputer().set_fit_request(sample_weight=True)
        imputer.set_score_request(sample_weight=True)
        scores = cross_val_score(imputer, data, cv=2, params={"sample_weight": weights})
    train, test = slice(60, None), slice(60)
    expected = EMImputer().fit(data[train], sample_weight=weights[train])
    expected = expected.score(data[test], sample_weight=weights[test])
    assert_allclose(scores[0], expected, rtol=1e-12)
