"""Clips as training pictures: the right frames, of videos by either backend and of folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clips import write_clip
from lutgrade.data.manifest import Entry, build, write_manifest
from lutgrade.data.videos import ClipFolder
from lutgrade.errors import InputError

FRAMES = 40


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A folder with a video whose frame t is a grey of 20 + 5 t."""
    levels = [np.full((48, 64, 3), 20 + 5 * t, np.uint8) for t in range(FRAMES)]
    write_clip(tmp_path / "clip.mp4", levels, options={"crf": "1", "g": "12"})
    return tmp_path


@pytest.mark.parametrize("backend", ["av", "decord"])
def test_positions_are_fractions_of_a_video(video: Path, backend: str) -> None:
    if backend == "decord":
        pytest.importorskip("decord")
    clips = ClipFolder(video, backend=backend)
    pictures = clips.read(0, [0.9, 0.0, 0.5, 0.5])
    count = int(FRAMES * 0.95)
    assert [p.shape for p in pictures] == [(48, 64, 3)] * 4
    levels = [(float(p.mean()) - 20) / 5 for p in pictures]
    assert levels == pytest.approx([int(0.9 * count), 0, int(0.5 * count), int(0.5 * count)], abs=0.4)


def test_both_backends_see_the_same_frames(data_dir: Path) -> None:
    pytest.importorskip("decord")
    folders = [ClipFolder(data_dir / "clips", backend=backend, longest=150) for backend in ("av", "decord")]
    for index, path in enumerate(folders[0].paths):
        one, two = (folder.read(index, [0.9])[0].astype(int) for folder in folders)
        assert np.abs(one - two).mean() < 2, path.name


def test_a_video_is_read_no_further_than_longest_and_shrunk(video: Path) -> None:
    clips = ClipFolder(video, longest=10, short_side=24)
    (picture,) = clips.read(0, [0.99])
    assert picture.shape == (24, 32, 3)
    assert (float(picture.mean()) - 20) / 5 == pytest.approx(9, abs=0.4)


def test_a_folder_of_frames_is_a_clip_in_natural_order(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for t in range(12):
        Image.new("RGB", (30, 20), (t * 10, 0, 0)).save(tmp_path / "a" / f"{t}.png")
    (tmp_path / "b").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "b" / "alone.png")
    clips = ClipFolder(tmp_path)
    assert [path.name for path in clips.paths] == ["a"]
    assert [int(p.max()) for p in clips.read(0, [0.0, 0.999, 0.5])] == [0, 110, 60]


def test_frames_of_a_manifest_are_in_natural_order(tmp_path: Path) -> None:
    (tmp_path / "root" / "a").mkdir(parents=True)
    for t in range(12):
        Image.new("RGB", (30, 20), (t * 10, 0, 0)).save(tmp_path / "root" / "a" / f"{t}.png")
    entries = [Entry(f"a/{t}.png", "train", "image", "a") for t in range(12)]
    write_manifest(tmp_path / "manifest.jsonl", build(tmp_path / "root", entries)[0])
    clips = ClipFolder(tmp_path / "manifest.jsonl", split="train")
    assert [int(p.max()) for p in clips.read(0, [0.0, 0.2, 0.999])] == [0, 20, 110]


def test_a_broken_video_is_an_error_when_it_is_read(video: Path) -> None:
    whole = (video / "clip.mp4").read_bytes()
    (video / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    clips = ClipFolder(video)
    assert len(clips.read(0, [0.5])) == 1
    with pytest.raises(InputError, match=r"cut\.mp4"):
        clips.read(1, [0.5])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        ClipFolder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no videos and no folders"):
        ClipFolder(tmp_path)
    with pytest.raises(InputError, match="backend"):
        ClipFolder(tmp_path, backend="opencv")
