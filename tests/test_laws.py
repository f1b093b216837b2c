"""Laws of errors against SciPy, quadrature and differences; the registry and what it refuses."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from emkit import EMCensoredRegressor
from emkit.models.censored.line import PenalisedLine
from emkit.models.laws.distribution import Distribution
from emkit.models.laws.generalized_gamma import GeneralizedGamma
from emkit.models.laws.gumbel import GumbelMin
from emkit.models.laws.law import ExponentialMoments, Law, SymmetricLaw
from emkit.models.laws.link import IDENTITY, LOG
from emkit.models.laws.logistic import Logistic
from emkit.models.laws.normal import Normal
from emkit.models.laws.registry import LAWS
from emkit.models.laws.student_t import StudentT


class Mirrored:
    """A distribution of SciPy, of minus the variable."""

    def __init__(self, other):
        self.other = other

    def __getattr__(self, name):
        swap = {"sf": "cdf", "cdf": "sf", "logsf": "logcdf", "logcdf": "logsf", "ppf": "isf"}
        function = getattr(self.other, swap.get(name, name))
        if name == "mean":
            return lambda: -function()
        return (lambda q: -function(q)) if name == "ppf" else (lambda z: function(-z))


def generalized_gamma(shape):
    if shape == 0.0:
        return stats.norm
    size, k = abs(shape), shape**-2.0
    other = stats.loggamma(c=k, loc=-np.log(k) / size, scale=1.0 / size)
    return other if shape > 0.0 else Mirrored(other)


few = settings(derandomize=True, deadline=None, max_examples=30)
#: Every law of the registry, in SciPy; a law without an oracle fails here.
ORACLES = {
    Normal: lambda law: stats.norm,
    Logistic: lambda law: stats.logistic,
    GumbelMin: lambda law: stats.gumbel_l,
    StudentT: lambda law: stats.t(law.df),
    GeneralizedGamma: lambda law: generalized_gamma(law.shape),
}
EVERY_LAW = [
    *dict.fromkeys(distribution.law for distribution in LAWS.values()),
    StudentT(1.5),
    *map(GeneralizedGamma, (0.0, -0.1)),
]
each_law = pytest.mark.parametrize("law", EVERY_LAW, ids=repr)
with_exponential = pytest.mark.parametrize(
    "law", [law for law in EVERY_LAW if isinstance(law, ExponentialMoments)], ids=repr
)


def oracle(law):
    return ORACLES[type(law)](law)


def array(*values):
    return np.array(values, dtype=float)


# Densities and tails


@each_law
def test_density_and_tails_are_those_of_scipy(law):
    z = np.linspace(-6.0, 6.0, 61)
    other = oracle(law)
    assert_allclose(law.log_pdf(z), other.logpdf(z), rtol=1e-12, atol=1e-13)
    # Where SciPy takes the logarithm of a probability near 1, it loses what is compared here.
    near_1 = dict(rtol=1e-12, atol=1e-15)
    assert_allclose(law.log_sf(z), other.logsf(z), **near_1)
    assert_allclose(law.log_cdf(z), other.logcdf(z), **near_1)
    assert_allclose(law.sf(z), other.sf(z), rtol=1e-12)
    assert_allclose(law.cdf(z), other.cdf(z), rtol=1e-12)
    q = array(1e-12, 1e-3, 0.2, 0.7, 0.999, 1.0 - 1e-12)
    assert_allclose(law.quantile(q), other.ppf(q), rtol=1e-9)
    # SciPy takes the mean of a generalised gamma from two large numbers.
    rounding = 1e-13 if isinstance(law, GeneralizedGamma) else 1e-15
    assert law.mean() == pytest.approx(other.mean(), abs=rounding)


@each_law
def test_small_tails_keep_their_digits(law):
    """log P of an event that is nearly sure is minus the probability of the other one."""
    z = np.linspace(3.0, 30.0, 10)
    other = oracle(law)
    assert_allclose(law.log_sf(-z), -other.cdf(-z), rtol=np.max(other.cdf(-z)) + 1e-12)
    z = z[other.sf(z) > 1e-300]
    assert_allclose(law.log_cdf(z), -other.sf(z), rtol=np.max(other.sf(z)) + 1e-12)


@each_law
@pytest.mark.parametrize("name", ["log_pdf", "log_sf", "log_cdf"])
def test_derivatives_are_those_of_differences(law, name):
    z = np.linspace(-9.0, 4.0, 40)
    h = 1e-2
    stencil = np.array([getattr(law, name)(z + step * h) for step in (-2, -1, 0, 1, 2)])
    first = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) @ stencil / (12.0 * h)
    second = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) @ stencil / (12.0 * h * h)
    derivatives = getattr(law, f"{name}_derivatives")(z)
    scale = 1.0 + np.abs(stencil[2])
    assert_array_equal(derivatives.value, getattr(law, name)(z))
    assert_allclose(derivatives.first / scale, first / scale, atol=1e-6)
    assert_allclose(derivatives.second / scale, second / scale, atol=1e-6)
    if name == "log_pdf":
        assert_array_equal(law.score(z), derivatives.first)


@each_law
@pytest.mark.parametrize("name", ["log_pdf", "log_sf", "log_cdf"])
def test_far_out_all_is_finite(law, name):
    z = np.append([300.0, 1e3], np.geomspace(1e5, 1e12, 500))
    z = np.append(-z, z)
    for part in getattr(law, f"{name}_derivatives")(z):
        assert np.isfinite(part).all()


@each_law
def test_tails_are_inverted(law):
    z = np.linspace(-12.0, 3.0, 31)
    z = z[law.log_sf(z) < 0.0]  # beyond, the other tail is no double
    assert_allclose(law.inverse_log_sf(law.log_sf(z)), z, rtol=1e-9, atol=1e-12)
    lower = z[law.log_cdf(z) < -1e-3]
    assert_allclose(law.inverse_log_cdf(law.log_cdf(lower)), lower, rtol=1e-9, atol=1e-12)


# Intervals

#: From here on the density of the smallest extreme falls too steeply for quadrature.
STEEP = 6.0
ends = st.floats(-30.0, 12.0)


def within_reach(law, end):
    """The end, or that up to which quadrature can follow the fall of the density."""
    shape = 1.0 if isinstance(law, GumbelMin) else getattr(law, "shape", 0.0)
    if shape < 0.0:
        return max(end, STEEP / shape)
    return min(end, STEEP / shape) if shape > 0.0 else end


widths = st.floats(-7.0, 1.5).map(lambda e: 10.0**e)


#: Panels, and the nodes of each, over which the logarithm of a density falls by less than 1.
PANELS = 200
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


def conditional_mean(law, a, b, function):
    """E[function(e) | a < e < b] and log P(a < e < b), by quadrature about the mode."""
    grid = np.linspace(max(a, -800.0), min(b, 60.0), 4001)
    with np.errstate(over="ignore"):
        log_pdf = np.atleast_1d(law.log_pdf(grid))
    top = log_pdf.max()
    inside = grid[log_pdf > top - 60.0]  # beyond lies less than e^-60
    step = grid[1] - grid[0]
    low, high = max(a, inside[0] - step), min(b, inside[-1] + step)

    ends = np.linspace(low, high, PANELS + 1)
    half = 0.5 * (ends[1:] - ends[:-1])[:, None]
    z = (ends[:-1, None] + half * (1.0 + NODES)).ravel()
    density = (half * WEIGHTS).ravel() * np.exp(law.log_pdf(z) - top)

    def integral(g):
        return density @ (g(z) * np.ones_like(z))

    mass = integral(lambda z: 1.0)
    return integral(function) / mass, np.log(mass) + top


def interval(end, width):
    high = max(end + width, np.nextafter(end, np.inf))
    return end, high, high - end


#: Either side of where formulas change, and of the ends of the ranges that are drawn from.
BORDERS = [-45.0, -36.1, -35.9, -1.0, -1e-9, 0.0, 1e-9, 2.0, 3.0, 3.49, 3.51, 5.0]


@each_law
@pytest.mark.parametrize("end", BORDERS)
@pytest.mark.parametrize("width", [0.01, 0.5, 4.0])
def test_either_side_of_where_formulas_change(law, end, width):
    assert_like_quadrature(law, end - width, width)
    assert_like_quadrature(law, end, width)


@each_law
@few
@given(end=ends, width=widths)
def test_mass_and_mean_of_an_interval_are_as_by_quadrature(law, end, width):
    assert_like_quadrature(law, end, width)


def assert_like_quadrature(law, end, width):
    end = within_reach(law, end)
    a, b, apart = interval(end, min(width, 10.0))
    offset, log_mass = conditional_mean(law, a, b, lambda z: z - a)
    got = law.log_mass(array(a), array(b), array(apart))[0]
    assert_allclose(got, log_mass, rtol=1e-9, atol=1e-9)
    mean = law.truncated_mean(array(a), array(b), array(apart))[0]
    assert_allclose(mean - a, offset, rtol=1e-7, atol=8 * np.spacing(abs(a) + 1.0))
    assert a <= mean <= b


@each_law
@pytest.mark.parametrize("end", [*BORDERS, 20.0])
def test_mean_of_a_tail_is_as_by_quadrature(law, end):
    end = within_reach(law, end)
    if not isinstance(law, StudentT):  # its tails are too heavy for the quadrature
        for a, b, pivot in [(end, np.inf, end), (-np.inf, min(end, 3.0), min(end, 3.0))]:
            got = law.truncated_mean(array(a), array(b), array(np.inf))[0]
            offset, _ = conditional_mean(law, a, b, lambda z, pivot=pivot: z - pivot)
            assert_allclose(got - pivot, offset, rtol=1e-7, atol=8 * np.spacing(abs(pivot)))
    assert_allclose(law.log_mass(array(end), array(np.inf), array(np.inf)), law.log_sf(array(end)))
    assert_allclose(
        law.log_mass(array(-np.inf), array(end), array(np.inf)), law.log_cdf(array(end))
    )


@with_exponential
@pytest.mark.parametrize("end", BORDERS)
@settings(few, max_examples=8)
@given(width=widths, t=st.floats(0.05, 0.6) | st.floats(1.05, 3.0))
def test_moments_of_the_exponential_are_as_by_quadrature(law, end, width, t):
    a, b, apart = interval(end, min(width, 10.0))
    endless = array(a, -np.inf), array(np.inf, np.inf), array(np.inf, np.inf)
    if np.isinf(law.log_mgf(t)):  # as of a log-logistic of shape below 1
        assert_array_equal(law.truncated_log_mgf(t, *endless), np.inf)
        kept = [(a, b, apart), (-np.inf, a, np.inf)]
    else:
        kept = [(a, b, apart), (a, np.inf, np.inf), (-np.inf, a, np.inf)]
        whole = law.truncated_log_mgf(t, *endless)[1]
        assert_allclose(law.log_mgf(t), whole, rtol=1e-12, atol=1e-12)
    for low, high, between in kept:
        pivot = low if np.isfinite(low) else high
        mean, _ = conditional_mean(law, low, high, lambda z, pivot=pivot: np.exp(t * (z - pivot)))
        got = law.truncated_log_mgf(t, array(low), array(high), array(between))[0]
        assert_allclose(got, np.log(mean) + t * pivot, rtol=1e-8, atol=1e-8)


@each_law
@pytest.mark.parametrize(
    ("a", "b"),
    [(-np.inf, np.inf), (1.0, np.inf), (-np.inf, -3.0), (-1.0, 0.5), (0.0, 1e-6), (-20.0, -19.0),
     (-np.inf, -300.0), (2.0, 2.3)],
)  # fmt: skip
def test_draws_follow_the_law(law, a, b):
    low, high = np.full(2000, a), np.full(2000, within_reach(law, b))
    drawn = law.draw(low, high, np.random.default_rng(0))
    assert np.isfinite(drawn).all() and ((low <= drawn) & (drawn <= high)).all()
    end = drawn + 4.0 * np.spacing(1.0 + np.abs(drawn))  # above the lower bound
    below = law.log_mass(low, end, end - low) - law.log_mass(low, high, high - low)
    assert stats.kstest(np.exp(below), "uniform").pvalue > 0.01


@each_law
def test_far_bounds_give_what_lies_between_them(law):
    near = array(-1e4, -900.0, -50.0, 50.0, 900.0, 1e4)
    low = np.concatenate([near, near, np.full(6, -np.inf)])
    high = np.concatenate([near + 0.5, np.full(6, np.inf), near])
    mean = law.truncated_mean(low, high, high - low)
    drawn = law.draw(low, high, np.random.default_rng(0))
    for value in (mean, drawn):
        assert np.isfinite(value).all()
        assert ((low <= value) & (value <= high)).all()
    assert np.isfinite(law.log_mass(low, high, high - low)).all()
    if isinstance(law, ExponentialMoments):
        assert np.isfinite(law.truncated_log_mgf(0.7, low, high, high - low)).all()


# Symmetry


@pytest.mark.parametrize(
    "law", [law for law in EVERY_LAW if isinstance(law, SymmetricLaw)], ids=repr
)
@few
@given(end=ends, width=widths)
def test_symmetric_laws_are_their_mirror_image(law, end, width):
    a, b, apart = interval(end, width)
    forth, back = (array(a), array(b), array(apart)), (array(-b), array(-a), array(apart))
    assert_allclose(law.log_mass(*forth), law.log_mass(*back), rtol=1e-12)
    assert_allclose(law.truncated_mean(*forth), -law.truncated_mean(*back), rtol=1e-9, atol=1e-12)
    assert law.log_sf(array(a)) == law.log_cdf(array(-a))


# Laws are values, and only whole ones can be registered


@each_law
def test_laws_are_values(law):
    assert law == replace(law) and hash(law) == hash(replace(law))
    assert pickle.loads(pickle.dumps(law)) == law
    assert set(law.shapes) == {field.name for field in fields(law)}
    for name, shape in law.shapes.items():
        assert shape.low < shape.start < shape.high
        assert replace(law, **{name: shape.start}) == type(law)()
        with pytest.raises(FrozenInstanceError):
            setattr(law, name, 1.0)


@pytest.mark.parametrize("name", LAWS)
def test_every_distribution_has_a_model_of_its_own_law(name):
    distribution = LAWS[name]
    assert distribution.name == name
    assert pickle.loads(pickle.dumps(distribution)) == distribution
    model = distribution.law.model(np.zeros(2), np.eye(2), 0.0, True)
    assert isinstance(model, PenalisedLine)
    parameters = EMCensoredRegressor().get_params()
    assert set(distribution.law.shapes) <= set(parameters)


@dataclass(frozen=True)
class DensityOnly(Law):
    """A law that says no more than its density."""

    def log_pdf_derivatives(self, z):
        return Normal().log_pdf_derivatives(z)


def test_a_law_that_is_not_whole_cannot_be_registered():
    with pytest.raises(TypeError, match="abstract .*inverse_log_sf.*truncated_mean"):
        Distribution("half", DensityOnly(), IDENTITY, "")
    with pytest.raises(TypeError, match="'half' must be an instance of a subclass of Law"):
        Distribution("half", DensityOnly, IDENTITY, "")
    with pytest.raises(TypeError, match="Got 'normal'"):
        Distribution("half", "normal", IDENTITY, "")
    with pytest.raises(TypeError, match="ExponentialMoments, which StudentT does not offer"):
        Distribution("log_t", StudentT(), LOG, "")
    with pytest.raises(TypeError, match="does not support item assignment"):
        LAWS["half"] = LAWS["normal"]


def test_names_of_laws_are_read_from_the_registry():
    listed = EMCensoredRegressor.__doc__
    for name, distribution in LAWS.items():
        assert f"- {name!r}: {distribution.description}" in listed
    assert "{" + ", ".join(map(repr, LAWS)) + "}" in listed
    with pytest.raises(ValueError) as error:
        EMCensoredRegressor(distribution="cauchy").fit([[1.0]], [1.0])
    assert all(repr(name) in str(error.value) for name in LAWS)
