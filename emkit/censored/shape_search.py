"""Where the loss of a law's shape parameter is least."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

__all__ = ["SHAPE_TOL", "least_positive", "least_signed"]

#: Precision of a shape parameter, of the logarithm of one that is positive.
SHAPE_TOL = 1e-6
#: Part of a bound of the shape, so near to which the loss tells whether it is least at the bound.
NEAR_END = 1e-5
#: Values of one of any sign between which the likeliest is looked for.
SIGNED = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)


def least_positive(loss: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of a positive number is least."""
    found = _between(lambda log_value: loss(float(np.exp(log_value))), np.log(low), np.log(high))
    return float(np.exp(found))


def least_signed(loss: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of a number of any sign is least, of its minima between the bounds.

    Beyond a bound it may fall further: there a law comes to have an end point, and what is likely
    is that of the data.
    """
    points = [low, *SIGNED, high]
    losses = np.array([loss(point) for point in points])
    inner = (losses[1:-1] <= losses[:-2]) & (losses[1:-1] <= losses[2:])
    losses[1:-1][~inner] = np.inf
    if inner.any():
        losses[[0, -1]] = np.inf
    least = int(np.argmin(losses))
    if least in (0, len(points) - 1) and losses[least] < np.inf:
        # Steps between bounds would creep up to this one, one after the other.
        end = points[least]
        if losses[least] < loss(end * (1.0 - NEAR_END)):
            return float(end)
    found = _between(loss, points[max(least - 1, 0)], points[min(least + 1, len(points) - 1)])
    for end in (low, high):  # steps end short of it, or where rounding hides that the loss falls
        nearly = abs(found - end) <= NEAR_END * abs(end)
        hidden = end == points[least] and loss(end) <= loss(found)
        if (nearly or hidden) and loss(end) < np.inf:
            return end
    return found


def _between(loss: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is least between two bounds."""
    options = {"xatol": SHAPE_TOL}
    with np.errstate(invalid="ignore"):  # of parabolas through a loss that is infinite
        return float(minimize_scalar(loss, bounds=(low, high), method="bounded", options=options).x)
