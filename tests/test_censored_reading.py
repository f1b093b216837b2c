"""What a y means: the same in every container, order, type and method, or refused."""

import datetime
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from places import BLOCK, REGRESSOR, Parts, Slices, cut, gathered, responses
from scipy.stats import CensoredData
from sklearn.exceptions import DataConversionWarning
from sklearn.feature_selection import RFE, RFECV, SequentialFeatureSelector
from sklearn.model_selection import GridSearchCV, cross_val_score

from emkit import EMCensoredRegressor, censored_target
from emkit.censored.roles import WORDS, role_of
from emkit.censored.target import load_target
from emkit.datasets import load_lung
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index, concordance_scorer, r2_exact
from emkit.plotting import CensoredRegressionDisplay

pd = pytest.importorskip("pandas")
INF = np.inf


# Containers


def records(**fields):
    fields = {name: np.asarray(values) for name, values in fields.items()}
    n = len(next(iter(fields.values())))
    out = np.empty(n, dtype=[(name, values.dtype) for name, values in fields.items()])
    for name, values in fields.items():
        out[name] = values
    return out


def arrow(**fields):
    return pytest.importorskip("pyarrow").table({k: np.asarray(v) for k, v in fields.items()})


def polars(**fields):
    return pytest.importorskip("polars").DataFrame({k: np.asarray(v) for k, v in fields.items()})


def nullable(**fields):
    return pd.DataFrame(fields).convert_dtypes()


CONTAINERS = {
    "structured": records,
    "a column of records": lambda **fields: records(**fields)[:, None],
    "recarray": lambda **fields: records(**fields).view(np.recarray),
    "list of records": lambda **fields: list(records(**fields)),
    "pandas": lambda **fields: pd.DataFrame(fields),
    "pandas nullable": nullable,
    "arrow": arrow,
    "polars": polars,
}
#: Without names: a boolean shows what it is, in an array of objects and in lists.
UNNAMED = {
    "objects": lambda **fields: np.array(list(zip(*fields.values(), strict=True)), dtype=object),
    "tuples": lambda **fields: [tuple(row) for row in zip(*fields.values(), strict=True)],
    "numbered frame": lambda **fields: pd.DataFrame(dict(enumerate(fields.values()))),
}
each_container = pytest.mark.parametrize("container", CONTAINERS)

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
LATENT = 5.0 + X @ [1.0, -0.5] + rng.normal(size=60)
EVENT, TIME = LATENT < 5.5, np.minimum(LATENT, 5.5)
RIGHT = np.column_stack([TIME, np.where(EVENT, TIME, INF)])
KINDS = {
    "bool": bool,
    "object": object,
    "int": int,
    "int8": np.int8,
    "uint8": np.uint8,
    "float": float,
    "float32": np.float32,
}


def read(y, **options):
    return np.column_stack(load_target(y, **options))


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
    read(np.column_stack([seen, seen + rng.integers(1, 4, 200)]))
    inspected_once = np.where(rng.random(200) < 0.5, 0.0, 1.0)
    read(np.column_stack([inspected_once, np.where(inspected_once == 0.0, 1.0, INF)]))


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


# Names


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("event_time", "time"), ("time_to_event", "time"), ("EventObserved", "event"),
        ("OS.time", "time"), ("OS_MONTHS", "time"), ("futime", "time"), ("vital_status", "event"),
        ("survival_status", "event"), ("overall survival", "time"), ("days_to_death", "time"),
        ("isCensored", "opposite"), ("right_censored", "upper"), ("censoring_indicator", "unclear"),
        ("uncensored", "event"), ("T", "time"), ("E", "event"), ("d", "event"), ("x", None),
        ("t.tdm", None), ("entry_time", "entry"), ("stop", "time"), ("time1", "time"), ("", None),
        (None, None), ("0", None),
    ],
)  # fmt: skip
def test_words_of_names(name, role):
    assert role_of(name) == role


