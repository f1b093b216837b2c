"""The contract between models and the engine: trees that nest, retraction, steps that backtrack."""

import pickle
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats
from systems import Counts, Poisson, Rates

from emkit.engine import (
    Blocks,
    EMModel,
    Genetic,
    LatentClassModel,
    OnlineEM,
    StochasticEM,
    fit_em,
    standard_errors,
    tree,
)
from emkit.exceptions import ModelError

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
