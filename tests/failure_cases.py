"""Reference answers with delayed entry and strata, and what a fit must have in common with one."""

import json
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from emkit import EMCensoredRegressor
from emkit.models.laws.registry import LAWS

GOLDEN = Path(__file__).parent / "golden"
REFERENCE = json.loads((GOLDEN / "failure_times.json").read_text())
LATE = json.loads((GOLDEN / "failure_times_entry.json").read_text())
TOLERANCES = REFERENCE["tolerances"]
DATA = REFERENCE["data"] | LATE["data"]
CASES = {case["id"]: case for case in LATE["cases"]}
DEFAULTS = EMCensoredRegressor().get_params()
#: Laws of which the line and a scale are estimated, and nothing else unless it is asked for.
PLAIN = [
    name
    for name, of in LAWS.items()
    if getattr(of, "scale", None) is None
    and not any(DEFAULTS[shape] == "estimate" for shape in of.law.shapes)
]
POSITIVE = [name for name in LAWS if LAWS[name].link.positive]
INF = np.inf


def data_of(case):
    """X, [lower, upper], entry and weights of a case; entry of 0 is none."""
    data = DATA[case["data"]]
    low, high = (np.array(data[side], dtype=float) for side in ("lower", "upper"))
    X, n = np.array(data["X"], dtype=float), len(low)
    y = np.column_stack([np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)])
    entry = np.array(case.get("entry") or np.zeros(n), dtype=float)
    return X, y, entry, np.array(case.get("sample_weight") or np.ones(n), dtype=float)


def late_data(law, n=300, seed=0, weighted=False):
    """X, [lower, upper, entry] of every kind, and weights; two thirds of the rows entered late."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3 * n, 2))
    y = 1.0 + X @ [0.5, -0.3] + 0.4 * rng.logistic(size=3 * n)
    entry = np.where(rng.random(3 * n) < 0.66, rng.normal(0.3, 0.5, 3 * n), -INF)
    seen = np.flatnonzero(y > entry)[:n]
    X, y, entry = X[seen], y[seen], entry[seen]
    kind, gap = rng.integers(5, size=n), rng.uniform(0.2, 1.0, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-INF, np.maximum(y - gap[0], entry)], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [INF, y + gap[1], y + gap[1]], y)
    entry[(kind == 2) | ((kind == 3) & (low == entry))] = -INF
    Y = np.column_stack([low, high, entry])
    weight = rng.uniform(0.1, 3.0, n) if weighted else None
    return X, np.exp(Y) if LAWS[law].link.positive else Y, weight


def agree(model, case, X, y, weight, within):
    """That a fit is the reference's: estimates, in standard errors, ``within`` a tolerance."""
    expected = case["expected"]
    assert model.converged_ and (np.diff(model.history_) >= 0.0).all()
    scales = np.atleast_1d(model.scale_)
    found = np.r_[model.intercept_, model.coef_, np.log(scales)]
    best = np.r_[expected["intercept"], expected["coef"], np.log(expected["scale"])]
    if LAWS[case["distribution"]].scale is not None:
        assert_array_equal(scales, expected["scale"])
        found, best = found[:-1], best[:-1]
    errors = np.array(expected["standard_errors"])
    assert_allclose(found / errors, best / errors, rtol=0.0, atol=within)
    rtol = TOLERANCES["standard_errors_relative"]
    assert_allclose(model.standard_errors_, errors, rtol=rtol)

    rtol = TOLERANCES["log_likelihood_relative"]
    assert_allclose(model.log_likelihood_, expected["log_likelihood"], rtol=rtol)
    total = model.score(X, y, weight) * weight.sum()
    assert_allclose(total, expected["log_likelihood"], rtol=rtol)

    first, rtol = expected["predict_first_rows"], TOLERANCES["predictions_relative"]
    quantiles = model.predict_quantile(X[:3], [0.1, 0.5, 0.9])
    wanted = np.column_stack([first[name] for name in ("q10", "median", "q90")])
    assert_allclose(quantiles, wanted, rtol=rtol)
    mean = [np.inf if value is None else value for value in first["mean"]]
    assert_allclose(model.predict(X[:3]), mean, rtol=rtol)
