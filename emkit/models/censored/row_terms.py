r"""Log-likelihood of rows under any law, with derivatives in location and log scale.

With z = (y - m) / s, all derivatives in m are in units of s: :math:`s\,\partial/\partial m` and so
on. What the scale adds to exact rows, :math:`-\log s`, is left out.
"""

from typing import NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.censored.residuals import BETWEEN, EXACT, LEFT, RIGHT
from emkit.models.laws.intervals import Derivatives, ErrorLaw, Tails, quadrature

__all__ = ["RowTerms", "row_terms", "terms_of_kind"]

#: What tells a row at one point, by its kind: a method of the law.
DERIVATIVES = {
    RIGHT: "log_sf_derivatives",
    EXACT: "log_pdf_derivatives",
    LEFT: "log_cdf_derivatives",
}


class RowTerms(NamedTuple):
    """Arrays (n,): the log-likelihood, its gradient, and minus its second derivatives."""

    value: Array
    location: Array
    log_scale: Array
    location2: Array  #: in location twice
    mixed: Array  #: in location and log scale
    log_scale2: Array  #: in log scale twice


def row_terms(
    law: ErrorLaw, low: Array, high: Array, width: Array, entry: Array | None = None
) -> RowTerms:
    """Terms of rows with standardised bounds (n,), of width 0 where exact.

    With entries (n,), -inf where there is none, of responses given that they are larger.
    """
    terms = _within_bounds(law, low, high, width)
    if entry is None:
        return terms
    entered = entry > -np.inf
    for term, less in zip(terms, _beyond(law, entry[entered]), strict=True):
        term[entered] -= less
    return terms


def terms_of_kind(
    law: ErrorLaw,
    kind: int,
    point: Array,
    upper: Array | None = None,
    width: Array | None = None,
    entry: Array | None = None,
) -> RowTerms:
    """As `row_terms`, of rows of one kind, each of which has an entry if any has.

    Arrays (n,) are those of `Residuals`, standardised.
    """
    if kind == BETWEEN:
        assert upper is not None and width is not None
        terms = _within(law, point, upper, width)
    else:
        terms = _at_point(point, getattr(law, DERIVATIVES[kind])(point))
    return terms if entry is None else _less(terms, _beyond(law, entry))


def _beyond(law: ErrorLaw, entry: Array) -> RowTerms:
    """Of log P(e > entry)."""
    return _at_point(entry, law.log_sf_derivatives(entry))


def _less(terms: RowTerms, others: RowTerms) -> RowTerms:
    return RowTerms(*(term - other for term, other in zip(terms, others, strict=True)))


def _within_bounds(law: ErrorLaw, low: Array, high: Array, width: Array) -> RowTerms:
    """Terms of rows observed from the first."""
    out, between = np.empty((6, len(low))), np.ones(len(low), dtype=bool)
    points = (EXACT, width == 0.0, low), (RIGHT, np.isinf(high), low), (LEFT, np.isinf(low), high)
    for kind, rows, z in points:
        out[:, rows] = terms_of_kind(law, kind, z[rows])
        between &= ~rows
    out[:, between] = _within(law, low[between], high[between], width[between])
    return RowTerms(*out)


def _at_point(z: Array, log: Derivatives) -> RowTerms:
    """Of a function of z alone."""
    value, first, second = log
    location, location2 = -first, -second
    mixed = location2 * z
    mixed += location
    return RowTerms(value, location, location * z, location2, mixed, mixed * z)


def _within(law: ErrorLaw, a: Array, b: Array, width: Array) -> RowTerms:
    """Of log P(a < e < b)."""
    tails = Tails.of(law, a, b)
    short, wide = np.flatnonzero(tails.short), np.flatnonzero(~tails.short)
    out = np.empty((6, len(a)))
    out[:, wide] = _between(law, a[wide], b[wide], tails.part(wide))
    out[:, short] = _over_nodes(law, a[short], width[short])
    return RowTerms(*out)


def _between(law: ErrorLaw, a: Array, b: Array, tails: Tails) -> RowTerms:
    """From the densities at ends that are well apart."""
    at_a, at_b = law.log_pdf_derivatives(a), law.log_pdf_derivatives(b)
    f_a, f_b = _densities(law, a, b, tails)
    # Moving the ends by (da, db) changes the value by f_b db - f_a da; da = -dm - a dlog(s).
    location, log_scale = f_a - f_b, a * f_a - b * f_b
    bend_a, bend_b = f_a * at_a.first, f_b * at_b.first
    location2 = bend_a - bend_b + location**2
    mixed = a * bend_a - b * bend_b + location * log_scale + location
    log_scale2 = a * a * bend_a - b * b * bend_b + log_scale**2 + log_scale
    return RowTerms(tails.log_mass, location, log_scale, location2, mixed, log_scale2)


def _densities(law: ErrorLaw, a: Array, b: Array, tails: Tails) -> tuple[Array, Array]:
    """At the ends, over the probability between: by hazards, as logarithms far out would cancel."""
    part = np.exp(tails.far - tails.near)
    near, far = np.where(tails.left, b, a), np.where(tails.left, a, b)
    hazards = [
        np.where(tails.left, law.log_cdf_derivatives(z).first, -law.log_sf_derivatives(z).first)
        for z in (near, far)
    ]
    at_near = hazards[0] / tails.within
    at_far = np.where(part > 0.0, part * hazards[1], 0.0) / tails.within
    return np.where(tails.left, at_far, at_near), np.where(tails.left, at_near, at_far)


def _over_nodes(law: ErrorLaw, a: Array, width: Array) -> RowTerms:
    """Of short intervals: means over exact responses within, less their variance (Louis, 1982)."""
    nodes = quadrature(law, a, width)
    z = nodes.middle + nodes.offset
    terms = _at_point(z, nodes.density)
    _, location, log_scale, *curvatures = ((nodes.share * term).sum(axis=0) for term in terms)
    of_location, of_scale = terms.location - location, terms.log_scale - log_scale
    pairs = (of_location, of_location), (of_location, of_scale), (of_scale, of_scale)
    variances = [(nodes.share * one * other).sum(axis=0) for one, other in pairs]
    information = (mean - less for mean, less in zip(curvatures, variances, strict=True))
    return RowTerms(nodes.log_mass, location, log_scale - 1.0, *information)
