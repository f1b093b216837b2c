"""What `partial_fit` of the mixture and of the imputer share: online EM, one batch a call."""

from collections.abc import Callable
from copy import copy
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np

from emkit._typing import Array
from emkit.base.estimator import at_least, between, check_arguments, restores
from emkit.base.weights import weights_given
from emkit.data.checks import in_blocks
from emkit.engine import EM, OnlineEM, OnlineState, tree
from emkit.exceptions import DataWarning, warn
from emkit.mixture.flat import Flat
from emkit.mixture.student_t import of_normals_alone
from emkit.models.mixed.local_dependence import LocalDependence, LocalParams, LocalStats
from emkit.models.mixed.rows import Levels
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.noise import (
    NoisyMixture,
    NoisyMoments,
    NoisyParams,
    clusters_of,
    normalised,
)
from emkit.models.mixture.prior import Prior
from emkit.models.mixture.single_normal import Pairwise
from emkit.numerics.covariance import STRUCTURES
from emkit.numerics.gaussian import Moments, Scaling

__all__ = ["STREAM_CONSTRAINTS", "Batch", "PartialFitMixin", "Stream"]

#: Constraints of the arguments that `partial_fit` goes by.
STREAM_CONSTRAINTS = {
    "learning_decay": [between(Real, 0.5, 1.0)],
    "learning_offset": [at_least(Real, 0.0)],
    "average": ["boolean", at_least(Integral, 1)],
}


class Batch(NamedTuple):
    """One batch of a stream."""

    data: Any  #: the rows that tell something
    weight: float  #: of all rows
    missing: Array | None = None  #: share of missing cells in every feature


class Stream(NamedTuple):
    """All that is kept of a stream; units and prior are those of its first batch."""

    model: Any  #: `GaussianMixtureModel`, `NoisyMixture` of one, or `LocalDependence`
    state: OnlineState
    dtype: Any  #: of every batch
    weight: float  #: of the first batch
    pairwise: Pairwise | None = None  #: of the first batch, where the prior is made of it

    @classmethod
    def after_fit(
        cls,
        model: Any,
        params: Any,
        data: Any,
        pairwise: Pairwise | None = None,
    ) -> "Stream":
        """From fitted parameters, which stand for the data that they were fitted to."""
        params, weight = normalised(params), data.total_weight
        stats = tree.map_leaves(lambda x: x / weight, model.implied_statistics(params, weight))
        return cls(model, OnlineState(params, stats, weight), data.dtype, weight, pairwise)

    def packed(self) -> dict[str, Any]:
        """The stream as text, numbers and arrays, in which no class of ours is kept."""
        state = self.state._asdict()
        for field in ("params", "stats", "average"):
            state[field] = None if state[field] is None else _as_dict(state[field])
        return {
            **_packed_model(self.model),
            "state": state,
            "dtype": str(self.dtype),
            "weight": self.weight,
            "pairwise": None if self.pairwise is None else self.pairwise._asdict(),
        }

    @classmethod
    def unpacked(cls, kept: dict[str, Any]) -> "Stream":
        """The stream that `packed` made this of."""
        state = OnlineState(**kept["state"])
        average = None if state.average is None else _params_of(state.average)
        state = state._replace(
            params=_params_of(state.params), stats=_stats_of(state.stats), average=average
        )
        model = _unpacked_model(kept, state)
        pairwise = None if kept["pairwise"] is None else Pairwise(**kept["pairwise"])
        return cls(model, state, np.dtype(kept["dtype"]), kept["weight"], pairwise)

    def model_of(self, data: Any) -> Any:
        """The model as it takes one batch."""
        if isinstance(self.model, LocalDependence):
            model = copy(self.model)
            if model.normal is not None:
                model.normal = self._replace(model=model.normal).model_of(data)
            return model
        clusters = copy(clusters_of(self.model))
        clusters.incomplete = data.incomplete
        clusters.total_weight = self.state.weight + data.total_weight
        if not isinstance(self.model, NoisyMixture):
            return clusters
        return NoisyMixture(clusters, self.model.log_volume)


