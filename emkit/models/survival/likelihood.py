"""Log-likelihood of the hazards of cells, and steps that do not lower it."""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.numerics.runs import Index, Runs, merged

__all__ = ["Likelihood", "Point"]

#: Sum of hazards below which the square of its reciprocal would overflow.
LEAST = 1e-140
#: Rounding of the log-likelihood, relative: a fall by less is none.
ROUNDING = 1e-13
#: Most halvings of a step.
MOST_HALVINGS = 40


class Point(NamedTuple):
    """Hazards, and what one pass over the runs tells of them."""

    hazard: Array  #: (k,)
    value: float  #: log-likelihood
    odds: Array  #: (n,) to live through a run


class Likelihood(NamedTuple):
    """Weighted runs of cells in which rows failed, and the rows that live through each cell."""

    runs: Runs
    weight: Array  #: (n,) of the runs, positive
    survived: Array  #: (k,) weight of the rows that live through a cell, positive

    def at(self, hazard: Array) -> Point | None:
        """A point; None where a row has no hazard where it failed."""
        total = self.runs.totals(hazard)
        if not total.min(initial=1.0) > LEAST:
            return None
        failed = -np.expm1(-total)
        value = float(self.weight @ np.log(failed) - self.survived @ hazard)
        return Point(hazard, value, (1.0 - failed) / failed)

    def toward(self, start: Point, hazard: Array) -> Point | None:
        """The first of the end of a step, its half, ... that is no lower than its start."""
        floor = start.value - ROUNDING * abs(start.value)
        for n_halvings in range(MOST_HALVINGS):
            part = 0.5**n_halvings
            there = self.at((1.0 - part) * start.hazard + part * hazard)
            if there is not None and there.value >= floor:
                return there
        return None

    def curvature(self, point: Point) -> Array:
        """Minus second derivatives (n,) in the total hazards of the runs."""
        return self.weight * point.odds * (1.0 + point.odds)

    def slope(self, point: Point) -> Array:
        """Derivative (k,) of what the runs say, in the hazard of each cell."""
        return self.runs.covering(self.weight * point.odds, self.turn)

    @property
    def turn(self) -> int:
        """The cell that most rows live through: sums over runs are taken towards it."""
        return int(self.survived.argmax()) if len(self.survived) else 0

    def among(self, cells: Index) -> "Likelihood":
        """That of the hazards of those cells, the others being 0."""
        return Likelihood(*merged(self.runs.among(cells), self.weight), self.survived[cells])
