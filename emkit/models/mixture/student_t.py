r"""The mixture of Student's t: a row of component k is normal, with a precision u of its own.

.. math:: x \mid u \sim N(m_k, C_k / u), \qquad u \sim \chi^2_{\nu_k} / \nu_k, \qquad
          E[u \mid x] = \frac{\nu_k + d}{\nu_k + \delta_k(x)}.

Rows far off count little: means and scales come from moments weighted by r E[u]. Degrees of
freedom are searched for by :math:`\varepsilon_k = 1/\nu_k`, of which 0 is a normal component, by a
Newton step on the expected log-density of the components' rows, u integrated out: EM would crawl to
0, as what is known of u is the less the nearer it is. Such a step may go too far, and is then cut.

Scales are estimated in the model with one parameter more, :math:`u \sim \alpha \chi^2_\nu / \nu`,
that the data say nothing of (Liu, Rubin & Wu 1998): their M-step divides by :math:`\sum r u` where
that of EM divides by :math:`\sum r`, takes fewer steps, and costs nothing.

References
----------
Peel, D. & McLachlan, G. J. (2000). Robust mixture modelling using the t distribution. Statistics
and Computing 10, 339-348. doi:10.1023/A:1008981510081

Liu, C., Rubin, D. B. & Wu, Y. N. (1998). Parameter expansion to accelerate EM: the PX-EM algorithm.
Biometrika 85, 755-770. doi:10.1093/biomet/85.4.755
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.mixture.single_normal import complete_rows
from emkit.models.mixture.typical_rows import typical_rows
from emkit.models.rows import Rows
from emkit.numerics.constants import EPS
from emkit.numerics.covariance import Structure
from emkit.numerics.gaussian import Moments
from emkit.numerics.student_t_kernel import StudentTKernel

__all__ = ["StudentTMixtureModel", "StudentTParams"]

#: 1/df to start from, the largest that is looked at, and the least that is told from 0.
START, LARGEST, LEAST = 0.1, 10.0, 1e-6
#: A step on 1/df ends between these parts of it, and from `NEAR` on it may end at 0.
SHRINK, GROW, NEAR = 0.25, 4.0, 0.02
#: The parameter of the expanded model is 1 in the end.
EXPANSIONS = 0.1, 10.0
TINY = 1e-300
#: Rows at least, and steps on them, by which one of two starts is chosen.
SAMPLE_ROWS, STEPS = 1_000, 20


class StudentTParams(NamedTuple):
    """Weights (K,), locations (K, d), scales of the structure, and 1/df (K,), in internal units."""

    weights: Array
    means: Array
    covariances: Array  #: scale matrices, which are no covariances
    inverse_df: Array


class StudentTMixtureModel(GaussianMixtureModel):
    """E-step, M-step and prior of a mixture of Student's t.

    Parameters
    ----------
    *args, **options
        As of `GaussianMixtureModel`; the prior is one on locations and scales.
    df : {"free", "common"} or float, default="free"
        Degrees of freedom: of each component, of all together, or given.
    """

    backtracks = True
    n_latent = 1
    rough = None  # type: ignore[assignment]

    def __init__(self, *args: Any, df: str | float = "free", **options: Any):
        super().__init__(*args, **options)
        self.df = df

    @property
    def learns_df(self) -> bool:
        """Whether degrees of freedom are estimated."""
        return isinstance(self.df, str)

    # Starts, which are those of normals

    @property
    def normal(self) -> GaussianMixtureModel:
        return GaussianMixtureModel(
            self.structure,
            self.units,
            total_weight=self.total_weight,
            prior=self.prior,
            incomplete=self.incomplete,
        )

    def from_normal(self, params: MixtureParams) -> Any:
        start = np.full(len(params.weights), START)
        return self.retract(StudentTParams(*params, start))

    def start_by(self, draw: Callable[..., MixtureParams], data: Any, rng: Any) -> Any:
        """The best start, by some steps on a sample, of those drawn from all and typical rows."""
        normal, starts = self.normal, [self.from_normal(draw(self.normal, data, rng))]
        k, d = starts[0].means.shape
        if k == 1 or self.df == np.inf:  # without tails no row is untypical
            return starts[0]
        rows = data.sample(max(SAMPLE_ROWS, 10 * k * (d + 1)), rng)
        complete = complete_rows(normal, rows, rng) if rows.incomplete else rows
        for typical in typical_rows(complete.X):
            if k * (d + 1) < typical.sum() < len(rows.X):
                some = complete.take(np.flatnonzero(typical))
                starts.append(self.from_normal(draw(normal, some, rng)))
        return max(starts, key=partial(self._height, rows)) if len(starts) > 1 else starts[0]

    def _height(self, rows: Rows, params: Any) -> float:
        """Objective that some steps of EM lead to; -inf where they lead nowhere."""
        objective = -np.inf
        try:
            for _ in range(STEPS):
                stats, log_likelihood = self.e_step(rows, params)
                objective = log_likelihood + self.log_prior(params)
                params = self.m_step(stats, params)
        except np.linalg.LinAlgError:
            return -np.inf
        return objective

    def retract(self, params: Any) -> Any:
        params = super().retract(params)
        epsilon = np.clip(params.inverse_df, 0.0, LARGEST)
        if not isinstance(self.df, str):
            epsilon = np.full_like(epsilon, 1.0 / self.df)
        elif self.df == "common":
            epsilon = np.full_like(epsilon, epsilon.mean())
        return params._replace(inverse_df=epsilon)

    def covariances_of(self, params: Any) -> Array:
        scales = super().covariances_of(params)
        with np.errstate(divide="ignore"):
            ratio = 1.0 / np.maximum(1.0 - 2.0 * params.inverse_df, 0.0)
        finite = (ratio < np.inf)[:, None, None]
        return np.where(finite, scales * np.where(finite, ratio[:, None, None], 1.0), np.inf)

    # E-step

    def bind(self, params: Any) -> Any:
        return StudentTKernel(super().bind(params), params.inverse_df, self.learns_df)

    # M-step

    def m_step(self, stats: Any, params: Any, total: float | None = None) -> Any:
        layout, prior = self.layout, self.prior
        total = stats.n.sum() if total is None else total
        n = np.where(stats.n <= EPS * total, 0.0, stats.n)
        moments = Moments(np.where(n == 0.0, 0.0, stats.precision), stats.first, stats.scatter)
        if prior.mean_precision > 0.0:
            moments = prior.observe(layout, moments, params.means)
        delta = moments.first / np.where(moments.n == 0.0, np.inf, moments.n)[:, None]
        scatter = moments.scatter - layout.outer(moments.n[:, None] * delta, delta)
        return StudentTParams(
            prior.weights(n, total),
            params.means + delta,
            self._scales(scatter, n, moments.n, params),
            self._inverse_df(stats, n, params.inverse_df),
        )

    def _scales(self, scatter: Array, n: Array, precision: Array, params: Any) -> Array:
        """Scale matrices from the scatter about the new means, weighted by r u."""
        layout, prior, (n_components, d) = self.layout, self.prior, params.means.shape
        counts = prior.counts(layout, n, n.sum(), d)
        of_prior = prior.scatter_of(layout, n_components, n.sum())

        def estimate(alpha: Array | float, previous: Array) -> Array:
            return self.structure.estimate(scatter / alpha + of_prior, counts, previous)

        if prior.is_informative:  # it would be of the model that is expanded
            return estimate(1.0, params.covariances)
        trace, near = n * d, params.covariances  # of C^-1 times the scatter, without a prior
        if not prior.is_flat:
            near = estimate(1.0, near)
            scaled = layout.precisions(layout.whitening(near)) * scatter
            trace = scaled.sum() if layout.shared else scaled.reshape(n_components, -1).sum(axis=1)
        sharing = n_components if layout.shared else 1
        rows = n + prior.rows_of(layout, n_components, n.sum()) / sharing
        own = has_own_volumes(self.structure)
        alpha = _expansion(own, d, n, rows, precision, trace, params.inverse_df)
        return estimate(layout.align(alpha) if own else alpha, near)

    def _inverse_df(self, stats: Any, n: Array, before: Array) -> Array:
        """1/df after a Newton step that is no longer than is safe."""
        if not self.learns_df:
            return before
        slope, bend = stats.slope, stats.bend
        if self.df == "common":
            slope, bend = np.full_like(slope, slope.sum()), np.full_like(bend, bend.sum())
        concave = bend < 0.0
        newton = before - slope / np.where(concave, bend, -1.0)
        target = np.where(concave, newton, np.where(slope > 0.0, np.inf, 0.0))
        least = np.where(before > NEAR, SHRINK * before, 0.0)
        after = np.clip(target, least, np.minimum(GROW * before + NEAR, LARGEST))
        after = np.where(after < LEAST, 0.0, after)
        return np.where(n == 0.0, before, after) if self.df == "free" else after

    def _complete_score(self, stats: Any, params: Any) -> Any:
        normal = Moments(stats.n, stats.first, stats.scatter)
        return StudentTParams(*super()._complete_score(normal, params), stats.slope)

    # Search

    @property
    def class_fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*super().class_fields, "inverse_df")


def has_own_volumes(structure: Structure) -> bool:
    """Whether a covariance of the structure may be multiplied by a number of its own."""
    return structure.letters.startswith("V")


def _expansion(
    own: bool, d: int, n: Array, rows: Array, precision: Array, trace: Array, epsilon: Array
) -> Any:
    r"""The parameter alpha of each component, or of all; exact without a prior.

    .. math:: \sum_k n_k (\nu_k + d)\, \alpha
              = \sum_k \Bigl(\nu_k \sum_i r u + \operatorname{tr} C_k(\alpha)^{-1} S_k\Bigr)

    by a step of Newton's from 1 that is no longer than is safe: the derivative of the trace is that
    of a scatter without direction. ``rows`` are n and those of the prior.
    """
    pool: Any = np.asarray if own else np.sum
    least = epsilon if own else epsilon.min()
    # Times the least epsilon, so that nothing is infinite.
    share = np.where(epsilon == least, 1.0, least / np.where(epsilon > 0.0, epsilon, 1.0))
    n_all, trace = pool(n), pool(trace)
    up = pool(share * (precision - n)) + least * (trace - d * n_all)
    growth = trace**2 / (d * np.maximum(pool(rows), TINY))
    down = pool(share * n) + least * (d * n_all - growth)
    return np.clip(1.0 + up / np.where(down > 0.0, down, np.inf), *EXPANSIONS)
