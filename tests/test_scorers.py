"""Scorers where means are infinite, and where the model is inside a pipeline or a search."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMCensoredRegressor, EMSurvivalCurve, censored_target
from emkit.datasets import load_lung
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index, concordance_scorer, log_likelihood_scorer, r2_exact


def wide_lives(n=150):
    """Times so spread that the mean of a log-logistic law is infinite; most are censored."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 2))
    times = np.exp(X[:, 0] + 2.0 * rng.logistic(size=n))
    end = np.quantile(times, 0.3)
    return X, censored_target(np.minimum(times, end), event=times <= end)


def wrapped(model, how):
    """A model in what users put it in."""
    pipeline = make_pipeline(StandardScaler(), model)
    return {
        "plain": model,
        "pipeline": pipeline,
        "search": GridSearchCV(model, {}, cv=2, scoring=concordance_scorer),
        "search of a pipeline": GridSearchCV(pipeline, {}, cv=2, scoring=concordance_scorer),
        "pipeline with a search": make_pipeline(
            StandardScaler(), GridSearchCV(model, {}, cv=2, scoring=concordance_scorer)
        ),
    }[how]


HOW = ["plain", "pipeline", "search", "search of a pipeline", "pipeline with a search"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("distribution", ["loglogistic", "generalized_gamma"])
def test_infinite_means_do_not_hide_the_order(distribution, how):
    X, y = wide_lives()
    shape = {"shape": -3.0} if distribution == "generalized_gamma" else {}
    model = EMCensoredRegressor(distribution=distribution, **shape)
    assert np.isinf(model.fit(X, y).predict(X)).all()
    expected = concordance_index(y, model.predict_quantile(X))
    assert expected > 0.55
    outer = wrapped(model, how).fit(X, y)
    assert concordance_scorer(outer, X, y) == pytest.approx(expected, abs=1e-12)
    assert concordance_index(y, outer.predict(X)) == 0.5  # all are alike


def test_a_search_over_laws_gives_each_its_score():
    X, y = wide_lives()
    grid = {"distribution": ["weibull", "loglogistic", "lognormal"]}
    search = GridSearchCV(EMCensoredRegressor(), grid, scoring=concordance_scorer, cv=3).fit(X, y)
    assert (search.cv_results_["mean_test_score"] > 0.6).all()


def test_the_baseline_scores_one_half_where_most_survive():
    X, y = wide_lives()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the median is infinite
        assert_array_equal(
            cross_val_score(EMSurvivalCurve(), X, y, scoring=concordance_scorer), 0.5
        )


@pytest.mark.parametrize("seed", range(5))
def test_infinity_is_a_value_in_the_order(seed):
    """As good as any finite one that is larger, or smaller, than all others."""
    rng = np.random.default_rng(seed)
    y = censored_target(rng.integers(1, 9, 40), event=rng.random(40) < 0.7)
    finite, weights = rng.integers(-2, 3, 40).astype(float), rng.integers(0, 3, 40)
    infinite = np.where(np.abs(finite) == 2.0, np.copysign(np.inf, finite), finite)
    assert concordance_index(y, infinite, weights) == concordance_index(y, finite, weights)
    with pytest.raises(ValueError, match="y_pred contains NaN"):
        concordance_index(y, np.where(finite == 2.0, np.nan, infinite))
    with pytest.raises(ValueError, match="y_pred contains infinity"):
        r2_exact(y, infinite)


def test_scores_of_a_search_are_those_of_its_best_model_not_of_its_own_scoring():
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    for how in HOW[2:]:
        search = wrapped(EMCensoredRegressor(distribution="weibull"), how).fit(X, y)
        expected = EMCensoredRegressor(distribution="weibull").fit(X, y).score(X, y)
        assert log_likelihood_scorer(search, X, y) == pytest.approx(expected)


def test_other_models_are_scored_by_what_they_predict():
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    model = GridSearchCV(LinearRegression(), {}).fit(X, y[:, 0])
    assert concordance_scorer(model, X, y) == concordance_index(y, model.predict(X))
