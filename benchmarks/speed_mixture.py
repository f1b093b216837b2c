"""EMGaussianMixture against scikit-learn's GaussianMixture and R's mclust: time and memory.

Run ``python benchmarks/speed_mixture.py``; ``--quick`` takes small data, as a smoke test.
"""

import os

# One BLAS thread for every peer, R among them. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import (
    Array,
    Comparison,
    Table,
    gaussian_clusters,
    growth,
    in_child,
    in_turn,
    main,
    met,
    required,
    run,
    seconds,
)
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture

from emkit import EMGaussianMixture

#: Iterations of a short and a long fit: their difference is free of fixed costs.
SHORT, LONG = 2, 12

MIXTURES = {"emkit": EMGaussianMixture, "scikit-learn": GaussianMixture}


def score(fitted: Any, X: Array) -> float:
    """Mean log-likelihood by scikit-learn's formula, whoever fitted."""
    judge = GaussianMixture(len(fitted.weights_), covariance_type=fitted.covariance_type)
    judge.weights_, judge.means_ = fitted.weights_, fitted.means_
    judge.precisions_cholesky_ = fitted.precisions_cholesky_
    return judge.score(X)


# Time per iteration


class Case(NamedTuple):
    n: int
    d: int
    k: int
    covariance_type: str
    required: float | None = None  #: ratio to scikit-learn


CASES = (
    Case(100_000, 2, 5, "full", 20.0),
    Case(1_000_000, 4, 8, "full", 15.0),
    Case(100_000, 10, 10, "full", 8.0),
    Case(20_000, 20, 10, "full"),
    Case(20_000, 50, 10, "full", 2.5),
    Case(5_000, 100, 10, "full", 1.7),
    Case(100_000, 10, 10, "diag", 5.0),
    Case(100_000, 10, 10, "tied", 5.0),
    Case(100_000, 10, 10, "spherical", 5.0),
)


def shaped(covariance: Array, k: int, covariance_type: str) -> Array:
    """Precisions of k components that share a covariance, as scikit-learn shapes them."""
    diagonal = np.diag(covariance)
    if covariance_type == "tied":
        return np.linalg.inv(covariance)
    if covariance_type == "full":
        return np.tile(np.linalg.inv(covariance), (k, 1, 1))
    if covariance_type == "diag":
        return np.tile(1.0 / diagonal, (k, 1))
    return np.full(k, 1.0 / diagonal.mean())


class PythonSteps:
    """Time per iteration of a mixture with scikit-learn's interface."""

    def __init__(self, mixture: Any, X: Array):
        self.mixture, self.X = mixture, X

    def __call__(self) -> float:
        times = [seconds(self._fit, steps) for steps in (SHORT, LONG)]
        return (times[1] - times[0]) / (LONG - SHORT)

    def _fit(self, steps: int) -> None:
        self.fitted = clone(self.mixture).set_params(max_iter=steps).fit(self.X)
        if self.fitted.n_iter_ != steps:
            raise RuntimeError(f"{self.fitted.n_iter_} iterations instead of {steps}")

    def score(self) -> float:
        return score(self.fitted, self.X)


#: `me` with itmax m makes m times an M-step and an E-step; its log-likelihood is of that E-step.
MCLUST = """
arguments <- commandArgs(TRUE)
sizes <- as.integer(arguments[2:6])
suppressPackageStartupMessages(library(mclust))
read <- function(name, columns)
    matrix(readBin(file.path(arguments[7], name), "double", sizes[1] * columns), ncol = columns)
X <- read("X", sizes[2])
z <- read("z", sizes[3])
for (steps in sizes[4:5]) {
    gc()
    began <- Sys.time()
    fit <- me(X, arguments[1], z, control = emControl(itmax = c(steps, steps), tol = c(0, 0)),
              warn = FALSE)
    took <- as.numeric(Sys.time()) - as.numeric(began)
    cat(sprintf("%.9f %d %.17g\\n", took, abs(attr(fit, "info")[["iterations"]]), fit$loglik))
}
"""

MCLUST_VERSION = 'cat(R.version.string, "with mclust", format(packageVersion("mclust")))'


