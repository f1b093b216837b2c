"""An imputer of a stream: online EM whose prior fades as rows come."""

from typing import Any

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.base.names import column_names, listed
from emkit.data.limited_table import limited_table
from emkit.data.limits_by_column import has_limits
from emkit.data.opened import place_of
from emkit.exceptions import DataWarning, warn
from emkit.imputation.coding import require_first_batch
from emkit.imputation.columns import Columns
from emkit.imputation.fitted import publish_params
from emkit.imputation.mixed import batch_table, coded_batch
from emkit.imputation.prior import Prepared, prior_model, shrinkage_at
from emkit.imputation.table import load_table, open_table
from emkit.mixture.streaming import Batch, PartialFitMixin, Stream
from emkit.numerics.covariance import STRUCTURES

__all__ = ["ImputerStream"]

#: Why there are no streams of limits.
NO_LIMITS = (
    "partial_fit takes numbers as they are: no cells that are known to an interval (lower_limits, "
    "upper_limits, '<0.05') and no logarithms (log). Fit a sample of the rows."
)


class ImputerStream(PartialFitMixin):
    """`partial_fit` of an imputer."""

    n_components: int
    method: str
    covariance_type: str
    missing_fraction_: Array
    n_samples_seen_: float
    _columns: Columns
    _coding: Any
    _shares: Any
    _fitted: Any
    _limited: bool
    lower_limits: Any
    upper_limits: Any

    def _require_stream(self) -> None:
        if self.method != "classes":
            raise ValueError(
                f"partial_fit has no method={self.method!r}, whose margins are of all rows at "
                "once. Fit a sample of the rows, or take method='classes'."
            )
        if self._limited or has_limits(self) or len(self._columns.logs):
            raise ValueError(NO_LIMITS)
        super()._require_stream()

    def _first_batch(self, X: Any, sample_weight: Any) -> None:
        if limited_table(self, X, fitting=True) is not None:
            raise ValueError(NO_LIMITS)
        if place_of(X).in_memory:
            require_first_batch(self, X)
        super()._first_batch(X, sample_weight)

    def _batch(self, X: Any, sample_weight: Any) -> Batch:
        """The rows of a batch that count, in the columns that are modelled."""
        if limited_table(self, X) is not None:
            raise ValueError(NO_LIMITS)
        opened = open_table(self, X, sample_weight, batch=True)
        data, columns, cells = load_table(self, opened, self._columns)
        news = columns.changed(cells)
        if len(news):
            warn(
                f"Feature(s) {listed(column_names(self)[news])} had no value or one value only "
                "when the stream began, and are filled as they were then, though they vary in this "
                "batch. Clone the estimator to begin anew, with more rows in the first batch.",
                DataWarning,
            )
        if self._shares is not None:
            data = coded_batch(self, data)
        return Batch(data, cells.weight, cells.missing_fraction)

    def _model_of_batch(self, stream: Stream, data: Any) -> Any:
        """The model of the stream, its prior that of all rows so far."""
        modelled = self._columns.modelled.tolist()
        require_same(
            "partial_fit",
            "(covariance_type, n_components, columns)",
            before=tuple(self._fitted[0][:3]),
            now=(STRUCTURES[self.covariance_type].name, self.n_components, modelled),
        )
        seen = stream.state.weight
        shrinkage = shrinkage_at(self, stream, seen + data.total_weight)
        if self._shares is not None:
            return batch_table(self, data, stream).model(shrinkage, seen)
        assert stream.pairwise is not None  # as of every stream of an imputer
        prepared = Prepared(data, self._columns, stream.model.units, stream.pairwise)
        return prior_model(self, prepared, shrinkage).mixture

    def _publish_stream(self, batch: Batch) -> None:
        model, state = self._stream.model, self._stream.state
        if self._shares is None:
            publish_params(self, state.estimate, model, self._columns)
        else:
            batch_table(self, batch.data, self._stream).publish_params(state.estimate, model)
        self.shrinkage_ = shrinkage_at(self, self._stream, state.weight)
        self.log_likelihood_ = state.log_likelihood * batch.data.total_weight
        self.n_samples_seen_ += batch.weight
        self.n_batches_ = state.n_batches
        share, missing = batch.weight / self.n_samples_seen_, batch.missing
        assert missing is not None  # as of every batch of an imputer
        self.missing_fraction_ = (1 - share) * self.missing_fraction_ + share * missing
