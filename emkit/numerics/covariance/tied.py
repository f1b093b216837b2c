"""EEE: all components have one covariance matrix."""

from emkit.numerics.covariance.layouts import Matrix
from emkit.numerics.covariance.structure import Structure

STRUCTURE = Structure(
    name="tied",
    aliases=("EEE",),
    description="all components one matrix",
    layout=Matrix(shared=True),
)
