"""Scores for responses that are only known to lie in an interval, and of fitted models."""

import pickle
from copy import copy

import numpy as np
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer, censored_target
from emkit.datasets import load_lung
from emkit.metrics import (
    aic_scorer,
    bic_scorer,
    concordance_index,
    concordance_scorer,
    icl_scorer,
    log_likelihood_scorer,
    r2_exact,
    r2_exact_scorer,
)


def brute_force(y, y_pred, weights):
    """Harrell's C by its definition, over all pairs; y may have entries."""
    (low, high), (i, j) = y.T[:2], np.indices((len(y), len(y)))
    exact = low == high
    known = (low[i] > high[j]) | ((low[i] == high[j]) & ~(exact[i] & exact[j]))
    if y.shape[1] == 3:  # the larger one must be there when the smaller one fails
        known &= y[i, 2] < high[j]
    pair = known * np.multiply.outer(weights, weights)
    ordered = pair * np.array([0.0, 0.5, 1.0])[1 + np.sign(np.subtract.outer(y_pred, y_pred))]
    return ordered.sum() / pair.sum()


def mixed_target(rng, n):
    """Exact, right-, left- and interval-censored responses on a few values, with ties."""
    low = rng.integers(0, 6, n).astype(float)
    kind = rng.integers(0, 4, n)
    high = np.choose(kind, [low, np.inf, low, low + rng.integers(1, 3, n)])
    return np.column_stack([np.where(kind == 2, -np.inf, low), high])


def with_entries(rng, y):
    """Entries before the times, at the start of intervals too, or none."""
    exact = y[:, 0] == y[:, 1]
    entry = y[:, 0] - rng.integers(0, 4, len(y))
    entry = np.where(exact | np.isinf(y[:, 1]), np.minimum(entry, y[:, 0] - 1), entry)
    entry[rng.random(len(y)) < 0.3] = -np.inf
    entry[:2] = -np.inf
    return np.column_stack([y, entry])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("n", [2, 3, 40, 257])
def test_concordance_is_its_definition(seed, n, delayed):
    rng = np.random.default_rng([seed, n])
    y, y_pred = mixed_target(rng, n), rng.integers(0, 5, n)
    y[:2] = [[0.0, 1.0], [2.0, np.inf]]  # so that there is a pair
    if delayed:
        y = with_entries(rng, y)
    weights = rng.integers(0, 3, n)
    weights[:2] = 1
    assert concordance_index(y, y_pred) == brute_force(y, y_pred, np.ones(n))
    assert concordance_index(y, y_pred, weights) == brute_force(y, y_pred, weights)
    np.testing.assert_allclose(
        concordance_index(y, y_pred, weights / 7.0), brute_force(y, y_pred, weights), rtol=1e-13
    )


def test_concordance_like_r():
    """survival::concordance(Surv(time, status) ~ age, lung), and with weights age %% 4 + 1."""
    X, y = load_lung(return_X_y=True)
    age = X[:, 0]
    np.testing.assert_allclose(concordance_index(y, age), 0.449760167882482, rtol=1e-14)
    weighted = concordance_index(y, age, age % 4 + 1)
    np.testing.assert_allclose(weighted, 0.45390274325567, rtol=1e-13)


@pytest.mark.parametrize("kind", [bool, int, float, object])
def test_concordance_of_a_frame(kind):
    """1.0, as lifelines.utils.concordance_index([2, 3, 4, 5], [1, 2, 3, 4], [1, 1, 0, 1])."""
    pd = pytest.importorskip("pandas")
    event = np.array([True, True, False, True]).astype(kind)
    y = pd.DataFrame({"event": event, "time": [2.0, 3.0, 4.0, 5.0]})
    assert concordance_index(y, [1, 2, 3, 4]) == 1.0
    assert concordance_index(y[["time", "event"]], [1, 2, 3, 4]) == 1.0


def test_concordance_of_perfect_reversed_and_constant_predictions():
    y = load_lung().target
    # Right where an event and a censored time agree, too: the censored one is the larger.
    perfect = np.where(np.isinf(y[:, 1]), y[:, 0] + 0.5, y[:, 0])
    assert concordance_index(y, perfect) == 1.0
    assert concordance_index(y, -perfect) == 0.0
    assert concordance_index(y, np.zeros(len(y))) == 0.5


