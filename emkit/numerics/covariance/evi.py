r"""EVI: variances of one product.

:math:`C_k = \lambda \operatorname{diag}(b_k)` with :math:`\prod_j b_{kj} = 1`.
"""

from emkit.numerics.covariance.layouts import Vector
from emkit.numerics.covariance.oriented import AlongColumns
from emkit.numerics.covariance.rules import EQUAL_VOLUME

STRUCTURE = AlongColumns(
    name="EVI",
    aliases=("equal_volume_diag",),
    description="each component its own variances, all of one volume",
    layout=Vector(),
    closed=False,
    rule=EQUAL_VOLUME,
)