def _packed_model(model: Any) -> dict[str, Any]:
    """A model as text, numbers and arrays."""
    if isinstance(model, LocalDependence):
        tables = {
            "n_levels": list(model.levels.n_levels),
            "moves": list(model.levels.moves),
            "shares": model.shares,
            "pseudo_counts": model.tables.pseudo_counts,
            "ridge": model.ridge,
        }
        of_numbers = {} if model.normal is None else _packed_model(model.normal)
        return {**of_numbers, "tables": tables}
    clusters = clusters_of(model)
    return {
        "log_volume": getattr(model, "log_volume", None),
        "structure": clusters.structure.name,
        "units": clusters.units._asdict(),
        "prior": clusters.prior._asdict(),
        "incomplete": clusters.incomplete,
    }


def _unpacked_model(kept: dict[str, Any], state: OnlineState) -> Any:
    """The model of `_packed_model`."""
    model: Any = None
    if "structure" in kept:
        model = GaussianMixtureModel(
            STRUCTURES[kept["structure"]],
            Scaling(**kept["units"]),
            prior=Prior(**kept["prior"]),
            total_weight=state.weight,
            incomplete=kept["incomplete"],
        )
    if kept.get("log_volume") is not None:
        model = NoisyMixture(model, kept["log_volume"])
    if "tables" in kept:
        tables = dict(kept["tables"])
        levels = Levels(tuple(tables.pop("n_levels")), tuple(tables.pop("moves")))
        model = LocalDependence(model, len(state.params.weights), levels, **tables)
    return model


def _as_dict(parts: Any) -> dict[str, Any]:
    """A tree as dicts."""
    return {
        field: _as_dict(value) if tree.is_tree(value) else value
        for field, value in parts._asdict().items()
    }


def _params_of(kept: dict[str, Any]) -> Any:
    """Parameters out of a dict, with noise, with tables or without."""
    if "tables" in kept:
        return LocalParams(**kept)
    if "clusters" not in kept:
        return MixtureParams(**kept)
    return NoisyParams(MixtureParams(**kept["clusters"]), kept["noise"])


def _stats_of(kept: dict[str, Any]) -> Any:
    """Statistics likewise."""
    if "counts" in kept:
        return LocalStats(**kept)
    if "clusters" not in kept:
        return Moments(**kept)
    return NoisyMoments(Moments(**kept["clusters"]), kept["noise"])