def test_the_words_are_documented():
    """The table of `censored_target` has every word, in the order in which they are looked for."""
    table = re.search(r"={9} =+\n.*?\n    ={9} =+\n(.*?)\n    ={9}", censored_target.__doc__, re.S)[
        1
    ]
    known = [word for words in WORDS.values() for word in words.split()]
    told = [word for word in re.findall(r"[A-Za-z]+", table) if word in known]
    headings = {"entry", "lower", "upper", "time", "event"}
    assert set(told) == set(known)
    first = {word: told.index(word) for word in known if word not in headings | set("aLURTCED")}
    assert list(first) == sorted(first, key=first.get)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"entry": TIME - 1.0, "event": EVENT, "time": TIME}, "'entry'.*delayed entry"),
        ({"lower": TIME, "upper": TIME, "entry": TIME}, "'entry'.*delayed entry"),
        ({"start": TIME - 1.0, "stop": TIME}, r"'start'.*delayed entry.*\(lower, upper\)"),
        ({"censored": ~EVENT, "time": TIME}, r"'censored'.*opposite.*y\['censored'\] == 0"),
        ({"time": TIME, "alive": (~EVENT).astype(float)}, "'alive'.*opposite"),
        ({"cens": EVENT.astype(int), "time": TIME}, "'cens'.*Rename it 'event'"),
        ({"event": EVENT, "time": TIME, "id": TIME}, "two fields or columns.*'id'"),
        ({"time1": TIME, "time2": TIME}, r"'time1', 'time2'.*\(time, time\)"),
        ({"status": 1 + EVENT, "event": EVENT.astype(int)}, "'status', 'event'"),
        ({"status": 1 + EVENT, "dead": EVENT}, "'status', 'dead'"),
        ({"event": EVENT, "upper": TIME}, r"\(event, upper\), do not pair"),
        ({"x": TIME, "lower": TIME}, "do not pair"),
        ({"time": EVENT, "event": TIME}, "'time' of y is boolean"),
        ({"lower": EVENT, "upper": TIME}, "'lower' of y is boolean"),
        ({"a": EVENT, "b": ~EVENT}, "Both are boolean"),
        ({"x": TIME, "time": TIME}, "'x' of y, the event beside the time 'time', must be True"),
        ({"event": EVENT, "time": np.where(EVENT, TIME, np.nan)}, "NaN.*'time' of y is nan in row"),
        ({"event": EVENT, "time": np.where(EVENT, TIME, INF)}, "infinity.*'time' of y is inf"),
    ],
)  # fmt: skip
@each_container
def test_what_does_not_show_is_refused(container, fields, message):
    y = CONTAINERS[container](**fields)
    for ask in (read, censored_target, lambda y: concordance_index(y, TIME),
                lambda y: EMCensoredRegressor().fit(X, y)):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            ask(y)


def test_cens_is_taken_for_the_event_with_a_word():
    """As in scikit-survival's GBSG2 and AIDS data; others mean the opposite by it."""
    for container in CONTAINERS.values():
        with pytest.warns(DataWarning, match="'cens' of y is read as the event.*opposite"):
            assert_array_equal(read(container(cens=EVENT, time=TIME)), RIGHT)
    with pytest.raises(ValueError, match="'cens'"):
        read(records(cens=EVENT, time=TIME), whole=False)


def test_columns_of_one_name():
    with pytest.raises(ValueError, match="names of their own"):
        read(pd.DataFrame(RIGHT, columns=["time", "time"]))


def test_a_mapping_has_no_rows():
    for rows in (X, Slices(X)):
        with pytest.raises(TypeError, match="y is a dict.*DataFrame"):
            EMCensoredRegressor().fit(rows, {"event": EVENT, "time": TIME})


def test_one_field_is_one_column():
    for y in (records(time=TIME), pd.DataFrame({"time": TIME}), TIME[:, None]):
        with pytest.warns(DataConversionWarning):
            assert_array_equal(read(y), np.column_stack([TIME, TIME]))
        assert_array_equal(censored_target(y), np.column_stack([TIME, TIME]))


def test_events_alone_are_no_response():
    for y in (EVENT, EVENT.astype(object), pd.Series(EVENT), list(EVENT)):
        with pytest.raises(ValueError, match=r"booleans.*censored_target\(time, event=event\)"):
            EMCensoredRegressor().fit(X, y)


