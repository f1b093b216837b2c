"""What names of fields say of a y, and what is refused because they do not tell."""

import re

import numpy as np
import pytest
from containers import CONTAINERS, EVENT, INF, RIGHT, TIME, X, each_container, read, records
from numpy.testing import assert_array_equal
from places import Slices
from sklearn.exceptions import DataConversionWarning

from emkit import EMCensoredRegressor, censored_target
from emkit.censored.roles import WORDS, role_of
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index

pd = pytest.importorskip("pandas")


# Names


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("event_time", "time"), ("time_to_event", "time"), ("EventObserved", "event"),
        ("OS.time", "time"), ("OS_MONTHS", "time"), ("futime", "time"), ("vital_status", "event"),
        ("survival_status", "event"), ("overall survival", "time"), ("days_to_death", "time"),
        ("isCensored", "opposite"), ("right_censored", "upper"), ("censoring_indicator", "unclear"),
        ("uncensored", "event"), ("T", "time"), ("E", "event"), ("d", "event"), ("x", None),
        ("t.tdm", None), ("entry_time", "entry"), ("stop", "time"), ("ageentry", "entry"),
        ("time.enter", "entry"),
        ("tstart", "entry"), ("tstop", "time"), ("country", None), ("time1", "time"), ("", None),
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
        ({"start": TIME - 1.0, "stop": TIME}, r"'start'.*delayed entry.*\(lower, upper\)"),
        ({"entry": TIME, "event": EVENT}, r"'entry'.*delayed entry.*\(event, entry, time\)"),
        ({"entry": TIME, "start": TIME, "stop": TIME}, "two fields or columns.*'start'"),
        ({"entry": EVENT, "x": TIME, "time": TIME}, "'entry' of y holds booleans"),
        ({"entry": TIME, "x": TIME, "time": TIME}, "'x' of y, the event beside the time 'time'"),
        ({"entry": TIME, "lower": TIME, "time": TIME}, "do not pair"),
        ({"entry": TIME, "cens": EVENT.astype(int), "time": TIME}, "'cens'.*Rename it 'event'"),
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


@each_container
def test_cens_is_taken_for_the_event_with_a_word(container):
    """As in scikit-survival's GBSG2 and AIDS data; others mean the opposite by it."""
    y = CONTAINERS[container](cens=EVENT, time=TIME)
    with pytest.warns(DataWarning, match="'cens' of y is read as the event.*opposite"):
        assert_array_equal(read(y), RIGHT)
    with pytest.raises(ValueError, match="'cens'"):
        read(y, whole=False)


@pytest.mark.parametrize("kind", [bool, int, float])
def test_a_block_of_events_is_never_bounds(kind):
    """Not even where all were seen, or none."""
    for event in (np.ones(3), np.zeros(3)):
        y = records(a=event.astype(kind), b=[2.0, 3.0, 4.0])
        for whole in (True, False):
            if kind is bool:
                expected = np.where(event == 1.0, y["b"], INF)
                assert_array_equal(read(y, whole=whole)[:, 1], expected)
            else:
                with pytest.raises(ValueError, match="'a' of y.*events or bounds"):
                    read(y, whole=whole)


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
