"""The displays: what is drawn is what the estimators say; bad input is told clearly."""

import ast
import sys
from copy import copy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from structures import dense

import emkit.plotting
from emkit import (
    EMCensoredRegressor,
    EMGaussianMixture,
    EMGaussianMixtureIC,
    EMImputer,
    EMSurvivalCurve,
    censored_target,
)
from emkit.datasets import load_cosmesis
from emkit.engine import StopReason
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS
from emkit.numerics.covariance import NAMES, STRUCTURES
from emkit.plotting import (
    CensoredRegressionDisplay,
    CoefficientDisplay,
    ConvergenceDisplay,
    ImputationDisplay,
    MixtureDisplay,
    ProbabilityPlotDisplay,
    ResidualDisplay,
    SelectionDisplay,
    SurvivalCurveDisplay,
)

matplotlib.use("Agg")
from emkit.plotting.common import colours
from emkit.plotting.imputation import _whole_edges
from emkit.plotting.mixture_density import log_density

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_figure_stays():
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="module")
def iris():
    return load_iris(as_frame=True).data


@pytest.fixture(scope="module")
def mixture(iris):
    return EMGaussianMixture(3, random_state=0).fit(iris)


@pytest.fixture(scope="module")
def pierced(iris):
    rng = np.random.default_rng(0)
    return iris.mask(rng.random(iris.shape) < 0.2)


@pytest.fixture(scope="module")
def intervals():
    """Twelve responses of each kind."""
    rng = np.random.default_rng(2)
    x = rng.uniform(0.0, 4.0, 48)
    t = 1.0 + 0.5 * x + 0.3 * rng.standard_normal(48)
    kind = np.arange(48) % 4
    low = np.select([kind == 0, kind == 1, kind == 2], [t, t - 0.1, -np.inf], t - 0.4)
    high = np.select([kind == 0, kind == 1, kind == 2], [t, np.inf, t + 0.1], t + 0.3)
    return x[:, None], np.column_stack([low, high]), kind


# What all displays share.


def test_matplotlib_is_imported_only_to_draw():
    for path in Path(emkit.plotting.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "matplotlib" not in ast.unparse(node)


def drawers(iris, mixture, intervals):
    X, y, _ = intervals
    pierced = iris.mask(np.arange(iris.size).reshape(iris.shape) % 7 == 0)
    return {
        "mixture": lambda: MixtureDisplay.from_estimator(mixture, iris),
        "convergence": lambda: ConvergenceDisplay.from_estimator(mixture),
        "selection": lambda: SelectionDisplay.from_estimators([mixture], iris),
        "imputation": lambda: ImputationDisplay.from_estimator(mixture, pierced),
        "censored": lambda: CensoredRegressionDisplay.from_estimator(
            EMCensoredRegressor().fit(X, y), X, y
        ),
        **drawers_of_failures(*load_cosmesis(return_X_y=True)),
    }


def drawers_of_failures(X, y):
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    other = EMCensoredRegressor(distribution="lognormal").fit(X, y)
    few = {"n_resamples": 20}
    return {
        "survival": lambda: SurvivalCurveDisplay.from_estimator(model, X, y, groups=0, **few),
        "residual": lambda: ResidualDisplay.from_estimator(model, X, y, **few),
        "probability": lambda: ProbabilityPlotDisplay.from_estimators([model, other], X, y),
        "coefficient": lambda: CoefficientDisplay.from_estimator(model),
    }


KINDS = ["mixture", "convergence", "selection", "imputation", "censored"]
KINDS += ["survival", "residual", "probability", "coefficient"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_matplotlib_it_says_what_to_install(kind, iris, mixture, intervals, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "emkit\[plot\]"'):
        drawers(iris, mixture, intervals)[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_it_draws_and_draws_again(kind, iris, mixture, intervals):
    display = drawers(iris, mixture, intervals)[kind]()
    axes = np.ravel(display.ax_)
    assert all(ax.figure is display.figure_ for ax in axes)
    assert any(ax.get_xlabel() for ax in axes) and any(ax.get_ylabel() for ax in axes)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    # On axes that are given no other figure is made.
    figure, given = plt.subplots(1, axes.size, squeeze=False)
    before = plt.get_fignums()
    assert display.plot(ax=given if axes.size > 1 else given[0, 0]).figure_ is figure
    assert plt.get_fignums() == before
    with pytest.raises(ValueError, match=r"ax must hold"):
        display.plot(ax=plt.subplots(1, axes.size + 1)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_drawn_is_cut_off(kind, iris, mixture, intervals):
    figure = drawers(iris, mixture, intervals)[kind]().figure_
    figure.canvas.draw()
    tight = figure.get_tightbbox()
    assert tight.x0 >= -0.01 and tight.y0 >= -0.01
    assert tight.x1 <= figure.get_figwidth() + 0.01
    assert tight.y1 <= figure.get_figheight() + 0.01
    for ax in figure.axes:
        if not ax.axison or kind == "imputation":
            continue
        (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
        for line in ax.lines:
            x, y = line.get_data()
            assert ((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)).all()


def test_unfitted_and_foreign_estimators_are_refused(iris):
    y = iris.iloc[:, 0]
    line = LinearRegression().fit(iris, y)
    with pytest.raises(NotFittedError):
        MixtureDisplay.from_estimator(EMGaussianMixture(), iris)
    with pytest.raises(NotFittedError):
        ConvergenceDisplay.from_estimator(EMImputer())
    with pytest.raises(NotFittedError):
        SelectionDisplay.from_estimators([EMGaussianMixture()], iris)
    with pytest.raises(NotFittedError):
        SelectionDisplay.from_search(GridSearchCV(EMGaussianMixture(), {"n_components": [1]}))
    with pytest.raises(NotFittedError):
        ImputationDisplay.from_estimator(EMImputer(), iris)
    with pytest.raises(NotFittedError):
        CensoredRegressionDisplay.from_estimator(EMCensoredRegressor(), iris, y)
    with pytest.raises(NotFittedError):
        SurvivalCurveDisplay.from_estimator(EMSurvivalCurve(), iris, y)
    with pytest.raises(NotFittedError):
        ResidualDisplay.from_estimator(EMCensoredRegressor(), iris, y)
    with pytest.raises(NotFittedError):
        ProbabilityPlotDisplay.from_estimators([EMCensoredRegressor()], iris, y)
    with pytest.raises(NotFittedError):
        CoefficientDisplay.from_estimator(EMCensoredRegressor())
    for draw in (
        lambda: MixtureDisplay.from_estimator(line, iris),
        lambda: ConvergenceDisplay.from_estimator(line),
        lambda: SelectionDisplay.from_estimators([line], iris),
        lambda: SelectionDisplay.from_search(line),
        lambda: ImputationDisplay.from_estimator(line, iris),
        lambda: CensoredRegressionDisplay.from_estimator(line, iris, y),
        lambda: SurvivalCurveDisplay.from_estimator(line, iris, y),
        lambda: ResidualDisplay.from_estimator(line, iris, y),
        lambda: ProbabilityPlotDisplay.from_estimators(line, iris, y),
        lambda: CoefficientDisplay.from_estimator(line),
    ):
        with pytest.raises(TypeError, match="LinearRegression"):
            draw()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (4, "from 0 to 3 .*Got 4"),
        (-1, "Got -1"),
        (True, "Got True"),
        ("petal", "petal length .cm.*Got 'petal'"),
        ([0, 0], "Got 0 twice"),
        ([2, "petal length (cm)"], "twice"),
        ([], "features is empty"),
    ],
)
def test_a_wrong_feature_is_named(features, message, iris, mixture):
    with pytest.raises(ValueError, match=message):
        MixtureDisplay.from_estimator(mixture, iris, features=features)
    with pytest.raises(ValueError, match=message):
        ImputationDisplay.from_estimator(mixture, iris, features=features)


# MixtureDisplay.


@pytest.mark.parametrize("covariance_type", NAMES)
def test_the_marginal_is_the_integral_of_the_joint_density(covariance_type, iris):
    X = iris.to_numpy()[:, :2]
    mixture = EMGaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X, features=1)
    at, total = display.density_lines_[0].get_data()
    at, total = at[::20], total[::20]
    other = np.linspace(-5.0, 15.0, 2001)
    grid = np.array([[x, y] for y in at for x in other])
    joint = np.exp(mixture.score_samples(grid)).reshape(len(at), -1)
    np.testing.assert_allclose(total, np.trapezoid(joint, other, axis=1), rtol=1e-8)


def test_components_add_up_and_bars_have_area_one(iris, mixture):
    display = MixtureDisplay.from_estimator(mixture, iris, features="petal width (cm)", bins=7)
    at, total = display.density_lines_[0].get_data()
    assert len(display.component_lines_) == 3
    parts = [line.get_ydata() for line in display.component_lines_]
    np.testing.assert_allclose(np.sum(parts, axis=0), total, rtol=1e-12)
    for k, part in enumerate(parts):
        scale = np.sqrt(mixture.covariances_[k, 3, 3])
        wanted = mixture.weights_[k] * stats.norm(mixture.means_[k, 3], scale).pdf(at)
        np.testing.assert_allclose(part, wanted, rtol=1e-10)
    bars = display.histograms_[0]
    assert len(bars) == 7
    assert sum(bar.get_height() * bar.get_width() for bar in bars) == pytest.approx(1.0)
    assert display.ax_.get_xlabel() == "petal width (cm)"


@pytest.mark.parametrize("covariance_type", NAMES)
def test_ellipses_hold_their_share_of_the_marginal(covariance_type, iris):
    X = iris.to_numpy()
    mixture = EMGaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    levels = [0.3, 0.9, 0.99]
    display = MixtureDisplay.from_estimator(mixture, X, features=[3, 1], levels=levels)
    assert len(display.ellipses_) == 2 * 3
    matrices = dense(covariance_type, mixture.covariances_, 2, 4)
    for n, line in enumerate(display.ellipses_):
        k, level = n // 3, levels[n % 3]
        covariance = matrices[k][np.ix_([3, 1], [3, 1])]
        z = np.column_stack(line.get_data()) - mixture.means_[k, [3, 1]]
        distance = np.einsum("ij,jk,ik->i", z, np.linalg.inv(covariance), z)
        np.testing.assert_allclose(distance, stats.chi2(2).ppf(level), rtol=1e-9)
        # It goes all around.
        np.testing.assert_allclose(z[:-1].mean(axis=0), 0.0, atol=1e-9)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.3, 0.9, 1.0]))
