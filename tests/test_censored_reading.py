"""What a y means: the same in every container, order, type and method, or refused."""

import numpy as np
import pytest
from containers import (
    CONTAINERS,
    EVENT,
    INF,
    KINDS,
    RIGHT,
    TIME,
    UNNAMED,
    X,
    each_container,
    read,
    records,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, cross_val_score

from emkit import EMCensoredRegressor, censored_target
from emkit.datasets import load_lung
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index, concordance_scorer, r2_exact
from emkit.plotting import CensoredRegressionDisplay

pd = pytest.importorskip("pandas")

rng = np.random.default_rng(1)


@each_container
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("event", "time"), ("STATUS", "x"), ("Dead", "survivalTime")])
def test_events_by_name_in_any_type_and_order(container, kind, names):
    make, event = CONTAINERS[container], EVENT.astype(KINDS[kind])
    fields = dict(zip(names, (event, TIME), strict=True))
    assert_array_equal(read(make(**fields)), RIGHT)
    assert_array_equal(read(make(**dict(reversed(fields.items())))), RIGHT)
    assert_array_equal(censored_target(make(**fields)), RIGHT)
    assert_array_equal(censored_target(TIME, event=event), RIGHT)
    assert_array_equal(censored_target(TIME[:, None], event=event[:, None]), RIGHT)


@pytest.mark.parametrize("kind", ["bool", "object"])
@pytest.mark.parametrize("container", [*CONTAINERS, *UNNAMED])
def test_a_boolean_is_the_event_whatever_its_name(container, kind):
    make, event = (CONTAINERS | UNNAMED)[container], EVENT.astype(KINDS[kind])
    assert_array_equal(read(make(a=event, b=TIME)), RIGHT)
    assert_array_equal(read(make(a=TIME, b=event)), RIGHT)
    assert_array_equal(read(make(a=TIME.astype(int), b=event)), np.trunc(RIGHT))


def test_the_arrays_of_scikit_survival():
    """Surv.from_arrays and from_dataframe make (bool, float), of any names."""
    for names in (("event", "time"), ("Status", "Survival_in_days"), ("fstat", "lenfol"),
                  ("e.tdm", "t.tdm"), ("death", "futime"), ("d", "e"), ("", " ")):  # fmt: skip
        y = np.empty(60, dtype=[(names[0], "?"), (names[1], "<f8")])
        y[y.dtype.names[0]], y[y.dtype.names[1]] = EVENT, TIME
        assert_array_equal(read(y), RIGHT)


@each_container
def test_every_method_reads_alike(container):
    """fit, score, impute and the rest, metrics, displays: as of [lower, upper]."""
    model = EMCensoredRegressor().fit(X, RIGHT)
    for fields in ({"time": TIME, "status": EVENT.astype(float)},
                   {"upper": RIGHT[:, 1], "lower": RIGHT[:, 0]}):  # fmt: skip
        y = CONTAINERS[container](**fields)
        fitted = EMCensoredRegressor().fit(X, y)
        assert_array_equal(np.r_[fitted.coef_, fitted.scale_], np.r_[model.coef_, model.scale_])
        for method in ("score", "score_samples", "impute", "aic", "bic"):
            ask = getattr(model, method)
            assert_array_equal(ask(X, y), ask(X, RIGHT), err_msg=method)
        predicted = model.predict(X)
        assert concordance_index(y, predicted) == concordance_index(RIGHT, predicted)
        assert r2_exact(y, predicted) == r2_exact(RIGHT, predicted)


def test_a_display_reads_alike():
    plt = pytest.importorskip("matplotlib.pyplot")
    model = EMCensoredRegressor().fit(X, RIGHT)
    y = pd.DataFrame({"time": TIME, "dead": EVENT.astype(float)})
    display = CensoredRegressionDisplay.from_estimator(model, X, y, feature=0)
    assert_array_equal(np.column_stack([display.lower, display.upper]), RIGHT)
    plt.close(display.figure_)


