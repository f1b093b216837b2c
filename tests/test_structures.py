"""The registry of covariance structures, and the laws that each of them is under."""

import subprocess
import sys
import warnings
from operator import attrgetter
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from structures import dense, in_shape, nearest, random_covariances

import emkit
from emkit import (
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    EMMixtureClassifier,
    EMMixtureRegressor,
)
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES, SCIKIT_LEARN, STRUCTURES
from emkit.numerics.covariance.axes import principal_axes, variances_along

ALIASES = [(name, alias) for name in NAMES for alias in STRUCTURES[name].aliases]
CURVED = [name for name in NAMES if not STRUCTURES[name].closed]
#: Matrices that are singular where the scatter of their component is.
OWN_SHAPE = ("EVE", "EVV", "VVE")
SEEDS = st.integers(0, 10**6)

few = settings(max_examples=20, deadline=None, derandomize=True)
each_structure = pytest.mark.parametrize("name", NAMES)


def clusters(n=150, d=3, seed=0, apart=2.0):
    """Three clusters, each stretched its own way."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    roots = rng.normal(size=(3, d, d)) / np.sqrt(d) + 0.5 * np.eye(d)
    means = apart * rng.normal(size=(3, d))
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))


def assert_has(name, covariances, d=3):
    """That three covariances have the structure: the estimate from them is they."""
    weights = np.arange(1.0, 4.0)
    scatter = in_shape(name, weights[:, None, None] * dense(name, covariances, 3, d))
    counts = STRUCTURES[name].layout.counts(weights, d)
    again = STRUCTURES[name].estimate(scatter, counts, covariances)
    assert_allclose(again, covariances, rtol=1e-9, atol=1e-9 * np.abs(covariances).max())


# The registry

TAKE_A_TYPE = [
    (EMGaussianMixture, "covariance_type_"),
    (EMGaussianMixtureIC, "best_estimator_.covariance_type_"),
    (EMImputer, "covariance_type_"),
    (EMMixtureClassifier, "mixture_.covariance_type_"),
    (EMMixtureRegressor, "mixture_.covariance_type_"),
]


@pytest.mark.parametrize(("estimator", "attribute"), TAKE_A_TYPE)
def test_every_estimator_takes_letters_in_any_case_and_lists_the_names(estimator, attribute):
    X, y = clusters(), np.arange(150) % 3
    for letters in ("eei", "Eei", "EEI"):
        fitted = estimator(covariance_type=letters).fit(X, y)
        assert attrgetter(attribute)(fitted) == "EEI"
    listed = ", ".join(map(repr, STRUCTURES))
    with pytest.raises(ValueError, match=f"'covariance_type' .*{listed}.* Got 'EEX'"):
        estimator(covariance_type="EEX").fit(X, y)


def test_names_are_of_one_structure_each():
    every = [name for key in NAMES for name in (key, *STRUCTURES[key].aliases)]
    assert len(set(every)) == len(every)
    assert set(every) == set(STRUCTURES)
    assert NAMES[:4] == SCIKIT_LEARN


ONE_MORE = """
from emkit.numerics.covariance.layouts import Scalar
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="one_variance",
    aliases=("single",),
    description="a single variance for all",
    layout=Scalar(shared=True),
    scale_invariant=False,
)
"""
USES = """
import warnings
import matplotlib
import numpy as np
from emkit import (
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    EMMixtureClassifier,
    EMMixtureRegressor,
)
from emkit.exceptions import DataWarning
from emkit.plotting import MixtureDisplay, SelectionDisplay

