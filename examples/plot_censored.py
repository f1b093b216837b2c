"""
Censored responses: motors that still run
=========================================

When a test ends, what has not failed by then is known to last longer. To leave it out or to call it
failed distorts the line; `EMCensoredRegressor` uses what is known.
"""

import numpy as np
from scipy.special import ndtr

from emkit import EMCensoredRegressor
from emkit.datasets import load_motorettes
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# Ten motor insulations at each of four temperatures (Schmee & Hahn 1979): 17 failed, 23 did not
# before the test ended, among them all ten at 150 C. Hours come as bounds, lower and upper; the
# model is a line in the inverse absolute temperature for their logarithm.

celsius, hours = load_motorettes(return_X_y=True)
X, y = 1000.0 / (celsius + 273.2), np.log10(hours)
x, low, running = X[:, 0], y[:, 0], np.isinf(y[:, 1])


def least_squares(x, y):
    slope, intercept = np.polyfit(x, y, 1)
    return intercept, slope, np.std(y - intercept - slope * x)


regressor = EMCensoredRegressor().fit(X, y)
lines = {
    "drop those that ran": least_squares(x[~running], low[~running]),
    "call them failed": least_squares(x, low),
    "EMCensoredRegressor": (regressor.intercept_, *regressor.coef_, regressor.scale_),
}
at_130, at_150 = 1000.0 / (130.0 + 273.2), X[0, 0]
print(f"{'log10 hours':22}intercept   slope     sigma   median at 130 C   all ten last at 150 C")
for name, (intercept, slope, sigma) in lines.items():
    median = 10 ** (intercept + slope * at_130)
    all_ten = ndtr((intercept + slope * at_150 - low[0]) / sigma) ** 10
    print(f"{name:22}{intercept:9.4f}{slope:8.4f}{sigma:10.6f}{median:12,.0f} h{all_ten:22.4f}")

# %%
# The naive lines are flatter and their scatter is smaller: the life at 130 C comes out at half or
# less. The last column is each line's probability of what was seen at 150 C, ten motors that all
# outlast the test: by the naive ones it hardly ever happens. Nothing was tested at 130 C, so all of
# it holds only if the line goes on; the interval for motors takes the line as known, the confidence
# limits are for that.

median = 10 ** regressor.predict_quantile([[at_130]], 0.5)[0]
shortest, longest = 10 ** regressor.predict_interval([[at_130]], 0.95)[0]
error = np.sqrt([1.0, at_130] @ regressor.cov_params_[:2, :2] @ [1.0, at_130])
limits = median * 10 ** (error * np.array([-1.96, 1.96]))
print(f"At 130 C 95 % of motors last {shortest:,.0f} to {longest:,.0f} h; the median is", end=" ")
print(f"{median:,.0f} h, its 95 % confidence limits {limits[0]:,.0f} and {limits[1]:,.0f} h")

if plt is not None:
    fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
    ax.plot(x[~running], 10 ** low[~running], "o", color="black", alpha=0.6, label="failed")
    ax.plot(x[running], 10 ** low[running], "^", color="black", mfc="none", label="still ran")
    for at, limit in set(zip(x[running], 10 ** low[running], strict=True)):
        ax.annotate("", (at, 2.0 * limit), (at, limit), arrowprops={"arrowstyle": "->"})
    ends = np.array([x.min() - 0.03, at_130 + 0.03])
    looks = [("#56B4E9", ":"), ("#E69F00", "-."), ("#0072B2", "-")]
    for (name, (intercept, slope, _)), (color, style) in zip(lines.items(), looks, strict=True):
        ax.plot(ends, 10 ** (intercept + slope * ends), style, color=color, label=name)
    reach = [[median - shortest], [longest - median]]
    ax.errorbar(at_130, median, reach, fmt="D", color="#0072B2", capsize=4, label="95 % of motors")
    ticks = {at_130: "130\nno test"}
    for at in np.unique(x):
        ticks[at] = f"{1000.0 / at - 273.2:.0f}\n{np.sum(running[x == at])} of 10"
    ax.set(yscale="log", ylabel="life (hours)", xticks=[*ticks], xticklabels=ticks.values())
    ax.set(xlabel="temperature (C), on the scale of its inverse, and how many still ran")
    ax.legend(frameon=False, fontsize=8)
    show(__file__)
