"""What networks here are begun with alike: norms, and last layers that change little."""

from __future__ import annotations

import torch
from torch import nn


def damped(layer: nn.Linear, gain: float = 0.0) -> nn.Linear:
    """The layer itself, its weights scaled by `gain` and its bias zero: untrained, it changes little, or nothing."""
    with torch.no_grad():
        layer.weight.mul_(gain)
        layer.bias.zero_()
    return layer


def group_norm(channels: int) -> nn.GroupNorm:
    """Groups of eight channels of one image."""
    return nn.GroupNorm(max(channels // 8, 1), channels)
