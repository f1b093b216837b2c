"""What EMGaussianMixture accepts, what it refuses, and with which words.

Where scikit-learn's mixture refuses the same input, type and text of the error have to be its.
"""

import pickle
import re
from fractions import Fraction
from functools import cache
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from structures import nearest

from emkit import EMGaussianMixture
from emkit.engine import Squarem
from emkit.numerics.covariance import NAMES, SCIKIT_LEARN, STRUCTURES

OTHER_KINDS = list(permutations(NAMES, 2))
FITTED = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]
METHODS = ["predict", "predict_proba", "score", "score_samples", "aic", "bic"]

# Two clusters on a grid that float32 holds exactly.
X = np.round(np.random.default_rng(0).normal(size=(30, 2)) * 64) / 64
X[:15] += 4.0
LABELS = np.repeat([0, 1], 15)
HALVES = np.eye(2)[LABELS]


def altered(values, index, value):
    values = np.array(values, dtype=float)
    values[index] = value
    return values


def error_of(mixture, action):
    """Type and text of the error that ``action`` meets, or None, without the class's name."""
    try:
        action(mixture)
    except Exception as error:
        text = str(error).replace(mixture.__name__, "Mixture")
        if "'covariance_type'" in text or "'init_params'" in text:  # emkit has more of them
            text = re.sub(r"\{.*?\}", "{}", text)
        # Options print as a set, in any order; emkit names the argument that holds NaN or text.
        text = re.sub(r"\{.*?\}", lambda options: "".join(sorted(options[0])), text)
        text = re.sub(r"\w+_init holds text \(.*?\): (.*)\. There must be.*", r"\1", text)
        text = re.sub(r"np\.str_\((.*?)\)", r"\1", text)  # a word is one, of NumPy or not
        return type(error), re.sub(r"Input \w+_init contains", "Input contains", text)
    return None


def assert_same_error(action, place=""):
    """Both mixtures refuse, in the same words; of cells, ours says in which column they are."""
    ours, theirs = error_of(EMGaussianMixture, action), error_of(GaussianMixture, action)
    assert theirs is not None, "scikit-learn accepts this: there is nothing to compare with"
    if place:
        assert ours[0] is theirs[0] and theirs[1] in ours[1] and place in ours[1].lower()
    else:
        assert ours == theirs
    assert issubclass(ours[0], ValueError | TypeError)


@cache
def fitted(mixture):
    return mixture(2, random_state=0).fit(X)


@pytest.fixture
def no_work(monkeypatch):
    """Checks come first: nothing may have begun to fit."""

    def begun(*args, **kwargs):
        raise AssertionError("the fit has begun")

    monkeypatch.setattr("emkit.models.rows.measure_scaling", begun)
    monkeypatch.setattr("emkit.mixture.fitting.best_run", begun)


# Data

