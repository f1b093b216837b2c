"""EMCensoredRegressor where the likelihood has no finite maximum, and where it has one."""

import warnings

import numpy as np
import pytest
import random_fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from random_fits import CASES, seeded
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning

from emkit import EMCensoredRegressor
from emkit.exceptions import DataWarning
from emkit.models.laws.registry import LAWS

POSITIVE = {name for name in LAWS if LAWS[name].link.positive}
each_distribution = pytest.mark.parametrize("distribution", LAWS)
#: Only a scale that is estimated can go to 0.
FREE = [name for name in LAWS if LAWS[name].scale is None]
each_free = pytest.mark.parametrize("distribution", FREE)
few = settings(derandomize=True, deadline=None, max_examples=60)


def told(X, y, weight=None, **options):
    """A fit, and whether it says that there is no finite maximum."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = EMCensoredRegressor(**{"shape": 0.5, **options}).fit(X, y, weight)
    assert {w.category for w in caught} <= {DataWarning, ConvergenceWarning}
    values = np.r_[model.intercept_, model.coef_, model.scale_, model.log_likelihood_]
    assert np.isfinite(values).all() and model.scale_ > 0.0
    return model, any("no finite maximum" in str(w.message) for w in caught)


def response(y, distribution):
    return np.exp(y) if distribution in POSITIVE else y


def one_exact_row():
    """y = x meets the exact row and lies at or above every bound."""
    X = np.arange(10.0)[:, None]
    y = np.column_stack([np.ones(10), np.full(10, np.inf)])
    y[0] = 0.0
    return X, y


def two_exact_rows():
    """The line 1 + 2x."""
    X = np.linspace(0, 1, 50)[:, None]
    y = np.column_stack([0.5 + 2 * X[:, 0], np.full(50, np.inf)])
    y[0], y[-1] = 1.0, 3.0
    return X, y


@each_free
@pytest.mark.parametrize("make", [one_exact_row, two_exact_rows])
@pytest.mark.parametrize("copies", [1, 3])
def test_a_line_through_the_exact_rows_within_all_bounds(distribution, make, copies):
    X, y = make()
    X, y = np.repeat(X, copies, axis=0), np.repeat(response(y, distribution), copies, axis=0)
    model, endless = told(X, y, distribution=distribution)
    assert endless and model.n_iter_ <= 100
    assert np.isnan(model.standard_errors_).all()
    # A row of weight 0 that contradicts changes nothing; of any other weight it does.
    X = np.vstack([X, X[:1]])
    y = np.vstack([y, response(np.array([[50.0, 50.0]]), distribution)])
    for weight, expected in ((0.0, True), (1.0, distribution == "student_t" and copies == 3)):
        weights = np.r_[np.ones(len(X) - 1), weight]
        assert told(X, y, weights, distribution=distribution, df=2.5)[1] == expected


def test_an_exact_row_in_the_middle_can_bound_the_likelihood():
    """No line meets it and lies above the others: survreg's maximum is finite too (scale 7.08)."""
    X = np.arange(50.0)[:, None]
    y = np.column_stack([np.ones(50), np.full(50, np.inf)])
    y[25] = -5.0
    assert not told(X, y)[1]


def line_exists(X, y, intercept):
    """By linear programming over all rows at once: the definition."""
    A = np.column_stack([np.ones(len(X)), X]) if intercept else X
    low, high = y.T
    exact = low == high
    above, below = np.isfinite(high) & ~exact, np.isfinite(low) & ~exact
    found = linprog(
        np.zeros(A.shape[1]),
        A_ub=np.vstack([A[above], -A[below]]),
        b_ub=np.r_[high[above], -low[below]],
        A_eq=A[exact],
        b_eq=low[exact],
        bounds=(None, None),
    )
    return found.status == 0


@few
@given(
    seed=st.integers(0, 10**6),
    n_exact=st.integers(1, 4),
    intercept=st.booleans(),
    distribution=st.sampled_from(sorted(set(FREE) - {"student_t"})),
)
def test_it_is_told_exactly_where_a_program_over_all_rows_finds_a_line(
    seed, n_exact, intercept, distribution
):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 12))
    X = rng.integers(-3, 4, size=(n, 2)).astype(float)
    y = rng.integers(-3, 4, size=n).astype(float)
    low, high = np.where(rng.random(n) < 0.5, y, -np.inf), np.full(n, np.inf)
    high[np.isinf(low)] = y[np.isinf(low)]
    low[:n_exact] = high[:n_exact] = y[:n_exact]
    Y = np.column_stack([low, high])
    model, endless = told(X, response(Y, distribution), distribution=distribution,
                          fit_intercept=intercept)  # fmt: skip
    assert endless == line_exists(X, Y, intercept)
    assert not endless or model.n_iter_ <= 100


