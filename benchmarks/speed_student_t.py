"""Student t components: an E-step beside that of normals, and an iteration beside tgmm's.

Run ``python benchmarks/speed_student_t.py``; ``--quick`` takes small data, as a smoke test, and
``--tgmm PYTHON`` names an interpreter that has tgmm, without which its columns are empty. All are
CPU times of one thread. An iteration is a tenth of what twelve take longer than two, from the same
means, in double precision, degrees of freedom free.
"""

import os

# One BLAS thread for every peer. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import (
    Array,
    Comparison,
    Table,
    gaussian_clusters,
    in_turn,
    main,
    met,
    required,
    run,
)

from emkit import EMGaussianMixture
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.student_t import StudentTMixtureModel
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

#: Iterations of a short and a long fit: their difference is free of fixed costs.
SHORT, LONG = 2, 12
#: Of a normal E-step, and of tgmm's iteration.
MOST, LEAST = 2.0, 8.0


class Case(NamedTuple):
    n: int
    d: int
    k: int
    covariance_type: str

    def __str__(self) -> str:
        return f"{self.n} x {self.d}, K={self.k}, {self.covariance_type}"


CASES = [
    Case(n, d, k, name)
    for n, d, k in ((100_000, 4, 5), (20_000, 10, 8))
    for name in ("full", "tied", "diag", "spherical")
]


def of_cases(quick: bool) -> list[Case]:
    return [case._replace(n=case.n // 10) for case in CASES] if quick else CASES


# E-steps


def cpu(function: Any, *args: Any) -> float:
    began = time.process_time()
    for _ in range(3):
        function(*args)
    return (time.process_time() - began) / 3


def compare_steps(case: Case, df: str | float, repeats: int) -> list[str]:
    clusters = gaussian_clusters(case.n, case.d, case.k)
    rows, structure = Rows(clusters.X), STRUCTURES[case.covariance_type]
    shift, scale = rows.scaling()
    units = Scaling(shift, structure.common_scale(scale))
    normal = GaussianMixtureModel(structure, units, total_weight=case.n)
    heavy = StudentTMixtureModel(structure, units, total_weight=case.n, df=df)
    params = normal.from_means(rows, (clusters.means - units.shift) / units.scale)
    start = heavy.from_normal(params)
    measures = [partial(cpu, normal.e_step, rows, params), partial(cpu, heavy.e_step, rows, start)]
    found = Comparison.of(in_turn(measures, repeats))
    return [
        *found.cells(1e-3),
        f"{MOST:g}",
        met(found.ratio <= MOST),
    ]


def steps(quick: bool, tgmm: str | None) -> None:
    """Of free and of given degrees of freedom."""
    table = Table(
        "An E-step, CPU ms",
        ["data, df", "normal", "Student t", "ratio", "min..max", "at most", "met"],
        36,
    )
    for case in of_cases(quick):
        for df in ("free", 4.0):
            measure = partial(compare_steps, case, df, 3 if quick else 15)
            table.attempt(f"{case}, {df}", measure)


# Iterations


class Emkit:
    def __init__(self, case: Case, X: Array, means: Array):
        self.case, self.X, self.means = case, X, means

    def __call__(self) -> float:
        took = [self.fit(n) for n in (SHORT, LONG)]
        return (took[1] - took[0]) / (LONG - SHORT)

    def fit(self, n_iter: int) -> float:
        mixture = EMGaussianMixture(
            self.case.k,
            covariance_type=self.case.covariance_type,
            distribution="student_t",
            means_init=self.means,
            acceleration=None,
            tol=0.0,
            max_iter=n_iter,
        )
        began = time.process_time()
        mixture.fit(self.X)
        return time.process_time() - began


TGMM = """
import sys, time
import numpy as np, torch, tgmm
torch.set_num_threads(1)
X, means = (torch.from_numpy(np.load(sys.argv[1])[name]) for name in ("X", "means"))
def fit(n_iter):
    mixture = tgmm.StudentTMixture(
        len(means), covariance_type=sys.argv[2], init_means=means, tol=0.0, max_iter=n_iter
    )
    began = time.process_time()
    mixture.fit(X)
    return time.process_time() - began
fit(1)
print(min((fit(LONG) - fit(SHORT)) / (LONG - SHORT) for _ in range(2)))
""".replace("LONG", str(LONG)).replace("SHORT", str(SHORT))


class Tgmm:
    def __init__(self, case: Case, python: str, path: str):
        name = {"tied": "tied_full"}.get(case.covariance_type, case.covariance_type)
        self.command = [python, "-c", TGMM, path, name]

    def __call__(self) -> float:
        return float(run(self.command).split()[-1])


def compare_iterations(case: Case, python: str | None, repeats: int) -> list[str]:
    clusters = gaussian_clusters(case.n, case.d, case.k)
    means = clusters.X[:: case.n // case.k][: case.k]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "data.npz")
        np.savez(path, X=clusters.X, means=means)
        measures: list[Any] = [Emkit(case, clusters.X, means)]
        if python:
            measures.append(Tgmm(case, python, str(path)))
        took = in_turn(measures, repeats)
    if not python:
        return [f"{1e3 * np.median(took):.3f}"]
    found = Comparison.of(took)
    return [*found.cells(1e-3), *required(found.ratio, LEAST)]


def iterations(quick: bool, tgmm: str | None) -> None:
    """Of tgmm the smaller of two in a process that has fitted before."""
    table = Table(
        "An iteration, CPU ms",
        ["data", "emkit", "tgmm", "ratio", "min..max", "at least", "met"],
        30,
    )
    for case in of_cases(quick):
        table.attempt(str(case), partial(compare_iterations, case, tgmm, 1 if quick else 3))


if __name__ == "__main__":
    option = {"default": None, "help": "an interpreter that has tgmm"}
    tables = {"steps": steps, "iterations": iterations}
    main(__doc__.splitlines()[0], tables, {}, tgmm=option)
