"""How far tables are from a grade that keeps the order of colours, as a term to minimise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_GAIN = 3.0  # steeper, the steps between 8-bit codes show
FOLDS, BEYOND, BENDS = 300.0, 10.0, 0.3  # weights

# Red, green and blue steps to the neighbours of a node, one of each opposite pair.
_DIRECTIONS = tuple(step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0))


def irregularity(table: Tensor) -> Tensor:
    """Folds, falls, values beyond [0, 1] and bends of final tables `[B, 3, S, S, S]`, weighted; 0 for the identity.

    Small where a grade is monotone, smooth and moves colours as it moves their neighbours. Affine maps such as
    contrast, saturation and white balance cost nothing until they clip or stretch colours by more than `MAX_GAIN`.
    """
    return FOLDS * (folds(table) + falls(table)) + BEYOND * beyond(table) + BENDS * bends(table)


def folds(table: Tensor) -> Tensor:
    """Mean square by which slopes lie outside [0, `MAX_GAIN`], of tables `[B, 3, S, S, S]`.

    Slopes are along the lines through neighbouring nodes in all 13 directions, of the colours' component in that
    direction. Where none falls the map is monotone, (T(x) - T(y)) . (x - y) >= 0 on those lines: along them no two
    colours trade places, greys among them.
    """
    total = table.new_zeros(())
    for step in _DIRECTIONS:
        difference = _kept(table, step) - _kept(table, [-d for d in step])
        along = torch.einsum("c,bc...->b...", table.new_tensor(step), difference)
        slope = along * (table.shape[-1] - 1) / sum(d * d for d in step)
        total = total + (slope - slope.clamp(0, MAX_GAIN)).square().mean()
    return total / len(_DIRECTIONS)


def falls(table: Tensor) -> Tensor:
    """Mean square of the slopes by which a channel falls where all inputs rise, of tables `[B, 3, S, S, S]`."""
    up = (1, 1, 1)
    rise = (_kept(table, up) - _kept(table, [-d for d in up])) * (table.shape[-1] - 1)
    return F.relu(-rise).square().mean()


def beyond(values: Tensor) -> Tensor:
    """Mean square by which values lie outside [0, 1]."""
    return (F.relu(-values) + F.relu(values - 1)).square().mean()


def bends(table: Tensor) -> Tensor:
    """Mean square change of slope from cell to cell of tables `[B, 3, S, S, S]`, summed over the axes."""
    if table.shape[-1] < 3:
        return table.new_zeros(())
    changes = [table.diff(n=2, dim=axis) * (table.shape[-1] - 1) for axis in (-1, -2, -3)]
    return sum((change.square().mean() for change in changes), table.new_zeros(()))


def _kept(table: Tensor, step: Sequence[int]) -> Tensor:
    """The nodes of `[B, 3, S, S, S]` that have a neighbour a step of red, green and blue back."""
    size = table.shape[-1]
    red, green, blue = (slice(max(d, 0), size + min(d, 0)) for d in step)
    return table[:, :, blue, green, red]