def test_every_row_with_a_cell_is_drawn_once(seed, share, iris, mixture):
    rng = np.random.default_rng(seed)
    X = iris.mask(rng.random(iris.shape) < share)
    display = MixtureDisplay.from_estimator(mixture, X, features=[0, 2], s=3)
    part = X.to_numpy()[:, [0, 2]]
    missing = np.isnan(part)
    (points,), (below, beside) = display.points_, display.margins_
    np.testing.assert_array_equal(points.get_offsets(), part[~missing.any(axis=1)])
    np.testing.assert_array_equal(
        below.get_offsets()[:, 0], part[~missing[:, 0] & missing[:, 1], 0]
    )
    np.testing.assert_array_equal(
        beside.get_offsets()[:, 1], part[missing[:, 0] & ~missing[:, 1], 1]
    )
    plt.close(display.figure_)


def test_colours_tell_the_component_and_fade_with_doubt(mixture, iris):
    resp = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3]])
    covariances, X = np.tile(np.eye(2), (3, 1, 1)), np.arange(8.0).reshape(4, 2)
    display = MixtureDisplay(X, resp, np.full(3, 1 / 3), np.zeros((3, 2)), covariances, ["a", "b"])
    colours = display.plot().points_[0].get_facecolors()[:, :3]
    lines = [matplotlib.colors.to_rgb(line.get_color()) for line in display.ellipses_[::2]]
    np.testing.assert_allclose(colours[:3], lines)
    assert np.ptp(colours[3]) < 1e-12  # grey


@pytest.mark.parametrize("k", [1, 3, 7, 30])
def test_any_number_of_components_has_as_many_colours_and_numbers(k):
    rng = np.random.default_rng(k)
    covariances = np.tile(np.eye(2), (k, 1, 1))
    display = MixtureDisplay(
        rng.uniform(0, 9, (50, 2)),
        rng.dirichlet(np.ones(k), 50),
        np.full(k, 1.0 / k),
        rng.uniform(0, 9, (k, 2)),
        covariances,
        ["length (mm)", "width (mm)"],
    ).plot(levels=0.9)
    assert len(display.ellipses_) == k
    assert len({matplotlib.colors.to_hex(line.get_color()) for line in display.ellipses_}) == k
    assert [text.get_text() for text in display.ax_.texts] == [str(i) for i in range(k)]
    assert display.ax_.get_ylabel() == "width (mm)"


SHOWN = ["classification", "uncertainty", "density"]


@pytest.mark.parametrize("what", SHOWN)
@pytest.mark.parametrize("features", [1, [0, 2], None], ids=["one", "two", "all"])
@pytest.mark.parametrize("distribution", ["normal", "student_t", "noise"])
def test_what_is_asked_for_is_drawn(what, features, distribution, iris):
    rng = np.random.default_rng(0)
    X = np.concatenate([iris.to_numpy(), rng.uniform(0.0, 8.0, (20, 4))])
    options = {"noise": True} if distribution == "noise" else {"distribution": distribution}
    mixture = EMGaussianMixture(2, random_state=0, **options).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X, features=features, what=what)
    pairs, lone = {1: (0, 1), 2: (1, 0), 4: (6, 4)}[len(display.feature_names)]
    has_points = pairs + lone * (what == "uncertainty")
    assert len(display.points_) == has_points
    assert len(display.contours_) == pairs * (what == "density")
    assert len(display.ellipses_) == 4 * pairs * (what != "density")
    assert len(display.histograms_) == lone * (what != "uncertainty")
    display.figure_.canvas.draw()
    tight = display.figure_.get_tightbbox()
    assert tight.x0 >= -0.01 and tight.x1 <= display.figure_.get_figwidth() + 0.01
    assert tight.y0 >= -0.01 and tight.y1 <= display.figure_.get_figheight() + 0.01


def test_points_are_as_large_as_their_rows_are_uncertain(mixture, iris):
    two, one = (
        MixtureDisplay.from_estimator(mixture, iris, features=features, what="uncertainty")
        for features in ([0, 1], 0)
    )
    doubt = 1.0 - mixture.predict_proba(iris).max(axis=1)
    order = doubt.argsort(kind="stable")
    np.testing.assert_array_equal(two.points_[0].get_offsets(), iris.to_numpy()[order, :2])
    areas = two.points_[0].get_sizes()
    np.testing.assert_allclose(np.diff(areas), 180.0 * np.diff(doubt[order]), atol=1e-9)
    np.testing.assert_allclose(one.points_[0].get_offsets()[:, 1], doubt[order])
    shown = [mark.get_markersize() ** 2 for mark in two.ax_.get_legend().get_lines()[:3]]
    np.testing.assert_allclose(shown, areas[0] + 180.0 * (np.array([0.01, 0.1, 0.5]) - doubt.min()))


