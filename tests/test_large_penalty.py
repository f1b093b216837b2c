"""Beside a penalty that leaves nothing of the coefficients, the rest is fitted as without them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emkit import EMCensoredRegressor
from emkit.datasets import load_lung
from emkit.models.laws.registry import LAWS

PENALTIES = [1e6, 1e10, 1e18, 1e290]
#: At 1e6 a ridge penalty leaves something.
WITHIN = {1e6: 1e-2, 1e10: 1e-6}


def lives(entry):
    """Lives in days with age and sex, perhaps under observation since some part of each."""
    X, y = load_lung(return_X_y=True)
    X = X[:, :2]
    if not entry:
        return X, y
    part = np.random.default_rng(1).uniform(0.0, 0.9, len(y))
    return X, np.column_stack([y, y[:, 0] * part])


def fitted_alone(distribution, X, y, strata):
    """The fit without the columns that the penalty is on."""
    rest = np.empty((len(X), 0)) if strata is None else X[:, 1:]
    strata = None if strata is None else [0]
    return EMCensoredRegressor(distribution=distribution, strata=strata, tol=1e-12).fit(rest, y)


def kinds():
    for distribution, law in LAWS.items():
        for strata in (None, [1]):
            for entry in (False, True):
                # With entries, and a law of all numbers, these data have no maximum.
                bounded = law.link.positive or not entry
                if bounded and not (strata and law.scale is not None):
                    # The search over shapes takes long, and shows what the others do.
                    searched = distribution == "generalized_gamma"
                    for l1_ratio in [0.0] if searched else [0.0, 0.5, 1.0]:
                        yield pytest.param(distribution, strata, entry, l1_ratio)


@pytest.mark.parametrize(("distribution", "strata", "entry", "l1_ratio"), list(kinds()))
def test_what_is_free_of_the_penalty_is_fitted(distribution, strata, entry, l1_ratio):
    X, y = lives(entry)
    alone = fitted_alone(distribution, X, y, strata)
    assert alone.converged_
    for alpha in PENALTIES:
        model = EMCensoredRegressor(
            distribution=distribution, strata=strata, alpha=alpha, l1_ratio=l1_ratio, tol=1e-12
        ).fit(X, y)
        within = WITHIN.get(alpha, 1e-7)
        assert model.converged_
        assert_allclose(model.log_likelihood_, alone.log_likelihood_, atol=within)
        in_scales = model.coef_ / np.max(alone.scale_)
        assert_allclose(in_scales, 0.0, atol=1e3 / alpha if alpha < 1e15 else 1e-12)
        assert_allclose(model.scale_, alone.scale_, rtol=1e2 * within)
        medians = model.predict_quantile(X) / alone.predict_quantile(
            X[:, 1:] if strata else X[:, :0]
        )
        assert_allclose(medians, 1.0, atol=1e2 * within)


@pytest.mark.parametrize("distribution", ["normal", "weibull", "student_t"])
def test_a_large_penalty_costs_no_steps(distribution):
    """A run starts where the penalty would have the line: it has nothing to go back."""
    X, y = lives(entry=False)
    steps = [
        EMCensoredRegressor(distribution=distribution, alpha=alpha).fit(X, y).n_iter_
        for alpha in [0.0, *PENALTIES]
    ]
    assert max(steps) <= 2 * steps[0] + 5
