"""
A Bayesian network: nodes that nobody saw
=========================================

3398 schoolboys were asked twice whether they belong to the leading crowd and whether they approve
of it (Coleman 1964). Behind the answers Goodman (1974, American Journal of Sociology 79, 1179-1259)
puts belonging and approval themselves. The E-step adds up all states of the network (Lauritzen
1995, doi:10.1016/0167-9473(93)E0056-A); the M-step takes the proportions in each family.
"""

from collections import namedtuple
from functools import reduce

import numpy as np

from emkit.engine import EMModel, fit_em

Stats = namedtuple("Stats", "counts")  # expected, an axis of two states for each node


class Network(EMModel):
    def __init__(self, families):  # a letter for each node, with its parents: "A B|A C|AB"
        nodes = [family[0] for family in families.split()]
        self.shapes = [[1 + (node in family) for node in nodes] for family in families.split()]
        self.beside = [tuple(np.flatnonzero(np.equal(shape, 1))) for shape in self.shapes]
        self.tables = namedtuple("Params", nodes)  # of each family, axes as in the counts

    def initialize(self, counts, rng):
        return self.shares(rng.random(shape) for shape in self.shapes)

    def shares(self, tables):  # of the states of a node, given its parents
        return self.tables(*(n / n.sum(axis=i, keepdims=True) for i, n in enumerate(tables)))

    def e_step(self, counts, params):  # the axis of a node that nobody saw has length 1
        joint = reduce(np.multiply, params)
        seen = joint.sum(axis=tuple(np.flatnonzero(np.equal(counts.shape, 1))), keepdims=True)
        return Stats(counts * joint / seen), np.sum(counts * np.log(seen))

    def m_step(self, stats, params):
        return self.shares(stats.counts.sum(axis=axes, keepdims=True) for axes in self.beside)

    def is_feasible(self, params):
        return all(np.all(table > 0) for table in params)


# a and c: does he belong, b and d: does he approve, yes before no, first and second interview.
boys = [458, 140, 110, 49, 171, 182, 56, 87, 184, 75, 531, 281, 85, 97, 338, 554]
best = boys @ np.log(np.divide(boys, 3398))
for families in ("X a|X b|X c|X d|X", "M L|M a|M b|L c|M d|L"):
    model = Network(families)
    counts = np.reshape(boys, [1] * (len(model.shapes) - 4) + [2] * 4)
    fit = fit_em(model, counts, n_init=5, random_state=0)
    df = 15 - sum(np.prod(shape) // 2 for shape in model.shapes)
    print(f"{families}: chi-squared {2 * (best - fit.log_likelihood):.2f}, df {df}")
belong, approve = fit.params.a.squeeze(), fit.params.L.squeeze() @ fit.params.b.squeeze()
for member in belong[:, 0].argsort()[::-1]:
    print(f"says he belongs {belong[member, 0]:.2f}, approves {approve[member, 0]:.2f}")
