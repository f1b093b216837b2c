"""A classifier by a Gaussian mixture, of rows of which the class may be unknown."""

import pickle
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import EMGaussianMixture, EMGaussianMixtureIC, EMMixtureClassifier
from emkit.engine.acceleration import ACCELERATIONS
from emkit.exceptions import DataWarning
from emkit.numerics.covariance import NAMES

each_structure = pytest.mark.parametrize("name", NAMES)
X, SPECIES = load_iris(return_X_y=True)
SOME = np.where(np.random.default_rng(0).random(150) < 0.7, -1, SPECIES)
TEXTS = np.array(["setosa", "versicolor", "virginica"], dtype=object)


def texts(unknown):
    """The classes as texts, with an object for those that are unknown."""
    y = TEXTS[SPECIES]
    y[SOME < 0] = unknown
    return y


# Discriminant analysis


def test_tied_covariances_are_linear_discriminant_analysis():
    for X, y in (load_iris(return_X_y=True), load_wine(return_X_y=True)):
        ours = EMMixtureClassifier(covariance_type="tied", reg_covar=0.0).fit(X, y)
        theirs = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(X, y)
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-10)
        assert_allclose(ours.mixture_.covariances_, theirs.covariance_, rtol=1e-10)


def test_each_class_is_as_high_as_by_mclustda(golden):
    """The same with one component a class; with two, the best of some starts is higher."""
    banknote = np.array(golden("selection_mclust.json")["banknote"]["X"])
    tables = {"banknote": (banknote, np.repeat([0, 1], 100)), "iris": (X, SPECIES)}
    for case in golden("mclustda.json")["cases"]:
        rows, y = tables[case["data"]]
        classifier = EMMixtureClassifier(
            components_per_class=case["G"],
            covariance_type=case["model"],
            reg_covar=0.0,
            tol=1e-8,
            n_init=10,
            random_state=0,
        ).fit(rows, y)
        shares = np.bincount(y) / len(y)
        ours = classifier.mixture_.lower_bound_ * len(y) - np.log(shares[y]).sum()
        theirs = sum(case["log_likelihoods"])
        if case["G"] == 1:
            assert ours == pytest.approx(theirs, abs=1e-5)
        else:
            assert ours > theirs + 1.0


def test_full_covariances_are_quadratic_discriminant_analysis_by_maximum_likelihood():
    ours = EMMixtureClassifier(reg_covar=0.0).fit(X, SPECIES)
    theirs = QuadraticDiscriminantAnalysis(store_covariance=True).fit(X, SPECIES)
    for k in range(3):
        covariance = np.cov(X[SPECIES == k].T, bias=True)
        assert_allclose(ours.mixture_.covariances_[k], covariance)
        # Theirs divides by one row less, depending on the version.
        ratio = theirs.covariance_[k] / covariance
        assert_allclose(ratio, 1.0 if abs(ratio[0, 0] - 1.0) < 1e-6 else 50.0 / 49.0)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    if abs(ratio[0, 0] - 1.0) < 1e-6:
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


@each_structure
def test_with_every_class_known_the_likelihood_is_that_of_the_groups(name):
    ours = EMMixtureClassifier(covariance_type=name, reg_covar=0.0, tol=1e-8, max_iter=1000)
    ours.fit(X, SPECIES)
    assert ours.converged_ and ours.n_iter_ < 100
    joint = ours.mixture_.score_samples(X) + ours.predict_log_proba(X)[np.arange(150), SPECIES]
    assert_allclose(ours.lower_bound_, joint.mean(), rtol=1e-10)
    for k in range(3):
        assert_allclose(ours.mixture_.means_[k], X[SPECIES == k].mean(axis=0))


