"""Tables of numbers and categories for the benchmarks: where they come from, holes, errors."""

import csv
import os
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from _common import Array
from numpy.typing import NDArray

CATEGORIES = ("cat", "ord")
HERE = Path(__file__).parent


class Mixed(NamedTuple):
    """A table (n, d) of numbers, in which categories are numbered from 0, NaN where missing."""

    name: str
    X: Array
    kinds: Sequence[str]  #: of the columns: 'num', 'count', 'cat', 'ord'

    @property
    def categories(self) -> list[int]:
        return [j for j, kind in enumerate(self.kinds) if kind in CATEGORIES]

    @property
    def numbers(self) -> list[int]:
        return [j for j, kind in enumerate(self.kinds) if kind not in CATEGORIES]

    def n_levels(self, j: int) -> int:
        return int(np.nanmax(self.X[:, j])) + 1

    def frame(self, X: Array) -> pd.DataFrame:
        """X with categories as such; levels are named, those that are ordered are known to be."""
        columns = {}
        for j, kind in enumerate(self.kinds):
            columns[f"c{j}"] = X[:, j]
            if kind in CATEGORIES:
                names = [f"L{level:02d}" for level in range(self.n_levels(j))]
                codes = np.where(np.isnan(X[:, j]), -1, X[:, j]).astype(int)
                columns[f"c{j}"] = pd.Categorical.from_codes(codes, names, ordered=kind == "ord")
        return pd.DataFrame(columns)

    def numbered(self, frame: pd.DataFrame) -> Array:
        """The table of a complete frame."""
        columns = [
            frame[name].cat.codes if kind in CATEGORIES else frame[name]
            for name, kind in zip(frame.columns, self.kinds, strict=True)
        ]
        return np.column_stack([np.asarray(column, dtype=float) for column in columns])

    def write(self, X: Array, path: Path) -> None:
        """As CSV with a line of kinds."""
        with path.open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(self.kinds)
            lines.writerow([f"c{j}" for j in range(X.shape[1])])
            lines.writerows([["" if np.isnan(v) else f"{v:.15g}" for v in row] for row in X])


def read(path: Path) -> tuple[Array, list[str]]:
    """Table and kinds of a CSV with a line of kinds."""
    with path.open() as file:
        kinds, _, *rows = list(csv.reader(file))
    return np.array([[float(cell) if cell else np.nan for cell in row] for row in rows]), kinds


REAL = "penguins birthwt survey pbc colon affairs cps1985 boys nmes1988 chile votes".split()


