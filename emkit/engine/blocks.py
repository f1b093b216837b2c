"""Data in blocks: because statistics add, the E-step is a sum over them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import Any

from emkit.engine import _tree
from emkit.engine.model import EMModel

__all__ = ["Blocks", "e_step", "iterate"]


class Blocks:
    """Blocks of data, each of the form that the model takes as its data.

    Parameters
    ----------
    blocks : iterable
        At least one block. What is not a sequence is read again for every E-step, so that it
        need not fit in memory; an iterator, which can be read once, will not do.
    whole : object, default=None
        The data undivided, where there are such, to draw starts from.

    Raises
    ------
    TypeError
        For an iterator.
    ValueError
        For a sequence without blocks.

    Examples
    --------
    >>> from emkit.engine import Blocks
    >>> len(Blocks([[1.0, 2.0], [3.0]]))
    2
    """

    #: Runs go one after the other, each with all workers: the data do not go to other processes.
    one_by_one = False

    def __init__(self, blocks: Iterable[Any], whole: Any = None):
        if isinstance(blocks, Iterator):
            raise TypeError(
                "blocks must be an iterable that can be read again, because every E-step reads "
                f"them all. Got {type(blocks).__name__}, which can be read once. Give a list, or "
                "an object whose __iter__ starts anew."
            )
        if isinstance(blocks, Sequence) and not len(blocks):
            raise ValueError("Blocks needs at least one block of data. Got none.")
        self._blocks = blocks
        self.whole = whole
        self.n_threads = 1

    def __len__(self) -> int:
        return len(self._blocks)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._blocks)

    def __getitem__(self, index: int) -> Any:
        return self._blocks[index]  # type: ignore[index]

    def threaded(self, n_threads: int) -> "Blocks":
        """The same blocks, worked on in so many threads; it changes no result.

        Parameters
        ----------
        n_threads : int
            Number of threads.

        Returns
        -------
        Blocks
            These stay as they are.
        """
        other = copy(self)
        other.n_threads = n_threads
        return other

    def sum(self, step: Callable[[Any], tuple[Any, float]], threads: bool = True) -> Any:
        """Sum of the statistics and numbers that a step gives for the blocks, in their order.

        Parameters
        ----------
        step : callable
            From a block to its statistics and a number.
        threads : bool, default=True
            Whether threads may be used.

        Returns
        -------
        stats : NamedTuple
            Sum of the statistics.
        number : float
            Sum of the numbers.

        Raises
        ------
        ValueError
            Where there are no blocks.
        """
        stats, number = None, 0.0
        n_threads = self.n_threads if threads else 1
        for more, gain in _in_order(step, self, n_threads):
            stats, number = more if stats is None else _tree.add(stats, more), number + gain
        if stats is None:
            raise ValueError("Blocks needs at least one block of data. Got none.")
        return stats, number


def iterate(data: Any) -> Iterator[Any]:
    """Blocks of ``data``; data that are not `Blocks` are one block."""
    return iter(data) if isinstance(data, Blocks) else iter((data,))


def e_step(model: EMModel, data: Any, params: Any) -> tuple[Any, float]:
    """Sum of the model's E-step over the blocks of ``data``."""
    if not isinstance(data, Blocks):
        return model.e_step(data, params)
    # A random stream is one for all blocks: in threads its draws would come in any order.
    total: tuple[Any, float] = data.sum(partial(_step, model, params), threads=model.exact)
    return total


def _step(model: EMModel, params: Any, block: Any) -> tuple[Any, float]:
    return model.e_step(block, params)


def _in_order(step: Callable[[Any], Any], blocks: Iterable[Any], n_threads: int) -> Iterator[Any]:
    """Results for the blocks in their order, a few blocks ahead in threads."""
    if n_threads == 1:
        yield from map(step, blocks)
        return
    # It comes with scikit-learn. BLAS threads would fight these for the cores.
    from threadpoolctl import threadpool_limits

    ahead: deque[Any] = deque()
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(n_threads) as pool:
        for block in blocks:
            ahead.append(pool.submit(step, block))
            if len(ahead) > 2 * n_threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
