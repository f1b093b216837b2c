"""Information on a law's shape parameter beside the others, by differences in the shape."""

from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise
from emkit.models.censored.line import LineParams
from emkit.models.censored.location_scale import LocationScale

__all__ = ["with_shape"]

#: Step of the shape: of differences to the fourth order, rounding and what is cut off are then
#: about 1e-9 of what they are of.
STEP = 0.01


def with_shape(
    information: Array, model: LocationScale, data: Blockwise, params: LineParams, name: str
) -> Array:
    """Observed information with a row and a column for a shape parameter of the model's law."""
    law: Any = model.law

    def at(steps: int) -> tuple[Array, float]:
        varied = copy(model)
        varied.law = replace(law, **{name: getattr(law, name) + steps * STEP})
        varied._last = ()  # statistics of another law
        stats, log_likelihood = data.sum(partial(varied.e_step, params=params))
        return varied.information_score(stats, params), log_likelihood

    scores, values = zip(*map(at, (-2, -1, 0, 1, 2)), strict=True)
    cross = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) @ np.array(scores) / (12.0 * STEP)
    own = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) @ np.array(values) / (12.0 * STEP**2)
    return np.block([[information, -cross[:, None]], [-cross, -own]])
