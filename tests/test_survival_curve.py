"""EMSurvivalCurve against reference answers, other solvers, and its laws."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMCensoredRegressor, EMSurvivalCurve, censored_target
from emkit.datasets import load_lung
from emkit.exceptions import DataWarning
from emkit.metrics import concordance_scorer
from emkit.models.survival.cells import Cells, Times
from emkit.models.survival.hazards import HazardModel, HazardParams, first_hazards
from emkit.models.survival.rows import Rows

INF = np.inf
#: Where entries come late the first risk sets may empty, which is told, and is no fault here.
late_entries = pytest.mark.filterwarnings("ignore:By time:emkit.exceptions.DataWarning")


def times(seed, n=None, *, entries=None, weighted=None, exact=True):
    """Rows [lower, upper, entry] of all kinds on a coarse grid, with ties, and weights."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 30)) if n is None else n
    low = rng.integers(0, rng.integers(3, 25), n) * 1.0
    kind = rng.integers(0 if exact else 1, 4, n)  # exact, right, left, interval
    high = np.select([kind == 0, kind == 1], [low, INF], low + rng.integers(1, 6, n))
    low = np.where(kind == 2, -INF, low)
    weight = rng.choice([0.3, 1.0, 2.5], n) if weighted else np.ones(n)
    if not entries:
        return np.column_stack([low, high]), weight
    late = rng.random(n) < 0.7
    entry = np.where(late & (kind != 2), low - rng.integers(0, 5, n) - (kind < 2), -INF)
    return np.column_stack([low, high, entry]), weight


def fitted(y, weight=None, **arguments):
    return EMSurvivalCurve(**arguments).fit(None, y, weight)


def survival(curve, at):
    return curve.predict_survival_function([0], at)[0]


def cover(y, points):
    """Whether each point lies in the interval of each row."""
    low, high = y[:, :1], y[:, 1:2]
    return ((points > low) & (points <= high)) | ((low == high) & (points == low))


def grid_of(y):
    """Ends, and a point between any two of them."""
    ends = np.unique(y[np.isfinite(y)])
    between = [ends[0] - 1.0, *(ends[:-1] + np.diff(ends) / 2.0), ends[-1] + 1.0]
    return np.sort(np.append(ends, between))


# Reference answers

CASES = ["cosmesis_radiotherapy", "mice_ce", "diabetes_male", "botulinum", "leukemia_6mp"]
CASES += ["synthetic_continuous_400", "synthetic_fractional_300"]


def numbers(values, missing):
    return np.array([missing if value is None else value for value in values], dtype=float)


@pytest.fixture(params=CASES)
def case(request, golden):
    cases = {case["id"]: case for case in golden("survival_curve.json")["npmle"]}
    assert list(cases) == CASES
    return cases[request.param]


def test_reference_answers(case):
    y = np.column_stack([numbers(case["lower"], -INF), numbers(case["upper"], INF)])
    curve = fitted(y, case["weights"])
    assert curve.converged_ and curve.gap_ <= 1e-10
    assert len(curve.intervals_) == case["maximal_intersections"]
    assert_allclose(curve.log_likelihood_, case["log_likelihood"], rtol=1e-13)
    at, wanted = np.transpose(case["survival_at"])
    assert_allclose(survival(curve, at), wanted, atol=1e-12)
    full = curve.masses_ > 1e-9
    assert full.sum() == case["support"]
    assert_allclose(curve.masses_[full], case["mass"], atol=1e-12)
    assert_array_equal(curve.intervals_[full, 0], case["left"])
    assert_array_equal(curve.intervals_[full, 1], numbers(case["right"], INF))


def test_the_product_limit_with_entries(golden):
    case = golden("survival_curve.json")["product_limit_with_entry"]
    women, men = (
        censored_target(rows["time"], event=rows["event"], entry=rows["entry"])
        for rows in (case["women"], case["men"])
    )
    curve = fitted(women)
    assert_allclose(survival(curve, case["times"]), case["women"]["survival"], rtol=1e-13)
    with pytest.warns(DataWarning, match="By time 781 everybody who was at risk has failed"):
        curve = fitted(men)
    assert_array_equal(survival(curve, case["times"]), 0.0)
    assert curve.converged_ and np.isfinite(curve.log_likelihood_)


# Closed forms


