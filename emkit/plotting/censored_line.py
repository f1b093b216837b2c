"""The fitted line of a censored regression along one axis, with its standard error."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from emkit.censored.confidence import quantile_error
from emkit.models.laws.distribution import Distribution
from emkit.plotting.common import choose_features, feature_names

__all__ = ["FittedLine", "fitted_line", "refuse_strata", "times_over"]

#: Points of a line.
POINTS = 201


class FittedLine(NamedTuple):
    """Rows and the fitted line along the axis that they are drawn against."""

    x: np.ndarray  #: (n_samples,)
    grid: np.ndarray  #: (POINTS,)
    location: np.ndarray  #: (POINTS,) the line, on its own scale
    median: np.ndarray  #: (POINTS,) of the response, on the scale of the line
    error: np.ndarray | None  #: (POINTS,) its standard error
    label: str

    def band(self, level: float, distribution: Distribution) -> np.ndarray | None:
        """Confidence limits (POINTS, 2) of the median, on the scale of the response."""
        if self.error is None:
            return None
        half = ndtri(0.5 + 0.5 * level) * self.error
        limits = np.column_stack([self.median - half, self.median + half])
        return np.asarray(distribution.link.to_response(limits))


def refuse_strata(estimator: Any, display: type) -> None:
    """ValueError where the fit has several scales, and so no quantiles along one line."""
    if hasattr(estimator, "strata_"):
        raise ValueError(
            f"{display.__name__} draws one line with its quantiles, and each of the strata of this "
            f"{type(estimator).__name__} has a scale of its own. Draw predict_quantile or "
            "predict_survival_function of rows of each stratum, or fit without strata."
        )


def fitted_line(
    estimator: Any, distribution: Distribution, X: Any, feature: Any, median_label: str
) -> FittedLine:
    """The line against a feature, or against the fitted median of several."""
    if np.ndim(estimator.scale_):
        raise ValueError(
            "The regressor has strata with scales of their own, and the display has one band "
            "and one set of quantiles. See SurvivalCurveDisplay for groups, or fit to the rows "
            "of one stratum."
        )
    names, to_response = feature_names(estimator), distribution.link.to_response
    away = estimator.scale_ * distribution.law.quantile(np.array(0.5))  # the median, from the line
    if feature is None and len(names) > 1:
        fitted = estimator._location(X)
        location = np.linspace(fitted.min(), fitted.max(), POINTS)
        median = location + away
        return FittedLine(
            to_response(fitted + away), to_response(median), location, median, None, median_label
        )
    (j,) = choose_features([0 if feature is None else feature], names, "feature")
    grid = np.linspace(X[:, j].min(), X[:, j].max(), POINTS)
    design = np.tile(X.mean(axis=0), (POINTS, 1))
    design[:, j] = grid
    location = estimator._location(design)
    error = quantile_error(estimator, design, np.array(0.5))
    return FittedLine(X[:, j], grid, location, location + away, error, str(names[j]))


def times_over(lower: Any, upper: Any, from_zero: bool) -> Any:
    """Values over the range of the bounds."""
    bounds = np.concatenate([lower, upper])
    bounds = bounds[np.isfinite(bounds)]
    low, high = (0.0 if from_zero else bounds.min()), bounds.max()
    margin = 0.1 * (high - low)
    # Where nothing is below 0, nobody asks for what is.
    first = max(low - margin, 0.0) if low >= 0.0 else low - margin
    return np.linspace(first, high + margin, POINTS)
