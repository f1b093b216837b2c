r"""Confidence limits of a survival curve by the likelihood ratio.

The limits of S(t) are its least and largest value among the distributions whose log-likelihood lies
no more than :math:`\chi^2_{1,\text{level}} / 2` below the maximum, wherever these have their mass.
At a maximum with a given :math:`\theta = -\log S(t)`, a sum of hazards, the log-likelihood

.. math:: \ell(\lambda) + \mu \Bigl(\theta - \sum_{k: \text{cell } k \le t} \lambda_k\Bigr)

is at its maximum for some tilt :math:`\mu`. That is the log-likelihood of the rows beside others of
weight :math:`\mu`, positive or negative, that are known to live past t: an ordinary fit. Of
right-censored times it has hazards :math:`d_k / (r_k + \mu)` of d events among r at risk, and the
limits are those of Thomas & Grunkemeier (1975). They can be lower where the last event before t is
long past, for there may have been another since.

References
----------
Thomas, D. R. & Grunkemeier, G. L. (1975). Confidence interval estimation of survival probabilities
for censored data. Journal of the American Statistical Association 70, 865-871.
doi:10.1080/01621459.1975.10480315
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from emkit._typing import Array
from emkit.censored.curve_fitting import LARGEST, climb
from emkit.engine.processes import as_worker_errors
from emkit.models.survival.cells import Cells, Places, Times
from emkit.models.survival.curve import ROUNDING, Curve
from emkit.models.survival.hazards import first_hazards
from emkit.models.survival.rows import Rows, living

__all__ = ["Profile", "profile_limits"]

#: Gap of a fit in nats, the least a unit of weight, and most points to try.
TOL, LEAST_TOL, MAX_ITER = 1e-10, 1e-14, 1000
#: Relative errors of the fall of the log-likelihood at a limit, and of a tilt where that jumps.
FALL_TOL, TILT_TOL, MOST_POINTS = 1e-9, 1e-10, 100
#: Tilt, in units of the total weight, that stands for infinity, and factor to the next one to try.
ENDLESS, FURTHER = 1e8, 3.0
#: Part of the least tilt that there can be, from which on the fall is linear.
NEARLY_LEAST = 1.0 - 1e-9


class Point(NamedTuple):
    """The maximum at one tilt."""

    tilt: float
    fall: float  #: of the log-likelihood from its maximum
    hazard: float  #: cumulative, up to the time


@dataclass
class Tilted:
    """Maxima of the rows beside others of any weight, the tilt, that are known to live past a time.

    Each climb begins at the end of the last.
    """

    places: Places  #: of the rows; last of one of the others, where their weight is positive
    weight: Array  #: of the rows
    before: NDArray[np.bool_]  #: (m,) cells that lie up to the time
    highest: float  #: log-likelihood at its maximum
    least: float  #: weight that lives through the cell up to the time that fewest live through
    start: Array | None = None

    def __call__(self, tilt: float) -> Point:
        if tilt > 0.0:
            rows = Rows.at(self.places, np.append(self.weight, tilt))
        else:
            rows = Rows.at(self.places, self.weight)
            survived = rows.likelihood.survived + tilt * self.before[np.isnan(rows.known)]
            rows = rows._replace(likelihood=rows.likelihood._replace(survived=survived))
        hazard, value = self._maximum(rows)
        total = float(hazard[self.before].sum())
        return Point(tilt, max(self.highest - value - tilt * total, 0.0), total)

    def _maximum(self, rows: Rows) -> tuple[Array, float]:
        """Hazards of all cells, and the log-likelihood."""
        likelihood = rows.likelihood
        runs = likelihood.runs
        if (runs.stop - runs.first == 1).all():  # the product limit
            hazard = first_hazards(likelihood).hazard
            point = likelihood.at(hazard)
            if point is not None:
                return rows.hazards(hazard), point.value
        tol = max(TOL / float(self.weight.sum()), LEAST_TOL)
        fit = climb(rows, self.start, tol=tol, max_iter=MAX_ITER)
        self.start = fit.hazard[np.isnan(rows.known)]
        return fit.hazard, fit.log_likelihood


class Profile(NamedTuple):
    """What limits by the likelihood ratio need of a fit."""

    times: Times
    curve: Curve
    log_likelihood: float
    level: float

    @property
    def fall(self) -> float:
        """Of the log-likelihood, at a limit."""
        return 0.5 * float(ndtri(0.5 + 0.5 * self.level)) ** 2

    @property
    def since(self) -> float:
        """First double beyond the first entry: what the curve says is given survival to there."""
        return -LARGEST if self.times.enter is None else float(self.times.enter.min())

    def lower(self, time: float) -> float:
        """The least share that may live past a time."""
        known = self._known(time)
        if known is not None:
            return known
        # Up to the time mass may lie in cells of the rows, or as late as it can.
        tilted = self._tilted(time, self.since, time)
        least = tilted.least
        if least == 0.0:  # nobody was seen to live all through: that all failed costs nothing
            return 0.0
        part = min(self._guess(time) / least, 0.5)
        tilts = (-least * (1.0 - (1.0 - part) * 0.25**k) for k in range(MOST_POINTS))
        end = _end(tilted, self.fall, tilts, -NEARLY_LEAST * least)
        # Beyond, mass in the cell that fewest live through costs so much a unit of hazard.
        return float(np.exp(-end.hazard - max(self.fall - end.fall, 0.0) / least))

    def upper(self, time: float) -> float:
        """The largest share that may live past a time."""
        known = self._known(time)
        if known is not None:
            return known
        tilted, largest = self._tilted(time), ENDLESS * float(self.times.weight.sum())
        tilts = (self._guess(time) * FURTHER**k for k in range(MOST_POINTS))
        end = _end(tilted, self.fall, tilts, largest)
        return 1.0 if end.tilt >= largest else float(np.exp(-end.hazard))

    def earliest(self, q: float) -> float:
        """The first time by which a share q may have failed; -inf where it may before all ends."""
        ends = np.append(-LARGEST, self._ends)
        points = np.column_stack([ends, np.nextafter(ends, np.inf)]).ravel()  # at each, and beyond
        at = _first(lambda k: self.lower(float(points[k])) <= 1.0 - q, len(points))
        if at < 2:
            return -np.inf
        return float(ends[at // 2]) if at < len(points) else np.inf

    def latest(self, q: float) -> float:
        """The first time by which a share q must have failed."""
        ends = self._ends
        at = _first(lambda k: self.upper(ends[k]) <= 1.0 - q + ROUNDING, len(ends))
        return float(ends[at]) if at < len(ends) else np.inf

    @property
    def _ends(self) -> Array:
        """Finite numbers, ascending, between which nothing changes."""
        with np.errstate(over="ignore"):
            before = np.nextafter(self.times.first, -np.inf)
        lower = np.where(self.times.first == self.times.last, self.times.first, before)
        ends = np.concatenate([lower, self.times.last])
        return np.unique(ends[np.abs(ends) < LARGEST])

    def _known(self, time: float) -> float | None:
        """The share where it is not estimated."""
        if time < self.since:
            return 1.0
        return 0.0 if time == np.inf else None

    def _guess(self, time: float) -> float:
        """A tilt of about the fall, by the variance of a share."""
        total = float(self.times.weight.sum())
        share = float(np.clip(self.curve.survival(np.array(time)), 0.01, 0.99))
        return float(np.sqrt(2.0 * self.fall * total * share / (1.0 - share)))

    def _tilted(self, time: float, *row: float) -> Tilted:
        """Maxima beside rows past a time; ``row`` has ends of one to make room for less mass."""
        times, upper = self.times, not row
        first, last = row or (np.nextafter(time, np.inf), np.inf)
        together = Times(
            np.append(times.first, first),
            np.append(times.last, last),
            None if times.enter is None else np.append(times.enter, -LARGEST),
            np.append(times.weight, 0.0),
        )
        cells = Cells.of(together)
        enter, runs = cells.places(together)
        own = Places(enter[:-1], runs._replace(first=runs.first[:-1], stop=runs.stop[:-1]))
        own, weight = own.merged(times.weight)
        before, least = cells.stop <= time, 0.0
        if upper:
            first, stop = (
                np.append(own.runs.first, runs.first[-1]),
                np.append(own.runs.stop, len(cells.stop)),
            )
            own = Places(np.append(own.enter, 0), runs._replace(first=first, stop=stop))
        elif (living(*own, None)[before] > 0).all():
            least = max(float(living(*own, weight)[before].min()), float(weight.min()))
        return Tilted(own, weight, before, self.log_likelihood, least)


def profile_limits(profile: Profile, at: Array, quantiles: bool, n_jobs: int | None) -> Array:
    """Limits (..., 2) of the curve at times, or of quantiles."""
    run = joblib.delayed(_limits)
    with as_worker_errors():
        found = joblib.Parallel(n_jobs)(run(profile, float(x), quantiles) for x in at.ravel())
    return np.reshape(found, (*at.shape, 2))


def _limits(profile: Profile, at: float, quantiles: bool) -> tuple[float, float]:
    if quantiles:
        return profile.earliest(at), profile.latest(at)
    return profile.lower(at), profile.upper(at)


def _end(tilted: Tilted, fall: float, tilts: Iterator[float], last: float) -> Point:
    """The point of a fall; that of the last tilt, if the fall is less there."""
    near = Point(0.0, 0.0, np.nan)
    for tilt in tilts:
        tilt = tilt if abs(tilt) < abs(last) else last
        far = tilted(tilt)
        if far.fall >= fall:
            return _between(tilted, near, far, fall)
        near = far
        if tilt == last:
            break
    return near


def _between(tilted: Tilted, near: Point, far: Point, fall: float) -> Point:
    """The point of a fall between two, whose root grows about as the tilt does."""
    low, high = (np.sqrt(point.fall) - np.sqrt(fall) for point in (near, far))
    for _ in range(MOST_POINTS):
        if abs(far.tilt - near.tilt) <= TILT_TOL * abs(far.tilt):
            break
        point = tilted(float((near.tilt * high - far.tilt * low) / (high - low)))
        away = np.sqrt(point.fall) - np.sqrt(fall)
        if abs(point.fall - fall) <= FALL_TOL * fall:
            return point
        # What stays for a second time counts half (the Illinois rule).
        if away < 0.0:
            near, low, high = point, away, 0.5 * high
        else:
            far, high, low = point, away, 0.5 * low
    # Where the tilt is the same, the way is straight.
    part = (fall - near.fall) / (far.fall - near.fall)
    return Point(far.tilt, fall, near.hazard + part * (far.hazard - near.hazard))


def _first(holds: Callable[[int], bool], n: int) -> int:
    """The first of n numbers for which something holds that holds from there on; n if none."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
