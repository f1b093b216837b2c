"""How time and memory of the three estimators grow with rows, columns, components, holes, starts.

Run ``python benchmarks/growth_one_machine.py``; ``--quick`` takes a few small sizes, as a smoke
test. Every point is a fit of a fixed number of EM steps in a fresh process with one BLAS thread.
The E-step is the median of those of the fit; growth is that of the resident set during a fit, with
the data there and a small fit made before, so that it is what the fit takes beyond X. An exponent
is the slope of the logarithm, by least squares, over the larger half of the sizes, where fixed
costs have gone.
"""

import os

# One BLAS thread. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from _common import (
    Array,
    Table,
    exponent,
    gaussian_clusters,
    growth,
    in_child,
    main,
    seconds,
    timed_steps,
)
from speed_censored import censored_data

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer

#: EM steps of a fit.
STEPS = 5
#: Fits are repeated until they have taken so many seconds.
ROWS_PER_PARAMETER = 1.0
#: Rows of the fit before.
FEW = 1000
FIXED = {"max_iter": STEPS, "tol": 0.0, "acceleration": None}


# Fits


class Kind(NamedTuple):
    """How to make an estimator and its data, from the arguments of a point."""

    estimator: Callable[..., Any]
    data: Callable[..., Sequence[Array]]


def make_mixture(k: int, n_init: int, **_: float) -> EMGaussianMixture:
    return EMGaussianMixture(k, n_init=n_init, random_state=0, **FIXED)


def clusters(n: int, d: int, k: int, **_: float) -> list[Array]:
    return [gaussian_clusters(n, d, k).X]


def holes(n: int, d: int, missing: float) -> list[Array]:
    X = gaussian_clusters(n, d, 1).X
    X[np.random.default_rng(1).random(X.shape) < missing] = np.nan
    return [X]


KINDS = {
    "mixture": Kind(make_mixture, clusters),
    "imputer": Kind(lambda **_: EMImputer(**FIXED), holes),
    "regressor": Kind(lambda **_: EMCensoredRegressor(**FIXED), censored_data),
}


def child(kind: Kind, argument: str, folder: str) -> dict[str, Any]:
    """Times and memory of fits to what lies in the folder."""
    data = [np.load(path) for path in sorted(Path(folder).iterdir())]
    estimator = kind.estimator(**json.loads(argument))
    estimator.fit(*(values[:FEW].copy() for values in data))
    fits: list[float] = []

    def fit() -> None:
        fits.append(seconds(estimator.fit, *data))

    with timed_steps() as steps:
        found = growth(fit)
        while sum(fits) < ROWS_PER_PARAMETER:
            fit()
    # Starts are refined on a sample: the steps on all rows come last.
    whole = np.reshape(steps, (len(fits), -1))[:, -STEPS:]
    return {
        "step": float(np.median(whole)),
        "fit": float(np.median(fits)),
        "growth": found["growth"],
        "size": data[0].nbytes / 2**20,
    }


def measure(name: str, arguments: dict[str, float]) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        for number, values in enumerate(KINDS[name].data(**arguments)):
            np.save(Path(folder, f"{number}.npy"), values)
        return in_child(name, json.dumps(arguments), folder)


# Curves


class Curve(NamedTuple):
    """Sizes of one argument, the others being fixed."""

    estimator: str
    axis: str
    sizes: Sequence[float]
    fixed: dict[str, float]


def grid(low: float, high: float, points: int) -> list[int]:
    return [round(size) for size in np.geomspace(low, high, points)]


MIXTURE = {"n": 100_000, "d": 10, "k": 8, "n_init": 1}
IMPUTER = {"n": 100_000, "d": 10, "missing": 0.2}
REGRESSOR = {"n": 200_000, "d": 10, "right": 0.3}
CURVES = (
    Curve("mixture", "n", grid(1e4, 1e7, 7), MIXTURE),
    Curve("mixture", "d", grid(2, 64, 6), MIXTURE),
    Curve("mixture", "k", grid(1, 32, 6), MIXTURE),
    Curve("mixture", "n_init", grid(1, 8, 4), MIXTURE),
    Curve("imputer", "n", grid(1e4, 1e6, 5), IMPUTER),
    Curve("imputer", "d", grid(4, 64, 5), IMPUTER),
    Curve("imputer", "missing", (0.025, 0.05, 0.1, 0.2, 0.4), IMPUTER),
    Curve("regressor", "n", grid(1e4, 1e7, 7), REGRESSOR),
    Curve("regressor", "d", grid(2, 64, 6), REGRESSOR),
    Curve("regressor", "right", (0.1, 0.2, 0.4, 0.8), REGRESSOR),
)


def draw(curve: Curve, quick: bool) -> None:
    sizes, fixed = curve.sizes, dict(curve.fixed)
    if quick:
        sizes, fixed["n"] = sizes[:3], 10_000
    others = ", ".join(f"{name}={value:g}" for name, value in fixed.items() if name != curve.axis)
    table = Table(
        f"{curve.estimator} against {curve.axis} ({others})",
        [curve.axis, "E-step ms", "fit s", "growth MiB", "X MiB", "growth / X"],
    )
    points: list[tuple[float, ...]] = []

    def cells(size: float) -> list[str]:
        found = measure(curve.estimator, {**fixed, curve.axis: size})
        points.append((size, found["step"], found["fit"], found["growth"]))
        return [
            f"{1e3 * found['step']:.3f}",
            f"{found['fit']:.3f}",
            f"{found['growth']:.1f}",
            f"{found['size']:.1f}",
            f"{found['growth'] / found['size']:.2f}",
        ]

    for size in sizes:
        table.attempt(size, partial(cells, size))
    larger = np.transpose(points[len(points) // 2 :])
    if larger.shape[-1] > 1:
        table.row("exponent", *(f"{exponent(larger[0], values):.2f}" for values in larger[1:]))


def curves_of(estimator: str, quick: bool) -> None:
    for curve in CURVES:
        if curve.estimator == estimator:
            draw(curve, quick)


if __name__ == "__main__":
    main(
        __doc__.splitlines()[0],
        {name: partial(curves_of, name) for name in KINDS},
        {name: partial(child, kind) for name, kind in KINDS.items()},
    )
