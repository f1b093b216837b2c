"""Searches: where runs start, which go on, what they cost, and what the genetic one recombines."""

from typing import NamedTuple

import numpy as np
import pytest
import systems
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import cut_short
from structures import dense, nearest
from systems import Rates

from emkit import EMGaussianMixture
from emkit.engine import (
    Annealing,
    ClassificationEM,
    EMModel,
    Genetic,
    Restarts,
    ShortRuns,
    SimulatedAnnealing,
    StopReason,
    fit_em,
)
from emkit.engine.recombination import mutate, recombine
from emkit.exceptions import InfeasibleError
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import Scaling

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=40, deadline=None)
NAMED = ["restarts", "short_runs", "annealing", "simulated_annealing", "genetic"]
BUDGETED = [
    Restarts,
    lambda budget: ShortRuns(budget=budget),
    lambda budget: Annealing(n_iter=5, budget=budget),
    lambda budget: SimulatedAnnealing(n_iter=5, budget=budget),
    lambda budget: Genetic(budget, population=4, n_iter=3),
]


class Poisson(systems.Poisson):
    def __init__(self, n_classes=3):
        super().__init__(n_classes, highest=25.0)


class Counted(Poisson):
    calls = 0

    def e_step(self, *args, **kwargs):
        self.calls += 1
        return super().e_step(*args, **kwargs)

    def __copy__(self):
        raise AssertionError("not under an algorithm of its own")


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    drawn = np.concatenate([rng.poisson(rate, 60) for rate in (1, 8, 20)])
    return np.column_stack([drawn, np.ones(180)])


@pytest.fixture(scope="module")
def grid():
    """5 x 5 clusters, 8 standard deviations apart, and their centres."""
    centres = 8.0 * np.array([(i, j) for i in range(5) for j in range(5)])
    rng = np.random.default_rng(0)
    return np.repeat(centres, 20, axis=0) + rng.normal(size=(500, 2)), centres


def objectives(result):
    return [run.objective for run in result.runs]


def cost(result):
    return sum(run.n_evaluations for run in result.runs)


# Every search


@pytest.mark.parametrize("search", NAMED)
def test_every_search_is_the_same_for_a_seed_and_any_number_of_workers(counts, search):
    def fit(seed, n_jobs=None):
        options = {"n_init": 3, "search": search, "tol": 1e-6}
        model = systems.Poisson(3, highest=25.0)  # of a file that workers import soon
        return fit_em(model, counts, random_state=seed, n_jobs=n_jobs, **options)

    first, again, parallel = fit(1), fit(1), fit(1, n_jobs=2)
    assert first.converged
    for same in (again, parallel):
        assert objectives(first) == objectives(same)
        np.testing.assert_array_equal(first.params.rates, same.params.rates)
    assert objectives(first) != objectives(fit(2))
    if search != "genetic":  # whose population is its own
        assert len(first.runs) == 3


@pytest.mark.parametrize("search", NAMED)
def test_every_search_keeps_the_best_of_its_runs(counts, search):
    result = fit_em(Poisson(), counts, n_init=4, search=search, random_state=3, tol=1e-8)
    assert result.objective >= max(objectives(result)) - 1e-4
    assert result.objective == pytest.approx(Poisson().e_step(counts, result.params)[1], rel=1e-13)
    assert result.history[-1] == result.objective
    # Temperatures before the last have another objective: they count, and are not listed.
    assert len(result.log_likelihoods) <= result.n_iter
    assert len(result.log_likelihoods) == result.n_iter or search == "annealing"


@cut_short
@pytest.mark.parametrize("search", ["restarts", "short_runs", "genetic"])
@pytest.mark.parametrize("seed", range(3))
def test_more_starts_are_never_worse_than_a_part_of_the_way_of_the_first(counts, search, seed):
    first = fit_em(Poisson(), counts, random_state=seed, acceleration=None, max_iter=5)
    result = fit_em(Poisson(), counts, n_init=5, search=search, random_state=seed)
    assert result.objective >= first.objective
    if search == "restarts":
        whole = fit_em(Poisson(), counts, random_state=seed)
        assert result.objective >= whole.objective - 1e-4


