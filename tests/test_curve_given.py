"""What is left of times, given survival to one, by a curve without a law: closed forms and laws."""

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from test_survival_curve import INF, fitted, grid_of, late_entries, product_limit, times

from emkit import EMCensoredRegressor, EMSurvivalCurve, censored_target
from emkit.datasets import load_lung
from emkit.exceptions import DataWarning

Q = np.array([0.1, 0.5, 0.9])
seeds = st.integers(0, 2**32 - 1)
infinite = pytest.mark.filterwarnings("ignore:The curve .*falls:emkit.exceptions.DataWarning")


def survival(curve, at, given=None):
    return curve.predict_survival_function([0], at, given=given)[0]


def right_censored(seed, entries=False):
    """Times in whole numbers, the longest of which is censored."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 60))
    time, event = rng.integers(1, 20, n) * 1.0, rng.random(n) < 0.6
    time[0], event[0] = 20.0, False
    entry = time - rng.integers(1, 8, n) if entries else np.full(n, -INF)
    return time, event, np.append(-INF, entry[1:]), rng.random(n) + 0.1


def drawn(seed, entries):
    """A curve of times of all kinds, and one at which somebody lives."""
    y, weight = times(seed, entries=entries, weighted=True)
    curve = fitted(y, weight)
    at = grid_of(y)
    alive = at[(survival(curve, at) > 1e-6) & (at < curve.intervals_[-1, 1])]
    return curve, at, float(np.random.default_rng(seed).choice(alive))


# Closed forms


@over(seeds, st.booleans(), st.floats(0.0, 25.0))
def test_of_right_censored_times_it_is_kaplan_meier_of_those_who_live_past_it(seed, entries, c):
    time, event, entry, weight = right_censored(seed, entries)
    curve = fitted(censored_target(time, event=event, entry=entry), weight)
    at, late = np.arange(26.0), time > c
    event = event & late
    entry = np.maximum(entry, c)
    wanted = product_limit(time[late], event[late], entry[late], weight[late], at)
    assert_allclose(survival(curve, at, c), wanted, atol=1e-12)
    reached = np.flatnonzero(wanted <= 0.5 + 1e-12)
    if len(reached):
        assert curve.predict([0], given=c)[0] == at[reached[0]]
        return
    with pytest.warns(DataWarning, match=f"given survival to .* falls to no less than "
                      f"{wanted.min():.3g}"):  # fmt: skip
        assert curve.predict([0], given=c)[0] == INF


def test_by_hand():
    curve = fitted([[1.0, 1.0], [2.0, 2.0], [2.0, INF], [3.0, 3.0], [5.0, INF]])
    at = [0.0, 1.0, 2.0, 2.5, 3.0, 9.0]
    assert_allclose(survival(curve, at, 1.0), [1.0, 1.0, 0.75, 0.75, 0.375, 0.375], rtol=1e-15)
    assert_allclose(survival(curve, at, 2.0), [1.0, 1.0, 1.0, 1.0, 0.5, 0.5], rtol=1e-15)
    assert_array_equal(curve.predict_quantile([0], [0.2, 0.25, 0.6], given=1.0), [[2, 2, 3]])
    each = curve.predict_survival_function([0, 0, 0], at, given=[1.0, -INF, 1.0])
    assert_array_equal(each[[0, 2]], [survival(curve, at, 1.0)] * 2)
    assert_allclose(each[1], survival(curve, at), rtol=1e-15)


def test_where_the_curve_ended_before_others_came_it_is_that_of_the_others():
    y = [[1.0, 1.0, -INF], [2.0, 2.0, 0.0], [5.0, 5.0, 3.0], [6.0, 6.0, 4.0], [7.0, INF, 4.5]]
    with pytest.warns(DataWarning, match=r"By time 2 everybody .* predict with given=2\.0"):
        curve = fitted(y)
    assert_array_equal(survival(curve, [2.0, 5.0, 6.0]), 0.0)
    for c in (2.0, 3.5, 4.9):
        assert_allclose(survival(curve, [2.0, 5.0, 6.0], c), [1.0, 2 / 3, 1 / 3], rtol=1e-14)
        assert_array_equal(curve.predict_quantile([0], [0.3, 0.6], given=c), [[5.0, 6.0]])
    assert curve.predict([0], given=1.5)[0] == 2.0


# Laws


@late_entries
@over(seeds, st.booleans())
def test_it_is_the_curve_over_its_value_there(seed, entries):
    curve, at, c = drawn(seed, entries)
    wanted = np.where(at <= c, 1.0, survival(curve, at) / survival(curve, c))
    assert_allclose(survival(curve, at, c), wanted, rtol=1e-9, atol=1e-12)
    later = c + 1.0
    if survival(curve, later, c) > 1e-6 and later < curve.intervals_[-1, 1]:
        both = survival(curve, at, later) * survival(curve, later, c)
        beyond = at >= later
        assert_allclose(both[beyond], survival(curve, at, c)[beyond], rtol=1e-9, atol=1e-12)


@infinite
@late_entries
@over(seeds, st.booleans())
def test_nothing_given_changes_nothing(seed, entries):
    curve, at, _ = drawn(seed, entries)
    for nothing in (None, -INF, at[0] - 10.0):
        assert_allclose(survival(curve, at, nothing), survival(curve, at), rtol=1e-12)
        assert_array_equal(curve.predict([0], given=nothing), curve.predict([0]))
        quantiles = curve.predict_quantile([0], Q, given=nothing)
        assert_array_equal(quantiles, curve.predict_quantile([0], Q))
        bounds = curve.predict_interval([0], given=nothing)
        known = -INF if nothing is None else nothing  # mass may lie as early as that
        assert_array_equal(bounds, np.maximum(curve.predict_interval([0]), known))


@infinite
@late_entries
@over(seeds, st.booleans())
def test_quantiles_are_where_the_curve_passes_and_intervals_hold_what_they_say(seed, entries):
    curve, at, c = drawn(seed, entries)
    found = curve.predict_quantile([0], Q, given=c)[0]
    ends = np.append(curve.times_, INF)
    for q, value in zip(Q, found, strict=True):
        assert value > c and value in ends
        assert survival(curve, value, c) <= 1.0 - q + 1e-9
        assert survival(curve, np.nextafter(value, -INF), c) >= 1.0 - q - 1e-9
    for known, level in ((c, 0.8), (None, 0.5)):
        ((lower, upper),) = curve.predict_interval([0], level, given=known)
        starts, stops = curve.intervals_.T
        mass = curve.masses_ * (stops > (-INF if known is None else known))
        starts = np.maximum(starts, -INF if known is None else known)
        inside = (starts >= lower) & (stops <= upper)
        assert mass[inside].sum() >= (level - 1e-9) * mass.sum()
        assert lower >= starts.min() and lower <= upper


def test_an_interval_begins_where_the_mass_may():
    curve = fitted([[0.0, 2.0], [2.0, 5.0], [5.0, 9.0]])
    assert_array_equal(curve.predict_interval([0, 0], 0.9), [[0.0, 9.0]] * 2)
    assert_array_equal(curve.predict_interval([0, 0], 0.9, given=[3.0, 6.0]), [[3, 9], [6, 9]])
    exact = fitted([1.0, 2.0, 3.0, 4.0])
    assert_array_equal(exact.predict_interval([0], 0.4), exact.predict_quantile([0], [0.3, 0.7]))
    with pytest.warns(DataWarning, match="quantile at 0.95 is infinite"):
        assert_array_equal(fitted([[1.0, 2.0], [3.0, INF]]).predict_interval([0], 0.9), [[1, INF]])


@late_entries
@over(seeds, st.booleans())
def test_the_cumulative_hazard_is_minus_the_logarithm_of_the_curve(seed, entries):
    curve, at, _ = drawn(seed, entries)
    hazard = curve.predict_cumulative_hazard_function([0, 1], at)
    assert_allclose(np.exp(-hazard), curve.predict_survival_function([0, 1], at), atol=1e-14)
    assert (hazard >= 0.0).all() and not np.signbit(hazard).any()
    assert curve.predict_cumulative_hazard_function([0, 1], at[0]).shape == (2,)


# Confidence limits


def test_limits_are_those_of_the_rows_that_live_past_it():
    """Of right-censored times replicates are the same, up to the draws of their weights."""
    time, event, _, _ = right_censored(5)
    time, event = np.tile(time, 6), np.tile(event, 6)
    late, at = time > 4.0, np.array([6.0, 10.0, 15.0])
    options = {"return_ci": True, "n_resamples": 400}
    curve, of_late = (
        EMSurvivalCurve(random_state=0).fit(None, censored_target(time[part], event=event[part]))
        for part in (slice(None), late)
    )
    value, limits = curve.predict_survival_function([0, 1], at, given=4.0, **options)
    other, wanted = of_late.predict_survival_function([0, 1], at, **options)
    assert_allclose(value, other, rtol=1e-12)
    assert_allclose(limits, wanted, atol=0.03)
    narrower = curve.predict_survival_function([0], at, **options)[1]
    assert (abs(limits[0] - narrower[0]) > 0.01).any()


@infinite
def test_limits_are_of_each_row_and_nothing_given_changes_none():
    y, weight = times(11, 40, weighted=True)
    curve, known = EMSurvivalCurve(random_state=0).fit(None, y, weight), [3.0, -INF, 3.0, 2.0]
    options = {"return_ci": True, "n_resamples": 20}
    for name, at in (("quantile", Q), ("survival_function", [3.0, 4.0]), ("quantile", 0.3)):
        predict = getattr(curve, f"predict_{name}")
        values, limits = predict([0] * 4, at, given=known, **options)
        assert values.shape == (4, *np.shape(at)) and limits.shape == (*values.shape, 2)
        for i, c in enumerate(known):
            value, limit = predict([0], at, given=c, **options)
            assert_array_equal(values[i], value[0])
            assert_array_equal(limits[i], limit[0])
        for mine, plain in zip((values, limits), predict([0] * 4, at, **options), strict=True):
            assert_allclose(mine[1], plain[1], rtol=1e-12)
    for method in ("bootstrap", "profile"):
        hazard, limits = curve.predict_cumulative_hazard_function(
            [0, 1], [-1.0, 5.0], method=method, **options
        )
        _, wanted = curve.predict_survival_function([0, 1], [-1.0, 5.0], method=method, **options)
        assert_allclose(np.exp(-limits), wanted[..., ::-1], rtol=1e-12)
        assert hazard.shape == (2, 2) and not np.signbit(limits).any()


# Bad input


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (np.nan, "given is nan"),
        (INF, "given is inf"),
        ([1.0, np.nan], "given is nan in row 1"),
        ([1.0], r"one for each row of X, \(2,\)"),
        (np.ones((2, 1)), r"shape \(2, 1\)"),
        ("late", "given holds text"),
        (1j, "given with complex"),
        (np.datetime64("2020-01-01"), "given holds dates"),
        (np.ma.array([1.0, 1.0], mask=[0, 1]), r"given is masked at \(1,\)"),
        ([1.0, 3.0], r"given is 3 in row 1 \(1 such value\(s\)\), and the curve is 0 from 3 on"),
        (7.0, r"given is 7 \(1 .*Give numbers below 3"),
    ],
    ids=str,
)
def test_what_cannot_be_given_is_refused(given, match):
    curve = fitted([1.0, 2.0, 3.0])
    for predict in (
        curve.predict,
        curve.predict_quantile,
        curve.predict_interval,
        curve.predict_survival_function,
    ):
        with pytest.raises(ValueError, match=match):
            predict([0, 0], given=given)


def test_what_there_is_not_is_said():
    curve = fitted([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="method='profile' has no limits with given"):
        curve.predict_quantile([0], given=1.0, return_ci=True, method="profile")
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        curve.predict_interval([0], 95)
    for predict in (curve.predict_interval, curve.predict_cumulative_hazard_function):
        with pytest.raises(TypeError, match="X is None: give a row for each prediction"):
            predict(None)
    assert not hasattr(curve, "predict_hazard_function")  # it has no density
    assert "no hazard rate" in EMSurvivalCurve.__doc__


def test_arguments_are_those_of_the_regression():
    X, y = load_lung(return_X_y=True)
    regressor = EMCensoredRegressor(distribution="weibull").fit(X[:, :2], y)
    curve, rows = EMSurvivalCurve(random_state=0).fit(X, y), X[:3, :2]
    for name, arguments in {
        "predict": {"given": 100.0},
        "predict_quantile": {"q": [0.3, 0.5], "given": [1.0, 2.0, 300.0]},
        "predict_interval": {"level": 0.5, "given": 100.0},
        "predict_survival_function": {"times": [200.0], "given": 100.0},
        "predict_cumulative_hazard_function": {"times": [200.0, 300.0]},
    }.items():
        ours, theirs = (getattr(model, name)(rows, **arguments) for model in (curve, regressor))
        assert ours.shape == theirs.shape
        assert_allclose(ours, theirs, rtol=0.6)  # the same things, of all and of each
