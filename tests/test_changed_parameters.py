"""Parameters that were changed after a fit, or are numbers that NumPy does not know."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer, MixturePrior
from emkit.plotting import ConvergenceDisplay, MixtureDisplay

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


# Mixtures

CLUSTERS = np.concatenate([RNG.normal(0, 1, (60, 2)), RNG.normal(5, 2, (60, 2))])


@pytest.mark.parametrize("prior", [None, "mclust", MixturePrior(weight_concentration=2.0)])
@pytest.mark.parametrize(
    "changed", [{"reg_covar": 0.01}, {"prior": "mclust"}, {"prior": None}, {"tol": 1e-9}]
)
def test_standard_errors_are_of_the_objective_that_was_fitted(prior, changed):
    mixture = EMGaussianMixture(2, prior=prior, random_state=0).fit(CLUSTERS)
    before = mixture.standard_errors(CLUSTERS)
    mixture.set_params(**changed)
    for after in (mixture, pickle.loads(pickle.dumps(mixture))):
        for right, now in zip(before, after.standard_errors(CLUSTERS), strict=True):
            np.testing.assert_array_equal(now, right)
    mixture.fit(CLUSTERS)  # which is of what is set now
    again = clone(mixture).fit(CLUSTERS).standard_errors(CLUSTERS)
    np.testing.assert_array_equal(mixture.standard_errors(CLUSTERS).means, again.means)


@pytest.mark.parametrize("n_components", [1, 3])
@pytest.mark.parametrize("method", ["summary", "standard_errors"])
def test_another_number_of_components_is_told_by_the_method(method, n_components):
    mixture = (
        EMGaussianMixture(2, random_state=0).fit(CLUSTERS).set_params(n_components=n_components)
    )
    told = f"^standard_errors goes on from a fit that had .* = 2; now they are {n_components}"
    with pytest.raises(ValueError, match=told):
        getattr(mixture, method)(CLUSTERS)


def by_hand():
    mixture = EMGaussianMixture(1)
    mixture.weights_, mixture.means_ = np.ones(1), np.zeros((1, 2))
    mixture.covariances_ = mixture.precisions_ = np.eye(2)[None]
    mixture.precisions_cholesky_ = np.eye(2)[None]
    return mixture


@pytest.mark.parametrize(
    "ask",
    [
        lambda mixture: mixture.standard_errors(CLUSTERS),
        lambda mixture: mixture.summary(CLUSTERS),
        lambda mixture: mixture.summary(),
        lambda mixture: MixtureDisplay.from_estimator(mixture, CLUSTERS),
        lambda mixture: ConvergenceDisplay.from_estimator(mixture),
    ],
)
def test_what_is_asked_of_a_fit_is_refused_where_there_was_none(ask):
    pytest.importorskip("matplotlib")
    with pytest.raises(NotFittedError, match=r"(of|shows) a fit, .* set by hand\. Call fit first"):
        ask(by_hand())
    assert np.isfinite(by_hand().score(CLUSTERS))
    assert np.isfinite(by_hand().to_sklearn().score(CLUSTERS))


def test_a_subclass_whose_fit_takes_no_weights_needs_none():
    class Plain(EMGaussianMixture):
        def fit(self, X, y=None):
            return super().fit(X, y)

    ours = EMGaussianMixture(2, random_state=0)
    labels = Plain(2, random_state=0).fit_predict(CLUSTERS)
    np.testing.assert_array_equal(labels, ours.fit_predict(CLUSTERS))
    means = Plain(2, random_state=0).partial_fit(CLUSTERS).means_
    np.testing.assert_array_equal(means, clone(ours).partial_fit(CLUSTERS).means_)
