"""Displays of failure times: what is drawn is what the curves, laws and residuals say."""

import matplotlib
import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from emkit import EMCensoredRegressor, EMImputer, EMSurvivalCurve, censored_target
from emkit.datasets import load_channing, load_cosmesis, load_lung
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS
from emkit.plotting import (
    CoefficientDisplay,
    ProbabilityPlotDisplay,
    ResidualDisplay,
    SurvivalCurveDisplay,
)

plt = pytest.importorskip("matplotlib.pyplot")
matplotlib.use("Agg")
NO_LIMITS = {"level": None}


@pytest.fixture(autouse=True)
def no_figure_stays():
    yield
    plt.close("all")


def drawn(line):
    return tuple(np.asarray(data) for data in line.get_data())


@pytest.mark.parametrize("load", [load_lung, load_cosmesis])
def test_steps_are_the_curve_of_each_group(load):
    X, y = load(return_X_y=True)
    column = X.shape[1] > 1
    display = SurvivalCurveDisplay.from_estimator(
        EMSurvivalCurve().fit(None, y), X, y, groups=int(column), **NO_LIMITS
    )
    values = np.unique(X[:, int(column)])
    assert len(display.lines_) == len(values) == 2
    for value, line in zip(values, display.lines_, strict=True):
        curve = EMSurvivalCurve().fit(None, y[X[:, int(column)] == value])
        times, share = drawn(line)
        assert line.get_drawstyle() == "steps-post" and times[0] == 0.0 and share[0] == 1.0
        expected = curve.predict_survival_function([[0.0]], times[:-1])[0]
        np.testing.assert_allclose(share[:-1], expected)
        assert set(curve.times_) <= set(times)


def test_boxes_are_where_the_place_of_a_mass_is_open():
    y = np.array([[0.0, 3.0], [2.0, 5.0], [4.0, 6.0], [5.5, 5.5], [7.0, np.inf]])
    curve = EMSurvivalCurve().fit(None, y)
    display = SurvivalCurveDisplay.from_estimator(curve, None, y, **NO_LIMITS)
    (boxes,) = display.boxes_
    found = [path.get_extents().extents for path in boxes.get_paths()]
    masses, (left, right) = curve.masses_, curve.intervals_.T
    top = 1.0 - np.append(0.0, np.cumsum(masses)[:-1])
    inside = (masses > 0.0) & (left < right) & np.isfinite(right)
    assert inside.sum() and not inside.all()
    np.testing.assert_allclose(
        found, np.column_stack([left, top - masses, right, top])[inside], atol=1e-9
    )
    # Beyond the last censored time nothing is known.
    assert drawn(display.lines_[0])[0][-1] == 7.0


def test_one_curve_is_drawn_as_it_is_with_its_limits():
    _, y = load_lung(return_X_y=True)
    curve = EMSurvivalCurve(random_state=3).fit(None, y)
    display = SurvivalCurveDisplay.from_estimator(curve, None, y, level=0.9, n_resamples=30)
    assert display.curves == [curve]
    _, limits = curve.predict_survival_function([[0.0]], return_ci=True, level=0.9, n_resamples=30)
    np.testing.assert_array_equal(display.limits[0], limits[0])
    (band,) = display.bands_
    extents = band.get_paths()[0].get_extents()
    assert extents.ymax == 1.0 and extents.ymin == limits[0].min()


def test_numbers_at_risk_are_rows_known_to_live_under_observation():
    y = censored_target(
        [3.0, 5.0, 5.0, 8.0], event=[True, True, False, True], entry=[0.0, 0.0, 4.0, 1.0]
    )
    display = SurvivalCurveDisplay.from_estimator(
        EMSurvivalCurve().fit(None, y), None, y, **NO_LIMITS
    )
    (part,) = display.failures
    np.testing.assert_array_equal(
        part.at_risk([0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5, 8.0, 8.5]),
        [2, 2, 3, 3, 2, 3, 3, 1, 1, 0],
    )
    texts = [text.get_text() for text in display.at_risk_]
    assert texts[0] == "at risk" and texts[1] == "2"
    assert not display.plot(at_risk=False).at_risk_
    weighted = SurvivalCurveDisplay.from_estimator(
        EMSurvivalCurve().fit(None, y), None, y, sample_weight=[2, 1, 1, 1], **NO_LIMITS
    )
    assert weighted.failures[0].at_risk([0.0])[0] == 3.0


