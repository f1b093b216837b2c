"""Combinations of columns that stand for them where some are all but dependent.

Without an intercept, columns far from 0 are nearly one column: what tells them apart is a small
part of each. In directions of its own, that part keeps all its digits. What no row sees at all
(a copy of a column, all levels of a factor beside an intercept) is left out.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.standardised import Standardised
from emkit.numerics.constants import EPS

__all__ = ["Turn", "principal", "settled", "without_constants"]

#: Least eigenvalue of the correlations, beside the largest, with which columns stay as they are.
WELL_APART = 1e-7
#: Directions this short, in standard deviations of the columns, are turned among themselves.
SHORT_DIRECTION = 1e-3
#: Roundings of the columns below which a direction is nothing but these.
ROUNDINGS = 16.0


class Turn(NamedTuple):
    """Columns of a design as combinations of those before."""

    change: Array  #: (q before, q)
    rank: int  #: coefficients that the rows determine, the intercept among them
    unseen: Array  #: (p, k) combinations of standardised columns that are 0 in every row


def without_constants(units: Standardised, gram: Array) -> Turn:
    """The columns that vary, by the mean squares (q, q) of the standardised ones."""
    varies = gram.diagonal()[int(units.intercept) :] > 0.0
    change = _beside_intercept(units, np.eye(len(varies))[:, varies])
    return Turn(change, change.shape[1], np.empty((len(varies), 0)))


def principal(units: Standardised, gram: Array) -> Array | None:
    """Change (q, q) to principal directions, where some combination of columns is short, or None.

    Of a short one no more is known yet than that it is.
    """
    inner = gram[int(units.intercept) :, int(units.intercept) :]
    values, vectors = np.linalg.eigh(inner)
    if not len(values) or values[0] > WELL_APART * values[-1]:
        return None
    return _beside_intercept(units, vectors)


def settled(units: Standardised, gram: Array, keep_unseen: bool) -> Turn:
    """Directions of length 1 in which the rows lie, by the mean squares along `principal` ones.

    Where ``keep_unseen``, the others stay, with columns that are 0 but for rounding.
    """
    assert units.basis is not None
    inner = gram[int(units.intercept) :, int(units.intercept) :]
    lengths = _lengths(inner)
    short = lengths < SHORT_DIRECTION * lengths.max()
    turn = np.eye(len(lengths))
    # What rounding has left of the long ones in a short one is little of theirs, but all of it.
    long_gram, between = inner[np.ix_(~short, ~short)], inner[np.ix_(~short, short)]
    turn[np.ix_(~short, short)] = -np.linalg.solve(long_gram, between)
    left = (turn.T @ inner @ turn)[np.ix_(short, short)]
    turn[:, short] = turn[:, short] @ np.linalg.eigh(left)[1]
    lengths, directions = _lengths(turn.T @ inner @ turn), units.basis @ turn
    # Of a column far from 0 the values are rounded more than their deviations.
    rounding = EPS * (1.0 + np.abs(units.shift) / units.scale)
    seen = lengths > ROUNDINGS * (rounding @ np.abs(directions))
    kept = seen | keep_unseen
    change = _beside_intercept(units, turn[:, kept] / np.where(seen, lengths, 1.0)[kept])
    return Turn(change, int(units.intercept) + int(seen.sum()), directions[:, ~seen])


def _lengths(gram: Array) -> Array:
    return np.sqrt(np.maximum(gram.diagonal(), 0.0))


def _beside_intercept(units: Standardised, change: Array) -> Array:
    """A change of the other columns as one of the whole design."""
    lead = int(units.intercept)
    whole = np.zeros((lead + change.shape[0], lead + change.shape[1]))
    whole[:lead, :lead] = np.eye(lead)
    whole[lead:, lead:] = change
    return whole
