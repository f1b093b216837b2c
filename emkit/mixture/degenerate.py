"""What a mixture says of data that force something on it: reg_covar that is large beside them."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.exceptions import DataWarning, warn
from emkit.models.mixture.collapse import MostlyRidge

__all__ = ["listed", "of_collapsed", "of_small", "warn_of_columns", "warn_of_components"]

#: Part of a column's variance from which on reg_covar steers the fit; what is equal but for
#: rounding is not more.
STEERS = 0.01 * (1.0 + 1e-6)


def listed(names: Any) -> str:
    """The first five names, in words."""
    return ", ".join(str(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")


def warn_of_columns(names: Any, spread: Array, reg_covar: float) -> None:
    """Warn of columns of so small a spread that reg_covar steers the fit."""
    # Roots, which do not underflow; a column without any spread is told of elsewhere.
    steered = np.flatnonzero(np.sqrt(reg_covar) > np.sqrt(STEERS) * spread)
    if reg_covar == 0.0 or not len(steered):
        return
    warn(
        f"reg_covar={reg_covar:g} exceeds 1 % of the variance of {len(steered)} column(s) "
        f"({listed(names[steered])}). It then steers the fit. Scale the data (StandardScaler), or "
        "lower reg_covar.",
        DataWarning,
    )


def warn_of_components(found: MostlyRidge, reg_covar: float) -> None:
    """Warn of components whose variance is mostly reg_covar."""
    for message in (of_collapsed(found, reg_covar), of_small(found, reg_covar)):
        if message:
            warn(message, DataWarning)


def of_collapsed(found: MostlyRidge, reg_covar: float) -> str:
    """Words for components that have no variance of their own, or none."""
    if not found.collapsed:
        return ""
    return (
        f"The covariance of component(s) {list(found.collapsed)} is singular but for "
        f"reg_covar={reg_covar:g}, and the likelihood has no maximum there: in some direction "
        "their rows agree (ties, copies of a row, a row alone), or they are too few for the "
        "columns. Take fewer components or a simpler covariance_type, or set prior='mclust'."
    )


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
