"""Standard errors of a fitted mixture, and the table that shows them."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import feature_names_in, refuse_weights_alone, require_fit, require_same
from emkit.base.optional import optional_import
from emkit.engine import standard_errors, tree
from emkit.engine.fit import best_run
from emkit.exceptions import DataWarning, ModelError, warn
from emkit.mixture.coded_columns import CodedColumns
from emkit.mixture.coding import numbers_of
from emkit.mixture.degenerate import firmer_prior
from emkit.mixture.fitted import fitted_structure, last_fit, with_prior_of_fit
from emkit.mixture.fitting import last_mixed, model_of
from emkit.mixture.flat import Flat
from emkit.mixture.labels import labels_of_fit, labels_that_count
from emkit.mixture.limits import first_look
from emkit.mixture.noise_fitted import log_volume_of
from emkit.mixture.student_t import df_column, with_df_errors
from emkit.mixture.table import Table, apart, kept_columns, open_table, which_count
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.noise import NoisyMixture, clusters_of

__all__ = ["MixtureErrors", "MixtureInference"]

NO_ERRORS = (
    "No standard errors: the fit is so close to a singular covariance or an empty component that "
    "the curvature of its objective cannot be told from rounding. Increase reg_covar, lower "
    "n_components, {prior}, or divide sample_weight by its mean."
)
#: Gain of a step, in nats, at which a fit is at its maximum for all that a standard error shows.
ERRORS_TOL = 1e-8


class MixtureErrors(NamedTuple):
    """Standard errors of a mixture's parameters, in the shapes of its attributes."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


class NoisyErrors(NamedTuple):
    """The same of a mixture with noise, and of the weight of that."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    noise_weight: float


class MixedErrors(NamedTuple):
    """The same of a mixture with categories, and of its tables, by column."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    tables: dict[Any, np.ndarray]


