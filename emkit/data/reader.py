"""What an estimator says of its own rows, wherever they lie."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from emkit._typing import Array
from emkit.data.checks import check_block_weights, check_weights, in_context

__all__ = ["R", "Reader"]


class RowsLike(Protocol):
    """Some rows with what belongs to them: `Rows`, `Responses`."""

    @property
    def X(self) -> Array: ...

    @property
    def total_weight(self) -> float: ...


R = TypeVar("R", bound=RowsLike)


class Reader(ABC, Generic[R]):
    """What an estimator says of its own rows: how they are checked, and which of them count.

    It reads all rows in memory, every block of a source, and every chunk on a worker of a cluster,
    to which it is sent.
    """

    #: Attribute that a fitted estimator has.
    fitted: ClassVar[str] = "weights_"
    #: Rows that X must have in a fit.
    min_samples: ClassVar[int] = 1
    #: Which rows count in a fit, and which a score is the mean of, in words.
    counting: ClassVar[str] = "of positive weight"
    scored: ClassVar[str] = "of positive weight"
    #: What marks a missing cell; one that is no number may stand in X of any type.
    missing_values: Any = np.nan
    #: Components of a mixture, of which each takes a row; 0 where there are none.
    n_components: int = 0

    @abstractmethod
    def cells(self, X: Any, check: Callable[..., Any]) -> Array:
        """X as floats (n, n_features); ``check`` is `check_array` or the like, told the place."""

    @abstractmethod
    def rows(self, X: Array, sample_weight: Array | None, y: Any, *, whole: bool) -> R:
        """Rows from what was checked; y is not, and None where it was not given.

        ``whole`` says that they are all there are, and not a block of them.
        """

    @abstractmethod
    def counted(self, rows: R) -> R:
        """The rows that count in a fit."""

    def weights(self, rows: R) -> tuple[Array | None, float]:
        """Weights (n,), None where all are 1, and how many samples a score of the rows is of."""
        return getattr(rows, "sample_weight", None), rows.total_weight

    # What an `Opened` asks

    def read_all(self, estimator: Any, X: Any, sample_weight: Any, y: Any, *, reset: bool) -> R:
        """All rows, in memory; number and names of the features of the estimator set or checked."""
        least = self.min_samples if reset else 1
        check = partial(validate_data, estimator, reset=reset, ensure_min_samples=least)
        return self._read(X, sample_weight, y, check, check_weights, whole=True)

    def read_block(self, X: Any, sample_weight: Any, y: Any, context: str, context_of_y: str) -> R:
        """A block of rows, perhaps without any; an error says the context."""
        check = partial(check_array, ensure_min_samples=0, input_name="X")
        return self._read(
            X, sample_weight, y, check, check_block_weights, False, context, context_of_y
        )

    def _read(
        self,
        X: Any,
        sample_weight: Any,
        y: Any,
        check: Callable[..., Any],
        check_weights: Callable[..., Array | None],
        whole: bool,
        context: str | None = None,
        context_of_y: str | None = None,
    ) -> R:
        # X, sample_weight and y of every method pass here, all at once or block by block, and
        # nowhere else: what becomes of masked cells, dates and words is said here.
        with in_context(context):
            cells = self.cells(X, check)
            weights = check_weights(sample_weight, cells)
        with in_context(context_of_y):
            return self.rows(cells, weights, y, whole=whole)

    def require(self, n: int, min_samples: int, *, whole: bool = False) -> None:
        """ValueError where fewer rows count than there must be."""
        if n >= min_samples:
            return
        least = max(min_samples, self.n_components)
        message = (
            f"Found array with {n} sample(s) ({self.counting}) while a minimum of {least} is "
            "required."
        )
        if 0 < n < self.n_components:
            few = (
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {n}"
            )
            # Of rows in memory, in the words of scikit-learn.
            message = few if whole else f"{few}. {message}"
        raise ValueError(message)

    def weighted_sum(self, compute: Callable[[R], Array], rows: R) -> tuple[float, float]:
        """Sum of what is computed for the rows, times their weights, and how many samples."""
        weights, n = self.weights(rows)
        if n == 0.0:
            return 0.0, 0.0
        values = compute(rows)
        return float(values.sum() if weights is None else weights @ values), n