class MclustSteps:
    """Time per iteration of mclust, from the responsibilities at the start of a mixture."""

    NAMES = {"full": "VVV", "diag": "VVI", "tied": "EEE", "spherical": "VII"}

    def __init__(self, mixture: EMGaussianMixture, X: Array, folder: str):
        self.n = len(X)
        start = clone(mixture).set_params(max_iter=0).fit(X)
        # R reads column after column.
        X.T.tofile(Path(folder, "X"))
        start.predict_proba(X).T.tofile(Path(folder, "z"))
        name = self.NAMES[mixture.covariance_type]
        sizes = (len(X), X.shape[1], mixture.n_components, SHORT, LONG)
        self.arguments = [name, *map(str, sizes), folder]

    def __call__(self) -> float:
        lines = run(["Rscript", "-e", MCLUST, *self.arguments]).splitlines()
        (short, m, _), (long, n, log_likelihood) = (line.split() for line in lines[-2:])
        if (int(m), int(n)) != (SHORT, LONG):
            raise RuntimeError(f"mclust took {m} and {n} iterations, not {SHORT} and {LONG}")
        self.log_likelihood = float(log_likelihood)
        return (float(long) - float(short)) / (LONG - SHORT)

    def score(self) -> float:
        return self.log_likelihood / self.n


def compare_steps(case: Case, peer: str, repeats: int) -> list[str]:
    n, d, k, covariance_type, _ = case
    X, _, means, covariances = gaussian_clusters(n, d, k)
    arguments = {
        "n_components": k,
        "covariance_type": covariance_type,
        "tol": 0.0,
        # emkit has a prior where scikit-learn adds to the diagonal; at 0 both maximise the same.
        "reg_covar": 0.0,
        "weights_init": np.full(k, 1.0 / k),
        "means_init": means + np.random.default_rng(1).normal(scale=0.5, size=means.shape),
        "precisions_init": shaped(covariances.mean(axis=0), k, covariance_type),
    }
    mixture = EMGaussianMixture(**arguments, acceleration=None)
    own = PythonSteps(mixture, X)
    with tempfile.TemporaryDirectory() as folder:
        if peer == "mclust":
            other = MclustSteps(mixture, X, folder)
        else:
            other = PythonSteps(GaussianMixture(**arguments), X)
        times = Comparison.of(in_turn([own, other], repeats))
    scores = own.score(), other.score()
    apart = abs(scores[0] / scores[1] - 1.0)
    cells = times.cells(1e-3)
    if peer == "scikit-learn":
        cells += required(times.ratio, case.required)
    cells += [f"{value:.9f}" for value in scores]
    return [*cells, f"{apart:.0e}{' DIFFERENT' if apart > 1e-9 else ''}"]


