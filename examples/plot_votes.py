"""
Latent classes of votes
=======================

The members of a parliament, by how they voted: with categories alone, `EMImputer` is latent class
analysis. Votes that were not cast stay missing; they need not be filled in, nor made a third kind.
"""

import numpy as np
from sklearn.model_selection import GridSearchCV

from emkit import EMImputer
from emkit.datasets import load_votes
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# 16 votes of 435 members of the House of Representatives in 1984; 392 of the cells are missing. How
# many classes? As many as tell most of the votes of members left out: ``score`` is the mean
# log-likelihood of what was observed of a row.

votes, party = load_votes(return_X_y=True, as_frame=True)
classes = {"n_components": range(1, 7)}
search = GridSearchCV(EMImputer(n_init=5, random_state=0), classes, cv=5).fit(votes)
for k, score in zip(classes["n_components"], search.cv_results_["mean_test_score"], strict=True):
    print(f"{k} classes: {score:.2f} nats a member")

# %%
# ``tables_`` has the probabilities of n and y in each class, by vote, and ``weights_`` how large
# the classes are. Bayes' rule makes of them the class of a member, from the votes that were cast.


def most_probable(imputer):
    """The class of each member."""
    log_joint = np.tile(np.log(imputer.weights_), (len(votes), 1))
    for name, levels in zip(votes, imputer.categories_, strict=True):
        for level, probability in zip(levels, imputer.tables_[name].T, strict=True):
            log_joint[votes[name] == level] += np.log(probability)
    return log_joint.argmax(axis=1)


pair = most_probable(EMImputer(2, n_init=5, random_state=0).fit(votes))
democrat = (party == "democrat").to_numpy()
same = (pair == democrat).mean()
print(f"\nTwo classes are the parties for {max(same, 1.0 - same):.0%} of the members.")

# %%
# Each party falls into classes: the one that votes with it throughout, and those that cross over on
# some of the votes; the picture shows on which.

best = search.best_estimator_
members = most_probable(best)
share = np.array([democrat[members == k].mean() for k in range(best.n_components)])
order = np.argsort(share)
for k in order:
    print(f"class of {np.sum(members == k):3} members, {share[k]:4.0%} of them democrats")

# %%
# How would those have voted who did not? As the others of their class, if that they did not has
# nothing to do with what they thought. So many are told with a probability of at least nine in ten.

missing = votes.isna().to_numpy()
largest = np.stack([p.max(axis=1) for p in best.impute_proba(votes).values()], axis=1)
print(f"\n{np.mean(largest[missing] >= 0.9):.0%} of the {missing.sum()} missing votes are told")

if plt is not None:
    yea = np.stack([table[order, 1] for table in best.tables_.values()])
    fig, ax = plt.subplots(figsize=(6.5, 5), layout="constrained")
    mesh = ax.pcolormesh(yea, cmap="RdBu_r", vmin=0.0, vmax=1.0, edgecolors="white")
    ax.set_yticks(np.arange(len(yea)) + 0.5, [name.replace("_", " ") for name in votes])
    ax.set_xticks(np.arange(len(order)) + 0.5, [f"{share[k]:.0%}" for k in order])
    ax.invert_yaxis()
    ax.set(xlabel="latent classes, by their share of democrats", frame_on=False)
    fig.colorbar(mesh, label="probability of a yea")
    show(__file__)
