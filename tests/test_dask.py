"""Dask collections: on a real cluster of worker processes the answer is that of the memory."""

import ast
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from structures import unit

import emkit
from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    MixturePrior,
)
from emkit.data import dask_collections as of_dask
from emkit.data.dask_blocks import Chunks, DaskRows
from emkit.data.opened import open_data
from emkit.engine import Genetic, SimulatedAnnealing, StochasticEM
from emkit.exceptions import ClusterError, DataWarning
from emkit.mixture.reader import MixtureReader
from emkit.models.rows import Rows, Summary, measure_scaling
from emkit.numerics.covariance import NAMES

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
TCP = pytest.importorskip("distributed.comm.tcp").TCP
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

N, D, K = 3000, 3, 3


def cluster_of(n_workers, memory):
    # Seconds that a worker looks for one that was killed.
    with dask.config.set({"distributed.comm.timeouts.connect": "5s"}):
        return distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",  # any port that is free
            memory_limit=memory,
        )


@pytest.fixture(scope="module")
def cluster():
    with cluster_of(2, "500MB") as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


def data(missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) + rng.choice([-3.0, 0.0, 4.0], (N, 1))
    holes = rng.random(X.shape) < missing
    holes[: N // 3] = False  # some chunks are complete
    X[holes] = np.nan
    return X


def mixture(**options):
    return EMGaussianMixture(K, **{"tol": 1e-8, "random_state": 0, "max_iter": 12, **options})


def given_start(covariance_type):
    """A start that leaves nothing to chance."""
    return {
        "weights_init": [0.2, 0.3, 0.5],
        "means_init": np.outer([-2.0, 1.0, 3.0], np.ones(D)),
        "precisions_init": unit(covariance_type, K, D),
    }


def assert_same(remote, local, atol=1e-10):
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "history_"):
        np.testing.assert_allclose(getattr(remote, name), getattr(local, name), rtol=0, atol=atol)
    assert (remote.n_iter_, remote.converged_) == (local.n_iter_, local.converged_)


def chunks_of(collection, weights=None):
    """The data of a fit to a collection."""
    opened = open_data(mixture(), collection, MixtureReader(), sample_weight=weights, reset=True)
    return opened.fit_data()


def at_step(monkeypatch, number, act):
    """Do something to the cluster before one of the E-steps."""
    plain, steps = Chunks.sum, []

    def eventful(self, *args, **options):
        steps.append(len(steps))
        if len(steps) == number:
            act()
        return plain(self, *args, **options)

    monkeypatch.setattr(Chunks, "sum", eventful)
    return steps


# The same answer


@pytest.mark.filterwarnings("ignore:Best performing:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("covariance_type", NAMES)
def test_the_answer_is_that_of_the_memory(client, covariance_type, missing):
    X = data(missing)
    weights = np.random.default_rng(1).integers(0, 3, N).astype(float)
    # An extrapolation would enlarge the rounding.
    options = {"tol": 0.0, "acceleration": None, **given_start(covariance_type)}
    options["covariance_type"] = covariance_type
    local = mixture(**options).fit(X, sample_weight=weights)
    remote = mixture(**options).fit(
        da.from_array(X, chunks=(700, D)), sample_weight=da.from_array(weights, chunks=700)
    )
    assert_same(remote, local)
    assert (np.diff(remote.history_) >= -1e-14 * np.abs(remote.history_[1:])).all()
    assert remote.n_samples_seen_ == local.n_samples_seen_


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "cem"},
        {"search": "annealing"},
        {"search": "short_runs", "n_init": 3},
        {"search": Genetic(budget=60)},
        {"prior": MixturePrior(covariance=np.eye(D), mean=np.zeros(D)), "acceleration": "squarem"},
        {"prior": "mclust"},
        {"means_init": np.outer([-2.0, 1.0, 3.0], np.ones(D))},
    ],
    ids=lambda options: "-".join(options),
)
def test_forms_and_searches_climb_to_the_same_place(client, options):
    X = data()
    local = mixture(max_iter=200, **options).fit(X)
    remote = mixture(max_iter=200, **options).fit(da.from_array(X, chunks=1000))
    assert remote.lower_bound_ == pytest.approx(local.lower_bound_, rel=1e-10)
    np.testing.assert_allclose(remote.means_, local.means_, atol=1e-4)


def test_starts_are_drawn_as_in_memory_from_rows_that_are_few(client):
    X = data(0.1)
    local = mixture(n_init=2, n_jobs=2, max_iter=200, tol=1e-5).fit(X)
    remote = mixture(n_init=2, n_jobs=2, max_iter=200, tol=1e-5).fit(da.from_array(X, chunks=1000))
    assert_same(remote, local, atol=1e-8)
    assert len(remote.runs_) == 2


