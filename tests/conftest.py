"""Shared by all tests."""

import json
from pathlib import Path

import numpy as np
import pytest

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
