"""How a fitted imputer fills missing cells, at once or block by block."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.imputation.columns import Columns, check_limits
from emkit.imputation.fitted import fitted_cells
from emkit.models.mixture.missing_cells import Cells
from emkit.models.mixture.truncated_draws import draw_within
from emkit.models.rows import Rows

__all__ = ["Filler"]


class Filler(NamedTuple):
    """What fills rows; it stays as it is, whatever becomes of the imputer, and draws the same."""

    columns: Columns
    fitted: Cells | None
    limits: Array  #: (2, n_features) of what is filled in
    indicated: NDArray[np.intp]  #: features whose missing cells are told in columns of their own
    seed: Any  #: of draws; None for conditional means
    whole: NDArray[np.intp]  #: features that are filled with whole numbers
    seen: Array  #: (2, n_features) smallest and largest value of each in the fit

    @classmethod
    def of(cls, imputer: Any) -> "Filler":
        """That of a fitted imputer."""
        seed = None
        if imputer.sample_posterior:
            seed = np.random.SeedSequence(_seed(imputer.random_state)).entropy
        indicator = imputer.indicator_
        return cls(
            imputer._columns,
            fitted_cells(imputer),
            check_limits(imputer, imputer.n_features_in_),
            np.arange(0) if indicator is None else indicator.features_,
            seed,
            imputer._integers,
            imputer._seen,
        )

    @property
    def width(self) -> int:
        """Columns of what is filled."""
        return len(self.columns.kept) + len(self.indicated)

    def fill(self, rows: Rows, number: int | None = None) -> Array:
        """Rows filled; the number of their block in longer data goes into the seed of the draws."""
        X, place = rows.X, () if number is None else (number,)
        columns = self.columns
        if self.fitted is None:
            out = columns.fill_constants(X, self.limits)
        elif len(columns.modelled) == len(columns.kept):
            out = self._complete(X, place)
        else:
            out = columns.fill_constants(X, self.limits)
            out[:, columns.modelled_in_output] = self._complete(X, place)
        self._round(X, out)
        if not len(self.indicated):
            return out
        both = np.empty((len(out), self.width), out.dtype)
        both[:, : out.shape[1]] = out
        both[:, out.shape[1] :] = np.isnan(X)[:, self.indicated]
        return both

    def _round(self, X: Array, out: Array) -> None:
        """Whole numbers in the missing cells of columns of such.

        They are from the range seen, or, where limits leave none of it, the nearest within these.
        """
        for at, j in enumerate(self.columns.kept):
            if j in self.whole:
                missing = np.isnan(X[:, j])
                limits = np.ceil(self.limits[0, j]), np.floor(self.limits[1, j])
                low, high = np.ceil(self.seen[0, j]), np.floor(self.seen[1, j])
                out[missing, at] = np.clip(np.clip(np.round(out[missing, at]), low, high), *limits)

    def _complete(self, X: Array, place: tuple[int, ...]) -> Array:
        """The modelled columns, filled."""
        assert self.fitted is not None
        X, limits = self.columns.take_modelled(X), self.limits[:, self.columns.modelled]
        if self.seed is not None:
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=place))
            return draw_within(self.fitted, X, limits, rng)
        out = self.fitted.impute(X)
        # One by one, as limits are doubles: a copy of all cells would be in doubles.
        for j in np.flatnonzero(np.isfinite(limits).any(axis=0)):
            missing = np.isnan(X[:, j])
            out[missing, j] = np.clip(out[missing, j], *limits[:, j])
        return out


def _seed(random_state: Any) -> Any:
    """A seed for numpy's new generators; an int gives the same at every call."""
    if random_state is None:
        return None
    return check_random_state(random_state).randint(2**31, size=4)
