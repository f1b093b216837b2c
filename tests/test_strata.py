"""A scale for each stratum: reference answers, and what such a fit must satisfy."""

import pickle
from copy import copy

import numpy as np
import pytest
from failure_cases import CASES, PLAIN, POSITIVE, agree, data_of, late_data
from numpy.testing import assert_allclose, assert_array_equal
from places import Put, gathered, set_sizes
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from emkit import EMCensoredRegressor
from emkit.exceptions import DataWarning
from emkit.plotting import CensoredRegressionDisplay

pd = pytest.importorskip("pandas")


@pytest.mark.parametrize("case_id", [name for name, case in CASES.items() if "strata" in case])
def test_reference_answers(case_id):
    case = CASES[case_id]
    X, y, _, weight = data_of(case)
    table = np.column_stack([case["strata"], X])
    model = EMCensoredRegressor(distribution=case["distribution"], strata=[0])
    model.fit(table, y, weight)
    agree(model, case, table, y, weight, within=1e-9)  # asked for: 1e-7
    assert_array_equal(model.strata_, np.unique(case["strata"]))


# What a fit with strata must satisfy

INF = np.inf
each_law = pytest.mark.parametrize("law", PLAIN)


def strata_data(law, n=400, seed=0, levels=(0.0, 1.0, 5.0), late=True):
    """X with the stratum in its second column, [lower, upper, entry] of every kind, weights."""
    X, y, _ = late_data(law, n, seed)
    rng = np.random.default_rng(seed)
    stratum = rng.choice(levels, n)
    table = np.column_stack([X[:, 0], stratum, X[:, 1]])
    return table, y if late else y[:, :2], rng.uniform(0.2, 2.0, n)


def parameters(model):
    return np.r_[model.intercept_, model.coef_, np.log(model.scale_)]


@each_law
def test_one_stratum_is_none(law):
    X, y, weight = strata_data(law, levels=(3.0,))
    options = {"distribution": law, "tol": 1e-11}
    one = EMCensoredRegressor(strata=[1], **options).fit(X, y, weight)
    plain = EMCensoredRegressor(**options).fit(X[:, [0, 2]], y, weight)
    assert one.scale_.shape == (1,) and one.strata_.tolist() == [3.0]
    assert_allclose(parameters(one), parameters(plain), rtol=1e-7, atol=1e-8)
    assert_allclose(one.standard_errors_, plain.standard_errors_, rtol=1e-6)
    assert_allclose(one.log_likelihood_, plain.log_likelihood_, rtol=1e-12)
    assert one.bic(X, y, weight) == pytest.approx(plain.bic(X[:, [0, 2]], y, weight), rel=1e-10)


@each_law
@pytest.mark.parametrize("late", [False, True])
def test_two_strata_with_lines_of_their_own_are_two_fits(law, late):
    X, y, weight = strata_data(law, levels=(0.0, 1.0), late=late)
    group, options = X[:, 1] == 1.0, {"distribution": law, "tol": 1e-11}
    crossed = np.column_stack([X, group, group[:, None] * X[:, [0, 2]]])
    joint = EMCensoredRegressor(strata=[1], **options).fit(crossed, y, weight)
    total = 0.0
    for k, rows in enumerate((~group, group)):
        alone = EMCensoredRegressor(**options).fit(X[rows][:, [0, 2]], y[rows], weight[rows])
        total += alone.log_likelihood_
        assert_allclose(joint.scale_[k], alone.scale_, rtol=1e-6)
        assert_allclose(joint.standard_errors_[-2 + k], alone.standard_errors_[-1], rtol=1e-5)
        assert_allclose(joint.predict_quantile(crossed[rows]),
                        alone.predict_quantile(X[rows][:, [0, 2]]), rtol=1e-5)  # fmt: skip
    assert_allclose(joint.log_likelihood_, total, rtol=1e-10)


@each_law
@pytest.mark.parametrize("alpha", [0.0, 30.0])
def test_the_gradient_is_zero_at_the_optimum(law, alpha):
    X, y, weight = strata_data(law)
    model = EMCensoredRegressor(distribution=law, strata=[1], alpha=alpha, tol=1e-11)
    model.fit(X, y, weight)
    assert model.converged_ and (np.diff(model.history_) >= 0.0).all()
    share = np.array([weight[X[:, 1] == s].sum() for s in model.strata_]) / weight.sum()
    line = X[:, [0, 2]]
    spread = np.sqrt(np.average((line - np.average(line, axis=0, weights=weight)) ** 2, axis=0,
                                weights=weight))  # fmt: skip

    def objective(theta):
        there = copy(model)
        there.intercept_, there.coef_, there.scale_ = theta[0], theta[1:3], np.exp(theta[3:])
        penalty = 0.5 * alpha * np.sum((spread * there.coef_) ** 2)
        return weight @ there.score_samples(X, y) - penalty * (share / there.scale_**2).sum()

    best = parameters(model)
    assert_allclose(model.history_[-1], objective(best), rtol=1e-9)
    for k, error in enumerate(model.standard_errors_):
        step = 1e-3 * error * np.eye(len(best))[k]
        up, down = objective(best + step), objective(best - step)
        assert up < model.history_[-1] + 1e-9 and down < model.history_[-1] + 1e-9
        assert abs(up - down) < 1e-8 * abs(model.history_[-1])
        second = (up + down - 2.0 * objective(best)) / (1e-3 * error) ** 2
        information = np.linalg.inv(model.cov_params_)[k, k]
        assert_allclose(-second, information, rtol=2e-3)


