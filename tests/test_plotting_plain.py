"""Displays of distributions alone, and of names that are long or wrong."""

import matplotlib
import numpy as np
import pytest

from emkit import EMCensoredRegressor
from emkit.datasets import load_channing, load_cosmesis, load_lung
from emkit.plotting import (
    CensoredRegressionDisplay,
    CoefficientDisplay,
    ProbabilityPlotDisplay,
    ResidualDisplay,
    SurvivalCurveDisplay,
)
from emkit.plotting.common import told_apart

plt = pytest.importorskip("matplotlib.pyplot")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


def without_columns(X, form):
    return X.iloc[:, :0] if form == "frame" else np.empty((len(X), 0))


@pytest.mark.parametrize("form", ["frame", "array"])
@pytest.mark.parametrize("load", [load_lung, load_cosmesis, load_channing])
def test_a_distribution_alone_is_drawn(load, form):
    """An X without columns, for which a plain fit asks: the plots that choose a law take it too."""
    pytest.importorskip("pandas")
    X, y = load(return_X_y=True, as_frame=True)
    X, weights = without_columns(X, form), np.ones(len(X))
    laws = [EMCensoredRegressor(distribution=name).fit(X, y) for name in ("weibull", "normal")]
    display = ProbabilityPlotDisplay.from_estimators(laws, X, y)
    weighted = ProbabilityPlotDisplay.from_estimators(laws, X, y, sample_weight=weights)
    for law, plot, same in zip(laws, display.plots, weighted.plots, strict=True):
        assert plot.aic == law.aic(X, y)
        inner = slice(1, -1)  # quantiles lie on the line, within their limits
        quantiles, limits = law.predict_quantile(X[:1], plot.shares[inner], return_ci=True)
        np.testing.assert_allclose(plot.line[inner], quantiles[0], rtol=1e-9)
        np.testing.assert_allclose(plot.band[inner], limits[0], rtol=1e-7)
        np.testing.assert_allclose(plot.line, same.line, rtol=1e-12)
    SurvivalCurveDisplay.from_estimator(laws[0], X, y, level=None)
    ResidualDisplay.from_estimator(laws[0], X, y, level=None)


def test_of_no_coefficients_there_is_no_picture():
    X, y = load_lung(return_X_y=True)
    plain = EMCensoredRegressor(distribution="weibull").fit(X[:, :0], y)
    strata = EMCensoredRegressor(distribution="weibull", strata=[0]).fit(X[:, 1:2], y)
    for model in (plain, strata):
        with pytest.raises(ValueError, match="no coefficients to draw"):
            CoefficientDisplay.from_estimator(model)


ALIKE = [f"employment status: {value}" for value in ("retired", "student", "at home")]


@pytest.mark.parametrize(
    "names",
    [
        ALIKE,
        ["age", *ALIKE],
        [f"{end} of a name that is long in its middle, and so on" for end in "abc"],
        [f"a name of a covariate, {k}, of which only the middle tells {20 * '.'}" for k in "abc"],
        ["sex", "age"],
        ["twice" * 9, "twice" * 9, "once" * 9],
        [],
    ],
)
def test_names_that_differ_are_told_apart(names):
    shown = told_apart(names)
    assert [shown.index(name) for name in shown] == [names.index(name) for name in names]
    assert all(len(short) <= len(name) for short, name in zip(shown, names, strict=True))


def test_names_in_pictures_are_told_apart():
    pd = pytest.importorskip("pandas")
    X, y = load_lung(return_X_y=True)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(len(y), 3)), columns=ALIKE)
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    ax = CoefficientDisplay.from_estimator(model).ax_
    assert len({label.get_text() for label in ax.get_yticklabels()}) == 3
    groups = np.array(ALIKE)[rng.integers(3, size=len(y))]
    curves = SurvivalCurveDisplay.from_estimator(model, X, y, groups=groups, level=None)
    drawn = {text.get_text() for text in curves.at_risk_}
    assert len([text for text in drawn if text.startswith("employ")]) == 3


def test_errors_name_the_argument_that_chooses_a_feature():
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    of_displays = [
        ("groups", lambda: SurvivalCurveDisplay.from_estimator(model, X, y, groups="sx")),
        ("feature", lambda: ResidualDisplay.from_estimator(model, X, y, feature="sx")),
        ("feature", lambda: CensoredRegressionDisplay.from_estimator(model, X, y, feature=2)),
        ("features", lambda: CoefficientDisplay.from_estimator(model, features="sx")),
    ]
    for argument, draw in of_displays:
        with pytest.raises(ValueError, match=f"^{argument} must be .* of those of fit"):
            draw()
    plain = EMCensoredRegressor(distribution="weibull").fit(X[:, :0], y)
    with pytest.raises(ValueError, match="^feature chooses .* there are none"):
        ResidualDisplay.from_estimator(plain, X[:, :0], y, feature=0)
