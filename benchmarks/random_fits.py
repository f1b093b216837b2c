"""What goes wrong in random small fits, per 10,000 of them, beside scikit-learn and lifelines.

Run ``python benchmarks/random_fits.py``; ``--fits 20000`` takes as many of each estimator, and
``--quick`` few. Tables, responses and options come from ``tests/random_fits.py``, by seeds from 0
on: degenerate tables, units from 1e-150 to 1e150, every option. ``tests/fit_laws.py`` has the laws
that a fit is to keep. A peer gets those of the same cases that it takes: complete tables without
weights (GaussianMixture), tables without weights (IterativeImputer), positive responses without
weights or penalty (LogNormalAFTFitter); its column stands beside emkit's on the same cases. Options
that it does not have are left at its defaults. It is asked less than emkit, with a dash for the
rest: what it raises, whether its bound falls and its results are finite, limits of imputed cells.

Measured with scikit-learn 1.9.1 and lifelines 0.30.3 over 800 seeds, per 10,000 fits:
GaussianMixture (220 fits) refuses 1,227, its bound falls in 591, and 45 have NaN; IterativeImputer
(504) refuses 337, leaks RuntimeWarnings in 377, and 20 leave the limits; LogNormalAFTFitter (79)
refuses 4,557, most of them because it does not converge, and 759 have NaN in their standard errors.
"""

import os

# NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _common import Table, main

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # random_fits is there, too

import fit_laws  # noqa: E402
from fit_laws import FALL, judge  # noqa: E402
from random_fits import CASES, Case, seeded  # noqa: E402
from sklearn.experimental import enable_iterative_imputer  # noqa: E402, F401
from sklearn.impute import IterativeImputer  # noqa: E402
from sklearn.mixture import GaussianMixture  # noqa: E402
from verdicts import Fit, Law, Verdict, judge_by, law_name  # noqa: E402

from emkit.numerics.covariance import STRUCTURES  # noqa: E402

try:
    from lifelines import LogNormalAFTFitter
except ImportError:
    LogNormalAFTFitter = None

REFUSED = "refused"
RAISED = ("no ModelError", "no raw exception", "no RuntimeWarning")


class Peer(NamedTuple):
    """Another package's estimator."""

    name: str
    takes: Callable[[Case], bool]
    fitted: Callable[[Case], tuple[Any, Callable[[], Any]]]  #: estimator, and what fits it
    laws: list[Law]
    most: int  #: fits to make

    def judge(self, case: Case) -> Verdict:
        estimator, fit = self.fitted(case)
        return judge_by(self.laws, fit, Case(estimator, case.X))


def the_history_never_falls(fitted: Fit) -> Iterator[str]:
    history = np.asarray(fitted.estimator.lower_bounds_)
    if (np.diff(history) < -FALL * np.maximum(np.abs(history[:-1]), 1.0)).any():
        yield "it falls"


def results_are_finite(fitted: Fit) -> Iterator[str]:
    yield from fit_laws.results_are_finite(fitted)
    if hasattr(fitted.estimator, "predict_proba"):
        if not np.isfinite(fitted.estimator.predict_proba(fitted.case.X)).all():
            yield "predict_proba has NaN"
    elif not np.isfinite([fitted.estimator.params_, fitted.estimator.standard_errors_]).all():
        yield "parameters or standard errors are not finite"


def gaussian_mixture(case: Case) -> tuple[Any, Callable[[], Any]]:
    """scikit-learn's mixture, of the covariance type that is nearest."""
    ours = case.estimator
    layout = STRUCTURES[ours.covariance_type].layout
    one = ("spherical", "diag", "full")[layout.ndim]
    starts = GaussianMixture._parameter_constraints["init_params"][0].options
    names = ("n_components", "tol", "reg_covar", "n_init", "random_state")
    theirs = GaussianMixture(
        covariance_type="tied" if layout.shared and layout.ndim == 2 else one,
        max_iter=max(ours.max_iter, 1),
        init_params=ours.init_params if ours.init_params in starts else "kmeans",
        **{name: getattr(ours, name) for name in names},
    )
    return theirs, partial(theirs.fit, case.X)


def iterative_imputer(case: Case) -> tuple[Any, Callable[[], Any]]:
    """scikit-learn's imputer by chained regressions."""
    ours = case.estimator
    names = ("sample_posterior", "add_indicator", "keep_empty_features", "min_value", "max_value")
    theirs = IterativeImputer(
        random_state=ours.random_state, **{name: getattr(ours, name) for name in names}
    )
    return theirs, partial(theirs.fit, case.X)


