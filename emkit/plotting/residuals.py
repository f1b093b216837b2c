"""ResidualDisplay: whether a regression of failure times is right about its rows."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.censored.prediction import check_level
from emkit.censored.rows import read_predictors
from emkit.censored.survival_curve import EMSurvivalCurve
from emkit.censored.target import load_target
from emkit.plotting.censored_responses import CENSORED, EXACT
from emkit.plotting.common import (
    BLUE,
    axes_for,
    check_usable,
    choose_features,
    feature_names,
    last_step,
    legend_above,
    one_or_all,
    pyplot,
    write_plainly,
)
from emkit.plotting.survival_marks import boxes_of, draw_boxes

__all__ = ["ResidualCurve", "ResidualDisplay"]

#: Ticks at each value of a feature that has so few.
FEW_VALUES = 6


class ResidualDisplay:
    """Cox-Snell residuals against the exponential law, and deviance residuals against the line.

    On the left, the cumulative hazard of the Cox-Snell residuals by `EMSurvivalCurve`, censored and
    entered as the responses are: a fit that is right follows the diagonal but for chance, which the
    band shows. A box is where the hazard may rise in any way. On the right, deviance residuals
    against the fitted median or a feature: without a pattern about 0. What is censored on the right
    lies below 0, as it has not come early.

    Use `from_estimator` to make one.

    Parameters
    ----------
    curve : EMSurvivalCurve
        Curve of the Cox-Snell residuals.
    since : float
        Their first entry, to which the exponential law is taken for right; 0 where some have none.
    limits : ndarray of shape (n_steps, 2) or None
        Confidence limits of it where it falls.
    level : float or None
        Their level.
    x : ndarray of shape (n_samples,)
        What deviance residuals are drawn against.
    deviance : ndarray of shape (n_samples,)
        Deviance residuals.
    exact : ndarray of bool of shape (n_samples,)
        Whether the response is exact.
    x_name : str
        What x is.
    log_scale : bool
        Whether x is drawn on a logarithmic scale.

    Attributes
    ----------
    ax_ : ndarray of shape (2,)
        The axes.
    figure_ : Figure
        Their figure.
    hazard_ : Line2D
        Cumulative hazard of the Cox-Snell residuals.
    diagonal_ : Line2D
        That of the exponential law.
    band_ : PolyCollection or None
        Confidence limits.
    boxes_ : PolyCollection
        Where the hazard may rise in any way.
    exact_, censored_ : Line2D
        Deviance residuals of exact and of censored responses.

    Examples
    --------
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_motorettes
    >>> from emkit.plotting import ResidualDisplay
    >>> X, y = load_motorettes(return_X_y=True)
    >>> regressor = EMCensoredRegressor(distribution="weibull").fit(X, y)
    >>> display = ResidualDisplay.from_estimator(regressor, X, y)
    >>> len(display.exact_.get_xdata()), len(display.censored_.get_xdata())
    (17, 23)
    """

    def __init__(
        self,
        *,
        curve: Any,
        since: Any,
        limits: Any,
        level: Any,
        x: Any,
        deviance: Any,
        exact: Any,
        x_name: Any,
        log_scale: Any,
    ):
        self.curve = curve
        self.since = since
        self.limits = limits
        self.level = level
        self.x = x
        self.deviance = deviance
        self.exact = exact
        self.x_name = x_name
        self.log_scale = log_scale

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        feature: int | str | None = None,
        level: float | None = 0.95,
        n_resamples: int = 200,
        sample_weight: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Show residuals of rows.

        Parameters
        ----------
        estimator : EMCensoredRegressor, or a Pipeline or search of one
            A fitted regressor.
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that ``fit`` takes.
        feature : int or str, default=None
            The feature that deviance residuals are drawn against, by index or name; None: the
            fitted median.
        level : float or None, default=0.95
            Level of the confidence limits of the curve, which take ``n_resamples`` fits; None:
            none.
        n_resamples : int, default=200
            See `EMSurvivalCurve.predict_survival_function`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies, of the curve.
        ax : array of Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : ResidualDisplay
            The display, drawn.
        """
        pyplot()
        estimator, X = last_step(estimator, X)
        check_usable(estimator, cls, ["residuals", "predict_quantile"])
        level = None if level is None else check_level(level)
        curve, since = ResidualCurve.of(estimator, X, y, sample_weight)
        limits = None if level is None else residual_limits(curve, level, n_resamples)
        low, high, _ = load_target(y, estimator.left, estimator.right)
        positive = estimator._distribution.link.positive
        if feature is None:
            x, x_name = np.asarray(estimator.predict_quantile(X)), "fitted median"
        else:
            (j,) = choose_features([feature], feature_names(estimator), "feature")
            x, x_name = read_predictors(estimator, X)[:, j], str(feature_names(estimator)[j])
        return cls(
            curve=curve,
            since=since,
            limits=limits,
            level=level,
            x=x,
            deviance=np.asarray(estimator.residuals(X, y, kind="deviance")),
            exact=low == high,
            x_name=x_name,
            log_scale=positive and feature is None,
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : array of Axes, default=None
            Two axes to draw on; None makes a new figure.
        **kwargs
            Passed on to ``Axes.plot`` for the deviance residuals.

        Returns
        -------
        self : ResidualDisplay
            The display.
        """
        axes = axes_for(ax, (1, 2), (4.8, 4.4))
        self.ax_, self.figure_ = one_or_all(axes), axes[0, 0].figure
        self._draw_hazard(axes[0, 0])
        self._draw_deviance(axes[0, 1], kwargs)
        return self

    def _draw_hazard(self, ax: Any) -> None:
        times, survival = self.curve.times_, _survival_at(self.curve)
        known = survival > 0.0
        x = np.append(self.since, times[known])
        hazard = self.since - np.log(np.append(1.0, survival[known]))
        (self.hazard_,) = ax.step(
            x, hazard, where="post", color="black", linewidth=1.4, label="residuals"
        )
        self.band_ = None
        if self.limits is not None and len(x) > 1:
            with np.errstate(divide="ignore"):
                limits = self.since - np.log(np.vstack([[1.0, 1.0], self.limits[known]]))
            top = 1.3 * max(hazard.max(), x.max())
            self.band_ = ax.fill_between(
                x,
                *np.minimum(limits, top).T,
                step="post",
                color="black",
                alpha=0.13,
                linewidth=0,
                label=f"{100.0 * self.level:.3g} % limits",
            )
        end = 1.05 * max(x.max(), hazard.max(), 1e-3)
        left, right, low, high = boxes_of(self.curve, self.since).T
        with np.errstate(divide="ignore"):
            risen = np.minimum(self.since - np.log(np.stack([high, low])), 2.0 * end)
        self.boxes_ = draw_boxes(ax, np.column_stack([left, right, *risen]), "black")
        (self.diagonal_,) = ax.plot([0.0, end], [0.0, end], "--", color=BLUE, label="exponential")
        ax.set(xlim=(0.0, end), ylim=(0.0, end))
        ax.set(xlabel="Cox-Snell residual", ylabel="cumulative hazard")
        legend_above(ax)

    def _draw_deviance(self, ax: Any, kwargs: dict[str, Any]) -> None:
        looks = [
            (self.exact, {**EXACT, "marker": "o", "label": "exact"}),
            (~self.exact, {**CENSORED, "marker": "o", "markersize": 4, "label": "censored"}),
        ]
        self.exact_, self.censored_ = (
            ax.plot(self.x[rows], self.deviance[rows], **{"linestyle": "none", **look, **kwargs})[0]
            for rows, look in looks
        )
        values = np.unique(self.x)
        ax.plot(values[[0, -1]], [0.0, 0.0], "--", color=BLUE, linewidth=1.2)
        if self.log_scale:
            ax.set_xscale("log")
            write_plainly(ax.xaxis)
        elif len(values) <= FEW_VALUES and (values == np.round(values)).all():
            ax.set_xticks(values)
            ax.margins(x=0.25)
        ax.set(xlabel=self.x_name, ylabel="deviance residual")
        shown = [line for line in (self.exact_, self.censored_) if len(line.get_xdata())]
        legend_above(ax, shown)


class ResidualCurve(NamedTuple):
    """The curve of Cox-Snell residuals."""

    curve: EMSurvivalCurve
    #: The first entry, 0 where some have none: what the curve says is given survival to it.
    since: float

    @classmethod
    def of(cls, regressor: Any, X: Any, y: Any, sample_weight: Any = None) -> "ResidualCurve":
        rows = np.asarray(regressor.residuals(X, y, kind="cox-snell"))
        curve = EMSurvivalCurve(random_state=0, n_jobs=regressor.n_jobs)
        curve.fit(None, rows, sample_weight=sample_weight)
        counted = slice(None) if sample_weight is None else np.asarray(sample_weight) > 0.0
        return cls(curve, max(float(rows[counted, 2].min()), 0.0))


def residual_limits(curve: EMSurvivalCurve, level: float, n_resamples: int) -> Array:
    """Confidence limits (n_steps, 2) of a curve where it falls."""
    _, limits = curve.predict_survival_function(
        [[0.0]], return_ci=True, level=level, n_resamples=n_resamples
    )
    found: Array = limits[0]
    return found


def _survival_at(curve: EMSurvivalCurve) -> Array:
    survival: Array = curve.predict_survival_function([[0.0]])[0]
    return survival
