"""Tables with detection limits: bias, error of cells, coverage and time, beside common practice.

Log-normal tables of 500 rows and 8 columns, correlation 0.6, of which four columns have a limit
below which 30 or 60 % of their cells lie; figures are in standard deviations of the logarithms.
Beside `EMImputer` stand half the limit, the cells as missing, and, if Rscript is there, R's
survreg (each column with a limit on the complete ones) and irmi of R's VIM (cells as missing).

Run ``python benchmarks/detection_limits.py``; ``--quick`` takes three tables, as a smoke test.
"""

import os

# One BLAS thread for every peer, R among them. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _common import Array, Table, main, met, run
from scipy.special import ndtri

from emkit import EMImputer
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.interval_cells import IntervalMixtureModel
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

N, D, LIMITED, CORRELATION = 500, 8, 4, 0.6
#: Required of every absolute bias, and of the error of cells and seconds by the share below.
BIAS, ERROR, SECONDS = 0.01, {0.3: 0.46, 0.6: 0.55}, {0.3: 0.15, 0.6: 0.3}
#: Required coverage of intervals of 90 %.
COVERAGE = (0.87, 0.93)


class Sample(NamedTuple):
    """A table of logarithms, the limit of its first columns, and which cells are below it."""

    logs: Array
    limit: float
    below: Array

    @classmethod
    def draw(cls, share: float, seed: int) -> "Sample":
        rng = np.random.default_rng(seed)
        covariance = CORRELATION + (1.0 - CORRELATION) * np.eye(D)
        logs = rng.multivariate_normal(np.zeros(D), covariance, N)
        limit = float(ndtri(share))
        return cls(logs, limit, (logs < limit) & (np.arange(D) < LIMITED))

    def table(self) -> Array:
        """Concentrations, those below the limit at it."""
        return np.exp(np.where(self.below, self.limit, self.logs))

    def limits(self) -> Array:
        """The limit of each column, NaN for those without."""
        return np.where(np.arange(D) < LIMITED, np.exp(self.limit), np.nan)

    def figures(self, mean: Array, covariance: Array, logs: Array) -> list[float]:
        """Biases of means, deviations and correlations of limited columns, and error of cells."""
        deviations = np.sqrt(np.diag(covariance))
        correlations = covariance / np.outer(deviations, deviations)
        pairs = np.tril_indices(LIMITED, -1)
        return [
            mean[:LIMITED].mean(),
            deviations[:LIMITED].mean() - 1.0,
            correlations[:LIMITED, :LIMITED][pairs].mean() - CORRELATION,
            correlations[:LIMITED, LIMITED:].mean() - CORRELATION,
            float(np.sqrt(np.mean((logs - self.logs)[self.below] ** 2))),
        ]

    def figures_of(self, logs: Array) -> list[float]:
        """The same of a table that was filled, from its moments."""
        return self.figures(logs.mean(axis=0), np.cov(logs.T, bias=True), logs)


Method = Callable[[Sample], list[float]]


def by_model(sample: Sample) -> list[float]:
    imputer = EMImputer(lower_limits=sample.limits(), log=True)
    logs = np.log(imputer.fit_transform(sample.table()))
    return sample.figures(imputer.location_, imputer.covariance_, logs)


def as_missing(sample: Sample) -> list[float]:
    imputer = EMImputer(log=True)
    logs = np.log(imputer.fit_transform(np.where(sample.below, np.nan, sample.table())))
    return sample.figures(imputer.location_, imputer.covariance_, logs)


def by_half(sample: Sample) -> list[float]:
    return sample.figures_of(np.where(sample.below, sample.limit - np.log(2.0), sample.logs))


#: A tobit of each column with a limit, cells by their means below it; and regressions of VIM.
IN_R = """
arguments <- commandArgs(TRUE)
n <- 500; d <- 8; limited <- 4; limit <- as.numeric(arguments[2])
x <- matrix(readBin(arguments[1], "double", n * d), ncol = d)
suppressPackageStartupMessages(library(arguments[3], character.only = TRUE))
complete <- x[, (limited + 1):d]
below <- is.na(x)
began <- proc.time()[[1]]
if (arguments[3] == "survival") {
    for (j in 1:limited) {
        cut <- below[, j]
        y <- Surv(ifelse(cut, limit, x[, j]), !cut, type = "left")
        fit <- survreg(y ~ complete, dist = "gaussian")
        z <- (limit - fit$linear.predictors) / fit$scale
        x[cut, j] <- (fit$linear.predictors - fit$scale * dnorm(z) / pnorm(z))[cut]
    }
} else x <- as.matrix(irmi(as.data.frame(x), imp_var = FALSE))
cat(proc.time()[[1]] - began, "\\n")
writeBin(c(x), arguments[1])
"""


