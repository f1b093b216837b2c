"""Labels of rows of numbers and categories: `EMMixtureClassifier`, and ``labels`` of a mixture."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from structures import OF_EACH_LAYOUT, dense
from tables import Parts, Slices

from emkit import EMGaussianMixture, EMMixtureClassifier, MixturePrior
from emkit.engine.search import SEARCHES
from emkit.exceptions import DataWarning
from emkit.mixture.evaluated import fitted_model
from emkit.mixture.table import apart, kept_columns, open_table
from emkit.models.labels import Labels
from emkit.numerics.covariance import NAMES

each_structure = pytest.mark.parametrize("name", NAMES)
each_layout = pytest.mark.parametrize("name", OF_EACH_LAYOUT)
few = settings(max_examples=8, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)
#: Maximum likelihood, to the end.
EXACT = {"reg_covar": 0.0, "tol": 1e-12, "max_iter": 5000}
#: One row of prior for each table, and nothing on the numbers.
OF_TABLES = MixturePrior(mean_precision=0.0, degrees_of_freedom=0.0)


def table(seed=0, n=240, holes=0.0, apart=2.0, known=0.3):
    """Rows of three classes, the classes, and labels of some of them; some cells missing."""
    rng = np.random.default_rng(seed)
    z = rng.permutation(np.arange(n) % 3)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n) + apart * z,
            "f": np.where(rng.random(n) < np.array([0.9, 0.5, 0.1])[z], "yes", "no"),
            "y": rng.normal(size=n) * (1 + z) - apart * z,
            "g": np.array(["a", "b", "c"])[np.where(rng.random(n) < 0.7, z, rng.integers(0, 3, n))],
        }
    ).astype({"f": object, "g": object})
    y = np.where(rng.random(n) < known, z, -1)
    return frame.mask(rng.random(frame.shape) < holes), z, y


def by_hand(mixture, frame):
    """Log-joint (n, K) of rows by the formula, missing cells left out."""
    n, K = len(frame), len(mixture.weights_)
    numbers = [name for name in frame if name not in mixture.tables_]
    X, out = frame[numbers].to_numpy(float), np.tile(np.log(mixture.weights_), (n, 1))
    covariances = dense(mixture.covariance_type, mixture.covariances_, K, len(numbers))
    seen = ~np.isnan(X)
    for k in range(K):
        for pattern in np.unique(seen, axis=0) if numbers else ():
            rows = (seen == pattern).all(axis=1)
            if pattern.any():
                some = np.ix_(pattern, pattern)
                normal = multivariate_normal(mixture.means_[k][pattern], covariances[k][some])
                out[rows, k] += normal.logpdf(X[rows][:, pattern])
    for (name, shares), levels in zip(mixture.tables_.items(), mixture.categories_, strict=True):
        with np.errstate(divide="ignore"):
            logs = np.log(np.vstack([shares.T, np.ones(K)]))
        out += logs[pd.Categorical(frame[name], levels).codes]
    return out


def likelihood(mixture, frame, labels, of_components=None):
    """Log-likelihood of each row: of its class where it is known, of any where it is not."""
    of = np.arange(len(mixture.weights_)) if of_components is None else of_components
    allowed = (labels[:, None] == of) | (labels < 0)[:, None]
    return np.logaddexp.reduce(np.where(allowed, by_hand(mixture, frame), -np.inf), axis=1)


def shares_of_classes(frame, z, weights, name, pseudo=0.0):
    """Shares (K, L) of the levels of a column in each class, with rows of prior at its shares."""
    counts = pd.crosstab(z, frame[name], weights, aggfunc="sum").fillna(0.0).to_numpy()
    whole = counts.sum(axis=0) + 0.5  # half a row more of each level, in the prior's shares
    counts = counts + pseudo * whole / whole.sum()
    return counts / counts.sum(axis=1, keepdims=True)


# Every class known: the closed form


@each_structure
@pytest.mark.parametrize("prior", [None, OF_TABLES])
@pytest.mark.parametrize("holes", [0.0, 0.15])
def test_with_every_class_known_it_is_the_closed_form(name, prior, holes):
    frame, z, _ = table(1, holes=holes)
    frame = frame[frame[["x", "y"]].notna().any(axis=1)]  # that rows of numbers alone count too
    z = z[frame.index]
    weights = np.random.default_rng(2).integers(1, 4, len(z)).astype(float)
    classifier = EMMixtureClassifier(covariance_type=name, prior=prior, **EXACT)
    numbers = clone(classifier).fit(frame[["x", "y"]], z, sample_weight=weights)
    mixture = classifier.fit(frame, z, sample_weight=weights).mixture_
    assert classifier.converged_
    assert_allclose(mixture.weights_, np.bincount(z, weights) / weights.sum())
    assert_allclose(mixture.means_, numbers.mixture_.means_, rtol=1e-5, atol=1e-6)
    assert_allclose(mixture.covariances_, numbers.mixture_.covariances_, rtol=1e-4, atol=1e-6)
    for column, found in mixture.tables_.items():
        expected = shares_of_classes(frame, z, weights, column, 1.0 if prior else 0.0)
        assert_allclose(found, expected, rtol=1e-9)
    if not holes:
        assert_allclose(mixture.means_[1], np.average(frame[["x", "y"]][z == 1], axis=0,
                                                      weights=weights[z == 1]))  # fmt: skip


@pytest.mark.parametrize("max_iter", [0, 100])
def test_the_start_is_the_maximum_where_labels_say_it_all(max_iter):
    frame, z, _ = table(1)
    classifier = EMMixtureClassifier(reg_covar=0.0, max_iter=max_iter).fit(frame, z)
    for column, found in classifier.mixture_.tables_.items():
        assert_allclose(found, shares_of_classes(frame, z, np.ones(len(z)), column))
    for k, covariance in enumerate(classifier.mixture_.covariances_):
        assert_allclose(covariance, frame[["x", "y"]][z == k].cov(ddof=0))


@pytest.mark.parametrize(("prior", "alpha"), [(None, 1e-10), (OF_TABLES, 0.5)])
def test_of_categories_alone_it_is_naive_bayes(prior, alpha):
    frame, _, _ = table(3, n=300)
    frame = frame[["f", "g"]].replace({"g": {"c": "b"}})
    # Every cell with its opposite, so that the prior's row is half a row of each level.
    other = frame.replace({"f": {"yes": "no", "no": "yes"}, "g": {"a": "b", "b": "a"}})
    z = np.append(np.arange(300) % 3, np.arange(300) // 100)
    frame = pd.concat([frame, other])
    codes = (frame == ["yes", "a"]).astype(int)
    theirs = CategoricalNB(alpha=alpha).fit(codes, z)
    ours = EMMixtureClassifier(prior=prior).fit(frame, z)
    assert_allclose(ours.predict_proba(frame), theirs.predict_proba(codes), atol=1e-8)


def test_several_components_a_class_are_a_mixture_of_each():
    frame, z, _ = table(4, n=400, apart=6.0)
    y = (z == 2).astype(int)  # of the classes one is in two places
    classifier = EMMixtureClassifier(components_per_class={0: 2}, random_state=0, **EXACT)
    classifier.fit(frame, y)
    assert classifier.score(frame, y) > 0.99
    total = 0.0
    for c, K in ((0, 2), (1, 1)):
        rows = frame[y == c]
        mixture = EMGaussianMixture(K, random_state=0, n_init=3, **EXACT).fit(rows)
        total += len(rows) * (mixture.lower_bound_ + np.log(len(rows) / len(y)))
    assert_allclose(classifier.lower_bound_ * len(y), total, rtol=1e-7)


# Some classes known


@each_layout
@few
@given(seed=seeds, holes=st.sampled_from([0.0, 0.2]))
def test_the_objective_is_the_likelihood_of_labels_and_rows(name, seed, holes):
    frame, _, y = table(seed, n=150, holes=holes)
    classifier = EMMixtureClassifier(covariance_type=name, reg_covar=0.0, random_state=0)
    mixture = classifier.fit(frame, y).mixture_
    told = ~frame.isna().all(axis=1)
    frame, y = frame[told], y[told]
    assert_allclose(classifier.lower_bound_, likelihood(mixture, frame, y).mean(), rtol=1e-9)
    assert (np.diff(mixture.history_) >= -1e-10).all()
    joint = by_hand(mixture, frame)
    proba = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
    assert_allclose(classifier.predict_proba(frame), proba, atol=1e-9)
    assert_allclose(classifier.predict_log_proba(frame), np.log(classifier.predict_proba(frame)),
                    rtol=1e-7, atol=1e-9)  # fmt: skip
    assert_array_equal(classifier.predict(frame), joint.argmax(axis=1))


@few
@given(seed=seeds)
def test_components_and_unseen_classes_share_the_likelihood(seed):
    frame, z, y = table(seed, n=200, apart=4.0, holes=0.1)
    y = np.where(z == 2, -1, y)
    classifier = EMMixtureClassifier(
        4, components_per_class={0: 2}, random_state=seed, reg_covar=0.0, prior="mclust"
    ).fit(frame, y)
    assert_array_equal(classifier.component_classes_, [0, 0, 1, 2])
    told = likelihood(classifier.mixture_, frame, y, classifier.component_classes_)
    counts = ~frame.isna().all(axis=1)
    assert_allclose(classifier.lower_bound_, told[counts].mean(), rtol=1e-9)
    assert_allclose(classifier.predict_proba(frame).sum(axis=1), 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_class_that_nobody_has_seen_is_found(seed):
    frame, z, y = table(seed, n=300, apart=4.0, holes=0.1)
    y = np.where(z == 2, -1, y)
    classifier = EMMixtureClassifier(3, random_state=0, n_init=3).fit(frame, y)
    assert_array_equal(classifier.classes_, [0, 1, 2])
    told = frame.notna().sum(axis=1) > 2
    assert classifier.score(frame[told], z[told]) > 0.9


@each_layout
def test_categories_help_and_so_do_rows_of_unknown_class(name):
    """Over draws; rows of unknown class where the structure is that of the classes."""
    gains, of_rows = [], []
    for seed in range(6):
        frame, z, _ = table(seed, n=400, apart=1.0)
        y = np.full(400, -1)
        for k in range(3):
            y[np.flatnonzero(z == k)[:6]] = k
        classifier = EMMixtureClassifier(covariance_type=name, prior="mclust", random_state=0)
        both = clone(classifier).fit(frame, y).score(frame, z)
        numbers = frame[["x", "y"]]
        gains.append(both - clone(classifier).fit(numbers, y).score(numbers, z))
        alone = clone(classifier).fit(frame[y >= 0], y[y >= 0]).score(frame, z)
        of_rows.append(both - alone)
    assert np.mean(gains) > 0.1
    assert np.mean(of_rows) > 0.02 or name not in {"full", "diag"}


@pytest.mark.parametrize("columns", [["x", "f", "y", "g"], ["f", "g"], ["x", "g"]])
@pytest.mark.parametrize("name", ["full", "tied"])
def test_labels_that_know_nothing_change_nothing(columns, name):
    """The E-step of rows whose labels are all unknown is that of rows without, bit by bit."""
    frame, _, _ = table(5, holes=0.15)
    frame = frame[columns]
    free = EMGaussianMixture(3, covariance_type=name, random_state=0).fit(frame)
    opened = open_table(free, frame)
    rows = apart(opened.fit_data(), kept_columns(free), 3)
    labelled = replace(rows, labels=Labels(np.full(len(rows), -1), np.arange(3)))
    model, params = fitted_model(free, rows.incomplete)
    (stats, height), (others, same) = (model.e_step(data, params) for data in (rows, labelled))
    assert height == same
    for one, other in zip(stats, others, strict=True):
        assert_array_equal(one, other)


@each_layout
def test_one_label_a_class_names_the_clusters_of_a_mixture(name):
    frame, _, _ = table(6, n=300, apart=7.0, holes=0.1)
    exact = {"covariance_type": name, "random_state": 0, **EXACT}
    free = EMGaussianMixture(3, n_init=5, **exact).fit(frame)
    found, proba = free.predict(frame), free.predict_proba(frame)
    labels = np.full(len(frame), -1)
    labels[proba.argmax(axis=0)] = np.arange(3)  # rows that leave no doubt
    for order in ([0, 1, 2], [2, 0, 1]):
        named = np.where(labels < 0, -1, np.array(order)[labels])
        classifier = EMMixtureClassifier(**exact).fit(frame, named)
        assert_allclose(classifier.mixture_.score(frame), free.score(frame), atol=1e-6)
        assert_array_equal(classifier.predict(frame), np.array(order)[found])
        mixture = EMGaussianMixture(3, **exact).fit(frame, labels=named)
        assert_allclose(mixture.score(frame), free.score(frame), atol=1e-6)


@pytest.mark.parametrize("name", ["full", "tied", "EEI"])
def test_without_categories_nothing_changes(name):
    frame, _, y = table(7, holes=0.1)
    numbers = frame[["x", "y"]]
    numbers, y = numbers[numbers.notna().any(axis=1)], y[numbers.notna().any(axis=1)]
    classifier = EMMixtureClassifier(covariance_type=name, random_state=0)
    plain = clone(classifier).set_params(categorical_features=None).fit(numbers.to_numpy(), y)
    for X in (numbers, numbers.assign(b=numbers["x"] > 2)[["x", "y"]]):
        assert_array_equal(clone(classifier).fit(X, y).predict_proba(X),
                           plain.predict_proba(X.to_numpy()))  # fmt: skip


@each_layout
def test_weights_are_repeated_rows(name):
    frame, _, y = table(8, holes=0.0)
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    classifier = EMMixtureClassifier(covariance_type=name, random_state=0, **EXACT)
    weighted = clone(classifier).fit(frame, y, sample_weight=weights)
    repeated = clone(classifier).fit(frame.loc[frame.index.repeat(weights)], y.repeat(weights))
    assert_allclose(weighted.lower_bound_, repeated.lower_bound_, rtol=1e-7)
    assert_allclose(weighted.predict_proba(frame), repeated.predict_proba(frame), atol=1e-3)


def test_the_order_of_rows_columns_and_levels_means_nothing():
    frame, _, y = table(9)
    rows = np.random.default_rng(0).permutation(len(y))
    other = frame.iloc[rows][["g", "y", "f", "x"]].replace({"g": {"a": "z"}})
    one = EMMixtureClassifier(**EXACT).fit(frame, y)
    two = EMMixtureClassifier(**EXACT).fit(other, y[rows])
    assert_allclose(two.predict_proba(other), one.predict_proba(frame)[rows], atol=1e-5)


# What a table says of a class that never had a level


@pytest.mark.parametrize("components", [1, 2])
@pytest.mark.filterwarnings("ignore:Component.s. 1, 3, 5 have no rows:emkit.exceptions.DataWarning")
def test_a_level_that_a_class_never_had_rules_it_out(components):
    frame = pd.DataFrame({"a": list("uuvvuuvvww") * 3, "b": list("ppqqppqqrr") * 3})
    y = np.array([0, 0, 1, 1, 0, 0, 1, 1, 2, 2] * 3)
    classifier = EMMixtureClassifier(components_per_class=components, random_state=0)
    classifier.fit(frame, y)
    assert_array_equal(classifier.predict_proba(frame), np.eye(3)[y])
    log_proba = classifier.predict_log_proba(frame)
    assert_array_equal(np.isneginf(log_proba), np.eye(3)[y] == 0.0)
    # Of rows that no class allows those share alike that as few levels rule out.
    strange = pd.DataFrame({"a": ["u", "v"], "b": ["q", "r"]})
    proba = classifier.predict_proba(strange)
    assert_allclose(proba, [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
    assert_allclose(proba, np.exp(classifier.predict_log_proba(strange)))
    kept = clone(classifier).set_params(prior=OF_TABLES).fit(frame, y)
    assert np.isfinite(kept.predict_log_proba(strange)).all()


def test_probabilities_of_rows_far_from_all_sum_to_one():
    X = np.array([[0, -1.0], [0, 1], [1, 0], [-1, 0]])
    X, y = np.concatenate([X, X + [0, 10]]), np.repeat([0, 1], 4)
    classifier = EMMixtureClassifier(covariance_type="tied").fit(X, y)
    for far in (1e3, 1e9, 1e15):  # as near to one class as to the other
        assert_allclose(classifier.predict_proba([[far, 5.0]]), 0.5)


# Frames and tools


def containers(frame):
    pl = pytest.importorskip("polars")
    columns = {c: [None if v != v else v for v in frame[c].tolist()] for c in frame}
    as_enum = {"f": pl.Enum(["no", "yes"]), "g": pl.Categorical}
    text = frame.astype({"f": "string", "g": "string"})
    return {
        "category": (frame.astype({"f": "category", "g": "category"}), {}),
        "other order": (frame.astype({"g": pd.CategoricalDtype(list("dcba"), ordered=True)}), {}),
        "string": (text, {}),
        "objects": (frame.to_numpy(dtype=object), {"categorical_features": [1, 3]}),
        "mask": (frame, {"categorical_features": [False, True, False, True]}),
        "names": (frame, {"categorical_features": ["g", "f"]}),
        "polars text": (pl.DataFrame(columns), {}),
        "polars": (
            pl.DataFrame(columns).with_columns(pl.col(c).cast(t) for c, t in as_enum.items()),
            {},
        ),  # fmt: skip
    }


KINDS = "category, other order, string, objects, mask, names, polars text, polars".split(", ")


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_every_kind(kind):
    frame, _, y = table(10, holes=0.1)
    classifier = EMMixtureClassifier(random_state=0, **EXACT)
    expected = clone(classifier).fit(frame, y).predict_proba(frame)
    X, named = containers(frame)[kind]
    classifier.set_params(**named).fit(X, y)
    assert_allclose(classifier.predict_proba(X), expected, atol=1e-5)
    assert classifier.mixture_.is_categorical_.tolist() == [False, True, False, True]
    assert type(classifier.mixture_.impute(X)) is type(classifier.mixture_.sample(2)[0]) is type(X)
    again = pickle.loads(pickle.dumps(classifier))
    assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert not hasattr(clone(classifier), "mixture_")


def test_booleans_are_categories_beside_others_or_by_name():
    frame, _, y = table(11)
    truth = frame.assign(f=frame["f"] == "yes")
    expected = EMMixtureClassifier().fit(frame, y).predict_proba(frame)
    assert_allclose(EMMixtureClassifier().fit(truth, y).predict_proba(truth), expected)
    numbers = truth[["x", "f"]]
    named = EMMixtureClassifier(categorical_features=["f"]).fit(numbers, y)
    assert list(named.mixture_.tables_) == ["f"]
    assert EMMixtureClassifier().fit(numbers, y).mixture_.tables_ == {}


def test_pipelines_grids_and_cross_validation():
    frame, z, y = table(12, n=300, holes=0.1)
    scaled = make_column_transformer(
        (StandardScaler(), ["x", "y"]), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    pipeline = make_pipeline(scaled, EMMixtureClassifier(**EXACT))
    grid = {"emmixtureclassifier__covariance_type": ["spherical", "full"],
            "emmixtureclassifier__prior": [None, OF_TABLES]}  # fmt: skip
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", error_score="raise")
    search.fit(frame, z)
    best = {key.split("__")[1]: value for key, value in search.best_params_.items()}
    plain = EMMixtureClassifier(**best, **EXACT).fit(frame, z)
    assert best["covariance_type"] == "full"
    assert_allclose(search.predict_proba(frame), plain.predict_proba(frame), atol=1e-6)
    assert GridSearchCV(pipeline, grid).fit(frame, y).score(frame, z) > 0.85
    assert cross_val_score(EMMixtureClassifier(), frame, z).mean() > 0.85


@pytest.mark.parametrize(
    ("search", "algorithm"),
    [(search, "em") for search in SEARCHES] + [("restarts", "cem"), ("restarts", "sem")],
)
def test_forms_and_searches_keep_to_the_labels(search, algorithm):
    frame, z, y = table(13, apart=4.0)
    arguments = {"search": search, "algorithm": algorithm, "n_init": 2, "random_state": 0}
    classifier = EMMixtureClassifier(4, components_per_class={0: 2}, prior="mclust", **arguments)
    assert classifier.fit(frame, y).score(frame, z) > 0.95
    mixture = EMGaussianMixture(3, **arguments).fit(frame, labels=y)
    assert np.mean(mixture.predict(frame) == z) > 0.95


def test_long_tables_in_parts_and_from_a_sample():
    n = 2 * 65_536 + 10
    frame, z, _ = table(14, n=n, apart=5.0)
    frame, y = frame[["x", "g"]], np.full(n, -1)
    y[:9] = z[:9]  # a sample would hardly have them
    classifier = EMMixtureClassifier(random_state=0)
    alone = clone(classifier).fit(frame, y)
    assert alone.score(frame, z) > 0.95
    parts = clone(classifier).set_params(n_jobs=2).fit(frame, y)
    assert_allclose(parts.mixture_.means_, alone.mixture_.means_, rtol=1e-8)


@pytest.mark.parametrize("prior", [None, OF_TABLES])
def test_columns_of_many_levels(prior):
    frame, z, y = table(22, n=3000)
    rng = np.random.default_rng(0)
    classifier = EMMixtureClassifier(prior=prior, random_state=0)
    told = np.array([f"{k}{i}" for k, i in zip(z, rng.integers(0, 400, 3000), strict=True)])
    names = np.array([f"n{i}" for i in rng.permutation(3000) // 2])  # each level is there twice
    score = clone(classifier).fit(frame, y).score(frame, z)
    assert clone(classifier).fit(frame.assign(h=told), y).score(frame.assign(h=told), z) > 0.97
    for column, least in ((names, score - 0.1), (np.arange(3000).astype(str), score - 0.1)):
        more = frame.assign(h=column)
        proba = clone(classifier).fit(more, y).predict_proba(more)
        assert_allclose(proba.sum(axis=1), 1.0)
        assert np.mean(proba.argmax(axis=1) == z) > least
    alone = pd.DataFrame({"h": told})
    assert clone(classifier).fit(alone, y).score(alone, z) > 0.7


# ``labels`` of a mixture


def test_standard_errors_are_of_the_labels_too():
    frame, z, y = table(15, n=300)
    frame = frame.assign(one=1.0)
    frame.loc[:4, ["x", "y", "f", "g"]] = None  # constants alone: such rows do not count
    with pytest.warns(DataWarning, match="constant"):
        mixture = EMGaussianMixture(3, tol=1e-8, max_iter=1000, reg_covar=0.0)
        mixture.fit(frame, labels=z)
    errors, counts = mixture.standard_errors(frame, labels=z), np.bincount(z[5:])
    for name, p in mixture.tables_.items():
        expected = np.sqrt(p * (1 - p) / counts[:, None])
        assert_allclose(errors.tables[name], expected, rtol=1e-4)
    rows = frame[["x", "y"]].to_numpy()[5:]
    for k in range(3):
        spread = rows[z[5:] == k].std(axis=0) / np.sqrt(counts[k])
        assert_allclose(errors.means[k][:2], spread, rtol=1e-4)
    p = counts / counts.sum()
    assert_allclose(errors.weights, np.sqrt(p * (1 - p) / counts.sum()), rtol=1e-4)
    with pytest.raises(ValueError, match="had some of the labels. Give them"):
        mixture.standard_errors(frame)


def test_warm_starts_and_partitions_go_on_with_labels():
    frame, z, y = table(16, apart=4.0)
    mixture = EMGaussianMixture(3, random_state=0, warm_start=True, tol=1e-8, max_iter=500)
    mixture.fit(frame, labels=y)
    assert mixture.fit(frame, labels=y).n_iter_ <= 3
    given_ = EMGaussianMixture(3, resp_init=z, tol=1e-8, max_iter=500).fit(frame, labels=y)
    assert_allclose(given_.lower_bound_, mixture.lower_bound_, rtol=1e-7)


# What is refused, and told


def test_rows_that_tell_nothing_have_no_class():
    frame, z, _ = table(17)
    nothing = frame.mask(np.tile(z == 1, (4, 1)).T)
    with pytest.raises(ValueError, match=r"No row of class\(es\) 1 counts"):
        EMMixtureClassifier().fit(nothing, z)
    with pytest.raises(ValueError, match=r"No row of class\(es\) 1 counts"):
        EMMixtureClassifier().fit(nothing.assign(one=1.0), z)
    with pytest.raises(ValueError, match=r"No row of class\(es\) 1 counts"):
        EMMixtureClassifier().fit(frame, z, sample_weight=(z != 1).astype(float))
    with pytest.raises(ValueError, match=r"can be of component\(s\) 3"):
        EMMixtureClassifier(4).fit(frame, z)


@pytest.mark.parametrize("columns", [["x"], ["g"], ["x", "y"], ["y", "g"]])
def test_columns_without_a_value_in_a_class_are_told(columns):
    frame, z, _ = table(21)
    frame.loc[z == 1, columns] = None
    told = rf"Column\(s\) {', '.join(columns)} of X have no value in any row of class\(es\) B:"
    with pytest.warns(DataWarning, match=told):
        proba = EMMixtureClassifier().fit(frame, np.array(["A", "B", "C"])[z]).predict_proba(frame)
    assert np.isfinite(proba).all()
    some = np.where(np.arange(len(z)) < 60, z, -1)  # of the others any may be of the class
    EMGaussianMixture(3, random_state=0).fit(frame, labels=some)


def test_levels_that_no_row_of_the_fit_had_count_as_missing():
    frame, z, _ = table(18)
    classifier = EMMixtureClassifier().fit(frame, z)
    new, missing = frame.head(4).assign(g="new"), frame.head(4).assign(g=None)
    with pytest.warns(DataWarning, match=r"Column\(s\) g of X hold levels that no row"):
        proba = classifier.predict_proba(new)
    assert_array_equal(proba, classifier.predict_proba(missing))


WRONG = {
    "words in an array": (lambda f: f.to_numpy(dtype=object), {}, "X holds text in column 1"),
    "none asked for": (lambda f: f, {"categorical_features": None}, "text in column 'f'"),
    "no such column": (lambda f: f, {"categorical_features": ["h"]}, "does not have: 'h'"),
    "no such kind": (lambda f: f, {"categorical_features": "auto"}, "categorical_features"),
    "dates": (lambda f: f.assign(d=pd.Timestamp("2020-01-01")), {}, "dates .* column 'd'"),
    "empty": (lambda f: f.assign(h=pd.Categorical([None] * len(f))), {}, r"in column\(s\) h of X"),
}


@pytest.mark.parametrize(("change", "arguments", "message"), WRONG.values(), ids=WRONG)
def test_what_is_refused(change, arguments, message):
    frame, z, _ = table(19)
    with pytest.raises(ValueError, match=message):
        EMMixtureClassifier(**arguments).fit(change(frame), z)


def test_rows_to_predict_have_the_columns_of_the_fit_and_may_come_in_blocks():
    frame, z, _ = table(20)
    classifier = EMMixtureClassifier().fit(frame, z)
    with pytest.raises(ValueError, match="now missing:\n- g\n- y"):
        classifier.predict(frame[["x", "f"]])
    parts = Parts(frame[:9], frame[9:])
    assert_array_equal(classifier.predict(parts), classifier.predict(frame))
    with pytest.raises(ValueError, match="X has 3 features, but EMMixtureClassifier is expecting"):
        classifier.predict(Slices(np.zeros((8, 3))))
