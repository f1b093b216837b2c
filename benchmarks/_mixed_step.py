"""CPU time of an E-step of `EMImputer` with columns of categories, over that without them."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from _common import Array, Comparison, Table, in_turn, met, timed_steps

from emkit import EMImputer

#: Classes, share of the cells that is missing, and what the ratio is held to.
K, MISSING, MOST_RATIO = 5, 0.2, 3.0
N_NUMBERS = 10
#: Levels of the columns: with three each a row has 12 combinations on average, else 14.
N_LEVELS = {"3 levels": (3,) * 10, "2 to 5 levels": (2, 3, 4, 5, 2, 3, 4, 5, 2, 3)}
N_STEPS, REPEATS = 4, 3


def table(n: int, n_levels: Sequence[int], seed: int = 0) -> tuple[Array, pd.DataFrame]:
    """Numbers of clusters, which categories depend on and move, with holes in both."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = rng.normal(size=(n, N_NUMBERS)) + 2.0 * rng.normal(size=(K, N_NUMBERS))[z]
    codes = [np.where(rng.random(n) < 0.5, rng.integers(m, size=n), z % m) for m in n_levels]
    for m, column in zip(n_levels, codes, strict=True):
        X += 0.3 * rng.normal(size=(m, N_NUMBERS))[column]
    X[rng.random(X.shape) < MISSING] = np.nan
    frame = pd.DataFrame(X).add_prefix("x")
    for j, (m, column) in enumerate(zip(n_levels, codes, strict=True)):
        cells = np.where(rng.random(n) < MISSING, -1, column)
        frame[f"c{j}"] = pd.Categorical.from_codes(cells, [f"level {level}" for level in range(m)])
    return X, frame


def step_seconds(covariance_type: str, X: object) -> float:
    """CPU seconds of the fastest of the last E-steps of a short fit."""
    imputer = EMImputer(
        K, covariance_type=covariance_type, max_iter=N_STEPS, random_state=0, acceleration=None
    )
    with timed_steps(time.process_time) as times:
        imputer.fit(X)
    return min(times[-N_STEPS:])


def compare(covariance_type: str, levels: str, n: int, repeats: int) -> list[str]:
    measures = [partial(step_seconds, covariance_type, X) for X in table(n, N_LEVELS[levels])]
    times = Comparison.of(in_turn(measures, repeats))
    return [levels, *times.cells(), f"{MOST_RATIO:g}", met(times.ratio <= MOST_RATIO)]


def e_step(quick: bool, **options: object) -> None:
    """With 10 columns of categories beside 10 of numbers, and without."""
    n = 10_000 if quick else 100_000
    printed = Table(
        f"CPU seconds of an E-step, {n} rows, {N_NUMBERS} numbers, 10 categories, K = {K}, "
        f"{MISSING:.0%} missing",
        ["covariance", "categories", "without", "with", "ratio", "min..max", "at most", "met"],
    )
    for covariance_type in ("tied", "full"):
        for levels in N_LEVELS:
            measure = partial(compare, covariance_type, levels, n, 2 if quick else REPEATS)
            printed.attempt(covariance_type, measure)
