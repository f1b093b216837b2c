"""Mixtures of regressions: other programs' maxima, and laws that hold whatever the data."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from emkit import EMRegressionMixture
from emkit.engine import Blocks, check_model
from emkit.engine.acceleration import ACCELERATIONS
from emkit.exceptions import DataWarning
from emkit.mixture.regression_fitted import model_in
from emkit.models.regression_mixture import RegressionRows

GOLDEN = json.loads((Path(__file__).parent / "golden" / "regressions.json").read_text())
CASES = GOLDEN["regression"]["cases"]
each_weights = pytest.mark.parametrize("concomitant", [None, [0]], ids=["constant", "logit"])


def golden_data(case):
    x, y = np.array(case["x"]), np.array(case["y"])
    return np.stack([x, x**2][: len(case["columns"].split(",")) - 1], axis=1), y


def drawn(seed=0, n=300):
    """Two lines, of which the first is likelier where the first column is larger."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    first = rng.random(n) < 1.0 / (1.0 + np.exp(-X[:, 0]))
    y = np.where(first, 1.0 + X[:, 0], -2.0 - X[:, 1]) + rng.normal(0.0, 0.5, n)
    return X, y


def fit(X, y, weights=None, **arguments):
    arguments = {"random_state": 0, "tol": 1e-10, **arguments}
    return EMRegressionMixture(**arguments).fit(X, y, weights)


def density(mixture, X, y):
    """By the formula, (n, K)."""
    lines = X @ mixture.coef_.T + mixture.intercept_
    return mixture.predict_proba(X) * norm.pdf(y[:, None], lines, mixture.scale_)


# Other programs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["data"])
@pytest.mark.parametrize("seed", range(3))
def test_the_maxima_of_other_programs_are_found_by_default(case, seed):
    X, y = golden_data(case)
    mixture = EMRegressionMixture(case["G"], random_state=seed).fit(X, y)
    assert_allclose(mixture.log_likelihood_, case["loglik"], rtol=1e-8)
    assert mixture.log_likelihood_ > case["others"]["flexmix"] + 0.01
    order, theirs = np.argsort(mixture.coef_[:, 0]), np.argsort([c[1] for c in case["coef"]])
    lines = np.column_stack([mixture.intercept_, mixture.coef_])[order]
    assert_allclose(lines, np.array(case["coef"])[theirs], rtol=1e-3, atol=1e-4)
    assert_allclose(mixture.scale_[order], np.array(case["scale"])[theirs], rtol=1e-4)
    assert_allclose(mixture.weights_[order], np.array(case["weights"])[theirs], rtol=1e-4)
    assert mixture.bic(X, y) == pytest.approx(
        -2.0 * case["loglik"] + case["n_parameters"] * np.log(len(y)), rel=1e-8
    )


def test_one_component_is_least_squares():
    X, y = drawn()
    mixture = fit(X, y, n_components=1, reg_variance=0.0)
    lines, squares, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(y)), X]), y)
    assert_allclose([*mixture.intercept_, *mixture.coef_[0]], lines, rtol=1e-12)
    assert_allclose(mixture.scale_**2, squares / len(y), rtol=1e-12)
    through_0 = fit(X, y, n_components=1, fit_intercept=False)
    assert_allclose(through_0.coef_[0], np.linalg.lstsq(X, y)[0], rtol=1e-12)
    assert through_0.intercept_ == 0.0


# Laws


@each_weights
def test_what_is_predicted_is_the_formula(concomitant):
    X, y = drawn()
    mixture = fit(X, y, concomitant=concomitant)
    joint, prior = density(mixture, X, y), mixture.predict_proba(X)
    total = np.log(joint.sum(axis=1))
    assert_allclose(mixture.score(X, y), total.mean(), rtol=1e-10)
    assert_allclose(mixture.log_likelihood_, total.sum(), rtol=1e-10)
    assert_allclose(mixture.predict_proba(X, y), joint / joint.sum(axis=1, keepdims=True))
    lines = X @ mixture.coef_.T + mixture.intercept_
    assert_allclose(mixture.predict(X), (prior * lines).sum(axis=1), rtol=1e-10)
    if concomitant is None:
        assert_allclose(prior, np.broadcast_to(mixture.weights_, prior.shape))
    else:
        logit = X[:, concomitant] @ mixture.concomitant_coef_.T + mixture.concomitant_intercept_
        assert_allclose(prior, np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True))
        assert_allclose(mixture.weights_, prior.mean(axis=0), rtol=1e-5)
        assert_allclose(mixture.concomitant_coef_.sum(axis=0), 0.0, atol=1e-12)


