"""The contract between models and the engine: trees that nest, retraction, steps that backtrack."""

import inspect
import pickle
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from marks import cut_short
from scipy import stats
from systems import Counts, Poisson, Rates

import emkit
from emkit.base.estimator import EM_CONSTRAINTS
from emkit.engine import (
    EM,
    Algorithm,
    Blocks,
    Climber,
    EMModel,
    Genetic,
    LatentClassModel,
    MonteCarloEM,
    OnlineEM,
    RunOptions,
    Search,
    StochasticEM,
    StopReason,
    fit_em,
    standard_errors,
    tree,
)
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.fit import ALGORITHMS
from emkit.engine.search import SEARCHES
from emkit.exceptions import DataWarning, ModelError

DAYS = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1.0])
TABLE = np.column_stack([np.arange(10.0), DAYS])
START = Rates(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
SCHEMES = (None, *ACCELERATIONS)


def rises(history):
    return bool((np.diff(history) >= -1e-13 * np.abs(history[:-1])).all())


# Parameters and statistics in parts


class Law(NamedTuple):
    rates: np.ndarray


class Nested(NamedTuple):
    law: Law
    weights: np.ndarray


class Events(NamedTuple):
    sum: np.ndarray


class NestedCounts(NamedTuple):
    n: np.ndarray
    law: Events


class NestedPoisson(Poisson):
    """The Poisson mixture with what is Poisson in a part of its own."""

    def initialize(self, table, rng):
        return nested(super().initialize(table, rng))

    def log_joint(self, table, bound):
        return super().log_joint(table, flat(bound))

    def statistics(self, table, resp, work, bound):
        n, events = super().statistics(table, resp, work, flat(bound))
        return NestedCounts(n, Events(events))

    def m_step(self, stats, params):
        return nested(super().m_step(Counts(stats.n, stats.law.sum), flat(params)))

    def complete_score(self, stats, params):
        return nested(super().complete_score(Counts(stats.n, stats.law.sum), flat(params)))

    def is_feasible(self, params):
        return super().is_feasible(flat(params))

    def weight_of(self, table):
        return table[:, 1].sum()


def nested(params):
    return Nested(Law(params.rates), params.weights)


def flat(params):
    return Rates(params.weights, params.law.rates)


def numbers(params):
    return np.concatenate([np.ravel(leaf) for leaf in params])


@pytest.mark.parametrize("acceleration", SCHEMES)
def test_parts_of_parameters_change_nothing(acceleration):
    options = {"acceleration": acceleration, "tol": 1e-6}
    plain = fit_em(Poisson(), TABLE, start=START, **options)
    data = Blocks([TABLE[:4], TABLE[4:]])
    parts = fit_em(NestedPoisson(), data, start=nested(START), **options)
    assert parts.n_evaluations == plain.n_evaluations
    np.testing.assert_allclose(flat(parts.params), plain.params, rtol=1e-7)
    errors = standard_errors(NestedPoisson(), data, parts)
    expected = standard_errors(Poisson(), TABLE, plain)
    np.testing.assert_allclose(flat(errors), expected, rtol=1e-6)


def test_a_warning_names_a_parameter_by_its_path():
    params = Nested(Law(np.full(2, TABLE[:, 0] @ DAYS / DAYS.sum())), np.array([0.5, 0.5]))
    with pytest.warns(DataWarning, match="No standard errors for law.rates, weights: not determ"):
        standard_errors(NestedPoisson(), TABLE, params)


def test_standard_errors_of_parts_are_those_of_the_whole():
    at = fit_em(Poisson(), TABLE, start=START, tol=1e-10).params
    for method in ("oakes", "sem"):
        expected = standard_errors(Poisson(), TABLE, at, method=method)
        errors = standard_errors(NestedPoisson(), TABLE, nested(at), method=method)
        np.testing.assert_allclose(flat(errors), expected, rtol=1e-6)


@cut_short
@pytest.mark.parametrize(
    "options",
    [
        {"search": Genetic(budget=60)},
        {"algorithm": "sem", "max_iter": 40},
        {"algorithm": "cem"},
        {"algorithm": MonteCarloEM(precision=0.1), "acceleration": "louis"},
        {"n_init": 2, "n_jobs": 2, "tol": 1e-11},
    ],
    ids=["genetic", "sem", "cem", "mcem", "n_jobs"],
)
def test_parts_go_through_every_form_and_search(options):
    data = Blocks([TABLE[:4], TABLE[4:]])
    plain = fit_em(Poisson(), data, random_state=0, **options)
    parts = fit_em(NestedPoisson(), data, random_state=0, **options)
    np.testing.assert_allclose(flat(parts.params), plain.params, rtol=1e-6)
    low, high = parts.interval()
    assert type(low) is type(high) is Nested
    assert type(pickle.loads(pickle.dumps(parts)).params.law) is Law


class Counted(Poisson):
    def weight_of(self, table):
        return table[:, 1].sum()


def test_a_stream_learns_parts():
    states = []
    for model, start in ((Counted(), START), (NestedPoisson(), nested(START))):
        online, state = OnlineEM(average=True), OnlineEM.start(start)
        for _ in range(20):
            state = online.update(model, state, TABLE)
        states.append(state)
    np.testing.assert_allclose(flat(states[1].estimate), states[0].estimate, rtol=1e-12)


def test_a_part_of_the_wrong_shape_is_named_by_its_path():
    class Wrong(NestedPoisson):
        def m_step(self, stats, params):
            return super().m_step(stats, params)._replace(law=Law(np.ones(3)))

    with pytest.raises(ModelError, match=r"m_step returned law\.rates of shape \(3,\), not \(2,\)"):
        fit_em(Wrong(), TABLE, start=nested(START))


def test_trees_are_taken_apart_and_put_together_again():
    params = Nested(Law(np.array([1.0, 2.0])), np.array(3.0))
    assert tree.named_leaves(params).keys() == {"law.rates", "weights"}
    vector = tree.flatten(params)
    np.testing.assert_array_equal(vector, [1.0, 2.0, 3.0])
    back = tree.restore(2.0 * vector, params)
    assert not tree.mismatch(back, params)
    np.testing.assert_array_equal(tree.flatten(tree.add(params, params)), tree.flatten(back))
    changed = tree.replace(params, {"law.rates": np.zeros(2)})
    assert tree.flatten(changed).tolist() == [0.0, 0.0, 3.0]
    assert "law of type ndarray, not Law" in tree.mismatch(params._replace(law=vector), params)


# Families that affine combinations leave


class Means(NamedTuple):
    weights: np.ndarray
    means: np.ndarray


class Sums(NamedTuple):
    n: np.ndarray
    x: np.ndarray


class Circle(LatentClassModel):
    """Normals with unit covariance whose means lie on the unit circle, and nowhere else."""

    n_classes = 3

    def initialize(self, rows, rng):
        angles = rng.uniform(0.0, 2.0 * np.pi, self.n_classes)
        means = np.column_stack([np.cos(angles), np.sin(angles)])
        return Means(np.full(self.n_classes, 1.0 / self.n_classes), means)

    def retract(self, params):
        lengths = np.linalg.norm(params.means, axis=1, keepdims=True)
        return params._replace(means=params.means / lengths)

    def log_joint(self, rows, bound):
        np.testing.assert_allclose(np.linalg.norm(bound.means, axis=1), 1.0, rtol=1e-12)
        squares = ((rows - bound.means[:, None]) ** 2).sum(axis=2)
        return np.log(bound.weights)[:, None] - 0.5 * squares, None

    def statistics(self, rows, resp, work, bound):
        return Sums(resp.sum(axis=1), resp @ rows)

    def m_step(self, stats, params):
        return self.retract(Means(stats.n / stats.n.sum(), stats.x))

    def complete_score(self, stats, params):
        weights = stats.n / params.weights - stats.n.sum()
        return Means(weights, stats.x - stats.n[:, None] * params.means)

    def is_feasible(self, params):
        return bool(np.isfinite(params.means).all() and (params.weights > 0.0).all())


class Unretracted(Circle):
    def retract(self, params):
        return params

    def m_step(self, stats, params):
        return Circle.retract(self, Means(stats.n / stats.n.sum(), stats.x))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    angles = np.array([0.3, 1.5, 3.5])[rng.integers(3, size=300)]
    return np.column_stack([np.cos(angles), np.sin(angles)]) + 0.5 * rng.normal(size=(300, 2))


@pytest.mark.parametrize("tol", [0.0, 1e-9])
@pytest.mark.parametrize("acceleration", SCHEMES)
def test_a_curved_family_is_climbed_without_leaving_it(rows, acceleration, tol):
    start = Circle().initialize(rows, np.random.default_rng(1))
    result = fit_em(Circle(), rows, start=start, acceleration=acceleration, tol=tol)
    plain = fit_em(Circle(), rows, start=start, acceleration=None, tol=0.0)
    assert result.converged and rises(result.history)
    assert result.objective == pytest.approx(plain.objective, abs=1e-6)


def test_without_retraction_an_extrapolation_leaves_the_family(rows):
    start = Circle().initialize(rows, np.random.default_rng(1))
    with pytest.raises(ModelError, match="Not equal to tolerance"):
        fit_em(Unretracted(), rows, start=start, tol=0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"search": Genetic(budget=200)},
        {"algorithm": StochasticEM(), "max_iter": 60},
        {"algorithm": MonteCarloEM(precision=0.1), "acceleration": None},
        {"algorithm": MonteCarloEM(precision=0.1), "acceleration": "louis", "random_state": 1},
        {"search": "annealing"},
    ],
    ids=["genetic", "sem", "mcem", "mcem-louis", "annealing"],
)
def test_averages_and_recombinations_are_retracted(rows, options):
    result = fit_em(Circle(), rows, **{"random_state": 0, **options})
    np.testing.assert_allclose(np.linalg.norm(result.params.means, axis=1), 1.0, rtol=1e-12)


