"""EMMixtureRegressor: regression by a joint mixture of predictors and responses."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.delegates import in_name_of
from emkit.base.estimator import EM_CONSTRAINTS, NameIn, StrOptions, at_least, fit_context
from emkit.base.persistence import BaseEstimator
from emkit.base.weights import weights_given
from emkit.data.checks import load_with_missing
from emkit.data.opened import place_of
from emkit.data.responses import check_responses
from emkit.mixture.conditional import ConditionalMixture
from emkit.mixture.covariance_types import documented
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.mixture.prediction import n_draws
from emkit.mixture.prior import MixturePrior
from emkit.mixture.regression_rows import require_y
from emkit.numerics.covariance import STRUCTURES

__all__ = ["EMMixtureRegressor"]

#: Arguments that the mixture gets as they are.
PASSED_ON = (
    "n_components",
    "covariance_type",
    "tol",
    "reg_covar",
    "max_iter",
    "n_init",
    "random_state",
    "verbose",
    "search",
    "acceleration",
    "n_jobs",
    "prior",
)
#: Rows that are predicted at once, so that their covariances take little memory.
ROWS = 4096


@documented
class EMMixtureRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    r"""Regression by a joint Gaussian mixture of predictors and responses.

    The mixture :math:`\sum_k w_k N\bigl((x, y);\; m_k, C_k\bigr)` is fitted by maximum likelihood
    (see `EMGaussianMixture`); a response given its predictors is then a mixture of lines,

    .. math:: E[y \mid x] = \sum_k w_k(x) \bigl(m_{k,y} + C_{k,yx} C_{k,xx}^{-1}
              (x - m_{k,x})\bigr), \qquad w_k(x) \propto w_k N(x; m_{k,x}, C_{k,xx}),

    a curve, with a spread of its own everywhere. With one component it is least squares. Cells of
    X may be missing (NaN), in `fit` and in `predict`.

    Parameters
    ----------
    n_components : int, default=1
        Components of the mixture.
    covariance_type : str, default='full'
        What the components have in common in their covariances:

        <covariance types>
    tol : float, default=1e-3
        Gain of one EM step, in nats per sample (mean objective), below which a run has converged.
    reg_covar : float, default=1e-6
        Scale of an inverse-Wishart prior on the covariances, in squared units of the data (see
        `EMGaussianMixture`).
    max_iter : int, default=100
        Most points to try after a start, one E-step each.
    n_init : int, default=1
        Starts to try.
    random_state : int, RandomState instance or None, default=None
        Source of the starts.
    verbose : int, default=0
        1 prints a line for each start and one at the end, 2 iterations too.
    search : str or search object, default='restarts'
        As in `EMGaussianMixture`.
    acceleration : {'anderson', 'louis', 'squarem'}, Acceleration or None, default='anderson'
        As in `EMGaussianMixture`.
    n_jobs : int, default=None
        Processes for the starts, as in joblib, or for the rows of one run that is long.
    prior : {'mclust'}, MixturePrior or None, default=None
        As in `EMGaussianMixture`.

    Attributes
    ----------
    mixture_ : EMGaussianMixture
        The joint mixture, of the columns of X and after them the responses.
    converged_ : bool
        Whether the best run converged.
    n_iter_ : int
        Points that the best run tried after its start.
    lower_bound_ : float
        Joint log-likelihood per sample at the fit, without the prior.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, such as responses that are missing.

    Warns
    -----
    DataWarning
        As `EMGaussianMixture`; columns are numbered, the responses after those of X.

    See Also
    --------
    EMRegressionMixture : Lines of their own, whatever the distribution of the predictors.
    EMGaussianMixture.conditional : The same with any cells known.

    References
    ----------
    Ghahramani, Z. & Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
    approach. Advances in Neural Information Processing Systems 6, 120-127.

    Sung, H. G. (2004). Gaussian mixture regression and classification. PhD thesis, Rice University.

    Examples
    --------
    How long one waits for Old Faithful, by the length of its last eruption.

    >>> from emkit import EMMixtureRegressor
    >>> from emkit.datasets import load_faithful
    >>> eruption, waiting = load_faithful().data.T
    >>> regressor = EMMixtureRegressor(2, random_state=0, tol=1e-8)
    >>> regressor = regressor.fit(eruption[:, None], waiting)
    >>> mean, std = regressor.predict([[2.0], [3.0], [4.5]], return_std=True)
    >>> mean.round(1), std.round(1)
    (array([54.2, 71.3, 81.1]), array([5.6, 6.9, 5.6]))
    """

    _parameter_constraints: dict = {
        **{name: rule for name, rule in EM_CONSTRAINTS.items() if name != "warm_start"},
        "n_components": [at_least(Integral, 1)],
        "covariance_type": [NameIn(STRUCTURES)],
        "reg_covar": [at_least(Real, 0.0)],
        "prior": [StrOptions({"mclust"}), MixturePrior, None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        random_state: Any = None,
        verbose: Any = 0,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        n_jobs: int | None = None,
        prior: Any = None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state
        self.verbose = verbose
        self.search = search
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.prior = prior

    @fit_context
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the joint mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors, in memory; NaN where a cell is missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Responses.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out.

        Returns
        -------
        self : object
            The fitted regressor.
        """
        require_y(self, y)
        X = self._rows(X, reset=True)
        y = check_array(
            check_responses(y), ensure_2d=False, dtype=np.float64, input_name="y", estimator=self
        )
        check_consistent_length(X, y)
        self._shape_of_y = y.shape[1:]
        joint = np.column_stack([X, y])
        arguments = {name: getattr(self, name) for name in PASSED_ON}
        mixture = in_name_of(self, EMGaussianMixture(categorical_features=None, **arguments))
        self.mixture_ = mixture.fit(joint, **weights_given(sample_weight))
        self.mixture_.__class__ = EMGaussianMixture
        for name in ("converged_", "n_iter_", "lower_bound_"):
            setattr(self, name, getattr(mixture, name))
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Mean of the responses given the predictors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Predictors; NaN where a cell is missing, which is then averaged over.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Conditional means.
        std : ndarray of the same shape
            Conditional standard deviations, if asked for: of a response, not of its mean.
        """
        parts = [self._moments(some, return_std) for some in self._blocks(X)]
        mean, std = (np.concatenate(part) for part in zip(*parts, strict=True))
        return (mean, std) if return_std else mean

    def _moments(self, conditional: ConditionalMixture, with_std: bool) -> tuple[Array, Array]:
        p, shape = self.n_features_in_, (-1, *self._shape_of_y)
        mean = conditional.mean[:, p:].reshape(shape)
        if not with_std:
            return mean, mean
        variances = np.diagonal(conditional.covariance, axis1=1, axis2=2)[:, p:]
        return mean, np.sqrt(np.maximum(variances, 0.0)).reshape(shape)

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = 0) -> Array:
        """Draw responses given the predictors.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Predictors; NaN where a cell is missing.
        n_samples : int, default=1
            Draws for each row.
        random_state : int, RandomState instance or None, default=0
            Source of the draws.

        Returns
        -------
        y : ndarray of shape (n_samples_X, n_samples) or (n_samples_X, n_outputs, n_samples)
            Draws, as of scikit-learn's ``GaussianProcessRegressor.sample_y``.
        """
        n_samples = n_draws(n_samples)
        (conditional,) = self._blocks(X, whole=True)
        drawn = conditional.sample(n_samples, random_state)[:, :, self.n_features_in_ :]
        return np.moveaxis(drawn, 0, -1).reshape(drawn.shape[1], *self._shape_of_y, n_samples)

    def _blocks(self, X: Any, whole: bool = False) -> Iterator[ConditionalMixture]:
        """The distributions of responses, for some rows after the other."""
        check_is_fitted(self, "mixture_")
        X = self._rows(X, reset=False)
        n_outputs = self._shape_of_y[0] if self._shape_of_y else 1
        size = len(X) if whole else ROWS
        for start in range(0, len(X), size):
            rows = X[start : start + size]
            unknown = np.full((len(rows), n_outputs), np.nan)
            yield self.mixture_.conditional(np.column_stack([rows, unknown]))

    def _rows(self, X: Any, reset: bool) -> Array:
        if not place_of(X).in_memory:
            raise ValueError(
                "EMMixtureRegressor takes rows in memory, and X is read block by block or lies on "
                "a cluster. Fit a sample of the rows, and predict a block at a time; or fit "
                "EMGaussianMixture to X and y as one table, and ask its conditional."
            )
        rows: Array = load_with_missing(self, X, np.nan, reset=reset)
        return rows

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        structure = STRUCTURES.get(self.covariance_type)
        # Columns that are independent within a component tell of it alone.
        tags.regressor_tags.poor_score = structure is None or structure.layout.independent
        return tags
