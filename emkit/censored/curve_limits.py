"""Confidence limits of a survival curve by the Bayesian bootstrap.

Every replicate gives the rows other weights: a row that stands for w of them gets a gamma variate
of shape w, the sum of w standard exponential ones (Rubin 1981). So no row is lost, weights need not
be whole numbers, and rows that are repeated and rows with weights are the same.
"""

from collections.abc import Callable
from typing import NamedTuple

import joblib
import numpy as np

from emkit._typing import Array
from emkit.censored.curve_fitting import climb
from emkit.engine.processes import as_worker_errors
from emkit.models.survival.cells import Places
from emkit.models.survival.curve import Curve
from emkit.models.survival.rows import Rows

__all__ = ["Observed", "bootstrap_limits"]

#: Least part of its weight that a row keeps, so that it stays in the fit.
LEAST_PART = 1e-12
#: Gap, a unit of weight, beside which resampling varies far more; most points to try.
TOL, MAX_ITER = 1e-8, 200


class Observed(NamedTuple):
    """All that resampling needs of a fit."""

    places: Places  #: of the rows that differ
    weight: Array  #: (n,) of those
    curve: Curve

    def replicate(self, seed: int) -> Curve:
        """The curve of the rows under other weights."""
        draws = np.random.default_rng(seed).gamma(self.weight)
        rows = Rows.at(self.places, np.maximum(draws, LEAST_PART * self.weight))
        start = self.curve.hazard[np.isnan(rows.known)]
        return Curve.of(self.curve.stop, climb(rows, start, tol=TOL, max_iter=MAX_ITER).hazard)


def bootstrap_limits(
    observed: Observed,
    statistic: Callable[[Curve], Array],
    level: float,
    seeds: Array,
    n_jobs: int | None,
) -> Array:
    """Limits (..., 2) of what is computed of the curve: quantiles of its replicates, one a seed."""
    run = joblib.delayed(_replicates)
    parts = np.array_split(seeds, min(len(seeds), 4 * joblib.effective_n_jobs(n_jobs)))
    with as_worker_errors():
        found = joblib.Parallel(n_jobs)(run(observed, statistic, part.tolist()) for part in parts)
    replicates = np.concatenate(found)
    tails = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
    # Of numbers that are infinite too, between which there is nothing.
    limits = np.quantile(replicates, tails, axis=0, method="inverted_cdf")
    return np.moveaxis(limits, 0, -1)


def _replicates(observed: Observed, statistic: Callable[[Curve], Array], seeds: list[int]) -> Array:
    return np.stack([statistic(observed.replicate(seed)) for seed in seeds])
