"""What a written stream says of its pictures, and what is said where it cannot."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import av
import pytest

from lutgrade.applying import apply_to_file
from lutgrade.lut import Lut
from lutgrade.video import open_video


def anamorphic(path: Path) -> Path:
    """Two pictures whose pixels are 4:3, in a file that says so."""
    with av.open(str(path), "w") as output:
        prores = path.suffix == ".mov"
        stream = output.add_stream("prores_ks" if prores else "libx264", rate=25, width=64, height=48)
        stream.pix_fmt = "yuv422p10le" if prores else "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        for index in range(2):
            frame = av.VideoFrame(64, 48, stream.pix_fmt)
            frame.pts, frame.time_base, frame.colorspace, frame.color_range = index, Fraction(1, 25), 1, 1
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_shape_of_pixels_is_kept(tmp_path: Path, name: str) -> None:
    output = tmp_path / f"out{Path(name).suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apply_to_file(anamorphic(tmp_path / name), Lut.identity(9), output)
    assert open_video(output).info.sample_aspect_ratio == Fraction(4, 3)


def test_it_is_said_where_the_file_cannot_hold_it(tmp_path: Path) -> None:
    clip = anamorphic(tmp_path / "a.mov")
    assert open_video(clip).info.sample_aspect_ratio == Fraction(4, 3)
    with pytest.warns(UserWarning, match=r"a.mov: the shape of its pixels, 4:3, is left out: prores_ks"):
        apply_to_file(clip, Lut.identity(9), tmp_path / "out.mkv")
