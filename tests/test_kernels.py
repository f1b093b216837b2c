"""Covariance structures and the kernels against scipy.stats and each other."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from structures import dense, in_shape, random_covariances, unit

from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import (
    GaussianMixtureModel,
    MixtureParams,
)
from emkit.models.mixture.moments import mixture_std
from emkit.models.rows import Rows, measure_scaling
from emkit.numerics.complete import choose_complete
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.numerics.gaussian import (
    FeatureKernel,
    Moments,
    Scaling,
    WhiteningKernel,
    moments_about,
    tile_rows,
)
from emkit.numerics.missing_blocks import block_factors
from emkit.numerics.single import SingleFeatureKernel, single_error
from emkit.numerics.stacked import StackedKernel

KERNELS = [FeatureKernel, WhiteningKernel]


def components(structure, n_components, d, rng):
    weights = rng.dirichlet(np.ones(n_components))
    means = rng.normal(size=(n_components, d))
    return MixtureParams(weights, means, random_covariances(structure.name, n_components, d, rng))


def units(structure, d, rng):
    scale = structure.common_scale(rng.uniform(0.5, 2.0, d))
    return Scaling(rng.normal(size=d), scale)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), d=st.integers(1, 6), k=st.integers(1, 5), n=st.integers(1, 40))
def test_log_joint_and_moments_are_those_of_scipy(name, kernel, seed, d, k, n):
    rng = np.random.default_rng(seed)
    structure = STRUCTURES[name]
    here = units(structure, d, rng)
    params = components(structure, k, d, rng)
    model = GaussianMixtureModel(structure, here)
    X = rng.normal(size=(n, d)) * 2
    bound = kernel(structure.layout, model.components(params), here)
    (rows,) = bound.pieces(n, None)
    log_joint, work = bound.log_joint(X[rows])

    means = params.means * here.scale + here.shift
    covariances = dense(name, structure.layout.rescale(params.covariances, here.scale), k, d)
    expected = [
        np.log(w) + multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(params.weights, means, covariances, strict=True)
    ]
    np.testing.assert_allclose(log_joint, np.reshape(expected, (k, n)), rtol=1e-9, atol=1e-9)

    resp = rng.dirichlet(np.ones(k), n).T
    moments = bound.from_tile_sums(bound.moments(work, resp))
    z = (X - here.shift) / here.scale
    centred = z[None] - params.means[:, None]
    full = np.einsum("kn,kni,knj->kij", resp, centred, centred)
    np.testing.assert_allclose(moments.n, resp.sum(axis=1))
    np.testing.assert_allclose(moments.first, np.einsum("kn,kni->ki", resp, centred), atol=1e-9)
    np.testing.assert_allclose(moments.scatter, in_shape(name, full), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_factors_fit_together(name):
    rng = np.random.default_rng(0)
    structure, k, d = STRUCTURES[name], 3, 4
    layout = structure.layout
    covariances = components(structure, k, d, rng).covariances
    factor = layout.whitening(covariances)
    np.testing.assert_allclose(layout.covariances(factor), covariances)
    precisions = layout.precisions(factor)
    np.testing.assert_allclose(layout.dense(covariances, k, d), dense(name, covariances, k, d))
    inverse = np.linalg.inv(dense(name, covariances, k, d))
    np.testing.assert_allclose(dense(name, precisions, k, d), inverse)
    np.testing.assert_allclose(layout.whitening_from_precisions(precisions), factor)
    np.testing.assert_allclose(
        np.broadcast_to(layout.log_det(factor, d), k), 0.5 * np.linalg.slogdet(inverse)[1]
    )
    scale = structure.common_scale(rng.uniform(0.1, 10.0, d))
    np.testing.assert_allclose(
        layout.rescale_factor(factor, scale),
        layout.whitening(layout.rescale(covariances, scale)),
    )
    normal = rng.standard_normal((200_000, d))
    drawn = layout.draw(factor, 1, normal)
    np.testing.assert_allclose(
        np.cov(drawn.T), dense(name, covariances, k, d)[1], atol=0.05 * covariances.max()
    )


@pytest.mark.parametrize("name", NAMES)
def test_singular_covariances_are_refused(name):
    layout = STRUCTURES[name].layout
    covariances = unit(name, 2, 3)
    covariances[(..., -1)[: covariances.ndim]] = 0.0
    if layout.ndim == 2:
        covariances[..., -1, :] = 0.0
    with pytest.raises(np.linalg.LinAlgError):
        layout.whitening(covariances)
    if layout.ndim == 2:
        collinear = np.ones_like(covariances)
        with pytest.raises(np.linalg.LinAlgError):
            layout.whitening(collinear)


def test_features_give_way_where_they_would_cancel():
    structure, d = STRUCTURES["full"], 3
    here = Scaling(np.zeros(d), np.ones(d))

    def kernel(distance):
        means = np.array([[distance] * d, [-distance] * d])
        params = MixtureParams(np.array([0.5, 0.5]), means, np.stack([np.eye(d)] * 2))
        bound = GaussianMixtureModel(structure, here).components(params)
        return choose_complete(structure.layout, bound, here)

    assert isinstance(kernel(1.0), FeatureKernel)
    assert isinstance(kernel(1e6), WhiteningKernel)


def many_columns(k, d, n, rng):
    """Components about which features and raw moments cancel little, and rows."""
    root = rng.normal(size=(k, d, d)) / d**0.5
    params = MixtureParams(rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), 0.0 * root)
    params = params._replace(covariances=root @ np.swapaxes(root, 1, 2) + np.eye(d))
    return params, 2.0 * rng.normal(size=(n, d))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("k", "d", "n"), [(1, 1, 1), (3, 8, 50), (2, 21, 30), (5, 16, 2000)])
def test_stacked_factors_tell_what_factors_tell_one_by_one(k, d, n, sparse):
    rng = np.random.default_rng(d)
    structure = STRUCTURES["full"]
    here = units(structure, d, rng)
    params, X = many_columns(k, d, n, rng)
    bound = GaussianMixtureModel(structure, here).components(params)
    resp = rng.dirichlet(np.full(k, 0.1 if sparse else 1.0), n).T
    resp[resp < 0.3 * sparse] = 0.0

    def told(kernel):
        kernel = kernel(structure.layout, bound, here)
        log_joint, moments = [], []
        for rows in kernel.pieces(n, None):
            of_tile, work = kernel.log_joint(X[rows])
            log_joint.append(of_tile.copy())
            moments.append(kernel.moments(work, resp[:, rows].copy()))
        sums = kernel.from_tile_sums(Moments(*map(sum, zip(*moments, strict=True))))
        return np.concatenate(log_joint, axis=1), *sums

    for found, expected in zip(told(StackedKernel), told(WhiteningKernel), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * n)


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_single_precision_errs_by_less_than_it_says(name):
    rng = np.random.default_rng(4)
    structure, k, d, n = STRUCTURES[name], 3, 4, 5000
    here, params = units(structure, d, rng), components(structure, k, d, rng)
    X = rng.normal(size=(n, d)).astype(np.float32)
    model = GaussianMixtureModel(structure, here, single=True)
    (stats, exact), (found, value) = (m.e_step(Rows(X), params) for m in (model, model.rough()))
    error = single_error(structure.layout, model.components(params))
    assert 0.0 < abs(value - exact) < n * error < n * 1e-4
    for one, other in zip(found, stats, strict=True):
        assert one.dtype == float
        np.testing.assert_allclose(one, other, atol=n * error)


def test_single_precision_gives_way_where_it_would_cancel():
    d, here = 3, Scaling(np.zeros(3), np.ones(3))
    for distance, kernel in (1.0, SingleFeatureKernel), (50.0, FeatureKernel):
        means = np.array([[distance] * d, [-distance] * d])
        params = MixtureParams(np.array([0.5, 0.5]), means, np.stack([np.eye(d)] * 2))
        model = GaussianMixtureModel(STRUCTURES["full"], here, single=True)
        assert type(model.rough().bind(params)) is kernel
        assert type(model.bind(params)) is FeatureKernel


def test_tiles_fit_the_cache_and_avoid_collisions():
    for numbers in range(1, 6000, 7):
        rows = tile_rows(numbers)
        assert 700 < rows <= 8192 and rows % 8 == 0 and rows % 512


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_m_step_maximises(name, ridge):
    """No random move of the covariances within the structure improves what is maximised."""
    rng = np.random.default_rng(1)
    structure, k, d, n = STRUCTURES[name], 3, 3, 60
    here = Scaling(np.zeros(d), np.ones(d))
    model = GaussianMixtureModel(structure, here, np.full(d, ridge), float(n))
    X, resp = rng.normal(size=(n, d)), rng.dirichlet(np.ones(k), n).T
    params = components(structure, k, d, rng)
    best = model.m_step(moments_about(structure.layout, X.T, resp, params.means), params)

    def expected_objective(params):
        kernel = WhiteningKernel(structure.layout, model.components(params), here)
        (rows,) = kernel.pieces(n, None)
        return (resp * kernel.log_joint(X[rows])[0]).sum() + model.log_prior(params)

    top = expected_objective(best)
    for _ in range(200):
        moved = components(structure, k, d, rng)
        step = 10 ** rng.uniform(-4, 0)
        pairs = zip(best, moved, strict=True)
        mixed = model.retract(MixtureParams(*((1 - step) * a + step * b for a, b in pairs)))
        assert expected_objective(mixed) < top


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_component_keeps_its_parameters_at_weight_zero(name):
    rng = np.random.default_rng(2)
    structure, k, d, n = STRUCTURES[name], 3, 2, 30
    model = GaussianMixtureModel(structure, Scaling(np.zeros(d), np.ones(d)), np.zeros(d), float(n))
    params = components(structure, k, d, rng)
    resp = np.zeros((k, n))
    resp[0, ::2] = resp[2, 1::2] = 1.0
    X = rng.normal(size=(n, d))
    image = model.m_step(moments_about(structure.layout, X.T, resp, params.means), params)
    assert image.weights[1] == 0.0 and image.weights.sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(image.means[1], params.means[1])
    if structure.closed and not structure.layout.shared:
        np.testing.assert_array_equal(image.covariances[1], params.covariances[1])
    _, log_likelihood = model.e_step(Rows(X), image)
    assert np.isfinite(log_likelihood)


def test_spread_is_measured_to_rounding():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20_000, 4)) * [1e-3, 1.0, 1e12, 0.0] + [1e6, 0.0, 0.0, 0.1]
    shift, scale = measure_scaling(Rows(X))
    np.testing.assert_allclose(shift, X.mean(axis=0), rtol=1e-12, atol=1e-12)
    exact = (X - X.mean(axis=0)).std(axis=0)
    np.testing.assert_allclose(scale[:3], exact[:3], rtol=1e-9)
    assert scale[3] == 0.0
    huge = measure_scaling(Rows(np.array([[1e200], [-1e200]])))
    assert huge.scale[0] == pytest.approx(1e200)
    weights = rng.integers(0, 4, len(X)).astype(float)
    repeated = measure_scaling(Rows(np.repeat(X, weights.astype(int), axis=0)))
    np.testing.assert_allclose(
        measure_scaling(Rows(X, weights)).scale, repeated.scale, rtol=1e-9, atol=1e-30
    )


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("light", [1e-8, 1e-15, 1e-20, 1e-40, 1e-100])
def test_spread_does_not_depend_on_the_order_of_rows_of_any_weight(light, holes):
    """About a light first row squares cancelled, and a column that varies had no spread."""
    X, weights = np.array([[0.0], [2.0], [2.0], [np.nan if holes else 2.0]]), np.ones(4)
    weights[0] = light
    heavy = 2.0 if holes else 3.0
    for order in itertools.permutations(range(4)):
        rows = np.array(order)
        shift, scale = measure_scaling(Rows.of(X[rows], weights[rows]))
        assert shift[0] == pytest.approx(2.0 * heavy / (heavy + light), rel=1e-14)
        assert scale[0] == pytest.approx(2.0 * np.sqrt(heavy * light) / (heavy + light), rel=1e-9)


def test_spread_of_a_mixture_is_that_of_its_draws():
    rng = np.random.default_rng(4)
    weights, means = np.array([0.2, 0.8]), np.array([[0.0, 5.0], [3.0, -1.0]])
    variances = np.array([[1.0, 4.0], [0.25, 1.0]])
    labels = rng.choice(2, 400_000, p=weights)
    X = means[labels] + rng.normal(size=(len(labels), 2)) * np.sqrt(variances[labels])
    shift, scale = mixture_std(weights, means, variances)
    np.testing.assert_allclose(shift, X.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(scale, X.std(axis=0), rtol=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_a_start_from_a_partition_has_the_means_and_weights_of_its_clusters(name):
    rng = np.random.default_rng(5)
    X, labels = rng.normal(size=(90, 3)), rng.integers(3, size=90)
    structure = STRUCTURES[name]
    model = GaussianMixtureModel(structure, Scaling(np.zeros(3), np.ones(3)), np.zeros(3), 90.0)
    params = model.from_partition(Rows(X), 3, one_hot(labels, 3))
    for k in range(3):
        np.testing.assert_allclose(params.means[k], X[labels == k].mean(axis=0), atol=1e-12)
        assert params.weights[k] == pytest.approx((labels == k).mean())


def test_blocks_of_a_precision_that_rounding_hides():
    """P = W'W has twice the digits of W to lose: factors of its blocks then come from W."""
    rng = np.random.default_rng(0)
    root = np.tril(rng.normal(size=(4, 4)))
    missing = np.array([[0, 1], [1, 2], [3, 3]])
    plain = block_factors(root.T @ root, root, missing)
    hidden = block_factors(root.T @ root - 1e3 * np.eye(4), root, missing)
    for one, other in zip(np.moveaxis(hidden, 2, 0), np.moveaxis(plain, 2, 0), strict=True):
        np.testing.assert_allclose(np.tril(one), np.tril(other), rtol=1e-9)
    with pytest.raises(np.linalg.LinAlgError):
        block_factors(np.zeros((4, 4)), np.zeros((4, 4)), missing)
