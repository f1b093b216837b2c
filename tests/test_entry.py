"""Delayed entry: reference answers, and what its likelihood must satisfy."""

from copy import copy

import numpy as np
import pytest
from failure_cases import CASES, PLAIN, POSITIVE, agree, data_of, late_data
from numpy.testing import assert_allclose, assert_array_equal
from places import Put, gathered, set_sizes
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMCensoredRegressor, censored_target
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS

pd = pytest.importorskip("pandas")


@pytest.mark.parametrize("case_id", [name for name, case in CASES.items() if "entry" in case])
def test_reference_answers(case_id):
    case = CASES[case_id]
    X, y, entry, weight = data_of(case)
    y = np.column_stack([y, entry])
    model = EMCensoredRegressor(distribution=case["distribution"]).fit(X, y, weight)
    agree(model, case, X, y, weight, within=1e-9)  # asked for: 1e-7


# What a likelihood given entries must satisfy

INF = np.inf
each_law = pytest.mark.parametrize("law", LAWS)


def parameters(model):
    return np.r_[model.intercept_, model.coef_, np.log(model.scale_)]


def moved(model, k, by):
    """The fitted model with one of its parameters moved."""
    model = copy(model)
    model.coef_ = model.coef_.copy()
    if k == 0:
        model.intercept_ += by
    elif k <= len(model.coef_):
        model.coef_[k - 1] += by
    else:
        model.scale_ *= np.exp(by)
    return model


@each_law
def test_no_entry_is_no_entry_to_the_last_bit(law):
    X, y, _ = late_data(law)
    y = y[:, :2]
    model = EMCensoredRegressor(distribution=law, shape=0.6).fit(X, y)
    for none in (-INF, np.nan, -1e300):
        for form in (censored_target(y, entry=none), np.column_stack([y, np.full(len(y), none)])):
            other = EMCensoredRegressor(distribution=law, shape=0.6).fit(X, form)
            assert_array_equal(parameters(other), parameters(model))
            assert_array_equal(other.standard_errors_, model.standard_errors_)
            assert_array_equal(other.history_, model.history_)
            assert_array_equal(model.score_samples(X, form), model.score_samples(X, y))


@each_law
def test_an_entry_that_all_survive_changes_nothing(law):
    X, y, _ = late_data(law)
    y = y[:, :2]
    early = 1e-290 if law in POSITIVE else -1e40  # one that even a t keeps
    late = np.where(y[:, 0] > (0.0 if law in POSITIVE else -INF), early, -INF)
    options = {"shape": 0.6, "distribution": law, "tol": 1e-11}
    model, other = (
        EMCensoredRegressor(**options).fit(X, form) for form in (y, censored_target(y, entry=late))
    )
    assert_allclose(parameters(other), parameters(model), rtol=1e-7, atol=1e-8)
    assert_allclose(other.log_likelihood_, model.log_likelihood_, rtol=1e-12)
    assert_allclose(other.standard_errors_, model.standard_errors_, rtol=1e-6)


