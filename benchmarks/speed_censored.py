"""EMCensoredRegressor against survreg, lifelines, surpyval and L-BFGS: time and memory.

Run ``python benchmarks/speed_censored.py``; ``--quick`` takes small data, as a smoke test. Columns
and coefficients are standard normal, noise has standard deviation 1.5. Limits are drawn
independently of the responses: normal with standard deviation 0.5 about what gives the stated share
of censored rows. Where kinds are mixed, 20 % of the rows are censored on the left, 20 % on the
right and 20 % between whole numbers.
"""

import os

# One BLAS thread for every peer, R among them. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import _failure_times as failure_times
import numpy as np
from _common import Array, Comparison, Table, growth, in_child, in_turn, main, met, run, seconds
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from emkit import EMCensoredRegressor

HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


# Data


class Data(NamedTuple):
    """Predictors, and bounds (n, 2) of the responses."""

    X: Array
    y: Array


def limits(y: Array, share: float, rng: np.random.Generator) -> Array:
    """Limits that such a share of the responses is above."""
    noise = 0.5 * rng.standard_normal(len(y))
    return noise + np.quantile(y - noise, 1.0 - share)


def censored_data(n: int, d: int, right: float | None, *, seed: int = 0) -> Data:
    """A share censored on the right; None mixes the kinds."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = X @ rng.standard_normal(d) + 1.5 * rng.standard_normal(n)
    low, high = y.copy(), y.copy()
    if right is None:
        # Which kind can happen to a row does not depend on its response.
        can = rng.choice(["left", "right", "between"], n, p=[0.4, 0.4, 0.2])
        low[can == "between"] = np.floor(y[can == "between"])
        high[can == "between"] = low[can == "between"] + 1.0
        limit = limits(y, 0.5, rng)
        below, above = (can == "left") & (y < limit), (can == "right") & (y > limit)
        low[below], high[below] = -np.inf, limit[below]
    else:
        limit = limits(y, right, rng)
        above = y > limit
    low[above], high[above] = limit[above], np.inf
    return Data(X, np.column_stack([low, high]))


# Peers: each call is the time of one fit, after which `params` are intercept, coefficients, log
# scale


class Emkit:
    """Time of the whole `fit`."""

    def __init__(self, data: Data):
        self.data = data

    def __call__(self) -> float:
        self.fitted = EMCensoredRegressor()
        return seconds(self.fitted.fit, *self.data)

    @property
    def params(self) -> Array:
        fitted = self.fitted
        return np.array([fitted.intercept_, *fitted.coef_, np.log(fitted.scale_)])


class Loss:
    """Minus the mean log-likelihood, and its gradient, in coefficients and log scale."""

    def __init__(self, X: Array, y: Array):
        low, high = y.T
        exact, left, right = low == high, np.isinf(low), np.isinf(high)
        between = ~(exact | left | right)
        kinds = [np.flatnonzero(kind) for kind in (exact, right, left, between)]
        self.design = np.empty((len(X), X.shape[1] + 1))
        self.design[:, 0] = 1.0
        np.take(X, np.concatenate(kinds), axis=0, out=self.design[:, 1:])
        self.low = np.concatenate([*(low[kind] for kind in kinds[:2]), high[left], low[between]])
        self.width = high[between] - low[between]
        counts = [len(kind) for kind in kinds]
        self.n_exact, self.n_open = counts[0], sum(counts[:3])
        # Censored on the left is censored on the right with all signs changed.
        negated = slice(counts[0] + counts[1], self.n_open)
        self.design[negated] *= -1.0
        self.low[negated] *= -1.0

    def start(self) -> Array:
        """Least squares on the bounds, and on the middle of intervals."""
        target = self.low.copy()
        target[self.n_open :] += 0.5 * self.width
        line = np.linalg.solve(self.design.T @ self.design, self.design.T @ target)
        return np.append(line, np.log(np.std(target - self.design @ line)))

    def __call__(self, params: Array) -> tuple[float, Array]:
        n, scale = len(self.low), np.exp(params[-1])
        z = (self.low - self.design @ params[:-1]) / scale
        slope = z.copy()  # of the log-likelihood in the line, times the scale
        exact, tails, a = np.split(z, [self.n_exact, self.n_open])
        survival = log_ndtr(-tails)
        slope[self.n_exact : self.n_open] = np.exp(-0.5 * tails**2 - HALF_LOG_2PI - survival)
        b, far = a + self.width / scale, a > 0.0
        mass = ndtr(np.where(far, -a, b)) - ndtr(np.where(far, -b, a))
        at_a, at_b = (np.exp(-0.5 * end**2 - HALF_LOG_2PI) / mass for end in (a, b))
        slope[self.n_open :] = at_a - at_b
        value = survival.sum() + np.log(mass).sum() - 0.5 * exact @ exact
        value -= self.n_exact * (HALF_LOG_2PI + params[-1])
        in_log_scale = slope @ z - self.n_exact - self.width @ at_b / scale
        return -value / n, -np.append(slope @ self.design / scale, in_log_scale) / n


class LBFGS:
    """Time of SciPy's L-BFGS-B on standardised columns, from where survreg starts."""

    def __init__(self, data: Data):
        self.data = data

    def __call__(self) -> float:
        return seconds(self.fit, *self.data)

    def fit(self, X: Array, y: Array) -> None:
        shift, scale = X.mean(axis=0), X.std(axis=0)
        loss = Loss((X - shift) / scale, y)
        options = {"ftol": 1e-15, "gtol": 1e-7, "maxiter": 1000}
        found = minimize(loss, loss.start(), jac=True, method="L-BFGS-B", options=options)
        intercept, *slopes, log_scale = found.x
        coef = slopes / scale
        self.params = np.array([intercept - coef @ shift, *coef, log_scale])


