"""Groups of failure times: their rows, their curve, and what fitted laws say of them."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_consistent_length, column_or_1d

from emkit._typing import Array
from emkit.censored.regressor import EMCensoredRegressor
from emkit.censored.survival_curve import EMSurvivalCurve
from emkit.censored.target import load_target
from emkit.data.checks import check_weights
from emkit.plotting.common import choose_features, feature_names, last_step

__all__ = ["Failures", "curve_like", "labels_of", "laws_of", "mean_survival"]

#: Most groups that a picture tells apart, and probabilities of rows that are held at a time.
MOST_GROUPS, MOST_NUMBERS = 20, 2**22


class Failures(NamedTuple):
    """Times of rows, with bounds, entries and weights."""

    low: Array
    high: Array
    entry: Array  #: -inf where there is none
    weight: Array

    @classmethod
    def of(cls, estimator: Any, y: Any, sample_weight: Any = None) -> "Failures":
        low, high, entry = load_target(y, estimator.left, estimator.right)
        weight = check_weights(sample_weight, low)
        weight = np.ones(len(low)) if weight is None else weight
        entry = np.full(len(low), -np.inf) if entry is None else entry
        return cls(low, high, entry, weight).from_start()

    def from_start(self) -> "Failures":
        """Without the entries that say no more than that all times are positive."""
        entry = np.where(self.entry <= self.start, -np.inf, self.entry)
        return self._replace(entry=entry)

    def where(self, rows: Any) -> "Failures":
        return Failures(*(part[rows] for part in self))

    @property
    def y(self) -> Array:
        """In the form of `emkit.censored_target`."""
        return np.column_stack([self.low, self.high, self.entry])

    @property
    def start(self) -> float:
        """Where the axis of times begins: 0, unless some are negative."""
        bounds = np.concatenate([self.low, self.high])
        return float(np.min(bounds[np.isfinite(bounds)], initial=0.0))

    @property
    def end(self) -> float:
        """The last finite bound."""
        bounds = np.concatenate([self.low, self.high])
        return float(np.max(bounds[np.isfinite(bounds)]))

    @property
    def since(self) -> float:
        """The time past which all are known to have lived; -inf where some were seen from the
        start."""
        return float(self.entry[self.weight > 0.0].min(initial=np.inf))

    def at_risk(self, times: Array) -> Array:
        """Weight of the rows that are under observation, and known to have lived, at each time."""
        low = np.maximum(self.low, self.start)
        each = [self.weight[(self.entry < t) & (low >= t)].sum() for t in times]
        return np.array(each)


def curve_like(estimator: Any) -> EMSurvivalCurve:
    """An unfitted curve with the options of an estimator, for times that are read already."""
    if isinstance(estimator, EMSurvivalCurve):
        curve = clone(estimator)
        return curve.set_params(left=None, right=None)
    return EMSurvivalCurve(random_state=estimator.random_state, n_jobs=estimator.n_jobs)


def laws_of(estimator: Any, laws: Any, X: Any) -> list[tuple[EMCensoredRegressor, Any]]:
    """Regressors whose curves are drawn, the estimator among them if it is one, each with its X."""
    laws = [laws] if hasattr(laws, "fit") else list(laws)
    if not isinstance(last_step(estimator)[0], EMSurvivalCurve):
        laws = [estimator, *laws]
    if laws and X is None:
        raise ValueError("Laws are drawn for rows of X, and X is None.")
    found = [last_step(law, X) for law in laws]
    for law, _ in found:
        if not isinstance(law, EMCensoredRegressor):
            raise TypeError(
                "laws must be fitted EMCensoredRegressors, or pipelines that end in one. Got "
                f"{type(law).__name__}."
            )
    return found


def labels_of(groups: Any, X: Any, estimator: Any, n: int) -> tuple[NDArray[np.intp], list[str]]:
    """Codes (n,) of the groups of rows, and what each is called."""
    if groups is None:
        return np.zeros(n, dtype=int), [""]
    name: Any
    if isinstance(groups, str | Integral) and not isinstance(groups, bool):
        name, labels = _column(groups, X, estimator)
    else:
        name, labels = getattr(groups, "name", None), column_or_1d(groups)
        check_consistent_length(labels, np.empty(n))
    missing = np.flatnonzero([_is_missing(label) for label in labels])
    if len(missing):
        raise ValueError(
            f"groups has no label in row {missing[0]} ({len(missing)} such): leave such rows "
            "out of X, y and groups, or give them a label of their own."
        )
    if labels.dtype == object and len({type(label) for label in labels}) > 1:
        labels = labels.astype(str)  # which can be put in order
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) > MOST_GROUPS:
        raise ValueError(
            f"groups has {len(values)} different values, and a picture tells {MOST_GROUPS} apart "
            "at most. Cut a number into ranges by numpy.digitize or pandas.cut."
        )
    if name is None or values.dtype.kind not in "biuf":
        return codes, [str(value) for value in values]
    shown = [str(value) if values.dtype == bool else f"{value:.6g}" for value in values]
    return codes, [f"{name}={value}" for value in shown]


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas.NA is neither
        return True


def _column(feature: Any, X: Any, estimator: Any) -> tuple[str, Array]:
    if X is None:
        raise ValueError(f"groups={feature!r} is a column of X, and X is None. Give X, or labels.")
    if hasattr(X, "columns"):
        names = np.array([str(name) for name in X.columns])
        (j,) = choose_features([feature], names, "groups")
        column = X.iloc[:, j] if hasattr(X, "iloc") else X[X.columns[j]]
        return str(names[j]), np.asarray(column)
    table = np.asarray(X)
    if hasattr(estimator, "n_features_in_"):
        names = feature_names(estimator)
    else:
        names = np.array([f"x{j}" for j in range(table.shape[1])])
    (j,) = choose_features([feature], names, "groups")
    return str(names[j]), table[:, j]


def mean_survival(law: Any, X: Any, group: Any, weight: Array, times: Array, since: float) -> Array:
    """Mean (n_times,) over a group of rows of P(T > time | T > since) by a fitted regressor.

    ``group`` (n_samples,) tells which of the rows are in it, ``weight`` how much each of these is.
    """
    parts = []
    step = max(1, MOST_NUMBERS // len(group))
    lived = np.ones(len(weight))
    if np.isfinite(since):
        lived = law.predict_survival_function(X, since)[group]
    for first in range(0, len(times), step):
        survival = law.predict_survival_function(X, times[first : first + step])[group]
        parts.append(weight @ np.minimum(survival / lived[:, None], 1.0))
    mean: Array = np.concatenate(parts) / weight.sum()
    return mean
