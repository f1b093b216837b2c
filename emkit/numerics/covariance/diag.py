"""VVI: every component has its own variances."""

from emkit.numerics.covariance.layouts import Vector
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="diag",
    aliases=("VVI",),
    description="each component its own variances",
    layout=Vector(),
)
