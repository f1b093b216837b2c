"""EMImputer on data that are read block by block: what it does with the same data in memory."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from tables import Parts, Slices, cut

from emkit import EMImputer
from emkit.exceptions import DataWarning
from emkit.models.rows import BLOCK_ROWS
from emkit.numerics.covariance import NAMES

SIZE = 700  #: rows of a block
N, D = 2000, 4


def table(dtype=float, constants=False, n=N):
    """Rows with holes, some of them without a value; perhaps beside columns that do not vary."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, D)) @ rng.normal(size=(D, D)) + np.arange(D)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 0] = np.where(np.arange(n) < SIZE, 1.0, X[:, 0])  # complete and constant in one block
    X[[5, SIZE, n - 1]] = np.nan
    if constants:
        X = np.insert(X, [1, 3], [7.0, np.nan], axis=1)
        X[SIZE + 3 : n : 5, 1] = np.nan
    return X.astype(dtype)


def weights_of(X):
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    weights[: SIZE + 20] = 0.0  # the whole first block
    return weights


LEARNED = ("weights_", "means_", "covariances_", "covariance_", "location_", "missing_fraction_")


def agree(read, whole, tol=1e-10):
    for name in (*LEARNED, "log_likelihood_", "n_samples_seen_", "shrinkage_", "history_"):
        expected = getattr(whole, name)
        np.testing.assert_allclose(getattr(read, name), expected, rtol=tol, atol=tol, err_msg=name)
    assert read.n_iter_ == whole.n_iter_


ignore_data_warnings = pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
kinds = pytest.mark.parametrize("kind", [cut, Slices], ids=["blocks", "slices"])


# Fits


@ignore_data_warnings
@kinds
@pytest.mark.parametrize("constants", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_source_gives_what_the_array_gives(kind, constants, weighted):
    X = table(constants=constants)
    weights = weights_of(X) if weighted else None
    whole = EMImputer(add_indicator=True).fit(X, sample_weight=weights)
    read = EMImputer(add_indicator=True).fit(kind(X), sample_weight=weights)
    agree(read, whole)
    assert list(read.get_feature_names_out()) == list(whole.get_feature_names_out())
    np.testing.assert_array_equal(read.missing_fraction_ > 0.0, whole.missing_fraction_ > 0.0)
    found, expected = read.score_samples(kind(X)), whole.score_samples(X)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)
    found, expected = read.score(kind(X), None, weights), whole.score(X, None, weights)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("covariance_type", NAMES)
def test_mixtures_start_from_the_same_rows(covariance_type):
    options = {"n_components": 2, "covariance_type": covariance_type, "random_state": 0}
    options |= {"n_init": 2, "tol": 1e-3, "acceleration": None}
    X = table()
    agree(EMImputer(**options).fit(cut(X)), EMImputer(**options).fit(X), tol=1e-8)


def test_weights_come_in_blocks_too():
    X = table()
    weights = weights_of(X)
    read = EMImputer().fit(cut(X), sample_weight=cut(weights))
    agree(read, EMImputer().fit(np.repeat(X, weights.astype(int), axis=0)))
    found = read.score(cut(X), sample_weight=cut(weights))
    assert found == pytest.approx(read.score(X, sample_weight=weights), rel=1e-12)


@ignore_data_warnings
@pytest.mark.parametrize(("constants", "more"), [(False, 0), (True, 1)])
def test_columns_are_found_in_the_first_reading(constants, more):
    """Where one does not vary, a second counts the rows that the others hold."""
    imputer = EMImputer(max_iter=0, acceleration=None)
    parts = cut(table(constants=constants))
    imputer.fit(parts)
    # Its first block; the columns; how they go together; the likelihood.
    assert parts.passes == 4 + more


def test_nothing_varies():
    X = np.full((N, 2), 3.0)
    X[5:, 1] = np.nan
    with pytest.warns(DataWarning, match="Nothing is observed in feature.*2"):
        imputer = EMImputer().fit(cut(np.insert(X, 2, np.nan, axis=1)))
    np.testing.assert_array_equal(imputer.location_, [3.0, 3.0])
    assert imputer.score(cut(np.insert(X, 2, np.nan, axis=1))) == 0.0
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        EMImputer(3).fit(Parts(X[:1], X[:1]))


def test_single_precision_stays():
    X = table(np.float32)
    read, whole = EMImputer().fit(cut(X)), EMImputer().fit(X)
    agree(read, whole)
    lazy = read.transform(Slices(X))
    assert lazy.dtype == lazy[:3].dtype == whole.transform(X).dtype == np.float32


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_single_precision_is_not_copied_to_double(missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 20)).astype(np.float32)
    X[rng.random(X.shape) < missing] = np.nan
    imputer = EMImputer(max_iter=2, tol=1.0, min_value=-3.0)
    peaks = []
    for method in (imputer.fit, imputer.score_samples, imputer.transform):
        tracemalloc.start()
        method(X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A copy in double precision takes 2 X.nbytes; what is filled takes X.nbytes itself.
    assert max(peaks[0], peaks[1], peaks[2] - X.nbytes) < X.nbytes, peaks


def test_a_warm_start_and_standard_errors_and_their_table():
    X, weights = table(), weights_of(table())
    imputer = EMImputer(warm_start=True, tol=1e-8).fit(cut(X), sample_weight=weights)
    found, expected = (imputer.standard_errors(rows, sample_weight=weights) for rows in (cut(X), X))
    np.testing.assert_allclose(found.location, expected.location, rtol=1e-6)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-4)
    pd.testing.assert_frame_equal(
        imputer.summary(cut(X), weights), imputer.summary(X, weights), rtol=1e-5
    )
    assert imputer.fit(cut(X), sample_weight=weights).n_iter_ <= 2


