"""Short runs of EM from several partitions side by side: which of them leads to the best start.

A run is gone on with as long as, at its latest gain, it would yet pass the best one: few are for
long, but of two that are close it takes many steps to tell which one ends higher.

The components of all runs make one kernel, so that on short data several runs cost little more than
one. A covariance that the components of a run share stands in it once for each of them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.complete import CompleteKernel, choose_complete
from emkit.numerics.covariance import Structure
from emkit.numerics.gaussian import Components, Moments

__all__ = ["best_partition"]

#: Runs at most that go on after the first look.
FIELD = 5
#: A run goes on if so many steps, each of its latest gain, would lift it above the best one by so
#: many nats a row.
PATIENCE, WORTHWHILE = 30, 0.01
#: Steps at least, in which a run that is about to collapse does.
LEAST_STEPS = 3
#: Error of a row's log-density, in nats, that decides nothing here: the fast kernel may have it.
ROUGH = 1e-6
#: Nats a row by which runs differ that are equally good.
EQUAL_HEIGHT = 1e-7
#: Decimals, in nats a row, to which runs agree that are one and the same.
SAME_DECIMALS = 9


@unbuffered()
def best_partition(
    model: GaussianMixtureModel,
    data: Rows,
    n_components: int,
    partitions: NDArray[np.intp],
    n_steps: int,
) -> MixtureParams | None:
    """Parameters that the best of the partitions leads to; None where all collapse.

    Data are complete rows, and each of the partitions (m, n) labels them from 0. At most
    ``n_steps`` steps are taken, down to three where one run is all that is left.
    """
    # A model or a structure with an M-step of its own may say how many components there are.
    together = type(model) is GaussianMixtureModel and type(model.structure) is Structure
    numbers = np.arange(len(partitions))
    batches = [
        _Runs(model, data, n_components, partitions[some], some)
        for some in ([numbers] if together else numbers[:, None])
    ]
    heights = np.full(len(partitions), -np.inf)
    for step in range(n_steps):
        before, heights = heights, np.full(len(partitions), -np.inf)
        for runs in batches:
            runs.step(heights)
        going_on = _going_on(heights / data.total_weight, before / data.total_weight)
        for runs in batches:
            runs.keep(going_on[runs.numbers])
        if going_on.sum() <= 1 and step + 1 >= LEAST_STEPS:
            break
    best = _first_best(heights / data.total_weight)
    for runs in batches:
        for m in np.flatnonzero((runs.numbers == best) & (heights[best] > -np.inf)):
            return runs.one(int(m))
    return None


def _first_best(heights: Array) -> int:
    """The first of the runs that are no lower than the best but for rounding.

    Of runs that end in the same place, order of summation must not choose the order of components.
    """
    return int(np.argmax(heights >= heights.max() - EQUAL_HEIGHT))


def _going_on(heights: Array, before: Array) -> NDArray[np.bool_]:
    """Which runs may yet pass the best one, and the best one, from nats a row; -inf are out."""
    best = _first_best(heights)
    if before[best] == -np.inf:  # the first look: those that differ, and only the best of them
        distinct = np.unique(-heights.round(SAME_DECIMALS), return_index=True)[1]
        going_on = np.isin(np.arange(len(heights)), distinct[:FIELD])
        return going_on & (heights > -np.inf)
    with np.errstate(invalid="ignore"):
        reach = heights + PATIENCE * (heights - before)
    going_on = reach > heights[best] + WORTHWHILE
    going_on[best] = True
    return going_on


class _Runs:
    """Some runs side by side: component k of run m is component k n_runs + m of all."""

    def __init__(
        self,
        model: GaussianMixtureModel,
        data: Rows,
        n_components: int,
        partitions: NDArray[np.intp],
        numbers: NDArray[np.intp],
    ):
        self.model, self.data, self.numbers = model, data, numbers
        n_runs, d = len(partitions), data.X.shape[1]
        n_all = n_components * n_runs
        unit = model.layout.identity(n_all, d)
        if model.layout.shared:
            unit = np.stack([unit] * n_runs)
        self.params = MixtureParams(np.full(n_all, 1.0 / n_all), np.zeros((n_all, d)), unit)
        resp = np.zeros((n_all, len(data.X)))
        for m, labels in enumerate(partitions):
            resp[labels * n_runs + m, np.arange(len(labels))] = 1.0
        self.components = self._components()
        self.params = self._m_step(self._e_step(resp)[0])
        self._keep_regular()

    def step(self, heights: Array) -> None:
        """One step of EM; the objectives that it starts from go into those of all runs.

        Runs that are singular before or after it are out.
        """
        if len(self.numbers):
            stats, objectives = self._e_step()
            self.params = self._m_step(stats)
            heights[self.numbers] = objectives
            heights[self._keep_regular()] = -np.inf

    def _keep_regular(self) -> NDArray[np.intp]:
        """Go on with runs that have densities; the numbers of the others."""
        try:
            self.components = self._components()
            return self.numbers[:0]
        except np.linalg.LinAlgError:
            regular = np.array([self._is_regular(m) for m in range(len(self.numbers))])
        out = self.numbers[~regular]
        self.keep(regular)
        return out

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Go on with some of the runs only."""
        if which.all():
            return
        weights, means, covariances = self.params
        each = np.tile(which, len(weights) // len(which))
        own = which if self.model.layout.shared else each
        self.params = MixtureParams(weights[each], means[each], covariances[own])
        self.numbers = self.numbers[which]
        if len(self.numbers):
            self.components = self._components()

    def _is_regular(self, m: int) -> bool:
        try:
            self.model.components(self.one(m))
        except np.linalg.LinAlgError:
            return False
        return True

    def one(self, m: int) -> MixtureParams:
        """Parameters of one run."""
        weights, means, covariances = self.params
        n_runs = len(self.numbers)
        own = covariances[m] if self.model.layout.shared else covariances[m::n_runs]
        weights = weights[m::n_runs]
        return MixtureParams(weights / weights.sum(), means[m::n_runs], own)

    def _e_step(self, given: Array | None = None) -> tuple[Moments, Array]:
        """Moments of all components and the objective of each run, up to a constant.

        By responsibilities at the parameters or by those ``given``.
        """
        n_runs, data = len(self.numbers), self.data
        layout = replace(self.model.layout, shared=False)
        components = self.components
        if components.raw_error <= ROUGH:
            components = components._replace(raw_error=0.0)
        kernel: CompleteKernel = choose_complete(layout, components, self.model.units)
        total, objectives = None, np.full(n_runs, data.total_weight * np.log(n_runs))
        for rows in kernel.pieces(len(data.X), data.groups):
            tile = data.take(rows)
            resp, work = kernel.log_joint(tile.X)
            weights = tile.sample_weight
            if given is None:
                shape = resp.shape
                resp, values = soft(resp.reshape(-1, n_runs * shape[1]))
                resp, values = resp.reshape(shape), values.reshape(n_runs, -1)
                objectives += values.sum(axis=1) if weights is None else values @ weights
            else:
                resp = given[:, rows]
            if weights is not None:
                resp = resp * weights
            moments = kernel.moments(work, resp)
            total = moments if total is None else Moments(*map(np.add, total, moments))
        assert total is not None
        if not self.model.prior.is_flat:
            objectives += self._log_priors(components)
        return kernel.from_tile_sums(total), objectives

    def _m_step(self, stats: Moments) -> MixtureParams:
        """Parameters of all runs from the moments of their components."""
        if not self.model.layout.shared:
            return self.model.m_step(stats, self.params)
        runs, n_runs = [], len(self.numbers)
        for m in range(n_runs):
            n, first, scatter = (part[m::n_runs] for part in stats)
            moments = Moments(n, first, scatter.sum(axis=0))
            runs.append(self.model.m_step(moments, self.one(m)))
        weights = np.stack([run.weights for run in runs], axis=1).ravel()
        means = np.stack([run.means for run in runs], axis=1).reshape(self.params.means.shape)
        return MixtureParams(weights, means, np.stack([run.covariances for run in runs]))

    def _components(self) -> Components:
        """The components of all runs, each with a covariance of its own."""
        model, (weights, means, covariances) = self.model, self.params
        if not model.layout.shared:
            return model.components(self.params)
        with np.errstate(divide="ignore"):
            log_weights = np.log(weights / weights.sum())
        factor = model.layout.whitening(covariances)
        each = np.arange(len(weights)) % len(covariances)
        own = replace(model.layout, shared=False)
        return Components.of(own, log_weights, means, covariances[each], factor[each])

    def _log_priors(self, of_all: Components) -> Array:
        """Log-density of the prior at each run, up to a constant."""
        model, n_runs, prior = self.model, len(self.numbers), self.model.prior
        if prior.is_informative or prior.strength > 0.0:
            return np.array([self._log_prior(of_all, m) for m in range(n_runs)])
        n_all = len(of_all.means)
        scatter = prior.scatter_of(model.layout, n_all // n_runs, model.total_weight)
        terms = (of_all.precisions * scatter).reshape(n_all, -1).sum(axis=1).reshape(-1, n_runs)
        counted = terms[:1] if model.layout.shared else terms
        halves: Array = -0.5 * counted.sum(axis=0)
        return halves

    def _log_prior(self, of_all: Components, m: int) -> float:
        """Log-density of the prior at one run, whose components are among those of all."""
        model, one, n_runs = self.model, self.one(m), len(self.numbers)
        own = m if model.layout.shared else slice(m, None, n_runs)
        components = of_all._replace(
            means=one.means,
            covariances=one.covariances,
            factor=of_all.factor[own],
            precisions=of_all.precisions[own],
        )
        return model.prior.log_density(model.layout, one.weights, components, model.total_weight)