matplotlib.use("agg")
warnings.simplefilter("error")
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 2)) + 6.0 * rng.integers(0, 2, (90, 1))
mixture = EMGaussianMixture(2, covariance_type="single", reg_covar=0.0, random_state=0)
mixture.fit(X)
within = sum(
    ((X - mean) ** 2).sum(axis=1) @ r for mean, r in zip(mixture.means_, mixture.predict_proba(X).T)
)
assert mixture.covariances_.shape == () and abs(mixture.covariances_ * 180.0 / within - 1.0) < 1e-3
assert mixture._n_parameters() == 1 + 4 + 1
assert np.isfinite(mixture.standard_errors(X).covariances)
mixture.set_params(prior="mclust", search="genetic", n_init=4).fit(X).partial_fit(X[:30])
assert "'one_variance' or 'single': a single variance for all" in EMGaussianMixture.__doc__
choice = EMGaussianMixtureIC(1, 2, covariance_type=["one_variance", "full"], random_state=0).fit(X)
assert choice.best_params_ == {"n_components": 2, "covariance_type": "one_variance"}
summary = choice.summary()
assert summary.covariance_name == "one_variance" and "2 components" in repr(summary)
assert len(SelectionDisplay.from_search(choice).lines_) == 2
MixtureDisplay.from_estimator(mixture, X)
assert list(SelectionDisplay.from_estimators([mixture], X).lines_) == ["single"]
holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
imputer = EMImputer(2, covariance_type="single", random_state=0)
assert np.isfinite(imputer.fit_transform(holes)).all()
"""


def test_a_file_adds_a_structure_and_nothing_else_is_touched(tmp_path):
    copytree(Path(emkit.__file__).parent, tmp_path / "emkit")
    (tmp_path / "emkit/numerics/covariance/one_variance.py").write_text(ONE_MORE)
    run = subprocess.run(
        [sys.executable, "-c", USES], cwd=tmp_path, capture_output=True, text=True, env={}
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(("name", "alias"), ALIASES)
def test_an_alias_is_the_same_type(name, alias):
    X = clusters()
    mixture = EMGaussianMixture(2, covariance_type=name, random_state=0, warm_start=True).fit(X)
    other = EMGaussianMixture(2, covariance_type=alias, random_state=0).fit(X)
    assert_array_equal(other.covariances_, mixture.covariances_)
    assert mixture.set_params(covariance_type=alias).fit(X).n_iter_ <= 2  # a warm start
    mixture.partial_fit(X)
    choice = EMGaussianMixtureIC(1, 1, covariance_type=[alias, name], random_state=0).fit(X)
    assert choice.best_params_["covariance_type"] == alias and len(choice.criterion_) == 1
    imputer = EMImputer(covariance_type=name, warm_start=True).fit(X)
    imputer.set_params(covariance_type=alias).fit(X).partial_fit(X)


@each_structure
def test_the_docstring_tells_of_every_type(name):
    structure, text = STRUCTURES[name], " ".join(EMGaussianMixture.__doc__.split())
    assert (
        f"- {' or '.join(map(repr, (name, *structure.aliases)))}: {structure.description}" in text
    )
    assert "<covariance types>" not in text


def test_where_none_is_named_the_four_of_scikit_learn_are_compared():
    choice = EMGaussianMixtureIC(max_components=1, random_state=0).fit(clusters())
    assert tuple(choice.results_["covariance_type"]) == SCIKIT_LEARN
    every = EMGaussianMixtureIC(1, 2, covariance_type=list(NAMES), random_state=0).fit(clusters())
    assert len(every.criterion_) == 2 * len(NAMES) and np.isfinite(every.criterion_).all()


# The family


@each_structure
@few
@given(seed=SEEDS, d=st.integers(1, 4))
def test_retraction_leaves_the_family_as_it_is_and_leads_back_to_it(name, seed, d):
    rng = np.random.default_rng(seed)
    structure = STRUCTURES[name]
    one, two = (random_covariances(name, 3, d, rng) for _ in range(2))
    weights = rng.dirichlet(np.ones(3))
    assert_allclose(structure.retract(one, weights), one, rtol=1e-9, atol=1e-9)
    between = 0.4 * one + 0.6 * two
    inside = structure.retract(between, weights)
    assert_has(name, inside, d)
    if structure.closed:
        assert inside is between
    beyond = structure.retract(3.0 * one - 2.0 * two, np.array([0.6, 0.4, 0.0]))
    assert beyond.shape == one.shape  # perhaps singular, as the point itself


@each_structure
def test_closed_says_whether_affine_combinations_stay(name):
    rng = np.random.default_rng(0)
    one, two = (random_covariances(name, 3, 3, rng) for _ in range(2))
    between = 0.5 * one + 0.5 * two
    apart = np.abs(nearest(name, dense(name, between, 3, 3)) - between).max()
    assert (apart < 1e-9) == STRUCTURES[name].closed


@each_structure
def test_scale_invariant_says_whether_columns_have_units_of_their_own(name):
    rng = np.random.default_rng(0)
    structure = STRUCTURES[name]
    matrices = dense(name, random_covariances(name, 3, 3, rng), 3, 3)
    scale = np.array([1.0, 3.0, 0.2])
    rescaled = matrices * np.outer(scale, scale)
    apart = np.abs(dense(name, nearest(name, rescaled), 3, 3) - rescaled).max()
    assert (apart < 1e-9) == structure.scale_invariant
    common = structure.common_scale(scale)
    assert_array_equal(common, scale if structure.scale_invariant else np.full(3, common[0]))


@each_structure
def test_parameters_are_counted_by_the_directions_of_the_family(name):
    rng = np.random.default_rng(0)
    structure, (k, d) = STRUCTURES[name], (3, 3)
    here = random_covariances(name, k, d, rng)
    moves = 1e-5 * rng.normal(size=(200, *here.shape))
    if structure.layout.ndim == 2:
        moves = moves + np.swapaxes(moves, -1, -2)
    ends = ([structure.retract(here + s * move, np.ones(k)) for move in moves] for s in (1, -1))
    sizes = np.linalg.svd(np.subtract(*ends).reshape(len(moves), -1), compute_uv=False)
    assert (sizes > 1e-4 * sizes[0]).sum() == structure.n_parameters(k, d)


@pytest.mark.parametrize("name", CURVED)
@few
@given(seed=SEEDS)
def test_no_member_of_a_curved_family_is_nearer_than_the_estimate(name, seed):
    """Among many that have the structure, for any scatter, few rows a component included."""
    rng = np.random.default_rng(seed)
    structure, (k, d) = STRUCTURES[name], (3, 3)
    rows = rng.normal(size=(k, 7, d)) * [1.0, 3.0, 10.0]
    if structure.layout.independent or name not in OWN_SHAPE:
        rows[0, 2:] = 0.0  # two rows: singular by itself
    matrices, n = np.swapaxes(rows, 1, 2) @ rows, np.array([2.0, 7.0, 7.0])
    scatter, counts = in_shape(name, matrices), structure.layout.counts(n, d)

    def value(covariances):
        every = dense(name, covariances, k, d)
        log_det = np.linalg.slogdet(every)[1]
        return -n @ log_det - np.trace(np.linalg.solve(every, matrices), 0, 1, 2).sum()

    best = structure.estimate(scatter, counts, scatter)
    for _ in range(100):  # of common axes an estimate is a step
        before, best = best, structure.estimate(scatter, counts, best)
        assert value(best) >= value(before) - 1e-9
    for step in (1e-4, 1e-2, 1.0):
        for _ in range(10):
            other = structure.retract(
                best + step * random_covariances(name, k, d, rng), rng.dirichlet(np.ones(k))
            )
            assert value(other) <= value(best) + 1e-9


@pytest.mark.parametrize("name", CURVED)
def test_small_variances_are_as_exact_as_large_ones(name):
    """Columns from 1e-9 to 1e3 in common units: no axis drowns in the rounding of another."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3, 40, 4)) * [1e3, 1e-6, 1.0, 1e-9]
    scatter = in_shape(name, np.swapaxes(rows, 1, 2) @ rows)
    structure, counts = STRUCTURES[name], np.full(3, 40.0)
    estimate = structure.estimate(scatter, counts, scatter)
    again = structure.retract(estimate, np.array([0.2, 0.5, 0.3]))
    again, estimate = (dense(name, values, 3, 4) for values in (again, estimate))
    spread = np.sqrt(np.diagonal(estimate, axis1=1, axis2=2))
    unit = spread[:, :, None] * spread[:, None]
    assert_allclose(again / unit, estimate / unit, atol=1e-9)


