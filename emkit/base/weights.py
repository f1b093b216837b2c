"""Sample weights are frequencies; what to say where they sum to fewer rows than there are."""

from typing import Any

__all__ = ["few_rows", "weights_given"]


def few_rows(total: float, n_rows: float, read_by: str) -> str:
    """What to warn of; ``read_by`` takes the weights for counts, such as "A prior takes"."""
    return (
        f"{read_by} sample weights as frequencies, and these sum to {total:g}, less than the "
        f"{n_rows:.0f} rows that they weigh: as if there were only so many. Multiply them so that "
        "they sum to the number of rows."
    )


def weights_given(sample_weight: Any) -> dict[str, Any]:
    """Weights as an argument of a ``fit`` that may be a subclass's, and take none."""
    return {} if sample_weight is None else {"sample_weight": sample_weight}
