"""Structure that a grade should keep: MS-SSIM to the target, and the texture difference to the input."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.frames import in_batches, input_of, missing_library, target_of
from lutgrade.protocols import Sample


class MSSSIM:
    """Multi-scale SSIM (Wang, Simoncelli and Bovik 2003), the mean over R, G and B, sRGB-encoded, peak 1.

    Five scales with the paper's exponents, halved by 2x2 averages; windows as in `SSIM`. Computed by pytorch-msssim.
    """

    name = "MS-SSIM"
    unit = ""
    lower_is_better = False

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, over 160 pixels a side, against the sample's target, to `[T]`."""
        target = target_of(graded, sample)
        if min(graded.shape[-2:]) <= 160:  # four halvings leave less than a window of 11 pixels
            raise InputError(f"MS-SSIM needs frames of more than 160x160, not {list(graded.shape[-2:])}")
        try:
            from pytorch_msssim import ms_ssim
        except ImportError as error:
            raise missing_library(self.name, "pytorch-msssim") from error
        return in_batches(
            lambda a, b: ms_ssim(a.float(), b.float(), data_range=1.0, size_average=False), graded, target
        )


class TextureDifference:
    """Texture difference TD to the input frames (MovingColor, Sec. 5.2.3), in 8-bit steps.

    The paper says only that it compares high-frequency components, after the frequency separation of retouching.
    Here they are what a Gaussian blur of deviation `sigma` takes away from each sRGB-encoded channel, and TD is the
    mean absolute difference of the two, times 255.
    """

    name = "TD"
    unit = ""
    lower_is_better = True

    def __init__(self, sigma: float = 3.0) -> None:
        """`sigma`: the deviation of the blur, in pixels, above 0."""
        if sigma <= 0:
            raise InputError(f"the blur of the texture difference has a deviation above 0, not {sigma}")
        self.sigma = sigma

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the sample's input frames, to `[T]`."""

        def score(a: Tensor, b: Tensor) -> Tensor:
            difference = (a - b).float()  # the high-pass filter is linear: filtering the difference is enough
            return 255 * (difference - gaussian_blur(difference, self.sigma)).abs().mean(dim=(1, 2, 3))

        return in_batches(score, graded, input_of(graded, sample))


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `[B, C, H, W]`, cut at four deviations, with replicated borders."""
    radius = int(4 * sigma + 0.5)
    x = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    weights = torch.exp(-0.5 * (x / sigma) ** 2)
    weights /= weights.sum()
    flat = image.flatten(0, 1)[:, None]  # [B * C, 1, H, W]
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), weights.view(1, 1, 1, -1))
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), weights.view(1, 1, -1, 1))
    return flat.view_as(image)
