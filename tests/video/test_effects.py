"""Effects against FFmpeg's own filters, run by PyAV, and what they leave alone."""

from __future__ import annotations

import math
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.video.effect_text import parse_effects
from lutgrade.video.effects import ColorEffect, Curves, Effects, Levels, Vignette, WhiteBalance

CURVE = ((0, 0.05), (0.25, 0.3), (0.5, 0.5), (0.75, 0.72), (1, 0.95))


@pytest.fixture(scope="module")
def image() -> Tensor:
    """Random colours, `[3, 48, 64]` float64 of 16 bits."""
    codes = torch.randint(0, 65536, (3, 48, 64), generator=torch.Generator().manual_seed(0))
    return codes.double() / 65535


def ffmpeg(image: Tensor, filters: str, pixel_format: str = "rgb48le") -> Tensor:
    """The picture through a filter, in and out in a packed RGB format."""
    graph = av.filter.Graph()
    peak, dtype = (255, np.uint8) if pixel_format == "rgb24" else (65535, np.uint16)
    video_format = av.VideoFormat(pixel_format)
    source = graph.add_buffer(
        width=image.shape[2], height=image.shape[1], format=video_format, time_base=Fraction(1, 25)
    )
    name, _, options = filters.partition("=")
    step, sink = graph.add(name, options), graph.add("buffersink")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    codes = (image * peak).round().permute(1, 2, 0).numpy().astype(dtype)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format=pixel_format)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    source.push(frame)
    result = graph.pull().to_ndarray(format=pixel_format).astype(np.float64) / peak
    return torch.from_numpy(result).permute(2, 0, 1)


EFFECTS: list[ColorEffect] = [
    Curves(master=CURVE),
    Curves(red=((0, 0.05), (0.5, 0.52), (1, 1)), blue=((0, 0), (0.5, 0.48), (1, 0.95)), master=((0.1, 0), (0.9, 1))),
    Curves(red=((0, 1), (1, 0)), green=((0.3, 0.6),)),
    Levels((0.05, 0.05, 0.02), (0.95, 0.9, 0.95)),
    Levels(out_black=(0.05, 0.05, 0.1), out_white=(0.92, 0.9, 0.9)),
    WhiteBalance(4200),
    WhiteBalance(9000),
]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.ffmpeg()[:40])
def test_a_color_effect_is_what_ffmpeg_does(image: Tensor, effect: ColorEffect) -> None:
    ours, theirs = effect(image), ffmpeg(image, effect.ffmpeg())
    assert (ours - image).abs().max() > 0.01
    assert (ours - theirs).abs().max() < 2.5 / 65535 + 1e-6


def test_the_vignette_is_what_ffmpeg_does_in_8_bits(image: Tensor) -> None:
    effect, image = Vignette(math.pi / 4), (image * 255).round() / 255
    difference = effect(image) - ffmpeg(image, effect.ffmpeg(), "rgb24")
    assert difference.min() > -1e-6
    assert difference.max() < 1.01 / 255  # it truncates


def test_the_vignette_darkens_the_corners_alone() -> None:
    white = torch.ones(3, 100, 100)
    shaded = Vignette(1.0)(white)
    assert shaded[:, 50, 50].min() == 1
    assert float(shaded[0, 0, 0]) == pytest.approx(math.cos(1) ** 4, abs=1e-6)
    torch.testing.assert_close(Vignette(0)(white), white)


def test_warmer_is_fewer_kelvin_and_d65_is_neutral(image: Tensor) -> None:
    torch.testing.assert_close(WhiteBalance(6504)(image), image, rtol=0, atol=1e-12)
    grey = torch.full((3, 1, 1), 0.5, dtype=torch.float64)
    warm, cool = WhiteBalance(4000)(grey)[:, 0, 0], WhiteBalance(10000)(grey)[:, 0, 0]
    assert warm[0] > 0.5 > warm[2]
    assert cool[0] < 0.5 < cool[2]


@given(st.floats(2700, 15000))
def test_white_balance_keeps_the_luminance_of_greys(kelvin: float) -> None:
    gains = WhiteBalance(kelvin).gains
    luminance = gains @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    assert float(luminance) == pytest.approx(1, abs=0.01)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=6, unique_by=lambda x: round(x, 2)).map(sorted))
def test_a_curve_through_the_diagonal_changes_nothing(xs: list[float]) -> None:
    inside = torch.linspace(xs[0], xs[-1], 50, dtype=torch.float64).expand(3, 1, 50)
    torch.testing.assert_close(Curves(master=[(x, x) for x in xs])(inside), inside, rtol=0, atol=1e-6)


def test_effects_keep_shape_type_and_range(image: Tensor) -> None:
    batch = torch.stack([image, image.flip(-1)]).float()
    for effect in (*EFFECTS, Vignette()):
        out = effect(batch)
        assert out.shape == batch.shape
        assert out.dtype == torch.float32
        assert out.min() >= 0
        assert out.max() <= 1


def test_opacity_mixes_with_the_original(image: Tensor) -> None:
    graded = 1 - image
    torch.testing.assert_close(Effects(opacity=0.25).place(graded, image), 0.25 * graded + 0.75 * image)
    assert Effects().place(graded, image) is graded


def test_effects_are_read_in_order() -> None:
    effects = parse_effects(
        "levels=0.02/0.98, curves=0/0 0.5/0.55 1/1, curves.r=0/0.1 1/1, "
        "levels.b=0.1/0.9/0.05/0.95, white-balance=5600, vignette=0.6, opacity=0.8"
    )
    assert effects.color == (
        Levels((0.02,) * 3, (0.98,) * 3),
        Curves(master=[(0, 0), (0.5, 0.55), (1, 1)]),
        Curves(red=[(0, 0.1), (1, 1)]),
        Levels((0, 0, 0.1), (1, 1, 0.9), (0, 0, 0.05), (1, 1, 0.95)),
        WhiteBalance(5600),
    )
    assert effects.vignette == Vignette(0.6)
    assert effects.opacity == 0.8
    assert parse_effects("") == Effects()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur=3", "no effect is named 'blur'"),
        ("levels=0.9/0.1", "black under white"),
        ("levels=0.1", "black/white"),
        ("curves=0/0 1", "points x/y"),
        ("curves=0.5/0 0.5/1", "left to right"),
        ("curves=0/2 1/1", r"lie in \[0, 1\]"),
        ("white-balance=500", "1000 to 15000 K"),
        ("white-balance.r=5000", "all channels"),
        ("white-balance=warm", "number"),
        ("vignette=2", "pi/2"),
        ("opacity=1.5", "effect 'opacity=1.5': opacity is from 0 to 1"),
        ("opacity=0.5, levels=0/0.9, opacity=0.4", "effect 'opacity=0.4': it is named twice"),
    ],
)
def test_what_is_no_effect_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_effects(text)
    assert "\n" not in str(caught.value)
