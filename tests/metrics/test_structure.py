"""MS-SSIM against piq and torchmetrics, the texture difference against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.structure import MSSSIM, TextureDifference, gaussian_blur
from lutgrade.protocols import Sample


def test_ms_ssim_agrees_with_piq_and_torchmetrics(pair: tuple[Tensor, Sample]) -> None:
    from piq import multi_scale_ssim
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    graded, sample = pair
    ours = MSSSIM()(graded, sample)
    torch.testing.assert_close(ours, multi_scale_ssim(graded, sample.target, reduction="none"), atol=2e-4, rtol=0)
    theirs = multiscale_structural_similarity_index_measure(graded, sample.target, data_range=1.0, reduction="none")
    torch.testing.assert_close(ours, theirs, atol=5e-3, rtol=0)  # torchmetrics pads its windows


def test_ms_ssim_refuses_small_frames() -> None:
    small = torch.rand(1, 3, 160, 200)
    with pytest.raises(InputError, match="160x160"):
        MSSSIM()(small, Sample(small, small, small))


def test_texture_difference_agrees_with_scipy(pair: tuple[Tensor, Sample]) -> None:
    from scipy.ndimage import gaussian_filter

    graded, sample = pair
    ours = TextureDifference(sigma=2.5)(sample.target, Sample(graded, graded))
    for frame, source, score in zip(sample.target, graded, ours, strict=True):
        textures = [
            channels - np.stack([gaussian_filter(channel, 2.5, mode="nearest") for channel in channels])
            for channels in (frame.double().numpy(), source.double().numpy())
        ]
        assert score.item() == pytest.approx(255 * np.abs(textures[0] - textures[1]).mean(), rel=1e-4)


def test_texture_difference_ignores_a_constant_shift_and_sees_noise(photos: Tensor) -> None:
    sample = Sample(photos, photos)
    shifted = TextureDifference()(photos + 0.1, sample)
    noisy = TextureDifference()(photos + 0.05 * torch.randn(photos.shape, generator=torch.manual_seed(0)), sample)
    assert shifted.max() < 1e-3
    assert noisy.min() > 5


def test_the_blur_keeps_a_constant(device: torch.device) -> None:
    constant = torch.full((1, 3, 9, 7), 0.25, device=device)
    torch.testing.assert_close(gaussian_blur(constant, 3.0), constant)


def test_texture_difference_needs_frames_of_one_size(photos: Tensor) -> None:
    with pytest.raises(InputError, match="the input of"):
        TextureDifference()(photos[..., 1:], Sample(photos, photos))
