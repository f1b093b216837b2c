"""Rows of which it is given that their responses are larger than something."""

from dataclasses import dataclass
from numbers import Number
from typing import Any, ClassVar

import numpy as np

from emkit._typing import Array
from emkit.censored.rows import ResponseReader
from emkit.data.numbers import argument_of
from emkit.data.opened import Opened, open_data
from emkit.data.reader import Reader
from emkit.models.censored.data import Responses

__all__ = ["check_given", "open_given"]


@dataclass(frozen=True)
class GivenReader(Reader[Responses]):
    """Reader of rows that have what is given in the place of their entries, on the scale of y.

    What has a value for each row goes beside the rows as responses do, wherever they lie.
    """

    distribution: str
    positive: bool
    value: float | None  #: of all rows
    min_features: int

    fitted: ClassVar[str] = ResponseReader.fitted
    complete: ClassVar[str] = ResponseReader.complete
    beside: ClassVar[str] = "given"

    def rows(self, X: Array, sample_weight: Array | None, y: Any, *, whole: bool) -> Responses:
        given = None if self.value is None else np.full(len(X), self.value)
        if y is not None:
            given = np.asarray(argument_of(y, "given"), dtype=float)
            if given.shape != (len(X),):
                raise ValueError(
                    f"given must be one number, or one for each row of X, ({len(X)},). Got shape "
                    f"{given.shape}."
                )
            self.check(given)
        return Responses(X, None, None, sample_weight, given)  # type: ignore[arg-type]

    def counted(self, rows: Responses) -> Responses:
        return rows

    def read_block(self, X: Any, sample_weight: Any, y: Any, *contexts: str) -> Responses:
        context, context_of_y = contexts
        of_given = context_of_y.replace(" of y", " of given")
        return super().read_block(X, sample_weight, y, context, of_given)

    def check(self, given: Array) -> None:
        """ValueError where no response can be so large, or none be smaller."""
        check_given(given, self.distribution if self.positive else None)


def check_given(given: Array, positive: str | None = None) -> None:
    """ValueError where no response can be so large, or none of a ``positive`` law be smaller."""
    wrong = np.isnan(given) | (given == np.inf)
    if positive is not None:
        wrong |= given < 0.0
    if not wrong.any():
        return
    i = int(np.argmax(wrong))
    value, where = given.flat[i], f" in row {i}" if given.ndim else ""
    told = (
        f"given is {value}{where} ({int(wrong.sum())} such value(s)). It is the value that a "
        "response is known to be larger than, on the scale of y"
    )
    if value < 0.0:
        raise ValueError(
            f"{told}, and responses of distribution={positive!r} are positive: where "
            "nothing is known it is 0."
        )
    nothing = "-numpy.inf" if positive is None else "0"
    raise ValueError(f"{told}: a finite number, or {nothing} where nothing is known.")


def open_given(regressor: Any, X: Any, given: Any) -> Opened[Responses]:
    """Rows of a fitted regressor, with what is given of their responses: nothing, one, or each."""
    if hasattr(given, "to_dask_array"):
        given = given.to_dask_array()
    value = None
    if isinstance(given, Number | np.generic) or getattr(given, "shape", None) == ():
        value, given = float(np.asarray(argument_of(given, "given"), dtype=float)), None
    positive = regressor._distribution.link.positive
    n_features = getattr(regressor, "n_features_in_", 1)
    reader = GivenReader(regressor.distribution, positive, value, min(1, n_features))
    if value is not None:
        reader.check(np.asarray(value))
    return open_data(regressor, X, reader, y=given, reset=False)
