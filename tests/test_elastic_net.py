"""Elastic net of EMCensoredRegressor: exact zeros, the conditions of an optimum, scikit-learn's."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import GridSearchCV
from test_censored_endless import one_sided

from emkit import EMCensoredRegressor, alpha_max
from emkit.engine import check_model, fit_em
from emkit.exceptions import DataWarning
from emkit.models.censored.data import Responses
from emkit.models.censored.elastic_net import ElasticNetLine
from emkit.models.censored.first_line import Undivided, prepare, prepare_blocks
from emkit.models.censored.lasso_quadratic import LassoQuadratic
from emkit.models.censored.line import LineParams
from emkit.models.laws.registry import LAWS
from emkit.plotting.censored_line import fitted_line

GOLDEN = json.loads((Path(__file__).parent / "golden" / "elastic_net.json").read_text())
#: Violation of the conditions of an optimum, a unit of weight, in standardised columns.
KKT = 1e-10

few = settings(derandomize=True, deadline=None, max_examples=40)
each_law = pytest.mark.parametrize("law", LAWS)


def rows(law="normal", n=90, seed=0, entry=False):
    """X and [lower, upper] or [lower, upper, entry] of exact and censored rows of all kinds."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6)) @ rng.normal(size=(6, 6)) * [1.0, 10.0, 0.1, 1.0, 100.0, 5.0] + 3.0
    y = 0.5 * X[:, 0] - 0.03 * X[:, 1] + 0.7 * rng.gumbel(size=n)
    kind, gap = rng.integers(6, size=n), rng.uniform(0.1, 1.5, size=(3, n))
    low = np.select([kind == 2, kind > 2], [-np.inf, y - gap[0]], y)
    high = np.select([kind == 3, kind == 2, kind > 3], [np.inf, y + gap[1], y + gap[1]], y)
    columns = [low, high]
    if entry:
        late = (rng.random(n) < 0.5) & (kind != 2)
        columns.append(np.where(late, np.maximum(low, -9.0) - gap[2], -np.inf))
    Y = np.column_stack(columns)
    return X, np.exp(Y) if LAWS[law].link.positive else Y


def fitted(X, y, weight=None, law="normal", **options):
    shape = {"shape": 0.5} if law == "generalized_gamma" else {}
    model = EMCensoredRegressor(distribution=law, **shape, **options).fit(X, y, weight)
    assert (np.diff(model.history_) >= 0.0).all()
    return model


def slopes_of_rows(law, Y, location, scale):
    """Derivatives (n,) of each row's log-likelihood in its location and its log scale."""
    z = (Y - location[:, None]) / scale[:, None]
    a, b, exact = z[:, 0], z[:, 1], Y[:, 0] == Y[:, 1]
    in_z, in_scale = np.zeros(len(Y)), np.where(exact, -1.0, 0.0)
    for some, end, derivatives in (
        (exact, a, law.log_pdf_derivatives),
        (np.isinf(b), a, law.log_sf_derivatives),
        (np.isinf(a), b, law.log_cdf_derivatives),
    ):
        in_z[some] = derivatives(end[some]).first
        in_scale[some] -= in_z[some] * end[some]
    two = np.isfinite(a) & np.isfinite(b) & ~exact
    a, b = a[two], b[two]
    mass = law.log_mass(a, b, b - a)
    at_a, at_b = np.exp(law.log_pdf(a) - mass), np.exp(law.log_pdf(b) - mass)
    in_z[two], in_scale[two] = at_b - at_a, a * at_a - b * at_b
    if z.shape[1] == 3:
        late = z[:, 2] > -np.inf
        entered = law.log_sf_derivatives(z[late, 2]).first
        in_z[late] -= entered
        in_scale[late] += entered * z[late, 2]
    return -in_z / scale, in_scale