@pytest.mark.parametrize("distribution", ["normal", "student_t"])
def test_regions_of_density_hold_their_share(distribution, iris):
    X = iris.to_numpy()[:, [0, 2]]
    mixture = EMGaussianMixture(3, distribution=distribution, df=5.0, random_state=0).fit(X)
    levels = np.array([0.3, 0.6, 0.9])
    display = MixtureDisplay.from_estimator(mixture, X, what="density", levels=levels)
    ((x0, x1), (y0, y1)) = display.ax_.get_xlim(), display.ax_.get_ylim()
    x, y = np.linspace(x0 - 9, x1 + 9, 1500), np.linspace(y0 - 9, y1 + 9, 1500)
    at = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    logs = mixture.score_samples(at)
    cell = (x[1] - x[0]) * (y[1] - y[0])
    for height, level in zip(display.contours_[0].levels, levels[::-1], strict=True):
        assert np.exp(logs[logs > height]).sum() * cell == pytest.approx(level, abs=0.01)
    # What is drawn is the density itself.
    own = (display.weights, display.means, display.covariances, display.df)
    np.testing.assert_allclose(log_density(at[::999], *own), logs[::999], rtol=1e-9)


def test_what_cannot_be_shown_is_said(mixture, iris):
    with pytest.raises(ValueError, match="what must be one of .*'density'.*Got 'BIC'"):
        MixtureDisplay.from_estimator(mixture, iris, what="BIC")


@pytest.mark.parametrize("what", SHOWN)
def test_one_component_has_no_doubt(what, iris):
    alone = EMGaussianMixture(1).fit(iris)
    display = MixtureDisplay.from_estimator(alone, iris, features=[0, 1], what=what)
    assert len(display.points_[0].get_offsets()) == len(iris)


def test_more_features_are_a_grid_of_pairs(mixture, pierced):
    display = MixtureDisplay.from_estimator(mixture, pierced)
    assert display.ax_.shape == (4, 4)
    assert len(display.histograms_) == len(display.density_lines_) == 4
    assert len(display.points_) == 6
    assert len(display.ellipses_) == 6 * 3 * 2
    shown = np.array([[ax.axison for ax in row] for row in display.ax_])
    np.testing.assert_array_equal(shown, np.tri(4, dtype=bool))
    assert [ax.get_xlabel() for ax in display.ax_[-1]] == list(pierced.columns)
    # The legend tells of what there is, rows at the margins among it.
    labels = [text.get_text() for text in display.ax_[0, 1].get_legend().get_texts()]
    assert "rows without the other feature" in labels and "mixture" in labels


def test_of_many_features_those_are_shown_that_tell_components_apart():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 9))
    X[:100, [1, 2, 4, 6, 8]] += 6.0
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X)
    assert display.feature_names == [f"feature {j}" for j in [1, 2, 4, 6, 8]]


def test_scikit_learns_mixture_will_do(iris):
    other = GaussianMixture(2, random_state=0).fit(iris)
    display = MixtureDisplay.from_estimator(other, iris, features=[0, 1])
    np.testing.assert_array_equal(display.means, other.means_[:, :2])
    np.testing.assert_allclose(display.responsibilities, other.predict_proba(iris))


def test_a_mixture_that_does_not_fit_together_is_refused(mixture, iris):
    parts = MixtureDisplay.from_estimator(mixture, iris)
    given = [
        parts.X,
        parts.responsibilities,
        parts.weights,
        parts.means,
        parts.covariances,
        parts.feature_names,
    ]
    for i, name in [(1, "responsibilities"), (3, "means"), (4, "covariances")]:
        wrong = [*given[:i], given[i][..., 1:], *given[i + 1 :]]
        with pytest.raises(ValueError, match=f"{name} must have the shape"):
            MixtureDisplay(*wrong)
    for levels in (0.0, 1.0, [0.5, np.nan]):
        with pytest.raises(ValueError, match="levels must lie strictly between 0 and 1"):
            parts.plot(levels=levels)


# ConvergenceDisplay.


@pytest.fixture(scope="module")
def fits(iris):
    options = {"n_init": 4, "init_params": "random", "tol": 1e-8, "max_iter": 2000}
    return {
        name: EMGaussianMixture(3, acceleration=how, random_state=1, **options).fit(iris)
        for name, how in [("Anderson", "anderson"), ("plain", None)]
    }


def test_every_run_is_drawn_and_the_best_stands_out(fits):
    display = ConvergenceDisplay.from_estimators(fits)
    for name, fit in fits.items():
        lines = display.lines_[name]
        assert len(lines) == len(fit.runs_) == 4
        for line, run in zip(lines, fit.runs_, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), run.history)
            assert line.get_xdata()[0] == 1
            assert line.get_xdata()[-1] == run.n_evaluations
            assert (np.diff(line.get_xdata()) >= 1.0 - 1e-12).all()
        best = lines[display.best[name]]
        np.testing.assert_array_equal(best.get_ydata(), fit.history_)
        assert best.get_linewidth() > max(x.get_linewidth() for x in lines if x is not best)
        assert best.get_label() == f"{name}, best of 4 runs"
    for run, line in zip(fits["plain"].runs_, display.lines_["plain"], strict=True):
        np.testing.assert_array_equal(line.get_xdata(), 1 + np.arange(run.n_evaluations))
    assert display.ax_.get_xlabel() == "E-steps"
    assert display.ax_.get_ylabel() == "objective (nats per sample)"


def test_the_gap_is_to_the_best_of_all(fits):
    display = ConvergenceDisplay.from_estimators(fits, gap=True)
    top = max(np.max(run.history) for fit in fits.values() for run in fit.runs_)
    for name, fit in fits.items():
        for line, run in zip(display.lines_[name], fit.runs_, strict=True):
            gap = line.get_ydata()
            assert (gap > 0.0).all()
            np.testing.assert_allclose(gap, top - np.array(run.history)[: len(gap)])
    assert display.ax_.get_yscale() == "log"
    assert "gap" in display.ax_.get_ylabel()


def test_failed_runs_are_counted_and_fits_without_a_path_are_points(fits):
    fit = copy(fits["plain"])
    failed = fit.runs_[0]._replace(
        objective=np.nan, history=(), n_evaluations=0, reason=StopReason.INFEASIBLE
    )
    fit.runs_ = (failed, *fit.runs_)
    display = ConvergenceDisplay.from_estimator(fit)
    (lines,) = display.lines_.values()
    assert len(lines) == 4
    assert lines[display.best["EMGaussianMixture"]].get_label().endswith("of 5 runs (1 failed)")
    constant = EMImputer().fit([[1.0, 2.0], [1.0, np.nan]])
    for gap in (False, True):
        display = ConvergenceDisplay.from_estimator(constant, gap=gap)
        display.figure_.canvas.draw()
        (line,) = display.lines_["EMImputer"]
        assert len(line.get_xdata()) == (0 if gap else 1)
    assert display.unit == "nats"


def test_fits_that_cannot_be_compared_are_refused(fits, intervals):
    X, y, _ = intervals
    regressor = EMCensoredRegressor().fit(X, y)
    display = ConvergenceDisplay.from_estimator(regressor)
    assert display.lines_["EMCensoredRegressor"][0].get_ydata()[-1] == regressor.history_[-1]
    with pytest.raises(ValueError, match="different units"):
        ConvergenceDisplay.from_estimators({"a": regressor, "b": fits["plain"]})
    with pytest.raises(ValueError, match="empty"):
        ConvergenceDisplay.from_estimators({})
    with pytest.raises(TypeError, match="dict"):
        ConvergenceDisplay.from_estimators([regressor])