SURVREG = """
arguments <- commandArgs(TRUE)
folder <- arguments[1]
d <- as.integer(arguments[2])
n <- as.integer(arguments[3])
suppressPackageStartupMessages(library(survival))
x <- matrix(readBin(file.path(folder, "X"), "double", n * d), ncol = d)
y <- matrix(readBin(file.path(folder, "y"), "double", n * 2), ncol = 2)
mixed <- any(y[, 1] != y[, 2] & is.finite(y[, 2]))
y <- if (mixed) Surv(y[, 1], y[, 2], type = "interval2") else Surv(y[, 1], y[, 1] == y[, 2])
took <- sapply(1:2, function(call) {
    gc()
    began <- as.numeric(Sys.time())
    fit <<- survreg(y ~ x, dist = "gaussian")
    as.numeric(Sys.time()) - began
})
writeBin(c(unname(fit$coefficients), log(fit$scale)), file.path(folder, "params"))
cat(sprintf("%.9f", took))
"""

SURVREG_VERSION = 'cat(R.version.string, "with survival", format(packageVersion("survival")))'


class Survreg:
    """Time of R's survreg at its defaults, with the data read and its response made before.

    Of the second call in a process: in the first, R's heap has yet to grow.
    """

    def __init__(self, data: Data, folder: str):
        self.folder = folder
        # R reads column after column.
        data.X.T.tofile(Path(folder, "X"))
        data.y.T.tofile(Path(folder, "y"))
        n, d = data.X.shape
        self.command = ["Rscript", "-e", SURVREG, folder, str(d), str(n)]

    def __call__(self) -> float:
        self.first, second = map(float, run(self.command).splitlines()[-1].split())
        return second

    @property
    def params(self) -> Array:
        return np.fromfile(Path(self.folder, "params"))


# Time


class Case(NamedTuple):
    n: int
    d: int
    right: float | None  #: share censored on the right; None mixes the kinds
    repeats: int
    most: float  #: of survreg's time

    def label(self) -> str:
        kind = "mixed" if self.right is None else f"{self.right:.0%} right"
        return f"{self.n} x {self.d}, {kind}"