def violation(model, X, Y, weight=None, codes=None):
    """Of the conditions of an optimum, a unit of weight, at the fit as it is published."""
    weight = np.ones(len(X)) if weight is None else weight
    total, law = weight.sum(), model._law_to_fit()[0]
    codes = np.zeros(len(X), dtype=int) if codes is None else codes
    scales = np.atleast_1d(model.scale_)
    with np.errstate(divide="ignore"):
        Y = np.log(Y) if LAWS[model.distribution].link.positive else Y
    location, scale = model.intercept_ + X @ model.coef_, scales[codes]
    in_location, in_scale = slopes_of_rows(law, Y, location, scale)
    mean = weight @ X / total if model.fit_intercept else np.zeros(X.shape[1])
    deviation = np.sqrt(weight @ (X - mean) ** 2 / total)
    b, r = model.coef_ * deviation, model.l1_ratio
    precision = (weight / scale**2).sum() / total
    slope = (weight * in_location) @ ((X - mean) / deviation)
    slope -= model.alpha * (1.0 - r) * b * precision
    allowed = model.alpha * r * precision
    off = np.where(b == 0.0, np.maximum(abs(slope) - allowed, 0.0), slope - allowed * np.sign(b))
    parts = [*off]
    if model.fit_intercept:
        parts.append(weight @ in_location)
    if LAWS[model.distribution].scale is None:
        penalty = model.alpha * (r * abs(b).sum() + 0.5 * (1.0 - r) * b @ b)
        for k, s in enumerate(scales):
            share = weight[codes == k].sum() / total
            parts.append((weight * in_scale)[codes == k].sum() + 2.0 * penalty * share / s**2)
    return np.abs(parts).max() / total


# The optimum


@each_law
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("entry", [False, True])
def test_conditions_of_an_optimum(law, l1_ratio, entry):
    X, Y = rows(law, entry=entry)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, len(X))
    zeros = set()
    for alpha in (0.5, 8.0, 80.0):
        model = fitted(X, Y, weight, law, alpha=alpha, l1_ratio=l1_ratio)
        assert model.converged_ and violation(model, X, Y, weight) < KKT
        zeros.add(int((model.coef_ == 0.0).sum()))
    assert len(zeros) > 1  # it is tried with some of them at 0


@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("law", ["weibull", "normal"])
def test_conditions_of_an_optimum_with_strata(law, entry):
    X, Y = rows(law, entry=entry)
    stratum = np.arange(len(X)) % 3
    model = fitted(np.column_stack([X, stratum]), Y, law=law, alpha=5.0, l1_ratio=0.8, strata=6)
    assert 0 < (model.coef_ == 0.0).sum() < 6 and len(model.scale_) == 3
    assert violation(model, X, Y, codes=stratum) < KKT


@pytest.mark.parametrize("law", ["weibull", "normal", "exponential"])
def test_conditions_of_an_optimum_without_an_intercept(law):
    X, Y = rows(law)
    model = fitted(X, Y, law=law, alpha=8.0, l1_ratio=0.8, fit_intercept=False)
    assert (model.coef_ == 0.0).any() and violation(model, X, Y) < KKT


