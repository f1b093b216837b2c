"""The location-scale model that every law uses, against the models that know better, and its laws.

What holds for every distribution of the regressor is in test_censored_regressor.py.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from test_laws import EVERY_LAW, each_law, oracle

from emkit.engine import Blocks, fit_em
from emkit.models.censored.data import Responses
from emkit.models.censored.first_line import Undivided, prepare, prepare_blocks
from emkit.models.censored.line import FLOOR, LineParams
from emkit.models.censored.location_scale import LocationScale
from emkit.models.censored.row_terms import row_terms
from emkit.models.laws.gumbel import GumbelMin
from emkit.models.laws.intervals import Derivatives
from emkit.models.laws.law import Law
from emkit.models.laws.normal import Normal
from emkit.models.laws.student_t import StudentT

few = settings(derandomize=True, deadline=None, max_examples=25)


def problem(n=60, q=2, seed=0, weighted=False):
    """X, low, high and weights of exact, right-, left- and interval-censored rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, q))
    y = 1.0 + X @ np.linspace(1.0, -0.5, q) + 0.7 * rng.logistic(size=n)
    kind, gap = rng.integers(5, size=n), rng.uniform(0.1, 1.5, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-np.inf, y - gap[0]], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [np.inf, y + gap[1], y + gap[1]], y)
    return X, low, high, rng.uniform(0.1, 3.0, n) if weighted else None


def generic(law, X, low, high, weight=None, alpha=0.0, intercept=True):
    """The location-scale model of a law with its data, whatever model the law prefers."""
    data, units, gram = prepare(X, low, high, weight, intercept, summarise=False)
    return LocationScale(law, units.line, gram, alpha, intercept), data, units


def flat(params):
    return np.append(params.coef, params.log_scale)


def start_of(model):
    return LineParams(np.zeros(len(model.line)), np.array(0.0))


# Rows

SPANS = {
    "exact": (0.0, 0.0),
    "right": (0.0, np.inf),
    "left": (-np.inf, 0.0),
    "wide": (0.0, 2.0),
    "short": (0.0, 0.1),
    "tiny": (0.0, 1e-5),
}


@each_law
@pytest.mark.parametrize("kind", SPANS)
@pytest.mark.parametrize("end", [-8.0, -1.0, 0.3, 2.5])
def test_derivatives_of_rows_are_those_of_differences(law, kind, end):
    low, high = end + SPANS[kind][0], end + SPANS[kind][1]
    width = SPANS[kind][1] - SPANS[kind][0]
    h = 2e-3

    def value(m, log_s):
        scale = np.exp(log_s)
        a, b = (np.array([(bound - m) / scale]) for bound in (low, high))
        value = row_terms(law, a, b, np.array([width / scale])).value[0]
        return value - log_s if kind == "exact" else value

    steps = h * np.arange(-2, 3)
    slope = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / (12.0 * h)
    bend = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / (12.0 * h * h)
    grid = np.array([[value(m, log_s) for log_s in steps] for m in steps])
    terms = row_terms(law, np.array([low]), np.array([high]), np.array([width]))
    got = np.concatenate(terms[1:])
    got[1] -= kind == "exact"
    expected = [slope @ grid[:, 2], slope @ grid[2], -bend @ grid[:, 2], -slope @ grid @ slope,
                -bend @ grid[2]]  # fmt: skip
    assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * (1.0 + np.abs(grid[2, 2])))


@each_law
def test_rows_of_all_kinds_together_are_what_they_are_alone(law):
    low = np.array([0.3, 0.3, -np.inf, -1.0, -1.0, -1.0, 40.0, -300.0])
    high = np.array([0.3, np.inf, 0.3, 2.0, -0.9, -1.0 + 1e-6, np.inf, -299.0])
    together = row_terms(law, low, high, high - low)
    for i in range(len(low)):
        one = slice(i, i + 1)
        alone = row_terms(law, low[one], high[one], (high - low)[one])
        for part, value in zip(together, alone, strict=True):
            assert_allclose(part[i], value[0], rtol=1e-9)
            assert np.isfinite(part).all()


# Models that know better


