"""What the displays share: matplotlib, axes, colours, names of features."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import require_fit
from emkit.base.optional import optional_import

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "OKABE_ITO",
    "ORANGE",
    "axes_for",
    "best_of",
    "check_probabilities",
    "check_usable",
    "choose_features",
    "colours",
    "feature_names",
    "hidden_features",
    "last_step",
    "legend_above",
    "listed",
    "one_or_all",
    "pyplot",
    "told_apart",
    "write_plainly",
]

#: Colours that the colour-blind tell apart (Okabe & Ito), without black and pale yellow.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9")
BLUE, ORANGE, GREEN, GREY = *OKABE_ITO[:3], "0.75"
#: Features that a picture names where they have no panel.
LISTED = 6


def pyplot() -> Any:
    """matplotlib.pyplot, imported only when something is drawn."""
    return optional_import("matplotlib.pyplot", "plot", "A display")


def best_of(estimator: Any) -> Any:
    """The best estimator of a fitted search, `EMGaussianMixtureIC` among them; else as it is."""
    from emkit.mixture.selection import EMGaussianMixtureIC

    if not isinstance(estimator, EMGaussianMixtureIC | GridSearchCV | RandomizedSearchCV):
        return estimator
    check_is_fitted(estimator, "best_estimator_")
    return estimator.best_estimator_


def last_step(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """The last step of a pipeline or of the best of a search, and X as the steps before make it."""
    estimator = best_of(estimator)
    while isinstance(estimator, Pipeline):
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = best_of(estimator[-1])
    return estimator, X


def check_usable(
    estimator: Any, display: type, methods: Sequence[str], of_fit: Sequence[str] = ()
) -> None:
    """TypeError for an estimator that lacks what is drawn, NotFittedError for an unfitted one.

    ``of_fit`` are attributes that a fit leaves, and are not there where others were set by hand.
    """
    missing = [name for name in methods if not hasattr(estimator, name)]
    if missing:
        raise TypeError(
            f"{display.__name__} cannot show {type(estimator).__name__}, which has no "
            f"{', '.join(missing)}. See its docstring for the estimators that it is for."
        )
    require_fit(estimator, f"{display.__name__} shows", of_fit)


def colours(n: int) -> list[Any]:
    """n colours: six that the colour-blind tell apart, then these darker and lighter."""
    from matplotlib.colors import to_rgb

    base = np.array([to_rgb(colour) for colour in OKABE_ITO])
    n_shades = ((n - 1) // len(base) + 1) // 2 * 2  # as many darker as lighter
    shades = [0.0, *np.linspace(-0.45, 0.45, n_shades)]  # how far towards black or white
    found = []
    for k in range(n):
        shade, own = shades[k // len(base)], base[k % len(base)]
        found.append(tuple(own + abs(shade) * (float(shade > 0.0) - own)))
    return found


def hidden_features(shown: NDArray[np.intp], names: NDArray[Any], why: str) -> str:
    """What a picture says of the features that nobody chose to leave out; empty where none."""
    n_hidden = len(names) - len(shown)
    if not n_hidden:
        return ""
    return f"{len(shown)} of {len(names)} features, {why}; features= shows others"


def told_apart(names: Iterable[Any]) -> list[str]:
    """Names that fit beside an axis, and still differ where they do."""
    whole = [str(name) for name in names]
    for start, end in (19, 0), (6, 13):
        shown = [_without_middle(name, start, end) for name in whole]
        if len(set(shown)) == len(set(whole)):
            return shown
    return whole


def _without_middle(name: str, start: int, end: int) -> str:
    if len(name) <= start + 1 + end:
        return name
    return f"{name[:start]}\N{HORIZONTAL ELLIPSIS}{name[len(name) - end :]}"


def listed(names: NDArray[Any]) -> str:
    """Names of features, as far as there is room for them."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(told_apart(names[:LISTED])) + more


def feature_names(estimator: Any) -> NDArray[Any]:
    """Names of the features of fit, made up where they had none."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = [f"feature {j}" for j in range(estimator.n_features_in_)]
    return np.asarray(names, dtype=object)


def choose_features(
    features: Any, names: Sequence[Any] | NDArray[Any], argument: str = "features"
) -> NDArray[np.intp]:
    """Indices of features given by index or name, under the name of an argument."""
    if isinstance(features, str | Integral):
        features = [features]
    features = list(features)
    if not features:
        raise ValueError(f"{argument} is empty: name one at least, by its index or its name.")
    known = {name: j for j, name in enumerate(names)}
    chosen: list[int] = []
    for feature in features:
        integral = isinstance(feature, Integral) and not isinstance(feature, bool)
        j = int(feature) if integral else known.get(feature, -1)
        if not 0 <= j < len(names):
            raise ValueError(_no_feature(feature, names, argument))
        if j in chosen:
            raise ValueError(f"{argument} must differ. Got {feature!r} twice.")
        chosen.append(j)
    return np.array(chosen)


def _no_feature(feature: Any, names: Sequence[Any] | NDArray[Any], argument: str) -> str:
    if not len(names):
        return f"{argument} chooses from the features of fit, and there are none. Got {feature!r}."
    shown = ", ".join(map(str, names[:10])) + (", ..." if len(names) > 10 else "")
    last = len(names) - 1
    what = f"an index from 0 to {last} or the name of one"
    if argument == "features":
        what = f"indices from 0 to {last} or names"
    return f"{argument} must be {what} of those of fit ({shown}). Got {feature!r}."


def check_probabilities(values: ArrayLike, name: str) -> Array:
    """Probabilities strictly between 0 and 1, as an array."""
    array = np.atleast_1d(np.asarray(values, dtype=float))
    if array.ndim > 1 or not ((array > 0.0) & (array < 1.0)).all():
        raise ValueError(f"{name} must lie strictly between 0 and 1. Got {values!r}.")
    return array


def axes_for(ax: Any, shape: tuple[int, int], size: Sequence[float]) -> NDArray[Any]:
    """Axes (rows, columns): those given, or of a new figure with panels of a size in inches."""
    rows, columns = shape
    if ax is None:
        figsize = columns * size[0], rows * size[1]
        _, made = pyplot().subplots(
            rows, columns, figsize=figsize, layout="constrained", squeeze=False
        )
        return np.asarray(made)
    axes = np.asarray(ax, dtype=object)
    if axes.size != rows * columns:
        raise ValueError(
            f"ax must hold {rows * columns} axes for this picture (plt.subplots({rows}, {columns}) "
            f"makes them), or be None. Got {axes.size}."
        )
    return axes.reshape(shape)


def one_or_all(axes: NDArray[Any]) -> Any:
    """The axes of a picture of one panel, or the array of them."""
    return axes.item() if axes.size == 1 else axes.squeeze()


def legend_above(
    ax: Any, handles: Sequence[Any] | None = None, ncols: int = 3, fontsize: str = "small"
) -> Any:
    """A legend over the axes, where it hides no data."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    return ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=ncols,
        frameon=False,
        fontsize=fontsize,
        borderaxespad=0.2,
        handlelength=1.5,
        columnspacing=1.0,
    )


def write_plainly(axis: Any) -> None:
    """Numbers of a logarithmic axis as 60 and 600, not as powers of ten."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: Any = None) -> str:
            return f"{x:.6g}" if super().__call__(x, pos) else ""

    axis.set_major_formatter(Plain())
    axis.set_minor_formatter(Plain(labelOnlyBase=False, minor_thresholds=(2.0, 0.5)))
