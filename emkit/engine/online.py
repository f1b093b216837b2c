"""Online EM: a stream of batches, each seen once and forgotten."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from emkit.engine import tree
from emkit.engine.arguments import require_model, require_number, require_params
from emkit.engine.contract import describe
from emkit.engine.latent_class import LatentClassModel
from emkit.engine.model import EMModel
from emkit.engine.steps import evaluate, is_feasible, m_step, retracted
from emkit.engine.steps import weight as weight_of_batch
from emkit.exceptions import InfeasibleError

__all__ = ["OnlineEM", "OnlineState"]


class OnlineState(NamedTuple):
    """Where a stream stands. Its size does not depend on how long the stream was.

    Attributes
    ----------
    params : NamedTuple
        Parameters at which the next batch is taken.
    stats : NamedTuple or None
        Expected statistics per unit of weight; None before the first batch.
    weight : float
        Weight of all that was seen.
    n_batches : int
        Batches seen.
    log_likelihood : float
        That of the last batch before it was learned, per unit of weight.
    average : NamedTuple or None
        Mean of the parameters since averaging began.
    averaged : float
        Weight of the batches since then.

    Examples
    --------
    >>> import numpy as np
    >>> from emkit.engine import OnlineEM
    >>> from emkit.models.kmeans import KMeansParams
    >>> state = OnlineEM.start(KMeansParams(np.array([[0.0], [10.0]])))
    >>> state.n_batches, state.weight
    (0, 0.0)
    """

    params: Any
    stats: Any = None
    weight: float = 0.0
    n_batches: int = 0
    log_likelihood: float = np.nan
    average: Any = None
    averaged: float = 0.0

    @property
    def estimate(self) -> Any:
        """The parameters to use: their average, where there is one."""
        return self.params if self.average is None else self.average


@dataclass(frozen=True)
class OnlineEM:
    r"""Online EM: one M-step a batch, from a moving mean of the expected statistics.

    .. math:: s \leftarrow (1 - \gamma)\, s + \gamma\, \bar s_{\text{batch}}(\theta), \qquad
              \theta \leftarrow M(s), \qquad \gamma = (t + t_0)^{-a},

    with :math:`t` the weight of all that was seen in units of the batch's own: the number of the
    batch where all weigh the same, and a short batch counts for less. With :math:`a = 1` and
    :math:`t_0 = 0` the mean is the plain one over all rows; otherwise early batches, whose
    statistics were taken at worse parameters, are forgotten sooner.

    Parameters
    ----------
    decay : float in (0.5, 1], default=0.7
        The exponent a. Close to 1/2 it forgets fast and is noisy, close to 1 slow and steady.
    offset : float, default=0.0
        The offset :math:`t_0`, 0 or more: how little the first batches move the mean. At 0 the
        second counts for more than the first.
    average : bool or int, default=False
        Whether the mean of the parameters over the batches is the estimate (Polyak-Ruppert
        averaging); an int begins it once so much weight was seen.

    Raises
    ------
    ValueError
        For an argument out of range.

    See Also
    --------
    fit_em : Many passes over data that are kept.

    Notes
    -----
    A model whose statistics depend on its parameters otherwise than by expectation, such as moments
    about the current means, says how they change in `EMModel.recentre`. The M-step sees the mean
    times the weight seen, so a prior counts as it does in `fit_em`.

    References
    ----------
    Cappe, O. & Moulines, E. (2009). On-line expectation-maximization algorithm for latent data
    models. Journal of the Royal Statistical Society B 71, 593-613.
    doi:10.1111/j.1467-9868.2009.00698.x

    Examples
    --------
    Lifetimes with mean 2, of which only those below 1 were waited for.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from emkit.engine import EMModel, OnlineEM
    >>> class Params(NamedTuple):
    ...     mean: float
    >>> class Stats(NamedTuple):
    ...     n: float
    ...     total: float
    >>> class Lifetimes(EMModel):
    ...     def initialize(self, times, rng):
    ...         return Params(rng.uniform(0.5, 5.0))
    ...     def e_step(self, times, params):
    ...         ended = times < 1.0
    ...         total = times.sum() + (~ended).sum() * params.mean
    ...         log_density = -times / params.mean - ended * np.log(params.mean)
    ...         return Stats(len(times), total), log_density.sum()
    ...     def m_step(self, stats, params):
    ...         return Params(stats.total / stats.n)
    >>> rng = np.random.default_rng(1)
    >>> online, state = OnlineEM(), OnlineEM.start(Params(1.0))
    >>> for _ in range(300):
    ...     state = online.update(Lifetimes(), state, np.minimum(rng.exponential(2.0, 100), 1.0))
    >>> float(round(state.estimate.mean, 1))
    2.0
    """

    decay: float = 0.7
    offset: float = 0.0
    average: bool | int = False

    def __post_init__(self) -> None:
        require_number("decay", self.decay)
        require_number("offset", self.offset)
        if not 0.5 < self.decay <= 1.0:
            raise ValueError(
                "decay must be above 0.5, or the noise of the batches does not die out, and at "
                f"most 1, or the stream is forgotten before it has converged. Got {self.decay!r}."
            )
        if not 0.0 <= self.offset < np.inf:
            raise ValueError(f"offset must be a finite number, 0 or more. Got {self.offset!r}.")
        if not (isinstance(self.average, bool | Integral | np.bool_) and self.average >= 0):
            raise ValueError(
                "average must be True, False, or the weight seen, an int, from which parameters "
                f"are averaged. Got {self.average!r}."
            )

    @staticmethod
    def start(params: Any) -> OnlineState:
        """State before the first batch, which replaces whatever ``params`` were drawn from.

        Parameters
        ----------
        params : Params
            Parameters at which the first batch is taken.

        Returns
        -------
        OnlineState
            Of weight 0.

        Raises
        ------
        TypeError
            For what is no Params.
        """
        require_params("params", params)
        return OnlineState(params)

    def step(self, t: float) -> float:
        """Step size of a batch.

        Parameters
        ----------
        t : float
            Its time, in batches.

        Returns
        -------
        float
            How far the mean of the statistics moves towards those of the batch.
        """
        return float((t + self.offset) ** -self.decay)

    def update(self, model: EMModel, state: OnlineState, batch: Any) -> OnlineState:
        """The state after one more batch; where that fails, the state given is still good.

        Parameters
        ----------
        model : EMModel
            E-step and M-step.
        state : OnlineState
            From `start`, or from the last update.
        batch : object or Blocks
            What the model's ``e_step`` takes.

        Returns
        -------
        OnlineState
            The new state. Its ``params`` are the old ones, the same object, where the model is not
            defined at the new ones (singular, infeasible); the statistics still go on.

        Raises
        ------
        ValueError
            For a batch without weight, or so extreme that its statistics are not finite.
        InfeasibleError
            When the model is not defined at the parameters of ``state`` (a ValueError).
        TypeError
            When the model's M-step needs all the data (ECME), it has no exact E-step, or the
            arguments are not what they must be.
        """
        _require_usable(model, state)
        number = state.n_batches + 1
        weight = weight_of_batch(model, batch, number)
        if not weight > 0.0:
            raise ValueError(f"A batch must have rows of positive weight. Got weight {weight!r}.")
        if state.stats is None:
            state = state._replace(params=retracted(model, state.params))
        point = evaluate(model, batch, state.params, number)
        if point is None:
            raise InfeasibleError("The model is not defined at the parameters of the stream.")
        if not (tree.all_finite(point.stats) and np.isfinite(point.log_likelihood)):
            raise ValueError(
                f"The statistics of batch {number} are not finite: likely rows so far from all "
                "that was seen before that their squares overflow. Leave them out."
            )
        seen = state.weight + weight
        mean = self._moved(state.stats, tree.scale(point.stats, 1.0 / weight), seen / weight)
        image = m_step(model, batch, point._replace(stats=tree.scale(mean, seen)), number)
        params = state.params
        if image is not None and _is_defined(model, image):
            params, mean = image, model.recentre(mean, state.params, image)
        average, averaged = self._averaged(state, params, seen, weight)
        average = None if average is None else retracted(model, average)
        return OnlineState(
            params, mean, seen, number, point.log_likelihood / weight, average, averaged
        )

    def _moved(self, mean: Any, of_batch: Any, t: float) -> Any:
        """The mean of the statistics, moved towards those of a batch."""
        if mean is None:
            return of_batch
        step = self.step(t)
        return tree.add(tree.scale(mean, 1.0 - step), tree.scale(of_batch, step))

    def _averaged(
        self, state: OnlineState, params: Any, seen: float, weight: float
    ) -> tuple[Any, float]:
        """Mean of the parameters over the batches and the weight of these."""
        if not self.average or seen < self.average:
            return None, 0.0
        averaged = state.averaged + weight
        if state.average is None:
            return params, averaged
        share = weight / averaged
        mean = tree.add(tree.scale(state.average, 1.0 - share), tree.scale(params, share))
        return mean, averaged


def _is_defined(model: EMModel, params: Any) -> bool:
    """Whether the next batch can be taken at ``params``."""
    try:
        if not is_feasible(model, params):
            return False
        if isinstance(model, LatentClassModel):
            model.bind(params)
    except np.linalg.LinAlgError:
        return False
    return True


def _require_usable(model: Any, state: Any) -> None:
    """TypeError for a model that does not go batch by batch, or what is no state."""
    require_model(model)
    if model.e_step is None:
        raise TypeError(
            f"Online EM needs an exact E-step, and {type(model).__name__} has no method "
            "e_step: use fit_em with algorithm='mcem'."
        )
    if not isinstance(state, OnlineState):
        raise TypeError(
            "state must be an OnlineState, from OnlineEM.start(params) or from the last "
            f"update. Got {describe(state)}."
        )
    if model.conditional_step is not None:
        raise TypeError(
            f"{type(model).__name__} has a conditional_step, which raises the objective of all "
            "the data, and online EM sees one batch at a time. Use fit_em."
        )