@each_weights
def test_the_model_keeps_its_contract_and_ends_where_the_gradient_is_zero(concomitant):
    X, y = drawn()
    fitted = fit(X, y, concomitant=concomitant, tol=1e-12)._fitted
    model = model_in(fitted.standards, 2, fitted.concomitant, 1e-8, float(len(y)))
    rows = RegressionRows(X, y)
    check_model(model, rows)
    stats, _ = model.e_step(rows, fitted.params)
    score = model.complete_score(stats, fitted.params)
    for slope in (*score.gate, score.coef, score.variances):
        assert_allclose(slope, 0.0, atol=2e-3)
    climbs = model.e_step(rows, model.m_step(stats, fitted.params))[1]
    assert climbs == pytest.approx(model.e_step(rows, fitted.params)[1], abs=1e-9)


@each_weights
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), k=st.integers(1, 4), n=st.integers(8, 60))
def test_the_objective_never_falls(concomitant, seed, k, n):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), rng.integers(0, 4, n) * rng.normal(size=n)
    arguments = {"concomitant": concomitant, "n_init": 2, "max_iter": 50}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of components that hold to no data
        mixture = EMRegressionMixture(k, random_state=seed, **arguments).fit(X, y)
    steps = np.diff(mixture.history_)
    assert (steps >= -1e-9 * np.abs(mixture.history_[1:])).all()
    assert np.isfinite(mixture.coef_).all() and (mixture.scale_ > 0.0).all()


@each_weights
def test_weights_are_repetitions_and_rows_have_no_order(concomitant):
    X, y = drawn()
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = fit(X, y, weights, concomitant=concomitant)
    repeated = fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), concomitant=concomitant)
    order = np.random.default_rng(2).permutation(len(y))
    permuted = fit(X[order], y[order], weights[order], concomitant=concomitant)
    for other in (repeated, permuted):
        assert_allclose(other.coef_, weighted.coef_, rtol=1e-6)
        assert_allclose(other.log_likelihood_, weighted.log_likelihood_, rtol=1e-10)
    assert_allclose(weighted.score(X, y, weights) * weights.sum(), weighted.log_likelihood_)
    assert_allclose(
        weighted.bic(X, y, weights),
        repeated.bic(np.repeat(X, weights, axis=0), np.repeat(y, weights)),
    )


@each_weights
def test_units_do_not_matter(concomitant):
    X, y = drawn()
    units, shift = np.array([1e6, 1e-6]), np.array([3e6, 2.0])
    mixture = fit(X, y, concomitant=concomitant)
    other = fit(X * units + shift, 1e5 * y - 7e5, concomitant=concomitant)
    assert_allclose(other.coef_, mixture.coef_ * 1e5 / units, rtol=1e-6)
    assert_allclose(other.scale_, 1e5 * mixture.scale_, rtol=1e-8)
    total = mixture.log_likelihood_ - len(y) * np.log(1e5)
    assert_allclose(other.log_likelihood_, total, rtol=1e-10)
    if concomitant is not None:
        assert_allclose(other.concomitant_coef_, mixture.concomitant_coef_ / units[0], rtol=1e-5)


@each_weights
@pytest.mark.parametrize("acceleration", [None, *ACCELERATIONS])
def test_every_acceleration_ends_at_the_same_maximum(concomitant, acceleration):
    X, y = drawn()
    mixture = fit(X, y, concomitant=concomitant, acceleration=acceleration)
    assert_allclose(
        mixture.log_likelihood_, fit(X, y, concomitant=concomitant).log_likelihood_, rtol=1e-9
    )


@pytest.mark.parametrize("search", ["short_runs", "annealing", "genetic"])
def test_every_search_finds_it(search):
    X, y = drawn()
    found = fit(X, y, search=search).log_likelihood_
    assert_allclose(found, fit(X, y).log_likelihood_, rtol=1e-8)


