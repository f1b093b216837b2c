"""Emissions made of emissions: over groups of columns, and over groups of classes."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.exceptions import DataError
from emkit.models.emissions.emission import Emission

__all__ = ["Classes", "Parts", "Product"]


class Parts(tuple):
    """Parameters or statistics of the parts of an emission: a NamedTuple of any length.

    Its fields are numbered.
    """

    __slots__ = ()

    def __new__(cls, *parts: Any) -> "Parts":
        return super().__new__(cls, parts)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    @property
    def _fields(self) -> tuple[str, ...]:
        return tuple(str(i) for i in range(len(self)))


class _Combined(Emission):
    """What products and concatenations share: each part is asked in turn."""

    def __init__(self, parts: Iterable[Emission]):
        self.parts = tuple(parts) if isinstance(parts, Iterable) else ()
        if not self.parts or not all(isinstance(part, Emission) for part in self.parts):
            raise TypeError(
                f"{type(self).__name__} takes a list of emissions, at least one. Got {parts!r}."
            )

    @abstractmethod
    def _columns(self, columns: Any) -> Sequence[Any]:
        """The columns of each part."""

    @abstractmethod
    def _rows(self, resp: Array) -> Sequence[Array]:
        """The responsibilities of the classes of each part."""

    def bind(self, params: Parts) -> list[Any]:
        return [part.bind(p) for part, p in zip(self.parts, params, strict=True)]

    def _log_densities(self, columns: Any, bound: list[Any]) -> Iterator[Array]:
        for part, x, b in zip(self.parts, self._columns(columns), bound, strict=True):
            yield part.log_density(x, b)

    def statistics(self, columns: Any, resp: Array, bound: list[Any]) -> Parts:
        each = zip(self.parts, self._columns(columns), self._rows(resp), bound, strict=True)
        return Parts(*(part.statistics(x, r, b) for part, x, r, b in each))

    def m_step(self, stats: Parts, params: Parts) -> Parts:
        each = zip(self.parts, stats, params, strict=True)
        return Parts(*(part.m_step(s, p) for part, s, p in each))

    def start(self, columns: Any, resp: Array) -> Parts:
        each = zip(self.parts, self._columns(columns), self._rows(resp), strict=True)
        return Parts(*(part.start(x, r) for part, x, r in each))

    def tile_rows(self, columns: Any, bound: list[Any], n_missing: int) -> int:
        each = zip(self.parts, self._columns(columns), bound, strict=True)
        return min(part.tile_rows(x, b, n_missing) for part, x, b in each)

    def joint_tables(self, columns: Any) -> tuple[Array, ...]:
        each = zip(self.parts, self._columns(columns), strict=True)
        return tuple(table for part, x in each for table in part.joint_tables(x))

    def log_prior(self, params: Parts) -> float:
        return sum(part.log_prior(p) for part, p in zip(self.parts, params, strict=True))

    def is_feasible(self, params: Parts) -> bool:
        return all(part.is_feasible(p) for part, p in zip(self.parts, params, strict=True))

    def retract(self, params: Parts, weights: Array) -> Parts:
        each = zip(self.parts, params, self._rows(weights), strict=True)
        return Parts(*(part.retract(p, w) for part, p, w in each))

    def rounding(self, params: Parts) -> float:
        return sum(part.rounding(p) for part, p in zip(self.parts, params, strict=True))

    def recentre(self, stats: Parts, before: Parts, after: Parts) -> Parts:
        each = zip(self.parts, stats, before, after, strict=True)
        return Parts(*(part.recentre(s, b, a) for part, s, b, a in each))

    def n_parameters(self, params: Parts) -> int:
        return sum(part.n_parameters(p) for part, p in zip(self.parts, params, strict=True))

    @property
    def shared_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(
            f"{i}.{name}" for i, part in enumerate(self.parts) for name in part.shared_fields
        )

    @property
    def complete_score(self) -> Callable[..., Any] | None:  # type: ignore[override]
        offered = all(part.complete_score is not None for part in self.parts)
        return self._complete_score if offered else None

    def _complete_score(self, stats: Parts, params: Parts) -> Parts:
        each = zip(self.parts, stats, params, strict=True)
        return Parts(*(part.complete_score(s, p) for part, s, p in each))  # type: ignore[misc]


class Product(_Combined):
    r"""Groups of columns that are independent of each other within a class.

    .. math:: p_k(x) = \prod_g p_{gk}(x_g)

    Columns and parameters are tuples, one entry a group.

    Parameters
    ----------
    parts : list of Emission
        The emission of each group, all of the same number of classes.

    Raises
    ------
    ValueError
        Where numbers of classes differ, and where there are not as many groups of columns.

    See Also
    --------
    Classes : Classes of different kinds, over the same columns.

    Examples
    --------
    Patients: a measurement, a number of visits and one of three symptoms.

    >>> import numpy as np
    >>> from emkit.engine import fit_em
    >>> from emkit.models import Categorical, Columns, Gaussian, LatentClasses, Poisson, Product
    >>> rng = np.random.default_rng(0)
    >>> ill = rng.random(500) < 0.3
    >>> measured, visits = rng.normal(2.0 * ill), rng.poisson(1 + 4 * ill)
    >>> symptom = np.where(ill, rng.choice(3, 500, p=[0.1, 0.2, 0.7]), rng.choice(3, 500))
    >>> model = LatentClasses(Product([Gaussian(2), Poisson(2), Categorical(2, 3)]))
    >>> result = fit_em(model, Columns((measured, visits, symptom)), random_state=0)
    >>> normal, poisson, tables = result.params.emission
    >>> np.sort(poisson.rates.ravel()).round(1)
    array([1. , 4.3])
    """

    def __init__(self, parts: Iterable[Emission]):
        super().__init__(parts)
        numbers = {part.n_classes for part in self.parts}
        if len(numbers) > 1:
            raise ValueError(
                f"The parts of a product must have the same n_classes. Got {sorted(numbers)}."
            )
        self.n_classes = numbers.pop()

    def _columns(self, columns: Any) -> Sequence[Any]:
        if not isinstance(columns, tuple) or len(columns) != len(self.parts):
            got = len(columns) if isinstance(columns, tuple) else type(columns).__name__
            raise DataError(
                f"The columns of a product of {len(self.parts)} emissions are a tuple of as many "
                f"groups. Got {got}."
            )
        return columns

    def _rows(self, resp: Array) -> Sequence[Array]:
        return [resp] * len(self.parts)

    def check(self, columns: Any) -> None:
        for i, (part, x) in enumerate(zip(self.parts, self._columns(columns), strict=True)):
            try:
                part.check(x)
            except DataError as error:
                raise DataError(f"In group {i} of the columns: {error}") from None

    def log_density(self, columns: Any, bound: list[Any]) -> Array:
        first, *others = self._log_densities(columns, bound)
        for other in others:
            first += other
        return first

    def embed(self, columns: Any) -> Array:
        each = zip(self.parts, self._columns(columns), strict=True)
        return np.hstack([part.embed(x) for part, x in each])


class Classes(_Combined):
    """Classes of different kinds, over the same columns: those of the parts, one after the other.

    Parameters are a tuple, one entry a part; weights and responsibilities are those of all classes.

    Parameters
    ----------
    parts : list of Emission
        The emission of each group of classes.

    See Also
    --------
    Product : Groups of columns, for the same classes.

    Examples
    --------
    Three clusters and noise.

    >>> from emkit.models import Classes, Gaussian, Uniform
    >>> Classes([Gaussian(3), Uniform(100.0)]).n_classes
    4
    """

    def __init__(self, parts: Iterable[Emission]):
        super().__init__(parts)
        self.n_classes = sum(part.n_classes for part in self.parts)

    def slices(self) -> Iterator[tuple[Emission, slice]]:
        """The parts, each with its classes among all.

        Yields
        ------
        Emission
            A part.
        slice
            Its classes.
        """
        start = 0
        for part in self.parts:
            yield part, slice(start, start + part.n_classes)
            start += part.n_classes

    def _columns(self, columns: Any) -> Sequence[Any]:
        return [columns] * len(self.parts)

    def _rows(self, resp: Array) -> Sequence[Array]:
        return [resp[classes] for _, classes in self.slices()]

    def check(self, columns: Any) -> None:
        for part in self.parts:
            part.check(columns)

    def log_density(self, columns: Any, bound: list[Any]) -> Array:
        return np.concatenate(list(self._log_densities(columns, bound)))

    def draw_partition(
        self, columns: Any, rng: np.random.Generator, sample_weight: Array | None = None
    ) -> Array:
        # Each part is its own mixture of all rows, its share as large as it has classes.
        return np.concatenate(
            [
                part.n_classes / self.n_classes * part.draw_partition(columns, rng, sample_weight)
                for part in self.parts
            ]
        )
