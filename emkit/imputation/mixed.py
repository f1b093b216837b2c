"""An imputer of numbers and categories: its priors, its starts, what it publishes."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.base.names import column_names, listed
from emkit.data.categories import Coding
from emkit.data.coded_stream import coded
from emkit.engine import EMResult
from emkit.imputation.columns import Columns
from emkit.imputation.prior import Prepared, prepare, prior_model
from emkit.mixture.streaming import Stream
from emkit.models.mixed.cells import Members, MixedCells
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams
from emkit.models.mixed.moments import LocalMoments, number_moments
from emkit.models.mixed.rows import Levels
from emkit.models.mixed.starts import counts_of, draw_start, normal_start, shares_of
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.models.mixture.single_normal import MIN_SHRINKAGE, auto_shrinkage
from emkit.models.mixture.starts import sample_size
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Scaling

__all__ = [
    "MixedTable",
    "batch_table",
    "coded_batch",
    "mixed_cells",
    "mixed_table",
    "moments_model",
    "undo_optimism",
]

#: Levels of a column beyond which it does not move the numbers: tables of effects would be large.
MOST_LEVELS = 30
#: Rows of prior for the table of each column and class.
OF_TABLES = 1.0
#: Rows of prior for each effect, and the part of all rows that these are at most. Over 14 tables 12
#: rows had less error, and log-loss, than 4; a small table is not to be ruled by them.
OF_EFFECTS, OF_EFFECTS_AT_MOST = 12.0, 1.0 / 25.0
#: Factor of a residual variance, or part of it, beyond which two fits are not of the same classes.
MOST_OPTIMISM = 4.0


class Kinds(NamedTuple):
    """Which of the modelled columns are numbers, and what is known of the others."""

    numbers: NDArray[np.intp]  #: places among the modelled columns
    categories: NDArray[np.intp]
    n_levels: tuple[int, ...]

    @classmethod
    def of(cls, columns: Columns, coding: Coding) -> "Kinds":
        is_category = np.isin(columns.modelled, coding.columns)
        categories = np.flatnonzero(is_category)
        levels = (coding.categories[int(j)].n_groups for j in columns.modelled[categories])
        return cls(np.flatnonzero(~is_category), categories, tuple(levels))


class MixedTable(NamedTuple):
    """A table of a fit: what `fit_table` asks of it."""

    imputer: Any
    data: Any  #: `CodedRows`, or blocks of them
    columns: Columns
    coding: Coding
    kinds: Kinds
    shares: list[Array]
    prepared: Prepared | None  #: of the numbers; None where there are none
    form: str = "em"

    def auto_shrinkage(self) -> float:
        """What ``shrinkage="auto"`` is here."""
        if self.prepared is None:
            return MIN_SHRINKAGE
        return max(auto_shrinkage(self.prepared.pairwise, self.imputer.n_components), MIN_SHRINKAGE)

    def model(self, shrinkage: float, seen: float = 0.0) -> LocalDependence:
        """The model with the priors that a shrinkage stands for, after so many rows of a stream."""
        normal = None
        if self.prepared is not None:
            normal = prior_model(self.imputer, self.prepared, shrinkage)
        informed = shrinkage > 0.0
        return LocalDependence(
            normal,
            self.imputer.n_components,
            levels_of(self.kinds),
            self.shares,
            pseudo_counts=OF_TABLES * informed,
            ridge=min(OF_EFFECTS, OF_EFFECTS_AT_MOST * (seen + self.data.total_weight)) * informed,
            draw_start=draw_start,
            total_weight=self.data.total_weight,
        )

    def start(self, model: LocalDependence) -> LocalParams | None:
        """The last fit, or the observed means of one class; None for random starts."""
        imputer = self.imputer
        if imputer.warm_start and getattr(imputer, "_fitted", None) is not None:
            before, (old_shift, old_scale), params = imputer._fitted
            *key, levels = key_of(imputer, self.columns, self.coding)
            names = "(covariance_type, n_components, columns)"
            require_same("warm_start", names, tuple(before[:3]), now=tuple(key))
            _require_same_levels(before[3:], levels, column_names(imputer))
            if model.normal is None:
                return params
            (shift, scale), ratio = model.normal.units, old_scale / model.normal.units.scale
            return params._replace(
                means=(params.means * old_scale + old_shift - shift) / scale,
                covariances=model.normal.layout.rescale(params.covariances, ratio),
                effects=params.effects * ratio,
            )
        if imputer.n_components > 1:
            return None
        return normal_start(model, self.prepared and self.prepared.pairwise)

    def normal(self, model: LocalDependence) -> GaussianMixtureModel | None:
        """What the model says of the numbers; None where there are none."""
        return model.normal

    def publish_params(self, params: LocalParams, model: LocalDependence) -> None:
        """Set those of the fitted attributes that are parameters."""
        imputer = self.imputer
        params = params._replace(weights=params.weights / params.weights.sum())
        no_units = Scaling(np.zeros(0), np.ones(0))
        units = no_units if model.normal is None else model.normal.units
        imputer._columns = self.columns
        imputer._fitted = key_of(imputer, self.columns, self.coding), units, params
        imputer._shares = self.shares
        publish_moments(imputer, self, model, params)

    def publish(self, result: EMResult, model: LocalDependence, shrinkage: float) -> None:
        """Set the fitted attributes."""
        imputer, pairwise = self.imputer, self.prepared and self.prepared.pairwise
        self.publish_params(result.params, model)
        if self.prepared is not None:
            result = self.prepared.columns.of_numbers(result, self.prepared.data)
        imputer._stream = Stream.after_fit(model, result.params, self.data, pairwise)
        imputer.shrinkage_ = float(shrinkage)
        imputer.log_likelihood_ = result.log_likelihood
        imputer.n_iter_ = result.n_iter
        imputer.converged_ = result.converged
        imputer.history_ = result.history
        imputer.runs_ = result.runs


def coded_batch(imputer: Any, data: Any) -> Any:
    """Rows of the modelled columns of a batch, as numbers and categories."""
    return _coded(imputer, data, Kinds.of(imputer._columns, imputer._coding))


def batch_table(imputer: Any, rows: Any, stream: Stream) -> MixedTable:
    """The table of such rows, in the units of their stream."""
    columns, kinds = imputer._columns, Kinds.of(imputer._columns, imputer._coding)
    prepared = None
    if stream.pairwise is not None:
        of_numbers = columns._replace(modelled=columns.modelled[kinds.numbers])
        units = stream.model.normal.units
        prepared = Prepared(rows.numbers, of_numbers, units, stream.pairwise)
    return MixedTable(imputer, rows, columns, imputer._coding, kinds, imputer._shares, prepared)


def _coded(imputer: Any, data: Any, kinds: Kinds) -> Any:
    size = sample_size(imputer.n_components, data.shape[1])
    return coded(data, kinds.numbers, kinds.categories, size)


def moments_model(imputer: Any, data: Any) -> tuple[LocalMoments, Any, LocalParams] | None:
    """The fitted model with the moments of its numbers, and its data; None without numbers."""
    table = mixed_table(imputer, data, imputer._columns, imputer._coding)
    (*_, units, params), shrinkage = imputer._fitted, imputer.shrinkage_
    if table.prepared is None:
        return None
    table = table._replace(prepared=table.prepared._replace(units=units))
    model = table._replace(shares=imputer._shares).model(shrinkage)
    return LocalMoments(model), table.data, params


def levels_of(kinds: Kinds) -> Levels:
    """Which columns move the numbers: those of not too many levels, where there are numbers."""
    some = len(kinds.numbers) > 0
    return Levels(kinds.n_levels, tuple(some and n <= MOST_LEVELS for n in kinds.n_levels))


def key_of(imputer: Any, columns: Columns, coding: Coding) -> Any:
    """What must be the same for a fit to go on from another."""
    structure, modelled = STRUCTURES[imputer.covariance_type].name, columns.modelled.tolist()
    levels = {j: (of.levels, of.group) for j, of in coding.categories.items() if j in modelled}
    return structure, imputer.n_components, modelled, levels


def _require_same_levels(before: Any, now: Any, names: Any) -> None:
    """ValueError where codes would stand for other levels than in the last fit."""
    old = before[0] if before else {}
    changed = [names[j] for j in sorted({*old, *now}) if old.get(j) != now.get(j)]
    if changed:
        raise ValueError(
            "warm_start goes on from the last fit, which had other levels (or, with min_frequency, "
            f"pooled others) in column(s) {listed(changed)}. Refit with warm_start=False or clone "
            "the estimator."
        )


def mixed_table(imputer: Any, data: Any, columns: Columns, coding: Coding) -> MixedTable:
    """The table of a fit, from rows (n, modelled columns) in which categories are numbered."""
    kinds = Kinds.of(columns, coding)
    rows, prepared = _coded(imputer, data, kinds), None
    if len(kinds.numbers):
        of_numbers = columns._replace(modelled=columns.modelled[kinds.numbers])
        prepared = prepare(imputer, rows.numbers, of_numbers)
    shares = shares_of(counts_of(rows, kinds.n_levels))
    return MixedTable(imputer, rows, columns, coding, kinds, shares, prepared)


def publish_moments(
    imputer: Any, table: MixedTable, model: LocalDependence, params: LocalParams
) -> None:
    """Tables, effects, and the means and covariances of the numbers, in the user's units."""
    K, names = model.n_classes, table.coding.names
    split = np.split(params.tables, np.cumsum(table.kinds.n_levels)[:-1], axis=1)
    of_levels = model.design.effects(params.effects)
    imputer.weights_ = params.weights
    imputer.tables_, imputer.effects_ = {}, {}
    for at, (place, t) in enumerate(zip(table.kinds.categories, split, strict=True)):
        j = int(table.columns.modelled[place])
        members = table.coding.categories[j]
        imputer.tables_[names[j]] = members.spread(t)
        if at in of_levels:
            unit = model.normal.units.scale  # type: ignore[union-attr]  # as something is moved
            effects = of_levels[at][list(members.group)] * unit
            effects[np.array(members.group) < 0] = np.nan
            imputer.effects_[names[j]] = effects
    if model.normal is None:
        imputer.means_, imputer.location_ = np.zeros((K, 0)), np.zeros(0)
        imputer.covariances_, imputer.covariance_ = params.covariances, np.zeros((0, 0))
        return
    shift, scale = model.normal.units
    means, location, covariance = number_moments(model, params)
    imputer.means_, imputer.location_ = means * scale + shift, location * scale + shift
    imputer.covariance_ = covariance * np.outer(scale, scale)
    imputer.covariances_ = model.normal.layout.rescale(params.covariances, scale)


