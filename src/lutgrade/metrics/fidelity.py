"""Fidelity to a known target: PSNR, SSIM and the mean CIEDE2000, each per frame at the frames' own size."""

from __future__ import annotations

from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.metrics.frames import in_batches, missing_library, target_of
from lutgrade.protocols import Sample


class PSNR:
    """Peak signal-to-noise ratio over the sRGB-encoded values of all three channels, peak 1.

    Identical frames score infinity.
    """

    name = "PSNR"
    unit = "dB"
    lower_is_better = False

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the sample's target, to `[T]`."""
        target = target_of(graded, sample)
        error = in_batches(lambda a, b: (a.double() - b.double()).square().mean(dim=(1, 2, 3)), graded, target)
        return -10 * error.log10()


class SSIM:
    """Structural similarity (Wang et al. 2004), the mean over the R, G and B channels, sRGB-encoded, peak 1.

    An 11x11 Gaussian window of deviation 1.5, without padding, K = (0.01, 0.03), population covariances, at the
    full resolution. Computed by pytorch-msssim.
    """

    name = "SSIM"
    unit = ""
    lower_is_better = False

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, at least 11 pixels a side, against the sample's target, to `[T]`."""
        target = target_of(graded, sample)
        if min(graded.shape[-2:]) < 11:
            raise InputError(f"SSIM needs frames of at least 11x11, not {list(graded.shape[-2:])}")
        try:
            from pytorch_msssim import ssim
        except ImportError as error:
            raise missing_library("SSIM", "pytorch-msssim") from error
        return in_batches(lambda a, b: ssim(a.float(), b.float(), data_range=1.0, size_average=False), graded, target)


class CIEDE2000:
    """The colour difference CIEDE2000 in D65 CIELAB, the mean over a frame's pixels."""

    name = "CIEDE2000"
    unit = ""
    lower_is_better = True

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the sample's target, to `[T]`."""
        target = target_of(graded, sample)
        return in_batches(
            lambda a, b: ciede2000(srgb_to_lab(a), srgb_to_lab(b)).mean(dim=(1, 2)),  # of [T, H, W]
            graded,
            target,
        )
