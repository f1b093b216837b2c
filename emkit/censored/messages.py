"""What a censored regression warns of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from emkit.censored.uncertainty import Uncertainty
from emkit.engine import EMResult, StopReason
from emkit.exceptions import DataWarning, warn

__all__ = [
    "warn_of_boundaries",
    "warn_of_collapse",
    "warn_of_endless_scale",
    "warn_of_lost_memory",
    "warn_of_rounding",
    "warn_of_shape",
    "warn_of_uncertainty",
    "warn_unconverged",
]

Mask = NDArray[np.bool_]
#: Why a run did not converge, and what helps.
_WHY = {
    StopReason.MAX_ITER: "it reached max_iter={max_iter} before a step gained less than tol. "
    "Increase max_iter or tol, or check for degenerate data.",
    StopReason.INFEASIBLE: "a step led to numbers that are not finite, and the last point before "
    "is kept. Check for columns or responses of extreme size, or increase alpha.",
    StopReason.DECREASE: "the objective fell beyond rounding: the data are too ill-conditioned for "
    "double precision. Center and scale the columns, or increase alpha.",
}


def warn_unconverged(result: EMResult, max_iter: int) -> None:
    """Warn where the best run did not converge, unless no iteration was asked for."""
    if max_iter > 0 and result.reason in _WHY:
        why = _WHY[result.reason].format(max_iter=max_iter)
        warn(f"The fit did not converge: {why}", ConvergenceWarning)


def warn_of_collapse(scale: float, tail: float, exact: bool, stratum: str) -> None:
    """Warn that the likelihood grows without bound as the scale, or one of them, goes to 0."""
    what = "through every exact response and within the bounds of every interval"
    remedy = "There are too few exact responses for the columns."
    if not exact:
        what, remedy = "within every interval", "There are too few narrow intervals."
    elif tail < np.inf:
        what += f", or so many that the others, in tails of {tail:.3g} degrees, do not count"
        remedy = "There are too few exact responses for the columns, or too many ties."
    if stratum:
        what += f", of stratum {stratum}"
    warn(
        f"The likelihood has no finite maximum: a line passes {what}, and it grows as the scale "
        f"goes to 0. scale_={scale:.3g} is where the fit stopped; it is no estimate, and standard "
        f"errors are NaN. {remedy}",
        DataWarning,
    )


def warn_of_shape(name: str, value: float) -> None:
    """Warn that a shape parameter ended where it may go no further."""
    warn(
        f"{name}_={value:.3g} is the end of its range, up to which the likelihood rises: it is no "
        "estimate. There are too few responses to tell the shape: set it, or take "
        "distribution='weibull' or 'lognormal'.",
        DataWarning,
    )


def warn_of_endless_scale(scale: float) -> None:
    """Warn that the likelihood grows as the scale goes to infinity."""
    warn(
        "The likelihood has no finite maximum: it grows as the scale goes to infinity, as every "
        "response is censored on one side, and those censored on the left lie no lower about any "
        f"line than those on the right. scale_={scale:.3g} is where the fit stopped, coefficients "
        "are of that size; they are no estimates, and standard errors are NaN. Likely lower and "
        "upper bounds are exchanged, or there are too few rows; exact responses, or bounds on both "
        "sides, would tell the scale.",
        DataWarning,
    )


def warn_of_rounding(scale: float) -> None:
    """Warn that errors are no larger than the rounding of the responses."""
    warn(
        f"scale_={scale:.3g} lies within the rounding of the responses as doubles: errors are no "
        "more than their last digits, and neither these nor the likelihood are to be trusted. "
        "Likely y was computed from X, or is so far from 0 that its digits are used up: subtract "
        "what all of it has in common before it is rounded.",
        DataWarning,
    )


def warn_of_boundaries(strata: Sequence[str], vanishing: Mask, endless: Mask) -> None:
    """Warn of strata whose scales have no finite estimate."""
    for name, to_0, to_infinity in zip(strata, vanishing, endless, strict=True):
        if to_0 or to_infinity:
            end = "0, as the line passes within all of their bounds" if to_0 else "infinity"
            warn(
                f"The scale of stratum {name} has no finite estimate: none of its responses is "
                f"exact, and the likelihood grows as it goes to {end}. Its scale_ is where the fit "
                "stopped, and its standard error is NaN. Join strata, or leave this one out.",
                DataWarning,
            )


def warn_of_lost_memory(tail: float) -> None:
    """Warn that the likelihood grows as the line goes far below all entries."""
    limit = "a hazard that does not change any more" if np.isinf(tail) else "a power law"
    warn(
        "The likelihood has no finite maximum: every row has an entry, and it grows as the line "
        f"moves far below them all, towards {limit} beyond each entry. intercept_, coef_ and "
        "scale_ are where the fit stopped; they are no estimates, and standard errors are NaN. "
        "Quantiles from the first on mean nothing. Likely responses beyond their entries spread "
        "more than this law lets them: try another distribution, or add rows that were observed "
        "from the first.",
        DataWarning,
    )


def warn_of_uncertainty(
    names: Sequence[str],
    uncertainty: Uncertainty,
    identified: tuple[int, int],
    bounded: bool,
    converged: bool,
) -> None:
    """Warn of parameters whose standard errors or variances are no numbers, and why.

    ``identified`` is how many coefficients the columns determine, and of how many.
    """
    seen, determined = uncertainty.seen, uncertainty.determined
    if not seen.all():
        _warn_of_columns(names, seen, *identified)
    if bounded and (seen & ~determined).any():
        (_warn_of_flatness if converged else _warn_of_no_peak)(names, seen & ~determined)
    if uncertainty.extreme.any():
        _warn_of_extremes(names, uncertainty.extreme)


def _warn_of_columns(names: Sequence[str], seen: Mask, rank: int, n: int) -> None:
    """Warn of collinear and constant columns."""
    warn(
        f"Columns of X are collinear: of {n} coefficients {rank} are identified. The "
        f"data do not determine {_listed(names, ~seen)}: a line of least norm is returned, and "
        "their standard errors are NaN. Drop columns, or set alpha.",
        DataWarning,
    )


def _warn_of_flatness(names: Sequence[str], flat: Mask) -> None:
    """Warn of parameters that the likelihood does not depend on, alone or together."""
    warn(
        f"The data do not determine {_listed(names, flat)}: the likelihood is flat there, and "
        "their standard errors are NaN. Likely bounds leave open what they are, as where one and "
        "the same number bounds all responses, from above or from below.",
        DataWarning,
    )


def _warn_of_no_peak(names: Sequence[str], flat: Mask) -> None:
    """Warn of parameters without standard errors where a run ended on its way up."""
    warn(
        f"Standard errors of {_listed(names, flat)} are NaN: the fit stopped before a maximum, "
        "where the likelihood does not curve enough to tell them.",
        DataWarning,
    )


def _warn_of_extremes(names: Sequence[str], extreme: Mask) -> None:
    """Warn of variances that a double cannot hold, though it does their square roots."""
    warn(
        f"Variances of {_listed(names, extreme)} are too large or too small for double precision: "
        "cov_params_ is infinite or 0 there. standard_errors_ are right. Scale these columns, or "
        "y.",
        DataWarning,
    )


def _listed(names: Sequence[str], which: Mask, most: int = 10) -> str:
    chosen = [repr(str(name)) for name, here in zip(names, which, strict=True) if here]
    shown = ", ".join(chosen[:most])
    return shown if len(chosen) <= most else f"{shown} and {len(chosen) - most} more"
