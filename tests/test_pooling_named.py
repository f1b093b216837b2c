"""pool_estimates by name, and of covariance matrices, with the joint test of several estimates."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import f as f_distribution

from emkit import pool_estimates

few = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def analyses(draw):
    """Estimates (m, k) with their covariance matrices, and names of them."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    m, k = draw(st.integers(2, 8)), draw(st.integers(1, 5))
    scale = 10.0 ** rng.integers(-4, 5, k)
    roots = rng.normal(size=(m, k, k + 2)) * scale[:, None]
    names = list(rng.permutation(["b", "a", "x y", 3, "z"])[:k])
    return rng.normal(size=(m, k)) * scale, roots @ roots.transpose(0, 2, 1), names


def orders(k, m, seed=0):
    rng = np.random.default_rng(seed)
    return [np.arange(k), *(rng.permutation(k) for _ in range(m - 1))]


# Matrices


@few
@given(analyses(), st.sampled_from([None, 7.0, 200.0]))
def test_the_diagonal_is_what_variances_alone_give(case, df_complete):
    estimates, covariances, _ = case
    together = pool_estimates(estimates, covariances, df_complete=df_complete)
    alone = pool_estimates(
        estimates, np.diagonal(covariances, axis1=1, axis2=2), df_complete=df_complete
    )
    for name, theirs in alone._asdict().items():
        ours = getattr(together, name)
        assert_allclose(np.diag(ours) if np.ndim(ours) == 2 else ours, theirs, rtol=1e-10)
    bounds = zip(together.confidence_interval(), alone.confidence_interval(), strict=True)
    for ours, theirs in bounds:
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@few
@given(analyses())
def test_a_combination_of_estimates_has_the_variance_of_the_matrix(case):
    """Pooling then combining is combining then pooling."""
    estimates, covariances, _ = case
    a = np.arange(1.0, 1.0 + estimates.shape[1])
    together = pool_estimates(estimates, covariances)
    combined = pool_estimates(estimates @ a, a @ covariances @ a)
    assert_allclose(a @ together.estimate, combined.estimate, rtol=1e-9, atol=1e-9)
    assert_allclose(a @ together.variance @ a, combined.variance, rtol=1e-9)


def test_the_total_is_that_of_rubin():
    estimates = [[1, 2], [1.1, 2.2]]
    pooled = pool_estimates(estimates, [np.eye(2), np.eye(2)])
    assert_allclose(pooled.variance, np.eye(2) + 1.5 * np.cov(np.transpose(estimates)), rtol=1e-14)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "variances of table 1 are no covariance matrix: not symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "some combination has a negative variance"),
        ([[-1.0, 0.0], [0.0, 1.0]], "should not be negative. Got -1.0"),
        ([[1.0, 0.0], [0.0, np.nan]], "variances should be finite"),
    ],
)
def test_matrices_that_are_no_covariances(matrix, message):
    with pytest.raises(ValueError, match=message):
        pool_estimates([[1.0, 2.0], [1.1, 2.2]], [np.eye(2), matrix])


@pytest.mark.parametrize(
    ("estimates", "variances"),
    [
        ([1.0, 2.0], np.ones((2, 2, 2))),
        ([[1.0, 2.0]] * 2, np.ones((2, 2, 3))),
        ([[1.0, 2.0]] * 2, np.ones((2, 3, 3))),
        ([[1.0, 2.0]] * 2, np.ones(2)),
        ([[[1.0, 2.0]]] * 2, np.ones((2, 2, 2))),
    ],
)
def test_neither_variances_nor_covariances(estimates, variances):
    with pytest.raises(ValueError, match=r"covariance matrices of the estimates, or of the same"):
        pool_estimates(estimates, variances)


# The joint test

CASES = {
    "slopes": (["age", "bmi"], 22),
    "slopes_large_sample": (["age", "bmi"], None),
    "all": (None, 22),
    "all_large_sample": (None, None),
}


@pytest.fixture(scope="module")
def nhanes(golden):
    case = golden("pooling.json")["nhanes"]
    names = case["names"]
    estimates = [pd.Series(q, names) for q in case["estimates"]]
    return case, estimates, [pd.DataFrame(u, names, names) for u in case["covariances"]]


def test_pooling_of_nhanes_is_that_of_mice(nhanes):
    case, estimates, covariances = nhanes
    pooled = pool_estimates(estimates, covariances, df_complete=case["df_complete"])
    assert list(pooled.df.index) == case["term"]
    for ours, theirs in [("estimate", "estimate"), ("df", "df"), ("fraction_missing", "fmi")]:
        assert_allclose(getattr(pooled, ours), case[theirs], rtol=1e-9)
    assert_allclose(pooled.relative_increase, case["riv"], rtol=1e-9)
    assert_allclose(np.diag(pooled.variance), case["variance"], rtol=1e-9)
    assert_allclose(pooled.df[["(Intercept)", "bmi", "age"]], [5.2344, 5.4435, 5.7361], atol=5e-5)


