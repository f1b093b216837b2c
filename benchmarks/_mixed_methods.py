"""What fills the holes of a table of numbers and categories: emkit, scikit-learn, R's packages."""

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _common import Array, run
from _mixed import CATEGORIES, HERE, Answer, Mixed
from sklearn.base import clone
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.model_selection import GridSearchCV

from emkit import EMImputer

Method = Callable[[Mixed, Array], Answer]

#: Classes that are tried.
N_COMPONENTS = [1, 2, 3, 4, 6]
#: Tables of `multiple_impute` for 90 % intervals.
DRAWS = 20


def mean_and_mode(table: Mixed, X: Array) -> Answer:
    """What every method is a ratio to."""
    filled, proba = X.copy(), {}
    for j, kind in enumerate(table.kinds):
        missing = np.isnan(X[:, j])
        if kind in CATEGORIES:
            counts = np.bincount(X[~missing, j].astype(int), minlength=table.n_levels(j)) + 0.5
            filled[missing, j] = counts.argmax()
            proba[j] = np.tile(counts / counts.sum(), (len(X), 1))
        else:
            filled[missing, j] = X[~missing, j].mean()
    return Answer(filled, proba)


# scikit-learn


def over_one_hot(make: Callable[[], Any], table: Mixed, X: Array) -> Answer:
    """Categories as indicators, read out as the largest; numbers in units of their spread."""
    numbers, scale = table.numbers, np.nanstd(X[:, table.numbers], axis=0)
    blocks = [X[:, numbers] / scale]
    for j in table.categories:
        indicators = (X[:, [j]] == np.arange(table.n_levels(j))).astype(float)
        indicators[np.isnan(X[:, j])] = np.nan
        blocks.append(indicators)
    widths = [block.shape[1] for block in blocks]
    began = time.process_time()
    Z = make().fit_transform(np.hstack(blocks))
    took = time.process_time() - began
    of_numbers, *of_categories = np.split(Z, np.cumsum(widths)[:-1], axis=1)
    filled, proba = X.copy(), {}
    filled[:, numbers] = of_numbers * scale
    for j, indicators in zip(table.categories, of_categories, strict=True):
        p = np.clip(indicators, 1e-3, None)
        proba[j] = p / p.sum(axis=1, keepdims=True)
        filled[:, j] = np.where(np.isnan(X[:, j]), p.argmax(axis=1), X[:, j])
    return Answer(filled, proba, seconds=took)


def on_codes(make: Callable[[], Any], table: Mixed, X: Array) -> Answer:
    """Categories as the numbers of their levels, rounded."""
    began = time.process_time()
    filled = make().fit_transform(X)
    took = time.process_time() - began
    for j in table.categories:
        level = filled[:, j].round().clip(0, table.n_levels(j) - 1)
        filled[:, j] = np.where(np.isnan(X[:, j]), level, X[:, j])
    return Answer(filled, seconds=took)


def nearest() -> KNNImputer:
    return KNNImputer(n_neighbors=10, keep_empty_features=True)


def iterative() -> IterativeImputer:
    return IterativeImputer(random_state=0, keep_empty_features=True)


# emkit


def filled_by(imputer: Any, table: Mixed, X: Array, draws: int) -> Answer:
    """What an imputer of which all is given makes of the frame."""
    frame = table.frame(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        imputer = clone(imputer).fit(frame)
        filled = table.numbered(imputer.transform(frame))
        took = time.process_time() - began
        proba = imputer.impute_proba(frame)
        tables = imputer.multiple_impute(frame, draws) if draws and table.numbers else []
    return Answer(
        filled,
        {j: proba[f"c{j}"] for j in table.categories},
        np.array([table.numbered(drawn) for drawn in tables]) if tables else None,
        took,
    )


def given(options: dict[str, Any], draws: int, table: Mixed, X: Array) -> Answer:
    """All options given."""
    return filled_by(EMImputer(random_state=0, **options), table, X, draws)


def searched(options: dict[str, Any], draws: int, table: Mixed, X: Array) -> Answer:
    """The number of classes by the likelihood of held-out rows."""
    search = GridSearchCV(
        EMImputer(random_state=0, **options), {"n_components": N_COMPONENTS}, refit=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(table.frame(X).sample(frac=1.0, random_state=0))
    return filled_by(clone(search.estimator).set_params(**search.best_params_), table, X, draws)


def of_emkit(quick: bool) -> dict[str, Method]:
    """emkit's methods that this version has."""
    draws = 0 if quick else DRAWS
    methods: dict[str, Method] = {
        "emkit K=3": partial(given, {"n_components": 3, "covariance_type": "tied"}, 0),
        "emkit K by score": partial(searched, {"covariance_type": "tied"}, 0),
    }
    if "method" in EMImputer().get_params():
        methods["emkit latent normal"] = partial(given, {"method": "latent_normal"}, 0)
        methods["emkit auto"] = partial(given, {"method": "auto", "covariance_type": "tied"}, draws)
    return methods


OF_SKLEARN: dict[str, Method] = {
    "KNN, one-hot": partial(over_one_hot, nearest),
    "Iterative, one-hot": partial(over_one_hot, iterative),
    "Iterative, codes": partial(on_codes, iterative),
}


# R


class OfR:
    """An imputer of R (m=5): all tables in one process, means and shares over the five."""

    def __init__(self, package: str, folder: Path):
        self.package, self.folder = package, folder

    def version(self) -> str:
        return run(["Rscript", "-e", f"cat(as.character(packageVersion('{self.package}')))"])

    def __call__(self, table: Mixed, X: Array) -> Answer:
        table.write(X, self.folder / "job.csv")
        script = str(HERE / "_mixed_peers.R")
        said = run(["Rscript", script, self.package, str(self.folder), "job"]).strip()
        if said.startswith("failed"):
            raise RuntimeError(said)
        paths = sorted(self.folder.glob(f"job.{self.package}.*.csv"))
        tables = [np.genfromtxt(path, delimiter=",", skip_header=1) for path in paths]
        for path in paths:
            path.unlink()
        return pooled(table, X, tables, float(said.splitlines()[-1]))


def pooled(table: Mixed, X: Array, tables: Sequence[Array], took: float) -> Answer:
    """Means of numbers; shares of categories, with one table more in which all are as likely."""
    draws, proba = np.array(tables), {}
    if np.isnan(draws).any():
        raise RuntimeError("cells are left empty")
    filled = draws.mean(axis=0)
    for j in table.categories:
        n_levels = table.n_levels(j)
        shares = (draws[:, :, j, None] == np.arange(n_levels)).mean(axis=0)
        proba[j] = (shares * len(draws) + 1 / n_levels) / (len(draws) + 1)
        filled[:, j] = np.where(np.isnan(X[:, j]), shares.argmax(axis=1), X[:, j])
    return Answer(filled, proba, draws, took)


def of_r(folder: Path) -> dict[str, Method]:
    """R's methods that are installed."""
    methods: dict[str, Method] = {}
    for package in ("mice", "Amelia"):
        peer = OfR(package, folder)
        try:
            print(f"{package} {peer.version()}")
        except (OSError, RuntimeError):
            print(f"{package}: skipped (not installed)")
            continue
        methods[package] = peer
    return methods
