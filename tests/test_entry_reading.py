"""When rows came under observation: read with y in every form, or refused by the row."""

import numpy as np
import pytest
from containers import CONTAINERS, EVENT, INF, RIGHT, TIME, UNNAMED, X, each_container, read
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import CensoredData

from emkit import EMCensoredRegressor, censored_target
from emkit.censored.target import load_target
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index, r2_exact

pd = pytest.importorskip("pandas")

ENTRY = np.where(np.arange(60) % 3, -INF, TIME - np.linspace(0.1, 3.0, 60))
ENTERED = np.column_stack([RIGHT, ENTRY])
INTERVALS = np.column_stack([TIME, TIME + 1.0, np.where(EVENT, TIME, -INF)])


def permutations(fields):
    names = list(fields)
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1]):
        yield {names[j]: fields[names[j]] for j in order}


@each_container
@pytest.mark.parametrize(
    "names",
    [("event", "entry", "time"), ("dead", "start", "stop"), ("arrest", "tstart", "tstop"),
     ("E", "entry", "T"), ("x", "ageentry", "age"), ("status", "time_enter", "time_exit")],
)  # fmt: skip
def test_events_with_entries_by_name_in_any_order(container, names):
    for kind in (bool, float):
        fields = dict(zip(names, (EVENT.astype(kind), ENTRY, TIME), strict=True))
        for some in permutations(fields):
            assert_array_equal(read(CONTAINERS[container](**some)), ENTERED)
    assert_array_equal(censored_target(CONTAINERS[container](**fields)), ENTERED)


@each_container
@pytest.mark.parametrize("names", [("lower", "upper", "entry"), ("left", "right", "truncation")])
def test_bounds_with_entries_by_name_in_any_order(container, names):
    for some in permutations(dict(zip(names, INTERVALS.T, strict=True))):
        assert_array_equal(read(CONTAINERS[container](**some)), INTERVALS)


def test_three_columns_by_place():
    missing, finite = np.where(ENTERED == -INF, np.nan, ENTERED), np.clip(ENTERED, -1e300, 1e300)
    for y in (ENTERED, ENTERED.tolist(), ENTERED.astype(object), pd.DataFrame(ENTERED),
              missing, finite):  # fmt: skip
        assert_array_equal(read(y), ENTERED)
        assert_array_equal(censored_target(y), ENTERED)


@each_container
def test_a_missing_entry_is_none(container):
    entry = np.where(ENTRY == -INF, np.nan, ENTRY)
    y = CONTAINERS[container](time=TIME, event=EVENT, entry=entry)
    assert_array_equal(read(y), ENTERED)
    assert_array_equal(read(y, whole=False), ENTERED)