@each_law
def test_no_point_nearby_is_better(law):
    """By the log-likelihood that users see."""
    X, Y = rows(law)
    model = fitted(X, Y, law=law, alpha=6.0, l1_ratio=0.6)
    best, coef, scale = model.history_[-1], model.coef_.copy(), model.scale_

    def objective(coef, intercept, scale):
        model.coef_, model.intercept_, model.scale_, model._about_means = (
            coef, intercept, scale, None)  # fmt: skip
        b = coef * X.std(axis=0)
        penalty = 6.0 / scale**2 * (0.6 * abs(b).sum() + 0.2 * b @ b)
        return model.score_samples(X, Y).sum() - penalty

    intercept = model.intercept_
    assert_allclose(objective(coef, intercept, scale), best, rtol=1e-12)
    for step in (1e-3, -1e-3):
        for j in range(6):
            there = coef + step * np.eye(6)[j] / X.std(axis=0)
            assert objective(there, intercept - step * X[:, j].mean() / X[:, j].std(), scale) < best
        assert objective(coef, intercept + step, scale) < best
        if LAWS[law].scale is None:
            assert objective(coef, intercept, scale * np.exp(step)) < best


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.2, 1.0])
@pytest.mark.parametrize("alpha", [0.5, 20.0, 1e6])
def test_without_censoring_it_is_elastic_net(weighted, intercept, l1_ratio, alpha):
    X, y = rows(seed=3)[0], np.random.default_rng(4).normal(size=90)
    y += 0.5 * X[:, 0]
    weight = np.random.default_rng(5).uniform(0.1, 3.0, 90) if weighted else np.ones(90)
    model = fitted(X, y, weight, alpha=alpha, l1_ratio=l1_ratio, fit_intercept=intercept)
    total = weight.sum()
    mean = weight @ X / total if intercept else np.zeros(6)
    deviation = np.sqrt(weight @ (X - mean) ** 2 / total)
    Z = (X - mean) / deviation
    options = {"tol": 1e-15, "max_iter": 10**6, "fit_intercept": intercept}
    net = ElasticNet(alpha=alpha / total, l1_ratio=l1_ratio, **options).fit(Z, y, weight)
    assert_allclose(model.coef_ * deviation, net.coef_, atol=1e-8)
    assert_array_equal(model.coef_ == 0.0, net.coef_ == 0.0)
    assert_allclose(model.predict(X), net.predict(Z), atol=1e-8)
    b = net.coef_
    penalty = alpha * (2.0 * l1_ratio * abs(b).sum() + (1.0 - l1_ratio) * b @ b)
    assert_allclose(model.scale_**2, (weight @ (y - net.predict(Z)) ** 2 + penalty) / total)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["case"])
def test_reference_answers(case):
    """Their penalty has no scale in it: at theirs, their line is that of an alpha of ours."""
    name, law = case["case"].split("_")
    data, law = GOLDEN["data"][name], LAWS[law].law
    X, time, n = np.array(data["X"], dtype=float), np.log(data["time"]), len(data["time"])
    high = np.where(data["event"], time, np.inf)
    prepared = prepare_blocks(
        Undivided(Responses(X, time, high)), True, summarise=False, penalised=True, turn=False
    )
    units, longer = prepared.units, np.sqrt(n / (n - 1))  # their columns are n - 1 ones
    alpha = n * case["penalty"] * case["scale"] ** 2
    ridge = alpha * (1.0 - case["l1_ratio"]) * longer**2
    l1 = alpha * case["l1_ratio"] * longer / units.spread
    line = units.line, prepared.gram, ridge, True
    model = ElasticNetLine(law, *line, fixed=True, l1=l1)
    start = LineParams(prepared.starts[0][0], np.array(np.log(case["scale"] / units.spread)))
    residuals = prepared.residuals(Responses(X, time, high))
    result = fit_em(model, residuals, start=start, tol=1e-12)
    coef, intercept, scale = units.to_user(*result.params)
    expected = np.array(case["coef"])
    assert scale == pytest.approx(case["scale"], rel=1e-14)
    within = GOLDEN["tolerance_standardised"]
    assert_allclose(coef * units.scale, expected * units.scale, rtol=0.0, atol=within)
    assert_array_equal(coef == 0.0, expected == 0.0)
    assert intercept == pytest.approx(case["intercept"], abs=1e-7)
    event = np.array(data["event"], dtype=bool)
    in_days = result.log_likelihood - (np.log(units.spread) + time[event]).sum()
    assert in_days == pytest.approx(case["log_likelihood"], rel=1e-10)


# What must not matter, and what it comes to at the ends


@pytest.mark.parametrize("law", ["normal", "weibull", "student_t"])
def test_a_ratio_of_0_is_ridge_to_the_last_bit(law):
    X, Y = rows(law)
    ridge = EMCensoredRegressor(distribution=law, alpha=3.0).fit(X, Y)
    model = EMCensoredRegressor(distribution=law, alpha=3.0, l1_ratio=0.0).fit(X, Y)
    none = EMCensoredRegressor(distribution=law, alpha=0.0, l1_ratio=0.7).fit(X, Y)
    plain = EMCensoredRegressor(distribution=law).fit(X, Y)
    for one, other in ((ridge, model), (plain, none)):
        for name in ("coef_", "intercept_", "scale_", "standard_errors_", "history_", "rank_"):
            assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("law", ["normal", "weibull", "exponential"])
