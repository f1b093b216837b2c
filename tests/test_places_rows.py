"""What a fitted estimator tells of rows, wherever these lie: the same, and computed when read."""

import pickle
import subprocess
import sys
import threading
import tracemalloc
from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from places import (
    BLOCK,
    CHUNKS,
    MIXTURE,
    REGRESSOR,
    D,
    N,
    clusters,
    each_case,
    each_estimator,
    frequencies,
    gathered,
    places,
    quiet,
    responses,
    set_sizes,
    sources,
    table,
)
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from tables import Parts, Slices, cut

from emkit import EMCensoredRegressor, EMImputer
from emkit.data.checks import rows_with_value
from emkit.data.opened import open_data
from emkit.data.reader import Reader
from emkit.models.rows import Rows

pytestmark = quiet
to_tell = places("memory", "map", "slices", "blocks", "dask")
#: What rounding may change in a sum of some dozen terms, of which the largest is 1.
ROUNDING = 64 * np.finfo(float).eps


def assert_same_rows(found, expected):
    """Rows that differ by rounding: a cell is a sum of terms as large as others of its column."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    size = np.abs(expected).max(axis=0, initial=0.0)
    assert (np.abs(found - expected) <= ROUNDING * size).all()


@each_case
@to_tell
def test_what_is_told_of_rows(case, put):
    fitted, X, y = case.whole(), put(case.X), put(case.y)
    for name, ask in case.of_rows.items():
        found, expected = ask(fitted, X, y), ask(fitted, case.X, case.y)
        rows = gathered(found)
        if hasattr(found, "shape"):
            assert (found.shape, found.dtype) == (rows.shape, rows.dtype)
        if hasattr(found, "chunks"):
            assert found.chunks[0] == CHUNKS
        assert (rows.shape, rows.dtype) == (expected.shape, expected.dtype)
        assert_allclose(rows, expected, rtol=1e-12, atol=1e-12, err_msg=name)


@each_case
@to_tell
def test_scores(case, put):
    fitted, weights = case.whole(), frequencies()
    rows = put.all(case.X, case.y, weights)
    for name in case.scores:
        expected = case.score(fitted, name, case.X, case.y, weights)
        assert case.score(fitted, name, *rows) == pytest.approx(expected, rel=1e-12)
    # What goes with the rows may lie in memory.
    assert case.score(fitted, name, rows[0], case.y, weights) == pytest.approx(expected, rel=1e-12)
    expected = case.score(fitted, "score", case.X, case.y)
    assert case.score(fitted, "score", *rows[:2]) == pytest.approx(expected, rel=1e-12)


# Lazy rows


@each_estimator
def test_a_collection_is_read_when_its_rows_are_computed(case):
    """And what is lazy is of the fit as it was."""
    da, dask = pytest.importorskip("dask.array"), pytest.importorskip("dask")
    fitted, calls = deepcopy(case.whole()), []

    def read(block):
        calls.append(len(block))
        return block

    X = da.from_array(case.X, chunks=(CHUNKS, D))
    X = X.map_blocks(read, dtype=float, meta=np.empty((0, 0)))
    expected = [ask(fitted, case.X, case.y) for ask in case.of_rows.values()]
    lazy = [ask(fitted, X, case.y) for ask in case.of_rows.values()]
    assert not calls
    fitted.fit(*(part[-300:] for part in (case.X, case.y) if part is not None))
    with dask.config.set(scheduler="synchronous"):
        for found, rows in zip(lazy, expected, strict=True):
            assert isinstance(found, da.Array) and found.chunks[0] == CHUNKS
            assert_allclose(found.compute(), rows, rtol=1e-12, atol=1e-12)
    unknown = case.of_rows["score_samples"](fitted, X[X[:, -1] > -np.inf], case.y)
    assert np.isnan(unknown.chunks[0]).all()


@pytest.mark.parametrize("options", [{}, {"add_indicator": True}, {"min_value": 0.0}], ids=str)
@pytest.mark.parametrize("constants", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_imputed_rows_are_computed_when_they_are_read(short_blocks, options, constants, keep):
    X = table(constants)
    imputer = EMImputer(**options, keep_empty_features=keep).fit(X)
    expected, source = imputer.transform(X), Slices(X)
    lazy = imputer.transform(source)
    assert source.reads == 1 and source.largest == 1
    assert (lazy.shape, lazy.dtype, len(lazy)) == (expected.shape, expected.dtype, N)
    for rows in (slice(7, 30), slice(BLOCK - 3, BLOCK + 3), slice(7, 7), slice(None)):
        assert_same_rows(lazy[rows], expected[rows])
    assert_same_rows(np.asarray(lazy), expected)
    assert source.largest <= BLOCK
    with pytest.raises(TypeError, match="slices without a step"):
        lazy[3]
    parts = imputer.transform(Parts(X[:0], X[:50], X[50:90]))
    for _ in range(2):
        assert_same_rows(np.concatenate(list(parts)), expected[:90])
    imputer.set_params(min_value=100.0).fit(3.0 * X)
    assert_same_rows(np.asarray(lazy), expected)


@sources
def test_rows_that_a_mixture_fills_are_lazy_too(put):
    fitted = deepcopy(MIXTURE.whole())
    expected, source = fitted.impute(MIXTURE.X), put(MIXTURE.X)
    lazy = fitted.impute(source)
    assert getattr(source, "largest", 1) == 1
    fitted.set_params(covariance_type="diag", precisions_init=None).fit(100.0 * MIXTURE.X)
    assert_same_rows(gathered(lazy), expected)


@sources
@pytest.mark.parametrize(
    "fill",
    [
        lambda X: MIXTURE.whole().impute(X),
        lambda X: EMImputer(add_indicator=False).fit_transform(X),
    ],
    ids=["mixture", "imputer"],
)
def test_imputed_rows_are_a_source_themselves(fill, put):
    lazy, expected = fill(put(MIXTURE.X)), fill(MIXTURE.X)
    assert_allclose(gathered(lazy), expected, rtol=1e-9, atol=1e-12)
    MIXTURE.agree(MIXTURE.fit(lazy), MIXTURE.fit(expected), tol=1e-8)


@sources
def test_a_frame_of_lazy_rows(put):
    imputer = EMImputer().fit(table()).set_output(transform="pandas")
    if isinstance(put(table()), Parts):
        with pytest.raises(ValueError, match="one frame of all rows.*take block by block"):
            imputer.transform(put(table()))
    else:
        assert_allclose(imputer.transform(put(table())), imputer.transform(table()), rtol=1e-12)


@places("dask")
def test_limits_of_cells_in_a_collection(put):
    X = table()
    imputer = EMImputer(2, random_state=0, min_value=-1.0, max_value=[2.0, 3.0, 4.0]).fit(X)
    found = imputer.transform(put(X)).compute()
    assert_allclose(found, imputer.transform(X), rtol=1e-12, atol=1e-12)


# Draws


@places("slices", "blocks", "dask")
@pytest.mark.parametrize("random_state", [0, None, np.random.RandomState(0)])
def test_draws_are_the_same_at_every_reading(random_state, put):
    X = table()
    imputer = EMImputer(sample_posterior=True, random_state=random_state).fit(X)
    lazy, other = (imputer.transform(put(X)) for _ in range(2))
    first = gathered(lazy)
    assert_array_equal(gathered(lazy), first)
    if hasattr(lazy, "shape"):
        assert_array_equal(gathered(lazy[BLOCK:]), first[BLOCK:])
    missing = np.isnan(X)
    assert_array_equal(first[~missing], X[~missing])
    again = gathered(other)[missing]
    assert (again == first[missing]).all() == (random_state == 0)
    anew = gathered(imputer.set_params(random_state=None).transform(put(X)))
    assert (anew != first)[missing].all()


@places("slices", "blocks", "dask")
def test_draws_do_not_repeat_from_block_to_block(put):
    imputer = EMImputer(sample_posterior=True, random_state=0).fit(table())
    draws = gathered(imputer.transform(put(np.full((3 * BLOCK, D), np.nan))))
    assert len(np.unique(draws[:, 0])) == len(draws)


@places("map", "slices", "blocks")
def test_draws_of_responses_are_those_of_the_memory(put):
    X, y = responses()
    fitted, options = REGRESSOR.whole(), {"sample": True, "random_state": 3}
    expected = fitted.impute(X, y, **options)
    assert_allclose(fitted.impute(put(X), put(y), **options), expected, rtol=1e-12)


@places("dask")
def test_draws_of_responses_differ_from_chunk_to_chunk(put):
    fitted = EMCensoredRegressor(random_state=0).fit(*responses())
    X, y = np.zeros((3 * BLOCK, D)), np.tile([-np.inf, 0.0], (3 * BLOCK, 1))
    lazy = fitted.impute(put(X), y, sample=True)
    draws = lazy.compute()
    assert_array_equal(lazy[BLOCK:].compute(), draws[BLOCK:])
    assert (draws < 0.0).all() and len(np.unique(draws)) == len(draws)


# What is kept, and estimators to come


@places("slices", "blocks", "cluster")
@each_estimator
def test_a_pickle_holds_no_rows(case, put):
    X, y = put.all(case.X, case.y)
    if put.place != "dask":
        X.lock = threading.Lock()  # cannot be pickled
    fitted, expected = case.fit(X, y), case.of_rows["score_samples"]
    for method in (expected, case.of_rows[next(iter(case.of_rows))]):
        method(fitted, X, y)
    stored = pickle.dumps(fitted)
    assert len(stored) < case.X.nbytes
    found = expected(pickle.loads(stored), case.X, case.y)
    assert_array_equal(found, expected(fitted, case.X, case.y))


class Means(BaseEstimator):
    """Means of columns of positive numbers: all that is asked of an estimator is a `Reader`."""

    class Positive(Reader):
        def cells(self, X, check):
            return check(X, dtype=np.float64)

        def rows(self, X, sample_weight, y, *, whole):
            if (X < 0.0).any():
                raise ValueError("X must be positive.")
            return Rows(X, sample_weight)

        def counted(self, rows):
            return rows_with_value(*rows[:2])

    def _open(self, X, sample_weight=None, reset=False):
        return open_data(self, X, self.Positive(), sample_weight=sample_weight, reset=reset)

    def fit(self, X, y=None, sample_weight=None):
        opened = self._open(X, sample_weight, reset=True)
        self.weights_ = opened.fit_data(2).scaling().shift
        return self

    def transform(self, X):
        return self._open(X).map(self._scaled, width=len(self.weights_), lazy=True)

    def _scaled(self, rows):
        return rows.X / self.weights_

    def score(self, X, y=None, sample_weight=None):
        total, n = self._open(X, sample_weight).sum(self._deviation)
        return total / n

    def _deviation(self, rows):
        return -np.abs(rows.X - self.weights_).sum(axis=1)

    n_components, random_state = 1, None


@places("memory", "map", "slices", "blocks", "dask", "cluster")
def test_an_estimator_that_has_a_reader_has_all_places(put, request):
    X, weights = np.abs(clusters()) + 0.1, frequencies()
    rows, w = put.all(X, weights)
    means = np.average(X, axis=0, weights=weights)
    if "dask" in request.node.callspec.id:  # no fit without a cluster
        fitted = Means().fit(X, sample_weight=weights)
    else:
        fitted = Means().fit(rows, sample_weight=w)
    assert_allclose(fitted.weights_, means, rtol=1e-12)
    deviation = np.average(-np.abs(X - means).sum(axis=1), weights=weights)
    assert fitted.score(rows, sample_weight=w) == pytest.approx(deviation, rel=1e-12)
    lazy = fitted.transform(rows)
    fitted.fit(100.0 * X)
    assert_allclose(gathered(lazy), X / means, rtol=1e-12)
    with pytest.raises(ValueError, match="X must be positive"):
        gathered(fitted.transform(put(-X)))
    with pytest.raises(NotFittedError):
        Means().score(rows)


# Blocks without rows, and passes


@each_estimator
def test_blocks_without_rows(case):
    X = Parts(case.X[:0], case.X[:5], case.X[5:5])
    y = None if case.y is None else Parts(case.y[:0], case.y[:5], case.y[5:5])
    fitted = case.whole()
    expected = case.of_rows["score_samples"](fitted, case.X, case.y)[:5]
    assert_allclose(case.of_rows["score_samples"](fitted, X, y), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("constants", "more"), [(False, 0), (True, 1)])
def test_columns_are_found_in_the_first_reading(constants, more):
    """Where one does not vary, a second counts the rows that the others hold."""
    parts = cut(table(constants), BLOCK)
    EMImputer(max_iter=0, acceleration=None).fit(parts)
    # Its first block; the columns; the first block for values far away; how columns go together;
    # the likelihood.
    assert parts.passes == 5 + more


def test_few_passes_for_a_line():
    """Units, line, sums, a sample, standard errors; one before that ends early."""
    X, y = (cut(part, BLOCK) for part in responses())
    model = REGRESSOR.fit(X, y, max_iter=4, tol=1e-3)
    assert y.passes == model.runs_[0].n_evaluations + 6
    assert X.passes == y.passes + 1  # what X is like is seen first


# Memory


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_single_precision_is_not_copied_to_double(missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 20)).astype(np.float32)
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


def test_single_precision_is_not_copied_to_double_for_a_line(monkeypatch):
    """X in double precision would be twice its size, and the design of its rows as much."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40_000, 40), dtype=np.float32)
    y = X[:, 0] + rng.normal(size=len(X))
    set_sizes(monkeypatch, 4096)
    tracemalloc.start()
    try:
        model = EMCensoredRegressor(right=0.0).fit(X, y)
        model.predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes


