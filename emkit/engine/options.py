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

    Examples
    --------
    A search or a form of EM of one's own changes some of them for its runs.

    >>> from dataclasses import replace
    >>> from emkit.engine import RunOptions
    >>> replace(RunOptions(tol=1e-6), max_iter=5)
    RunOptions(acceleration=None, tol=1e-06, max_iter=5, callback=None, run=0)
    """

    acceleration: Acceleration | None = None
    tol: float = 1e-8
    max_iter: int = 1000
    callback: Callback | None = None
    run: int = 0