BAD_DATA = {
    "inf": altered(X, (3, 1), np.inf),
    "-inf": altered(X, (3, 1), -np.inf),
    "complex": X + 1j,
    "words in objects": np.array([[1, "b"], [2, "c"]], dtype=object),
    "dicts": np.array([[{}, 1], [2, 3]], dtype=object),
    "no rows": X[:0],
    "no columns": X[:, :0],
    "1-D": X[:, 0],
    "3-D": X[None],
    "scalar": 3.0,
    "sparse": sparse.csr_array(X),
    "ragged": [[1.0, 2.0], [3.0]],
}
#: What is wrong in a single column.
PLACES = {
    "inf": "column 1",
    "-inf": "column 1",
    "words in objects": "column 1",
    "dicts": "column 0",
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_at_fit(name, no_work):
    place = PLACES.get(name, "")
    assert_same_error(lambda mixture: mixture().fit(BAD_DATA[name]), place)
    assert_same_error(lambda mixture: mixture().fit_predict(BAD_DATA[name]), place)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_after_fit(name, method):
    place = PLACES.get(name, "")
    assert_same_error(lambda mixture: getattr(fitted(mixture), method)(BAD_DATA[name]), place)


def test_words_are_no_data(no_work):
    words, place = [["a", "b"], ["c", "d"]], "column 0 ('a'), column 1 ('b')"
    assert_same_error(lambda mixture: mixture().fit(words), place)
    with pytest.raises(ValueError, match=re.escape(f"{place}: could not convert string to float")):
        EMGaussianMixture().fit(np.array(words))


@pytest.mark.parametrize("method", METHODS)
def test_words_are_no_data_after_fit(method):
    # scikit-learn calls them incompatible with dtype='numeric', which says less.
    with pytest.raises(ValueError, match="could not convert string to float: 'a'"):
        getattr(fitted(EMGaussianMixture), method)([["a", "b"]])


@pytest.mark.parametrize("method", METHODS)
def test_wrong_number_of_columns(method):
    assert_same_error(lambda mixture: getattr(fitted(mixture), method)(X[:, :1]))
    assert_same_error(lambda mixture: getattr(fitted(mixture), method)(np.c_[X, X]))


@pytest.mark.parametrize("method", METHODS)
def test_not_fitted(method):
    assert_same_error(lambda mixture: getattr(mixture(), method)(X))
    with pytest.raises(NotFittedError):
        getattr(EMGaussianMixture(), method)(X)


def test_not_fitted_for_sample_and_icl():
    assert_same_error(lambda mixture: mixture().sample())
    with pytest.raises(NotFittedError):
        EMGaussianMixture().icl(X)


def test_too_few_rows(no_work):
    assert_same_error(lambda mixture: mixture().fit(X[:1]))
    assert_same_error(lambda mixture: mixture(31).fit(X))


def test_rows_of_weight_zero_are_no_rows(no_work):
    weights = np.r_[1.0, 1.0, np.zeros(28)]
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        EMGaussianMixture(3).fit(X, sample_weight=weights)


@pytest.mark.parametrize("n_samples", [0, -1])
def test_sample_of_nothing(n_samples):
    # scikit-learn prints n_components here.
    with pytest.raises(ValueError, match=f"'n_samples': {n_samples} .*at least one sample"):
        fitted(EMGaussianMixture).sample(n_samples)


@pytest.mark.parametrize("n_samples", ["3", 1.5, None, [3]])
def test_sample_of_what_is_no_number(n_samples):
    with pytest.raises(TypeError, match=f"n_samples must be .* Got {re.escape(repr(n_samples))}"):
        fitted(EMGaussianMixture).sample(n_samples)


# Arguments of the constructor

BAD_ARGUMENTS = {
    "n_components": [0, -1, 1.5, "2", None, np.nan],
    "tol": [-1, -1e-300, "small", None, np.nan, np.inf],
    "reg_covar": [-1, "small", None, np.nan, np.inf],
    "max_iter": [-1, 1.5, "1", None],
    "n_init": [0, -1, 1.5, "1", None],
    "covariance_type": ["foo", "Full", None, 1],
    "init_params": ["foo", None, 1],
    "random_state": ["a", -1, 1.5, 2**32, np.random.default_rng(0)],
    "warm_start": [2, "yes", None],
    "verbose": [-1, "a", None],
    "verbose_interval": [0, -1, 1.5, "a", None],
    "weights_init": ["foo", 0.5],
    "means_init": ["foo", 0.5],
}
OWN_ARGUMENTS = {
    "tol": [Fraction(1, 1000), 10**400],
    "reg_covar": [Fraction(1, 10**6), 10**400],
    "learning_decay": [Fraction(3, 4)],
    "learning_offset": [Fraction(1, 2), 10**400],
    "search": ["foo", 3, None],
    "acceleration": ["foo", 3, False, Squarem],
    "n_jobs": ["two", 1.5],
    "resp_init": ["foo", 3],
    "precisions_init": ["foo"],  # one number is that of "EII"
}


def pairs(table):
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), pairs(BAD_ARGUMENTS))
def test_bad_argument(name, value, no_work):
    assert_same_error(lambda mixture: mixture(**{name: value}).fit(X))


@pytest.mark.parametrize(("name", "value"), pairs(OWN_ARGUMENTS))
def test_bad_argument_of_emkit(name, value, no_work):
    message = f"'{name}' parameter of EMGaussianMixture must be .* Got {re.escape(repr(value))} ins"
    with pytest.raises((ValueError, TypeError), match=message):
        EMGaussianMixture(**{name: value}).fit(X)


# Starts that are given


def test_one_number_for_matrices_is_refused():
    with pytest.raises(ValueError, match="full precision' should have the shape of"):
        EMGaussianMixture(precisions_init=0.5).fit(X)


def good_precisions(kind):
    return nearest(kind, np.array([[[1.0, 0.5], [0.5, 2.0]], [[1.0, 0.0], [0.0, 3.0]]]))


