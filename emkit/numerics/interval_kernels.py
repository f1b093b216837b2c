r"""Gaussian components seen through rows of which some cells are known to an interval alone.

Of a row, o is observed, i known to lie in a box B, and m missing. Given o, the cells i are normal,
and the box cuts them: `boxes` has the log-mass, mean :math:`e` and covariance :math:`V` of that.
What is missing follows them,

.. math:: z_m = -P_{mm}^{-1}(P_{mo} z_o + P_{mi} z_i) + \varepsilon, \qquad
          \varepsilon \sim N(0, P_{mm}^{-1}),

so that with :math:`G = -P_{mm}^{-1} P_{mi}` its covariance is :math:`P_{mm}^{-1} + G V G^\top`.
The log-density of a row is that of what is observed plus the log-mass of the box.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emkit._typing import Array
from emkit.numerics import triangular
from emkit.numerics.bounds import CellBounds
from emkit.numerics.boxes import truncated_vector
from emkit.numerics.conditional import ConditionalKernel, MaskedKernel
from emkit.numerics.covariance import Layout
from emkit.numerics.gaussian import Components, Moments, Scaling, moments_of
from emkit.numerics.missing_blocks import Completed, find_missing
from emkit.numerics.rectangles import log_masses
from emkit.numerics.truncated_normal import draw_between, truncated_normal

__all__ = ["IntervalKernel", "MaskedIntervalKernel", "interval_kernel"]


class Bounded(NamedTuple):
    """A tile of rows completed under each component, within their boxes."""

    missing: NDArray[np.intp]  #: (m + q, n or 1) columns, those with bounds last
    centred: list[Array]  #: for each component (d, n), as in `Completed`
    covariances: list[Array]  #: for each component (m + q, m + q, n or 1), lower triangles


class _InUnits:
    """Bounds in the units of a kernel."""

    units: Scaling

    def ends_of(self, bounds: CellBounds) -> Array:
        """Ends (2, c) of the intervals."""
        shift, scale = self.units.shift[bounds.columns], self.units.scale[bounds.columns]
        result: Array = (bounds.ends - shift) / scale
        return result

    def widths_of(self, bounds: CellBounds) -> Array:
        """Widths (c,) of the intervals, to their last digit however narrow they are."""
        low, high = bounds.ends
        result: Array = (high - low) / self.units.scale[bounds.columns]
        return result


class IntervalKernel(_InUnits, ConditionalKernel):
    """Components with covariance matrices."""

    def log_joint_within(
        self, rows: Array, bounds: CellBounds, *, exact: bool = False
    ) -> tuple[Array, Bounded]:
        """Of rows (n, d) of which as many cells each are known to an interval.

        ``exact``: masses of three cells and more are to 1e-4, in place of those that go with the
        moments.
        """
        log_joint, work, cells = self._as_if_missing(rows, bounds)
        q, n = len(cells), len(rows)
        m = len(work.missing) - q
        # Rows with the same bounded cells share columns, whole rows of what is transposed.
        shared = work.missing.shape[1] == 1
        columns = cells[:, :1] if shared else cells
        at: Any = cells[:, 0] if shared else (cells, np.arange(n))
        ends = self.ends_of(bounds).reshape(2, n, q).transpose(0, 2, 1)
        width = self.widths_of(bounds).reshape(n, q).T
        done = Bounded(work.missing, [], [])
        for k, z in enumerate(work.centred):
            factor = work.factor(k)
            of_missing = factor[:m, :m], factor[m:, :m]
            spread = triangular.symmetric(triangular.inverse(factor[m:, m:]))
            low, high = ends - self.components.means[k][columns]
            before = z[at]
            boxed = truncated_vector(before, spread, low, high, width)
            masses = boxed.log_mass
            if exact and q > 2:
                masses = log_masses(before, spread, low, high, width)
            log_joint[k] += masses
            gain = _gain(*of_missing)
            z[at] = boxed.mean
            if m:
                moved = np.einsum("mqn,qn->mn", gain, boxed.mean - before)
                # Columns that make up for rows that miss fewer cells lie beyond those of z.
                holes = np.broadcast_to(work.missing[:m], (m, n))
                real = holes < len(z)
                z[holes[real], np.nonzero(real)[1]] += moved[real]
            done.centred.append(z)
            done.covariances.append(_joint_covariance(of_missing[0], gain, boxed.covariance))
        return log_joint, done

    def draw_within(
        self, rows: Array, bounds: CellBounds, which: NDArray[np.intp], chance: Array
    ) -> Array:
        """The rows, their cells with bounds drawn from components ``which`` (n,) given the others.

        By Gibbs sampling from uniform numbers (sweeps, n, d).
        """
        _, work, cells = self._as_if_missing(rows, bounds)
        m, inside, out = len(work.missing) - len(cells), np.arange(len(rows)), rows.copy()
        ends = self.ends_of(bounds).reshape(2, len(rows), -1).transpose(0, 2, 1)
        for k in np.unique(which).tolist():
            mine = np.flatnonzero(which == k)
            at, part = cells[:, mine], work.factor(k)[m:, m:]
            precision = _product(part if part.shape[2] == 1 else part[:, :, mine])
            of_k = self.components.means[k][at]
            low, high = ends[:, :, mine] - of_k
            before, uniform = work.centred[k][at, inside[mine]], chance[:, mine, at]
            drawn = of_k + _gibbs(before, precision, low, high, uniform)
            out[mine, at] = drawn * self.units.scale[at] + self.units.shift[at]
        return out

    def _as_if_missing(
        self, rows: Array, bounds: CellBounds
    ) -> tuple[Array, Completed, NDArray[np.intp]]:
        """As if cells with bounds were missing; their columns (q, n) are the last in the order."""
        n = len(rows)
        cells, known = bounds.columns.reshape(n, -1), rows.copy()
        known[np.arange(n)[:, None], cells] = 0.0
        missing, width = find_missing(known)
        cells = np.ascontiguousarray(cells.T)
        if missing.shape[1] == 1 and (cells == cells[:, :1]).all():
            order = np.concatenate([missing, cells[:, :1]])
        else:
            order = np.concatenate([np.broadcast_to(missing, (len(missing), n)), cells])
        log_joint, work = self.log_joint_incomplete(rows, found=(order, width))
        return log_joint, work, cells

    def moments(self, work: Any, resp: Array, of_missing: Array | None = None) -> Moments:
        if not isinstance(work, Bounded):
            return super().moments(work, resp, of_missing)
        d = self.components.means.shape[1]
        moments = moments_of(self.layout, lambda k, _: work.centred[k], resp, d, sparse=False)
        for k, r in enumerate(resp):
            unknown = _weighted_sum(work.missing, work.covariances[k], r, d)
            self.layout.add_conditional_covariance(moments.scatter, k, unknown)
        return moments


def _product(lower: Array) -> Array:
    """L L' (q, q, n), of lower triangles."""
    lower = np.where(np.tri(len(lower), dtype=bool)[:, :, None], lower, 0.0)
    product: Array = np.einsum("ikn,jkn->ijn", lower, lower)
    return product


