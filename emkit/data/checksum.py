"""Whether a block that is read again has the values that it had before."""

from typing import Any, NamedTuple

import numpy as np

from emkit.exceptions import DataReadError

__all__ = ["Checksum", "Checksums"]

#: Change of a sum, beside that of sizes, that can be rounding where values are computed anew.
ROUNDING, ROUNDING_SINGLE = 1e-8, 2e-5


class Checksum(NamedTuple):
    """Of the finite cells of a block."""

    n: int
    total: float
    size: float  #: sum of absolute values
    rounding: float

    @classmethod
    def of(cls, block: Any) -> "Checksum | None":
        """None where cells are not all numbers: they are read by whoever knows them."""
        cells = block.filled(0) if isinstance(block, np.ma.MaskedArray) else np.asarray(block)
        if cells.dtype.kind not in "biuf":
            return None
        rounding = ROUNDING if cells.dtype.itemsize > 4 else ROUNDING_SINGLE
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(cells)
            total = np.sum(cells, dtype=float, where=finite)
            size = np.sum(np.abs(cells, dtype=float), where=finite)
        return cls(int(finite.sum()), float(total), float(size), rounding)

    def agrees(self, other: "Checksum") -> bool:
        """Whether both can be of the same cells."""
        if self.n != other.n:
            return False
        if not (np.isfinite(self.size) and np.isfinite(other.size)):
            return self.size == other.size
        away = max(abs(self.total - other.total), abs(self.size - other.size))
        return away <= self.rounding * max(self.size, other.size)


class Checksums:
    """Of the blocks of a source that were read, by argument and number."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Checksum | None] = {}

    def check(self, name: str, number: int, start: int, block: Any) -> None:
        """DataReadError where a block has other values than when it was first read."""
        found = Checksum.of(block)
        before = self._known.setdefault((name, number), found)
        if before is None or found is None or before.agrees(found):
            return
        raise DataReadError(
            f"Block {number} of {name}, from row {start}, gave other values than when it was first "
            f"read: now {found.n} finite cells with the sum {found.total:.6g}, then {before.n} "
            f"with the sum {before.total:.6g}. Every iteration of EM reads all blocks again, and "
            "must find the same. Draw or shuffle once, and not whenever the data are read."
        )