# Lengths, limits


@pytest.mark.parametrize("shape", [(59,), (61,), (1, 60), (30, 2), (60, 2), ()])
def test_events_of_another_shape(shape):
    with pytest.raises(ValueError, match="event must have one dimension|inconsistent"):
        censored_target(TIME, event=np.ones(shape, dtype=bool))


@pytest.mark.parametrize("name", ["left", "right"])
def test_limits_of_rows(name):
    none = {"left": -INF, "right": INF}[name]
    limit = np.where(np.arange(60) % 2, 5.0, none)
    for form in (limit, limit[:, None], list(limit), pd.Series(limit)):
        expected = [
            censored_target(t, **{name: at}) for t, at in zip(TIME[:, None], limit, strict=True)
        ]
        assert_array_equal(censored_target(TIME, **{name: form}), np.concatenate(expected))
    limit[7] = np.nan
    with pytest.raises(ValueError, match=f"{name} must be a number.*row 7.*give {none}"):
        censored_target(TIME, **{name: limit})
    with pytest.raises(ValueError, match=f"{name} must be a number, or have one for each row"):
        censored_target(TIME, **{name: limit[:1]})


def test_limits_that_cross_name_the_row():
    left, right = np.zeros(60), np.full(60, 9.0)
    left[3] = 9.0
    with pytest.raises(
        ValueError, match=r"left must lie below right.*left=9.0.*right=9.0 in row 3"
    ):
        censored_target(TIME, left=left, right=right)


def test_limits_of_rows_are_not_the_regressors():
    for name in ("left", "right"):
        with pytest.raises(ValueError, match=rf"'{name}'.*one number.*emkit\.censored_target"):
            EMCensoredRegressor(**{name: [0.1, 0.2]}).fit(X, TIME)


# What is no number


@given(st.lists(st.floats(-1e12, 1e12), min_size=1), st.data())
@settings(max_examples=100, deadline=None)
def test_values_as_laboratories_report_them(values, data):
    marks = data.draw(st.lists(st.sampled_from(["", "<", ">", "<=", ">=", "≤", "≥", " > "]),
                               min_size=len(values), max_size=len(values)))  # fmt: skip
    text = [f"{mark}{value!r} " for mark, value in zip(marks, values, strict=True)]
    low = [-INF if "<" in m or "≤" in m else v for m, v in zip(marks, values, strict=True)]
    high = [INF if ">" in m or "≥" in m else v for m, v in zip(marks, values, strict=True)]
    mixed = [v if not m else t for m, v, t in zip(marks, values, text, strict=True)]
    for y in (text, np.array(text), pd.Series(text), np.array(text, dtype=object), mixed):
        assert_array_equal(censored_target(y), np.column_stack([low, high]))


