"""SurvivalCurveDisplay: curves of failure times by group, numbers at risk, and laws over them."""

from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from emkit._typing import Array
from emkit.censored.prediction import check_level
from emkit.censored.regressor import EMCensoredRegressor
from emkit.censored.survival_curve import EMSurvivalCurve
from emkit.plotting.common import (
    axes_for,
    check_usable,
    colours,
    last_step,
    legend_above,
    one_or_all,
    pyplot,
    write_plainly,
)
from emkit.plotting.survival_groups import Failures, curve_like, labels_of, laws_of, mean_survival
from emkit.plotting.survival_marks import boxes_of, draw_at_risk, draw_boxes, steps_of

__all__ = ["SurvivalCurveDisplay"]

#: Looks of the laws, and points of their curves.
STYLES: tuple[Any, ...] = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
POINTS = 201
#: Most marks of right-censored times.
MOST_MARKS = 500


class SurvivalCurveDisplay:
    """Survival curves without a law by group, with fitted laws over them and numbers at risk.

    Lines are curves of maximum likelihood (Kaplan-Meier's or Turnbull's) by `EMSurvivalCurve`. A
    box is where the curve falls in an interval and the data do not tell how: any way from its upper
    left corner to the lower right one has the same likelihood, and the line falls at its end.
    Ticks are right-censored times. Bands are pointwise confidence limits. Broken lines are laws:
    means over the rows of a group of their survival functions, where all entries are delayed given
    survival to the first of them. Below is the number of rows that are under observation and known
    to have lived.

    Use `from_estimator` to make one.

    Parameters
    ----------
    names : list of str
        What the groups are called; empty for a single one.
    failures : list of Failures
        Times of the rows of each group: bounds, entries and weights.
    curves : list of EMSurvivalCurve
        Their curves.
    limits : list of ndarray of shape (n_steps, 2) or None
        Confidence limits of each curve where it falls.
    level : float or None
        Their level.
    law_names : list of str
        What the laws are called.
    times : list of ndarray of shape (n_times,)
        Where the laws are worked out, for each group.
    survival : list of ndarray of shape (n_laws, n_times)
        Their survival functions, for each group.
    target_name : str
        What the times are.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        Their figure.
    lines_ : list of Line2D
        A curve for each group.
    boxes_ : list of PolyCollection
        Boxes of each group.
    bands_ : list of PolyCollection
        Confidence bands.
    censored_ : list of Line2D
        Right-censored times of each group.
    law_lines_ : list of list of Line2D
        For each group a line for each law.
    at_risk_ : list of Annotation
        Numbers at risk.

    Examples
    --------
    >>> from emkit import EMCensoredRegressor
    >>> from emkit.datasets import load_lung
    >>> from emkit.plotting import SurvivalCurveDisplay
    >>> X, y = load_lung(return_X_y=True, as_frame=True)
    >>> weibull = EMCensoredRegressor(distribution="weibull").fit(X[["sex"]], y)
    >>> display = SurvivalCurveDisplay.from_estimator(
    ...     weibull, X[["sex"]], y, groups="sex", level=None
    ... )
    >>> [line.get_label() for line in display.lines_], display.law_names
    (['sex=1', 'sex=2'], ['weibull'])
    """

    def __init__(
        self,
        *,
        names: Any,
        failures: Any,
        curves: Any,
        limits: Any,
        level: Any,
        law_names: Any,
        times: Any,
        survival: Any,
        target_name: Any,
    ):
        self.names = names
        self.failures = failures
        self.curves = curves
        self.limits = limits
        self.level = level
        self.law_names = law_names
        self.times = times
        self.survival = survival
        self.target_name = target_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        laws: Any = (),
        level: float | None = 0.95,
        n_resamples: int = 200,
        sample_weight: Any = None,
        target_name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Show survival curves of groups of rows.

        Parameters
        ----------
        estimator : EMSurvivalCurve, EMCensoredRegressor, or a Pipeline or search of one
            A fitted curve, which is drawn as it is where there are no groups, and else fitted to
            each; or a fitted regressor, whose curves are drawn over those without a law.
        X : array-like of shape (n_samples, n_features) or None
            Predictors; a curve without groups needs none.
        y : array-like
            Times in any form that ``fit`` takes.
        groups : int, str or array-like of shape (n_samples,), default=None
            The column of X, by index or name, or the labels that tell the groups; None: all rows
            are one.
        laws : EMCensoredRegressor or sequence of such, default=()
            Fitted regressors that are drawn too.
        level : float or None, default=0.95
            Level of the confidence limits of the curves, which take ``n_resamples`` fits; None:
            none.
        n_resamples : int, default=200
            See `EMSurvivalCurve.predict_survival_function`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.
        target_name : str, default=None
            What y is, with its unit; None takes the name of a pandas Series.
        ax : Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : SurvivalCurveDisplay
            The display, drawn.
        """
        pyplot()
        model, _ = last_step(estimator)
        check_usable(model, cls, ["predict_survival_function", "left", "right"])
        pairs = laws_of(estimator, laws, X)
        for law, _ in pairs:
            check_usable(law, cls, ["predict_survival_function"])
        level = None if level is None else check_level(level)
        failures = Failures.of(model, y, sample_weight)
        if X is not None:
            check_consistent_length(X, failures.low)
        codes, names = labels_of(groups, X, estimator, len(failures.low))
        shown = np.flatnonzero(np.bincount(codes, failures.weight) > 0.0)
        parts = [failures.where(codes == k) for k in shown]
        as_it_is = groups is None and isinstance(model, EMSurvivalCurve)
        curves = [model] if as_it_is else [_fitted(model, part) for part in parts]
        over = [
            _laws_over(pairs, part, codes == k, failures.end)
            for k, part in zip(shown, parts, strict=True)
        ]
        return cls(
            names=[names[k] for k in shown],
            failures=parts,
            curves=curves,
            limits=[_limits(curve, level, n_resamples) for curve in curves],
            level=level,
            law_names=_law_names([law for law, _ in pairs]),
            times=[times for times, _ in over],
            survival=[survival for _, survival in over],
            target_name=target_name or getattr(y, "name", None) or "time",
        ).plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, log_scale: bool = False, at_risk: bool = True, **kwargs: Any
    ) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        log_scale : bool, default=False
            Whether times are drawn on a logarithmic scale.
        at_risk : bool, default=True
            Whether numbers at risk stand below.
        **kwargs
            Passed on to ``Axes.step`` for the curves.

        Returns
        -------
        self : SurvivalCurveDisplay
            The display.
        """
        axes = axes_for(ax, (1, 1), (6.4, 4.6 + 0.2 * len(self.names) * at_risk))
        ax = self.ax_ = one_or_all(axes)
        self.figure_ = ax.figure
        self.lines_: list[Any] = []
        self.boxes_: list[Any] = []
        self.bands_: list[Any] = []
        self.censored_: list[Any] = []
        self.law_lines_: list[Any] = []
        self.at_risk_: list[Any] = []
        shades = colours(len(self.names))
        start, end = self._span(log_scale)
        for k in range(len(self.names)):
            self._draw_group(ax, k, shades[k], start, kwargs)
        if log_scale:
            ax.set_xscale("log")
            write_plainly(ax.xaxis)
        margin = 0.0 if log_scale else 0.02 * (end - start)
        ax.set(xlim=(start - margin, end + margin), ylim=(-0.02, 1.03))
        ax.set(xlabel=self.target_name, ylabel="share surviving")
        if at_risk:
            self._write_at_risk(ax, shades)
        self._explain(ax)
        return self

    def _span(self, log_scale: bool) -> tuple[float, float]:
        end = max(part.end for part in self.failures)
        start = min(max(part.start, part.since) for part in self.failures)
        if log_scale:
            falls = np.concatenate([curve.times_ for curve in self.curves])
            start = float(0.8 * falls[falls > 0.0].min(initial=end))
            end *= 1.1
        return start, end

    def _draw_group(self, ax: Any, k: int, colour: Any, start: float, kwargs: Any) -> None:
        part, curve = self.failures[k], self.curves[k]
        first = max(part.start, part.since, start)
        x, y = steps_of(curve, first, part.end)
        look = {"where": "post", "color": colour, "linewidth": 1.6, "label": self.names[k]}
        self.lines_ += ax.step(x, y, **{**look, **kwargs})
        self.boxes_.append(draw_boxes(ax, boxes_of(curve, first), colour))
        if self.limits[k] is not None:
            limits = np.vstack([[1.0, 1.0], self.limits[k], self.limits[k][-1:]])[: len(x)]
            band = ax.fill_between(x, *limits.T, step="post", color=colour, alpha=0.13, linewidth=0)
            self.bands_.append(band)
        right_censored = np.unique(part.low[np.isinf(part.high) & np.isfinite(part.low)])
        right_censored = right_censored[right_censored >= first][:: 1 + len(x) // MOST_MARKS]
        at = curve.predict_survival_function([[0.0]], right_censored)[0]
        self.censored_ += ax.plot(
            right_censored, at, "|", color=colour, markersize=6, markeredgewidth=0.9
        )
        self.law_lines_.append(
            [
                ax.plot(
                    self.times[k], each, linestyle=STYLES[n % len(STYLES)], color=_darker(colour)
                )[0]
                for n, each in enumerate(self.survival[k])
            ]
        )

    def _write_at_risk(self, ax: Any, shades: Any) -> None:
        low, high = ax.get_xlim()
        ticks = ax.get_xticks()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        numbers = [part.at_risk(ticks) for part in self.failures]
        self.at_risk_ = draw_at_risk(ax, ticks, numbers, self.names, shades)

    def _explain(self, ax: Any) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        shown = [line for line in self.lines_ if not line.get_label().startswith("_")]
        for n, name in enumerate(self.law_names):
            shown.append(Line2D([], [], color="0.2", linestyle=STYLES[n % len(STYLES)], label=name))
        if any(len(box.get_paths()) for box in self.boxes_):
            shown.append(Patch(color="0.5", alpha=0.35, linewidth=0, label="falls in the box"))
        if self.bands_:
            label = f"{100.0 * self.level:.3g} % limits"
            shown.append(Patch(color="0.5", alpha=0.15, linewidth=0, label=label))
        if shown:
            legend_above(ax, shown)


def _fitted(model: Any, part: Failures) -> EMSurvivalCurve:
    return curve_like(model).fit(None, part.y, sample_weight=part.weight)


def _laws_over(pairs: Any, part: Failures, rows: Any, end: float) -> tuple[Array, list[Array]]:
    """Times, and mean survival functions of laws there, of a group of rows."""
    times = np.linspace(max(part.start, part.since), end, POINTS)
    means = [mean_survival(law, X, rows, part.weight, times, part.since) for law, X in pairs]
    return times, means


def _limits(curve: EMSurvivalCurve, level: float | None, n_resamples: int) -> Array | None:
    if level is None:
        return None
    options: Any = {"return_ci": True, "level": level, "n_resamples": n_resamples}
    limits: Array = curve.predict_survival_function([[0.0]], **options)[1][0]
    return limits


def _law_names(laws: list[EMCensoredRegressor]) -> list[str]:
    """Of each its distribution, numbered where there are several of one."""
    names = [law.distribution for law in laws]
    return [
        f"{name} {names[: n + 1].count(name)}" if names.count(name) > 1 else name
        for n, name in enumerate(names)
    ]


def _darker(colour: Any) -> Any:
    return tuple(0.65 * part for part in colour)
