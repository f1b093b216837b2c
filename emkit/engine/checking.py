"""check_model: the contract of a model, tried on data."""

import pickle
from typing import Any

import numpy as np
from joblib.externals.loky.backend.reduction import dumps

from emkit.engine import tree
from emkit.engine.additive import Split, check_halves
from emkit.engine.arguments import given_starts, require_model, seed_sequence
from emkit.engine.blocks import iterate
from emkit.engine.checked_steps import check_standstill, check_steps
from emkit.engine.guards import DOUBLE, IMPRECISE, require_double, untouched
from emkit.engine.inference.frame import Frame, names_of
from emkit.engine.inference.surface import Surface
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.model import EMModel
from emkit.engine.steps import (
    Point,
    beyond,
    evaluate,
    initialize,
    is_feasible,
    m_step,
    own_proposal,
    progress,
    remaining_gain,
    require_finite,
    retracted,
    rounding,
    sampled_statistics,
    threshold,
    written,
)
from emkit.exceptions import ModelError

__all__ = ["check_model"]

#: Plain steps that must not lower the objective.
N_STEPS = 5
#: Starts beside the first that steps are taken from.
MORE_STARTS = 2
#: Parts of the way from one point to the next, and beyond it, where a family may be left.
PARTS_OF_WAY = (0.5, 1.5)
#: What is in the model already moves by no more than that part when it is retracted.
RETRACTED_MOVE = 1e-8
#: Slopes by the score and by differences of the objective agree to that part of the steepest.
SLOPE_TOLERANCE = 1e-3
#: Draws of what is missing, to see what their statistics look like.
N_DRAWS = 2


def check_model(
    model: EMModel,
    data: Any,
    *,
    start: Any = None,
    split: Split | str | None = "rows",
    random_state: Any = None,
) -> None:
    """Try the contract of a model on data, before it is fitted or shared.

    Types and shapes of what its methods return; an E-step that gives the same answer twice and
    leaves its arguments alone; statistics of two halves of the data that add up to those of all;
    plain EM steps that lead to numbers and do not lower the objective, five from each of three
    starts if none is given, up to 200 from the first to where EM stands still, and one from points
    beside that, so that an M-step which leaves ``log_prior`` out is found; a ``complete_score``
    that agrees with differences of the objective; a ``retract`` that changes nothing the second
    time; draws of the form of the statistics; and a model that survives the way to another process.

    Parameters
    ----------
    model : EMModel
        What to try.
    data : object or Blocks
        Some data to try it on, a few hundred rows at most: it costs E-steps by the hundred.
    start : Params, default=None
        Where to begin; drawn by ``model.initialize`` when None.
    split : {"rows"}, callable or None, default="rows"
        How data are cut in two. "rows" cuts arrays along their first axis, objects such as
        `Columns` by their method ``take(slice)``, and tuples of such of one length; a callable
        takes the data and returns both halves; None leaves the halves
        out, for data that are no rows, such as the counts of a table. Of `Blocks` it is the first
        block that is cut.
    random_state : None, int, numpy Generator or RandomState, default=None
        Source of the start.

    Raises
    ------
    ModelError
        For the first part of the contract that is broken; names the method and what to do.
    TypeError
        For what is no model, and for data that cannot be cut as ``split`` says.

    See Also
    --------
    fit_em : Checks what it meets on its way, no more.

    Examples
    --------
    Times to failure, some cut off. The statistics of this model are means, which do not add up.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import EMModel, check_model
    >>> class Params(NamedTuple):
    ...     mean: float
    >>> class Stats(NamedTuple):
    ...     total: float
    ...     n: float
    >>> class Failures(EMModel):
    ...     def initialize(self, rows, rng):
    ...         return Params(rng.uniform(1.0, 10.0))
    ...     def e_step(self, rows, params):
    ...         times, failed = rows
    ...         expected = times + params.mean * ~failed
    ...         log_likelihood = -failed.sum() * np.log(params.mean) - times.sum() / params.mean
    ...         return Stats(expected.mean(), 1.0), log_likelihood
    ...     def m_step(self, stats, params):
    ...         return Params(stats.total / stats.n)
    >>> rows = np.array([2.0, 3.0, 5.0, 6.0, 8.0]), np.array([True, True, False, True, True])
    >>> check_model(Failures(), rows, start=Params(5.0))
    Traceback (most recent call last):
    emkit.exceptions.ModelError: e_step is not additive: total of all rows is ...

    Sums do.

    >>> class Sound(Failures):
    ...     def e_step(self, rows, params):
    ...         (mean, _), log_likelihood = super().e_step(rows, params)
    ...         n = len(rows[0])
    ...         return Stats(n * mean, n), log_likelihood
    >>> check_model(Sound(), rows, start=Params(5.0))
    """
    require_model(model)
    rng = np.random.default_rng(seed_sequence(random_state))
    params = _start(model, data, start, rng)
    threshold(model, data)
    if model.e_step is None:
        stats = sampled_statistics(model, data, params, rng, N_DRAWS, 0)
        point = Point(params, stats, np.nan, np.nan)
        m_step(model, data, point, 1)
        _check_pickling(model)
        return
    point = _check_e_step(model, data, params)
    check_halves(model, data, params, split)
    _check_draws(model, data, point, rng)
    before, after = check_steps(model, data, point, N_STEPS)
    others = _other_starts(model, data, rng, start is None)
    _check_offers(model, data, before, after)
    _check_retract(model, before.params, after.params)
    _check_score(model, data, after.params)
    check_standstill(model, data, after, [params, *others])
    other = _check_pickling(model)
    _require_alike(model, after, evaluate(other, data, after.params, 0), "from another process")