SCRIPT = """
import os, resource, warnings
import numpy as np
from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.data import source
source.LARGE_FILE, source.BLOCK_ROWS = 2**20, 2**12
rng, shape = np.random.default_rng(0), (2**18, 16)
block = rng.normal(size=(2**14, 16))
holes = np.where(rng.random(block.shape) < 0.05, np.nan, block)
with open("{folder}/X", "wb") as X, open("{folder}/y", "wb") as y, open("{folder}/Z", "wb") as Z:
    for i in range(16):
        X.write((block + i % 3).tobytes())
        y.write((block[:, 0] + rng.normal(size=2**14)).tobytes())
        Z.write(holes.tobytes())
X, Z = (np.memmap("{folder}/" + name, float, "r", shape=shape) for name in "XZ")
y = np.memmap("{folder}/y", float, "r", shape=shape[:1])

def mixture(X, y):
    EMGaussianMixture(3, max_iter=1, random_state=0).fit(X).score(X)

def imputer(X, y):
    filled = EMImputer(max_iter=1).fit_transform(X)
    for start in range(0, len(X), 2**14):
        filled[start : start + 2**14]

def regressor(X, y):
    EMCensoredRegressor(right=0.0, tol=0.1).fit(X, y).score(X, y)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

warnings.simplefilter("ignore")
for run, rows in (mixture, X), (imputer, Z), (regressor, X):
    if not os.fork():  # its peak is its own
        run(np.array(rows[:5000]), np.array(y[:5000]))
        before = peak()
        run(rows, y)
        print(run.__name__, (peak() - before) / rows.nbytes, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_a_memory_map_does_not_stay_in_memory(tmp_path):
    """A fit takes a few blocks of it, beside what it takes of few rows in memory."""
    code = SCRIPT.format(folder=tmp_path)
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    grown = dict(line.split() for line in out.stdout.splitlines())
    assert grown.keys() == {"mixture", "imputer", "regressor"}
    assert all(float(share) < 0.5 for share in grown.values()), grown
