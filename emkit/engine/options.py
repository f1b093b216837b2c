"""What every run of a fit is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emkit.engine.acceleration import Acceleration
from emkit.engine.result import State

__all__ = ["Callback", "RunOptions"]

Callback = Callable[[State], Any]


@dataclass(frozen=True)
class RunOptions:
    """What every run of a fit is told.

    Parameters
    ----------
    acceleration : Acceleration or None, default=None
        Extrapolation scheme; None is plain EM.
    tol : float, default=1e-8
        Gain of a plain step, in nats, below which a run has converged.
    max_iter : int, default=1000
        Most points to try after the start.
    callback : callable, default=None
        Called with a `State` after every accepted iterate; ends the run by returning True.
    run : int, default=0
        Number of the start, for the callback.
    """

    acceleration: Acceleration | None = None
    tol: float = 1e-8
    max_iter: int = 1000
    callback: Callback | None = None
    run: int = 0
