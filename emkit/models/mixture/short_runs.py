"""Short runs of EM from several partitions side by side: which of them leads to the best start.

A run is gone on with as long as, at its latest gain, it would yet pass the best one: few are for
long, but of two that are close it takes many steps to tell which one ends higher.
"""

import numpy as np
from numpy.typing import NDArray

from emkit.engine.latent_class import unbuffered
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.side_by_side import Runs
from emkit.models.rows import Rows

__all__ = ["best_partition"]

#: Runs at most that go on after the first look.
FIELD = 5
#: A run goes on if so many steps, each of its latest gain, would lift it above the best one by so
#: many nats a row.
PATIENCE, WORTHWHILE = 30, 0.01
#: Steps at least, in which a run that is about to collapse does.
LEAST_STEPS = 3
#: Log-densities in all, from which on the best run goes on alone, for all steps that there are:
#: of long data none is cheap, and those on a sample are cheaper than those on all rows.
MOST_NUMBERS = 2**26
#: Nats a row by which runs differ that are equally good.
EQUAL_HEIGHT = 1e-7
#: Decimals, in nats a row, to which runs agree that are one and the same.
SAME_DECIMALS = 9


@unbuffered()
def best_partition(
    model: GaussianMixtureModel,
    data: Rows,
    n_components: int,
    partitions: NDArray[np.intp],
    n_steps: int,
) -> MixtureParams | None:
    """Parameters that the best of the partitions leads to; None where all collapse.

    Data are complete rows, and each of the partitions (m, n) labels them from 0. At most
    ``n_steps`` steps are taken, down to three where one run is all that is left.
    """
    runs, left = Runs(model, data, n_components, partitions), MOST_NUMBERS
    for step in range(n_steps):
        left -= len(runs.heights) * n_components * len(data.X)
        if runs.heights:
            runs.step()
        if not runs.heights:  # as all collapsed
            return None
        alone = left < 0
        runs.keep(_going_on(runs.heights, runs.before, alone))
        if len(runs.heights) <= 1 and not alone and step + 1 >= LEAST_STEPS:
            break
    return runs.one(_first_best(runs.heights)) if len(runs.heights) else None


def _first_best(heights: list[float]) -> int:
    """The first of the runs that are no lower than the best but for rounding.

    Of runs that end in the same place, order of summation must not choose the order of components.
    """
    least = max(heights) - EQUAL_HEIGHT
    return next(m for m, height in enumerate(heights) if height >= least)


def _going_on(heights: list[float], before: list[float], alone: bool) -> list[bool]:
    """Which runs may yet pass the best one, and the best one, from nats a row; or it ``alone``."""
    best = _first_best(heights)
    if alone or len(heights) == 1:
        return [m == best for m in range(len(heights))]
    if before[0] == -np.inf:  # the first look: those that differ, and only the best of them
        seen = [round(height, SAME_DECIMALS) for height in heights]
        distinct = {height: m for m, height in reversed(list(enumerate(seen)))}
        field = sorted(distinct, reverse=True)[:FIELD]
        return [seen[m] in field and distinct[seen[m]] == m for m in range(len(seen))]
    least = heights[best] + WORTHWHILE
    reach = [now + PATIENCE * (now - then) for now, then in zip(heights, before, strict=True)]
    return [m == best or height > least for m, height in enumerate(reach)]
