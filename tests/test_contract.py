"""The contract between models and the engine: trees that nest, retraction, steps that backtrack."""

from typing import NamedTuple

import numpy as np
import pytest
from systems import Counts, Poisson, Rates

from emkit.engine import Blocks, fit_em, standard_errors
from emkit.exceptions import DataWarning

DAYS = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1.0])
TABLE = np.column_stack([np.arange(10.0), DAYS])
START = Rates(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
ACCELERATIONS = (None, "anderson", "squarem", "louis")


class Law(NamedTuple):
    rates: np.ndarray


class Nested(NamedTuple):
    law: Law
    weights: np.ndarray


class Events(NamedTuple):
    sum: np.ndarray


class NestedCounts(NamedTuple):
    n: np.ndarray
    law: Events


class NestedPoisson(Poisson):
    """The Poisson mixture with what is Poisson in a part of its own."""

    def initialize(self, table, rng):
        return nested(super().initialize(table, rng))

    def log_joint(self, table, bound):
        return super().log_joint(table, flat(bound))

    def statistics(self, table, resp, work, bound):
        n, events = super().statistics(table, resp, work, flat(bound))
        return NestedCounts(n, Events(events))

    def m_step(self, stats, params):
        return nested(super().m_step(Counts(stats.n, stats.law.sum), flat(params)))

    def complete_score(self, stats, params):
        return nested(super().complete_score(Counts(stats.n, stats.law.sum), flat(params)))

    def is_feasible(self, params):
        return super().is_feasible(flat(params))


def nested(params):
    return Nested(Law(params.rates), params.weights)


def flat(params):
    return Rates(params.weights, params.law.rates)


@pytest.mark.parametrize("acceleration", ACCELERATIONS)
def test_parts_of_parameters_change_nothing(acceleration):
    options = {"acceleration": acceleration, "tol": 1e-6}
    plain = fit_em(Poisson(), TABLE, start=START, **options)
    data = Blocks([TABLE[:4], TABLE[4:]])
    parts = fit_em(NestedPoisson(), data, start=nested(START), **options)
    assert parts.n_evaluations == plain.n_evaluations
    np.testing.assert_allclose(flat(parts.params), plain.params, rtol=1e-7)
    errors = standard_errors(NestedPoisson(), data, parts)
    expected = standard_errors(Poisson(), TABLE, plain)
    np.testing.assert_allclose(flat(errors), expected, rtol=1e-6)


def test_a_warning_names_a_parameter_by_its_path():
    params = Nested(Law(np.full(2, TABLE[:, 0] @ DAYS / DAYS.sum())), np.array([0.5, 0.5]))
    with pytest.warns(DataWarning, match="No standard errors for law.rates, weights: not determ"):
        standard_errors(NestedPoisson(), TABLE, params)