@each_weights
def test_rows_read_in_blocks_are_those_in_memory(concomitant):
    X, y = drawn()
    whole = fit(X, y, concomitant=concomitant)
    parts = [slice(0, 100), slice(100, 180), slice(180, 300)]
    blocks = [Blocks([of[part] for part in parts]) for of in (X, y)]
    mixture = fit(*blocks, concomitant=concomitant)
    assert_allclose(mixture.log_likelihood_, whole.log_likelihood_, rtol=1e-9)
    assert_allclose(mixture.predict(blocks[0]), mixture.predict(X))
    assert_allclose(mixture.score(*blocks), mixture.score(X, y))


@each_weights
def test_rows_on_a_cluster_are_those_in_memory(concomitant, client):
    arrays = pytest.importorskip("dask.array")
    X, y = drawn()
    weights = np.random.default_rng(1).integers(0, 3, len(y))
    chunks = [arrays.from_array(of, chunks=(100, *of.shape[1:])) for of in (X, y, weights)]
    mixture, whole = (
        fit(*chunks, concomitant=concomitant),
        fit(X, y, weights, concomitant=concomitant),
    )
    assert_allclose(mixture.log_likelihood_, whole.log_likelihood_, rtol=1e-9)
    assert_allclose(np.asarray(mixture.predict_proba(*chunks[:2])), mixture.predict_proba(X, y))
    assert_allclose(mixture.score(*chunks), mixture.score(X, y, weights))


def test_many_rows_in_memory_are_worked_on_in_blocks():
    X, y = drawn(n=140_000)
    mixture = fit(X, y, n_init=2, concomitant=[0])
    order = np.argsort(mixture.coef_[:, 0])
    assert_allclose(mixture.coef_[order], [[0.0, -1.0], [1.0, 0.0]], atol=0.02)
    assert_allclose(mixture.scale_, 0.5, atol=0.01)
    assert_allclose(mixture.score(X, y) * len(y), mixture.log_likelihood_)


# Standard errors


@each_weights
def test_standard_errors_are_those_of_the_inverse_hessian(concomitant):
    X, y = drawn(n=400)
    mixture = fit(X, y, concomitant=concomitant, reg_variance=0.0, tol=1e-12)
    errors = mixture.standard_errors(X, y)

    def log_likelihood(theta):
        lines = theta[:6].reshape(2, 3)
        scale, eta = theta[6:8], theta[8] + (0.0 if concomitant is None else theta[9] * X[:, 0])
        first = 1.0 / (1.0 + np.exp(-2.0 * eta))
        weights = np.stack([first, 1.0 - first], axis=-1)
        mean = lines[:, 0] + X @ lines[:, 1:].T
        return np.log((weights * norm.pdf(y[:, None], mean, scale)).sum(axis=-1)).sum()

    if concomitant is None:
        of_weights = [0.5 * np.log(mixture.weights_[0] / mixture.weights_[1])]
    else:
        of_weights = [mixture.concomitant_intercept_[0], mixture.concomitant_coef_[0, 0]]
    lines = np.column_stack([mixture.intercept_, mixture.coef_])
    theta = np.concatenate([lines.ravel(), mixture.scale_, of_weights])
    covariance = np.linalg.inv(-hessian(log_likelihood, theta))
    direct = np.sqrt(np.diag(covariance))
    ours = np.column_stack([errors.intercept, errors.coef])
    assert_allclose(ours.ravel(), direct[:6], rtol=1e-3)
    assert_allclose(errors.scale, direct[6:8], rtol=1e-3)
    if concomitant is None:
        slope = 2.0 * mixture.weights_.prod()
        assert_allclose(errors.weights, slope * direct[8], rtol=1e-3)
    else:
        told = [errors.concomitant_intercept[0], errors.concomitant_coef[0, 0]]
        assert_allclose(told, direct[8:], rtol=1e-3)


def test_standard_errors_of_one_component_are_those_of_least_squares():
    X, y = drawn()
    mixture = fit(X, y, n_components=1, reg_variance=0.0)
    errors, A = mixture.standard_errors(X, y), np.column_stack([np.ones(len(y)), X])
    direct = mixture.scale_ * np.sqrt(np.diag(np.linalg.inv(A.T @ A)))
    assert_allclose([errors.intercept[0], *errors.coef[0]], direct, rtol=1e-6)
    assert_allclose(errors.scale, mixture.scale_ / np.sqrt(2 * len(y)), rtol=1e-5)


