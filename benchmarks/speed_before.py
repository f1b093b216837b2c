"""Two builds of emkit in turn: the one of another Python before, and this one; with peers beside.

``python benchmarks/speed_before.py --before PYTHON``, of an environment where another revision is
installed (``pip install "emkit @ git+file:///path/of/the/repository@REVISION"``). Every figure is
the least of some CPU times on one thread, the builds taking turns in processes of their own; what
they found is compared. ``--quick`` takes each work once; ``--works`` some of them.
"""

import os

# One BLAS thread for every peer. NumPy reads this when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from _common import Array, Table, gaussian_clusters, main, met, run
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV

from emkit import EMGaussianMixture, EMImputer
from emkit.metrics import concordance_index

Found = tuple[float, float]  # seconds, and a number to compare


class Work(NamedTuple):
    """Something that is timed; and what the ratios are to be at least."""

    run: Callable[[str], Found]  #: by the name of who does it
    before: float | None = None  #: time of the build before over that of this one
    peer: float | None = None  #: time of scikit-learn over that of this one


def best(work: Callable[[], float], repeats: int, calls: int = 1) -> Found:
    """Least CPU time of a call, after one that warms up, and what the last one returned."""
    answer, times = work(), []
    for _ in range(repeats):
        began = time.process_time()
        for _ in range(calls):
            answer = work()
        times.append((time.process_time() - began) / calls)
    return min(times), float(answer)


def mixture_of(who: str) -> type:
    return GaussianMixture if who == "scikit-learn" else EMGaussianMixture


def predict_one(method: str, who: str) -> Found:
    X = load_iris().data
    mixture = mixture_of(who)(3, random_state=0).fit(X)
    row, asked = X[:1], getattr(mixture, method)
    return best(lambda: np.ravel(asked(row))[0], 7, 200)


def fit_small(covariance_type: str, who: str) -> Found:
    X = load_iris().data
    mixture = mixture_of(who)(3, covariance_type=covariance_type, random_state=0)
    return best(lambda: clone(mixture).fit(X).score(X), 7, 20)


def grid_search(who: str) -> Found:
    X = load_iris().data
    grid = {
        "n_components": range(1, 11),
        "covariance_type": ["full", "tied", "diag", "spherical"],
    }
    search = GridSearchCV(mixture_of(who)(random_state=0), grid, cv=5)
    return best(lambda: clone(search).fit(X).best_score_, 3)


def step(n: int, d: int, k: int, covariance_type: str, dtype: str, who: str) -> Found:
    """A step of EM: the difference of a long and a short fit."""
    X, _, means, _ = gaussian_clusters(n, d, k)
    X = X.astype(dtype)
    start = means + np.random.default_rng(1).normal(scale=0.5, size=means.shape)
    mixture = mixture_of(who)(
        k, covariance_type=covariance_type, tol=0.0, means_init=start, init_params="random"
    )
    mixture.set_params(
        weights_init=np.full(k, 1.0 / k), precisions_init=_units(k, d, covariance_type)
    )
    if who != "scikit-learn":
        mixture.set_params(acceleration=None)

    def fit(steps: int) -> float:
        return float(clone(mixture).set_params(max_iter=steps).fit(X).lower_bound_)

    short, long = (best(partial(fit, steps), 3) for steps in (2, 12))
    return (long[0] - short[0]) / 10.0, long[1]


def _units(k: int, d: int, covariance_type: str) -> Array:
    return np.ones((k, d)) if covariance_type == "diag" else np.tile(np.eye(d), (k, 1, 1))


def many_components(who: str) -> Found:
    X = gaussian_clusters(20_000, 6, 200, distance=8.0).X
    mixture = mixture_of(who)(200, covariance_type="diag", random_state=0)
    return best(lambda: clone(mixture).fit(X).score(X), 2)