# In the estimators


@each_structure
def test_published_matrices_fit_together(name):
    mixture = EMGaussianMixture(3, covariance_type=name, random_state=0).fit(clusters())
    shape = STRUCTURES[name].layout.shape(3, 3)
    covariances, precisions = (
        dense(name, values, 3, 3) for values in (mixture.covariances_, mixture.precisions_)
    )
    assert mixture.covariances_.shape == mixture.precisions_.shape == shape
    assert_allclose(covariances @ precisions, [np.eye(3)] * 3, atol=1e-9)
    root = dense(name, mixture.precisions_cholesky_, 3, 3)
    assert_allclose(root @ np.swapaxes(root, 1, 2), precisions, rtol=1e-9, atol=1e-9)
    assert_allclose(np.tril(root, -1), 0.0)


@each_structure
@pytest.mark.parametrize("search", ["short_runs", "annealing", "genetic"])
@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_every_search_ends_in_the_family(name, search, missing):
    X = clusters(seed=1)
    X[np.random.default_rng(1).random(X.shape) < missing] = np.nan
    mixture = EMGaussianMixture(
        3, covariance_type=name, search=search, n_init=4, tol=1e-6, max_iter=2000, random_state=0
    ).fit(X)
    assert mixture.converged_ and (np.diff(mixture.history_) >= 0.0).all()
    assert_has(name, mixture.covariances_)