def test_reported_values_in_a_fit():
    text = [f"<{5.0}" if t <= 5.0 else f"{t!r}" for t in TIME.tolist()]
    expected = EMCensoredRegressor(left=5.0).fit(X, TIME)
    assert_array_equal(EMCensoredRegressor().fit(X, text).coef_, expected.coef_)
    with pytest.raises(ValueError, match="left must not be given with y with < and >"):
        EMCensoredRegressor(left=4.0).fit(X, text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("<0,25", "'<0,25' in row 1.*point"), ("<LOD", "'<LOD' in row 1.*'<LIMIT'"),
        ("n.d.", "'n.d.' in row 1"), ("", "'' in row 1"), ("1_0", "'1_0' in row 1"),
        ("<<1", "row 1"), ("NA", "'NA' in row 1"), (None, "NaN, first in row 1"),
        (True, "True in row 1, bool"), ([1.0, 2.0], "row 1"), (1j, "row 1, complex"),
        (10**400, "row 1, int"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_told_by_row(value, message):
    y = np.empty(2, dtype=object)
    y[:] = ["1.5", value]
    with pytest.raises(ValueError, match=message):
        censored_target(y)


def test_numbers_of_other_types():
    y = np.array([Fraction(1, 2), np.float32(1.5), np.int8(3), 2], dtype=object)
    assert_array_equal(censored_target(y)[:, 0], [0.5, 1.5, 3.0, 2.0])


DAYS = pd.Series(pd.to_timedelta([1, 2, None], unit="D"))
DATES = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-05", None]))


@pytest.mark.parametrize(
    "values",
    [
        DAYS,
        DAYS.astype(object),
        [datetime.timedelta(1)] * 3,
        DATES,
        DATES.dt.tz_localize("UTC"),
        DATES.dt.date,
        [np.datetime64("2024-01-01"), 1.0, 2.0],
    ],
)
def test_dates_and_durations_are_refused(values):
    """Whatever the argument; the column and a remedy are named."""
    when = {"event": [True] * 3, "when": values}, {"lower": [1.0] * 3, "when": values}
    for name, ask in {
        "y": lambda: censored_target(values),
        "left": lambda: censored_target([1.0, 2.0, 3.0], left=values),
        "y ": lambda: censored_target(values, event=[True, False, True]),
        "event": lambda: censored_target([1.0, 2.0, 3.0], event=values),
        " y": lambda: EMCensoredRegressor().fit(np.eye(3), values),
        "y_pred": lambda: concordance_index([1.0, 2.0, 3.0], values),
        "'when'": lambda: read(pd.DataFrame(when[0])),
        " 'when'": lambda: read(records(**when[0])),
        "'when' ": lambda: EMCensoredRegressor().fit(np.eye(3), pd.DataFrame(when[1])),
    }.items():
        with pytest.raises(ValueError, match=rf"{name.strip()}.*(dates|durations).* / "):
            ask()


def test_masked_responses_are_refused():
    masks = {"row": np.arange(60) == 7, "none": np.zeros(60, dtype=bool)}
    for y in (TIME, RIGHT, records(event=EVENT, time=TIME)):
        masked = np.ma.array(y)
        assert_array_equal(read(masked), read(y))
        masked[7] = np.ma.masked
        for ask in (read, censored_target, lambda y: EMCensoredRegressor().fit(X, y)):
            with pytest.raises(ValueError, match="y is masked in row 7"):
                ask(masked)
    with pytest.raises(ValueError, match="event is masked in row 7"):
        censored_target(TIME, event=np.ma.array(EVENT, mask=masks["row"]))
    assert_array_equal(censored_target(TIME, event=np.ma.array(EVENT, mask=masks["none"])), RIGHT)


# CensoredData


def test_censored_data_loses_the_order_of_rows():
    data = CensoredData.right_censored(TIME, ~EVENT)
    told = f"by kind: {EVENT.sum()} uncensored, {(~EVENT).sum()} right"
    with pytest.warns(DataWarning, match=told):
        assert_array_equal(censored_target(data), RIGHT[np.argsort(~EVENT, kind="stable")])
    for ask in (EMCensoredRegressor().fit, EMCensoredRegressor().fit(X, RIGHT).score):
        with pytest.raises(ValueError, match=f"{told}.*censored_target"):
            ask(X, data)
    for data in (CensoredData(TIME), CensoredData(left=TIME),
                 CensoredData.interval_censored(TIME, TIME + 1.0)):  # fmt: skip
        assert_array_equal(censored_target(data), read(data))


# Meta-estimators, as documented


def test_feature_elimination():
    table = np.column_stack([X, rng.normal(size=(60, 2))])
    clipped = np.clip(RIGHT, -1e300, 1e300)
    fields = records(event=EVENT, time=TIME)
    for y in (clipped, fields):
        chosen = RFE(EMCensoredRegressor(), n_features_to_select=2).fit(table, y)
        assert_array_equal(chosen.support_, [True, True, False, False])
        forward = SequentialFeatureSelector(EMCensoredRegressor(), n_features_to_select=2)
        assert_array_equal(forward.fit(table, y).get_support(), [True, True, False, False])
    searched = RFECV(EMCensoredRegressor(), scoring=concordance_scorer).fit(table, clipped)
    assert searched.support_[:2].all()


# Rows that are read block by block


def blocks_of(y):
    """Forms of y beside an X that is read block by block."""
    frame = pd.DataFrame(y)
    parts = [frame.iloc[i : i + BLOCK] for i in range(0, len(frame), BLOCK)]
    return {"records": y, "frame": frame, "arrow": arrow(**{n: y[n] for n in y.dtype.names}),
            "sliced": Slices(y), "parts": Parts(*parts), "cut": cut(y, BLOCK)}  # fmt: skip


TARGET = responses()[1]
SEEN = TARGET[:, 0] == TARGET[:, 1]
AT = np.where(np.isfinite(TARGET[:, 0]), TARGET[:, 0], 40.0)


@pytest.mark.parametrize("kind", ["bool", "float", "int"])
@pytest.mark.parametrize("names", [("event", "time"), ("time", "dead")])
def test_frames_beside_sources(short_blocks, kind, names):
    given = {names[0]: SEEN.astype(KINDS[kind]), names[1]: AT}
    if names[0] == "time":
        given = {"time": AT, "dead": SEEN.astype(KINDS[kind])}
    expected = REGRESSOR.fit(REGRESSOR.X, censored_target(AT, event=SEEN))
    for form, y in blocks_of(records(**given)).items():
        for rows in (Slices(REGRESSOR.X), cut(REGRESSOR.X, BLOCK)):
            REGRESSOR.agree(REGRESSOR.fit(rows, y), expected)
            assert_allclose(expected.score(rows, y), expected.score(REGRESSOR.X, records(**given)),
                            rtol=1e-12, err_msg=form)  # fmt: skip
            filled = gathered(expected.impute(rows, y))
            assert_allclose(filled, expected.impute(REGRESSOR.X, records(**given)), rtol=1e-12)


def test_lists_beside_sources(short_blocks):
    y = [(bool(e), float(t)) for e, t in zip(SEEN, AT, strict=True)]
    expected = REGRESSOR.fit(REGRESSOR.X, censored_target(AT, event=SEEN))
    REGRESSOR.agree(REGRESSOR.fit(Slices(REGRESSOR.X), y), expected)


def test_bad_fields_beside_sources_name_the_block(short_blocks):
    status = SEEN.astype(int)
    status[BLOCK + 3] = 2
    for form, y in blocks_of(records(time=AT, status=status)).items():
        with pytest.raises(ValueError, match=r"'status' of y.*\n.*block 1 of y"):
            REGRESSOR.fit(Slices(REGRESSOR.X), y)
        with pytest.raises(ValueError, match="'status'"):
            REGRESSOR.whole().score(cut(REGRESSOR.X, BLOCK), y)
        assert form


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_fields_on_a_cluster(client, kind):
    da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
    y = records(time=AT, dead=SEEN.astype(KINDS[kind]))
    expected = REGRESSOR.fit(REGRESSOR.X, y)
    array = da.from_array(REGRESSOR.X, chunks=(BLOCK, -1))
    frame = dd.from_pandas(pd.DataFrame(REGRESSOR.X), npartitions=3)
    lazy = dd.from_pandas(pd.DataFrame(y), npartitions=3)
    for rows, target in ((array, y), (array, pd.DataFrame(y)), (frame, lazy), (frame, y),
                         (array, da.from_array(y, chunks=BLOCK))):  # fmt: skip
        REGRESSOR.agree(REGRESSOR.fit(rows, target), expected)
        assert_allclose(expected.score(rows, target), expected.score(REGRESSOR.X, y), rtol=1e-12)
        for method in (expected.score_samples, expected.impute):
            assert_allclose(gathered(method(rows, target)), method(REGRESSOR.X, y), rtol=1e-12)


def test_bad_fields_on_a_cluster(client):
    da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
    y = pd.DataFrame({"status": 1 + SEEN, "time": AT})
    frame = dd.from_pandas(pd.DataFrame(REGRESSOR.X), npartitions=3)
    for rows, target in ((da.from_array(REGRESSOR.X, chunks=(BLOCK, -1)), y),
                         (frame, dd.from_pandas(y, npartitions=3))):  # fmt: skip
        with pytest.raises(ValueError, match=r"'status' of y.*R's coding(.|\n)*chunk"):
            REGRESSOR.fit(rows, target)
        with pytest.raises(ValueError, match="'status' of y"):
            REGRESSOR.whole().score(rows, target)