def test_several_components_a_class_are_a_mixture_of_each():
    """Full covariances share nothing: the fit to all classes is one mixture for each."""
    rng = np.random.default_rng(0)
    of = np.arange(400) % 4
    X = 8.0 * np.array([[0, 0], [3, 0], [1, 0], [2, 0]])[of] + rng.normal(size=(400, 2))
    y = of // 2  # each class in two places, which take turns
    classifier = EMMixtureClassifier(components_per_class=2, random_state=0, reg_covar=0.0)
    classifier.set_params(tol=1e-10, max_iter=1000).fit(X, y)
    assert classifier.score(X, y) > 0.99
    assert EMMixtureClassifier(covariance_type="tied").fit(X, y).score(X, y) < 0.8
    total = 0.0
    for c in range(2):
        mixture = EMGaussianMixture(2, random_state=0, reg_covar=0.0, tol=1e-10, max_iter=1000)
        total += 200.0 * (mixture.fit(X[y == c]).lower_bound_ + np.log(0.5))
    assert_allclose(classifier.lower_bound_ * 400.0, total, rtol=1e-8)
    uneven = clone(classifier).set_params(components_per_class={1: 3}).fit(X, y)
    assert_array_equal(uneven.component_classes_, [0, 1, 1, 1])


# Rows of unknown class


@each_structure
def test_rows_of_unknown_class_count(name):
    classifier = EMMixtureClassifier(covariance_type=name, random_state=0).fit(X, SOME)
    assert classifier.score(X, SPECIES) > 0.8
    assert_allclose(classifier.predict_proba(X).sum(axis=1), 1.0)
    history = classifier.mixture_.history_
    assert (np.diff(history) >= -1e-12).all()
    anchored = EMGaussianMixture(3, covariance_type=name, tol=1e-8, max_iter=1000)
    anchored.set_params(means_init=classifier.mixture_.means_)
    assert anchored.fit(X, labels=SOME).lower_bound_ > classifier.lower_bound_ - 0.05


def test_they_help_where_classes_are_normal():
    """With six labels of twenty columns; over draws, as a single one may go either way."""
    gains = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        of = np.arange(600) % 3
        X = rng.normal(size=(3, 5))[of] * 2.0 + rng.normal(size=(600, 5))
        y = np.full(600, -1)
        y[:9] = of[:9]
        both = EMMixtureClassifier(covariance_type="tied").fit(X, y).score(X, of)
        alone = EMMixtureClassifier(covariance_type="tied").fit(X[:9], y[:9]).score(X, of)
        gains.append(both - alone)
    assert np.mean(gains) > 0.02


def test_few_labels_are_enough_where_classes_are_normal():
    # Covariances of 13 columns, of eight rows with a label each.
    wine, kind = load_wine(return_X_y=True)
    wine, accuracies = StandardScaler().fit_transform(wine), []
    for seed in range(5):
        rng, y = np.random.default_rng(seed), np.full(len(kind), -1)
        for c in range(3):
            y[rng.choice(np.flatnonzero(kind == c), 8, replace=False)] = c
        accuracies.append(EMMixtureClassifier().fit(wine, y).score(wine, kind))
    assert np.mean(accuracies) > 0.97


@pytest.mark.parametrize(
    "y",
    [
        texts(None),
        texts(np.nan),
        texts(-1),
        texts(None).tolist(),
        texts(np.nan).tolist(),
        np.where(SOME < 0, np.nan, SOME),
        np.where(SOME < 0, None, SOME),
        np.where(SOME < 0, None, SOME).tolist(),
        np.ma.array(SPECIES, mask=SOME < 0),
        SOME.reshape(-1, 1).ravel().astype(np.int8),
    ],
    ids=lambda y: type(y).__name__,
)
def test_whatever_says_that_a_class_is_unknown(y):
    one, two = EMMixtureClassifier().fit(X, SOME), EMMixtureClassifier().fit(X, y)
    assert_array_equal(two.predict_proba(X), one.predict_proba(X))
    names = TEXTS if two.classes_.dtype.kind == "O" else np.arange(3)
    assert_array_equal(two.classes_, names)
    assert_array_equal(two.predict(X), names[one.predict(X)])
    assert two.score(X, y) == one.score(X, SOME)


