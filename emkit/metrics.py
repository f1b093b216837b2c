"""Scores of models fitted to incomplete data, and scorers of them for ``scoring=``."""

from copy import copy
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import make_scorer, r2_score
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.metadata_routing import MetadataRequest

from emkit._typing import Array
from emkit.censored.regressor import EMCensoredRegressor
from emkit.censored.survival_curve import EMSurvivalCurve
from emkit.censored.target import Target, load_target
from emkit.data.checks import check_weights
from emkit.data.numbers import argument_of
from emkit.numerics.ordered_pairs import Side, pairs, pairs_in_order

__all__ = [
    "ConcordanceScorer",
    "ModelScorer",
    "aic_scorer",
    "bic_scorer",
    "concordance_index",
    "concordance_scorer",
    "icl_scorer",
    "log_likelihood_scorer",
    "r2_exact",
    "r2_exact_scorer",
]


def __dir__() -> list[str]:
    return __all__


def concordance_index(
    y_true: Any, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Share of comparable pairs whose predictions are in the order of the responses: Harrell's C.

    A pair is comparable when one response is known to be the larger: its lower bound is above the
    other's upper bound, or equal to it where not both are exact. Equal predictions count one half.
    1 is the right order, 0 the reverse, and 0.5 what a constant gets. With delayed entry, the one
    must besides have been under observation before the other's upper bound.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), (n_samples, 2) or (n_samples, 3), structured or frame
        Responses in any form of `emkit.censored_target`; numbers of one dimension are exact.
    y_pred : array-like of shape (n_samples,)
        Predictions, or anything else that should be larger where responses are. They may be
        infinite, as means and medians can be; two that are infinite alike are equal.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights as frequencies; a pair weighs the product of its two.

    Returns
    -------
    concordance : float
        Between 0 and 1.

    Raises
    ------
    ValueError
        For bad data, and where no pair is comparable.

    Notes
    -----
    Time grows as n log n for n rows, memory as n.

    References
    ----------
    Harrell, F. E., Lee, K. L. & Mark, D. B. (1996). Multivariable prognostic models: issues in
    developing models, evaluating assumptions and adequacy, and measuring and reducing errors.
    Statistics in Medicine 15, 361-387.
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4

    Examples
    --------
    >>> from emkit import censored_target
    >>> from emkit.metrics import concordance_index
    >>> y = censored_target([1.0, 2.0, 3.0, 4.0], event=[True, True, False, True])
    >>> concordance_index(y, [0.1, 0.3, 0.2, 0.4])  # the last two are not comparable
    0.8
    """
    target, predicted, weights = _validate(y_true, y_pred, sample_weight, finite=False)
    total, ordered = _compared(target, predicted, weights)
    if total == 0.0:
        raise ValueError(
            "No pair of responses is comparable: of no two is it known which is the larger. The "
            "concordance index needs responses that differ by more than their bounds leave open."
        )
    return float(ordered / total)


def r2_exact(y_true: Any, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """R squared on the rows whose response is exact.

    Which rows are exact depends on the response wherever long times are the censored ones: this is
    a measure of fit to the exact rows, not to all. `EMCensoredRegressor.score` uses every row.
    Entries have no part in it.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), (n_samples, 2) or (n_samples, 3), structured or frame
        Responses in any form of `emkit.censored_target`; numbers of one dimension are exact.
    y_pred : array-like of shape (n_samples,)
        Predictions.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights as frequencies.

    Returns
    -------
    r2 : float
        At most 1; see `sklearn.metrics.r2_score`.

    Raises
    ------
    ValueError
        For bad data, and where no response is exact.

    Examples
    --------
    >>> from emkit import censored_target
    >>> from emkit.metrics import r2_exact
    >>> y = censored_target([1.0, 2.0, 3.0, 4.0], event=[True, True, True, False])
    >>> r2_exact(y, [1.5, 2.0, 3.0, 9.0])
    0.875
    """
    (low, high, _), predicted, weights = _validate(y_true, y_pred, sample_weight)
    exact = (low == high) & (weights > 0.0)
    if not exact.any():
        raise ValueError("No response is exact: R squared has nothing to compare predictions with.")
    true, guess = _in_unit(np.stack([low[exact], predicted[exact]]))
    return float(r2_score(true, guess, sample_weight=weights[exact]))


class _Scorer:
    """What scorers share: weights that a scorer asks for or not."""

    request: bool | str | None = None

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """A scorer that asks for weights, or not, under scikit-learn's metadata routing.

        Parameters
        ----------
        sample_weight : bool, str or None
            As in scikit-learn: True asks for it, False does without it, a name is what it is
            passed as, None makes it an error to pass it.

        Returns
        -------
        scorer : object
            A new one; this one stays as it is.
        """
        scorer = copy(self)
        scorer.request = sample_weight
        return scorer

    def get_metadata_routing(self) -> MetadataRequest:
        """What this scorer asks for.

        Returns
        -------
        routing : MetadataRequest
            As scikit-learn keeps it.
        """
        routing = MetadataRequest(owner=self)
        routing.score.add_request(param="sample_weight", alias=self.request)
        return routing


class ModelScorer(_Scorer):
    """What a fitted model says of data by one of its methods, for ``scoring=``; greater is better.

    An information criterion belongs to the data it was fitted on, so there is nothing to leave
    out: ``cv=[(all, all)]`` fits and scores all rows, ``all`` being their indices.

    Parameters
    ----------
    method : str
        Name of the method, which takes ``X``, or ``X`` and ``y``, and ``sample_weight`` where that
        is given. Of a `Pipeline` it is the last step's, on what the steps before make of X; of a
        search that of its best estimator.
    sign : {1, -1}
        -1 where less is better.

    Raises
    ------
    TypeError
        When called with a model that has no such method, or no likelihood.

    See Also
    --------
    emkit.EMGaussianMixtureIC : The grid of mixtures at one go, with shared starts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from emkit import EMGaussianMixture
    >>> from emkit.metrics import bic_scorer
    >>> X = load_iris().data
    >>> all = np.arange(len(X))
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "tied"]}
    >>> mixture = EMGaussianMixture(n_init=5, random_state=0)
    >>> search = GridSearchCV(mixture, grid, scoring=bic_scorer, cv=[(all, all)]).fit(X)
    >>> search.best_params_
    {'covariance_type': 'full', 'n_components': 2}
    >>> bool(search.best_score_ == -search.best_estimator_.bic(X))
    True
    """

    def __init__(self, method: str, sign: int):
        self.method = method
        self.sign = sign

    def __call__(self, estimator: Any, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        estimator, X = _last_step(estimator, X)
        # `score` is a likelihood only of models that tell one row by row.
        if not (hasattr(estimator, self.method) and hasattr(estimator, "score_samples")):
            raise TypeError(
                f"{self!r} needs a model with the methods {self.method} and score_samples. Got "
                f"{type(estimator).__name__}."
            )
        method = getattr(estimator, self.method)
        options = {"y": y} if "y" in signature(method).parameters else {}
        if sample_weight is not None:
            options["sample_weight"] = sample_weight
        return self.sign * float(method(X, **options))

    def __repr__(self) -> str:
        return f"ModelScorer(method={self.method!r}, sign={self.sign})"


class ConcordanceScorer(_Scorer):
    """`concordance_index` of fitted medians, for ``scoring=``; of other models, of ``predict``.

    Medians are finite where means are not, as those of 'loglogistic' from a scale of 1 on. The
    model may be the last step of a `Pipeline`, the best of a search, or both.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_lung
    >>> from emkit.metrics import concordance_scorer
    >>> X, y = load_lung(return_X_y=True)
    >>> X = X[:, :2]  # age and sex
    >>> regressor = EMCensoredRegressor(distribution="loglogistic")
    >>> cross_val_score(regressor, X, y, cv=3, scoring=concordance_scorer).round(2)
    array([0.53, 0.65, 0.61])
    """

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        last, inner = _last_step(estimator, X)
        if isinstance(last, EMCensoredRegressor | EMSurvivalCurve):
            predicted = last.predict_quantile(inner)
        else:
            predicted = estimator.predict(X)
        return concordance_index(y, predicted, sample_weight)

    def __repr__(self) -> str:
        return "ConcordanceScorer()"


def _last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The model in pipelines and fitted searches, and X as the steps before make it."""
    while True:
        if isinstance(estimator, Pipeline):
            if len(estimator) > 1:
                X = estimator[:-1].transform(X)
            estimator = estimator[-1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator, X


#: Minus the Bayesian information criterion; with ``cv=[(all, all)]``, see `ModelScorer`.
bic_scorer = ModelScorer("bic", -1)

#: Minus the Akaike information criterion; with ``cv=[(all, all)]``, see `ModelScorer`.
aic_scorer = ModelScorer("aic", -1)

#: Minus the integrated completed likelihood criterion; with ``cv=[(all, all)]``, see `ModelScorer`.
icl_scorer = ModelScorer("icl", -1)

#: Mean log-likelihood of a row, ``score`` of a density: for the rows that a fold leaves out.
log_likelihood_scorer = ModelScorer("score", 1)

#: `concordance_index` of fitted medians, for ``scoring=``, see `ConcordanceScorer`.
concordance_scorer = ConcordanceScorer()

#: `r2_exact` of what ``predict`` returns, for ``scoring=``.
r2_exact_scorer = make_scorer(r2_exact)


def _compared(target: Target, predicted: Array, weights: Array) -> tuple[float, float]:
    """Weight of the comparable pairs, 0 where there are none, and of those in order."""
    low, high, entry = target
    exact, counts = low == high, weights > 0.0
    # Only these can be the larger one of a pair, and only those the smaller one.
    over, under = np.flatnonzero(counts & (low > -np.inf)), np.flatnonzero(counts & (high < np.inf))
    times = np.concatenate([low[over], high[under], *([] if entry is None else [entry[over]])])
    ranks = np.unique(times, return_inverse=True)[1]
    from_, to, since = np.split(ranks, [len(over), len(over) + len(under)])

    # Of equal times: what may be smaller, exact, exact, what may be larger.
    smaller = Side(4 * to + np.where(exact[under], 2, 0), predicted[under], weights[under])
    larger = Side(4 * from_ + np.where(exact[over], 1, 3), predicted[over], weights[over])
    compared = [(1.0, smaller, larger)]
    if entry is not None:  # one that came later would not be there, had it been the smaller
        compared += [(-1.0, smaller._replace(key=2 * to), larger._replace(key=2 * since + 1))]
    # A difference of weights could be rounding where there is no pair.
    if not sum(sign * pairs(*map(_counted, sides)) for sign, *sides in compared):
        return 0.0, 0.0
    total = sum(sign * pairs(*sides) for sign, *sides in compared)
    return total, sum(sign * pairs_in_order(*sides) for sign, *sides in compared)


def _counted(side: Side) -> Side:
    return side._replace(weight=np.ones(len(side.key)))


def _validate(
    y_true: Any, y_pred: ArrayLike, sample_weight: ArrayLike | None, finite: bool = True
) -> tuple[Target, Array, Array]:
    target = load_target(y_true)
    y_pred = argument_of(y_pred, "y_pred")
    predicted = check_array(
        y_pred, ensure_2d=False, dtype=np.float64, ensure_all_finite=False, input_name="y_pred"
    )
    if np.isnan(predicted).any():
        raise ValueError("Input y_pred contains NaN.")
    if finite and np.isinf(predicted).any():
        raise ValueError("Input y_pred contains infinity.")
    predicted = column_or_1d(predicted)
    check_consistent_length(target.low, predicted)
    weights = check_weights(sample_weight, predicted)
    weights = np.ones(len(predicted)) if weights is None else _in_unit(weights)
    return target, predicted, weights


def _in_unit(values: Array) -> Array:
    """Values over a power of two, so that the largest is about 1, and no product overflows."""
    scaled: Array = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
    return scaled
