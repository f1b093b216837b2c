r"""EEV: ellipsoids of one volume and shape, each turned its own way.

:math:`C_k = D_k A D_k^\top` with orthogonal :math:`D_k` and one diagonal A. With the eigenvalues
of each scatter :math:`S_k` in order, the maximum is at their eigenvectors and
:math:`A = \sum_k D_k^\top S_k D_k / \sum_k n_k` (Celeux, G. & Govaert, G. (1995). Gaussian
parsimonious clustering models. Pattern Recognition 28, 781-793. doi:10.1016/0031-3203(94)00125-6).
"""

from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.oriented import OwnAxes
from emkit.numerics.covariance.rules import POOLED

STRUCTURE = OwnAxes(
    name="EEV",
    aliases=("rotated",),
    description="each component its own orientation, all of them one volume and shape",
    layout=Matrix(),
    closed=False,
    scale_invariant=False,
    rule=POOLED,
)
