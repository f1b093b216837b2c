"""Newton steps over the cells that have mass, or should have.

On a few cells most runs are alike, so that a step takes no time beside a pass over all of them.
"""

import numpy as np

from emkit._typing import Array
from emkit.models.survival.likelihood import Likelihood
from emkit.numerics.run_systems import RunMatrix, bounded_maximum
from emkit.numerics.runs import Index

__all__ = ["newton_on_support"]

#: Steps over the same cells: many where there are few.
FEW_CELLS, MANY_STEPS, FEW_STEPS = 3000, 5, 3
#: Rise that a step promises, a unit of weight, at which it is the last one.
SETTLED = 1e-14
#: Relative accuracy of a step, of the rise that the last one promised, a unit of weight.
ROUGHEST, FINEST = 1e-2, 1e-5
#: Stands for no weight, where no cell can change.
TINY = 1e-300
#: Part of the weight that lives through a cell by which its slope must be larger.
EXCESS = 1e-12


def newton_on_support(whole: Likelihood, slope: Array, hazard: Array) -> Array | None:
    """Hazards (k,) after Newton steps over some of the cells, or None where none goes up.

    ``slope`` is the derivative of what the runs say at ``hazard``.
    """
    cells = _support(whole.survived, slope, hazard)
    part = whole.among(cells)
    start = point = part.at(hazard[cells])
    total, accuracy = max(float(part.weight.sum()), TINY), ROUGHEST
    for _ in range(MANY_STEPS if len(cells) <= FEW_CELLS else FEW_STEPS):
        if point is None:
            break
        gradient = part.slope(point) - part.survived
        matrix = RunMatrix(part.runs, part.curvature(point))
        step = bounded_maximum(matrix, gradient, point.hazard, accuracy)
        there = part.toward(point, point.hazard + step)
        if there is None:
            break
        point = there
        promise = gradient @ step / total
        if promise <= SETTLED:
            break
        accuracy = float(np.clip(promise, FINEST, ROUGHEST))
    if point is None or point is start:
        return None
    moved = np.zeros_like(hazard)
    moved[cells] = point.hazard
    return moved


def _support(survived: Array, slope: Array, hazard: Array) -> Index:
    """Cells with mass, and between two of them that one where mass would raise it most."""
    full = hazard > 0.0
    above = np.flatnonzero(~full & (slope > survived * (1.0 + EXCESS)))
    between = np.cumsum(full)[above]
    order = np.lexsort((-slope[above] / survived[above], between))
    first = np.diff(between[order], prepend=-1) > 0
    full[above[order[first]]] = True
    return np.flatnonzero(full)