@pytest.mark.parametrize("weighted", [False, True])
def test_starts_are_drawn_from_a_sample_of_rows_that_are_many(client, monkeypatch, weighted):
    X, size = data(), 200
    weights = (np.arange(N) % 2).astype(float) if weighted else None
    monkeypatch.setattr(of_dask, "sample_size", lambda *_: size)
    collection = da.from_array(X, chunks=((2000, 0, 1000), D))
    rows = chunks_of(collection, weights)
    sample = rows.start_data
    assert sample.X.shape == (size, D) and sample.sample_weight is None
    where = (sample.X[:, None, :] == X[None]).all(axis=2).argmax(axis=1)
    np.testing.assert_array_equal(X[where], sample.X)
    if weighted:
        assert (where % 2 == 1).all()
    else:
        assert len(set(where)) == size
    # two thirds of the rows lie in the first chunk: five standard deviations about it
    assert abs((where < 2000).mean() - 2 / 3) < 5 * np.sqrt(2 / 9 / size)
    local = mixture(max_iter=500).fit(X, sample_weight=weights)
    remote = mixture(max_iter=500).fit(collection, sample_weight=weights)
    assert remote.lower_bound_ == pytest.approx(local.lower_bound_, rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    X=arrays(float, (12, 2), elements=st.floats(-1e3, 1e3) | st.just(np.nan)),
    weights=arrays(float, 12, elements=st.integers(1, 3)),
    cut=st.integers(0, 12),
    far=st.sampled_from([0.0, 1e8, 1e200]),
)
def test_spread_of_the_chunks_is_that_of_the_rows(X, weights, cut, far):
    X = np.column_stack([X + far, np.full(12, 0.1)])  # the last column is constant
    X[5] = 1.0 + far, far, 0.1
    expected = measure_scaling(Rows.of(X, weights))
    parts = [Summary.of(Rows.of(X[s], weights[s])) for s in (slice(cut), slice(cut, 12))]
    chunks = Chunks(None, [None] * 2, X.dtype, weighted=True)
    blocks = DaskRows(chunks, parts, size=1, random_state=0)
    found = blocks.spread()
    size = np.nanmax(np.abs(X - expected.shift), axis=0)
    # Numbers below `tiny` have fewer digits.
    near = 1e-14 * (size + np.abs(expected.shift)) + np.finfo(float).tiny
    assert (np.abs(found.shift - expected.shift) <= near).all()
    assert (np.abs(found.scale - expected.scale) <= 1e-8 * size + 1e-15 * far).all()
    assert found.scale[2] == 0.0


# Chunks and types


@pytest.mark.parametrize(
    "chunked",
    [
        lambda X: da.from_array(X, chunks=((0, 1000, 0, 2000), D)),
        lambda X: da.from_array(X, chunks=(1000, 2)),
        lambda X: (lambda Z: Z[Z[:, 0] < np.inf])(da.from_array(X, chunks=(1000, D))),
        lambda X: da.concatenate([da.from_array(X[:1000]), da.from_array(X[1000:])]).persist(),
    ],
    ids=["no rows", "columns", "unknown sizes", "persisted"],
)
def test_any_chunks_will_do(client, chunked):
    X = data()
    weights = np.random.default_rng(2).random(N)
    local = mixture(tol=1e-5).fit(X, sample_weight=weights)
    collection = chunked(X)
    remote = mixture(tol=1e-5).fit(collection, sample_weight=weights)
    assert_same(remote, local)
    np.testing.assert_array_equal(remote.predict(collection).compute(), local.predict(X))
    for method in ("score", "aic", "bic"):
        found = getattr(remote, method)(collection, weights)
        assert found == pytest.approx(getattr(local, method)(X, weights), rel=1e-12)


def test_a_frame_has_names_unknown_sizes_and_a_mixture_of_types(client):
    X = data(0.1)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["b"] = (10 * X[:, 1]).round()
    frame = frame.astype({"a": np.float64, "b": "Int64", "c": np.float32})
    weights = pd.Series(np.random.default_rng(3).random(N))
    numbers = frame.astype(float)
    local = mixture(tol=1e-5).fit(numbers, sample_weight=weights)
    collection = dd.from_pandas(frame, npartitions=3)
    remote = mixture(tol=1e-5).fit(collection, sample_weight=dd.from_pandas(weights, npartitions=3))
    assert_same(remote, local)
    assert list(remote.feature_names_in_) == ["a", "b", "c"]
    filled = remote.impute(collection)
    assert np.isnan(filled.shape[0])
    np.testing.assert_allclose(filled.compute(), local.impute(numbers), atol=1e-8)
    with pytest.raises(ValueError, match="feature names should match"):
        remote.predict(collection.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="could not convert"):
        mixture().fit(collection.assign(c="text"))


def test_single_precision_stays(client):
    X = data().astype(np.float32)
    collection = da.from_array(X, chunks=1000)
    local, remote = mixture(tol=1e-4).fit(X), mixture(tol=1e-4).fit(collection)
    assert remote.means_.dtype == remote.score_samples(collection).dtype == np.float32
    np.testing.assert_allclose(remote.means_, local.means_, rtol=1e-5)
    integers = collection.round().astype(int)
    assert remote.score_samples(integers).dtype == np.float64


