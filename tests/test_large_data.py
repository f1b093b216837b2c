"""Data in blocks, shared by workers, and from sources that are read slice by slice."""

import os
import subprocess
import sys
import threading
from functools import partial
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
import tables
from scipy.sparse import csr_array
from sklearn.model_selection import GridSearchCV
from tables import Parts, Slices

from emkit import EMGaussianMixture, EMGaussianMixtureIC, EMImputer
from emkit.data import source as sources
from emkit.engine import Blocks, Stochastic, fit_em
from emkit.engine import blocks as blocks_of
from emkit.engine.algorithms import with_posterior
from emkit.engine.blocks import e_step
from emkit.exceptions import DataReadError, DataWarning
from emkit.models.kmeans import KMeans, Points
from emkit.models.rows import BLOCK_ROWS

N = 2 * BLOCK_ROWS + 1000
cut = partial(tables.cut, size=20_000)


class Total(NamedTuple):
    x: float


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 1.0], [0.0, 4.0, 2.0]])
    return centres[rng.integers(3, size=N)] + rng.normal(size=(N, 3))


@pytest.fixture(scope="module")
def holes(X):
    rng = np.random.default_rng(1)
    holes = np.where(rng.uniform(size=X.shape) < 0.1, np.nan, X)
    holes[np.isnan(holes).all(axis=1), 0] = 0.0
    return holes


@pytest.fixture(params=["complete", "missing"])
def data(request, X, holes):
    return X if request.param == "complete" else holes


def agree(one, other, tol=1e-12):
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=tol, atol=tol)
    np.testing.assert_allclose(one.history_, other.history_, rtol=tol)


# Workers that share the blocks of a run


@pytest.fixture
def at_once(monkeypatch):
    """Workers start with the first E-step, however short; tells what they were sent."""
    sent = []
    plain = blocks_of._steps
    monkeypatch.setattr(blocks_of, "START_UP", 0.0)
    monkeypatch.setattr(blocks_of, "WORTH_SHARING", 0.0)

    def told(step, blocks, numbers):
        sent.append(list(numbers))
        return plain(step, blocks, numbers)

    monkeypatch.setattr(blocks_of, "_steps", told)
    return sent


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_workers_change_nothing(data, n_jobs, at_once):
    alone = EMGaussianMixture(3, random_state=0).fit(data)
    assert not at_once
    shared = EMGaussianMixture(3, random_state=0, n_jobs=n_jobs).fit(data)
    assert at_once[0] == ([0, 1] if n_jobs == 2 else [0])
    assert shared.n_iter_ == alone.n_iter_
    np.testing.assert_array_equal(shared.covariances_, alone.covariances_)
    assert shared.history_.tolist() == alone.history_.tolist()


def test_the_imputer_too(holes, at_once):
    alone, shared = EMImputer().fit(holes), EMImputer(n_jobs=2).fit(holes)
    assert at_once
    np.testing.assert_array_equal(alone.covariance_, shared.covariance_)


def test_a_short_run_stays_alone(X):
    with Blocks([X[:9], X[9:20]]).shared(2) as blocks:
        for _ in range(3):
            stats, _ = blocks.sum(lambda block: (Total(block.sum()), 0.0))
            assert stats.x == pytest.approx(X[:20].sum())
        assert blocks._workers._parallel is None


def test_no_workers_inside_workers(X, at_once):
    """A search over many fits has the cores already."""
    grid = GridSearchCV(
        EMGaussianMixture(random_state=0, n_jobs=2), {"n_components": [1, 2]}, cv=2, n_jobs=2
    )
    mixture = grid.fit(X[:, :1]).best_estimator_
    assert mixture.n_components == grid.best_params_["n_components"]
    with joblib.parallel_config("threading"):
        before = len(at_once)
        EMGaussianMixture(2, n_jobs=2, random_state=0).fit(X)
        assert len(at_once) == before


