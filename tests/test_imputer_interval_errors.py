"""Standard errors of EMImputer on tables with cells known to an interval."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_interval_cells import NAMES, table_of
from test_mixture_limits import text_of

from emkit import EMImputer

RNG = np.random.default_rng(0)
WHOLE = RNG.multivariate_normal(np.zeros(3), 0.4 * np.eye(3) + 0.6, 60)
LOW = [-0.5, -0.3, -np.inf]
X = WHOLE.clip(LOW)


def imputer(**arguments):
    return EMImputer(tol=1e-9, max_iter=2000, **arguments)


@pytest.mark.parametrize("name", NAMES)
def test_they_are_those_of_direct_maximisation(golden, name):
    case = golden("detection_limits.json")["cases"][name]
    data, _ = table_of(case)
    table, weights = text_of(data), data.sample_weight
    fitted = EMImputer(shrinkage=0.0, tol=1e-10, max_iter=2000).fit(table, sample_weight=weights)
    errors = fitted.standard_errors(table, sample_weight=weights)
    assert_allclose(errors.location, case["se_mean"], rtol=0, atol=2e-6)
    lower = np.tril_indices(data.shape[1])
    assert_allclose(errors.covariance[lower], case["se_cov_lower"], rtol=0, atol=2e-6)


def test_they_go_by_the_prior_of_the_fit():
    """Of which cells with limits are part: tiny intervals are as good as numbers."""
    tiny = WHOLE.astype(object)
    tiny[:, 0] = [f"{x - 1e-4!r}..{x + 1e-4!r}" for x in WHOLE[:, 0].tolist()]
    ours = imputer(shrinkage=0.2).fit(tiny).standard_errors(tiny)
    plain = imputer(shrinkage=0.2).fit(WHOLE).standard_errors(WHOLE)
    assert_allclose(ours.location, plain.location, rtol=1e-4)
    assert_allclose(ours.covariance, plain.covariance, rtol=1e-4)


def test_with_log_they_are_of_the_logarithms():
    logs = imputer(lower_limits=np.exp(LOW), log=True).fit(np.exp(X))
    plain = imputer(lower_limits=LOW).fit(X)
    ours, theirs = logs.standard_errors(np.exp(X)), plain.standard_errors(X)
    assert_allclose(ours.location, theirs.location, rtol=1e-6)
    assert_allclose(ours.covariance, theirs.covariance, rtol=1e-6)


def test_an_interval_tells_less_than_a_number_and_more_than_nothing():
    holes = np.where(X <= LOW, np.nan, X)
    fits = [
        imputer(lower_limits=LOW).fit(X).summary(X),
        imputer().fit(holes).summary(holes),
        imputer().fit(WHOLE).summary(WHOLE),
    ]
    limited, missing, whole = (fit["information_missing"].to_numpy() for fit in fits)
    assert (limited[:2] > whole[:2]).all()
    assert (limited[:2] < missing[:2]).all()
