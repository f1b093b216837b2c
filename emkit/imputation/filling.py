"""How a fitted imputer fills missing cells, at once or block by block."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from emkit._typing import Array
from emkit.imputation.columns import Columns, check_limits
from emkit.imputation.fitted import fitted_cells
from emkit.models.mixture.truncated_draws import draw_within
from emkit.models.rows import Rows
from emkit.numerics.bounds import CellBounds, keep_within

__all__ = ["Filler", "missing_in"]


class Filler(NamedTuple):
    """What fills rows; it stays as it is, whatever becomes of the imputer, and draws the same."""

    columns: Columns
    fitted: Any  #: `Cells` of the columns that vary; None where none does
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
            check_limits(imputer, imputer.n_features_in_, imputer._columns.logs),
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
        place = () if number is None else (number,)
        columns = self.columns
        if self.fitted is None:
            out = columns.fill_constants(rows, self.limits)
        elif len(columns.modelled) == len(columns.kept):
            out = self._complete(rows, place)
        else:
            out = columns.fill_constants(rows, self.limits)
            out[:, columns.modelled_in_output] = self._complete(rows, place)
        self._round(rows, out)
        if not len(self.indicated):
            return out
        missing = missing_in(rows)
        both = np.empty((len(out), self.width), out.dtype)
        both[:, : out.shape[1]] = out
        both[:, out.shape[1] :] = missing[:, self.indicated]
        return both

    def _round(self, rows: Rows, out: Array) -> None:
        """Whole numbers in the missing cells of columns of such.

        They are from the range seen, or, where limits leave none of it, the nearest within these;
        of a cell that is known to an interval from this, where that has one.
        """
        missing = missing_in(rows) if len(self.whole) else np.zeros(0)
        for at, j in enumerate(self.columns.kept):
            if j in self.whole:
                holes, limits = missing[:, j], self.limits[:, j]
                inside = np.ceil(self.seen[0, j]), np.floor(self.seen[1, j])
                within = np.ceil(limits[0]), np.floor(limits[1])
                out[holes, at] = np.clip(np.clip(np.round(out[holes, at]), *inside), *within)
        if rows.bounds is not None and len(self.whole):
            bounds = self._whole_bounds(rows.bounds, rows.X.shape[1])
            if bounds is not None:
                cells = bounds.rows, bounds.columns
                out[cells] = np.round(out[cells])
                keep_within(out, bounds)

    def _whole_bounds(self, bounds: CellBounds, n_features: int) -> CellBounds | None:
        """Bounds, within those of cells, of whole numbers, where there are any between them."""
        kept = bounds.keep(self.columns.kept, n_features)
        if kept is None:
            return None
        ends = np.stack([np.ceil(kept.ends[0]), np.floor(kept.ends[1])])
        is_whole = np.isin(self.columns.kept[kept.columns], self.whole)
        return kept._replace(ends=ends).where(is_whole & (ends[0] <= ends[1]))

    def _complete(self, rows: Rows, place: tuple[int, ...]) -> Array:
        """The modelled columns, filled."""
        columns, logs = self.columns, self.columns.modelled_logs
        part, X = columns.as_modelled(rows), columns.take_modelled(rows.X)
        limits = self.limits[:, columns.modelled]
        if self.seed is not None:
            rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=place))
            in_logs = limits.copy()
            with np.errstate(divide="ignore"):
                in_logs[:, logs] = np.log(np.maximum(limits[:, logs], 0.0))
            out = draw_within(self.fitted, part.X, in_logs, rng, part.bounds)
        elif part.bounds is None:
            out = self.fitted.impute(part.X)
        else:
            out = self.fitted.impute(part.X, part.bounds)
        if part.bounds is not None:
            out = out.astype(X.dtype, copy=False)
        for j in logs:  # what was observed is as it was
            out[:, j] = np.where(np.isnan(X[:, j]), np.exp(out[:, j]), X[:, j])
        if self.seed is None:
            # One by one, as limits are doubles: a copy of all cells would be in doubles.
            for j in np.flatnonzero(np.isfinite(limits).any(axis=0)):
                missing = np.isnan(X[:, j])
                out[missing, j] = np.clip(out[missing, j], *limits[:, j])
        if rows.bounds is not None:
            keep_within(out, rows.bounds.keep(columns.modelled, rows.X.shape[1]))
        return out


def missing_in(rows: Rows) -> NDArray[np.bool_]:
    """Which cells (n, d) are missing: not even an interval is known of them."""
    missing = np.isnan(rows.X)
    return missing if rows.bounds is None else missing & ~rows.bounds.mask(rows.X.shape[1])


def _seed(random_state: Any) -> Any:
    """A seed for numpy's new generators; an int gives the same at every call."""
    if random_state is None:
        return None
    return check_random_state(random_state).randint(2**31, size=4)
