"""The steps of a model as a run calls them: an error names the method that the user wrote."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from emkit.engine import blocks, tree
from emkit.engine.contract import SIGNATURES, Breach, as_number, require_tree
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.model import EMModel, MonteCarloModel
from emkit.exceptions import ClusterError, DataError, DataReadError, InfeasibleError, ModelError

__all__ = [
    "Point",
    "called",
    "complete_score",
    "evaluate",
    "initialize",
    "lowered",
    "m_step",
    "own_proposal",
    "require_finite",
    "retracted",
    "sampled_point",
    "sampled_statistics",
    "written",
]


class Point(NamedTuple):
    """Parameters with what one E-step tells of them."""

    params: Any
    stats: Any
    log_likelihood: float
    objective: float


def initialize(model: EMModel, data: Any, rng: np.random.Generator) -> Any:
    """One random start."""
    block = data.start_block(rng) if isinstance(data, blocks.Blocks) else data
    try:
        return require_tree(model.initialize(block, rng), "initialize")
    except (InfeasibleError, DataError, DataReadError, np.linalg.LinAlgError):
        raise
    except Exception as error:
        raise _named("initialize", 0, error) from error


def evaluate(
    model: EMModel, data: Any, params: Any, n_iter: int, proposed: bool = False
) -> Point | None:
    """E-step at ``params``, those of a proposal retracted; None where the model is not defined."""
    step = "retract"
    try:
        # A proposal may lie where the model makes no sense: that is no news to the user.
        with np.errstate(all="ignore") if proposed else nullcontext():
            params = _retract(model, params) if proposed else params
            step = "is_feasible"
            if not model.is_feasible(params):
                return None
            step = "e_step"
            stats, log_likelihood = blocks.e_step(model, data, params)
            if n_iter == 0:  # their kind is that of the first
                require_tree(stats, written(model, "from_tile_sums"))
            log_likelihood = as_number(log_likelihood, "e_step", "log_likelihood")
            step = "log_prior"
            objective = log_likelihood + as_number(model.log_prior(params), "log_prior")
    except np.linalg.LinAlgError:
        return None
    except (ClusterError, DataError, DataReadError):
        raise
    except Exception as error:
        # Overflow and the like at an extrapolated point is the point's fault, not the model's.
        if proposed and isinstance(error, ArithmeticError):
            return None
        raise _named(step, n_iter, error, proposed) from error
    return Point(params, stats, log_likelihood, objective)


def retracted(model: EMModel, params: Any, n_iter: int = 0) -> Any:
    """Parameters that did not come from the M-step, back in the model."""
    return called("retract", n_iter, _retract, model, params)


def _retract(model: EMModel, params: Any) -> Any:
    inside = model.retract(params)
    return inside if inside is params else _like(inside, params, "retract")


def m_step(model: EMModel, data: Any, point: Point, n_iter: int) -> Any:
    """EM image of a point; None where the M-step has no maximiser."""
    step = "m_step"
    try:
        image = _like(model.m_step(point.stats, point.params), point.params, step)
        if model.conditional_step is not None:
            step = "conditional_step"
            image = _like(model.conditional_step(data, image), point.params, step)
    except np.linalg.LinAlgError:
        return None
    except DataError:
        raise
    except Exception as error:
        raise _named(step, n_iter, error) from error
    return image


def own_proposal(model: EMModel, point: Point, n_iter: int) -> Any:
    """A point of the model's own that may be better than the EM image, or None."""

    def proposed() -> Any:
        params = None if model.propose is None else model.propose(point.stats, point.params)
        return None if params is None else _like(params, point.params, "propose")

    return called("propose", n_iter, proposed)


def complete_score(model: EMModel, point: Point) -> Any:
    """Gradient of the objective at a point, or None; for a model that offers the method."""

    def score() -> Any:
        assert model.complete_score is not None
        gradient = model.complete_score(point.stats, point.params)
        return gradient if gradient is None else _like(gradient, point.params, "complete_score")

    return called("complete_score", 0, score)


