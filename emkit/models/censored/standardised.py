"""Units of the fit of a censored regression: columns centred and scaled, responses about a line."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.numerics.constants import TINY

__all__ = ["Standardised", "in_columns"]


def in_columns(n: int, q: int) -> Array:
    """Uninitialised array (n, q) of which each column lies in one piece."""
    return np.empty((q, n)).T


class Standardised(NamedTuple):
    """Units of the fit: columns centred and scaled, responses about a first line.

    Where standardised columns are all but dependent, combinations of them take their place.
    """

    shift: Array  #: (p,) of the columns
    scale: Array  #: (p,)
    line: Array  #: (q,) first coefficients, of the columns of the design, in units of ``spread``
    centre: float  #: of the responses
    spread: float  #: of the responses about the first line
    intercept: bool
    basis: Array | None = None  #: (p, q) combinations of columns, each orthogonal to the others
    columns: tuple[int, ...] | None = None  #: of X that make the line (p,); None: all of them

    def design(self, X: Array, out: Array | None = None) -> Array:
        """Standardised columns (n, q), with ones in front if there is an intercept.

        Each lies in one piece: what is done row by row takes longer where rows are of few numbers.
        """
        X = X if self.columns is None else X[:, self.columns]
        out = in_columns(len(X), len(self.line)) if out is None else out
        lead = int(self.intercept)
        out[:, :lead] = 1.0
        columns = out[:, lead:] if self.basis is None else in_columns(*X.shape)
        np.subtract(X.T, self.shift[:, None], out=columns.T)
        columns /= self.scale
        if self.basis is not None:
            np.matmul(columns, self.basis, out=out[:, lead:])
        return out

    def turned(self, change: Array) -> "Standardised":
        """With combinations (q before, q) of the columns of the design for these, and no line."""
        lead = int(self.intercept)
        inner = change[lead:, lead:]
        basis = inner if self.basis is None else self.basis @ inner
        return self._replace(basis=basis, line=np.zeros(change.shape[1]))

    def response(self, values: Array) -> Array:
        """Responses in units of the fit, the first line not taken off."""
        with np.errstate(over="ignore"):  # what is so far off says as much as infinity
            return (values - self.centre) / self.spread

    def slopes(self, coef: Array) -> Array:
        """Coefficients (..., p) of standardised columns from those of the design (..., q)."""
        coef = coef[..., int(self.intercept) :]
        return coef if self.basis is None else coef @ self.basis.T

    def coefficients(self, slopes: Array) -> Array:
        """Coefficients of the design from those of standardised columns: inverse of `slopes`."""
        if self.basis is None:
            return slopes
        return slopes @ (self.basis / np.maximum((self.basis**2).sum(axis=0), TINY))

    def penalty(self, alpha: float) -> Array:
        """Ridge penalty on every coefficient (q,), one of ``alpha`` on standardised columns."""
        lengths = np.ones(len(self.line))
        if self.basis is not None:
            lengths[int(self.intercept) :] = (self.basis**2).sum(axis=0)
        lengths[: int(self.intercept)] = 0.0
        return alpha * lengths

    def to_user(self, coef: Array, log_scale: Array) -> tuple[Array, float, Any]:
        """Coefficients (p,), intercept and scale (of each stratum) in the user's units."""
        lead = int(self.intercept)
        coef = self.spread * (self.line + coef)
        slopes = self.slopes(coef) / self.scale
        intercept = self.centre - float(slopes @ self.shift)
        if lead:
            intercept += float(coef[0])
        scale = self.spread * np.exp(log_scale)
        return slopes, intercept, scale if np.ndim(log_scale) else float(scale)

    def level(self, coef: Array) -> float:
        """The line where every column has its ``shift``, in the user's units."""
        own = self.line[0] + coef[0] if self.intercept else 0.0
        return self.centre + self.spread * float(own)

    def from_user(self, coef: Array, level: float, means: Array | float = 0.0) -> Array:
        """Coefficients of the fit (q,), about the first line, of those that `to_user` gives.

        ``level`` is the line where every column has its mean; at 0 it is the intercept.
        """
        own = self.coefficients(coef * self.scale)
        if self.intercept:
            own = np.append(level + coef @ (self.shift - means) - self.centre, own)
        return own / self.spread - self.line
