"""What an imputer learned: its distribution, how likely rows are in it, and how certain it is."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import feature_names_in, refuse_weights_alone, require_same
from emkit.base.optional import optional_import
from emkit.engine import standard_errors
from emkit.exceptions import DataWarning, ModelError, warn
from emkit.imputation.auto import as_chosen
from emkit.imputation.columns import Columns
from emkit.imputation.fitted import fitted_cells
from emkit.imputation.latent import is_latent
from emkit.imputation.mixed import moments_model
from emkit.imputation.prior import prepare, prior_model
from emkit.imputation.table import load_table, open_table
from emkit.mixture.student_t import is_student_t
from emkit.models.mixture.moments import MixtureMoments
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES

__all__ = ["FittedDistribution", "MomentErrors"]

#: Where standard errors break down.
NO_ERRORS = (
    "No standard errors: the fit is so close to a singular covariance or an empty component that "
    "the curvature of its objective cannot be told from rounding. Increase shrinkage, lower "
    "n_components, or drop columns that follow from others."
)
#: Where there is no curvature to be had.
NO_INFORMATION = (
    "standard_errors takes the curvature of the likelihood, for which the latent normal has no "
    "formula (method='latent_normal'). Take multiple_impute and pool_estimates, or "
    "method='classes'."
)


class MomentErrors(NamedTuple):
    """Standard errors of the mean and covariance of a fitted distribution."""

    location: np.ndarray
    covariance: np.ndarray


class FittedDistribution:
    """Methods of a fitted imputer that are about its distribution."""

    location_: Array
    covariance_: Array
    missing_fraction_: Array
    limited_fraction_: Array
    shrinkage_: float
    _columns: Columns
    _fitted: Any
    _shares: Any
    _coding: Any

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of the observed cells of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data with missing cells.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats; 0 for a row with nothing observed. A cell that is known to an interval adds
            the logarithm of a probability. With ``log`` it is of the numbers, not their logarithms.
        """
        return open_table(self, X).map(self._log_density, dtype=np.float64)

    def _log_density(self, rows: Rows) -> Array:
        cells: Any = fitted_cells(self)
        if cells is None:
            return np.zeros(len(rows.X))
        part = self._columns.as_modelled(rows)
        given = (part.X,) if part.bounds is None else (part.X, part.bounds)
        log_density: Array = cells.score_samples(*given)
        if len(self._columns.modelled_logs):
            log_density = log_density - self._columns.log_volumes(part)
        return log_density

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
        Of columns that ``log`` names they are those of the logarithms.

        What ``shrinkage`` adds is part of the objective and so of the information. It takes two
        E-steps for each free parameter, of which d features have d (d + 3) / 2. Cells that are
        known to an interval count by what that tells; where three or more of a row are, standard
        errors are near, to about 1 %. With ``log`` they are those of the logarithms.

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
        return _errors(self, load_table(self, opened, self._columns).data)

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
            A row for each feature of fit; columns missing (the fraction of its cells), limited (the
            fraction that is known to an interval alone, where there are such), mean and std, which
            are of the logarithm where ``log`` names the feature. With X, std_error of the mean and
            information_missing follow. NaN is where nothing is estimated: features that were
            dropped and, in information_missing, constant ones and all with Student's t.

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
        refuse_weights_alone(X, sample_weight)
        kept = self._columns.kept
        variance = np.diag(self.covariance_)
        columns = {"mean": self.location_, "std": np.sqrt(variance)}
        if X is not None:
            data, _, cells = load_table(self, open_table(self, X, sample_weight), self._columns)
            error = _errors(self, data).location
            with np.errstate(invalid="ignore"):
                known = variance / cells.weight / error**2
            if is_student_t(self):  # the mean of complete rows would not be the location
                known = np.full_like(known, np.nan)
            columns |= {"std_error": error, "information_missing": np.clip(1.0 - known, 0.0, 1.0)}
        names = feature_names_in(self, None)
        if self._shares is not None:  # a category has no mean
            kept = np.setdiff1d(self._columns.modelled, self._coding.columns)
        shares = {"missing": self.missing_fraction_, "limited": self.limited_fraction_}
        if not self.limited_fraction_.any():
            del shares["limited"]
        table = pd.DataFrame(shares, index=names)
        return table.join(pd.DataFrame(columns, index=names[kept]))


def _errors(imputer: Any, data: Any) -> Any:
    if is_latent(imputer):
        raise ValueError(NO_INFORMATION)
    imputer = as_chosen(imputer)
    d = len(imputer.location_)
    location, covariance = np.zeros(d), np.zeros((d, d))
    if imputer._fitted is not None:
        (kind, k, *_), units, params = imputer._fitted
        structure = STRUCTURES.get(imputer.covariance_type)
        now = (structure and structure.name, imputer.n_components)
        require_same("standard_errors", "(covariance_type, n_components)", (kind, k), now)
        model: Any
        if imputer._shares is not None:
            model, data, params = moments_model(imputer, data) or (None, data, params)
            where = np.arange(d)
        else:
            prepared = prepare(imputer, data, imputer._columns, units)
            model = MixtureMoments(prior_model(imputer, prepared, imputer.shrinkage_))
            where = imputer._columns.modelled_in_output
        if model is None:
            return MomentErrors(location, covariance)
        try:
            errors = standard_errors(model, data, model.extend(params))
        except ModelError:  # its checks cannot tell rounding from a model that is wrong
            warn(NO_ERRORS, DataWarning)
            return MomentErrors(np.full(d, np.nan), np.full((d, d), np.nan))
        location[where] = errors.location * units.scale
        covariance[np.ix_(where, where)] = errors.covariance * np.outer(units.scale, units.scale)
    return MomentErrors(location, covariance)
