r"""Curvature at the maximum itself, where a run ended before it was quite there.

Standard errors change with the parameters: a run that gains no more than rounding can end so far
from the maximum that they are off by 1e-4 of themselves, as EM's of few rows.

Along a direction that the data do not determine the likelihood is constant on a curve. Off the
maximum its Hessian does not vanish there: it is of the size of the gradient, and would pass for
information. Newton's steps with :math:`H + \mu I`, :math:`\mu \propto \lVert g \rVert`, converge
quadratically to a maximum that is not isolated too (Li, Fukushima, Qi & Yamashita, 2004).
"""

from functools import partial
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise
from emkit.models.censored.line import LineParams, PenalisedLine

__all__ = ["peak_information"]

#: Curvature, in units of what the gradient may add to it, from which on it can be trusted: roots of
#: its inverse are then known to less than 1e-6 of themselves.
TRUSTED_CURVATURE = 1e7
#: Gradient, scaled as the information is, that is nothing but rounding; most steps to get there.
SETTLED, MOST_STEPS = 1e-12, 20


def peak_information(
    model: PenalisedLine, data: Blockwise, stats: Any, params: LineParams
) -> Array:
    """Observed information at the maximum next to ``params``, given the statistics there.

    Where it is well above what the gradient may add, it is that at ``params``.
    """
    information = model.information(stats, params)
    if not information.size:  # nothing is estimated
        return information
    unit = params.unit[: len(information)]
    gradient, curved, size = _scaled(model, stats, params, information, unit)
    for _ in range(MOST_STEPS):
        values, vectors = np.linalg.eigh(curved)
        error = float(np.abs(gradient / size).max())
        if error <= SETTLED or values[0] > TRUSTED_CURVATURE * error:
            break
        damped = np.maximum(np.abs(values), error)
        step = unit * (vectors @ ((vectors.T @ gradient) / damped)) / size
        moved = params.moved(step)
        if not model.is_feasible(moved):
            break
        stats, _ = data.sum(partial(model.information_step, params=moved))
        there = model.information(stats, moved)
        unit = moved.unit[: len(there)]
        after = _scaled(model, stats, moved, there, unit)
        if not np.abs(after[0] / after[2]).max() < error:  # as small as rounding lets it become
            break
        params, information = moved, there
        gradient, curved, size = after
    return information


def _scaled(
    model: PenalisedLine, stats: Any, params: LineParams, information: Array, unit: Array
) -> tuple[Array, Array, Array]:
    """Gradient and information in units in which a parameter's own information is 1, and these."""
    information = np.outer(unit, unit) * information
    size = np.sqrt(np.abs(information.diagonal()))
    size[size == 0.0] = 1.0
    gradient = unit * model.information_score(stats, params) / size
    return gradient, information / np.outer(size, size), size
