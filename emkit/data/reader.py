"""What an estimator says of its own rows, wherever they lie."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np

from emkit._typing import Array
from emkit.data.checks import check_block_weights, check_weights, in_context, load_with_missing
from emkit.data.containers import Column
from emkit.data.numbers import read_table
from emkit.data.refusals import refuse_vanishing
from emkit.data.responses import check_responses

__all__ = ["OF_ROWS", "R", "Reader", "tells_of_few_rows", "too_few_rows"]


#: Arguments of estimators that have an entry for each row of X, which must be in memory, and what
#: to do where it is not.
OF_ROWS = {"resp_init": "Give means_init instead", "noise_init": "Leave it at None"}


def too_few_rows(message: str) -> ValueError:
    """A ValueError, as scikit-learn's is, that `tells_of_few_rows` knows."""
    error = ValueError(message)
    error.few_rows = True  # type: ignore[attr-defined]
    return error


def tells_of_few_rows(error: ValueError) -> bool:
    """Whether an error says that fewer rows count than there must be."""
    return getattr(error, "few_rows", False)


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
    #: What goes with X as responses do, by the name of its argument.
    beside: ClassVar[str] = "y"
    #: Rows that X must have in a fit.
    min_samples: ClassVar[int] = 1
    #: Columns that it must have.
    min_features: int = 1
    #: Which rows count in a fit, and which a score is the mean of, in words.
    counting: ClassVar[str] = "of positive weight"
    scored: ClassVar[str] = "of positive weight"
    #: What marks a missing cell; one that is no number may stand in X of any type.
    missing_values: Any = np.nan
    #: What to do about missing cells, where there must be none.
    complete: ClassVar[str] = ""
    #: Columns of a frame, of which blocks are arrays that do not tell them.
    columns: Sequence[Column] | None = None
    #: Components of a mixture, of which each takes a row; 0 where there are none.
    n_components: int = 0

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

    def of_columns(self, columns: Sequence[Column] | None) -> Self:
        """A reader of arrays that are blocks of a frame of such columns."""
        other = copy(self)
        object.__setattr__(other, "columns", columns)  # of a frozen dataclass
        return other

    # What an `Opened` asks: X, sample_weight and y of every method pass here, all at once or block
    # by block, and nowhere else.

    def read_all(self, estimator: Any, X: Any, sample_weight: Any, y: Any, *, reset: bool) -> R:
        """All rows, in memory; number and names of the features of the estimator set or checked."""
        cells = load_with_missing(
            estimator,
            X,
            self.missing_values,
            reset=reset,
            complete=self.complete,
            ensure_min_samples=self.min_samples if reset else 1,
            ensure_min_features=self.min_features,
        )
        if reset:
            refuse_vanishing(cells, getattr(estimator, "feature_names_in_", None))
        weights = check_weights(sample_weight, cells)
        return self.rows(cells, weights, check_responses(y, self.beside), whole=True)

    def read_block(self, X: Any, sample_weight: Any, y: Any, context: str, context_of_y: str) -> R:
        """A block of rows, perhaps without any; an error says the context."""
        with in_context(context):
            cells = read_table(
                X,
                self.missing_values,
                complete=self.complete,
                columns=self.columns,
                ensure_min_samples=0,
                ensure_min_features=self.min_features,
            )
            weights = check_block_weights(sample_weight, cells)
        with in_context(context_of_y):
            return self.rows(cells, weights, check_responses(y, self.beside), whole=False)

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
        raise too_few_rows(message)

    def weighted_sum(self, compute: Callable[[R], Array], rows: R) -> tuple[float, float]:
        """Sum of what is computed for the rows, times their weights, and how many samples."""
        weights, n = self.weights(rows)
        if n == 0.0:
            return 0.0, 0.0
        values = compute(rows)
        return float(values.sum() if weights is None else weights @ values), n
