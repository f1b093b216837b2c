r"""VEI: variances in proportion.

:math:`C_k = \lambda_k \operatorname{diag}(b)`.
"""

from emkit.numerics.covariance.layouts import Vector
from emkit.numerics.covariance.oriented import AlongColumns
from emkit.numerics.covariance.rules import PROPORTIONAL

STRUCTURE = AlongColumns(
    name="VEI",
    aliases=("proportional_diag",),
    description="each component its own multiple of the same variances",
    layout=Vector(),
    closed=False,
    rule=PROPORTIONAL,
)
