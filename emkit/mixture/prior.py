"""MixturePrior: what is believed of a mixture before the data, checked, and in internal units."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.data.numbers import argument_of
from emkit.models.mixture.prior import Prior
from emkit.models.mixture.single_normal import pairwise_moments
from emkit.numerics.covariance import STRUCTURES, Layout
from emkit.numerics.gaussian import Scaling

__all__ = ["MixturePrior", "check_prior", "internal_prior"]


#: Smallest eigenvalue of a correlation matrix that is not singular.
SINGULAR = 1e-10
#: Standard deviation of a column, in the unit of another, that is as good as any larger one.
LARGEST = 1e100


@dataclass(frozen=True, eq=False, kw_only=True)
class MixturePrior:
    r"""Conjugate prior of a Gaussian mixture: Dirichlet weights, normal-inverse-Wishart components.

    With K components, :math:`\alpha` the weight concentration, :math:`\mu` the mean,
    :math:`\kappa` its precision, :math:`\nu` the degrees of freedom and :math:`\Lambda` the
    covariance,

    .. math:: w \sim \operatorname{Dirichlet}(\alpha, \dots, \alpha), \qquad
              m_k \mid C_k \sim N(\mu, C_k / \kappa), \qquad
              C_k \sim \operatorname{InverseWishart}(\nu, \Lambda);

    where covariances are variances, as with 'diag', every one is
    :math:`\sigma^2 \sim \operatorname{InverseGamma}(\nu/2, \Lambda/2)`, and a covariance that
    components share, as with 'tied', is one for all means. A constraint beyond that, as with
    'EEV', takes the density where it holds. The M-step of 'full' is, with :math:`n_k`,
    :math:`\bar x_k` and :math:`S_k` the expected count, mean and scatter of a component,

    .. math:: C_k = \Bigl(S_k + \Lambda + \frac{\kappa n_k}{\kappa + n_k}
              (\bar x_k - \mu)(\bar x_k - \mu)^\top\Bigr) \Big/ (n_k + \nu + d + 2).

    The defaults are those of R's mclust, the same as ``prior="mclust"`` in `EMGaussianMixture`;
    mclust's own fits of 'EEI' and 'EEV' differ, as it gives the prior less weight there than this
    density has.
    Names are those of `sklearn.mixture.BayesianGaussianMixture`, whose arguments end in
    ``_prior``.

    Parameters
    ----------
    weight_concentration : float, default=1.0
        1 or more: below, the density has no mode. 1 is a flat prior; above, no component dies.
    mean_precision : float, default=0.01
        Rows that the prior mean is worth in every component; 0 leaves the means without a prior.
    mean : array-like of shape (n_features,), default=None
        Where the means are drawn to. None is the mean of the observed cells of every column.
    degrees_of_freedom : float, default=None
        More than ``n_features - 1`` for matrices, as with 'full' and 'tied', more than 0 for
        variances; 0 leaves the covariances without a prior. None is ``n_features + 2``.
    covariance : array-like, default=None
        Positive definite scale, in the shape of one covariance: (n_features, n_features) for
        'full' and 'tied', (n_features,) for 'diag', a number for 'spherical'. None is the
        covariance of the data (divisor n - 1) over ``n_components ** (2 / n_features)``, for
        variances its mean variance in every place. Where that covariance is singular, as with no
        more rows than columns, its diagonal is taken.

    Raises
    ------
    ValueError
        For a value that no prior has, here or, where it takes the data to tell, in ``fit``.

    References
    ----------
    Fraley, C. & Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181. doi:10.1007/s00357-007-0004-5

    Examples
    --------
    One row lies apart: by maximum likelihood a component would shrink to it.

    >>> import numpy as np
    >>> from emkit import EMGaussianMixture, MixturePrior
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [50.0]])
    >>> prior = MixturePrior(weight_concentration=2.0)
    >>> mixture = EMGaussianMixture(2, prior=prior, random_state=0).fit(X)
    >>> np.sort(mixture.weights_).round(2)
    array([0.29, 0.71])
    >>> bool((mixture.covariances_ > 1.0).all())
    True
    """

    weight_concentration: float = 1.0
    mean_precision: float = 0.01
    mean: Any = None
    degrees_of_freedom: float | None = None
    covariance: Any = None

    def __post_init__(self) -> None:
        _check_number(
            "weight_concentration",
            self.weight_concentration,
            1.0,
            "below 1 the density has no mode: it grows without bound as a weight goes to 0",
        )
        _check_number("mean_precision", self.mean_precision, 0.0, "0 is no prior on the means")
        if self.degrees_of_freedom is not None:
            _check_number(
                "degrees_of_freedom",
                self.degrees_of_freedom,
                0.0,
                "0 is no prior on the covariances, None is n_features + 2",
            )
        _check_mean(self.mean)
        _check_covariance(self.covariance)
        if self.mean is not None and self.mean_precision == 0.0:
            raise ValueError(
                f"mean is given, but mean_precision={self.mean_precision} leaves the means without "
                "a prior. Leave mean out, or give a positive mean_precision."
            )
        if self.covariance is not None and self.degrees_of_freedom == 0.0:
            raise ValueError(
                f"covariance is given, but degrees_of_freedom={self.degrees_of_freedom} leaves the "
                "covariances without a prior. Leave covariance out, or give positive "
                "degrees_of_freedom."
            )

    def _of_columns(self, layout: Layout, columns: NDArray[np.intp]) -> "MixturePrior":
        """The same for some of the features, checked."""
        mean, covariance = self.mean, self.covariance
        return replace(
            self,
            mean=None if mean is None else np.asarray(mean)[columns],
            covariance=None
            if covariance is None
            else layout.marginal(np.asarray(covariance), columns),
        )


def check_prior(prior: Any, covariance_type: str, n_features: int) -> None:
    """ValueError where a `MixturePrior` does not go with the covariance type or the columns."""
    if not isinstance(prior, MixturePrior):
        return
    layout = STRUCTURES[covariance_type].layout
    low = 0 if layout.independent else n_features - 1
    dof = prior.degrees_of_freedom
    if dof is not None and 0.0 < dof <= low:
        raise ValueError(
            f"degrees_of_freedom of the prior must be more than {low} for {n_features} feature(s) "
            f"and covariance_type={covariance_type!r}, or the density cannot be normalised. Got "
            f"{dof!r}."
        )
    for name, value, shape in (
        ("mean", prior.mean, (n_features,)),
        ("covariance", prior.covariance, layout.shape_of_one(n_features)),
    ):
        if value is not None and np.shape(value) != shape:
            raise ValueError(
                f"{name} of the prior must have the shape {shape} for {n_features} feature(s) and "
                f"covariance_type={covariance_type!r}. Got {np.shape(value)}."
            )


def internal_prior(
    prior: Any,
    layout: Layout,
    units: Scaling,
    of_columns: Scaling,
    data: Any,
    n_components: int,
    ridge: Array,
) -> Prior:
    """A prior in internal units, the ridge on top.

    Parameters
    ----------
    prior : MixturePrior, "mclust" or None
        Checked.
    layout, units, data
        Of the model.
    of_columns : Scaling
        Mean and standard deviation of the columns, in the user's units.
    n_components : int
        Number of components.
    ridge : ndarray of shape (d,)
        What reg_covar adds, in internal units.
    """
    if prior is None:
        return Prior(ridge)
    prior = MixturePrior() if prior == "mclust" else prior
    shift, scale = units
    d = len(shift)
    mean: Array | float = (of_columns.shift - shift) / scale
    scatter: Array | float = 0.0
    rows = 0.0
    if prior.mean is not None:
        mean = (np.asarray(prior.mean, dtype=float) - shift) / scale
    dof = d + 2.0 if prior.degrees_of_freedom is None else float(prior.degrees_of_freedom)
    if dof > 0.0:
        rows = layout.prior_rows(dof, d)
        if prior.covariance is None:
            scatter = _mclust_scatter(layout, units, of_columns.scale, data, n_components)
        else:
            scatter = layout.rescale(np.asarray(prior.covariance, dtype=float), 1.0 / scale)
    return Prior(
        ridge,
        scatter=scatter,
        rows=rows,
        mean=mean,
        mean_precision=float(prior.mean_precision),
        concentration=float(prior.weight_concentration),
    )


def _mclust_scatter(
    layout: Layout, units: Scaling, spread: Array, data: Any, n_components: int
) -> Array:
    """The data's covariance, shared out among the components as mclust does."""
    d, total = len(spread), data.total_weight
    if total <= 1.0:
        raise ValueError(
            "The covariance of the prior is by default that of the data, with the divisor n - 1, "
            f"and the sum of the sample weights is n = {total:g}. Weights are frequencies here: "
            "multiply them so that they sum to the number of rows, or give the prior a covariance."
        )
    factor = total / (total - 1.0) / n_components ** (2.0 / d)
    if layout.independent:
        # One number for columns of any spread: mclust's choice, kept so that fits agree.
        scale = units.scale if layout.ndim else units.scale[:1]
        of_unit = np.minimum(spread[:, None] / scale, LARGEST)  # squares of others overflow
        variance = factor * np.mean(of_unit**2, axis=0)
        return variance if layout.ndim else variance[0]
    pairwise = pairwise_moments(data, units)
    variances = np.diag(pairwise.covariance)
    singular = (variances == 0.0).any()
    if singular or np.linalg.eigvalsh(pairwise.correlation)[0] <= SINGULAR:
        return factor * np.diag(variances)
    return factor * pairwise.covariance