@pytest.mark.parametrize("search", NAMED)
def test_every_search_fits_a_mixture(search):
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(m, 1.0, (50, 2)) for m in ((0, 0), (5, 0), (0, 6))])

    def fit(n_jobs):
        return EMGaussianMixture(
            3, search=search, n_init=3, n_jobs=n_jobs, random_state=5, tol=1e-6, max_iter=300
        ).fit(X)

    one, two = fit(1), fit(2)
    np.testing.assert_allclose(one.means_, two.means_, rtol=1e-12)
    assert one.converged_
    assert len(one.lower_bounds_) == one.n_iter_ or search == "annealing"
    assert [run.n_evaluations for run in one.runs_] == [run.n_evaluations for run in two.runs_]
    centres = one.means_[np.lexsort(one.means_.T.round())]
    np.testing.assert_allclose(centres, [[0, 0], [5, 0], [0, 6]], atol=0.6)
    assert one.lower_bound_ == pytest.approx(one.score(X), rel=1e-12)


# Budgets


@cut_short
@pytest.mark.parametrize("make", BUDGETED)
@pytest.mark.parametrize("acceleration", ["anderson", "louis"])
@pytest.mark.parametrize("budget", [1, 2, 7, 8, 9, 40, 133])
def test_a_budget_holds(counts, make, acceleration, budget):
    result = fit_em(
        Poisson(), counts, search=make(budget), acceleration=acceleration, random_state=0
    )
    assert 1 <= cost(result) <= budget
    assert np.isfinite(result.objective)


@cut_short
@pytest.mark.parametrize("algorithm", ["em", "cem", "sem"])
@pytest.mark.parametrize("budget", [1, 2, 30, 101])
def test_restarts_spend_the_whole_budget(counts, budget, algorithm):
    options = {"search": Restarts(budget), "algorithm": algorithm, "max_iter": 20}
    result = fit_em(Poisson(), counts, random_state=0, **options)
    assert cost(result) == budget
    assert len(result.runs) >= budget / 21


@cut_short
def test_a_budget_counts_real_e_steps(counts):
    for search in (Restarts(55), ShortRuns(budget=55), Genetic(55, population=3, n_iter=2)):
        model = Counted()
        result = fit_em(model, counts, search=search, random_state=0, tol=1e-12)
        # Restarts try the last run again where it would cost too much.
        assert model.calls >= cost(result)
        if not isinstance(search, Restarts):
            assert model.calls == cost(result)


def test_a_budget_draws_starts_whatever_n_init_and_those_given_first(counts):
    given = Rates(np.full(3, 1 / 3), np.array([1.0, 8.0, 20.0]))
    alone = fit_em(Poisson(), counts, start=given)
    result = fit_em(Poisson(), counts, start=given, search=Restarts(200), random_state=0)
    assert result.runs[0].objective == alone.objective
    assert len(result.runs) > 1
    few = fit_em(Poisson(), counts, n_init=50, search=ShortRuns(3, budget=40), random_state=0)
    assert len(few.runs) == 5  # half the budget, four E-steps each


def test_a_longer_budget_goes_on_where_the_shorter_one_ended(counts):
    short, long = (
        fit_em(Poisson(), counts, search=Restarts(budget), random_state=0) for budget in (60, 200)
    )
    complete = len(short.runs) - 1  # the last is cut
    assert objectives(short)[:complete] == objectives(long)[:complete]
    assert long.objective >= short.objective - 1e-4


@pytest.mark.parametrize("make", [lambda b: Restarts(b), lambda b: ShortRuns(budget=b), Genetic])
@pytest.mark.parametrize("seed", range(3))
def test_failing_starts_cost_one_and_end_nothing(counts, make, seed):
    class Half(Poisson):
        def initialize(self, counts, rng):
            good = super().initialize(counts, rng)
            return good if rng.random() < 0.5 else good._replace(rates=-good.rates)

    class Never(Poisson):
        def initialize(self, counts, rng):
            raise np.linalg.LinAlgError("singular")

    result = fit_em(Half(), counts, search=make(80), random_state=seed)
    assert np.isfinite(result.objective)
    failed = [run for run in result.runs if np.isnan(run.objective)]
    assert failed and all(run.reason == StopReason.INFEASIBLE for run in failed)
    assert all("not defined" in run.message for run in failed)
    assert cost(result) + len(failed) <= 80
    with pytest.raises(InfeasibleError, match="starts failed. The first: singular"):
        fit_em(Never(), counts, search=make(80), random_state=seed)


