r"""Features in single precision, for rows that are given so: half the bytes, twice the flops.

Rows are shifted and scaled in double precision and rounded once; products, exponentials and the
sums over a tile are single, sums of tiles are double. An error of :math:`2^{-24}` in a feature
is one of :math:`2^{-24}\,(|x_j| |P_{jj}| |x_j|)` in a log-density, which `choose_complete`
bounds by the same sum as for doubles; over rows such errors cancel but for a small part.
"""

import numpy as np

from emkit._typing import Array
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Components, FeatureKernel, Moments, Scaling, aligned

__all__ = ["SingleFeatureKernel", "single_error"]

#: Rounding of single precision, in those of double.
ROUNDING = float(np.finfo(np.float32).eps) / EPS
#: Error of a log-density that is too much: that of their sum is about a tenth of it.
SINGLE_ERROR = 1e-4


def single_error(layout: Layout, components: Components) -> float:
    """Bound of the error of a log-density; inf where single precision will not do."""
    error = ROUNDING * components.raw_error
    return error if error <= SINGLE_ERROR and not layout.shared else np.inf


class SingleFeatureKernel(FeatureKernel):
    """`FeatureKernel` in single precision, whose moments are doubles."""

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        super().__init__(layout, components, units)
        self._coefficients = self._coefficients.astype(np.float32)

    def _allocate(self) -> None:
        n_components, n_features = self._coefficients.shape
        self._features = aligned(n_features, self.rows, np.float32)
        self._features[0] = 1.0
        self._log_joint = aligned(n_components, self.rows, np.float32)
        self._double = aligned(self.components.means.shape[1], self.rows)

    def _load(self, rows: Array, out: Array) -> None:
        np.copyto(out, self.units.load(rows, self._double[:, : len(rows)]), casting="same_kind")

    def moments(self, features: Array, resp: Array, of_missing: Array | None = None) -> Moments:
        """Raw moments of a tile; `from_tile_sums` centres their sum."""
        return Moments(*(part.astype(float) for part in super().moments(features, resp)))