@few
@given(
    seed=st.integers(0, 10**6),
    distribution=st.sampled_from(list(LAWS)),
    intercept=st.booleans(),
    noise=st.sampled_from([1.0, 1e-3, 1e-6]),
)
def test_bounded_tables_raise_no_alarm(seed, distribution, intercept, noise):
    """Exact rows of which no more than the columns lie on any line."""
    rng = np.random.default_rng(seed)
    n, d = 60, int(rng.integers(1, 4))
    X = rng.normal(size=(n, d))
    y = 1.0 + X.sum(axis=1) + noise * rng.standard_t(5, size=n)
    kind = rng.integers(5, size=n)
    low = np.select([kind == 3, kind == 4], [-np.inf, y - noise], y)
    high = np.select([kind >= 2], [np.inf], y)
    high = np.where(kind == 3, y, high)
    Y = response(np.column_stack([low, high]), distribution)
    model, endless = told(X, Y, distribution=distribution, fit_intercept=intercept)
    assert not endless and model.converged_


# Student t


@pytest.mark.parametrize("df", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("more", [-1, 1])
def test_rows_on_a_line_against_the_tails(df, more):
    """Unbounded where more than df / (1 + df) of the weight lies on one line."""
    n = 60
    on = int(df / (1.0 + df) * n) + 2 * more
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, 1)), np.zeros(n)
    y[on:] = 3.0 + rng.normal(size=n - on)
    model, endless = told(X, y, distribution="student_t", df=df)
    assert endless == (more > 0)
    assert not endless or model.n_iter_ <= 100


@few
@given(
    seed=st.integers(0, 10**6),
    noise=st.sampled_from([1e-3, 1e-5, 1e-7, 1e-9]),
    away=st.sampled_from([1e-2, 1.0, 1e3]),
    n_off=st.integers(1, 8),
)
def test_errors_however_small_beside_outliers_are_no_line(seed, noise, away, n_off):
    """The fit is that of the errors alone, in their own units."""
    rng = np.random.default_rng(seed)
    X, errors = rng.normal(size=(60, 2)), rng.normal(size=60)
    errors[:n_off] += away / noise * (1.0 + rng.random(n_off))
    model, endless = told(X, X @ [1.0, 2.0] + noise * errors, distribution="student_t")
    alone, _ = told(X, errors, distribution="student_t")
    assert not endless
    assert_allclose(model.scale_ / noise, alone.scale_, rtol=1e-3)
    assert_allclose(model.coef_, [1.0, 2.0] + noise * alone.coef_, rtol=0.0, atol=1e-3 * noise)


@few
@given(seed=st.integers(0, 10**6), n_off=st.integers(1, 3), d=st.integers(4, 8))
def test_a_heavy_line_is_told_however_few_draws_find_it(seed, n_off, d):
    """With many columns a line drawn at random seldom is the one."""
    rng = np.random.default_rng(seed)
    n_exact, n_bounded = 4 * n_off + 1, 8
    X = rng.normal(size=(n_exact + n_off + n_bounded, d))
    y = X @ rng.normal(size=d)
    off, bounded = np.arange(n_off), np.arange(n_off, n_off + n_bounded)
    y[off] += 1.0 + rng.exponential(size=n_off)
    Y = np.column_stack([y, y])
    Y[bounded, 0], Y[bounded, 1] = -np.inf, y[bounded] + rng.exponential(size=n_bounded)
    model, endless = told(X, Y, distribution="student_t")
    assert endless and model.n_iter_ <= 100


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("seed", [9051, 9125])
def test_a_climb_shows_a_line_that_no_draw_finds(seed, n_jobs, monkeypatch):
    """Fewer rows on it than columns, the others at their bounds: it was told at 149 and 165."""
    drawn_of = ["normal", "lognormal", "logistic", "weibull", "student_t"]  # when the seeds were
    monkeypatch.setattr(random_fits, "DISTRIBUTIONS", drawn_of)
    case = seeded(CASES["EMCensoredRegressor"], seed)
    case.estimator.set_params(n_jobs=n_jobs, n_init=1 if n_jobs is None else 2)
    with pytest.warns(DataWarning, match="the scale goes to 0"):
        model = case.estimator.fit(case.X, case.y, case.sample_weight)
    assert model.n_iter_ <= 100


def test_ten_zeros_of_twelve():
    X = np.arange(12.0)[:, None] % 7
    y = np.r_[1.0, 2.0, np.zeros(10)]
    model, endless = told(X, y, distribution="student_t", df=4)
    assert endless and model.n_iter_ <= 100


