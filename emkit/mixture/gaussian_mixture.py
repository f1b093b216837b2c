"""EMGaussianMixture: the labels are missing."""

from numbers import Integral, Real
from typing import Any, Self

from sklearn.base import DensityMixin
from sklearn.mixture import GaussianMixture

from emkit.base.estimator import EM_CONSTRAINTS, NameIn, StrOptions, above, at_least, fit_context
from emkit.base.progress import CallbackSupportMixin
from emkit.base.weights import weights_given
from emkit.data.kept_coding import KeepsCoding
from emkit.engine import Algorithm
from emkit.engine.fit import ALGORITHMS
from emkit.mixture.batches import MixtureStream
from emkit.mixture.conditional import MixtureConditional
from emkit.mixture.conversion import to_sklearn
from emkit.mixture.covariance_types import documented
from emkit.mixture.criteria import MixtureCriteria
from emkit.mixture.fitting import fit_mixture
from emkit.mixture.labels import labels_of_components
from emkit.mixture.limits import LIMIT_CONSTRAINTS
from emkit.mixture.noise_arguments import wants_noise
from emkit.mixture.prediction import MixturePrediction
from emkit.mixture.prior import MixturePrior
from emkit.mixture.streaming import STREAM_CONSTRAINTS
from emkit.mixture.student_t import DISTRIBUTION_CONSTRAINTS
from emkit.mixture.uncertainty import MixtureInference
from emkit.models.mixture.starts import STARTS
from emkit.numerics.covariance import STRUCTURES

__all__ = ["EMGaussianMixture"]