def test_laws_are_means_over_the_rows_of_a_group():
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    laws = [EMCensoredRegressor(distribution=d).fit(X, y) for d in ("weibull", "lognormal")]
    display = SurvivalCurveDisplay.from_estimator(
        laws[0], X, y, groups=1, laws=laws[1], **NO_LIMITS
    )
    assert display.law_names == ["weibull", "lognormal"]
    for value, lines in zip([1, 2], display.law_lines_, strict=True):
        for law, line in zip(laws, lines, strict=True):
            times, share = drawn(line)
            here = X[X[:, 1] == value]
            mean = law.predict_survival_function(here, times).mean(axis=0)
            np.testing.assert_allclose(share, mean)


def test_with_delayed_entry_curves_and_laws_begin_at_the_first_one():
    X, y = load_channing(return_X_y=True)
    women = X[:, 0] == 1
    X, y = X[women], y[women]
    law = EMCensoredRegressor(distribution="weibull", fit_intercept=False).fit(X, y)
    display = SurvivalCurveDisplay.from_estimator(law, X, y, **NO_LIMITS)
    times, share = drawn(display.law_lines_[0][0])
    first = y[:, 2].min()
    assert times[0] == drawn(display.lines_[0])[0][0] == first and share[0] == 1.0
    survival = law.predict_survival_function([[1.0]], np.append(times, first))[0]
    np.testing.assert_allclose(share, survival[:-1] / survival[-1])
    # A curve and a law that are both right lie near each other.
    curve = display.curves[0].predict_survival_function([[0.0]], times)[0]
    assert np.abs(curve - share).max() < 0.15


def test_groups_are_named_by_their_column_or_their_labels():
    pd = pytest.importorskip("pandas")
    X, y = load_cosmesis(return_X_y=True, as_frame=True)
    curve = EMSurvivalCurve().fit(X, y)
    by_name = SurvivalCurveDisplay.from_estimator(curve, X, y, groups="chemotherapy", **NO_LIMITS)
    assert by_name.names == ["chemotherapy=0", "chemotherapy=1"]
    words = np.where(X["chemotherapy"] == 1, "both", "alone")
    for labels in (words, list(words), pd.Series(words)):
        by_label = SurvivalCurveDisplay.from_estimator(curve, X, y, groups=labels, **NO_LIMITS)
        assert by_label.names == ["alone", "both"]
        for own, other in zip(by_name.lines_, by_label.lines_, strict=True):
            np.testing.assert_array_equal(drawn(own), drawn(other))


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (3, ValueError, "Got 3"),
        ("dose", ValueError, "Got 'dose'"),
        (np.zeros(4), ValueError, "inconsistent"),
        (np.arange(95), ValueError, "95 different values"),
        (np.r_[np.nan, np.zeros(94)], ValueError, "no label in row 0 .1 such"),
    ],
)
def test_wrong_groups_are_named(groups, error, message):
    X, y = load_cosmesis(return_X_y=True)
    curve = EMSurvivalCurve().fit(X, y)
    with pytest.raises(error, match=message):
        SurvivalCurveDisplay.from_estimator(curve, X, y, groups=groups, **NO_LIMITS)


def test_what_is_no_law_is_refused():
    X, y = load_cosmesis(return_X_y=True)
    curve = EMSurvivalCurve().fit(X, y)
    with pytest.raises(TypeError, match="Got EMSurvivalCurve"):
        SurvivalCurveDisplay.from_estimator(curve, X, y, laws=[curve], **NO_LIMITS)