@pytest.mark.parametrize(
    ("method", "atol"),
    [("predict", 0), ("predict_proba", 1e-14), ("score_samples", 1e-12), ("impute", 1e-12)],
)
def test_what_is_told_of_rows_is_lazy(method, atol):
    X = data(0.1)
    fitted = mixture(tol=1e-4).fit(X)
    expected = getattr(fitted, method)(X)
    calls = []

    def read(block):
        calls.append(len(block))
        return block

    collection = da.from_array(X, chunks=((0, 1000, 2000), D))
    collection = collection.map_blocks(read, dtype=float, meta=np.empty((0, 0)))
    lazy = getattr(fitted, method)(collection)
    assert not calls and isinstance(lazy, da.Array)
    assert lazy.chunks[0] == (0, 1000, 2000) and lazy.shape == expected.shape
    with dask.config.set(scheduler="synchronous"):
        found = lazy.compute()
    assert found.dtype == lazy.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    unknown = getattr(fitted, method)(collection[collection[:, 0] > 0])
    assert np.isnan(unknown.chunks[0]).all()


# What travels


@pytest.mark.parametrize(
    ("fit", "few", "most"),
    [
        (lambda X: mixture(max_iter=3, tol=1.0, **given_start("full")).fit(X), 3000, 500_000),
        # A start looks at 4000 rows.
        (lambda X: EMCensoredRegressor(right=0.0).fit(X, X[:, 0] + X[:, 1] ** 2), 60_000, 800_000),
    ],
    ids=["mixture", "regressor"],
)
def test_what_travels_does_not_grow_with_the_rows(client, monkeypatch, fit, few, most):
    written, write = [], TCP.write

    async def counted(self, *args, **options):
        n_bytes = await write(self, *args, **options)
        written.append(n_bytes)
        return n_bytes

    def make(block, block_id=None):
        return np.random.default_rng(block_id[0]).normal(size=block.shape)

    # The client and the scheduler live in this process: they write all but data between workers.
    monkeypatch.setattr(TCP, "write", counted)
    totals = []
    for n in (few, 600_000):
        X = da.zeros((n, D), chunks=(n // 3, D)).map_blocks(
            make, dtype=float, meta=np.empty((0, 0))
        )
        written.clear()
        fit(X)
        totals.append(sum(written))
    # Heartbeats go on beside; the larger data are 14 million bytes.
    assert totals[1] < 1.5 * totals[0] < most


def test_restarts_run_on_the_workers_where_the_data_are_in_memory(client):
    X = data()
    local = mixture(n_init=4, tol=1e-5).fit(X)
    with joblib.parallel_config(backend="dask"):
        remote = mixture(n_init=4, tol=1e-5).fit(X)
    assert_same(remote, local)
    assert len(remote.runs_) == 4


def test_standard_errors_are_those_of_the_memory(client):
    X = data(0.1)
    weights = np.random.default_rng(4).integers(0, 3, N).astype(float)
    fitted = mixture(covariance_type="spherical", tol=1e-4).fit(X, sample_weight=weights)
    expected = fitted.standard_errors(X, weights)
    found = fitted.standard_errors(da.from_array(X, chunks=N), weights)
    for name in expected._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4)


# What goes wrong


def test_a_fit_goes_on_where_a_worker_is_killed(client, monkeypatch):
    X = data(0.1)
    options = {"tol": 0.0, "max_iter": 8, "acceleration": None, **given_start("full")}
    options["reg_covar"] = 0.0

    def kill():
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    steps = at_step(monkeypatch, 4, kill)
    with pytest.warns(match="did not converge"):
        local = mixture(**options).fit(X)
    with pytest.warns(match="did not converge"):
        remote = mixture(**options).fit(da.from_array(X, chunks=(500, D)))
    assert len(steps) == 9
    assert_same(remote, local)


def test_a_lost_client_is_told(cluster, monkeypatch):
    with distributed.Client(cluster) as client:
        at_step(monkeypatch, 3, client.close)
        with pytest.raises(ClusterError, match="lost in the middle.*Make a new"):
            mixture(tol=0.0).fit(da.from_array(data(), chunks=1000))
    with pytest.raises(ValueError, match="no client.*distributed.Client"):
        mixture().fit(da.from_array(data(), chunks=1000))


def test_a_lost_cluster_is_told(monkeypatch):
    with cluster_of(1, "300MB") as cluster, distributed.Client(cluster):
        at_step(monkeypatch, 3, cluster.close)
        with pytest.raises(ClusterError, match="lost in the middle.*Make a new"):
            mixture(tol=0.0).fit(da.from_array(data(), chunks=1000))


def test_want_of_memory_is_told():
    def hoard(block):
        held = []
        while len(block):
            held.append(np.ones(1_000_000))
        return block

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        cluster_of(1, "300MB") as cluster,
        distributed.Client(cluster),
    ):
        X = da.from_array(data(), chunks=N).map_blocks(hoard, dtype=float, meta=np.empty((0, 0)))
        with pytest.raises(ClusterError, match="for want of memory.*chunks smaller"):
            mixture().fit(X)


def test_what_a_worker_raises_is_shown(client):
    def unreadable(block):
        if len(block):
            raise OSError("disk on fire")
        return block

    X = da.from_array(data(), chunks=1000)
    with pytest.raises(ClusterError, match="A worker failed with OSError: disk on fire") as error:
        mixture().fit(X.map_blocks(unreadable, dtype=float, meta=np.empty((0, 0))))
    assert "in unreadable" in "".join(traceback.format_exception(error.value))


