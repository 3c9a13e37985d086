"""Decoding less for a frame every so often, and getting the same frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from lutgrade.errors import InputError
from lutgrade.video import open_video
from lutgrade.video.skipping import Skipper
from video.video_clips import make_clip

B_FRAMES = {"bf": "3", "g": "20", "x264-params": "b-adapt=0:b-pyramid=normal"}
STAMPS = [0, 1, 2, 3, 5, 8, 9, 10, 11, 14, 15, 16, 17, 18, 19, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half of its frames are referred to by none."""
    return make_clip(tmp_path_factory.mktemp("skip") / "clip.mp4", count=130, options=B_FRAMES)


@pytest.mark.parametrize("every", [0.0, 0.04, 0.1, 0.35, 1.0, 60.0])
def test_the_frames_are_those_of_all_that_are_due(clip: Path, every: float) -> None:
    due, expected = float("-inf"), []
    with open_video(clip) as reader:
        for frame in reader:
            if frame.time >= due:
                due = max(due, frame.time) + every
                expected.append(frame)
    with open_video(clip, every=every) as reader:
        found = list(reader)
    assert [(f.index, f.pts, f.duration) for f in found] == [(f.index, f.pts, f.duration) for f in expected]
    for got, want in zip(found, expected, strict=True):
        torch.testing.assert_close(got.image, want.image, rtol=0, atol=0)


def test_uneven_times(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", pts=STAMPS, time_base=Fraction(1, 25), options=B_FRAMES)
    with open_video(clip, every=0.19) as reader:
        assert [frame.index for frame in reader] == [0, 4, 7, 10, 15, 20, 24]


def needed(clip: Path, every: float) -> tuple[int, int]:
    """The packets that are decoded, and those that there are."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        skipper = Skipper.of(stream, every)
        assert skipper is not None
        return sum(packet.size > 0 for packet in skipper.needed(container.demux(stream))), stream.frames


def test_nothing_is_decoded_after_the_last(clip: Path) -> None:
    decoded, total = needed(clip, 60.0)
    assert total == 130
    assert decoded <= total - 64 + 1


def test_of_independent_pictures_only_the_wanted(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov", codec="prores_ks", pixel_format="yuv422p10le", count=60)
    assert needed(clip, 1.0) == (3, 60)


def test_others_are_decoded_whole(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.webm", codec="libvpx", count=30, options={"auto-alt-ref": "1"})
    with av.open(str(clip)) as container:
        assert Skipper.of(container.streams.video[0], 1.0) is None


def test_a_clip_cut_short_is_still_found(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    with pytest.raises(InputError, match=r"cut short|cannot|header"), open_video(cut, every=1.0) as reader:
        list(reader)


@pytest.mark.parametrize(("layers", "skips"), [(1, True), (3, False), (0, False)])
def test_h265_with_layers_in_time_is_decoded_whole(tmp_path: Path, layers: int, skips: bool) -> None:
    path = make_clip(tmp_path / "clip.mp4", codec="libx265", count=8, options={"x265-params": "log-level=none"})
    content = bytearray(path.read_bytes())
    count = content.index(b"hvcC") + 4 + 21  # the byte of its record that has the number of layers
    content[count] = content[count] & ~(7 << 3) | layers << 3
    path.write_bytes(content)
    with av.open(str(path)) as container:
        assert (Skipper.of(container.streams.video[0], 1.0) is not None) == skips
