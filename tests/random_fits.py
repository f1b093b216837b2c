"""Random small fits: tables, responses and options, from hypothesis or from a seed.

A generator is given ``choose``, which picks one member of a sequence. Simple members come first, as
hypothesis shrinks towards them, and usual ones several times. Options are read from the registries,
so a new structure, law, search or acceleration is tried without a line here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from emkit import EMCensoredRegressor, EMGaussianMixture, EMImputer, MixturePrior
from emkit.engine.acceleration import ACCELERATIONS
from emkit.engine.fit import ALGORITHMS
from emkit.engine.search import SEARCHES
from emkit.models.laws.registry import LAWS
from emkit.models.mixture.starts import STARTS
from emkit.numerics.covariance import NAMES

Choose = Callable[[Sequence[Any]], Any]

#: What responses are drawn for.
DISTRIBUTIONS = list(LAWS)


@dataclass(frozen=True, eq=False)
class Case:
    """An estimator, and what it is to be fitted to."""

    estimator: Any
    X: np.ndarray
    y: np.ndarray | None = None
    sample_weight: np.ndarray | None = None

    def __repr__(self):
        """Code that makes it again, with ``from numpy import array, float32, inf, nan``."""
        with np.printoptions(threshold=10**6, floatmode="unique", linewidth=100):
            arrays = [f"{a!r}" for a in (self.X, self.y, self.sample_weight)]
        return f"Case({self.estimator!r}, {', '.join(arrays)})"


def usually(first, *others, times=4):
    """Choices of which the first is as frequent as so many of the others."""
    return [*[first] * times, *others]


def numbers(choose):
    """A generator of numbers, of which hypothesis sees the seed alone."""
    return np.random.default_rng(choose(range(2**16)))


# Tables


def clusters(rng, shape):
    return rng.normal(size=shape) + 6.0 * rng.integers(3, size=(shape[0], 1))


def with_zeros(rng, shape):
    return rng.normal(size=shape) * (rng.random(shape) < 0.5)


ROWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "clusters": clusters,
    "ties": lambda rng, shape: rng.integers(4, size=shape).astype(float),
    "half zeros": with_zeros,
    "outliers": lambda rng, shape: rng.standard_cauchy(shape),
}


def constant_column(rng, X):
    X[:, rng.integers(X.shape[1])] = 2.0
    return X


def nearly_constant_column(rng, X):
    X[:, rng.integers(X.shape[1])] = np.arange(len(X)) == 0
    return X


def collinear_column(rng, X):
    X[:, -1] = X[:, :-1].sum(axis=1)
    return X


DEFECTS = {
    "none": lambda rng, X: X,
    "duplicates": lambda rng, X: X[rng.integers(len(X) // 2 + 1, size=len(X))],
    "a constant column": constant_column,
    "one value differs": nearly_constant_column,
    "a sum of columns": collinear_column,
    "two columns are one": lambda rng, X: X[:, [0, *range(X.shape[1] - 1)]],
    "rank one": lambda rng, X: X[:, :1] * X[0],
}
#: Powers of ten that single precision takes, and those that it does not.
EXPONENTS = [3, -3, 6, -6, 9, -9, 15, -15, 24, -27]
EXTREME = [50, -50, 80, -80, 120, -120, 150, -150]


def units(choose, exponents, rng, d):
    """What columns are multiplied by: nothing, one number, or one each."""
    kind = choose(usually("none", "of the table", "of columns", times=6))
    if kind == "none":
        return 1.0
    return 10.0 ** (choose(exponents) if kind == "of the table" else rng.choice(exponents, d))


def table(choose, most_rows=80, most_columns=8, complete=False):
    """A table (n, d), NaN where a cell is missing."""
    shape = choose(range(2, most_rows + 1)), choose(range(1, most_columns + 1))
    rng = numbers(choose)
    X = ROWS[choose(list(ROWS))](rng, shape)
    X = DEFECTS[choose(usually(*DEFECTS, times=9))](rng, X)
    dtype = choose(usually(np.float64, np.float32, times=6))
    exponents = EXPONENTS if dtype == np.float32 else EXPONENTS + EXTREME
    X = (X + choose(usually(0.0, 1e3, 1e6, 1e9, 1e12, times=36))) * units(
        choose, exponents, rng, shape[1]
    )
    share = 0.0 if complete else choose(usually(0.0, 0.05, 0.2, 0.5, 0.8, times=3))
    X[rng.random(shape) < share] = np.nan
    return X.astype(dtype)


WEIGHTS = {
    "counts": lambda rng, n: rng.integers(4, size=n),
    "some are 0": lambda rng, n: (rng.random(n) < 0.7).astype(float),
    "small": lambda rng, n: np.full(n, 1e-3),
    "large": lambda rng, n: np.full(n, 1e6),
    "far apart": lambda rng, n: rng.choice([1e-3, 1.0, 1e6], n),
}


def weights(choose, n):
    kind = choose(usually(None, *WEIGHTS, times=8))
    return None if kind is None else WEIGHTS[kind](numbers(choose), n)


# Options

PRIORS = [
    "mclust",
    MixturePrior(),
    MixturePrior(weight_concentration=2.0, mean_precision=1.0),
    MixturePrior(weight_concentration=1.5, mean_precision=0.0, degrees_of_freedom=0.0),
]


def climbing(choose, tol, max_iter):
    """Options that all estimators have."""
    return {
        "acceleration": choose(usually("anderson", None, *ACCELERATIONS, times=2)),
        "tol": choose(usually(tol, 0.0, 100.0 * tol)),
        "max_iter": choose(usually(max_iter, 0, 1, 3, 30, times=8)),
        "n_init": choose(usually(1, 2, 3)),
        "random_state": choose(range(2**16)),
    }


def mixture_case(choose, most_rows=80, most_columns=8):
    """A Gaussian mixture."""
    X = table(choose, most_rows, most_columns)
    algorithm = choose(usually("em", *sorted(set(ALGORITHMS) - {"em", "mcem", "saem"}), times=6))
    # Searches that bring a form of EM along go with no other.
    searches = usually(*SEARCHES, times=6) if algorithm == "em" else ["restarts"]
    k = choose(range(1, 7))
    mixture = EMGaussianMixture(
        k,
        covariance_type=choose(NAMES),
        reg_covar=choose(usually(1e-6, 0.0, 1e-3, 1.0)),
        init_params=choose(usually(*STARTS, times=3)),
        algorithm=algorithm,
        search=choose(searches),
        prior=choose(usually(None, *PRIORS, times=8)),
        resp_init=numbers(choose).integers(k, size=len(X)) if choose([0] * 9 + [1]) else None,
        **climbing(choose, 1e-3, 100),
    )
    return Case(mixture, X, None, weights(choose, len(X)))


def imputer_case(choose, most_rows=80, most_columns=8):
    """An imputer."""
    X = table(choose, most_rows, most_columns)
    limits = [-np.inf, np.inf]
    if choose([0] * 4 + [1]) and not np.isnan(X).all():
        limits = np.nanquantile(X.astype(float), [0.3, 0.8]).tolist()
    imputer = EMImputer(
        choose([1, 1, 1, *range(1, 7)]),
        covariance_type=choose(NAMES),
        shrinkage=choose(usually("auto", 0.0, 1e-3, 0.1, 1.0)),
        search=choose(usually(*SEARCHES, times=6)),
        sample_posterior=choose([False, False, True]),
        add_indicator=choose([False, False, True]),
        keep_empty_features=choose([False, False, True]),
        min_value=limits[0],
        max_value=limits[1],
        **climbing(choose, 1e-4, 200),
    )
    return Case(imputer, X, None, weights(choose, len(X)))


LEVELS = {
    "random": lambda rng, x, n: rng.integers(n, size=len(x)),
    "of a number": lambda rng, x, n: np.argsort(np.argsort(x)) * n // len(x),
    "rare": lambda rng, x, n: np.minimum(rng.geometric(0.7, len(x)), n) - 1,
}


def mixed_imputer_case(choose, most_rows=80, most_columns=8):
    """An imputer of numbers and categories, which are the columns of a mask; numbered from 0."""
    case = imputer_case(choose, most_rows, most_columns)
    rng, X = numbers(choose), case.X
    is_category = rng.random(X.shape[1]) < choose([0.5, 0.5, 0.2, 1.0])
    is_category[-1] = True
    for j in np.flatnonzero(is_category):
        n_levels = choose(usually(2, 1, 3, 5, 12, 40, times=3))
        levels = LEVELS[choose(list(LEVELS))](rng, X[:, rng.integers(X.shape[1])], n_levels)
        X[:, j] = np.where(np.isnan(X[:, j]), np.nan, levels)
    case.estimator.set_params(categorical_features=is_category, min_value=-np.inf, max_value=np.inf)
    return case


# Responses on the line: bounds (n, 2) of what is known of y


def right_censored(rng, y):
    limit = rng.choice(y, len(y))
    return np.column_stack([np.minimum(y, limit), np.where(y > limit, np.inf, y)])


def at_a_limit(rng, y):
    """All below the same value, which is below about half of them, are censored there."""
    limit = np.median(y)
    return np.column_stack([np.where(y < limit, -np.inf, y), np.maximum(y, limit)])


def of_all_kinds(rng, y):
    low = np.where(rng.random(len(y)) < 0.4, y - rng.exponential(1.0, len(y)), y)
    high = np.where(rng.random(len(y)) < 0.4, y + rng.exponential(1.0, len(y)), y)
    low[rng.random(len(y)) < 0.1] = -np.inf
    high[rng.random(len(y)) < 0.1] = np.inf
    return np.column_stack([low, high])


def one_exact(rng, y):
    return np.column_stack([y, np.where(np.arange(len(y)) == rng.integers(len(y)), y, np.inf)])


CENSORING = {
    "exact": lambda rng, y: np.column_stack([y, y]),
    "right": right_censored,
    "at a limit": at_a_limit,
    "all kinds": of_all_kinds,
    "intervals": lambda rng, y: np.column_stack([np.floor(y), np.floor(y) + 1.0]),
    "one exact": one_exact,
    "a pile": lambda rng, y: np.column_stack([np.maximum(y, np.median(y))] * 2),
}


def responses(choose, X, log_link):
    """Bounds (n, 2) of responses to the columns of X, in whatever units."""
    rng = numbers(choose)
    largest = np.abs(X).max(axis=0, keepdims=True)
    Z = X / np.where(largest > 0.0, largest, 1.0)
    errors = rng.standard_t(3, len(X)) if choose([0, 0, 1]) else rng.normal(size=len(X))
    y = Z @ rng.normal(size=X.shape[1]) + choose(usually(1.0, 0.1, 1e-4, 0.0)) * errors
    bounds = CENSORING[choose(usually(*CENSORING, times=2))](rng, y)
    unit = units(choose, EXPONENTS + EXTREME, rng, 1)
    shift = choose(usually(0.0, 1e3, 1e6, 1e9, 1e12, times=36))
    bounds = np.exp(bounds) * unit if log_link else (bounds + shift) * unit
    if choose([0] * 7 + [1]):  # numbers that stand for infinity
        bounds = np.clip(bounds, None if log_link else -1e8 * unit, 1e8 * unit)
        bounds.sort(axis=1)
    return bounds


def regression_case(choose, most_rows=80, most_columns=8):
    """A censored regression."""
    X = table(choose, most_rows, most_columns, complete=True)
    distribution = choose(DISTRIBUTIONS)
    y = responses(choose, X.astype(float), LAWS[distribution].link.positive)
    options = {}
    if distribution == "student_t":
        options["df"] = choose(usually(4.0, 0.5, 1.0, 30.0, 1e6, "estimate"))
    if distribution == "generalized_gamma":
        options["shape"] = choose(usually(0.5, -1.0, 0.0, "estimate"))
    regressor = EMCensoredRegressor(
        distribution=distribution,
        alpha=choose(usually(0.0, 1e-3, 1.0, 1e6)),
        fit_intercept=choose([True, True, True, False]),
        search=choose(["restarts", "restarts", "short_runs"]),
        **options,
        **climbing(choose, 1e-8, 1000),
    )
    return Case(regressor, X, y, weights(choose, len(X)))


#: Generators by the name of the estimator.
CASES = {
    "EMGaussianMixture": mixture_case,
    "EMImputer": imputer_case,
    "EMImputer with categories": mixed_imputer_case,
    "EMCensoredRegressor": regression_case,
}


def strategy(generate, **sizes):
    """The hypothesis strategy of a generator."""

    @st.composite
    def cases(draw):
        return generate(lambda options: draw(st.sampled_from(options)), **sizes)

    return cases()


def seeded(generate, seed, **sizes):
    """The case of that seed."""
    rng = np.random.default_rng(seed)
    return generate(lambda options: options[rng.integers(len(options))], **sizes)
