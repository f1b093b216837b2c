"""CensoredRegressionDisplay: responses with their bounds, and the fitted line."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from emkit.censored.rows import read_predictors
from emkit.censored.target import load_target
from emkit.data.numbers import argument_of
from emkit.plotting.censored_line import fitted_line, times_over
from emkit.plotting.censored_responses import draw_responses
from emkit.plotting.common import (
    BLUE,
    axes_for,
    check_probabilities,
    check_usable,
    colours,
    feature_names,
    legend_above,
    one_or_all,
    pyplot,
    write_plainly,
)

__all__ = ["CensoredRegressionDisplay"]

STYLES = ("-", "--", "-.", ":")
#: The most survival functions that a legend names, and covariates that one is named by.
MOST_NAMED, MOST_COVARIATES = 20, 3
#: Values of a covariate that are ticks of their own, at most.
FEW_GROUPS = 6


class CensoredRegressionDisplay:
    """Exact and censored responses with the fitted line, its band, and quantiles.

    Dots are exact responses; an arrow starts at the bound of a response that is only known to lie
    beyond it; a bar spans the interval of one that lies between two bounds. The line is the median
    of the response (where its law is symmetric the mean too), the band its pointwise confidence
    interval, and the dashed lines are quantiles of the response. A number beside a dot or an arrow
    is how many rows it stands for; where more than forty stand for several, it is left out.

    Use `from_estimator` to make one.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        What the responses are drawn against.
    lower, upper : ndarray of shape (n_samples,)
        Bounds of the responses; equal where exact, infinite where open.
    grid : ndarray of shape (n_points,)
        Where the line is computed.
    line : ndarray of shape (n_points,)
        Median of the response.
    band : ndarray of shape (n_points, 2) or None
        Confidence limits of the line; None where it is drawn against the fitted median.
    level : float
        Their level.
    quantiles : ndarray of shape (n_points, n_quantiles)
        Quantiles of the response.
    probabilities : ndarray of shape (n_quantiles,)
        Their probabilities.
    rows : sequence of int
        Rows whose survival functions are shown.
    times : ndarray of shape (n_times,)
        Where these are computed.
    survival : ndarray of shape (n_rows, n_times)
        Probability that the response is larger.
    feature_name, target_name : str
        Labels of the axes.
    log_scale : bool
        Whether the responses are drawn on a logarithmic scale, where the line is straight.
    row_labels : sequence of str, default=None
        What the survival functions are called; None takes the numbers of their rows.

    Attributes
    ----------
    ax_ : Axes or ndarray of shape (2,)
        The axes; with ``rows``, those of the line and of the survival functions.
    figure_ : Figure
        The figure of the axes.
    exact_, right_censored_, left_censored_ : Line2D
        Dots, arrows up and arrows down.
    intervals_ : LineCollection
        Bars.
    counts_ : list of Annotation
        Numbers of rows that share a dot or an arrow.
    line_ : Line2D
        The line.
    band_ : PolyCollection or None
        Its confidence band.
    quantile_lines_ : list of Line2D
        A line for each quantile.
    survival_lines_ : list of Line2D
        A line for each of ``rows``.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_motorettes
    >>> from emkit.plotting import CensoredRegressionDisplay
    >>> celsius, hours = load_motorettes(return_X_y=True)
    >>> regressor = EMCensoredRegressor(distribution="lognormal").fit(celsius, hours)
    >>> display = CensoredRegressionDisplay.from_estimator(regressor, celsius, hours)
    >>> len(display.exact_.get_xdata()), len(display.right_censored_.get_xdata())
    (17, 23)
    """

    def __init__(
        self,
        *,
        x: Any,
        lower: Any,
        upper: Any,
        grid: Any,
        line: Any,
        band: Any,
        level: float,
        quantiles: Any,
        probabilities: Any,
        rows: Any,
        times: Any,
        survival: Any,
        feature_name: Any,
        target_name: Any,
        log_scale: Any,
        row_labels: Any = None,
    ):
        self.x = x
        self.lower = lower
        self.upper = upper
        self.grid = grid
        self.line = line
        self.band = band
        self.level = level
        self.quantiles = quantiles
        self.probabilities = probabilities
        self.rows = rows
        self.times = times
        self.survival = survival
        self.feature_name = feature_name
        self.target_name = target_name
        self.log_scale = log_scale
        self.row_labels = [f"row {row}" for row in rows] if row_labels is None else row_labels

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        feature: Any = None,
        level: float = 0.95,
        quantiles: Any = (0.1, 0.9),
        rows: Any = (),
        times: Any = None,
        target_name: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Show responses and the line fitted to them.

        Parameters
        ----------
        estimator : EMCensoredRegressor
            A fitted regressor.
        X : array-like of shape (n_samples, n_features)
            Predictors.
        y : array-like
            Responses in any form that ``fit`` takes.
        feature : int or str, default=None
            The feature to draw against, by index or name; the line then is that of rows whose
            other features are at their means. None: the only feature; of several, the fitted median
            of each row, against which the line is the identity and has no band.
        level : float, default=0.95
            Level of the confidence band.
        quantiles : sequence of float, default=(0.1, 0.9)
            Probabilities of the quantiles; may be empty.
        rows : sequence of int, default=()
            Rows of X whose survival functions are shown in a second panel.
        times : array-like of shape (n_times,), default=None
            Where these are computed; None: over the range of the bounds.
        target_name : str, default=None
            What y is, with its unit; None takes the name of a pandas Series.
        ax : Axes or array of Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : CensoredRegressionDisplay
            The display, drawn.
        """
        pyplot()
        check_usable(estimator, cls, ["predict_survival_function", "predict_quantile"])
        probabilities = check_probabilities(quantiles, "quantiles")
        (level,) = check_probabilities(level, "level")
        distribution = estimator._distribution
        target_name = target_name or getattr(y, "name", None) or "response"
        lower, upper, entry = load_target(y, estimator.left, estimator.right)
        distribution.bounds_to_line(lower, upper, entry)  # refuses what has no place on its scale
        checked = read_predictors(estimator, X)
        check_consistent_length(checked, lower)
        rows = _check_rows(rows, len(checked))
        log_scale = distribution.link.positive
        if times is None:
            times = times_over(lower, upper, log_scale)
        times = np.asarray(argument_of(times, "times"), dtype=float)
        median_name = f"fitted median of {target_name}"
        drawn = fitted_line(estimator, distribution, checked, feature, median_name)
        survival = np.empty((0, len(times)))
        if rows:
            picked = X.iloc[rows] if hasattr(X, "iloc") else checked[rows]
            survival = estimator.predict_survival_function(picked, times)
        return cls(
            x=drawn.x,
            lower=lower,
            upper=upper,
            grid=drawn.grid,
            line=distribution.link.to_response(drawn.median),
            band=drawn.band(level, distribution),
            level=float(level),
            quantiles=distribution.quantile(drawn.location, estimator.scale_, probabilities),
            probabilities=probabilities,
            rows=rows,
            times=times,
            survival=survival,
            feature_name=drawn.label,
            target_name=target_name,
            log_scale=log_scale,
            row_labels=_row_labels(rows, checked, feature_names(estimator)),
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Where to draw: one, or with ``rows`` two. None makes a new figure.
        **kwargs
            Passed on to ``Axes.plot`` for the responses.

        Returns
        -------
        self : CensoredRegressionDisplay
            The display.
        """
        axes = axes_for(ax, (1, 2 if self.rows else 1), (6.0, 4.5))
        self.ax_, self.figure_ = one_or_all(axes), axes[0, 0].figure
        ax = axes[0, 0]
        if self.log_scale:
            ax.set_yscale("log")
            write_plainly(ax.yaxis)
            if self.band is None:
                ax.set_xscale("log")
                write_plainly(ax.xaxis)
        groups = np.unique(self.x)
        if len(groups) <= FEW_GROUPS and (groups == np.round(groups)).all():
            ax.set_xticks(groups)
        self._draw_line(ax)
        (
            self.exact_,
            self.right_censored_,
            self.left_censored_,
            self.intervals_,
            self.counts_,
        ) = draw_responses(ax, self.x, self.lower, self.upper, self.log_scale, kwargs)
        ax.margins(x=0.04, y=0.08)
        ax.set(xlabel=self.feature_name, ylabel=self.target_name)
        shown = [handle for handle in ax.get_legend_handles_labels()[0] if not _is_empty(handle)]
        legend = legend_above(ax, shown)
        for handle in legend.legend_handles:
            if handle.get_label().endswith("t-censored"):  # an arrow of full length has no room
                handle.set(markersize=12)
        self.survival_lines_: list[Any] = []
        if self.rows:
            self._draw_survival(axes[0, 1])
        return self

    def _draw_line(self, ax: Any) -> None:
        (self.line_,) = ax.plot(self.grid, self.line, color=BLUE, linewidth=1.8, label="median")
        self.band_ = None
        if self.band is not None:
            self.band_ = ax.fill_between(
                self.grid,
                *self.band.T,
                color=BLUE,
                alpha=0.2,
                linewidth=0,
                label=f"{100.0 * self.level:.3g} % band of the line",
            )
        self.quantile_lines_ = [
            ax.plot(self.grid, curve, "--", color=BLUE, linewidth=1.0)[0]
            for curve in self.quantiles.T
        ]
        if self.quantile_lines_:
            shown = ", ".join(f"{100.0 * p:.3g}" for p in self.probabilities)
            self.quantile_lines_[0].set_label(f"{shown} % quantiles")

    def _draw_survival(self, ax: Any) -> None:
        for n, (label, curve) in enumerate(zip(self.row_labels, self.survival, strict=True)):
            self.survival_lines_ += ax.plot(
                self.times,
                curve,
                STYLES[n % len(STYLES)],
                color=colours(len(self.rows))[n],
                label=label,
            )
        ax.set(ylim=(0.0, 1.03), xlabel=self.target_name, ylabel="probability of a larger response")
        if len(self.rows) <= MOST_NAMED:
            ax.legend(frameon=False, fontsize="small", ncols=1 + len(self.rows) // 8)


def _row_labels(rows: Any, X: Any, names: Any) -> list[str]:
    """A row by its number and its first covariates."""
    more = ", ..." if len(names) > MOST_COVARIATES else ""
    shown = [
        ", ".join(f"{name} {X[row, j]:.4g}" for j, name in enumerate(names[:MOST_COVARIATES]))
        for row in rows
    ]
    return [f"row {row}: {text}{more}" for row, text in zip(rows, shown, strict=True)]


def _check_rows(rows: Any, n: int) -> Any:
    rows = list(np.atleast_1d(rows))
    wrong = [row for row in rows if not isinstance(row, Integral) or not 0 <= int(row) < n]
    if wrong:
        raise ValueError(f"rows must be indices of rows of X, from 0 to {n - 1}. Got {wrong[0]}.")
    return [int(row) for row in rows]


def _is_empty(artist: Any) -> bool:
    """Whether an artist of responses has none."""
    if hasattr(artist, "get_segments"):
        return not artist.get_segments()
    return hasattr(artist, "get_xdata") and not len(artist.get_xdata())
