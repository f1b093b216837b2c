"""Starts that are made when they are climbed from, so that a search of any size begins at once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["ManyStarts", "Start"]


class Start(NamedTuple):
    """One start of a search.

    Attributes
    ----------
    number : int
        Number of the run, for the callback.
    seed : numpy.random.SeedSequence
        Of all that is random in the run.
    params : Params or None
        Where to begin; None is drawn by the model.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import Start
    >>> Start(0, np.random.SeedSequence(1)).params is None
    True
    """

    number: int
    seed: np.random.SeedSequence
    params: Any = None


class ManyStarts(Sequence[Start]):
    """Numbered starts with the seeds that ``seeds.spawn`` gives, each made when asked for.

    Parameters
    ----------
    seeds : numpy.random.SeedSequence
        Their source.
    numbers, children : range
        Number of the run and of the child of the source, of each start.
    before : list of Start, default=()
        Starts that come first.
    """

    def __init__(
        self,
        seeds: np.random.SeedSequence,
        numbers: range,
        children: range,
        before: Sequence[Start] = (),
    ):
        self.seeds, self.numbers, self.children = seeds, numbers, children
        self.before = before

    def __len__(self) -> int:
        return len(self.before) + len(self.numbers)

    def __getitem__(self, i: Any) -> Any:
        n_before = len(self.before)
        if not isinstance(i, slice):
            i = range(len(self))[i]
            return self.before[i] if i < n_before else self._made(i - n_before)
        begin, stop, step = i.indices(len(self))
        if step != 1:
            return [self[j] for j in range(begin, stop, step)]
        rest = slice(max(begin - n_before, 0), max(stop - n_before, 0))
        return ManyStarts(
            self.seeds, self.numbers[rest], self.children[rest], self.before[begin:stop]
        )

    def __add__(self, more: Sequence[Start]) -> Sequence[Start]:
        if not len(more):
            return self
        if isinstance(more, ManyStarts) and not more.before:
            numbers, children = self.numbers, self.children
            if (numbers.stop, children.stop) == (more.numbers.start, more.children.start):
                numbers = range(numbers.start, more.numbers.stop)
                children = range(children.start, more.children.stop)
                return ManyStarts(self.seeds, numbers, children, self.before)
        return [*self, *more]

    def __radd__(self, others: Sequence[Start]) -> "ManyStarts":
        return ManyStarts(self.seeds, self.numbers, self.children, [*others, *self.before])

    def _made(self, i: int) -> Start:
        seeds = self.seeds
        key = (*seeds.spawn_key, self.children[i])
        seed = np.random.SeedSequence(seeds.entropy, spawn_key=key, pool_size=seeds.pool_size)
        return Start(self.numbers[i], seed)
