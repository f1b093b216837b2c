"""Short runs of EM from several partitions side by side: which of them leads to the best start.

Where components share nothing in their covariances, the components of all runs make one kernel,
so that on short data several runs cost little more than one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.covariance import Structure
from emkit.numerics.gaussian import Moments, choose_complete

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
    structure = model.structure
    # A model or a structure with an M-step of its own may say how many components there are.
    plain = type(model) is GaussianMixtureModel and type(structure) is Structure
    together = plain and not structure.layout.shared
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
    everywhere = np.zeros((n_all, d))
    unit = model.layout.identity(n_all, d)
    params = MixtureParams(np.full(n_all, 1.0 / n_all), everywhere, unit)
    resp = np.zeros((n_all, len(data.X)))
    for m, labels in enumerate(partitions):
        resp[labels * n_runs + m, np.arange(len(labels))] = 1.0
    stats, _ = _e_step(model, data, params, n_runs, resp)
    params = model.m_step(stats, params)
    for step in range(n_steps + 1):
        stats, objectives = _e_step(model, data, params, n_runs)
        if step < n_steps:
            params = model.m_step(stats, params)
    ends = []
    for m in range(n_runs):
        one = MixtureParams(*(part[m::n_runs] for part in params)) if n_runs > 1 else params
        one = one._replace(weights=one.weights / one.weights.sum())
        ends.append(Run(one, float(objectives[m]) + model.log_prior(one)))
    return ends


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
    kernel = choose_complete(model.layout, model.components(params), model.units)
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
