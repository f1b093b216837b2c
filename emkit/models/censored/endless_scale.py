r"""Whether the likelihood grows for as long as the scale does.

Exact responses and those between two bounds keep the scale finite. Where all are censored on one
side, with bounds :math:`l_i`, the scale s enters by its reciprocal alone: with :math:`t = 1/s` and
:math:`b = \beta / s`, row i adds :math:`\log S(t l_i - x_i^\top b)` or, censored on the left,
:math:`\log F(t l_i - x_i^\top b)`. That is concave in (b, t) for a log-concave law. So the maximum
lies at t = 0, which is no scale, just where the likelihood does not rise with t from its maximum in
b at t = 0: where rows censored on the left lie no lower than those on the right. Given an entry
:math:`c_i`, row i adds :math:`\log S(t l_i - x_i^\top b) - \log S(t c_i - x_i^\top b)`, which is 0
at t = 0 and falls from there. It is not concave, so that a maximum elsewhere may be higher. Neither
is it with an L1 penalty, which is :math:`\lambda t \sum_j |b_j|` and vanishes at t = 0.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.data import Blockwise, Prepared
from emkit.models.censored.gram import pseudo_inverse
from emkit.models.censored.residuals import LEFT, RIGHT, Residuals
from emkit.models.laws.intervals import ErrorLaw

__all__ = ["EndlessScale", "endless_scale"]

#: Most Newton steps at t = 0, and halvings of one.
MOST_STEPS, MOST_HALVINGS = 30, 20
#: Gain in nats a row of the last of them; a longer way than this leads to where all rows are told
#: apart: the likelihood then is flat, but not for the scale's sake.
SMALL_GAIN, LONGEST_COEF = 1e-12, 1e3
#: Part of what the rows say of t, of both signs, that is nothing but rounding.
ROUNDING_PART = 1e-9


class EndlessScale(NamedTuple):
    """Where the likelihood is largest with an infinite scale."""

    coef: Array  #: (q,) over the scale
    objective: float


class _AtZero(NamedTuple):
    """Derivatives of the log-likelihood in b and t, at t = 0."""

    gradient: Array  #: (q,)
    information: Array  #: (q, q) minus the second derivatives
    in_t: Array  #: (2,) the derivative in t, and the sum of the sizes of its terms


def endless_scale(
    data: Blockwise, prepared: Prepared, law: ErrorLaw, penalty: Array, l1: Array
) -> EndlessScale | None:
    """The line over its scale where the likelihood grows with the scale; None where it does not."""
    if prepared.exact.weight > 0.0 or not all(data.map(_one_sided)):
        return None
    coef, gain = np.zeros(len(penalty)), np.inf
    evaluated = partial(_evaluated, data, law, prepared.units.line, penalty)
    at, objective = evaluated(coef)
    for _ in range(MOST_STEPS):
        if gain < SMALL_GAIN * prepared.weight or np.abs(coef).max(initial=0.0) > LONGEST_COEF:
            break
        inverse = pseudo_inverse(at.information + np.diag(penalty))[0]
        step = inverse @ (at.gradient - penalty * coef)
        gain = float(step @ (at.gradient - penalty * coef))
        for _ in range(MOST_HALVINGS):
            there, value = evaluated(coef + step)
            if value >= objective:
                break
            step = 0.5 * step
        coef, at, objective = coef + step, there, value
    slope, size = at.in_t + np.array([-1.0, 1.0]) * float(l1 @ np.abs(coef))
    grows = gain < SMALL_GAIN * prepared.weight and slope < -ROUNDING_PART * size
    return EndlessScale(coef, objective) if grows else None


def _one_sided(block: Residuals) -> bool:
    return bool(((block.kind == LEFT) | (block.kind == RIGHT)).all())


def _evaluated(
    data: Blockwise, law: ErrorLaw, line: Array, penalty: Array, coef: Array
) -> tuple[_AtZero, float]:
    """Derivatives of the log-likelihood, and the objective."""
    at, log_likelihood = data.sum(partial(_at_zero, law, line, coef))
    return at, log_likelihood - 0.5 * float(penalty @ coef**2)


def _at_zero(law: ErrorLaw, line: Array, coef: Array, block: Residuals) -> tuple[_AtZero, float]:
    """What the rows of a block add, whose bounds are about a line."""
    z, above = -(block.design @ coef), block.kind == RIGHT
    kinds = law.log_sf_derivatives(z), law.log_cdf_derivatives(z)
    value, first, second = (np.where(above, *parts) for parts in zip(*kinds, strict=True))
    if block.weight is not None:
        value, first, second = (block.weight * part for part in (value, first, second))
    design = block.design
    distance = block.point + design @ line
    if block.entry is not None:
        entered = block.entry > -np.inf
        distance[entered] = (block.point - block.entry)[entered]
    in_t = first * distance
    if block.entry is not None:
        value, first, second = (np.where(entered, 0.0, part) for part in (value, first, second))
    information = -(design * second[:, None]).T @ design
    return (
        _AtZero(-first @ design, information, np.array([in_t.sum(), np.abs(in_t).sum()])),
        float(value.sum()),
    )
