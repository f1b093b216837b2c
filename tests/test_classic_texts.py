"""The classic examples on texts, against scikit-learn: topics, and naive Bayes with few labels."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import cut_short
from scipy import special
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.naive_bayes import MultinomialNB
from test_classic import FEW, SEEDS, example, path

from emkit.engine import fit_em

MODELS = [("plsa", "PLSA"), ("lda", "LDA")]


def corpus(seed, n=30, n_words=12):
    """Counts of texts of four topics, some words in none of them."""
    rng = np.random.default_rng(seed)
    topics = rng.dirichlet(np.full(n_words, 0.3), size=4)
    shares = rng.dirichlet(np.full(4, 0.5), size=n)
    return rng.poisson(rng.integers(20, 80, n)[:, None] * (shares @ topics)).astype(float)


# Topics.


@pytest.mark.parametrize("name, model", MODELS)
@given(seed=SEEDS)
@FEW
def test_words_are_shared_out_in_proportion(name, model, seed):
    """Each token by itself: of probability in pLSA, of geometric means in LDA."""
    counts, g = corpus(seed, n=4, n_words=5), example(name)
    params = g[model]().initialize(counts, np.random.default_rng(seed))
    if name == "lda":
        means = [np.exp(special.digamma(t) - special.digamma(t.sum(1))[:, None]) for t in params]
    else:
        means = params
    shares, words, total = np.zeros((4, 4)), np.zeros((4, 5)), 0.0
    for i, j in itertools.product(range(4), range(5)):
        joint = means[0][i] * means[1][:, j]
        shares[i] += counts[i, j] * joint / joint.sum()
        words[:, j] += counts[i, j] * joint / joint.sum()
        total += counts[i, j] * np.log(joint.sum())
    stats, value = g[model]().e_step(counts, params)
    np.testing.assert_allclose(stats.shares, shares, rtol=1e-10)
    np.testing.assert_allclose(stats.words, words, rtol=1e-10)
    assert value == pytest.approx(total, rel=1e-12)


@cut_short
@pytest.mark.parametrize("name, model", MODELS)
@pytest.mark.parametrize("acceleration", [None, "anderson"])
@given(seed=SEEDS)
@FEW
def test_likelihood_and_bound_never_fall(name, model, acceleration, seed):
    fit = fit_em(
        example(name)[model](),
        corpus(seed),
        random_state=seed,
        acceleration=acceleration,
        max_iter=40,
    )
    assert np.all(np.diff(fit.history) >= -1e-13 * np.abs(fit.history[:-1]))


@pytest.mark.parametrize("seed", range(3))
def test_plsa_ends_where_nmf_stands_still(seed):
    """NMF's divergence is minus the log-likelihood and what only the counts decide."""
    g, counts = example("plsa"), corpus(seed)
    lengths = counts.sum(axis=1, keepdims=True)
    fit = fit_em(g["PLSA"](), counts, random_state=seed, tol=1e-9, max_iter=20000)
    start = {"W": fit.params.shares * lengths, "H": fit.params.words.copy()}
    nmf = NMF(4, init="custom", solver="mu", beta_loss="kullback-leibler", tol=0, max_iter=20)
    again = g["Tables"](nmf.fit_transform(counts, **start) / lengths, nmf.components_)
    assert g["PLSA"]().e_step(counts, again)[1] == pytest.approx(fit.log_likelihood, abs=1e-5)
    np.testing.assert_allclose(again.shares @ again.words, np.matmul(*fit.params), atol=1e-4)


def allocation(**options):
    return LatentDirichletAllocation(4, learning_method="batch", random_state=0, **options)


def tables_of(oracle, counts):
    """Its Dirichlet parameters; those of a text, which it scales, sum to the prior's and tokens."""
    sums = 1.0 + counts.sum(axis=1, keepdims=True)
    return example("lda")["Tables"](oracle.transform(counts) * sums, oracle.components_)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_passes", [1, 5])
def test_the_bound_is_that_of_scikit_learn(seed, n_passes):
    counts, model = corpus(seed), example("lda")["LDA"]()
    oracle = allocation(max_iter=n_passes).fit(counts)
    tables = tables_of(oracle, counts)
    bound = model.e_step(counts, tables)[1] + model.log_prior(tables)
    assert bound == pytest.approx(oracle.score(counts), rel=1e-9)  # it counts in its own digamma


