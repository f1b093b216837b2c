"""Delayed entry: reference answers, and what its likelihood must satisfy."""

import numpy as np
import pytest
from failure_cases import CASES, OURS, TOLERANCES, data_of
from numpy.testing import assert_allclose

from emkit import EMCensoredRegressor


@pytest.mark.parametrize("case_id", [name for name, case in CASES.items() if "entry" in case])
def test_reference_answers(case_id):
    case = CASES[case_id]
    expected, (X, y, entry, weight) = case["expected"], data_of(case)
    distribution, to_ours, to_theirs, log_jacobian = OURS[case["distribution"]]
    with np.errstate(divide="ignore"):
        z = to_ours(np.column_stack([np.maximum(y, 0.0), entry]))
    model = EMCensoredRegressor(distribution=distribution).fit(X, z, weight)
    assert model.converged_ and (np.diff(model.history_) >= 0.0).all()

    found = np.r_[model.intercept_, model.coef_, np.log(model.scale_)]
    best = np.r_[expected["intercept"], expected["coef"], np.log(expected["scale"])]
    errors = np.array(expected["standard_errors"])
    k = len(errors)  # no log scale where it is fixed
    within = {"rtol": 0.0, "atol": 1e-9}  # asked for: 1e-7 standard errors
    assert_allclose(found[:k] / errors, best[:k] / errors, **within)
    rtol = TOLERANCES["standard_errors_relative"]
    assert_allclose(model.standard_errors_[:k], errors, rtol=rtol)

    exact = y[:, 0] == y[:, 1]
    jacobian = float(weight[exact] @ log_jacobian(y[exact, 0]))
    total = expected["log_likelihood"] - jacobian
    rtol = TOLERANCES["log_likelihood_relative"]
    assert_allclose(model.log_likelihood_, total, rtol=rtol)
    assert_allclose(model.score(X, z, weight) * weight.sum(), total, rtol=rtol)
    first, close = expected["predict_first_rows"], {"rtol": TOLERANCES["predictions_relative"]}
    quantiles = to_theirs(model.predict_quantile(X[:3], [0.1, 0.5, 0.9]))
    wanted = np.column_stack([first[name] for name in ("q10", "median", "q90")])
    assert_allclose(quantiles, wanted, **close)
    if distribution == case["distribution"]:
        assert_allclose(model.predict(X[:3]), first["mean"], **close)
