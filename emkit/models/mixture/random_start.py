"""A random start as models carry it to other processes, which need no scikit-learn for it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.starts import draw

__all__ = ["RandomStart"]


@dataclass(frozen=True)
class RandomStart:
    """Draws one start, as ``draw_start`` of a model."""

    method: str  #: one of `STARTS`
    n_components: int
    parts: MixtureParams  #: what is given, in the model's units; None for what is drawn
    n_rows: int  #: of the data, of which a model may be shown a sample

    def __call__(
        self, model: GaussianMixtureModel, data: Any, rng: np.random.Generator
    ) -> MixtureParams:
        return model.start_by(partial(draw, **vars(self)), data, rng)
