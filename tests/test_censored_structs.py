"""Responses as structs, dictionaries and lists with masked cells: read by name, or refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emkit import EMCensoredRegressor, censored_target

pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")

FORMS = {
    "structs of polars": lambda frame: frame.to_struct("y"),
    "a frame of structs": lambda frame: frame.select(pl.struct(frame.columns).alias("y")),
    "structs of Arrow": lambda frame: frame.to_arrow().to_struct_array(),
    "one chunk of Arrow": lambda frame: frame.to_arrow().to_struct_array().combine_chunks(),
    "dictionaries": lambda frame: frame.to_dicts(),
    "an array of dictionaries": lambda frame: np.array(frame.to_dicts(), dtype=object),
    "a series of dictionaries": lambda frame: pd.Series(frame.to_dicts()),
    "a series of Arrow": lambda frame: pd.Series(
        pd.arrays.ArrowExtensionArray(frame.to_arrow().to_struct_array().combine_chunks())
    ),
}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
times = st.lists(st.tuples(st.floats(0.5, 9.0), st.booleans()), min_size=1, max_size=8)


@each_form
@given(rows=times, event=st.sampled_from(["event", "status", "died"]), first=st.booleans())
def test_events_and_times_are_found_by_name(form, rows, event, first):
    """NumPy made of them (1, time) and (0, time), which pass for intervals."""
    time, seen = zip(*rows, strict=True)
    columns = {event: list(seen), "time": list(time)}
    frame = pl.DataFrame(columns if first else dict(reversed(columns.items())))
    expected = censored_target(time, event=seen)
    np.testing.assert_array_equal(censored_target(form(frame)), expected)


@each_form
@given(rows=times)
def test_bounds_are_found_by_name_whatever_their_order(form, rows):
    low = [time for time, _ in rows]
    high = [time if exact else np.inf for time, exact in rows]
    frame = pl.DataFrame({"upper": high, "lower": low})
    np.testing.assert_array_equal(censored_target(form(frame)), np.column_stack([low, high]))


@each_form
def test_a_fit_is_that_of_the_frame(form):
    rng = np.random.default_rng(0)
    X, seen = rng.normal(size=(20, 1)), rng.random(20) < 0.7
    frame = pl.DataFrame({"event": seen, "time": rng.exponential(size=20)})
    one, other = (EMCensoredRegressor().fit(X, y) for y in (form(frame), frame))
    np.testing.assert_array_equal(one.coef_, other.coef_)


@each_form
def test_three_fields_are_refused_as_three_columns(form):
    frame = pl.DataFrame({"time": [1.0, 2.0], "event": [True, False], "weight": [1.0, 1.0]})
    with pytest.raises(ValueError, match="'time', 'event', 'weight'"):
        censored_target(form(frame))


@pytest.mark.parametrize(
    "rows",
    [[{"time": 1.0, "event": True}, None], [{"lower": 1.0}, {"upper": 1.0}], [{"a": 1.0}, 2.0]],
)
def test_rows_without_the_same_keys_are_refused(rows):
    with pytest.raises(ValueError, match="Row 0 of y is a dictionary .* and row 1 is"):
        censored_target(rows)


def test_a_query_is_told_to_be_collected():
    query = pl.DataFrame({"time": [1.0, 2.0], "event": [True, False]}).lazy()
    for ask in (censored_target, lambda y: EMCensoredRegressor().fit(np.eye(2), y)):
        with pytest.raises(TypeError, match="LazyFrame is a query .* collect"):
            ask(query)


MASKED = {
    "a number": [1.0, np.ma.masked],
    "a bound": [(1.0, 2.0), (1.0, np.ma.masked)],
    "a row": [[1.0, 2.0], np.ma.array([1.0, 2.0], mask=[False, True])],
    "an object": np.array([1.0, np.ma.masked], dtype=object),
    "a value": [{"time": 1.0, "event": True}, {"time": np.ma.masked, "event": True}],
}


@pytest.mark.parametrize("y", MASKED.values(), ids=MASKED)
def test_masked_cells_of_lists_are_refused_by_row(y):
    with pytest.raises(ValueError, match="y is masked in row 1"):
        censored_target(y)
    with pytest.raises(ValueError, match="y is masked in row 1"):
        EMCensoredRegressor().fit(np.eye(2), y)


def test_masked_events_are_refused():
    with pytest.raises(ValueError, match="event is masked in row 1"):
        censored_target([1.0, 2.0], event=[True, np.ma.masked])