def test_little_of_it_is_nearly_ridge(law):
    X, Y = rows(law)
    ridge = fitted(X, Y, law=law, alpha=3.0)
    model = fitted(X, Y, law=law, alpha=3.0, l1_ratio=1e-9)
    for name in ("coef_", "intercept_", "scale_", "standard_errors_"):
        assert_allclose(getattr(model, name), getattr(ridge, name), rtol=1e-5)
    assert model.rank_ == ridge.rank_ == 7


@each_law
@pytest.mark.parametrize("alpha", [1e5, 1e12])
def test_much_of_it_leaves_the_intercept_alone(law, alpha):
    X, Y = rows(law)
    model = fitted(X, Y, law=law, alpha=alpha, l1_ratio=0.5)
    with pytest.warns(DataWarning, match="x0"):
        alone = fitted(np.ones((len(X), 1)), Y, law=law, tol=1e-12)
    assert_array_equal(model.coef_, 0.0)
    assert model.intercept_ == pytest.approx(alone.intercept_, rel=1e-7)
    assert_allclose(model.scale_, alone.scale_, rtol=1e-7)
    assert model.log_likelihood_ == pytest.approx(alone.log_likelihood_, rel=1e-10)
    errors = np.delete(model.standard_errors_, range(1, 7))
    assert_allclose(errors, np.delete(alone.standard_errors_, 1), rtol=1e-6)
    assert np.isnan(model.standard_errors_[1:7]).all()
    assert model.rank_ == 1 and model.aic(X, Y) == pytest.approx(alone.aic(X[:, :1], Y))


@pytest.mark.parametrize("law", ["weibull", "student_t"])
def test_orders_units_and_copies_of_rows_do_not_matter(law):
    X, Y = rows(law, entry=True)
    rng = np.random.default_rng(2)
    options = {"law": law, "alpha": 30.0, "l1_ratio": 0.7}
    counts = rng.integers(0, 4, len(X)).astype(float)
    model = fitted(X, Y, counts, **options)
    order, columns, unit = rng.permutation(len(X)), rng.permutation(6), 10.0 ** np.arange(-3, 3)
    others = {
        "rows": (fitted(X[order], Y[order], counts[order], **options), model.coef_),
        "columns": (fitted(X[:, columns], Y, counts, **options), model.coef_[columns]),
        "units": (fitted(X * unit + 7.0, Y, counts, **options), model.coef_ / unit),
        "copies": (fitted(*(np.repeat(a, counts.astype(int), axis=0) for a in (X, Y)), **options),
                   model.coef_),
    }  # fmt: skip
    assert 0 < (model.coef_ == 0.0).sum() < 6
    for other, expected in others.values():
        assert_allclose(other.coef_, expected, rtol=1e-7)
        assert_array_equal(other.coef_ == 0.0, expected == 0.0)
        assert other.scale_ == pytest.approx(model.scale_, rel=1e-8)
        assert other.log_likelihood_ == pytest.approx(model.log_likelihood_, rel=1e-10)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_a_lasso_of_other_units_of_y_is_one_of_alpha_in_these(unit):
    X, Y = rows()
    model = fitted(X, Y, alpha=6.0, l1_ratio=1.0)
    other = fitted(X, unit * Y, alpha=6.0 * unit, l1_ratio=1.0)
    assert_allclose(other.coef_, unit * model.coef_, rtol=1e-7)
    assert other.scale_ == pytest.approx(unit * model.scale_)


def test_failure_times_in_other_units_have_the_same_coefficients():
    X, Y = rows("weibull")
    model = fitted(X, Y, law="weibull", alpha=6.0, l1_ratio=0.7)
    other = fitted(X, 1e5 * Y, law="weibull", alpha=6.0, l1_ratio=0.7)
    assert_allclose(other.coef_, model.coef_, rtol=1e-7)


