"""Sums over blocks are sums over rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from places import responses

from emkit.data.dask_blocks import Chunks, DaskRows
from emkit.engine import Blocks
from emkit.models.censored.data import Responses, thinned
from emkit.models.censored.first_line import prepare, prepare_blocks
from emkit.models.rows import Rows, Summary, measure_scaling


@settings(max_examples=50, deadline=None)
@given(
    X=arrays(float, (12, 2), elements=st.floats(-1e3, 1e3) | st.just(np.nan)),
    weights=arrays(float, 12, elements=st.integers(1, 3)),
    cut=st.integers(0, 12),
    far=st.sampled_from([0.0, 1e8, 1e200]),
)
def test_spread_of_the_chunks_is_that_of_the_rows(X, weights, cut, far):
    X = np.column_stack([X + far, np.full(12, 0.1)])  # the last column is constant
    X[5] = 1.0 + far, far, 0.1
    expected = measure_scaling(Rows.of(X, weights))
    parts = [Summary.of(Rows.of(X[s], weights[s])) for s in (slice(cut), slice(cut, 12))]
    chunks = Chunks(None, [None] * 2, X.dtype, weighted=True)
    found = DaskRows(chunks, parts, size=1, random_state=0).scaling()
    size = np.nanmax(np.abs(X - expected.shift), axis=0)
    # Numbers below `tiny` have fewer digits.
    near = 1e-14 * (size + np.abs(expected.shift)) + np.finfo(float).tiny
    assert (np.abs(found.shift - expected.shift) <= near).all()
    assert (np.abs(found.scale - expected.scale) <= 1e-8 * size + 1e-15 * far).all()
    assert found.scale[2] == 0.0


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 60))
@settings(derandomize=True, deadline=None, max_examples=25)
def test_a_partition_into_blocks_changes_nothing(sizes, every):
    """Sums over blocks are those of all rows, and one row in so many is too."""
    n = sum(sizes) + 5
    X, y = (part[8:] for part in responses(n=n + 8, seed=n))
    weights = np.random.default_rng(n).integers(1, 4, size=n).astype(float)
    ends = np.cumsum([0, *sizes, 5])
    blocks = [
        Responses(X[a:b], *y[a:b].T, weights[a:b]) for a, b in zip(ends, ends[1:], strict=False)
    ]
    blocks = [block for block in blocks if len(block.X)]
    one, units, gram = prepare(X, *y.T, weights, True)
    prepared = prepare_blocks(Blocks(blocks), True)
    assert_allclose(prepared.gram, gram, atol=1e-12 * weights.sum())
    if np.linalg.cond(gram) < 1e6:
        assert_allclose(prepared.units.line, units.line, atol=1e-8 * np.abs(units.line).max())
    parts = [prepared.residuals(block, i == 0) for i, block in enumerate(blocks)]
    assert sum(part.exact.weight for part in parts) == pytest.approx(one.exact.weight)
    counts = tuple(len(part.design) for part in parts)
    assert counts == prepared.counts and sum(counts) == len(one.design)
    some = thinned(Blocks(parts), counts, every)
    rows = np.concatenate([part.point for part in parts])[every // 2 :: every]
    assert_array_equal(np.sort(some.point), np.sort(rows))
    assert (np.diff(some.group) >= 0).all()
    assert some.exact.weight == pytest.approx(one.exact.weight / every)