# SelectionDisplay.


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_criteria_are_those_of_the_estimators(criterion, iris):
    fits = [
        EMGaussianMixture(k, covariance_type=kind, random_state=0).fit(iris)
        for k in (3, 1, 2)
        for kind in ("full", "diag")
    ]
    weights = np.linspace(0.5, 1.5, len(iris))
    display = SelectionDisplay.from_estimators(
        fits, iris, criterion=criterion, sample_weight=weights
    )
    values = np.array([getattr(fit, criterion)(iris, weights) for fit in fits])
    np.testing.assert_array_equal(display.values, values)
    assert list(display.lines_) == ["full", "diag"]
    for i, kind in enumerate(["full", "diag"]):
        x, y = display.lines_[kind].get_data()
        np.testing.assert_array_equal(x, [1, 2, 3])
        np.testing.assert_array_equal(y, values[i::2][[1, 2, 0]])
    best = np.argmin(values)
    np.testing.assert_array_equal(
        display.best_.get_offsets(), [[fits[best].n_components, values[best]]]
    )
    assert display.ax_.get_ylabel().startswith(criterion.upper())
    assert not display.error_bars_


def test_a_search_shows_its_scores(iris):
    grid = {"n_components": [1, 2, 3], "covariance_type": NAMES, "reg_covar": [1e-4, 1e-3]}
    folds = KFold(4, shuffle=True, random_state=0)
    search = GridSearchCV(EMGaussianMixture(random_state=0), grid, cv=folds).fit(iris)
    display = SelectionDisplay.from_search(search)
    assert sorted(display.lines_) == sorted(NAMES)
    scores, results = search.cv_results_["mean_test_score"], search.cv_results_
    for kind, line in display.lines_.items():
        own = results["param_covariance_type"] == kind
        for k, value in zip(*line.get_data(), strict=True):
            assert value == scores[own & (results["param_n_components"] == k)].max()
    (best,) = display.best_.get_offsets()
    np.testing.assert_allclose(best, [search.best_params_["n_components"], search.best_score_])
    i = display.best_index_
    assert display.errors[i] == pytest.approx(results["std_test_score"][search.best_index_] / 2.0)
    bars = display.error_bars_[display.covariance_types[i]].get_segments()
    assert max(np.ptp(bar[:, 1]) for bar in bars) >= 2.0 * display.errors[i] * (1.0 - 1e-12)
    assert "log-likelihood (nats per sample)" in display.ax_.get_ylabel()


def test_a_search_may_be_over_a_pipeline_with_other_components(iris):
    pipeline = make_pipeline(PCA(2), EMGaussianMixture(random_state=0, covariance_type="tied"))
    grid = {"emgaussianmixture__n_components": [1, 2], "pca__n_components": [2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(iris)
    display = SelectionDisplay.from_search(search)
    np.testing.assert_array_equal(display.lines_["tied"].get_xdata(), [1, 2])
    several = GridSearchCV(
        EMImputer(), {"n_components": [1]}, scoring={"a": _constant, "b": _constant}, refit=False
    ).fit(iris)
    assert SelectionDisplay.from_search(several, metric="b").values == [1.0]
    with pytest.raises(ValueError, match=r"metric must be one of \['a', 'b'\]. Got 'score'"):
        SelectionDisplay.from_search(several)


def _constant(estimator, X, y=None):
    return 1.0


def _nan(estimator, X, y=None):
    return np.nan


@pytest.mark.parametrize("most", [1, 2, 30])
def test_components_are_whole_numbers(most):
    n = np.arange(1, most + 1)
    display = SelectionDisplay(n, np.full(most, "tied"), -1.0 * n, None, "BIC", False).plot()
    low, high = display.ax_.get_xlim()
    ticks = [tick for tick in display.ax_.get_xticks() if low <= tick <= high]
    assert ticks and all(tick == round(tick) for tick in ticks)


def values_of(kinds, most, seed=0):
    """A display of random values."""
    types = np.repeat(kinds, most)
    n = np.tile(np.arange(1, most + 1), len(kinds))
    values = 1000.0 + 50.0 * np.random.default_rng(seed).normal(size=len(n))
    return SelectionDisplay(n, types, values, None, "BIC", False)


@pytest.mark.parametrize("kinds", [NAMES[:1], NAMES[:2], NAMES[:4], NAMES], ids=len)
@pytest.mark.parametrize("most", [1, 9])
def test_lines_are_told_apart_without_colour_and_the_legend_hides_none(kinds, most):
    display = values_of(kinds, most).plot()
    looks = {
        kind: (line.get_marker(), line.get_markerfacecolor() == "white", line.get_linestyle())
        for kind, line in display.lines_.items()
    }
    assert len(set(looks.values())) == len(kinds)
    assert len({look[:2] for look in looks.values()}) == len(kinds)
    assert len({(line.get_color(), line.get_linestyle()) for line in display.lines_.values()}) == (
        len(kinds)
    )
    display.figure_.canvas.draw()
    legend, inside = display.ax_.get_legend().get_window_extent(), display.ax_.get_window_extent()
    assert legend.x0 >= inside.x1 - 1.0 or legend.y0 >= inside.y1 - 1.0
    tight = display.figure_.get_tightbbox()
    assert tight.x1 <= display.figure_.get_figwidth() + 0.01
    assert tight.y1 <= display.figure_.get_figheight() + 0.01
    # The best comes first.
    lines = display.ax_.get_legend().get_lines()
    least = [np.min(display.values[display.covariance_types == kind]) for kind in kinds]
    assert [line.get_label().split()[0] for line in lines] == [
        (STRUCTURES[kind].letters if len(kinds) > 4 else kind)
        for _, kind in sorted(zip(least, kinds, strict=True))
    ]


def test_types_of_one_model_share_a_line(iris):
    grid = EMGaussianMixtureIC(max_components=3, covariance_type="all", n_init=1, random_state=0)
    display = SelectionDisplay.from_search(grid.fit(iris.iloc[:, [2]]))
    assert sorted(display.lines_) == sorted(NAMES) and len(set(display.lines_.values())) == 2
    named = " ".join(line.get_label() for line in set(display.lines_.values()))
    assert all(STRUCTURES[name].letters in named for name in NAMES)


def test_what_is_not_seen_is_said():
    rng = np.random.default_rng(0)
    few = np.concatenate([rng.normal(0, 1, (6, 3)), rng.normal(9, 1, (6, 3))])
    grid = EMGaussianMixtureIC(
        max_components=4, covariance_type=["full", "EII"], n_init=1, random_state=0
    )
    with pytest.warns(DataWarning, match="left out"):
        grid.fit(few)
    failed = np.isnan(grid.criterion_)
    display = SelectionDisplay.from_search(grid)
    assert len(display.left_out) == failed.sum() > 0
    (kinds, sizes) = zip(*display.left_out, strict=True)
    np.testing.assert_array_equal(kinds, grid.results_["covariance_type"][failed])
    np.testing.assert_array_equal(sizes, grid.results_["n_components"][failed])
    assert display.note_.get_text().startswith("not fitted: VVV: ")
    # Models far behind are named, and the others have the axis for themselves.
    far = values_of(["full", "tied", "VEV"], 9)
    far.values[far.covariance_types == "tied"] += 1e4
    for sign in (1.0, -1.0):
        far.values, far.higher_is_better = sign * np.abs(far.values), sign < 0.0
        display = far.plot()
        side = "below" if far.higher_is_better else "above"
        assert display.note_.get_text() == f"{side} the axis: EEE: 1\N{EN DASH}9"
        low, high = display.ax_.get_ylim()
        seen = (far.values >= low) & (far.values <= high)
        np.testing.assert_array_equal(seen, far.covariance_types != "tied")
    assert values_of(["full", "tied"], 9).plot().note_ is None


def test_candidates_of_a_search_that_failed_are_named(iris):
    search = GridSearchCV(
        EMGaussianMixture(reg_covar=0.0, random_state=0),
        {"n_components": [1, 2, 200]},
        cv=2,
        error_score=np.nan,
    )
    with pytest.warns(FitFailedWarning):
        with pytest.warns(UserWarning, match="non-finite"):
            search.fit(iris)
    display = SelectionDisplay.from_search(search)
    assert display.left_out == [("full", 200)] and "VVV: 200" in display.note_.get_text()


def test_nothing_to_compare_is_said(iris, mixture):
    with pytest.raises(ValueError, match="estimators is empty"):
        SelectionDisplay.from_estimators([], iris)
    with pytest.raises(TypeError, match="must be a list of fitted mixtures.*Got EMGaussianMixture"):
        SelectionDisplay.from_estimators(mixture, iris)
    assert SelectionDisplay.from_estimators({"three": mixture}, iris).n_components == [3]
    with pytest.raises(ValueError, match="must come once.*'full', 3"):
        SelectionDisplay.from_estimators([mixture, mixture], iris)
    with pytest.raises(ValueError, match="criterion must be one of.*Got 'dic'"):
        SelectionDisplay.from_estimators([mixture], iris, criterion="dic")
    with pytest.raises(TypeError, match="no icl"):
        other = GaussianMixture().fit(iris)
        SelectionDisplay.from_estimators([other], iris, criterion="icl")
    search = GridSearchCV(EMGaussianMixture(), {"reg_covar": [1e-3]}, cv=2).fit(iris)
    with pytest.raises(ValueError, match="must vary n_components.*It varies reg_covar"):
        SelectionDisplay.from_search(search)
    with pytest.warns(UserWarning, match="non-finite"):
        search = GridSearchCV(EMImputer(), {"n_components": [1]}, cv=2, scoring=_nan).fit(iris)
    with pytest.raises(ValueError, match="no finite score"):
        SelectionDisplay.from_search(search)


# ImputationDisplay.


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.1, 0.5]))
def test_patterns_count_every_row_and_cell(seed, share, iris):
    rng = np.random.default_rng(seed)
    X = iris.mask(rng.random(iris.shape) < share)
    imputer = EMImputer().fit(X)
    display = ImputationDisplay.from_estimator(imputer, X, max_patterns=3)
    assert display.counts_.sum() == len(X)
    assert (np.diff(display.counts_) <= 0).all()
    np.testing.assert_array_equal(display.counts_ @ display.patterns_, X.isna().sum())
    drawn = display.pattern_mesh_.get_array().reshape(-1, 4)
    np.testing.assert_array_equal(drawn, display.patterns_[:3])
    rest = display.counts_[3:].sum()
    assert (f"{rest} rows in" in display.ax_[0].get_ylabel()) == (rest > 0)
    plt.close(display.figure_)


