"""Model-based agglomeration: mclust's trees, and the laws that any tree keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from emkit import EMGaussianMixture
from emkit.models.agglomeration import agglomerate, half_sphered

TABLES = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "cancer": lambda: load_breast_cancer().data[:, :10],
}


@pytest.mark.parametrize("name", TABLES)
def test_labels_are_those_of_mclust(name, golden):
    case = golden("agglomeration.json")[name]
    tree = agglomerate(half_sphered(TABLES[name]()))
    for k, labels in case["labels"].items():
        assert "".join(map(str, tree.labels(int(k)))) == labels
    # mclust counts the rows that are equal where it asks whether a cluster has a volume.
    rtol = 1e-3 if name == "iris" else 1e-9
    assert_allclose(tree.rises[-20:], case["rises"], rtol)


def criterion(x, weights, labels):
    """The sum that agglomeration keeps low, from the formula."""
    d, n = x.shape[1], weights / np.median(weights)
    centred = x - n @ x / n.sum()
    alpha = (n @ centred**2).sum() / (n.sum() * d)
    total = 0.0
    for k in np.unique(labels):
        rows, own = x[labels == k], n[labels == k]
        apart = rows - own @ rows / own.sum()
        scatter = apart.T @ (own[:, None] * apart)
        volume = np.linalg.det(scatter / own.sum()) if len(rows) > d else 0.0
        total += own.sum() * np.log(volume + (np.trace(scatter) + alpha) / own.sum())
    return total


@st.composite
def tables(draw):
    n, d = draw(st.integers(2, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(n, d)) + 4.0 * rng.integers(0, 2, (n, 1))
    return x, rng.integers(1, 4, n).astype(float)


@settings(max_examples=30, deadline=None)
@given(tables())
def test_every_merge_is_the_cheapest(table):
    x, weights = table
    tree = agglomerate(x, weights)
    labels = np.arange(len(x))
    for (first, second), rise in zip(tree.pairs, tree.rises, strict=True):
        here, names = criterion(x, weights, labels), np.unique(labels)
        there = {
            (a, b): criterion(x, weights, np.where(labels == b, a, labels))
            for a in names
            for b in names
            if a < b
        }
        scale = np.abs(list(there.values())).max() + 1.0
        assert abs(there[first, second] - here - rise) < 1e-8 * scale
        assert there[first, second] <= min(there.values()) + 1e-8 * scale
        labels = np.where(labels == second, first, labels)


def same_partitions(tree, other, order=None):
    assert len(tree.pairs) == len(other.pairs)
    for k in range(1, min(8, len(tree.pairs) + 1)):
        ours, theirs = tree.labels(k), other.labels(k)
        ours = ours if order is None else ours[order]
        assert len(set(zip(ours, theirs, strict=True))) == k


@settings(max_examples=40, deadline=None)
@given(tables(), st.integers(0, 1000))
def test_order_units_and_repetition_of_rows_do_not_matter(table, seed):
    x, weights = table
    tree = agglomerate(half_sphered(x, weights), weights)
    order = np.random.default_rng(seed).permutation(len(x))
    same_partitions(
        tree, agglomerate(half_sphered(x[order], weights[order]), weights[order]), order
    )
    scale = 2.0 ** np.random.default_rng(seed).integers(-40, 40, x.shape[1])
    same_partitions(tree, agglomerate(half_sphered(scale * x, weights), weights))
    same_partitions(tree, agglomerate(half_sphered(x, 8.0 * weights), 8.0 * weights))
    rows = np.repeat(np.arange(len(x)), weights.astype(int))
    repeated, weighted = agglomerate(x[rows]), agglomerate(x, weights)
    assert_array_equal(repeated.leaves, weighted.leaves[rows])
    same_partitions(weighted, repeated, rows)


def test_rows_without_spread():
    assert_array_equal(agglomerate(half_sphered(np.full((5, 3), 1e9))).labels(3), np.zeros(5))
    constant = np.column_stack([np.full(6, 7.0), [0.0, 0.1, 0.2, 5.0, 5.1, 5.2]])
    assert_array_equal(agglomerate(half_sphered(constant)).labels(2), [0, 0, 0, 1, 1, 1])
    copy = constant[:, [1, 1, 1]] * [1.0, 2.0, -3.0]
    assert half_sphered(copy).shape == (6, 1)
    assert_array_equal(agglomerate(half_sphered(copy)).labels(2), [0, 0, 0, 1, 1, 1])


def test_a_tree_gives_no_more_clusters_than_there_are_rows():
    tree = agglomerate(np.array([[0.0], [1.0], [1.0]]))
    assert_array_equal(tree.labels(3), [0, 1, 1])
    assert_array_equal(tree.labels(1), [0, 0, 0])


def oblique(seed, turn=0.6, ratio=10):
    """Turned clusters 5 sd apart on their short axis and 10 times as long."""
    rng, y = np.random.default_rng(seed), np.repeat([0, 1], 200)
    x = np.c_[rng.normal(0, ratio, 400), 5 * y + rng.normal(0, 1, 400)]
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return x @ turned.T, y


@pytest.mark.parametrize("seed", range(4))
def test_sphered_start_finds_oblique_clusters(seed):
    x, y = oblique(seed)
    found = EMGaussianMixture(2, init_params="sphered_kmeans", random_state=0).fit(x)
    right = EMGaussianMixture(2, resp_init=y).fit(x)
    assert found.lower_bound_ > right.lower_bound_ - 1e-3


def test_missing_cells_and_many_rows():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 6000)
    x = rng.normal(size=(6000, 2)) + 10.0 * np.c_[labels, labels == 1]
    x[rng.random(x.shape) < 0.1] = np.nan
    x = x[~np.isnan(x).all(axis=1)]
    mixture = EMGaussianMixture(3, init_params="hierarchical", random_state=0).fit(x)
    assert_allclose(np.sort(mixture.weights_), 1 / 3, atol=0.03)
