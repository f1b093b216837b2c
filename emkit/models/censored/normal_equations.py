"""Least squares of the stand-ins of censored responses: sums over rows, and lines by them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.censored.data import Responses
from emkit.models.censored.design import STEP_ROWS, steps
from emkit.models.censored.gram import pseudo_inverse, whitening
from emkit.models.censored.standardised import Standardised, in_columns
from emkit.models.censored.units import ResponseRange

__all__ = ["NormalEquations", "Target", "normal_equations", "sums_about_lines"]

#: A row is sharp where its bounds are so near, in deviations of the responses, or one and the same.
SHARP_WIDTH = 1e-3
#: Sharp rows alone show the line where they see every direction at least so well as all rows.
SEEN_PART = 1e-8
#: Squares about a line, as part of those about 0, from which on their difference has its digits.
KEPT_SQUARES = 1e-3


class Target(NamedTuple):
    """What least squares takes for the responses."""

    where: ResponseRange
    drawn_in: bool  #: whether outliers are drawn in

    def values(self, units: Standardised, rows: Responses) -> tuple[Array, Array, Array]:
        """Stand-ins of the responses, these in units, and drawn in too if they are to be."""
        point = self.where.stand_in(rows.low, rows.high)
        values = units.response(point)
        if not self.drawn_in:
            return point, values, values
        return point, values, units.response(np.clip(point, *self.where.fence))

    def sharp(self, rows: Responses) -> NDArray[np.bool_]:
        """Rows that show where the line is."""
        with np.errstate(invalid="ignore"):  # inf - inf
            return rows.exact | (rows.high - rows.low <= SHARP_WIDTH * self.where.deviation)


class Moments(NamedTuple):
    """Sums of the responses alone, with weights."""

    squares: Array  #: () of the stand-ins of all rows
    sharp_squares: Array  #: () of the sharp rows
    sharp: Array  #: () weight of these
    narrow: Array  #: () weight of those of them that are not exact
    total: Array  #: () sum of the exact responses, on the scale of the line


class NormalEquations(NamedTuple):
    """Least squares of the stand-ins of the responses, of all rows and of the sharp ones."""

    gram: Array  #: (q, q)
    cross: Array  #: (q,)
    drawn_in: Array  #: (q,) cross of responses drawn in
    sharp_gram: Array  #: (q, q)
    sharp_cross: Array  #: (q,) of responses drawn in
    moments: Moments

    def changed(self, change: Array) -> "NormalEquations":
        """Those of combinations of columns."""
        turned = (change.T @ part for part in self[:-1])
        parts: list[Any] = [part @ change if part.ndim == 2 else part for part in turned]
        return NormalEquations._make([*parts, self.moments])

    @property
    def shows_line(self) -> bool:
        """Whether the sharp rows see every direction that all rows see."""
        white = whitening(self.gram)
        values = np.linalg.eigvalsh(white.T @ self.sharp_gram @ white)
        return bool(len(values) and values[0] > SEEN_PART * values[-1])

    def lines(self) -> list[Array]:
        """Where to start, and at last the line that residuals are taken about."""
        inverse = pseudo_inverse(self.gram)[0]
        lines = [inverse @ self.cross]
        if not np.array_equal(self.cross, self.drawn_in):
            lines.append(inverse @ self.drawn_in)
        sharp = pseudo_inverse(self.sharp_gram)[0] @ self.sharp_cross
        return [*lines, sharp if self.shows_line else lines[-1]]

    def about(self, lines: list[Array]) -> "AboutLines | None":
        """Sums about the lines, where these sums show them: without a pass over the rows.

        Differences of squares must keep their digits, the exact rows be the sharp ones, and no
        response be drawn in.
        """
        moments = self.moments
        if len(lines) > 2 or moments.narrow > 0.0:
            return None
        squares = [_about(line, self.gram, self.cross, moments.squares) for line in lines]
        left = _about(lines[-1], self.sharp_gram, self.sharp_cross, moments.sharp_squares)
        if min(squares) < KEPT_SQUARES * moments.squares or (
            left < KEPT_SQUARES * moments.sharp_squares
        ):
            return None
        cross = self.sharp_cross - self.sharp_gram @ lines[-1]
        weight, total = float(moments.sharp), float(moments.total)
        exact = LineSums(weight, self.sharp_gram, cross, left, total)
        return AboutLines(exact, np.array(squares), np.array([left, weight]))


class AboutLines(NamedTuple):
    """Sums of squares about some lines."""

    exact: "LineSums"
    squares: Array  #: (k,) of all stand-ins, about each line
    sharp: Array  #: (2,) of the sharp rows about the last line, and their weight


class LineSums(NamedTuple):
    """`ExactSums`, and the weighted sum of the exact responses."""

    weight: float
    gram: Array  #: (q, q)
    cross: Array  #: (q,)
    squares: float
    total: float  #: on the scale of the line


def normal_equations(
    units: Standardised, target: Target, rows: Responses
) -> tuple[NormalEquations, float]:
    """Normal equations of a block, and its total weight."""
    q = len(units.line)
    # Of the sharp rows, and of the others: every row is in one of two products.
    gram, cross, drawn_in = np.zeros((2, q, q)), np.zeros((2, q)), np.zeros((2, q))
    moments = np.zeros(len(Moments._fields))
    # One for all tiles: large arrays that come and go cost more than what is done with them.
    most = min(len(rows.X), STEP_ROWS)
    taken, work = np.empty((most, rows.X.shape[1]), rows.X.dtype), in_columns(most, q)
    of_rows: tuple[Any, ...] = (*target.values(units, rows), target.sharp(rows))
    for part in steps(len(rows.X)):
        tile, (point, plain, near, sharp) = rows.part(part), (some[part] for some in of_rows)
        groups = np.flatnonzero(sharp), np.flatnonzero(~sharp)
        n = len(tile.X)
        X = np.take(tile.X, np.concatenate(groups), axis=0, out=taken[:n], mode="clip")
        design = units.design(X, out=work[:n])
        for k, few in enumerate(np.split(design, [len(groups[0])])):
            chosen = groups[k]
            weighted = few if tile.weight is None else few * tile.weight[chosen, None]
            gram[k] += weighted.T @ few
            cross[k] += plain[chosen] @ weighted
            if target.drawn_in:
                drawn_in[k] += near[chosen] @ weighted
        moments += _moments(tile, point, plain, near, sharp)
    if not target.drawn_in:
        drawn_in = cross
    all_gram, all_cross, all_drawn_in = (sums.sum(axis=0) for sums in (gram, cross, drawn_in))
    sums_alone = Moments(*map(np.asarray, moments))
    of_sharp = gram[0], drawn_in[0]
    equations = NormalEquations(all_gram, all_cross, all_drawn_in, *of_sharp, sums_alone)
    return equations, rows.total_weight


def _moments(
    rows: Responses, point: Array, plain: Array, near: Array, sharp: NDArray[np.bool_]
) -> tuple[Any, ...]:
    """What some rows add to the `Moments`."""
    exact = rows.exact
    w = np.ones(len(plain)) if rows.weight is None else rows.weight
    of_sharp, of_exact = w * sharp, w * exact
    with np.errstate(over="ignore"):
        squares = w @ plain**2, of_sharp @ near**2
    narrow = w @ (sharp & ~exact)
    return *squares, of_sharp.sum(), narrow, of_exact @ point


def _about(line: Array, gram: Array, cross: Array, squares: Array) -> float:
    """Sum of squares about a line."""
    return float(squares - line @ (2.0 * cross - gram @ line))


def sums_about_lines(
    units: Standardised, lines: list[Array], target: Target, rows: Responses
) -> tuple[AboutLines, float]:
    """Sums over the exact rows of a block, and weighted squares of all about each of the lines.

    Those about the first line are of the stand-ins themselves, all others of those drawn in.
    """
    q = len(units.line)
    weight, total, squares, of_all = 0.0, 0.0, 0.0, np.zeros(len(lines))
    gram, cross, of_sharp = np.zeros((q, q)), np.zeros(q), np.zeros(2)
    point, plain, near = target.values(units, rows)
    all_sharp = target.sharp(rows)
    for part in steps(len(plain)):
        design = units.design(rows.X[part])
        w = np.ones(len(design)) if rows.weight is None else rows.weight[part]
        away = (
            np.stack([plain[part], *[near[part]] * (len(lines) - 1)]) - np.stack(lines) @ design.T
        )
        with np.errstate(over="ignore"):
            of_all += away**2 @ w
        residual, exact = away[-1], rows.exact[part]
        of_sharp += [(w * all_sharp[part]) @ residual**2, w @ all_sharp[part]]
        w = w * exact
        weight += float(w.sum())
        total += float(w @ point[part])
        share = np.sqrt(w)  # 0 for censored rows
        design *= share[:, None]
        residual = residual * share
        gram += design.T @ design
        cross += residual @ design
        squares += float(residual @ residual)
    return AboutLines(LineSums(weight, gram, cross, squares, total), of_all, of_sharp), 0.0