def test_batches_of_a_stream_may_be_sources():
    X = table()
    read, whole = EMImputer(), EMImputer()
    for batch in (X[:1000], X[1000:1500], X[1500:]):
        read.partial_fit(cut(batch, 300))
        whole.partial_fit(batch)
    for name in (*LEARNED, "n_samples_seen_", "n_batches_", "shrinkage_"):
        np.testing.assert_allclose(getattr(read, name), getattr(whole, name), rtol=1e-9)
    with pytest.warns(DataWarning, match="Nothing is observed in the batch"):
        read.partial_fit(cut(np.full((5, D), np.nan)))


def test_a_batch_in_which_a_constant_varies():
    X = table(constants=True)
    X[:, 4] = 0.0
    imputer = EMImputer().partial_fit(cut(X))
    X[-2, 1] = 8.0
    for batch in (cut(X), X):
        with pytest.warns(DataWarning, match="1 had no value or one value only"):
            imputer.partial_fit(batch)


# Imputed rows


@ignore_data_warnings
@pytest.mark.parametrize("constants", [False, True])
@pytest.mark.parametrize(
    "options",
    [{}, {"add_indicator": True}, {"keep_empty_features": True}, {"min_value": 0.0}],
    ids=lambda options: "".join(options),
)
def test_imputed_rows_are_computed_when_they_are_read(options, constants):
    X = table(constants=constants, n=BLOCK_ROWS + 500)
    imputer = EMImputer(**options).fit(X[:5000])
    expected, source = imputer.transform(X), Slices(X)
    lazy = imputer.transform(source)
    assert source.reads == 1
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(lazy[7:30], expected[7:30], rtol=1e-12)
    np.testing.assert_allclose(np.asarray(lazy), expected, rtol=1e-12)
    parts = imputer.transform(Parts(X[:0], X[:50], X[50:90]))
    for _ in range(2):
        np.testing.assert_allclose(np.concatenate(list(parts)), expected[:90], rtol=1e-12)


def test_fit_transform_and_a_fit_of_what_it_gives():
    X = table()
    filled = EMImputer().fit_transform(cut(X))
    expected = EMImputer().fit_transform(X)
    np.testing.assert_allclose(np.concatenate(list(filled)), expected, rtol=1e-9)
    agree(EMImputer().fit(filled), EMImputer().fit(expected), tol=1e-8)


def test_imputed_rows_are_those_of_the_fit_they_were_made_by():
    X = table()
    imputer = EMImputer().fit(X)
    expected, lazy = imputer.transform(X), imputer.transform(cut(X))
    imputer.set_params(min_value=100.0).fit(3.0 * X)
    np.testing.assert_allclose(np.concatenate(list(lazy)), expected, rtol=1e-12)


@kinds
@pytest.mark.parametrize("random_state", [0, None, np.random.RandomState(0)])
def test_draws_are_the_same_at_every_reading(kind, random_state):
    X = table(n=BLOCK_ROWS + 50)
    imputer = EMImputer(sample_posterior=True, random_state=random_state).fit(X[:3000])
    lazy, other = (imputer.transform(kind(X)) for _ in range(2))
    if kind is Slices:
        assert (lazy[BLOCK_ROWS:] == np.asarray(lazy)[BLOCK_ROWS:]).all()
    first, second = (np.concatenate(list(rows)) for rows in (lazy, lazy))
    np.testing.assert_array_equal(first, second)
    missing = np.isnan(X)
    np.testing.assert_array_equal(first[~missing], X[~missing])
    again = np.concatenate(list(other))[missing]
    assert (again == first[missing]).all() == (random_state == 0)


def test_draws_do_not_repeat_from_block_to_block():
    X = np.full((100, D), np.nan)
    imputer = EMImputer(sample_posterior=True, random_state=0).fit(table())
    draws = np.concatenate(list(imputer.transform(Parts(X, X, X))))
    assert len(np.unique(draws[:, 0])) == len(draws)


# Marks of missing cells


NAMES = [f"column {j}" for j in range(D)]


def integers():
    X = np.rint(5.0 * np.nan_to_num(table())) + 100.0
    return X, np.isnan(table())


