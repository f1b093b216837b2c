"""Where to start where the scale is part of the law, as that of the exponential is.

Without an intercept, responses may lie hundreds of scales off every line. In an exponential tail
the likelihood is then no number at least squares, or Newton's steps go one scale at a time. So the
maximum is looked for at the scale of the errors first, and at half of it, until that of the law is
reached: each maximum lies a few scales from the next.
"""

from typing import Any

import numpy as np

from emkit.engine.fit import best_run
from emkit.models.censored.line import LineParams, PenalisedLine

__all__ = ["approach"]

#: Errors this many times the scale of the law need no other start.
NEAR = np.log(16.0)
#: Most steps at a scale, and the gain of the last, in nats a row.
MOST_STEPS, GAIN = 50, 1e-2


def approach(model: PenalisedLine, data: Any, start: LineParams, log_scale: float) -> LineParams:
    """A start at the scale of the law, from one at the scale of the errors about it."""
    params, here = start, float(start.log_scale)
    far = here > log_scale + NEAR
    while far and here > log_scale:
        at_scale = params._replace(log_scale=np.array(here))
        tol = GAIN * model.weight
        params = best_run(model, data, start=at_scale, tol=tol, max_iter=MOST_STEPS).params
        here -= np.log(2.0)
    return params._replace(log_scale=np.array(log_scale))