def test_what_the_model_raises_on_a_worker_is_shown(client, monkeypatch):
    def broken(rows):
        raise KeyError("no such column")

    plain = Chunks.sum
    monkeypatch.setattr(Chunks, "sum", lambda self, step, together=True: plain(self, broken))
    with pytest.raises(
        ClusterError, match="A worker failed with KeyError: 'no such column'"
    ) as error:
        mixture().fit(da.from_array(data(), chunks=1000))
    assert "in broken" in "".join(traceback.format_exception(error.value))


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_a_singular_covariance_is_told_as_in_memory(client):
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0)
    singular = EMGaussianMixture(2, reg_covar=0.0, random_state=0)
    for rows in (X, da.from_array(X, chunks=10)):
        with pytest.raises(ValueError, match="ill-defined empirical covariance"):
            singular.fit(rows)


def spoil(X, value, row=2500):
    X = X.copy()
    X[row, 1] = value
    return X


@pytest.mark.parametrize(
    ("X", "weights", "message"),
    [
        (spoil(data(), np.inf), None, "infinity.*\n.*chunk 2"),
        (data(), spoil(np.ones((N, 2)), -1.0)[:, 1], "Negative values.*\n.*chunk 2"),
        (data(), np.ones(5), r"shape \(3000,\).*Got \(5,\)"),
        (data(), np.zeros(N), "0 sample"),
        (data() * [1.0, np.nan, 1.0], None, r"column\(s\) 1"),
        (data()[:1], None, "1 sample.*minimum of 3"),
        (data()[:, 0], None, "Expected 2D"),
        (data() * 1j, None, "Complex data not supported.*complex128"),
    ],
)
def test_bad_data_are_told_with_their_chunk(client, X, weights, message):
    with pytest.raises(ValueError, match=message):
        mixture().fit(da.from_array(X, chunks=1000), sample_weight=weights)


def test_weights_in_other_chunks_need_known_sizes(client):
    X, weights = da.from_array(data(), chunks=1000), da.ones(N, chunks=700)
    same = mixture(tol=1e-3).fit(X, sample_weight=weights)
    assert_same(same, mixture(tol=1e-3).fit(X))
    with pytest.raises(ValueError, match="same chunks.*compute_chunk_sizes"):
        mixture().fit(X[X[:, 0] > 0], sample_weight=weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resp_init": np.zeros(N)}, "resp_init"),
        ({"algorithm": "sem"}, "draws labels"),
        ({"algorithm": StochasticEM()}, "draws labels"),
        ({"search": "simulated_annealing"}, "draws labels"),
        ({"search": SimulatedAnnealing()}, "draws labels"),
    ],
)
def test_what_a_cluster_does_not_do_is_told_before_any_work(options, message):
    with pytest.raises(ValueError, match=message):
        mixture(**options).fit(da.from_array(data(), chunks=1000))


def test_forms_that_draw_in_a_row_are_refused(client):
    rows = chunks_of(da.from_array(data(), chunks=1000))
    with pytest.raises(ClusterError, match="Draws that follow"):
        rows.sum(len, together=False)


def test_batches_of_a_stream_may_lie_on_the_cluster(client):
    local, remote = mixture(), mixture()
    for batch in np.split(data(0.1), 3):
        local.partial_fit(batch)
        remote.partial_fit(da.from_array(batch, chunks=(400, D)))
    for name in ("weights_", "means_", "covariances_", "n_samples_seen_", "n_batches_"):
        np.testing.assert_allclose(getattr(remote, name), getattr(local, name), rtol=1e-9)


def test_a_grid_of_mixtures_is_that_of_the_memory(client):
    X, options = data(), {"max_components": 2, "covariance_type": "full", "n_init": 1}
    local = EMGaussianMixtureIC(**options, random_state=0).fit(X)
    lazy = da.from_array(X, chunks=1000)
    remote = EMGaussianMixtureIC(**options, random_state=0, n_jobs=2).fit(lazy)
    for name in ("bic", "icl"):
        np.testing.assert_allclose(remote.results_[name], local.results_[name], rtol=1e-9)
    np.testing.assert_array_equal(remote.predict(lazy).compute(), local.predict(X))


# The imputer


