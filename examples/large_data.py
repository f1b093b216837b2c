"""
Large data: time grows with the rows, memory does not
=====================================================

The E-step takes the rows in tiles that fit the cache and keeps their sums, so no array of all rows
by all components is ever made. Starts come from a sample of 50 000 rows, refined on it by EM.
"""

import time
import tracemalloc

import numpy as np

from emkit import EMGaussianMixture

# %%
# Eight clusters in four dimensions that overlap. Memory is what the fit takes beside the data, at
# its peak. It is watched in a fit of its own, which it slows down.

rng = np.random.default_rng(0)
centres = 2.0 * rng.normal(size=(8, 4))


def draw(n):
    X = rng.normal(size=(n, 4))
    X += centres[rng.integers(len(centres), size=n)]
    return X


mixture = EMGaussianMixture(8, tol=1e-4, random_state=0)
table = {}
for n in [10_000, 100_000, 1_000_000]:
    X = draw(n)
    began = time.perf_counter()
    mixture.fit(X)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    mixture.fit(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    table[n] = seconds, peak
    print(f"{n:9,} rows {X.nbytes / 2**20:6.1f} MiB: {mixture.n_iter_} EM steps in", end=" ")
    print(f"{seconds:5.2f} s, {peak / 2**20:4.1f} MiB more; responsibilities", end=" ")
    print(f"would be {8 * 8 * n / 2**20:.1f} MiB")

# %%
# ``n_jobs`` spreads the starts over processes and gives the same answer. Workers take a second or
# so to start and to import, and then share the cores: it pays where climbs take longer than here.

many = EMGaussianMixture(8, n_init=4, random_state=0)
for n_jobs in [1, 2]:
    began = time.perf_counter()
    many.set_params(n_jobs=n_jobs).fit(X)
    seconds = time.perf_counter() - began
    print(
        f"4 starts, n_jobs={n_jobs}: {seconds:.2f} s, log-likelihood a row {many.lower_bound_:.9f}"
    )

# %%
# A few rows fit in fewer tiles and a smaller sample; beyond that the memory stays where it is.

(_, less), (seconds, more) = table[100_000], table[1_000_000]
print(f"Ten times the rows: {more / less:.2f} times the memory; {seconds:.2f} s for a million")
