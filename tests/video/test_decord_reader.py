"""The decord backend gives the frames of the default one, at 8 bits."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lutgrade.errors import InputError
from lutgrade.video import open_video
from lutgrade.video.decord_reader import DecordReader
from lutgrade.video.stills import write_still
from video.video_clips import make_clip

pytest.importorskip("cv2")  # first: see lutgrade.video.decord_reader
pytest.importorskip("decord")


def both(path: Path, **options: object) -> tuple[list, list]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(open_video(path, **options)), list(open_video(path, backend="decord", **options))


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
def test_frames_are_those_of_the_default_reader(tmp_path: Path, matrix: str, full: bool) -> None:
    path = make_clip(tmp_path / "a.mp4", pixel_format="yuv444p", matrix=matrix, full=full, count=30)
    expected, got = both(path)
    assert [(f.index, f.pts) for f in got] == [(f.index, f.pts) for f in expected]
    for one, two in zip(expected, got, strict=True):
        torch.testing.assert_close(two.image, one.image, rtol=0, atol=3 / 255)


@pytest.mark.parametrize(("size", "options"), [((1280, 720), {}), ((64, 48), {"matrix": "bt709"})])
def test_an_untagged_file_gets_the_matrix_that_is_assumed(
    tmp_path: Path, size: tuple[int, int], options: dict[str, str]
) -> None:
    path = make_clip(tmp_path / "a.mp4", pixel_format="yuv444p", matrix=None, size=size, count=1)
    expected, got = both(path, **options)
    assert (got[0].image - expected[0].image).abs().mean() < 0.5 / 255


def test_open_gop_frames_are_right_going_forward(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "a.mp4", codec="libx265", count=48, options={"x265-params": "log-level=error:open-gop=1:keyint=12"}
    )
    expected, _ = both(path)
    reader = open_video(path, backend="decord")
    assert isinstance(reader, DecordReader)
    picked = [0, 11, 12, 13, 30, 47]
    images = reader.frames_at(picked)
    assert images.shape == (6, 3, 48, 64)
    for index, image in zip(picked, images, strict=True):
        assert (image - expected[index].image).abs().mean() < 0.02
    with pytest.raises(InputError, match="must rise from 0 to 47"):
        reader.frames_at([3, 2])
    with pytest.raises(InputError, match="must rise from 0 to 47"):
        reader.frames_at([48])


def test_variable_rate_key_frames_and_size(tmp_path: Path) -> None:
    stamps = [0, 3000, 3500, 9000, 40000, 90000, 130000]
    path = make_clip(tmp_path / "a.mp4", pts=stamps, time_base=Fraction(1, 90000))
    expected, got = both(path, every=0.4, max_side=32)
    assert [(f.index, f.pts) for f in got] == [(f.index, f.pts) for f in expected]
    assert got[0].image.shape == (3, 24, 32)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_pictures_come_upright(tmp_path: Path, degrees: int) -> None:
    path = make_clip(tmp_path / "a.mp4", size=(64, 32), rotation=degrees, count=2)
    expected, got = both(path)
    assert (got[0].image - expected[0].image).abs().mean() < 0.02
    small, small_got = both(path, max_side=32)
    assert (small_got[0].image - small[0].image).abs().mean() < 0.05


def test_a_mirrored_file_is_refused(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", mirrored=True)
    with pytest.raises(InputError, match="stored mirrored"):
        open_video(path, backend="decord")


def test_bad_files_are_refused_before_decord_sees_them(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("this is no video\n" * 50)
    with pytest.raises(InputError, match="not a video"):
        open_video(tmp_path / "a.mp4", backend="decord")
    path = make_clip(tmp_path / "b.mp4", count=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError):
        open_video(path, backend="decord")
    with pytest.raises(InputError, match="range from the file"):
        open_video(make_clip(tmp_path / "c.mp4"), backend="decord", range="full")
    with pytest.raises(InputError, match="backend must be"):
        open_video(tmp_path / "c.mp4", backend="opencv")  # type: ignore[arg-type]


def test_without_decord_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(InputError, match="needs the package decord"):
        open_video(make_clip(tmp_path / "a.mp4"), backend="decord")


def test_sixteen_bit_stills_are_still_read_in_a_process_that_starts_with_decord(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", count=1)
    write_still(torch.rand(3, 4, 4), tmp_path / "a.png", bits=16)
    code = (
        "import sys\n"
        "from lutgrade.video import open_video\n"
        "for path, backend in zip(sys.argv[1:], ('decord', 'av')):\n"
        "    assert len(list(open_video(path, backend=backend))) == 1\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(tmp_path / "a.png")], check=True)


def test_opened_before_a_fork_it_reads_after_it(tmp_path: Path) -> None:
    reader = open_video(make_clip(tmp_path / "a.mp4"), backend="decord")
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=lambda: results.put(len(list(reader))))
    child.start()
    assert results.get(timeout=60) == 8
    child.join(timeout=10)
    assert child.exitcode == 0


def test_skipping_before_the_first_frame_lands_where_it_should(data_dir: Path) -> None:
    path = data_dir / "clips" / "cockatoo.mp4"
    reader = open_video(path, backend="decord")
    assert isinstance(reader, DecordReader)
    torch.testing.assert_close(reader.frames_at([100]), reader.frames_at([0, 100])[1:], rtol=0, atol=0)