CASES = (
    Case(10_000, 5, 0.3, 15, 0.5),
    Case(100_000, 20, 0.5, 7, 0.15),
    Case(1_000_000, 10, 0.3, 5, 0.15),
    Case(100_000, 10, None, 7, 0.25),
    Case(20_000, 5, 0.95, 15, 0.4),
)


def compare(case: Case, with_survreg: bool) -> list[str]:
    data = censored_data(case.n, case.d, case.right)
    with tempfile.TemporaryDirectory() as folder:
        own = Emkit(data)
        peers = [own, LBFGS(data)]
        measures = [*peers]
        if with_survreg:
            peers.append(survreg := Survreg(data, folder))
            measures += [survreg, lambda: survreg.first]
        times = in_turn(measures, case.repeats)
        loss = Loss(*data)
        losses = np.array([loss(peer.params)[0] for peer in peers])
    took = [f"{median:.4f}" for median in np.median(times, axis=0)]
    apart = losses[1:] - losses[0]
    gains = [f"{gain:+.1e}" for gain in apart]
    against = ["-"] * 5
    if with_survreg:
        ratio = Comparison.of(times[:, [2, 0]])
        to_first = Comparison.of(times[:, [3, 0]]).ratio
        against = [f"{ratio.ratio:.3f}", f"{ratio.lowest:.3f}..{ratio.highest:.3f}"]
        against += [f"{case.most:g}", met(ratio.ratio <= case.most), f"{to_first:.3f}"]
    else:
        took += ["-", "-"]
        gains.append("-")
    steps = own.fitted.n_iter_ + 1
    equal = met(np.abs(apart).max() <= 1e-9)
    cells = [str(steps), met(steps <= 25), gains[1], gains[0], equal]
    return [took[0], took[2], took[3], took[1], *against, *cells]


