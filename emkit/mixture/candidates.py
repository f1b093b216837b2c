"""The candidates of a grid: sizes times covariance types, and which of them are one model."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple

from emkit.numerics.covariance import NAMES, STRUCTURES, Structure

__all__ = ["Candidate", "candidates", "explains_size", "model_of", "refuse_slip"]

#: So many components more than rows are a slip and not a grid, of which each line costs memory.
SLIP_COMPONENTS = 1000


class Candidate(NamedTuple):
    """Arguments of a mixture in which the candidates differ."""

    n_components: int
    covariance_type: str


def candidates(smallest: int, largest: int, covariance_type: Any) -> list[Candidate]:
    """All of a grid, type by type; ValueError where there is none.

    Parameters
    ----------
    smallest, largest : int
        Numbers of components.
    covariance_type : str or sequence of str
        'all', or names of covariance types; other names of one that is there add nothing.
    """
    if smallest > largest:
        raise ValueError(
            f"The grid is empty: min_components={smallest} is larger than max_components={largest}."
        )
    types: Sequence[str] = covariance_type
    if isinstance(covariance_type, str):
        types = NAMES if covariance_type == "all" else [covariance_type]
    unknown = [name for name in types if name not in STRUCTURES]
    if unknown or not len(types):
        raise ValueError(
            f"covariance_type must be 'all' or hold at least one of {list(STRUCTURES)}. Got "
            f"{covariance_type!r}."
        )
    spelled: dict[Structure, str] = {}
    for name in types:
        spelled.setdefault(STRUCTURES[name], name)  # an alias is no other type
    sizes = range(smallest, largest + 1)
    return [Candidate(k, name) for name in spelled.values() for k in sizes]


def refuse_slip(largest: int, count_rows: Callable[[], int]) -> None:
    """ValueError for far more components than there are rows, before a grid is made of them."""
    if largest <= SLIP_COMPONENTS:
        return
    n = count_rows()
    if largest - n > SLIP_COMPONENTS:
        raise ValueError(
            f"max_components={largest} is far more than the rows of X that count, n_samples = {n}, "
            "and a component takes a row at least. Decrease max_components."
        )


def model_of(candidate: Candidate, n_features: int) -> Any:
    """What is equal where two candidates are the same model.

    With one component there is nothing to share, and with one column a variance is all there is:
    then the number of free parameters tells what the covariances may be.
    """
    k, structure = candidate.n_components, STRUCTURES[candidate.covariance_type]
    if n_features == 0:  # categories alone
        return k, 0
    if k == 1 or n_features == 1:
        return k, structure.n_parameters(k, n_features)
    return k, structure.name


def explains_size(init: Callable[..., None]) -> Callable[..., None]:
    """Decorator of a grid's ``__init__``: TypeError for sizes that it would take for others."""

    @wraps(init)
    def explained(self: Any, *args: Any, **options: Any) -> None:
        given = f"n_components={options['n_components']!r}" if "n_components" in options else ""
        if len(args) == 1 and "max_components" not in options:
            given = repr(args[0])
        if given:
            raise TypeError(
                f"EMGaussianMixtureIC({given}) does not say which numbers of components to try: "
                "give min_components and max_components, both the same for one number alone, or "
                "take EMGaussianMixture, which fits one."
            )
        init(self, *args, **options)

    return explained