@settings(derandomize=True, deadline=None, max_examples=5)
@given(seed=st.integers(0, 10**6), share=st.floats(0.2, 0.95))
def test_the_search_for_degrees_of_freedom_survives_a_pile_of_zeros(seed, share):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(15, 80)), int(rng.integers(1, 4))
    X, y = rng.normal(size=(n, d)), rng.normal(size=n)
    y[rng.random(n) < share] = 0.0
    model, _ = told(X, y, distribution="student_t", df="estimate")
    scale = max(1.0, np.abs(model.history_).max())
    assert (np.diff(model.history_) >= -1e-9 * scale).all()


# A ridge penalty


@each_free
def test_a_penalty_bounds_all_but_constant_lines(distribution):
    """It grows as scale**-2 unless the penalised coefficients are 0."""
    X, y = np.arange(6.0)[:, None], 1.0 + 2.0 * np.arange(6.0)
    constant = np.full(6, 2.0)
    assert told(X, response(y, distribution), distribution=distribution)[1]
    assert not told(X, response(y, distribution), distribution=distribution, alpha=1.0)[1]
    assert told(X, response(constant, distribution), distribution=distribution, alpha=1.0)[1]


# What the data do not determine


def determined_data(n=60):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 2))
    y = 1.0 + X @ [1.0, 0.5] + 0.5 * rng.normal(size=n)
    return X, np.column_stack([y, np.where(rng.random(n) < 0.3, np.inf, y)])


def with_columns(kind, X):
    """More columns, whether each coefficient is determined, and whether the intercept is."""
    group = np.eye(3)[np.arange(len(X)) % 3]
    return {
        "constant": (np.column_stack([X, np.full(len(X), 7.0)]), [1, 1, 0], 1),
        "huge constant": (np.column_stack([np.full(len(X), 1e11), X]), [0, 1, 1], 1),
        "twice": (np.column_stack([X, 2.0 * X[:, 0]]), [0, 1, 0], 1),
        "shifted copy": (np.column_stack([X, X[:, 0] + 3.0]), [0, 1, 0], 0),
        "one-hot": (np.column_stack([X, group]), [1, 1, 0, 0, 0], 0),
        "sum": (np.column_stack([X, X.sum(axis=1)]), [0, 0, 0], 1),
    }[kind]


def parameters_beside(distribution):
    """Those that have standard errors beside the intercept and the coefficients."""
    scale = ["log(scale)"] if LAWS[distribution].scale is None else []
    return scale + (["shape"] if distribution == "generalized_gamma" else [])


@each_distribution
@pytest.mark.parametrize(
    "kind", ["constant", "huge constant", "twice", "shifted copy", "one-hot", "sum"]
)
@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_undetermined_coefficients_have_no_standard_error(distribution, kind, unit):
    X, y = determined_data()
    y = response(y, distribution)
    wide, coef, intercept = with_columns(kind, X)
    beside = parameters_beside(distribution)
    expected = np.r_[intercept, coef, [1] * len(beside)].astype(bool)
    with pytest.warns(DataWarning, match="collinear") as caught:
        model = EMCensoredRegressor(distribution=distribution).fit(wide * unit, y)
    message = str(caught[0].message)
    names = ["intercept", *(f"x{j}" for j in range(len(coef))), *beside]
    for name, known in zip(names, expected, strict=True):
        assert (repr(name) in message) != known
    assert (np.isfinite(model.standard_errors_) == expected).all()
    assert (np.isfinite(np.diag(model.cov_params_)) == expected).all()
    table = model.summary()
    assert (table.loc[~expected, "std_error":].isna()).all(axis=None)
    assert table.loc[expected].notna().all(axis=None)
    # What is determined is as it is where no column is too many.
    basis = np.column_stack([X, wide[:, 2:4]]) if kind == "one-hot" else X
    plain = EMCensoredRegressor(distribution=distribution).fit(basis * unit, y)
    last = list(range(-len(beside), 0))
    pick = [*{"huge constant": [0, 2, 3]}.get(kind, [0, 1, 2]), *last]
    left = model.standard_errors_[pick]
    right = plain.standard_errors_[[0, 1, 2, *last]]
    known = expected[pick]
    assert_allclose(left[known], right[known], rtol=1e-5)
    # AIC and BIC count the rank of X.
    assert model.rank_ == plain.rank_ == len(basis.T) + 1
    assert_allclose(model.aic(wide * unit, y), plain.aic(basis * unit, y), rtol=1e-7)
    assert_allclose(model.bic(wide * unit, y), plain.bic(basis * unit, y), rtol=1e-7)


def test_what_one_limit_for_all_responses_leaves_open():
    """A probit regression: coefficients count in scales alone."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(80, 1))
    above = X[:, 0] + rng.normal(size=80) > 0.0
    y = np.column_stack([np.where(above, 0.0, -np.inf), np.where(above, np.inf, 0.0)])
    with pytest.warns(DataWarning, match="do not determine 'intercept', 'x0', 'log"):
        model = EMCensoredRegressor().fit(X, y)
    assert np.isnan(model.standard_errors_).all()