def test_concordance_sees_only_the_order():
    rng = np.random.default_rng(0)
    y, y_pred = mixed_target(rng, 60), rng.integers(0, 9, 60).astype(float)
    value = concordance_index(y, y_pred)
    assert concordance_index(y, np.exp(y_pred)) == value
    assert concordance_index(y, -y_pred) == pytest.approx(1.0 - value, abs=1e-15)
    assert concordance_index(-y[:, ::-1], -y_pred) == pytest.approx(value, abs=1e-15)
    assert concordance_index(y, np.where(y_pred < 4, -1e300, 1e300)) == concordance_index(
        y, y_pred >= 4
    )


@pytest.mark.parametrize(
    ("first", "second", "comparable"),
    [
        ([2, 2], [2, 2], False),
        ([2, np.inf], [2, 2], True),  # alive at 2, dead at 2
        ([2, 2], [-np.inf, 2], True),
        ([2, np.inf], [2, np.inf], False),
        ([2, np.inf], [1, 2], True),
        ([1, 3], [2, 4], False),
        ([2, 4], [1, 2], True),
        ([3, np.inf], [-np.inf, 3], True),
        ([2, np.inf], [3, 3], False),
    ],
)
def test_which_pairs_are_comparable(first, second, comparable):
    if comparable:
        assert concordance_index([first, second], [1.0, 0.0]) == 1.0
        assert concordance_index([second, first], [1.0, 0.0]) == 0.0
    else:
        with pytest.raises(ValueError, match="No pair of responses is comparable"):
            concordance_index([first, second], [1.0, 0.0])


def test_concordance_of_clipped_responses():
    """Which of them are at a limit changes no pair: ties are not comparable either way."""
    rng = np.random.default_rng(7)
    y, y_pred = np.clip(rng.normal(size=50), -0.5, 1.0), rng.random(50)
    bounds = censored_target(y, left=-0.5, right=1.0)
    assert concordance_index(y, y_pred) == concordance_index(bounds, y_pred)


def structured(y):
    out = np.empty(len(y), dtype=[("event", bool), ("time", float)])
    out["event"], out["time"] = np.isfinite(y[:, 1]), y[:, 0]
    return out


@pytest.mark.parametrize("metric", [concordance_index, r2_exact])
def test_every_form_of_y(metric):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    time, event, y_pred = rng.random(30), rng.random(30) < 0.6, rng.random(30)
    y = censored_target(time, event)
    value = metric(y, y_pred)
    assert metric(structured(y), y_pred) == value
    assert metric(pd.DataFrame(y), pd.Series(y_pred)) == value
    assert metric(y.tolist(), y_pred.tolist()) == value
    assert metric(time, y_pred) == metric(censored_target(time), y_pred)


@pytest.mark.parametrize("metric", [concordance_index, r2_exact])
def test_weights_are_frequencies(metric):
    rng = np.random.default_rng(4)
    y, y_pred, weights = mixed_target(rng, 50), rng.random(50), rng.integers(0, 3, 50)
    assert metric(y, y_pred, np.ones(50)) == metric(y, y_pred)
    repeated = metric(np.repeat(y, weights, axis=0), np.repeat(y_pred, weights))
    assert metric(y, y_pred, weights) == pytest.approx(repeated, rel=1e-13)


@pytest.mark.parametrize("metric", [concordance_index, r2_exact])
@pytest.mark.parametrize("power", [-950, -560, 560, 950])
def test_units_of_weights_and_responses_do_not_matter(metric, power):
    """Powers of two, so that not even the rounding differs."""
    rng = np.random.default_rng(4)
    y, y_pred, weights = mixed_target(rng, 50), rng.random(50), rng.random(50)
    right = metric(y, y_pred, weights)
    assert metric(y, y_pred, np.ldexp(weights, power)) == right
    assert metric(np.ldexp(y, power), np.ldexp(y_pred, power), weights) == right


