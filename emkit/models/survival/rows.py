r"""What censored times say of the hazards of cells, without what they do not say.

With :math:`\Lambda` the cumulative hazard, a row with its interval in :math:`(l, u]` and its entry
at v has the likelihood :math:`(S(l) - S(u)) / S(v)`, whose logarithm is

.. math:: -(\Lambda(l) - \Lambda(v)) + \log(1 - e^{-(\Lambda(u) - \Lambda(l))}).

The first term is linear in the hazards of the cells; the second is that of a *run* of cells. Where
no row lives through a cell, nothing speaks against an infinite hazard there, and for one the second
term of all rows that may have failed in it is 0. It is the latest such cell of any row that has
one, so that the curve falls no sooner than it must: all others have no hazard.
"""

from typing import NamedTuple, Self

import numpy as np

from emkit._typing import Array
from emkit.models.survival.cells import Places
from emkit.models.survival.likelihood import Likelihood
from emkit.numerics.runs import Index, Runs, merged, prefix_sums

__all__ = ["Rows", "living"]


class Rows(NamedTuple):
    """The likelihood of the hazards of cells, those of the others being known."""

    likelihood: Likelihood  #: of k cells; all runs are different
    total: float  #: weight of all rows
    #: (m,) Hazards of all cells that a fit does not change, 0 or infinite; NaN of the k others.
    known: Array

    @classmethod
    def at(cls, places: Places, weight: Array) -> Self:
        """From where rows with such weights, all different, lie among cells."""
        (enter, runs), n = places, places.runs.n_cells
        survived = living(enter, runs, weight)
        # Counted, as differences of fractional weights may be anything but 0.
        empty = living(enter, runs, None) == 0
        latest = np.maximum.accumulate(np.append(-1, np.where(empty, np.arange(n), -1)))[runs.stop]
        told = latest < runs.first
        told_runs = Runs(runs.first[told], runs.stop[told], n)
        covered = told_runs.covering(np.ones(len(told_runs.first))) > 0.5
        kept = np.flatnonzero(covered & ~empty)
        known = np.zeros(n)
        known[kept], known[latest[~told]] = np.nan, np.inf
        runs, weight_told = told_runs.among(kept), weight[told]
        if enter.any():  # rows may differ in nothing but their entry
            runs, weight_told = merged(runs, weight_told)
        # Whoever lives through a cell weighs no less than that, whatever rounding leaves.
        survived = np.maximum(survived[kept], weight.min())
        likelihood = Likelihood(runs, weight_told, survived)
        return cls(likelihood, float(weight.sum()), known)

    def hazards(self, free: Array) -> Array:
        """Hazards (m,) of all cells, given those (k,) that a fit may change."""
        hazards = self.known.copy()
        hazards[np.isnan(hazards)] = free
        return hazards

    @property
    def emptied(self) -> int | None:
        """The first cell that nobody lives through, though others come under observation later."""
        certain = np.flatnonzero(np.isinf(self.known))
        return int(certain[0]) if certain[0] < len(self.known) - 1 else None


def living(enter: Index, runs: Runs, weight: Array | None) -> Array:
    """Sum (n_cells,) of the weights of rows that live through a cell, from entry to interval."""
    living = Runs(enter, runs.first, runs.n_cells)
    level, rest = prefix_sums(living.beginning(weight) - living.ending(weight))
    return (level + rest)[1:-1]