class MixtureInference:
    """Methods of a fitted mixture that say how certain its parameters are."""

    n_components: int
    weights_: Array
    means_: Array
    covariances_: Array
    tables_: dict[Any, Array]
    categories_: list[Any]
    _flat: Flat | None

    def standard_errors(
        self, X: Any, sample_weight: Any = None, *, labels: Any = None
    ) -> MixtureErrors | NoisyErrors | MixedErrors:
        """Standard errors of the fitted parameters, from the observed information.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data of fit; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.
        labels : array-like of shape (n_samples,), default=None
            The labels of fit, if it had any.

        Returns
        -------
        errors : NamedTuple of weights, means, covariances
            In the shapes of ``weights_``, ``means_`` and ``covariances_``; with categories also
            ``tables``, as ``tables_``; with noise also ``noise_weight``, the volume being given.
            With Student's t they are of weights, means, ``scales`` and ``df``: 0 where it is given,
            NaN where it is infinite.

        Raises
        ------
        NotFittedError
            Before `fit`, where attributes were set by hand too.
        ValueError
            For bad X, and another ``covariance_type`` or ``n_components`` than those of the fit;
            where it had labels, and none are given.

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
        of the information: ``prior`` and ``reg_covar`` are those of the fit, whatever was set
        since. It is of one labelling of the components, and takes two E-steps for
        each free parameter, some more where covariances have a constraint such as that of 'EEV'.
        Where three or more cells of a row are known to an interval alone, and columns are
        correlated within components, standard errors are near, to about 1 %.

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
        require_fit(self, "Standard errors are of", ["_internal"])
        fitted_structure(self)
        require_same("standard_errors", "n_components", len(self.weights_), self.n_components)
        known = labels_of_fit(self, labels, X)
        opened, flat = open_table(self, X, sample_weight), self._flat
        data: Any = opened.fit_data()
        columns = kept_columns(self)
        if mixed := isinstance(columns, CodedColumns):
            data = apart(data, columns, self.n_components)
        if known is not None:
            of_rows = labels_that_count(known, *opened.survey(which_count))
            data = replace(data, labels=of_rows) if mixed else data._replace(labels=of_rows)
        look = first_look(data)
        table = Table(data, look.scaling, flat, filled=True, start=look.start)
        model = model_of(with_prior_of_fit(self), table)
        if isinstance(model, NoisyMixture):
            model.log_volume = log_volume_of(self)  # that the attribute may round
        # A fit at the default tol ends short of the maximum by more than a standard error can bear.
        start: Any = (
            last_mixed(self, model, table)
            if mixed
            else last_fit(self, model, flat, "standard_errors")
        )
        maximum = best_run(model, data, start=start, tol=ERRORS_TOL, max_iter=1000)
        errors = _errors_at(model, data, maximum, with_prior_of_fit(self).prior)
        normal = model.normal if mixed else clusters_of(model)
        if isinstance(model, NoisyMixture):
            found = _in_users_units(errors.clusters, normal, flat)
            return NoisyErrors(*found, float(errors.noise))
        # Of columns of numbers none of which varies.
        of_numbers = MixtureErrors(
            errors.weights, np.zeros_like(self.means_), np.zeros_like(self.covariances_)
        )
        if normal is not None:
            of_numbers = with_df_errors(self, errors, _in_users_units(errors, normal, flat))
        if not mixed:
            return of_numbers
        sizes = [table.shape[1] for table in self.tables_.values()]
        tables = np.split(errors.tables, np.cumsum(sizes)[:-1], axis=1)
        return MixedErrors(*of_numbers, dict(zip(self.tables_, tables, strict=True)))

    def summary(self, X: Any = None, sample_weight: Any = None, *, labels: Any = None) -> Any:
        """Weights and means of the components as a table.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            The data of fit, for standard errors; NaN where a cell is missing.
        sample_weight : array-like of shape (n_samples,), default=None
            The weights of fit.
        labels : array-like of shape (n_samples,), default=None
            The labels of fit, if it had any.

        Returns
        -------
        table : pandas.DataFrame
            A row for each component; columns weight and, for each feature, mean_<feature>; for a
            column of categories share_<feature>_<level>; with Student's t df. With X their standard
            errors follow, as se_weight and se_mean_<feature>.

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
        require_fit(self, "A summary is of", ["n_features_in_"])
        pd = optional_import("pandas", "pandas", "EMGaussianMixture.summary")
        refuse_weights_alone(X, sample_weight)
        names = feature_names_in(self, None)
        names = names[numbers_of(self, len(names))]
        table = _summary_columns("", self.weights_, self.means_, names)
        table |= df_column("df", getattr(self, "df_", None))
        table |= self._shares("", self.tables_)
        if X is not None:
            errors = self.standard_errors(X, sample_weight, labels=labels)
            table |= _summary_columns("se_", errors.weights, errors.means, names)
            table |= df_column("se_df", getattr(errors, "df", None))
            table |= self._shares("se_", getattr(errors, "tables", {}))
        return pd.DataFrame(table).rename_axis(index="component")

    def _shares(self, prefix: str, tables: dict[Any, Array]) -> dict[str, Array]:
        """Columns of a table by their names, one a level."""
        return {
            f"{prefix}share_{name}_{level}": share
            for (name, table), levels in zip(tables.items(), self.categories_, strict=False)
            for level, share in zip(levels, table.T, strict=True)
        }


def _in_users_units(errors: Any, model: GaussianMixtureModel, flat: Flat | None) -> MixtureErrors:
    """Standard errors of the numbers, of all columns."""
    layout, scale = model.layout, model.units.scale
    means, covariances = errors.means * scale, layout.rescale(errors.covariances, scale)
    if flat is not None:
        means = flat.expand_errors(means)
        covariances = layout.embed(covariances, flat.kept, flat.n_features)
    return MixtureErrors(errors.weights, means, covariances)


def _summary_columns(prefix: str, weights: Array, means: Array, names: Any) -> Any:
    """Columns of a table by their names."""
    columns = {f"{prefix}weight": weights}
    for name, column in zip(names, means.T, strict=True):
        columns[f"{prefix}mean_{name}"] = column
    return columns


def _errors_at(model: Any, data: Any, maximum: Any, prior: Any) -> Any:
    """Standard errors in internal units; NaN where the curvature is lost in rounding."""
    try:
        return standard_errors(model, data, maximum)
    except ModelError:  # its checks cannot tell rounding from a model that is wrong
        warn(NO_ERRORS.format(prior=firmer_prior(prior)), DataWarning)
        return tree.map_leaves(lambda part: np.full(np.shape(part), np.nan), maximum.params)
