"""min_value and max_value of EMImputer: by name and by place, and what is no number in them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from emkit import EMImputer

few = settings(max_examples=25, deadline=None, derandomize=True)
NAMES = ["a", "b", "c"]


def table(seed=0, n=40):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3))
    return np.where(rng.random(X.shape) < 0.3, np.nan, X)


def filled(X, limit, **arguments):
    return np.asarray(EMImputer(min_value=limit, **arguments).fit_transform(X))


@few
@given(st.permutations(NAMES), st.integers(1, 3), st.integers(0, 100))
def test_a_series_goes_by_its_labels(order, n_named, seed):
    limits = pd.Series([0.5, 0.0, -0.5], NAMES)[order][:n_named]
    X = pd.DataFrame(table(seed), columns=NAMES)
    right = filled(X, limits.to_dict())
    assert_array_equal(filled(X, limits), right)
    numbered = limits.set_axis([NAMES.index(name) for name in limits.index])
    if list(numbered.index) != list(range(n_named)):
        assert_array_equal(filled(X.to_numpy(), numbered), right)


def test_a_series_without_labels_that_X_has_goes_by_place():
    X = table()
    right = filled(X, [0.5, 0.0, -0.5])
    assert_array_equal(filled(X, pd.Series([0.5, 0.0, -0.5])), right)
    assert_array_equal(filled(pd.DataFrame(X, columns=NAMES), pd.Series([0.5, 0.0, -0.5])), right)
    assert_array_equal(filled(X, pd.Series([0.5, 0.0, -0.5], NAMES)), right)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (pd.Series([0.0, 0.0, 0.0], ["a", "b", "z"]), r"does not have: \['z'\]"),
        (pd.Series([0.0, 0.0]), r"have the shape \(3,\)"),
        (np.ma.array([0.0, 0.0, 0.0], mask=[1, 0, 0]), "min_value is masked"),
        (pd.to_timedelta([1, 2, 3], unit="D"), "min_value holds dates or durations"),
        ([pd.Timestamp("2024-01-01")] * 3, "min_value holds dates or durations"),
        (-(10**400), "min_value should be a number"),
        ({"a": 10**400}, r"min_value\['a'\] should be a number"),
        ({"a": "low"}, r"min_value\['a'\] should be a number"),
    ],
)
def test_what_is_no_limit_is_refused(limit, message):
    with pytest.raises(ValueError, match=message):
        filled(pd.DataFrame(table(), columns=NAMES), limit)


def test_words_that_were_set_after_fit_are_refused():
    X = table()
    with pytest.raises(ValueError, match="min_value should be a number"):
        EMImputer().fit(X).set_params(min_value="low").transform(X)


@pytest.mark.parametrize("noise", [1e-3, 1e-7])
def test_a_covariance_that_is_singular_but_for_rounding_is_told_of(noise):
    """Without shrinkage a column that follows from another leaves the likelihood few digits."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(60)
    X = np.column_stack([x, x + noise * rng.standard_normal(60), rng.standard_normal(60)])
    X[::7, 1] = np.nan
    imputer = EMImputer(shrinkage=0.0, tol=1e-8, max_iter=5000)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        imputer.fit(X)
    told = [w for w in seen if "all but singular" in str(w.message)]
    assert bool(told) == (noise < 1e-6)
    assert np.isfinite(imputer.transform(X)).all()