@each_weights
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("unit", [1.0, 1e-9])
def test_lines_without_scatter_have_no_standard_errors(concomitant, unit):
    X = load_iris().data * unit
    gate = None if concomitant is None else "all"
    mixture = fit(X, X[:, 3] / unit, concomitant=gate, n_init=2, max_iter=100)
    with pytest.warns(DataWarning, match="No standard errors"):
        errors = mixture.standard_errors(X, X[:, 3] / unit)
    assert np.isnan(np.concatenate([np.ravel(part) for part in errors if part is not None])).any()


def errors_of(X, y, **options):
    """Standard errors of two lines, in the order of their slopes."""
    mixture = fit(X, y, **options)
    order = np.argsort(mixture.coef_[:, 0])
    errors = mixture.standard_errors(X, y)
    return type(errors)(*(None if part is None else part[order] for part in errors))


@each_weights
@pytest.mark.parametrize("shift", [1e4, 1e8])
def test_standard_errors_far_from_0_lose_no_digits(concomitant, shift):
    X, y = drawn(n=400)
    near = errors_of(X, y, concomitant=concomitant)
    far = errors_of(X + shift, y, concomitant=concomitant)
    assert_allclose(far.coef, near.coef, rtol=1e-3)
    assert_allclose(far.scale, near.scale, rtol=1e-3)
    # A line at 0 is as uncertain as its slopes are there.
    assert (far.intercept > 0.5 * shift * far.coef.min()).all()
    assert (far.intercept < 2.0 * shift * far.coef.sum()).all()


def test_standard_errors_of_intercepts_are_a_parabola_of_where_0_is():
    X, y = drawn(n=400)
    at = np.array([0.0, 1.0, 2.0, 100.0])
    variances = np.array([errors_of(X[:, :1] + c, y).intercept ** 2 for c in at])
    for k in range(2):
        told = np.polyval(np.polyfit(at[:3], variances[:3, k], 2), at[3])
        assert_allclose(variances[3, k], told, rtol=1e-3)


@each_weights
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
def test_a_constant_column_has_no_standard_error_and_changes_no_other(concomitant):
    X, y = drawn(n=400)
    wide = np.column_stack([X, np.full(len(X), 3.0)])
    without = errors_of(X, y, concomitant=concomitant)
    errors = errors_of(wide, y, concomitant=concomitant)
    assert np.isnan(errors.coef[:, -1]).all()
    assert_allclose(errors.coef[:, :-1], without.coef, rtol=1e-3)
    assert_allclose(errors.intercept, without.intercept, rtol=1e-3)


def hessian(function, at, step=1e-4):
    """By central differences."""
    steps = step * np.eye(len(at))
    out = np.empty((len(at), len(at)))
    for i, a in enumerate(steps):
        for j, b in enumerate(steps):
            ends = [function(at + s * a + t * b) for s in (1, -1) for t in (1, -1)]
            out[i, j] = (ends[0] - ends[1] - ends[2] + ends[3]) / (4.0 * step**2)
    return out


# Degenerate and bad input


@each_weights
def test_a_response_is_never_so_far_that_an_answer_is_no_number(concomitant):
    X, y = drawn()
    mixture = fit(X, y, concomitant=concomitant, n_init=2)
    for size in (1e9, 1e100, -1e150):
        assert_allclose(mixture.predict_proba(X[:1], [size]).sum(), 1.0)
        assert np.isfinite(mixture.score(X[:1], [size]))
    for method in (mixture.predict_proba, mixture.score, mixture.bic):
        with pytest.raises(ValueError, match="y holds 1e[+]200 in row 1"):
            method(X[:2], [0.0, 1e200])


def test_a_line_through_few_rows_is_no_answer():
    """The likelihood is higher there, however far the scale goes down, and means nothing."""
    X, y = drawn(n=40)
    mixture = fit(X, y, n_init=30)
    assert (mixture.weights_ * 40 > 5).all() and mixture.scale_.min() > 0.1


@pytest.mark.parametrize(
    ("rows", "says"), [(slice(0, 6), "hold to no data"), (slice(0, 4), "hold to no data")]
)
def test_too_few_rows_are_told(rows, says):
    X, y = drawn()
    with pytest.warns(DataWarning, match=says):
        mixture = fit(X[rows], y[rows])
    assert np.isfinite(mixture.coef_).all() and (mixture.scale_ > 0.0).all()


