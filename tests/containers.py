"""Containers of responses with names, and responses to put into them."""

import numpy as np
import pytest

from emkit.censored.target import load_target

pd = pytest.importorskip("pandas")
INF = np.inf


def records(**fields):
    fields = {name: np.asarray(values) for name, values in fields.items()}
    n = len(next(iter(fields.values())))
    out = np.empty(n, dtype=[(name, values.dtype) for name, values in fields.items()])
    for name, values in fields.items():
        out[name] = values
    return out


def arrow(**fields):
    return pytest.importorskip("pyarrow").table({k: np.asarray(v) for k, v in fields.items()})


def polars(**fields):
    return pytest.importorskip("polars").DataFrame({k: np.asarray(v) for k, v in fields.items()})


def nullable(**fields):
    with np.errstate(invalid="ignore"):  # pandas before 3 casts infinity
        return pd.DataFrame(fields).convert_dtypes()


CONTAINERS = {
    "structured": records,
    "a column of records": lambda **fields: records(**fields)[:, None],
    "recarray": lambda **fields: records(**fields).view(np.recarray),
    "list of records": lambda **fields: list(records(**fields)),
    "pandas": lambda **fields: pd.DataFrame(fields),
    "pandas nullable": nullable,
    "arrow": arrow,
    "polars": polars,
}
#: Without names: a boolean shows what it is, in an array of objects and in lists.
UNNAMED = {
    "objects": lambda **fields: np.array(list(zip(*fields.values(), strict=True)), dtype=object),
    "tuples": lambda **fields: [tuple(row) for row in zip(*fields.values(), strict=True)],
    "numbered frame": lambda **fields: pd.DataFrame(dict(enumerate(fields.values()))),
}
each_container = pytest.mark.parametrize("container", CONTAINERS)

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
LATENT = 5.0 + X @ [1.0, -0.5] + rng.normal(size=60)
EVENT, TIME = LATENT < 5.5, np.minimum(LATENT, 5.5)
RIGHT = np.column_stack([TIME, np.where(EVENT, TIME, INF)])
KINDS = {
    "bool": bool,
    "object": object,
    "int": int,
    "int8": np.int8,
    "uint8": np.uint8,
    "float": float,
    "float32": np.float32,
}


def read(y, **options):
    return np.column_stack([part for part in load_target(y, **options) if part is not None])
