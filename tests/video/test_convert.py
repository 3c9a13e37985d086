"""YUV to RGB and back, against the definition in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.video.chroma import downsample, upsample
from lutgrade.video.convert import Coding, FrameToRgb, RgbToFrame, bayer_thresholds
from lutgrade.video.layout import layout_of
from video.video_clips import WEIGHTS, frame_of, planes_of, rgb_values, yuv_codes

CORNERS = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
COLORS = np.concatenate([CORNERS, np.random.default_rng(0).random((56, 3))]).T  # [3, 64]
FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv444p16le"]


def patches(colors: np.ndarray, side: int = 8) -> np.ndarray:
    """`[3, 64]` colours to a picture of flat patches, `[3, 8 side, 8 side]`."""
    return np.kron(colors.reshape(3, 8, 8), np.ones((1, side, side)))


def centres(picture: np.ndarray, side: int = 8) -> np.ndarray:
    """One pixel of every patch, `[3, 64]`: the resampling of chroma reaches two pixels, not these."""
    return picture[:, side // 2 :: side, side // 2 :: side].reshape(3, 64)


def subsampled(codes: np.ndarray, name: str) -> list[np.ndarray]:
    x, y = layout_of(name).shift
    return [codes[0], *(part[:: 1 << y, :: 1 << x] for part in codes[1:])]


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("name", FORMATS)
def test_flat_colors_decode_and_encode_as_the_definition_says(name: str, matrix: str, full: bool) -> None:
    bits = layout_of(name).bits
    codes = np.clip(np.rint(yuv_codes(patches(COLORS), matrix, bits, full)), 0, 2**bits - 1)
    frame = frame_of(name, subsampled(codes, name))
    image, alpha = FrameToRgb(Coding(matrix, full))(frame)
    expected = np.clip(rgb_values(centres(codes), matrix, bits, full), 0, 1)
    assert alpha is None
    assert image.dtype == torch.float32
    tolerance = 0.01 / 2**bits if bits < 16 else 0.1 / 2**bits
    np.testing.assert_allclose(centres(image.numpy()), expected, atol=tolerance)

    back = planes_of(RgbToFrame(name, Coding(matrix, full))(image))
    exact = yuv_codes(image.numpy(), matrix, bits, full)[0]
    reach = 1.0 if bits == 8 else 0.5  # dither moves a value to either neighbour
    assert np.abs(back[0] - np.clip(exact, 0, 2**bits - 1)).max() <= reach + 0.02


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (5, 3), (2, 2), (1, 1)])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "gbrp", "gbrp12le"])
def test_an_unchanged_picture_returns_every_code(name: str, size: tuple[int, int]) -> None:
    """Chroma edges included: 4:2:0 goes up to RGB and down again without loss, at odd sizes as well."""
    layout, (width, height) = layout_of(name), size
    rng = np.random.default_rng(1)
    chroma = (-(-height // (1 << layout.shift[1])), -(-width // (1 << layout.shift[0])))
    shapes = [(height, width), chroma, chroma]
    # Around grey, so that no colour leaves the gamut of RGB and is clamped.
    planes = [np.rint((0.5 + 0.12 * rng.uniform(-1, 1, shape)) * layout.peak) for shape in shapes]
    coding = Coding("rgb", True) if layout.kind == "rgb" else Coding("bt709", False)
    image, _ = FrameToRgb(coding)(frame_of(name, planes))
    assert image.min() > 0
    assert image.max() < 1
    for got, want in zip(planes_of(RgbToFrame(name, coding)(image)), planes, strict=True):
        np.testing.assert_array_equal(got, want)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
    shift=st.sampled_from([(1, 1), (1, 0), (0, 1)]),
    seed=st.integers(0, 2**16),
)
def test_chroma_down_undoes_up(size: tuple[int, int], shift: tuple[int, int], seed: int) -> None:
    height, width = size
    shape = (2, -(-height // (1 << shift[1])), -(-width // (1 << shift[0])))
    chroma = np.random.default_rng(seed).normal(size=shape)
    full = np.empty((2, height, width))
    upsample(chroma, shift, full)
    np.testing.assert_allclose(downsample(full, shift), chroma, atol=1e-12)


@pytest.mark.parametrize("shift", [(1, 1), (1, 0), (0, 1)])
def test_chroma_of_a_ramp_stays_a_ramp(shift: tuple[int, int]) -> None:
    """Samples sit on the even column and between the two rows, so a linear picture is exact away from borders."""
    y, x = np.mgrid[0:32, 0:32].astype(float)
    ramp = (0.3 * x + 0.7 * y)[None]
    low = downsample(ramp, shift)
    rows = y[:: 1 << shift[1]] + 0.5 * shift[1]
    expected = 0.3 * x[: low.shape[1], :: 1 << shift[0]] + 0.7 * rows[:, : low.shape[2]]
    inner = np.s_[0, 4:-4, 4:-4]
    np.testing.assert_allclose(low[inner], expected[None][inner], atol=1e-12)
    again = np.empty_like(ramp)
    upsample(low, shift, again)
    np.testing.assert_allclose(again[inner], ramp[inner], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "planar"),
    [
        ("nv12", "yuv420p"),
        ("nv16", "yuv422p"),
        ("p010le", "yuv420p10le"),
        ("yuyv422", "yuv422p"),
        ("yuvj420p", "yuv420p"),
        ("yuv411p", "yuv444p"),
        ("yuva444p10le", "yuva444p10le"),
        ("rgb24", "gbrp"),
        ("rgb48be", "gbrp16le"),
        ("x2rgb10le", "gbrp10le"),
        ("bgra", "gbrap"),
        ("pal8", "gbrp"),
        ("gray", "gray"),
        ("gray10le", "gray10le"),
        ("ya8", "yuva444p"),
    ],
)
def test_every_format_has_a_planar_layout(name: str, planar: str) -> None:
    assert layout_of(name).name == planar


@pytest.mark.parametrize("packed", ["nv12", "p010le", "yuyv422", "rgb24", "bgra", "rgb48be", "nv16", "yuvj420p"])
def test_packed_formats_carry_the_same_codes(packed: str) -> None:
    layout = layout_of(packed)
    rng = np.random.default_rng(2)
    image = torch.from_numpy(rng.uniform(0.4, 0.6, (3, 16, 24))).float()
    alpha = torch.from_numpy(rng.random((1, 16, 24))).float() if layout.has_alpha else None
    coding = Coding("rgb", True) if layout.kind == "rgb" else Coding("bt709", packed.startswith("yuvj"))
    planar = RgbToFrame(layout.name, coding)(image, alpha)
    direct, direct_alpha = FrameToRgb(coding)(planar)
    through, through_alpha = FrameToRgb(coding)(RgbToFrame(packed, coding)(image, alpha))
    torch.testing.assert_close(through, direct, rtol=0, atol=1e-6)
    if layout.has_alpha:
        torch.testing.assert_close(through_alpha, direct_alpha, rtol=0, atol=1e-6)


def test_grey_is_three_equal_channels() -> None:
    frame = frame_of("gray", [np.arange(16, 236, 10)[None].repeat(4, 0)])
    image, _ = FrameToRgb(Coding("bt709", False))(frame)
    torch.testing.assert_close(image[0], image[2])
    np.testing.assert_allclose(image[1, 0].numpy(), (np.arange(16, 236, 10) - 16) / 219, atol=1e-6)


def test_eight_bits_are_dithered_and_ten_rounded() -> None:
    """A slow ramp keeps its mean between the codes, in every 8x8 block."""
    levels = np.linspace(0.400, 0.4015, 32).repeat(8)[None].repeat(8, 0)  # [8, 256], within half a code
    image = torch.from_numpy(levels).float()[None].repeat(3, 1, 1)
    coding = Coding("bt709", False)
    exact = 16 + 219 * levels
    codes = planes_of(RgbToFrame("yuv444p", coding)(image))[0]
    blocks = codes.reshape(8, 32, 8).mean((0, 2))
    assert np.abs(blocks - exact[0, ::8]).max() < 1 / 64
    assert set(np.unique(codes)) == {103, 104}
    ten = planes_of(RgbToFrame("yuv444p10le", coding)(image))[0]
    np.testing.assert_array_equal(ten, np.rint(4 * exact))


def test_thresholds_are_each_used_once() -> None:
    assert sorted((bayer_thresholds() * 64 - 0.5).ravel().tolist()) == list(range(64))


def test_shrinking_keeps_the_mean_color() -> None:
    codes = np.clip(np.rint(yuv_codes(patches(COLORS * 0.5 + 0.25), "bt709", 8, False)), 0, 255)
    frame = frame_of("yuv420p", subsampled(codes, "yuv420p"))
    large, _ = FrameToRgb(Coding("bt709", False))(frame)
    small, _ = FrameToRgb(Coding("bt709", False), (16, 16))(frame)
    assert small.shape == (3, 16, 16)
    torch.testing.assert_close(small.mean((1, 2)), large.mean((1, 2)), rtol=0, atol=2 / 255)
