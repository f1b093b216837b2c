"""VVV: every component has its own covariance matrix."""

from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="full",
    aliases=("VVV",),
    description="each component its own matrix",
    layout=Matrix(),
)