def lognormal_aft(case: Case) -> tuple[Any, Callable[[], Any]]:
    """lifelines' regression of log-normal times."""
    import pandas as pd

    frame = pd.DataFrame(case.X.astype(float)).add_prefix("x")
    frame["lower"], frame["upper"] = case.y.T
    theirs = LogNormalAFTFitter()
    return theirs, partial(theirs.fit_interval_censoring, frame, "lower", "upper")


def no_weights(case: Case) -> bool:
    return case.sample_weight is None


def complete(case: Case) -> bool:
    return no_weights(case) and not np.isnan(case.X).any()


def positive(case: Case) -> bool:
    ours = case.estimator
    plain = ours.alpha == 0.0 and ours.fit_intercept and no_weights(case)
    return plain and ours.distribution in ("lognormal", "weibull")


def peer_of(name: str, fits: int, slow: int) -> Peer | None:
    """The peer of an estimator; None where it is not installed."""
    if name == "EMGaussianMixture":
        laws = [the_history_never_falls, results_are_finite]
        return Peer("GaussianMixture", complete, gaussian_mixture, laws, fits)
    if name == "EMImputer":
        laws = fit_laws.OF_FILLED
        return Peer("IterativeImputer", no_weights, iterative_imputer, laws, fits)
    if name == "EMImputer with categories":
        return None  # scikit-learn's imputers take numbers
    if LogNormalAFTFitter is None:
        print("\nlifelines is not installed: skipped")
        return None
    return Peer("LogNormalAFTFitter", positive, lognormal_aft, [results_are_finite], slow)


class Tally:
    """How many verdicts there were, and how many had each of the findings that are asked for."""

    def __init__(self, asked: Sequence[str]) -> None:
        self.asked, self.n, self.counts = asked, 0, Counter[str]()

    def add(self, verdict: Verdict) -> None:
        self.n += 1
        self.counts[REFUSED] += verdict.refused is not None
        self.counts.update({violation.law for violation in verdict.violations})

    def cell(self, finding: str) -> str:
        """Findings per 10,000; a dash where it is not asked for."""
        if finding not in self.asked:
            return "-"
        return f"{10_000 * self.counts[finding] / max(self.n, 1):.0f}"


def count(name: str, quick: bool, fits: int, slow: int, verbose: bool) -> None:
    """A table of what was found in fits of one estimator, and in those of its peer."""
    fits, slow = (100, 5) if quick else (fits, slow)
    peer = peer_of(name, fits, slow)
    findings = [REFUSED, *RAISED, *map(law_name, fit_laws.LAWS[name.split()[0]])]
    ours, same = Tally(findings), Tally(findings)
    theirs = Tally([] if peer is None else [REFUSED, *RAISED, *map(law_name, peer.laws)])
    for seed in range(fits):
        case = seeded(CASES[name], seed)
        taken = peer is not None and peer.takes(case) and theirs.n < peer.most
        verdict = judge(case)
        ours.add(verdict)
        if peer is not None and taken:
            same.add(verdict)
            theirs.add(peer.judge(case))
        if verbose:
            for law, what in verdict.violations:
                print(f"{name} {seed}: {law}: {what}")
    beside = [] if peer is None else [f"emkit, {same.n}", f"{peer.name}, {theirs.n}"]
    table = Table(f"Per 10,000 fits: {name}", ["finding", f"all {ours.n}", *beside], 48)
    for finding in findings:
        tallies = [ours] if peer is None else [ours, same, theirs]
        label = finding if finding == REFUSED else f"not: {finding}"
        table.row(label, *(tally.cell(finding) for tally in tallies))


TABLES = {
    "mixture": partial(count, "EMGaussianMixture"),
    "imputer": partial(count, "EMImputer"),
    "mixed": partial(count, "EMImputer with categories"),
    "censored": partial(count, "EMCensoredRegressor"),
}


if __name__ == "__main__":
    main(
        __doc__.splitlines()[0],
        TABLES,
        {},
        fits={"type": int, "default": 2000, "help": "fits of each estimator: %(default)s"},
        slow={"type": int, "default": 200, "help": "fits of lifelines at most: %(default)s"},
        verbose={"action": "store_true", "help": "print every violation with its seed"},
    )
