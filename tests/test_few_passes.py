"""No pass over the rows that says nothing new: ends of runs, first sums, standard errors."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone

from emkit import EMCensoredRegressor
from emkit.engine import EMModel, check_model, fit_em
from emkit.exceptions import ModelError
from emkit.models.censored import first_line, normal_equations
from emkit.models.censored.column_scaling import column_scaling
from emkit.models.censored.data import Responses
from emkit.models.censored.design import KEPT, STEP_ROWS, Tiles, WorkedOutDesign, by_tile, steps
from emkit.models.censored.line import LineParams
from emkit.models.censored.location_scale import LocationScale
from emkit.models.censored.standardised import Standardised
from emkit.models.laws.generalized_gamma import GeneralizedGamma
from emkit.models.laws.gumbel import GumbelMin
from emkit.models.laws.logistic import Logistic
from emkit.models.rows import BLOCK_ROWS, Rows, measure_scaling
from emkit.numerics.long_rows import TOGETHER, in_long_rows, repeated


class Rate(NamedTuple):
    log_rate: np.ndarray


class Sums(NamedTuple):
    total: np.ndarray
    expected: np.ndarray


class Newton(EMModel):
    """Newton's steps to the logarithm of a Poisson rate."""

    backtracks = True

    def initialize(self, data, rng):
        return Rate(np.array(0.0))

    def e_step(self, data, params):
        log_rate, n = float(params.log_rate), len(data)
        stats = Sums(np.array(data.sum()), np.array(n * np.exp(log_rate)))
        return stats, float(data.sum() * log_rate - n * np.exp(log_rate))

    def m_step(self, stats, params):
        return Rate(params.log_rate + (stats.total - stats.expected) / stats.expected)


class Telling(Newton):
    def remaining_gain(self, stats, params):
        return float(0.5 * (stats.total - stats.expected) ** 2 / stats.expected)


@pytest.mark.parametrize("tol", [1e-2, 1e-8])
def test_what_is_left_to_gain_ends_a_run_where_more_steps_tell_nothing(tol):
    data = np.random.default_rng(0).poisson(3.0, 1000).astype(float)
    check_model(Telling(), data)
    plain = fit_em(Newton(), data, acceleration=None, tol=tol)
    told = fit_em(Telling(), data, acceleration=None, tol=tol)
    assert told.converged and told.n_evaluations < plain.n_evaluations
    assert_allclose(told.params.log_rate, np.log(data.mean()), atol=1e-5 if tol == 1e-2 else 1e-6)
    assert_array_equal(told.history, plain.history[: len(told.history)])


def test_a_tolerance_of_0_asks_for_all_steps():
    data = np.random.default_rng(0).poisson(3.0, 1000).astype(float)
    runs = [fit_em(model, data, acceleration=None, tol=0.0) for model in (Newton(), Telling())]
    assert runs[0].n_evaluations == runs[1].n_evaluations


def test_what_is_left_to_gain_is_a_number():
    class Silent(Telling):
        def remaining_gain(self, stats, params):
            return "much"

    with pytest.raises(ModelError, match="remaining_gain"):
        fit_em(Silent(), np.ones(3))


@pytest.mark.parametrize("n", [0, 1, TOGETHER, 3 * TOGETHER + 5])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_are_standardised_to_the_last_bit(n, intercept, dtype):
    rng = np.random.default_rng(n)
    X, shift, scale = (
        rng.normal(size=(n, 3)).astype(dtype),
        rng.normal(size=3),
        rng.uniform(1, 2, 3),
    )
    units = Standardised(shift, scale, np.zeros(3 + intercept), 0.0, 1.0, intercept)
    expected = np.subtract(X, shift, dtype=float) / scale
    if intercept:
        expected = np.column_stack([np.ones(n), expected])
    assert_array_equal(units.design(X), expected)


def mixed(n, seed=0, weighted=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1.0, 1e3, 1e-3] + [0.0, 1e4, 5.0]
    y = (X - X.mean(0)) / X.std(0) @ [1.0, -0.5, 0.3] + np.log(rng.exponential(size=n))
    limit = rng.normal(size=n)
    low, high = np.minimum(y, limit), np.where(y < limit, y, np.inf)
    weight = rng.uniform(0.1, 3.0, n) if weighted else None
    return X, low, high, weight


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_first_sums_show_what_a_pass_shows(monkeypatch, weighted, intercept):
    rows = Responses(*mixed(500, weighted=weighted))
    data = first_line.Undivided(rows)
    shown = first_line.prepare_blocks(data, intercept, summarise=False)
    monkeypatch.setattr(normal_equations, "KEPT_SQUARES", np.inf)
    passed = first_line.prepare_blocks(data, intercept, summarise=False)
    for one, other in zip(shown.exact, passed.exact, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-9)
    assert_allclose(shown.exact_total, passed.exact_total, rtol=1e-12)
    assert_allclose(shown.units.spread, passed.units.spread, rtol=1e-10)
    for one, other in zip(shown.starts, passed.starts, strict=True):
        assert_allclose(one[0], other[0], atol=1e-9)
        assert_allclose(one[1], other[1], atol=1e-10)


@pytest.mark.parametrize("law", [GumbelMin(), Logistic(), GeneralizedGamma(-0.5)])
def test_a_start_has_mean_and_spread_of_the_law(law):
    """Residuals about the first line have mean 0, and the spread that is its scale."""
    mean = LineParams(np.array([0.3, 2.0]), np.array(-0.4))
    params = LocationScale(law, np.zeros(2), np.eye(2), 0.0, True).of_moments(mean)
    scale = np.exp(params.log_scale)
    assert params.coef[0] + scale * law.mean() == pytest.approx(0.3)
    assert params.coef[1] == 2.0
    quartiles = scale * law.quantile(np.array([0.25, 0.75]))
    assert np.ptp(quartiles) == pytest.approx(
        np.exp(-0.4) * np.ptp(norm.ppf([0.25, 0.75])), rel=1e-3
    )
    without = LocationScale(law, np.zeros(2), np.eye(2), 0.0, False).of_moments(mean)
    assert_array_equal(without.coef, mean.coef)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("entry", [False, True])
