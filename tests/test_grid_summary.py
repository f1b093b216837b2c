"""What the summary of a grid says: figures, words, clusters, and the models that came next."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import NotFittedError

from emkit import EMGaussianMixtureIC
from emkit.exceptions import DataWarning
from emkit.mixture.grid_summary import _in_common
from emkit.numerics.covariance import NAMES, STRUCTURES

X = load_iris().data
SIX = ["VEV", "full", "spherical", "EEI", "EVE", "tied"]
HOLES = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
WEIGHTS = np.arange(len(X)) % 3 / 2.0


def grid(**options):
    options = {"max_components": 3, "n_init": 1, "covariance_type": SIX, **options}
    return EMGaussianMixtureIC(**options, random_state=0)


def mixed():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(HOLES, columns=list("abcd"))
    return frame.assign(e=np.where(X[:, 0] > 5.5, "long", "short"))


CASES = {
    "complete": ({}, lambda: X, None),
    "missing": ({}, lambda: HOLES, None),
    "a row without a value": ({}, lambda: np.concatenate([HOLES, [[np.nan] * 4]]), None),
    "weights": ({}, lambda: X, WEIGHTS),
    "weights, missing": ({"criterion": "icl"}, lambda: HOLES, WEIGHTS),
    "noise": ({"noise": True, "criterion": "aic"}, lambda: X, None),
    "noise, weights": ({"noise": 200.0, "covariance_type": ["VVI"]}, lambda: X, WEIGHTS),
    "student": ({"distribution": "student_t", "covariance_type": ["EEE"]}, lambda: HOLES, None),
    "prior": ({"prior": "mclust"}, lambda: X, None),
    "one column": ({"covariance_type": "all"}, lambda: X[:, :1], None),
    "categories": ({"covariance_type": ["diag", "full"]}, mixed, WEIGHTS),
    "categories alone": ({"covariance_type": "all"}, lambda: mixed()[["e"]], None),
}


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.parametrize("case", CASES)
def test_figures_are_those_of_the_model_that_was_chosen(case):
    options, data, weights = CASES[case]
    data = data()
    fitted = grid(**options).fit(data, sample_weight=weights)
    found, best = fitted.summary(), fitted.best_estimator_
    for name in ("bic", "aic", "icl"):
        assert_allclose(getattr(found, name), getattr(best, name)(data, weights), rtol=1e-9)
    counted = np.ones(len(data)) if weights is None else weights.copy()
    counted[np.asarray(data != data).all(axis=1)] = 0.0  # a row without a value
    assert_allclose(found.n, counted.sum())
    assert found.df == found.n_parameters == best._n_parameters()
    assert_allclose(found.bic, found.df * np.log(found.n) - 2.0 * found.log_likelihood)
    assert found.criterion == fitted.criterion
    labels, k = best.predict(data), found.n_components
    assert k == fitted.best_params_["n_components"]
    assert found.covariance_type == fitted.covariance_type_
    assert_array_equal(found.sizes, [counted[labels == j].sum() for j in range(k)])
    assert_array_equal(found.weights, fitted.weights_)
    has_noise = "noise" in options
    assert found.noise_weight == (fitted.noise_weight_ if has_noise else None)
    assert found.noise_size == (counted[labels == -1].sum() if has_noise else None)
    assert found.converged == fitted.converged_
    others = [other.criterion for other in found.runners_up]
    assert others == sorted(others) and len(others) <= 3
    assert all(other >= fitted.best_criterion_ for other in others)
    # Each model once: with one component, or in one column, types are the same.
    told = [fitted.best_criterion_, *others]
    assert len({round(value, 6) for value in told}) == len(told)


def test_it_prints_what_it_says():
    anywhere = np.random.default_rng(0).uniform(0.0, 8.0, (20, 4))
    found = grid(noise=True).fit(np.concatenate([X, anywhere])).summary()
    text = repr(found)
    assert text == str(found)
    shown = [found.covariance_type, found.covariance_name, found.volume, found.shape]
    shown += [f"{getattr(found, name):.3f}" for name in ("log_likelihood", "bic", "icl", "aic")]
    shown += ["df", "BIC", "Lower criteria are better; mclust's have the other sign", "noise"]
    shown += [str(size) for size in found.sizes]
    shown += [f"{other.covariance_type}, {other.n_components}:" for other in found.runners_up]
    assert all(part in text for part in shown)
    assert max(map(len, text.splitlines())) <= 80


def test_the_wines_of_mclust():
    """Scrucca, Fop, Murphy & Raftery (2016), The R Journal 8, 289-317: Mclust(wine[, -1])."""
    theirs = {"model": ("VVE", 3), "log_likelihood": -3015.335, "df": 158, "bic": 6849.391}
    options = {"covariance_type": ["VVE", "EVE", "EEE"], "max_components": 4}
    found = grid(**options).fit(load_wine().data).summary()
    assert (found.covariance_type, found.n_components) == theirs["model"]
    assert found.covariance_name == "common_axes" and found.orientation == "equal"
    assert found.df == theirs["df"] and found.n == 178
    assert sorted(found.sizes) == [48, 59, 71]  # the three cultivars; mclust's are 50, 59, 69
    # By a search for the axes that ends at the maximum.
    assert found.log_likelihood > theirs["log_likelihood"] and found.bic < theirs["bic"]


def test_letters_in_words():
    words = {name: tuple(_in_common(STRUCTURES[name], 2, 3).values()) for name in NAMES}
    assert len(set(words.values())) == len(NAMES)
    assert words["full"] == ("variable", "variable", "variable")
    assert words["EEV"] == ("equal", "equal", "variable")
    assert words["VEI"] == ("variable", "equal", "coordinate axes")
    assert words["spherical"] == ("variable", "spherical", "none")


@pytest.mark.parametrize("columns", [1, 4])
def test_models_that_are_one_are_told_of_once(columns):
    data = X[:, [2]] if columns == 1 else X
    found = grid(covariance_type="all").fit(data).summary()
    same = [found.covariance_type, *found.same_as]
    if columns == 1:
        assert len(same) == 7 and found.n_models == 5
        assert (found.shape, found.orientation) == ("none", "none")
        assert {STRUCTURES[name].n_parameters(2, 1) for name in same} == {1 + (same[0][0] == "V")}
    else:
        assert len(same) == 1 and found.n_models == 2 * 14 + 3
    one = grid(covariance_type="all", max_components=1).fit(data).summary()
    assert one.n_models == (1 if columns == 1 else 3)
    assert (one.volume, len(one.runners_up)) == ("equal", one.n_models - 1)


def test_what_was_left_out_is_counted():
    rng = np.random.default_rng(0)
    few = np.concatenate([rng.normal(0, 1, (6, 3)), rng.normal(9, 1, (6, 3))])
    with pytest.warns(DataWarning, match="left out"):
        fitted = grid(covariance_type=["full", "EII"]).fit(few)
    found = fitted.summary()
    n_failed = np.isnan(fitted.criterion_).sum()
    assert found.n_failed == n_failed > 0
    assert found.n_models == 6 - n_failed
    assert isinstance(found.df, int)
    assert f"{n_failed} candidate" in repr(found)


def test_it_is_of_the_fit_whatever_was_set_since():
    fitted = grid(criterion="icl").fit(X)
    before = fitted.summary()
    kept = pickle.loads(pickle.dumps(fitted)).set_params(criterion="aic", covariance_type="EII")
    assert repr(kept.summary()) == repr(before) and before.criterion == "icl"


def test_rows_in_blocks_have_the_same_summary():
    blocks = [X[::2], np.empty((0, 4)), X[1::2]]
    whole = grid(max_components=2, covariance_type=["VEV"]).fit(np.concatenate(blocks)).summary()
    found = grid(max_components=2, covariance_type=["VEV"]).fit(blocks_of(blocks)).summary()
    assert sorted(found.sizes) == sorted(whole.sizes) and found.n == whole.n == 150


def blocks_of(blocks):
    class Source:
        def __iter__(self):
            return iter(blocks)

    return Source()


def test_without_a_fit():
    with pytest.raises(NotFittedError, match="This EMGaussianMixtureIC instance"):
        grid().summary()