def test_a_given_start_is_retracted(rows):
    start = Circle().initialize(rows, np.random.default_rng(1))
    away = start._replace(means=7.0 * start.means)
    one, other = (fit_em(Circle(), rows, start=s, max_iter=0).params for s in (start, away))
    np.testing.assert_allclose(one.means, other.means, rtol=1e-14)
    again = Circle().retract(other)
    np.testing.assert_allclose(again.means, other.means, rtol=1e-15)


def test_a_stream_and_its_average_are_retracted(rows):
    away = Circle().initialize(rows, np.random.default_rng(1))
    online = OnlineEM(average=True)
    state = OnlineEM.start(away._replace(means=7.0 * away.means))
    for batch in np.split(rows, 10):
        state = online.update(Circle(), state, batch)
        for params in (state.params, state.estimate):
            np.testing.assert_allclose(np.linalg.norm(params.means, axis=1), 1.0, rtol=1e-12)


def test_the_models_own_proposal_and_chords_are_retracted(rows):
    class Longer(Circle):
        def propose(self, stats, params):
            image = self.m_step(stats, params)
            return image._replace(means=image.means + (image.means - params.means))

    start = Circle().initialize(rows, np.random.default_rng(1))
    result = fit_em(Longer(), rows, start=start, tol=1e-10)
    assert result.converged
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        # log_joint asserts where every point lies
        standard_errors(Longer(), rows, result, method="sem")


