"""compare_distributions: every law fitted to the same data, in one table."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emkit import EMCensoredRegressor, censored_target, compare_distributions
from emkit.datasets import load_lung
from emkit.models.laws.registry import LAWS

pytest.importorskip("pandas")
X, Y = load_lung(return_X_y=True)
X = X[:, :2]  # age and sex
WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
ENTRY = np.where(np.arange(len(X)) % 3 == 0, 0.5 * Y[:, 0], 0.0)
DELAYED = censored_target(Y[:, 0], event=np.isfinite(Y[:, 1]), entry=ENTRY)


@pytest.mark.parametrize(
    ("y", "weight", "params"),
    [
        (Y, None, {}),
        (Y, WEIGHT, {"alpha": 2.0}),
        (DELAYED, WEIGHT, {"df": 7.0}),
        (Y, None, {"strata": [1]}),
    ],
)
def test_a_row_is_what_the_fit_by_itself_says(y, weight, params):
    table = compare_distributions(X, y, weight, **params)
    assert set(table.index) == set(LAWS)
    assert list(table.columns) == [
        "log_likelihood", "n_parameters", "aic", "bic", "converged", "note"
    ]  # fmt: skip
    fitted = table[table["note"] == ""]
    assert (np.diff(fitted["aic"]) >= 0.0).all()
    assert list(table.index[: len(fitted)]) == list(fitted.index)
    assert len(fitted) == len(LAWS) - 2 * ("strata" in params)
    for name in ("weibull", "student_t", "generalized_gamma"):
        model = EMCensoredRegressor(distribution=name, **params).fit(X, y, weight)
        row = table.loc[name]
        assert_allclose(row["log_likelihood"], model.log_likelihood_, rtol=1e-10)
        assert_allclose(row["aic"], model.aic(X, y, weight))
        assert_allclose(row["bic"], model.bic(X, y, weight))
        assert row["converged"] and row["n_parameters"] == model._n_parameters()


def test_strata_are_for_laws_with_a_scale():
    table = compare_distributions(X, Y, distributions=["exponential", "weibull"], strata=[1])
    assert list(table.index) == ["weibull", "exponential"]
    assert "strata have none of their own" in table.loc["exponential", "note"]
    assert table.loc["exponential", ["log_likelihood", "n_parameters", "aic", "bic"]].isna().all()


def test_laws_that_cannot_have_the_data_say_why():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 1))
    table = compare_distributions(x, x[:, 0] + rng.standard_normal(50))
    positive = [name for name in LAWS if LAWS[name].link.positive]
    assert set(table.index[-len(positive) :]) == set(positive)
    assert table.loc[positive, "note"].str.contains("is for positive y").all()
    assert (table["note"].drop(positive) == "").all()
    assert table["converged"].drop(positive).all()


def test_what_a_fit_warns_of_is_noted():
    table = compare_distributions(
        np.column_stack([X, X[:, 0]]), Y, distributions=["weibull", "normal"]
    )
    assert table["note"].str.contains("x0").all()
    table = compare_distributions(X, Y, distributions=["student_t"], max_iter=1)
    assert not table.loc["student_t", "converged"] and table.loc["student_t", "note"] != ""


def test_distributions_alone_are_compared_without_columns():
    table = compare_distributions(np.zeros((len(X), 0)), Y, distributions=iter(["weibull"]))
    assert table.loc["weibull", "n_parameters"] == 2


@pytest.mark.parametrize("limits", [{}, {"left": 0.5, "right": 900.0}])
def test_numbers_alone_are_compared_without_columns_by_every_law(limits):
    y, none = Y[:, 0], np.empty((len(X), 0))
    table = compare_distributions(none, y, **limits)
    assert set(table.index[table["converged"].fillna(value=False)]) == set(LAWS)
    same = compare_distributions(none, censored_target(y, **limits))
    assert_allclose(table["aic"], same["aic"].loc[table.index], rtol=1e-9)
    for law in ("normal", "student_t"):
        with pytest.raises(ValueError, match=r"0 feature.*pass y=censored_target\(y\)"):
            EMCensoredRegressor(distribution=law).fit(none, y)


def test_one_distribution_may_be_named_by_itself():
    table = compare_distributions(X, Y, distributions="weibull")
    assert list(table.index) == ["weibull"]
    with pytest.raises(ValueError, match="Got \\['weibul'\\]"):
        compare_distributions(X, Y, distributions="weibul")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_likelihood_without_maximum_is_not_the_best(n):
    """With as many coefficients as rows it grows without bound, but for laws of a known scale."""
    rows = np.random.default_rng(n).normal(size=(n, n - 1))
    table = compare_distributions(rows, censored_target(Y[:n, 0]))
    assert list(table["converged"]) == sorted(table["converged"], reverse=True)
    assert set(table.index[:2]) == {"exponential", "rayleigh"} and table["converged"].iloc[:2].all()
    stopped = table.loc[~table["converged"]]
    assert len(stopped) == len(LAWS) - 2
    assert stopped["note"].str.contains("no finite maximum").all()
    assert stopped["aic"].is_monotonic_increasing


def test_where_nothing_can_be_fitted_the_first_reason_is_raised():
    with pytest.raises(ValueError, match="alpha"):
        compare_distributions(X, Y, alpha=-1.0)
    with pytest.raises(ValueError, match="NaN"):
        compare_distributions(np.full((4, 1), np.nan), [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="Got \\['cauchy'\\]"):
        compare_distributions(X, Y, distributions=["weibull", "cauchy"])
    with pytest.raises(ValueError, match="must be among"):
        compare_distributions(X, Y, distributions=[])
    with pytest.raises(TypeError, match="colour"):
        compare_distributions(X, Y, colour="red")
