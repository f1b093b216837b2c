"""Limits of a survival curve by the likelihood ratio: closed forms, another solver, laws."""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize
from scipy.stats import chi2
from test_survival_curve import INF, cover, grid_of, late_entries, times

from emkit import EMSurvivalCurve, censored_target
from emkit.exceptions import DataWarning


def limits_of(curve, at, level=0.95, **options):
    options = {"return_ci": True, "level": level, "method": "profile", **options}
    return curve.predict_survival_function([0], at, **options)[1][0]


@contextmanager
def ignored_warnings(category):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


def fitted(y, weight=None, **arguments):
    return EMSurvivalCurve(**arguments).fit(None, y, weight)


# Closed forms


def thomas_grunkemeier(seen, event, weight, at, level):
    """Limits with hazards d / (r + tilt) at the events up to a time (JASA 70, 1975)."""
    failed = np.unique(seen[event & (seen <= at)])
    risk = np.array([weight[seen >= t].sum() for t in failed])
    deaths = np.array([weight[event & (seen == t)].sum() for t in failed])

    def excess(tilt):
        lived = (risk - deaths) * np.log1p(tilt / (risk - deaths))
        return -2.0 * (lived - risk * np.log1p(tilt / risk)).sum() - chi2.ppf(level, 1)

    least = -(risk - deaths).min()
    tilts = brentq(excess, least * (1.0 - 1e-12), 0.0), brentq(excess, 0.0, 1e7, xtol=1e-10)
    return [np.prod(1.0 - deaths / (risk + tilt)) for tilt in tilts]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0.5, 0.9, 0.99]))
def test_at_events_limits_are_those_of_thomas_and_grunkemeier(seed, weighted, level):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 60))
    seen, event = rng.integers(1, 15, n) * 1.0, rng.random(n) < 0.6
    event[seen == 14.0] = False  # some live on
    weight = rng.random(n) + 0.5 if weighted else np.ones(n)
    failed = np.unique(seen[event & (seen < 10.0)])
    curve = fitted(censored_target(seen, event=event), weight)
    expected = [thomas_grunkemeier(seen, event, weight, t, level) for t in failed]
    assert_allclose(limits_of(curve, failed, level), np.reshape(expected, (-1, 2)), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_where_nobody_failed_the_lower_limit_is_that_of_no_event_in_n(n):
    curve = fitted(np.tile([5.0, INF], (n, 1)))
    expected = [np.exp(-0.5 * chi2.ppf(0.95, 1) / n), 1.0]
    assert_allclose(limits_of(curve, [1.0, 5.0]), [expected] * 2, rtol=1e-9)
    assert_array_equal(limits_of(curve, [5.1, INF])[:, 0], 0.0)


def test_where_all_failed_the_upper_limit_is_that_of_n_events_in_n():
    n = 12
    curve = fitted(np.tile([0.0, 5.0], (n, 1)))
    expected = [0.0, 1.0 - np.exp(-0.5 * chi2.ppf(0.95, 1) / n)]
    assert_allclose(limits_of(curve, [5.0]), [expected], rtol=1e-8)
    assert_array_equal(limits_of(curve, [3.0]), [[0.0, 1.0]])


def test_of_one_visit_limits_are_those_of_a_binomial_share():
    n, failed, level = 40, 13, 0.9
    y = np.repeat([[0.0, 2.0], [2.0, INF]], [failed, n - failed], axis=0)

    def excess(share):
        of = np.array([share, 1.0 - share]), np.array([failed, n - failed]) / n
        return 2.0 * n * of[1] @ np.log(of[1] / of[0]) - chi2.ppf(level, 1)

    ends = brentq(excess, 1e-9, failed / n), brentq(excess, failed / n, 1.0 - 1e-9)
    expected = 1.0 - np.array(ends[::-1])
    assert_allclose(limits_of(fitted(y), 2.0, level), expected, rtol=1e-7)
    for part in (0.25, 4.0):  # weights are rows
        curve, wide = fitted(y, np.full(n, part)), chi2.ppf(level, 1) / part
        share = chi2.cdf(wide, 1)
        assert_allclose(limits_of(curve, 2.0, level), limits_of(fitted(y), 2.0, share), rtol=1e-7)


# The constrained maximum


def constrained_maximum(y, weight, at, hazard):
    """The largest log-likelihood with a cumulative hazard up to a time, by SciPy's SLSQP.

    Over hazards at all ends, points between them, and the time, of which one lies beyond it.
    """
    points = np.union1d(grid_of(y), [at])
    points = np.concatenate([[points[0] - 1.0], points, [points[-1] + 1.0]])
    points = np.union1d(points, 0.5 * (points[1:] + points[:-1]))
    entry = y[:, 2:] if y.shape[1] > 2 else np.full((len(y), 1), -INF)
    points = points[points > entry.min()]
    failed = cover(y, points).astype(float)
    lived = weight @ ((points > entry) & (points <= y[:, :1]) & (failed == 0.0))
    before = (points <= at).astype(float)

    def loss(hazards):
        total = np.maximum(failed @ hazards, 1e-12)
        slope = failed.T @ (weight / np.expm1(total)) - lived
        return lived @ hazards - weight @ np.log(-np.expm1(-total)), -slope

    start = np.full(len(points), 0.2)
    start[before > 0.0] *= hazard / start[before > 0.0].sum()
    start[-1] = 50.0
    held = {"type": "eq", "fun": lambda h: before @ h - hazard, "jac": lambda h: before}
    bounds, options = [(0.0, 60.0)] * len(points), {"maxiter": 2000, "ftol": 1e-13}
    found = minimize(
        loss, start, jac=True, bounds=bounds, method="SLSQP", constraints=[held], options=options
    )
    assert abs(before @ found.x - hazard) < 1e-6
    return -found.fun


@late_entries
@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_at_limits_another_solver_finds_the_fall_that_makes_them(seed, entries):
    y, weight = times(seed, 12, entries=entries, weighted=True)
    at, level = float(np.random.default_rng(seed).choice(grid_of(y))), 0.8
    curve = fitted(y, weight)
    for end in limits_of(curve, at, level):
        if 1e-9 < end < 1.0 - 1e-9:
            fall = curve.log_likelihood_ - constrained_maximum(y, weight, at, -np.log(end))
            assert fall == pytest.approx(0.5 * chi2.ppf(level, 1), abs=2e-3)


# Laws


@late_entries
@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_limits_hold_the_curve_fall_with_time_and_widen_with_the_level(seed, entries):
    y, weight = times(seed, 10, entries=entries, weighted=True)
    curve, at = fitted(y, weight), np.append(-100.0, grid_of(y)[seed % 4 :: 8])
    survival = curve.predict_survival_function([0], at)[0]
    lower, upper = limits_of(curve, at, 0.9).T
    assert (lower <= survival + 1e-7).all() and (survival <= upper + 1e-7).all()
    assert_array_equal(limits_of(curve, [INF]), 0.0)
    assert (np.diff(lower) <= 1e-6).all() and (np.diff(upper) <= 1e-6).all()
    wide = limits_of(curve, at[1::2], 0.99)
    assert (wide[:, 0] <= lower[1::2] + 1e-7).all() and (wide[:, 1] >= upper[1::2] - 1e-7).all()


@late_entries
@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_weights_are_rows_and_another_clock_changes_nothing(seed, entries):
    y, _ = times(seed, 10, entries=entries)
    counts = np.random.default_rng(seed).integers(1, 4, len(y))
    at = grid_of(y)[seed % 4 :: 8]
    limits = limits_of(fitted(y, counts), at)
    repeated = limits_of(fitted(np.repeat(y, counts, axis=0)), at)
    assert_allclose(limits, repeated, atol=1e-6)
    moved = np.where(np.isinf(y), y, np.exp(0.2 * y))
    assert_allclose(limits_of(fitted(moved, counts), np.exp(0.2 * at)), limits, atol=1e-6)


@late_entries
@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([0.2, 0.5, 0.8]))
def test_limits_of_quantiles_are_where_those_of_the_curve_pass(seed, entries, q):
    y, weight = times(seed, 8, entries=entries, weighted=True)
    curve = fitted(y, weight)
    with ignored_warnings(DataWarning):  # of a quantile that is infinite
        _, limits = curve.predict_quantile([0], q, return_ci=True, method="profile")
    early, late = limits[0]
    assert early <= late
    if np.isfinite(early):
        assert limits_of(curve, np.nextafter(early, INF))[0] <= 1.0 - q + 1e-6
        assert limits_of(curve, np.nextafter(early, -INF))[0] >= 1.0 - q - 1e-6
    if np.isfinite(late):
        assert limits_of(curve, late)[1] <= 1.0 - q + 1e-6
        assert limits_of(curve, np.nextafter(late, -INF))[1] >= 1.0 - q - 1e-6


