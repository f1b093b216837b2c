"""The climb of a censored regression: where it starts, and the search for a law's shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.censored.collapse import NEARLY_TAIL, Collapse, CollapseWatch
from emkit.censored.fixed_scale import approach
from emkit.censored.residuals import rows_for_one
from emkit.censored.shape_search import SHAPE_TOL, least_positive, least_signed
from emkit.engine import EMResult, StopReason
from emkit.engine.fit import best_run
from emkit.exceptions import InfeasibleError, ModelError
from emkit.models.censored.data import Prepared, thinned
from emkit.models.censored.elastic_net import ElasticNetLine
from emkit.models.censored.endless_scale import endless_scale
from emkit.models.censored.line import FLOOR, LineParams, PenalisedLine
from emkit.models.censored.location_scale import LocationScale
from emkit.models.censored.quasi_newton import near_maximum
from emkit.models.censored.residuals import Residuals
from emkit.models.laws.law import Law

__all__ = ["Climb", "Fit", "polished"]

#: Gain in nats at which a start has seen enough of a sample of the rows; of a Newton step, after
#: which next to nothing is left.
SAMPLE_TOL, NEWTON_SAMPLE_TOL = 0.01, 1.0
#: Newton's steps are few: a sample is worth its own where it is no more than one row in so many.
FEW_ROWS = 8
#: Scale, in units of the fit, that stands for 0 where the likelihood grows without bound, and
#: roundings of the responses that it is not below.
VANISHED, ROUNDINGS = 1e-7, 100.0


class Fit(NamedTuple):
    """A law fitted to data."""

    law: Law
    model: PenalisedLine
    result: EMResult
    collapsed: bool  #: whether the likelihood has no finite maximum, as the scale goes to 0
    endless: bool = False  #: whether it has none, as the scale goes to infinity
    fixed: bool = False  #: whether the scale is part of the law
    memoryless: bool = False  #: whether it has none, as the line goes below all entries


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
        Penalty.
    l1_ratio : float
        Part of it that is on absolute values.
    collapse : Collapse
        Whether the likelihood is bounded.
    last : LineParams or None
        The last fit, to go on from.
    n_init : int
        Starts of a law whose likelihood can have several maxima.
    random_state : int, RandomState instance or None
        Source of all but the first.
    options : dict
        Other arguments of `fit_em`.
    follow : callable(law)
        Told which law is fitted next.
    scale : float, default=None
        The scale, in units of the fit, where it is part of the law.
    """

    prepared: Prepared
    data: Any
    alpha: float
    l1_ratio: float
    collapse: Collapse
    last: LineParams | None
    n_init: int
    random_state: Any
    options: Mapping[str, Any]
    follow: Callable[[Law], None]
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.data.start_data is None:
            self.data.start_data = self.sample  # where a search draws starts

    @cached_property
    def every(self) -> int:
        """How many rows each of the sample stands for."""
        return rows_for_one(self.prepared)

    @cached_property
    def sample(self) -> Residuals:
        """Some of the rows."""
        return thinned(self.data, self.prepared.counts, self.every)

    def fit(self, law: Law, free: list[str]) -> Fit:
        """The law fitted, one of its shape parameters by maximum likelihood if that is free."""
        if self.scale is not None:
            return self._fit(law)
        if self.collapse.line is not None:
            return self._collapsed(law, self.collapse.line)
        endless = None
        # An exact row keeps the scale finite; each of strata is looked at where a climb led it.
        if self.prepared.strata is None and self.prepared.exact.weight == 0.0:
            model = self._model(law)
            l1 = model.l1 if isinstance(model, ElasticNetLine) else np.zeros(len(model.line))
            endless = endless_scale(self.data, self.prepared, law, model.penalty, l1)
        if endless is None:
            return self._bounded(law, free)
        concave = law.log_concave and not (self.prepared.delayed or self.l1_ratio > 0.0)
        if not concave:  # such a likelihood may be higher elsewhere
            fit = self._bounded(law, free)
            if fit.result.objective > endless.objective:
                return fit
        return self._endless(law, endless.coef)

    def _bounded(self, law: Law, free: list[str]) -> Fit:
        """The law fitted where the likelihood has a maximum."""
        if not free:
            return self._fit(law)
        (name,) = free
        shape = law.shapes[name]
        low = shape.low
        if self.collapse.heavy is not None:
            low = max(low, self.collapse.ratio / NEARLY_TAIL)

        def fit_at(value: float, start: Any = None) -> Fit:
            return self._fit(replace(law, **{name: value}), start)

        # The profile likelihood of the shape, each fit from the best line at the first value.
        best = fit_at(max(shape.start, min(2.0 * low, shape.high))).result.params

        def loss(value: float) -> float:
            try:
                fit = fit_at(value, best)
            except (ModelError, InfeasibleError):  # no fit there: it is not the likeliest
                return np.inf
            return np.inf if fit.collapsed else -fit.result.objective

        found = (
            least_positive(loss, low, shape.high)
            if low > 0.0
            else least_signed(loss, low, shape.high)
        )
        if low > shape.low and found < low * (1.0 + 10.0 * SHAPE_TOL):  # and likelier below
            assert self.collapse.heavy is not None
            edge = replace(law, **{name: max(shape.low, NEARLY_TAIL * self.collapse.ratio)})
            return self._collapsed(edge, self.collapse.heavy)
        return fit_at(found, best)

    def _fit(self, law: Law, start: Any = None) -> Fit:
        model = self._model(law)
        start = self._starts(law, model) if start is None else start
        self.follow(law)
        watched = law.tail < np.inf and self.prepared.strata is None
        options = self.options
        if watched:
            told, penalised = options["callback"], self.alpha > 0.0
            watch = CollapseWatch(self.data, self.prepared, penalised, law.tail, told)
            options = {**options, "callback": watch}
        result = best_run(model, self.data, start=start, **options)
        line = watch.line(result.params) if watched else None
        if line is not None:
            return self._collapsed(law, line)
        # A run about whose line the scale vanishes ends where the model says that it does.
        at_floor = float(np.exp(np.min(result.params.log_scale))) < 2.0 * FLOOR
        infeasible = result.reason is StopReason.INFEASIBLE
        memoryless = infeasible and self._lost_memory(model, result.params)
        vanished = infeasible and law.tail < np.inf and not (watched or memoryless)
        collapsed, fixed = at_floor or vanished, self.scale is not None
        return Fit(law, model, result, collapsed, fixed=fixed, memoryless=memoryless)

    def _lost_memory(self, model: PenalisedLine, params: LineParams) -> bool:
        """Whether a run ended as it came to where the errors of all rows have no memory."""
        if not (self.prepared.delayed and isinstance(model, LocationScale)):
            return False
        stats, _ = self.data.sum(partial(model.information_step, params=params))
        return bool(stats.memory == 0.0)

    def _collapsed(self, law: Law, line: Array) -> Fit:
        """At the line, with a scale that stands for 0: there is nothing to climb to."""
        scale: Any = max(VANISHED, ROUNDINGS * self.prepared.resolution)
        if self.prepared.strata is not None:
            scales = np.ones(len(self.prepared.shares))
            scales[self.collapse.stratum] = scale
            scale = scales
        return self._fit_at(law, line, scale)._replace(collapsed=True)

    def _endless(self, law: Law, coef: Array) -> Fit:
        """At a scale that stands for infinity."""
        scale = 1.0 / VANISHED
        return self._fit_at(law, scale * coef, scale)._replace(endless=True)

    def _fit_at(self, law: Law, line: Array, scale: Any) -> Fit:
        """No more than a point, its objective with it."""
        model = self._model(law)
        params = LineParams(line - self.prepared.units.line, np.log(np.asarray(scale)))
        self.follow(law)
        options = {**self.options, "max_iter": 0, "search": "restarts"}
        return Fit(law, model, best_run(model, self.data, start=params, **options), False)

    def _model(self, law: Law, every: int = 1) -> PenalisedLine:
        """Model of the rows, or of one in so many."""
        units, gram = self.prepared.units, self.prepared.gram
        penalty = units.penalty(self.alpha * (1.0 - self.l1_ratio)) / every
        fixed = self.scale is not None
        shares = None if self.prepared.strata is None else self.prepared.shares
        line = units.line, gram / every, penalty, units.intercept
        if self.l1_ratio > 0.0:
            l1 = self.alpha * self.l1_ratio / units.spread / every
            return ElasticNetLine(law, *line, shares, fixed, l1=l1)
        if self.prepared.delayed or self.prepared.strata is not None or fixed:
            # Exact rows are no more than sums, or errors mixtures, only in the models of one scale.
            return LocationScale(law, *line, shares, fixed)
        model = law.model(*line)
        model.exact_squares = self.prepared.exact.squares / every
        return model

    def _starts(self, law: Law, model: PenalisedLine) -> LineParams | list[LineParams]:
        first = self._first(law, model)
        several = self.prepared.delayed or self.prepared.strata is not None or self.l1_ratio > 0.0
        if not law.log_concave or (several and self.n_init > 1):
            seed = check_random_state(self.random_state).randint(2**31)
            rng = np.random.default_rng(seed)
            drawn = [model.initialize(self.sample, rng) for _ in range(self.n_init - 1)]
            if self.scale is not None:
                wide = np.array(max(self.prepared.starts[0][1], float(first.log_scale)))
                drawn = [
                    approach(model, self.data, params._replace(log_scale=wide), np.log(self.scale))
                    for params in drawn
                ]
            return [first, *drawn]
        least = FEW_ROWS if type(model) is LocationScale else 2
        if self.every < least or self.options["acceleration"] is None or self.last is not None:
            return first
        # A small part of the rows shows where to start; the others then take few steps.
        part = self._model(law, self.every)
        start = self._climbed(part, self.sample, first)
        if type(model) is not LocationScale:
            return start
        information = self.every * part.information_step(self.sample, start)[0].information
        information /= np.outer(start.unit, start.unit)
        return near_maximum(model, self.data, start, information)

    def _climbed(self, part: PenalisedLine, sample: Residuals, start: LineParams) -> LineParams:
        """Where a sample leads, of which there is a model."""
        tol = SAMPLE_TOL if part.remaining_gain is None else NEWTON_SAMPLE_TOL
        params: LineParams = best_run(part, sample, start=start, tol=tol).params
        return params

    def _first(self, law: Law, model: PenalisedLine) -> LineParams:
        """The last fit, or the likelier of the lines that the rows show at first."""
        if self.last is not None:
            return self.last
        if self.scale is not None:
            line, of_errors = self.prepared.starts[0]
            start = LineParams(line, np.array(max(of_errors, np.log(self.scale))))
            return approach(model, self.data, start, np.log(self.scale))
        shape = () if self.prepared.strata is None else self.prepared.shares.shape
        starts = [
            model.drawn_in(model.of_moments(LineParams(line, np.full(shape, scale))))
            for line, scale in self.prepared.starts
        ]
        if len(starts) == 1:
            return starts[0]
        part = self._model(law, self.every)
        return max(starts, key=lambda at: part.e_step(self.sample, at)[1] + part.log_prior(at))


def polished(model: PenalisedLine, stats: Any, result: EMResult, data: Any) -> EMResult:
    """The result after a last step that gains next to nothing, from its statistics."""
    rounding = model.objective_rounding(result.params, result.objective)
    params = model.polish(stats, result.params, rounding)
    if params is result.params:
        return result
    objective, prior = result.objective, model.log_prior(params)
    if model.polish_gains:
        reached = data.sum(partial(model.e_step, params=params))[1] + prior
        if reached < objective - rounding:
            return result
        objective = max(objective, reached)
    history = np.append(result.history[:-1], objective)
    # Where the objective is the same, what the penalty has of it may not be.
    likelihood = objective - prior
    return replace(
        result, params=params, objective=objective, log_likelihood=likelihood, history=history
    )
