"""What a fitted mixture says of the missing cells of rows, given the others."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.mixture.coding import coding_of, refuse_categories
from emkit.mixture.evaluated import fitted_model
from emkit.mixture.fitted import fitted_structure, model_as_set
from emkit.mixture.flat import Flat
from emkit.mixture.noise_fitted import has_noise
from emkit.mixture.overflow import without_overflow
from emkit.mixture.prediction import n_draws
from emkit.mixture.table import open_table
from emkit.models.mixture.conditional import Given, condition, log_weights_of
from emkit.models.rows import Rows

__all__ = ["ConditionalMixture", "MixtureConditional"]


class ConditionalMixture:
    r"""The distribution of the missing cells of some rows, given those that are observed.

    .. math:: p(x_m \mid x_o) = \sum_k w_k(x_o)\, N\bigl(x_m;\; m_k(x_o),\; S_k\bigr)

    With ``distribution='student_t'`` the components are Student's t, with
    ``df_ + n_observed`` degrees of freedom, and wider where the observed cells lie far off.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, NaN where a cell is missing.
    weights : ndarray of shape (n_samples, n_components)
        See the attribute.
    log_weights : ndarray of shape (n_samples, n_components)
        Their logarithms.
    groups : list of Given
        The mixtures, by pattern of missing cells.

    Attributes
    ----------
    weights : ndarray of shape (n_samples, n_components)
        Probabilities of the components given the observed cells; rows sum to 1.
    mean : ndarray of shape (n_samples, n_features)
        Conditional means; observed cells as they are. The same as `EMGaussianMixture.impute`.
    covariance : ndarray of shape (n_samples, n_features, n_features)
        Conditional covariances; 0 in rows and columns of observed cells. Infinite where a
        component of a row has two degrees of freedom or less.
    component_means : ndarray of shape (n_samples, n_components, n_features)
        Conditional means under each component.

    Examples
    --------
    See `EMGaussianMixture.conditional`.
    """

    def __init__(self, X: Array, log_weights: Array, groups: list[Given]):
        self._X, self._log_weights, self._groups = X, log_weights, groups
        self.weights = np.exp(log_weights)

    def __repr__(self) -> str:
        n, d = self._X.shape
        shape = f"n_samples={n}, n_features={d}, n_components={self.weights.shape[1]}"
        return f"ConditionalMixture({shape})"

    @property
    def mean(self) -> Array:
        out = self._X.copy()
        for given in self._groups:
            mean, _ = given.overall(self.weights[given.rows])
            out[np.ix_(given.rows, given.missing)] = mean
        return out

    @property
    def covariance(self) -> Array:
        n, d = self._X.shape
        out = np.zeros((n, d, d))
        for given in self._groups:
            _, covariance = given.overall(self.weights[given.rows])
            out[np.ix_(given.rows, given.missing, given.missing)] = covariance
        return out

    @property
    def component_means(self) -> Array:
        out = np.repeat(self._X[:, None], self.weights.shape[1], axis=1)
        components = np.arange(self.weights.shape[1])
        for given in self._groups:
            places = np.ix_(given.rows, components, given.missing)
            out[places] = np.swapaxes(given.means, 0, 1)
        return out

    def log_density(self, X: Any) -> Array:
        """Log-density of complete rows given their observed cells.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows with their missing cells filled in.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats; 0 for rows that miss nothing. Of columns that are constant or follow from
            others, which have no density, nothing is counted.

        Raises
        ------
        ValueError
            For another shape, cells that are still missing, and where what was observed differs;
            where a column that follows from others is observed and several of these are missing.
        """
        filled = np.asarray(X, dtype=float)
        if filled.shape != self._X.shape:
            raise ValueError(f"X must have shape {self._X.shape}. Got {filled.shape}.")
        if np.isnan(filled).any():
            i = int(np.isnan(filled).any(axis=1).argmax())
            raise ValueError(f"X must be complete. Row {i} has missing cells: fill them in.")
        other = ~np.isnan(self._X) & (filled != self._X)
        if other.any():
            i, j = np.argwhere(other)[0]
            raise ValueError(
                f"X differs from what was observed: {filled[i, j]} for {self._X[i, j]} in row {i}, "
                f"column {j}. Give the rows of conditional(X) with missing cells filled in."
            )
        out = np.zeros(len(filled))
        for given in self._groups:
            if given.roots is None:
                raise ValueError(
                    f"Row {given.rows[0]} has no log-density: columns that follow from others are "
                    "observed there, and bind several missing cells. Fit without such columns."
                )
            x = filled[np.ix_(given.rows, given.missing)]
            out[given.rows] = given.log_density(x, self._log_weights[given.rows])
        return out

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw the missing cells.

        Parameters
        ----------
        n_samples : int, default=1
            Draws of each row.
        random_state : int, RandomState instance or None, default=None
            Source of the draws.

        Returns
        -------
        X : ndarray of shape (n_samples, n_rows, n_features)
            Completed rows.
        """
        n_samples = n_draws(n_samples)
        rng = check_random_state(random_state)
        out = np.repeat(self._X[None], n_samples, axis=0)
        for given in self._groups:
            out[:, given.rows[:, None], given.missing] = self._drawn(given, n_samples, rng)
        return out

    def _drawn(self, given: Given, n_samples: int, rng: np.random.RandomState) -> Array:
        """Cells (n_samples, n, m) of the rows of a pattern."""
        below = self.weights[given.rows].cumsum(axis=1)[:, :-1]
        chance = rng.random_sample((n_samples, len(given.rows), 1))
        return given.draw((below <= chance).sum(axis=2), rng)


