"""Limits of a mixture's cells: what they go without, and what a fit makes of such cells first."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.data.cells import Cells
from emkit.data.limited_table import limited_table
from emkit.data.limits_by_column import has_limits
from emkit.data.opened import place_of
from emkit.engine import EMResult
from emkit.engine.algorithms import ClassificationEM
from emkit.mixture.coding import Numbered, refuse_categories
from emkit.mixture.noise_arguments import wants_noise
from emkit.mixture.student_t import refuse_student_t
from emkit.models.mixture.interval_cells import IntervalMixtureModel, filled_by_columns
from emkit.numerics.gaussian import Scaling

__all__ = [
    "LIMIT_CONSTRAINTS",
    "FirstLook",
    "exact_log_likelihood",
    "first_look",
    "refuse_beside_limits",
    "refuse_blocks_of_limits",
    "refuse_streams_of_limits",
]

#: Constraints of the arguments that say where columns end.
LIMIT_CONSTRAINTS = {
    "lower_limits": [None, Real, dict, "array-like"],
    "upper_limits": [None, Real, dict, "array-like"],
}
#: Cells with limits, in words.
LIMITS = "a table with cells that are known to an interval (lower_limits, upper_limits, '<0.05')"


def refuse_beside_limits(mixture: Any, own: Array | None, coding: Any) -> None:
    """ValueError for what does not go with limits, where there are any.

    ``own`` are bounds of cells that hold an interval themselves.
    """
    if own is None and not has_limits(mixture):
        return
    what = f"{LIMITS[0].upper()}{LIMITS[1:]}"
    refuse_student_t(mixture, what, "its E-step is of normals alone.")
    if wants_noise(mixture):
        raise ValueError(
            f"{what} has no noise (noise={mixture.noise!r}), whose volume does not say how likely "
            "an interval is. Set noise=False."
        )
    remedy = "Leave them out, or number them (OneHotEncoder, and categorical_features=None)."
    refuse_categories(mixture, coding, what, remedy)


def refuse_blocks_of_limits(mixture: Any, X: Any) -> None:
    """ValueError for a fit with limits to rows that are not in memory."""
    if has_limits(mixture) and not place_of(X).in_memory:
        raise ValueError(
            "lower_limits and upper_limits are for fits to tables in memory, and X is read block "
            f"by block ({type(X).__name__}). Fit a sample of the rows."
        )


def refuse_streams_of_limits(mixture: Any, X: Any = None, *, first: bool = False) -> None:
    """ValueError for a batch of a stream, or a fit that it is to go on from, with limits."""
    fitted = getattr(mixture, "_limited", False) and not first
    told = X is None or isinstance(X, Numbered)
    own = None if told else limited_table(mixture, X, fitting=first)
    if fitted or has_limits(mixture) or own is not None:
        raise ValueError(
            "partial_fit takes numbers as they are: no cells that are known to an interval "
            "(lower_limits, upper_limits, '<0.05'). Fit a sample of the rows."
        )


class FirstLook(NamedTuple):
    """What is known of the columns of a table before the first step."""

    scaling: Scaling  #: mean and standard deviation of the columns, 0 of constant ones
    #: The data with cells that have bounds at their means in a normal of their column; or None.
    start: Any = None
    unseen: Any = ()  #: columns that count as constant, though no number of them is known


def first_look(data: Any) -> FirstLook:
    """At the rows that count."""
    if getattr(data, "bounds", None) is None:
        return FirstLook(data.scaling())
    start, cells = filled_by_columns(data), Cells.of(data)
    shift, scale = start.scaling()
    constants = cells.constants
    fixed = ~np.isnan(constants)
    scaling = Scaling(np.where(fixed, constants, shift), np.where(fixed, 0.0, scale))
    return FirstLook(scaling, start, np.flatnonzero(cells.without_number))


def exact_log_likelihood(mixture: Any, model: Any, result: EMResult, data: Any) -> float:
    """That at the end of a run, which with cells in boxes goes by masses that are near it.

    Of classification EM it is the likelihood that the run climbed.
    """
    algorithm = mixture.algorithm
    hard = algorithm == "cem" or isinstance(algorithm, ClassificationEM)
    if hard or not isinstance(model, IntervalMixtureModel):
        return result.log_likelihood
    return model.log_likelihood(data, result.params)
