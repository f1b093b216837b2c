"""Model selection: EMGaussianMixtureIC, and scikit-learn's searches over every estimator."""

import pickle
from inspect import signature

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    MixturePrior,
    censored_target,
)
from emkit.exceptions import DataWarning
from emkit.metrics import (
    aic_scorer,
    bic_scorer,
    concordance_scorer,
    icl_scorer,
    log_likelihood_scorer,
    r2_exact_scorer,
)
from emkit.mixture import Race
from emkit.numerics.covariance import NAMES, STRUCTURES

X, SPECIES = load_iris(return_X_y=True)


class Recorder:
    """A callback that keeps the tasks it is told of, here and in estimators within."""

    max_propagation_depth = None

    def __init__(self):
        self.began, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.began.append((context.estimator_name, context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context):
        self.ended.append((context.estimator_name, context.task_name, context.task_id))


def two_clusters(seed=0, n=120):
    rng = np.random.default_rng(seed)
    return np.where(np.arange(n) % 3 == 0, 6.0, 0.0)[:, None] + rng.normal(size=(n, 2))


def cells_of(results, k, covariance_type):
    return (results["n_components"] == k) & (results["covariance_type"] == covariance_type)


def quick(**options):
    return EMGaussianMixtureIC(**{"max_components": 3, "n_init": 1, "random_state": 0, **options})


# The same answers as mclust


@pytest.mark.parametrize("name", ["faithful", "iris"])
@pytest.mark.parametrize("criterion", ["bic", "icl"])
def test_the_choice_of_mclust(golden, name, criterion):
    """R mclust 6.0.0 over one to nine components: its choice, at a criterion as good."""
    table = golden("selection.json")[name][criterion]
    data = np.array(golden("mixture.json")["datasets"][name]["X"])
    theirs = {(m, k + 1): -value for m, row in table.items() for k, value in enumerate(row)}
    model, k = min(theirs, key=theirs.get)
    ours = EMGaussianMixtureIC(criterion=criterion, n_init=1, random_state=0).fit(data)
    assert ours.best_params_ == {"n_components": k, "covariance_type": STRUCTURES[model].name}
    assert ours.criterion_.min() <= theirs[model, k] + 1e-2


@pytest.mark.parametrize("name", ["faithful", "iris"])
def test_small_mixtures_are_as_good_as_those_of_mclust(golden, name):
    table = golden("selection.json")[name]["bic"]
    data = np.array(golden("mixture.json")["datasets"][name]["X"])
    ours = EMGaussianMixtureIC(max_components=4, random_state=0).fit(data)
    for model, row in table.items():
        for k, theirs in enumerate(row[:4], start=1):
            (bic,) = ours.criterion_[cells_of(ours.results_, k, STRUCTURES[model].name)]
            assert bic <= -theirs + 1e-2, (model, k)


# What the grid is


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_the_best_is_the_least_of_its_grid(criterion):
    ours = quick(criterion=criterion).fit(X)
    best = ours.best_estimator_
    assert ours.criterion_.shape == (12,)
    assert ours.best_index_ == ours.criterion_.argmin()
    assert ours.best_criterion_ == ours.criterion_.min()
    assert getattr(best, criterion)(X) == ours.criterion_.min()
    assert ours.best_params_.items() <= best.get_params().items()
    # What was kept can be had again, to the tolerance of the climbs.
    again = clone(best).fit(X)
    assert again.score(X) == pytest.approx(best.score(X), abs=1e-5)
    assert_allclose(again.means_, best.means_, rtol=1e-3)


def test_results_are_the_criteria():
    ours = quick().fit(X)
    results, n = ours.results_, len(X)
    fit, p = results["log_likelihood"], results["n_parameters"]
    assert_allclose(results["bic"], p * np.log(n) - 2.0 * fit)
    assert_allclose(results["aic"], 2.0 * p - 2.0 * fit)
    assert (results["icl"] >= results["bic"]).all()
    assert_array_equal(ours.criterion_, results["bic"])
    assert_array_equal(np.unique(results["n_components"]), [1, 2, 3])
    assert results["converged"].all() and (results["failure"] == "").all()
    pd = pytest.importorskip("pandas")
    assert pd.DataFrame(results).shape == (12, 10)


def test_structures_climb_from_the_same_partitions():
    """No step taken, the means are those of the start."""
    # The default start is the best of several by the likelihood, which is the structure's own.
    options = {"min_components": 3, "max_iter": 0, "init_params": "sphered_kmeans"}
    for seed in range(3):
        full, tied, diag = (
            quick(covariance_type=name, random_state=seed, **options).fit(X).means_
            for name in ["full", "tied", "diag"]
        )
        assert_array_equal(full, tied)
        assert_array_equal(full, diag)


def test_more_starts_are_never_worse():
    # What is climbed is the log-likelihood itself where nothing is added to it.
    one, five = (quick(n_init=n, min_components=3, reg_covar=0.0).fit(X) for n in (1, 5))
    # The first start is the same.
    assert (five.results_["log_likelihood"] >= one.results_["log_likelihood"] - 1e-9).all()


@pytest.mark.parametrize("types", [["tied"], ["diag", "full"], ("spherical",), ["diag", "diag"]])
def test_lists_of_types(types):
    ours = quick(covariance_type=types, max_components=2).fit(X)
    assert ours.results_["covariance_type"].tolist() == list(np.repeat([*dict.fromkeys(types)], 2))


def test_arguments_are_passed_on():
    prior = MixturePrior(mean_precision=1.0)
    options = {"tol": 1e-4, "reg_covar": 1e-3, "max_iter": 50, "init_params": "random_from_data"}
    options |= {"search": "annealing", "acceleration": None, "prior": prior}
    ours = quick(max_components=2, **options).fit(X)
    assert options.items() <= ours.best_estimator_.get_params().items()
    assert all(value == ours.get_params()[name] for name, value in options.items())


# Rows, weights, cells


def test_fitted_twice_and_by_several_workers():
    ours = quick(n_init=2)
    first = ours.fit(X).results_
    again = ours.fit(X).results_
    parallel = ours.set_params(n_jobs=2).fit(X).results_
    for name in ("bic", "icl", "n_iter"):
        assert_array_equal(first[name], again[name])
        assert_allclose(parallel[name], first[name], rtol=1e-9)


def test_weights_are_frequencies():
    data = two_clusters()
    counts = np.arange(len(data)) % 3
    weighted = quick(max_components=2).fit(data, sample_weight=counts)
    repeated = quick(max_components=2).fit(np.repeat(data, counts, axis=0))
    assert_allclose(weighted.criterion_, repeated.criterion_, rtol=1e-5)
    assert weighted.best_params_ == repeated.best_params_


def test_missing_cells():
    data = two_clusters()
    data[np.random.default_rng(1).random(data.shape) < 0.2] = np.nan
    ours = quick().fit(data)
    assert ours.best_params_["n_components"] == 2
    assert not np.isnan(ours.impute(data)).any()
    assert ours.__sklearn_tags__().input_tags.allow_nan


def test_the_density_it_was_drawn_from_is_found():
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shape = np.array([[1.0, 0.8], [0.8, 1.0]])
        parts = [rng.multivariate_normal(mean, shape, 150) for mean in ([0, 0], [4, 0], [0, 5])]
        ours = quick(max_components=4, n_init=2).fit(np.concatenate(parts))
        found.append(tuple(ours.best_params_.values()))
    assert found.count((3, "tied")) >= 4


# In scikit-learn


METHODS = "predict predict_proba score_samples score impute aic bic icl standard_errors".split()


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_those_of_the_best(method):
    with pytest.raises(NotFittedError, match="This EMGaussianMixtureIC instance"):
        getattr(quick(), method)(X)
    ours = quick(max_components=2).fit(X)
    found, expected = (getattr(model, method)(X) for model in (ours, ours.best_estimator_))
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    for one, two in zip(found, expected, strict=True):
        assert_array_equal(one, two)
    theirs = getattr(EMGaussianMixture, method)
    assert signature(getattr(EMGaussianMixtureIC, method)) == signature(theirs)
    assert getattr(EMGaussianMixtureIC, method).__doc__ == theirs.__doc__


def test_labels_draws_and_attributes():
    ours = quick(max_components=2).fit(X)
    best = ours.best_estimator_
    assert_array_equal(quick(max_components=2).fit_predict(X), ours.predict(X))
    assert_array_equal(ours.sample(5, random_state=0)[0], best.sample(5, random_state=0)[0])
    for name in "weights_ means_ covariances_ precisions_ precisions_cholesky_ n_iter_".split():
        assert_array_equal(getattr(ours, name), getattr(best, name))


def test_names_of_features():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    ours = quick(max_components=2).fit(frame)
    assert ours.feature_names_in_.tolist() == ours.best_estimator_.feature_names_in_.tolist()
    assert_array_equal(ours.predict(frame), quick(max_components=2).fit(X).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        ours.predict(frame[list("dcba")])


def test_in_a_pipeline_and_cross_validated():
    data = two_clusters()
    data[0, 0] = np.nan
    pipeline = make_pipeline(StandardScaler(), quick(max_components=2))
    assert len(np.unique(pipeline.fit_predict(data))) == 2
    pipeline = make_pipeline(EMImputer(), StandardScaler(), quick(max_components=2))
    scores = cross_val_score(pipeline, data, cv=3)
    one = make_pipeline(EMImputer(), StandardScaler(), quick(max_components=1))
    assert scores.mean() > cross_val_score(one, data, cv=3).mean() + 0.3


# What cannot be fitted


def test_fits_that_fail_are_left_out_with_one_word():
    data = two_clusters(n=4)
    with pytest.warns(DataWarning) as told:
        ours = quick(max_components=6, reg_covar=1e-3, covariance_type="spherical").fit(data)
    assert "left out" in str(told[0].message)
    assert len(told) == 2 and told[0].filename == __file__
    assert "7 free parameters, and the rows are 4" in str(told[1].message)
    too_many = ours.results_["n_components"] > 4
    assert np.isnan(ours.criterion_[too_many]).all()
    assert all("n_samples >= n_components" in why for why in ours.results_["failure"][too_many])
    assert ours.best_params_["n_components"] < 4


@pytest.mark.parametrize("reg_covar", [1e-6, 0.0])
@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_a_component_of_equal_rows_is_no_estimate(reg_covar, covariance_type):
    """Its likelihood is as high as reg_covar is low, so it would win whatever the data."""
    data = two_clusters()
    data[data[:, 0] > 3.0] = 9.0
    options = {"min_components": 2, "max_components": 2, "reg_covar": reg_covar}
    with pytest.warns(DataWarning, match="singular") as told:
        ours = quick(covariance_type=["tied", covariance_type], **options).fit(data)
    assert len(told) == 1
    assert ours.best_params_["covariance_type"] == "tied"
    assert np.isnan(ours.criterion_).tolist() == [False, True]
    prior = quick(covariance_type=covariance_type, prior="mclust", **options).fit(data)
    assert np.isfinite(prior.criterion_).all()


def test_a_start_that_collapses_does_not_cost_the_fit():
    """With starts enough some find the equal rows, and some do not."""
    rng = np.random.default_rng(0)
    data = np.concatenate(
        [rng.normal(size=(60, 1)), rng.normal(8, 1, (60, 1)), np.full((25, 1), 0.3)]
    )
    options = {"min_components": 3, "covariance_type": "full", "n_init": 10}
    options |= {"init_params": "random_from_data"}
    ours = quick(**options).fit(data)
    assert ours.covariances_.min() > 1e-4
    single = [quick(**{**options, "n_init": 1, "random_state": s}) for s in range(20)]
    failed = 0
    for one in single:
        try:
            one.fit(data)
        except ValueError as error:
            assert "singular" in str(error)
            failed += 1
    assert 0 < failed < len(single)


def test_when_every_fit_fails_it_says_why():
    with pytest.raises(ValueError, match="None of the 4 fits .* n_samples = 3"):
        quick(min_components=5, max_components=5).fit(X[:3])
    equal_rows = np.repeat([[0.0, 1.0], [5.0, 2.0]], 10, axis=0)
    message = f"None of the {len(NAMES)} fits .* component.* singular but for"
    with pytest.raises(ValueError, match=message):
        quick(min_components=2, max_components=2, covariance_type=NAMES).fit(equal_rows)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: np.where([True, False], X, np.nan), "^Nothing is observed in column.s. 1"),
        (lambda X: X[:1], "^Found array with 1 sample"),
        (lambda X: np.full_like(X, np.nan), "^Found array with 0 sample"),
        (
            lambda X: X + np.where(np.arange(len(X))[:, None] == 1, 1e30, 0.0),
            "^Column 0 of X holds",
        ),
        (
            lambda X: pytest.importorskip("dask.array").from_array(X, chunks=50),
            "^X is a Dask collection, .* no client",
        ),
    ],
)
def test_errors_of_the_data_or_the_place_pass_as_they_are(spoil, message):
    """They are the same for every candidate, and none of them is to blame."""
    with pytest.raises(ValueError, match=message):
        quick().fit(spoil(X[:, :2]))


