"""Missing cells under a mixture: their conditional means, and draws given the observed ones."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.interval_cells import (
    IntervalMixtureModel,
    draw_bounded,
    impute_bounded,
)
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel

__all__ = ["Cells", "NormalCells", "draw", "impute"]

Kernel = ConditionalKernel | MaskedKernel


class Cells(Protocol):
    """A fitted distribution, as it is asked about the missing cells of a table."""

    def impute(self, X: Array) -> Array:
        """X with every missing cell filled by what is expected of it."""

    def draw(
        self,
        X: Array,
        rng: np.random.Generator,
        limits: Array | None = None,
        candidates: int = 1,
    ) -> Array:
        """X with its missing cells drawn given the observed ones, as `draw`."""

    def score_samples(self, X: Array) -> Array:
        """Log-likelihood of the observed cells of each row."""


class NormalCells(NamedTuple):
    """The missing cells of a table under a mixture of normals.

    ``bounds`` are of cells that are known to an interval, as in `Rows`.
    """

    model: GaussianMixtureModel
    params: MixtureParams

    def impute(self, X: Array, bounds: CellBounds | None = None) -> Array:
        """Conditional means."""
        if bounds is None:
            return impute(self.model, X, self.params)
        return impute_bounded(self._bounded, Rows.of(X, bounds=bounds), self.params)

    def draw_bounded(self, X: Array, bounds: CellBounds, rng: np.random.Generator) -> Array:
        """X with cells that have bounds drawn given the others; what is missing stays so."""
        return draw_bounded(self._bounded, Rows.of(X, bounds=bounds), self.params, rng)

    def draw(
        self,
        X: Array,
        rng: np.random.Generator,
        limits: Array | None = None,
        candidates: int = 1,
    ) -> Array:
        """Draws given the observed cells."""
        return draw(self.model, X, self.params, rng, limits, candidates)

    def score_samples(self, X: Array, bounds: CellBounds | None = None) -> Array:
        """Log-likelihood of the observed cells of each row, and of the bounds of others."""
        model = self.model if bounds is None else self._bounded
        return model.score_samples(Rows.of(X, bounds=bounds), self.params)

    @property
    def _bounded(self) -> IntervalMixtureModel:
        """The model for rows with bounds."""
        return IntervalMixtureModel.of(self.model)


def impute(model: GaussianMixtureModel, X: Array, params: MixtureParams) -> Array:
    """X with every missing cell at its conditional mean, observed cells as they are."""

    def mean(kernel: Kernel, work: Any, resp: Array, rows: Any) -> Array:
        return kernel.completed(work, resp)

    return _fill(model, X, params, mean)


def draw(
    model: GaussianMixtureModel,
    X: Array,
    params: MixtureParams,
    rng: np.random.Generator,
    limits: Array | None = None,
    candidates: int = 1,
) -> Array:
    """X with its missing cells drawn given the observed ones.

    The draw of a row depends on its place in X alone, not on the other rows. Within
    ``limits`` (2, d), in X's units, cells are drawn one given the next and one of several
    candidates is taken in proportion to the probability that its cells had to lie within
    (sampling importance resampling): exact for one missing cell, else as they are many.
    """
    n_numbers = X.shape[1] + model.n_latent
    choice, chance = rng.random(len(X)), rng.random((candidates, len(X), n_numbers))
    shift, scale = model.units
    bounds = None if limits is None else (limits - shift) / scale

    def one(kernel: Kernel, work: Any, resp: Array, rows: Any) -> Array:
        with np.errstate(divide="ignore"):
            log_resp = np.maximum(np.log(resp), -1e300)
        drawn, weights = [], []
        for uniform in chance:
            for k, log_r in enumerate(log_resp):
                x, log_mass = kernel.draw(work, k, uniform[rows].T, bounds)
                drawn.append(x)
                weights.append(log_r + np.maximum(log_mass, -1e300))
        if len(drawn) == 1:
            return drawn[0]
        share = soft(np.array(weights))[0]
        taken = np.minimum((share.cumsum(axis=0) < choice[rows]).sum(axis=0), len(drawn) - 1)
        return np.stack(drawn)[taken, :, np.arange(len(taken))].T

    return _fill(model, X, params, one)


@unbuffered()
def _fill(
    model: GaussianMixtureModel, X: Array, params: MixtureParams, fill: Callable[..., Array]
) -> Array:
    out = X.copy()
    data = Rows.of(X)
    kernel: Any = model.bind(params)
    resp: Array
    shift, scale = model.units
    alone = len(params.weights) == 1 and not model.n_latent
    holes = [group for group in data.groups or () if group.n_missing]
    for rows in kernel.pieces(len(X), holes):
        x = data.take(rows).X
        if alone:  # whose the rows are need not be worked out
            resp, work = np.ones((1, len(x))), kernel.complete(x)
        else:
            log_joint, work = kernel.log_joint(x)
            resp = soft(log_joint)[0]
        filled = fill(kernel, work, resp, rows).T * scale + shift
        out[rows] = np.where(np.isnan(x), filled, x)
    return out