@pytest.mark.parametrize("n_init", [2, 3])
def test_few_starts_share_all_workers(X, n_init, at_once):
    """Two starts for two workers run side by side; two for four have all of them in turn."""
    alone = EMGaussianMixture(2, n_init=n_init, random_state=0).fit(X)
    for n_jobs in (2, 2 * n_init):
        at_once.clear()
        shared = EMGaussianMixture(2, n_init=n_init, n_jobs=n_jobs, random_state=0).fit(X)
        agree(alone, shared, tol=1e-11)
        assert bool(at_once) == (n_jobs > 2)


def test_workers_do_not_order_the_draws(at_once):
    """A random E-step has one stream for all blocks, so workers do not share it."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 2))
    model = KMeans(2)
    start = model.initialize(Points(rows), np.random.default_rng(0))
    parts = Blocks([Points(rows[i : i + 500]) for i in range(0, 4000, 500)])
    results = []
    with parts.shared(2) as shared:
        for blocks in (parts, shared, shared):
            drawing = with_posterior(model, Stochastic(), np.random.default_rng(1))
            results.append(e_step(drawing, blocks, start))
    for stats, value in results[1:]:
        np.testing.assert_array_equal(stats.sums, results[0][0].sums)
        assert value == results[0][1]
    assert not at_once


@pytest.mark.parametrize("at_home", [True, False])
def test_an_error_in_a_worker_is_the_error_of_the_model(at_once, at_home):
    class Broken(KMeans):
        def statistics(self, tile, resp, work, bound):
            if (os.getpid() == home) == at_home:
                raise ZeroDivisionError("in a worker")
            return super().statistics(tile, resp, work, bound)

    home = os.getpid()
    parts = Blocks([Points(np.eye(2)), Points(np.eye(2))])
    with pytest.raises(RuntimeError, match="statistics failed at iteration .*in a worker"):
        fit_em(Broken(1), parts, n_jobs=2, algorithm="cem")
    assert at_once or at_home


def test_a_model_that_cannot_travel_goes_on_alone(at_once):
    class Locked(KMeans):
        lock = None

    model = Locked(2)
    rows = np.random.default_rng(0).normal(size=(400, 2))
    parts = Blocks([Points(rows[i : i + 100]) for i in range(0, 400, 100)])
    start = model.initialize(Points(rows), np.random.default_rng(0))
    expected = fit_em(model, parts, start=start, algorithm="cem")
    model.lock = threading.Lock()
    with pytest.warns(RuntimeWarning, match="cannot be sent to other processes.*lock"):
        alone = fit_em(model, parts, start=start, n_jobs=2, algorithm="cem")
    assert alone.objective == expected.objective


def test_a_model_may_write_into_what_it_was_given(at_once):
    """Arrays that workers read from a file are theirs as far as they write into them."""

    class Writing(KMeans):
        table = np.zeros(50_000)

        def statistics(self, tile, resp, work, bound):
            self.table += 1.0
            return super().statistics(tile, resp, work, bound)

    model = Writing(2)
    model.table = model.table.copy()
    rows = np.random.default_rng(0).normal(size=(400, 2))
    parts = Blocks([Points(rows[i : i + 100]) for i in range(0, 400, 100)])
    result = fit_em(model, parts, n_jobs=2, random_state=0, algorithm="cem")
    assert at_once
    assert result.converged


def test_a_start_from_blocks_of_unknown_number():
    rows = np.random.default_rng(0).normal(size=(400, 2))
    parts = Parts(*(Points(rows[i : i + 100]) for i in range(0, 400, 100)))
    assert fit_em(KMeans(2), Blocks(parts), random_state=0, algorithm="cem").converged


def test_the_buffers_of_numpy_are_put_back(X):
    """Tiles are worked on as they lie, with buffers too short to copy them through."""
    seen = []

    class Asking(KMeans):
        def statistics(self, tile, resp, work, bound):
            seen.append(np.getbufsize())
            return super().statistics(tile, resp, work, bound)

    before = np.getbufsize()
    fit_em(Asking(2), Points(X[:500]), random_state=0, algorithm="cem")
    assert max(seen) < before == np.getbufsize()


# Blocks


def test_blocks_that_can_be_read_once_are_refused():
    with pytest.raises(TypeError, match="can be read again.*generator"):
        Blocks(part for part in [1.0, 2.0])


def test_blocks_that_are_read_again_for_every_e_step():
    rows = np.random.default_rng(0).normal(size=(600, 2))

    class Stream:
        passes = 0

        def __iter__(self):
            Stream.passes += 1
            return (Points(rows[i : i + 100]) for i in range(0, 600, 100))

    model = KMeans(3)
    start = model.initialize(Points(rows), np.random.default_rng(0))
    streamed = fit_em(model, Blocks(Stream()), start=start, algorithm="cem")
    whole = fit_em(model, Points(rows), start=start, algorithm="cem")
    np.testing.assert_allclose(streamed.params.centers, whole.params.centers, rtol=1e-12)
    assert Stream.passes >= streamed.n_evaluations


def test_an_empty_stream():
    class Nothing:
        def __iter__(self):
            return iter(())

    with pytest.raises(RuntimeError, match="at least one block"):
        start = KMeans(1).initialize(Points(np.eye(2)), np.random.default_rng(0))
        fit_em(KMeans(1), Blocks(Nothing()), start=start)


# Sources


def test_a_source_gives_what_the_array_gives(data):
    mixture = EMGaussianMixture(3, random_state=0).fit(data)
    source = Slices(data)
    read = EMGaussianMixture(3, random_state=0).fit(source)
    agree(mixture, read)
    assert source.largest <= BLOCK_ROWS
    np.testing.assert_array_equal(read.predict(source), mixture.predict(data))
    np.testing.assert_allclose(read.predict_proba(source), mixture.predict_proba(data), atol=1e-12)
    np.testing.assert_allclose(read.score_samples(source), mixture.score_samples(data), rtol=1e-12)
    assert read.score(source) == pytest.approx(mixture.score(data), rel=1e-12)
    assert read.bic(source) == pytest.approx(mixture.bic(data), rel=1e-12)


def test_weights_of_a_source(X):
    weights = np.random.default_rng(2).integers(0, 3, size=N).astype(float)
    start = {"means_init": X[:3], "max_iter": 5, "tol": 0.0}
    with pytest.warns(UserWarning, match="did not converge"):
        read = EMGaussianMixture(3, **start).fit(Slices(X), sample_weight=weights)
    with pytest.warns(UserWarning, match="did not converge"):
        repeated = EMGaussianMixture(3, **start).fit(np.repeat(X, weights.astype(int), axis=0))
    agree(read, repeated, tol=1e-9)


def test_a_source_of_another_type(X):
    single = EMGaussianMixture(3, random_state=0).fit(Slices(X.astype(np.float32)))
    assert single.means_.dtype == np.float32
    integers = np.rint(10.0 * X).astype(np.int32)
    agree(
        EMGaussianMixture(2, random_state=0).fit(Slices(integers)),
        EMGaussianMixture(2, random_state=0).fit(integers),
    )


@pytest.mark.parametrize("blocks", [cut, lambda X: Blocks(cut(X).parts)])
def test_blocks_give_what_the_array_gives(data, blocks):
    mixture = EMGaussianMixture(3, random_state=0).fit(data)
    read = EMGaussianMixture(3, random_state=0).fit(blocks(data))
    agree(mixture, read)
    np.testing.assert_array_equal(read.predict(blocks(data)), mixture.predict(data))
    assert read.score(blocks(data)) == pytest.approx(mixture.score(data), rel=1e-12)


def test_weights_come_in_blocks_too(X):
    weights = np.random.default_rng(2).integers(0, 3, size=N).astype(float)
    weights[:30_000] = 0.0  # the whole first block
    options = {"means_init": X[:3], "tol": 1e-6}
    whole = EMGaussianMixture(3, **options).fit(X, sample_weight=weights)
    parts = [weights[start : start + 20_000] for start in range(0, N, 20_000)]
    for some in (weights, Parts(*parts)):
        read = EMGaussianMixture(3, **options).fit(cut(X), sample_weight=some)
        agree(whole, read)
        assert read.score(cut(X), sample_weight=some) == pytest.approx(
            whole.score(X, sample_weight=weights), rel=1e-12
        )


def test_rows_that_tell_nothing_are_left_out(X):
    holes = X.copy()
    holes[BLOCK_ROWS + 7] = np.nan
    holes[5, 1] = np.nan
    agree(
        EMGaussianMixture(2, random_state=0).fit(Slices(holes)),
        EMGaussianMixture(2, random_state=0).fit(np.delete(holes, BLOCK_ROWS + 7, axis=0)),
    )


def test_imputed_rows_are_lazy(holes):
    mixture = EMGaussianMixture(3, random_state=0).fit(holes)
    expected, source = mixture.impute(holes), Slices(holes)
    lazy = mixture.impute(source)
    assert source.largest <= 1
    assert (lazy.shape, lazy.dtype, len(lazy)) == (holes.shape, holes.dtype, N)
    np.testing.assert_allclose(lazy[5:9], expected[5:9], rtol=1e-12)
    np.testing.assert_allclose(
        lazy[BLOCK_ROWS - 3 : BLOCK_ROWS + 3], expected[BLOCK_ROWS - 3 :][:6]
    )
    assert lazy[7:7].shape == (0, 3)
    np.testing.assert_allclose(np.asarray(lazy), expected, rtol=1e-12)
    assert source.largest <= BLOCK_ROWS
    with pytest.raises(TypeError, match="slices without a step"):
        lazy[3]
    np.testing.assert_allclose(np.concatenate(list(mixture.impute(cut(holes)))), expected)
    # They are a source themselves.
    agree(
        EMGaussianMixture(2, random_state=0).fit(lazy),
        EMGaussianMixture(2, random_state=0).fit(expected),
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b[:, :2], "Block 3 of X has shape .*, and block 0 has 3 columns"),
        (lambda b: b.astype(np.float32), "Block 3 of X has dtype float32, and block 0 has float64"),
        (lambda b: b[0], "Block 3 of X has shape"),
        (lambda b: np.where(b > 3.0, np.inf, b), "infinity(.|\n)*in block 3 of X, from row 60000"),
    ],
)
def test_a_block_that_does_not_go_with_the_others(X, spoil, message):
    parts = list(cut(X).parts)
    parts[3] = spoil(parts[3])
    with pytest.raises(ValueError, match=message):
        EMGaussianMixture(2).fit(Parts(*parts))
    mixture = EMGaussianMixture(2, random_state=0).fit(X[:1000])
    with pytest.raises(ValueError, match=message):
        mixture.predict(Parts(*parts))


def test_streams_that_cannot_be_read_twice_or_at_all(X):
    mixture = EMGaussianMixture(2)
    with pytest.raises(TypeError, match="can be read again.*generator"):
        mixture.fit(part for part in [X])
    with pytest.raises(ValueError, match="without blocks"):
        mixture.fit(Parts())
    with pytest.raises(ValueError, match="0 sample"):
        mixture.fit(Parts(X[:0]))

    class Shrinking(Parts):
        passes = 0

        def __iter__(self):
            self.passes += 1
            return iter(self.parts[: 1 if self.passes > 2 else None])

    with pytest.raises(RuntimeError, match="same rows at every pass"):
        mixture.fit(Shrinking(X[:500], X[500:900]))


@pytest.mark.parametrize("weights", [np.ones(30), np.ones(50), Parts(np.ones(40)), Parts()])
def test_weights_of_another_length(X, weights):
    with pytest.raises(ValueError, match="sample_weight and X must have the same rows"):
        EMGaussianMixture(2).fit(Parts(X[:20], X[20:40]), sample_weight=weights)


def test_labels_of_every_row_cannot_go_with_a_source(X):
    with pytest.raises(ValueError, match="means_init instead"):
        EMGaussianMixture(2, resp_init=np.zeros(N, dtype=int)).fit(Slices(X))


@pytest.mark.parametrize("make", [Slices, cut])
def test_a_grid_of_mixtures_too(X, make):
    options = {"max_components": 2, "covariance_type": "diag", "n_init": 1, "random_state": 0}
    whole = EMGaussianMixtureIC(**options).fit(X)
    read = EMGaussianMixtureIC(**options, n_jobs=2).fit(make(X))
    for name in ("bic", "icl"):
        np.testing.assert_allclose(read.results_[name], whole.results_[name], rtol=1e-10)
    np.testing.assert_array_equal(read.predict(make(X)), whole.predict(X))


def test_restarts_on_a_source_follow_each_other(X):
    """They do not go to other processes, to which not every source could follow."""
    source = Slices(X)
    source.lock = threading.Lock()  # cannot be pickled
    several = EMGaussianMixture(3, n_init=2, n_jobs=2, random_state=0).fit(source)
    agree(several, EMGaussianMixture(3, n_init=2, random_state=0).fit(X))


@pytest.mark.parametrize("options", [{}, {"n_init": 2}, {"n_init": 2, "n_jobs": 4}])
@pytest.mark.parametrize("weighted", [False, True])
def test_workers_read_a_memory_map_themselves(
    holes, weighted, options, tmp_path, monkeypatch, at_once
):
    monkeypatch.setattr(sources, "LARGE", 0)
    np.save(tmp_path / "X.npy", holes)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    weights = np.random.default_rng(2).integers(0, 3, size=N).astype(float) if weighted else None
    options = {"n_jobs": 2, "tol": 1e-2, "means_init": np.nan_to_num(holes[:3]), **options}
    shared = EMGaussianMixture(3, **options).fit(X, sample_weight=weights)
    alone = EMGaussianMixture(3, **options | {"n_jobs": 1}).fit(X, sample_weight=weights)
    assert at_once
    agree(alone, shared)
    imputers = [EMImputer(n_jobs=n_jobs).fit(X, sample_weight=weights) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(imputers[0].covariance_, imputers[1].covariance_)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_was_written_into_a_private_map_stays(X, n_jobs, tmp_path, monkeypatch, at_once):
    """It is in this process alone: no page may be given back, and no other process asked."""
    for large in (0, 2**40):
        monkeypatch.setattr(sources, "LARGE", large)
        np.save(tmp_path / "X.npy", X)
        private = np.load(tmp_path / "X.npy", mmap_mode="c")
        private += 100.0
        fitted = EMGaussianMixture(2, random_state=0, n_jobs=n_jobs, tol=1e-3).fit(private)
        np.testing.assert_array_equal(private, X + 100.0)
        expected = EMGaussianMixture(2, random_state=0, tol=1e-3).fit(X + 100.0)
        agree(expected, fitted)
    np.save(tmp_path / "w.npy", np.ones(N))
    weights = np.load(tmp_path / "w.npy", mmap_mode="c")
    weights *= 3.0
    fitted = EMGaussianMixture(1).fit(cut(X), sample_weight=weights)
    assert fitted.n_samples_seen_ == 3 * N
    assert (weights == 3.0).all()


def test_a_copy_of_a_map_is_an_array(X, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "LARGE", 0)
    np.save(tmp_path / "X.npy", X)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert sources.is_source(X)
    assert sources.is_source(X[::-1])
    assert not sources.is_source(X.copy())
    assert not sources.is_source(X.astype(np.float32))


@pytest.mark.parametrize("columns", [["b", "a", "c"], ["a", "b", "d"]])
def test_frames_must_have_the_same_columns_in_the_same_order(X, columns):
    frames = [pd.DataFrame(X[:500], columns=["a", "b", "c"]) for _ in range(3)]
    mixture = EMGaussianMixture(2, random_state=0).fit(Parts(*frames))
    assert mixture.feature_names_in_.tolist() == ["a", "b", "c"]
    frames[2] = frames[2].set_axis(columns, axis=1)
    with pytest.raises(ValueError, match="Block 2 of X has the columns .*same order"):
        EMGaussianMixture(2, random_state=0).fit(Parts(*frames))


def test_imputed_rows_keep_to_the_fit_that_made_them(holes):
    mixture = EMGaussianMixture(2, random_state=0).fit(holes)
    lazy = mixture.impute(Slices(holes))
    before = lazy[:100]
    mixture.set_params(covariance_type="diag").fit(100.0 * holes)
    np.testing.assert_array_equal(lazy[:100], before)


def test_a_batch_without_a_value_changes_nothing(X):
    mixture = EMGaussianMixture(2, random_state=0).fit(X[:1000])
    means = mixture.means_
    with pytest.warns(DataWarning, match="Nothing is observed in the batch"):
        mixture.partial_fit(Parts(np.full((5, 3), np.nan)))
    assert mixture.means_ is means


def test_a_number_or_a_list_as_weights(X):
    expected = EMGaussianMixture(2, random_state=0).fit(X[:900], sample_weight=2.0)
    for weights in (2.0, [2.0] * 900):
        agree(
            EMGaussianMixture(2, random_state=0).fit(
                Parts(X[:500], X[500:900]), sample_weight=weights
            ),
            expected,
        )


def test_masked_cells_are_missing(holes):
    masked = np.ma.masked_invalid(holes)
    masked.fill_value = 1e20
    agree(
        EMGaussianMixture(2, random_state=0).fit(Slices(masked)),
        EMGaussianMixture(2, random_state=0).fit(holes),
    )


def test_what_is_not_to_be_read(X):
    mixture = EMGaussianMixture(2, random_state=0).fit(X[:500])
    with pytest.raises(ValueError, match="Complex data not supported"):
        mixture.fit(Parts(X[:50] + 1j))
    with pytest.raises(TypeError, match="toarray"):
        mixture.fit(Parts(csr_array(X[:50])))
    with pytest.raises(ValueError, match="0 sample"):
        mixture.predict(Slices(X[:0]))
    with pytest.raises(TypeError, match="must be an iterable"):
        Blocks(5)


def test_what_cannot_be_read_is_no_fault_of_the_model(X):
    class Failing(Parts):
        passes, last = 0, 0

        def __iter__(self):
            self.passes += 1
            yield self.parts[0]
            if self.passes > self.last:
                raise OSError("the disk is gone")
            yield self.parts[1]

    for last in (2, 4):  # in the start, in an E-step
        failing = Failing(X[:500], X[500:900])
        failing.last = last
        with pytest.raises(DataReadError, match="OSError: the disk is gone") as caught:
            EMGaussianMixture(2, random_state=0).fit(failing)
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("bad", "row", "message"),
    [
        (np.inf, [0.0, np.inf, 0.0], "infinity(.|\n)*in block 1"),
    ],
)
def test_an_error_names_the_block(X, bad, row, message):
    broken = X.copy()
    broken[BLOCK_ROWS + 7] = row
    with pytest.raises(ValueError, match=message):
        EMGaussianMixture(2).fit(Slices(broken))


def test_other_bad_sources(X):
    mixture = EMGaussianMixture(2, random_state=0)
    with pytest.raises(ValueError, match="Expected 2D array"):
        mixture.fit(Slices(X[:, 0]))
    with pytest.raises(ValueError, match="1 sample"):
        mixture.fit(Slices(X[:1]))
    with pytest.raises(ValueError, match=r"column\(s\) 1 of X"):
        mixture.fit(Slices(np.where([False, True, False], np.nan, X)))
    with pytest.raises(ValueError, match="3 features"):
        mixture.fit(Slices(X)).predict(Slices(X[:, :2]))


def test_a_memory_map_does_not_stay_in_memory(tmp_path):
    """256 MiB on disk, fitted by a process that may grow by 100."""
    path = tmp_path / "X.npy"
    script = f"""
import resource, warnings
import numpy as np
X = np.lib.format.open_memmap({str(path)!r}, "w+", np.float64, (2**22, 8))
rng = np.random.default_rng(0)
block = rng.normal(size=(2**16, 8))
for start in range(0, len(X), len(block)):
    X[start : start + len(block)] = block + (start // len(block)) % 3
X.flush()
del X
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    script = f"""
import resource, warnings
import numpy as np
from emkit import EMGaussianMixture
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
small = np.random.default_rng(0).normal(size=(70_000, 8))
warnings.simplefilter("ignore")
EMGaussianMixture(3, max_iter=1, random_state=0).fit(small)
before = peak()
X = np.load({str(path)!r}, mmap_mode="r")
mixture = EMGaussianMixture(3, max_iter=1, random_state=0).fit(X)
assert np.isfinite(mixture.score(X))
print(peak() - before)
"""
    grown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert float(grown.stdout) < 100.0
