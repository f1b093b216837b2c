"""SelectionDisplay: which number of components, which covariance."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.mixture.selection import EMGaussianMixtureIC
from emkit.numerics.covariance import STRUCTURES
from emkit.plotting.common import axes_for, best_of, check_usable, one_or_all, pyplot
from emkit.plotting.selection_looks import (
    LOOKS,
    labels_of,
    limits_near_best,
    place_legend,
    runs_of_models,
    write_below,
)

__all__ = ["SelectionDisplay"]

CRITERIA = {"bic": "BIC", "aic": "AIC", "icl": "ICL"}
#: Numbers of components that have a tick each, at most.
MOST_TICKS = 15
#: Lines from which a picture is wider and higher.
MANY_LINES = 6


class SelectionDisplay:
    """A criterion against the number of components, a line for each covariance type.

    Lines differ in colour, in marker, and in style by the orientation of the components: solid for
    axes of their own, dashed for common ones, dash-dotted along the columns. The legend begins with
    the best; types that are one model, as in one column, share a line. Types so far behind that
    they would flatten the others are beyond the axis, and it says which; ``ax_.set_ylim`` shows
    them.

    Use `from_estimators` or `from_search` to make one.

    Parameters
    ----------
    n_components : ndarray of shape (n_models,)
        Number of components of each model.
    covariance_types : ndarray of shape (n_models,)
        Its covariance type.
    values : ndarray of shape (n_models,)
        Its criterion.
    errors : ndarray of shape (n_models,) or None
        Standard errors of the criterion.
    criterion : str
        What the criterion is.
    higher_is_better : bool
        Whether the best model has the highest value, or the lowest.
    left_out : sequence of (str, int), default=()
        Covariance type and number of components of models that could not be fitted, which the
        picture names.

    Attributes
    ----------
    best_index_ : int
        The best model.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure of the axes.
    lines_ : dict of str to Line2D
        A line for each covariance type; one line for several that have the same values.
    error_bars_ : dict of str to LineCollection
        Standard errors for each covariance type, where there are any.
    best_ : PathCollection
        Ring about the best model.
    note_ : Annotation or None
        What could not be fitted, and what lies beyond the axis.

    Raises
    ------
    ValueError
        Where there is nothing to compare.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.plotting import SelectionDisplay
    >>> X = load_iris().data
    >>> mixtures = [EMGaussianMixture(k, random_state=0).fit(X) for k in (1, 2, 3, 4)]
    >>> display = SelectionDisplay.from_estimators(mixtures, X)
    >>> int(display.n_components[display.best_index_])
    2
    """

    def __init__(
        self,
        n_components: NDArray[np.intp],
        covariance_types: NDArray[Any],
        values: Array,
        errors: Array | None,
        criterion: str,
        higher_is_better: bool,
        left_out: Sequence[tuple[str, int]] = (),
    ):
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.values = values
        self.errors = errors
        self.criterion = criterion
        self.higher_is_better = higher_is_better
        self.left_out = left_out

    @classmethod
    def from_estimators(
        cls,
        estimators: Any,
        X: Any,
        *,
        criterion: str = "bic",
        sample_weight: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Compare fitted mixtures.

        Parameters
        ----------
        estimators : sequence of EMGaussianMixture, or dict of them
            Fitted mixtures, no two of them with the same number of components and covariance type;
            of searches, such as `EMGaussianMixtureIC`, the best. `sklearn.mixture.GaussianMixture`
            will do for all but the ICL.
        X : array-like of shape (n_samples, n_features)
            The data of fit.
        criterion : {'bic', 'aic', 'icl'}, default='bic'
            The method of the estimators to call.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : SelectionDisplay
            The display, drawn.
        """
        pyplot()
        if criterion not in CRITERIA:
            raise ValueError(f"criterion must be one of {sorted(CRITERIA)}. Got {criterion!r}.")
        if isinstance(estimators, dict):  # by name, as `ConvergenceDisplay` takes them
            estimators = estimators.values()
        if not isinstance(estimators, Iterable):
            raise TypeError(
                "estimators must be a list of fitted mixtures, or a dict of them. Got "
                f"{estimators!r}."
            )
        estimators = [best_of(estimator) for estimator in estimators]
        if not estimators:
            raise ValueError("estimators is empty: there is no model to compare.")
        for estimator in estimators:
            check_usable(estimator, cls, [criterion, "covariance_type"])
        models = [(est.covariance_type, len(est.weights_)) for est in estimators]
        known = [(STRUCTURES[kind].name, k) for kind, k in models]
        twice = {model for model in known if known.count(model) > 1}
        if twice:
            raise ValueError(
                "Each covariance type and number of components must come once. Got several of "
                f"{sorted(twice)}: keep the best of them."
            )
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        values = np.array([getattr(est, criterion)(X, **weights) for est in estimators])
        types, n_components = (np.array(part) for part in zip(*models, strict=True))
        name = f"{CRITERIA[criterion]} (lower is better)"
        return cls(n_components, types, values, None, name, False).plot(ax, **kwargs)

    @classmethod
    def from_search(
        cls, search: Any, *, metric: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Any:
        """Show what a search found: by cross-validation, or by the criterion of a grid.

        Fits that failed are named below the axes. Where a search varied other parameters too,
        the best of them stands for each number of components and covariance type.

        Parameters
        ----------
        search : EMGaussianMixtureIC, GridSearchCV or RandomizedSearchCV
            A fitted grid of mixtures; or a fitted search over ``n_components`` and, perhaps,
            ``covariance_type`` of a mixture or an `EMImputer`, which may be a step of a pipeline.
        metric : str, default=None
            Which scores to show, of a search with several; of a grid "bic", "aic" or "icl". None
            is that by which it chose.
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : SelectionDisplay
            The display, drawn; bars are standard errors of the mean over the splits.
        """
        pyplot()
        if isinstance(search, EMGaussianMixtureIC):
            return cls._of_grid(search, metric).plot(ax, **kwargs)
        if not hasattr(search, "estimator") or not hasattr(search, "refit"):
            raise TypeError(
                "search must be an EMGaussianMixtureIC, GridSearchCV or RandomizedSearchCV. Got "
                f"{search!r}; for fitted mixtures there is from_estimators."
            )
        check_is_fitted(search, "cv_results_")
        results, metric = search.cv_results_, metric or "score"
        if f"mean_test_{metric}" not in results:
            known = [key.removeprefix("mean_test_") for key in results if "mean_test" in key]
            raise ValueError(f"metric must be one of {known}. Got {metric!r}.")
        means, spread = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
        best: dict[tuple[str, int], np.intp] = {}
        models = _models(search)
        for i in np.flatnonzero(np.isfinite(means)):
            model = STRUCTURES[models[i][0]].name, models[i][1]
            if model not in best or means[i] > means[best[model]]:
                best[model] = i
        if not best:
            raise ValueError(
                "The search has no finite score: every fit failed. Its error_score='raise' shows "
                "why."
            )
        kept = list(best.values())
        shown = [models[i] for i in kept]
        types, n_components = (np.array(part) for part in zip(*shown, strict=True))
        errors = spread[kept] / np.sqrt(search.n_splits_)
        name = f"cross-validated {_score_name(search, metric)}"
        failed = [models[i] for i in np.flatnonzero(~np.isfinite(means))]
        # Of several candidates that are one model, another may have a score.
        left_out = [(kind, k) for kind, k in failed if (STRUCTURES[kind].name, k) not in best]
        display = cls(n_components, types, means[kept], errors, name, True, left_out)
        return display.plot(ax, **kwargs)

    @classmethod
    def _of_grid(cls, grid: EMGaussianMixtureIC, criterion: str | None) -> "SelectionDisplay":
        check_is_fitted(grid, "best_estimator_")
        criterion = criterion or grid.criterion
        if criterion not in CRITERIA:
            raise ValueError(f"metric must be one of {sorted(CRITERIA)}. Got {criterion!r}.")
        table = grid.results_
        fitted = np.isfinite(table[criterion])
        n_components, types = table["n_components"], table["covariance_type"]
        left_out = list(zip(types[~fitted].tolist(), n_components[~fitted].tolist(), strict=True))
        name = f"{CRITERIA[criterion]} (lower is better)"
        values = table[criterion][fitted]
        return cls(n_components[fitted], types[fitted], values, None, name, False, left_out)

    @property
    def best_index_(self) -> int:
        """Index of the best model."""
        return int(self.values.argmax() if self.higher_is_better else self.values.argmin())

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to ``Axes.plot`` for all lines.

        Returns
        -------
        self : SelectionDisplay
            The display.
        """
        names = np.array([STRUCTURES[kind].name for kind in self.covariance_types])
        many = len(set(names)) > MANY_LINES
        axes = axes_for(ax, (1, 1), (8.0, 5.0) if many else (6.0, 4.0))
        self.ax_ = ax = one_or_all(axes)
        self.figure_ = ax.figure
        self.lines_: dict[str, Any] = {}
        self.error_bars_: dict[str, Any] = {}
        for name, look in LOOKS.items():
            own = np.flatnonzero(names == name)
            if len(own):
                self._draw_line(own[self.n_components[own].argsort()], look | kwargs)
        i = self.best_index_
        self.best_ = ax.scatter(
            self.n_components[i],
            self.values[i],
            s=160,
            facecolors="none",
            edgecolors="black",
            linewidths=1.5,
            zorder=4,
        )
        self._scale_axes()
        ax.set(xlabel="number of components", ylabel=self.criterion)
        notes = self._notes()
        self.note_ = write_below(ax, notes) if notes else None
        title = None if self.errors is None else "bars: \N{PLUS-MINUS SIGN} standard error"
        place_legend(ax, self._key(), title)
        return self

    def _draw_line(self, own: NDArray[np.intp], look: Any) -> None:
        """The models of a covariance type, by number of components."""
        kind = str(self.covariance_types[own[0]])  # as the user spells it
        x, y = self.n_components[own], self.values[own]
        for line in self.lines_.values():
            if self.errors is None and np.array_equal(line.get_xydata(), np.column_stack([x, y])):
                self.lines_[kind] = line
                return
        look = {"markersize": 5, "linewidth": 1.3, **look}
        (self.lines_[kind],) = self.ax_.plot(x, y, **look)
        if self.errors is not None:
            half, colour = self.errors[own], self.lines_[kind].get_color()
            self.error_bars_[kind] = self.ax_.vlines(
                x, y - half, y + half, colors=colour, linewidths=1.0
            )

    def _scale_axes(self) -> None:
        ax = self.ax_
        lines = [line.get_ydata() for line in self.lines_.values()]
        limits = limits_near_best(lines, self.higher_is_better)
        low, high = self.n_components.min(), self.n_components.max()
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if high - low < MOST_TICKS:
            ax.set_xticks(range(low, high + 1))
        ax.margins(x=0.07, y=0.1)
        if limits:
            ax.set_ylim(limits)

    def _notes(self) -> list[str]:
        """What is not to be seen, in words."""
        low, high = self.ax_.get_ylim()
        beyond = np.flatnonzero((self.values < low) | (self.values > high))
        models = [(self.covariance_types[i], int(self.n_components[i])) for i in beyond]
        where = "below" if self.higher_is_better else "above"
        told = {"not fitted:": self.left_out, f"{where} the axis:": models}
        return [f"{what} {runs_of_models(those)}" for what, those in told.items() if those]

    def _key(self) -> list[Any]:
        """What the legend names: the ring, then the lines, the best first."""
        of_line: dict[Any, list[str]] = {}
        for kind, line in self.lines_.items():
            of_line.setdefault(line, []).append(kind)
        labels, i = labels_of(list(self.lines_)), self.best_index_
        self.best_.set_label(f"best: {labels[self.covariance_types[i]]}, {self.n_components[i]}")
        for line, kinds in of_line.items():
            several = len(kinds) > 1
            named = [STRUCTURES[kind].letters if several else labels[kind] for kind in kinds]
            line.set_label(fill(", ".join(named), 20))
        sign = -1.0 if self.higher_is_better else 1.0
        return [self.best_, *sorted(of_line, key=lambda line: (sign * line.get_ydata()).min())]


def _models(search: Any) -> Any:
    """Covariance type and number of components of each candidate of a search."""
    known = search.estimator.get_params()
    candidates = search.cv_results_["params"]
    varied = sorted(set().union(*candidates))
    # A PCA has components too, but no covariance type.
    found = [
        name
        for name in varied
        if name.split("__")[-1] == "n_components" and _sibling(name) in known
    ]
    if len(found) != 1:
        raise ValueError(
            "The search must vary n_components of one mixture. It varies "
            f"{', '.join(varied) or 'nothing'}."
        )
    (k,) = found
    kind = _sibling(k)
    return [(own.get(kind, known[kind]), own.get(k, known[k])) for own in candidates]


def _sibling(name: str) -> Any:
    """Name of the covariance type beside that of a number of components."""
    return name.removesuffix("n_components") + "covariance_type"


def _score_name(search: Any, metric: str | None) -> Any:
    last = search.estimator
    if isinstance(last, Pipeline):
        last = last[-1]
    if search.scoring is None and hasattr(last, "covariance_type"):
        return "log-likelihood (nats per sample)"
    return search.scoring if isinstance(search.scoring, str) else metric
