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
from emkit.numerics.gaussian import Components, Moments, choose_complete

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
    stats, _ = _e_step(model, data, params, n_runs, resp)
    params = _m_step(model, stats, params, n_runs)
    for step in range(n_steps + 1):
        stats, objectives = _e_step(model, data, params, n_runs)
        if step < n_steps:
            params = _m_step(model, stats, params, n_runs)
    ends = []
    for m in range(n_runs):
        one = _one(model, params, m, n_runs)
        one = one._replace(weights=one.weights / one.weights.sum())
        ends.append(Run(one, float(objectives[m]) + model.log_prior(one)))
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


def _e_step(
    model: GaussianMixtureModel,
    data: Rows,
    params: MixtureParams,
    n_runs: int,
    given: Array | None = None,
) -> tuple[Moments, Array]:
    """Moments of all components, and the log-likelihood of each run up to a constant.

    Responsibilities are those at the parameters, or ``given``.
    """
    own = replace(model.layout, shared=False)
    kernel = choose_complete(own, _components(model, params), model.units)
    total, objectives = None, np.zeros(n_runs)
    for rows in kernel.pieces(len(data.X), data.groups):
        tile = data.take(rows)
        log_joint, work = kernel.log_joint(tile.X)
        shape = log_joint.shape
        resp, values = soft(log_joint.reshape(-1, n_runs * shape[1]))
        resp = resp.reshape(shape) if given is None else given[:, rows]
        values = values.reshape(n_runs, -1)
        weights = tile.sample_weight
        if weights is not None:
            resp = resp * weights
        objectives += values.sum(axis=1) if weights is None else values @ weights
        moments = kernel.moments(work, resp)
        total = moments if total is None else Moments(*map(np.add, total, moments))
    assert total is not None
    return kernel.from_tile_sums(total), objectives
