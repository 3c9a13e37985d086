"""Colourfulness against its formula and closed forms, histogram correlation against OpenCV."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.color import Colorfulness, HistogramCorrelation
from lutgrade.protocols import Sample


def sample_of(frames: Tensor, target: Tensor | None = None) -> Sample:
    return Sample(frames, frames[:1], target)


def test_colorfulness_agrees_with_numpy(photos: Tensor) -> None:
    ours = Colorfulness()(photos, sample_of(photos))
    for frame, score in zip(photos, ours, strict=True):
        red, green, blue = (255 * frame).double().numpy()
        rg, yb = red - green, (red + green) / 2 - blue
        expected = math.hypot(np.std(rg), np.std(yb)) + 0.3 * math.hypot(np.mean(rg), np.mean(yb))
        assert score.item() == pytest.approx(expected, rel=1e-6)


def test_colorfulness_of_flat_colors(device: torch.device) -> None:
    grey, red = torch.full((1, 3, 8, 8), 0.4, device=device), torch.zeros(1, 3, 8, 8, device=device)
    red[:, 0] = 1
    assert Colorfulness()(grey, sample_of(grey)).item() == pytest.approx(0, abs=1e-9)
    assert Colorfulness()(red, sample_of(red)).item() == pytest.approx(0.3 * math.hypot(255, 127.5))


@given(st.floats(0, 1))
def test_colorfulness_grows_with_saturation(strength: float) -> None:
    color = torch.rand(1, 3, 16, 16, generator=torch.manual_seed(1))
    muted = color.mean(1, keepdim=True) + strength * (color - color.mean(1, keepdim=True))
    whole = Colorfulness()(color, sample_of(color)).item()
    assert Colorfulness()(muted, sample_of(muted)).item() == pytest.approx(strength * whole, rel=1e-4, abs=1e-4)


def opencv_correlation(a: Tensor, b: Tensor) -> float:
    import cv2

    def histogram(image: Tensor, channel: int) -> np.ndarray:
        values = np.ascontiguousarray((255 * image[channel]).round().byte().numpy())
        return cv2.calcHist([values], [0], None, [256], [0, 256])

    return float(np.mean([cv2.compareHist(histogram(a, c), histogram(b, c), cv2.HISTCMP_CORREL) for c in range(3)]))


def test_histogram_correlation_agrees_with_opencv(pair: tuple[Tensor, Sample]) -> None:
    graded, sample = pair
    ours = HistogramCorrelation()(graded, sample)
    expected = [opencv_correlation(a, b) for a, b in zip(graded, sample.target, strict=True)]
    assert ours.tolist() == pytest.approx(expected, abs=1e-6)


def test_histogram_correlation_takes_the_reference_without_a_target(photos: Tensor) -> None:
    scores = HistogramCorrelation()(photos, Sample(photos, photos[1:, :, :100]))
    assert scores[1] > scores[0]
    assert scores[1].item() == pytest.approx(opencv_correlation(photos[1], photos[1, :, :100]), abs=1e-6)


def test_histogram_correlation_of_a_frame_with_itself_is_one(device: torch.device) -> None:
    frames = torch.rand(2, 3, 12, 12, device=device)
    assert HistogramCorrelation()(frames, sample_of(frames, frames)).tolist() == pytest.approx([1, 1])


def test_histogram_correlation_needs_bins() -> None:
    with pytest.raises(InputError, match="bins"):
        HistogramCorrelation(bins=1)
