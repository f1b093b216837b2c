"""The steps of a model as a run calls them: an error names the method that the user wrote."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from emkit.engine import blocks, tree
from emkit.engine.blocks import PASSED_ERRORS
from emkit.engine.contract import SIGNATURES, Breach, as_bool, as_number, require_tree
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.model import EMModel, MonteCarloModel
from emkit.exceptions import InfeasibleError, ModelError

__all__ = [
    "Point",
    "called",
    "complete_score",
    "evaluate",
    "fallen",
    "initialize",
    "is_feasible",
    "lowered",
    "m_step",
    "own_proposal",
    "progress",
    "recombined",
    "remaining_gain",
    "require_finite",
    "retracted",
    "rounding",
    "sampled_point",
    "sampled_statistics",
    "threshold",
    "weight",
    "written",
]

#: Part of an objective that single precision may lose.
SINGLE_PRECISION = 1e-5


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
    except (*PASSED_ERRORS, InfeasibleError, np.linalg.LinAlgError):
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
            if not as_bool(model.is_feasible(params), step):
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
    except PASSED_ERRORS:
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
    except PASSED_ERRORS:
        raise
    except Exception as error:
        raise _named(step, n_iter, error) from error
    return image


def is_feasible(model: EMModel, params: Any, n_iter: int = 0) -> bool:
    """Whether the model is defined at the parameters."""
    return _told("is_feasible", n_iter, as_bool, model.is_feasible, params)


def rounding(model: EMModel, params: Any, objective: float, n_iter: int = 0) -> float:
    """How much an objective that is finite is rounded."""
    noise = _told(
        "objective_rounding", n_iter, as_number, model.objective_rounding, params, objective
    )
    if not noise >= 0.0:
        raise _named(
            "objective_rounding", n_iter, Breach("objective_rounding", f"returned {noise!r}")
        )
    return noise


def progress(model: EMModel, before: Point, after: Point, n_iter: int) -> float:
    """The model's own measure of a step."""
    assert model.progress is not None
    return _told("progress", n_iter, as_number, model.progress, before, after)


def remaining_gain(model: EMModel, point: Point, n_iter: int) -> float:
    """Nats that are left to gain, as the model tells; inf where it cannot."""
    told = model.remaining_gain
    if told is None:
        return np.inf
    return _told("remaining_gain", n_iter, as_number, told, point.stats, point.params)


def threshold(model: EMModel, data: Any) -> float:
    """Gain of a plain step on all the data below which the model allows an extrapolation."""
    name, method = "acceleration_threshold", model.acceleration_threshold
    total = sum(_told(name, 0, as_number, method, block) for block in blocks.summaries(data))
    if np.isnan(total):
        raise _named(name, 0, Breach(name, "returned nan"))
    return total


def weight(model: EMModel, data: Any, n_iter: int) -> float:
    """Weight of all the data."""
    of_block, all_blocks = model.weight_of, blocks.summaries(data)
    return sum(_told("weight_of", n_iter, as_number, of_block, block) for block in all_blocks)


def recombined(method: str, function: Callable[..., Any], *args: Any) -> Any:
    """What `recombine` or `mutate` makes of parameters, the first of its arguments."""
    return called(method, 0, lambda: _like(function(*args), args[0], method))


def _told(method: str, n_iter: int, read: Callable[..., Any], function: Any, *args: Any) -> Any:
    """What a method says, a number or whether."""
    return called(method, n_iter, lambda: read(function(*args), method))


def own_proposal(model: EMModel, point: Point, n_iter: int) -> Any:
    """A point of the model's own that may be better than the EM image, or None."""

    def proposed() -> Any:
        params = None if model.propose is None else model.propose(point.stats, point.params)
        return None if params is None else _like(params, point.params, "propose")

    return called("propose", n_iter, proposed)


def beyond(model: EMModel, point: Point, image: Any, n_iter: int) -> Any:
    """What an acceleration is to take for the EM image of a point: that itself, or one beyond."""
    further = model.beyond
    if further is None:
        return image
    made = called("beyond", n_iter, further, point.stats, point.params, image)
    return called("beyond", n_iter, _like, made, image, "beyond")


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
    if not is_feasible(model, params, n_iter):
        return None
    log_likelihood = 0.0
    for block in blocks.iterate(data):
        args = model.log_likelihood, block, params
        log_likelihood += _told("log_likelihood", n_iter, as_number, *args)
    prior = _told("log_prior", n_iter, as_number, model.log_prior, params)
    return Point(params, None, log_likelihood, log_likelihood + prior)


def called(method: str, n_iter: int, function: Callable[..., Any], *args: Any) -> Any:
    """What a method of the user's returns; what it raises is a ModelError that names it."""
    try:
        return function(*args)
    except (*PASSED_ERRORS, InfeasibleError, np.linalg.LinAlgError):
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
    fell = f"{method} lowered the objective from {before!r} to {after!r} at iteration {n_iter}"
    fails = f"maximise what {statistics} expects" if method == "m_step" else "raise it"
    cannot, remedy = "EM cannot do that", ", `backtracks = True` if m_step may step too far"
    if model.backtracks:
        fails, cannot, remedy = "lead uphill", "However short, a part of its step does so", ""
    if before - after <= SINGLE_PRECISION * abs(before):
        remedy += (
            ". So small a fall may be rounding: work in float64, or say in objective_rounding how "
            "exact the objective is"
        )
    return ModelError(
        f"{fell}. {cannot}: either {method} does not {fails}, or {e_step} (or log_prior) does not "
        "return the objective at its parameters. Check them on a few rows by hand; set `exact = "
        f"False` if the E-step is random{remedy}."
    )


def fallen(
    model: EMModel, data: Any, before: Point, after: Point, noise: float, n_iter: int
) -> ModelError:
    """The error of an EM step that lowered the objective: of its half that did so."""
    if model.conditional_step is not None:
        image = evaluate(model, data, model.m_step(before.stats, before.params), n_iter)
        if image is not None and image.objective > after.objective + noise:
            return lowered(model, "conditional_step", image.objective, after.objective, n_iter)
    return lowered(model, "m_step", before.objective, after.objective, n_iter)


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
