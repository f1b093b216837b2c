r"""Standard errors out of the EM operator: the observed information without second derivatives.

Parameters may be bound to each other (weights sum to 1, covariances are symmetric), so everything
happens along directions in which the M-step can move them, one for each free parameter, found by
perturbing the statistics. Where the family is curved, a step along them ends where the model's
``retract`` says: at a maximum, second derivatives along such paths are those of the family. Steps
are sized by what the objective says, some ten-thousandths of a standard error, whatever the units.
Either the complete-data score is differentiated (Oakes), or the EM map (SEM), whose eigenvectors
diagonalise the observed information too: with

.. math:: J = 1 - I_c^{-1} I, \qquad J T = T \Lambda

:math:`T^\top I T` is diagonal wherever eigenvalues differ, and the diagonal is the curvature of the
objective along the eigenvectors.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.engine import tree
from emkit.engine.arguments import require_model
from emkit.engine.contract import fault
from emkit.engine.inference.frame import Frame, names_of
from emkit.engine.inference.information import disagrees, oakes, sem
from emkit.engine.inference.surface import Surface
from emkit.engine.model import EMModel, MonteCarloModel
from emkit.engine.result import EMResult
from emkit.exceptions import DataWarning, ModelError, warn

__all__ = ["errors_of_image", "standard_errors"]

#: An information matrix with a unit diagonal is singular below that eigenvalue.
SINGULAR = 1e-6
#: Part of a parameter that may lie along a direction without information.
LOADING = 1e-3
#: Standard errors between result and maximum that are worth a word.
OFF_MAXIMUM = 0.1
#: Steps of EM that small beside the distance to the maximum go nowhere.
STANDSTILL = 1e-6
OVERFLOW = "beyond the range of floating-point numbers. Scale the data."
METHODS = ("auto", "oakes", "sem")
RIDGE = (
    "not determined: the objective is flat along a ridge, or the result no maximum. Hold some of "
    "these parameters fixed, merge classes, or add a prior (log_prior)."
)
BOUNDARY = (
    "at the boundary of where the model is defined, where standard errors say nothing; the others "
    "are given with these held where they are. Simplify the model, or use a bootstrap."
)
SLOPE = (
    f"more than {OFF_MAXIMUM} standard errors away from where the objective has its maximum. Fit "
    "with a smaller tol and a larger max_iter, on the same data; if this stays, the maximum lies "
    "on the boundary."
)
NO_GRADIENT = (
    "complete_score is not the gradient of the objective: differences of it and of the objective "
    "give different curvatures. Check it by finite differences of the expected complete-data "
    "objective, log_prior included, as check_model does."
)
UNBOUND = (
    "where the objective rises although EM stands still: m_step binds parameters that it lets "
    "move when its statistics do. Divide counts by their sum, not by a total known beforehand."
)


def standard_errors(model: EMModel, data: Any, result: Any, *, method: str = "auto") -> Any:
    r"""Standard errors of the parameters of any model, from the observed information.

    .. math:: \widehat{\operatorname{se}}(\theta_j) = \sqrt{(I^{-1})_{jj}}, \qquad
              I = -\frac{\partial^2}{\partial\theta\,\partial\theta^\top}
                  \bigl(\ell(\theta; \text{data}) + \log p(\theta)\bigr)

    at the result, within the family that the M-step keeps to: linear constraints, and whatever
    else the model's ``retract`` leads back to. A model with ``complete_score`` needs two E-steps
    for each free parameter; any other needs about six, and four more for each pair of equal
    eigenvalues of the EM map.

    Parameters
    ----------
    model : EMModel
        E-step and M-step.
    data : object or Blocks
        What the model was fitted to.
    result : EMResult or Params
        A maximum of the objective.
    method : {"auto", "oakes", "sem"}, default="auto"
        "oakes" differentiates the model's ``complete_score``; "sem" differentiates the EM map
        and the objective, and asks nothing of the model. "auto" is "oakes" where it can be.

    Returns
    -------
    Params
        The standard error of each parameter, in the type and shapes of the parameters; 0 for one
        that the M-step does not move.

    Raises
    ------
    ValueError
        For an unknown method, a model with a random E-step, and where the model is not defined
        at the result.
    ModelError
        When ``complete_score`` is not the gradient of the objective.

    Warns
    -----
    DataWarning
        Where parameters are not determined, at a boundary, or not at a maximum: their standard
        errors are NaN, the others' are not. Where the result did not converge.

    References
    ----------
    Meng, X.-L. & Rubin, D. B. (1991). Using EM to obtain asymptotic variance-covariance matrices:
    the SEM algorithm. Journal of the American Statistical Association 86, 899-909.
    doi:10.1080/01621459.1991.10475130

    Oakes, D. (1999). Direct calculation of the information matrix via the EM algorithm. Journal of
    the Royal Statistical Society B 61, 479-482. doi:10.1111/1467-9868.00188

    Examples
    --------
    Times to failure, exponential, some of them cut off: the standard error of the mean time is
    that time over the root of the number of failures.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import EMModel, fit_em, standard_errors
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
    ...         return Stats(expected.sum(), len(times)), log_likelihood
    ...     def m_step(self, stats, params):
    ...         return Params(stats.total / stats.n)
    ...     def is_feasible(self, params):
    ...         return params.mean > 0
    >>> rows = np.array([2.0, 3.0, 5.0, 6.0, 8.0]), np.array([True, True, False, True, True])
    >>> result = fit_em(Failures(), rows, start=Params(5.0), tol=1e-12)
    >>> round(float(result.params.mean), 6)
    6.0
    >>> round(float(standard_errors(Failures(), rows, result).mean), 6)
    3.0
    """
    _check_arguments(model, result, method)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told of below
        root, params = _root_of_covariance(model, data, result, method)
        return tree.restore(_norms(root), params)


def errors_of_image(
    model: EMModel, data: Any, result: Any, image: Callable[[Any], Sequence[Array]]
) -> list[Array]:
    """Standard errors of arrays that are linear in the parameters, without a constant.

    Parameters
    ----------
    model, data, result : object
        As of `standard_errors`.
    image : callable
        From Params to arrays, such as lines on another scale than the model's.

    Returns
    -------
    list of ndarray
        In the shapes of the image; NaN where a parameter has no standard error that it is made of.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        root, params = _root_of_covariance(model, data, result, "auto")
        parts = [image(tree.restore(column, params)) for column in root.T]
        return [
            _norms(np.stack([np.ravel(part) for part in same], axis=1)).reshape(same[0].shape)
            for same in zip(*parts, strict=True)
        ]


