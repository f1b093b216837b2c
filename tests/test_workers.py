"""Processes that share the blocks of a fit, here and on a cluster, and what becomes of failures."""

import ast
import os
import signal
import subprocess
import sys
import threading
import traceback
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pytest
from conftest import cluster_of
from numpy.testing import assert_allclose, assert_array_equal
from places import (
    BLOCK,
    BLOCK_ROWS,
    IMPUTER,
    MIXTURE,
    REGRESSOR,
    D,
    K,
    N,
    clusters,
    each_estimator,
    frequencies,
    quiet,
    responses,
    set_sizes,
    table,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from tables import Parts, Slices, cut

import emkit
from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.data import source as sources
from emkit.data.dask_blocks import Chunks
from emkit.engine import Blocks, Stochastic, fit_em
from emkit.engine import blocks as blocks_of
from emkit.engine.algorithms import with_posterior
from emkit.engine.blocks import e_step
from emkit.engine.processes import side_by_side
from emkit.exceptions import ClusterError
from emkit.mixture.table import open_table
from emkit.models.kmeans import KMeans, Points
from emkit.models.laws.registry import LAWS

pytestmark = quiet


class Total(NamedTuple):
    x: float


def mixture(**options):
    return EMGaussianMixture(K, **{"tol": 1e-3, "random_state": 0, **options})


class AtOnce:
    """In the place of a thread that waits for workers: waits itself."""

    def __init__(self, target, args, daemon):
        self.start = partial(target, *args)


@pytest.fixture
def at_once(monkeypatch):
    """Workers start with the first E-step, however short; tells what they were sent."""
    sent = []
    plain = blocks_of._steps
    monkeypatch.setattr(blocks_of, "START_UP", 0.0)
    monkeypatch.setattr(blocks_of, "WORTH_SHARING", 0.0)
    monkeypatch.setattr(blocks_of, "Thread", AtOnce)

    def told(step, blocks, numbers):
        sent.append(list(numbers))
        return plain(step, blocks, numbers)

    monkeypatch.setattr(blocks_of, "_steps", told)
    return sent


# Starts beside each other. Workers take a second to start, and stay for the tests that follow with
# as many of them for the same, which therefore stand together.


def assert_starts_change_nothing(n_init, n_jobs):
    X = clusters()
    alone = EMGaussianMixture(2, n_init=n_init, random_state=0).fit(X)
    shared = EMGaussianMixture(2, n_init=n_init, n_jobs=n_jobs, random_state=0).fit(X)
    MIXTURE.agree(shared, alone, tol=1e-11)


@pytest.mark.parametrize("n_init", [2, 3])
def test_starts_run_side_by_side(short_blocks, at_once, n_init):
    assert_starts_change_nothing(n_init, n_jobs=2)
    assert not at_once


@pytest.mark.parametrize("n_items", [2, 3, 1000])
def test_jobs_come_back_in_their_order(n_items):
    assert side_by_side(abs, range(-n_items, 0), 2) == list(range(n_items, 0, -1))


def test_no_workers_inside_workers(short_blocks, at_once):
    """A search over many fits has the cores already."""
    X = clusters()
    grid = GridSearchCV(
        EMGaussianMixture(random_state=0, n_jobs=2), {"n_components": [1, 2]}, cv=2, n_jobs=2
    )
    best = grid.fit(X[:, :1]).best_estimator_
    assert best.n_components == grid.best_params_["n_components"]
    with joblib.parallel_config("threading"):
        before = len(at_once)
        EMGaussianMixture(2, n_jobs=2, random_state=0).fit(X)
        assert len(at_once) == before


# Workers that share the blocks of a run


def assert_workers_change_nothing(sent, missing, n_jobs, mine):
    """And this process has its own blocks at once."""
    X = clusters(missing)
    alone = mixture().fit(X)
    assert not sent
    shared = mixture(n_jobs=n_jobs).fit(X)
    assert sent[0] == mine
    assert shared.n_iter_ == alone.n_iter_
    assert_array_equal(shared.covariances_, alone.covariances_)
    assert shared.history_.tolist() == alone.history_.tolist()


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_workers_change_nothing(short_blocks, at_once, missing):
    assert_workers_change_nothing(at_once, missing, n_jobs=2, mine=[0, 1])


def test_workers_change_nothing_for_the_imputer(short_blocks, at_once):
    alone, shared = EMImputer().fit(table()), EMImputer(n_jobs=2).fit(table())
    assert at_once
    assert_array_equal(alone.covariance_, shared.covariance_)


@pytest.mark.parametrize("distribution", LAWS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_workers_change_nothing_for_a_line(short_blocks, at_once, distribution, dtype):
    X, y = responses(distribution)
    X, options = X.astype(dtype), {"distribution": distribution, "shape": 0.5, "tol": 1e-8}
    weights = 1.0 + frequencies()
    alone = EMCensoredRegressor(**options).fit(X, y, weights)
    assert not at_once
    shared = EMCensoredRegressor(**options, n_jobs=2).fit(X, y, weights)
    assert at_once
    REGRESSOR.agree(shared, alone, tol=1e-12)


def test_a_short_run_stays_alone():
    X = clusters()
    with Blocks([X[:9], X[9:20]]).shared(2) as blocks:
        for _ in range(3):
            stats, _ = blocks.sum(lambda block: (Total(block.sum()), 0.0))
            assert stats.x == pytest.approx(X[:20].sum())
        assert blocks._workers._parallel is None


def kmeans_blocks():
    rows = np.random.default_rng(0).normal(size=(400, 2))
    return Points(rows), [Points(rows[i : i + 100]) for i in range(0, 400, 100)]


def test_workers_do_not_order_the_draws(at_once):
    """A random E-step has one stream for all blocks, so workers do not share it."""
    rows, parts = kmeans_blocks()
    model, parts = KMeans(2), Blocks(parts)
    start = model.initialize(rows, np.random.default_rng(0))
    results = []
    with parts.shared(2) as shared:
        for blocks in (parts, shared, shared):
            drawing = with_posterior(model, Stochastic(), np.random.default_rng(1))
            results.append(e_step(drawing, blocks, start))
    for stats, value in results[1:]:
        assert_array_equal(stats.sums, results[0][0].sums)
        assert value == results[0][1]
    assert not at_once


def test_a_model_may_write_into_what_it_was_given(at_once):
    """Arrays that workers read from a file are theirs as far as they write into them."""

    class Writing(KMeans):
        table = np.zeros(50_000)

        def statistics(self, tile, resp, work, bound):
            self.table += 1.0
            return super().statistics(tile, resp, work, bound)

    model = Writing(2)
    model.table = model.table.copy()
    parts = Blocks(kmeans_blocks()[1])
    result = fit_em(model, parts, n_jobs=2, random_state=0, algorithm="cem")
    assert at_once
    assert result.converged


def test_the_buffers_of_numpy_are_put_back():
    """Tiles are worked on as they lie, with buffers too short to copy them through."""
    seen = []

    class Asking(KMeans):
        def statistics(self, tile, resp, work, bound):
            seen.append(np.getbufsize())
            return super().statistics(tile, resp, work, bound)

    before = np.getbufsize()
    fit_em(Asking(2), kmeans_blocks()[0], random_state=0, algorithm="cem")
    assert max(seen) < before == np.getbufsize()


# Memory maps


@pytest.fixture
def mapped(tmp_path):
    """Saves an array and gives a memory map of it."""

    def mapped(values, mode="r"):
        np.save(tmp_path / f"{id(values)}.npy", values)
        return np.load(tmp_path / f"{id(values)}.npy", mmap_mode=mode)

    return mapped


def assert_workers_read_a_map(sent, X, weights, **options):
    start = {"weights_init": None, "precisions_init": None, "tol": 1e-2, "max_iter": 50}
    shared = MIXTURE.fit(X, None, weights, **start, **{"n_jobs": 2, **options})
    assert sent
    alone = MIXTURE.fit(X, None, weights, **start, **{**options, "n_jobs": 1})
    MIXTURE.agree(shared, alone, tol=1e-12)


@pytest.mark.parametrize("options", [{}, {"n_init": 2}], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_workers_read_a_memory_map_themselves(short_blocks, at_once, mapped, weighted, options):
    X, weights = mapped(MIXTURE.X), frequencies() if weighted else None
    assert_workers_read_a_map(at_once, X, weights, **options)
    one, two = (EMImputer(n_jobs=n).fit(X, sample_weight=weights) for n in (1, 2))
    assert_array_equal(one.covariance_, two.covariance_)


@pytest.mark.parametrize(
    ("distribution", "weighted"),
    [("normal", False), *((distribution, True) for distribution in LAWS)],
)
def test_workers_read_the_map_of_a_line(short_blocks, at_once, mapped, distribution, weighted):
    X, y = responses(distribution)
    weights = frequencies() if weighted else None
    options = {"distribution": distribution, "tol": 1.0, "shape": 0.5}
    alone = EMCensoredRegressor(**options).fit(X, y, weights)
    there = mapped(X), mapped(y)
    shared = EMCensoredRegressor(n_jobs=2, **options).fit(*there, weights)
    assert at_once
    REGRESSOR.agree(shared, alone, tol=1e-12)
    if weighted:
        at_once.clear()
        EMCensoredRegressor(n_jobs=2, **options).fit(*there, Slices(weights))
        assert not at_once  # what is no array stays


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("large", [0, 2**40])
def test_what_was_written_into_a_private_map_stays(monkeypatch, at_once, mapped, large, n_jobs):
    """It is in this process alone: no page may be given back, and no other process asked."""
    set_sizes(monkeypatch, BLOCK, large)
    X = clusters()
    private = mapped(X, "c")
    private += 100.0
    fitted = mixture(n_jobs=n_jobs).fit(private)
    assert_array_equal(private, X + 100.0)
    MIXTURE.agree(fitted, mixture().fit(X + 100.0))
    # Residuals of single precision are worked out by the workers.
    y, private = X[:, 0] ** 2, mapped(X.astype(np.float32), "c")
    private += 1.0
    expected = EMCensoredRegressor(right=10.0).fit(np.array(private), y)
    REGRESSOR.agree(EMCensoredRegressor(right=10.0, n_jobs=n_jobs).fit(private, y), expected)
    weights = mapped(np.ones(N), "c")
    weights *= 3.0
    fitted = EMGaussianMixture(1).fit(cut(X, BLOCK), sample_weight=weights)
    assert fitted.n_samples_seen_ == 3 * N
    assert (weights == 3.0).all()


def test_a_copy_of_a_map_is_an_array(short_blocks, mapped):
    X = mapped(clusters())
    assert sources.is_source(X)
    assert sources.is_source(X[::-1])
    assert not sources.is_source(X.copy())
    assert not sources.is_source(X.astype(np.float32))


# More workers than two, and failures, after which they start anew


def test_few_starts_share_all_workers(short_blocks, at_once):
    """Where there are two for each start, every start has all of them in its turn."""
    assert_starts_change_nothing(2, n_jobs=4)
    assert at_once


@pytest.mark.parametrize(("n_init", "n_jobs"), [(2, 5), (3, 6), (3, 7), (4, 8)])
def test_any_two_workers_for_each_start_are_shared(short_blocks, monkeypatch, n_init, n_jobs):
    """Told by what a run asks for, as so many processes would take seconds to start."""
    asked = []

    def shared(blocks, n):
        asked.append(n)
        return nullcontext(blocks)

    monkeypatch.setattr(Blocks, "shared", shared)
    assert_starts_change_nothing(n_init, n_jobs)
    assert asked == [1, n_jobs]


def test_many_workers_change_nothing(short_blocks, at_once):
    assert_workers_change_nothing(at_once, 0.1, n_jobs=4, mine=[0])


@pytest.mark.parametrize("weighted", [False, True])
def test_many_workers_read_a_memory_map_themselves(short_blocks, at_once, mapped, weighted):
    weights = frequencies() if weighted else None
    assert_workers_read_a_map(at_once, mapped(MIXTURE.X), weights, n_init=2, n_jobs=4)


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

    (rows, parts), model = kmeans_blocks(), Locked(2)
    start = model.initialize(rows, np.random.default_rng(0))
    expected = fit_em(model, Blocks(parts), start=start, algorithm="cem")
    model.lock = threading.Lock()
    with pytest.warns(RuntimeWarning, match="cannot be sent to other processes.*lock"):
        alone = fit_em(model, Blocks(parts), start=start, n_jobs=2, algorithm="cem")
    assert alone.objective == expected.objective


# Blocks that are read again


def test_blocks_that_can_be_read_once_are_refused():
    with pytest.raises(TypeError, match="can be read again.*generator"):
        Blocks(part for part in [1.0, 2.0])


def test_blocks_that_are_read_again_for_every_e_step():
    rows, parts = kmeans_blocks()
    stream, model = Parts(*parts), KMeans(3)
    start = model.initialize(rows, np.random.default_rng(0))
    streamed = fit_em(model, Blocks(stream), start=start, algorithm="cem")
    whole = fit_em(model, rows, start=start, algorithm="cem")
    assert_allclose(streamed.params.centers, whole.params.centers, rtol=1e-12)
    assert stream.passes >= streamed.n_evaluations


def test_what_a_function_gives_for_every_block():
    for blocks in (Blocks([[1.0, 2.0], [3.0]]), Blocks(Parts([1.0, 2.0], [3.0]))):
        assert list(blocks.map(sum)) == [3.0, 3.0]
        assert list(blocks.map(lambda block, n: len(block) * n, [1, 5])) == [2, 5]


def test_a_start_from_blocks_of_unknown_number():
    parts = Parts(*kmeans_blocks()[1])
    assert fit_em(KMeans(2), Blocks(parts), random_state=0, algorithm="cem").converged


def test_an_empty_stream():
    start = KMeans(1).initialize(Points(np.eye(2)), np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="at least one block"):
        fit_em(KMeans(1), Blocks(Parts()), start=start)


# A cluster


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


def collection(values, size=500):
    da = pytest.importorskip("dask.array")
    return None if values is None else da.from_array(values, chunks=(size, *values.shape[1:]))


@pytest.mark.parametrize(
    ("fit", "few", "most"),
    [
        # A start looks at some thousand rows.
        (lambda X: MIXTURE.fit(X, max_iter=3, tol=1.0), 60_000, 1_200_000),
        (lambda X: EMCensoredRegressor(right=0.0).fit(X, X[:, 0] + X[:, 1] ** 2), 60_000, 800_000),
    ],
    ids=["mixture", "regressor"],
)
def test_what_travels_does_not_grow_with_the_rows(client_of_processes, monkeypatch, fit, few, most):
    from distributed.comm.tcp import TCP

    da = pytest.importorskip("dask.array")
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


def test_restarts_run_on_the_workers_where_the_data_are_in_memory(client_of_processes):
    X = clusters()
    local = mixture(n_init=4).fit(X)
    with joblib.parallel_config(backend="dask"):
        remote = mixture(n_init=4).fit(X)
    MIXTURE.agree(remote, local)
    assert len(remote.runs_) == 4


@each_estimator
def test_workers_tell_of_rows_too(client_of_processes, case):
    fitted, X, y = case.whole(), collection(case.X), collection(case.y)
    for name, ask in case.of_rows.items():
        expected = ask(fitted, case.X, case.y)
        assert_allclose(ask(fitted, X, y).compute(), expected, rtol=1e-9, atol=1e-9, err_msg=name)
    expected = fitted.score(case.X, case.y)
    assert fitted.score(X, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("case", "killed", "expected", "options"),
    [
        (MIXTURE, 4, 7, {}),
        (MIXTURE, 4, 7, {"reg_covar": 0.0}),
        # the first tells how pairs of columns go together
        (IMPUTER, 4, 8, {"tol": 0.0, "max_iter": 6, "acceleration": None, "shrinkage": 0.1}),
        # two before the first step, and one for standard errors; the rows are gone by then
        (REGRESSOR, 6, 10, {"tol": 0.0, "max_iter": 6, "acceleration": None}),
    ],
    ids=["mixture", "mixture without reg_covar", "imputer", "regressor"],
)
def test_a_fit_goes_on_where_a_worker_is_killed(
    client_of_processes, monkeypatch, case, killed, expected, options
):
    """What it held is made again, from the rows as they are read."""

    def kill():
        os.kill(next(iter(client_of_processes.run(os.getpid).values())), signal.SIGKILL)

    unfinished = pytest.warns(ConvergenceWarning, match="did not conv")  # cut short on purpose
    with unfinished:
        local = case.fit(case.X, case.y, frequencies(), **options)
    steps = at_step(monkeypatch, killed, kill)
    with unfinished:
        remote = case.fit(collection(case.X), collection(case.y), frequencies(), **options)
    assert len(steps) == expected
    case.agree(remote, local)
    assert_allclose(remote.history_, local.history_, rtol=1e-10)
    assert remote.n_iter_ == local.n_iter_


@pytest.mark.parametrize(
    ("case", "number"),
    [(MIXTURE, 3), (REGRESSOR, 1), (REGRESSOR, 4)],
    ids=["mixture", "regressor, before the first step", "regressor, in a step"],
)
def test_a_lost_client_is_told(processes, monkeypatch, case, number):
    import distributed

    with distributed.Client(processes, set_as_default=False) as client, client.as_current():
        at_step(monkeypatch, number, client.close)
        with pytest.raises(ClusterError, match="lost in the middle.*Make a new"):
            case.fit(collection(case.X), case.y)


@each_estimator
def test_there_must_be_a_client(case):
    pytest.importorskip("distributed")
    with pytest.raises(ValueError, match="no client.*distributed.Client"):
        case.fit(collection(case.X), case.y)


def test_want_of_memory_and_a_lost_cluster_are_told(monkeypatch):
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")

    def hoard(block):
        held = []
        while len(block):
            held.append(np.ones(1_000_000))
        return block

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        cluster_of(1, "300MB") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        client.as_current(),
    ):
        X = collection(clusters(), N).map_blocks(hoard, dtype=float, meta=np.empty((0, 0)))
        with pytest.raises(ClusterError, match="for want of memory.*chunks smaller"):
            mixture().fit(X)
        at_step(monkeypatch, 3, cluster.close)
        with pytest.raises(ClusterError, match="lost in the middle.*Make a new"):
            mixture(tol=0.0).fit(collection(clusters()))


def test_what_a_worker_raises_is_shown(client_of_processes):
    def unreadable(block):
        if len(block):
            raise OSError("disk on fire")
        return block

    X = collection(clusters()).map_blocks(unreadable, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(ClusterError, match="A worker failed with OSError: disk on fire") as error:
        mixture().fit(X)
    assert "in unreadable" in "".join(traceback.format_exception(error.value))


def test_what_the_model_raises_on_a_worker_is_shown(client_of_processes, monkeypatch):
    def broken(rows):
        raise KeyError("no such column")

    plain = Chunks.sum
    monkeypatch.setattr(Chunks, "sum", lambda self, step, together=True: plain(self, broken))
    with pytest.raises(
        ClusterError, match="A worker failed with KeyError: 'no such column'"
    ) as error:
        mixture().fit(collection(clusters()))
    assert "in broken" in "".join(traceback.format_exception(error.value))


def test_forms_that_draw_in_a_row_are_refused(client_of_processes):
    rows = open_table(mixture(), collection(clusters()), reset=True).fit_data()
    with pytest.raises(ClusterError, match="Draws that follow"):
        rows.sum(len, together=False)


@pytest.mark.parametrize(
    ("case", "read", "number", "held"),
    [(REGRESSOR, "_load_chunk", 6, "residuals"), (IMPUTER, "_read", 3, "rows")],
    ids=["regressor", "imputer"],
)
def test_rows_as_they_were_read_go_once_they_are_not_needed(
    client_of_processes, monkeypatch, case, read, number, held
):
    before, later, plain, others = set(), set(), Chunks.map, set(client_of_processes.who_has())

    def look(into):
        keys = {key for key, workers in client_of_processes.who_has().items() if workers} - others
        into |= {str(key).partition("-")[0] for key in keys}

    def looking(self, *args):
        look(before)
        return plain(self, *args)

    at_step(monkeypatch, number, lambda: look(later))
    monkeypatch.setattr(Chunks, "map", looking)
    case.fit(collection(case.X), collection(case.y), max_iter=6, acceleration=None)
    assert read in before  # what would be found
    assert held in later and read not in later


def test_without_distributed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "emkit\[dask\]"'):
        mixture().fit(collection(clusters()))


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


def test_estimators_ask_in_one_place_where_rows_lie():
    """`open_data` does, and gives back one kind of object."""
    root = Path(emkit.__file__).parent
    asking = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*.py")
        if "is_dask" in path.read_text() or "is_source" in path.read_text()
    }
    assert asking == {"data"}
    assert BLOCK_ROWS > BLOCK
