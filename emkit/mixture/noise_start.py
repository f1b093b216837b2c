"""Where a mixture with noise starts: some rows are noise, the components start from the others."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.mixture.initial import InitialValues, RandomStart, Start, assigned
from emkit.mixture.noise_arguments import has_volume, wants_noise
from emkit.models.mixture.clutter import find_clutter
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.hypervolume import log_hypervolume
from emkit.models.mixture.labelled_starts import with_all_labels
from emkit.models.mixture.noise import NoisyMixture, NoisyParams, shared_out
from emkit.models.mixture.starts import override, sample_rows
from emkit.models.rows import Rows

__all__ = ["NoisyStart", "given_noisy_start", "with_noise"]

#: Cells at most in which sparse rows are looked for, and rows of which there may be as many.
CLUTTER_CELLS, CLUTTER_ROWS = 40_000, 1_000
#: Weight from which noise starts at least, where none is given: from 0 EM never leaves.
LEAST_WEIGHT = 0.02
#: Weight that is missing to a sum of 1 by rounding alone.
ROUNDING = 1e-6


def with_noise(mixture: Any, model: GaussianMixtureModel, data: Any) -> Any:
    """The model of a fit with noise, where that is asked for."""
    if not wants_noise(mixture):
        return model
    log_volume = float(np.log(mixture.noise)) if has_volume(mixture) else log_hypervolume(data)
    if log_volume == -np.inf:
        raise ValueError(
            "noise=True takes the volume of a box about the rows, and it is 0: a column is "
            "constant. Drop it, or give the volume as noise."
        )
    return NoisyMixture(model, log_volume)


@dataclass(frozen=True)
class NoisyStart:
    """Draws one start of the components, from the rows that are not noise at the start."""

    draws: Start  #: of the components
    noise: Array | None = None  #: its responsibilities (n,), of all rows; None: of sparse rows
    weight: float | None = None  #: of the noise; None: that of its rows

    @classmethod
    def of(cls, draws: Start, given: InitialValues) -> "NoisyStart":
        """With what is given of the noise; ValueError where that leaves no rows, or marks none."""
        of_noise = None if given.weights is None else 1.0 - float(given.weights.sum())
        if of_noise is not None and of_noise <= ROUNDING:
            of_noise = None
        noise = _noise_at_start(given, draws.n_components)
        if noise is not None and len(noise) - noise.sum() < draws.n_components:
            raise ValueError(
                f"noise_init, or -1 in resp_init, takes {noise.sum():g} of {len(noise)} rows that "
                f"count for noise, and n_components={draws.n_components} need a row each. Mark "
                "fewer rows."
            )
        return cls(draws, noise, of_noise)

    @property
    def n_components(self) -> int:
        return self.draws.n_components

    @property
    def parts(self) -> MixtureParams:
        return self.draws.parts

    def __call__(self, model: Any, data: Any, rng: np.random.Generator) -> Any:
        rows, weight = self.cleared(data, rng)
        draws = self.draws
        if isinstance(draws, RandomStart):
            draws = replace(draws, n_rows=len(rows.X))
        return shared_out(draws(model.clusters, rows, rng), weight)

    def cleared(self, data: Any, rng: np.random.Generator) -> tuple[Rows, float]:
        """Rows, or a sample of them, without noise, and the weight of the noise."""
        noise, least = self.noise, 0.0
        if noise is None:
            size = max(CLUTTER_CELLS // data.shape[1], CLUTTER_ROWS)
            size = max(size, 10 * self.n_components * (data.shape[1] + 1))
            labelled = getattr(data, "labels", None) is not None  # of rows in memory alone
            data = with_all_labels(data, size, rng) if labelled else data.sample(size, rng)
            noise, least = find_clutter(data, self.n_components).astype(float), LEAST_WEIGHT
            if labelled:
                noise[data.labels.known] = 0.0
        weight, kept = self.weight, noise < 0.5
        if weight is None:
            weights = np.ones(len(noise)) if data.sample_weight is None else data.sample_weight
            weight = max(float(weights @ noise / weights.sum()), least)
        return data if kept.all() else data.take(np.flatnonzero(kept)), weight


def given_noisy_start(
    model: NoisyMixture, data: Any, draws: NoisyStart, resp: np.ndarray | None
) -> NoisyParams | None:
    """The start that the initial values say; None where they leave it to random draws."""
    parts, k = draws.parts, draws.n_components
    complete = all(part is not None for part in parts)
    if not complete and resp is None and parts.means is None:
        return None
    rng = np.random.default_rng(0)  # what is given decides the start
    start_data = data.start_data
    rows, weight = draws.cleared(
        start_data if draws.noise is not None else sample_rows(start_data, k, rng), rng
    )
    if complete:
        return shared_out(parts, weight)
    if resp is None:
        params = model.clusters.from_means(rows, parts.means)
    else:
        params = model.clusters.from_partition(data, k, _of_components(resp, k, draws.noise))
    return shared_out(override(params, parts), weight)


def _of_components(resp: np.ndarray, k: int, noise: Array | None) -> Any:
    """From a slice of the rows to responsibilities (K, n) of the components at the start."""
    of_all = assigned(resp if resp.ndim == 1 else resp[:, :k], k)
    if noise is None:
        return of_all
    return lambda rows: np.where(noise[rows] == 1.0, 0.0, of_all(rows))


def _noise_at_start(given: InitialValues, n_components: int) -> Array | None:
    """Responsibilities of the noise (n,) that are given; None where nothing is said of it."""
    resp, noise = given.resp, None
    if resp is not None:
        noise = (resp == -1).astype(float) if resp.ndim == 1 else resp[:, n_components:].sum(axis=1)
    if given.noise is not None:
        if not given.noise.any():
            raise ValueError(
                "noise_init marks no row that counts: noise would start at the weight 0, from "
                "where EM never leaves. Mark some, leave it at None, or set noise=False."
            )
        noise = np.where(given.noise, 1.0, 0.0 if noise is None else noise)
    return noise if noise is not None and noise.any() else None
