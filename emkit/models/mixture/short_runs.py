"""Short runs of EM from several partitions side by side: which of them leads to the best start.

The components of all runs make one kernel, so that on short data several runs cost little more than
one. A covariance that the components of a run share stands in it once for each of them.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.covariance import Structure
from emkit.numerics.gaussian import CompleteKernel, Components, Moments, choose_complete

__all__ = ["best_partition"]


class Run(NamedTuple):
    """Where a short run ended, and its objective there."""

    params: MixtureParams
    objective: float


def best_partition(
    model: GaussianMixtureModel,
    data: Rows,
    n_components: int,
    partitions: NDArray[np.intp],
    n_steps: int,
) -> MixtureParams | None:
    """Parameters of the best of the partitions after some steps; None where all collapse.

    Data are complete rows, and each of the partitions (m, n) labels them from 0.
    """
    # A model or a structure with an M-step of its own may say how many components there are.
    together = type(model) is GaussianMixtureModel and type(model.structure) is Structure
    batches = [partitions] if together else [labels[None] for labels in partitions]
    try:
        runs = [run for batch in batches for run in _run(model, data, n_components, batch, n_steps)]
    except np.linalg.LinAlgError:
        runs = []
        for labels in partitions:
            try:
                runs += _run(model, data, n_components, labels[None], n_steps)
            except np.linalg.LinAlgError:
                continue
    return max(runs, key=lambda run: run.objective).params if runs else None


@unbuffered()
def _run(
    model: GaussianMixtureModel,
    data: Rows,
    n_components: int,
    partitions: NDArray[np.intp],
    n_steps: int,
) -> list[Run]:
    """Runs from some partitions; component k of run m is component k n_runs + m of all."""
    n_runs, d = len(partitions), data.X.shape[1]
    n_all = n_components * n_runs
    unit = model.layout.identity(n_all, d)
    if model.layout.shared:
        unit = np.stack([unit] * n_runs)
    params = MixtureParams(np.full(n_all, 1.0 / n_all), np.zeros((n_all, d)), unit)
    resp = np.zeros((n_all, len(data.X)))
    for m, labels in enumerate(partitions):
        resp[labels * n_runs + m, np.arange(len(labels))] = 1.0
    params = _m_step(model, _moments(model, data, params, n_runs, resp), params, n_runs)
    for _ in range(n_steps):
        params = _m_step(model, _moments(model, data, params, n_runs), params, n_runs)
    objectives, components = _objectives(model, data, params, n_runs)
    ends = []
    for m in range(n_runs):
        one = _one(model, params, m, n_runs)
        one = one._replace(weights=one.weights / one.weights.sum())
        prior = _log_prior(model, one, components, m, n_runs)
        ends.append(Run(one, float(objectives[m]) + prior))
    return ends


def _one(model: GaussianMixtureModel, params: MixtureParams, m: int, n_runs: int) -> MixtureParams:
    """Parameters of one run."""
    weights, means, covariances = params
    own = covariances[m] if model.layout.shared else covariances[m::n_runs]
    return MixtureParams(weights[m::n_runs], means[m::n_runs], own)


def _m_step(
    model: GaussianMixtureModel, stats: Moments, params: MixtureParams, n_runs: int
) -> MixtureParams:
    """Parameters of all runs from the moments of their components."""
    if not model.layout.shared:
        return model.m_step(stats, params)
    runs = []
    for m in range(n_runs):
        n, first, scatter = (part[m::n_runs] for part in stats)
        moments = Moments(n, first, scatter.sum(axis=0))
        runs.append(model.m_step(moments, _one(model, params, m, n_runs)))
    weights = np.stack([run.weights for run in runs], axis=1).ravel()
    means = np.stack([run.means for run in runs], axis=1).reshape(params.means.shape)
    return MixtureParams(weights, means, np.stack([run.covariances for run in runs]))


def _components(model: GaussianMixtureModel, params: MixtureParams) -> Components:
    """The components of all runs, each with a covariance of its own."""
    if not model.layout.shared:
        return model.components(params)
    with np.errstate(divide="ignore"):
        log_weights = np.log(params.weights)
    covariances, factor = params.covariances, model.layout.whitening(params.covariances)
    each = np.arange(len(log_weights)) % len(covariances)
    own = replace(model.layout, shared=False)
    return Components.of(own, log_weights, params.means, covariances[each], factor[each])


def _log_prior(
    model: GaussianMixtureModel, one: MixtureParams, of_all: Components, m: int, n_runs: int
) -> float:
    """Log-density of the prior at one run, whose components are among those of all."""
    if model.prior.is_flat:
        return 0.0
    own = m if model.layout.shared else slice(m, None, n_runs)
    components = of_all._replace(
        means=one.means,
        covariances=one.covariances,
        factor=of_all.factor[own],
        precisions=of_all.precisions[own],
    )
    return model.prior.log_density(model.layout, one.weights, components, model.total_weight)


def _bound(model: GaussianMixtureModel, params: MixtureParams) -> CompleteKernel:
    own = replace(model.layout, shared=False)
    return choose_complete(own, _components(model, params), model.units)


def _moments(
    model: GaussianMixtureModel,
    data: Rows,
    params: MixtureParams,
    n_runs: int,
    given: Array | None = None,
) -> Moments:
    """Moments of all components, by responsibilities at the parameters or by those ``given``."""
    kernel, total = _bound(model, params), None
    for rows in kernel.pieces(len(data.X), data.groups):
        tile = data.take(rows)
        log_joint, work = kernel.log_joint(tile.X)
        if given is None:
            shape = log_joint.shape
            resp = soft(log_joint.reshape(-1, n_runs * shape[1]))[0].reshape(shape)
        else:
            resp = given[:, rows]
        if tile.sample_weight is not None:
            resp = resp * tile.sample_weight
        moments = kernel.moments(work, resp)
        total = moments if total is None else Moments(*map(np.add, total, moments))
    assert total is not None
    return kernel.from_tile_sums(total)


def _objectives(
    model: GaussianMixtureModel, data: Rows, params: MixtureParams, n_runs: int
) -> tuple[Array, Components]:
    """Log-likelihood of each run up to a constant, and the components of all."""
    kernel, total = _bound(model, params), np.zeros(n_runs)
    for rows in kernel.pieces(len(data.X), data.groups):
        tile = data.take(rows)
        log_joint, _ = kernel.log_joint(tile.X)
        values = soft(log_joint.reshape(-1, n_runs * log_joint.shape[1]))[1].reshape(n_runs, -1)
        weights = tile.sample_weight
        total += values.sum(axis=1) if weights is None else values @ weights
    return total, kernel.components