def test_frames_and_series():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    proba = EMMixtureClassifier().fit(X, SOME).predict_proba(X)
    names = ["a", "b", "c", "d"]
    unknown = np.where(SOME < 0, None, SOME).tolist()
    for frame, series in [
        (pd.DataFrame(X, columns=names), pd.Series(unknown, dtype="Int64")),
        (pd.DataFrame(X, columns=names), pd.Series(texts(None), dtype="category")),
        (pd.DataFrame(X, columns=names), pd.Series(texts(None), dtype="string")),
        (pl.DataFrame(X, schema=names), pl.Series(unknown)),
        (pl.DataFrame(X, schema=names), pl.Series(texts(None).tolist())),
    ]:
        classifier = EMMixtureClassifier().fit(frame, series)
        assert_allclose(classifier.predict_proba(frame), proba, atol=1e-12)
        assert list(classifier.feature_names_in_) == names


# Classes that nobody has seen


def test_a_class_that_nobody_has_seen_is_found_and_named():
    y = np.where(SPECIES == 2, -1, np.where(np.arange(150) % 5, -1, SPECIES))
    classifier = EMMixtureClassifier(3, random_state=0).fit(X, y)
    assert_array_equal(classifier.classes_, [0, 1, 2])
    assert classifier.score(X, SPECIES) > 0.95
    named = EMMixtureClassifier(3, random_state=0)
    named.fit(X, np.where(y < 0, None, TEXTS[y]))
    assert named.classes_.tolist() == ["setosa", "versicolor", "new_1"]
    assert_array_equal(named.predict_proba(X), classifier.predict_proba(X))


def test_names_of_new_classes_are_not_taken():
    y = texts(None)
    y[SOME == 1] = "new_1"
    classifier = EMMixtureClassifier(5, random_state=0, prior="mclust").fit(X, y)
    assert classifier.classes_.tolist() == ["new_1", "setosa", "virginica", "new_2", "new_3"]
    assert classifier.predict_proba(X).shape == (150, 5)
    assert set(classifier.predict(X)) <= set(classifier.classes_)


@pytest.mark.parametrize(
    ("first", "second", "new"),
    [
        (np.uint64(0), np.uint64(1), 2),
        (np.int8(0), np.int8(127), 128),
        (0, 2**63 - 1, 2**63),
        (np.float32(0), np.float32(1), 2.0),
        (np.datetime64("2026-01-01"), np.datetime64("2026-01-02"), np.datetime64("2026-01-03")),
    ],
)
def test_a_new_class_is_the_next_of_any_type(first, second, new):
    classes = np.array([first, second])
    y = classes[np.minimum(SPECIES, 1)].tolist()
    y = [None if species == 2 else name for name, species in zip(y, SPECIES, strict=True)]
    if classes.dtype.kind == "M":
        y = np.array(y, dtype=classes.dtype)  # NaT where it is unknown
    found = EMMixtureClassifier(3, random_state=0).fit(X, y)
    assert_array_equal(found.classes_, [first, second, new])
    assert found.classes_.dtype.kind in "iufM"
    assert (found.predict(X) == found.classes_[SPECIES]).mean() > 0.9


def test_one_class_and_those_that_are_not_of_it():
    y = np.where((SPECIES == 0) & (np.arange(150) % 2 == 0), 1, -1)
    with pytest.raises(ValueError, match="one class alone, 1, beside unknown"):
        EMMixtureClassifier().fit(X, y)
    classifier = EMMixtureClassifier(2, random_state=0).fit(X, y)
    assert_array_equal(classifier.predict(X) == 1, SPECIES == 0)


# As any classifier


@each_structure
def test_weights_are_repeated_rows(name):
    weights = np.random.default_rng(1).integers(0, 4, 150)
    classifier = EMMixtureClassifier(covariance_type=name, tol=1e-9, max_iter=2000)
    weighted = clone(classifier).fit(X, SOME, sample_weight=weights)
    repeated = clone(classifier).fit(X.repeat(weights, axis=0), SOME.repeat(weights))
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-7)
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3)


def test_missing_cells():
    rng = np.random.default_rng(2)
    holes = np.where(rng.random(X.shape) < 0.15, np.nan, X)
    for y in (SOME, SPECIES):
        classifier = EMMixtureClassifier(covariance_type="tied", random_state=0).fit(holes, y)
        assert classifier.score(holes, SPECIES) > 0.88
    nothing = classifier.predict_proba(np.full((1, 4), np.nan))
    assert_allclose(nothing[0], classifier.mixture_.weights_)


