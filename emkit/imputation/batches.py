"""An imputer of a stream: online EM whose prior fades as rows come."""

from typing import Any

from emkit._typing import Array
from emkit.base.estimator import require_same
from emkit.base.names import column_names, listed
from emkit.exceptions import DataWarning, warn
from emkit.imputation.columns import Columns
from emkit.imputation.fitted import publish_params
from emkit.imputation.prior import Prepared, prior_model, shrinkage_at
from emkit.imputation.table import load_table, open_table
from emkit.mixture.streaming import Batch, PartialFitMixin, Stream
from emkit.models.mixture.gaussian import GaussianMixtureModel
from emkit.numerics.covariance import STRUCTURES

__all__ = ["ImputerStream"]


class ImputerStream(PartialFitMixin):
    """`partial_fit` of an imputer."""

    n_components: int
    method: str
    covariance_type: str
    missing_fraction_: Array
    n_samples_seen_: float
    _columns: Columns
    _coding: Any
    _fitted: Any

    def _require_stream(self) -> None:
        if self.method != "classes":
            raise ValueError(
                f"partial_fit has no method={self.method!r}, whose margins are of all rows at "
                "once. Fit a sample of the rows, or take method='classes'."
            )
        if self._coding is not None:
            raise ValueError(
                "partial_fit takes numbers alone, and the first batch has columns of categories: "
                f"{listed(column_names(self)[self._coding.columns])}. Fit a sample of the rows, or "
                "set categorical_features=None and number the levels."
            )
        super()._require_stream()

    def _batch(self, X: Any, sample_weight: Any) -> Batch:
        """The rows of a batch that count, in the columns that are modelled."""
        data, columns, cells = load_table(self, open_table(self, X, sample_weight), self._columns)
        news = columns.changed(cells)
        if len(news):
            warn(
                f"Feature(s) {listed(column_names(self)[news])} had no value or one value only "
                "when the stream began, and are filled as they were then, though they vary in this "
                "batch. Clone the estimator to begin anew, with more rows in the first batch.",
                DataWarning,
            )
        return Batch(data, cells.weight, cells.missing_fraction)

    def _model_of_batch(self, stream: Stream, data: Any) -> GaussianMixtureModel:
        """The model of the stream, its prior that of all rows so far."""
        modelled = self._columns.modelled.tolist()
        require_same(
            "partial_fit",
            "(covariance_type, n_components, columns)",
            before=self._fitted[0],
            now=(STRUCTURES[self.covariance_type].name, self.n_components, modelled),
        )
        shrinkage = shrinkage_at(self, stream, stream.state.weight + data.total_weight)
        assert stream.pairwise is not None  # as of every stream of an imputer
        prepared = Prepared(data, self._columns, stream.model.units, stream.pairwise)
        return prior_model(self, prepared, shrinkage).mixture

    def _publish_stream(self, batch: Batch) -> None:
        model, state = self._stream.model, self._stream.state
        publish_params(self, state.estimate, model, self._columns)
        self.shrinkage_ = shrinkage_at(self, self._stream, state.weight)
        self.log_likelihood_ = state.log_likelihood * batch.data.total_weight
        self.n_samples_seen_ += batch.weight
        self.n_batches_ = state.n_batches
        share, missing = batch.weight / self.n_samples_seen_, batch.missing
        assert missing is not None  # as of every batch of an imputer
        self.missing_fraction_ = (1 - share) * self.missing_fraction_ + share * missing