def test_gradients_are_those_of_a_whole_pass(weighted, entry):
    X, low, high, weight = mixed(3 * STEP_ROWS + 7, weighted=weighted)
    rows = Responses(X, low, high, weight, low - 1.0 if entry else None)
    prepared = first_line.prepare_blocks(first_line.Undivided(rows), True, summarise=False)
    data = prepared.residuals(rows)
    model = LocationScale(GumbelMin(), prepared.units.line, prepared.gram, 0.0, True)
    params = LineParams(np.array([0.1, -0.2, 0.0, 0.3]), np.array(-0.3))
    (stats, value), (gradient, same) = model.e_step(data, params), model.gradient_step(data, params)
    assert value == same and stats.memory == gradient.memory
    assert_array_equal(gradient.gradient, stats.gradient)
    assert not gradient.information.any()


@pytest.mark.parametrize("options", [{}, {"alpha": 3.0}, {"strata": [3]}, {"entry": True}])
def test_where_a_climb_sets_out_from_changes_no_answer(options):
    """From a sample and gradients that correct its curvature, as from the first line."""
    X, low, high, _ = mixed(20_000)
    X = np.column_stack([X, np.arange(len(X)) % 2]) if "strata" in options else X
    y = [low, high, low - 1.0] if options.pop("entry", False) else [low, high]
    data = X, np.column_stack(y)
    model = EMCensoredRegressor(distribution="extreme", **options)
    led = clone(model).fit(*data)
    plain = model.set_params(acceleration=None).fit(*data)
    assert led.n_iter_ < plain.n_iter_
    assert_allclose(led.coef_, plain.coef_, atol=1e-7 * plain.standard_errors_[1:4].min())
    assert_allclose(led.scale_, plain.scale_, rtol=1e-9)
    assert_allclose(led.standard_errors_, plain.standard_errors_, rtol=1e-6)


@pytest.mark.parametrize("n", [1, TOGETHER, 300])
@pytest.mark.parametrize("unit", [1e-180, 1e-3, 1e180])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_pass_tells_the_scalings_that_two_tell(n, unit, order, weighted):
    rng = np.random.default_rng(n)
    X = np.array(unit * (rng.normal(size=(n, 3)) + 5.0), order=order)
    rows = Rows(X, rng.uniform(0.1, 3.0, n) if weighted else None)
    found, careful = column_scaling(rows), measure_scaling(rows)
    assert_allclose(found.shift, careful.shift, rtol=1e-13)
    assert_allclose(found.scale, careful.scale, rtol=1e-12)


@pytest.mark.parametrize("n", [0, 1, TOGETHER, 2 * TOGETHER + 3])
@pytest.mark.parametrize("d", [0, 1, 3])
def test_long_rows_have_every_row_once(n, d):
    table, seen = np.zeros((n, d)), 0
    for rows, times in in_long_rows(table):
        rows += repeated(np.arange(d) + 1.0, times)
        seen += len(rows) * times
    assert seen == n
    assert_array_equal(table, np.tile(np.arange(d) + 1.0, (n, 1)))


@pytest.mark.parametrize("name", ["extreme", "logistic"])
def test_standard_errors_take_no_pass_of_their_own(monkeypatch, name):
    """Of rows in blocks neither."""
    X, low, high, _ = mixed(2 * BLOCK_ROWS)
    seen = []
    plain = LocationScale.e_step

    def counted(self, data, params):
        seen.append(len(data.design))
        return plain(self, data, params)

    monkeypatch.setattr(LocationScale, "e_step", counted)
    model = EMCensoredRegressor(distribution=name).fit(X, np.column_stack([low, high]))
    assert np.isfinite(model.standard_errors_).all()
    assert seen.count(BLOCK_ROWS) == 2 * (model.n_iter_ + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_design_that_is_worked_out_is_that_which_is_kept(dtype):
    """Of many rows, and of few after them, which take its buffers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * STEP_ROWS + 5, 3)).astype(dtype)
    units = Standardised(X.mean(axis=0), X.std(axis=0), np.zeros(4), 0.0, 1.0, True)
    coef = rng.normal(size=4)
    for rows in rng.permutation(len(X)), np.arange(0, len(X), 1000), np.arange(0):
        worked_out, kept = WorkedOutDesign(X, rows, units), units.design(X[rows])
        assert worked_out.shape == kept.shape
        assert_array_equal(worked_out, kept)
        assert_array_equal(worked_out.kept(), kept)
        assert_array_equal(worked_out[::3], kept[::3])
        assert_array_equal(worked_out[kept[:, 1] > 0.0], kept[kept[:, 1] > 0.0])
        assert_allclose(worked_out @ coef, kept @ coef, rtol=1e-13, atol=1e-13)
        columns = by_tile(worked_out)
        for part in steps(len(rows)):
            assert_array_equal(columns(part), by_tile(kept)(part))


def test_buffers_of_wide_rows_are_let_go():
    X = np.broadcast_to(0.0, (STEP_ROWS, 300))
    units = Standardised(np.zeros(300), np.ones(300), np.zeros(301), 0.0, 1.0, True)
    tiles = by_tile(WorkedOutDesign(X, np.arange(STEP_ROWS), units))
    assert tiles(slice(0, 9)).shape == (9, 301)
    del tiles
    assert all(room.size <= KEPT for room in Tiles._idle)