def test_a_structure_is_chosen_by_cross_validation():
    names = ["spherical", "diag", "tied", "full"]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), EMMixtureClassifier()),
        {"emmixtureclassifier__covariance_type": names},
    ).fit(X, SOME)
    assert search.best_params_["emmixtureclassifier__covariance_type"] in {"tied", "full"}
    assert search.score(X, SPECIES) > 0.95
    assert cross_val_score(EMMixtureClassifier(), X, SPECIES, scoring="neg_log_loss").mean() > -0.2


def test_accuracy_is_of_rows_whose_class_is_known():
    classifier = EMMixtureClassifier(covariance_type="spherical").fit(X, SOME)
    known = SOME >= 0
    right = classifier.predict(X)[known] == SPECIES[known]
    assert classifier.score(X, SOME) == right.mean()
    weights = np.arange(150.0)
    assert_allclose(
        classifier.score(X, SOME, sample_weight=weights), np.average(right, weights=weights[known])
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(7), "sample_weight"),
        (-np.ones(150), "[Nn]egative"),
        ((SOME < 0).astype(float), "rows whose class is known"),
    ],
)
def test_weights_of_a_score_are_checked(weights, message):
    with pytest.raises(ValueError, match=message):
        EMMixtureClassifier().fit(X, SOME).score(X, SOME, sample_weight=weights)


def test_log_probabilities_where_probabilities_are_zero():
    classifier = EMMixtureClassifier().fit(X, SPECIES)
    far = classifier.predict_log_proba(X + 100.0)
    assert np.isfinite(far).all() and (far.min(axis=1) < -800.0).all()
    assert_allclose(classifier.predict_log_proba(X), np.log(classifier.predict_proba(X)), atol=1e-9)


@pytest.mark.parametrize("acceleration", [None, *ACCELERATIONS])
def test_accelerations_agree(acceleration):
    classifier = EMMixtureClassifier(tol=1e-10, max_iter=2000, acceleration=acceleration)
    plain = clone(classifier).set_params(acceleration=None).fit(X, SOME)
    assert_allclose(classifier.fit(X, SOME).lower_bound_, plain.lower_bound_, rtol=1e-7)


def test_restarts_and_processes():
    classifier = EMMixtureClassifier(5, components_per_class={1: 2}, n_init=4, random_state=0)
    classifier.set_params(prior="mclust")
    alone = clone(classifier).fit(X, SOME)
    shared = clone(classifier).set_params(n_jobs=2).fit(X, SOME)
    assert_allclose(shared.predict_proba(X), alone.predict_proba(X), atol=1e-9)
    assert alone.lower_bound_ >= clone(classifier).set_params(n_init=1).fit(X, SOME).lower_bound_


def test_single_precision_and_kept_estimators():
    classifier = EMMixtureClassifier().fit(X, SOME)
    single = EMMixtureClassifier().fit(X.astype(np.float32), SOME)
    assert_allclose(
        single.predict_proba(X.astype(np.float32)), classifier.predict_proba(X), atol=1e-3
    )
    opened = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(opened.predict_proba(X), classifier.predict_proba(X))
    assert not hasattr(clone(classifier), "mixture_")


@pytest.mark.parametrize("put", ["map", "blocks", "dask"], indirect=True)
def test_rows_to_predict_may_lie_anywhere(put):
    classifier = EMMixtureClassifier().fit(X, SOME)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        found = np.asarray(getattr(classifier, method)(put(X)))
        assert_allclose(found, getattr(classifier, method)(X))


# What is refused

