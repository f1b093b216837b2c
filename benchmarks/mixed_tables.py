"""Tables of numbers and categories: EMImputer beside scikit-learn, and R's mice and Amelia.

Run ``python benchmarks/mixed_tables.py``; ``--tables mcar``, ``--names penguins,votes``,
``--methods emkit,mice`` (beginnings of names) and ``--seeds 3`` take parts or more of it,
``--quick`` the synthetic tables without R and without intervals.

Eleven tables come from R's packages by name, where Rscript and they are there; three are synthetic.
30 % of the cells are hidden, at random or by the rank in one column. Errors are ratios to those of
means and modes: of numbers (root mean squares over standard deviations), of categories (share of
wrong ones, log-loss), each a mean over the columns; CPU seconds are of a fit and the filled table,
with the number of classes known. Intervals of 90 % are of 20 tables of ``multiple_impute``. Of a
large table it tells what categories add to the time of an E-step (``--tables e_step``).
"""

import os

# One BLAS thread for every peer, R among them. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import Table, main
from _mixed import Mixed, errors, holes, real_tables, synthetic_tables
from _mixed_methods import OF_SKLEARN, Method, mean_and_mode, of_emkit, of_r
from _mixed_step import e_step

ERRORS = ("NRMSE", "wrong", "log-loss")
#: What the geometric means are held to.
TARGETS = {"mcar": (0.76, 0.73, 0.84), "mar": (0.72, 0.72, 0.82)}
#: Ratio of wrong categories on any table; coverage of intervals of 90 %; time of mice over ours.
MOST_WRONG, COVERAGE, LEAST_RATIO = 1.02, (0.87, 0.95), 5.0


class Result(NamedTuple):
    """Of a method on a table, means over the seeds."""

    ratios: Sequence[float]  #: of the errors, to those of means and modes
    coverage: float
    seconds: float

    @property
    def cells(self) -> list[str]:
        numbers = [*self.ratios, self.coverage, self.seconds]
        return ["-" if np.isnan(number) else f"{number:.3f}" for number in numbers]


Results = Mapping[str, Mapping[str, Result]]  #: by method and table


def measure(method: Method, table: Mixed, mechanism: str, seeds: int) -> Result:
    """Errors as ratios, coverage and time."""
    found = []
    for seed in range(seeds):
        hidden = holes(table, mechanism, seed)
        X = np.where(hidden, np.nan, table.X)
        simple = errors(table, hidden, mean_and_mode(table, X))
        answer = method(table, X)
        of = errors(table, hidden, answer)
        ratios = np.array(of[:3]) / np.array(simple[:3])
        found.append([*ratios, of.coverage, answer.seconds])
    *means, coverage, seconds = np.mean(found, axis=0)
    return Result(means, coverage, seconds)


def accuracy(
    mechanism: str, tables: Sequence[Mixed], methods: Mapping[str, Method], seeds: int
) -> Results:
    """A table of every method on every table."""
    columns = ["table", "method", *ERRORS, "coverage", "CPU s"]
    printed = Table(f"{mechanism.upper()}, 30 % hidden, {seeds} mask(s) a table", columns)
    results: dict[str, dict[str, Result]] = {name: {} for name in methods}
    for table in tables:
        for name, method in methods.items():

            def cells(table: Mixed = table, name: str = name, method: Method = method) -> list[str]:
                result = measure(method, table, mechanism, seeds)
                results[name][table.name] = result
                return [name, *result.cells]

            printed.attempt(table.name, cells)
    return results


def means(mechanism: str, results: Results) -> None:
    """Geometric means over the tables that a method finished, and the worst of its tables."""
    columns = ["method", "tables", *ERRORS, "most wrong", "least cover", "CPU s"]
    printed = Table(f"{mechanism.upper()}: geometric means over the tables", columns, 20)
    for name, of_table in results.items():
        if not of_table:
            continue
        values = np.array([[*r.ratios, r.coverage, r.seconds] for r in of_table.values()])
        with np.errstate(all="ignore"):
            geometric = np.exp(
                [
                    np.nanmean(np.log(v[~np.isnan(v)])) if (~np.isnan(v)).any() else np.nan
                    for v in values[:, [0, 1, 2, 4]].T
                ]
            )
        worst = [np.fmax.reduce(values[:, 1]), np.fmin.reduce(values[:, 3])]
        numbers = [*geometric[:3], *worst, geometric[3]]
        printed.row(name, len(of_table), *("-" if np.isnan(v) else f"{v:.3f}" for v in numbers))
    printed.row("at most", "", *TARGETS[mechanism], MOST_WRONG, f"{COVERAGE[0]}..{COVERAGE[1]}")


def wins_of_peers(mechanism: str, results: Results) -> None:
    """Where a peer has less of an error than the best and than each of emkit's methods."""
    ours = [name for name in results if name.startswith("emkit")]
    peers = [name for name in results if not name.startswith("emkit")]
    if not ours or not peers:
        return
    columns = ["table", "error", "peer", "of the peer", *ours]
    printed = Table(f"{mechanism.upper()}: where a peer wins over one of emkit's", columns)
    for table in results[ours[0]]:
        for i, error in enumerate(ERRORS):
            found = {p: results[p][table].ratios[i] for p in peers if table in results[p]}
            found = {p: value for p, value in found.items() if not np.isnan(value)}
            own = [results[name][table].ratios[i] for name in ours if table in results[name]]
            if found and own and min(found.values()) < max(own):
                best = min(found, key=lambda p: found[p])
                cells = [f"{value:.3f}" for value in (found[best], *own)]
                printed.row(table, error, best, *cells)


def times(mechanism: str, results: Results) -> None:
    """CPU time of mice over that of emkit's methods."""
    if not results.get("mice"):
        return
    ours = [name for name in results if name.startswith("emkit")]
    columns = ["table", *ours]
    title = f"{mechanism.upper()}: CPU time of mice (m=5) over emkit's, required {LEAST_RATIO:g}"
    printed = Table(title, columns)
    for table, of_mice in results["mice"].items():
        ratios = [
            f"{of_mice.seconds / results[name][table].seconds:.1f}"
            if table in results[name]
            else "-"
            for name in ours
        ]
        printed.row(table, *ratios)


def compare(quick: bool, *, mechanism: str, names: str, methods: str, seeds: int) -> None:
    """All tables of a mechanism."""
    with tempfile.TemporaryDirectory() as folder:
        tables = ([] if quick else real_tables(Path(folder))) + synthetic_tables()
        known = of_emkit(quick) | OF_SKLEARN | ({} if quick else of_r(Path(folder)))
        if names:
            tables = [table for table in tables if table.name in names.split(",")]
        if methods:
            known = {
                name: m for name, m in known.items() if name.startswith(tuple(methods.split(",")))
            }
        results = accuracy(mechanism, tables, known, seeds)
    means(mechanism, results)
    wins_of_peers(mechanism, results)
    times(mechanism, results)


def mcar(quick: bool, **options: object) -> None:
    compare(quick, mechanism="mcar", **options)  # type: ignore[arg-type]


def mar(quick: bool, **options: object) -> None:
    compare(quick, mechanism="mar", **options)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(
        __doc__.splitlines()[0],
        {"mcar": mcar, "mar": mar, "e_step": e_step},
        {},
        names={"default": "", "help": "tables, by commas; all by default"},
        methods={"default": "", "help": "beginnings of methods, by commas; all by default"},
        seeds={"type": int, "default": 1, "help": "masks of a table: %(default)s"},
    )