def _start(model: EMModel, data: Any, start: Any, rng: np.random.Generator) -> Any:
    """A start at which the model is defined."""
    if start is not None:
        return retracted(model, given_starts(start)[0])
    with untouched("initialize", data=data):
        params = initialize(model, data, rng)
    require_double("initialize", params)
    if not is_feasible(model, params):
        raise ModelError(
            f"initialize drew parameters that is_feasible refuses: {params!r}. A start must be "
            "where the model is defined."
        )
    return params


def _other_starts(model: EMModel, data: Any, rng: np.random.Generator, required: bool) -> list[Any]:
    """More starts; with steps from each, as the objective may happen to rise from the first.

    Where a start is given the model need not draw any.
    """
    try:
        starts = [_start(model, data, None, rng) for _ in range(MORE_STARTS)]
    except ModelError:
        if required:
            raise
        return []
    for params in starts if required else []:
        point = evaluate(model, data, params, 0)
        if point is not None:
            require_finite(model, point, 0)
            check_steps(model, data, point, N_STEPS)
    return starts


def _check_e_step(model: EMModel, data: Any, params: Any) -> Point:
    """The E-step twice: the same answer, finite, and its arguments as they were."""
    method = written(model, "log_joint")
    with untouched(method, params, data=data):
        point = evaluate(model, data, params, 0)
    if point is None:
        raise ModelError(f"The model is not defined at {params!r}. Give another start.")
    require_finite(model, point, 0)
    _check_numbers(model, data, point)
    _require_alike(model, point, evaluate(model, data, params, 0), "the second time")
    return point


def _check_numbers(model: EMModel, data: Any, point: Point) -> None:
    """Statistics and the joint are finite, and in double precision."""
    method = written(model, "statistics")
    for name, leaf in tree.named_leaves(point.stats).items():
        if not np.isfinite(leaf).all():
            raise ModelError(
                f"{method} returned {name} with numbers that are not finite, {leaf!r}, although "
                "the objective is. Likely a division by zero, or a missing cell that was added up."
            )
    require_double(method, point.stats)
    if isinstance(model, LatentClassModel):
        bound = model.bind(point.params)
        log_joint, _ = model.log_joint(next(iter(model.tiles(next(iterate(data)), bound))), bound)
        if log_joint.dtype.itemsize < DOUBLE:
            raise ModelError(IMPRECISE.format(f"log_joint returned an array in {log_joint.dtype}"))


