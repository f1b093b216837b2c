r"""EVV: matrices of one determinant.

:math:`C_k = \lambda B_k` with :math:`|B_k| = 1`: each scatter over the d-th root of its
determinant, and :math:`\lambda = \sum_k |S_k|^{1/d} / \sum_k n_k`.
"""

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.side_by_side import ONE, SideBySide
from emkit.numerics.covariance.structure import Structure
from emkit.numerics.covariance.volumes import log_volumes


class EVV(Structure):
    """Own shape and orientation, one volume."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1 + n_components * (super().n_parameters(1, n_features) - 1)

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        return self.estimate_each(scatter, counts, previous, ONE)

    def estimate_each(
        self, scatter: Array, counts: Array, previous: Array, mixtures: SideBySide
    ) -> Array:
        rows = self.layout.align(counts)
        blank = (counts <= 0.0) & (np.trace(scatter, axis1=1, axis2=2) <= 0.0)
        matrices = np.where(self.layout.align(blank), previous, scatter)
        logs = log_volumes(matrices)
        singular = logs == -np.inf
        with np.errstate(divide="ignore"):
            sums = mixtures.sum(np.where(blank, 0.0, np.exp(logs)))
            volume = mixtures.spread(np.log(sums / mixtures.sum(counts)))
        factors = self.layout.align(np.exp(volume - np.where(singular, 0.0, logs)))
        own = scatter / np.where(rows > 0.0, rows, 1.0)
        return np.where(self.layout.align(singular), own, factors * matrices)


STRUCTURE = EVV(
    name="EVV",
    aliases=("equal_volume",),
    description="each component its own matrix, all of one volume",
    layout=Matrix(),
    closed=False,
)
