"""EEI: all components have the same variances."""

from emkit.numerics.covariance.layouts import Vector
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="EEI",
    aliases=("tied_diag",),
    description="all components the same variances",
    layout=Vector(shared=True),
)
