"""One normal, fitted to rows with missing cells."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from emkit._typing import Array
from emkit.engine.latent_class import unbuffered
from emkit.engine.posterior import soft
from emkit.models.mixture.gaussian import GaussianMixtureModel, MixtureParams
from emkit.models.rows import Rows
from emkit.numerics.gaussian import Moments
from emkit.numerics.incomplete_normal import IncompleteNormal

__all__ = ["IncompleteNormalModel"]


#: The share of the information that EM's step is divided by is no smaller.
LEAST_SHARE = 1e-3
#: Part of the way to the largest share of a product that can be observed.
CAUTION = 1.0 / 3.0
#: Times what independence tells of the gain that is left: as much as patterns were seen to hide.
MARGIN = 10.0


class IncompleteMoments(NamedTuple):
    """As `Moments` of one component, and what of their scatter is not seen."""

    n: Array  #: (1,)
    first: Array  #: (1, d)
    scatter: Array  #: in the shape of the covariances
    unknown: Array  #: (d, d) conditional covariances of the missing cells
    n_products: float  #: of two observed cells of a row, or of one with itself

    @property
    def moments(self) -> Moments:
        """Those of any component."""
        return Moments(self.n, self.first, self.scatter)


class IncompleteNormalModel(GaussianMixtureModel):
    """The mixture of one component that has a covariance matrix, with an E-step of its own."""

    @property
    def mixture(self) -> GaussianMixtureModel:
        return GaussianMixtureModel(
            self.structure,
            self.units,
            total_weight=self.total_weight,
            prior=self.prior,
            incomplete=self.incomplete,
            accelerate_below=self.accelerate_below,
            draw_start=self.draw_start,
            to_part=self.to_part,
        )

    @unbuffered()
    def e_step(
        self,
        data: Rows,
        params: MixtureParams,
        posterior: Callable[..., Any] = soft,
        rng: np.random.Generator | None = None,
    ) -> tuple[IncompleteMoments, float]:
        """As of all mixtures; no row is of another component, whatever the posterior."""
        normal = IncompleteNormal(self.components(params), self.units)
        for tile in normal.tiles(len(data.X), data.groups):
            rows = data.take(tile.rows)
            normal.add(rows.X, rows.sample_weight, tile)
        sums = normal.sums
        whole = (sums.scatter + sums.unknown).reshape(params.covariances.shape)
        stats = IncompleteMoments(
            np.array([sums.n]), sums.first[None], whole, sums.unknown, sums.n_products
        )
        return stats, sums.log_likelihood

    def beyond(
        self, stats: IncompleteMoments, params: MixtureParams, image: MixtureParams
    ) -> MixtureParams:
        """EM's step, over the share of the information that is observed."""
        turn, shares = self._directions(stats, params)
        mean, covariance = _step(turn, params, image)
        back = params.covariances.reshape(turn.shape) @ turn.T
        apart = back @ (covariance / self._of_products(stats, shares)) @ back.T
        return MixtureParams(
            image.weights,
            params.means + back @ (mean / shares),
            params.covariances + 0.5 * (apart + apart.T).reshape(image.covariances.shape),
        )

    def remaining_gain(self, stats: IncompleteMoments, params: MixtureParams) -> float:
        """Half the squared Newton decrement, if directions were observed independently, and more.

        What is less than rounding is not told: there a run goes on until EM stands still.
        """
        turn, shares = self._directions(stats, params)
        mean, covariance = _step(turn, params, self.m_step(stats.moments, params))
        of_covariance = (covariance**2 / np.outer(shares, shares)).sum()
        of_mean = (mean**2 / shares).sum()
        left = 0.5 * float(stats.n[0]) * of_mean + 0.25 * self._rows(stats) * of_covariance
        return MARGIN * float(left) if left > self.objective_rounding(params, 0.0) else np.inf

    def _rows(self, stats: IncompleteMoments) -> float:
        """Those that the covariance is a mean over, with the prior's."""
        n = float(stats.n[0])
        return n + self.prior.rows_of(self.layout, 1, n)

    def _directions(self, stats: IncompleteMoments, params: MixtureParams) -> tuple[Array, Array]:
        """Linear forms of the columns, one a row, that are independent of variance 1, and so are
        their unknown parts; and the share of the information on each that is observed."""
        root = self.components(params).factor.reshape(stats.unknown.shape)
        hidden, turn = np.linalg.eigh(root @ stats.unknown @ root.T / self._rows(stats))
        return turn.T @ root, np.maximum(1.0 - hidden, LEAST_SHARE)

    def _of_products(self, stats: IncompleteMoments, shares: Array) -> Array:
        r"""Shares (d, d) of the information on products of two directions that are observed.

        They are :math:`\beta_j \beta_k` of directions that are observed independently, and at most
        :math:`\min(\beta_j, \beta_k)`, where one is whenever the other is. Between the two they
        sum to the share of products that is observed. That is right on the whole; to be safe,
        steps are taken shorter: what is too short costs time, what is too long leads nowhere.
        """
        d, rows = len(shares), self._rows(stats)
        independent, nested = np.outer(shares, shares), np.minimum(shares, shares[:, None])
        least, most = np.triu(independent).sum(), np.triu(nested).sum()
        of_prior = 0.5 * d * (d + 1) * (rows - float(stats.n[0]))
        observed = (stats.n_products + of_prior) / rows
        part = np.clip((observed - least) / (most - least), 0.0, 1.0) if most > least else 1.0
        part += CAUTION * (1.0 - part)
        result: Array = part * nested + (1.0 - part) * independent
        return result


def _step(turn: Array, params: MixtureParams, image: MixtureParams) -> tuple[Array, Array]:
    """From parameters to others, in such directions: of the mean (d,), of the covariance (d, d)."""
    apart = (image.covariances - params.covariances).reshape(turn.shape)
    return turn @ (image.means - params.means)[0], turn @ apart @ turn.T
