"""Covariance of the estimates of a censored regression, and what the data do not determine."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.models.censored.data import Prepared
from emkit.numerics.constants import TINY

__all__ = ["Uncertainty", "check_uncertainty"]

Mask = NDArray[np.bool_]
#: Eigenvalues of the information, beside the largest, that are nothing but rounding.
FLAT_EIGENVALUE = 1e-9
#: Part of a parameter in a direction, beside its whole, that is nothing but rounding.
NO_PART = 1e-6


class Uncertainty(NamedTuple):
    """Of intercept (left out without one), coefficients, log scales and shapes, as the user has
    them."""

    covariance: Array  #: NaN in rows and columns of parameters that are not determined
    errors: Array  #: standard errors, NaN where a parameter is not determined
    seen: Mask  #: whether no dependence of the columns leaves a parameter open
    determined: Mask  #: whether nothing does
    extreme: Mask  #: whether a variance is too large or too small for a double
    #: R (p, r) of the covariance RR' of what is determined, of the line at the means of the columns
    #: in place of the intercept; None where there is no uncertainty.
    root: Array | None

    @classmethod
    def of(
        cls,
        information: Array | None,
        prepared: Prepared,
        penalised: bool,
        n_beside: int,
        left_out: Mask,
    ) -> "Uncertainty":
        """From the observed information of the coefficients of the design and ``n_beside`` others.

        None where the likelihood has no maximum: there is then no uncertainty about it. Of those
        that a penalty has ``left_out`` (q,) nothing is told, and of the others as if these had
        been 0 from the first.
        """
        seen = _seen_by_columns(prepared, penalised, n_beside)
        if information is None:
            n = len(seen)
            nothing = np.zeros_like(seen)
            return cls(np.full((n, n), np.nan), np.full(n, np.nan), seen, nothing, nothing, None)
        change, unit = _to_user(prepared, n_beside)
        change[:, : len(left_out)][:, left_out] = 0.0
        size = np.sqrt(np.abs(information.diagonal()))
        size[size == 0.0] = 1.0
        values, vectors = np.linalg.eigh(information / np.outer(size, size))
        curved = values > FLAT_EIGENVALUE * np.abs(values).max(initial=0.0)
        parts = change / size
        lengths = np.sqrt((parts**2).sum(axis=1))
        flat = np.abs(parts @ vectors[:, ~curved]) > NO_PART * lengths[:, None]
        determined = seen & ~flat.any(axis=1)
        turned = vectors[:, curved] / np.sqrt(values[curved])
        root = parts @ turned
        covariance = root @ root.T
        open_ = ~determined | (lengths == 0.0)
        covariance[open_], covariance[:, open_] = np.nan, np.nan
        errors = unit * np.sqrt(covariance.diagonal())
        with np.errstate(over="ignore", under="ignore"):
            covariance = covariance * unit * unit[:, None]
        variances = covariance.diagonal()
        extreme = np.isinf(variances) | ((variances < TINY) & (errors > 0.0))
        if prepared.units.intercept:
            change[0, 1:] = 0.0
        root = unit[:, None] * (change / size @ turned)
        return cls(covariance, errors, seen, determined, extreme, root)


def check_uncertainty(regressor: Any) -> None:
    """NotFittedError where there was no fit, or one that was interrupted before its end."""
    check_is_fitted(regressor)
    if not hasattr(regressor, "standard_errors_"):
        raise NotFittedError(
            f"This {type(regressor).__name__} has no standard errors and no cov_params_: its fit "
            "was interrupted before they were worked out. Call 'fit' once more; predictions are of "
            "the best point that was reached."
        )


def _to_user(prepared: Prepared, n_beside: int) -> tuple[Array, Array]:
    """The user's parameters of those of the fit, but for a unit of each."""
    units = prepared.units
    lead, p, q = int(units.intercept), len(units.scale), len(units.line)
    m, end = n_beside, lead + p
    slopes = np.eye(p) if units.basis is None else units.basis
    change, unit = np.zeros((end + m, q + m)), np.full(end + m, units.spread)
    change[lead:end, lead:q], change[end:, q:] = slopes, np.eye(m)
    if lead:
        change[0, 0], change[0, 1:q] = 1.0, -(units.shift / units.scale) @ slopes
    unit[lead:end] /= units.scale
    unit[end:] = 1.0
    return change, unit


def _seen_by_columns(prepared: Prepared, penalised: bool, n_beside: int) -> Mask:
    """Parameters that no combination of columns which is 0 in every row has a part in.

    A constant column is left out of the line beside an intercept: the intercept is then that of the
    other columns. A penalty, on standard deviations, determines all but such columns.
    """
    units, lead = prepared.units, int(prepared.units.intercept)
    end = lead + len(units.scale)
    determined = np.ones(end + n_beside, dtype=bool)
    if units.basis is not None:
        constant = ~units.basis.any(axis=1) & ~(np.abs(prepared.unseen) > NO_PART).any(axis=1)
        determined[lead:end] &= ~constant
    if not penalised:
        unseen = prepared.unseen
        determined[lead:end] &= ~(np.abs(unseen) > NO_PART).any(axis=1)
        if lead:
            parts = (units.shift / units.scale)[:, None] * unseen
            away = np.abs(parts.sum(axis=0)) > NO_PART * np.abs(parts).sum(axis=0)
            determined[0] &= not away.any()
    return determined
