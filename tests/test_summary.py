"""Tables of fitted estimators, and how estimators show themselves."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    MixturePrior,
    pool_estimates,
)
from emkit.engine import AnnealedEM, ShortRuns
from emkit.numerics.covariance import NAMES

pd = pytest.importorskip("pandas")

X, SPECIES = load_iris(return_X_y=True)
ESTIMATORS = [
    EMGaussianMixture(2),
    EMImputer(),
    EMCensoredRegressor(),
]


def holes(X, share, seed=0):
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


def monotone(n=200, seed=0):
    """Two columns, the second missing where the first is large."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=n)
    second = 1.0 + 0.8 * first + rng.normal(size=n)
    return np.column_stack([first, np.where(first + rng.normal(size=n) > 0.5, np.nan, second)])


# Mixtures


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize("cells", [X, holes(X, 0.1)], ids=["complete", "holes"])
def test_components_are_the_attributes(covariance_type, cells):
    mixture = EMGaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(cells)
    table = mixture.summary(cells)
    names = [f"x{j}" for j in range(4)]
    columns = ["weight", *(f"mean_{name}" for name in names)]
    assert list(table.columns) == [*columns, *(f"se_{name}" for name in columns)]
    assert table.index.tolist() == [0, 1] and table.index.name == "component"
    assert_array_equal(table["weight"], mixture.weights_)
    assert_array_equal(table[columns[1:]], mixture.means_)
    errors = mixture.standard_errors(cells)
    assert_array_equal(table["se_weight"], errors.weights)
    assert_array_equal(table[[f"se_{name}" for name in columns[1:]]], errors.means)
    pd.testing.assert_frame_equal(mixture.summary(), table[columns])


def test_features_keep_their_names_whatever_these_are():
    frame = pd.DataFrame(X[:, :3], columns=["weight", "mean_weight", "se_weight"])
    mixture = EMGaussianMixture(2, random_state=0).fit(frame)
    table = mixture.summary(frame)
    assert table.columns.is_unique and table.shape == (2, 8)
    assert_array_equal(table[["mean_weight", "mean_mean_weight", "mean_se_weight"]], mixture.means_)


def test_one_component_has_the_errors_of_a_mean():
    table = EMGaussianMixture(reg_covar=0.0).fit(X).summary(X)
    means = table.filter(regex="^se_mean")
    assert_allclose(means.iloc[0], X.std(axis=0) / np.sqrt(len(X)), rtol=1e-4)


def test_weights_of_a_summary_are_frequencies():
    counts = np.arange(len(X)) % 3
    mixture = EMGaussianMixture(2, tol=1e-9, random_state=0).fit(X, sample_weight=counts)
    repeated = mixture.summary(np.repeat(X, counts, axis=0))
    pd.testing.assert_frame_equal(mixture.summary(X, counts), repeated, rtol=1e-3)


# Imputers


def test_information_missing_of_a_monotone_pattern():
    """Anderson's factored likelihood tells the variance of the second mean in closed form."""
    cells = monotone()
    imputer = EMImputer(shrinkage=0.0, tol=1e-12, max_iter=1000).fit(cells)
    table = imputer.summary(cells)
    first, known = cells[:, 0], ~np.isnan(cells[:, 1])
    x, y = first[known], cells[known, 1]
    slope, intercept = np.polyfit(x, y, 1)
    residual = np.mean((y - intercept - slope * x) ** 2)
    away = (first.mean() - x.mean()) ** 2 / x.var()
    variance = residual / known.sum() * (1.0 + away) + slope**2 * first.var() / len(first)
    complete = (residual + slope**2 * first.var()) / len(first)
    assert_allclose(table["information_missing"], [0.0, 1.0 - complete / variance], atol=1e-5)
    assert_allclose(table["std_error"].iloc[1], np.sqrt(variance), rtol=1e-5)
    assert_allclose(table["missing"], [0.0, 1.0 - known.mean()])
    assert_allclose(table["mean"], [first.mean(), intercept + slope * first.mean()], rtol=1e-6)
    assert_allclose(table["std"].iloc[1], np.sqrt(complete * len(first)), rtol=1e-5)


def test_information_missing_of_columns_that_do_not_tell_of_each_other():
    """Each mean then has the cells of its own column, rows without a value left out or not."""
    cells = np.vstack([holes(X, 0.3), np.full((10, 4), np.nan)])
    imputer = EMImputer(covariance_type="diag", shrinkage=0.0, tol=1e-12).fit(cells)
    table = imputer.summary(cells)
    assert_allclose(table["information_missing"], table["missing"], atol=1e-5)


def test_information_missing_is_what_multiple_imputation_finds():
    cells = holes(X, 0.3)
    imputer = EMImputer(shrinkage=0.0, random_state=0)
    tables = np.array(imputer.multiple_impute(cells, 100))
    pooled = pool_estimates(tables.mean(axis=1), tables.var(axis=1) / len(X))
    found = imputer.fit(cells).summary(cells)["information_missing"]
    assert_allclose(found, pooled.fraction_missing, atol=0.03)
    assert (found < imputer.missing_fraction_).all()


@pytest.mark.parametrize("options", [{}, {"n_components": 2}, {"covariance_type": "tied"}])
def test_information_missing_is_a_fraction(options):
    cells = holes(X, 0.2)
    cells[:, 2] = X[:, 2]
    table = EMImputer(random_state=0, tol=1e-10, max_iter=2000, **options).fit(cells).summary(cells)
    assert table["information_missing"].between(0.0, 1.0).all()
    assert table["information_missing"].iloc[2] < 0.05


