"""scikit-learn's own tests of mixtures and imputers, and its estimator checks, on emkit's."""

import inspect

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.impute.tests import test_common as of_imputers
from sklearn.mixture.tests import test_gaussian_mixture as theirs
from sklearn.mixture.tests import test_mixture
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)
from structures import OF_EACH_LAYOUT

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    EMMixtureClassifier,
    EMSurvivalCurve,
)
from emkit.models.laws.registry import LAWS
from emkit.numerics.covariance import NAMES

sklearn_version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


class GaussianMixture(EMGaussianMixture):
    """Under the name that scikit-learn's tests expect in messages."""


#: They test private functions of scikit-learn, or run on other array libraries.
PRIVATE = {
    "test_gaussian_mixture_precisions_init",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters",
    "test_gaussian_mixture_array_api_compliance",
    "test_gaussian_mixture_raises_where_array_api_not_implemented",
}


def uses_gaussian_mixture(function):
    return "GaussianMixture(" in inspect.getsource(function)


def public_tests():
    for name, function in vars(theirs).items():
        if name.startswith("test_") and name not in PRIVATE and uses_gaussian_mixture(function):
            yield name


@pytest.fixture(autouse=True)
def in_place_of_theirs(monkeypatch):
    monkeypatch.setattr(theirs, "GaussianMixture", GaussianMixture)


def arguments_of(function, request, dtype):
    """What the parametrisation of a test asks for: every combination of its marks."""
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    combinations = [{}]
    for mark in marks:
        names = [name.strip() for name in mark.args[0].split(",")] if isinstance(
            mark.args[0], str
        ) else list(mark.args[0])  # fmt: skip
        values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
        chosen = [dict(zip(names, value, strict=True)) for value in values]
        combinations = [{**one, **two} for one in combinations for two in chosen]
    parameters = inspect.signature(function).parameters
    fixtures = {"global_dtype": dtype, "global_random_seed": 42}
    given = {name: fixtures[name] for name in parameters if name in fixtures}
    if "monkeypatch" in parameters:
        given["monkeypatch"] = request.getfixturevalue("monkeypatch")
    return [{**one, **given} for one in combinations]


def in_every_precision():
    """Their tests, and those that ask for a precision in the other one too."""
    for name in sorted(public_tests()):
        asks = "global_dtype" in inspect.signature(getattr(theirs, name)).parameters
        for dtype in (np.float64, np.float32) if asks else (np.float64,):
            yield pytest.param(name, dtype, id=f"{dtype.__name__}-{name}")


@pytest.mark.parametrize(("name", "dtype"), list(in_every_precision()))
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_theirs(name, dtype, request):
    function = getattr(theirs, name)
    if name == "test_regularisation" and sklearn_version < (1, 7):
        pytest.skip("the message had another wording before scikit-learn 1.7")
    for arguments in arguments_of(function, request, dtype):
        function(**arguments)


def test_most_of_theirs_are_run():
    assert len(list(public_tests())) > 25


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_theirs_of_all_mixtures():
    test_mixture.test_gaussian_mixture_n_iter(GaussianMixture())
    test_mixture.test_mixture_n_components_greater_than_n_samples_error(GaussianMixture())


ESTIMATORS = [
    EMGaussianMixture(),
    *(EMGaussianMixture(2, covariance_type=name, max_iter=500) for name in OF_EACH_LAYOUT),
]
ESTIMATORS.append(EMGaussianMixture(noise=True))


def expected_to_fail(estimator):
    if estimator.n_components == 1 or estimator.covariance_type in ("tied", "EEI", "EII", "VVE"):
        return {}
    reason = "random starts; from means_init it is tested below"
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_to_fail)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_estimator_checks(estimator, check):
    check(estimator)


class FromFixedMeans(EMGaussianMixture):
    """The number of features is known only when the check shows its data."""

    def fit(self, X, y=None, sample_weight=None):
        means = np.random.default_rng(0).uniform(size=(2, np.shape(X)[1]))
        return self.set_params(means_init=means).fit_mixture(X, sample_weight=sample_weight)

    fit_mixture = EMGaussianMixture.fit


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_weights_are_repetitions_from_means_init(covariance_type):
    mixture = FromFixedMeans(2, covariance_type=covariance_type)
    check_sample_weight_equivalence_on_dense_data("FromFixedMeans", mixture)


# Grids of mixtures

GRIDS = [
    EMGaussianMixtureIC(max_components=2, n_init=1),
    EMGaussianMixtureIC(max_components=1),
    EMGaussianMixtureIC(1, 2, covariance_type=["full", "diag"], criterion="icl", n_init=1),
]


