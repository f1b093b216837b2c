"""MixtureDisplay: data, components and density of a Gaussian mixture."""

from textwrap import fill
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance import STRUCTURES
from emkit.plotting.common import (
    GREY,
    axes_for,
    best_of,
    check_probabilities,
    check_usable,
    colours,
    feature_names,
    hidden_features,
    legend_above,
    one_or_all,
    pyplot,
)
from emkit.plotting.mixture_columns import among_numbers, columns_of_numbers, most_separated
from emkit.plotting.mixture_density import draw_density
from emkit.plotting.mixture_marginals import (
    axis_range,
    densities,
    draw_ellipses,
    level_key,
    noise_density,
    refuse_beyond_squares,
)
from emkit.plotting.mixture_rows import (
    NOISE,
    draw_counts,
    draw_margins,
    draw_points,
    noise_key,
    row_colours,
    write_number,
)
from emkit.plotting.mixture_uncertainty import (
    draw_uncertain_points,
    draw_uncertainties,
    shades_of_doubt,
    uncertainty_key,
)

__all__ = ["MixtureDisplay"]

#: Points that are drawn one by one, at most; more are counted in cells.
MANY_POINTS = 20_000
#: What may be drawn, with the probabilities of its regions.
LEVELS = {
    "classification": (0.5, 0.95),
    "uncertainty": (0.5, 0.95),
    "density": (0.25, 0.5, 0.75, 0.95),
}
#: What a legend says of the colour of rows.
DOUBT = {
    "classification": ", grey where in doubt",
    "uncertainty": " and the less certain",
    "density": "",
}


