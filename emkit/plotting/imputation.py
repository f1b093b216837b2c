"""ImputationDisplay: what is missing and what stands for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.imputation.imputer import EMImputer
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.plotting.common import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    axes_for,
    best_of,
    check_usable,
    choose_features,
    feature_names,
    hidden_features,
    legend_above,
    listed,
    pyplot,
    told_apart,
)
from emkit.plotting.imputation_cells import filled_cells
from emkit.plotting.imputation_shares import draw_shares

__all__ = ["ImputationDisplay"]

#: Features whose values are shown, where nobody chose them.
PANELS = 9


class ImputationDisplay:
    """The pattern of missing cells, and imputed against observed values.

    In the first panel each line is a pattern of missing cells with the number of rows that have
    it, the most frequent on top. A panel for each feature follows, with the distributions of what
    was observed and what was imputed: densities of numbers, shares of the levels of categories. The
    two differ where cells do not go missing at random; and conditional means, unlike draws
    (``sample_posterior=True``), spread less than data do, as the most probable level is seldom a
    rare one. Cells that are known to an interval, as below a limit, have a colour of their own.

    Use `from_estimator` to make one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Data; NaN where a cell is missing.
    imputed : ndarray of shape (n_samples, n_features)
        The same with missing cells filled; NaN in features that are not imputed.
    features : sequence of int
        Features whose values are shown.
    feature_names : sequence of str
        Names of all features.
    drawn : bool
        Whether imputed values are draws, or conditional means.
    note : str, default=""
        What a new figure says under the panels.
    levels : dict of int to sequence, default=None
        Levels of the features that are categories, by index: their values in X and imputed are
        places in it. None: all are numbers.
    limited : ndarray of bool of shape (n_samples, n_features), default=None
        Cells of numbers that are known to an interval; X is NaN in them too. None: there are none.

    Attributes
    ----------
    patterns_ : ndarray of bool of shape (n_patterns, n_features)
        Patterns of missing cells, the most frequent first.
    limited_patterns_ : ndarray of bool of shape (n_patterns, n_features)
        Which cells of these patterns are known to an interval.
    counts_ : ndarray of shape (n_patterns,)
        Rows that have them.
    ax_ : ndarray of shape (1 + n_shown,)
        The axes: of the patterns, then of the features.
    figure_ : Figure
        The figure of the axes.
    pattern_mesh_ : QuadMesh
        The cells of the patterns.
    observed_ : list of StepPatch or BarContainer
        Distribution of the observed values of each feature shown, bars where it is of categories;
        None where there are none.
    imputed_ : list of StepPatch or BarContainer
        That of its imputed values, None where there are none.
    ticks_ : list of Line2D
        Every imputed value of each feature shown; None of categories.
    limited_ : list of StepPatch
        Distribution of what stands for the cells of each feature shown that are known to an
        interval; None where there are none.
    limited_ticks_ : list of Line2D
        Every such value; None where there are none.

    Raises
    ------
    ValueError
        Where the shapes differ, or a feature is shown that is not imputed.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMImputer
    >>> from emkit.plotting import ImputationDisplay
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> X[:10, 1] = np.nan
    >>> display = ImputationDisplay.from_estimator(EMImputer().fit(X), X)
    >>> display.counts_, display.features
    (array([40, 10]), [1])
    """

    def __init__(
        self,
        X: Array,
        imputed: Array,
        features: Sequence[int] | NDArray[np.intp],
        feature_names: Sequence[Any] | NDArray[Any],
        drawn: bool,
        note: str = "",
        levels: Mapping[int, Sequence[Any]] | None = None,
        limited: NDArray[np.bool_] | None = None,
    ):
        if imputed.shape != X.shape or len(feature_names) != X.shape[1]:
            raise ValueError(
                f"X, imputed and feature_names must have as many features. Got shapes {X.shape} "
                f"and {imputed.shape} and {len(feature_names)} names."
            )
        dropped = [str(feature_names[j]) for j in features if np.isnan(imputed[:, j]).any()]
        if dropped:
            raise ValueError(
                f"Feature(s) {', '.join(dropped)} were dropped, not imputed: they had no value in "
                "fit. See keep_empty_features."
            )
        self.X = X
        self.imputed = imputed
        self.features = [int(j) for j in features]
        self.feature_names = list(feature_names)
        self.drawn = drawn
        self.note = note
        self.levels = dict(levels or {})
        self.limited = np.zeros(X.shape, dtype=bool) if limited is None else limited

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, features: Any = None, ax: Any = None, **kwargs: Any
    ) -> "ImputationDisplay":
        """Show what a fitted imputer makes of X.

        Parameters
        ----------
        estimator : EMImputer or EMGaussianMixture
            A fitted estimator, or a search whose best is one, such as `EMGaussianMixtureIC`.
        X : array-like of shape (n_samples, n_features)
            Data with missing cells, in any form that the estimator takes.
        features : int, str or sequence of them, default=None
            Features whose values are shown, by index or name. None: those with missing cells, at
            most the nine with the most, and the picture says which are left out.
        ax : array of Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : ImputationDisplay
            The display, drawn.
        """
        pyplot()
        estimator = best_of(estimator)
        if not isinstance(estimator, EMImputer | EMGaussianMixture):
            raise TypeError(
                f"{cls.__name__} is for EMImputer and EMGaussianMixture. Got "
                f"{type(estimator).__name__}."
            )
        check_usable(estimator, cls, [])
        names = feature_names(estimator)
        cells, imputed, levels, limited = filled_cells(estimator, X)
        note = ""
        if features is None:
            shown = _with_missing(cells, imputed)
            note = _left_out(shown, cells, imputed, names)
            shown = np.sort(shown[:PANELS])
        else:
            shown = choose_features(features, names)
        drawn = getattr(estimator, "sample_posterior", False)
        display = cls(cells, imputed, shown, names, drawn, note, levels, limited)
        return display.plot(ax, **kwargs)

    def plot(
        self, ax: Any = None, *, max_patterns: int = 20, bins: Any = None, **kwargs: Any
    ) -> "ImputationDisplay":
        """Draw the display.

        Parameters
        ----------
        ax : array of Axes, default=None
            Where to draw: one for the patterns and one for each feature shown. None makes a new
            figure.
        max_patterns : int, default=20
            Most patterns to show; the label of the panel says how many others there are.
        bins : int or sequence, default=None
            Bins of the distributions; None takes twice the square root of the number of imputed
            values (of observed ones, if nothing is imputed), from 8 to 30. Where what was observed
            are whole numbers, a bin holds as many of them as any other. Levels of categories have
            a bar each; from 14 levels on, all but the most frequent 12 share one.
        **kwargs
            Passed on to ``Axes.stairs`` for densities and to ``Axes.bar`` for shares.

        Returns
        -------
        self : ImputationDisplay
            The display.
        """
        if max_patterns < 1:
            raise ValueError(f"max_patterns must be at least 1. Got {max_patterns!r}.")
        n_panels = len(self.features)
        self.ax_ = self._new_axes(n_panels) if ax is None else axes_for(ax, (1, 1 + n_panels), ())
        self.ax_ = np.ravel(self.ax_)
        self.figure_ = self.ax_[0].figure
        self._draw_patterns(self.ax_[0], max_patterns)
        self.observed_: list[Any] = []
        self.imputed_: list[Any] = []
        self.ticks_: list[Any] = []
        self.limited_: list[Any] = []
        self.limited_ticks_: list[Any] = []
        for panel, j in zip(self.ax_[1:], self.features, strict=True):
            self._draw_feature(panel, j, bins, kwargs)
        return self

    def _new_axes(self, n_panels: int) -> list[Any]:
        """Patterns at the left, features in a grid beside them."""
        columns = int(np.ceil(np.sqrt(n_panels)))
        rows = int(np.ceil(n_panels / max(columns, 1))) or 1
        width = max(3.2, 0.28 * len(self.feature_names) + 1.0)
        size = width + 3.4 * columns, max(3.6, 2.3 * rows)
        fig = pyplot().figure(figsize=size, layout="constrained")
        ratios = [width, *[3.4] * columns]
        grid = fig.add_gridspec(rows, 1 + columns, width_ratios=ratios)
        if self.note:
            fig.supxlabel(self.note, fontsize="small", x=0.99, ha="right")
        panels = [fig.add_subplot(grid[i // columns, 1 + i % columns]) for i in range(n_panels)]
        return [fig.add_subplot(grid[:, 0]), *panels]

    def _draw_patterns(self, ax: Any, max_patterns: int) -> None:
        from matplotlib.colors import ListedColormap

        missing = np.isnan(self.X) & ~self.limited
        kinds, counts = np.unique(missing + 2 * self.limited, axis=0, return_counts=True)
        # Of patterns as frequent as one another, those with less missing first.
        order = np.lexsort([(kinds > 0).sum(axis=1), -counts])
        kinds, self.counts_ = kinds[order], counts[order]
        self.patterns_, self.limited_patterns_ = kinds == 1, kinds == 2
        shown = kinds[:max_patterns]
        self.pattern_mesh_ = ax.pcolormesh(
            shown,
            cmap=ListedColormap([GREY, ORANGE, GREEN]),
            vmin=0,
            vmax=2,
            edgecolors="white",
            linewidth=1.0,
        )
        ax.invert_yaxis()
        percent, within = 100.0 * missing.mean(axis=0), 100.0 * self.limited.mean(axis=0)
        names = told_apart(self.feature_names)
        labels = [
            f"{name}, {p:.1f} %" + (f" + {q:.1f} %" if q > 0.0 else "")
            for name, p, q in zip(names, percent, within, strict=True)
        ]
        ax.set_xticks(np.arange(len(labels)) + 0.5, labels, fontsize="small")
        ax.tick_params(axis="x", rotation=90 if len(labels) > 10 else 40)
        for label in ax.get_xticklabels():
            label.set(ha="right", va="center", rotation_mode="anchor")
        ax.set_yticks(np.arange(len(shown)) + 0.5, self.counts_[:max_patterns], fontsize="small")
        ax.tick_params(length=0)
        limits = ", limits in green" if self.limited.any() else ""
        ax.set(frame_on=False, title=f"missing cells in orange{limits}")
        ax.title.set_fontsize("medium")
        rest = self.counts_[max_patterns:]
        more = f"\n({rest.sum()} rows in {len(rest)} more)" if len(rest) else ""
        ax.set_ylabel(f"rows with the pattern{more}", fontsize="small" if more else None)

    def _draw_feature(self, ax: Any, j: int, bins: Any, kwargs: dict[str, Any]) -> None:
        limited, values = self.limited[:, j], self.imputed[:, j]
        missing = np.isnan(self.X[:, j]) & ~limited
        observed, imputed = values[~missing & ~limited], values[missing]
        if j in self.levels:
            name = "drawn" if self.drawn else "most probable"
            bars = draw_shares(ax, observed, imputed, self.levels[j], name, kwargs)
            parts = (*bars, None, None, None)
        else:
            name = "drawn" if self.drawn else "imputed mean"
            parts = _draw_densities(ax, observed, imputed, values[limited], bins, name, kwargs)
        lists = self.observed_, self.imputed_, self.ticks_, self.limited_, self.limited_ticks_
        for artists, part in zip(lists, parts, strict=True):
            artists.append(part)
        ax.margins(y=0.05)
        ax.set_ylim(bottom=0.0)
        ax.set_xlabel(self.feature_names[j])
        legend_above(ax, ncols=2, fontsize="x-small")


def _draw_densities(
    ax: Any,
    observed: Array,
    imputed: Array,
    limited: Array,
    bins: Any,
    name: str,
    kwargs: dict[str, Any],
) -> tuple[Any, Any, Any, Any, Any]:
    """Densities of numbers that were observed, imputed, and imputed within limits; ticks at these.

    None of what there is none.
    """
    values = np.concatenate([observed, imputed, limited])
    if bins is None:
        few = len(imputed) + len(limited) or len(observed)
        bins = int(np.clip(2.0 * np.sqrt(few), 8, 30))
        bins = _whole_edges(values, bins) if _is_whole(observed) else bins
    edges = np.histogram_bin_edges(values, bins)
    looks: list[tuple[Array, dict[str, Any], str]] = [
        (observed, {"fill": True, "color": BLUE, "alpha": 0.35}, "observed"),
        (imputed, {"color": ORANGE, "linewidth": 1.8}, name),
        (limited, {"color": GREEN, "linewidth": 1.8}, "within limits"),
    ]
    if not len(limited):
        looks.pop()
    drawn = []
    for part, look, label in looks:
        look = {**look, "label": f"{label}, {len(part)}", **kwargs}
        density = np.histogram(part, edges, density=True)[0] if len(part) else None
        drawn.append(None if density is None else ax.stairs(density, edges, **look))
    ticks = [_ticks(ax, imputed, "|", ORANGE)]
    if len(limited):
        ticks.append(_ticks(ax, limited, "x", GREEN))
    ax.set_ylabel("density")
    within = (drawn[2], ticks[1]) if len(limited) else (None, None)
    return drawn[0], drawn[1], ticks[0], *within


def _ticks(ax: Any, values: Array, marker: str, colour: str) -> Any:
    """A mark at the bottom for each value."""
    heights, across = np.full(len(values), 0.02), ax.get_xaxis_transform()
    (ticks,) = ax.plot(
        values, heights, marker, color=colour, alpha=0.6, markersize=6, transform=across
    )
    return ticks


def _with_missing(X: Array, imputed: Array) -> NDArray[np.intp]:
    """The features with missing cells that are imputed, the most incomplete first."""
    n = np.where(np.isnan(imputed).any(axis=0), 0, np.isnan(X).sum(axis=0))
    most = np.argsort(-n, kind="stable")
    return most[n[most] > 0]


def _left_out(shown: NDArray[np.intp], X: Array, imputed: Array, names: NDArray[Any]) -> str:
    """What the picture says of features with missing cells that have no panel."""
    told = []
    if len(shown) > PANELS:
        which = hidden_features(shown[:PANELS], names[shown], "the most incomplete")
        told.append(f"{which}: {listed(names[np.sort(shown[PANELS:])])}")
    dropped = np.flatnonzero(np.isnan(X).any(axis=0) & np.isnan(imputed).any(axis=0))
    if len(dropped):
        told.append(f"not imputed: {listed(names[dropped])}")
    return "; ".join(told)


def _is_whole(values: Array) -> bool:
    return bool(len(values) and (values == np.round(values)).all())


def _whole_edges(values: Array, most: int) -> Array:
    """Edges halfway between whole numbers, of at most so many bins that are equally wide."""
    low, high = np.floor(values.min() + 0.5), np.ceil(values.max() - 0.5)
    width = max(np.ceil((high - low + 1.0) / most), 1.0)
    return np.arange(low - 0.5, high + 0.5 + width, width)