@pytest.mark.parametrize("law", PLAIN)
@pytest.mark.parametrize("alpha", [0.0, 20.0])
def test_the_gradient_is_zero_at_the_optimum(law, alpha):
    """And the information is that of differences of the log-likelihood."""
    X, y, weight = late_data(law, weighted=True)
    model = EMCensoredRegressor(distribution=law, shape=0.6, alpha=alpha, tol=1e-11).fit(
        X, y, weight
    )
    assert model.converged_ and (np.diff(model.history_) >= 0.0).all()
    spread = np.sqrt(np.average((X - np.average(X, axis=0, weights=weight)) ** 2, axis=0,
                                weights=weight))  # fmt: skip

    def objective(model):
        penalty = 0.5 * alpha * np.sum((spread * model.coef_) ** 2) / model.scale_**2
        return weight @ model.score_samples(X, y) - penalty

    steps = 1e-3 * model.standard_errors_ * (1.0 if alpha == 0.0 else 0.3)
    n = len(steps)
    at = {}
    for k in range(n):
        for j in range(k, n):
            for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                there = moved(moved(model, k, signs[0] * steps[k]), j, signs[1] * steps[j])
                at[k, j, signs] = objective(there)
    best = objective(model)
    for k in range(n):
        up, down = (objective(moved(model, k, s * steps[k])) for s in (1.0, -1.0))
        assert abs(up - down) < 1e-8 * abs(best)
        assert up < best and down < best
    information = np.zeros((n, n))
    for (k, j, (a, b)), value in at.items():
        information[k, j] -= a * b * value / (4.0 * steps[k] * steps[j])
    information = information + np.triu(information, 1).T
    size = model.standard_errors_
    assert_allclose(information * np.outer(size, size),
                    np.linalg.inv(model.cov_params_) * np.outer(size, size), atol=2e-3)  # fmt: skip
    if alpha == 0.0:
        assert_allclose(best, model.log_likelihood_, rtol=1e-11)


@each_law
def test_weights_are_repeated_rows_in_any_order(law):
    X, y, _ = late_data(law, n=150)
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 3, len(X))
    rows = rng.permutation(np.repeat(np.arange(len(X)), counts))
    options = {"shape": 0.6, "distribution": law, "tol": 1e-11}
    model = EMCensoredRegressor(**options).fit(X, y, counts.astype(float))
    other = EMCensoredRegressor(**options).fit(X[rows], y[rows])
    assert_allclose(parameters(other), parameters(model), rtol=1e-6, atol=1e-7)
    assert_allclose(other.log_likelihood_, model.log_likelihood_, rtol=1e-11)
    assert_allclose(other.standard_errors_, model.standard_errors_, rtol=1e-5)


@each_law
@pytest.mark.parametrize("unit", [365.25, 1e-6])
def test_units_of_time(law, unit):
    X, y, _ = late_data(law)
    options = {"shape": 0.6, "distribution": law, "tol": 1e-11}
    model = EMCensoredRegressor(**options).fit(X, y)
    shift = 0.0 if law in POSITIVE else 30.0
    other = EMCensoredRegressor(**options).fit(X, unit * (y + shift))
    quantiles = unit * (model.predict_quantile(X) + shift)
    assert_allclose(other.predict_quantile(X), quantiles, rtol=1e-7)
    n_exact = np.count_nonzero(y[:, 0] == y[:, 1])
    moved_by = n_exact * np.log(unit)
    assert_allclose(other.log_likelihood_ + moved_by, model.log_likelihood_, rtol=1e-9)


def test_a_weibull_of_shape_1_has_no_memory():
    X, y, _ = late_data("weibull")
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    model.scale_ = 1.0
    rows = (y[:, 2] > 0.0) & (y[:, 0] > y[:, 2])
    low, high, entry = y[rows].T
    since = np.column_stack([low - entry, high - entry])
    given = model.score_samples(X[rows], y[rows])
    assert_allclose(given, model.score_samples(X[rows], since), rtol=1e-9, atol=1e-12)


@each_law
def test_the_response_lies_beyond_the_entry_with_certainty(law):
    """Scores of adjoining intervals from the entry on are probabilities that sum to 1."""
    X, y, _ = late_data(law)
    model = EMCensoredRegressor(distribution=law, shape=0.6).fit(X, y)
    start = 1.3
    ends = np.r_[start, np.quantile(model.predict_quantile(X), [0.7, 0.9, 0.99]) + start, INF]
    for x in X[:5]:
        rows = np.column_stack([ends[:-1], ends[1:], np.full(len(ends) - 1, start)])
        rows[-1, 0] = max(rows[-1, 0], start)
        scores = model.score_samples(np.tile(x, (len(rows), 1)), rows)
        assert_allclose(np.exp(scores).sum(), 1.0, rtol=1e-12)
        times = [start, rows[1, 0]]
        survival = model.predict_survival_function(x[None], times)[0]
        assert_allclose(1.0 - np.exp(scores[0]), survival[1] / survival[0], rtol=1e-10)