def estep_against(peer: str, quick: bool, repeats: int) -> None:
    columns = ["n x d, K, covariance", "emkit ms", f"{peer} ms", "ratio", "min..max"]
    if peer == "scikit-learn":
        columns += ["required", "met"]
    columns += ["emkit score", f"{peer} score", "rel. difference"]
    table = Table(f"One EM iteration: emkit and {peer} (median of {repeats})", columns, 26)
    for case in CASES:
        if quick:
            # Enough rows that no covariance is singular.
            case = case._replace(n=max(case.n // 10, 3 * case.d * case.k))
        label = f"{case.n} x {case.d}, {case.k}, {case.covariance_type}"
        table.attempt(label, partial(compare_steps, case, peer, repeats))


def estep(quick: bool) -> None:
    """One E-step and M-step from the same start."""
    estep_against("scikit-learn", quick, 3 if quick else 9)
    try:
        versions = run(["Rscript", "-e", MCLUST_VERSION])
    except (OSError, RuntimeError) as error:
        print(f"\nmclust: skipped, {error}")
        return
    print(f"\n{versions}")
    estep_against("mclust", quick, 2 if quick else 3)


# Whole fits


def large_data(quick: bool) -> Array:
    return gaussian_clusters(20_000 if quick else 1_000_000, 4, 8).X


def fit(quick: bool) -> None:
    """Default fits with five starts, seed after seed."""
    X = large_data(quick)
    table = Table(
        f"Default fit, n_init=5, {len(X)} x 4, K=8",
        ["seed", "emkit s", "scikit-learn s", "ratio", "emkit n_iter_", "scikit-learn n_iter_"]
        + ["emkit score", "scikit-learn score", "difference"],
    )
    times, scores = [], []

    def compare(seed: int) -> list[str]:
        peers = [make(8, n_init=5, random_state=seed) for make in MIXTURES.values()]
        (took,) = in_turn([partial(seconds, peer.fit, X) for peer in peers], 1)
        reached = [score(peer, X) for peer in peers]
        times.append(took)
        scores.append(reached)
        return [
            *(f"{s:.3f}" for s in took),
            f"{took[1] / took[0]:.2f}",
            *(str(peer.n_iter_) for peer in peers),
            *(f"{s:.7f}" for s in reached),
            f"{reached[0] - reached[1]:+.2e}",
        ]

    for seed in range(2 if quick else 10):
        table.attempt(seed, partial(compare, seed))
    if not times:
        return
    total = Comparison.of(np.array(times))
    own, other = np.median(scores, axis=0)
    apart = np.median(np.subtract(*np.transpose(scores)))
    print(
        f"\nOf {len(times)} seeds: median times {total.first:.3f} s and {total.second:.3f} s, "
        f"ratio {total.ratio:.2f}, required 10, met: {met(total.ratio >= 10.0)}\n"
        f"Median scores {own:.9f} and {other:.9f}, emkit's not lower: {met(own >= other)}; "
        f"median difference {apart:+.2e}",
        flush=True,
    )


def small(quick: bool) -> None:
    """Default fits of iris, a new seed in every turn."""
    X = load_iris().data
    repeats = 20 if quick else 200
    table = Table(
        f"Default fit of iris, K=3 (median of {repeats} seeds)",
        ["covariance", "emkit ms", "scikit-learn ms", "ratio", "min..max", "required", "met"]
        + ["emkit n_iter_", "scikit-learn n_iter_"],
    )

    def compare(covariance_type: str) -> list[str]:
        peers = [make(3, covariance_type=covariance_type) for make in MIXTURES.values()]
        steps = np.zeros((repeats, 2))

        def measure(i: int, seed: int) -> float:
            took = seconds(peers[i].set_params(random_state=seed).fit, X)
            steps[seed, i] = peers[i].n_iter_
            return took

        times = Comparison.of(np.array([[measure(i, s) for i in (0, 1)] for s in range(repeats)]))
        cells = times.cells(1e-3) + required(times.ratio, 1.0)
        return cells + [f"{n:g}" for n in np.median(steps, axis=0)]

    for covariance_type in ("full", "tied", "diag", "spherical"):
        table.attempt(covariance_type, partial(compare, covariance_type))


# Fits in a fresh process


def child_memory(argument: str, path: str) -> dict[str, Any]:
    X = np.load(path)
    return growth(MIXTURES[argument](8, n_init=2, max_iter=3, random_state=0).fit, X)


def child_jobs(argument: str, path: str) -> dict[str, Any]:
    X = np.load(path)
    mixture = EMGaussianMixture(8, n_init=8, n_jobs=int(argument), random_state=0)
    took = seconds(mixture.fit, X)
    return {
        "seconds": took,
        "weights": mixture.weights_.tolist(),
        "means": mixture.means_.tolist(),
    }


CHILDREN: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "memory": child_memory,
    "jobs": child_jobs,
}


def memory(quick: bool) -> None:
    """Growth of the resident set during a fit."""
    X = large_data(quick)
    size = X.nbytes / 2**20
    allowed = 1.2 * size + 32.0
    table = Table(
        f"Peak memory of a fit, {len(X)} x 4 ({size:.1f} MiB), K=8, n_init=2, max_iter=3",
        ["package", "before fit MiB", "peak growth MiB", "allowed MiB", "met"],
    )

    def measure(package: str) -> list[str]:
        found = in_child("memory", package, path)
        own = package == "emkit"
        return [
            f"{found['before']:.1f}",
            f"{found['growth']:.1f}",
            f"{allowed:.1f}" if own else "-",
            met(found["growth"] <= allowed) if own else "-",
        ]

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "X.npy"))
        np.save(path, X)
        for package in MIXTURES:
            table.attempt(package, partial(measure, package))


def jobs(quick: bool) -> None:
    """One and two processes for the starts."""
    X = large_data(quick)
    repeats = 1 if quick else 3
    table = Table(
        f"emkit, n_init=8, {len(X)} x 4, K=8: one and two processes (median of {repeats})",
        ["package", "n_jobs=2 s", "n_jobs=1 s", "ratio", "min..max", "required", "met"]
        + ["max difference", "within 1e-8"],
    )

    def compare() -> list[str]:
        found: dict[int, dict[str, Any]] = {}

        def measure(n_jobs: int) -> float:
            found[n_jobs] = in_child("jobs", str(n_jobs), path)
            return found[n_jobs]["seconds"]

        times = Comparison.of(in_turn([partial(measure, 2), partial(measure, 1)], repeats))
        apart = max(
            np.abs(np.subtract(found[1][name], found[2][name])).max()
            for name in ("weights", "means")
        )
        cells = times.cells() + required(times.ratio, 1.6)
        return [*cells, f"{apart:.1e}", met(apart <= 1e-8)]

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "X.npy"))
        np.save(path, X)
        table.attempt("emkit", compare)


TABLES = {"estep": estep, "fit": fit, "memory": memory, "jobs": jobs, "small": small}


if __name__ == "__main__":
    main(__doc__.splitlines()[0], TABLES, CHILDREN)
