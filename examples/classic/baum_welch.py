"""
Baum-Welch: vowels and consonants, by no rule of spelling
=========================================================

A word is a chain of letters, each given off by one of two hidden states. Told nothing of sounds,
EM sorts the alphabet, as Cave & Neuwirth found in 1980. (The text is scikit-learn's account of the
iris data.) The E-step of one word is forward-backward; the statistics of words add up.
"""

import re
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_iris

from emkit.engine import Blocks, EMModel, fit_em


class Chain(NamedTuple):  # parameters: probabilities; statistics: expected counts
    first: np.ndarray  # (states,)
    move: np.ndarray  # (states, states)
    emit: np.ndarray  # (states, letters)


class HiddenMarkov(EMModel):
    def initialize(self, word, rng):
        shapes = (2,), (2, 2), (2, 26)
        return Chain(*(rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]) for shape in shapes))

    def e_step(self, word, params):
        p, ahead = params.emit.T[word], params.first  # p (length, states); ahead: state to come
        forward, backward, scale = np.empty_like(p), np.ones_like(p), np.empty(len(p))
        for t in range(len(p)):
            scale[t] = ahead @ p[t]  # probability of a letter, given those before it
            p[t] /= scale[t]
            forward[t] = ahead * p[t]
            ahead = forward[t] @ params.move
        for t in range(len(p) - 1, 0, -1):
            backward[t - 1] = params.move @ (p[t] * backward[t])
        state = forward * backward  # given the whole word
        moves = params.move * (forward[:-1].T @ (p * backward)[1:])
        emitted = state.T @ np.eye(params.emit.shape[1])[word]
        return Chain(state[0], moves, emitted), np.log(scale).sum()

    def m_step(self, stats, params):
        return Chain(*(counts / counts.sum(axis=-1, keepdims=True) for counts in stats))

    def is_feasible(self, params):
        return all(np.all(p >= 0) for p in params)


text = re.findall("[a-z]+", load_iris().DESCR.lower())
words = Blocks([np.array([ord(letter) - ord("a") for letter in word]) for word in text])
fit = fit_em(HiddenMarkov(), words, random_state=0, tol=1e-4)
emit = fit.params.emit
for k in (0, 1):
    letters = [chr(ord("a") + i) for i in range(26) if emit[k, i] > emit[1 - k, i]]
    print(f"state {k}, then the other with {fit.params.move[k, 1 - k]:.0%}:", *letters)
print(f"log-likelihood {fit.log_likelihood:.2f} after {fit.n_evaluations} E-steps")
