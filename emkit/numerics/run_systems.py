r"""Quadratic functions whose matrix is a sum over runs of cells, and their maxima.

The matrix is :math:`H = \sum_i q_i a_i a_i^\top`, :math:`a_i` being 1 at the cells of a run and 0
elsewhere. In sums from the first cell on it has a row for each end of a run, and its tridiagonal
part, from runs of one cell, is a good approximation where many runs are short.
"""

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpttrf, dpttrs

from emkit._typing import Array
from emkit.numerics.runs import Runs

__all__ = ["RunMatrix", "bounded_maximum"]

#: Cells up to which a Cholesky factor of the whole matrix is taken.
DENSE = 300
#: Relative accuracy of conjugate gradients, and most of their steps.
ACCURACY, MOST_STEPS = 1e-5, 400
#: What makes a singular matrix definite, relative to its diagonal, one after the other.
RIDGES = 1e-12, 1e-9, 1e-6
#: Part of the largest slope that is rounding.
ROUNDING = 1e-12
#: Most exchanges of bounds, and those after which none is let go again.
MOST_EXCHANGES, MOST_RELEASES = 20, 8


class RunMatrix(NamedTuple):
    """A positive semidefinite matrix (n_cells, n_cells) as a sum over runs."""

    runs: Runs
    weight: Array  #: (n,) positive

    def times(self, vector: Array) -> Array:
        """Product with a vector (n_cells,)."""
        return self.runs.covering(self.weight * self.runs.totals(vector))

    def part(self, kept: NDArray[np.bool_]) -> "RunMatrix":
        """Rows and columns of some of the cells."""
        if kept.all():
            return self
        runs = self.runs.among(np.flatnonzero(kept))
        full = runs.stop > runs.first
        return RunMatrix(Runs(runs.first[full], runs.stop[full], runs.n_cells), self.weight[full])

    def solve(self, vector: Array, accuracy: float = ACCURACY) -> Array:
        """Solution x of H x = vector; of conjugate gradients where there are many cells.

        Those are relatively as accurate as asked, in the norm of what they are preconditioned by.
        Where H is singular, as where cells outnumber the runs that tell them apart, so little is
        added to its diagonal that x is long in directions that it does not see.
        """
        right = vector.copy()
        right[:-1] -= vector[1:]
        for ridge in RIDGES:
            with suppress(LinAlgError):
                if self.runs.n_cells <= DENSE:
                    sums = self._solve_dense(right, ridge)
                else:
                    sums = self._solve_by_steps(right, ridge, accuracy)
                return np.diff(sums, prepend=0.0)
        raise LinAlgError("A sum over runs is singular beyond what can be added to it.")

    def _diagonal(self) -> Array:
        """Of the matrix in sums from the first cell on."""
        return (self.runs.beginning(self.weight) + self.runs.ending(self.weight))[1:]

    def _solve_dense(self, right: Array, ridge: float) -> Array:
        (first, stop, n), size = self.runs, self.runs.n_cells + 1
        half = np.bincount(first * size + stop, self.weight, size * size).reshape(size, size)
        matrix = -(half + half.T)[1:, 1:]
        diagonal = self._diagonal()
        matrix[range(n), range(n)] = diagonal + ridge * (diagonal + diagonal.mean())
        factor = cho_factor(matrix, overwrite_a=True, check_finite=False)
        solution: Array = cho_solve(factor, right, check_finite=False)
        return solution

    def _solve_by_steps(self, right: Array, ridge: float, accuracy: float) -> Array:
        """Conjugate gradients, preconditioned by the tridiagonal part."""
        first, stop, n = self.runs
        short, diagonal = stop - first == 1, self._diagonal()
        diagonal += ridge * (diagonal + diagonal.mean())
        beside = -np.bincount(stop[short], self.weight[short], n + 1)[2:]
        *factor, failed = dpttrf(diagonal, beside)
        if failed:
            raise LinAlgError("The tridiagonal part is not positive definite.")
        long = RunMatrix(Runs(first[~short], stop[~short], n), self.weight[~short])

        def times(sums: Array) -> Array:
            product = diagonal * sums + long._between(sums)
            product[1:] += beside * sums[:-1]
            product[:-1] += beside * sums[1:]
            return product

        solution, residual = np.zeros(n), right.copy()
        near = dpttrs(*factor, residual)[0]
        step, size = near.copy(), float(residual @ near)
        enough = accuracy**2 * size
        for _ in range(MOST_STEPS):
            if not size > enough:
                break
            image = times(step)
            length = size / float(step @ image)
            solution += length * step
            residual -= length * image
            near = dpttrs(*factor, residual)[0]
            size, before = float(residual @ near), size
            step *= size / before
            step += near
        return solution

    def _between(self, sums: Array) -> Array:
        """What is beside the diagonal, in sums from the first cell on, times such sums."""
        first, stop, _ = self.runs
        level = np.append(0.0, sums)
        flow = self.runs.beginning(self.weight * level[stop])
        flow += self.runs.ending(self.weight * level[first])
        return -flow[1:]


def bounded_maximum(
    matrix: RunMatrix, gradient: Array, at: Array, accuracy: float = ACCURACY
) -> Array:
    r"""Step d (n_cells,) that maximises :math:`g^\top d - \tfrac12 d^\top H d` with at + d >= 0.

    Cells are held at 0 and let go by whole blocks (Kim & Park 2011), which takes a few solutions
    however many bounds there are; ``accuracy`` is that of these.
    """
    held = (at <= 0.0) & (gradient <= 0.0)
    step = np.zeros_like(at)
    for n_exchanges in range(MOST_EXCHANGES):
        step = np.where(held, -at, 0.0)
        if held.all():
            break
        rest = gradient - matrix.times(step) if step.any() else gradient
        step[~held] = matrix.part(~held).solve(rest[~held], accuracy)
        below = ~held & (at + step < 0.0)
        release = np.zeros_like(held)
        if n_exchanges < MOST_RELEASES and held.any():
            release = held & (gradient - matrix.times(step) > ROUNDING * np.abs(gradient).max())
        if not (below.any() or release.any()):
            break
        held = (held | below) & ~release
    return np.maximum(step, -at)
