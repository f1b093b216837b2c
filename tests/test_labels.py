"""Mixtures of which the components of some rows are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from structures import dense

from emkit import EMGaussianMixture
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.search import SEARCHES
from emkit.exceptions import DataWarning
from emkit.models.labels import Labels
from emkit.models.rows import BLOCK_ROWS, Rows
from emkit.numerics.covariance import NAMES, STRUCTURES

each_structure = pytest.mark.parametrize("name", NAMES)
SEEDS = st.integers(0, 10**6)
few = settings(max_examples=5, deadline=None, derandomize=True)


def clusters(n=240, d=3, K=3, seed=0, apart=2.5, known=0.15):
    """Rows, the components they were drawn from, and labels of some of them."""
    rng = np.random.default_rng(seed)
    of = np.arange(n) % K
    roots = rng.normal(size=(K, d, d)) / np.sqrt(2 * d) + 0.6 * np.eye(d)
    X = apart * rng.normal(size=(K, d))[of] + np.einsum(
        "nij,nj->ni", roots[of], rng.normal(size=(n, d))
    )
    return X, of, np.where(rng.random(n) < known, of, -1)


def log_likelihood(mixture, X, labels):
    """Of rows with a label in their component, of the others in any."""
    joint = np.empty((len(X), len(mixture.weights_)))
    d = X.shape[1]
    covariances = dense(mixture.covariance_type, mixture.covariances_, len(mixture.weights_), d)
    parts = zip(mixture.weights_, mixture.means_, covariances, strict=True)
    for k, (weight, mean, covariance) in enumerate(parts):
        squares = ((X - mean) * np.linalg.solve(covariance, (X - mean).T).T).sum(axis=1)
        log_det = np.linalg.slogdet(2.0 * np.pi * covariance)[1]
        joint[:, k] = np.log(weight) - 0.5 * (squares + log_det)
    whole = np.logaddexp.reduce(joint, axis=1)
    return np.where(labels >= 0, joint[np.arange(len(X)), labels], whole)


# The reference answers


def cases(golden):
    kept = golden("semi_supervised.json")
    X = np.array(golden("mixture.json")["datasets"]["iris"]["X"], float)
    labels = np.array(kept["labels"]["iris"])
    return X, labels, [case for case in kept["cases"] if case["model"] in STRUCTURES]


@pytest.mark.parametrize("acceleration", [None, *ACCELERATIONS])
def test_the_answers_of_mclust(golden, acceleration):
    X, labels, some = cases(golden)
    resp = np.where(labels[:, None] >= 0, labels[:, None] == np.arange(3), 1.0 / 3.0)
    assert len(some) >= 6
    for case in some:
        mixture = EMGaussianMixture(
            3,
            covariance_type=case["model"],
            reg_covar=0.0,
            tol=1e-13,
            max_iter=5000,
            resp_init=resp,
            acceleration=acceleration,
        ).fit(X, labels=labels)
        off = mixture.lower_bound_ * len(X) - case["loglik"]
        if (case["model"], acceleration) == ("EVE", "louis"):
            continue  # its first long step leads to another maximum, 2 nats lower
        if case["model"] == "VVE":  # of which a higher maximum may be found
            assert off > -1e-6
            continue
        assert abs(off) < 1e-6
        if "means" in case:
            assert_allclose(mixture.means_, case["means"], atol=1e-5 * X.std())
            assert_allclose(mixture.weights_, case["weights"], atol=1e-5)
        wrong = (mixture.predict(X) != np.repeat(np.arange(3), 50))[labels < 0].sum()
        assert wrong == case["errors_unlabelled"]


def test_the_default_start_ends_no_lower_than_mclust(golden):
    X, labels, some = cases(golden)
    for case in some:
        mixture = EMGaussianMixture(
            3, covariance_type=case["model"], reg_covar=0.0, tol=1e-10, max_iter=5000
        ).fit(X, labels=labels)
        assert mixture.lower_bound_ * len(X) > case["loglik"] - 1e-6


# Laws


@each_structure
@few
@given(seed=SEEDS)
def test_the_objective_is_the_likelihood_of_labels_and_rows(name, seed):
    X, _, labels = clusters(seed=seed, n=150)
    mixture = EMGaussianMixture(3, covariance_type=name, reg_covar=0.0, random_state=0, tol=1e-2)
    mixture.fit(X, labels=labels)
    told = log_likelihood(mixture, X, labels).mean()
    assert_allclose(mixture.lower_bound_, told, rtol=1e-9)
    assert (np.diff(mixture.history_) >= -1e-12).all()


@each_structure
def test_where_all_labels_are_known_it_is_the_estimate_of_each_group(name):
    X, of, _ = clusters()
    mixture = EMGaussianMixture(3, covariance_type=name, reg_covar=0.0, tol=1e-9)
    mixture.set_params(max_iter=1000).fit(X, labels=of)
    for k in range(3):
        assert_allclose(mixture.means_[k], X[of == k].mean(axis=0), rtol=1e-9)
    assert_allclose(mixture.weights_, 1.0 / 3.0)
    centred = X - mixture.means_[of]
    scatter = np.array([centred[of == k].T @ centred[of == k] for k in range(3)])
    layout, structure = STRUCTURES[name].layout, STRUCTURES[name]
    total = scatter.sum(axis=0) if layout.shared else scatter
    variances = np.diagonal(total, axis1=-2, axis2=-1)
    in_shape = {0: variances.sum(axis=-1), 1: variances, 2: total}[layout.ndim]
    counts = layout.counts(np.full(3, 80.0), 3)
    estimate = structure.estimate(in_shape, counts, mixture.covariances_)
    assert_allclose(mixture.covariances_, estimate, rtol=1e-5, atol=1e-9)


def test_labels_all_unknown_but_one_name_the_components():
    X, of, _ = clusters(apart=4.0)
    for anchor in range(3):
        labels = np.full(len(X), -1)
        labels[anchor] = (of[anchor] + 1) % 3
        mixture = EMGaussianMixture(3, random_state=0).fit(X, labels=labels)
        free = EMGaussianMixture(3, random_state=0, n_init=3).fit(X)
        assert mixture.predict(X)[anchor] == labels[anchor]
        assert abs(mixture.score(X) - free.score(X)) < 0.02


@pytest.mark.parametrize("name", ["full", "tied"])
def test_weights_are_repeated_rows(name):
    X, _, labels = clusters()
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    start = {"resp_init": None, "means_init": X[:3]}
    mixture = EMGaussianMixture(3, covariance_type=name, tol=1e-9, max_iter=1000, **start)
    weighted = clone(mixture).fit(X, sample_weight=weights, labels=labels)
    repeated = clone(mixture).fit(X.repeat(weights, axis=0), labels=labels.repeat(weights))
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-6)
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-10)


@each_structure
def test_missing_cells_with_labels(name):
    X, of, labels = clusters(n=400, known=0.3, apart=4.0)
    holes = np.where(np.random.default_rng(2).random(X.shape) < 0.15, np.nan, X)
    mixture = EMGaussianMixture(3, covariance_type=name, random_state=0, tol=1e-5, max_iter=1000)
    fitted = mixture.fit(holes, labels=labels)
    assert (np.diff(fitted.history_) >= -1e-12).all()
    assert np.mean(fitted.predict(holes) == of) > 0.85
    whole = clone(mixture).fit(X, labels=labels)
    assert_allclose(fitted.means_, whole.means_, atol=0.5)


@pytest.mark.parametrize(
    ("search", "algorithm"),
    [(search, "em") for search in SEARCHES] + [("restarts", "cem"), ("restarts", "sem")],
)
def test_forms_and_searches_keep_to_the_labels(search, algorithm):
    X, of, labels = clusters(known=0.3, apart=4.0)
    mixture = EMGaussianMixture(3, search=search, algorithm=algorithm, n_init=3, random_state=0)
    assert np.mean(mixture.fit(X, labels=labels).predict(X) == of) > 0.95


def test_a_column_that_follows_from_others_and_rows_that_do_not_count():
    X, _, labels = clusters()
    more = np.column_stack([X, X.sum(axis=1), np.ones(len(X))])
    more = np.vstack([more, np.full((2, 5), np.nan)])
    told = np.append(labels, [0, 1])
    mixture = EMGaussianMixture(3, random_state=0, reg_covar=0.0)
    with pytest.warns(DataWarning, match="follow from others"):
        wide = clone(mixture).fit(more, labels=told)
    plain = mixture.fit(X, labels=labels)
    assert_allclose(wide.means_[:, :3], plain.means_, rtol=1e-4, atol=1e-6)


def test_long_data_in_parts_and_from_a_sample():
    n = 2 * BLOCK_ROWS + 10
    X, of, _ = clusters(n=n, d=2, apart=5.0)
    labels = np.full(n, -1)
    labels[:6] = of[:6]  # a sample would hardly have them
    mixture = EMGaussianMixture(3, covariance_type="diag", random_state=0)
    alone = clone(mixture).fit(X, labels=labels)
    assert np.mean(alone.predict(X) == of) > 0.95
    parts = clone(mixture).set_params(n_jobs=2).fit(X, labels=labels)
    assert_allclose(parts.means_, alone.means_, rtol=1e-8)


def test_rows_carry_their_labels():
    labels = Labels(np.array([0, -1, 1, 1]), np.arange(2))
    rows = Rows(np.zeros((4, 1)), labels=labels)
    assert_array_equal(rows.take(slice(1, 3)).labels.of_rows, [-1, 1])
    assert_array_equal(rows.take(np.array([3, 0])).labels.of_rows, [1, 0])
    joint = labels.restrict(np.zeros((3, 4)))  # with a row that is no component's, such as noise
    assert_array_equal(joint == 0.0, [[1, 1, 0, 0], [0, 1, 1, 1], [0, 1, 0, 0]])


# As an argument


def test_y_goes_on_being_ignored():
    X, of, _ = clusters()
    mixture = EMGaussianMixture(3, random_state=0)
    assert_array_equal(clone(mixture).fit(X, of).means_, clone(mixture).fit(X).means_)


def test_none_and_nan_are_unknown():
    X, _, labels = clusters()
    mixture = EMGaussianMixture(3, random_state=0)
    means = clone(mixture).fit(X, labels=labels).means_
    nan, none = np.where(labels < 0, np.nan, labels), np.where(labels < 0, None, labels)
    for other in (nan, none, none.tolist(), np.ma.array(labels, mask=labels < 0)):
        assert_array_equal(clone(mixture).fit(X, labels=other).means_, means)
    assert_array_equal(
        clone(mixture).fit_predict(X, labels=labels),
        clone(mixture).fit(X, labels=labels).predict(X),
    )


def test_they_are_routed():
    X, of, labels = clusters(apart=4.0)
    with config_context(enable_metadata_routing=True):
        mixture = EMGaussianMixture(3, random_state=0).set_fit_request(labels=True)
        pipeline = make_pipeline(StandardScaler(), mixture).fit(X, labels=labels)
        assert np.mean(pipeline.predict(X) == of) > 0.95
        scores = cross_val_score(mixture, X, params={"labels": labels}, cv=3)
    assert np.isfinite(scores).all()


def test_warm_start_and_stream_go_on():
    X, of, labels = clusters(apart=4.0)
    mixture = EMGaussianMixture(3, random_state=0, tol=1e-8, max_iter=500, warm_start=True)
    mixture.fit(X, labels=labels)
    assert mixture.fit(X, labels=labels).n_iter_ <= 3
    assert np.mean(mixture.partial_fit(X[:50]).predict(X) == of) > 0.95


def test_standard_errors_are_of_the_labels_too():
    X, of, labels = clusters(known=0.3)
    mixture = EMGaussianMixture(3, tol=1e-8, max_iter=1000, reg_covar=0.0).fit(X, labels=of)
    errors = mixture.standard_errors(X, labels=of)
    for k in range(3):
        assert_allclose(errors.means[k], X[of == k].std(axis=0) / np.sqrt(80), rtol=1e-4)
    assert_allclose(errors.weights, np.sqrt(2.0 / 9.0 / len(X)), rtol=1e-4)
    some = EMGaussianMixture(3, random_state=0).fit(X, labels=labels)
    assert (some.standard_errors(X, labels=labels).weights > 0.99 * errors.weights).all()
    assert some.summary(X, labels=labels)["se_weight"].notna().all()
    with pytest.raises(ValueError, match="had some of the labels. Give them"):
        some.standard_errors(X)
    with pytest.raises(ValueError, match="had none of the labels. Leave labels out"):
        EMGaussianMixture(3, random_state=0).fit(X).standard_errors(X, labels=labels)


# What is refused

X, OF, LABELS = clusters()
WRONG = {
    "outside": (LABELS + 5 * (LABELS == 2), {}, "integers from 0 to 2 .* Got 7"),
    "below": (np.where(LABELS == 2, -2, LABELS), {}, "integers from 0 to 2 .* Got -2"),
    "float": (LABELS + 0.5, {}, "integers from 0 to 2 .* Got -0.5"),
    "text": (np.array(["a", "b", "c"])[OF], {}, "integers from 0 to 2 .* Got a"),
    "length": (LABELS[:-1], {}, "one label for each row of X.* Got 239 label.* 240 row"),
    "two columns": (np.zeros((240, 2)), {}, "1d array"),
    "nothing known": (np.full(240, -1), {}, "know the component of no row"),
    "no weight": (LABELS, {"sample_weight": (OF != 1).astype(float)}, r"No row of class\(es\) 1"),
    "nothing left": (OF % 2, {}, r"can be of component\(s\) 2: every row has a label"),
}


@pytest.mark.parametrize(("labels", "beside", "message"), WRONG.values(), ids=WRONG)
def test_labels_that_are_none(labels, beside, message):
    with pytest.raises(ValueError, match=message):
        EMGaussianMixture(3).fit(X, labels=labels, **beside)


def test_what_does_not_go_with_labels():
    with pytest.raises(ValueError, match="init_params='random' does not go by labels"):
        EMGaussianMixture(3, init_params="random").fit(X, labels=LABELS)
    with pytest.raises(ValueError, match="distribution='student_t' is not offered with labels"):
        EMGaussianMixture(3, distribution="student_t").fit(X, labels=LABELS)


@pytest.mark.parametrize("put", ["dask", "blocks"], indirect=True)
def test_elsewhere_than_in_memory_they_are_refused_before_anything_is_read(put):
    with pytest.raises(ValueError, match="labels has a label for each row of X, and X is read"):
        EMGaussianMixture(3).fit(put(X), labels=LABELS)