@pytest.mark.parametrize("law", [Normal(), StudentT(3.0)], ids=repr)
@pytest.mark.parametrize("alpha", [0.0, 4.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_agrees_with_the_models_that_know_better(law, alpha, weighted):
    rows = problem(seed=1, weighted=weighted)
    model, data, _ = generic(law, *rows, alpha=alpha)
    sums, units, gram = prepare(*rows, True, summarise=law.exact_sums_suffice)
    better = law.model(units.line, gram, alpha, True)
    params = LineParams(np.array([0.2, -0.1, 0.3]), np.array(-0.2))
    assert_allclose(model.e_step(data, params)[1], better.e_step(sums, params)[1], rtol=1e-12)
    at = better.observed_information(sums, params)
    assert_allclose(model.observed_information(data, params), at, rtol=1e-6, atol=1e-6)
    one = fit_em(model, data, start=start_of(model), tol=1e-10)
    other = fit_em(better, sums, start=start_of(better), tol=1e-10)
    assert_allclose(one.objective, other.objective, rtol=1e-12)
    assert_allclose(flat(one.params), flat(other.params), atol=1e-5)


# The climb


@few
@given(
    seed=st.integers(0, 10_000),
    law=st.sampled_from(EVERY_LAW),
    alpha=st.sampled_from([0.0, 2.0]),
    weighted=st.booleans(),
)
def test_a_general_maximiser_of_scipys_likelihood_finds_the_same(seed, law, alpha, weighted):
    X, low, high, weight = problem(n=40, seed=seed, weighted=weighted)
    model, data, units = generic(law, X, low, high, weight, alpha)
    result = fit_em(model, data, start=start_of(model), tol=1e-10)
    assert result.converged and (np.diff(result.history) >= 0.0).all()
    w, errors = np.ones(len(X)) if weight is None else weight, oracle(law)
    exact, design = low == high, units.design(X)
    y_low, y_high = units.response(low), units.response(high)

    def loss(theta):
        scale = np.exp(theta[-1])
        fitted = design @ (units.line + theta[:-1])
        a, b = (y_low - fitted) / scale, (y_high - fitted) / scale
        upper = a > 0.0
        mass = np.where(upper, errors.sf(a) - errors.sf(b), errors.cdf(b) - errors.cdf(a))
        rows = np.where(exact, errors.logpdf(np.where(exact, a, 0.0)) - theta[-1], np.log(mass))
        penalty = 0.5 * alpha * np.sum((units.line + theta[:-1])[1:] ** 2) / scale**2
        return penalty - w @ rows

    with np.errstate(all="ignore"):  # of points far out that it tries, and mass of exact rows
        found = minimize(loss, flat(result.params) + 0.05, method="BFGS", options={"gtol": 1e-6})
        at = loss(flat(result.params))
    assert_allclose(-at, result.objective, rtol=1e-9)
    assert at <= found.fun + 1e-8
    if law.log_concave:
        assert_allclose(flat(result.params), found.x, atol=1e-4)


@few
@given(
    law=st.sampled_from([law for law in EVERY_LAW if law.log_concave]),
    shift=st.floats(-50.0, 50.0),
    log_scale=st.floats(-6.0, 6.0),
)
def test_steps_are_halved_until_they_rise_wherever_the_climb_begins(law, shift, log_scale):
    model, data, _ = generic(law, *problem(seed=3))
    start = LineParams(np.array([shift, -shift, 0.0]), np.array(log_scale))
    result = fit_em(model, data, start=start, tol=1e-9)
    best = fit_em(model, data, start=start_of(model), tol=1e-9)
    assert result.converged and (np.diff(result.history) >= 0.0).all()
    assert_allclose(result.objective, best.objective, rtol=1e-9)
    assert_allclose(flat(result.params), flat(best.params), atol=1e-4)


@each_law
@pytest.mark.parametrize("acceleration", ["anderson", "squarem", None])
def test_there_is_nothing_to_accelerate(law, acceleration):
    model, data, _ = generic(law, *problem(seed=4))
    plain = fit_em(model, data, start=start_of(model), acceleration=None)
    other = fit_em(model, data, start=start_of(model), acceleration=acceleration)
    assert other.n_evaluations == plain.n_evaluations
    assert other.objective == plain.objective


@each_law
def test_the_score_vanishes_at_the_maximum(law):
    model, data, _ = generic(law, *problem(seed=5), alpha=1.0)
    params = fit_em(model, data, start=start_of(model), tol=1e-10).params

    def objective(theta):
        point = LineParams(theta[:-1], theta[-1])
        return model.e_step(data, point)[1] + model.log_prior(point)

    steps = 1e-5 * np.eye(len(flat(params)))
    slope = [(objective(flat(params) + h) - objective(flat(params) - h)) / 2e-5 for h in steps]
    assert_allclose(slope, 0.0, atol=1e-5)


@each_law
def test_statistics_of_blocks_add_up(law):
    X, low, high, weight = problem(n=90, seed=6, weighted=True)
    rows = Responses(X, low, high, weight)
    prepared = prepare_blocks(Undivided(rows), True, summarise=False)
    parts = [Responses(*(None if part is None else part[i::3] for part in rows)) for i in range(3)]
    model = LocationScale(law, prepared.units.line, prepared.gram, 0.0, True)
    params = LineParams(np.array([0.1, 0.2, -0.1]), np.array(0.3))
    whole = model.e_step(prepared.residuals(rows), params)
    data = [prepared.residuals(part) for part in parts]
    blocks = [model.e_step(block, params) for block in data]
    for field, value in enumerate(whole[0]):
        assert_allclose(sum(stats[field] for stats, _ in blocks), value, rtol=1e-11, atol=1e-11)
    assert_allclose(sum(value for _, value in blocks), whole[1], rtol=1e-12)
    one = fit_em(model, Blocks(data), start=params)
    other = fit_em(model, prepared.residuals(rows), start=params)
    assert_allclose(flat(one.params), flat(other.params), atol=1e-7)


def test_a_step_ends_at_the_floor_of_the_scale():
    """Exact rows on a line: the likelihood grows until the scale can fall no further."""
    X = np.arange(5.0)[:, None]
    y = 2.0 * X[:, 0] + 1.0
    model, data, _ = generic(GumbelMin(), X, y, y)
    result = fit_em(model, data, start=start_of(model))
    assert_allclose(float(result.params.log_scale), np.log(FLOOR), atol=1e-5)
    assert (np.diff(result.history) >= 0.0).all()


# A law of one's own


@dataclass(frozen=True)
class GumbelMax(Law):
    """The smallest extreme, mirrored: what a law must say, and no more."""

    def log_pdf_derivatives(self, z):
        return self._mirrored(GumbelMin().log_pdf_derivatives(-z))

    def log_sf_derivatives(self, z):
        return self._mirrored(GumbelMin().log_cdf_derivatives(-z))

    def log_cdf_derivatives(self, z):
        return self._mirrored(GumbelMin().log_sf_derivatives(-z))

    def inverse_log_sf(self, log_sf):
        return -GumbelMin().inverse_log_cdf(log_sf)

    def inverse_log_cdf(self, log_cdf):
        return -GumbelMin().inverse_log_sf(log_cdf)

    def mean(self):
        return -GumbelMin().mean()

    def truncated_mean(self, a, b, width):
        return -GumbelMin().truncated_mean(-b, -a, width)

    def _mirrored(self, log):
        return Derivatives(log.value, -log.first, log.second)


def test_a_new_law_has_a_model_at_once():
    X, low, high, _ = problem(seed=7)
    data, units, gram = prepare(X, low, high, None, True, summarise=False)
    model = GumbelMax().model(units.line, gram, 0.0, True)
    result = fit_em(model, data, start=start_of(model), tol=1e-10)
    other_model, other_data, other_units = generic(GumbelMin(), X, -high, -low)
    other = fit_em(other_model, other_data, start=start_of(other_model), tol=1e-10)
    assert_allclose(result.objective, other.objective, rtol=1e-12)
    coef, intercept, scale = units.to_user(*result.params)
    mirrored = other_units.to_user(*other.params)
    assert_allclose(coef, -mirrored[0], atol=1e-6)
    assert_allclose([intercept, scale], [-mirrored[1], mirrored[2]], atol=1e-6)
