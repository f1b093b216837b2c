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


def rows_with_memory(law: ErrorLaw, low: Array, high: Array, entry: Array, smallest: float) -> int:
    """Rows over which the hazard changes, with standardised bounds and entries (n,)."""
    left = low == -np.inf
    near = np.where(left, high, entry)  # there is one, or the row is no part of a tail
    far = np.flatnonzero(near > FAR_OUT)
    if not len(far):
        return len(low)
    left, near = left[far], near[far]
    tail = law.log_sf_derivatives(near)
    if np.isfinite(law.tail):
        change = near**-2.0
    else:
        slope = law.log_pdf_derivatives(near).first - tail.first  # of the logarithm of the hazard
        change = np.abs(slope) * (np.where(high == np.inf, low, high)[far] - near)
    # That it lies above a bound so far below it is what a row without an entry has to tell.
    change = np.where(left, np.exp(tail.value), change)
    without = (change < smallest) & (tail.value > DEEPEST)
    return len(low) - int(np.count_nonzero(without))
