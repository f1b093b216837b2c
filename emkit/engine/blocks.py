"""Data in blocks: because statistics add, the E-step is a sum over them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from pickle import PicklingError
from threading import Lock, Thread
from time import perf_counter
from typing import Any

import joblib
import numpy as np

from emkit.engine import tree
from emkit.engine.contract import require_pair
from emkit.engine.model import EMModel
from emkit.engine.processes import as_worker_errors
from emkit.exceptions import ClusterError, DataError, DataReadError, WorkerError, warn

__all__ = ["PASSED_ERRORS", "Blocks", "e_step", "iterate", "summaries", "read"]

#: Seconds that workers take to start: they do when a run has taken as long without them.
START_UP = 0.5
#: Seconds of a pass over the blocks that is worth sharing: to ask and to answer takes a few ms.
WORTH_SHARING = 0.02
#: Size of arrays that workers read from a common file.
COMMON_FILE_SIZE = "100K"
#: What is no mistake of a model, nor of whoever reads its data, goes on as it is.
PASSED_ERRORS = (ClusterError, DataError, DataReadError, MemoryError, WorkerError)


class Blocks:
    """Blocks of data, each of the form that the model takes as its data.

    Parameters
    ----------
    blocks : iterable
        At least one block. What is not a sequence is read again for every E-step, so that it
        need not fit in memory; an iterator, which can be read once, will not do.
    start_data : object, default=None
        The data undivided, where there are such, to draw starts from.

    Raises
    ------
    TypeError
        For an iterator, and for what is no iterable.
    ValueError
        For a sequence without blocks.

    Examples
    --------
    >>> from emkit.engine import Blocks
    >>> len(Blocks([[1.0, 2.0], [3.0]]))
    2
    """

    #: Whether the blocks cannot go to other processes, so that runs follow each other in this one.
    pinned = False
    _workers: "Workers | None" = None

    def __init__(self, blocks: Iterable[Any], start_data: Any = None):
        if isinstance(blocks, Iterator):
            raise TypeError(
                "blocks must be an iterable that can be read again, because every E-step reads "
                f"them all. Got {type(blocks).__name__}, which can be read once. Give a list, or "
                "an object whose __iter__ starts anew."
            )
        if not isinstance(blocks, Iterable):
            raise TypeError(f"blocks must be an iterable. Got {type(blocks).__name__}.")
        if isinstance(blocks, Sequence) and not len(blocks):
            raise ValueError("Blocks needs at least one block of data. Got none.")
        self._blocks = blocks
        self.start_data = start_data

    def __len__(self) -> int:
        return len(self._blocks)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        return read(self._blocks)

    def __getitem__(self, index: int) -> Any:
        return self._blocks[index]  # type: ignore[index]

    def start_block(self, rng: np.random.Generator) -> Any:
        """What a start is drawn from: the data undivided, else a random block, else the first.

        A block that is known to be empty is passed over for the next.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        object
            One block, or ``start_data``.
        """
        if self.start_data is not None:
            return self.start_data
        found: Iterable[Any] = self
        if isinstance(self._blocks, Sequence):
            first, n = int(rng.integers(len(self))), len(self)
            found = (self._blocks[(first + i) % n] for i in range(n))
        block = None
        for block in found:
            if not _is_empty(block):
                break
        return block

    def map(self, function: Callable[..., Any], *values: Iterable[Any]) -> Iterable[Any]:
        """What a function gives for every block, and one of each of the values, in order.

        Parameters
        ----------
        function : callable
            From a block and values to a result.
        *values : iterable
            One for each block.

        Returns
        -------
        iterable
            A result for each block, worked out as they are taken.
        """
        return map(function, self, *values)

    def summaries(self) -> Iterator[Any]:
        """What stands for the blocks where it is asked how much they weigh. Default: themselves.

        Returns
        -------
        iterator
            One object for each block.
        """
        return iter(self)

    @contextmanager
    def shared(self, n_workers: int) -> Iterator["Blocks"]:
        """The same blocks, worked on by so many processes meanwhile; it changes no result.

        Blocks that stay where they are, or that are no sequence, are not shared.

        Parameters
        ----------
        n_workers : int
            Number of processes.

        Yields
        ------
        Blocks
            These stay as they are.
        """
        if n_workers < 2 or self.pinned or not isinstance(self._blocks, Sequence):
            yield self
            return
        other = copy(self)
        with Workers(n_workers) as other._workers:
            yield other

    def sum(self, step: Callable[[Any], tuple[Any, float]], together: bool = True) -> Any:
        """Sum of the statistics and numbers that a step gives for the blocks, in their order.

        Parameters
        ----------
        step : callable
            From a block to its statistics and a number.
        together : bool, default=True
            Whether several blocks may be worked on at a time.

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
        results: Iterable[Any] = map(step, read(self))
        if self._workers is not None and together:
            results = self._workers.map(step, self._blocks)  # type: ignore[arg-type]
        stats, number = None, 0.0
        for more, gain in results:
            stats, number = more if stats is None else tree.add(stats, more), number + gain
        if stats is None:
            raise ValueError("Blocks needs at least one block of data. Got none.")
        return stats, number


def _is_empty(block: Any) -> bool:
    """Whether a block, or one of the arrays that it is a tuple of, says that it has no entries."""
    parts = block if isinstance(block, tuple) else (block,)
    return any(hasattr(part, "__len__") and len(part) == 0 for part in parts)


