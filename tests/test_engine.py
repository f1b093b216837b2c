"""The engine on models of a few lines: the loop, acceleration, search."""

import warnings

import numpy as np
import pytest
from marks import cut_short
from scipy import stats
from systems import OFFSPRING, Linkage, LinkageVariant, Poisson, Rates, Theta, death_notices

from emkit.engine import (
    Acceleration,
    Anderson,
    Blocks,
    Louis,
    ShortRuns,
    Squarem,
    StopReason,
    fit_em,
    hard,
)
from emkit.exceptions import InfeasibleError

ACCELERATIONS = [None, "anderson", "squarem", Anderson(order=2, damping=1.0), Squarem()]


@pytest.fixture(params=["linkage_classic", "linkage_variant"])
def linkage(request, golden):
    case = golden("linkage.json")[request.param]
    model = Linkage() if request.param == "linkage_classic" else LinkageVariant()
    return model, np.array(case["data"]), case


@pytest.fixture(scope="module")
def deaths():
    return death_notices()


START = Rates(np.array([0.3, 0.7]), np.array([1.0, 2.5]))


# One run


@cut_short
def test_plain_iterates_are_the_published_ones(linkage):
    model, counts, case = linkage
    seen = []
    fit_em(
        model,
        counts,
        start=Theta(0.5),
        acceleration=None,
        tol=0.0,
        max_iter=6,
        callback=lambda state: seen.append(state.params.t),
    )
    np.testing.assert_allclose(seen, np.array(case["em_iterates"], float), rtol=0, atol=1e-12)


@pytest.mark.parametrize("acceleration", ACCELERATIONS)
@pytest.mark.parametrize("tol", [0.0, 1e-13])
def test_maximum_of_the_linkage_data(linkage, acceleration, tol):
    model, counts, case = linkage
    result = fit_em(model, counts, start=Theta(0.5), acceleration=acceleration, tol=tol)
    assert result.converged and result.reason == StopReason.TOLERANCE
    assert result.params.t == pytest.approx(float(case["mle"]), rel=0, abs=1e-10)
    assert result.log_likelihood == pytest.approx(float(case["loglik_kernel_at_mle"]))


