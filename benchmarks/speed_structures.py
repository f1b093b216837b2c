"""EMGaussianMixture's fourteen covariance structures against R's mclust: CPU time per iteration.

Run ``python benchmarks/speed_structures.py``; ``--quick`` takes small data, as a smoke test, and
``--tgmm PYTHON`` names an interpreter that has tgmm, without which its columns are empty. Beside
the times stand how many times more mclust and tgmm take, and what a structure takes of 'full' or,
where columns are independent, of 'diag'. All make plain EM iterations: emkit and mclust from one
partition, tgmm from its means.
"""

import os

# One BLAS thread for both. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import Array, Table, gaussian_clusters, main, run

from emkit import EMGaussianMixture
from emkit.numerics.covariance import NAMES, STRUCTURES

#: Iterations of a short and a long fit: their difference is free of fixed costs.
SHORT, LONG = 2, 12
#: The partition begins as the true one with this part of the labels drawn again.
REDRAWN = 0.3

#: CPU seconds per iteration of `me` from a partition, or NA; a line a structure.
MCLUST = """
a <- commandArgs(TRUE)
suppressPackageStartupMessages(library(mclust))
n <- as.integer(a[2]); d <- as.integer(a[3])
X <- matrix(readBin(file.path(a[1], "X"), "double", n * d), ncol = d)
z <- unmap(readBin(file.path(a[1], "labels"), "integer", n))
took <- function(model, steps) {
    began <- sum(proc.time()[1:2])
    me(X, model, z, control = emControl(itmax = c(steps, steps), tol = c(0, 0)), warn = FALSE)
    sum(proc.time()[1:2]) - began
}
for (model in a[-(1:5)]) {
    short <- took(model, as.integer(a[4])); long <- took(model, as.integer(a[5]))
    cat(model, (long - short) / (as.integer(a[5]) - as.integer(a[4])), "\\n")
}
"""


#: CPU seconds per iteration of tgmm from means, or nan; a line a structure.
TGMM = """
import sys, time
import numpy as np, torch, tgmm
torch.set_num_threads(1)
X, means = (torch.from_numpy(np.load(sys.argv[1])[name]) for name in ("X", "means"))
short, long = int(sys.argv[2]), int(sys.argv[3])
def fit(letters, n_iter):
    mixture = tgmm.GaussianMixture(
        len(means), covariance_type=letters, init_means=means, tol=1e-300, max_iter=n_iter
    )
    began = time.process_time()
    mixture.fit(X)
    return time.process_time() - began
for letters in sys.argv[4:]:
    try:
        fit(letters, 1)
        took = min(fit(letters, long) - fit(letters, short) for _ in range(2)) / (long - short)
    except Exception:
        took = np.nan
    print(letters, took)
"""


class Case(NamedTuple):
    n: int
    d: int
    k: int


CASES = (Case(100_000, 4, 5), Case(20_000, 10, 8))


def start_of(case: Case) -> tuple[Array, Array]:
    """Rows, and labels to begin from."""
    rng = np.random.default_rng(1)
    clusters = gaussian_clusters(*case)
    nearest = ((clusters.X[:, None] - clusters.means) ** 2).sum(axis=2).argmin(axis=1)
    redrawn = rng.integers(case.k, size=case.n)
    return clusters.X, np.where(rng.random(case.n) < REDRAWN, redrawn, nearest)


def fitted(name: str, case: Case, X: Array, labels: Array, **options: object) -> EMGaussianMixture:
    mixture = EMGaussianMixture(
        case.k, covariance_type=name, reg_covar=0.0, resp_init=labels, **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few iterations
        return mixture.fit(X)


def cpu_seconds(name: str, case: Case, X: Array, labels: Array, steps: int) -> float:
    """CPU seconds of a fit of so many plain EM iterations."""
    began = time.process_time()
    fitted(name, case, X, labels, acceleration=None, tol=0.0, max_iter=steps)
    return time.process_time() - began


def per_iteration(case: Case, X: Array, labels: Array, repeats: int) -> dict[str, float]:
    """CPU seconds of a plain EM iteration by structure, the best of several turns."""
    fits = [(name, steps) for name in NAMES for steps in (SHORT, LONG)]
    turns = [
        [cpu_seconds(name, case, X, labels, steps) for name, steps in fits] for _ in range(repeats)
    ]
    best = np.min(turns, axis=0).reshape(-1, 2)
    return dict(zip(NAMES, (best[:, 1] - best[:, 0]) / (LONG - SHORT), strict=True))


def of_mclust(case: Case, X: Array, labels: Array) -> dict[str, float]:
    """The same of mclust, by letters; empty without it."""
    letters = [STRUCTURES[name].letters for name in NAMES]
    sizes = [str(size) for size in (case.n, case.d, SHORT, LONG)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "X").write_bytes(np.asfortranarray(X).tobytes("F"))
        (Path(folder) / "labels").write_bytes((labels + 1).astype(np.int32).tobytes())
        try:
            lines = run(["Rscript", "-e", MCLUST, folder, *sizes, *letters]).splitlines()
        except (FileNotFoundError, RuntimeError):
            print("\nRscript or mclust is not there: skipped")
            return {}
    return {line.split()[0]: float(line.split()[1]) for line in lines if len(line.split()) == 2}


def of_tgmm(python: str | None, X: Array, labels: Array) -> dict[str, float]:
    """The same of tgmm, by letters; empty without it."""
    if python is None:
        return {}
    means = np.stack([X[labels == k].mean(axis=0) for k in np.unique(labels)])
    letters = [STRUCTURES[name].letters for name in NAMES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, X=X, means=means)
        lines = run([python, "-c", TGMM, str(path), str(SHORT), str(LONG), *letters]).splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if len(line.split()) == 2}


def iterations(quick: bool, repeats: int, tgmm: str | None) -> None:
    """A table for each size of data."""
    for case in CASES:
        if quick:
            case = case._replace(n=2000)
        X, labels = start_of(case)
        ours = per_iteration(case, X, labels, 1 if quick else repeats)
        peers = of_mclust(case, X, labels), of_tgmm(tgmm, X, labels)
        table = Table(
            f"CPU ms per iteration, {case.n} x {case.d}, {case.k} components",
            ["structure", "emkit", "emkit/full or diag"]
            + ["mclust", "mclust/emkit", "tgmm", "tgmm/emkit"],
            12,
        )
        for name in NAMES:
            structure = STRUCTURES[name]
            beside = ours["diag" if structure.layout.independent else "full"]
            others = [peer.get(structure.letters, np.nan) for peer in peers]
            pairs = [(f"{1e3 * other:.1f}", f"{other / ours[name]:.1f}") for other in others]
            table.row(
                structure.letters,
                f"{1e3 * ours[name]:.2f}",
                f"{ours[name] / beside:.2f}",
                *pairs[0],
                *pairs[1],
            )


TABLES = {"iterations": iterations}


if __name__ == "__main__":
    main(
        __doc__.splitlines()[0],
        TABLES,
        {},
        repeats={"type": int, "default": 5, "help": "turns, the best of which counts: %(default)s"},
        tgmm={"default": None, "help": "an interpreter that has tgmm"},
    )
