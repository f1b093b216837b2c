"""VII: every component has one variance."""

from emkit.numerics.covariance.layouts import Scalar
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="spherical",
    aliases=("VII",),
    description="each component one variance",
    layout=Scalar(),
    scale_invariant=False,
)
