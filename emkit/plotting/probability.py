"""ProbabilityPlotDisplay: failure times on the axis of a law, where one that fits is a line."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from emkit._typing import Array
from emkit.censored.confidence import quantile_error
from emkit.censored.prediction import check_level
from emkit.censored.regressor import EMCensoredRegressor
from emkit.censored.rows import read_predictors
from emkit.plotting.common import (
    BLUE,
    axes_for,
    check_usable,
    last_step,
    one_or_all,
    pyplot,
    write_plainly,
)
from emkit.plotting.residuals import ResidualCurve

__all__ = ["ProbabilityPlot", "ProbabilityPlotDisplay"]

#: Probabilities that an axis may have ticks at, and points of a line.
TICKS = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999)
POINTS = 101


class ProbabilityPlot(NamedTuple):
    """One law: points and line on its own axis."""

    name: str
    aic: float
    log_scale: bool  #: whether the line is one of the logarithm of times
    left: Array  #: (n_points,) where a fall begins
    right: Array  #: (n_points,) where it ends; equal to left at an exact time
    failed: Array  #: (n_points,) share that has failed, half of the fall included
    line: Array  #: (POINTS,) times
    band: Array | None  #: (POINTS, 2) their confidence limits
    shares: Array  #: (POINTS,) shares that have failed by then
    law: Any  #: whose quantile makes the axis


class ProbabilityPlotDisplay:
    """Probability plots of fitted laws side by side, with their AIC.

    Each panel has shares that have failed on an axis on which its law is a straight line, and times
    on that of its line. Dots are times by `EMSurvivalCurve` (Kaplan-Meier, Turnbull), a bar an
    interval in which the curve falls in a way that the data do not tell. The share of a dot is the
    middle of its fall; where all entries are delayed, what failed before the first is the law's. Of
    a regression, times are as they would be at the mean of all lines: standardised residuals, in
    the unit of y. The band holds confidence limits of the quantiles. Where points leave the line,
    the law is wrong; of several, the least AIC, which is printed in bold, is the best guess.

    Use `from_estimators` to make one.

    Parameters
    ----------
    plots : list of ProbabilityPlot
        What is in each panel.
    level : float
        Level of the confidence limits.
    target_name : str
        What the times are.

    Attributes
    ----------
    ax_ : Axes or ndarray of Axes
        The axes.
    figure_ : Figure
        Their figure.
    points_ : list of Line2D
        Dots of each panel.
    bars_ : list of LineCollection
        Intervals.
    lines_ : list of Line2D
        Fitted laws.
    bands_ : list of PolyCollection or None
        Confidence limits.

    Examples
    --------
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_lung
    >>> from emkit.plotting import ProbabilityPlotDisplay
    >>> X, y = load_lung(return_X_y=True)
    >>> laws = [
    ...     EMCensoredRegressor(distribution=name).fit(X[:, :2], y)
    ...     for name in ("weibull", "lognormal")
    ... ]
    >>> display = ProbabilityPlotDisplay.from_estimators(laws, X[:, :2], y)
    >>> [ax.get_title() for ax in display.ax_]
    ['weibull, AIC 2302.1', 'lognormal, AIC 2325.5']
    """

    def __init__(self, *, plots: Any, level: Any, target_name: Any):
        self.plots = plots
        self.level = level
        self.target_name = target_name

    @classmethod
    def from_estimators(
        cls,
        estimators: Any,
        X: Any,
        y: Any,
        *,
        level: float = 0.95,
        sample_weight: Any = None,
        target_name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Show the probability plots of fitted regressors.

        Parameters
        ----------
        estimators : EMCensoredRegressor or sequence of such
            Fitted regressors, or pipelines or searches of them.
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Times in any form that ``fit`` takes.
        level : float, default=0.95
            Level of the confidence limits.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.
        target_name : str, default=None
            What y is, with its unit; None takes the name of a pandas Series.
        ax : Axes or array of Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : ProbabilityPlotDisplay
            The display, drawn.
        """
        pyplot()
        estimators = [estimators] if hasattr(estimators, "fit") else list(estimators)
        if not estimators:
            raise ValueError("estimators is empty: give one fitted regressor at least.")
        pairs = [last_step(estimator, X) for estimator in estimators]
        for model, _ in pairs:
            check_usable(model, cls, ["residuals", "aic"])
        level = check_level(level)
        return cls(
            plots=[_plot_of(model, own, y, sample_weight, level) for model, own in pairs],
            level=level,
            target_name=target_name or getattr(y, "name", None) or "time",
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Where to draw, one for each law; None makes a new figure.
        **kwargs
            Passed on to ``Axes.plot`` for the points.

        Returns
        -------
        self : ProbabilityPlotDisplay
            The display.
        """
        n = len(self.plots)
        shape = (1, n) if n <= 3 or ax is not None else (-(-n // 3), 3)
        shape = (2, 2) if n == 4 and ax is None else shape
        axes = axes_for(ax, shape, (3.8, 3.5)).ravel()
        for spare in axes[n:]:
            spare.remove()
        axes = axes[:n]
        self.ax_, self.figure_ = one_or_all(axes), axes[0].figure
        self.points_: list[Any] = []
        self.bars_: list[Any] = []
        self.lines_: list[Any] = []
        self.bands_: list[Any] = []
        best = min(plot.aic for plot in self.plots)
        for panel, plot in zip(axes, self.plots, strict=True):
            self._draw(panel, plot, kwargs)
            weight = "bold" if n > 1 and plot.aic == best else "normal"
            panel.set_title(
                f"{plot.name}, AIC {plot.aic:.1f}", fontweight=weight, fontsize="medium"
            )
        return self

    def _draw(self, ax: Any, plot: ProbabilityPlot, kwargs: dict[str, Any]) -> None:
        height = plot.law.quantile(plot.shares)
        at = plot.law.quantile(plot.failed)
        exact = plot.left == plot.right
        look = {"color": "black", "marker": "o", "markersize": 3, "linestyle": "none", "alpha": 0.7}
        (points,) = ax.plot(
            plot.right[exact], at[exact], **{**look, "markeredgewidth": 0, **kwargs}
        )
        bars = ax.hlines(
            at[~exact],
            plot.left[~exact],
            plot.right[~exact],
            color="black",
            alpha=0.7,
            linewidth=2.0,
        )
        ends = np.concatenate([plot.left, plot.right])
        room = _room(ends[ends > 0.0] if plot.log_scale else ends, plot.log_scale)
        inside = (plot.line >= room[0]) & (plot.line <= room[1])
        (line,) = ax.plot(plot.line[inside], height[inside], color=BLUE, linewidth=1.5)
        band = None
        if plot.band is not None:
            band = ax.fill_betweenx(height, *plot.band.T, color=BLUE, alpha=0.18, linewidth=0)
        if plot.log_scale:
            ax.set_xscale("log")
            write_plainly(ax.xaxis)
        margin = 0.04 * (height[-1] - height[0])
        ax.set(xlim=room, ylim=(height[0] - margin, height[-1] + margin))
        ticks = _ticks(plot.law, height)
        ax.set_yticks(plot.law.quantile(ticks), [f"{100.0 * p:.4g}" for p in ticks])
        ax.set(xlabel=self.target_name, ylabel="% failed")
        self.points_.append(points)
        self.bars_.append(bars)
        self.lines_.append(line)
        self.bands_.append(band)


def _plot_of(
    regressor: EMCensoredRegressor, X: Any, y: Any, sample_weight: Any, level: float
) -> ProbabilityPlot:
    distribution = regressor._distribution
    law, link = distribution.law, distribution.link
    curve, since = ResidualCurve.of(regressor, X, y, sample_weight)
    checked = read_predictors(regressor, X)
    weight = np.ones(len(checked)) if sample_weight is None else np.asarray(sample_weight, float)
    centre = float(weight @ regressor._location(checked) / weight.sum())
    means = weight @ checked / weight.sum()  # of no columns too, as np.average is not
    scale = float(np.exp(np.mean(np.log(regressor.scale_))))
    kept = (curve.masses_ > 0.0) & np.isfinite(curve.intervals_[:, 1])
    fallen = np.cumsum(curve.masses_)
    failed = 1.0 - np.exp(-since) * (1.0 - (fallen - 0.5 * curve.masses_)[kept])
    if not len(failed):
        raise ValueError("No response is bounded from above: there are no points to draw.")

    def times(hazard: Array) -> Array:
        z = np.full(len(hazard), -np.inf)
        z[hazard > 0.0] = law.inverse_log_sf(-hazard[hazard > 0.0])
        return link.to_response(centre + scale * z)

    left, right = (times(end) for end in curve.intervals_[kept].T)
    least, most = (law.quantile(np.array(p)) for p in (failed[0], failed[-1]))
    room = 0.05 * (most - least) + 0.1
    z = np.linspace(least - room, most + room, POINTS)
    return ProbabilityPlot(
        name=regressor.distribution,
        aic=float(regressor.aic(X, y, sample_weight)),
        log_scale=link.positive,
        left=left,
        right=right,
        failed=failed,
        line=link.to_response(centre + scale * z),
        band=_band(regressor, means, centre, scale, law.cdf(z), level),
        shares=law.cdf(z),
        law=law,
    )


def _band(
    regressor: Any, means: Array, centre: float, scale: float, shares: Array, level: float
) -> Array | None:
    """Confidence limits (n, 2) of the quantiles; None where these have no standard errors."""
    if np.ndim(regressor.scale_):  # of each stratum its own
        return None
    error = quantile_error(regressor, means[None], shares)[0]
    if np.isnan(error).any():
        return None
    half = ndtri(0.5 + 0.5 * level) * error
    line = centre + scale * regressor._distribution.law.quantile(shares)
    limits = line[:, None] + np.column_stack([-half, half])
    return np.asarray(regressor._distribution.link.to_response(limits))


def _ticks(law: Any, height: Array) -> Array:
    """Probabilities within an axis, none so near to another that its number hides that."""
    kept: list[float] = []
    apart = 0.055 * (height[-1] - height[0])
    for p in sorted(TICKS, key=lambda p: abs(p - 0.5)):  # those in the middle first
        z = law.quantile(np.array(p))
        far = all(abs(z - law.quantile(np.array(other))) > apart for other in kept)
        if height[0] <= z <= height[-1] and far:
            kept.append(p)
    return np.array(sorted(kept))


def _room(ends: Array, log_scale: bool) -> tuple[float, float]:
    """Limits of an axis about some values."""
    ends = ends[np.isfinite(ends)]
    values = np.log(ends) if log_scale else ends
    margin = 0.06 * (values.max() - values.min()) + (0.05 if log_scale else 1e-12)
    low, high = values.min() - margin, values.max() + margin
    return (float(np.exp(low)), float(np.exp(high))) if log_scale else (float(low), float(high))
