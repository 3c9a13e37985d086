"""Sliced optimal transport: the whole colour distribution, pixel by pixel, and then a smooth LUT through it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.lut import Lut
from lutgrade.lut.fit import fit_lut
from lutgrade.models.matching import quantiles
from lutgrade.models.pixels import check_images, sample_pixels


@dataclass(frozen=True)
class SlicedOT:
    """The whole colour distribution, by sliced optimal transport (Pitie et al. 2007) and a smooth LUT through it.

    Iterative distribution transfer in sRGB-encoded values: in a random orthonormal frame, each axis is given the
    reference's quantiles; again in the next frame. The moved pixels and where they came from are then fitted with
    `lutgrade.lut.fit.fit_lut`, which decides what colours between and beyond the pixels become.

    Args:
        size: nodes a side.
        iterations: random frames.
        step: the part of the way to the reference's quantiles that each iteration takes (Rabin et al. 2012).
        samples: pixels an image is represented by.
        smoothness: of the fit.
        seed: of the random frames.
    """

    size: int = 33
    iterations: int = 20
    step: float = 0.5
    samples: int = 16_384
    smoothness: float = 30.0
    seed: int = 0

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        colors_c, colors_r = (sample_pixels(image, self.samples).squeeze(-1) for image in (content, reference))
        moved = self.transport(colors_c, colors_r)
        tables = [
            fit_lut(source.mT, target.mT, size=self.size, smoothness=self.smoothness).table
            for source, target in zip(colors_c, moved, strict=True)
        ]
        return Lut(torch.stack(tables).clamp(0, 1))

    def transport(self, content: Tensor, reference: Tensor) -> Tensor:
        """Moves the colours `[B, 3, N]` to the distribution of `[B, 3, M]`; `[B, 3, N]`, unclamped."""
        generator = torch.Generator().manual_seed(self.seed)
        moved = content
        for _ in range(self.iterations):
            frame = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q.to(content)
            axes = frame @ moved
            wanted = quantiles(frame @ reference, axes.shape[-1])
            order = axes.argsort(dim=-1, stable=True)
            moved = moved + self.step * (frame.T @ (torch.empty_like(axes).scatter(2, order, wanted) - axes))
        return moved