class MixtureConditional:
    """The method of a fitted mixture that gives conditional distributions."""

    def conditional(self, X: Any) -> ConditionalMixture:
        """Distribution of the missing cells of each row, given the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in memory, NaN where a cell is missing.

        Returns
        -------
        conditional : ConditionalMixture
            With ``weights`` of the components given what is observed, ``mean``, ``covariance``,
            ``component_means``, and the methods ``log_density`` of complete rows given their
            observed cells and ``sample``.

        Raises
        ------
        ValueError
            For bad X or such that is not in memory, and for a mixture with noise or categories.

        See Also
        --------
        emkit.EMMixtureRegressor : Regression by it.

        Examples
        --------
        How long one waits for Old Faithful after an eruption of 2.5 minutes.

        >>> import numpy as np
        >>> from emkit import EMGaussianMixture
        >>> from emkit.datasets import load_faithful
        >>> X = load_faithful().data
        >>> mixture = EMGaussianMixture(2, random_state=0, tol=1e-8).fit(X)
        >>> next_one = mixture.conditional([[2.5, np.nan]])
        >>> float(next_one.mean[0, 1].round(1)), float(next_one.covariance[0, 1, 1].round(1))
        (57.4, 31.0)
        >>> next_one.log_density([[2.5, 60.0]]).round(2)
        array([-2.75])
        """
        remedy = "Leave the categories out, or take impute."
        opened = open_table(self, X, whole=True)
        refuse_categories(self, coding_of(self), "conditional", remedy)
        if has_noise(self):
            raise ValueError(
                "conditional is not offered with noise, whose volume does not say what the density "
                "of missing cells given the others is. Fit with noise=False."
            )
        if not opened.in_memory:
            raise ValueError(
                "conditional takes rows in memory: a covariance for each is larger than X. Give "
                "it a block at a time, or take impute, which gives means."
            )
        (limited,) = opened.survey(lambda rows: rows.bounds is not None)
        if limited:
            raise ValueError(
                "conditional takes numbers and missing cells, and X holds cells that are known to "
                "an interval (lower_limits, upper_limits, '<0.05'), given which the others are not "
                "a mixture of normals. Take impute, which gives means."
            )
        (conditional,) = opened.survey(partial(_conditional, self))
        return conditional


def _conditional(mixture: Any, rows: Rows) -> ConditionalMixture:
    X, flat = np.asarray(rows.X, dtype=float), getattr(mixture, "_flat", None)
    incomplete = bool(np.isnan(X).any())
    model, params = fitted_model(mixture, incomplete)
    kept, told = X if flat is None else flat.reduce(X), np.arange(0)
    log_weights = without_overflow(
        mixture, kept, model.units, partial(log_weights_of, model, kept, params)
    )
    if flat is None:
        return ConditionalMixture(X, log_weights, condition(model, X, params))
    if not model.layout.independent:
        told = flat.told_more(X, kept)
    others = np.setdiff1d(np.arange(len(X)), told)
    groups = list(on_the_flat(flat, model, params, X, kept, others))
    if len(told):
        # Columns that were left out tell something of several cells that are missing.
        model, params = model_as_set(mixture, fitted_structure(mixture), None)
        model.incomplete = True
        log_weights[told] = log_weights_of(model, X[told], params)
        found = condition(model, X[told], params)
        groups += [given._replace(rows=told[given.rows], roots=None) for given in found]
    return ConditionalMixture(X, log_weights, groups)


def on_the_flat(
    flat: Flat, model: Any, params: Any, X: Array, kept: Array, rows: NDArray[np.intp]
) -> Iterator[Given]:
    """The mixtures of missing cells of all columns, by those of the kept ones."""
    patterns, which = np.unique(np.isnan(X[rows]), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        some, missing = rows[which.ravel() == number], np.flatnonzero(pattern)
        (given, *_) = (*condition(model, kept[some], params), _nothing(len(params.means), some))
        filled = np.repeat(kept[some][None], len(params.means), axis=0)
        filled[:, :, given.missing] = given.means
        means = np.stack([flat.expand(of_component) for of_component in filled])[:, :, missing]
        push = np.zeros((flat.n_features, len(given.missing)))
        push[flat.related] = flat.slopes[:, given.missing]
        own = flat.kept[given.missing]
        push[own, np.arange(len(own))] = 1.0
        push = push[missing]
        free = np.searchsorted(missing, own)
        scales = push @ given.scales @ push.T
        yield given._replace(rows=some, missing=missing, means=means, scales=scales, free=free)


def _nothing(n_components: int, rows: NDArray[np.intp]) -> Given:
    """Of rows that miss nothing."""
    square, none = np.empty((n_components, 0, 0)), np.arange(0)
    means, growth = np.empty((n_components, len(rows), 0)), np.ones((n_components, len(rows)))
    return Given(rows, none, means, square, none, square, np.zeros(n_components), growth)
