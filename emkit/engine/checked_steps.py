r"""Plain EM steps that must not lower the objective, also beside the point where EM stands still.

An M-step that leaves something out of the objective, such as ``log_prior``, may raise it on its way
from many starts, and stands still where the objective :math:`g` still has a slope. From
:math:`\theta^* + h v`, M leads to :math:`\theta^* + h M' v`, so that the objective changes by
:math:`h\, g'(\theta^*) (M' - I) v`. Where :math:`M' - I` is regular, as it is about an isolated
maximum, that is 0 for hardly any v unless :math:`g'(\theta^*)` is: the objective falls on one of
the two sides, h > 0 or h < 0. Towards other points of the model, v stays within it.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from emkit.engine import tree
from emkit.engine.guards import require_double, untouched
from emkit.engine.model import EMModel
from emkit.engine.steps import (
    Point,
    evaluate,
    fallen,
    is_feasible,
    m_step,
    require_finite,
    retracted,
    rounding,
)
from emkit.exceptions import ModelError

__all__ = ["check_standstill", "check_steps"]

#: How many times the rounding of the objective makes a fall.
FALL_ROUNDINGS = 1e3
#: Most steps to where EM stands still, and the relative change of parameters that is none.
MOST_STEPS, NO_CHANGE = 200, 1e-8
#: Parts of the way from there to other points of the model.
PARTS_BESIDE = (1e-1, 1e-2, 1e-3, 1e-4)


def check_steps(model: EMModel, data: Any, point: Point, n_steps: int) -> tuple[Point, Point]:
    """Plain EM steps that do not lower the objective; the ends of the last one."""
    before = point
    for n_iter in range(1, n_steps + 1):
        after = _step(model, data, point, n_iter)
        if after is None:
            break
        before, point = point, after
    return before, point


def check_standstill(model: EMModel, data: Any, point: Point, others: Sequence[Any]) -> None:
    """Steps to where EM stands still, and from beside there, towards other params and away."""
    if not model.exact or model.backtracks:
        return
    for n_iter in range(1, MOST_STEPS + 1):
        after = _step(model, data, point, n_iter)
        if after is None:
            return
        still = tree.distance(after.params, point.params) <= NO_CHANGE
        point = after
        if still:
            break
    end = tree.flatten(point.params)
    for other, part in product(others, PARTS_BESIDE):
        way = part * (tree.flatten(other) - end)
        for beside in (end + way, end - way):
            _check_beside(model, data, tree.restore(beside, point.params))


def _check_beside(model: EMModel, data: Any, params: Any) -> None:
    """A step from params that need not be in the model: nothing is told where they are not."""
    with np.errstate(all="ignore"):
        try:
            before = evaluate(model, data, retracted(model, params), MOST_STEPS, proposed=True)
            if before is None or not np.isfinite(before.objective):
                return
            image = m_step(model, data, before, MOST_STEPS)
            if image is None or not tree.all_finite(image):
                return
            after = evaluate(model, data, image, MOST_STEPS)
        except (ModelError, np.linalg.LinAlgError, ArithmeticError):
            return
    if after is not None and np.isfinite(after.objective):
        _require_no_fall(model, data, before, after, MOST_STEPS)


def _step(model: EMModel, data: Any, point: Point, n_iter: int) -> Point | None:
    """One plain EM step; None where it leads to where the model is not defined."""
    with untouched("m_step", point.params, point.stats):
        image = m_step(model, data, point, n_iter)
    if image is not None:
        require_double("m_step", image)
        _require_numbers(model, image, n_iter)
    after = None if image is None else evaluate(model, data, image, n_iter)
    if after is None and n_iter == 1:
        raise ModelError(
            "m_step led from the start to where the model is not defined (is_feasible says no, "
            f"or a LinAlgError): {image!r}. Give another start."
        )
    if after is not None:
        require_finite(model, after, n_iter)
        _require_no_fall(model, data, point, after, n_iter)
    return after


def _require_numbers(model: EMModel, image: Any, n_iter: int) -> None:
    """NaN is a mistake, also where is_feasible knows of it, and infinity where it does."""
    for name, leaf in tree.named_leaves(image).items():
        infinite = np.isinf(leaf).any() and not is_feasible(model, image)
        if np.isnan(leaf).any() or infinite:
            raise ModelError(
                f"m_step returned {name} that is not finite at step {n_iter}, {leaf!r}. Likely a "
                "division by zero, such as by the count of a class that lost its rows: keep what "
                "it had, or raise numpy.linalg.LinAlgError where there is no maximum."
            )


def _require_no_fall(model: EMModel, data: Any, before: Point, after: Point, n_iter: int) -> None:
    noise = FALL_ROUNDINGS * rounding(model, after.params, after.objective, n_iter)
    if not model.exact or model.backtracks or after.objective >= before.objective - noise:
        return
    raise fallen(model, data, before, after, noise, n_iter)
