"""A mixture of a stream: first batches held back until they are enough, then online EM."""

from typing import Any

import numpy as np

from emkit.base.estimator import require_same
from emkit.data.checks import in_blocks
from emkit.data.opened import place_of
from emkit.engine.fit import best_run
from emkit.mixture.coded_columns import CodedColumns
from emkit.mixture.coding import Numbered, coding_of, number_names, require_first_batch
from emkit.mixture.degenerate import warn_of_strays
from emkit.mixture.fitted import publish_params
from emkit.mixture.flat import Flat
from emkit.mixture.limits import refuse_streams_of_limits
from emkit.mixture.noise_arguments import refuse_without_volume, wants_noise
from emkit.mixture.streaming import Batch, PartialFitMixin, Stream
from emkit.mixture.table import apart, kept_columns, open_table, which_count
from emkit.models.mixture.noise import NoisyMixture, clusters_of
from emkit.models.rows import Rows
from emkit.numerics.covariance import STRUCTURES

__all__ = ["MixtureStream"]

#: Gain of a step, in nats per sample, to which a stream fits its first batch: what is wrong with
#: the start it mends only slowly.
FIRST_BATCH_TOL = 1e-5
#: Rows that the first batch of a stream has for every mean and its covariance, at least.
BATCH_ROWS = 2.5


class MixtureStream(PartialFitMixin):
    """`partial_fit` of a mixture."""

    n_components: int
    covariance_type: str
    prior: Any
    n_batches_: int
    _held: Rows | None  # first batches that are too small to start from
    _flat: Flat | None
    _fitted_type: str
    _of_stream: bool

    def _require_stream(self) -> None:
        refuse_streams_of_limits(self)
        super()._require_stream()

    def _first_batch(self, X: Any, sample_weight: Any) -> None:
        refuse_streams_of_limits(self, X, first=True)
        names = getattr(self, "feature_names_in_", None)
        held: Rows | None = None
        before: Rows | None = getattr(self, "_held", None)
        n_batches, in_memory = 1 + self._n_held(), place_of(X).in_memory
        if in_memory and before is None:
            require_first_batch(self, X)
        if self.n_components > 1 and self.prior is None and in_memory:
            rows = self._gathered(X, sample_weight)
            if n_batches > 1:
                X, sample_weight = self._numbered(rows), rows.sample_weight
            least = BATCH_ROWS * self.n_components * (rows.X.shape[1] + 1)
            kept = which_count(rows)
            if (len(rows.X) if kept is None else kept.sum()) < least:
                held = rows
        self._of_stream = True
        super()._first_batch(X, sample_weight)
        del self._of_stream
        if before is not None and not in_memory:
            self._follow_with(before)  # rows are not put together with a source or a cluster
        self._held, self.n_batches_ = held, n_batches
        if n_batches > 1 and names is not None:
            self.feature_names_in_ = names

    def _follow_with(self, held: Rows) -> None:
        """Go on from a first batch with rows that were held back, which have no names."""
        names = self.__dict__.pop("feature_names_in_", None)
        self.partial_fit(self._numbered(held), sample_weight=held.sample_weight)
        if names is not None:
            self.feature_names_in_ = names

    def _numbered(self, rows: Rows) -> Any:
        """Rows that were read before, as they are read again."""
        coding = coding_of(self)
        return rows.X if coding is None else Numbered(rows.X, coding)

    def _n_held(self) -> int:
        """Batches that were held back."""
        return self.n_batches_ if getattr(self, "_held", None) is not None else 0

    def _gathered(self, X: Any, sample_weight: Any) -> Rows:
        """Rows of a batch, after those that were held back, all columns."""
        before: Rows | None = getattr(self, "_held", None)
        first = before is None
        opened = open_table(self, X, sample_weight, reset=first, whole=True, batch=not first)
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
            kept: Any = kept_columns(self)
            strays = open_table(self, X, sample_weight, whole=True).survey(kept.strays)
            warn_of_strays(number_names(self), self._flat, np.any(strays, axis=0))
        data = open_table(self, X, sample_weight, batch=True).fit_data(0)
        columns = kept_columns(self)
        if isinstance(columns, CodedColumns):
            data = apart(data, columns, self.n_components)
        return Batch(data, data.total_weight)

    def _model_of_batch(self, stream: Stream, data: Any) -> Any:
        """The model of the stream, as it takes one batch."""
        coding = coding_of(self)
        n_numbers = data.shape[1] - (0 if coding is None else len(coding.categories))
        require_same(
            "partial_fit",
            "(covariance_type, n_components, n_features)",
            before=(self._fitted_type, *clusters_of(stream.state.params).means.shape),
            now=(STRUCTURES[self.covariance_type].name, self.n_components, n_numbers),
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
