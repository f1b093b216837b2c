"""A scale for each stratum: reference answers, and what such a fit must satisfy."""

import numpy as np
import pytest
from failure_cases import CASES, OURS, TOLERANCES, data_of
from numpy.testing import assert_allclose, assert_array_equal

from emkit import EMCensoredRegressor


@pytest.mark.parametrize("case_id", [name for name, case in CASES.items() if "strata" in case])
def test_reference_answers(case_id):
    case = CASES[case_id]
    expected, (X, y, _, weight) = case["expected"], data_of(case)
    distribution, to_ours, to_theirs, log_jacobian = OURS[case["distribution"]]
    with np.errstate(divide="ignore"):
        z = to_ours(np.maximum(y, 0.0))
    table = np.column_stack([case["strata"], X])
    model = EMCensoredRegressor(distribution=distribution, strata=[0]).fit(table, z, weight)
    assert model.converged_ and (np.diff(model.history_) >= 0.0).all()
    assert_array_equal(model.strata_, np.unique(case["strata"]))

    found = np.r_[model.intercept_, model.coef_, np.log(model.scale_)]
    best = np.r_[expected["intercept"], expected["coef"], np.log(expected["scale"])]
    errors = np.array(expected["standard_errors"])
    # Asked for: 1e-7 standard errors.
    assert_allclose(found / errors, best / errors, rtol=0.0, atol=1e-9)
    rtol = TOLERANCES["standard_errors_relative"]
    assert_allclose(model.standard_errors_, errors, rtol=rtol)

    exact = y[:, 0] == y[:, 1]
    jacobian = float(weight[exact] @ log_jacobian(y[exact, 0]))
    total = expected["log_likelihood"] - jacobian
    rtol = TOLERANCES["log_likelihood_relative"]
    assert_allclose(model.log_likelihood_, total, rtol=rtol)
    assert_allclose(model.score(table, z, weight) * weight.sum(), total, rtol=rtol)
    first, close = expected["predict_first_rows"], {"rtol": TOLERANCES["predictions_relative"]}
    quantiles = to_theirs(model.predict_quantile(table[:3], [0.1, 0.5, 0.9]))
    wanted = np.column_stack([first[name] for name in ("q10", "median", "q90")])
    assert_allclose(quantiles, wanted, **close)
    if distribution == case["distribution"]:
        assert_allclose(model.predict(table[:3]), first["mean"], **close)