def _gibbs(mean: Array, precision: Array, low: Array, high: Array, chance: Array) -> Array:
    """Draws (q, n) of normals in boxes, after as many sweeps as there are uniform numbers."""
    pivots = np.sqrt(np.einsum("iin->in", precision))
    # Rounding may have left one number of an interval.
    width = np.maximum((high - low) * pivots, np.finfo(float).tiny)
    start = truncated_normal((low - mean) * pivots, (high - mean) * pivots, width)
    z = start.mean / pivots
    for uniform in chance:
        for i in range(len(z)):
            centre = z[i] - np.einsum("jn,jn->n", precision[i], z) / pivots[i] ** 2
            a, b = (low[i] - mean[i] - centre) * pivots[i], (high[i] - mean[i] - centre) * pivots[i]
            z[i] = centre + draw_between(a, b, uniform[i])[0] / pivots[i]
    return np.clip(mean + z, low, high)


def _gain(of_missing: Array, across: Array) -> Array:
    """G (m, q, n) from the factor of P_mm (m, m, n) and the rows below it (q, m, n)."""
    m, q, n = len(of_missing), len(across), across.shape[2]
    gain = np.empty((m, q, n))
    for j in range(q if m else 0):
        gain[:, j] = -triangular.solve_upper(of_missing, across[j])
    return gain


def _joint_covariance(of_missing: Array, gain: Array, within: Array) -> Array:
    """Covariances (m + q, m + q, n) of what is missing and of what is cut, lower triangles."""
    m, q, n = len(gain), len(within), within.shape[2]
    out = np.empty((m + q, m + q, n))
    out[m:, m:] = within
    if m:
        out[m:, :m] = np.einsum("ijn,mjn->imn", within, gain)
        out[:m, :m] = np.einsum("min,ikn->mkn", gain, out[m:, :m])
        out[:m, :m] += triangular.inverse(of_missing)
    return out


