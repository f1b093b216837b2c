"""Forms of EM: hard, tempered, drawn labels, Monte Carlo, GEM and ECME, Newton's step."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
import systems
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import cut_short
from scipy import optimize, special, stats
from sklearn.exceptions import ConvergenceWarning
from structures import dense
from systems import OFFSPRING as COUNTS
from systems import Linkage, Rates, Split, Theta

from emkit import EMGaussianMixture
from emkit.engine import (
    EM,
    Anderson,
    AnnealedEM,
    Blocks,
    ClassificationEM,
    EMModel,
    Louis,
    MonteCarloEM,
    MonteCarloModel,
    SimulatedAnnealingEM,
    Squarem,
    Stochastic,
    StochasticApproximationEM,
    StochasticEM,
    StopReason,
    Tempered,
    fit_em,
    hard,
    soft,
)
from emkit.engine.algorithms import with_posterior
from emkit.exceptions import InfeasibleError, ModelError, NotConvergedWarning
from emkit.numerics.covariance import NAMES

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=25, deadline=None)


class DrawnLinkage(Linkage):
    def sample_latent(self, counts, params, rng, size):
        return rng.binomial(counts[0], params.t / (2 + params.t), size)

    def complete_statistics(self, counts, latent):
        return Split(float(counts[1] + counts[2]), latent.mean() + counts[3])


EXACT = (15 + np.sqrt(53809)) / 394  # root of 197 t^2 - 15 t - 68


class Poisson(systems.Poisson):
    def __init__(self):
        super().__init__(highest=12.0)


def rises(history):
    """Whether an objective falls nowhere by more than its rounding."""
    return bool((np.diff(history) >= -1e-13 * np.abs(history[:-1])).all())


def flat(params):
    return np.concatenate([np.ravel(leaf) for leaf in params])


@pytest.fixture(scope="module")
def table():
    """Counts of two rates well apart, with their frequencies."""
    rng = np.random.default_rng(0)
    drawn = np.concatenate([rng.poisson(2, 120), rng.poisson(12, 80)])
    return np.column_stack(np.unique(drawn, return_counts=True)).astype(float)


@pytest.fixture(scope="module")
def maximum(table):
    return fit_em(Poisson(), table, start=APART, tol=0.0)


APART = Rates(np.array([0.5, 0.5]), np.array([1.0, 8.0]))


def joint(seed, n_classes=3, n=40, spread=4.0):
    rng = np.random.default_rng(seed)
    return rng.normal(-3.0, spread, (n_classes, n)), rng


class Counted(Poisson):
    calls = 0

    def e_step(self, *args, **kwargs):
        self.calls += 1
        return super().e_step(*args, **kwargs)


# Classification EM


@cut_short  # a class may die
@given(
    seed=SEEDS,
    weight=st.floats(0.1, 0.9),
    rates=st.lists(st.floats(0.5, 15), min_size=2, max_size=2),
)
@FEW
def test_cem_climbs_in_the_classification_likelihood(seed, weight, rates):
    rng = np.random.default_rng(seed)
    data = np.column_stack([np.arange(15), rng.integers(1, 20, 15)]).astype(float)
    start = Rates(np.array([weight, 1 - weight]), np.array(rates))
    result = fit_em(Poisson(), data, start=start, algorithm="cem", tol=0.0)
    assert rises(result.history)
    log_joint = Poisson().log_joint(data, result.params)[0]
    assert result.objective == pytest.approx(data[:, 1] @ log_joint.max(axis=0), rel=1e-12)
    if result.converged:  # else a class has died
        resp = np.eye(2)[log_joint.argmax(axis=0)].T * data[:, 1]
        np.testing.assert_allclose(result.params.weights, resp.sum(axis=1) / resp.sum())
        np.testing.assert_allclose(result.params.rates, resp @ data[:, 0] / resp.sum(axis=1))
    else:
        assert result.reason is StopReason.INFEASIBLE


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")  # clusters of one row
@given(seed=SEEDS, covariance_type=st.sampled_from(NAMES), k=st.integers(1, 4))
@FEW
def test_cem_of_a_mixture_ends_at_the_partition_that_its_parameters_are_of(
    seed, covariance_type, k
):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2)) + rng.normal(0.0, 3.0, (k, 2))[rng.integers(0, k, 60)]
    mixture = EMGaussianMixture(
        k,
        covariance_type=covariance_type,
        algorithm="cem",
        tol=0.0,
        max_iter=500,
        reg_covar=1e-3,
        init_params="random_from_data",
        random_state=int(rng.integers(2**31)),
    ).fit(X)
    assert mixture.converged_
    assert rises(mixture.history_)
    labels = mixture.predict(X)
    n = np.bincount(labels, minlength=k)
    np.testing.assert_allclose(mixture.weights_, n / len(X), atol=1e-12)
    for j in np.flatnonzero(n):
        np.testing.assert_allclose(mixture.means_[j], X[labels == j].mean(axis=0), atol=1e-9)
    full = dense(covariance_type, mixture.covariances_, k, 2)
    value = sum(
        np.log(mixture.weights_[j])
        + stats.multivariate_normal.logpdf(x, mixture.means_[j], full[j])
        for x, j in zip(X, labels, strict=True)
    )
    assert mixture.lower_bound_ == pytest.approx(value / len(X), rel=1e-9)


@given(seed=SEEDS)
@FEW
def test_hard_labels_are_those_of_the_argmax_and_ties_go_to_the_first(seed):
    log_joint, _ = joint(seed)
    log_joint = np.round(log_joint)  # ties
    resp, values = hard(log_joint.copy())
    np.testing.assert_array_equal(resp, np.eye(3)[log_joint.argmax(axis=0)].T)
    np.testing.assert_array_equal(values, log_joint.max(axis=0))


def test_cem_is_em_with_hard_assignment_and_leaves_the_model_as_it_is(table):
    class Hard(Poisson):
        def e_step(self, data, params):
            return super().e_step(data, params, posterior=hard)

    model = Poisson()
    cem = fit_em(model, table, start=APART, algorithm=ClassificationEM())
    by_hand = fit_em(Hard(), table, start=APART, acceleration=None)
    np.testing.assert_array_equal(cem.history, by_hand.history)
    np.testing.assert_array_equal(flat(cem.params), flat(by_hand.params))
    assert cem.n_evaluations == by_hand.n_evaluations
    assert model.e_step(table, APART)[1] > with_posterior(model, hard).e_step(table, APART)[1]


# Tempered posterior and deterministic annealing


@given(seed=SEEDS, beta=st.floats(0.05, 20.0))
@FEW
def test_tempered_posterior_is_the_power_of_the_joint(seed, beta):
    log_joint, _ = joint(seed)
    log_joint[0, 0] = -np.inf
    log_joint[:, 1] = -np.inf
    resp, values = Tempered(beta)(log_joint.copy())
    np.testing.assert_allclose(
        values, special.logsumexp(beta * log_joint, axis=0) / beta, rtol=1e-12, atol=1e-12
    )
    possible = np.arange(log_joint.shape[1]) != 1
    exact = special.softmax(beta * log_joint[:, possible], axis=0)
    np.testing.assert_allclose(resp[:, possible], exact, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(resp[:, 1], 1 / 3)


@pytest.mark.parametrize("lowest", [0.0, -600.0, -705.0, -730.0, -800.0, -1e300, -np.inf])
def test_soft_is_the_softmax_however_low_some_classes_are(lowest):
    log_joint = np.random.default_rng(0).normal(scale=3.0, size=(7, 33))
    log_joint[2] += lowest
    exact = special.softmax(log_joint, axis=0)
    resp, values = soft(log_joint.copy())
    np.testing.assert_allclose(resp, exact, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(values, special.logsumexp(log_joint, axis=0), rtol=1e-14)
    assert (resp >= 0.0).all() and (lowest > -750.0 or (resp[2] == 0.0).all())


@given(seed=SEEDS)
@FEW
def test_tempered_is_soft_at_1_and_hard_in_the_cold(seed):
    log_joint, _ = joint(seed)
    for got, expected in zip(Tempered(1.0)(log_joint.copy()), soft(log_joint.copy()), strict=True):
        np.testing.assert_array_equal(got, expected)
    for got, expected in zip(Tempered(1e9)(log_joint.copy()), hard(log_joint.copy()), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


@cut_short
@given(beta=st.floats(0.2, 5.0), rates=st.lists(st.floats(0.5, 15.0), min_size=2, max_size=2))
@FEW
def test_tempered_objective_never_falls(table, beta, rates):
    class Careful(Poisson):
        """A class without rows has no rate, which ends the run; cold ones lose them."""

        def m_step(self, stats, params):
            return super().m_step(stats._replace(n=stats.n + (stats.n == 0.0)), params)

    start = Rates(np.array([0.3, 0.7]), np.array(rates))
    cool = with_posterior(Careful(), Tempered(beta))
    result = fit_em(cool, table, start=start, acceleration=None, tol=0.0, max_iter=60)
    assert rises(result.history)


def test_annealing_ends_at_a_stationary_point_of_the_likelihood(table, maximum):
    seen = []
    result = fit_em(
        Poisson(), table, start=APART, algorithm=AnnealedEM(), tol=1e-12, callback=seen.append
    )
    assert result.converged
    assert result.objective == pytest.approx(maximum.objective, abs=1e-9)
    score = Poisson().complete_score(Poisson().e_step(table, result.params)[0], result.params)
    np.testing.assert_allclose(flat(score), 0.0, atol=1e-3)  # in the hundreds at the start
    assert [state.objective for state in seen] == result.history.tolist()


def test_annealing_with_no_stage_but_the_last_is_em(table):
    options = {"start": APART, "max_iter": 50}
    alone, em = (fit_em(Poisson(), table, algorithm=a, **options) for a in (AnnealedEM((1,)), "em"))
    np.testing.assert_array_equal(alone.history, em.history)
    assert alone.n_evaluations == em.n_evaluations


@pytest.mark.parametrize(
    "betas", [(), (0.5,), (0.5, 0.9), (0.0, 1.0), (0.9, 0.8, 1.0), 1.0, (np.nan, 1)]
)
def test_a_bad_schedule_is_refused(betas):
    with pytest.raises(ValueError, match="rise to 1"):
        AnnealedEM(betas)


@cut_short
@pytest.mark.parametrize("cap", [0, 1, 2, 7, 30])
@pytest.mark.parametrize(
    "algorithm",
    [
        "em",
        "cem",
        "sem",
        AnnealedEM((0.5, 0.8, 1.0), 3),
        SimulatedAnnealingEM(1),
        SimulatedAnnealingEM(8),
    ],
    ids=str,
)
@pytest.mark.parametrize("acceleration", [None, "louis"])
def test_max_iter_caps_points_and_e_steps_of_every_form(table, algorithm, cap, acceleration):
    model = Counted()
    result = fit_em(
        model,
        table,
        start=APART,
        algorithm=algorithm,
        acceleration=acceleration,
        tol=0.0,
        max_iter=cap,
        random_state=0,
    )
    assert result.n_iter <= cap
    assert model.calls == result.n_evaluations <= cap + 1
    before = isinstance(algorithm, AnnealedEM)  # temperatures, with another objective
    assert len(result.log_likelihoods) == result.n_iter or before
    assert len(result.log_likelihoods) <= result.n_iter
    assert np.isfinite(result.log_likelihoods).all()
    assert result.history[-1] == result.objective


# Drawn labels


@given(seed=SEEDS, size=st.integers(1, 5), share=st.just(0.0) | st.floats(0.01, 1.0))
@FEW
def test_drawn_frequencies_are_those_of_draws(seed, size, share):
    log_joint, rng = joint(seed)
    log_joint[:, 0] = -np.inf
    log_joint[1, :] = -np.inf
    exact, expected_values = soft(log_joint.copy())
    resp, values = Stochastic(size, share)(log_joint.copy(), rng)
    np.testing.assert_array_equal(values, expected_values)
    np.testing.assert_allclose(resp.sum(axis=0), 1.0, rtol=1e-12)
    assert (resp[1, 1:] == 0.0).all()
    if share:
        drawn = (resp - (1.0 - share) * exact) / share * size
        np.testing.assert_allclose(drawn, drawn.round(), atol=1e-9 / share)
    else:
        np.testing.assert_array_equal(resp, exact)


@pytest.mark.parametrize(("size", "weight"), [(1, None), (7, None), (1, 9.0), (2, 3.0), (1, 0.2)])
def test_frequencies_have_the_moments_of_binomial_draws(size, weight):
    n, p = 20000, np.array([0.2, 0.5, 0.3])
    weights = None if weight is None else np.full(n, weight)
    log_joint = np.repeat(np.log(p)[:, None], n, axis=1)
    resp, _ = Stochastic(size)(log_joint, np.random.default_rng(1), weights)
    draws = size if weight is None else max(1, round(size * weight))  # a row that stands twice
    variance = p * (1 - p) / draws
    assert (np.abs(resp.mean(axis=1) - p) < 5 * np.sqrt(variance / n)).all()
    # Of a sample variance, the relative standard error is at most that of a single draw.
    spread = np.sqrt((1 / variance / draws**2 - 4 / draws + 2 + 1 / n) / n)
    assert (np.abs(resp.var(axis=1) / variance - 1) < 5 * np.maximum(spread, 0.01)).all()
    covariance = np.cov(resp[0], resp[1])[0, 1]
    assert covariance == pytest.approx(-p[0] * p[1] / draws, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stochastic(0), "size must be at least 1. Got 0"),
        (lambda: Stochastic(share=1.5), "share must be from 0 to 1. Got 1.5"),
        (lambda: Tempered(0.0), "beta must be above 0"),
        (lambda: Tempered(np.inf), "beta must be above 0"),
        (lambda: StochasticEM(1.0), "burn_in must be"),
        (lambda: StochasticEM(-0.1), "burn_in must be"),
        (lambda: AnnealedEM(n_iter=0), "n_iter must be at least 1"),
        (lambda: SimulatedAnnealingEM(0), "n_iter must be at least 1"),
        (lambda: MonteCarloEM(size=0), "size must be from 1"),
        (lambda: MonteCarloEM(size=10, max_size=9), "max_size=9"),
        (lambda: MonteCarloEM(growth=0.0), "growth must be above 0"),
        (lambda: MonteCarloEM(level=1.0), "level must be between 0 and 1"),
        (lambda: MonteCarloEM(precision=-1.0), "precision must be above 0"),
        (lambda: StochasticApproximationEM(100, 100), "burn_in must be from 0 to below n_iter=100"),
        (lambda: StochasticApproximationEM(-1), "burn_in must be"),
        (lambda: StochasticApproximationEM(decay=0.5), "decay must be above 0.5"),
        (lambda: StochasticApproximationEM(decay=1.1), "decay must be above 0.5"),
        (lambda: Louis(below=0.0), "below must be"),
    ],
)
def test_bad_constructor_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("seed", range(4))
def test_stochastic_em_wanders_about_the_maximum(table, maximum, seed):
    result = fit_em(Poisson(), table, start=APART, algorithm="sem", max_iter=400, random_state=seed)
    assert result.converged and result.reason is StopReason.SCHEDULE
    assert result.n_iter == 400 == len(result.history) - 1
    error = flat(result.monte_carlo_error)
    assert (np.abs(flat(result.params) - flat(maximum.params)) < 6 * error).all()
    assert result.objective >= result.history[201:].max() > maximum.objective - 3
    assert (np.diff(result.history) < 0).any()
    low, high = result.interval()
    np.testing.assert_allclose((flat(high) - flat(low)) / 2, 1.959964 * error, rtol=1e-6)


def test_labels_of_a_table_are_drawn_as_those_of_its_rows(table):
    """The chain wanders as far whether a row stands twice or has weight 2."""

    def spread(data, seed):
        states = []
        fit_em(
            Poisson(),
            data,
            start=APART,
            algorithm="sem",
            max_iter=300,
            random_state=seed,
            callback=lambda state: states.append(state.params.rates),
        )
        return np.var(states[100:-1], axis=0)

    rows = np.column_stack([np.repeat(table[:, 0], table[:, 1].astype(int)), np.ones(200)])
    ratio = np.mean([spread(table, s) for s in range(4)], 0) / np.mean(
        [spread(rows, s) for s in range(4)], 0
    )
    # About 100 independent points of each chain: a ratio of variances of standard error 0.1.
    assert (np.abs(np.log(ratio)) < 0.5).all()


@pytest.mark.parametrize(
    "algorithm", ["sem", SimulatedAnnealingEM(10), MonteCarloEM(precision=0.1)]
)
def test_what_is_drawn_depends_on_the_seed_alone(table, algorithm):
    def fit(seed, n_jobs=None):
        return fit_em(
            systems.Poisson(highest=12.0),  # of a file that workers import soon
            table,
            n_init=3,
            algorithm=algorithm,
            max_iter=30,
            random_state=seed,
            n_jobs=n_jobs,
        )

    first, again, parallel, other = fit(1), fit(1), fit(1, n_jobs=2), fit(2)
    for same in (again, parallel):
        np.testing.assert_array_equal(flat(first.params), flat(same.params))
        assert [r.objective for r in first.runs] == [r.objective for r in same.runs]
    assert [r.objective for r in first.runs] != [r.objective for r in other.runs]


@cut_short
@pytest.mark.parametrize("algorithm", ["sem", "cem", SimulatedAnnealingEM(20)])
@pytest.mark.parametrize("seed", range(3))
def test_a_class_that_loses_its_rows_ends_nothing_but_itself(algorithm, seed):
    two = np.array([[2.0, 1.0], [3.0, 1.0]])
    start = Rates(np.array([0.9, 0.1]), np.array([2.5, 30.0]))
    result = fit_em(
        Poisson(), two, start=start, algorithm=algorithm, max_iter=40, random_state=seed
    )
    assert np.isfinite(flat(result.params)).all() and np.isfinite(result.history).all()


def test_a_stochastic_chain_of_one_point_is_that_point(table):
    result = fit_em(Poisson(), table, start=APART, algorithm="sem", max_iter=1, random_state=0)
    np.testing.assert_allclose(flat(result.params), flat(APART))
    assert np.isinf(flat(result.monte_carlo_error)).all()


@pytest.mark.parametrize(
    "algorithm", ["em", "cem", "sem", MonteCarloEM(precision=0.1), SimulatedAnnealingEM(5)]
)
def test_the_callback_hears_of_every_point_and_of_the_end_once(table, algorithm):
    states, options = [], {"start": APART, "tol": 1e-5, "max_iter": 30, "random_state": 0}
    result = fit_em(Poisson(), table, algorithm=algorithm, callback=states.append, **options)
    assert [state.objective for state in states] == result.history.tolist()
    assert [state.reason for state in states] == [None] * (len(states) - 1) + [result.reason]
    stopped = fit_em(
        Poisson(), table, algorithm=algorithm, callback=lambda state: state.n_iter < 5, **options
    )
    assert stopped.reason is StopReason.CALLBACK and not stopped.converged


# Monte Carlo EM


class Lifetime(NamedTuple):
    mean: float


class Times(NamedTuple):
    n: float
    total: float


class Lifetimes(MonteCarloModel):
    """Exponential lifetimes, some still running; no E-step is written."""

    def initialize(self, data, rng):
        return Lifetime(rng.uniform(5.0, 20.0))

    def sample_latent(self, data, params, rng, size):
        time, running = data
        return time[running] + rng.exponential(params.mean, (size, running.sum()))

    def complete_statistics(self, data, latent):
        time, running = data
        return Times(float(len(time)), time[~running].sum() + latent.sum(axis=1).mean())

    def m_step(self, stats, params):
        return Lifetime(stats.total / stats.n)

    def is_feasible(self, params):
        return params.mean > 0

    def complete_score(self, stats, params):
        return Lifetime(stats.total / params.mean**2 - stats.n / params.mean)


ENDED, WELL = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
LIFETIMES = np.array(ENDED + WELL, float), np.repeat([False, True], [9, 12])

# Model, data, start, the exact maximum, its relative precision and how many seeds.
SAMPLED = {
    "linkage": (DrawnLinkage(), COUNTS, Theta(0.5), [EXACT], 0.01, 100),
    "lifetimes": (Lifetimes(), LIFETIMES, Lifetime(10.0), [359 / 9], 0.04, 100),
    "poisson": (Poisson(), None, APART, None, 0.03, 60),
}


@pytest.mark.parametrize("acceleration", [None, "louis"])
@pytest.mark.parametrize("name", SAMPLED)
def test_the_interval_covers_what_endless_sampling_gives(name, acceleration, table, maximum):
    model, data, start, exact, precision, n_seeds = SAMPLED[name]
    if name == "poisson":
        data, exact = table, flat(maximum.params)
    covered = np.zeros((n_seeds, len(exact)), bool)
    for seed in range(n_seeds):
        result = fit_em(
            model,
            data,
            start=start,
            algorithm=MonteCarloEM(precision=precision),
            acceleration=acceleration,
            random_state=seed,
        )
        assert result.converged and result.reason is StopReason.TOLERANCE
        low, high = result.interval(0.95)
        covered[seed] = (flat(low) <= exact) & (exact <= flat(high))
        # Twice the precision is four of its standard errors.
        np.testing.assert_allclose(flat(result.params), exact, rtol=2 * precision)
    assert (covered.sum(axis=0) >= stats.binom.ppf(1e-4, n_seeds, 0.95)).all()


@cut_short
def test_draws_grow_where_noise_hides_the_step_and_not_beyond_the_most():
    sizes = []

    class Watched(DrawnLinkage):
        def sample_latent(self, counts, params, rng, size):
            sizes.append(size)
            return super().sample_latent(counts, params, rng, size)

    form = MonteCarloEM(size=40, precision=1e-4, max_size=4000)
    result = fit_em(
        Watched(), COUNTS, start=Theta(0.5), algorithm=form, max_iter=60, random_state=0
    )
    assert sizes[0] == 2 and sizes[-1] == 200  # of 20 batches
    assert (np.diff(sizes) >= 0).all()
    assert result.reason is StopReason.MAX_ITER and not result.converged
    finer = fit_em(DrawnLinkage(), COUNTS, algorithm=MonteCarloEM(precision=1e-3), random_state=0)
    assert finer.converged
    assert finer.monte_carlo_error.t < 1e-3 * EXACT / 1.9
    assert abs(finer.params.t - EXACT) < 2e-3 * EXACT


def test_a_model_without_an_e_step_has_a_result_like_any_other():
    result = fit_em(
        Lifetimes(), LIFETIMES, algorithm=MonteCarloEM(precision=0.05), random_state=0, n_init=2
    )
    assert np.isnan(result.objective) and np.isnan(result.log_likelihood)
    assert len(result.history) == result.n_iter + 1 == result.n_evaluations
    assert len(result.log_likelihoods) == result.n_iter
    assert len(result.runs) == 2 and result.runs[0].n_iter == result.n_iter

    class Told(Lifetimes):
        def log_likelihood(self, data, params):
            time, running = data
            law = stats.expon(scale=params.mean)
            return np.where(running, law.logsf(time), law.logpdf(time)).sum()

    told = fit_em(
        Told(), LIFETIMES, algorithm=MonteCarloEM(precision=0.05), random_state=0, n_init=2
    )
    assert told.runs[0].n_iter == result.n_iter
    assert told.objective == pytest.approx(-9 * np.log(told.params.mean) - 359 / told.params.mean)


def test_blocks_are_sampled_one_by_one():
    time, running = LIFETIMES
    parts = Blocks(
        [(time[rows], running[rows]) for rows in (slice(5), slice(5, 12), slice(12, 21))]
    )
    result = fit_em(Lifetimes(), parts, algorithm=MonteCarloEM(precision=0.02), random_state=3)
    assert result.converged
    low, high = result.interval(0.9999)
    assert low.mean < 359 / 9 < high.mean


class ChainedLifetimes(Lifetimes):
    """The same by a Metropolis chain, whose draws depend on those before."""

    def continue_latent(self, data, params, rng, latent):
        time, running = data
        proposed = latent + rng.normal(0.0, 2.0 * params.mean, latent.shape)
        chance = np.exp(np.minimum((latent - proposed) / params.mean, 0.0))
        taken = (proposed > time[running]) & (rng.random(latent.shape) < chance)
        return np.where(taken, proposed, latent)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("model", [Lifetimes(), ChainedLifetimes()])
@pytest.mark.parametrize("decay", [0.7, 1.0])
def test_stochastic_approximation_comes_to_the_maximum(model, decay, average):
    form = StochasticApproximationEM(50, 3000, decay=decay, average=average)
    time, running = LIFETIMES
    parts = Blocks([(time[rows], running[rows]) for rows in (slice(9), slice(9, 21))])
    for data in (LIFETIMES, parts):
        result = fit_em(model, data, algorithm=form, max_iter=10_000, random_state=1)
        assert result.reason is StopReason.SCHEDULE and result.converged
        assert result.n_iter == 3000 + average
        assert result.params.mean == pytest.approx(359 / 9, rel=0.05)
        assert 0.0 < result.monte_carlo_error.mean < 3.0


def test_stochastic_approximation_ends_as_it_is_told():
    form = StochasticApproximationEM(2, 20)
    with pytest.warns(NotConvergedWarning, match="max_iter=5"):
        short = fit_em(DrawnLinkage(), COUNTS, algorithm=form, max_iter=5, random_state=0)
    assert short.reason is StopReason.MAX_ITER
    none = fit_em(DrawnLinkage(), COUNTS, start=Theta(0.5), algorithm="saem", max_iter=0)
    assert none.params.t == 0.5 and none.n_iter == 0

    def stop(state):
        return state.n_iter == 3

    told = fit_em(DrawnLinkage(), COUNTS, algorithm=form, callback=stop, random_state=0)
    assert told.reason is StopReason.CALLBACK

    class NoMaximiser(DrawnLinkage):
        def m_step(self, stats, params):
            raise np.linalg.LinAlgError

    with pytest.warns(NotConvergedWarning):
        result = fit_em(NoMaximiser(), COUNTS, start=Theta(0.3), algorithm=form)
    assert result.reason is StopReason.INFEASIBLE and result.params.t == 0.3

    class Nowhere(DrawnLinkage):
        def is_feasible(self, params):
            return False

    with pytest.raises(InfeasibleError, match="not defined at the start"):
        fit_em(Nowhere(), COUNTS, start=Theta(0.3), algorithm=form)


def test_stochastic_approximation_of_statistics_alone():
    class Sampled(Linkage):
        def sampled_statistics(self, counts, params, rng, size):
            drawn = rng.binomial(counts[0], params.t / (2 + params.t), size)
            return Split(float(counts[1] + counts[2]), drawn.mean() + counts[3])

    form = StochasticApproximationEM(20, 1000)
    result = fit_em(Sampled(), COUNTS, algorithm=form, random_state=0)
    assert result.params.t == pytest.approx(EXACT, abs=0.005)
    assert np.isfinite(result.history).all()


def test_nothing_missing_is_nothing_to_sample():
    counts = np.array([0, 18, 20, 34])
    result = fit_em(DrawnLinkage(), counts, start=Theta(0.5), algorithm="mcem", random_state=0)
    assert result.converged and result.n_iter <= 5
    assert result.params.t == pytest.approx(34 / 72, rel=1e-14)
    assert result.monte_carlo_error.t == pytest.approx(0.0, abs=1e-13)


def test_newton_from_the_draws_is_shorter_and_ends_in_the_same_place(table, maximum):
    n_iter = {}
    for acceleration in (None, "louis"):
        results = [
            fit_em(
                Poisson(),
                table,
                start=APART,
                algorithm=MonteCarloEM(size=20_000, precision=0.01),
                acceleration=acceleration,
                random_state=seed,
            )
            for seed in range(8)
        ]
        n_iter[acceleration] = sum(result.n_iter for result in results)
        mean = np.mean([flat(result.params) for result in results], axis=0)
        np.testing.assert_allclose(mean, flat(maximum.params), rtol=0.005)
    assert n_iter["louis"] < n_iter[None]


def test_monte_carlo_em_takes_the_conditional_step():
    class Conditional(Lifetimes):
        def conditional_step(self, data, params):
            time, running = data
            return Lifetime(time.sum() / (~running).sum())

    result = fit_em(Conditional(), LIFETIMES, algorithm="mcem", random_state=0)
    assert result.params.mean == pytest.approx(359 / 9, rel=1e-14)


@cut_short
def test_monte_carlo_em_ends_at_its_last_feasible_point():
    class Singular(DrawnLinkage):
        def e_step(self, counts, params):
            if params.t > 0.6:
                raise np.linalg.LinAlgError
            return super().e_step(counts, params)

    result = fit_em(Singular(), COUNTS, start=Theta(0.3), algorithm="mcem", random_state=0)
    assert result.reason is StopReason.INFEASIBLE and not result.converged
    assert 0.3 <= result.params.t <= 0.6
    with pytest.raises(InfeasibleError, match="not defined at the start"):
        fit_em(Singular(), COUNTS, start=Theta(0.7), algorithm="mcem")

    class NoMaximiser(DrawnLinkage):
        def m_step(self, stats, params):
            raise np.linalg.LinAlgError

    result = fit_em(NoMaximiser(), COUNTS, start=Theta(0.3), algorithm="mcem")
    assert result.reason is StopReason.INFEASIBLE and result.params.t == 0.3


def test_broken_draws_are_named():
    class Broken(DrawnLinkage):
        def complete_statistics(self, counts, latent):
            raise KeyError("oops")

    class Shape(DrawnLinkage):
        def m_step(self, stats, params):
            return Theta(np.ones(2))

    with pytest.raises(ModelError, match="complete_statistics failed at iteration 1 with KeyError"):
        fit_em(Broken(), COUNTS, algorithm="mcem", random_state=0)
    with pytest.raises(ModelError, match=r"m_step returned t of shape \(2,\)"):
        fit_em(Shape(), COUNTS, algorithm="mcem", random_state=0)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Linkage(), {"algorithm": "mcem"}, "Linkage .* no method sample_latent"),
        (Linkage(), {"algorithm": "saem"}, "StochasticApproximationEM .* no method sample_latent"),
        (Linkage(), {"algorithm": "cem"}, "ClassificationEM .* log_joint and statistics"),
        (Linkage(), {"algorithm": "sem"}, "StochasticEM .* log_joint and statistics"),
        (Linkage(), {"algorithm": AnnealedEM()}, "AnnealedEM .* log_joint and statistics"),
        (Linkage(), {"search": "annealing"}, "AnnealedEM .* log_joint and statistics"),
        (Linkage(), {"search": "simulated_annealing"}, "SimulatedAnnealingEM .* log_joint"),
        (Linkage(), {"search": "genetic"}, "genetic .* log_joint and statistics"),
        (Lifetimes(), {}, "Lifetimes has no method e_step.*mcem"),
    ],
)
def test_what_a_form_needs_of_a_model_is_named_before_any_work(model, options, message):
    model.initialize = None  # any work would begin with it
    with pytest.raises(TypeError, match=message):
        fit_em(model, COUNTS, **options)
    del model.initialize


def test_what_louis_needs_of_a_model_is_named():
    class NoScore(DrawnLinkage):
        complete_score = EMModel.complete_score

    with pytest.raises(TypeError, match="NoScore has no method complete_score"):
        fit_em(NoScore(), COUNTS, algorithm="mcem", acceleration="louis")
    with pytest.raises(ValueError, match="algorithm must be one of .* Got 'gem'"):
        fit_em(Linkage(), COUNTS, algorithm="gem")
    with pytest.raises(ValueError, match="algorithm must be one of"):
        fit_em(Linkage(), COUNTS, algorithm=EM)


# Newton's step on the exact EM map, and when acceleration begins


def test_louis_finds_the_maximum_of_plain_em(table, maximum):
    for start in (0.05, 0.5, 0.95):
        result = fit_em(Linkage(), COUNTS, start=Theta(start), acceleration="louis", tol=0.0)
        assert result.converged and result.params.t == pytest.approx(EXACT, abs=1e-10)
        assert rises(result.history)
    model = Counted()
    fast = fit_em(model, table, start=APART, acceleration="louis", tol=1e-12)
    assert fast.converged and model.calls == fast.n_evaluations > fast.n_iter + 1
    assert fast.objective == pytest.approx(maximum.objective, abs=1e-9)
    np.testing.assert_allclose(flat(fast.params), flat(maximum.params), rtol=1e-5)
    assert rises(fast.history)


@cut_short
def test_louis_crosses_where_plain_em_crawls(golden):
    """Death notices: plain EM takes thousands of steps."""
    case = golden("classic.json")["death_notices"]
    data = systems.death_notices()
    start = Rates(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
    result = fit_em(Poisson(), data, start=start, acceleration="louis", tol=1e-12)
    options = {"start": start, "acceleration": None, "tol": 1e-12, "max_iter": 10_000}
    plain = fit_em(Poisson(), data, **options)
    assert result.converged and result.n_evaluations < plain.n_evaluations / 65
    rates = np.sort(result.params.rates)
    np.testing.assert_allclose(rates, sorted([case["rate"], case["other_rate"]]), atol=1e-5)


@given(seed=SEEDS, covariance_type=st.sampled_from(NAMES))
@settings(max_examples=10, deadline=None)
def test_louis_never_lowers_the_objective_of_a_mixture_and_ends_where_plain_em_stays(
    seed, covariance_type
):
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(60, 2)), rng.normal(2.5, 1.5, (60, 2))])
    mixture = EMGaussianMixture(
        2, covariance_type=covariance_type, tol=1e-10, max_iter=5000, random_state=0
    )
    mixture.set_params(acceleration="louis").fit(X)
    assert mixture.converged_ and rises(mixture.history_)
    value, means = mixture.history_[-1], mixture.means_
    mixture.set_params(acceleration=None, warm_start=True, max_iter=50, tol=1e-8).fit(X)
    assert mixture.history_[-1] == pytest.approx(value, abs=1e-7)
    np.testing.assert_allclose(mixture.means_, means, atol=0.02)


@pytest.mark.parametrize("scheme", [Anderson, Squarem, Louis])
def test_below_leaves_the_run_to_plain_em_until_a_step_gains_less(table, scheme):
    def path(acceleration):
        states = []
        options = {"start": APART._replace(rates=np.array([3.0, 4.0])), "tol": 0.0, "max_iter": 60}
        fit_em(Poisson(), table, acceleration=acceleration, callback=states.append, **options)
        return states

    plain, late = path(None), path(scheme(below=1e-2))
    small = next(i for i, state in enumerate(plain) if state.gain < 1e-2)
    assert small > 5
    for a, b in zip(plain[: small + 1], late[: small + 1], strict=True):
        np.testing.assert_array_equal(flat(a.params), flat(b.params))
    assert late[-1].n_iter < plain[-1].n_iter
    assert late[-1].objective == pytest.approx(plain[-1].objective, abs=1e-6)


# GEM, ECM, ECME and progress by other units


@pytest.mark.parametrize("acceleration", [None, "anderson", "squarem", "louis"])
def test_an_m_step_that_only_raises_q_climbs_to_the_maximum(acceleration):
    class Gradient(DrawnLinkage):
        """One step along the gradient of Q, half as long as the curvature allows."""

        def m_step(self, stats, params):
            t = params.t
            curvature = stats.toward / min(t, 0.5) ** 2 + stats.away / min(1 - t, 0.5) ** 2
            return Theta(t + 0.5 * self.complete_score(stats, params).t / curvature)

    for start in (0.2, 0.9):
        result = fit_em(
            Gradient(), COUNTS, start=Theta(start), acceleration=acceleration, tol=1e-13
        )
        assert result.converged and rises(result.history)
        assert result.params.t == pytest.approx(EXACT, abs=1e-6)


class Line(NamedTuple):
    mean: float
    variance: float
    df: float


class Weighted(NamedTuple):
    n: float
    weight: float
    first: float
    second: float


class Student(EMModel):
    """Location, scale and degrees of freedom of a t: ECME (Liu & Rubin 1995)."""

    def initialize(self, x, rng):
        return Line(float(np.median(x)), float(x.var()), 5.0)

    def e_step(self, x, params):
        mean, variance, df = params
        w = (df + 1) / (df + (x - mean) ** 2 / variance)
        value = stats.t.logpdf(x, df, mean, np.sqrt(variance)).sum()
        return Weighted(len(x), w.sum(), w @ x, w @ x**2), float(value)

    def m_step(self, stats, params):
        mean = stats.first / stats.weight
        return params._replace(mean=mean, variance=(stats.second - mean * stats.first) / stats.n)

    def conditional_step(self, x, params):
        def fall(log_df):
            return -self.e_step(x, params._replace(df=np.exp(log_df)))[1]

        options = {"bounds": (-1.0, 6.0), "method": "bounded", "options": {"xatol": 1e-10}}
        best = optimize.minimize_scalar(fall, **options)
        better = best.fun <= fall(np.log(params.df))
        return params._replace(df=float(np.exp(best.x))) if better else params

    def is_feasible(self, params):
        return params.variance > 0 and 0 < params.df < np.inf


@pytest.mark.parametrize("acceleration", [None, "anderson"])
@pytest.mark.parametrize("seed", range(3))
def test_ecme_finds_the_zero_of_the_score_of_a_t(acceleration, seed):
    x = stats.t.rvs(3.0, 1.0, 2.0, size=300, random_state=seed)
    result = fit_em(Student(), x, acceleration=acceleration, tol=1e-11)
    assert result.converged
    assert rises(result.history)

    def value(free):
        return stats.t.logpdf(x, np.exp(free[2]), free[0], np.exp(free[1])).sum()

    at = np.array(
        [result.params.mean, 0.5 * np.log(result.params.variance), np.log(result.params.df)]
    )
    gradient = [(value(at + h) - value(at - h)) / 2e-5 for h in 1e-5 * np.eye(3)]
    np.testing.assert_allclose(gradient, 0.0, atol=5e-3)  # of 300 rows
    assert result.objective == pytest.approx(value(at), rel=1e-12)


def test_progress_is_what_tol_is_compared_with():
    steps = []

    class ByStep(Linkage):
        def log_prior(self, params):
            return 1e12  # the rounding of which must not speak where tol is no gain

        def progress(self, before, after):
            steps.append(abs(after.params.t - before.params.t))
            return steps[-1]

    result = fit_em(ByStep(), COUNTS, start=Theta(0.1), acceleration=None, tol=1e-4)
    assert result.converged and result.n_iter == len(steps)
    assert max(steps[-2:]) < 1e-4  # the first and its confirmation
    assert min(steps[:-2]) >= 1e-4


@cut_short
@pytest.mark.parametrize("acceleration", [None, "anderson", "squarem", "louis"])
def test_an_image_that_is_not_a_number_ends_the_run_where_it_is(acceleration):
    class Undefined(Linkage):
        def m_step(self, stats, params):
            return Theta(np.nan) if params.t > 0.62 else super().m_step(stats, params)

    result = fit_em(Undefined(), COUNTS, start=Theta(0.1), acceleration=acceleration)
    assert result.reason is StopReason.INFEASIBLE and not result.converged
    assert 0.62 < result.params.t < 1


@pytest.mark.parametrize("search", ["annealing", "simulated_annealing"])
@pytest.mark.parametrize("max_iter", [5, 30, 200])
def test_bounds_of_an_annealed_mixture_are_numbers_that_rise(search, max_iter):
    """Those of the stage whose objective is the likelihood; the temperatures before count alone."""
    X = np.random.default_rng(0).normal(size=(90, 2)) + 5.0 * (np.arange(90) % 3)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = EMGaussianMixture(
            3, search=search, max_iter=max_iter, n_init=2, reg_covar=0.0, random_state=0
        ).fit(X)
    bounds = np.array(mixture.lower_bounds_)
    assert np.isfinite(bounds).all() and len(bounds) <= mixture.n_iter_
    if search == "annealing":
        assert (np.diff(bounds) >= -1e-12 * np.abs(bounds[1:])).all()
        assert len(bounds) == 0 or bounds[-1] == pytest.approx(mixture.score(X), rel=1e-9)
