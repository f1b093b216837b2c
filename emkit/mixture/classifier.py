"""EMMixtureClassifier: some of the labels are missing."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.delegates import in_name_of
from emkit.base.estimator import EM_CONSTRAINTS, NameIn, StrOptions, at_least, fit_context
from emkit.base.names import listed
from emkit.base.persistence import BaseEstimator
from emkit.data.checks import check_weights
from emkit.data.opened import Opened
from emkit.engine import Algorithm, soft
from emkit.engine.fit import ALGORITHMS
from emkit.mixture.classes import per_class, with_new
from emkit.mixture.coding import coding_of
from emkit.mixture.covariance_types import documented
from emkit.mixture.fitting import fit_mixture
from emkit.mixture.gaussian_mixture import EMGaussianMixture
from emkit.mixture.labels import classes_of
from emkit.mixture.limits import LIMIT_CONSTRAINTS
from emkit.mixture.prediction import reduce_log_joint
from emkit.mixture.prior import MixturePrior
from emkit.mixture.table import open_table
from emkit.models.labels import UNKNOWN, Labels
from emkit.models.mixed.binding import NEVER
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES

__all__ = ["EMMixtureClassifier"]

#: Arguments that the mixture gets as they are.
PASSED_ON = (
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
    "algorithm",
    "prior",
    "categorical_features",
    "lower_limits",
    "upper_limits",
)
#: Log-density of a row below which that of a sum of components is rounding.
FAR = -1e8


@documented
class EMMixtureClassifier(ClassifierMixin, BaseEstimator):
    r"""Classifier by a Gaussian mixture, of rows of which the class may be unknown.

    It maximises, over rows of known class :math:`c_i` and rows of unknown one,

    .. math:: \sum_{i \text{ known}} s_i \log \sum_{k \in c_i} w_k N(x_i; m_k, C_k)
              + \sum_{i \text{ unknown}} s_i \log \sum_{k=1}^{K} w_k N(x_i; m_k, C_k)

    with the sum over :math:`k \in c` being that over the components of class c, one unless
    ``components_per_class`` says more, and classifies by Bayes' rule. With every class known and
    one component each it is discriminant analysis in closed form (EDDA of R's mclust): linear for
    ``covariance_type='tied'``, quadratic for ``'full'``. With several components a class it is
    mclust's MclustDA, of one fit to all classes.

    Parameters
    ----------
    n_components : int, default=None
        Components of the mixture; None are those of the classes in y alone. Every one beyond is a
        class that nobody has seen (see ``classes_``), which rows of unknown class may be of.
    covariance_type : str, default='full'
        What the components have in common in their covariances, in words or in the letters of R's
        mclust:

        <covariance types>
    components_per_class : int or dict, default=1
        Components of each class in y; a dict has them by class, 1 for those it does not name.
    tol : float, default=1e-3
        Gain of one EM step, in nats per sample (mean objective), below which a run has converged.
    reg_covar : float, default=1e-6
        Scale of an inverse-Wishart prior on the covariances, in squared units of the data (see
        `EMGaussianMixture`).
    max_iter : int, default=100
        Most points to try after a start, one E-step each; 0 returns the start.
    n_init : int, default=1
        Starts to try, where there are more components than classes in y; else there is one, of
        which nothing is random: labelled rows are of their class, and the others of all evenly, or
        by how far they are from the means of the classes, or by k-means that keeps to the labels,
        whichever is best after ten steps of EM in which labelled rows weigh more at first. Best is
        the largest log-likelihood, to which the log-probability of the labels given their rows is
        added, counted as if all rows had one, if every class has labelled rows.
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
    algorithm : {'em', 'cem', 'sem'} or Algorithm, default='em'
        As in `EMGaussianMixture`. 'cem' gives every row of unknown class to one component.
    prior : {'mclust'}, MixturePrior or None, default=None
        As in `EMGaussianMixture`; 'mclust' keeps classes of a few rows from collapsing, and any
        prior keeps tables from zeros.
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        Columns of categories, as in `EMGaussianMixture`: by their types in a frame, or a mask,
        indices or names. None: there are none. See Notes.
    lower_limits, upper_limits : float, array-like (n_features,), dict or None, default=None
        Limits of detection or ends of a scale, as in `EMGaussianMixture`, as are limits in cells.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes in y, sorted, and after them those that nobody has seen. Their names are the next
        integers where classes are numbers (3 and 4 after 0, 1, 2), else 'new_1', 'new_2' and so on.
    mixture_ : EMGaussianMixture
        The mixture that was fitted, with ``weights_``, ``means_``, ``covariances_``, with
        categories ``tables_`` and ``categories_``, and with methods such as `score_samples`,
        `impute` and `sample`.
    component_classes_ : ndarray of shape (n_components,)
        Number in ``classes_`` of the class of each component of ``mixture_``.
    converged_ : bool
        Whether the best run converged.
    n_iter_ : int
        Points that the best run tried after its start.
    lower_bound_ : float
        Log-likelihood per sample at the fit, without the prior.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has names that are strings.

    Raises
    ------
    ValueError
        For bad arguments or data; where y has no class at all or is one of a regression; for a
        class whose rows all have weight 0 or no value, or that are fewer than its components; and
        for classes that nobody has seen where every class is known.

    Warns
    -----
    DataWarning
        As `EMGaussianMixture`.

    See Also
    --------
    EMGaussianMixture : Clusters; its ``fit`` takes ``labels`` of a few rows.
    sklearn.semi_supervised.LabelSpreading : Labels spread along a graph of neighbours.

    Notes
    -----
    Unknown are -1 (as in `sklearn.semi_supervised`), NaN, None, NA and masked entries of y; beside
    texts give them in a list or an array of dtype object. `score` is the accuracy over rows whose
    class is known, so that `GridSearchCV` and `cross_val_score` take y with -1 in it.

    Rows of unknown class help where classes are about normal, and may mislead where they are not:
    compare with a fit to the rows of known class alone. With few rows a class take a structure of
    few parameters, such as 'tied', or choose it by cross-validation.

    Missing cells of X (NaN) are left out of the likelihood, in `fit` and in `predict`.

    With columns of categories the density of a component is

    .. math:: N(x; m_k, C_k) \prod_j t_{kj}[c_j]

    over the numbers x and the categories c of a row, as in `EMGaussianMixture`. Categories alone
    are a naive Bayes classifier, beside numbers a location model without interactions. Where a
    class is one component, its table has the shares of its rows with a label, so that a level that
    none of them has rules the class out: probability 0, logarithm -inf. Of a row that no class
    allows those share the probability that the fewest of its levels rule out. A ``prior`` adds one
    row at the shares of the column to each table;
    ``MixturePrior(mean_precision=0, degrees_of_freedom=0)`` does nothing else. A level that no row
    of the fit has counts as missing later, with a warning.

    References
    ----------
    Bensmail, H. & Celeux, G. (1996). Regularized Gaussian discriminant analysis through eigenvalue
    decomposition. Journal of the American Statistical Association 91, 1743-1748.
    doi:10.1080/01621459.1996.10476746

    Hastie, T. & Tibshirani, R. (1996). Discriminant analysis by Gaussian mixtures. Journal of the
    Royal Statistical Society B 58, 155-176. doi:10.1111/j.2517-6161.1996.tb02073.x

    Krzanowski, W. J. (1993). The location model for mixtures of categorical and continuous
    variables. Journal of Classification 10, 25-49. doi:10.1007/BF02638452

    Nigam, K., McCallum, A., Thrun, S. & Mitchell, T. (2000). Text classification from labeled and
    unlabeled documents using EM. Machine Learning 39, 103-134. doi:10.1023/A:1007692713085

    Examples
    --------
    Nine of ten irises without a label.

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from emkit import EMMixtureClassifier
    >>> X, species = load_iris(return_X_y=True)
    >>> y = np.where(np.arange(150) % 10, -1, species)
    >>> classifier = EMMixtureClassifier(covariance_type="tied").fit(X, y)
    >>> round(classifier.score(X, species), 2)
    0.97

    A species that nobody has seen is the third class.

    >>> y[species == 2] = -1
    >>> classifier = EMMixtureClassifier(3, random_state=0).fit(X, y)
    >>> classifier.classes_, round(classifier.score(X, species), 2)
    (array([0, 1, 2]), 0.97)

    Penguins of islands and sexes, one of twenty with its species.

    >>> from emkit.datasets import load_penguins
    >>> birds = load_penguins(as_frame=True)
    >>> y = birds.target.astype(object).where(np.arange(344) % 20 == 0, None)
    >>> classifier = EMMixtureClassifier(covariance_type="tied").fit(birds.data, y)
    >>> round(classifier.score(birds.data, birds.target), 2)
    0.99
    >>> numbers = birds.data.select_dtypes("number")
    >>> round(classifier.fit(numbers, y).score(numbers, birds.target), 2)
    0.98
    """

    _parameter_constraints: dict = {
        **{name: rule for name, rule in EM_CONSTRAINTS.items() if name != "warm_start"},
        "n_components": [at_least(Integral, 1), None],
        "covariance_type": [NameIn(STRUCTURES)],
        "components_per_class": [at_least(Integral, 1), dict],
        "reg_covar": [at_least(Real, 0.0)],
        "algorithm": [StrOptions(set(ALGORITHMS) - {"mcem", "saem"}), Algorithm],
        "prior": [StrOptions({"mclust"}), MixturePrior, None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        **LIMIT_CONSTRAINTS,
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        covariance_type: str = "full",
        components_per_class: int | dict[Any, int] = 1,
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        random_state: Any = None,
        verbose: Any = 0,
        search: Any = "restarts",
        acceleration: Any = "anderson",
        n_jobs: int | None = None,
        algorithm: Any = "em",
        prior: Any = None,
        categorical_features: Any = "from_dtype",
        lower_limits: Any = None,
        upper_limits: Any = None,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.components_per_class = components_per_class
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state
        self.verbose = verbose
        self.search = search
        self.acceleration = acceleration
        self.n_jobs = n_jobs
        self.algorithm = algorithm
        self.prior = prior
        self.categorical_features = categorical_features
        self.lower_limits = lower_limits
        self.upper_limits = upper_limits

    @fit_context
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the mixture to rows of known and of unknown class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; a cell is missing where it is NaN, None, pandas.NA or masked. Columns of a frame
            may be categories (see ``categorical_features``).
        y : array-like of shape (n_samples,)
            Classes, numbers or texts; -1, NaN, None, NA or masked where unknown.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies: a weight of 2 is a row that stands twice, 0 one left out.

        Returns
        -------
        self : object
            The fitted classifier.
        """
        classes, codes = classes_of(y, X)
        of_components = self._classes_of_components(classes, codes)
        labels = Labels(codes, of_components, classes, clusters=False)
        arguments = {name: getattr(self, name) for name in PASSED_ON}
        mixture = in_name_of(self, EMGaussianMixture(len(of_components), **arguments))
        if not len(labels.several_or_unseen()):
            mixture.n_init = 1
        fit_mixture(mixture, X, None, sample_weight, labels)
        mixture.__class__ = EMGaussianMixture
        self.mixture_, self.component_classes_ = mixture, of_components
        self.classes_ = with_new(classes, int(of_components.max()) + 1 - len(classes))
        for name in ("converged_", "n_iter_", "lower_bound_", "n_features_in_"):
            setattr(self, name, getattr(mixture, name))
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(mixture, "feature_names_in_"):
            self.feature_names_in_ = mixture.feature_names_in_
        return self

    def _classes_of_components(
        self, classes: NDArray[Any], codes: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Number of the class of each component; ValueError where they do not go together."""
        counts = per_class(self.components_per_class, classes)
        n_rows = np.bincount(codes[codes != UNKNOWN], minlength=len(classes))
        few = np.flatnonzero(n_rows < counts)
        if len(few):
            raise ValueError(
                f"components_per_class gives {counts[few[0]]} components to class "
                f"{classes[few[0]]}, of which y has {n_rows[few[0]]} sample(s). Give it fewer."
            )
        total = int(counts.sum())
        n_components = total if self.n_components is None else int(self.n_components)
        if n_components < total:
            raise ValueError(
                f"n_components={n_components} is below the {total} components of the "
                f"{len(classes)} classes in y ({listed(classes)}). Raise it, or leave it at None."
            )
        if len(classes) == 1 and n_components == total and (codes == UNKNOWN).any():
            raise ValueError(
                f"y has one class alone, {classes[0]}, beside unknown ones: there is nothing to "
                "classify. -1 is an unknown class; one that is called -1 needs another name. A "
                "class that nobody has seen is one of n_components."
            )
        unseen = len(classes) + np.arange(n_components - total)
        return np.concatenate([np.repeat(np.arange(len(classes)), counts), unseen])

    def predict(self, X: Any) -> Any:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Of ``classes_``; of its last where it is likely of a class that nobody has seen.
        """
        return self._open(X).map(self._classes_of, dtype=self.classes_.dtype)

    def _classes_of(self, rows: Rows) -> NDArray[Any]:
        classes: NDArray[Any] = self.classes_[self._log_proba(rows).argmax(axis=1)]
        return classes

    def predict_proba(self, X: Any) -> Any:
        """Posterior probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to 1.
        """
        return self._open(X).map(self._proba, width=len(self.classes_), dtype=np.float64)

    def _proba(self, rows: Rows) -> Array:
        return np.exp(self._log_proba(rows))

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the posterior probabilities, exact where these are 0 in doubles.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; -inf where a level of the row rules a class out.
        """
        return self._open(X).map(self._log_proba, width=len(self.classes_), dtype=np.float64)

    def _log_proba(self, rows: Rows) -> Array:
        of_components, n_classes = self.component_classes_, len(self.classes_)
        never = -np.inf if coding_of(self.mixture_) is None else 0.5 * NEVER
        idle = self.mixture_.weights_ == 0.0

        def by_class(log_joint: Array) -> Array:
            log_joint[idle] = -np.inf
            log_joint[:, log_joint.max(axis=0) == -np.inf] = 0.0  # impossible in every class
            peak = log_joint.max(axis=0)
            log_joint -= np.where(peak < FAR, peak, 0.0)
            log_joint -= soft(log_joint.copy())[1]
            log_joint[log_joint < never] = -np.inf  # of a level that a table has no share of
            sums = [np.logaddexp.reduce(log_joint[of_components == c]) for c in range(n_classes)]
            return np.stack(sums, axis=1)

        out: Array = np.empty((len(rows.X), n_classes))
        return reduce_log_joint(self.mixture_, rows, by_class, out)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy over the rows whose class is known.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.
        y : array-like of shape (n_samples,)
            Classes; unknown ones, as in `fit`, are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        accuracy : float
            Share of rows put right.
        """
        classes, codes = classes_of(y, X)
        known = codes != UNKNOWN
        weights = check_weights(sample_weight, np.asarray(codes, dtype=float))
        if weights is not None and not (weights := weights[known]).any():
            raise ValueError(
                "Accuracy is of rows whose class is known, and all of these have a sample_weight "
                "of 0. Give y the class of rows that count."
            )
        predicted = np.asarray(self.predict(X))[known]
        return float(accuracy_score(classes[codes[known]], predicted, sample_weight=weights))

    def _open(self, X: Any) -> Opened[Rows]:
        check_is_fitted(self, "mixture_")
        return open_table(in_name_of(self, self.mixture_), X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
