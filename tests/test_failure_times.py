"""Regressions of failure times against R's survreg and 80-bit arithmetic (failure_times.json)."""

import json
from pathlib import Path

import numpy as np
import pytest
from failure_cases import REFERENCE, agree
from numpy.testing import assert_allclose
from scipy.special import gamma

from emkit import EMCensoredRegressor, censored_target
from emkit.censored.shape_search import least_signed
from emkit.datasets import load_lung
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_index
from emkit.models.laws.registry import LAWS

CASES = {case["id"]: case for case in REFERENCE["cases"]}


def load(name):
    """X and [lower, upper] of a data set."""
    data = REFERENCE["data"][name]
    low, high = (np.array(data[side], dtype=float) for side in ("lower", "upper"))
    y = np.column_stack([np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)])
    return np.array(data["X"]), y


@pytest.mark.parametrize("case_id", CASES)
def test_reference_answers(case_id):
    case = CASES[case_id]
    X, y = load(case["data"])
    weight = np.array(case.get("sample_weight") or np.ones(len(X)), dtype=float)
    model = EMCensoredRegressor(distribution=case["distribution"]).fit(X, y, weight)
    # Rounding of the objective does not end Newton's steps early.
    within = 1e-7 if case["distribution"] == "lognormal" else 1e-10
    agree(model, case, X, y, weight, within)


def test_no_predictors_are_an_x_without_columns():
    _, y = load("lung_2")
    with pytest.raises(ValueError, match="X is None, .* numpy.empty"):
        EMCensoredRegressor(distribution="weibull").fit(None, y)


def test_a_line_of_which_nothing_is_estimated():
    """A constant scale, no intercept and a column of zeros: what is left is a likelihood."""
    X, y = load("lung_2")
    with pytest.warns(DataWarning, match="collinear"):
        model = EMCensoredRegressor(distribution="exponential", fit_intercept=False)
        model.fit(np.zeros((len(X), 1)), y)
    assert model.converged_ and model.coef_ == 0.0 and model.rank_ == 0
    assert_allclose(model.log_likelihood_, -y[:, 0].sum(), rtol=1e-12)
    assert np.isnan(model.standard_errors_).all()


GENERALISED = {case["id"]: case for case in REFERENCE["generalised_gamma"]}


@pytest.mark.parametrize("case_id", GENERALISED)
def test_generalised_gamma(case_id):
    case, within = GENERALISED[case_id], REFERENCE["tolerances"]["generalised_gamma_in_se"]
    expected, X = case["expected"], np.array(case["X"])
    columns = [np.array(case[side], dtype=float) for side in ("lower", "upper")]
    y = np.column_stack([np.nan_to_num(columns[0]), np.nan_to_num(columns[1], nan=np.inf)])
    if "entry" in case:
        y = np.column_stack([y, np.nan_to_num(np.array(case["entry"], dtype=float))])
    model = EMCensoredRegressor(distribution="generalized_gamma")
    model.fit(X, y, case.get("sample_weight"))
    found = np.r_[model.intercept_, model.coef_, np.log(model.scale_), model.shape_]
    best = [expected["intercept"], *expected["coef"], np.log(expected["scale"]), expected["shape"]]
    errors = np.array(expected["standard_errors"])
    assert_allclose((found - best) / errors, 0.0, atol=within)
    assert_allclose(model.standard_errors_, errors, rtol=within)
    assert_allclose(model.log_likelihood_, expected["log_likelihood"], rtol=1e-10)
    assert list(model.summary().index[-2:]) == ["log(scale)", "shape"]
    assert_allclose(model.summary()["estimate"], found)
    first = expected["predict_first_rows"]
    quantiles = np.column_stack([first[name] for name in ("q10", "median", "q90")])
    assert_allclose(model.predict_quantile(X[:3], [0.1, 0.5, 0.9]), quantiles, rtol=within)
    assert_allclose(model.predict(X[:3]), first["mean"], rtol=within)


