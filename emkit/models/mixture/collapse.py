"""Components of a fitted mixture whose variance is mostly the ridge's, and what of them is data.

A fit with a ridge always ends somewhere. Where the ridge (``reg_covar``) makes up half or more of a
variance, either the rows of the component agree in that direction, so that without it the
likelihood grows without bound, or they do not, and the ridge is large beside them in the units of
the data. EM without the ridge tells which: it ends at a singular covariance, or it goes on.
"""

from copy import copy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Components

__all__ = ["MostlyRidge", "mostly_ridge"]

#: A variance below so many times what the ridge adds to it is the ridge's, not the data's.
HALF = 2.0
#: Components are judged only in columns whose variance exceeds 100 times the ridge.
LARGE_COLUMN = 100.0
#: Rounding of a log-density, in nats, by which a covariance without a ridge is all but singular.
ALL_BUT_SINGULAR = 1e-6
#: EM steps without the ridge: a component that collapses does so within a few.
STEPS = 30
#: One that has not done so, but shrank by that factor in the last of them, is on its way.
SHRINKING = 0.9


class MostlyRidge(NamedTuple):
    """Components of which some variance is mostly the ridge's."""

    #: Those that have no variance of their own there: their rows agree, or are too few. Without a
    #: ridge, those that are all but singular.
    collapsed: tuple[int, ...] = ()
    #: Those that have one, small beside the ridge.
    small: tuple[int, ...] = ()
    #: Least variance of their own of the latter, in units of the ridge.
    least: float = np.inf


def mostly_ridge(model: GaussianMixtureModel, data: Any, params: MixtureParams) -> MostlyRidge:
    """Which components have a variance that is mostly the ridge's, at fitted parameters.

    Parameters
    ----------
    model : GaussianMixtureModel
        With the ridge in its prior.
    data : Rows or Blocks
        What was fitted. It takes E-steps on them only where there are such components.
    params : MixtureParams
        Where the fit ended.
    """
    components = model.components(params)
    if components.centred_error > ALL_BUT_SINGULAR and not model.prior.ridge.any():
        return MostlyRidge(collapsed=_all_but_singular(model.layout, components))
    if _all_large(model, params):
        return MostlyRidge()
    columns = _large_columns(model, params)
    suspects = _smallest(model, params, columns) < HALF * _ridge_part(model, params)
    suspects &= params.weights > EPS  # others have no rows
    if not suspects.any():
        return MostlyRidge()
    collapsed, own = _without_ridge(model, data, params, columns, suspects)
    small = suspects & ~collapsed
    return MostlyRidge(
        tuple(np.flatnonzero(suspects & collapsed).tolist()),
        tuple(np.flatnonzero(small).tolist()),
        float(own[small].min(initial=np.inf)),
    )


def _all_but_singular(layout: Layout, components: Components) -> tuple[int, ...]:
    """Components whose log-density is hardly more than rounding."""
    shape = components.means.shape
    precisions = layout.diagonals(components.precisions, shape)
    variances = layout.diagonals(components.covariances, shape)
    error = EPS * (precisions * variances).sum(axis=1)
    return tuple(np.flatnonzero(error >= min(ALL_BUT_SINGULAR, error.max())).tolist())


def _all_large(model: GaussianMixtureModel, params: MixtureParams) -> bool:
    """Whether no variance can be mostly the ridge's: a bound that costs next to nothing."""
    weights, layout = params.weights, model.layout
    smallest = float(weights.min()) * len(weights)  # they sum to 1 but for rounding
    if smallest * LARGE_COLUMN < 1.0:
        return False
    # The smallest eigenvalue of C in units of the ridge R is at least 1 / tr(R C^-1).
    precisions = layout.diagonals(model.components(params).precisions, params.means.shape)
    return HALF * float((precisions @ model.prior.ridge).max()) < 0.99 * min(smallest, 1.0)