def product_limit(time, event, entry, weight, at):
    """Survival at some times from risk sets: those that entered before and have not left."""
    value = np.ones(len(at))
    for t in np.unique(time[event]):
        risk = weight[(entry < t) & (t <= time)].sum()
        value[at >= t] *= 1.0 - weight[event & (time == t)].sum() / risk
    return value


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_right_censored_times_have_the_curve_of_kaplan_and_meier(seed, entries, weighted):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    time, event = rng.integers(1, 20, n) * 1.0, rng.random(n) < 0.6
    late = rng.random(n) < rng.choice([0.7, 1.0])
    entry = (
        np.where(late, time - rng.integers(1, rng.choice([3, 20]), n), -INF) if entries else -INF
    )
    weight = rng.random(n) + 0.1 if weighted else np.ones(n)
    entry = np.broadcast_to(entry, n)
    curve = fitted(censored_target(time, event=event, entry=entry), weight)
    at = np.arange(21.0)
    assert_allclose(survival(curve, at), product_limit(time, event, entry, weight, at), atol=1e-12)
    assert curve.n_iter_ <= 2


def test_a_long_curve_of_kaplan_and_meier():
    rng = np.random.default_rng(0)
    time, event = rng.exponential(size=5000), rng.random(5000) < 0.7
    curve = fitted(censored_target(time, event=event))
    at = np.quantile(time, np.linspace(0.0, 1.0, 50))
    wanted = product_limit(time, event, np.full(5000, -INF), np.ones(5000), at)
    assert_allclose(survival(curve, at), wanted, rtol=1e-12, atol=1e-12)


