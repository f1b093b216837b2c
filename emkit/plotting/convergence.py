"""ConvergenceDisplay: how the runs of a fit climbed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import RunSummary
from emkit.plotting.common import axes_for, best_of, check_usable, colours, one_or_all, pyplot

__all__ = ["ConvergenceDisplay", "Path"]

STYLES = ("-", "--", "-.", ":")


class Path(NamedTuple):
    """How a run climbed."""

    e_steps: NDArray[Any]  #: E-steps made when the iterate was reached, 1 at the start
    objective: Array  #: objective there


class ConvergenceDisplay:
    """Objective against E-steps, for all runs of one fit or of several.

    E-steps are what a fit takes its time for; among them are those without an iterate of their own,
    such as proposals that the safeguard refused, or the stages of annealing before the last.

    Use `from_estimator` or `from_estimators` to make one.

    Parameters
    ----------
    paths : dict of str to list of Path
        The runs of each fit.
    best : dict of str to int
        Which of them each fit returned.
    n_failed : dict of str to int
        Starts of each fit that have no path.
    unit : str
        Unit of the objective.

    Attributes
    ----------
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure of the axes.
    lines_ : dict of str to list of Line2D
        A line for each run, in the order of ``paths``.

    Raises
    ------
    ValueError
        Where there is no fit to show, or fits have objectives in different units.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.plotting import ConvergenceDisplay
    >>> X = load_iris().data
    >>> settings = {"tol": 1e-9, "max_iter": 1000, "random_state": 0}
    >>> plain = EMGaussianMixture(3, acceleration=None, **settings).fit(X)
    >>> anderson = EMGaussianMixture(3, **settings).fit(X)
    >>> display = ConvergenceDisplay.from_estimators({"plain": plain, "Anderson": anderson})
    >>> ends = {name: runs[0].e_steps[-1] for name, runs in display.paths.items()}
    >>> bool(ends["Anderson"] < ends["plain"])
    True
    """

    def __init__(
        self,
        paths: dict[str, list[Path]],
        best: dict[str, int],
        n_failed: dict[str, int],
        unit: str,
    ):
        self.paths = paths
        self.best = best
        self.n_failed = n_failed
        self.unit = unit

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, **kwargs: Any
    ) -> "ConvergenceDisplay":
        """Show the runs of one fit.

        Parameters
        ----------
        estimator : EMGaussianMixture, EMImputer or EMCensoredRegressor
            A fitted estimator, or a search whose best is one, such as `EMGaussianMixtureIC`.
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        return cls.from_estimators({type(estimator).__name__: estimator}, ax=ax, **kwargs)

    @classmethod
    def from_estimators(
        cls, estimators: dict[str, Any], *, ax: Any = None, **kwargs: Any
    ) -> "ConvergenceDisplay":
        """Show the runs of several fits side by side, such as accelerated and plain EM.

        Parameters
        ----------
        estimators : dict of str to estimator
            Fitted estimators by the names that they have in the legend.
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        pyplot()
        if not isinstance(estimators, dict):
            raise TypeError(
                "estimators must be a dict of fitted estimators by name. Got "
                f"{type(estimators).__name__}."
            )
        if not estimators:
            raise ValueError("estimators is empty: there is no fit to show.")
        estimators = {name: best_of(estimator) for name, estimator in estimators.items()}
        for estimator in estimators.values():
            check_usable(estimator, cls, ["search", "acceleration"], ["history_", "runs_"])
        units = {name: _unit(estimator) for name, estimator in estimators.items()}
        if len(set(units.values())) > 1:
            raise ValueError(
                f"The objectives of the estimators have different units ({units}): show them in "
                "a picture each."
            )
        paths = {name: _paths(estimator) for name, estimator in estimators.items()}
        best = {name: _best(estimator) for name, estimator in estimators.items()}
        n_failed = {name: len(est.runs_) - len(_drawn(est)) for name, est in estimators.items()}
        unit = next(iter(units.values()))
        return cls(paths, best, n_failed, unit).plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, gap: bool = False, **kwargs: Any) -> "ConvergenceDisplay":
        """Draw the display.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        gap : bool, default=False
            Whether to show how far below the best objective of all runs each iterate is, on a
            logarithmic scale: a straight line is linear convergence, a level one a lower maximum.
            The best point itself, of gap 0, is left out.
        **kwargs
            Passed on to ``Axes.plot`` for all lines.

        Returns
        -------
        self : ConvergenceDisplay
            The display.
        """
        axes = axes_for(ax, (1, 1), (6.0, 4.0))
        self.ax_ = ax = one_or_all(axes)
        self.figure_ = ax.figure
        top = max(path.objective.max() for runs in self.paths.values() for path in runs)
        self.lines_: dict[str, list[Any]] = {}
        for n, (name, runs) in enumerate(self.paths.items()):
            colour = colours(len(self.paths))[n]
            self.lines_[name] = []
            for i, path in enumerate(runs):
                is_best = i == self.best[name]
                look: dict[str, Any] = {
                    "color": colour,
                    "linestyle": STYLES[n % len(STYLES)],
                    "linewidth": 2.0 if is_best else 0.9,
                    "alpha": 1.0 if is_best else 0.5,
                    "zorder": 3 if is_best else 2,
                    "label": self._label(name) if is_best else None,
                }
                x, y = _gaps(path, top) if gap else path
                if is_best and len(x):
                    look |= {"marker": "o", "markevery": [-1]}
                self.lines_[name] += ax.plot(x, y, **{**look, **kwargs})
        # Most of a climb is over in a few E-steps, and most of the gap is closed in the others.
        ax.set(yscale="log") if gap else ax.set(xscale="log")
        what = "gap to the best objective" if gap else "objective"
        ax.set(xlabel="E-steps", ylabel=f"{what} ({self.unit})")
        if len(self.paths) > 6:  # so long a legend would cover the curves
            place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        else:
            place = {"loc": "upper right" if gap else "lower right"}
        ax.legend(frameon=False, fontsize="small", **place)
        return self

    def _label(self, name: str) -> str:
        n, failed = len(self.paths[name]), self.n_failed[name]
        if n + failed == 1:
            return name
        return f"{name}, best of {n + failed} runs" + (f" ({failed} failed)" if failed else "")


def _unit(estimator: Any) -> str:
    """What the objective of an estimator is in."""
    return "nats per sample" if hasattr(estimator, "lower_bound_") else "nats"


def _drawn(estimator: Any) -> list[RunSummary]:
    """The runs that have a path."""
    return [run for run in estimator.runs_ if len(run.history)]


def _paths(estimator: Any) -> list[Path]:
    """A path for each run that has one; that of the fit, where no run is told of."""
    runs = [Path(np.array(run.evaluations), np.array(run.history)) for run in _drawn(estimator)]
    history = np.array(estimator.history_)
    return runs or [Path(np.arange(1, len(history) + 1), history)]


def _best(estimator: Any) -> int:
    """Which run the estimator returned."""
    same = [np.array_equal(run.history, estimator.history_) for run in _drawn(estimator)]
    return same.index(True) if any(same) else 0


def _gaps(path: Path, top: float) -> tuple[NDArray[Any], Array]:
    """The path as gaps to the top, without those that are rounding."""
    gap = top - path.objective
    above = gap > 1e-15 * abs(top)
    return path.e_steps[above], gap[above]
