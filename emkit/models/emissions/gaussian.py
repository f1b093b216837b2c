"""Normal columns, their covariances of any structure, cells of them missing or not."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.columns import as_table
from emkit.models.emissions.checks import require_table
from emkit.models.emissions.emission import Emission
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.prior import Prior
from emkit.numerics.complete import choose_complete, takes_features
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel
from emkit.numerics.covariance import STRUCTURES, Structure
from emkit.numerics.gaussian import Components, Moments, Scaling, tile_rows

__all__ = ["Gaussian", "GaussianParams"]


class GaussianParams(NamedTuple):
    """Parameters of `Gaussian`.

    Attributes
    ----------
    means : ndarray of shape (n_classes, n_columns)
        Means of the columns.
    covariances : ndarray
        Covariances, in the shape of the covariance type.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.models.emissions.gaussian import GaussianParams
    >>> params = GaussianParams(np.zeros((2, 3)), np.array([np.eye(3)] * 2))
    """

    means: Array
    covariances: Array


class Gaussian(Emission):
    r"""Columns that are jointly normal within a class.

    .. math:: \log p_k(x) = \log N(x_o; m_{k,o}, C_{k,oo})

    over the cells o that are observed: what is missing counts by its conditional expectation.
    Parameters are in the units of the columns.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    covariance_type : str or Structure, default="full"
        How classes share and shape covariances, as in `EMGaussianMixture`.
    prior : Prior, default=None
        Conjugate prior of means and covariances, in the units of the columns. Without one the
        likelihood has no bound: a class that closes in on a few rows ends a run.

    Raises
    ------
    ValueError
        For an unknown covariance type, and for a prior that grows with the data.
    TypeError
        For a prior that is no `Prior`.

    See Also
    --------
    EMGaussianMixture : Normal columns alone, as an estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from emkit.engine import fit_em
    >>> from emkit.models import Columns, Gaussian, LatentClasses
    >>> X = load_iris().data
    >>> model = LatentClasses(Gaussian(3, "tied"))
    >>> result = fit_em(model, Columns(X), n_init=5, random_state=0)
    >>> round(result.log_likelihood, 2)
    -256.35
    """

    def __init__(
        self,
        n_classes: int,
        covariance_type: str | Structure = "full",
        *,
        prior: Prior | None = None,
    ):
        super().__init__(n_classes)
        if not isinstance(covariance_type, Structure):
            if not isinstance(covariance_type, str) or covariance_type not in STRUCTURES:
                raise ValueError(
                    f"covariance_type must be one of {sorted(STRUCTURES)} or a Structure. "
                    f"Got {covariance_type!r}."
                )
            covariance_type = STRUCTURES[covariance_type]
        if prior is not None and not isinstance(prior, Prior):
            raise TypeError(
                "prior must be an emkit.models.mixture.prior.Prior, whose scatter and rows are in "
                f"the units of the columns. Got {type(prior).__name__}."
            )
        if prior is not None and (prior.strength > 0.0 or np.any(prior.ridge)):
            raise ValueError(
                "ridge and strength of a prior are per unit of the total weight, which an emission "
                "does not know. Give scatter and rows instead."
            )
        self.structure, self.layout = covariance_type, covariance_type.layout
        self.prior = prior

    def check(self, columns: Array) -> None:
        require_table(columns)

    def bind(self, params: GaussianParams) -> "_Bound":
        return _Bound(self.structure, params)

    def tile_rows(self, columns: Array, bound: "_Bound", n_missing: int) -> int:
        if n_missing:
            return tile_rows(max(n_missing**2, 2 * bound.components.means.shape[1]), least=256)
        return bound.rows

    def joint_tables(self, columns: Array) -> tuple[Array, ...]:
        joint = columns.ndim == 2 and columns.shape[1] > 1 and not self.layout.independent
        return (columns,) if joint else ()

    def log_density(self, columns: Array, bound: "_Bound") -> Array:
        return bound.log_density(as_table(columns))

    def statistics(self, columns: Array, resp: Array, bound: "_Bound") -> Moments:
        return bound.moments(resp)

    def m_step(self, stats: Moments, params: GaussianParams) -> GaussianParams:
        mixture = self._mixture(params)
        return GaussianParams(*mixture.m_step(stats, _with_weights(params))[1:])

    def start(self, columns: Array, resp: Array) -> GaussianParams:
        # From the observed cells of each row, as if columns were independent within a class.
        x = as_table(columns).astype(float).T
        observed = np.isfinite(x)
        total = resp.sum(axis=0)
        n_observed = np.maximum(observed @ total, np.finfo(float).tiny)
        centre = np.where(observed, x, 0.0) @ total / n_observed
        # Within the range, so that a constant column has no variance, not one of rounding.
        least, most = np.fmin.reduce(x, axis=1), np.fmax.reduce(x, axis=1)
        centre = np.nan_to_num(np.clip(centre, least, most))
        x = np.where(observed, x - centre[:, None], 0.0)
        spread = x**2 @ total / n_observed
        n = resp @ observed.T
        means = resp @ x.T / np.where(n > 0.0, n, np.inf)
        shape, layout = self.layout.shape(self.n_classes, len(x)), self.layout
        everywhere, scatter = np.zeros(shape), np.zeros(shape)
        for k, r in enumerate(resp):
            z = np.where(observed, x - means[k][:, None], 0.0)
            layout.add_scatter(scatter, k, z, r)
            # A cell that is missing lies about the mean as the others do.
            absent = (r.sum() - n[k]) * (z**2 @ r) / np.where(n[k] > 0.0, n[k], np.inf)
            for target, variances in ((scatter, absent), (everywhere, spread)):
                diagonal = variances if layout.independent else np.diag(variances)
                layout.add_conditional_covariance(target, k, diagonal)
        stats = Moments(resp.sum(axis=1), np.zeros_like(means), scatter)
        params = self.m_step(stats, GaussianParams(centre + means, everywhere))
        self.bind(params)  # LinAlgError, which says why, where they are singular
        return params

    def retract(self, params: GaussianParams, weights: Array) -> GaussianParams:
        return params._replace(covariances=self.structure.retract(params.covariances, weights))

    def log_prior(self, params: GaussianParams) -> float:
        return self._mixture(params).log_prior(_with_weights(params))

    @property
    def complete_score(self) -> Callable[..., GaussianParams] | None:  # type: ignore[override]
        # Along a curve, differences of the score are not the information.
        return self._complete_score if self.structure.closed else None

    def _complete_score(self, stats: Moments, params: GaussianParams) -> GaussianParams:
        complete_score = self._mixture(params).complete_score
        assert complete_score is not None
        return GaussianParams(*complete_score(stats, _with_weights(params))[1:])

    def recentre(self, stats: Moments, before: GaussianParams, after: GaussianParams) -> Moments:
        mixture = self._mixture(before)
        return mixture.recentre(stats, _with_weights(before), _with_weights(after))

    def rounding(self, params: GaussianParams) -> float:
        components = self.bind(params).components
        features = takes_features(self.layout, components)
        return components.raw_error if features else components.centred_error

    def n_parameters(self, params: GaussianParams) -> int:
        return params.means.size + self.structure.n_parameters(*params.means.shape)

    @property
    def shared_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("covariances",) if self.layout.shared else ()

    def _mixture(self, params: GaussianParams) -> GaussianMixtureModel:
        """The mixture whose M-step and prior these are, in the units of the columns."""
        d = params.means.shape[1]
        units = Scaling(np.zeros(d), np.ones(d))
        return GaussianMixtureModel(self.structure, units, prior=self.prior)


class _Bound:
    """The kernels of some parameters, in units of these: nothing need be known of the data."""

    def __init__(self, structure: Structure, params: GaussianParams):
        means, covariances = params
        layout = self.layout = structure.layout
        spread = layout.diagonals(covariances, means.shape).mean(axis=0) + means.var(axis=0)
        if not (spread > 0.0).all():
            raise np.linalg.LinAlgError(
                f"column {spread.argmin()} has no variance in any class: it is constant, or "
                "observed in no or one row. Leave it out, or give a prior"
            )
        shift, scale = means.mean(axis=0), structure.common_scale(np.sqrt(spread))
        self.scaling = Scaling(shift, scale)
        covariances = layout.rescale(covariances, 1.0 / scale)
        factor = layout.whitening(covariances)
        log_weights = np.zeros(len(means))
        means = (means - shift) / scale
        self.components = Components.of(layout, log_weights, means, covariances, factor)
        self.complete = choose_complete(layout, self.components, self.scaling)
        self.rows = self.complete.rows  # of a tile
        self._incomplete: ConditionalKernel | MaskedKernel | None = None
        self._n_reserved = 0
        self._last: tuple[Any, Any] | None = None  # kernel and work of the last tile

    def log_density(self, x: Array) -> Array:
        if np.isnan(x.min(initial=0.0)):
            kernel: Any = self._for_missing_cells()
            log_joint = kernel.log_joint_incomplete
        else:
            kernel, log_joint = self.complete, self.complete.log_joint
            if len(x) > self._n_reserved:
                kernel.reserve(len(x))
                self._n_reserved = len(x)
        log_density, work = log_joint(x)
        self._last = kernel, work
        return log_density

    def moments(self, resp: Array) -> Moments:
        """Of the rows whose log-density was taken last."""
        assert self._last is not None
        kernel, work = self._last
        n, first, scatter = kernel.from_tile_sums(kernel.moments(work, resp))
        scale = self.scaling.scale
        return Moments(n, first * scale, self.layout.rescale(scatter, scale))

    def _for_missing_cells(self) -> ConditionalKernel | MaskedKernel:
        if self._incomplete is None:
            alone = self.layout.independent or self.components.means.shape[1] == 1
            kind = MaskedKernel if alone else ConditionalKernel
            self._incomplete = kind(self.layout, self.components, self.scaling)
        return self._incomplete


def _with_weights(params: GaussianParams) -> MixtureParams:
    return MixtureParams(np.ones(len(params.means)), *params)