# Arguments


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Restarts(0), "budget must be .* Got 0"),
        (lambda: Restarts(np.nan), "budget must be"),
        (lambda: ShortRuns(0), "n_iter must be at least 1. Got 0"),
        (lambda: ShortRuns(budget=-1), "budget must be .* Got -1"),
        (lambda: Annealing(betas=(0.5,)), "rise to 1"),
        (lambda: Annealing(n_iter=0), "n_iter must be"),
        (lambda: Annealing(budget=0), "budget must be"),
        (lambda: SimulatedAnnealing(0), "n_iter must be"),
        (lambda: SimulatedAnnealing(budget=0), "budget must be"),
        (lambda: Genetic(0), "budget must be"),
        (lambda: Genetic(None), "a population has no end. Got None"),
        (lambda: Genetic(population=1), "population must be at least 2. Got 1"),
        (lambda: Genetic(n_iter=0), "n_iter must be"),
    ],
)
def test_bad_arguments_are_refused_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("search", ["luck", None, Genetic, ["restarts"]])
def test_what_is_no_search_is_refused(counts, search):
    with pytest.raises(ValueError, match="search must be one of .*genetic"):
        fit_em(Poisson(), counts, search=search)


@pytest.mark.parametrize("search", ["annealing", "simulated_annealing"])
def test_a_search_that_is_a_form_of_em_takes_no_other(counts, search):
    with pytest.raises(ValueError, match="leave it 'em'.* Got ClassificationEM"):
        fit_em(Poisson(), counts, search=search, algorithm=ClassificationEM())


# Short runs


@cut_short
@pytest.mark.parametrize("cap", [0, 1, 4, 5, 6, 12])
@pytest.mark.parametrize("search", ["short_runs", "genetic"])
def test_short_runs_and_the_long_one_are_within_max_iter(counts, search, cap):
    result = fit_em(
        Poisson(), counts, n_init=3, search=search, max_iter=cap, tol=0.0, random_state=0
    )
    assert max(run.n_iter for run in result.runs) <= cap
    assert result.n_iter == cap and result.reason is StopReason.MAX_ITER


def test_short_runs_of_a_stochastic_chain_go_on(counts):
    result = fit_em(
        Poisson(),
        counts,
        n_init=4,
        search=ShortRuns(3),
        algorithm="sem",
        max_iter=60,
        random_state=0,
    )
    assert sorted(run.n_iter for run in result.runs) == [3, 3, 3, 60]
    assert result.n_iter == len(result.history) - 1 == 60


# Recombination


@st.composite
def poisson_params(draw, n_classes):
    rng = np.random.default_rng(draw(SEEDS))
    rates = rng.choice(rng.uniform(0.1, 30.0, n_classes), n_classes)  # some alike
    return Rates(rng.dirichlet(np.ones(n_classes)), rates)


@given(data=st.data(), k=st.integers(1, 6), seed=SEEDS)
@FEW
def test_children_of_a_poisson_mixture_are_poisson_mixtures(data, k, seed):
    mother, father = data.draw(poisson_params(k)), data.draw(poisson_params(k))
    before = [np.copy(leaf) for leaf in (*mother, *father)]
    model, rng = Poisson(k), np.random.default_rng(seed)
    for child in (model.recombine(mother, father, rng), model.mutate(mother, rng)):
        child = model.retract(child)
        assert type(child) is Rates and model.is_feasible(child)
        assert child.weights.shape == child.rates.shape == (k,)
        assert child.weights.sum() == pytest.approx(1.0, abs=1e-12)
    child = recombine(mother, father, rng)
    assert np.isin(child.rates, np.concatenate([mother.rates, father.rates])).all()
    moved = mutate(mother, rng).rates
    assert np.count_nonzero(moved != mother.rates) <= 1
    assert (moved >= mother.rates.min() * (1 - 1e-12)).all()
    assert (moved <= mother.rates.max() * (1 + 1e-12)).all()
    for leaf, copy in zip((*mother, *father), before, strict=True):
        np.testing.assert_array_equal(leaf, copy)