@pytest.mark.parametrize(
    ("column", "message"), [("sum", "follow from others"), ("constant", "are constant")]
)
def test_directions_without_variance_are_left_out(column, message):
    """They are alike in all fits, and change neither criterion nor choice."""
    extra = X[:, 0] + X[:, 1] if column == "sum" else np.ones(len(X))
    with pytest.warns(DataWarning, match=message) as told:
        ours = quick().fit(np.column_stack([X, extra]))
    assert len(told) == 1 and told[0].filename == __file__
    plain = quick().fit(X)
    assert ours.best_params_ == plain.best_params_ == {"n_components": 2, "covariance_type": "full"}
    assert_allclose(ours.criterion_, plain.criterion_, rtol=1e-6)


def test_what_the_best_warns_of_is_passed_on_once():
    with pytest.warns(ConvergenceWarning, match="did not converge") as told:
        ours = quick(max_iter=1, min_components=3).fit(X)
    assert len(told) == 1 and not ours.converged_
    assert told[0].filename == __file__  # as if this line had warned
    with pytest.warns(DataWarning, match="It then steers the fit") as told:
        quick(reg_covar=0.1, max_components=2).fit(X)
    assert len(told) == 1


def test_a_component_without_rows_does_not_compete():
    """Of a large reg_covar each component takes its part, also one that has no rows."""
    with pytest.warns(DataWarning) as told:
        ours = quick(reg_covar=0.1).fit(X)
    assert "a component has no rows" in str(told[0].message)
    assert (ours.weights_ > 0.0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_components": 4}, "min_components=4 is larger than max_components=3"),
        ({"covariance_type": []}, "must be 'all' or hold at least one"),
        ({"covariance_type": ["full", "round"]}, r"Got \['full', 'round'\]"),
        ({"covariance_type": "round"}, "'covariance_type' parameter .* Got 'round'"),
        ({"criterion": "dic"}, "'criterion' parameter .* Got 'dic'"),
        ({"min_components": 0}, "'min_components' parameter .* Got 0"),
        ({"n_init": 0}, "'n_init' parameter .* Got 0"),
        ({"init_params": "best"}, "'init_params' parameter .* Got 'best'"),
        ({"reg_covar": -1.0}, "'reg_covar' parameter .* Got -1"),
        ({"max_components": 10**9}, r"max_components=10+ is far more .* n_samples = 150"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        quick(**options).fit(X)


@pytest.mark.parametrize(
    ("args", "options"), [((3,), {}), ((), {"n_components": 3}), ((1, 3), {"n_components": 3})]
)
def test_a_number_of_components_is_asked_for_by_its_two_names(args, options):
    with pytest.raises(TypeError, match="give min_components and max_components"):
        EMGaussianMixtureIC(*args, **options)
    assert list(signature(EMGaussianMixtureIC).parameters)[:2] == [
        "min_components",
        "max_components",
    ]
    assert EMGaussianMixtureIC(1, 3).max_components == 3


def test_a_fit_that_is_refused_leaves_the_last_one():
    ours = quick(max_components=2).fit(X)
    labels = ours.predict(X)
    for bad in (np.full((9, 2), np.inf), X[:1, :3]):
        with pytest.raises(ValueError, match="infinity|minimum"):
            ours.fit(bad)
    assert ours.n_features_in_ == 4
    assert_array_equal(ours.predict(X), labels)


@pytest.mark.parametrize("total", [1.0, 149.0])
def test_weights_that_are_no_counts_are_told_of_where_a_criterion_reads_them(total):
    weights = np.full(len(X), total / len(X))
    with pytest.warns(DataWarning, match="150 rows that they weigh") as told:
        ours = quick(max_components=2).fit(X, sample_weight=weights)
    assert len(told) == 1 and told[0].filename == __file__
    for criterion in (ours.bic, ours.best_estimator_.aic, ours.best_estimator_.icl):
        with pytest.warns(DataWarning, match="read sample weights as frequencies") as told:
            criterion(X, weights)
        assert len(told) == 1 and told[0].filename == __file__


@pytest.mark.parametrize("weights", [np.full(150, 1 / 3) * 3, np.arange(150) % 3, np.full(150, 2)])
def test_weights_that_are_counts_are_not(weights):
    ours = quick(max_components=2).fit(X, sample_weight=weights)
    assert ours.best_params_ == {"n_components": 2, "covariance_type": "full"}
    assert ours.bic(X, weights) == ours.best_criterion_


def test_prior_and_weights_as_repeated_rows():
    """R mclust 6.0.0, prior = priorControl(), VVV, G = 3, of iris with rows repeated 1 to 3."""
    counts = np.arange(150) % 3 + 1
    options = {"prior": "mclust", "reg_covar": 0.0, "tol": 1e-9, "max_iter": 1000}
    weighted = EMGaussianMixture(3, resp_init=SPECIES, **options).fit(X, sample_weight=counts)
    rows = np.repeat(X, counts, axis=0)
    repeated = EMGaussianMixture(3, resp_init=np.repeat(SPECIES, counts), **options).fit(rows)
    for fit in (weighted.score(X, sample_weight=counts), repeated.score(rows)):
        assert_allclose(counts.sum() * fit, -384.6245, atol=1e-4)


@pytest.mark.skipif(not hasattr(EMGaussianMixtureIC, "set_callbacks"), reason="scikit-learn < 1.9")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_callbacks(n_jobs):
    """One task for each fit, those of the mixture in it; in other processes, what is the grid's."""
    recorder = Recorder()
    ours = quick(max_components=2, n_jobs=n_jobs).set_callbacks(recorder).fit(X)
    assert sorted(recorder.began) == sorted(recorder.ended)
    assert recorder.began[0] == recorder.ended[-1] == ("EMGaussianMixtureIC", "fit", 0)
    fits = [task for task in recorder.began if task[:2] == ("EMGaussianMixture", "fit")]
    assert len(fits) == (0 if n_jobs else 7)
    assert not hasattr(ours.best_estimator_, "_skl_callbacks")
    plain = quick(max_components=2, search=Race()).fit(X)
    assert_array_equal(ours.criterion_, plain.criterion_)  # one by one, as with callbacks
    recorder = Recorder()
    pipeline = make_pipeline(StandardScaler(), quick(max_components=2)).set_callbacks(recorder)
    pipeline.fit(X)  # no warning that a step takes none
    assert ("EMGaussianMixtureIC", "fit", 1) in recorder.began


def test_bad_data():
    with pytest.raises(ValueError, match="infinity"):
        quick().fit(np.where(X > 7, np.inf, X))
    with pytest.raises(ValueError, match="[Nn]egative"):
        quick().fit(X, sample_weight=-np.ones(len(X)))
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        quick().fit(X[:1])
    empty = X.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"Nothing is observed in column\(s\) 1"):
        quick().fit(empty)


# Searches over every estimator


def target():
    return censored_target(X[:, 3], right=2.0)


#: Estimator, what it learns from, a grid, scorers.
SEARCHES = {
    "mixture": (
        EMGaussianMixture(random_state=0),
        None,
        {"n_components": [1, 2], "covariance_type": ["full", "tied"]},
        {"bic": bic_scorer, "aic": aic_scorer, "icl": icl_scorer, "fit": log_likelihood_scorer},
    ),
    "grid": (
        quick(max_components=2),
        None,
        {"criterion": ["bic", "icl"]},
        {"bic": bic_scorer, "fit": log_likelihood_scorer},
    ),
    "imputer": (
        EMImputer(random_state=0),
        None,
        {"n_components": [1, 2], "shrinkage": [0.0, 0.3]},
        {"fit": log_likelihood_scorer, "score": None},
    ),
    "regressor": (
        EMCensoredRegressor(),
        target(),
        {"alpha": [0.0, 5.0], "distribution": ["normal", "student_t"]},
        {
            "fit": log_likelihood_scorer,
            "bic": bic_scorer,
            "concordance": concordance_scorer,
            "r2": r2_exact_scorer,
        },
    ),
}
FOLDS = KFold(3, shuffle=True, random_state=0)
every_estimator = pytest.mark.parametrize("name", SEARCHES)


def data_of(name):
    cells = X.copy() if name != "regressor" else X[:, :3]
    if name == "imputer":
        cells[np.random.default_rng(0).random(cells.shape) < 0.1] = np.nan
    return cells


def searched(name):
    estimator, y, grid, scoring = SEARCHES[name]
    scoring = {key: value for key, value in scoring.items() if value is not None}
    search = GridSearchCV(estimator, grid, cv=FOLDS, scoring=scoring, refit="fit")
    return search, data_of(name), y


@every_estimator
def test_several_measures_at_once(name):
    search, cells, y = searched(name)
    search.fit(cells, y)
    results = search.cv_results_
    assert search.best_index_ == results["mean_test_fit"].argmax()
    for key, scorer in search.scoring.items():
        by_hand = []
        for train, test in FOLDS.split(cells):
            rows = (cells[train], None if y is None else y[train])
            model = clone(search.estimator).set_params(**results["params"][0]).fit(*rows)
            by_hand.append(scorer(model, cells[test], None if y is None else y[test]))
        assert_allclose(results[f"mean_test_{key}"][0], np.mean(by_hand))
    default = GridSearchCV(search.estimator, search.param_grid, cv=FOLDS).fit(cells, y)
    assert_allclose(default.cv_results_["mean_test_score"], results["mean_test_fit"])


@every_estimator
@pytest.mark.parametrize("resource", ["n_samples", "n_init"])
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_halving(name, resource):
    search, cells, y = searched(name)
    options = {"max_resources": 4} if resource == "n_init" else {"min_resources": 50}
    halving = HalvingGridSearchCV(
        search.estimator,
        search.param_grid,
        resource=resource,
        factor=2,
        cv=FOLDS,
        random_state=0,
        **options,
    ).fit(cells, np.zeros(len(cells)) if y is None else y)
    assert halving.n_iterations_ >= 2
    assert np.isfinite(halving.cv_results_["mean_test_score"]).all()
    assert halving.best_params_ in halving.cv_results_["params"]


@every_estimator
def test_nested_cross_validation(name):
    search, cells, y = searched(name)
    outer = KFold(2, shuffle=True, random_state=1)
    scores = cross_val_score(search, cells, y, cv=outer)
    by_hand = []
    for train, test in outer.split(cells):
        model = clone(search).fit(cells[train], None if y is None else y[train])
        by_hand.append(model.score(cells[test], None if y is None else y[test]))
    assert_allclose(scores, by_hand)
    assert np.isfinite(scores).all()


def test_an_imputer_before_a_classifier():
    cells = data_of("imputer")
    pipeline = make_pipeline(EMImputer(), StandardScaler(), LogisticRegression())
    grid = {"emimputer__n_components": [1, 2], "logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(
        pipeline, grid, cv=3, scoring=["accuracy", "neg_log_loss"], refit="accuracy"
    )
    assert cross_val_score(search, cells, SPECIES, cv=3).mean() > 0.9


def outputs(estimator, cells, y):
    return [
        np.asarray(getattr(estimator, method)(*args))
        for method, args in [
            ("score", (cells, y)),
            ("predict", (cells,)),
            ("transform", (cells,)),
            ("score_samples", (cells,) if y is None else (cells, y)),
            ("bic", (cells,) if y is None else (cells, y)),
        ]
        if hasattr(estimator, method)
    ]


@every_estimator
@pytest.mark.parametrize("how", ["clone", "pickle", "joblib"])
def test_copies(name, how, tmp_path):
    estimator, y, *_ = SEARCHES[name]
    cells = data_of(name)
    fitted = clone(estimator).fit(cells, y)
    if how == "clone":
        copy = clone(fitted)
        with pytest.raises(NotFittedError):
            copy.score(cells, y)
        copy.fit(cells, y)
    elif how == "pickle":
        copy = pickle.loads(pickle.dumps(fitted))
    else:
        joblib.dump(fitted, tmp_path / "fitted.joblib")
        copy = joblib.load(tmp_path / "fitted.joblib")
    assert repr(copy) == repr(fitted)
    for ours, theirs in zip(outputs(copy, cells, y), outputs(fitted, cells, y), strict=True):
        assert_array_equal(ours, theirs)
    assert len(outputs(copy, cells, y)) >= 3


@every_estimator
def test_searches_can_be_kept(name):
    search, cells, y = searched(name)
    search.fit(cells, y)
    copy = pickle.loads(pickle.dumps(search))
    assert copy.score(cells, y) == search.score(cells, y)
    assert repr(clone(search)) == repr(search)