@pytest.mark.parametrize("law", ["weibull", "lognormal", "student_t"])
def test_weights_are_repeated_rows(law):
    X, y, _ = strata_data(law, n=200)
    counts = np.random.default_rng(1).integers(0, 3, len(X))
    rows = np.random.default_rng(2).permutation(np.repeat(np.arange(len(X)), counts))
    options = {"distribution": law, "tol": 1e-11, "strata": [1]}
    model = EMCensoredRegressor(**options).fit(X, y, counts.astype(float))
    other = EMCensoredRegressor(**options).fit(X[rows], y[rows])
    assert_allclose(parameters(other), parameters(model), rtol=1e-6, atol=1e-7)
    assert_allclose(other.standard_errors_, model.standard_errors_, rtol=1e-5)


def test_columns_by_name_number_and_mask():
    X, y, _ = strata_data("weibull")
    frame = pd.DataFrame(X, columns=["age", "site", "dose"])
    model = EMCensoredRegressor(distribution="weibull", strata=["site"]).fit(frame, y)
    for strata in ("site", 1, -2, [1], [False, True, False], np.array([1]), ("site",)):
        other = EMCensoredRegressor(distribution="weibull", strata=strata).fit(frame, y)
        assert_array_equal(parameters(other), parameters(model))
        assert_array_equal(other.predict(frame), model.predict(frame))
    assert model.strata_.tolist() == [0.0, 1.0, 5.0]
    assert model.coef_.shape == (2,) and model.n_features_in_ == 3
    assert model.summary().index.tolist() == [
        "intercept", "age", "dose",
        "log(scale)[site=0]", "log(scale)[site=1]", "log(scale)[site=5]",
    ]  # fmt: skip
    none = EMCensoredRegressor(distribution="weibull", strata=[]).fit(X, y)
    assert np.ndim(none.scale_) == 0 and not hasattr(none, "strata_")
    kept = frame.assign(again=frame["site"])
    assert EMCensoredRegressor(strata=["site"]).fit(kept, y[:, :2]).coef_.shape == (3,)


def test_every_combination_of_two_columns():
    X, y, _ = strata_data("weibull")
    arm = np.random.default_rng(3).integers(0, 2, len(X))
    two = np.column_stack([arm, X])
    model = EMCensoredRegressor(distribution="weibull", strata=[0, 2]).fit(two, y)
    one = np.column_stack([10 * arm + X[:, 1], X[:, [0, 2]]])
    other = EMCensoredRegressor(distribution="weibull", strata=[0]).fit(one, y)
    assert_allclose(parameters(model), parameters(other), rtol=1e-10)
    assert model.strata_.tolist() == [[a, s] for a in (0, 1) for s in (0, 1, 5)]
    with pytest.raises(ValueError, match="Row 1 of X is of a stratum .*: x0=7, x2=1 "):
        model.predict([[0.0, 1.0, 1.0, 2.0], [7.0, 1.0, 1.0, 2.0]])


@each_law
def test_every_method_has_the_scale_of_the_row(law):
    X, y, _ = strata_data(law)
    model = EMCensoredRegressor(distribution=law, strata=[1]).fit(X, y)
    limited = copy(model).set_params(right=float(np.exp(1.0)))
    for k, stratum in enumerate(model.strata_):
        rows = X[:, 1] == stratum
        one = EMCensoredRegressor(distribution=law).fit(X[:, [0, 2]], y)
        one.coef_, one.intercept_ = model.coef_, model.intercept_
        one.scale_ = float(model.scale_[k])
        Z, part = X[rows][:, [0, 2]], y[rows]
        for name, more in (
            ("predict", ()), ("predict_quantile", ([0.1, 0.9],)), ("predict_interval", ()),
            ("predict_survival_function", ([0.5, 2.0],)),
        ):  # fmt: skip
            assert_array_equal(getattr(model, name)(X, *more)[rows], getattr(one, name)(Z, *more))
        assert_array_equal(model.impute(X, y)[rows], one.impute(Z, part))
        assert_array_equal(model.score_samples(X, y)[rows], one.score_samples(Z, part))
        one.set_params(right=limited.right)
        assert_array_equal(limited.predict_observed(X)[rows], one.predict_observed(Z))
    drawn = model.impute(X, y, sample=True, random_state=0)
    assert_array_equal(drawn, model.impute(X, y, sample=True, random_state=0))
    low, high = y[:, 0], y[:, 1]
    assert ((low <= drawn) & (drawn <= high)).all()


