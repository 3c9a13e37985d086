"""The operator's definition in plain torch, differentiable by autograd.

The kernels are tested against it, and it runs where none exists. It computes in float64 (float32 where a device has
no float64), whatever the dtypes that come in.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def apply_lut_reference(image: Tensor, table: Tensor, interpolation: str = "trilinear") -> Tensor:
    """Maps colours through a 3-D LUT.

    A colour is clamped to [0, 1] (NaN is taken as 0) and scaled to the position `x * (S - 1)` along each axis. In the
    cell that holds it, of which 1.0 belongs to the last, trilinear interpolation weighs all eight corners; tetrahedral
    interpolation weighs four, the corners of one of the six tetrahedra around the cell's diagonal.

    Args:
        image: `[..., 3, H, W]`, RGB; integers stand for fractions of their maximum.
        table: `[3, S, S, S]`, or one per image `[B, 3, S, S, S]` (channel, blue, green, red).
        interpolation: `trilinear` or `tetrahedral`.

    Returns:
        `[..., 3, H, W]` in the image's dtype and memory format; integers clamped and rounded to nearest.
    """
    compute = torch.float32 if image.device.type == "mps" else torch.float64
    shape, size, count = image.shape, table.shape[-1], math.prod(image.shape[:-3])
    x = image.reshape(count, 3, shape[-2] * shape[-1]).to(compute)  # [B, 3, P]
    if not image.dtype.is_floating_point:
        x = x / torch.iinfo(image.dtype).max
    tables = table if table.dim() == 5 else table.unsqueeze(0)
    nodes = tables.to(compute).flatten(2).expand(count, -1, -1)  # [B, 3, S * S * S]

    position = torch.where(x.isnan(), 0.0, x).clamp(0, 1) * (size - 1)
    cell = position.detach().floor().clamp(max=size - 2)
    strides = torch.tensor([1, size, size * size], device=image.device)
    base = (cell.long() * strides[:, None]).sum(1, keepdim=True)  # [B, 1, P], the cell's first node
    interpolate = _trilinear if interpolation == "trilinear" else _tetrahedral
    out = interpolate(nodes, base, position - cell, strides).reshape(shape)

    if not image.dtype.is_floating_point:
        peak = torch.iinfo(image.dtype).max
        out = (out.nan_to_num(0.0) * peak).clamp(0, peak).round()
    channels_last = image.dim() == 4 and image.is_contiguous(memory_format=torch.channels_last)
    format = torch.channels_last if channels_last and not image.is_contiguous() else torch.contiguous_format
    return out.to(image.dtype).contiguous(memory_format=format)


def _look_up(nodes: Tensor, index: Tensor) -> Tensor:
    """Node values `[B, 3, P]` at indices `[B, 1, P]`."""
    return nodes.gather(2, index.expand(-1, 3, -1))


def _trilinear(nodes: Tensor, base: Tensor, fraction: Tensor, strides: Tensor) -> Tensor:
    red, green, blue = fraction.split(1, dim=1)  # [B, 1, P] each
    out = torch.zeros_like(fraction)
    for corner in range(8):
        r, g, b = corner & 1, corner >> 1 & 1, corner >> 2
        weight = (red if r else 1 - red) * (green if g else 1 - green) * (blue if b else 1 - blue)
        out = out + weight * _look_up(nodes, base + r * strides[0] + g * strides[1] + b * strides[2])
    return out


def _tetrahedral(nodes: Tensor, base: Tensor, fraction: Tensor, strides: Tensor) -> Tensor:
    """From the cell's first corner to its last, one step along each axis, the largest fraction first."""
    ordered, axes = fraction.sort(dim=1, descending=True, stable=True)  # ties in the order red, green, blue
    first, middle, last = ordered.split(1, dim=1)
    steps = strides[axes].cumsum(1)  # [B, 3, P]
    corners = [base, *(base + step for step in steps.split(1, dim=1))]
    weights = [1 - first, first - middle, middle - last, last]
    out = torch.zeros_like(fraction)
    for weight, corner in zip(weights, corners, strict=True):
        out = out + weight * _look_up(nodes, corner)
    return out
