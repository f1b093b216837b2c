"""What a censored regression says of its rows: predictors, and bounds of the responses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length

from emkit._typing import Array
from emkit.censored.frames import as_records
from emkit.censored.stratification import strata_columns, strata_of
from emkit.censored.target import load_target
from emkit.data.blocks import DataBlocks
from emkit.data.checks import load_with_missing, part_of
from emkit.data.opened import Opened, open_data
from emkit.data.reader import Reader
from emkit.models.censored.data import Responses
from emkit.models.censored.standardised import Standardised
from emkit.models.censored.strata import Strata
from emkit.models.laws.registry import LAWS

__all__ = [
    "ResponseReader",
    "load_rows",
    "open_rows",
    "read_predictors",
    "refuse_extremes",
    "require_y",
]

#: Bounds of responses, and their entries if there are any.
Bounds: TypeAlias = tuple[Array, Array, Array | None]
#: Largest weight whose products and sums stay finite, as do those of its reciprocal.
HEAVIEST = 1e100
#: Largest size of a coefficient, and of its reciprocal.
LARGEST = 1e290


@dataclass(frozen=True)
class ResponseReader(Reader[Responses]):
    """Reader of rows with their responses, which have no bounds where y was not given."""

    #: From bounds and entries on the scale of y to such on that of the line.
    to_line: Callable[[Array, Array, Array | None], Bounds]
    left: float | None
    right: float | None
    min_features: int = 1

    fitted: ClassVar[str] = "coef_"
    complete: ClassVar[str] = (
        "EMCensoredRegressor takes no missing cells in X: fill them first, as by "
        "make_pipeline(EMImputer(), EMCensoredRegressor()), or drop such rows. Cells below a limit "
        "of detection are filled by that too: EMImputer(lower_limits=...), or '<0.05' in cells."
    )
    counting: ClassVar[str] = "of positive weight, with a bound on the response"

    def rows(self, X: Array, sample_weight: Array | None, y: Any, *, whole: bool) -> Responses:
        if y is None:
            return Responses(X, None, None, sample_weight)  # type: ignore[arg-type]
        if not len(X):
            return Responses(X, np.empty(0), np.empty(0), sample_weight)
        _refuse_extreme_weights(sample_weight)
        target = load_target(y, self.left, self.right, whole=whole)
        check_consistent_length(X, target.low)
        low, high, entry = self.to_line(*target)
        if entry is not None and (entry == -np.inf).all():
            entry = None
        return Responses(X, low, high, sample_weight, entry)

    def counted(self, rows: Responses) -> Responses:
        """Those of positive weight with a response that may not lie anywhere."""
        kept = np.isfinite(rows.low) | np.isfinite(rows.high)
        if rows.weight is not None:
            kept &= rows.weight > 0.0
        return rows if kept.all() else part_of(rows, kept)

    def weights(self, rows: Responses) -> tuple[Array | None, float]:
        return rows.weight, rows.total_weight


def open_rows(
    regressor: Any,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    reset: bool = False,
    as_given: bool = False,
) -> Opened[Responses]:
    """Rows that were given to a method of a regressor, wherever they lie.

    Bounds are on the scale of the line, or ``as_given``, once it is known that they can be.
    """
    if X is None:
        raise ValueError(
            f"X is None, and {type(regressor).__name__} takes predictors. For a distribution alone "
            "give it an X without columns, as numpy.empty((len(y), 0)); EMSurvivalCurve takes None."
        )
    to_line = (LAWS[regressor.distribution] if reset else regressor._distribution).bounds_to_line
    if as_given:
        to_line = partial(_checked, to_line)
    # Where rows are cut into blocks, a frame would lose the names and types of its columns.
    y = as_records(y)
    least = _least_features(regressor, y, reset)
    shape = getattr(X, "shape", ())
    if least and shape[1:] == (0,):
        raise ValueError(
            f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required by "
            f"{type(regressor).__name__} beside a y of numbers of either sign, one a row. For a "
            "distribution alone pass y=censored_target(y)."
        )
    reader = ResponseReader(to_line, regressor.left, regressor.right, least)
    return open_data(regressor, X, reader, y=y, sample_weight=sample_weight, reset=reset)


def _least_features(regressor: Any, y: Any, reset: bool) -> int:
    """Columns that X must have: none for a fit without covariates, of a distribution alone.

    But beside numbers of either sign, which any regressor takes, scikit-learn's checks ask for one.
    """
    if not reset:
        return min(1, getattr(regressor, "n_features_in_", 1))
    limited = regressor.left is not None or regressor.right is not None
    either_sign = not LAWS[regressor.distribution].link.positive
    return int(either_sign and not limited and _is_plain(y))


def _is_plain(y: Any) -> bool:
    """Whether responses are numbers without more, one a row."""
    if getattr(y, "ndim", None) != 1:
        return False
    kind = getattr(y.dtype, "kind", "f")
    return kind in "biuf" or (kind == "O" and len(y) > 0 and isinstance(y[0], Real))


def _checked(
    to_line: Callable[[Array, Array, Array | None], Bounds],
    low: Array,
    high: Array,
    entry: Array | None,
) -> Bounds:
    """Bounds as they are; ValueError where they have no place on the line."""
    to_line(low, high, entry)
    return low, high, entry


def read_predictors(regressor: Any, X: Any) -> Array:
    """X in memory as doubles, as a fitted regressor takes it."""
    complete, least = ResponseReader.complete, min(1, regressor.n_features_in_)
    X = load_with_missing(
        regressor, X, np.nan, reset=False, complete=complete, ensure_min_features=least
    )
    return np.asarray(X, dtype=float)


def require_y(regressor: Any, y: Any) -> None:
    """ValueError where there are no responses."""
    if y is None:
        raise ValueError(
            f"{type(regressor).__name__} requires y to be passed, but the target y is None"
        )


def load_rows(regressor: Any, opened: Opened[Responses]) -> tuple[DataBlocks, Strata | None]:
    """Rows that count, in blocks that can be asked as often as needed, checked, and their strata.

    A line with an intercept can leave bounds on one side as far behind as it likes.
    """
    columns = strata_columns(regressor, opened.n_features)
    rows, sides = opened.blocks(partial(_sides, columns))
    if not columns:
        _refuse_one_sided(opened.reader, sides, regressor.fit_intercept)
        return rows, None
    sides = list(sides)
    _refuse_one_sided(opened.reader, sides, regressor.fit_intercept)
    n, _, values = zip(*sides, strict=True)
    return rows, strata_of(regressor, columns, sum(n), values)


# What cannot be had


def _refuse_extreme_weights(sample_weight: Array | None) -> None:
    """ValueError where sums with the weights would overflow, or underflow."""
    if sample_weight is None or not len(sample_weight):
        return
    i = int(np.argmax(sample_weight))
    if sample_weight[i] > HEAVIEST or 0.0 < sample_weight[i] < 1.0 / HEAVIEST:
        size = "large" if sample_weight[i] > 1.0 else "small"
        raise ValueError(
            f"sample_weight is too {size} for double precision: its largest is "
            f"{sample_weight[i]:.3g}, in row {i}. Weights are frequencies: divide them by their "
            "mean."
        )


def refuse_extremes(regressor: Any, units: Standardised) -> None:
    """ValueError where a coefficient would overflow, or underflow."""
    with np.errstate(over="ignore", under="ignore"):
        size = units.spread / units.scale
    wrong = np.flatnonzero((size > LARGEST) | (size < 1.0 / LARGEST))
    if len(wrong):
        j = int(wrong[0])
        at = j if units.columns is None else units.columns[j]
        name = getattr(regressor, "feature_names_in_", {at: at})[at]
        raise ValueError(
            f"Column {name!r} of X and y are in units too far apart for double precision: the "
            f"column has a spread of {units.scale[j]:.3g}, the responses one of "
            f"{units.spread:.3g}, and a coefficient would be about {size[j]:.3g}. Scale them."
        )


#: Kinds of rows of which alone the likelihood grows as the line, or line and scale, move away.
ONE_SIDED = (
    "is censored on the right",
    "is censored on the left, or begins at its entry",
    "is censored on the left, or on the right with an entry",
)


def _sides(columns: list[int], rows: Responses) -> tuple[int, NDArray[np.bool_], Array | None]:
    """Number of rows, whether all are of each of the kinds in `ONE_SIDED`, and their strata."""
    left, right = np.isinf(rows.low), np.isinf(rows.high)
    entered = np.zeros_like(left) if rows.entry is None else rows.entry > -np.inf
    kinds = right, np.isinf(rows.least), left | (right & entered)
    values = np.unique(rows.X[:, columns], axis=0).astype(float) if columns else None
    return len(rows.X), np.array([kind.all() for kind in kinds]), values


def _refuse_one_sided(reader: Reader[Responses], sides: Any, intercept: bool) -> None:
    """ValueError where there are no rows, or, beside an intercept, all are open on one side."""
    n, kinds = 0, np.ones(len(ONE_SIDED), dtype=bool)
    for n_here, kinds_here, _ in sides:
        n, kinds = n + n_here, kinds & kinds_here
        if n and not (intercept and kinds.any()):
            return
    reader.require(n, 1)
    raise ValueError(
        f"Every response {ONE_SIDED[int(np.argmax(kinds))]}: the likelihood grows without bound as "
        "the line moves away. There must be exact responses, or bounds on the other side."
    )