def _large_columns(model: GaussianMixtureModel, params: MixtureParams) -> NDArray[np.intp]:
    """Columns beside which the ridge is small: of others the fit has warned."""
    weights, means = params.weights / params.weights.sum(), params.means
    variances = model.layout.diagonals(params.covariances, means.shape)
    whole = weights @ (variances + (means - weights @ means) ** 2)
    ridge = model.prior.ridge
    return np.flatnonzero((ridge > 0.0) & (whole > LARGE_COLUMN * ridge))


def _smallest(model: GaussianMixtureModel, params: MixtureParams, columns: Any) -> Array:
    """Smallest eigenvalue of each covariance in some columns, in units of the ridge; (K,)."""
    layout, shape, ridge = model.layout, params.means.shape, model.prior.ridge[columns]
    if not len(columns):
        return np.full(shape[0], np.inf)
    covariances = layout.marginal(params.covariances, columns)
    with np.errstate(over="ignore", divide="ignore"):  # far above the ridge
        if layout.independent:
            variances: Array = layout.diagonals(covariances, (shape[0], len(columns)))
            smallest: Array = (variances / ridge).min(axis=1)
            return smallest
        # 1 / |W R^(1/2)|^2: eigenvalues would drown where the columns have units far apart.
        factor = layout.dense(layout.whitening(covariances), shape[0], len(columns))
        return 1.0 / np.linalg.norm(factor * np.sqrt(ridge), 2, axis=(-2, -1)) ** 2


def _ridge_part(model: GaussianMixtureModel, params: MixtureParams) -> Array:
    """What the ridge adds to each covariance, in its own units: a covariance of it alone; (K,)."""
    layout, structure, (k, d) = model.layout, model.structure, params.means.shape
    weights = params.weights  # with that of noise, if there is any, they sum to 1
    one = layout.prior_from_diagonal(np.full(d, 1.0 / layout.n_covariances(k)))
    alone = np.broadcast_to(one, params.covariances.shape)
    # Rows of the prior bear the ridge too: of a component with hardly a row of data all but them.
    total = model.total_weight
    counts = model.prior.counts(layout, weights * total, total, d) / total
    own = structure.estimate(alone, counts, layout.identity(k, d))
    return layout.diagonals(own, (k, d))[:, 0]


def _without_ridge(
    model: GaussianMixtureModel,
    data: Any,
    params: MixtureParams,
    columns: NDArray[np.intp],
    suspects: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], Array]:
    """Which components collapse in EM without the ridge, and the least variance of each then.

    It ends where all suspects have collapsed, whatever becomes of others.
    """
    bare = copy(model)
    bare.prior = model.prior._replace(ridge=np.zeros_like(model.prior.ridge))
    collapsed = np.zeros(len(params.weights), dtype=bool)
    own = before = np.full(len(params.weights), np.inf)
    try:
        for _ in range(STEPS):
            image = bare.m_step(data.sum(partial(_e_step, bare, params))[0], params)
            collapsed |= _singular(model.layout, image.covariances, len(collapsed))
            if collapsed.any() and not model.structure.closed:  # what they share collapses for all
                collapsed[:] = True
            if collapsed[suspects].all():
                break
            if collapsed.any():  # these stay as they were, or no E-step could be taken
                stays = model.layout.align(collapsed)
                covariances = np.where(stays, params.covariances, image.covariances)
                image = image._replace(covariances=covariances)
            params, before, own = image, own, _smallest(model, image, columns)
    except np.linalg.LinAlgError:  # of cells that are missing: as singular as can be
        collapsed[:] = True
    return collapsed | (own < SHRINKING * before), own


def _e_step(model: GaussianMixtureModel, params: MixtureParams, rows: Any) -> tuple[Any, float]:
    return model.e_step(rows, params)


def _singular(layout: Layout, covariances: Array, n_components: int) -> NDArray[np.bool_]:
    """Which components have no covariance by which to whiten; all, of a shared one; (K,)."""
    found = np.zeros(n_components, dtype=bool)
    each = (covariances,) if layout.shared else covariances[:, None]
    for k, covariance in enumerate(each):
        try:
            layout.whitening(covariance)
        except np.linalg.LinAlgError:
            found[... if layout.shared else k] = True
    return found
