"""
LDA: topics by a bound that never falls
=======================================

pLSA with Dirichlet laws for tables (Blei, Ng & Jordan 2003, JMLR 3, 993-1022). Taking these laws as
independent of the words' topics leaves a bound: EM climbs it by pLSA's steps, of geometric means.
"""

from collections import namedtuple

import numpy as np
from scipy.special import digamma, gammaln
from sklearn import cluster, datasets, linear_model, metrics
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer

from emkit.engine import EMModel, fit_em

Tables = namedtuple("Tables", "shares words")  # Dirichlet's, a law in each row; expected counts


def log_mean(table):
    return digamma(table) - digamma(table.sum(axis=1, keepdims=True))


def gap(table):  # the divergence of these laws from their priors, 0.25 throughout
    beta, prior = (gammaln(t).sum(1) - gammaln(t.sum(1)) for t in (table, 0.25 + 0 * table))
    return np.sum(prior - beta + np.sum((table - 0.25) * log_mean(table), axis=1))


class LDA(EMModel):
    def initialize(self, counts, rng):
        return Tables(rng.gamma(9, size=(len(counts), 4)), rng.gamma(9, size=(4, counts.shape[1])))

    def e_step(self, counts, params):
        shares, words = (np.exp(log_mean(table)) for table in params)
        odds = counts / (shares @ words)
        stats = Tables(shares * (odds @ words.T), words * (shares.T @ odds))
        return stats, np.sum(counts * np.log(shares @ words))

    def m_step(self, stats, params):
        return Tables(*(0.25 + counts for counts in stats))

    def log_prior(self, params):
        return -sum(map(gap, params))

    def is_feasible(self, params):
        return all(np.all(table > 0) for table in params)


modules = [cluster, datasets, linear_model, metrics]
texts = [getattr(module, name).__doc__ for module in modules for name in module.__all__]
reader = CountVectorizer(stop_words="english", token_pattern="[a-z]{4,}", min_df=10, max_df=0.5)
counts = reader.fit_transform(texts).toarray().astype(float)
oracle = LatentDirichletAllocation(4, learning_method="batch", random_state=0).fit(counts)
shares = oracle.transform(counts) * (1 + counts.sum(axis=1, keepdims=True))  # 4 * 0.25, tokens
on = fit_em(LDA(), counts, start=Tables(shares, oracle.components_), tol=1e-2)
fit = fit_em(LDA(), counts, n_init=2, random_state=0, tol=1e-2)
print(f"bound of scikit-learn after ten passes {oracle.score(counts):.4f}")
print(f"here {on.history[0]:.4f}, EM from there {on.objective:.1f}, two starts {fit.objective:.1f}")
