"""What is assumed of files that do not say it, and when their pictures begin."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lutgrade.video import open_video, open_writer
from lutgrade.video.timeline import count_frames
from video.video_clips import make_clip


def grey_codes(path: Path, codec: str, pixel_format: str) -> Path:
    """A clip whose codes go from black to white of full range, without a tag of the range."""

    def ramp(_: int, width: int, height: int) -> np.ndarray:
        return np.broadcast_to(np.linspace(0, 1, width), (3, height, width))

    return make_clip(
        path, codec=codec, pixel_format=pixel_format, matrix=None, full=True, size=(256, 16), count=2, picture=ramp
    )


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_untagged_grey_is_of_full_range(tmp_path: Path, pixel_format: str) -> None:
    reader = open_video(grey_codes(tmp_path / "a.nut", "rawvideo", pixel_format))
    assert (reader.info.range_code, reader.info.full_range) == (0, True)
    row = next(iter(reader)).image[0, 0].numpy()
    assert np.abs(row - np.linspace(0, 1, 256)).max() < 1.01 / 255
    assert not open_video(reader.info.path, range="limited").info.full_range


def test_untagged_grey_of_hevc_is_limited_by_its_standard(tmp_path: Path) -> None:
    options = {"x265-params": "log-level=error"}
    clip = make_clip(tmp_path / "a.mkv", codec="libx265", pixel_format="gray", matrix=None, count=2, options=options)
    assert open_video(clip).info.pixel_format == "gray"
    assert not open_video(clip).info.full_range


@pytest.mark.parametrize(("primaries", "matrix"), [(9, "bt2020"), (2, "bt601")])
def test_an_untagged_matrix_is_that_of_the_primaries(tmp_path: Path, primaries: int, matrix: str) -> None:
    clip = tmp_path / "a.mkv"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=64, height=48)
        stream.pix_fmt, stream.codec_context.color_primaries = "yuv420p10le", primaries
        frame = av.VideoFrame(64, 48, "yuv420p10le")
        frame.color_primaries = primaries
        output.mux([*stream.encode(frame), *stream.encode(None)])
    assumed = matrix.upper().replace("BT", "BT.")
    with pytest.warns(UserWarning, match=assumed):
        reader = open_video(clip)
    assert (reader.info.matrix, reader.info.matrix_code) == (matrix, 2)
    with open_writer(tmp_path / "b.mkv", like=reader) as writer:
        for picture in reader:
            writer.write(picture)
    with pytest.warns(UserWarning, match=assumed):
        info = open_video(tmp_path / "b.mkv").info
    assert (info.matrix, info.matrix_code, info.primaries) == (matrix, 2, primaries)


def test_the_first_picture_is_where_the_decoder_has_one(tmp_path: Path) -> None:
    """A capture that begins between key frames: what comes before the first of them cannot be decoded."""
    whole = make_clip(tmp_path / "a.ts", count=50, options={"g": "20", "keyint_min": "20", "sc_threshold": "0"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.ts"
    packets = len(data) // 188
    cut.write_bytes(data[packets // 3 * 188 :])
    info = open_video(cut).info
    frames = list(open_video(cut))
    assert info.start - info.origin > Fraction(1, 25)
    assert float(info.start) == frames[0].time
    assert count_frames(info, Fraction(25)) == len(frames)
