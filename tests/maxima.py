"""Whether there is a finite maximum that a fit could find, by reasoning apart from emkit's code.

A table may be refused only where there is none, or where a rule of the documentation forbids it.
"""

from typing import Any

import numpy as np
from random_fits import Case
from scipy.optimize import linprog

from emkit.models.laws.registry import LAWS
from emkit.numerics.covariance import STRUCTURES

#: Values whose squares are doubles, and how far spreads of columns may differ that have one scale,
#: or axes in common: an eigenvalue below the rounding of the largest is lost.
LARGEST, WIDEST, WIDEST_OF_AXES = 1e150, 1e75, 1e8
#: Largest size of a coefficient that is a double, as is its reciprocal.
STEEPEST = 1e290


def may_be_refused(case: Case) -> bool:
    """Whether a case has no finite maximum, or breaks a rule for arguments and tables."""
    counts = np.ones(len(case.X), bool) if case.sample_weight is None else case.sample_weight > 0
    kind = type(case.estimator).__name__
    if kind == "EMCensoredRegressor":
        X, y = case.X[counts].astype(float), case.y[counts].astype(float)
        if len(X) == 0 or _too_steep(case.estimator, X, y):
            return True
        return line_can_improve_for_ever(case.estimator, X, y)
    return (_mixture if kind == "EMGaussianMixture" else _imputer)(case, counts)


# Normal distributions


def _columns(X: Any) -> tuple[Any, Any]:
    """The columns that vary, and how many different values each has."""
    n_values = np.array([len(np.unique(column[~np.isnan(column)])) for column in X.T])
    return X[:, n_values > 1].astype(float), n_values[n_values > 1]


def _tell(X: Any, fullest: bool = False) -> Any:
    """Rows that tell something: by a value in a column that varies, if one does, else by any.

    By any but in the ``fullest`` column, if all are constant: a mixture then is one of it alone.
    """
    known = ~np.isnan(X)
    varies = np.array([len(np.unique(column[~np.isnan(column)])) > 1 for column in X.T])
    if fullest and not varies.any():
        varies[known.sum(axis=0).argmax()] = True
    return known[:, varies if varies.any() else slice(None)].any(axis=1)


def _beyond_doubles(structure: str, X: Any) -> bool:
    """Whether one scale for all columns would be nothing beside some, or be infinite."""
    if not X.shape[1]:
        return False
    top = np.nanmax(np.abs(X), axis=0)
    spread = top * np.nanstd(X / top, axis=0)
    widest = WIDEST_OF_AXES if STRUCTURES[structure].layout.ndim == 2 else WIDEST
    far_apart = spread.max() > widest * spread.min()
    return (top > LARGEST).any() or (far_apart and not STRUCTURES[structure].scale_invariant)


def _mixture(case: Case, counts: Any) -> bool:
    mixture, prior = case.estimator, case.estimator.prior
    X, k = case.X[counts], mixture.n_components
    if np.isnan(X).all(axis=0).any():
        return True
    tell = _tell(X, fullest=True)
    if tell.sum() < k:
        return True
    varying, n_values = _columns(X)
    degrees = 0.0 if prior is None else getattr(prior, "degrees_of_freedom", None)
    of_the_data = degrees != 0.0  # all priors of the generator that bound a variance
    weight = np.ones(len(X)) if case.sample_weight is None else case.sample_weight[counts]
    if of_the_data and weight[tell].sum() <= 1.0:  # its covariance has the divisor n - 1
        return True
    if _beyond_doubles(mixture.covariance_type, varying):
        return True
    # Every variance of a component has a positive lower bound, if not one that rounding hides.
    rounding = np.finfo(case.X.dtype).eps * np.nanmax(np.abs(X))
    if mixture.reg_covar > rounding**2 or (of_the_data and varying.shape[1]):
        return False
    layout = STRUCTURES[mixture.covariance_type].layout
    if not layout.independent:
        return k > 1 or not _spans(varying)
    # Variances that all components share are positive if every column has more values than these.
    return not ((layout.shared or k == 1) and len(n_values) and (n_values > k).all())


def _spans(X: Any) -> bool:
    """Whether complete rows have a covariance matrix that is clearly not singular."""
    if np.isnan(X).any() or not X.shape[1]:
        return False
    Z = X / np.abs(X).max(axis=0)
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    return bool(np.linalg.svd(Z, compute_uv=False).min() > 1e-6 and len(Z) > Z.shape[1])


def _imputer(case: Case, counts: Any) -> bool:
    imputer, X = case.estimator, case.X[counts]
    varying, _ = _columns(X)
    if _tell(X).sum() < imputer.n_components:
        return True
    return _beyond_doubles(imputer.covariance_type, varying)


# Lines


def _too_steep(regressor: Any, X: Any, bounds: Any) -> bool:
    """Whether the unit of a coefficient, or its reciprocal, may be no double.

    What the responses spread about a first line, which is at least their rounding, is its unit.
    """
    known = bounds[np.isfinite(bounds)]
    if LAWS[regressor.distribution].link.positive or not len(known):
        return False
    top = np.abs(X).max(axis=0, initial=0.0)
    top = top[top > 0.0]
    largest = np.abs(known).max()
    with np.errstate(over="ignore", divide="ignore", under="ignore"):
        steep, flat = largest / top, np.finfo(float).eps * largest / top
    return bool((steep > STEEPEST / 1e3).any() or (flat < 1.0 / STEEPEST).any())


def line_can_improve_for_ever(regressor: Any, X: Any, bounds: Any) -> bool:
    """Whether some direction raises the likelihood, or leaves it, at any length, but not back.

    With coefficients over the scale, g, and one over the scale, t, the standardised bounds are
    linear: low t - x'g and high t - x'g. A direction (g, t) with t >= 0 never lowers the likelihood
    if it moves no lower bound up and no upper bound down (an exact response stays). If it moves
    some bound, or shrinks the scale, the likelihood has no maximum at a finite place. Coefficients
    that are penalised stay. After Burridge (1981), J. R. Statist. Soc. B 43, 41-45, for
    log-concave laws.
    """
    if LAWS[regressor.distribution].link.positive:
        with np.errstate(divide="ignore"):
            bounds = np.log(bounds)
    largest = np.abs(X).max(axis=0)
    Z = X / np.where(largest > 0.0, largest, 1.0) * (regressor.alpha == 0.0)
    if regressor.fit_intercept:
        Z = np.column_stack([np.ones(len(Z)), Z])
    finite = np.abs(bounds[np.isfinite(bounds)])
    bounds = bounds / max(finite.max(initial=0.0), np.finfo(float).tiny)
    low, high = bounds.T
    left, right = np.isfinite(low), np.isfinite(high)
    if not (left & right).any():
        return True  # nothing keeps the scale from being infinite
    moves = np.vstack([
        np.column_stack([Z[left], -low[left]]),  # lower bounds go down
        np.column_stack([-Z[right], high[right]]),  # upper bounds go up
    ])  # fmt: skip
    gain = moves.sum(axis=0) + np.eye(moves.shape[1])[-1]
    box = [(-1.0, 1.0)] * Z.shape[1] + [(0.0, 1.0)]
    best = linprog(-gain, A_ub=-moves, b_ub=np.zeros(len(moves)), bounds=box)
    return best.status != 0 or -best.fun > 1e-7
