"""``method="auto"``: the distribution that fills cells held out of the fit best."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.progress import Progress
from emkit.exceptions import ModelError, recorded
from emkit.imputation.fitted import fitted_cells
from emkit.imputation.latent import LATENT
from emkit.imputation.table import Table
from emkit.models.rows import Rows

__all__ = ["AUTO", "as_chosen", "choose", "take_fit"]

#: The name of the method.
AUTO = "auto"
#: Numbers of classes that are tried.
N_COMPONENTS = (1, 3, 6)
#: Part of the observed cells that is held out, in columns of at least so many.
HELD_OUT, LEAST_CELLS = 0.15, 10
#: A probability or a relative error below which a cell or a column counts no more.
LEAST_PROBABILITY, LEAST_ERROR = 1e-3, 1e-6

FitTable = Callable[[Any, Table, Callable[[str], None], Progress], None]


def choose(imputer: Any, table: Table, fit_table: FitTable) -> dict[str, Any]:
    """The parameters that fill held-out cells best; the same for the same table."""
    if not isinstance(table.data, Rows):
        raise ValueError(
            "method='auto' holds cells out of a table in memory, and X is read block by block. "
            "Fit a sample of the rows, or take method='classes'."
        )
    if imputer.n_components != 1:
        raise ValueError(
            "method='auto' chooses n_components itself, which must be left at 1. Got "
            f"{imputer.n_components!r}. Take method='classes' for a number of your own."
        )
    hidden = held_out(imputer, table)
    *classes, latent = _candidates(imputer, table.data)
    if not hidden.any():
        return classes[0]
    scores: list[float] = []
    for options in classes:
        scores.append(_score(imputer, options, table, hidden, fit_table))
        if scores[-1] < max(scores):
            break  # more are no better then, as a rule, and take longer
    best = int(np.argmax(scores))
    of_latent = _score(imputer, latent, table, hidden, fit_table)
    return latent if of_latent > scores[best] else classes[best]


def as_chosen(imputer: Any) -> Any:
    """The imputer with what was chosen as its parameters; itself where nothing was."""
    if imputer.method != AUTO:
        return imputer
    return copy(imputer).set_params(**imputer.chosen_)


def take_fit(imputer: Any, fitted: Any, chosen: dict[str, Any]) -> None:
    """Take the attributes of an imputer with other parameters."""
    parameters = imputer.get_params(deep=False)
    imputer.__dict__.update({k: v for k, v in vars(fitted).items() if k not in parameters})
    imputer.chosen_ = chosen


def _candidates(imputer: Any, rows: Rows) -> list[dict[str, Any]]:
    """Simple ones first, which win where others are no better."""
    of_classes = {"method": "classes", "covariance_type": imputer.covariance_type}
    classes = [{**of_classes, "n_components": k} for k in N_COMPONENTS if k <= len(rows.X)]
    return [*classes, {"method": LATENT, "covariance_type": "full", "n_components": 1}]


def held_out(imputer: Any, table: Table) -> NDArray[np.bool_]:
    """Cells (n, d) to hold out: of no row all, of no column all of a level, or what varies."""
    X, rng = table.data.X, np.random.default_rng(0)
    observed = ~np.isnan(X)
    hidden = observed & (rng.random(X.shape) < HELD_OUT)
    hidden[:, observed.sum(axis=0) < LEAST_CELLS] = False
    hidden[(hidden == observed).all(axis=1)] = False
    categories = [] if imputer._coding is None else imputer._coding.columns
    for column, j in enumerate(table.columns.modelled):
        cells, part = X[:, column], hidden[:, column]
        kept = cells[observed[:, column] & ~part]
        if j in categories:
            part[~np.isin(cells, kept)] = False
        elif not len(kept) or kept.min() == kept.max():
            part[:] = False
    return hidden


def _score(
    imputer: Any,
    options: dict[str, Any],
    table: Table,
    hidden: NDArray[np.bool_],
    fit_table: FitTable,
) -> float:
    """Mean over the columns of how well held-out cells are filled, in nats a cell.

    Of a category the log-probability, of a number minus the logarithm of the error relative to the
    spread: the log-density of a normal error at its best scale.
    """
    rows = table.data
    X = np.where(hidden, np.nan, rows.X)
    candidate = copy(imputer).set_params(**options, random_state=0, warm_start=False, verbose=0)
    candidate.__dict__.pop("_skl_callbacks", None)
    part = table._replace(data=Rows.of(X, rows.sample_weight))
    progress = Progress(candidate, X, None, rows.sample_weight)
    try:
        with recorded():  # the fit to all cells says what there is to say
            fit_table(candidate, part, lambda message: None, progress)
    except (ModelError, ValueError):
        return -np.inf
    fitted: Any = fitted_cells(candidate)
    weights = np.ones(len(X)) if rows.sample_weight is None else rows.sample_weight
    if hasattr(fitted, "members"):
        filled, proba = fitted.expect(X)
        scores = _of_categories(fitted, proba, rows.X, hidden, weights)
    else:
        filled, scores = fitted.impute(X), {}
    for j in sorted(set(np.flatnonzero(hidden.any(axis=0)).tolist()) - set(scores)):
        of = hidden[:, j]
        spread = np.var(rows.X[~np.isnan(rows.X[:, j]), j], dtype=float)
        error = np.average((filled[of, j] - rows.X[of, j]) ** 2 / spread, weights=weights[of])
        scores[j] = -0.5 * float(np.log(error + LEAST_ERROR))
    return float(np.mean(list(scores.values())))


def _of_categories(
    fitted: Any, proba: list[Array], truth: Array, hidden: NDArray[np.bool_], weights: Array
) -> dict[int, float]:
    """Mean log-probabilities of the held-out cells of columns of categories."""
    scores: dict[int, float] = {}
    for j, of, p in zip(fitted.categories, fitted.members, proba, strict=True):
        rows = np.flatnonzero(hidden[:, j])
        if len(rows):
            same = np.asarray(of.group) == truth[rows, j, None]  # levels that share the code
            chance = np.maximum((p[rows] * same).sum(axis=1), LEAST_PROBABILITY)
            scores[int(j)] = float(np.average(np.log(chance), weights=weights[rows]))
    return scores