def _weighted_sum(missing: NDArray[np.intp], covariances: Array, r: Array, d: int) -> Array:
    """Sum (d, d) of covariances (m, m, n) of some columns, lower triangles, of weights r (n,)."""
    width = max(int(missing.max(initial=0)) + 1, d)
    if missing.shape[1] == 1:
        covariances, r = covariances @ r[:, None], np.ones(1)
    total = np.zeros(width * width)
    for i in range(len(missing)):
        cells = missing[i] * width + missing[: i + 1]
        total += np.bincount(
            cells.ravel(), (covariances[i, : i + 1] * r).ravel(), minlength=width * width
        )
    matrix = total.reshape(width, width)[:d, :d]
    # Each pair stands on one side of the diagonal, on which depends on the order of its columns.
    return matrix + matrix.T - np.diag(matrix.diagonal())


class Cut(NamedTuple):
    """A tile of rows under components of independent columns, cells with bounds one by one."""

    x: Array  #: (d, n), 0 where a cell is not observed
    observed: Array  #: (d, n), 1 or 0
    cells: tuple[NDArray[np.intp], NDArray[np.intp]]  #: columns and rows (c,) of those with bounds
    means: list[Array]  #: for each component (c,), as deviations from its mean
    variances: list[Array]

    def centred(self, mean: Array, k: int) -> Array:
        """Deviations (d, n) from the mean (d,) of component k, 0 in missing cells."""
        z = (self.x - mean[:, None]) * self.observed
        z[self.cells] = self.means[k]
        return z


class MaskedIntervalKernel(_InUnits, MaskedKernel):
    """Components whose columns are independent, of whose cells each is cut alone."""

    def log_joint_within(
        self, rows: Array, bounds: CellBounds, *, exact: bool = False
    ) -> tuple[Array, Cut]:
        """As `IntervalKernel.log_joint_within`, of any rows, always exact."""
        log_joint, (x, observed) = self.log_joint_incomplete(rows)
        row, columns, ends = bounds.rows, bounds.columns, self.ends_of(bounds)
        width = self.widths_of(bounds)
        work = Cut(x, observed, (columns, row), [], [])
        for k, mean in enumerate(self.components.means):
            scale = np.sqrt(self._variances[k])[columns]
            low, high = (ends - mean[columns]) / scale
            z = truncated_normal(low, high, width / scale)
            log_joint[k] += np.bincount(row, z.log_mass, minlength=len(rows))
            work.means.append(scale * z.mean)
            work.variances.append(scale**2 * z.variance)
        return log_joint, work

    def draw_within(
        self, rows: Array, bounds: CellBounds, which: NDArray[np.intp], chance: Array
    ) -> Array:
        """As `IntervalKernel.draw_within`; one sweep is enough."""
        row, columns, out = bounds.rows, bounds.columns, rows.copy()
        k = which[row]
        mean, scale = self.components.means[k, columns], np.sqrt(self._variances[k, columns])
        low, high = (self.ends_of(bounds) - mean) / scale
        z, _ = draw_between(low, high, chance[-1, row, columns])
        back = self.units.scale[columns], self.units.shift[columns]
        out[row, columns] = (mean + scale * z) * back[0] + back[1]
        return out

    def moments(self, work: Any, resp: Array, of_missing: Array | None = None) -> Moments:
        if not isinstance(work, Cut):
            return super().moments(work, resp, of_missing)
        d, means = len(work.x), self.components.means
        moments = moments_of(
            self.layout, lambda k, _: work.centred(means[k], k), resp, d, sparse=False
        )
        column, row = work.cells
        known = work.observed.copy()
        known[work.cells] = 1.0
        for k, r in enumerate(resp):
            unknown = (r.sum() - known @ r) * self._variances[k]
            unknown += np.bincount(column, work.variances[k] * r[row], minlength=d)
            self.layout.add_conditional_covariance(moments.scatter, k, unknown)
        return moments

    def completed(self, work: Any, resp: Array) -> Array:
        if not isinstance(work, Cut):
            return super().completed(work, resp)
        means = self.components.means
        total: Array = means.T @ resp
        for k, r in enumerate(resp):
            total += work.centred(means[k], k) * r
        return total


def interval_kernel(
    layout: Layout, components: Components, units: Scaling
) -> IntervalKernel | MaskedIntervalKernel:
    """The kernel for rows of which some cells may be missing, or known to an interval."""
    kernel = MaskedIntervalKernel if layout.independent else IntervalKernel
    return kernel(layout, components, units)
