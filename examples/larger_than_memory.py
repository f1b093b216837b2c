"""
Larger than memory: a folder of files, block by block
=====================================================

Whatever gives blocks of rows, again at every pass, can be fitted: statistics add, so that a block
is forgotten as soon as its own are in the sum. The answer is that of the table in one piece.
"""

import tempfile
from pathlib import Path

import numpy as np

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer

# %%
# Here are six files of a table in which a tenth of the cells is missing. `Files` reads them one by
# one whenever it is iterated; a memory map, a data set in an HDF5 file or anything else that has a
# shape, a dtype and slices of rows would be given as it is.


class Files:
    def __init__(self, *paths):
        self.paths = paths

    def __iter__(self):
        return map(np.load, self.paths)


rng = np.random.default_rng(0)
centres = 3.0 * rng.normal(size=(3, 5))
folder = tempfile.TemporaryDirectory()
paths = []
for number in range(6):
    X = rng.normal(size=(20_000, 5)) + centres[rng.integers(3, size=20_000)]
    X[rng.random(X.shape) < 0.1] = np.nan
    paths.append(Path(folder.name, f"{number}.npy"))
    np.save(paths[-1], X)
table = Files(*paths)
whole = np.concatenate(list(table))

# %%
# The mixture takes missing cells as they are. Its fit is that of the whole table.

mixture = EMGaussianMixture(3, random_state=0).fit(table)
again = EMGaussianMixture(3, random_state=0).fit(whole)
apart = np.abs(mixture.means_ - again.means_).max()
print(f"{mixture.n_samples_seen_:,.0f} rows; means apart from those of one piece by {apart:.0e}")

# %%
# What `transform` gives of such a table is computed when it is read, as often as that is: another
# estimator takes it as data, and no completed table is ever held.

completed = EMImputer(3, random_state=0).fit(table).transform(table)
for block in completed:
    print(f"{len(block):,} completed rows, {np.isnan(block).sum()} holes in them")
    break
after = EMGaussianMixture(3, random_state=0).fit(completed)
print("Weights of a mixture of completed rows:", after.weights_.round(3))

# %%
# Responses and weights come in blocks of their own. Here they are seen up to a limit only.


class Responses:
    def __iter__(self):
        noise = np.random.default_rng(1)  # the same at every pass
        for block in completed:
            yield np.minimum(block.sum(axis=1) + noise.normal(size=len(block)), 4.0)


regressor = EMCensoredRegressor(right=4.0).fit(completed, Responses())
print("Slopes of a sum, from responses that are cut at 4:", regressor.coef_.round(2))

# %%
# A stream that cannot be read twice is for `partial_fit`, which sees every block once. It is also
# a cheap start: a few passes over all rows then finish what one pass began.

stream = EMGaussianMixture(3, random_state=0)
for block in table:
    stream.partial_fit(block)
once, often = stream.score(table), mixture.score(table)
folder.cleanup()
print(f"One pass of online EM: {once:.4f} nats a row; passes to convergence: {often:.4f}")
