"""An imputer by the latent normal: its prior, its start, what it publishes."""

from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.base.names import column_labels
from emkit.data.categories import Coding
from emkit.engine import EMResult, StochasticApproximationEM
from emkit.imputation.columns import Columns
from emkit.models.latent_normal.cells import LatentCells
from emkit.models.latent_normal.columns import LatentColumns, Nominal, Number, Ordinal, Table
from emkit.models.latent_normal.gibbs import LatentParams
from emkit.models.latent_normal.margins import Margin
from emkit.models.latent_normal.model import LatentNormal
from emkit.models.latent_normal.moments import moments, scaled
from emkit.models.latent_normal.rows import LatentRows
from emkit.models.mixed.cells import Members
from emkit.models.mixture.single_normal import MIN_SHRINKAGE
from emkit.models.rows import Rows

__all__ = ["LATENT", "LatentTable", "begin", "is_latent", "latent_cells", "latent_table"]

#: The name of the method.
LATENT = "latent_normal"
#: Levels of a column without order beyond which it is left to their shares.
MOST_LEVELS = 30
#: How it is fitted: long enough that correlations are off by less than half of 0.02 from what an
#: endless run gives, in tables of a few hundred rows.
MOVED, MOST_MOVES = 700, 10
FORM = StochasticApproximationEM(burn_in=30, n_iter=150, decay=0.6)