@pytest.mark.parametrize("law", ["weibull", "lognormal", "student_t"])
@pytest.mark.parametrize("place", ["map", "slices", "blocks", "dask"])
def test_rows_may_lie_anywhere(law, place, tmp_path, monkeypatch, request):
    if place == "dask":
        request.getfixturevalue("client")
    set_sizes(monkeypatch, 70)
    X, y, weight = strata_data(law)
    order = np.argsort(X[:, 1], kind="stable")  # blocks hold one or two strata
    X, y, weight = X[order], y[order], weight[order]
    options = {"distribution": law, "tol": 1e-11, "strata": [1]}
    model = EMCensoredRegressor(**options).fit(X, y, weight)
    there = [Put(place, tmp_path / name) for name in ("X", "y", "w")]
    for put in there:
        put.folder.mkdir()
    there = [put(values, 70) for put, values in zip(there, (X, y, weight), strict=True)]
    other = EMCensoredRegressor(**options).fit(*there)
    assert_array_equal(other.strata_, model.strata_)
    assert_allclose(parameters(other), parameters(model), rtol=1e-7, atol=1e-8)
    assert_allclose(other.standard_errors_, model.standard_errors_, rtol=1e-6)
    assert_allclose(other.score(*there), model.score(X, y, weight), rtol=1e-9)
    assert_allclose(gathered(other.predict(there[0])), model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("law", ["weibull", "lognormal"])
def test_many_rows_set_out_from_a_part_of_them(law, monkeypatch):
    """Of all blocks, strata of which are then one after the other."""
    X, y, weight = strata_data(law, n=20000)
    options = {"distribution": law, "tol": 1e-10, "strata": [1]}
    plain = EMCensoredRegressor(acceleration=None, **options).fit(X, y, weight)  # of all rows
    whole = EMCensoredRegressor(**options).fit(X, y, weight)
    set_sizes(monkeypatch, 3000)
    cut = EMCensoredRegressor(**options).fit(X, y, weight)
    for model in (whole, cut):
        assert model.n_iter_ < plain.n_iter_
        assert_allclose(parameters(model), parameters(plain), rtol=1e-7, atol=1e-8)
        assert_allclose(model.log_likelihood_, plain.log_likelihood_, rtol=1e-11)
        assert_allclose(model.standard_errors_, plain.standard_errors_, rtol=1e-6)


def test_columns_that_depend_on_each_other_are_counted_without_scales():
    X, y, _ = strata_data("weibull")
    twice = np.column_stack([X, X[:, 0]])
    with pytest.warns(DataWarning, match="of 4 coefficients 3 are identified.* 'x0', 'x3'"):
        model = EMCensoredRegressor(distribution="weibull", strata=[1]).fit(twice, y)
    plain = EMCensoredRegressor(distribution="weibull", strata=[1]).fit(X, y)
    assert_allclose(model.scale_, plain.scale_, rtol=1e-8)
    assert_allclose(model.standard_errors_[-3:], plain.standard_errors_[-3:], rtol=1e-6)


def test_state_and_warm_start():
    X, y, _ = strata_data("weibull")
    model = EMCensoredRegressor(distribution="weibull", strata=[1], warm_start=True).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert clone(model).strata == [1]
    before = parameters(model)
    model.fit(X, y)
    assert model.n_iter_ <= 2
    assert_allclose(parameters(model), before, rtol=1e-8)
    fewer = X[:, 1] != 5.0
    model.fit(X[fewer], y[fewer])
    fresh = clone(model).fit(X[fewer], y[fewer])
    assert_allclose(parameters(model), parameters(fresh), rtol=1e-6)
    model.set_params(strata=None, warm_start=False).fit(X, y)
    assert np.ndim(model.scale_) == 0 and not hasattr(model, "strata_")
    model.set_params(strata=[1])
    with pytest.raises(ValueError, match="strata was None in the fit"):
        model.predict(X)


def test_strata_go_through_model_selection():
    X, y, _ = strata_data("weibull")
    frame = pd.DataFrame(X, columns=["age", "site", "dose"])
    grid = {"strata": [None, ["site"]], "distribution": ["weibull", "lognormal"]}
    search = GridSearchCV(EMCensoredRegressor(), grid, cv=3, error_score="raise").fit(frame, y)
    best = EMCensoredRegressor(**search.best_params_).fit(frame, y)
    assert search.score(frame, y) == best.score(frame, y)


# What cannot be had


def test_an_unknown_stratum_is_refused_with_its_value():
    X, y, _ = strata_data("weibull")
    model = EMCensoredRegressor(distribution="weibull", strata=[1]).fit(X, y)
    other = X.copy()
    other[[4, 9], 1] = 2.5
    for ask in (model.predict, lambda X: model.score(X, y), lambda X: model.impute(X, y),
                model.predict_interval):  # fmt: skip
        with pytest.raises(ValueError, match=r"Row 4 of X .* not in the fit: x1=2.5 \(2 such"):
            ask(other)


@pytest.mark.parametrize("strata", [[7], ["site"], [True, False], "site"])
def test_columns_that_are_not_there(strata):
    X, y, _ = strata_data("weibull")
    with pytest.raises(ValueError, match="strata"):
        EMCensoredRegressor(strata=strata).fit(X, y[:, :2])


def test_a_column_of_many_values_is_no_stratum():
    X, y, _ = strata_data("weibull")
    with pytest.raises(ValueError, match="strata='x0' has 400 different values in 400 rows"):
        EMCensoredRegressor(strata=[0]).fit(X, y[:, :2])
    sites = X.copy()
    sites[:, 1] = np.arange(400) // 4
    with pytest.warns(DataWarning) as told:  # of a line through few rows too
        EMCensoredRegressor(strata=[1]).fit(sites, y[:, :2])
    assert "'x1' has 100 different values in 400 rows" in str(told[0].message)


def test_text_is_refused_by_the_name_of_its_column():
    X, y, _ = strata_data("weibull")
    frame = pd.DataFrame({"age": X[:, 0], "site": np.where(X[:, 1] > 0.0, "a", "b")})
    with pytest.raises(ValueError, match="'site'"):
        EMCensoredRegressor(strata=["site"]).fit(frame, y[:, :2])


@pytest.mark.parametrize("law", ["weibull", "lognormal", "logistic", "normal", "student_t"])
@pytest.mark.parametrize("end", ["0", "infinity"])
def test_a_stratum_without_exact_rows_is_named(law, end):
    """Its scale goes to 0 where the line keeps all bounds, to infinity where it can."""
    X, y, _ = strata_data(law, late=False)
    middle = np.exp(1.0) if law in POSITIVE else 1.0
    rows = np.flatnonzero(X[:, 1] == 5.0)
    if end == "0":
        y[rows] = [[middle / 100.0, middle * 100.0]] if law in POSITIVE else [[-99.0, 99.0]]
    else:  # far above, far below
        far = np.where(np.arange(len(rows)) % 2, 1.0, -1.0) * 5.0
        bound = middle * np.exp(far) if law in POSITIVE else middle + far
        y[rows] = np.column_stack([np.where(far > 0, bound, -INF), np.where(far > 0, INF, bound)])
    with pytest.warns(DataWarning, match=f"scale of stratum x1=5 has no .*goes to {end}"):
        model = EMCensoredRegressor(distribution=law, strata=[1]).fit(X, y)
    assert np.isfinite(parameters(model)).all() and np.isfinite(model.log_likelihood_)
    assert np.isfinite(model.standard_errors_[:-1]).all()
    assert np.isnan(model.standard_errors_[-1])
    others = X[:, 1] != 5.0
    alone = EMCensoredRegressor(distribution=law, strata=[1]).fit(X[others], y[others])
    tolerance = 1e-4 * alone.standard_errors_
    assert (np.abs(parameters(model)[:-1] - parameters(alone)) < tolerance + 1e-3).all()


@pytest.mark.parametrize("law", ["weibull", "lognormal", "logistic", "normal", "student_t"])
def test_a_stratum_of_too_few_exact_rows_is_named(law):
    X, y, _ = strata_data(law, late=False)
    exact = np.flatnonzero(y[:, 0] == y[:, 1])[:3]
    X[exact, 1] = 9.0
    with pytest.warns(DataWarning, match="no finite maximum: .* of stratum x1=9"):
        model = EMCensoredRegressor(distribution=law, strata=[1]).fit(X, y)
    assert np.isfinite(parameters(model)).all() and np.isfinite(model.log_likelihood_)
    assert np.isnan(model.standard_errors_).all()


def test_a_display_of_one_line_says_that_it_is_of_one_scale():
    pytest.importorskip("matplotlib")
    X, y, _ = strata_data("weibull")
    model = EMCensoredRegressor(distribution="weibull", strata=[1]).fit(X, y)
    with pytest.raises(ValueError, match="strata"):
        CensoredRegressionDisplay.from_estimator(model, X, y)
