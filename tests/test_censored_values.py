"""What the entries of a y may be: numbers, reported values, no dates; limits, CensoredData."""

import datetime
from fractions import Fraction

import numpy as np
import pytest
from containers import EVENT, INF, RIGHT, TIME, X, read, records
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import CensoredData
from sklearn.feature_selection import RFE, RFECV, SequentialFeatureSelector

from emkit import EMCensoredRegressor, censored_target
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index, concordance_scorer

pd = pytest.importorskip("pandas")

rng = np.random.default_rng(1)


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
