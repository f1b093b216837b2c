"""No fit to random data fails but by a clear refusal, and each keeps the laws of `fit_laws`.

`benchmarks/random_fits.py` counts over thousands of them.
"""

import numpy as np
import pytest
from fit_laws import LAWS, judge
from hypothesis import HealthCheck, example, given, settings
from maxima import may_be_refused
from random_fits import Case, imputer_case, mixture_case, regression_case, seeded, strategy
from verdicts import judge_by

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer

SMALL = {"most_rows": 30, "most_columns": 4}
#: The same cases in every run.
random_cases = settings(
    max_examples=80,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
inf, nan = np.inf, np.nan


def assert_lawful(case):
    assert judge(case).violations == []


# Cases that did violate a law

ONE_NAN = np.array([[1.0, 2], [2, 2], [3, nan], [4, 2], [5, 2], [7, 2]])
NOISE = np.random.default_rng(0).normal(size=(60, 3))
WIDE = np.random.default_rng(24)
SINGULAR = WIDE.normal(size=(12, 8))
SINGULAR[WIDE.random(SINGULAR.shape) < 0.08] = nan


@random_cases
@given(strategy(mixture_case, **SMALL))
@example(Case(EMGaussianMixture(1), ONE_NAN))
@example(Case(EMGaussianMixture(1, reg_covar=0.0, max_iter=300, random_state=0), SINGULAR))
@example(Case(EMGaussianMixture(2, search="annealing", random_state=0), NOISE))
@example(Case(EMGaussianMixture(2, resp_init=[0, 1, 0, 1, 0, 1], max_iter=0), ONE_NAN))
def test_mixtures(case):
    assert_lawful(case)


FIVE = np.array([[1.0, 2], [2, nan], [3, 5], [4, 9], [5, 8]])
UNITS_APART = np.array(
    [
        [1e-9, 1, 1e9],
        [2e-9, 3, 2e9],
        [3e-9, 2, 5e9],
        [4e-9, 5, 3e9],
        [5e-9, 4, nan],
        [6e-9, nan, 1e9],
    ]
)


@random_cases
@given(strategy(imputer_case, **SMALL))
@example(Case(EMImputer(search="genetic"), FIVE))
@example(Case(EMImputer(search="annealing"), FIVE))
@example(Case(EMImputer(search="simulated_annealing"), FIVE))
@example(Case(EMImputer(2, covariance_type="spherical", random_state=0), UNITS_APART))
@example(Case(EMImputer(shrinkage=1.0, tol=0.0), SINGULAR))
def test_imputers(case):
    assert_lawful(case)


FAR = np.array([[1.0, 2], [3, 1], [2, 3], [5, 2], [4, 6], [6, 4], [3, 7], [7, 5]]) + 1e6
LEFT = np.repeat([[1.0], [2], [3], [4], [4.5], [6], [5], [7]], 2, axis=1)
LEFT[[1, 4], 0] = -inf
LINE = np.arange(12.0)[:, None]
PILE = np.repeat(np.r_[1.0, 2.0, np.zeros(10)][:, None], 2, axis=1)
ONE_EXACT = np.column_stack([np.r_[0.0, np.ones(11)], np.r_[0.0, np.full(11, inf)]])
LARGE = np.column_stack([np.full(60, 1e11), NOISE[:, 0]])
RESPONSES = np.repeat((1.0 + NOISE[:, :1] + NOISE[:, 1:2]) * 1e10, 2, axis=1)
STAND_IN = np.column_stack([RESPONSES[:, 0], np.where(NOISE[:, 2] > 0, 1e17, RESPONSES[:, 1])])


@random_cases
@given(strategy(regression_case, **SMALL))
@example(Case(EMCensoredRegressor(fit_intercept=False), FAR, LEFT))
@example(Case(EMCensoredRegressor(distribution="student_t"), LINE % 7, PILE))
@example(Case(EMCensoredRegressor(distribution="student_t", df="estimate"), LINE % 7, PILE))
@example(Case(EMCensoredRegressor(), LINE, ONE_EXACT))
@example(Case(EMCensoredRegressor(), LARGE, RESPONSES))
@example(Case(EMCensoredRegressor(distribution="student_t"), LARGE[:, 1:], STAND_IN))
def test_censored_regressions(case):
    assert_lawful(case)


# The laws themselves


SPOILED = {
    "the history never falls": {"history_": np.array([1.0, 0.5])},
    "results are finite": {"standard_errors_": np.array([nan, 1.0])},
    "what did not converge is told": {"converged_": False},
    "the reported likelihood is that of responses": {"log_likelihood_": 7.0},
    "predictions are numbers": {"intercept_": nan},
    "quantiles rise and survival falls": {"scale_": -1.0},
    "filled responses keep their bounds": {"impute": lambda X, y, **_: y[:, 0] - 1.0},
}


@pytest.mark.parametrize("law", SPOILED)
def test_a_spoiled_fit_violates_its_law(law):
    case = Case(EMCensoredRegressor(), NOISE[:, :1], RESPONSES)

    def fit():
        vars(case.estimator.fit(case.X, case.y)).update(SPOILED[law])

    found = judge_by(LAWS["EMCensoredRegressor"], fit, case).violations
    assert law in {violation.law for violation in found}


def numpy_error():
    np.linalg.cholesky(-np.eye(2))


def bare_error():
    np.zeros(2) + np.zeros(3)


@pytest.mark.parametrize("fit", [numpy_error, bare_error])
def test_what_numpy_raises_is_no_refusal(fit):
    verdict = judge_by([], fit, Case(None, NOISE))
    assert verdict.refused is None
    assert [violation.law for violation in verdict.violations] == ["no raw exception"]


# Refusals


CONSTANT = np.array([[1.0, 1e151], [2.0, 1e151], [4.0, nan], [7.0, 1e151]])


@pytest.mark.parametrize(
    "case",
    [
        Case(EMGaussianMixture(3), NOISE[:2]),
        Case(EMGaussianMixture(2, reg_covar=0.0, random_state=0), NOISE[[0, 0, 1, 1]]),
        Case(EMGaussianMixture(1), np.column_stack([NOISE, np.full(60, nan)])),
        # One row tells: a covariance has no divisor n - 1, and there are no two components.
        Case(EMGaussianMixture(1, prior="mclust"), np.array([[nan], [6.0]])),
        Case(EMGaussianMixture(2), np.array([[1.0, nan], [nan, nan], [nan, 2.0]])),
        Case(EMImputer(2), NOISE, None, np.arange(60) == 0),
        Case(EMImputer(), 1e160 * NOISE),
        Case(EMCensoredRegressor(), LINE, np.column_stack([LINE, np.full(12, inf)])),
    ],
)
def test_what_has_no_maximum_is_refused(case):
    verdict = judge(case)
    assert verdict.refused is not None and verdict.violations == []
    assert may_be_refused(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(EMGaussianMixture(3, random_state=0), NOISE[[0, 0, 0, 1, 1]]),
        Case(EMGaussianMixture(1, reg_covar=0.0), NOISE[:5, :1]),
        Case(EMGaussianMixture(2, covariance_type="EEI", reg_covar=0.0, random_state=0), NOISE[:9]),
        Case(EMGaussianMixture(2, reg_covar=0.0, prior="mclust", random_state=0), NOISE[:4]),
        Case(EMGaussianMixture(2, prior="mclust"), np.array([[1.0, 2], [nan, 2], [nan, 2]])),
        Case(EMImputer(4, shrinkage=0.0, random_state=0), NOISE[:5]),
        Case(EMImputer(), CONSTANT),
        Case(EMCensoredRegressor(), LINE, np.repeat(LINE % 5, 2, axis=1)),
        Case(EMCensoredRegressor(), NOISE[:, :1], RESPONSES),
    ],
)
def test_what_has_a_maximum_is_not(case):
    assert judge(case) == (None, [])
    assert not may_be_refused(case)


def test_a_refusal_without_a_reason_violates_a_law(monkeypatch):
    monkeypatch.setattr("fit_laws.may_be_refused", lambda case: False)
    (violation,) = judge(Case(EMGaussianMixture(9), NOISE[:3])).violations
    assert violation.law == "no table with a finite maximum is refused"


def test_a_refusal_is_told_apart():
    verdict = judge(Case(EMGaussianMixture(9), NOISE[:3]))
    assert "n_components" in verdict.refused and verdict.violations == []


def test_a_runtime_warning_is_a_leak():
    verdict = judge_by([], lambda: np.log(np.zeros(1)), Case(None, NOISE))
    assert [violation.law for violation in verdict.violations] == ["no RuntimeWarning"]


@pytest.mark.parametrize("generate", [mixture_case, imputer_case, regression_case])
def test_a_seed_gives_the_same_case_again(generate):
    first, again = (seeded(generate, 3, **SMALL) for _ in range(2))
    assert repr(first) == repr(again)
    assert len(first.X) <= 30 and first.X.shape[1] <= 4