def test_exact_times_have_their_shares():
    curve = fitted([1.0, 2.0, 2.0, 5.0], [1.0, 1.0, 2.0, 4.0])
    assert_array_equal(curve.intervals_, [[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])
    assert_allclose(curve.masses_, [0.125, 0.375, 0.5], rtol=1e-14)
    shares = np.array([0.125, 0.375, 0.5])
    assert curve.log_likelihood_ == pytest.approx(8.0 * shares @ np.log(shares), rel=1e-14)


# The maximum


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_no_mass_anywhere_would_raise_the_likelihood(seed, weighted):
    """The condition of Gentleman & Geyer, at points everywhere, not in intersections alone."""
    y, weight = times(seed, weighted=weighted)
    curve = fitted(y, weight)
    chance = np.exp(curve.score_samples(None, y))
    slopes = (weight / chance) @ cover(y, grid_of(y))
    assert slopes.max() <= weight.sum() * (1.0 + 1e-7)
    assert weight @ np.log(chance) == pytest.approx(curve.log_likelihood_, rel=1e-10, abs=1e-9)
    assert curve.masses_.sum() == pytest.approx(1.0, rel=1e-12)


@late_entries
@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_another_solver_finds_no_higher_likelihood_with_entries(seed):
    """Hazards at points everywhere, by a quasi-Newton method on dense matrices."""
    y, weight = times(seed, 12, entries=True)
    curve, points = fitted(y, weight), grid_of(y)
    failed = cover(y, points).astype(float)
    lived = (points > y[:, 2:]) & (points <= y[:, :1]) & (failed == 0.0)

    def loss(hazard):
        total = failed @ hazard + 1e-300
        value = weight @ np.log(-np.expm1(-total)) - weight @ (lived @ hazard)
        slope = failed.T @ (weight / np.expm1(total)) - lived.T @ weight
        return -value, -slope

    bounds = [(0.0, 30.0)] * len(points)
    start = np.full(len(points), 0.1)
    options = {"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9}
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    assert -found.fun <= curve.log_likelihood_ + 1e-9
    assert -found.fun == pytest.approx(curve.log_likelihood_, abs=1e-3)


@late_entries
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(0, 3))
def test_the_gap_bounds_what_a_fit_falls_short_by(seed, entries, max_iter):
    y, weight = times(seed, entries=entries, weighted=True)
    best, early = fitted(y, weight), fitted(y, weight, max_iter=max_iter, tol=1e-300)
    assert best.converged_ and best.gap_ <= 1e-10
    short = best.log_likelihood_ - early.log_likelihood_
    assert -1e-9 <= short <= early.gap_ * weight.sum() + 1e-9


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_history_never_falls(seed, entries):
    curve = fitted(*times(seed, entries=entries))
    assert (np.diff(curve.history_) >= 0.0).all()
    assert curve.history_[-1] == pytest.approx(curve.log_likelihood_, rel=1e-12, abs=1e-12)


@late_entries
@pytest.mark.parametrize("n", [300, 3000])
@pytest.mark.parametrize("entries", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_continuous_times_of_many_rows_are_at_their_maximum(n, entries, share):
    rng = np.random.default_rng(n)
    visit = rng.uniform(0.0, 20.0, (n, 2))
    visit.sort(axis=1)
    time = 8.0 * rng.weibull(1.5, n)
    low = np.select([time > visit[:, 1], time > visit[:, 0]], visit[:, ::-1].T, 0.0)
    high = np.select([time <= visit[:, 0], time <= visit[:, 1]], visit.T, INF)
    exact = rng.random(n) < share
    y = np.column_stack([np.where(exact, time, low), np.where(exact, time, high)])
    if entries:
        late = (y[:, 0] > 0.0) & (rng.random(n) < 0.7)
        y = np.column_stack([y, np.where(late, y[:, 0] * rng.random(n), -INF)])
    curve = fitted(y)
    assert curve.converged_ and curve.gap_ <= 1e-10
    assert curve.n_iter_ < 40


# The model


def model_of(y, weight):
    read = Times.of(*y.T[:2], y.T[2] if y.shape[1] > 2 else None, weight)
    rows = Rows.at(*Cells.of(read).places(read).merged(weight))
    return HazardModel(rows), rows


@given(st.integers(0, 2**32 - 1))
def test_the_maximum_is_self_consistent(seed):
    """Turnbull's equation: masses are the shares of rows that lie there, given these masses."""
    y, weight = times(seed)
    curve = fitted(y, weight)
    among = cover(y, curve.intervals_[:, 1]) * curve.masses_
    shares = (weight[:, None] * among / among.sum(axis=1, keepdims=True)).sum(axis=0)
    assert_allclose(curve.masses_, shares / weight.sum(), atol=1e-8)


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_em_map_leaves_the_maximum_where_it_is(seed, entries):
    y, weight = times(seed, entries=entries)
    model, rows = model_of(y, weight)
    hazard = fitted(y, weight)._curve.hazard[np.isnan(rows.known)]
    params = HazardParams(hazard)
    image = model.m_step(model.e_step(rows.likelihood, params)[0], params)
    assert_allclose(image.hazard, hazard, rtol=1e-5, atol=1e-6)


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_em_and_proposals_do_not_lower_the_likelihood(seed, entries):
    model, rows = model_of(*times(seed, entries=entries, weighted=True))
    params = first_hazards(rows.likelihood)
    stats, value = model.e_step(rows.likelihood, params)
    for step in (model.m_step, model.propose):
        _, there = model.e_step(rows.likelihood, step(stats, params))
        assert there >= value - 1e-12 * abs(value)


# Laws


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_whole_weights_are_repeated_rows(seed, entries):
    y, _ = times(seed, entries=entries)
    counts = np.random.default_rng(seed).integers(0, 4, len(y))
    assume(counts.any())
    weighted, repeated = fitted(y, counts), fitted(np.repeat(y, counts, axis=0))
    assert_array_equal(weighted.intervals_, repeated.intervals_)
    assert_allclose(weighted.masses_, repeated.masses_, atol=1e-12)
    assert_allclose(weighted.log_likelihood_, repeated.log_likelihood_, rtol=1e-12, atol=1e-12)


def known(curve):
    """What the data determine: the probability of each row, whatever the masses are."""
    return curve.predict_survival_function([0], curve.intervals_[:, 1])[0]


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_order_of_rows_and_what_says_nothing_change_nothing(seed, entries):
    y, weight = times(seed, entries=entries, weighted=True)
    curve, order = fitted(y, weight), np.random.default_rng(seed).permutation(len(y))
    anywhere = np.array([[-INF, INF, -INF]])[:, : y.shape[1]]
    others = np.concatenate([y[order], anywhere, y[:1]])
    other = fitted(others, np.concatenate([weight[order], [7.0, 0.0]]))
    assert_array_equal(curve.intervals_, other.intervals_)
    assert_allclose(other.log_likelihood_, curve.log_likelihood_, rtol=1e-12, atol=1e-12)
    assert_allclose(
        other.score_samples(None, y), curve.score_samples(None, y), rtol=1e-6, atol=1e-6
    )


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_another_clock_changes_the_intervals_alone(seed, entries):
    y, weight = times(seed, entries=entries)
    curve = fitted(y, weight)
    for clock in (lambda t: t - 1000.0, lambda t: np.exp(0.3 * t) - 2.0, lambda t: t * 1e-6):
        with np.errstate(over="ignore"):
            moved = np.where(np.isinf(y), y, clock(y))
        other = fitted(moved, weight)
        assert_array_equal(other.masses_, curve.masses_)
        ends = curve.intervals_
        assert_array_equal(other.intervals_, np.where(np.isinf(ends), ends, clock(ends)))


@given(st.integers(0, 2**32 - 1))
def test_an_entry_before_everything_is_none(seed):
    y, weight = times(seed)
    known_from = np.column_stack([np.maximum(y[:, 0], -5.0), y[:, 1], np.full(len(y), -5.0)])
    with_entry = fitted(known_from, weight)
    assert_allclose(
        with_entry.score_samples(None, known_from),
        fitted(y, weight).score_samples(None, y),
        atol=1e-6,
    )


def test_rows_by_entry_are_conditional():
    """All that entered at the same time: the curve of those that live longer, from 1 there."""
    y, _ = times(3, 40, exact=True)
    y = np.maximum(y, 2.0)
    y[:, 1] += y[:, 1] == 2.0
    y[:, 0] += (y[:, 0] == y[:, 1]) * 0.0
    entry = np.full(len(y), 1.0)
    assert_allclose(fitted(np.column_stack([y, entry])).masses_, fitted(y).masses_, atol=1e-12)


def test_intervals_hold_their_upper_end_and_not_their_lower():
    curve = fitted([[1.0, 2.0], [2.0, 3.0]])
    assert_array_equal(curve.intervals_, [[1.0, 2.0], [2.0, 3.0]])
    assert_allclose(curve.masses_, 0.5)
    curve = fitted([[1.0, 2.0], [2.0, 2.0], [2.0, INF]])
    assert_array_equal(curve.intervals_, [[2.0, 2.0], [2.0, INF]])
    assert_allclose(curve.masses_, [2.0 / 3.0, 1.0 / 3.0])


# Degenerate data


@pytest.mark.parametrize(
    ("y", "interval", "median"),
    [
        ([[1.0, INF], [3.0, INF]], [3.0, INF], INF),
        ([[-INF, 1.0], [-INF, 3.0]], [-INF, 1.0], 1.0),
        ([[2.0, 2.0]], [2.0, 2.0], 2.0),
        ([[1.0, 4.0]], [1.0, 4.0], 4.0),
        ([[0.0, 0.0]], [0.0, 0.0], 0.0),
        ([[-3.0, INF]], [-3.0, INF], INF),
    ],
    ids=str,
)
def test_all_in_one_interval(y, interval, median):
    curve = fitted(y)
    assert_array_equal(curve.intervals_, [interval])
    assert_array_equal(curve.masses_, [1.0])
    assert curve.log_likelihood_ == 0.0 and curve.gap_ == 0.0 and curve.converged_
    if np.isinf(median):
        with pytest.warns(DataWarning, match="quantile at 0.5 is infinite"):
            assert_array_equal(curve.predict([0, 1]), [INF, INF])
        assert_array_equal(survival(curve, [0.0, 100.0]), 1.0)
    else:
        assert_array_equal(curve.predict([0, 1]), [median, median])


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ValueError, match="No row of y has a bound"):
        fitted([[-INF, INF]])
    with pytest.raises(ValueError, match="No row of positive weight has a bound"):
        fitted([[-INF, INF], [1.0, 2.0]], [1.0, 0.0])
    with pytest.raises(ValueError, match="at least one (positive|non-zero) number"):
        fitted([1.0, 2.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="Negative|negative"):
        fitted([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(ValueError, match="NaN"):
        fitted([[1.0, np.nan]])
    with pytest.raises(ValueError, match="infinity"):
        fitted([1.0, INF])
    with pytest.raises(ValueError, match="Row 1 of y is no interval"):
        fitted([[1.0, 2.0], [3.0, 2.0]])
    with pytest.raises(ValueError, match="requires y"):
        fitted(None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EMSurvivalCurve().fit([[0.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="tol"):
        fitted([1.0], tol=-1.0)
    with pytest.raises(NotFittedError):
        EMSurvivalCurve().predict([[0.0]])


def test_a_fit_that_stops_short_says_by_how_much_it_may():
    y, weight = times(7, 30)
    with pytest.warns(ConvergenceWarning, match="fall short of the maximum by"):
        curve = fitted(y, weight, max_iter=1, tol=1e-14)
    assert not curve.converged_ and curve.gap_ > 1e-14


@late_entries
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_weights_may_be_of_many_sizes(seed, entries):
    y, _ = times(seed, entries=entries)
    weight = 10.0 ** np.random.default_rng(seed).uniform(-3.0, 3.0, len(y))
    curve = fitted(y, weight)
    assert curve.converged_ and curve.gap_ <= 1e-10


@pytest.mark.parametrize("scale", [1e-290, 1e-20, 1e90])
def test_the_size_of_weights_does_not_matter(scale):
    y, weight = times(5, 30, weighted=True)
    curve, other = fitted(y, weight), fitted(y, scale * weight)
    assert_allclose(other.masses_, curve.masses_, atol=1e-9)
    assert other.gap_ <= 1e-10


# Predictions


def test_quantiles_are_the_first_times_that_enough_have_failed_by():
    curve = fitted([1.0, 2.0, 3.0, 4.0])
    q = [0.2, 0.25, 0.26, 0.5, 0.75, 0.9]
    assert_array_equal(curve.predict_quantile([0, 0], q), [[1.0, 1.0, 2.0, 2.0, 3.0, 4.0]] * 2)
    assert_array_equal(curve.predict([[0.0]]), [2.0])
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        curve.predict_quantile([0], 1.0)


def test_the_curve_is_continuous_from_the_right_and_falls_at_upper_ends():
    curve = fitted([[0.0, 3.0], [2.0, 5.0], [4.0, 6.0], [7.0, INF]])
    at = np.array([-INF, 2.5, 3.0, 4.999, 5.0, 6.0, 1e9, INF])
    assert_allclose(survival(curve, at), [1, 1, 0.625, 0.625, 0.25, 0.25, 0.25, 0])
    assert_array_equal(curve.times_, [3.0, 5.0])
    assert_allclose(curve.predict_survival_function([0, 1]), [[0.625, 0.25]] * 2)
    assert curve.predict_survival_function([0, 1], 3.0).shape == (2,)
    with pytest.raises(ValueError, match="times contains NaN"):
        survival(curve, [np.nan])


def test_scores_are_probabilities_given_the_entry():
    curve = fitted([1.0, 2.0, 3.0, 4.0])
    rows = [[1.0, 1.0, -INF], [1.0, 3.0, -INF], [2.0, INF, 1.0], [1.5, 1.5, -INF], [2.0, 4.0, 2.0]]
    wanted = np.log([0.25, 0.5, 2.0 / 3.0, 1.0])
    found = curve.score_samples(None, rows)
    assert_allclose(found[[0, 1, 2, 4]], wanted, atol=1e-14)
    assert found[3] == -INF
    assert curve.score(None, rows[:3], [1.0, 2.0, 0.0]) == pytest.approx(
        (wanted[0] + 2.0 * wanted[1]) / 3.0
    )
    y, weight = times(11, 50, entries=True, weighted=True)
    curve = fitted(y, weight)
    score = curve.score(None, y, weight)
    assert score * weight.sum() == pytest.approx(curve.log_likelihood_, rel=1e-10)


# Confidence limits


def test_limits_are_those_of_greenwood_where_these_hold():
    rng = np.random.default_rng(1)
    n = 400
    time, limit = rng.exponential(size=n), rng.exponential(2.0, n)
    seen, event = np.minimum(time, limit), time <= limit
    curve = EMSurvivalCurve(random_state=0).fit(None, censored_target(seen, event=event))
    at = np.array([0.2, 0.6, 1.0, 1.6])
    value, limits = curve.predict_survival_function([0], at, return_ci=True)
    failed = np.unique(seen[event & (seen < 2.0)])
    risk = (seen[:, None] >= failed).sum(axis=0)
    terms = np.cumsum(1.0 / (risk * (risk - 1.0)))
    errors = value[0] * np.sqrt(terms[np.searchsorted(failed, at, "right") - 1])
    assert limits.shape == (1, 4, 2)
    assert_allclose(limits[0, :, 1] - limits[0, :, 0], 2 * 1.96 * errors, rtol=0.15)
    assert ((limits[0, :, 0] < value[0]) & (value[0] < limits[0, :, 1])).all()


def test_limits_hold_the_truth_as_often_as_they_say():
    """Planned visits: 90 % limits of 40 samples, which miss 4 on average."""
    rng, misses = np.random.default_rng(0), 0
    for seed in range(40):
        visit = np.floor(rng.exponential(3.0, 150))
        y = np.column_stack([visit, np.where(visit < 8.0, visit + 1.0, INF)])
        curve = EMSurvivalCurve(random_state=seed).fit(None, np.minimum(y, [8.0, INF]))
        options = {"return_ci": True, "level": 0.9, "n_resamples": 100}
        _, limits = curve.predict_survival_function([0], 3.0, **options)
        misses += not limits[0, 0] <= np.exp(-1.0) <= limits[0, 1]
    assert 1 <= misses <= 10


def test_limits_do_not_depend_on_workers_and_weights_are_rows():
    y, _ = times(2, 40)
    counts = np.random.default_rng(0).integers(1, 3, 40)
    options = {"return_ci": True, "n_resamples": 20}
    one, two = (
        EMSurvivalCurve(random_state=3, n_jobs=n_jobs).fit(None, rows, weight)
        for n_jobs, rows, weight in ((1, y, counts), (2, np.repeat(y, counts, axis=0), None))
    )
    for method in ("predict_survival_function", "predict_quantile"):
        argument = [5.0, 9.0] if method == "predict_survival_function" else [0.1, 0.3]
        first, second = (
            getattr(curve, method)([0], argument, **options)[1] for curve in (one, two)
        )
        assert_array_equal(first, second)
    with pytest.raises(ValueError, match="n_resamples must be an int, at least 2"):
        one.predict_survival_function([0], return_ci=True, n_resamples=1)
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        one.predict_quantile([0], 0.1, return_ci=True, level=95)


# As an estimator


@pytest.mark.parametrize("X", [None, [1, 2, 3], [["a"], [None], ["b"]], np.zeros((3, 0))])
def test_x_is_ignored_as_the_dummy_regressor_ignores_it(X):
    curve, dummy = EMSurvivalCurve().fit(X, [1.0, 2.0, 3.0]), DummyRegressor().fit(X, [1.0, 2, 3])
    for name in ("n_features_in_", "feature_names_in_"):
        assert getattr(curve, name, None) == getattr(dummy, name, None)
    rows = [0, 0] if X is None else X
    assert curve.predict(rows).shape == dummy.predict(rows).shape
    for method in (curve.predict, curve.predict_quantile, curve.predict_survival_function):
        with pytest.raises(TypeError, match="X is None: give a row for each prediction"):
            method(None)


def test_it_is_the_baseline_of_a_cross_validation():
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    pipeline = make_pipeline(StandardScaler(), EMSurvivalCurve())
    assert_array_equal(cross_val_score(pipeline, X, y, scoring=concordance_scorer), 0.5)
    regressor = EMCensoredRegressor(distribution="lognormal")
    assert cross_val_score(regressor, X, y, scoring=concordance_scorer).mean() > 0.5
    months = np.column_stack([np.floor(y[:, 0] / 60.0), np.floor(y[:, 1] / 60.0) + 1.0])
    months = np.where(months[:, :1] > 9.0, [9.0, INF], months)
    own, other = (cross_val_score(model, X, months) for model in (pipeline, regressor))
    assert np.isfinite(own).all() and np.isfinite(other).all()
    search = GridSearchCV(EMSurvivalCurve(), {"tol": [1e-6, 1e-10]}).fit(X, months)
    assert search.best_score_ == pytest.approx(own.mean(), abs=1e-6)


def test_it_is_kept_and_cloned():
    y, weight = times(9, 30, entries=True)
    curve = EMSurvivalCurve(random_state=0).fit(None, y, weight)
    kept = pickle.loads(pickle.dumps(curve))
    at, options = [3.0, 7.0], {"return_ci": True, "n_resamples": 5}
    for one, two in zip(*(c.predict_survival_function([0], at, **options) for c in (curve, kept)),
                        strict=True):  # fmt: skip
        assert_array_equal(one, two)
    again = clone(curve).fit(None, y, weight)
    assert_array_equal(again.masses_, curve.masses_)


def test_all_forms_of_y_are_read():
    time, event = np.array([5.0, 3.0, 4.0]), np.array([True, False, True])
    rows = censored_target(time, event=event)
    fields = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
    for y in (rows, fields, np.clip(rows, -1e300, 1e300)):
        assert_array_equal(fitted(y).masses_, fitted(rows).masses_)
    limited = fitted([0.5, 2.0, 9.0], left=1.0, right=8.0)
    assert_array_equal(limited.intervals_, [[-INF, 1.0], [2.0, 2.0], [8.0, INF]])


def test_it_tells_of_its_progress(capsys):
    EMSurvivalCurve(verbose=2).fit(None, times(9, 30)[0])
    assert "Converged after" in capsys.readouterr().out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EMSurvivalCurve().fit(None, times(9, 30)[0])
    assert capsys.readouterr().out == ""
