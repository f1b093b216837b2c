"""Rows of a source, read anew at every pass, to a model what rows in memory are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.blocks import Converted, DataBlocks, SummarisedRows, WorkedOut, of_columns
from emkit.data.lazy import lazy_rows
from emkit.data.opened import Opened, Task
from emkit.data.reader import OF_ROWS, R, Reader
from emkit.data.source import Block, Source
from emkit.engine import Blocks
from emkit.engine.blocks import read
from emkit.models.rows import Rows, Summary, draw_numbers

__all__ = ["RowStream", "SourceBlocks", "Streamed"]


class Streamed(Opened[R]):
    """Rows of a source that is read block by block."""

    #: What says which rows count, and the summaries of these, of the last survey.
    _surveyed: tuple[Any, list[Summary]] | None = None

    def _open(self) -> None:
        for name, remedy in OF_ROWS.items():
            if self.reset and getattr(self.estimator, name, None) is not None:
                raise ValueError(
                    f"{name} has a row for each of X, and X is read block by block. {remedy}."
                )
        beside = self.sample_weight, self.y, self.reader.beside
        self.source = Source(self.X, *beside, coder=self.coder)
        self.source.check(self.estimator, reset=self.reset)
        self.picklable, self.dtype = self.source.picklable, self.source.dtype
        self.n_features = self.source.n_features

    def __iter__(self) -> Iterator[R]:
        """The rows of every block, checked."""
        return (_read(self.reader, block) for block in self.source)

    def survey(
        self, look: Callable[[R], Any], counted: Callable[[R], R] | None = None
    ) -> list[Any]:
        count: Any = counted or self.reader.counted
        found, summaries = [], []
        for rows in self:
            found.append(look(rows))
            summaries.append(Summary.of(count(rows)))
        self._surveyed = counted, summaries
        return found

    def fit_data(self, min_samples: int = 1, counted: Callable[[R], R] | None = None) -> Any:
        load: Any = partial(_load, self.reader, counted or self.reader.counted)
        if self._surveyed is not None and self._surveyed[0] is counted:
            summaries = self._surveyed[1]
        else:
            summaries = [Summary.of(load(block)) for block in self.source]
        nothing = self._nothing(summaries, min_samples)
        if nothing is not None:
            return nothing
        stream = RowStream(self.source, load, summaries)
        self._warn_of_rounding(self.source.first, stream.summary)
        return stream

    def blocks(self, look: Callable[[R], Any]) -> tuple["SourceBlocks[R]", Iterable[Any]]:
        blocks = SourceBlocks(self.source, partial(_load, self.reader, self.reader.counted))
        return blocks, map(look, blocks)

    def _map(self, task: Task) -> Any:
        if task.lazy:
            compute = partial(_compute, self.reader, task)
            return lazy_rows(self.source, compute, task.shape[0] if task.shape else 1, task.dtype)
        parts = [task(rows) for rows in self]
        if not parts:
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _sums(self, compute: Callable[[R], Array]) -> Iterable[tuple[float, float]]:
        return (self.reader.weighted_sum(compute, rows) for rows in self)


def _read(reader: Reader[R], block: Block) -> R:
    beside = block.sample_weight, block.y, block.context, block.context_of_y
    return reader.read_block(block.X, *beside)


def _load(reader: Reader[R], counted: Callable[[R], R], block: Block) -> R:
    return counted(_read(reader, block))


def _compute(reader: Reader[R], task: Task, block: Block) -> Array:
    return task(_read(reader, block), block.number)


def _of_columns(load: Callable[[Block], Rows], columns: NDArray[np.intp], block: Block) -> Rows:
    return of_columns(columns, load(block))


class SourceBlocks(DataBlocks, Generic[R]):
    """Rows of a source that count, in blocks read whenever they are iterated, none empty.

    Parameters
    ----------
    source : Source
        What is read.
    load : callable
        From a `Block` to the rows of it that count, checked.
    """

    def __init__(self, source: Source, load: Callable[[Block], R]):
        super().__init__(source)
        self.source, self.load, self.dtype = source, load, source.dtype
        self._n: int | None = None  # known after the first whole pass, as are the numbers
        self._numbers: list[int] = []

    def __iter__(self) -> Iterator[R]:
        n, numbers = 0, []
        for block in self.source:
            rows = self.load(block)
            if len(rows.X):
                n += len(rows.X)
                numbers.append(block.number)
                yield rows
        if self._n is None:
            self._n, self._numbers = n, numbers
        if n != self._n:
            raise ValueError(
                f"X gave {n} rows that count, and {self._n} when it was first read. There must be "
                "the same rows at every pass, and the same y and weights, if there are any."
            )

    def convert(self, function: Callable[..., Any], *values: Sequence[Any]) -> Blocks:
        # Other processes take blocks by number: these are known once all were read.
        if self.source.picklable and self._n is not None:
            return WorkedOut(
                Converted(Loaded(self.source, self.load, self._numbers), function, values)
            )
        return ConvertedStream(self, function, values)


class ConvertedStream(WorkedOut):
    """Blocks that are made of those of a source, which is read for every E-step."""

    pinned = True

    def __init__(
        self,
        blocks: SourceBlocks[Any],
        function: Callable[..., Any],
        values: Sequence[Sequence[Any]],
    ):
        super().__init__(blocks)
        self._function, self._values = function, values

    def __iter__(self) -> Iterator[Any]:
        return read(map(self._function, self._blocks, *self._values))


class Loaded(Sequence[R]):
    """Rows of a source that can be sliced, by the number of their block."""

    def __init__(self, source: Source, load: Callable[[Block], R], numbers: Sequence[int]):
        self.source, self.load, self.numbers = source, load, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i: Any) -> Any:
        return self.load(self.source.block(self.numbers[i]))


class RowStream(SummarisedRows, SourceBlocks[Rows]):
    """`Rows` of a source, to a model what they are in memory.

    Parameters
    ----------
    source : Source
        What is read.
    load : callable
        From a `Block` to the `Rows` of it that count, checked.
    summaries : sequence of Summary
        Of the rows of every block that count, of which there are some.
    """

    def __init__(self, source: Source, load: Callable[[Block], Rows], summaries: Sequence[Summary]):
        SourceBlocks.__init__(self, source, load)
        self._numbers = [number for number, summary in enumerate(summaries) if summary.n]
        SummarisedRows.__init__(self, [summaries[number] for number in self._numbers])
        self._n = self.summary.n
        self._blocks = Loaded(source, load, self._numbers)
        self.pinned = not source.picklable
        self.weighted = source.sample_weight is not None
        self.start_data = self

    def __iter__(self) -> Iterator[Rows]:
        return read(super().__iter__())

    def of_columns(self, columns: NDArray[np.intp]) -> "RowStream":
        other = copy(self)
        other.load = partial(_of_columns, self.load, columns)
        other._blocks = Loaded(self.source, other.load, self._numbers)
        SummarisedRows.__init__(other, [some.of_columns(columns) for some in self._summaries])
        other.start_data = other
        return other

    def sample(self, size: int, rng: np.random.Generator) -> Rows:
        """As `Rows.sample`; the same rows where none has a weight."""
        n, make = self.shape[0], Rows.of if self.incomplete else Rows
        if n <= size:
            X, weights, *_ = zip(*self, strict=True)
            return make(np.concatenate(X), np.concatenate(weights) if self.weighted else None)
        if self.weighted:
            shares = np.array([s.total_weight for s in self._summaries]) / self.total_weight
            drawn: Any = rng.multinomial(size, shares)
        else:
            counts = np.cumsum([s.n for s in self._summaries])
            numbers = draw_numbers(n, size, rng)
            drawn = np.split(numbers, np.searchsorted(numbers, counts[:-1]))
        parts, start = [], 0
        for rows, some in zip(self, drawn, strict=True):
            here = rows.draw(some, rng) if self.weighted else some - start
            parts.append(np.take(rows.X, here, axis=0))
            start += len(rows.X)
        return make(np.concatenate(parts))
