"""Scopes put the trace where a colourist expects it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lutgrade.video.scopes import histogram, rgb_parade, vectorscope, waveform

SCOPES = [waveform, rgb_parade, vectorscope, histogram]
BARS = {"R": (1, 0, 0), "Mg": (1, 0, 1), "B": (0, 0, 1), "Cy": (0, 1, 1), "G": (0, 1, 0), "Yl": (1, 1, 0)}


def flat(*rgb: float) -> Tensor:
    return torch.tensor(rgb).view(3, 1, 1).expand(3, 90, 160)


def light(scope: Tensor, empty: Tensor) -> Tensor:
    """Where a scope is brighter than its graticule, `[h, w]`."""
    return (scope - empty).amax(dim=0) > 0.2


def rows_lit(scope: Tensor) -> Tensor:
    """The rows of a waveform that are brightest by far; the graticule is dark."""
    return (scope.amax(dim=0) > 0.6).nonzero()[:, 0].unique()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("size", [(1, 1), (3, 701), (901, 5), (480, 640)])
def test_any_image_gives_a_picture(scope: Callable[[Tensor], Tensor], size: tuple[int, int]) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0)) * 1.4 - 0.2
    image[0, 0, 0] = float("nan")
    picture = scope(image)
    assert picture.shape == ((3, 200, 200) if scope is vectorscope else (3, 200, 320))
    assert picture.dtype == torch.float32
    assert 0 <= picture.min() <= picture.max() <= 1
    assert torch.equal(picture, scope(image))


@pytest.mark.parametrize("scope", SCOPES)
def test_black_and_empty_do_not_fail(scope: Callable[[Tensor], Tensor]) -> None:
    assert scope(flat(0, 0, 0)).isfinite().all()
    assert scope(flat(0, 0, 0).half()).isfinite().all()


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_waveform_height_is_the_level(level: float) -> None:
    lit = rows_lit(waveform(flat(level, level, level), height=217))  # 8 rows above and below the trace
    assert lit.float().mean() == pytest.approx(8 + 200 * (1 - level), abs=1.0)


def test_waveform_weighs_green_most() -> None:
    heights = [rows_lit(waveform(flat(*BARS[name]))).float().mean().item() for name in ("G", "R", "B")]
    assert heights == sorted(heights)


def test_waveform_columns_follow_the_picture() -> None:
    half = torch.cat([flat(0.2, 0.2, 0.2), flat(0.8, 0.8, 0.8)], dim=2)
    lit = waveform(half).amax(dim=0) > 0.6
    left, right = lit[:, 30:160].any(dim=1).nonzero().float(), lit[:, 190:310].any(dim=1).nonzero().float()
    assert left.mean() > right.mean() + 80


def test_parade_shows_each_channel_in_its_third() -> None:
    parade = rgb_parade(flat(0.75, 0.5, 0.25))
    heights = []
    for index, channel in enumerate(parade):
        third = channel[:, 26 + index * 96 + 5 : 26 + index * 96 + 85]
        heights.append((third > 0.8).any(dim=1).nonzero().float().mean().item())
    assert heights == sorted(heights)
    assert heights[2] - heights[0] == pytest.approx(0.5 * 183, abs=2)


@pytest.mark.parametrize("name", BARS)
def test_vectorscope_bars_lie_at_their_bt709_angles(name: str) -> None:
    """Angles from Cb = (B - Y) / 1.8556 and Cr = (R - Y) / 1.5748 of ITU-R BT.709."""
    red, green, blue = BARS[name]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    expected = math.atan2((red - luma) / 1.5748, (blue - luma) / 1.8556)
    lit = light(
        vectorscope(flat(*(0.75 * v for v in BARS[name])), size=301), vectorscope(flat(0.5, 0.5, 0.5), size=301)
    )
    y, x = lit.nonzero().float().mean(dim=0).tolist()
    difference = math.atan2(150 - y, x - 150) - expected
    assert abs(math.remainder(difference, 2 * math.pi)) < math.radians(1.5)


def test_grey_stays_in_the_middle_of_the_vectorscope() -> None:
    ramp = torch.linspace(0, 1, 256).expand(3, 8, 256)
    lit = light(vectorscope(ramp, size=101), vectorscope(flat(1, 0, 0), size=101)).nonzero()
    assert (lit - 50).abs().max() <= 1


def test_skin_lies_on_the_skin_tone_line() -> None:
    """Skin of every lightness has about the hue of the line: 123 degrees from +Cb."""
    for rgb in ((0.80, 0.60, 0.50), (0.45, 0.30, 0.23)):
        lit = light(vectorscope(flat(*rgb), size=301), vectorscope(flat(0.5, 0.5, 0.5), size=301))
        y, x = lit.nonzero().float().mean(dim=0).tolist()
        assert math.degrees(math.atan2(150 - y, x - 150)) == pytest.approx(123, abs=8)


def test_histogram_columns() -> None:
    scope = histogram(flat(0.25, 0.5, 0.75), width=272)  # one column per level
    for channel, level in zip(scope, (64, 128, 191), strict=True):
        lit = (channel[8:150] > 0.45).all(dim=0).nonzero().float()
        assert lit.mean() == pytest.approx(8 + level, abs=1.5)
