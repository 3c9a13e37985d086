"""The definition of the operator in plain torch; the kernels are tested against it and it runs where they cannot."""

from __future__ import annotations

import torch
from torch import Tensor


def apply_lut_reference(image: Tensor, table: Tensor, interpolation: str = "trilinear") -> Tensor:
    """`[..., 3, H, W]` through `[3, S, S, S]` (placeholder definition)."""
    size = table.shape[-1]
    integer = not image.dtype.is_floating_point
    peak = torch.iinfo(image.dtype).max if integer else 1
    x = (image.to(torch.float32) / peak).nan_to_num(0.0, 1.0, 0.0).clamp(0, 1) * (size - 1)
    low = x.floor().clamp(max=size - 2)
    f = x - low
    r, g, b = low.long().unbind(-3)
    fr, fg, fb = f.unbind(-3)
    flat = table.reshape(3, -1)
    out = torch.zeros_like(x)
    for db in (0, 1):
        for dg in (0, 1):
            for dr in (0, 1):
                w = (fr if dr else 1 - fr) * (fg if dg else 1 - fg) * (fb if db else 1 - fb)
                index = ((b + db) * size + g + dg) * size + r + dr
                out = out + w.unsqueeze(-3) * flat[:, index].movedim(0, -3)
    return (out.clamp(0, 1) * peak).round().to(image.dtype) if integer else out.to(image.dtype)