WRONG = {
    "regression": (SPECIES + 0.5, {}, "Unknown label type: continuous"),
    "infinity": (np.where(SPECIES, 1.0, np.inf), {}, "y holds infinity"),
    "none at all": (None, {}, "requires y to be passed, but the target y is None"),
    "length": (SPECIES[:10], {}, "one label for each row of X.* Got 10 label.* 150 row"),
    "nothing known": (np.full(150, -1), {}, "knows the class of no row"),
    "nothing known, as NaN": (np.full(150, np.nan), {}, "knows the class of no row"),
    "mixed": (["a", 1] * 75, {}, "mixes texts and numbers"),
    "a text of -1": (np.array(["a", -1, "b"] * 50), {}, "array of texts that holds '-1'"),
    "few components": (SPECIES, {"n_components": 2}, "n_components=2 is below the 3 components"),
    "no row left": (SPECIES, {"n_components": 4}, r"can be of component\(s\) 3"),
    "no such class": (SPECIES, {"components_per_class": {7: 2}}, "names 7, which is no class"),
    "no count": (SPECIES, {"components_per_class": {1: 0}}, "for class 1. Got 0"),
    "few rows": (
        np.where(np.arange(150) == 0, 3, SPECIES),
        {"components_per_class": 2},
        "gives 2 components to class 3, of which y has 1 sample",
    ),
}


@pytest.mark.parametrize(("y", "arguments", "message"), WRONG.values(), ids=WRONG)
def test_what_is_refused(y, arguments, message):
    with pytest.raises(ValueError, match=message):
        EMMixtureClassifier(**arguments).fit(X, y)


def test_a_class_of_which_no_row_counts():
    weights = (SPECIES != 1).astype(float)
    with pytest.raises(ValueError, match=r"No row of class\(es\) versicolor counts"):
        EMMixtureClassifier().fit(X, texts(None), sample_weight=weights)
    holes = np.where(SPECIES[:, None] == 1, np.nan, X)
    with pytest.raises(ValueError, match=r"No row of class\(es\) 1 counts"):
        EMMixtureClassifier().fit(holes, SPECIES)


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("far", [1e8, 1e12])
@pytest.mark.parametrize("name", NAMES)
def test_one_row_that_is_far_off_leaves_a_fit(name, far):
    rows = X.copy()
    rows[0, :2] = far, -0.3 * far
    classifier = EMMixtureClassifier(covariance_type=name).fit(rows, SPECIES)
    assert np.isfinite(classifier.lower_bound_)
    assert_allclose(classifier.predict_proba(rows).sum(axis=1), 1.0)


@pytest.mark.parametrize("put", ["dask", "blocks"], indirect=True)
def test_a_fit_is_of_rows_in_memory(put):
    with pytest.raises(ValueError, match="y has a label for each row of X, and X is read block"):
        EMMixtureClassifier().fit(put(X), SPECIES)


def test_a_class_of_one_row_is_told_of():
    y = np.where(np.arange(150) == 0, 3, SPECIES)
    with pytest.warns(DataWarning, match=r"component\(s\) \[3\] is singular but for reg_covar"):
        EMMixtureClassifier().fit(X, y)


@pytest.mark.parametrize(
    "make",
    [
        lambda X: EMMixtureClassifier().fit(X, SPECIES[: len(X)]),
        lambda X: EMGaussianMixtureIC(max_components=2, covariance_type="full").fit(X),
    ],
    ids=["classifier", "grid"],
)
@pytest.mark.parametrize("of_categories", [False, True])
def test_messages_name_the_class_that_was_called(make, of_categories):
    """They named EMGaussianMixture, to which it delegates."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    if of_categories:
        frame["d"] = np.where(frame["d"] > 1.0, "wide", "slim")
    fitted = make(frame)
    name = type(fitted).__name__
    with pytest.warns(UserWarning, match=f"valid feature names, but {name} was fitted"):
        fitted.predict(frame.to_numpy())
    short = frame.iloc[:, :2].set_axis([0, 1], axis=1)
    with (
        pytest.warns(UserWarning) if not of_categories else nullcontext(),
        pytest.raises(ValueError, match=f"X has 2 features, but {name} is expecting 4"),
    ):
        fitted.predict_proba(short)
    with pytest.raises(ValueError, match=f"minimum of 2 is required by {name}"):
        make(frame[:1])
    kept = getattr(fitted, "mixture_", None) or fitted.best_estimator_
    assert type(kept) is EMGaussianMixture