@pytest.mark.parametrize("which", CASES)
def test_the_joint_test_is_that_of_mice(which, nhanes):
    case, estimates, covariances = nhanes
    names, df_complete = CASES[which]
    theirs = case["D1"][which]
    ours = pool_estimates(estimates, covariances, df_complete=df_complete).wald_test(names)
    for name in ("statistic", "df_num", "df_denom", "relative_increase"):
        assert_allclose(getattr(ours, name), theirs[name], rtol=1e-9, err_msg=name)
    assert_allclose(ours.p_value, theirs["p"], rtol=1e-8)


@few
@given(analyses(), st.sampled_from([None, 3.0, 30.0]))
def test_the_joint_test_knows_no_units_and_no_order(case, df_complete):
    estimates, covariances, _ = case
    k = estimates.shape[1]
    turn = np.random.default_rng(1).normal(size=(k, k)) / np.abs(estimates).max(axis=0)
    plain = pool_estimates(estimates, covariances, df_complete=df_complete)
    turned = pool_estimates(
        estimates @ turn.T, turn @ covariances @ turn.T, df_complete=df_complete
    )
    test = plain.wald_test()
    assert_allclose(turned.wald_test(), test, rtol=1e-6)
    assert_allclose(plain.wald_test(list(range(k))[::-1]), test, rtol=1e-9)
    assert test.df_denom > 0.0
    p = f_distribution.sf(test.statistic, test.df_num, test.df_denom)
    assert_allclose(test.p_value, p, rtol=1e-9)


def test_tables_that_agree_leave_the_test_of_complete_data():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    test = pool_estimates([[1.0, 2.0]] * 3, [covariance] * 3).wald_test(value=[0.5, 0.0])
    apart = np.array([0.5, 2.0])
    assert_allclose(test.statistic, apart @ np.linalg.inv(covariance) @ apart / 2.0, rtol=1e-12)
    assert test.df_denom == np.inf
    assert test.relative_increase == 0.0


def test_one_estimate_is_tested_as_by_its_interval():
    """With m - 1 <= 4 the degrees of freedom of both are those of Rubin."""
    estimates, variances = [1.0, 2.0, 1.6], [0.2, 0.3, 0.25]
    plain = pool_estimates(estimates, variances)
    test = pool_estimates(
        np.reshape(estimates, (3, 1)), np.reshape(variances, (3, 1, 1))
    ).wald_test()
    assert_allclose(test.statistic, (plain.estimate / plain.std_error) ** 2, rtol=1e-12)
    assert_allclose(test.df_denom, plain.df, rtol=1e-12)


def test_what_cannot_be_tested_together():
    estimates = [[1.0, 2.0, 3.0], [1.1, 2.2, 3.3]]
    with pytest.raises(ValueError, match="variances were pooled alone"):
        pool_estimates(estimates, np.ones((2, 3))).wald_test()
    with pytest.raises(ValueError, match="variances were pooled alone"):
        pool_estimates([1.0, 2.0], [1.0, 1.0]).wald_test()
    with pytest.raises(ValueError, match="covariance of the estimates is singular"):
        pool_estimates(estimates, np.ones((2, 3, 3))).wald_test()
    pooled = pool_estimates(estimates, [np.eye(3)] * 2)
    for which in ([], [3], [0, 0], ["a"]):
        with pytest.raises(ValueError, match="which should be some of"):
            pooled.wald_test(which)


# Names


def containers(values, matrices, names, order):
    """Estimates, variances and covariances of one table in an order of its own."""
    own = [names[i] for i in order]
    matrix = pd.DataFrame(matrices[np.ix_(order, order)], own, own)
    return pd.Series(values[order], own), pd.Series(np.diag(matrix), own), matrix


@few
@given(analyses(), st.sampled_from(["variances", "covariances", "dicts"]))
def test_tables_are_put_together_by_name(case, what):
    estimates, covariances, names = case
    tables = [
        containers(*table, names, order)
        for *table, order in zip(
            estimates, covariances, orders(len(names), len(estimates)), strict=True
        )
    ]
    q, u, matrices = map(list, zip(*tables, strict=True))
    plain = pool_estimates(
        estimates, covariances if what == "covariances" else np.diagonal(covariances, 0, 1, 2)
    )
    if what == "dicts":
        pooled = pool_estimates([dict(a) for a in q], [dict(a) for a in u])
    else:
        pooled = pool_estimates(q, matrices if what == "covariances" else u)
    for name, theirs in plain._asdict().items():
        ours = getattr(pooled, name)
        if what == "dicts":
            assert list(ours) == names
            assert_allclose(list(ours.values()), theirs)
            continue
        assert list(ours.index) == names
        assert_allclose(ours, theirs)
    low, high = pooled.confidence_interval()
    assert list(low) == list(high) == names if what == "dicts" else list(low.index) == names


