"""The normal equations of a trilinear 3-D table fitted to scattered colours, summed per grid cell.

A colour in a cell weighs on its 8 corners alone, so `A^T W A` and `A^T W b` are sums over cells of 8 x 8 and
8 x 3 blocks. The blocks are accumulated pixel by pixel (a few `bincount`s), then spread over the grid once: the
cost of the solve does not depend on the number of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
CHUNK = 1 << 18  # colours at a time: what is held per colour stays in the cache


@dataclass(frozen=True)
class CellSums:
    """Sums over the colours of every cell of a grid of `size` nodes a side; `C = (size - 1)^3` cells.

    Args:
        size: nodes a side.
        mass: `[C]`, the sum of the weights.
        gram: `[C, 8, 8]`, the sum of `w c c^T`, with `c` the 8 corner weights of a colour.
        moment: `[C, 8, 3]`, the sum of `w c y^T`, with `y` the value to fit.
    """

    size: int
    mass: Floats
    gram: Floats
    moment: Floats


def accumulate(x: Floats, y: Floats, weights: Floats, size: int) -> CellSums:
    """Sums colours `x` `[N, 3]` (in [0, 1], red first) with values `y` `[N, 3]` and weights `[N]` into cells."""
    cells = (size - 1) ** 3
    mass, gram, moment = np.zeros(cells), np.zeros((cells, 8, 8)), np.zeros((cells, 8, 3))
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        cell, corners = _corner_weights(x[part], size)  # [n], [8, n]
        w = weights[part]
        mass += np.bincount(cell, w, cells)
        for i in range(8):
            wc = w * corners[i]
            for j in range(i, 8):
                gram[:, i, j] += np.bincount(cell, wc * corners[j], cells)
            for c in range(3):
                moment[:, i, c] += np.bincount(cell, wc * y[part, c], cells)
    lower = np.tril_indices(8, -1)
    gram[:, lower[0], lower[1]] = gram[:, lower[1], lower[0]]
    return CellSums(size, mass, gram, moment)


def assemble(sums: CellSums, cell_weights: Floats) -> tuple[csr_array, Floats]:
    """Spreads the cells' blocks, each times its weight `[C]`, over the grid: `A^T W A` `[V, V]`, `A^T W b` `[V, 3]`.

    The `V = size^3` nodes count as in a flattened table: red fastest, blue slowest.
    """
    from scipy.sparse import coo_array

    size, nodes = sums.size, sums.size**3
    used = np.flatnonzero(sums.mass)
    weight = cell_weights[used]
    node = _corner_nodes(used, size)  # [U, 8]
    shape = (len(used), 8, 8)
    rows, columns = np.broadcast_to(node[:, :, None], shape), np.broadcast_to(node[:, None, :], shape)
    values = sums.gram[used] * weight[:, None, None]
    matrix = coo_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=(nodes, nodes)).tocsr()
    moment = sums.moment[used] * weight[:, None, None]
    right = np.empty((nodes, 3))
    for c in range(3):
        right[:, c] = np.bincount(node.ravel(), moment[..., c].ravel(), nodes)
    return matrix, right


def _corner_weights(x: Floats, size: int) -> tuple[NDArray[np.int64], Floats]:
    """The cell `[N]` of every colour and the trilinear weights `[8, N]` of its corners (bit 0 red, 2 blue)."""
    position = np.clip(x.T, 0, 1) * (size - 1)  # [3, N]
    low = np.minimum(position.astype(np.int64), size - 2)
    red, green, blue = position - low
    cell = (low[2] * (size - 1) + low[1]) * (size - 1) + low[0]
    gb = [(1 - green) * (1 - blue), green * (1 - blue), (1 - green) * blue, green * blue]
    return cell, np.stack([side * other for other in gb for side in (1 - red, red)])


def _corner_nodes(cell: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The nodes `[U, 8]` at the corners of cells `[U]`, in the order of `_corner_weights`."""
    b, g, r = np.unravel_index(cell, (size - 1,) * 3)
    corner = np.arange(8)
    return ((b[:, None] + (corner >> 2)) * size + g[:, None] + (corner >> 1 & 1)) * size + r[:, None] + (corner & 1)
