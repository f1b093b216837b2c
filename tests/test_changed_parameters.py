"""Parameters that were changed after a fit, or are numbers that NumPy does not know."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)) @ RNG.normal(size=(3, 3))
X[RNG.random(X.shape) < 0.1] = np.nan


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"covariance_type": "diag"}, "'diag'"),
        ({"covariance_type": "bowl"}, "None"),
        ({"n_components": 3}, "3"),
    ],
)
@pytest.mark.parametrize("method", ["summary", "standard_errors"])
def test_errors_are_of_the_model_that_was_fitted(method, changed, told):
    """They took the prior, and the shapes, of what the parameters are now."""
    imputer = EMImputer(2, random_state=0).fit(X).set_params(**changed)
    with pytest.raises(ValueError, match=f"a fit that had .* now they are .*{told}"):
        getattr(imputer, method)(X)


def test_errors_take_another_name_of_the_same_structure():
    imputer = EMImputer(covariance_type="full").fit(X)
    right = imputer.standard_errors(X).location
    again = imputer.set_params(covariance_type="VVV").standard_errors(X).location
    np.testing.assert_array_equal(again, right)


@pytest.mark.parametrize("estimator", [EMImputer, EMGaussianMixture])
def test_one_normal_has_no_other_starts_to_advise(estimator):
    with pytest.warns(ConvergenceWarning, match=r"^The fit did not converge\. Increase max_iter"):
        estimator(max_iter=1, tol=0.0).fit(X)
    with pytest.warns(ConvergenceWarning, match="^Best performing initialization did not"):
        estimator(2, max_iter=1, tol=0.0, random_state=0).fit(X)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (EMImputer, "tol"),
        (EMImputer, "shrinkage"),
        (EMGaussianMixture, "reg_covar"),
        (EMCensoredRegressor, "alpha"),
        (EMCensoredRegressor, "df"),
        (EMCensoredRegressor, "left"),
    ],
)
def test_fractions_are_refused_by_name(estimator, name):
    y = np.arange(80.0)
    with pytest.raises(ValueError, match=f"The {name!r} parameter of {estimator.__name__}"):
        estimator(**{name: Fraction(1, 3)}).fit(np.nan_to_num(X), y)