@pytest.mark.parametrize("estimator", [EMImputer(), EMGaussianMixture(2, random_state=0)])
def test_imputed_and_observed_values_are_told_apart(estimator, pierced):
    display = ImputationDisplay.from_estimator(estimator.fit(pierced), pierced, bins=6)
    full = estimator.impute(pierced) if hasattr(estimator, "impute") else None
    full = estimator.transform(pierced) if full is None else full
    assert display.features == [0, 1, 2, 3]
    assert display.ax_.shape == (5,)
    for j, (observed, imputed, ticks) in enumerate(
        zip(display.observed_, display.imputed_, display.ticks_, strict=True)
    ):
        missing = pierced.isna().to_numpy()[:, j]
        np.testing.assert_array_equal(ticks.get_xdata(), full[missing, j])
        for patch, part in [(observed, full[~missing, j]), (imputed, full[missing, j])]:
            values, edges, _ = patch.get_data()
            assert len(values) == 6
            assert values @ np.diff(edges) == pytest.approx(1.0)
            # A share of the values lies in each bin.
            np.testing.assert_allclose(
                values * np.diff(edges) * len(part), np.histogram(part, edges)[0], atol=1e-9
            )
    assert display.ax_[1].get_xlabel() == pierced.columns[0]


def test_draws_are_called_draws_and_marks_may_be_numbers(pierced):
    X = pierced.fillna(-1.0)
    imputer = EMImputer(missing_values=-1.0, sample_posterior=True, random_state=0).fit(X)
    display = ImputationDisplay.from_estimator(imputer, X, features="sepal width (cm)")
    np.testing.assert_array_equal(np.isnan(display.X), pierced.isna())
    assert display.ticks_[0].get_xdata().tolist() == (
        imputer.transform(X)[pierced.isna().to_numpy()[:, 1], 1].tolist()
    )
    assert display.imputed_[0].get_label().startswith("drawn")


def test_features_without_values_stay_out_of_the_panels(pierced):
    X = pierced.to_numpy().copy()
    X[:, 2] = np.nan
    with pytest.warns(UserWarning, match="Nothing is observed"):
        imputer = EMImputer(add_indicator=True).fit(X)
    display = ImputationDisplay.from_estimator(imputer, X)
    assert display.features == [0, 1, 3]
    np.testing.assert_array_equal(display.imputed[:, 3], imputer.transform(X)[:, 2])
    with pytest.raises(ValueError, match="feature 2 were dropped"):
        ImputationDisplay.from_estimator(imputer, X, features=[1, 2])
    with pytest.warns(UserWarning, match="Nothing is observed"):
        keeping = EMImputer(keep_empty_features=True).fit(X)
    display = ImputationDisplay.from_estimator(keeping, X, features=[2])
    assert display.observed_ == [None]
    assert not display.ticks_[0].get_xdata().any()


def test_a_complete_table_is_one_pattern(iris):
    display = ImputationDisplay.from_estimator(EMImputer().fit(iris), iris)
    assert display.features == [] and display.counts_.tolist() == [150]
    display = ImputationDisplay.from_estimator(EMImputer().fit(iris), iris, features=0)
    assert display.imputed_ == [None]
    with pytest.raises(ValueError, match="max_patterns must be at least 1. Got 0"):
        display.plot(max_patterns=0)
    with pytest.raises(ValueError, match="as many features"):
        ImputationDisplay(display.X, display.imputed[:, :2], [0], ["a"] * 4, False)


