"""Grading code values in one pass, against the way through RGB."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lutgrade.applying import apply_to_file
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.ops import planes as planes_module
from lutgrade.ops.planes import PlanesLut
from lutgrade.video import CodedFrame, open_video, open_writer
from lutgrade.video.convert import Coding, FrameToRgb, RgbToFrame
from lutgrade.video.direct import DirectGrade, direct_grade
from lutgrade.video.layout import layout_of
from video.video_clips import frame_of, make_clip, packets, planes_of

pytestmark = pytest.mark.skipif(not PlanesLut.available(), reason="the C kernels were not built")

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv420p10le", "yuv422p12le", "yuv444p16le"]
PACKED = ["nv12", "p010le", "yuyv422"]  # FFmpeg's scaler takes them apart, at even sizes only
HD = Coding("bt709", False)


def coded(pixel_format: str, size: tuple[int, int], coding: Coding = HD, seed: int = 0) -> CodedFrame:
    """A frame of noise around grey, of whole codes and within the gamut of RGB."""
    layout, (width, height) = layout_of(pixel_format), size
    rng = np.random.default_rng(seed)
    chroma = (-(-height // (1 << layout.shift[1])), -(-width // (1 << layout.shift[0])))
    shapes = [(height, width), chroma, chroma]
    planes = [(0.5 + 0.12 * rng.uniform(-1, 1, shape)) * layout.peak for shape in shapes]
    frame = RgbToFrame(pixel_format, coding).packed(frame_of(layout.name, planes))
    return CodedFrame(frame, coding, 0, 0, 0.0)


def planes(frame: CodedFrame) -> list[np.ndarray]:
    return planes_of(FrameToRgb(frame.coding).planar(frame.picture))


def look(size: int = 17) -> Lut:
    """A LUT that mixes and bends the channels, and leaves the gamut here and there."""
    return Lut.from_function(lambda x: 1.15 * x**1.2 - 0.08 + 0.1 * x.roll(1, -3), size)


@pytest.mark.parametrize("size", [(64, 48), (130, 34), (63, 47), (5, 3), (2, 2), (1, 1)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_the_identity_returns_every_code(pixel_format: str, size: tuple[int, int]) -> None:
    frame = coded(pixel_format, size)
    graded = DirectGrade(pixel_format, HD)(frame, Lut.identity(33).table, "tetrahedral")
    for got, want in zip(planes(graded), planes(frame), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("pixel_format", PACKED)
def test_packed_formats_come_through(pixel_format: str) -> None:
    frame = coded(pixel_format, (64, 48))
    graded = DirectGrade(pixel_format, HD)(frame, Lut.identity(33).table, "tetrahedral")
    assert graded.picture.format.name == pixel_format
    for got, want in zip(planes(graded), planes(frame), strict=True):
        np.testing.assert_array_equal(got, want)


@settings(max_examples=60, deadline=None)
@given(
    pixel_format=st.sampled_from(FORMATS),
    size=st.tuples(st.integers(1, 150), st.integers(1, 20)),
    interpolation=st.sampled_from(["trilinear", "tetrahedral"]),
    source=st.sampled_from([HD, Coding("bt601", True), Coding("bt2020", False)]),
    target=st.sampled_from([HD, Coding("bt601", True)]),
    seed=st.integers(0, 99),
)
def test_it_is_the_way_through_rgb(
    pixel_format: str, size: tuple[int, int], interpolation: str, source: Coding, target: Coding, seed: int
) -> None:
    """To a code, and there only where a value lies on the border between two."""
    frame, lut = coded(pixel_format, size, source, seed), look()
    direct = planes(DirectGrade(pixel_format, target)(frame, lut.table, interpolation))
    image = lut(FrameToRgb(source)(frame.picture)[0], interpolation=interpolation)
    there = CodedFrame(RgbToFrame(pixel_format, target)(image), target, 0, 0, 0.0)
    for got, want in zip(direct, planes(there), strict=True):
        difference = np.abs(got - want)
        assert difference.max() <= 1
        assert difference.mean() <= (0.01 if layout_of(pixel_format).bits < 16 else 0.2) + 1 / difference.size


def test_the_number_of_threads_changes_no_code() -> None:
    frame, found = coded("yuv420p", (96, 200)), []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(planes(DirectGrade("yuv420p", HD)(frame, look().table, "tetrahedral")))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
def test_pictures_stored_from_the_bottom_up_are_graded_alike(pixel_format: str) -> None:
    frame = coded(pixel_format, (64, 48))
    upwards = replace(frame, picture=turned_over(frame.picture))
    assert upwards.picture.planes[0].line_size < 0
    flipped = planes(upwards)
    for got, want in zip(flipped, planes(frame), strict=True):
        np.testing.assert_array_equal(got, want[::-1])
    again = frame_of(pixel_format, [np.ascontiguousarray(part) for part in flipped])
    grade = DirectGrade(pixel_format, HD)
    for got, want in zip(
        planes(grade(upwards, look().table, "tetrahedral")),
        planes(grade(replace(frame, picture=again), look().table, "tetrahedral")),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)


def turned_over(picture: av.VideoFrame) -> av.VideoFrame:
    """Upside down, by a line size below zero: no sample is moved."""
    graph = av.filter.Graph()
    size, name = {"width": picture.width, "height": picture.height}, picture.format.name
    source = graph.add_buffer(**size, format=name, time_base=Fraction(1, 24))
    graph.link_nodes(source, graph.add("vflip"), graph.add("buffersink")).configure()
    graph.push(picture)
    turned = graph.pull()
    assert isinstance(turned, av.VideoFrame)
    return turned


def test_depths_may_differ() -> None:
    frame = coded("yuv420p", (64, 48))
    deep = DirectGrade("yuv420p10le", HD)(frame, Lut.identity(17).table, "tetrahedral")
    np.testing.assert_array_equal(planes(deep)[0], 4 * planes(frame)[0])


@pytest.mark.parametrize(
    ("source", "is_direct"),
    [
        ({"pixel_format": "yuv420p"}, True),
        ({"pixel_format": "yuv422p10le", "codec": "ffv1"}, True),
        ({"pixel_format": "yuv420p", "rotation": 90}, False),  # turned upright on the way
        ({"pixel_format": "yuva420p", "codec": "ffv1"}, False),
        ({"pixel_format": "gbrp10le", "codec": "ffv1"}, False),
    ],
)
def test_which_files_go_the_short_way(tmp_path: Path, source: dict[str, object], is_direct: bool) -> None:
    suffix = ".mp4" if "codec" not in source else ".mkv"
    clip = make_clip(tmp_path / f"clip{suffix}", count=2, **source)  # type: ignore[arg-type]
    with open_video(clip) as reader, open_writer(tmp_path / f"out{suffix}", like=reader) as writer:
        assert (direct_grade(reader, writer) is not None) == is_direct
        for frame in reader:
            writer.write(frame)


def test_a_shrunk_clip_does_not(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", count=2)
    with open_video(clip, max_side=32) as reader, open_writer(tmp_path / "out.mp4", like=reader) as writer:
        assert direct_grade(reader, writer) is None
        for frame in reader:
            writer.write(frame)


def jpegs(path: Path, modes: Sequence[tuple[str, int]]) -> Path:
    """A video of JPEG pictures, each of a mode of Pillow's and a chroma subsampling of its own."""
    clip = make_clip(path.with_name("template.mov"), codec="mjpeg", pixel_format="yuvj420p", count=1, full=True)
    rng = np.random.default_rng(0)
    with av.open(str(clip)) as template, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(template.streams.video[0])
        for index, (mode, subsampling) in enumerate(modes):
            coarse = Image.fromarray(rng.integers(60, 200, (4, 4, 3), np.uint8)).convert(mode)
            coarse.resize((64, 48), Image.Resampling.BICUBIC).save(
                data := io.BytesIO(), "JPEG", quality=98, subsampling=subsampling
            )
            packet = av.Packet(data.getvalue())
            packet.stream, packet.time_base, packet.duration = stream, Fraction(1, 25), 1
            packet.pts = packet.dts = index
            output.mux(packet)
    return path


