"""What every method of a model must return, and the words for one that does not."""

from typing import Any

import numpy as np

from emkit._typing import Array
from emkit.engine.tree import is_numeric, is_tree
from emkit.exceptions import ModelError

__all__ = [
    "SIGNATURES",
    "Breach",
    "as_bool",
    "as_number",
    "blame",
    "describe",
    "fault",
    "is_true",
    "require_named",
    "require_joint",
    "require_pair",
    "require_tree",
    "require_weights",
]

#: How the engine calls each method, and what it takes back: the remedy in every message.
SIGNATURES = {
    "initialize": "initialize(data, rng) must return Params, a NamedTuple of float arrays.",
    "e_step": "e_step(data, params) must return (stats, log_likelihood): a NamedTuple of float "
    "arrays, and a number.",
    "m_step": "m_step(stats, params) must return parameters of the type and shapes of the start.",
    "conditional_step": "conditional_step(data, params) must return parameters of the type and "
    "shapes of the start.",
    "retract": "retract(params) must return parameters of the type and shapes of the start.",
    "propose": "propose(stats, params) must return parameters of the type and shapes of the "
    "start, or None.",
    "beyond": "beyond(stats, params, image) must return parameters of the type and shapes of the "
    "start.",
    "is_feasible": "is_feasible(params) must return True or False.",
    "log_prior": "log_prior(params) must return a number.",
    "objective_rounding": "objective_rounding(params, objective) must return a number of nats, 0 "
    "or more.",
    "progress": "progress(before, after) must return a number.",
    "remaining_gain": "remaining_gain(stats, params) must return a number of nats.",
    "acceleration_threshold": "acceleration_threshold(data) must return a number of nats; inf "
    "begins at once.",
    "weight_of": "weight_of(data) must return a number.",
    "recombine": "recombine(mother, father, rng) must return parameters of the type and shapes of "
    "the parents.",
    "mutate": "mutate(params, rng) must return parameters of the type and shapes of those given.",
    "complete_score": "complete_score(stats, params) must return one derivative a parameter, in "
    "the type and shapes of the parameters.",
    "bind": "bind(params) must return what the methods after it take as bound.",
    "tiles": "tiles(data, bound) must return an iterable of pieces of the data, one at least.",
    "weights": "weights(tile) must return an array of shape (n,), or None.",
    "log_joint": "log_joint(tile, bound) must return (log_joint, work): a float array of shape "
    "(n_classes, n) that the engine may overwrite, and anything.",
    "statistics": "statistics(tile, resp, work, bound) must return a NamedTuple of float arrays, "
    "sums over the rows of the tile.",
    "from_tile_sums": "from_tile_sums(stats, bound) must return a NamedTuple of float arrays.",
    "sample_latent": "sample_latent(data, params, rng, size) must return the draws, in any form "
    "that complete_statistics takes.",
    "complete_statistics": "complete_statistics(data, latent) must return a NamedTuple of float "
    "arrays, of the data completed by the draws and averaged over them.",
    "sampled_statistics": "sampled_statistics(data, params, rng, size) must return a NamedTuple of "
    "float arrays, averaged over the draws.",
    "continue_latent": "continue_latent(data, params, rng, latent) must return draws in the form "
    "of sample_latent's.",
    "log_likelihood": "log_likelihood(data, params) must return a number.",
}


class Breach(ModelError):
    """A method that returned what it must not; the step that called it adds the iteration."""

    def __init__(self, method: str, what: str):
        super().__init__(method, what)
        self.method, self.what = method, what

    def __str__(self) -> str:
        return self.at("")

    def at(self, place: str) -> str:
        """The message, with where in the run it was."""
        return f"{self.method} {self.what}{place}. {SIGNATURES[self.method]}"


def blame(error: Exception, method: str, given: str = "") -> None:
    """Note on an error which of the user's methods raised it, and what that was given.

    The note goes with the error to another process, as its cause does not.
    """
    if not hasattr(error, "blamed"):
        error.blamed = method, given  # type: ignore[attr-defined]


def describe(value: Any) -> str:
    """The type of a value, and the shape of an array."""
    if isinstance(value, np.ndarray):
        of = "" if value.dtype.kind == "f" else f" of {value.dtype}"
        return f"an array{of} of shape {value.shape}"
    if isinstance(value, tuple) and not is_tree(value):
        return f"({', '.join(type(part).__name__ for part in value)})"
    return type(value).__name__


def fault(value: Any, name: str = "") -> str:
    """What keeps a value from being a NamedTuple of float arrays or of such; empty when nothing."""
    if is_tree(value):
        if not value:
            return f"{type(value).__name__}, which has no fields"
        parts = zip(value._fields, value, strict=True)
        return next(filter(None, (fault(v, f"{name}.{f}" if name else f) for f, v in parts)), "")
    if not name:
        return f"{describe(value)}, which is no NamedTuple"
    if is_numeric(value):
        return ""
    return f"{describe(value)} as {name}, which is neither a float array nor a number"


