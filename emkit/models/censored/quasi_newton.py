r"""Steps under a curvature that is known roughly, and better after every gradient.

Gradients of all rows cost a fraction of second derivatives. From the curvature B that a sample of
the rows shows, a step s after which the gradient is smaller by y makes (BFGS)

.. math:: B + \frac{y y^\top}{y^\top s} - \frac{B s s^\top B}{s^\top B s},

of which y is the product with s: steps soon are nearly Newton's. See Nocedal & Wright (2006),
Numerical Optimization, 6.1.
"""

from functools import partial

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise
from emkit.models.censored.line import LineParams
from emkit.models.censored.location_scale import LocationScale

__all__ = ["near_maximum"]

#: Most steps, and the part of the gain of the one before from which on a step is none to go on by.
MOST_STEPS, SLOW = 20, 0.5


def near_maximum(
    model: LocationScale, data: Blockwise, start: LineParams, information: Array
) -> LineParams:
    """Where steps from a start lead until what is left to gain is rounding, or they gain slowly.

    ``information`` (q + m, q + m) is minus the second derivatives of the log-likelihood, roughly.
    """
    here, reached, highest, before = start, start, -np.inf, np.nan
    point, slope = np.zeros((2, len(information)))
    for _ in range(MOST_STEPS):
        if not model.is_feasible(here):
            return reached
        stats, value = data.sum(partial(model.gradient_step, params=here))
        value += model.log_prior(here)
        noise = model.objective_rounding(here, value)
        if stats.memory == 0.0 or not value >= highest - noise:
            return reached
        last = point, slope
        point, slope = np.append(here.coef, here.log_scale), stats.gradient / here.unit
        if reached is not here:
            information = _corrected(information, point - last[0], last[1] - slope)
        stats = stats._replace(information=np.outer(here.unit, here.unit) * information)
        reached, highest = here, value
        gain = model.remaining_gain(stats, here)
        here = model.m_step(stats, here)
        if gain * gain < noise * before:  # and gains go on to fall as they have
            return here
        if gain > SLOW * before:
            return reached
        before = gain
    return reached


def _corrected(information: Array, step: Array, fall: Array) -> Array:
    """With ``fall`` as its product with a step, where it then leads uphill."""
    product = information @ step
    curved, known = float(step @ fall), float(step @ product)
    if not (curved > 0.0 and known > 0.0):
        return information
    return information + np.outer(fall, fall) / curved - np.outer(product, product) / known