@pytest.mark.parametrize("modes", [[("RGB", 2), ("RGB", 1), ("L", 0), ("RGB", 2)], [("RGB", 0), ("L", 0)]])
def test_pictures_of_another_pixel_format_go_through_rgb(tmp_path: Path, modes: list[tuple[str, int]]) -> None:
    clip = jpegs(tmp_path / "clip.mov", modes)
    graded = apply_to_file(clip, look(), tmp_path / "out.mov")
    with open_video(clip) as reader, open_video(graded) as written:
        shown = list(zip(reader, written, strict=True))
    assert len(shown) == len(packets(clip, "video")) == len(modes)
    for before, after in shown:
        expected = look()(before.image, interpolation="tetrahedral").clamp(0, 1)
        assert (after.image - expected).abs().mean() < 2 / 255


@pytest.mark.parametrize(("size", "interpolation", "says"), [(5, "cubic", "not 'cubic'"), (130, "trilinear", "129")])
def test_what_the_operator_refuses_is_refused(size: int, interpolation: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        DirectGrade("yuv420p", HD)(coded("yuv420p", (8, 8)), Lut.identity(size).table, interpolation)


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Longer(ctypes.Structure):
        _fields_ = (("more", planes_module._PlanesJob), ("field", ctypes.c_int32))

    monkeypatch.setattr(planes_module, "_PlanesJob", Longer)
    assert not PlanesLut.available()
