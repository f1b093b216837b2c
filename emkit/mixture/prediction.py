"""What a fitted mixture says of rows: their density, components and missing cells, and new rows."""

from collections.abc import Callable
from copy import copy
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.data.checks import has_missing
from emkit.data.lazy_tables import each_table
from emkit.engine import soft
from emkit.engine.arguments import seed_sequence
from emkit.engine.latent_class import unbuffered
from emkit.mixture.coded_columns import CodedColumns
from emkit.mixture.coding import as_it_came, as_table, coding_of
from emkit.mixture.evaluated import fitted_model
from emkit.mixture.fitted import fitted_structure, model_as_set
from emkit.mixture.mixed import expect_cells, fitted, reduce_coded
from emkit.mixture.noise_fitted import has_noise
from emkit.mixture.overflow import without_overflow
from emkit.mixture.student_t import row_scales
from emkit.mixture.table import kept_columns, open_table
from emkit.models.mixture.missing_cells import NormalCells
from emkit.models.mixture.noise import clusters_of, kernel_of
from emkit.models.rows import Rows
from emkit.numerics.bounds import keep_within
from emkit.numerics.gaussian import tile_rows

__all__ = ["MixturePrediction", "n_draws", "reduce_log_joint"]


class MixturePrediction:
    """Methods of a fitted mixture that are asked about rows."""

    weights_: Array
    means_: Array
    precisions_cholesky_: Array
    random_state: Any
    tables_: dict[Any, Array]

    def score_samples(self, X: Any) -> Any:
        """Log-likelihood of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        log_prob : ndarray of shape (n_samples,)
            Log-density of each row under the mixture, with that of noise, if there is any.
        """
        return open_table(self, X).map(self._log_prob)

    def _log_prob(self, rows: Rows) -> Array:
        return self._log_likelihoods(rows).astype(rows.dtype, copy=False)

    def _log_likelihoods(self, rows: Rows) -> Array:
        """In doubles, for sums."""
        return reduce_log_joint(
            self, rows, lambda log_joint: soft(log_joint)[1], np.empty(len(rows.X))
        )

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
        log_likelihood, n = open_table(self, X, sample_weight).sum(self._log_likelihoods)
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
            Index of the component; -1 is noise.
        """
        return open_table(self, X).map(self._labels, dtype=np.int64)

    def _labels(self, rows: Rows) -> Any:
        out: Any = np.empty(len(rows.X), np.int64)
        reduce_log_joint(self, rows, partial(np.argmax, axis=0), out)
        out[out == len(self.means_)] = -1  # noise, the last class
        return out

    def predict_proba(self, X: Any) -> Any:
        """Posterior probability of each component for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data; NaN where a cell is missing.

        Returns
        -------
        resp : ndarray of shape (n_samples, n_components)
            Responsibilities; rows sum to 1. With noise a last column more is its.
        """
        opened = open_table(self, X)
        return opened.map(self._resp, width=len(self.means_) + has_noise(self))

    def _resp(self, rows: Rows) -> Array:
        out = np.empty((len(rows.X), len(self.means_) + has_noise(self)), rows.dtype)
        return reduce_log_joint(self, rows, lambda log_joint: soft(log_joint)[0].T, out)

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
        opened = open_table(self, X, whole=True)
        if (coding := coding_of(self)) is not None and opened.in_memory:
            return as_it_came(coding, X, *opened.survey(self._impute_mixed))
        if coding is not None:
            return each_table(X, partial(_impute_frame, copy(self)))
        return opened.map(self._impute, width=opened.n_features, lazy=True)

    def _impute(self, rows: Rows) -> Array:
        X, flat = rows.X, getattr(self, "_flat", None)
        part = rows if flat is None else flat.reduce_rows(rows)
        kept, incomplete = part.X, has_missing(part.X)
        model, params = fitted_model(self, incomplete)
        filled = NormalCells(model, params).impute(kept, part.bounds) if incomplete else kept.copy()
        filled = filled.astype(X.dtype, copy=False)
        if flat is None:
            return filled
        out = np.where(np.isnan(X), flat.expand(filled), X)
        told = flat.told_more(X, kept)
        if len(told) and not model.layout.independent:
            # Columns that were left out tell something of several cells that are missing.
            model, params = model_as_set(self, fitted_structure(self), None)
            model.incomplete = True
            some = rows.take(told)
            out[told] = NormalCells(model, params).impute(some.X, some.bounds)
        keep_within(out, rows.bounds)
        return out

    def _impute_mixed(self, rows: Rows) -> Array:
        """Rows of numbers and codes with missing cells filled."""
        columns: Any = kept_columns(self)
        flat, all_columns = columns.flat, columns._replace(flat=None)
        whole = all_columns.apart(Rows(all_columns.reduce(rows.X)))
        kept = columns.apart(Rows(columns.reduce(rows.X)))
        numbers, codes = expect_cells(*fitted_model(self, kept.incomplete), kept)
        if flat is not None:
            numbers = np.where(np.isnan(whole.X), flat.expand(numbers), whole.X)
            told = flat.told_more(whole.X, kept.X)
            if len(told) and not fitted_structure(self).layout.independent:
                model, params = model_as_set(self, fitted_structure(self), None)
                model.incomplete = True
                some = expect_cells(*fitted(self, model, params), whole.take(told))
                numbers[told], codes[told] = some
        out = rows.X.copy()
        out[:, columns.order] = np.hstack([numbers, codes])
        return out

    def sample(
        self, n_samples: int = 1, random_state: Any = None
    ) -> tuple[Array, NDArray[np.intp]]:
        """Draw from the fitted mixture; of noise, which has no distribution, nothing is drawn.

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
            Rows, component after component; with categories a table of the kind fitted, in which
            numbers are floats and types that list levels list those of the fit.
        y : ndarray of shape (n_samples,)
            Component of each row.
        """
        check_is_fitted(self, "weights_")
        n_samples = n_draws(n_samples)
        source = check_random_state(self.random_state if random_state is None else random_state)
        # Of NumPy's generators the one that draws normals fastest.
        rng = np.random.Generator(np.random.SFC64(seed_sequence(source)))
        weights = np.asarray(self.weights_, dtype=float)
        counts = rng.multinomial(n_samples, weights / weights.sum())
        X, y = self._draw_numbers(counts, rng), np.repeat(np.arange(len(counts)), counts)
        return (X if coding_of(self) is None else self._with_levels(X, y, rng)), y

    def _draw_numbers(self, counts: NDArray[np.intp], rng: np.random.Generator) -> Array:
        """So many rows of numbers of each component, drawn where they stay, tile by tile."""
        layout, flat = fitted_structure(self).layout, getattr(self, "_flat", None)
        means = self.means_
        factor = layout.transpose(np.asarray(self.precisions_cholesky_, dtype=float))
        if flat is not None:
            means, factor = means[:, flat.kept], layout.marginal(factor, flat.kept)
        X = np.empty((counts.sum(), means.shape[1]))
        step, ends = tile_rows(2 * means.shape[1]), np.cumsum(counts)
        for k, (mean, end) in enumerate(zip(means, ends, strict=True)):
            for start in range(end - counts[k], end if len(mean) else 0, step):
                rows = X[start : min(start + step, end)]
                drawn = layout.draw(factor, k, rng.standard_normal(out=rows))
                drawn *= row_scales(self, k, len(rows), rng)
                np.add(drawn, mean, out=rows)
        return X if flat is None else flat.expand(X)

    def _with_levels(self, numbers: Array, y: NDArray[np.intp], rng: np.random.Generator) -> Any:
        """Rows of the components y, with levels drawn, in a table as it was fitted."""
        codes = []
        for table in self.tables_.values():
            below = table.cumsum(axis=1)[:, :-1]  # so that the last level takes what is left
            codes.append((below[y] <= rng.random((len(y), 1))).sum(axis=1))
        return as_table(self, numbers, np.stack(codes, axis=1))


def _impute_frame(mixture: Any, X: Any, number: int) -> Any:
    return mixture.impute(X)


def n_draws(n_samples: Any) -> int:
    """How many draws are asked for; TypeError or ValueError for what is no number of them."""
    if not isinstance(n_samples, Integral):
        raise TypeError(f"n_samples must be an integer. Got {n_samples!r}.")
    if n_samples < 1:
        raise ValueError(
            f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one "
            "sample."
        )
    return int(n_samples)


@unbuffered()
def reduce_log_joint(mixture: Any, rows: Rows, compute: Callable[[Array], Any], out: Any) -> Any:
    """Fill ``out`` with what is computed of the log-joint (K, n) of tile after tile of rows."""
    columns = kept_columns(mixture)
    if isinstance(columns, CodedColumns):
        coded = columns.apart(rows)
        return reduce_coded(*fitted_model(mixture, coded.incomplete), coded, compute, out)
    data = Rows.of(rows.X, bounds=rows.bounds)
    model, params = fitted_model(mixture, data.incomplete, rows.bounds is not None)
    bound = model.bind(params)

    def fill() -> Any:
        for some in kernel_of(bound).pieces(len(data.X), data.groups):
            out[some] = compute(model.log_joint(data.take(some), bound)[0])
        return out

    return without_overflow(mixture, data.X, clusters_of(model).units, fill)