def test_series_in_another_order():
    a, b = pd.Series({"x": 1.0, "y": 10.0}), pd.Series({"y": 11.0, "x": 1.2})
    pooled = pool_estimates([a, b], [0 * a + 0.1, 0 * b + 0.1])
    pd.testing.assert_series_equal(pooled.estimate, pd.DataFrame([a, b]).mean())


def test_rows_of_a_frame_are_tables():
    frame = pd.DataFrame({"x": [1.0, 1.2], "y": [10.0, 11.0]})
    pooled = pool_estimates(frame, 0.1 + 0.0 * frame[["y", "x"]])
    pd.testing.assert_series_equal(pooled.estimate, frame.mean())


def test_frames_of_estimates_are_put_together_along_both_axes():
    first = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], ["r", "s"], ["a", "b"])
    second = first.loc[["s", "r"], ["b", "a"]] + 1.0
    pooled = pool_estimates([first, second], [first, second])
    pd.testing.assert_frame_equal(pooled.estimate, first + 0.5)
    pd.testing.assert_frame_equal(pooled.within, first + 0.5)


def test_names_of_estimates_alone_need_one_order():
    a, b = pd.Series({"x": 1.0, "y": 10.0}), pd.Series({"y": 11.0, "x": 1.2})
    pooled = pool_estimates([a, b[["x", "y"]]], [np.eye(2)] * 2)
    assert list(pooled.variance.columns) == ["x", "y"]
    for wrong in ([[0.1, 0.2]] * 2, [np.eye(2)] * 2):
        with pytest.raises(ValueError, match="stand in different orders in different tables"):
            pool_estimates([a, b], wrong)
    with pytest.raises(ValueError, match="stand in different orders in different tables"):
        pool_estimates([[1.0, 2.0]] * 2, [a, b])


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_names_that_differ_are_told(kind):
    a, b = kind({"x": 1.0, "y": 10.0}), kind({"z": 11.0, "x": 1.2})
    with pytest.raises(ValueError, match=r"estimates of table 1 lack \['y'\] and have \['z'\]"):
        pool_estimates([a, b], [a, b])
    with pytest.raises(ValueError, match=r"variances of table 0 lack \['y'\] and have \['z'\]"):
        pool_estimates([a, a], [b, a])
    more = kind({"x": 1.0, "y": 2.0, "z": 3.0})
    with pytest.raises(ValueError, match=r"lack \[\] and have \['z'\]"):
        pool_estimates([a, more], [a, more])


def test_a_name_that_stands_twice_goes_by_order_alone():
    a = pd.Series([1.0, 2.0], ["x", "x"])
    assert_allclose(pool_estimates([a, a], [a, a]).estimate, [1.0, 2.0])
    with pytest.raises(ValueError, match="name twice"):
        pool_estimates(
            [pd.Series([1.0, 2.0, 3.0], ["x", "y", "x"]), pd.Series([1.0, 2, 3], ["y", "x", "x"])],
            np.ones((2, 3)),
        )


@pytest.mark.parametrize(
    ("estimates", "error", "message"),
    [
        ({"x": [1.0, 2.0]}, TypeError, "one entry for each table, in a list"),
        ([{"x": 1.0}, [1.0]], ValueError, "have names in some tables and not in others"),
        ([pd.Series([1.0]), pd.DataFrame([[1.0]])], ValueError, "frames stand beside"),
        ([[1.0, 2.0], [1.0]], ValueError, "differ in shape between the tables"),
        ([{"x": "much"}, {"x": "little"}], ValueError, "should hold numbers for each table"),
        ([pd.Series([pd.NA])] * 2, ValueError, "should hold numbers for each table"),
    ],
)
def test_tables_that_do_not_go_together(estimates, error, message):
    with pytest.raises(error, match=message):
        pool_estimates(estimates, [1.0, 1.0])


def test_the_result_survives_a_pickle():
    pooled = pool_estimates([[1.0, 2.0], [1.5, 2.2]], [np.eye(2)] * 2, df_complete=9)
    back = pickle.loads(pickle.dumps(pooled))
    for ours, theirs in zip(back, pooled, strict=True):
        assert_array_equal(ours, theirs)
    assert back.wald_test() == pooled.wald_test()
    assert_array_equal(back.confidence_interval(), pooled.confidence_interval())