GOOD = {kind: good_precisions(kind) for kind in NAMES}
BAD_STARTS = {
    "weights_init": [
        [0.5, 0.3, 0.2],
        [1.0],
        [[0.5, 0.5]],
        [],
        [-0.1, 1.1],
        [2.0, -1.0],
        [0.5, 0.4],
        [0.5, 0.5 + 1e-7],
        ["a", "b"],
        [np.nan, 0.5],
        [0.5 + 1j, 0.5],
    ],
    "means_init": [
        np.zeros(2),
        np.zeros((2, 3)),
        np.zeros((3, 2)),
        [[1.0, 2.0], [3.0]],
        [["a", "b"], ["c", "d"]],
        [[np.nan, 0.0], [0.0, 0.0]],
        [[np.inf, 0.0], [0.0, 0.0]],
        np.zeros((2, 2)) + 1j,
    ],
}


@pytest.mark.parametrize(("name", "value"), pairs(BAD_STARTS))
def test_bad_start(name, value, no_work):
    assert_same_error(lambda mixture: mixture(2, **{name: value}).fit(X))


@pytest.mark.parametrize("kind", SCIKIT_LEARN)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[:-1],
        lambda good: good.ravel()[:1],
        lambda good: -good,
        lambda good: 0.0 * good,
        lambda good: altered(good, 0, np.nan),
        lambda good: altered(good, 0, np.inf),
        lambda good: good + 1j,
        lambda good: np.array([["a"]]),
    ],
    ids=["short", "flat", "negative", "zero", "nan", "inf", "complex", "words"],
)
def test_bad_precisions(kind, spoil, no_work):
    precisions = spoil(GOOD[kind])
    assert_same_error(
        lambda mixture: mixture(2, covariance_type=kind, precisions_init=precisions).fit(X)
    )


@pytest.mark.parametrize("kind", ["full", "tied"])
@pytest.mark.parametrize(
    "matrix",
    [[[1.0, 0.5], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]],
    ids=["asymmetric", "indefinite", "singular"],
)
def test_precisions_have_to_be_symmetric_and_definite(kind, matrix, no_work):
    precisions = altered(GOOD[kind], -1 if kind == "full" else ..., matrix)
    assert_same_error(
        lambda mixture: mixture(2, covariance_type=kind, precisions_init=precisions).fit(X)
    )


@pytest.mark.parametrize(("kind", "other"), OTHER_KINDS)
def test_precisions_of_another_structure(kind, other, no_work):
    # With three features no two layouts have the same shape.
    X3 = np.c_[X, X[::-1, 0]]
    shapes = {name: STRUCTURES[name].layout.shape(2, 3) for name in (kind, other)}
    if shapes[kind] == shapes[other]:
        return
    mixture = EMGaussianMixture(2, covariance_type=kind, precisions_init=np.ones(shapes[other]))
    message = f"'{kind} precision' should have the shape of {shapes[kind]}, but got {shapes[other]}"
    with pytest.raises(ValueError, match=re.escape(message)):
        mixture.fit(X3)


BAD_RESP = {
    "too high": (LABELS + 1, "integers from 0 to 1, but got values from 1 to 2"),
    "negative label": (LABELS - 1, "integers from 0 to 1, but got values from -1 to 0"),
    "no integers": (LABELS + 0.5, "integers from 0 to 1, but got values from 0.5 to 1.5"),
    "short": (LABELS[:-1], r"shape of \(30,\) .* or \(30, 2\) .*, but got \(29,\)"),
    "transposed": (HALVES.T, r"shape of \(30,\) .* or \(30, 2\) .*, but got \(2, 30\)"),
    "one column": (HALVES[:, :1], r"or \(30, 2\) \(responsibilities\), but got \(30, 1\)"),
    "3-D": (HALVES[None], "dim 3"),
    "sums": (0.9 * HALVES, "rows that sum to 1, .* sums from 0.9"),
    "negative": (1.5 * HALVES - 0.25, "nonnegative .* a minimum of -0.25"),
    "nan": (altered(HALVES, (0, 0), np.nan), "resp_init contains NaN"),
    "nan label": (altered(LABELS, 0, np.nan), "resp_init contains NaN"),
    "inf": (altered(HALVES, (0, 0), np.inf), "resp_init contains infinity"),
    "words": (np.array(["a"] * 30), "resp_init holds text"),
    "complex": (HALVES + 1j, "Complex data not supported"),
}


