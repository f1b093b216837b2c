"""The climb of a censored regression: where it starts, and the search for a law's shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.utils import check_random_state

from emkit.censored.residuals import sample_of
from emkit.engine import EMResult
from emkit.engine.fit import best_run
from emkit.models.censored.data import Prepared
from emkit.models.censored.line import LineParams, PenalisedLine
from emkit.models.laws.law import Law

__all__ = ["Climb", "Fit"]

#: Gain in nats at which a start has seen enough of a sample of the rows.
SAMPLE_TOL = 0.01
#: Precision of the logarithm of a shape parameter.
SHAPE_TOL = 1e-6


class Fit(NamedTuple):
    """A law fitted to data."""

    law: Law
    model: PenalisedLine
    result: EMResult


@dataclass
class Climb:
    """Fits laws to one data set.

    Parameters
    ----------
    prepared : Prepared
        What is known of the rows.
    data : Blocks
        Residuals of the rows.
    alpha : float
        Ridge penalty.
    first : LineParams
        Where to start.
    goes_on : bool
        Whether ``first`` is the last fit, and not to be improved on a sample of the rows.
    n_init : int
        Starts of a law whose likelihood can have several maxima.
    random_state : int, RandomState instance or None
        Source of all but the first.
    options : dict
        Other arguments of `fit_em`.
    follow : callable(law)
        Told which law is fitted next.
    """

    prepared: Prepared
    data: Any
    alpha: float
    first: LineParams
    goes_on: bool
    n_init: int
    random_state: Any
    options: Mapping[str, Any]
    follow: Callable[[Law], None]

    def __post_init__(self) -> None:
        self.sample, self.every = sample_of(self.data, self.prepared)

    def fit(self, law: Law, free: list[str]) -> Fit:
        """The law fitted, one of its shape parameters by maximum likelihood if that is free."""
        if not free:
            return self._fit(law)
        (name,) = free
        shape = law.shapes[name]

        def fit_at(value: float, start: Any = None) -> Fit:
            return self._fit(replace(law, **{name: value}), start)

        # The profile likelihood of the shape, each fit from the best line at the first value.
        best = fit_at(shape.start).result.params

        def loss(log_shape: float) -> float:
            return -fit_at(float(np.exp(log_shape)), best).result.objective

        bounds, options = np.log([shape.low, shape.high]), {"xatol": SHAPE_TOL}
        found = minimize_scalar(loss, bounds=bounds, method="bounded", options=options)
        return fit_at(float(np.exp(found.x)), best)

    def _fit(self, law: Law, start: Any = None) -> Fit:
        model = self._model(law)
        start = self._starts(law, model) if start is None else start
        self.follow(law)
        return Fit(law, model, best_run(model, self.data, start=start, **self.options))

    def _model(self, law: Law, every: int = 1) -> PenalisedLine:
        """Model of the rows, or of one in so many."""
        units, gram = self.prepared.units, self.prepared.gram
        return law.model(units.line, gram / every, self.alpha / every, units.intercept)

    def _starts(self, law: Law, model: PenalisedLine) -> LineParams | list[LineParams]:
        if not law.log_concave:
            seed = check_random_state(self.random_state).randint(2**31)
            rng = np.random.default_rng(seed)
            return [
                self.first,
                *(model.initialize(self.sample, rng) for _ in range(self.n_init - 1)),
            ]
        if self.every == 1 or self.options["acceleration"] is None or self.goes_on:
            return self.first
        # A small part of the rows shows where to start; the others then take few steps.
        part = self._model(law, self.every)
        return best_run(part, self.sample, start=self.first, tol=SAMPLE_TOL).params
