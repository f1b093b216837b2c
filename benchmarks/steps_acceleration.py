"""E-steps of every acceleration: six standard problems, a stop rule, and 216 random mixtures.

Run ``python benchmarks/steps_acceleration.py``; ``--quick`` gives up sooner, as a smoke test. The
tables are "six", "stop", "mixtures" and, by far the longest, "orders", nine settings of Anderson.

Six problems, to the same final gap: from one fixed start each, every call of a model's ``e_step``
counts, those of refused proposals and of differences too, until the objective is within 1e-8 nats
of the highest known. "Louis" and "Anderson" extrapolate from the first step; "below 0.1" leaves the
way there to plain EM, until a step gains less than 0.1 nats. Where the model has a Newton step of
its own, the schemes go without it, and it has a column to itself.

The mixtures are how the default was chosen: every scheme from the same starts, k-means and random
rows, at three tolerances. So many are needed because a few hard ones, where two components fight
over a handful of rows, take most of the E-steps. A run that ends lower than plain EM from the same
start by more than its tolerance is counted as such, not hidden; so is one that ends higher, where
plain EM has mostly stopped short of the same maximum.
"""

import os

# One BLAS thread for every scheme. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import copy
import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import joblib
import numpy as np
from _common import Array, Table, in_turn, main, seconds
from _problems import PROBLEMS, Mixture, Problem, death_notices, random_mixtures
from sklearn.exceptions import ConvergenceWarning

from emkit import EMGaussianMixture
from emkit.engine import Acceleration, Anderson, EMResult, Louis, Squarem, State, fit_em

SCHEMES: dict[str, Acceleration | None] = {
    "plain": None,
    "SQUAREM": Squarem(),
    "Anderson": Anderson(),
    "Anderson, below 0.1": Anderson(below=0.1),
    "Louis": Louis(below=np.inf),
    "Louis, below 0.1": Louis(below=0.1),
}
#: The default acceleration with the model's own proposals.
OWN = "own Newton step"
#: Final gap in nats.
GAP = 1e-8
#: Longest step of plain EM at which SQUAREM and DAAREM in R end.
STEP = 1e-8


#: Schemes on the random mixtures, as a user names them; the first is what the others are beside.
OF_MIXTURES: dict[str, Any] = {"plain": None, "SQUAREM": "squarem", "Anderson": "anderson"}
ORDERS: dict[str, Any] = {
    f"Anderson({order}, {damping})": Anderson(order, damping)
    for order, damping in product((3, 5, 10), (0.1, 0.5, 0.9))
}
STARTS = ("kmeans", "random_from_data")
TOLERANCES = (1e-3, 1e-6, 1e-9)


class Climb:
    """One run until a point passes ``there``, its E-steps counted; None when it gives up."""

    def __init__(
        self,
        problem: Problem,
        scheme: Acceleration | None,
        there: Callable[[State], bool],
        most: int,
    ):
        self.problem, self.scheme, self.there, self.most = problem, scheme, there, most
        self.e_steps: int | None = None
        self.objective = -np.inf

    def __call__(self) -> None:
        self.e_steps, self.count = None, 0
        model, data, start, _ = self.problem
        counted: Any = copy.copy(model)

        def e_step(*args: Any, **options: Any) -> Any:
            self.count += 1
            return model.e_step(*args, **options)

        counted.e_step = e_step
        limits = {"tol": 0.0, "max_iter": self.most}
        result = fit_em(
            counted, data, start=start, acceleration=self.scheme, callback=self._stop, **limits
        )
        self.objective = result.objective

    def _stop(self, state: State) -> bool:
        if self.e_steps is None and self.count <= self.most and self.there(state):
            self.e_steps = self.count
        return self.e_steps is not None or self.count > self.most


def maximum(problem: Problem) -> EMResult:
    """A run that goes on until its parameters stand still."""
    model, data, start, newton = problem
    return fit_em(newton or model, data, start=start, tol=0.0, max_iter=100_000)


def near(best: float) -> Callable[[State], bool]:
    """Whether a point is as high as the highest known but for the gap."""
    return lambda state: state.objective >= best - GAP


def still(problem: Problem) -> Callable[[State], bool]:
    """Whether plain EM moves a point by less than `STEP`."""
    model, data = problem.model, problem.data

    def moved(state: State) -> bool:
        image = model.m_step(model.e_step(data, state.params)[0], state.params)
        return np.linalg.norm(np.hstack(image) - np.hstack(state.params)) < STEP

    return moved


def climbs(problem: Problem, there: Callable[[State], bool], most: int) -> dict[str, Climb]:
    found = {name: Climb(problem, scheme, there, most) for name, scheme in SCHEMES.items()}
    if problem.newton is not None:
        own = problem._replace(model=problem.newton)
        found[OWN] = Climb(own, Anderson(), there, most)
    return found


