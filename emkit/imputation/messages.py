"""What an imputer says of data that leave something open, or force something on it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emkit.base.names import column_names, listed
from emkit.base.weights import few_rows
from emkit.data.cells import Cells
from emkit.imputation.columns import Columns
from emkit.imputation.prior import Prepared
from emkit.models.mixture.single_normal import MIN_SHRINKAGE, auto_shrinkage
from emkit.numerics.covariance import STRUCTURES

__all__ = [
    "advice",
    "warn_of_collapse",
    "warn_of_empty",
    "warn_of_lost_digits",
    "warn_of_no_number",
    "warn_of_pairs",
    "warn_of_weights",
]

Warn = Callable[[str], None]
#: Difference that the sum of the weights makes to shrinkage="auto", from which on it is told.
WORTH_TELLING = 0.01


def advice(covariance_type: str) -> str:
    """What to do where no start has a covariance that is not singular."""
    if not STRUCTURES[covariance_type].scale_invariant:
        return (
            f"covariance_type={covariance_type!r} goes by the units of the features: "
            "scale them alike (StandardScaler), or take another."
        )
    return "Increase shrinkage, or decrease n_components."


def warn_of_empty(imputer: Any, columns: Columns, warn: Warn) -> None:
    """Tell of features without a value."""
    if len(columns.empty):
        fate = "dropped"
        if imputer.keep_empty_features:
            fate = "kept and filled with 0"
            if imputer.is_categorical_[columns.empty].any():
                fate += " (categories with the first level that their type lists, or not at all)"
        warn(
            f"Nothing is observed in feature(s) {listed(column_names(imputer)[columns.empty])}: "
            f"they are {fate}. Drop them from X, or see keep_empty_features."
        )


def warn_of_no_number(imputer: Any, cells: Cells, warn: Warn) -> None:
    """Tell of features of which intervals alone are known, and nothing tells them apart."""
    only = cells.without_number
    if only.any():
        warn(
            f"Only an interval is known of feature(s) {listed(column_names(imputer)[only])}: no "
            "number is observed, and one point lies in all their intervals (or they are but two "
            "sides of a gap), so that the likelihood has no maximum. They are filled with that "
            "point (the limit, where all cells are beyond one), and say nothing of the others. "
            "Drop them from X, or, if such text is levels, name it in categorical_features."
        )


def warn_of_weights(imputer: Any, prepared: Prepared, shrinkage: float, warn: Warn) -> None:
    """Tell that the prior is not that of so many rows, because the weights sum to less."""
    n, total, pairwise = prepared.data.shape[0], prepared.data.total_weight, prepared.pairwise
    by_rows = auto_shrinkage(pairwise._replace(n=pairwise.n * (n / total)), imputer.n_components)
    if shrinkage > by_rows + WORTH_TELLING:
        warn(few_rows(total, n, f"shrinkage='auto' (here {shrinkage:.2g}) takes"))


def warn_of_collapse(shrinkage: float, warn: Warn) -> None:
    """Tell that there is no maximum to be had at a shrinkage, and which other was used."""
    what = "has no finite maximum" if shrinkage == 0.0 else "is lost in rounding"
    warn(
        f"The likelihood {what} at shrinkage={shrinkage:g}: some covariance is "
        "singular (collinear columns, or too few rows for the columns). "
        f"shrinkage={MIN_SHRINKAGE:g} was used instead. Set shrinkage, drop columns, or lower "
        "n_components."
    )


def warn_of_lost_digits(error: float, shrinkage: float, warn: Warn) -> None:
    """Tell that a covariance is singular but for rounding."""
    warn(
        f"Some covariance is all but singular at shrinkage={shrinkage:g}: log-densities of rows "
        f"are known to {error:.1g} at best. Likely columns follow from each other, or few rows "
        "have them together. Drop columns, or set shrinkage='auto'."
    )


def warn_of_pairs(imputer: Any, prepared: Prepared, warn: Warn) -> None:
    """Tell of pairs of features that no row has both of."""
    together = prepared.pairwise.n
    bounds = getattr(prepared.data, "bounds", None)
    if bounds is not None:  # an interval tells of a pair too
        X = prepared.data.X
        known = (~np.isnan(X) | bounds.mask(X.shape[1])).astype(float)
        together = known.T @ known
    apart = np.argwhere(np.triu(together == 0.0))
    if len(apart):
        names = column_names(imputer)[prepared.columns.modelled]
        pairs = ", ".join(f"({listed(names[pair])})" for pair in apart[:3])
        warn(
            f"{len(apart)} pair(s) of features are never observed together: {pairs}"
            f"{', ...' if len(apart) > 3 else ''}. How they go together beyond the other "
            "features is not identified by the data: it comes from the start and from "
            "shrinkage. Do not interpret their covariance."
        )
