"""EMGaussianMixture: the labels are missing."""

from collections.abc import Callable
from functools import partial
from math import log
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import DensityMixin
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import (
    EM_CONSTRAINTS,
    StrOptions,
    at_least,
    feature_names_in,
    fit_context,
    require_same,
    warn_unconverged,
)
from emkit.base.optional import optional_import
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin, Progress, n_starts
from emkit.data.checks import has_missing, in_blocks, refuse_empty_columns, rows_that_count
from emkit.data.opened import Opened, open_data
from emkit.engine import Algorithm, EMResult, soft, standard_errors
from emkit.engine.fit import ALGORITHMS, best_run
from emkit.engine.latent_class import unbuffered
from emkit.exceptions import DataWarning, InfeasibleError, warn
from emkit.mixture.conversion import to_sklearn
from emkit.mixture.covariance_types import documented
from emkit.mixture.initial import (
    Drawn,
    Given,
    InitialValues,
    Start,
    check_given,
    last_fit,
    start_of,
)
from emkit.mixture.prior import MixturePrior, check_prior, internal_prior
from emkit.mixture.reader import MixtureReader
from emkit.mixture.streaming import STREAM_CONSTRAINTS, Batch, PartialFitMixin, Stream
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams, mixture_std
from emkit.models.mixture.starts import STARTS
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

__all__ = ["EMGaussianMixture"]

ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical "
    "covariance (for instance caused by singleton or collapsed samples). Try to decrease the "
    "number of components, increase reg_covar, or scale the input data."
)
FLOAT32_HINT = (
    " The numerical accuracy can also be improved by passing float64 data instead of float32."
)


#: Gain of a step, in nats per sample, to which a stream fits its first batch: what is wrong with
#: the start it mends only slowly.
FIRST_BATCH_TOL = 1e-5
#: Gain of a step, in nats, at which a fit is at its maximum for all that a standard error shows.
ERRORS_TOL = 1e-8