def test_weights_need_not_count_rows():
    X, y = drawn()
    shares, whole = fit(X, y, np.full(len(y), 1.0 / len(y))), fit(X, y)
    assert_allclose(shares.coef_, whole.coef_, rtol=1e-5)
    assert_allclose(shares.log_likelihood_ * len(y), whole.log_likelihood_, rtol=1e-9)


def test_collinear_columns_are_told_and_count_once():
    X, y = drawn()
    with pytest.warns(DataWarning, match="collinear"):
        mixture = fit(np.column_stack([X, X[:, 0], np.ones(len(y))]), y)
    whole = fit(X, y)
    assert mixture.rank_ == whole.rank_ == 3
    assert_allclose(mixture.log_likelihood_, whole.log_likelihood_, rtol=1e-9)
    assert_allclose(mixture.bic(np.column_stack([X, X[:, 0], np.ones(len(y))]), y), whole.bic(X, y))


def test_responses_on_a_line_end_at_the_prior():
    X, _ = drawn()
    with pytest.warns(DataWarning, match="hold to no data"):
        mixture = fit(X, X @ [1.0, 2.0], n_components=1)
    assert_allclose(mixture.coef_, [[1.0, 2.0]])
    assert_allclose(mixture.scale_, 1e-4 * (X @ [1.0, 2.0]).std(), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "change", "says"),
    [
        ({"n_components": 400}, {}, "n_components = 400"),
        ({"concomitant": ["z"]}, {}, "concomitant names a column that X does not have: 'z'"),
        ({"reg_variance": -1.0}, {}, "reg_variance"),
        ({}, {"y": np.full(300, np.nan)}, "y contains NaN"),
        ({}, {"y": np.ones((300, 2))}, "EMMixtureRegressor"),
        ({}, {"y": None}, "requires y"),
        ({}, {"X": np.full((300, 2), np.nan)}, "EMImputer"),
        ({}, {"X": np.ones((200, 2))}, "inconsistent"),
    ],
)
def test_bad_input_is_refused(arguments, change, says):
    data = dict(zip("Xy", drawn(), strict=True)) | change
    with pytest.raises(ValueError, match=says):
        EMRegressionMixture(**arguments).fit(**data)


def test_a_warm_start_goes_on_and_asks_for_the_same_shape():
    X, y = drawn()
    for concomitant in (None, [0]):
        mixture = fit(X, y, warm_start=True, concomitant=concomitant)
        before = mixture.log_likelihood_
        mixture.set_params(n_init=1, random_state=5).fit(X, y)
        assert mixture.n_iter_ <= 3 and len(mixture.runs_) == 1
        assert_allclose(mixture.log_likelihood_, before, rtol=1e-10)
        mixture.fit(X[:280], y[:280])
        assert_allclose(
            mixture.log_likelihood_, fit(X[:280], y[:280], concomitant=concomitant).log_likelihood_
        )
    with pytest.raises(ValueError, match="warm_start"):
        mixture.set_params(n_components=3).fit(X, y)


def test_it_goes_through_a_grid_and_a_pickle():
    X, y = drawn()
    grid = GridSearchCV(EMRegressionMixture(random_state=0, n_init=5), {"n_components": [1, 2]})
    best = grid.fit(X, y).best_estimator_
    assert best.n_components == 2
    assert_allclose(pickle.loads(pickle.dumps(best)).predict(X), best.predict(X))


def test_a_column_of_responses_is_told():
    X, y = drawn()
    with pytest.warns(DataConversionWarning):
        fit(X, y[:, None])


# scikit-learn's checks

HAS_PROBA = {
    "check_regressors_no_decision_function": "predict_proba is of the components, as asked for"
}
LOGIT = {
    **HAS_PROBA,
    "check_sample_weight_equivalence_on_dense_data": "15 rows that a logit of 30 columns "
    "separates have no maximum; tested above",
}


@parametrize_with_checks(
    [
        EMRegressionMixture(),
        EMRegressionMixture(1),
        EMRegressionMixture(fit_intercept=False),
        EMRegressionMixture(concomitant=[0]),
    ],
    expected_failed_checks=lambda e: HAS_PROBA if e.concomitant is None else LOGIT,
)
@pytest.mark.filterwarnings("ignore::emkit.exceptions.DataWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimator_checks(estimator, check):
    check(estimator)
