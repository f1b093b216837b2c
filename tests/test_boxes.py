"""Normal vectors in boxes: moments and masses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from emkit.numerics.boxes import truncated_vector
from emkit.numerics.rectangles import log_masses
from emkit.numerics.truncated_normal import truncated_normal


def problems(q, n=50, seed=0, correlation=None):
    """Means, covariances and boxes of all kinds: bounded, open on either side, or whole lines."""
    rng = np.random.default_rng(seed)
    if correlation is None:
        root = rng.normal(size=(n, q, q + 2))
        covariance = np.moveaxis(root @ root.transpose(0, 2, 1), 0, 2)
    else:
        covariance = (np.eye(q) * (1.0 - correlation) + correlation)[:, :, None] + np.zeros(n)
    scale = np.sqrt(np.einsum("iin->in", covariance))
    mean = rng.normal(size=(q, n))
    ends = mean + scale * np.sort(1.5 * rng.normal(size=(2, q, n)), axis=0)
    ends[0][rng.random((q, n)) < 0.4] = -np.inf
    ends[1][rng.random((q, n)) < 0.4] = np.inf
    return mean, covariance, *ends


def test_two_numbers_as_by_thirty_digits(golden):
    for box in golden("detection_limits.json")["boxes"]:
        ends = [
            np.array([sign * np.inf if end is None else end for end in box[name]])
            for name, sign in (("lower", -1.0), ("upper", 1.0))
        ]
        mean, covariance = np.array(box["mean"], float), np.array(box["cov"], float)
        boxed = truncated_vector(
            mean[:, None], covariance[:, :, None], *(end[:, None] for end in ends)
        )
        deviations = np.sqrt(np.diag(box["t_cov"]))
        assert_allclose(boxed.log_mass, box["log_prob"], rtol=0, atol=1e-9)
        assert_allclose((boxed.mean[:, 0] - box["t_mean"]) / deviations, 0.0, atol=1e-8)
        apart = (boxed.covariance[:, :, 0] - box["t_cov"]) / np.outer(deviations, deviations)
        assert_allclose(apart, 0.0, atol=1e-8)


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.9, 0.99])
def test_two_numbers_in_either_order(correlation):
    mean, covariance, low, high = problems(2, 400, correlation=correlation)
    one = truncated_vector(mean, covariance, low, high)
    other = truncated_vector(mean[::-1], covariance, low[::-1], high[::-1])
    assert_allclose(one.log_mass, other.log_mass, atol=1e-6)
    deviations = np.sqrt(np.einsum("iin->in", one.covariance))
    assert_allclose((one.mean - other.mean[::-1]) / deviations, 0.0, atol=1e-6)
    apart = one.covariance - other.covariance[::-1, ::-1]
    assert_allclose(apart / (deviations[:, None] * deviations), 0.0, atol=1e-6)


@pytest.mark.parametrize("q", [1, 2, 3, 5])
def test_numbers_that_are_independent_are_cut_alone(q):
    mean, covariance, low, high = problems(q, correlation=0.0)
    boxed = truncated_vector(mean, covariance, low, high)
    alone = truncated_normal(low - mean, high - mean)
    assert_allclose(boxed.log_mass, alone.log_mass.sum(axis=0), rtol=1e-9, atol=1e-9)
    assert_allclose(boxed.mean, mean + alone.mean, atol=1e-8)
    assert_allclose(np.einsum("iin->in", boxed.covariance), alone.variance, atol=1e-8)
    assert_allclose(log_masses(mean, covariance, low, high), boxed.log_mass, atol=1e-9)


@pytest.mark.parametrize("q", [1, 2, 3, 4, 6])
def test_log_masses_grow_along_the_mean_as_the_moments_say(q):
    """The derivative by the mean is inv(covariance) (mean in the box - mean)."""
    mean, covariance, low, high = problems(q, seed=1)
    boxed = truncated_vector(mean, covariance, low, high)
    matrices = np.moveaxis(covariance, 2, 0)
    gain = np.linalg.solve(matrices, (boxed.mean - mean).T[..., None])[..., 0].T
    step = 1e-4
    for j in range(q):
        moved = step * np.eye(q)[:, j, None]
        up, down = (
            truncated_vector(mean + sign * moved, covariance, low, high).log_mass
            for sign in (1.0, -1.0)
        )
        assert_allclose((up - down) / (2.0 * step), gain[j], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("q", [3, 5])
def test_more_numbers_are_near_what_draws_show(q):
    rng = np.random.default_rng(0)
    covariance = 0.4 * np.eye(q) + 0.6
    low, high = np.full(q, -np.inf), np.linspace(-0.3, 0.6, q)
    draws = rng.multivariate_normal(np.zeros(q), covariance, 200_000)
    draws = draws[(draws < high).all(axis=1)]
    boxed = truncated_vector(np.zeros((q, 1)), covariance[:, :, None], low[:, None], high[:, None])
    assert_allclose(boxed.mean[:, 0], draws.mean(axis=0), atol=0.02)
    assert_allclose(boxed.covariance[:, :, 0], np.cov(draws.T), atol=0.03)


@pytest.mark.parametrize("q", [2, 3])
@pytest.mark.parametrize("width", [1e-9, 1e-15, 1e-300])
def test_masses_of_narrow_boxes_have_the_digits_of_their_widths(q, width):
    covariance = 0.5 * np.eye(q) + 0.5
    normal = multivariate_normal(np.zeros(q), covariance)
    x = normal.rvs(20, random_state=0)
    right = normal.logpdf(x) + q * np.log(width)
    box = np.zeros((q, 20)), covariance[:, :, None], x.T - width / 2, x.T + width / 2
    widths = np.full((q, 20), width)  # which the ends, of so few digits, do not tell
    assert_allclose(truncated_vector(*box, widths).log_mass, right, atol=1e-6)
    assert_allclose(log_masses(*box, widths), right, atol=1e-6)


@pytest.mark.parametrize("width", [1e-3, 1e-6, 1e-10])
@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.95])
def test_the_mass_of_a_narrow_box_is_density_times_width(width, correlation):
    q, n = 4, 20
    covariance = (1.0 - correlation) * np.eye(q) + correlation
    normal = multivariate_normal(np.zeros(q), covariance)
    x = normal.rvs(n, random_state=0)
    ends = x.T - width / 2, x.T + width / 2
    boxed = truncated_vector(np.zeros((q, n)), covariance[:, :, None], *ends)
    assert_allclose(boxed.log_mass, normal.logpdf(x) + q * np.log(width), atol=2e-4)
    assert_allclose(boxed.mean, x.T, atol=width)
    assert (np.einsum("iin->in", boxed.covariance) > 0.0).all()


@pytest.mark.parametrize("q", [2, 3, 4])
@pytest.mark.parametrize("correlation", [0.3, 0.9])
def test_masses_by_points_are_those_of_scipy(q, correlation):
    mean, covariance, low, high = problems(q, 12, correlation=correlation)
    ours = log_masses(mean, covariance, low, high)
    for i in range(12):
        exact = multivariate_normal.cdf(
            high[:, i],
            mean[:, i],
            covariance[:, :, i],
            maxpts=100_000,
            abseps=1e-7,
            releps=1e-6,
            lower_limit=low[:, i],
        )
        if exact > 1e-6:  # scipy's own error is absolute
            assert_allclose(ours[i], np.log(exact), atol=2e-3)


@pytest.mark.parametrize("q", [3, 16, 17, 40])
def test_mass_of_an_orthant_of_any_number_of_cells(q):
    # Of a correlation of 1/2 it is 1 / (q + 1): the chance that one of q + 1 is the smallest.
    zero, covariance = np.zeros((q, 9)), (0.5 + 0.5 * np.eye(q))[:, :, None]
    masses = log_masses(zero, covariance, zero - np.inf, zero)
    assert_allclose(masses, -np.log(q + 1.0), atol=0.02)


@pytest.mark.parametrize("q", [2, 3, 5])
@pytest.mark.parametrize("far", [1.0, 1e3, 1e8])
@pytest.mark.parametrize("correlation", [0.5, 0.999999])
def test_boxes_that_are_far_narrow_or_all_but_a_line_have_finite_moments(q, far, correlation):
    mean, covariance, low, high = problems(q, 100, correlation=correlation)
    rng = np.random.default_rng(0)
    both = np.isfinite(low) & np.isfinite(high)
    width = 10.0 ** rng.uniform(-6.0, 1.0, both.sum())
    high[both] = low[both] + width
    boxed = truncated_vector(far * mean, covariance, low, high)
    for part in boxed:
        assert np.isfinite(part).all()
    assert (np.einsum("iin->in", boxed.covariance) > 0.0).all()
    assert (boxed.log_mass <= 1e-9).all()
