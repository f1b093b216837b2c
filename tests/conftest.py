"""Shared by all tests."""

import json
import os
from pathlib import Path

# Two workers share the cores: BLAS threads on top would only wait. NumPy reads it on import.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

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


# Places where rows may lie


def cluster_of(n_workers, memory):
    """A cluster of worker processes on this machine."""
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
            processes=True,
            dashboard_address=":0",  # any port that is free
            memory_limit=memory,
        )


@pytest.fixture(scope="session")
def cluster():
    pytest.importorskip("distributed")
    with cluster_of(2, "500MB") as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _client(cluster):
    import distributed

    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture
def client(_client):
    """The current client of the cluster."""
    _client.wait_for_workers(2)  # one may have been killed
    with _client.as_current():
        yield _client


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
