"""The public operator (thin first path; the kernels come next)."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.ops.reference import apply_lut_reference


def apply_lut(image: Tensor, table: Tensor, *, interpolation: str = "trilinear") -> Tensor:
    if table.dim() == 5:
        tables = table.expand(image.shape[0], *table.shape[1:])
        return torch.stack(
            [apply_lut_reference(i, t, interpolation) for i, t in zip(image, tables, strict=True)]
        )
    return apply_lut_reference(image, table, interpolation)


def backend(device: str | torch.device = "cpu") -> str:
    return "reference"