def _check_number(name: str, value: Any, low: float, why: str) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)
    if not (real and low <= value < np.inf):
        raise ValueError(
            f"{name} of the prior must be a finite number, {low:g} or more ({why}). Got {value!r}."
        )


def _check_mean(mean: Any) -> None:
    if mean is None:
        return
    values = _numbers("mean", mean)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"mean of the prior must be a vector of finite numbers, one a feature. Got {mean!r}."
        )


def _check_covariance(covariance: Any) -> None:
    if covariance is None:
        return
    values = _numbers("covariance", covariance)
    good = values.ndim <= 2 and bool(np.isfinite(values).all())
    if good and values.ndim < 2:
        good = bool((values > 0.0).all())
    elif good:
        good = values.shape[0] == values.shape[1] and np.allclose(values, values.T)
        good = good and bool((np.linalg.eigvalsh(values) > 0.0).all())
    if not good:
        raise ValueError(
            "covariance of the prior must be symmetric and positive definite: a matrix (as for "
            "'full'), a vector of positive variances (as for 'diag') or a positive number (as for "
            f"'spherical'). Got {covariance!r}."
        )


def _numbers(name: str, value: Any) -> Array:
    try:
        return np.asarray(argument_of(value, f"{name} of the prior"), dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} of the prior must hold numbers. {error} Got {value!r}."
        ) from error
