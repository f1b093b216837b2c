"""The truncated normal against 120 digits, quadrature, differences and its own symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm, truncnorm

from emkit.numerics.truncated_normal import curvature, draw_between, truncated_normal

few = settings(derandomize=True, deadline=None, max_examples=60)
ends = st.floats(-40.0, 40.0)
widths = st.floats(-9.0, 1.5).map(lambda e: 10.0**e)


def interval_of(end, width):
    """An interval whose width is what the bounds say, not what was asked for."""
    return (end, end + width) if end + width > end else (end, np.nextafter(end, np.inf))


def by_quadrature(a, b):
    """Log-mass, mean from the mode and variance, about the mode of the density on (a, b)."""
    mode = np.clip(0.0, a, b)
    reach = min(13.0, 80.0 / max(abs(mode), 1e-300))  # beyond lies less than e^-80
    ends = max(a - mode, -reach), min(b - mode, reach)

    def moment(function):
        value = quad(
            lambda t: function(t) * np.exp(-t * (mode + 0.5 * t)), *ends, epsabs=0, epsrel=1e-13
        )
        return value[0]

    mass = moment(lambda t: 1.0)
    offset = ends[0] + moment(lambda t: t - ends[0]) / mass  # of one sign: nothing cancels
    variance = moment(lambda t: (t - offset) ** 2) / mass
    return norm.logpdf(mode) + np.log(mass), mode, offset, variance


def assert_like_quadrature(a, b):
    log_mass, mode, offset, variance = by_quadrature(a, b)
    z = truncated_normal(a, b)
    assert_allclose(z.log_mass, log_mass, rtol=2e-13, atol=2e-13)
    rounding = 4.0 * np.spacing(max(abs(mode), 1e-3))
    assert_allclose(z.mean - mode, offset, rtol=1e-12, atol=rounding + 1e-12 * variance**0.5)
    assert_allclose(z.variance, variance, rtol=1e-10)


def test_rows_of_120_digits(golden):
    for row in golden("censored.json")["truncated_normal_moments"]["rows"]:
        a = -np.inf if row["a"] is None else row["a"]
        b = np.inf if row["b"] is None else row["b"]
        z = truncated_normal(a, b)
        # Of the last of these bounds, the width is rounded.
        rtol = 1e-11 if (a, b) == (-8, -7.9) else 1e-12
        assert_allclose(z.log_mass, row["log_prob"], rtol=rtol, atol=1e-290)
        assert_allclose(z.mean, row["mean"], rtol=rtol, atol=0.0 if row["mean"] else 1e-15)
        assert_allclose(z.variance, row["var"], rtol=rtol)


@few
@given(ends, widths)
def test_intervals_are_as_by_quadrature(end, width):
    assert_like_quadrature(*interval_of(end, width))


@few
@given(st.floats(-40.0, 40.0))
def test_tails_are_as_by_quadrature(end):
    assert_like_quadrature(end, np.inf)
    assert_like_quadrature(-np.inf, end)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize("a", [-2.0, 0.0, 1.0, 2.99, 3.01, 7.0, 30.0])
def test_whatever_share_of_the_tail_lies_beyond(a, share):
    """P(z > b | z > a) decides where quadrature takes over; hence both sides of round numbers."""
    b = brentq(lambda b: norm.logsf(b) - norm.logsf(a) - np.log(share), a, a + 5.0)
    for factor in (1.0 - 1e-6, 1.0 + 1e-6):
        assert_like_quadrature(a, a + (b - a) * factor)


@pytest.mark.parametrize("width", [0.3, 1.0, 5.0, np.inf])
def test_either_side_of_three(width):
    """From there on moments are taken about the end of the interval."""
    for a in (np.nextafter(3.0, 0.0), 3.0, np.nextafter(3.0, 4.0)):
        assert_like_quadrature(a, a + width)


@few
@given(ends, widths)
def test_reflection(end, width):
    a, b = interval_of(end, width)
    for low, high in [(a, b), (a, np.inf)]:
        z, mirrored = truncated_normal(low, high), truncated_normal(-high, -low)
        assert_array_equal(z.log_mass, mirrored.log_mass)
        assert_array_equal(z.mean, -mirrored.mean)
        assert_array_equal(z.variance, mirrored.variance)


@pytest.mark.parametrize("end", [-1e17, 1e17])
@pytest.mark.parametrize("width", [1e-20, 1e-3, 8.0])
def test_a_width_that_rounding_takes_from_far_ends(end, width):
    z = truncated_normal(np.array([end]), np.array([end]), np.array([width]))
    assert_allclose(z.mean, end)
    assert_allclose(z.log_mass, -0.5 * end**2)
    # Exponential, of rate |end|, so far as the interval goes.
    scale = min(1.0 / abs(end), width / np.sqrt(12.0))
    assert 0.5 * scale**2 < z.variance[0] < 1.01 * scale**2


def test_shapes_and_rows_are_independent():
    a = np.array([[-np.inf, -1.0, 2.0], [5.0, 0.0, 39.0]])
    b = np.array([[-3.0, 1.0, np.inf], [5.001, 8.0, 40.0]])
    whole = truncated_normal(a, b)
    for index in np.ndindex(a.shape):
        one = truncated_normal(float(a[index]), float(b[index]))
        for part, value in zip(whole, one, strict=True):
            assert part.shape == a.shape and value.shape == ()
            assert_allclose(part[index], value, rtol=1e-15)
    assert_array_equal(
        truncated_normal(a, np.inf).mean, truncated_normal(a, np.full((2, 3), np.inf)).mean
    )
    assert truncated_normal(np.empty(0), np.empty(0)).mean.shape == (0,)


# Derivatives

STENCIL = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12.0
SLOPE = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12.0


def by_differences(low, high, h):
    """Minus the second derivatives of the log-mass in location and log scale, at 0 and 0."""
    t = h * np.arange(-2.0, 3.0)

    def value(m, log_s):
        s = np.exp(log_s)
        return truncated_normal((low - m) / s, (high - m) / s).log_mass

    location = STENCIL @ [value(x, 0.0) for x in t]
    scale = STENCIL @ [value(0.0, x) for x in t]
    mixed = SLOPE @ np.array([[value(x, y) for y in t] for x in t]) @ SLOPE
    return -np.array([location, mixed, scale]) / h**2


@pytest.mark.parametrize(
    ("low", "high"),
    [(a, np.inf) for a in (-6.0, -1.0, 0.0, 2.9, 3.1, 12.0, 40.0)]
    + [(-np.inf, b) for b in (-12.0, -3.1, 0.0, 4.0)]
    + [(-1.0, 2.0), (0.0, 0.5), (4.0, 4.3), (-9.0, -8.0), (30.0, 31.0), (-5.0, 6.0)]
    + [(a, a + w) for a in (-4.0, 0.0, 1.0, 10.0) for w in (0.011, 0.009, 1e-3, 1e-4)],
)
def test_curvature_is_that_of_the_log_mass(low, high):
    a, b = np.array([low]), np.array([high])
    got = np.concatenate(curvature(a, b, truncated_normal(a, b)))
    expected = by_differences(low, high, 1e-2)
    assert_allclose(got, expected, rtol=2e-6, atol=2e-6)


@few
@given(ends, widths)
def test_curvature_of_an_interval_is_near_that_of_a_point_if_narrow(end, width):
    """Of an exact value they are 1, 2 z and 2 z^2: a narrow interval takes little away."""
    a, b = (np.array([x]) for x in interval_of(end, min(width, 1e-3)))
    location, mixed, scale = np.concatenate(curvature(a, b, truncated_normal(a, b)))
    loss = (b - a)[0] ** 2 * (1.0 + end**2)
    assert_allclose(location, 1.0, rtol=loss + 1e-9)
    assert_allclose(mixed, 2.0 * end, rtol=loss, atol=2.0 * (b - a)[0] + 1e-9)
    assert_allclose(scale, 2.0 * end**2, rtol=loss, atol=4 * (1 + abs(end)) * (b - a)[0] + 1e-9)


# Draws


@few
@given(ends, widths, st.integers(0, 2**31))
def test_draws_lie_between_the_bounds(end, width, seed):
    chance = np.append(np.random.default_rng(seed).random(20), [0.0, 1.0 - 2.0**-53])
    a, b = interval_of(end, width)
    for low, high in [(a, b), (a, np.inf), (-np.inf, b), (900.0, 900.0 + width)]:
        z, _ = draw_between(np.full(22, low), np.full(22, high), chance)
        assert ((low <= z) & (z <= high)).all()


@pytest.mark.parametrize(
    ("a", "b"),
    [(-np.inf, np.inf), (1.0, np.inf), (-np.inf, -30.0), (-1.0, 0.5), (6.0, 6.5), (38.0, 38.001),
     (-20.0, -19.0), (-9.0, 9.0), (0.0, 1e-6)],
)  # fmt: skip
def test_draws_give_the_uniform_numbers_back(a, b):
    chance = (np.arange(200) + 0.5) / 200
    z, log_mass = draw_between(np.full(200, a), np.full(200, b), chance)
    assert_allclose(np.sort(truncnorm.cdf(z, a, b)), chance, rtol=1e-7)
    assert_allclose(log_mass, truncated_normal(a, b).log_mass, rtol=1e-8)


def test_draws_of_free_and_bound_rows_together():
    chance = np.array([0.3, 0.3, 0.3])
    z, log_mass = draw_between(np.array([-np.inf, 0.0, -np.inf]), np.full(3, np.inf), chance)
    assert_allclose(z, norm.ppf([0.3, 0.65, 0.3]), rtol=1e-14)
    assert_allclose(log_mass, [0.0, np.log(0.5), 0.0], rtol=1e-14)
