"""Fits of data larger than memory: time, iterations, peak memory.

Run ``python benchmarks/growth_disk.py``; ``--quick`` takes a fiftieth of the data, as a
smoke test. Rows are made whenever they are sliced, always the same ones; ``--map FOLDER`` writes
them to memory maps there first, those of one fit after those of another, and fits these. Every fit
runs in a fresh process, in one thread, and the peak is that of the whole process, with all that was
imported. What the rows are drawn with is known: the largest error of a mean or slope is told.
"""

import os

# One BLAS thread. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import Array, Table, in_child, main, met, resident, seconds, timed_steps

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer

D, K = 10, 3
CHUNK = 65_536
MISSING = 0.1
#: MiB that a fit may take.
MOST = 1000.0

MEANS = np.random.default_rng(1).uniform(-3.0, 3.0, (K, D))
SLOPES, NOISE = np.random.default_rng(2).standard_normal(D), 1.5
#: Which 30 % of the responses are above: 0.5244 is the normal quantile of 0.7.
LIMIT = 0.5244 * float(np.hypot(np.linalg.norm(SLOPES), NOISE))


# Rows that are made when they are sliced


class Rows:
    """Rows of normal numbers: those of a table, in every chunk begun elsewhere and rotated anew.

    Rotated normal numbers are normal, so a chunk is as good as drawn for the price of a product.
    Its number is the key of what turns it.

    Parameters
    ----------
    n : int
        Number of rows.
    mixing : array of shape (width, d) or (width,)
        What independent columns are multiplied by.
    """

    dtype = np.dtype(float)

    def __init__(self, n: int, mixing: Array):
        table = np.random.default_rng(0).standard_normal((CHUNK, len(mixing)))
        self.table = np.concatenate([table, table])
        self.mixing = mixing
        self.shape = (n, *mixing.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(len(self))
        parts = [np.empty((0, *self.shape[1:]))]
        for number in range(start // CHUNK, -(-stop // CHUNK)):
            at = number * CHUNK
            parts.append(self.chunk(number)[max(start - at, 0) : stop - at])
        return parts[1] if len(parts) == 2 else np.concatenate(parts)

    def chunk(self, number: int) -> Array:
        rng = np.random.Generator(np.random.Philox(key=number))
        width = len(self.mixing)
        turn = np.linalg.qr(rng.standard_normal((width, width))).Q
        first, other = rng.integers(CHUNK, size=2)
        return self.from_tile_sums(self.table[first : first + CHUNK] @ (turn @ self.mixing), other)

    def from_tile_sums(self, rows: Array, first: int) -> Array:
        """The rows, with what begins at ``first`` in a table of another kind."""
        return rows


class Clusters(Rows):
    """Of components with unit covariance."""

    def __init__(self, n: int):
        super().__init__(n, np.eye(D))
        self.centres = np.tile(np.resize(MEANS, (CHUNK, D)), (2, 1))

    def from_tile_sums(self, rows: Array, first: int) -> Array:
        rows += self.centres[first : first + CHUNK]
        return rows


class Holes(Rows):
    """Of one normal distribution about 1, some cells missing."""

    def __init__(self, n: int):
        rng = np.random.default_rng(3)
        super().__init__(n, rng.standard_normal((D, D)) / np.sqrt(D))
        self.holes = np.tile(rng.random((CHUNK, D)) < MISSING, (2, 1))

    def from_tile_sums(self, rows: Array, first: int) -> Array:
        rows += 1.0
        rows[self.holes[first : first + CHUNK]] = np.nan
        return rows


class Predictors(Rows):
    """Standard normal."""

    def __init__(self, n: int):
        super().__init__(n, np.eye(D + 1)[:, :D])


class Responses(Rows):
    """Of a line in the predictors and noise, clipped at a limit."""

    def __init__(self, n: int):
        super().__init__(n, np.append(SLOPES, NOISE))

    def from_tile_sums(self, rows: Array, first: int) -> Array:
        return np.minimum(rows, LIMIT)


# Fits


class Problem(NamedTuple):
    """What is fitted to what, and how far from the truth it came."""

    estimator: Any
    sources: tuple[Callable[[int], Rows], ...]  #: X, or X and y
    error: Callable[[Any], float]


def error_of_means(mixture: EMGaussianMixture) -> float:
    """Of the nearest fitted mean."""
    apart = np.abs(mixture.means_[:, np.newaxis] - MEANS).max(axis=2)
    return float(apart.min(axis=0).max())


PROBLEMS = {
    "mixture": Problem(EMGaussianMixture(K, random_state=0), (Clusters,), error_of_means),
    "imputer": Problem(EMImputer(), (Holes,), lambda fitted: np.abs(fitted.location_ - 1.0).max()),
    "regressor": Problem(
        EMCensoredRegressor(right=LIMIT),
        (Predictors, Responses),
        lambda fitted: np.abs(fitted.coef_ - SLOPES).max(),
    ),
}


def rows_of(gb: float) -> int:
    return int(gb * 1e9 / (D * Rows.dtype.itemsize))


def child_fit(argument: str, folder: str) -> dict[str, Any]:
    name, gb = json.loads(argument)
    problem, n = PROBLEMS[name], rows_of(gb)
    data: list[Any] = [make(n) for make in problem.sources]
    if folder:
        data = [
            np.memmap(path_of(folder, rows), rows.dtype, "r", shape=rows.shape) for rows in data
        ]
    some = slice(0, min(n, 16 * CHUNK))
    read = seconds(
        lambda: [
            rows[start : start + CHUNK].sum()
            for rows in data
            for start in range(0, some.stop, CHUNK)
        ]
    )
    fitted = problem.estimator
    with timed_steps() as steps:
        took = seconds(fitted.fit, *data)
    found = {
        "fit": took,
        "n_iter": fitted.n_iter_,
        "step": float(np.median(steps[-3:])),
        "read": read * n / some.stop,
        "error": float(problem.error(fitted)),
    }
    if name == "imputer":
        found["transform"] = seconds(read_filled, fitted.transform(data[0]), n)
    return {**found, "peak": resident("VmHWM")}


def read_filled(filled: Any, n: int) -> None:
    """All rows, a block at a time."""
    n_read = 0
    for block in filled:
        n_read += len(block)
        if np.isnan(block).any():
            raise RuntimeError("a cell was not filled")
    if n_read != n:
        raise RuntimeError(f"{n_read} rows were filled, not {n}")


def path_of(folder: str, rows: Rows) -> Path:
    return Path(folder, type(rows).__name__)


def write(folder: str, rows: Rows) -> Path:
    path = path_of(folder, rows)
    with path.open("wb") as file:
        for start in range(0, len(rows), CHUNK):
            rows[start : start + CHUNK].tofile(file)
    return path


def fit(quick: bool, gb: float, map: str, only: str) -> None:
    """Every estimator on its own data."""
    gb = gb / 50 if quick else gb
    kind = f"memory maps in {map}" if map else "rows made when sliced"
    table = Table(
        f"X of {gb:g} GB, {rows_of(gb)} x {D}, {kind}",
        ["estimator", "fit s", "n_iter_", "E-step s", "reading s", "transform s", "error"]
        + ["peak MiB", f"below {MOST:g}"],
    )

    def measure(name: str) -> list[str]:
        paths = []
        try:
            if map:
                n = rows_of(gb)
                paths = [write(map, make(n)) for make in PROBLEMS[name].sources]
            found = in_child("fit", json.dumps([name, gb]), map)
        finally:
            for path in paths:
                path.unlink()
        return [
            f"{found['fit']:.1f}",
            str(found["n_iter"]),
            f"{found['step']:.2f}",
            f"{found['read']:.2f}",
            f"{found['transform']:.1f}" if "transform" in found else "-",
            f"{found['error']:.1e}",
            f"{found['peak']:.0f}",
            met(found["peak"] < MOST),
        ]

    for name in only.split(","):
        table.attempt(name, partial(measure, name))
    print(
        "\nE-step: the median of the last three, reading included; reading: one pass over all rows "
        "alone,\nfrom that over the first 16 blocks."
    )


if __name__ == "__main__":
    main(
        __doc__.splitlines()[0],
        {"fit": fit},
        {"fit": child_fit},
        gb={"type": float, "default": 20.0, "help": "size of X: %(default)s"},
        only={"default": ",".join(PROBLEMS), "help": "which, by commas: %(default)s"},
        map={"default": "", "metavar": "FOLDER", "help": "write memory maps there and fit these"},
    )
