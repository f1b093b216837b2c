"""Strata: rows whose errors have a scale of their own, by the values of some columns."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["Codes", "Strata"]

Codes: TypeAlias = NDArray[np.intp]


class Strata(NamedTuple):
    """Combinations of values that there are, in their order; each has a scale."""

    labels: Array  #: (m, k) ascending
    columns: tuple[int, ...]  #: of X (k,) that tell a stratum
    line: tuple[int, ...]  #: those that are left (p,)
    names: tuple[str, ...]  #: of the former (k,)

    def codes(self, X: Array) -> Codes:
        """Number of the stratum of every row; ValueError for one that is not among these."""
        values = X[:, self.columns]
        places = self._places(values)
        known = self._places(self.labels)  # ascending too
        codes = np.searchsorted(known, places)
        codes[codes == len(known)] = 0
        unknown = np.flatnonzero((known[codes] != places) | (places < 0))
        if len(unknown):
            i = int(unknown[0])
            raise ValueError(
                f"Row {i} of X is of a stratum that was not in the fit: {self._told(values[i])} "
                f"({len(unknown)} such row(s)). It has no scale. Leave such rows out, or fit again "
                "with rows of that stratum."
            )
        return codes

    @property
    def told(self) -> list[str]:
        """Every stratum by the values of its columns."""
        return [self._told(label) for label in self.labels]

    def _told(self, label: Array) -> str:
        return ", ".join(f"{n}={v:g}" for n, v in zip(self.names, label, strict=True))

    def _places(self, values: Array) -> Codes:
        """Place of every row among all combinations of known values, -1 where one is unknown."""
        place = np.zeros(len(values), dtype=np.intp)
        unknown = np.zeros(len(values), dtype=bool)
        for column, labels in zip(values.T, self.labels.T, strict=True):
            known = np.unique(labels)
            at = np.minimum(np.searchsorted(known, column), len(known) - 1)
            unknown |= known[at] != column
            place = place * len(known) + at
        place[unknown] = -1
        return place
