r"""VEV: ellipsoids of one shape, each of its own volume and turned its own way.

:math:`C_k = \lambda_k D_k \operatorname{diag}(b) D_k^\top` with orthogonal :math:`D_k`: the
eigenvectors of each scatter, by ascending eigenvalues, which are in proportion.
"""

from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.oriented import OwnAxes
from emkit.numerics.covariance.rules import PROPORTIONAL

STRUCTURE = OwnAxes(
    name="VEV",
    aliases=("proportional_rotated",),
    description="each component its own orientation and volume, all of them one shape",
    layout=Matrix(),
    closed=False,
    scale_invariant=False,
    rule=PROPORTIONAL,
)
