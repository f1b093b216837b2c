"""Where the likelihood of a censored regression has no maximum, as the scale goes to 0."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine import State
from emkit.engine.contract import is_true
from emkit.models.censored.data import Blockwise, Prepared
from emkit.models.censored.existence import collapsing_line
from emkit.models.censored.heavy_line import heaviest_line, heavy_line_near
from emkit.models.censored.line import LineParams
from emkit.models.censored.one_stratum import OneStratum, exact_of_strata
from emkit.models.laws.law import Law

__all__ = ["NEARLY_TAIL", "Collapse", "CollapseWatch"]

#: Part of the tail below which the scale can go to 0, from which on a fit may be trusted.
NEARLY_TAIL = 0.98
#: Points of a run after which it is asked again whether its scale goes to 0.
EVERY_POINTS = 10
#: Scale, in units of the fit, of a run that goes to 0 where the likelihood has a limit there.
SMALL_SCALE = 1e-3
#: Part by which weights differ that are equal but for rounding.
EQUAL_WEIGHTS = 1e-9


class Collapse(NamedTuple):
    """Where the likelihood grows without bound as the scale goes to 0."""

    line: Array | None  #: (q,) of such a line, whatever the shape of the law; None where none is
    ratio: float = 0.0  #: tail of the law down to which it is bounded
    heavy: Array | None = None  #: (q,) of the line on which it is unbounded below that
    stratum: int = 0  #: number of the scale that goes to 0

    @classmethod
    def of(
        cls, rows: Blockwise, prepared: Prepared, law: Law, free: list[str], penalised: bool
    ) -> "Collapse":
        """That of the scale that goes to 0 for most shapes of the law."""
        strata = prepared.strata
        if strata is None:
            return cls._of_one(rows, prepared, law, free, penalised)
        worst = cls(None)
        for k, exact in enumerate(exact_of_strata(rows, prepared, strata)):
            if exact.weight == 0.0:  # its likelihood is bounded, as is then that of all
                continue
            part, of_part = OneStratum(rows, strata, k), prepared._replace(exact=exact)
            found = cls._of_one(part, of_part, law, free, penalised)._replace(stratum=k)
            if found.line is not None:
                return found
            worst = max(worst, found, key=lambda collapse: collapse.ratio)
        return worst

    @classmethod
    def _of_one(
        cls, rows: Blockwise, prepared: Prepared, law: Law, free: list[str], penalised: bool
    ) -> "Collapse":
        line = collapsing_line(rows, prepared, penalised)
        if line is not None or np.isinf(law.tail):
            return cls(line)
        shape = law.shapes[free[0]] if free else None
        low, high = (shape.low, shape.high) if shape else (law.tail, law.tail)
        heavy = heaviest_line(rows, prepared, penalised, NEARLY_TAIL * low)
        if heavy is None:
            return cls(None)
        return cls(heavy.line if heavy.ratio > high else None, heavy.ratio, heavy.line)


@dataclass
class CollapseWatch:
    """A callback that ends a run whose scale goes to 0 about a line.

    The rows near its own line show that line as soon as the others are some scales off. That the
    likelihood has no maximum there is then seen from the rows, and not from the climb: responses
    that are rounded to few digits look much alike to it.
    """

    data: Blockwise
    prepared: Prepared
    penalised: bool
    tail: float
    callback: Callable[[State], Any] | None
    asked: int = 0  #: number of the point at which it was last asked

    def __call__(self, state: State) -> bool:
        if self.callback is not None and is_true(self.callback(state)):
            return True
        if state.n_iter < self.asked:  # another run
            self.asked = 0
        if state.n_iter < self.asked + EVERY_POINTS:
            return False
        self.asked = state.n_iter
        return self.line(state.params) is not None

    def line(self, params: LineParams) -> Array | None:
        """The line near some params on which the likelihood has no maximum, if there is one."""
        heavy = heavy_line_near(self.data, self.prepared, self.penalised, params)
        if heavy is None:
            return None
        # With weights of that ratio exactly the likelihood rises to a limit, which no scale has.
        goes_there = float(params.log_scale) < np.log(SMALL_SCALE)
        enough = self.tail * (1.0 - EQUAL_WEIGHTS) if goes_there else self.tail
        return heavy.line if heavy.ratio > enough else None
