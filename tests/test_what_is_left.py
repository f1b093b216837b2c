"""Curves, and what is left given survival to a time: laws over all distributions."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from tables import cut

from emkit import EMCensoredRegressor
from emkit.datasets import load_lung
from emkit.models.laws.beyond import Beyond
from emkit.models.laws.registry import LAWS

X, Y = load_lung(return_X_y=True)
X = X[:, :2]  # age and sex
ROWS = X[:4]
few = settings(max_examples=40)
each_law = pytest.mark.parametrize("distribution", LAWS)
POSITIVE = [name for name in LAWS if LAWS[name].link.positive]
FITTED = {name: EMCensoredRegressor(distribution=name).fit(X, Y) for name in LAWS}
Q = np.array([0.05, 0.5, 0.9])


def lower_end(distribution):
    return 0.0 if LAWS[distribution].link.positive else -np.inf


def survival_at(model, times, given=None):
    """P(row i > times[i]) for times (n, k)."""
    known = [None] * len(times) if given is None else given
    rows = zip(ROWS, times, known, strict=True)
    return np.array([model.predict_survival_function(x[None], t, given=g)[0] for x, t, g in rows])


# The distribution of scipy that the documentation names


@each_law
def test_a_response_has_the_distribution_that_the_documentation_names(distribution):
    model, law = FITTED[distribution], LAWS[distribution]
    names = {name: getattr(scipy.stats, name) for name in scipy.stats.__all__}
    names |= {"exp": np.exp, "sqrt": np.sqrt, "abs": abs, "scale": model.scale_}
    names |= {name: getattr(model, f"{name}_") for name in law.law.shapes}
    names["line"] = (model.intercept_ + ROWS @ model.coef_)[:, None]
    theirs = eval(law.scipy, names)
    assert law.scipy in EMCensoredRegressor.__doc__
    times = np.array([20.0, 300.0, 900.0])
    assert_allclose(model.predict_survival_function(ROWS, times), theirs.sf(times), rtol=1e-7)
    assert_allclose(model.predict_quantile(ROWS, Q), theirs.ppf(Q), rtol=1e-7)
    hazard = theirs.pdf(times) / theirs.sf(times)
    assert_allclose(model.predict_hazard_function(ROWS, times), hazard, rtol=1e-7)


# Curves


@each_law
def test_survival_at_a_quantile_is_one_minus_its_probability(distribution):
    model = FITTED[distribution]
    quantiles = model.predict_quantile(ROWS, Q)
    assert_allclose(survival_at(model, quantiles), np.tile(1.0 - Q, (4, 1)), rtol=1e-9)


@each_law
def test_the_hazard_is_the_slope_of_the_cumulative_hazard(distribution):
    model, times = FITTED[distribution], np.array([3.0, 50.0, 600.0, 3000.0])
    step = 1e-5 * times
    rise = np.subtract(
        model.predict_cumulative_hazard_function(ROWS, times + step),
        model.predict_cumulative_hazard_function(ROWS, times - step),
    )
    assert_allclose(model.predict_hazard_function(ROWS, times), rise / (2 * step), rtol=1e-5)
    cumulative = model.predict_cumulative_hazard_function(ROWS, times[:3])
    assert_allclose(model.predict_survival_function(ROWS, times[:3]), np.exp(-cumulative))


@each_law
def test_times_have_a_default_and_one_time_gives_a_vector(distribution):
    model = FITTED[distribution]
    assert_allclose(model.times_[-1], 1022.0)  # the longest of the data
    assert_allclose(model.times_[0], 0.0 if distribution in POSITIVE else 5.0)
    for name in ("survival", "hazard", "cumulative_hazard"):
        curve = getattr(model, f"predict_{name}_function")
        assert_array_equal(curve(ROWS), curve(ROWS, model.times_))
        assert curve(ROWS, 300.0).shape == (4,)
        assert_array_equal(curve(ROWS, 300.0), curve(ROWS, [300.0])[:, 0])


@pytest.mark.parametrize(
    ("y", "ends"),
    [
        ([[2.0, 5.0], [1.0, np.inf], [0.0, 4.0], [3.0, 3.0]], (0.0, 3.0)),
        ([[0.0, 4.0], [0.0, 5.0], [1.0, np.inf], [0.5, np.inf]], (0.0, 4.0)),
    ],
)
def test_the_grid_ends_where_something_is_known(y, ends):
    model = EMCensoredRegressor(distribution="exponential").fit(np.zeros((4, 0)), y)
    assert_allclose(model.times_[[0, -1]], ends)


def test_hazards_at_the_lower_end_and_far_out():
    model = FITTED["exponential"]
    assert_allclose(model.predict_hazard_function(ROWS, 0.0), 1.0 / model.predict(ROWS))
    for distribution in POSITIVE:
        model = FITTED[distribution]
        assert_array_equal(model.predict_hazard_function(ROWS, -1.0), 0.0)
        if distribution != "exponential":  # all of these rise from 0
            assert_array_equal(model.predict_hazard_function(ROWS, 0.0), 0.0)
    falling = EMCensoredRegressor(distribution="weibull").fit(X, Y**2.0)
    assert falling.scale_ > 1.0
    assert_array_equal(falling.predict_hazard_function(ROWS, 0.0), np.inf)
    # By the first terms of their series in 1 / z.
    model = FITTED["normal"]
    z = 1e8
    times = model.predict(ROWS[:1]) + z * model.scale_
    assert_allclose(model.predict_hazard_function(ROWS[:1], times), z / model.scale_, rtol=1e-12)
    model = FITTED["weibull"]
    shape, times = 1.0 / model.scale_, 1e10
    scale = np.exp(model.intercept_ + ROWS @ model.coef_)
    expected = shape / scale * (times / scale) ** (shape - 1.0)
    assert_allclose(model.predict_hazard_function(ROWS, times), expected, rtol=1e-12)


# Given survival to a time


@each_law
def test_nothing_given_changes_nothing(distribution):
    model, times = FITTED[distribution], [10.0, 300.0, 2000.0]
    for nothing in (lower_end(distribution), np.full(4, lower_end(distribution))):
        assert_array_equal(model.predict(ROWS, given=nothing), model.predict(ROWS))
        assert_array_equal(
            model.predict_quantile(ROWS, Q, given=nothing), model.predict_quantile(ROWS, Q)
        )
        assert_allclose(
            model.predict_survival_function(ROWS, times, given=nothing),
            model.predict_survival_function(ROWS, times),
            rtol=1e-13,
        )
        for method, at in (("quantile", Q), ("survival_function", times)):
            predict = getattr(model, f"predict_{method}")
            _, limits = predict(ROWS, at, return_ci=True, given=nothing)
            assert_allclose(limits, predict(ROWS, at, return_ci=True)[1], rtol=1e-12)


@each_law
@few
@given(known=st.lists(st.floats(1.0, 2000.0), min_size=4, max_size=4))
def test_given_survival_all_is_bayes_rule(distribution, known):
    model, known = FITTED[distribution], np.array(known)
    later = known[:, None] + [0.0, 1.0, 100.0]
    conditional = survival_at(model, later, known)
    ratio = survival_at(model, later) / survival_at(model, known[:, None])
    assert_allclose(conditional, ratio, rtol=1e-8)
    assert_array_equal(conditional[:, 0], 1.0)
    assert_array_equal(survival_at(model, known[:, None] - 0.5, known), 1.0)
    # Quantiles by the tower property: given u, of those that survive to t > u, all given t.
    first = model.predict_quantile(ROWS, 0.3, given=known)
    assert_allclose(
        model.predict_quantile(ROWS, 0.5, given=first),
        model.predict_quantile(ROWS, 1.0 - 0.7 * 0.5, given=known),
        rtol=1e-9,
    )
    quantiles = model.predict_quantile(ROWS, Q, given=known)
    assert_allclose(survival_at(model, quantiles, known), np.tile(1.0 - Q, (4, 1)), rtol=1e-8)
    bounds = model.predict_interval(ROWS, 0.8, given=known)
    assert_allclose(bounds, model.predict_quantile(ROWS, [0.1, 0.9], given=known), rtol=1e-9)


@each_law
@pytest.mark.parametrize("known", [1.0, 400.0, 900.0])
def test_the_mean_given_survival_is_that_of_the_quantiles(distribution, known):
    model, row = FITTED[distribution], ROWS[:1]

    def quantile(q):
        return model.predict_quantile(row, q, given=known)[0]

    # Of heavy tails the last part is far out: it is cut off of both.
    top = 1.0 - 1e-6
    part = quad(quantile, 0.0, top, limit=500, epsrel=1e-10)[0]
    beyond = model.predict(row, given=quantile(top))[0]
    assert_allclose(model.predict(row, given=known)[0], part + (1.0 - top) * beyond, rtol=1e-7)
    assert model.predict(row, given=known)[0] > max(known, model.predict(row)[0])


@few
@given(st.floats(1e-6, 1e12), st.floats(1e-6, 0.999))
def test_an_exponential_has_no_memory(known, q):
    model = FITTED["exponential"]
    beyond = Beyond(LAWS["exponential"], model._location(ROWS), model.scale_, np.full(4, known))
    left = model.predict_quantile(ROWS, q)
    assert_allclose(beyond.left(np.array(q)), left, rtol=1e-11)
    rounding = 1e-14 * known
    assert_allclose(model.predict(ROWS, given=known) - known, model.predict(ROWS), 1e-9, rounding)
    later = known + 100.0
    survival = model.predict_survival_function(ROWS, later, given=known)
    plain = np.exp(-(later - known) / model.predict(ROWS))
    assert_allclose(survival, plain, rtol=1e-9)
    _, limits = model.predict_quantile(ROWS, q, given=known, return_ci=True)
    expected = known + model.predict_quantile(ROWS, q, return_ci=True)[1]
    assert_allclose(limits, expected, rtol=1e-14, atol=1e-5 * left.max())


@few
@given(z=st.floats(-30.0, 1e6), q=st.floats(1e-6, 0.999))
def test_what_is_left_of_a_logistic_is_exact_far_out(z, q):
    """With odds o = exp(-z): S(z + w) = (1 - q) S(z) has w = log1p(q / (1 - q) (1 + o))."""
    law = LAWS["logistic"]
    beyond = Beyond(law, np.zeros(1), 1.0, np.array([z]))
    odds = np.exp(-z)
    expected = np.log1p(q / (1.0 - q) * (1.0 + odds))
    assert_allclose(beyond.left(np.array(q)), expected, rtol=1e-11)


@each_law
def test_what_was_nearly_sure_changes_nearly_nothing(distribution):
    model, early = FITTED[distribution], 1e-300 if distribution in POSITIVE else -1e12
    q = [1e-6, 0.5, 1.0 - 1e-12]
    given = model.predict_quantile(ROWS, q, given=early)
    assert_allclose(given, model.predict_quantile(ROWS, q), rtol=1e-9)
    assert_allclose(model.predict(ROWS, given=early), model.predict(ROWS), rtol=1e-9)


def test_an_infinite_mean_is_infinite_given_survival():
    model = EMCensoredRegressor(distribution="loglogistic").fit(X, Y**2.0)
    assert model.scale_ > 1.0
    assert_array_equal(model.predict(ROWS), np.inf)
    assert_array_equal(model.predict(ROWS, given=[1e-300, 100.0, 1e4, 1e9]), np.inf)
    assert np.isfinite(model.predict_quantile(ROWS, 0.9, given=1e9)).all()


@pytest.mark.parametrize("distribution", ["weibull", "normal"])
@pytest.mark.parametrize(
    ("given", "match"),
    [
        (np.nan, "given is nan"),
        (np.inf, "given is inf"),
        ([1.0, 2.0, np.nan, 3.0], "given is nan in row 2"),
        ([1.0, 2.0], r"one for each row of X, \(4,\)"),
        (np.ones((4, 1)), r"shape \(4, 1\)"),
        ("late", "given holds text"),
        (1j, "given with complex"),
        (np.full(4, 1j), "given with complex"),
        (np.datetime64("2020-01-01"), "given holds dates"),
        (np.ma.array(np.ones(4), mask=[0, 1, 0, 0]), "given is masked in row 1"),
    ],
)
def test_what_cannot_be_given_is_refused(distribution, given, match):
    model = FITTED[distribution]
    for predict in (
        lambda: model.predict(ROWS, given=given),
        lambda: model.predict_quantile(ROWS, given=given),
        lambda: model.predict_interval(ROWS, given=given),
        lambda: model.predict_survival_function(ROWS, given=given),
    ):
        with pytest.raises(ValueError, match=match):
            predict()


def test_nothing_positive_is_below_0():
    with pytest.raises(ValueError, match="are positive: where nothing is known it is 0"):
        FITTED["weibull"].predict(ROWS, given=[1.0, -1.0, 2.0, 3.0])
    assert np.isfinite(FITTED["normal"].predict(ROWS, given=-1.0)).all()
    with pytest.raises(ValueError, match="times must be finite"):
        FITTED["weibull"].predict_hazard_function(ROWS, [1.0, np.inf])
    with pytest.raises(ValueError, match="times contains NaN"):
        FITTED["weibull"].predict_cumulative_hazard_function(ROWS, np.nan)


# Wherever the rows lie


def test_rows_in_blocks_and_on_dask_are_as_in_memory():
    da = pytest.importorskip("dask.array")
    model = EMCensoredRegressor(distribution="weibull", strata=[1]).fit(X, Y)
    known = np.linspace(0.0, 500.0, len(X))
    times = [100.0, 400.0]
    for shape, predict in {
        (): lambda rows, known: (model.predict(rows, given=known),),
        (2,): lambda rows, known: model.predict_survival_function(
            rows, times, given=known, return_ci=True
        ),
        (3,): lambda rows, known: model.predict_quantile(rows, Q, given=known, return_ci=True),
    }.items():
        inside = predict(X, known)
        assert [part.shape for part in inside][1:] == [(len(X), *shape, 2)] * (len(inside) - 1)
        for read in predict(cut(X, 100), cut(known, 100)), predict(cut(X, 100), known):
            for ours, theirs in zip(read, inside, strict=True):
                assert_array_equal(ours, theirs)
        lazy = da.from_array(X, chunks=(100, 2))
        for beside in (known, da.from_array(known, chunks=60)):
            for ours, theirs in zip(predict(lazy, beside), inside, strict=True):
                assert ours.shape == theirs.shape
                assert_array_equal(ours.compute(), theirs)
    with pytest.raises(ValueError, match="given and X must have the same rows"):
        model.predict(cut(X, 100), given=cut(known[:100], 50))
    with pytest.raises(ValueError, match="in block 2 of given"):
        model.predict(cut(X, 100), given=np.append(known[:-1], np.nan))
    with pytest.raises(ValueError, match="given must have shape"):
        model.predict(lazy, given=known[:-1])


def test_rows_of_a_stratum_have_its_scale():
    model = EMCensoredRegressor(distribution="weibull", strata=[1]).fit(X, Y)
    for k, sex in enumerate(model.strata_):
        rows = ROWS.copy()
        rows[:, 1] = sex
        shape, scale = 1.0 / model.scale_[k], np.exp(model.intercept_ + rows[:, 0] * model.coef_)
        theirs = scipy.stats.weibull_min(shape, scale=scale)
        assert_allclose(model.predict_survival_function(rows, 300.0), theirs.sf(300.0))
        hazard = theirs.pdf(300.0) / theirs.sf(300.0)
        assert_allclose(model.predict_hazard_function(rows, 300.0), hazard)
        ratio = theirs.sf(600.0) / theirs.sf(300.0)
        assert_allclose(model.predict_survival_function(rows, 600.0, given=300.0), ratio)


# Without covariates


@each_law
def test_without_columns_it_is_a_distribution_alone(distribution):
    """As with one column of which the likelihood takes no notice."""
    none = np.zeros((len(X), 0))
    model = EMCensoredRegressor(distribution=distribution).fit(none, Y)
    assert model.coef_.shape == (0,) and model.n_features_in_ == 0
    assert model.rank_ == 1
    with pytest.warns(UserWarning, match="x0"):
        other = EMCensoredRegressor(distribution=distribution).fit(np.zeros((len(X), 1)), Y)
    assert_allclose(model.log_likelihood_, other.log_likelihood_, rtol=1e-12)
    assert_allclose(model.intercept_, other.intercept_, rtol=1e-9)
    errors = other.standard_errors_[np.isfinite(other.standard_errors_)]
    assert_allclose(model.standard_errors_, errors, rtol=1e-7)
    rows = none[:2]
    survival, limits = model.predict_survival_function(rows, return_ci=True)
    assert survival.shape == (2, 101) and limits.shape == (2, 101, 2)
    assert model.predict(rows, given=100.0).shape == (2,)
    assert_allclose(model.score(none, Y) * len(X), model.log_likelihood_)
    assert model.impute(none, Y).shape == (len(X),)
    with pytest.raises(ValueError, match="expecting 0 features"):
        model.predict(X)


def test_no_columns_of_a_frame_and_in_blocks():
    pd = pytest.importorskip("pandas")
    none = np.zeros((len(X), 0))
    model = EMCensoredRegressor(distribution="weibull").fit(none, Y)
    frame = pd.DataFrame(index=range(len(X)))
    for rows, y in ((frame, Y), (cut(none, 100), cut(Y, 100)), (none, list(map(tuple, Y)))):
        other = EMCensoredRegressor(distribution="weibull").fit(rows, y)
        assert_allclose(other.intercept_, model.intercept_, rtol=1e-12)
        assert_allclose(other.predict(rows), model.predict(none), rtol=1e-12)


def test_beside_plain_numbers_of_either_sign_there_must_be_a_column():
    none, y = np.zeros((4, 0)), [1.0, 2.0, 3.0, 5.0]
    for numbers in (y, np.array(y), np.array(y, dtype=int)):
        with pytest.raises(ValueError, match=r"0 feature\(s\) .* a minimum of 1 is required"):
            EMCensoredRegressor().fit(none, numbers)
    pairs = EMCensoredRegressor().fit(none, np.column_stack([y, y]))
    assert_allclose([pairs.intercept_, pairs.scale_], [np.mean(y), np.std(y)])
    weibull = EMCensoredRegressor(distribution="weibull").fit(none, y)
    shape, _, scale = scipy.stats.weibull_min.fit(y, floc=0.0)
    assert_allclose([1.0 / weibull.scale_, np.exp(weibull.intercept_)], [shape, scale], rtol=1e-3)
    tobit = EMCensoredRegressor(left=1.5).fit(none, y)
    assert tobit.intercept_ < pairs.intercept_
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        EMCensoredRegressor(distribution="weibull").fit(X, Y).predict(none)