class MixtureDisplay:
    """Data under a Gaussian mixture: one feature, two, or all pairs of more.

    It shows what `plot` is asked for: the classification of the rows, how uncertain that is, or the
    density.

    One feature is shown as a histogram with the components and their sum, two as points with
    ellipses. Both are exact marginals of the mixture, however many features it has. Points have
    the colour of their most probable component, and are grey in so far as it is in doubt; numbers
    stand at the means. The more points, the more transparent they are; more than 20 000 are counted
    in cells, which have the mean of their colours, the darker the more there are. A row that lacks
    one of two features is a tick at the margin of the other. Noise is dark grey. It fills a volume,
    which does not say how dense it is along one feature of several: there it is left out.

    The uncertainty of a row, one less its largest responsibility, is the size of its point, and
    against one feature its height. The density of two features is drawn as regions, each the
    smallest that holds a given probability of the mixture, without noise.

    Use `from_estimator` to make one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Data of the features shown; NaN where a cell is missing.
    responsibilities : ndarray of shape (n_samples, n_components) or (n_samples, n_components + 1)
        Posterior probability of each component for each row, and in a last column of noise.
    weights : ndarray of shape (n_components,)
        Mixing proportions.
    means : ndarray of shape (n_components, n_features)
        Component means.
    covariances : ndarray of shape (n_components, n_features, n_features)
        Component covariances; of Student's t the scale matrices.
    feature_names : sequence of str
        Labels of the axes.
    note : str, default=""
        What a picture of several features says under its legend.
    noise_density : float, default=0.0
        Density of the noise with its weight, along the only feature that there is.
    df : ndarray of shape (n_components,), default=None
        Degrees of freedom of components that are Student's t; None: all are normal.

    Attributes
    ----------
    ax_ : Axes, or ndarray of shape (n_features, n_features)
        The axes; of a grid, those above the diagonal are empty.
    figure_ : Figure
        The figure of the axes.
    histograms_ : list of BarContainer
        One for each panel of one feature.
    component_lines_ : list of Line2D
        Weighted densities, n_components for each panel of one feature.
    density_lines_ : list of Line2D
        Their sum, one for each panel of one feature.
    points_ : list of PathCollection
        One for each panel of two features; empty where there are images.
    images_ : list of QuadMesh
        One for each panel of two features, of more than 20 000 rows.
    contours_ : list of ContourSet
        One for each panel of two features, where the density is drawn.
    ellipses_ : list of Line2D
        n_components x n_levels for each panel of two features, levels varying fastest.
    margins_ : list of PathCollection
        Rows with one of two features: two for each panel of two features, of X and of y.

    Raises
    ------
    ValueError
        Where the shapes do not belong to one mixture.

    See Also
    --------
    SelectionDisplay : Which number of components.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.plotting import MixtureDisplay
    >>> X = load_iris().data
    >>> mixture = EMGaussianMixture(3, random_state=0).fit(X)
    >>> display = MixtureDisplay.from_estimator(mixture, X, features=[2, 3], levels=0.9)
    >>> len(display.ellipses_)
    3
    >>> display = MixtureDisplay.from_estimator(mixture, X, features=[2, 3], what="density")
    >>> len(display.contours_)
    1
    """

    def __init__(
        self,
        X: Any,
        responsibilities: Array,
        weights: Array,
        means: Array,
        covariances: Array,
        feature_names: Any,
        note: str = "",
        noise_density: float = 0.0,
        df: Any = None,
    ):
        n, d = X.shape
        k = len(weights)
        self.has_noise = responsibilities.shape == (n, k + 1)
        shapes = {
            "responsibilities": (responsibilities.shape, (n, k + self.has_noise)),
            "means": (means.shape, (k, d)),
            "covariances": (covariances.shape, (k, d, d)),
            "feature_names": ((len(feature_names),), (d,)),
        }
        for name, (got, wanted) in shapes.items():
            if got != wanted:
                raise ValueError(
                    f"{name} must have the shape {wanted}, for {n} rows, {d} features and {k} "
                    f"weights. Got {got}."
                )
        self.X = X
        self.responsibilities = responsibilities
        self.weights = weights
        self.means = means
        self.covariances = covariances
        self.feature_names = list(feature_names)
        self.note = note
        self.noise_density = noise_density
        self.df = np.full(k, np.inf) if df is None else np.asarray(df, dtype=float)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, features: Any = None, ax: Any = None, **kwargs: Any
    ) -> Any:
        """Show data under a fitted mixture.

        Parameters
        ----------
        estimator : EMGaussianMixture
            A fitted mixture, or a search whose best is one, such as `EMGaussianMixtureIC`;
            `sklearn.mixture.GaussianMixture` will do too.
        X : array-like of shape (n_samples, n_features)
            Data with the features of fit; NaN where a cell is missing.
        features : int, str or sequence of them, default=None
            Features to show, by index or name. None: all; of more than five, the five whose means
            differ most between components, by their share of the variance, and the picture says
            so. Columns of categories have no panel, and the picture names them.
        ax : Axes or array of Axes, default=None
            Where to draw, see `plot`.
        **kwargs
            Passed on to `plot`, such as ``what="uncertainty"``.

        Returns
        -------
        display : MixtureDisplay
            The display, drawn.
        """
        pyplot()
        estimator = best_of(estimator)
        check_usable(estimator, cls, ["predict_proba", "covariance_type"], ["n_features_in_"])
        responsibilities = estimator.predict_proba(X)
        X, numbers, names, hidden = columns_of_numbers(estimator, X)
        scales = "scales_" if hasattr(estimator, "scales_") else "covariances_"
        weights, means, covariances = (
            np.asarray(getattr(estimator, name), dtype=float)
            for name in ("weights_", "means_", scales)
        )
        covariances = STRUCTURES[estimator.covariance_type].layout.dense(covariances, *means.shape)
        note = f"categories are not shown: {hidden}" if hidden else ""
        shown = np.arange(len(names))
        if features is not None:
            shown = among_numbers(features, numbers, feature_names(estimator))
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        refuse_beyond_squares(names[shown], means[:, shown], variances[:, shown])
        if features is None:
            shown = most_separated(weights, means, covariances)
            left_out = hidden_features(shown, names, "those whose means differ most")
            note = "; ".join(filter(None, [left_out, note]))
        return cls(
            X[:, shown],
            responsibilities,
            weights,
            means[:, shown],
            covariances[:, shown[:, None], shown],
            names[shown],
            note,
            noise_density(estimator),
            getattr(estimator, "df_", None),
        ).plot(ax, **kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        what: str = "classification",
        levels: Any = None,
        bins: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Draw the display.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            Where to draw: an array of shape (n_features, n_features) for more than two features.
            None makes a new figure.
        what : {'classification', 'uncertainty', 'density'}, default='classification'
            What to show of the rows and the mixture.
        levels : float or sequence of float, default=None
            Probability of a component within its ellipse; None is (0.5, 0.95). Of the density that
            of the mixture within its regions; None is (0.25, 0.5, 0.75, 0.95).
        bins : int or sequence, default=None
            Bins of the histograms; None takes 1.5 times the square root of the number of values,
            from 10 to 60.
        **kwargs
            Passed on to ``Axes.scatter`` for the points.

        Returns
        -------
        self : MixtureDisplay
            The display.
        """
        if what not in LEVELS:
            raise ValueError(f"what must be one of {list(LEVELS)}. Got {what!r}.")
        self._what = what
        levels = check_probabilities(LEVELS[what] if levels is None else levels, "levels")
        d = len(self.feature_names)
        shape, size = ((1, 1), (6.0, 4.5)) if d <= 2 else ((d, d), (2.4, 2.2))
        axes = axes_for(ax, shape, size)
        self.ax_, self.figure_ = one_or_all(axes), axes.flat[0].figure
        self.histograms_: list[Any] = []
        self.component_lines_: list[Any] = []
        self.density_lines_: list[Any] = []
        self.points_: list[Any] = []
        self.images_: list[Any] = []
        self.contours_: list[Any] = []
        self.ellipses_: list[Any] = []
        self.margins_: list[Any] = []
        self._colours = colours(len(self.weights))
        self._row_colours = [*self._colours, NOISE] if self.has_noise else self._colours
        widest = levels.max(initial=0.5)
        self._limits = [axis_range(x, *self._marginal(j), widest) for j, x in enumerate(self.X.T)]
        if d == 1:
            legend_above(axes[0, 0], self._draw_one(axes[0, 0], 0, bins, kwargs))
        elif d == 2:
            legend_above(axes[0, 0], self._draw_two(axes[0, 0], 0, 1, levels, kwargs), ncols=2)
        else:
            self._draw_grid(axes, levels, bins, kwargs)
        return self

    def _marginal(self, j: int) -> tuple[Array, Array, Array]:
        """Weights, means and variances of a feature."""
        return self.weights, self.means[:, j], self.covariances[:, j, j]

    def _draw_one(self, ax: Any, j: int, bins: Any, kwargs: Any) -> list[Any]:
        """A feature by itself; returns what the legend names."""
        if self._what == "uncertainty":
            args = self.X[:, j], self.responsibilities, self._row_colours, kwargs
            self.points_.append(draw_uncertainties(ax, *args))
            ax.set(xlim=self._limits[j], xlabel=self.feature_names[j])
            return [*uncertainty_key(), *(noise_key() if self.has_noise else [])]
        x = self.X[:, j]
        missing = np.isnan(x)
        x = x[~missing]
        if bins is None:
            bins = int(np.clip(1.5 * np.sqrt(len(x)), 10, 60))
        label = "data" if not missing.any() else f"data ({missing.sum()} of {len(missing)} missing)"
        density = len(x) > 0  # of no values there is none
        bars = ax.hist(x, bins=bins, density=density, color=GREY)[2]
        bars.set_label(label)
        grid, each = densities(*self._marginal(j), self._limits[j], self.df)
        for k, (curve, colour) in enumerate(zip(each, self._colours, strict=True)):
            (line,) = ax.plot(grid, curve, color=colour, label="components" if k == 0 else None)
            self.component_lines_.append(line)
            write_number(ax, k, (grid[curve.argmax()], curve.max()), va="bottom", color=colour)
        key = [bars, self.component_lines_[-len(each)]]
        if self.noise_density:
            key.append(ax.axhline(self.noise_density, color=NOISE, linewidth=1.0, label="noise"))
        density = each.sum(axis=0) + self.noise_density
        of_all = self.noise_density > 0.0 or not self.has_noise
        label = "mixture" if of_all else "mixture but for noise"
        (total,) = ax.plot(grid, density, color="black", linewidth=1.5, label=label)
        self.histograms_.append(bars)
        self.density_lines_.append(total)
        ax.set(xlim=self._limits[j], xlabel=self.feature_names[j], ylabel="density")
        tallest = max([*(bar.get_height() for bar in bars), total.get_ydata().max()])
        ax.set_ylim(0.0, 1.12 * tallest)
        return [*key, total]

    def _draw_two(self, ax: Any, i: int, j: int, levels: Any, kwargs: Any) -> list[Any]:
        """Feature j against feature i; returns what the legend names."""
        both, limits = [i, j], (self._limits[i], self._limits[j])
        key = self._draw_rows(ax, self.X[:, i], self.X[:, j], limits, kwargs)
        if self._what == "density":
            of_what = "the mixture" + " but for noise" * self.has_noise
            scales = self.covariances[:, both][:, :, both]
            mixture = self.weights, self.means[:, both], scales, self.df
            contours, regions = draw_density(ax, mixture, limits, levels, of_what)
            self.contours_.append(contours)
        else:
            for k, colour in enumerate(self._colours):
                mean, scale = self.means[k, both], self.covariances[k][np.ix_(both, both)]
                self.ellipses_ += draw_ellipses(ax, mean, scale, levels, self.df[k], colour)
                write_number(ax, k, mean, va="center", color="black")
            regions = level_key(levels)
        ax.set(xlim=limits[0], ylim=limits[1])
        ax.set(xlabel=self.feature_names[i], ylabel=self.feature_names[j])
        return [*key, *regions]

    def _draw_rows(self, ax: Any, x: Array, y: Array, limits: Any, kwargs: Any) -> list[Any]:
        """The rows by two features, and ticks of those that have one; what the legend names."""
        resp, own = self.responsibilities, self._row_colours
        colour = row_colours(resp, own)
        both = ~np.isnan(x) & ~np.isnan(y)
        noise = noise_key() if self.has_noise and self._what != "density" else []
        margins = draw_margins(ax, x, y, colour)
        self.margins_ += margins
        if any(len(ticks.get_offsets()) for ticks in margins):
            noise = [margins[0], *noise]
        if self._what == "uncertainty":
            colour = shades_of_doubt(resp)
        elif self._what == "density":
            colour = np.full_like(colour, 0.3)
        if both.sum() > MANY_POINTS:
            image, rows = draw_counts(ax, x[both], y[both], colour[both], limits)
            rows.set_label(f"rows, the darker the more{DOUBT[self._what]}")
            self.images_.append(image)
        elif self._what == "uncertainty":
            points = draw_uncertain_points(ax, x[both], y[both], resp[both], own, kwargs)
            self.points_.append(points)
            return [*uncertainty_key(), *noise]
        else:
            rows = draw_points(ax, x[both], y[both], colour[both], kwargs)
            rows.set_label(f"rows{DOUBT[self._what]}")
            self.points_.append(rows)
        return [rows, *noise]

    def _draw_grid(self, axes: Any, levels: Any, bins: Any, kwargs: Any) -> None:
        """One feature on the diagonal, two below it."""
        d, key = len(axes), []
        for row, column in np.ndindex(d, d):
            ax = axes[row, column]
            if row < column:
                ax.set_axis_off()
                continue
            if row == column:
                self._draw_one(ax, row, bins, kwargs)
                ax.set_yticks([])
            else:
                key = self._draw_two(ax, column, row, levels, kwargs)
            ax.xaxis.label.set_size("small")
            ax.yaxis.label.set_size("small")
            if row < d - 1:
                ax.set_xlabel("")
                ax.tick_params(labelbottom=False)
            if column > 0:
                ax.set_ylabel("")
                ax.tick_params(labelleft=False)
        self.figure_.align_ylabels(axes[:, 0])
        some = [m for m in self.margins_ if len(m.get_offsets())]
        if some and not any(handle in self.margins_ for handle in key):
            key.insert(1, self.margins_[0])
        if self.histograms_:
            self.histograms_[0].set_label("data")
            key += [self.histograms_[0], self.density_lines_[0]]
        legend = axes[0, 1].legend(
            handles=key,
            loc="upper left",
            frameon=False,
            fontsize="small",
            title=fill(self.note, 48) or None,
            title_fontsize="small",
            alignment="left",
        )
        legend.set_in_layout(False)  # it reaches over the empty panels beside its own