def _check_offers(model: EMModel, data: Any, before: Point, after: Point) -> None:
    """What the model offers beyond the two steps: its measure of progress, its proposals."""
    if model.progress is not None:
        progress(model, before, after, 1)
    remaining_gain(model, after, 1)
    with untouched("propose", after.params, after.stats):
        own_proposal(model, after, 1)
    image = m_step(model, data, after, 1)
    if image is not None:
        with untouched("beyond", after.params, after.stats, image):
            beyond(model, after, image, 1)


def _require_alike(model: EMModel, point: Point, again: Point | None, when: str) -> None:
    noise = rounding(model, point.params, point.objective)
    if model.exact and (again is None or abs(again.objective - point.objective) > noise):
        got = None if again is None else again.objective
        raise ModelError(
            f"{written(model, 'log_joint')} gave another objective {when} at the same parameters, "
            f"{got!r} instead of {point.objective!r}. Likely it keeps something in the model or "
            "changes its data. If it draws, set `exact = False`."
        )


def _check_draws(model: EMModel, data: Any, point: Point, rng: np.random.Generator) -> None:
    """Statistics by draws have the form of those of the E-step."""
    method = "sampled_statistics"
    if model.sampled_statistics is None:
        method = "complete_statistics"
        if model.sample_latent is None or model.complete_statistics is None:
            return
    stats = sampled_statistics(model, data, point.params, rng, N_DRAWS, 0)
    if wrong := tree.mismatch(stats, point.stats):
        raise ModelError(f"{method} {wrong}. Its statistics must be of the form of e_step's.")


def _check_retract(model: EMModel, before: Any, after: Any) -> None:
    """What is in the model stays, also what a first retraction has brought there."""
    start, end = tree.flatten(before), tree.flatten(after)
    inside = [after]
    for way in PARTS_OF_WAY:
        beside = tree.restore(start + way * (end - start), after)
        try:
            with np.errstate(all="ignore"), untouched("retract", beside):
                inside.append(model.retract(beside))
        except (np.linalg.LinAlgError, ArithmeticError):
            continue
    for params in inside:
        if not tree.all_finite(params):
            continue
        moved = tree.distance(retracted(model, params), params)
        if moved > RETRACTED_MOVE:
            raise ModelError(
                f"retract moved parameters that are in the model already, by {moved:.2g} of their "
                "size. Retracting twice must be retracting once."
            )


def _check_score(model: EMModel, data: Any, params: Any) -> None:
    """The complete-data score is the gradient of the objective along what the M-step can move."""
    surface = Surface(model, data, params)
    if surface.score(surface.here) is None:
        return
    frame = Frame.of(surface)
    slopes, told = np.array([c.slope for c in frame.chords]), frame.slopes(surface, surface.here)
    off = np.abs(told - slopes)
    if not len(off) or off.max() <= SLOPE_TOLERANCE * max(1.0, np.abs(slopes).max()):
        return
    worst = int(off.argmax())
    named = names_of(np.arange(len(frame.basis)) == frame.pivots[worst], params)
    by_score, by_objective = (values[worst] / frame.lengths[worst] for values in (told, slopes))
    raise ModelError(
        f"complete_score is not the gradient of the objective: along {named} it gives "
        f"{by_score:.6g}, and differences of the objective {by_objective:.6g}. Check it by "
        "differences of the expected complete-data objective, log_prior included."
    )


def _check_pickling(model: EMModel) -> EMModel:
    """The model as it arrives in another process."""
    try:
        other: EMModel = pickle.loads(dumps(model))
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} cannot be sent to another process, as n_jobs and clusters do: "
            f"{type(error).__name__}: {error}. Keep open files, locks and iterators out of its "
            "attributes, or leave them out in __getstate__."
        ) from error
    return other
