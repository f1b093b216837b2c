"""E-steps of plain EM, SQUAREM and Anderson on 216 Gaussian mixtures: how the default was chosen.

    python benchmarks/acceleration.py

Every scheme starts from the same points: k-means and random rows, three tolerances. E-steps are
counted, not timed, so the table hardly depends on the machine. So many mixtures are needed because
a few hard ones, where two components fight over a handful of rows, take most of the E-steps.

A run that ends lower than plain EM from the same start by more than its tolerance is counted as
such, not hidden; a run that ends higher is counted too: mostly plain EM has stopped short of the
same maximum.
"""

import argparse
import warnings
from itertools import product

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from emkit import EMGaussianMixture
from emkit.engine import Anderson

SCHEMES = {"plain": None, "squarem": "squarem", "anderson": "anderson"}
ORDERS = {
    f"anderson({order}, {damping})": Anderson(order, damping)
    for order, damping in product((3, 5, 10), (0.1, 0.5, 0.9))
}
STARTS = ("kmeans", "random_from_data")
TOLERANCES = (1e-3, 1e-6, 1e-9)
MAX_ITER = 20_000


def mixtures():
    """216 data sets: size, dimension, components, separation, covariance type."""
    rng = np.random.default_rng(20261121)
    for case in range(216):
        n = int(rng.choice([300, 1000, 3000]))
        d = int(rng.choice([1, 2, 3, 5, 8]))
        n_components = int(rng.choice([2, 3, 4, 6, 8]))
        separation = rng.choice([1.0, 1.5, 2.5, 4.0])
        means = separation * rng.normal(size=(n_components, d))
        shapes = rng.normal(size=(n_components, d, d)) / np.sqrt(d) + np.eye(d)
        labels = rng.choice(n_components, n, p=rng.dirichlet(np.full(n_components, 5.0)))
        X = means[labels] + np.einsum("nij,nj->ni", shapes[labels], rng.normal(size=(n, d)))
        yield X, n_components, ("full", "tied", "diag", "spherical")[case % 4], separation


def climb(X, n_components, covariance_type, init_params, tol, acceleration):
    """E-steps, mean objective and outcome of one fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = EMGaussianMixture(
            n_components,
            covariance_type=covariance_type,
            init_params=init_params,
            tol=tol,
            max_iter=MAX_ITER,
            acceleration=acceleration,
            random_state=0,
        ).fit(X)
    return fit.runs_[0].n_evaluations, fit.runs_[0].objective, fit.converged_


def compare(schemes):
    """One row of outcomes for every case, each scheme beside plain EM."""
    cases = list(product(mixtures(), STARTS, TOLERANCES))
    jobs = (
        joblib.delayed(climb)(*data[:3], start, tol, scheme)
        for data, start, tol in cases
        for scheme in schemes.values()
    )
    outcomes = np.array(joblib.Parallel(2)(jobs)).reshape(len(cases), len(schemes), 3)
    return [(start, tol) for _, start, tol in cases], outcomes


def table(schemes):
    keys, outcomes = compare(schemes)
    print("| start | tol per sample | scheme | E-steps | of plain | lower than plain by > tol |"
          " higher by > tol | not converged |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for start, tol in [*product(STARTS, TOLERANCES), *((None, tol) for tol in TOLERANCES)]:
        rows = [i for i, key in enumerate(keys) if key[1] == tol and start in (None, key[0])]
        steps, objective, converged = np.moveaxis(outcomes[rows], 2, 0)
        gap = objective - objective[:, :1]
        for j, scheme in enumerate(schemes):
            total = steps[:, j].sum()
            print(
                f"| {start or 'both'} | {tol:g} | {scheme} | {total:.0f} |"
                f" {total / steps[:, 0].sum():.2f} | {(gap[:, j] < -tol).sum()} |"
                f" {(gap[:, j] > tol).sum()} | {(converged[:, j] == 0).sum()} |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", action="store_true", help="nine settings of Anderson as well")
    arguments = parser.parse_args()
    table(SCHEMES | (ORDERS if arguments.orders else {}))