def six(quick: bool) -> None:
    """E-steps, then milliseconds, of every scheme on every problem."""
    most, repeats = (2_000, 1) if quick else (20_000, 9)
    columns = ["problem", *SCHEMES, OWN]
    times: dict[str, list[str]] = {}

    def measure(name: str) -> list[str]:
        problem = PROBLEMS[name]()
        best = maximum(problem).objective
        runs = climbs(problem, near(best), most)
        took = np.median(in_turn([partial(seconds, run) for run in runs.values()], repeats), axis=0)
        highest = max(run.objective for run in runs.values())
        if highest > best + GAP:
            raise RuntimeError(f"{highest!r} beats the highest known objective {best!r}")
        pairs = list(zip(runs.values(), took, strict=True))
        times[name] = [f"{1e3 * s:.1f}" if run.e_steps else "FAILED" for run, s in pairs]
        return [
            str(run.e_steps or f"FAILED, gap {best - run.objective:.0e}") for run in runs.values()
        ]

    table = Table(f"E-steps to {GAP:g} nats below the maximum, at most {most}", columns, 16)
    for name in PROBLEMS:
        table.attempt(name, partial(measure, name))
    table = Table(f"The same in milliseconds (median of {repeats})", columns, 16)
    for name, cells in times.items():
        table.row(name, *cells)


def stop_rule(quick: bool) -> None:
    """Map evaluations on the death notices by the stop rule of the packages in R."""
    problem = death_notices()
    table = Table(
        f"Death notices, start (0.5, 1, 3), until plain EM moves by less than {STEP:g}; "
        "in R: EM 2643, SQUAREM 66, DAAREM 43",
        ["scheme", "E-steps"],
        19,
    )

    def measure(run: Climb) -> list[str]:
        run()
        return [str(run.e_steps or "FAILED")]

    for name, run in climbs(problem, still(problem), 2_000 if quick else 20_000).items():
        table.attempt(name, partial(measure, run))


def standstill(quick: bool) -> None:
    """E-steps until a run at ``tol=0`` ends, and the largest difference of its parameters from
    those where plain EM ends."""
    most = 2_000 if quick else 100_000
    columns = ["problem", *SCHEMES, OWN]
    table = Table("E-steps at tol=0, until the EM map stands still (largest error)", columns, 16)

    def measure(name: str) -> list[str]:
        model, data, start, newton = PROBLEMS[name]()
        fits = {key: (model, scheme) for key, scheme in SCHEMES.items()}
        if newton is not None:
            fits[OWN] = (newton, Anderson())
        limits = {"start": start, "tol": 0.0, "max_iter": most}
        ends = [fit_em(m, data, acceleration=a, **limits) for m, a in fits.values()]
        exact = np.hstack([np.ravel(leaf) for leaf in ends[0].params])
        cells = []
        for end in ends:
            error = np.abs(np.hstack([np.ravel(leaf) for leaf in end.params]) - exact).max()
            cells.append(f"{end.n_evaluations} ({error:.0e})" if end.converged else "FAILED")
        return cells

    for name in PROBLEMS:
        table.attempt(name, partial(measure, name))


def fit(mixture: Mixture, init_params: str, tol: float, scheme: Any) -> tuple[int, float, bool]:
    """E-steps, objective a sample and whether the fit of a mixture converged."""
    X, n_components, covariance_type = mixture
    estimator = EMGaussianMixture(
        n_components,
        covariance_type=covariance_type,
        init_params=init_params,
        tol=tol,
        max_iter=20_000,
        acceleration=scheme,
        random_state=0,
    )
    with warnings.catch_warnings():  # in a process of its own, where `main` has silenced nothing
        warnings.simplefilter("ignore", ConvergenceWarning)
        run = estimator.fit(X).runs_[0]
    return run.n_evaluations, run.objective, estimator.converged_


def mixtures(quick: bool, schemes: dict[str, Any] = OF_MIXTURES) -> None:
    """E-steps of the schemes on random mixtures, and how they ended beside plain EM."""
    data = random_mixtures(8 if quick else 216)
    cases = list(product(data, STARTS, TOLERANCES))
    jobs = (joblib.delayed(fit)(*case, scheme) for case in cases for scheme in schemes.values())
    outcomes = np.array(joblib.Parallel(2)(jobs)).reshape(len(cases), len(schemes), 3)
    columns = ["scheme", "start", "tol", "E-steps", "of plain", "lower", "higher", "unconverged"]
    table = Table(f"{len(data)} mixtures; lower and higher than plain EM by over tol", columns, 18)
    for start, tol in [*product(STARTS, TOLERANCES), *product(["both"], TOLERANCES)]:
        chosen = [case[2] == tol and start in ("both", case[1]) for case in cases]
        steps, objective, converged = np.moveaxis(outcomes[chosen], 2, 0)
        gap: Array = objective - objective[:, :1]
        for j, scheme in enumerate(schemes):
            ratio = steps[:, j].sum() / steps[:, 0].sum()
            ends = [np.sum(gap[:, j] < -tol), np.sum(gap[:, j] > tol), np.sum(converged[:, j] == 0)]
            table.row(scheme, start, f"{tol:g}", int(steps[:, j].sum()), f"{ratio:.2f}", *ends)


def orders(quick: bool) -> None:
    """The same for nine settings of Anderson's scheme."""
    mixtures(quick, {"plain": None} | ORDERS)


TABLES = {
    "six": six,
    "stop": stop_rule,
    "standstill": standstill,
    "mixtures": mixtures,
    "orders": orders,
}


if __name__ == "__main__":
    main(__doc__.splitlines()[0], TABLES, {})