def require_tree(value: Any, method: str) -> Any:
    """Parameters or statistics as they are; Breach where they are none."""
    wrong = fault(value)
    if wrong:
        raise Breach(method, f"returned {wrong}")
    return value


def require_named(value: Any, method: str) -> Any:
    """Statistics of a tile as they are; Breach where they are no NamedTuple."""
    if not is_tree(value):
        raise Breach(method, f"returned {describe(value)}, which is no NamedTuple")
    return value


def require_pair(answer: Any) -> tuple[Any, Any]:
    """What an E-step returned; Breach for statistics alone, which might unpack into two."""
    if is_tree(answer) or not (isinstance(answer, tuple | list) and len(answer) == 2):
        raise Breach("e_step", f"returned {describe(answer)} alone, not a pair")
    stats, log_likelihood = answer
    if not is_tree(stats):
        raise Breach("e_step", f"returned {describe(stats)} as stats, which is no NamedTuple")
    return stats, log_likelihood


def as_number(value: Any, method: str, name: str = "") -> float:
    """A number as a float; Breach for an array, None or whatever is none."""
    if isinstance(value, float):  # NumPy's double is one too: the usual case, in every E-step
        return float(value)
    if is_numeric(value) and np.shape(value) == ():
        return float(value)
    hint = ": sum it over the rows" if getattr(value, "ndim", 0) else ""
    raise Breach(method, f"returned {describe(value)}{name and f' as {name}'}, no number{hint}")


def as_bool(value: Any, method: str) -> bool:
    """True or False, also NumPy's; Breach for an array, None or whatever is neither."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if getattr(value, "dtype", None) == np.bool_ and np.shape(value) == ():
        return bool(value)
    hint = ": end it with .all()" if getattr(value, "ndim", 0) else ""
    hint = ": likely it has no return" if value is None else hint
    raise Breach(method, f"returned {describe(value)}, neither True nor False{hint}")


def is_true(value: Any) -> bool:
    """Whether a value is True, also NumPy's; a callback may return anything."""
    return isinstance(value, bool | np.bool_) and bool(value)


def require_joint(answer: Any, tile: Any, params: Any, single: bool = False) -> tuple[Array, Any]:
    """What `log_joint` returned; Breach where its array cannot be one of classes by rows.

    It is known to lie the wrong way round where the tile is an array of rows and the parameters
    begin with an array of classes. Lower precision becomes double, unless the model means it.
    """
    if not (isinstance(answer, tuple | list) and len(answer) == 2):
        raise Breach("log_joint", f"returned {describe(answer)} alone, not a pair")
    log_joint, work = answer
    if not (isinstance(log_joint, np.ndarray) and log_joint.ndim == 2):
        raise Breach("log_joint", f"returned {describe(log_joint)} as log_joint")
    if log_joint.dtype.kind != "f":
        raise Breach("log_joint", f"returned {describe(log_joint)}, which cannot hold logarithms")
    # Sums in single precision may fall where EM climbs.
    if log_joint.dtype.itemsize < 8 and not single:
        log_joint = log_joint.astype(np.float64)
    rows, columns = log_joint.shape
    turned = isinstance(tile, np.ndarray) and tile.ndim and len(tile) == rows != columns
    if turned and columns == _n_classes(params):
        raise Breach(
            "log_joint",
            f"returned an array of shape {log_joint.shape}, where {(columns, rows)} was expected: "
            "classes come first, rows second",
        )
    return log_joint, work


def _n_classes(params: Any) -> int | None:
    """Length of the first array of the parameters, which has a row for each class by default."""
    first = params
    while is_tree(first):
        first = first[0]
    return len(first) if np.ndim(first) else None


def require_weights(weights: Any, tile: Any, log_joint: Array) -> Any:
    """The weights of a tile; Breach where they are none, or do not fit the rows of `log_joint`."""
    if weights is None:
        return None
    kind = getattr(getattr(weights, "dtype", None), "kind", None)
    if kind not in ("f", "i", "u", "b") or weights.ndim != 1:
        raise Breach("weights", f"returned {describe(weights)}")
    n = log_joint.shape[1]
    if len(weights) != n and isinstance(tile, np.ndarray) and tile.ndim and len(tile) == n:
        raise Breach("weights", f"returned {len(weights)} numbers for a tile of {n} rows")
    if len(weights) != n:
        raise Breach(
            "log_joint",
            f"returned an array of shape {log_joint.shape}, where (n_classes, {len(weights)}) was "
            f"expected, because weights returned {len(weights)} numbers",
        )
    least = np.asarray(weights).min(initial=0)
    if not least >= 0:
        raise Breach("weights", f"returned {least!r} among its numbers; a weight is 0 or more")
    return weights
