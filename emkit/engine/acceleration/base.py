"""The contract of an extrapolation of the EM map."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import signature

import numpy as np

from emkit._typing import Array
from emkit.engine.arguments import require_number

__all__ = ["Acceleration", "EMMap", "Pause", "above_zero"]

#: The EM map of a run on flat parameters; None where the model is not defined.
EMMap = Callable[[Array], Array | None]


class Acceleration(ABC):
    """Extrapolation scheme; the engine works on a copy for each run.

    Examples
    --------
    Overrelaxation goes half as far again as EM does.

    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMGaussianMixture
    >>> from emkit.engine import Acceleration
    >>> class Overrelaxation(Acceleration):
    ...     def propose(self, point, image):
    ...         return point + 1.5 * (image - point)
    ...     def feedback(self, better):
    ...         pass
    >>> X = load_iris().data
    >>> mixture = EMGaussianMixture(3, tol=1e-8, acceleration=None, random_state=0)
    >>> plain = mixture.fit(X).n_iter_
    >>> mixture.set_params(acceleration=Overrelaxation()).fit(X).n_iter_ < plain
    True
    """

    #: Gain of a plain step (nats) below which the scheme begins: far from a maximum plain EM is
    #: quick, and an extrapolation can lead to a worse one. A model may ask for a smaller gain.
    below = np.inf

    def attach(self, em_map: EMMap) -> None:  # noqa: B027
        """Hear of the EM map. Default: not needed.

        Parameters
        ----------
        em_map : callable
            From flat parameters to their EM image, at the cost of an E-step; None where the model
            is not defined.
        """

    @abstractmethod
    def propose(self, point: Array, image: Array) -> Array | None:
        """A point to try instead of the EM image.

        Parameters
        ----------
        point : ndarray of shape (n_params,)
            Parameters of the last accepted iterate, flat.
        image : ndarray of shape (n_params,)
            Where a plain EM step takes them.

        Returns
        -------
        ndarray of shape (n_params,) or None
            None takes the plain step.
        """

    @abstractmethod
    def feedback(self, better: bool) -> None:
        """Hear what became of the last proposal.

        Parameters
        ----------
        better : bool
            Whether the run went there: it is higher, or level and nearer to a fixed point.
        """

    def __repr__(self) -> str:
        names = [name for name in signature(type(self)).parameters if hasattr(self, name)]
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({values})"


class Pause:
    """Plain steps to wait after one failure after the other: 1, 3, 7, 7, ..."""

    def __init__(self) -> None:
        self.n_failures = self.left = 0

    def begin(self) -> None:
        self.n_failures = min(self.n_failures + 1, 3)
        self.left = 2**self.n_failures - 1

    def goes_on(self) -> bool:
        """Whether this step is one to wait."""
        self.left -= 1
        return self.left >= 0


def above_zero(below: float) -> float:
    require_number("below", below)
    if not below > 0.0:
        raise ValueError(f"below must be a gain in nats above 0. Got {below!r}.")
    return below