@pytest.mark.parametrize(("resp", "message"), BAD_RESP.values(), ids=BAD_RESP)
def test_bad_responsibilities(resp, message, no_work):
    with pytest.raises(ValueError, match=message):
        EMGaussianMixture(2, resp_init=resp).fit(X)


BAD_WEIGHTS = {
    "negative": (
        altered(np.ones(30), 0, -1.0),
        "Negative values in data passed to `sample_weight`",
    ),
    "zeros": (np.zeros(30), "Sample weights must contain at least one"),
    "short": (np.ones(29), r"sample_weight.shape == \(29,\), expected \(30,\)"),
    "2-D": (np.ones((30, 1)), "Sample weights must be 1D array or scalar"),
    "nan": (altered(np.ones(30), 0, np.nan), "sample_weight contains NaN"),
    "inf": (altered(np.ones(30), 0, np.inf), "sample_weight contains infinity"),
    "complex": (np.ones(30) + 1j, "Complex data not supported"),
    "words": (np.array(["a"] * 30), "could not convert string to float"),
}


@pytest.mark.parametrize("method", ["fit", "fit_predict"])
@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_bad_sample_weight_at_fit(weights, message, method, no_work):
    with pytest.raises(ValueError, match=message):
        getattr(EMGaussianMixture(2), method)(X, sample_weight=weights)


