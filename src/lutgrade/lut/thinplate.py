"""Smooth tables: the bending energy of a 3-D grid, and the solver of a data term plus that energy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from lutgrade.lut.normal import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

COARSEST = 9  # nodes a side that a dense factorisation takes in its stride


def bending_energy(size: int, *, tension: float, pull: float) -> csr_array:
    """The quadratic form `[V, V]` of a thin plate under tension on a grid of `size` nodes a side.

    Squared second differences along and across the axes (zero for every affine map), plus `tension` times the
    squared first differences, plus `pull` times the squares: where no data are, they bring a table first to a
    constant and then to zero. `tension` and `pull` count per squared unit of the cube's side, so that
    the form of one smooth function is in proportion to `1 / (size - 1)` on every grid.
    """
    from scipy.sparse import diags_array, eye_array, kron

    def along(operators: dict[int, csr_array]) -> csr_array:
        eye = eye_array(size, format="csr")
        b, g, r = (operators.get(axis, eye) for axis in range(3))
        return kron(kron(b, g), r, format="csr")

    step = 1 / (size - 1)
    first = diags_array([-1.0, 1.0], offsets=[0, 1], shape=(size - 1, size), format="csr")
    second = diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(size - 2, size), format="csr")
    stretch, bend = (first.T @ first).tocsr(), (second.T @ second).tocsr()
    energy = pull * step**4 * eye_array(size**3, format="csr")
    for axis in range(3):
        energy = energy + along({axis: bend}) + tension * step**2 * along({axis: stretch})
    for i, j in combinations(range(3), 2):
        energy = energy + 2 * along({i: stretch, j: stretch})
    return energy.tocsr()


@dataclass(frozen=True)
class _Level:
    """One grid of the multigrid: its matrix, and the way to the next coarser grid."""

    matrix: csr_array
    inverse_diagonal: Floats  # [V, 1]
    radius: float  # the largest eigenvalue of D^-1 M, a little over
    prolong: csr_array  # [V, V_coarse], trilinear
    restrict: csr_array


class Multigrid:
    """Solves a symmetric positive definite system on a 3-D grid: conjugate gradients, one V-cycle a step.

    The coarse grids are Galerkin's, the smoother a Chebyshev polynomial of Jacobi steps, so the V-cycle is
    symmetric, as conjugate gradients need. All right-hand sides share the matrices.

    Args:
        matrix: `[V, V]` with `V = size^3`.
        size: nodes a side.
    """

    def __init__(self, matrix: csr_array, size: int) -> None:
        from scipy.sparse.linalg import splu

        self.levels: list[_Level] = []
        while size > COARSEST:
            prolong = _interpolation((size + 1) // 2, size)
            self.levels.append(_level(matrix, prolong))
            matrix = (prolong.T @ matrix @ prolong).tocsr()
            size = (size + 1) // 2
        self.coarsest = matrix
        self._solve_coarsest = splu(matrix.tocsc()).solve

    def solve(self, right: Floats, *, tolerance: float = 1e-6, steps: int = 200) -> Floats:
        """The solution `[V, K]` for `right` `[V, K]`, to a residual of `tolerance` times it."""
        matrix = self.levels[0].matrix if self.levels else self.coarsest
        x, residual = np.zeros_like(right), right
        goal = tolerance * np.linalg.norm(right, axis=0)
        direction, energy = np.zeros_like(right), np.ones(right.shape[1])
        for _ in range(steps):
            # A column that has arrived stands still while the others go on.
            active = np.linalg.norm(residual, axis=0) > goal
            if not active.any():
                break
            step = self.cycle(residual)
            before, energy = energy, np.where(active, (residual * step).sum(0), 1.0)
            direction = np.where(active, step + energy / before * direction, 0.0)
            image = matrix @ direction
            length = energy / np.where(active, (direction * image).sum(0), 1.0) * active
            x, residual = x + length * direction, residual - length * image
        return x

    def cycle(self, right: Floats, depth: int = 0) -> Floats:
        """One V-cycle from zero: an approximate solution of `right` `[V, K]` at a level."""
        if depth == len(self.levels):
            return self._solve_coarsest(right)
        level = self.levels[depth]
        x = _smooth(level, right)
        x = x + level.prolong @ self.cycle(level.restrict @ (right - level.matrix @ x), depth + 1)
        return x + _smooth(level, right - level.matrix @ x)


def _level(matrix: csr_array, prolong: csr_array) -> _Level:
    inverse = 1 / matrix.diagonal()
    x = np.random.default_rng(0).standard_normal(len(inverse))
    for _ in range(12):  # the power method
        x = inverse * (matrix @ x)
        radius = float(np.linalg.norm(x))
        x /= radius
    return _Level(matrix, inverse[:, None], 1.1 * radius, prolong, prolong.T.tocsr())


def _smooth(level: _Level, right: Floats, *, degree: int = 3, band: float = 8) -> Floats:
    """Chebyshev iteration from zero (Saad, Iterative Methods, 12.1) on the upper part of the spectrum."""
    center, half = level.radius * (1 + 1 / band) / 2, level.radius * (1 - 1 / band) / 2
    sigma = center / half
    rho, residual = 1 / sigma, right
    step = level.inverse_diagonal * right / center
    x = step
    for _ in range(degree - 1):
        residual = residual - level.matrix @ step
        before, rho = rho, 1 / (2 * sigma - rho)
        step = rho * before * step + 2 * rho / half * level.inverse_diagonal * residual
        x = x + step
    return x


def _interpolation(coarse: int, fine: int) -> csr_array:
    """Trilinear interpolation `[fine^3, coarse^3]` from one grid over the cube to another."""
    from scipy.sparse import csr_array, kron

    position = np.linspace(0, coarse - 1, fine)
    low = np.minimum(position.astype(int), coarse - 2)
    weight, row = position - low, np.arange(fine)
    entries = np.concatenate([1 - weight, weight]), (np.tile(row, 2), np.concatenate([low, low + 1]))
    line = csr_array(entries, shape=(fine, coarse))
    return kron(kron(line, line), line, format="csr")