def test_nothing_depends_on_workers_or_chance_and_shapes_are_as_ever():
    y, _ = times(2, 8)
    one, two = (fitted(y, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert_array_equal(limits_of(one, [2.0, 5.0]), limits_of(two, [2.0, 5.0]))
    assert limits_of(one, 2.0).shape == (2,) and limits_of(one, [2.0]).shape == (1, 2)
    options = {"return_ci": True, "method": "profile"}
    median, limits = one.predict_quantile([0, 1, 2], **options)
    assert median.shape == (3,) and limits.shape == (3, 2)
    quantiles, several = one.predict_quantile([0, 1, 2], [0.1, 0.5], **options)
    assert quantiles.shape == (3, 2) and several.shape == (3, 2, 2)
    assert_array_equal(several[:, 1], limits)
    with pytest.raises(ValueError, match="method must be one of 'bootstrap', 'profile'"):
        limits_of(one, 2.0, method="greenwood")


def test_all_that_enter_late_begin_at_1():
    y = np.column_stack([[2.0, 3.0, 4.0, 5.0], [2.0, 3.0, 4.0, INF], np.full(4, 1.0)])
    curve = fitted(y)
    assert_array_equal(limits_of(curve, [0.0, 1.0]), 1.0)
    assert_allclose(
        limits_of(curve, [2.5, 3.5]), limits_of(fitted(y[:, :2]), [2.5, 3.5]), rtol=1e-9
    )


def test_limits_hold_the_truth_as_often_as_they_say():
    """Early, where few have failed: 90 % limits of 100 samples, which miss 10 on average."""
    rng, truth, misses = np.random.default_rng(0), np.exp(-0.2), 0
    for _ in range(100):
        time, limit = rng.exponential(size=30), rng.exponential(1.5, 30)
        seen = np.minimum(time, limit)
        lower, upper = limits_of(fitted(censored_target(seen, event=time <= limit)), 0.2, 0.9)
        misses += not lower <= truth <= upper
    assert 1 <= misses <= 19  # within three standard errors