@pytest.mark.parametrize("method", ["score", "aic", "bic", "icl"])
@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_bad_sample_weight_after_fit(weights, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(fitted(EMGaussianMixture), method)(X, sample_weight=weights)


# What a failure leaves behind

FAILURES = {
    "argument": ({"n_components": 0}, X),
    "data": ({}, BAD_DATA["inf"]),
    "start": ({"resp_init": LABELS[:-1]}, X),
    "collapse": ({"reg_covar": 0.0}, np.ones((30, 2))),
}


@pytest.mark.parametrize(("arguments", "data"), FAILURES.values(), ids=FAILURES)
def test_failed_fit_fits_nothing(arguments, data):
    mixture = EMGaussianMixture(**{"n_components": 2, **arguments})
    with pytest.raises(ValueError):
        mixture.fit(data)
    assert not hasattr(mixture, "converged_")
    with pytest.raises(NotFittedError):
        mixture.predict(X)


@pytest.mark.parametrize(("arguments", "data"), FAILURES.values(), ids=FAILURES)
def test_failed_refit_keeps_the_last_fit(arguments, data):
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    before = mixture.predict_proba(X)
    with pytest.raises(ValueError):
        mixture.set_params(**arguments).fit(data)
    np.testing.assert_array_equal(mixture.predict_proba(X), before)


@pytest.mark.parametrize("convert", [np.asarray, np.float32, np.ndarray.tolist])
@pytest.mark.parametrize("kind", NAMES)
def test_fit_leaves_its_arguments_alone(kind, convert):
    mixture = EMGaussianMixture(
        2,
        covariance_type=kind,
        weights_init=convert(np.array([0.25, 0.75])),
        means_init=convert(np.array([[4.0, 4.0], [0.0, 0.0]])),
        precisions_init=convert(GOOD[kind]),
        resp_init=convert(HALVES),
        random_state=np.random.RandomState(0),
        acceleration=Squarem(),
    )
    before, copies = mixture.get_params(), clone(mixture).get_params()
    mixture.fit(X)
    after = mixture.get_params()
    assert all(after[name] is before[name] for name in before)
    for name in ["weights_init", "means_init", "precisions_init", "resp_init"]:
        np.testing.assert_array_equal(after[name], copies[name])


@pytest.mark.parametrize(("kind", "other"), OTHER_KINDS)
def test_warm_start_from_another_structure(kind, other):
    # With two components and two features, 'tied' and 'diag' have the same shape.
    mixture = EMGaussianMixture(2, covariance_type=kind, warm_start=True, random_state=0).fit(X)
    with pytest.raises(ValueError, match="warm_start"):
        mixture.set_params(covariance_type=other).fit(X)


def test_warm_start_from_other_columns_or_components():
    mixture = EMGaussianMixture(2, warm_start=True, random_state=0).fit(X)
    for change, data in [({"n_components": 3}, X), ({"n_components": 2}, np.c_[X, X[:, 0] ** 2])]:
        with pytest.raises(ValueError, match="warm_start"):
            mixture.set_params(**change).fit(data)


# Types and layouts of good data


@pytest.mark.parametrize("kind", NAMES)
def test_float32_stays_float32(kind):
    single = X.astype(np.float32)
    mixture = EMGaussianMixture(2, covariance_type=kind, random_state=0).fit(single)
    results = [getattr(mixture, name) for name in FITTED]
    results += [mixture.score_samples(single), mixture.predict_proba(single)]
    assert {result.dtype for result in results} == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", NAMES)
def test_float32_only_rounds_the_answer(kind):
    mixture = EMGaussianMixture(2, covariance_type=kind, random_state=0)
    single, double = clone(mixture).fit(X.astype(np.float32)), mixture.fit(X)
    assert single.n_iter_ == double.n_iter_
    for name in FITTED:
        np.testing.assert_allclose(getattr(single, name), getattr(double, name), 1e-5, 1e-6)
    np.testing.assert_allclose(
        single.predict_proba(X.astype(np.float32)), double.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize("convert", [np.int64, np.int32, np.uint8, np.float16, np.ndarray.tolist])
def test_other_numbers_become_float64(convert):
    whole = np.abs(np.round(4.0 * X))
    expected = EMGaussianMixture(2, random_state=0).fit(whole)
    mixture = EMGaussianMixture(2, random_state=0).fit(convert(whole))
    for name in FITTED:
        assert getattr(mixture, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(mixture, name), getattr(expected, name))
    assert mixture.score_samples(convert(whole)).dtype == np.float64


def test_frames_give_names():
    frame = pd.DataFrame(X, columns=["length", "width"])
    mixture = EMGaussianMixture(2, random_state=0).fit(frame)
    assert mixture.feature_names_in_.tolist() == ["length", "width"]
    assert mixture.n_features_in_ == 2
    expected = fitted(EMGaussianMixture).predict_proba(X)
    np.testing.assert_allclose(mixture.predict_proba(frame), expected, atol=1e-10)
    assert not hasattr(EMGaussianMixture().fit(X), "feature_names_in_")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("columns", [["length", "height"], ["width", "length"]])
def test_frames_with_other_names(columns, method):
    frame = pd.DataFrame(X, columns=["length", "width"])
    other = frame.set_axis(columns, axis=1)
    assert_same_error(lambda mixture: getattr(mixture().fit(frame), method)(other))


def read_only(values):
    values = np.array(values)
    values.setflags(write=False)
    return values


@pytest.mark.parametrize(
    "convert",
    [
        np.asfortranarray,
        lambda rows: np.repeat(np.repeat(rows, 2, axis=0), 3, axis=1)[::2, ::3],
        lambda rows: np.flip(np.flip(rows).copy()),
        read_only,
    ],
    ids=["fortran", "strided", "negative strides", "read-only"],
)
@pytest.mark.parametrize("kind", NAMES)
def test_memory_layout_does_not_matter(kind, convert):
    rows = convert(X)
    np.testing.assert_array_equal(rows, X)
    mixture = EMGaussianMixture(2, covariance_type=kind, random_state=0)
    expected, mixture = clone(mixture).fit(X), mixture.fit(rows)
    for name in FITTED:
        np.testing.assert_allclose(getattr(mixture, name), getattr(expected, name), 1e-10, 1e-12)
    np.testing.assert_allclose(mixture.predict_proba(rows), expected.predict_proba(X), atol=1e-10)


def test_read_only_everything():
    given = {
        "means_init": read_only([[4.0, 4.0], [0.0, 0.0]]),
        "precisions_init": read_only(GOOD["full"]),
        "weights_init": read_only([0.5, 0.5]),
    }
    weights = read_only(np.arange(30.0))
    expected = EMGaussianMixture(2, **{name: value.copy() for name, value in given.items()})
    expected.fit(X, sample_weight=weights.copy())
    mixture = EMGaussianMixture(2, **given).fit(read_only(X), sample_weight=weights)
    np.testing.assert_array_equal(mixture.means_, expected.means_)
    parted = EMGaussianMixture(2, resp_init=read_only(HALVES)).fit(read_only(X))
    labelled = EMGaussianMixture(2, resp_init=read_only(LABELS)).fit(X)
    np.testing.assert_array_equal(parted.means_, labelled.means_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memmap(tmp_path, dtype):
    rows = np.memmap(tmp_path / "rows", dtype=dtype, mode="w+", shape=X.shape)
    rows[:] = X
    rows = np.memmap(tmp_path / "rows", dtype=dtype, mode="r", shape=X.shape)
    mixture = EMGaussianMixture(2, random_state=0).fit(rows)
    expected = EMGaussianMixture(2, random_state=0).fit(X.astype(dtype))
    for name in FITTED:
        assert type(getattr(mixture, name)) is np.ndarray
        np.testing.assert_array_equal(getattr(mixture, name), getattr(expected, name))
    np.testing.assert_array_equal(mixture.predict(rows), expected.predict(X.astype(dtype)))


# Copies


@pytest.mark.parametrize("kind", NAMES)
def test_pickle_round_trip(kind):
    mixture = EMGaussianMixture(2, covariance_type=kind, random_state=0, n_init=2).fit(X)
    copy = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(copy.score_samples(X), mixture.score_samples(X))
    np.testing.assert_array_equal(copy.sample(5)[0], mixture.sample(5)[0])
    assert vars(copy).keys() == vars(mixture).keys()
    assert copy.runs_ == mixture.runs_
    copy.fit(X)
    np.testing.assert_array_equal(copy.means_, mixture.means_)


def test_clone_is_unfitted_and_equal():
    mixture = EMGaussianMixture(
        2, resp_init=LABELS, acceleration="squarem", search="short_runs", n_jobs=1, tol=1e-5
    ).fit(X)
    copy = clone(mixture)
    assert not hasattr(copy, "converged_")
    assert copy.get_params().keys() == mixture.get_params().keys()
    np.testing.assert_array_equal(copy.resp_init, LABELS)
    np.testing.assert_array_equal(copy.fit(X).means_, mixture.means_)


# Starts and weights out of all proportion

SOME = np.random.default_rng(0).normal(size=(40, 2))


@pytest.mark.parametrize("covariance_type", NAMES)
@pytest.mark.parametrize("unit", [1.0, 1e9, 1e-9])
@pytest.mark.parametrize(
    ("argument", "factor"), [("means_init", 1e290), ("precisions_init", 1e280)]
)
def test_a_start_that_no_row_is_near_is_refused_by_name(argument, factor, unit, covariance_type):
    plain = EMGaussianMixture(2, covariance_type=covariance_type, random_state=0, reg_covar=0.0)
    fitted = plain.fit(SOME * unit)
    value = {"means_init": fitted.means_, "precisions_init": fitted.precisions_}[argument] * factor
    with pytest.raises(ValueError, match=f"{argument} holds .* out of all proportion"):
        clone(plain).set_params(**{argument: value}).fit(SOME * unit)


@pytest.mark.parametrize("argument", ["means_init", "precisions_init", "weights_init", "resp_init"])
@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, dtype=object)])
def test_a_start_of_text_is_refused_by_name(argument, kind):
    text = kind(["a", "b"] * 20)
    with pytest.raises(ValueError, match=rf"{argument} holds text \('a'\)"):
        EMGaussianMixture(2, **{argument: text}).fit(SOME)


@pytest.mark.parametrize("power", [150, 250, 299])
@pytest.mark.parametrize("reg_covar", [0.0, 1e-6])
def test_a_weight_beside_which_no_row_is_there_is_named(reg_covar, power):
    weights = np.where(np.arange(40) == 7, 10.0**power, 1.0)
    with pytest.raises(ValueError, match=r"sample_weight holds 1e\+\d+, and all other rows"):
        EMGaussianMixture(2, reg_covar=reg_covar).fit(SOME, sample_weight=weights)


FITS = {
    "normal": {},
    "columns apart": {"covariance_type": "diag"},
    "tails": {"distribution": "student_t"},
    "noise": {"noise": True},
}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "score"])
@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
def test_no_row_is_so_far_that_an_answer_is_no_number(options, method):
    mixture = EMGaussianMixture(2, random_state=0, **options).fit(X)
    for size in (1e9, 1e100, 1e150, 1e155, 1e200, 1e300, np.finfo(float).max):
        for row in ([[size, -size]], [[0.0, size]]):
            try:
                assert np.isfinite(getattr(mixture, method)(row)).all()
            except ValueError as error:
                assert size > 1e150 and re.search(r"Column [01] holds .* in row 0", str(error))
                continue
            assert size < 1e160
