"""Descriptions of one image as a vector, from which a condition can be made instead of the GS-Extractor's banks."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from lutgrade.models.encoders import SmallEncoder, VGGEncoder, to_square

BINS, RANGE, FALLOFF = 64, 3.0, 0.02  # along a ratio, of the log ratios, and of the kernel around a bin (HistoGAN)


class Descriptor(Protocol):
    """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], to vectors `[B, length]`."""

    length: int

    def initialise(self) -> None: ...

    def __call__(self, images: Tensor) -> Tensor: ...


class RgbUvHistogram(nn.Module):
    """The colour histogram of HistoGAN (CVPR 2021): log ratios of the channels, weighed by intensity. No weights.

    Of each channel, a histogram over the logarithms of its ratios to the other two; bins are soft, with an inverse
    quadratic falloff, so that two images that differ a little have histograms that do.

    Args:
        bins: along each ratio; 64 in the paper. Fewer have a wider falloff, half the distance of two, to leave no gaps.
        resolution: side that images are resized to; 150 in the paper.
    """

    centres: Tensor

    def __init__(self, bins: int = BINS, resolution: int = 150) -> None:
        super().__init__()
        self.length, self.resolution = 3 * bins**2, resolution
        self.falloff = FALLOFF if bins >= BINS else RANGE / bins
        self.register_buffer("centres", torch.linspace(-RANGE, RANGE, bins), persistent=False)

    def initialise(self) -> None:
        """Nothing to read."""

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], to the roots of the bins' shares, `[B, 3 * bins ** 2]`."""
        colors = to_square(images, self.resolution).flatten(2).float()  # [B, 3, N]
        intensity, logs = colors.square().sum(1).sqrt(), (colors + 1e-6).log()
        parts = []
        with torch.autocast(colors.device.type, enabled=False):  # float16 cannot count as many pixels
            for channel in range(3):
                u, v = (self._near(logs[:, channel] - logs[:, other]) for other in range(3) if other != channel)
                parts.append((u * intensity[:, None]) @ v.mT)  # [B, bins, bins]
        histogram = torch.stack(parts, dim=1)
        return (histogram / histogram.sum((1, 2, 3), keepdim=True).clamp_min(1e-6)).sqrt().flatten(1)

    def _near(self, ratio: Tensor) -> Tensor:
        """How near each of `[B, N]` is to each bin, `[B, bins, N]`."""
        return 1 / (1 + ((ratio[:, None] - self.centres[:, None]) / self.falloff).square())


class EncoderStatistics(nn.Module):
    """Mean and deviation of an encoder's features at every scale; with VGG the features of Table 3.

    Args:
        encoder: frozen.
        resolution: side that images are resized to.
    """

    def __init__(self, encoder: VGGEncoder | SmallEncoder, resolution: int = 256) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.resolution = resolution
        self.length = 2 * sum(encoder.channels)

    def initialise(self) -> None:
        """Reads the encoder's weights."""
        self.encoder.initialise()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], to `[B, length]`."""
        parts: list[Tensor] = []
        for scale in self.encoder(to_square(images, self.resolution)):
            variance, mean = torch.var_mean(scale.float().flatten(2), dim=2, correction=0)
            parts += [mean, (variance + 1e-6).sqrt()]
        return torch.cat(parts, dim=1)
