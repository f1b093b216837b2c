"""The tables that an imputer gives back: filled, named, and turned round."""

from copy import copy
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils.validation import check_is_fitted

from emkit._typing import Array
from emkit.base.estimator import feature_names_in, output_container
from emkit.data.categories import Coding
from emkit.data.lazy import gathered
from emkit.data.lazy_tables import each_table
from emkit.imputation.coding import encoded_table
from emkit.imputation.columns import Columns
from emkit.imputation.decoding import as_it_came, as_it_was, probabilities, with_limits_left
from emkit.imputation.filling import Filler
from emkit.imputation.table import open_table

__all__ = ["ImputerOutput"]


def _fill_frame(imputer: Any, filler: Filler, container: str, X: Any, number: int) -> Any:
    """A frame among others, filled."""
    encoded: Any = encoded_table(imputer, X)
    (rows,) = open_table(imputer, encoded).survey(partial(filler.fill, number=number))
    return as_it_came(imputer, encoded, rows, container)


class ImputerOutput(TransformerMixin):
    """Methods of a fitted imputer that give tables back."""

    missing_values: Any
    add_indicator: bool
    impute_limits: bool
    indicator_: MissingIndicator | None
    n_features_in_: int
    _coding: Coding | None
    _columns: Columns

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
            Cells that are known to an interval are filled within it; with ``impute_limits=False``
            they are as they were, numbers or, in a table as X, the text and intervals that it had.
            Of a Dask collection it is a Dask array, and of data that are read block by block an
            object of their kind: rows are computed when they are read, always to the same values.
            A frame that `set_output` asks for gathers them, but not blocks of an iterable.
            With categories it is a table as X: a frame with the types, names and index that it
            had, or an array of objects; the indicator is of truth values. What the type of a
            column cannot hold widens it: levels that it does not list, fractions among integers,
            words in a column that is empty here and so was read as one of numbers.
        """
        encoded, container = encoded_table(self, X), output_container(self)
        opened = open_table(self, X if encoded is None else encoded)
        filler = Filler.of(self)
        if encoded is not None:
            rows = opened.map(filler.fill, width=filler.width)
            return as_it_came(self, encoded, rows, container)
        if self._coding is not None:
            rows = each_table(X, partial(_fill_frame, copy(self), filler, container))
        else:
            rows = opened.map(filler.fill, width=filler.width, lazy=True, numbered=True)
            if not self.impute_limits:
                return with_limits_left(self, X, opened, rows, container)
        return rows if container == "default" else gathered(rows, container)

    def impute_proba(self, X: Any) -> dict[Any, Array]:
        """Probabilities of the levels of every column of categories, given the cells of the row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Data with missing cells; rows need not have been seen in fit.

        Returns
        -------
        probabilities : dict of ndarray of shape (n_samples, n_levels)
            By the name of the column (its number, where X has no names), in the order of
            ``categories_``. Where a cell is observed its level has probability 1; one whose level
            was not seen in fit counts as missing.

        Raises
        ------
        ValueError
            Where the fit had no categories.
        """
        check_is_fitted(self)
        return probabilities(self, X)

    def inverse_transform(self, X: Any) -> Any:
        """Put the marks of missing cells back where the indicator has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            What `transform` returned, with ``add_indicator=True``.

        Returns
        -------
        X : ndarray or DataFrame of shape (n_samples, n_features_in_)
            The data with ``missing_values`` in cells that were missing. With categories a frame
            gives a frame, in which the cells are missing as its types have it.
        """
        check_is_fitted(self)
        if self.indicator_ is None:
            raise ValueError(
                "'inverse_transform' works only when EMImputer is fitted with add_indicator=True. "
                "Without the indicator there is no telling which cells were missing."
            )
        width = len(self._columns.kept) + len(self.indicator_.features_)
        if self._coding is not None and hasattr(X, "columns") and np.shape(X)[1:] == (width,):
            return as_it_was(self, X)
        X = np.asarray(X)
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
