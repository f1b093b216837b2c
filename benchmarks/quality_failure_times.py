"""EMCensoredRegressor against lifelines on failure times: agreement, and CPU time of a fit.

Run ``python benchmarks/quality_failure_times.py``; ``--quick`` takes fewer rows and repeats. Laws
are Weibull, log-logistic and lognormal; tables right-censored (lung), with delayed entries
(Channing House) and known by intervals (breast cosmesis), and 10,000 drawn rows of each kind. Both
maximise the same likelihood, so that a fit is as good as its log-likelihood is high: what lifelines
has less than emkit is what it stops short by. The parameters of lifelines are put into those of
emkit, and told apart in standard errors.
"""

import os

# NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _common import Array, Table, in_turn, main

from emkit import EMCensoredRegressor, EMImputer
from emkit.datasets import load_channing, load_cosmesis, load_lung

try:
    import lifelines
    import pandas as pd
except ImportError:
    lifelines = None

#: Of each law lifelines' fitter, and the names of its location and scale there.
FITTERS = {
    "weibull": ("WeibullAFTFitter", "lambda_", "rho_"),
    "loglogistic": ("LogLogisticAFTFitter", "alpha_", "beta_"),
    "lognormal": ("LogNormalAFTFitter", "mu_", "sigma_"),
}


class Times(NamedTuple):
    """Predictors, and rows [lower, upper, entry] of times, 0 where there is none."""

    X: Array
    y: Array


def as_times(X: Any, y: Any) -> Times:
    """Complete predictors and positive bounds."""
    y = np.asarray(y, dtype=float)
    if y.shape[1] == 2:
        y = np.column_stack([y, np.zeros(len(y))])
    return Times(EMImputer().fit_transform(np.asarray(X, dtype=float)), np.maximum(y, 0.0))


def drawn(kind: str, n: int, *, seed: int = 0) -> Times:
    """Weibull times of 5 predictors: 30 % right-censored, half of them entered late, or visits."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((3 * n, 5))
    line = 2.0 + X @ (0.3 * rng.standard_normal(5))
    time_ = np.exp(line + 0.7 * np.log(rng.exponential(size=3 * n)))
    if kind == "visits":
        gap = rng.integers(1, 4, 3 * n).astype(float)
        low = np.floor(time_ / gap) * gap
        y = np.column_stack([low, np.where(low > 20.0, np.inf, low + gap), np.zeros(3 * n)])
        return Times(X[:n], y[:n])
    entry = np.where(rng.random(3 * n) < 0.5, rng.exponential(3.0, 3 * n), 0.0)
    entry *= kind == "entries"
    limit = entry + np.quantile(time_, 0.8) * rng.exponential(1.5, 3 * n)
    high = np.where(time_ <= limit, time_, np.inf)
    y = np.column_stack([np.minimum(time_, limit), high, entry])
    seen = np.flatnonzero(time_ > entry)[:n]
    return Times(X[seen], y[seen])


def cpu_seconds(function: Callable[..., Any], *args: Any) -> float:
    began = time.process_time()
    function(*args)
    return time.process_time() - began


class Emkit:
    """Each call is the CPU time of one fit, with standard errors."""

    def __init__(self, data: Times, law: str):
        self.data, self.law = data, law

    def __call__(self) -> float:
        self.fitted = EMCensoredRegressor(distribution=self.law)
        return cpu_seconds(self.fitted.fit, *self.data)

    @property
    def params(self) -> Array:
        fitted = self.fitted
        return np.array([fitted.intercept_, *fitted.coef_, np.log(fitted.scale_)])


class Lifelines:
    """The same of lifelines, its frame made before; what it warns of is left out."""

    def __init__(self, data: Times, law: str):
        name, self.location, self.scale = FITTERS[law]
        self.make, self.sign = getattr(lifelines, name), 1.0 if law == "lognormal" else -1.0
        (low, high, entry), self.names = data.y.T, [f"x{j}" for j in range(data.X.shape[1])]
        self.frame = pd.DataFrame(data.X, columns=self.names)
        self.frame = self.frame.assign(low=low, high=high, event=low == high)
        self.within = bool(((low < high) & np.isfinite(high)).any())
        self.entered = bool((entry > 0.0).any())
        if self.entered:
            self.frame["entry"] = entry

    def __call__(self) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cpu_seconds(self.fit)

    def fit(self) -> None:
        entry = {"entry_col": "entry"} if self.entered else {}
        self.fitted = self.make()
        if self.within:
            self.fitted.fit_interval_censoring(self.frame, "low", "high", "event", **entry)
        else:
            self.fitted.fit(self.frame.drop(columns="high"), "low", "event", **entry)

    def _of(self, values: Any) -> Array:
        line = [values[self.location, name] for name in ("Intercept", *self.names)]
        return np.array([*line, values[self.scale, "Intercept"]], dtype=float)

    @property
    def params(self) -> Array:
        params = self._of(self.fitted.params_)
        params[-1] *= self.sign
        return params

    @property
    def errors(self) -> Array:
        return self._of(self.fitted.standard_errors_)


def compare(data: Times, law: str, repeats: int) -> list[str]:
    own: Any = Emkit(data, law)
    size = f"{len(data.X)} x {data.X.shape[1]}"
    if lifelines is None:
        least = min(own() for _ in range(repeats))
        return [size, f"{least:.4f}", *["-"] * 5, f"{own.fitted.log_likelihood_:.4f}"]
    peer: Any = Lifelines(data, law)
    ours = min(own() for _ in range(2))
    try:
        took = in_turn([own, peer], repeats).min(axis=0)
    except Exception as error:  # it refuses or does not converge
        return [size, f"{ours:.4f}", type(error).__name__, *["-"] * 4] + [
            f"{own.fitted.log_likelihood_:.4f}"
        ]
    errors = own.fitted.standard_errors_
    apart = np.abs((peer.params - own.params) / errors).max()
    return [
        size,
        f"{took[0]:.4f}",
        f"{took[1]:.4f}",
        f"{took[0] / took[1]:.3f}",
        f"{peer.fitted.log_likelihood_ - own.fitted.log_likelihood_:+.1e}",
        f"{apart:.1e}",
        f"{np.abs(peer.errors / errors - 1.0).max():.1e}",
        f"{own.fitted.log_likelihood_:.4f}",
    ]


def agreement(quick: bool) -> None:
    """Defaults of both; CPU seconds are the least of some fits, taken in turn."""
    version = "not installed" if lifelines is None else lifelines.__version__
    print(f"\nlifelines {version}")
    n, repeats = (1000, 2) if quick else (10_000, 5)
    tables = {
        "lung": as_times(*load_lung(return_X_y=True)),
        "Channing House": as_times(*load_channing(return_X_y=True)),
        "breast cosmesis": as_times(*load_cosmesis(return_X_y=True)),
        **{f"drawn, {kind}": drawn(kind, n) for kind in ("right", "entries", "visits")},
    }
    table = Table(
        "Failure times",
        ["table, law", "n x d", "emkit CPU s", "lifelines CPU s", "ratio"]
        + ["its log-lik. less emkit's", "apart in std. errors", "std. errors apart"]
        + ["log-likelihood"],
        32,
    )
    for name, data in tables.items():
        for law in FITTERS:
            table.attempt(f"{name}, {law}", partial(compare, data, law, repeats))


if __name__ == "__main__":
    main(__doc__.splitlines()[0], {"agreement": agreement}, {})
