r"""Gaussian components seen through the observed cells of each row.

With :math:`P = C^{-1}`, a row :math:`x = (x_o, x_m)` and :math:`z = x - \mu`, what is missing is

.. math:: z_m \mid z_o \sim N\bigl(-P_{mm}^{-1} P_{mo} z_o,\; P_{mm}^{-1}\bigr), \qquad
          \log|C_{oo}| = \log|C| + \log|P_{mm}|,

and the Mahalanobis distance of :math:`z_o` is :math:`z^\top P z` with :math:`z_m` filled by its
conditional mean (the minimum of that form, so an error in the filling counts only squared).
Nothing larger than the missing block is factored, and rows that miss about the same number of
cells are worked on as one array: a row that misses fewer gets columns that it misses besides,
of variance 1 and without relation to any other.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from emkit._typing import Array
from emkit.numerics import triangular
from emkit.numerics.complete import CompleteKernel, choose_complete
from emkit.numerics.constants import LOG_ROOT_2PI
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import (
    NEGLIGIBLE,
    Components,
    Kernel,
    Moments,
    Scaling,
    chosen,
    moments_of,
    tile_rows,
)
from emkit.numerics.missing_blocks import (
    Completed,
    Missing,
    block_factors,
    expected_spread,
    find_missing,
    log_det_of,
)
from emkit.numerics.patterns import Group
from emkit.numerics.truncated_normal import draw_between

__all__ = [
    "ConditionalKernel",
    "MaskedKernel",
    "choose_kernel",
]


class ConditionalKernel(Kernel):
    """Components with covariance matrices.

    Complete rows go to the kernel that complete data would go to.
    """

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        super().__init__(layout, components, units)
        d = components.means.shape[1]
        self._complete = choose_complete(layout, components, units)
        self._precisions = components.precisions.reshape(-1, d, d)
        self._roots = components.factor.reshape(-1, d, d)
        self._log_scale = np.log(units.scale)

    def pieces(self, n: int, groups: Sequence[Group] | None) -> Iterator[slice | NDArray[np.intp]]:
        if groups is None:
            yield from self._complete.pieces(n, None)
            return
        d = self.components.means.shape[1]
        for n_missing, rows, *_ in groups:
            if n_missing == 0:
                parts = self._complete.pieces(len(rows), None)
            else:
                # A short last tile would cost as much as a long one.
                most = tile_rows(max(n_missing**2, 2 * d), least=256)
                self.rows = -(-len(rows) // max(round(len(rows) / most), 1))
                parts = super().pieces(len(rows), None)
            yield from (rows[part] for part in parts)

    def log_joint(self, rows: Array) -> tuple[Array, Array | Completed]:
        if not np.isnan(rows[0]).any():
            return self._complete.log_joint(rows)
        return self.log_joint_incomplete(rows)

    def log_joint_incomplete(
        self, rows: Array, copies: int = 1, found: Missing | None = None
    ) -> tuple[Array, Completed]:
        """Of any rows, some of which may be complete; of so many blocks that miss the same.

        ``found`` is what they miss, as `find_missing` has it, in any order.
        """
        n, work = len(rows), self.complete(rows, copies, found)
        log_joint = np.empty((len(work.centred), n))
        log_joint[:] = _repeated(self._unobserved(work.missing), copies, n)
        for k, z in enumerate(work.centred):
            log_joint[k] += self._log_density(z, k)
            if k < len(work.factors):
                log_det = _repeated(log_det_of(work.factors[k]), copies, n)
            log_joint[k] -= log_det
        return log_joint, work

    def _unobserved(self, missing: NDArray[np.intp]) -> Array:
        """What the constants have for the missing columns (m, n) of each row."""
        d = len(self._log_scale)
        constants = np.zeros(max(int(missing.max(initial=0)) + 1, d))
        constants[:d] = self._log_scale + LOG_ROOT_2PI
        total: Array = constants[missing].sum(axis=0)
        return total

    def complete(self, rows: Array, copies: int = 1, found: Missing | None = None) -> Completed:
        """The rows completed under each component; arguments as of `log_joint_incomplete`."""
        n, d = rows.shape
        missing, width = find_missing(rows[: n // copies]) if found is None else found
        work = Completed(missing, [], [], copies)
        cells = _repeated(missing, copies, n) * n + np.arange(n)  # where they lie in x, flat
        x = np.zeros((width, n))
        self.units.load(rows, x[:d])
        for k in range(len(self.components.means)):
            if k < len(self._precisions):  # else the components share one
                precision = np.eye(width)
                precision[:d, :d] = self._precisions[k]
                root = np.eye(width)
                root[:d, :d] = self._roots[k]
                work.factors.append(block_factors(precision, root, missing))
                factor = _repeated(work.factors[-1], copies, n)
            work.centred.append(self._complete_rows(x, cells, k, precision, factor))
        return work

    def _complete_rows(
        self, x: Array, cells: NDArray[np.intp], k: int, precision: Array, factor: Array
    ) -> Array:
        """x - m_k (d, n) with the conditional means of what is missing."""
        d = self.components.means.shape[1]
        z = x if k == len(self.components.means) - 1 else np.empty_like(x)  # the last may have it
        np.subtract(x[:d], self.components.means[k][:, None], out=z[:d])
        z[d:] = 0.0
        z.reshape(-1)[cells] = 0.0
        right = triangular.solve_lower(factor, np.take(precision @ z, cells))
        z.reshape(-1)[cells] = -triangular.solve_upper(factor, right)
        return z[:d]

    def _log_density(self, z: Array, k: int) -> Array:
        """L of component k for completed rows, as if all cells were observed."""
        white = self.layout.whiten(self.components.factor, k, z.copy())
        log_density: Array = np.einsum("ij,ij->j", white, white)
        log_density *= -0.5
        log_density += self.constants[k]
        return log_density

    def residuals(self, work: Array | Completed, k: int) -> Array:
        """x - m_k (d, n), missing cells by their conditional means."""
        if not isinstance(work, Completed):
            return self._complete.residuals(work, k)
        return work.centred[k]

    def offsets(self, work: Array | Completed) -> tuple[Array, Any]:
        if not isinstance(work, Completed):
            return self._complete.offsets(work)
        d, n = work.centred[0].shape
        log_dets = np.array([log_det_of(factor) for factor in work.factors])
        offsets = self.constants[:, None] - log_dets + self._unobserved(work.missing)
        observed = d - np.count_nonzero(work.missing < d, axis=0)
        return np.broadcast_to(offsets, (len(self.constants), n)), np.broadcast_to(observed, n)

    def moments(
        self, work: Array | Completed, resp: Array, of_missing: Array | None = None
    ) -> Moments:
        """Moments about the means; what is missing varies about its conditional mean with weights
        ``of_missing`` (K, n), or resp."""
        if not isinstance(work, Completed):
            return self._complete.from_tile_sums(self._complete.moments(work, resp))
        d, floor = self.components.means.shape[1], NEGLIGIBLE * resp.max(initial=0.0)
        moments = moments_of(self.layout, lambda k, rows: chosen(work.centred[k], rows), resp, d)
        resp = resp if of_missing is None else of_missing
        # Components that share P share the conditional covariances.
        for k, r in enumerate(resp.sum(axis=0)[None] if self.layout.shared else resp):
            of_rows = r.reshape(work.copies, -1).sum(axis=0)
            unknown = expected_spread(work.missing, work.factor(k), of_rows, floor, d)
            self.layout.add_conditional_covariance(moments.scatter, k, unknown)
        return moments

    def completed(self, work: Completed, resp: Array) -> Array:
        """Conditional means (d, n) of the rows under the mixture."""
        total = self.components.means.T @ resp
        for z, r in zip(work.centred, resp, strict=True):
            total += z * r
        return total

    def draw(
        self,
        work: Completed,
        k: int,
        chance: Array,
        limits: Array | None,
        precision: Array | float = 1.0,
    ) -> tuple[Array, Array]:
        """Rows (d, n) drawn from component k given their observed cells, from uniform numbers.

        Cells are drawn one given the next, within ``limits`` (2, d), or (2, d, n) of each row, if
        there are any; with them comes the log-probability that each had to lie within, summed over
        the cells. Covariances are divided by the ``precision`` (n,) of each row.
        """
        d, n = chance.shape
        width = max(int(work.missing.max(initial=0)) + 1, d)
        of_rows = limits is not None and limits.ndim == 3
        bounds = np.empty((2, width, n if of_rows else 1))
        bounds[0], bounds[1] = -np.inf, np.inf
        if limits is not None:
            bounds[:, :d] = limits.reshape(2, d, -1) - self.components.means[k][:, None]
        uniform, out = np.full((width, n), 0.5), np.zeros((width, n))
        uniform[:d], out[:d] = chance, work.centred[k]
        missing = np.broadcast_to(work.missing, (len(work.missing), n))
        factor, root = work.factor(k), np.sqrt(precision)
        if limits is None:
            cells = missing, np.arange(n)
            out[cells] += triangular.solve_upper(factor, ndtri(uniform[cells]) / root)
            return out[:d] + self.components.means[k][:, None], np.zeros(n)
        rows, noise, log_mass = np.arange(n), np.zeros(missing.shape), np.zeros(n)
        # P_mm = L L': noise of covariance inv(P_mm) solves L' noise = standard normals.
        for i in range(len(missing) - 1, -1, -1):
            cell = missing[i], rows
            pivot = factor[i, i]
            centre = out[cell] - np.einsum("kn,kn->n", factor[i + 1 :, i], noise[i + 1 :]) / pivot
            pivot = pivot * root
            low, high = (bounds[:, missing[i], rows if of_rows else 0] - centre) * pivot
            normal, log_part = draw_between(low, high, uniform[cell])
            drawn = centre + normal / pivot
            noise[i], out[cell] = drawn - out[cell], drawn
            log_mass += log_part
        return out[:d] + self.components.means[k][:, None], log_mass


def _repeated(values: Any, copies: int, n: int) -> Any:
    """What belongs to the rows of a block, along the last axis, for all of so many that miss the
    same; one value stays one, of n rows."""
    return values if copies == 1 or values.shape[-1] * copies != n else np.tile(values, copies)


class MaskedKernel(Kernel):
    """Components whose columns are independent: what is missing says nothing and learns nothing."""

    def __init__(self, layout: Layout, components: Components, units: Scaling):
        super().__init__(layout, components, units)
        n_components, d = components.means.shape
        self.rows = tile_rows(3 * d + n_components)
        precisions = layout.diagonals(components.precisions, (n_components, d))
        self._column_constants = 0.5 * np.log(precisions) - LOG_ROOT_2PI - np.log(units.scale)
        self._variances = layout.diagonals(components.covariances, (n_components, d))
        self._log_weights = np.maximum(components.log_weights, -1e300)[:, None]

    def log_joint(self, rows: Array) -> tuple[Array, tuple[Array, Array]]:
        return self.log_joint_incomplete(rows)

    def log_joint_incomplete(
        self, rows: Array, copies: int = 1
    ) -> tuple[Array, tuple[Array, Array]]:
        """As `ConditionalKernel.log_joint_incomplete`, where copies would save nothing."""
        x, observed = self.complete(rows)
        log_joint = self._column_constants @ observed
        for k in range(len(log_joint)):
            white = self.layout.whiten(self.components.factor, k, self._centred(x, observed, k))
            log_joint[k] -= 0.5 * np.einsum("ij,ij->j", white, white)
        log_joint += self._log_weights
        return log_joint, (x, observed)

    def complete(self, rows: Array) -> tuple[Array, Array]:
        """The rows (d, n), 0 where a cell is missing, and 1 where it is observed, else 0."""
        x = self.units.load(rows, np.empty(rows.shape[::-1]))
        observed = np.isfinite(x).astype(float)
        np.copyto(x, 0.0, where=observed == 0.0)
        return x, observed

    def residuals(self, work: tuple[Array, Array], k: int) -> Array:
        """As `ConditionalKernel.residuals`."""
        return self._centred(*work, k)

    def offsets(self, work: tuple[Array, Array]) -> tuple[Array, Any]:
        _, observed = work
        offsets = self._column_constants @ observed + self._log_weights
        return offsets, observed.sum(axis=0).astype(np.intp)

    def moments(
        self, work: tuple[Array, Array], resp: Array, of_missing: Array | None = None
    ) -> Moments:
        """As `ConditionalKernel.moments`."""
        x, observed = work

        # To pick rows out of two arrays costs more than to weigh all.
        moments = moments_of(
            self.layout, lambda k, _: self._centred(x, observed, k), resp, len(x), sparse=False
        )
        for k, r in enumerate(resp if of_missing is None else of_missing):
            unknown = (r.sum() - observed @ r) * self._variances[k]
            self.layout.add_conditional_covariance(moments.scatter, k, unknown)
        return moments

    def completed(self, work: tuple[Array, Array], resp: Array) -> Array:
        """Conditional means (d, n) of the rows under the mixture."""
        x, observed = work
        return np.where(observed > 0.0, x, self.components.means.T @ resp)

    def draw(
        self,
        work: tuple[Array, Array],
        k: int,
        chance: Array,
        limits: Array | None,
        precision: Array | float = 1.0,
    ) -> tuple[Array, Array]:
        """As `ConditionalKernel.draw`."""
        x, observed = work
        mean, variances = self.components.means[k][:, None], self._variances[k][:, None]
        scale = np.sqrt(variances / precision)
        low, high = np.full_like(x, -np.inf), np.full_like(x, np.inf)
        if limits is not None:
            low, high = (limits.reshape(2, len(x), -1) - mean) / scale + 0.0 * x
        normal, log_mass = draw_between(low, high, chance)
        drawn = np.where(observed > 0.0, x, mean + scale * normal)
        return drawn, np.where(observed == 0.0, log_mass, 0.0).sum(axis=0)

    def _centred(self, x: Array, observed: Array, k: int) -> Array:
        z = x - self.components.means[k][:, None]
        z *= observed
        return z


def choose_kernel(
    layout: Layout,
    components: Components,
    units: Scaling,
    incomplete: bool,
    single: bool = False,
) -> CompleteKernel | ConditionalKernel | MaskedKernel:
    """The kernel for complete data, or for data with missing cells, at these components."""
    if not incomplete:
        return choose_complete(layout, components, units, single)
    kernel = MaskedKernel if layout.independent else ConditionalKernel
    return kernel(layout, components, units)
