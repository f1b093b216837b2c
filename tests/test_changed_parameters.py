"""Parameters that were changed after a fit, or are numbers that NumPy does not know."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMImputer,
    MixturePrior,
    pool_estimates,
)
from emkit.plotting import CensoredRegressionDisplay, ConvergenceDisplay, MixtureDisplay

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


ROWS = np.nan_to_num(X)
RESPONSE = np.exp(0.2 * ROWS[:, 0] + RNG.normal(size=len(X)))
USES = {
    "predict": lambda r: r.predict(ROWS),
    "predict_quantile": lambda r: r.predict_quantile(ROWS, [0.1, 0.9]),
    "quantile limits": lambda r: r.predict_quantile(ROWS, 0.5, return_ci=True)[1],
    "survival limits": lambda r: r.predict_survival_function(ROWS, 1.0, return_ci=True)[1],
    "mean given": lambda r: r.predict(ROWS, given=0.5),
    "predict_hazard_function": lambda r: r.predict_hazard_function(ROWS, [1.0, 2.0]),
    "cumulative hazard": lambda r: r.predict_cumulative_hazard_function(ROWS, [1.0, 2.0]),
    "predict_interval": lambda r: r.predict_interval(ROWS),
    "predict_survival_function": lambda r: r.predict_survival_function(ROWS, [1.0, 2.0]),
    "predict_observed": lambda r: r.set_params(left=0.1).predict_observed(ROWS),
    "impute": lambda r: r.impute(ROWS, RESPONSE),
    "score_samples": lambda r: r.score_samples(ROWS, RESPONSE),
    "score": lambda r: r.score(ROWS, RESPONSE),
    "aic": lambda r: r.aic(ROWS, RESPONSE),
    "bic": lambda r: r.bic(ROWS, RESPONSE),
    "summary": lambda r: r.summary(),
    "display": lambda r: CensoredRegressionDisplay.from_estimator(r, ROWS, RESPONSE),
}
CHANGES = [
    ({"distribution": "normal"}, {"distribution": "lognormal"}),
    ({"distribution": "normal"}, {"distribution": "logistic"}),
    ({"distribution": "weibull"}, {"distribution": "normal"}),
    ({"distribution": "normal"}, {"distribution": "bowl"}),
    ({"distribution": "student_t", "df": 4.0}, {"df": 30.0}),
    ({"distribution": "student_t", "df": 4.0}, {"df": "estimate"}),
    ({"distribution": "student_t", "df": 4.0}, {"distribution": "normal"}),
    ({"fit_intercept": True}, {"fit_intercept": False}),
]


def require_equal(answer, right):
    """The same numbers, whether in an array, a frame, a number, or what a display shows."""
    if isinstance(answer, CensoredRegressionDisplay):
        shown, expected = (
            {k: v for k, v in vars(of).items() if isinstance(v, np.ndarray | list)}
            for of in (answer, right)
        )
        assert shown.keys() == expected.keys()
        pairs = [(shown[k], expected[k]) for k in shown if np.asarray(shown[k]).dtype.kind in "bif"]
        assert pairs
    elif isinstance(answer, tuple):
        pairs = list(zip(answer, right, strict=True))
    else:
        pairs = [(answer, right)]
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize(("fitted", "changed"), CHANGES, ids=str)
def test_a_regressor_is_of_the_law_that_was_fitted(fitted, changed, use):
    """Its line was read as that of another law, with other predictions and scores."""
    regressor = EMCensoredRegressor(**fitted).fit(ROWS, RESPONSE)
    (name,) = changed
    before, right = getattr(regressor, name), use(clone(regressor).fit(ROWS, RESPONSE))
    regressor.set_params(**changed)
    with pytest.raises(ValueError, match=f"{name} was {before!r} in the fit, and is .* now"):
        use(regressor)
    require_equal(use(regressor.set_params(**{name: before})), right)  # set back, it is as it was
    if "bowl" not in changed.values():
        new = use(EMCensoredRegressor(**{**fitted, **changed}).fit(ROWS, RESPONSE))
        require_equal(use(regressor.set_params(**changed).fit(ROWS, RESPONSE)), new)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("changed", [{"df": 30.0}, {"alpha": 3.0, "tol": 1.0, "max_iter": 1}])
def test_what_has_no_part_in_the_law_may_change(changed, use):
    right = use(EMCensoredRegressor().fit(ROWS, RESPONSE))
    require_equal(use(EMCensoredRegressor().fit(ROWS, RESPONSE).set_params(**changed)), right)


OF_LEVEL = [lambda r, level: r.predict_interval(ROWS, level), EMCensoredRegressor.summary]


@pytest.mark.parametrize("level", ["a", "0.9", None, [0.9], [0.5, 0.9], True, 0.0, 1.0, np.nan, 1j])
@pytest.mark.parametrize("use", OF_LEVEL)
def test_levels_that_are_no_numbers_are_refused_by_name(use, level):
    regressor = EMCensoredRegressor().fit(ROWS, RESPONSE)
    with pytest.raises((ValueError, TypeError), match="level"):
        use(regressor, level)


@pytest.mark.parametrize("level", [np.float32(0.5), np.array(0.5), Fraction(1, 2)])
@pytest.mark.parametrize("use", OF_LEVEL)
def test_levels_of_other_types_of_numbers(use, level):
    regressor = EMCensoredRegressor().fit(ROWS, RESPONSE)
    np.testing.assert_array_equal(use(regressor, level), use(regressor, 0.5))


class Plain(EMImputer):
    """A subclass that takes one of the parameters."""

    def __init__(self, shrinkage=0.1):
        super().__init__(shrinkage=shrinkage)


def test_a_subclass_with_fewer_parameters_imputes_several_times_over():
    tables = Plain().multiple_impute(X, 3, random_state=0)
    right = EMImputer(shrinkage=0.1).multiple_impute(X, 3, random_state=0)
    np.testing.assert_array_equal(tables, right)


@pytest.mark.parametrize(("m", "n"), [(3, 5), (5, 5), (3, 0)])
def test_both_names_of_the_number_of_tables_are_refused(m, n):
    with pytest.raises(ValueError, match="m is another name for n_imputations"):
        EMImputer().multiple_impute(X, n, m=m)


def test_the_number_of_tables_has_two_names():
    imputer, ways = EMImputer(random_state=0), [{}, {"m": 2}, {"n_imputations": 3}]
    assert [len(imputer.multiple_impute(X, **given)) for given in ways] == [5, 2, 3]


WAYS_AGAIN = {
    "replace": lambda pooled: pooled._replace(df=7.0),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda pooled: pickle.loads(pickle.dumps(pooled)),
}


@pytest.mark.parametrize("again", WAYS_AGAIN.values(), ids=WAYS_AGAIN)
def test_what_is_made_of_a_pooled_estimate_has_all_of_it(again):
    estimates = [{"a": 1.0, "b": 2.0}, {"a": 1.2, "b": 2.1}]
    pooled = pool_estimates(estimates, [{"a": 0.1, "b": 0.2}] * 2, df_complete=50)
    other = again(pooled)
    assert type(other) is type(pooled)
    assert (other.n_tables, other.df_complete) == (2, 50.0)
    assert set(other.confidence_interval(0.9)[0]) == {"a", "b"}
    assert other.estimate == pooled.estimate


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


@pytest.mark.parametrize("name", ["weights_", "means_", "precisions_cholesky_"])
def test_methods_go_by_the_attributes_as_they_are_by_now(name):
    """What was worked out for one call is kept for the next, which may be of other parameters."""
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    before = mixture.score_samples(X[:3])
    getattr(mixture, name)[0] *= 1.5  # in place
    changed = mixture.score_samples(X[:3])
    assert not np.allclose(changed, before)
    np.testing.assert_allclose(changed, copy.deepcopy(mixture).score_samples(X[:3]))
    getattr(mixture, name)[0] /= 1.5
    np.testing.assert_allclose(mixture.score_samples(X[:3]), before)
    other = clone(mixture).fit(-X)
    np.testing.assert_allclose(mixture.fit(-X).score_samples(X[:3]), other.score_samples(X[:3]))


def test_a_default_of_a_subclass_that_is_no_such_number_is_refused():
    class Nothing(EMGaussianMixture):
        def __init__(self, n_components=0):
            super().__init__(n_components)

    assert Nothing().get_params() == {"n_components": 0}
    with pytest.raises(ValueError, match="'n_components' parameter of Nothing must be an int"):
        Nothing().fit(X)
    assert Nothing(2).fit(X).means_.shape == (2, 3)
