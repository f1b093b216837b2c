"""
Naive Bayes with few labels: texts without a label teach words
==============================================================

Which module of scikit-learn does a text of its documentation describe? The E-step guesses where it
is not told, the M-step counts words in all texts, one of each added (Nigam, McCallum, Thrun &
Mitchell 2000, doi:10.1023/A:1007692713085).
"""

from collections import namedtuple

import numpy as np
from sklearn import cluster, datasets, linear_model, metrics
from sklearn.feature_extraction.text import CountVectorizer

from emkit.engine import LatentClassModel, fit_em

# Parameters: probabilities, (classes,) and (classes, words); statistics: expected numbers.
Params, Stats = namedtuple("Params", "classes words"), namedtuple("Stats", "texts words")


class NaiveBayes(LatentClassModel):
    def initialize(self, data, rng):
        return Params(np.full(4, 0.25), rng.dirichlet(np.ones(data[0].shape[1]), size=4))

    def log_joint(self, data, params):
        counts, labels = data  # -1 where there is no label
        log_p = np.log(params.classes)[:, None] + np.log(params.words) @ counts.T
        return np.where((labels >= 0) & (labels != np.arange(4)[:, None]), -np.inf, log_p), None

    def statistics(self, data, resp, work, params):
        return Stats(resp.sum(axis=1), resp @ data[0])

    def m_step(self, stats, params):
        return Params(*((1 + n) / np.sum(1 + n, axis=-1, keepdims=True) for n in stats))

    def log_prior(self, params):
        return sum(np.log(p).sum() for p in params)

    def is_feasible(self, params):
        return all(np.all(p > 0) for p in params)


modules = [cluster, datasets, linear_model, metrics]
texts = [getattr(module, name).__doc__ for module in modules for name in module.__all__]
truth = np.repeat(range(4), [len(module.__all__) for module in modules])
reader = CountVectorizer(stop_words="english", token_pattern="[a-z]{4,}", min_df=2, max_df=0.5)
counts = reader.fit_transform(texts).toarray().astype(float)
print("right of the other texts: by those with a label alone, by all; means of ten draws")
for n in (1, 2, 4, 8):
    right = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(truth))
        told = np.concatenate([order[truth[order] == k][:n] for k in range(4)])
        labels = np.where(np.isin(range(len(truth)), told), truth, -1)
        few = fit_em(NaiveBayes(), (counts[told], truth[told]), random_state=0)
        fit = fit_em(NaiveBayes(), (counts, labels), start=few.params)
        joint = (NaiveBayes().log_joint((counts, labels), f.params)[0] for f in (few, fit))
        right.append([np.mean((p.argmax(axis=0) == truth)[labels < 0]) for p in joint])
    print(f"{n} labelled texts a module:", *(f"{share:.3f}" for share in np.mean(right, axis=0)))