@each_structure
@pytest.mark.parametrize("average", [False, True])
def test_streams_stay_in_the_family(name, average):
    rng = np.random.default_rng(0)
    X = clusters(3000, apart=6.0)
    mixture = EMGaussianMixture(3, covariance_type=name, random_state=0, average=average)
    first, *others = np.split(rng.permutation(X), 15)
    begun = clone(mixture.partial_fit(first)).set_params(
        weights_init=mixture.weights_,
        means_init=mixture.means_,
        precisions_init=mixture.precisions_,
    )
    for batch in others:
        mixture.partial_fit(batch)
        assert_has(name, mixture.covariances_)
    # Of two maxima of all rows a stream reaches the one that its first batch leads to: 200 rows
    # of EVE prefer another (-3.840 nats a row against -3.922) than all 3,000.
    assert mixture.score(X) >= begun.fit(X).score(X) - 0.02


@pytest.mark.parametrize("name", CURVED)
def test_a_start_beside_the_family_is_brought_into_it(name):
    X = clusters()
    rng = np.random.default_rng(3)
    widest = "diag" if STRUCTURES[name].layout.independent else "full"
    precisions = random_covariances(widest, 3, 3, rng)
    for given_too in ({}, {"means_init": rng.normal(size=(3, 3))}):
        mixture = EMGaussianMixture(
            3, covariance_type=name, precisions_init=precisions, max_iter=0, **given_too
        ).fit(X)
        assert_has(name, mixture.covariances_)
        mixture.set_params(max_iter=500, tol=1e-8).fit(X)
        assert mixture.converged_ and (np.diff(mixture.history_) >= 0.0).all()


