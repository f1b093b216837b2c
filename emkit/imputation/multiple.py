"""Multiple imputation: tables that are drawn with the uncertainty of the parameters in them."""

from copy import copy
from numbers import Integral
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.base.progress import Progress
from emkit.data.limited_table import limited_table
from emkit.data.opened import place_of
from emkit.engine.processes import as_worker_errors
from emkit.imputation.auto import as_chosen
from emkit.imputation.coding import encode, encoded_table
from emkit.imputation.fitting import fit_table
from emkit.imputation.mixed import undo_optimism
from emkit.imputation.table import Table, load_table, open_table

__all__ = ["multiple_impute"]

#: Times the tolerance of a fit of one normal, which is for one answer; resamples are draws of the
#: parameters, whose log-likelihoods lie apart by half a nat a parameter.
OF_RESAMPLES = 10.0
#: Least weight of a row that counts, as a part of its own: so that it stays in the fit.
LEAST_WEIGHT = 1e-12


def multiple_impute(
    imputer: Any,
    X: Any,
    n_imputations: int,
    random_state: Any,
    sample_weight: Any,
    X_fit: Any,
) -> list[Any]:
    """X imputed several times over, each time under another fit; see `EMImputer`."""
    if not isinstance(n_imputations, Integral) or n_imputations < 1:
        raise ValueError(f"n_imputations must be an int, at least 1. Got {n_imputations!r}.")
    rows, name = (X, "X") if X_fit is None else (X_fit, "X_fit")
    if not place_of(rows).in_memory:
        raise ValueError(
            f"multiple_impute fits the rows under many weights, for which {name} must be in "
            f"memory. Got {type(rows).__name__}. Give a sample of the rows as X_fit; or take "
            "transform with sample_posterior=True and several random_state, which leaves the "
            "uncertainty of the parameters out: little, where rows are many."
        )
    source = imputer.random_state if random_state is None else random_state
    seeds = check_random_state(source).randint(2**31, size=n_imputations + 1)
    whole = _with(clone(imputer), random_state=int(seeds[0]), warm_start=False)
    whole.fit(rows, sample_weight=sample_weight)
    encoded = encoded_table(whole, X)
    X = X if encoded is None else encoded
    if encoded is not None:
        rows = encoded if X_fit is None else encode(whole, rows, whole._coding, fitting=True)
    elif whole._limited:
        rows = limited_table(whole, rows, fitting=True)
    open_table(whole, X)  # what is wrong with it is found before more is fitted
    table = load_table(whole, open_table(whole, rows, sample_weight))
    _with(whole, sample_posterior=True, warm_start=True, n_jobs=None, verbose=0)
    if as_chosen(whole).n_components == 1:
        _with(whole, tol=OF_RESAMPLES * whole.tol)
    # Workers fill what is in memory; what is read block by block is filled where it is read.
    filled = X if encoded is not None or place_of(X).in_memory else None
    run = joblib.delayed(_resampled)
    with as_worker_errors():
        tables = joblib.Parallel(imputer.n_jobs)(
            run(whole, rows, table, int(seed), filled) for seed in seeds[1:]
        )
    return list(tables) if filled is not None else [fitted.transform(X) for fitted in tables]


def _resampled(whole: Any, rows: Any, table: Table, seed: int, X: Any) -> Any:
    """A fit to the rows under bootstrap weights; what it fills X with, where X is not None."""
    imputer = _with(copy(whole), random_state=seed)
    # The fit to the rows as they are has said what there is to say of them.
    imputer.__dict__.pop("_skl_callbacks", None)
    weights = None
    if table.data is not None:
        given, n = table.data.sample_weight, len(table.data.X)
        frequencies = np.ones(n) if given is None else given
        weights = bootstrap_weights(frequencies, np.random.default_rng(seed))
        table = table._replace(data=table.data.weighing(weights))
    fit_table(imputer, table, lambda message: None, Progress(imputer, rows, None, weights))
    undo_optimism(imputer, whole)
    return imputer if X is None else imputer.transform(X)


def _with(imputer: Any, **parameters: Any) -> Any:
    """The imputer, changed; a subclass need not take all parameters that it has."""
    vars(imputer).update(parameters)
    return imputer


def bootstrap_weights(frequencies: Array, rng: np.random.Generator) -> Array:
    """Weights of the Bayesian bootstrap, of the same sum: a Dirichlet draw.

    A row that stands for several has the weight of so many rows together. None that counts gets
    lost, so every column has the values, and a mixture the rows, that it has without.
    """
    weights = np.maximum(rng.standard_gamma(frequencies), LEAST_WEIGHT * frequencies)
    out: Array = weights * (frequencies.sum() / weights.sum())
    return out
