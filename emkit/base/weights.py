"""Sample weights are frequencies; what to say where they sum to fewer rows than there are."""

__all__ = ["few_rows"]


def few_rows(total: float, n_rows: float, read_by: str) -> str:
    """What to warn of; ``read_by`` takes the weights for counts, such as "A prior takes"."""
    return (
        f"{read_by} sample weights as frequencies, and these sum to {total:g}, less than the "
        f"{n_rows:.0f} rows that they weigh: as if there were only so many. Multiply them so that "
        "they sum to the number of rows."
    )
