"""One default fit against scikit-learn's: mean log-likelihood and CPU time.

Run ``python benchmarks/quality_starts.py``; ``--quick`` takes few cells and seeds, as a smoke test.
A cell is a table, a covariance structure and a number of components; in it stands the median over
the seeds. Tables of R come from Rscript with mclust, if they are there.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import io
import subprocess
import time
import warnings
from functools import partial
from typing import Any

import numpy as np
from _common import Array, Table, main, met
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from emkit import EMGaussianMixture

STRUCTURES = ("full", "tied", "diag", "spherical")
SIZES = (2, 3, 5, 8)
#: Tables of R and the columns that are numbers.
OF_R = {"faithful": "1:2", "diabetes": "2:4", "banknote": "2:7", "thyroid": "2:6"}
#: A cell this far below scikit-learn's, in nats a row, counts as lower.
LOWER = 0.01


def tables(quick: bool) -> dict[str, Array]:
    found = {"iris": datasets.load_iris().data, "wine": datasets.load_wine().data}
    if quick:
        return found
    digits = PCA(10, random_state=0).fit_transform(datasets.load_digits().data)
    found |= {"cancer": datasets.load_breast_cancer().data[:, :10], "digits, 10 axes": digits}
    found |= {"diabetes": datasets.load_diabetes().data}
    for name, columns in OF_R.items():
        code = (
            "suppressMessages(library(mclust)); options(digits=17); "
            f"data({name}); write.table({name}[, {columns}], sep=',', row.names=F, col.names=F)"
        )
        try:
            done = subprocess.run(["Rscript", "-e", code], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            print(f"{name} of R: skipped (no Rscript with mclust)")
            continue
        found[f"{name} (R)"] = np.loadtxt(io.BytesIO(done.stdout), delimiter=",")
    return found


def scored(make: Any, X: Array, seeds: range) -> tuple[float, float]:
    """Median score over the seeds, and CPU milliseconds of a fit."""
    began = time.process_time()
    scores = [make(random_state=seed).fit(X).score(X) for seed in seeds]
    return float(np.median(scores)), 1e3 * (time.process_time() - began) / len(seeds)


def cells(quick: bool) -> None:
    seeds = range(2 if quick else 8)
    table = Table(
        "Default fits, mean log-likelihood a row",
        ["table", "structure", "K", "emkit", "sklearn", "difference", "ms", "ms sklearn"],
        label_width=18,
    )
    differences = []
    for name, X in tables(quick).items():
        for structure in STRUCTURES:
            for k in SIZES[:2] if quick else SIZES:
                options = {"n_components": k, "covariance_type": structure}
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ours, spent = scored(partial(EMGaussianMixture, **options), X, seeds)
                    theirs, there = scored(partial(GaussianMixture, **options), X, seeds)
                differences.append(ours - theirs)
                numbers = [f"{x:.4f}" for x in (ours, theirs, ours - theirs)]
                table.row(name, structure, k, *numbers, f"{spent:.1f}", f"{there:.1f}")
    lower, far = ((np.array(differences) < -times * LOWER) for times in (1, 5))
    print(
        f"{len(lower)} cells, lower by more than {LOWER}: {lower.sum()}, {5 * LOWER}: {far.sum()}"
    )
    print(f"at most 5 % of the cells lower: {met(lower.mean() <= 0.05)}")


if __name__ == "__main__":
    main(__doc__.splitlines()[0], {"cells": cells}, {})