def sampled_statistics(
    model: EMModel, data: Any, params: Any, rng: np.random.Generator, size: int, n_iter: int
) -> Any:
    """Statistics of all the data by some draws of what is missing."""

    def of_block(block: Any) -> Any:
        method, function = "sampled_statistics", model.sampled_statistics
        args: tuple[Any, ...] = (params, rng, size)
        if function is None:
            assert model.sample_latent is not None and model.complete_statistics is not None
            args = (called("sample_latent", n_iter, model.sample_latent, block, *args),)
            method, function = "complete_statistics", model.complete_statistics
        stats = called(method, n_iter, function, block, *args)
        return called(method, n_iter, require_tree, stats, method)

    return reduce(tree.add, map(of_block, blocks.iterate(data)))


def sampled_point(model: MonteCarloModel, data: Any, params: Any, n_iter: int) -> Point | None:
    """A point without statistics, its objective nan unless the model can tell its likelihood."""
    if not called("is_feasible", n_iter, model.is_feasible, params):
        return None
    log_likelihood = 0.0
    for block in blocks.iterate(data):
        told = called("log_likelihood", n_iter, model.log_likelihood, block, params)
        log_likelihood += called("log_likelihood", n_iter, as_number, told, "log_likelihood")
    prior = called("log_prior", n_iter, model.log_prior, params)
    prior = called("log_prior", n_iter, as_number, prior, "log_prior")
    return Point(params, None, log_likelihood, log_likelihood + prior)


def called(method: str, n_iter: int, function: Callable[..., Any], *args: Any) -> Any:
    """What a method of the user's returns; what it raises is a ModelError that names it."""
    try:
        return function(*args)
    except (ClusterError, DataError, DataReadError, InfeasibleError, np.linalg.LinAlgError):
        raise
    except Exception as error:
        raise _named(method, n_iter, error) from error


def require_finite(model: EMModel, point: Point, n_iter: int) -> None:
    """ModelError for an objective that is not finite, at a point that the model calls feasible."""
    if np.isfinite(point.objective):
        return
    step, value = "log_prior", point.objective
    if not np.isfinite(point.log_likelihood):
        step, value = written(model, "log_joint"), point.log_likelihood
    verb = "gave a log-likelihood of" if step == "log_joint" else "returned"
    raise ModelError(
        f"{step} {verb} {value!r} at iteration {n_iter}, at parameters that is_feasible "
        f"accepts: {point.params!r}. Likely a division by zero, the logarithm of zero or data "
        "that are impossible under the model; make is_feasible return False there."
    )


def lowered(model: EMModel, method: str, before: float, after: float, n_iter: int) -> ModelError:
    """The error of a step that lowered the objective."""
    e_step, statistics = written(model, "log_joint"), written(model, "statistics")
    fails = f"maximise what {statistics} expects" if method == "m_step" else "raise it"
    return ModelError(
        f"{method} lowered the objective from {before!r} to {after!r} at iteration {n_iter}. EM "
        f"cannot do that: either {method} does not {fails}, or {e_step} (or log_prior) does not "
        "return the objective at its parameters. Check them on a few rows by hand; set `exact = "
        "False` if the E-step is random, `backtracks = True` if m_step may step too far."
    )


def written(model: EMModel, instead: str) -> str:
    """The method that the user wrote where others write e_step."""
    author = next(cls for cls in type(model).__mro__ if "e_step" in vars(cls))
    return instead if author is LatentClassModel else "e_step"


def _like(params: Any, expected: Any, method: str) -> Any:
    """Parameters as they are; Breach where their kind or shapes are not those expected."""
    wrong = tree.mismatch(params, expected)
    if wrong:
        raise Breach(method, wrong)
    return params


def _named(method: str, n_iter: int, error: Exception, proposed: bool = False) -> ModelError:
    """The error of a step, with the method to blame, the iteration, and what it must return."""
    if isinstance(error, Breach):
        return ModelError(error.at(f", at iteration {n_iter}"))
    method, given = getattr(error, "blamed", (method, ""))
    told = f"{method} failed at iteration {n_iter} with {type(error).__name__}: {error}"
    hints = [f"It was given {given}."] if given else []
    if proposed:
        hints.append("The parameters are an extrapolation: is_feasible may refuse them.")
    return ModelError(" ".join([told.rstrip(".") + ".", *hints, SIGNATURES[method]]))
