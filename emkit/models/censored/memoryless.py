r"""Whether all rows lie so far out that the law of the errors has no memory there.

Where every row has an entry, the line may lie far below all of them. Beyond an entry far out in the
tail, the hazard of an error hardly changes: the response is exponential from there on, with a rate
that can be kept as the line goes to minus infinity and, but for the logistic law, the scale to
infinity. In heavy tails it is a power law, whatever the scale, which then goes to 0. Where that
limit is the likeliest, the likelihood has no finite maximum.

With hazard h, that the logarithm of h changes by :math:`\epsilon` over the rows is seen in n rows
from :math:`\epsilon = n^{-1/2}` on. A climb that has come to a small part of this goes on for ever.
"""

import numpy as np

from emkit._typing import Array
from emkit.models.censored.residuals import LEFT
from emkit.models.laws.intervals import ErrorLaw

__all__ = ["rows_with_memory", "smallest_memory"]

#: Nearer entries are not looked at: in scales from the line.
FAR_OUT = 2.0
#: Part of the change of a hazard that rows can show, below which it is none.
UNSEEN = 0.01
#: log S below which differences of logarithms are nothing but rounding.
DEEPEST = -1e9


def smallest_memory(weight: float) -> float:
    """Change of the logarithm of a hazard that rows of such a weight are far from seeing."""
    return UNSEEN / max(weight, 1.0) ** 0.5


def rows_with_memory(
    law: ErrorLaw, kind: int, end: Array, entry: Array | None, smallest: float
) -> int:
    """Rows of one kind over which the hazard changes.

    ``end`` (n,) is their standardised response or last bound, and ``entry`` (n,) what they have
    been under observation from.
    """
    near = end if kind == LEFT else entry
    far = () if near is None else np.flatnonzero(near > FAR_OUT)
    if near is None or not len(far):  # there is a bound below, or the row is no part of a tail
        return len(end)
    near = near[far]
    tail = law.log_sf_derivatives(near)
    if kind == LEFT:
        # That it lies above a bound so far below it is what a row without an entry has to tell.
        change = np.exp(tail.value)
    elif np.isfinite(law.tail):
        change = near**-2.0
    else:
        slope = law.log_pdf_derivatives(near).first - tail.first  # of the logarithm of the hazard
        change = np.abs(slope) * (end[far] - near)
    without = (change < smallest) & (tail.value > DEEPEST)
    return len(end) - int(np.count_nonzero(without))
