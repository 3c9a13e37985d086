"""The distance of two LUTs."""

from __future__ import annotations

import pytest
import torch

from lutgrade import Lut
from lutgrade.lut.compare import compare


def test_a_lut_is_the_same_as_itself() -> None:
    lut = Lut.from_function(torch.square, 17)
    comparison = compare(lut, lut)
    assert comparison.largest == 0
    assert "the same" in comparison.report()


def test_rms_is_in_codes_for_each_channel() -> None:
    shifted = Lut(Lut.identity(17).table * torch.tensor([1, 0.5, 0.0])[:, None, None, None])
    rms = compare(Lut.identity(17), shifted).rms
    mean_square = torch.linspace(0, 1, 33).square().mean().item()
    assert rms == pytest.approx([0, 255 * 0.5 * mean_square**0.5, 255 * mean_square**0.5], rel=1e-4, abs=1e-4)


def test_the_region_that_differs_most_is_named() -> None:
    def dim_blues(x: torch.Tensor) -> torch.Tensor:
        excess = (x[:, 2] - x[:, :2].amax(1)).clamp(min=0)
        return x - 0.8 * excess[:, None] * torch.tensor([0, 0, 1.0])[:, None, None]

    comparison = compare(Lut.identity(33), Lut.from_function(dim_blues, 33))
    assert comparison.region.endswith("blue")
    assert comparison.region_mean > comparison.mean > 0
    assert comparison.largest >= comparison.percentile_95 >= comparison.mean
    assert comparison.worst_color[2] > max(comparison.worst_color[:2])
    assert comparison.region in comparison.report()


def test_a_comparison_is_symmetric() -> None:
    a, b = Lut.from_function(torch.square, 9), Lut.from_function(torch.sqrt, 17)
    assert compare(a, b).mean == pytest.approx(compare(b, a).mean, rel=1e-5)