def expected_of_grids(estimator):
    return expected_to_fail(EMGaussianMixture(estimator.max_components))


@parametrize_with_checks(GRIDS, expected_failed_checks=expected_of_grids)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimator_checks_of_grids(estimator, check):
    check(estimator)


# Classifiers

CLASSIFIERS = [EMMixtureClassifier(covariance_type=name) for name in OF_EACH_LAYOUT]
FEWER = "sets n_components=1, fewer than there are classes, which is refused"
UNDER_THAT_RULE = {
    "check_dont_overwrite_parameters": FEWER,
    "check_fit2d_1feature": FEWER,
    "check_fit2d_predict1d": FEWER,
    "check_methods_sample_order_invariance": FEWER,
    "check_methods_subset_invariance": FEWER,
    "check_classifiers_classes": "has a class -1, unknown here as in sklearn.semi_supervised",
}


@parametrize_with_checks(CLASSIFIERS, expected_failed_checks=lambda classifier: UNDER_THAT_RULE)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_estimator_checks_of_classifiers(estimator, check):
    check(estimator)


class LabelSpreading(EMMixtureClassifier):
    """Under a name of which the checks know that -1 is no class, and with enough components."""

    def _classes_of_components(self, classes, codes):
        enough = clone(self).set_params(n_components=None)
        return EMMixtureClassifier._classes_of_components(enough, classes, codes)


@parametrize_with_checks(
    [LabelSpreading(), LabelSpreading(components_per_class=2, random_state=0)],
    expected_failed_checks=lambda classifier: (
        {"check_sample_weight_equivalence_on_dense_data": "random starts"}
        if classifier.components_per_class > 1
        else {}
    ),
)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_estimator_check_of_classifiers(estimator, check):
    check(estimator)


# Imputers


def dense_imputation():
    return [name for name in vars(of_imputers) if name.startswith("test_") and "sparse" not in name]


@pytest.mark.parametrize("name", dense_imputation())
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_theirs_of_imputers(name, request):
    function = getattr(of_imputers, name)
    for arguments in arguments_of(function, request, np.float64):
        # They run on each of their imputers in turn: take the place of one.
        if isinstance(arguments["imputer"], SimpleImputer):
            function(**{**arguments, "imputer": clone(EMImputer())})


def test_most_of_theirs_of_imputers_are_run():
    assert len(dense_imputation()) >= 6
    for name in dense_imputation():
        marks = getattr(of_imputers, name).pytestmark
        (imputers,) = (mark.args[1] for mark in marks if mark.args[0] == "imputer")
        assert any(isinstance(imputer, SimpleImputer) for imputer in imputers)


IMPUTERS = [
    EMImputer(),
    EMImputer(2, covariance_type="diag"),
    EMImputer(shrinkage=0.0),
    EMImputer(sample_posterior=True, random_state=0),
]


@parametrize_with_checks(IMPUTERS)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_estimator_checks_of_imputers(estimator, check):
    check(estimator)


# Censored regression

REGRESSORS = [
    EMCensoredRegressor(),
    EMCensoredRegressor(alpha=1.0),
    EMCensoredRegressor(fit_intercept=False),
    *(EMCensoredRegressor(distribution=name) for name in LAWS if not LAWS[name].link.positive),
]
CURVES = [EMSurvivalCurve()]
WITHOUT_Y = "calls score_samples(X); the likelihood of a response needs y (predict is tested below)"


@parametrize_with_checks(
    REGRESSORS + CURVES,
    expected_failed_checks=lambda regressor: {
        "check_methods_subset_invariance": WITHOUT_Y,
        "check_methods_sample_order_invariance": WITHOUT_Y,
    },
)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_estimator_checks_of_regressors(estimator, check):
    check(estimator)


@pytest.mark.parametrize("regressor", REGRESSORS, ids=str)
def test_each_row_is_predicted_by_itself(regressor):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    regressor = clone(regressor).fit(X, y)
    rows = rng.permutation(30)
    methods = ["predict", "predict_quantile", "predict_interval"]
    for method in (getattr(regressor, name) for name in methods):
        whole = method(X)
        assert_allclose(method(X[rows]), whole[rows], atol=1e-12)
        assert_allclose(np.concatenate([method(x[None]) for x in X]), whole, atol=1e-12)
    whole = regressor.score_samples(X, y)
    assert_allclose(regressor.score_samples(X[rows], y[rows]), whole[rows], atol=1e-12)
    singles = [regressor.score_samples(x[None], [t]) for x, t in zip(X, y, strict=True)]
    assert_allclose(np.concatenate(singles), whole, atol=1e-12)