class PartialFitMixin:
    """`partial_fit` for an estimator whose ``fit`` publishes a `Stream` as ``_stream``.

    The estimator has ``_batch(X, sample_weight)``, a `Batch` checked against those before;
    ``_model_of_batch(stream, data)``; and ``_publish_stream(batch)``.
    """

    learning_decay: float
    learning_offset: float
    average: bool | int
    fit: Callable[..., Any]
    _batch: Callable[..., Batch]
    _model_of_batch: Callable[..., Any]
    _publish_stream: Callable[[Batch], None]
    _stream: Any  # a `Stream`; None where no column varies
    _coding: Any  #: a `Coding`; None where every column is of numbers
    _flat: Any  # a `Flat`; None where every column varies in its own right

    @of_normals_alone
    @restores
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Go on with one batch of a stream, by online EM; memory does not grow.

        The first batch is fitted as `fit` would (a mixture to 1e-5 nats per sample, whatever
        ``tol``), and fixes the units of the columns; after a `fit`, the stream goes on from it.
        Every other batch is seen once. `fit` begins anew. A mixture of several components without
        a prior holds first batches back, and fits them together, until they have 2.5 rows for
        every component times one more than columns: from fewer, some would start as one row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch, with missing cells or without. The first must be enough for a small fit; the
            others may be of any size, and of the same columns and floating type. The types of
            columns of categories must list the levels, the same in every batch.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights as frequencies.

        Returns
        -------
        self : object
            The estimator, its fitted attributes those after the batch.

        Raises
        ------
        ValueError
            As `fit` for parameters, for a batch that does not go with those before, and for a first
            one that is too small. With ``distribution='student_t'``, which the method is not there
            for: the error is an AttributeError too.

        Warns
        -----
        DataWarning
            For a batch in which nothing is observed, and where the parameters stay as they are
            because new ones would be singular.

        See Also
        --------
        emkit.engine.OnlineEM : The same for any model; what the steps are.

        Examples
        --------
        >>> import numpy as np
        >>> from emkit import EMGaussianMixture
        >>> rng = np.random.default_rng(0)
        >>> mixture = EMGaussianMixture(2, random_state=0)
        >>> for _ in range(50):
        ...     batch = rng.normal(size=(200, 1)) + rng.choice([-4.0, 4.0], (200, 1))
        ...     mixture = mixture.partial_fit(batch)
        >>> np.sort(mixture.means_.ravel()).round()
        array([-4.,  4.])
        >>> mixture.n_batches_, mixture.n_samples_seen_
        (50, 10000.0)
        """
        check_arguments(self)
        online = self._online()
        if not hasattr(self, "_stream") or getattr(self, "_held", None) is not None:
            self._first_batch(X, sample_weight)
            return self
        self._require_stream()
        batch = self._batch(X, sample_weight)
        data, stream = batch.data, self._stream
        if data.dtype != stream.dtype:
            raise ValueError(
                f"All batches of a stream must have the same dtype. Got {data.dtype} after "
                f"{stream.dtype}. Convert the batch, as with X.astype({str(stream.dtype)!r})."
            )
        if data.shape[0] == 0:
            warn("Nothing is observed in the batch: it changes nothing.", DataWarning)
            return self
        model = self._model_of_batch(stream, data)
        state = online.update(model, stream.state, in_blocks(data))
        if state.params is stream.state.params:
            warn(
                "The batch leads to a singular covariance, likely of a component with hardly any "
                "rows: the parameters stay as they were. Give the prior more weight, raise "
                "learning_offset, or lower n_components.",
                DataWarning,
            )
        self._stream = stream._replace(model=model, state=state)
        self._publish_stream(batch)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        if (stream := state.get("_stream")) is not None:
            state = {**state, "_stream": stream.packed()}
        if (flat := state.get("_flat")) is not None:
            state = {**state, "_flat": flat._asdict()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        if getattr(self, "_stream", None) is not None:
            self._stream = Stream.unpacked(self._stream)
        if getattr(self, "_flat", None) is not None:
            self._flat = Flat(**self._flat)

    def _online(self) -> Any:
        algorithm = getattr(self, "algorithm", "em")
        if algorithm != "em" and not isinstance(algorithm, EM):
            raise ValueError(
                "partial_fit is online EM, which goes by algorithm='em' alone. Got "
                f"algorithm={algorithm!r}."
            )
        return OnlineEM(self.learning_decay, self.learning_offset, self.average)

    def _require_stream(self) -> None:
        if self._stream is None:
            raise ValueError(
                "partial_fit goes on from a first batch, or a fit, in which every feature was "
                "constant or empty: there is nothing to go on from. Clone the estimator to begin "
                "anew, with more rows in the first batch."
            )

    def _first_batch(self, X: Any, sample_weight: Any) -> None:
        """Fit the first batch; it leaves a stream behind."""
        try:
            self.fit(X, **weights_given(sample_weight))
        except ValueError as error:
            error.add_note(
                "This is the first batch of a stream, which partial_fit fits as fit does. If it is "
                "too small for that, gather more rows before the first call."
            )
            raise
        self._require_stream()
        stream = self._settled(X, sample_weight)
        self._stream = stream._replace(state=stream.state._replace(n_batches=1))
        self.n_batches_ = 1

    def _settled(self, X: Any, sample_weight: Any) -> Any:
        """The stream after a fit to the first batch. Default: as the fit left it."""
        return self._stream