def test_the_function_takes_entries():
    assert_array_equal(censored_target(TIME, EVENT, entry=ENTRY), ENTERED)
    assert_array_equal(censored_target(RIGHT, entry=pd.Series(ENTRY)), ENTERED)
    y = pd.DataFrame({"event": EVENT, "time": TIME})
    assert_array_equal(censored_target(y, entry=ENTRY), ENTERED)
    below = censored_target(TIME, EVENT, entry=1.0)
    assert_array_equal(below, np.column_stack([RIGHT, np.ones(60)]))
    assert_array_equal(censored_target(TIME, right=5.5, entry=ENTRY), ENTERED)
    assert_array_equal(censored_target([0.1, 3.0], left=0.2, entry=[0.0, 1.0]),
                       [[-INF, 0.2, 0.0], [3.0, 3.0, 1.0]])  # fmt: skip
    assert_array_equal(censored_target([[-INF, INF]], entry=7.0), [[-INF, INF, -INF]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: censored_target(ENTERED, entry=ENTRY), "holds entries already"),
        (lambda: censored_target(TIME, EVENT, entry=ENTRY[:-1]), "inconsistent"),
        (lambda: censored_target(TIME, EVENT, entry=EVENT), "entry holds booleans"),
        (lambda: censored_target(CensoredData(TIME), entry=ENTRY), "CensoredData"),
        (lambda: EMCensoredRegressor(left=0.0).fit(X, ENTERED), "y of 3 columns"),
    ],
)
def test_entries_that_go_with_nothing(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("container", UNNAMED)
def test_three_columns_without_names_and_a_boolean_are_refused(container):
    y = UNNAMED[container](a=EVENT, b=ENTRY, c=TIME)
    with pytest.raises(ValueError, match="boolean: an event|two fields or columns"):
        read(y)


def test_start_stop_and_event_in_an_array_are_told():
    y = np.column_stack([TIME + 1.0, TIME + 2.0, EVENT])
    with pytest.warns(DataWarning, match=r"Column 2.*event=y\[:, 2\], entry=y\[:, 0\]"):
        assert_array_equal(read(y), y)
    assert_array_equal(read(pd.DataFrame(y, columns=["lower", "upper", "entry"])), y)


# Entries that cannot be


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([5.0, 5.0, 5.0], "Row 7 of y is 5.0, and came under observation at 5.0"),
        ([5.0, 5.0, 6.0], "Row 7 of y is 5.0, and came under observation at 6.0"),
        ([5.0, INF, 5.0], "Row 7 of y is larger than 5.0, and came under observation at 5.0"),
        ([5.0, INF, INF], "Row 7 of y is larger than 5.0, and came under observation at inf"),
        ([5.0, 7.0, 6.0], r"Row 7 of y lies in \[5.0, 7.0\].*at 6.0.*set lower to the entry"),
        ([5.0, 7.0, 8.0], r"Row 7 of y lies in \[5.0, 7.0\].*at 8.0.*exchanged"),
        ([-INF, 7.0, 1.0], r"Row 7 of y lies in \[-inf, 7.0\].*at 1.0.*set lower to the entry"),
    ],
)  # fmt: skip
def test_errors_name_the_row(row, message):
    y = ENTERED.copy()
    y[7] = row
    names = ("lower", "upper", "entry")
    model = EMCensoredRegressor().fit(X, RIGHT)
    for form in (y, pd.DataFrame(y), *(make(**dict(zip(names, y.T, strict=True)))
                                       for make in CONTAINERS.values())):  # fmt: skip
        for ask in (read, censored_target, lambda y: EMCensoredRegressor().fit(X, y),
                    lambda y: model.score(X, y), lambda y: model.impute(X, y),
                    lambda y: concordance_index(y, TIME), lambda y: r2_exact(y, TIME)):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                ask(form)


def test_times_before_their_entries():
    with pytest.raises(ValueError, match=r"Row 3 of y is .* \(1 such row"):
        censored_target(TIME, np.ones(60), entry=np.where(np.arange(60) == 3, TIME + 1.0, 0.0))


def test_an_entry_of_0_is_none_for_positive_responses_alone():
    y = np.exp(ENTERED / 5.0)
    y[5] = [0.0, 3.0, 0.0]
    y[8] = [-INF, 3.0, 0.0]
    y[11] = [-INF, 3.0, -4.0]
    for name in ("weibull", "lognormal"):
        model = EMCensoredRegressor(distribution=name).fit(X, RIGHT + 5.0)
        scores = model.score_samples(X, y)
        open_ = y[5].copy()
        assert_array_equal(scores[[5, 8, 11]], model.score_samples(X, [open_[:2]] * 60)[[5, 8, 11]])
    with pytest.raises(ValueError, match=r"Row 8 of y lies below 3.0.*at 0.0.*'normal'.*entry"):
        EMCensoredRegressor().fit(X, y)


# Metrics


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5), st.integers(-4, 4)),
        min_size=2, max_size=14,
    )
)  # fmt: skip
def test_concordance_compares_who_was_there(rows):
    """Pair by pair: the larger one must have been under observation when the smaller had it."""
    low, width, lead, predicted = np.array(rows, dtype=float).T
    high = np.where(width == 5.0, INF, low + width)
    entry = np.where(lead == 5.0, -INF, low - lead - (width % 5 == 0.0))
    pairs = ordered = 0.0
    for i in range(len(low)):
        for j in range(len(low)):
            known = low[j] > high[i]
            known |= low[j] == high[i] and (low[j] < high[j] or low[i] < high[i])
            if known and entry[j] < high[i]:
                pairs += 1.0
                ordered += (predicted[j] > predicted[i]) + 0.5 * (predicted[j] == predicted[i])
    y = np.column_stack([low, high, entry])
    if pairs:
        assert_allclose(concordance_index(y, predicted), ordered / pairs)
    else:
        with pytest.raises(ValueError, match="No pair of responses is comparable"):
            concordance_index(y, predicted)


def test_r2_does_not_ask_for_entries():
    assert r2_exact(ENTERED, TIME + 0.1) == r2_exact(RIGHT, TIME + 0.1)


def test_what_a_reader_gets():
    """`load_target` is what every estimator reads with."""
    assert load_target(RIGHT).entry is None
    assert_array_equal(load_target(ENTERED).entry, ENTRY)
