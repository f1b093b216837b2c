"""Columns and tables in units at the ends of what doubles hold: an answer, or a refusal by name."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marks import cut_short
from numpy.testing import assert_allclose

import emkit.models as models
from emkit import EMGaussianMixture, EMImputer, MixturePrior
from emkit.engine import fit_em, standard_errors, tree
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES, STRUCTURES

#: Structures whose matrices turn with the columns, which then need a common unit.
TURNED = [
    name
    for name in NAMES
    if STRUCTURES[name].layout.ndim == 2 and not STRUCTURES[name].scale_invariant
]
LABELS = np.arange(120) % 2


def two_groups(scale=1.0):
    X = np.random.default_rng(0).normal(size=(120, 3)) + 5.0 * LABELS[:, None]
    return X * scale


def with_holes(X):
    X = X.copy()
    X[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
    return X


# Structures without a unit for every column


@pytest.mark.parametrize("kind", TURNED)
@pytest.mark.parametrize("start", [None, LABELS], ids=["k-means", "resp_init"])
@settings(max_examples=10)
@given(
    powers=st.permutations([0, 30, -30]) | st.permutations([0, 1, 60]),
    reg_covar=st.sampled_from([0.0, 1e-6]),
    holes=st.booleans(),
)
def test_columns_too_far_apart_for_one_unit_are_named(kind, start, powers, reg_covar, holes):
    X = two_groups(10.0 ** np.array(powers))
    X = with_holes(X) if holes else X
    narrow, wide = int(np.argmin(powers)), int(np.argmax(powers))
    told = rf"{kind}.* {narrow} \(standard deviation .* {wide} \(.*too far apart.*StandardScaler"
    mixture = EMGaussianMixture(
        2, covariance_type=kind, resp_init=start, reg_covar=reg_covar, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of reg_covar beside a narrow column
        with pytest.raises(ValueError, match=told):
            mixture.fit(X)
    for n_components in (1, 2):
        imputer = EMImputer(n_components, covariance_type=kind, random_state=0)
        with pytest.raises(ValueError, match=told):
            imputer.fit(with_holes(X))


@pytest.mark.parametrize("kind", NAMES)
@settings(max_examples=10)
@given(data=st.data())
def test_a_start_by_labels_goes_with_columns_in_units_of_their_own(kind, data):
    """The labels settle the fit: the classes of every unit are those of the table in good ones."""
    structure = STRUCTURES[kind]
    one_unit = not structure.scale_invariant
    power = st.integers(-60, 60)
    powers = [data.draw(power)] * 3 if one_unit else data.draw(st.tuples(power, power, power))
    mixture = EMGaussianMixture(2, covariance_type=kind, resp_init=LABELS, reg_covar=0.0)
    assert (mixture.fit_predict(two_groups(10.0 ** np.array(powers))) == LABELS).all()


def test_labels_of_rows_on_a_line_get_the_ridge_that_doubles_resolve():
    """The start is made anew with it: the one that was singular would be so again."""
    X = two_groups()
    X[LABELS == 1, 2] = X[LABELS == 1, 1]
    X *= [1.0, 1e40, 1e40]
    mixture = EMGaussianMixture(2, resp_init=LABELS)
    of_component = pytest.warns(DataWarning, match=r"component\(s\) \[1\] is singular but for")
    with of_component, pytest.warns(DataWarning, match="singular to double precision"):
        mixture.fit(X)
    assert (mixture.predict(X) == LABELS).all()


# Standard errors


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("prior", [None, MixturePrior(), "mclust"], ids=repr)
@pytest.mark.parametrize("power", [120, -60, 145])
def test_standard_errors_are_in_the_units_of_the_columns(kind, prior, power):
    errors = []
    for unit in (1.0, 10.0**power):
        X = two_groups(unit)
        mixture = EMGaussianMixture(
            2, covariance_type=kind, prior=prior, resp_init=LABELS, reg_covar=0.0, tol=1e-8
        ).fit(X)
        found = mixture.standard_errors(X)
        errors.append((found.weights, found.means / unit, found.covariances / unit / unit))
    for expected, found in zip(*errors, strict=True):
        assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("method", ["auto", "sem"])
@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("power", [60, 120, 150])
def test_standard_errors_of_a_model_in_the_columns_own_units(kind, method, power):
    model, errors = models.LatentClasses(models.Gaussian(2, kind)), []
    for unit in (1.0, 10.0**power):
        data = models.Columns(two_groups(unit))
        result = fit_em(model, data, random_state=0, tol=1e-9, max_iter=2000)
        found = standard_errors(model, data, result, method=method)[1]
        errors.append((found.means / unit, found.covariances / unit / unit))
    for expected, found in zip(*errors, strict=True):
        assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("search", ["restarts", "genetic"])
@pytest.mark.parametrize("kind", NAMES)
def test_chains_whose_squares_overflow(kind, search):
    """The prior of independent columns has one scale for all, far from that of some of them."""
    scale = [1e120, 1e-80, 1.0] if STRUCTURES[kind].layout.independent else 1e120
    algorithm = "sem" if search == "restarts" else "em"
    mixture = EMGaussianMixture(
        2,
        covariance_type=kind,
        prior=MixturePrior(),
        algorithm=algorithm,
        search=search,
        reg_covar=0.0,
        tol=1.0,
        random_state=0,
    ).fit(two_groups(scale))
    assert np.isfinite(mixture.history_).all()


@given(
    rows=st.lists(st.lists(st.floats(-10, 10), min_size=3, max_size=3), min_size=2, max_size=9),
    power=st.integers(-900, 1000),
)
def test_spread_of_numbers_whose_squares_overflow(rows, power):
    rows = np.round(rows, 3)
    found = tree.spread(np.ldexp(rows, power), ddof=1)
    assert_allclose(np.ldexp(found, -power), rows.std(axis=0, ddof=1), rtol=1e-12, atol=1e-14)


@cut_short
@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(NAMES),
    weight=st.sampled_from([0.2, 1.0, 1e6]),
    prior=st.sampled_from([None, MixturePrior(), "mclust"]),
    power=st.sampled_from([0, 120, -60]),
)
def test_standard_errors_are_numbers_or_are_told_to_be_none(seed, kind, weight, prior, power):
    """Hardly determined fits too; the model is the estimator's, and never what is wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 2)) * 10.0**power
    X[rng.random(X.shape) < 0.4] = np.nan
    weights = np.full(len(X), weight)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mixture = EMGaussianMixture(2, covariance_type=kind, prior=prior, random_state=0)
        errors = mixture.fit(X, sample_weight=weights).standard_errors(X, weights)
    assert not [one for one in told if issubclass(one.category, RuntimeWarning)]
    if not all(np.isfinite(part).all() for part in errors):
        assert any(re.search("No standard errors", str(one.message)) for one in told)


@pytest.mark.parametrize("kind", NAMES)
def test_variances_that_underflow_are_positive(kind):
    """Groups are found in units in which no double holds a variance, and none is published as 0."""
    X = two_groups(2.0**-520)
    mixture = EMGaussianMixture(2, covariance_type=kind, reg_covar=0.0, random_state=0).fit(X)
    independent = STRUCTURES[kind].layout.independent
    variances = mixture.covariances_
    if not independent:
        variances = np.diagonal(variances, axis1=-2, axis2=-1)
    assert (variances > 0.0).all() and np.isfinite(mixture.score_samples(X)).all()
    found = mixture.predict(X)
    assert min((found == LABELS).mean(), (found != LABELS).mean()) < 0.01