def mixed_table(n=120, seed=0):
    """A frame with every kind of column, and the same with a fifth of its cells missing."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 3, n)
    whole = pd.DataFrame(
        {
            "x": g + 0.5 * rng.normal(size=n),
            "city": pd.Categorical(np.array(["Bern", "Basel", "Chur"])[g]),
            "visits": pd.array(rng.poisson(2.0 + g), dtype="Int64"),
            "smokes": pd.array(rng.random(n) < 0.2 + 0.3 * g, dtype="boolean"),
            "grade": pd.Categorical(
                np.array(["low", "mid", "high"])[g], ["low", "mid", "high"], ordered=True
            ),
        }
    )
    return whole, whole.mask(rng.random(whole.shape) < 0.2)


def shares(bars):
    return [bar.get_height() for bar in bars]


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    drawn=st.booleans(),
    n_components=st.integers(1, 2),
    add=st.booleans(),
)
def test_bars_are_the_shares_of_what_was_observed_and_imputed(seed, drawn, n_components, add):
    _, X = mixed_table(seed=seed)
    imputer = EMImputer(
        n_components, sample_posterior=drawn, add_indicator=add, random_state=0
    ).fit(X)
    display = ImputationDisplay.from_estimator(imputer, X)
    filled = imputer.transform(X)
    assert display.features == [0, 1, 2, 3, 4]
    assert display.levels == {
        1: ("Basel", "Bern", "Chur"),
        3: (False, True),
        4: ("low", "mid", "high"),
    }
    np.testing.assert_array_equal(np.isnan(display.X), X.isna())
    for j in (0, 2):
        missing = X.iloc[:, j].isna().to_numpy()
        put = filled.iloc[:, j].to_numpy(dtype=float)[missing]
        np.testing.assert_array_equal(display.ticks_[j].get_xdata(), put)
    for j, levels in display.levels.items():
        assert display.ticks_[j] is None and display.ax_[1 + j].get_ylabel() == "share"
        ticks = [label.get_text() for label in display.ax_[1 + j].get_xticklabels()]
        assert ticks == [str(level) for level in levels]
        missing = X.iloc[:, j].isna().to_numpy()
        parts = [X.iloc[:, j][~missing], filled.iloc[:, j][missing]]
        for bars, part in zip([display.observed_[j], display.imputed_[j]], parts, strict=True):
            np.testing.assert_allclose(shares(bars), [(part == level).mean() for level in levels])
        assert display.imputed_[j].get_label().startswith("drawn" if drawn else "most probable")
    plt.close(display.figure_)


def test_a_table_shows_the_same_whatever_it_comes_in():
    pl = pytest.importorskip("polars")
    _, X = mixed_table()
    imputer = EMImputer(random_state=0).fit(X)
    expected = ImputationDisplay.from_estimator(imputer, X)
    rows = X.astype(object).where(X.notna(), None)
    frame = pl.DataFrame({name: rows[name].tolist() for name in rows})
    objects = EMImputer(random_state=0).fit(rows.to_numpy())
    named = EMImputer(random_state=0).set_output(transform="polars").fit(X)
    for estimator, table in [
        (EMImputer(random_state=0).fit(frame), frame),
        (named, X),
        (objects, rows.to_numpy()),
    ]:
        display = ImputationDisplay.from_estimator(estimator, table)
        labels = [
            [display.levels[j][int(i)] for i in display.X[~np.isnan(display.X[:, j]), j]]
            for j in display.levels
        ]
        assert labels == [
            [expected.levels[j][int(i)] for i in expected.X[~np.isnan(expected.X[:, j]), j]]
            for j in expected.levels
        ]
        np.testing.assert_array_equal(display.patterns_, expected.patterns_)
    assert objects.is_categorical_.tolist() == [False, True, False, True, True]


def test_numbers_that_are_named_categories_have_bars():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=90), rng.integers(1, 4, 90)])
    X[::4, 1] = np.nan
    imputer = EMImputer(categorical_features=[1], random_state=0).fit(X)
    display = ImputationDisplay.from_estimator(imputer, X)
    assert display.levels == {1: (1.0, 2.0, 3.0)} and display.features == [1]
    seen = X[~np.isnan(X[:, 1]), 1]
    np.testing.assert_allclose(
        shares(display.observed_[0]), [(seen == level).mean() for level in (1.0, 2.0, 3.0)]
    )
    marked = np.where(np.isnan(X), -1.0, X)
    imputer = EMImputer(categorical_features=[1], missing_values=-1.0).fit(marked)
    again = ImputationDisplay.from_estimator(imputer, marked)
    np.testing.assert_array_equal(again.X, display.X)


def test_levels_that_fit_has_not_seen_are_observed():
    _, X = mixed_table()
    imputer = EMImputer(random_state=0).fit(X)
    new = X.astype({"city": object})
    new.loc[new.index[:3], "city"] = "Davos"
    with pytest.warns(DataWarning, match="Davos"):
        display = ImputationDisplay.from_estimator(imputer, new, features="city")
    assert display.levels[1] == ("Basel", "Bern", "Chur", "Davos")
    assert shares(display.observed_[0])[3] == pytest.approx(3 / new["city"].notna().sum())
    assert shares(display.imputed_[0])[3] == 0.0


def test_rare_levels_of_many_share_a_bar():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    codes = np.minimum(rng.geometric(0.08, 900), 40)
    X = pd.DataFrame({"x": rng.normal(size=900), "code": [f"level {i:02}" for i in codes]})
    X.loc[::5, "code"] = None
    imputer = EMImputer(sample_posterior=True, random_state=0).fit(X)
    display = ImputationDisplay.from_estimator(imputer, X)
    n = X["code"].nunique()
    labels = [label.get_text() for label in display.ax_[1].get_xticklabels()]
    assert len(labels) == 13 and labels[-1] == f"{n - 12} others"
    for bars in (display.observed_[0], display.imputed_[0]):
        assert sum(shares(bars)) == pytest.approx(1.0)
    assert labels[:-1] == sorted(labels[:-1])
    frequent = X["code"].value_counts().index[:6]
    assert set(frequent) <= set(labels)


def test_columns_without_a_panel_are_named():
    whole, X = mixed_table()
    X = X.assign(nothing=np.nan, empty=None)
    more = {f"word {i}": X["city"] for i in range(8)}
    X = X.assign(**more)
    with pytest.warns(DataWarning):
        imputer = EMImputer(random_state=0).fit(X)
    display = ImputationDisplay.from_estimator(imputer, X)
    assert len(display.features) == 9
    for j in range(X.shape[1]):
        missing = display.X[:, j]
        named = str(X.columns[j]) in display.note
        assert named == (j not in display.features and bool(np.isnan(missing).any()))
    assert "not imputed: nothing, empty" in display.note
    with pytest.raises(ValueError, match="empty were dropped"):
        ImputationDisplay.from_estimator(imputer, X, features="empty")
    complete = ImputationDisplay.from_estimator(EMImputer(random_state=0).fit(whole), whole)
    assert complete.features == [] and not complete.note


@pytest.mark.skipif(
    "categorical_features" not in EMGaussianMixture().get_params(), reason="numbers alone"
)
def test_a_mixture_with_categories_shows_its_numbers_and_names_the_rest():
    _, X = mixed_table(300)
    X = X.drop(columns="smokes").rename(columns={"x": "length"})
    X["width"] = X["length"] + np.random.default_rng(1).normal(size=len(X))
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X)
    shown, words = display.feature_names, ["city", "grade"]
    assert {"length", "width", "visits"} <= set(shown) and not set(words) & set(shown)
    assert all(name in display.note for name in words)
    chosen = MixtureDisplay.from_estimator(mixture, X, features=["width", "length"])
    np.testing.assert_array_equal(chosen.X, X[["width", "length"]])
    at = [display.feature_names.index(name) for name in ("width", "length")]
    np.testing.assert_array_equal(chosen.means, display.means[:, at])
    with pytest.raises(ValueError, match="city are categories"):
        MixtureDisplay.from_estimator(mixture, X, features=["length", "city"])
    imputed = ImputationDisplay.from_estimator(mixture, X, features=["city", "length"])
    filled = mixture.impute(X)["city"][X["city"].isna()]
    assert shares(imputed.imputed_[0]) == [(filled == c).mean() for c in imputed.levels[1]]
    votes = X[["city", "grade"]]
    with pytest.raises(ValueError, match="all columns of the fit are categories"):
        MixtureDisplay.from_estimator(EMGaussianMixture(2, random_state=0).fit(votes), votes)


# CensoredRegressionDisplay.


@settings(max_examples=12, deadline=None, derandomize=True)
@given(rows=st.lists(st.integers(0, 47), min_size=1, unique=True))
def test_every_response_is_drawn_as_what_it_is(rows, intervals):
    X, y, kind = intervals
    regressor = EMCensoredRegressor().fit(X, y)
    X, (low, high), kind = X[rows], y[rows].T, kind[rows]
    display = CensoredRegressionDisplay.from_estimator(regressor, X, np.column_stack([low, high]))
    for number, line, at in [
        (0, display.exact_, low),
        (1, display.right_censored_, low),
        (2, display.left_censored_, high),
    ]:
        wanted = np.column_stack([X[:, 0], at])[kind == number]
        np.testing.assert_array_equal(np.column_stack(line.get_data()), wanted)
    bars = [[(x, a), (x, b)] for x, a, b in zip(X[:, 0], low, high, strict=True)]
    bars = np.array(bars).reshape(-1, 2, 2)[kind == 3]
    np.testing.assert_array_equal(np.reshape(display.intervals_.get_segments(), (-1, 2, 2)), bars)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    names = ["exact", "right-censored", "left-censored", "interval-censored"]
    assert [n for n in names if n in texts] == [n for i, n in enumerate(names) if i in kind]
    plt.close(display.figure_)


@pytest.mark.parametrize("distribution", LAWS)
def test_the_line_and_quantiles_are_those_of_the_estimator(distribution, intervals):
    X, y, _ = intervals
    log = LAWS[distribution].link.positive
    y = np.exp(0.3 * y) if log else y
    regressor = EMCensoredRegressor(distribution=distribution).fit(X, y)
    display = CensoredRegressionDisplay.from_estimator(
        regressor, X, y, quantiles=[0.05, 0.5, 0.8], rows=[3, 0], target_name="life (h)"
    )
    grid = display.grid[:, None]
    np.testing.assert_allclose(display.line_.get_ydata(), regressor.predict_quantile(grid, 0.5))
    for q, line in zip([0.05, 0.5, 0.8], display.quantile_lines_, strict=True):
        np.testing.assert_allclose(line.get_ydata(), regressor.predict_quantile(grid, q))
    assert display.ax_[0].get_yscale() == ("log" if log else "linear")
    assert display.ax_[0].get_ylabel() == display.ax_[1].get_xlabel() == "life (h)"
    wanted = regressor.predict_survival_function(X[[3, 0]], display.times)
    for line, curve, row in zip(display.survival_lines_, wanted, [3, 0], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), curve)
        assert line.get_label().startswith(f"row {row}: ")
    low, high = display.band.T
    assert ((low < display.line) & (display.line < high)).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("distribution", LAWS)
def test_the_band_is_that_of_the_median_by_the_delta_method(distribution, fit_intercept, intervals):
    X, y, _ = intervals
    log = LAWS[distribution].link.positive
    y = np.exp(0.3 * y) if log else y
    options = {"distribution": distribution, "fit_intercept": fit_intercept}
    if not fit_intercept:  # a shape that is given counts as known
        options["shape"] = 0.5
    regressor = EMCensoredRegressor(**options).fit(X, y)
    shapes = regressor._shapes_with_errors()
    display = CensoredRegressionDisplay.from_estimator(regressor, X, y, level=0.9)
    theta = np.r_[regressor.intercept_, regressor.coef_, np.log(regressor.scale_)]
    theta = np.r_[theta, [getattr(regressor, f"{name}_") for name in shapes]]
    free = np.ones(len(theta), dtype=bool)
    free[0], free[2] = fit_intercept, LAWS[distribution].scale is None
    grid = display.grid[[0, 80, 200], None]

    def medians(theta):
        moved = copy(regressor)
        moved.intercept_, moved.coef_, moved.scale_ = theta[0], theta[1:2], np.exp(theta[2])
        for name, value in zip(shapes, theta[3:], strict=True):
            setattr(moved, f"{name}_", value)
        median = moved.predict_quantile(grid, 0.5)
        return np.log(median) if log else median

    steps = 1e-5 * np.eye(len(theta))
    slopes = np.array([(medians(theta + h) - medians(theta - h)) / 2e-5 for h in steps])[free]
    error = np.sqrt(np.einsum("ji,jk,ki->i", slopes, regressor.cov_params_, slopes))
    half = stats.norm.ppf(0.95) * error
    band = np.column_stack([medians(theta) - half, medians(theta) + half])
    band = np.exp(band) if log else band
    np.testing.assert_allclose(display.band[[0, 80, 200]], band, rtol=1e-6)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_band_of_exact_responses_is_that_of_least_squares(fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = 2.0 + X @ [1.0, -1.0, 0.5] + 0.4 * rng.standard_normal(60)
    regressor = EMCensoredRegressor(fit_intercept=fit_intercept).fit(X, y)
    display = CensoredRegressionDisplay.from_estimator(regressor, X, y, feature=1, level=0.9)
    design = np.column_stack([np.ones(60), X])[:, 0 if fit_intercept else 1 :]
    coef, (rss,), *_ = np.linalg.lstsq(design, y, rcond=None)
    rows = np.tile(design.mean(axis=0), (len(display.grid), 1))
    rows[:, -2] = display.grid
    variance = rss / 60 * np.sum(rows @ np.linalg.inv(design.T @ design) * rows, axis=1)
    half = stats.norm.ppf(0.95) * np.sqrt(variance)
    np.testing.assert_allclose(display.line, rows @ coef, rtol=1e-6)
    np.testing.assert_allclose(display.band[:, 1] - display.line, half, rtol=1e-5)
    np.testing.assert_allclose(display.band[:, 0] + display.band[:, 1], 2 * display.line)
    assert display.ax_.get_xlabel() == "feature 1"


def test_strata_have_no_common_line(intervals):
    X, y, kind = intervals
    X = np.column_stack([X, kind % 2])
    regressor = EMCensoredRegressor(strata=[1]).fit(X, y)
    with pytest.raises(ValueError, match="each of the strata .* has a scale of its own"):
        CensoredRegressionDisplay.from_estimator(regressor, X, y, feature=0)


def test_several_features_are_drawn_against_the_fitted_median(iris):
    X, y = iris.iloc[:, :3], iris.iloc[:, 3]
    regressor = EMCensoredRegressor(left=0.2, distribution="normal").fit(X, y)
    display = CensoredRegressionDisplay.from_estimator(regressor, X, y, rows=5, times=[1.0, 2.0])
    np.testing.assert_allclose(display.line, display.grid)
    assert display.band is None and display.band_ is None
    np.testing.assert_allclose(display.x, regressor.predict(X))
    assert display.survival.shape == (1, 2)
    # The limit censors, and the name of y is known.
    assert len(display.left_censored_.get_xdata()) == (y <= 0.2).sum()
    assert display.ax_[0].get_ylabel() == "petal width (cm)"
    assert display.ax_[0].get_xlabel() == "fitted median of petal width (cm)"
    by_name = CensoredRegressionDisplay.from_estimator(regressor, X, y, feature=X.columns[1])
    np.testing.assert_array_equal(by_name.x, X.iloc[:, 1])


def test_lifetimes_from_zero_on_are_left_censored():
    X = np.arange(6.0)[:, None]
    y = censored_target(np.exp(0.1 * X[:, 0]) + [0.1, 0, 0.2, 0, 0.1, 0])
    y[0, 0] = 0.0
    regressor = EMCensoredRegressor(distribution="lognormal").fit(X, y)
    display = CensoredRegressionDisplay.from_estimator(regressor, X, y)
    assert display.left_censored_.get_ydata().tolist() == [y[0, 1]]
    assert not len(display.intervals_.get_segments())
    with pytest.raises(ValueError, match="positive y"):
        CensoredRegressionDisplay.from_estimator(regressor, X, -np.ones(6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature": 1}, "from 0 to 0 .*Got 1"),
        ({"feature": "x"}, "Got 'x'"),
        ({"level": 1.0}, "level must lie strictly between 0 and 1. Got 1.0"),
        ({"quantiles": [0.0]}, "quantiles must lie strictly"),
        ({"rows": [0, 48]}, "from 0 to 47. Got 48"),
        ({"rows": [-1]}, "Got -1"),
        ({"rows": [0.5]}, "Got .*0.5"),
        ({"times": [np.nan]}, "times contains NaN"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, message, intervals):
    X, y, _ = intervals
    regressor = EMCensoredRegressor().fit(X, y)
    with pytest.raises(ValueError, match=message):
        CensoredRegressionDisplay.from_estimator(regressor, X, y, **{"rows": [0], **options})
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CensoredRegressionDisplay.from_estimator(regressor, X, y[1:])


# Searches, many rows, many components, features that are not shown


@pytest.fixture(scope="module")
def grid(iris):
    return EMGaussianMixtureIC(max_components=3, n_init=1, random_state=0).fit(iris)


def test_displays_take_the_best_of_a_grid(grid, iris):
    best = grid.best_estimator_
    shown = MixtureDisplay.from_estimator(grid, iris)
    np.testing.assert_array_equal(shown.means, best.means_[:, : shown.means.shape[1]])
    path = ConvergenceDisplay.from_estimator(grid).paths["EMGaussianMixtureIC"][0]
    assert path.objective[-1] == best.history_[-1]
    holes = iris.copy()
    holes.iloc[::7, 1] = np.nan
    assert ImputationDisplay.from_estimator(grid, holes).features == [1]
    of_best = SelectionDisplay.from_estimators([grid], iris)
    assert (of_best.n_components[0], of_best.covariance_types[0]) == (
        best.n_components,
        best.covariance_type,
    )


@pytest.mark.parametrize("metric", [None, "bic", "aic", "icl"])
def test_the_picture_of_a_grid_is_its_table(grid, metric):
    display = SelectionDisplay.from_search(grid, metric=metric)
    values = grid.results_[metric or "bic"]
    fitted = np.isfinite(values)
    np.testing.assert_array_equal(display.values, values[fitted])
    assert display.values[display.best_index_] == values[fitted].min()
    assert len(display.lines_) == len(set(grid.results_["covariance_type"][fitted]))


def test_a_grid_has_the_criteria_that_it_has(grid):
    with pytest.raises(ValueError, match="metric must be one of .*aic.*Got 'score'"):
        SelectionDisplay.from_search(grid, metric="score")
    for unfitted in (EMGaussianMixtureIC(), GridSearchCV(EMGaussianMixture(), {"tol": [1]})):
        with pytest.raises(NotFittedError):
            MixtureDisplay.from_estimator(unfitted, np.eye(3))
    with pytest.raises(NotFittedError):
        SelectionDisplay.from_search(EMGaussianMixtureIC())


def test_many_rows_are_counted_in_cells():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (15_000, 2)), rng.normal(4, 1, (15_000, 2))])
    X[0, 0] = np.nan
    mixture = EMGaussianMixture(2, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X)
    assert not display.points_ and len(display.images_) == 1
    cells = display.images_[0].get_array()
    opacity = cells[..., 3]
    counts = np.expm1(opacity / 0.75 * np.log1p(counts_of_cells(display).max()))
    assert counts.sum() == pytest.approx(len(X) - 1, rel=1e-6)
    assert len(display.margins_[1].get_offsets()) == 1  # the row without the first feature
    for what in ("uncertainty", "density"):
        shown = MixtureDisplay.from_estimator(mixture, X, what=what)
        assert len(shown.images_) == 1 and not shown.points_
    few = MixtureDisplay.from_estimator(mixture, X[:20_001])
    assert few.points_ and few.points_[0].get_alpha() < 1.0 and not few.images_


def counts_of_cells(display):
    ax = display.ax_
    x, y = display.X[~np.isnan(display.X).any(axis=1)].T
    shape = display.images_[0].get_array().shape[:2]
    return np.histogram2d(x, y, shape, [ax.get_xlim(), ax.get_ylim()])[0]


@pytest.mark.parametrize("n", [1, 6, 15, 18])
def test_colours_differ(n):
    found = np.array(colours(n))
    apart = np.linalg.norm(found[:, None] - found, axis=-1) + 9.0 * np.eye(n)
    assert apart.min() > 0.13
    assert len(colours(40)) == 40


def test_a_picture_says_which_features_it_leaves_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 12))
    X[rng.random(X.shape) < 0.1] = np.nan
    mixture = EMGaussianMixture(1).fit(X)
    assert MixtureDisplay.from_estimator(mixture, X).note.startswith("5 of 12 features")
    assert not MixtureDisplay.from_estimator(mixture, X, features=[0, 1, 2]).note
    imputed = ImputationDisplay.from_estimator(mixture, X)
    assert imputed.note.startswith("9 of 12 features") and len(imputed.features) == 9
    assert imputed.note in [text.get_text() for text in imputed.figure_.texts]
    assert not ImputationDisplay.from_estimator(mixture, X[:, :], features=[3]).note


@given(
    low=st.integers(-50, 50),
    span=st.integers(0, 500),
    bins=st.integers(1, 30),
    more=st.floats(-3.0, 3.0),
)
def test_bins_of_whole_numbers_hold_as_many_of_them(low, span, bins, more):
    values = np.array([low, low + span, low + more], dtype=float)
    edges = _whole_edges(values, bins)
    widths = np.diff(edges)
    assert (widths == widths[0]).all() and widths[0] == round(widths[0])
    assert (edges % 1.0 == 0.5).all()
    assert edges[0] <= values.min() and values.max() <= edges[-1]
    assert len(widths) <= bins + 1


# Responses that coincide, covariates of a few values, plain numbers


def test_rows_on_one_spot_are_counted():
    X = np.repeat([0.0, 1.0], 8)[:, None]
    times = np.tile([3.0, 5.0, 5.0, 5.0, 6.0, 6.5, 7.0, 8.0], 2)
    event = np.tile([True, True, True, False, False, False, True, True], 2)
    y = censored_target(times, event=event)
    regressor = EMCensoredRegressor(distribution="lognormal").fit(X, y)
    display = CensoredRegressionDisplay.from_estimator(regressor, X, y, rows=[0, 9])
    assert sorted(note.get_text() for note in display.counts_) == ["2", "2"]
    assert {note.xy for note in display.counts_} == {(0.0, 5.0), (1.0, 5.0)}
    line, curves = display.ax_
    assert list(line.get_xticks()) == [0.0, 1.0]
    display.figure_.canvas.draw()
    shown = [
        label.get_text() for axis in (line.yaxis,) for label in axis.get_ticklabels(which="both")
    ]
    assert any(shown) and all(text == "" or float(text) > 0 for text in shown)
    labels = [text.get_text() for text in curves.get_legend().get_texts()]
    assert labels == ["row 0: feature 0 0", "row 9: feature 0 1"]


@pytest.mark.parametrize("shift, least", [(0.0, 0.0), (-50.0, None)])
def test_nothing_is_drawn_below_zero_where_nothing_is_there(shift, least):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 1))
    y = np.abs(X[:, 0] + rng.normal(size=40)) * 10 + shift
    regressor = EMCensoredRegressor().fit(X, y)
    display = CensoredRegressionDisplay.from_estimator(regressor, X, y, rows=[0])
    first = display.survival_lines_[0].get_xdata()[0]
    assert first >= 0.0 if least == 0.0 else first < y.min()


@pytest.mark.parametrize("power", [-300, -200, 200, 300])
@pytest.mark.parametrize("features", [None, [0], [1, 0]])
def test_features_whose_squares_are_no_doubles_are_named(iris, features, power):
    X = iris.to_numpy()[:, :3] * [10.0**power, 1.0, 1.0]
    mixture = EMGaussianMixture(2, covariance_type="diag", reg_covar=0.0, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"Feature\(s\) feature 0 cannot be drawn"):
        MixtureDisplay.from_estimator(mixture, X, features=features)
    MixtureDisplay.from_estimator(mixture, X, features=[1, 2]).figure_.canvas.draw()
