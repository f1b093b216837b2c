"""Where the objective is flat to rounding: runs go on by the length of EM's own step, and end."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import optimize
from systems import Counts, Poisson, Rates

from emkit.engine import Blocks, EMModel, StopReason, fit_em
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.flat_steps import FlatSteps
from emkit.engine.steps import Point

#: Days with so many death notices of women of 80 and over (Hasselblad 1969).
DAYS = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
NOTICES = np.column_stack([np.arange(10.0), DAYS])
START = Rates(np.array([0.5, 0.5]), np.array([1.0, 3.0]))
#: Most E-steps, where plain EM takes more than 6,000.
MOST = {"anderson": 60, "squarem": 150, "louis": 60}


def numbers(params):
    return np.concatenate([np.ravel(leaf) for leaf in params])


@pytest.fixture(scope="module")
def fixed_point():
    """Where the score of the death notices is zero."""
    model = Poisson()

    def score(free):
        weights = np.array([free[0], 1.0 - free[0]])
        params = Rates(weights, free[1:])
        gradient = model.complete_score(model.e_step(NOTICES, params)[0], params)
        return [gradient.weights[0] - gradient.weights[1], *gradient.rates]

    root = optimize.root(score, [0.36, 1.256, 2.663], tol=1e-14).x
    return np.array([root[0], 1.0 - root[0], *root[1:]])


@pytest.mark.parametrize("tol", [0.0, 1e-11])
@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_the_death_notices_stand_still_in_few_e_steps(fixed_point, acceleration, tol):
    result = fit_em(Poisson(), NOTICES, start=START, acceleration=acceleration, tol=tol)
    assert result.converged and result.reason is StopReason.TOLERANCE
    assert result.n_evaluations <= MOST[acceleration]
    np.testing.assert_allclose(numbers(result.params), fixed_point, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_neither_the_order_of_sums_nor_that_of_classes_matters(
    fixed_point, acceleration, blocks, order
):
    start = Rates(START.weights[order], START.rates[order])
    data = Blocks(np.array_split(NOTICES[::-1], blocks))
    result = fit_em(Poisson(), data, start=start, acceleration=acceleration, tol=0.0)
    # SQUAREM multiplies rounding by the square of its step, and is the less steady for it.
    assert result.n_evaluations <= (3 if acceleration == "squarem" else 1) * MOST[acceleration]
    assert result.converged
    found = Rates(*(leaf[order] for leaf in result.params))
    np.testing.assert_allclose(numbers(found), fixed_point, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("start", [START, Rates(np.array([0.3, 0.7]), np.array([1.0, 2.5]))])
@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_no_report_is_higher_than_the_maximum(acceleration, start):
    """Weights of an extrapolation that sum to 1 + 3e-11 would seem 3e-8 nats above it."""
    reported = []
    result = fit_em(
        Poisson(),
        NOTICES,
        start=start,
        acceleration=acceleration,
        tol=0.0,
        callback=lambda state: reported.append(state.objective),
    )
    assert np.diff(reported).min() >= -1e-10  # a few times the rounding of the objective
    assert max(reported) <= result.objective + 1e-10


def test_plain_em_goes_on_until_it_stands_still(fixed_point):
    near = Rates(np.array([0.3599, 0.6401]), np.array([1.2561, 2.6634]))
    result = fit_em(Poisson(), NOTICES, start=near, acceleration=None, tol=0.0, max_iter=10_000)
    assert result.converged
    np.testing.assert_allclose(numbers(result.params), fixed_point, rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("tol", [0.0, 1e-11, 1e-8])
@pytest.mark.parametrize("acceleration", ACCELERATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_the_objective_never_falls_and_is_that_of_the_parameters(acceleration, tol, seed):
    model, rng = Poisson(), np.random.default_rng(seed)
    start, states = model.initialize(NOTICES, rng), []
    result = fit_em(
        model, NOTICES, start=start, acceleration=acceleration, tol=tol, callback=states.append
    )
    assert result.converged
    noise = model.objective_rounding(result.params, result.objective)
    assert (np.diff(result.history) >= -noise).all()
    assert result.objective == result.history[-1] == states[-1].objective
    assert result.objective == model.e_step(NOTICES, result.params)[1]
    # An extrapolation rounds weights off their sum, which makes it look higher than it is.
    assert result.params.weights.sum() == pytest.approx(1.0, abs=1e-13)


class Wobbling(NamedTuple):
    weights: np.ndarray
    rates: np.ndarray
    zero: np.ndarray


class Wobble(Poisson):
    """With parameters that are zero, but for rounding that never ends."""

    def log_joint(self, table, bound):
        return super().log_joint(table, Rates(bound.weights, bound.rates))

    def statistics(self, table, resp, work, bound):
        return super().statistics(table, resp, work, Rates(bound.weights, bound.rates))

    def m_step(self, stats, params):
        image = super().m_step(Counts(stats.n, stats.events), params)
        digits = np.frexp(image.rates)[0] * 2.0**30
        return Wobbling(*image, 1e-17 * (digits - np.rint(digits)))

    def is_feasible(self, params):
        return super().is_feasible(params) and bool(np.isfinite(params.zero).all())


@pytest.mark.parametrize("acceleration", ["anderson", "squarem"])
def test_an_array_that_is_rounding_hides_no_other_one(fixed_point, acceleration):
    start = Wobbling(*START, np.zeros(2))
    result = fit_em(Wobble(), NOTICES, start=start, acceleration=acceleration, tol=0.0)
    assert result.converged
    found = numbers(result.params[:2])
    np.testing.assert_allclose(found, fixed_point, rtol=0.0, atol=1e-8)


class Mean(NamedTuple):
    mean: float


class Sum(NamedTuple):
    n: float
    x: float


class Complete(EMModel):
    """Nothing is missing: one step leads to the maximum."""

    def initialize(self, rows, rng):
        return Mean(rng.normal())

    def e_step(self, rows, params):
        return Sum(len(rows), rows.sum()), -0.5 * ((rows - params.mean) ** 2).sum()

    def m_step(self, stats, params):
        return Mean(stats.x / stats.n)


@pytest.mark.parametrize("acceleration", [None, *ACCELERATIONS])
@pytest.mark.parametrize("rows", [[1.0, 2.0, 4.0], [-1.0, 1.0], [1e8, 1e8 + 1.0]])
def test_a_map_that_arrives_at_once_ends_at_once(acceleration, rows):
    rows = np.array(rows)
    result = fit_em(Complete(), rows, start=Mean(0.3), acceleration=acceleration, tol=0.0)
    assert result.converged and result.n_evaluations <= 4
    assert result.params.mean == rows.mean()


# What is rounding


def walk(steps, start=1.0, extrapolated=False):
    """How many steps are taken until they are held to be rounding; None if they are not."""
    flat = FlatSteps()
    flat.extrapolated = extrapolated
    here = Point(Mean(np.array(start)), None, 0.0, 0.0)
    for n, step in enumerate(steps, 1):
        there = Point(Mean(here.params.mean + step), None, 0.0, 0.0)
        if flat.stand_still(here, there):
            return n
        here = there
    return None


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("first", [1e-3, 1e-7])
def test_steps_that_shrink_are_not_rounding(rate, first):
    steps = first * rate ** np.arange(3000)
    steps = steps[steps > 1e-14]
    assert walk(steps) is None


def test_two_modes_that_cancel_are_not_rounding():
    k = np.arange(60)
    assert walk(1e-6 * (0.95**k - 1.9 * 0.3**k)) is None


@pytest.mark.parametrize("size", [1e-15, 1e-13, 1e-9])
def test_steps_to_and_fro_are_rounding(size):
    noise = np.random.default_rng(0).normal(size=200) * size
    assert walk(noise) < 60


def test_steps_that_differ_by_rounding_are_of_no_use_to_an_extrapolation():
    steps = 3e-14 * 0.9999 ** np.arange(40)
    assert walk(steps, extrapolated=True) < 6
    assert walk(steps) is None
