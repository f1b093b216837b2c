"""Sums over runs of cells, and systems of them, against the matrices that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear

from emkit.numerics import run_systems
from emkit.numerics.run_systems import RunMatrix, bounded_maximum
from emkit.numerics.runs import Runs, decaying_sums, merged, prefix_sums, ranks

seeds = st.integers(0, 2**32 - 1)


def some_runs(rng, n_cells, n):
    ends = np.sort(rng.integers(0, n_cells + 1, (n, 2)), axis=1)
    ends[:, 1] += ends[:, 0] == ends[:, 1]
    ends -= (ends[:, 1:] > n_cells).astype(int)
    return Runs(ends[:, 0], ends[:, 1], n_cells)


def as_matrix(runs):
    cells = np.arange(runs.n_cells)
    return ((cells >= runs.first[:, None]) & (cells < runs.stop[:, None])).astype(float)


@given(seeds)
def test_sums_are_products_with_the_matrix_of_runs(seed):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 12), rng.integers(1, 30)
    runs = some_runs(rng, m, n)
    A, cells, rows = as_matrix(runs), rng.random(m), rng.random(n)
    assert_allclose(runs.totals(cells), A @ cells, rtol=1e-14)
    for turn in range(m):
        assert_allclose(runs.covering(rows, turn), A.T @ rows, atol=1e-13)
    kept = np.flatnonzero(rng.random(m) < 0.5)
    assert_array_equal(as_matrix(runs.among(kept)), A[:, kept])
    distinct, weight = merged(runs, rows)
    assert len(np.unique(np.column_stack(distinct[:2]), axis=0)) == len(weight)
    assert_allclose(distinct.covering(weight), A.T @ rows, atol=1e-13)


def test_equal_runs_are_merged_among_many_cells_too():
    rng = np.random.default_rng(0)
    runs = some_runs(rng, 1000, 50)
    twice = Runs(np.tile(runs.first, 2), np.tile(runs.stop, 2), 1000)
    found, weight = merged(twice, np.ones(100))
    assert len(weight) == 50
    assert_array_equal(weight, 2.0)
    assert_allclose(found.covering(weight), 2.0 * runs.covering(np.ones(50)))


def test_totals_are_exact_beside_large_sums():
    values = np.full(10_000, 1e-9)
    values[::100] = 1e6 / 3.0
    total = Runs(np.array([150]), np.array([160]), 10_000).totals(values)
    assert_allclose(total, 1e-8, rtol=1e-14)
    level, rest = prefix_sums(values)
    assert level[-1] + rest[-1] == pytest.approx(np.sort(values).sum(), rel=1e-15)


@given(seeds)
def test_decaying_sums_follow_their_recurrence(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 20)
    inflow, decay = rng.random(n), rng.exponential(1.0, n) * rng.choice([1.0, 400.0], n)
    sums, last = decaying_sums(inflow, decay), 0.0
    for k in range(n):
        last = last * np.exp(-decay[k - 1]) + inflow[k] if k else inflow[0]
        assert sums[k] == pytest.approx(last, rel=1e-12)


@given(seeds, st.booleans())
def test_ranks_are_those_of_searchsorted(seed, equal):
    rng = np.random.default_rng(seed)
    ends, values = np.unique(rng.integers(0, 9, 6)).astype(float), rng.integers(-1, 10, 20) * 1.0
    side = "right" if equal else "left"
    assert_array_equal(ranks(ends, values, equal=equal), np.searchsorted(ends, values, side))


@pytest.mark.parametrize("dense", [1, 300])
@given(seed=seeds)
def test_the_bounded_maximum_is_that_of_a_general_solver(dense, seed):
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 9))
    runs = some_runs(rng, m, 3 * m)
    single = Runs(np.append(runs.first, range(m)), np.append(runs.stop, range(1, m + 1)), m)
    weight = rng.random(4 * m) + 0.1
    matrix, gradient = RunMatrix(single, weight), rng.normal(size=m)
    at = np.where(rng.random(m) < 0.3, 0.0, rng.random(m))
    A = as_matrix(single) * np.sqrt(weight)[:, None]
    # max g'd - d'A'Ad/2 over d >= -at is least squares of A d = (A')^+ g.
    target = np.linalg.lstsq(A.T, gradient, rcond=None)[0]
    bounds = (-at - 1e-12, np.full(m, np.inf))
    wanted = lsq_linear(A, target, bounds, tol=1e-14, method="bvls").x
    before, run_systems.DENSE = run_systems.DENSE, dense
    try:
        found = bounded_maximum(matrix, gradient, at, 1e-12)
    finally:
        run_systems.DENSE = before
    assert_allclose(found, wanted, atol=1e-7)
    assert (at + found >= 0.0).all()


def test_what_no_run_tells_apart_does_not_stop_a_solution():
    """Two cells that are always covered together, which make the matrix singular."""
    runs = Runs(np.array([0, 0]), np.array([2, 3]), 3)
    matrix = RunMatrix(runs, np.ones(2))
    solution = matrix.solve(matrix.times(np.array([1.0, 2.0, 3.0])))
    assert_allclose(runs.totals(solution), [3.0, 6.0], rtol=1e-6)
