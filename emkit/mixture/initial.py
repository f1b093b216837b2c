"""Where a mixture starts: what the user gives, checked before any work, in the model's units."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from sklearn.utils import check_array

from emkit._typing import Array
from emkit.data.numbers import argument_of
from emkit.mixture.noise_arguments import check_marks, wants_noise
from emkit.models.mixture.assignment import one_hot
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.random_start import RandomStart
from emkit.models.mixture.single_normal import complete_rows
from emkit.models.mixture.starts import override, sample_rows
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES, Layout
from emkit.numerics.covariance.layout import COLLAPSED
from emkit.numerics.gaussian import Scaling

__all__ = [
    "NO_PARTS",
    "InitialValues",
    "RandomStart",
    "Start",
    "assigned",
    "check_initial_values",
    "given_start",
]

#: Parts of a start where nothing is given.
NO_PARTS = MixtureParams(*(None,) * 3)  # type: ignore[arg-type]
#: Standard deviations from the rows to a mean, and precision in units of the columns, from which
#: on squares of distances leave doubles or variances are nothing.
FARTHEST, SHARPEST = 1e100, 1.0 / COLLAPSED


class Start(Protocol):
    """Draws one start, as ``draw_start`` of a model."""

    @property
    def n_components(self) -> int: ...

    @property
    def parts(self) -> MixtureParams:
        """What is given, in the model's units; None for what is drawn."""

    def __call__(
        self, model: GaussianMixtureModel, data: Any, rng: np.random.Generator
    ) -> MixtureParams: ...


class InitialValues(NamedTuple):
    """What is given of a start, in the user's units; None where nothing is."""

    weights: Array | None
    means: Array | None
    precisions: Array | None
    resp: np.ndarray | None  #: labels (n,) or responsibilities (n, K)
    n_features: int
    noise: np.ndarray | None = None  #: mask of the rows that are noise

    def take(self, kept: Any) -> "InitialValues":
        """What is given of some of the rows, by a mask; None for all."""
        if kept is None:
            return self
        resp, noise = (None if part is None else part[kept] for part in (self.resp, self.noise))
        return self._replace(resp=resp, noise=noise)

    def parts(self, layout: Layout, units: Scaling, kept: Any = None) -> MixtureParams:
        """The parameters among them, in units of a model; None where not given.

        ``kept`` are the columns of the model, if it does not have all.
        """
        means, covariances, scale = self.means, None, units.scale
        if means is not None:
            means = means if kept is None else means[:, kept]
            with np.errstate(over="ignore"):
                internal = (means - units.shift) / scale
            _refuse_far("means_init", means, np.abs(internal) > FARTHEST)
            means = internal
        if self.precisions is not None:
            if kept is not None:
                scale = np.full(self.n_features, scale[0])
                scale[kept] = units.scale
            with np.errstate(over="ignore"):
                precisions = layout.rescale(self.precisions, scale)
            _refuse_far("precisions_init", self.precisions, ~(np.abs(precisions) < SHARPEST))
            covariances = layout.covariances(layout.whitening_from_precisions(precisions))
            if kept is not None:
                covariances = layout.marginal(covariances, kept)
        return MixtureParams(self.weights, means, covariances)  # type: ignore[arg-type]


def _refuse_far(argument: str, given: Array, far: Any) -> None:
    """ValueError for numbers of a start that no row is near to."""
    if far.any():
        raise ValueError(
            f"{argument} holds {given[far][0]:g}, which is out of all proportion to the columns of "
            "X: every row has a density of 0 there, and there is nothing to start from. Give it in "
            "the units of X."
        )


def check_initial_values(mixture: Any, n_samples: int, n_features: int) -> InitialValues:
    """The ``*_init`` arguments of a mixture; ValueError where they make no sense."""
    k, covariance_type = mixture.n_components, mixture.covariance_type
    layout = STRUCTURES[covariance_type].layout
    precisions = _check(
        mixture.precisions_init,
        "precisions_init",
        f"{covariance_type} precision",
        layout.shape(k, n_features),
    )
    if precisions is not None:
        layout.check_precisions(precisions, covariance_type)
    means = _check(mixture.means_init, "means_init", "means", (k, n_features))
    noisy = wants_noise(mixture)
    return InitialValues(
        _check_weights(mixture.weights_init, k, noisy),
        means,
        precisions,
        _check_resp(mixture.resp_init, n_samples, k, noisy),
        n_features,
        check_marks(mixture, n_samples),
    )


