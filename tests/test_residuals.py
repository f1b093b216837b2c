"""Residuals of failure times: what they must be by their definitions, with entries and strata."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from emkit import EMCensoredRegressor, EMSurvivalCurve
from emkit.datasets import load_channing, load_lung, load_motorettes
from emkit.models.laws.registry import LAWS

POSITIVE = [name for name, law in LAWS.items() if law.link.positive]
every_law = pytest.mark.parametrize("name", LAWS)


def rows_of_all_kinds(n=160, seed=0, delayed=True):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.standard_normal(n), np.arange(n) % 2])
    t = np.exp(2.0 + 0.4 * X[:, 0] + 0.5 * rng.gumbel(size=n))
    kind = np.arange(n) // 2 % 4
    low = np.select([kind == 0, kind == 1, kind == 2], [t, 0.9 * t, 0.0], 0.8 * t)
    high = np.select([kind == 0, kind == 1, kind == 2], [t, np.inf, 1.1 * t], 1.3 * t)
    if not delayed:
        return X, np.column_stack([low, high])
    entry = np.where((kind != 2) & (rng.random(n) < 0.5), 0.3 * low, -np.inf)
    return X, np.column_stack([low, high, entry])


def fitted(name, X, y, **options):
    options = {"shape": 0.5} | options if name == "generalized_gamma" else options
    return EMCensoredRegressor(distribution=name, **options).fit(X, y)


@every_law
@pytest.mark.parametrize("strata", [None, [1]])
def test_cox_snell_is_minus_the_logarithm_of_survival(name, strata):
    X, y = rows_of_all_kinds()
    if strata and LAWS[name].scale is not None:
        strata = None
    if not LAWS[name].link.positive:
        y = np.where(y == 0.0, -np.inf, y)
    model = fitted(name, X, y, strata=strata)
    found = model.residuals(X, y, kind="cox-snell")
    for i in range(0, len(X), 7):
        times = np.where(np.isfinite(y[i]), y[i], 1.0)
        expected = -np.log(model.predict_survival_function(X[i : i + 1], times)[0])
        open_ = [0.0, np.inf, -np.inf]
        expected = np.where(np.isfinite(y[i]), expected, open_)
        np.testing.assert_allclose(found[i], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["weibull", "exponential", "rayleigh", "extreme"])
@pytest.mark.parametrize("strata", [None, [1]])
def test_martingale_residuals_are_the_scores_of_the_line(name, strata):
    """So their sums with 1 and every column are 0 where the likelihood is largest."""
    strata = strata if LAWS[name].scale is None else None
    X, y = rows_of_all_kinds()
    if name == "extreme":
        y = np.where(y == 0.0, -np.inf, y)
    model = fitted(name, X, y, strata=strata)
    residuals = model.residuals(X, y, kind="martingale")
    scale = model.scale_ if strata is None else model.scale_[X[:, 1].astype(int)]
    columns = np.column_stack([np.ones(len(X)), X[:, 0]])
    np.testing.assert_allclose((residuals / scale) @ columns, 0.0, atol=1e-5)


@every_law
def test_martingale_and_deviance_follow_from_the_likelihood_of_hazards(name):
    """Score in the logarithm of a factor of all hazards, and what its best value would gain."""
    X, y = rows_of_all_kinds()
    if not LAWS[name].link.positive:
        y = np.where(y == 0.0, -np.inf, y)
    model = fitted(name, X, y)
    low, high, entry = model.residuals(X, y, kind="cox-snell").T
    entry = np.where(entry > 0.0, entry, 0.0)

    def log_likelihood(log_factor, i):
        a, b = np.exp(log_factor) * (np.array([low[i], high[i]]) - entry[i])
        return log_factor - a if a == b else -a + np.log(-np.expm1(a - b))

    martingale = model.residuals(X, y, kind="martingale")
    deviance = model.residuals(X, y)
    np.testing.assert_array_equal(np.sign(martingale), np.sign(deviance))
    for i in range(0, len(X), 5):
        slope = (log_likelihood(1e-5, i) - log_likelihood(-1e-5, i)) / 2e-5
        assert martingale[i] == pytest.approx(slope, rel=1e-4, abs=1e-6)
        best = minimize_scalar(
            lambda factor, i=i: -log_likelihood(factor, i), bounds=(-25, 25), method="bounded"
        )
        gain = -best.fun - log_likelihood(0.0, i)
        assert deviance[i] ** 2 == pytest.approx(2.0 * gain, rel=1e-4, abs=1e-6)


def test_narrow_intervals_are_nearly_exact():
    X, y = load_motorettes(return_X_y=True)
    model = fitted("weibull", X, y)
    exact = y[:, 0] == y[:, 1]
    narrow = y.copy()
    narrow[exact, 1] *= 1.0 + 1e-9
    for kind in ("martingale", "deviance"):
        np.testing.assert_allclose(
            model.residuals(X, narrow, kind), model.residuals(X, y, kind), atol=1e-7
        )


def test_right_censored_residuals_are_hazards():
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    model = fitted("loglogistic", X, y)
    hazard = model.residuals(X, y, kind="cox-snell")[:, 0]
    dead = np.isfinite(y[:, 1])
    np.testing.assert_allclose(model.residuals(X, y, kind="martingale"), dead - hazard)
    deviance = model.residuals(X, y, kind="deviance")
    martingale = dead - hazard
    gain = -2.0 * (martingale + dead * np.log(np.where(dead, hazard, 1.0)))
    np.testing.assert_allclose(deviance, np.sign(martingale) * np.sqrt(gain), atol=1e-7)


def test_cox_snell_residuals_go_into_the_curve_as_they_are():
    """Of right answers they are standard exponential, entries and all."""
    X, y = load_channing(return_X_y=True)
    model = fitted("weibull", X, y)
    residuals = model.residuals(X, y, kind="cox-snell")
    law = EMCensoredRegressor(distribution="exponential", fit_intercept=False)
    assert abs(law.fit(np.ones((len(X), 1)), residuals).coef_[0]) < 1e-6
    late = residuals[residuals[:, 0] > 0.3]
    curve = EMSurvivalCurve().fit(None, late)
    assert len(curve.times_) > 50


def test_a_wrong_kind_is_named():
    X, y = load_motorettes(return_X_y=True)
    with pytest.raises(ValueError, match="'cox-snell', 'martingale', 'deviance'. Got 'pearson'"):
        fitted("weibull", X, y).residuals(X, y, kind="pearson")