@cut_short
def test_plain_em_is_a_hand_written_loop_to_the_last_bit(deaths):
    model, params, iterates = Poisson(), START, []
    for _ in range(40):
        stats, _ = model.e_step(deaths, params)
        params = model.m_step(stats, params)
        iterates.append(params)
    seen = []
    fit_em(
        model,
        deaths,
        start=START,
        acceleration=None,
        tol=0.0,
        max_iter=40,
        callback=lambda state: seen.append(state.params),
    )
    for ours, theirs in zip(seen[1:], iterates, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_objective_never_falls_and_is_that_of_the_params(deaths, acceleration):
    model = Poisson()
    result = fit_em(model, deaths, start=START, acceleration=acceleration, max_iter=3000)
    assert result.converged
    assert (np.diff(result.history) >= 0).all()
    assert result.history[-1] == result.objective == model.e_step(deaths, result.params)[1]
    assert len(result.log_likelihoods) == result.n_iter
    assert result.log_likelihoods[-1] == result.log_likelihood


@pytest.mark.parametrize("acceleration", ["anderson", "squarem"])
def test_acceleration_reaches_the_same_stationary_point_sooner(deaths, acceleration):
    plain = fit_em(Poisson(), deaths, start=START, acceleration=None, max_iter=5000, tol=1e-9)
    fast = fit_em(Poisson(), deaths, start=START, acceleration=acceleration, tol=1e-9)
    assert fast.n_evaluations < plain.n_evaluations / 5
    assert fast.objective >= plain.objective - 1e-7

    def objective(free):
        weight, *rates = free
        params = Rates(np.array([weight, 1 - weight]), np.array(rates))
        return Poisson().e_step(deaths, params)[1]

    at = np.array([fast.params.weights[0], *fast.params.rates])
    step = 1e-4
    gradient = [
        (objective(at + step * unit) - objective(at - step * unit)) / (2 * step)
        for unit in np.eye(3)
    ]
    # The gradient of the start is in the hundreds.
    np.testing.assert_allclose(gradient, 0.0, atol=2e-2)


@cut_short
def test_evaluations_are_counted_and_max_iter_caps_all_points_tried(deaths):
    calls = []

    class Counted(Poisson):
        def e_step(self, *args, **kwargs):
            calls.append(1)
            return super().e_step(*args, **kwargs)

    for cap in (0, 1, 7):
        calls.clear()
        result = fit_em(Counted(), deaths, start=START, tol=0.0, max_iter=cap)
        assert result.n_iter == cap
        assert result.n_evaluations == len(calls) <= cap + 1
        assert result.reason == StopReason.MAX_ITER and not result.converged


def test_callback_sees_every_accepted_iterate_and_can_stop(deaths):
    seen = []

    def stop_after_three(state):
        seen.append(state)
        return state.n_iter == 3

    result = fit_em(
        Poisson(), deaths, start=START, acceleration=None, tol=0.0, callback=stop_after_three
    )
    assert result.reason == StopReason.CALLBACK and not result.converged
    assert [state.objective for state in seen] == result.history.tolist()
    assert seen[0].gain == np.inf


def test_boundary_is_reached_without_noise():
    """Two rates for data of one: weights or rates run together, proposals leave the simplex."""
    table = np.array([[2.0, 100.0], [3.0, 100.0]])
    for acceleration in ACCELERATIONS:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = fit_em(
                Poisson(),
                table,
                start=Rates(np.array([0.9, 0.1]), np.array([2.4, 6.0])),
                acceleration=acceleration,
                max_iter=2000,
            )
        assert (np.diff(result.history) >= 0).all()
        one_rate = stats.poisson.logpmf(table[:, 0], 2.5) @ table[:, 1]
        assert result.objective == pytest.approx(one_rate, abs=1e-3)


def test_blocks_add_up(deaths):
    whole = fit_em(Poisson(), deaths, start=START)
    parts = fit_em(Poisson(), Blocks([deaths[:3], deaths[3:4], deaths[4:]]), start=START)
    assert parts.objective == pytest.approx(whole.objective, rel=1e-12)
    np.testing.assert_allclose(parts.params.rates, whole.params.rates, rtol=1e-6)
    with pytest.raises(ValueError, match="at least one block"):
        Blocks([])
    drawn = fit_em(Poisson(), Blocks([deaths[:5], deaths[5:]]), random_state=0)
    assert drawn.converged


def test_prior_is_part_of_the_objective():
    class Beta(Linkage):
        """A Beta(3, 3) prior on t."""

        def m_step(self, stats, params):
            return Theta((stats.toward + 2) / (stats.toward + stats.away + 4))

        def log_prior(self, params):
            return 2 * np.log(params.t * (1 - params.t))

    counts = OFFSPRING
    result = fit_em(Beta(), counts, start=Theta(0.5), acceleration=None, tol=1e-11)
    assert (np.diff(result.history) >= 0).all()
    expected = Beta().log_prior(result.params)
    assert result.objective - result.log_likelihood == pytest.approx(expected, rel=1e-12)
    grid = np.linspace(0.01, 0.99, 9801)
    cells = np.array([2 + grid, 1 - grid, 1 - grid, grid]) / 4
    assert result.params.t == pytest.approx(
        grid[np.argmax(counts @ np.log(cells) + 2 * np.log(grid * (1 - grid)))], abs=1e-4
    )


def test_hard_assignment_is_monotone_in_the_classification_likelihood(deaths):
    class Classification(Poisson):
        def e_step(self, data, params):
            return super().e_step(data, params, posterior=hard)

    apart = Rates(np.array([0.5, 0.5]), np.array([0.5, 4.0]))
    result = fit_em(Classification(), deaths, start=apart, acceleration=None)
    assert result.converged and (np.diff(result.history) >= 0).all()
    resp, _ = hard(Poisson().log_joint(deaths, result.params)[0])
    assert set(np.unique(resp)) == {0.0, 1.0}
    np.testing.assert_array_equal(resp.sum(axis=0), 1.0)


# Many runs


def test_starts_do_not_depend_on_how_many_there_are(deaths):
    few = fit_em(Poisson(), deaths, n_init=2, random_state=3, max_iter=0)
    many = fit_em(Poisson(), deaths, n_init=5, random_state=3, max_iter=0)
    assert many.runs[:2] == few.runs
    assert len({run.objective for run in many.runs}) == 5


@pytest.mark.parametrize("random_state", [7, np.random.RandomState(7), np.random.default_rng(7)])
def test_random_state_takes_every_kind(deaths, random_state):
    result = fit_em(Poisson(), deaths, n_init=2, random_state=random_state)
    assert result.converged and len(result.runs) == 2


def test_best_run_is_kept_and_ties_go_to_the_first(deaths):
    swapped = Rates(START.weights[::-1], START.rates[::-1])
    poor = Rates(np.array([0.5, 0.5]), np.array([2.0, 2.0]))  # a saddle: one rate
    tied = fit_em(Poisson(), deaths, start=[poor, START, swapped])
    assert tied.params.rates[0] < tied.params.rates[1]
    again = fit_em(Poisson(), deaths, start=[swapped, START, poor])
    assert again.params.rates[0] > again.params.rates[1]
    assert tied.runs[0].objective < tied.objective
    assert max(run.objective for run in tied.runs) <= tied.objective + 1e-8


def test_n_jobs_changes_nothing():
    one, two = (
        fit_em(Linkage(), OFFSPRING, n_init=4, n_jobs=n_jobs, random_state=0) for n_jobs in (1, 2)
    )
    assert one.params == two.params
    assert one.runs == two.runs


@cut_short
def test_short_runs_go_on_with_the_best(deaths):
    result = fit_em(
        Poisson(), deaths, n_init=6, search=ShortRuns(n_iter=3), random_state=0, tol=1e-9
    )
    long = [run for run in result.runs if run.n_iter > 3]
    assert len(result.runs) == 6 and len(long) == 1 and result.converged
    assert long[0].objective == result.objective == result.history[-1]
    assert (np.diff(result.history) >= 0).all()
    short = fit_em(Poisson(), deaths, n_init=6, max_iter=3, acceleration=None, random_state=0)
    assert np.argmax([run.objective for run in short.runs]) == result.runs.index(long[0])


def test_failing_starts_are_recorded_and_skipped(deaths):
    bad = Rates(np.array([0.5, 0.5]), np.array([-1.0, 2.0]))
    result = fit_em(Poisson(), deaths, start=[bad, START])
    assert result.converged
    assert result.runs[0].reason == StopReason.INFEASIBLE and np.isnan(result.runs[0].objective)
    assert "not defined" in result.runs[0].message
    with pytest.raises(InfeasibleError, match="All 2 starts failed") as caught:
        fit_em(Poisson(), deaths, start=[bad, bad])
    assert len(caught.value.runs) == 2


@cut_short
def test_a_run_that_collapses_ends_at_its_last_feasible_point_and_loses():
    class Collapsing(Linkage):
        def m_step(self, stats, params):
            if params.t > 0.6:
                raise np.linalg.LinAlgError
            return super().m_step(stats, params)

    result = fit_em(Collapsing(), OFFSPRING, start=Theta(0.5), acceleration=None)
    assert result.reason == StopReason.INFEASIBLE and not result.converged
    assert 0.6 < result.params.t < 1


# Accelerations


@pytest.mark.parametrize(("order", "damping"), [(0, 0.5), (3, 0.0), (3, 1.5)])
def test_bad_anderson(order, damping):
    with pytest.raises(ValueError, match="must be"):
        Anderson(order, damping)


class Overrelaxation(Acceleration):
    def __init__(self, factor=1.5):
        self.factor = factor
        self.n_taken = 0

    def propose(self, point, image):
        return point + self.factor * (image - point)

    def feedback(self, better):
        self.n_taken += better


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        (Anderson(), "Anderson(order=5, damping=0.5, below=inf)"),
        (Squarem(below=2.0), "Squarem(below=2.0)"),
        (Louis(), "Louis(below=0.1)"),
        (Overrelaxation(factor=1.2), "Overrelaxation(factor=1.2)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_acceleration_shows_its_arguments(scheme, text):
    assert repr(scheme) == text
    again = eval(text, {**globals(), "inf": np.inf})
    assert repr(again) == text


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("form", [lambda x: x, lambda x: (x, x)])
@pytest.mark.parametrize("listed", [True, False])
def test_no_start_is_drawn_from_an_empty_block(listed, form, place):
    class Again:
        def __init__(self, blocks):
            self.blocks = blocks

        def __iter__(self):
            return iter(self.blocks)

    parts = [np.arange(3.0), np.arange(4.0)]
    parts.insert(place, np.empty(0))
    blocks = [form(part) for part in parts]
    data = Blocks(blocks if listed else Again(blocks))
    for seed in range(8):
        block = data.start_block(np.random.default_rng(seed))
        assert len(block[0] if isinstance(block, tuple) else block)
