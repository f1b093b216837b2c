"""EII: all components have one variance."""

from emkit.numerics.covariance.layouts import Scalar
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="EII",
    aliases=("tied_spherical",),
    description="all components one variance",
    layout=Scalar(shared=True),
    scale_invariant=False,
)
