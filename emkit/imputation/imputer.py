"""EMImputer: cells are missing."""

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import (
    EM_CONSTRAINTS,
    MissingValues,
    StrOptions,
    at_least,
    between,
    feature_names_in,
    fit_context,
    output_container,
    require_same,
    warn_unconverged,
)
from emkit.base.optional import optional_import
from emkit.base.persistence import BaseEstimator
from emkit.base.progress import CallbackSupportMixin, Progress
from emkit.base.weights import few_rows
from emkit.data.checks import in_blocks, takes_nan
from emkit.data.lazy import gathered
from emkit.engine import EMResult, StopReason, standard_errors
from emkit.engine.fit import best_run
from emkit.engine.search import resolve_search
from emkit.exceptions import DataWarning, InfeasibleError, ModelError, warn
from emkit.imputation.columns import Columns
from emkit.imputation.filling import Filler
from emkit.imputation.multiple import multiple_impute
from emkit.imputation.table import Table, load_table, open_table
from emkit.mixture.initial import NO_PARTS, Drawn, Given, Start
from emkit.mixture.streaming import STREAM_CONSTRAINTS, Batch, PartialFitMixin, Stream
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.given_covariances import GivenCovariances
from emkit.models.mixture.moments import MixtureMoments
from emkit.models.mixture.prior import Prior
from emkit.models.mixture.relations import exact_relations
from emkit.models.mixture.single_normal import (
    MIN_SHRINKAGE,
    Pairwise,
    auto_shrinkage,
    normal_start,
    pairwise_moments,
)
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES, Structure
from emkit.numerics.gaussian import Scaling

__all__ = ["EMImputer"]

#: From here on covariances are what they are drawn to: s / (1 - s) rows leave nothing to estimate.
ALL_SHRINKAGE = 1.0 - 1e-6
#: Shrinkage across relations that hold exactly: cells are filled to so much of a variance.
ACROSS = MIN_SHRINKAGE
#: Where standard errors break down.
NO_ERRORS = (
    "No standard errors: the fit is so close to a singular covariance or an empty component that "
    "the curvature of its objective cannot be told from rounding. Increase shrinkage, lower "
    "n_components, or drop columns that follow from others."
)
#: Part of tol to which one normal goes on.
OF_ONE_NORMAL = 0.01
#: Difference that the sum of the weights makes to shrinkage="auto", from which on it is told.
WORTH_TELLING = 0.01
#: Largest ratio of the spreads of two columns that one variance can be of, squared, in a double.
WIDEST = 1e75
#: Rounding of a log-density that only a covariance on its way to a singular one has.
COLLAPSING = 1e-8
#: The same where a prior keeps it from getting there, too weak to leave digits to climb by.
LOST = 1e-6


class Prepared(NamedTuple):
    """What is known of the data of a fit before the first step."""

    data: Any  #: `Rows` or blocks of them
    columns: Columns
    units: Scaling
    pairwise: Pairwise


class Reached(NamedTuple):
    """Where a climb ended, and the model of a shrinkage that it was of."""

    result: EMResult
    model: GaussianMixtureModel
    shrinkage: float


class MomentErrors(NamedTuple):
    """Standard errors of the mean and covariance of a fitted distribution."""

    location: np.ndarray
    covariance: np.ndarray


