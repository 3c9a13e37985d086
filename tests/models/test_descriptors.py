"""Descriptions of an image: HistoGAN's histogram by its definition, and the statistics of features."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lutgrade.models.descriptors import EncoderStatistics, RgbUvHistogram
from models.learned import pictures, small_encoder


def by_definition(image: Tensor, bins: int, falloff: float) -> Tensor:
    """HistoGAN's Sec. 3.1, a pixel and a bin at a time: `[3, bins, bins]`, of `[3, H, W]`."""
    centres = torch.linspace(-3, 3, bins).tolist()
    histogram = torch.zeros(3, bins, bins)
    for pixel in image.flatten(1).T.tolist():
        logs, weight = [math.log(value + 1e-6) for value in pixel], math.hypot(*pixel)
        for c in range(3):
            first, second = (logs[c] - logs[other] for other in range(3) if other != c)
            u, v = (
                torch.tensor([1 / (1 + (ratio - centre) ** 2 / falloff**2) for centre in centres])
                for ratio in (first, second)
            )
            histogram[c] += weight * u[:, None] * v
    return (histogram / histogram.sum()).sqrt()


@pytest.mark.parametrize(("bins", "falloff"), [(64, 0.02), (16, 3 / 16)])
def test_the_histogram_is_histogans(bins: int, falloff: float) -> None:
    images = pictures(0, 2, 4, 4)
    ours = RgbUvHistogram(bins, resolution=4)(images).unflatten(1, (3, bins, bins))
    for found, image in zip(ours, images, strict=True):
        torch.testing.assert_close(found, by_definition(image, bins, falloff), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_counts_all_pixels(dtype: torch.dtype) -> None:
    images, histogram = torch.ones(1, 3, 260, 260), RgbUvHistogram(4, resolution=260)  # of weight 117,000 in all
    with torch.autocast("cpu", dtype=dtype):
        half = histogram(images)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, histogram(images))


def test_black_has_an_empty_histogram() -> None:
    assert not RgbUvHistogram(4, 8)(torch.zeros(1, 3, 8, 8)).any()


def test_features_are_described_by_mean_and_deviation() -> None:
    torch.manual_seed(0)
    encoder, images = small_encoder(), pictures(0, 2)
    described = EncoderStatistics(encoder, resolution=32)
    found = described(images)
    assert found.shape == (2, described.length) == (2, 2 * sum(encoder.channels))
    first = encoder(torch.nn.functional.interpolate(images, (32, 32), mode="bilinear", antialias=True).clamp(0, 1))[0]
    torch.testing.assert_close(found[:, :8], first.mean((2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[:, 8:16], first.std((2, 3), correction=0), rtol=1e-3, atol=1e-3)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
