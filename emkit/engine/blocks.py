"""Data in blocks: because statistics add, the E-step is a sum over them."""

from collections.abc import Iterable, Iterator
from typing import Any

from emkit.engine import _tree
from emkit.engine.model import EMModel

__all__ = ["Blocks", "e_step", "iterate"]


class Blocks:
    """Blocks of data, each of the form that the model takes as its data.

    Parameters
    ----------
    blocks : iterable
        At least one block.

    Examples
    --------
    >>> from emkit.engine import Blocks
    >>> len(Blocks([[1.0, 2.0], [3.0]]))
    2
    """

    def __init__(self, blocks: Iterable[Any]):
        self._blocks = tuple(blocks)
        if not self._blocks:
            raise ValueError("Blocks needs at least one block of data. Got none.")

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._blocks)

    def __getitem__(self, index: int) -> Any:
        return self._blocks[index]


def iterate(data: Any) -> Iterator[Any]:
    """Blocks of ``data``; data that are not `Blocks` are one block."""
    return iter(data) if isinstance(data, Blocks) else iter((data,))


def e_step(model: EMModel, data: Any, params: Any) -> tuple[Any, float]:
    """Sum of the model's E-step over the blocks of ``data``."""
    results = (model.e_step(block, params) for block in iterate(data))
    stats, log_likelihood = next(results)
    for more, gain in results:
        stats, log_likelihood = _tree.add(stats, more), log_likelihood + gain
    return stats, log_likelihood