def test_what_retract_returns_is_checked(rows):
    class Wrong(Circle):
        def retract(self, params):
            return Sums(params.weights, params.means)

        def m_step(self, stats, params):
            return Circle.retract(self, Means(stats.n / stats.n.sum(), stats.x))

    start = Circle().initialize(rows, np.random.default_rng(1))
    with pytest.raises(ModelError, match="retract returned Sums, not Means"):
        fit_em(Wrong(), rows, start=start)


def test_by_default_parameters_are_in_the_model():
    params = Rates(np.array([0.5, 0.5]), np.array([1.0, 3.0]))
    assert Poisson().retract(params) is params


# Steps that may be too long


class LogRate(NamedTuple):
    theta: float


class Total(NamedTuple):
    n: float
    events: float


class Newton(EMModel):
    """The log-rate of Poisson counts by Newton's step, which is far too long from the left."""

    backtracks = True

    def initialize(self, counts, rng):
        return LogRate(-4.0)

    def e_step(self, counts, params):
        log_likelihood = stats.poisson.logpmf(counts, np.exp(params.theta)).sum()
        return Total(len(counts), counts.sum()), log_likelihood

    def m_step(self, stats, params):
        rate = np.exp(params.theta)
        return LogRate(params.theta + (stats.events - stats.n * rate) / (stats.n * rate))

    def is_feasible(self, params):
        return params.theta < 30.0


