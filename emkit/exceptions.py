"""What emkit raises and warns of, beyond the built-in errors."""

__all__ = ["DataWarning", "InfeasibleError", "ModelError"]


class DataWarning(UserWarning):
    """What the data force on a fit: constant columns, rank deficiency, no finite maximum."""


class ModelError(RuntimeError):
    """A step of an `EMModel` broke its contract; the message names the method and the iteration."""


class InfeasibleError(ValueError):
    """No start has parameters at which the model is defined; `runs` says why, start by start."""

    def __init__(self, message: str, runs: tuple = ()):
        super().__init__(message, runs)
        self.message = message
        self.runs = runs

    def __str__(self) -> str:
        return self.message
