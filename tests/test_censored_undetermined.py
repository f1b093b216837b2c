"""What the data do not determine has no standard error, however the fit got to its maximum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emkit import EMCensoredRegressor
from emkit.exceptions import DataWarning

FLAT = "The data do not determine 'intercept', 'x0', 'x1', 'log\\(scale\\)'"
LAWS = [
    {"distribution": "normal"},
    {"distribution": "logistic"},
    {"distribution": "weibull"},
    {"distribution": "student_t", "df": 0.5},
    {"distribution": "student_t", "df": 1.0},
    {"distribution": "student_t"},
    {"distribution": "student_t", "df": 1e6},
    {"distribution": "student_t", "df": "estimate"},
]
each_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: "-".join(map(str, law.values())))


def latent(seed, n=60):
    """Columns, and a response that depends on them."""
    X = np.random.default_rng(seed).normal(size=(n, 2))
    return X, X[:, 0] + np.random.default_rng(seed + 1).logistic(size=n)


def binned(y, *limits):
    """Bounds of responses of which it is known between which limits they lie."""
    edges = np.array([-np.inf, *limits, np.inf])
    place = np.searchsorted(limits, y)
    return np.column_stack([edges[place], edges[place + 1]])


def fit(law, X, bounds, **options):
    y = np.exp(bounds) if law["distribution"] == "weibull" else bounds
    return EMCensoredRegressor(**law, **options).fit(X, y)


@each_law
@settings(max_examples=6)
@given(
    seed=st.integers(0, 20),
    limit=st.sampled_from([0.0, 1.0, -0.3]),
    acceleration=st.sampled_from(["anderson", None, "squarem"]),
    tol=st.sampled_from([1e-8, 1e-5, 1e-3]),
)
def test_one_limit_for_all_tells_neither_line_nor_scale(law, seed, limit, acceleration, tol):
    """That is a probit: line and scale can be multiplied by what one likes about the limit."""
    X, y = latent(seed)
    with pytest.warns(DataWarning, match="log\\(scale\\)"):
        regressor = fit(law, X, binned(y, limit), acceleration=acceleration, tol=tol)
    # About a limit of 0 the intercept 0 stays what it is, and so may a coefficient that is 0.
    errors = dict(zip(regressor.summary().index, regressor.standard_errors_, strict=True))
    assert np.isnan([errors["x0"], errors["log(scale)"]]).all()
    assert np.isnan(regressor.summary().loc["x0", ["z", "p_value", "lower", "upper"]]).all()


@each_law
def test_the_warning_names_all_of_them(law):
    X, y = latent(0)
    with pytest.warns(DataWarning, match=FLAT):
        regressor = fit(law, X, binned(y, 1.0) + 1.0)
    assert np.isnan(regressor.standard_errors_).all()


@each_law
@pytest.mark.parametrize("near", [1.0, 0.1, 0.01])
def test_two_limits_tell_both_however_close(law, near):
    """Little is known of the scale, but not nothing; a run that ends early knows no less."""
    X, y = latent(3, n=400)
    bounds = binned(y, -near, near)
    exact = fit(law, X, bounds, tol=1e-12)
    assert np.isfinite(exact.standard_errors_).all()
    early = fit(law, X, bounds, tol=1e-6)
    np.testing.assert_allclose(early.standard_errors_, exact.standard_errors_, rtol=0.02)


@each_law
def test_columns_that_are_nearly_one_have_errors(law):
    X, y = latent(4, n=100)
    X[:, 1] = X[:, 0] + 1e-3 * X[:, 1]
    bounds = binned(y, -1.0, -0.5, 0.0, 0.5, 1.0)
    exact = fit(law, X, bounds, tol=1e-12)
    early = fit(law, X, bounds)
    assert np.isfinite(exact.standard_errors_).all()
    np.testing.assert_allclose(early.standard_errors_, exact.standard_errors_, rtol=0.02)


@pytest.mark.parametrize("distribution", ["student_t", "normal", "logistic"])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("seed", range(3))
def test_a_group_whose_responses_are_all_censored_is_not_determined(distribution, side, seed):
    """Its coefficient can go for ever; in heavy tails neither gains nor curvature show it."""
    rng = np.random.default_rng(seed)
    group = (np.arange(60) < 12).astype(float)
    X = np.column_stack([rng.normal(size=60), group, rng.normal(size=60)])
    y = 100.0 + X @ [1.0, 0.5, -1.0] + rng.normal(size=60)
    Y = np.column_stack([y, y])
    Y[:12, 1 if side == "right" else 0] = np.inf if side == "right" else -np.inf
    with pytest.warns(DataWarning, match="The data do not determine 'x1': the likelihood is flat"):
        model = EMCensoredRegressor(distribution=distribution).fit(X, Y)
    assert np.isnan(model.standard_errors_).tolist() == [False, False, True, False, False]
    Y[0] = y[0]  # one of the group is known
    model.fit(X, Y)
    assert np.isfinite(model.standard_errors_).all()
