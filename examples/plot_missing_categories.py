"""
Missing categories: probabilities, and what they are worth in a regression
==========================================================================

`impute_proba` says how likely each level of a missing category is. `multiple_impute` draws whole
tables, and an analysis of several knows how uncertain the categories are.
"""

import numpy as np

from emkit import EMImputer, pool_estimates
from emkit.datasets import load_penguins
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# The sex of eleven penguins of the Palmer Archipelago was not determined (Gorman et al. 2014), and
# two of them were not measured either. What those two are stays open.

birds = load_penguins(as_frame=True).frame.drop(columns="year")
unknown = birds["sex"].isna().to_numpy()
imputer = EMImputer().fit(birds)
male = imputer.impute_proba(birds)["sex"][unknown, 1]
print(birds.loc[unknown, ["species", "body_mass_g"]].assign(male=male.round(2)).to_string())

# %%
# Are such probabilities right? Of the birds of known sex we hide it, of heavy ones more often than
# of light ones, and look at those whose sex is told with at least nine in ten.

whole = birds.dropna().reset_index(drop=True)
mass = whole["body_mass_g"]
chance = 1.0 / (1.0 + np.exp(0.3 - 1.5 * (mass - mass.mean()) / mass.std()))
hidden = (np.random.default_rng(0).random(len(whole)) < chance).to_numpy()
holes = whole.copy()
holes.loc[hidden, "sex"] = None
probability = imputer.fit(holes).impute_proba(holes)["sex"][hidden, 1]
truth = (whole["sex"] == "male").to_numpy()[hidden]
right = (probability > 0.5) == truth
sure = np.abs(probability - 0.5) >= 0.4
most = max(truth.mean(), 1.0 - truth.mean())
print(
    f"\n{hidden.sum()} sexes hidden: {right.mean():.0%} right, {most:.0%} by the more frequent one"
)
print(f"{sure.sum()} of them are told with at least 0.9: {right[sure].mean():.0%} right")

# %%
# How much heavier are males, within a species? The birds whose sex is left are light ones, which
# makes the difference too small. Filled once, a table passes for an observed one. Twenty drawn
# tables come near the answer of the whole one, with the standard error that the holes cost.


def difference(table):
    """How many grams males have more than females of their species, and its variance."""
    columns = [
        table["sex"] == "male",
        *(table["species"] == name for name in ("Chinstrap", "Gentoo")),
    ]
    design = np.column_stack([np.ones(len(table)), *columns]).astype(float)
    inverse, y = np.linalg.inv(design.T @ design), table["body_mass_g"].to_numpy()
    coef = inverse @ design.T @ y
    residual = y - design @ coef
    return coef[1], residual @ residual / (len(table) - 4) * inverse[1, 1]


tables = {
    "nothing missing": whole,
    "complete rows": holes.dropna(),
    "filled once": imputer.transform(holes),
}
answers = {name: difference(table) for name, table in tables.items()}
drawn = map(difference, EMImputer(random_state=0).multiple_impute(holes, 20))
pooled = pool_estimates(*zip(*drawn, strict=True), df_complete=len(whole) - 4)
answers["20 tables pooled"] = pooled.estimate, pooled.std_error**2
print()
for name, (grams, variance) in answers.items():
    print(f"{name:17} males {grams:.0f} g heavier (standard error {variance**0.5:.0f})")

if plt is not None:
    fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
    for sex, color in [(False, "#D55E00"), (True, "#0072B2")]:
        name, of_sex = "male" if sex else "female", truth == sex
        ax.plot(mass[hidden][of_sex], probability[of_sex], "o", color=color, alpha=0.5, label=name)
    ax.set(xlabel="body mass (g)", ylabel="probability of a male", title="Sexes that were hidden")
    ax.legend(frameon=False)
    show(__file__)