def real_tables(folder: Path) -> list[Mixed]:
    """Those of R's packages, in the order of `REAL`; what is missing is named."""
    command = ["Rscript", str(HERE / "_mixed_tables.R"), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Tables of R's packages: skipped ({error})")
        return []
    for name in done.stdout.split():
        print(f"{name}: skipped (its package is not installed)")
    paths = [folder / f"{name}.csv" for name in REAL]
    return [Mixed(path.stem, *read(path)) for path in paths if path.exists()]


# Synthetic tables of 500 rows


def classes(rng: np.random.Generator) -> Mixed:
    """Four latent classes: 4 normals, and 5 categories of 3 levels."""
    labels = rng.integers(4, size=500)
    means = rng.normal(0, 1.5, (4, 4))
    numbers = means[labels] + rng.standard_normal((500, 4))
    tables = [rng.dirichlet([0.4] * 3, 4)[labels] for _ in range(5)]
    categories = [np.array([rng.choice(3, p=p) for p in table]) for table in tables]
    return Mixed("classes", np.column_stack([numbers, *categories]), ["num"] * 4 + ["cat"] * 5)


def copula(rng: np.random.Generator) -> Mixed:
    """A normal of three factors, seen through normal, log-normal, binary and ordered margins."""
    loadings = rng.normal(0, 1, (10, 3))
    covariance = loadings @ loadings.T + 0.7 * np.eye(10)
    scale = np.sqrt(np.diag(covariance))
    z = rng.multivariate_normal(np.zeros(10), covariance / np.outer(scale, scale), 500)
    ordered = [np.digitize(z[:, j], [-1.0, -0.2, 0.6, 1.2]) for j in (6, 7)]
    binary = [z[:, 4] > 0.3, z[:, 5] > -0.5]
    X = np.column_stack([z[:, :2], np.exp(z[:, 2:4]), *binary, *ordered, z[:, 8:]]).astype(float)
    return Mixed("copula", X, ["num"] * 4 + ["cat"] * 2 + ["ord"] * 2 + ["num"] * 2)


def interactions(rng: np.random.Generator) -> Mixed:
    """What a column says of another depends on a third."""
    a, b = rng.integers(2, size=500), rng.integers(3, size=500)
    x = rng.standard_normal((500, 2))
    y = np.where(a == 1, x[:, 0], -x[:, 0]) + 0.5 * rng.standard_normal(500)
    z = (b - 1) * x[:, 1] + a + 0.5 * rng.standard_normal(500)
    logit = 3 * np.where(b == 0, x[:, 0], np.where(b == 1, -x[:, 0], z))
    c = rng.random(500) < 1 / (1 + np.exp(-logit))
    d = (a ^ (b == 1).astype(int)) ^ (rng.random(500) < 0.1)
    X = np.column_stack([x, y, z, a, b, c, d]).astype(float)
    return Mixed("interactions", X, ["num"] * 4 + ["cat"] * 4)


def synthetic_tables() -> list[Mixed]:
    """The three."""
    makers = (classes, copula, interactions)
    return [make(np.random.default_rng(zlib.crc32(make.__name__.encode()))) for make in makers]


# Holes


def holes(table: Mixed, mechanism: str, seed: int) -> NDArray[np.bool_]:
    """Observed cells to hide: 30 % of all ('mcar'), or by the rank in a column that stays ('mar').

    Every row keeps a cell, and every level is still seen.
    """
    X = table.X
    rng = np.random.default_rng([seed, *X.shape])
    observed = ~np.isnan(X)
    if mechanism == "mcar":
        hidden = rng.random(X.shape) < 0.3
    else:
        is_number = np.array([kind not in CATEGORIES for kind in table.kinds])
        driver = int((observed.mean(axis=0) + 0.5 * is_number).argmax())
        cells = np.where(observed[:, driver], X[:, driver], np.nanmedian(X[:, driver]))
        rank = (cells + 1e-9 * rng.random(len(X))).argsort().argsort() / len(X)
        rising = rng.choice([-1, 1], X.shape[1]) > 0
        hidden = rng.random(X.shape) < 0.6 * np.where(rising, rank[:, None], 1 - rank[:, None])
        hidden[:, driver] = False
    hidden &= observed
    for i in np.flatnonzero((hidden.sum(axis=1) == observed.sum(axis=1)) & observed.any(axis=1)):
        hidden[i, rng.choice(np.flatnonzero(observed[i]))] = False
    for j in table.categories:
        for level in np.unique(X[observed[:, j], j]):
            rows = np.flatnonzero(X[:, j] == level)
            if hidden[rows, j].all():
                hidden[rows[0], j] = False
    return hidden


# Errors


class Answer(NamedTuple):
    """What a method makes of a table with holes."""

    X: Array  #: complete
    proba: dict[int, Array] | None = None  #: of the levels (n, L), by column
    draws: Array | None = None  #: (m, n, d) tables of multiple imputation
    seconds: float = np.nan  #: CPU time, with all that had to be chosen known


class Errors(NamedTuple):
    """Means over the columns; NaN where a table or an answer has nothing of the kind."""

    nrmse: float  #: root mean square over the standard deviation of the column
    wrong: float  #: share of the categories
    log_loss: float  #: of a category, probabilities of less than 0.001 counted as that
    coverage: float  #: of intervals from the 5 % to the 95 % quantile of at least 19 draws


def errors(table: Mixed, hidden: NDArray[np.bool_], answer: Answer) -> Errors:
    """Of the cells that were hidden."""
    nrmse, wrong, log_loss, coverage = [], [], [], []
    for j in np.flatnonzero(hidden.any(axis=0)):
        rows = np.flatnonzero(hidden[:, j])
        truth, filled = table.X[rows, j], answer.X[rows, j]
        if table.kinds[j] in CATEGORIES:
            wrong.append((filled != truth).mean())
            if answer.proba is not None:
                p = np.clip(answer.proba[j][rows], 1e-3, 1.0)
                p /= p.sum(axis=1, keepdims=True)
                log_loss.append(-np.log(p[np.arange(len(rows)), truth.astype(int)]).mean())
            continue
        nrmse.append(np.sqrt(((filled - truth) ** 2).mean()) / np.nanstd(table.X[:, j]))
        if answer.draws is not None and len(answer.draws) >= 19:
            cells = answer.draws[:, rows, j]
            low, high = np.quantile(cells, [0.05, 0.95], axis=0, method="weibull")
            coverage.append(((truth >= low) & (truth <= high)).mean())
    means = (float(np.mean(v)) if v else np.nan for v in (nrmse, wrong, log_loss, coverage))
    return Errors(*means)