def test_weights_of_an_imputer_are_frequencies():
    cells, counts = holes(X, 0.2), np.arange(len(X)) % 3
    repeated = np.repeat(cells, counts, axis=0)
    weighted = EMImputer(tol=1e-10).fit(cells, sample_weight=counts)
    plain = EMImputer(tol=1e-10).fit(repeated)
    assert_allclose(weighted.missing_fraction_, np.isnan(repeated).mean(axis=0))
    pd.testing.assert_frame_equal(
        weighted.summary(cells, counts), plain.summary(repeated), rtol=1e-4
    )


@pytest.mark.parametrize("keep", [False, True])
def test_columns_of_which_nothing_is_estimated(keep):
    frame = pd.DataFrame(holes(X, 0.2), columns=["a", "empty", "constant", "b"])
    frame["empty"], frame["constant"] = np.nan, frame["constant"].where(frame["constant"].isna(), 7)
    imputer = EMImputer(keep_empty_features=keep)
    with pytest.warns(UserWarning, match="Nothing is observed in feature.* empty"):
        table = imputer.fit(frame).summary(frame)
    assert table.index.tolist() == frame.columns.tolist()
    assert_allclose(table["missing"], frame.isna().mean())
    assert table["information_missing"].isna().tolist() == [False, True, True, False]
    assert table.loc["constant", ["mean", "std", "std_error"]].tolist() == [7.0, 0.0, 0.0]
    dropped = table.loc["empty", ["mean", "std", "std_error"]]
    assert (dropped == 0.0).all() if keep else dropped.isna().all()


def test_marks_of_missing_cells():
    cells = holes(X, 0.2)
    marked = np.where(np.isnan(cells), -1.0, cells)
    expected = EMImputer().fit(cells).summary(cells)
    found = EMImputer(missing_values=-1).fit(marked).summary(marked)
    pd.testing.assert_frame_equal(found, expected)
    pd.testing.assert_frame_equal(EMImputer().fit(cells).summary(), expected.iloc[:, :3])


# Regression


def test_regression_with_nothing_censored_is_least_squares():
    A, y = X[:, :3], X[:, 3]
    table = EMCensoredRegressor().fit(A, y).summary(level=0.9)
    design = np.column_stack([np.ones(len(A)), A])
    coef, rss, *_ = np.linalg.lstsq(design, y)
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss / len(A))
    lines = table.iloc[:-1]
    assert_allclose(lines["estimate"], coef, rtol=1e-6)
    assert_allclose(lines["std_error"], error, rtol=1e-6)
    assert_allclose(lines["p_value"], 2.0 * norm.sf(np.abs(coef / error)), rtol=1e-5)
    assert_allclose(lines["lower"], norm.ppf(0.05, coef, error), rtol=1e-5, atol=1e-6)
    assert_allclose(lines["upper"], norm.ppf(0.95, coef, error), rtol=1e-5, atol=1e-6)
    assert table.index.tolist() == ["intercept", "x0", "x1", "x2", "log(scale)"]
    # The information on a log scale is twice the number of rows.
    assert_allclose(table["std_error"].iloc[-1], 1.0 / np.sqrt(2.0 * len(A)), rtol=1e-6)


# All of them


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_without_pandas_the_error_names_the_extra(estimator, monkeypatch):
    estimator.fit(X, SPECIES + X[:, 0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'summary .*pip install "emkit\[pandas\]"'):
        estimator.summary()


@pytest.mark.parametrize(
    "estimator",
    [EMGaussianMixture(), EMGaussianMixtureIC(), EMImputer(), EMCensoredRegressor()],
    ids=lambda e: type(e).__name__,
)
def test_unfitted(estimator):
    with pytest.raises(NotFittedError, match=f"This {type(estimator).__name__} instance"):
        estimator.summary()


@pytest.mark.parametrize("estimator", [EMGaussianMixture(), EMImputer()])
def test_weights_without_rows(estimator):
    with pytest.raises(ValueError, match="sample_weight weighs the rows of X"):
        estimator.fit(X).summary(sample_weight=np.ones(len(X)))
    with pytest.raises(ValueError, match="4 features"):
        estimator.summary(X[:, :2])


SHOWN = [
    EMGaussianMixture(
        2,
        means_init=X[[0, 100]],
        prior=MixturePrior(mean=X.mean(axis=0)),
        search=ShortRuns(3),
        algorithm=AnnealedEM(),
    ),
    EMGaussianMixtureIC(max_components=2, covariance_type=["full", "diag"], prior=MixturePrior()),
    EMImputer(max_value=X.max(axis=0), missing_values=-1),
    EMCensoredRegressor(left=0.1, df="estimate"),
]


@pytest.mark.parametrize("estimator", SHOWN, ids=lambda e: type(e).__name__)
def test_text_and_html(estimator):
    name = type(estimator).__name__
    text = repr(estimator)
    assert text.startswith(name) and "object at" not in text
    assert "Not fitted" in estimator._repr_html_()
    estimator.fit(X, SPECIES + X[:, 0])
    assert repr(estimator) == text
    page = estimator._repr_html_()
    assert name in page and "Fitted" in page and "Not fitted" not in page
    bundle = estimator._repr_mimebundle_()
    assert bundle["text/plain"] == text and set(bundle) == {"text/plain", "text/html"}