@pytest.mark.parametrize("seed", [0, 2])
def test_topics_are_those_of_scikit_learn(seed):
    counts, model = corpus(seed, n=20, n_words=8), example("lda")["LDA"]()
    oracle = allocation(max_iter=200, mean_change_tol=1e-6, max_doc_update_iter=500).fit(counts)
    beside = np.random.default_rng(seed).uniform(0.95, 1.05, oracle.components_.shape)
    start = tables_of(oracle, counts)
    start = start._replace(words=start.words * beside)
    fit = fit_em(model, counts, start=start, tol=1e-10, max_iter=20000)
    assert fit.converged and fit.history[0] < fit.objective - 0.1
    assert fit.objective == pytest.approx(oracle.score(counts), abs=1e-6)
    np.testing.assert_allclose(fit.params.words, oracle.components_, atol=1e-3)


def test_of_its_own_documentation_em_goes_on_where_scikit_learn_stops():
    g = example("lda")
    score = g["oracle"].score(g["counts"])
    assert g["on"].history[0] == pytest.approx(score, rel=1e-10)
    assert g["on"].objective > score + 100
    assert g["on"].converged and g["fit"].converged


def test_topics_are_modules_of_scikit_learn():
    g = example("plsa")
    modules = np.repeat(range(4), [len(module.__all__) for module in g["modules"]])
    table = np.zeros((4, 4))
    np.add.at(table, (modules, g["fit"].params.shares.argmax(axis=1)), 1)
    assert sorted(table.argmax(axis=1)) == [0, 1, 2, 3]
    assert table.max(axis=1).sum() > 0.7 * table.sum()
    assert 0 <= g["went_on"] - g["fit"].log_likelihood < 1.0


# Naive Bayes.


def labelled(seed, share):
    """Counts of words, classes of which a share is told, and all classes."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(range(4), 10))
    counts = rng.poisson(20 * rng.dirichlet(np.full(12, 0.5), size=4)[truth]).astype(float)
    return counts, np.where(rng.random(40) < share, truth, -1), truth


@given(seed=SEEDS)
@FEW
def test_with_all_labels_it_is_naive_bayes(seed):
    counts, _, truth = labelled(seed, 1.0)
    params = fit_em(
        example("naive_bayes")["NaiveBayes"](), (counts, truth), random_state=seed
    ).params
    oracle = MultinomialNB(alpha=1.0).fit(counts, truth)
    np.testing.assert_allclose(params.classes, (10 + 1) / 44, rtol=1e-12)
    np.testing.assert_allclose(params.words, np.exp(oracle.feature_log_prob_), rtol=1e-10)


@cut_short
@given(seed=SEEDS, share=st.floats(0.0, 0.9))
@FEW
def test_a_step_is_naive_bayes_of_guessed_labels(seed, share):
    """Of every text four times, each class by its probability, which is 0 or 1 where it is told."""
    counts, labels, _ = labelled(seed, share)
    model = example("naive_bayes")["NaiveBayes"]()
    start = model.initialize((counts, labels), np.random.default_rng(seed))
    image = path(model, (counts, labels), start, 1)[1]
    joint = np.log(start.classes) + counts @ np.log(start.words).T
    told = labels[:, None] == range(4)
    resp = np.where(labels[:, None] < 0, special.softmax(joint, axis=1), told)
    oracle = MultinomialNB(alpha=1.0, class_prior=np.full(4, 0.25))
    oracle.fit(np.tile(counts, (4, 1)), np.repeat(range(4), 40), sample_weight=resp.T.ravel())
    np.testing.assert_allclose(image.words, np.exp(oracle.feature_log_prob_), rtol=1e-9)
    np.testing.assert_allclose(image.classes, (1 + resp.sum(axis=0)) / 44, rtol=1e-12)


def test_texts_without_a_label_help_where_labels_are_few():
    lines = example("naive_bayes")["printed"].splitlines()[1:]
    few, all_ = np.array([line.split()[-2:] for line in lines], float).T
    assert all_[0] > few[0] + 0.03 and all_[1] > few[1] + 0.02
    assert abs(all_[-1] - few[-1]) < 0.03
    assert np.all(np.diff(few) > 0)