class EMImputer(PartialFitMixin, CallbackSupportMixin, TransformerMixin, BaseEstimator):
    r"""Imputation by maximum likelihood under a multivariate normal or a mixture of them.

    It maximises the likelihood of the observed cells :math:`x_{i,o}` (missing at random), with
    sample weights :math:`s_i` of sum :math:`n`, under a prior for ``shrinkage`` :math:`= s > 0`,

    .. math:: \sum_i s_i \log \sum_{k=1}^{K} w_k N(x_{i,o}; m_{k,o}, C_{k,oo})
              - \frac{\lambda}{2} \sum_k \bigl(\log|C_k| + \operatorname{tr}(C_k^{-1} D)\bigr),
              \qquad \lambda = \frac{s}{1-s}\,\frac{n}{K},

    and fills each missing cell with its conditional mean given the observed cells of its row, or
    with a draw from its conditional distribution.

    Parameters
    ----------
    n_components : int, default=1
        Components of the mixture; 1 is the multivariate normal.
    missing_values : int, float, str, np.nan, None or pandas.NA, default=np.nan
        What marks a missing cell, besides a mask (`numpy.ma`). NaN stands for None, pandas.NA and
        NaT too. An Arrow-backed column of pandas can hold both NA, which its ``isna`` counts, and
        NaN, which it does not: both are filled, and both are in the indicator. A number matches in
        the precision that it or the cells were cast to.
    covariance_type : str, default='full'
        What the components have in common in their covariances: any of `EMGaussianMixture`.
    shrinkage : float in [0, 1] or 'auto', default='auto'
        How far covariances are drawn to their diagonal: the M-step is
        ``C = (1 - s) S + s D`` (for a component of average weight), with D the diagonal of the
        variances of the observed cells, divided by ``n_components ** (2 / n_features)``. It is
        maximum a posteriori under an inverse-Wishart prior, which is part of the objective. 0 is
        the exact maximum likelihood. 'auto' is a prior worth about half a row for every column
        and component; it fades to 0 where, on average, 20 rows for every column and component
        hold a pair of columns. Collinear columns keep 1e-6. Relations that hold exactly (a column
        that is another in other units, or the sum of others) hold in D too, so that a cell that
        follows from others is filled with what follows. 1 leaves the covariances at D.
    tol : float, default=1e-4
        Gain of one EM step, in nats per sample (as in `EMGaussianMixture`), below which a run has
        converged; one normal, whose steps are few, goes on to a hundredth of it. Of weighted
        samples it is per unit of weight.
    max_iter : int, default=200
        Most points to try after a start, one E-step each.
    n_init : int, default=1
        Starts to try where ``n_components > 1``; one normal has one start.
    search : {'restarts', 'short_runs'} or search object, default='restarts'
        What to do with several starts, as in `EMGaussianMixture`; one normal has one.
    acceleration : {'anderson', 'squarem'}, Acceleration or None, default='anderson'
        Extrapolation; None is plain EM.
    sample_posterior : bool, default=False
        Whether `transform` draws from the conditional distribution instead of taking its mean.
    add_indicator : bool, default=False
        Whether `transform` appends a `sklearn.impute.MissingIndicator` of the features that had
        missing cells in `fit`.
    keep_empty_features : bool, default=False
        Whether features without a value in `fit` are kept, filled with 0, or dropped.
    min_value, max_value : float, array-like (n_features,) or dict, default=-np.inf and np.inf
        Range of imputed cells: conditional means are clipped to it, draws truncated. A dict has
        the limits of some features by name (by number, where X has no names).
    n_jobs : int, default=None
        Processes for starts and for the resamples of `multiple_impute`, as in joblib.
    random_state : int, RandomState instance or None, default=None
        Source of the starts and, for every call of `transform` anew, of its draws.
    warm_start : bool, default=False
        Go on from the last fit instead of drawing starts.
    verbose : int, default=0
        1 prints a line for each start and one at the end, 2 iterations too.
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
    means_ : ndarray of shape (n_components, n_features_out)
        Component means; features are those that `transform` keeps.
    covariances_ : ndarray
        Component covariances in the shape that ``covariance_type`` gives; 0 for features that
        are constant or empty (of which a common variance, as of 'spherical', does not tell).
    location_ : ndarray of shape (n_features_out,)
        Mean of the fitted distribution.
    covariance_ : ndarray of shape (n_features_out, n_features_out)
        Covariance of the fitted distribution.
    missing_fraction_ : ndarray of shape (n_features_in_,)
        Share of the cells of each feature that were missing in fit, rows by their weight.
    shrinkage_ : float
        The shrinkage that was used.
    log_likelihood_ : float
        Log-likelihood of the observed cells, in nats, without the prior. After `partial_fit`, of
        the last batch at the parameters before it: of rows not seen before.
    n_iter_ : int
        Points that the best run tried after its start.
    converged_ : bool
        Whether the best run converged.
    history_ : ndarray
        Objective at the start and every accepted iterate of the best run; never falls.
    runs_ : tuple of RunSummary
        One summary for each start.
    n_samples_seen_ : float
        Number of samples seen by `fit` and `partial_fit`: the sum of their weights.
    n_batches_ : int
        Batches seen by `partial_fit` since the last `fit`. ``n_iter_``, ``converged_``,
        ``history_``, ``runs_`` and ``indicator_`` are of the fit, or of the first batch.
    indicator_ : MissingIndicator or None
        Indicator of missing cells, with ``add_indicator=True``.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data.

    Warns
    -----
    DataWarning
        For features without a value, for pairs of features never observed together (their partial
        association is not identified), where ``shrinkage=0``, or one next to it, has no finite
        maximum, and where weights sum to so few rows that ``shrinkage='auto'`` is another.

    See Also
    --------
    EMGaussianMixture : The same model for its clusters; takes missing cells as they are.
    pool_estimates : Combine analyses of multiply imputed tables.

    Notes
    -----
    Features that are constant where observed say nothing of the others: they are filled with
    their value and stay out of the likelihood.

    References
    ----------
    Little, R. J. A. & Rubin, D. B. (2019). Statistical Analysis with Missing Data, 3rd ed. Wiley,
    ch. 11. doi:10.1002/9781119482260

    Fraley, C. & Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181 (the scale of the prior).
    doi:10.1007/s00357-007-0004-5

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMImputer
    >>> X = [[1.0, 2.0], [2.0, 4.1], [3.0, np.nan], [4.0, 8.1], [np.nan, 10.0], [6.0, 11.9]]
    >>> EMImputer(shrinkage=0.0).fit_transform(X).round(1)
    array([[ 1. ,  2. ],
           [ 2. ,  4.1],
           [ 3. ,  6. ],
           [ 4. ,  8.1],
           [ 5. , 10. ],
           [ 6. , 11.9]])
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        **STREAM_CONSTRAINTS,
        "n_components": [at_least(Integral, 1)],
        "missing_values": [MissingValues()],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "shrinkage": [between(Real, 0.0, 1.0), StrOptions({"auto"})],
        "sample_posterior": ["boolean"],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "min_value": [None, Real, dict, "array-like"],
        "max_value": [None, Real, dict, "array-like"],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        missing_values: Any = np.nan,
        covariance_type: str = "full",
        shrinkage: float | str = "auto",
        tol: float = 1e-4,
        max_iter: int = 200,
        n_init: int = 1,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        sample_posterior: bool = False,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        min_value: Any = -np.inf,
        max_value: Any = np.inf,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: Any = 0,
        learning_decay: float = 0.7,
        learning_offset: float = 0.0,
        average: bool | int = False,
    ):
        self.n_components = n_components
        self.missing_values = missing_values
        self.covariance_type = covariance_type
        self.shrinkage = shrinkage
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.search = search
        self.acceleration = acceleration
        self.sample_posterior = sample_posterior
        self.add_indicator = add_indicator
        self.keep_empty_features = keep_empty_features
        self.min_value = min_value
        self.max_value = max_value
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.average = average

    # Fitting

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the distribution that fills what is missing.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
            Data with missing cells, which those of a mask (`numpy.ma`) are too. Dates, durations
            and text are refused by the name of their column.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out, as is
            a row whose weight is masked.

        Returns
        -------
        self : object
            The fitted imputer.

        Notes
        -----
        A memory map of 256 MiB or more, any object that has a shape, a dtype and slices of rows,
        and any iterable of blocks that can be read again and again, is read block by block, so
        that it need not fit in memory; ``sample_weight`` may come in blocks too. `transform` then
        gives rows that are computed when they are sliced or iterated.

        The chunks of a Dask array or DataFrame stay on the workers of the current
        `distributed.Client`, as in `EMGaussianMixture.fit`; `transform` and `score_samples` give
        Dask arrays. A search that draws labels is refused, and a cluster that is lost is a
        `emkit.exceptions.ClusterError`.
        """
        opened = open_table(self, X, sample_weight, reset=True)
        progress = Progress(self, X, y, sample_weight, in_memory=opened.in_memory)
        table = self._load(opened)
        del opened  # what is not fitted need not be held
        self._fit(table, partial(warn, category=DataWarning), progress)
        progress.done()
        return self

    def _fit(self, table: Table, warn: Callable[[str], None], progress: Progress) -> None:
        """Fit; what the data force is told to ``warn``."""
        data, columns = table.data, table.columns
        self._warn_of_empty(columns, warn)
        if data is None:
            self._publish_constants(columns)
            return
        prepared = self._prepare(data, columns, self._units(data.spread(), columns))
        self._warn_of_pairs(prepared.pairwise, columns, warn)
        if self.shrinkage == "auto":
            shrinkage = auto_shrinkage(prepared.pairwise, self.n_components)
            self._warn_of_weights(prepared, shrinkage, warn)
        else:
            shrinkage = float(self.shrinkage)
        climb = partial(self._climb, prepared, progress)
        try:
            with progress:
                reached = climb(shrinkage) or climb(MIN_SHRINKAGE)
        except InfeasibleError as error:
            raise InfeasibleError(f"{error} {self._advice()}", error.runs) from error
        assert reached is not None  # an InfeasibleError otherwise
        if reached.shrinkage != shrinkage:
            self._warn_of_collapse(shrinkage, warn)
        warn_unconverged(reached.result, self.max_iter, "Increase shrinkage")
        self._publish(*reached, prepared)

    def _units(self, spread: Scaling, columns: Columns) -> Scaling:
        """Units of the columns that keep the structure."""
        shift, scale = spread
        structure = STRUCTURES[self.covariance_type]
        few, many = int(scale.argmin()), int(scale.argmax())
        too_far = not structure.scale_invariant and scale[many] > WIDEST * scale[few]
        if too_far or structure.too_far_apart(scale):
            raise ValueError(
                f"covariance_type={self.covariance_type!r} has one scale for all features, and "
                f"those of feature {self._name(columns.modelled[[few]])} (standard deviation "
                f"{scale[few]:.3g}) and {self._name(columns.modelled[[many]])} ({scale[many]:.3g}) "
                "are too far apart for it. Scale the columns (StandardScaler), or take 'diag'."
            )
        return Scaling(shift, structure.common_scale(scale))

    def _advice(self) -> str:
        """What to do where no start has a covariance that is not singular."""
        if not STRUCTURES[self.covariance_type].scale_invariant:
            return (
                f"covariance_type={self.covariance_type!r} goes by the units of the features: "
                "scale them alike (StandardScaler), or take another."
            )
        return "Increase shrinkage, or decrease n_components."

    def _prepare(self, data: Any, columns: Columns, units: Scaling) -> Prepared:
        """What a prior is made of."""
        pairwise = pairwise_moments(data, units)
        few_rows = self.shrinkage == "auto" and (
            auto_shrinkage(pairwise, self.n_components) > MIN_SHRINKAGE
        )
        if few_rows and not STRUCTURES[self.covariance_type].layout.independent:
            variances = np.diag(pairwise.covariance)
            pairwise = pairwise._replace(relations=exact_relations(data, units, variances))
        return Prepared(data, columns, units, pairwise)

    def _load(self, opened: Any) -> Table:
        """The data of the columns that are modelled, which these are, and what was missing."""
        table = load_table(self, opened)
        cells = table.cells
        self.missing_fraction_ = cells.missing_fraction
        self.n_samples_seen_ = cells.weight
        self.n_batches_ = 0
        self.indicator_ = None
        if self.add_indicator:
            row = np.where(cells.missing > 0.0, np.nan, 0.0)
            self.indicator_ = MissingIndicator(error_on_new=False).fit(row[None])
        return table

    def _climb(self, prepared: Prepared, progress: Progress, shrinkage: float) -> Reached | None:
        """To a maximum at a shrinkage; None where there is none, and a larger one has it."""
        model = self._prior_model(prepared, shrinkage)
        progress.publish = partial(
            type(self)._publish, model=model, shrinkage=shrinkage, prepared=prepared
        )
        start, one = self._start(model, prepared), self.n_components == 1
        resolve_search(self.search)  # which refuses what is none
        try:
            result = best_run(
                model,
                in_blocks(prepared.data),
                start=start.params if isinstance(start, Given) else None,
                n_init=self.n_init,
                n_jobs=self.n_jobs,
                # One normal has one start, and nothing to search for.
                search="restarts" if one else self.search,
                acceleration=self.acceleration,
                tol=self.tol * prepared.data.total_weight * (OF_ONE_NORMAL if one else 1.0),
                max_iter=self.max_iter,
                random_state=check_random_state(self.random_state),
                callback=progress.callback,
            )
        except InfeasibleError:
            if shrinkage >= MIN_SHRINKAGE:
                raise
            return None
        # On its way to a singular covariance, whether it got there or ran out of iterations.
        error = model.components(result.params).centred_error
        collapsed = (
            result.reason is StopReason.INFEASIBLE
            or (not result.converged and error > COLLAPSING)
            or (shrinkage > 0.0 and error > LOST)
        )
        if collapsed and shrinkage < MIN_SHRINKAGE:
            return None
        return Reached(result, model, shrinkage)

    def _prior_model(self, prepared: Prepared, shrinkage: float) -> GaussianMixtureModel:
        """The model with the prior that a shrinkage stands for."""
        data, units, pairwise = prepared.data, prepared.units, prepared.pairwise
        structure, k = STRUCTURES[self.covariance_type], self.n_components
        options: dict[str, Any] = {
            "incomplete": data.incomplete,
            # One normal has one basin, as a rule: nothing to lose by extrapolating at once.
            "accelerate_below": np.inf if k == 1 else 1e-3,
            "draw_start": Drawn("kmeans", k, NO_PARTS, data.shape[0]),
        }
        share = k ** (2.0 / len(units.scale))
        variances, total = np.diag(pairwise.covariance) / share, data.total_weight
        if shrinkage > ALL_SHRINKAGE:
            covariances = _mode(structure, variances, k)
            return GivenCovariances(structure, units, covariances, total, **options)
        strength = shrinkage / (1.0 - shrinkage)
        ridge = strength * variances
        if pairwise.relations is not None:
            # Across the plane a little is left, as anywhere.
            within = pairwise.relations.covariance / share
            ridge = strength * within + np.diag(ACROSS * variances)
        return GaussianMixtureModel(structure, units, ridge, total, strength=strength, **options)

    def _start(self, model: GaussianMixtureModel, prepared: Prepared) -> Start:
        """Where to start: from the last fit, from pairs of columns, or from random draws."""
        shift, scale = model.units
        if self.warm_start and getattr(self, "_fitted", None) is not None:
            before, (old_shift, old_scale), params = self._fitted
            modelled = prepared.columns.modelled.tolist()
            require_same(
                "warm_start",
                "(covariance_type, n_components, columns)",
                before,
                now=(model.structure.name, self.n_components, modelled),
            )
            return Given(
                MixtureParams(
                    params.weights,
                    (params.means * old_scale + old_shift - shift) / scale,
                    model.layout.rescale(params.covariances, old_scale / scale),
                )
            )
        if self.n_components == 1:
            return Given(normal_start(model, prepared.pairwise))
        assert isinstance(model.draw_start, Drawn)
        return model.draw_start

    def _warn_of_empty(self, columns: Columns, warn: Callable[..., None]) -> None:
        if len(columns.empty):
            fate = "kept and filled with 0" if self.keep_empty_features else "dropped"
            warn(
                f"Nothing is observed in feature(s) {self._name(columns.empty)}: they are {fate}. "
                "Drop them from X, or see keep_empty_features."
            )

    def _warn_of_weights(
        self, prepared: Prepared, shrinkage: float, warn: Callable[[str], None]
    ) -> None:
        """Tell that the prior is not that of so many rows, because the weights sum to less."""
        n, total, pairwise = prepared.data.shape[0], prepared.data.total_weight, prepared.pairwise
        by_rows = auto_shrinkage(pairwise._replace(n=pairwise.n * (n / total)), self.n_components)
        if shrinkage > by_rows + WORTH_TELLING:
            warn(few_rows(total, n, f"shrinkage='auto' (here {shrinkage:.2g}) takes"))

    def _warn_of_collapse(self, shrinkage: float, warn: Callable[..., None]) -> None:
        what = "has no finite maximum" if shrinkage == 0.0 else "is lost in rounding"
        warn(
            f"The likelihood {what} at shrinkage={shrinkage:g}: some covariance is "
            "singular (collinear columns, or too few rows for the columns). "
            f"shrinkage={MIN_SHRINKAGE:g} was used instead. Set shrinkage, drop columns, or lower "
            "n_components."
        )

    def _warn_of_pairs(
        self, pairwise: Pairwise, columns: Columns, warn: Callable[..., None]
    ) -> None:
        apart = np.argwhere(np.triu(pairwise.n == 0.0))
        if len(apart):
            pairs = ", ".join(f"({self._name(columns.modelled[pair])})" for pair in apart[:3])
            warn(
                f"{len(apart)} pair(s) of features are never observed together: {pairs}"
                f"{', ...' if len(apart) > 3 else ''}. How they go together beyond the other "
                "features is not identified by the data: it comes from the start and from "
                "shrinkage. Do not interpret their covariance."
            )

    def _name(self, columns: NDArray[np.intp]) -> str:
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        more = ", ..." if len(columns) > 5 else ""
        return ", ".join(str(names[j]) for j in columns[:5]) + more

    def _publish(
        self, result: EMResult, model: GaussianMixtureModel, shrinkage: float, prepared: Prepared
    ) -> None:
        self._publish_params(result.params, model, prepared.columns)
        self._stream = Stream.after_fit(model, self._fitted[-1], prepared.data, prepared.pairwise)
        self.shrinkage_ = float(shrinkage)
        self.log_likelihood_ = result.log_likelihood
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self.history_ = result.history
        self.runs_ = result.runs

    def _publish_params(
        self, params: MixtureParams, model: GaussianMixtureModel, columns: Columns
    ) -> None:
        layout, (shift, scale) = model.layout, model.units
        params = params._replace(weights=params.weights / params.weights.sum())
        key = (model.structure.name, self.n_components, columns.modelled.tolist())
        self._fitted: Any = key, model.units, params
        self._columns = columns
        self.weights_ = params.weights
        self.means_ = columns.spread_means(params.means * scale + shift)
        covariances = layout.rescale(params.covariances, scale)
        where = columns.modelled_in_output
        self.covariances_ = layout.embed(covariances, where, len(columns.kept))
        self._set_moments(layout.dense(covariances, *params.means.shape), where)

    def _publish_constants(self, columns: Columns) -> None:
        """Nothing to fit: every feature is constant or empty."""
        k, d = self.n_components, len(columns.kept)
        self._fitted = self._stream = None
        self._columns = columns
        self.weights_ = np.full(k, 1.0 / k)
        self.means_ = columns.spread_means(np.empty((k, 0)))
        self.covariances_ = np.zeros(STRUCTURES[self.covariance_type].layout.shape(k, d))
        self._set_moments(np.empty((k, 0, 0)), np.arange(0))
        self.shrinkage_ = 0.0
        self.log_likelihood_ = 0.0
        self.n_iter_ = 0
        self.converged_ = True
        self.history_ = np.zeros(1)
        self.runs_ = ()

    def _set_moments(self, covariances: Array, where: NDArray[np.intp]) -> None:
        """Mean and covariance of the whole distribution, from the components'."""
        self.location_ = self.weights_ @ self.means_
        apart = self.means_ - self.location_
        self.covariance_ = (self.weights_ * apart.T) @ apart
        self.covariance_[np.ix_(where, where)] += np.tensordot(self.weights_, covariances, 1)

    # Streams

    def _batch(self, X: Any, sample_weight: Any) -> Batch:
        """The rows of a batch that count, in the columns that are modelled."""
        data, columns, cells = load_table(self, open_table(self, X, sample_weight), self._columns)
        news = columns.changed(cells)
        if len(news):
            warn(
                f"Feature(s) {self._name(news)} had no value or one value only when the stream "
                "began, and are filled as they were then, though they vary in this batch. Clone "
                "the estimator to begin anew, with more rows in the first batch.",
                DataWarning,
            )
        return Batch(data, cells.weight, cells.missing_fraction)

    def _model_of_batch(self, stream: Stream, data: Any) -> GaussianMixtureModel:
        """The model of the stream, its prior that of all rows so far."""
        modelled = self._columns.modelled.tolist()
        require_same(
            "partial_fit",
            "(covariance_type, n_components, columns)",
            before=self._fitted[0],
            now=(STRUCTURES[self.covariance_type].name, self.n_components, modelled),
        )
        shrinkage = self._shrinkage_at(stream, stream.state.weight + data.total_weight)
        assert stream.pairwise is not None  # as of every stream of an imputer
        prepared = Prepared(data, self._columns, stream.model.units, stream.pairwise)
        return self._prior_model(prepared, shrinkage)

    def _shrinkage_at(self, stream: Stream, weight: float) -> float:
        """Shrinkage when so much was seen: what few rows needed fades."""
        if self.shrinkage != "auto":
            return self.shrinkage_
        assert stream.pairwise is not None  # as of every stream of an imputer
        rows = stream.pairwise.n * (weight / stream.weight)
        fading = auto_shrinkage(stream.pairwise._replace(n=rows), self.n_components)
        return max(fading, min(self.shrinkage_, MIN_SHRINKAGE))

    def _publish_stream(self, batch: Batch) -> None:
        model, state = self._stream.model, self._stream.state
        self._publish_params(state.estimate, model, self._columns)
        self.shrinkage_ = self._shrinkage_at(self._stream, state.weight)
        self.log_likelihood_ = state.log_likelihood * batch.data.total_weight
        self.n_samples_seen_ += batch.weight
        self.n_batches_ = state.n_batches
        share, missing = batch.weight / self.n_samples_seen_, batch.missing
        assert missing is not None  # as of every batch of an imputer
        self.missing_fraction_ = (1 - share) * self.missing_fraction_ + share * missing

    # Imputing

    def transform(self, X: Any) -> Any:
        """Fill what is missing in X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data with missing cells; rows need not have been seen in fit.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_out)
            Observed cells as they were, missing ones filled; then the indicator, if asked for.
            Of a Dask collection it is a Dask array, and of data that are read block by block an
            object of their kind: rows are computed when they are read, always to the same values.
            A frame that `set_output` asks for gathers them, but not blocks of an iterable.
        """
        opened = open_table(self, X)
        filler = Filler.of(self)
        rows = opened.map(filler.fill, width=filler.width, lazy=True, numbered=True)
        container = output_container(self)
        return rows if container == "default" else gathered(rows, container)

    def _model(self) -> tuple[GaussianMixtureModel, MixtureParams]:
        (name, *_), units, params = self._fitted
        return GaussianMixtureModel(STRUCTURES[name], units, incomplete=True), params

    def inverse_transform(self, X: Any) -> Any:
        """Put the marks of missing cells back where the indicator has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            What `transform` returned, with ``add_indicator=True``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features_in_)
            The data with ``missing_values`` in cells that were missing.
        """
        check_is_fitted(self)
        if self.indicator_ is None:
            raise ValueError(
                "'inverse_transform' works only when EMImputer is made with add_indicator=True. "
                f"Got add_indicator={self.add_indicator!r}: without the indicator there is no "
                "telling which cells were missing."
            )
        X = np.asarray(X)
        width = len(self._columns.kept) + len(self.indicator_.features_)
        if X.ndim != 2 or X.shape[1] != width:
            raise ValueError(f"X should have the {width} columns of transform. Got {X.shape}.")
        dtype = X.dtype if isinstance(self.missing_values, Real) else object
        out = np.full((len(X), self.n_features_in_), self.missing_values, dtype=dtype)
        out[:, self._columns.kept] = X[:, : len(self._columns.kept)]
        missing = np.zeros(out.shape, dtype=bool)
        missing[:, self.indicator_.features_] = X[:, len(self._columns.kept) :].astype(bool)
        out[missing] = self.missing_values
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the features that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features of X; by default those seen in fit, or x0, x1, ...

        Returns
        -------
        names : ndarray of str
            Names of the features that are kept, then those of the indicator.
        """
        check_is_fitted(self)
        names = feature_names_in(self, input_features)
        out = names[self._columns.kept]
        if self.indicator_ is not None:
            out = np.concatenate([out, self.indicator_.get_feature_names_out(names)])
        return out

    # The fitted distribution

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of the observed cells of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data with missing cells.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats; 0 for a row with nothing observed.
        """
        return open_table(self, X).map(self._log_density, dtype=np.float64)

    def _log_density(self, rows: Rows) -> Array:
        if self._fitted is None:
            return np.zeros(len(rows.X))
        model, params = self._model()
        return model.score_samples(Rows.of(self._columns.take_modelled(rows.X)), params)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log-likelihood of the observed cells of a row; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data with missing cells.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        score : float
            Weighted mean of `score_samples`.
        """
        log_likelihood, n = open_table(self, X, sample_weight).sum(self._log_density)
        return log_likelihood / n

    def standard_errors(self, X: Any, sample_weight: Any = None) -> Any:
        """Standard errors of ``location_`` and ``covariance_``, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of fit.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        errors : NamedTuple of location, covariance
            In the shapes of ``location_`` and ``covariance_``; 0 for features that are constant
            or that had no value in fit, of which nothing is estimated.

        Warns
        -----
        DataWarning
            Where the fit has not come to the maximum (lower ``tol``), or the data do not determine
            a parameter: NaN stands for its standard error.

        See Also
        --------
        emkit.engine.standard_errors : The same for any model; how it is done.

        Notes
        -----
        What ``shrinkage`` adds is part of the objective and so of the information. It takes two
        E-steps for each free parameter, of which d features have d (d + 3) / 2.

        Examples
        --------
        >>> import numpy as np
        >>> from emkit import EMImputer
        >>> X = np.random.RandomState(0).standard_normal((400, 2))
        >>> errors = EMImputer(shrinkage=0.0).fit(X).standard_errors(X)
        >>> np.allclose(errors.location, X.std(axis=0) / 20)
        True
        """
        opened = open_table(self, X, sample_weight)
        return self._errors(load_table(self, opened, self._columns).data)

    def _errors(self, data: Any) -> Any:
        d = len(self.location_)
        location, covariance = np.zeros(d), np.zeros((d, d))
        if self._fitted is not None:
            _, units, params = self._fitted
            prepared = self._prepare(data, self._columns, units)
            model = MixtureMoments(self._prior_model(prepared, self.shrinkage_))
            try:
                errors = standard_errors(model, data, model.extend(params))
            except ModelError:  # its checks cannot tell rounding from a model that is wrong
                warn(NO_ERRORS, DataWarning)
                return MomentErrors(np.full(d, np.nan), np.full((d, d), np.nan))
            where = self._columns.modelled_in_output
            location[where] = errors.location * units.scale
            covariance[np.ix_(where, where)] = errors.covariance * np.outer(
                units.scale, units.scale
            )
        return MomentErrors(location, covariance)

    def summary(self, X: Any = None, sample_weight: Any = None) -> Any:
        r"""What was missing of each feature, and what that costs, as a table.

        The fraction of information missing about the mean of feature j is

        .. math:: 1 - \frac{\texttt{covariance\_}_{jj} / n}{\mathrm{se}_j^2},

        n being the number of rows (the sum of their weights) and the numerator the variance that
        the mean would have were nothing missing: 0 for a feature that is complete, and less than
        the fraction of its cells missing where other features tell of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            The data of fit, for standard errors and the fraction of information missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.

        Returns
        -------
        table : pandas.DataFrame
            A row for each feature of fit; columns missing (the fraction of its cells), mean and
            std. With X, std_error of the mean and information_missing follow. NaN is where nothing
            is estimated: features that were dropped and, in information_missing, constant ones.

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            For bad X, and for sample_weight without X.

        See Also
        --------
        standard_errors : What it warns of, and how standard errors are found.
        PooledEstimate : The fraction of information missing by multiple imputation.

        References
        ----------
        Little, R. J. A. & Rubin, D. B. (2019). Statistical Analysis with Missing Data, 3rd ed.
        Wiley, ch. 9. doi:10.1002/9781119482260

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from emkit import EMImputer
        >>> petals = load_iris(as_frame=True).data.iloc[:, 2:]
        >>> petals.iloc[::3, 0] = np.nan
        >>> EMImputer(shrinkage=0.0).fit(petals).summary(petals).round(3)
                           missing   mean    std  std_error  information_missing
        petal length (cm)    0.333  3.757  1.783      0.148                0.036
        petal width (cm)     0.000  1.199  0.760      0.062                0.000
        """
        check_is_fitted(self)
        pd = optional_import("pandas", "pandas", "EMImputer.summary")
        if X is None and sample_weight is not None:
            raise ValueError("sample_weight weighs the rows of X, and X is not given. Give both.")
        kept = self._columns.kept
        variance = np.diag(self.covariance_)
        columns = {"mean": self.location_, "std": np.sqrt(variance)}
        if X is not None:
            data, _, cells = load_table(self, open_table(self, X, sample_weight), self._columns)
            error = self._errors(data).location
            with np.errstate(invalid="ignore"):
                known = variance / cells.weight / error**2
            columns |= {"std_error": error, "information_missing": np.clip(1.0 - known, 0.0, 1.0)}
        names = feature_names_in(self, None)
        table = pd.DataFrame({"missing": self.missing_fraction_}, index=names)
        return table.join(pd.DataFrame(columns, index=names[kept]))

    # Multiple imputation

    def multiple_impute(
        self,
        X: Any,
        n_imputations: int = 5,
        random_state: Any = None,
        *,
        sample_weight: Any = None,
        X_fit: Any = None,
        m: int | None = None,
    ) -> list[Any]:
        r"""Impute X several times over, with the uncertainty of the parameters in it.

        Each table is drawn (as with ``sample_posterior=True``) under a fit of its own, to the rows
        under weights of the Bayesian bootstrap,

        .. math:: n \cdot \operatorname{Dirichlet}(s_1, s_2, \dots), \qquad n = \sum_i s_i,

        so that analyses of the tables can be combined by `pool_estimates`. No weight is 0: rare
        values stay, where resampling rows loses them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to impute. The estimator itself stays as it is, fitted or not.
        n_imputations : int, default=5
            Number of tables.
        random_state : int, RandomState instance or None, default=None
            Source of weights and draws. None takes the estimator's own.
        sample_weight : array-like, default=None
            Weights s as frequencies, one for each row that is fitted. A row of weight 0 is imputed
            but not fitted, as by ``ignore`` of R's mice.
        X_fit : array-like of shape (n_samples_fit, n_features), default=None
            Rows to fit, in memory, such as those of training; X then holds new rows, wherever they
            lie. None fits X.
        m : int, default=None
            Another name for ``n_imputations``, as R's packages have it.

        Returns
        -------
        tables : list of length n_imputations
            Completed tables, each as `transform` would return it.

        Raises
        ------
        ValueError
            For a bad ``n_imputations``, and for rows to fit that are not in memory.

        References
        ----------
        Rubin, D. B. (1981). The Bayesian bootstrap. Annals of Statistics 9, 130-134.
        doi:10.1214/aos/1176345338

        Honaker, J. & King, G. (2010). What to do about missing values in time-series
        cross-section data. American Journal of Political Science 54, 561-581 (fits to resamples).
        doi:10.1111/j.1540-5907.2010.00447.x

        Examples
        --------
        >>> import numpy as np
        >>> from emkit import EMImputer
        >>> X = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 200)
        >>> X[::3, 1] = np.nan
        >>> new = [[2.0, np.nan], [np.nan, -1.0]]
        >>> tables = EMImputer(random_state=0).multiple_impute(new, 20, X_fit=X)
        >>> len(tables), tables[0].shape, bool(np.std(tables, axis=0)[0, 1] > 0.3)
        (20, (2, 2), True)
        """
        n = n_imputations if m is None else m
        return multiple_impute(self, X, n, random_state, sample_weight, X_fit)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = takes_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _mode(structure: Structure, variances: Array, n_components: int) -> Array:
    """The covariances of K components where a prior of such variances has its mode."""
    layout, d, k = structure.layout, len(variances), n_components
    prior = Prior(variances, 1.0)
    counts = prior.counts(layout, np.zeros(k), float(k), d)
    scatter = np.zeros(layout.shape(k, d)) + prior.scatter_of(layout, k, float(k))
    return structure.estimate(scatter, counts, layout.identity(k, d))
