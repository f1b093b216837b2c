"""
Detection limits: what is below is neither missing nor half the limit
=====================================================================

A laboratory writes "<0.02" where an element is below what it can detect. Such a cell is known to an
interval: `EMImputer` and `EMGaussianMixture` take it as that. Common practice puts half the limit,
or leaves the cell out.
"""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score

from emkit import EMGaussianMixture, EMImputer
from emkit.datasets import load_kola
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figures works without it
    plt = None

# %%
# Ten elements in 606 soils of the Kola Peninsula, as they came: numbers, and text in which a limit
# stands. Concentrations are closer to normal as logarithms, which ``log`` says.

kola = load_kola()
names, row = kola.feature_names, kola.data[5]
filled = EMImputer(log=True).fit_transform(kola.data)[5]
print("A soil as it came:", dict(zip(names, row.tolist(), strict=True)))
print("and filled:", dict(zip(names, filled.round(4).tolist(), strict=True)))

# %%
# Which method is right can be told where all is known: in soils where arsenic, lead and zinc were
# found, a coarser laboratory would not have detected 30, 50 or 70 % of each. What is then the slope
# of arsenic on lead, given zinc, copper and nickel?

table = kola.data[:, [names.index(name) for name in ("As", "Pb", "Zn", "Cu", "Ni")]]
found = ~np.array([[isinstance(cell, str) for cell in row] for row in table]).any(axis=1)
whole = table[found].astype(float)


def compared(compute, table, limited, shares):
    """What is computed where such shares of columns are below a limit, taken in three ways."""
    found = {"below": shares, "limits": [], "limit / 2": [], "as missing": []}
    for share in shares:
        limits = np.where(limited, np.quantile(table, share, axis=0), np.nan)
        below = table <= limits
        found["limits"].append(compute(np.where(below, limits, table), lower_limits=limits))
        found["limit / 2"].append(compute(np.where(below, limits / 2.0, table)))
        found["as missing"].append(compute(np.where(below, np.nan, table)))
    return found


def slope(table, **arguments):
    covariance = EMImputer(log=True, **arguments).fit(table).covariance_
    return np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])[0]


slopes = compared(slope, whole, np.arange(5) < 3, [0.3, 0.5, 0.7])

# %%
# Slopes are nearly kept. Means of what lies below the limits, which nobody sees, go by the normal
# law of the logarithms: arsenic does not quite follow it, and half the limit then does as well.
# Clusters are those of 178 wines of three cultivars: every other of 13 measurements has a limit.

wine = load_wine()


def agreement(table, **arguments):
    mixture = EMGaussianMixture(3, covariance_type="tied", n_init=5, random_state=0, **arguments)
    return adjusted_rand_score(wine.target, mixture.fit_predict(table))


clusters = compared(agreement, wine.data, np.arange(13) % 2 == 0, [0.3, 0.5])
of_slopes = f"Slope of arsenic on lead, {slope(whole):.2f} with all cells"
of_clusters = "Adjusted Rand index of the clusters with the cultivars"
for title, found in {of_slopes: slopes, of_clusters: clusters}.items():
    print(f"\n{title}")
    for name, values in found.items():
        print(f"{name:10}" + "".join(f"{value:7.2f}" for value in values))

if plt is not None:
    fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, mark in zip(("limits", "limit / 2", "as missing"), "osD", strict=True):
        ax.plot(slopes["below"], slopes[name], marker=mark, label=name)
    ax.axhline(slope(whole), color="0.5", linestyle=":", label="all cells")
    ax.set(xlabel="share below the limit", ylabel="slope of arsenic on lead", ylim=(0.0, None))
    ax.legend()
    show(__file__)