def mixed_cells(imputer: Any) -> MixedCells:
    """The fitted model as it takes tables of numbered categories."""
    coding, columns = imputer._coding, imputer._columns
    (name, K, *_), units, params = imputer._fitted
    kinds = Kinds.of(columns, coding)
    normal = None
    if len(kinds.numbers):
        normal = GaussianMixtureModel(STRUCTURES[name], units, incomplete=True)
    model = LocalDependence(normal, K, levels_of(kinds), imputer._shares)
    members = [
        Members(np.array(of.group), np.array(of.shares))
        for of in (coding.categories[int(j)] for j in columns.modelled[kinds.categories])
    ]
    return MixedCells(model, params, kinds.numbers, kinds.categories, members)


def undo_optimism(imputer: Any, whole: Any) -> None:
    """Enlarge the covariances of a fit to bootstrap weights by what they are too small.

    Residuals about effects and means that were fitted to them are too small. Those of a bootstrap
    are so twice, once as they are about its own and once as rows are those of a fit, and the first
    is seen: with g the geometric mean of the residual variances, it is the ratio of g in the
    bootstrap to g in the fit. Both are undone by its square (bias correction by the bootstrap, on
    the scale of logarithms). Without it intervals of multiple imputation are too short.
    """
    if imputer._fitted is None or is_without_numbers(imputer):
        return
    key, units, params = imputer._fitted
    ratio = np.exp(2.0 * (_log_variance(whole) - _log_variance(imputer)))
    factor = np.clip(ratio, 1.0 / MOST_OPTIMISM, MOST_OPTIMISM)
    imputer._fitted = key, units, params._replace(covariances=params.covariances * factor)


def is_without_numbers(imputer: Any) -> bool:
    """Whether a fitted imputer is not of numbers beside categories, in classes."""
    params = imputer._fitted[-1]
    return not (isinstance(params, LocalParams) and params.means.shape[1])


def _log_variance(imputer: Any) -> float:
    """Logarithm of the geometric mean of the residual variances, in the user's units."""
    (name, *_), units, params = imputer._fitted
    layout, p = STRUCTURES[name].layout, params.means.shape[1]
    whitening = layout.log_det(layout.whitening(params.covariances), p)
    whitening = np.broadcast_to(whitening, len(params.weights))
    share = params.weights / params.weights.sum()
    return float(2.0 * np.log(units.scale).mean() - 2.0 * share @ whitening / p)
