"""
Tables with categories before a classifier
==========================================

A survey has numbers and words, and holes in both. `EMImputer` takes the frame as it is and gives it
back complete to what follows in the pipeline; scikit-learn's imputers want words apart, or numbers.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from emkit import EMImputer
from emkit.datasets import load_penguins, load_wages
from emkit.plotting import show

try:
    import matplotlib.pyplot as plt
except ImportError:  # optional: all but the figure works without it
    plt = None

# %%
# Who earns more than the median, by the Current Population Survey of 1985, and which penguins are
# male: two tables, 30 % of whose cells are removed at random, three times over.
survey, dollars = load_wages(return_X_y=True, as_frame=True)
birds = load_penguins(as_frame=True).frame.dropna()
tasks = {
    "high wages": (survey, dollars > dollars.median()),
    "male penguins": (birds.drop(columns=["sex", "year"]), birds["sex"] == "male"),
}
numbers = make_column_selector(dtype_include="number")
words = make_column_selector(dtype_exclude="number")


def one_hot(table):
    """A column of 0 and 1 for every level, missing where the category is."""
    columns = pd.get_dummies(table, dtype=float)
    for name in words(table):
        columns.loc[table[name].isna(), columns.columns.str.startswith(f"{name}_")] = np.nan
    return columns


mean_and_mode = make_column_transformer(
    (SimpleImputer(), numbers),
    (SimpleImputer(strategy="most_frequent"), words),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
encode = make_column_transformer(
    (StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), words)
)
imputers = {
    "EMImputer": [EMImputer(), encode],
    "IterativeImputer": [FunctionTransformer(one_hot), StandardScaler(), IterativeImputer()],
    "SimpleImputer": [mean_and_mode, encode],
}

# %%
# Each fold learns the imputer from its own training rows. Wages follow from these columns to a
# small part only, and much the same classifier comes of all three. The sex of a penguin shows in
# its size for its species, which the mean and the most frequent species tell nothing of.

folds = StratifiedKFold(3, shuffle=True, random_state=0)
results = {}
for task, (whole, y) in tasks.items():
    holes = [whole.mask(np.random.default_rng(s).random(whole.shape) < 0.3) for s in range(3)]
    best = cross_validate(make_pipeline(encode, LogisticRegression()), whole, y, cv=folds)
    print(f"{task}: accuracy {best['test_score'].mean():.3f} with nothing missing")
    for name, steps in imputers.items():
        pipeline = make_pipeline(*steps, LogisticRegression(max_iter=1000))
        with warnings.catch_warnings():  # IterativeImputer ends after ten rounds, converged or not
            warnings.simplefilter("ignore", ConvergenceWarning)
            runs = pd.concat(pd.DataFrame(cross_validate(pipeline, X, y, cv=folds)) for X in holes)
        results[task, name] = runs["test_score"].mean()
        seconds = (runs["fit_time"] + runs["score_time"]).mean()
        print(f"    {name:16} {results[task, name]:.3f}, {seconds:.2f} s a fold")

if plt is not None:
    table = pd.Series(results).unstack()
    ax = table.plot.bar(figsize=(6, 4), rot=0, color=["#0072B2", "#D55E00", "0.6"])
    ax.set(ylim=(0.0, 1.0), ylabel="accuracy, 30 % of cells missing")
    show(__file__)