def test_frames_through_model_selection():
    y = pd.DataFrame({"dead": EVENT.astype(float), "days": TIME})
    model = EMCensoredRegressor()
    assert_array_equal(cross_val_score(model, X, y), cross_val_score(model, X, RIGHT))
    scored = cross_val_score(model, X, y, scoring=concordance_scorer)
    assert_array_equal(scored, cross_val_score(model, X, RIGHT, scoring=concordance_scorer))
    grid = {"alpha": [0.0, 1.0]}
    searches = [GridSearchCV(model, grid, cv=3).fit(X, target) for target in (y, RIGHT)]
    assert searches[0].best_score_ == searches[1].best_score_


@pytest.mark.parametrize("codes", [[1, 2], [-1, 1], [0, 2], [0, 1, 2], [0.5, 1.0]])
@pytest.mark.parametrize("names", [("status", "time"), ("x", "days"), ("event", "b")])
@each_container
def test_other_codes_are_refused(container, names, codes):
    event = np.resize(np.array(codes), 60)
    for fields in (dict(zip(names, (event, TIME), strict=True)),
                   dict(zip(names[::-1], (TIME, event), strict=True))):  # fmt: skip
        with pytest.raises(ValueError, match=rf"'{names[0]}' of y.*1 and 0.*values == \d"):
            read(CONTAINERS[container](**fields))
    with pytest.raises(ValueError, match="event must be True"):
        censored_target(TIME, event=event)


def test_codes_of_r_on_real_data():
    """lung: survreg(Surv(time, status) ~ age + sex, dist="lognormal") has status 1/2."""
    lung = load_lung()
    keep = lung.data[:, :2], lung.target
    status = 1 + (lung.target[:, 0] == lung.target[:, 1])
    y = pd.DataFrame({"time": lung.target[:, 0], "status": status})
    with pytest.raises(ValueError, match="R's coding, 2 being an event.*values == 2"):
        EMCensoredRegressor(distribution="lognormal").fit(keep[0], y)
    y["status"] = y["status"] == 2
    model = EMCensoredRegressor(distribution="lognormal").fit(keep[0], y)
    # -1158.75014, the log-likelihood that survreg of R's survival 3.x reports
    assert_allclose(model.log_likelihood_, -1158.75014, atol=5e-6)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@each_container
def test_an_event_that_is_missing_is_refused(container, missing):
    if container == "arrow" and missing is pd.NA:
        pytest.skip("no number of Arrow's")
    event = [True, missing, False]
    kind = {"arrow": float, "polars": float}.get(container, object)
    event = np.array([np.nan if e is None else e for e in event] if kind is float else event,
                     dtype=object if missing is pd.NA else kind)  # fmt: skip
    for name in ("event", "a"):
        if name == "a" and kind is float:
            continue
        with pytest.raises(ValueError, match="is missing .* in row 1"):
            read(CONTAINERS[container](**{name: event, "b": [1.0, 2.0, 3.0]}))
    with pytest.raises(ValueError, match="event is missing .* in row 1"):
        censored_target([1.0, 2.0, 3.0], event=event)


@pytest.mark.parametrize("words", [["dead", "alive"], ["True", "False"], ["1", "x"]])
def test_events_in_words_are_refused(words):
    event = np.resize(words, 60)
    for values in (event, event.astype(object), pd.Categorical(event)):
        with pytest.raises(ValueError, match="'status' of y.*text: .*values == TEXT"):
            read(pd.DataFrame({"status": values, "time": TIME}))


# Bounds


@st.composite
def intervals(draw):
    """Bounds [lower, upper] of small integers, as they come, and their containers' types."""
    low = np.array(draw(st.lists(st.integers(0, draw(st.integers(1, 9))), min_size=1, max_size=20)))
    gap = draw(st.lists(st.integers(0, 9), min_size=len(low), max_size=len(low)))
    kind = draw(st.sampled_from([int, np.int8, np.uint16, float, np.float32, object]))
    return low.astype(kind), (low + gap).astype(kind)


