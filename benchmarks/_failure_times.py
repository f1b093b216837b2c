"""Failure times for `speed_censored.py`: data, and peers that fit Weibull regressions to them.

Each call of a peer is one fit, with standard errors where the peer gives them, and returns CPU
seconds, as other processes may share the cores; `log_likelihood` is then that of the fit.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import Array, run
from scipy.optimize import minimize

from emkit import EMCensoredRegressor


class Times(NamedTuple):
    """Predictors, and bounds (n, 2) of the times, [0, inf) where nothing is known."""

    X: Array
    y: Array

    @property
    def entered(self) -> "Times":
        """With entries (n, 3), from 0 up to what is known to lie above them."""
        share = np.random.default_rng(1).uniform(size=len(self.y))
        return Times(self.X, np.column_stack([self.y, 0.5 * share * self.y[:, 0]]))

    @property
    def mixed(self) -> bool:
        """Whether rows other than exact ones and those censored on the right are among them."""
        low, high = self.y.T
        return bool(((low < high) & (high < np.inf)).any())


def failure_times(n: int, d: int, right: float | None, *, seed: int = 0) -> Times:
    """Weibull times of which a share is censored on the right; None mixes the kinds.

    Logarithms are 2 + x'b + 0.7 e, coefficients normal with standard deviation 0.3. Mixed, 20 % of
    the rows each may be censored on the right, on the left, and are known between whole numbers.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    line = 2.0 + X @ (0.3 * rng.standard_normal(d))
    log_time = line + 0.7 * np.log(rng.exponential(size=n))
    low, high = log_time.copy(), log_time.copy()
    if right is None:
        kind, limit = rng.choice(4, n, p=[0.4, 0.2, 0.2, 0.2]), 2.0 + 0.8 * rng.standard_normal(n)
        below = (kind == 2) & (log_time < limit)
        low[below], high[below] = -np.inf, limit[below]
        above = (kind == 1) & (log_time > limit)
    else:
        limit = 0.5 * rng.standard_normal(n)
        limit += np.quantile(log_time - limit, 1.0 - right)
        above = log_time > limit
    low[above], high[above] = limit[above], np.inf
    y = np.exp(np.column_stack([low, high]))
    if right is None:
        between = kind == 3
        y[between, 0] = np.floor(y[between, 0])
        y[between, 1] = y[between, 0] + 1.0
    return Times(X, y)


def cpu_seconds(function: Callable[..., Any], *args: Any) -> float:
    """CPU time of one call."""
    began = time.process_time()
    function(*args)
    return time.process_time() - began


class Emkit:
    """The whole `fit`."""

    def __init__(self, data: Times, distribution: str = "weibull"):
        self.data, self.distribution = tuple(data), distribution

    def __call__(self) -> float:
        self.fitted = EMCensoredRegressor(distribution=self.distribution)
        return cpu_seconds(self.fitted.fit, *self.data)

    @property
    def log_likelihood(self) -> float:
        return self.fitted.log_likelihood_


class LBFGS:
    """SciPy's L-BFGS-B with the gradient, from least squares, on exact and right-censored rows."""

    def __init__(self, data: Times):
        self.data = data

    def __call__(self) -> float:
        return cpu_seconds(self.fit, *self.data)

    def fit(self, X: Array, y: Array) -> None:
        log_time, event = np.log(y[:, 0]), (y[:, 0] == y[:, 1]).astype(float)
        design = np.ones((len(X), X.shape[1] + 1))
        design[:, 1:] = (X - X.mean(axis=0)) / X.std(axis=0)
        n, n_events = len(X), event.sum()
        line = np.linalg.solve(design.T @ design, design.T @ log_time)

        def loss(params: Array) -> tuple[float, Array]:
            scale = np.exp(params[-1])
            z = (log_time - design @ params[:-1]) / scale
            hazard = np.exp(z)
            slope = event - hazard
            value = event @ z - hazard.sum() - n_events * params[-1]
            gradient = np.append(slope @ design / scale, slope @ z + n_events)
            return -value / n, gradient / n

        start = np.append(line, np.log(np.std(log_time - design @ line)))
        options = {"ftol": 1e-15, "gtol": 1e-7, "maxiter": 1000}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        self.log_likelihood = -n * found.fun - event @ log_time


SURVREG = """
arguments <- commandArgs(TRUE)
folder <- arguments[1]
d <- as.integer(arguments[2])
n <- as.integer(arguments[3])
suppressPackageStartupMessages(library(survival))
x <- matrix(readBin(file.path(folder, "X"), "double", n * d), ncol = d)
y <- matrix(readBin(file.path(folder, "y"), "double", n * 2), ncol = 2)
y[y == 0 | is.infinite(y)] <- NA
mixed <- any(is.na(y[, 1]) | (!is.na(y[, 2]) & y[, 1] != y[, 2]))
y <- if (mixed) Surv(y[, 1], y[, 2], type = "interval2") else Surv(y[, 1], !is.na(y[, 2]))
took <- sapply(1:2, function(call) {
    gc()
    sum(system.time(fit <<- survreg(y ~ x, dist = "weibull"))[1:2])
})
cat(sprintf("%.9f", took[2]), sprintf("%.15g", fit$loglik[2]))
"""


class Survreg:
    """R's survreg at its defaults: the second call in a process, of a response made before."""

    def __init__(self, data: Times):
        self.folder = tempfile.TemporaryDirectory()
        # R reads column after column.
        data.X.T.tofile(Path(self.folder.name, "X"))
        data.y.T.tofile(Path(self.folder.name, "y"))
        n, d = data.X.shape
        self.command = ["Rscript", "-e", SURVREG, self.folder.name, str(d), str(n)]

    def __call__(self) -> float:
        took, self.log_likelihood = map(float, run(self.command).splitlines()[-1].split())
        return took


class Lifelines:
    """lifelines' WeibullAFTFitter, its frame made before."""

    def __init__(self, data: Times):
        import pandas as pd
        from lifelines import WeibullAFTFitter

        self.make, self.mixed = WeibullAFTFitter, data.mixed
        self.frame = pd.DataFrame(data.X, columns=[f"x{j}" for j in range(data.X.shape[1])])
        low, high = data.y.T
        self.frame = self.frame.assign(low=low, high=high, event=low == high)

    def __call__(self) -> float:
        return cpu_seconds(self.fit)

    def fit(self) -> None:
        if self.mixed:
            fitted = self.make().fit_interval_censoring(self.frame, "low", "high", "event")
        else:
            fitted = self.make().fit(self.frame.drop(columns="high"), "low", "event")
        self.log_likelihood = fitted.log_likelihood_


class Surpyval:
    """surpyval's WeibullAFT."""

    def __init__(self, data: Times):
        from surpyval import WeibullAFT

        low, high = data.y.T
        left, right = low == 0.0, high == np.inf
        self.X, self.make = data.X, WeibullAFT
        self.kinds = np.select([left, right, low < high], [-1, 1, 2], 0)
        low, high = np.where(left, high, low), np.where(right, low, high)
        self.times = np.column_stack([low, high]) if data.mixed else low

    def __call__(self) -> float:
        return cpu_seconds(self.fit)

    def fit(self) -> None:
        self.log_likelihood = -self.make.fit(self.times, self.X, c=self.kinds).neg_ll()