@pytest.mark.parametrize(
    ("mark", "dtype"),
    [(-1, int), (-1, np.float32), (-1, object), (None, object), (pd.NA, object), ("?", object)],
)
def test_every_mark_of_a_missing_cell(mark, dtype):
    X, missing = integers()
    marked = np.where(missing, mark, X.astype(object)).astype(dtype)
    expected = EMImputer().fit(np.where(missing, np.nan, X))
    for kind in (cut, Slices):
        read = EMImputer(missing_values=mark).fit(kind(marked))
        agree(read, expected, tol=1e-6 if dtype == np.float32 else 1e-10)
        filled = np.concatenate(list(read.transform(kind(marked))))
        assert filled.dtype == (np.float32 if dtype == np.float32 else np.float64)
        np.testing.assert_array_equal(filled[~missing], X[~missing])
        assert np.isfinite(filled).all()


@pytest.mark.parametrize("mark", [np.nan, pd.NA])
def test_frames_in_blocks(mark):
    X, missing = integers()
    frame = pd.DataFrame(np.where(missing, np.nan, X), columns=NAMES)
    nullable = frame.astype({NAMES[0]: "Int64", NAMES[1]: "Float64"})
    expected = EMImputer(missing_values=mark).fit(nullable)
    parts = Parts(nullable[:500], nullable[500:])
    read = EMImputer(missing_values=mark).fit(parts)
    agree(read, expected)
    assert list(read.feature_names_in_) == NAMES
    filled = np.concatenate(list(read.transform(parts)))
    np.testing.assert_allclose(filled, expected.transform(nullable), rtol=1e-10)


# What goes wrong


@pytest.mark.parametrize(
    ("spoil", "mark", "message"),
    [
        (lambda b: b[:, :2], np.nan, "Block 2 of X has shape .*, and block 0 has 4 columns"),
        (lambda b: b.astype(np.float32), np.nan, "Block 2 of X has dtype float32"),
        (
            lambda b: np.where(b > 3.0, np.inf, b),
            np.nan,
            "infinity(.|\n)*block 2 of X, from row 1400",
        ),
        (lambda b: b + np.nan, -1, "NaN(.|\n)*in block 2 of X, from row 1400"),
    ],
)
def test_a_block_that_does_not_go_with_the_others(spoil, mark, message):
    X = table() if np.isnan(mark) else np.nan_to_num(table(), nan=mark)
    parts = list(cut(X).parts)
    imputer = EMImputer(missing_values=mark).fit(X)
    parts[2] = spoil(parts[2])
    for read in (imputer.fit, imputer.score_samples, lambda X: list(imputer.transform(X))):
        with pytest.raises(ValueError, match=message):
            read(Parts(*parts))


def test_words_are_told_with_their_block():
    X = np.nan_to_num(table()).astype(object)
    X[SIZE + 1, 1] = "many"
    with pytest.raises(ValueError, match="must hold numbers besides(.|\n)*block 1 of X"):
        EMImputer(missing_values="?").fit(cut(X))


def test_sources_that_cannot_be_fitted():
    X = table()
    with pytest.raises(TypeError, match="can be read again.*generator"):
        EMImputer().fit(part for part in [X])
    for empty in (Parts(), Parts(X[:0])):
        with pytest.raises(ValueError, match="without blocks|0 sample"):
            EMImputer().fit(empty)
    with pytest.raises(ValueError, match="0 sample"):
        EMImputer().fit(cut(X), sample_weight=np.zeros(N))
    with pytest.raises(ValueError, match="no rows of positive weight"):
        EMImputer().fit(X).score(cut(X), sample_weight=np.zeros(N))
    with pytest.raises(ValueError, match="sample_weight and X must have the same rows"):
        EMImputer().fit(cut(X), sample_weight=np.ones(N - 1))
    with pytest.raises(ValueError, match="min_value should not exceed"):
        EMImputer(min_value=1.0, max_value=0.0).fit(cut(X))
    with pytest.raises(ValueError, match="4 features"):
        EMImputer().fit(X).transform(cut(X[:, :2]))


def test_multiple_imputation_is_of_rows_in_memory():
    with pytest.raises(ValueError, match="must be in memory. Got Parts.*sample of the rows"):
        EMImputer().multiple_impute(cut(table()))


def test_a_memory_map_does_not_stay_in_memory(tmp_path):
    """256 MiB on disk, fitted and filled by a process that may grow by 100."""
    path = tmp_path / "X.npy"
    script = f"""
import numpy as np
X = np.lib.format.open_memmap({str(path)!r}, "w+", np.float64, (2**22, 8))
block = np.random.default_rng(0).normal(size=(2**16, 8))
block[np.random.default_rng(1).random(block.shape) < 0.05] = np.nan
for start in range(0, len(X), len(block)):
    X[start : start + len(block)] = block
X.flush()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    script = f"""
import resource, warnings
import numpy as np
from emkit import EMImputer
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
small = np.load({str(path)!r}, mmap_mode="r")[:70_000].copy()
warnings.simplefilter("ignore")
EMImputer(max_iter=1).fit_transform(small)
before = peak()
X = np.load({str(path)!r}, mmap_mode="r")
filled = EMImputer(max_iter=1).fit_transform(X)
assert all(np.isfinite(filled[i : i + 100_000]).all() for i in range(0, len(X), 100_000))
print(peak() - before)
"""
    grown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert float(grown.stdout) < 100.0
