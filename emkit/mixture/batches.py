"""A mixture of a stream: first batches held back until they are enough, then online EM."""

from typing import Any

import numpy as np

from emkit.base.estimator import require_same
from emkit.base.names import column_names
from emkit.data.checks import in_blocks
from emkit.data.opened import place_of
from emkit.engine.fit import best_run
from emkit.mixture.coding import coding_of, learn, refuse_categories
from emkit.mixture.degenerate import warn_of_strays
from emkit.mixture.fitted import publish_params
from emkit.mixture.flat import Flat
from emkit.mixture.limits import refuse_streams_of_limits
from emkit.mixture.noise_arguments import refuse_without_volume, wants_noise
from emkit.mixture.streaming import Batch, PartialFitMixin, Stream
from emkit.mixture.table import open_table, which_count
from emkit.models.mixture.noise import NoisyMixture, clusters_of
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES

__all__ = ["MixtureStream"]

#: Gain of a step, in nats per sample, to which a stream fits its first batch: what is wrong with
#: the start it mends only slowly.
FIRST_BATCH_TOL = 1e-5
#: Rows that the first batch of a stream has for every mean and its covariance, at least.
BATCH_ROWS = 2.5

#: What to do with a stream of categories.
NO_STREAM = "Fit a sample of the rows."


class MixtureStream(PartialFitMixin):
    """`partial_fit` of a mixture."""

    n_components: int
    covariance_type: str
    prior: Any
    n_batches_: int
    _held: Rows | None  # first batches that are too small to start from
    _flat: Flat | None
    _fitted_type: str

    def _require_stream(self) -> None:
        refuse_categories(self, coding_of(self), "partial_fit", NO_STREAM)
        refuse_streams_of_limits(self)
        super()._require_stream()

    def _first_batch(self, X: Any, sample_weight: Any) -> None:
        refuse_streams_of_limits(self, X, first=True)
        refuse_categories(self, learn(self, X), "partial_fit", NO_STREAM)
        names = getattr(self, "feature_names_in_", None)
        held: Rows | None = None
        before: Rows | None = getattr(self, "_held", None)
        n_batches, in_memory = 1 + self._n_held(), place_of(X).in_memory
        if self.n_components > 1 and self.prior is None and in_memory:
            rows = self._gathered(X, sample_weight)
            if n_batches > 1:
                X, sample_weight, *_ = rows
            least = BATCH_ROWS * self.n_components * (rows.X.shape[1] + 1)
            kept = which_count(rows)
            if (len(rows.X) if kept is None else kept.sum()) < least:
                held = rows
        super()._first_batch(X, sample_weight)
        if before is not None and not in_memory:
            self._follow_with(before)  # rows are not put together with a source or a cluster
        self._held, self.n_batches_ = held, n_batches
        if n_batches > 1 and names is not None:
            self.feature_names_in_ = names

    def _follow_with(self, held: Rows) -> None:
        """Go on from a first batch with rows that were held back, which have no names."""
        names = self.__dict__.pop("feature_names_in_", None)
        self.partial_fit(held.X, sample_weight=held.sample_weight)
        if names is not None:
            self.feature_names_in_ = names

    def _n_held(self) -> int:
        """Batches that were held back."""
        return self.n_batches_ if getattr(self, "_held", None) is not None else 0

    def _gathered(self, X: Any, sample_weight: Any) -> Rows:
        """Rows of a batch, after those that were held back, all columns."""
        before: Rows | None = getattr(self, "_held", None)
        opened = open_table(self, X, sample_weight, reset=before is None, whole=True)
        (rows,) = opened.survey(lambda rows: rows)
        if before is None:
            return Rows(*rows[:2])
        both = before, rows
        weights = [np.ones(len(r.X)) if r.sample_weight is None else r.sample_weight for r in both]
        weighted = any(r.sample_weight is not None for r in both)
        X = np.concatenate([r.X for r in both])
        return Rows(X, np.concatenate(weights) if weighted else None)

    def _settled(self, X: Any, sample_weight: Any) -> Stream:
        stream, batch = self._stream, self._batch(X, sample_weight)
        model, start, n = stream.model, stream.state.params, batch.weight
        data = in_blocks(batch.data)
        result = best_run(model, data, start=start, tol=FIRST_BATCH_TOL * n, max_iter=1000)
        publish_params(self, result.params, model, stream.dtype)
        self.lower_bound_ = result.log_likelihood / n
        return Stream.after_fit(model, result.params, batch.data)

    def _batch(self, X: Any, sample_weight: Any) -> Batch:
        """The rows of a batch that count, of which there may be none."""
        refuse_streams_of_limits(self, X)
        if self._flat is not None:
            strays = open_table(self, X, sample_weight, whole=True).survey(self._flat.strays)
            warn_of_strays(column_names(self), self._flat, np.any(strays, axis=0))
        data = open_table(self, X, sample_weight).fit_data(0)
        return Batch(data, data.total_weight)

    def _model_of_batch(self, stream: Stream, data: Any) -> Any:
        """The model of the stream, as it takes one batch."""
        require_same(
            "partial_fit",
            "(covariance_type, n_components, n_features)",
            before=(self._fitted_type, *clusters_of(stream.state.params).means.shape),
            now=(STRUCTURES[self.covariance_type].name, self.n_components, data.shape[1]),
        )
        noisy = isinstance(stream.model, NoisyMixture)
        require_same("partial_fit", "noise", before=noisy, now=wants_noise(self))
        refuse_without_volume(self, data)
        return stream.model_of(data)

    def _publish_stream(self, batch: Batch) -> None:
        state = self._stream.state
        publish_params(self, state.estimate, self._stream.model, batch.data.dtype)
        self.lower_bound_ = state.log_likelihood
        self.n_samples_seen_ = state.weight
        self.n_batches_ += 1
