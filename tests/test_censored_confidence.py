"""Confidence limits of quantiles, survival functions and hazards."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import scipy
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtri
from sklearn.utils.fixes import parse_version

from emkit import EMCensoredRegressor
from emkit.datasets import load_lung
from emkit.engine import Blocks
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS

GOLDEN = Path(__file__).parent / "golden"
SURVREG = json.loads((GOLDEN / "survreg_quantiles.json").read_text())["cases"]
X, Y = load_lung(return_X_y=True)
X = X[:, :2]  # age and sex
ROWS = X[:4]
Q = np.array([0.1, 0.5, 0.9])
each_law = pytest.mark.parametrize("distribution", LAWS)
FITTED = {name: EMCensoredRegressor(distribution=name).fit(X, Y) for name in LAWS}


def told(case):
    return case["distribution"] + "-strata" * (case["strata"] is not None)


@pytest.mark.parametrize("case", SURVREG, ids=told)
def test_limits_of_quantiles_are_those_of_survreg(case):
    name, level = case["distribution"], 0.9
    model = EMCensoredRegressor(distribution=name, strata=case["strata"], tol=1e-13).fit(X, Y)
    quantiles, limits = model.predict_quantile(case["X"], Q, return_ci=True, level=level)
    line, error = np.array(case["uquantile"]), np.array(case["se"])
    half = ndtri(0.5 + 0.5 * level) * error
    theirs = np.stack([line, line - half, line + half], axis=-1)
    if LAWS[name].link.positive:
        theirs = np.exp(theirs)
    assert_allclose(quantiles, theirs[..., 0], rtol=1e-8)
    assert_allclose(limits, theirs[..., 1:], rtol=1e-8)


@each_law
@pytest.mark.parametrize("given", [None, 150.0])
def test_limits_are_by_the_delta_method(distribution, given):
    """Gradients by differences: of the model with each parameter moved a little."""
    model = FITTED[distribution]
    estimates = model.summary()["estimate"].to_numpy()
    steps = 1e-4 * model.standard_errors_

    def moved(j, sign):
        values = estimates.copy()
        values[j] += sign * steps[j]
        other = deepcopy(model)
        other.intercept_, other.coef_ = values[0], values[1:3]
        if LAWS[distribution].scale is None:
            other.scale_ = np.exp(values[3])
        if distribution == "generalized_gamma":
            other.shape_ = values[4]
        return other

    law, link = model._distribution.law, LAWS[distribution].link
    times = np.array([200.0, 500.0])
    half = ndtri(0.975)

    def on_scale_of_quantiles(model):
        quantiles = model.predict_quantile(ROWS, Q, given=given)
        return link.to_line(quantiles) if given is None else np.log(quantiles - given)

    for compute, back, predicted in (
        (
            on_scale_of_quantiles,
            link.to_response if given is None else lambda v: given + np.exp(v),
            model.predict_quantile(ROWS, Q, return_ci=True, given=given),
        ),
        (  # on the scale of the fitted law: its shape is not moved
            lambda m: law.inverse_log_sf(
                np.log(m.predict_survival_function(ROWS, times, given=given))
            ),
            law.sf,
            model.predict_survival_function(ROWS, times, return_ci=True, given=given),
        ),
    ):
        slopes = np.stack(
            [
                (compute(moved(j, 1)) - compute(moved(j, -1))) / (2 * steps[j])
                for j in range(len(estimates))
            ]
        )
        error = np.sqrt(np.einsum("jik,jl,lik->ik", slopes, model.cov_params_, slopes))
        ends = [back(compute(model) + sign * half * error) for sign in (-1.0, 1.0)]
        assert_allclose(predicted[1], np.sort(np.stack(ends, axis=-1), axis=-1), rtol=2e-5)


@each_law
@pytest.mark.parametrize("strata", [None, [1]])
def test_limits_of_hazards_are_by_the_delta_method_on_their_logarithm(distribution, strata):
    """Gradients by differences, each parameter moved a little; far out in both tails too."""
    fixed = LAWS[distribution].scale is not None
    if fixed and strata is not None:
        pytest.skip("the scale is part of the law")
    model = EMCensoredRegressor(distribution=distribution, strata=strata).fit(X, Y)
    times = np.array([1e-3, 20.0, 200.0, 2000.0, 1e5])
    p, n_scales = 1 + len(model.coef_), 0 if fixed else np.size(model.scale_)
    steps = 1e-4 * model.standard_errors_

    def moved(j, sign):
        other, step = deepcopy(model), sign * steps[j]
        if j == 0:
            other.intercept_ += step
        elif j < p:
            other.coef_[j - 1] += step
        elif j < p + n_scales:
            other.scale_ = model.scale_ * np.exp(step * np.eye(n_scales)[j - p])
            other.scale_ = other.scale_ if strata else float(other.scale_[0])
        else:
            other.shape_ += step
        return np.log(other.predict_hazard_function(ROWS, times))

    slopes = np.stack([(moved(j, 1) - moved(j, -1)) / (2 * steps[j]) for j in range(len(steps))])
    error = np.sqrt(np.einsum("jik,jl,lik->ik", slopes, model.cov_params_, slopes))
    hazard, limits = model.predict_hazard_function(ROWS, times, return_ci=True, level=0.8)
    assert_array_equal(hazard, model.predict_hazard_function(ROWS, times))
    half = ndtri(0.9) * error
    expected = hazard[..., None] * np.exp(half[..., None] * [-1.0, 1.0])
    assert_allclose(limits, expected, rtol=1e-4)


@each_law
def test_limits_of_hazards_cumulative_hazards_and_curves_agree(distribution):
    model, times = FITTED[distribution], np.array([5.0, 150.0, 600.0])
    survival, of_survival = model.predict_survival_function(ROWS, times, return_ci=True)
    total, of_total = model.predict_cumulative_hazard_function(ROWS, times, return_ci=True)
    assert_allclose(total, -np.log(survival), rtol=1e-9, atol=1e-12)
    assert_allclose(of_total, -np.log(of_survival[..., ::-1]), rtol=1e-9, atol=1e-12)
    if LAWS[distribution].scale is not None:  # the hazard is then in proportion to the cumulative
        _, limits = model.predict_hazard_function(ROWS, times, return_ci=True)
        expected = of_total / (LAWS[distribution].scale * times[:, None])
        assert_allclose(limits, expected, rtol=1e-9)
    far = model.predict_cumulative_hazard_function(ROWS, [1e6], return_ci=True)
    assert np.isfinite(far[1]).all() and (far[1][..., 0] < far[1][..., 1]).all()


@each_law
@pytest.mark.parametrize("given", [None, 150.0])
def test_limits_hold_the_estimate_and_widen_with_the_level(distribution, given):
    model = FITTED[distribution]
    for name, at in (("quantile", Q), ("survival_function", None)):
        predict = getattr(model, f"predict_{name}")
        estimate, wide = predict(ROWS, at, return_ci=True, level=0.99, given=given)
        assert_array_equal(estimate, predict(ROWS, at, given=given))
        assert wide.shape == (*estimate.shape, 2)
        _, limits = predict(ROWS, at, return_ci=True, given=given)
        _, narrow = predict(ROWS, at, return_ci=True, level=1e-6, given=given)
        inside = slice(None)
        if name == "survival_function":
            assert ((wide >= 0.0) & (wide <= 1.0)).all()
            inside = (estimate > 0.0) & (estimate < 1.0)
            assert inside.any()
        order = [wide[..., 0], limits[..., 0], narrow[..., 0], estimate]
        order += [narrow[..., 1], limits[..., 1], wide[..., 1]]
        order = np.stack(order)[:, inside]
        assert (np.diff(order, axis=0) > 0.0).all()
        assert_allclose(narrow, np.stack([estimate] * 2, axis=-1), rtol=1e-4, atol=1e-9)
        if given is not None and name == "quantile":
            assert (wide > given).all()


def test_at_0_and_at_infinity_survival_is_known():
    for model in FITTED.values():
        ends = 0.0 if model._distribution.link.positive else -np.inf
        survival, limits = model.predict_survival_function(ROWS, [ends, np.inf], return_ci=True)
        assert_array_equal(survival, [[1.0, 0.0]] * 4)
        assert_array_equal(limits, [[[1.0, 1.0], [0.0, 0.0]]] * 4)


@pytest.mark.parametrize("distribution", ["weibull", "lognormal", "exponential"])
def test_limits_cover(distribution):
    n, level, runs = 80, 0.9, 150
    rng = np.random.default_rng(0)
    law = LAWS[distribution]
    scale, row, given = law.scale or 0.7, np.array([[0.5]]), 4.0
    true = EMCensoredRegressor(distribution=distribution).fit(X[:, :1], Y)
    true.intercept_, true.coef_, true.scale_ = 1.0, np.array([0.8]), scale
    covered = []
    for _ in range(runs):
        x = rng.standard_normal((n, 1))
        time = np.exp(1.0 + 0.8 * x[:, 0] + scale * law.law.quantile(rng.random(n)))
        limit = rng.exponential(8.0, n)
        y = np.column_stack([np.minimum(time, limit), np.where(time < limit, time, np.inf)])
        model = EMCensoredRegressor(distribution=distribution).fit(x, y)
        covered.append([])
        for known in (None, given):
            options = {"return_ci": True, "level": level, "given": known}
            _, quantile = model.predict_quantile(row, 0.7, **options)
            _, survival = model.predict_survival_function(row, 6.0, **options)
            for limits, truth in (
                (quantile, true.predict_quantile(row, 0.7, given=known)),
                (survival, true.predict_survival_function(row, 6.0, given=known)),
            ):
                covered[-1].append(limits[0, 0] <= truth[0] <= limits[0, 1])
        _, hazard = model.predict_hazard_function(row, 6.0, return_ci=True, level=level)
        truth = true.predict_hazard_function(row, 6.0)
        covered[-1].append(hazard[0, 0] <= truth[0] <= hazard[0, 1])
    share = np.mean(covered, axis=0)
    # Within three standard errors of 0.9 in 150 runs.
    assert (np.abs(share - level) < 3.0 * np.sqrt(level * (1.0 - level) / runs)).all(), share


def test_what_columns_share_does_not_matter_to_limits():
    """Columns that depend on each other leave coefficients open, and no quantile of their rows."""
    model = FITTED["weibull"]
    table = np.column_stack([X[:, 0], X[:, 1] == 1, X[:, 1] == 2, np.ones(len(X))])
    with pytest.warns(DataWarning):
        other = EMCensoredRegressor(distribution="weibull").fit(table, Y)
    assert np.isnan(other.standard_errors_).sum() == 4
    curves = (("survival_function", [100.0, 300.0]), ("hazard_function", [100.0, 300.0]))
    for name, at in (("quantile", Q), *curves):
        with pytest.warns(DataWarning, match="do not determine intercept, x1, x2, x3"):
            theirs = getattr(other, f"predict_{name}")(table[:4], at, return_ci=True)
        ours = getattr(model, f"predict_{name}")(ROWS, at, return_ci=True)
        for found, expected in zip(theirs, ours, strict=True):
            assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("offset", [1e4, 1e7])
def test_columns_far_from_0_keep_the_digits_of_limits(offset):
    model = FITTED["weibull"]
    far = EMCensoredRegressor(distribution="weibull").fit(X + offset, Y)
    _, expected = model.predict_quantile(ROWS, Q, return_ci=True)
    assert_allclose(far.predict_quantile(ROWS + offset, Q, return_ci=True)[1], expected, rtol=1e-6)


def test_without_a_maximum_limits_are_nan_and_said_to_be():
    x = np.arange(4.0)[:, None]
    with pytest.warns(DataWarning):
        model = EMCensoredRegressor(distribution="weibull").fit(x, np.exp(x[:, 0]))
    with pytest.warns(DataWarning, match="no finite maximum"):
        median, limits = model.predict_quantile(x, return_ci=True)
    assert np.isfinite(median).all() and np.isnan(limits).all()
    for name in ("survival", "hazard", "cumulative_hazard"):
        with pytest.warns(DataWarning, match="no finite maximum"):
            _, limits = getattr(model, f"predict_{name}_function")(x, 2.0, return_ci=True)
        assert np.isnan(limits).all()


def test_fixed_degrees_of_freedom_and_no_intercept():
    for options in ({"fit_intercept": False}, {"distribution": "student_t", "df": "estimate"}):
        model = EMCensoredRegressor(**options).fit(X, Y)
        median, limits = model.predict_quantile(ROWS, return_ci=True)
        design = ROWS if "fit_intercept" in options else np.column_stack([np.ones(4), ROWS])
        p = design.shape[1]
        error = np.sqrt(np.einsum("ij,jk,ik->i", design, model.cov_params_[:p, :p], design))
        assert_allclose(limits[:, 1] - median, ndtri(0.975) * error, rtol=1e-9)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, "high", [0.9, 0.95], True])
def test_a_level_lies_between_0_and_1(level):
    for name in ("quantile", "survival_function", "hazard_function"):
        with pytest.raises((ValueError, TypeError), match="level"):
            getattr(FITTED["weibull"], f"predict_{name}")(ROWS, 0.5, return_ci=True, level=level)


#: Of SciPy before 1.14, the inverse of the t loses its digits in the far tails of these.
FEW_DEGREES = (0.5, 1.0) if parse_version(scipy.__version__) >= parse_version("1.14") else ()
EXTREME = [
    *({"distribution": name} for name in LAWS),
    *({"distribution": "generalized_gamma", "shape": q} for q in (-10.0, -0.3, 0.0, 3.0, 10.0)),
    {"distribution": "student_t", "df": 1e17},
    *({"distribution": "student_t", "df": df} for df in FEW_DEGREES),
    {"distribution": "weibull", "strata": [1]},
]


@pytest.mark.parametrize("options", EXTREME, ids=str)
@pytest.mark.parametrize("given", [None, 5.0, np.array([0.0, 1e-300, 100.0, 1e4, 1e8])], ids=str)
def test_nothing_is_nan_however_far_out_and_blocks_may_be_empty(options, given):
    model, rows = EMCensoredRegressor(**options).fit(X, Y), X[:5]
    times = [-np.inf, -1.0, 0.0, 1e-300, 1.0, 300.0, 1e4, 1e9, 1e300, np.inf]

    def blocks(values):
        return Blocks([values[:2], values[:0], values[2:]])

    beside = blocks(given) if isinstance(given, np.ndarray) else given
    for name, at in (("quantile", [1e-12, 0.5, 1 - 1e-12]), ("survival_function", times)):
        predict = getattr(model, f"predict_{name}")
        estimate, limits = predict(rows, at, given=given, return_ci=True)
        read = predict(blocks(rows), at, given=beside, return_ci=True)
        for ours, theirs in zip(read, (estimate, limits), strict=True):
            assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)
        assert not np.isnan(estimate).any() and not np.isnan(limits).any()
        assert (limits[..., 0] <= estimate + 1e-9 * np.abs(estimate)).all()
        assert (limits[..., 1] + 1e-9 * np.abs(limits[..., 1]) >= estimate).all()
    assert not np.isnan(model.predict(rows, given=given)).any()
    if given is not None:
        return
    for name in ("hazard_function", "cumulative_hazard_function"):
        predict = getattr(model, f"predict_{name}")
        hazard, limits = predict(rows, times[1:-1], return_ci=True)
        assert not np.isnan(hazard).any() and not np.isnan(limits).any()
        assert (limits[..., 0] <= hazard).all() and (hazard <= limits[..., 1]).all()