class MixtureErrors(NamedTuple):
    """Standard errors of a mixture's parameters, in the shapes of its attributes."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


@documented
class EMGaussianMixture(PartialFitMixin, CallbackSupportMixin, DensityMixin, BaseEstimator):
    r"""Gaussian mixture by maximum likelihood, the labels being what is missing.

    It maximises, with sample weights :math:`s_i` of sum :math:`n`,

    .. math:: \sum_i s_i \log \sum_{k=1}^{K} w_k N(x_i; m_k, C_k)
              - \frac{n\,\lambda}{2K} \sum_k \operatorname{tr} C_k^{-1},
              \qquad \lambda = \texttt{reg\_covar},

    plus the log-density of ``prior``, if there is one (maximum a posteriori then), and takes every
    argument, method and attribute of `sklearn.mixture.GaussianMixture` with the same meaning.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : str, default='full'
        What the components have in common in their covariances, in words or in the letters of R's
        mclust, and with it the shape of ``covariances_``:

        <covariance types>
    tol : float, default=1e-3
        Gain of one EM step, in nats per sample (mean objective), below which a run has converged.
    reg_covar : float, default=1e-6
        Scale of an inverse-Wishart prior on the covariances, in squared units of the data. It
        keeps them positive definite and is part of the objective: a component of weight w gets
        ``reg_covar / (K w)`` on its diagonal.
    max_iter : int, default=100
        Most points to try after a start, one E-step each; 0 returns the start.
    n_init : int, default=1
        Starts to try. One alone is taken where the start is given (``resp_init``,
        ``means_init``, or all three of weights, means and precisions).
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        How a start is drawn, on a random sample of the rows when there are more than 50 000:
        the partition of a k-means run (of a sample, refined by EM on it, for the price of five
        E-steps at most); distant rows as means; random responsibilities; random rows as means.
        Columns are brought to a common scale for it.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from; what is not given beside them comes from the nearest-mean partition.
    precisions_init : array-like, default=None
        Inverse covariances to start from, in the shape of ``precisions_``.
    random_state : int, RandomState instance or None, default=None
        Source of the starts and, by default, of `sample`.
    warm_start : bool, default=False
        Go on from the last fit instead of drawing starts; ``n_init`` is then ignored.
    verbose : int, default=0
        1 prints a line for each start and one at the end, 2 iterations too.
    verbose_interval : int, default=10
        Iterations between two lines.
    resp_init : array-like of shape (n_samples,) or (n_samples, n_components), default=None
        Start from a partition: labels 0 to ``n_components - 1``, or responsibilities whose rows
        sum to 1.
    search : str or search object, default='restarts'
        'restarts' climbs from every start to the end; 'short_runs' takes 5 iterations from each
        and goes on with the best; 'annealing' and 'simulated_annealing' lead every start past
        shallow maxima; 'genetic' recombines the components of a population. Objects of
        `emkit.engine` set their details, such as a budget of E-steps.
    acceleration : {'anderson', 'louis', 'squarem'}, Acceleration or None, default='anderson'
        Extrapolation once a plain step gains less than 1e-3 nats per sample, so a fit at the
        default ``tol`` is plain EM. None is always plain EM.
    n_jobs : int, default=None
        Processes for the starts, as in joblib, or for the rows of one run that is long; it changes
        results by rounding at most.
    algorithm : {'em', 'cem', 'sem'} or Algorithm, default='em'
        'em' is exact; 'cem' (classification EM) gives every row to one component, and
        ``lower_bound_`` and ``history_`` then are the classification likelihood; 'sem'
        (stochastic EM) draws labels for ``max_iter`` iterations and averages the second half.
    prior : {'mclust'}, MixturePrior or None, default=None
        Prior on weights, means and covariances, beside ``reg_covar``, which adds to it. None is
        maximum likelihood but for ``reg_covar``; 'mclust' is the default prior of R's mclust,
        which keeps components of a few rows from collapsing (see `MixturePrior`). Where
        covariances are variances it takes the columns to be of comparable scale.
    learning_decay : float in (0.5, 1], default=0.7
        In `partial_fit`, batch t moves the mean of the statistics by
        ``(t + learning_offset) ** -learning_decay`` of the way (see `emkit.engine.OnlineEM`).
    learning_offset : float, default=0.0
        How little the first batches move it; at 0 the second counts for more than the first.
    average : bool or int, default=False
        Whether `partial_fit` publishes the mean of the parameters over the batches
        (Polyak-Ruppert averaging); an int begins it once so many samples were seen.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing proportions.
    means_ : ndarray of shape (n_components, n_features)
        Component means.
    covariances_ : ndarray
        Component covariances, in the shape that ``covariance_type`` says: matrices, or variances
        where columns are independent within a component.
    precisions_ : ndarray
        Inverses of the covariances, same shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with U U' the precision; of variances the inverse square roots.
    converged_ : bool
        Whether the best run converged.
    n_iter_ : int
        Points that the best run tried after its start, rejected extrapolations included.
    lower_bound_ : float
        Log-likelihood per sample at the returned parameters, without the prior. After
        `partial_fit`, of the last batch at the parameters before it: of rows not seen before.
    lower_bounds_ : list of float, of length n_iter_
        The same after each point tried.
    history_ : ndarray
        Objective per sample at the start and every accepted iterate of the best run; never falls.
        The log-density of the prior in it is up to a constant.
    runs_ : tuple of RunSummary
        One summary for each start, per sample.
    n_samples_seen_ : float
        Number of samples seen by `fit` and `partial_fit`: the sum of their weights.
    n_batches_ : int
        Batches seen by `partial_fit` since the last `fit`. What tells of iterations, from
        ``converged_`` to ``runs_``, is of the fit, or of the first batch.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data, and when every start has a singular covariance.

    References
    ----------
    McLachlan, G. J. & Peel, D. (2000). Finite Mixture Models. Wiley. doi:10.1002/0471721182

    Fraley, C. & Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181. doi:10.1007/s00357-007-0004-5

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMGaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> mixture = EMGaussianMixture(n_components=2, random_state=0).fit(X)
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round(6)
    array([[ 1.,  2.],
           [10.,  2.]])
    >>> labels = mixture.predict([[0, 0], [12, 3]])
    >>> bool(labels[0] != labels[1])
    True
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        **STREAM_CONSTRAINTS,
        "n_components": [at_least(Integral, 1)],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "reg_covar": [at_least(Real, 0.0)],
        "init_params": [StrOptions(set(STARTS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "resp_init": ["array-like", None],
        # Nothing is to be drawn where the E-step has a formula.
        "algorithm": [StrOptions(set(ALGORITHMS) - {"mcem"}), Algorithm],
        "prior": [StrOptions({"mclust"}), MixturePrior, None],
        "verbose_interval": [at_least(Integral, 1)],
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
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: Any = 0,
        verbose_interval: int = 10,
        resp_init: Any = None,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        n_jobs: int | None = None,
        algorithm: Any = "em",
        prior: Any = None,
        learning_decay: float = 0.7,
        learning_offset: float = 0.0,
        average: bool | int = False,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.resp_init = resp_init
        self.search = search
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.algorithm = algorithm
        self.prior = prior
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.average = average

    # Fitting

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
            Data; a cell is missing where it is NaN, None, pandas.NA, NaT or masked (`numpy.ma`).
            Dates, durations and text are refused by the name of their column.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out, as is
            a row whose weight is masked.

        Returns
        -------
        self : object
            The fitted mixture.

        Notes
        -----
        Data need not fit in memory. A memory map of 256 MiB or more, an object that has a shape, a
        dtype and slices of rows, and an iterable of blocks of rows that can be read again (as
        `emkit.engine.Blocks`; not a generator) are read block by block in every iteration, with
        weights as one array or in blocks of their own. `impute` then gives rows that are computed
        when they are read.

        With one start and ``n_jobs`` of two or more, workers share the rows of a long fit, whose
        arrays joblib keeps in a common file; of a memory map each reads its own part. Restarts run
        on any joblib backend, as with ``joblib.parallel_config(backend="dask")``.

        The chunks of a Dask array or DataFrame stay on the workers of the current
        `distributed.Client`. An iteration sends them the parameters and gets statistics back,
        however many rows there are; `predict`, `predict_proba`, `score_samples` and `impute` give
        Dask arrays. Starts are drawn from a sample of the rows and climb one after the other.
        Weights best come as a Dask array too. What cannot be had is refused with the reason:
        forms and searches that draw labels, and ``resp_init``. A cluster that is lost is a
        `emkit.exceptions.ClusterError`.
        """
        opened = self._open(X, sample_weight, reset=True)
        given = self._check_given(opened)
        data = opened.fit_data(self.n_components)
        refuse_empty_columns(self, data)
        model = self._model(data, given)
        start: Start
        if self.warm_start and hasattr(self, "converged_"):
            start = last_fit(self, model)
        else:
            assert isinstance(model.draw_start, Drawn)
            start = start_of(model, data, model.draw_start, given.resp)
        params = start.params if isinstance(start, Given) else None
        n = data.total_weight
        progress = Progress(
            self,
            X,
            y,
            sample_weight,
            publish=partial(type(self)._publish, model=model, data=data),
            n_starts=n_starts(self, params),
            per=n,
            interval=self.verbose_interval,
            in_memory=opened.in_memory,
        )
        del opened  # what is not fitted need not be held
        seed = self.random_state  # an int as it is: making a RandomState of it takes time
        if not isinstance(seed, Integral):
            seed = check_random_state(seed)
        try:
            with progress:
                result = best_run(
                    model,
                    in_blocks(data),
                    start=params,
                    n_init=self.n_init,
                    n_jobs=self.n_jobs,
                    search=self.search,
                    algorithm=self.algorithm,
                    acceleration=self.acceleration,
                    tol=self.tol * n,
                    max_iter=self.max_iter,
                    random_state=seed,
                    callback=progress.callback,
                )
        except InfeasibleError as error:
            hint = FLOAT32_HINT if data.dtype == np.float32 else ""
            raise ValueError(ILL_DEFINED + hint) from error
        warn_unconverged(result, self.max_iter, "Increase reg_covar")
        self._publish(result, model, data)
        progress.done()
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the mixture and label the rows of X; the same as ``fit(X).predict(X)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Most probable component of each row.
        """
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def _open(self, X: Any, sample_weight: Any = None, *, reset: bool = False) -> Opened[Rows]:
        reader = MixtureReader(self.n_components)
        return open_data(self, X, reader, sample_weight=sample_weight, reset=reset)

    def _check_given(self, opened: Opened[Rows]) -> InitialValues:
        """What is given of a start and of the prior, checked; of the rows that count."""
        given = check_given(self, opened.n_samples, opened.n_features)
        check_prior(self.prior, self.covariance_type, opened.n_features)
        if given.resp is None:
            return given
        # In memory: elsewhere it is refused.
        (kept,) = opened.survey(_rows_that_count)
        return given if kept is None else given._replace(resp=given.resp[kept])

    def _model(self, data: Any, given: InitialValues | None = None) -> GaussianMixtureModel:
        """The model in units of the data; to be fitted, where a start is given or to be drawn."""
        shift, spread = data.spread()
        if given is not None:
            self._warn_of_prior(spread)
        structure = STRUCTURES[self.covariance_type]
        stand_in = np.sqrt(self.reg_covar) if self.reg_covar > 0.0 else 1.0
        scale = structure.common_scale(np.where(spread > 0.0, spread, stand_in))
        units, k = Scaling(shift, scale), self.n_components
        ridge = self.reg_covar / scale**2
        prior = internal_prior(self.prior, structure.layout, units, spread, data, k, ridge)
        draws = None
        if given is not None:
            draws = Drawn(self.init_params, k, given.parts(structure.layout, units), data.shape[0])
        return GaussianMixtureModel(
            structure,
            units,
            total_weight=data.total_weight,
            prior=prior,
            incomplete=data.incomplete,
            draw_start=draws,
        )

    def _warn_of_prior(self, spread: Array) -> None:
        steered = np.flatnonzero(self.reg_covar > 0.01 * (1.0 + 1e-6) * spread**2)
        if self.reg_covar == 0.0 or not len(steered):
            return
        names = getattr(self, "feature_names_in_", np.arange(len(spread)))
        shown = ", ".join(str(name) for name in names[steered[:5]])
        constant = "; constant columns are among them" if (spread[steered] == 0.0).any() else ""
        warn(
            f"reg_covar={self.reg_covar:g} exceeds 1 % of the variance of {len(steered)} column(s)"
            f" ({shown}{', ...' if len(steered) > 5 else ''}){constant}. It then steers the fit. "
            "Scale the data (StandardScaler), lower reg_covar, or drop columns without variance.",
            DataWarning,
        )

    def _publish(self, result: EMResult, model: GaussianMixtureModel, data: Any) -> None:
        """Attributes in the user's units and floating type."""
        n = data.total_weight
        self._publish_params(result.params, model, data.dtype)
        self._stream = Stream.after_fit(model, result.params, data)
        self.n_samples_seen_, self.n_batches_ = n, 0
        self.converged_ = result.converged
        self.n_iter_ = result.n_iter
        per_row = result.rescaled(per=n)
        self.lower_bound_ = per_row.log_likelihood
        self.lower_bounds_ = per_row.log_likelihoods.tolist()
        self.history_, self.runs_ = per_row.history, per_row.runs

    def _publish_params(
        self, params: MixtureParams, model: GaussianMixtureModel, dtype: Any
    ) -> None:
        layout, (shift, scale) = model.layout, model.units
        factor = layout.rescale_factor(model.components(params).factor, scale)
        self._fitted_type = model.structure.name  # what a warm start can go on from
        self.weights_ = (params.weights / params.weights.sum()).astype(dtype)
        self.means_ = (params.means * scale + shift).astype(dtype)
        self.covariances_ = layout.rescale(params.covariances, scale).astype(dtype)
        self.precisions_cholesky_ = layout.transpose(factor).astype(dtype)
        self.precisions_ = layout.precisions(factor).astype(dtype)

    # Streams

    def _settled(self, X: Any, sample_weight: Any) -> Stream:
        stream, batch = self._stream, self._batch(X, sample_weight)
        model, start, n = stream.model, stream.state.params, batch.weight
        data = in_blocks(batch.data)
        result = best_run(model, data, start=start, tol=FIRST_BATCH_TOL * n, max_iter=1000)
        self._publish_params(result.params, model, stream.dtype)
        self.lower_bound_ = result.log_likelihood / n
        return Stream.after_fit(model, result.params, batch.data)

    def _batch(self, X: Any, sample_weight: Any) -> Batch:
        """The rows of a batch that count, of which there may be none."""
        data = self._open(X, sample_weight).fit_data(0)
        return Batch(data, data.total_weight)

    def _model_of_batch(self, stream: Stream, data: Any) -> GaussianMixtureModel:
        """The model of the stream, as it takes one batch."""
        require_same(
            "partial_fit",
            "(covariance_type, n_components, n_features)",
            before=(self._fitted_type, *self.means_.shape),
            now=(STRUCTURES[self.covariance_type].name, self.n_components, data.shape[1]),
        )
        return stream.model_of(data)

    def _publish_stream(self, batch: Batch) -> None:
        state = self._stream.state
        self._publish_params(state.estimate, self._stream.model, batch.data.dtype)
        self.lower_bound_ = state.log_likelihood
        self.n_samples_seen_, self.n_batches_ = state.weight, state.n_batches

    # The fitted distribution

    def _at(self, X: Array) -> tuple[GaussianMixtureModel, MixtureParams, Rows]:
        """The model and its parameters in units of the fitted mixture, and X as its data."""
        structure = STRUCTURES[self.covariance_type]
        weights = np.asarray(self.weights_, dtype=float)
        means = np.asarray(self.means_, dtype=float)
        layout = structure.layout
        factor = layout.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        variances = layout.diagonals(layout.covariances(factor), means.shape)
        shift, scale = mixture_std(weights, means, variances)
        scale = structure.common_scale(scale)
        data = Rows.of(X)
        model = GaussianMixtureModel(structure, Scaling(shift, scale), incomplete=data.incomplete)
        factor = layout.rescale_factor(factor, 1.0 / scale)
        return model, model.given_factor(weights, (means - shift) / scale, factor), data

    @unbuffered()
    def _reduce(self, rows: Rows, compute: Callable[[Array], Any], out: Any) -> Any:
        """Fill ``out`` with what is computed of the log-joint (K, n) of tile after tile of rows."""
        model, params, data = self._at(rows.X)
        kernel = model.bind(params)
        for some in kernel.pieces(len(data.X), data.groups):
            out[some] = compute(kernel.log_joint(data.take(some).X)[0])
        return out

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Log-density of each row under the mixture.
        """
        return self._open(X).map(self._log_prob)

    def _log_prob(self, rows: Rows) -> Array:
        out = np.empty(len(rows.X), rows.dtype)
        return self._reduce(rows, lambda log_joint: soft(log_joint)[1], out)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Log-likelihood per sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        log_likelihood : float
            Weighted mean of the log-densities of the rows.
        """
        log_likelihood, n = self._open(X, sample_weight).sum(self._log_prob)
        return log_likelihood / n

    def predict(self, X: Any) -> Any:
        """Most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Index of the component.
        """
        return self._open(X).map(self._labels, dtype=np.int64)

    def _labels(self, rows: Rows) -> Array:
        out = np.empty(len(rows.X), np.int64)
        return self._reduce(rows, partial(np.argmax, axis=0), out)

    def predict_proba(self, X: Any) -> Any:
        """Posterior probability of each component for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Responsibilities; rows sum to 1.
        """
        opened = self._open(X)
        return opened.map(self._resp, width=len(self.means_))

    def _resp(self, rows: Rows) -> Array:
        out = np.empty((len(rows.X), len(self.means_)), rows.dtype)
        return self._reduce(rows, lambda log_joint: soft(log_joint)[0].T, out)

    def impute(self, X: Any) -> Any:
        """Fill what is missing with its conditional mean under the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            A copy with every NaN replaced; observed cells as they were.
        """
        opened = self._open(X)
        return opened.map(self._impute, width=opened.n_features, lazy=True)

    def _impute(self, rows: Rows) -> Array:
        model, params, data = self._at(rows.X)
        return model.impute(rows.X, params) if data.incomplete else rows.X.copy()

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.intp]]:
        """Draw from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Rows to draw.
        random_state : int, RandomState instance or None, default=None
            Source of the draw. None takes the estimator's own, as scikit-learn does: with an int
            there, every call returns the same rows.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows, component after component.
        y : ndarray of shape (n_samples,)
            Component of each row.
        """
        check_is_fitted(self, "weights_")
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one "
                "sample."
            )
        rng = check_random_state(self.random_state if random_state is None else random_state)
        layout = STRUCTURES[self.covariance_type].layout
        weights = np.asarray(self.weights_, dtype=float)
        factor = layout.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        counts = rng.multinomial(n_samples, weights / weights.sum())
        rows = [
            mean + layout.draw(factor, k, rng.standard_normal((count, len(mean))))
            for k, (mean, count) in enumerate(zip(self.means_, counts, strict=True))
        ]
        return np.concatenate(rows), np.repeat(np.arange(len(counts)), counts)

    def standard_errors(self, X: Any, sample_weight: Any = None) -> MixtureErrors:
        """Standard errors of the fitted parameters, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of fit; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        errors : NamedTuple of weights, means, covariances
            In the shapes of ``weights_``, ``means_`` and ``covariances_``.

        Warns
        -----
        DataWarning
            Where a parameter is not determined or at a boundary: NaN stands for its standard
            error.

        See Also
        --------
        emkit.engine.standard_errors : The same for any model; how it is done.

        Notes
        -----
        They are taken at the very maximum: from the fit, which may have ended short of it, EM
        climbs on until a step gains less than 1e-8 nats. Priors are part of the objective and so
        of the information. It is of one labelling of the components, and takes two E-steps for
        each free parameter, some more where covariances have a constraint such as that of 'EEV'.

        Examples
        --------
        >>> import numpy as np
        >>> from emkit import EMGaussianMixture
        >>> X = np.random.RandomState(0).standard_normal((400, 1))
        >>> mixture = EMGaussianMixture(reg_covar=0.0, tol=1e-8).fit(X)
        >>> errors = mixture.standard_errors(X)
        >>> np.allclose(errors.means, X.std() / 20)
        True
        """
        data = self._open(X, sample_weight).fit_data()
        model = self._model(data)
        scale = model.units.scale
        # A fit at the default tol ends short of the maximum by more than a standard error can bear.
        start = last_fit(self, model).params
        maximum = best_run(model, data, start=start, tol=ERRORS_TOL, max_iter=1000)
        errors = standard_errors(model, data, maximum)
        return MixtureErrors(
            errors.weights, errors.means * scale, model.layout.rescale(errors.covariances, scale)
        )

    def summary(self, X: Any = None, sample_weight: Any = None) -> Any:
        """Weights and means of the components as a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            The data of fit, for standard errors; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        table : pandas.DataFrame
            A row for each component; columns weight and, for each feature, mean_<feature>. With X
            their standard errors follow, as se_weight and se_mean_<feature>.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            For bad X, and for sample_weight without X.

        See Also
        --------
        standard_errors : What it warns of, and the standard errors of the covariances.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from emkit import EMGaussianMixture
        >>> petals = load_iris().data[:, [3]]
        >>> mixture = EMGaussianMixture(2, tol=1e-8, random_state=0).fit(petals)
        >>> mixture.summary(petals).round(3)
                   weight  mean_x0  se_weight  se_mean_x0
        component
        0           0.681    1.652      0.039       0.046
        1           0.319    0.234      0.039       0.013
        """
        check_is_fitted(self, "weights_")
        pd = optional_import("pandas", "pandas", "EMGaussianMixture.summary")
        if X is None and sample_weight is not None:
            raise ValueError("sample_weight weighs the rows of X, and X is not given. Give both.")
        names = feature_names_in(self, None)
        table = _summary_columns("", self.weights_, self.means_, names)
        if X is not None:
            errors = self.standard_errors(X, sample_weight)
            table |= _summary_columns("se_", errors.weights, errors.means, names)
        return pd.DataFrame(table).rename_axis(index="component")

    def to_sklearn(self) -> GaussianMixture:
        """The fitted mixture as scikit-learn's ``GaussianMixture``, for converters and old code.

        It predicts and scores as this one does, complete rows only. Structures that scikit-learn
        does not have become the narrowest that holds them: ``"EEI"`` its ``"diag"``, ``"EEV"`` its
        ``"full"``.

        Returns
        -------
        mixture : sklearn.mixture.GaussianMixture
            Fitted, with copies of the parameters in double precision. ``init_params`` is
            scikit-learn's default, and no start is given: a refit is a fit of scikit-learn's.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Notes
        -----
        Converters to ONNX (skl2onnx) and PMML take it. Give them an example row in double
        precision: in single precision the converted model computes distances as differences of
        squares, and for columns that lie far from 0, many times their spread, no digit is left.
        Shafts of 25 mm with a deviation of 0.002 mm, say, get wrong labels. Where single precision
        cannot be avoided, centre and scale the columns before the fit.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from emkit import EMGaussianMixture
        >>> X = load_iris().data
        >>> mixture = EMGaussianMixture(3, random_state=0).fit(X)
        >>> converted = mixture.to_sklearn()
        >>> type(converted).__module__.split(".")[0]
        'sklearn'
        >>> np.allclose(converted.predict_proba(X), mixture.predict_proba(X))
        True
        """
        return to_sklearn(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # Selection

    def _n_parameters(self) -> int:
        """Free parameters of the model."""
        n_components, n_features = self.means_.shape
        covariance = STRUCTURES[self.covariance_type].n_parameters(n_components, n_features)
        return covariance + n_components * n_features + n_components - 1

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        aic : float
            ``-2 log L + 2 p`` for p free parameters.
        """
        log_likelihood, _ = self._open(X, sample_weight).sum(self._log_prob)
        return -2.0 * log_likelihood + 2.0 * self._n_parameters()

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies; their sum is the number of samples.

        Returns
        -------
        bic : float
            ``-2 log L + p log n`` for p free parameters.
        """
        log_likelihood, n = self._open(X, sample_weight).sum(self._log_prob)
        return -2.0 * log_likelihood + self._n_parameters() * log(n)

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        r"""Integrated completed likelihood criterion; lower is better.

        The BIC plus :math:`-2 \sum_i s_i \log \max_k r_{ik}`: it asks for clusters that are apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        icl : float
            In the sign of `bic`.

        References
        ----------
        Biernacki, C., Celeux, G. & Govaert, G. (2000). Assessing a mixture model for clustering
        with the integrated completed likelihood. IEEE Transactions on Pattern Analysis and
        Machine Intelligence 22, 719-725. doi:10.1109/34.865189
        """
        log_largest, _ = self._open(X, sample_weight).sum(self._log_largest)
        return self.bic(X, sample_weight) - 2.0 * log_largest

    def _log_largest(self, rows: Rows) -> Array:
        """Logarithm of the largest responsibility of each row."""

        def largest(log_joint: Array) -> Array:
            return np.log(soft(log_joint)[0].max(axis=0))

        return self._reduce(rows, largest, np.empty(len(rows.X)))


def _summary_columns(prefix: str, weights: Array, means: Array, names: Any) -> Any:
    """Columns of a table by their names."""
    columns = {f"{prefix}weight": weights}
    for name, column in zip(names, means.T, strict=True):
        columns[f"{prefix}mean_{name}"] = column
    return columns


def _rows_that_count(rows: Rows) -> Any:
    return rows_that_count(rows.X, rows.sample_weight, has_missing(rows.X))
