"""SelectionDisplay: which number of components, which covariance."""

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.mixture.selection import EMGaussianMixtureIC
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.plotting.common import OKABE_ITO, axes_for, best_of, check_usable, one_or_all, pyplot

__all__ = ["SelectionDisplay"]

CRITERIA = {"bic": "BIC", "aic": "AIC", "icl": "ICL"}
#: Markers, one more than the colours: 42 types have a pair of their own.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Colour and marker of each covariance type, in every picture.
LOOKS = dict(zip(NAMES, zip(cycle(OKABE_ITO), cycle(MARKERS)), strict=False))


class SelectionDisplay:
    """A criterion against the number of components, a line for each covariance type.

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

    Attributes
    ----------
    best_index_ : int
        The best model.
    ax_ : Axes
        The axes.
    figure_ : Figure
        The figure of the axes.
    lines_ : dict of str to Line2D
        A line for each covariance type.
    error_bars_ : dict of str to LineCollection
        Standard errors for each covariance type, where there are any.
    best_ : PathCollection
        Ring about the best model.

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
    ):
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.values = values
        self.errors = errors
        self.criterion = criterion
        self.higher_is_better = higher_is_better

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

        Fits that the grid left out are left out here. Where a search varied other parameters too,
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
        return cls(n_components, types, means[kept], errors, name, True).plot(ax, **kwargs)

    @classmethod
    def _of_grid(cls, grid: EMGaussianMixtureIC, criterion: str | None) -> "SelectionDisplay":
        check_is_fitted(grid, "best_estimator_")
        criterion = criterion or grid.criterion
        if criterion not in CRITERIA:
            raise ValueError(f"metric must be one of {sorted(CRITERIA)}. Got {criterion!r}.")
        table = grid.results_
        fitted = np.isfinite(table[criterion])
        n_components, types = table["n_components"][fitted], table["covariance_type"][fitted]
        name = f"{CRITERIA[criterion]} (lower is better)"
        return cls(n_components, types, table[criterion][fitted], None, name, False)

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
        axes = axes_for(ax, (1, 1), (6.0, 4.0))
        self.ax_ = ax = one_or_all(axes)
        self.figure_ = ax.figure
        self.lines_, self.error_bars_ = {}, {}
        names = np.array([STRUCTURES[kind].name for kind in self.covariance_types])
        for name, (colour, marker) in LOOKS.items():
            own = np.flatnonzero(names == name)
            own = own[self.n_components[own].argsort()]
            if not len(own):
                continue
            kind = str(self.covariance_types[own[0]])  # as the user spells it
            x, y = self.n_components[own], self.values[own]
            look = {"color": colour, "marker": marker, "markersize": 5, "label": kind}
            (self.lines_[kind],) = ax.plot(x, y, **{**look, **kwargs})
            if self.errors is not None:
                half = self.errors[own]
                self.error_bars_[kind] = ax.vlines(
                    x, y - half, y + half, colors=self.lines_[kind].get_color(), linewidths=1.0
                )
        i = self.best_index_
        self.best_ = ax.scatter(
            self.n_components[i],
            self.values[i],
            s=160,
            facecolors="none",
            edgecolors="black",
            linewidths=1.5,
            zorder=4,
            label=f"best: {self.covariance_types[i]}, {self.n_components[i]}",
        )
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.margins(x=0.07, y=0.1)
        ax.set(xlabel="number of components", ylabel=self.criterion)
        title = None if self.errors is None else "bars: \N{PLUS-MINUS SIGN} standard error"
        ax.legend(frameon=False, fontsize="small", title=title, title_fontsize="small")
        return self


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