class NoWayBack(Newton):
    backtracks = False


@cut_short
@pytest.mark.parametrize("acceleration", SCHEMES)
def test_a_step_that_falls_is_halved(acceleration):
    counts = np.array([2.0, 5.0, 3.0, 6.0])
    result = fit_em(Newton(), counts, acceleration=acceleration, tol=1e-12)
    assert result.converged and rises(result.history)
    assert np.exp(result.params.theta) == pytest.approx(4.0, rel=1e-6)
    assert len(result.history) < result.n_evaluations  # some were halved
    assert len(result.log_likelihoods) == result.n_iter
    assert fit_em(NoWayBack(), counts, tol=1e-12).reason is StopReason.INFEASIBLE


@cut_short
@pytest.mark.parametrize("most", range(1, 8))
def test_halvings_count_as_points_tried(most):
    result = fit_em(Newton(), np.array([2.0, 5.0]), max_iter=most, tol=0.0)
    assert result.n_iter <= most and result.n_evaluations <= most + 1
    assert result.reason is StopReason.MAX_ITER


@cut_short
def test_a_step_that_falls_however_short_ends_the_run():
    class Downhill(Newton):
        def m_step(self, stats, params):
            return LogRate(params.theta - 1.0)

    options = {"start": LogRate(3.0), "acceleration": None}
    result = fit_em(Downhill(), np.full(100, 1e4), **options)
    assert result.reason is StopReason.DECREASE and result.params.theta == 3.0
    with pytest.raises(ModelError, match="m_step lowered the objective"):
        fit_em(NoWayDown(), np.full(100, 1e4), **options)


class NoWayDown(NoWayBack):
    def m_step(self, stats, params):
        return LogRate(params.theta - 1.0)


# Methods that a model need not offer


def test_optional_methods_are_none_and_described():
    missing = {name for name in dir(EMModel) if getattr(EMModel, name) is None}
    section = inspect.getdoc(EMModel).split("Methods\n")[1].split("See Also")[0]
    assert missing - {"__hash__"} == set(re.findall(r"^(\w+)\(", section, re.MULTILINE))


def test_no_method_is_compared_with_that_of_the_base_class():
    sources = Path(emkit.__file__).parent.rglob("*.py")
    pattern = re.compile(r"is (not )?(EM|MonteCarlo|LatentClass)Model\.")
    assert [path for path in sources if pattern.search(path.read_text())] == []


# What a search and a form of EM are told


class Told(Search):
    def __call__(self, climber, starts):
        self.climber = climber
        return climber(starts, replace(climber.options, max_iter=3))


def test_a_search_of_ones_own_gets_a_climber_with_the_options_of_the_fit():
    search = Told()
    result = fit_em(Poisson(), TABLE, search=search, tol=0.25, max_iter=7, n_init=2, random_state=0)
    assert isinstance(search.climber, Climber)
    assert isinstance(search.climber.options, RunOptions)
    assert (search.climber.options.tol, search.climber.options.max_iter) == (0.25, 7)
    assert [run.n_iter for run in result.runs] == [3, 3]


def test_a_search_may_be_any_callable():
    def search(climber, starts):
        return climber(starts, algorithm=EM())

    one, other = (
        fit_em(Poisson(), TABLE, search=s, random_state=0, n_init=2) for s in (search, "restarts")
    )
    assert [run.objective for run in one.runs] == [run.objective for run in other.runs]


def test_a_form_of_em_is_told_the_options_of_its_run():
    class Noted(Algorithm):
        def run(self, model, data, start, rng, options):
            seen.append(options)
            return EM().run(model, data, start, rng, options)

    seen = []
    fit_em(Poisson(), TABLE, algorithm=Noted(), n_init=2, tol=0.5, random_state=0)
    assert [(options.run, options.tol) for options in seen] == [(0, 0.5), (1, 0.5)]


@cut_short
def test_the_registries_are_the_only_lists_of_names():
    for registry, argument in ((ACCELERATIONS, "acceleration"), (SEARCHES, "search")):
        assert EM_CONSTRAINTS[argument][0].options == set(registry)
        for name in registry:
            fit_em(Poisson(), TABLE, max_iter=2, random_state=0, **{argument: name})
    assert set(ALGORITHMS) == {"em", "cem", "sem", "mcem", "saem"}
