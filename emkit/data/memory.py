"""Rows in memory: checked at once, by scikit-learn."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from emkit._typing import Array
from emkit.data.blocks import MemoryBlocks
from emkit.data.checks import is_private, part_of
from emkit.data.opened import Opened, Task
from emkit.data.reader import R
from emkit.data.rounding import warn_of_rounding_in, warn_of_rounding_in_responses
from emkit.models.rows import BLOCK_ROWS

__all__ = ["InMemory"]


class InMemory(Opened[R]):
    """Rows in memory."""

    in_memory: ClassVar[bool] = True

    def _open(self) -> None:
        beside = self.sample_weight, self.y
        self._rows = self.reader.read_all(self.estimator, self.X, *beside, reset=self.reset)
        self.n_samples, self.n_features = self._rows.X.shape
        self.dtype = self._rows.X.dtype
        self.picklable = not is_private(self.X)

    def survey(
        self, look: Callable[[R], Any], counted: Callable[[R], R] | None = None
    ) -> list[Any]:
        return [look(self._rows)]

    def fit_data(self, min_samples: int = 1, counted: Callable[[R], R] | None = None) -> Any:
        rows = (counted or self.reader.counted)(self._rows)
        self.reader.require(len(rows.X), min_samples, whole=True)
        self._look_at_rounding()
        return rows

    def blocks(self, look: Callable[[R], Any]) -> tuple[MemoryBlocks, Iterable[Any]]:
        self._look_at_rounding()
        rows: Any = self.reader.counted(self._rows)
        if is_private(rows.X):
            rows = rows._replace(X=rows.X.copy())
        n = len(rows.X)
        if n < 2 * BLOCK_ROWS:
            blocks = MemoryBlocks([rows])
        else:
            views = (slice(start, start + BLOCK_ROWS) for start in range(0, n, BLOCK_ROWS))
            blocks = MemoryBlocks([part_of(rows, view) for view in views])
        return blocks, map(look, blocks)

    def _look_at_rounding(self) -> None:
        if not self._is_first:
            return
        if getattr(self.X, "shape", None) == self._rows.X.shape:
            warn_of_rounding_in(self.X, self._rows.X)
        warn_of_rounding_in_responses(self.y)

    def _map(self, task: Task) -> Any:
        return task(self._rows)

    def _sums(self, compute: Callable[[R], Array]) -> Iterable[tuple[float, float]]:
        return [self.reader.weighted_sum(compute, self._rows)]