class LatentTable(NamedTuple):
    """A table of a fit: what `fit_table` asks of it."""

    imputer: Any
    data: LatentRows
    columns: Columns
    coding: Coding | None
    latent: LatentColumns
    n_levels: list[int]
    prepared: None = None
    form: Any = FORM

    def auto_shrinkage(self) -> float:
        """Half a row of prior for every latent cell beyond the two of a correlation."""
        d = self.latent.size
        return 0.5 * max(d - 2, 0) / (self.data.total_weight + d)

    def model(self, shrinkage: float) -> LatentNormal:
        """The model with the prior that a shrinkage stands for."""
        n_moves = -(-MOVED // len(self.data))
        return LatentNormal(self.latent, max(shrinkage, MIN_SHRINKAGE), min(n_moves, MOST_MOVES))

    def start(self, model: LatentNormal) -> LatentParams:
        """The last fit, or no correlation."""
        imputer = self.imputer
        if imputer.warm_start and getattr(imputer, "_fitted", None) is not None:
            before, _, params = imputer._fitted
            require_same("warm_start", "(method, columns, levels)", before, now=self.key)
            return LatentParams(*params)
        d = self.latent.size
        return LatentParams(np.zeros(d), np.eye(d))

    @property
    def key(self) -> Any:
        """What must be the same for a fit to go on from another."""
        return LATENT, self.columns.modelled.tolist(), self.n_levels

    def normal(self, model: LatentNormal) -> None:
        """None: no mixture of normals, whose covariances may collapse."""

    def publish(self, result: EMResult, model: LatentNormal, shrinkage: float) -> None:
        """Set the fitted attributes."""
        imputer, params = self.imputer, result.params
        shares = self.latent.shares()
        imputer._columns = self.columns
        imputer._fitted = self.key, packed(self.latent), tuple(params)
        imputer._shares = [p for _, p in shares] if shares else None
        imputer._stream = None
        self._publish_moments(params)
        imputer.correlation_ = scaled(params.covariance)
        imputer.latent_names_ = self._names()
        imputer.shrinkage_ = float(shrinkage)
        imputer.log_likelihood_ = result.log_likelihood
        imputer.n_iter_ = result.n_iter
        imputer.converged_ = result.converged
        imputer.history_ = result.history
        imputer.runs_ = result.runs

    def _publish_moments(self, params: LatentParams) -> None:
        """Mean and covariance of the numbers, and shares of levels, of one class."""
        imputer = self.imputer
        mean, covariance = moments(self.latent, params)
        imputer.weights_, imputer.tables_, imputer.effects_ = np.ones(1), {}, {}
        if not self.coding or not self.latent.shares():
            where, d = self.columns.modelled_in_output, len(self.columns.kept)
            whole: Array = np.zeros((d, d))
            whole[np.ix_(where, where)] = covariance
            mean, covariance = self.columns.spread_means(mean[None])[0], whole
        imputer.means_, imputer.location_ = mean[None], mean
        imputer.covariances_, imputer.covariance_ = covariance[None], covariance
        for column, shares in self.latent.shares():
            j = int(self.columns.modelled[column])
            assert self.coding is not None  # as where there are levels
            imputer.tables_[self.coding.names[j]] = self.coding.categories[j].spread(shares[None])

    def _names(self) -> list[str]:
        """Of the latent cells: of columns, and of the levels that have a utility."""
        labels, out = column_labels(self.imputer), [""] * self.latent.size
        names = [labels[j] for j in self.columns.modelled]
        for one in self.latent.latent:
            if not isinstance(one, Nominal):
                out[one.at] = str(names[one.column])
        for nominal in self.latent.nominals:
            assert self.coding is not None
            category = self.coding.categories[int(self.columns.modelled[nominal.column])]
            codes = np.arange(len(nominal.shares) - 1.0)
            for at, place in zip(nominal.places, category.representative(codes), strict=True):
                out[at] = f"{names[nominal.column]}={category.levels[place]}"
        return out


def latent_table(imputer: Any, data: Any, columns: Columns, coding: Coding | None) -> LatentTable:
    """The table of a fit, from rows (n, modelled columns) in which categories are numbered."""
    _check(imputer, data)
    X, weights = data.X.astype(float), data.sample_weight
    weights = np.ones(len(X)) if weights is None else np.asarray(weights, dtype=float)
    categories = {} if coding is None else coding.categories
    kinds = [categories.get(int(j)) for j in columns.modelled]
    n_levels = [0 if kind is None else kind.n_groups for kind in kinds]
    ordered = [kind is not None and kind.ordered for kind in kinds]
    latent = LatentColumns.of(X, weights, n_levels, ordered, MOST_LEVELS)
    rows = LatentRows.of(latent, X, weights)
    return LatentTable(imputer, rows, columns, coding, latent, n_levels)


def _check(imputer: Any, data: Any) -> None:
    """ValueError for what the latent normal does not offer."""
    if not isinstance(data, Rows):
        raise ValueError(
            "method='latent_normal' ranks the values of every column, and X is read block by "
            "block. Fit a sample of the rows, or take method='classes'."
        )
    for name, only in (("n_components", 1), ("covariance_type", "full")):
        value = getattr(imputer, name)
        if value != only:
            raise ValueError(
                f"method='latent_normal' is one normal: {name} must be {only!r}. Got {value!r}. "
                "Leave it at its default, or take method='classes'."
            )


def begin(imputer: Any) -> None:
    """Forget what an earlier fit published of the latent cells; there may be none now."""
    for name in ("correlation_", "latent_names_"):
        imputer.__dict__.pop(name, None)
    if imputer.method == LATENT:
        imputer.correlation_, imputer.latent_names_ = np.zeros((0, 0)), []


def is_latent(imputer: Any) -> bool:
    """Whether a fitted imputer is of this kind."""
    return imputer._fitted is not None and imputer._fitted[0][0] == LATENT


def latent_cells(imputer: Any) -> LatentCells:
    """The fitted model as it takes tables of numbered categories."""
    _, kept, params = imputer._fitted
    latent, coding = unpacked(kept), imputer._coding
    modelled = imputer._columns.modelled
    places = sorted(column for column, _ in latent.shares())
    members = [
        Members(np.array(of.group), np.array(of.shares))
        for of in (coding.categories[int(modelled[j])] for j in places)
    ]
    return LatentCells(latent, LatentParams(*params), np.array(places, dtype=np.intp), members)


def packed(latent: LatentColumns) -> dict[str, Any]:
    """The columns as tuples of numbers and arrays, in which no class of ours is kept."""
    numbers = [(column, at, *margin) for column, at, margin in latent.numbers]
    others = ([tuple(one) for one in kind] for kind in latent[1:])
    return dict(zip(LatentColumns._fields, (numbers, *others), strict=True))


def unpacked(kept: dict[str, Any]) -> LatentColumns:
    """The columns that `packed` made this of."""
    return LatentColumns(
        tuple(Number(column, at, Margin(*margin)) for column, at, *margin in kept["numbers"]),
        tuple(Ordinal(*one) for one in kept["ordinals"]),
        tuple(Nominal(*one) for one in kept["nominals"]),
        tuple(Table(*one) for one in kept["tables"]),
    )