@documented
class EMGaussianMixture(
    MixtureStream,
    MixturePrediction,
    MixtureConditional,
    MixtureCriteria,
    MixtureInference,
    CallbackSupportMixin,
    DensityMixin,
    KeepsCoding,
):
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
    init_params : str, default='kmeans'
        How a start is drawn, on a random sample of the rows where there are many: 'kmeans', the
        best of several partitions (k-means in columns scaled and turned in four ways, and single
        columns divided into intervals) by at most 30 steps of EM, which most are out of sooner;
        'k-means++', distant rows as means; 'random', means by random responsibilities, as far
        apart as rows are; 'random_from_data', random rows as means; 'sphered_kmeans', k-means in
        sphered columns, for long clusters side by side; 'hierarchical', model-based agglomeration
        of at most 2 000 rows, of fewer always the same; 'quantiles', parts of equal size along
        the first principal axis.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from. With ``noise`` they may sum to less than 1: the rest is its weight.
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
        sum to 1. With ``noise`` a label of -1, or a last column more, is of noise.
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
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        Columns of categories, as a mask, indices or names. 'from_dtype' are those of a frame whose
        type is categorical (pandas category, polars Categorical and Enum) or text, and booleans
        beside such; without them booleans are numbers, as to scikit-learn, and so are arrays and
        lists. None: there are none. See Notes.
    noise : bool or float, default=False
        Whether there is noise beside the components: one more class, of the constant density 1 / V.
        True takes for V the volume of a box about the rows, of the columns or of their principal
        components, whichever is smaller (``hypvol`` of mclust; of the columns where rows are too
        few for these). A number is V itself, in the units
        of X: the product of the ranges that noise is spread over. Note that 1 is a volume, not
        True. See Notes.
    noise_init : array-like of bool of shape (n_samples,), default=None
        Rows that are noise at the start. None: those that have the label -1 in ``resp_init``, and
        else those that lie sparsely, by the distance to their tenth neighbours.
    distribution : {'normal', 'student_t'}, default='normal'
        Distribution of a component. Student's t has heavier tails, so that rows far from a cluster
        hardly move its mean or widen its scale; see Notes.
    df : {'free', 'common'} or float, default='free'
        Degrees of freedom of Student's t: estimated for each component, for all together, or given,
        0.001 or more; inf is the normal. Without ``distribution='student_t'`` it is not read.
    lower_limits, upper_limits : float, array-like (n_features,), dict or None, default=None
        Limits of detection, or the ends of a scale: a cell at its lower limit or below is known to
        lie in (-inf, limit] and no more, one at its upper limit or above in [limit, inf). A dict
        has the limits of some features by name; NaN, None and infinity are none. Limits by cell
        need no argument: text as ``"<0.05"``, ``">= 10"`` and ``"0.1..0.3"`` in columns of text and
        objects, all of whose cells are numbers or limits, and columns of intervals of pandas. Of
        numbers in memory alone, without noise, with ``distribution='normal'``; see Notes.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Mixing proportions; they sum to 1, with noise to ``1 - noise_weight_``.
    noise_weight_ : float
        Mixing proportion of the noise, where there is noise.
    noise_volume_ : float
        Volume V of the noise, in the units of X, whose density is 1 / V; where there is noise.
    means_ : ndarray of shape (n_components, n_features)
        Component means.
    covariances_ : ndarray
        Component covariances, in the shape that ``covariance_type`` says: matrices, or variances
        where columns are independent within a component. With Student's t they are
        ``scales_ * df_ / (df_ - 2)``, one for each component, and inf where ``df_`` is 2 or less.
    covariance_type_ : str
        The covariance type in mclust's letters, as 'VVV' for 'full'.
    precisions_ : ndarray
        Inverses of the covariances, same shape; with Student's t of ``scales_``.
    precisions_cholesky_ : ndarray
        Upper triangular U with U U' the precision; of variances the inverse square roots.
    df_ : ndarray of shape (n_components,)
        With Student's t: degrees of freedom of each component, from 0.1 on where they are
        estimated, and inf where the component is normal.
    scales_ : ndarray
        With Student's t: scale matrices, in the shape that ``covariance_type`` says; ``means_`` are
        locations, which are means where ``df_`` is above 1.
    converged_ : bool
        Whether the best run converged.
    n_iter_ : int
        Points that the best run tried after its start, rejected extrapolations included.
    lower_bound_ : float
        Log-likelihood per sample at the returned parameters, without the prior; of cells that are
        known to an interval their log-probability, in place of a density. After
        `partial_fit`, of the last batch at the parameters before it: of rows not seen before.
    lower_bounds_ : list of float, of length n_iter_
        The same after each point tried. With ``search='annealing'`` it is shorter: of the points
        at the last temperature alone, as those before climb another objective.
    history_ : ndarray
        Objective per sample at the start and every accepted iterate of the best run; never falls.
        The log-density of the prior in it is up to a constant.
    runs_ : tuple of RunSummary
        One summary for each start, per sample.
    tables_ : dict of ndarray of shape (n_components, n_levels)
        Probabilities of the levels in each component, by column of categories; else empty.
    categories_ : list of ndarray
        Levels of each column of categories, in the order of ``tables_``: those of the rows fitted.
    is_categorical_ : ndarray of shape (n_features_in_,)
        Which features are categories.
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
        For bad arguments or data; for ``noise`` with missing cells, categories, or a
        ``noise_init`` that marks no row or leaves too few; for a value so far from all others of
        its column that doubles have no digits for both; where every start has a singular
        covariance, if there is neither ``reg_covar`` nor a prior; and, in methods of a fitted
        mixture, for another ``covariance_type`` than that of the fit, and for rows so far off that
        doubles cannot hold the square of their distance.

    Warns
    -----
    DataWarning
        Where columns are constant or follow from others, as a sum or a copy does: they are named,
        and left out of likelihood, parameters that count, and criteria. Where only an interval is
        known of a column. Where some variance of a
        component is half or more ``reg_covar``: components are named, and said to have collapsed
        (the likelihood has no maximum there), or to be small in the units of X. Where
        ``reg_covar`` exceeds 1 % of the variance of a column, or is nothing beside it. Where
        components have no rows, or are one and the same, if there is no prior. Where noise has no
        rows, or takes all. Where a prior reads weights that sum to less than their rows.

    Notes
    -----
    Over columns without a variance of their own the rows have no density, whatever the covariance
    type. The fit is that of the other columns: of those that follow from each other the first
    are kept. ``means_``, ``covariances_`` and what methods return are of all columns; for inverses
    to be finite, ``covariances_`` gives the others ``reg_covar`` beyond what they follow from.
    Relations between columns are looked for where complete rows are more than columns, and columns
    at most 300.

    With columns of categories a component is

    .. math:: N(x; m_k, C_k) \prod_j t_{kj}[c_j]

    over the numbers x and the categories c of a row: independent of each other within a component,
    as in latent class analysis. ``means_``, ``covariances_`` and ``precisions_`` are of the columns
    of numbers, in their order. Missing cells are left out of either part. A level that no row of
    the fit has counts as missing later, with a warning. Tables are maximum likelihood, and may hold
    zeros; with a ``prior`` each has one row more at the shares of its column. Starts are
    ``init_params='kmeans'`` or ``resp_init``; `to_sklearn` takes numbers alone. `impute` and
    `sample` give tables of the kind fitted. In data that are read block by block, in Dask
    DataFrames and in `partial_fit` the types of the columns must list the levels (pandas category,
    polars Enum, known categories of Dask), the same in every block, or there is an error. In a
    stream without a ``prior`` a level that the first batch has not is given half a row there, or
    half the mean of its weights where that is less.

    With ``noise`` the likelihood is that of

    .. math:: \frac{w_0}{V} + \sum_{k=1}^{K} w_k N(x; m_k, C_k), \qquad w_0 + \sum_k w_k = 1 .

    The density of noise is the same at every x, within the box or not, so that it is improper: it
    has no integral. `predict` gives -1 for noise, as scikit-learn's HDBSCAN does, `predict_proba`
    a last column; `score_samples`, `score`, ``lower_bound_`` and criteria are of components and
    noise together. `sample` draws from the components alone. Criteria count two parameters for
    noise, weight and volume, as mclust does, so that they compare with its; a volume that is given
    counts too. V is of the rows of a fit that have a positive weight, and of a stream's first
    batch. Weights count rows: a row of weight 2 stands twice where principal components are taken.
    Columns in other units give the same fit, and V in theirs, where V is a number (in theirs too),
    where the box of the columns is the smaller one, or where all columns change by one factor.
    Starts are drawn from the rows that are not noise at the start.

    With ``distribution='student_t'`` a component is

    .. math:: t_\nu(x; m, S) \propto |S|^{-1/2} \bigl(1 + (x - m)^\top S^{-1} (x - m) / \nu
              \bigr)^{-(\nu + d) / 2},

    with the same covariance structures, now of the scales S, missing cells, weights and priors (on
    locations and scales). The coordinate of the search is :math:`1/\nu`, which a Newton step may
    take to 0: often a component is normal, and is then found to be. `aic` and `bic` count degrees
    of freedom that are estimated, infinite ones too. Starts are those of normals. `partial_fit`,
    `to_sklearn` and columns of categories are refused.

    Where cells :math:`I_i` of a row are known to lie in a box :math:`B_i`, from limits, its
    likelihood is

    .. math:: \sum_k w_k\, N(x_{i, o}; m_{k, o}, C_{k, oo})\,
              P_k(x_{i, I_i} \in B_i \mid x_{i, o})

    with o the observed cells. Responsibilities, `score`, criteria and standard errors are of it,
    and `impute` fills such cells with their conditional means, which lie within. Moments and
    probabilities are exact where at most two cells of a row are known to an interval, or columns
    are independent within a component; else moments are by expectation propagation, which moves
    estimates by a few hundredths of their standard errors, and probabilities are to 1e-4 (those in
    ``history_`` and ``runs_`` are not). Concentrations are better taken by their logarithms, of
    numbers and limits alike. A column that no number is known of and all of whose intervals have a
    point in common counts as constant. `conditional`, `partial_fit`, rows in blocks in `fit`, and
    columns of categories beside limits are refused.

    Methods go by the fit in double precision, and by the attributes where these were set by hand.
    An attribute whose numbers single precision cannot hold is in doubles; what doubles cannot
    hold, such as variances of data at 1e200, is the largest number.

    References
    ----------
    McLachlan, G. J. & Peel, D. (2000). Finite Mixture Models. Wiley. doi:10.1002/0471721182

    Peel, D. & McLachlan, G. J. (2000). Robust mixture modelling using the t distribution.
    Statistics and Computing 10, 339-348. doi:10.1023/A:1008981510081

    Lazarsfeld, P. F. & Henry, N. W. (1968). Latent Structure Analysis. Houghton Mifflin.

    Hunt, L. & Jorgensen, M. (2003). Mixture model clustering for mixed data with missing
    information. Computational Statistics & Data Analysis 41, 429-440.
    doi:10.1016/S0167-9473(02)00190-1

    Banfield, J. D. & Raftery, A. E. (1993). Model-based Gaussian and non-Gaussian clustering.
    Biometrics 49, 803-821. doi:10.2307/2532201

    Byers, S. & Raftery, A. E. (1998). Nearest-neighbor clutter removal for estimating features in
    spatial point processes. Journal of the American Statistical Association 93, 577-584.
    doi:10.1080/01621459.1998.10473711

    Fraley, C. & Raftery, A. E. (2007). Bayesian regularization for normal mixture estimation and
    model-based clustering. Journal of Classification 24, 155-181. doi:10.1007/s00357-007-0004-5

    Examples
    --------
    >>> import numpy as np
    >>> from emkit import EMGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(1, 1, (100, 2)), rng.normal([10, 8], 1, (100, 2))])
    >>> mixture = EMGaussianMixture(n_components=2, random_state=0).fit(X)
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round()
    array([[ 1.,  1.],
           [10.,  8.]])
    >>> labels = mixture.predict([[0, 0], [12, 7]])
    >>> bool(labels[0] != labels[1])
    True

    With tails heavier than the normal's, rows that lie far off leave the clusters where they are.

    >>> far = rng.uniform(-40, 40, (20, 2))
    >>> robust = EMGaussianMixture(2, distribution="student_t", random_state=0)
    >>> means = robust.fit(np.concatenate([X, far])).means_
    >>> means[means[:, 0].argsort()].round()
    array([[ 1.,  1.],
           [10.,  8.]])

    Clusters of a table with categories.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": X[:, 0], "fuel": ["gas"] * 90 + ["oil"] * 110})
    >>> mixture = EMGaussianMixture(n_components=2, random_state=0).fit(table)
    >>> small = mixture.means_[:, 0].argmin()
    >>> mixture.categories_[0].tolist(), mixture.tables_["fuel"][small].round(2)
    (['gas', 'oil'], array([0.9, 0.1]))

    Clusters where nothing below 1 is detected, with that limit and with 1 in such cells.

    >>> detected = np.maximum(X, 1.0)
    >>> limited = EMGaussianMixture(2, lower_limits=1.0, random_state=0).fit(detected)
    >>> limited.means_[limited.means_[:, 0].argsort()].round(1)
    array([[0.9, 1.1],
           [9.9, 7.9]])
    >>> substituted = EMGaussianMixture(2, random_state=0).fit(detected)
    >>> bool((substituted.means_.min(axis=0) > 1.3).all())
    True

    Clusters among rows that lie anywhere.

    >>> anywhere = rng.uniform(-10.0, 20.0, (50, 2))
    >>> mixture = EMGaussianMixture(n_components=2, noise=True, random_state=0)
    >>> labels = mixture.fit_predict(np.concatenate([X, anywhere]))
    >>> mixture.means_[mixture.means_[:, 0].argsort()].round()
    array([[ 1.,  1.],
           [10.,  8.]])
    >>> round(mixture.noise_weight_, 1), int((labels == -1).sum())
    (0.2, 45)
    """

    _parameter_constraints: dict = {
        **EM_CONSTRAINTS,
        **STREAM_CONSTRAINTS,
        **DISTRIBUTION_CONSTRAINTS,
        **LIMIT_CONSTRAINTS,
        "n_components": [at_least(Integral, 1)],
        "covariance_type": [NameIn(STRUCTURES)],
        "reg_covar": [at_least(Real, 0.0)],
        "init_params": [StrOptions(set(STARTS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", Real, None],
        "resp_init": ["array-like", None],
        # Nothing is to be drawn where the E-step has a formula.
        "algorithm": [StrOptions(set(ALGORITHMS) - {"mcem", "saem"}), Algorithm],
        "prior": [StrOptions({"mclust"}), MixturePrior, None],
        "verbose_interval": [at_least(Integral, 1)],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "noise": ["boolean", above(Real, 0.0)],
        "noise_init": ["array-like", None],
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
        categorical_features: Any = "from_dtype",
        noise: bool | float = False,
        noise_init: Any = None,
        distribution: str = "normal",
        df: float | str = "free",
        lower_limits: Any = None,
        upper_limits: Any = None,
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
        self.categorical_features = categorical_features
        self.noise = noise
        self.noise_init = noise_init
        self.distribution = distribution
        self.df = df
        self.lower_limits = lower_limits
        self.upper_limits = upper_limits

    @fit_context
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, labels: Any = None) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like or Dask collection of shape (n_samples, n_features)
            Data; a cell is missing where it is NaN, None, pandas.NA, NaT or masked (`numpy.ma`).
            Dates and durations are refused by the name of their column, as is text where it is
            no category (see ``categorical_features``).
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out, as is
            a row whose weight is masked.
        labels : array-like of shape (n_samples,), default=None
            Components of the rows of which they are known, 0 to ``n_components - 1``, and -1 (or
            NaN, None) for the others: clustering with a few anchors. Components that no row is
            known to be of are found as usual. Starts keep to the labels, and ``init_params`` is
            'kmeans'; rows are in memory.

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
        when they are read; of frames with categories it gives frames, one by one.

        With one start and ``n_jobs`` of two or more, workers share the rows of a long fit, whose
        arrays joblib keeps in a common file; of a memory map each reads its own part. Restarts run
        on any joblib backend, as with ``joblib.parallel_config(backend="dask")``.

        The chunks of a Dask array or DataFrame stay on the workers of the current
        `distributed.Client`. An iteration sends them the parameters and gets statistics back,
        however many rows there are; `predict`, `predict_proba`, `score_samples` and `impute` give
        Dask arrays. Starts are drawn from a sample of the rows and climb one after the other.
        Weights best come as a Dask array too. What cannot be had is refused with the reason:
        forms and searches that draw labels, ``resp_init`` and ``noise_init``. A cluster that is
        lost is a `emkit.exceptions.ClusterError`.
        """
        known = labels_of_components(labels, X, self.n_components)
        fit_mixture(self, X, y, sample_weight, known)
        return self

    def fit_predict(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, labels: Any = None
    ) -> Any:
        """Fit the mixture and label the rows of X; the same as ``fit(X).predict(X)``.

        What is predicted goes by the fit alone, in rows with a label too.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.
        labels : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Most probable component of each row; -1 is noise.
        """
        known = {} if labels is None else {"labels": labels}
        return self.fit(X, **weights_given(sample_weight), **known).predict(X)

    def to_sklearn(self) -> GaussianMixture:
        """The fitted mixture as scikit-learn's ``GaussianMixture``, for converters and old code.

        It predicts and scores as this one does, complete rows only. Structures that scikit-learn
        does not have become the narrowest that holds them: ``"EEI"`` its ``"diag"``, ``"EEV"`` its
        ``"full"``. So do those without correlations where columns follow from others or are
        constant, which scikit-learn does not leave out: labels are the same, densities are not.

        Returns
        -------
        mixture : sklearn.mixture.GaussianMixture
            Fitted, with copies of the parameters in double precision. ``init_params`` is
            scikit-learn's default, and no start is given: a refit is a fit of scikit-learn's.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            For a mixture with categories or noise, which scikit-learn's has not.

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
        tags.input_tags.allow_nan = not wants_noise(self)
        return tags
