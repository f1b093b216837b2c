"""EMImputer: cells are missing."""

from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from emkit.base.estimator import (
    EM_CONSTRAINTS,
    MissingValues,
    NameIn,
    StrOptions,
    at_least,
    between,
    fit_context,
)
from emkit.base.progress import CallbackSupportMixin, Progress
from emkit.data.checks import takes_nan
from emkit.data.kept_coding import KeepsCoding
from emkit.exceptions import DataWarning, warn
from emkit.imputation.batches import ImputerStream
from emkit.imputation.distribution import FittedDistribution
from emkit.imputation.fitting import METHODS, fit_table
from emkit.imputation.multiple import multiple_impute
from emkit.imputation.output import ImputerOutput
from emkit.imputation.table import load_for_fit, open_table
from emkit.mixture.streaming import STREAM_CONSTRAINTS
from emkit.mixture.student_t import DISTRIBUTION_CONSTRAINTS
from emkit.numerics.covariance import STRUCTURES

__all__ = ["EMImputer"]


class EMImputer(
    ImputerStream, ImputerOutput, FittedDistribution, CallbackSupportMixin, KeepsCoding
):
    r"""Imputation by maximum likelihood, of numbers and of categories.

    Numbers alone are multivariate normal, or a mixture of normals. It maximises the likelihood of
    the observed cells :math:`x_{i,o}` (missing at random), with sample weights :math:`s_i` of sum
    :math:`n`, under a prior for ``shrinkage`` :math:`= s > 0`,

    .. math:: \sum_i s_i \log \sum_{k=1}^{K} w_k N(x_{i,o}; m_{k,o}, C_{k,oo})
              - \frac{\lambda}{2} \sum_k \bigl(\log|C_k| + \operatorname{tr}(C_k^{-1} D)\bigr),
              \qquad \lambda = \frac{s}{1-s}\,\frac{n}{K},

    and fills each missing cell with its conditional mean given the observed cells of its row, or
    with a draw from its conditional distribution.

    Where there are columns of categories :math:`c` too, classes have tables of their levels, which
    within a class are independent and move the means of the numbers (local dependence),

    .. math:: p(c, x) = \sum_k w_k \prod_j t_{kj}[c_j] \; N\bigl(x; m_k + B^\top u(c), C_k\bigr),

    :math:`u` being the indicators of the levels: with one class the general location model with
    main effects, in which categories tell of each other through the numbers alone; without numbers
    latent class analysis, which tells something from two classes on. A row's missing categories are
    summed over (up to 64 combinations; what is left then enters by its shares). A missing category
    is filled with its most probable level, and a frame comes back as it came.

    With ``method="latent_normal"`` one normal vector :math:`z \sim N(\mu, S)` stands behind all
    columns, and there are no classes to choose: a number tells its latent cell by the rank of its
    value, an ordered or binary level tells an interval, as does a number that one row in twenty
    has (the zeros of a cost, small counts), and a level without order which of its utilities is the
    largest. It is fitted by stochastic approximation EM.

    Parameters
    ----------
    n_components : int, default=1
        Components of the mixture; 1 is the multivariate normal. Where categories go together more
        take in how: by `score` in a `GridSearchCV`, or ``method='auto'``.
    method : {'classes', 'latent_normal', 'auto'}, default='classes'
        The distribution. 'classes' is the one above; 'latent_normal' (a Gaussian copula) takes
        ``n_components=1``, data in memory and no `partial_fit`, has no likelihood (`score`,
        `score_samples` and `standard_errors` raise; ``log_likelihood_`` is NaN), and has a run of
        one schedule: of ``tol``, ``n_init``, ``search``, ``acceleration`` and ``n_jobs`` it makes
        no use, ``max_iter`` below 150 cuts it short. What it fills in lies in the range seen, and
        monotone transforms of a column do not matter. 'auto' tries 1, 3 and 6 classes (until more
        are worse) and the latent normal with 15 % of the observed cells held out, and fits what
        fills these best: by the log-probability of categories and minus the logarithm of the
        relative error of numbers, averaged over the columns. It takes ``n_components=1`` and data
        in memory; the choice (``chosen_``) depends on the table alone, and stays in
        `multiple_impute` and with ``warm_start``.
    missing_values : int, float, str, np.nan, None or pandas.NA, default=np.nan
        What marks a missing cell, besides a mask (`numpy.ma`). NaN stands for None, pandas.NA and
        NaT too. An Arrow-backed column of pandas can hold both NA, which its ``isna`` counts, and
        NaN, which it does not: both are filled, and both are in the indicator. A number, and
        text that reads as one, matches in the precision that it or the cells were cast to.
    covariance_type : str, default='full'
        What the components have in common in their covariances: any of `EMGaussianMixture`.
    shrinkage : float in [0, 1] or 'auto', default='auto'
        How far covariances are drawn to their diagonal: the M-step is
        ``C = (1 - s) S + s D`` (for a component of average weight), with D the diagonal of the
        variances of the observed cells, divided by ``n_components ** (2 / n_features)``. It is
        maximum a posteriori under an inverse-Wishart prior, which is part of the objective. 0 is
        the exact maximum likelihood, 1 leaves the covariances at D. 'auto' is a prior worth about
        half a row for every column and component; it fades to 0 where, on average, 20 rows for each
        of these hold a pair of columns. Collinear columns keep 1e-6. Relations that hold exactly (a
        column that is another in other units, or the sum of others) hold in D too, so that a cell
        that follows from others is filled with what follows. For the latent normal D is the
        identity, and 'auto' half a row for each of its d cells, ``s = (d / 2) / (n + d)``.
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
        Whether `transform` appends a `MissingIndicator` of the features that had missing cells.
    keep_empty_features : bool, default=False
        Whether features without a value in `fit` are kept, filled with 0, or dropped.
    min_value, max_value : float, array-like (n_features,) or dict, default=-np.inf and np.inf
        Range of imputed cells: conditional means are clipped to it, draws truncated. A dict, or a
        Series of pandas, has the limits of some features by name (by number, where X has none).
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        Which columns are categories: by their type (``category``, ``boolean``, ``bool`` and text of
        pandas; ``Categorical``, ``Enum``, ``Boolean`` and ``String`` of polars; objects that are
        all text or all truth values), or by a mask, numbers or names of columns. Text that is
        numbers in every cell is numbers, as scikit-learn reads it, but for codes such as '01067'.
        None: all are numbers. In blocks, in Dask DataFrames and in `partial_fit` the type of a
        column of categories must list its levels (``category``, ``Enum``, known categories of
        Dask), or ``ordinal_features``, the same in every block, or there is an error; truth values
        are 0 and 1 in blocks, unless such columns are beside them.
    ordinal_features : dict, array-like or None, default=None
        Columns whose levels have an order: a dict has the levels of each, lowest first, by name; a
        list names columns whose type has the order, or that are numbers. Ordered categories and
        Enums are found by themselves. The order is never that of the names.
    discrete_features : 'from_dtype', array-like or None, default='from_dtype'
        Which numbers are whole, and are filled with whole numbers from the range seen in fit:
        columns of integers (among objects: of Python's) of a table with categories, or those that
        are named, as pandas' floats that hold counts and NaN. None: none; a column of integers
        then comes back as one of floats, where it is filled.
    handle_unknown : {'missing', 'error'}, default='missing'
        What a level is that was not seen in fit: it counts as missing where other cells are
        imputed, and stays as it is, with one warning a call; or an error. Levels are known by what
        they are, whatever their order in the type of a table.
    min_frequency : int, float in [0, 1] or None, default=None
        Levels that fewer rows have (a part of the rows, for a float) are one in the fit, but for
        ordered ones, and where all are rare. Rows count by their weight. What is imputed is always
        one of the levels themselves: the most frequent of the rare ones, in draws by their shares.
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
    distribution : {'normal', 'student_t'}, default='normal'
        Distribution of a component, as in `EMGaussianMixture`. With Student's t rows far off hardly
        bend the fit, and cells of such rows are drawn with as much more spread as the observed ones
        are off: given d of them at squared distance delta, they are of a t with df + d degrees of
        freedom whose scale is (df + delta) / (df + d) times that of the normal. Of numbers alone,
        with ``method='classes'`` and ``shrinkage`` below 1; no `partial_fit`.
    df : {'free', 'common'} or float, default='free'
        Degrees of freedom of Student's t, as in `EMGaussianMixture`.
    lower_limits, upper_limits : float, array-like (n_features,), dict or None, default=None
        Limits of detection, or the ends of a scale: a cell at its lower limit or below is known to
        lie in (-inf, limit] and no more, one at its upper limit or above in [limit, inf). A dict
        has the limits of some features by name; NaN, None and infinity are none. Limits by cell
        need no argument: text as ``"<0.05"``, ``">= 10"`` and ``"0.1..0.3"`` in columns of text and
        objects, all of whose cells are numbers or limits, and columns of intervals of pandas
        (beside categories these are categories too); such cells stay as they are. Of numbers in
        memory alone, with ``method='classes'`` and ``distribution='normal'``; no `partial_fit`.
    log : bool, str or array-like, default=None
        Columns whose logarithms are modelled, as of concentrations: all, or those of a mask, of
        numbers or of names. Their cells must be positive. What is filled in, `score` and
        ``log_likelihood_`` are of the numbers themselves: draws are exponentials of draws, and
        where no draw is asked for the cell is the exponential of the conditional mean of its
        logarithm, which is less than the conditional mean (of a cell without limits, and one
        normal, it is the conditional median). Means and covariances are of the logarithms.
    impute_limits : bool, default=True
        Whether `transform` fills cells that are known to an interval, with their conditional mean
        given that and all else that is known of the row, or a draw, which lie within it; if not
        they stay as they were given, and tell of the others.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing proportions.
    means_ : ndarray of shape (n_components, n_features_out)
        Component means; features are those that `transform` keeps.
    covariances_ : ndarray
        Component covariances in the shape that ``covariance_type`` gives; 0 for features that
        are constant or empty (of which a common variance, as of 'spherical', does not tell). With
        categories this and all moments are of the numbers that vary alone; covariances are within a
        class and a combination of categories.
    covariance_type_ : str
        The covariance type in mclust's letters, as 'VVV' for 'full'.
    df_, scales_ : ndarray
        With Student's t: degrees of freedom (n_components,) and scales, as in `EMGaussianMixture`.
    location_ : ndarray of shape (n_features_out,)
        Mean of the fitted distribution.
    covariance_ : ndarray of shape (n_features_out, n_features_out)
        Covariance of the fitted distribution.
    missing_fraction_ : ndarray of shape (n_features_in_,)
        Share of the cells of each feature that were missing in fit, rows by their weight.
    limited_fraction_ : ndarray of shape (n_features_in_,)
        Share of the cells of each feature that were known to an interval alone.
    shrinkage_ : float
        The shrinkage that was used.
    log_likelihood_ : float
        Log-likelihood of the observed cells, in nats, without the prior; NaN where there is no
        formula (``method='latent_normal'``). After `partial_fit`, of
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
        Batches seen by `partial_fit` since `fit`. ``n_iter_``, ``converged_``, ``history_``,
        ``runs_`` and ``indicator_`` are of the fit, or of the first batch.
    tables_ : dict of ndarray of shape (n_components, n_levels)
        With categories: probabilities of the levels in each class, by the name of the column.
    effects_ : dict of ndarray of shape (n_levels, n_numbers)
        With categories: what each level adds to the means of the numbers, by column; they sum to 0.
        Columns of more than 30 levels have none. With ``shrinkage=0`` a level that no row has,
        though the type lists it, has probability 0 and no effect (NaN), and tells nothing.
    chosen_ : dict
        With ``method='auto'``: the parameters that were chosen, as `set_params` takes them (empty
        where no column varies).
    correlation_ : ndarray of shape (n_latent, n_latent)
        With ``method='latent_normal'``: correlations of the latent cells. Between ordered or binary
        columns they are polychoric or tetrachoric, to about 0.01 of the maximum-likelihood ones in
        tables of some hundred rows; between numbers normal-score correlations.
    latent_names_ : list of str
        What they are of: names of columns, and ``"column=level"`` for utilities of levels without
        order (the last level, whose is 0, and columns of more than 30 have none).
    categories_ : list of ndarray
        Levels of each column of categories, in the order of ``tables_`` and `impute_proba`.
    is_categorical_ : ndarray of shape (n_features_in_,)
        Which features are categories.
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
        For features without a value, and such of which an interval alone is known; for pairs of
        features never observed together (their partial association is not identified), where
        ``shrinkage=0``, or one next to it, has no finite maximum, and where weights sum to so few
        rows that ``shrinkage='auto'`` is another.

    See Also
    --------
    EMGaussianMixture : The same model for its clusters; takes missing cells as they are.
    pool_estimates : Combine analyses of multiply imputed tables.

    Notes
    -----
    Features that are constant where observed say nothing of the others: they are filled with
    their value and stay out of the likelihood. So does a feature without a number all of whose
    intervals have a point in common, as where all cells are below their limits: its likelihood has
    no maximum. It is filled with that point, the lowest of the limits.

    References
    ----------
    Little, R. J. A. & Rubin, D. B. (2019). Statistical Analysis with Missing Data, 3rd ed. Wiley,
    ch. 11. doi:10.1002/9781119482260

    Little, R. J. A. & Schluchter, M. D. (1985). Maximum likelihood estimation for mixed continuous
    and categorical data with missing values. Biometrika 72, 497-512. doi:10.1093/biomet/72.3.497

    Fan, J., Liu, H., Ning, Y. & Zou, H. (2017). High dimensional semiparametric latent graphical
    model for mixed data. Journal of the Royal Statistical Society B 79, 405-421 (the latent
    normal). doi:10.1111/rssb.12168

    Delyon, B., Lavielle, M. & Moulines, E. (1999). Convergence of a stochastic approximation
    version of the EM algorithm. Annals of Statistics 27, 94-128. doi:10.1214/aos/1018031103

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

    A frame with categories and whole numbers, given back as it came.

    >>> import pandas as pd
    >>> flats = pd.DataFrame(
    ...     {
    ...         "rooms": pd.array([1, 3, 2, None, 1, 3] * 5, dtype="Int64"),
    ...         "area": [30.0, 82.0, None, 55.0, 28.0, 90.0] * 5,
    ...         "heating": ["stove", "gas", "gas", "gas", None, "gas"] * 5,
    ...     }
    ... )
    >>> imputer = EMImputer()
    >>> imputer.fit_transform(flats).head(5).round(0)
       rooms  area heating
    0      1  30.0   stove
    1      3  82.0     gas
    2      2  57.0     gas
    3      2  55.0     gas
    4      1  28.0   stove
    >>> imputer.impute_proba(flats)["heating"][4].round(2), imputer.categories_[0].tolist()
    (array([0., 1.]), ['gas', 'stove'])

    Concentrations as a laboratory reports them, some below its limit of detection: they are filled
    below it, by what zinc tells of them.

    >>> wells = pd.DataFrame(
    ...     {
    ...         "lead": ["0.31", "<0.1", "0.45", "0.12", "<0.1", "0.95", "0.20", "<0.1"],
    ...         "zinc": [2.4, 0.8, 3.9, 1.2, 0.5, 6.1, 1.9, 0.9],
    ...     }
    ... )
    >>> EMImputer(log=True, shrinkage=0.0).fit_transform(wells)[:5].round(2)
    array([[0.31, 2.4 ],
           [0.07, 0.8 ],
           [0.45, 3.9 ],
           [0.12, 1.2 ],
           [0.04, 0.5 ]])

    The tetrachoric correlation of a table of two by two (by maximum likelihood 0.335).

    >>> pairs = [[False, False], [False, True], [True, False], [True, True]]
    >>> pairs = np.repeat(pairs, [203, 186, 167, 374], 0)
    >>> table = pd.DataFrame(pairs, columns=["first", "second"])
    >>> latent = EMImputer(method="latent_normal", random_state=0).fit(table)
    >>> latent.latent_names_, bool(abs(latent.correlation_[0, 1] - 0.335) < 0.01)
    (['first', 'second'], True)
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        **STREAM_CONSTRAINTS,
        **DISTRIBUTION_CONSTRAINTS,
        "n_components": [at_least(Integral, 1)],
        "method": [StrOptions(set(METHODS))],
        "missing_values": [MissingValues()],
        "covariance_type": [NameIn(STRUCTURES)],
        "shrinkage": [between(Real, 0.0, 1.0), StrOptions({"auto"})],
        "sample_posterior": ["boolean"],
        "add_indicator": ["boolean"],
        "keep_empty_features": ["boolean"],
        "min_value": [None, Real, dict, "array-like"],
        "max_value": [None, Real, dict, "array-like"],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "ordinal_features": [dict, "array-like", None],
        "discrete_features": [StrOptions({"from_dtype"}), "array-like", None],
        "handle_unknown": [StrOptions({"missing", "error"})],
        "min_frequency": [at_least(Integral, 1), between(Real, 0.0, 1.0), None],
        "lower_limits": [None, Real, dict, "array-like"],
        "upper_limits": [None, Real, dict, "array-like"],
        "log": ["boolean", "array-like", str, None],
        "impute_limits": ["boolean"],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        method: str = "classes",
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
        categorical_features: Any = "from_dtype",
        ordinal_features: Any = None,
        discrete_features: Any = "from_dtype",
        handle_unknown: str = "missing",
        min_frequency: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: Any = 0,
        learning_decay: float = 0.7,
        learning_offset: float = 0.0,
        average: bool | int = False,
        distribution: str = "normal",
        df: float | str = "free",
        lower_limits: Any = None,
        upper_limits: Any = None,
        log: Any = None,
        impute_limits: bool = True,
    ):
        self.n_components = n_components
        self.method = method
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
        self.categorical_features = categorical_features
        self.ordinal_features = ordinal_features
        self.discrete_features = discrete_features
        self.handle_unknown = handle_unknown
        self.min_frequency = min_frequency
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.learning_decay = learning_decay
        self.learning_offset = learning_offset
        self.average = average
        self.distribution = distribution
        self.df = df
        self.lower_limits = lower_limits
        self.upper_limits = upper_limits
        self.log = log
        self.impute_limits = impute_limits

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the distribution that fills what is missing.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
            Data with missing cells, which those of a mask (`numpy.ma`) are too, and cells that are
            known to an interval (see ``lower_limits``). Dates, durations, other text among numbers,
            and lists in cells are refused by the name of their column.
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
        gives rows that are computed when they are sliced or iterated; of frames with categories
        it gives frames, one by one, or a Dask DataFrame.

        The chunks of a Dask array or DataFrame stay on the workers of the current
        `distributed.Client`, as in `EMGaussianMixture.fit`; `transform` and `score_samples` give
        Dask arrays. A search that draws labels is refused, and a cluster that is lost is a
        `emkit.exceptions.ClusterError`.
        """
        opened = open_table(self, X, sample_weight, reset=True)
        progress = Progress(self, X, y, sample_weight, in_memory=opened.in_memory)
        table = load_for_fit(self, opened)
        del opened  # what is not fitted need not be held
        fit_table(self, table, partial(warn, category=DataWarning), progress)
        progress.done()
        return self

    def multiple_impute(
        self,
        X: Any,
        n_imputations: int | None = None,
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
        values stay, where resampling rows loses them. Of numbers beside categories, in classes,
        the covariances of such a fit are multiplied by the square of the ratio of residual
        variances (their geometric mean) in the fit to the rows as they are to those in it: so much
        smaller than the truth they are, for the effects that were fitted to the same rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to impute. The estimator itself stays as it is, fitted or not.
        n_imputations : int or None, default=None
            Number of tables; 5 by default.
        random_state : int, RandomState instance or None, default=None
            Source of weights and draws. None takes the estimator's own.
        sample_weight : array-like, default=None
            Weights s as frequencies, one for each row that is fitted. A row of weight 0 is imputed
            but not fitted, as by ``ignore`` of R's mice.
        X_fit : array-like of shape (n_samples_fit, n_features), default=None
            Rows to fit, in memory, such as those of training; X then holds new rows, wherever they
            lie. None fits X.
        m : int, default=None
            Another name for ``n_imputations``, as R's packages have it: give one of them.

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
        if m is not None and n_imputations is not None:
            raise ValueError(
                f"m is another name for n_imputations: give one of them. Got m={m!r} and "
                f"n_imputations={n_imputations!r}."
            )
        n = next((given for given in (n_imputations, m) if given is not None), 5)
        return multiple_impute(self, X, n, random_state, sample_weight, X_fit)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = takes_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
