"""Labels known of some rows: what they rule out of the joint of rows and components."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array

__all__ = ["UNKNOWN", "Labels"]

#: Label of a row of which nothing is known.
UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Labels:
    r"""Labels of rows, and the class of each component of a mixture.

    A row of class c was drawn from one of the components of c, so that the log-likelihood is

    .. math:: \sum_{i \text{ known}} \log \sum_{k \in c_i} w_k f_k(x_i)
              + \sum_{i \text{ unknown}} \log \sum_k w_k f_k(x_i).

    Parameters
    ----------
    of_rows : ndarray of shape (n,)
        Class of every row, from 0, or `UNKNOWN`.
    of_components : ndarray of shape (n_components,)
        Class of every component, from 0. Several may have one class; a class without labelled rows
        is one that nobody has seen.
    names : sequence, optional
        Names of the classes, for messages.
    clusters : bool, default=True
        Whether rows are to be clustered, so that a start is as good as it is likely; else they are
        to be classified, and a good start is one that tells the classes of rows with a label too.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.labels import Labels
    >>> labels = Labels(np.array([1, -1, 0]), np.arange(2))
    >>> labels.restrict(np.zeros((2, 3)))
    array([[-inf,   0.,   0.],
           [  0.,   0., -inf]])
    """

    of_rows: NDArray[np.intp]
    of_components: NDArray[np.intp]
    names: Any = None
    clusters: bool = True

    def __getitem__(self, rows: Any) -> "Labels":
        """Those of some of the rows."""
        return Labels(self.of_rows[rows], self.of_components, self.names, self.clusters)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which rows have a label; (n,)."""
        return self.of_rows != UNKNOWN

    @property
    def is_complete(self) -> bool:
        """Whether they leave each row one component."""
        return bool((self.allow().sum(axis=0) == 1).all())

    def allow(self, rows: Any = ...) -> NDArray[np.bool_]:
        """Which components some of the rows may be of; (K, n)."""
        labels = self.of_rows[rows]
        return (labels == self.of_components[:, None]) | (labels == UNKNOWN)

    def restrict(self, log_joint: Array) -> Array:
        """The joint (K, n) with a density of 0 where a label forbids a component; overwritten.

        Beyond the rows of the components it may have others, which no row with a label is of.
        """
        known = np.flatnonzero(self.known)
        impossible = np.ones((len(log_joint), len(known)), dtype=bool)
        impossible[: len(self.of_components)] = ~self.allow(known)
        log_joint[:, known] = np.where(impossible, -np.inf, log_joint[:, known])
        return log_joint

    def all_seen(self) -> bool:
        """Whether every class has labelled rows."""
        return bool(np.isin(self.of_components, self.of_rows).all())

    def several_or_unseen(self) -> NDArray[np.intp]:
        """Components beside others of their class, and of classes without labelled rows."""
        of = self.of_components
        alone = (of[:, None] == of).sum(axis=1) == 1
        return np.flatnonzero(~(alone & np.isin(of, self.of_rows)))

    def between_classes(self) -> NDArray[np.bool_]:
        """Pairs of components of different classes that both have labelled rows; (K, K)."""
        of, seen = self.of_components, np.isin(self.of_components, self.of_rows)
        return (of[:, None] != of) & seen[:, None] & seen
