"""Pictures of what a model does, made while it trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lutgrade.protocols import Sample

# A model and a batch to a picture `[3, H, W]`, sRGB-encoded in [0, 1].
DrawSamples = Callable[[nn.Module, Sample], Tensor]


@dataclass(frozen=True)
class GradeGrid:
    """A row for each sample: content, reference, graded, and the target where it is known.

    Args:
        rows: at most so many.
        height: of a row, in pixels.
    """

    rows: int = 4
    height: int = 128

    def __call__(self, model: nn.Module, batch: Sample) -> Tensor:
        """Grades the first frames of `[B, T, 3, H, W]` with a `LutModel`; `[3, rows * height, W]`."""
        content, reference = batch.frames[: self.rows, 0], batch.reference[: self.rows, 0]
        columns = [content, reference, model(content, reference)(content)]
        if batch.target is not None:
            columns.append(batch.target[: self.rows, 0])
        grid = torch.cat([self._fitted(images.float()) for images in columns], dim=-1)  # [rows, 3, height, W]
        return torch.cat(grid.unbind(), dim=-2).clamp(0, 1).cpu()

    def _fitted(self, images: Tensor) -> Tensor:
        width = round(images.shape[-1] * self.height / images.shape[-2])
        return interpolate(images, (self.height, width), mode="bilinear", antialias=True)
