"""
pLSA: which topic gave off this word
====================================

A document mixes topics, each a table of words; which topic gave off a word is missing (Hofmann
2001, doi:10.1023/A:1007617005950). The E-step shares the words out, the M-step takes proportions.
The likelihood is that of scikit-learn's NMF, which climbs it by other steps (Gaussier & Goutte
2005, doi:10.1145/1076034.1076148). Documents: what scikit-learn says of its functions.
"""

from typing import NamedTuple

import numpy as np
from sklearn import cluster, datasets, linear_model, metrics
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import CountVectorizer

from emkit.engine import EMModel, fit_em


class Tables(NamedTuple):  # parameters: probabilities in each row; statistics: expected counts
    shares: np.ndarray  # (documents, topics)
    words: np.ndarray  # (topics, words)


class PLSA(EMModel):
    def initialize(self, counts, rng):
        shapes = (len(counts), 4), (4, counts.shape[1])
        return Tables(*(rng.dirichlet(np.ones(d), size=n) for n, d in shapes))

    def e_step(self, counts, params):
        shares, words = params
        p = np.where(counts > 0, shares @ words, 1.0)  # of a word in its document
        odds = counts / p
        stats = Tables(shares * (odds @ words.T), words * (shares.T @ odds))
        return stats, np.sum(counts * np.log(p))

    def m_step(self, stats, params):
        return Tables(*(counts / counts.sum(axis=1, keepdims=True) for counts in stats))

    def is_feasible(self, params):
        return all(np.all(table >= 0) for table in params)


modules = [cluster, datasets, linear_model, metrics]
texts = [getattr(module, name).__doc__ for module in modules for name in module.__all__]
reader = CountVectorizer(stop_words="english", token_pattern="[a-z]{4,}", min_df=10, max_df=0.5)
counts = reader.fit_transform(texts).toarray().astype(float)
print("{} documents, {} words, {:.0f} tokens".format(*counts.shape, counts.sum()))
fit = fit_em(PLSA(), counts, n_init=2, random_state=0, tol=1e-2)
for topic in fit.params.words:
    print("   topic:", *reader.get_feature_names_out()[topic.argsort()[:-9:-1]])
nmf = NMF(4, init="custom", solver="mu", beta_loss="kullback-leibler", tol=1e-6)
lengths = counts.sum(axis=1, keepdims=True)
shares = nmf.fit_transform(counts, W=fit.params.shares * lengths, H=fit.params.words)
went_on = PLSA().e_step(counts, Tables(shares / lengths, nmf.components_))[1]
print(f"log-likelihood {fit.log_likelihood:.2f}, and {went_on:.2f} when NMF goes on from there")
