"""Clips on one clock and canvas."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.video import Frame, open_video
from lutgrade.video.timeline import Placement, Timeline, at_rate, count_frames, fit
from video.video_clips import make_clip

MILLISECONDS = Fraction(1, 1000)


def picked(times: Sequence[int], time_base: Fraction, rate: Fraction | int, count: int) -> list[int]:
    """The indices of the frames at a rate, of frames at times in units of a time base."""
    frames = [Frame(torch.empty(0), pts, index, float(pts * time_base)) for index, pts in enumerate(times)]
    return [frame.index for frame in at_rate(frames, time_base, Fraction(rate), count)]


def test_frames_of_the_same_rate_pass() -> None:
    times = [3200 + round(i * 1001 / 24) for i in range(100)]
    assert picked(times, MILLISECONDS, Fraction(24000, 1001), 100) == list(range(100))


def test_other_rates_repeat_or_drop() -> None:
    assert picked([0, 100, 200], MILLISECONDS, 20, 6) == [0, 0, 1, 1, 2, 2]


def test_times_half_way_between_ticks_go_to_the_later_one_at_any_time() -> None:
    assert picked(range(1000), Fraction(1, 50), 25, 500) == list(range(0, 1000, 2))


def test_a_gap_holds_the_frame_before_it() -> None:
    assert picked([0, 40, 200], MILLISECONDS, 25, 7) == [0, 1, 1, 1, 1, 2, 2]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20, unique=True), st.integers(1, 60))
def test_the_count_is_kept_whatever_the_times(milliseconds: list[int], count: int) -> None:
    indices = picked(sorted(milliseconds), MILLISECONDS, 30, count)
    assert len(indices) == count
    assert indices == sorted(indices)


@pytest.mark.parametrize(("rate", "count", "other", "expected"), [(25, 10, 25, 10), (25, 10, 50, 20), (30, 9, 25, 8)])
def test_frames_are_counted_without_decoding(tmp_path: Path, rate: int, count: int, other: int, expected: int) -> None:
    clip = make_clip(tmp_path / "a.mp4", rate=rate, count=count)
    assert count_frames(open_video(clip).info, Fraction(other)) == expected


def test_b_frames_and_late_starts_are_counted(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", count=20, pts=range(50, 70), options={"bf": "3"})
    assert count_frames(open_video(clip).info, Fraction(25)) == 20


def test_clips_overlap_by_the_fade() -> None:
    timeline = Timeline((12, 20, 9), 4, Fraction(25))
    assert timeline.starts == [0, 8, 24]
    assert timeline.ends == [12, 28, 33]
    paths = [Path(name) for name in "abc"]
    timeline.check(paths)
    Timeline((11, 11), 5, Fraction(25)).check(paths[:2])
    with pytest.raises(InputError, match=r"b: 0.80 s are too short for cross-fades of 0.44 s; 0.40 s fit"):
        Timeline((12, 20, 12), 11, Fraction(25)).check(paths)


@pytest.mark.parametrize(
    ("picture", "aspect", "expected"),
    [
        ((320, 240), Fraction(1), Placement(320, 240, 0, 0)),
        ((640, 480), Fraction(1), Placement(320, 240, 0, 0)),
        ((640, 360), Fraction(1), Placement(320, 180, 0, 30)),
        ((100, 200), Fraction(1), Placement(120, 240, 100, 0)),
        ((160, 240), Fraction(2), Placement(320, 240, 0, 0)),
    ],
)
def test_pictures_are_placed_in_the_middle(picture: tuple[int, int], aspect: Fraction, expected: Placement) -> None:
    assert Placement.within(picture, (320, 240), aspect) == expected
    image = torch.ones(3, picture[1], picture[0])
    fitted = fit(image, (320, 240), aspect)
    assert fitted.shape == (3, 240, 320)
    inside = fitted[:, expected.top : expected.top + expected.height, expected.left : expected.left + expected.width]
    torch.testing.assert_close(inside, torch.ones_like(inside))
    assert fitted.sum() == pytest.approx(float(inside.sum()))


@given(st.integers(1, 300), st.integers(1, 300), st.fractions(Fraction(1, 3), Fraction(3)))
def test_every_picture_fits(width: int, height: int, aspect: Fraction) -> None:
    place = Placement.within((width, height), (128, 96), aspect)
    assert 1 <= place.width <= 128
    assert 1 <= place.height <= 96
    assert place.width == 128 or place.height == 96


def test_a_picture_of_the_right_size_is_untouched() -> None:
    image: Tensor = torch.rand(3, 24, 32)
    assert fit(image, (32, 24), Fraction(1)) is image
