"""Noise as it is asked for: the arguments, and what they do not go with."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.base.names import listed
from emkit.data.numbers import argument_of

__all__ = [
    "MISSING",
    "check_marks",
    "check_noise",
    "has_volume",
    "refuse_flat",
    "refuse_without_volume",
    "wants_noise",
]

#: Why rows with missing cells have no noise.
MISSING = (
    "noise is of complete rows: X has missing cells (NaN), and a volume does not say what the "
    "density of the cells that are observed is. Impute them (EMImputer), leave such rows out, or "
    "set noise=False."
)


def wants_noise(mixture: Any) -> bool:
    """Whether a fit is to have noise: True, or a volume."""
    noise = getattr(mixture, "noise", False)  # not where emkit was older
    return not isinstance(noise, bool | np.bool_) or bool(noise)


def has_volume(mixture: Any) -> bool:
    """Whether the volume is given."""
    return not isinstance(mixture.noise, bool | np.bool_)


def check_noise(mixture: Any) -> None:
    """ValueError for arguments that do not go with each other."""
    if mixture.noise_init is not None and not wants_noise(mixture):
        raise ValueError(
            "noise_init says which rows are noise at the start, and noise=False. Set noise=True, "
            "or to the volume that the noise fills."
        )
    if wants_noise(mixture) and mixture.distribution == "student_t":
        raise ValueError(
            f"noise={mixture.noise!r} is not offered with distribution='student_t': either takes "
            "up the rows that lie far off. Leave noise at False, or take distribution='normal'."
        )


def refuse_without_volume(mixture: Any, data: Any) -> None:
    """ValueError for noise in rows with missing cells."""
    if wants_noise(mixture) and data.incomplete:
        raise ValueError(MISSING)


def refuse_flat(mixture: Any, flat: Any, names: Any) -> None:
    """ValueError for a volume that is given over columns of which some are left out."""
    if flat is None or not (wants_noise(mixture) and has_volume(mixture)):
        return
    left_out = names[np.sort(np.concatenate([flat.constant, flat.related]))]
    raise ValueError(
        f"noise={mixture.noise!r} is a volume over all columns, and column(s) {listed(left_out)} "
        "are constant or follow from others: rows have no density over them. Drop them, and give "
        "the volume over the others."
    )


def check_marks(mixture: Any, n_samples: int) -> Array | None:
    """``noise_init`` as a mask of the rows; ValueError for what is none."""
    given = mixture.noise_init
    if given is None:
        return None
    marks = np.asarray(argument_of(given, "noise_init"))
    if marks.shape != (n_samples,):
        raise ValueError(
            f"noise_init should have the shape of ({n_samples},), one bool for each row of X, but "
            f"got {marks.shape}."
        )
    if marks.dtype != bool:
        raise ValueError(
            f"noise_init should be a boolean mask of the rows, but got dtype {marks.dtype}. Of "
            "row numbers make one: mask = np.zeros(len(X), dtype=bool); mask[rows] = True."
        )
    return marks
