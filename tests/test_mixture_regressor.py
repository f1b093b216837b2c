"""Regression by a joint mixture: least squares, the conditional mixture, missing predictors."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from emkit import EMGaussianMixture, EMMixtureRegressor
from emkit.engine import Blocks
from emkit.exceptions import DataWarning


def drawn(n=300, seed=0):
    """A bent curve in the first of two columns, and a second response."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2.0, 2.0, (n, 2))
    y = np.abs(X[:, 0]) * 2.0 + 0.5 * X[:, 1] + rng.normal(0.0, 0.2, n)
    return X, np.column_stack([y, X[:, 1] - y + rng.normal(0.0, 0.3, n)])


def fit(X, y, weights=None, n_components=3, **arguments):
    arguments = {"random_state": 0, "tol": 1e-8, "max_iter": 1000, "n_init": 3, **arguments}
    return EMMixtureRegressor(n_components, **arguments).fit(X, y, weights)


def test_one_component_is_least_squares():
    X, y = drawn()
    ours = fit(X, y, n_components=1, reg_covar=0.0)
    theirs = LinearRegression().fit(X, y)
    mean, std = ours.predict(X, return_std=True)
    assert_allclose(mean, theirs.predict(X), rtol=1e-9, atol=1e-9)
    residuals = y - theirs.predict(X)
    assert_allclose(std, np.broadcast_to(np.sqrt((residuals**2).mean(axis=0)), std.shape))
    assert_allclose(fit(X, y[:, 0], n_components=1, reg_covar=0.0).predict(X), mean[:, 0])


def test_it_is_the_conditional_of_the_joint_mixture():
    X, y = drawn()
    regressor = fit(X, y)
    rows = np.column_stack([X, np.full((len(X), 2), np.nan)])
    conditional = regressor.mixture_.conditional(rows)
    mean, std = regressor.predict(X, return_std=True)
    assert_allclose(mean, conditional.mean[:, 2:])
    assert_allclose(std**2, np.diagonal(conditional.covariance, axis1=1, axis2=2)[:, 2:])
    assert_allclose(mean, regressor.mixture_.impute(rows)[:, 2:])


def test_several_lines_follow_a_bent_curve():
    X, y = drawn()
    assert (
        fit(X, y, n_components=2).score(X, y) > 0.95 > 0.6 > fit(X, y, n_components=1).score(X, y)
    )
    scores = cross_val_score(EMMixtureRegressor(3, random_state=0), X, y[:, 0], cv=3)
    assert scores.mean() > 0.9


def test_many_rows_are_predicted_as_few_are():
    X, y = drawn()
    regressor = fit(X, y[:, 0])
    many = np.tile(X, (20, 1))
    mean, std = regressor.predict(many, return_std=True)
    for found, few in zip((mean, std), regressor.predict(X, return_std=True), strict=True):
        assert_allclose(found, np.tile(few, 20), rtol=1e-12)


def test_missing_predictors_are_averaged_over():
    X, y = drawn(2000)
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    regressor = fit(holes, y)
    complete = fit(X, y)
    assert abs(regressor.score(X, y) - complete.score(X, y)) < 0.02
    mean, std = regressor.predict([[np.nan, np.nan], [1.0, np.nan]], return_std=True)
    assert_allclose(mean[0], y.mean(axis=0), atol=0.1)
    assert_allclose(std[0], y.std(axis=0), atol=0.1)
    assert (std[1] < std[0]).all()


@pytest.mark.parametrize("outputs", [1, 2])
def test_draws_have_the_mean_and_spread_that_are_predicted(outputs):
    X, y = drawn()
    y = y[:, 0] if outputs == 1 else y
    regressor = fit(X, y)
    draws = regressor.sample_y(X[:5], 100_000, random_state=1)
    mean, std = regressor.predict(X[:5], return_std=True)
    assert draws.shape == (*mean.shape, 100_000)
    assert_allclose(draws.mean(axis=-1), mean, atol=0.05)
    # A component of weight 0.001 with a line far off makes a part of a variance.
    assert_allclose(draws.std(axis=-1), std, rtol=0.05)
    assert regressor.sample_y(X[:5]).shape == (*mean.shape, 1)
    with pytest.raises(ValueError, match="n_samples"):
        regressor.sample_y(X, 0)


def test_rows_are_in_memory():
    X, y = drawn()
    blocks, regressor = Blocks([X[:100], X[100:]]), fit(X, y, n_components=1)
    for action in (lambda: fit(blocks, y), lambda: regressor.predict(blocks)):
        with pytest.raises(ValueError, match="takes rows in memory"):
            action()


def test_weights_are_repetitions():
    X, y = drawn()
    weights = np.random.default_rng(2).integers(0, 3, len(y))
    weighted = fit(X, y, weights, n_components=1)
    repeated = fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0), n_components=1)
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9, atol=1e-9)


def test_responses_that_follow_from_the_predictors_are_predicted_exactly():
    X, _ = drawn()
    with pytest.warns(DataWarning):
        regressor = fit(X, X @ [1.0, 2.0], n_components=1)
    mean, std = regressor.predict(X, return_std=True)
    assert_allclose(mean, X @ [1.0, 2.0], atol=1e-6)
    assert_allclose(std, 0.0, atol=1e-2)


def test_bad_responses_are_refused_and_a_pickle_predicts_alike():
    X, y = drawn()
    for bad, says in (
        (np.where(y > 1.0, np.nan, y), "NaN"),
        (None, "requires y"),
        (y[:9], "incons"),
    ):
        with pytest.raises(ValueError, match=says):
            EMMixtureRegressor().fit(X, bad)
    regressor = fit(X, y)
    assert isinstance(regressor.mixture_, EMGaussianMixture)
    assert_allclose(pickle.loads(pickle.dumps(regressor)).predict(X), regressor.predict(X))


STARTS = {"check_sample_weight_equivalence_on_dense_data": "random starts, as of the mixture"}


@parametrize_with_checks(
    [EMMixtureRegressor(), EMMixtureRegressor(2), EMMixtureRegressor(covariance_type="VVI")],
    expected_failed_checks=lambda regressor: STARTS if regressor.n_components > 1 else {},
)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimator_checks(estimator, check):
    check(estimator)


def test_what_the_mixture_refuses_is_told_in_the_name_of_the_regressor():
    with pytest.raises(ValueError, match="a minimum of 2 is required by EMMixtureRegressor"):
        EMMixtureRegressor(1).fit([[1.0]], [2.0])
    rows = np.random.default_rng(0).normal(size=(20, 2))
    assert type(EMMixtureRegressor(1).fit(rows[:, :1], rows[:, 1]).mixture_) is EMGaussianMixture
