"""Shared by all tests."""

import gc
import json
import os
import sys
from collections import Counter
from pathlib import Path

# Two workers share the cores: BLAS threads on top would only wait. NumPy reads it on import.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import given, settings, strategies  # noqa: E402

# A test that passed here passes everywhere; new cases are for benchmarks/random_fits.py.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def golden():
    """Reader of the reference answers; each file names its source."""
    return lambda name: json.loads((GOLDEN / name).read_text())


# scikit-learn's own tests ask for these two.


@pytest.fixture(params=[np.float64, np.float32])
def global_dtype(request):
    return request.param


@pytest.fixture
def global_random_seed():
    return 42


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """Figures that a test or an example leaves open count against those after it."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


# What a run of all tests costs


def pytest_addoption(parser):
    parser.addoption(
        "--one-in", type=int, default=1, help="of each test's cases run the first of every N"
    )


def pytest_collection_modifyitems(config, items):
    """Of each test all of its cases, or one in so many: for a lane that looks at other versions."""
    every, seen, kept, left_out = config.getoption("--one-in"), Counter(), [], []
    for item in items:
        test = item.nodeid.partition("[")[0]
        (left_out if seen[test] % every else kept).append(item)
        seen[test] += 1
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_collection_finish(session):
    """Modules and tests live as long as the session: the collector need not look at them again."""
    # Hypothesis asks the collector once who holds the random generators that it seeds.
    given(strategies.none())(lambda nothing: None)()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file go to one worker of pytest-xdist, as they share fits and processes."""
    if config.getvalue("dist") != "load":
        return None  # another way was asked for
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


# Places where rows may lie


def cluster_of(n_workers, memory=None, processes=True):
    """A cluster of worker processes on this machine, or of threads that are told as much."""
    import dask
    import distributed

    options = {
        "distributed.comm.timeouts.connect": "5s",  # that a worker looks for one that was killed
        # A cluster that has nothing to do shall do nothing.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "2s",
        "distributed.admin.system-monitor.interval": "5s",
        "distributed.worker.memory.pause": False,  # a worker near its limit would wait for ever
    }
    with dask.config.set(options):
        return distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=processes,
            protocol="tcp://",  # everything is pickled on its way, to a thread too
            dashboard_address=":0",  # any port that is free
            memory_limit=memory,
        )


def _client_of(cluster):
    import distributed

    return distributed.Client(cluster, set_as_default=False)


# Threads of a cluster draw from `random`, which Hypothesis takes for the doing of a test that runs
# meanwhile: a cluster ends with the file of tests that asked for it.


@pytest.fixture(scope="module")
def _client():
    pytest.importorskip("distributed")
    with cluster_of(2, processes=False) as cluster, _client_of(cluster) as client:
        yield client


@pytest.fixture
def client(_client):
    """The current client of a cluster of threads: answers are those of processes, at once."""
    with _client.as_current():
        yield _client


@pytest.fixture(scope="module")
def processes():
    """A cluster of worker processes, which start in seconds."""
    pytest.importorskip("distributed")
    with cluster_of(2, "500MB") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def _client_of_processes(processes):
    with _client_of(processes) as client:
        yield client


@pytest.fixture
def client_of_processes(_client_of_processes):
    """The current client of a cluster of processes."""
    _client_of_processes.wait_for_workers(2)  # one may have been killed
    with _client_of_processes.as_current():
        yield _client_of_processes


@pytest.fixture
def short_blocks(monkeypatch):
    """Rows are cut into blocks of a few hundred, and the smallest memory map is large."""
    from places import BLOCK, set_sizes

    set_sizes(monkeypatch, BLOCK)


@pytest.fixture
def put(request, tmp_path, short_blocks):
    """Puts arrays in a place, a parameter of the test, where rows come in short blocks."""
    from places import Put

    if request.param == "cluster":
        request.getfixturevalue("client")
        yield Put("dask", tmp_path)
        return
    if request.param == "dask":
        dask = pytest.importorskip("dask")
        with dask.config.set(scheduler="synchronous"):
            yield Put("dask", tmp_path)
        return
    yield Put(request.param, tmp_path)
