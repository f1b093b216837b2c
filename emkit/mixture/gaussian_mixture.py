"""EMGaussianMixture: the labels are missing."""

import warnings
from copy import copy
from functools import partial
from math import log
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from emkit.base.estimator import (
    EM_CONSTRAINTS,
    FLOATS,
    StrOptions,
    at_least,
    check_weights,
    feature_names_in,
    fit_context,
    has_missing,
    in_blocks,
    load_pandas,
    refuse_empty_columns,
    rows_that_count,
    warn_unconverged,
)
from emkit.base.progress import CallbackSupportMixin, Progress, n_starts
from emkit.data.dask_collections import (
    as_dask_array,
    check_options,
    is_dask,
    load_dask,
    map_rows,
    score_rows,
)
from emkit.data.source import (
    EmptySourceError,
    RowStream,
    Source,
    block_that_counts,
    check_block,
    is_source,
    joined,
    lazy,
)
from emkit.engine import Algorithm, fit_em, soft, standard_errors
from emkit.engine.fit import ALGORITHMS
from emkit.engine.latent_class import unbuffered
from emkit.exceptions import DataWarning, InfeasibleError
from emkit.mixture.initial import check_given, given_start, last_fit
from emkit.mixture.prior import MixturePrior, check_prior, internal_prior
from emkit.mixture.streaming import STREAM_CONSTRAINTS, Batch, PartialFitMixin, Stream
from emkit.models.mixture.gaussian import GaussianMixtureModel, mixture_std
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
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        'full': each component its own matrix; 'tied': all components one matrix; 'diag': each
        component its own variances; 'spherical': each component one variance.
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
        which keeps components of a few rows from collapsing (see `MixturePrior`). For 'diag' and
        'spherical' it takes the columns to be of comparable scale.
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
        Component covariances; the shape depends on ``covariance_type``::

            (n_components, n_features, n_features) if 'full',
            (n_features, n_features)               if 'tied',
            (n_components, n_features)             if 'diag',
            (n_components,)                        if 'spherical'

    precisions_ : ndarray
        Inverses of the covariances, same shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with U U' the precision (square roots for 'diag' and 'spherical').
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
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
        resp_init=None,
        search="restarts",
        acceleration="anderson",
        n_jobs=None,
        algorithm="em",
        prior=None,
        learning_decay=0.7,
        learning_offset=0.0,
        average=False,
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
    def fit(self, X, y=None, sample_weight=None):
        """Fit the mixture.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out.

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
        data, given = self._validate(X, sample_weight)
        model = self._model(data)
        go_on = self.warm_start and hasattr(self, "converged_")
        start = last_fit(self, model) if go_on else given_start(self, model, data, given)
        n = data.total_weight
        progress = Progress(
            self,
            X,
            y,
            sample_weight,
            publish=partial(type(self)._publish, model=model, data=data),
            n_starts=n_starts(self, start),
            per=n,
            interval=self.verbose_interval,
        )
        seed = self.random_state  # an int as it is: making a RandomState of it takes time
        if not isinstance(seed, Integral):
            seed = check_random_state(seed)
        try:
            with progress:
                result = fit_em(
                    model,
                    in_blocks(data),
                    start=start,
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
            hint = FLOAT32_HINT if data.X.dtype == np.float32 else ""
            raise ValueError(ILL_DEFINED + hint) from error
        warn_unconverged(result, self.max_iter, "Increase reg_covar")
        self._publish(result, model, data)
        progress.done()
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
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

    def _validate(self, X, sample_weight):
        """Data, and the parts of a start that were given, in the user's units."""
        if is_dask(X):
            return self._validate_dask(X, sample_weight)
        if is_source(X):
            return self._validate_source(X, sample_weight)
        X = validate_data(
            self, X, dtype=FLOATS, ensure_min_samples=2, ensure_all_finite="allow-nan"
        )
        weights = check_weights(sample_weight, X)
        given = check_given(self, *X.shape)
        check_prior(self.prior, STRUCTURES[self.covariance_type], X.shape[1])
        incomplete = has_missing(X)
        kept = rows_that_count(X, weights, incomplete)
        if kept is not None:
            X = X[kept]
            weights = None if weights is None else weights[kept]
            if given.resp is not None:
                given = given._replace(resp=given.resp[kept])
        if len(X) < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {len(X)}"
            )
        if incomplete:
            refuse_empty_columns(self, np.isnan(X).all(axis=0))
        return (Rows.of if incomplete else Rows)(X, weights), given

    def _validate_source(self, X, sample_weight):
        """The same for data that are read block by block."""
        if self.resp_init is not None:
            raise ValueError(
                "resp_init has a row for each of X, and X is read block by block. Give means_init "
                "instead."
            )
        data = self._stream_of(X, sample_weight, reset=True)
        refuse_empty_columns(self, data.summary.observed == 0.0)
        given = check_given(self, *data.X.shape)
        check_prior(self.prior, STRUCTURES[self.covariance_type], data.X.shape[1])
        return data, given

    def _stream_of(self, X, sample_weight, *, reset):
        """The rows that count of data that are read block by block."""
        source = Source(X, sample_weight)
        source.check(self, reset=reset)

        def load(block):
            return block_that_counts(*check_block(block.X, block.sample_weight, block.where))

        return RowStream(source, load, max(self.n_components, 2) if reset else 1)

    def _validate_dask(self, X, sample_weight):
        """The same for a Dask collection, whose rows stay on the workers of its cluster."""
        X = as_dask_array(self, X, reset=True)
        check_options(self)
        given = check_given(self, 0, X.shape[1])
        check_prior(self.prior, STRUCTURES[self.covariance_type], X.shape[1])
        return load_dask(self, X, sample_weight, min_samples=max(self.n_components, 2)), given

    def _model(self, data, warn=True):
        """The model in units of the data."""
        shift, spread = data.spread()
        if warn:
            self._warn_of_prior(spread)
        structure = STRUCTURES[self.covariance_type]
        stand_in = np.sqrt(self.reg_covar) if self.reg_covar > 0.0 else 1.0
        scale = structure.common_scale(np.where(spread > 0.0, spread, stand_in))
        units, k = Scaling(shift, scale), self.n_components
        ridge = self.reg_covar / scale**2
        prior = internal_prior(self.prior, structure, units, spread, data, k, ridge)
        return GaussianMixtureModel(
            structure,
            units,
            total_weight=data.total_weight,
            prior=prior,
            incomplete=data.incomplete,
        )

    def _warn_of_prior(self, spread):
        steered = np.flatnonzero(self.reg_covar > 0.01 * (1.0 + 1e-6) * spread**2)
        if self.reg_covar == 0.0 or not len(steered):
            return
        names = getattr(self, "feature_names_in_", np.arange(len(spread)))
        shown = ", ".join(str(name) for name in names[steered[:5]])
        constant = "; constant columns are among them" if (spread[steered] == 0.0).any() else ""
        warnings.warn(
            f"reg_covar={self.reg_covar:g} exceeds 1 % of the variance of {len(steered)} column(s)"
            f" ({shown}{', ...' if len(steered) > 5 else ''}){constant}. It then steers the fit. "
            "Scale the data (StandardScaler), lower reg_covar, or drop columns without variance.",
            DataWarning,
            stacklevel=5,
        )

    def _publish(self, result, model, data):
        """Attributes in the user's units and floating type."""
        n = data.total_weight
        self._publish_params(result.params, model, data.X.dtype)
        self._stream = Stream.after_fit(model, result.params, data)
        self.n_samples_seen_, self.n_batches_ = n, 0
        self.converged_ = result.converged
        self.n_iter_ = result.n_iter
        per_row = result.rescaled(per=n)
        self.lower_bound_ = per_row.log_likelihood
        self.lower_bounds_ = per_row.log_likelihoods.tolist()
        self.history_, self.runs_ = per_row.history, per_row.runs

    def _publish_params(self, params, model, dtype):
        structure, (shift, scale) = model.structure, model.units
        factor = structure.rescale_factor(model.components(params).factor, scale)
        self._fitted_type = structure.name  # what a warm start can go on from
        self.weights_ = (params.weights / params.weights.sum()).astype(dtype)
        self.means_ = (params.means * scale + shift).astype(dtype)
        self.covariances_ = structure.rescale(params.covariances, scale).astype(dtype)
        self.precisions_cholesky_ = structure.transpose(factor).astype(dtype)
        self.precisions_ = structure.precisions(factor).astype(dtype)

    # Streams

    def _settled(self, X, sample_weight):
        stream, batch = self._stream, self._batch(X, sample_weight)
        model, start, n = stream.model, stream.state.params, batch.weight
        data = in_blocks(batch.data)
        result = fit_em(model, data, start=start, tol=FIRST_BATCH_TOL * n, max_iter=1000)
        self._publish_params(result.params, model, stream.dtype)
        self.lower_bound_ = result.log_likelihood / n
        return Stream.after_fit(model, result.params, batch.data)

    def _batch(self, X, sample_weight):
        """The rows of a batch that count."""
        if is_source(X):
            check_is_fitted(self, "weights_")
            try:
                data = self._stream_of(X, sample_weight, reset=False)
            except EmptySourceError:
                dtype = Source(X).dtype
                return Batch(Rows(np.empty((0, self.n_features_in_), dtype)), 0.0)
            return Batch(data, data.total_weight)
        X = self._check_X(X)
        weights = check_weights(sample_weight, X)
        kept = rows_that_count(X, weights, has_missing(X))
        if kept is not None:
            X, weights = X[kept], None if weights is None else weights[kept]
        data = Rows.of(X, weights)
        return Batch(data, data.total_weight)

    def _model_of_batch(self, stream, data):
        """The model of the stream, as it takes one batch."""
        before = (self._fitted_type, *self.means_.shape)
        now = (self.covariance_type, self.n_components, data.X.shape[1])
        if now != before:
            raise ValueError(
                "partial_fit goes on from batches or a fit that had (covariance_type, "
                f"n_components, n_features) = {before}; now they are {now}. Clone the estimator "
                "to begin anew."
            )
        return stream.model_of(data)

    def _publish_stream(self, batch):
        state = self._stream.state
        self._publish_params(state.estimate, self._stream.model, batch.data.X.dtype)
        self.lower_bound_ = state.log_likelihood
        self.n_samples_seen_, self.n_batches_ = state.weight, state.n_batches

    # The fitted distribution

    def _at(self, X):
        """The model and its parameters in units of the fitted mixture, and X as its data."""
        structure = STRUCTURES[self.covariance_type]
        weights = np.asarray(self.weights_, dtype=float)
        means = np.asarray(self.means_, dtype=float)
        factor = structure.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        variances = structure.diagonals(structure.covariances(factor), means.shape)
        shift, scale = mixture_std(weights, means, variances)
        scale = structure.common_scale(scale)
        data = Rows.of(X)
        model = GaussianMixtureModel(structure, Scaling(shift, scale), incomplete=data.incomplete)
        factor = structure.rescale_factor(factor, 1.0 / scale)
        return model, model.given_factor(weights, (means - shift) / scale, factor), data

    @unbuffered()
    def _reduce(self, X, compute, out):
        """Fill ``out`` with what is computed of the log-joint (K, n) of tile after tile of X."""
        model, params, data = self._at(X)
        kernel = model.bind(params)
        for rows in kernel.pieces(len(X), data.groups):
            out[rows] = compute(kernel.log_joint(data.take(rows).X)[0])
        return out

    def _check_X(self, X):
        check_is_fitted(self, "weights_")
        if is_dask(X):
            raise ValueError(
                "X must be in memory for partial_fit. Got a Dask collection: take X.compute(), of "
                "some of the rows if they do not fit."
            )
        return validate_data(self, X, dtype=FLOATS, reset=False, ensure_all_finite="allow-nan")

    def _blocks(self, X, sample_weight=None):
        """X with its weights, checked: one block, or those of a source."""
        if not is_source(X):
            X = self._check_X(X)
            yield X, check_weights(sample_weight, X)
            return
        check_is_fitted(self, "weights_")
        source = Source(X, sample_weight)
        source.check(self, reset=False)
        for block in source:
            yield check_block(block.X, block.sample_weight, block.where)

    def _each(self, X, compute):
        """What is computed of each block of X, joined."""
        return joined(compute(block) for block, _ in self._blocks(X))

    def score_samples(self, X):
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
        if is_dask(X):
            return map_rows(self, "score_samples", X)
        return self._each(X, self._log_prob)

    def _log_prob(self, X):
        return self._reduce(X, lambda log_joint: soft(log_joint)[1], np.empty(len(X), X.dtype))

    def score(self, X, y=None, sample_weight=None):
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
        log_likelihood, n = self._sums(X, sample_weight)
        return log_likelihood / n

    def _sums(self, X, sample_weight, of="_log_prob"):
        """Sum over the rows of X of what a method tells of each, and their total weight."""
        if is_dask(X):
            return score_rows(self, X, sample_weight, of)
        total = n = 0.0
        for block, weights in self._blocks(X, sample_weight):
            values = getattr(self, of)(block)
            total += float(values.sum() if weights is None else weights @ values)
            n += _total(block, weights)
        if n == 0.0:
            raise ValueError("X has no rows of positive weight with a value: there is no score.")
        return total, n

    def predict(self, X):
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
        if is_dask(X):
            return map_rows(self, "predict", X, dtype=np.int64)

        def labels(block):
            nearest = partial(np.argmax, axis=0)
            return self._reduce(block, nearest, np.empty(len(block), np.int64))

        return self._each(X, labels)

    def predict_proba(self, X):
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
        if is_dask(X):
            return map_rows(self, "predict_proba", X, width=len(self.means_))
        return self._each(X, self._resp)

    def _resp(self, X):
        resp = np.empty((len(X), len(self.means_)), X.dtype)
        return self._reduce(X, lambda log_joint: soft(log_joint)[0].T, resp)

    def impute(self, X):
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
        if is_dask(X):
            return map_rows(self, "impute", X, width=X.shape[1])
        if is_source(X):
            check_is_fitted(self, "weights_")
            source = Source(X)
            source.check(self, reset=False)

            fitted = copy(self)  # it may be fitted again before the rows are read

            def fill(block):
                return fitted._impute(check_block(block.X, None, block.where)[0])

            return lazy(source, fill, source.n_features, source.dtype)
        return self._impute(self._check_X(X))

    def _impute(self, X):
        model, params, data = self._at(X)
        return model.impute(X, params) if data.incomplete else X.copy()

    def sample(self, n_samples=1, random_state=None):
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
        structure = STRUCTURES[self.covariance_type]
        weights = np.asarray(self.weights_, dtype=float)
        factor = structure.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        counts = rng.multinomial(n_samples, weights / weights.sum())
        rows = [
            mean + structure.draw(factor, k, rng.standard_normal((count, len(mean))))
            for k, (mean, count) in enumerate(zip(self.means_, counts, strict=True))
        ]
        return np.concatenate(rows), np.repeat(np.arange(len(counts)), counts)

    def standard_errors(self, X, sample_weight=None):
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
        each free parameter.

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
        check_is_fitted(self, "weights_")
        if is_dask(X):
            X = as_dask_array(self, X, reset=False)
            data = load_dask(self, X, sample_weight, min_samples=1)
        else:
            data = self._batch(X, sample_weight).data
        model = self._model(data, warn=False)
        structure, (_, scale) = model.structure, model.units
        # A fit at the default tol ends short of the maximum by more than a standard error can bear.
        at = fit_em(model, data, start=last_fit(self, model), tol=ERRORS_TOL, max_iter=1000)
        errors = standard_errors(model, data, at)
        return MixtureErrors(
            errors.weights,
            errors.means * scale,
            structure.rescale(errors.covariances, scale),
        )

    def summary(self, X=None, sample_weight=None):
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
        pd = load_pandas("EMGaussianMixture.summary")
        if X is None and sample_weight is not None:
            raise ValueError("sample_weight weighs the rows of X, and X is not given. Give both.")
        names = feature_names_in(self, None)
        table = _summary_columns("", self.weights_, self.means_, names)
        if X is not None:
            errors = self.standard_errors(X, sample_weight)
            table |= _summary_columns("se_", errors.weights, errors.means, names)
        return pd.DataFrame(table).rename_axis(index="component")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # Selection

    def _n_parameters(self):
        """Free parameters of the model."""
        n_components, n_features = self.means_.shape
        covariance = STRUCTURES[self.covariance_type].n_parameters(n_components, n_features)
        return covariance + n_components * n_features + n_components - 1

    def aic(self, X, sample_weight=None):
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
        return -2.0 * self._sums(X, sample_weight)[0] + 2.0 * self._n_parameters()

    def bic(self, X, sample_weight=None):
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
        log_likelihood, n = self._sums(X, sample_weight)
        return -2.0 * log_likelihood + self._n_parameters() * log(n)

    def icl(self, X, sample_weight=None):
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
        entropy_bound = -self._sums(X, sample_weight, "_log_largest")[0]
        return self.bic(X, sample_weight) + 2.0 * entropy_bound

    def _log_largest(self, X):
        """Logarithm of the largest responsibility of each row."""

        def largest(log_joint):
            return np.log(soft(log_joint)[0].max(axis=0))

        return self._reduce(X, largest, np.empty(len(X)))


def _summary_columns(prefix, weights, means, names):
    """Columns of a table by their names."""
    columns = {f"{prefix}weight": weights}
    for name, column in zip(names, means.T, strict=True):
        columns[f"{prefix}mean_{name}"] = column
    return columns


def _total(X, sample_weight):
    """Number of samples: rows with a value, or the sum of their weights."""
    weights = sample_weight
    kept = rows_that_count(X, weights, has_missing(X))
    if weights is None:
        return float(len(X) if kept is None else kept.sum())
    return float(weights.sum() if kept is None else weights[kept].sum())