@each_law
def test_filling_in_does_not_ask_for_entries(law):
    X, y, _ = late_data(law)
    model = EMCensoredRegressor(distribution=law, shape=0.6).fit(X, y)
    for options in ({}, {"sample": True, "random_state": 0}):
        assert_array_equal(model.impute(X, y, **options), model.impute(X, y[:, :2], **options))


def test_the_fit_is_another_one_where_entries_are_forgotten():
    X, y, _ = late_data("weibull")
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    forgotten = EMCensoredRegressor(distribution="weibull").fit(X, y[:, :2])
    assert np.abs(parameters(model) - parameters(forgotten)).max() > 0.1


# Model selection


def test_entries_go_through_model_selection():
    X, y, _ = late_data("weibull")
    model, folds = EMCensoredRegressor(distribution="weibull"), list(KFold(3).split(X))
    expected = [clone(model).fit(X[a], y[a]).score(X[b], y[b]) for a, b in folds]
    event = (y[:, 0] == y[:, 1]) | (y[:, 1] < INF)
    forms = {
        "array": y,
        "frame": pd.DataFrame(y, columns=["lower", "upper", "entry"]),
        "records": np.array([(e, a, b) for a, b, e in y],
                            dtype=[("start", float), ("lower", float), ("upper", float)]),
    }  # fmt: skip
    for form in forms.values():
        assert_allclose(cross_val_score(model, X, form, cv=folds), expected, rtol=1e-12)
        pipeline = make_pipeline(StandardScaler(), clone(model))
        search = GridSearchCV(pipeline, {"emcensoredregressor__alpha": [0.0, 1e5]}, cv=folds)
        search.fit(X, form)
        assert search.best_params_["emcensoredregressor__alpha"] == 0.0
        assert_allclose(search.best_score_, np.mean(expected), rtol=1e-6)
        train, test, y_train, y_test = train_test_split(X, form, stratify=event, random_state=0)
        assert np.isfinite(clone(model).fit(train, y_train).score(test, y_test))
    fitted = clone(model).fit(X, y)
    importance = permutation_importance(fitted, X, y, random_state=0, n_repeats=2)
    assert (importance.importances_mean > 0.0).all()
    plain = permutation_importance(fitted, X, y[:, :2], random_state=0, n_repeats=2)
    assert np.abs(importance.importances_mean - plain.importances_mean).max() > 1e-3
    bagging = BaggingRegressor(clone(model), n_estimators=2, random_state=0)
    bagging.fit(X, forms["records"])
    for one, rows in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        again = clone(model).fit(X[rows], y[rows])
        assert_allclose(parameters(one), parameters(again), rtol=1e-5, atol=1e-6)


# Places


@pytest.mark.parametrize("law", ["weibull", "lognormal", "student_t"])
@pytest.mark.parametrize("place", ["map", "slices", "blocks", "dask"])
def test_rows_may_lie_anywhere(law, place, tmp_path, monkeypatch, request):
    if place == "dask":
        request.getfixturevalue("client")
    set_sizes(monkeypatch, 70)
    X, y, weight = late_data(law, weighted=True)
    y[:70, 2] = np.where(y[:70, 0] == y[:70, 1], y[:70, 2], -INF)  # a block in which few have one
    y[70:140, 2] = -INF
    options = {"shape": 0.6, "distribution": law, "tol": 1e-11}
    model = EMCensoredRegressor(**options).fit(X, y, weight)
    put = Put(place, tmp_path)
    there = [put(values, 70) for values in (X, y, weight)]
    other = EMCensoredRegressor(**options).fit(*there)
    assert_allclose(parameters(other), parameters(model), rtol=1e-7, atol=1e-8)
    assert_allclose(other.standard_errors_, model.standard_errors_, rtol=1e-6)
    assert_allclose(other.score(*there), model.score(X, y, weight), rtol=1e-9)
    scores = gathered(other.score_samples(*there[:2]))
    assert_allclose(scores, model.score_samples(X, y), rtol=1e-6, atol=1e-6)


