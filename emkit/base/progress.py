"""What a fit reports while it runs: lines of text, and scikit-learn's callbacks."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from emkit.engine import EMResult, State, StopReason

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""


__all__ = ["CallbackSupportMixin", "Progress", "n_starts"]


def n_starts(estimator: Any, start: Any) -> int | None:
    """How many starts a fit climbs from; None where the search decides."""
    if estimator.search != "restarts":
        return None
    if start is None:
        return int(estimator.n_init)
    return len(start) if isinstance(start, list) else 1


class Progress:
    """Follows a fit: prints it, reports it to the estimator's callbacks, saves what it has reached.

    As a context manager about the fit it publishes the best point so far when the fit is
    interrupted from the keyboard.

    Parameters
    ----------
    estimator : object
        The estimator that is fitted, with ``verbose``.
    X, y, sample_weight : array-like
        As they were given to fit; ``y`` None where there is none.
    publish : callable(estimator, EMResult), optional
        Sets the fitted attributes on an estimator; may be given later, before a climb.
    n_starts : int or None
        Starts that will be climbed from; None where the search decides.
    per : float, default=1.0
        Printed objectives are divided by it.
    interval : int, default=1
        Iterations between two lines.
    in_memory : bool, default=True
        Whether X is in memory, and has a length.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        publish: Callable[[Any, EMResult], None] | None = None,
        n_starts: int | None = None,
        per: float = 1.0,
        interval: int = 1,
        in_memory: bool = True,
    ):
        self.estimator, self.publish = estimator, publish
        self.per, self.interval = per, interval
        self.began = time.perf_counter()
        self.last = self.began
        self.context: Any = None
        self.run: Any = None
        self.seen: Any = None
        if getattr(estimator, "_skl_callbacks", None):
            self.X = X
            # A monitor scores only where there is a y; of data that lie elsewhere that is too dear.
            self.y = np.zeros(len(X)) if y is None and in_memory else y
            self.metadata = None if sample_weight is None else {"sample_weight": sample_weight}
            self.numbers: set[int] = set()
            self.context = estimator._init_callback_context(
                max_subtasks=n_starts, sequential_subtasks=False
            )
            self.context.call_on_fit_task_begin(estimator=estimator, **self._given())

    @property
    def callback(self) -> Callable[[State], bool] | None:
        """What to give to `fit_em`: None where there is nothing to tell, which costs nothing."""
        return self if self.estimator.verbose or self.context is not None else None

    def __call__(self, state: State) -> bool:
        if self.estimator.verbose:
            self._print(state)
        return self.context is not None and self._report(state)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            reached = getattr(error, "result", None)
            if reached is not None and self.publish is not None:
                self.publish(self.estimator, reached)

    def done(self) -> None:
        """The fit is over and published."""
        if self.estimator.verbose:
            reached = "Converged" if self.estimator.converged_ else "Did not converge"
            print(
                f"{reached} after {self.estimator.n_iter_} iterations, "
                f"objective {self.estimator.history_[-1]:.5f}. "
                f"Time lapse {time.perf_counter() - self.began:.5f}s"
            )
        if self.context is not None:
            self.context.call_on_fit_task_end(
                estimator=self.estimator, reconstruction_attributes={}, **self._given()
            )

    # Lines

    def _print(self, state: State) -> None:
        now = time.perf_counter()
        if state.n_iter == 0:
            print(f"Initialization {state.run}")
            self.last = now
        elif self.estimator.verbose >= 2 and state.n_iter % self.interval == 0:
            print(
                f"  Iteration {state.n_iter}\t time lapse {now - self.last:.5f}s"
                f"\t objective {state.objective / self.per:.5f}"
                f"\t change {state.gain / self.per:.5f}"
            )
            self.last = now
        if state.reason is not None and self.estimator.verbose >= 2:
            ended = "converged" if state.reason.converged else "did not converge"
            print(f"Initialization {ended}.")

    # Callbacks

    def _given(self) -> dict[str, Any]:
        return {"X": self.X, "y": self.y, "metadata": self.metadata}

    def _report(self, state: State) -> bool:
        """One task a start, and in it one task an iteration; True where a callback says stop."""
        stop = False
        if state.n_iter == 0:
            number = state.run if state.run not in self.numbers else max(self.numbers) + 1
            self.numbers.add(number)
            self.run = self.context.subcontext(
                "start", task_id=number, max_subtasks=self.estimator.max_iter
            )
            self.run.call_on_fit_task_begin(estimator=self.estimator, **self._given())
        elif state.params is not self.seen:  # the last step of a run may have been refused
            task = self.run.subcontext("iteration")
            task.call_on_fit_task_begin(estimator=self.estimator, **self._given())
            stop = self._end(task, state)
        self.seen = state.params
        if state.reason is not None:
            self._end(self.run, state)
        return stop

    def _end(self, task: Any, state: State) -> bool:
        stop: bool = task.call_on_fit_task_end(
            estimator=self.estimator,
            # Worked out for callbacks that ask for it alone.
            reconstruction_attributes=lambda: self._reached(state),
            **self._given(),
        )
        return stop

    def _reached(self, state: State) -> dict[str, Any]:
        """Fitted attributes as if the fit had ended at a state."""
        copy = object.__new__(type(self.estimator))
        copy.__dict__.update(self.estimator.__dict__)
        assert self.publish is not None  # before a climb, which this is in the middle of
        self.publish(copy, _as_result(state))
        before = self.estimator.__dict__
        return {k: v for k, v in copy.__dict__.items() if k not in before or v is not before[k]}


def _as_result(state: State) -> EMResult:
    return EMResult.of(
        state,
        state.reason or StopReason.MAX_ITER,
        n_iter=state.n_iter,
        n_evaluations=state.n_iter + 1,
        history=np.array([state.objective]),
        evaluations=np.array([state.n_iter + 1]),
        log_likelihoods=np.array([state.log_likelihood]),
    )