def factors(n: int, d: int, share: float) -> Array:
    """Normal rows of three common factors and unit noise, cells missing at random."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 3)) @ rng.standard_normal((3, d)) + rng.standard_normal((n, d))
    return np.where(rng.random((n, d)) < share, np.nan, X)


def impute(n: int, d: int, share: float, who: str) -> Found:
    X = factors(n, d, share)

    def whole() -> float:
        imputer = EMImputer(random_state=0)
        imputer.fit_transform(X)
        return float(imputer.log_likelihood_)

    return best(whole, 2)


def impute_many(who: str) -> Found:
    X = factors(10_000, 20, 0.2)
    imputer = EMImputer(random_state=0)

    def whole() -> float:
        tables = imputer.fit(X).multiple_impute(X, m=20)
        return float(np.mean([table.mean() for table in tables]))

    return best(whole, 1)


def sample(who: str) -> Found:
    mixture = mixture_of(who)(5, random_state=0).fit(gaussian_clusters(5_000, 10, 5).X)
    return best(lambda: mixture.sample(100_000)[0].shape[0], 5)


def concordance(who: str) -> Found:
    rng = np.random.default_rng(0)
    time_to, event, risk = (
        rng.exponential(size=20_000),
        rng.random(20_000) < 0.7,
        rng.random(20_000),
    )
    target = np.column_stack([time_to, np.where(event, time_to, np.inf)])
    return best(lambda: concordance_index(target, risk), 5)


WORKS = {
    "predict of one row": Work(partial(predict_one, "predict"), peer=1.0),
    "predict_proba of one row": Work(partial(predict_one, "predict_proba"), peer=1.0),
    "score_samples of one row": Work(partial(predict_one, "score_samples"), peer=1.0),
    **{
        f"fit 150 x 4, K=3, {kind}": Work(partial(fit_small, kind), peer=1.5)
        for kind in ("full", "tied", "diag", "spherical")
    },
    "200 fits in a GridSearchCV": Work(grid_search, peer=1.5),
    "step 20000 x 50, K=10, full": Work(partial(step, 20_000, 50, 10, "full", "d"), before=1.4),
    "step 5000 x 100, K=10, full": Work(partial(step, 5_000, 100, 10, "full", "d"), before=1.4),
    "step 100000 x 10, K=10, float32": Work(
        partial(step, 100_000, 10, 10, "full", "f"), before=1.4
    ),
    "step 100000 x 10, K=10, diag": Work(partial(step, 100_000, 10, 10, "diag", "d"), peer=8.0),
    "step 100000 x 2, K=5, full": Work(partial(step, 100_000, 2, 5, "full", "d"), peer=25.0),
    "fit 20000 x 6, K=200, diag": Work(many_components, peer=3.0),
    "impute 5000 x 100, 30 %": Work(partial(impute, 5_000, 100, 0.3), before=2.0),
    "impute 100000 x 20, 20 %": Work(partial(impute, 100_000, 20, 0.2), before=1.5),
    "impute 10000 x 10, 10 %": Work(partial(impute, 10_000, 10, 0.1)),
    "multiple_impute(m=20) 10000 x 20": Work(impute_many),
    "sample of 100000, d=10": Work(sample, peer=1.5),
    "concordance of 20000": Work(concordance),
}
#: Works that scikit-learn has too.
SHARED = {name for name, work in WORKS.items() if work.peer is not None}


def child(name: str, who: str) -> dict[str, Any]:
    warnings.simplefilter("ignore")  # of peers that did not converge in so many steps
    seconds, answer = WORKS[name].run(who)
    return {"seconds": seconds, "answer": answer}


def compare(name: str, before: str, repeats: int) -> list[str]:
    """Cells of a work: times of both builds and of scikit-learn, ratios, answers apart."""
    peers = {"before": before, "now": sys.executable}
    if name in SHARED:
        peers["scikit-learn"] = sys.executable
    if not before:
        del peers["before"]
    times: dict[str, list[float]] = {who: [] for who in peers}
    answers = {}
    for _ in range(repeats):
        for who, python in peers.items():
            output = run([python, sys.argv[0], "--child", "work", name, who])
            found = json.loads(output.splitlines()[-1])
            times[who].append(found["seconds"])
            answers[who] = found["answer"]
    least = {who: min(values) for who, values in times.items()}
    cells = []
    for who, required in (("before", WORKS[name].before), ("scikit-learn", WORKS[name].peer)):
        if who not in least:
            cells += ["-", "-", ""]
            continue
        ratio = least[who] / least["now"]
        reached = "" if required is None else f"{required:g} {met(ratio >= required)}"
        cells += [f"{1e3 * least[who]:.3f}", f"{ratio:.2f}", reached]
    apart = abs(answers["now"] / answers.get("before", np.nan) - 1.0)
    return [f"{1e3 * least['now']:.3f}", *cells, f"{apart:.0e}"]


def builds(quick: bool, before: str, works: str) -> None:
    columns = ["work", "now ms", "before ms", "ratio", "asked"]
    columns += ["scikit-learn ms", "ratio", "asked", "answers apart"]
    table = Table("CPU time, least of some processes", columns, 34)
    for name in works.split(";") if works else WORKS:
        table.attempt(name, partial(compare, name, before, 1 if quick else 3))


TABLES = {"builds": builds}

if __name__ == "__main__":
    main(
        __doc__.splitlines()[0],
        TABLES,
        {"work": child},
        before={"default": "", "metavar": "PYTHON", "help": "with another revision installed"},
        works={"default": "", "help": "names of works, with semicolons between; all by default"},
    )