# Where there is no maximum


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, INF, 0.5], [2.0, INF, -INF]], "is censored on the right"),
        ([[0.5, 1.0, 0.5], [-INF, 2.0, -INF]], "is censored on the left, or begins at its entry"),
        (
            [[1.0, INF, 0.5], [-INF, 2.0, -INF]],
            "is censored on the left, or on the right with an entry",
        ),
    ],
)
def test_one_sided_responses_are_refused(rows, message):
    y = np.tile(rows, (10, 1))
    X = np.random.default_rng(0).normal(size=(20, 1))
    with pytest.raises(ValueError, match=f"Every response {message}"):
        EMCensoredRegressor().fit(X, y)
    with pytest.raises(ValueError, match=f"Every response {message}"):
        EMCensoredRegressor(distribution="weibull").fit(X, y)


@pytest.mark.parametrize("law", PLAIN)
def test_responses_beyond_entries_that_spread_too_much_are_told(law):
    """Towards a constant hazard, or a power law: the line goes to minus infinity."""
    rng = np.random.default_rng(0)
    entry = rng.uniform(1.0, 2.0, 150)
    beyond = rng.exponential(size=150) ** 1.5
    time = entry * np.exp(beyond) if law in POSITIVE else entry + beyond
    y, X = np.column_stack([time, time, entry]), rng.normal(size=(150, 1))
    with pytest.warns(DataWarning, match="every row has an entry, and it grows as the line moves"):
        model = EMCensoredRegressor(distribution=law, shape=0.6).fit(X, y)
    assert np.isfinite(parameters(model)).all() and np.isfinite(model.log_likelihood_)
    assert np.isnan(model.standard_errors_).all() and not model.converged_
    assert (np.diff(model.history_) >= 0.0).all()


@pytest.mark.parametrize("law", [name for name in PLAIN if name != "student_t"])
def test_rows_that_were_there_from_the_first_tell_the_line(law):
    rng = np.random.default_rng(0)
    entry = rng.uniform(1.0, 2.0, 150)
    beyond = rng.exponential(size=150) ** 1.5
    time = entry * np.exp(beyond) if law in POSITIVE else entry + beyond
    entry[:75] = -INF
    y, X = np.column_stack([time, time, entry]), rng.normal(size=(150, 1))
    model = EMCensoredRegressor(distribution=law, shape=0.6).fit(X, y)
    assert model.converged_ and np.isfinite(model.standard_errors_).all()


def test_an_interval_from_its_entry_is_kept_by_a_line_below():
    """Exact responses on a line, and intervals that begin at their entries above it."""
    X = np.arange(8.0)[:, None]
    line = 1.0 + X[:, 0]
    y = np.column_stack([line, line, line - 1.0])
    y[5:] = np.column_stack([line, line + 2.0, line])[5:] + 0.5
    for law in ("normal", "logistic"):
        with pytest.warns(DataWarning, match="no finite maximum: a line passes through every"):
            EMCensoredRegressor(distribution=law, shape=0.6).fit(X, y)
    y[5:, 0] += 0.1  # they lie above the line for sure
    model = EMCensoredRegressor().fit(X, y)
    assert model.converged_


def test_an_early_death_before_others_came_collapses_heavy_tails():
    """A t scale goes to 0 about the first death: those who came later do not mind."""
    rng = np.random.default_rng(0)
    entry = np.r_[0.0, rng.uniform(5.0, 8.0, 60)]
    time = entry + np.r_[1.0, rng.uniform(0.5, 4.0, 60)]
    y = np.column_stack([time, time, entry])
    with pytest.warns(DataWarning, match="no finite maximum"):
        EMCensoredRegressor(distribution="student_t", df=3.0, fit_intercept=False).fit(
            np.ones((61, 1)), y
        )
