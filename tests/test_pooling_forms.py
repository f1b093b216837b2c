"""pool_estimates in every form that analyses come in, and what is no number in them."""

from collections import namedtuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from emkit import pool_estimates

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
few = settings(max_examples=25, deadline=None, derandomize=True)


def record(row):
    return np.array(tuple(row.values()), dtype=[(name, float) for name in row])


def named_tuple(row):
    return namedtuple("Row", list(row))(**row)  # noqa: PYI024  a type for every order


FORMS = {
    "dict": dict,
    "Series": pd.Series,
    "record": record,
    "element of a record array": lambda row: np.atleast_1d(record(row))[0],
    "namedtuple": named_tuple,
    "row of polars": lambda row: pl.DataFrame([row]),
    "row of Arrow": lambda row: pa.Table.from_pylist([row]),
}


def values_of(pooled):
    estimate = pooled.estimate
    if hasattr(estimate, "_asdict"):
        estimate = estimate._asdict()
    return {str(name): float(value) for name, value in dict(estimate).items()}


@st.composite
def rows(draw):
    """Tables' estimates by name, each in an order of its own."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    m, names = draw(st.integers(2, 4)), ["a", "b", "c"][: draw(st.integers(1, 3))]
    tables = [{name: float(rng.normal()) for name in rng.permutation(names)} for _ in range(m)]
    return [{str(name): value for name, value in table.items()} for table in tables]


@few
@given(rows(), st.sampled_from(sorted(FORMS)))
def test_names_decide_in_every_form(tables, form):
    kept = [FORMS[form](table) for table in tables]
    squares = [FORMS[form]({name: 1.0 + i for i, name in enumerate(table)}) for table in tables]
    right = pd.DataFrame(tables).mean()
    assert values_of(pool_estimates(kept, squares)) == pytest.approx(right.to_dict())


@few
@given(rows())
def test_rows_of_every_frame_are_tables(tables):
    frame = pd.DataFrame(tables)
    right = pool_estimates(frame, frame**2)
    for given_as in (pl.DataFrame(tables), pa.Table.from_pylist(tables)):
        squares = type(given_as)(frame**2) if isinstance(given_as, pl.DataFrame) else None
        if squares is None:
            squares = pa.Table.from_pylist((frame**2).to_dict("records"))
        pooled = pool_estimates(given_as, squares)
        assert values_of(pooled) == pytest.approx(values_of(right))
        assert pooled.std_error == pytest.approx(right.std_error.to_dict())


def test_rows_without_names_are_refused_where_columns_have_them():
    matrix = pl.DataFrame({"a": [1.0, 0.0], "b": [0.0, 1.0]})
    with pytest.raises(TypeError, match="2 rows for one table"):
        pool_estimates([{"a": 1.0, "b": 2.0}] * 2, [matrix] * 2)


# What is no number


@pytest.mark.parametrize(
    ("estimates", "message"),
    [
        (np.ma.array([1.0, 2.0, 9.0], mask=[0, 0, 1]), "masked"),
        ([np.ma.array([1.0, 99.0], mask=[0, 1]), [1.0, 2.0]], "masked"),
        (pd.to_timedelta([1, 2], unit="D"), "durations"),
        (np.array([1, 2], dtype="m8[D]"), "durations"),
        (np.array([1 + 1j, 2]), "complex"),
    ],
)
def test_what_is_no_number_is_not_pooled(estimates, message):
    with pytest.raises(ValueError, match=message):
        pool_estimates(estimates, np.ones(np.shape(estimates)))


@pytest.mark.parametrize("df_complete", ["10", [10], True])
def test_degrees_of_freedom_are_a_number(df_complete):
    with pytest.raises(ValueError, match="df_complete should be positive"):
        pool_estimates([1.0, 2.0], [1.0, 1.0], df_complete=df_complete)


@pytest.mark.parametrize("level", ["a", [0.9, 0.95], None])
def test_a_level_is_a_number(level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        pool_estimates([1.0, 2.0], [1.0, 1.0]).confidence_interval(level)


def test_variances_that_no_double_holds_are_refused():
    for matrices in (False, True):
        variances = np.full((3, 1, 1), 1e300) if matrices else np.full((3, 1), 1e300)
        with pytest.raises(ValueError, match="leaves the range of doubles"):
            pool_estimates([[1e200], [2e200], [4e200]], variances)


# The joint test


def pooled_by_name():
    a, b = pd.Series({"x": 1.0, "yz": 10.0}), pd.Series({"yz": 11.0, "x": 2.0})
    names = ["x", "yz"]
    covariance = pd.DataFrame([[1.0, 0.5], [0.5, 2.0]], names, names)
    return pool_estimates([a, b], [covariance] * 2)


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_a_hypothesis_goes_by_its_names(kind):
    pooled = pooled_by_name()
    right = pooled.wald_test(["x", "yz"], [0.3, 7.0])
    assert pooled.wald_test(value=kind({"yz": 7.0, "x": 0.3})) == right
    assert pooled.wald_test("yz", kind({"x": 0.3, "yz": 7.0})) == pooled.wald_test(["yz"], [7.0])
    with pytest.raises(ValueError, match=r"value lacks \['x'\]"):
        pooled.wald_test(value=kind({"yz": 7.0}))


def test_one_estimate_is_named_alone():
    assert pooled_by_name().wald_test("yz") == pooled_by_name().wald_test(["yz"])
    nameless = pool_estimates([[1.0, 2.0], [2.0, 3.0]], [np.eye(2)] * 2)
    assert nameless.wald_test(1) == nameless.wald_test([1])


@pytest.mark.parametrize("value", [np.nan, [1.0, 2.0, 3.0], [[1.0, 2.0]], "a", None])
def test_a_hypothesis_is_finite_and_as_long_as_the_estimates(value):
    with pytest.raises(ValueError, match="value should"):
        pooled_by_name().wald_test(value=value)


def test_a_mask_is_no_list_of_positions():
    nameless = pool_estimates([[1.0, 2.0], [2.0, 3.0]], [np.eye(2)] * 2)
    for mask in ([True, False], np.array([False, True])):
        with pytest.raises(ValueError, match="which should be some of"):
            nameless.wald_test(mask)


def test_tables_and_squares_in_different_forms_go_by_name():
    pooled = pool_estimates(
        [{"x": 1.0, "y": 10.0}, {"y": 11.0, "x": 2.0}],
        pl.DataFrame({"y": [4.0, 4.0], "x": [1.0, 1.0]}),
    )
    assert_allclose([pooled.within["x"], pooled.within["y"]], [1.0, 4.0])
