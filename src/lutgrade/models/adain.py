"""Features of a pair: at every scale the content's take the mean and deviation of the reference's (AdaIN)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.models.encoders import SmallEncoder, VGGEncoder, to_square
from lutgrade.models.layers import group_norm
from lutgrade.models.pixels import check_images

Norm = Literal["group", "batch"]
GRID = 3  # cells a side that features are averaged over
SMALLEST = 32  # pixels a side that leave a deviation at the deepest scale


def adain(content: Tensor, reference: Tensor, eps: float = 1e-5) -> Tensor:
    """Features `[B, C, H, W]` with the reference's mean and deviation per channel (Huang and Belongie 2017, Eq. 8)."""
    mean_c, std_c = mean_std(content, eps)
    mean_r, std_r = mean_std(reference, eps)
    return (content - mean_c) / std_c * std_r + mean_r


def mean_std(features: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the pixels of `[B, C, H, W]`, each `[B, C, 1, 1]`; eps is added to the variance."""
    variance, mean = torch.var_mean(features, dim=(2, 3), keepdim=True)
    return mean, (variance + eps).sqrt()


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """`group` normalises groups of eight channels of one image, `batch` each channel over the batch."""
    return group_norm(channels) if kind == "group" else nn.BatchNorm2d(channels)


class FeatureBlock(nn.Module):
    """A residual 3 x 3 convolution and one to `width` channels, for content and reference alike."""

    def __init__(self, channels: int, width: int, norm: Norm) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.first_norm = make_norm(norm, channels)
        self.second = _convolution(channels, width)
        self.second_norm = make_norm(norm, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, width, H, W]` in [-1, 1]."""
        x = x + torch.tanh(self.first_norm(self.first(x)))
        return torch.tanh(self.second_norm(self.second(x)))


class PairFeatures(nn.Module):
    """Both images through one encoder, fused by AdaIN at each of its scales and averaged over a 3 x 3 grid.

    Args:
        encoder: gives maps at several scales, of `encoder.channels`.
        resolution: side that both images are resized to.
        width: channels of each scale.
        norm: `group`, or `batch` as in NLUT's published code.
        content_statistics: adds what AdaIN replaces: the content's own features, and the mean and deviation of both
            images' colours, on the grid.

    Raises:
        InputError: a resolution under 32.
    """

    def __init__(
        self,
        encoder: VGGEncoder | SmallEncoder,
        *,
        resolution: int = 256,
        width: int = 64,
        norm: Norm = "group",
        content_statistics: bool = False,
    ) -> None:
        super().__init__()
        if resolution < SMALLEST:
            raise InputError(f"a pair is seen at {SMALLEST} pixels a side at least, not at resolution={resolution}")
        self.encoder = encoder
        self.resolution = resolution
        self.content_statistics = content_statistics
        self.blocks = nn.ModuleList(FeatureBlock(channels, width, norm) for channels in encoder.channels)
        scales = len(encoder.channels) * width
        self.channels = 2 * scales + 12 if content_statistics else scales

    def forward(self, content: Tensor, reference: Tensor) -> Tensor:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], of any sizes, to `[B, channels, 3, 3]`."""
        check_images(content, reference)
        content, reference = (to_square(image, self.resolution) for image in (content, reference))
        fused, own = [], []
        for block, f_c, f_r in zip(self.blocks, self.encoder(content), self.encoder(reference), strict=True):
            c, r = block(f_c), block(f_r)
            fused.append(F.adaptive_avg_pool2d(adain(c, r), GRID))
            if self.content_statistics:
                own.append(F.adaptive_avg_pool2d(c, GRID))
        if self.content_statistics:
            own += [_color_grid(content), _color_grid(reference)]
        return torch.cat(fused + own, dim=1)


def _color_grid(image: Tensor) -> Tensor:
    """Mean and deviation of the colours in each cell, `[B, 6, 3, 3]`."""
    mean = F.adaptive_avg_pool2d(image, GRID)
    variance = (F.adaptive_avg_pool2d(image.square(), GRID) - mean.square()).clamp_min(0)
    return torch.cat([mean, (variance + 1e-6).sqrt()], dim=1)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
