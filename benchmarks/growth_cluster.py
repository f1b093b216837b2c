"""EMGaussianMixture on more rows, chunks and workers, and what follows for very many.

Run ``python benchmarks/growth_cluster.py``; ``--quick`` takes small sizes, as a smoke test. Workers
are processes of one thread on this machine, joined by its loopback, the client and the scheduler
share one more process, and BLAS has one thread everywhere. An iteration is the median of the last
five E-steps of a fit of twenty EM steps. The tables are those of ``benchmarks/growth.md``.
"""

import os

# One BLAS thread, in the workers too. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import math
import time
from contextlib import ExitStack
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

import dask
import dask.array as da
import distributed
import numpy as np
from _common import Array, Table, gaussian_clusters, main, seconds, timed_steps
from distributed.comm.tcp import TCP

from emkit import EMGaussianMixture
from emkit.data.dask_blocks import FAN
from emkit.data.opened import open_data
from emkit.mixture.reader import MixtureReader

D = 10
STEPS, LAST = 20, 5
CHUNKS = 16
#: Clusters, until the script ends.
OPEN = ExitStack()
#: Rows of a chunk that takes no time, more than enough for a start.
HARDLY_ANY = 200


# Fits


def rows(n: int, k: int, d: int, seed: int) -> Array:
    means = np.random.default_rng(0).uniform(-3.0, 3.0, (k, d))
    rng = np.random.default_rng(seed)
    return means[rng.integers(k, size=n)] + rng.standard_normal((n, d))


