"""The model that a fitted mixture stands for, as it is evaluated on rows."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from emkit.mixture.coding import coding_of
from emkit.mixture.fitted import fitted_structure, model_as_set, model_of_fit
from emkit.mixture.flat import Flat
from emkit.mixture.mixed import fitted
from emkit.mixture.noise_fitted import with_fitted_noise
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.interval_cells import IntervalMixtureModel
from emkit.numerics.covariance import Structure

__all__ = ["fitted_model"]

#: Of every fitted mixture: what it was asked last, and the model and parameters of that.
_EVALUATED: WeakKeyDictionary[Any, tuple[Any, Any, Any]] = WeakKeyDictionary()


def fitted_model(mixture: Any, incomplete: bool, limited: bool = False) -> tuple[Any, Any]:
    """The model and its parameters, of the columns that the fit kept.

    ``incomplete`` says whether cells are missing in what it is to be evaluated on, ``limited``
    whether some have bounds. It is kept with what it has worked out of the parameters, for as long
    as the attributes are the same.
    """
    structure, flat = fitted_structure(mixture), getattr(mixture, "_flat", None)
    coding = coding_of(mixture)
    n_kept = mixture.means_.shape[1] if flat is None else len(flat.kept)
    if coding is not None and not n_kept:
        return fitted(mixture, None, None)
    now = incomplete, structure.name, mixture.__dict__.get("_internal"), _stated(mixture)
    before, model, params = _EVALUATED.get(mixture, (None, None, None))
    if before is None or before[2] is not now[2] or before != now:
        model, params = _model_now(mixture, structure, flat)
        _EVALUATED[mixture] = now, model, params
    model.incomplete = incomplete  # which who was given it may have changed
    if limited:
        model = IntervalMixtureModel.of(model)
        model.exact_masses = True
    if coding is not None:
        return fitted(mixture, model, params)
    return with_fitted_noise(mixture, model, params)


def _stated(mixture: Any) -> tuple[bytes, ...]:
    """What the attributes say, to the last digit."""
    names = ("weights_", "means_", "precisions_cholesky_", "df_", "noise_weight_")
    return tuple(np.asarray(vars(mixture).get(name, 0.0)).tobytes() for name in names)


def _model_now(
    mixture: Any, structure: Structure, flat: Flat | None
) -> tuple[GaussianMixtureModel, MixtureParams]:
    of_fit = model_of_fit(mixture, flat)
    return model_as_set(mixture, structure, flat) if of_fit is None else of_fit
