"""Conditional means far out in the tails, against closed forms and asymptotic series."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import erfcx, gammaln, logsumexp

from emkit import EMCensoredRegressor
from emkit.models.laws.gumbel import GumbelMin
from emkit.models.laws.logistic import Logistic
from emkit.models.laws.normal import Normal
from emkit.models.laws.registry import LAWS
from emkit.models.laws.student_t import StudentT

few = settings(derandomize=True, deadline=None, max_examples=60)
inf = np.inf


def log_mean_exp(law, t, a, b):
    a, b = np.array([a]), np.array([b])
    return law.truncated_log_mgf(t, a, b, b - a)[0]


def mean(law, a, b):
    a, b = np.array([a]), np.array([b])
    return law.truncated_mean(a, b, b - a)[0]


@few
@given(t=st.floats(1e-3, 1e3), beyond=st.floats(0.0, 1e8))
@example(t=1e-3, beyond=1e8)
def test_lognormal_upper_tails(t, beyond):
    """E[exp(t z) | z > a] = exp(t a) erfcx((a - t) / root 2) / erfcx(a / root 2)."""
    a = t + beyond
    rise = np.log(erfcx((a - t) / np.sqrt(2.0))) - np.log(erfcx(a / np.sqrt(2.0)))
    assert_allclose(log_mean_exp(Normal(), t, a, inf) - t * a, rise, atol=1e-9 + 1e-15 * t * a)


@few
@given(t=st.floats(1e-3, 1e3), b=st.floats(-1e8, -40.0))
def test_lognormal_lower_tails(t, b):
    """E[exp(t z) | z < -c], c = -b, is that of exp(-t z) above c."""
    rise = np.log(erfcx((t - b) / np.sqrt(2.0))) - np.log(erfcx(-b / np.sqrt(2.0)))
    assert_allclose(log_mean_exp(Normal(), t, -inf, b) - t * b, rise, atol=1e-9 + 1e-15 * -t * b)


@few
@given(t=st.integers(1, 300), a=st.floats(-700.0, 700.0))
@example(t=300, a=-700.0)
@example(t=50, a=3.0)
def test_weibull_upper_tails(t, a):
    """With w = exp(a) and whole t, it is the sum over k up to t of t! / k! w^k."""
    k = np.arange(t + 1)
    expected = logsumexp(gammaln(t + 1.0) - gammaln(k + 1.0) + k * a)
    got = log_mean_exp(GumbelMin(), float(t), a, inf)
    assert_allclose(got, expected, rtol=1e-12, atol=1e-9)


@few
@given(t=st.floats(1e-3, 1e4), b=st.floats(-1e8, -25.0))
@example(t=50.0, b=-30.0)
@example(t=1e3, b=-1e6)
def test_weibull_lower_tails(t, b):
    """exp(t b) / (1 + t), and a part exp(b) more or less."""
    got = log_mean_exp(GumbelMin(), t, -inf, b) - t * b
    assert_allclose(got, -np.log1p(t), rtol=1e-9, atol=1e-9 + 1e-15 * -t * b)


@few
@given(t=st.floats(1e-3, 0.998), a=st.floats(-700.0, 1e8))
@example(t=0.979, a=35.9)
@example(t=0.998, a=20.0)
@example(t=0.998, a=36.1)
def test_loglogistic_tails(t, a):
    """Far above, the density is exp(-z): exp(t a) / (1 - t); the other tail is its mirror image."""
    if a > 20.0:
        got = log_mean_exp(Logistic(), t, a, inf) - t * a
        assert_allclose(got, -np.log1p(-t), atol=1e-8 + 1e-15 * t * a)
        got = log_mean_exp(Logistic(), t, -inf, -a) + t * a
        assert_allclose(got, -np.log1p(t), atol=1e-8 + 1e-15 * t * a)
    whole = log_mean_exp(Logistic(), t, -inf, inf)
    assert_allclose(whole, np.log(np.pi * t / np.sin(np.pi * t)), rtol=1e-9, atol=1e-12)


@few
@given(a=st.floats(-30.0, 30.0), width=st.floats(1e-3, 60.0) | st.just(inf))
def test_loglogistic_of_shape_2(a, width):
    """E[exp(z / 2); z > a] is the angle whose sine is the root of P(z > a), and a product."""
    sf, cdf = 1.0 / (1.0 + np.exp([a, a + width])), 1.0 / (1.0 + np.exp([-a, -a - width]))
    if a > 0.0:
        part, mass = np.arctan2(*np.sqrt([sf, cdf])) + np.sqrt(sf * cdf), sf[0] - sf[1]
    else:  # counted from the other end
        part, mass = np.sqrt(sf * cdf) - np.arctan2(*np.sqrt([cdf, sf])), cdf[1] - cdf[0]
    expected = (part[0] - part[1]) / mass
    rounding = 1e-15 / mass / min(expected, 1.0)
    if rounding < 1e-6:
        got = np.exp(log_mean_exp(Logistic(), 0.5, a, a + width))
        assert_allclose(got, expected, rtol=1e-11 + rounding)


@few
@given(
    t=st.floats(2.1, 1e3), a=st.floats(-800.0, 5.0), width=st.floats(1e-9, 1e3), cut=st.floats(0, 1)
)
@pytest.mark.parametrize("law", [Normal(), GumbelMin(), Logistic()], ids=repr)
def test_an_expectation_is_the_mean_of_those_of_its_parts(law, t, a, width, cut):
    """Log-mean-exp over (a, b) from those over (a, c) and (c, b), weighted by their mass."""
    b, c = a + width, a + (0.01 + 0.98 * cut) * width
    if not a < c < b:
        return
    parts = []
    for low, high in [(a, c), (c, b), (a, b)]:
        apart = np.array([high - low])
        mass = law.log_mass(np.array([low]), np.array([high]), apart)[0]
        parts.append(mass + log_mean_exp(law, t, low, high))
    assert_allclose(logsumexp(parts[:2]), parts[2], rtol=1e-10, atol=1e-7)


@few
@given(size=st.floats(1e6, 1e300), df=st.floats(1.01, 50.0))
def test_student_t_beyond_a_bound_is_a_power(size, df):
    assert_allclose(mean(StudentT(df), size, inf), size * df / (df - 1.0), rtol=1e-8)
    assert_allclose(mean(StudentT(df), -inf, -size), -size * df / (df - 1.0), rtol=1e-8)


@few
@given(a=st.floats(1e6, 1e290), ratio=st.floats(1.0001, 1e8))
@example(a=1e200, ratio=1e8)
@example(a=1e12, ratio=1.0 + 1e-12)
def test_cauchy_between_bounds(a, ratio):
    """log(b/a) / (1/a - 1/b), where 1 is nothing beside a."""
    b = a * ratio
    expected = a * np.log1p((b - a) / a) / ((b - a) / b)
    assert_allclose(mean(StudentT(1.0), a, b), expected, rtol=1e-7)


@few
@given(
    a=st.floats(-1e3, 1e3),
    width=st.floats(1e-3, 1e3),
    side=st.sampled_from([-1e-9, 1e-9, -1e-6, 1e-6]),
)
def test_student_t_is_continuous_at_one_degree(a, width, side):
    expected = mean(StudentT(1.0), a, a + width)
    assert_allclose(mean(StudentT(1.0 + side), a, a + width), expected, rtol=1e-4, atol=1e-4)


# Responses

ENDS = np.array([-1e300, -1e200, -1e155, -1e100, -1e8, -800.0, -30.0, 0.0, 30.0, 800.0, 1e8, 1e100])
ENDS = np.concatenate([ENDS, [1e155, 1e200, 1e300]])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("name", LAWS)
def test_means_lie_within_bounds_however_far_out(name, scale):
    distribution = LAWS[name]
    low, high = np.meshgrid(np.r_[-inf, ENDS], np.r_[ENDS, inf])
    below = low < high
    low, high = low[below], high[below]
    location = np.zeros(len(low))
    filled = distribution.truncated_mean(location, scale, low, high)
    ends = [distribution.link.to_response(end) for end in (low, high)]
    assert ((ends[0] <= filled) & (filled <= ends[1])).all()
    if not distribution.link.positive:  # a response may be too large for a double
        assert np.isfinite(filled).all()
    known = np.isfinite(distribution.log_likelihood(location, scale, low, high))
    assert known.all()


@pytest.mark.parametrize("df", [0.001, 0.5, 1.0])
def test_a_mean_that_does_not_exist_is_the_centre_and_one_that_is_infinite_is_that(df):
    distribution = replace(LAWS["student_t"], law=StudentT(df))
    bounds = np.array([-inf, 0.0]), np.array([inf, inf])
    assert distribution.truncated_mean(np.full(2, 3.0), 2.0, *bounds).tolist() == [3.0, inf]


@pytest.mark.parametrize("name", ["lognormal", "weibull"])
def test_responses_too_large_for_a_double_are_infinite_without_a_word(name):
    x = np.arange(8.0)[:, None]
    regressor = EMCensoredRegressor(distribution=name)
    regressor.fit(x, np.exp(x[:, 0] + [0.1, -0.1, 0.2, 0.0, -0.2, 0.1, 0.0, -0.1]))
    far = np.array([[1e3], [-1e3]])
    assert regressor.predict(far).tolist() == [inf, 0.0]
    assert regressor.predict_quantile(far).tolist() == [inf, 0.0]
    assert regressor.impute(far, [[1.0, inf], [0.0, 1.0]]).tolist()[0] == inf
    assert regressor.predict_survival_function(far, 1e300).tolist() == [1.0, 0.0]