class Workers:
    """Processes that share the blocks of a run with this one, started once that is worth it.

    They come while this one goes on alone, so that a run which ends before loses nothing.
    Threads would not do: they take turns at the interpreter between array operations of a few
    microseconds, and two were slower than one on most data.
    """

    def __init__(self, n: int):
        self.n = n
        self._spent = 0.0  # seconds of the passes made alone
        self._last = 0.0  # of the last of them
        self._stack = ExitStack()
        self._parallel: Any = None
        self._one_thread: Any = None
        self._lock = Lock()
        self._coming, self._left = False, False
        self._failure: Exception | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: Any) -> None:
        with self._lock:
            self._left = True
            if self._coming:  # whoever waits for them lets them go
                return
        self._stack.close()

    def map(self, step: Callable[[Any], Any], blocks: Sequence[Any]) -> Iterator[Any]:
        """What the step gives for the blocks, in their order."""
        if len(blocks) < 2 or not self._have_come(step):
            begun = perf_counter()
            yield from map(step, read(blocks[i] for i in range(len(blocks))))
            self._last = perf_counter() - begun
            self._spent += self._last
            return
        # This process has its blocks at once and takes a tenth more of them.
        mine = min(max(round(1.1 * len(blocks) / self.n), 1), len(blocks) - 1)
        here, rest = np.split(np.arange(len(blocks)), [mine])
        others = np.array_split(rest, min(self.n - 1, len(rest)))
        there = self._parallel(joblib.delayed(_steps)(step, blocks, part) for part in others)
        try:
            with self._one_thread():
                results = _steps(step, blocks, here)
        finally:  # what was begun is ended, that the workers are free
            try:
                with as_worker_errors():
                    results_there = list(there)
            except WorkerError as error:
                if not isinstance(error.__cause__, PicklingError):
                    raise
                self._go_on_alone(error)
                results_there = [_steps(step, blocks, rest)]
        yield from results
        for results in results_there:
            yield from results

    def _go_on_alone(self, error: WorkerError) -> None:
        warn(f"The run goes on in this process alone. {error}", RuntimeWarning)
        self._spent = -np.inf
        self._parallel = None

    def _have_come(self, step: Callable[[Any], Any]) -> bool:
        """Whether the workers are there; they are sent for where that is worth it."""
        if self._parallel is None and self._spent >= START_UP and self._last >= WORTH_SHARING:
            self._start(step)
        if self._failure is not None:
            error, self._failure = self._failure, None
            self._judge(error)
        return self._parallel is not None and not self._coming

    def _judge(self, error: Exception) -> None:
        try:
            with as_worker_errors():
                raise error
        except WorkerError as told:
            if not isinstance(told.__cause__, PicklingError):
                raise
            self._go_on_alone(told)

    def _start(self, step: Callable[[Any], Any]) -> None:
        # It comes with scikit-learn.
        from threadpoolctl import ThreadpoolController

        # One for all passes, so that arrays are written to their files once. What a step writes
        # into its model or its block stays its own.
        files = {"max_nbytes": COMMON_FILE_SIZE, "mmap_mode": "c"}
        pool = joblib.Parallel(self.n, return_as="generator", **files)
        self._parallel = self._stack.enter_context(pool)
        # BLAS threads would fight the workers for the cores.
        self._one_thread = partial(ThreadpoolController().limit, limits=1, user_api="blas")
        self._coming = True
        # What the step is made of tells them which modules they need.
        greetings = self._parallel(joblib.delayed(_greet)(step) for _ in range(self.n))
        Thread(target=self._await, args=(greetings,), daemon=True).start()

    def _await(self, greetings: Iterable[Any]) -> None:
        try:
            list(greetings)
        except Exception as error:
            self._failure = error
        with self._lock:
            self._coming = False
            if not self._left:
                return
        self._stack.close()


def _greet(step: Any) -> None:
    """Nothing: for it a worker has to be there."""


def _steps(step: Callable[[Any], Any], blocks: Sequence[Any], numbers: Iterable[int]) -> list[Any]:
    with np.errstate(all="ignore"):  # what is not finite is judged where the sum is
        return [step(block) for block in read(blocks[i] for i in numbers)]


def read(blocks: Iterable[Any]) -> Iterator[Any]:
    """The blocks, one after the other; an error of theirs is told from one of the model."""
    iterator = None
    while True:
        try:
            iterator = iter(blocks) if iterator is None else iterator
            block = next(iterator)
        except StopIteration:
            return
        except PASSED_ERRORS:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise DataReadError(f"The blocks of data could not be read: {told}") from error
        yield block


def iterate(data: Any) -> Iterator[Any]:
    """Blocks of ``data``; data that are not `Blocks` are one block."""
    return iter(data) if isinstance(data, Blocks) else iter((data,))


def summaries(data: Any) -> Iterator[Any]:
    """As `Blocks.summaries`; data that are not `Blocks` are one block."""
    return data.summaries() if isinstance(data, Blocks) else iter((data,))


def e_step(model: EMModel, data: Any, params: Any) -> tuple[Any, float]:
    """Sum of the model's E-step over the blocks of ``data``."""
    require_e_step(model)
    if not isinstance(data, Blocks):
        return _step(model, params, data)
    # A random stream is one for all blocks: side by side they would all draw the same.
    total: tuple[Any, float] = data.sum(partial(_step, model, params), together=model.exact)
    return total


def require_e_step(model: EMModel) -> None:
    """TypeError for a model that can only draw what is missing."""
    if model.e_step is None:
        raise TypeError(
            f"EM needs an exact E-step, and {type(model).__name__} has no method e_step: fit it "
            "with algorithm='mcem'."
        )


def _step(model: EMModel, params: Any, block: Any) -> tuple[Any, float]:
    return require_pair(model.e_step(block, params))
