"""The climb to the curve of maximum likelihood, and what it says of rows that were resampled."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_consistent_length

from emkit._typing import Array
from emkit.censored.target import load_target
from emkit.data.checks import check_weights
from emkit.engine import EMResult
from emkit.engine.fit import best_run
from emkit.exceptions import DataWarning, warn
from emkit.models.survival.cells import Cells, Times
from emkit.models.survival.hazards import HazardModel, HazardParams, first_hazards
from emkit.models.survival.rows import Rows

__all__ = ["CurveFit", "climb", "counted", "read_times", "warn_of_empty_risk_set"]


#: An interval that is open below has this number, negated, for its first double.
LARGEST = float(np.finfo(float).max)


class CurveFit(NamedTuple):
    """The end of a climb."""

    result: EMResult
    hazard: Array  #: (m,) of all cells
    log_likelihood: float
    gap: float  #: bound on what that falls short by, a unit of weight


def read_times(X: Any, y: Any, sample_weight: Any, left: Any, right: Any) -> Times:
    """Times, of which there are as many as rows of X, unless that is None."""
    low, high, entry = load_target(y, left, right)
    check_consistent_length(X, low)
    weight = check_weights(sample_weight, low)
    return Times.of(low, high, entry, np.ones(len(low)) if weight is None else weight)


def counted(times: Times) -> Times:
    """Those of positive weight that may not lie anywhere; ValueError where there are none."""
    tells = (times.first > -LARGEST) | (times.last < np.inf)
    if not tells.any():
        raise ValueError("No row of y has a bound: there is nothing to fit.")
    kept = tells & (times.weight > 0.0)
    if not kept.any():
        raise ValueError("No row of positive weight has a bound: there is nothing to fit.")
    if kept.all():
        return times
    return Times(*(None if part is None else part[kept] for part in times))  # type: ignore[arg-type]


def climb(rows: Rows, start: Array | None = None, *, tol: float, **options: Any) -> CurveFit:
    """Hazards of cells by maximum likelihood; options are those of `fit_em`."""
    model = HazardModel(rows)
    first = first_hazards(rows.likelihood) if start is None else HazardParams(start)
    result = best_run(model, rows.likelihood, start=first, tol=tol, **options)
    more = {} if result.converged else {"max_steps": 0}
    params, value, gap = model.polished(result.params, tol, **more)
    return CurveFit(result, rows.hazards(params.hazard), value, gap)


def warn_unconverged(fit: CurveFit, tol: float, max_iter: int) -> None:
    """Warn where the log-likelihood may be short of its maximum by more than was asked."""
    if not fit.gap > tol > 0.0 or max_iter == 0:
        return
    why = f"max_iter={max_iter} points were tried. Increase it"
    if fit.result.converged:
        why = "rounding hides what is left, as with weights of very different sizes. Even them out"
    warn(
        f"The fit did not converge: its log-likelihood may fall short of the maximum by "
        f"{fit.gap:.3g} a unit of weight, where tol={tol:g}, as {why}, or increase tol.",
        ConvergenceWarning,
    )


def warn_of_empty_risk_set(cells: Cells, rows: Rows) -> None:
    """Warn where nobody lives on, though others come under observation later."""
    if rows.emptied is None:
        return
    time = float(cells.stop[rows.emptied])
    warn(
        f"By time {time:g} everybody who was at risk has failed, and others come under observation "
        "later: the curve falls to 0 there, whatever they live to. Likely few were at risk, or an "
        f"entry is missing. For the curve of whoever lives past it, predict with given={time!r}.",
        DataWarning,
    )
