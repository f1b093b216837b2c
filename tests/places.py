"""Places where rows may lie, and estimators that must not care, which several tests share."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tables import Parts, Slices, cut

import emkit.data.memory
import emkit.data.source
import emkit.models.rows
from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer
from emkit.models.laws.registry import LAWS
from emkit.numerics.covariance import NAMES

#: Rows, their columns, components of a mixture, rows of a block or a chunk.
N, D, K, BLOCK = 1500, 3, 3, 400
#: Chunks of a collection, one of them without rows.
CHUNKS = (BLOCK, 0, 1100)
#: A collection lies on the cluster, or is computed by this process ("dask").
PLACES = ("memory", "map", "slices", "blocks", "cluster", "dask")
#: Modules that cut rows into blocks, with the size that they have outside of tests.
SIZES = (emkit.data.memory, emkit.data.source, emkit.models.rows)
BLOCK_ROWS = emkit.models.rows.BLOCK_ROWS


class Put:
    """Puts arrays in a place, the rows of X, y and weights alike; None stays what it is."""

    def __init__(self, place, folder):
        self.place, self.folder, self.number = place, folder, 0

    def __call__(self, values, size=BLOCK):
        return None if values is None else getattr(self, f"_{self.place}")(values, size)

    def all(self, *many):
        return tuple(self(values) for values in many)

    def _memory(self, values, size):
        return values

    def _map(self, values, size):
        self.number += 1
        path = self.folder / f"{self.number}.npy"
        np.save(path, values)
        return np.load(path, mmap_mode="r")

    def _slices(self, values, size):
        return Slices(values)

    def _blocks(self, values, size):
        return cut(values, size) if len(values) else Parts(values)

    def _dask(self, values, size):
        da = pytest.importorskip("dask.array")
        chunks = CHUNKS if len(values) == N and size == BLOCK else size
        return da.from_array(values, chunks=(chunks, *values.shape[1:]))


def set_sizes(monkeypatch, size, large=0):
    """How rows are cut into blocks, and from how many bytes memory maps are read so."""
    for module in SIZES:
        monkeypatch.setattr(module, "BLOCK_ROWS", size)
    monkeypatch.setattr(emkit.data.source, "LARGE_FILE", large)


def gathered(rows):
    """Rows that may be lazy, as an array."""
    if hasattr(rows, "compute"):
        return rows.compute()
    return np.asarray(rows) if hasattr(rows, "shape") else np.concatenate(list(rows))


# Data


def clusters(missing=0.0, seed=0, n=N, apart=1.0):
    """Rows about three centres; where some miss cells, blocks are complete and one row is empty."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D)) + apart * rng.choice([-3.0, 0.0, 4.0], (n, 1))
    holes = rng.random(X.shape) < missing
    holes[: n // 3] = False
    X[holes] = np.nan
    if missing:
        X[n // 2] = np.nan
    return X


def table(constants=False, n=N):
    """Rows with holes, some of them without a value; perhaps beside columns that do not vary."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, D)) @ rng.normal(size=(D, D)) + np.arange(D)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 0] = np.where(np.arange(n) < BLOCK, 1.0, X[:, 0])  # complete and constant in one block
    X[[5, min(BLOCK, n - 1), n - 1]] = np.nan
    if constants:
        X = np.insert(X, [1, 2], [7.0, np.nan], axis=1)
        X[BLOCK + 3 : n : 5, 1] = np.nan
    return X


def responses(distribution="normal", n=N, seed=0):
    """X, and [lower, upper] of every kind."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D)) * [1.0, 20.0, 0.1] + [0.0, 300.0, 5.0]
    y = 1.0 + X @ [1.0, 0.05, 5.0] + rng.standard_t(5, size=n)
    kind, gap = rng.integers(5, size=n), rng.uniform(0.2, 1.5, size=(2, n))
    low = np.select([kind == 2, kind > 2], [-np.inf, y - gap[0]], y)
    high = np.select([kind == 3, kind == 2, kind == 4], [np.inf, y + gap[1], y + gap[1]], y)
    Y = np.column_stack([low, high])
    Y[7] = -np.inf, np.inf  # says nothing
    return X, np.exp(Y / 10.0) if distribution == "lognormal" else Y


def frequencies(n=N, seed=1):
    """Weights, of which some are 0, and all of the first block."""
    weights = np.random.default_rng(seed).integers(0, 3, n).astype(float)
    weights[:BLOCK] = 0.0
    return weights


# Estimators


class Case(NamedTuple):
    """An estimator that leaves nothing to chance, with data for it."""

    name: str
    make: Callable[..., Any]
    X: np.ndarray
    y: np.ndarray | None
    learned: tuple[str, ...]  #: attributes that are compared
    of_rows: dict[str, Callable[..., Any]]  #: what is told of every row: f(fitted, X, y)
    scores: tuple[str, ...]
    tol: float = 1e-10

    def fit(self, X, y=None, weights=None, **options):
        target = () if self.y is None else (y,)
        return self.make(**options).fit(X, *target, sample_weight=weights)

    def score(self, fitted, name, X, y=None, weights=None):
        target = () if self.y is None else (y,)
        return getattr(fitted, name)(X, *target, sample_weight=weights)

    @cache  # noqa: B019
    def whole(self, weighted=False, **options):
        """The fit to the rows in memory, in one block."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            set_sizes(monkeypatch, BLOCK_ROWS, large=2**60)
            return self.fit(self.X, self.y, frequencies() if weighted else None, **options)

    def agree(self, found, expected, tol=None):
        tol = self.tol if tol is None else tol
        for name in self.learned:
            assert_allclose(
                getattr(found, name), getattr(expected, name), rtol=tol, atol=tol, err_msg=name
            )
        assert found.converged_ == expected.converged_

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return self is other


def given_start(covariance_type):
    precisions = {
        "full": np.array([np.eye(D)] * K),
        "tied": np.eye(D),
        "diag": np.ones((K, D)),
        "spherical": np.ones(K),
    }
    return {
        "weights_init": [0.2, 0.3, 0.5],
        "means_init": np.outer([-2.0, 1.0, 3.0], np.ones(D)),
        "precisions_init": precisions.get(covariance_type),
    }


def _mixture(covariance_type, missing):
    # Plain steps from a given start: an extrapolation would enlarge the rounding.
    steps = {"tol": 0.0, "max_iter": 6, "acceleration": None, "random_state": 0}
    options = {"covariance_type": covariance_type, **given_start(covariance_type), **steps}
    return Case(
        f"mixture-{covariance_type}{'-missing' * (missing > 0)}",
        lambda **more: EMGaussianMixture(K, **{**options, **more}),
        clusters(missing),
        None,
        ("weights_", "means_", "covariances_", "precisions_cholesky_", "history_", "n_iter_",
         "n_samples_seen_"),
        {
            "predict": lambda fitted, X, y: fitted.predict(X),
            "predict_proba": lambda fitted, X, y: fitted.predict_proba(X),
            "score_samples": lambda fitted, X, y: fitted.score_samples(X),
            "impute": lambda fitted, X, y: fitted.impute(X),
        },
        ("score", "aic", "bic", "icl"),
    )  # fmt: skip


def _noisy_mixture(covariance_type):
    """Some of the clusters' rows are noise, whose volume is that of the rows."""
    case = _mixture(covariance_type, 0.0)
    return case._replace(
        name=f"mixture-noise-{covariance_type}",
        make=lambda **more: case.make(noise=True, **{"weights_init": [0.1, 0.3, 0.5], **more}),
        learned=(*case.learned, "noise_weight_", "noise_volume_"),
    )


def _imputer(n_components=1, covariance_type="full", constants=False, name="imputer"):
    options = {"add_indicator": True, "covariance_type": covariance_type, "random_state": 0}
    if n_components > 1:
        options |= {"n_init": 2, "tol": 0.0, "max_iter": 6, "acceleration": None}
    return Case(
        name,
        lambda **more: EMImputer(n_components, **{**options, **more}),
        table(constants),
        None,
        ("weights_", "means_", "covariances_", "location_", "covariance_", "missing_fraction_",
         "log_likelihood_", "n_samples_seen_", "shrinkage_", "history_", "n_iter_"),
        {
            "score_samples": lambda fitted, X, y: fitted.score_samples(X),
            "transform": lambda fitted, X, y: fitted.transform(X),
        },
        ("score",),
        1e-10 if n_components == 1 else 1e-8,
    )  # fmt: skip


def _regressor(distribution):
    # A shape that is estimated takes many fits.
    options = {"distribution": distribution, "shape": 0.5}
    options |= {"alpha": 1.0, "tol": 0.0, "max_iter": 5000}
    return Case(
        f"regressor-{distribution}",
        lambda **more: EMCensoredRegressor(**{**options, **more}),
        *responses(distribution),
        ("coef_", "intercept_", "scale_", "standard_errors_", "log_likelihood_"),
        {
            "predict": lambda fitted, X, y: fitted.predict(X),
            "quantile": lambda fitted, X, y: fitted.predict_quantile(X),
            "interval": lambda fitted, X, y: fitted.predict_interval(X, 0.9),
            "survival": lambda fitted, X, y: fitted.predict_survival_function(X, [2.0, 40.0]),
            "score_samples": lambda fitted, X, y: fitted.score_samples(X, y),
            "impute": lambda fitted, X, y: fitted.impute(X, y),
        },
        ("score", "aic", "bic"),
    )


CASES = [
    *(_mixture(name, missing) for name in NAMES for missing in (0.0, 0.2)),
    _noisy_mixture("full"),
    _noisy_mixture("diag"),
    _imputer(),
    _imputer(constants=True, name="imputer-constants"),
    *(_imputer(2, name, name=f"imputer-2-{name}") for name in NAMES),
    *map(_regressor, LAWS),
]
BY_NAME = {case.name: case for case in CASES}
#: One of every estimator.
MIXTURE, IMPUTER, REGRESSOR = (
    BY_NAME[name] for name in ("mixture-full-missing", "imputer", "regressor-normal")
)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_estimator = pytest.mark.parametrize(
    "case", [MIXTURE, IMPUTER, REGRESSOR], ids=["mixture", "imputer", "regressor"]
)
#: Fits that are stopped on purpose, and data whose columns are constant or empty.
quiet = [
    pytest.mark.filterwarnings("ignore:Best performing:sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The fit did not conv:sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Nothing is observed:emkit.exceptions.DataWarning"),
]


def places(*names):
    """Parametrises a test by some of the places alone."""
    return pytest.mark.parametrize("put", names, indirect=True)


#: Where a fit can be, and where rows are read block by block.
to_fit, sources = places("memory", "map", "slices", "blocks", "cluster"), places("slices", "blocks")
