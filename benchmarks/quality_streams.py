"""One pass of `EMGaussianMixture.partial_fit` over a stream against `fit` to all of it.

Run ``python benchmarks/quality_streams.py``; ``--quick`` takes few rows, as a smoke test. Both run
in one thread. The gap is the log-likelihood per row that the stream ends below the fit; it is
negative where a fit at the default tolerance stops short of what the stream reaches. Where steps of
several kinds are compared, the gap is that to the maximum which the first batch leads to.
"""

import os

# One BLAS thread. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

from copy import deepcopy
from functools import partial

import numpy as np
from _common import Array, Comparison, Table, gaussian_clusters, in_turn, main, met, seconds

from emkit import EMGaussianMixture

N_COMPONENTS = 8
#: Nats per row that one pass may end below the full fit.
ERRORS_TOL = 0.01
STEPS = [(0.55, 0.0), (0.6, 0.0), (0.6, 10.0), (0.7, 0.0), (0.7, 10.0), (0.8, 0.0), (1.0, 0.0)]


def rows(n: int, seed: int, missing: float) -> Array:
    X = gaussian_clusters(n, 4, N_COMPONENTS, seed=seed).X
    X[np.random.default_rng(seed).random(X.shape) < missing] = np.nan
    return X


def mixture(**arguments: float) -> EMGaussianMixture:
    return EMGaussianMixture(N_COMPONENTS, random_state=0, **arguments)


def learn(stream: EMGaussianMixture, X: Array, size: int) -> EMGaussianMixture:
    for start in range(0, len(X), size):
        stream.partial_fit(X[start : start + size])
    return stream


def against_fit(n: int, missing: float, quick: bool) -> None:
    n, n_seeds = (n // 20, 2) if quick else (n, 5)
    size = 10_000
    table = Table(
        f"{n} x 4, K={N_COMPONENTS}, {100 * missing:.0f} % missing, batches of {size}",
        [
            "seed",
            "stream s",
            "fit s",
            "fit / stream",
            "range",
            "first batch",
            "gap",
            "close, faster",
        ],
        4,
    )

    def compare(seed: int) -> list[str]:
        X = rows(n, seed, missing)
        # A fit begins anew, so that fitting twice takes twice as long; a stream goes on.
        turns = [
            lambda: seconds(learn, mixture(), X, size),
            lambda: seconds(mixture().fit, X),
        ]
        times = Comparison.of(in_turn(turns, 1 if quick else 3))
        best = mixture().fit(X).lower_bound_
        begun = best - mixture().partial_fit(X[:size]).score(X)
        gap = best - learn(mixture(), X, size).score(X)
        good = met(gap <= ERRORS_TOL and times.ratio > 1.0)
        return [*times.cells(), f"{begun:+.5f}", f"{gap:+.5f}", good]

    for seed in range(n_seeds):
        table.attempt(seed, partial(compare, seed))


def steps(n: int, first: int, size: int, quick: bool) -> None:
    n, n_seeds = (n // 10, 2) if quick else (n, 6)
    table = Table(
        f"Step sizes: {n} x 4, K={N_COMPONENTS}, batches of {size} after a first of {first}",
        ["decay", "offset", "average", "mean gap", "largest"],
        5,
    )
    problems = []
    for seed in range(n_seeds):
        X = rows(n, seed, 0.0)
        begun = mixture().partial_fit(X[:first])
        to_the_end = {"warm_start": True, "tol": 1e-7, "max_iter": 300}
        best = deepcopy(begun).set_params(**to_the_end).fit(X).lower_bound_
        problems.append((X, begun, best))

    def measure(decay: float, offset: float, average: int) -> list[str]:
        gaps = []
        for X, begun, best in problems:
            stream = deepcopy(begun).set_params(
                learning_decay=decay, learning_offset=offset, average=average
            )
            gaps.append(best - learn(stream, X[first:], size).score(X))
        return [f"{offset:g}", f"{average}", f"{np.mean(gaps):.5f}", f"{np.max(gaps):.5f}"]

    for decay, offset in STEPS:
        table.attempt(decay, partial(measure, decay, offset, False))
    table.attempt(0.6, partial(measure, 0.6, 0.0, n // 2))


TABLES = {
    "complete": partial(against_fit, 2_000_000, 0.0),
    "missing": partial(against_fit, 200_000, 0.1),
    "long": partial(steps, 1_000_000, 10_000, 10_000),
    "noisy": partial(steps, 100_000, 4_000, 200),
}


if __name__ == "__main__":
    main(__doc__.splitlines()[0], TABLES, {})