@settings(max_examples=50)
@given(powers=st.lists(st.integers(-70, 70), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_principal_axes_of_columns_at_any_distance(powers, seed):
    """In units of the columns the axes give the matrices back."""
    d, scale = len(powers), 10.0 ** np.array(powers)
    root = np.random.default_rng(seed).normal(size=(3, d, d))
    matrices = root @ root.mT / d + 0.3 * np.eye(d)
    axes = principal_axes(matrices * scale * scale[:, None])
    variances = variances_along(axes, matrices * scale * scale[:, None])
    assert (np.diff(variances, axis=1) >= 0.0).all()
    again = (axes * variances[:, None]) @ axes.mT / scale / scale[:, None]
    assert_allclose(again, matrices, atol=1e-9)


@each_structure
@settings(max_examples=25)
@given(seed=SEEDS, n=st.integers(4, 12), d=st.integers(2, 5), k=st.integers(1, 3))
def test_few_rows_are_fitted_or_the_type_is_named_with_the_reason(name, seed, n, d, k):
    X = np.random.default_rng(seed).normal(size=(n, d))
    mixture = EMGaussianMixture(k, covariance_type=name, reg_covar=0.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of components that are collapsing
        try:
            mixture.fit(X)
        except ValueError as error:
            assert "ill-defined" in str(error)
            assert f"covariance_type={name!r}" in str(error)
            assert f"and there are {n}:" in str(error) or "rows of a component agree" in str(error)
        else:
            assert (np.diff(mixture.history_) >= 0.0).all()


def test_the_grid_leaves_out_what_cannot_be_fitted_and_says_why():
    X = np.random.default_rng(0).normal(size=(6, 4))
    choice = EMGaussianMixtureIC(1, 3, covariance_type=list(NAMES), reg_covar=0.0, random_state=0)
    with pytest.warns(DataWarning):
        choice.fit(X)
    found = choice.results_
    types, failures = found["covariance_type"], found["failure"]
    failed = failures != ""
    assert {"full", "EVE", "EVV", "VEV", "VVE"} <= set(types[failed & (found["n_components"] == 3)])
    for name, failure in zip(types[failed], failures[failed], strict=True):
        few = f"covariance_type={name!r} of 4 column(s)" in failure and "there are 6" in failure
        assert few or "too few for the columns" in failure  # collapsed on the way
    assert np.isfinite(found["bic"][~failed]).all()


def test_mclust_on_wine_and_diabetes_from_its_own_starts(golden):
    """Within 1e-4 of the total log-likelihood; VVE, where mclust stops short, not lower."""
    reference = golden("structures.json")
    rows = {
        "wine": StandardScaler().fit_transform(load_wine().data),
        "diabetes": np.array(golden("selection_mclust.json")["diabetes"]["X"]),
    }
    for case in reference["cases"]:
        X, k = rows[case["data"]], case["n_components"]
        labels = np.array(reference["labels"][case["data"]][str(k)]) - 1
        mixture = EMGaussianMixture(
            k, covariance_type=case["model"], resp_init=labels, reg_covar=0.0, tol=1e-9
        ).fit(X)
        assert mixture.converged_ and mixture._n_parameters() == case["n_parameters"]
        gain = mixture.lower_bound_ * len(X) - case["log_likelihood"]
        assert gain > -1e-4, case
        assert gain < 1e-4 or case["model"] == "VVE", case


def test_workers_find_the_same_grid():
    types = ["VEI", "VEE", "VVE"]
    grid = EMGaussianMixtureIC(2, 2, covariance_type=types, random_state=0).fit(clusters())
    spread = clone(grid).set_params(n_jobs=2).fit(clusters())
    assert_array_equal(spread.results_["bic"], grid.results_["bic"])


@each_structure
def test_a_dask_array_is_fitted_as_an_array_is(name, client):
    dask = pytest.importorskip("dask.array")
    X = clusters()
    means = X[np.random.default_rng(0).choice(len(X), 3, replace=False)]
    mixture = EMGaussianMixture(
        3, covariance_type=name, means_init=means, max_iter=10, tol=0.0, acceleration=None
    )
    with pytest.warns(ConvergenceWarning):
        expected = clone(mixture).fit(X).covariances_
        mixture.fit(dask.from_array(X, chunks=(50, 3)))
    assert_allclose(mixture.covariances_, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_without_rows_covariances_stay(name):
    """Nothing is divided by nothing, and a covariance before of any size is no start to fail at."""
    structure = STRUCTURES[name]
    layout, unit = structure.layout, np.array(structure.layout.identity(3, 2), dtype=float)
    stays = structure.estimate(0.0 * unit, layout.counts(np.zeros(3), 2), 2.0 * unit)
    assert_allclose(stays, 2.0 * unit)
    small = structure.estimate(1e-200 * unit, layout.counts(np.ones(3), 2), 1e200 * unit)
    assert np.isfinite(small).all()


@given(st.integers(2, 6), st.integers(2, 4), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_proportions_without_a_maximum_are_singular(k, d, seed):
    """Where a column has scatter only in components of fewer than n / d counts."""
    rng = np.random.default_rng(seed)
    scatter, counts = rng.lognormal(0.0, 2.0, (k, d)), rng.uniform(5.0, 50.0, k)
    flat = np.arange(k) > 0
    counts[flat] += (d - 1) * counts[0]
    scatter[flat, 0] = 0.0
    found = STRUCTURES["VEI"].estimate(scatter, counts, np.ones_like(scatter))
    assert np.isfinite(found).all() and (found.min(axis=1) == 0.0).any()
