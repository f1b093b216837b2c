"""EMSurvivalCurve against surpyval's Turnbull by EM-ICM: CPU time of a fit, likelihood, gap.

Run ``python benchmarks/speed_curve.py``; ``--quick`` takes small data, as a smoke test, and
``--surpyval PYTHON`` names an interpreter that has surpyval, without which its columns are empty.
Times are Weibull with shape 1.5. Visits are monthly, one to three months apart, for 30 months; or
at any time, 0.5 to 6 units apart, until the last of a number drawn for each row, half of the times
being known exactly in the third kind. With entries, 70 % of the rows came under observation at a
time drawn between 0 and the last at which nothing had happened.
"""

import os

# One BLAS thread for every peer. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import Array, Comparison, Table, in_turn, main, met, run

from emkit import EMSurvivalCurve

# Data


def times(n: int, kind: str, *, seed: int = 0) -> Array:
    """Rows [lower, upper], or [lower, upper, entry]."""
    rng = np.random.default_rng(seed)
    failed = 8.0 * rng.weibull(1.5, n)
    if kind == "monthly":
        failed *= 2.0
        gap = rng.integers(1, 4, n)
        low = np.floor(failed / gap) * gap
        high = low + gap
        low = np.maximum(low - rng.integers(0, 3, n), 0.0)
        lost = low > 30.0
        return np.column_stack([np.where(lost, 30.0, low), np.where(lost, np.inf, high)])
    visits = np.cumsum(rng.uniform(0.5, 6.0, (n, 12)), axis=1)
    passed, last = (visits < failed[:, None]).sum(axis=1), rng.integers(1, 13, n)
    visits = np.column_stack([np.zeros(n), visits, np.full(n, np.inf)])
    rows = np.arange(n)
    low = visits[rows, np.minimum(passed, last)]
    high = np.where(passed >= last, np.inf, visits[rows, passed + 1])
    if kind == "half exact":
        exact = rng.random(n) < 0.5
        low, high = np.where(exact, failed, low), np.where(exact, failed, high)
    if kind == "continuous, entries":
        late = (rng.random(n) < 0.7) & (low > 0.0)
        return np.column_stack([low, high, np.where(late, low * rng.random(n), -np.inf)])
    return np.column_stack([low, high])


# Peers: each call is the CPU time of one fit


class Emkit:
    def __init__(self, y: Array):
        self.y = y

    def __call__(self) -> float:
        self.fitted = EMSurvivalCurve()
        began = time.process_time()
        self.fitted.fit(None, self.y)
        return time.process_time() - began


SURPYVAL = """
import sys, time, warnings
import numpy as np
from surpyval import Turnbull
warnings.simplefilter("ignore")
low, high = np.load(sys.argv[1]).T
for call in range(2):
    began = time.process_time()
    fit = Turnbull.fit(xl=low, xr=high, turnbull_estimator="Kaplan-Meier")
    took = time.process_time() - began
print(took, fit.converged)
"""


class Surpyval:
    """Of the second call in a process."""

    def __init__(self, y: Array, python: str, folder: str):
        path = Path(folder, "y.npy")
        np.save(path, y)
        self.command = [python, "-c", SURPYVAL, str(path)]

    def __call__(self) -> float:
        took, self.converged = run(self.command).split()[-2:]
        return float(took)


class Case(NamedTuple):
    kind: str
    n: int
    repeats: int
    most: float | None = None  #: of surpyval's time
    seconds: float | None = None


CASES = (
    Case("monthly", 10_000, 15, 1.2),
    Case("monthly", 100_000, 9, 1.2),
    Case("continuous", 10_000, 15, 0.5),
    Case("continuous", 100_000, 5, 0.5),
    Case("half exact", 10_000, 15, 0.5),
    Case("half exact", 100_000, 5, 0.5),
    Case("monthly", 1_000_000, 3, seconds=4.0),
    Case("continuous", 1_000_000, 3, seconds=4.0),
    Case("half exact", 1_000_000, 3, seconds=4.0),
    Case("continuous, entries", 10_000, 9),
    Case("continuous, entries", 100_000, 5),
)


def compare(case: Case, python: str | None) -> list[str]:
    y = times(case.n, case.kind)
    with tempfile.TemporaryDirectory() as folder:
        own = Emkit(y)
        measures = [own]
        if python and case.most:
            measures.append(peer := Surpyval(y, python, folder))
        took = in_turn(measures, case.repeats)
    least, against = f"{np.median(took[:, 0]):.4f}", ["-"] * 4
    if len(measures) > 1:
        ratio = Comparison.of(took[:, [1, 0]])
        against = [
            f"{ratio.first:.4f}",
            f"{ratio.ratio:.3f}",
            f"{ratio.lowest:.3f}..{ratio.highest:.3f}",
            peer.converged,
        ]
    asked = ["-", "-"]
    if case.seconds:
        asked = [f"{case.seconds:g} s", met(np.median(took[:, 0]) < case.seconds)]
    elif case.most:
        asked = [f"{case.most:g}", met(ratio.ratio <= case.most) if len(measures) > 1 else "-"]
    fitted = own.fitted
    cells = [str(len(fitted.masses_)), str(np.count_nonzero(fitted.masses_)), str(fitted.n_iter_)]
    return [least, *against, *asked, *cells, f"{fitted.log_likelihood_:.6f}", f"{fitted.gap_:.1e}"]


def speed(quick: bool, surpyval: str | None) -> None:
    """Defaults of emkit; surpyval's estimator that is the maximum."""
    cases = [case._replace(n=case.n // 10, repeats=2) for case in CASES] if quick else CASES
    table = Table(
        "A fit, CPU seconds (medians)",
        ["kind, n", "emkit s", "surpyval s", "ratio", "min..max", "it converged", "at most", "met"]
        + ["intervals", "with mass", "iterations", "log-likelihood", "gap"],
        28,
    )
    for case in cases:
        table.attempt(f"{case.kind}, {case.n}", partial(compare, case, surpyval))


if __name__ == "__main__":
    option = {"default": None, "help": "an interpreter that has surpyval"}
    main(__doc__.splitlines()[0], {"speed": speed}, {}, surpyval=option)