@pytest.mark.parametrize(
    ("shape", "distribution"), [(1.0, "weibull"), (0.0, "lognormal"), (1e-7, "lognormal")]
)
def test_a_generalised_gamma_of_given_shape_is_another_law(shape, distribution):
    X, y = load("lung_2")
    model = EMCensoredRegressor(distribution="generalized_gamma", shape=shape).fit(X, y)
    other = EMCensoredRegressor(distribution=distribution, tol=1e-12).fit(X, y)
    for name in ("coef_", "intercept_", "scale_", "standard_errors_", "log_likelihood_"):
        assert_allclose(getattr(model, name), getattr(other, name), rtol=1e-5)
    assert_allclose(model.predict(X), other.predict(X), rtol=1e-5)
    assert model.aic(X, y) == pytest.approx(other.aic(X, y))


@pytest.mark.parametrize("strata", [None, [0]])
@pytest.mark.parametrize("end", [-10.0, 10.0])
def test_a_shape_at_the_end_of_its_range_has_no_standard_error(end, strata):
    """The likelihood rises up to there: no maximum has curvature, and the shape is as if given."""
    group = np.tile([0.0, 1.0], 6)[:, None]
    times = np.array([1.0, 1.01, 1.02, 1.05, 1.06, 1.1, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    times = times if end < 0.0 else 8.0 - times
    model = EMCensoredRegressor(distribution="generalized_gamma", strata=strata)
    with pytest.warns(DataWarning, match="is the end of its range") as said:
        model.fit(group, times)
    assert len(said) == 1
    assert model.shape_ == end
    given = EMCensoredRegressor(distribution="generalized_gamma", strata=strata, shape=end)
    given.fit(group, times)
    assert np.isnan(model.standard_errors_[-1]) and np.isnan(model.summary()["p_value"].iloc[-1])
    assert_allclose(model.standard_errors_[:-1], given.standard_errors_, rtol=1e-4)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_search_that_comes_to_an_end_of_the_range_ends_there(sign):
    """Whether the loss falls up to it, by less than rounding, or not all the way."""
    losses = {
        "falls": lambda x: -sign * x,
        "falls to less than rounding": lambda x: np.exp(-3.0 * sign * x) - 1.0,
        "is flat near it": lambda x: -min(sign * x, 10.0 - 5e-5),
        "is least just before it": lambda x: (sign * x - 10.0 + 1e-6) ** 2,
    }
    for told, loss in losses.items():
        assert least_signed(loss, -10.0, 10.0) == sign * 10.0, told
    for least in (-9.99, -4.0, 0.0, 3.3, 9.99):
        found = least_signed(lambda x, least=least: (x - least) ** 2, -10.0, 10.0)
        assert found == pytest.approx(least, abs=1e-5)
    # No fit at the end itself: as near to it as it may be.
    found = least_signed(lambda x: -sign * x if abs(x) < 10.0 else np.inf, -10.0, 10.0)
    assert found != sign * 10.0 and found == pytest.approx(sign * 10.0, rel=1e-5)


@pytest.mark.parametrize("distribution", [name for name in LAWS if LAWS[name].scale is not None])
def test_a_scale_that_is_part_of_the_law_is_no_parameter(distribution):
    X, y = load("lung_2")
    model = EMCensoredRegressor(distribution=distribution).fit(X, y)
    free = EMCensoredRegressor(distribution="weibull").fit(X, y)
    assert model.log_likelihood_ < free.log_likelihood_
    assert model.aic(X, y) == pytest.approx(-2.0 * model.log_likelihood_ + 2.0 * (1 + X.shape[1]))
    assert len(model.standard_errors_) == len(model.summary()) == 1 + X.shape[1]
    with pytest.raises(ValueError, match="'weibull'"):
        EMCensoredRegressor(distribution=distribution, strata=[0]).fit(X, y)


def test_an_exponential_rate_is_events_over_time():
    """Without columns that say something: the closed form."""
    X, y = load("lung_2")
    model = EMCensoredRegressor(distribution="exponential").fit(np.zeros((len(X), 0)), y)
    events = np.isfinite(y[:, 1]).sum()
    assert_allclose(np.exp(-model.intercept_), events / y[:, 0].sum(), rtol=1e-9)
    assert_allclose(model.standard_errors_, events**-0.5, rtol=1e-9)


SURVREG = json.loads((Path(__file__).parent / "golden" / "survreg.json").read_text())["cases"]


@pytest.mark.parametrize("case", SURVREG, ids=lambda case: f"{case['data']}-{case['distribution']}")
def test_survreg_on_its_own_data(case):
    if case["data"] == "lung":
        X, y = load_lung(return_X_y=True)
        X = X[:, :2]  # age and sex
    else:
        X, y = load("ovarian_2")
    model = EMCensoredRegressor(distribution=case["distribution"]).fit(X, y)
    found = np.r_[model.intercept_, model.coef_, np.log(model.scale_)]
    errors = np.array(case["standard_errors"])
    assert_allclose(found / errors, np.array(case["estimates"]) / errors, rtol=0.0, atol=1e-7)
    assert_allclose(model.standard_errors_, errors, rtol=1e-6)
    assert_allclose(model.log_likelihood_, case["log_likelihood"], rtol=1e-10)


def test_criteria_of_lung():
    """survreg(Surv(time, status) ~ age + sex, dist = "lognormal"): logLik, AIC, BIC as R prints."""
    X, y = load_lung(return_X_y=True)
    model = EMCensoredRegressor(distribution="lognormal").fit(X[:, :2], y)
    found = model.log_likelihood_, model.aic(X[:, :2], y), model.bic(X[:, :2], y)
    assert_allclose(found, [-1158.75014, 2325.50029, 2339.21767], rtol=0, atol=6e-6)


def test_tobit_of_affairs():
    """tobit of R's AER, on its own data."""
    case = json.loads((Path(__file__).parent / "golden" / "affairs.json").read_text())
    X = np.column_stack([case["age"], case["yearsmarried"]])
    model = EMCensoredRegressor(left=0.0, tol=1e-12).fit(X, np.array(case["affairs"], dtype=float))
    found = np.r_[model.intercept_, model.coef_, model.scale_]
    assert_allclose(found, case["estimates"], rtol=1e-6)
    assert_allclose(model.standard_errors_, case["standard_errors"], rtol=1e-6)
    assert_allclose(model.log_likelihood_, case["log_likelihood"], rtol=1e-11)


# Lung cancer, of which the reference has the data: the score equations in plain NumPy

#: Derivatives of the log-likelihood of rows in z, and whether they have a density, hence log scale.
LUNG = {
    "weibull": lambda z, event: (event - np.exp(z), event),
    "logistic": lambda z, event: (event - (1.0 + event) / (1.0 + np.exp(-z)), event),
}


@pytest.mark.parametrize("distribution", LUNG)
def test_the_score_equations_of_lung(distribution):
    X, y = load("lung_2")
    model = EMCensoredRegressor(distribution=distribution).fit(X, y)
    event = np.isfinite(y[:, 1]).astype(float)
    response = np.log(y[:, 0]) if distribution == "weibull" else y[:, 0]
    design = np.column_stack([np.ones(len(X)), X])
    z = (response - model.intercept_ - X @ model.coef_) / model.scale_
    slope, n = LUNG[distribution](z, event)
    score = np.append(-(slope @ design) / model.scale_, -(slope @ z) - n.sum())
    if distribution == "logistic":
        assert round(model.log_likelihood_, 3) == -1163.029  # as survreg 3.5.3 prints it
    # The Newton step that is left, in standard errors.
    step = model.cov_params_ @ score / model.standard_errors_
    assert_allclose(step, 0.0, atol=REFERENCE["tolerances"]["estimates_in_se"])


# What a Weibull regression is


def weibull_data(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    time = np.exp(2.0 + X @ [0.5, -0.3]) * rng.weibull(1.6, n)
    limit = np.quantile(time, 0.7)
    return X, np.column_stack([np.minimum(time, limit), np.where(time < limit, time, np.inf)])


def test_a_weibull_fit_is_one_of_proportional_hazards():
    X, y = weibull_data()
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    times = np.array([1.0, 5.0, 20.0])
    rows = X[:4]
    cumulative = -np.log(model.predict_survival_function(rows, times))
    shape, scale = 1.0 / model.scale_, np.exp(rows @ model.coef_ + model.intercept_)
    assert_allclose(cumulative, (times / scale[:, None]) ** shape, rtol=1e-10)
    assert_allclose(model.predict(rows), scale * gamma(1.0 + 1.0 / shape), rtol=1e-12)
    # The score of the scale of time: cumulative hazards of all rows add up to the events.
    hazard = -np.log(
        [model.predict_survival_function(x[None], t)[0] for x, t in zip(X, y[:, 0], strict=True)]
    )
    assert_allclose(hazard.sum(), np.isfinite(y[:, 1]).sum(), rtol=1e-8)
    assert concordance_index(y, model.predict(X)) > 0.6


@pytest.mark.parametrize(
    "distribution",
    [name for name in LAWS if LAWS[name].link.positive and LAWS[name].scale is None],
)
def test_a_power_of_time_changes_units_only(distribution):
    X, y = weibull_data(seed=1)
    model = EMCensoredRegressor(distribution=distribution).fit(X, y)
    powered = EMCensoredRegressor(distribution=distribution).fit(X, y**2.0)
    for name in ("coef_", "intercept_", "scale_"):
        assert_allclose(getattr(powered, name), 2.0 * getattr(model, name), rtol=1e-6)
    assert_allclose(powered.predict_quantile(X), model.predict_quantile(X) ** 2.0, rtol=1e-6)


def test_squares_of_rayleigh_times_are_exponential():
    X, y = weibull_data(seed=1)
    model = EMCensoredRegressor(distribution="rayleigh").fit(X, y)
    squared = EMCensoredRegressor(distribution="exponential").fit(X, y**2.0)
    for name in ("coef_", "intercept_", "standard_errors_"):
        assert_allclose(getattr(squared, name), 2.0 * getattr(model, name), rtol=1e-9)


@pytest.mark.parametrize("distribution", LAWS)
def test_rows_far_out_keep_all_finite(distribution):
    X, y = weibull_data(n=60, seed=2)
    options = {"distribution": distribution}
    model = EMCensoredRegressor(**options).fit(X, y)
    # Thousands of scales away; but less than the floor of the scale is below the spread.
    big = 1e9 if LAWS[distribution].link.positive else 1e5
    if LAWS[distribution].scale is not None:
        big = 1e3  # the scale does not grow: beside one such row the others say little
    far = np.array(
        [
            [1 / big, 1 / big],
            [big, big],
            [0.0, 1 / big],
            [big, np.inf],
            [big, 2 * big],
            [0.5, 1.0] / np.float64(big),
        ]
    )
    rows = X[: len(far)]
    assert np.isfinite(model.score_samples(rows, far)).all()
    for sample in (False, True):
        filled = model.impute(rows, far, sample=sample, random_state=0)
        assert np.isfinite(filled).all()
        assert (far[:, 0] * (1.0 - 1e-13) <= filled).all()
        assert (filled <= far[:, 1] * (1.0 + 1e-13)).all()
    for row in far:
        with_far = EMCensoredRegressor(**options).fit(np.vstack([X, X[:1]]), np.vstack([y, row]))
        assert with_far.converged_ and np.isfinite(with_far.log_likelihood_)
        assert np.isfinite(with_far.standard_errors_).all()
        assert (np.diff(with_far.history_) >= 0.0).all()


@pytest.mark.parametrize("distribution", LAWS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_of_the_data_is_the_log_likelihood(distribution, weighted):
    X, y = weibull_data(seed=3)
    weight = np.random.default_rng(0).uniform(0.1, 3.0, len(X)) if weighted else np.ones(len(X))
    model = EMCensoredRegressor(distribution=distribution, alpha=2.0).fit(X, y, weight)
    assert_allclose(model.score(X, y, weight) * weight.sum(), model.log_likelihood_, rtol=1e-11)


@pytest.mark.parametrize("seed", range(6))
def test_student_t_is_at_its_maximum_at_the_default_tolerance(seed):
    """EM ends where a step gains little; what is left is a step of Newton's."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 3))
    y = 1.0 + X @ [1.0, -0.5, 0.2] + rng.standard_t(3, size=80)
    limit = rng.normal(1.5, 2.0, size=80)
    target = censored_target(np.minimum(y, limit), event=y <= limit)
    model = EMCensoredRegressor(distribution="student_t").fit(X, target)
    best = EMCensoredRegressor(distribution="student_t", tol=1e-14, max_iter=20_000).fit(X, target)
    line = np.r_[model.intercept_ - best.intercept_, model.coef_ - best.coef_]
    assert_allclose(line / best.standard_errors_[:4], 0.0, atol=1e-7)
