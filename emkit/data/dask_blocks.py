"""Blocks of data on the workers of a cluster: asked one by one, changed there, summed as a tree."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from emkit.base.optional import optional_import
from emkit.data.blocks import DataBlocks, SummarisedRows, of_columns
from emkit.engine import tree
from emkit.exceptions import ClusterError
from emkit.models.rows import Rows, Summary

__all__ = ["FAN", "Chunks", "DaskRows", "get_client"]

#: Statistics that one task adds up.
FAN = 8


class Chunks(DataBlocks):
    """Blocks of data on the workers of a cluster, each worked on where it lies.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    futures : list
        Of the blocks.
    dtype : dtype
        Floating type of their rows.
    weighted : bool
        Whether the rows have weights.
    """

    pinned = True

    def __init__(self, client: Any, futures: Iterable[Any], dtype: Any, weighted: bool):
        super().__init__(futures)
        self.client, self.dtype, self.weighted = client, dtype, weighted

    def map(self, function: Callable[..., Any], *values: Iterable[Any]) -> list[Any]:
        """What a function gives for every block, and one of each of the values, here."""
        with _as_cluster_errors(self.client, (ValueError, TypeError)):
            gathered: list[Any] = self.client.gather(
                self.convert(function, *map(list, values))._blocks
            )
            return gathered

    def convert(self, function: Callable[..., Any], *values: Sequence[Any]) -> "Chunks":
        """The blocks that a function makes of these, and one of each of the values, kept there."""
        with _as_cluster_errors(self.client):
            futures = self.client.map(function, self._blocks, *values, pure=False)
        return self._with(futures)

    def take(self, chosen: Iterable[Any]) -> "Chunks":
        """The blocks that are chosen, by one bool each."""
        return self._with([f for f, keep in zip(self, chosen, strict=True) if keep])

    def _with(self, futures: list[Any]) -> "Chunks":
        other = copy(self)
        other._blocks = futures
        return other

    def sum(self, step: Callable[[Any], tuple[Any, float]], together: bool = True) -> Any:
        """Sum over the blocks, always in the same order."""
        if not together:
            raise ClusterError(
                "Draws that follow each other cannot be made on many workers at once: "
                "algorithm='em' or 'cem', and a search that does not draw labels, run on Dask "
                "collections. Gather the data with X.compute() for others."
            )
        from dask import delayed

        with _as_cluster_errors(self.client, (np.linalg.LinAlgError, ArithmeticError)):
            # A task's result is made again where a worker is lost; scattered data are gone.
            shipped = delayed(_same, pure=False)(step)
            apply, add = delayed(_apply, pure=False), delayed(_add, pure=False)
            parts = [apply(shipped, future) for future in self]
            while len(parts) > 1:
                parts = [add(*parts[i : i + FAN]) for i in range(0, len(parts), FAN)]
            return self.client.gather(self.client.compute(parts[0]))


class DaskRows(SummarisedRows, Chunks):
    """Rows on the workers of a cluster, to a model what `Rows` are.

    Parameters
    ----------
    chunks : Chunks
        Of `Rows`.
    summaries : sequence of Summary
        One for each chunk; some have rows.
    size : int
        Rows that starts are drawn from, where there are more than twice as many.
    random_state : int, RandomState instance or None
        Source of that sample.
    """

    def __init__(
        self, chunks: Chunks, summaries: Sequence[Summary], *, size: int, random_state: Any
    ):
        kept = chunks.take([s.n for s in summaries])
        Chunks.__init__(self, kept.client, kept._blocks, kept.dtype, kept.weighted)
        del self.start_data  # gathered when it is asked for
        SummarisedRows.__init__(self, [s for s in summaries if s.n])
        self.size, self.random_state = size, random_state

    @cached_property
    def start_data(self) -> Any:
        """What starts are drawn from: a sample of the rows, gathered here, or all where few.

        It is not all the data, as elsewhere; the rows of a sample have no weights.
        """
        if self.summary.n <= 2 * self.size:
            parts, weighted = self.map(_same), self.weighted
        else:
            parts, weighted = self._sample(), False
        weights = [np.ones(len(p.X)) if p.sample_weight is None else p.sample_weight for p in parts]
        X = np.concatenate([part.X for part in parts])
        rows = Rows.of if self.incomplete else Rows
        return rows(X, np.concatenate(weights) if weighted else None)

    def of_columns(self, columns: NDArray[np.intp]) -> "DaskRows":
        other: Any = self.convert(partial(of_columns, columns))
        other.__dict__.pop("start_data", None)
        SummarisedRows.__init__(other, [some.of_columns(columns) for some in self._summaries])
        rows: DaskRows = other
        return rows

    def _sample(self) -> list[Rows]:
        """Rows drawn of every chunk, in proportion to weight."""
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        if self.weighted:
            shares = [s.total_weight / self.total_weight for s in self._summaries]
            sizes = rng.multinomial(self.size, shares)
        else:
            counts = [s.n for s in self._summaries]
            sizes = rng.multivariate_hypergeometric(counts, self.size, method="marginals")
        seeds, drawn = rng.integers(2**32, size=len(sizes)), sizes > 0
        return self.take(drawn).map(_draw, sizes[drawn].tolist(), seeds[drawn].tolist())


# The client's side


def get_client() -> Any:
    """The current client of a cluster; errors say how there comes to be one."""
    distributed = optional_import("distributed", "dask", "A fit to a Dask collection")
    try:
        return distributed.get_client()
    except ValueError as error:
        raise ValueError(
            "X is a Dask collection, which is fitted on a cluster, and there is no client of one. "
            "Make one first, as with `client = distributed.Client()` for this machine."
        ) from error


@contextmanager
def _as_cluster_errors(client: Any, expected: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What is expected is raised as it is; all else is the cluster's, and said to be."""
    as_they_are: tuple[type[Exception], ...] = (*expected, ClusterError)
    try:
        yield
    except as_they_are:
        raise
    except Exception as error:
        raise ClusterError(_lost(client, error)) from error


def _lost(client: Any, error: Exception) -> str:
    """What a failure means and what to do."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    told = f"{type(error).__name__}: {error}"
    if isinstance(error, KilledWorker):
        return (
            "Workers died again and again of the same chunk, likely for want of memory. Make the "
            f"chunks smaller (X.rechunk) or give the workers more memory. ({told})"
        )
    if client.status != "running" or isinstance(error, CancelledError | CommClosedError):
        return (
            "The client or its cluster was lost in the middle of a fit. Make a new "
            f"distributed.Client and fit again. ({told})"
        )
    return f"A worker failed with {told}. Its traceback stands above."


# The workers' side


def _draw(rows: Rows, size: int, seed: int) -> Rows:
    return rows.sample(size, np.random.default_rng(seed))


def _same(value: Any) -> Any:
    return value


def _apply(step: Callable[[Any], Any], block: Any) -> Any:
    with np.errstate(all="ignore"):  # what is not finite is judged by the client
        return step(block)


def _add(*parts: tuple[Any, float]) -> tuple[Any, float]:
    stats, number = parts[0]
    for more, gain in parts[1:]:
        stats, number = tree.add(stats, more), number + gain
    return stats, number
