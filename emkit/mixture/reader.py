"""How rows of a mixture are read: cells may be missing; a row without a value does not count."""

from dataclasses import dataclass
from typing import Any, ClassVar

from emkit._typing import Array
from emkit.data.bounded_reader import BoundedReader
from emkit.data.checks import has_missing, rows_that_count
from emkit.models.rows import Rows

__all__ = ["MixtureReader"]


@dataclass(frozen=True)
class MixtureReader(BoundedReader):
    """Reader of the rows of a mixture."""

    n_components: int = 1
    flat: Any = None  #: `Flat` or `CodedColumns` of the fit: only what is kept is read

    min_samples: ClassVar[int] = 2
    counting: ClassVar[str] = "of positive weight, with a value"
    scored: ClassVar[str] = "of positive weight with a value"

    def bounded(self, rows: Rows, given: Any = None) -> Rows:
        rows = super().bounded(rows, given)
        return rows if self.flat is None else self.flat.reduce_rows(rows)

    def weights(self, rows: Rows) -> tuple[Array | None, float]:
        X, weights = rows.X, rows.sample_weight
        kept = rows_that_count(X, weights, has_missing(X), rows.bounds)
        if weights is None:
            return None, float(len(X) if kept is None else kept.sum())
        return weights, float(weights.sum() if kept is None else weights[kept].sum())
