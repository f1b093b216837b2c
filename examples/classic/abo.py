"""
ABO blood groups: counting genes that nobody saw
================================================

A blood test shows the group, not the two genes: group A is AA or AO, group B is BB or BO. Given
allele frequencies the E-step counts the genes it expects; the M-step takes their shares. Groups
of 521 patients of Clarke et al. (1959), doi:10.1136/bmj.1.5122.603.
"""

from typing import NamedTuple

import numpy as np

from emkit.engine import EMModel, fit_em


class Params(NamedTuple):
    alleles: np.ndarray  # frequencies of A, B and O


class Stats(NamedTuple):
    genes: np.ndarray  # expected numbers of A, B and O, two genes a patient


GENOTYPES = ["AA", "AO", "BB", "BO", "AB", "OO"]
GENES = np.array([[pair.count(allele) for allele in "ABO"] for pair in GENOTYPES])
GROUP = np.array([0, 0, 1, 1, 2, 3])  # A, B, AB or O


class Alleles(EMModel):
    """Both genes of a patient are drawn alike: Hardy-Weinberg equilibrium."""

    def initialize(self, counts, rng):
        return Params(rng.dirichlet(np.ones(3)))

    def e_step(self, counts, params):
        pairs = (1 + (GENES == 1).any(axis=1)) * np.prod(params.alleles**GENES, axis=1)
        groups = np.bincount(GROUP, pairs)
        genotypes = counts[GROUP] * pairs / groups[GROUP]
        return Stats(genotypes @ GENES), counts @ np.log(groups)

    def m_step(self, stats, params):
        return Params(stats.genes / stats.genes.sum())

    def is_feasible(self, params):
        return np.all(params.alleles > 0)


counts = np.array([186, 38, 13, 284])  # groups A, B, AB and O
states, start = [], Params(np.array([0.3, 0.2, 0.5]))
fit = fit_em(Alleles(), counts, start=start, acceleration=None, callback=states.append)
for state in states[:6]:
    print(state.n_iter, "A {:.4f}  B {:.4f}  O {:.4f}".format(*state.params.alleles))

# %%
# Five steps settle four digits. The genes that the test hides are now known in number:

a, b, o = fit.params.alleles
print(f"of the patients of group A, {a / (a + 2 * o):.1%} are AA")
