"""What a mixture says of data that force something on it: flat ones, and reg_covar beside them."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.base.names import listed
from emkit.exceptions import DataWarning, warn
from emkit.mixture.flat import Flat
from emkit.mixture.redundant import is_steered
from emkit.models.mixture.collapse import MostlyRidge
from emkit.models.mixture.overlap import one_and_the_same
from emkit.numerics.covariance.layout import Layout
from emkit.numerics.covariance.structure import Structure

__all__ = [
    "check_one_unit",
    "firmer_prior",
    "of_collapsed",
    "of_ill_defined",
    "of_small",
    "warn_of_columns",
    "warn_of_components",
    "warn_of_flat",
    "warn_of_idle",
    "warn_of_no_number",
    "warn_of_strays",
]

ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical "
    "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
    "number of components, increase reg_covar, or scale the input data."
)
FLOAT32_HINT = (
    " The numerical accuracy can also be improved by passing float64 data instead of float32."
)


def warn_of_flat(names: Any, flat: Flat) -> None:
    """Warn of columns that have no variance of their own."""
    parts = []
    if len(flat.constant):
        parts.append(f"column(s) {listed(names[flat.constant])} are constant")
    if len(flat.related):
        parts.append(
            f"column(s) {listed(names[flat.related])} follow from others in all rows, as a sum, a "
            "copy or shares of a whole do"
        )
    told = " and ".join(parts)
    warn(
        f"{told[0].upper()}{told[1:]}. The likelihood, the number of parameters and the criteria "
        "are those of the other columns. Drop them to be rid of this warning.",
        DataWarning,
    )


def warn_of_no_number(names: Any, unseen: Any) -> None:
    """Warn of columns of which intervals alone are known, which leave no scale to estimate."""
    if not len(unseen):
        return
    warn(
        f"Only an interval is known of column(s) {listed(names[unseen])}: no number is observed, "
        "and one point lies in all their intervals (or they are but two sides of a gap), so that "
        "the likelihood has no maximum. Beside columns that vary they count as constant, at that "
        "point (the limit, where all cells are beyond one). Drop them from X.",
        DataWarning,
    )


def warn_of_strays(names: Any, flat: Flat, strays: Any) -> None:
    """Warn of columns that had no variance of their own when a stream began, and have now."""
    if not strays.any():
        return
    warn(
        f"Column(s) {listed(names[np.flatnonzero(strays)])} were constant or followed from others "
        "when the stream began, and are left out since, though they do not in this batch. Clone "
        "the estimator to begin anew, with more rows in the first batch.",
        DataWarning,
    )


def warn_of_columns(names: Any, spread: Array, reg_covar: float) -> None:
    """Warn of columns of so small a spread that reg_covar steers the fit."""
    # A column without any spread is told of elsewhere.
    steered = np.flatnonzero(is_steered(spread, reg_covar) & (spread > 0.0))
    if not len(steered):
        return
    warn(
        f"reg_covar={reg_covar:g} exceeds 1 % of the variance of {len(steered)} column(s) "
        f"({listed(names[steered])}). It then steers the fit. Scale the data (StandardScaler), or "
        "lower reg_covar.",
        DataWarning,
    )


def firmer_prior(prior: Any) -> str:
    """How a prior, other than the one that is set, keeps covariances from singular ones."""
    if prior is None:
        return "set prior='mclust'"
    return "set a MixturePrior of more degrees_of_freedom"


def warn_of_components(found: MostlyRidge, reg_covar: float, prior: Any) -> None:
    """Warn of components whose variance is mostly reg_covar."""
    for message in (of_collapsed(found, reg_covar, prior), of_small(found, reg_covar)):
        if message:
            warn(message, DataWarning)


def warn_of_idle(weights: Array, apart: Array) -> None:
    """Warn of components that add nothing: without rows, or just like another."""
    parts = []
    if len(empty := np.flatnonzero(weights == 0.0)):
        parts.append(f"Component(s) {listed(empty)} have no rows: their weight is 0.")
    if twins := one_and_the_same(apart):
        parts.append(f"Components {listed(twins)} are all but one and the same.")
    if parts:
        warn(
            f"{' '.join(parts)} The fit has fewer clusters than n_components={len(weights)}. "
            "Either the data show no more: take fewer components. Or the start did not tell them "
            "apart, and EM is slow to do so or never does: give another, or raise n_init.",
            DataWarning,
        )


def of_collapsed(found: MostlyRidge, reg_covar: float, prior: Any) -> str:
    """Words for components that have no variance of their own, or none."""
    if not found.collapsed:
        return ""
    singular = "all but singular"
    if reg_covar > 0.0:
        singular = f"singular but for reg_covar={reg_covar:g}"
    return (
        f"The covariance of component(s) {list(found.collapsed)} is {singular}, and the "
        "likelihood has no maximum there: in some direction "
        "their rows agree (ties, copies of a row, a row alone), or they are too few for the "
        f"columns. Take fewer components or a simpler covariance_type, or {firmer_prior(prior)}."
    )


def of_ill_defined(kind: str, layout: Layout, n_components: int, data: Any) -> str:
    """Words for a fit that had a singular covariance from its start: which type, and why."""
    n, d = data.shape
    rank = 1 if layout.independent else d
    least = n_components + rank if layout.shared else n_components * (1 + rank)
    why = (
        f"of {d} column(s) for {n_components} component(s) needs {least} rows or more, and there "
        f"are {n}: take a simpler one."
        if n < least
        else "leaves no variance in some direction, in which the rows of a component agree."
    )
    hint = FLOAT32_HINT if data.dtype == np.float32 else ""
    return f"{ILL_DEFINED}{hint} covariance_type={kind!r} {why}"


def of_small(found: MostlyRidge, reg_covar: float) -> str:
    """Words for components whose own variance is small beside reg_covar, or none."""
    if not found.small:
        return ""
    return (
        f"reg_covar={reg_covar:g} is half or more of a variance of component(s) "
        f"{list(found.small)}, which are small in the units of X: it widens them. Lower "
        f"reg_covar, here to {0.01 * found.least * reg_covar:.0e} or less, or multiply X so that "
        "such variances are far above it."
    )


def check_one_unit(kind: str, names: Any, structure: Structure, spread: Array) -> None:
    """ValueError where a fit failed that has one unit for columns of which it resolves not both."""
    apart = structure.too_far_apart(spread)
    if apart is None:
        return
    few, many = apart
    raise ValueError(
        f"covariance_type={kind!r} has one unit for all columns, and those of column(s) "
        f"{names[few]} (standard deviation {spread[few]:.3g}) and {names[many]} "
        f"({spread[many]:.3g}) are too far apart for it. Scale the columns (StandardScaler), or "
        "take another covariance_type."
    )