@pytest.mark.parametrize("metric", [concordance_index, r2_exact])
def test_bad_input(metric):
    y = np.array([[1.0, 1.0], [2.0, np.inf], [3.0, 3.0]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metric(y, [1.0, 2.0])
    with pytest.raises(ValueError, match="y_pred contains NaN"):
        metric(y, [1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match="should be a 1d array"):
        metric(y, np.ones((3, 2)))
    with pytest.raises(ValueError, match="Row 1 of y is no interval"):
        metric([[1.0, 1.0], [2.0, 1.0], [3.0, 3.0]], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="[Nn]egative"):
        metric(y, [1.0, 2.0, 3.0], [1.0, -1.0, 1.0])


@pytest.mark.parametrize("metric", [concordance_index, r2_exact])
def test_nothing_to_compare(metric):
    with pytest.raises(ValueError, match="is comparable|is exact"):
        metric([[1.0, np.inf], [2.0, np.inf]], [1.0, 2.0])
    with pytest.raises(ValueError, match="is comparable|is exact"):
        metric([[1.0, 1.0], [2.0, np.inf]], [1.0, 2.0], [0.0, 1.0])


def test_r2_exact_is_r2_of_exact_rows():
    rng = np.random.default_rng(5)
    y, y_pred, weights = mixed_target(rng, 50), rng.random(50), rng.random(50)
    exact = y[:, 0] == y[:, 1]
    assert r2_exact(y, y_pred) == r2_score(y[exact, 0], y_pred[exact])
    assert r2_exact(y, y_pred, weights) == r2_score(
        y[exact, 0], y_pred[exact], sample_weight=weights[exact]
    )


SCORERS = {"concordance": concordance_scorer, "r2_exact": r2_exact_scorer}


@pytest.mark.parametrize("form", [np.asarray, structured])
@pytest.mark.parametrize(
    ("scoring", "metric"),
    [(concordance_scorer, concordance_index), (r2_exact_scorer, r2_exact)],
    ids=SCORERS,
)
def test_scorers_in_model_selection(form, scoring, metric):
    X, y = load_lung(return_X_y=True)
    y = form(y)
    pipeline = make_pipeline(EMImputer(), StandardScaler(), EMCensoredRegressor())
    by_hand = []
    for test in np.array_split(np.arange(len(X)), 3):
        train = np.setdiff1d(np.arange(len(X)), test)
        y_pred = pipeline.fit(X[train], y[train]).predict(X[test])
        by_hand.append(metric(y[test], y_pred))
    np.testing.assert_allclose(cross_val_score(pipeline, X, y, cv=3, scoring=scoring), by_hand)
    grid = {"emcensoredregressor__alpha": [0.0, 30.0]}
    search = GridSearchCV(pipeline, grid, cv=3, scoring=scoring).fit(X, y)
    np.testing.assert_allclose(search.cv_results_["mean_test_score"][0], np.mean(by_hand))


def test_scorers_with_frames_and_several_at_once():
    pytest.importorskip("pandas")
    X, y = load_lung(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(EMImputer(), EMCensoredRegressor())
    scores = cross_validate(pipeline, X, y, cv=3, scoring=SCORERS)
    assert (scores["test_concordance"] > 0.5).all()
    assert (scores["test_r2_exact"] < 1.0).all()


def test_scorers_of_other_regressors():
    """A one-dimensional y is exact, so the scorers serve scikit-learn's own regressors too."""
    rng = np.random.default_rng(6)
    X = rng.random((60, 2))
    y = X @ [1.0, 2.0] + 0.1 * rng.random(60)
    assert (cross_val_score(LinearRegression(), X, y, scoring=concordance_scorer) > 0.9).all()
    np.testing.assert_allclose(
        cross_val_score(LinearRegression(), X, y, scoring=r2_exact_scorer),
        cross_val_score(LinearRegression(), X, y, scoring="r2"),
    )


def test_scorers_route_weights():
    X, y = load_lung(return_X_y=True)
    X, weights = X[:, :2], np.arange(len(X)) % 3
    model = EMCensoredRegressor().fit(X, y)
    expected = concordance_index(y, model.predict(X), weights)
    assert concordance_scorer(model, X, y, sample_weight=weights) == expected
    with sklearn.config_context(enable_metadata_routing=True):
        weighted = copy(concordance_scorer).set_score_request(sample_weight=True)
        regressor = EMCensoredRegressor().set_fit_request(sample_weight=False)
        scores = cross_val_score(
            regressor, X, y, cv=3, scoring=weighted, params={"sample_weight": weights}
        )
    plain = cross_val_score(EMCensoredRegressor(), X, y, cv=3, scoring=concordance_scorer)
    assert (scores != plain).all()


# Scorers of fitted models

CRITERIA = {"aic": aic_scorer, "bic": bic_scorer, "icl": icl_scorer}


def two_normals(n=120):
    return np.random.default_rng(0).normal(size=(n, 2)) + 5.0 * (np.arange(n) % 2)[:, None]


@pytest.mark.parametrize("name", CRITERIA)
def test_criteria_are_the_methods_with_the_sign_turned(name):
    X, weights = two_normals(), np.arange(120) % 3
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    criterion = getattr(mixture, name)
    assert CRITERIA[name](mixture, X) == CRITERIA[name](mixture, X, None) == -criterion(X)
    weighted = CRITERIA[name](mixture, X, sample_weight=weights)
    assert weighted == -criterion(X, weights)
    assert weighted == pytest.approx(CRITERIA[name](mixture, np.repeat(X, weights, axis=0)))


def test_criteria_of_a_regression_know_its_responses():
    X, y = load_lung(return_X_y=True)
    X, weights = X[:, :2], np.arange(len(X)) % 3
    model = EMCensoredRegressor().fit(X, y)
    assert bic_scorer(model, X, y) == -model.bic(X, y)
    assert aic_scorer(model, X, y, sample_weight=weights) == -model.aic(X, y, weights)
    assert log_likelihood_scorer(model, X, y) == np.mean(model.score_samples(X, y))


@pytest.mark.parametrize("name", CRITERIA)
def test_all_rows_choose_as_a_loop_does(name):
    X = two_normals()
    all = np.arange(len(X))
    sizes = [1, 2, 3]
    search = GridSearchCV(
        EMGaussianMixture(random_state=0),
        {"n_components": sizes},
        scoring=CRITERIA[name],
        cv=[(all, all)],
    ).fit(X)
    fits = [EMGaussianMixture(k, random_state=0).fit(X) for k in sizes]
    by_hand = [getattr(fit, name)(X) for fit in fits]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], np.negative(by_hand))
    assert search.best_params_["n_components"] == sizes[int(np.argmin(by_hand))] == 2


def test_criteria_in_a_pipeline_are_the_last_step_s():
    X = two_normals()
    X[0, 0] = np.nan
    pipeline = make_pipeline(EMImputer(), StandardScaler(), EMGaussianMixture(2, random_state=0))
    pipeline.fit(X)
    Z = pipeline[:-1].transform(X)
    assert bic_scorer(pipeline, X) == -pipeline[-1].bic(Z)
    assert log_likelihood_scorer(pipeline, X) == pipeline.score(X)
    assert bic_scorer(make_pipeline(pipeline[-1]), Z) == -pipeline[-1].bic(Z)
    nested = make_pipeline(pipeline[0], pipeline[1:])
    assert bic_scorer(nested, X) == bic_scorer(pipeline, X)


def test_likelihood_of_each_model_is_the_mean_of_its_rows():
    X = two_normals()
    for model in (EMGaussianMixture(2, random_state=0), EMImputer(), GaussianMixture(2)):
        model.fit(X)
        mean = model.score_samples(X).mean()
        assert log_likelihood_scorer(model, X) == pytest.approx(mean, rel=1e-12)


def test_criteria_of_scikit_learn_s_mixtures():
    X = two_normals()
    mixture = GaussianMixture(2, random_state=0).fit(X)
    assert bic_scorer(mixture, X) == -mixture.bic(X)
    with pytest.raises(TypeError, match="method='icl'.* Got GaussianMixture"):
        icl_scorer(mixture, X)


def test_models_without_a_likelihood():
    X = two_normals()
    for scorer, model in (
        (bic_scorer, EMImputer()),
        (log_likelihood_scorer, KMeans(2)),
        (log_likelihood_scorer, LinearRegression()),
    ):
        with pytest.raises(TypeError, match=f"score_samples. Got {type(model).__name__}"):
            scorer(model.fit(X, X[:, 0]), X, X[:, 0])


@pytest.mark.parametrize("scorer", [*CRITERIA.values(), log_likelihood_scorer], ids=repr)
def test_model_scorers_route_weights_and_can_be_kept(scorer):
    X, weights = two_normals(), np.arange(120) % 3
    mixture = EMGaussianMixture(2, random_state=0)
    copied = pickle.loads(pickle.dumps(scorer))
    assert repr(copied) == repr(scorer) and copied(mixture.fit(X), X) == scorer(mixture, X)
    by_hand = []
    for test in np.array_split(np.arange(120), 3):
        mixture.fit(np.delete(X, test, axis=0))
        by_hand.append(scorer(mixture, X[test], sample_weight=weights[test]))
    with sklearn.config_context(enable_metadata_routing=True):
        weighted = scorer.set_score_request(sample_weight=True)
        mixture.set_fit_request(sample_weight=False)
        options = {"cv": 3, "params": {"sample_weight": weights}}
        scores = cross_validate(mixture, X, scoring={"one": weighted}, **options)
        np.testing.assert_allclose(scores["test_one"], by_hand)
        np.testing.assert_allclose(
            cross_val_score(mixture, X, scoring=weighted, **options), by_hand
        )
        with pytest.raises(ValueError, match="sample_weight"):
            cross_val_score(mixture, X, scoring=scorer, **options)