def table(constants=False):
    """Rows with holes, some without a value; perhaps beside columns that do not vary."""
    X = data(0.3)
    X[[1, N // 2, N - 1]] = np.nan
    if constants:
        X = np.insert(X, [1, 2], [7.0, np.nan], axis=1)
        X[N // 2 :: 5, 1] = np.nan
    return X


def assert_same_imputer(remote, local, tol=1e-10):
    names = ["weights_", "means_", "covariances_", "location_", "covariance_", "history_"]
    for name in [*names, "missing_fraction_", "n_samples_seen_", "shrinkage_", "log_likelihood_"]:
        expected = getattr(local, name)
        np.testing.assert_allclose(getattr(remote, name), expected, rtol=tol, atol=tol)
    assert remote.n_iter_ == local.n_iter_


@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.parametrize("constants", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_imputer_of_the_memory(client, constants, weighted):
    X, weights, remote_weights = table(constants), None, None
    if weighted:
        weights = np.random.default_rng(1).integers(0, 3, N).astype(float)
        remote_weights = da.from_array(weights, chunks=500)
    local = EMImputer(add_indicator=True).fit(X, sample_weight=weights)
    collection = da.from_array(X, chunks=((700, 0, 1300, 1000), X.shape[1]))
    remote = EMImputer(add_indicator=True).fit(collection, sample_weight=remote_weights)
    assert_same_imputer(remote, local)
    assert remote.score(collection, None, remote_weights) == pytest.approx(
        local.score(X, None, weights), rel=1e-12
    )
    for method in ("transform", "score_samples"):
        lazy, expected = getattr(remote, method)(collection), getattr(local, method)(X)
        assert isinstance(lazy, da.Array) and lazy.chunks[0] == (700, 0, 1300, 1000)
        assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-9, atol=1e-9)


def test_imputed_rows_are_those_of_the_memory():
    X = table()
    imputer = EMImputer(2, random_state=0, min_value=-1.0, max_value=[2.0, 3.0, 4.0]).fit(X)
    with dask.config.set(scheduler="synchronous"):
        found = imputer.transform(da.from_array(X, chunks=(700, 2))).compute()
    np.testing.assert_allclose(found, imputer.transform(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("covariance_type", ["full", "spherical"])
def test_a_mixture_with_missing_cells(client, covariance_type):
    options = {"covariance_type": covariance_type, "random_state": 0, "acceleration": None}
    X = table()
    local = EMImputer(2, n_init=2, **options).fit(X)
    remote = EMImputer(2, n_init=2, **options).fit(da.from_array(X, chunks=1000))
    assert_same_imputer(remote, local, tol=1e-8)


def test_draws_differ_from_chunk_to_chunk():
    X = np.full((900, D), np.nan)
    imputer = EMImputer(sample_posterior=True, random_state=0).fit(table())
    with dask.config.set(scheduler="synchronous"):
        lazy = imputer.transform(da.from_array(X, chunks=300))
        draws = lazy.compute()
        np.testing.assert_array_equal(lazy.compute(), draws)
        np.testing.assert_array_equal(
            imputer.transform(da.from_array(X, chunks=300))[300:].compute(), draws[300:]
        )
        anew = imputer.set_params(random_state=None).transform(da.from_array(X, chunks=300))
        np.testing.assert_array_equal(anew.compute(), anew.compute())
        assert (anew.compute() != draws).all()
    assert len(np.unique(draws[:, 0])) == len(draws)


@pytest.mark.parametrize("mark", [-1.0, None, "?", pd.NA])
def test_marks_of_missing_cells(client, mark):
    X = np.rint(10.0 * np.nan_to_num(table())) + 200.0
    missing = np.isnan(table())
    marked = np.where(missing, mark, X.astype(object))
    local = EMImputer(missing_values=mark).fit(marked)
    collection = da.from_array(marked, chunks=1000)
    remote = EMImputer(missing_values=mark).fit(collection)
    assert_same_imputer(remote, local)
    lazy = remote.transform(collection)
    assert lazy.dtype == np.float64
    np.testing.assert_allclose(lazy.compute(), local.transform(marked), rtol=1e-9)


@pytest.mark.parametrize("mark", [np.nan, pd.NA])
def test_an_imputed_frame(client, mark):
    frame = pd.DataFrame(np.rint(10.0 * table()), columns=["a", "b", "c"])
    frame = frame.astype({"a": "Int64", "b": "Float64"})
    local = EMImputer(missing_values=mark).fit(frame)
    collection = dd.from_pandas(frame, npartitions=3)
    remote = EMImputer(missing_values=mark).fit(collection)
    assert_same_imputer(remote, local)
    assert list(remote.feature_names_in_) == ["a", "b", "c"]
    filled = remote.transform(collection).compute()
    np.testing.assert_allclose(filled, local.transform(frame), rtol=1e-9)
    with pytest.raises(ValueError, match="feature names should match"):
        remote.transform(collection.rename(columns={"a": "z"}))


def test_an_imputer_goes_on_where_a_worker_is_killed(client, monkeypatch):
    """What the worker held is read again, though the rows as they were read are gone."""
    X = table(constants=True)[:, :3]
    options = {"tol": 0.0, "max_iter": 6, "acceleration": None, "shrinkage": 0.1}

    def kill():
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    steps = at_step(monkeypatch, 4, kill)
    with pytest.warns(match="did not converge"):
        local = EMImputer(**options).fit(X)
    with pytest.warns(match="did not converge"):
        remote = EMImputer(**options).fit(da.from_array(X, chunks=(500, 3)))
    assert len(steps) == 8  # the first tells how pairs of columns go together
    assert_same_imputer(remote, local)


def test_standard_errors_summary_and_batches_of_an_imputer(client):
    X = table()
    collection = da.from_array(X, chunks=1000)
    imputer = EMImputer(tol=1e-8).fit(X)
    found, expected = imputer.standard_errors(collection), imputer.standard_errors(X)
    np.testing.assert_allclose(found.location, expected.location, rtol=1e-6)
    pd.testing.assert_frame_equal(imputer.summary(collection), imputer.summary(X), rtol=1e-5)
    imputer.partial_fit(collection)
    again = EMImputer(tol=1e-8).fit(X).partial_fit(X)
    np.testing.assert_allclose(imputer.covariance_, again.covariance_, rtol=1e-9)
    with pytest.warns(DataWarning, match="Nothing is observed in the batch"):
        imputer.partial_fit(da.full((5, D), np.nan, chunks=3))


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (spoil(data(), np.inf), {}, "infinity.*\n.*chunk 2"),
        (spoil(data(), np.nan), {"missing_values": -1}, "NaN.*\n.*chunk 2"),
        (spoil(data().astype(object), "many"), {"missing_values": "?"}, "many.*\n.*chunk 2"),
        (data()[:0], {}, "0 sample"),
        (data()[:2], {"n_components": 3}, "n_components = 3, n_samples = 2"),
        (data(), {"min_value": 3.0, "max_value": 2.0}, "min_value should not exceed"),
        (data(), {"search": "simulated_annealing"}, "draws labels"),
    ],
)
def test_what_cannot_be_imputed_is_told(client, X, options, message):
    with pytest.raises(ValueError, match=message):
        EMImputer(**options).fit(da.from_array(X, chunks=(1000, D)))


def test_bad_rows_to_impute_are_told_with_their_chunk():
    lazy = EMImputer().fit(data()).transform(da.from_array(spoil(data(), np.inf), chunks=1000))
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(ValueError, match="infinity.*\n.*chunk 2"),
    ):
        lazy.compute()
    with pytest.raises(ValueError, match="must be in memory"):
        EMImputer().multiple_impute(da.from_array(data(), chunks=1000))


# The regressor

each_distribution = pytest.mark.parametrize("distribution", ["normal", "lognormal", "student_t"])
CHUNKED = ((700, 0, 1300, 1000), 2)
#: Until the parameters stand still.
EXACT = {"tol": 0.0, "max_iter": 5000}


def responses(distribution="normal", n=N):
    """X, [lower, upper] of every kind, and weights, of which some are 0, a whole chunk's too."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, D)) * [1.0, 20.0, 0.1] + [0.0, 300.0, 5.0]
    y = 1.0 + X @ [1.0, 0.05, 5.0] + rng.standard_t(5, size=n)
    kind, gap = rng.integers(5, size=n), rng.uniform(0.2, 1.5, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-np.inf, y - gap[0]], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [np.inf, y + gap[1], y + gap[1]], y)
    Y = np.column_stack([low, high])
    Y[7] = -np.inf, np.inf  # says nothing
    weights = rng.integers(0, 3, size=n).astype(float)
    weights[-1000:] = 0.0
    return X, np.exp(Y / 10.0) if distribution == "lognormal" else Y, weights


def assert_same_line(remote, local, tol=1e-10):
    for name in ("coef_", "intercept_", "scale_", "standard_errors_", "log_likelihood_"):
        np.testing.assert_allclose(getattr(remote, name), getattr(local, name), rtol=tol)
    assert remote.converged_ == local.converged_


@each_distribution
@pytest.mark.parametrize("weighted", [False, True])
def test_the_line_of_the_memory(client, distribution, weighted):
    X, y, weights = responses(distribution)
    weights, remote_weights = (
        (weights, da.from_array(weights, chunks=800)) if weighted else (None,) * 2
    )
    local, remote = (
        EMCensoredRegressor(distribution=distribution, alpha=1.0, **EXACT) for _ in range(2)
    )
    collection, target = da.from_array(X, chunks=CHUNKED), da.from_array(y, chunks=(900, 1))
    local.fit(X, y, weights)
    assert_same_line(remote.fit(collection, target, remote_weights), local)
    for method in ("score", "aic", "bic"):
        expected = getattr(local, method)(X, y, weights)
        for of_y in (target, y):
            found = getattr(remote, method)(collection, of_y, remote_weights)
            assert found == pytest.approx(expected, rel=1e-12)


def test_degrees_of_freedom_are_estimated(client):
    X, y, _ = responses(n=300)
    options = {"distribution": "student_t", "df": "estimate", "tol": 1e-4}
    local = EMCensoredRegressor(**options).fit(X, y)
    remote = EMCensoredRegressor(**options).fit(da.from_array(X, chunks=(150, D)), y)
    # The likelihood is flat about its maximum, where rounding leads the search astray.
    assert remote.df_ == pytest.approx(local.df_, rel=1e-4)
    assert remote.log_likelihood_ == pytest.approx(local.log_likelihood_, rel=1e-10)


def test_several_lines_to_start_from(client):
    X, y, _ = responses()
    options = {"distribution": "student_t", "n_init": 3, "n_jobs": 2, "random_state": 0}
    options["search"] = "short_runs"
    local = EMCensoredRegressor(**options).fit(X, y)
    remote = EMCensoredRegressor(**options).fit(da.from_array(X, chunks=(1000, D)), y)
    assert len(remote.runs_) == 3
    assert remote.log_likelihood_ == pytest.approx(local.log_likelihood_, rel=1e-10)


def test_a_start_looks_at_some_of_many_rows(client):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(9000, D)).astype(np.float32)
    y = X[:, 0] + rng.normal(size=len(X))
    options = {"left": -0.5, "right": 0.2, **EXACT}
    local = EMCensoredRegressor(**options).fit(X, y)
    collection = da.from_array(X, chunks=((5000, 3000, 0, 1000), D))
    remote = EMCensoredRegressor(**options).fit(collection, da.from_array(y, chunks=4000))
    assert_same_line(remote, local)
    again = remote.set_params(warm_start=True).fit(collection, y)
    assert again.history_[0] == pytest.approx(local.log_likelihood_, rel=1e-10)
    observed = local.predict_observed(collection).compute()
    np.testing.assert_allclose(observed, local.predict_observed(X), rtol=1e-12)


def test_a_line_through_a_frame(client):
    X, y, weights = responses()
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).astype({"a": np.float32})
    frame["c"] = (10.0 * X[:, 2]).round()
    frame = frame.astype({"c": "Int64"})
    local = EMCensoredRegressor(**EXACT).fit(frame.astype(float), y, weights)
    collection, target = (dd.from_pandas(pd.DataFrame(part), npartitions=3) for part in (frame, y))
    for of_y, w in ((target, dd.from_pandas(pd.Series(weights), npartitions=3)), (y, weights)):
        remote = EMCensoredRegressor(**EXACT).fit(collection, of_y, w)
        assert_same_line(remote, local)
        values = remote.score_samples(collection, of_y)
        assert np.isnan(values.shape[0])
        np.testing.assert_allclose(
            values.compute(), local.score_samples(frame.astype(float), y), rtol=1e-9
        )
    assert list(remote.feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        remote.predict(collection.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="same chunks.*Got 2 chunks for 3 chunks of X"):
        remote.fit(collection, target.repartition(npartitions=2))
    other = da.from_array(y, chunks=((1000, 1500, 500), 2))
    for ask in (remote.fit, remote.score):
        with pytest.raises(ValueError, match=r"inconsistent numbers of samples(.|\n)*chunk [12]"):
            ask(collection, other)


@each_distribution
@pytest.mark.parametrize(
    "method",
    [
        lambda model, X, y: model.predict(X),
        lambda model, X, y: model.predict_quantile(X),
        lambda model, X, y: model.predict_interval(X, 0.9),
        lambda model, X, y: model.predict_survival_function(X, [2.0, 40.0, 60.0]),
        lambda model, X, y: model.score_samples(X, y),
        lambda model, X, y: model.impute(X, y),
    ],
    ids=["predict", "quantile", "interval", "survival", "score_samples", "impute"],
)
def test_what_a_line_tells_of_rows_is_lazy(distribution, method):
    X, y, _ = responses(distribution)
    fitted = EMCensoredRegressor(distribution=distribution).fit(X, y)
    expected = method(fitted, X, y)
    calls = []

    def read(block):
        calls.append(len(block))
        return block

    collection = da.from_array(X, chunks=CHUNKED).rechunk({1: -1})
    collection = collection.map_blocks(read, dtype=float, meta=np.empty((0, 0)))
    lazy = [method(fitted, collection, of_y) for of_y in (da.from_array(y, chunks=(500, 1)), y)]
    assert not calls
    fitted.fit(X[:50], y[:50])  # what is lazy is of the line as it was
    with dask.config.set(scheduler="synchronous"):
        for some in lazy:
            assert isinstance(some, da.Array) and some.chunks[0] == CHUNKED[0]
            found = some.compute()
            assert (some.shape, some.dtype) == (found.shape, found.dtype)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


def test_draws_of_responses_differ_from_chunk_to_chunk():
    X, y, _ = responses()
    fitted = EMCensoredRegressor(random_state=0).fit(X, y)
    X, y = np.zeros((900, D)), np.tile([-np.inf, 0.0], (900, 1))
    lazy = fitted.impute(da.from_array(X, chunks=(300, D)), y, sample=True)
    with dask.config.set(scheduler="synchronous"):
        draws = lazy.compute()
        np.testing.assert_array_equal(lazy[300:].compute(), draws[300:])
    assert (draws < 0.0).all() and len(np.unique(draws)) == len(draws)


def test_rows_go_once_there_are_residuals(client, monkeypatch):
    X, y, _ = responses()
    held = []

    def look():
        there = (key for key, workers in client.who_has().items() if workers)
        held.append({str(key).partition("-")[0] for key in there})

    at_step(monkeypatch, 6, look)
    EMCensoredRegressor(**EXACT).fit(da.from_array(X, chunks=(500, D)), y)
    assert len(held) == 1 and "residuals" in held[0] and "_load_chunk" not in held[0]


def test_a_line_goes_on_where_a_worker_is_killed(client, monkeypatch):
    """Residuals are worked out again, though the rows that they are of are gone."""
    X, y, weights = responses()
    options = {"tol": 0.0, "max_iter": 6, "acceleration": None}

    def kill():
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    steps = at_step(monkeypatch, 6, kill)
    with pytest.warns(match="did not converge"):
        local = EMCensoredRegressor(**options).fit(X, y, weights)
    with pytest.warns(match="did not converge"):
        remote = EMCensoredRegressor(**options).fit(
            da.from_array(X, chunks=(500, D)), da.from_array(y, chunks=(500, 2)), weights
        )
    assert len(steps) == 10  # two before the first step, and one for standard errors
    assert_same_line(remote, local)
    np.testing.assert_allclose(remote.history_, local.history_, rtol=1e-10)
    assert remote.n_iter_ == local.n_iter_


@pytest.mark.parametrize("number", [1, 4])  # before the first step, and in one
def test_a_client_that_a_line_has_lost_is_told(cluster, monkeypatch, number):
    X, y, _ = responses()
    with distributed.Client(cluster) as client:
        at_step(monkeypatch, number, client.close)
        with pytest.raises(ClusterError, match="lost in the middle.*Make a new"):
            EMCensoredRegressor().fit(da.from_array(X, chunks=(1000, D)), y)


def put(values, value, row=2500):
    values = values.copy()
    values[row] = value
    return values


@pytest.mark.parametrize(
    ("X", "y", "weights", "message"),
    [
        (put(responses()[0], np.nan), ..., None, "NaN.*\n.*chunk 2"),
        (put(responses()[0], np.inf), ..., None, "infinity.*\n.*chunk 2"),
        (..., put(responses()[1], [2.0, 1.0]), None, "Row 500 of y is no interval.*\n.*chunk 2"),
        (..., put(np.zeros(N), np.nan), None, "y contains NaN(.|\n)*chunk 2"),
        (..., ..., put(np.ones(N), -1.0), "Negative values.*\n.*chunk 2"),
        (..., ..., np.ones(5), r"weight must have shape \(3000,\).*Got \(5,\)"),
        (..., np.ones(5), None, r"y must have shape \(3000,\) or \(3000, 2\).*Got \(5,\)"),
        (..., np.ones((N, 3)), None, r"y must have shape .*Got \(3000, 3\)"),
        (..., ..., np.zeros(N), "0 sample"),
        (..., [[0.0, np.inf]] * N, None, "censored on the right"),
        (..., None, None, "requires y"),
        (..., np.zeros(N, dtype=[("event", bool), ("time", float)]), None, "'event', 'time'"),
    ],
)
def test_what_no_line_goes_through_is_told(client, X, y, weights, message):
    good = responses()
    X = good[0] if X is ... else X
    y = good[1] if y is ... else y
    collection = da.from_array(X, chunks=(1000, D))
    with pytest.raises(ValueError, match=message):
        EMCensoredRegressor().fit(collection, y, weights)
    if isinstance(y, np.ndarray) and y.dtype.names is None:
        y = da.from_array(y, chunks=1000)
        with pytest.raises(ValueError, match=message):
            EMCensoredRegressor().fit(collection, y, weights)


def test_bad_rows_to_predict_are_told_with_their_chunk():
    X, y, weights = responses()
    fitted, bad = EMCensoredRegressor().fit(X, y), da.from_array(put(X, np.inf), chunks=(1000, D))
    with dask.config.set(scheduler="synchronous"):
        with pytest.raises(ValueError, match="infinity.*\n.*chunk 2"):
            fitted.predict(bad).compute()
        with pytest.raises(ValueError, match="Row 500 of y .*\n.*chunk 2"):
            fitted.impute(da.from_array(X, chunks=(1000, D)), put(y, [2.0, 1.0])).compute()
        with pytest.raises(ValueError, match="infinity.*\n.*chunk 2"):
            fitted.score(bad, y)
        with pytest.raises(ValueError, match="no rows of positive weight"):
            fitted.score(da.from_array(X, chunks=1000), y, 0.0 * weights)
    with pytest.raises(ValueError, match="requires y"):
        fitted.score(bad, None)
    with pytest.raises(ValueError, match="3 features"):
        fitted.predict(bad[:, :2])


def test_a_line_within_all_bounds_is_warned_of(client):
    X, y, _ = responses()
    wide = np.column_stack([X[:, 0] - 1.0, X[:, 0] + 1.0])
    collection = da.from_array(X, chunks=(1000, D))
    with pytest.warns(DataWarning, match="no finite maximum"):
        EMCensoredRegressor().fit(collection, wide)
    wide[-1] += 40.0  # one row decides, and it is the last
    EMCensoredRegressor(tol=1e-6).fit(collection, wide)


# What it takes


def test_without_distributed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "emkit\[dask\]"'):
        mixture().fit(da.from_array(data(), chunks=1000))


def test_only_modules_named_for_it_import_dask():
    root = Path(emkit.__file__).parent
    importers = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if {name.partition(".")[0] for name in names} & {"dask", "distributed"}:
                importers.add(path.name)
    assert importers == {name for name in importers if name.startswith("dask_")}
    assert importers >= {"dask_collections.py", "dask_blocks.py"}
    code = (
        "import sys, numpy as np; from emkit import EMGaussianMixture\n"
        "EMGaussianMixture().fit(np.eye(3)).predict(np.eye(3))\n"
        "print({'dask', 'distributed'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=root.parent, capture_output=True)
    assert run.stdout.strip() == b"set()", run.stderr