def given_start(
    model: GaussianMixtureModel, data: Any, draws: Start, resp: np.ndarray | None
) -> MixtureParams | None:
    """The start that the initial values say; None where they leave it to random draws.

    ``resp`` are labels or responsibilities of the rows of the data, or None.
    """
    parts, k = draws.parts, draws.n_components
    if all(part is not None for part in parts):
        return parts
    if resp is None and parts.means is None:
        return None
    if data.incomplete:
        # What is given decides the start, so the draws that complete the rows are always the same.
        rng = np.random.default_rng(0)
        rows = data if resp is not None else sample_rows(data.start_data, k, rng)
        data = _completed(model, rows, resp, rng)
    if resp is None:
        return override(model.from_means(data, parts.means), parts)
    params = model.from_partition(data, k, assigned(resp, k))
    return override(params, parts)


def _completed(
    model: GaussianMixtureModel, rows: Rows, resp: np.ndarray | None, rng: np.random.Generator
) -> Rows:
    """The rows with missing cells drawn, whatever the order that they come in."""
    keys = [*rows.X.T] if resp is None else [*rows.X.T, *np.atleast_2d(resp.T)]
    if rows.sample_weight is not None:
        keys.append(rows.sample_weight)
    order = np.lexsort(keys)
    ordered = rows.take(order)
    complete = complete_rows(model, Rows.of(ordered.X, ordered.sample_weight), rng)
    return complete.take(order.argsort())


def assigned(resp: np.ndarray, n_components: int) -> Any:
    """From row numbers to the responsibilities (K, n) of these rows."""
    return one_hot(resp, n_components) if resp.ndim == 1 else (lambda rows: resp[rows].T)


def _numbers(value: Any, argument: str) -> Any:
    """As `argument_of`; complex numbers are left to scikit-learn, which refuses them."""
    return value if np.iscomplexobj(value) else argument_of(value, argument)


def _check(value: Any, argument: str, label: str, shape: tuple[int, ...]) -> Array | None:
    """An initial parameter as float64 of the shape given, or None."""
    if value is None:
        return None
    value = _numbers(value, argument)
    checked: Array = check_array(
        # One number is a start too, where all have one variance.
        [value] if np.ndim(value) == 0 else value,
        dtype=np.float64,
        ensure_2d=False,
        allow_nd=True,
        input_name=argument,
    )
    checked = checked.reshape(np.shape(value))
    if checked.shape != shape:
        raise ValueError(
            f"The parameter '{label}' should have the shape of {shape}, but got {checked.shape}"
        )
    return checked


def _check_weights(value: Any, n_components: int, noisy: bool) -> Array | None:
    """Weights that sum to 1, or to less if the rest may be that of noise."""
    weights = _check(value, "weights_init", "weights", (n_components,))
    if weights is None:
        return None
    if (weights < 0.0).any() or (weights > 1.0).any():
        # Minimum and maximum stand in the order of scikit-learn, whose tests ask for it.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.min():.5f}, min value {weights.max():.5f}"
        )
    atol = 1e-6 if getattr(value, "dtype", None) == np.float32 else 1e-8
    if not np.isclose(weights.sum(), 1.0, rtol=0.0, atol=atol):
        if noisy and 0.0 < weights.sum() < 1.0:
            return weights
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{weights.sum():.5f}"
        )
    return weights / weights.sum()


def _check_resp(value: Any, n_samples: int, n_components: int, noisy: bool) -> np.ndarray | None:
    """Labels or responsibilities, with those of noise if there may be such: -1, a last column."""
    if value is None:
        return None
    value = _numbers(value, "resp_init")
    resp: np.ndarray = check_array(value, ensure_2d=False, input_name="resp_init")
    n_classes = n_components + noisy
    if resp.shape not in {(n_samples,), (n_samples, n_components), (n_samples, n_classes)}:
        raise ValueError(
            f"resp_init should have the shape of ({n_samples},) (labels) or ({n_samples}, "
            f"{n_classes}) (responsibilities), but got {resp.shape}"
        )
    if resp.ndim == 1:
        if not np.isin(resp, np.arange(-int(noisy), n_components)).all():
            remedy = "-1 is noise." if noisy else "Count labels from 0."
            raise ValueError(
                f"resp_init as labels should hold integers from 0 to {n_components - 1}, but got "
                f"values from {resp.min()} to {resp.max()}. {remedy}"
            )
        return resp.astype(np.intp)
    sums = resp.sum(axis=1)
    if (resp < 0.0).any() or not np.allclose(sums, 1.0, rtol=0.0, atol=1e-6):
        raise ValueError(
            "resp_init as responsibilities should be nonnegative with rows that sum to 1, but got "
            f"a minimum of {resp.min():.5f} and sums from {sums.min():.5f} to {sums.max():.5f}. "
            "Divide each row by its sum."
        )
    return resp
