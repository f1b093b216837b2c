"""Components of several mixtures side by side: sums over each mixture, and numbers of each spread.

What a structure does for one mixture it does for many with the same operations, each of which then
costs little more than once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["ONE", "SideBySide"]


class SideBySide:
    """Components of several mixtures, those of one after those of the other.

    Parameters
    ----------
    sizes : ndarray of shape (n_mixtures,)
        How many components each has, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.numerics.covariance.side_by_side import SideBySide
    >>> pairs = SideBySide(np.array([2, 3]))
    >>> pairs.sum(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    array([ 3., 12.])
    >>> pairs.spread(np.array([10.0, 20.0]))
    array([10., 10., 20., 20., 20.])
    """

    #: Whether an M-step without a formula goes on to the last digit; else the next one does.
    thorough = False

    def __init__(self, sizes: NDArray[np.intp]):
        self.sizes, self.first = sizes, np.cumsum(sizes) - sizes
        self.mixture = np.repeat(np.arange(len(sizes)), sizes)
        self.number = np.arange(len(self.mixture)) - self.first[self.mixture]

    def sum(self, values: Any) -> Any:
        """Sums over the components of each mixture (n_mixtures, ...)."""
        return np.add.reduceat(values, self.first, axis=0)

    def sum_of_products(self, a: Array, b: Array) -> Array:
        """Sums of a_k' b_k over the components of each mixture, of matrices (K, q, .)."""
        products: Array = self.sum(a.mT @ b)
        return products

    def spread(self, values: Any) -> Any:
        """What each mixture has, for each of its components."""
        return values[self.mixture]

    def numbers(self, n_components: int) -> NDArray[np.intp]:
        """The number of each component within its mixture."""
        return self.number

    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First and second of every two components of a mixture."""
        n_after = self.sizes[self.mixture] - 1 - self.number
        first = np.repeat(np.arange(len(n_after)), n_after)
        return first, first + 1 + np.arange(len(first)) - np.repeat(
            n_after.cumsum() - n_after, n_after
        )

    def padded(self, values: Array) -> Array:
        """What components have, by mixture (n_mixtures, size of the largest, ...), then zeros."""
        out = np.zeros((len(self.sizes), self.sizes.max(), *values.shape[1:]))
        out[self.mixture, self.number] = values
        return out

    def unpadded(self, values: Array) -> Array:
        """The same by component."""
        return values[self.mixture, self.number]


class _One(SideBySide):
    """All components are those of one mixture."""

    thorough = True

    def __init__(self) -> None:
        pass

    def sum(self, values: Any) -> Array:
        return np.add.reduce(values, axis=0, keepdims=True)

    def sum_of_products(self, a: Array, b: Array) -> Array:
        rows_of_a, rows_of_b = (part.reshape(-1, part.shape[-1]) for part in (a, b))
        product: Array = rows_of_a.T @ rows_of_b
        return product[None]

    def spread(self, values: Array) -> Array:
        return values  # of which there is one, for all

    def numbers(self, n_components: int) -> NDArray[np.intp]:
        return np.arange(n_components)

    def padded(self, values: Array) -> Array:
        return values[None]

    def unpadded(self, values: Array) -> Array:
        return values[0]


#: Of one mixture.
ONE = _One()
