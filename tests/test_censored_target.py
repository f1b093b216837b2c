"""Every form in which censored responses come in, and their way through model selection."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import CensoredData
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMCensoredRegressor, censored_target
from emkit.exceptions import DataWarning

pd = pytest.importorskip("pandas")
INF = np.inf
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 2))
#: Observed between two limits, as a device that reads from 0.3 to 3.
Y = np.clip(1.5 + X @ [1.0, -0.5] + rng.normal(size=120), 0.3, 3.0)
BOTH = np.column_stack([np.where(Y <= 0.3, -INF, Y), np.where(Y >= 3.0, INF, Y)])
#: Right-censored times.
TIME, EVENT = np.minimum(Y, 2.0), Y < 2.0
RIGHT = np.column_stack([TIME, np.where(EVENT, TIME, INF)])


def structured(first, second, names=("a", "b")):
    out = np.empty(len(first), dtype=[(names[0], first.dtype), (names[1], second.dtype)])
    out[names[0]], out[names[1]] = first, second
    return out


SURVIVAL = structured(EVENT, TIME, ("event", "time"))
BOUNDS = structured(BOTH[:, 0], BOTH[:, 1], ("lower", "upper"))


def parameters(model):
    return np.r_[model.intercept_, model.coef_, model.scale_]


def fitted(y, **options):
    return parameters(EMCensoredRegressor(**options).fit(X, y))


# Forms

LIMITS = {"left": 0.3, "right": 3.0}


def test_two_limits_in_every_form():
    expected = fitted(BOTH)
    assert_array_equal(fitted(Y, **LIMITS), expected)
    assert_array_equal(fitted(list(Y), **LIMITS), expected)
    beyond = Y + np.where(Y >= 3.0, 5.0, 0.0) - np.where(Y <= 0.3, 5.0, 0.0)
    assert_array_equal(fitted(beyond, **LIMITS), expected)
    assert_array_equal(fitted(pd.Series(Y), **LIMITS), expected)
    assert_array_equal(fitted(BOTH.tolist()), expected)
    assert_array_equal(fitted(pd.DataFrame(BOTH, columns=["lower", "upper"])), expected)
    assert_array_equal(fitted(BOUNDS), expected)
    assert_array_equal(fitted(censored_target(Y, **LIMITS)), expected)
    assert_array_equal(fitted(np.clip(BOTH, -1e300, 1e300)), expected)
    with pytest.warns(DataConversionWarning):
        assert_array_equal(fitted(Y[:, None], **LIMITS), expected)
    assert np.abs(fitted(Y) - expected).max() > 0.05  # the limits matter


def test_event_times_in_every_form():
    expected = fitted(RIGHT)
    assert_array_equal(fitted(TIME, right=2.0), expected)
    assert_array_equal(fitted(SURVIVAL), expected)
    assert_array_equal(fitted(SURVIVAL.astype([("event", bool), ("time", np.float32)])),
                       fitted(RIGHT.astype(np.float32)))  # fmt: skip
    assert_array_equal(fitted(censored_target(TIME, EVENT)), expected)
    assert_array_equal(fitted(censored_target(list(TIME), event=EVENT.astype(int))), expected)
    assert_array_equal(fitted(censored_target(pd.Series(TIME), pd.Series(EVENT))), expected)


def test_limits_of_each_row():
    left = np.where(np.arange(120) % 2, 0.3, 1.0)
    low = np.where(left >= Y, -INF, Y)
    target = censored_target(Y, left=left)
    assert_array_equal(target, np.column_stack([low, np.maximum(Y, left)]))


def test_censored_data_of_scipy():
    interval = np.array([[0.5, 1.0], [0.2, 0.9]])
    data = CensoredData([1.0, 2.0], left=[0.1], right=[3.0, 4.0], interval=interval)
    expected = [[1, 1], [2, 2], [-INF, 0.1], [3, INF], [4, INF], *interval]
    with pytest.warns(DataWarning, match="does not keep the order of its rows"):
        assert_array_equal(censored_target(data), expected)
    seen = np.argsort(~EVENT, kind="stable")  # SciPy puts exact values first
    with pytest.warns(DataWarning, match="does not keep the order of its rows"):
        target = censored_target(CensoredData.right_censored(TIME, ~EVENT))
    assert_array_equal(target, RIGHT[seen])
    with pytest.raises(ValueError, match="CensoredData"):
        censored_target(data, left=0.1)


def with_row(row):
    y = BOTH.copy()
    y[7] = row
    return y


@pytest.mark.parametrize(
    "row",
    [[2.0, 1.0], [np.nan, 1.0], [1.0, np.nan], [INF, INF], [-INF, -INF], [1e300, INF], [1e305] * 2,
     [-INF, -1e301]],
)  # fmt: skip
def test_errors_name_the_row(row):
    for y in (with_row(row), pd.DataFrame(with_row(row)), structured(*with_row(row).T)):
        with pytest.raises(ValueError, match=r"Row 7 of y"):
            fitted(y)


@pytest.mark.parametrize("limits", [{"left": 0.0}, {"right": 3.0}])
def test_limits_are_for_one_dimension(limits):
    for y in (BOTH, pd.DataFrame(BOTH), BOUNDS, SURVIVAL):
        with pytest.raises(ValueError, match="Leave them out"):
            fitted(y, **limits)
    with pytest.raises(ValueError, match="give event"):
        censored_target(TIME, EVENT, **limits)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fitted(np.where(Y == Y[5], np.nan, Y)), "NaN"),
        (lambda: fitted(np.where(Y == Y[5], INF, Y)), "infinity"),
        (lambda: fitted(None), "requires y"),
        (lambda: fitted(Y[:-1]), "inconsistent"),
        (lambda: fitted(BOTH[:-1]), "inconsistent"),
        (lambda: fitted(np.zeros((120, 4))), r"1d array, or have two columns.* \(120, 4\)\.$"),
        (lambda: censored_target((TIME, EVENT)), "on top of each other.*event=event"),
        (lambda: censored_target([TIME, TIME, TIME]), "numpy.column_stack"),
        (
            lambda: fitted(np.zeros((120, 3))),
            "Row 0 of y is 0.0, and came under observation at 0.0",
        ),
        (lambda: fitted(np.zeros(120, dtype=[(c, float) for c in "abc"])), "two fields or columns"),
        (lambda: fitted(structured(EVENT, np.where(EVENT, TIME, np.nan))), "NaN"),
        (lambda: fitted(Y, left=3.0, right=1.0), "below right"),
        (lambda: fitted(Y, left=np.nan), "left"),
        (lambda: censored_target(TIME, EVENT * 2), "event"),
        (lambda: censored_target(TIME, EVENT[:-1]), "inconsistent"),
        (lambda: censored_target([1.0, np.nan]), "NaN"),
        (lambda: censored_target([1.0], left=np.nan), "left"),
    ],
)
def test_bad_responses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scores_take_every_form():
    model = EMCensoredRegressor().fit(X, BOTH)
    expected = model.score_samples(X, BOTH)
    assert_array_equal(model.score_samples(X, BOUNDS), expected)
    assert_array_equal(model.set_params(**LIMITS).score_samples(X, Y), expected)
    assert_array_equal(model.impute(X, Y), model.set_params(left=None, right=None).impute(X, BOTH))


# Model selection

FORMS = {"two columns": BOTH, "frame": pd.DataFrame(BOTH), "structured": BOUNDS}
each_form = pytest.mark.parametrize("form", FORMS)


def rows_of(y, rows):
    return y.iloc[rows] if hasattr(y, "iloc") else y[rows]


@each_form
def test_splits_and_scores(form):
    y = FORMS[form]
    _, X_test, _, y_test = train_test_split(X, y, random_state=0)
    _, rows = train_test_split(np.arange(120), random_state=0)
    assert_array_equal(X_test, X[rows])
    assert_array_equal(np.asarray(y_test), np.asarray(rows_of(y, rows)))
    folds = list(KFold(4).split(X))
    model = EMCensoredRegressor()
    expected = [model.fit(X[a], BOTH[a]).score(X[b], BOTH[b]) for a, b in folds]
    assert_allclose(cross_val_score(model, X, y, cv=folds), expected, rtol=1e-12)
    sizes, train, test = learning_curve(model, X, y, cv=folds, train_sizes=[0.5, 1.0])
    assert_array_equal(sizes, [45, 90])
    assert_allclose(test[-1], expected, rtol=1e-12)
    assert train.shape == (2, 4) and np.isfinite(train).all()


@each_form
def test_grid_search_in_a_pipeline(form):
    y = FORMS[form]
    pipeline = make_pipeline(StandardScaler(), EMCensoredRegressor())
    grid = {
        "emcensoredregressor__alpha": [0.0, 5.0, 1e6],
        "emcensoredregressor__distribution": ["normal", "student_t"],
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_["emcensoredregressor__alpha"] < 1e6
    best = clone(pipeline).set_params(**search.best_params_).fit(X, y)
    assert_array_equal(search.predict(X), best.predict(X))
    assert_allclose(search.score(X, y), best.score(X, y), rtol=1e-14)


@pytest.mark.parametrize("y", [BOUNDS, SURVIVAL], ids=["bounds", "survival"])
def test_bagging_of_structured_responses(y):
    bagging = BaggingRegressor(EMCensoredRegressor(), n_estimators=5, random_state=0).fit(X, y)
    singles = []
    for model, rows in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        singles.append(EMCensoredRegressor().fit(X[rows], y[rows]))
        assert_allclose(parameters(model), parameters(singles[-1]), rtol=1e-6)
    mean = np.mean([single.predict(X) for single in singles], axis=0)
    assert_allclose(bagging.predict(X), mean, rtol=1e-5, atol=1e-7)


def test_weights_are_routed():
    weight = np.random.default_rng(0).integers(0, 4, 120).astype(float)
    folds = list(KFold(3).split(X))
    model = EMCensoredRegressor()
    expected = [
        model.fit(X[a], BOTH[a], weight[a]).score(X[b], BOTH[b], weight[b]) for a, b in folds
    ]
    with config_context(enable_metadata_routing=True):
        routed = EMCensoredRegressor().set_fit_request(sample_weight=True)
        routed.set_score_request(sample_weight=True)
        got = cross_validate(routed, X, BOTH, cv=folds, params={"sample_weight": weight})
    assert_allclose(got["test_score"], expected, rtol=1e-7)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, routed).fit(X, BOTH, sample_weight=weight)
    alone = EMCensoredRegressor().fit(X, BOTH, weight)
    assert_allclose(pipeline.predict(X), alone.predict(X), rtol=1e-6, atol=1e-8)


def test_clone_and_pickle():
    model = EMCensoredRegressor(distribution="student_t", df=3.0, alpha=1.0).fit(X, BOTH)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))
    assert_array_equal(copy.score_samples(X, BOTH), model.score_samples(X, BOTH))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params() and not hasattr(fresh, "coef_")
    assert_array_equal(fresh.fit(X, BOTH).predict(X), model.predict(X))
