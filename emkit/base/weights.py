"""Sample weights are frequencies; what to say where they sum to fewer rows than there are."""

from collections.abc import Callable

__all__ = ["warn_of_few"]


def warn_of_few(total: float, n_rows: int, reader: str, warn: Callable[[str], None]) -> None:
    """Tell that weights sum to fewer rows than there are, where ``reader`` goes by their sum."""
    if total < n_rows:
        warn(
            f"The sample weights sum to {total:g}, and {n_rows} rows have one. Weights are "
            f"frequencies here, so {reader} is that of {total:g} rows. If they are shares or "
            "importances, multiply them so that their mean is 1."
        )