def in_memory(n: int, k: int, d: int = D) -> Array:
    return np.concatenate([rows(n // CHUNKS, k, d, seed) for seed in range(CHUNKS)])


def on_workers(n: int, k: int, n_chunks: int = CHUNKS) -> Any:
    """The same rows, made where they lie."""
    size, make = n // n_chunks, dask.delayed(rows, pure=False)
    chunks = [make(size, k, D, seed) for seed in range(n_chunks)]
    X = da.concatenate([da.from_delayed(chunk, (size, D), float) for chunk in chunks]).persist()
    distributed.wait(X)
    return X


@cache
def cluster(n_workers: int) -> distributed.Client:
    """Client of so many workers, until the script ends."""
    workers = distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",  # any port that is free
        memory_limit=0,
    )
    client = distributed.Client(OPEN.enter_context(workers), set_as_default=False)
    OPEN.enter_context(client)
    client.wait_for_workers(n_workers)
    return client


def mixture(k: int, **options: Any) -> EMGaussianMixture:
    fixed = {"random_state": 0, "max_iter": STEPS, "tol": 0.0, "acceleration": None}
    return EMGaussianMixture(k, **{**fixed, **options})


class Times(NamedTuple):
    iteration: float
    fit: float


def times(X: Any, k: int, n_jobs: int | None = None) -> Times:
    with timed_steps() as steps:
        fit = seconds(mixture(k, n_jobs=n_jobs).fit, X)
    return Times(float(np.median(steps[-LAST:])), fit)


def iteration(quick: bool) -> None:
    """In memory and on a cluster, against the rows."""
    for k in (4, 16):
        table = Table(
            f"n x {D}, K={k}, {CHUNKS} chunks: ms an iteration, and seconds a fit of {STEPS}",
            ["n", "n_jobs=1", "n_jobs=2", "1 worker", "2 workers"]
            + ["fit n_jobs=1", "fit n_jobs=2", "fit 1 worker", "fit 2 workers"],
        )

        def compare(n: int, k: int = k) -> list[str]:
            X = in_memory(n, k)
            found = [times(X, k, n_jobs) for n_jobs in (1, 2)]
            del X
            for n_workers in (1, 2):
                with cluster(n_workers).as_current():
                    found.append(times(on_workers(n, k), k))
            took = [f"{1e3 * t.iteration:.2f}" for t in found]
            return took + [f"{t.fit:.2f}" for t in found]

        for n in (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000, 10_000_000):
            table.attempt(n, partial(compare, n))


# What travels


def count_writes() -> None:
    """Count the bytes that this process writes to others."""
    if hasattr(TCP, "written"):
        return
    write, TCP.written = TCP.write, 0

    async def counted(self: Any, *args: Any, **options: Any) -> int:
        n_bytes = await write(self, *args, **options)
        TCP.written += n_bytes
        return n_bytes

    TCP.write = counted


def written() -> int:
    return TCP.written


class Totals(NamedTuple):
    """What has been spent so far, or by one iteration."""

    scheduler: float  #: bytes written by the client and the scheduler
    workers: float  #: bytes
    wall: float
    cpu: float  #: seconds of the client and the scheduler

    @classmethod
    def of(cls, client: distributed.Client) -> "Totals":
        client.run(count_writes)
        count_writes()
        workers = sum(client.run(written).values())
        return cls(written(), workers, time.perf_counter(), time.process_time())


@cache
def an_iteration(n: int, k: int, n_chunks: int) -> Totals:
    """A long fit on two workers less a short one, from the same start, by iterations."""
    start = {
        "weights_init": np.full(k, 1.0 / k),
        "means_init": np.random.default_rng(1).uniform(-3.0, 3.0, (k, D)),
        "precisions_init": np.tile(np.eye(D), (k, 1, 1)),
    }
    short, long = 2, 12
    client = cluster(2)
    with client.as_current():
        X = on_workers(n, k, n_chunks)
        spent = []
        for steps in (short, long):
            before = Totals.of(client)
            mixture(k, max_iter=steps, **start).fit(X)
            spent.append(np.subtract(Totals.of(client), before))
    return Totals(*(spent[1] - spent[0]) / (long - short))


def statistics(k: int, d: int) -> int:
    """Bytes of weights, sums and full scatter matrices."""
    return 8 * k * (1 + d + d * d)


def picklable(quick: bool) -> None:
    """Bytes an iteration, on two workers."""
    table = Table(
        f"n x {D}: kB an iteration, on two workers",
        ["n", "K", "chunks", "one sum", "scheduler", "workers", "X"],
    )

    def measure(n: int, k: int, n_chunks: int) -> list[str]:
        found = an_iteration(n, k, n_chunks)
        sizes = statistics(k, D), found.scheduler, found.workers, 8 * n * D
        return [str(k), str(n_chunks), *(f"{size / 1e3:.1f}" for size in sizes)]

    largest = 100_000 if quick else 1_000_000
    cases = [(10_000, 4, CHUNKS), (largest, 4, CHUNKS), (largest, 16, CHUNKS)]
    cases += [(largest, 16, n_chunks) for n_chunks in ((64,) if quick else (64, 256))]
    for n, *rest in cases:
        table.attempt(n, partial(measure, n, *rest))


# What a task costs


def n_tasks(n_chunks: int) -> int:
    """Tasks of an iteration: the parameters, a step for each chunk, a tree of sums."""
    total = 1 + n_chunks
    while n_chunks > 1:
        n_chunks = -(-n_chunks // FAN)
        total += n_chunks
    return total


@cache
def start_up(n_chunks: int) -> tuple[float, float]:
    """Seconds, and seconds of the client and the scheduler, to load chunks and draw the sample."""
    with cluster(2).as_current():
        X = on_workers(HARDLY_ANY * n_chunks, 4, n_chunks)
        began = time.process_time()
        opened = open_data(mixture(4), X, MixtureReader(4), reset=True)
        wall = seconds(lambda: opened.fit_data().start_data)
    return wall, time.process_time() - began


def chunk_counts(quick: bool) -> tuple[int, ...]:
    return (2, 8, 32) if quick else (2, 8, 32, 128, 512, 1024)


class Costs(NamedTuple):
    """Seconds of the client and the scheduler, who do one thing after another."""

    task: float
    chunk_at_start: float


def costs(quick: bool) -> Costs:
    """Slopes by least squares."""
    counts = chunk_counts(quick)
    steps = [an_iteration(HARDLY_ANY * n_chunks, 4, n_chunks).cpu for n_chunks in counts]
    starts = [start_up(n_chunks)[1] for n_chunks in counts]
    return Costs(
        np.polyfit([n_tasks(n_chunks) for n_chunks in counts], steps, 1)[0],
        np.polyfit(counts, starts, 1)[0],
    )


def tasks(quick: bool) -> None:
    """Iterations of hardly any rows."""
    table = Table(
        f"{HARDLY_ANY} rows a chunk, K=4, two workers: what chunks cost, ms",
        ["chunks", "tasks", "iteration", "its CPU", "start-up", "its CPU"],
    )

    def measure(n_chunks: int) -> list[str]:
        step = an_iteration(HARDLY_ANY * n_chunks, 4, n_chunks)
        took = step.wall, step.cpu, *start_up(n_chunks)
        return [str(n_tasks(n_chunks)), *(f"{1e3 * value:.1f}" for value in took)]

    for n_chunks in chunk_counts(quick):
        table.attempt(n_chunks, partial(measure, n_chunks))
    task, chunk = costs(quick)
    print(
        f"\nCPU is that of the client and the scheduler. By least squares it is {1e3 * task:.3f} "
        f"ms a task,\nand {1e3 * chunk:.3f} ms a chunk at the start-up.",
        flush=True,
    )


# What follows

#: Assumed of a cluster, not measured: seconds of a message, bytes a second of a worker's network.
LATENCY, BANDWIDTH = 1e-3, 1.25e9
#: Of Dask: a worker serves so many others at once, and who was refused asks again so much later.
SERVED, ASKED_AGAIN = 10, 0.15
#: Rows of a chunk at most, in turn; the larger one is 8 GB.
CHUNK_ROWS = (1e6, 1e8)
#: Components of the calculation.
K_FAR = 16


@cache
def seconds_a_row(n: int, k: int, d: int) -> float:
    return times(in_memory(n, k, d), k).iteration / n


def tree_seconds(n_chunks: int, k: int, d: int) -> float:
    """Levels one after the other, at each of which a worker takes in what it adds up."""
    levels = math.ceil(math.log(n_chunks, FAN))
    return levels * (LATENCY + FAN * statistics(k, d) / BANDWIDTH)


def parameter_seconds(n_workers: int) -> float:
    """Rounds in which those who have the parameters pass them on."""
    return math.ceil(math.log(n_workers, 1 + SERVED)) * ASKED_AGAIN


def calculation(quick: bool) -> None:
    """An iteration on clusters that are not here."""
    row, of = seconds_a_row(100_000 if quick else 1_000_000, K_FAR, D), costs(quick)
    print(
        f"\n{1e9 * row:.0f} ns a row, {1e3 * of.task:.3f} ms a task, measured; "
        f"{1e3 * LATENCY:g} ms a message, {BANDWIDTH / 1e9:g} GB/s, assumed."
    )
    table = Table(
        f"An iteration, calculated: d={D}, K={K_FAR}, workers of one thread; seconds",
        ["rows, workers", "rows a chunk", "GB a worker", "computing", "scheduler"]
        + ["parameters", "tree", "iteration", "start-up", "limit"],
        15,
    )
    for n, n_workers in product((1e9, 1e12), (100, 10_000)):
        each = n / n_workers
        for size in sorted({min(most, each) for most in CHUNK_ROWS}):
            n_chunks = round(n / size)
            parts = {
                "computing": each * row,
                "scheduler": n_tasks(n_chunks) * of.task,
                "parameters": parameter_seconds(n_workers),
                "tree": tree_seconds(n_chunks, K_FAR, D),
            }
            # The scheduler hands out tasks while workers compute.
            total = max(parts["computing"], parts["scheduler"]) + parts["parameters"]
            took = *parts.values(), total + parts["tree"], n_chunks * of.chunk_at_start
            cells = f"{size:.0e}", f"{8e-9 * each * D:g}", *(f"{value:.3g}" for value in took)
            limit = max(parts, key=lambda name: parts[name])
            table.row(f"{n:.0e}, {n_workers}", *cells, limit)


def wide(quick: bool) -> None:
    """From how few rows a worker the tree takes longer than computing."""
    table = Table(
        f"The tree of 10000 chunks on 10000 workers, calculated: K={K_FAR}",
        ["d", "MB one sum", "us a row", "tree s", "rows a worker where tree = computing"],
    )
    for d, n in ((10, 1_000_000), (30, 200_000), (100, 20_000)):
        row = seconds_a_row(n // 10 if quick else n, K_FAR, d)
        tree = tree_seconds(10_000, K_FAR, d)
        size = statistics(K_FAR, d)
        table.row(d, f"{size / 1e6:.3f}", f"{1e6 * row:.2f}", f"{tree:.3f}", f"{tree / row:.0e}")


def online(quick: bool) -> None:
    """Full passes from the usual start, and after online EM on a tenth of the rows."""
    n, size = (100_000, 1_000) if quick else (1_000_000, 10_000)
    table = Table(
        f"{n} x {D}, K={K_FAR}, tol=1e-6: E-steps on all rows, one thread",
        ["seed", "fit: E-steps", "s", "score", "online s", "then E-steps", "s", "score"],
    )

    def fit(fitted: EMGaussianMixture, X: Array) -> list[str]:
        took = seconds(fitted.fit, X)
        return [str(fitted.n_iter_ + 1), f"{took:.2f}", f"{fitted.score(X):.5f}"]

    def learn(stream: EMGaussianMixture, X: Array) -> None:
        for start in range(0, len(X) // 10, size):
            stream.partial_fit(X[start : start + size])

    def compare(seed: int) -> list[str]:
        X = gaussian_clusters(n, D, K_FAR, seed=seed).X
        options = {"tol": 1e-6, "max_iter": 1000, "acceleration": "anderson"}
        cold = fit(mixture(K_FAR, **options), X)
        stream = mixture(K_FAR, **options)
        took = seconds(learn, stream, X)
        return [*cold, f"{took:.2f}", *fit(stream.set_params(warm_start=True), X)]

    for seed in range(2 if quick else 5):
        table.attempt(seed, partial(compare, seed))


TABLES = {
    "iteration": iteration,
    "travels": picklable,
    "tasks": tasks,
    "calculation": calculation,
    "wide": wide,
    "online": online,
}


if __name__ == "__main__":
    with OPEN:
        main(__doc__.splitlines()[0], TABLES, {})
