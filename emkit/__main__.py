"""What a report of a bug has to tell: ``python -m emkit`` prints versions and the BLAS in use."""

import os
import platform
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import emkit

REQUIRED = ("numpy", "scipy", "scikit-learn", "joblib")
OPTIONAL = ("threadpoolctl", "matplotlib", "pandas", "polars", "dask", "distributed", "skops")
#: What loads the libraries that compute, so that they can be asked for their threads.
LOADING = ("scipy.linalg", "sklearn.cluster")


def facts() -> Iterator[tuple[str, str]]:
    """Name and version or description, of what is installed, line by line."""
    yield "emkit", emkit.__version__
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "platform", f"{platform.platform()}, {os.cpu_count()} cores"
    for name in REQUIRED:
        yield name, version_of(name) or "not installed"
    for name in OPTIONAL:
        if found := version_of(name):
            yield name, found
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    yield "numpy's BLAS", f"{blas.get('name')} {blas.get('version')}"
    yield from libraries()


def version_of(name: str) -> str | None:
    """Version of an installed distribution, None of one that is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def libraries() -> Iterator[tuple[str, str]]:
    """BLAS and OpenMP as they are loaded, with their threads, where threadpoolctl is installed."""
    if find_spec("threadpoolctl") is None:
        yield "threads", "not known without threadpoolctl"
        return
    for name in LOADING:
        import_module(name)
    for pool in import_module("threadpoolctl").threadpool_info():
        words = [pool["internal_api"], pool["version"], pool.get("architecture")]
        threads = f"{pool['num_threads']} thread{'s' * (pool['num_threads'] != 1)}"
        place = Path(pool["filepath"]).parent.name  # such as numpy.libs, scipy.libs
        yield pool["user_api"], f"{' '.join(filter(None, words))}, {threads}, of {place}"


if __name__ == "__main__":
    for name, value in facts():
        print(f"{name:14}{value}")
