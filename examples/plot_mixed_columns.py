"""
Numbers, counts and categories in one mixture
=============================================

A class says what it says of its own columns: normal, Poisson, categorical, or a law that you write
in seven lines. Together they tell classes apart that no group of columns tells alone.
"""

from typing import NamedTuple

import numpy as np

from emkit.engine import Blocks, fit_em, standard_errors
from emkit.models import Categorical, Columns, Emission, Gaussian, LatentClasses, Poisson, Product
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# Customers of two kinds: age and income (normal), visits in a month (counts), how they pay (one of
# three), and minutes until the first purchase (exponential). Cells of the others are missing.

rng = np.random.default_rng(0)
n = 1500
loyal = rng.random(n) < 0.35
person = rng.normal(np.where(loyal[:, None], [45, 32], [40, 28]), [9, 6])
visits = rng.poisson(np.where(loyal, 5.0, 3.0)).astype(float)
payment = np.where(loyal, rng.choice(3, n, p=[0.2, 0.2, 0.6]), rng.choice(3, n)).astype(float)
minutes = rng.exponential(np.where(loyal, 4.0, 12.0))
for column in (person, visits, payment):
    column[rng.random(column.shape) < 0.1] = np.nan

# %%
# An emission of your own: log-density of rows under classes, what the M-step must know, the M-step.


class Rates(NamedTuple):
    rates: np.ndarray


class Sums(NamedTuple):
    n: np.ndarray
    total: np.ndarray


class Exponential(Emission):
    def log_density(self, times, params):
        return np.log(params.rates)[:, None] - params.rates[:, None] * times

    def statistics(self, times, resp, params):
        return Sums(resp.sum(axis=1), resp @ times)

    def m_step(self, sums, params):
        return Rates(sums.n / sums.total)


# %%
# Every group of columns alone, and all. Of a single category no classes can be told at all.

names = ["age and income", "visits", "payment", "minutes", "all together"]
parts = [Gaussian(2), Poisson(2), Categorical(2, 3), Exponential(2)]
groups = (person, visits, payment, minutes)
right = {}
for name, part, columns in zip(names, [*parts, Product(parts)], [*groups, groups], strict=True):
    model, data = LatentClasses(part), Columns(columns)
    fit = fit_em(model, data, n_init=3, random_state=0)
    share = ((model.posterior(data, fit.params)[0] > 0.5) == loyal).mean()
    right[name] = max(share, 1.0 - share)
    print(f"{name:15} {right[name]:.0%} in the right class, {fit.n_evaluations} E-steps")

# %%
# All of the engine is there: acceleration, data in blocks, standard errors.

blocks = Blocks([data.take(slice(i, i + 500)) for i in range(0, n, 500)])
start = model.initialize(data, np.random.default_rng(0))
for rows, acceleration in [(data, None), (data, "anderson"), (blocks, "anderson")]:
    fit = fit_em(model, rows, start=start, acceleration=acceleration)
    print(f"{fit.n_evaluations:3} E-steps, log-likelihood {fit.log_likelihood:.4f}")
errors = standard_errors(model, data, fit)
for rate, error in zip(fit.params.emission[1].rates, errors.emission[1].rates, strict=True):
    print(f"visits in a month: {rate[0]:.2f} +- {error[0]:.2f}")

if plt is not None:
    fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    ax.barh([*right], [*right.values()], color=["#56B4E9"] * 4 + ["#D55E00"])
    ax.set(xlim=(0.5, 1.0), xlabel="customers in the right class", title="What columns tell")
    show(__file__)
