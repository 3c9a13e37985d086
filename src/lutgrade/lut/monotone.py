"""LUTs in which no channel falls while its own input rises."""

from __future__ import annotations

import torch
from torch import Tensor


def monotone(table: Tensor) -> Tensor:
    """Tables `[..., 3, S, S, S]` in which R rises with red, G with green and B with blue; where they do, unchanged.

    Along each line of nodes it takes the middle between the highest value so far and the lowest to come, the smallest
    change at worst. A channel that falls with another's input, as saturation makes it, is left alone, so brightness
    may still fall along a path that changes all three.
    """
    red, green, blue = table.unbind(-4)  # each [..., blue, green, red]
    return torch.stack([_rising(red, -1), _rising(green, -2), _rising(blue, -3)], dim=-4)


def _rising(values: Tensor, dim: int) -> Tensor:
    highest = values.cummax(dim).values
    lowest = values.flip(dim).cummin(dim).values.flip(dim)
    return (highest + lowest) / 2
