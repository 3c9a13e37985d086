"""Cuts are found where they are, and nowhere else."""

from __future__ import annotations

from itertools import chain, pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.video.reader import open_video
from lutgrade.video.shots import Shot, ShotDetector, detect_shots


def scene(seed: int, frames: int, *, motion: float = 0.5) -> list[Tensor]:
    """A window that slides over a random picture, with a little noise: `frames` of `[3, 54, 96]`."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 7, 10, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, (120, 240), mode="bicubic").clamp(0, 1)[0]
    shown = []
    for index in range(frames):
        x, y = int(min(index * motion, 140)), int(min(index * motion / 2, 60))
        window = picture[:, y : y + 54, x : x + 96]
        shown.append((window + 0.01 * torch.randn(window.shape, generator=generator)).clamp(0, 1))
    return shown


pytestmark = pytest.mark.filterwarnings("ignore:.*says no colour matrix")


def starts(frames: list[Tensor], frame_rate: float = 25.0) -> list[int]:
    return [shot.start for shot in detect_shots(frames, frame_rate)]


def clip(path: Path, start: int, count: int) -> list[Tensor]:
    """Frames of a real clip, fitted to 96x54."""
    frames = []
    with open_video(path, max_side=192) as reader:
        for frame in reader:
            if frame.index >= start:
                frames.append(torch.nn.functional.interpolate(frame.image[None], (54, 96), mode="area")[0])
            if len(frames) == count:
                break
    return frames


def test_hard_cuts_are_found_exactly() -> None:
    frames = scene(0, 30) + scene(1, 21) + scene(2, 40)
    assert detect_shots(frames, 25.0) == [Shot(0, 30), Shot(30, 51), Shot(51, 91)]


def test_joined_pieces_of_real_clips(data_dir: Path) -> None:
    clips = data_dir / "clips"
    pieces = [
        clip(clips / "bedroom.mp4", 20, 40),
        clip(clips / "cockatoo.mp4", 100, 35),
        clip(clips / "video1.mp4", 60, 30),
        clip(clips / "realshort.mp4", 0, 36),
    ]
    assert starts(list(chain(*pieces))) == [0, 40, 75, 105]


@pytest.mark.parametrize(("name", "frames"), [("bedroom", 200), ("cockatoo", 280), ("realshort", 36), ("video1", 480)])
def test_clips_of_one_shot(data_dir: Path, name: str, frames: int) -> None:
    """None of these clips cuts, as looking at them shows: video1 pans fast at frames 12 to 26 and is then still.

    Its codec refreshes the dark picture at frame 250, which must not pass for a cut.
    """
    with open_video(data_dir / "clips" / f"{name}.mp4", max_side=256) as reader:
        shots = detect_shots((frame.image for frame in reader), float(reader.info.frame_rate))
    assert shots == [Shot(0, frames)]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    frames = scene(3, 60)
    for index in range(30, 30 + length):
        frames[index] = 0.3 * frames[index] + 0.7
    assert starts(frames) == [0]


@pytest.mark.parametrize("length", [1, 3])
def test_a_gap_of_black_is_no_cut(length: int) -> None:
    frames = scene(3, 60)
    frames[30 : 30 + length] = [torch.zeros(3, 54, 96)] * length
    assert starts(frames) == [0]


def test_a_cut_just_after_a_flash_is_found() -> None:
    frames = scene(3, 40) + scene(4, 40)
    frames[30] = 0.3 * frames[30] + 0.7
    assert starts(frames) == [0, 40]


def test_a_fast_pan_is_no_cut() -> None:
    assert starts(scene(5, 60, motion=4.0)) == [0]


def test_a_fade_through_black_parts_two_shots() -> None:
    first, second = scene(6, 40), scene(7, 40)
    for index in range(20):
        first[20 + index] = first[20 + index] * (1 - index / 19)
        second[index] = second[index] * (index / 19)
    black = [torch.zeros(3, 54, 96)] * 10
    found = starts(first + black + second)
    assert len(found) == 2
    assert 50 <= found[1] <= 53  # where the second scene has risen from black


def test_black_leader_belongs_to_the_first_shot() -> None:
    rising = [frame * min(1, index / 15) for index, frame in enumerate(scene(8, 40))]
    assert starts([torch.zeros(3, 54, 96)] * 20 + rising) == [0]


def test_black_and_very_short_clips_are_one_shot() -> None:
    assert detect_shots([torch.zeros(3, 20, 30)] * 40, 25.0) == [Shot(0, 40)]
    for count in range(1, 8):
        assert detect_shots(scene(9, count), 25.0) == [Shot(0, count)]
    assert detect_shots([torch.rand(3, 1, 1)], 25.0) == [Shot(0, 1)]
    assert detect_shots([], 25.0) == []


def test_shots_have_a_least_length() -> None:
    frames = scene(10, 30) + scene(11, 4) + scene(12, 30)
    assert starts(frames) == [0, 30]
    assert [s.start for s in detect_shots(frames, 25.0, min_seconds=0.1)] == [0, 30, 34]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.sampled_from([10.0, 24000 / 1001, 60.0]))
def test_shots_tile_the_clip_and_come_within_the_delay(lengths: list[int], frame_rate: float) -> None:
    frames = list(chain(*(scene(seed, length) for seed, length in enumerate(lengths))))
    detector = ShotDetector(frame_rate)
    shots = []
    for index, frame in enumerate(frames):
        new = detector.push(frame)
        assert all(index - detector.delay <= shot.stop <= index for shot in new)
        shots += new
    shots += detector.finish()
    assert shots[0].start == 0
    assert shots[-1].stop == len(frames)
    assert all(a.stop == b.start for a, b in pairwise(shots))
    assert all(shot.stop - shot.start >= round(0.3 * frame_rate) for shot in shots[:-1])


@pytest.mark.parametrize("frame_rate", [0.0, -25.0, float("nan"), float("inf")])
def test_frame_rate_must_be_positive(frame_rate: float) -> None:
    with pytest.raises(InputError, match="frame rate"):
        ShotDetector(frame_rate)