PAIRS = [("lower", "upper"), ("left", "right"), ("lo", "hi"), ("low", "high"), ("L", "U"),
         ("time_lower", "time_upper"), ("LowerBound", "UpperBound"), ("lb", "ub")]  # fmt: skip


@given(intervals(), st.sampled_from(PAIRS), st.sampled_from(sorted(CONTAINERS)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_integers_are_bounds_where_names_say_so(bounds, names, container, backwards):
    if container in ("polars", "arrow") and bounds[0].dtype == object:
        container = "pandas"
    fields = dict(zip(names, bounds, strict=True))
    fields = dict(reversed(fields.items())) if backwards else fields
    try:
        y = CONTAINERS[container](**fields)
    except pytest.skip.Exception:
        y = records(**fields)
    assert_array_equal(read(y), np.column_stack(bounds).astype(float))
    assert_array_equal(read(y, whole=False), np.column_stack(bounds).astype(float))


@given(intervals())
@settings(max_examples=150, deadline=None)
def test_arrays_are_bounds(bounds):
    """And small ones are not warned of, whatever they hold."""
    expected = np.column_stack(bounds).astype(float)
    if len(np.unique(expected[:, 1])) > 10 or len(np.unique(expected[:, 0])) > 10:
        return
    y = np.column_stack(bounds)
    for form in (y, y.tolist(), pd.DataFrame(y), y.astype(object)):
        assert_array_equal(read(form), expected)


@given(intervals(), st.lists(st.booleans(), min_size=20, max_size=20))
@settings(max_examples=150, deadline=None)
def test_names_that_say_nothing_are_bounds_or_refused(bounds, open_ends):
    low, high = (bound.astype(float) for bound in bounds)
    high[np.array(open_ends[: len(high)])] = INF
    coded = np.isin(low, (0.0, 1.0)).all() and np.isfinite(high).all()
    coded |= np.isin(high, (0.0, 1.0)).all()
    for y in (records(a=low, b=high), pd.DataFrame({"a": low, "b": high})):
        if coded:
            with pytest.raises(ValueError, match="events or bounds.*Name them"):
                read(y)
        else:
            assert_array_equal(read(y), np.column_stack([low, high]))


def test_columns_that_look_like_events_are_warned_of():
    """0 and 1 beside many numbers in an array: bounds, as documented, and a word about it."""
    y = np.column_stack([EVENT, TIME + 1.0])
    with pytest.warns(DataWarning, match=r"Column 0.*event=y\[:, 0\]"):
        assert_array_equal(read(y), y)
    shares = np.column_stack([np.linspace(0.1, 0.9, 60), np.ones(60)])
    with pytest.warns(DataWarning, match=r"Column 1.*event=y\[:, 1\]"):
        assert_array_equal(read(shares), shares)
    read(pd.DataFrame(y, columns=["lower", "upper"]))  # this is said
    with pytest.raises(ValueError, match=r"Row 0 of y.*censored_target\(time, event=event\)"):
        read(np.column_stack([TIME + 1.0, EVENT]))


def test_many_real_bounds_are_not_warned_of():
    """Visits every month, the first at 0: as many bounds below as above."""
    seen = rng.integers(0, 12, 200).astype(float)
    inspected_once = np.where(rng.random(200) < 0.5, 0.0, 1.0)
    for low, high in (
        (seen, seen + rng.integers(1, 4, 200)),
        (inspected_once, np.where(inspected_once == 0.0, 1.0, INF)),
    ):
        y = np.column_stack([low, high])
        assert_array_equal(read(y), y)  # a warning would be an error


@pytest.mark.parametrize("end", [0, 1])
@each_container
def test_a_bound_that_is_nan_is_told_of_infinity(container, end):
    bounds = [np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])]
    bounds[end][2] = np.nan
    told = r"Row 2 of y.*-inf \(lower\) or inf \(upper\).*interval2"
    with pytest.raises(ValueError, match=told):
        read(CONTAINERS[container](lower=bounds[0], upper=bounds[1]))
    with pytest.raises(ValueError, match=told):
        read(np.column_stack(bounds))
