"""Laws that hold for a fit to any data, however bad: what of them a fit violates."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from maxima import may_be_refused
from numpy import inf
from random_fits import Case
from sklearn.exceptions import ConvergenceWarning
from structures import dense
from verdicts import Fit, Law, Verdict, Violation, judge_by

#: Histories may fall by so much of their value, reported likelihoods differ by so much, and
#: probabilities miss 1 by so much.
FALL, SAME, WHOLE = 1e-9, {8: 1e-6, 4: 1e-3}, {8: 1e-9, 4: 1e-5}
#: What of single precision a covariance matrix that was rounded to it may lack.
ROUNDED = {8: 1e-15, 4: 1e-6}


# All estimators


def the_history_never_falls(fitted: Fit) -> Iterator[str]:
    estimator = fitted.estimator
    if getattr(estimator, "algorithm", "em") == "sem" or estimator.search == "simulated_annealing":
        return  # these draw, and their history is that of the chain
    history = np.asarray(estimator.history_)
    steps = np.diff(history)
    if (steps < -FALL * np.maximum(np.abs(history[:-1]), 1.0)).any():
        yield f"by {-steps.min():.3g} from {history[steps.argmin()]:.9g}"


def results_are_finite(fitted: Fit) -> Iterator[str]:
    for name, value in vars(fitted.estimator).items():
        if not name.endswith("_") or not isinstance(value, np.ndarray | float | list):
            continue
        unknown = name in ("standard_errors_", "cov_params_") and fitted.told
        if isinstance(value, list) and any(isinstance(part, np.ndarray) for part in value):
            continue  # levels of categories
        array = np.asarray(value)
        if array.dtype.kind == "f" and not (np.isfinite(array).all() or unknown):
            yield f"{name} has {np.sum(~np.isfinite(array))} of {array.size}"


def what_did_not_converge_is_told(fitted: Fit) -> Iterator[str]:
    estimator, warned = fitted.estimator, ConvergenceWarning in fitted.warned
    if estimator.converged_ and warned:
        yield "ConvergenceWarning, but converged_ is True"
    if not (estimator.converged_ or warned or fitted.told or estimator.max_iter == 0):
        yield "converged_ is False, and nothing says so"


def differ(fitted: Fit, reported: float, rows: Any, more: float = 0.0) -> Iterator[str]:
    """Whether a reported total differs from that of rows.

    Beyond rounding: coordinates that are known to 1e-16 of their size are known to ``blur`` in
    units of their spread, and terms of both signs cancel. ``more`` is allowed of the size too.
    """
    if fitted.told:
        return
    rows = np.where(fitted.weights > 0.0, fitted.weights * rows, 0.0)
    total, size = rows.sum(), np.abs(rows).sum()
    allowed = (SAME[fitted.itemsize] + blur(fitted.case) + more) * max(size, abs(reported), 1.0)
    if not abs(total - reported) <= allowed:
        yield f"{reported:.12g} is reported, {total:.12g} is of rows (of size {size:.3g})"


def blur(case: Case) -> float:
    """Rounding of columns, and of responses, over their standard deviations."""
    tables = [case.X.astype(float)]
    if case.y is not None:
        tables.append(np.where(np.isfinite(case.y), case.y, np.nan))
    worst = 0.0
    for table in tables:
        for column in table.T:
            column = column[np.isfinite(column)]
            top = np.abs(column).max(initial=0.0)
            spread = (column / top).std() if top > 0.0 else 0.0
            if spread > 0.0:
                worst = max(worst, np.finfo(case.X.dtype).eps / spread)
    return 100.0 * worst


# Mixtures


def the_reported_likelihood_is_that_of_rows(fitted: Fit) -> Iterator[str]:
    mixture, X = fitted.estimator, fitted.case.X
    rows = mixture.score_samples(X).astype(float)
    if getattr(mixture, "algorithm", "em") == "cem":  # the classification likelihood
        rows = rows + np.log(mixture.predict_proba(X).max(axis=1).astype(float))
    if hasattr(mixture, "lower_bound_"):  # per sample
        yield from differ(fitted, mixture.lower_bound_ * fitted.weights.sum(), rows)
    else:
        yield from differ(fitted, mixture.log_likelihood_, rows)


def probabilities_sum_to_1(fitted: Fit) -> Iterator[str]:
    mixture, X = fitted.estimator, fitted.case.X
    tables = [np.atleast_2d(mixture.weights_)]
    if hasattr(mixture, "predict_proba"):
        tables.append(mixture.predict_proba(X))
    for table in tables:
        off = np.abs(table.sum(axis=1, dtype=float) - 1.0).max()
        if not (off <= WHOLE[fitted.itemsize] and (table >= 0.0).all()):
            yield f"off by {off:.3g}"


def labels_are_the_most_probable(fitted: Fit) -> Iterator[str]:
    mixture, X = fitted.estimator, fitted.case.X
    probabilities = mixture.predict_proba(X)
    chosen = probabilities[np.arange(len(X)), mixture.predict(X)]
    if not (chosen >= probabilities.max(axis=1)).all():
        yield "predict is not the argmax of predict_proba"


def covariances_are_positive_definite(fitted: Fit) -> Iterator[str]:
    mixture = fitted.estimator
    d = mixture.means_.shape[1]
    if not d:
        return
    for matrix in dense(mixture.covariance_type, mixture.covariances_, len(mixture.weights_), d):
        matrix = matrix.astype(float)
        variances = np.diag(matrix)
        # An imputer leaves columns out that do not vary.
        varies = variances != 0.0 if hasattr(mixture, "shrinkage") else np.full(d, True)
        if not (variances[varies] > 0.0).all():
            yield f"variances are {variances}"
            return
        roots = np.sqrt(variances[varies])
        correlation = matrix[np.ix_(varies, varies)] / roots / roots[:, None]
        least = np.linalg.eigvalsh(correlation).min(initial=1.0)
        if not least > -ROUNDED[fitted.itemsize] * d:
            yield f"smallest eigenvalue {least:.3g}, of correlations"


# Imputers


def observed_cells_stay(fitted: Fit) -> Iterator[str]:
    X, filled = fitted.case.X, _filled(fitted)
    kept = X[:, _kept(fitted)]
    if not (filled == kept)[~np.isnan(kept)].all():
        yield "an observed cell was changed"


def missing_cells_are_filled(fitted: Fit) -> Iterator[str]:
    filled = _filled(fitted)
    # A category without a cell that weighs has no level to be filled with; fit says so.
    X, categories = fitted.case.X[:, _kept(fitted)], fitted.estimator.is_categorical_
    empty = np.isnan(X[fitted.weights > 0.0]).all(axis=0)
    without = empty & categories[_kept(fitted)] & fitted.told
    filled = filled[:, ~without]
    if not np.isfinite(filled).all():
        yield f"{np.sum(~np.isfinite(filled))} of {filled.size} are not finite"


def filled_cells_keep_within_limits(fitted: Fit) -> Iterator[str]:
    imputer, kept = fitted.estimator, _kept(fitted)
    filled = _filled(fitted)
    cells = np.isnan(fitted.case.X[:, kept])
    # Features without a value are filled with 0, whatever the limits are.
    cells &= ~np.isnan(fitted.case.X[:, kept][fitted.weights > 0.0]).all(axis=0)
    low, high = (filled.dtype.type(end) for end in (imputer.min_value, imputer.max_value))
    if not ((filled >= low) & (filled <= high))[cells].all():
        yield f"outside [{low}, {high}]"


def _kept(fitted: Fit) -> list[int]:
    """Columns that an imputer keeps."""
    names = [f"x{j}" for j in range(fitted.case.X.shape[1])]
    out = fitted.estimator.get_feature_names_out(names)
    return [names.index(name) for name in out if name in names]


def _filled(fitted: Fit) -> Any:
    return fitted.estimator.transform(fitted.case.X)[:, : len(_kept(fitted))]


# Censored regressions


def the_reported_likelihood_is_that_of_responses(fitted: Fit) -> Iterator[str]:
    case = fitted.case
    regressor, known = fitted.estimator, case.y[np.isfinite(case.y)]
    rows = regressor.score_samples(case.X, case.y)
    if regressor._distribution.link.positive:
        known = np.append(np.log(known[known > 0.0]), 1.0)
    # Of residuals, which are differences of such numbers, in scales.
    of_residuals = np.finfo(float).eps * np.abs(known).max(initial=0.0) / np.min(regressor.scale_)
    yield from differ(fitted, regressor.log_likelihood_, rows, of_residuals)


def predictions_are_numbers(fitted: Fit) -> Iterator[str]:
    """They may be infinite: the mean of Student t with df <= 1 is, and one that overflows."""
    if np.isnan(fitted.estimator.predict(fitted.case.X)).any():
        yield "predict has NaN"


def quantiles_rise_and_survival_falls(fitted: Fit) -> Iterator[str]:
    regressor, X = fitted.estimator, fitted.case.X
    quantiles = regressor.predict_quantile(X, [0.01, 0.25, 0.5, 0.75, 0.99])
    if not (quantiles[:, 1:] >= quantiles[:, :-1]).all():
        yield "quantiles fall or are NaN"
    bounds = fitted.case.y[np.isfinite(fitted.case.y)]
    survival = regressor.predict_survival_function(X, np.unique(bounds))
    if not ((survival >= 0.0) & (survival <= 1.0)).all():
        yield "survival is not from 0 to 1"
    if not (np.diff(survival) <= 1e-15).all():
        yield "survival rises"


def filled_responses_keep_their_bounds(fitted: Fit) -> Iterator[str]:
    case, regressor = fitted.case, fitted.estimator
    low, high = case.y.T
    for sample in (False, True):
        filled = regressor.impute(case.X, case.y, sample=sample, random_state=0)
        # A bound of a log-normal response is known to rounding of its logarithm.
        room = 1e-12 * np.abs(filled)
        # Student t has no mean at df <= 1: NaN is right where nothing is known.
        free = np.isinf(low) & np.isinf(high) & (getattr(regressor, "df_", inf) <= 1.0)
        if not ((filled >= low - room) & (filled <= high + room) | free & (not sample)).all():
            yield f"outside of their bounds (sample={sample})"


EVERY = [the_history_never_falls, results_are_finite, what_did_not_converge_is_told]
OF_MIXTURES = [
    *EVERY,
    the_reported_likelihood_is_that_of_rows,
    probabilities_sum_to_1,
    covariances_are_positive_definite,
]
OF_FILLED = [observed_cells_stay, missing_cells_are_filled, filled_cells_keep_within_limits]
#: Laws by the name of the estimator.
LAWS: dict[str, list[Law]] = {
    "EMGaussianMixture": [*OF_MIXTURES, labels_are_the_most_probable],
    "EMImputer": [*OF_MIXTURES, *OF_FILLED],
    "EMCensoredRegressor": [
        *EVERY,
        the_reported_likelihood_is_that_of_responses,
        predictions_are_numbers,
        quantiles_rise_and_survival_falls,
        filled_responses_keep_their_bounds,
    ],
}


def judge(case: Case) -> Verdict:
    """Fit the estimator of a case, and see which laws of its kind it violates."""
    arguments = [case.X] if case.y is None else [case.X, case.y]
    fit = partial(case.estimator.fit, *arguments, sample_weight=case.sample_weight)
    verdict = judge_by(LAWS[type(case.estimator).__name__], fit, case)
    if verdict.refused is not None and not may_be_refused(case):
        found = Violation("no table with a finite maximum is refused", verdict.refused)
        verdict = verdict._replace(violations=[*verdict.violations, found])
    return verdict
