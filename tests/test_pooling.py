"""pool_estimates against R's mice, and the laws of Rubin's rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import t

from emkit import pool_estimates

FIELDS = {
    "estimate": "qbar",
    "within": "ubar",
    "between": "b",
    "variance": "t",
    "df": "df",
    "relative_increase": "r",
    "fraction_missing": "fmi",
}


def complete_df(case):
    return None if case["n"] is None else case["n"] - case["k"]


@pytest.mark.parametrize("index", range(4))
def test_pooling_is_that_of_mice(index, golden):
    case = golden("imputer.json")["rubin_pooling"]["cases"][index]
    pooled = pool_estimates(case["estimates"], case["variances"], df_complete=complete_df(case))
    for ours, theirs in FIELDS.items():
        assert_allclose(getattr(pooled, ours), case[theirs], rtol=1e-9, err_msg=ours)
    assert_allclose(pooled.std_error**2, case["t"], rtol=1e-9)


def test_every_golden_case_is_tested(golden):
    assert len(golden("imputer.json")["rubin_pooling"]["cases"]) == 4


@st.composite
def analyses(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    m, shape = draw(st.integers(2, 20)), draw(st.sampled_from([(), (4,), (2, 3)]))
    estimates = rng.normal(size=(m, *shape)) * 10.0 ** rng.integers(-3, 3, shape)
    df_complete = draw(st.sampled_from([None, 1.0, 20.0, 1e9, np.inf]))
    return estimates, rng.exponential(size=(m, *shape)), df_complete


few = settings(max_examples=40, deadline=None, derandomize=True)


@few
@given(analyses())
def test_arrays_are_pooled_element_by_element(case):
    estimates, variances, df_complete = case
    pooled = pool_estimates(estimates, variances, df_complete=df_complete)
    assert all(np.shape(field) == estimates.shape[1:] for field in pooled)
    for index in np.ndindex(estimates.shape[1:]):
        one = (slice(None), *index)
        alone = pool_estimates(estimates[one], variances[one], df_complete=df_complete)
        for name in pooled._fields:
            assert_allclose(getattr(pooled, name)[index], getattr(alone, name), rtol=1e-12)


@few
@given(analyses())
def test_the_total_variance_is_made_of_within_and_between(case):
    estimates, variances, df_complete = case
    pooled = pool_estimates(estimates, variances, df_complete=df_complete)
    m = len(estimates)
    deviations = estimates - estimates.sum(axis=0) / m
    assert_allclose(pooled.estimate, estimates.sum(axis=0) / m, rtol=1e-12, atol=1e-12)
    assert_allclose(pooled.between, (deviations**2).sum(axis=0) / (m - 1), rtol=1e-12)
    assert_allclose(pooled.variance, pooled.within + pooled.between * (m + 1) / m, rtol=1e-12)
    assert_allclose(pooled.relative_increase, pooled.variance / pooled.within - 1.0, rtol=1e-6)
    assert ((0.0 <= pooled.fraction_missing) & (pooled.fraction_missing <= 1.0)).all()


@few
@given(analyses())
def test_degrees_of_freedom_never_exceed_those_of_complete_data(case):
    estimates, variances, df_complete = case
    pooled = pool_estimates(estimates, variances, df_complete=df_complete)
    infinite = pool_estimates(estimates, variances)
    assert (pooled.df > 0.0).all()
    assert (pooled.df <= infinite.df).all()
    assert (pooled.df <= (np.inf if df_complete is None else df_complete)).all()


@few
@given(analyses(), st.permutations(range(20)))
def test_the_order_of_the_tables_does_not_matter(case, order):
    estimates, variances, df_complete = case
    order = [table for table in order if table < len(estimates)]
    pooled = pool_estimates(estimates, variances, df_complete=df_complete)
    permuted = pool_estimates(estimates[order], variances[order], df_complete=df_complete)
    for ours, theirs in zip(permuted, pooled, strict=True):
        assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)


@few
@given(analyses(), st.sampled_from([-1e3, 1e-3, 0.5, 8.0]), st.sampled_from([0.0, -2.0, 30.0]))
def test_units_do_not_matter(case, scale, shift):
    estimates, variances, df_complete = case
    pooled = pool_estimates(estimates, variances, df_complete=df_complete)
    other = pool_estimates(
        scale * (estimates + shift), scale**2 * variances, df_complete=df_complete
    )
    assert_allclose(other.estimate, scale * (pooled.estimate + shift), rtol=1e-9, atol=1e-9)
    assert_allclose(other.std_error, abs(scale) * pooled.std_error, rtol=1e-7)
    assert_allclose(other.df, pooled.df, rtol=1e-6)
    assert_allclose(other.fraction_missing, pooled.fraction_missing, rtol=1e-6)


def test_tables_that_agree_leave_the_variance_within():
    pooled = pool_estimates([3.0, 3.0, 3.0], [0.1, 0.2, 0.3])
    assert pooled.between == 0.0
    assert pooled.relative_increase == 0.0
    assert pooled.variance == pooled.within
    assert_allclose(pooled.within, 0.2, rtol=1e-15)
    assert_allclose(
        pooled.confidence_interval(), t(pooled.df, 3.0, pooled.std_error).interval(0.95)
    )


def test_infinite_degrees_of_freedom_are_the_default():
    estimates, variances = [1.0, 2.0, 4.0], [1.0, 1.5, 1.0]
    default = pool_estimates(estimates, variances)
    assert default == pool_estimates(estimates, variances, df_complete=np.inf)
    nearly = pool_estimates(estimates, variances, df_complete=1e12)
    assert_allclose(nearly.df, default.df, rtol=1e-9)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("df_complete", [None, 3.0, 50.0])
def test_intervals_are_those_of_the_t_distribution(level, df_complete):
    rng = np.random.default_rng(0)
    estimates, variances = rng.normal(size=(5, 2, 3)), rng.exponential(size=(5, 2, 3))
    pooled = pool_estimates(estimates, variances, df_complete=df_complete)
    low, high = pooled.confidence_interval(level)
    expected = t(pooled.df, pooled.estimate, pooled.std_error).interval(level)
    assert_allclose(low, expected[0], rtol=1e-9)
    assert_allclose(high, expected[1], rtol=1e-9)


def test_the_usual_interval_has_95_percent():
    pooled = pool_estimates([1.0, 2.0, 4.0], [1.0, 1.5, 1.0])
    assert_array_equal(pooled.confidence_interval(), pooled.confidence_interval(0.95))


def test_estimates_without_variance_are_spread_between_alone():
    pooled = pool_estimates([1.0, 3.0], [0.0, 0.0])
    assert_allclose(pooled.variance, 1.5 * 2.0)
    assert_allclose(pooled.df, 1.0)
    assert pooled.relative_increase == np.inf
    assert pooled.fraction_missing == 1.0


def test_no_interval_is_no_number():
    pooled = pool_estimates([1.0, 3.0], [0.0, 0.0], df_complete=20.0)
    low, high = pooled.confidence_interval()
    assert low < 2.0 < high


def test_what_does_not_vary_at_all_has_no_interval_but_itself():
    pooled = pool_estimates([2.0, 2.0], [0.0, 0.0])
    assert pooled.std_error == 0.0
    assert_array_equal(pooled.confidence_interval(), (2.0, 2.0))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95, np.nan])
def test_levels_lie_between_0_and_1(level):
    pooled = pool_estimates([1.0, 3.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        pooled.confidence_interval(level)


@pytest.mark.parametrize(
    ("estimates", "variances", "message"),
    [
        ([1.0], [1.0], "two or more tables"),
        (1.0, 1.0, "two or more tables"),
        ([], [], "two or more tables"),
        ([1.0, 2.0], [1.0, 1.0, 1.0], r"same shape. Got \(2,\) and \(3,\)"),
        ([[1.0], [2.0]], [1.0, 1.0], "same shape"),
        ([1.0, 2.0], [1.0, -1.0], "not be negative"),
        ([1.0, np.nan], [1.0, 1.0], "estimates should be finite"),
        ([1.0, 2.0], [1.0, np.inf], "variances should be finite"),
    ],
)
def test_analyses_that_cannot_be_pooled(estimates, variances, message):
    with pytest.raises(ValueError, match=message):
        pool_estimates(estimates, variances)


@pytest.mark.parametrize("df_complete", [0, -1.0, np.nan])
def test_degrees_of_freedom_are_positive(df_complete):
    with pytest.raises(ValueError, match="df_complete should be positive"):
        pool_estimates([1.0, 2.0], [1.0, 1.0], df_complete=df_complete)
