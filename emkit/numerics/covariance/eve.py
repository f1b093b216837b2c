r"""EVE: ellipsoids of one volume, all turned the same way.

:math:`C_k = \lambda D \operatorname{diag}(b_k) D^\top` with orthogonal D and
:math:`\prod_j b_{kj} = 1` (Browne, R. P. & McNicholas, P. D. (2014). Estimating common principal
components in high dimensions. Advances in Data Analysis and Classification 8, 217-226.
doi:10.1007/s11634-013-0139-1).
"""

from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.oriented import CommonAxes
from emkit.numerics.covariance.rules import EQUAL_VOLUME

STRUCTURE = CommonAxes(
    name="EVE",
    aliases=("equal_volume_common_axes",),
    description="all components the same axes, each its own variances along them of one volume",
    layout=Matrix(),
    closed=False,
    scale_invariant=False,
    rule=EQUAL_VOLUME,
)
