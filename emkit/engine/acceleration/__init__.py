"""Extrapolation of the EM map: Anderson, SQUAREM, Louis, by their names.

An acceleration sees each accepted point beside its EM image and may propose a better point. The
loop evaluates a proposal, takes it only when it is better, and else takes the image, so an
acceleration can be bold: it costs E-steps when it is wrong, never the maximum.
"""

from emkit.engine.acceleration.anderson import Anderson
from emkit.engine.acceleration.base import Acceleration
from emkit.engine.acceleration.louis import Louis
from emkit.engine.acceleration.squarem import Squarem

__all__ = ["ACCELERATIONS", "Acceleration", "Anderson", "Louis", "Squarem", "resolve"]

#: Schemes by the names that `fit_em` takes.
ACCELERATIONS: dict[str, type[Acceleration]] = {
    "anderson": Anderson,
    "louis": Louis,
    "squarem": Squarem,
}


def resolve(acceleration: "str | Acceleration | None") -> Acceleration | None:
    """The scheme meant by a name, an object or None."""
    if acceleration is None or isinstance(acceleration, Acceleration):
        return acceleration
    if isinstance(acceleration, str) and acceleration in ACCELERATIONS:
        return ACCELERATIONS[acceleration]()
    raise ValueError(
        f"acceleration must be one of {sorted(ACCELERATIONS)}, None or an Acceleration object. "
        f"Got {acceleration!r}."
    )