# Columns that say little


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_copies_of_a_column_share_its_coefficient(l1_ratio):
    X, Y = rows("weibull")
    once = fitted(X[:, :2], Y, law="weibull", alpha=6.0, l1_ratio=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # with copies both in, neither is told
        twice = fitted(X[:, [0, 1, 0]], Y, law="weibull", alpha=6.0, l1_ratio=l1_ratio)
    assert np.isfinite(twice.coef_).all() and violation(twice, X[:, [0, 1, 0]], Y) < KKT
    if l1_ratio < 1.0:
        assert twice.coef_[0] == pytest.approx(twice.coef_[2], rel=1e-6)
    else:
        assert twice.coef_[0] + twice.coef_[2] == pytest.approx(once.coef_[0], rel=1e-6)


@pytest.mark.parametrize("apart", [1e-3, 1e-5, 1e-7])
def test_columns_that_are_all_but_copies_are_told_apart(apart):
    X, Y = rows()
    X = np.column_stack([X, X[:, 0] + apart * X[:, 1]])
    model = fitted(X, Y, alpha=6.0, l1_ratio=1.0)
    assert violation(model, X, Y) < KKT
    assert (model.coef_[[0, 6]] == 0.0).any()


@pytest.mark.parametrize("law", ["exponential", "rayleigh"])
def test_where_nothing_is_free_the_fit_is_that_of_the_law_alone(law):
    options = {"distribution": law, "alpha": 1.0, "fit_intercept": False}
    X, y = np.empty((3, 0)), [1.0, 2.0, 3.0]
    models = [EMCensoredRegressor(**options, l1_ratio=ratio).fit(X, y) for ratio in (0.0, 0.5)]
    assert models[1].log_likelihood_ == models[0].log_likelihood_


def test_a_constant_column_is_told():
    X, Y = rows()
    X[:, 3] = 7.0
    with pytest.warns(DataWarning, match="x3"):
        model = fitted(X, Y, alpha=6.0, l1_ratio=1.0)
    rest = fitted(np.delete(X, 3, axis=1), Y, alpha=6.0, l1_ratio=1.0)
    assert model.coef_[3] == 0.0
    assert_allclose(np.delete(model.coef_, 3), rest.coef_, rtol=1e-7)


@few
@given(seed=st.integers(0, 10**6), alpha=st.floats(0.1, 100.0))
def test_more_columns_than_rows(seed, alpha):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(15, 25)), rng.exponential(size=15)
    Y = np.column_stack([y, np.where(rng.random(15) < 0.3, np.inf, y)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model = fitted(X, Y, law="weibull", alpha=alpha, l1_ratio=1.0)
    assert violation(model, X, Y) < KKT and (model.coef_ == 0.0).sum() >= 10


# Standard errors


@pytest.mark.parametrize("law", ["normal", "weibull"])
def test_standard_errors_are_those_of_a_fit_to_what_is_left(law):
    X, Y = rows(law)
    model = fitted(X, Y, law=law, alpha=8.0, l1_ratio=0.6)
    kept = model.coef_ != 0.0
    assert 0 < kept.sum() < 6
    rest = fitted(X[:, kept], Y, law=law, alpha=8.0, l1_ratio=0.6)
    told = np.r_[True, kept, True]
    assert_array_equal(np.isnan(model.standard_errors_), ~told)
    assert_allclose(model.standard_errors_[told], rest.standard_errors_, rtol=1e-7)
    assert_allclose(model.cov_params_[np.ix_(told, told)], rest.cov_params_, rtol=1e-6)
    assert np.isnan(model.cov_params_[~told]).all()
    assert model.rank_ == rest.rank_ == 1 + kept.sum()
    assert model.bic(X, Y) == pytest.approx(rest.bic(X[:, kept], Y))


def test_bands_about_a_line_take_zeros_as_given():
    X, Y = rows()
    model = fitted(X, Y, alpha=20.0, l1_ratio=1.0)
    used = int(np.flatnonzero(model.coef_)[0])
    assert (model.coef_ == 0.0).any()
    line = fitted_line(model, LAWS["normal"], X, used, "median")
    assert np.isfinite(line.error).all() and (line.error > 0.0).all()


# Ways to fit


@pytest.mark.parametrize("name", ["normal", "weibull", "student_t"])
def test_the_model_keeps_the_contract(name):
    X, Y = rows()
    weight, law = np.random.default_rng(1).uniform(0.1, 3.0, len(X)), LAWS[name].law
    data, units, gram = prepare(X, *Y.T, weight, True, summarise=False)
    model = ElasticNetLine(law, units.line, gram, 1.0, True, l1=9.0)
    halves = slice(0, 40), slice(40, None)
    check_model(model, data, split=lambda data: map(data.take, halves), random_state=0)


@pytest.mark.parametrize("put", ["map", "blocks", "cluster"], indirect=True)
def test_rows_may_lie_anywhere(put):
    X, Y = rows("weibull", n=900, entry=True)
    options = {"law": "weibull", "alpha": 90.0, "l1_ratio": 0.8}
    model = fitted(X, Y, **options)
    other = fitted(*put.all(X, Y), **options)
    assert 0 < (model.coef_ == 0.0).sum() < 6
    assert_array_equal(other.coef_ == 0.0, model.coef_ == 0.0)
    for name in ("coef_", "scale_", "standard_errors_", "log_likelihood_"):
        assert_allclose(getattr(other, name), getattr(model, name), rtol=1e-8)


def test_several_starts_end_at_the_same_line():
    X, Y = rows("weibull")
    options = {"law": "weibull", "alpha": 8.0, "l1_ratio": 0.8}
    model = fitted(X, Y, **options)
    many = fitted(X, Y, **options, n_init=4, random_state=0)
    assert len(many.runs_) == 4
    assert_allclose(many.coef_, model.coef_, rtol=1e-7)


def test_it_goes_on_from_the_last_fit_along_a_path():
    X, Y = rows("weibull", n=200)
    path = EMCensoredRegressor(distribution="weibull", l1_ratio=0.9, warm_start=True)
    steps = []
    for alpha in (40.0, 20.0, 10.0, 5.0, 2.0, 1.0):
        model = path.set_params(alpha=alpha).fit(X, Y)
        cold = fitted(X, Y, law="weibull", alpha=alpha, l1_ratio=0.9)
        assert_allclose(model.coef_, cold.coef_, rtol=1e-7)
        assert_array_equal(model.coef_ == 0.0, cold.coef_ == 0.0)
        steps.append(model.n_iter_)
    assert path.fit(X, Y).n_iter_ < min(steps)


def test_grid_search_takes_both_arguments():
    X, Y = rows("lognormal", n=60)
    grid = {"alpha": [0.1, 1e5], "l1_ratio": [0.0, 1.0]}
    search = GridSearchCV(EMCensoredRegressor(distribution="lognormal"), grid, cv=3).fit(X, Y)
    assert search.best_params_["alpha"] == 0.1
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("l1_ratio", [-0.1, 1.1, np.nan, "lasso"])
def test_a_ratio_is_between_0_and_1(l1_ratio):
    with pytest.raises(ValueError, match="l1_ratio"):
        EMCensoredRegressor(alpha=1.0, l1_ratio=l1_ratio).fit(*rows())


# Without a maximum


@pytest.mark.parametrize("law", ["normal", "weibull", "student_t"])
def test_it_bounds_all_but_constant_lines(law):
    X, y = np.arange(6.0)[:, None], 1.0 + 2.0 * np.arange(6.0)
    positive = LAWS[law].link.positive
    options = {"distribution": law, "alpha": 1.0, "l1_ratio": 1.0}
    model = EMCensoredRegressor(**options).fit(X, np.exp(y) if positive else y)
    assert model.converged_ and model.scale_ > 0.01
    constant = np.full(6, np.exp(2.0) if positive else 2.0)
    with pytest.warns(DataWarning, match="as the scale goes to 0"):
        EMCensoredRegressor(**options).fit(X, constant)


def test_scales_to_infinity_are_told():
    X, Y = one_sided(0, exchanged=True)
    with pytest.warns(DataWarning, match="as the scale goes to infinity"):
        model = EMCensoredRegressor(alpha=1.0, l1_ratio=0.5).fit(X, Y)
    assert not model.converged_ and np.isfinite(model.coef_).all()


# The quadratic with absolute values


@few
@given(seed=st.integers(0, 10**6), k=st.integers(1, 12), size=st.floats(0.0, 10.0))
def test_a_quadratic_with_absolute_values_is_at_its_best(seed, k, size):
    rng = np.random.default_rng(seed)
    root, start = rng.normal(size=(k + 3, k)), rng.normal(size=k) * rng.integers(0, 2, k)
    curvature, gradient = root.T @ root, 3.0 * rng.normal(size=k)
    weight = size * rng.uniform(0.1, 1.0, k) * rng.integers(0, 2, k)
    model = LassoQuadratic(curvature, gradient, start, weight)
    z = model.best()
    slope = gradient - curvature @ (z - start)
    zero = (z == 0.0) & (weight > 0.0)
    assert_allclose(slope[~zero], (weight * np.sign(z))[~zero], atol=1e-9)
    assert (np.abs(slope)[zero] <= weight[zero] + 1e-9).all()
    for other in z + 0.1 * rng.normal(size=(5, k)):
        assert model.gain(other) < model.gain(z)
    fixed = np.array([0])
    assert_allclose(model.best_with(fixed, z[fixed]), z, atol=1e-9)
    assert model.gain(model.best_with(fixed, z[fixed] + 0.1)) < model.gain(z)


# Where it begins


@each_law
@pytest.mark.parametrize("entry", [False, True])
@pytest.mark.parametrize("options", [{}, {"l1_ratio": 0.3}, {"fit_intercept": False}], ids=str)
def test_at_alpha_max_all_are_0_and_a_little_below_not(law, entry, options):
    X, Y = rows(law, entry=entry)
    weight = np.random.default_rng(0).uniform(0.2, 2.0, len(X))
    weight[:3] = 0.0
    options = {"l1_ratio": 1.0, **options}
    shape = {"shape": 0.5} if law == "generalized_gamma" else {}
    largest = alpha_max(X, Y, weight, distribution=law, **shape, **options)
    assert not fitted(X, Y, weight, law, alpha=largest, **options).coef_.any()
    assert fitted(X, Y, weight, law, alpha=0.999 * largest, **options).coef_.any()


def test_alpha_max_of_complete_responses_is_that_of_the_lasso():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((50, 4)) * [1.0, 10.0, 1e-3, 5.0] + 100.0
    y = X[:, 0] + rng.standard_normal(50)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    largest = alpha_max(X, y)
    assert largest == pytest.approx(np.abs(Z.T @ (y - y.mean())).max(), rel=1e-6)
    assert alpha_max(1e3 * X - 7.0, 5.0 * y) == pytest.approx(5.0 * largest, rel=1e-6)
    assert alpha_max(X, y, l1_ratio=0.5) == pytest.approx(2.0 * largest, rel=1e-6)
    assert alpha_max(np.repeat(X, 2, axis=0), np.repeat(y, 2)) == pytest.approx(
        alpha_max(X, y, np.full(50, 2.0)), rel=1e-6
    )
    assert alpha_max(np.ones((50, 1)), y) == 0.0
    with pytest.raises(ValueError, match="l1_ratio is 0"):
        alpha_max(X, y, l1_ratio=0.0)


def test_alpha_max_by_strata_that_are_named():
    X, Y = rows("weibull")
    stratum = np.arange(len(X)) % 3
    table = pd.DataFrame(X).add_prefix("x").assign(group=stratum)
    options = {"l1_ratio": 1.0, "strata": ["group"], "distribution": "weibull"}
    largest = alpha_max(table, Y, **options)
    for part, found in ((1.0, False), (0.999, True)):
        model = EMCensoredRegressor(**options, alpha=part * largest).fit(table, Y)
        assert model.coef_.any() == found