def _root_of_covariance(model: EMModel, data: Any, result: Any, method: str) -> tuple[Array, Any]:
    """R with R R' the covariance of the parameters, NaN in rows of those that have none; and these.

    Warns of what is wrong.
    """
    surface = Surface(model, data, result.params if isinstance(result, EMResult) else result)
    score = surface.score(surface.here)
    if method == "oakes" and score is None:
        raise ValueError(
            f"method='oakes' differentiates complete_score, which {type(model).__name__} does not "
            "offer. Write it, or use method='sem'."
        )
    frame = Frame.of(surface)
    information = None if score is None or method == "sem" else oakes(surface, frame)
    if information is not None and disagrees(information, frame):
        # A retraction that iterates may be too rough to differentiate.
        if method == "oakes" or not frame.curved:
            raise ModelError(NO_GRADIENT)
        information = None
    if information is None:
        information = sem(surface, frame)
    step = surface.image(surface.here.stats, surface.params) - surface.centre
    root, trouble = _invert(frame, information, step)
    notes = [
        f"No standard errors for {names_of(where, surface.params)}: {note}"
        for note, where in trouble
        if where.any()
    ]
    if isinstance(result, EMResult) and not result.converged:
        notes.insert(0, f"The result did not converge ({result.reason.value}).")
    if notes:
        warn(" ".join(notes), DataWarning)
    return root, surface.params


def _invert(
    frame: Frame, information: Array, step: Array
) -> tuple[Array, list[tuple[str, NDArray[np.bool_]]]]:
    """The root of the covariance, and the parameters that have none with the reason."""
    values, vectors = np.linalg.eigh(information)
    sure = values > SINGULAR
    reach = frame.basis @ vectors
    whole = _norms(frame.basis)
    ridge = frame.flat | (_norms(reach[:, ~sure]) > LOADING * whole)
    reach, values, vectors = reach[:, sure], values[sure], vectors[:, sure]
    root = np.column_stack([reach / np.sqrt(values), np.zeros(len(reach))])  # if all is unsure
    errors = _norms(root)
    slope = np.array([chord.slope for chord in frame.chords])
    to_maximum = reach @ (vectors.T @ slope / values)
    nowhere = ridge | frame.edge
    off = (np.abs(to_maximum) > OFF_MAXIMUM * errors) & ~nowhere
    beyond = ~np.isfinite(errors) & ~(nowhere | off)
    root[nowhere | off | beyond] = np.nan
    still = off & (np.abs(step) < STANDSTILL * np.abs(to_maximum))
    return root, [
        (RIDGE, ridge),
        (BOUNDARY, frame.edge & ~ridge),
        (SLOPE, off & ~still),
        (UNBOUND, still),
        (OVERFLOW, beyond),
    ]


def _norms(rows: Array) -> Array:
    """Norms of rows whose squares may overflow."""
    _, exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))
    scaled = np.ldexp(rows, -exponents[:, None])  # by powers of 2, which rounds nothing
    norms: Array = np.ldexp(np.linalg.norm(scaled, axis=1), exponents)
    return norms


def _check_arguments(model: EMModel, result: Any, method: str) -> None:
    require_model(model)
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}. Got {method!r}.")
    params = result.params if isinstance(result, EMResult) else result
    wrong = fault(params)
    if wrong:
        what = type(result).__name__ if params is result and not tree.is_tree(params) else wrong
        raise TypeError(
            f"result must be an EMResult or Params (a NamedTuple of float arrays). Got {what}."
        )
    if not model.exact or isinstance(model, MonteCarloModel):
        raise ValueError(
            f"{type(model).__name__} has no exact E-step, and the noise of a random one drowns the "
            "differences that standard errors are made of. Give a model with an exact E-step, or "
            "one that draws the same numbers every time."
        )
