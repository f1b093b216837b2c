r"""EEV: ellipsoids of one volume and shape, each turned its own way.

:math:`C_k = D_k A D_k^\top` with orthogonal :math:`D_k` and one diagonal A. With the eigenvalues
of each scatter :math:`S_k` in order, the maximum is at their eigenvectors and
:math:`A = \sum_k D_k^\top S_k D_k / \sum_k n_k` (Celeux, G. & Govaert, G. (1995). Gaussian
parsimonious clustering models. Pattern Recognition 28, 781-793. doi:10.1016/0031-3203(94)00125-6).
"""

import numpy as np

from emkit._typing import Array
from emkit.numerics.covariance.axes import principal_axes, variances_along
from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.structure import Structure


class EEV(Structure):
    """Own orientation, shared volume and shape."""

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features + n_components * n_features * (n_features - 1) // 2

    def estimate(self, scatter: Array, counts: Array, previous: Array) -> Array:
        # A component without rows stays as it is turned.
        empty = self.layout.align(counts) <= 0.0
        axes = principal_axes(np.where(empty, previous, scatter))
        spread = variances_along(axes, scatter).sum(axis=0)
        root = axes * np.sqrt(np.maximum(spread, 0.0) / counts.sum())
        return root @ np.swapaxes(root, 1, 2)


STRUCTURE = EEV(
    name="EEV",
    aliases=("rotated",),
    description="each component its own orientation, all of them one volume and shape",
    layout=Matrix(),
    closed=False,
    scale_invariant=False,
)
