"""The steps of a model as a run calls them: an error names the method that the user wrote."""

from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from emkit.engine import blocks, tree
from emkit.engine.model import EMModel
from emkit.exceptions import ClusterError, DataReadError, InfeasibleError, ModelError

__all__ = ["Point", "evaluate", "initialize", "m_step", "require_number", "retracted"]


class Point(NamedTuple):
    """Parameters with what one E-step tells of them."""

    params: Any
    stats: Any
    log_likelihood: float
    objective: float


def initialize(model: EMModel, data: Any, rng: np.random.Generator) -> Any:
    block = data.start_block(rng) if isinstance(data, blocks.Blocks) else data
    try:
        return model.initialize(block, rng)
    except (InfeasibleError, DataReadError, np.linalg.LinAlgError):
        raise
    except Exception as error:
        raise ModelError(
            f"initialize failed at iteration 0 with {type(error).__name__}: {error}"
        ) from error


def evaluate(
    model: EMModel, data: Any, params: Any, n_iter: int, proposed: bool = False
) -> Point | None:
    """E-step at ``params``, those of a proposal retracted; None where the model is not defined."""
    step = "is_feasible"
    try:
        # A proposal may lie where the model makes no sense: that is no news to the user.
        with np.errstate(all="ignore") if proposed else nullcontext():
            if proposed:
                step = "retract"
                params = retracted(model, params)
                step = "is_feasible"
            if not model.is_feasible(params):
                return None
            step = "e_step"
            stats, log_likelihood = blocks.e_step(model, data, params)
            log_likelihood = float(log_likelihood)
            step = "log_prior"
            objective = log_likelihood + float(model.log_prior(params))
    except np.linalg.LinAlgError:
        return None
    except (ClusterError, DataReadError, ModelError):
        raise
    except Exception as error:
        # Overflow and the like at an extrapolated point is the point's fault, not the model's.
        if proposed and isinstance(error, ArithmeticError):
            return None
        raise ModelError(_failed(step, n_iter, error)) from error
    return Point(params, stats, log_likelihood, objective)


def retracted(model: EMModel, params: Any) -> Any:
    """Parameters that did not come from the M-step, back in the model."""
    inside = model.retract(params)
    wrong = "" if inside is params else tree.mismatch(inside, params)
    if wrong:
        raise ModelError(
            f"retract {wrong}. It must return the type and shapes of what it is given."
        )
    return inside


def m_step(model: EMModel, data: Any, point: Point, n_iter: int) -> Any:
    """EM image of a point; None where the M-step has no maximiser."""
    step = "m_step"
    try:
        image = model.m_step(point.stats, point.params)
        wrong = tree.mismatch(image, point.params)
        if not wrong and model.conditional_step is not None:
            step = "conditional_step"
            image = model.conditional_step(data, image)
            wrong = tree.mismatch(image, point.params)
    except np.linalg.LinAlgError:
        return None
    except Exception as error:
        raise ModelError(_failed(step, n_iter, error)) from error
    if wrong:
        raise ModelError(
            f"{step} {wrong}, at iteration {n_iter}. It must return parameters of the type and "
            "shapes of the start."
        )
    return image


def require_number(point: Point, n_iter: int) -> None:
    if not np.isfinite(point.objective):
        step = "log_prior" if np.isfinite(point.log_likelihood) else "e_step"
        value = point.objective if step == "log_prior" else point.log_likelihood
        raise ModelError(
            f"{step} returned {value!r} at iteration {n_iter}, at parameters that is_feasible "
            f"accepts: {point.params!r}. Likely a division by zero, the logarithm of zero or data "
            "that are impossible under the model; make is_feasible return False there."
        )


def _failed(step: str, n_iter: int, error: Exception) -> str:
    return (
        f"{step} failed at iteration {n_iter} with {type(error).__name__}: {error}. "
        "e_step must return (stats, log_likelihood), stats a NamedTuple of arrays; m_step must "
        "return parameters of the type of the start."
    )
