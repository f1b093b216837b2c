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
