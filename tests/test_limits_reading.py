"""What a table says of cells that are known to an interval: text, intervals of pandas, limits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from emkit.data.frames import table_of
from emkit.data.limit_text import bounds_of
from emkit.data.limits import read_limits
from emkit.data.limits_by_column import limits_by_column, log_of, require_positive, with_bounds
from emkit.numerics.bounds import CellBounds


def read(X, *args, **options):
    return read_limits(table_of(X), *args, **options)


few = settings(max_examples=50, deadline=None, derandomize=True)
finite = st.floats(-1e6, 1e6, allow_subnormal=False)
INF = np.inf


@few
@given(finite, finite, st.sampled_from(["", " ", "  "]))
def test_text_says_what_it_was_written_from(x, y, blank):
    low, high = sorted([x, y])
    for sign in ("<", "<=", "≤"):
        assert bounds_of(f"{blank}{sign}{blank}{x!r}{blank}") == (-INF, x)
    for sign in (">", ">=", "≥"):
        assert bounds_of(f"{sign}{blank}{x!r}") == (x, INF)
    assert bounds_of(f"{low!r}{blank}..{blank}{high!r}") == (low, high)
    assert bounds_of(f"{blank}{x!r}") == (x, x)


@pytest.mark.parametrize("text", ["<0.05 mg/l", "0,05", "18-30", "n.d.", "<", "1..2..3", "< a", ""])
def test_other_text_says_nothing(text):
    assert bounds_of(text) is None


def polars(columns):
    return pytest.importorskip("polars").DataFrame(columns, strict=False)


def objects(columns):
    return np.array(list(columns.values()), dtype=object).T


CONTAINERS = {
    "pandas": pd.DataFrame,
    "pandas string": lambda columns: pd.DataFrame(columns).astype({"lead": "string"}),
    "polars": polars,
    "objects": objects,
    "rows": lambda columns: objects(columns).tolist(),
    "text": lambda columns: np.where(objects(columns) == None, "nan", objects(columns)).astype(str),  # noqa: E711
}
LEAD = ["<0.05", "0.2", None, "0.1..0.3", "> 4", "2..2", "-inf..inf", "1e-3"]
NUMBERS = [np.nan, 0.2, np.nan, np.nan, np.nan, 2.0, np.nan, 1e-3]
LOW = [-INF, np.nan, np.nan, 0.1, 4.0, np.nan, np.nan, np.nan]
HIGH = [0.05, np.nan, np.nan, 0.3, INF, np.nan, np.nan, np.nan]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_column_of_numbers_and_limits_is_one_of_numbers(container):
    other = np.arange(8.0)
    found = read(CONTAINERS[container]({"lead": LEAD, "other": other}))
    X = np.asarray(found.X, dtype=float)
    assert_array_equal(X, np.column_stack([NUMBERS, other]))
    assert_array_equal(found.bounds[:, :, 0], [LOW, HIGH])
    assert np.isnan(found.bounds[:, :, 1]).all()
    assert found.columns == [0]
    if hasattr(found.X, "columns"):
        assert list(found.X.columns) == ["lead", "other"]


@pytest.mark.parametrize("limit", ["-inf..3", "3..inf", "3…4", "-1..-0.5", "1...5", "1. .. .5e1"])
def test_one_range_makes_a_column_one_of_limits(limit):
    found = read(pd.DataFrame({"x": [limit, "2"]}))
    assert_array_equal(found.X["x"], [np.nan, 2.0])
    assert tuple(found.bounds[:, 0, 0]) == bounds_of(limit)


def test_numbers_among_objects_are_numbers():
    X = np.array([[0.5, 1], ["<0.05", 2], [None, 3]], dtype=object)
    found = read(X)
    assert_array_equal(found.X.astype(float), [[0.5, 1], [np.nan, 2], [np.nan, 3]])
    assert X[1, 0] == "<0.05"  # the table of the user is as it was


@pytest.mark.parametrize("closed", ["left", "right", "both", "neither"])
def test_intervals_of_pandas(closed):
    pairs = [(0.0, 1.0), (-INF, 2.0), (3.0, INF), (-INF, INF)]
    column = pd.Series([*(pd.Interval(*pair, closed=closed) for pair in pairs), None])
    column = column.astype(pd.IntervalDtype("float64", closed))
    found = read(pd.DataFrame({"x": column}))
    assert np.isnan(np.asarray(found.X, dtype=float)).all()
    low, high = np.array([*pairs[:3], (np.nan, np.nan), (np.nan, np.nan)]).T
    assert_array_equal(found.bounds[:, :, 0], [low, high])


def test_intervals_of_one_point_are_numbers():
    column = pd.arrays.IntervalArray.from_tuples([(1, 1), (1, 2)], closed="both")
    found = read(pd.DataFrame({"x": column}))
    assert_array_equal(found.X["x"], [1.0, np.nan])


@pytest.mark.parametrize("mark", ["?", "-1"])
@pytest.mark.parametrize("container", ["pandas", "objects", "polars"])
def test_marks_of_missing_cells_stay_such(mark, container):
    X = CONTAINERS[container]({"x": [mark, "<3", "4"], "y": ["1", "2", "3"]})
    found = read(X, mark)
    assert [str(cell) for cell in np.asarray(found.X)[:, 0]] == [mark, mark, "4.0"]
    assert_array_equal(found.bounds[1, :, 0], [np.nan, 3.0, np.nan])


@pytest.mark.parametrize(
    "levels",
    [
        ["yes", "no"],
        ["01067", "01069"],
        ["<=50K", ">50K"],
        ["<18", "18-30", ">30"],
        ["<0", "0<=X<200", ">=200", "no checking"],
        ["0.1", "0.2"],
        [True, False],
    ],
)
def test_what_may_be_levels_stays_as_it_is(levels):
    assert read(pd.DataFrame({"x": levels})) is None
    assert read(np.array([levels, levels], dtype=object).T) is None


def test_columns_that_are_named_as_categories_are_left_alone():
    assert read(pd.DataFrame({"x": ["<1", "2"]}), apart=[0]) is None
    assert read(pd.DataFrame({"x": pd.Categorical(["<1", "2"])})) is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0.1", "<0.05 mg/l"], r"Column 'lead' of X .* '<0.05 mg/l' in row 1.*Strip the unit"),
        (["0.3 mg/l", "<0.05 mg/l"], r"'0.3 mg/l' in row 0.*\(2 such"),
        (["0.1", "<0,05"], r"'<0,05' in row 1.*with a point"),
        (["0.1", "<1", "n.d."], r"'n.d.' in row 2.*missing_values"),
        ([0.1, "<1", "n.d."], r"'n.d.' in row 2.*categorical_features"),
        (["<1", 2.0, True], r"True in row 2"),
        (["1", "0.3..0.1"], r"'lead' of X .* from 0.3 to 0.1 in row 1: its limits cross"),
    ],
)
def test_a_cell_that_is_neither_number_nor_limit_is_named(cells, message):
    with pytest.raises(ValueError, match=message):
        read(pd.DataFrame({"lead": pd.Series(cells, dtype=object)}))


def test_where_text_is_no_levels_bands_beside_it_are_limits():
    X = pd.DataFrame({"x": ["<18", "18-30"]})
    with pytest.raises(ValueError, match="'18-30' in row 1"):
        read(X, by_type=False)


# Limits of columns


def estimator(lower=None, upper=None, names=None):
    of = {"lower_limits": lower, "upper_limits": upper, "n_features_in_": 3}
    if names:
        of["feature_names_in_"] = np.array(names, dtype=object)
    return SimpleNamespace(**of)


def test_limits_by_number_name_and_place():
    names = ["a", "b", "c"]
    assert_array_equal(limits_by_column(estimator(0.5), 3), [[0.5] * 3, [INF] * 3])
    by_name = limits_by_column(estimator({"b": 1, "c": None}, {"a": 2.0}, names), 3)
    assert_array_equal(by_name, [[-INF, 1, -INF], [2, INF, INF]])
    by_place = limits_by_column(estimator([np.nan, 1, INF], [2, -INF, np.nan]), 3)
    assert_array_equal(by_place, by_name)


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        ({"b": 3.0}, {"b": 2.0}, r"column 'b' cross: lower_limits has 3 and upper_limits 2"),
        ({"z": 1.0}, None, r"lower_limits names features that X does not have: \['z'\]"),
        ("low", None, "lower_limits should be a number"),
        ({"b": "<1"}, None, r"lower_limits\['b'\] should be a number"),
        ([1.0, 2.0], None, r"lower_limits .* shape \(3,\)"),
    ],
)
def test_what_is_no_limit_is_refused(lower, upper, message):
    with pytest.raises(ValueError, match=message):
        limits_by_column(estimator(lower, upper, ["a", "b", "c"]), 3)


cells = st.one_of(finite, st.just(np.nan))


@few
@given(st.lists(cells, min_size=1, max_size=8), finite, st.one_of(finite, st.just(INF)))
def test_a_cell_at_its_limit_or_beyond_is_an_interval_from_there(column, x, y):
    low, high = sorted([x, y])
    X = np.array(column)[:, None]
    numbers, bounds = with_bounds(X, np.array([[low], [high]]))
    for i, cell in enumerate(column):
        if (cell <= low) != (cell >= high):
            assert np.isnan(numbers[i, 0])
            expected = (-INF, low) if cell <= low else (high, INF)
            assert tuple(bounds.table(1)[:, i, 0]) == expected
        else:
            assert_array_equal(numbers[i], X[i])
            assert bounds is None or np.isnan(bounds.table(1)[:, i, 0]).all()


def test_an_interval_of_a_cell_itself_stays():
    own = np.array([[[-INF], [np.nan]], [[0.05], [np.nan]]])
    X, bounds = with_bounds(np.array([[np.nan], [0.07]]), np.array([[0.1], [INF]]), own)
    assert np.isnan(X).all()
    assert_array_equal(bounds.table(1)[:, :, 0], [[-INF, -INF], [0.05, 0.1]])


def test_without_a_cell_at_its_limit_there_is_nothing_to_do():
    X = np.ones((3, 2))
    out, bounds = with_bounds(X, np.array([[0.5, 0.5], [INF, INF]]))
    assert out is X
    assert bounds is None


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_limit_that_was_rounded_as_the_cells_were_is_the_limit(kind):
    cells = np.array([[0.05], [1.0]], dtype=kind)
    limits = np.array([[0.05], [1.0]])
    for X in (cells, cells.astype(float)):
        _, bounds = with_bounds(X, limits, given=cells)
        assert bounds.mask(X.shape[1]).all()
    frame = pd.DataFrame({"x": cells[:, 0], "y": [0.05, 1.0]})
    _, bounds = with_bounds(frame.to_numpy(float), np.repeat(limits, 2, axis=1), given=frame)
    assert bounds.mask(2).all()


# Logarithms


def test_logarithms_of_numbers_and_of_bounds():
    X = np.array([[2.0, -1.0], [np.nan, -2.0], [np.nan, 3.0], [np.nan, np.nan]])
    bounds = np.full((2, 4, 2), np.nan)
    bounds[:, 1, 0], bounds[:, 2, 0], bounds[:, 3, 0] = (-INF, 0.5), (0.1, 0.5), (-1.0, INF)
    bounds[:, 3, 1] = (-INF, -1.0)
    logs = np.array([0])
    out, of_logs = log_of(X, CellBounds.of(bounds), logs)
    assert_array_equal(out[:, 0], np.log(X[:, 0]))
    assert_array_equal(out[:, 1], X[:, 1])
    low, high = [np.nan, -INF, np.log(0.1), np.nan], [np.nan, *np.log([0.5, 0.5]), np.nan]
    assert_array_equal(of_logs.table(2)[:, :, 0], [low, high])
    assert_array_equal(of_logs.table(2)[:, :, 1], bounds[:, :, 1])
    assert log_of(X, None, logs[:0])[0] is X


@pytest.mark.parametrize(
    ("cell", "bounds", "what"),
    [(0.0, None, "0"), (-2.0, None, "-2"), (np.nan, (-INF, 0.0), "an interval from -inf to 0")],
)
def test_what_has_no_logarithm_is_named(cell, bounds, what):
    X = np.array([[1.0, 1.0], [1.0, cell]])
    if bounds is not None:
        intervals = np.full((2, 2, 2), np.nan)
        intervals[:, 1, 1] = bounds
        bounds = CellBounds.of(intervals)
    with pytest.raises(ValueError, match=f"Column 'b' of X holds {what} in row 1"):
        require_positive(X, bounds, np.array([0, 1]), ["a", "b"])
    require_positive(X, bounds, np.array([0]), ["a", "b"])