def test_a_logarithmic_axis_has_plain_numbers():
    _, y = load_lung(return_X_y=True)
    curve = EMSurvivalCurve().fit(None, y)
    display = SurvivalCurveDisplay.from_estimator(curve, None, y, **NO_LIMITS).plot(log_scale=True)
    assert display.ax_.get_xscale() == "log"
    display.figure_.canvas.draw()
    labels = {label.get_text() for label in display.ax_.get_xticklabels()}
    assert {"10", "100", "1000"} <= labels


def test_rows_of_weight_0_are_in_no_group():
    X, y = load_cosmesis(return_X_y=True)
    weight = (X[:, 0] == 1).astype(float)
    curve = EMSurvivalCurve().fit(X, y)
    display = SurvivalCurveDisplay.from_estimator(
        curve, X, y, groups=0, sample_weight=weight, **NO_LIMITS
    )
    assert display.names == ["feature 0=1"]


@pytest.mark.parametrize("kind", ["list", "pandas", "polars"])
def test_rows_may_come_in_any_container(kind):
    X, y = load_cosmesis(return_X_y=True)
    model = EMCensoredRegressor(distribution="weibull")
    if kind == "list":
        given, group = X.tolist(), 0
    else:
        frames = pytest.importorskip(kind)
        given, group = frames.DataFrame({"chemotherapy": X[:, 0]}), "chemotherapy"
    display = SurvivalCurveDisplay.from_estimator(
        model.fit(given, y), given, y, groups=group, **NO_LIMITS
    )
    expected = SurvivalCurveDisplay.from_estimator(model.fit(X, y), X, y, groups=0, **NO_LIMITS)
    for own, other in zip(display.law_lines_, expected.law_lines_, strict=True):
        np.testing.assert_array_equal(drawn(own[0]), drawn(other[0]))


