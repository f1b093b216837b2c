r"""VVE: ellipsoids that are all turned the same way, the model of common principal components.

:math:`C_k = D \operatorname{diag}(c_k) D^\top` with orthogonal D (Flury, B. N. (1984). Common
principal components in k groups. Journal of the American Statistical Association 79, 892-898.
doi:10.1080/01621459.1984.10477108).
"""

from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.oriented import CommonAxes
from emkit.numerics.covariance.rules import OWN

STRUCTURE = CommonAxes(
    name="VVE",
    aliases=("common_axes",),
    description="all components the same axes, each its own variances along them",
    layout=Matrix(),
    closed=False,
    scale_invariant=False,
    rule=OWN,
)