def speed(quick: bool) -> None:
    """Defaults of emkit and survreg; likelihoods of all from the same function."""
    cases = [case._replace(n=case.n // 10, repeats=2) for case in CASES] if quick else CASES
    try:
        versions, with_survreg = run(["Rscript", "-e", SURVREG_VERSION]), True
    except (OSError, RuntimeError) as error:
        versions, with_survreg = f"survreg: skipped, {error}", False
    print(f"\n{versions}")
    table = Table(
        f"A fit (medians of {', '.join(str(case.repeats) for case in cases)})",
        ["n x d, censored", "emkit s", "survreg s", "its first s", "L-BFGS s"]
        + ["emkit/survreg", "min..max", "at most", "met", "to its first"]
        + ["emkit E-steps", "at most 25"]
        + ["log-lik. a row less survreg's", "less L-BFGS's", "equal to 1e-9"],
        23,
    )
    for case in cases:
        table.attempt(case.label(), partial(compare, case, with_survreg))


# Weibull regressions of failure times: CPU seconds


class TimesCase(NamedTuple):
    n: int
    d: int
    right: float | None  #: share censored on the right; None mixes the kinds
    repeats: int
    most: tuple[float, float, float, float]  #: of the time of each peer

    label = Case.label


TIMES_CASES = (
    TimesCase(10_000, 5, 0.3, 11, (0.15, 0.1, 0.1, 1.2)),
    TimesCase(100_000, 20, 0.5, 5, (0.1, 0.1, 0.1, 0.9)),
    TimesCase(1_000_000, 10, 0.3, 3, (0.06, 0.1, 0.1, 0.9)),
    TimesCase(100_000, 10, None, 5, (0.2, 0.1, 0.1, np.inf)),
)
PEERS: dict[str, Callable[..., Any]] = {
    "survreg": failure_times.Survreg,
    "lifelines": failure_times.Lifelines,
    "surpyval": failure_times.Surpyval,
    "L-BFGS": failure_times.LBFGS,
}


def compare_times(case: TimesCase, name: str, most: float) -> list[str]:
    """Least times of emkit and a peer, in turn; the log-likelihood less that of emkit."""
    data = failure_times.failure_times(case.n, case.d, case.right)
    own, peer = failure_times.Emkit(data), PEERS[name](data)
    own(), peer()
    mine, least = in_turn([own, peer], case.repeats).min(axis=0)
    apart = f"{peer.log_likelihood - own.log_likelihood:+.1e}"
    ratio, steps = mine / least, str(own.fitted.n_iter_ + 1)
    cells = [f"{mine:.4f}", steps, f"{least:.4f}", f"{ratio:.3f}"]
    return [name, *cells, f"{most:g}", met(ratio <= most), apart]


def times(quick: bool) -> None:
    """Whole fits, with the standard errors of all but L-BFGS."""
    cases = TIMES_CASES
    if quick:
        cases = tuple(case._replace(n=case.n // 10, repeats=2) for case in cases)
    columns = ["n x d, censored", "peer", "emkit CPU s", "E-steps", "peer CPU s", "of the peer's"]
    columns += ["at most", "met", "log-lik. less emkit's"]
    table = Table("A Weibull fit, least CPU seconds", columns, 23)
    for case in cases:
        for name, most in zip(PEERS, case.most, strict=True):
            if most < np.inf:
                table.attempt(case.label(), partial(compare_times, case, name, most))


def compare_entries(name: str, n: int, repeats: int) -> list[str]:
    """A fit with delayed entries against one without, of the same rows."""
    data = failure_times.failure_times(n, 10, 0.3)
    fits = [failure_times.Emkit(rows, name) for rows in (data.entered, data)]
    took, without = in_turn(fits, repeats).min(axis=0)
    ratio = took / without
    return [f"{took:.4f}", f"{without:.4f}", f"{ratio:.2f}", "1.6", met(ratio <= 1.6)]


def entries(quick: bool) -> None:
    """What delayed entries cost."""
    n = 10_000 if quick else 100_000
    columns = ["distribution", "with CPU s", "without CPU s", "ratio", "at most", "met"]
    table = Table(f"Delayed entries, {n} x 10, 30 % right, least CPU seconds", columns)
    for name in ("lognormal", "weibull", "loglogistic"):
        table.attempt(name, partial(compare_entries, name, n, 5))


# Memory


def child_memory(argument: str, path: str) -> dict[str, Any]:
    data = Data(*(np.load(Path(path, f"{name}.npy")) for name in Data._fields))
    return growth(Emkit(data) if argument == "emkit" else LBFGS(data))


def memory(quick: bool) -> None:
    """Growth of the resident set during a fit, the data not counted."""
    data = censored_data(100_000 if quick else 1_000_000, 10, 0.3)
    size = data.X.nbytes / 2**20
    table = Table(
        f"Peak memory of a fit, {len(data.X)} x 10, 30 % right (X {size:.1f} MiB)",
        ["peer", "before fit MiB", "peak growth MiB", "in units of X", "at most", "met"],
    )

    def measure(peer: str) -> list[str]:
        found = in_child("memory", peer, folder)
        ratio = found["growth"] / size
        asked = ["0.2", met(ratio <= 0.2)] if peer == "emkit" else ["-", "-"]
        return [f"{found['before']:.1f}", f"{found['growth']:.1f}", f"{ratio:.2f}", *asked]

    with tempfile.TemporaryDirectory() as folder:
        for name, values in data._asdict().items():
            np.save(Path(folder, f"{name}.npy"), values)
        for peer in ("emkit", "L-BFGS"):
            table.attempt(peer, partial(measure, peer))


TABLES = {"speed": speed, "times": times, "entries": entries, "memory": memory}

if __name__ == "__main__":
    main(__doc__.splitlines()[0], TABLES, {"memory": child_memory})