def test_pipelines_and_searches_are_drawn_by_their_last_step():
    X, y = load_lung(return_X_y=True)
    steps = EMImputer(), EMCensoredRegressor(distribution="weibull")
    pipeline = make_pipeline(*steps)
    grid = {"emcensoredregressor__alpha": [0.0, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    best = search.best_estimator_
    filled, model = best[:-1].transform(X), best[-1]
    for given, rows, law in [(search, X, model), (best, X, model), (model, filled, model)]:
        display = SurvivalCurveDisplay.from_estimator(given, rows, y, **NO_LIMITS)
        times, share = drawn(display.law_lines_[0][0])
        mean = law.predict_survival_function(filled, times).mean(axis=0)
        np.testing.assert_allclose(share, mean)
        residual = ResidualDisplay.from_estimator(given, rows, y, **NO_LIMITS)
        np.testing.assert_array_equal(residual.deviance, law.residuals(filled, y))
        (plot,) = ProbabilityPlotDisplay.from_estimators(given, rows, y).plots
        assert plot.aic == law.aic(filled, y)
        np.testing.assert_array_equal(CoefficientDisplay.from_estimator(given).estimate, law.coef_)


# Residuals


def test_cox_snell_steps_are_the_cumulative_hazard_of_the_residuals():
    X, y = load_lung(return_X_y=True)
    model = EMCensoredRegressor(distribution="weibull").fit(X[:, :2], y)
    display = ResidualDisplay.from_estimator(model, X[:, :2], y, **NO_LIMITS)
    residuals = model.residuals(X[:, :2], y, kind="cox-snell")
    curve = EMSurvivalCurve().fit(None, residuals)
    at, hazard = drawn(display.hazard_)
    np.testing.assert_allclose(
        hazard, -np.log(curve.predict_survival_function([[0.0]], at)[0]), atol=1e-12
    )
    assert np.ptp(drawn(display.diagonal_), axis=0).max() == 0.0
    exact = np.isfinite(y[:, 1])
    np.testing.assert_array_equal(
        drawn(display.exact_)[1], model.residuals(X[:, :2], y, "deviance")[exact]
    )
    np.testing.assert_allclose(drawn(display.censored_)[0], model.predict_quantile(X[~exact, :2]))


def test_before_the_first_entry_the_law_is_taken_for_right():
    """Of times beyond a late entry of all, the law agrees with itself as well as of all times."""
    rng = np.random.default_rng(0)
    t = rng.weibull(2.0, 4000)
    t = t[t > 0.8]
    y = censored_target(t, event=np.ones(len(t)), entry=0.8)
    ones = np.ones((len(t), 1))
    model = EMCensoredRegressor(distribution="weibull", fit_intercept=False).fit(ones, y)
    since = -np.log(model.predict_survival_function(ones[:1], 0.8))[0]
    residual = ResidualDisplay.from_estimator(model, ones, y, **NO_LIMITS)
    at, hazard = drawn(residual.hazard_)
    assert at[0] == hazard[0] == pytest.approx(since)
    middle = at < 3.0
    np.testing.assert_allclose(hazard[middle], at[middle], atol=0.15)
    (plot,) = ProbabilityPlotDisplay.from_estimators(model, ones, y).plots
    expected = 1.0 - model.predict_survival_function(ones[:1], plot.right)[0]
    np.testing.assert_allclose(plot.failed, expected, atol=0.02)


def test_deviance_residuals_against_a_feature():
    X, y = load_cosmesis(return_X_y=True, as_frame=True)
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    display = ResidualDisplay.from_estimator(model, X, y, feature="chemotherapy", **NO_LIMITS)
    assert display.ax_[1].get_xlabel() == "chemotherapy"
    assert list(display.ax_[1].get_xticks()) == [0.0, 1.0]
    with pytest.raises(ValueError, match="Got 'dose'"):
        ResidualDisplay.from_estimator(model, X, y, feature="dose", **NO_LIMITS)


# Probability plots


@pytest.mark.parametrize("name", LAWS)
def test_the_line_is_straight_on_the_axis_of_its_law(name):
    X, y = load_lung(return_X_y=True)
    options = {"shape": 0.5} if name == "generalized_gamma" else {}
    ones = np.ones((len(X), 1))
    model = EMCensoredRegressor(distribution=name, fit_intercept=False, **options).fit(ones, y)
    display = ProbabilityPlotDisplay.from_estimators(model, ones, y)
    (line,), (points,) = display.lines_, display.points_
    x, height = drawn(line)
    along = np.log(x) if LAWS[name].link.positive else x
    np.testing.assert_allclose(np.diff(height) / np.diff(along), 1.0 / model.scale_, rtol=1e-6)
    # Without covariates, dots are at the times themselves, half way down the falls.
    curve = EMSurvivalCurve().fit(None, y)
    at, share = drawn(points)
    np.testing.assert_allclose(at, curve.times_, rtol=1e-6)
    after = curve.predict_survival_function([[0.0]], curve.times_)[0]
    middle = 1.0 - 0.5 * (after + np.append(1.0, after[:-1]))
    law = model._distribution.law
    np.testing.assert_allclose(law.cdf(share), middle, rtol=1e-8)


def test_the_band_holds_limits_of_quantiles_by_the_delta_method():
    X, y = load_lung(return_X_y=True)
    ones = np.ones((len(X), 1))
    model = EMCensoredRegressor(distribution="weibull", fit_intercept=False).fit(ones, y)
    (plot,) = ProbabilityPlotDisplay.from_estimators(model, ones, y, level=0.9).plots
    shares = plot.shares
    np.testing.assert_allclose(plot.line, model.predict_quantile(ones[:1], shares)[0])
    half = np.log(plot.band[:, 1] / plot.line) / ndtri(0.95)
    steps = np.column_stack([np.ones(len(shares)), model.scale_ * np.log(-np.log1p(-shares))])
    variance = np.einsum("ij,jk,ik->i", steps, model.cov_params_, steps)
    np.testing.assert_allclose(half, np.sqrt(variance))
    np.testing.assert_allclose(plot.band[:, 0] * plot.band[:, 1], plot.line**2)


def test_the_least_aic_is_bold_and_titles_say_it():
    X, y = load_lung(return_X_y=True)
    laws = [EMCensoredRegressor(distribution=d).fit(X[:, :2], y) for d in ("lognormal", "weibull")]
    display = ProbabilityPlotDisplay.from_estimators(laws, X[:, :2], y)
    for law, ax in zip(laws, display.ax_, strict=True):
        assert ax.get_title() == f"{law.distribution}, AIC {law.aic(X[:, :2], y):.1f}"
    assert [ax.title.get_fontweight() for ax in display.ax_] == ["normal", "bold"]
    with pytest.raises(ValueError, match="estimators is empty"):
        ProbabilityPlotDisplay.from_estimators([], X[:, :2], y)


def test_strata_and_entries_go_into_probability_plots():
    X, y = load_channing(return_X_y=True)
    model = EMCensoredRegressor(distribution="weibull", strata=[0]).fit(X, y)
    late = y[:, 0] > 780
    (plot,) = ProbabilityPlotDisplay.from_estimators(model, X[late], y[late]).plots
    assert plot.band is None and len(plot.failed) > 50


def test_coefficients_that_are_not_determined_are_open():
    """Their sum is determined, and with it the band."""
    X, y = load_lung(return_X_y=True)
    X = X[:, [0, 0, 1]]
    with pytest.warns(DataWarning):
        model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    (plot,) = ProbabilityPlotDisplay.from_estimators(model, X, y).plots
    other = EMCensoredRegressor(distribution="weibull").fit(X[:, 1:], y)
    (alone,) = ProbabilityPlotDisplay.from_estimators(other, X[:, 1:], y).plots
    np.testing.assert_allclose(plot.band, alone.band, rtol=1e-6)
    display = CoefficientDisplay.from_estimator(model)
    np.testing.assert_allclose(drawn(display.open_)[0], model.coef_[:2])
    np.testing.assert_allclose(drawn(display.points_)[0], model.coef_[2:])


# Coefficients


@pytest.mark.parametrize("ratios", [False, True])
def test_coefficients_are_those_of_the_summary(ratios):
    X, y = load_lung(return_X_y=True, as_frame=True)
    model = EMCensoredRegressor(distribution="weibull").fit(X[["age", "sex"]], y)
    display = CoefficientDisplay.from_estimator(model, level=0.9, ratios=ratios)
    table = model.summary(0.9).loc[["age", "sex"]]
    change = np.exp if ratios else np.asarray
    np.testing.assert_allclose(drawn(display.points_)[0], change(table["estimate"]))
    segments = np.array(display.lines_.get_segments())[:, :, 0]
    np.testing.assert_allclose(segments, change(table[["lower", "upper"]].to_numpy()))
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["age", "sex"]  # the first one on top
    assert display.ax_.get_yticks()[0] > display.ax_.get_yticks()[1]
    other = CoefficientDisplay.from_estimator(model, features="sex")
    assert other.names == ["sex"] and other.estimate == [model.coef_[1]]


def test_columns_of_strata_have_no_coefficient():
    X, y = load_lung(return_X_y=True, as_frame=True)
    model = EMCensoredRegressor(distribution="weibull", strata="sex").fit(X[["age", "sex"]], y)
    display = CoefficientDisplay.from_estimator(model)
    assert display.names == ["age"]
    np.testing.assert_array_equal(display.estimate, model.coef_)


def test_ratios_need_a_law_of_the_logarithm():
    X, y = load_lung(return_X_y=True)
    model = EMCensoredRegressor().fit(X[:, :2], y)
    with pytest.raises(ValueError, match="ratios=True needs a law of the logarithm"):
        CoefficientDisplay.from_estimator(model, ratios=True)


@pytest.mark.parametrize("level", [0.0, 1.0, 2, "a", [0.9, 0.95]])
def test_a_wrong_level_is_named(level):
    X, y = load_cosmesis(return_X_y=True)
    model = EMCensoredRegressor(distribution="weibull").fit(X, y)
    for draw in (
        lambda: SurvivalCurveDisplay.from_estimator(model, X, y, level=level),
        lambda: ResidualDisplay.from_estimator(model, X, y, level=level),
        lambda: ProbabilityPlotDisplay.from_estimators(model, X, y, level=level),
        lambda: CoefficientDisplay.from_estimator(model, level=level),
    ):
        with pytest.raises(ValueError, match="level"):
            draw()
