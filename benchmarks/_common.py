"""What the benchmarks share: data, timing in turn, processes, tables, versions, arguments."""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

import emkit
from emkit.engine import blocks

Array = NDArray[np.float64]


class Clusters(NamedTuple):
    """Rows (n, d) of a Gaussian mixture, and its parameters."""

    X: Array
    weights: Array
    means: Array
    covariances: Array


def gaussian_clusters(n: int, d: int, k: int, *, seed: int = 0, distance: float = 4.0) -> Clusters:
    """Clusters with random full covariances.

    Standard deviations lie between 1/2 and 2 along random axes, means about ``distance`` apart:
    at the default clusters overlap moderately in a few dimensions.
    """
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, k)
    weights /= weights.sum()
    means = rng.standard_normal((k, d)) * distance / np.sqrt(2.0 * d)
    axes = np.linalg.qr(rng.standard_normal((k, d, d))).Q
    roots = axes * 2.0 ** rng.uniform(-1.0, 1.0, (k, 1, d))
    labels = rng.choice(k, n, p=weights)
    X = rng.standard_normal((n, d))
    for j in range(k):
        rows = labels == j
        X[rows] = X[rows] @ roots[j].T + means[j]
    return Clusters(X, weights, means, roots @ roots.transpose(0, 2, 1))


def seconds(function: Callable[..., Any], *args: Any) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    function(*args)
    return time.perf_counter() - began


@contextlib.contextmanager
def timed_steps(clock: Callable[[], float] = time.perf_counter) -> Iterator[list[float]]:
    """Times of the E-steps made meanwhile in this process, those of the starts first."""
    plain, times = blocks.e_step, []

    def timed(*args: Any) -> Any:
        began = clock()
        result = plain(*args)
        times.append(clock() - began)
        return result

    blocks.e_step = timed
    try:
        yield times
    finally:
        blocks.e_step = plain


def in_turn(measures: Sequence[Callable[[], float]], repeats: int) -> Array:
    """Values (repeats, measures), taken in turn so that a slow spell of the machine hits all."""
    return np.array([[measure() for measure in measures] for _ in range(repeats)])


def exponent(sizes: Array, values: Array) -> float:
    """Power of the size that a value grows with; NaN where a value is not positive."""
    if not (np.asarray(values) > 0.0).all():
        return np.nan
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


class Comparison(NamedTuple):
    """Times of two peers measured in turn, and how many times slower the second is."""

    first: float  #: median
    second: float  #: median
    ratio: float  #: of the medians
    lowest: float  #: of the ratios within one turn
    highest: float

    @classmethod
    def of(cls, times: Array) -> "Comparison":
        """From the two columns of `in_turn`."""
        first, second = np.median(times, axis=0)
        ratios = times[:, 1] / times[:, 0]
        return cls(first, second, second / first, ratios.min(), ratios.max())

    def cells(self, unit: float = 1.0) -> list[str]:
        """Medians in units of so many seconds, their ratio and its range."""
        return [
            f"{self.first / unit:.3f}",
            f"{self.second / unit:.3f}",
            f"{self.ratio:.2f}",
            f"{self.lowest:.2f}..{self.highest:.2f}",
        ]


def required(ratio: float, least: float | None) -> list[str]:
    """Cells of a requirement and whether it is met."""
    return ["-", "-"] if least is None else [f"{least:g}", met(ratio >= least)]


def met(reached: bool) -> str:
    return "yes" if reached else "NO"


def run(command: list[str]) -> str:
    """Standard output of a process; what it said where it failed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-3:]
        raise RuntimeError(f"exit status {done.returncode}: {' '.join(last)}")
    return done.stdout


def in_child(task: str, argument: str, path: str) -> dict[str, Any]:
    """What this script's child of that name (see `main`) returns in a process of its own."""
    output = run([sys.executable, sys.argv[0], "--child", task, argument, path])
    return json.loads(output.splitlines()[-1])


def resident(field: str) -> float:
    """Resident set in MiB, now (VmRSS) or at most (VmHWM).

    Not ru_maxrss, which a process inherits from the one that started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024.0
    raise RuntimeError(f"the kernel does not tell {field}")


def growth(work: Callable[..., Any], *args: Any) -> dict[str, float]:
    """Resident set in MiB before a call, and by how much the call made it grow at most."""
    with contextlib.suppress(OSError):  # a kernel may not let the peak be forgotten
        Path("/proc/self/clear_refs").write_text("5")
    before, peak_before = resident("VmRSS"), resident("VmHWM")
    if peak_before > before + 1.0:
        raise RuntimeError("the peak before the call hides what the call takes")
    work(*args)
    return {"before": before, "growth": resident("VmHWM") - before}


class Table:
    """A Markdown table, printed row after row as a long run produces them."""

    def __init__(self, title: str, columns: Sequence[str], label_width: int = 12):
        first, *others = columns
        self.widths = [max(len(first), label_width), *(max(len(name), 12) for name in others)]
        print(f"\n## {title}\n", flush=True)
        self.row(*columns)
        self.row(*("-" * width for width in self.widths))

    def row(self, *cells: Any) -> None:
        texts = [str(cell) for cell in cells]
        texts += [""] * (len(self.widths) - len(texts))
        padded = (text.ljust(width) for text, width in zip(texts, self.widths, strict=True))
        print(f"| {' | '.join(padded)} |", flush=True)

    def attempt(self, label: Any, measure: Callable[[], Iterable[Any]]) -> None:
        """A row of a label and what ``measure`` returns; an exception is shown in its place."""
        try:
            cells = measure()
        except Exception as error:
            cells = [f"FAILED: {type(error).__name__}: {' '.join(str(error).split())}"]
        self.row(label, *cells)


def print_versions() -> None:
    """Packages, BLAS and cores, so that a table says what it was measured with."""
    print(f"python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"numpy {np.__version__}, scipy {scipy.__version__}", end=", ")
    print(f"scikit-learn {sklearn.__version__}, emkit {emkit.__version__}")
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        print("BLAS unknown: threadpoolctl is not installed")
        return
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    kinds = {
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown kernel')}), "
        f"{pool['num_threads']} thread(s)"
        for pool in pools
    }
    print(f"BLAS: {'; '.join(sorted(kinds)) or 'not recognised'}", flush=True)


Tables = Mapping[str, Callable[..., None]]
Children = Mapping[str, Callable[[str, str], dict[str, Any]]]


def main(
    description: str, tables: Tables, children: Children, **options: Mapping[str, Any]
) -> None:
    """Print the tables that the command line asks for, or be the child that `in_child` asks for.

    Options are further arguments of the command line, as argparse takes them, for every table.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small data, as a smoke test")
    parser.add_argument("--tables", default=",".join(tables), help="which, by commas: %(default)s")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    for name, option in options.items():
        parser.add_argument(f"--{name}", **option)
    arguments = parser.parse_args()
    # Counts of iterations are in the tables.
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.child:
        task, *rest = arguments.child
        print(json.dumps(children[task](*rest)))
        return
    names = arguments.tables.split(",")
    if unknown := set(names) - set(tables):
        parser.error(f"unknown tables: {', '.join(sorted(unknown))}")
    print_versions()
    if arguments.quick:
        print("Quick: small data, for which the required ratios are not meant.")
    for name in names:
        tables[name](arguments.quick, **{option: getattr(arguments, option) for option in options})
