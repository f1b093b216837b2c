"""What is kept of a fitted estimator, by pickle, skops and scikit-learn's own class."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.mixture import GaussianMixture

import emkit
from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    EMMixtureClassifier,
    EMSurvivalCurve,
    MixturePrior,
    censored_target,
)
from emkit.exceptions import DataWarning, VersionWarning
from emkit.numerics.covariance import STRUCTURES

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(0, 1, (60, 3)), RNG.normal(5, 2, (40, 3))])
HOLES = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
Y = censored_target(np.minimum(X[:, 0], 3.0), event=X[:, 0] <= 3.0)
#: Classes of some rows, and rows of which the last column is words.
CLASSES = np.where(RNG.random(100) < 0.5, np.arange(100) // 60, -1)
WORDS = np.column_stack([HOLES[:, :2].astype(object), np.array(["hi", "lo"])[np.arange(100) // 50]])


def mixture(**arguments):
    return EMGaussianMixture(2, random_state=0, **arguments)


#: Fitted estimators of every kind, and what each is used for.
FITTED = {
    "mixture": lambda: mixture().fit(X),
    "incomplete": lambda: mixture(covariance_type="EEV").fit(HOLES),
    "prior": lambda: mixture(prior="mclust").fit(X),
    "own prior": lambda: mixture(prior=MixturePrior(mean_precision=0.1)).fit(X),
    "search": lambda: mixture(search="genetic").fit(X),
    "columns left out": lambda: mixture().fit(np.column_stack([HOLES[:, :2], HOLES[:, 0]])),
    "held batch": lambda: mixture().partial_fit(HOLES[:4]),
    "stream": lambda: mixture(average=True).partial_fit(X[::2]).partial_fit(X[1::2]),
    "failed start": lambda: mixture(reg_covar=0.0, n_init=3, init_params="random").fit(X),
    "grid": lambda: EMGaussianMixtureIC(max_components=2, n_init=1, random_state=0).fit(X),
    "grid, columns left out": lambda: EMGaussianMixtureIC(
        max_components=2, n_init=1, random_state=0
    ).fit(np.column_stack([HOLES[:, :2], HOLES[:, 0]])),
    "classifier": lambda: EMMixtureClassifier(3, random_state=0).fit(HOLES, CLASSES),
    "classifier of categories": lambda: EMMixtureClassifier(
        components_per_class=2, prior="mclust", random_state=0, categorical_features=[2]
    ).fit(WORDS, np.array(["a", "b", None], dtype=object)[CLASSES]),
    "imputer": lambda: EMImputer().fit(HOLES),
    "imputer of two": lambda: EMImputer(2, random_state=0).fit(HOLES),
    "imputer's stream": lambda: EMImputer().partial_fit(HOLES[::2]).partial_fit(HOLES[1::2]),
    "nothing to model": lambda: EMImputer(keep_empty_features=True).fit(np.full((4, 2), np.nan)),
    "regressor": lambda: EMCensoredRegressor().fit(X[:, 1:], Y),
    "shape": lambda: EMCensoredRegressor(distribution="student_t", df="estimate").fit(X[:, 1:], Y),
    "curve": lambda: EMSurvivalCurve().fit(X[:, 1:], Y),
    "unfitted": EMGaussianMixture,
}


@pytest.fixture(params=FITTED)
def estimator(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of collapse and empty columns: not the subject
        return FITTED[request.param]()


def with_skops(estimator):
    kept = skops.io.dumps(estimator)
    types = skops.io.get_untrusted_types(data=kept)
    assert len(types) <= 6, types
    return skops.io.loads(kept, trusted=types)


def with_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


WAYS = {
    "skops": with_skops,
    "joblib": with_joblib,
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


def answers(estimator):
    """All that a fitted estimator says of the data."""
    censored = isinstance(estimator, EMCensoredRegressor | EMSurvivalCurve)
    rows = HOLES if estimator.n_features_in_ == 3 else X[:, 1:]
    if getattr(estimator, "categorical_features", None) == [2]:
        rows = WORDS
    given = (rows, Y) if censored else (rows,)
    for name in ("predict", "predict_proba", "transform"):
        if hasattr(estimator, name):
            yield getattr(estimator, name)(rows)
    for name in ("score_samples", "impute"):
        if hasattr(estimator, name):
            yield getattr(estimator, name)(*given)
    if hasattr(estimator, "sample"):
        yield estimator.sample(5, random_state=0)[0]
    if hasattr(estimator, "partial_fit") and len(rows.T) == 3:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns that were left out
            yield copy.deepcopy(estimator).partial_fit(HOLES[:30]).score(HOLES)
    for run in getattr(estimator, "runs_", ()):
        yield run.history
    if hasattr(estimator, "mixture_"):
        yield estimator.mixture_.impute(rows)
        yield estimator.mixture_.sample(5, random_state=0)[0]


@pytest.mark.parametrize("way", WAYS)
def test_a_kept_estimator_answers_as_before(estimator, way):
    opened = WAYS[way](estimator)
    assert opened.get_params().keys() == estimator.get_params().keys()
    assert vars(opened).keys() == vars(estimator).keys()
    if not hasattr(estimator, "n_features_in_"):
        return
    pairs = list(zip(answers(estimator), answers(opened), strict=True))
    assert pairs
    for before, after in pairs:
        assert_array_equal(after, before)


def test_what_is_kept_holds_no_class_of_a_model(estimator):
    kept = pickle.dumps(estimator)
    for name in (b"GaussianMixtureModel", b"OnlineState", b"Structure", b"StopReason"):
        assert name not in kept


def test_the_version_is_kept_and_another_is_told(estimator):
    state = estimator.__getstate__()
    assert state["_emkit_version"] == emkit.__version__
    with pytest.warns(VersionWarning, match=r"kept by emkit 99\.0 and is opened by"):
        type(estimator)().__setstate__({**state, "_emkit_version": "99.0"})
    del state["_emkit_version"]
    with pytest.warns(VersionWarning, match="did not say"):
        type(estimator)().__setstate__(state)


def test_the_state_given_stays_as_it_is(estimator):
    state = estimator.__getstate__()
    before = dict(state)
    type(estimator)().__setstate__(state)
    assert state == before or all(state[name] is before[name] for name in before)


# scikit-learn's own class


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scikit_learns_mixture_is_the_same(covariance_type, dtype):
    rows = X.astype(dtype)
    ours = mixture(covariance_type=covariance_type).fit(rows)
    theirs = ours.to_sklearn()
    assert type(theirs) is GaussianMixture
    tolerance = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 2e-4}
    rows = rows.astype(np.float64)
    assert_allclose(theirs.score_samples(rows), ours.score_samples(rows), **tolerance)
    assert_allclose(theirs.predict_proba(rows), ours.predict_proba(rows), atol=1e-4, rtol=1e-4)
    assert_array_equal(theirs.predict(rows), ours.predict(rows))
    assert theirs.means_.dtype == np.float64 and not np.shares_memory(theirs.means_, ours.means_)
    assert theirs.converged_ == ours.converged_ and theirs.n_iter_ == ours.n_iter_
    if STRUCTURES[covariance_type].closed and covariance_type in ("full", "tied", "diag"):
        assert_allclose(theirs.bic(rows), ours.bic(rows), rtol=1e-5)
    theirs.sample(3)


#: A column that is left out of the fit, by the others.
LEFT_OUT = {
    "copy": lambda rows: rows[:, 0],
    "sum": lambda rows: 1e3 * rows.sum(axis=1),
    "constant": lambda rows: np.full(len(rows), 7.0),
}


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.parametrize("extra", LEFT_OUT)
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_scikit_learns_mixture_labels_as_one_that_left_columns_out(
    covariance_type, extra, reg_covar
):
    ours = EMGaussianMixture(
        3, covariance_type=covariance_type, reg_covar=reg_covar, random_state=0
    )
    rows = np.column_stack([X, LEFT_OUT[extra](X)])
    with pytest.warns(DataWarning, match="criteria are those of the other columns"):
        theirs = ours.fit(rows).to_sklearn()
    assert_allclose(theirs.predict_proba(rows), ours.predict_proba(rows), atol=1e-6)
    assert_array_equal(theirs.predict(rows), ours.predict(rows))


def test_the_best_of_a_grid_is_scikit_learns_too():
    grid = FITTED["grid"]()
    assert_array_equal(grid.to_sklearn().predict(X), grid.predict(X))


def test_scikit_learns_mixture_takes_a_component_without_rows():
    with pytest.warns(DataWarning, match="have no rows"):
        ours = mixture(resp_init=np.zeros(len(X), dtype=int)).fit(X)
    assert_allclose(ours.to_sklearn().score_samples(X), ours.score_samples(X), rtol=1e-9)


def test_names_of_columns_come_along():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    theirs = mixture().fit(frame).to_sklearn()
    assert list(theirs.feature_names_in_) == ["a", "b", "c"]
    assert_array_equal(theirs.predict(frame), mixture().fit(frame).predict(frame))


@pytest.mark.parametrize("covariance_type", STRUCTURES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the converter and its formats
def test_converted_to_onnx_in_double_precision(covariance_type):
    skl2onnx = pytest.importorskip("skl2onnx")
    from onnx.reference import ReferenceEvaluator

    ours = mixture(covariance_type=covariance_type).fit(X)
    graph = skl2onnx.to_onnx(ours.to_sklearn(), X[:1], options={"score_samples": True})
    labels, probabilities, log_density = ReferenceEvaluator(graph).run(None, {"X": X})
    assert_array_equal(np.ravel(labels), ours.predict(X))
    assert_allclose(probabilities, ours.predict_proba(X), atol=1e-10)
    assert_allclose(np.ravel(log_density), ours.score_samples(X), atol=1e-10)