def in_r(package: str) -> Method:
    """A method in R by the package that it is of; its time is that which R tells."""

    def fill(sample: Sample) -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "X")
            np.where(sample.below, np.nan, sample.logs).T.tofile(path)
            took = run(["Rscript", "-e", IN_R, str(path), repr(sample.limit), package])
            logs = np.fromfile(path).reshape(D, N).T
        return [*sample.figures_of(logs), float(took.split()[-1])]

    return fill


def accuracy(quick: bool) -> None:
    methods: dict[str, Method] = {
        "EMImputer": by_model,
        "cells as missing": as_missing,
        "limit / 2": by_half,
    }
    if shutil.which("Rscript"):
        methods["survreg by column"] = in_r("survival")
        methods["irmi of VIM"] = in_r("VIM")
    columns = ["method", "below", "mean", "sd", "corr", "with complete", "error", "CPU s", "met"]
    table = Table("Bias, error of cells and time", columns, 18)
    for share in (0.3, 0.6):
        samples = [Sample.draw(share, seed) for seed in range(3 if quick else 20)]
        for name, method in methods.items():
            table.attempt(name, partial(judged, name, method, share, samples))


def judged(name: str, method: Method, share: float, samples: list[Sample]) -> list[str]:
    """Mean figures of a method, and whether they are as required of emkit's."""
    found = []
    for sample in samples:
        began = time.process_time()
        figures = method(sample)
        found.append([*figures, time.process_time() - began][:6])
    *bias, error, spent = np.mean(found, axis=0)
    good = max(np.abs(bias)) <= BIAS and error <= ERROR[share] and spent <= SECONDS[share]
    told = met(good) if name == "EMImputer" else ""
    cells = (f"{value:+.4f}" for value in bias)
    return [f"{share:.0%}", *cells, f"{error:.3f}", f"{spent:.3f}", told]


def coverage(quick: bool) -> None:
    """Of intervals of 90 % that draws of cells give."""
    table = Table("Coverage of draws", ["below", "share inside 5 % to 95 %", "met"])
    for share in (0.3, 0.6):
        table.attempt(f"{share:.0%}", partial(covered, share, quick))


def covered(share: float, quick: bool) -> list[str]:
    inside = []
    for seed in range(2 if quick else 10):
        sample = Sample.draw(share, seed)
        imputer = EMImputer(lower_limits=sample.limits(), log=True, random_state=seed)
        drawn = imputer.fit(sample.table()).multiple_impute(sample.table(), m=20 if quick else 100)
        low, high = np.quantile(np.log(drawn), [0.05, 0.95], axis=0)
        inside.append(((low <= sample.logs) & (sample.logs <= high))[sample.below].mean())
    share_inside = float(np.mean(inside))
    return [f"{share_inside:.3f}", met(COVERAGE[0] <= share_inside <= COVERAGE[1])]


def e_step(quick: bool) -> None:
    """An E-step of rows of which one cell is below a limit, and of the same cells missing."""
    n, d = (10_000 if quick else 100_000), 10
    rng = np.random.default_rng(0)
    covariance = CORRELATION + (1.0 - CORRELATION) * np.eye(d)
    X = rng.multivariate_normal(np.zeros(d), covariance, n)
    column = rng.integers(0, d, n)
    cut = np.arange(d) == column[:, None]
    bounds = np.full((2, n, d), np.nan)
    bounds[0][cut], bounds[1][cut] = -np.inf, X[cut] + 0.1
    X[cut] = np.nan
    data = Rows.of(X), Rows.of(X, bounds=CellBounds.of(bounds))
    units = Scaling(np.zeros(d), np.ones(d))
    params = MixtureParams(np.ones(1), np.zeros((1, d)), covariance[None])
    models = [
        kind(STRUCTURES["full"], units, total_weight=n, incomplete=True)
        for kind in (GaussianMixtureModel, IntervalMixtureModel)
    ]
    times = []
    for _ in range(9):
        for model, rows in zip(models, data, strict=True):
            began = time.process_time()
            model.e_step(rows, params)
            times.append(time.process_time() - began)
    missing, below = np.min(np.reshape(times, (-1, 2)), axis=0)
    ratio = below / missing
    table = Table("E-step", ["rows x columns", "missing ms", "below ms", "ratio", "met"], 16)
    cells = (f"{1e3 * value:.1f}" for value in (missing, below))
    table.row(f"{n} x {d}", *cells, f"{ratio:.2f}", met(ratio <= 2.0))


TABLES = {"accuracy": accuracy, "coverage": coverage, "e_step": e_step}

if __name__ == "__main__":
    main(__doc__.splitlines()[0], TABLES, {})
