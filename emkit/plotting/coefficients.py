"""CoefficientDisplay: estimates with their confidence limits, one below the other."""

from typing import Any

import numpy as np

from emkit.censored.prediction import check_level
from emkit.plotting.common import (
    BLUE,
    axes_for,
    check_usable,
    choose_features,
    feature_names,
    last_step,
    pyplot,
    told_apart,
    write_plainly,
)

__all__ = ["CoefficientDisplay"]


class CoefficientDisplay:
    """Forest plot: coefficients of a regression with their confidence limits.

    A dot is an estimate, the line through it its limits. With ``ratios`` both are exponentials: by
    which factor times change where a feature is larger by 1. Coefficients that the data do not
    determine have no limits, and an open dot.

    Use `from_estimator` to make one.

    Parameters
    ----------
    names : sequence of str of length n_coefficients
        What they are called.
    estimate : ndarray of shape (n_coefficients,)
        Estimates.
    limits : ndarray of shape (n_coefficients, 2)
        Confidence limits; NaN where there are none.
    level : float
        Their level.
    ratios : bool
        Whether all are exponentials.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.
    points_, open_ : Line2D
        Estimates with and without limits.
    lines_ : LineCollection
        Limits.

    Examples
    --------
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_lung
    >>> from emkit.plotting import CoefficientDisplay
    >>> X, y = load_lung(return_X_y=True, as_frame=True)
    >>> model = EMCensoredRegressor(distribution="weibull").fit(X[["age", "sex"]], y)
    >>> display = CoefficientDisplay.from_estimator(model, ratios=True)
    >>> display.estimate.round(2)
    array([0.99, 1.47])
    """

    def __init__(self, *, names: Any, estimate: Any, limits: Any, level: Any, ratios: Any):
        self.names = names
        self.estimate = estimate
        self.limits = limits
        self.level = level
        self.ratios = ratios

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        features: Any = None,
        level: float = 0.95,
        ratios: bool = False,
        ax: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Show the coefficients of a fitted regressor.

        Parameters
        ----------
        estimator : EMCensoredRegressor, or a Pipeline or search of one
            A fitted regressor.
        features : int, str or sequence of such, default=None
            Features to show, in that order; None: all of the line.
        level : float, default=0.95
            Level of the confidence limits.
        ratios : bool, default=False
            Whether to show exponentials: ratios of times, for laws of the logarithm.
        ax : Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : CoefficientDisplay
            The display, drawn.
        """
        pyplot()
        estimator, _ = last_step(estimator)
        check_usable(estimator, cls, ["summary", "residuals"])
        level = check_level(level)
        if ratios and not estimator._distribution.link.positive:
            raise ValueError(
                f"ratios=True needs a law of the logarithm of y, in which features multiply times; "
                f"in distribution={estimator.distribution!r} they add to them."
            )
        table = estimator.summary(level)
        lead = int(estimator.fit_intercept)
        table = table.iloc[lead : lead + len(estimator.coef_)]
        names = _line_names(estimator)
        if not len(names):
            raise ValueError(
                "The line has no coefficients to draw: the regressor was fitted without features."
            )
        chosen = np.arange(len(names)) if features is None else choose_features(features, names)
        values = table[["estimate", "lower", "upper"]].to_numpy()[chosen]
        values = np.exp(values) if ratios else values
        return cls(
            names=[str(name) for name in names[chosen]],
            estimate=values[:, 0],
            limits=values[:, 1:],
            level=level,
            ratios=ratios,
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to ``Axes.plot`` for the estimates.

        Returns
        -------
        self : CoefficientDisplay
            The display.
        """
        n = len(self.names)
        ax = self.ax_ = axes_for(ax, (1, 1), (5.6, 1.3 + 0.36 * n)).item()
        self.figure_ = ax.figure
        at, known = np.arange(n)[::-1], np.isfinite(self.limits).all(axis=1)
        look = {"color": BLUE, "marker": "o", "markersize": 5, "linestyle": "none", **kwargs}
        self.lines_ = ax.hlines(at[known], *self.limits[known].T, color=BLUE, linewidth=1.6)
        (self.points_,) = ax.plot(self.estimate[known], at[known], **look)
        (self.open_,) = ax.plot(
            self.estimate[~known], at[~known], **{**look, "markerfacecolor": "none"}
        )
        nothing = 1.0 if self.ratios else 0.0
        ax.plot([nothing] * 2, [-0.5, n - 0.5], "--", color="0.4", linewidth=1.0, zorder=0)
        if self.ratios:
            ax.set_xscale("log")
            write_plainly(ax.xaxis)
        ax.set_yticks(at, told_apart(self.names))
        ax.set(ylim=(-0.5, n - 0.5))
        what = "ratio of times" if self.ratios else "coefficient"
        ax.set(xlabel=f"{what}, {100.0 * self.level:.3g} % limits", ylabel="feature")
        return self


def _line_names(estimator: Any) -> Any:
    names, strata = feature_names(estimator), vars(estimator).get("_strata")
    return names if strata is None else names[list(strata.line)]
