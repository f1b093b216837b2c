"""
Latent assignment: who is with whom, which word means which
===========================================================

A went out with x or y, B with x or z and then with z or y, C with y: who is with whom? With the
words of a translation for x, y and z it is IBM model 1 (Brown et al. 1993, Comput. Linguist. 19).
"""

import warnings
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from emkit.engine import EMModel, fit_em, standard_errors


class Table(NamedTuple):
    pairs: np.ndarray  # parameters: probabilities in each row; statistics: expected counts


class OneOfThese(EMModel):
    def initialize(self, data, rng):
        return Table(rng.dirichlet(np.ones(data.shape[2]), size=data.shape[1]))

    def e_step(self, data, params):  # data (n, rows, columns): True at the pairs that may be
        joint = data * params.pairs
        total = joint.sum(axis=(1, 2), keepdims=True)
        return Table(np.sum(joint / total, axis=0)), np.log(total).sum()

    def m_step(self, stats, params):
        return Table(stats.pairs / stats.pairs.sum(axis=1, keepdims=True))

    def is_feasible(self, params):
        return np.all(params.pairs >= 0)


def among(choices):
    rows, columns = (sorted(set().union(*side)) for side in zip(*choices, strict=True))
    return np.array([np.outer(np.isin(rows, [*r]), np.isin(columns, [*c])) for r, c in choices])


outings = among([("A", "xy"), ("B", "xz"), ("B", "zy"), ("C", "y")])
for of_a in ([1 / 3, 1 / 3, 1 / 3], [0.2, 0.6, 0.2]):
    states, start = [], Table(np.array([of_a, [1 / 3] * 3, [1 / 3] * 3]))
    fit = fit_em(OneOfThese(), outings, start=start, acceleration=None, callback=states.append)
    print("p(z|B)", *(Fraction(s.params.pairs[1, 2]).limit_denominator(99) for s in states[:6]))
    print(f"  likelihood {np.exp(fit.log_likelihood):.6f}, p(.|A)", fit.params.pairs[0])

# %%
# B's partner is z. A's is open: the likelihood is 1 all along a ridge, and the start decides.

with warnings.catch_warnings(record=True, action="always") as told:
    print("standard errors of A's", standard_errors(OneOfThese(), outings, fit).pairs[0])
print(str(told[0].message).split(".")[0])
corpus = [("das Haus", "the house"), ("das Buch", "the book"), ("ein Buch", "a book")]
words = among([(german.split(), [word]) for german, english in corpus for word in english.split()])
fit = fit_em(OneOfThese(), words, start=Table(np.full((4, 4), 1 / 4)))
for word, p in zip(["Buch", "Haus", "das", "ein"], fit.params.pairs, strict=True):
    print(word, "->", ["a", "book", "house", "the"][p.argmax()], f"{p.max():.4f}")