@given(data=st.data(), k=st.integers(2, 6), seed=SEEDS)
@FEW
def test_a_child_of_twins_is_their_twin_whatever_the_order_of_the_classes(data, k, seed):
    rng = np.random.default_rng(seed)
    mother = data.draw(poisson_params(k))
    order = rng.permutation(k)
    father = Rates(mother.weights[order], mother.rates[order])
    child = recombine(mother, father, rng)
    np.testing.assert_allclose(child.weights, mother.weights, rtol=1e-12)
    np.testing.assert_array_equal(child.rates, mother.rates)


@pytest.mark.parametrize("k", [2, 4, 5, 8])
def test_classes_that_coincide_can_be_mutated(k):
    same = Rates(np.full(k, 1 / k), np.full(k, 3.0))
    for seed in range(5):
        child = mutate(same, np.random.default_rng(seed))
        assert child.weights.sum() == pytest.approx(1.0) and (child.weights > 0).all()


def test_recombination_needs_arrays_with_a_row_for_each_class():
    class Scalars(NamedTuple):
        a: float

    with pytest.raises(TypeError, match="Scalars has no array .* recombine"):
        recombine(Scalars(1.0), Scalars(2.0), np.random.default_rng(0))


def mixture_params(structure, k, d, rng):
    root = rng.normal(size=(k, d, d))
    covariances = nearest(structure, root @ root.transpose(0, 2, 1) + 1e-3 * np.eye(d))
    means = rng.normal(size=(k, d))[rng.integers(0, k, k)]  # some alike
    return MixtureParams(rng.dirichlet(np.ones(k)), means, covariances)


@given(name=st.sampled_from(NAMES), k=st.integers(1, 5), d=st.integers(1, 3), seed=SEEDS)
@FEW
def test_children_of_a_mixture_are_mixtures(name, k, d, seed):
    rng = np.random.default_rng(seed)
    model = GaussianMixtureModel(
        STRUCTURES[name], Scaling(np.zeros(d), np.ones(d)), total_weight=9.0
    )
    mother, father = (mixture_params(name, k, d, rng) for _ in range(2))
    before = [np.copy(leaf) for leaf in mother]
    rows = Rows(rng.normal(size=(9, d)))
    for child in (model.recombine(mother, father, rng), model.mutate(mother, rng)):
        child = model.retract(child)
        assert [leaf.shape for leaf in child] == [leaf.shape for leaf in mother]
        assert child.weights.sum() == pytest.approx(1.0, abs=1e-12)
        assert model.is_feasible(child)
        assert (np.linalg.eigvalsh(dense(name, child.covariances, k, d)) > 0.0).all()
        assert np.isfinite(model.e_step(rows, child)[1])
    for leaf, copy in zip(mother, before, strict=True):
        np.testing.assert_array_equal(leaf, copy)


# The genetic search


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")  # a start of one row collapses
@pytest.mark.parametrize("seed", range(3))
def test_recombined_classes_find_the_grid(grid, seed):
    """From random rows as means, where every start misses some of the 25 clusters."""
    X, centres = grid
    options = {"covariance_type": "spherical", "tol": 1e-5, "max_iter": 300}
    best = EMGaussianMixture(25, means_init=centres, **options).fit(X)
    options |= {"init_params": "random_from_data", "random_state": seed}
    one = EMGaussianMixture(25, **options).fit(X)
    genetic = EMGaussianMixture(25, search=Genetic(2000), **options).fit(X)
    assert sum(run.n_evaluations for run in genetic.runs_) <= 2000
    assert genetic.history_[-1] >= best.history_[-1] - 1e-4
    assert genetic.history_[-1] > one.history_[-1] + 0.05
    assert len(np.unique(np.rint(genetic.means_ / 8).astype(int), axis=0)) == 25


@cut_short
def test_a_genetic_search_has_two_parents_of_any_model_with_classes(counts):
    result = fit_em(Poisson(4), counts, search=Genetic(300, population=2, n_iter=1), random_state=0)
    assert cost(result) <= 300 and len(result.runs) > 50
    assert isinstance(Poisson(), EMModel)
