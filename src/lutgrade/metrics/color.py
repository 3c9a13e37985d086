"""Colour of the graded frames: colourfulness, and how alike their histograms are to the target's."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.frames import in_batches
from lutgrade.protocols import Sample


class Colorfulness:
    """Colourfulness (Hasler and Süsstrunk 2003, Sec. 4, the sRGB metric M3 over 8-bit values); no reference.

    With rg = R - G and yb = (R + G) / 2 - B over a frame's pixels: sqrt(var rg + var yb) + 0.3 sqrt(mean rg squared +
    mean yb squared), population variances. A grey frame scores 0; the paper calls 15 slightly, 33 moderately and 82
    highly colourful.
    """

    name = "Colorfulness"
    unit = ""
    lower_is_better = False

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, to `[T]`; the sample is not looked at."""

        def score(frames: Tensor) -> Tensor:
            red, green, blue = (255 * frames.double()).flatten(2).unbind(1)  # [T, H * W]
            opponents = torch.stack([red - green, (red + green) / 2 - blue])  # [2, T, H * W]
            variance, mean = torch.var_mean(opponents, dim=2, correction=0)
            return variance.sum(0).sqrt() + 0.3 * mean.square().sum(0).sqrt()

        return in_batches(score, graded)


class HistogramCorrelation:
    """Correlation of the colour histograms of the graded frames and of the target, from -1 to 1.

    Pearson's correlation over the bins of the 256-bin histograms of sRGB-encoded R, G and B (OpenCV's HISTCMP_CORREL),
    the mean over the three. Without a target it is the correlation with the reference, whatever its size; of several
    references the pixels are pooled.
    """

    name = "H-Corr"
    unit = ""
    lower_is_better = False

    def __init__(self, bins: int = 256) -> None:
        if bins < 2:
            raise InputError(f"a histogram has at least 2 bins, not {bins}")
        self.bins = bins

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the target, or else against the reference, to `[T]`."""
        ours = torch.stack([self.histograms(frame[None]) for frame in graded])  # [T, 3, bins]
        if sample.target is None:
            wanted = self.histograms(sample.reference)[None]
        else:
            wanted = torch.stack([self.histograms(frame[None]) for frame in sample.target])
        return _correlation(ours, wanted).mean(dim=1)

    def histograms(self, images: Tensor) -> Tensor:
        """The counts of each channel over all of `[N, 3, H, W]`, to `[3, bins]`; values are rounded to 8 bits."""
        levels = (images.clamp(0, 1) * 255).round().long() * self.bins // 256
        channels = levels.movedim(1, 0).flatten(1)  # [3, N * H * W]
        return torch.stack([torch.bincount(channel, minlength=self.bins) for channel in channels]).double()


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation along the last dimension; 1 where both are flat, as OpenCV has it."""
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    scale = (a.square().sum(-1) * b.square().sum(-1)).sqrt()
    return torch.where(scale > 0, (a * b).sum(-1) / scale.clamp_min(torch.finfo(scale.dtype).tiny), 1.0)
